# SPDX-License-Identifier: GPL-2.0-or-later
"""TLS 1.3 as QUIC uses it, both ends, for the tests' own peers. It shares no code with mpvpn or its libraries.

How it works: a handshake takes CRYPTO bytes of one level and gives messages to be sent and traffic secrets by way of its two
callbacks: send(level, bytes) and secret(level, ours, bytes). One cipher suite (TLS_AES_128_GCM_SHA256), X25519 or P-256, a
server certificate on a P-256 key. What it leaves out: session tickets (read past), client certificates, HelloRetryRequest,
chains of certificates: a client checks the signature and, if one is given, the pin.

Standards: RFC 8446, RFC 9001 section 4."""
import hashlib
import hmac
import os
import struct

from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, padding, rsa
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey, X25519PublicKey
from cryptography.x509 import load_der_x509_certificate, load_pem_x509_certificate

INITIAL, HANDSHAKE, APPLICATION = 0, 2, 3  # levels; QUIC's packet types of the same numbers (1 is 0-RTT)
SUITE = 0x1301
X25519, P256 = 0x001D, 0x0017
CLIENT_HELLO, SERVER_HELLO, TICKET, EXTENSIONS, CERTIFICATE, VERIFY, FINISHED, KEY_UPDATE = 1, 2, 4, 8, 11, 15, 20, 24
TRANSPORT_PARAMETERS = 0x39


class Alert(Exception):
    """The handshake fails; number is the TLS alert's."""

    def __init__(self, number, text):
        super().__init__(text)
        self.number = number


def extract(salt, key):
    return hmac.new(salt, key, hashlib.sha256).digest()


def expand_label(secret, label, context, length):
    full = b"tls13 " + label
    info = struct.pack(">HB", length, len(full)) + full + bytes([len(context)]) + context
    out, block, count = b"", b"", 1
    while len(out) < length:
        block = hmac.new(secret, block + info + bytes([count]), hashlib.sha256).digest()
        out, count = out + block, count + 1
    return out[:length]


def vector(size, data):
    return len(data).to_bytes(size, "big") + data


def message(kind, body):
    return bytes([kind]) + vector(3, body)


def extension(number, body):
    return struct.pack(">H", number) + vector(2, body)


class Reader:
    """Big-endian fields off a byte string."""

    def __init__(self, data):
        self.data, self.at = data, 0

    def take(self, length):
        if self.at + length > len(self.data):
            raise Alert(50, "a message is cut short")
        self.at += length
        return self.data[self.at - length : self.at]

    def number(self, size):
        return int.from_bytes(self.take(size), "big")

    def vector(self, size):
        return self.take(self.number(size))

    def left(self):
        return len(self.data) - self.at


def read_extensions(data):
    reader, found = Reader(data), {}
    while reader.left():
        number = reader.number(2)
        found[number] = reader.vector(2)
    return found


