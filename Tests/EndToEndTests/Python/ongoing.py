"""Calls tools through whatever stands at URL until stdin closes, with the official SDK, in one session and several calls at once.

    ongoing.py URL [--mode legacy|modern]       the assertion stands in ASSERTION

Prints a line after every ten short calls, and at the end one JSON object: how many calls were answered, and the failures.
"""

import argparse
import asyncio
import json
import os
import sys
import traceback

from client import SDK, described, text_of


class Calls:
    def __init__(self, session):
        self.session, self.running, self.answered, self.failures = session, True, {"echo": 0, "slow": 0}, []

    async def call(self, name, arguments, wanted):
        try:
            result = await self.session.call_tool(name, arguments)
            if text_of(result) != wanted:
                raise ValueError(f"{name}: {text_of(result)}")
            self.answered[name] += 1
        except Exception as error:  # noqa: BLE001: the object tells it
            self.failures.append(described(error) | {"tool": name, "trace": traceback.format_exc(limit=-2)})
            self.running = False

    async def short(self):
        turn = 0
        while self.running:
            turn += 1
            await self.call("echo", {"text": str(turn)}, str(turn))
            if self.answered["echo"] % 10 == 0:
                print(self.answered["echo"], flush=True)
            await asyncio.sleep(0.02)

    async def long(self):
        while self.running:
            await self.call("slow", {"steps": 20, "pause": 0.05}, "20 steps")

    async def until_told(self):
        await asyncio.to_thread(sys.stdin.buffer.read)
        self.running = False

    async def run(self):
        telling = asyncio.create_task(self.until_told())
        await asyncio.gather(self.short(), self.short(), self.long())
        if self.failures:
            # The test is told at once; the thread that reads stdin would wait.
            print(json.dumps(self.failures), file=sys.stderr, flush=True)
            self.tell()
            os._exit(0)
        await telling
        self.tell()

    def tell(self):
        print(json.dumps({"answered": self.answered, "failures": self.failures}), flush=True)


async def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("url")
    parser.add_argument("--mode", choices=["legacy", "modern"], default="legacy")
    arguments = parser.parse_args()
    headers = {"Cf-Access-Jwt-Assertion": os.environ["ASSERTION"]}
    from mcp.client.streamable_http import streamable_http_client

    if SDK.startswith("1."):
        import httpx
        from mcp import ClientSession

        async with httpx.AsyncClient(headers=headers, timeout=120, trust_env=False) as http:
            async with streamable_http_client(arguments.url, http_client=http) as (read, write, _):
                async with ClientSession(read, write) as session:
                    await session.initialize()
                    await Calls(session).run()
    else:
        import httpx2
        from mcp import Client

        async with httpx2.AsyncClient(headers=headers, timeout=120, trust_env=False) as http:
            transport = streamable_http_client(arguments.url, http_client=http)
            async with Client(transport, mode={"modern": "2026-07-28"}.get(arguments.mode, arguments.mode)) as client:
                await Calls(client).run()


if __name__ == "__main__":
    asyncio.run(main())
