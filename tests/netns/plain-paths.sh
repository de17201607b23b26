#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
# Two paths to a plain RFC 9484 server, which does not bond: one carries the tunnel, and when it dies the other takes its connection over by QUIC
# migration, and back, under one TCP connection. The server (peer/peer.py) sees one request from first to last.
#
#      server (peer/peer.py)  192.0.2.1 ──── fibre ──── 192.0.2.2     client (mpvpnd)
#      203.0.113.1         198.51.100.1 ──── wifi ───── 198.51.100.2  mpvpn0 10.99.0.2
#      plain0 10.99.0.1
. "$(dirname "$0")/lib.sh"
for tool in iperf3 nft; do command -v "$tool" >/dev/null || die "$tool is missing"; done

three_links
peer "$server" plain --listen 203.0.113.1:443 --certificate "$dir/server.crt" --key "$dir/server.key" --tun plain0
plain_pid=$last_pid
check 'the plain server has its device' until_true 15 ip -n "$server" link show plain0
ip -n "$server" address add 10.99.0.1/24 dev plain0
bonded_config client fibre wifi
sed -i 's/^Routes = .*/Routes = default/' "$dir/$tag-client.conf"
# The path that is ready first carries the tunnel: this one.
ip -n "$client" link set wifi down
check 'the client starts' daemon "$client" client
check 'one path carries the tunnel' until_true 10 paths_are 'fibre=up wifi=down'
ip -n "$client" link set wifi up
three_routes
check 'the other one stands by' until_true 10 paths_are 'fibre=up wifi=standby'
check 'a ping comes back' pings "$client" 10.99.0.1
start "$server" iperf3 iperf3 -s -1 -B 10.99.0.1
sleep 0.3
start "$client" flow timeout 90 iperf3 -c 10.99.0.1 -t 25 -b 1M
flow=$last_pid
ping_once() { in_ns "$client" ping -c 1 -W 1 10.99.0.1; }
requests() { [ "$(grep -c '^request' "$dir/plain.log")" = 1 ]; }

hears_from() { [ "$(grep '^moved' "$dir/plain.log" | tail -n 1)" = "moved $1" ]; }

# moved WHAT STATES ADDRESS: the paths come to those states, the server hears from that address, and a ping comes back
moved() {
    check "$1: the paths are $2" until_true 15 paths_are "$2"
    check "$1: the server hears from $3" until_true 5 hears_from "$3"
    check "$1: a ping comes back" until_true 5 ping_once
    check "$1: it is the same tunnel" requests
}

ip -n "$client" link set fibre down
moved 'a link down' 'fibre=down wifi=up' 198.51.100.2
ip -n "$client" link set fibre up
three_routes
check 'a link up: the path stands by' until_true 10 paths_are 'fibre=standby wifi=up'

in_ns "$server" nft -f - <<'END'
table inet hole {
    chain in { type filter hook input priority 0; iifname "wifi" drop; }
    chain out { type filter hook output priority 0; oifname "wifi" drop; }
}
END
check 'silence: the other path takes over' until_true 10 hears_from 192.0.2.2
in_ns "$server" nft delete table inet hole
moved 'silence over' 'fibre=up wifi=standby' 192.0.2.2

ip -n "$client" address del 192.0.2.2/24 dev fibre
moved 'an address removed' 'fibre=down wifi=up' 198.51.100.2
ip -n "$client" address add 192.0.2.2/24 dev fibre
three_routes
check 'an address added: the path stands by' until_true 10 paths_are 'fibre=standby wifi=up'
check 'a path is removed' ctl client path remove wifi
moved 'a path removed' 'fibre=up' 192.0.2.2

wait "$flow"
is 'the TCP connection went on all the time' "$?" 0
check 'the plain server runs' kill -0 "$plain_pid"
finish
