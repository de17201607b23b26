#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
#
# How fast, at what cost: one unshaped path, directly, through the least relay that a tunnel can be (its latency), mpvpn (by one
# path and by two, with one worker and two, and its latency with busy polling), wireguard-go and OpenVPN, in one interleaved
# run. "make bench" calls this as root. Prints Markdown; also written to bench.md in the build directory, and over the section
# "Unshaped" of doc/benchmarks.md with a plot beside it. "bench.sh NAME..." measures only those tunnels and leaves the document.
#
#      a                                         b
#      tunnel 10.78.N.1                          tunnel 10.78.N.2
#      veth   192.0.2.1    ───────────────────── veth   192.0.2.2
#      vetx   198.51.100.1 ───────────────────── vetx   198.51.100.2    (the second path)
#
# How it works: each round takes every tunnel in turn, so that what else the machine does meets them all; each is set up, measured
# and torn down. TCP is iperf3's, whose server sits in a. CPU seconds are those of the tunnel's own processes (user and system), per GB
# that TCP carried. UDP is bench_udp's: packets a second with less than 1 % lost. A tunnel has connected when the first ping
# came back after its client was started; one that does not connect is left out of that round. Memory is what is resident in the
# larger of the two daemons. Instructions a packet are callgrind's (bench_cost.sh), of our own code.
# Rows that are called bound have each daemon bound to a processor of its own (taskset), as two hosts would have it: left to
# themselves the kernel often wakes both on one processor while the other idles, and on one machine with few processors that is
# a good part of the result. What makes the load is not bound, and only TCP is measured.
# What it leaves out: shaping, loss and delay; bond.sh and tests/lab are for that.
#
# BENCH_ROUNDS (3): how often everything is measured. BENCH_TIME (3): seconds of one iperf3 run. BENCH_SHORT=1: one round of 1 s and
# one size of UDP packets, to see that all works. Three rounds take about a quarter of an hour.
. "$(dirname "$0")/../netns/lib.sh"

short=${BENCH_SHORT:-}
rounds=${BENCH_ROUNDS:-${short:+1}}
rounds=${rounds:-3}
seconds=${BENCH_TIME:-${short:+1}}
seconds=${seconds:-3}
udp_sizes='1200 200 64'
[ -z "$short" ] || udp_sizes=64
out=$build/bench.md
plot=$build/bench.svg
document=$top/doc/benchmarks.md
results=$dir/results.txt
bench_udp=$build/tests/bench/bench_udp
bench_relay=$build/tests/bench/bench_relay
round=0

for tool in iperf3 openvpn wireguard-go wg openssl python3 taskset "$bench_udp" "$bench_relay"; do
    command -v "$tool" >/dev/null || die "$tool is missing; contrib/setup.sh installs it, make bench builds it"
done

# --- measuring -----------------------------------------------------------------------------------------------------------

# note METRIC VALUE: of the tunnel that is being measured
note() { echo "$round $name $1 $2" >>"$results"; }

# cpu_of PID: clock ticks that this process used
cpu_of() {
    local stat
    stat=$(sed 's/.*) //' "/proc/$1/stat" 2>/dev/null) || { echo 0; return; }
    # shellcheck disable=SC2086
    set -- $stat
    echo $((${12} + ${13}))
}

# memory_of FIELD PID...: MB of the largest process
memory_of() {
    local field=$1 pid
    shift
    for pid in "$@"; do awk -v field="$field:" '$1 == field { printf "%.1f\n", $2 / 1024 }' "/proc/$pid/status"; done | sort -n | tail -n 1
}

# rate_of FILE: what arrived, in Mbit/s, as iperf3's JSON says it
rate_of() {
    /usr/bin/python3 -c 'import json, sys
try: print("%.0f" % (json.load(open(sys.argv[1]))["end"]["sum_received"]["bits_per_second"] / 1e6))
except Exception: print(0)' "$1"
}

