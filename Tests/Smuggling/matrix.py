"""Sends ambiguous and bent requests through a real Gatehouse to real servers, and holds what arrives to what was allowed. Started by run.sh.

    matrix.py [--cases N] [--seed N] [--server NAME]… [--gatehouse BINARY] [--only NUMBER]

Of each case: every answer of the upstream belongs to one arrival, and there is no other arrival; arrivals are, in order, the requests that a strict
reader finds in the bytes, with their method, target and body; none of them was refused, leads to the closed route as any of the servers may read the path,
or has the caller's assertion or own copy of the injected field; the injected field is there once. A case of the corpus reaches nothing.
"""

import argparse
import random
import re
import socket
import sys
import tempfile
import threading
import time
import urllib.parse
from pathlib import Path

import cases
import reader
import servers
from gatehouse import CALLER, Gatehouse, Issuer

PATIENCE = 20


class Answer:
    def __init__(self, status: int, fields: dict[str, str], has_content: bool) -> None:
        self.status, self.fields, self.has_content = status, fields, has_content
        self.arrival = int(fields["x-arrival"]) if "x-arrival" in fields else None
        self.request_id = fields.get("x-request-id", "")


class Half(Exception):
    """The end of an answer is not there."""


def answers(data: bytes, methods: list[bytes]) -> list[Answer]:
    """Those of one connection. `methods` are of the requests, of which HEAD has no content in its answer; where the line is malformed, it is a guess."""
    found, at = [], 0
    while at < len(data):
        end = data.find(b"\r\n\r\n", at)
        if end < 0:
            raise Half(f"half an answer: {data[at:][:200]!r}")
        head = data[at:end].decode("latin-1").split("\r\n")
        status = int(head[0].split(" ")[1])
        fields = {name.lower(): value.strip() for name, _, value in (line.partition(":") for line in head[1:])}
        at = end + 4
        if status < 200:
            if status == 101:
                raise reader.Malformed("an upgrade")
            continue
        method = methods[len(found)] if len(found) < len(methods) else b""
        found.append(Answer(status, fields, has_content=data.startswith(b"{", at)))
        if status in {204, 304} or method == b"HEAD" and not data.startswith(b"{", at):
            continue
        if fields.get("transfer-encoding", "").lower() == "chunked":
            _, _, at = reader.chunks(data, at)
        elif "content-length" in fields:
            at += int(fields["content-length"])
            if at > len(data):
                raise Half(f"half an answer: {data[end + 4:][:200]!r}")
        else:
            at = len(data)
    return found


def readings(path: bytes) -> set[str]:
    """The paths that a server could make of one: decoded up to twice, without dot segments and parameters, in lower case."""
    found = set()
    text = path.split(b"?")[0].split(b"#")[0]
    for _ in range(3):
        for slashed in (text, text.replace(b"\\", b"/")):
            for bare in (slashed, re.sub(rb";[^/]*", b"", slashed)):
                segments: list[bytes] = []
                for segment in bare.split(b"/"):
                    if segment == b"..":
                        segments = segments[:-1]
                    elif segment not in {b"", b"."}:
                        segments.append(segment)
                found.add("/" + b"/".join(segments).decode("latin-1").lower().strip("\x00 \t."))
        text = urllib.parse.unquote_to_bytes(text)
    return found


