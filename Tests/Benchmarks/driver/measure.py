"""The scenarios, and one measurement of each."""

import json
import os
import re
import subprocess
import time

LUA = os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "wrk", "load.lua")


class Scenario:
    """Load by wrk. `cores`: of the proxy."""

    def __init__(self, name, words, path="/mcp", assertions="one", connections=64, cores=1, **environment):
        self.name, self.words, self.path, self.assertions = name, words, path, assertions
        self.connections, self.cores, self.environment = connections, cores, environment


SCENARIOS = [
    Scenario("same", "same token"),
    Scenario("many", "10,000 tokens", assertions="many"),
    Scenario("bad", "bad tokens, all different", assertions="broken"),
    Scenario("down", "1 MiB down", path="/blob", connections=16, METHOD="GET"),
    Scenario("up", "1 MiB up", path="/upload", connections=16, UPLOAD=str(1 << 20)),
    Scenario("connection", "new connection each", CLOSE="1"),
    Scenario("single", "one connection", connections=1),
    Scenario("two", "same token, two loops", cores=2),
]


def wrk(bench, port, scenario, seconds, most=64):
    command = ["taskset", "-c", bench.load_core, "wrk", "-t1", f"-c{min(scenario.connections, most)}", f"-d{seconds}s",
               "--timeout", "10s", "-s", LUA, f"http://127.0.0.1:{port}{scenario.path}"]
    environment = {**os.environ, "ASSERTIONS": bench.keys.path(scenario.assertions), **scenario.environment}
    output = subprocess.run(command, capture_output=True, text=True, env=environment, timeout=seconds + 60).stdout
    found = re.search(r"RESULT (.*)", output)
    if not found:
        raise RuntimeError(f"wrk said: {output[-300:]}")
    return json.loads(found[1])


def load(bench, peer, scenario, seconds):
    """CPU per request, of user and system, in microseconds; throughput and latency beside it."""
    wrk(bench, peer.port, scenario, 1, peer.connections)
    user, system = peer.process.cpu_seconds()
    began = time.monotonic()
    result = wrk(bench, peer.port, scenario, seconds, peer.connections)
    elapsed = time.monotonic() - began
    user_after, system_after = peer.process.cpu_seconds()
    requests = result["requests"]
    if not requests or result["socket_errors"]:
        raise RuntimeError(f"{peer.name} {scenario.name}: {result}")
    wanted_refusals = requests if scenario.assertions == "broken" else 0
    if abs(result["refused"] - wanted_refusals) > requests * 0.001:
        raise RuntimeError(f"{peer.name} {scenario.name}: {result['refused']} of {requests} refused")
    used = user_after - user + system_after - system
    return {
        "cpu_us": used / requests * 1e6, "user_us": (user_after - user) / requests * 1e6,
        "rps": requests / (result["us"] / 1e6), "p50_us": result["p50"], "p99_us": result["p99"],
        "busy": used / elapsed,
    }


def listener(bench, peer, path, streams, seconds, gap=300):
    command = ["taskset", "-c", bench.load_core, os.path.join(bench.folder, "listener"), str(peer.port), path,
               str(streams), str(seconds), str(gap)]
    return subprocess.Popen(command, stdout=subprocess.PIPE, text=True,
                            env={**os.environ, "ASSERTION": bench.keys.one()})


def memory(bench, peer, streams=5000, seconds=6):
    """KiB of PSS when idle, and for each idle event stream."""
    time.sleep(1)
    idle = peer.process.pss_kib()
    client = listener(bench, peer, "/sse?i=0", streams, seconds)
    ready = client.stdout.readline()
    time.sleep(2)
    held = peer.process.pss_kib()
    rest = json.loads(client.stdout.read().strip().splitlines()[-1])
    client.wait(60)
    if not ready.startswith("READY") or rest["failed"]:
        raise RuntimeError(f"{peer.name} streams: {ready.strip()} {rest}")
    return {"idle_kib": idle, "stream_kib": (held - idle) / streams}


def fan(bench, peer, streams=1000, interval=500, seconds=5):
    """Time to the first event, and from an event's making to its arrival, with traffic on every stream."""
    client = listener(bench, peer, f"/sse?i={interval}", streams, seconds)
    output = client.communicate(timeout=120)[0]
    result = json.loads(output.strip().splitlines()[-1])
    if result["failed"]:
        raise RuntimeError(f"{peer.name} fan: {result}")
    return {key: result[key] for key in ("first_p50", "first_p99", "event_p50", "event_p99")}
