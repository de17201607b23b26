#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
# Paths and schedulers by mpvpnctl, under running pings, and what both ends tell of them.
#
#      server                                      client
#      veth  192.0.2.1 ─────────────────────────── veth  192.0.2.2       the path of the configuration
#      wan   203.0.113.1 ───────────────────────── wan   203.0.113.2     added and removed
. "$(dirname "$0")/lib.sh"

pair
link "$server" wan 203.0.113.1/24 "$client" wan 203.0.113.2/24
ip -n "$client" route add 192.0.2.1/32 via 203.0.113.1 dev wan metric 500
server_config
client_config client
both_start
check 'a ping comes back' pings "$client" 10.77.0.1
like 'there is one path' "$(ctl client path list)" '^veth +up +primary'
like 'the scheduler is the default one' "$(ctl client scheduler get)" '^scheduler: ecf$'

start "$client" ping ping -i 0.02 -c 400 -W 1 10.77.0.1
ping_pid=$last_pid
is 'a path is added, and it is told how' "$(ctl client path add wan weight=3)" 'wan: connecting (203.0.113.2 via 203.0.113.1)'
check 'it comes up' until_true 10 eval 'ctl client path list | grep -qE "^wan +up +primary"'
like 'status counts it' "$(ctl client status)" '2 paths up'
like 'status tells of bonding' "$(ctl client status)" '^bonding  ecf;  reorder held [0-9.]+ %, longest [0-9.]+ ms;  resent [0-9.]+ %;  queue'
like 'explain tells where the next packet goes' "$(ctl client explain)" '^(veth|wan): used: the next packet goes here: it arrives in [0-9.]+ ms'
is 'and has a word for each path' "$(value client '" ".join(sorted({p["why"] for p in j["paths"]} - {"next", "later"}))' explain)" ''
session=$(value server 'j["sessions"][0]["id"]' session list)
like 'the server explains its own legs' "$(ctl server explain)" "^session $session \(alice\): scheduler: ecf
(192.0.2.2|203.0.113.2):[0-9]+: used: the next packet goes here: it arrives in [0-9.]+ ms"
like 'and where a packet would be later' "$(ctl server explain session="$session")" '(192.0.2.2|203.0.113.2):[0-9]+: not used: a packet would arrive later here than on another path'
refuses 'a session that is none is refused' ctl server explain session=999999
refuses 'a client has one session' ctl client explain session="$session"
like 'the server lists two legs' "$(ctl server session list)" 'ecf +2 +'
refuses 'the same path again is refused' ctl client path add wan
refuses 'the tunnel itself is no path' ctl client path add mpvpn0
like 'nor is the loopback device, and it is said why' "$(ctl client path add lo 2>&1)" 'lo leads to this host alone'
is 'the scheduler is changed' "$(ctl client scheduler set redundant)" 'scheduler: redundant (was ecf), both directions'
check 'the server uses it too' until_true 5 eval 'ctl server session list | grep -q "redundant"'
check 'copies are dropped' until_true 5 has_dropped client duplicate 5
is 'a role is changed' "$(ctl client path set wan role=backup)" 'wan: backup, weight 3 (was primary, weight 3)'
check 'the path stands by' until_true 5 eval 'ctl client path list | grep -qE "^wan +standby +backup"'
is 'its rate is limited, and it may help' "$(ctl client path set wan rate_limit=20Mbit/s backup_when=full)" \
    'wan: backup, weight 3, used when the others are full, at most 20 Mbit/s (was backup, weight 3)'
