#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
# Signals at bad moments: each end is told to stop in the middle of a handshake, sleeps for a while, and is asked twice; and the
# daemon in the background, with its PID file.
#
#      server  192.0.2.1  ──────────  192.0.2.2  client
. "$(dirname "$0")/lib.sh"

# stops_soon PID: it ends with status 0 within a second
stops_soon() {
    local begin status
    begin=$(date +%s%N)
    stop "$1"
    status=$?
    [ $status = 0 ] && [ $((($(date +%s%N) - begin) / 1000000)) -lt 1000 ]
}

pair
server_config
client_config client
check 'the server starts' daemon "$server" server
server_pid=$last_pid

kill -STOP "$server_pid"
check 'a client starts while the server sleeps' daemon "$client" client
client_pid=$last_pid
check 'and connects' soon client 'connecting to'
check 'told to stop in the middle of the handshake it does' stops_soon "$client_pid"
kill -CONT "$server_pid"
check 'the server is awake again' ctl server version

start "$client" client "$mpvpnd" -v -c "$dir/$tag-client.conf"
client_pid=$last_pid
until_true 5 eval '[ "$(grep -c "connecting to" "$dir/client.log")" = 2 ]'
kill -STOP "$client_pid"
check 'a server told to stop while a client is silent in the handshake does' stops_soon "$server_pid"
kill -CONT "$client_pid"
check 'it starts again' daemon "$server" server
server_pid=$last_pid
check 'and serves that client' pings "$client" 10.77.0.1 fd77::1

kill -STOP "$server_pid"
sleep 4
kill -CONT "$server_pid"
check 'a server that slept goes on' pings "$client" 10.77.0.1 fd77::1
is 'in the same session' "$(ctl server session list | grep -c '^ *1 .*alice')" 1

check 'the client stops' stops_soon "$client_pid"
kill -TERM "$server_pid"
check 'so does a server told to twice' stops_soon "$server_pid"

pid_file=/run/mpvpn/$tag-server.pid
check 'a server goes to the background' in_ns "$server" "$mpvpnd" -d -c "$dir/$tag-server.conf"
background=$(cat "$pid_file")
check 'it answers' ctl server version
refuses 'a second one does not start' in_ns "$server" "$mpvpnd" -d -c "$dir/$tag-server.conf"
is 'the PID file is still the first one'"'"'s' "$(cat "$pid_file")" "$background"
kill -KILL "$background"
until_true 5 eval '! kill -0 "$background"'
check 'after a kill it starts again' in_ns "$server" "$mpvpnd" -d -c "$dir/$tag-server.conf"
background=$(cat "$pid_file")
kill "$background"
check 'it stops' until_true 5 eval '! kill -0 "$background"'
is 'and leaves nothing' "$(find /run/mpvpn -name "$tag-server*")" ''
finish
