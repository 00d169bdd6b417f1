"""Runs chaos, with one instance or a fleet, or a run of its own: see run.sh."""

import argparse
import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections import Counter

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))

import events  # noqa: E402
import in_force  # noqa: E402
import ledger  # noqa: E402
from broken import Broken, wait_for  # noqa: E402
from load import Load  # noqa: E402
from world import World  # noqa: E402

RUNS = {"soak": "soak", "greedy": "greedy", "secrets": "secrets_in_core", "handover": "handover"}


def chaos(world, chosen):
    problems = []
    try:
        world.start()
        wait_for(world.serves, 30, "a first answer")
        for name in chosen:
            run, served = events.ALL[name]
            found = []
            load = Load(world)
            time.sleep(1)
            began = time.monotonic()
            try:
                recovered = run(world, load)
                time.sleep(1.5)
                followed = in_force.check(world)
                load.stop()
                answers = Counter(result[4] for result in load.since(began))
                failed = sum(count for status, count in answers.items() if status != 200)
                if served and failed:
                    found.append(f"{failed} good callers were not served")
                calls, rows, unrecorded = ledger.check(world, load, found)
                said = ", ".join(f"{count} × {status}" for status, count in sorted(answers.items(), key=str))
                slowest = max((result[1] - result[0] for result in load.since(began) if result[4] == 200), default=0)
                print(f"{name:16} served again after {recovered:.2f} s; good callers: {said}, the slowest {slowest:.2f} s; changes in force after "
                      f"{followed:.2f} s; {calls} calls upstream, {rows} rows in all" + (f"; {unrecorded} refusals only counted" if unrecorded else ""),
                      flush=True)
            except (Broken, OSError, subprocess.SubprocessError) as error:
                found.append(f"{type(error).__name__}: {error}")
                load.stop()
            found += [f"{instance.name} has ended" for instance in world.instances if not instance.runs]
            for problem in found:
                print(f"  broken: {name}: {problem}", flush=True)
            problems += found
            if not all(instance.runs for instance in world.instances):
                world.start()
                wait_for(world.serves, 30, "an answer after a new start")
    finally:
        try:
            world.end()
        except Broken as error:
            problems.append(str(error))
        stop_standby(world)
        if problems:
            print(f"the log is kept: {keep(world.folder)}", flush=True)
    return problems


def keep(folder):
    kept = tempfile.mkdtemp(prefix="gatehouse-chaos-log.")
    shutil.copy(f"{folder}/log", kept)
    return kept + "/log"


def stop_standby(world):
    if standby := getattr(world, "standby", None):
        events.database(world, "pg_ctl", "-D", standby, "-m", "immediate", "-s", "stop")


def main():
    parser = argparse.ArgumentParser(prog="Tests/Chaos/run.sh")
    parser.add_argument("--gatehouse", required=True)
    parser.add_argument("--minutes", type=float, default=60, help="of the soak")
    parser.add_argument("--picture", help="where the soak's picture is written")
    parser.add_argument("--pooler", choices=["session", "transaction"], help="a PgBouncer between the fleet and its database")
    parser.add_argument("what", nargs="*", help=f"events; or fleet and events; or {', '.join(RUNS)}; or list")
    options = parser.parse_intermixed_args()
    if options.what == ["list"]:
        for name, (run, _) in events.ALL.items():
            print(f"{name:16} {run.__doc__}")
        return
    fleet = options.what[:1] == ["fleet"]
    chosen = options.what[fleet:]
    others = set(RUNS) & set(chosen)
    unknown = set(chosen) - set(events.ALL) - set(RUNS)
    if unknown or others and len(options.what) > 1:
        parser.error(f"no such events: {', '.join(unknown)}" if unknown else f"{others.pop()} runs alone")
    folder = tempfile.mkdtemp(prefix="gatehouse-chaos.")
    # PgBouncer reads its file as nobody.
    os.chmod(folder, 0o711)
    try:
        if others:
            problems = __import__(RUNS[chosen[0]]).run(options.gatehouse, folder, options)
        elif fleet:
            world = World(options.gatehouse, folder, names=("one", "two", "three"), pooler=options.pooler)
            problems = chaos(world, chosen or events.FLEET)
        else:
            problems = chaos(World(options.gatehouse, folder), chosen or [name for name in events.ALL if name != "rolling"])
    finally:
        # The mounts go with the namespace, but the folder below them only without them.
        for line in reversed(open("/proc/mounts").read().splitlines()):
            place = line.split()[1]
            if place.startswith((folder, os.environ["GATEHOUSE_CHAOS_POSTGRES_FOLDER"] + "/")):
                subprocess.run(["umount", "-l", place], check=False)
        shutil.rmtree(folder, ignore_errors=True)
    for problem in problems:
        print(f"broken: {problem}", file=sys.stderr)
    sys.exit(1 if problems else 0)


main()
