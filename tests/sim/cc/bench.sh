#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
#
# Our congestion controller beside ngtcp2's BBR and CUBIC on simulated links: all tables of bench_cc, and what happens on each link over time as SVG.
# "make bench-cc SEEDS=20" calls this. Prints Markdown, also written to doc/congestion.md.
#
# SEEDS (20): of each run. PARTS (stock own): what to measure; the rest is taken from the last time. KEEP_DOCUMENT: if set, doc/ stays as it is.
set -eu
top=${top_srcdir:?} build=${top_builddir:?}
bench=$build/tests/sim/cc/bench_cc
seeds=${SEEDS:-20}
dir=$build/bench-cc
tables='links conditions beside kind'
mkdir -p "$dir"

# measure stock|own: the tables' columns, each table in a file of its own
measure() {
    local table
    for table in $tables; do "$bench" "$seeds" "$table" "$1" >"$dir/$table-$1.new" 2>/dev/null && mv "$dir/$table-$1.new" "$dir/$table-$1"; done
}

# join_columns TABLE: the columns of stock, and after them those of own
join_columns() {
    paste -d '' "$dir/$1-stock" <(sed 's/^|[^|]*|//' "$dir/$1-own")
}

# misses: what the table of links says against the goals
misses() {
    awk -F '|' 'NR > 2 && $10 ~ /[*]/ {
        for (i = 2; i <= 10; i++) gsub(/^ *[*]*|[*]* *$/, "", $i)
        printf "- **%s**: %s. The best constant pace: %s within the goals of delay and drops, %s with any delay.\n", $2, $10, $8, $9
    }' "$dir/links"
}

# machine: where and what
machine() {
    local revision
    revision=$(git -C "$top" rev-parse --short HEAD 2>/dev/null || true)
    echo "$(date -u +%Y-%m-%d), $(sed -n 's/^model name[[:space:]]*: //p' /proc/cpuinfo | head -n 1), Linux $(uname -r), $("$build/mpvpnd" --version | head -n 1)${revision:+ ($revision)}, ngtcp2 $(sed -n 's/^#define NGTCP2_VERSION "\(.*\)"/\1/p' /usr/include/ngtcp2/version.h). Virtual time: neither the processor nor what else it does matters."
}

pids=()
for part in ${PARTS-stock own}; do
    measure "$part" &
    pids+=($!)
done
for pid in "${pids[@]}"; do wait "$pid"; done
join_columns links >"$dir/links"
join_columns conditions >"$dir/conditions"
cat "$dir/beside-own" "$dir/beside-stock" >"$dir/beside"
"$bench" trace 2>/dev/null | /usr/bin/python3 -B "$top/tests/sim/cc/curves.py" "$dir" >"$dir/curves"
{
    cat <<END
# Congestion control on simulated links

Made by \`make -C build bench-cc SEEDS=$seeds\` (tests/sim/cc): real connections in virtual time over the lab's link model, datagrams of 1,380 bytes always waiting, no tunnel around them.
Our controller (daemon/quic/knee.c) beside BBR and CUBIC of ngtcp2, both with our pacer.

$(machine)

## Links

Each cell: share of the link, median (and worst) of $seeds seeds for ours, a quarter of them for the others; mean delay above the link's own one-way delay; share of the packets that the queue dropped. 25 s (5 s above 100 Mbit/s) after start-up;
rate of UDP payload, delay one way ± its standard deviation, in order; 1,000 packets wait or travel at most.
"start-up": most in flight in its first 20 round trips, in bandwidth-delay products; and when a tenth of a second first carried 80 % of the link, handshake included.
"jitter alone" is the mean delay of a constant pace at 90 % of the rate: what a link costs by itself, because late packets hold up those behind them.
"best pace" is the bound: the most that any constant pace brings with at most 0.5 % of drops and 15 ms beyond jitter alone; then the same with any delay.

$(cat "$dir/links")

The goals: 95 % of the link, 97 % without loss and jitter, 85 % on 100M 50±25ms 1 % and 20M 320ms; the worst seed within 10 % of the median; 15 ms beyond what jitter costs alone; drops of 0.5 %;
at most 1.5 bandwidth-delay products in start-up, over within 20 round trips (what jitter costs alone belongs to a round trip here). Medians; missed:

$(misses | grep . || echo 'None.')

Where the best pace itself is below the goal, no controller that keeps drops at 0.5 % can reach it: on 100M 50±25ms the limit of 1,000 packets is 112 ms, of which 50 are the way itself, and
what waits for the latest packet of many does not fit into the rest.

## Conditions

What links and senders do beside that (tests/sim/cc/conditions.h; tests hold them): share of what the link carries in the end, and mean delay, in the time that is judged; drops from 5 s, or from
the last change, on. A quarter of the seeds.

$(cat "$dir/conditions")

## Beside others

Share of the first of two flows, median (least to most) of a quarter of the seeds; 50M 20ms, the second begins after 3 s, judged from 10 s to 30 s. The goals: 30–70 % beside others, 40–60 % of two of ours.

$(cat "$dir/beside")

$(cat "$dir/kind-own")

## Over time

Seed 1. Means of neighbouring points.

$(cat "$dir/curves")
END
} | tee "$build/congestion.md"
if [ -w "$top/doc" ] && [ -z "${KEEP_DOCUMENT:-}" ]; then
    cp "$build/congestion.md" "$dir"/*.svg "$top/doc/"
fi
