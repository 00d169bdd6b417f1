"""Callers who go on whatever happens, each request with an id of its own as the name of the tool that it calls."""

import json
import select
import socket
import threading
import time

KINDS = ["ok", "ok", "ok", "tool", "ok", "who", "ok", "denied", "audience", "ok", "old", "key", "ok", "signature", "none", "ends"]
# Those whose call is looked at: its row names the tool.
CALLED = {"ok", "ends", "tool"}
# Those who are refused before that, but by name: the address in their rows.
REFUSED = {"who": "eve@elsewhere.example", "denied": "mallory@example.com"}


def exchange(path, request, timeout):
    """The whole answer to a request that asks for the end of its connection, over a unix socket. `timeout` in seconds."""
    with socket.socket(socket.AF_UNIX) as connection:
        connection.settimeout(timeout)
        connection.connect(path)
        connection.sendall(request)
        got = b""
        while piece := connection.recv(65536):
            got += piece
    return got


class Connection:
    """One connection, made anew when it breaks."""

    def __init__(self, place, timeout=5, others=()):
        """`place` is the path of a unix socket, or an address. Where nothing takes a connection there, one of `others` does, as with the tunnel of
        several machines."""
        self.places, self.timeout, self.socket = [place, *others], timeout, None

    def close(self):
        if self.socket:
            self.socket.close()
        self.socket = None

    def open(self):
        for number, place in enumerate(self.places, 1):
            self.socket = socket.socket(socket.AF_UNIX if isinstance(place, str) else socket.AF_INET)
            self.socket.settimeout(self.timeout)
            try:
                return self.socket.connect(place)
            except (ConnectionRefusedError, FileNotFoundError):
                if number == len(self.places):
                    raise

    def call(self, name, assertion=None, arguments=None, path="/mcp", bearer=None, host="mcp.example.com"):
        """The status of the answer, or the error's name."""
        message = {"jsonrpc": "2.0", "id": 1, "method": "tools/call", "params": {"name": name, "arguments": arguments or {}}}
        body = json.dumps(message).encode()
        head = [f"POST {path} HTTP/1.1", f"Host: {host}", "Content-Type: application/json",
                "Accept: application/json, text/event-stream", f"Content-Length: {len(body)}"]
        if assertion:
            head.append("Cf-Access-Jwt-Assertion: " + assertion)
        if bearer:
            head.append("Authorization: Bearer " + bearer)
        try:
            # One that was closed meanwhile is not used, as in every client.
            if self.socket and select.select([self.socket], [], [], 0)[0]:
                self.close()
            if not self.socket:
                self.open()
            self.socket.sendall(("\r\n".join(head) + "\r\n\r\n").encode() + body)
            return self.answer()
        except OSError as error:
            self.close()
            return type(error).__name__

    def answer(self):
        got = b""
        while b"\r\n\r\n" not in got:
            piece = self.socket.recv(65536)
            if not piece:
                raise ConnectionResetError
            got += piece
        head, _, body = got.partition(b"\r\n\r\n")
        fields = dict(line.lower().split(b": ", 1) for line in head.split(b"\r\n")[1:] if b": " in line)
        while len(body) < int(fields.get(b"content-length", 0)):
            piece = self.socket.recv(65536)
            if not piece:
                raise ConnectionResetError
            body += piece
        if fields.get(b"connection") == b"close":
            self.close()
        return int(head[9:12])


class Load:
    made = 0

    def __init__(self, world, callers=6, pause=0.03):
        Load.made += 1
        self.mark = f"{world.run}-{Load.made}"
        self.world, self.pause, self.running, self.results = world, pause, True, []
        # Whether assertions that last half an hour have ended by Gatehouse's clock; None while that is not clear.
        self.half_hour_over = False
        self.threads = [threading.Thread(target=self.run, args=(number,), daemon=True) for number in range(callers)]
        for thread in self.threads:
            thread.start()

    def run(self, number):
        places = [instance.place for instance in self.world.instances]
        first = number % len(places)
        connection, turn = Connection(places[first], others=places[first + 1:] + places[:first]), number * 3
        while self.running:
            kind = KINDS[turn % len(KINDS)]
            turn += 1
            over = self.half_hour_over
            if kind == "ends" and over is None:
                continue
            mark = {"ok": "ok", "ends": "late" if over else "ok"}.get(kind, kind)
            name = f"{'x' if kind == 'tool' else 't'}-{mark}-{self.mark}-{number}-{turn}"
            began = time.monotonic()
            status = connection.call(name, self.world.assertions.of[kind])
            if kind == "ends" and over != self.half_hour_over:
                # It was judged at a moment of which nothing is promised.
                self.world.unclear.add(name)
            self.results.append((began, time.monotonic(), kind, name, status))
            time.sleep(self.pause)

    def stop(self):
        self.running = False
        for thread in self.threads:
            thread.join()

    def since(self, moment, kinds=("ok",)):
        return [result for result in self.results if result[0] >= moment and result[2] in kinds]
