"""Gatehouse with all that is around it: folder, database, upstream, keys, names."""

import os
import secrets
import signal
import socket
import subprocess
import sys
import time
import urllib.parse
from collections import Counter

from assertions import AUDIENCE, ISSUER, Assertions
from load import Connection
from servers import Certs, Grants, Names, Switch

FAKETIME = "/usr/lib/x86_64-linux-gnu/faketime/libfaketimeMT.so.1"

TOKENS = """tokens:
  renewed: { renew: { kind: client_credentials, token_url: "@URL@", client_id: gatehouse, client_secret: { env: CLIENT_SECRET } } }
"""
PERSONS = """  own: { per: person, connect: { kind: oauth, authorize_url: "@URL@/authorize", token_url: "@URL@", client: { id: gatehouse, secret: { env: CLIENT_SECRET } } } }
  pasted: { per: person, connect: { kind: paste, help: Settings } }
"""
PERSONAL = """  - name: @NAME@
    host: @NAME@.example.com
    path: /@NAME@
    audience: ["@AUDIENCE@"]
    upstream: http://127.0.0.1:@PORT@/mcp
    inject: { Authorization: "Bearer {token:@NAME@}" }
    allow: [ { users: ["*@example.com"], tools: ["t-*"] } ]
"""


class Broken(Exception):
    pass


def wait_for(condition, seconds, what):
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        try:
            if condition():
                return
        except OSError:
            pass
        time.sleep(0.01)
    raise Broken(f"{what} did not come within {seconds} s")


