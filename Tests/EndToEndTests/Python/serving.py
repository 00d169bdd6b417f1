"""Serves an application on a port of its own for a test, whose death is the server's: it ends on SIGTERM, and when stdin closes."""

import asyncio
import contextlib
import json
import socket

import uvicorn

from parent import end_with_parent


def serve(app, lifespan="on", **told):
    """Prints one line of JSON on stdout when it listens: the port, and what is told beside."""
    asyncio.run(_serve(app, lifespan, told))


def application(server, stateless=False):
    """A low-level server of the SDK of 2025-11-25 as an application, with sessions or without."""
    from mcp.server.streamable_http_manager import StreamableHTTPSessionManager
    from starlette.applications import Starlette
    from starlette.routing import Mount

    manager = StreamableHTTPSessionManager(app=server, stateless=stateless)

    @contextlib.asynccontextmanager
    async def lifespan(app):
        async with manager.run():
            yield

    return Starlette(routes=[Mount("/", app=manager.handle_request)], lifespan=lifespan)


def asks(state):
    """An answer of 2026-07-28 that asks whether the user is sure before the call goes on."""
    from mcp_types import ElicitRequest, ElicitRequestFormParams, InputRequiredResult

    params = ElicitRequestFormParams(
        message="Sure?",
        requested_schema={"type": "object", "properties": {"sure": {"type": "boolean"}}},
    )
    return InputRequiredResult(input_requests={"sure": ElicitRequest(params=params)}, request_state=state)


async def _serve(app, lifespan, told):
    listener = socket.socket()
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    listener.bind(("127.0.0.1", 0))
    server = uvicorn.Server(uvicorn.Config(app, log_level="error", lifespan=lifespan, timeout_graceful_shutdown=1))

    async def announce():
        while not server.started:
            await asyncio.sleep(0.01)
        print(json.dumps({"port": listener.getsockname()[1], **told}), flush=True)

    end_with_parent()
    announcing = asyncio.create_task(announce())
    await server.serve(sockets=[listener])
    await announcing
