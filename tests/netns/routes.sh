#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
# What the client changes on its host: a default route into the tunnel with the way to the server kept open, changes of link, address and
# route while it runs, one hop counted, everything undone at exit and after a crash, and nothing touched with ManageRoutes = no.
#
#      inet           server                     router                        client
#      203.0.113.9 ── .1   198.51.100.1 ────── .2     192.0.2.1 ───────── 192.0.2.2, default via 192.0.2.1
#                     mpvpn0 10.77.0.1                                      mpvpn0 10.77.0.2, strict rp_filter
. "$(dirname "$0")/lib.sh"

ns_new inet server router client
link "$inet" veth 203.0.113.9/24 "$server" inet 203.0.113.1/24
link "$server" veth 198.51.100.1/24 "$router" server 198.51.100.2/24
link "$router" client 192.0.2.1/24 "$client" veth 192.0.2.2/24
ip -n "$inet" route add default via 203.0.113.1
ip -n "$server" route add default via 198.51.100.2
ip -n "$client" route add default via 192.0.2.1 dev veth
for ns in "$server" "$router"; do in_ns "$ns" sysctl -qw net.ipv4.ip_forward=1; done
in_ns "$client" sysctl -qw net.ipv4.conf.all.rp_filter=1 net.ipv4.conf.veth.rp_filter=1
keys
user
server_config
check 'the server starts' daemon "$server" server

# own_rules: the policy rules that are not the kernel's
own_rules() { ip -n "$client" rule | grep -cvE '^(0|32766|32767):'; }
# own_tables: routes in tables that are not the kernel's
own_tables() { ip -n "$client" route show table all | grep -E 'table [0-9]{5,}' | wc -l; }
# inner_address: the client's IPv4 address in the tunnel
inner_address() { ip -n "$client" -4 -o address show dev mpvpn0 | awk '{ print $4 }'; }
default_route() { ip -n "$client" route show default; }

for path in '[Path veth]' ''; do
    case=${path:-without a path section}
    client_config client Server=198.51.100.1:443 Routes=default
    [ -n "$path" ] || sed -i '/^\[Path/d' "$dir/$tag-client.conf"
    before=$(default_route)
    check "$case: the client starts" daemon "$client" client
    client_pid=$last_pid
    check "$case: a host that only the server reaches answers" pings "$client" 203.0.113.9
    is "$case: the host's default route is as it was" "$(default_route)" "$before"
    like "$case: packets to the internet take the tunnel" "$(ip -n "$client" route get 203.0.113.9)" 'dev mpvpn0'
    like "$case: the path leaves by its own device" "$(ctl client path list)" 'veth +up'
    is "$case: there is one rule" "$(own_rules)" 1

    like "$case: a packet with one hop to live expires at the server" "$(in_ns "$client" ping -c 1 -W 2 -t 1 203.0.113.9)" 'From 10.77.0.1 .*[Tt]ime to live exceeded'
    check "$case: a packet with two hops to live arrives" in_ns "$client" ping -c 1 -W 2 -t 2 203.0.113.9

    inner=$(inner_address)
    ip -n "$client" link set veth down
    sleep 0.5
    like "$case: with the link down the path is down, and says why" "$(ctl client --json path list)" '"down".*the link is down|the link is down.*"down"'
    ip -n "$client" link set veth up
    ip -n "$client" route replace default via 192.0.2.1 dev veth
    check "$case: after the link was down the tunnel comes back" pings "$client" 203.0.113.9

    ip -n "$client" address add 192.0.2.77/24 dev veth
    ip -n "$client" address del 192.0.2.2/24 dev veth
    sleep 0.2
    ip -n "$client" address show dev veth | grep -q 192.0.2.77 || ip -n "$client" address add 192.0.2.77/24 dev veth
    ip -n "$client" route replace default via 192.0.2.1 dev veth
    check "$case: with another address the tunnel comes back" pings "$client" 203.0.113.9
    is "$case: the tunnel's address is the same as before" "$(inner_address)" "$inner"
    like "$case: the server saw the client move" "$(cat "$dir/server.log")" 'now from 192.0.2.77'
    like "$case: the rule is for that address" "$(ip -n "$client" rule)" 'from 192.0.2.77 '
    ip -n "$client" address add 192.0.2.2/24 dev veth
    ip -n "$client" address del 192.0.2.77/24 dev veth
    ip -n "$client" address show dev veth | grep -q 192.0.2.2/ || ip -n "$client" address add 192.0.2.2/24 dev veth
    ip -n "$client" route replace default via 192.0.2.1 dev veth
    check "$case: and with the old address again" pings "$client" 203.0.113.9

    # It sees the device up when it is down again, so none can be set; each fails, and none is held for set.
    known=$(value client 'len(j["tunnel"]["routes_set"])' status)
    check "$case: it has set routes" test "$known" -gt 0
    kill -STOP "$client_pid"
    for state in down up down; do ip -n "$client" link set mpvpn0 "$state"; done
    kill -CONT "$client_pid"
    check "$case: with its device down it knows that no route is set" until_true 10 \
        eval '[ "$(value client "len(j[\"tunnel\"][\"routes_set\"])" status)" = 0 ]'
    ip -n "$client" link set mpvpn0 up
    check "$case: with the device up the tunnel comes back" pings "$client" 203.0.113.9
    is "$case: and it knows that" "$(value client 'len(j["tunnel"]["routes_set"])' status)" "$known"

    ip -n "$client" address flush dev mpvpn0
    ip -n "$client" rule del pref 28000
    check "$case: when somebody takes its addresses, routes and rule away they come back" pings "$client" 203.0.113.9
    is "$case: the tunnel has the address that it had" "$(inner_address)" "$inner"
    is "$case: and one rule" "$(own_rules)" 1

    # The same network behind another router, as one finds it when a cable is put elsewhere.
    ip -n "$router" link set client down
    check "$case: the path is down" until_true 10 eval 'ctl client path list | grep -q "veth .*down"'
    ip -n "$router" address del 192.0.2.1/24 dev client
    ip -n "$router" address add 192.0.2.254/24 dev client
    ip -n "$router" link set client up
    ip -n "$client" route replace default via 192.0.2.254 dev veth
    check "$case: by another router the tunnel comes back" pings "$client" 203.0.113.9
    ip -n "$router" address del 192.0.2.254/24 dev client
    ip -n "$router" address add 192.0.2.1/24 dev client
    ip -n "$client" route replace default via 192.0.2.1 dev veth
    # The rule is made last, after the route in the path's table.
    check "$case: and by the first router again" until_true 10 eval \
        'ip -n "$client" route show table all | grep -Eq "via 192.0.2.1 .*table [0-9]{5,}" && [ "$(own_rules)" = 1 ]'

    stop "$client_pid" KILL
    is "$case: killed, it leaves its rule behind" "$(own_rules)" 1
    check "$case: the next start clears up and connects" daemon "$client" client
    client_pid=$last_pid
    check "$case: a host that only the server reaches answers again" pings "$client" 203.0.113.9
    is "$case: there is one rule still" "$(own_rules)" 1
    stop "$client_pid"
    is "$case: the client ends with status 0" "$?" 0
    is "$case: no rule stays" "$(own_rules)" 0
    is "$case: no table stays" "$(own_tables)" 0
    is "$case: the default route is as it was before" "$(default_route)" "$before"
