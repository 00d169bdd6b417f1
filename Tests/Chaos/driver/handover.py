"""Processes that take over one port from each other, or stand beside each other and are restarted in turn, under wrk and the callers of the other
runs: no request fails."""

import signal
import socket
import subprocess
import time
from collections import Counter

import ledger
from broken import Broken, wait_for
from load import Load
from world import World

CONNECTIONS, TURNS = 16, 3
CALLS = """wrk.method = "POST"
wrk.body = '{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"t-ok-wrk","arguments":{}}}'
wrk.headers["Host"] = "mcp.example.com"
wrk.headers["Content-Type"] = "application/json"
wrk.headers["Accept"] = "application/json, text/event-stream"
wrk.headers["Cf-Access-Jwt-Assertion"] = "%s"
-- Milliseconds: no more calls than the database takes rows.
function delay() return 10 end
"""


def begin(world):
    """Starts a process beside the one that runs, and returns it once it logs that it serves."""
    def serving():
        with open(f"{world.folder}/log") as log:
            return sum(": serving" in line or '"serving"' in line for line in log)

    before = serving()
    world.first.start()
    wait_for(lambda: serving() > before, 30, "a second process that serves")
    time.sleep(1)
    return world.first.process


def takes_over(world):
    """A new one starts, and the one before it ends."""
    for _ in range(TURNS):
        before = world.first.process
        begin(world)
        world.first.stop(before)
        time.sleep(1)


def in_turn(world):
    """Two stand beside each other, and each is restarted: the one that came second first."""
    one, other = world.first.process, begin(world)
    for _ in range(TURNS):
        world.first.stop(other)
        time.sleep(1)
        one, other = begin(world), one
    world.first.stop(other)
    world.first.process = one


def run(binary, folder, options):
    problems = []
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    world = World(binary, folder, port=port)
    with open(f"{folder}/calls.lua", "w") as file:
        file.write(CALLS % world.assertions.of["ok"])
    try:
        world.start()
        wait_for(world.serves, 30, "a first answer")
        for way in (takes_over, in_turn):
            found, load = [], Load(world)
            wrk = subprocess.Popen(["wrk", "-t1", f"-c{CONNECTIONS}", "-d300s", "-s", f"{folder}/calls.lua", f"http://127.0.0.1:{port}/mcp"],
                                   stdout=subprocess.PIPE, text=True)
            time.sleep(1)
            way(world)
            time.sleep(1)
            wrk.send_signal(signal.SIGINT)
            lines = [line.strip() for line in wrk.communicate()[0].splitlines()]
            load.stop()
            answers = Counter(result[4] for result in load.since(0))
            if set(answers) != {200}:
                found.append(f"good callers got {dict(answers)}")
            found += [f"wrk: {line}" for line in lines if line.startswith(("Socket errors", "Non-2xx"))]
            calls, rows, _ = ledger.check(world, load, found)
            requests = next((line for line in lines if " requests in " in line), "wrk said nothing of its requests")
            print(f"{way.__name__:11} wrk: {requests}; good callers: {answers[200]} × 200; {calls} calls upstream, {rows} rows in all", flush=True)
            for problem in found:
                print(f"  broken: {way.__name__}: {problem}", flush=True)
            problems += found
    except Broken as error:
        problems.append(str(error))
    finally:
        world.end()
    return problems