check 'the server keeps to it' until_true 5 eval '[ "$(value server "[l[\"rate_limit_bps\"] for l in j[\"sessions\"][0][\"legs\"] if l[\"rate_limit_bps\"]]" session list)" = "[20000000]" ]'
is 'it is limited no more' "$(ctl client path set wan rate_limit=none backup_when=down)" 'wan: backup, weight 3 (was backup, weight 3)'
refuses 'a rate that is none is refused' ctl client path set wan rate_limit=fast
is 'explain says so' "$(value client '[p["why"] for p in j["paths"] if p["path"] == "wan"][0]' explain)" backup
like 'status counts it so' "$(ctl client status)" '1 path up, 1 standby'
refuses 'a scheduler that is none is refused' ctl client scheduler set fastest
is 'the path is removed' "$(ctl client path remove wan)" 'wan: removed'
check 'and goes' until_true 5 eval '! ctl client path list | grep -q wan'
check 'the server sees one leg' until_true 5 eval 'ctl server session list | grep -qE "redundant +1 +"'
refuses 'it cannot be removed twice' ctl client path remove wan
check 'it is added again' ctl client path add wan weight=3
check 'it comes back' until_true 10 eval 'ctl client path list | grep -qE "^wan +up +primary"'
is 'as a resumed TLS session, which the path that stayed is not' "$(path_value wan resumed) $(path_value veth resumed)" '1 0'
is 'the path is removed again' "$(ctl client path remove wan)" 'wan: removed'
check 'and goes again' until_true 5 eval '! ctl client path list | grep -q wan'
is 'a path without a device waits for it' "$(ctl client path add usb0 role=backup)" 'usb0: down: there is no such device'
like 'explain says why it is not used' "$(ctl client explain)" '^usb0: not used: there is no connection on it \(down: there is no such device\)'
like 'and what to do' "$(ctl client explain)" '^  "ip link" names the devices'
wait "$ping_pid"
like 'no ping was lost' "$(cat "$dir/ping.log")" ' 0% packet loss'
like 'the metrics name the paths' "$(ctl client stats --openmetrics)" 'mpvpn_path_weight\{instance="[^"]*",path="veth"\} 1'
like 'the metrics name the legs' "$(ctl server stats --openmetrics)" 'mpvpn_path_rtt_us\{instance="[^"]*",session="[0-9]+",user="alice",leg="0"\} [0-9]'
stop "$client_pid"
is 'the client ends with status 0' "$?" 0

# One path asks for a name that nobody answers for; the other one has an address, and comes up meanwhile.
printf 'nameserver 192.0.2.1\noptions timeout:30 attempts:1\n' >"$dir/resolv.conf"
start "$server" names /usr/bin/python3 -c 'import socket, time
s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM); s.bind(("192.0.2.1", 53)); time.sleep(60)'
check 'a name server listens, and says nothing' until_true 5 eval 'in_ns "$server" ss -Hlnu "sport = :53" | grep -q 192.0.2.1'
client_config client Server=vpn.example.net
printf '[Path wan]\nServer = 203.0.113.1\n' >>"$dir/$tag-client.conf"
start "$client" client unshare -m sh -c "mount --bind '$dir/resolv.conf' /etc/resolv.conf; exec '$mpvpnd' -v -c '$dir/$tag-client.conf'"
check 'a path whose server is an address does not wait for the name of another' until_true 5 eval 'ctl client path list | grep -qE "^wan +up +primary"'
like 'which is still asked for' "$(ctl client path list)" '^veth +connecting'
stop "$server_pid"
is 'the server ends with status 0' "$?" 0
# offers WORD...: what completion offers for the last of these words, which bash takes apart at "="
offers() {
    in_ns "$client" env PATH="$build:$PATH" bash -c '
        . <(mpvpnctl completion)
        compopt() { :; }
        COMP_WORDS=("$@") COMP_CWORD=$(($# - 1))
        _mpvpnctl
        echo "${COMPREPLY[*]}"' bash mpvpnctl -s "/run/mpvpn/$tag-client.sock" "$@"
}
is 'completion offers commands' "$(offers pat)" path
like 'and devices' "$(offers path add v)" '^veth$'
is 'and paths that there are' "$(offers path remove v)" veth
is 'and schedulers' "$(offers scheduler set re)" redundant
is 'and what a path can be' "$(offers path add veth role '=')" 'primary backup'
is 'also half typed' "$(offers path set veth weight '=' 2 role '=' b)" backup
is 'and nothing where nothing is known' "$(offers path set veth weight '=')" ''
finish
