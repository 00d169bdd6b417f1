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
    if os.path.exists("/tmp/stop-watching"):
        os.unlink("/tmp/stop-watching")
    asked = failed = 0
    longest = 0.0
    last_good = None
    down = False
    print("watching", flush=True)
    while not os.path.exists("/tmp/stop-watching"):
        asked += 1
        now = time.monotonic()
        try:
            urllib.request.urlopen(url, timeout=2).read()
            answered = True
        except urllib.error.HTTPError:
            # A refusal is an answer.
            answered = True
        except Exception:
            answered = False
            failed += 1
        if answered:
            done = time.monotonic()
            if down and last_good is not None:
                longest = max(longest, done - last_good)
            last_good = done
        down = not answered
        time.sleep(max(0.0, 0.05 - (time.monotonic() - now)))
    print(f"the update: {asked} requests, {failed} failed, longest time without an answer {longest:.2f} s", flush=True)
    return True


verb, *arguments = sys.argv[1:]
work = {"call": call, "tools": tools, "status": status, "reach": reach, "watch": watch}[verb]
outcome = work(*arguments)
if asyncio.iscoroutine(outcome):
    outcome = asyncio.run(outcome)
sys.exit(0 if outcome else 1)
