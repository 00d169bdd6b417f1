"""Makes mutants of the gate and of the assertion's verifier by itself and runs the narrow suites on each. Started by run.sh --generated.

What is no fault although it changes the source stands in equivalent.toml:

    [[equivalent]]
    file = "Sources/…/File.swift"
    in = "verify"                       # the function or property that it stands in
    line = 'guard a < b else { … }'     # as it stands there, without the white space around it
    change = "< becomes <="             # as the run prints it
    reason = "Why no caller can tell the two apart."
"""

import hashlib
import json
import os
import re
import selectors
import signal
import subprocess
import sys
import time
import tomllib
from dataclasses import dataclass
from pathlib import Path

import mutate
import sites
from mutate import PLACE, ROOT, TABLES, fail

TREE = PLACE / "generated"
# What was judged, for --resume.
JUDGED = PLACE / "generated.json"
# What does not compile of the same sources, so that the next build takes one round.
DROPPED = PLACE / "dropped.json"
# A test that waits in vain for longer than this and FACTOR times its time without a mutant is ended: the mutant was noticed.
LEAST = 15
FACTOR = 4
# Builds until what is left compiles; each drops what the compiler names.
ROUNDS = 60


@dataclass(frozen=True)
class Subject:
    """Sources that are mutated together, and the sets of tests of which one has to fail: narrow ones first. All are of one target."""

    name: str
    files: tuple[str, ...]
    tests: tuple[str, ...]

    @property
    def target(self) -> str:
        return self.tests[0].split("\\")[0]


SUBJECTS = [
    Subject("identity", ("Sources/AccessIdentity/**/*.swift",), (r"AccessIdentityTests\.(ClaimTests|EnvelopeTests|VerdictCacheTests)", r"AccessIdentityTests\.(?!FuzzTests|GettingStartedTests)", r"AccessIdentityTests\.(FuzzTests|GettingStartedTests)")),
    Subject("mcp", ("Sources/GatehouseMCP/**/*.swift",), (r"GatehouseMCPTests\.(RPCGateTests|OwnedRequestTests)", r"GatehouseMCPTests\.(?!RPCFuzzTests|.*beyond the bound)", r"GatehouseMCPTests\.(RPCFuzzTests|.*beyond the bound)")),
    Subject(
        "phases",
        tuple(
            f"Sources/GatehouseProxy/Phases/{name}*.swift"
            for name in ["Authenticate", "Authorize", "Confirm", "Gate", "Personal", "PublicAnswer", "Reflect", "Refusal", "RoutePhase", "WellKnown"]
        ),
        (r"GatehouseProxyTests\..*PhaseTests", r"GatehouseProxyTests\."),
    ),
]


def narrowed(manifest: str, targets: list[str]) -> str:
    """The package with the targets that the tests need, and nothing that makes a warning of a mutant an error."""
    begin = manifest.index("[", manifest.index("targets: [\n"))
    code, items, at = sites.masked(manifest), {}, begin + 1
    for found in re.finditer(r"^        ((?:module|tests|\.executableTarget|\.systemLibrary|\.target)\()", code[begin:], re.MULTILINE):
        start = end = begin + found.start(1)
        depth = 0
        while end == start or depth or code[end - 1] != ")":
            depth += {"(": 1, ")": -1}.get(code[end], 0)
            end += 1
        text = manifest[start:end]
        items[re.search(r'"(\w+)"', text).group(1)] = text
    wanted = list(targets)
    for name in wanted:
        wanted += [one for one in re.findall(r'"(\w+)"', items[name]) if one in items and one not in wanted]
    head = re.sub(r'^ +\.executable\(.*\n', "", manifest[:begin], flags=re.MULTILINE).replace("    .treatAllWarnings(as: .error),\n", "")
    return head + "[\n" + "".join(f"        {text},\n" for name, text in items.items() if name in wanted) + "    ]\n)\n"


