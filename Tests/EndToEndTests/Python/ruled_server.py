"""An MCP server with one tool whose arguments a gateway has rules on, on the official SDK of either era.

    ruled_server.py [--transport sse]

The tool answers with the arguments that it was called with. Where the era has it, `docId` is repeated in a header field.
Prints one line of JSON on stdout when it listens: {"port": 12345}. Ends on SIGTERM, and when stdin closes.
"""

import importlib.metadata
import json
import sys
from typing import Annotated

from pydantic import Field

from serving import serve

SDK = importlib.metadata.version("mcp")
IS_SSE = "sse" in sys.argv

if SDK.startswith("1."):
    from mcp.server.fastmcp import FastMCP
    from mcp.server.transport_security import TransportSecuritySettings

    mcp = FastMCP("ruled", transport_security=TransportSecuritySettings(enable_dns_rebinding_protection=False))
    make_app = mcp.sse_app if IS_SSE else mcp.streamable_http_app
else:
    from mcp.server.mcpserver import MCPServer
    from mcp.server.transport_security import TransportSecuritySettings

    mcp = MCPServer("ruled")
    open_hosts = TransportSecuritySettings(enable_dns_rebinding_protection=False)

    def make_app():
        make = mcp.sse_app if IS_SSE else mcp.streamable_http_app
        return make(transport_security=open_hosts)


@mcp.tool()
def create_row(
    docId: Annotated[str, Field(json_schema_extra={"x-mcp-header": "DocId"})],
    limit: float | None = None,
    options: dict | None = None,
    tags: list[str] | None = None,
) -> str:
    """Answers with its arguments."""
    return json.dumps({"docId": docId, "limit": limit, "options": options, "tags": tags}, ensure_ascii=False)


serve(make_app())
