"""Asks reflecting_server.py for its header fields in these forms through the SDK, and prints {FORM: {"text": …, "progress": …}, …}.

    reflecting_client.py URL FORM...

The assertion stands in $ASSERTION.
"""

import asyncio
import json
import os
import sys

import httpx2
from mcp import Client
from mcp.client.streamable_http import streamable_http_client


async def main(url, forms):
    headers = {"Cf-Access-Jwt-Assertion": os.environ["ASSERTION"]}
    answers = {}
    async with httpx2.AsyncClient(headers=headers, timeout=120, trust_env=False) as http:
        async with Client(streamable_http_client(url, http_client=http), mode="auto") as client:
            for form in forms:
                told = []

                async def progress(step, total, message):
                    told.append(message or "")

                result = await client.call_tool("fields", {"form": form}, progress_callback=progress)
                text = "".join(getattr(part, "text", "") for part in result.content)
                answers[form] = {"text": text, "progress": "".join(told), "is_error": bool(result.is_error)}
    print(json.dumps(answers))


asyncio.run(main(sys.argv[1], sys.argv[2:]))
