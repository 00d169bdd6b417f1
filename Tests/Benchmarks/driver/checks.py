"""Whether each peer does the duties it is measured at: a proxy that does less is quicker."""

import time

from peers import CALL, MCP, TOKEN
from processes import exchange, wait_for

ECHO = b'{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"echo","arguments":{}}}'


def check(bench, peer):
    """Problems found, in words; none when it does its part."""
    problems = []

    def expect(holds, words):
        if not holds:
            problems.append(words)

    good = bench.keys.one()
    path, method = ("/mcp", "POST") if peer.only_mcp else ("/echo", "GET")
    own = [("Authorization", "Bearer evil"), ("X-Keep", "1"), *MCP]
    status, _, seen = exchange(peer.port, path, method, own, ECHO if peer.only_mcp else b"", good)
    text = seen.decode("latin1").lower()
    expect(status == 200, f"a good request got {status}")
    # Gatehouse injects it, and lets no answer give it back.
    told = "[redacted]" if peer.settings.get("GUARD") == "redact" else TOKEN.lower()
    expect(text.count("authorization:") == 1 and f"bearer {told}" in text, "the token was not injected exactly once")
    expect("cf-access-jwt-assertion" not in text, "the assertion went upstream")
    # A gateway sends requests of its own.
    expect(peer.only_mcp or "x-keep: 1" in text, "another field was lost")
    if peer.verifies:
        refused = {
            "no assertion": None,
            "an expired one": bench.keys.minted(exp=int(time.time()) - 400),
            "another audience": bench.keys.minted(aud=["other"]),
            "another issuer": bench.keys.minted(iss="https://evil.example.com"),
            "a broken signature": open(bench.keys.path("broken")).readline().strip(),
        }
        for words, assertion in refused.items():
            status, _, _ = exchange(peer.port, "/mcp", "POST", MCP, CALL, assertion)
            expect(status in (401, 403), f"{words} got {status}")
    if not peer.name.startswith("gatehouse"):
        # HAProxy and Envoy write their log late.
        expect(wait_for(lambda: f'"p":"{path}"' in peer.log_text(bench), 15), "no log line")
    return problems
