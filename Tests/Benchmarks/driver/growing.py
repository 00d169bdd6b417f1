"""What growth.py measured, as a section of docs/PERFORMANCE.md and as its picture."""

import math

from growth import RELOADS, ROUTES, SIZES, STARTS, STREAMS, TOKENS
from report import shown

TITLE = "## How cost grows"
OWN, OTHER = "#0f766e", "#94a3b8"
WIDTH, HEIGHT, COLUMNS = 320, 200, 2


def bytes_named(value):
    return f"{value} B" if value < 1024 else f"{value >> 10} KiB" if value < 1 << 20 else f"{value >> 20} MiB"


def count_named(value):
    return f"{value:,}"


def kib_for_one(growth, curve, first, last):
    return (growth.median(curve, last) - growth.median(curve, first)) / (last - first)


def rows(head, lines):
    return "\n".join(["| " + " | ".join(head) + " |", "|---" * len(head) + "|"]
                     + ["| " + " | ".join(line) + " |" for line in lines])


def section(growth, versions, machine, rounds):
    value = growth.median

    def cells(name, curve, places, scale=1.0):
        return [name] + [shown(value(curve, place) / scale) for place in places]

    sizes = rows(["CPU per request, µs"] + [bytes_named(size) for size in SIZES],
                 [cells(f"{way}, {peer}", f"{way} {peer}", SIZES)
                  for way in ("up", "down") for peer in ("gatehouse", "nginx")])
    routes = rows(["routes"] + [count_named(count) for count in ROUTES],
                  [cells("CPU per request, each a host, µs", "hosts", ROUTES),
                   cells("CPU per request, all paths of one host, µs", "paths", ROUTES),
                   cells("start, ms", "start", ROUTES),
                   cells("reload, ms", "reload", ROUTES), cells("PSS under load, MB", "routes pss", ROUTES, 1024)])
    tokens = rows(["tokens in use"] + [count_named(count) for count in TOKENS],
                  [cells("CPU per request, µs", "tokens", TOKENS), cells("PSS, MB", "tokens pss", TOKENS, 1024)])
    counts = [0, *STREAMS]
    streams = rows(["idle streams"] + [count_named(count) for count in counts],
                   [cells("PSS, MB", "streams pss", counts, 1024)])
    token_kib = kib_for_one(growth, "tokens pss", 1, 10_000)
    route_kib, stream_kib = kib_for_one(growth, "routes pss", 1, ROUTES[-1]), kib_for_one(growth, "streams pss", 0, STREAMS[-1])
    turns = "one round" if rounds == 1 else f"medians of {rounds} rounds"
    return f"""{TITLE}

Gatehouse {versions['gatehouse']} on {machine['date']}, {machine['cores']} cores ({machine['cpu']}), by `Tests/Benchmarks/run.sh --growth --write`:
one event loop on a core of its own, {turns} of {growth.seconds} s for each point after 1 s of warming up. On a noisy machine a point may be off
by a fifth; the curves' shapes are what they are for.

![How cost grows](performance-growth.svg)

**Bodies** go over a gated route: what goes up is held until it is whole and looked at, what comes down is passed on as it comes.
nginx {versions['nginx']} beside it passes both on.

{sizes}

**Routes.** Requests are for the last in the file. A host is found by one hash and the longest path of it by bisection, so neither
hosts nor paths make a request dearer. Start is until the first answer, reload from the signal to the line in the log: medians of {STARTS * rounds} and {RELOADS * rounds}, each route a host. A route takes
{route_kib:.1f} kB.

{routes}

**Tokens** come in turn, each on every connection. An event loop remembers 10,000 verdicts (`AssertionVerifier.defaultCacheEntries`),
about {token_kib:.1f} kB each: {token_kib * 10_000 / 1024:.1f} MB an event loop at most. With {TOKENS[-1]:,} in turn many are
forgotten before they come again, and a signature is verified anew: the price rises, memory does not.

{tokens}

**Streams** are idle event streams, a connection of the client and one to the upstream each: {stream_kib:.1f} kB for one.

{streams}
"""


def replaced(page, text):
    """The page with this section in its former one's place, which is the end."""
    return page.split(TITLE, 1)[0].rstrip("\n") + "\n\n" + text


