"""Calls the tool of ruled_server.py with many arguments, as client.py does its calls, and prints what it prints."""

import asyncio
import json

import client

CALLS = {
    "good": {"docId": "AbC-grüß", "limit": 7, "options": {"dryRun": True}},
    "float": {"docId": "AbC1", "limit": 2.0, "options": {"dryRun": True, "more": None}},
    "other_document": {"docId": "XyZ", "limit": 7, "options": {"dryRun": True}},
    "too_many": {"docId": "AbC1", "limit": 101, "options": {"dryRun": True}},
    "in_earnest": {"docId": "AbC1", "limit": 7, "options": {"dryRun": False}},
    "no_options": {"docId": "AbC1", "limit": 7},
    "null": {"docId": "AbC1", "limit": None, "options": {"dryRun": True}},
    "tagged": {"docId": "AbC1", "limit": 7, "options": {"dryRun": True}, "tags": ["x"]},
    "again": {"docId": "AbC2", "limit": 100, "options": {"dryRun": True}},
}


async def run_steps(session, steps):
    steps["tools"] = [tool.name for tool in (await session.list_tools()).tools]
    for name, arguments in CALLS.items():
        try:
            steps[name] = json.loads(client.text_of(await session.call_tool("create_row", arguments)))
        except Exception as error:  # noqa: BLE001: reported, not hidden
            steps[name] = {"error": client.described(error)}


client.run_steps = run_steps
asyncio.run(client.main())
