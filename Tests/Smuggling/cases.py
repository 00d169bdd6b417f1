"""The requests that are sent: the corpus of ambiguous ones, and generated ones that are bent at random."""

import base64
import json
import random
import re
from dataclasses import dataclass
from pathlib import Path

CORPUS = Path(__file__).with_name("corpus.json")
# What stands in a field of which no copy may arrive.
FORGED = b"forged-4c1e"
FIELD = b"X-Api-Key"


@dataclass
class Case:
    name: str
    raw: bytes
    # Nothing at all may arrive.
    is_refused: bool = False


def corpus(assertion: bytes) -> list[Case]:
    """Each ambiguous request with the caller's assertion behind its first Host, and a good request behind it that must not arrive."""
    found = []
    for entry in json.loads(CORPUS.read_text()):
        raw = base64.b64decode(entry["raw"])
        identified = re.sub(rb"(?i)(\r\nhost:[^\r\n]*\r\n)", lambda one: one.group(1) + b"Cf-Access-Jwt-Assertion: " + assertion + b"\r\n", raw, count=1)
        behind = b"GET /smuggled HTTP/1.1\r\nHost: a.example\r\nCf-Access-Jwt-Assertion: " + assertion + b"\r\n\r\n"
        found.append(Case("corpus: " + entry["name"], identified + behind, True))
    return found


LENGTHS = [b"Content-Length: %s", b"Content-Length:%s", b"content-length:  %s", b"Content-Length: %s ", b"Content-Length: 0%s", b"Content-Length: +%s", b"Content-Length: -%s",
           b"Content-Length : %s", b"Content-Length\t: %s", b" Content-Length: %s", b"Content_Length: %s", b"Content-Length: %s, %s", b"Content-Length: 0x%s", b"Content-Length: %s.0",
           b"Content-Length: %s;", b"Content-Length: \"%s\"", b"Content-Length:\r\n %s", b"Content-Length: 1844674407370955161%s", b"Content-Length: %s_0", b"Content-Length: \x0b%s",
           b"Content-Length: %s\r\nContent-Length: %s", b"Content-Length: %s\r\nContent-Length: 0", b"Content-Length: 0\r\nContent-Length: %s", b"Content.Length: %s", b"Content-Length\x00: %s"]
CODINGS = [b"chunked", b"Chunked", b"CHUNKED", b" chunked", b"chunked ", b"\tchunked", b"chunked\t", b"\x0bchunked", b"chunked\x0b", b"xchunked", b"chunked, identity", b"identity", b"identity, chunked",
           b"gzip, chunked", b"chunked, chunked", b"chunked,", b",chunked", b", chunked", b"chunked;q=1", b"\"chunked\"", b"'chunked'", b"chu\x00nked", b"chunked\x00", b"", b"chunked\xa0", b"\xa0chunked",
           b"c\xc4\xa7unked", b"deflate", b"cow", b"x\r\n chunked", b"\r\n chunked", b"chunked\r\nTransfer-Encoding: cow", b"cow\r\nTransfer-Encoding: chunked", b"chunked\r\nTransfer-Encoding: chunked"]
CODING_NAMES = [b"Transfer-Encoding: ", b"Transfer-Encoding: ", b"Transfer-Encoding: ", b"transfer-encoding:", b"Transfer-Encoding : ", b"Transfer-Encoding\t: ", b" Transfer-Encoding: ", b"Transfer_Encoding: ",
                b"Transfer.Encoding: ", b"X: y\nTransfer-Encoding: ", b"X: y\rTransfer-Encoding: ", b"Transfer-Encoding\x00: ", b"Transfer\xadEncoding: ", b"TE: ", b"Transfer-Encoding\xa0: "]
SIZES = ["%x", "%X", "0%x", "00000%x", "0000000000000000%x", "0x%x", "0X%x", "+%x", "-%x", " %x", "%x ", "\t%x", "%x\t", "%x_0", "1_%x", "%x;", "%x;a", "%x;a=b", "%x; a=b", "%x ;a=b", "%x;a=\"b\"", "%x;a=\"\r\n\"", "%x;a\n",
         "%x;\rb", "%x\x00", "%x,", "%x.0", "%x;a=" + "b" * 300, "ffffffffffffffff%x", "10000000000000000%x", "%xg", "", "%x\x0b", "%x;\x00", "\u0663%x"]
