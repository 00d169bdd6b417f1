"""A uvicorn server that writes each request that arrives whole on stdout, a line of JSON each.

    uvicorn_server.py PORT h11|httptools
"""

import itertools
import json
import logging
import sys

import uvicorn

NUMBERS = itertools.count(1)


def tell(**told):
    print(json.dumps(told), flush=True)


class Faults(logging.Handler):
    """What uvicorn says of bytes that it cannot read as a request."""

    def emit(self, record):
        tell(fault=record.getMessage())


async def application(scope, receive, send):
    if scope["type"] != "http":
        tell(fault=f"a {scope['type']} arrived")
        return
    body, more = b"", True
    while more:
        event = await receive()
        if event["type"] == "http.disconnect":
            return
        body, more = body + event.get("body", b""), event.get("more_body", False)
    number = next(NUMBERS)
    query = b"?" + scope["query_string"] if scope["query_string"] or scope["raw_path"].endswith(b"?") else b""
    tell(
        number=number,
        method=scope["method"],
        path=(scope["raw_path"] + query).decode("latin-1"),
        fields=[[name.decode("latin-1"), value.decode("latin-1")] for name, value in scope["headers"]],
        body=body.decode("latin-1"),
    )
    fields = [(b"content-type", b"application/json"), (b"x-arrival", b"%d" % number), (b"content-length", b"2")]
    await send({"type": "http.response.start", "status": 200, "headers": fields})
    await send({"type": "http.response.body", "body": b"{}"})


logging.getLogger("uvicorn.error").addHandler(Faults(logging.WARNING))
uvicorn.run(application, host="127.0.0.1", port=int(sys.argv[1]), http=sys.argv[2], lifespan="off", access_log=False, log_level="warning", ws="none")
