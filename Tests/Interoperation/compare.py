"""Says which tests went otherwise through the gate than without it, and why: compare.py DIRECT.xml GATE.xml REASONS.

Ends with 1 when a difference has no reason, when a reason has no difference (but one that begins with `~`), and when too few tests ran to say
anything.
"""

import sys
import xml.etree.ElementTree as ElementTree


def results(path):
    """What became of each test: one that was skipped has not passed."""
    found = {}
    for case in ElementTree.parse(path).iter("testcase"):
        name = f"{case.get('classname')}::{case.get('name')}".replace(" ", "_")
        ended = {child.tag for child in case}
        state = "failed" if ended & {"failure", "error"} else "skipped" if "skipped" in ended else "passed"
        # A test has an entry more where its setting up or tearing down fails: the worst of them counts.
        found[name] = min(found.get(name, state), state, key=["failed", "skipped", "passed"].index)
    return found


def main():
    direct, gate = results(sys.argv[1]), results(sys.argv[2])
    reasons = {}
    with open(sys.argv[3], encoding="utf-8") as file:
        for line in file:
            if line.strip() and not line.startswith("#"):
                name, reason = line.rstrip("\n").split(" ", 1)
                reasons[name] = reason.strip()
    passed = {name for name, state in direct.items() if state == "passed"}
    differing = {name for name in passed if gate.get(name) != "passed"}
    skipped = sum(state == "skipped" for state in direct.values())
    print(
        f"{len(passed)} of {len(direct)} tests pass without the gate and {skipped} are skipped,"
        f" {len(passed) - len(differing)} pass through it"
    )
    fault = len(passed) < 50
    for name in sorted(differing):
        print(f"{'  ' if name in reasons else '! '}{name}: {reasons.get(name, 'no reason is known')} ({gate.get(name, 'did not run')})")
        fault = fault or name not in reasons
    for name in sorted(name for name in set(reasons) - differing if not reasons[name].startswith("~")):
        print(f"! {name}: passes, or is gone; its reason can go")
        fault = True
    sys.exit(fault)


main()
