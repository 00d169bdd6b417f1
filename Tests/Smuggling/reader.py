"""A strict reader of HTTP/1.1 requests: the second opinion on where each one ends and what it says. It takes only what RFC 9112 has senders send."""

import re
from dataclasses import dataclass

TOKEN = re.compile(rb"[!#$%&'*+.^_`|~0-9A-Za-z-]+\Z")
LINE = re.compile(rb"([!#$%&'*+.^_`|~0-9A-Za-z-]+) ([\x21-\x7e]+) HTTP/1\.([01])\Z")
VALUE = re.compile(rb"[\t\x20-\x7e\x80-\xff]*\Z")
AUTHORITY = re.compile(rb"https?://([^/?#]+)(/.*)\Z", re.IGNORECASE)


class Malformed(Exception):
    """No strict sender writes this."""


class Incomplete(Exception):
    """The end of the request is not there."""


@dataclass
class Request:
    method: bytes
    target: bytes
    minor: int
    fields: list[tuple[bytes, bytes]]
    body: bytes
    trailers: list[tuple[bytes, bytes]]

    def values(self, name: str) -> list[bytes]:
        return [value for field, value in self.fields if field.lower() == name.encode()]

    @property
    def path(self) -> bytes:
        """The target in origin form."""
        absolute = AUTHORITY.match(self.target)
        return absolute.group(2) if absolute else self.target


def line(data: bytes, at: int) -> tuple[bytes, int]:
    """One line and the place behind it. It ends with CRLF, and neither stands in it."""
    end = data.find(b"\r\n", at)
    text = data[at : end if end >= 0 else len(data)]
    if b"\n" in text or b"\r" in text.rstrip(b"\r") or end >= 0 and b"\r" in text:
        raise Malformed("a bare CR or LF")
    if end < 0:
        raise Incomplete
    return text, end + 2


def field_lines(data: bytes, at: int) -> tuple[list[tuple[bytes, bytes]], int]:
    fields = []
    while True:
        text, at = line(data, at)
        if not text:
            return fields, at
        name, colon, value = text.partition(b":")
        if not colon or not TOKEN.match(name) or not VALUE.match(value):
            raise Malformed("a field line")
        fields.append((name, value.strip(b" \t")))


def chunks(data: bytes, at: int) -> tuple[bytes, list[tuple[bytes, bytes]], int]:
    """The body, its trailers, and the place behind them."""
    body = b""
    while True:
        text, at = line(data, at)
        size = re.match(rb"([0-9A-Fa-f]{1,15})((?:[ \t]*;[\t\x20-\x7e\x80-\xff]*)?)\Z", text)
        if not size:
            raise Malformed("a chunk size")
        count = int(size.group(1), 16)
        if count == 0:
            return body, *field_lines(data, at)
        if len(data) >= at + count + 1 and data[at + count : at + count + 2] not in {b"\r\n", b"\r"}:
            raise Malformed("the end of a chunk")
        if len(data) < at + count + 2:
            raise Incomplete
        body += data[at : at + count]
        at += count + 2


def request(data: bytes, at: int = 0) -> tuple[Request, int]:
    """The request at a place, and the place behind it."""
    if data.startswith(b"\r\n", at):
        at += 2
    text, at = line(data, at)
    first = LINE.match(text)
    if not first:
        raise Malformed("a request line")
    fields, at = field_lines(data, at)
    result = Request(first.group(1), first.group(2), int(first.group(3)), fields, b"", [])
    lengths, codings = result.values("content-length"), result.values("transfer-encoding")
    if len(result.values("host")) != 1 or len(lengths) > 1 or lengths and codings:
        raise Malformed("Host or length")
    if codings:
        if len(codings) > 1 or codings[0].lower() != b"chunked" or result.minor == 0:
            raise Malformed("a coding")
        result.body, result.trailers, at = chunks(data, at)
    elif lengths:
        if not re.fullmatch(rb"[0-9]{1,18}", lengths[0]):
            raise Malformed("a length")
        count = int(lengths[0])
        if len(data) < at + count:
            raise Incomplete
        result.body, at = data[at : at + count], at + count
    return result, at


def requests(data: bytes) -> tuple[list[Request], bytes]:
    """Those that stand whole in the bytes, up to the first that is none, and the word that this one begins with."""
    found, at = [], 0
    try:
        while at < len(data):
            one, at = request(data, at)
            found.append(one)
    except (Malformed, Incomplete):
        pass
    return found, data[at:].lstrip(b"\r\n").split(b" ", 1)[0]
