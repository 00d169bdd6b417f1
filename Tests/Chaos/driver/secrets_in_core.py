"""Looks for secrets where they must not be: in a core of the process (gcore), elsewhere in its memory, in /proc, in the log.

A core is made as gdb makes it by default, which honours the process's filter (core(5)) and leaves out the mappings that are excluded from dumps.
Then one is made of all memory. A secret in it stands in excluded pages, which are the secrets' own, or it is a copy that somebody forgot: on the heap, in
freed memory, on a stack.

Then each secret is replaced or taken away, and looked for once more.
"""

import base64
import hashlib
import hmac
import html
import mmap
import os
import re
import secrets
import struct
import subprocess
import time
import urllib.parse

from broken import Broken, wait_for
from load import Connection, Load, exchange
from world import World

# What may stand in memory of the process that is no secret's own: libpq keeps the password of each connection, and a request's head with its assertion
# stays where it was received until the next one is.
ELSEWHERE = {"database's password", "assertion", "its signature", "code it was given for"}
# What a running process still has of a master key that is no longer in its file: the audit's chain goes on under it until the restart.
UNTIL_RESTART = {"its bytes", "its sealing key"}


def core(world, whole):
    place, every = f"{world.folder}/core", "on" if whole else "off"
    words = ["gdb", "-p", str(world.first.process.pid), "-batch", "-nx", "-ex", f"set dump-excluded-mappings {every}"]
    if whole:
        words += ["-ex", "set use-coredump-filter off"]
    subprocess.run([*words, "-ex", f"gcore {place}", "-ex", "detach"], check=True, capture_output=True, stdin=subprocess.DEVNULL)
    return place


def segments(data):
    """(place in the file, length, address) of what a core holds."""
    offset, = struct.unpack_from("<Q", data, 32)
    size, count = struct.unpack_from("<HH", data, 54)
    for number in range(count):
        kind, _, place, address, _, length = struct.unpack_from("<IIQQQQ", data, offset + number * size)
        if kind == 1 and length:
            yield place, length, address


def mappings(process):
    """(begin, end, name) of each; those that are excluded from dumps are called the secrets' own."""
    begin = end = name = None
    for line in open(f"/proc/{process}/smaps"):
        if found := re.match(r"([0-9a-f]+)-([0-9a-f]+) \S+ \S+ \S+ \S+ *(.*)", line):
            begin, end, name = int(found[1], 16), int(found[2], 16), found[3] or "anonymous"
        elif line.startswith("VmFlags:"):
            yield begin, end, "own pages" if "dd" in line.split() else name


def found(world, wanted, whole=False):
    """For each name of a secret, the mappings in which it stands, with how often; and the size of the core."""
    place = core(world, whole)
    try:
        with open(place, "rb") as file, mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as data:
            parts, maps, results = list(segments(data)), list(mappings(world.first.process.pid)), {name: {} for name in wanted}
            for name, value in wanted.items():
                at = data.find(value)
                while at >= 0:
                    address = next((base + at - start for start, length, base in parts if start <= at < start + length), 0)
                    mapping = next((words for begin, end, words in maps if begin <= address < end), "registers")
                    results[name][mapping] = results[name].get(mapping, 0) + 1
                    if os.environ.get("GATEHOUSE_CHAOS_SHOW") and mapping != "own pages":
                        around = re.sub(rb"[^ -~]", b".", data[max(0, at - 160):at + 60])
                        print(f"    {name} at {address:x} in {mapping}: {around}")
                    at = data.find(value, at + 1)
            return results, len(data)
    finally:
        os.remove(place)


def derived(key, purpose):
    """HKDF-SHA256 without salt, 32 bytes (RFC 5869)."""
    material = hmac.digest(b"\0" * 32, key, hashlib.sha256)
    return hmac.digest(material, purpose + b"\x01", hashlib.sha256)


