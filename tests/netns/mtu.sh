#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
# Paths of 1280, 1300, 1400 and 1500 bytes carry every inner packet up to 1280 bytes, TCP of any size, and a change while running.
#
#      server  192.0.2.1  ───── veth, MTU as tested ─────  192.0.2.2  client
. "$(dirname "$0")/lib.sh"

pair
server_config
client_config client
check 'the server starts' daemon "$server" server

set_mtu() {
    ip -n "$server" link set veth mtu "$1"
    ip -n "$client" link set veth mtu "$1"
}

# carries WHAT: IPv6 packets of 1280 bytes, unfragmented, both ways, and a megabyte by TCP each way
carries() {
    check "$1: IPv6 packets of 1280 bytes pass" until_true 20 in_ns "$client" ping -6 -c 3 -i 0.1 -W 1 -M 'do' -s 1232 fd77::1
    check "$1: IPv4 packets of 1280 bytes pass" until_true 5 in_ns "$client" ping -c 3 -i 0.1 -W 1 -M 'do' -s 1252 10.77.0.1
    start "$server" iperf3 iperf3 -s -B 10.77.0.1
    local iperf=$last_pid
    check "$1: a megabyte goes up" until_true 10 in_ns "$client" timeout 10 iperf3 -c 10.77.0.1 -n 1M
    check "$1: a megabyte comes down" until_true 10 in_ns "$client" timeout 10 iperf3 -c 10.77.0.1 -n 1M -R
    stop "$iperf"
}

for mtu in 1500 1400 1300 1280; do
    set_mtu $mtu
    check "$mtu: the client starts" daemon "$client" client
    client_pid=$last_pid
    carries $mtu
    tunnel_mtu=$(ip -n "$client" -o link show mpvpn0 | sed -n 's/.* mtu \([0-9]*\).*/\1/p')
    check "$mtu: the tunnel's own MTU, $tunnel_mtu, is from 1280 to $((mtu - 62))" \
        [ "$tunnel_mtu" -ge 1280 -a \( "$tunnel_mtu" -le $((mtu - 62)) -o "$tunnel_mtu" = 1280 \) ]
    stop "$client_pid"
done

set_mtu 1500
check 'a change: the client starts' daemon "$client" client
carries 'before the change'
set_mtu 1300
carries 'after the path shrank'
set_mtu 1500
carries 'after it grew again'

# inner_mtu VALUE: the tunnel's own MTU is that
inner_mtu() { ip -n "$client" -o link show mpvpn0 | grep -q " mtu $1 "; }

# leg_mtu VALUE: the leg's inner MTU is that; the tunnel's is never below 1280
leg_mtu() { ctl client stats --json | tr -d ' \n' | grep -q "\"mtu_bytes\":$1\b"; }

listens() { in_ns "$server" ss -Hltn 'sport = :5201' | grep -q 10.77.0.1; }

# What is inside a UDP payload of 1472 and of 1252 bytes, beside 46 bytes of QUIC and of the tunnel's.
wide=1426
narrow=1206
check "TCP under way: the tunnel has $wide bytes" until_true 5 inner_mtu $wide
start "$server" iperf3 iperf3 -s -B 10.77.0.1
check 'the server of the flow listens' until_true 5 listens
start "$client" flow iperf3 --forceflush -c 10.77.0.1 -t 300
for round in first second; do
    check "$round time: data flow" until_true 5 grep -qE "[GM]bits" "$dir/flow.log"
    sleep 2
    set_mtu 1280
    check "$round time: the leg carries $narrow bytes within 5 s of a shrink to 1280" until_true 5 leg_mtu $narrow
    sleep 3
    set_mtu 1500
    check "$round time: the tunnel has $wide bytes again within 31 s of the growth" until_true 31 inner_mtu $wide
done
finish
