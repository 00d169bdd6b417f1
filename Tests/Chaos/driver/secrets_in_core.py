"""Looks for secrets where they must not be: in a core of the process (gcore), elsewhere in its memory, in /proc, in the log.

A core is made as gdb makes it by default, which honours the process's filter (core(5)) and leaves out the mappings that are excluded from dumps.
Then one is made of all memory. A secret in it stands in excluded pages, which are the secrets' own, or it is a copy that somebody forgot: on the heap, in
freed memory, on a stack.
"""

import base64
import hashlib
import hmac
import mmap
import os
import re
import struct
import subprocess
import time

from broken import wait_for
from load import Connection, Load
from world import World

# What may stand in memory of the process that is no secret's own: libpq keeps the password of each connection, and a request's head with its assertion
# stays where it was received until the next one is.
ELSEWHERE = {"database's password", "assertion", "its signature"}


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


def words(places):
    return ", ".join(f"{count} in {place}" for place, count in places.items()) or "none"


def look(binary, folder, store, problems):
    os.mkdir(folder, 0o700)
    world = World(binary, folder, store=store, renews=True)
    try:
        world.start()
        wait_for(world.serves, 30, "a first answer")
        load = Load(world, pause=0.005)
        time.sleep(4)
        load.stop()
        renewed = Connection(world.first.place)
        for _ in range(3):
            renewed.call("t-ok-renewed", world.assertions.of["ok"], path="/renewed")
        world.command("reload")
        wanted = secrets_of(world)
        # A moment after the last request, with connections that wait for the next one.
        time.sleep(1)
        (left, size), (there, every) = found(world, wanted), found(world, wanted, whole=True)
        status = open(f"/proc/{world.first.process.pid}/status").read()
        locked = re.search(r"VmLck:\s+(\d+ kB)", status)[1]
        print(f"store {store}: a core of {size >> 10} KiB, all memory {every >> 20} MiB, locked {locked}")
        for name in wanted:
            print(f"  {name:20} in the core: {words(left[name]):12} in all memory: {words(there[name])}", flush=True)
            if left[name]:
                problems.append(f"{store}: {name} in a core: {words(left[name])}")
            if name not in ELSEWHERE and set(there[name]) - {"own pages"}:
                problems.append(f"{store}: {name} in memory: {words(there[name])}")
        if not there["injected token"]:
            problems.append(f"{store}: the search does not find what is there")
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
