#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
# Which of two builds, or of one path and two, is faster, and by how much for certain: all their tunnels are up at once, each in
# namespaces of its own, and carry a short TCP transfer in turn. What else the machine does changes from one second to the next and meets
# neighbours in turn alike, so it falls out of their ratio, which is printed with its standard error; rows that are measured a minute apart
# differ by a fifth and more on a machine that is not alone on its host.
#
# Needs root. usage: turns.sh [-R|-p] ROUNDS MPVPND[@WHAT]...      the first is what the others are compared with
#      turns.sh 30 old/mpvpnd new/mpvpnd        turns.sh -R 30 build/mpvpnd build/mpvpnd@two
# @two: by two paths; @TIME: with BusyPoll = TIME. -R: down instead of up; TURN_BYTES (250M): of a transfer. -p: 100 pings, 10 ms apart,
# instead of a transfer. A round of two takes 2 s, and 30 rounds tell 3 % of CPU time apart.
. "$(dirname "$0")/../netns/lib.sh"
reverse=()
pings=
case ${1:-} in
-R) reverse=(-R) && shift ;;
-p) pings=100 && shift ;;
esac
[ $# -ge 2 ] || die 'usage: turns.sh [-R|-p] ROUNDS MPVPND[@two|@TIME]...'
rounds=$1
shift
address=10.77.0.1
base_tag=$tag
declare -a server_of client_of from

keys
user
i=0
for what in "$@"; do
    mpvpnd=${what%@*}
    with=${what#"$mpvpnd"}
    [ -x "$mpvpnd" ] || die "$mpvpnd is no program"
    tag=$base_tag$i
    ns_new a b
    link "$a" veth 192.0.2.1/24 "$b" veth 192.0.2.2/24
    link "$a" vetx 198.51.100.1/24 "$b" vetx 198.51.100.2/24
    server_config
    client_config client
    case $with in
    '') ;;
    @two) printf '[Path vetx]\nServer = 198.51.100.1:443\n' >>"$dir/$tag-client.conf" ;;
    *) sed -i "s/^\[Daemon\]/&\nBusyPoll = ${with#@}/" "$dir/$tag-server.conf" "$dir/$tag-client.conf" ;;
    esac
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

# carry NAMESPACE: one turn; prints bytes and bits a second of a transfer, or pings and their average in ms
carry() {
    if [ -n "$pings" ]; then
        in_ns "$1" ping -q -c "$pings" -i 0.01 "$address" 2>&1 | sed -n "s,^rtt [^=]*= [0-9.]*/\\([0-9.]*\\)/.*,$pings \\1,p"
        return
    fi
    in_ns "$1" timeout 30 iperf3 -c "$address" -n "${TURN_BYTES:-250M}" -J "${reverse[@]}" 2>&1 | tr -d '\n' |
        sed -n 's/.*"sum_received"[^}]*"bytes":[^0-9]*\([0-9]*\)[^}]*"bits_per_second":[^0-9]*\([0-9.e+]*\).*/\1 \2/p'
}

for ((round = 0; round < rounds; round++)); do
    for ((i = 0; i < $#; i++)); do
        server_ns=$(ran "${server_of[i]}") client_ns=$(ran "${client_of[i]}")
        carried=$(carry "${from[i]}")
        server_ns=$(($(ran "${server_of[i]}") - server_ns)) client_ns=$(($(ran "${client_of[i]}") - client_ns))
        echo "$i $server_ns $client_ns $carried"
    done
done | awk 'NF == 5 && $4 > 0' >"$dir/turns"

/usr/bin/python3 - "$dir/turns" "$pings" "$@" <<'END'
import statistics, sys
pings, names = sys.argv[2], sys.argv[3:]
runs = [[] for _ in names]
for line in open(sys.argv[1]):
    i, server, client, count, result = line.split()
    runs[int(i)].append(((int(server) + int(client)) / int(count), float(result) / (1 if pings else 1e6)))
for index, (name, own) in enumerate(zip(names, runs)):
    both = list(zip(own, runs[0]))
    if not both:
        continue
    result, cost = statistics.median(r for _, r in own), statistics.median(c for c, _ in own)
    print(f"{name}: {len(both)} runs, " + (f"{result:.3f} ms, {cost / 1e3:.0f} us of CPU a ping" if pings else
                                           f"{result:.0f} Mbit/s, {cost:.2f} CPU-s/GB"), end="")
    for what, which in (("time" if pings else "rate", 1), ("CPU time", 0)) if index else ():
        ratios = [a[which] / b[which] for a, b in both]
        print(f", {what} × {statistics.mean(ratios):.3f} ± {statistics.pstdev(ratios) / len(ratios) ** 0.5:.3f}", end="")
    print()
END
