"""Mutates a copy of the sources and runs the tests that have to fail. Started by run.sh.

A table is TOML:

    [[mutation]]
    name = "trace"                  # unique over all tables
    says = "TRACE is refused."      # the promise that the mutation takes away
    file = "Sources/…/File.swift"
    from = 'text that stands in the file exactly once'
    to = 'what stands there instead; MUTATED is true while the mutation is on'
    tests = "BesideTests"           # regular expression of `swift test --filter`
    hangs = true                    # optional: the tests may hang instead of failing, because nothing of theirs can bound the wait
    also = [{file = "…", from = "…", to = "…"}]   # optional: further places of the same mutation
"""

import hashlib
import json
import os
import re
import shutil
import signal
import subprocess
import sys
import time
import tomllib
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
TABLES = ROOT / "Tests/Mutations"
PLACE = ROOT / ".build/mutations"
TREE = PLACE / "tree"
FLAGS = PLACE / "flags"
# What was judged, for --resume.
JUDGED = PLACE / "judged.json"
# Tests that take this and FACTOR times what they take without a mutation hang.
LEAST = float(os.environ.get("GATEHOUSE_MUTATION_TIMEOUT", "240"))
FACTOR = 4
# The same for tests of which it is known that they may hang.
LEAST_OF_HANGING = 30
# Seconds that a single wait of a test may take: alone on the machine it needs none of the usual 45, and under a mutation many wait in vain.
PATIENCE = os.environ.get("GATEHOUSE_TEST_PATIENCE", "15")
# Real programs, servers and SDKs: minutes where others take seconds.
SLOW = "EndToEndTests"
KEYS = {"name", "says", "file", "from", "to", "tests", "hangs", "also"}
BUILD = ["swift", "build", "--build-tests", "-j", str(os.cpu_count() or 2)]
# `access` is a system call without memory of its own: it says the same in every module and in child processes.
ASKS = """
private func isMutated(_ name: String) -> Bool { Glibc.access("%s/" + name, F_OK) == 0 }
"""


@dataclass(frozen=True)
class Edit:
    file: str
    old: str
    new: str


@dataclass(frozen=True)
class Mutation:
    table: str
    name: str
    tests: str
    hangs: bool
    edits: tuple[Edit, ...]


def fail(text: str) -> None:
    sys.exit(f"error: {text}")


def edit(name: str, entry: dict) -> Edit:
    if "MUTATED" not in entry["to"]:
        fail(f"{name}: `to` does not ask MUTATED")
    return Edit(entry["file"], entry["from"].strip("\n"), entry["to"].strip("\n").replace("MUTATED", f'isMutated("{name}")'))


def read(path: Path) -> list[Mutation]:
    try:
        entries = tomllib.loads(path.read_text()).get("mutation", [])
    except tomllib.TOMLDecodeError as error:
        fail(f"{path.name}: {error}")
    mutations = []
    for entry in entries:
        name = entry.get("name", "?")
        if set(entry) - KEYS or not {"name", "says", "file", "from", "to", "tests"} <= set(entry):
            fail(f"{path.name}: {name} has other keys than {', '.join(sorted(KEYS))}")
        if not re.fullmatch(r"[a-z0-9-]+", name):
            fail(f"{path.name}: {name}: lower-case letters, digits and `-`")
        edits = tuple(edit(name, place) for place in [entry, *entry.get("also", [])])
        mutations.append(Mutation(path.name, name, entry["tests"], entry.get("hangs", False), edits))
    return mutations


def choose(arguments: list[str]) -> tuple[list[Mutation], list[Mutation]]:
    """Those to be built, which are all, so that every run finds the same build; and those to be run."""
    every = [mutation for path in sorted(TABLES.glob("*.toml")) for mutation in read(path)]
    names = [mutation.name for mutation in every]
    for name in names:
        if names.count(name) > 1:
            fail(f"{name} is there twice")
    wanted = {Path(argument).name for argument in arguments}
    for word in wanted:
        if word not in names and not (TABLES / word).is_file():
            fail(f"no table and no mutation is called {word}")
    return every, [mutation for mutation in every if not wanted or mutation.name in wanted or mutation.table in wanted]


