"""A pytest plugin that puts each HTTP server of the official SDK's own tests behind Gatehouse.

A test goes on as it is written: its server listens on a port of ours, its client's requests go to the gate, which finds the server by the name
`pPORT.test`. Each test's client has an assertion of one caller, whom nothing limits.

    GATEHOUSE_BINARY        the gate; without it the tests run as they are shipped, and only the report is kept
    GATEHOUSE_SDK_FOLDER    for the configuration, the spool and the audit

Two ways to a server are known: mcp 1.x starts uvicorn on a port that it draws, mcp 2.x calls its application in the process, through one class of
its tests, which a server on a socket replaces.
"""

import asyncio
import base64
import contextlib
import http.server
import importlib.util
import itertools
import json
import os
import re
import signal
import socket
import subprocess
import sys
import threading
import time
import urllib.request
from urllib.parse import urlsplit

BINARY = os.environ.get("GATEHOUSE_BINARY")
FOLDER = os.environ.get("GATEHOUSE_SDK_FOLDER", "")
FIRST, COUNT = 20_000, 1_500
PUBLIC = re.compile(rb"^https?://p\d+\.test")

ports = itertools.count(FIRST)
gate = None
assertion = b""
process = None


def next_port():
    """Never one twice: what an earlier test's server still sends must not reach a later one's client."""
    port = next(ports)
    assert port < FIRST + COUNT, "more servers than routes"
    return port


def is_ours(host, port):
    return host in ("127.0.0.1", "localhost") and port is not None and FIRST <= port < FIRST + COUNT


def gated(raw, port):
    """The fields of a request as they leave the edge."""
    kept = [(name, value) for name, value in raw if name.lower() != b"host"]
    return [(b"Host", b"p%d.test" % port), *kept, (b"Cf-Access-Jwt-Assertion", assertion)]


def told(raw, origin):
    """The fields of an answer, with the origin that the test knows in place of the public one."""
    return [(name, PUBLIC.sub(origin, value) if name.lower() == b"location" else value) for name, value in raw]


# MARK: the gate


def start_gate():
    global gate, assertion, process
    import jwt
    from cryptography.hazmat.primitives.asymmetric import rsa

    key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    numbers = key.public_key().public_numbers()

    def encoded(number):
        return base64.urlsafe_b64encode(number.to_bytes((number.bit_length() + 7) // 8, "big")).rstrip(b"=").decode()

    public = {"kid": "k", "kty": "RSA", "alg": "RS256", "use": "sig", "n": encoded(numbers.n), "e": encoded(numbers.e)}
    keys = json.dumps({"keys": [public], "public_certs": []}).encode()

    class Keys(http.server.BaseHTTPRequestHandler):
        def do_GET(self):
            self.send_response(200)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(keys)))
            self.end_headers()
            self.wfile.write(keys)

        def log_message(self, *arguments):
            pass

    certs = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Keys)
    threading.Thread(target=certs.serve_forever, daemon=True).start()
    with socket.socket() as one, socket.socket() as other:
        one.bind(("127.0.0.1", 0))
        other.bind(("127.0.0.1", 0))
        gate, admin = one.getsockname(), other.getsockname()
    audience, now = "a" * 64, int(time.time())
    claims = {"aud": [audience], "email": "sdk@example.com", "exp": now + 86_400, "iat": now - 5, "nbf": now - 5,
              "iss": "https://sdk.cloudflareaccess.com", "type": "app", "sub": "1", "identity_nonce": "n", "country": "DE"}
    assertion = jwt.encode(claims, key, algorithm="RS256", headers={"kid": "k"}).encode()
    os.makedirs(f"{FOLDER}/spool", exist_ok=True)
    with open(f"{FOLDER}/gatehouse.yaml", "w", encoding="utf-8") as file:
        file.write(f"version: 1\nlisten: 127.0.0.1:{gate[1]}\nadmin: 127.0.0.1:{admin[1]}\n"
                   f"access: {{ issuer: https://sdk.cloudflareaccess.com, certs_url: http://127.0.0.1:{certs.server_port}/ }}\n"
                   "stores: { none: { kind: env } }\n"
                   f"audit: {{ spool: {FOLDER}/spool, sink: {{ kind: sqlite, path: {FOLDER}/audit.db }}, arguments: omit }}\n"
                   "routes:\n")
        for port in range(FIRST, FIRST + COUNT):
            file.write(f"  - {{ name: r{port}, host: p{port}.test, audience: [{audience}], protocol: mcp,"
                       f" upstream: http://127.0.0.1:{port} }}\n")
    with open(f"{FOLDER}/gatehouse.log", "w", encoding="utf-8") as log:
        process = subprocess.Popen([BINARY, "serve", "--config", f"{FOLDER}/gatehouse.yaml"],
                                   stdin=subprocess.DEVNULL, stdout=log, stderr=log)
    deadline = time.monotonic() + 60
    while True:
        with contextlib.suppress(OSError):
            urllib.request.urlopen(f"http://127.0.0.1:{admin[1]}/readyz", timeout=5).close()
            return
        assert process.poll() is None and time.monotonic() < deadline, f"no gate: see {FOLDER}/gatehouse.log"
        time.sleep(0.1)


def pytest_sessionfinish(session):
    if process is not None:
        process.send_signal(signal.SIGTERM)
        process.wait(30)


# MARK: mcp 2.x: applications in the process


