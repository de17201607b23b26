# SPDX-License-Identifier: GPL-2.0-or-later
#
# What the lab's benches share: the real daemon over emulated paths, loads through it, and what the machine did meanwhile. Sourced, never run; sources
# lib.sh.
#
# What is to be measured is shared out among $LANES (2) runs of the calling script at once, each with namespaces, daemons and an emulator of its own: a link
# up to 100 Mbit/s needs a few percent of a processor. $RESULTS: a file of earlier results; new ones are added to it, and the tables are of all.
#
# A load is cubic or bbr (so many TCP flows behind it, "bbr4"), or udp with its rate in Mbit/s ("udp10"). It runs for $skip + $seconds s, of which the
# first are left out, beside a ping ten times a second. A run during which the hypervisor took more than 2 % of the processors' time is
# repeated, twice at most.
# shellcheck shell=bash
. "$(dirname "${BASH_SOURCE[0]}")/lib.sh"
for tool in iperf3 python3; do
    command -v "$tool" >/dev/null || die "$tool is missing; contrib/setup.sh installs it"
done
seconds=${SECONDS_EACH:-10}
skip=${SKIP:-5}
lanes=${LANES:-2}
results=${RESULTS:-$dir/results.txt}
touch "$results"
# Where the kernel schedules sessions as groups, "nice" tells this session's processes apart and nothing else: the group takes our priority too.
[ ! -w /proc/self/autogroup ] || nice >/proc/self/autogroup

# in_lanes: this script again, once for each lane with its number in $LANE, where it calls the script's own lane() and ends; what they measure is added to
# $results
in_lanes() {
    local number lane_pids=()
    if [ -n "${LANE:-}" ]; then
        lane
        exit
    fi
    for ((number = 0; number < lanes; number++)); do
        LANE=$number RESULTS=$results bash "$0" >"$dir/lane$number.log" &
        lane_pids[number]=$!
        pids+=("$!")
    done
    for number in "${!lane_pids[@]}"; do
        wait "${lane_pids[number]}" || die "measuring failed: $(cat "$dir/lane$number.log")"
    done
}

# my_turn: whether what comes next is for this lane
my_turn() { [ $((turn++ % lanes)) = "$LANE" ]; }
turn=0

# repeated: how many runs were made again, for what the hypervisor took
repeated() { grep -o 'tries=[0-9]*' "$results" | awk -F= '{ n += $2 - 1 } END { print n + 0 }'; }

python() { /usr/bin/python3 -B "$top/tests/lab/$1.py" "${@:2}"; }

# --- the tunnel ----------------------------------------------------------------------------------------------------------