def mutated(file: str, changes: list[tuple[str, Edit]], misfits: list[str]) -> str:
    path = ROOT / file
    if not path.is_file():
        misfits.append(f"{changes[0][0]}: there is no {file}")
        return ""
    text = path.read_text()
    spans = []
    for name, change in changes:
        count = text.count(change.old)
        if count != 1:
            misfits.append(f"{name}: `from` is {count} times in {file}")
            continue
        start = text.index(change.old)
        spans.append((start, start + len(change.old), change.new, name))
    spans.sort()
    for before, after in zip(spans, spans[1:]):
        if before[1] > after[0]:
            misfits.append(f"{before[3]} and {after[3]} change the same text of {file}")
    for start, end, new, _ in reversed(spans):
        text = text[:start] + new + text[end:]
    if not re.search(r"^(?:\w+ )?import Glibc$", text, re.MULTILINE):
        text = "internal import Glibc\n" + text
    return text + ASKS % FLAGS


def mutated_files(built: list[Mutation]) -> dict[str, str]:
    changes: dict[str, list[tuple[str, Edit]]] = {}
    for mutation in built:
        for change in mutation.edits:
            changes.setdefault(change.file, []).append((mutation.name, change))
    misfits: list[str] = []
    texts = {file: mutated(file, of_file, misfits) for file, of_file in changes.items()}
    if misfits:
        fail("\n".join(misfits))
    return texts


def listed_files() -> set[str]:
    listed = subprocess.run(
        ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"], cwd=ROOT, check=True, capture_output=True
    )
    return {name for name in listed.stdout.decode().split("\0") if name and (ROOT / name).is_file()}


def copy(texts: dict[str, str], tree: Path = TREE) -> None:
    """Brings the copy up to date, and touches nothing that is: so the build is incremental. `texts` has files that differ or are there only."""
    files = listed_files() | set(texts)
    for name in files:
        source, target = ROOT / name, tree / name
        content = texts[name].encode() if name in texts else source.read_bytes()
        if not target.is_file() or target.read_bytes() != content:
            target.parent.mkdir(parents=True, exist_ok=True)
            target.write_bytes(content)
        if source.is_file():
            shutil.copymode(source, target)
    for folder, folders, names in os.walk(tree):
        folders[:] = [name for name in folders if name != ".build"]
        for name in names:
            path = Path(folder) / name
            if str(path.relative_to(tree)) not in files | {"Package.resolved"}:
                path.unlink()
    # The packages that are there already need no network.
    for name in [".build/repositories", ".build/checkouts", ".build/workspace-state.json", "Package.resolved"]:
        source, target = ROOT / name, tree / name
        if source.is_dir() and not target.exists():
            shutil.copytree(source, target, symlinks=True)
        elif source.is_file() and not target.exists():
            target.parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(source, target)


def clear_flags() -> None:
    FLAGS.mkdir(parents=True, exist_ok=True)
    # Tests start programs as other users, too.
    FLAGS.chmod(0o755)
    for path in FLAGS.iterdir():
        path.unlink()


def descendants(process: int) -> list[int]:
    children: dict[int, list[int]] = {}
    for path in Path("/proc").glob("[0-9]*/stat"):
        try:
            parent = int(path.read_text().rsplit(")", 1)[1].split()[1])
        except (OSError, IndexError):
            continue
        children.setdefault(parent, []).append(int(path.parent.name))
    found = [process]
    for one in found:
        found += children.get(one, [])
    return found[1:]


