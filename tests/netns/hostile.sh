#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
# Malformed input of every kind against a serving mpvpnd: it serves on, the honest client beside the attacker loses nothing,
# and memory does not grow from one round of attacks to the next.
#
#      client (mpvpnd)  192.0.2.2  ────────── 192.0.2.1  server (mpvpnd)  198.51.100.1 ──────────  198.51.100.2  attacker (peer/hostile.py)
. "$(dirname "$0")/lib.sh"

pair
ns_new attacker
link "$server" bad 198.51.100.1/24 "$attacker" bad 198.51.100.2/24
another_user honest
another_user spare
another_user disabled 'Disabled = yes'
server_config 'MaxSessionsPerUser = 100'
client_config client "Token=$honest"
both_start
check 'pings come back' pings "$client" 10.77.0.1 fd77::1

attack() {
    timeout 120 ip netns exec "$attacker" /usr/bin/python3 -B "$top/tests/netns/peer/hostile.py" --server 198.51.100.1:443 \
        --token="$token" --spare-token="$spare" --disabled-token="$disabled" "$@"
}
rss_kb() { awk '/^VmRSS/ { print $2 }' "/proc/$server_pid/status"; }
attacks='junk initial_flood amplification tampered handshakes crypto frames http requests header_bombs many_streams capsules datagrams
inner never_reads strangers idlers'

start "$client" ping4 ping -i 0.05 10.77.0.1
ping4=$last_pid
start "$client" ping6 ping -6 -i 0.05 fd77::1
ping6=$last_pid
for name in $attacks; do
    check "$name" attack "$name"
    kill -0 "$server_pid" 2>/dev/null || break
done
check 'the server runs' kill -0 "$server_pid"
stop "$ping4" INT
stop "$ping6" INT
for log in ping4 ping6; do
    check "$log: the honest client lost nothing" none_lost "$log"
done
check 'the honest client has the tunnel that it began with' sh -c "[ \$(grep -c 'connecting to' $dir/client.log) = 1 ]"
for reason in not_accepting junk_udp unknown_stream unknown_context malformed_datagram malformed_inner source_not_allowed; do
    check "drops are counted: $reason" has_dropped server "$reason" 1
done

# a flood while a client comes in
attack initial_flood >/dev/null 2>&1 &
flood=$!
pids+=("$flood")
stop "$client_pid"
check 'during a flood of first packets: the honest client starts' daemon "$client" client
client_pid=$last_pid
check 'during a flood of first packets: it gets in' pings "$client" 10.77.0.1
wait "$flood"

# memory: what the first round left may stay, what the next ones add may not
before=$(rss_kb)
# shellcheck disable=SC2086
check 'another round' attack initial_flood crypto frames http header_bombs capsules datagrams inner never_reads
after=$(rss_kb)
# A sanitizer keeps freed memory for a while.
limit=4096
if grep -qF __asan_init "$mpvpnd"; then limit=262144; fi
check "memory does not grow: $before kB before another round, $after kB after it" test $((after - before)) -lt $limit
check 'the control socket answers' ctl server status
check 'pings come back at last' pings "$client" 10.77.0.1 fd77::1
stop "$client_pid"
is 'the client ends with status 0' "$?" 0
stop "$server_pid"
is 'the server ends with status 0' "$?" 0
finish
