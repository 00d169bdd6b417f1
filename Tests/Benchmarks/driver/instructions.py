"""User instructions per request, counted by callgrind: two runs over one connection, their difference by the difference in requests.

    instructions.py FOLDER GATEHOUSE [PATH | shared | personal]

`shared` and `personal` are one call with a sealed token, of all callers or of the person. Of the whole and of the loop's part, which repeats; it has a name in a
binary from which `strip --strip-debug` took no more than valgrind cannot read.
"""

import base64
import json
import re
import subprocess
import sys
import os
import time

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))

import socket  # noqa: E402

import peers  # noqa: E402
from processes import Process, exchange, wait_for  # noqa: E402

PERSONAL = peers.gatehouse("gatehouse", 18010, file="personal.yaml")
CALL = (b'{"jsonrpc":"2.0","id":17,"method":"tools/call","params":{"name":"list_rows","arguments":{"docId":"AbCDeFGH",'
        b'"tableIdOrName":"grid-pqRst-U","limit":25,"query":"status:open","useColumnNames":true}}}')


def requests(port, assertion, number, path, host):
    head = (f"POST {path} HTTP/1.1\r\nHost: {host}\r\nContent-Type: application/json\r\n"
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


def seal(bench, assertion):
    """A shared token and one of the caller's own, in a store of this run."""
    def run(*words, value=b""):
        configuration = os.path.join(bench.run, "gatehouse-personal.yaml")
        subprocess.run([bench.gatehouse, *words, "--config", configuration], input=value, check=True, stdout=subprocess.DEVNULL)

    for name in os.listdir(bench.run):
        if name.startswith("personal."):
            os.remove(os.path.join(bench.run, name))
    subprocess.run([bench.gatehouse, "key", "generate", "--out", os.path.join(bench.run, "personal.key")], check=True)
    payload = assertion.split(".")[1]
    subject = json.loads(base64.urlsafe_b64decode(payload + "=" * (-len(payload) % 4)))["sub"]
    run("token", "set", "bench", value=peers.TOKEN.encode())
    run("token", "set", "own", "--owner", subject, value=peers.TOKEN.encode())


def count(bench, number, path):
    """Instructions of the whole process that serves so many requests, and of its loop."""
    peer = PERSONAL if path in ("shared", "personal") else peers.ALL[0]
    host = "own.example.com" if path == "personal" else "mcp.example.com"
    if peer is PERSONAL:
        path = "/mcp"
        peer.write(bench)
        seal(bench, bench.keys.one())
    wanted = os.path.join(bench.run, "callgrind.out")
    peer.arguments = lambda bench, file, cores: [
        "valgrind", "--tool=callgrind", f"--callgrind-out-file={wanted}", bench.gatehouse, "serve", "--config", file]
    peer.start(bench, patience=120)
    try:
        if peer is PERSONAL:
            # The personal tokens are read after the start, and each time something asks for them would count.
            time.sleep(6)
        requests(peer.port, bench.keys.one(), number, path, host)
    finally:
        peer.stop()
    whole = int(re.search(r"^(?:summary|totals): (\d+)", open(wanted).read(), re.M)[1])
    annotated = subprocess.run(["callgrind_annotate", "--inclusive=yes", "--threshold=100", wanted], capture_output=True, text=True, check=True)
    turns = [int(line.split()[0].replace(",", "")) for line in annotated.stdout.splitlines() if re.search(r"\$s10SocketLoop\S*C4turn", line)]
    return whole, max(turns, default=0)


def main():
    bench = peers.Bench(sys.argv[1], sys.argv[2])
    path = sys.argv[3] if len(sys.argv) > 3 else "/mcp"
    upstream = bench.upstream()
    try:
        few, many = count(bench, 500, path), count(bench, 2500, path)
    finally:
        upstream.stop()
    print(f"{(many[0] - few[0]) / 2000:.0f} user instructions per request, {(many[1] - few[1]) / 2000:.0f} of them in the loop")


main()
