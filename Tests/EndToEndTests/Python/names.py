"""A name server for one test: answers every name that ends in .test with an address, 127.0.0.1 at first, over UDP on port 53 of an address. Beside it
an HTTP server that closes each connection after its answer, so that each call needs the name, and one on all addresses that keeps connections and answers with the address that it was reached by.

    names.py ADDRESS

Prints {"port": 12345, "kept": 12346}, the HTTP servers'. Each line on standard input changes how it answers from then on, and is answered with a line
{"queries": N}, the number of queries so far:

    count            changes nothing
    move ADDRESS     answers with another address
    delay SECONDS    answers that much later
    drop N           does not answer the next N queries
    silent           answers nothing any more
    unknown NAME     says after two seconds that there is no such name
"""

import http.server
import json
import socket
import struct
import sys
import threading


class Names:
    def __init__(self, address):
        self.socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self.socket.bind((address, 53))
        self.queries = 0
        self.delay = 0.0
        self.drop = 0
        self.is_silent = False
        self.unknown = set()
        self.address = "127.0.0.1"

    def serve(self):
        while True:
            query, peer = self.socket.recvfrom(512)
            self.queries += 1
            if self.is_silent:
                continue
            if self.drop > 0:
                self.drop -= 1
                continue
            name, kind, end = self.question(query)
            delay = 2.0 if name in self.unknown else self.delay
            answer = self.answer(query, name, kind, end)
            threading.Timer(delay, self.socket.sendto, (answer, peer)).start()

    @staticmethod
    def question(query):
        at, labels = 12, []
        while query[at]:
            labels.append(query[at + 1:at + 1 + query[at]].decode())
            at += 1 + query[at]
        return ".".join(labels), struct.unpack(">H", query[at + 1:at + 3])[0], at + 5

    def answer(self, query, name, kind, end):
        is_known = name.endswith(".test") and name not in self.unknown
        has_address = is_known and kind == 1
        flags = 0x8580 if is_known else 0x8583
        head = query[:2] + struct.pack(">HHHHH", flags, 1, int(has_address), 0, 0)
        record = b"\xc0\x0c" + struct.pack(">HHIH", 1, 1, 0, 4) + socket.inet_aton(self.address)
        return head + query[12:end] + (record if has_address else b"")


class Page(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        self.send_response(200)
        self.end_headers()
        self.wfile.write(b"here")

    def log_message(self, *arguments):
        pass


class Kept(Page):
    protocol_version = "HTTP/1.1"

    def do_GET(self):
        body = self.connection.getsockname()[0].encode()
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)


names = Names(sys.argv[1])
server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Page)
kept = http.server.ThreadingHTTPServer(("0.0.0.0", 0), Kept)
kept.daemon_threads = True
for serve in names.serve, server.serve_forever, kept.serve_forever:
    threading.Thread(target=serve, daemon=True).start()
print(json.dumps({"port": server.server_port, "kept": kept.server_port}), flush=True)
for line in sys.stdin:
    word, _, value = line.strip().partition(" ")
    if word == "delay":
        names.delay = float(value)
    elif word == "drop":
        names.drop = int(value)
    elif word == "move":
        names.address = value
    elif word == "silent":
        names.is_silent = True
    elif word == "unknown":
        names.unknown.add(value)
    print(json.dumps({"queries": names.queries}), flush=True)
