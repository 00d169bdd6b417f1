"""What each real client does when it is refused: a table in Markdown on stdout.

    refusals.py PYTHON_1 PYTHON_2

The interpreters have SDK 1 and SDK 2 with fastmcp. A server of SDK 2, which speaks both eras, stands behind a shim that answers as
Gatehouse does when it refuses: to every request, or only to the call of one tool. Each client is run in a process of its own: it connects, calls
a tool, calls the refused one, and calls the first again.

With --client NAME URL it is such a process, and prints what it saw as JSON. With --answers it prints the shim's plain answers, to be held
against Gatehouse's own.
"""

import asyncio
import importlib.metadata
import json
import logging
import os
import sys
from contextlib import asynccontextmanager

REQUEST_ID = "0123456789abcdef0123456789abcdef"
# The words of Gatehouse; see Reason.swift.
PUBLIC = {
    401: ("unauthenticated", "The caller could not be authenticated."),
    403: ("forbidden", "The caller may not use this route."),
    404: ("not_found", "Nothing is served here."),
    413: ("too_large", "The request body is too large."),
    429: ("rate_limited", "Too many requests; retry later."),
    502: ("upstream_failed", "The service behind this route failed."),
    503: ("unavailable", "The gateway cannot serve this request now."),
    504: ("upstream_timeout", "The service behind this route did not answer in time."),
}
# Name, status, JSON-RPC code (None: the plain body), at which moments.
CASES = [
    ("401", 401, None, ("connect", "call")),
    ("403", 403, None, ("connect", "call")),
    ("404 (session unknown)", 404, None, ("call",)),
    ("413", 413, None, ("call",)),
    ("429, plain", 429, None, ("connect", "call")),
    ("502, plain", 502, None, ("connect", "call")),
    ("503, plain", 503, None, ("connect", "call")),
    ("504, plain", 504, None, ("call",)),
    ("502 with JSON-RPC 5020", 502, 5020, ("call",)),
    ("503 with JSON-RPC 5030", 503, 5030, ("call",)),
    ("200 with JSON-RPC 4030 (denied)", 200, 4030, ("call",)),
    ("200 with JSON-RPC 4290 (rate)", 200, 4290, ("call",)),
    ("200 with JSON-RPC 5020 (failed)", 200, 5020, ("call",)),
]
CLIENTS = ["mcp 1.30.0", "mcp 2.3.0, to 2025-11-25", "mcp 2.3.0, 2026-07-28", "fastmcp 4.2.3"]


# MARK: The server and its shim


class Shim:
    """Serves /CASE/MOMENT/mcp: refuses what the case says, and counts what comes after the first refusal."""

    def __init__(self, app):
        self.app = app
        self.after = {}

    async def __call__(self, scope, receive, send):
        if scope["type"] != "http":
            return await self.app(scope, receive, send)
        parts = scope["path"].split("/")
        if len(parts) < 5 or not parts[1].isdigit():
            # Discovery of an authorization server, as Gatehouse answers it.
            for key in self.after:
                self.after[key].append(scope["path"])
            return await self.answer(send, 404, None, None)
        if parts[1] == "9999":
            return await self.tell(send)
        body = b""
        while True:
            message = await receive()
            body += message.get("body", b"")
            if message["type"] != "http.request" or not message.get("more_body"):
                break
        _, status, code, _ = CASES[int(parts[1])]
        call = json.loads(body) if body else {}
        key = "/".join(parts[1:4])
        seen = self.after.get(key)
        if seen is not None:
            seen.append(call.get("method") or scope["method"])
        if parts[2] == "connect" or call.get("method") == "tools/call" and call["params"]["name"] == "refused":
            self.after.setdefault(key, [])
            return await self.answer(send, status, code, call.get("id"))

        async def again():
            nonlocal body
            if body is None:
                return await receive()
            whole, body = body, None
            return {"type": "http.request", "body": whole, "more_body": False}

        await self.app({**scope, "path": "/mcp", "raw_path": b"/mcp"}, again, send)

    async def answer(self, send, status, code, id):
        public, words = PUBLIC.get(status, ("forbidden", "The caller may not make this call."))
        if code is None:
            document = {"error": public, "message": words, "request_id": REQUEST_ID}
        else:
            data = {"reason": "tool_denied", "request_id": REQUEST_ID}
            document = {"jsonrpc": "2.0", "id": id, "error": {"code": code, "message": words, "data": data}}
        body = json.dumps(document).encode()
        fields = [(b"content-type", b"application/json"), (b"content-length", str(len(body)).encode())]
        if status == 401:
            fields.append((b"www-authenticate", b'Bearer error="invalid_token"'))
        if status == 429:
            fields.append((b"retry-after", b"1"))
        await send({"type": "http.response.start", "status": status, "headers": fields})
        await send({"type": "http.response.body", "body": body})

    async def tell(self, send):
        body = json.dumps(self.after).encode()
        self.after = {}
        await send({"type": "http.response.start", "status": 200, "headers": []})
        await send({"type": "http.response.body", "body": body})


def serve():
    import socket

    import uvicorn
    from mcp.server.mcpserver import MCPServer
    from mcp.server.transport_security import TransportSecuritySettings

    server = MCPServer("gatehouse-test")

    @server.tool()
    def echo(text: str) -> str:
        return text

    @server.tool()
    def refused() -> str:
        return "reached"

    hosts = TransportSecuritySettings(enable_dns_rebinding_protection=False)
    app = server.streamable_http_app(transport_security=hosts)
    listener = socket.socket()
    listener.bind(("127.0.0.1", 0))
    config = uvicorn.Config(Shim(app), log_level="critical", lifespan="on", timeout_graceful_shutdown=1)
    return uvicorn.Server(config), listener


