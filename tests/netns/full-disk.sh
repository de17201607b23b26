#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
# No room where the daemons write: each file is whole or is not there, and what cannot be done for want of it is said.
#
#      server  192.0.2.1  ──────────  192.0.2.2  client
#
# Both see a small directory of their own in place of /run/mpvpn.
if [ -z "${PRIVATE_MOUNTS:-}" ]; then
    PRIVATE_MOUNTS=1 exec unshare --mount --propagation private "$BASH" "$0" "$@"
fi
. "$(dirname "$0")/lib.sh"

mkdir -p /run/mpvpn
mount -t tmpfs -o size=16k,mode=755 tmpfs /run/mpvpn || die 'cannot mount'

# fill / empty: no byte more fits into /run/mpvpn; again it does
fill() { ! head -c 1048576 /dev/zero >/run/mpvpn/full 2>/dev/null; }
empty() { rm /run/mpvpn/full; }

# fails REGEX OPTION...: the server does not start with these, and says why
fails() {
    local regex=$1 status
    shift
    in_ns "$server" timeout 10 "$mpvpnd" "$@" -c "$dir/$tag-server.conf" >"$dir/said" 2>&1
    status=$?
    cat "$dir/said"
    [ $status = 1 ] && grep -qE -- "$regex" "$dir/said"
}

# routes: how many routes into the tunnel the client has set, and how many the kernel has
routes() { ip -n "$client" route show dev mpvpn0 | grep -c '^10\.99\.'; }
set_routes() { value client 'len([r for r in j["tunnel"]["routes_set"] if r.startswith("10.99.")])' status; }

pair
server_config
check 'the directory is filled' fill
check 'a server does not start there' fails 'cannot write, so nothing is changed: No space left on device'
check 'nor in the background' fails "PID file /run/mpvpn/$tag-server.pid: No space left on device" --daemon
check 'nor with a PID file elsewhere' fails 'No space left on device' --daemon --pid-file "$dir/server.pid"
is 'nothing of it stays there' "$(ls /run/mpvpn)" full
is 'nor elsewhere' "$(ls "$dir"/*.pid 2>/dev/null)" ''
is 'no device stays' "$(ip -n "$server" link show dev mpvpn0 2>/dev/null)" ''
check 'with room it starts' empty
client_config client
both_start
check 'pings come back' pings "$client" 10.77.0.1 fd77::1

# More routes than what is left of the journal's last page can name.
for i in $(seq 100); do sed -i "/^Routes = 10.77/a Routes = 10.99.$i.0/24" "$dir/$tag-client.conf"; done
check 'the directory is filled again' fill
check 'the client is told of a hundred routes' ctl client reload
check 'it says what it cannot' soon client "/run/mpvpn/$tag-client.journal: cannot write, so nothing is changed: No space left"
some=$(routes)
check 'some are set and some are not' [ "$some" -gt 0 ] && check 'not all' [ "$some" -lt 100 ]
is 'it knows which' "$(set_routes)" "$some"
check 'pings come back' pings "$client" 10.77.0.1 fd77::1
check 'with room again' empty
check 'it is told once more' ctl client reload
is 'all are set' "$(routes)" 100
is 'and it knows' "$(set_routes)" 100

check 'the directory is filled a third time' fill
stop "$client_pid" KILL
check 'the client is killed, and there is room' empty
check 'it starts again' daemon "$client" client
client_pid=$last_pid
check 'it finds all that was changed' said client '[0-9]+ changes of an earlier run that did not end properly were undone'
is 'and no line that is not whole' "$(grep -cE 'makes no sense|truncated' "$dir/client.log")" 0
check 'pings come back' pings "$client" 10.77.0.1 fd77::1
stop "$client_pid"
is 'it ends with status 0' "$?" 0
stop "$server_pid"
is 'the server, too' "$?" 0
is 'nothing stays in the directory' "$(ls /run/mpvpn)" ''
finish
