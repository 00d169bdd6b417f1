"""A client that takes what it can get, as a process of its own.

    attackers.py KIND SOCKET    the assertion comes on the first line of stdin; it ends when stdin closes
"""

import json
import os
import resource
import select
import socket
import sys
import time


def connected(path):
    one = socket.socket(socket.AF_UNIX)
    one.settimeout(2)
    one.connect(path)
    one.setblocking(False)
    return one


def call(assertion, length, size=1):
    body = json.dumps({"jsonrpc": "2.0", "id": 1, "method": "tools/call", "params": {"name": "t-ok-greedy", "arguments": {"size": size}}})
    own = f"Cf-Access-Jwt-Assertion: {assertion}\r\n" if assertion else ""
    return (f"POST /mcp HTTP/1.1\r\nHost: mcp.example.com\r\nContent-Type: application/json\r\n{own}"
            f"Content-Length: {length or len(body)}\r\n\r\n").encode() + (b"" if length else body.encode())


class Attack:
    """`count` connections, each made anew when it is closed; `turn` does to each what the attack is, a hundred times a second in all."""

    def __init__(self, path, count, first, drip=b"", reads=True, every=1.0):
        self.path, self.first, self.drip, self.reads, self.every = path, first, drip, reads, every
        self.open = [None] * count
        self.counts = {"connections": 0, "closed": 0}

    def step(self, place):
        one = self.open[place]
        try:
            if one is None:
                one = self.open[place] = connected(self.path)
                self.counts["connections"] += 1
                one.send(self.first)
                return
            if self.reads:
                try:
                    while True:
                        if not one.recv(65536):
                            raise ConnectionResetError
                except BlockingIOError:
                    pass
            if self.drip:
                one.send(self.drip)
        except BlockingIOError:
            pass
        except OSError:
            self.counts["closed"] += 1
            if one:
                one.close()
            self.open[place] = None

    def run(self):
        place, began, steps = 0, time.monotonic(), 0
        rate = len(self.open) / self.every
        print("ready", flush=True)
        while not select.select([sys.stdin], [], [], 0.01)[0]:
            while steps < (time.monotonic() - began) * rate:
                self.step(place)
                place, steps = (place + 1) % len(self.open), steps + 1
        print(json.dumps(self.counts), flush=True)


def main():
    kind, path = sys.argv[1:]
    assertion = sys.stdin.readline().strip()
    resource.setrlimit(resource.RLIMIT_NOFILE, (resource.getrlimit(resource.RLIMIT_NOFILE)[1],) * 2)
    # What it costs to attack is not what is measured.
    os.nice(10)
    attacks = {
        "slow-heads": lambda: Attack(path, 1000, b"POST /mcp HTTP/1.1\r\nHost: mcp.exa", drip=b"x"),
        "dripping-bodies": lambda: Attack(path, 300, call(assertion, 100_000), drip=b" "),
        "never-reading": lambda: Attack(path, 60, call(assertion, 0, size=2 << 20), reads=False, drip=call(assertion, 0, size=2 << 20)),
        "idle": lambda: Attack(path, 4000, b"", every=4),
        "huge-heads": lambda: Attack(path, 20, b"GET /mcp HTTP/1.1\r\nHost: mcp.example.com\r\nX-Long: " + b"x" * 200_000, drip=b"x" * 200_000, every=0.2),
        "pipelined": lambda: Attack(path, 20, b"", drip=call("", 0) * 40, every=0.4),
    }
    attacks[kind]().run()


main()
