"""Mutates a copy of the sources and runs the tests that have to fail. Started by run.sh.

A table is TOML:

    [[mutation]]
    name = "trace"                  # unique over all tables
    says = "TRACE is refused."      # the promise that the mutation takes away
    file = "Sources/…/File.swift"
    from = 'text that stands in the file exactly once'
    to = 'what stands there instead; MUTATED is true while the mutation is on'
    tests = "BesideTests"           # regular expression of `swift test --filter`
    hangs = true                    # optional: the tests may hang instead of failing
    also = [{file = "…", from = "…", to = "…"}]   # optional: further places of the same mutation
"""

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
# A test that takes longer than this under a mutation hangs.
TIMEOUT = float(os.environ.get("GATEHOUSE_MUTATION_TIMEOUT", "180"))
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
    """Those to be built, whole tables so that a second run builds little, and those to be run."""
    every = [mutation for path in sorted(TABLES.glob("*.toml")) for mutation in read(path)]
    names = [mutation.name for mutation in every]
    for name in names:
        if names.count(name) > 1:
            fail(f"{name} is there twice")
    wanted = {Path(argument).name for argument in arguments}
    for word in wanted:
        if word not in names and not (TABLES / word).is_file():
            fail(f"no table and no mutation is called {word}")
    chosen = [mutation for mutation in every if not wanted or mutation.name in wanted or mutation.table in wanted]
    tables = {mutation.table for mutation in chosen}
    return [mutation for mutation in every if mutation.table in tables], chosen


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


def copy(texts: dict[str, str]) -> None:
    """Brings the copy up to date, and touches nothing that is: so the build is incremental."""
    listed = subprocess.run(
        ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"], cwd=ROOT, check=True, capture_output=True
    )
    files = {name for name in listed.stdout.decode().split("\0") if name and (ROOT / name).is_file()}
    for name in files:
        source, target = ROOT / name, TREE / name
        content = texts[name].encode() if name in texts else source.read_bytes()
        if not target.is_file() or target.read_bytes() != content:
            target.parent.mkdir(parents=True, exist_ok=True)
            target.write_bytes(content)
        shutil.copymode(source, target)
    for folder, folders, names in os.walk(TREE):
        folders[:] = [name for name in folders if name != ".build"]
        for name in names:
            path = Path(folder) / name
            if str(path.relative_to(TREE)) not in files | {"Package.resolved"}:
                path.unlink()
    # The packages that are there already need no network.
    for name in [".build/repositories", ".build/checkouts", ".build/workspace-state.json", "Package.resolved"]:
        source, target = ROOT / name, TREE / name
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


def run_tests(name: str, expression: str, timeout: float) -> tuple[str, list[str]]:
    """`passed`, `failed` or `hung`, and the tests that failed."""
    log = PLACE / f"{name}.log"
    command = ["swift", "test", "--skip-build", "--disable-xctest", "--filter", expression]
    with log.open("wb") as output:
        tests = subprocess.Popen(
            command, cwd=TREE, stdin=subprocess.DEVNULL, stdout=output, stderr=subprocess.STDOUT, start_new_session=True
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


def require_tests(chosen: list[Mutation]) -> list[str]:
    listed = subprocess.run(
        ["swift", "test", "list", "--skip-build"], cwd=TREE, check=True, capture_output=True, stdin=subprocess.DEVNULL
    ).stdout.decode().splitlines()
    for mutation in chosen:
        if not any(re.search(mutation.tests, line) for line in listed):
            fail(f"{mutation.name}: no test is called {mutation.tests}")
    return listed


def require_passing(chosen: list[Mutation], listed: list[str]) -> None:
    """Without a mutation everything passes; what failed beside all the others is asked alone, with its neighbours."""
    expressions = sorted({mutation.tests for mutation in chosen})
    print(f"without a mutation: {len(expressions)} sets of tests", flush=True)
    outcome, tests = run_tests("none", "|".join(expressions), TIMEOUT + 30 * len(expressions))
    if outcome == "passed":
        return
    ids = [line for line in listed if any(test.strip("`()") in line for test in tests)]
    again = [expression for expression in expressions if any(re.search(expression, line) for line in ids)]
    failures = []
    for expression in again if ids and outcome == "failed" else expressions:
        # On a loaded machine a test that talks to other programs may lose twice.
        for attempt in range(3):
            outcome, tests = run_tests(f"none-{attempt}", expression, TIMEOUT)
            if outcome == "passed":
                break
        if outcome != "passed":
            failures.append(f"{expression}: {outcome} without a mutation ({', '.join(tests)})")
    if failures:
        fail("\n".join(failures))


def main() -> int:
    arguments = sys.argv[1:]
    checks_only = arguments[:1] == ["--check"]
    built, chosen = choose(arguments[1:] if checks_only else arguments)
    texts = mutated_files(built)
    if checks_only or not chosen:
        print(f"{len(chosen)} mutations fit the sources")
        return 0
    began = time.monotonic()
    copy(texts)
    clear_flags()
    subprocess.run(BUILD, cwd=TREE, check=True, stdin=subprocess.DEVNULL)
    require_passing(chosen, require_tests(chosen))
    wrong = 0
    print(f"{'mutation':40} {'outcome':10} {'s':>4}  by", flush=True)
    for mutation in chosen:
        (FLAGS / mutation.name).touch()
        since = time.monotonic()
        outcome, tests = run_tests(mutation.name, mutation.tests, TIMEOUT)
        clear_flags()
        is_caught = outcome == "failed" or outcome == "hung" and mutation.hangs
        word = "caught" if is_caught else "SURVIVED" if outcome == "passed" else "HUNG"
        wrong += not is_caught
        print(f"{mutation.name:40} {word:10} {time.monotonic() - since:4.0f}  {tests[0] if tests else outcome}", flush=True)
    minutes = (time.monotonic() - began) / 60
    print(f"{len(chosen)} mutations, {len(chosen) - wrong} caught, {minutes:.0f} min with the build")
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
