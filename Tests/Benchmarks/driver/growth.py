"""How cost grows with the size of bodies, and with how many routes, tokens and streams there are."""

import os
import signal
import statistics
import time

import measure
from measure import Scenario
from peers import ALL, gatehouse
from processes import wait_for

SIZES = [256 << (2 * step) for step in range(7)]  # 256 bytes to 1 MiB
ROUTES = [1, 10, 100, 1000]
TOKENS = [1, 100, 1000, 10_000, 20_000]
STREAMS = [500, 1000, 2500, 5000]
STARTS, RELOADS = 5, 5


def route(name, path, upstream, more="", host="mcp.example.com", tools=', tools: ["list_*", "get_*"]'):
    return f"""  - name: {name}
    host: {host}
    path: {path}
    audience: ["@AUDIENCE@"]
    upstream: http://127.0.0.1:@UPSTREAM@{upstream}
    inject: {{ Authorization: "Bearer {{token:bench}}" }}
    allow: [ {{ users: ["*@example.com"]{tools} }} ]{more}
"""


def proxy(*routes):
    """Gatehouse with these routes, and last the one for `/mcp`, which the peers' start asks for."""
    text = "".join(routes) + route("calls", "/mcp", "/mcp")
    return gatehouse("gatehouse", 18010, file="growth.yaml", ROUTES=text)


def hosts(count):
    names = (f"server-{number:04}" for number in range(1, count))
    return proxy(*(route(name, "/mcp", "/mcp", host=f"{name}.example.com") for name in names))


def paths(count):
    names = (f"server-{number:04}" for number in range(1, count))
    return proxy(*(route(name, f"/{name}", "/mcp") for name in names))


class Growth:
    """Takes the points: (curve, place on it) to the values of all rounds."""

    def __init__(self, bench, seconds, say):
        self.bench, self.seconds, self.say = bench, seconds, say
        self.points = {}

    def note(self, curve, place, value):
        self.points.setdefault((curve, place), []).append(value)
        self.say(f"{curve:18} {place:8} {value:.1f}")

    def median(self, curve, place):
        values = self.points.get((curve, place))
        return statistics.median(values) if values else None

    def load(self, peer, name, path="/mcp", **settings):
        return measure.load(self.bench, peer, Scenario(name, name, path=path, **settings), self.seconds)["cpu_us"]

    def round(self):
        self.sizes()
        self.routes()
        self.tokens()
        self.streams()

    def sizes(self):
        """The bodies go over a gated route: what goes up is held and looked at, what comes down is passed on."""
        nginx = next(peer for peer in ALL if peer.name == "nginx")
        for peer in (proxy(route("up", "/upload", "/upload"), route("down", "/sized", "/sized")), nginx):
            peer.start(self.bench)
            try:
                for size in SIZES:
                    connections = 16 if size > 65536 else 64
                    up = self.load(peer, "up", "/upload", connections=connections, CALL=str(size))
                    self.note(f"up {peer.name}", size, up)
                    down = self.load(peer, "down", f"/sized?{size}", connections=connections)
                    self.note(f"down {peer.name}", size, down)
            finally:
                peer.stop()

    def routes(self):
        for count in ROUTES:
            peer = paths(count)
            peer.start(self.bench)
            try:
                self.note("paths", count, self.load(peer, "paths"))
            finally:
                peer.stop()
            peer = hosts(count)
            for turn in range(STARTS):
                self.note("start", count, peer.start(self.bench))
                if turn < STARTS - 1:
                    peer.stop()
            try:
                self.note("hosts", count, self.load(peer, "hosts"))
                self.note("routes pss", count, peer.process.pss_kib())
                for turn in range(RELOADS):
                    self.note("reload", count, self.reload(peer, turn + 1))
            finally:
                peer.stop()

    def reload(self, peer, number):
        """Milliseconds from the signal to the line in the log. The file has a comment more, for one that is in force is not read again."""
        with open(peer.path, "a") as file:
            file.write(f"# {number}\n")
        began = time.monotonic()
        os.kill(peer.process.id, signal.SIGHUP)
        if not wait_for(lambda: peer.log_text(self.bench).count('"message":"reloaded"') >= number, 20):
            raise RuntimeError("gatehouse did not reload")
        return (time.monotonic() - began) * 1000

    def tokens(self):
        self.bench.keys.twice()
        for count in TOKENS:
            peer = proxy()
            peer.start(self.bench)
            try:
                self.note("tokens", count, self.load(peer, "tokens", assertions="twice", TOKENS=str(count)))
                self.note("tokens pss", count, peer.process.pss_kib())
            finally:
                peer.stop()

    def streams(self):
        for count in STREAMS:
            peer = proxy(route("streams", "/sse", "/sse", more="\n    protocol: http", tools=""))
            peer.start(self.bench)
            try:
                figures = measure.memory(self.bench, peer, count, 4)
            finally:
                peer.stop()
            self.note("streams pss", 0, figures["idle_kib"])
            self.note("streams pss", count, figures["idle_kib"] + figures["stream_kib"] * count)
