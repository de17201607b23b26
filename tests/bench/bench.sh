#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
#
# How fast, at what cost: iperf3 over one unshaped path, directly and through mpvpn, wireguard-go and OpenVPN, in the same run.
# "make bench" calls this as root. Prints a table in Markdown; also written to bench.md in the build directory.
#
#      a                                         b
#      tunnel 10.78.N.1                          tunnel 10.78.N.2
#      veth   192.0.2.1  ─────────────────────── veth   192.0.2.2
#
# How it works: one tunnel at a time; iperf3's server sits in a. CPU seconds are those of the tunnel's own processes at both ends
# (user and system), per GB that TCP carried; the whole machine's, iperf3 and kernel included, stand beside it. "ping" is the mean
# round trip through the tunnel while TCP flows down. UDP is the highest rate of which
# at least 98 % arrives.
# What it leaves out: shaping, loss and several paths; tests/lab is for that.
. "$(dirname "$0")/../netns/lib.sh"

seconds=${BENCH_TIME:-5}
out=$build/bench.md
iperf_pid=

for tool in iperf3 openvpn wireguard-go wg openssl python3; do
    command -v "$tool" >/dev/null || die "$tool is missing; contrib/setup.sh installs it"
done

# --- measuring -----------------------------------------------------------------------------------------------------------

# cpu_of PID...: clock ticks that these processes used
cpu_of() {
    local pid total=0 stat
    for pid in "$@"; do
        stat=$(sed 's/.*) //' "/proc/$pid/stat" 2>/dev/null) || continue
        # shellcheck disable=SC2086
        set -- $stat
        total=$((total + ${12} + ${13}))
    done
    echo "$total"
}

# cpu_busy: clock ticks that the machine did not idle
cpu_busy() {
    awk '$1 == "cpu" { print $2 + $3 + $4 + $7 + $8 }' /proc/stat
}

# rate_of FILE: what arrived, in Mbit/s, as iperf3's JSON says it
rate_of() {
    /usr/bin/python3 - "$1" <<'END'
import json, sys
try:
    end = json.load(open(sys.argv[1]))["end"]
except Exception:
    print("0")
    sys.exit()
if "sum_received" in end and end["sum_received"].get("bits_per_second"):
    print("%.0f" % (end["sum_received"]["bits_per_second"] * (1 - end["sum_received"].get("lost_percent", 0) / 100) / 1e6))
else:
    print("%.0f" % (end["sum"]["bits_per_second"] * (1 - end["sum"].get("lost_percent", 0) / 100) / 1e6))
END
}

# measure ADDRESS PIDS OPTION...: one iperf3 run; prints "rate cpu-per-GB machine-per-GB"
measure() {
    local address=$1 pids_of_tunnel=$2 hz own busy rate
    shift 2
    hz=$(getconf CLK_TCK)
    # shellcheck disable=SC2086
    own=$(cpu_of $pids_of_tunnel) busy=$(cpu_busy)
    in_ns "$b" iperf3 -c "$address" -t "$seconds" -J "$@" >"$dir/iperf.json" 2>&1
    # shellcheck disable=SC2086
    own=$(($(cpu_of $pids_of_tunnel) - own)) busy=$(($(cpu_busy) - busy))
    rate=$(rate_of "$dir/iperf.json")
    awk -v rate="$rate" -v own="$own" -v busy="$busy" -v hz="$hz" -v t="$seconds" 'BEGIN {
        gb = rate * t / 8000
        if (gb > 0) printf "%d %.1f %.1f\n", rate, own / hz / gb, busy / hz / gb; else print "0 - -"
    }'
}

# udp ADDRESS LENGTH OPTION...: of the steps below the highest offered rate of which 98 % arrives; prints what arrived of it
udp() {
    local address=$1 length=$2 offered
    shift 2
    for offered in 2500 2000 1600 1300 1000 800 650 500 400 300 250 200 150 100; do
        in_ns "$b" iperf3 -c "$address" -t 2 -J -u -b "${offered}M" -l "$length" "$@" >"$dir/iperf.json" 2>&1
        if [ "$(rate_of "$dir/iperf.json")" -ge $((offered * 98 / 100)) ]; then
            rate_of "$dir/iperf.json"
            return
        fi
    done
    echo '<100'
}

# row NAME ADDRESS PIDS UDP-LENGTH: all measurements of one tunnel as a line of the table
row() {
    local name=$1 address=$2 tunnel_pids=$3 length=$4 up down udp_up udp_down ping
    start "$a" iperf3 iperf3 -s --forceflush -B "$address"
    iperf_pid=$last_pid
    until_true 5 grep -q 'Server listening' "$dir/iperf3.log" || die 'iperf3 does not listen'
    up=$(measure "$address" "$tunnel_pids")
    in_ns "$b" ping -q -i 0.05 -w "$seconds" "$address" >"$dir/ping.txt" 2>&1 &
    pids+=("$!")
    down=$(measure "$address" "$tunnel_pids" -R)
    ping=$(sed -n 's|^rtt.* = [^/]*/\([^/]*\)/.*|\1|p' "$dir/ping.txt")
    udp_up=$(udp "$address" "$length")
    udp_down=$(udp "$address" "$length" -R)
    stop "$iperf_pid"
    : >"$dir/iperf3.log"
    # shellcheck disable=SC2086
    set -- $up $down
    echo "| $name | $1 | $4 | $udp_up | $udp_down | $2 / $3 | $5 / $6 | ${ping:--} |" | tee -a "$out"
}

# --- the tunnels ---------------------------------------------------------------------------------------------------------

