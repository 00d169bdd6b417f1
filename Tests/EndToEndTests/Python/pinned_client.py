"""Lists the tools of changing_server.py page by page and calls each of three, as client.py does its calls, and prints what it prints."""

import asyncio

import client


async def run_steps(session, steps):
    names, cursor = [], None
    while True:
        options = {"cursor": cursor} if cursor else {}
        answer = await session.list_tools(**options)
        names += [tool.name for tool in answer.tools]
        cursor = getattr(answer, "nextCursor", None) or getattr(answer, "next_cursor", None)
        if not cursor:
            break
    steps["tools"] = names
    for name in ("steady", "shifting", "late"):
        try:
            steps[name] = client.text_of(await session.call_tool(name, {"text": "x"}))
        except Exception as error:  # noqa: BLE001: reported, not hidden
            steps[name] = {"error": client.described(error)}


client.run_steps = run_steps
asyncio.run(client.main())
