#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
# mpvpnd as a client of a plain RFC 9484 server, which knows nothing of mpvpn: how addresses come, how they change, refusals, what it sends.
#
#      server (peer/peer.py)                     client (mpvpnd)
#      plain0 10.99.0.1 fd99::1                  mpvpn0, what it is assigned
#      veth   192.0.2.1 2001:db8::1  ──────────  veth   192.0.2.2 2001:db8::2
. "$(dirname "$0")/lib.sh"

pair
peer "$server" plain --listen 192.0.2.1:443 --certificate "$dir/server.crt" --key "$dir/server.key" --tun plain0
plain_pid=$last_pid
check 'the plain server has its device' until_true 15 ip -n "$server" link show plain0
ip -n "$server" address add 10.99.0.1/24 dev plain0
ip -n "$server" address add fd99::1/64 dev plain0 nodad
client_config client Routes=default Device=mpvpn0
client_pid=

# connects: a new client
connects() {
    [ -z "$client_pid" ] || stop "$client_pid"
    : >"$dir/plain.log"
    : >"$dir/client.log"
    daemon "$client" client && client_pid=$last_pid
}

# has COMMAND-OF-IP... = WORD: the client's ip says so / says so no more
has() { ip -n "$client" "${@:1:$#-1}" | grep -qF -- "${*: -1}"; }
has_not() { ! has "$@"; }
addresses() { ip -n "$client" -o address show dev mpvpn0 scope global | grep -oE 'inet6? [0-9a-f:.]+/[0-9]+' | cut -d' ' -f2 | sort | xargs; }
has_addresses() { [ "$(addresses)" = "$*" ]; }

tell plain mode unprompted
check 'unprompted: the client starts' connects
check 'unprompted: a well-formed request comes' soon plain '^request CONNECT connect-ip /\.well-known/masque/ip/(\*|%2A)/(\*|%2A)/ Bearer '
check 'unprompted: the client has the addresses' until_true 5 has_addresses 10.99.0.2/32 fd99::2/128
check 'unprompted: pings come back' pings "$client" 10.99.0.1 fd99::1
check 'unprompted: the server reaches the client' pings "$server" 10.99.0.2 fd99::2
check 'unprompted: the client has the advertised routes' has route show dev mpvpn0 10.99.0.0/24
check 'unprompted: also of IPv6' has -6 route show dev mpvpn0 fd99::/112
sleep 0.5
refuses 'unprompted: the client does not ask' said plain '^asked'
start "$server" iperf3 iperf3 -s -1 -B 10.99.0.1
sleep 0.3
check 'TCP flows' in_ns "$client" timeout 10 iperf3 -c 10.99.0.1 -n 500K

