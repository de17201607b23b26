#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
# The control socket: garbage, lines too long, many clients, half-open ones, and who may do what.
#
#      the daemon's socket  ──  root, nobody, a member of [Control] Group
. "$(dirname "$0")/lib.sh"

# talk [SECONDS]: standard input goes to the server's socket; what comes back is printed
talk() {
    python3 -B -c '
import socket, sys, time
s = socket.socket(socket.AF_UNIX)
s.settimeout(float(sys.argv[2]))
s.connect(sys.argv[1])
s.sendall(sys.stdin.buffer.read())
s.shutdown(socket.SHUT_WR)
try:
    while chunk := s.recv(65536): sys.stdout.buffer.write(chunk)
except socket.timeout:
    print("TIMEOUT")
' "$socket" "${1:-5}"
}

# as UID GID COMMAND...: run it as someone else, without further groups
as() {
    local uid=$1 gid=$2
    shift 2
    setpriv --reuid "$uid" --regid "$gid" --clear-groups "$@"
}

pair
server_config
printf '[Control]\nGroup = games\n' >>"$dir/$tag-server.conf"
client_config client
both_start
socket=/run/mpvpn/$tag-server.sock
check 'a ping comes back' pings "$client" 10.77.0.1

is 'the socket is its group'"'"'s' "$(stat -c '%a %g' "$socket")" '660 60'
like 'junk is answered with a parse error' "$(head -c 3000 /dev/urandom | tr '\n' 'x' | { cat; echo; } | talk)" '"code": *-32700'
like 'so is an empty line' "$(echo | talk)" '"code": *-32700'
like 'an unknown method is named so' "$(echo '{"jsonrpc":"2.0","id":1,"method":"no.such"}' | talk)" '"code": *-32601'
like 'a wrong shape is refused' "$(echo '{"jsonrpc":"2.0","id":1,"method":7}' | talk)" '"code": *-32600'
like 'an empty batch is refused' "$(echo '[]' | talk)" '"code": *-32600'
like 'nesting without end is refused' "$(python3 -c 'print("[" * 60000)' | talk)" '"code": *-32700'
like 'a wrong parameter is refused' \
    "$(echo '{"jsonrpc":"2.0","id":1,"method":"session.close","params":{"id":-1}}' | talk)" '"error"'
is 'a notification gets no answer, and the end is not waited for' "$(echo '{"jsonrpc":"2.0","method":"version"}' | talk 1)" ''
like 'a line of a mebibyte is refused, and the next one served' \
    "$({ head -c 1048576 /dev/zero | tr '\0' 'a'; echo; echo '{"jsonrpc":"2.0","id":9,"method":"version"}'; } | talk | tr '\n' ' ')" \
    '64 KiB.*"id": *9'
is 'a thousand requests on one connection are all answered' \
    "$(for i in $(seq 1000); do echo "{\"jsonrpc\":\"2.0\",\"id\":$i,\"method\":\"status\"}"; done | talk 20 | grep -c '"result"')" 1000
like 'a line without its end is not answered, and harms nobody' "$(printf '{"jsonrpc"' | talk 1)" '^$'

cat >"$dir/many.py" <<'END'
import socket, sys
clients = [socket.socket(socket.AF_UNIX) for _ in range(100)]
for c in clients:
    c.connect(sys.argv[1])
    c.settimeout(5)
    c.sendall(b'{"jsonrpc":"2.0","id":1,')       # half a request each
for c in clients[:50]: c.close()                 # half of them leave so
for c in clients[50:]: c.sendall(b'"method":"version"}\n')
print(sum(b'"result"' in c.recv(65536) for c in clients[50:]))
END
is 'of a hundred clients those who finish their request are served' "$(python3 -B "$dir/many.py" "$socket")" 50
cat >"$dir/deaf.py" <<'END'
import socket, sys
c = socket.socket(socket.AF_UNIX)
c.settimeout(20)
c.connect(sys.argv[1])
try:
    while True: c.sendall(b'{"jsonrpc":"2.0","id":1,"method":"stats"}\n' * 500)   # and never reads
except socket.timeout: print("blocked")
except OSError: print("cut off")
END
is 'a client that does not read is cut off' "$(python3 -B "$dir/deaf.py" "$socket")" 'cut off'
check 'the tunnel carries pings all the same' pings "$client" 10.77.0.1 fd77::1

chmod 755 "$dir"
cp "$mpvpnctl" "$dir/ctl"
refuses 'nobody may not even connect' as 65534 65534 "$dir/ctl" -s "$socket" version
check 'a member of the group may read' as 65534 60 "$dir/ctl" -s "$socket" status
check 'and write' as 65534 60 "$dir/ctl" -s "$socket" log info
chmod 666 "$socket"
check 'nobody may read, if the mode is widened' as 65534 65534 "$dir/ctl" -s "$socket" status
refuses 'but not write' as 65534 65534 "$dir/ctl" -s "$socket" log debug
like 'and is told why' "$(cat "$dir/output")" 'root|group'
is 'the exit status says that the daemon refused' \
    "$(as 65534 65534 "$dir/ctl" -s "$socket" session close 1 >/dev/null 2>&1; echo $?)" 1

refuses 'a second daemon of the same name does not start' \
    in_ns "$client" timeout 5 "$mpvpnd" -c "$dir/$tag-server.conf"
like 'and says why' "$(cat "$dir/output")" 'running mpvpnd'
check 'the first one does not mind' ctl server version
stop "$server_pid"
is 'the server ends with status 0' "$?" 0
refuses 'its socket is gone' test -e "$socket"
finish
