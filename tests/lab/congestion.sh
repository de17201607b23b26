#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
#
# What the congestion controllers make of one emulated link on the real daemon: the links of tests/sim/cc/rows.h up to 100 Mbit/s, each controller as the
# tunnel's, with an inner flow of cubic, of bbr, and more UDP than the link carries (which is what the simulator's flows do), a ping beside it,
# both directions. "make bench-lab" calls this as root. Prints Markdown, also written to doc/congestion-lab.md.
#
#      server ═══ emulator: rate, delay, jitter, loss ═══ client        tunnel 10.77.0.1 ─── 10.77.0.x
#
# How it works: the controllers take turns on a link, so that what else the machine does meets them all; each run is a client of its own. The bound is
# the payload that the link can carry in the tunnel. The simulator's share of the link comes from tests/sim/cc/bench_cc.
#
# ROWS (all): a regular expression over the links' names. CONTROLLERS (own bbr cubic), LOADS (cubic1 bbr1 udp), DIRECTIONS (up down): what to
# measure. ROUNDS (5): how often. SECONDS_EACH (10) and SKIP (5): of a run, and of its beginning that is left out. SIM_SEEDS (3): of the simulator's.
. "$(dirname "$0")/tunnel.sh"

rounds=${ROUNDS:-5}
out=$build/congestion-lab.md
document=$top/doc/congestion-lab.md

# rows: "name|rate|delay|jitter|loss|skip" of the links
rows() {
    sed -n 's/^ *{"\([^"]*\)", *\(.*\)},$/\1|\2/p' "$top/tests/sim/cc/rows.h" | tr -d ' ' | tr ',' '|' | awk -F'|' '$2 <= 100'
}

# simulate: the simulator's table, made once
simulate() {
    [ -s "$build/bench-cc.txt" ] || { [ -x "$build/tests/sim/cc/bench_cc" ] && "$build/tests/sim/cc/bench_cc" "${SIM_SEEDS:-3}" links >"$build/bench-cc.txt"; } || true
}

# knows_server_knob: whether the server's controller can be configured
knows_server_knob() {
    printf '[Server]\nCertificate = %s\nPrivateKey = %s\nPool = 10.77.0.0/24\nCongestionControl = bbr\n' "$dir/server.crt" "$dir/server.key" >"$dir/$tag-knob.conf"
    "$mpvpnd" -C -c "$dir/$tag-knob.conf" >/dev/null 2>&1
}

# round NAME RATE DELAY JITTER LOSS: every controller and load once over that link
round() {
    local name=$1 rate=$2 controller load direction
    set_links a "rate=${rate}M delay=$3ms jitter=$4ms loss=$5 packets=1000"
    for controller in ${CONTROLLERS:-own bbr cubic}; do
        if [ -n "$knob" ]; then
            server_stop
            server_start "CongestionControl = $controller"
        fi
        for direction in ${DIRECTIONS:-up down}; do
            [ "$direction" = up ] || [ -n "$knob" ] || continue
            for load in ${LOADS:-cubic1 bbr1 udp}; do
                [ "$load" != udp ] || load=udp$(awk -v rate="$rate" 'BEGIN { printf "%.1f", rate * 1.1 }')
                client_start a -- "CongestionControl = $controller"
                measure "$name|$controller|$(bound "$rate")" "$load" "$direction" 10.77.0.1 5203
                client_stop
            done
        done
    done
}

keys
user
knob=
! knows_server_knob || knob=yes
emulator_start "${SEED:-1}" a
server_start
for ((number = 1; number <= rounds; number++)); do
    while IFS='|' read -r -u 5 name rate delay jitter loss rest; do
        ! grep -qE "${ROWS:-.}" <<<"$name" || round "$name" "$rate" "$delay" "$jitter" "$loss"
    done 5< <(rows)
done
simulate
{
    cat <<END
# One emulated link: the congestion controllers on the real daemon

Made by \`sudo make -C build bench-lab\` (tests/lab/congestion.sh). Each cell: what an inner flow carried as a share of what the link can carry in the
tunnel, the median ping beside it above the link's round trip (a link's own jitter included), both medians of $rounds run(s) of $seconds s after $skip s; a run with more than 2 % steal time was repeated ($repeated
times). The first column of each controller is UDP beyond the link's rate, to be compared with the simulator's flow that always has something to send; the last is the simulator's share.

$(machine)
END
    [ -n "$knob" ] || printf '\nThe server'"'"'s controller cannot be configured in this build: only the way up is measured.\n'
    python congestion "$results" "$build/bench-cc.txt" "$(rows)"
} | tee "$out"
[ ! -w "$top/doc" ] || [ -n "${KEEP_DOCUMENT:-}" ] || cp "$out" "$document"