def secrets_of(world):
    text = open(f"{world.folder}/key").read().strip()
    key = bytes.fromhex(text[5:69])
    head, signature = world.assertions.of["ok"].rsplit(".", 1)
    wanted = {
        "injected token": world.token, "renewed token": world.grants.given[-1], "client secret": world.client_secret,
        "the same in Basic": base64.b64encode(f"gatehouse:{world.client_secret}".encode()).decode(),
        "master key": text, "its bytes": key, "its sealing key": derived(key, b"gatehouse wrap v1"),
        "database's password": world.own.password, "assertion": head[-100:], "its signature": signature,
    }
    return {name: value.encode() if isinstance(value, str) else value for name, value in wanted.items()}


class Person:
    """Somebody who connects accounts on the page of Gatehouse."""

    def __init__(self, world):
        self.world = world

    def ask(self, host, target, form=None):
        """The status, the fields and the page."""
        body = urllib.parse.urlencode(form or {}).encode()
        head = [f"{'POST' if form else 'GET'} {target} HTTP/1.1", f"Host: {host}", "Connection: close",
                "Cf-Access-Jwt-Assertion: " + self.world.assertions.of["ok"]]
        if form:
            head += [f"Origin: https://{host}", "Sec-Fetch-Site: same-origin", "Content-Type: application/x-www-form-urlencoded",
                     f"Content-Length: {len(body)}"]
        got = exchange(self.world.first.place, ("\r\n".join(head) + "\r\n\r\n").encode() + body, 20)
        head, _, page = got.decode().partition("\r\n\r\n")
        return int(head.split()[1]), head, html.unescape(page)

    def press(self, token, action, **values):
        """Presses a button of the page."""
        host = f"{token}.example.com"
        page = self.ask(host, "/.gatehouse/")[2]
        button = re.search(rf'action="/\.gatehouse/{action}".*?name="key" value="([^"]+)"', page, re.DOTALL)
        if not button:
            raise Broken(f"no button {action} for {token}: {page}")
        return self.ask(host, f"/.gatehouse/{action}", {"token": token, "key": button[1], **values})

    def connect(self):
        """By a vendor that allows it."""
        status, head, page = self.press("own", "connect")
        state = re.search(r"[?&]state=([^&\s\"]+)", head + page)
        if not state:
            raise Broken(f"connecting is answered {status}: {page}")
        self.code = "code-" + secrets.token_hex(16)
        status, _, page = self.ask("own.example.com", f"/.gatehouse/callback?code={self.code}&state={state[1]}")
        if status != 303:
            raise Broken(f"the callback is answered {status}: {page}")

    def paste(self):
        self.pasted = "pasted-" + secrets.token_hex(16)
        status, _, page = self.press("pasted", "paste", value=self.pasted)
        if status != 303:
            raise Broken(f"pasting is answered {status}: {page}")

    def is_connected(self, token):
        return 'action="/.gatehouse/disconnect"' in self.ask(f"{token}.example.com", "/.gatehouse/")[2]

    def call(self, token):
        connection = Connection(self.world.first.place)
        connection.call("t-ok-own", self.world.assertions.of["ok"], path=f"/{token}", host=f"{token}.example.com")
        connection.close()


def words(places):
    return ", ".join(f"{count} in {place}" for place, count in places.items()) or "none"


def traffic(world, person):
    """Calls on every route, and a moment in which connections wait for the next."""
    load = Load(world, pause=0.005)
    time.sleep(4)
    load.stop()
    connection = Connection(world.first.place)
    for _ in range(3):
        connection.call("t-ok-renewed", world.assertions.of["ok"], path="/renewed")
        for token in ("own", "pasted"):
            person.call(token)
    time.sleep(1)