# tcp METRIC OPTION...: one iperf3 run; notes the rate, and the CPU seconds per GB of the server's and the client's daemon
tcp() {
    local metric=$1 rate server_ticks client_ticks
    shift
    server_ticks=$(cpu_of "${server_pid:-0}") client_ticks=$(cpu_of "${client_pid:-0}")
    in_ns "$b" timeout $((seconds + 20)) iperf3 -c "$address" -t "$seconds" -J "$@" >"$dir/iperf.json" 2>&1
    server_ticks=$(($(cpu_of "${server_pid:-0}") - server_ticks)) client_ticks=$(($(cpu_of "${client_pid:-0}") - client_ticks))
    rate=$(rate_of "$dir/iperf.json")
    [ "$rate" -gt 0 ] || { echo "# $name: iperf3 $metric failed" >&2; return 0; }
    note "$metric" "$rate"
    [ -n "${server_pid:-}" ] || return 0
    note "${metric}_cpu_server" "$(awk -v t="$server_ticks" -v hz="$hz" -v gb="$rate $seconds" 'BEGIN { split(gb, g); print t / hz / (g[1] * g[2] / 8000) }')"
    note "${metric}_cpu_client" "$(awk -v t="$client_ticks" -v hz="$hz" -v gb="$rate $seconds" 'BEGIN { split(gb, g); print t / hz / (g[1] * g[2] / 8000) }')"
}

# average FILE: of what ping printed, ms
average() { sed -n 's|^rtt.* = [^/]*/\([^/]*\)/.*|\1|p' "$1"; }

# connect_begin / connect_end: the time from the client's start to the first ping's return, in ms
connect_begin() { begun=$(date +%s%N); }
connect_end() {
    in_ns "$b" timeout 20 bash -c "until ping -c 1 -W 0.3 $address >/dev/null 2>&1; do :; done" ||
        { echo "# round $round: no ping through $name" >&2; return 1; }
    note connect $((($(date +%s%N) - begun) / 1000000))
}

# latency: of the tunnel while it is idle, and beside four streams down
latency() {
    local ping_pid
    in_ns "$b" ping -q -c 100 -i 0.01 "$address" >"$dir/ping.txt" 2>&1
    note ping_idle "$(average "$dir/ping.txt")"
    in_ns "$b" ping -q -i 0.05 -w "$seconds" "$address" >"$dir/ping.txt" 2>&1 &
    ping_pid=$!
    pids+=("$ping_pid")
    tcp down4 -R -P 4
    wait "$ping_pid"
    note ping_load "$(average "$dir/ping.txt")"
}

# bind_daemons: with $bound set, the daemons get a processor each, the first and the second
bind_daemons() {
    [ -n "${bound:-}" ] || return 0
    taskset -acp 0 "$server_pid" >/dev/null && taskset -acp 1 "$client_pid" >/dev/null || die 'taskset failed'
}

# measure: everything of the tunnel $name, whose far end is $address, with its processes $server_pid and $client_pid; only its latency,
# or all but small packets, if $only says so
measure() {
    local size
    bind_daemons
    start "$a" iperf3 iperf3 -s --forceflush -B "$address"
    local iperf_pid=$last_pid
    start "$a" sink "$bench_udp" sink "$address" 7000
    local sink_pid=$last_pid
    until_true 5 grep -q 'Server listening' "$dir/iperf3.log" || die 'iperf3 does not listen'
    sleep 0.5
    [ -z "${server_pid:-}" ] || note rss_idle "$(memory_of VmRSS "$server_pid" "$client_pid")"
    if [ "${only:-}" != latency ]; then
        tcp up
        tcp down -R
        tcp up4 -P 4
    fi
    latency
    for size in $([ -n "${only:-}" ] || echo "$udp_sizes"); do
        note "udp$size" "$(in_ns "$b" timeout 60 "$bench_udp" "$address" 7000 "$size" | awk '{ print $1 / 1000 }')"
    done
    [ -z "${server_pid:-}" ] || note rss_load "$(memory_of VmHWM "$server_pid" "$client_pid")"
    stop "$sink_pid"
    stop "$iperf_pid"
    : >"$dir/iperf3.log"
}

# --- the tunnels: each sets one up, measures it and ends it ----------------------------------------------------------------

direct() {
    local name=direct address=192.0.2.1 server_pid='' client_pid=''
    measure
}

# relay: two of bench_relay, the least that a tunnel can be: what its ping takes no tunnel on this machine can do without
relay() {
    local only=latency name=relay address=10.78.4.1 server_pid client_pid begun
    relay_end "$a" rla$$ 192.0.2.1 192.0.2.2 10.78.4.1
    server_pid=$last_pid
    connect_begin
    relay_end "$b" rlb$$ 192.0.2.2 192.0.2.1 10.78.4.2
    client_pid=$last_pid
    if connect_end; then measure; fi
    stop "$client_pid"
    stop "$server_pid"
}

