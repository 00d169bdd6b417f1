"""A REST API with MCP beside it, made with FastAPI and fastapi-mcp: each operation of the API is a tool as well.

Prints one line of JSON on stdout when it listens: {"port": 12345}.
GET /_received tells what arrived from outside: "METHOD path" of each request. Ends when stdin closes.
"""

import json

from fastapi import FastAPI
from fastapi_mcp import FastApiMCP
from pydantic import BaseModel

from serving import serve

app = FastAPI()
items = {1: "one", 2: "two"}
received = []


class Item(BaseModel):
    name: str
    price: int


@app.get("/items/{number}", operation_id="get_item")
def get_item(number: int):
    return {"number": number, "name": items[number]}


@app.delete("/items/{number}", operation_id="delete_item")
def delete_item(number: int):
    return {"deleted": items.pop(number)}


@app.post("/items", operation_id="create_item")
def create_item(item: Item):
    items[len(items) + 1] = item.name
    return {"created": item.name}


FastApiMCP(app).mount_http()


async def recorder(scope, receive, send):
    if scope["type"] == "http" and scope["path"] == "/_received":
        body = json.dumps({"requests": received, "items": list(items.values())}).encode()
        await send({"type": "http.response.start", "status": 200, "headers": [(b"content-type", b"application/json")]})
        return await send({"type": "http.response.body", "body": body})
    if scope["type"] == "http":
        received.append(f"{scope['method']} {scope['path']}")
    await app(scope, receive, send)


serve(recorder, lifespan="auto")
