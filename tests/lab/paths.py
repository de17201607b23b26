# SPDX-License-Identifier: GPL-2.0-or-later
"""The tables and drawings of paths.sh: its results, the tunnel's MTU, the pairs as lines, where the drawings go (a prefix)."""
import statistics
import sys

import svg
from figures import parse


def load_results(file):
    table = {}
    for line in open(file):
        pair, paths, load, direction, figures = line.rstrip("\n").split(" ", 4)
        if paths.startswith("raw"):
            load = "reference"
        table.setdefault((pair, paths, load, direction), []).append(parse(figures))
    return table


def median(table, *key, of="goodput"):
    rows = [row[of] for row in table.get(key, ()) if of in row]
    return statistics.median(rows) if rows else None


def form(value, text="%.1f"):
    return "–" if value is None else text % value


class Pair:
    def __init__(self, line, mtu):
        words = line.split()
        self.name = words[0]
        delay_a, _, rate_a, _, delay_b, _, rate_b, _ = map(float, words[1:])
        self.ratio = max(delay_a, delay_b) / min(delay_a, delay_b)
        self.base = 2 * min(delay_a, delay_b)
        self.bound = (rate_a + rate_b) * (mtu - 52) / 1538
        self.mptcp_bound = (rate_a + rate_b) * 1428 / 1538


def tcp_row(table, pair, load, direction):
    """The cells of a pair, and what falls short."""
    both, a, b = (median(table, pair.name, paths, load, direction) for paths in ("both", "a", "b"))
    better = max((v for v in (a, b) if v is not None), default=None)
    total = a + b if a is not None and b is not None else None
    short = []
    if both is not None and better and both < 0.95 * better:
        short.append("below the better path")
    if both is not None and total and pair.ratio <= 4 and both < 0.85 * total:
        short.append("below 85 % of the sum")
    ping, p95 = (median(table, pair.name, "both", load, direction, of=of) for of in ("median", "p95"))
    references = [median(table, pair.name, paths, "reference", "up", of="median") for paths in ("rawa", "rawb")]
    known = [r for r in references if r is not None]
    limit = pair.base + 50 if pair.ratio > 2 else max(known) + 30 if known else None
    if ping is not None and limit is not None and not ping <= limit:
        short.append("ping above %.0f ms" % limit)
    mptcp = median(table, pair.name, "mptcp", load, direction)
    straight = [median(table, pair.name, paths, load, direction) for paths in ("straighta", "straightb")]
    return [pair.name, form(pair.bound), form(a), form(b), "**%s**" % form(both), form(both and better and 100 * both / better, "%.0f %%"),
            form(both and total and 100 * both / total, "%.0f %%"), form(both and 100 * both / pair.bound, "%.0f %%"),
            form(mptcp and 100 * mptcp / pair.mptcp_bound, "%.0f %%") if load.startswith("cubic") else " / ".join(map(form, straight)),
            "%s / %s" % (form(ping, "%.0f"), form(p95, "%.0f")),
            " / ".join(form(r, "%.0f") for r in references), "; ".join(short) or "holds"]


def tcp_table(table, pairs, load, direction, title, prefix):
    print("\n## %s\n" % title)
    print("| pair | bound | A alone | B alone | both | of the better | of the sum | of the bound | %s | ping, median / p95 ms | ping straight, A / B | goals |"
          % ("MPTCP, of its bound" if load.startswith("cubic") else "no tunnel, A / B"))
    print("|---" * 12 + "|")
    for pair in pairs:
        print("| %s |" % " | ".join(tcp_row(table, pair, load, direction)))
    groups = [(p.name, [median(table, p.name, "both", load, direction), max((v for v in (median(table, p.name, "a", load, direction),
                        median(table, p.name, "b", load, direction)) if v is not None), default=None), p.bound]) for p in pairs]
    svg.bars("%s-%s-%s.svg" % (prefix, load, direction), title, "", ["both paths, Mbit/s", "the better path alone", "bound of the sum"], groups)
    groups = [(p.name, [median(table, p.name, "both", load, direction, of="median"), median(table, p.name, "both", load, direction, of="p95"),
                        max((v for v in (median(table, p.name, raw, "reference", "up", of="median") for raw in ("rawa", "rawb"))
                             if v is not None), default=None)]) for p in pairs]
    svg.bars("%s-%s-%s-ping.svg" % (prefix, load, direction), "Ping beside it: " + title, "", ["median, ms", "95th percentile", "straight, slower path"], groups)
    print("\n![goodput](paths-%s-%s.svg)\n![ping](paths-%s-%s-ping.svg)" % (load, direction, load, direction))


def udp_table(table, pairs, load, direction, title):
    print("\n## %s\n" % title)
    print("| pair | loss % A / B / both | jitter ms A / B / both | ping median / p95 ms |\n|---|---|---|---|")
    for pair in pairs:
        cells = [" / ".join(form(median(table, pair.name, paths, load, direction, of=of), "%.2f") for paths in ("a", "b", "both"))
                 for of in ("udp_loss", "udp_jitter")]
        ping = " / ".join(form(median(table, pair.name, "both", load, direction, of=of), "%.0f") for of in ("median", "p95"))
        print("| %s | %s | %s | %s |" % (pair.name, cells[0], cells[1], ping))


def main():
    table = load_results(sys.argv[1])
    pairs = [Pair(line, int(sys.argv[2])) for line in sys.argv[3].splitlines()]
    for direction, where in (("up", "to the server"), ("down", "to the client")):
        for load in dict.fromkeys(key[2] for key in table if key[1] == "both" and key[3] == direction):
            if load.startswith("udp"):
                udp_table(table, pairs, load, direction, "UDP, %s Mbit/s, %s" % (load[3:], where))
            else:
                kind, count = load.rstrip("0123456789"), load.lstrip("abcdefghijklmnopqrstuvwxyz")
                tcp_table(table, pairs, load, direction, "TCP, %s flow%s of %s, %s" % (count, "" if count == "1" else "s", kind, where), sys.argv[4])
    runs = [row for rows in table.values() for row in rows]
    print("\nProcessors idle during a run: %.0f %% in the median, %.0f %% at least; steal at most %.1f %%."
          % (statistics.median(r["idle"] for r in runs), min(r["idle"] for r in runs), max(r["steal"] for r in runs)))


if __name__ == "__main__":
    main()
