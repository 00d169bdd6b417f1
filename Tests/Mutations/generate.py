"""Makes mutants of the gate and of the assertion's verifier by itself and runs on each the tests that it can make fail. Started by run.sh --generated.

What is no fault although it changes the source, or what no test can bring about, stands in equivalent.toml:

    [[equivalent]]
    file = "Sources/…/File.swift"
    in = "verify"                       # the function or property that it stands in
    line = 'guard a < b else { … }'     # as it stands there, without the white space around it
    change = "< becomes <="             # as the run prints it; a list for several changes of the line
    reason = "Why no caller can tell the two apart."
"""

import hashlib
import json
import re
import subprocess
import sys
import time
import tomllib
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

import mutate
import reach
import sites
from mutate import PLACE, ROOT, TABLES, fail

TREE = PLACE / "generated"
# What was judged, for --resume.
JUDGED = PLACE / "generated.json"
# What does not compile of the same sources, so that the next build takes one round.
DROPPED = PLACE / "dropped.json"
# Which tests each mutant can make fail.
REACHED = PLACE / "reached.json"
# Lines from one branch of a value to what another one comes to.
BRANCH = 8
# Builds until what is left compiles; each drops what the compiler names.
ROUNDS = 60


@dataclass(frozen=True)
class Subject:
    """Sources that are mutated together, and the target whose tests have to fail."""

    name: str
    target: str
    files: tuple[str, ...]


PHASES = ["Authenticate", "Authorize", "Confirm", "Gate", "Personal", "PublicAnswer", "Reflect", "Refusal", "RoutePhase", "WellKnown"]
SUBJECTS = [
    Subject("identity", "AccessIdentityTests", ("Sources/AccessIdentity/**/*.swift",)),
    Subject("mcp", "GatehouseMCPTests", ("Sources/GatehouseMCP/**/*.swift",)),
    Subject("phases", "GatehouseProxyTests", tuple(f"Sources/GatehouseProxy/Phases/{name}*.swift" for name in PHASES)),
]


def needed(manifest: str, targets: list[str]) -> dict[str, str]:
    """The targets that the tests need, as the package declares them."""
    begin = manifest.index("[", manifest.index("targets: [\n"))
    code, items = sites.masked(manifest), {}
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
    return {name: text for name, text in items.items() if name in wanted}


def narrowed(manifest: str, targets: list[str]) -> str:
    """The package with these, optimized, with all errors at once, and with nothing that makes a warning of a mutant one."""
    head = manifest[: manifest.index("[", manifest.index("targets: [\n"))]
    items = needed(manifest, targets)
    head = re.sub(r'^ +\.(?:executable|library)\(.*targets: \["(\w+)"\].*\n', lambda found: found[0] if found[1] in items else "", head, flags=re.MULTILINE)
    head = head.replace("    .treatAllWarnings(as: .error),\n", "")
    head = head.replace("let house = plain", 'let house = plain + [.unsafeFlags(["-O", "-continue-building-after-errors"])]')
    return head + "[\n" + "".join(f"        {text},\n" for text in items.values()) + "    ]\n)\n"


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
            # A statement that was the value of a closure around it, of which another branch is told to have another type.
            near = range(line + 1, line + BRANCH + 1)
            removed = [(site.line, number) for number, site in self.left() if site.file == file and site.line in near and site.kind.startswith("statement")]
            found = {number for at, number in removed if at == min(removed)[0]}
        if not found:
            # An error about a whole declaration, or about a value that only a removed statement would set.
            above = [number for number, site in self.left() if site.file == file and site.line <= line]
            found = {number for number in above if self.all[number].line == self.all[above[-1]].line} if above else set()
        self.dropped |= found
        return len(found)


