# SPDX-License-Identifier: GPL-2.0-or-later
"""One connection of a hostile client: what hostile.py's attacks are made of. options is filled by its command line."""
import argparse
import random
import select
import socket
import sys
import time

import http3
import quic

ANSWER = 10.0                     # seconds that the server may take for an answer, when it has much else to do
PATH = "/.well-known/masque/ip/*/*/"
options = argparse.Namespace()
rng = random.Random(9484)


class Failed(Exception):
    """The server did something else than it must."""


def expect(what, condition, got=""):
    if not condition:
        raise Failed("%s: %s" % (what, got))


class Attacker:
    """A connection with its socket. Connection options as quic.Connection has them; handshake: complete it first."""

    def __init__(self, handshake=True, **settings):
        self.socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self.socket.setblocking(False)
        self.socket.connect(options.address)
        self.statuses, self.readers, self.resets, self.ended = {}, {}, {}, None
        self.answers = {}             # request: fields of its answer
        self.body = b""
        self.quic = quic.Connection(True, self.send, **settings)
        if handshake:
            self.quic.flush()
            self.pump(lambda: self.quic.ready)
            expect("the handshake is done", self.quic.ready, self.ended)

    def send(self, data):
        try:
            self.socket.send(data)
        except (BlockingIOError, ConnectionRefusedError):
            pass

    def pump(self, until=lambda: False, seconds=ANSWER):
        """Serve the connection until something is so, or that time is over. Returns whether it is so."""
        end = time.monotonic() + seconds
        self.quic.flush()
        while not until() and time.monotonic() < end and self.ended is None:
            if select.select([self.socket], [], [], 0.02)[0]:
                for _ in range(32):
                    try:
                        self.quic.receive(self.socket.recv(65536))
                    except (BlockingIOError, ConnectionRefusedError):
                        break
            self.quic.on_time()
            while self.quic.events:
                self.on_event(self.quic.events.popleft())
        return until()

    def on_event(self, event):
        if event[0] == "closed":
            self.ended = event[1:]
        elif event[0] == "reset":
            self.resets[event[1]] = event[2]
        elif event[0] == "stream" and not event[1] & 2:
            for kind, value in self.readers.setdefault(event[1], http3.Reader()).feed(event[2]):
                if kind == http3.HEADERS:
                    self.answers[event[1]] = dict(http3.decode_fields(value))
                    self.statuses[event[1]] = self.answers[event[1]][":status"]
                elif kind == http3.DATA:
                    self.body += value

    def wait_end(self, what, codes=None, seconds=ANSWER):
        """The server must end the connection, with one of those error codes."""
        self.pump(seconds=seconds)
        expect(what + ": the connection ends", self.ended is not None, "it goes on")
        if codes is not None:
            expect(what + ": with the right error", self.ended[1] in codes, self.ended)

    # --- HTTP/3 ---

    def settings(self, values=None):
        values = {http3.EXTENDED_CONNECT: 1, http3.H3_DATAGRAM: 1} if values is None else values
        self.control = self.quic.open_stream(False)
        self.quic.stream(self.control, b"\0" + http3.settings(values))
        return self

    def request(self, fields, fin=False, number=None):
        number = self.quic.open_stream() if number is None else number
        self.quic.stream(number, http3.frame(http3.HEADERS, http3.encode_fields(fields)), fin)
        return number

    def status(self, fields, fin=True):
        number = self.request(fields, fin)
        self.pump(lambda: number in self.statuses or number in self.resets)
        return self.statuses.get(number, "reset %x" % self.resets[number] if number in self.resets else self.ended)

    def tunnel(self, token=None):
        """An accepted CONNECT-IP request."""
        self.number = self.request(connect_fields(token))
        self.pump(lambda: self.number in self.statuses)
        expect("the tunnel is open", self.statuses.get(self.number) == "200", (self.statuses, self.ended))
        return self

    def capsules(self, data, fin=False):
        self.quic.stream(self.number, http3.frame(http3.DATA, data), fin)

    def leave(self):
        self.quic.close(0x100)
        self.socket.close()


def connect_fields(token=None, path=PATH, protocol="connect-ip"):
    fields = [(":method", "CONNECT"), (":protocol", protocol), (":scheme", "https"), (":authority", "vpn.example.net"), (":path", path),
              ("capsule-protocol", "?1"), ("authorization", "Bearer " + (token or options.token))]
    return [field for field in fields if field[1]]


def blob(size):
    return rng.randbytes(size)


def run(attacks, parser):
    """Run the attacks that the command line names. parser: knows the arguments that they need besides."""
    parser.add_argument("--server", required=True, metavar="HOST:PORT")
    parser.add_argument("--token", required=True)
    parser.add_argument("attacks", nargs="+", choices=sorted(attacks), metavar="ATTACK")
    parser.parse_args(namespace=options)
    host, _, port = options.server.rpartition(":")
    options.address = (host, int(port))
    for name in options.attacks:
        start = time.monotonic()
        try:
            attacks[name]()
        except Failed as failure:
            sys.exit("%s: %s" % (name, failure))
        print("%s: done in %.1f s" % (name, time.monotonic() - start), flush=True)
