#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
# A server whose name has an IPv4 and an IPv6 address, one of which is of no use: because nothing answers there, or because the link
# has another IP version than before, as when a laptop or a phone comes to another network.
#
#      server  192.0.2.1  2001:db8::1  ──────────  192.0.2.2  2001:db8::2  client
. "$(dirname "$0")/lib.sh"

pair
server_config
client_config client Server=vpn.example.net:443
printf '127.0.0.1 localhost\n192.0.2.1 vpn.example.net\n2001:db8::1 vpn.example.net\n' >"$dir/hosts"

# client_starts: with that hosts file, which it alone sees
client_starts() {
    # shellcheck disable=SC2016
    start "$client" client unshare -m sh -c 'mount --bind "$1" /etc/hosts && shift && exec "$@"' sh "$dir/hosts" \
        "$mpvpnd" -v -c "$dir/$tag-client.conf"
    client_pid=$last_pid
    until_true 10 ctl client version
}

# only ADDRESS: the client's link has this one and no other
only() {
    ip -n "$client" address flush dev veth scope global
    ip -n "$client" address add "$1" dev veth nodad 2>/dev/null || ip -n "$client" address add "$1" dev veth
}

# comes_from REGEX: where the server's only leg comes from
comes_from() { value server '[l["remote"] for s in j["sessions"] for l in s["legs"]]' session list | grep -qE "^\['$1"; }
session() { value server '[s["id"] for s in j["sessions"]]' session list; }

check 'the server starts' daemon "$server" server
for version in '6 192\.0\.2\.2' '4 \[?2001:db8::2'; do
    read -r number by <<<"$version"
    in_ns "$server" nft "add table inet dead; add chain inet dead in { type filter hook input priority 0; }
        add rule inet dead in meta nfproto ipv$number udp dport 443 drop"
    check "IPv$number does not answer: the client starts" client_starts
    check "IPv$number does not answer: a ping comes back" pings "$client" 10.77.0.1
    check "IPv$number does not answer: by the other one" until_true 5 comes_from "$by"
    in_ns "$server" nft delete table inet dead
    stop "$client_pid"
done

only 192.0.2.2/24
check 'a link with IPv4 alone: the client starts' client_starts
check 'a link with IPv4 alone: pings come back' pings "$client" 10.77.0.1 fd77::1
first=$(session)
retries=$(grep -c 'trying again' "$dir/client.log")
for address in 2001:db8::2/64 192.0.2.2/24 2001:db8::2/64; do
    only "$address"
    # A connection without its address ends after 30 s.
    check "the link has ${address%/*} alone: the tunnel goes by it" until_true 15 in_ns "$client" ping -c 1 -W 1 10.77.0.1
    is "the link has ${address%/*} alone: in the same session" "$(session)" "$first"
done
is 'none of that counts as a failure' "$(grep -c 'trying again' "$dir/client.log")" "$retries"
check 'it says why' said client 'path veth: the way to the server is by another of its addresses now'
moves=$(grep -c 'by another of its addresses' "$dir/client.log")
check 'IPv4 is back, too' ip -n "$client" address add 192.0.2.2/24 dev veth
ip -n "$client" address flush dev veth scope global
sleep 0.5
ip -n "$client" address add 192.0.2.2/24 dev veth
ip -n "$client" address add 2001:db8::2/64 dev veth nodad
check 'an address that is renewed: pings go on' pings "$client" 10.77.0.1
is 'an address that is renewed: on the same connection' "$(grep -c 'by another of its addresses' "$dir/client.log")" "$moves"
finish
