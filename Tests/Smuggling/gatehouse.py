"""A real Gatehouse in front of one server, and the certs URL that all of them ask."""

import base64
import http.server
import json
import os
import socket
import subprocess
import threading
import time
from pathlib import Path

from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import padding, rsa

from servers import free_port

ISSUER, AUDIENCE = "https://smuggling.cloudflareaccess.com", "ab" * 32
CALLER, OTHER = "caller@example.com", "other@example.com"


def encoded(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


class Issuer:
    def __init__(self) -> None:
        self.key = rsa.generate_private_key(65537, 2048)
        numbers = self.key.public_key().public_numbers()
        jwk = {"kid": "one", "kty": "RSA", "alg": "RS256", "use": "sig", "e": "AQAB", "n": encoded(numbers.n.to_bytes(256))}
        body = json.dumps({"keys": [jwk]}).encode()

        class Certs(http.server.BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                self.send_response(200)
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, *_) -> None:
                pass

        server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Certs)
        threading.Thread(target=server.serve_forever, daemon=True).start()
        self.url = f"http://127.0.0.1:{server.server_port}/"

    def assertion(self, user: str) -> bytes:
        now = int(time.time())
        claims = {"aud": [AUDIENCE], "email": user, "exp": now + 86_000, "iat": now, "nbf": now, "iss": ISSUER, "type": "app", "sub": "s"}
        signed = encoded(json.dumps({"alg": "RS256", "kid": "one"}).encode()) + "." + encoded(json.dumps(claims).encode())
        return (signed + "." + encoded(self.key.sign(signed.encode(), padding.PKCS1v15(), hashes.SHA256()))).encode()


class Gatehouse:
    """Routes: `/` for the caller without a gate, `/closed` with the gate for somebody else, `/mcp` with the gate for the caller."""

    def __init__(self, binary: str, folder: Path, upstream: int, issuer: Issuer, token: str) -> None:
        self.folder, self.port = folder / f"gatehouse-{upstream}", free_port()
        self.folder.mkdir(mode=0o700)
        self.configuration = self.folder / "gatehouse.yaml"
        route = f"""host: "*"
    audience: ["{AUDIENCE}"]
    inject: {{ X-Api-Key: "{{token:KEY}}" }}"""
        self.configuration.write_text(f"""version: 1
listen: 127.0.0.1:{self.port}
admin: unix:{self.folder}/admin.sock
threads: 1
access:
  issuer: {ISSUER}
  certs_url: {issuer.url}
stores:
  environment: {{ kind: env, variables: {{ KEY: SMUGGLING_TOKEN }} }}
audit:
  spool: {self.folder}/spool
  sink: {{ kind: sqlite, path: {self.folder}/audit.db }}
log: {{ level: error }}
routes:
  - name: closed
    path: /closed
    upstream: http://127.0.0.1:{upstream}/closed
    {route}
    allow: [{{ users: ["{OTHER}"] }}]
  - name: mcp
    path: /mcp
    upstream: http://127.0.0.1:{upstream}/mcp
    {route}
    allow: [{{ users: ["{CALLER}"] }}]
  - name: open
    path: /
    upstream: http://127.0.0.1:{upstream}/
    {route}
    protocol: http
    guard: {{ websockets: pass }}
    allow: [{{ users: ["{CALLER}"] }}]
""")
        self.log = (self.folder / "log").open("w+b")
        self.program = subprocess.Popen([binary, "serve", "--config", str(self.configuration)], stdin=subprocess.DEVNULL, stdout=self.log, stderr=self.log, env=os.environ | {"SMUGGLING_TOKEN": token})
        end = time.monotonic() + 30
        while not self.is_ready():
            if time.monotonic() > end or self.program.poll() is not None:
                raise SystemExit(f"error: gatehouse does not become ready: {(self.folder / 'log').read_text()}")
            time.sleep(0.05)

    def is_ready(self) -> bool:
        try:
            with socket.socket(socket.AF_UNIX) as one:
                one.connect(f"{self.folder}/admin.sock")
                one.sendall(b"GET /readyz HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n")
                return one.recv(64).startswith(b"HTTP/1.1 200")
        except OSError:
            return False

    def stop(self) -> None:
        self.program.terminate()
        self.program.wait(60)
