#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
# The tunnel comes back by itself: after the server was ended, after it was killed, after the link was away, and after the tunnel device was down.
#
#      server  192.0.2.1  ──────────  192.0.2.2  client
. "$(dirname "$0")/lib.sh"

pair
server_config
client_config client
both_start
check 'a ping comes back' pings "$client" 10.77.0.1 fd77::1

# full NAME: how many handshakes of that daemon were not resumed, and whether any was
full() { value "$1" '"{} {}".format(j["session"]["handshakes"] - j["session"]["resumed_handshakes"], j["session"]["resumed_handshakes"] > 0)' stats; }
is 'the first connection shows the certificate' "$(full client), $(full server)" '1 False, 1 False'

stop "$server_pid"
is 'the server ends with status 0' "$?" 0
refuses 'no ping comes back without a server' in_ns "$client" ping -c 1 -W 1 10.77.0.1
check 'the server starts again' daemon "$server" server
server_pid=$last_pid
check 'after the restart a ping comes back' pings "$client" 10.77.0.1 fd77::1
is 'by a resumed TLS session, for key and certificate are the same' "$(full client), $(full server)" '1 True, 0 True'
check 'the client says so' said client 'path veth: TLS session resumed'
check 'and the server' said server '192\.0\.2\.2.*: TLS session resumed'

# Killed, it tells nobody: the new server's stateless reset has to.
stop "$server_pid" KILL
check 'the server starts after it was killed' daemon "$server" server
server_pid=$last_pid
check 'after the kill a ping comes back' pings "$client" 10.77.0.1 fd77::1
is 'by a resumed TLS session too' "$(full client), $(full server)" '1 True, 0 True'

# A killed daemon's device and address go a moment after it.
stop "$server_pid"
ip -n "$server" tuntap add mpvpn0 mode tun
(sleep 0.4 && ip -n "$server" link delete mpvpn0) &
deleter=$!
start "$server" holder timeout 0.7 /usr/bin/python3 -c 'import socket, time
s = socket.socket(socket.AF_INET6, socket.SOCK_DGRAM); s.bind(("::", 443)); time.sleep(9)'
check 'the server waits for what is about to go' daemon "$server" server
server_pid=$last_pid
wait "$deleter"
check 'and works' pings "$client" 10.77.0.1 fd77::1

ip -n "$server" link set veth down
sleep 1
refuses 'no ping comes back without a link' in_ns "$client" ping -c 1 -W 1 10.77.0.1
ip -n "$server" link set veth up
ip -n "$server" address add 2001:db8::1/64 dev veth nodad 2>/dev/null
check 'with the link back a ping comes back' pings "$client" 10.77.0.1 fd77::1
kill -0 "$client_pid"
is 'it was the same client all the time' "$?" 0

# bounce NS: the tunnel device goes down and up; with it the kernel forgets routes and IPv6 addresses
bounce() { ip -n "$1" link set mpvpn0 down && sleep 0.3 && ip -n "$1" link set mpvpn0 up; }
bounce "$client"
check 'with the device up again at the client a ping comes back' pings "$client" 10.77.0.1 fd77::1
bounce "$server"
check 'with the device up again at the server too' pings "$client" 10.77.0.1 fd77::1

# Where IPv6 is switched off for a while nothing of it can be put back, and the log says so once. When it is on again all
# of it is.
ipv6() { in_ns "$1" sysctl -qw net.ipv6.conf.mpvpn0.disable_ipv6=$((1 - $2)); }
# has_ipv6 NAME COUNT: how many IPv6 addresses its status has
has_ipv6() { [ "$(value "$1" 'sum(":" in a for a in j["tunnel"]["addresses"])' status)" = "$2" ]; }
refused() { grep -c "$2: netlink: cannot make address" "$dir/$1.log"; }
for end in client server; do
    told=$(refused $end warning)
    ipv6 "${!end}" 0
    check "IPv6 is off at the $end: its status has no such address" until_true 10 has_ipv6 $end 0
    ip -n "${!end}" route add 192.0.2.128/25 dev mpvpn0 protocol 109
    ip -n "${!end}" route del 192.0.2.128/25 dev mpvpn0 protocol 109
    sleep 1 # a route like those of its own was taken away, so it has tried again
    check 'it has tried in vain' test "$(refused $end debug)" -gt 0
    is 'of which the log tells once' "$(refused $end warning)" $((told + 1))
    check 'and there is still none' has_ipv6 $end 0
    ipv6 "${!end}" 1
    check "IPv6 is on again at the $end: the status has it" until_true 10 has_ipv6 $end 1
    check 'and there is' pings "$client" 10.77.0.1 fd77::1
done
check 'the server says so' said server 'mpvpn0: the IPv6 address could be set again'

# What was refused when the device came up is not forgotten either.
ipv6 "$server" 0
bounce "$server"
check 'off when the device of the server was up again: it has none' until_true 10 has_ipv6 server 0
ipv6 "$server" 1
check 'on again: it has' until_true 10 has_ipv6 server 1
check 'and works' pings "$client" 10.77.0.1 fd77::1
ipv6 "$client" 0
bounce "$client"
check 'it does not hold for set what it could not set when its device was up again' until_true 5 \
    eval '[ "$(value client "j[\"tunnel\"][\"addresses\"] + j[\"tunnel\"][\"routes_set\"]" status)" = "['\''10.77.0.2/32'\'', '\''10.77.0.0/24'\'']" ]'
ipv6 "$client" 1
check 'it can be reloaded' ctl client reload
check 'and has all of it' pings "$client" 10.77.0.1 fd77::1

# Killed, the client leaves its changes; the next start clears them up and works.
stop "$client_pid" KILL
check 'the client starts after it was killed' daemon "$client" client
client_pid=$last_pid
check 'a ping of the new client comes back' pings "$client" 10.77.0.1 fd77::1
is 'there is one route to the pool' "$(ip -n "$client" route show 10.77.0.0/24 | wc -l)" 1
stop "$client_pid"
is 'no route stays' "$(ip -n "$client" route show 10.77.0.0/24)" ''

# A daemon without its device ends, so that what watches over it starts it again.
check 'the client starts once more' daemon "$client" client
client_pid=$last_pid
check 'a ping comes back once more' pings "$client" 10.77.0.1
ip -n "$client" link delete mpvpn0
wait "$client_pid"
is 'a client whose device is deleted ends with status 1' "$?" 1
like 'and says why' "$(tail -n 1 "$dir/client.log")" 'failed: File descriptor in bad state'
ip -n "$server" link delete mpvpn0
wait "$server_pid"
is 'and a server' "$?" 1
finish
