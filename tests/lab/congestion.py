# SPDX-License-Identifier: GPL-2.0-or-later
"""The tables of congestion.sh: its results, the simulator's table, the links as "name|rate|delay|..." lines."""
import re
import statistics
import sys

from figures import parse


def squeeze(text):
    return re.sub(r"\s", "", text)


def simulated(file):
    """{(link, controller): share of the link in percent}"""
    table = {}
    try:
        lines = open(file).read().splitlines()
    except OSError:
        return table
    for line in lines:
        cells = [cell.strip() for cell in line.split("|")]
        shares = [re.match(r"([0-9.]+) \(", cell) for cell in cells[2:5]]
        if len(cells) >= 5 and all(shares):
            for controller, share in zip(("cubic", "bbr", "own"), shares):
                table[squeeze(cells[1]), controller] = float(share[1])
    return table


def load_results(file):
    table, order = {}, []
    for line in open(file):
        key, load, direction, figures = line.rstrip("\n").split(" ", 3)
        link, controller, bound = key.split("|")
        figures = parse(figures)
        figures["share"] = 100 * figures["goodput"] / float(bound)
        load = "udp" if load.startswith("udp") else load
        table.setdefault((link, controller, load, direction), []).append(figures)
        if link not in order:
            order.append(link)
    return table, order


def median(rows, key):
    return statistics.median(row[key] for row in rows)


def main():
    table, order = load_results(sys.argv[1])
    simulation = simulated(sys.argv[2])
    base = {cells[0]: 2 * float(cells[2]) for cells in (row.split("|") for row in sys.argv[3].splitlines())}
    controllers = [c for c in ("own", "bbr", "cubic") if any(key[1] == c for key in table)]
    loads = [load for load in ("udp", "cubic1", "bbr1") if any(key[2] == load for key in table)]
    far = []
    for direction in ("up", "down"):
        if not any(key[3] == direction for key in table):
            continue
        print("\n## %s\n" % {"up": "To the server", "down": "To the client"}[direction])
        print("| link | " + " | ".join("%s: %s" % (c, load) for c in controllers for load in loads + ["simulator"]) + " |")
        print("|---" * (1 + len(controllers) * (len(loads) + 1)) + "|")
        for link in order:
            cells = []
            for controller in controllers:
                for load in loads:
                    rows = table.get((link, controller, load, direction))
                    cells.append("%.0f %% (%.0f ms)" % (median(rows, "share"), median(rows, "median") - base[link]) if rows else "–")
                share = simulation.get((link, controller))
                cells.append("%.0f %%" % share if share is not None else "–")
                rows = table.get((link, controller, "udp", direction))
                if rows and share is not None and abs(median(rows, "share") - share) > 10:
                    far.append("%s %s %s: %.0f %% here, %.0f %% in the simulator" % (link, controller, direction, median(rows, "share"), share))
            print("| %s | %s |" % (link, " | ".join(cells)))
    print("\n## Where daemon and simulator differ by more than ten points\n")
    print("\n".join("- " + line for line in far) if far else "Nowhere." if simulation else "The simulator was not built.")
    runs = [row for rows in table.values() for row in rows]
    print("\nProcessors idle during a run: %.0f %% in the median, %.0f %% at least; steal at most %.1f %%."
          % (statistics.median(r["idle"] for r in runs), min(r["idle"] for r in runs), max(r["steal"] for r in runs)))


if __name__ == "__main__":
    main()
