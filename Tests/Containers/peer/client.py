"""A client behind the tunnel: what cloudflared would send to Gatehouse, which is http://gatehouse:8080 here.

client.py call URL TOOL TOKEN       calls the tool by the SDK; its answer must be the digest of that token
client.py tools URL                 lists the tools by the SDK; there must be some
client.py status URL CODE [signed]  one POST with that status
client.py reach HOST PORT           whether a connection can be made
client.py watch URL FOLDER          asks every 50 ms until /tmp/stop-watching is there; says for how long nothing was answered
"""

import asyncio
import hashlib
import os
import socket
import sys
import threading
import time
import urllib.error
import urllib.parse
import urllib.request

AUDIENCE = "4714c1358e65fe4b408ad6d432a5f878f08194bdb4752441fd56faefa9b2b6f2"


def assertion():
    import jwt

    now = int(time.time())
    claims = {
        "iss": "https://issuer:8443", "aud": [AUDIENCE], "email": "ada@example.com", "sub": "ada", "type": "app",
        "iat": now, "nbf": now, "exp": now + 600, "identity_nonce": "n", "country": "DE",
    }
    return jwt.encode(claims, open("/issuer/signing.key").read(), "RS256", {"kid": "test"})


def behind(url):
    """The same request as it arrives behind the tunnel: another address, the same host."""
    parts = urllib.parse.urlsplit(url)
    return f"http://gatehouse:8080{parts.path}", parts.hostname


async def session(url, use):
    import httpx2
    from mcp import Client
    from mcp.client.streamable_http import streamable_http_client

    address, host = behind(url)
    headers = {"Cf-Access-Jwt-Assertion": assertion(), "Host": host}
    async with httpx2.AsyncClient(headers=headers, timeout=20, trust_env=False) as http:
        async with Client(streamable_http_client(address, http_client=http), mode="auto") as client:
            return await use(client)


async def call(url, tool, token):
    result = await session(url, lambda client: client.call_tool(tool, {}))
    text = "".join(getattr(part, "text", "") for part in result.content)
    wanted = "token " + hashlib.sha256(token.encode()).hexdigest()[:12]
    print(text)
    return text == wanted


async def tools(url):
    names = [tool.name for tool in (await session(url, lambda client: client.list_tools())).tools]
    print(names)
    return len(names) > 0


def status(url, code, signed=None):
    address, host = behind(url)
    request = urllib.request.Request(address, b'{"jsonrpc":"2.0","id":1,"method":"ping"}', method="POST")
    request.add_header("Host", host)
    request.add_header("Content-Type", "application/json")
    if signed:
        request.add_header("Cf-Access-Jwt-Assertion", assertion())
    try:
        got = urllib.request.urlopen(request, timeout=10).status
    except urllib.error.HTTPError as error:
        got = error.code
    print(got)
    return got == int(code)


def reach(host, port):
    socket.create_connection((host, int(port)), 3).close()
    return True


def watch(url, _):
    """Each request is one of its own: where a name is not there for a moment, a resolver may take many seconds to say so (Podman's asks the
    outside), and who asks after it is back is answered at once."""
    if os.path.exists("/tmp/stop-watching"):
        os.unlink("/tmp/stop-watching")
    lock = threading.Lock()
    answered, failed = [], []

    def ask(began):
        try:
            urllib.request.urlopen(url, timeout=2).read()
            good = True
        except urllib.error.HTTPError:
            # A refusal is an answer.
            good = True
        except Exception:
            good = False
        with lock:
            (answered if good else failed).append((began, time.monotonic()))

    print("watching", flush=True)
    while not os.path.exists("/tmp/stop-watching"):
        now = time.monotonic()
        # Where all wait for the resolver, no more of them find out more.
        if threading.active_count() < 400:
            threading.Thread(target=ask, args=(now,), daemon=True).start()
        time.sleep(max(0.0, 0.05 - (time.monotonic() - now)))
    with lock:
        ends = sorted(end for _, end in answered)
        slowest = max((end - began for began, end in failed), default=0.0)
        count, lost = len(answered) + len(failed), len(failed)
    longest = max((after - before for before, after in zip(ends, ends[1:])), default=0.0)
    print(f"the update: {count} requests, {lost} failed, the slowest of those after {slowest:.2f} s; "
          f"longest time without an answer {longest:.2f} s", flush=True)
    return True


verb, *arguments = sys.argv[1:]
work = {"call": call, "tools": tools, "status": status, "reach": reach, "watch": watch}[verb]
outcome = work(*arguments)
if asyncio.iscoroutine(outcome):
    outcome = asyncio.run(outcome)
sys.exit(0 if outcome else 1)
