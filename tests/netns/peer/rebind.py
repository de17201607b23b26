#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""A NAT that forgets: forwards the datagrams of one client to a server, from another port every so many seconds.

  rebind.py LISTEN-PORT SERVER:PORT SECONDS

Says "port N" for each port that it takes. What the server still sends to a former port reaches nobody."""
import select
import socket
import sys
import time

listen, server, seconds = int(sys.argv[1]), sys.argv[2].rsplit(":", 1), float(sys.argv[3])
inside = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
inside.bind(("0.0.0.0", listen))
client, outside, until = None, None, 0
while True:
    if outside is None or (client and time.monotonic() >= until):
        outside = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        outside.connect((server[0], int(server[1])))
        until = time.monotonic() + seconds
        print("port %d" % outside.getsockname()[1], flush=True)
    for ready in select.select([inside, outside], [], [], 0.1)[0]:
        data, address = ready.recvfrom(65536)
        if ready is inside:
            client = address
            outside.send(data)
        elif client:
            inside.sendto(data, client)
