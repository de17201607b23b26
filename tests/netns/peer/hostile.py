#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""What no decent client does, against a server: one attack, or several, by name; the same bytes each time.

  hostile.py --server HOST:PORT --token=TOKEN --disabled-token=TOKEN ATTACK...

How it works: each attack is a function that makes its own connections, sends what it must not, and, where a standard says what
the server has to do, fails when the server does something else. That the server goes on serving others is for the caller to see.

Standards broken: RFC 9000, 9001, 9114, 9204, 9297, 9484, and the IP versions."""
import argparse
import ipaddress
import os
import select
import socket
import struct
import sys
import time

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
import http3
import quic
import tls13
from attacker import PATH, Attacker, blob, connect_fields, expect, options, rng, run
from quic import varint

LARGEST = (1 << 62) - 1


# --- below QUIC ---


def junk():
    """UDP payloads of sizes from 0 to 65507, random and half-decent."""
    sock = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    for size in list(range(0, 64)) + list(range(64, 1480, 17)) + [1472, 1473, 1500, 4096, 9000, 16384, 32768, 65000, 65506, 65507]:
        for first in (0x00, 0x40, 0xC0, 0xD0, 0xE0, 0xF0, 0xFF):
            data = blob(size)
            if size > 6 and first >= 0xC0:
                data = bytes([first]) + rng.choice([b"\0\0\0\1", b"\0\0\0\0", b"\x1a\x2a\x3a\x4a"]) + bytes([rng.choice([0, 8, 18, 20, 21, 255])]) + data[6:]
            elif size:
                data = bytes([first]) + data[1:]
            sock.sendto(data, options.address)


def initial_flood():
    """Connections that are begun and left, from as many connection IDs."""
    sock = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    first = quic.Connection(True, lambda data: None)
    crypto = b"".join(data for data, _ in first.spaces[quic.INITIAL].due)
    for _ in range(1500):
        first.dcid, first.scid = blob(8), blob(8)
        first.set_initial_keys(first.dcid)
        sock.sendto(first.packet(quic.INITIAL, crypto + bytes(1160 - len(crypto)), 0), options.address)


def amplification():
    """To an address that has proved nothing go at most three times the bytes that came from it."""
    received = 0
    attacker = Attacker(handshake=False)
    attacker.quic.flush()
    end = time.monotonic() + 1.5
    while time.monotonic() < end:
        if select.select([attacker.socket], [], [], 0.1)[0]:
            received += len(attacker.socket.recv(65536))
    expect("at most 3600 bytes come back", 0 < received <= 3600, received)
    attacker.socket.close()


def tampered():
    """Good packets with a byte changed, cut, doubled, joined."""
    sock = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    sent = []
    attacker = Attacker(handshake=False)
    attacker.quic.send = sent.append
    attacker.quic.flush()
    for at in range(0, 80):
        sock.sendto(sent[0][:at] + bytes([sent[0][at] ^ 0xFF]) + sent[0][at + 1 :], options.address)
        sock.sendto(sent[0][: at * 15], options.address)
    sock.sendto(sent[0] * 10, options.address)
    attacker.socket.close()


# --- TLS ---


def hello(change=lambda data: data, messages=None, **settings):
    """A connection whose ClientHello is changed."""
    attacker = Attacker(handshake=False, **settings)
    space = attacker.quic.spaces[quic.INITIAL]
    data = messages if messages is not None else change(attacker.quic.tls.transcript)
    space.due.clear()
    space.crypto_sent = 0
    attacker.quic.send_crypto(quic.INITIAL, data)
    attacker.pump(seconds=0.3)
    return attacker


def handshakes():
    """ClientHellos that are refused, each with an alert or an error of QUIC's."""
    expect("a wrong ALPN is refused with no_application_protocol", hello(alpn=(b"h2",)).ended[1:2] == (0x178,))
    expect("no ALPN is refused", hello(alpn=()).ended is not None)
    cut = hello(lambda data: data[:4] + data[4:60] + b"\xff" * (len(data) - 60))
    expect("a ClientHello of junk is refused", cut.ended is not None, cut.ended)
    expect("no transport parameters are refused", hello(lambda data: data.replace(b"\0\x39", b"\x7f\x39", 1)).ended is not None)
    finished = tls13.message(tls13.FINISHED, bytes(32))
    expect("Finished as the first message is refused", hello(messages=finished).ended is not None)
    hello(messages=b"\1\xff\xff\xff" + blob(60000))
    hello(messages=b"\1\0\0\0")
    hello(messages=blob(500))
    zero = hello(lambda data: data[: data.index(b"\0\x33\0\x26\0\x24\0\x1d\0\x20") + 10] + bytes(32) + data[data.index(b"\0\x33\0\x26") + 42 :])
    expect("an all-zero key share is refused", zero.ended is not None)
    for what, values in (("a payload limit under 1200", {0x03: varint(1199)}), ("an exponent over 20", {0x0A: varint(21)}),
                         ("a delay of 2^14", {0x0B: varint(1 << 14)}), ("a limit of one connection ID", {0x0E: varint(1)}),
                         ("a server's parameter", {0x02: blob(16)}), ("another source connection ID", {0x0F: blob(8)}),
                         ("no source connection ID", {0x0F: None}), ("too many streams", {0x08: varint((1 << 60) + 1)}),
                         ("a cut integer", {0x04: b"\xc0"})):
        attacker = Attacker(handshake=False, parameters=values)
        attacker.wait_end(what)