def bundle(tree: Path = TREE) -> list[str]:
    """The tests as SwiftPM has built them: `swift test` runs the same, and takes seconds for it each time."""
    found = [str(path) for path in (tree / ".build/debug").glob("*PackageTests.xctest")]
    if len(found) != 1:
        fail(f"{len(found)} bundles of tests in {tree / '.build/debug'}")
    return [*found, "--testing-library", "swift-testing"]


def run_tests(name: str, expression: str, timeout: float) -> tuple[str, list[str]]:
    """`passed`, `failed` or `hung`, and the tests that failed."""
    log = PLACE / f"{name}.log"
    command = [*bundle(), "--filter", expression]
    with log.open("wb") as output:
        tests = subprocess.Popen(
            command,
            cwd=TREE,
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            start_new_session=True,
            env=os.environ | {"GATEHOUSE_TEST_PATIENCE": PATIENCE},
        )
        try:
            status = tests.wait(timeout)
        except subprocess.TimeoutExpired:
            status = None
        # What a test that is ended has started goes with it, in whatever group of processes.
        for process in [*descendants(tests.pid), tests.pid] if status is None else []:
            try:
                os.kill(process, signal.SIGKILL)
            except ProcessLookupError:
                pass
        tests.wait()
    text = log.read_text(errors="replace")
    failed = re.findall(r'^. Test (?:"([^"]*)"|([\w`]+)\(.*?\)).{0,80} failed after', text, re.MULTILINE)
    tests = [quoted or bare for quoted, bare in failed]
    if status is None:
        return "hung", tests
    if status == 0:
        return "passed", []
    return "failed", tests or [re.sub(r"\s+", " ", text.strip().rsplit("\n", 1)[-1])[:80]]


class Tests:
    """The sets of tests that the tables name."""

    def __init__(self, mutations: list[Mutation]) -> None:
        listed = subprocess.run(
            [*bundle(), "--list-tests"], cwd=TREE, check=True, capture_output=True, stdin=subprocess.DEVNULL
        ).stdout.decode().splitlines()
        self.targets: dict[str, set[str]] = {}
        for mutation in mutations:
            found = {line.split(".")[0] for line in listed if re.search(mutation.tests, line)}
            if not found:
                fail(f"{mutation.name}: no test is called {mutation.tests}")
            self.targets[mutation.tests] = found
        self.digests = {name: hashlib.sha256((ROOT / name).read_bytes()).hexdigest() for name in sorted(listed_files())}

    def is_slow(self, mutation: Mutation) -> bool:
        return SLOW in self.targets[mutation.tests]

    def key(self, expression: str, edits: tuple[Edit, ...] = ()) -> str:
        """Says by which sources, tests and mutation an outcome came about."""
        digest = hashlib.sha256(repr((expression, edits, PATIENCE)).encode())
        for name, content in self.digests.items():
            folder, _, rest = name.partition("/")
            part = rest.partition("/")[0]
            other = part in {"Mutations", "Benchmarks", "Containers"} or part.endswith("Tests") and part not in self.targets[expression]
            if folder == "docs" or "/" not in name and name.endswith(".md") or folder == "Tests" and other:
                continue
            digest.update(f"{name} {content}\n".encode())
        return digest.hexdigest()


class Judged:
    """Outcomes of this run and of those before it. Written after each, so that a run that was ended can go on."""

    def __init__(self, path: Path = JUDGED) -> None:
        self.path = path
        try:
            self.known = json.loads(path.read_text())
        except (OSError, ValueError):
            self.known = {}

    def outcome(self, name: str, key: str) -> dict | None:
        found = self.known.get(name, {})
        return found if found.get("key") == key else None

    def seconds(self, name: str) -> float:
        return self.known.get(name, {}).get("seconds", 0)

    def put(self, name: str, **outcome) -> None:
        self.known[name] = outcome
        written = self.path.with_suffix(".new")
        written.write_text(json.dumps(self.known, indent=1))
        written.replace(self.path)


