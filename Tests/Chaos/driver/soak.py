"""A long load with rotations of tokens, reloads and renewals, and what the process takes meanwhile, as a picture."""

import os
import signal
import statistics
import threading
import time
from collections import Counter

import ledger
from broken import Broken, wait_for
from load import Load
from world import World

EVERY = 5
# What the median of the last quarter may be above that of the second: the first is warming up.
BOUNDS = {"resident memory, MB": (1.05, 2), "descriptors": (1.0, 4), "threads": (1.0, 1)}
COLOURS = {"resident memory, MB": "#0f766e", "descriptors": "#b45309", "threads": "#475569"}


def sample(process):
    status = open(f"/proc/{process.pid}/status").read()
    resident = int(status.split("VmRSS:")[1].split()[0]) / 1024
    return {"resident memory, MB": resident, "descriptors": len(os.listdir(f"/proc/{process.pid}/fd")),
            "threads": int(status.split("Threads:")[1].split()[0])}


def change(world, stopped, counts, problems):
    """A rotation each 20 s, a reload each 15 s that takes a route away and brings it back."""
    turn = 0
    plain = world.yaml
    spare = plain + plain[plain.index("  - name: renewed"):].replace("name: renewed", "name: spare").replace("path: /renewed", "path: /spare")
    while not stopped.wait(5):
        turn += 1
        try:
            if turn % 4 == 0:
                world.command("token", "rotate", "calls", input=f"token-{turn:032x}")
                counts["rotations"] += 1
            if turn % 3 == 0:
                world.write(spare if turn % 2 else plain)
                world.first.process.send_signal(signal.SIGHUP)
                counts["reloads"] += 1
        except Broken as error:
            problems.append(str(error))


def run(binary, folder, options):
    problems, counts, stopped = [], Counter(), threading.Event()
    world = World(binary, folder, renews=True)
    try:
        world.start()
        wait_for(world.serves, 30, "a first answer")
        load = Load(world)
        changing = threading.Thread(target=change, args=(world, stopped, counts, problems))
        changing.start()
        began, points = time.monotonic(), []
        while time.monotonic() < began + options.minutes * 60:
            points.append((time.monotonic() - began, sample(world.first.process)))
            time.sleep(EVERY)
        stopped.set()
        changing.join()
        load.stop()
        ledger.check(world, load, problems)
        answers = Counter(result[4] for result in load.since(0))
        counts |= Counter({"renewals": len(world.grants.given), "requests": len(load.results)})
        if set(answers) != {200}:
            problems.append(f"good callers were not served: {dict(answers)}")
        print(", ".join(f"{count} {name}" for name, count in counts.items()))
        for name, (factor, more) in BOUNDS.items():
            values = [point[name] for _, point in points]
            quarter = max(1, len(values) // 4)
            before, after = statistics.median(values[quarter:2 * quarter] or values), statistics.median(values[-quarter:])
            print(f"{name}: {before:.1f} in the second quarter, {after:.1f} in the last, {max(values):.1f} at most")
            if after > before * factor + more:
                problems.append(f"{name} grew from {before:.1f} to {after:.1f}")
        if options.picture:
            with open(options.picture, "w") as file:
                file.write(picture(points, counts, options.minutes))
    finally:
        stopped.set()
        world.end()
    return problems


def picture(points, counts, minutes):
    """One curve for each figure, each in a field of its own from zero on."""
    left, width, height, gap, y = 60, 540, 90, 44, 60
    end = points[-1][0] or 1
    what = ", ".join(f"{counts[name]:,} {name}" for name in ("requests", "rotations", "renewals", "reloads"))
    rows = [f'<text x="12" y="20" font-weight="600" font-size="14">{minutes:g} minutes: {what}</text>']
    for name, colour in COLOURS.items():
        values = [point[name] for _, point in points]
        top = max(values) * 1.1
        line = " ".join(f"{left + at / end * width:.1f},{y + height - value / top * height:.1f}"
                        for at, value in ((at, point[name]) for at, point in points))
        rows += [f'<text x="12" y="{y - 8}" font-weight="600">{name}</text>',
                 f'<line x1="{left}" y1="{y + height}" x2="{left + width}" y2="{y + height}" stroke="#cbd5e1"/>',
                 f'<text x="{left - 8}" y="{y + height + 4}" text-anchor="end">0</text>',
                 f'<text x="{left - 8}" y="{y + height - max(values) / top * height + 4:.0f}" text-anchor="end">{max(values):.0f}</text>',
                 f'<polyline points="{line}" fill="none" stroke="{colour}" stroke-width="1.5"/>']
        y += height + gap
    for share in (0, 0.5, 1):
        anchor = "start" if share == 0 else "middle" if share < 1 else "end"
        rows.append(f'<text x="{left + share * width:.0f}" y="{y - gap + 16}" text-anchor="{anchor}">{share * end / 60:.0f} min</text>')
    return (f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 640 {y - gap + 30}" font-family="system-ui, sans-serif" font-size="12" '
            f'fill="#334155"><rect width="640" height="{y - gap + 30}" fill="#ffffff"/>' + "".join(rows) + "</svg>\n")
