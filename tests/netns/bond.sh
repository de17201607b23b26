#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
# Several paths, one tunnel: IPv4 and IPv6 outside mixed, paths added and removed under iperf3, roles and weights, each scheduler with
# traffic both ways, a reload with another list of paths.
#
#      server  192.0.2.1     ── fibre ──  192.0.2.2     client
#              2001:db8::1   ── lte ────  2001:db8::2
#              198.51.100.1  ── wifi ───  198.51.100.2
#              203.0.113.1 (behind fibre and wifi)
. "$(dirname "$0")/lib.sh"
for tool in iperf3 tc; do command -v "$tool" >/dev/null || die "$tool is missing"; done

three_links
shape 40 fibre lte wifi
server_config
bonded_config client fibre lte
both_start
check 'both paths come up' until_true 10 paths_are 'fibre=up lte=up'
check 'they are two legs of one session' until_true 5 legs_are 2
check 'a ping comes back' pings "$client" 10.77.0.1 fd77::1
like 'one path is IPv4 outside' "$(path_value fibre remote)" '^203\.0\.113\.1:443$'
like 'the other is IPv6 outside' "$(path_value lte remote)" '^\[2001:db8::1\]:443$'

check 'iperf3 waits at the server' iperf_server
# moved DEVICE: inner bytes that a path has carried, both ways
moved() { value client "[p['bytes_up'] + p['bytes_down'] for p in j['paths'] if p['path'] == '$1'][0]" path list; }
fibre=$(moved fibre) lte=$(moved lte)
iperf both -t 3
check 'a TCP connection goes through' iperf_went_on both "$last_pid"
check 'the first path carried a part of it' test $(($(moved fibre) - fibre)) -gt 1000000
check 'so did the second' test $(($(moved lte) - lte)) -gt 1000000

# adding and removing while one connection runs
iperf change -t 9
run=$last_pid
sleep 1.5
check 'a path is added under way' ctl client path add wifi weight=2
check 'it comes up' until_true 5 paths_are 'fibre=up lte=up wifi=up'
check 'it is a third leg' until_true 5 legs_are 3
check 'it carries its part' until_true 5 eval '[ "$(moved wifi)" -gt 1000000 ]'
refuses 'it is not added twice' ctl client path add wifi
check 'a path is removed under way' ctl client path remove fibre
check 'it goes' until_true 5 paths_are 'lte=up wifi=up'
check 'and its leg with it' until_true 5 legs_are 2
check 'the connection went on all the time' iperf_went_on change "$run"
refuses 'what is not there cannot be removed' ctl client path remove fibre
check 'it is added again' ctl client path add fibre
check 'all three are up' until_true 5 paths_are 'fibre=up lte=up wifi=up'
check 'the third is removed' ctl client path remove wifi
check 'two are left' until_true 5 paths_are 'fibre=up lte=up'

# roles and weights
check 'a path becomes a backup' ctl client path set lte role=backup
check 'it stands by' until_true 5 paths_are 'fibre=up lte=standby'
check 'at the server too' until_true 5 eval '[ "$(value server "sorted(l[\"role\"] for l in j[\"sessions\"][0][\"legs\"])" session list)" = "['"'backup', 'primary'"']" ]'
lte=$(moved lte)
iperf backup -t 2 --bidir
check 'traffic goes both ways' iperf_went_on backup "$last_pid"
check 'none of it over the backup' test $(($(moved lte) - lte)) -lt 100000
check 'it is a primary path again' ctl client path set lte role=primary weight=3
check 'both are up' until_true 5 paths_are 'fibre=up lte=up'
check 'shares by weight' ctl client scheduler set wrr
sleep 0.5
fibre=$(moved fibre) lte=$(moved lte)
iperf weights -t 3 -u -b 8M
check 'UDP of less than what the paths take goes through' iperf_went_on weights "$last_pid"
fibre=$(($(moved fibre) - fibre)) lte=$(($(moved lte) - lte))
check "shares are as the weights, 1 to 3: $fibre and $lte bytes" test "$lte" -gt $((2 * fibre)) -a "$lte" -lt $((4 * fibre))

# went DIRECTION SINCE: 200 KB have gone that way since so many had
went() { [ $(($(value client "j['session']['bytes_$1']" stats) - $2)) -gt 200000 ]; }

# every scheduler under one connection, both ways; on a loaded machine they take 20 s
iperf schedulers -t 35 --bidir
run=$last_pid
sleep 0.5
for scheduler in wrr flow redundant backup minrtt ecf; do
    check "$scheduler is set" ctl client scheduler set "$scheduler"
    check "$scheduler: the server has it too" until_true 5 eval '[ "$(value server "j[\"sessions\"][0][\"scheduler\"]" session list)" = '"$scheduler ]"
    up=$(value client 'j["session"]["bytes_up"]' stats) down=$(value client 'j["session"]["bytes_down"]' stats)
    copies=$(dropped server duplicate)
    check "$scheduler: data goes up" until_true 5 went up "$up"
    check "$scheduler: data comes down" until_true 5 went down "$down"
    [ "$scheduler" != redundant ] || check 'redundant: the server drops the copies' until_true 5 has_dropped server duplicate $((copies + 100))
done
check 'the connections went on all the time' iperf_went_on schedulers "$run"
check 'the client drops the copies too' has_dropped client duplicate 100
refuses 'there is no such scheduler' ctl client scheduler set nonsense

# another list of paths
bonded_config client wifi lte
first=$(value server 'j["sessions"][0]["id"]' session list)
check 'a configuration with other paths is taken' ctl client reload
# The path that was added by hand stays until it is removed by hand.
check 'its paths are up, and the one added by hand' until_true 10 paths_are 'fibre=up lte=up wifi=up'
check 'which goes when it is told' ctl client path remove fibre
check 'the paths of the file are left' until_true 5 paths_are 'lte=up wifi=up'
bonded_config client fibre
check 'a configuration with one path, another one, is taken' ctl client reload
check 'it alone is there' until_true 10 paths_are 'fibre=up'
check 'a ping comes back' pings "$client" 10.77.0.1 fd77::1
is 'it was the same session all the time' "$(value server 'j["sessions"][0]["id"]' session list)" "$first"

stop "$client_pid"
is 'the client ends with status 0' "$?" 0
check 'the session is gone at once' until_true 5 legs_are ''
is 'no rule stays' "$(ip -n "$client" rule | grep -cvE '^(0|32766|32767):')" 0
finish