ENDS = [b"\r\n"] * 12 + [b"\n", b"\r", b"\r\r\n", b"\n\r", b"", b"\r\n ", b" \r\n", b"\x00\r\n", b"\x0b\r\n"]
TRAILERS = [b""] * 6 + [b"X-T: y\r\n", b"Content-Length: 5\r\n", b"Transfer-Encoding: chunked\r\n", b"Host: b.example\r\n", FIELD + b": " + FORGED + b"\r\n", b"X-T: y\n", b" X: y\r\n", b"X : y\r\n", b"X\r\n", b"Cf-Access-Jwt-Assertion: x\r\n",
           b"X: \x00\r\n", b"GET / HTTP/1.1\r\n"]
METHODS = [b"GET", b"GET", b"POST", b"POST", b"POST", b"PUT", b"DELETE", b"PATCH", b"HEAD", b"OPTIONS", b"TRACE", b"TRACK", b"CONNECT", b"get", b"PROPFIND", b"QUERY", b"PRI", b"G\x00ET", b"GE T", b"GET\t", b"M-SEARCH", b"A" * 32]
TARGETS = [b"/", b"/a", b"/a?x=1", b"/a/b/c", b"/A", b"/a/%20b", b"/a/%C3%A4", b"/a?x=/../b", b"/a;x=1", b"/a,b", b"/a/:80", b"/a'b", b"/a(b)*", b"/a?%zz", b"/a?x=1&token=abc", b"/a/b.c-d_e~f"]
GUARDED = [b"/closed", b"/closed/x", b"/./closed", b"/a/../closed", b"/%2e/closed", b"/a/%2e%2e/closed", b"//closed", b"/a//closed", b"/\\closed", b"/a/..\\closed", b"/%63losed", b"/%2fclosed", b"/a/..%2fclosed", b"/CLOSED", b"/Closed",
           b"/closed;x", b"/;/closed", b"/a/..;/closed", b"/a;/../closed", b"/closed%00", b"/closed%20", b"/closed%3bx", b"/closed?x", b"/closed%3Fx", b"/closed/.", b"/closed/..", b"/.;/closed", b"/%5cclosed", b"/closed#x", b"/a/.%2e/closed",
           b"/%c0%afclosed", b"/%252e%252e/closed", b"/%25%36%33losed", b"/%u0063losed", b"/closed.", b"/closed+", b"/cl%6fsed/x", b"/closed%09", b"/closed%0d%0a", b"/x%2f..%2fclosed", b"/closed::$DATA", b"/c\xc5\xbfosed", b"/closed%E2%80%8B"]
HOSTS = [b"Host: a.example"] * 14 + [b"Host: b.example", b"Host: a.example:80", b"Host: a.example:99999", b"Host:a.example", b"host: a.example ", b"Host: A.EXAMPLE", b"Host: a.example.", b"Host: a.example, b.example", b"Host: u@a.example",
        b"Host: a.example/closed", b"Host: a.example\r\nHost: b.example", b"Host : a.example", b"Host: a.example\r\n b.example", b"Host:", b"X: y", b"Host: [::1]", b"Host: 127.0.0.1", b"Host: a.example\x00", b"Host: a.example#b", b"Host: a.example?b", b"H\xc3\xb6st: a"]
