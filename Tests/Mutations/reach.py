"""Knows which tests a generated mutant can make fail, and runs these. Part of generate.py.

Each test runs once on its own without a mutant and notes at which places the changed text would have had another value than the one that is there. A test that
never comes to that cannot tell the two apart, and is not asked.
"""

import hashlib
import json
import os
import re
import resource
import selectors
import signal
import subprocess
import time
from dataclasses import dataclass
from pathlib import Path

import mutate
from mutate import ROOT, fail

# Tests that take longer than this and FACTOR times their time without a mutant are ended: the mutant was noticed.
LEAST = 12
FACTOR = 4
# Seconds that a test may take to run beside the others of its kind: the quick ones are asked first.
KINDS = (0.5, 3, 1e9)
# A refusal that waits for keys takes six seconds. A trap says enough: to print where takes longer than all tests.
ENVIRONMENT = {"GATEHOUSE_TEST_PATIENCE": "8", "SWT_EXPERIMENTAL_MAXIMUM_PARALLELIZATION_WIDTH": "4", "SWIFT_BACKTRACE": "enable=no"}
# Bytes that a mutant without an end may take.
MEMORY = 4 << 30


@dataclass(frozen=True)
class Test:
    name: str
    seconds: float
    reaches: frozenset[tuple]

    @property
    def expression(self) -> str:
        return "^" + re.escape(self.name).replace("/", "\\/") + r"(\/|$)"


def ended(tests: subprocess.Popen) -> None:
    for process in [*mutate.descendants(tests.pid), tests.pid]:
        try:
            os.kill(process, signal.SIGKILL)
        except ProcessLookupError:
            pass


def bounded() -> None:
    resource.setrlimit(resource.RLIMIT_DATA, (MEMORY, MEMORY))


def fails(tree: Path, expressions: list[str], timeout: float, **variables: str) -> str:
    """The test that failed first; `hung`, `ended`, or nothing when all passed."""
    words = [word for one in expressions for word in ("--filter", one)]
    tests = subprocess.Popen(
        [*mutate.bundle(tree), *words],
        cwd=tree,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        start_new_session=True,
        preexec_fn=bounded,
        env=os.environ | ENVIRONMENT | variables,
    )
    selector = selectors.DefaultSelector()
    selector.register(tests.stdout, selectors.EVENT_READ)
    end, text, outcome = time.monotonic() + timeout, b"", ""
    while not outcome:
        if not selector.select(max(0, end - time.monotonic())):
            outcome = "hung"
            break
        piece = os.read(tests.stdout.fileno(), 1 << 16)
        if not piece:
            break
        # The first issue decides.
        text = (text + piece)[-(1 << 17) :]
        found = re.search(rb"^\S+ Test (.{1,160}?) recorded an issue", text, re.MULTILINE)
        outcome = found.group(1).decode(errors="replace") if found else ""
    if outcome:
        ended(tests)
    status = tests.wait()
    tests.stdout.close()
    return outcome or ("ended" if status else "")


def digest(names: list[str]) -> str:
    result = hashlib.sha256()
    for name in sorted(names):
        result.update(name.encode() + b"\0" + hashlib.sha256((ROOT / name).read_bytes()).digest())
    return result.hexdigest()


def tests_of(tree: Path, target: str, state: str, keys: dict[int, tuple], path: Path) -> list[Test]:
    """The tests of a target, from what an earlier run of the same sources and tests noted, or by running each."""
    known = json.loads(path.read_text()) if path.is_file() else {}
    of_target = known.get(target, {})
    if of_target.get("state") != state:
        of_target = known[target] = {"state": state, "tests": {}}
    listed = subprocess.run(
        [*mutate.bundle(tree), "--list-tests"], cwd=tree, check=True, capture_output=True, stdin=subprocess.DEVNULL
    ).stdout.decode().splitlines()
    numbers, place = {key: number for number, key in keys.items()}, path.with_suffix(".seen")
    for name in [line for line in listed if line.startswith(target + ".") and line not in of_target["tests"]]:
        place.write_bytes(bytes(max(keys) + 1))
        since = time.monotonic()
        failed = fails(tree, [Test(name, 0, frozenset()).expression], 900, GATEHOUSE_MUTANT_REACHED=str(place))
        if failed:
            fail(f"{name} fails without a mutant: {failed}")
        seen = place.read_bytes()
        reached = [key for number, key in keys.items() if seen[number]]
        of_target["tests"][name] = {"seconds": time.monotonic() - since, "reaches": reached}
        path.write_text(json.dumps(known))
    return [
        Test(name, test["seconds"], frozenset(tuple(key) for key in test["reaches"]))
        for name, test in of_target["tests"].items()
    ]


def judge(tree: Path, number: int, tests: list[Test]) -> str:
    """What a mutant's tests came to; empty when it survived."""
    left = sorted(tests, key=lambda test: test.seconds)
    for kind in KINDS:
        asked, left = [test for test in left if test.seconds < kind], [test for test in left if test.seconds >= kind]
        # An expression for each test takes the runner's time; more of them than these say no more.
        for begin in range(0, len(asked), 40):
            some = asked[begin : begin + 40]
            limit = LEAST + FACTOR * sum(test.seconds for test in some)
            by = fails(tree, [test.expression for test in some], limit, GATEHOUSE_MUTANT=str(number))
            if by and kind != KINDS[0]:
                # A test that waits for others can lose by itself on a loaded machine.
                by = fails(tree, [test.expression for test in some], 2 * limit, GATEHOUSE_MUTANT=str(number))
            if by:
                return by
    return ""
