#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
#
# What two paths give together: iperf3 through mpvpn over both, beside the kernel's MPTCP without a VPN, and both of them with path A
# alone; then how long a ping stays away when path A dies without a word, and when it returns.
# "make bench" and "make bench-bond" call this as root. Prints Markdown; also written to bond.md in the build directory, and over the
# section "Two paths" of doc/benchmarks.md.
#
#      server                                            client
#      pa     192.0.2.1    ─────── tbf, both ends ────── 192.0.2.2      pa      (path A)
#      pb     198.51.100.1 ─────── tbf, both ends ────── 198.51.100.2   pb      (path B)
#      lo     203.0.113.1: the VPN server
#      tunnel 10.77.0.1                                  10.77.0.x      tunnel
#
# How it works: each round takes every tunnel in turn, so that what else the machine does meets them all. iperf3's servers sit in the
# server's namespace: plain, under mptcpize, and in the tunnel. The first second of a run does not count. Path A alone is the same
# tunnel after "path remove". The bound is what the headers leave of the sum of the rates, as tbf counts them: with Ethernet's 14
# bytes. A blackhole is nftables dropping path A's input at both ends: no link event, no error to a sender.
# TCP is cubic because iperf3 asks for it at both ends: a namespace may not make it its default where the machine has not allowed that.
# What it leaves out: delay, jitter, loss and unequal round trips; tests/lab is for that.
#
# BENCH_ROUNDS (3): how often everything is measured. BENCH_TIME (5): seconds of one iperf3 run, at least 3.
. "$(dirname "$0")/../netns/lib.sh"

rounds=${BENCH_ROUNDS:-3}
seconds=${BENCH_TIME:-5}
out=$build/bond.md
document=$top/doc/benchmarks.md
results=$dir/results.txt
# The header of a full packet on the link: Ethernet 14; IPv4 20 + TCP 20 + timestamps 12; MPTCP's mapping and acknowledgement 20.
wire=1514
payload_tcp=1448
payload_mptcp=1428
port_plain=5201
port_mptcp=5202
port_tunnel=5203

for tool in iperf3 mptcpize nft tc python3; do
    command -v "$tool" >/dev/null || die "$tool is missing; contrib/setup.sh installs it"
done
[ "$seconds" -ge 3 ] || die 'BENCH_TIME is at least 3'
[ "$(sysctl -n net.mptcp.enabled 2>/dev/null)" = 1 ] || die 'this kernel has no MPTCP, or net.mptcp.enabled is 0'

# --- the network ---------------------------------------------------------------------------------------------------------

# shape DEV MBIT: both ends of a path send at this rate
shape() {
    local ns
    for ns in "$server" "$client"; do
        tc -n "$ns" qdisc replace dev "$1" root tbf rate "$2mbit" burst 64kb latency 50ms || die "cannot shape $1"
    done
}

network() {
    local ns
    ns_new server client
    link "$server" pa 192.0.2.1/24 "$client" pa 192.0.2.2/24
    link "$server" pb 198.51.100.1/24 "$client" pb 198.51.100.2/24
    ip -n "$server" address add 203.0.113.1/32 dev lo
    ip -n "$client" route add 203.0.113.1 via 192.0.2.1 metric 1
    ip -n "$client" route add 203.0.113.1 via 198.51.100.1 metric 2
    for ns in "$server" "$client"; do
        in_ns "$ns" ip mptcp limits set subflows 2 add_addr_accepted 2 || die 'cannot set the limits of MPTCP'
    done
    # The server tells MPTCP of its second address; the route to that leads over path B.
    in_ns "$server" ip mptcp endpoint add 198.51.100.1 dev pb signal || die 'cannot make an MPTCP endpoint'
}

# blackhole / blackhole_end: nothing arrives over path A at either end
blackhole() {
    local ns
    for ns in "$server" "$client"; do
        in_ns "$ns" nft -f - <<<'table inet hole { chain in { type filter hook input priority 0; iifname "pa" counter drop; }; }' ||
            die 'nft makes no blackhole'
    done
}

blackhole_end() {
    local ns
    for ns in "$server" "$client"; do
        ! in_ns "$ns" nft list table inet hole | grep -q 'packets 0 ' || die 'the blackhole swallowed nothing'
        in_ns "$ns" nft delete table inet hole
    done
}

# --- the tunnel ----------------------------------------------------------------------------------------------------------