VERSIONS = [b"HTTP/1.1"] * 16 + [b"HTTP/1.0", b"HTTP/1.0", b"HTTP/0.9", b"HTTP/1.2", b"HTTP/2", b"HTTP/2.0", b"http/1.1", b"HTTP/1.1 ", b"HTTP/01.1", b"HTTP/1.10", b"HTTP/1.1\x00", b"HTTP/1,1", b"", b"HTTPS/1.1", b"ICY/1.1"]
EXTRAS = [b"Expect: 100-continue", b"expect: 100-Continue", b"Expect: 200-ok", b"Expect: 100-continue, x", b"Upgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13",
          b"Upgrade: h2c\r\nConnection: Upgrade, HTTP2-Settings\r\nHTTP2-Settings: AAMAAABkAAQAAP__", b"Upgrade: TLS/1.0\r\nConnection: upgrade", b"Connection: close", b"Connection: keep-alive", b"Connection: X-Api-Key", b"Connection: Host",
          b"Connection: Content-Length", b"Connection: Transfer-Encoding", b"Connection: close, X-Request-Id, X-Forwarded-For", b"Keep-Alive: timeout=5", b"Proxy-Connection: keep-alive", b"TE: trailers", b"Trailer: X-Api-Key",
          b"X-Original-URL: /closed", b"X-Rewrite-URL: /closed", b"X-HTTP-Method-Override: DELETE", b"X-Forwarded-Host: b.example", b"X-Forwarded-Path: /closed", b"Max-Forwards: 0", b"Range: bytes=0-1", b"Content-Encoding: gzip",
          b"Origin: https://evil.example", b"Cookie: a=b; CF_Authorization=x; c=d", b"X-A: 1\r\n folded", b"X-A: 1\r\n\tfolded", b"X-A: 1\nX-B: 2", b"X-A: 1\rX-B: 2", b"X-A: \x00", b"X-A: \x0b\x0c", b"X-A: \x80\xff", b"X-A : 1", b"X A: 1",
          b": 1", b"X-A", b"\x00: 1", b"X-A: \r", b"X-A:\t1\t", b"X-A: " + b"a" * 5000, b"(X): 1", b"X-\xc3\xa4: 1", b"X-Request-Id: mine", b"Authorization: Bearer x", b"Proxy-Authorization: Basic eDp5"]
KEYS = [b"X-Api-Key: ", b"x-api-key: ", b"X-API-KEY:", b"X_Api_Key: ", b"X.Api.Key: ", b"x-api_key: ", b"X-Api-Key : ", b"X-Api-Key\t: ", b" X-Api-Key: ", b"X: y\nX-Api-Key: ", b"X: y\rX-Api-Key: ", b"X-Api-Key\x00: ", b"X-Api-Key:\x0b",
        b"X: y\r\n X-Api-Key: ", b"HTTP_X_API_KEY: "]
ASSERTIONS = [b"Cf-Access-Jwt-Assertion: "] * 24 + [b"cf-access-jwt-assertion:", b"CF-ACCESS-JWT-ASSERTION: ", b"Cf_Access_Jwt_Assertion: ", b"Cf.Access.Jwt.Assertion: ", b"Cf-Access-Jwt-Assertion : ", b"Cf-Access_Jwt-Assertion: "]
# Methods that every server knows.
COMMON = {"GET", "POST", "PUT", "DELETE", "HEAD", "OPTIONS", "PATCH"}
# Bytes that readers disagree about.
ODD = [b"\r", b"\n", b"\r\n", b"\x00", b"\t", b" ", b":", b";", b",", b"\x0b", b"\x0c", b"\x85", b"\xa0", b"\xff", b"%", b"/", b"\\", b"_", b"\r\n\r\n", b"\x7f", b"\xc2\xa0", b"0", b"#", b"?"]
RPC = b'{"jsonrpc":"2.0","id":7,"method":"tools/call","params":{"name":"echo","arguments":{}}}'


