"""The results as a table, as a picture and as docs/PERFORMANCE.md."""

import datetime
import os
import platform
import statistics

# Target ratios, and what each is a ratio to. From the project's performance goals.
TARGETS = [
    ("same", "cpu_us", "haproxy-jwt", 0.38), ("same", "cpu_us", "envoy-jwt", 0.20),
    ("same", "cpu_us", "haproxy", 0.95), ("same", "cpu_us", "nginx", 0.75),
    ("many", "cpu_us", "haproxy-jwt", 0.40), ("bad", "cpu_us", "haproxy-jwt", 0.70),
    ("same", "p99_us", "haproxy-jwt", 1.0), ("single", "p50_us", "haproxy-jwt", 1.0),
    ("down", "cpu_us", "nginx", 0.60), ("down", "cpu_us", "haproxy", 0.70),
    ("up", "cpu_us", "nginx", 0.60), ("up", "cpu_us", "haproxy", 0.70),
    ("connection", "cpu_us", "haproxy-jwt", 0.65),
    ("fan", "first_p50", "haproxy", 1.0), ("fan", "event_p99", "haproxy", 1.0),
]
ABSOLUTE = [
    ("memory", "stream_kib", 6.0, "kB for each idle event stream"),
    ("memory", "idle_kib", 16 * 1024, "kB idle"),
    ("start", "ms", 25.0, "ms to the first answer"),
]


def median(results, peer, scenario, figure):
    values = [row["figures"][figure] for row in results
              if row["peer"] == peer and row["scenario"] == scenario and figure in row["figures"]]
    return statistics.median(values) if values else None


def spread(results, peer, scenario, figure):
    values = [row["figures"][figure] for row in results if row["peer"] == peer and row["scenario"] == scenario]
    return (min(values), max(values)) if values else None


def shown(value):
    return "–" if value is None else f"{value:.0f}" if value >= 100 else f"{value:.1f}"


def table(results, peers, scenarios, figure):
    columns = [s for s in scenarios if any(median(results, p, s.name, figure) is not None for p in peers)]
    lines = ["| | " + " | ".join(s.words for s in columns) + " |", "|---" * (len(columns) + 1) + "|"]
    for peer in peers:
        cells = []
        for scenario in columns:
            value = median(results, peer, scenario.name, figure)
            bounds = spread(results, peer, scenario.name, figure)
            cells.append("–" if value is None else f"{shown(value)} <sub>{shown(bounds[0])}–{shown(bounds[1])}</sub>")
        lines.append(f"| {peer} | " + " | ".join(cells) + " |")
    return "\n".join(lines)


def ratios(results):
    lines = ["| work | figure | against | at most | measured | |", "|---|---|---|---|---|---|"]
    for scenario, figure, peer, bound in TARGETS:
        own, other = median(results, "gatehouse", scenario, figure), median(results, peer, scenario, figure)
        if own is None or other is None:
            continue
        ratio = own / other
        lines.append(f"| {scenario} | {figure} | {peer} | {bound} | {ratio:.2f} | {'met' if ratio <= bound else 'missed'} |")
    one, two = median(results, "gatehouse", "same", "rps"), median(results, "gatehouse", "two", "rps")
    if one and two:
        lines.append(f"| two | rps | one loop | at least 1.9 | {two / one:.2f} | {'met' if two / one >= 1.9 else 'missed'} |")
    for scenario, figure, bound, words in ABSOLUTE:
        own = median(results, "gatehouse", scenario, figure)
        if own is not None:
            lines.append(f"| {scenario} | {words} | – | {bound:g} | {own:.1f} | {'met' if own <= bound else 'missed'} |")
    return "\n".join(lines)


def picture(results, peers, scenarios):
    """Bars of CPU per request, one group for each scenario, each scaled to its longest."""
    chosen = [s for s in scenarios if s.name in ("same", "many", "bad", "down", "up", "connection")]
    bar, gap, left, width = 16, 26, 150, 420
    rows, y = [], 40
    colors = {"gatehouse": "#0f766e"}
    for scenario in chosen:
        values = [(p, median(results, p, scenario.name, "cpu_us")) for p in peers]
        values = [(p, v) for p, v in values if v is not None]
        if not values:
            continue
        longest = max(v for _, v in values)
        rows.append(f'<text x="12" y="{y - 8}" font-weight="600">{scenario.words}</text>')
        for peer, value in values:
            length = max(1, value / longest * width)
            rows.append(f'<text x="{left - 8}" y="{y + 12}" text-anchor="end">{peer}</text>')
            rows.append(f'<rect x="{left}" y="{y}" width="{length:.0f}" height="{bar - 3}" rx="2" '
                        f'fill="{colors.get(peer, "#94a3b8")}"/>')
            rows.append(f'<text x="{left + length + 6:.0f}" y="{y + 11}">{shown(value)}</text>')
            y += bar
        y += gap
    return (f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 640 {y}" font-family="system-ui, sans-serif" '
            f'font-size="12" fill="#334155"><rect width="640" height="{y}" fill="#ffffff"/>'
            f'<text x="12" y="18" font-weight="600" font-size="14">CPU per request, µs (shorter is better)</text>'
            + "".join(rows) + "</svg>\n")


def page(results, peers, scenarios, versions, machine, notes, rounds, seconds):
    named = ", ".join(f"{name} {version}" for name, version in versions.items())
    return f"""# Speed and size

{machine['date']}, {machine['cores']} cores ({machine['cpu']}), Linux {machine['kernel']}. {named}.

One command makes this page: `Tests/Benchmarks/run.sh --write`. All proxies run in one interleaved run of {rounds} rounds of
{seconds} s each, pinned to one core, upstream and load on the rest; each is first checked to do the duties it is measured at
(refuse, strip, inject, log). Gatehouse does all of its own: verification with its cache, a grant, the MCP gate, injection, and
a decision and an outcome in the audit spool. nginx and HAProxy without `jwt` verify nothing. `nginx-lua` verifies in Lua by libcrypto and remembers
verdicts. `fastmcp` is the proxy of that PyPI package with its JWT verifier, an MCP gateway: it answers from a session of its own with the upstream, and is
measured with 8 connections at once in place of 64.

Figures are medians, with the least and the most beside them. On a noisy machine only ratios within one run mean something.

![CPU per request](performance.svg)

## CPU per request, µs

{table(results, peers, scenarios, 'cpu_us')}

## p99 latency, µs

{table(results, peers, scenarios, 'p99_us')}

## Against the targets

{ratios(results)}

## Streams

| | first event p50, µs | event p99, µs | idle stream, kB | idle, MB | start, ms |
|---|---|---|---|---|---|
""" + "\n".join(
        f"| {peer} | {shown(median(results, peer, 'fan', 'first_p50'))} | {shown(median(results, peer, 'fan', 'event_p99'))} | "
        f"{shown(median(results, peer, 'memory', 'stream_kib'))} | "
        f"{shown((median(results, peer, 'memory', 'idle_kib') or 0) / 1024 or None)} | "
        f"{shown(median(results, peer, 'start', 'ms'))} |"
        for peer in peers) + f"\n\n{notes}"


def machine():
    cpu = "unknown processor"
    for line in open("/proc/cpuinfo"):
        if line.startswith("model name"):
            cpu = line.split(":", 1)[1].strip()
            break
    return {"date": datetime.date.today().isoformat(), "cores": os.cpu_count(), "cpu": cpu, "kernel": platform.release()}
