#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
# What a hostile client can do with bonding, by a peer that shares no code with mpvpn: joins that must be refused, gaps in every bucket,
# floods of marks, leaping sequences, hoarded sessions. The honest client's TCP connection and pings do not notice.
#
#      client (mpvpnd)  192.0.2.2  ────────── 192.0.2.1  server (mpvpnd)  198.51.100.1 ──────────  198.51.100.2  attacker (peer/bonding.py)
. "$(dirname "$0")/lib.sh"
command -v iperf3 >/dev/null || die 'iperf3 is missing'

pair
ns_new attacker
link "$server" bad 198.51.100.1/24 "$attacker" bad 198.51.100.2/24
honest=$token honest_hash=$token_hash
user && other=$token other_hash=$token_hash
user && hoarder=$token hoarder_hash=$token_hash
user
token_hash="$token_hash
[User honest]
TokenHash = $honest_hash
[User other]
TokenHash = $other_hash
[User hoarder]
TokenHash = $hoarder_hash"
server_config
sed -i 's/^\[User alice\]/[Tunnel]\nLinger = 1 s\n&/' "$dir/$tag-server.conf"
check 'the server starts' daemon "$server" server
server_pid=$last_pid
client_config client "Token=$honest"
check 'the client starts' daemon "$client" client
check 'pings come back' pings "$client" 10.77.0.1 fd77::1
is 'the honest client bonds' "$(value server 'j["sessions"][0]["bonded"]' session list)" True

attack() {
    timeout 30 ip netns exec "$attacker" /usr/bin/python3 -B "$top/tests/netns/peer/bonding.py" --server 198.51.100.1:443 --token "$token" --other-token "$other" "$@"
}
rss_kb() { awk '/^VmRSS/ { print $2 }' "/proc/$server_pid/status"; }
only_honest() { [ "$(value server '[s["user"] for s in j["sessions"]]' session list)" = "['honest']" ]; }

for name in joins wrong_proofs replays other_users fields malformed closes; do
    check "$name" attack "$name"
done

check 'iperf3 waits at the server' iperf_server
start "$client" ping ping -i 0.05 10.77.0.1
ping=$last_pid
iperf honest -t 14 -b 20M
run=$last_pid
for name in gaps marks jumps; do check "$name" attack "$name"; done
before=$(rss_kb)
for name in gaps marks jumps; do check "$name, again" attack "$name"; done
after=$(rss_kb)
token=$hoarder
check 'hoards' attack hoards
check 'the honest TCP connection went on' iperf_went_on honest "$run"
check 'with what it asked for, less at most 5 percent' /usr/bin/python3 -c '
import json, sys
rate = json.load(open(sys.argv[1]))["end"]["sum_received"]["bits_per_second"]
print(rate)
sys.exit(rate < 0.95 * 20e6)' "$dir/honest.log"
stop "$ping" INT
like "the honest pings came back: $(grep -o '[0-9]* packets transmitted, [0-9]* received' "$dir/ping.log")" "$(cat "$dir/ping.log")" ' 0% packet loss'
check 'what leapt was dropped and counted' has_dropped server sequence_jump 1
# What is held for a session is bounded; a sanitizer keeps freed memory for a while.
limit=20480
if grep -qF __asan_init "$mpvpnd"; then limit=262144; fi
check "memory is bounded: $before kB after one round, $after kB after another" test $((after - before)) -lt $limit
is 'the honest client has the tunnel that it began with' "$(value client 'j["session"]["connects"]' stats)" 1
check 'the control socket answers' ctl server status
check 'pings come back at last' pings "$client" 10.77.0.1 fd77::1
stop "$server_pid"
is 'the server ends with status 0' "$?" 0
finish
