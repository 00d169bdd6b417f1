"""Calls a tool of a server whose token is each person's own, with the official SDK, as somebody who connects only when asked.

    person_client.py URL --mode legacy|modern [--opens-addresses]

The assertion comes from the environment variable ASSERTION. Prints one JSON object a line: {"asked": …} when it is told where to connect, after which it
waits for a line on stdin, and at last {"headers": …} that the server got, or {"failure": …}.
"""

import argparse
import asyncio
import importlib.metadata
import json
import os
import sys
import traceback

SDK = importlib.metadata.version("mcp")


def say(**members):
    print(json.dumps(members), flush=True)


async def connected():
    await asyncio.get_running_loop().run_in_executor(None, sys.stdin.readline)


async def opened(context, params):
    """What a client does for its user: it shows the address, and answers when the user has been there."""
    from mcp.types import ElicitResult

    say(asked={"mode": params.mode, "url": params.url, "message": params.message, "by": "elicitation"})
    await connected()
    return ElicitResult(action="accept")


def error_of(failure):
    while isinstance(failure, BaseExceptionGroup) and failure.exceptions:
        failure = failure.exceptions[0]
    error = getattr(failure, "error", None)
    return {"code": error.code, "message": error.message, "data": error.data} if error is not None else None


async def call(session, completed):
    tools = sorted(tool.name for tool in (await session.list_tools()).tools)
    try:
        result = await session.call_tool("whoami", {})
    except Exception as failure:  # noqa: BLE001: told below
        error = error_of(failure)
        if error is None:
            raise
        say(asked={**error, "by": "error", "tools": tools})
        await connected()
        if completed is not None:
            async with asyncio.timeout(20):
                say(completed=await completed.get())
        result = await session.call_tool("whoami", {})
    text = "".join(getattr(part, "text", "") for part in result.content)
    say(headers=json.loads(text), tools=tools)


async def with_sdk_1(url, headers, opens):
    import httpx
    from mcp import ClientSession
    from mcp.client.streamable_http import streamable_http_client

    done = asyncio.Queue()

    async def heard(message):
        root = getattr(message, "root", None)
        if root is not None and getattr(root, "method", "") == "notifications/elicitation/complete":
            await done.put(root.params.elicitationId)

    async with httpx.AsyncClient(headers=headers, timeout=120, trust_env=False) as http:
        async with streamable_http_client(url, http_client=http) as (read, write, _):
            callback = {"elicitation_callback": opened} if opens else {}
            async with ClientSession(read, write, message_handler=heard, **callback) as session:
                await session.initialize()
                # Its stream of notifications is opened beside the first request.
                await session.send_ping()
                await call(session, done if opens else None)


async def with_sdk_2(url, headers, mode, opens):
    import httpx2
    from mcp import Client
    from mcp.client.streamable_http import streamable_http_client

    async with httpx2.AsyncClient(headers=headers, timeout=120, trust_env=False) as http:
        callback = {"elicitation_callback": opened} if opens else {}
        transport = streamable_http_client(url, http_client=http)
        async with Client(transport, mode={"modern": "2026-07-28"}.get(mode, mode), **callback) as client:
            await call(client, None)


async def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("url")
    parser.add_argument("--mode", choices=["legacy", "modern"], default="legacy")
    parser.add_argument("--opens-addresses", action="store_true")
    arguments = parser.parse_args()
    headers = {"Cf-Access-Jwt-Assertion": os.environ["ASSERTION"]}
    try:
        async with asyncio.timeout(200):
            if SDK.startswith("1."):
                await with_sdk_1(arguments.url, headers, arguments.opens_addresses)
            else:
                await with_sdk_2(arguments.url, headers, arguments.mode, arguments.opens_addresses)
    except BaseException as failure:  # noqa: BLE001: the object tells it
        say(failure=str(failure), error=error_of(failure), trace=traceback.format_exc(limit=-3))


if __name__ == "__main__":
    asyncio.run(main())
