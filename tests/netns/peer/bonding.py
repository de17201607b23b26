#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""What no decent client does with bonding, against a server: one attack, or several, by name; the same bytes each time.

  bonding.py --server HOST:PORT --token=TOKEN --other-token=TOKEN ATTACK...

How it works: as hostile.py. Proofs and frames are made here from mpvpn-protocol(7) alone, so a decent client's join is checked too.

Standards broken: mpvpn-protocol(7). Standards used: RFC 8446 section 7.5, RFC 9651."""
import argparse
import base64
import hashlib
import hmac
import ipaddress
import os
import re
import struct
import sys

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
import http3
from attacker import Attacker, Failed, blob, connect_fields, expect, options, rng, run
from quic import varint

LEG_ROLE, SCHEDULER, LEG_REPORT, CLOSE = 0x2D6D7670, 0x2D6D7671, 0x2D6D7672, 0x2D6D7673


def binary(data):
    return ":" + base64.b64encode(data).decode() + ":"


class Bonder(Attacker):
    """A connection with a bonded request. session_id and secret are of the session that it opened or joined."""

    def __init__(self, **settings):
        super().__init__(**settings)
        self.settings()
        self.session_id = self.secret = self.leg = self.worker = None

    def ask(self, field, token=None):
        """One request with that value of the field. Returns its status."""
        fields = connect_fields(token) + [("mpvpn-bond", field)]
        self.number = self.request(fields)
        self.pump(lambda: self.number in self.statuses or self.number in self.resets)
        answer = self.answers.get(self.number, {})
        match = re.match(r":([^:]+):;", answer.get("mpvpn-bond", ""))
        if match:
            numbers = {name: int(value) for name, value in re.findall(r";(leg|w)=(\d+)", answer["mpvpn-bond"])}
            self.session_id = base64.b64decode(match[1])
            self.leg, self.worker = numbers.get("leg"), numbers.get("w")
        return answer.get(":status")

    def open(self, token=None):
        status = self.ask("new;v=1", token)
        expect("a bonded session is opened", status == "200" and self.session_id and self.leg == 0, (status, self.answers))
        self.secret = self.quic.tls.export(b"EXPORTER-mpvpn-bond-secret")
        self.pump(lambda: len(self.body) > 8)
        return self

    def proof(self, of, stream=None):
        exporter = self.quic.tls.export(b"EXPORTER-mpvpn-bond", of.session_id)
        stream = self.quic.next_stream[False] if stream is None else stream
        return hmac.new(of.secret, exporter + struct.pack(">Q", stream), hashlib.sha256).digest()

    def join(self, of, proof=None, token=None):
        proof = self.proof(of) if proof is None else proof
        status = self.ask("%s;v=1;proof=%s" % (binary(of.session_id), binary(proof)), token)
        self.secret = of.secret
        return status

    def own(self):
        """Our address in the tunnel, as bytes."""
        for kind, value in http3.Reader().feed(self.body):
            if kind == http3.ASSIGN:
                return [prefix.ip.packed for _, prefix in http3.read_addresses(value) if prefix.version == 4][0]
        raise Failed("no address came")

    def packet(self, sequence, bucket, bucket_sequence, data):
        self.quic.datagram(varint(self.number // 4) + b"\2" + struct.pack(">II", sequence & 0xFFFFFFFF, bucket << 24 | bucket_sequence & 0xFFFFFF) + data)

    def mark(self, leg, flags, following, floor):
        self.quic.datagram(varint(self.number // 4) + b"\4" + struct.pack(">BBII", leg, flags, following & 0xFFFFFFFF, floor & 0xFFFFFFFF))

    def lives(self, what):
        """The tunnel still answers."""
        before = len(self.body)
        self.capsules(http3.addresses(http3.REQUEST, [(1, ipaddress.ip_interface("0.0.0.0/32"))]))
        expect(what + ": the tunnel answers", self.pump(lambda: len(self.body) > before), (self.ended, self.resets))


def inner(own, size=200):
    """A UDP packet to the server's discard port."""
    head = bytes([0x45, 0]) + struct.pack(">HHHBBH", size, 1, 0, 64, 17, 0) + own + bytes([10, 77, 0, 1])
    total = sum(struct.unpack(">10H", head))
    while total >> 16:
        total = (total & 0xFFFF) + (total >> 16)
    head = head[:10] + struct.pack(">H", total ^ 0xFFFF) + head[12:]
    return head + struct.pack(">HHHH", 9, 9, size - 20, 0) + bytes(size - 28)