def crypto():
    """After the handshake a client's CRYPTO stream has nothing to say: unexpected_message."""
    for what, data in (("KeyUpdate", b"\x18\0\0\1\1"), ("another ClientHello", tls13.message(1, blob(200))),
                       ("a ticket", tls13.message(4, blob(40))), ("a certificate", tls13.message(11, blob(40))), ("junk", b"\xff" * 100)):
        attacker = Attacker()
        attacker.quic.frame(b"\x06\0" + varint(len(data)) + data)
        attacker.wait_end(what + " in CRYPTO", (0x10A, 0x10D))
        expect(what + " is refused by the server", attacker.ended[0] == "transport", attacker.ended)
    attacker = Attacker()
    for at in range(0, 200):
        attacker.quic.frame(b"\x06" + varint(1 + at * 1000) + varint(1000) + blob(1000), reliable=False)
    attacker.wait_end("CRYPTO without end and beginning", (0x0D,))


# --- frames ---


def frames():
    """Frames that RFC 9000 forbids: each must end its connection."""
    stream = b"\x0a" + varint(4) + varint(5) + b"hello"
    cases = [
        ("an unknown frame", varint(0x21), None), ("a longer unknown frame", varint(0x3FFFFFFF), None),
        ("a cut STREAM", b"\x0e\x04\x00\x7f\xff", (0x07,)), ("a cut integer", b"\x0e\xc0", (0x07,)),
        ("CRYPTO longer than its packet", b"\x06\0\x7f\xffab", (0x07,)),
        ("ACK of what was not sent", b"\x02" + varint(1 << 40) + b"\0\0\0", None), ("ACK below 0", b"\x02\x00\x00\x00\x05", (0x07,)),
        ("ACK with ranges below 0", b"\x02\x05\x00\x02\x00\x05\x05\x05\x05", (0x07,)),
        ("STREAM on the server's stream", b"\x0a" + varint(1) + b"\x01a", (0x05,)), ("STREAM beyond the limit", b"\x0a" + varint(4 * 100000) + b"\x01a", (0x04,)),
        ("STREAM past 2^62", b"\x0e\x04" + varint(LARGEST) + b"\x01a", None), ("STREAM past its credit", b"\x0e\x04" + varint(1 << 40) + b"\x01a", (0x03,)),
        ("a receive-only stream written", b"\x0a" + varint(3) + b"\x01a", (0x05,)),
        ("MAX_STREAMS past 2^60", b"\x12" + varint((1 << 60) + 1), (0x07, 0x04)), ("STREAMS_BLOCKED past 2^60", b"\x16" + varint((1 << 60) + 1), (0x07, 0x04)),
        ("a connection ID of no length", b"\x18\x01\x00\x00" + blob(16), (0x07,)), ("a connection ID too long", b"\x18\x01\x00\x15" + blob(37), (0x07,)),
        ("a connection ID that retires itself", b"\x18\x01\x02\x08" + blob(24), (0x07,)), ("too many connection IDs", b"".join(
            b"\x18" + bytes([n]) + b"\0\x08" + blob(24) for n in range(1, 20)), (0x09,)),
        ("an unissued connection ID retired", b"\x19" + varint(1000), (0x0A,)), ("HANDSHAKE_DONE from a client", b"\x1e", (0x0A,)),
        ("NEW_TOKEN from a client", b"\x07\x04abcd", (0x0A,)), ("an empty NEW_TOKEN", b"\x07\x00", None),
        ("STOP_SENDING on a stream not opened", b"\x05" + varint(1) + b"\0", (0x05,)), ("RESET_STREAM on the server's stream", b"\x04" + varint(3) + b"\0\0", (0x05, 0x0A)),
        ("a final size that shrinks", stream + b"\x04\x04\x00\x02", (0x06,)), ("data past the end", b"\x0f\x04\x0a\x00\x0e\x04\x14\x01a", (0x06,)),
        ("MAX_STREAM_DATA on a stream that only receives", b"\x11\x02\x00", None), ("CONNECTION_CLOSE, cut", b"\x1d\0\x7f\xff", None),
        ("DATAGRAM longer than its packet", b"\x31\x7f\xffab", (0x07,)),
    ]
    for what, data, codes in cases:
        attacker = Attacker().settings()
        attacker.pump(seconds=0.02)
        attacker.quic.frame(data, reliable=False)
        if what == "MAX_STREAM_DATA on a stream that only receives":
            attacker.pump(seconds=0.1)
            attacker.leave()
            continue
        attacker.wait_end(what, codes)
    attacker = Attacker()
    attacker.send(attacker.quic.packet(quic.APPLICATION, b"", None)[: 1 + len(attacker.quic.dcid) + 4 + 16])
    for number in (0, 1, 1 << 30, 5, 5, 5):
        attacker.send(attacker.quic.packet(quic.APPLICATION, b"\1", number))
    for _ in range(300):
        attacker.quic.frame(b"\x1a" + blob(8), reliable=False)
        attacker.quic.frame(b"\x1b" + blob(8), reliable=False)
    attacker.pump(seconds=0.3)
    attacker.leave()