class Handshake:
    """One end. client: name, pin (hash of the public key, or None). server: certificate and key as paths of PEM files."""

    def __init__(self, client, alpn, parameters, send, secret, name=None, pin=None, certificate=None, key=None):
        self.client, self.alpn, self.parameters, self.pin, self.name = client, alpn, parameters, pin, name
        self.send, self.secret = send, secret
        self.transcript = b""
        self.buffers = {INITIAL: b"", HANDSHAKE: b"", APPLICATION: b""}
        self.peer_parameters = None
        self.done = False
        self.awaits = SERVER_HELLO if client else CLIENT_HELLO
        self.shares = {X25519: X25519PrivateKey.generate()}
        if not client:
            with open(certificate, "rb") as file:
                self.certificate = load_pem_x509_certificate(file.read())
            with open(key, "rb") as file:
                self.key = serialization.load_pem_private_key(file.read(), None)

    def start(self):
        """Client: the ClientHello."""
        body = b"\x03\x03" + os.urandom(32) + b"\0" + vector(2, struct.pack(">H", SUITE)) + b"\1\0"
        public = self.shares[X25519].public_key().public_bytes(serialization.Encoding.Raw, serialization.PublicFormat.Raw)
        items = [
            extension(43, vector(1, b"\x03\x04")),
            extension(10, vector(2, struct.pack(">H", X25519))),
            extension(13, vector(2, struct.pack(">HHH", 0x0403, 0x0804, 0x0807))),
            extension(51, vector(2, struct.pack(">H", X25519) + vector(2, public))),
            extension(TRANSPORT_PARAMETERS, self.parameters),
        ]
        if self.alpn:
            items.append(extension(16, vector(2, b"".join(vector(1, name) for name in self.alpn))))
        if self.name:
            items.append(extension(0, vector(2, b"\0" + vector(2, self.name.encode()))))
        self.put(INITIAL, message(CLIENT_HELLO, body + vector(2, b"".join(items))))

    def put(self, level, data):
        self.transcript += data
        self.send(level, data)

    def receive(self, level, data):
        """CRYPTO bytes in order."""
        self.buffers[level] += data
        while len(self.buffers[level]) >= 4:
            length = 4 + int.from_bytes(self.buffers[level][1:4], "big")
            if len(self.buffers[level]) < length:
                return
            whole, self.buffers[level] = self.buffers[level][:length], self.buffers[level][length:]
            self.take(level, whole[0], whole)

    def take(self, level, kind, whole):
        if self.done:
            if kind != TICKET or not self.client:
                raise Alert(10, "an unexpected message after the handshake")
            return
        if kind != self.awaits:
            raise Alert(10, "message %d where %d is due" % (kind, self.awaits))
        handlers = {CLIENT_HELLO: self.client_hello, SERVER_HELLO: self.server_hello, EXTENSIONS: self.extensions,
                    CERTIFICATE: self.take_certificate, VERIFY: self.take_verify, FINISHED: self.finished}
        handlers[kind](Reader(whole[4:]), whole)

    def digest(self):
        return hashlib.sha256(self.transcript).digest()

    def derive(self, secret, label, digest=None):
        return expand_label(secret, label, self.digest() if digest is None else digest, 32)

    def handshake_secrets(self, shared):
        empty = hashlib.sha256(b"").digest()
        early = extract(bytes(32), bytes(32))
        self.handshake_secret = extract(self.derive(early, b"derived", empty), shared)
        self.client_secret = self.derive(self.handshake_secret, b"c hs traffic")
        self.server_secret = self.derive(self.handshake_secret, b"s hs traffic")
        self.master = extract(self.derive(self.handshake_secret, b"derived", empty), bytes(32))
        self.secret(HANDSHAKE, self.client, self.client_secret)
        self.secret(HANDSHAKE, not self.client, self.server_secret)

    def application_secrets(self):
        """Both directions, from the transcript up to the server's Finished."""
        self.application = (self.derive(self.master, b"c ap traffic"), self.derive(self.master, b"s ap traffic"))
        self.exporter_master = self.derive(self.master, b"exp master")
        self.secret(APPLICATION, not self.client, self.application[1])
        self.secret(APPLICATION, self.client, self.application[0])

    def export(self, label, context=b"", length=32):
        """RFC 8446 section 7.5: keying material for others, of the handshake that is done."""
        secret = self.derive(self.exporter_master, label, hashlib.sha256(b"").digest())
        return expand_label(secret, b"exporter", hashlib.sha256(context).digest(), length)

    def finished_mac(self, secret):
        return hmac.new(expand_label(secret, b"finished", b"", 32), self.digest(), hashlib.sha256).digest()

    # --- client ---

    def server_hello(self, reader, whole):
        reader.take(2 + 32)
        reader.vector(1)
        if reader.number(2) != SUITE:
            raise Alert(47, "another cipher suite")
        reader.take(1)
        found = read_extensions(reader.vector(2))
        share = Reader(found[51])
        if share.number(2) != X25519 or share.left() < 2:
            raise Alert(47, "another group")
        self.transcript += whole
        self.handshake_secrets(self.shares[X25519].exchange(X25519PublicKey.from_public_bytes(share.vector(2))))
        self.awaits = EXTENSIONS

    def extensions(self, reader, whole):
        found = read_extensions(reader.vector(2))
        if self.alpn and 16 not in found:
            raise Alert(120, "the server chose no ALPN")
        self.peer_parameters = found[TRANSPORT_PARAMETERS]
        self.transcript += whole
        self.awaits = CERTIFICATE

    def take_certificate(self, reader, whole):
        reader.vector(1)
        entries = Reader(reader.vector(3))
        self.peer_certificate = load_der_x509_certificate(entries.vector(3))
        key = self.peer_certificate.public_key().public_bytes(serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo)
        if self.pin and hashlib.sha256(key).hexdigest() != self.pin:
            raise Alert(42, "the certificate is not the pinned one")
        self.transcript += whole
        self.awaits = VERIFY

    def verify_content(self):
        return b" " * 64 + b"TLS 1.3, server CertificateVerify\0" + self.digest()

    def take_verify(self, reader, whole):
        reader.number(2)
        signature, key = reader.vector(2), self.peer_certificate.public_key()
        if isinstance(key, rsa.RSAPublicKey):
            key.verify(signature, self.verify_content(), padding.PSS(padding.MGF1(hashes.SHA256()), 32), hashes.SHA256())
        elif isinstance(key, ec.EllipticCurvePublicKey):
            key.verify(signature, self.verify_content(), ec.ECDSA(hashes.SHA256()))
        else:
            key.verify(signature, self.verify_content())
        self.transcript += whole
        self.awaits = FINISHED

    def finished(self, reader, whole):
        peer = self.server_secret if self.client else self.client_secret
        if not hmac.compare_digest(reader.take(32), self.finished_mac(peer)):
            raise Alert(51, "Finished is wrong")
        self.transcript += whole
        if self.client:
            self.application_secrets()
            self.put(HANDSHAKE, message(FINISHED, self.finished_mac(self.client_secret)))
        self.done = True

    # --- server ---

    def exchange(self, shares):
        """Our share and the shared secret for the first of the client's shares that we know."""
        reader = Reader(shares)
        while reader.left():
            group, theirs = reader.number(2), reader.vector(2)
            if group == X25519:
                ours = self.shares[X25519]
                public = ours.public_key().public_bytes(serialization.Encoding.Raw, serialization.PublicFormat.Raw)
                return group, public, ours.exchange(X25519PublicKey.from_public_bytes(theirs))
            if group == P256:
                ours = ec.generate_private_key(ec.SECP256R1())
                public = ours.public_key().public_bytes(serialization.Encoding.X962, serialization.PublicFormat.UncompressedPoint)
                return group, public, ours.exchange(ec.ECDH(), ec.EllipticCurvePublicKey.from_encoded_point(ec.SECP256R1(), theirs))
        raise Alert(40, "no key share of a group that we know")

    def client_hello(self, reader, whole):
        reader.take(2 + 32)
        session = reader.vector(1)
        suites = reader.vector(2)
        if SUITE not in struct.unpack(">%dH" % (len(suites) // 2), suites):
            raise Alert(40, "no cipher suite that we know")
        reader.vector(1)
        found = read_extensions(reader.vector(2))
        offered, names = Reader(found.get(16, b"\0\0")[2:]), []
        while offered.left():
            names.append(offered.vector(1))
        if not set(names) & set(self.alpn):
            raise Alert(120, "no ALPN that we know")
        self.peer_parameters = found[TRANSPORT_PARAMETERS]
        self.offered_name = found[0][5:].decode() if 0 in found else None
        self.transcript += whole
        group, public, shared = self.exchange(found[51][2:])
        body = b"\x03\x03" + os.urandom(32) + vector(1, session) + struct.pack(">H", SUITE) + b"\0"
        body += vector(2, extension(43, b"\x03\x04") + extension(51, struct.pack(">H", group) + vector(2, public)))
        self.put(INITIAL, message(SERVER_HELLO, body))
        self.handshake_secrets(shared)
        alpn = extension(16, vector(2, vector(1, self.alpn[0])))
        self.put(HANDSHAKE, message(EXTENSIONS, vector(2, alpn + extension(TRANSPORT_PARAMETERS, self.parameters))))
        der = self.certificate.public_bytes(serialization.Encoding.DER)
        self.put(HANDSHAKE, message(CERTIFICATE, b"\0" + vector(3, vector(3, der) + b"\0\0")))
        signature = self.key.sign(self.verify_content(), ec.ECDSA(hashes.SHA256()))
        self.put(HANDSHAKE, message(VERIFY, b"\x04\x03" + vector(2, signature)))
        self.put(HANDSHAKE, message(FINISHED, self.finished_mac(self.server_secret)))
        self.application_secrets()
        self.awaits = FINISHED
