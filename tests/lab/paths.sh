#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
#
# What two unequal paths give together on the real daemon: the pairs of pairs.def, with inner TCP and UDP flows and a ping beside them, over both paths, over
# path A alone and over path B alone in the same run; the kernel's MPTCP on the pairs without jitter and loss, and BBR through each path without a tunnel,
# as it has limits of its own where a path has jitter. "make bench-paths" calls this as root. Prints Markdown and draws SVG, also written to doc/.
#
#      server ══╦═ emulator: path A ═╦══ client        tunnel 10.77.0.1 ─── 10.77.0.x
#               ╚═ emulator: path B ═╝
#
# How it works: both ends have their default configuration, and the buffers of the hosts' sockets may grow to 32 MB; each measurement is a client of its
# own with the paths A and B, A, or B. The reference of the ping is one straight through each path beside UDP of 90 % of its rate, no tunnel. The bound is
# the TCP payload that the rates can carry in the tunnel, where a full packet costs 1538 bytes.
#
# PAIRS (all): names of pairs. LOADS (cubic1 bbr1 cubic4 cubic16 udp10), DIRECTIONS (up down). ROUNDS (1). SECONDS_EACH (10) and SKIP (5): of a
# run, and of its beginning that is left out; twice that beginning where a round trip is above 200 ms. ALONE (same): loads for which A and B alone are measured,
# or "cubic1 bbr1". CLIENT_TUNNEL, SERVER_TUNNEL, PATH_LINES: lines for [Tunnel] and [Path], to try other than the default.
. "$(dirname "$0")/tunnel.sh"

rounds=${ROUNDS:-1}
loads=${LOADS:-cubic1 bbr1 cubic4 cubic16 udp10}
alone=${ALONE:-$loads}
directions=${DIRECTIONS:-up down}
out=$build/paths.md
document=$top/doc/paths.md

# pairs: "name delayA jitterA rateA lossA delayB jitterB rateB lossB", of those asked for
pairs() {
    sed -n 's/^PAIR("\([^"]*\)", *\(.*\))$/\1 \2/p' "$top/tests/lab/pairs.def" | tr -d ',' |
        awk -v wanted="${PAIRS:-}" 'BEGIN { n = split(wanted, list, " "); for (i = 1; i <= n; i++) want[list[i]] = 1 } n == 0 || ($1 in want)'
}

set_path() { set_links "$1" "delay=$2ms jitter=$3ms rate=$4M loss=$5% packets=1000"; }

# reference PAIR PATH RATE: the ping straight through a path beside 90 % of its rate; 1472 bytes cost 1538
reference() {
    local number
    number=$(path_number "$2")
    measure "$1 raw$2" "udp$(awk -v rate="$3" 'BEGIN { printf "%.2f", rate * 0.9 * 1472 / 1538 }')" up "10.$number.0.1" 5201
}

# over PAIR NAME PATH...: every load over these paths; NAME is for the results
over() {
    local pair=$1 name=$2 load direction lines=()
    shift 2
    [ -z "${PATH_LINES:-}" ] || lines=(-- "$PATH_LINES")
    for direction in $directions; do
        for load in $loads; do
            [ "$name" = both ] || grep -qw "$load" <<<"$alone" || continue
            client_start "$@" "${lines[@]}"
            measure "$pair $name" "$load" "$direction" 10.77.0.1 5203
            echo "# $pair $name $load $direction: $(explain)" >&2
            client_stop
        done
    done
}

# explain: what the sending end says of its paths, for the one who watches
explain() { value client '"; ".join("%s rtt %s share %s resent %s lost %s%%" % (p["path"], p.get("rtt_us"), p.get("share_percent"), p.get("resent_packets"), p.get("loss_percent")) for p in j["paths"])' path list; }

# straight PAIR: each load of BBR through each path without a tunnel
straight() {
    local load direction path
    for direction in $directions; do
        for load in $loads; do
            [[ $load = bbr* ]] || continue
            for path in a b; do measure "$1 straight$path" "$load" "$direction" "10.$(path_number "$path").0.1" 5201; done
        done
    done
}

# mptcp PAIR LOAD DIRECTION: the kernel's, without a tunnel
mptcp() { measure "$1 mptcp" "$2" "$3" 10.1.0.1 5202 mptcpize run; }

# mptcp_set_up: the server tells of its second address; a listener of each kind
mptcp_set_up() {
    local ns
    start "$server" iperf-plain iperf3 -s --forceflush -p 5201
    [ "$(sysctl -n net.mptcp.enabled 2>/dev/null)" = 1 ] && command -v mptcpize >/dev/null || return 0
    for ns in "$server" "$client"; do in_ns "$ns" ip mptcp limits set subflows 2 add_addr_accepted 2 || return 0; done
    in_ns "$server" ip mptcp endpoint add 10.2.0.1 dev b signal
    start "$server" iperf-mptcp mptcpize run iperf3 -s --forceflush -p 5202
    has_mptcp=yes
}

# one_pair NAME FIGURES...: everything for one pair
one_pair() {
    local name=$1 load direction usual=$skip
    set_path a "${@:2:4}"
    set_path b "${@:6:4}"
    awk -v a="$2" -v b="$6" 'BEGIN { exit !(a > 100 || b > 100) }' && skip=$((2 * skip))
    reference "$name" a "$4"
    reference "$name" b "$8"
    over "$name" both a b
    over "$name" a a
    over "$name" b b
    straight "$name"
    if [ -n "${has_mptcp:-}" ] && [ "$3$5$7$9" = 0000 ]; then
        for direction in $directions; do
            for load in $loads; do [[ $load != cubic* ]] || mptcp "$name" "$load" "$direction"; done
        done
    fi
    skip=$usual
}

# lane: this lane's pairs
lane() {
    local number row
    emulator_start "$((${SEED:-1} + LANE))" a b
    buffers
    mptcp_set_up
    server_start
    for ((number = 1; number <= rounds; number++)); do
        while read -r -u 5 -a row; do
            ! my_turn || one_pair "${row[@]}"
        done 5< <(pairs)
    done
}

in_lanes
emulator_start 1 a b
server_start
client_start a b
mtu=$(tunnel_mtu)
{
    cat <<END
# Two paths together, on the real daemon

Made by \`sudo make -C build bench-paths\` (tests/lab/paths.sh), which says how it measures. Mbit/s of payload, medians of $rounds run(s) of $seconds s
after $skip s; scheduler $(value client 'j["scheduler"]' status 2>/dev/null || echo default)${CLIENT_TUNNEL:+, with "$CLIENT_TUNNEL"}${PATH_LINES:+, with "$PATH_LINES" on each path}; a run with more than 2 % steal time was repeated ($(repeated) times). $lanes pairs were measured at once.

$(machine)
END
    python paths "$results" "$mtu" "$(pairs)" "${out%.md}"
} >"$out"
cat "$out"
if [ -w "$top/doc" ] && [ -z "${KEEP_DOCUMENT:-}" ]; then cp "$out" "$document" && cp "${out%.md}"-*.svg "$top/doc/"; fi
