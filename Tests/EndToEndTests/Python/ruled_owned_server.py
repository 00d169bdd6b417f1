"""A stateless MCP server whose tool, on whose arguments a gateway has rules, answers later: by a task, or after it has asked something back.

    ruled_owned_server.py tasks       tasks of 2025-11-25, on the SDK of that era
    ruled_owned_server.py state       a call that asks before it goes on (2026-07-28), on the SDK of that era
    ruled_owned_server.py extension   tasks of the tasks extension, on fastmcp

`create_row` answers with its `docId`; the tool `seen` with all that it was ever called with, finished or not.
Prints one line of JSON on stdout when it listens: {"port": 12345}. Ends on SIGTERM, and when stdin closes.
"""

import json
import sys

from serving import application, asks, serve

SEEN = []


def tasks():
    from mcp.server.lowlevel import Server
    from mcp.types import CallToolResult, TextContent, Tool, ToolExecution

    server = Server("tasks")
    server.experimental.enable_tasks()

    @server.list_tools()
    async def list_tools():
        return [
            Tool(name="create_row", inputSchema={"type": "object"}, execution=ToolExecution(taskSupport="optional")),
            Tool(name="seen", inputSchema={"type": "object"}),
        ]

    @server.call_tool()
    async def call_tool(name, arguments):
        if name == "seen":
            return [TextContent(type="text", text=json.dumps(SEEN))]
        SEEN.append(arguments.get("docId"))
        answer = CallToolResult(content=[TextContent(type="text", text=str(arguments.get("docId")))])
        context = server.request_context.experimental
        if not context.is_task:
            return answer

        async def work(task):
            return answer

        return await context.run_task(work)

    return application(server, stateless=True)


def state():
    from mcp.server.mcpserver import Context, MCPServer
    from mcp.server.transport_security import TransportSecuritySettings
    from mcp_types import InputRequiredResult

    server = MCPServer("state")

    @server.tool()
    async def create_row(docId: str, context: Context) -> str | InputRequiredResult:
        """Asks whether it may."""
        SEEN.append(docId)
        if context.request_state is not None:
            return docId
        return asks("asked")

    @server.tool()
    async def seen() -> str:
        return json.dumps(SEEN)

    security = TransportSecuritySettings(enable_dns_rebinding_protection=False)
    return server.streamable_http_app(transport_security=security, stateless_http=True)


def extension():
    from fastmcp import FastMCP
    from fastmcp_tasks import TasksExtension

    server = FastMCP("extension")
    server.add_extension(TasksExtension())

    @server.tool(task=True)
    async def create_row(docId: str) -> str:
        SEEN.append(docId)
        return docId

    @server.tool()
    async def seen() -> str:
        return json.dumps(SEEN)

    return server.http_app(stateless_http=True, host_origin_protection=False)


if __name__ == "__main__":
    serve({"tasks": tasks, "state": state, "extension": extension}[sys.argv[1]]())
