#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
# What a server gives, and to how many: sessions of a user, addresses of a pool, a fixed address, room on the disk, open
# files; pools and links of one IP version only.
#
#      client  192.0.2.2, 2001:db8::2  ──┐
#                                        ├── server  192.0.2.1, 2001:db8::1, 198.51.100.1
#      other  198.51.100.2 ──────────────┘
. "$(dirname "$0")/lib.sh"

# server_with LINE...: (re)start the server with these lines in place of the pools
server_with() {
    [ -z "${server_pid:-}" ] || stop "$server_pid"
    server_config "$@"
    sed -i '/^Pool = 10.77.0.0/d; /^Pool = fd77::\/64/d' "$dir/$tag-server.conf"
    ! grep -q "^Users = $dir/small" "$dir/$tag-server.conf" || sed -i "\\|^Users = $dir/users|d" "$dir/$tag-server.conf"
    [ -z "$user_lines" ] || echo "$user_lines" >>"$dir/$tag-server.conf"
    daemon "$server" server && server_pid=$last_pid
}

# reason NAME REGEX: the daemon's path tells this reason
reason() { ctl "$1" path list | grep -qE "$2"; }

pair
ns_new other
link "$server" veth2 198.51.100.1/24 "$other" veth 198.51.100.2/24
user_lines=''
client_config client Routes='10.78.0.0/24 fd78::/64'
client_config other Server=198.51.100.1:443 Routes='10.78.0.0/24 fd78::/64'

check 'the server starts, two sessions of a user at most' server_with 'Pool = 10.78.0.0/29' 'MaxSessionsPerUser = 1'
check 'the first client starts' daemon "$client" client
first=$last_pid
check 'it is served' pings "$client" 10.78.0.1
check 'the second client starts' daemon "$other" other
second=$last_pid
check 'it is refused' until_true 5 reason other '429 too many sessions'
stop "$first"
check 'and served when the first one has left' pings "$other" 10.78.0.1
stop "$second"

check 'a server with a pool of one address starts' server_with 'Pool = 10.78.0.0/30' 'MaxSessions = 5'
check 'the first client starts' daemon "$client" client
first=$last_pid
check 'it gets the address' pings "$client" 10.78.0.1
check 'the second client starts' daemon "$other" other
second=$last_pid
check 'it is told that none is free' until_true 5 reason other '503 no inner address is free'
stop "$first"
check 'and gets it when it is free' pings "$other" 10.78.0.1
stop "$second"

user_lines='Address = 10.78.0.6'
check 'a server whose user has a fixed address starts' server_with 'Pool = 10.78.0.0/29'
check 'the first client starts' daemon "$client" client
first=$last_pid
check 'it gets the address' until_true 5 eval 'ip -n "$client" address show dev mpvpn0 | grep -q "10.78.0.6/32"'
stop "$first" KILL
check 'another client takes it over from one that said nothing' daemon "$other" other
second=$last_pid
check 'at once' pings "$other" 10.78.0.1
like 'with the same address' "$(ip -n "$other" address show dev mpvpn0)" '10.78.0.6/32'
check 'and when the first is back, too' daemon "$client" client
first=$last_pid
sleep 6
replaced=$(grep -c 'replaced by a newer one' "$dir/server.log")
check 'the two do not throw each other out all the time' [ "$replaced" -le 2 ]
check 'the one that was replaced waits, and says why' reason other "another client took this user's place"
is 'there is one session' "$(ctl server session list | grep -c alice)" 1
stop "$first"
stop "$second"
user_lines=''

check 'a server with IPv6 inside only starts' server_with 'Pool = fd78::/64'
client_config client Server='[2001:db8::1]:443' Routes='fd78::/64'
check 'a client by IPv6 starts' daemon "$client" client
first=$last_pid
check 'it is served' pings "$client" fd78::1
is 'without an IPv4 address' "$(ip -n "$client" -4 address show dev mpvpn0)" ''
check 'packets of 1280 bytes pass' in_ns "$client" ping -c 3 -i 0.1 -W 2 -M 'do' -s 1232 fd78::1
stop "$first"
ip -n "$server" address del 192.0.2.1/24 dev veth
ip -n "$client" address del 192.0.2.2/24 dev veth
check 'it starts also where there is no IPv4 outside' daemon "$client" client
first=$last_pid
check 'and is served' pings "$client" fd78::1
stop "$first"

mkdir "$dir/small"
trap 'set -- $?; umount "$dir/small" 2>/dev/null; (exit "$1"); cleanup' EXIT
mount -t tmpfs -o size=16k,mode=755 tmpfs "$dir/small" || die 'no tmpfs'
check 'a server with its users on a small disk starts' server_with 'Pool = 10.78.0.0/24' "Users = $dir/small/users"
chmod 777 "$dir/small"
check 'a user is added' ctl server user add bob
before=$(sha256sum "$dir/small/users")
head -c 1048576 /dev/zero >"$dir/small/full" 2>/dev/null
refuses 'no user is added to a full disk' ctl server user add carol
like 'and it is said' "$(cat "$dir/output")" 'No space left'
is 'the file is as it was' "$(sha256sum "$dir/small/users")" "$before"
is 'nothing else is left there' "$(ls "$dir/small" | tr '\n' ' ')" 'full users '
is 'the user is not known' "$(ctl server user list | grep -c carol)" 0
rm "$dir/small/full"
check 'with room again it is added' ctl server user add carol
stop "$server_pid"
is 'the server ends with status 0' "$?" 0
umount "$dir/small"

# file_limit: the last words of a server that may open hardly any files
file_limit() { (ulimit -n 12 && in_ns "$server" "$mpvpnd" -c "$dir/$tag-server.conf" 2>&1) | tail -n 1; }
like 'a limit of open files that is too low is told as such' "$(file_limit)" 'only 12 files may be open \(ulimit -n, LimitNOFILE=\): at least 64'
finish