# --- joining ---


def joins():
    """A decent join is taken; legs are numbered; the seventeenth is refused."""
    first = Bonder().open()
    legs = [Bonder() for _ in range(16)]
    for count, leg in enumerate(legs[:15]):
        status = leg.join(first)
        expect("leg %d is taken" % (count + 1), status == "200" and leg.leg == count + 1 and leg.session_id == first.session_id, (status, leg.leg))
    status = legs[15].join(first)
    expect("a seventeenth leg is refused", status == "429", status)
    for leg in legs + [first]:
        leg.leave()


def wrong_proofs():
    """Without the secret there is no way in, and nothing tells what was wrong."""
    first = Bonder().open()
    for what, field in (
        ("a random proof", "%s;v=1;proof=%s" % (binary(first.session_id), binary(blob(32)))), ("no proof", "%s;v=1" % binary(first.session_id)),
        ("a session that is not there", "%s;v=1;proof=%s" % (binary(blob(16)), binary(blob(32)))),
        ("a proof of zeros", "%s;v=1;proof=%s" % (binary(first.session_id), binary(bytes(32)))),
    ):
        leg = Bonder()
        status = leg.ask(field)
        expect(what + " is answered with 409", status == "409", status)
        leg.leave()
    leg = Bonder()
    status = leg.join(first, proof=leg.proof(first, stream=400))
    expect("a proof for another stream is answered with 409", status == "409", status)
    leg.leave()
    first.lives("after wrong proofs")
    first.leave()


def replays():
    """A proof that was good once is good for nothing else."""
    first = Bonder().open()
    second, third = Bonder(), Bonder()
    proof = second.proof(first)
    expect("the proof is good", second.join(first, proof) == "200")
    status = third.join(first, proof)
    expect("on another connection it is answered with 409", status == "409", status)
    status = second.join(first, proof)
    expect("again on its own connection it is refused", status in ("409", "429"), status)
    first.lives("after replays")
    for leg in (first, second, third):
        leg.leave()


def other_users():
    """A session belongs to its user, whoever knows its secret."""
    first = Bonder().open()
    leg = Bonder()
    status = leg.join(first, token=options.other_token)
    expect("another user's join is answered with 409", status == "409", status)
    leg.leave()
    leg = Bonder()
    status = leg.join(first, token="x")
    expect("nobody's join is answered with 401", status == "401", status)
    leg.leave()
    first.lives("after another user's joins")
    first.leave()


def fields():
    """A field that is none counts as absent: a plain tunnel."""
    for value in ("", "new", "new;v=2", "old;v=1", "new;v=1, new;v=1", '"new";v=1', ":AAAA:;v=1", "new;v=1;proof=1", ":" + "A" * 3000 + ":;v=1", "new;v=\"1\"", "(new);v=1",
                  "new;v=1;leg=300", "new;v=1;", "1;v=1", "?1;v=1", "new;v=1.0", ":!!!!:;v=1"):
        bonder = Bonder()
        status = bonder.ask(value)
        expect("%r gets a plain tunnel" % value[:60], status == "200" and bonder.session_id is None, (status, bonder.session_id))
        bonder.leave()


# --- frames and capsules ---


def gaps():
    """Packets behind a gap in every bucket, as many as can be held, again and again."""
    bonder = Bonder().open()
    data, sequence = inner(bonder.own(), 1100), 1
    for turn in range(14):
        for bucket in range(256):
            bonder.packet(sequence, bucket, 2 * turn + 1, data)
            sequence += 2
            if bucket % 32 == 31:
                bonder.pump(lambda: False, 0.005)
    bonder.lives("behind gaps")
    bonder.leave()


def marks():
    """Marks of every kind about every leg, in floods."""
    bonder = Bonder().open()
    data, sequence = inner(bonder.own()), 0
    for count in range(6000):
        near = rng.choice((0, 1, 5, 1 << 13, 1 << 14, 1 << 20, 1 << 31, (1 << 32) - 1, rng.getrandbits(32)))
        bonder.mark(rng.choice((0, 0, 1, 17, 254, 255)), rng.getrandbits(8), sequence + near, sequence + rng.choice((0, near, -near)))
        if count % 10 == 0:
            bonder.packet(sequence, rng.getrandbits(8), rng.getrandbits(24), data)
            sequence += 1
        if count % 50 == 49:
            bonder.pump(lambda: False, 0.005)
    bonder.lives("after marks")
    bonder.leave()