# relay_end NAMESPACE DEVICE OWN PEER ADDRESS: one end
relay_end() {
    start "$1" "relay$2" "$bench_relay" "$2" "$3" "$4" 7100
    until_true 5 ip -n "$1" address add "$5/24" dev "$2" && ip -n "$1" link set "$2" up || die 'bench_relay does not start'
}

# with_mpvpn NAME WORKERS BUSYPOLL PATH...: a server with so many workers and a client with those paths
with_mpvpn() {
    local name=$1 workers=$2 poll=$3 address=10.78.1.1 server_pid client_pid path begun
    shift 3
    config server <<END
[Server]
Listen = 0.0.0.0:443
Certificate = $dir/server.crt
PrivateKey = $dir/server.key
Pool = 10.78.1.0/24
Users = $dir/users
Workers = $workers

[User bench]
TokenHash = $token_hash
END
    {
        cat <<END
[Client]
Server = 192.0.2.1:443
Token = $token
ServerPin = $pin

[Tunnel]
Routes = 10.78.1.0/24
END
        for path in "$@"; do
            echo "[Path $path]"
            [ "$path" != vetx ] || echo 'Server = 198.51.100.1:443'
        done
    } | config client
    sed -i "s/^\[Daemon\]/&\nBusyPoll = $poll/" "$dir/$tag-server.conf" "$dir/$tag-client.conf"
    daemon "$a" server || { cat "$dir/server.log"; die 'mpvpnd (server) does not start'; }
    server_pid=$last_pid
    connect_begin
    start "$b" client "$mpvpnd" -c "$dir/$tag-client.conf"
    client_pid=$last_pid
    if connect_end && until_true 10 paths_up $#; then measure; fi
    stop "$client_pid"
    stop "$server_pid"
}

paths_up() { [ "$(ctl client --json path list | grep -o '"state": *"up"' | wc -l)" = "$1" ]; }
mpvpn() { with_mpvpn mpvpn 1 0 veth; }
mpvpn_workers() { with_mpvpn mpvpn_workers 2 0 veth; }
mpvpn2() { with_mpvpn mpvpn2 1 0 veth vetx; }
mpvpn_poll() {
    local only=latency
    with_mpvpn mpvpn_poll 1 50us veth
}

mpvpn_bound() {
    local only=tcp bound=1
    with_mpvpn mpvpn_bound 1 0 veth
}
mpvpn2_bound() {
    local only=tcp bound=1
    with_mpvpn mpvpn2_bound 1 0 veth vetx
}

wireguard_bound() {
    local only=tcp bound=1
    wireguard wireguard_bound
}

wireguard() {
    local name=${1:-wireguard} address=10.78.2.1 key_a key_b wg_a=wga$$ wg_b=wgb$$ server_pid client_pid begun
    key_a=$(wg genkey) key_b=$(wg genkey)
    start "$a" wga env WG_PROCESS_FOREGROUND=1 wireguard-go -f "$wg_a"
    server_pid=$last_pid
    until_true 5 in_ns "$a" wg show "$wg_a" || die 'wireguard-go does not start'
    in_ns "$a" wg set "$wg_a" listen-port 51820 private-key <(echo "$key_a") \
        peer "$(wg pubkey <<<"$key_b")" allowed-ips 10.78.2.2/32
    ip -n "$a" address add 10.78.2.1/24 dev "$wg_a" && ip -n "$a" link set "$wg_a" mtu 1420 up
    connect_begin
    start "$b" wgb env WG_PROCESS_FOREGROUND=1 wireguard-go -f "$wg_b"
    client_pid=$last_pid
    in_ns "$b" timeout 5 bash -c "until wg show $wg_b >/dev/null 2>&1; do :; done" || die 'wireguard-go does not start'
    in_ns "$b" wg set "$wg_b" private-key <(echo "$key_b") \
        peer "$(wg pubkey <<<"$key_a")" allowed-ips 10.78.2.0/24 endpoint 192.0.2.1:51820
    ip -n "$b" address add 10.78.2.2/24 dev "$wg_b" && ip -n "$b" link set "$wg_b" mtu 1420 up
    if connect_end; then measure; fi
    stop "$client_pid"
    stop "$server_pid"
}

