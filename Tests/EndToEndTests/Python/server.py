"""A small MCP server over streamable HTTP, on the official SDK of either era.

Prints one line of JSON on stdout when it listens: {"port": 12345, "sdk": "2.3.0"}.
GET /_received tells what arrived: one object a request, with method, path, query, header fields in their order and body.
POST /_reset forgets it. Ends on SIGTERM, and when stdin closes: the death of the test is the death of the server.
"""

import asyncio
import importlib.metadata
import json
import os
import socket
import sys
import threading

import anyio
import uvicorn

SDK = importlib.metadata.version("mcp")

if SDK.startswith("1."):
    from mcp.server.fastmcp import Context, FastMCP

    def make(name):
        # Any Host: what reaches it comes through a gateway.
        from mcp.server.transport_security import TransportSecuritySettings

        open_hosts = TransportSecuritySettings(enable_dns_rebinding_protection=False)
        server = FastMCP(name, transport_security=open_hosts)
        return server, server.streamable_http_app

    def headers_of(context):
        return context.request_context.request.headers.items()
else:
    from mcp.server.mcpserver import Context, MCPServer
    from mcp.server.transport_security import TransportSecuritySettings

    def make(name):
        server = MCPServer(name)
        open_hosts = TransportSecuritySettings(enable_dns_rebinding_protection=False)
        return server, lambda: server.streamable_http_app(transport_security=open_hosts)

    def headers_of(context):
        return (context.headers or {}).items()


mcp, make_app = make("gatehouse-test")


@mcp.tool()
def echo(text: str) -> str:
    """Answers with its text."""
    return text


@mcp.tool()
def whoami(ctx: Context) -> str:
    """Answers with the header fields that the server received, as JSON."""
    return json.dumps({name.lower(): value for name, value in headers_of(ctx)})


@mcp.tool()
async def slow(steps: int, ctx: Context, pause: float = 0.02) -> str:
    """Reports its progress after each step."""
    for step in range(1, steps + 1):
        await anyio.sleep(pause)
        await ctx.report_progress(step, steps, f"step {step}")
    return f"{steps} steps"


@mcp.tool()
def failing() -> str:
    """Always fails."""
    raise ValueError("this tool always fails")


@mcp.tool()
def delete_everything() -> str:
    """Must not be reached by callers whom the policy denies it."""
    return "deleted"


@mcp.resource("memo://one")
def memo() -> str:
    """One memo."""
    return "the memo"


@mcp.prompt()
def greeting(name: str) -> str:
    """Greets."""
    return f"Greet {name}."


class Recorder:
    """Keeps every request before the SDK sees it, and answers the two paths of the test."""

    limit = 10_000

    def __init__(self, app):
        self.app = app
        self.requests = []

    async def __call__(self, scope, receive, send):
        if scope["type"] != "http":
            return await self.app(scope, receive, send)
        if scope["path"] in ("/_received", "/_reset"):
            if scope["path"] == "/_reset":
                self.requests.clear()
            body = json.dumps(self.requests).encode()
            await send({"type": "http.response.start", "status": 200, "headers": [(b"content-type", b"application/json")]})
            return await send({"type": "http.response.body", "body": body})
        record = {
            "method": scope["method"],
            "path": scope["path"],
            "query": scope["query_string"].decode("latin-1"),
            "headers": [[name.decode("latin-1"), value.decode("latin-1")] for name, value in scope["headers"]],
            "body": "",
            "disconnected": False,
        }
        if len(self.requests) < self.limit:
            self.requests.append(record)

        async def recording():
            message = await receive()
            if message["type"] == "http.request":
                record["body"] += message.get("body", b"").decode("utf-8", "replace")
            elif message["type"] == "http.disconnect":
                record["disconnected"] = True
            return message

        await self.app(scope, recording, send)


async def main():
    listener = socket.socket()
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    listener.bind(("127.0.0.1", 0))
    config = uvicorn.Config(Recorder(make_app()), log_level="error", lifespan="on", timeout_graceful_shutdown=1)
    server = uvicorn.Server(config)

    async def announce():
        while not server.started:
            await asyncio.sleep(0.01)
        print(json.dumps({"port": listener.getsockname()[1], "sdk": SDK}), flush=True)

    def end_with_parent():
        while sys.stdin.buffer.read(4096):
            pass
        os._exit(0)

    threading.Thread(target=end_with_parent, daemon=True).start()
    announcing = asyncio.create_task(announce())
    await server.serve(sockets=[listener])
    await announcing


if __name__ == "__main__":
    asyncio.run(main())