def jumps():
    """Sequences that leap about, and packets that came before."""
    bonder = Bonder().open()
    data, sequence = inner(bonder.own()), 0
    for count in range(3000):
        sequence += rng.choice((0, 1, 1, 2, -1, 1 << 14, 1 << 20, 1 << 31, -(1 << 16), rng.getrandbits(32)))
        bonder.packet(sequence, rng.getrandbits(8), rng.choice((sequence, rng.getrandbits(24))), data)
        if count % 50 == 49:
            bonder.pump(lambda: False, 0.005)
    bonder.lives("after jumps")
    bonder.leave()


def malformed():
    """Frames and capsules that are too short, too long, or mean nothing."""
    bonder = Bonder().open()
    for context in (2, 4):
        for size in list(range(0, 30)) + [100, 1000]:
            for fill in (bytes(size), b"\xff" * size, blob(size)):
                bonder.quic.datagram(varint(bonder.number // 4) + bytes([context]) + fill)
        bonder.pump(seconds=0.02)
        for size in (0, 7, 8, 10, 3000, 66000):
            bonder.capsules(http3.capsule(0, bytes([context]) + blob(size)))
            bonder.pump(seconds=0.02)
    for kind in (LEG_ROLE, SCHEDULER, LEG_REPORT):
        for size in list(range(0, 40)) + [70000]:
            bonder.capsules(http3.capsule(kind, blob(size)))
            bonder.capsules(http3.capsule(kind, b"\0" + struct.pack(">I", size) + b"\xff" * size))
        bonder.pump(seconds=0.05)
    if bonder.ended is None and bonder.number not in bonder.resets:
        bonder.lives("after malformed frames and capsules")
    bonder.leave()


def closes():
    """CLOSE ends the session for every leg of it, and no other."""
    first, second, other = Bonder().open(), Bonder(), Bonder().open()
    expect("the second leg is in", second.join(first) == "200")
    second.capsules(http3.capsule(CLOSE, b"\xff" + struct.pack(">I", 7) + b"\4done"))
    second.pump(seconds=0.1)
    first.pump(lambda: first.ended is not None or first.number in first.resets)
    expect("the first leg is ended", first.ended is not None or first.number in first.resets)
    third = Bonder()
    status = third.join(first)
    expect("its session is gone", status == "409", status)
    other.lives("after another session's CLOSE")
    for leg in (first, second, third, other):
        leg.leave()


def hoards():
    """Sessions and more sessions, left without a word."""
    statuses = [Bonder().ask("new;v=1") for _ in range(14)]
    expect("a user has no more than the limit", 0 < statuses.count("200") <= 8 and set(statuses) <= {"200", "429"}, statuses)


def misdirects():
    """Legs that come to another worker than their session's (of two) are told where it is, if their proof is good."""
    for home in (0, 1):
        first = Bonder(peer_cid=bytes([home]) + blob(11)).open()
        expect("the answer names the worker", first.worker == home, first.worker)
        wrong = Bonder(peer_cid=bytes([home + 1]) + blob(11))
        expect("a leg at the other worker is refused", wrong.join(first) == "421", wrong.answers)
        expect("and told where to go", wrong.worker == home and wrong.session_id == first.session_id, wrong.answers)
        other = Bonder(peer_cid=bytes([home + 1]) + blob(11))
        status = other.join(first, proof=blob(32))
        expect("but not without a proof", status == "409", status)
        right = Bonder(peer_cid=bytes([home + 2]) + blob(11))
        expect("a leg at the session's worker is taken", right.join(first) == "200" and right.leg == 1, right.answers)
        first.lives("after misdirected legs")
        for leg in (first, wrong, other, right):
            leg.leave()


ATTACKS = {one.__name__: one for one in (joins, wrong_proofs, replays, other_users, fields, gaps, marks, jumps, malformed, closes, hoards, misdirects)}


if __name__ == "__main__":
    arguments = argparse.ArgumentParser()
    arguments.add_argument("--other-token", required=True, help="of another user")
    run(ATTACKS, arguments)
