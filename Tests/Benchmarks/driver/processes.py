"""Processes pinned to a core, and what the kernel says of them."""

import glob
import os
import re
import signal
import socket
import subprocess
import time

TICK = os.sysconf("SC_CLK_TCK")


class Process:
    """Started in a group of its own, ended with it."""

    def __init__(self, arguments, core, output, environment=None):
        self.output = open(output, "ab")
        self.started = time.monotonic()
        self.process = subprocess.Popen(
            ["taskset", "-c", core, *arguments], stdout=self.output, stderr=subprocess.STDOUT,
            env={**os.environ, **(environment or {})}, start_new_session=True)
        self.id = self.process.pid

    def stop(self):
        for number, patience in ((signal.SIGTERM, 8), (signal.SIGKILL, 4)):
            try:
                os.killpg(self.id, number) if number == signal.SIGKILL else os.kill(self.id, number)
                self.process.wait(patience)
                break
            except (ProcessLookupError, subprocess.TimeoutExpired):
                continue
        self.output.close()

    def tree(self):
        found, left = [], [self.id]
        while left:
            number = left.pop()
            found.append(number)
            for path in glob.glob(f"/proc/{number}/task/*/children"):
                try:
                    left += [int(child) for child in open(path).read().split()]
                except OSError:
                    pass
        return found

    def cpu_seconds(self):
        """User and system time of the whole tree."""
        user = system = 0
        for number in self.tree():
            try:
                fields = open(f"/proc/{number}/stat").read().rsplit(")", 1)[1].split()
            except OSError:
                continue
            user += int(fields[11])
            system += int(fields[12])
        return user / TICK, system / TICK

    def pss_kib(self):
        total = 0
        for number in self.tree():
            try:
                total += int(re.search(r"Pss:\s+(\d+)", open(f"/proc/{number}/smaps_rollup").read())[1])
            except (OSError, TypeError):
                pass
        return total


def is_listening(port):
    try:
        socket.create_connection(("127.0.0.1", port), timeout=1).close()
        return True
    except OSError:
        return False


def is_whole(answer):
    """Whether an answer with a Content-Length is there to its end."""
    head, end, body = answer.partition(b"\r\n\r\n")
    length = re.search(rb"(?i)\r\ncontent-length: *(\d+)", head)
    return bool(end and length) and len(body) >= int(length[1])


def exchange(port, path="/mcp", method="GET", fields=(), body=b"", assertion=None, timeout=10):
    """One request on a connection of its own: status, head and body of the answer."""
    lines = [f"{method} {path} HTTP/1.1", "Host: mcp.example.com", "Connection: close"]
    lines += [f"{name}: {value}" for name, value in fields]
    if assertion:
        lines.append(f"Cf-Access-Jwt-Assertion: {assertion}")
    if body or method == "POST":
        lines.append(f"Content-Length: {len(body)}")
    answer = b""
    with socket.create_connection(("127.0.0.1", port), timeout=timeout) as connection:
        connection.sendall(("\r\n".join(lines) + "\r\n\r\n").encode() + body)
        while not is_whole(answer) and (piece := connection.recv(65536)):
            answer += piece
    head, _, rest = answer.partition(b"\r\n\r\n")
    return (int(head[9:12]) if head.startswith(b"HTTP/") else 0), head.decode("latin1"), rest


def wait_for(condition, seconds):
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        try:
            if condition():
                return True
        except OSError:
            pass
        time.sleep(0.002)
    return False
