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
finish