# server_start [LINE...]: the server at 203.0.113.1, its pool and iperf3's servers; lines for its [Server]
server_start() {
    [ -n "${pin:-}" ] || { keys; user; }
    {
        printf '[Server]\nListen = 203.0.113.1:443\nCertificate = %s\nPrivateKey = %s\n' "$dir/server.crt" "$dir/server.key"
        printf 'Pool = 10.77.0.0/24\nUsers = %s\n' "$dir/users"
        [ $# = 0 ] || printf '%s\n' "$@"
        [ -z "${SERVER_TUNNEL:-}" ] || printf '[Tunnel]\n%b\n' "$SERVER_TUNNEL"
        printf '[User bench]\nTokenHash = %s\n' "$token_hash"
    } | config server
    daemon "$server" server || die 'mpvpnd (server) does not start'
    server_pid=$last_pid
    start "$server" iperf-tunnel iperf3 -s --forceflush -p 5203 -B 10.77.0.1
    iperf_pid=$last_pid
    until_true 5 grep -q 'Server listening' "$dir/iperf-tunnel.log" || die 'iperf3 does not listen in the tunnel'
}

# server_stop: also its iperf3
server_stop() {
    stop "$iperf_pid"
    stop "$server_pid"
    rm -f "$dir/iperf-tunnel.log"
}

# client_start PATH... [-- LINE...]: the client over those paths and nothing else; lines for each [Path]. $CLIENT_TUNNEL are lines for its
# [Tunnel]. Waits until all paths are up and their MTU is found.
client_start() {
    local paths=() name
    while [ $# -gt 0 ] && [ "$1" != -- ]; do
        paths+=("$1")
        shift
    done
    [ $# = 0 ] || shift
    {
        printf '[Client]\nServer = 203.0.113.1:443\nToken = %s\nServerPin = %s\n' "$token" "$pin"
        printf '[Tunnel]\nRoutes = 10.77.0.0/24\nDevice = bond\n%b\n' "${CLIENT_TUNNEL:-}"
        for name in "${paths[@]}"; do
            printf '[Path %s]\n' "$name"
            [ $# = 0 ] || printf '%s\n' "$@"
        done
    } | config client
    daemon "$client" client || die 'mpvpnd (client) does not start'
    client_pid=$last_pid
    until_true 15 paths_up "${#paths[@]}" || die "the paths ${paths[*]} do not come up"
    until_true 10 in_ns "$client" ping -c 1 -W 2 10.77.0.1 || die 'no ping through mpvpn'
    until_true 15 mtu_found || echo "# the MTU of a full packet is not found: $(tunnel_mtu)" >&2
}

client_stop() { stop "$client_pid"; }

# paths_up COUNT: so many paths of the client carry traffic
paths_up() { [ "$(ctl client --json path list | tr -d ' \n' | grep -o '"state":"up"' | wc -l)" = "$1" ]; }

tunnel_mtu() { in_ns "$client" cat /sys/class/net/bond/mtu; }

# The paths' MTU is 1500; what the tunnel adds is 74 bytes at most.
mtu_found() { [ "$(tunnel_mtu)" -ge 1420 ]; }

# bound MBIT: the TCP payload that such a rate can carry in the tunnel: a full packet costs 1538 bytes
bound() { awk -v rate="$1" -v mtu="$(tunnel_mtu)" 'BEGIN { printf "%.2f", rate * (mtu - 52) / 1538 }'; }

# --- loads ---------------------------------------------------------------------------------------------------------------

# buffers: of the hosts' sockets may grow to 32 MB. One flow over several paths has more on its way than the 4 MB that the kernel lets a sender keep
# unless told otherwise: 4.4 MB on 700 and 350 Mbit/s, 4 to 6 where a loss takes 0.2 s to repair on 100.
buffers() {
    local ns
    for ns in "$server" "$client"; do
        in_ns "$ns" sysctl -qw net.ipv4.tcp_wmem='4096 16384 33554432' net.ipv4.tcp_rmem='4096 131072 33554432' || die "cannot set the buffers of $ns"
    done
}

# processors: jiffies in all, stolen, idle
processors() { awk '/^cpu / { print $2 + $3 + $4 + $5 + $6 + $7 + $8 + $9, $9, $5 + $6; exit }' /proc/stat; }

# options_of LOAD DIRECTION: iperf3's options for it are in $options
options_of() {
    local count=${1##*[a-z]}
    case $1 in
    cubic* | bbr*) options=(-C "${1%"$count"}" -P "${count:-1}") ;;
    *) die "there is no load $1" ;;
    esac
    [ "$2" = up ] || options+=(-R)
}

# flow LOAD DIRECTION ADDRESS PORT [COMMAND...]: TCP for $skip + $seconds s to that iperf3; what it says is in $dir/load.txt
flow() {
    options_of "$1" "$2"
    in_ns "$client" "${@:5}" iperf3 -c "$3" -p "$4" -t "$seconds" -O "$skip" "${options[@]}" -J --connect-timeout 5000 >"$dir/load.txt" 2>&1 ||
        echo "# iperf3: $(sed -n 's/.*"error":[[:space:]]*//p' "$dir/load.txt")" >&2
}

# receives NAMESPACE: something listens there for what datagrams sends
receives() { [ -n "$(in_ns "$1" ss -Hlun 'sport = :5400')" ]; }

# datagrams MBIT DIRECTION ADDRESS: UDP for $skip + $seconds s to or from that address of the server, of $udp_bytes (1200), or full packets where there is no tunnel;
# what came of it is in $dir/load.txt
datagrams() {
    local from=$client to=$server address=$3 receiver bytes=${udp_bytes:-1200}
    [[ $3 == 10.77.* ]] || bytes=1472
    if [ "$2" = down ]; then
        from=$server to=$client
        address=$(ip -n "$client" route get "$3" | sed -n 's/.* src \([0-9.]*\).*/\1/p')
    fi
    in_ns "$to" "$build/tests/lab/datagrams" receive "$address" 5400 $((skip + seconds + 5)) >"$dir/load.txt" 2>&1 &
    receiver=$!
    until_true 5 receives "$to" || die 'datagrams does not listen'
    in_ns "$from" "$build/tests/lab/datagrams" send "$address" 5400 "$1" "$bytes" "$skip" "$seconds"
    wait "$receiver"
}

# load LOAD DIRECTION ADDRESS PORT [COMMAND...]: the load, with the ping beside it; COMMAND is put before iperf3. The figures are in $figures, see
# figures.py.
load() {
    local before after ping_pid load_pid
    before=$(processors)
    if [[ $1 == udp* ]]; then datagrams "${1#udp}" "$2" "$3" & else flow "$@" & fi
    load_pid=$!
    sleep "$skip"
    in_ns "$client" ping -D -i 0.1 -c $((seconds * 10)) -W 3 "$3" >"$dir/ping.txt" 2>&1 &
    ping_pid=$!
    pids+=("$load_pid" "$ping_pid")
    wait "$load_pid" "$ping_pid"
    after=$(processors)
    figures=$(python figures "$dir/load.txt" "$dir/ping.txt" "$before" "$after")
}

# record LINE: a line of the results
record() {
    echo "$1" >>"$results"
    echo "# $1" >&2
}

# undisturbed LOAD DIRECTION ADDRESS PORT [COMMAND...]: the load, again while the hypervisor takes too much; the figures are in $figures
undisturbed() {
    local try
    for try in 1 2 3; do
        load "$@"
        [ "$(python figures --stolen "$figures")" = yes ] || break
    done
    figures="$figures tries=$((try > 3 ? 3 : try))"
}

# measure KEY LOAD DIRECTION ADDRESS PORT [COMMAND...]: the load; a line "KEY LOAD DIRECTION FIGURES" of the results. KEY has no spaces within
# its words.
measure() {
    undisturbed "${@:2}"
    record "$1 $2 $3 $figures"
}

# machine: one line about it and what ran, for reports
machine() {
    local revision priority
    revision=$(git -C "$top" rev-parse --short HEAD 2>/dev/null)
    chrt -p $$ 2>/dev/null | grep -q SCHED_RR && priority=', but all of this had real-time priority'
    echo "$(date -u +%Y-%m-%d), $(nproc) processors ($(sed -n 's/^model name[[:space:]]*: //p' /proc/cpuinfo | head -n 1)), Linux $(uname -r), $("$mpvpnd" --version | head -n 1)${revision:+ ($revision)}, $(iperf3 --version | head -n 1 | awk '{ print $1, $2 }'); both ends and the emulator on this machine, whose processors did other work too${priority:-}."
}
