# SPDX-License-Identifier: GPL-2.0-or-later
"""The longest waits of one failover: a stream's file (stream.py), ping's text, the emulator's bytes over time, when the event began and ended
(unix time), bit/s before it, /proc/stat before and after. Prints words KEY=VALUE, ms and s; nan: not seen."""
import re
import sys

from figures import processor_figures

NAN = float("nan")
REST = 0.3  # s after the beginning before which a stream's start-up is not looked at


def waits(times, begin, end):
    """The longest wait that touches the time from begin to end, in ms."""
    longest = NAN
    for a, b in zip(times, times[1:]):
        if b >= begin and a < end and not b - a <= longest:
            longest = b - a
    return longest * 1000


def used_again(file, ended, wanted_bps):
    """How long after the event's end the path carried half of wanted_bps over 100 ms, s."""
    rows = [tuple(map(float, line.split())) for line in open(file)]
    for i, (time, count) in enumerate(rows):
        for earlier, earlier_count in rows[:i]:
            if 0.1 <= time - earlier < 0.2 and (count - earlier_count) * 8 / (time - earlier) >= wanted_bps / 2:
                return max(0.0, earlier - ended)
    return NAN


def main():
    stream, ping, watch = sys.argv[1:4]
    began, ended, bps = map(float, sys.argv[4:7])
    bytes_at = [float(line.split()[0]) for line in open(stream)]
    text = open(ping).read()
    answers = sorted(float(t) for t in re.findall(r"^\[([0-9.]+)\] .*icmp_seq=.*time=", text, re.M))
    counts = re.search(r"(\d+) packets transmitted, (\d+) received", text)
    last = max(bytes_at, default=ended)
    out = {"lost": int(counts[1]) - int(counts[2]) if counts else NAN}
    for name, times in ("ping", answers), ("tcp", bytes_at):
        start = min(times, default=began) + REST
        out[name + "_before"] = waits(times, start, began - 0.05)
        # The wait that an end of the event falls into belongs to it.
        out[name + "_away"] = waits(times, began, ended)
        out[name + "_after"] = waits(times, ended, min(last - 0.1, ended + 3.5))
    out["again"] = used_again(watch, ended, bps) if bps > 1e6 else NAN
    out["mbit"] = bps / 1e6
    out.update(processor_figures(sys.argv[7], sys.argv[8]))
    print(" ".join("%s=%.2f" % item for item in out.items()))


if __name__ == "__main__":
    main()
