"""Runs the benchmark: see run.sh."""

import argparse
import json
import os
import sys

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))

import growing  # noqa: E402
import measure  # noqa: E402
import report  # noqa: E402
from checks import check  # noqa: E402
from growth import Growth  # noqa: E402
from peers import ALL, NAMED, Bench, versions  # noqa: E402

DOCS = os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "..", "..", "docs")
NOTES = os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "NOTES.md")
GROWTH = os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "GROWTH.md")


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
                chosen = [s for s in scenarios if s.cores == cores and (peer.verifies or s.assertions != "broken")
                          and (s.path == "/mcp" or not peer.only_mcp)]
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
            if peer.only_mcp:
                continue
            for name, measured in (("memory", measure.memory), ("fan", measure.fan)):
                peer.start(bench)
                try:
                    figures = measured(bench, peer)
                finally:
                    peer.stop()
                results.append({"peer": peer.name, "scenario": name, "figures": figures})
                say(f"{peer.name:12} {name:12} " + "  ".join(f"{key} {value:.1f}" for key, value in figures.items()))


def write(path, text):
    with open(path, "w") as file:
        file.write(text)


def read(path):
    with open(path) as file:
        return file.read()


def grow(bench, options):
    """Only how cost grows: a section of the page, and kept in a file for when the rest is measured anew."""
    growth = Growth(bench, options.seconds or 1, say)
    number = options.rounds or 1
    upstream = bench.upstream()
    try:
        for turn in range(number):
            say(f"round {turn + 1} of {number}")
            growth.round()
    finally:
        upstream.stop()
    section = growing.section(growth, versions(bench), report.machine(), number)
    print(section)
    if options.write:
        write(GROWTH, section)
        page = os.path.join(DOCS, "PERFORMANCE.md")
        write(page, growing.replaced(read(page), section))
        write(os.path.join(DOCS, "performance-growth.svg"), growing.picture(growth))


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--folder", required=True)
    parser.add_argument("--gatehouse", required=True)
    parser.add_argument("--rounds", type=int, help="5, of growth 1")
    parser.add_argument("--seconds", type=int, help="of each measurement: 3, of growth 1")
    parser.add_argument("--peers")
    parser.add_argument("--scenarios")
    parser.add_argument("--no-streams", action="store_true")
    parser.add_argument("--growth", action="store_true", help="measure only how cost grows")
    parser.add_argument("--write", action="store_true", help="replace docs/PERFORMANCE.md")
    options = parser.parse_args()
    bench = Bench(options.folder, options.gatehouse)
    if options.growth:
        return grow(bench, options)
    options.rounds, options.seconds = options.rounds or 5, options.seconds or 3
    peers = ([peer for peer in ALL + NAMED if peer.name in options.peers.split(",")] if options.peers else ALL)
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
    notes = "\n".join(read(path).rstrip("\n") + "\n" for path in (NOTES, GROWTH) if os.path.exists(path))
    page = report.page(results, names, scenarios, versions(bench), report.machine(), notes, options.rounds,
                       options.seconds)
    print(page)
    write(os.path.join(bench.folder, "results.json"), json.dumps(results, indent=1))
    if options.write:
        write(os.path.join(DOCS, "PERFORMANCE.md"), page)
        write(os.path.join(DOCS, "performance.svg"), report.picture(results, names, scenarios))


main()
