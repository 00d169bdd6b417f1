"""Tries to get a denied argument through to ruled_owned_server.py by a task, or by going on with a call. Prints one JSON object.

    ruled_owned_client.py tasks|state|extension URL

The assertion comes from the environment: OWNER. Each step is one member of the object: its result, or {"error": …}.
"""

import asyncio
import contextlib
import json
import sys

from owned_client import STEPS, headers, step, text_of

GOOD = {"docId": "AbC1"}
BAD = {"docId": "XyZ"}


async def raw(url, version, **params):
    """By hand, what no client sends."""
    import httpx

    fields = headers("OWNER") | {"Accept": "application/json, text/event-stream", "MCP-Protocol-Version": version}
    message = {"jsonrpc": "2.0", "id": 1, "method": "tools/call", "params": {"name": "create_row"} | params}
    if version == "2026-07-28":
        fields |= {"Mcp-Method": "tools/call", "Mcp-Name": "create_row"}
    async with httpx.AsyncClient(headers=fields, timeout=60, trust_env=False) as http:
        return json.loads((await http.post(url, json=message)).text.removeprefix("event: message").strip().removeprefix("data: "))


async def tasks(url):
    import httpx
    from mcp import ClientSession
    from mcp.client.streamable_http import streamable_http_client
    from mcp.types import CallToolResult

    async with httpx.AsyncClient(headers=headers("OWNER"), timeout=60, trust_env=False) as http:
        async with streamable_http_client(url, http_client=http) as (read, write, _):
            async with ClientSession(read, write) as session:
                await session.initialize()

                async def made(arguments):
                    # As in owned_client.py: the group of the request that came last may have ended.
                    for _ in range(50):
                        with contextlib.suppress(ValueError):
                            made = await session.experimental.call_tool_as_task("create_row", arguments, ttl=60000)
                            return text_of(await session.experimental.get_task_result(made.task.taskId, CallToolResult))
                    raise RuntimeError("the server makes no task")

                await step("good", lambda: made(GOOD))
                await step("bad", lambda: made(BAD))
                await step("none", lambda: made({}))
                version, task = "2025-11-25", {"ttl": 60000}
                await step("raw bad", lambda: raw(url, version, task=task, arguments=BAD))
                await step("raw in task", lambda: raw(url, version, task=task | {"arguments": GOOD}))
                await step("raw null", lambda: raw(url, version, task=None, arguments=BAD))

                async def seen():
                    return json.loads(text_of(await session.call_tool("seen", {})))

                await step("seen", seen)


async def state(url):
    import httpx2
    from mcp import Client
    from mcp.client.streamable_http import streamable_http_client
    from mcp_types import ElicitResult

    async with httpx2.AsyncClient(headers=headers("OWNER"), timeout=60, trust_env=False) as http:
        async with Client(streamable_http_client(url, http_client=http), mode="2026-07-28") as client:
            answers = {"sure": ElicitResult(action="accept", content={"sure": True})}

            async def call(arguments, state=None):
                result = await client.session.call_tool(
                    "create_row",
                    arguments,
                    input_responses=answers if state else None,
                    request_state=state,
                    allow_input_required=True,
                )
                return result.request_state if state is None else text_of(result)

            await step("asked", lambda: call(GOOD))
            asked = STEPS["asked"]
            await step("bad", lambda: call(BAD))
            await step("bad retry", lambda: call(BAD, asked))
            await step("none retry", lambda: call({}, asked))
            await step("good", lambda: call(GOOD, asked))
            responses = {"docId": {"action": "accept", "content": GOOD}}
            version = "2026-07-28"
            await step("raw bad", lambda: raw(url, version, arguments=BAD, inputResponses=responses, requestState=asked))
            await step("raw in responses", lambda: raw(url, version, inputResponses=responses, requestState=asked))
            await step(
                "raw in state", lambda: raw(url, version, inputResponses={"arguments": GOOD}, requestState={"arguments": GOOD})
            )

            async def seen():
                return json.loads(text_of(await client.call_tool("seen", {})))

            await step("seen", seen)


async def extension(url):
    import httpx2
    from fastmcp import Client
    from fastmcp.client.transports import StreamableHttpTransport
    from fastmcp_tasks.client import call_tool_task

    def factory(**options):
        options["timeout"] = 60
        return httpx2.AsyncClient(trust_env=False, **options)

    transport = StreamableHttpTransport(url, headers=headers("OWNER"), httpx_client_factory=factory)
    async with Client(transport) as client:

        async def made(arguments):
            return text_of(await (await call_tool_task(client, "create_row", arguments)).result())

        await step("good", lambda: made(GOOD))
        await step("bad", lambda: made(BAD))
        await step("none", lambda: made({}))

        async def seen():
            return json.loads(text_of(await client.call_tool("seen", {})))

        await step("seen", seen)


async def main():
    async with asyncio.timeout(120):
        await {"tasks": tasks, "state": state, "extension": extension}[sys.argv[1]](sys.argv[2])
    print(json.dumps(STEPS, default=str))


if __name__ == "__main__":
    asyncio.run(main())
