"""What must hold whatever was broken: compares what callers saw, what reached the upstream, and the audit's rows."""

from collections import Counter

from broken import Broken, wait_for
from load import CALLED, REFUSED


def check(world, load, problems, drained=60):
    """Adds to `problems` what does not hold. The load has stopped."""
    try:
        wait_for(lambda: world.metric("gatehouse_audit_spool_events") == 0, drained, "an empty spool")
    except Broken as error:
        problems.append(str(error))
    seen = [line.split() for line in open(world.calls).read().splitlines()]
    for _, name, _ in seen:
        if not name.startswith("t-ok-") and name not in world.unclear:
            problems.append(f"wrong allow: {name} reached the upstream")
    rows = world.sql("SELECT kind, request_id, coalesce(target, ''), coalesce(decision, ''), coalesce(principal, '') FROM audit_events "
                     "WHERE kind IN ('decision', 'outcome')")
    decisions = Counter((identity, target) for kind, identity, target, decision, _ in rows if kind == "decision")
    allowed = {(identity, target) for kind, identity, target, decision, _ in rows if kind == "decision" and decision == "allow"}
    outcomes = Counter(identity for kind, identity, *_ in rows if kind == "outcome")
    names = Counter(target for kind, _, target, *_ in rows if kind == "decision" and target)
    some(problems, "at the upstream without a row of its own", [call for call in seen if tuple(call[:2]) not in allowed])
    some(problems, "decisions that are there twice", [key for key, count in decisions.items() if count > 1 and key[1]])
    some(problems, "outcomes that are there twice", [key for key, count in outcomes.items() if count > 1])
    reached = {name for _, name, _ in seen}
    some(problems, "answered 200 and not at the upstream",
         [result[3] for result in load.results if result[4] == 200 and result[2] in ("ok", "ends") and result[3] not in reached])
    some(problems, "answered, and without a row or with two",
         [f"{result[3]} ({result[4]}, {names[result[3]]} rows)" for result in load.results
          if result[2] in CALLED and result[4] in (200, 403) and names[result[3]] != 1 and (result[2] != "tool" or names[result[3]] > 1)])
    # A refusal that could not be recorded is answered all the same, and counted.
    unrecorded = sum(result[2] == "tool" and result[4] in (200, 403) and not names[result[3]] for result in load.results)
    for kind, principal in REFUSED.items():
        sent = sum(result[2] == kind for result in load.results)
        answered = sum(result[2] == kind and result[4] == 403 for result in load.results)
        there = sum(row[0] == "decision" and row[4] == principal for row in rows)
        fresh, world.refused[kind] = there - world.refused[kind], there
        unrecorded += max(0, answered - fresh)
        if fresh > sent:
            problems.append(f"{fresh} rows of {principal}, who came {sent} times")
    if unrecorded > world.lost():
        problems.append(f"{unrecorded} refusals without a row, of which {world.lost():.0f} are counted as lost")
    for writer, rows, numbers, identities, first, last in world.sql(
            "SELECT writer, count(*), count(DISTINCT seq), count(DISTINCT event_id), min(seq), max(seq) FROM audit_events GROUP BY writer"):
        if not rows == numbers == identities == str(int(last) - int(first) + 1) or first != "1":
            problems.append(f"the chain {writer} has {rows} rows, {numbers} numbers and {identities} ids from {first} to {last}")
    for instance in world.instances:
        try:
            instance.command("audit", "verify")
        except Broken as error:
            problems.append(str(error).strip())
    return len(seen), sum(names.values()), unrecorded


def some(problems, what, cases):
    if cases:
        problems.append(f"{len(cases)} {what}: {', '.join(str(case) for case in cases[:3])}")