def picture(growth):
    def series(name, color, curve, places, scale=1.0):
        return name, color, [(place, growth.median(curve, place) / scale) for place in places]

    panels = [
        (f"body {way}: CPU per request, µs", True, bytes_named,
         [series("nginx", OTHER, f"{way} nginx", SIZES), series("gatehouse", OWN, f"{way} gatehouse", SIZES)])
        for way in ("up", "down")
    ] + [
        ("routes: CPU per request, µs", False, count_named,
         [series("paths", OTHER, "paths", ROUTES), series("hosts", OWN, "hosts", ROUTES)]),
        ("routes: start and reload, ms", False, count_named,
         [series("reload", OTHER, "reload", ROUTES), series("start", OWN, "start", ROUTES)]),
        ("tokens: CPU per request, µs", False, count_named, [series("", OWN, "tokens", TOKENS)]),
        ("tokens: PSS, MB", False, count_named, [series("", OWN, "tokens pss", TOKENS, 1024)]),
        ("idle streams: PSS, MB", None, count_named, [series("", OWN, "streams pss", [0, *STREAMS], 1024)]),
        ("routes: PSS, MB", False, count_named, [series("", OWN, "routes pss", ROUTES, 1024)]),
    ]
    height = 30 + math.ceil(len(panels) / COLUMNS) * HEIGHT
    drawn = "".join(
        f'<g transform="translate({index % COLUMNS * WIDTH} {30 + index // COLUMNS * HEIGHT})">{panel(*each)}</g>'
        for index, each in enumerate(panels))
    return (f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {COLUMNS * WIDTH} {height}" '
            f'font-family="system-ui, sans-serif" font-size="11" fill="#334155">'
            f'<rect width="{COLUMNS * WIDTH}" height="{height}" fill="#ffffff"/>'
            f'<text x="12" y="18" font-weight="600" font-size="14">How cost grows</text>{drawn}</svg>\n')


def panel(title, steep, named, curves):
    """One small picture. `steep`: both axes are logarithmic; not: only that of places; None: neither."""
    left, right, top, axis = 30, WIDTH - 30, 56, HEIGHT - 34
    bottom = axis - 20 if steep else axis
    places = [place for place, _ in curves[0][2]]
    most = max(value for _, _, points in curves for _, value in points)
    least = min(value for _, _, points in curves for _, value in points)

    def x(place):
        along = math.log(place / places[0]) / math.log(places[-1] / places[0]) if steep is not None else place / places[-1]
        return left + along * (right - left)

    def y(value):
        up = math.log(value / least) / math.log(most / least) if steep else value / most
        return bottom - up * (bottom - top)

    lines = [f'<text x="12" y="18" font-weight="600">{title}</text>',
             f'<path d="M{left} {axis}H{right}" stroke="#cbd5e1"/>']
    # Places that would run into the one after them are not named; the last always is.
    following = math.inf
    for place in reversed(places):
        name = named(place)
        if x(place) + len(name) * 3.2 < following:
            following = x(place) - len(name) * 3.2 - 4
            lines.append(f'<text x="{x(place):.0f}" y="{axis + 16}" text-anchor="middle">{name}</text>')
    for index, (name, color, points) in enumerate(curves):
        path = "L".join(f"{x(place):.1f} {y(value):.1f}" for place, value in points)
        lines.append(f'<path d="M{path}" fill="none" stroke="{color}" stroke-width="2"/>')
        lines += [f'<circle cx="{x(place):.1f}" cy="{y(value):.1f}" r="2.5" fill="{color}"/>' for place, value in points]
        for end in (0, -1):
            place, value = points[end]
            others = [other[2][end][1] for other in curves if other[0] != name]
            # Above its point; where another curve is higher, below it, or beside it when that is on the axis.
            is_lower = any(other > value for other in others)
            right_by, down_by, anchor = (0, -7, "middle") if not is_lower else (
                (0, 15, "middle") if y(value) + 17 < axis else (6, -4, "start"))
            is_said = index > 0 and any(shown(other) == shown(value) for other in others)
            if not is_said:
                lines.append(f'<text x="{x(place) + right_by:.0f}" y="{y(value) + down_by:.0f}" '
                             f'text-anchor="{anchor}">{shown(value)}</text>')
        if name:
            lines.append(f'<rect x="{12 + 80 * index}" y="26" width="9" height="9" rx="2" fill="{color}"/>'
                         f'<text x="{25 + 80 * index}" y="35">{name}</text>')
    return "".join(lines)