# --- HTTP/3 ---


def http():
    """Streams and frames that RFC 9114 forbids: each must end its connection or its stream."""
    def control(data):
        def act(attacker):
            attacker.quic.stream(attacker.quic.open_stream(False), data)
        return act

    def on_request(data, fin=False):
        def act(attacker):
            attacker.settings()
            attacker.quic.stream(attacker.quic.open_stream(), data, fin)
        return act

    ordinary = http3.settings({http3.EXTENDED_CONNECT: 1, http3.H3_DATAGRAM: 1})
    cases = [
        ("no SETTINGS first", control(b"\0" + http3.frame(7, b"\0")), (0x10A,)), ("SETTINGS twice", control(b"\0" + ordinary * 2), (0x105,)),
        ("a setting of HTTP/2", control(b"\0" + http3.settings({2: 0})), (0x109,)), ("a cut setting", control(b"\0\x04\x01\x40"), (0x106, 0x109)),
        ("H3_DATAGRAM of 2", control(b"\0" + http3.settings({0x33: 2})), (0x109,)),
        ("a frame of HTTP/2", control(b"\0" + ordinary + http3.frame(2, b"")), (0x105,)), ("DATA on the control stream", control(b"\0" + ordinary + http3.frame(0, b"a")), (0x105,)),
        ("a push stream of a client", control(b"\1\0"), (0x103,)),
        ("DATA first", on_request(http3.frame(0, b"abc")), (0x105,)), ("SETTINGS on a request", on_request(ordinary), (0x105,)),
        ("HEADERS of junk", on_request(http3.frame(1, b"\xff" * 50)), (0x200,)), ("a field of the dynamic table", on_request(http3.frame(1, b"\2\0\x80")), (0x200,)),
        ("an insertion where none is allowed", control(b"\2" + b"\x3f\xff\xff\xff\xff\x0f\xc0"), (0x201,)), ("acknowledged fields that were not sent", control(b"\3\x80\x81"), (0x202,)),
        ("a cut frame, and the end", on_request(b"\1\x40\x50abc", True), None),
    ]
    for what, act, codes in cases:
        attacker = Attacker()
        act(attacker)
        attacker.wait_end(what, codes)
    attacker = Attacker().settings()
    attacker.settings()
    attacker.wait_end("two control streams", (0x103,))
    attacker = Attacker().settings()
    attacker.quic.stream(attacker.control, b"", fin=True)
    attacker.wait_end("the end of the control stream", (0x104,))
    attacker = Attacker().settings()
    attacker.quic.stream(attacker.quic.open_stream(), varint(1) + varint(LARGEST) + bytes(5000))
    attacker.quic.stream(attacker.quic.open_stream(), varint(0x21) + varint(LARGEST) + bytes(5000))
    for kind in (0x21, 0x40, 0x2F0F):
        attacker.quic.stream(attacker.quic.open_stream(False), varint(kind) + blob(2000))
    attacker.pump(seconds=0.2)
    attacker.leave()


