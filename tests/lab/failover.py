# SPDX-License-Identifier: GPL-2.0-or-later
"""The table of failover.sh: its results and the goal in ms."""
import math
import sys

from figures import parse

PING_INTERVAL = 10
RESTART_GOAL = 1000  # ms that a ping may wait while the server is started again


def worst(rows, key):
    values = [row[key] for row in rows if not math.isnan(row[key])]
    return max(values) if values else math.nan


def form(value, text="%.0f"):
    return "–" if math.isnan(value) else text % value


def judge(scheduler, event, cell, goal):
    short = []
    if event == "server-restart":
        return "holds" if cell["ping_away"] <= RESTART_GOAL else "ping"
    if cell["ping_away"] > goal + PING_INTERVAL:
        short.append("ping")
    if cell["tcp_away"] > goal:
        short.append("bytes")
    if cell["ping_after"] > goal + PING_INTERVAL or cell["tcp_after"] > goal:
        short.append("return")
    if cell["again"] > 1:
        short.append("use")
    if scheduler == "redundant" and cell["lost"] > 0:
        short.append("lost")
    return ", ".join(short) or "holds"


def main():
    goal = float(sys.argv[2])
    table, runs = {}, []
    for line in open(sys.argv[1]):
        scheduler, event, direction, figures = line.rstrip("\n").split(" ", 3)
        table.setdefault((scheduler, direction, event), []).append(parse(figures))
        runs.append(parse(figures))
    print("\n| scheduler | flow | event | ping before / away / after | bytes before / away / after | pings lost | in use after s | falls short in |")
    print("|---" * 8 + "|")
    for (scheduler, direction, event), rows in table.items():
        cell = {key: worst(rows, key) for key in rows[0]}
        print("| %s | %s | %s | %s | %s | %s | %s | %s |" % (
            scheduler, direction, event,
            " / ".join(form(cell["ping_" + when]) for when in ("before", "away", "after")),
            " / ".join(form(cell["tcp_" + when]) for when in ("before", "away", "after")),
            form(cell["lost"]), form(cell["again"], "%.2f"), judge(scheduler, event, cell, goal)))
    print("\nProcessors idle during a run: %.0f %% at least; steal at most %.1f %%."
          % (min(r["idle"] for r in runs), max(r["steal"] for r in runs)))


if __name__ == "__main__":
    main()
