#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
# Paths that die in every way and come back, under one TCP connection and a hundred pings a second: blackhole, link down, address removed,
# carrier lost, NAT rebinding. Losses are counted, never timed.
#
#      server  192.0.2.1 ──── 192.0.2.254  router (NAT)  198.18.0.1 ── fibre ──  198.18.0.2   client
#              2001:db8::1 ───────────────────────────────────────── lte ────  2001:db8::2
#              203.0.113.1 (behind fibre)
. "$(dirname "$0")/lib.sh"
for tool in iperf3 nft; do command -v "$tool" >/dev/null || die "$tool is missing"; done

ns_new server router client
link "$server" north 192.0.2.1/24 "$router" north 192.0.2.254/24
link "$router" south 198.18.0.1/24 "$client" fibre 198.18.0.2/24
link "$server" lte 2001:db8::1/64 "$client" lte 2001:db8::2/64
ip -n "$server" address add 203.0.113.1/32 dev lo
ip -n "$router" route add 203.0.113.1 via 192.0.2.1
in_ns "$router" sysctl -qw net.ipv4.ip_forward=1
in_ns "$router" nft -f - <<'END' || die 'no NAT'
table ip nat { chain out { type nat hook postrouting priority srcnat; oifname "north" masquerade; }; }
END
client_route() { ip -n "$client" route replace 203.0.113.1 via 198.18.0.1 dev fibre; }
client_route
keys
user
server_config
bonded_config client fibre lte
both_start
check 'both paths come up' until_true 10 paths_are 'fibre=up lte=up'
check 'a ping comes back' pings "$client" 10.77.0.1 fd77::1
check 'iperf3 waits at the server' iperf_server
session=$(value server 'j["sessions"][0]["id"]' session list)

blackhole() {
    in_ns "$server" nft -f - <<END
table inet hole {
    chain in { type filter hook input priority 0; iifname "$1" drop; }
    chain out { type filter hook output priority 0; oifname "$1" drop; }
}
END
}
no_blackhole() { in_ns "$server" nft delete table inet hole; }

# lost NAME: pings that had no answer
lost() { sed -n 's/^\([0-9]*\) packets transmitted, \([0-9]*\) received.*/\1 \2/p' "$dir/$1.log" | { read -r sent got; echo $((sent - got)); }; }

# event NAME BOUND DIE REVIVE [PATHS]: pings while the path dies, which shows in those states of the paths, and comes back
event() {
    local name=$1 bound=$2 ping missing
    start "$client" "ping-$name" ping -q -i 0.01 -c 350 -W 2 10.77.0.1
    ping=$last_pid
    sleep 0.7
    "$3"
    [ -z "${5:-}" ] || check "$name: it is seen" until_true 10 paths_are "$5"
    sleep 1.2
    "$4"
    wait "$ping"
    missing=$(lost "ping-$name")
    check "$name: at most $bound of 350 pings are lost: ${missing:-all}" test "${missing:-350}" -le "$bound"
    check "$name: the path comes back" until_true 15 paths_are 'fibre=up lte=up'
    check "$name: as a leg of the same session" until_true 5 legs_are 2
}

blackhole_fibre() { blackhole north; }
blackhole_lte() { blackhole lte; }
down() { ip -n "$client" link set fibre down; }
up() { ip -n "$client" link set fibre up; client_route; }
forget() { ip -n "$client" address del 198.18.0.2/24 dev fibre; }
remember() { ip -n "$client" address add 198.18.0.2/24 dev fibre; client_route; }
cut() { ip -n "$router" link set south down; }
mend() { ip -n "$router" link set south up; ip -n "$router" route replace 203.0.113.1 via 192.0.2.1; client_route; }
flap() { for _ in 1 2 3; do cut; sleep 0.1; mend; sleep 0.1; done; }
# With its address a masquerade forgets what went by it.
rebind() { ip -n "$router" address del "$1/24" dev north; ip -n "$router" address add "$2/24" dev north; ip -n "$router" route replace 203.0.113.1 via 192.0.2.1; }
rebind_there() { rebind 192.0.2.254 192.0.2.253; }
rebind_back() { rebind 192.0.2.253 192.0.2.254; }

iperf flow -t 36 -b 5M --bidir
flow=$last_pid
event 'blackhole' 60 blackhole_fibre no_blackhole 'fibre=suspect lte=up'
event 'blackhole of the other' 60 blackhole_lte no_blackhole 'fibre=up lte=suspect'
event 'link down' 60 down up 'fibre=down lte=up'
event 'address removed' 60 forget remember 'fibre=down lte=up'
event 'cable pulled' 60 cut mend 'fibre=down lte=up'
event 'carrier flaps' 60 flap true
event 'NAT rebinding' 60 rebind_there rebind_back
check 'the TCP connection went on all the time' iperf_went_on flow "$flow"
check 'the server saw the client move' said server 'now from 192.0.2.253'

check 'redundant is set' ctl client scheduler set redundant
sleep 0.5
event 'blackhole with redundant' 0 blackhole_fibre no_blackhole 'fibre=suspect lte=up'
is 'it was one session all the time' "$(value server 'j["sessions"][0]["id"]' session list)" "$session"
finish