def requests():
    """Any other request gets a sane HTTP answer, a malformed one its stream's end."""
    attacker = Attacker().settings()
    base = [(":scheme", "https"), (":authority", "vpn.example.net")]
    for status, fields in (
        ("404", [(":method", "GET"), (":path", "/")] + base), ("404", [(":method", "POST"), (":path", "/x")] + base),
        ("405", [(":method", "GET"), (":path", PATH)] + base), ("501", [(":method", "BREW"), (":path", PATH)] + base),
        ("501", [(":method", "CONNECT"), (":authority", "www.example.net:443")]), ("501", connect_fields(protocol="websocket")),
        ("501", connect_fields(protocol="connect-udp")), ("404", connect_fields(path="/")), ("400", connect_fields(path=PATH.replace("*/*", "nonsense%zz/*"))),
        ("400", connect_fields(path="/.well-known/masque/ip/10.0.0.0%2F33/*/")), ("400", connect_fields(path="/.well-known/masque/ip/*/999/")),
        ("401", connect_fields("x")), ("401", connect_fields("x" * 3000)), ("400", connect_fields() + [("authorization", "Bearer y")]),
        ("403", connect_fields(options.disabled_token)),
    ):
        got = attacker.status(fields)
        expect("%s is answered with %s" % (fields, status), got == status, got)
    got = attacker.status(connect_fields() + [("content-length", "5")], fin=False)
    expect("capsules with a content length are answered with 400", got == "400", got)
    for fields in ([(":method", "GET"), (":method", "GET"), (":path", "/")] + base, [(":path", "/")] + base, [(":method", "GET"), (":path", "/"), ("Upper", "x")] + base,
                   [(":method", "GET"), (":path", "")] + base, [("x", "y"), (":method", "GET"), (":path", "/")] + base, [(":status", "200")],
                   [(":method", "GET"), (":path", "/"), ("connection", "close")] + base, [(":method", "GET"), (":path", "/"), (":other", "x")] + base,
                   connect_fields(path="/\0/"), [(":method", "\0"), (":path", "/")] + base, []):
        got = attacker.status(fields)
        expect("%s is malformed" % fields, got == "reset 10e" or isinstance(got, str) and got[0] == "4", got)
    attacker.tunnel()
    got = attacker.status(connect_fields())
    expect("a second tunnel is refused with 429", got == "429", got)
    attacker.leave()


def header_bombs():
    """Header sections that are too long, too many, or grow as they are unpacked."""
    for fields in ([("x", "y" * 60000)], [("x" * 30000, "y")], [("x%d" % n, "y") for n in range(3000)], [("cookie", "a=b")] * 5000, [("x", "y" * 9000)] * 40):
        attacker = Attacker().settings()
        got = attacker.status([(":method", "GET"), (":scheme", "https"), (":authority", "a"), (":path", "/")] + fields)
        expect("a bomb is refused", got in ("431", "404") or str(got).startswith("reset") or isinstance(got, tuple) or got is None, got)
        attacker.leave()
    for size in (1 << 20, LARGEST):
        attacker = Attacker().settings()
        attacker.quic.stream(attacker.quic.open_stream(), varint(1) + varint(size) + b"\0\0" + b"\x23abc" * 20000)
        attacker.pump(seconds=0.3)
        attacker.leave()


