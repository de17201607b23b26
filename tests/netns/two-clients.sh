#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
# Two clients at once: each has addresses of its own, they reach the server and each other, and nobody can borrow an address.
# A third one beside the first does not miss it when it stops.
#
#      client  192.0.2.2  ──┐
#                           ├── server  192.0.2.1, 198.51.100.1
#      other  198.51.100.2 ─┘
. "$(dirname "$0")/lib.sh"

pair
ns_new other
link "$server" veth2 198.51.100.1/24 "$other" veth 198.51.100.2/24
in_ns "$server" sysctl -qw net.ipv4.ip_forward=1 net.ipv6.conf.all.forwarding=1
server_config
client_config client
client_config other Server=198.51.100.1:443
check 'the server starts' daemon "$server" server
check 'the first client starts' daemon "$client" client
first_pid=$last_pid
check 'the second client starts' daemon "$other" other
check 'the first reaches the server' pings "$client" 10.77.0.1 fd77::1
check 'the second reaches the server' pings "$other" 10.77.0.1 fd77::1

# inner NS: the IPv4 address of its tunnel
inner() { ip -n "$1" -4 -o address show mpvpn0 | sed -n 's|.*inet \([0-9.]*\).*|\1|p'; }
first=$(inner "$client") second=$(inner "$other")
refuses 'their addresses differ' [ "$first" = "$second" ]
check 'the first reaches the second' pings "$client" "$second"
check 'the second reaches the first' pings "$other" "$first"
is 'the server lists two sessions' "$(ctl server session list | grep -c alice)" 2

ip -n "$other" address add 10.77.0.99/32 dev mpvpn0
refuses 'a packet from an address that is not the session'"'"'s gets no answer' \
    in_ns "$other" ping -c 2 -i 0.2 -W 1 -I 10.77.0.99 10.77.0.1
like 'and is counted' "$(ctl other stats --json; ctl server stats --json)" '"source_not_allowed": *[1-9]'
check 'the second still reaches the server' pings "$other" 10.77.0.1

# Two on one host, by one device, behind a filter to which only the rule makes what the server sends welcome.
client_config third Server=198.51.100.1:443 Routes=default Device=third
ip -n "$client" route add default via 192.0.2.1
in_ns "$client" sysctl -qw net.ipv4.conf.veth.rp_filter=1
check 'a third client starts on the host of the first' daemon "$client" third
check 'and reaches the server' until_true 10 in_ns "$client" ping -c 1 -W 1 -I third 10.77.0.1
stop "$first_pid"
check 'the third still reaches the server' in_ns "$client" ping -c 3 -i 0.2 -W 1 -I third 10.77.0.1
finish
