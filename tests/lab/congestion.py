# SPDX-License-Identifier: GPL-2.0-or-later
"""The tables of congestion.sh: its results, the simulator's shares, the links as "name|rate|delay|..." lines."""
import re
import statistics
import sys

from figures import parse


def squeeze(text):
    return re.sub(r"\s", "", text)


def simulated(file):
    """{(link, controller): share of the link in percent and its quartiles}, of lines "link|controller|share|lower|upper" """
    rows = (line.rstrip("\n").split("|") for line in open(file))
    return {(squeeze(link), controller): tuple(map(float, shares)) for link, controller, *shares in rows}


def simulated_cell(simulation, key):
    return "%.0f %% (%.0f–%.0f)" % simulation[key] if key in simulation else "–"


LATE_LIMIT = 300  # µs


def load_results(file):
    """Runs in which the emulator itself was kept from its work are left out."""
    table, order, left_out = {}, [], 0
    for line in open(file):
        key, load, direction, figures = line.rstrip("\n").split(" ", 3)
        link, controller, bound = key.split("|")
        figures = parse(figures)
        if figures["late"] > LATE_LIMIT:
            left_out += 1
            continue
        figures["share"] = 100 * figures["goodput"] / float(bound)
        load = "udp" if load.startswith("udp") else load
        table.setdefault((link, controller, load, direction), []).append(figures)
        if link not in order:
            order.append(link)
    return table, order, left_out


def median(rows, key):
    return statistics.median(row[key] for row in rows)


def cell(rows, base):
    """Median share, ping above the base, and the shares' range if there is more than one run."""
    if not rows:
        return "–"
    shares = sorted(row["share"] for row in rows)
    spread = ", %.0f–%.0f" % (shares[0], shares[-1]) if len(rows) > 1 else ""
    return "%.0f %% (%.0f ms%s)" % (statistics.median(shares), median(rows, "median") - base, spread)


def print_agreement(table, order, simulation):
    """The runs of UDP, each way, beside the simulator, and what differs by more than a tenth and three points."""
    far, near = [], 0
    for (link, controller, load, direction), rows in sorted(table.items(), key=lambda item: order.index(item[0][0])):
        if load != "udp" or (link, controller) not in simulation:
            continue
        share = simulation[link, controller][0]
        shares = sorted(row["share"] for row in rows)
        got = statistics.median(shares)
        if abs(got - share) > max(3, 0.1 * share):
            far.append("%s, %s, %s: %.0f %% here (%.0f–%.0f), in the simulator %s"
                       % (link, controller, direction, got, shares[0], shares[-1], simulated_cell(simulation, (link, controller))))
        else:
            near += 1
    print("\n## Where daemon and simulator differ by more than a tenth and three points\n")
    if not simulation:
        print("The simulator was not built.")
        return
    print("In %d of %d cases they do not.\n" % (near, near + len(far)))
    print("\n".join("- " + line for line in far) if far else "Nowhere.")


def main():
    table, order, left_out = load_results(sys.argv[1])
    simulation = simulated(sys.argv[2])
    base = {cells[0]: 2 * float(cells[2]) for cells in (row.split("|") for row in sys.argv[3].splitlines())}
    order = [link for link in base if link in order]
    controllers = [c for c in ("own", "bbr", "cubic") if any(key[1] == c for key in table)]
    for direction in ("up", "down"):
        columns = [(c, load) for c in controllers for load in ("udp", "cubic1", "bbr1") if any(key[1:] == (c, load, direction) for key in table)]
        if not columns:
            continue
        print("\n## %s\n" % {"up": "To the server", "down": "To the client"}[direction])
        heads = [head for c, load in columns for head in ["%s: %s" % (c, load)] + (["simulator"] if load == "udp" else [])]
        print("| link | " + " | ".join(heads) + " |\n" + "|---" * (1 + len(heads)) + "|")
        for link in order:
            cells = []
            for c, load in columns:
                cells.append(cell(table.get((link, c, load, direction)), base[link]))
                if load == "udp":
                    cells.append(simulated_cell(simulation, (link, c)))
            print("| %s | %s |" % (link, " | ".join(cells)))
    print_agreement(table, order, simulation)
    runs = [row for rows in table.values() for row in rows]
    print("\n## The machine\n")
    for c in controllers:
        counts = ["%s %d" % (load, max(len(rows) for key, rows in table.items() if key[1:3] == (c, load)))
                  for load in ("udp", "cubic1", "bbr1") if any(key[1:3] == (c, load) for key in table)]
        print("- Runs of %s each way: %s." % (c, ", ".join(counts)))
    print("\nProcessors idle during a run: %.0f %% in the median, %.0f %% at least; steal at most %.1f %%; %d runs were repeated for it. "
          "The emulator handed packets on %.0f µs late in the mean of the median run, %.0f µs in that of the worst, and one packet %.1f ms; %d runs in which the "
          "mean was above %d µs are left out."
          % (statistics.median(r["idle"] for r in runs), min(r["idle"] for r in runs), max(r["steal"] for r in runs),
             sum(r["tries"] - 1 for r in runs), statistics.median(r["late"] for r in runs), max(r["late"] for r in runs),
             max(r["late_max"] for r in runs) / 1000, left_out, LATE_LIMIT))


if __name__ == "__main__":
    main()
