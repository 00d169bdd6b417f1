"""Two people at one server through whatever stands at URL: the owner is told something, the thief comes with it. Prints one JSON object.

    owned_client.py tasks|state|extension|events URL

The assertions come from the environment: OWNER and THIEF; without them nobody is told apart. Each step is one member of the object:
its result, or {"error": …}.
"""

import asyncio
import contextlib
import json
import os
import sys


def described(error):
    """The innermost cause: transports wrap theirs in groups."""
    while isinstance(error, BaseExceptionGroup) and error.exceptions:
        error = error.exceptions[0]
    answer = {"type": type(error).__name__, "message": str(error)}
    data = getattr(error, "error", None)
    if data is not None and hasattr(data, "code"):
        answer.update(code=data.code, message=data.message)
    return {"error": answer}


def headers(person):
    assertion = os.environ.get(person)
    return {"Cf-Access-Jwt-Assertion": assertion} if assertion else {}


STEPS = {}


async def step(name, action):
    try:
        STEPS[name] = await action()
    except Exception as error:  # noqa: BLE001: reported, not hidden
        STEPS[name] = described(error)
    return STEPS[name]


def text_of(result):
    return "".join(getattr(part, "text", "") for part in result.content)


async def tasks(url):
    import httpx
    from mcp import ClientSession
    from mcp.client.streamable_http import streamable_http_client
    from mcp.types import CallToolResult

    @contextlib.asynccontextmanager
    async def session(person):
        async with httpx.AsyncClient(headers=headers(person), timeout=60, trust_env=False) as http:
            async with streamable_http_client(url, http_client=http) as (read, write, _):
                async with ClientSession(read, write) as session:
                    await session.initialize()
                    yield session.experimental

    async def made(owner):
        # The group in which a stateless server of this SDK runs its tasks is that of the request that came last, and may have ended: then
        # the tool's result is an error, which is no task.
        for _ in range(50):
            with contextlib.suppress(ValueError):
                return await owner.call_tool_as_task("secret", {}, ttl=60000)
        raise RuntimeError("the server makes no task")

    async with session("OWNER") as owner, session("THIEF") as thief:
        task = (await made(owner)).task.taskId
        STEPS["task"] = task

        async def result(of):
            return text_of(await of.get_task_result(task, CallToolResult))

        async def status(of):
            return (await of.get_task(task)).status

        await step("stolen", lambda: result(thief))
        await step("seen", lambda: status(thief))
        await step("cancelled", lambda: thief.cancel_task(task))
        await step("listed", lambda: thief.list_tasks())

        async def polled():
            async for state in owner.poll_task(task):
                last = (state.status, state.taskId)
            return list(last)

        await step("polled", polled)
        await step("own", lambda: result(owner))


async def state(url):
    import httpx2
    from mcp import Client
    from mcp.client.streamable_http import streamable_http_client
    from mcp_types import ElicitResult

    @contextlib.asynccontextmanager
    async def session(person, **options):
        async with httpx2.AsyncClient(headers=headers(person), timeout=60, trust_env=False) as http:
            async with Client(streamable_http_client(url, http_client=http), mode="2026-07-28", **options) as client:
                yield client

    async def agree(context, params):
        return ElicitResult(action="accept", content={"sure": True})

    async with session("OWNER", elicitation_callback=agree) as owner, session("THIEF") as thief:
        answers = {"sure": ElicitResult(action="accept", content={"sure": True})}
        asked = await owner.session.call_tool("secret", {}, allow_input_required=True)
        STEPS["state"] = asked.request_state

        async def go_on(client, tool, state):
            result = await client.session.call_tool(
                tool, {}, input_responses=answers, request_state=state, allow_input_required=True
            )
            return text_of(result)

        await step("stolen", lambda: go_on(thief, "secret", asked.request_state))
        await step("elsewhere", lambda: go_on(owner, "other", asked.request_state))
        await step("own", lambda: go_on(owner, "secret", asked.request_state))

        async def driven():
            return text_of(await owner.call_tool("secret", {}))

        await step("driven", driven)


