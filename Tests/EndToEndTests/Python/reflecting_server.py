"""An MCP server that gives back the header fields that it gets: in the results of a tool, in progress of a call, on a page and on an error page.

Prints one line of JSON on stdout when it listens: {"port": 12345}. Ends on SIGTERM, and when stdin closes.
"""

import base64
import html
import json
import urllib.parse

from mcp.server.mcpserver import Context, MCPServer
from mcp.server.transport_security import TransportSecuritySettings
from serving import serve
from starlette.responses import HTMLResponse, JSONResponse, StreamingResponse
from starlette.routing import Route

FIELD = "x-coda-api-key"
mcp = MCPServer("reflecting")


def written(form, fields):
    """The fields, all of them or the one with the secret, in a form that real servers write."""
    text = json.dumps(dict(fields))
    secret = fields[FIELD]
    return {
        "json": text,
        "json in json": json.dumps(text),
        "escaped": "".join(f"\\u{ord(character):04x}" for character in secret),
        "percent": urllib.parse.urlencode({"key": secret}),
        "every byte percent": "".join(f"%{ord(character):02X}" for character in secret),
        "html": html.escape(text),
        "base64": base64.b64encode(text.encode()).decode(),
        "base64 shifted": base64.b64encode(b"x" + text.encode()).decode(),
        "base64 shifted twice": base64.urlsafe_b64encode(b"xy" + text.encode()).decode().rstrip("="),
        "mime": base64.encodebytes(text.encode()).decode(),
        "hex": text.encode().hex(),
        "HEX": secret.encode().hex().upper(),
    }[form]


@mcp.tool()
async def fields(form: str, ctx: Context) -> str:
    """Answers with the header fields that it got, after it has told them as progress."""
    text = written(form, ctx.headers)
    await ctx.report_progress(1, 2, text)
    return text


async def page(request):
    form = request.query_params["form"]
    return HTMLResponse(f"<pre>{written(form, request.headers)}</pre>", int(request.query_params.get("status", 200)))


async def parts(request):
    """One byte at a time, in chunks of its own."""

    async def body():
        for character in written(request.query_params["form"], request.headers):
            yield character

    return StreamingResponse(body(), media_type="text/plain", headers={"x-echo": request.headers[FIELD]})


async def clean(request):
    return JSONResponse({"fields": len(request.headers)})


app = mcp.streamable_http_app(
    transport_security=TransportSecuritySettings(enable_dns_rebinding_protection=False)
)
app.router.routes += [Route("/page", page), Route("/parts", parts), Route("/clean", clean)]
serve(app)