direct() { row 'direct' 192.0.2.1 '' 1400; }

mpvpn() {
    keys
    user
    config server <<END
[Server]
Listen = 192.0.2.1:443
Certificate = $dir/server.crt
PrivateKey = $dir/server.key
Pool = 10.78.1.0/24
Users = $dir/users

[User bench]
TokenHash = $token_hash
END
    config client <<END
[Client]
Server = 192.0.2.1:443
Token = $token
ServerPin = $pin

[Tunnel]
Routes = 10.78.1.0/24

[Path veth]
END
    local server_pid client_pid
    daemon "$a" server || { cat "$dir/server.log"; die 'mpvpnd (server) does not start'; }
    server_pid=$last_pid
    daemon "$b" client || { cat "$dir/client.log"; die 'mpvpnd (client) does not start'; }
    client_pid=$last_pid
    until_true 10 in_ns "$b" ping -c 1 -W 1 10.78.1.1 || die 'no ping through mpvpn'
    row "mpvpn $("$mpvpnd" --version | awk '{ print $2 }')" 10.78.1.1 "$server_pid $client_pid" 1300
    stop "$client_pid"
    stop "$server_pid"
}

wireguard() {
    local key_a key_b wg_a=wga$$ wg_b=wgb$$ pid_a pid_b
    key_a=$(wg genkey) key_b=$(wg genkey)
    start "$a" wga env WG_PROCESS_FOREGROUND=1 wireguard-go -f "$wg_a"
    pid_a=$last_pid
    start "$b" wgb env WG_PROCESS_FOREGROUND=1 wireguard-go -f "$wg_b"
    pid_b=$last_pid
    until_true 5 in_ns "$a" wg show "$wg_a" && until_true 5 in_ns "$b" wg show "$wg_b" || die 'wireguard-go does not start'
    in_ns "$a" wg set "$wg_a" listen-port 51820 private-key <(echo "$key_a") \
        peer "$(wg pubkey <<<"$key_b")" allowed-ips 10.78.2.2/32
    in_ns "$b" wg set "$wg_b" private-key <(echo "$key_b") \
        peer "$(wg pubkey <<<"$key_a")" allowed-ips 10.78.2.0/24 endpoint 192.0.2.1:51820
    ip -n "$a" address add 10.78.2.1/24 dev "$wg_a" && ip -n "$a" link set "$wg_a" mtu 1420 up
    ip -n "$b" address add 10.78.2.2/24 dev "$wg_b" && ip -n "$b" link set "$wg_b" mtu 1420 up
    until_true 10 in_ns "$b" ping -c 1 -W 1 10.78.2.1 || die 'no ping through wireguard-go'
    row "wireguard-go $(dpkg-query -W -f '${Version}' wireguard-go 2>/dev/null)" 10.78.2.1 "$pid_a $pid_b" 1300
    stop "$pid_b"
    stop "$pid_a"
}

openvpn_tunnel() {
    local side pid_a pid_b fingerprint_a fingerprint_b
    for side in a b; do
        openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -days 3 -subj "/CN=$side" \
            -keyout "$dir/ovpn-$side.key" -out "$dir/ovpn-$side.crt" 2>/dev/null || die 'openssl made no certificate'
    done
    fingerprint_a=$(openssl x509 -in "$dir/ovpn-a.crt" -noout -sha256 -fingerprint | cut -d= -f2)
    fingerprint_b=$(openssl x509 -in "$dir/ovpn-b.crt" -noout -sha256 -fingerprint | cut -d= -f2)
    local common=(openvpn --dev tun --proto udp --data-ciphers AES-128-GCM --cipher AES-128-GCM --dh none --verb 2 --disable-dco)
    start "$a" ovpna "${common[@]}" --tls-server --local 192.0.2.1 --cert "$dir/ovpn-a.crt" --key "$dir/ovpn-a.key" \
        --peer-fingerprint "$fingerprint_b" --ifconfig 10.78.3.1 10.78.3.2
    pid_a=$last_pid
    start "$b" ovpnb "${common[@]}" --tls-client --remote 192.0.2.1 --cert "$dir/ovpn-b.crt" --key "$dir/ovpn-b.key" \
        --peer-fingerprint "$fingerprint_a" --ifconfig 10.78.3.2 10.78.3.1
    pid_b=$last_pid
    until_true 20 in_ns "$b" ping -c 1 -W 1 10.78.3.1 || { tail -n 20 "$dir"/ovpn?.log; die 'no ping through OpenVPN'; }
    row "OpenVPN $(dpkg-query -W -f '${Version}' openvpn 2>/dev/null)" 10.78.3.1 "$pid_a $pid_b" 1300
    stop "$pid_b"
    stop "$pid_a"
}

ns_new a b
link "$a" veth 192.0.2.1/24 "$b" veth 192.0.2.2/24
cat >"$out" <<END
$(nproc) processors ($(sed -n 's/^model name[[:space:]]*: //p' /proc/cpuinfo | head -n 1)), Linux $(uname -r), $seconds s a run, both ends on this machine.

| Tunnel | TCP up Mbit/s | TCP down Mbit/s | UDP up Mbit/s | UDP down Mbit/s | up: CPU s per GB, tunnel / machine | down: CPU s per GB, tunnel / machine | ping under load, ms |
|---|---|---|---|---|---|---|---|
END
cat "$out"
selected=("$@")
[ ${#selected[@]} -gt 0 ] || selected=(direct mpvpn wireguard openvpn_tunnel)
for tunnel in "${selected[@]}"; do "$tunnel"; done
