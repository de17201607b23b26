#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
# The datapath without QUIC (bench_datapath.c) between two namespaces, TCP and UDP through it by iperf3:
#
#   iperf3 client - tun0 - bench_datapath - veth 10.88.0.1 ===== 10.88.0.2 veth - bench_datapath - tun0 - iperf3 server
#          10.89.0.1                                                                       10.89.0.2
# Needs root. usage: bench_datapath.sh [SECONDS]
set -eu
seconds=${1:-5}
program=${top_builddir:-build}/tests/bench/bench_datapath
a=mpvb$$a b=mpvb$$b
dir=$(mktemp -d)
pids=()

cleanup() {
    set +e
    for pid in "${pids[@]}"; do kill "$pid" 2>/dev/null; wait "$pid" 2>/dev/null; done
    ip netns del $a 2>/dev/null
    ip netns del $b 2>/dev/null
    rm -rf "$dir"
}
trap cleanup EXIT

ip netns add $a
ip netns add $b
ip -n $a link add veth0 type veth peer name veth0 netns $b
ip -n $a addr add 10.88.0.1/24 dev veth0
ip -n $b addr add 10.88.0.2/24 dev veth0
for ns in $a $b; do
    ip -n "$ns" link set lo up
    ip -n "$ns" link set veth0 up
done
mkfifo "$dir/input"
ip netns exec $a "$program" tun0 10.88.0.1:4433 10.88.0.2:4433 <"$dir/input" >"$dir/a" 2>&1 &
near=$!
ip netns exec $b "$program" tun0 10.88.0.2:4433 10.88.0.1:4433 <"$dir/input" >"$dir/b" 2>&1 &
far=$!
pids+=("$near" "$far")
exec 7>"$dir/input"
sleep 0.5
ip -n $a addr add 10.89.0.1/24 dev tun0
ip -n $b addr add 10.89.0.2/24 dev tun0
for ns in $a $b; do ip -n "$ns" link set tun0 mtu 1426 up; done
ip netns exec $b iperf3 -s >/dev/null 2>&1 7>&- &
pids+=($!)
sleep 0.3
ip netns exec $a ping -c 200 -i 0.005 -q 10.89.0.2 | tail -1
rate() { ip netns exec $a iperf3 -c 10.89.0.2 -t "$seconds" -f m "$@" | grep -E 'receiver' | tail -1; }
echo "tcp up        $(rate)"
echo "tcp down      $(rate -R)"
echo "tcp 4 up      $(rate -P 4)"
echo "tcp 4 down    $(rate -P 4 -R)"
echo "udp 1200 2G   $(rate -u -b 2000M -l 1200)"
echo "udp 64 100M   $(rate -u -b 100M -l 64)"
for ns in "$a" "$b"; do
    queue=$(ip -n "$ns" -s link show tun0 | awk '/TX:/ { getline; print $4 }')
    socket=$(ip netns exec "$ns" nstat -asz UdpRcvbufErrors | awk 'NR > 1 { print $2 }')
    echo "$ns: lost in the TUN's queue $queue, at iperf3's socket $socket"
done
exec 7>&-
wait $near $far || true
for end in a b; do sed "s/^/$end: /" "$dir/$end"; done
