#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
#
# What the congestion controllers make of one emulated link on the real daemon: the links of tests/sim/cc/rows.h up to 100 Mbit/s, each controller as the
# tunnel's, with an inner flow of cubic, of bbr, and more UDP than the link carries (which is what the simulator's flows do), a ping beside it,
# both directions. "make bench-lab" calls this as root. Prints Markdown, also written to doc/congestion-lab.md.
#
#      server ═══ emulator: rate, delay, jitter, loss ═══ client        tunnel 10.77.0.1 ─── 10.77.0.x
#
# How it works: the controllers take turns on a link, so that what else the machine does meets them all; each run is a client of its own. UDP goes in full packets, as the
# simulator's flow does; the bound is the payload that the link can carry in the tunnel. The simulator's share of the link comes from tests/lab/simulated,
# which begins the load when the tunnel has just come up, as this does, and counts the same seconds. Where delay varies BBR's share differs from run to run, by the
# shortest round trip that it saw at first, in both: so the simulator's seeds are many, and quartiles stand beside their median.
#
# What else the machine does shows at once: "chrt --rr 1 make bench-lab" keeps it out.
#
# ROWS (all): a regular expression over the links' names. CONTROLLERS (own bbr cubic), LOADS (cubic1 bbr1 udp), DIRECTIONS (up down): what to
# measure. ROUNDS (5): how often. SECONDS_EACH (10) and SKIP (5): of a run, and of its beginning that is left out, more where rows.h says so.
# SIM_SEEDS (40): of the simulator's.
. "$(dirname "$0")/tunnel.sh"

rounds=${ROUNDS:-5}
out=$build/congestion-lab.md
document=$top/doc/congestion-lab.md
simulation=$build/simulated.txt
least_skip=$skip

# rows: "name|rate|delay|jitter|loss|skip" of the links
rows() {
    sed -n 's/^ *{"\([^"]*\)", *\(.*\)},$/\1|\2/p' "$top/tests/sim/cc/rows.h" | tr -d ' ' | tr ',' '|' | awk -F'|' '$2 <= 100'
}

# simulate: the simulator's shares
simulate() {
    local program=$build/tests/lab/simulated
    : >"$simulation"
    [ ! -x "$program" ] || chrt --other 0 "$program" "${SIM_SEEDS:-40}" "$least_skip" "$seconds" 2>/dev/null >"$simulation"
}

# one NAME RATE CONTROLLER LOAD DIRECTION: a run; what the emulator says of it is added to the result
one() {
    local load=$4 full
    client_start a -- "CongestionControl = $3"
    full=$(bound "$2")
    if [ "$load" = udp ]; then
        udp_bytes=$(($(tunnel_mtu) - 28))
        full=$(awk -v rate="$2" -v bytes="$udp_bytes" 'BEGIN { printf "%.2f", rate * bytes / 1538 }')
        load=udp$(awk -v rate="$2" 'BEGIN { printf "%.1f", rate * 1.1 }')
    fi
    emulate 'reset a'
    undisturbed "$load" "$5" 10.77.0.1 5203
    emulate 'stats a'
    record "$1|$3|$full $load $5 $figures late=$(emulator_value "$5_late_us") late_max=$(emulator_value "$5_late_max_us")"
    client_stop
}

# round NAME RATE DELAY JITTER LOSS SKIP: every controller and load once over that link
round() {
    local controller load direction
    set_links a "rate=$2M delay=$3ms jitter=$4ms loss=$5 packets=1000"
    skip=$(($6 > least_skip ? $6 : least_skip))
    for controller in ${CONTROLLERS:-own bbr cubic}; do
        server_stop
        server_start "CongestionControl = $controller"
        for direction in ${DIRECTIONS:-up down}; do
            for load in ${LOADS:-cubic1 bbr1 udp}; do one "$1" "$2" "$controller" "$load" "$direction"; done
        done
    done
}

# lane: this lane's links
lane() {
    local number name rate delay jitter loss row_skip rest
    emulator_start "$((${SEED:-1} + LANE))" a
    server_start
    for ((number = 1; number <= rounds; number++)); do
        while IFS='|' read -r -u 5 name rate delay jitter loss row_skip rest; do
            grep -qE "${ROWS:-.}" <<<"$name" || continue
            ! my_turn || round "$name" "$rate" "$delay" "$jitter" "$loss" "$row_skip"
        done 5< <(rows)
    done
}

in_lanes
simulate
{
    cat <<END
# One emulated link: the congestion controllers on the real daemon

Made by \`sudo make -C build bench-lab\` (tests/lab/congestion.sh). Each cell: what an inner flow carried as a share of what the link can carry in the
tunnel, the median ping beside it above the link's round trip (a link's own jitter included), both medians of $seconds s after $least_skip s (14 s on the link of 320 ms); a run with more
than 2 % steal time was repeated. The first column of each controller is UDP beyond the link's rate, to be compared with the simulator's flow that always has
something to send; the last is the simulator's share, the median (and quartiles) of ${SIM_SEEDS:-40} seeds over the same seconds. $lanes links were measured at once.

$(machine)
END
    python congestion "$results" "$simulation" "$(rows)"
} | tee "$out"
[ ! -w "$top/doc" ] || [ -n "${KEEP_DOCUMENT:-}" ] || cp "$out" "$document"