# MARK: A client


def described(error):
    while isinstance(error, BaseExceptionGroup) and error.exceptions:
        error = error.exceptions[0]
    code = getattr(getattr(error, "error", None), "code", None)
    if code is not None:
        return f"{type(error).__name__} {code}"
    response = getattr(error, "response", None)
    status = "" if response is None else f" {response.status_code}"
    return type(error).__name__ + status


@asynccontextmanager
async def sdk_1(url):
    import httpx
    from mcp import ClientSession
    from mcp.client.streamable_http import streamable_http_client

    http = httpx.AsyncClient(timeout=120, trust_env=False)
    async with http, streamable_http_client(url, http_client=http) as (read, write, _), ClientSession(read, write) as session:
        await session.initialize()
        yield session.call_tool


@asynccontextmanager
async def sdk_2(url, mode):
    import httpx2
    from mcp import Client
    from mcp.client.streamable_http import streamable_http_client

    http = httpx2.AsyncClient(timeout=120, trust_env=False)
    async with http, Client(streamable_http_client(url, http_client=http), mode=mode) as client:
        yield client.call_tool


@asynccontextmanager
async def fastmcp(url):
    from fastmcp import Client

    async with Client(url, timeout=120) as client:
        yield client.call_tool


async def attempt(seen, step, call, *arguments):
    """Whether the call was answered."""
    try:
        async with asyncio.timeout(120):
            await call(*arguments)
        seen[step] = "ok"
    except Exception as error:  # noqa: BLE001: what is wanted
        seen[step] = described(error)
    return seen[step] == "ok"


async def one(make, url):
    seen = {}
    try:
        async with asyncio.timeout(300):
            async with make(url) as call:
                seen["connect"] = "ok"
                if await attempt(seen, "call", call, "echo", {"text": "x"}):
                    await attempt(seen, "refused", call, "refused", {})
                    await attempt(seen, "after", call, "echo", {"text": "y"})
    except BaseException as error:  # noqa: BLE001: what is wanted
        # A client may only tell what befell it when its session is left.
        step = next((step for step in ("connect", "call", "refused") if step not in seen), None)
        if step:
            seen[step] = described(error)
    return seen


async def client(name, base):
    make = {
        CLIENTS[0]: sdk_1,
        CLIENTS[1]: lambda url: sdk_2(url, "legacy"),
        CLIENTS[2]: lambda url: sdk_2(url, "2026-07-28"),
        CLIENTS[3]: fastmcp,
    }[name]
    logging.disable(logging.CRITICAL)
    seen = {}
    for number, (_, _, _, moments) in enumerate(CASES):
        for moment in moments:
            key = f"{number}/{moment}/{CLIENTS.index(name)}"
            seen[key] = await one(make, f"{base}/{key}/mcp")
    print(json.dumps({"seen": seen, "version": importlib.metadata.version("fastmcp" if "fastmcp" in name else "mcp")}))


# MARK: The table


def words(moment, seen, after):
    if moment == "connect":
        told = f"`{seen['connect']}`" if seen["connect"] != "ok" else f"connects unasked, first call `{seen['call']}`"
    else:
        lives = "the session goes on" if seen.get("after") == "ok" else "**the session is dead**"
        told = f"`{seen['refused']}`, {lives}"
    repeated = [name for name in after if name in ("initialize", "server/discover") or "/.well-known/" in name]
    extra = sorted({"discovery" if "well-known" in name else name for name in repeated})
    return told + (f"; sends {', '.join(extra)}" if extra else "")


async def main(pythons):
    import httpx2

    server, listener = serve()
    task = asyncio.create_task(server.serve(sockets=[listener]))
    while not server.started:
        await asyncio.sleep(0.01)
    base = f"http://127.0.0.1:{listener.getsockname()[1]}"
    rows = {}
    for name in CLIENTS:
        python = pythons[0] if name.startswith("mcp 1") else pythons[1]
        process = await asyncio.create_subprocess_exec(
            python, __file__, "--client", name, base, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.DEVNULL)
        output, _ = await process.communicate()
        answer = json.loads(output)
        assert answer["version"] in name, (answer["version"], name)
        async with httpx2.AsyncClient(trust_env=False) as http:
            after = (await http.get(f"{base}/9999/x/y/z")).json()
        for key, seen in answer["seen"].items():
            number, moment, _ = key.split("/")
            rows.setdefault((int(number), moment), {})[name] = words(moment, seen, after.get(key, []))
    print("| answer | to | " + " | ".join(CLIENTS) + " |")
    print("|---|---|" + "---|" * len(CLIENTS))
    for (number, moment), cells in sorted(rows.items()):
        to = "every request" if moment == "connect" else "one call"
        print(f"| {CASES[number][0]} | {to} | " + " | ".join(cells[name] for name in CLIENTS) + " |")
    server.should_exit = True
    await task


if __name__ == "__main__":
    os.environ["NO_PROXY"] = "*"
    if sys.argv[1] == "--answers":
        print(json.dumps({status: {"error": code, "message": text} for status, (code, text) in PUBLIC.items()}))
    elif sys.argv[1] == "--client":
        asyncio.run(client(*sys.argv[2:]))
    else:
        asyncio.run(main(sys.argv[1:]))