class Column(threading.Thread):
    """All cases against one server, one after the other on a connection each."""

    def __init__(self, kind, folder: Path, options, issuer: Issuer) -> None:
        super().__init__(daemon=True)
        self.options, self.assertion = options, issuer.assertion(CALLER)
        self.token = f"injected-{random.randrange(1 << 60):x}"
        self.server = kind(folder)
        self.gatehouse = Gatehouse(options.gatehouse, folder, self.server.port, issuer, self.token)
        self.faults: list[str] = []
        self.last = 0
        self.ids: set[str] = set()
        self.count = self.arrived = self.refused = 0
        self.seconds = 0.0

    def run(self) -> None:
        began = time.monotonic()
        try:
            if self.options.only is None:
                for case in cases.corpus(self.assertion):
                    self.check(case)
            generator = cases.Generator(self.options.seed, self.assertion)
            for number in range(self.options.cases):
                case = generator.case(number)
                if self.options.only in {None, number}:
                    self.check(case)
            # An arrival that no answer told of leaves a gap before this one's number.
            self.check(cases.Case("a good request at the end", generator.good(b"GET", b"/end")))
        except Exception as error:  # noqa: BLE001
            self.faults.append(f"the run ended: {error!r}")
        self.seconds = time.monotonic() - began
        self.gatehouse.stop()
        self.server.stop()
        self.compare_said()

    def exchange(self, raw: bytes, methods: list[bytes]) -> bytes:
        """What comes back. The client's side ends once each request has its answer: one that ends earlier has gone, and gets none."""
        with socket.create_connection(("127.0.0.1", self.gatehouse.port), PATIENCE) as client:
            data, is_open = b"", True
            try:
                client.sendall(raw)
                while True:
                    if is_open and self.is_answered(data, methods):
                        client.shutdown(socket.SHUT_WR)
                        is_open = False
                    piece = client.recv(1 << 16)
                    if not piece:
                        break
                    data += piece
            except OSError as error:
                if isinstance(error, TimeoutError):
                    raise
            return data

    @staticmethod
    def is_answered(data: bytes, methods: list[bytes]) -> bool:
        try:
            return len(answers(data, methods)) >= len(methods)
        except (Half, reader.Incomplete):
            return False

    def check(self, case: cases.Case) -> None:
        self.count += 1
        try:
            found = self.judge(case)
        except TimeoutError:
            found = ["Gatehouse neither answers nor closes"]
        except (Half, reader.Malformed, reader.Incomplete) as error:
            found = [f"an answer cannot be read: {error}"]
        shown = case.raw.replace(self.assertion, b"<assertion>")
        self.faults += [f"{self.server.name}, {case.name}: {fault}\n    {shown!r}" for fault in found]

    def judge(self, case: cases.Case) -> list[str]:
        written, rest = reader.requests(case.raw)
        answered = answers(self.exchange(case.raw, [one.method for one in written]), [*(one.method for one in written), rest])
        self.ids |= {one.request_id for one in answered}
        passed = [(number, one) for number, one in enumerate(answered) if one.arrival is not None]
        self.arrived += len(passed)
        self.refused += len(answered) - len(passed)
        faults = []
        if not answered and reader.LINE.match(case.raw.split(b"\r\n")[0]) and written:
            faults.append("a whole request has no answer")
        for one, answer in zip(written, answered):
            if one.method == b"HEAD" and answer.has_content:
                faults.append("the answer to HEAD has content")
        if case.is_refused and passed:
            faults.append("it arrives")
        for number, answer in passed:
            self.last += 1
            if answer.arrival != self.last:
                faults.append(f"{answer.arrival - self.last} arrivals that no answer tells of, before {answer.arrival}: {self.lost(answer.arrival)}")
                self.last = answer.arrival
            arrival = self.arrival(answer.arrival)
            if number >= len(written):
                faults.append(f"a strict reader finds {len(written)} requests, and this arrives: {arrival}")
            else:
                faults += self.differences(arrival, written[number])
        return faults

    def lost(self, number: int) -> list[str]:
        self.wait(number)
        return [f"{one.method} {one.path}" for one in self.server.arrivals if one.number < number]

    def wait(self, number: int) -> None:
        end = time.monotonic() + PATIENCE
        while not any(one.number >= number for one in self.server.arrivals):
            if time.monotonic() > end:
                raise TimeoutError
            time.sleep(0.0005)

    def arrival(self, number: int) -> servers.Arrival:
        self.wait(number)
        while self.server.arrivals[0].number < number:
            self.server.arrivals.popleft()
        return self.server.arrivals.popleft()

    def differences(self, arrival: servers.Arrival, written: reader.Request) -> list[str]:
        faults = []
        for what, one, other in [("method", arrival.method, written.method), ("target", arrival.path, written.path), ("body", arrival.body, written.body)]:
            if one != other:
                faults.append(f"the {what} arrives as {one!r}, and is {other!r}")
        names = [re.sub(rb"[_.]", b"-", name.lower()) for name, _ in arrival.fields]
        keys = [value for (_, value), name in zip(arrival.fields, names) if name == b"x-api-key"]
        if keys != [self.token.encode()]:
            faults.append(f"the injected field arrives as {keys}")
        if arrival.method.upper() in {b"TRACE", b"TRACK", b"CONNECT"} or b"refused" in arrival.path or any(one == "/closed" or one.startswith("/closed/") for one in readings(arrival.path)):
            faults.append(f"{arrival.method!r} {arrival.path!r} arrives")
        secret = self.assertion[-40:]
        for name, value in arrival.fields:
            plain = re.sub(rb"[_.]", b"-", name.lower())
            if secret in value or plain.startswith(b"cf-access-"):
                faults.append(f"the assertion arrives in {name!r}")
        for name in [b"host", b"content-length", b"transfer-encoding"]:
            if names.count(name) > 1:
                faults.append(f"{names.count(name)} fields {name!r} arrive")
        hosts = [value for (_, value), name in zip(arrival.fields, names) if name == b"host"]
        if hosts != [b"127.0.0.1:%d" % self.server.port]:
            faults.append(f"Host arrives as {hosts}")
        for name in [b"authorization", b"proxy-authorization", b"x-original-url", b"x-rewrite-url", b"x-http-method-override"]:
            if name in names:
                faults.append(f"{name!r} arrives")
        return faults

    def compare_said(self) -> None:
        """Holds the server's own log to the same: no request without an id, and none twice."""
        seen = set()
        for request_id, line, status in self.server.said:
            fails = status.isdigit() and (int(status) >= 400 or status == "0")
            if request_id in {"", "-"}:
                # The start of the run looks whether the port is open. Some refuse a method that they do not know before they read fields.
                if line not in {"", "-"} and not (fails and line.split(" ")[0] not in cases.COMMON):
                    self.faults.append(f"{self.server.name} had a request of nobody's: {line!r} ({status})")
            # One that was given up in its midst has no answer, and no arrival.
            elif request_id not in self.ids and not fails and status != "-1":
                self.faults.append(f"{self.server.name} had a request that no answer tells of: {line!r} ({status}, {request_id})")
            elif request_id in seen:
                self.faults.append(f"{self.server.name} had the request {request_id} twice: {line!r}")
            seen.add(request_id)
        self.faults += self.server.faults


