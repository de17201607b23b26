# SPDX-License-Identifier: GPL-2.0-or-later
"""What came of one load: iperf3's JSON or the words of datagrams, ping's text and /proc/stat before and after, as words KEY=VALUE.

goodput   Mbit/s of payload that the receiver got        pings, lost   how many were sent, how many had no answer
median p95 longest   of the ping, ms                     udp_loss, udp_late, udp_jitter   percent, percent, ms (of UDP loads)
offered   Mbit/s that UDP was really sent at
steal, idle   percent of the processors' time            retransmits   of the inner TCP
Called with --stolen and such words it prints whether the run is to be repeated: yes or no."""
import json
import re
import sys

STEAL_LIMIT = 2.0


def parse(words):
    return {key: float(value) for key, value in (word.split("=") for word in words.split())}


def quantile(values, part):
    values = sorted(values)
    return values[min(len(values) - 1, int(part * len(values)))] if values else float("nan")


def load_figures(file):
    """Of iperf3's JSON, or the words that datagrams prints."""
    text = open(file).read()
    if text.startswith("goodput="):
        return parse(text)
    try:
        end = json.loads(text)["end"]
        return {"goodput": end["sum_received"]["bits_per_second"] / 1e6, "retransmits": end["sum_sent"].get("retransmits", 0)}
    except (ValueError, KeyError):
        return {"goodput": 0.0}


def ping_figures(file):
    text = open(file).read()
    times = [float(t) for t in re.findall(r"icmp_seq=.*time=([0-9.]+)", text)]
    counts = re.search(r"(\d+) packets transmitted, (\d+) received", text)
    sent, got = (int(counts[1]), int(counts[2])) if counts else (0, 0)
    return {"pings": sent, "lost": sent - got, "median": quantile(times, 0.5), "p95": quantile(times, 0.95),
            "longest": max(times, default=float("nan"))}


def processor_figures(before, after):
    total, stolen, idle = (b - a for a, b in zip(map(int, before.split()), map(int, after.split())))
    return {"steal": 100 * stolen / max(total, 1), "idle": 100 * idle / max(total, 1)}


def main():
    if sys.argv[1] == "--stolen":
        print("yes" if parse(sys.argv[2])["steal"] > STEAL_LIMIT else "no")
        return
    figures = load_figures(sys.argv[1])
    figures.update(ping_figures(sys.argv[2]))
    figures.update(processor_figures(sys.argv[3], sys.argv[4]))
    print(" ".join("%s=%.2f" % item for item in figures.items()))


if __name__ == "__main__":
    main()
