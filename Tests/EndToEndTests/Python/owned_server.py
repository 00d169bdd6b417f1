"""A stateless MCP server whose callers are told things that only they should come back with, over streamable HTTP.

    owned_server.py tasks       tasks of 2025-11-25, on the SDK of that era
    owned_server.py state       a call that asks before it goes on (2026-07-28), on the SDK of that era
    owned_server.py extension   tasks of the tasks extension, on fastmcp

Prints one line of JSON on stdout when it listens: {"port": 12345}. Ends on SIGTERM, and when stdin closes.
"""

import asyncio
import sys

from serving import application, asks, serve


SECRET = "the secret of the day"


def tasks():
    from mcp.server.lowlevel import Server
    from mcp.types import CallToolResult, TextContent, Tool, ToolExecution

    server = Server("tasks")
    server.experimental.enable_tasks()

    @server.list_tools()
    async def list_tools():
        execution = ToolExecution(taskSupport="required")
        return [Tool(name="secret", inputSchema={"type": "object"}, execution=execution)]

    @server.call_tool()
    async def call_tool(name, arguments):
        context = server.request_context.experimental
        context.validate_task_mode("required")

        async def work(task):
            return CallToolResult(content=[TextContent(type="text", text=SECRET)])

        return await context.run_task(work)

    return application(server, stateless=True)


def state():
    from mcp.server.mcpserver import Context, MCPServer
    from mcp.server.request_state import RequestStateSecurity  # noqa: F401: says what the state is sealed with
    from mcp.server.transport_security import TransportSecuritySettings
    from mcp_types import InputRequiredResult

    server = MCPServer("state")

    @server.tool()
    async def secret(context: Context) -> str | InputRequiredResult:
        """Asks whether it may tell."""
        if context.request_state is None:
            return asks("asked")
        return SECRET

    @server.tool()
    async def other(context: Context) -> str | InputRequiredResult:
        """Asks too."""
        if context.request_state is None:
            return asks("asked elsewhere")
        return "another secret"

    security = TransportSecuritySettings(enable_dns_rebinding_protection=False)
    return server.streamable_http_app(transport_security=security, stateless_http=True)


def extension():
    from fastmcp import FastMCP
    from fastmcp_tasks import TasksExtension

    server = FastMCP("extension")
    server.add_extension(TasksExtension())

    @server.tool(task=True)
    async def secret() -> str:
        """Tells, after a while."""
        await asyncio.sleep(0.5)
        return SECRET

    return server.http_app(stateless_http=True, host_origin_protection=False)


if __name__ == "__main__":
    serve({"tasks": tasks, "state": state, "extension": extension}[sys.argv[1]]())
