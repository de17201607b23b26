#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
# Every path is gone for a while: an open TCP connection lives on when they come back, the addresses stay; and after the server was
# restarted both paths are one session again.
#
#      server  192.0.2.1     ── fibre ──  192.0.2.2     client
#              2001:db8::1   ── lte ────  2001:db8::2
#              203.0.113.1 (behind fibre)
. "$(dirname "$0")/lib.sh"
command -v nft >/dev/null || die 'nft is missing'

three_links
server_config
bonded_config client fibre lte
both_start
check 'both paths come up' until_true 10 paths_are 'fibre=up lte=up'
check 'a ping comes back' pings "$client" 10.77.0.1 fd77::1

start "$server" echo /usr/bin/python3 -uc '
import socket
server = socket.create_server(("10.77.0.1", 7))
print("listening")
peer, _ = server.accept()
while data := peer.recv(4096): peer.sendall(data)'
check 'an echo server waits' soon echo listening
mkfifo "$dir/talk.fifo"
start "$client" talk /usr/bin/python3 -uc '
import socket, sys
peer = socket.create_connection(("10.77.0.1", 7))
for line in open(sys.argv[1]):
    peer.sendall(line.encode())
    print("back:", peer.recv(4096).decode().strip())' "$dir/talk.fifo"
exec 7>"$dir/talk.fifo"
echo first >&7
check 'what is said to it comes back' soon talk 'back: first'
addresses=$(ip -n "$client" -o address show mpvpn0 scope global | awk '{ print $4 }')
session=$(value server 'j["sessions"][0]["id"]' session list)

# Nobody is told: what is sent is lost either way.
in_ns "$server" nft -f - <<'END'
table inet hole {
    chain in { type filter hook input priority 0; udp dport 443 drop; }
    chain out { type filter hook output priority 0; udp sport 443 drop; }
}
END
echo second >&7
sleep 20
refuses 'both paths are dead for 20 s: nothing comes back' said talk 'back: second'
in_ns "$server" nft delete table inet hole
check 'with the paths back the TCP connection goes on' until_true 30 said talk 'back: second'
echo third >&7
check 'and stays' soon talk 'back: third'
check 'both paths are up' until_true 30 paths_are 'fibre=up lte=up'
check 'in one session' until_true 5 legs_are 2
is 'which is the same' "$(value server 'j["sessions"][0]["id"]' session list)" "$session"
is 'the addresses are the same' "$(ip -n "$client" -o address show mpvpn0 scope global | awk '{ print $4 }')" "$addresses"

# The links themselves go; the server keeps the session.
for device in fibre lte; do ip -n "$client" link set "$device" down; done
check 'both paths are down' until_true 5 paths_are 'fibre=down lte=down'
sleep 2
for device in fibre lte; do ip -n "$client" link set "$device" up; done
ip -n "$client" address replace 2001:db8::2/64 dev lte nodad
three_routes
echo fourth >&7
check 'with the links back the TCP connection goes on' until_true 20 said talk 'back: fourth'
check 'both paths are up again' until_true 20 paths_are 'fibre=up lte=up'
is 'in the same session' "$(value server 'j["sessions"][0]["id"]' session list)" "$session"

stop "$server_pid"
check 'the server starts again' daemon "$server" server
check 'a ping comes back' pings "$client" 10.77.0.1 fd77::1
check 'both paths are up after the restart' until_true 20 paths_are 'fibre=up lte=up'
check 'they are one session' until_true 5 legs_are 2
is 'the addresses are the same as before' "$(ip -n "$client" -o address show mpvpn0 scope global | awk '{ print $4 }')" "$addresses"
exec 7>&-
finish
