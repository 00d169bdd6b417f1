"""What Gatehouse asks beside its upstream: keys, names, renewed tokens, a database. Each can be made to fail or to lie."""

import http.server
import json
import random
import socket
import struct
import subprocess
import tempfile
import threading
import time
import urllib.parse


class Quiet(http.server.ThreadingHTTPServer):
    daemon_threads = True

    def handle_error(self, request, client_address):
        pass


class Certs:
    """The team's certs server. `mode`: good, wrong (keys of somebody else), html, 500, huge, slow."""

    def __init__(self, good, wrong):
        self.mode, self.asked = "good", 0
        certs = self

        class Handler(http.server.BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_GET(self):
                certs.asked += 1
                certs.answer(self)

            def log_message(self, *arguments):
                pass

        self.sets = {"good": json.dumps({"keys": [good]}).encode(), "wrong": json.dumps({"keys": [wrong]}).encode()}
        self.server = Quiet(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.server.server_address[1]}/certs"
        threading.Thread(target=self.server.serve_forever, daemon=True).start()

    def answer(self, request):
        mode = self.mode
        body = self.sets.get(mode, b"<!doctype html><title>Sign in</title>")
        request.send_response(500 if mode == "500" else 200)
        request.send_header("Content-Type", "text/html" if mode in ("html", "500") else "application/json")
        length = 1 << 32 if mode == "huge" else 100_000 if mode == "slow" else len(body)
        request.send_header("Content-Length", str(length))
        request.end_headers()
        if mode == "huge":
            while self.mode == "huge":
                request.wfile.write(b'{"keys":[' + b" " * 65536)
        elif mode == "slow":
            while self.mode == "slow":
                request.wfile.write(b" ")
                time.sleep(0.2)
        else:
            request.wfile.write(body)


class Names:
    """A name server on port 53 of a loopback address of its own. `mode`: good, failing (SERVFAIL), none (NXDOMAIN), silent."""

    def __init__(self):
        self.mode, self.asked = "good", 0
        self.socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        while True:
            self.address = f"127.{random.randrange(1, 255)}.{random.randrange(255)}.{random.randrange(1, 255)}"
            try:
                self.socket.bind((self.address, 53))
                break
            except OSError:
                continue
        threading.Thread(target=self.serve, daemon=True).start()

    def serve(self):
        while True:
            question, sender = self.socket.recvfrom(4096)
            self.asked += 1
            if self.mode == "silent":
                continue
            end = question.index(b"\0", 12) + 5
            kind = struct.unpack(">H", question[end - 4:end - 2])[0]
            code = {"failing": 2, "none": 3}.get(self.mode, 0)
            answers = 1 if code == 0 and kind == 1 else 0
            head = question[:2] + struct.pack(">HHHHH", 0x8180 | code, 1, answers, 0, 0)
            answer = b"\xc0\x0c" + struct.pack(">HHIH", 1, 1, 1, 4) + bytes([127, 0, 0, 1]) if answers else b""
            self.socket.sendto(head + question[12:end] + answer, sender)


class Grants:
    """A token endpoint (RFC 6749 sections 4.1, 4.4 and 6) whose tokens end after some seconds. A person's get new refresh tokens each time."""

    def __init__(self, seconds):
        # Access tokens of the client itself; access and refresh tokens of a person.
        self.given, self.own = [], []
        grants = self

        class Handler(http.server.BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_POST(self):
                asked = urllib.parse.parse_qs(self.rfile.read(int(self.headers["Content-Length"])).decode())
                if asked["grant_type"] == ["client_credentials"]:
                    grants.given.append(f"renewed-{random.getrandbits(128):032x}")
                    grant = {"access_token": grants.given[-1], "token_type": "Bearer", "expires_in": seconds}
                else:
                    grants.own.append((f"access-{random.getrandbits(128):032x}", f"refresh-{random.getrandbits(128):032x}"))
                    access, refresh = grants.own[-1]
                    grant = {"access_token": access, "refresh_token": refresh, "token_type": "Bearer", "expires_in": seconds}
                body = json.dumps(grant).encode()
                self.send_response(200)
                self.send_header("Content-Type", "application/json")
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, *arguments):
                pass

        self.server = Quiet(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.server.server_address[1]}/token"
        threading.Thread(target=self.server.serve_forever, daemon=True).start()


class Switch:
    """The address under which the database is reached, wherever it is now: what a virtual address or a proxy does in a failover."""

    def __init__(self, port):
        self.target, self.open = port, set()
        self.listener = socket.create_server(("127.0.0.1", 0), backlog=128)
        self.port = self.listener.getsockname()[1]
        threading.Thread(target=self.serve, daemon=True).start()

    def serve(self):
        while True:
            client, _ = self.listener.accept()
            try:
                server = socket.create_connection(("127.0.0.1", self.target), timeout=5)
            except OSError:
                client.close()
                continue
            server.settimeout(None)
            self.open |= {client, server}
            for one, other in ((client, server), (server, client)):
                threading.Thread(target=self.pass_on, args=(one, other), daemon=True).start()

    def pass_on(self, source, target):
        try:
            while piece := source.recv(65536):
                target.sendall(piece)
        except OSError:
            pass
        for end in (source, target):
            try:
                end.shutdown(socket.SHUT_RDWR)
            except OSError:
                pass
        self.open -= {source, target}

    def cut(self):
        for end in list(self.open):
            try:
                end.shutdown(socket.SHUT_RDWR)
            except OSError:
                pass


class Pooler:
    """PgBouncer on a port of its own, before a database on loopback. `mode`: session, transaction. It asks again for a database that was away after
    1 s, not after 15."""

    def __init__(self, folder, mode, login, port):
        with socket.create_server(("127.0.0.1", 0)) as free:
            self.port = free.getsockname()[1]
        folder = tempfile.mkdtemp(prefix="pooler.", dir=folder)
        with open(f"{folder}/users", "w") as file:
            file.write(f'"{login.username}" "{login.password}"\n')
        with open(f"{folder}/pgbouncer.ini", "w") as file:
            file.write(f"[databases]\n* = host=127.0.0.1 port={port}\n[pgbouncer]\nlisten_addr = 127.0.0.1\nlisten_port = {self.port}\n"
                       f"unix_socket_dir =\nauth_type = scram-sha-256\nauth_file = {folder}/users\npool_mode = {mode}\ndefault_pool_size = 40\n"
                       f"server_login_retry = 1\nuser = nobody\n")
        self.process = subprocess.Popen(["pgbouncer", "-q", f"{folder}/pgbouncer.ini"], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)

    def end(self):
        self.process.kill()
        self.process.wait()
