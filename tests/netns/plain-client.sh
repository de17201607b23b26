#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
# A plain RFC 9484 client, which knows nothing of mpvpn, is served by mpvpnd: traffic, capsules, scopes, refusals, its end.
#
#      server (mpvpnd)                           client (peer/peer.py)
#      mpvpn0 10.77.0.1 fd77::1                  plain0, what it is assigned
#      veth   192.0.2.1 2001:db8::1  ──────────  veth   192.0.2.2 2001:db8::2
. "$(dirname "$0")/lib.sh"

pair
server_config
check 'the server starts' daemon "$server" server
server_pid=$last_pid

# plain NAME OPTION...: a client with the right pin, into the tunnel's networks
plain() {
    local name=$1
    shift
    peer "$client" "$name" --connect 192.0.2.1:443 --pin "${pin#sha256:}" "$@"
    plain_pid=$last_pid
}
routed=(--tun plain0 --route 10.77.0.0/24 --route fd77::/64 --route 10.50.0.0/24)

plain first --token="$token" "${routed[@]}"
check 'the request is answered with 200' soon first '^status 200'
check 'the server offers extended CONNECT and HTTP Datagrams' said first '^settings.* 8=1 .*33=1'
check 'addresses come unprompted' soon first '^assigned 0=10\.77\.0\.[0-9]+/32 0=fd77::[0-9a-f]+/128'
check 'routes come, in order' soon first '^routes 0\.0\.0\.0-255\.255\.255\.255/0 ::-ffff'
check 'the device is configured' soon first '^configured'
check 'pings come back' pings "$client" 10.77.0.1 fd77::1
check 'pings of many sizes come back' in_ns "$client" \
    sh -c 'for size in 1 63 500 1200; do ping -q -c 2 -i 0.05 -W 2 -s $size 10.77.0.1 && ping -6 -q -c 2 -i 0.05 -W 2 -s $size fd77::1 || exit 1; done'
address=$(grep -oE '10\.77\.0\.[0-9]+' "$dir/first.log" | head -n 1)
check 'the server reaches the client' pings "$server" "$address"

for inner in 10.77.0.1 fd77::1; do
    for direction in '' -R; do
        start "$server" iperf3 iperf3 -s -1 -B "$inner"
        iperf_pid=$last_pid
        sleep 0.3
        check "TCP with $inner flows ${direction:-forwards}" in_ns "$client" timeout 10 iperf3 -c "$inner" -n 500K $direction
        stop "$iperf_pid"
    done
done

tell first ask 0.0.0.0/32 ::/128 0.0.0.0/32
check 'ADDRESS_REQUEST is answered for each ID, the third refused' \
    soon first "^assigned 1=$address/32 2=fd77::[0-9a-f]+/128 3=0\.0\.0\.0/32"
tell first capsule 41 "$(printf '%0200d' 0)"
tell first capsule 1000000
tell first capsule 17 "$(head -c 3000 /dev/zero | od -An -vtx1 | tr -d ' \n')"
check 'unknown capsules do no harm' pings "$client" 10.77.0.1 fd77::1

before=$(dropped server unknown_context)
for context in 2 4 63 64 1000000 4611686018427387903; do tell first context $context 450000; done
check 'datagrams of unknown context IDs are dropped and counted' until_true 5 has_dropped server unknown_context $((before + 6))
# IPv4 and IPv6 packets from addresses of somebody else, and of nobody
before=$(dropped server source_not_allowed)
tell first packet 4500001c00000000401100000a4d00c80a4d00010001000100080000
tell first packet 4500001c0000000040110000c00002010a4d00010001000100080000
tell first packet 60000000000811 40 fd770000000000000000000000009999 fd770000000000000000000000000001 0001000100080000
check 'packets from foreign addresses are dropped and counted' until_true 5 has_dropped server source_not_allowed $((before + 3))

tell first packets-by capsule
check 'packets by DATAGRAM capsule are understood' pings "$client" 10.77.0.1 fd77::1
tell first packets-by datagram
tell first update-keys
check 'a key update is followed' pings "$client" 10.77.0.1
tell first fin
check "the client's end of the stream ends the session at once" until_true 1 in_ns "$server" grep -q 'left after' "$dir/server.log"
check 'the server ends its side' soon first '^(ended|closed)'
like 'no session is left' "$(ctl server session list --json | tr -d ' \n')" '\[\]'
stop "$plain_pid"

# The plain client takes no DATAGRAM longer than 600 bytes: packets of 1280 must come by capsule.
plain narrow --token="$token" "${routed[@]}" --max-datagram 600
check 'small datagrams only: the request is answered with 200' soon narrow '^configured'
check 'small datagrams only: IPv6 packets of 1280 bytes come back' in_ns "$client" ping -6 -q -c 3 -i 0.1 -W 2 -s 1232 fd77::1
check 'small datagrams only: they come by DATAGRAM capsule' said narrow '^packet by capsule'
tell narrow reset
check 'a reset ends the session' until_true 2 sh -c "[ \$(grep -c 'left after' $dir/server.log) = 2 ]"
stop "$plain_pid"

# scopes
ip -n "$server" address add 10.50.0.1/24 dev lo
plain scoped --token="$token" "${routed[@]}" --target 10.77.0.0/28 --protocol 17
check 'a scope: the request is answered with 200' soon scoped '^configured'
check 'a scope: the routes are cut to it' soon scoped '^routes 10\.77\.0\.0-10\.77\.0\.15/17 *$'
check 'a scope: ICMP is allowed whatever the protocol' pings "$client" 10.77.0.1
before=$(dropped server target_not_allowed)
refuses 'a scope: a target outside of it does not answer' in_ns "$client" ping -c 1 -W 1 10.50.0.1
refuses 'a scope: TCP to a target inside does not connect' in_ns "$client" timeout 1 bash -c 'exec 3<>/dev/tcp/10.77.0.1/22'
check 'a scope: both are counted' until_true 5 has_dropped server target_not_allowed $((before + 2))
stop "$plain_pid"

plain narrow6 --token="$token" --target fd77::1
check 'a scope of one IPv6 address: the routes are cut to it' soon narrow6 '^routes fd77::1-fd77::1/0 *$'
stop "$plain_pid"

# refused NAME STATUS OPTION...
refused() {
    local name=$1 status=$2
    shift 2
    plain "$name" "$@"
    check "$name: $status" soon "$name" "^status $status"
    stop "$plain_pid"
}
refused no-token 401
like 'no-token: the answer bears a challenge' "$(cat "$dir/no-token.log")" '^status 401 Bearer'
refused wrong-token 401 --token="${token%????}aaaa"
refused wrong-path 404 --token="$token" --path '/elsewhere/{target}/{ipproto}/'
refused bad-protocol 400 --token="$token" --protocol 256
refused bad-target 400 --token="$token" --target 10.77.0.0/33
refused host-bits 400 --token="$token" --target 10.77.0.1/24
refused host-name 501 --token="$token" --target www.example.net

plain last --token="$token" "${routed[@]}"
check 'another client is served after all that' soon last '^configured'
check 'another client: a ping comes back' pings "$client" 10.77.0.1
stop "$plain_pid"
check 'the server runs' kill -0 "$server_pid"
stop "$server_pid"
is 'the server ends with status 0' "$?" 0
finish
