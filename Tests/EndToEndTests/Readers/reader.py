"""Reads JSON-RPC bodies as a server in Python would: json, and pydantic's AnyUrl, and RFC 3986 by the letter.

One base64 body a line on stdin, one line of JSON for each on stdout: null for what is no JSON-RPC, else a list with one object a message:
its method and that method folded, its id, its targets, each of these folded, and what each reader of URIs makes of it.
"""

import base64
import json
import re
import sys
import unicodedata
from urllib.parse import unquote

from pydantic import AnyUrl, TypeAdapter

URL = TypeAdapter(AnyUrl)
# RFC 3986 appendix B.
PARTS = re.compile(r"^(([^:/?#]+):)?(//([^/?#]*))?([^?#]*)(\?([^#]*))?(#(.*))?", re.DOTALL)
UNSEEN = re.compile("[\u00ad\u200b-\u200f\u2060-\u2064\ufeff]")


def folded(text):
    """A name as a lenient reader compares it."""
    return UNSEEN.sub("", unicodedata.normalize("NFKC", text)).strip().strip("\0").casefold()


def without_dots(path):
    """RFC 3986 section 5.2.4."""
    output = []
    while path:
        if path.startswith("../"):
            path = path[3:]
        elif path.startswith("./"):
            path = path[2:]
        elif path.startswith("/./"):
            path = path[2:]
        elif path == "/.":
            path = "/"
        elif path.startswith("/../") or path == "/..":
            path = "/" + path[4:]
            if output:
                output.pop()
        elif path in (".", ".."):
            path = ""
        else:
            end = path.find("/", 1)
            end = len(path) if end < 0 else end
            output.append(path[:end])
            path = path[end:]
    return "".join(output)


def readings(uri):
    """What each reader of URIs makes of a text; the text itself from a reader that changes nothing."""
    forms = []
    try:
        forms.append(str(URL.validate_python(uri)))
    except ValueError:
        pass
    scheme, _, authority, _, path = PARTS.match(uri).groups()[:5]
    rest = uri[len(scheme or "") + len(authority or "") + len(path):]
    forms.append((scheme or "").lower() + (authority or "") + without_dots(path) + rest)
    # A reader that decodes the path once and then resolves it, with either slash.
    once = unquote(path, errors="replace")
    plain = once.replace("\\", "/")
    segments = [segment.split(";")[0].strip() for segment in plain.split("/")]
    if without_dots(plain) != once or "." in segments or ".." in segments or "\ufffd" in once:
        forms.append((scheme or "") + (authority or "") + without_dots(plain) + rest)
    return forms


def targets(method, params):
    if not isinstance(params, dict):
        return []
    if method in ("tools/call", "prompts/get"):
        found = [params.get("name")]
    elif method in ("resources/read", "resources/subscribe"):
        found = [params.get("uri")]
    elif method == "completion/complete":
        ref = params.get("ref")
        ref = ref if isinstance(ref, dict) else {}
        found = [ref.get({"ref/prompt": "name", "ref/resource": "uri"}.get(ref.get("type")))]
    elif method == "subscriptions/listen":
        notifications = params.get("notifications")
        notifications = notifications if isinstance(notifications, dict) else {}
        # The SDK's model takes either name.
        found = notifications.get("resourceSubscriptions") or notifications.get("resource_subscriptions") or []
        found = found if isinstance(found, list) else []
    else:
        found = []
    return [text for text in found if isinstance(text, str)]


def identity(value):
    if isinstance(value, str):
        return "s:" + value
    return "i:" + json.dumps(value)


def message(value):
    if not isinstance(value, dict):
        raise ValueError("no message")
    method = value.get("method")
    if not isinstance(method, str):
        return {"method": None, "id": identity(value.get("id"))}
    found = targets(folded(method), value.get("params"))
    return {
        "method": method,
        "folded": folded(method),
        "id": identity(value.get("id")) if "id" in value else None,
        "targets": found,
        "names": [folded(text) for text in found],
        "forms": [readings(text) for text in found],
    }


for line in sys.stdin:
    try:
        body = json.loads(base64.b64decode(line))
        read = [message(one) for one in (body if isinstance(body, list) else [body])]
    except (ValueError, RecursionError):
        read = None
    # Half surrogate pairs cannot be written.
    print(json.dumps(read, ensure_ascii=False).encode("utf-8", "replace").decode(), flush=False)
