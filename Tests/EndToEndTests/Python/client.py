"""Drives an MCP server through whatever stands at URL, with the official SDK, and prints one JSON object.

    client.py URL [--mode legacy|modern|auto] [--header NAME=VALUE]... [--assertion-from-env NAME]

The assertion comes from an environment variable, never from the arguments, which every process can read.
Each step is one member of the object: its result, or {"error": …}. A step that fails does not end the others.
The exit status is 0 when the script ran to its end, whatever the steps said.
"""

import argparse
import asyncio
import importlib.metadata
import json
import os
import traceback

SDK = importlib.metadata.version("mcp")


def described(error):
    """The innermost cause: transports wrap theirs in groups."""
    while isinstance(error, BaseExceptionGroup) and error.exceptions:
        error = error.exceptions[0]
    answer = {"type": type(error).__name__, "message": str(error)}
    data = getattr(error, "error", None)
    if data is not None and hasattr(data, "code"):
        answer.update(code=data.code, message=data.message, data=data.data)
    response = getattr(error, "response", None)
    if response is not None:
        answer["status"] = response.status_code
    return answer


class Wire:
    """What went over the wire, seen by the HTTP client's hooks: method, status and the fields that matter."""

    kept = ("mcp-session-id", "mcp-protocol-version", "mcp-method", "mcp-name", "content-type", "x-request-id",
            "last-event-id")

    def __init__(self):
        self.exchanges = []

    async def responded(self, response):
        def keep(headers):
            return {name: headers[name] for name in self.kept if name in headers}

        self.exchanges.append({
            "method": response.request.method,
            "path": response.request.url.path,
            "status": response.status_code,
            "request": keep(response.request.headers),
            "response": keep(response.headers),
        })


def text_of(result):
    return "".join(getattr(part, "text", "") for part in result.content)


async def run_steps(session, steps):
    """The same calls in both eras: the two SDKs name their methods alike."""

    async def step(name, action):
        try:
            steps[name] = await action()
        except Exception as error:  # noqa: BLE001: reported, not hidden
            steps[name] = {"error": described(error)}

    async def tools():
        return sorted(tool.name for tool in (await session.list_tools()).tools)

    async def call(name, arguments=None):
        result = await session.call_tool(name, arguments or {})
        failed = result.isError if hasattr(result, "isError") else result.is_error
        return {"text": text_of(result), "is_error": bool(failed)}

    async def progress():
        seen = []

        async def saw(progress, total, message):
            seen.append([progress, total, message])

        result = await session.call_tool("slow", {"steps": 3}, progress_callback=saw)
        return {"text": text_of(result), "progress": seen}

    async def interrupted():
        seen = []

        async def saw(progress, total, message):
            seen.append(message)

        result = await session.call_tool("interrupted", {}, progress_callback=saw)
        return {"text": text_of(result), "progress": seen}

    async def whoami():
        return json.loads((await call("whoami"))["text"])

    async def resource():
        from importlib import import_module

        uri = "memo://one"
        if SDK.startswith("1."):
            uri = import_module("pydantic").AnyUrl(uri)
        return (await session.read_resource(uri)).contents[0].text

    async def prompt():
        return (await session.get_prompt("greeting", {"name": "Ada"})).messages[0].content.text

    async def templates():
        answer = await session.list_resource_templates()
        if SDK.startswith("1."):
            return [template.uriTemplate for template in answer.resourceTemplates]
        return [template.uri_template for template in answer.resource_templates]

    async def completion(reference):
        return (await session.complete(reference, {"name": "name", "value": "A"})).completion.values

    from mcp.types import PromptReference, ResourceTemplateReference

    await step("tools", tools)
    await step("echo", lambda: call("echo", {"text": "grüß dich, 世界"}))
    await step("whoami", whoami)
    await step("progress", progress)
    if "interrupted" in (steps["tools"] if isinstance(steps["tools"], list) else []):
        await step("interrupted", interrupted)
    await step("failing", lambda: call("failing"))
    await step("delete_everything", lambda: call("delete_everything"))
    await step("resource", resource)
    await step("prompt", prompt)
    await step("templates", templates)
    await step("completion", lambda: completion(PromptReference(type="ref/prompt", name="greeting")))
    await step("completed_template",
               lambda: completion(ResourceTemplateReference(type="ref/resource", uri="notes://{name}")))
    await step("parallel", lambda: parallel(session))


async def parallel(session):
    """Several calls in flight at once, each answered with its own."""
    results = await asyncio.gather(*(session.call_tool("echo", {"text": str(n)}) for n in range(8)))
    return [text_of(result) for result in results]


async def with_sdk_1(url, headers, wire, steps):
    import httpx
    from mcp import ClientSession
    from mcp.client.streamable_http import streamable_http_client

    hooks = {"response": [wire.responded]}
    async with httpx.AsyncClient(headers=headers, event_hooks=hooks, timeout=120, trust_env=False) as http:
        async with streamable_http_client(url, http_client=http) as (read, write, session_id):
            async with ClientSession(read, write) as session:
                answer = await session.initialize()
                steps["initialize"] = {
                    "version": answer.protocolVersion,
                    "server": answer.serverInfo.name,
                    "session": session_id(),
                }
                await run_steps(session, steps)


