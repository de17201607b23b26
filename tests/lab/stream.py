# SPDX-License-Identifier: GPL-2.0-or-later
"""One TCP flow that tells when its bytes came: "serve ADDRESS PORT FILE" takes one connection after another, "send" and "receive" ADDRESS PORT SECONDS
CONTROLLER [FILE] make one. The receiving end writes a line "unix-time bytes" to FILE for each read; a server's file begins anew with each connection."""
import socket
import sys
import time

CHUNK = bytes(64 * 1024)


def take(connection, file):
    with open(file, "w") as log:
        while True:
            data = connection.recv(256 * 1024)
            if not data:
                return
            log.write("%.6f %d\n" % (time.time(), len(data)))


def give(connection, end):
    try:
        while time.time() < end:
            connection.send(CHUNK)
    except OSError:
        pass


def serve(address, port, file):
    listener = socket.create_server((address, port))
    print("listening", flush=True)
    while True:
        connection, _ = listener.accept()
        with connection:
            try:
                order = connection.recv(64).decode().split()
                connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_CONGESTION, order[1].encode())
                connection.send(b"!")
                if order[0] == "send":
                    take(connection, file)
                else:
                    give(connection, time.time() + float(order[2]))
            except (OSError, IndexError):
                pass


def call(verb, address, port, seconds, controller, file):
    with socket.socket() as connection:
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_CONGESTION, controller.encode())
        connection.connect((address, port))
        connection.send(("%s %s %s" % (verb, controller, seconds)).encode())
        connection.recv(1)
        if verb == "send":
            give(connection, time.time() + float(seconds))
        else:
            take(connection, file)


if __name__ == "__main__":
    if sys.argv[1] == "serve":
        serve(sys.argv[2], int(sys.argv[3]), sys.argv[4])
    else:
        call(sys.argv[1], sys.argv[2], int(sys.argv[3]), sys.argv[4], sys.argv[5], sys.argv[6] if len(sys.argv) > 6 else None)
