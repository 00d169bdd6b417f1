"""A small MCP server on the official SDK of either era, or on fastmcp; over streamable HTTP, that with resumable streams, or the
legacy HTTP+SSE transport.

Prints one line of JSON on stdout when it listens: {"port": 12345, "sdk": "2.3.0"}.
GET /_received tells what arrived: one object a request, with method, path, query, header fields in their order and body.
POST /_reset forgets it. Ends on SIGTERM, and when stdin closes: the death of the test is the death of the server.
"""

import argparse
import importlib.metadata
import json

import anyio

from serving import serve

SDK = importlib.metadata.version("mcp")

parser = argparse.ArgumentParser()
parser.add_argument("--framework", choices=["sdk", "fastmcp"], default="sdk")
parser.add_argument("--transport", choices=["streamable", "resumable", "sse"], default="streamable")
parser.add_argument("--public-host", help="the only Host that is admitted")
chosen = parser.parse_args()


def open_hosts():
    """Any Host: what reaches the server comes through a gateway. Or one alone, as the SDKs' guard against DNS rebinding has it."""
    from mcp.server.transport_security import TransportSecuritySettings

    if chosen.public_host:
        return TransportSecuritySettings(enable_dns_rebinding_protection=True, allowed_hosts=[chosen.public_host])
    return TransportSecuritySettings(enable_dns_rebinding_protection=False)


def event_store():
    """Keeps every event, for clients that come back with Last-Event-ID. None for a server that cannot resume."""
    from mcp.server.streamable_http import EventMessage, EventStore

    class Store(EventStore):
        def __init__(self):
            self.events = []

        async def store_event(self, stream_id, message):
            self.events.append((stream_id, message))
            return str(len(self.events))

        async def replay_events_after(self, last_event_id, send_callback):
            last = int(last_event_id)
            if not 0 < last <= len(self.events):
                return None
            stream_id = self.events[last - 1][0]
            for number, (stream, message) in enumerate(self.events[last:], last + 1):
                if stream == stream_id and message is not None:
                    await send_callback(EventMessage(message, str(number)))
            return stream_id

    return Store() if chosen.transport == "resumable" else None


# Milliseconds after which a client whose stream was closed comes back.
RETRY = 50

if chosen.framework == "fastmcp":
    from fastmcp import Context, FastMCP
    from fastmcp.server.dependencies import get_http_headers

    mcp = FastMCP("gatehouse-test")

    def make_app():
        transport = "sse" if chosen.transport == "sse" else "http"
        return mcp.http_app(transport=transport, event_store=event_store(), host_origin_protection=False)

    def headers_of(context):
        return get_http_headers(include_all=True).items()
elif SDK.startswith("1."):
    from mcp.server.fastmcp import Context, FastMCP

    resumption = {} if chosen.transport == "streamable" else {"event_store": event_store(), "retry_interval": RETRY}
    mcp = FastMCP("gatehouse-test", transport_security=open_hosts(), **resumption)

    def make_app():
        return mcp.sse_app() if chosen.transport == "sse" else mcp.streamable_http_app()

    def headers_of(context):
        return context.request_context.request.headers.items()
else:
    from mcp.server.mcpserver import Context, MCPServer

    mcp = MCPServer("gatehouse-test")

    def make_app():
        if chosen.transport == "sse":
            return mcp.sse_app(transport_security=open_hosts())
        resumption = {} if chosen.transport == "streamable" else {"event_store": event_store(), "retry_interval": RETRY}
        return mcp.streamable_http_app(transport_security=open_hosts(), **resumption)

    def headers_of(context):
        return (context.headers or {}).items()


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


if chosen.transport == "resumable":

    @mcp.tool()
    async def interrupted(ctx: Context) -> str:
        """Reports one step, closes its stream, reports another and answers: the client must come back for the rest."""
        await ctx.report_progress(1, 2, "before")
        context = ctx.request_context
        await (ctx if hasattr(ctx, "close_sse_stream") else context).close_sse_stream()
        await ctx.report_progress(2, 2, "after")
        return "resumed"


@mcp.tool()
def delete_everything() -> str:
    """Must not be reached by callers whom the policy denies it."""
    return "deleted"


@mcp.resource("memo://one")
def memo() -> str:
    """One memo."""
    return "the memo"


@mcp.resource("file:///public/readme.md")
def readme() -> str:
    """A file for everybody."""
    return "the readme"


@mcp.resource("file:///private/secret")
def secret() -> str:
    """A file that must not be reached by callers whom the policy denies it, however they write its name."""
    return "the secret"


@mcp.prompt()
def greeting(name: str) -> str:
    """Greets."""
    return f"Greet {name}."


@mcp.resource("notes://{name}")
def note(name: str) -> str:
    """A note by its name."""
    return f"the note {name}"


if hasattr(mcp, "completion"):
    from mcp.types import Completion

    @mcp.completion()
    async def complete(reference, argument, context):
        """Completes names, of whatever is referred to."""
        return Completion(values=[f"{argument.value}da"])


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


if __name__ == "__main__":
    serve(Recorder(make_app()), sdk=SDK)
