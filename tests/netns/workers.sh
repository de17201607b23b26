#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
# A server with two workers: plain and bonded clients on both, traffic each way, joins, address changes, limits and fixed addresses
# over both, control while traffic flows, junk, and a stop under load.
#
#      one    192.0.2.2    ──┐
#      two    198.51.100.2 ──┤                          each client is started anew until the kernel's spread has put
#      three  203.0.113.2  ──┼── server, Workers = 2    sessions on both workers
#      bonded (two links)  ──┘
. "$(dirname "$0")/lib.sh"
command -v iperf3 >/dev/null || die 'iperf3 is missing'

ns_new server one two three bonded
link "$server" v1 192.0.2.1/24 "$one" veth 192.0.2.2/24
link "$server" v2 198.51.100.1/24 "$two" veth 198.51.100.2/24
link "$server" v3 203.0.113.1/24 "$three" veth 203.0.113.2/24
link "$server" v4 10.1.0.1/24 "$bonded" dsl 10.1.0.2/24
link "$server" v5 10.2.0.1/24 "$bonded" lte 10.2.0.2/24
keys
user && carol=$token carol_hash=$token_hash
user && dave=$token dave_hash=$token_hash
user
token_hash="$token_hash
[User carol]
TokenHash = $carol_hash
Address = 10.77.0.200
[User dave]
TokenHash = $dave_hash"
server_config 'Workers = 2' 'MaxSessionsPerUser = 2'
sed -i 's/^\[User alice\]/[Tunnel]\nLinger = 2 s\n&/' "$dir/$tag-server.conf"
check 'the server starts' daemon "$server" server
server_pid=$last_pid
is 'it has two workers' "$(value server 'j["workers"]' status)" 2
is 'a thread for each' "$(grep -lE '^mpvpnd-[01]$' /proc/"$server_pid"/task/*/comm | wc -l)" 2

# sessions EXPRESSION: over the list s of the server's sessions
sessions() { value server "(lambda s: $1)(j['sessions'])" session list; }
worker_of() { sessions "[x['worker'] for x in s if x['user'] == '$1']"; }
# on_worker NS NAME USER NUMBER: start a client until its session is that worker's
on_worker() {
    local i
    for ((i = 0; i < 20; i++)); do
        daemon "$1" "$2" || return 1
        pid=$last_pid
        pings "$1" 10.77.0.1 || return 1
        [ "$(worker_of "$3")" != "[$4]" ] || return 0
        stop "$pid"
        until_true 5 gone "$3" || return 1
    done
    return 1
}
gone() { [ "$(worker_of "$1")" = '[]' ]; }
inner() { ip -n "$1" -4 -o address show mpvpn0 | sed -n 's|.*inet \([0-9.]*\).*|\1|p'; }

client_config one Server=192.0.2.1:443
client_config two Server=198.51.100.1:443 "Token=$dave"
client_config three Server=203.0.113.1:443 "Token=$carol"
check 'a client on the first worker' on_worker "$one" one alice 0
check 'a client on the second' on_worker "$two" two dave 1
two_pid=$pid
is 'the list has both, in order' "$(sessions 'sorted(x["id"] for x in s) == [x["id"] for x in s] and len(s)')" 2
is 'and in portions' "$(value server '(len(j["sessions"]), j["more"])' session list limit=1)" '(1, True)'
is 'status counts both' "$(value server 'j["sessions"]' status)" 2

# both ways, between workers, from the server's side first
in_ns "$server" sysctl -qw net.ipv4.ip_forward=1 net.ipv6.conf.all.forwarding=1
check 'the server reaches a client of each worker by itself' pings "$server" "$(inner "$one")" "$(inner "$two")"
check 'a client of one worker reaches one of the other' pings "$one" "$(inner "$two")"
check 'and the other way' pings "$two" "$(inner "$one")"
# Flows that begin at the server's side meet a queue by chance: of so many, some meet the wrong one, and none is lost.
lost=0
for i in $(seq 1 20); do
    for ns in "$one" "$two"; do
        in_ns "$server" ping -c 1 -W 2 -e "$i" "$(inner "$ns")" >/dev/null 2>&1 || lost=$((lost + 1))
    done
done
is 'no ping from the server is lost, whichever queue it met' "$lost" 0
check 'some packets were handed from one worker to the other' test "$(value server 'j["session"]["handed_over_packets"]' stats)" -gt 0
is 'and none was dropped on the way' "$(dropped server handover)" 0

# a bonded client: every leg at the session's worker
bonded_client() {
    client_config bonded Server=10.1.0.1:443 "Token=$1"
    sed -i '/^\[Path/d' "$dir/$tag-bonded.conf"
    printf '[Path dsl]\n[Path lte]\nServer = 10.2.0.1:443\n' >>"$dir/$tag-bonded.conf"
}
bonded_client "$token"
joined() { [ "$(sessions '[len(x["legs"]) for x in s if x["bonded"] and len(x["legs"]) == 2]')" = '[2]' ]; }
for i in 1 2 3 4; do
    daemon "$bonded" bonded
    bonded_pid=$last_pid
    check "a bonded client's second leg joins at its worker ($i)" until_true 10 joined
    [ "$i" = 4 ] || { stop "$bonded_pid"; until_true 5 sessions_are 2; }
done
sessions_are() { [ "$(value server 'j["sessions"]' status)" = "$1" ]; }
is 'no leg came to the wrong worker' "$(grep -c 'served by another worker' "$dir/server.log")" 0
finish