def build(mutants: Mutants, resumes: bool) -> None:
    # A module at a time, because the first that does not compile ends a build.
    modules = [*sorted({file.split("/")[1] for file in mutants.sources}), None]
    states = {file: reach.digest([file]) for file in mutants.sources}
    known = json.loads(DROPPED.read_text()) if DROPPED.is_file() else {}
    for number, site in mutants.all.items():
        of_file = known.get(site.file, {})
        # A run that goes on holds that what does not compile on one line does not do so on the same line of a file that has changed.
        if (resumes or of_file.get("state") == states[site.file]) and list(site.key) in of_file.get("keys", []):
            mutants.dropped.add(number)

    def keep() -> None:
        for file, state in states.items():
            keys = [site.key for number, site in mutants.all.items() if number in mutants.dropped and site.file == file]
            known[file] = {"state": state, "keys": keys}
        DROPPED.write_text(json.dumps(known))

    for _ in range(ROUNDS):
        mutate.copy(mutants.texts(), TREE)
        command = mutate.BUILD if modules[0] is None else ["swift", "build", "--target", modules[0], *mutate.BUILD[3:]]
        run = subprocess.run(command, cwd=TREE, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
        if run.returncode == 0:
            modules.pop(0)
            if not modules:
                keep()
                return
            continue
        errors = set(re.findall(rf"^{re.escape(str(TREE))}/(Sources/\S+?\.swift):(\d+):\d+: (?:error: |warning: result of )(.*)", run.stdout, re.MULTILINE))
        ours = [(file, int(line), text) for file, line, text in sorted(errors) if file in mutants.sources]
        dropped = sum(mutants.drop(*error) for error in ours)
        print(f"{modules[0] or 'the tests'}: {len(errors)} errors, {dropped} mutants dropped", flush=True)
        keep()
        if not dropped:
            fail("the copy does not build:\n" + run.stdout[-4000:])
    fail(f"the copy does not build after {ROUNDS} rounds")


def equivalents(every: Mutants, complete: bool) -> dict[tuple, str]:
    path = TABLES / "equivalent.toml"
    listed = {}
    keys = {site.key for site in every.all.values()}
    for entry in tomllib.loads(path.read_text()).get("equivalent", []) if path.is_file() else []:
        if set(entry) != {"file", "in", "line", "change", "reason"}:
            fail(f"{path.name}: an entry has file, in, line, change and reason")
        for change in [entry["change"]] if isinstance(entry["change"], str) else entry["change"]:
            key = (entry["file"], entry["in"], entry["line"], change)
            if key not in keys and complete:
                fail(f"{path.name}: nothing in {entry['file']} is {entry['line']!r} with the change {change!r} in {entry['in']!r}")
            listed[key] = entry["reason"]
    return listed


def hash_of(keys: Iterable[tuple]) -> str:
    return hashlib.sha256(repr(sorted(keys)).encode()).hexdigest()


def main() -> int:
    words = sys.argv[1:]
    options = {word for word in words if word.startswith("--")}
    if options - {"--check", "--resume", "--list", "--explained"}:
        fail("options are --check, --list, --resume and --explained")
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
    build(every, "--resume" in options)
    print(f"{len(every.left())} mutants compile, {len(every.dropped)} do not; built after {(time.monotonic() - began) / 60:.0f} min", flush=True)
    judged = mutate.Judged(JUDGED)
    manifest, files = (ROOT / "Package.swift").read_text(), mutate.listed_files()
    keys = {number: site.key for number, site in every.left()}
    tests: dict[str, list[reach.Test]] = {}
    states: dict[str, str] = {}
    chosen = [(number, site, every.subject_of[number]) for number, site in every.left() if is_wanted(number)]
    for subject in {subject for _, _, subject in chosen}:
        folders = tuple(f"{folder}/{name}/" for folder in ("Sources", "Tests") for name in needed(manifest, [subject.target]))
        sources = [name for name in files if name.startswith(folders) and name.startswith("Sources/")]
        # Not of the tests: one that is added takes no outcome back. A run without --resume asks all of them again.
        states[subject.name] = reach.digest(sources)
        state = reach.digest([name for name in files if name.startswith(folders)]) + f" {hash_of(keys.values())}"
        tests[subject.name] = reach.tests_of(TREE, subject.target, state, keys, REACHED)
        print(f"{subject.name}: {len(tests[subject.name])} tests looked at after {(time.monotonic() - began) / 60:.0f} min", flush=True)
    survivors, counts = [], {subject.name: Counter() for _, _, subject in chosen}
    for done, (number, site, subject) in enumerate(chosen, 1):
        count, name = counts[subject.name], " | ".join(site.key)
        before = judged.outcome(name, states[subject.name])
        is_explained = site.key in listed
        if is_explained:
            count["equivalent"] += 1
        if is_explained and "--explained" not in options:
            pass
        elif not is_explained and "--resume" in options and before and before["by"]:
            count.update(["caught", "known"])
        else:
            asked = [test for test in tests[subject.name] if site.key in test.reaches]
            by = reach.judge(TREE, number, asked)
            if not is_explained:
                judged.put(name, key=states[subject.name], by=by)
                count["caught" if by else "survived"] += 1
            # What a test tells from the sources is no equivalent, whatever is said of it.
            if is_explained == bool(by):
                survivors.append(site)
                told = f"{len(asked)} tests cannot tell" if asked else "no test comes to it"
                told = f"explained, yet {by} fails" if by else told
                print(f"{site.file}:{site.line}: in {site.place}: {site.kind}: {site.text} ({told})", flush=True)
        if done % 100 == 0:
            print(f"… {done} of {len(chosen)}, {(time.monotonic() - began) / 60:.0f} min", file=sys.stderr, flush=True)
    for name, count in counts.items():
        print(
            f"{name}: {count.total() - count['known']} mutants, {count['caught']} caught ({count['known']} known from before), "
            f"{count['equivalent']} equivalent, {count['survived']} survived"
        )
    print(f"{(time.monotonic() - began) / 60:.0f} min with the build")
    return 1 if survivors else 0


if __name__ == "__main__":
    sys.exit(main())
