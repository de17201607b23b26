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
another_user honest
another_user other
another_user hoarder
server_config
sed -i 's/^\[User alice\]/[Tunnel]\nLinger = 1 s\n&/' "$dir/$tag-server.conf"
client_config client "Token=$honest"
both_start
check 'pings come back' pings "$client" 10.77.0.1 fd77::1
is 'the honest client bonds' "$(value server 'j["sessions"][0]["bonded"]' session list)" True

attack() {
    timeout 120 ip netns exec "$attacker" /usr/bin/python3 -B "$top/tests/netns/peer/bonding.py" --server 198.51.100.1:443 --token="$token" --other-token="$other" "$@"
}
rss_kb() { awk '/^VmRSS/ { print $2 }' "/proc/$server_pid/status"; }
only_honest() { [ "$(value server '[s["user"] for s in j["sessions"]]' session list)" = "['honest']" ]; }

for name in joins wrong_proofs replays other_users fields malformed closes; do
    check "$name" attack "$name"
done

check 'iperf3 waits at the server' iperf_server
start "$client" ping ping -i 0.05 10.77.0.1
ping=$last_pid
iperf honest -t 20 -b 20M
run=$last_pid
began=$(date +%s.%N)
# under WHAT: an attack, with the time when it began and ended
under() {
    echo "$(date +%s.%N) $began" >>"$dir/attacks"
    check "$1$2" attack "$1"
    echo "$(date +%s.%N) $began" >>"$dir/attacks"
}
sleep 2
for name in gaps marks jumps; do under "$name" ''; done
before=$(rss_kb)
sleep 2
for name in gaps marks jumps; do under "$name" ', again'; done
after=$(rss_kb)
token=$hoarder
sleep 2
under hoards ''
check 'the honest TCP connection went on' iperf_went_on honest "$run"
# The seconds of one run are told apart by whether there was an attack for the larger part of them. This machine has other work, too, that takes a
# second here and there from either kind: so medians are compared, and a second with nothing at all fails whatever they are.
check 'with what it gets between attacks, less at most 5 percent' /usr/bin/python3 -c '
import json, statistics, sys
times = [float(then) - float(began) for then, began in map(str.split, open(sys.argv[2]))]
attacks = list(zip(times[::2], times[1::2]))
quiet, hostile = [], []
for one in json.load(open(sys.argv[1]))["intervals"]:
    start, end, rate = (one["sum"][key] for key in ("start", "end", "bits_per_second"))
    if end - start < 0.5:
        continue
    overlap = sum(max(0, min(end, last) - max(start, first)) for first, last in attacks)
    (hostile if overlap > (end - start) / 2 else quiet).append(rate)
print("quiet", quiet, "hostile", hostile)
sys.exit(len(quiet) < 4 or len(hostile) < 4 or statistics.median(hostile) < 0.95 * statistics.median(quiet) or min(hostile) == 0)' \
    "$dir/honest.log" "$dir/attacks"
stop "$ping" INT
check "the honest pings came back: $(grep -o '[0-9]* packets transmitted, [0-9]* received' "$dir/ping.log")" none_lost ping
check 'what leapt was dropped and counted' has_dropped server sequence_jump 1
# order NUMBER: of the honest session
order() { value server "[s['reorder']['$1'] for s in j['sessions'] if s['user'] == 'honest'][0]" session list; }
is "the attackers' leaps are none of the honest session's" "$(order jumped_packets) $(order refused_marks) $(order pressed_packets)" '0 0 0'
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
