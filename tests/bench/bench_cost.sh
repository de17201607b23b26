#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
# Instructions that a packet costs in our own code, both ends together, counted by callgrind (bench_cost.c). Needs no root.
# usage: bench_cost.sh [KIND BYTES]...      with CALLGRIND_OUT=FILE the last one's profile is kept for callgrind_annotate
set -eu
program=${COST:-${top_builddir:-build}/tests/bench/bench_cost}
[ $# -gt 0 ] || set -- tcp 1374 tcp2 1374 udp 1200 udp 200 udp 64
command -v valgrind >/dev/null || { echo 'bench_cost.sh: valgrind is missing' >&2; exit 1; }
out=$(mktemp)
trap 'rm -f "$out" "$out.profile"' EXIT
while [ $# -ge 2 ]; do
    valgrind -q --tool=callgrind --toggle-collect=cost_run --callgrind-out-file="$out.profile" "$program" "$1" "$2" 300 >"$out" 2>&1 ||
        { cat "$out"; exit 1; }
    [ -z "${CALLGRIND_OUT:-}" ] || cp "$out.profile" "$CALLGRIND_OUT"
    awk -v what="$1 $2" '/ packets,/ { packets = $3; line = $0 } /^(summary|totals):/ { total = $2 }
        END { printf "%s: %.0f instructions a packet (%d packets)\n", what, total / packets, packets
            sub(/.*bytes arrived/, "", line); print "    arrived" line >"/dev/stderr" }' "$out" "$out.profile"
    shift 2
done