async def extension(url):
    import httpx2
    from fastmcp import Client
    from fastmcp.client.transports import StreamableHttpTransport
    from fastmcp_tasks.client import _send_cancel, _send_get, call_tool_task

    def client(person):
        def factory(**options):
            options["timeout"] = 60
            return httpx2.AsyncClient(trust_env=False, **options)

        return Client(StreamableHttpTransport(url, headers=headers(person), httpx_client_factory=factory))

    async with client("OWNER") as owner, client("THIEF") as thief:
        task = await call_tool_task(owner, "secret", {})
        STEPS["task"] = task.task_id

        async def status():
            return (await _send_get(thief.session, task.task_id)).status

        await step("seen", status)
        await step("cancelled", lambda: _send_cancel(thief.session, task.task_id))

        async def own():
            return text_of(await task.result())

        await step("own", own)

        async def stolen():
            return json.dumps((await _send_get(thief.session, task.task_id)).result)

        await step("stolen", stolen)

        async def driven():
            return text_of(await owner.call_tool("secret", {}))

        await step("driven", driven)


async def events(url):
    """Each in a session of their own, by hand: clients hide the ids of events. The server is server.py with an event store."""
    import httpx

    accept = {"Accept": "application/json, text/event-stream", "MCP-Protocol-Version": "2025-11-25"}

    async def opened(http):
        params = {"protocolVersion": "2025-11-25", "capabilities": {}, "clientInfo": {"name": "test", "version": "1"}}
        message = {"jsonrpc": "2.0", "id": 0, "method": "initialize", "params": params}
        answer = await http.post(url, json=message, headers=accept)
        session = {"Mcp-Session-Id": answer.headers["mcp-session-id"]}
        await http.post(url, json={"jsonrpc": "2.0", "method": "notifications/initialized"}, headers=accept | session)
        return accept | session

    async def resumed(http, fields, event):
        """What a stream replays until it is silent, as soon as the server has noticed the end of the session's stream before."""
        while True:
            answer = await replayed(http, fields, event)
            if answer["status"] != 409:
                return answer
            await asyncio.sleep(0.05)

    async def replayed(http, fields, event):
        text = ""
        timeout = httpx.Timeout(30, read=2)
        async with http.stream("GET", url, headers=fields | {"Last-Event-ID": event}, timeout=timeout) as stream:
            try:
                async for part in stream.aiter_text():
                    text += part
                    if "the memo of the owner" in text:
                        break
            except httpx.ReadTimeout:
                pass
        return {"status": stream.status_code, "text": text}

    options = {"timeout": 60, "trust_env": False}
    async with httpx.AsyncClient(headers=headers("OWNER"), **options) as owner:
        async with httpx.AsyncClient(headers=headers("THIEF"), **options) as thief:
            own, foreign = await opened(owner), await opened(thief)
            params = {"name": "echo", "arguments": {"text": "the memo of the owner"}}
            message = {"jsonrpc": "2.0", "id": 1, "method": "tools/call", "params": params}
            answer = await owner.post(url, json=message, headers=own)
            STEPS["ids"] = [line[4:] for line in answer.text.splitlines() if line.startswith("id: ")]
            # The first event only primes the stream.
            first = STEPS["ids"][0]
            await step("stolen", lambda: resumed(thief, foreign, first))
            await step("untagged", lambda: resumed(thief, foreign, first.split(".")[0]))
            await step("own", lambda: resumed(owner, own, first))


async def main():
    async with asyncio.timeout(120):
        await {"tasks": tasks, "state": state, "extension": extension, "events": events}[sys.argv[1]](sys.argv[2])
    print(json.dumps(STEPS, default=str))


if __name__ == "__main__":
    asyncio.run(main())
