"""User instructions per request, counted by callgrind: two runs over one connection, their difference by the difference in requests."""

import re
import subprocess
import sys
import os

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))

import socket  # noqa: E402

import peers  # noqa: E402
from processes import Process, exchange, wait_for  # noqa: E402

CALL = (b'{"jsonrpc":"2.0","id":17,"method":"tools/call","params":{"name":"list_rows","arguments":{"docId":"AbCDeFGH",'
        b'"tableIdOrName":"grid-pqRst-U","limit":25,"query":"status:open","useColumnNames":true}}}')


def requests(port, assertion, number, path):
    head = (f"POST {path} HTTP/1.1\r\nHost: mcp.example.com\r\nContent-Type: application/json\r\n"
            f"Accept: application/json, text/event-stream\r\nMcp-Protocol-Version: 2025-06-18\r\n"
            f"User-Agent: claude-user/1.0\r\nCf-Ray: 8f2b1c3d4e5f6071-FRA\r\nCf-Connecting-Ip: 203.0.113.9\r\n"
            f"X-Forwarded-For: 203.0.113.9\r\nX-Forwarded-Proto: https\r\nAuthorization: Bearer client\r\n"
            f"Cf-Access-Jwt-Assertion: {assertion}\r\nContent-Length: {len(CALL)}\r\n\r\n").encode()
    with socket.create_connection(("127.0.0.1", port), timeout=120) as connection:
        for _ in range(number):
            connection.sendall(head + CALL)
            answer = b""
            while not answer.endswith(b"}}"):
                answer += connection.recv(65536)
            assert answer.startswith(b"HTTP/1.1 200"), answer[:200]


def count(bench, number, path):
    """Instructions of the whole process that serves so many requests."""
    peer = peers.ALL[0]
    wanted = os.path.join(bench.run, "callgrind.out")
    peer.arguments = lambda bench, file, cores: [
        "valgrind", "--tool=callgrind", f"--callgrind-out-file={wanted}", bench.gatehouse, "serve", "--config", file]
    peer.start(bench, patience=120)
    try:
        requests(peer.port, bench.keys.one(), number, path)
    finally:
        peer.stop()
    return int(re.search(r"^(?:summary|totals): (\d+)", open(wanted).read(), re.M)[1])


def main():
    bench = peers.Bench(sys.argv[1], sys.argv[2])
    path = sys.argv[3] if len(sys.argv) > 3 else "/mcp"
    upstream = bench.upstream()
    try:
        few, many = count(bench, 500, path), count(bench, 2500, path)
    finally:
        upstream.stop()
    print(f"{(many - few) / 2000:.0f} user instructions per request")


main()
