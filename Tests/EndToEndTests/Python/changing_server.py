"""An MCP server on the official SDK of either era whose tools are what a file says, page by page, at each list anew.

    changing_server.py FILE

FILE is JSON: a list of pages, each a list of {"name": …, "description": …}. Answers are event streams. A call answers with the tool's name.
Prints one line of JSON on stdout when it listens: {"port": 12345}. Ends on SIGTERM, and when stdin closes.
"""

import importlib.metadata
import json
import sys

from serving import application, serve

SDK = importlib.metadata.version("mcp")


def pages():
    with open(sys.argv[1], encoding="utf-8") as file:
        return json.load(file)


def page(cursor):
    number = int(cursor or 0)
    all_pages = pages()
    following = str(number + 1) if number + 1 < len(all_pages) else None
    return all_pages[number], following


SCHEMA = {"type": "object", "properties": {"text": {"type": "string", "maxLength": 100}}}


def old():
    from mcp.server.lowlevel import Server
    from mcp.types import ListToolsRequest, ListToolsResult, TextContent, Tool

    server = Server("changing")

    @server.list_tools()
    async def list_tools(request: ListToolsRequest) -> ListToolsResult:
        tools, following = page(request.params.cursor if request and request.params else None)
        listed = [Tool(name=one["name"], description=one["description"], inputSchema=SCHEMA) for one in tools]
        return ListToolsResult(tools=listed, nextCursor=following)

    @server.call_tool(validate_input=False)
    async def call_tool(name, arguments):
        return [TextContent(type="text", text=name)]

    return application(server)


def new():
    import mcp_types as types
    from mcp.server.lowlevel import Server
    from mcp.server.transport_security import TransportSecuritySettings

    async def list_tools(context, params):
        tools, following = page(params.cursor if params else None)
        listed = [types.Tool(name=one["name"], description=one["description"], input_schema=SCHEMA) for one in tools]
        return types.ListToolsResult(tools=listed, next_cursor=following)

    async def call_tool(context, params):
        return types.CallToolResult(content=[types.TextContent(type="text", text=params.name)])

    server = Server("changing", on_list_tools=list_tools, on_call_tool=call_tool)
    open_hosts = TransportSecuritySettings(enable_dns_rebinding_protection=False)
    return server.streamable_http_app(transport_security=open_hosts)


serve(old() if SDK.startswith("1.") else new())