class Mutants:
    def __init__(self, subjects: list[Subject]) -> None:
        self.sources: dict[str, sites.Source] = {}
        self.subject_of: dict[int, Subject] = {}
        self.all: dict[int, sites.Site] = {}
        for subject in subjects:
            names = sorted({str(path.relative_to(ROOT)) for pattern in subject.files for path in ROOT.glob(pattern)})
            for name in names:
                source = self.sources[name] = sites.Source(name, (ROOT / name).read_text())
                for site in sites.sites(source):
                    number = len(self.all) + 1
                    self.all[number], self.subject_of[number] = site, subject
        self.dropped: set[int] = set()

    def left(self) -> list[tuple[int, sites.Site]]:
        return [(number, site) for number, site in self.all.items() if number not in self.dropped]

    def texts(self) -> dict[str, str]:
        targets = sorted({subject.target for subject in self.subject_of.values()})
        texts = {"Package.swift": narrowed((ROOT / "Package.swift").read_text(), targets)}
        modules: dict[str, str] = {}
        for file, source in self.sources.items():
            chosen = [(number, site) for number, site in self.left() if site.file == file]
            texts[file] = sites.written(source, chosen)
            module = "/".join(file.split("/")[:2])
            modules[module] = modules.get(module, sites.SUPPORT) + "".join(sites.operator(site, number, source) for number, site in chosen)
        for module, text in modules.items():
            for path in [*ROOT.glob("Sources/GatehouseCore/**/*.swift"), *ROOT.glob(f"{module}/**/*.swift")]:
                for name in re.findall(r"static func == \(\w+: (\w+), \w+: StaticString\)", path.read_text()):
                    text += f"extension {name}: MutantText {{}}\n"
            texts[f"{module}/MutantOperators.swift"] = text
        return texts

    def drop(self, file: str, line: int, text: str) -> int:
        """Drops what an error is about; returns how many these are."""
        there = {number for number, site in self.left() if site.file == file and site.line <= line <= site.last}
        named = {number for number in there if f"'{self.all[number].kind.split(' ')[0]}{sites.tail(number)}'" in text}
        # An error that names none is more often an operator's than that of what stands around it.
        found = named or {number for number in there if self.all[number].kind.split(" ")[0] in sites.BECOMES} or there
        if not found:
            # An error about a whole declaration, or about a value that only a removed statement would set.
            above = [number for number, site in self.left() if site.file == file and site.line <= line]
            found = {number for number in above if self.all[number].line == self.all[above[-1]].line} if above else set()
        self.dropped |= found
        return len(found)


