# SPDX-License-Identifier: GPL-2.0-or-later
"""What `bench_cc trace` prints, as one SVG for each link: rate, delay and window of the controllers over time.

    bench_cc trace | curves.py DIRECTORY        writes congestion-LINK.svg there, prints Markdown that shows them"""
import math
import re
import sys

WIDTH, HEIGHT, LEFT, TOP, PANEL, GAP = 760, 560, 60, 50, 140, 30
POINTS = 120
COLORS = {"own": "#2b6cb0", "bbr": "#d69e2e", "cubic": "#718096"}
NAMES = {"own": "own", "bbr": "BBR", "cubic": "CUBIC"}
PANELS = ["rate, Mbit/s", "delay above the base, ms", "congestion window, KB"]


def escape(text):
    return text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")


def file_name(link):
    return "congestion-%s.svg" % re.sub(r"-+", "-", re.sub(r"[^0-9A-Za-z]", "-", link)).strip("-").lower()


def read(lines):
    """{link: {controller: [(time, rate, delay, window), ...]}}"""
    links = {}
    for line in lines:
        words = line.rstrip("\n")
        if "|" in words:
            link, controller, _, tick = words.split("|")
            points = links.setdefault(link, {}).setdefault(controller, [])
        elif words:
            points.append(((len(points) + 1) * float(tick),) + tuple(map(float, words.split())))
    return links


def thin(points):
    """The means of neighbours, POINTS of them at most."""
    step = math.ceil(len(points) / POINTS)
    parts = [points[i:i + step] for i in range(0, len(points), step)]
    return [tuple(sum(p[k] for p in part) / len(part) for k in range(4)) for part in parts]


def round_up(value):
    """A number that is a good end of an axis."""
    base = 10 ** math.floor(math.log10(max(value, 0.01)))
    return next(base * k for k in (1, 1.5, 2, 3, 5, 7.5, 10) if base * k >= value * 0.999)


def draw(file, link, flows):
    flows = {name: thin(points) for name, points in flows.items()}
    end = max(points[-1][0] for points in flows.values())
    out = ['<svg xmlns="http://www.w3.org/2000/svg" width="%d" height="%d" font-family="sans-serif" font-size="11">' % (WIDTH, HEIGHT),
           '<rect width="100%" height="100%" fill="white"/>', '<text x="10" y="20" font-size="15">%s</text>' % escape(link)]
    for i, name in enumerate(COLORS):
        out.append('<rect x="%d" y="30" width="10" height="10" fill="%s"/><text x="%d" y="39">%s</text>'
                   % (LEFT + 90 * i, COLORS[name], LEFT + 14 + 90 * i, NAMES[name]))
    wide = WIDTH - LEFT - 20
    for panel, title in enumerate(PANELS):
        low = TOP + panel * (PANEL + GAP) + PANEL
        top = round_up(max(p[1 + panel] for points in flows.values() for p in points))
        out.append('<text x="%d" y="%d">%s</text>' % (LEFT, low - PANEL + 8, title))
        for part in (0, 0.5, 1):
            y = low - part * (PANEL - 15)
            out.append('<path d="M%d %.1fh%d" stroke="#ddd"/><text x="%d" y="%.1f" text-anchor="end">%g</text>'
                       % (LEFT, y, wide, LEFT - 5, y + 4, top * part))
        for name in reversed(list(COLORS)):
            line = " ".join("%.4g,%.4g" % (LEFT + wide * p[0] / end, low - max(p[1 + panel], 0) / top * (PANEL - 15))
                            for p in flows.get(name, []))
            out.append('<polyline fill="none" stroke="%s" stroke-width="1.4" points="%s"/>' % (COLORS[name], line))
    for part in range(6):
        out.append('<text x="%d" y="%d" text-anchor="middle">%.3g s</text>'
                   % (LEFT + wide * part / 5, TOP + 3 * PANEL + 2 * GAP + 16, end * part / 5))
    out.append("</svg>")
    with open(file, "w") as f:
        f.write("\n".join(out) + "\n")


def main():
    for link, flows in read(sys.stdin).items():
        draw("%s/%s" % (sys.argv[1], file_name(link)), link, flows)
        print("![%s](%s)" % (link, file_name(link)))


if __name__ == "__main__":
    main()
