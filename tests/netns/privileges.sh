#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
# Started as root, the daemons become another user with no more than two capabilities, and still serve, reload, add users
# where they do by default, and clean up at their end.
#
#      server  192.0.2.1  ──────────  192.0.2.2  client    (RunAs = daemon, both)
#
# Both see directories of their own in place of /run/mpvpn and /var/lib/mpvpn: those of the machine belong to other daemons.
if [ -z "${PRIVATE_MOUNTS:-}" ]; then
    PRIVATE_MOUNTS=1 exec unshare --mount --propagation private "$BASH" "$0" "$@"
fi
. "$(dirname "$0")/lib.sh"

mkdir -p /run/mpvpn /var/lib/mpvpn
mount -t tmpfs -o mode=755 tmpfs /run/mpvpn || die 'cannot mount'
mount -t tmpfs -o mode=750 tmpfs /var/lib/mpvpn || die 'cannot mount'

# field PID NAME: of /proc/PID/status, the first word
field() { awk -v name="$2:" '$1 == name { print $2 }' "/proc/$1/status"; }

# is_stripped NAME PID USER: it runs as the user, with CAP_NET_ADMIN and CAP_NET_RAW and nothing more
is_stripped() {
    local name
    is "the $1 is $3, in all four places" "$(awk '$1 == "Uid:" { print $2, $3, $4, $5 }' "/proc/$2/status")" \
        "$(for _ in 1 2 3 4; do id -u "$3"; done | tr '\n' ' ' | sed 's/ $//')"
    is "the $1's group is $3's" "$(field "$2" Gid)" "$(id -g "$3")"
    for name in CapEff CapPrm; do is "the $1's $name" "$(field "$2" $name)" 0000000000003000; done
    for name in CapInh CapBnd CapAmb; do is "the $1's $name" "$(field "$2" $name)" 0000000000000000; done
    is "the $1 can gain no privileges" "$(field "$2" NoNewPrivs)" 1
    is "the $1's system calls are filtered" "$(field "$2" Seccomp)" 2
    is "so are those of each of its threads" "$(awk '$1 == "Seccomp:" && $2 != 2' /proc/"$2"/task/*/status)" ''
}

# owner FILE: user, group and mode
owner() { stat -c '%U %G %a' "$1"; }

pair 1500
user=daemon
group=$(id -gn $user) || die "there is no user $user"
# As mpvpnctl keygen does it for the group mpvpn.
chgrp "$group" "$dir/server.key" && chmod 640 "$dir/server.key"
chmod 755 "$dir"
server_config 'MaxSessions = 10'
sed -i '/^Users = /d' "$dir/$tag-server.conf"
client_config client
sed -i "s/^RunAs = .*/RunAs = $user/" "$dir/$tag-server.conf" "$dir/$tag-client.conf"

check 'the server starts' daemon "$server" server
server_pid=$last_pid
is_stripped server "$server_pid" $user
is 'the control socket is root'\''s' "$(owner "/run/mpvpn/$tag-server.sock")" 'root root 660'
is 'its directory is that user'\''s' "$(owner /run/mpvpn)" "$user $group 755"
is 'so is the one of the users files' "$(owner /var/lib/mpvpn)" "$user $group 750"
check 'the client starts' daemon "$client" client
client_pid=$last_pid
is_stripped client "$client_pid" $user
check 'pings come back' pings "$client" 10.77.0.1 fd77::1

check 'the server adds a user' ctl server user add bob
is 'to the file where it does so by default' "$(owner "/var/lib/mpvpn/$tag-server.users")" "$user $group 600"
like 'bob is there' "$(ctl server user list)" '^bob '
check 'the server reloads' ctl server reload
check 'the client reloads' ctl client reload
check 'pings still come back' pings "$client" 10.77.0.1 fd77::1
chmod 600 "$dir/server.key"
refuses 'the server does not take a key that it may not read' ctl server reload
like 'and says which' "$(cat "$dir/output")" 'server.key'
check 'pings come back nevertheless' pings "$client" 10.77.0.1 fd77::1
chmod 640 "$dir/server.key"

# What a user without privileges has to be able to do as well: new routes, a new connection, and to undo all of it.
sed -i 's/^Routes = .*/Routes = default/' "$dir/$tag-client.conf"
check 'the client takes over the default route' ctl client reload
check 'pings come back by the default route' pings "$client" 10.77.0.1 fd77::1
stop "$server_pid"
is 'the server ends with status 0' "$?" 0
check 'the server starts again' daemon "$server" server
server_pid=$last_pid
check 'pings come back from a new server' pings "$client" 10.77.0.1 fd77::1
like 'bob is there still' "$(ctl server user list)" '^bob '
stop "$client_pid"
is 'the client ends with status 0' "$?" 0
is 'nothing of its rules stays' "$(ip -n "$client" rule | grep -vE 'lookup (local|main|default)')" ''
is 'nothing of its routes stays' "$(ip -n "$client" route show table all | grep mpvpn0)" ''
stop "$server_pid"
is 'the server ends with status 0 again' "$?" 0
is 'sockets and journals are gone' "$(ls /run/mpvpn)" ''

# The device is root's alone on some machines.
if [ "$(stat -c %a /dev/net/tun)" != 666 ]; then
    mount -t tmpfs -o mode=755 tmpfs /dev/net && mknod -m 666 /dev/net/tun c 10 200 || die 'no /dev/net/tun for everybody'
fi
capabilities=+net_admin,+net_raw,+net_bind_service
start "$server" server setpriv --reuid $user --regid "$group" --clear-groups --inh-caps $capabilities --ambient-caps $capabilities \
    "$mpvpnd" -v -c "$dir/$tag-server.conf"
server_pid=$last_pid
check 'a server that is not started by root starts, with the capabilities for it' until_true 10 ctl server version
for name in CapEff CapPrm; do is "its $name" "$(field "$server_pid" $name)" 0000000000003000; done
for name in CapInh CapAmb; do is "its $name" "$(field "$server_pid" $name)" 0000000000000000; done
is 'it can gain no privileges' "$(field "$server_pid" NoNewPrivs)" 1
is 'its system calls are filtered' "$(field "$server_pid" Seccomp)" 2
stop "$server_pid"
is 'it ends with status 0' "$?" 0
finish