# tunnel: mpvpn over both paths; $payload_mpvpn becomes the TCP payload of a full packet in it
tunnel() {
    local device
    keys
    user
    config server <<END
[Server]
Listen = 203.0.113.1:443
Certificate = $dir/server.crt
PrivateKey = $dir/server.key
Pool = 10.77.0.0/24
Users = $dir/users

[User bench]
TokenHash = $token_hash
END
    config client <<END
[Client]
Server = 203.0.113.1:443
Token = $token
ServerPin = $pin

[Tunnel]
Routes = 10.77.0.0/24
Device = bond

[Path pa]
[Path pb]
END
    daemon "$server" server || die 'mpvpnd (server) does not start'
    daemon "$client" client || die 'mpvpnd (client) does not start'
    until_true 10 in_ns "$client" ping -c 1 -W 1 10.77.0.1 || die 'no ping through mpvpn'
    until_true 10 paths_up 2 || die 'the second path does not come up'
    # The packet size found by probing is in the device's MTU.
    sleep 1
    device=$(in_ns "$client" cat /sys/class/net/bond/mtu) || die 'the tunnel has no device'
    payload_mpvpn=$((device - 52))
}

# paths_up COUNT: so many paths of the client carry traffic
paths_up() {
    [ "$(ctl client --json path list | tr -d ' \n' | grep -o '"state":"up"' | wc -l)" = "$1" ]
}

both_paths() {
    paths_up 2 || ctl client path add pb >"$dir/ctl.log" 2>&1
    until_true 10 paths_up 2 || die 'path B does not come back'
}

path_a_alone() {
    ctl client path remove pb >"$dir/ctl.log" 2>&1
    until_true 10 paths_up 1 || die 'path B does not go'
}

# --- throughput ----------------------------------------------------------------------------------------------------------

# servers: iperf3's, one of each kind
servers() {
    start "$server" iperf-plain iperf3 -s --forceflush -p "$port_plain"
    start "$server" iperf-mptcp mptcpize run iperf3 -s --forceflush -p "$port_mptcp"
    start "$server" iperf-tunnel iperf3 -s --forceflush -p "$port_tunnel" -B 10.77.0.1
    local log
    for log in plain mptcp tunnel; do
        until_true 5 grep -q 'Server listening' "$dir/iperf-$log.log" || die "iperf3 ($log) does not listen"
    done
}

# measure PAIR TUNNEL WHAT COMMAND...: one iperf3 run, a line "PAIR TUNNEL WHAT Mbit/s" of the results
measure() {
    local pair=$1 name=$2 what=$3 options=()
    shift 3
    case $what in
    down) options=(-R) ;;
    streams) options=(-P 4) ;;
    esac
    in_ns "$client" "$@" -t $((seconds - 1)) -O 1 -C cubic -J "${options[@]}" >"$dir/iperf.json" 2>&1
    /usr/bin/python3 - "$dir/iperf.json" "$pair $name $what" >>"$results" <<'END'
import json, sys
try:
    rate = json.load(open(sys.argv[1]))["end"]["sum_received"]["bits_per_second"] / 1e6
except Exception:
    rate = 0
print(sys.argv[2], "%.1f" % rate)
END
}

# throughput PAIR: every tunnel once over the paths as they are shaped
throughput() {
    local what
    for what in up down streams; do
        measure "$1" mptcp $what mptcpize run iperf3 -c 192.0.2.1 -p "$port_mptcp"
        measure "$1" mpvpn $what iperf3 -c 10.77.0.1 -p "$port_tunnel"
    done
    path_a_alone
    for what in up down; do
        measure "$1" tcp-a $what iperf3 -c 192.0.2.1 -p "$port_plain"
        measure "$1" mpvpn-a $what iperf3 -c 10.77.0.1 -p "$port_tunnel"
    done
    both_paths
}

# --- gaps ----------------------------------------------------------------------------------------------------------------

# gaps SCHEDULER: 100 pings a second beside one TCP flow up; 2 s, blackhole of path A for 3 s, 3 s after its return. A line
# "gap SCHEDULER before blackhole return lost" of the results, the longest waits for an answer in ms.
gaps() {
    local ping_pid iperf_pid hole back
    ctl client scheduler set "$1" >"$dir/ctl.log" 2>&1 || die "no scheduler $1"
    in_ns "$client" iperf3 -c 10.77.0.1 -p "$port_tunnel" -t 9 -C cubic >"$dir/flow.log" 2>&1 &
    iperf_pid=$!
    pids+=("$iperf_pid")
    sleep 1
    in_ns "$client" ping -D -i 0.01 -c 800 -W 1 10.77.0.1 >"$dir/ping.txt" 2>&1 &
    ping_pid=$!
    pids+=("$ping_pid")
    sleep 2
    blackhole
    hole=$(date +%s.%N)
    sleep 3
    blackhole_end
    back=$(date +%s.%N)
    wait "$ping_pid" "$iperf_pid"
    /usr/bin/python3 - "$dir/ping.txt" "$hole" "$back" "$1" >>"$results" <<'END'
import re, sys
text = open(sys.argv[1]).read()
hole, back = float(sys.argv[2]), float(sys.argv[3])
times = [float(t) for t in re.findall(r"^\[([0-9.]+)\] .*icmp_seq=.*time=", text, re.M)]
longest = [0.0, 0.0, 0.0]
for a, b in zip(times, times[1:]):
    # A wait that an event falls into is that event's.
    phase = 1 if a <= hole <= b else 2 if a <= back <= b else (b > hole) + (b > back)
    longest[phase] = max(longest[phase], (b - a) * 1000)
got = re.search(r"(\d+) packets transmitted, (\d+) received", text)
print("gap", sys.argv[4], *("%.0f" % g for g in longest), int(got[1]) - int(got[2]) if got else -1)
END
    until_true 10 paths_up 2 || die 'path A does not come back after the blackhole'
    ctl client scheduler set minrtt >"$dir/ctl.log" 2>&1
}