# changes while the tunnel is up
tell plain assign 10.99.0.7/32 fd99::7/128
check 'new addresses: the device follows' until_true 5 has_addresses 10.99.0.7/32 fd99::7/128
check 'new addresses: pings come back' pings "$client" 10.99.0.1 fd99::1
tell plain routes 10.98.0.0-10.98.0.127 10.99.0.0-10.99.0.255
check 'new routes: the one added is there' until_true 5 has route show dev mpvpn0 10.98.0.0/25
check 'new routes: the one that was left out is gone' until_true 5 has_not -6 route show dev mpvpn0 fd99::/112
check 'new routes: a ping comes back' pings "$client" 10.99.0.1
# 320 ranges that need 190 prefixes each, beside one that was there
tell plain routes 10.99.0.0-10.99.0.255 "$(for i in $(seq 16 335); do printf 'fd00:%x::1-fd00:%x:ffff:ffff:ffff:ffff:ffff:fffe ' "$i" "$i"; done)"
check 'more routes than can be: it is said' until_true 10 said client 'routes stay as they are: too many'
check 'more routes than can be: a ping comes back' pings "$client" 10.99.0.1
tell plain routes
check 'no routes: all are gone' until_true 5 has_not route show dev mpvpn0 10.9
tell plain assign 10.99.0.8/32
check 'one address less: the device follows' until_true 5 has_addresses 10.99.0.8/32
tell plain routes 10.99.0.0-10.99.0.255 fd99::-fd99::ffff
check 'routes of both versions: IPv4 answers' pings "$client" 10.99.0.1
check 'routes of both versions: the one without an address is not set' has_not -6 route show dev mpvpn0 fd99::/112
# A prefix would be a route into the tunnel, and a path's own ends in this host the end of that path.
tell plain assign 10.99.0.2/32 64.0.0.0/2 fd99::2/128 8000::/1 192.0.2.1/32 192.0.2.2/32 127.0.0.0/8 224.0.0.1/32
check 'a prefix: the device has its first address alone' until_true 5 has_addresses 10.99.0.2/32 64.0.0.0/32 8000::/128 fd99::2/128
check 'a prefix: only what is advertised takes the tunnel' sh -c "! ip -n $client route | grep ' dev mpvpn0' | grep -vF 10.99.0.0/24"
check 'addresses of the paths and of no host: it is said' said client 'assigned 192\.0\.2\.1, which is not used: the server is reached by it'
check 'addresses of the paths and of no host: pings come back' pings "$client" 10.99.0.1 fd99::1
tell plain assign 10.99.0.2/32 fd99::2/128
check 'both addresses again: the device follows' until_true 5 has_addresses 10.99.0.2/32 fd99::2/128
check 'both addresses again: pings come back' pings "$client" 10.99.0.1 fd99::1
# A server that changes its mind all the time fills no log: a line a second at most.
told() { grep -c 'mpvpn0: address' "$dir/client.log"; }
sleep 1.1 # what was told last is a second ago
before=$(told)
begun=$SECONDS
for i in $(seq 20); do tell plain assign 10.99.0.$((i + 20))/32; done
tell plain assign 10.99.0.50/32 fd99::2/128
check 'twenty changes at once: the device has the last' until_true 5 has_addresses 10.99.0.50/32 fd99::2/128
count=$(($(told) - before))
check "twenty changes at once: the log has $count of them" test $count -ge 1 -a $count -le $((SECONDS - begun + 1))
tell plain assign 10.99.0.2/32 fd99::2/128
check 'and one more: the device follows' until_true 5 has_addresses 10.99.0.2/32 fd99::2/128
check 'twenty changes at once: pings come back' pings "$client" 10.99.0.1 fd99::1

# Nor one that advertises what this host has already, or too much: after a few lines about the routes that failed, a line a second.
ip -n "$client" route add 10.97.0.0/24 dev veth
lines() { wc -l <"$dir/client.log"; }
before=$(lines)
begun=$SECONDS
for _ in $(seq 60); do
    tell plain routes 10.97.0.0-10.97.0.255 10.99.0.0-10.99.0.255
done
for _ in $(seq 4); do
    tell plain routes "$(for i in $(seq 16 335); do printf 'fd00:%x::1-fd00:%x:ffff:ffff:ffff:ffff:ffff:fffe ' "$i" "$i"; done)"
done
tell plain routes 10.96.0.0-10.96.0.255 10.99.0.0-10.99.0.255 fd99::-fd99::ffff
check 'sixty routes that cannot be: the last list is followed' until_true 60 has route show dev mpvpn0 10.96.0.0/24
count=$(($(lines) - before))
check "sixty routes that cannot be: the log has $count lines" test $count -ge 2 -a $count -le $((33 + 2 * (SECONDS - begun + 2)))
ip -n "$client" route del 10.97.0.0/24 dev veth
check 'sixty routes that cannot be: pings come back' pings "$client" 10.99.0.1 fd99::1

# what else a server may send
tell plain packets-by capsule
check 'packets by DATAGRAM capsule are understood' pings "$client" 10.99.0.1 fd99::1
tell plain packets-by datagram
for capsule in 4 41 64 4611686018427387903; do tell plain capsule $capsule "$(printf '%0300d' 0)"; done
check 'unknown capsules do no harm' pings "$client" 10.99.0.1 fd99::1
before=$(dropped client target_not_allowed)
tell plain packet 4500001c0000000040110000cb0071090a6300020001000100080000
check 'a packet from outside of the routes is dropped and counted' until_true 5 has_dropped client target_not_allowed $((before + 1))
before=$(dropped client source_not_allowed)
tell plain packet 4500001c00000000401100000a6300010a6300090001000100080000
check 'a packet to an address not ours is dropped and counted' until_true 5 has_dropped client source_not_allowed $((before + 1))
before=$(dropped client unknown_context)
tell plain context 2 450000
check 'a datagram of an unknown context ID is dropped and counted' until_true 5 has_dropped client unknown_context $((before + 1))
tell plain ask 0.0.0.0/32 ::/128
check 'the client refuses to assign addresses, as it must answer' soon plain '^assigned .*1=0\.0\.0\.0/32 2=::/128'
check 'the tunnel never broke' test "$(grep -c '^request' "$dir/plain.log")" = 1