class World:
    def __init__(self, binary, folder, keys_refresh="1s", store="kept", renews=False, persons=False):
        self.binary, self.folder, self.run = binary, folder, secrets.token_hex(4)
        # Rows of those who are refused by name.
        self.refused = Counter()
        self.token = "token-" + secrets.token_hex(16)
        self.client_secret = "client-" + secrets.token_hex(16)
        self.unclear, self.process, self.log = set(), None, open(f"{folder}/log", "ab")
        self.socket, self.admin = f"{folder}/proxy.sock", f"{folder}/admin.sock"
        self.assertions = Assertions(folder)
        self.certs = Certs(self.assertions.key.jwk(), self.assertions.liar.jwk())
        self.names = Names()
        self.grants = Grants(120)
        self.own = urllib.parse.urlsplit(os.environ["GATEHOUSE_TEST_POSTGRES"])
        self.switch = Switch(self.own.port)
        self.calls = f"{folder}/calls"
        self.upstream = subprocess.Popen(
            [sys.executable, os.path.join(os.path.dirname(__file__), "upstream.py"), self.calls], stdout=subprocess.PIPE)
        port = int(self.upstream.stdout.readline())
        # A disk of its own that can be filled.
        self.spool = f"{folder}/spool"
        os.mkdir(self.spool, 0o700)
        self.mount("tmpfs", self.spool, "size=96m,mode=0700")
        with open(f"{folder}/resolv.conf", "w") as file:
            file.write(f"nameserver {self.names.address}\noptions timeout:1 attempts:1\n")
        subprocess.run(["mount", "--bind", f"{folder}/resolv.conf", "/etc/resolv.conf"], check=True)
        self.database = self.own._replace(netloc=f"{self.own.username}:{self.own.password}@127.0.0.1:{self.switch.port}").geturl()
        self.yaml = f"""version: 1
listen: unix:{self.socket}
admin: unix:{self.admin}
access:
  issuer: {ISSUER}
  certs_url: {self.certs.url}
  keys_refresh: {keys_refresh}
  deny: {{ users: [mallory@example.com] }}
stores:
  kept: {{ kind: postgres, url: "{self.database.replace(self.own.password, '${PASSWORD}')}", master_keys: [ {{ file: {folder}/key }} ] }}
  sqlite: {{ kind: sqlite, path: {folder}/tokens.db, master_keys: [ {{ file: {folder}/key }} ] }}
  variables: {{ kind: env }}
store: {store}
state: {"kept" if store == "kept" else "sqlite"}
store_refresh: 1s
audit: {{ spool: {self.spool}, sink: {{ kind: postgres, url: "{self.database.replace(self.own.password, '${PASSWORD}')}" }} }}
{(TOKENS + (PERSONS if persons else "")).replace("@URL@", self.grants.url) if renews else ""}routes:
  - name: calls
    host: mcp.example.com
    path: /mcp
    audience: ["{AUDIENCE}"]
    upstream: http://upstream.chaos.test:{port}/mcp
    inject: {{ Authorization: "Bearer {{token:calls}}" }}
    allow: [ {{ users: ["*@example.com"], tools: ["t-*"] }} ]
    timeouts: {{ response: 4s }}
  - name: renewed
    host: mcp.example.com
    path: /renewed
    audience: ["{AUDIENCE}"]
    upstream: http://127.0.0.1:{port}/mcp
    inject: {{ Authorization: "Bearer {{token:{"renewed" if renews else "calls"}}}" }}
    allow: [ {{ users: ["*@example.com"], tools: ["t-*"] }} ]
"""
        for name in ("own", "pasted") if persons else ():
            self.yaml += PERSONAL.replace("@NAME@", name).replace("@AUDIENCE@", AUDIENCE).replace("@PORT@", str(port))
        self.write(self.yaml)
        self.command("key", "generate", "--out", f"{folder}/key")
        if store != "variables":
            self.command("token", "set", "calls", input=self.token)

    @property
    def environment(self):
        return {"LC_ALL": "C.UTF-8", "PATH": "/usr/bin:/bin", "PASSWORD": self.own.password, "CALLS_API_TOKEN": self.token,
                "CLIENT_SECRET": self.client_secret}

    def mount(self, kind, place, options):
        subprocess.run(["mount", "-t", kind, "-o", options, "chaos", place], check=True)

    def write(self, yaml):
        with open(f"{self.folder}/new.yaml", "w") as file:
            file.write(yaml)
        os.replace(f"{self.folder}/new.yaml", f"{self.folder}/gatehouse.yaml")

    # Gatehouse

    def start(self, shim=False):
        environment = self.environment
        if shim:
            self.jump(0)
            environment |= {"LD_PRELOAD": FAKETIME, "FAKETIME_TIMESTAMP_FILE": f"{self.folder}/clock", "FAKETIME_NO_CACHE": "1",
                            "FAKETIME_DONT_FAKE_MONOTONIC": "1", "DONT_FAKE_MONOTONIC": "1", "NO_FAKE_STAT": "1"}
        self.process = subprocess.Popen(
            ["setpriv", "--bounding-set=-all", "--inh-caps=-all", "--", self.binary, "serve", "--config", f"{self.folder}/gatehouse.yaml"],
            env=environment, stdout=self.log, stderr=self.log, stdin=subprocess.DEVNULL)

    def jump(self, seconds):
        """Sets the clock of a Gatehouse that was started with the shim."""
        with open(f"{self.folder}/clock.new", "w") as file:
            file.write(f"{seconds:+d}\n")
        os.replace(f"{self.folder}/clock.new", f"{self.folder}/clock")

    def stop(self):
        if self.process and self.process.poll() is None:
            self.process.send_signal(signal.SIGTERM)
            try:
                self.process.wait(40)
            except subprocess.TimeoutExpired:
                self.process.kill()
                raise Broken("gatehouse did not end within 40 s of SIGTERM")

    def end(self):
        try:
            self.stop()
        finally:
            self.upstream.kill()

    def command(self, *words, input=None):
        made = subprocess.run([self.binary, *words] + ([] if words[:2] == ("key", "generate") else ["--config", f"{self.folder}/gatehouse.yaml"]),
                              env=self.environment, input=input, capture_output=True, text=True, timeout=120)
        if made.returncode:
            raise Broken(f"gatehouse {' '.join(words)}: {made.stdout}{made.stderr}")
        return made.stdout

    def ask(self, path):
        with socket.socket(socket.AF_UNIX) as connection:
            connection.settimeout(5)
            connection.connect(self.admin)
            connection.sendall(f"GET {path} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n".encode())
            got = b""
            while piece := connection.recv(65536):
                got += piece
        return got.decode("utf-8", "replace")

    def metric(self, name):
        for line in self.ask("/metrics").splitlines():
            if line.startswith(name + " "):
                return float(line.split()[1])
        raise Broken(f"no metric {name}")

    def lost(self):
        """Decisions that were not recorded, as Gatehouse counts them since its start."""
        return self.metric('gatehouse_audit_lost_total{kind="decision"}')

    def serves(self):
        """Whether one more good caller is answered, on a connection of their own."""
        self.probes = getattr(self, "probes", 0) + 1
        connection = Connection(self.socket, 2)
        status = connection.call(f"t-ok-{self.run}-probe-{self.probes}", self.assertions.of["ok"])
        connection.close()
        return status == 200

    def recovers(self, seconds=60):
        """Seconds until good callers are served again."""
        began = time.monotonic()
        wait_for(self.serves, seconds, "an answer 200")
        return time.monotonic() - began

    # The database

    def sql(self, text):
        """Rows of a query, asked of the database that is in use now."""
        made = subprocess.run(
            ["psql", "-XAtq", "-F", "\t", "-v", "ON_ERROR_STOP=1", "-h", "127.0.0.1", "-p", str(self.switch.target), "-U", self.own.username,
             "-d", "postgres", "-c", text],
            env={**os.environ, "PGPASSWORD": self.own.password}, capture_output=True, text=True, timeout=120)
        if made.returncode:
            raise Broken(f"psql: {made.stderr}")
        return [line.split("\t") for line in made.stdout.splitlines()]