def main() -> int:
    names = [kind.name for kind in servers.ALL]
    parser = argparse.ArgumentParser()
    parser.add_argument("--cases", type=int, default=10_000, help="generated ones, beside the corpus")
    parser.add_argument("--seed", type=int, default=19)
    parser.add_argument("--server", action="append", choices=names)
    parser.add_argument("--gatehouse", required=True)
    parser.add_argument("--only", type=int, help="one of the generated cases")
    options = parser.parse_args()
    issuer = Issuer()
    with tempfile.TemporaryDirectory(prefix="gatehouse-smuggling.") as folder:
        Path(folder).chmod(0o755)
        columns = [Column(kind, Path(folder), options, issuer) for kind in servers.ALL if not options.server or kind.name in options.server]
        for column in columns:
            column.start()
        for column in columns:
            column.join()
    print(f"{'server':20} {'cases':>7} {'arrived':>8} {'refused':>8} {'faults':>7} {'s':>6}")
    for column in columns:
        print(f"{column.server.name:20} {column.count:7} {column.arrived:8} {column.refused:8} {len(column.faults):7} {column.seconds:6.0f}")
    faults = [fault for column in columns for fault in column.faults]
    for fault in faults[:40]:
        print(fault[:2000])
    print(f"seed {options.seed}: {sum(column.count for column in columns)} cases sent, {len(faults)} faults")
    return 1 if faults else 0


if __name__ == "__main__":
    sys.exit(main())
