#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
# The init script: its verbs, and what it ends with, as LSB has it.
#
#      server  (lo)
. "$(dirname "$0")/lib.sh"

[ -r /lib/lsb/init-functions ] || die '/lib/lsb/init-functions is missing'
ns_new server
keys
user
script=$dir/mpvpnd
name=$tag-server
sed -e "s|^DAEMON=.*|DAEMON=$mpvpnd|" -e "s|^CTL=.*|CTL=$mpvpnctl|" -e "s|^CONFIG=.*|CONFIG=$dir|" "$build/contrib/init.d/mpvpnd" >"$script"

# ends WANTED VERB [NAME]: the script's exit status
ends() {
    local wanted=$1
    shift
    in_ns "$server" sh "$script" "$@" </dev/null
    local status=$?
    [ $status = "$wanted" ] || { echo "$*: $status, not $wanted"; return 1; }
}
# Children of init's are waited for by nobody in some containers: what is dead may have a number still.
is_gone() { ! grep -q '^State:.*[RSD] ' "/proc/$1/status"; }

check 'nothing is configured: status' ends 3 status
check 'start' ends 6 start
check 'stop' ends 0 stop
server_config
check 'status of what was not started' ends 3 status
check 'nor can it be reloaded' ends 7 reload
check 'nor is it started by try-restart' ends 0 try-restart
check 'as status says' ends 3 status
check 'it is started' ends 0 start
check 'it runs' ends 0 status
check 'which anybody can see' setpriv --reuid=65534 --regid=65534 --clear-groups sh -s status "$name" <"$script"
check 'a second start changes nothing' ends 0 start "$name"
check 'it is reloaded' ends 0 reload
was=$(cat "/run/mpvpn/$name.pid")
check 'it is restarted' ends 0 restart
pid=$(cat "/run/mpvpn/$name.pid")
check 'by another process' test "$pid" != "$was"
kill -9 "$pid"
check 'it is killed' until_true 5 is_gone "$pid"
check 'and does not run' ends 1 status
check 'it is started again' ends 0 start
check 'and runs' ends 0 status
check 'it is stopped' ends 0 stop
check 'and is gone' ends 3 status
echo 'Pol = 10.0.0.0/8' >>"$dir/$name.conf"
check 'a fault in the configuration is a failure, and says of which kind' ends 6 start
said=$(in_ns "$server" sh "$script" start 2>&1)
like 'and which' "$said" 'Pol: unknown key'
like 'and where' "$said" "mpvpnd $name: there is a fault in $dir/$name.conf"
server_config
check 'it is started once more' ends 0 start
echo 'Pol = 10.0.0.0/8' >>"$dir/$name.conf"
check 'try-restart says so, too' ends 6 try-restart
check 'and it is stopped' ends 3 status
check 'as restart finds it' ends 6 restart

# Nothing outlives SIGKILL at will: a script that sends SIGCONT in its place finds that the daemon does not end.
server_config
check 'it is started after that' ends 0 start
pid=$(cat "/run/mpvpn/$name.pid")
sed 's|TERM/10/KILL/5|CONT/1|' "$script" >"$dir/gentle"
refuses 'there is a script that does not end it' cmp "$script" "$dir/gentle"
for verb in stop restart try-restart; do
    said=$(in_ns "$server" sh "$dir/gentle" $verb 2>&1)
    is "$verb fails when it does not end" "$?" 1
    like 'which is told' "$said" "mpvpnd $name: it does not end"
    is 'and nothing else' "$(grep -cE 'it ended|Starting' <<<"$said")" 0
    check 'it runs' test "$(cat "/run/mpvpn/$name.pid")" = "$pid"
done
check 'the other one stops it' ends 0 stop
check 'and it is gone' ends 3 status
server_config 'Listen = 192.0.2.77:443'
check 'so is an address that this host does not have, of another kind' ends 1 start
like 'which is told' "$(in_ns "$server" sh "$script" start 2>&1)" '192.0.2.77'
check 'a verb that is none' ends 2 frobnicate
finish