def build(mutants: Mutants) -> None:
    # A module at a time, because the first that does not compile ends a build.
    modules = [*sorted({file.split("/")[1] for file in mutants.sources}), None]
    state = digest(sorted(mutants.sources))
    known = json.loads(DROPPED.read_text()) if DROPPED.is_file() else {}
    if known.get("state") == state:
        lost = {tuple(key) for key in known["keys"]}
        mutants.dropped = {number for number, site in mutants.all.items() if site.key in lost}
    for _ in range(ROUNDS):
        mutate.copy(mutants.texts(), TREE)
        command = mutate.BUILD if modules[0] is None else ["swift", "build", "--target", modules[0], *mutate.BUILD[3:]]
        run = subprocess.run(command, cwd=TREE, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
        if run.returncode == 0:
            modules.pop(0)
            if not modules:
                DROPPED.write_text(json.dumps({"state": state, "keys": [mutants.all[number].key for number in sorted(mutants.dropped)]}))
                return
            continue
        errors = set(re.findall(rf"^{re.escape(str(TREE))}/(Sources/\S+?\.swift):(\d+):\d+: (?:error|warning: result of): ?(.*)", run.stdout, re.MULTILINE))
        ours = [(file, int(line), text) for file, line, text in sorted(errors) if file in mutants.sources]
        dropped = sum(mutants.drop(*error) for error in ours)
        print(f"{modules[0] or 'the tests'}: {len(errors)} errors, {dropped} mutants dropped", flush=True)
        if not dropped:
            fail("the copy does not build:\n" + run.stdout[-4000:])
    fail(f"the copy does not build after {ROUNDS} rounds")


def fails(number: int, expression: str, timeout: float) -> str:
    """The test that failed first; `hung`, `ended`, or nothing when all passed."""
    tests = subprocess.Popen(
        [*mutate.bundle(TREE), "--filter", expression],
        cwd=TREE,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        start_new_session=True,
        env=os.environ | {"GATEHOUSE_MUTANT": str(number), "GATEHOUSE_TEST_PATIENCE": "5", "SWT_EXPERIMENTAL_MAXIMUM_PARALLELIZATION_WIDTH": "4"},
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
        for process in [*mutate.descendants(tests.pid), tests.pid]:
            try:
                os.kill(process, signal.SIGKILL)
            except ProcessLookupError:
                pass
    status = tests.wait()
    tests.stdout.close()
    return outcome or ("ended" if status else "")


def equivalents(every: Mutants, complete: bool) -> dict[tuple, str]:
    path = TABLES / "equivalent.toml"
    listed = {}
    keys = {site.key for site in every.all.values()}
    for entry in tomllib.loads(path.read_text()).get("equivalent", []) if path.is_file() else []:
        if set(entry) != {"file", "in", "line", "change", "reason"}:
            fail(f"{path.name}: an entry has file, in, line, change and reason")
        key = (entry["file"], entry["in"], entry["line"], entry["change"])
        if key not in keys and complete:
            fail(f"{path.name}: nothing in {entry['file']} is {entry['line']!r} with the change {entry['change']!r} in {entry['in']!r}")
        listed[key] = entry["reason"]
    return listed


def digest(names: list[str]) -> str:
    result = hashlib.sha256()
    for name in names:
        result.update(name.encode() + b"\0" + hashlib.sha256((ROOT / name).read_bytes()).digest())
    return result.hexdigest()


def main() -> int:
    words = sys.argv[1:]
    options = {word for word in words if word.startswith("--")}
    if options - {"--check", "--resume", "--list"}:
        fail("options are --check, --list and --resume")
    every = Mutants(SUBJECTS)
    wanted = [word for word in words if word not in options]
    for word in wanted:
        if word not in {subject.name for subject in SUBJECTS} and not any(word in file for file in every.sources):
            fail(f"no subject and no file is called {word}: {', '.join(subject.name for subject in SUBJECTS)}")
    listed = equivalents(every, True)

    def is_wanted(number: int) -> bool:
        return not wanted or any(word == every.subject_of[number].name or word in every.all[number].file for word in wanted)

    if "--check" in options or "--list" in options:
        for number, site in every.all.items():
            if "--list" in options and is_wanted(number):
                print(f"{site.file}:{site.line}: {site.kind}: {site.text}")
        print(f"{len(every.all)} generated mutants, {len(listed)} listed as equivalent")
        return 0

    began = time.monotonic()
    # Of the other subjects none is built.
    every = Mutants([subject for subject in SUBJECTS if any(subject == every.subject_of[number] and is_wanted(number) for number in every.all)])
    build(every)
    print(f"{len(every.left())} mutants compile, {len(every.dropped)} do not; built after {(time.monotonic() - began) / 60:.0f} min", flush=True)
    judged = mutate.Judged(JUDGED)
    # Not of the tests: one that is added takes no outcome back. A run without --resume asks all of them again.
    state = digest(sorted(name for name in mutate.listed_files() if name.startswith("Sources/")))
    times: dict[str, float] = {}
    for expression in {one for number in every.all if is_wanted(number) for one in every.subject_of[number].tests}:
        since = time.monotonic()
        failed = fails(0, expression, 900)
        if failed:
            fail(f"{expression} fails without a mutant: {failed}")
        times[expression] = time.monotonic() - since
    print(", ".join(f"{expression} takes {seconds:.1f} s" for expression, seconds in sorted(times.items())), flush=True)
    survivors, caught, equivalent, known = [], 0, 0, 0
    chosen = [(number, site) for number, site in every.left() if is_wanted(number)]
    for done, (number, site) in enumerate(chosen, 1):
        if site.key in listed:
            equivalent += 1
            continue
        name = " | ".join(site.key)
        before = judged.outcome(name, state)
        if "--resume" in options and before and before["by"]:
            caught, known = caught + 1, known + 1
            continue
        by = ""
        for expression in every.subject_of[number].tests:
            by = by or fails(number, expression, LEAST + FACTOR * times[expression])
        judged.put(name, key=state, by=by)
        caught += bool(by)
        if not by:
            survivors.append(site)
            print(f"{site.file}:{site.line}: in {site.place}: {site.kind}: {site.text}", flush=True)
        if done % 100 == 0:
            print(f"… {done} of {len(chosen)}, {(time.monotonic() - began) / 60:.0f} min", file=sys.stderr, flush=True)
    print(
        f"{len(chosen)} mutants, {caught} caught ({known} known from before), {equivalent} equivalent, {len(survivors)} survived; "
        f"{(time.monotonic() - began) / 60:.0f} min with the build"
    )
    return 1 if survivors else 0


if __name__ == "__main__":
    sys.exit(main())
