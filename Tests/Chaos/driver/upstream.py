"""An MCP server of one tool for every name, which writes down each call before it answers.

    upstream.py FILE

Prints its port. A line of FILE is the id that Gatehouse gave the request, the name of the tool, which is the caller's id of it, and a digest of the
credential that came with it.
"""

import asyncio
import hashlib
import json
import os
import sys


async def talk(reader, writer):
    try:
        while True:
            head = (await reader.readuntil(b"\r\n\r\n")).decode("latin1")
            fields = dict(line.lower().split(": ", 1) for line in head.split("\r\n")[1:] if ": " in line)
            body = await reader.readexactly(int(fields.get("content-length", 0)))
            call = json.loads(body)
            name = call["params"]["name"]
            os.write(calls, f"{fields.get('x-request-id', '-')} {name} {digest(credential(head))}\n".encode())
            text = "x" * int(call["params"]["arguments"].get("size", 1))
            answer = {"jsonrpc": "2.0", "id": call["id"], "result": {"content": [{"type": "text", "text": text}]}}
            answer = json.dumps(answer).encode()
            writer.write(b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n" % len(answer) + answer)
            await writer.drain()
    except (asyncio.IncompleteReadError, ConnectionError, asyncio.LimitOverrunError):
        pass
    finally:
        writer.close()


def credential(head):
    """That of the `Authorization` field, as it was written."""
    return next((line[14:].strip() for line in head.split("\r\n") if line.lower().startswith("authorization:")), "")


def digest(text):
    return hashlib.sha256(text.encode("latin1")).hexdigest()[:16]


async def main():
    server = await asyncio.start_server(talk, "127.0.0.1", 0, limit=1 << 20, backlog=1024)
    print(server.sockets[0].getsockname()[1], flush=True)
    async with server:
        await server.serve_forever()


if __name__ == "__main__":
    calls = os.open(sys.argv[1], os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
    asyncio.run(main())