def many_streams():
    """Hundreds of requests on one connection: finished, unfinished, and reset at once."""
    get = [(":method", "GET"), (":scheme", "https"), (":authority", "a"), (":path", "/")]
    attacker = Attacker().settings()
    limit = int.from_bytes(attacker.quic.peer[0x08], "big") & (1 << 8 * len(attacker.quic.peer[0x08]) - 2) - 1
    for turn in range(300):
        number = attacker.request(get, fin=True)
        attacker.pump(lambda: number in attacker.statuses or number in attacker.resets)
        if attacker.ended or turn == 0 and number not in attacker.statuses:
            break
    expect("300 requests after another are answered", len(attacker.statuses) >= 300, (len(attacker.statuses), attacker.ended))
    attacker.leave()
    attacker = Attacker().settings()
    for _ in range(limit):
        attacker.quic.stream(attacker.quic.open_stream(), b"\1\x44\x00\0")
    attacker.pump(seconds=0.2)
    expect("as many unfinished requests as are allowed end nothing", attacker.ended is None, attacker.ended)
    attacker.leave()
    attacker = Attacker().settings()
    for _ in range(limit + 200):
        attacker.quic.stream(attacker.quic.open_stream(), b"\1\x44\x00\0")
    attacker.wait_end("more streams than are allowed", (0x04,))
    attacker = Attacker().settings()
    for _ in range(400):
        number = attacker.request(get)
        attacker.quic.reset_stream(number, 0x10C)
        attacker.pump(lambda: True)
        if attacker.ended:
            break
    attacker.pump(seconds=0.2)
    attacker.leave()


# --- capsules and HTTP Datagrams ---


def range_of(first, last, protocol=0):
    first, last = ipaddress.ip_address(first), ipaddress.ip_address(last)
    return bytes([first.version]) + first.packed + last.packed + bytes([protocol])


def entry(number, address, length):
    address = ipaddress.ip_address(address)
    return varint(number) + bytes([address.version]) + address.packed + bytes([length])


def capsules():
    """Malformed capsules end their tunnel; unknown ones do not."""
    cases = [
        ("an address of no version", 1, b"\0\5" + bytes(5)), ("a cut address", 1, b"\0\4\x0a\x4d"), ("a prefix of 33", 1, entry(0, "10.0.0.0", 33)),
        ("host bits", 1, entry(0, "10.0.0.1", 8)), ("a request with ID 0", 2, entry(0, "0.0.0.0", 32)), ("no request at all", 2, b""),
        ("a request ID twice", 2, entry(1, "0.0.0.0", 32) * 2), ("a cut request", 2, b"\1\6" + bytes(16)), ("a prefix of 129", 2, entry(1, "::", 129)),
        ("a cut route", 3, b"\4" + bytes(5)), ("a route of no version", 3, b"\7" + bytes(9)), ("a route backwards", 3, range_of("10.0.0.9", "10.0.0.1")),
        ("routes out of order", 3, range_of("10.0.1.0", "10.0.1.9") + range_of("10.0.0.0", "10.0.0.9")),
        ("routes that overlap", 3, range_of("10.0.0.0", "10.0.0.9") + range_of("10.0.0.5", "10.0.1.9")),
        ("routes of the wrong version first", 3, range_of("::", "::9") + range_of("10.0.0.5", "10.0.1.9")),
        ("more routes than anybody has", 3, b"".join(range_of(ipaddress.ip_address(n << 8), ipaddress.ip_address(n << 8 | 1)) for n in range(1, 6000))),
        ("more requests than anybody has", 2, b"".join(entry(n, "0.0.0.0", 32) for n in range(1, 3000))),
    ]
    for what, kind, value in cases:
        attacker = Attacker().settings().tunnel()
        attacker.capsules(http3.capsule(kind, value))
        attacker.pump(lambda: attacker.number in attacker.resets)
        expect(what + " ends the tunnel", attacker.number in attacker.resets or attacker.ended, "it goes on")
        attacker.leave()
    for what, data in (("a known capsule of 2^62-1 bytes", varint(1) + varint(LARGEST) + bytes(3000)), ("a cut capsule, and the end", b"\1\x40\x50abc"),
                       ("a cut type, and the end", b"\xc0")):
        attacker = Attacker().settings().tunnel()
        attacker.capsules(data, fin=True)
        attacker.pump(lambda: attacker.number in attacker.resets)
        expect(what + " ends the tunnel", attacker.number in attacker.resets or attacker.ended, "it goes on")
        attacker.leave()
    attacker = Attacker().settings().tunnel()
    attacker.capsules(b"".join(http3.capsule(41 + n % 7, b"x" * (n % 5)) for n in range(5000)))
    attacker.capsules(http3.capsule(2, entry(1, "0.0.0.0", 32)))
    before = len(attacker.body)
    expect("after 5000 unknown capsules a known one is answered", attacker.pump(lambda: len(attacker.body) > before), attacker.ended)
    attacker.capsules(varint(4242) + varint(LARGEST))
    for _ in range(30):
        attacker.capsules(blob(10000))
        attacker.pump(lambda: False, 0.01)
    expect("an unknown capsule without end is passed over", attacker.ended is None and attacker.number not in attacker.resets, attacker.ended)
    attacker.leave()


