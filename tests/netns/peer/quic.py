# SPDX-License-Identifier: GPL-2.0-or-later
"""QUIC version 1, either end, for the tests' own peers: small, plain, and willing to send what it should not.

How it works: Connection.receive() takes one UDP payload, Connection.flush() sends what is due, Connection.on_time() repeats what
was not acknowledged; what came is in Connection.events as tuples, the kind first. Frames that must arrive are kept as bytes and
sent again as they were. A server gives out connection IDs (Connection.cids) and follows its client to another address when told
(Connection.move()). What it leaves out: congestion control, 0-RTT, ECN, the peer's flow control limits (the tests send little, or
mean to break them).

Standards: RFC 9000, RFC 9001, RFC 9002 (the thresholds), RFC 9221."""
import collections
import hmac
import os
import struct
import time

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

import tls13
from tls13 import APPLICATION, HANDSHAKE, INITIAL

VERSION = 1
SALT = bytes.fromhex("38762cf7f55934b34d179ae6a4c80cadccbb7f0a")
RETRY_KEY, RETRY_NONCE = bytes.fromhex("be0c690b9f66575a1d766b54e368c84e"), bytes.fromhex("461599d35d632bf2239825bb")
CID_BYTES = 8
PTO = 0.1  # seconds; the tests' links are short


def varint(value):
    if value < 1 << 6:
        return bytes([value])
    if value < 1 << 14:
        return struct.pack(">H", value | 1 << 14)
    if value < 1 << 30:
        return struct.pack(">I", value | 2 << 30)
    return struct.pack(">Q", value | 3 << 62)


def read_varint(data, at):
    """The integer at that offset, and the offset behind it."""
    size = 1 << (data[at] >> 6)
    if at + size > len(data):
        raise IndexError("an integer is cut short")
    return int.from_bytes(data[at : at + size], "big") & ((1 << (8 * size - 2)) - 1), at + size


class Protection:
    """Keys of one direction of one level."""

    def __init__(self, secret, header_key=None):
        self.secret = secret
        self.aead = AESGCM(tls13.expand_label(secret, b"quic key", b"", 16))
        self.iv = int.from_bytes(tls13.expand_label(secret, b"quic iv", b"", 12), "big")
        self.header_key = header_key or tls13.expand_label(secret, b"quic hp", b"", 16)
        self.mask = Cipher(algorithms.AES(self.header_key), modes.ECB()).encryptor().update

    def next(self):
        return Protection(tls13.expand_label(self.secret, b"quic ku", b"", 32), self.header_key)

    def nonce(self, number):
        return (self.iv ^ number).to_bytes(12, "big")


class Space:
    """One packet number space."""

    def __init__(self):
        self.ours = self.theirs = None  # Protection
        self.number = 0                 # next packet number
        self.due = []                   # frames to be sent: (bytes, whether they must arrive)
        self.sent = {}                  # packet number: (time, frames that must arrive)
        self.ranges = []                # received packet numbers: [first, last], the largest first
        self.ack_due = False
        self.crypto_sent = 0            # bytes
        self.crypto = Assembly()

    def seen(self, number):
        """Note a received packet number. Returns whether it was seen before."""
        for index, one in enumerate(self.ranges):
            if one[0] <= number <= one[1]:
                return True
            if number == one[1] + 1:
                one[1] = number
                if index and self.ranges[index - 1][0] == number + 1:
                    self.ranges[index - 1][0] = one[0]
                    del self.ranges[index]
                return False
            if number > one[1]:
                self.ranges.insert(index, [number, number])
                return False
            if number == one[0] - 1 and (index + 1 == len(self.ranges) or self.ranges[index + 1][1] < number - 1):
                one[0] = number
                return False
        self.ranges.append([number, number])
        return False

    def ack(self):
        ranges = self.ranges[:32]
        out = b"\x02" + varint(ranges[0][1]) + b"\0" + varint(len(ranges) - 1) + varint(ranges[0][1] - ranges[0][0])
        for before, one in zip(ranges, ranges[1:]):
            out += varint(before[0] - one[1] - 2) + varint(one[1] - one[0])
        return out


