"""Slow and greedy clients beside good ones: what the good ones' p99 becomes, and what the process takes meanwhile."""

import os
import statistics
import subprocess
import sys
import threading
import time
from collections import Counter

from broken import wait_for
from load import Connection
from world import World

KINDS = ["slow-heads", "dripping-bodies", "never-reading", "idle", "huge-heads", "pipelined"]
ROUNDS, SECONDS = 5, 4
# Of the good clients' p99 beside an attack to their p99 just before it; the median of all rounds.
BOUND = 2.0


class Good:
    """Four clients with 100 calls a second in all."""

    def __init__(self, world, seconds):
        self.times, self.statuses = [], Counter()
        threads = [threading.Thread(target=self.run, args=(world, seconds, number)) for number in range(4)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()

    def run(self, world, seconds, number):
        connection, end, turn = Connection(world.first.place), time.monotonic() + seconds, 0
        while time.monotonic() < end:
            turn += 1
            began = time.monotonic()
            status = connection.call(f"t-ok-good-{number}-{turn}", world.assertions.of["ok"])
            self.times.append(time.monotonic() - began)
            self.statuses[status] += 1
            time.sleep(max(0, began + 0.04 - time.monotonic()))

    @property
    def p99(self):
        return sorted(self.times)[int(len(self.times) * 0.99)] * 1000


def resident(process):
    return int(open(f"/proc/{process.pid}/status").read().split("VmRSS:")[1].split()[0]) / 1024


def run(binary, folder, options):
    problems = []
    world = World(binary, folder)
    attacker = os.path.join(os.path.dirname(os.path.abspath(__file__)), "attackers.py")
    try:
        world.start()
        wait_for(world.serves, 30, "a first answer")
        Good(world, 5)
        print(f"{'attack':16} {'p99 before':>10} {'p99 beside':>10} {'ratio':>6} {'least–most':>12} {'RSS, MB':>8}  connections", flush=True)
        for kind in KINDS:
            ratios, normal, beside, most, counts = [], [], [], 0.0, []
            for _ in range(ROUNDS):
                before = Good(world, SECONDS)
                process = subprocess.Popen([sys.executable, attacker, kind, world.first.place], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
                process.stdin.write(world.assertions.of["ok"] + "\n")
                process.stdin.flush()
                process.stdout.readline()
                # All of its connections are there first.
                time.sleep(4.5 if kind == "idle" else 1.5)
                during = Good(world, SECONDS)
                most = max(most, resident(world.first.process))
                process.stdin.write("end\n")
                counts.append(process.communicate()[0].strip())
                for good in (before, during):
                    if set(good.statuses) != {200}:
                        problems.append(f"{kind}: good clients got {dict(good.statuses)}")
                ratios.append(during.p99 / before.p99)
                normal.append(before.p99)
                beside.append(during.p99)
            ratio = statistics.median(ratios)
            print(f"{kind:16} {statistics.median(normal):7.2f} ms {statistics.median(beside):7.2f} ms {ratio:6.2f} "
                  f"{min(ratios):5.2f}–{max(ratios):5.2f} {most:8.1f}  {counts[-1]}", flush=True)
            if ratio > BOUND:
                problems.append(f"{kind}: the p99 of good clients is {ratio:.2f} times the normal one")
        wait_for(world.serves, 10, "an answer afterwards")
    finally:
        world.end()
    return problems
