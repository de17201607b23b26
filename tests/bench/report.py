#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""What bench.sh measured, as a Markdown section and an SVG plot.

report.py RESULTS INSTRUCTIONS MACHINE PLOT    print the section "Unshaped", write the plot
report.py --into DOCUMENT SECTION              put that section in the place of its predecessor in a document

RESULTS has lines "round tunnel metric value". Each cell is min / **median** / max over the rounds."""
import re
import statistics
import sys

TITLES = {
    "direct": "direct",
    "relay": "bare relay",
    "mpvpn": "mpvpn",
    "mpvpn_workers": "mpvpn, two workers",
    "mpvpn2": "mpvpn, two paths",
    "mpvpn_poll": "mpvpn, BusyPoll = 50 us",
    "wireguard": "wireguard-go",
    "openvpn": "OpenVPN 2.6",
    "mpvpn_bound": "mpvpn, bound",
    "mpvpn2_bound": "mpvpn, two paths, bound",
    "wireguard_bound": "wireguard-go, bound",
}
TABLES = [
    ("TCP, Mbit/s", [("up", "1 stream up", "%.0f"), ("down", "1 stream down", "%.0f"), ("up4", "4 streams up", "%.0f"),
                     ("down4", "4 streams down", "%.0f")]),
    ("CPU seconds per GB of TCP, one stream: server's daemon, client's daemon, both",
     [("up_cpu_server", "up, server", "%.2f"), ("up_cpu_client", "up, client", "%.2f"), ("up_cpu", "up, both", "%.2f"),
      ("down_cpu_server", "down, server", "%.2f"), ("down_cpu_client", "down, client", "%.2f"),
      ("down_cpu", "down, both", "%.2f")]),
    ("UDP up with less than 1 % loss, thousand packets a second (Mbit/s of payload of the median)",
     [("udp1200", "1200 bytes", "%.0f"), ("udp200", "200 bytes", "%.0f"), ("udp64", "64 bytes", "%.0f")]),
    ("Latency, ms; memory of the larger daemon, MB; from the client's start to the first ping, ms",
     [("ping_idle", "ping, idle", "%.3f"), ("ping_load", "ping beside 4 streams down", "%.2f"),
      ("rss_idle", "resident, idle", "%.1f"), ("rss_load", "resident at most", "%.1f"), ("connect", "to connect", "%.0f")]),
]
PANELS = [("up", "TCP, 1 stream up, Mbit/s"), ("down", "TCP, 1 stream down, Mbit/s"), ("up_cpu", "CPU seconds per GB, up"),
          ("udp1200", "UDP 1200 bytes, 1000 packets/s"), ("udp64", "UDP 64 bytes, 1000 packets/s"),
          ("ping_idle", "ping through the idle tunnel, ms")]
COLORS = {"direct": "#999999", "relay": "#777777", "mpvpn": "#1f6fb2", "mpvpn_workers": "#3d8ccb", "mpvpn2": "#5aa9e0", "mpvpn_poll": "#8cc4ee", "wireguard": "#b2501f", "openvpn": "#d0a020",
          "mpvpn_bound": "#1f6fb2", "mpvpn2_bound": "#5aa9e0", "wireguard_bound": "#b2501f"}


def short(value):
    """Four digits, or all of a larger number."""
    return "%.0f" % value if value >= 1000 else "%.4g" % value


def read(path):
    """{tunnel: {metric: [values]}}, tunnels in the order of their first appearance."""
    found, rounds = {}, {}
    for line in open(path):
        number, tunnel, metric, value = (line.split() + [""])[:4]
        try:
            value = float(value)
        except ValueError:
            continue
        found.setdefault(tunnel, {}).setdefault(metric, []).append(value)
        rounds.setdefault((tunnel, number), {})[metric] = value
    for (tunnel, _), metrics in rounds.items():
        for run in "up", "down":
            parts = [metrics.get(run + "_cpu_" + end) for end in ("server", "client")]
            if None not in parts:
                found[tunnel].setdefault(run + "_cpu", []).append(sum(parts))
    return found


def cell(metric, values, form):
    if not values:
        return "–"
    text = " / ".join([form % min(values), "**" + form % statistics.median(values) + "**", form % max(values)])
    if metric.startswith("udp"):
        text += " (%.0f)" % (statistics.median(values) * 8 * int(metric[3:]) / 1000)
    return text


def section(found, instructions, machine):
    print("## Unshaped\n")
    print("Made by `sudo make -C build bench` (tests/bench/bench.sh, which says how it measures): veth of MTU 1500, unshaped, both ends and the")
    print("load on the same machine, so that what matters is the comparison within a table. Each figure is min / **median** / max. In rows called")
    print("bound each of the two daemons has a processor of its own (taskset), as two hosts would have it; in the others the kernel places all.\n")
    print(machine + ".\n")
    print("![the same as a plot](benchmarks.svg)\n")
    for title, columns in TABLES:
        columns = [c for c in columns if any(c[0] in metrics for metrics in found.values())]
        if not columns:
            continue
        rows = [(name, m) for name, m in found.items() if columns[0][0] in m]
        print("%s:\n" % title)
        print("| | %s |" % " | ".join(c[1] for c in columns))
        print("|---|%s" % ("---|" * len(columns)))
        for name, metrics in rows:
            print("| %s | %s |" % (TITLES.get(name, name), " | ".join(cell(c[0], metrics.get(c[0]), c[2]) for c in columns)))
        print()
    if instructions:
        print("Instructions that a packet costs in our own code, both ends together, without the kernel (doc/performance.md):\n")
        print("| %s |" % " | ".join(line.split(":")[0] for line in instructions))
        print("|%s" % ("---|" * len(instructions)))
        print("| %s |" % " | ".join(line.split(":")[1].split()[0] for line in instructions))


def plot(found, path):
    """One panel of bars for each of PANELS, with a line from the smallest to the largest value."""
    names = list(found)
    bar, gap, left, width, head = 16, 6, 330, 600, 26
    panels = [(m, t) for m, t in PANELS if any(m in found[n] for n in names)]
    height = sum(head + len([n for n in names if m in found[n]]) * (bar + gap) + 14 for m, _ in panels) + 10
    lines = ['<svg xmlns="http://www.w3.org/2000/svg" width="%d" height="%d" font-family="sans-serif" font-size="12">' % (left + width + 90, height),
             '<rect width="100%" height="100%" fill="white"/>']
    y = 10
    for metric, title in panels:
        shown = [n for n in names if metric in found[n]]
        scale = width / max(max(found[n][metric]) for n in shown)
        lines.append('<text x="%d" y="%d" font-weight="bold">%s</text>' % (left, y + 14, title))
        y += head
        for name in shown:
            values = found[name][metric]
            middle, low, high = statistics.median(values) * scale, min(values) * scale, max(values) * scale
            lines.append('<text x="%d" y="%d" text-anchor="end">%s</text>' % (left - 6, y + bar - 4, TITLES.get(name, name)))
            lines.append('<rect x="%d" y="%d" width="%.1f" height="%d" fill="%s"/>' % (left, y, middle, bar, COLORS.get(name, "#666666")))
            lines.append('<line x1="%.1f" x2="%.1f" y1="%.1f" y2="%.1f" stroke="black"/>' % (left + low, left + high, y + bar / 2, y + bar / 2))
            lines.append('<text x="%.1f" y="%d">%s</text>' % (left + high + 6, y + bar - 4, short(statistics.median(values))))
            y += bar + gap
        y += 14
    lines.append("</svg>")
    open(path, "w").write("\n".join(lines) + "\n")


def into(document, made):
    text, new = open(document).read(), open(made).read().strip() + "\n\n"
    parts = [p for p in re.split(r"(?m)^(?=## )", text) if not p.startswith("## Unshaped\n")]
    open(document, "w").write(parts[0].rstrip() + "\n\n" + (new + "".join(parts[1:])).rstrip() + "\n")


def main():
    if sys.argv[1] == "--into":
        into(sys.argv[2], sys.argv[3])
        return
    found = read(sys.argv[1])
    section(found, [line for line in open(sys.argv[2]).read().splitlines() if ":" in line], sys.argv[3])
    plot(found, sys.argv[4])


main()
