"""Says which tests went otherwise through the gate than without it, and why: compare.py DIRECT.xml GATE.xml REASONS.

Ends with 1 when a difference has no reason, when a reason has no difference (but one that begins with `~`), and when too few tests ran to say
anything.
"""

import sys
import xml.etree.ElementTree as ElementTree


def results(path):
    found = {}
    for case in ElementTree.parse(path).iter("testcase"):
        name = f"{case.get('classname')}::{case.get('name')}"
        ended = {child.tag for child in case}
        name = name.replace(" ", "_")
        found[name] = found.get(name, True) and not ended & {"failure", "error"}
    return found


def main():
    direct, gate = results(sys.argv[1]), results(sys.argv[2])
    reasons = {}
    with open(sys.argv[3], encoding="utf-8") as file:
        for line in file:
            if line.strip() and not line.startswith("#"):
                name, reason = line.rstrip("\n").split(" ", 1)
                reasons[name] = reason.strip()
    passed = {name for name, good in direct.items() if good}
    differing = {name for name in passed if not gate.get(name, False)}
    print(f"{len(passed)} of {len(direct)} tests pass without the gate, {len(passed) - len(differing)} of these through it")
    fault = len(passed) < 50
    for name in sorted(differing):
        print(f"{'  ' if name in reasons else '! '}{name}: {reasons.get(name, 'no reason is known')}")
        fault = fault or name not in reasons
    for name in sorted(name for name in set(reasons) - differing if not reasons[name].startswith("~")):
        print(f"! {name}: passes, or is gone; its reason can go")
        fault = True
    sys.exit(fault)


main()