async def with_sdk_2(url, headers, mode, wire, steps):
    import httpx2
    from mcp import Client
    from mcp.client.streamable_http import streamable_http_client

    hooks = {"response": [wire.responded]}
    async with httpx2.AsyncClient(headers=headers, event_hooks=hooks, timeout=120, trust_env=False) as http:
        transport = streamable_http_client(url, http_client=http)
        async with Client(transport, mode={"modern": "2026-07-28"}.get(mode, mode)) as client:
            steps["initialize"] = {
                "version": client.protocol_version,
                "server": client.server_info.name if client.server_info else None,
                "session": next((e["response"]["mcp-session-id"] for e in wire.exchanges
                                 if "mcp-session-id" in e["response"]), None),
            }
            await run_steps(client, steps)


async def with_sse(url, headers, wire, steps):
    """The transport of 2024-11-05: a GET stream that names the address of the POSTs."""
    from mcp import ClientSession
    from mcp.client.sse import sse_client

    http = __import__("httpx" if SDK.startswith("1.") else "httpx2")

    def factory(headers=None, timeout=None, auth=None):
        hooks = {"response": [wire.responded]}
        return http.AsyncClient(headers=headers, timeout=120, auth=auth, event_hooks=hooks, trust_env=False)

    async with sse_client(url, headers=headers, httpx_client_factory=factory) as (read, write):
        async with ClientSession(read, write) as session:
            answer = await session.initialize()
            version = getattr(answer, "protocolVersion", None) or answer.protocol_version
            server = getattr(answer, "serverInfo", None) or answer.server_info
            steps["initialize"] = {"version": version, "server": server.name, "session": None}
            await run_steps(session, steps)


async def with_fastmcp(url, headers, wire, steps):
    import httpx2
    from fastmcp import Client
    from fastmcp.client.transports import SSETransport, StreamableHttpTransport

    def factory(**options):
        options["timeout"] = 120
        return httpx2.AsyncClient(event_hooks={"response": [wire.responded]}, trust_env=False, **options)

    kind = SSETransport if url.endswith("/sse") else StreamableHttpTransport
    async with Client(kind(url, headers=headers, httpx_client_factory=factory)) as client:
        answer = client.initialize_result
        steps["initialize"] = {
            # In the new era nothing is negotiated: each request says its version.
            "version": answer.protocol_version if answer else wire.exchanges[-1]["request"].get("mcp-protocol-version"),
            "server": answer.server_info.name if answer else None,
            "session": next((e["response"]["mcp-session-id"] for e in wire.exchanges
                             if "mcp-session-id" in e["response"]), None),
        }
        await run_steps(FastMCPSession(client), steps)


class FastMCPSession:
    """fastmcp's client under the names of the SDK's."""

    def __init__(self, client):
        self.client = client

    async def list_tools(self):
        return type("Tools", (), {"tools": await self.client.list_tools()})

    async def call_tool(self, name, arguments, progress_callback=None):
        # Raises for a tool that fails, unless told not to.
        return await self.client.call_tool(name, arguments, progress_handler=progress_callback, raise_on_error=False)

    async def list_resource_templates(self):
        return type("Templates", (), {"resource_templates": await self.client.list_resource_templates()})

    async def complete(self, reference, argument):
        return type("Completed", (), {"completion": await self.client.complete(reference, argument)})

    async def read_resource(self, uri):
        return type("Contents", (), {"contents": await self.client.read_resource(str(uri))})

    async def get_prompt(self, name, arguments):
        return await self.client.get_prompt(name, arguments)


async def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("url")
    parser.add_argument("--mode", choices=["legacy", "modern", "auto"], default="legacy")
    parser.add_argument("--framework", choices=["sdk", "fastmcp"], default="sdk")
    parser.add_argument("--transport", choices=["streamable", "sse"], default="streamable")
    parser.add_argument("--header", action="append", default=[])
    parser.add_argument("--assertion-from-env")
    arguments = parser.parse_args()
    headers = dict(pair.split("=", 1) for pair in arguments.header)
    if arguments.assertion_from_env:
        headers["Cf-Access-Jwt-Assertion"] = os.environ[arguments.assertion_from_env]
    wire, steps = Wire(), {}
    outcome = {"sdk": SDK, "mode": arguments.mode, "steps": steps, "wire": wire.exchanges}
    try:
        async with asyncio.timeout(240):
            if arguments.framework == "fastmcp":
                await with_fastmcp(arguments.url, headers, wire, steps)
            elif arguments.transport == "sse":
                await with_sse(arguments.url, headers, wire, steps)
            elif SDK.startswith("1."):
                await with_sdk_1(arguments.url, headers, wire, steps)
            else:
                await with_sdk_2(arguments.url, headers, arguments.mode, wire, steps)
    except BaseException as error:  # noqa: BLE001: the object tells it
        outcome["failure"] = described(error)
        outcome["failure"]["trace"] = traceback.format_exc(limit=-3)
    print(json.dumps(outcome))


if __name__ == "__main__":
    asyncio.run(main())
