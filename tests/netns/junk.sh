#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
# Junk by UDP, from the client's address and others, and junk on the control socket: both daemons serve on, and count it.
#
#      server  192.0.2.1  ──────────  192.0.2.2, .3  client
. "$(dirname "$0")/lib.sh"

pair
ip -n "$client" address add 192.0.2.3/24 dev veth
server_config
client_config client
both_start
check 'a ping comes back' pings "$client" 10.77.0.1

# junk_udp SOURCE TARGET PORT: payloads of every kind, the same ones each time
cat >"$dir/junk.py" <<'END'
import random, socket, sys
source, target, port = sys.argv[1], sys.argv[2], int(sys.argv[3])
rng = random.Random(9484)
sock = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
sock.bind((source, 0))
def blob(size): return bytes(rng.getrandbits(8) for _ in range(size))
payloads = [b"", b"\0", b"\xff" * 1472, b"GET / HTTP/1.1\r\n\r\n"]
for _ in range(200):
    payloads.append(blob(rng.randrange(1, 1473)))
    # a long header of QUIC version 1, of no version, and of one that nobody speaks; connection IDs of all lengths
    for version in (b"\0\0\0\1", b"\0\0\0\0", b"\x1a\x2a\x3a\x4a"):
        dcid, scid = rng.randrange(0, 25), rng.randrange(0, 25)
        payloads.append(bytes([0xc0 | rng.getrandbits(6)]) + version + bytes([dcid]) + blob(dcid) + bytes([scid]) + blob(scid)
                        + blob(rng.randrange(0, 1250)))
    # a short header
    payloads.append(bytes([0x40 | rng.getrandbits(6)]) + blob(rng.randrange(20, 1400)))
for payload in payloads:
    try:
        sock.sendto(payload, (target, port))
    except OSError:
        pass
END
junk_udp() { in_ns "$1" /usr/bin/python3 "$dir/junk.py" "$2" "$3" "$4"; }

check 'junk to the server from the client'"'"'s address is sent' junk_udp "$client" 192.0.2.2 192.0.2.1 443
check 'junk to the server from elsewhere is sent' junk_udp "$client" 192.0.2.3 192.0.2.1 443
port=$(in_ns "$client" ss -Hunp | sed -n 's/.*192\.0\.2\.2[^:]*:\([0-9]*\) .*/\1/p' | head -n 1)
[ -n "$port" ] || port=$(in_ns "$client" ss -Hunap | grep mpvpnd | sed -n 's/.*:\([0-9][0-9]*\) .*:.*/\1/p' | head -n 1)
check "junk to the client's port, ${port:-unknown}, is sent" junk_udp "$server" 192.0.2.1 192.0.2.2 "$port"
check 'the server runs' kill -0 "$server_pid"
check 'the client runs' kill -0 "$client_pid"
check 'a ping comes back after the junk' pings "$client" 10.77.0.1 fd77::1
like 'the server counted junk' "$(ctl server stats --json)" '"junk_udp": *[1-9]'

# the control socket
cat >"$dir/lines.py" <<'END'
import json, random, socket, sys
rng = random.Random(8259)
lines = [b"", b"{", b"[]", b"[[[[", b"null", b"{}", b'"x"', b"\xff\xfe\0", b"[" * 5000, b'{"jsonrpc":"2.0","id":1}',
         b'{"jsonrpc":"2.0","id":1,"method":"no.such"}', b'{"jsonrpc":"1.0","id":1,"method":"version"}',
         b'{"jsonrpc":"2.0","id":{},"method":7}', b'{"jsonrpc":"2.0","id":1,"method":"log.set","params":{"level":17}}',
         b'{"jsonrpc":"2.0","id":1,"method":"status","params":[1,2,3]}', b"x" * 200000]
lines += [bytes(rng.getrandbits(8) for _ in range(rng.randrange(1, 300))).replace(b"\n", b"") for _ in range(100)]
for line in lines:
    sock = socket.socket(socket.AF_UNIX)
    sock.settimeout(5)
    sock.connect(sys.argv[1])
    try:
        sock.sendall(line + b"\n" + b'{"jsonrpc":"2.0","id":"last","method":"version"}\n')
    except OSError:
        pass
    got = b""
    while b'"last"' not in got:
        more = sock.recv(65536)
        if not more:
            sys.exit("no answer after %r" % line[:60])
        got += more
    for answer in got.splitlines():
        json.loads(answer)
    sock.close()
# one that hangs up in the middle of a line, and one that never reads
sock = socket.socket(socket.AF_UNIX)
sock.connect(sys.argv[1])
sock.sendall(b'{"jsonrpc":"2.0"')
sock.close()
sock = socket.socket(socket.AF_UNIX)
sock.settimeout(1)
sock.connect(sys.argv[1])
try:
    for _ in range(2000):
        sock.sendall(b'{"jsonrpc":"2.0","id":1,"method":"stats"}\n')
except OSError:
    pass
END
for name in server client; do
    check "the $name's control socket answers after every malformed line" /usr/bin/python3 "$dir/lines.py" "/run/mpvpn/$tag-$name.sock"
    check "the $name's control socket serves others" ctl "$name" status
done
check 'a ping comes back at last' pings "$client" 10.77.0.1 fd77::1
stop "$client_pid"
is 'the client ends with status 0' "$?" 0
stop "$server_pid"
is 'the server ends with status 0' "$?" 0
finish