openvpn_tunnel() {
    local name=openvpn address=10.78.3.1 side server_pid client_pid fingerprint_a fingerprint_b begun
    for side in a b; do
        [ -s "$dir/ovpn-$side.crt" ] ||
            openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -days 3 -subj "/CN=$side" \
                -keyout "$dir/ovpn-$side.key" -out "$dir/ovpn-$side.crt" 2>/dev/null || die 'openssl made no certificate'
    done
    fingerprint_a=$(openssl x509 -in "$dir/ovpn-a.crt" -noout -sha256 -fingerprint | cut -d= -f2)
    fingerprint_b=$(openssl x509 -in "$dir/ovpn-b.crt" -noout -sha256 -fingerprint | cut -d= -f2)
    local common=(openvpn --dev tun --proto udp --data-ciphers AES-128-GCM --cipher AES-128-GCM --dh none --verb 2 --disable-dco)
    start "$a" ovpna "${common[@]}" --tls-server --local 192.0.2.1 --cert "$dir/ovpn-a.crt" --key "$dir/ovpn-a.key" \
        --peer-fingerprint "$fingerprint_b" --ifconfig 10.78.3.1 10.78.3.2
    server_pid=$last_pid
    sleep 0.5
    connect_begin
    start "$b" ovpnb "${common[@]}" --tls-client --remote 192.0.2.1 --cert "$dir/ovpn-b.crt" --key "$dir/ovpn-b.key" \
        --peer-fingerprint "$fingerprint_a" --ifconfig 10.78.3.2 10.78.3.1
    client_pid=$last_pid
    if connect_end; then measure; fi
    stop "$client_pid"
    stop "$server_pid"
}

# --- the run -------------------------------------------------------------------------------------------------------------

# instructions: a packet's in our own code, as "KIND BYTES: N instructions a packet" lines
instructions() {
    [ -z "$short" ] && command -v valgrind >/dev/null || return 0
    top_builddir=$build bash "$top/tests/bench/bench_cost.sh" 2>/dev/null
}

# turns: one path and two once more, but by turns of two seconds (turns.sh), as rows that are a minute apart tell no few percent
turns() {
    local direction option
    [ -z "$short" ] || return 0
    printf '\nOne path and two once more, 250 MB by each in turn, ratios with their standard errors:\n\n'
    for direction in up down; do
        option=()
        [ $direction = up ] || option=(-R)
        top_builddir=$build bash "$top/tests/bench/turns.sh" "${option[@]}" 30 "$mpvpnd" "$mpvpnd@two" |
            sed "s#^$mpvpnd@two:#- $direction, two paths:#; s#^$mpvpnd:#- $direction, one path:#"
    done
}

hz=$(getconf CLK_TCK)
ns_new a b
link "$a" veth 192.0.2.1/24 "$b" veth 192.0.2.2/24
link "$a" vetx 198.51.100.1/24 "$b" vetx 198.51.100.2/24
keys
user
selected=("$@")
bound_rows=()
[ "$(nproc)" -lt 2 ] || bound_rows=(mpvpn_bound mpvpn2_bound wireguard_bound)
[ ${#selected[@]} -gt 0 ] || selected=(direct relay mpvpn mpvpn_workers mpvpn2 mpvpn_poll wireguard openvpn_tunnel "${bound_rows[@]}")
for ((round = 1; round <= rounds; round++)); do
    for tunnel in "${selected[@]}"; do
        echo "# round $round of $rounds: $tunnel" >&2
        "$tunnel"
    done
done
instructions >"$dir/instructions.txt"
machine="$(date +%F), $(nproc) processors ($(sed -n 's/^model name[[:space:]]*: //p' /proc/cpuinfo | head -n 1)), Linux $(uname -r), \
mpvpnd $("$mpvpnd" --version | awk '{ print $2; exit }'), wireguard-go $(dpkg-query -W -f '${Version}' wireguard-go 2>/dev/null), \
OpenVPN $(dpkg-query -W -f '${Version}' openvpn 2>/dev/null), $rounds round(s) of $seconds s"
cp "$results" "$build/bench-results.txt"
/usr/bin/python3 -B "$top/tests/bench/report.py" "$results" "$dir/instructions.txt" "$machine" "$plot" | tee "$out"
[ $# != 0 ] || turns | tee -a "$out"
if [ $# = 0 ] && [ -z "$short" ] && [ -w "$document" ]; then
    /usr/bin/python3 -B "$top/tests/bench/report.py" --into "$document" "$out" && cp "$plot" "$top/doc/benchmarks.svg"
fi