def datagrams():
    """HTTP Datagrams that are none, or that belong to nothing."""
    for data in (b"", b"\x40", b"\xc0\0\0", varint(1 << 60) + b"\0", varint(LARGEST)):
        attacker = Attacker().settings().tunnel()
        attacker.quic.datagram(data)
        attacker.wait_end("the HTTP Datagram %s" % data.hex(), (0x33,))
    attacker = Attacker().settings().tunnel()
    for data in (b"\0", b"\0\x40", b"\0\xc0\0", b"\0\2", b"\0" + varint(LARGEST) + b"x", b"\1\0" + bytes(20), b"\7\0", varint(1000) + bytes(30), varint((1 << 60) - 1) + b"\0x"):
        for _ in range(50):
            attacker.quic.datagram(data)
    attacker.pump(seconds=0.3)
    expect("datagrams for nobody end nothing", attacker.ended is None, attacker.ended)
    attacker.leave()
    attacker = Attacker().settings()
    for quarter in range(0, 40):
        for _ in range(20):
            attacker.quic.datagram(varint(quarter) + b"\0" + blob(900))
    attacker.pump(seconds=0.3)
    attacker.tunnel()
    attacker.leave()
    attacker = Attacker()
    attacker.quic.frame(b"\x30" + b"\0\0" + blob(100), reliable=False)
    attacker.pump(seconds=0.1)
    attacker.leave()


# --- inner packets ---


def inner_packets(own):
    """What calls itself an IP packet, from an address of the session's."""
    source, target = ipaddress.ip_address(own).packed, ipaddress.ip_address("10.77.0.1").packed

    def ip4(payload=b"", protocol=17, version=4, words=5, total=None, offset=0, destination=target, options_=b""):
        total = 20 + len(options_) + len(payload) if total is None else total
        return bytes([version << 4 | words]) + struct.pack(">BHHHBBH", 0, total & 0xFFFF, 1, offset, 64, protocol, 0) + source + destination + options_ + payload

    def ip6(payload=b"", following=17, length=None):
        length = len(payload) if length is None else length
        return b"\x60\0\0\0" + struct.pack(">HBB", length, following, 64) + bytes.fromhex("fd770000000000000000000000000002") + bytes.fromhex("fd770000000000000000000000000001") + payload

    yield from (b"", b"\x45", b"\x60", b"\0", bytes(20), bytes(40), blob(100), ip4()[:19], ip6()[:39])
    yield from (bytes([version << 4 | 5]) + ip4(bytes(20))[1:] for version in range(16))
    yield from (ip4(bytes(8), words=words) for words in range(16))
    yield from (ip4(bytes(8), total=total) for total in (0, 1, 19, 20, 27, 29, 60, 1500, 65535))
    yield from (ip4(bytes(8), offset=offset) for offset in (0x2000, 0x1FFF, 0x3FFF, 0x4000, 0x8000, 0xFFFF))
    yield from (ip4(blob(size), protocol) for protocol in (0, 1, 2, 4, 6, 17, 41, 47, 50, 58, 132, 255) for size in (0, 1, 3, 7, 8, 19, 20, 40))
    yield from (ip4(struct.pack(">HHIIBBHHH", 1, 2, 3, 4, offset << 4, 0x10, 5, 0, 0) + bytes(10), 6) for offset in range(16))
    yield from (ip4(struct.pack(">HHHH", 1, 2, size, 0) + bytes(10)) for size in (0, 7, 8, 18, 19, 65535))
    yield from (ip4(bytes(8), destination=ipaddress.ip_address(other).packed) for other in ("255.255.255.255", "224.0.0.1", "127.0.0.1", "0.0.0.0", "10.77.0.255", own))
    yield from (ip4(bytes(8), words=6, options_=bytes([kind, length, 1, 1])) for kind in (0, 1, 7, 131, 137, 255) for length in (0, 1, 2, 4, 5, 255))
    yield from (ip6(blob(20), length=length) for length in (0, 1, 19, 21, 1500, 65535))
    yield from (ip6(blob(size), following) for following in (0, 6, 17, 43, 44, 50, 51, 58, 59, 60, 135, 255) for size in (0, 1, 2, 7, 8, 9, 16, 40))
    yield from (ip6(bytes([following, 0]) + bytes(6), following) for following in (0, 43, 60))
    yield ip6(bytes([0, 0, 1, 4, 0, 0, 0, 0]) * 100, 0)
    yield ip6(b"".join(bytes([60, 0, 1, 4, 0, 0, 0, 0]) for _ in range(150)), 60)
    yield ip6(bytes([17, 255]) + bytes(30), 60)
    yield ip6(struct.pack(">BBHI", 17, 0, 0xFFF9, 7) + bytes(16), 44)


