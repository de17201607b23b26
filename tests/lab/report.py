# SPDX-License-Identifier: GPL-2.0-or-later
"""The tables of report.sh: its results, Mbit/s in each second of the failover, the daemons' memory, the tunnel's MTU, when the line failed and returned. With
--seconds and a stream's file it prints the Mbit/s of each second."""
import statistics
import sys

from figures import parse

RATES = {"up": {"a": 700, "b": 350, "both": 1050}, "down": {"a": 520, "b": 260, "both": 780}}


def print_seconds(file):
    rows = [tuple(map(float, line.split())) for line in open(file)]
    count = {}
    for time, size in rows:
        second = int(time - rows[0][0])
        count[second] = count.get(second, 0) + size
    for second in range(max(count, default=-1) + 1):
        print("%d %.1f" % (second, count.get(second, 0) * 8e-6))


def share(value, whole):
    return "%.1f %%" % (100 * value / whole) if whole else "–"


def throughput(table, mtu):
    print("\n## TCP, Mbit/s\n\n| | up | of the bound | of the bare lines | down | of the bound | of the bare lines |\n|---|---|---|---|---|---|---|")
    for name, title in ("direct a", "line a, no tunnel"), ("direct b", "line b, no tunnel"), ("tunnel a", "tunnel over a"), \
            ("tunnel b", "tunnel over b"), ("tunnel both", "**tunnel over both**"):
        cells = []
        for direction in ("up", "down"):
            kind, paths = name.split()
            got = table[name, "cubic1", direction]["goodput"]
            bound = RATES[direction][paths] * ((mtu - 52) if kind == "tunnel" else 1448) / 1538
            bare = sum(table["direct " + p, "cubic1", direction]["goodput"] for p in (("a", "b") if paths == "both" else paths))
            cells += ["%.0f" % got, share(got, bound), share(got, bare) if kind == "tunnel" else "–"]
        print("| %s | %s |" % (title, " | ".join(cells)))
    print("\nGoals: 91 % of the bare line over one, 89 % of the sum over both.")


def sweep(table):
    print("\n## UDP over both lines\n\n| wanted, of the bound | up: offered | carried | lost | down: offered | carried | lost |\n|---|---|---|---|---|---|---|")
    shares = sorted({int(key[0].split()[1]) for key in table if key[0].startswith("sweep")})
    for part in shares:
        cells = []
        for direction in ("up", "down"):
            row = next(v for k, v in table.items() if k[0] == "sweep %d" % part and k[2] == direction)
            cells += ["%.0f" % row.get("offered", 0), "%.0f" % row["goodput"], "%.2f %%" % row.get("udp_loss", 100)]
        print("| %d %% | %s |" % (part, " | ".join(cells)))
    print("\nGoal: below 1 % up to 95 % of the bound.")


def main():
    if sys.argv[1] == "--seconds":
        print_seconds(sys.argv[2])
        return
    runs = {}
    for line in open(sys.argv[1]):
        kind, what, load, direction, figures = (line.rstrip("\n").split(" ", 4) if not line.startswith("failover") else
                                                ["failover", "-", "-", "up", line.rstrip("\n").split(" ", 3)[3]])
        runs.setdefault((kind + " " + what, load, direction), []).append(parse(figures))
    table = {key: {k: statistics.median(row[k] for row in rows if k in row) for k in rows[0]} for key, rows in runs.items()}
    throughput(table, int(sys.argv[4]))
    sweep(table)
    fails, returns = map(int, sys.argv[5:7])
    gap = table["failover -", "-", "up"]
    print("\n## Line a is dead from %d s to %d s\n" % (fails, returns))
    print("Longest wait, ms, of a hundred pings a second and of the flow's bytes: before %.0f and %.0f, while it was away %.0f and %.0f, after its return %.0f and %.0f; "
          "%.0f pings without an answer. Goal: 100 ms + RTT = 130 ms.\n"
          % (gap["ping_before"], gap["tcp_before"], gap["ping_away"], gap["tcp_away"], gap["ping_after"], gap["tcp_after"], gap["lost"]))
    rates = [line.split() for line in open(sys.argv[2])]
    print("| second | " + " | ".join(s for s, _ in rates) + " |\n" + "|---" * (len(rates) + 1) + "|")
    print("| Mbit/s | " + " | ".join("%.0f" % float(r) for _, r in rates) + " |")
    print("\n## Memory under load\n\nRSS of client and server, KB, each minute, four flows; first to the server, then to the client:\n")
    for direction in ("up", "down"):
        rows = [line.split()[1:] for line in open(sys.argv[3]) if line.startswith(direction + " ")]
        print("- %s: %s" % (direction, ", ".join("/".join(row) for row in rows)))
    every = [row for rows in runs.values() for row in rows]
    print("\nProcessors idle during a run: %.0f %% in the median, %.0f %% at least; steal at most %.1f %%."
          % (statistics.median(r["idle"] for r in every), min(r["idle"] for r in every), max(r["steal"] for r in every)))


if __name__ == "__main__":
    main()
