"""All that is around Gatehouse, one instance of it or several: folder, database, upstream, keys, names."""

import os
import secrets
import subprocess
import sys
import time
import urllib.parse
from collections import Counter

from assertions import AUDIENCE, ISSUER, Assertions
from broken import Broken
from instance import Instance
from servers import Certs, Grants, Names, Pooler, Switch

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


class World:
    def __init__(self, binary, folder, keys_refresh="1s", store="kept", renews=False, names=("one",), pooler=None, port=None, persons=False):
        """`names` are those of the instances, which are of one fleet; `pooler` is the mode of a PgBouncer before the database; `port` is one on
        which processes take over from each other, in place of unix sockets; `persons` have tokens of their own."""
        self.binary, self.folder, self.run = binary, folder, secrets.token_hex(4)
        # Rows of those who are refused by name.
        self.refused = Counter()
        self.token = "token-" + secrets.token_hex(16)
        self.client_secret = "client-" + secrets.token_hex(16)
        self.unclear, self.log = set(), open(f"{folder}/log", "ab")
        self.assertions = Assertions(folder)
        self.certs = Certs(self.assertions.key.jwk(), self.assertions.liar.jwk())
        self.names = Names()
        self.grants = Grants(120)
        self.own = urllib.parse.urlsplit(os.environ["GATEHOUSE_TEST_POSTGRES"])
        self.switch = Switch(self.own.port)
        self.pooler = Pooler(folder, pooler, self.own, self.switch.port) if pooler else None
        self.calls = f"{folder}/calls"
        self.upstream = subprocess.Popen(
            [sys.executable, os.path.join(os.path.dirname(__file__), "upstream.py"), self.calls], stdout=subprocess.PIPE)
        upstream = int(self.upstream.stdout.readline())
        with open(f"{folder}/resolv.conf", "w") as file:
            file.write(f"nameserver {self.names.address}\noptions timeout:1 attempts:1\n")
        subprocess.run(["mount", "--bind", f"{folder}/resolv.conf", "/etc/resolv.conf"], check=True)
        reached = f"{self.own.username}:${{PASSWORD}}@127.0.0.1:{(self.pooler or self.switch).port}"
        database = self.own._replace(netloc=reached).geturl()
        self.file = f"{folder}/gatehouse.yaml"
        self.yaml = f"""version: 1
listen: ${{LISTEN}}
admin: unix:${{INSTANCE}}/admin.sock
{"reuse_port: true" if port else ""}
access:
  issuer: {ISSUER}
  certs_url: {self.certs.url}
  keys_refresh: {keys_refresh}
  deny: {{ users: [mallory@example.com] }}
stores:
  kept: {{ kind: postgres, url: "{database}", master_keys: [ {{ file: {folder}/key }} ] }}
  sqlite: {{ kind: sqlite, path: {folder}/tokens.db, master_keys: [ {{ file: {folder}/key }} ] }}
  variables: {{ kind: env }}
store: {store}
state: {"kept" if store == "kept" else "sqlite"}
store_refresh: 1s
audit: {{ spool: "${{INSTANCE}}/spool", sink: {{ kind: postgres, url: "{database}" }} }}
{(TOKENS + (PERSONS if persons else "")).replace("@URL@", self.grants.url) if renews else ""}routes:
  - name: calls
    host: mcp.example.com
    path: /mcp
    audience: ["{AUDIENCE}"]
    upstream: http://upstream.chaos.test:{upstream}/mcp
    inject: {{ Authorization: "Bearer {{token:calls}}" }}
    authenticate: [access, bearer]
    allow: [ {{ users: ["*@example.com"], tools: ["t-*"] }} ]
    timeouts: {{ response: 4s }}
  - name: renewed
    host: mcp.example.com
    path: /renewed
    audience: ["{AUDIENCE}"]
    upstream: http://127.0.0.1:{upstream}/mcp
    inject: {{ Authorization: "Bearer {{token:{"renewed" if renews else "calls"}}}" }}
    allow: [ {{ users: ["*@example.com"], tools: ["t-*"] }} ]
"""
        for name in ("own", "pasted") if persons else ():
            self.yaml += PERSONAL.replace("@NAME@", name).replace("@AUDIENCE@", AUDIENCE).replace("@PORT@", str(upstream))
        self.write(self.yaml)
        self.instances = [Instance(self, name, port) for name in names]
        # The one that things are done to which concern a process.
        self.first = self.instances[0]
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
        os.replace(f"{self.folder}/new.yaml", self.file)

    # Gatehouse

    def start(self):
        for instance in self.instances:
            if not instance.runs:
                instance.start()

    def end(self):
        problems = []
        for instance in self.instances:
            try:
                instance.stop()
            except Broken as error:
                problems.append(str(error))
        self.upstream.kill()
        if self.pooler:
            self.pooler.end()
        if problems:
            raise Broken("; ".join(problems))

    def command(self, *words, input=None):
        return self.first.command(*words, input=input)

    def metric(self, name):
        """The sum of all instances."""
        return sum(instance.metric(name) for instance in self.instances)

    def lost(self):
        """Decisions that were not recorded, as Gatehouse counts them since its start."""
        return self.metric('gatehouse_audit_lost_total{kind="decision"}')

    def serves(self):
        """Whether every instance answers one more good caller."""
        return all(instance.serves() for instance in self.instances)

    def recovers(self):
        """Seconds until every instance serves good callers again."""
        began = time.monotonic()
        for instance in self.instances:
            instance.recovers()
        return time.monotonic() - began

    def sent(self, name):
        """The digests of the credentials with which a call came to the upstream."""
        with open(self.calls) as file:
            return [line.split()[2] for line in file if line.split()[1] == name]

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