def tell(world, store, title, wanted, problems, gone=False):
    """Prints where each secret is, and holds it to what is promised: of one that is gone nothing is left."""
    (left, size), (there, every) = found(world, wanted), found(world, wanted, whole=True)
    status = open(f"/proc/{world.first.process.pid}/status").read()
    locked = re.search(r"VmLck:\s+(\d+ kB)", status)[1]
    print(f"store {store}, {title}: a core of {size >> 10} KiB, all memory {every >> 20} MiB, locked {locked}")
    for name in wanted:
        print(f"  {name:24} in the core: {words(left[name]):12} in all memory: {words(there[name])}", flush=True)
        if left[name]:
            problems.append(f"{store}, {title}: {name} in a core: {words(left[name])}")
        places = set(there[name]) - (set() if gone and name not in UNTIL_RESTART else {"own pages"})
        if name not in ELSEWHERE and places:
            problems.append(f"{store}, {title}: {name} in memory: {words(there[name])}")
    return there


def replace(world, person, store):
    """Replaces or takes away every secret that can be, under a process that goes on; returns those that are gone."""
    gone = {}
    if store != "variables":
        # The first one is in the environment too, which the process keeps for a store of variables: it is not the one that has to go.
        for _ in range(4):
            world.token = "token-" + secrets.token_hex(16)
            world.command("token", "rotate", "calls", input=world.token)
            time.sleep(2.5)
            # Answers are searched for two former versions of a token.
            gone.setdefault("token rotated away", world.token)
    gone["personal token"], gone["its refresh token"] = world.grants.own[-1]
    gone["code it was given for"] = person.code
    person.press("own", "disconnect")
    gone["pasted token"] = person.pasted
    person.press("pasted", "disconnect")
    for token in ("own", "pasted"):
        wait_for(lambda token=token: not person.is_connected(token), 30, f"the end of {token}")
    # Of tokens that renew themselves two former versions are kept too.
    gone |= {f"renewed away, {number}": token for number, token in enumerate(world.grants.given[:-3], 1)}
    text = open(f"{world.folder}/key").read().strip()
    world.command("key", "generate", "--out", f"{world.folder}/new-key")
    file, both = f"{{ file: {world.folder}/key }}", f"{{ file: {world.folder}/new-key }}, {{ file: {world.folder}/key }}"
    world.write(world.yaml.replace(file, both))
    world.command("reload")
    for name in {"kept", "sqlite"} & {store, "sqlite" if store == "variables" else store}:
        world.command("key", "rotate", "--store", name)
    world.write(world.yaml.replace(file, f"{{ file: {world.folder}/new-key }}"))
    world.command("reload")
    key = bytes.fromhex(text[5:69])
    return gone | {"master key": text, "its bytes": key, "its sealing key": derived(key, b"gatehouse wrap v1")}


def look(binary, folder, store, problems):
    os.mkdir(folder, 0o700)
    world = World(binary, folder, store=store, renews=True, persons=True)
    person = Person(world)
    try:
        world.start()
        wait_for(world.serves, 30, "a first answer")
        person.connect()
        person.paste()
        for token in ("own", "pasted"):
            wait_for(lambda token=token: person.is_connected(token), 30, f"an account for {token}")
        traffic(world, person)
        world.command("reload")
        traffic(world, person)
        wanted = secrets_of(world)
        wanted["personal token"], wanted["its refresh token"] = (value.encode() for value in world.grants.own[-1])
        wanted["pasted token"] = person.pasted.encode()
        there = tell(world, store, "in use", wanted, problems)
        if not there["injected token"]:
            problems.append(f"{store}: the search does not find what is there")
        gone = replace(world, person, store)
        traffic(world, person)
        gone = {name: value.encode() if isinstance(value, str) else value for name, value in gone.items()}
        tell(world, store, "no longer in use", gone, problems, gone=True)
        wanted |= gone
        for name in ("environ", "cmdline", "auxv"):
            text = open(f"/proc/{world.first.process.pid}/{name}", "rb").read()
            problems += [f"{store}: {secret} in /proc/PID/{name}" for secret, value in wanted.items() if value in text]
        text = open(f"{folder}/log", "rb").read()
        problems += [f"{store}: {name} in the log" for name, value in wanted.items() if value in text]
    finally:
        world.end()


def run(binary, folder, options):
    problems = []
    for store in ("kept", "sqlite", "variables"):
        look(binary, f"{folder}/{store}", store, problems)
    return problems
