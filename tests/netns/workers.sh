#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
# A server with two workers: plain and bonded clients on both, traffic each way, joins, address changes, limits and fixed addresses
# over both, control while traffic flows, junk, and a stop under load.
#
#      one    192.0.2.2    ──┐
#      two    198.51.100.2 ──┤                          each client is started anew until the kernel's spread has put
#      three  203.0.113.2  ──┼── server, Workers = 2    sessions on both workers
#      four   192.0.3.2    ──┤
#      bonded (two links)  ──┘
. "$(dirname "$0")/lib.sh"
command -v iperf3 >/dev/null || die 'iperf3 is missing'

ns_new server one two three four bonded
link "$server" v1 192.0.2.1/24 "$one" veth 192.0.2.2/24
link "$server" v2 198.51.100.1/24 "$two" veth 198.51.100.2/24
link "$server" v3 203.0.113.1/24 "$three" veth 203.0.113.2/24
link "$server" v6 192.0.3.1/24 "$four" veth 192.0.3.2/24
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

# a leg that came to the wrong worker all the same is told where its session is
stop "$bonded_pid"
check 'the bonded client has left' until_true 5 sessions_are 2
attack() { timeout 120 ip netns exec "$three" /usr/bin/python3 -B "$top/tests/netns/peer/bonding.py" --server 203.0.113.1:443 --token="$carol" --other-token="$token" "$@"; }
check 'legs at the wrong worker are told of the right one' attack misdirects

# a NAT that changes the client's port again and again: the packets stay with their worker
start "$server" rebind /usr/bin/python3 -B "$top/tests/netns/peer/rebind.py" 5443 192.0.2.1:443 1
client_config nat Server=203.0.113.1:5443 "Token=$carol"
check 'a client behind a NAT that forgets' daemon "$three" nat
nat_pid=$last_pid
check 'reaches the server' pings "$three" 10.77.0.1
in_ns "$three" ping -c 60 -i 0.1 -W 1 10.77.0.1 >"$dir/nat-ping.log" 2>&1
check 'its port has changed five times' test "$(grep -c port "$dir/rebind.log")" -ge 6
is 'it kept its tunnel' "$(value nat 'j["session"]["connects"]' stats)" 1
check "and lost little: $(grep -o '[0-9]* received' "$dir/nat-ping.log") of 60" \
    test "$(grep -o '[0-9]* received' "$dir/nat-ping.log" | cut -d' ' -f1)" -ge 50
stop "$nat_pid"

# limits and fixed addresses over both workers
client_config more Server=203.0.113.1:443
check 'a second session of a user' daemon "$bonded" bonded
bonded_pid=$last_pid
until_true 10 sessions_are 3
start "$three" more "$mpvpnd" -v -c "$dir/$tag-more.conf"
more_pid=$last_pid
check 'a third one is refused, whatever worker it asks' soon more '429 too many sessions of this user'
stop "$bonded_pid" KILL
check 'and served when one of the two does not answer any more, whatever worker it had' pings "$three" 10.77.0.1
stop "$more_pid"
check 'the second one is back' daemon "$bonded" bonded
until_true 10 sessions_are 3
client_config carol Server=203.0.113.1:443 "Token=$carol"
client_config carol2 Server=192.0.3.1:443 "Token=$carol"
taken_over() {
    [ "$(sessions '[x["addresses"][0] for x in s if x["user"] == "carol" and x["legs"][0]["remote"].startswith("192.0.3.2:")]')" = "['10.77.0.200/32']" ]
}
crossed=no
for ((i = 0; i < 20 && ${#crossed} < 3; i++)); do
    daemon "$three" carol && pings "$three" 10.77.0.1 || break
    from=$(worker_of carol)
    stop "$last_pid" KILL
    daemon "$four" carol2 && until_true 5 taken_over || break
    [ "$from" = "$(worker_of carol)" ] || crossed=yes
    check "a fixed address is taken over at once ($from to $(worker_of carol))" \
        until_true 5 in_ns "$server" ping -c 1 -W 1 10.77.0.200
    stop "$last_pid"
    until_true 5 gone carol || break
done
is 'from one worker to the other, too' "$crossed" yes

# control while traffic flows on both workers
iperf_at() { start "$server" "iperf$1" iperf3 -s -B 10.77.0.1 -p "$1" --forceflush && until_true 5 grep -q listening "$dir/iperf$1.log"; }
load() { start "$1" "$2" iperf3 -c 10.77.0.1 -p "$3" -J -t "$4" "${@:5}"; }
check 'iperf3 waits at the server' iperf_at 5301
iperf_at 5302
iperf_at 5303
load "$one" up 5301 6
runs=("$last_pid")
load "$two" down 5302 6 -R
runs+=("$last_pid")
load "$bonded" both 5303 6 -b 20M
runs+=("$last_pid")
for i in 1 2 3 4 5; do
    value server 'len(j["sessions"])' session list
    ctl server stats --json >/dev/null && ctl server status >/dev/null
    sleep 0.2
done >"$dir/lists" 2>&1
is 'the list is whole, time and again' "$(sort "$dir/lists" | uniq -c | tr -s ' ' | sed 's/^ //')" '5 3'
check 'the scheduler of all' ctl server scheduler set wrr
is 'is that of the sessions of both workers' "$(sessions 'sorted(set(x["scheduler"] for x in s))')" "['wrr']"
check 'users come' ctl server user add erin
check 'and go' ctl server user remove erin
check 'a reload' ctl server reload
sed -i 's/^Workers = 2/Workers = 1/' "$dir/$tag-server.conf"
like 'that would change the workers is refused' "$(ctl server reload 2>&1)" 'Workers cannot change'
sed -i 's/^Workers = 1/Workers = 2/' "$dir/$tag-server.conf"
for i in $(seq 200); do head -c 1200 /dev/urandom >/dev/udp/192.0.2.1/443; done 2>/dev/null
in_ns "$one" bash -c 'for i in $(seq 300); do head -c $((RANDOM % 1400 + 1)) /dev/urandom >/dev/udp/192.0.2.1/443; done'
check 'junk is counted' has_dropped server junk_udp 1
for i in 0 1 2; do
    name=("up" "down" "both")
    check "traffic went on meanwhile (${name[i]})" iperf_went_on "${name[i]}" "${runs[i]}"
done

# sessions are closed, users are gone, wherever they are
id_of() { sessions "[x['id'] for x in s if x['user'] == '$1'][0]"; }
was=$(id_of dave)
check 'a session is closed' ctl server session close "$was"
check 'and its client is back with another' until_true 10 eval '[ "$(id_of dave 2>/dev/null)" -gt "$was" ]'
sed -i '/^\[User alice\]/a Disabled = yes' "$dir/$tag-server.conf"
check 'a user is disabled' ctl server reload
check 'and has no session at either worker' until_true 5 gone alice
sed -i '/^Disabled/d' "$dir/$tag-server.conf"
check 'and enabled' ctl server reload

# the end, under load
check 'the clients are back' until_true 60 sessions_are 3
load "$one" last1 5301 20
load "$two" last2 5302 20 -R
sleep 1
stop "$server_pid"
is 'a server stopped under load ends with status 0' "$?" 0
refuses 'and without its device' ip -n "$server" link show mpvpn0
is 'no line tells of an error' "$(grep -c ' error: ' "$dir/server.log")" 0
finish
