#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
# The tunnel device is moved to another network namespace and back: it carries packets there with the addresses that the
# administrator gives it, the daemon says where it is, and sets everything again when it is back, with whatever index.
#
#      server  192.0.2.1  ──────────  192.0.2.2  client
#        │                                         │
#   elsewhere_s                               elsewhere_c
. "$(dirname "$0")/lib.sh"

pair
ns_new elsewhere_s elsewhere_c
server_config 'Workers = 2'
client_config client
chmod 755 "$dir"
sed -i 's/^RunAs = .*/RunAs = daemon/' "$dir/$tag-client.conf" # with CAP_NET_ADMIN alone it can still tell where its device is
both_start
check 'a ping comes back' pings "$client" 10.77.0.1 fd77::1

# index NS: of the device there
index() { ip -n "$1" -o link show mpvpn0 | cut -d: -f1; }
# elsewhere NAME: what its status says
elsewhere() { value "$1" 'j["tunnel"]["elsewhere"]' status; }
is_elsewhere() { [ "$(elsewhere "$1")" = "$2" ]; }

# Another device has its index there, so it gets another one and keeps that on the way back.
for ns in "$elsewhere_s" "$elsewhere_c"; do
    for device in one two; do ip -n "$ns" link add name "$device" type veth peer name "$device-peer"; done
done
old=$(index "$client")
is 'the client has its device' "$(elsewhere client)" False
ip -n "$client" link set mpvpn0 netns "$elsewhere_c"
check 'the client says that its device is elsewhere' until_true 5 is_elsewhere client True
check 'and logs it' soon client 'warning: mpvpn0: the device was moved to another network namespace'
like 'and shows it' "$(ctl client status)" 'tunnel   mpvpn0 \(in another network namespace\)'
is 'it holds nothing for set' "$(value client '"{} {}".format(j["tunnel"]["addresses"], j["tunnel"]["routes_set"])' status)" '[] []'
is 'and has nothing to undo on it' "$(grep -c '^+.*mpvpn0' "/run/mpvpn/$tag-client.journal")" "$(grep -c '^-.*mpvpn0' "/run/mpvpn/$tag-client.journal")"
ip -n "$elsewhere_c" address add 10.77.0.2/32 dev mpvpn0
ip -n "$elsewhere_c" link set mpvpn0 up
ip -n "$elsewhere_c" route add 10.77.0.0/24 dev mpvpn0
check 'it goes on carrying packets there' pings "$elsewhere_c" 10.77.0.1
check 'it can be reloaded' ctl client reload
check 'and its path be made anew' ctl client path remove veth
check 'and added' ctl client path add veth
check 'packets come through again' pings "$elsewhere_c" 10.77.0.1
is 'nobody set anything on a device of another index' "$(grep -c 'netlink: ' "$dir/client.log")" 0

ip -n "$elsewhere_c" link set mpvpn0 netns "$client"
check 'the client says that its device is back' until_true 5 is_elsewhere client False
refuses 'with another index' test "$(index "$client")" = "$old"
check 'and everything is set again' pings "$client" 10.77.0.1 fd77::1
check 'and logged' soon client 'notice: mpvpn0: the device is back'
ip -n "$client" link set mpvpn0 down
ip -n "$client" link set mpvpn0 up
check 'set down and up it works, too' pings "$client" 10.77.0.1 fd77::1

ip -n "$server" link set mpvpn0 netns "$elsewhere_s"
check 'the server says that its device is elsewhere' until_true 5 is_elsewhere server True
check 'and logs it' soon server 'warning: mpvpn0: the device was moved'
ip -n "$elsewhere_s" address add 10.77.0.1/24 dev mpvpn0
ip -n "$elsewhere_s" link set mpvpn0 up
check 'its sessions go on there' pings "$client" 10.77.0.1
ip -n "$elsewhere_s" link set mpvpn0 netns "$server"
check 'with the device back the server has its addresses' pings "$client" 10.77.0.1 fd77::1
is 'one line about each move' "$(grep -c 'mpvpn0: the device' "$dir/server.log")" 2
is 'the session is the same one' "$(value server '[s["id"] for s in j["sessions"]]' session list)" '[1]'

# Away and back before the daemon looks: first with the same index, then with another one, as a veth has taken its own.
# away_and_back PID NS ELSEWHERE [INDEX TO TAKE MEANWHILE]
away_and_back() {
    kill -STOP "$1"
    ip -n "$2" link set mpvpn0 netns "$3"
    [ -z "${4-}" ] || ip -n "$2" link add name taken index "$4" type veth peer name taken-peer
    ip -n "$3" link set mpvpn0 netns "$2"
    kill -CONT "$1"
}
for meanwhile in same another; do
    c=$(index "$client")
    s=$(index "$server")
    [ $meanwhile = another ] && take=("$c" "$s") || take=('' '')
    away_and_back "$client_pid" "$client" "$elsewhere_c" "${take[0]}"
    check "away and back at once, $meanwhile index: the client has set everything again" pings "$client" 10.77.0.1 fd77::1
    is "away and back at once, $meanwhile index: and nothing twice" \
        "$(ip -n "$client" -o address show dev mpvpn0 scope global | wc -l)" 2
    away_and_back "$server_pid" "$server" "$elsewhere_s" "${take[1]}"
    check "away and back at once, $meanwhile index: so has the server" pings "$client" 10.77.0.1 fd77::1
    kept=$([ "$(index "$client") $(index "$server")" = "$c $s" ] && echo same || echo another)
    is "away and back at once, $meanwhile index: that is what it has" "$kept" $meanwhile
done

ip -n "$client" link set mpvpn0 netns "$elsewhere_c"
check 'moved once more' until_true 5 is_elsewhere client True
ip -n "$elsewhere_c" link delete mpvpn0
wait "$client_pid"
is 'a client whose device is deleted elsewhere ends with status 1' "$?" 1
like 'and says why' "$(tail -n 1 "$dir/client.log")" 'failed: File descriptor in bad state'
is 'and leaves no rule' "$(ip -n "$client" rule show pref 28000)" ''
finish