def inner():
    """Malformed inner packets, by DATAGRAM and by capsule."""
    attacker = Attacker().settings().tunnel()
    attacker.pump(lambda: len(attacker.body) > 8)
    (kind, value), *_ = list(http3.Reader().feed(attacker.body))
    own = [str(prefix.ip) for _, prefix in http3.read_addresses(value) if prefix.version == 4][0]
    expect("addresses come first", kind == http3.ASSIGN, kind)
    packets = list(inner_packets(own))
    for count, packet in enumerate(packets):
        if len(packet) < 1200:
            attacker.quic.datagram(b"\0\0" + packet)
        attacker.capsules(http3.capsule(0, b"\0" + packet))
        if count % 20 == 0:
            attacker.pump(seconds=0.01)
    big = bytes([0x45, 0]) + struct.pack(">HHHBBH", 65535, 1, 0, 64, 17, 0) + ipaddress.ip_address(own).packed + bytes([10, 77, 0, 1]) + bytes(65515)
    for data in (big, big[:40000], big + b"x", bytes(65535), bytes(66000)):
        attacker.capsules(http3.capsule(0, b"\0" + data))
        attacker.pump(seconds=0.05)
    attacker.capsules(http3.capsule(0, b"\0" + bytes(200000)))
    for data in (b"", b"\xc0", b"\2"):
        attacker.capsules(http3.capsule(0, data))
    attacker.pump(seconds=0.3)
    expect("no inner packet ends a tunnel", attacker.ended is None and attacker.number not in attacker.resets, (attacker.ended, attacker.resets))
    attacker.capsules(http3.capsule(2, entry(1, "0.0.0.0", 32)))
    before = len(attacker.body)
    expect("the tunnel works still", attacker.pump(lambda: len(attacker.body) > before))
    attacker.leave()


# --- taking without giving ---


def never_reads():
    """A client that asks for addresses again and again and gives no credit for the answers."""
    attacker = Attacker(reads=False, parameters={0x04: varint(4000), 0x05: varint(1000), 0x06: varint(1000)}).settings()
    attacker.number = attacker.request(connect_fields())
    attacker.pump(seconds=0.2)
    ask = b"".join(entry(n, "0.0.0.0", 32) for n in range(1, 60))
    for _ in range(1500):
        attacker.capsules(http3.capsule(2, ask))
        attacker.pump(lambda: True)
        if attacker.ended or attacker.number in attacker.resets:
            break
    attacker.pump(seconds=0.5)
    attacker.socket.close()


def strangers():
    """Connections that ask for nothing, as many as one address may have: those beyond them wait until some are gone."""
    crowd = []
    for _ in range(70):
        one = Attacker(handshake=False)
        if not one.pump(lambda: one.quic.ready, 1):
            break
        crowd.append(one)
    expect("an address has no more than 64 of them", 0 < len(crowd) <= 64 and not one.quic.ready, len(crowd))
    for other in crowd:
        other.leave()
    expect("the next one is taken when they are gone", one.pump(lambda: one.quic.ready))
    one.leave()


def idlers():
    """Connections that ask for nothing, tunnels whose client vanishes without a word."""
    for turn in range(40):
        attacker = Attacker().settings()
        if turn % 4 == 0:
            attacker.tunnel(options.spare_token)
        attacker.socket.close()


ATTACKS = {one.__name__: one for one in (junk, initial_flood, amplification, tampered, handshakes, crypto, frames, http, requests, header_bombs, many_streams,
                                         capsules, datagrams, inner, never_reads, strangers, idlers)}


if __name__ == "__main__":
    arguments = argparse.ArgumentParser()
    arguments.add_argument("--spare-token", help="of another user, for sessions that nobody ends")
    arguments.add_argument("--disabled-token", default="disabled")
    run(ATTACKS, arguments)
