"""Calls one tool over streamable HTTP with SDK 2 and prints {"text": …, "is_error": …, "tools": […]}.

The assertion stands in $ASSERTION.
"""

import asyncio
import json
import os
import sys

import httpx2
from mcp import Client
from mcp.client.streamable_http import streamable_http_client


async def main(url, tool, arguments):
    headers = {"Cf-Access-Jwt-Assertion": os.environ["ASSERTION"]}
    async with httpx2.AsyncClient(headers=headers, timeout=120, trust_env=False) as http:
        async with Client(streamable_http_client(url, http_client=http), mode="auto") as client:
            tools = [tool.name for tool in (await client.list_tools()).tools]
            result = await client.call_tool(tool, arguments)
            text = "".join(getattr(part, "text", "") for part in result.content)
            print(json.dumps({"text": text, "is_error": bool(result.is_error), "tools": tools}))


asyncio.run(main(sys.argv[1], sys.argv[2], json.loads(sys.argv[3]) if len(sys.argv) > 3 else {}))
