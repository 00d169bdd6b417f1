"""An MCP gateway of PyPI with the same duties: fastmcp's proxy verifies the assertion by its JWT verifier, passes calls on with the token, and writes a line for each.

It is stateless and answers in JSON, which is how it costs least, and keeps one client connected to the upstream.
"""

import contextlib
import json
import time

import uvicorn
from fastmcp import Client
from fastmcp.client.transports import StreamableHttpTransport
from fastmcp.server import create_proxy
from fastmcp.server.auth.providers.jwt import JWTVerifier


class Duties:
    """What the proxy has no setting for: the assertion comes in a field of its own, and each request has its line."""

    def __init__(self, app, log):
        self.app, self.log = app, open(log, "a", buffering=1)

    async def __call__(self, scope, receive, send):
        if scope["type"] != "http":
            return await self.app(scope, receive, send)
        kept = [field for field in scope["headers"] if field[0] not in (b"authorization", b"cf-access-jwt-assertion")]
        given = [value for name, value in scope["headers"] if name == b"cf-access-jwt-assertion"]
        began, status = time.time(), 0

        async def answer(message):
            nonlocal status
            status = message.get("status", status)
            await send(message)

        await self.app({**scope, "headers": kept + [(b"authorization", b"Bearer " + value) for value in given]}, receive, answer)
        line = {"t": began, "m": scope["method"], "p": scope["path"], "s": status, "d": round(time.time() - began, 6)}
        self.log.write(json.dumps(line, separators=(",", ":")) + "\n")


def main():
    client = Client(StreamableHttpTransport("http://127.0.0.1:@UPSTREAM@/mcp", headers={"Authorization": "Bearer @TOKEN@"}))
    verifier = JWTVerifier(
        public_key=open("@KEYS@/public.pem").read(), issuer="@ISSUER@", audience="@AUDIENCE@", algorithm="RS256")
    app = create_proxy(client, name="gateway", auth=verifier).http_app(
        path="/mcp", stateless_http=True, json_response=True, host_origin_protection=False)
    inner = app.router.lifespan_context

    @contextlib.asynccontextmanager
    async def connected(application):
        async with client, inner(application) as state:
            yield state

    app.router.lifespan_context = connected
    uvicorn.run(
        Duties(app, "@RUN@/fastmcp.access.log"), host="127.0.0.1", port=int("@PORT@"), loop="uvloop", http="httptools",
        log_level="warning", access_log=False)


main()