def passing_time(expression: str, tests: Tests, judged: Judged) -> float | None:
    """How long the tests take without a mutation, asked once; None when they fail."""
    key = tests.key(expression)
    known = judged.outcome("none: " + expression, key)
    if known:
        return known["seconds"]
    # A test that talks to other programs may lose once on a loaded machine.
    for _ in range(2):
        since = time.monotonic()
        outcome, failed = run_tests("none", expression, 900)
        seconds = time.monotonic() - since
        if outcome == "passed":
            judged.put("none: " + expression, key=key, seconds=seconds)
            return seconds
    print(f"{expression}: {outcome} without a mutation ({', '.join(failed)})", flush=True)
    return None


def judge(mutation: Mutation, tests: Tests, judged: Judged) -> tuple[str, float, str]:
    """The word for the outcome, the seconds that it took, and what failed."""
    own = passing_time(mutation.tests, tests, judged)
    if own is None:
        return "UNTESTED", 0, ""
    (FLAGS / mutation.name).touch()
    since = time.monotonic()
    try:
        least = LEAST_OF_HANGING if mutation.hangs else LEAST
        outcome, failed = run_tests(mutation.name, mutation.tests, least + FACTOR * own)
    finally:
        clear_flags()
    seconds = time.monotonic() - since
    if outcome == "failed" or outcome == "hung" and mutation.hangs:
        word = "caught"
    else:
        word = "SURVIVED" if outcome == "passed" else "HUNG"
    return word, seconds, failed[0] if failed else outcome


def main() -> int:
    words = sys.argv[1:]
    options = {word for word in words if word.startswith("--")}
    if options - {"--check", "--resume"}:
        fail("options are --check and --resume")
    built, chosen = choose([word for word in words if word not in options])
    texts = mutated_files(built)
    if "--check" in options or not chosen:
        print(f"{len(chosen)} mutations fit the sources")
        return 0
    began = time.monotonic()
    copy(texts)
    clear_flags()
    subprocess.run(BUILD, cwd=TREE, check=True, stdin=subprocess.DEVNULL)
    tests, judged = Tests(chosen), Judged()
    print(f"built after {(time.monotonic() - began) / 60:.0f} min", flush=True)
    # Quick ones first, and those with the same tests one after the other.
    chosen.sort(key=lambda one: (tests.is_slow(one), judged.seconds("none: " + one.tests), one.tests, judged.seconds(one.name)))
    words_of: dict[str, str] = {}
    known = 0
    print(f"{'mutation':40} {'outcome':10} {'s':>4}  by", flush=True)
    for mutation in chosen:
        key = tests.key(mutation.tests, mutation.edits)
        before = judged.outcome(mutation.name, key)
        if "--resume" in options and before and before["word"] == "caught":
            words_of[mutation.name] = "caught"
            known += 1
            continue
        word, seconds, by = judge(mutation, tests, judged)
        words_of[mutation.name] = word
        judged.put(mutation.name, key=key, word=word, seconds=seconds, by=by)
        print(f"{mutation.name:40} {word:10} {seconds:4.0f}  {by}", flush=True)
    print(f"\n{'table':20} {'mutations':>9} {'caught':>7} {'s':>6}")
    for table in sorted({mutation.table for mutation in chosen}):
        of_table = [mutation.name for mutation in chosen if mutation.table == table]
        caught = sum(words_of[name] == "caught" for name in of_table)
        print(f"{table:20} {len(of_table):9} {caught:7} {sum(judged.seconds(name) for name in of_table):6.0f}")
    wrong = [f"{name} ({word})" for name, word in words_of.items() if word != "caught"]
    minutes = (time.monotonic() - began) / 60
    print(f"{len(chosen)} mutations, {len(chosen) - len(wrong)} caught, {known} of them known from before; {minutes:.0f} min with the build")
    if wrong:
        print("not caught: " + ", ".join(wrong))
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
