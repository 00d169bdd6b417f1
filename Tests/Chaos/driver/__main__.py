"""Runs chaos, soak, the greedy clients or the look into a core: see run.sh."""

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
import ledger  # noqa: E402
from load import Load  # noqa: E402
from world import Broken, World, wait_for  # noqa: E402


def chaos(binary, folder, chosen):
    problems = []
    world = World(binary, folder)
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
                load.stop()
                answers = Counter(result[4] for result in load.since(began))
                failed = sum(count for status, count in answers.items() if status != 200)
                if served and failed:
                    found.append(f"{failed} good callers were not served")
                calls, rows, unrecorded = ledger.check(world, load, found)
                said = ", ".join(f"{count} × {status}" for status, count in sorted(answers.items(), key=str))
                slowest = max((result[1] - result[0] for result in load.since(began) if result[4] == 200), default=0)
                print(f"{name:16} served again after {recovered:.2f} s; good callers: {said}, the slowest {slowest:.2f} s; "
                      f"{calls} calls upstream, {rows} rows in all" + (f"; {unrecorded} refusals only counted" if unrecorded else ""), flush=True)
            except (Broken, OSError, subprocess.SubprocessError) as error:
                found.append(f"{type(error).__name__}: {error}")
                load.stop()
            for problem in found:
                print(f"  broken: {name}: {problem}", flush=True)
            problems += found
            if world.process.poll() is not None:
                world.start()
                wait_for(world.serves, 30, "an answer after a new start")
    finally:
        try:
            world.end()
        except Broken as error:
            problems.append(str(error))
        stop_standby(world)
        if problems:
            print(f"the log is kept: {keep(folder)}", flush=True)
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
    parser.add_argument("what", nargs="*", help="events; or soak, greedy, secrets; or list")
    options = parser.parse_args()
    if options.what == ["list"]:
        for name, (run, _) in events.ALL.items():
            print(f"{name:16} {run.__doc__}")
        return
    others = {"soak", "greedy", "secrets"} & set(options.what)
    unknown = set(options.what) - set(events.ALL) - {"soak", "greedy", "secrets"}
    if unknown or others and len(options.what) > 1:
        parser.error(f"no such events: {', '.join(unknown)}" if unknown else f"{others.pop()} runs alone")
    folder = tempfile.mkdtemp(prefix="gatehouse-chaos.")
    try:
        if others:
            module = __import__({"secrets": "secrets_in_core"}.get(options.what[0], options.what[0]))
            problems = module.run(options.gatehouse, folder, options)
        else:
            problems = chaos(options.gatehouse, folder, options.what or list(events.ALL))
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