# --- the report ----------------------------------------------------------------------------------------------------------

# report: the results as Markdown
report() {
    cat <<END
## Two paths

Made by \`sudo make -C build bench-bond\` (tests/bench/bond.sh): two veth pairs without delay, MTU 1500, each shaped by tbf to its
rate in both directions; TCP is cubic, mpvpn's scheduler minrtt. Each figure is min / **median** / max of $rounds round(s) of $((seconds - 1)) s
in Mbit/s, and the median's share of the bound: of what the headers leave of the sum of the rates ($payload_mpvpn bytes of payload in $wire for
mpvpn, $payload_mptcp for MPTCP, $payload_tcp for plain TCP).

$(date -u +%Y-%m-%d), $(nproc) processors ($(sed -n 's/^model name[[:space:]]*: //p' /proc/cpuinfo | head -n 1)), Linux $(uname -r), $("$mpvpnd" --version | head -n 1), $(iperf3 --version | head -n 1 | awk '{ print $1, $2 }'), mptcpize $(dpkg-query -W -f '${Version}' mptcpize 2>/dev/null); both ends on this machine.
END
    /usr/bin/python3 - "$results" "$wire" "$payload_mpvpn" "$payload_mptcp" "$payload_tcp" <<'END'
import statistics, sys
wire, mpvpn, mptcp, tcp = map(int, sys.argv[2:])
rates, gaps = {}, {}
for line in open(sys.argv[1]):
    word = line.split()
    if word[0] == "gap":
        gaps.setdefault(word[1], []).append([float(x) for x in word[2:]])
    else:
        rates.setdefault(tuple(word[:3]), []).append(float(word[3]))

def spread(values, form):
    return (form + " / **" + form + "** / " + form) % (min(values), statistics.median(values), max(values))

for pair in dict.fromkeys(key[0] for key in rates):
    a, b = map(int, pair.split("+"))
    print("\n### %s\n" % ("2 × %d Mbit/s" % a if a == b else "%d + %d Mbit/s" % (a, b)))
    print("| | bound | 1 stream up | 1 stream down | 4 streams up |\n|---|---|---|---|---|")
    for name, title, payload, total in (
            ("mpvpn", "mpvpn, both paths", mpvpn, a + b), ("mptcp", "kernel MPTCP, both paths, no VPN", mptcp, a + b),
            ("mpvpn-a", "mpvpn, path A alone", mpvpn, a), ("tcp-a", "plain TCP, path A alone", tcp, a)):
        bound = total * payload / wire
        cells = []
        for what in "up", "down", "streams":
            values = rates.get((pair, name, what))
            cells.append("%s · %.1f %%" % (spread(values, "%.1f"), 100 * statistics.median(values) / bound) if values else "–")
        print("| %s | %.1f | %s |" % (title, bound, " | ".join(cells)))

print("""
### Path A dies without a word, and returns

2 × 100 Mbit/s, 100 pings a second through mpvpn beside one TCP flow up; nothing arrives over path A for 3 s, without a link event.
The longest wait from one answer to the next, ms (10 is none), and how many of 800 pings were lost.

| Scheduler | before | at the blackhole | at and after the return | pings lost |
|---|---|---|---|---|""")
for scheduler, rows in gaps.items():
    print("| %s | %s |" % (scheduler, " | ".join(spread(column, "%.0f") for column in zip(*rows))))
END
}

# into_document: the report takes the place of its section in doc/benchmarks.md
into_document() {
    awk '/^## / { skip = ($0 == "## Two paths") } !skip' "$document" | sed -e :a -e '/^\n*$/{$d;N;ba' -e '}' >"$dir/document.md"
    { cat "$dir/document.md" && echo && cat "$out"; } >"$document"
}

network
shape pa 100
shape pb 100
tunnel
servers
for ((round = 1; round <= rounds; round++)); do
    echo "# round $round of $rounds" >&2
    shape pa 100
    shape pb 100
    throughput 100+100
    for scheduler in minrtt redundant; do gaps "$scheduler"; done
    shape pa 300
    shape pb 80
    throughput 300+80
done
report | tee "$out"
if [ -w "$document" ]; then into_document; fi