def replace_bridge():
    import httpx2
    import uvicorn
    import uvicorn.lifespan.off
    import uvicorn.loops.asyncio
    import uvicorn.protocols.http.h11_impl

    class Server(uvicorn.Server):
        @contextlib.contextmanager
        def capture_signals(self):
            yield

    # By the application: a session belongs to a route, so a client that comes back to a server has to find it at the same path.
    running = {}

    class Running:
        def __init__(self, app):
            self.app, self.port, self.users = app, next_port(), 0

        async def start(self):
            self.users += 1
            if self.users > 1:
                return
            # With its protocol named: asyncio sets TCP_NODELAY on no other, and each answer in two parts would wait 40 ms for Nagle's algorithm.
            listener = socket.socket(socket.AF_INET, socket.SOCK_STREAM, socket.IPPROTO_TCP)
            listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            listener.bind(("127.0.0.1", self.port))
            listener.listen(128)
            # Nothing of uvicorn's own in an answer: the tests compare what the application says.
            self.server = Server(uvicorn.Config(
                self.app, http="h11", lifespan="off", ws="none", log_config=None, access_log=False, server_header=False,
                date_header=False, proxy_headers=False, timeout_graceful_shutdown=2))
            self.serving = asyncio.get_running_loop().create_task(self.server.serve(sockets=[listener]))
            while not self.server.started:
                await asyncio.sleep(0.005)

        async def stop(self):
            self.users -= 1
            if self.users > 0:
                return
            self.server.should_exit = True
            done, _ = await asyncio.wait([self.serving], timeout=4)
            if not done:
                self.server.force_exit = True
                self.serving.cancel()
                await asyncio.wait([self.serving], timeout=2)

    class Behind(httpx2.AsyncBaseTransport):
        def __init__(self, app, *, cancel_on_close=True):
            # Keeps the application, so that no other one gets its id.
            if id(app) not in running:
                running[id(app)] = Running(app)
            self.running = running[id(app)]
            self.port = self.running.port

        async def __aenter__(self):
            await self.running.start()
            self.inner = httpx2.AsyncHTTPTransport()
            return self

        async def __aexit__(self, *error):
            await self.inner.aclose()
            await self.running.stop()

        async def handle_async_request(self, request):
            body = b"".join([chunk async for chunk in request.stream])
            raw = gated(request.headers.raw, self.port)
            if any(name.lower() == b"transfer-encoding" for name, _ in raw):
                raw = [(name, value) for name, value in raw if name.lower() != b"transfer-encoding"]
                raw.append((b"Content-Length", b"%d" % len(body)))
            url = request.url.copy_with(scheme="http", host=gate[0], port=gate[1])
            sent = httpx2.Request(request.method, url, headers=raw, extensions=request.extensions)
            sent.stream = httpx2.ByteStream(body)
            answer = await self.inner.handle_async_request(sent)
            origin = b"%s://%s" % (request.url.raw_scheme, request.url.netloc)
            return httpx2.Response(answer.status_code, headers=told(answer.headers.raw, origin), stream=answer.stream,
                                   extensions=answer.extensions, request=request)

    import tests.interaction.transports as transports
    import tests.interaction.transports._bridge as bridge

    bridge.StreamingASGITransport = transports.StreamingASGITransport = Behind


# MARK: mcp 1.x: servers on ports


def replace_ports():
    import httpx
    import requests

    bind = socket.socket.bind

    def bind_ours(self, address):
        if address == ("127.0.0.1", 0) and self.type & socket.SOCK_STREAM:
            address = (address[0], next_port())
        return bind(self, address)

    socket.socket.bind = bind_ours

    def through(request):
        host, port = request.url.host, request.url.port
        if not is_ours(host, port):
            return request
        sent = httpx.Request(request.method, request.url.copy_with(host=gate[0], port=gate[1]),
                             headers=gated(request.headers.raw, port), extensions=request.extensions)
        sent.stream = request.stream
        return sent

    def back(answer, request, sent):
        if sent is not request:
            answer.headers = httpx.Headers(told(answer.headers.raw, b"http://" + request.url.netloc))
        return answer

    handle, handle_async = httpx.HTTPTransport.handle_request, httpx.AsyncHTTPTransport.handle_async_request

    def handled(self, request):
        sent = through(request)
        return back(handle(self, sent), request, sent)

    async def handled_async(self, request):
        sent = through(request)
        return back(await handle_async(self, sent), request, sent)

    httpx.HTTPTransport.handle_request, httpx.AsyncHTTPTransport.handle_async_request = handled, handled_async

    send = requests.adapters.HTTPAdapter.send

    def send_through(self, request, *arguments, **named):
        url = urlsplit(request.url)
        if not is_ours(url.hostname, url.port):
            return send(self, request, *arguments, **named)
        asked = request.url
        request.url = url._replace(netloc="%s:%d" % gate).geturl()
        request.headers["Host"], request.headers["Cf-Access-Jwt-Assertion"] = f"p{url.port}.test", assertion.decode()
        answer = send(self, request, *arguments, **named)
        if "location" in answer.headers:
            answer.headers["location"] = re.sub(r"^https?://p\d+\.test", f"http://{url.netloc}", answer.headers["location"])
        request.url = asked
        del request.headers["Host"], request.headers["Cf-Access-Jwt-Assertion"]
        return answer

    requests.adapters.HTTPAdapter.send = send_through


if BINARY:
    start_gate()
    sys.path.insert(0, os.getcwd())
    replace_bridge() if importlib.util.find_spec("httpx2") else replace_ports()