# the tunnel comes back, with addresses, after the server's end, a reset, and every malformed capsule
# comes_back WHAT COMMAND...
comes_back() {
    local what=$1 requests
    shift
    # a client that has not failed before waits half a second only
    connects && pings "$client" 10.99.0.1 || not_ok "$what: there is no tunnel to begin with"
    requests=$(grep -c '^request' "$dir/plain.log")
    tell plain "$@"
    check "$what: the client comes back" until_true 5 sh -c "[ \$(grep -c '^request' $dir/plain.log) -gt $requests ]"
    check "$what: a ping comes back" pings "$client" 10.99.0.1
}
comes_back 'the end of the stream' fin
comes_back 'a reset stream' reset
comes_back 'a closed connection' close
comes_back 'an address of IP version 5' capsule 1 00050a63000220
comes_back 'an address longer than its prefix' capsule 1 00040a63000210
comes_back 'a cut address' capsule 1 00040a63
comes_back 'routes out of order' capsule 3 040a6300000a6300ff00040a6200000a6200ff00
comes_back 'overlapping routes' capsule 3 040a6300000a6300ff00040a6300800a6301ff00
comes_back 'a route that ends before it starts' capsule 3 040a6300ff0a63000000
comes_back 'a request for addresses with ID 0' capsule 2 00040000000020
check 'malformed capsules: the client says what was wrong' said client 'malformed|capsule|order|overlap'

# the server that must be asked
tell plain mode asked
check 'only when asked: the client starts' connects
check 'only when asked: the client asks for both versions, any address' soon plain '^asked 1=0\.0\.0\.0/32 2=::/128'
delay=$(sed -n 's/^asked.* \([0-9]*\) ms after the answer.*/\1/p' "$dir/plain.log" | head -n 1)
check "only when asked: after ${delay:-?} ms, soon enough" test "${delay:-9999}" -le 300
check 'only when asked: the client has the addresses' until_true 5 has_addresses 10.99.0.2/32 fd99::2/128
check 'only when asked: pings come back' pings "$client" 10.99.0.1 fd99::1
tell plain fin
check 'only when asked: the client asks again after a reconnect' until_true 5 sh -c "[ \$(grep -c '^asked' $dir/plain.log) = 2 ]"
check 'only when asked: pings come back after it' pings "$client" 10.99.0.1 fd99::1

# refusals: the client says why, and keeps trying, but not too often
# retried MODE REASON PATTERN: PATTERN in the server's log is an attempt
retried() {
    local mode=$1 reason=$2 pattern=$3 count
    tell plain mode "$mode"
    check "$mode: the client starts" connects
    check "$mode: the client says why" soon client "$reason"
    sleep 2
    count=$(grep -c "$pattern" "$dir/plain.log")
    check "$mode: $count attempts within two seconds are some, but few" test "$count" -ge 2 -a "$count" -le 5
    like "$mode: the path waits" "$(ctl client path list)" '^veth +(waiting|connecting)'
}
retried 403 'refused: 403' '^request'
retried 404 'refused: 404' '^request'
retried no-connect 'extended CONNECT' '^ready'
retried no-datagram 'HTTP Datagrams' '^ready'
retried brief 'ended the tunnel' '^request'
tell plain mode unprompted
check 'a server that thought better of it: pings come back' pings "$client" 10.99.0.1 fd99::1
tell plain mode silent
check 'a server that never answers: the client starts' connects
check 'a server that never answers: the client says so and tries again' until_true 14 said client 'no answer to the request'

stop "$client_pid"
is 'the client ends with status 0' "$?" 0
check 'the plain server runs' kill -0 "$plain_pid"
finish
