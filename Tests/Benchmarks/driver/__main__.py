"""Runs the benchmark: see run.sh."""

import argparse
import json
import os
import sys

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))

import measure  # noqa: E402
import report  # noqa: E402
from checks import check  # noqa: E402
from peers import ALL, Bench, versions  # noqa: E402

DOCS = os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "..", "..", "docs")
NOTES = os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "NOTES.md")


def say(text):
    print(text, file=sys.stderr, flush=True)


def rounds(bench, peers, scenarios, number, seconds, results):
    def note(peer, scenario, figures):
        results.append({"peer": peer.name, "scenario": scenario, "figures": figures})
        say(f"{peer.name:12} {scenario:12} " + "  ".join(f"{key} {value:.1f}" for key, value in figures.items()))

    for turn in range(number):
        say(f"round {turn + 1} of {number}")
        for peer in peers:
            for cores in (1, 2):
                chosen = [s for s in scenarios if s.cores == cores and (peer.verifies or s.assertions != "broken")]
                if not chosen or cores == 2 and not peer.name.startswith("gatehouse"):
                    continue
                milliseconds = peer.start(bench, cores)
                try:
                    if cores == 1:
                        note(peer, "start", {"ms": milliseconds})
                    for scenario in chosen:
                        note(peer, scenario.name, measure.load(bench, peer, scenario, seconds))
                finally:
                    peer.stop()


def streams(bench, peers, number, results):
    for turn in range(number):
        for peer in peers:
            for name, measured in (("memory", measure.memory), ("fan", measure.fan)):
                peer.start(bench)
                try:
                    figures = measured(bench, peer)
                finally:
                    peer.stop()
                results.append({"peer": peer.name, "scenario": name, "figures": figures})
                say(f"{peer.name:12} {name:12} " + "  ".join(f"{key} {value:.1f}" for key, value in figures.items()))


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--folder", required=True)
    parser.add_argument("--gatehouse", required=True)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--seconds", type=int, default=3)
    parser.add_argument("--peers")
    parser.add_argument("--scenarios")
    parser.add_argument("--no-streams", action="store_true")
    parser.add_argument("--write", action="store_true", help="replace docs/PERFORMANCE.md")
    options = parser.parse_args()
    bench = Bench(options.folder, options.gatehouse)
    peers = [peer for peer in ALL if not options.peers or peer.name in options.peers.split(",")]
    scenarios = [s for s in measure.SCENARIOS if not options.scenarios or s.name in options.scenarios.split(",")]
    results = []
    upstream = bench.upstream()
    try:
        for peer in peers:
            peer.start(bench)
            try:
                problems = check(bench, peer)
            finally:
                peer.stop()
            if problems:
                raise SystemExit(f"{peer.name} does not do its part: {'; '.join(problems)}")
            say(f"{peer.name} does its part")
        rounds(bench, peers, scenarios, options.rounds, options.seconds, results)
        if not options.no_streams:
            streams(bench, peers, min(3, options.rounds), results)
    finally:
        upstream.stop()
    names = [peer.name for peer in peers]
    notes = open(NOTES).read() if os.path.exists(NOTES) else ""
    page = report.page(results, names, scenarios, versions(bench), report.machine(), notes, options.rounds,
                       options.seconds)
    print(page)
    with open(os.path.join(bench.folder, "results.json"), "w") as file:
        json.dump(results, file, indent=1)
    if options.write:
        with open(os.path.join(DOCS, "PERFORMANCE.md"), "w") as file:
            file.write(page)
        with open(os.path.join(DOCS, "performance.svg"), "w") as file:
            file.write(report.picture(results, names, scenarios))


main()