done

client_config client Server=198.51.100.1:443 Routes=default
sed -i 's/^\[Tunnel\]/&\nManageRoutes = no/' "$dir/$tag-client.conf"
check 'ManageRoutes = no: the client starts' daemon "$client" client
check 'ManageRoutes = no: the device gets its address' until_true 10 sh -c "ip -n $client address show dev mpvpn0 | grep -q 10.77.0"
is 'ManageRoutes = no: there is no rule' "$(own_rules)" 0
is 'ManageRoutes = no: no route but the address leads into the tunnel' "$(ip -n "$client" route show dev mpvpn0)" ''
ip -n "$client" route add 203.0.113.0/24 dev mpvpn0
check 'ManageRoutes = no: a route of the user works' pings "$client" 203.0.113.9
sed -i 's/^ManageRoutes = .*/ManageRoutes = yes/' "$dir/$tag-client.conf"
check 'ManageRoutes = yes by a reload' ctl client reload
is 'the rule comes' "$(own_rules)" 1
check 'and the default route works' pings "$client" 203.0.113.9
sed -i 's/^ManageRoutes = .*/ManageRoutes = no/' "$dir/$tag-client.conf"
check 'ManageRoutes = no by a reload' ctl client reload
is 'the rule goes' "$(own_rules)" 0
stop "$last_pid"

in_ns "$client" sysctl -qw net.ipv6.conf.default.disable_ipv6=1
client_config client Server=198.51.100.1:443 Routes=default
check 'IPv6 is switched off: the client starts' daemon "$client" client
check 'IPv6 is switched off: IPv4 works' pings "$client" 203.0.113.9
like 'IPv6 is switched off: the log has the address' "$(cat "$dir/client.log")" 'fd77::'
is 'IPv6 is switched off: the status has not' "$(ctl client --json status | grep -c fd77::)" 0
in_ns "$client" sysctl -qw net.ipv6.conf.mpvpn0.disable_ipv6=0
ctl server session close "$(ctl server --json session list | grep -o '"id": *[0-9]*' | grep -o '[0-9]*$' | tail -n 1)"
check 'IPv6 is back: in the next session it works, too' pings "$client" fd77::1

# of_version6 LIST: what the tunnel's status has of IPv6 in this list
of_version6() { value client "sum(':' in x for x in j['tunnel']['$1'])" status; }
refused() { grep -c "cannot make $1 .*IPv6 is disabled" "$dir/client.log"; }
known=$(of_version6 routes_set) told=$(refused address)
is 'the status has the IPv6 address' "$(of_version6 addresses)" 1
check 'and IPv6 routes' test "$known" -gt 0
in_ns "$client" sysctl -qw net.ipv6.conf.mpvpn0.disable_ipv6=1
check 'IPv6 is switched off meanwhile: the status has the address no more' until_true 10 eval '[ "$(of_version6 addresses)" = 0 ]'
is 'nor the routes' "$(of_version6 routes_set)" 0
is 'the log tells of the address and why, once' "$(refused address)" $((told + 1))
is 'and of each route' "$(refused route)" "$known"
check 'IPv4 works' pings "$client" 203.0.113.9
in_ns "$client" sysctl -qw net.ipv6.conf.mpvpn0.disable_ipv6=0
check 'IPv6 is back and the configuration is reloaded' ctl client reload
check 'it works again' pings "$client" fd77::1
is 'the status has all of it' "$(of_version6 addresses) $(of_version6 routes_set)" "1 $known"
stop "$last_pid"
finish