class Assembly:
    """Bytes of a stream, put in order."""

    def __init__(self):
        self.at, self.parts, self.end = 0, {}, None

    def put(self, offset, data, fin=False):
        """Returns the bytes that are in order now, and whether the stream ends behind them."""
        if fin:
            self.end = offset + len(data)
        if data and offset + len(data) > self.at:
            if len(data) > len(self.parts.get(offset, b"")):
                self.parts[offset] = data
        out = b""
        while True:
            ready = [key for key in self.parts if key <= self.at]
            if not ready:
                return out, self.at == self.end
            for key in ready:
                part = self.parts.pop(key)[self.at - key :]
                out, self.at = out + part, self.at + len(part)


class Connection:
    """send(bytes) sends one UDP payload. Options: alpn, name, pin, certificate, key as tls13 has them; parameters: transport
    parameters to add or replace, number: bytes or None; reads: whether the peer gets more credit as its bytes are read."""

    def __init__(self, client, send, alpn=(b"h3",), parameters=None, reads=True, peer_cid=None, original=None, **tls):
        self.client, self.send, self.reads = client, send, reads
        self.scid, self.dcid = os.urandom(CID_BYTES), peer_cid or os.urandom(CID_BYTES)
        self.original = original or self.dcid
        self.spaces = {INITIAL: Space(), HANDSHAKE: Space(), APPLICATION: Space()}
        self.events = collections.deque()
        self.closed = False
        self.ready = False
        self.token = b""
        self.retried = False
        self.phase = 0                   # key phase of what we send
        self.reset_token = None
        self.peer_cids = {}
        self.cid_sequence = 0
        self.cids = [self.scid]          # given out
        self.newest_came = False         # the last packet that was read is the newest of its space
        self.streams = {}                # stream ID: Assembly of what comes
        self.offsets = {}                # stream ID: bytes sent
        self.next_stream = {False: 0 if client else 1, True: 2 if client else 3}
        self.data_read = 0
        self.data_credit = 1 << 24
        self.max_size = 1350             # UDP payload that is filled
        self.heard = time.monotonic()
        values = {0x01: varint(30000), 0x04: varint(1 << 24), 0x05: varint(1 << 22), 0x06: varint(1 << 22), 0x07: varint(1 << 22),
                  0x08: varint(100), 0x09: varint(100), 0x0E: varint(4), 0x0F: self.scid, 0x20: varint(65535)}
        if not client:
            values[0x00] = self.original
        values.update(parameters or {})
        encoded = b"".join(varint(key) + varint(len(value)) + value for key, value in values.items() if value is not None)
        self.tls = tls13.Handshake(client, list(alpn), encoded, self.send_crypto, self.set_secret, **tls)
        self.set_initial_keys(self.original)
        if client:
            self.tls.start()

    # --- keys ---

    def set_initial_keys(self, cid):
        secret = tls13.extract(SALT, cid)
        client, server = (Protection(tls13.expand_label(secret, label, b"", 32)) for label in (b"client in", b"server in"))
        space = self.spaces[INITIAL]
        space.ours, space.theirs = (client, server) if self.client else (server, client)

    def set_secret(self, level, ours, secret):
        setattr(self.spaces[level], "ours" if ours else "theirs", Protection(secret))

    def update_keys(self):
        """Begin a key update."""
        space = self.spaces[APPLICATION]
        space.ours, self.phase = space.ours.next(), self.phase ^ 1
        self.next_theirs = space.theirs.next()

    # --- what the user calls ---

    def open_stream(self, bidirectional=True):
        number = self.next_stream[not bidirectional]
        self.next_stream[not bidirectional] += 4
        return number

    def frame(self, data, reliable=True, level=APPLICATION):
        """Any frame, well-formed or not."""
        self.spaces[level].due.append((data, reliable))

    def stream(self, number, data, fin=False):
        at = self.offsets.get(number, 0)
        while True:
            part, data = data[:1000], data[1000:]
            last = fin and not data
            self.frame(bytes([0x0E | last]) + varint(number) + varint(at) + varint(len(part)) + part)
            at += len(part)
            if not data:
                break
        self.offsets[number] = at

    def datagram(self, data):
        self.frame(b"\x31" + varint(len(data)) + data, reliable=False)

    def reset_stream(self, number, code):
        self.frame(b"\x04" + varint(number) + varint(code) + varint(self.offsets.get(number, 0)))

    def stop_sending(self, number, code):
        self.frame(b"\x05" + varint(number) + varint(code))

    def move(self, send):
        """The peer has another address: validate it (the answer is not looked at), under another connection ID."""
        self.send = send
        unused = [number for number in self.peer_cids if number > self.cid_sequence]
        if unused:
            self.frame(b"\x19" + varint(self.cid_sequence))
            self.cid_sequence = min(unused)
            self.dcid, self.reset_token = self.peer_cids[self.cid_sequence]
        self.frame(b"\x1a" + os.urandom(8), reliable=False)

    def give_cid(self):
        """One more connection ID for the peer."""
        self.cids.append(os.urandom(CID_BYTES))
        self.frame(b"\x18" + varint(len(self.cids) - 1) + b"\0" + bytes([CID_BYTES]) + self.cids[-1] + os.urandom(16))

    def close(self, code=0, application=True, reason=b""):
        if self.closed:
            return
        level = APPLICATION if self.spaces[APPLICATION].ours and (self.ready or not self.client) else INITIAL
        if level == APPLICATION and application:
            data = b"\x1d" + varint(code) + varint(len(reason)) + reason
        else:
            data = b"\x1c" + varint(code) + b"\0" + varint(len(reason)) + reason
        self.spaces[level].due = [(data, False)]
        self.flush()
        self.closed = True
        self.events.append(("closed", "us", code, reason))

    def send_crypto(self, level, data):
        space = self.spaces[level]
        for at in range(0, len(data), 1000):
            part = data[at : at + 1000]
            self.frame(b"\x06" + varint(space.crypto_sent) + varint(len(part)) + part, level=level)
            space.crypto_sent += len(part)

    # --- out ---

    def packet(self, level, payload, number=None):
        """One protected packet around a payload of frames; the number is the space's next one if none is given."""
        space = self.spaces[level]
        if number is None:
            number = space.number
            space.number += 1
        payload += bytes(max(0, 4 - len(payload)))
        if level == APPLICATION:
            header = bytes([0x43 | self.phase << 2]) + self.dcid
        else:
            header = bytes([0xC3 | level << 4]) + struct.pack(">I", VERSION) + bytes([len(self.dcid)]) + self.dcid
            header += bytes([len(self.scid)]) + self.scid
            if level == INITIAL:
                header += varint(len(self.token)) + self.token
            header += struct.pack(">H", 1 << 14 | 4 + len(payload) + 16)
        offset = len(header)
        header += struct.pack(">I", number & 0xFFFFFFFF)
        body = space.ours.aead.encrypt(space.ours.nonce(number), payload, header)
        mask = space.ours.mask(body[:16])
        first = header[0] ^ mask[0] & (0x1F if level == APPLICATION else 0x0F)
        masked = bytes(a ^ b for a, b in zip(header[offset:], mask[1:]))
        return bytes([first]) + header[1:offset] + masked + body

    def flush(self):
        """Send all that is due."""
        if self.closed:
            return
        for level, space in self.spaces.items():
            while space.ours and (space.due or space.ack_due):
                payload, kept = b"", []
                if space.ack_due and space.ranges:
                    payload = space.ack()
                space.ack_due = False
                while space.due and (not kept and not payload or len(payload) + len(space.due[0][0]) <= self.max_size - 60):
                    data, reliable = space.due.pop(0)
                    payload += data
                    if reliable:
                        kept.append(data)
                if level == INITIAL:
                    header = 29 + len(self.dcid) + len(self.scid) + len(varint(len(self.token))) + len(self.token)
                    payload += bytes(max(0, 1200 - len(payload) - header))
                if kept:
                    space.sent[space.number] = (time.monotonic(), kept)
                self.send(self.packet(level, payload))

    def on_time(self):
        """Send again what was not acknowledged in time."""
        now = time.monotonic()
        for space in self.spaces.values():
            for number, (since, frames) in list(space.sent.items()):
                if now - since > PTO:
                    del space.sent[number]
                    space.due.extend((data, True) for data in frames)
        self.flush()

    # --- in ---

    def receive(self, data):
        """One UDP payload."""
        self.heard = time.monotonic()
        whole = data
        while data and not self.closed:
            try:
                used = self.receive_packet(data)
            except (InvalidTag, IndexError, struct.error):
                used = None
            if used is None:
                if self.reset_token and hmac.compare_digest(whole[-16:], self.reset_token):
                    self.closed = True
                    self.events.append(("closed", "stateless reset", 0, b""))
                return
            data = data[used:]

    def receive_packet(self, data):
        """The first packet in the bytes. Returns its length, None: not readable."""
        if not data[0] & 0x80:
            level, offset, end = APPLICATION, 1 + CID_BYTES, len(data)
        else:
            version, size = struct.unpack_from(">IB", data, 1)
            at = 6 + size
            scid = data[at + 1 : at + 1 + data[at]]
            at += 1 + data[at]
            if version != VERSION:
                self.events.append(("version", version))
                return None
            level = data[0] >> 4 & 3
            if level == 3:
                return self.receive_retry(data, scid, at)
            if level == INITIAL:
                size, at = read_varint(data, at)
                at += size
            length, offset = read_varint(data, at)
            end = offset + length
        space = self.spaces.get(level)
        if space is None or space.theirs is None or end > len(data):
            return None
        keys, mask = space.theirs, space.theirs.mask(data[offset + 4 : offset + 20])
        first = data[0] ^ mask[0] & (0x1F if level == APPLICATION else 0x0F)
        size = (first & 3) + 1
        packed = bytes(a ^ b for a, b in zip(data[offset : offset + size], mask[1:]))
        number = self.full_number(space, int.from_bytes(packed, "big"), 8 * size)
        if level == APPLICATION and (first >> 2 & 1) != getattr(self, "their_phase", 0):
            keys = getattr(self, "next_theirs", None) or space.theirs.next()
        payload = keys.aead.decrypt(keys.nonce(number), data[offset + size : end], bytes([first]) + data[1:offset] + packed)
        if keys is not space.theirs:
            space.theirs, self.their_phase, self.next_theirs = keys, first >> 2 & 1, None
            if self.phase != self.their_phase:
                space.ours, self.phase = space.ours.next(), self.their_phase
        if data[0] & 0x80 and (self.client or level == INITIAL):
            self.dcid = scid
        seen = space.seen(number)
        self.newest_came = not seen and level == APPLICATION and number == space.ranges[0][1]
        if not seen:
            self.receive_frames(level, space, payload)
        return end

    @staticmethod
    def full_number(space, number, bits):
        expected = (space.ranges[0][1] if space.ranges else -1) + 1
        window = 1 << bits
        candidate = expected & ~(window - 1) | number
        if candidate <= expected - window // 2:
            return candidate + window
        if candidate > expected + window // 2 and candidate >= window:
            return candidate - window
        return candidate

    def receive_retry(self, data, scid, at):
        pseudo = bytes([len(self.original)]) + self.original + data[:-16]
        if not self.client or self.retried or AESGCM(RETRY_KEY).encrypt(RETRY_NONCE, b"", pseudo) != data[-16:]:
            return None
        self.retried, self.token, self.dcid = True, data[at:-16], scid
        self.set_initial_keys(scid)
        space = self.spaces[INITIAL]
        for number in list(space.sent):
            space.due.extend((frame, True) for frame in space.sent.pop(number)[1])
        return len(data)

    def receive_frames(self, level, space, data):
        at = 0
        while at < len(data) and not self.closed:
            kind, at = read_varint(data, at)
            if kind not in (0x00, 0x02, 0x03, 0x1C, 0x1D):
                space.ack_due = True
            if kind <= 0x01:
                continue
            if kind in (0x02, 0x03):
                at = self.receive_ack(space, data, at, kind == 0x03)
            elif kind == 0x06:
                offset, at = read_varint(data, at)
                length, at = read_varint(data, at)
                self.receive_crypto(level, offset, data[at : at + length])
                at += length
            elif 0x08 <= kind <= 0x0F:
                at = self.receive_stream(kind, data, at)
            elif kind in (0x30, 0x31):
                length = len(data) - at
                if kind == 0x31:
                    length, at = read_varint(data, at)
                self.events.append(("datagram", data[at : at + length]))
                at += length
            else:
                at = self.receive_other(kind, data, at)

    def receive_ack(self, space, data, at, ecn):
        largest, at = read_varint(data, at)
        _, at = read_varint(data, at)
        count, at = read_varint(data, at)
        length, at = read_varint(data, at)
        first = largest - length
        self.acked(space, first, largest)
        for _ in range(count):
            gap, at = read_varint(data, at)
            length, at = read_varint(data, at)
            last = first - gap - 2
            first = last - length
            self.acked(space, first, last)
        for _ in range(3 if ecn else 0):
            _, at = read_varint(data, at)
        for number in [number for number in space.sent if number + 3 <= largest]:
            space.due.extend((frame, True) for frame in space.sent.pop(number)[1])
        return at

    @staticmethod
    def acked(space, first, last):
        for number in [number for number in space.sent if first <= number <= last]:
            del space.sent[number]

    def receive_crypto(self, level, offset, data):
        ready, _ = self.spaces[level].crypto.put(offset, data)
        try:
            self.tls.receive(level, ready)
        except tls13.Alert as alert:
            self.events.append(("tls", str(alert)))
            self.close(0x100 + alert.number, False, str(alert).encode())
            return
        if self.tls.done and not self.ready:
            self.ready = True
            self.read_parameters(self.tls.peer_parameters)
            self.forget(INITIAL)
            if not self.client:
                self.forget(HANDSHAKE)
                self.frame(b"\x1e")
                for _ in range(min(3, read_varint(self.peer.get(0x0E, b"\2"), 0)[0] - 1)):
                    self.give_cid()
            self.events.append(("ready",))

    def forget(self, level):
        """Nothing of that level needs to arrive any more."""
        self.spaces[level].sent.clear()
        self.spaces[level].due.clear()

    def read_parameters(self, data):
        at, self.peer = 0, {}
        while at < len(data):
            key, at = read_varint(data, at)
            length, at = read_varint(data, at)
            self.peer[key] = data[at : at + length]
            at += length
        self.reset_token = self.peer.get(0x02)

    def receive_stream(self, kind, data, at):
        number, at = read_varint(data, at)
        offset, length = 0, None
        if kind & 4:
            offset, at = read_varint(data, at)
        if kind & 2:
            length, at = read_varint(data, at)
        else:
            length = len(data) - at
        stream = self.streams.setdefault(number, Assembly())
        ended_before = stream.end == stream.at
        ready, end = stream.put(offset, data[at : at + length], bool(kind & 1))
        if ready or end and not ended_before:
            self.events.append(("stream", number, ready, end))
        self.data_read += len(ready)
        if self.reads and ready:
            self.frame(b"\x11" + varint(number) + varint(stream.at + (1 << 22)), reliable=False)
            self.frame(b"\x10" + varint(self.data_read + (1 << 24)), reliable=False)
        return at + length

    def receive_other(self, kind, data, at):
        """Frames that are nothing but integers, or nearly."""
        counts = {0x04: 3, 0x05: 2, 0x10: 1, 0x11: 2, 0x12: 1, 0x13: 1, 0x14: 1, 0x15: 2, 0x16: 1, 0x17: 1, 0x19: 1, 0x1E: 0, 0x07: 0,
                  0x18: 2, 0x1A: 0, 0x1B: 0, 0x1C: 2, 0x1D: 1}
        values = []
        for _ in range(counts[kind]):
            value, at = read_varint(data, at)
            values.append(value)
        if kind == 0x1E:
            self.forget(HANDSHAKE)
        elif kind == 0x04:
            self.events.append(("reset", values[0], values[1]))
        elif kind == 0x05:
            self.events.append(("stop", values[0], values[1]))
        elif kind == 0x07:
            length, at = read_varint(data, at)
            at += length
        elif kind == 0x18:
            length, at = data[at], at + 1
            self.peer_cids[values[0]] = (data[at : at + length], data[at + length : at + length + 16])
            at += length + 16
            if values[1] > self.cid_sequence:
                for number in range(self.cid_sequence, values[1]):
                    self.frame(b"\x19" + varint(number))
                self.cid_sequence = values[1]
                self.dcid, self.reset_token = self.peer_cids[values[1]]
        elif kind == 0x19 and not self.client:
            self.give_cid()
        elif kind == 0x1A:
            self.frame(b"\x1b" + data[at : at + 8], reliable=False)
            at += 8
        elif kind == 0x1B:
            at += 8
        elif kind in (0x1C, 0x1D):
            length, at = read_varint(data, at)
            self.closed = True
            self.events.append(("closed", "application" if kind == 0x1D else "transport", values[0], data[at : at + length]))
        return at
