#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
# Which of two builds, or of one path and two, is faster, and by how much for certain: all their tunnels are up at once, each in
# namespaces of its own, and carry a short TCP transfer in turn. What else the machine does changes from one second to the next and meets
# neighbours in turn alike, so it falls out of their ratio, which is printed with its standard error; rows that are measured a minute apart
# differ by a fifth and more on a machine that is not alone on its host.
#
# Needs root. usage: turns.sh [-R] ROUNDS MPVPND[@two]...      the first is what the others are compared with; @two: by two paths
#      turns.sh 30 old/mpvpnd new/mpvpnd        turns.sh -R 30 build/mpvpnd build/mpvpnd@two
# TURN_BYTES (250M): of a transfer; -R: down instead of up. A round of two takes 2 s, and 30 rounds tell 3 % of CPU time apart.
. "$(dirname "$0")/../netns/lib.sh"
reverse=()
[ "${1:-}" != -R ] || { reverse=(-R) && shift; }
[ $# -ge 2 ] || die 'usage: turns.sh [-R] ROUNDS MPVPND[@two]...'
rounds=$1
shift
address=10.77.0.1
base_tag=$tag
declare -a server_of client_of from

keys
user
i=0
for what in "$@"; do
    mpvpnd=${what%@two}
    [ -x "$mpvpnd" ] || die "$mpvpnd is no program"
    tag=$base_tag$i
    ns_new a b
    link "$a" veth 192.0.2.1/24 "$b" veth 192.0.2.2/24
    link "$a" vetx 198.51.100.1/24 "$b" vetx 198.51.100.2/24
    server_config
    client_config client
    [ "$mpvpnd" = "$what" ] || printf '[Path vetx]\nServer = 198.51.100.1:443\n' >>"$dir/$tag-client.conf"
    daemon "$a" server || { cat "$dir/server.log"; die "$mpvpnd (server) does not start"; }
    server_of[i]=$last_pid
    start "$b" client "$mpvpnd" -c "$dir/$tag-client.conf"
    client_of[i]=$last_pid
    from[i]=$b
    in_ns "$b" timeout 20 bash -c "until ping -c 1 -W 0.3 $address >/dev/null 2>&1; do :; done" || die 'no ping through the tunnel'
    start "$a" iperf3 iperf3 -s --forceflush -B "$address"
    i=$((i + 1))
done
sleep 1

# ran PID: ns of processor time that a process used
ran() { cut -d ' ' -f 1 "/proc/$1/schedstat"; }

for ((round = 0; round < rounds; round++)); do
    for ((i = 0; i < $#; i++)); do
        server_ns=$(ran "${server_of[i]}") client_ns=$(ran "${client_of[i]}")
        in_ns "${from[i]}" timeout 30 iperf3 -c "$address" -n "${TURN_BYTES:-250M}" -J "${reverse[@]}" >"$dir/iperf.json" 2>&1
        server_ns=$(($(ran "${server_of[i]}") - server_ns)) client_ns=$(($(ran "${client_of[i]}") - client_ns))
        echo "$i $server_ns $client_ns $(tr -d '\n' <"$dir/iperf.json" |
            sed -n 's/.*"sum_received"[^}]*"bytes":[^0-9]*\([0-9]*\)[^}]*"bits_per_second":[^0-9]*\([0-9.e+]*\).*/\1 \2/p')"
    done
done | awk 'NF == 5 && $4 > 0' >"$dir/turns"

/usr/bin/python3 - "$dir/turns" "$@" <<'END'
import statistics, sys
runs = [[] for _ in sys.argv[2:]]
for line in open(sys.argv[1]):
    i, server, client, octets, rate = line.split()
    runs[int(i)].append(((int(server) + int(client)) / int(octets), float(rate) / 1e6))
for index, (name, own) in enumerate(zip(sys.argv[2:], runs)):
    both = list(zip(own, runs[0]))
    if not both:
        continue
    print(f"{name}: {len(both)} runs, {statistics.median(r for _, r in own):.0f} Mbit/s, "
          f"{statistics.median(c for c, _ in own):.2f} CPU-s/GB", end="")
    for what, which in (("rate", 1), ("CPU time", 0)) if index else ():
        ratios = [a[which] / b[which] for a, b in both]
        print(f", {what} × {statistics.mean(ratios):.3f} ± {statistics.pstdev(ratios) / len(ratios) ** 0.5:.3f}", end="")
    print()
END