class Generator:
    def __init__(self, seed: int, assertion: bytes) -> None:
        self.random, self.assertion = random.Random(seed), assertion

    def chance(self, share: float) -> bool:
        return self.random.random() < share

    def good(self, method: bytes, target: bytes, *lines: bytes, body: bytes = b"") -> bytes:
        head = [method + b" " + target + b" HTTP/1.1", b"Host: a.example", b"Cf-Access-Jwt-Assertion: " + self.assertion, *lines]
        return b"\r\n".join(head) + b"\r\n\r\n" + body

    def chunked(self, body: bytes, bent: bool) -> bytes:
        pieces, at = [], 0
        odd = self.random.randrange(4) if bent else -1
        while at < len(body):
            count = self.random.randint(1, max(1, len(body) - at))
            size = self.random.choice(SIZES) if odd == 0 else "%x"
            told = count + self.random.choice([-1, 1, 2, 1 << 32, 1 << 63]) if odd == 1 and self.chance(0.3) else count
            end = self.random.choice(ENDS) if odd == 2 else b"\r\n"
            text = (size % told if "%" in size else size).encode()
            pieces += [text, self.random.choice(ENDS) if odd == 2 else b"\r\n", body[at : at + count], end]
            at += count
        last = self.random.choice(["0", "00", "000", "0;a", "-0", "+0", "0x0", "0 ", ""]).encode() if odd == 3 else b"0"
        return b"".join(pieces) + last + b"\r\n" + (self.random.choice(TRAILERS) if bent else b"") + (self.random.choice(ENDS) if bent else b"\r\n")

    def inner(self) -> bytes:
        """A body that a reader who has lost the boundary takes for a request of the caller's."""
        target = self.random.choice([b"/smuggled", b"/closed/smuggled"])
        return self.random.choice([
            self.good(b"GET", target), b"G", b"0\r\n\r\n", b"0\r\n\r\n" + self.good(b"GET", target), b"", b"abc", b"\r\n" + self.good(b"POST", target, b"Content-Length: 0"), RPC, RPC,
        ])

    def bent(self) -> bytes:
        # Half of them are bent in few places, so that many arrive.
        mild = self.random.choice([0.15, 0.15, 0.5, 1])
        choose, chance = self.random.choice, self.chance

        def odd(good: bytes, all_of_them: list[bytes], share: float) -> bytes:
            return choose(all_of_them) if chance(share * mild) else good

        target = choose(GUARDED) if chance(0.35 * mild) else choose([b"/mcp", *TARGETS])
        if chance(0.05):
            target = choose([b"http://a.example"] * 3 + [b"http://b.example", b"HTTP://A.EXAMPLE", b"http://a.example:80", b"//a.example", b"http:", b"ftp://a.example", b"http://a.example@b.example"]) + target
        method = odd(choose([b"GET", b"POST", b"POST", b"PUT", b"DELETE", b"HEAD", b"OPTIONS"]), METHODS, 0.7)
        lines = [method + b" " + target + b" " + odd(b"HTTP/1.1", VERSIONS, 0.6), odd(HOSTS[0], HOSTS, 0.6), odd(ASSERTIONS[0], ASSERTIONS, 0.6) + self.assertion]
        body, framed = self.inner() if chance(0.6) else b"", b""
        if target.endswith(b"/mcp"):
            lines += [b"Content-Type: application/json", b"Accept: application/json, text/event-stream"]
            body = RPC if chance(0.7) else body
        if chance(0.5):
            lines.append(odd(CODING_NAMES[0], CODING_NAMES, 0.5) + odd(b"chunked", CODINGS, 0.6))
            framed = self.chunked(body, chance(0.7 * mild))
        if body and not framed or chance(0.15 * mild):
            count = max(0, len(framed or body) + (choose([-1, 1, 5]) if chance(0.1) else 0))
            lines.append(odd(LENGTHS[0], LENGTHS, 0.6).replace(b"%s", b"%d" % count))
        # Not two of one name: nginx refuses two Expect before it has read which request it is.
        extras = {line.split(b":")[0].lower(): line for line in (choose(EXTRAS) for _ in range(choose([0, 0, 1, 1, 2])))}
        lines += extras.values() if chance(0.3 + mild) else []
        if chance(0.5):
            lines.append(odd(choose(KEYS[:6]), KEYS, 0.7) + FORGED)
        rest = lines[1:]
        self.random.shuffle(rest)
        raw = bytearray(b"\r\n".join([lines[0], *rest]) + b"\r\n\r\n")
        for _ in range(choose([0, 0, 1, 1, 2]) if chance(mild) else 0):
            at = self.random.randrange(len(raw))
            raw[at : at + choose([0, 0, 1])] = choose(ODD)
        return bytes(raw) + (framed or body)

    def behind(self) -> bytes:
        """A request that is refused wherever it is found, or a good one."""
        nobody = b"GET /refused/nobody HTTP/1.1\r\nHost: a.example\r\n\r\n"
        return self.random.choice([b"", b"", nobody, self.good(b"GET", b"/closed/refused"), self.good(b"GET", b"/behind"), self.good(b"POST", b"/behind", b"Content-Length: 3", body=b"abc"), self.good(b"TRACE", b"/trace"), b"G"])

    def case(self, number: int) -> Case:
        before = self.good(b"GET", b"/before") if self.chance(0.2) else b""
        return Case(f"generated {number}", before + self.bent() + self.behind())
