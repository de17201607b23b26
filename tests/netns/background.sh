#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
# mpvpnd -d: the command ends when the daemon is ready, says on the terminal only why it is not, and keeps a PID file.
#
#      server
. "$(dirname "$0")/lib.sh"

# in_background OPTION...: start the server so; what the command says goes to $dir/said
in_background() { in_ns "$server" timeout 10 "$mpvpnd" -d -c "$dir/$tag-server.conf" "$@" >"$dir/said" 2>&1; }

# gone PID: that process is no more
gone() { ! kill -0 "$1" 2>/dev/null; }

ns_new server
keys
user
server_config 'MaxSessions = 10'
pid_file=/run/mpvpn/$tag-server.pid

check 'it starts' in_background
is 'it says nothing' "$(cat "$dir/said")" ''
check 'it answers at once' ctl server version
pid=$(cat "$pid_file")
pids+=("$pid")
check 'the PID file names it' [ "/proc/$pid/exe" -ef "$mpvpnd" ]
is 'it has no terminal' "$(ps -o tty= -p "$pid")" '?'
check 'it works in /' [ "/proc/$pid/cwd" -ef / ]
for stream in 0 1 2; do check "its stream $stream leads nowhere" [ "/proc/$pid/fd/$stream" -ef /dev/null ]; done
refuses 'a second one does not start' in_background
like 'and says why' "$(cat "$dir/said")" "PID file $pid_file: held by a running process"
is 'the PID file is as it was' "$(cat "$pid_file")" "$pid"
check 'it reloads its configuration though it works elsewhere' ctl server reload
kill "$pid"
check 'it ends' until_true 5 gone "$pid"
is 'the PID file is gone' "$(ls "$pid_file" 2>/dev/null)" ''

check 'it starts with a PID file of another name' in_background -p "$dir/other.pid"
pid=$(cat "$dir/other.pid")
pids+=("$pid")
kill -KILL "$pid"
until_true 5 gone "$pid"
check 'a PID file that a dead one left is no hindrance' in_background -p "$dir/other.pid"
pid=$(cat "$dir/other.pid")
pids+=("$pid")
kill "$pid"
check 'it ends, too' until_true 5 gone "$pid"

mv "$dir/$tag-server.conf" "$dir/elsewhere"
ln -s elsewhere "$dir/$tag-server.conf"
cd "$dir" || die "no $dir"
check 'it starts with a link to its configuration and a relative PID file' in_background -p here.pid
check 'it is named after the link' ctl server version
pid=$(cat here.pid)
pids+=("$pid")
kill "$pid"
check 'it ends again' until_true 5 gone "$pid"
is 'this PID file is gone, too' "$(ls here.pid 2>/dev/null)" ''
cd /
mv "$dir/elsewhere" "$dir/$tag-server.conf"

# to_full_disk OPTION...: what the daemon would say goes where nothing can be written
to_full_disk() { "$mpvpnd" "$@" >/dev/full; }
for option in --version --help "--check --config=$dir/$tag-server.conf"; do
    # shellcheck disable=SC2086 # two words
    refuses "what cannot be said by ${option%% *} is a failure" to_full_disk $option
    like 'and it says so' "$(cat "$dir/output")" 'standard output cannot be written'
done

start "$server" closed bash -c 'exec "$@" <&- >&- 2>&-' - "$mpvpnd" -c "$dir/$tag-server.conf"
pid=$last_pid
check 'with its streams closed it starts in the foreground' until_true 5 ctl server version
for stream in 0 1 2; do check "and stream $stream leads nowhere" [ "/proc/$pid/fd/$stream" -ef /dev/null ]; done
stop "$pid"

sed -i 's/^Pool = 10.*/Pool = nonsense/' "$dir/$tag-server.conf"
refuses 'with a faulty configuration it does not start' in_background
like 'and says where the fault is' "$(cat "$dir/said")" 'server.conf:[0-9]+: \[Server\] Pool: "nonsense"'
server_config 'Listen = 192.0.2.77:443'
refuses 'with an address that it cannot have it does not start' in_background
like 'and says which' "$(cat "$dir/said")" '192.0.2.77'
is 'no PID file is left' "$(ls "$pid_file" 2>/dev/null)" ''
finish
