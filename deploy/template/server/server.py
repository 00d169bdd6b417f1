"""An MCP server that takes its token with each request, from the header that Gatehouse injects. It keeps none and reads none from its environment."""

import hashlib
import os

from mcp.server.mcpserver import Context, MCPServer

HEADER = os.environ.get("TOKEN_HEADER", "X-Api-Key")
server = MCPServer("example")


def token(context: Context) -> str:
    """The token of this request. The next one may bring another, after a rotation: so it is never kept."""
    value = (context.headers or {}).get(HEADER.lower())
    if not value:
        raise ValueError(f"the request has no {HEADER}: the route's `inject` sets it")
    return value


@server.tool()
def whoami(context: Context) -> str:
    """Which token the request brought, by its digest. A real tool sends it to the vendor."""
    return "token " + hashlib.sha256(token(context).encode()).hexdigest()[:12]


if __name__ == "__main__":
    # Every address: the network has Gatehouse and this server, and nobody else.
    server.run("streamable-http", host=os.environ.get("HOST", "0.0.0.0"), port=int(os.environ.get("PORT", "8080")))
