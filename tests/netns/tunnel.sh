#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
# The tunnel carries IPv4 and IPv6, over IPv4 and over IPv6, and leaves nothing behind.
#
#      server                                    client
#      mpvpn0 10.77.0.1 fd77::1                  mpvpn0, from the pools
#      veth   192.0.2.1 2001:db8::1  ──────────  veth   192.0.2.2 2001:db8::2
. "$(dirname "$0")/lib.sh"

pair
server_config
check 'the server starts' daemon "$server" server
server_pid=$last_pid

# tcp ADDRESS [OPTION...]: one second of iperf3 from the client, at least 1 Mbit/s
tcp() {
    local rate
    rate=$(in_ns "$client" iperf3 -c "$1" -t 1 -J "${@:2}" | sed -n '/"sum_received"/,/}/s/.*"bits_per_second":[[:space:]]*\([0-9]*\).*/\1/p' | head -n 1)
    echo "rate: ${rate:-none}"
    [ "${rate:-0}" -gt 1000000 ]
}

for outer in 192.0.2.1 '[2001:db8::1]'; do
    client_config client "Server=$outer:443"
    check "over $outer: the client starts" daemon "$client" client
    client_pid=$last_pid
    check "over $outer: an IPv4 ping comes back" until_true 10 in_ns "$client" ping -c 1 -W 1 10.77.0.1
    check "over $outer: an IPv6 ping comes back" until_true 10 in_ns "$client" ping -6 -c 1 -W 1 fd77::1
    check "over $outer: pings of 1 to 1200 bytes come back" in_ns "$client" \
        sh -c 'for size in 1 63 500 1000 1200; do ping -q -c 2 -i 0.05 -W 2 -s $size 10.77.0.1 && ping -6 -q -c 2 -i 0.05 -W 2 -s $size fd77::1 || exit 1; done'
    for inner in 10.77.0.1 fd77::1; do
        start "$server" iperf3 iperf3 -s -1 -B "$inner"
        iperf_pid=$last_pid
        until_true 5 in_ns "$client" sh -c "ping -c 1 -W 1 $inner" && sleep 0.3
        check "over $outer: TCP to $inner flows up" tcp "$inner"
        stop "$iperf_pid"
        start "$server" iperf3 iperf3 -s -1 -B "$inner"
        iperf_pid=$last_pid
        sleep 0.3
        check "over $outer: TCP from $inner flows down" tcp "$inner" -R
        stop "$iperf_pid"
    done
    like "over $outer: status names the server" "$(ctl client status)" "${outer//[][]/}"
    like "over $outer: the path is up" "$(ctl client path list)" '^veth +up'
    like "over $outer: the server lists the session" "$(ctl server session list)" 'alice'
    stop "$client_pid"
    is "over $outer: the client ends with status 0" "$?" 0
    refuses "over $outer: the client's tunnel device is gone" ip -n "$client" link show mpvpn0
    is "over $outer: the client's routes are gone" "$(ip -n "$client" route show 10.77.0.0/24; ip -n "$client" -6 route show fd77::/64)" ''
done
check 'the server answers still' ctl server status
stop "$server_pid"
is 'the server ends with status 0' "$?" 0
finish
