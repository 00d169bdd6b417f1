"""Calls a slow tool over streamable HTTP and prints one line of JSON for each step, at once: {"step": 1}, and at last {"text": "…"}.

    longcall.py URL STEPS PAUSE

With `listen` in the place of STEPS and SDK 2: opens a subscription, prints {"listening": true}, and at its end {"ended": "graceful"} or
{"ended": "lost"}. The assertion stands in $ASSERTION.
"""

import asyncio
import importlib.metadata
import json
import os
import sys

SDK = importlib.metadata.version("mcp")
URL, STEPS = sys.argv[1], sys.argv[2]
PAUSE = float(sys.argv[3]) if len(sys.argv) > 3 else 0
HEADERS = {"Cf-Access-Jwt-Assertion": os.environ["ASSERTION"]}


def say(**words):
    print(json.dumps(words), flush=True)


async def call(session):
    async def saw(progress, total, message):
        say(step=progress)

    # Its schema is asked for before the call, not once the assertion has run out.
    await session.list_tools()
    arguments = {"steps": int(STEPS), "pause": PAUSE}
    result = await session.call_tool("slow", arguments, progress_callback=saw)
    say(text="".join(getattr(part, "text", "") for part in result.content))


async def with_sdk_1():
    import httpx
    from mcp import ClientSession
    from mcp.client.streamable_http import streamable_http_client

    async with httpx.AsyncClient(headers=HEADERS, timeout=120, trust_env=False) as http:
        async with streamable_http_client(URL, http_client=http) as (read, write, _):
            async with ClientSession(read, write) as session:
                await session.initialize()
                await call(session)
                # The SDK's last messages of a session do not matter here, and may be refused.
                os._exit(0)


async def with_sdk_2():
    import httpx2
    from mcp import Client
    from mcp.client.streamable_http import streamable_http_client
    from mcp.client.subscriptions import SubscriptionLost

    async with httpx2.AsyncClient(headers=HEADERS, timeout=120, trust_env=False) as http:
        async with Client(streamable_http_client(URL, http_client=http), mode="auto") as client:
            if STEPS != "listen":
                return await call(client)
            async with client.listen(tools_list_changed=True) as subscription:
                say(listening=True)
                try:
                    async for _ in subscription:
                        pass
                    say(ended="graceful")
                except SubscriptionLost:
                    say(ended="lost")
            os._exit(0)


asyncio.run(with_sdk_1() if SDK.startswith("1.") else with_sdk_2())
