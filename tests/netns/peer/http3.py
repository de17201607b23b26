# SPDX-License-Identifier: GPL-2.0-or-later
"""HTTP/3 and the capsule protocol for the tests' own peers: encoding, and readers that take bytes cut anywhere.

QPACK without its dynamic table: our fields go as plain literals; static entries and Huffman strings are understood.
Standards: RFC 9114, RFC 9204, RFC 9220, RFC 9297, RFC 9484 section 4.7."""
import ipaddress

from hpack.huffman_table import decode_huffman

from quic import read_varint, varint

DATA, HEADERS, SETTINGS = 0, 1, 4
CAPSULE_DATAGRAM, ASSIGN, REQUEST, ROUTES = 0, 1, 2, 3
EXTENDED_CONNECT, H3_DATAGRAM = 0x08, 0x33

# The part of QPACK's static table (RFC 9204 appendix A) that this application can meet.
STATIC = {0: (":authority", ""), 1: (":path", "/"), 4: ("content-length", "0"), 15: (":method", "CONNECT"), 17: (":method", "GET"),
          22: (":scheme", "http"), 23: (":scheme", "https"), 24: (":status", "103"), 25: (":status", "200"), 27: (":status", "404"),
          28: (":status", "503"), 46: ("content-type", "application/json"), 53: ("content-type", "text/plain"), 63: (":status", "100"),
          64: (":status", "204"), 65: (":status", "206"), 66: (":status", "302"), 67: (":status", "400"), 68: (":status", "403"),
          69: (":status", "421"), 70: (":status", "425"), 71: (":status", "500"), 84: ("authorization", ""), 92: ("server", ""),
          95: ("user-agent", "")}


def integer(value, bits, first=0):
    """RFC 7541's integer with a prefix of so many bits."""
    limit = (1 << bits) - 1
    if value < limit:
        return bytes([first | value])
    out, value = bytes([first | limit]), value - limit
    while value >= 128:
        out, value = out + bytes([value & 127 | 128]), value >> 7
    return out + bytes([value])


def read_integer(data, at, bits):
    value, at = data[at] & ((1 << bits) - 1), at + 1
    shift = 0
    if value == (1 << bits) - 1:
        while True:
            byte, at = data[at], at + 1
            value, shift = value + ((byte & 127) << shift), shift + 7
            if not byte & 128:
                break
    return value, at


def read_string(data, at, bits):
    """A string whose Huffman flag stands right above its length's prefix."""
    huffman = data[at] >> bits & 1
    length, at = read_integer(data, at, bits)
    text = data[at : at + length]
    return (decode_huffman(text) if huffman else text).decode("latin-1"), at + length


def encode_fields(fields):
    out = b"\0\0"
    for name, value in fields:
        name, value = (part if isinstance(part, bytes) else part.encode() for part in (name, value))
        out += integer(len(name), 3, 0x20) + name + integer(len(value), 7) + value
    return out


def decode_fields(data):
    fields, at = [], 2
    while at < len(data):
        if data[at] & 0xC0 == 0xC0:
            index, at = read_integer(data, at, 6)
            fields.append(STATIC.get(index, ("static-%d" % index, "")))
        elif data[at] & 0xD0 == 0x50:
            index, at = read_integer(data, at, 4)
            value, at = read_string(data, at, 7)
            fields.append((STATIC.get(index, ("static-%d" % index, ""))[0], value))
        elif data[at] & 0xE0 == 0x20:
            name, at = read_string(data, at, 3)
            value, at = read_string(data, at, 7)
            fields.append((name, value))
        else:
            raise ValueError("a field of the dynamic table, which was not allowed")
    return fields


def frame(kind, payload):
    return varint(kind) + varint(len(payload)) + payload


capsule = frame  # of the same form


class Reader:
    """Type, length, value: frames of a stream, or capsules."""

    def __init__(self):
        self.data = b""

    def feed(self, data):
        self.data += data
        while True:
            try:
                kind, at = read_varint(self.data, 0)
                length, at = read_varint(self.data, at)
            except IndexError:
                return
            if len(self.data) < at + length:
                return
            value, self.data = self.data[at : at + length], self.data[at + length :]
            yield kind, value


def settings(values):
    return frame(SETTINGS, b"".join(varint(key) + varint(value) for key, value in values.items()))


def read_settings(data):
    at, values = 0, {}
    while at < len(data):
        key, at = read_varint(data, at)
        values[key], at = read_varint(data, at)
    return values


def addresses(kind, entries):
    """A capsule of (request ID, prefix); the prefix is an ip_interface."""
    out = b""
    for number, prefix in entries:
        out += varint(number) + bytes([prefix.version]) + prefix.ip.packed + bytes([prefix.network.prefixlen])
    return capsule(kind, out)


def read_addresses(data):
    at, entries = 0, []
    while at < len(data):
        number, at = read_varint(data, at)
        size = 4 if data[at] == 4 else 16
        address = ipaddress.ip_address(data[at + 1 : at + 1 + size])
        entries.append((number, ipaddress.ip_interface("%s/%d" % (address, data[at + 1 + size]))))
        at += size + 2
    return entries


def routes(ranges):
    """A capsule of (first, last, protocol)."""
    return capsule(ROUTES, b"".join(bytes([first.version]) + first.packed + last.packed + bytes([protocol]) for first, last, protocol in ranges))


def read_routes(data):
    at, ranges = 0, []
    while at < len(data):
        size = 4 if data[at] == 4 else 16
        first, last = (ipaddress.ip_address(data[at + 1 + n * size : at + 1 + (n + 1) * size]) for n in (0, 1))
        ranges.append((first, last, data[at + 1 + 2 * size]))
        at += 2 + 2 * size
    return ranges
