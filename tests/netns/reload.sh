#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
# Reloading: a broken configuration changes nothing, a new one takes effect, and the running tunnel keeps going through both.
#
#      server  192.0.2.1  ──────────  192.0.2.2  client
. "$(dirname "$0")/lib.sh"

# session: the number of the server's only session; it changes when the tunnel was made anew
session() { ctl server session list --json | tr -d ' \n' | grep -o '"id":[0-9]*'; }

# edit NAME EXPRESSION: change a daemon's configuration file
edit() { sed -i "$2" "$dir/$tag-$1.conf"; }

pair
server_config 'MaxSessionsPerUser = 1'
client_config client
both_start
check 'a ping comes back' pings "$client" 10.77.0.1 fd77::1
first=$(session)
cp "$dir/$tag-server.conf" "$dir/good.conf"

edit server 's/^Pool = fd77.*/Pool = nonsense/'
refuses 'the server refuses a broken configuration' ctl server reload
like 'and says where it is broken' "$(cat "$dir/output")" 'server.conf:[0-9]+: \[Server\] Pool: "nonsense"'
kill -HUP "$server_pid"
check 'SIGHUP refuses it too, in the log' soon server 'reload: .*nonsense'
rm "$dir/$tag-server.conf"
refuses 'the server refuses to reload a file that is gone' ctl server reload
cp "$dir/good.conf" "$dir/$tag-server.conf"
edit server 's/^Pool = 10.*/Pool = 10.78.0.0\/24/'
refuses 'the server refuses what needs a restart' ctl server reload
like 'and says so' "$(cat "$dir/output")" 'restart the daemon'
cp "$dir/good.conf" "$dir/$tag-server.conf"
edit client 's/^Token.*/Tokn = x/'
refuses 'the client refuses a broken configuration' ctl client reload
check 'the tunnel still carries pings' pings "$client" 10.77.0.1 fd77::1
is 'it is the same session' "$(session)" "$first"

# Whoever is connected stays so when the certificate, the path and the limits change.
edit server 's/^MaxSessionsPerUser.*/MaxSessionsPerUser = 2/; /^\[Server\]/a Path = /elsewhere/{target}/{ipproto}/'
check 'the server takes a new configuration' ctl server reload
for _ in {1..20}; do kill -HUP "$server_pid"; done
check 'and twenty SIGHUPs' pings "$client" 10.77.0.1 fd77::1
is 'the session outlives them' "$(session)" "$first"
client_config client
edit client '/^\[Tunnel\]/a MTU = 1300'
for _ in {1..10}; do kill -HUP "$client_pid"; done
check 'the client takes its new MTU' until_true 5 eval 'ip -n "$client" link show mpvpn0 | grep -q "mtu 1300"'
check 'pings go on' pings "$client" 10.77.0.1 fd77::1
is 'in the same session' "$(session)" "$first"
edit client '/^\[Client\]/a Path = /elsewhere/{target}/{ipproto}/'
check 'a client with the new path connects again' ctl client reload
check 'and is served' pings "$client" 10.77.0.1
refuses 'in a session of its own' eval '[ "$(session)" = "$first" ]'

# Busy polling, at both ends, and off again.
polled() { value "$1" 'j["wakeups"]["polled"]' status; }
polls() { pings "$client" 10.77.0.1 && [ "$(polled "$1")" -gt "$2" ]; }
is 'nobody polls busily' "$(polled server) $(polled client)" '0 0'
edit server '/^\[Daemon\]/a BusyPoll = 10 ms'
edit client '/^\[Daemon\]/a BusyPoll = 10 ms'
check 'the server takes to busy polling' ctl server reload
check 'and finds packets by it' until_true 10 polls server 0
check 'the client, too' ctl client reload
check 'and finds packets by it' until_true 10 polls client 0
edit server '/^BusyPoll/d'
check 'the server leaves it again' ctl server reload
before=$(polled server)
check 'pings go on' pings "$client" 10.77.0.1
is 'without polling' "$(polled server)" "$before"

# What was chosen by mpvpnctl stays, unless the file says something else than before.
scheduler() { value "$1" 'j["scheduler"]' scheduler get; }
check 'the server begins sessions with another scheduler' ctl server scheduler set flow
check 'the client chooses one' ctl client scheduler set wrr
check 'the server reloads the same configuration' ctl server reload
check 'the client, too' ctl client reload
is 'both keep what was chosen' "$(scheduler server) $(scheduler client)" 'flow wrr'
edit server '/^\[Server\]/i [Tunnel]\nScheduler = redundant'
edit client '/^\[Tunnel\]/a Scheduler = minrtt'
check 'the server reloads with a scheduler in its file' ctl server reload
check 'the client, too' ctl client reload
is 'both take it' "$(scheduler server) $(scheduler client)" 'redundant minrtt'
edit client '/^Scheduler/d'
check 'the client reloads without one' ctl client reload
is 'it has the usual one' "$(scheduler client)" ecf

edit server '/^TokenHash/a Disabled = yes'
check 'the server takes a configuration in which the user is disabled' ctl server reload
check 'the client is told' until_true 5 eval 'ctl client path list | grep -q "403\|disabled\|may not connect"; ctl client path list --json | grep -q "403"'
is 'nobody is connected' "$(session)" ''
cp "$dir/good.conf" "$dir/$tag-server.conf"
client_config client
check 'the user is enabled again' ctl server reload
check 'the client has its old path again' ctl client reload
check 'a ping comes back again' pings "$client" 10.77.0.1 fd77::1
# Whoever has a token that was taken away is out, too.
token_hash=sha256:$(printf another | sha256sum | cut -d' ' -f1)
server_config 'MaxSessionsPerUser = 1'
check 'the server takes a configuration in which the user has another token' ctl server reload
check 'the client is told' until_true 5 eval 'ctl client path list --json | grep -q "401"'
is 'nobody is connected' "$(session)" ''
client_config client Token=another
check 'the client takes the new token' ctl client reload
check 'and its pings come back' pings "$client" 10.77.0.1
stop "$client_pid"
is 'the client ends with status 0' "$?" 0
stop "$server_pid"
is 'the server ends with status 0' "$?" 0
finish
