#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""A plain RFC 9484 client or server for the netns tests, written by hand and sharing no code with mpvpn.

How it works: one process, one loop over its UDP socket, a TUN device and a FIFO. What happens is printed, a line each; what it
shall do beyond the ordinary is read from the FIFO (--commands), a line each:

  ask PREFIX...            ADDRESS_REQUEST with request IDs from 1
  assign [N=]PREFIX...     ADDRESS_ASSIGN, as the answer to request N or unasked
  routes A-B[/PROTO]...    ROUTE_ADVERTISEMENT
  capsule TYPE HEX         any capsule
  packet HEX               an inner packet in a DATAGRAM
  context N HEX            a DATAGRAM of that context ID
  packets-by capsule|datagram   how packets of the TUN device are sent from now on
  mode MODE                server: what the next request gets
  update-keys, fin, reset, close

Modes of the server: unprompted (addresses and routes at once), asked (only when asked), 403, 404, no-connect (no
SETTINGS_ENABLE_CONNECT_PROTOCOL), no-datagram (no SETTINGS_H3_DATAGRAM), silent (takes the request, never answers), brief (answers
with 200 and ends the tunnel at once).

Standards: RFC 9484, RFC 9297, RFC 9220."""
import argparse
import fcntl
import ipaddress
import os
import select
import socket
import struct
import subprocess
import sys
import time
import urllib.parse

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
import http3
import quic
from quic import read_varint, varint

SERVER_PREFIXES = ["10.99.0.2/32", "fd99::2/128"]
SERVER_ROUTES = ["10.99.0.0-10.99.0.255", "fd99::-fd99::ffff"]


def say(*words):
    print(*words, flush=True)


def open_tun(name, mtu):
    tun = os.open("/dev/net/tun", os.O_RDWR | os.O_NONBLOCK)
    fcntl.ioctl(tun, 0x400454CA, struct.pack("16sH22x", name.encode(), 0x1001))  # TUNSETIFF: IFF_TUN, IFF_NO_PI
    subprocess.run(["ip", "link", "set", name, "addrgenmode", "none"], check=True)
    subprocess.run(["ip", "link", "set", name, "mtu", str(mtu), "up"], check=True)
    return tun


class Tunnel:
    """One connection with one CONNECT-IP request on it."""

    def __init__(self, connection, options, tun):
        self.quic, self.options, self.tun = connection, options, tun
        self.client = connection.client
        self.mode = options.mode
        self.readers, self.kinds = {}, {}
        self.capsules = http3.Reader()
        self.request = None       # stream ID
        self.open = False
        self.remote = None        # server: the client's address
        self.by_capsule = False
        self.seen = set()         # what is told of once only
        self.addresses = []       # configured on the TUN device

    def start(self):
        values = {http3.EXTENDED_CONNECT: 1, http3.H3_DATAGRAM: 1, 0x1F * 7 + 0x21: 9484}
        if self.mode == "no-connect":
            del values[http3.EXTENDED_CONNECT]
        if self.mode == "no-datagram":
            del values[http3.H3_DATAGRAM]
        self.quic.stream(self.quic.open_stream(False), b"\0" + http3.settings(values))
        if self.client:
            self.ask_for_tunnel()

    def ask_for_tunnel(self):
        options = self.options
        target = urllib.parse.quote(options.target, safe="*")
        path = options.path.replace("{target}", target).replace("{ipproto}", options.protocol)
        fields = [(":method", "CONNECT"), (":protocol", "connect-ip"), (":scheme", "https"), (":authority", options.authority),
                  (":path", path), ("capsule-protocol", "?1")]
        if options.token:
            fields.append(("authorization", "Bearer " + options.token))
        self.request = self.quic.open_stream()
        self.quic.stream(self.request, http3.frame(http3.HEADERS, http3.encode_fields(fields)))

    # --- what comes ---

    def on_event(self, event):
        kind = event[0]
        if kind == "ready":
            say("ready")
            self.start()
        elif kind == "stream":
            self.on_stream(*event[1:])
        elif kind == "datagram":
            self.on_datagram(event[1])
        elif kind in ("closed", "reset", "stop", "tls", "version"):
            say(kind, *[part.decode("latin-1") if isinstance(part, bytes) else part for part in event[1:]])

    def on_stream(self, number, data, end):
        if number & 2:
            if number not in self.kinds:
                self.kinds[number], at = read_varint(data, 0)
                data = data[at:]
            if self.kinds[number] != 0:
                return
        reader = self.readers.setdefault(number, http3.Reader())
        for kind, value in reader.feed(data):
            if kind == http3.SETTINGS and number & 2:
                say("settings", " ".join("%x=%d" % item for item in sorted(http3.read_settings(value).items())))
            elif kind == http3.HEADERS:
                self.on_headers(number, http3.decode_fields(value))
            elif kind == http3.DATA and number == self.request:
                self.on_data(value)
        if end:
            say("ended" if number == self.request else "stream %d ended" % number)

    def on_headers(self, number, fields):
        values = dict(fields)
        if self.client:
            say("status", values[":status"], values.get("www-authenticate", ""), values.get("proxy-status", ""))
            self.open = values[":status"] == "200"
            return
        self.request = number
        say("request", values[":method"], values.get(":protocol"), values[":path"], values.get("authorization", "-"))
        if self.mode == "silent":
            return
        status = self.mode if self.mode.isdigit() else "200"
        answer = http3.encode_fields([(":status", status)] + [("capsule-protocol", "?1")] * (status == "200"))
        self.quic.stream(number, http3.frame(http3.HEADERS, answer), fin=status != "200")
        self.open = status == "200"
        if self.mode == "brief":
            self.command("fin")
        if self.mode == "unprompted":
            self.command("assign " + " ".join(SERVER_PREFIXES))
            self.command("routes " + " ".join(SERVER_ROUTES))

    def on_data(self, data):
        for kind, value in self.capsules.feed(data):
            if kind == http3.CAPSULE_DATAGRAM:
                self.once("packet by capsule", len(value) - 1)
                self.on_payload(value)
            elif kind == http3.ASSIGN:
                entries = http3.read_addresses(value)
                say("assigned", " ".join("%d=%s" % entry for entry in entries))
                if self.client:
                    self.configure([prefix for _, prefix in entries if int(prefix.ip)])
            elif kind == http3.REQUEST:
                self.on_address_request(http3.read_addresses(value))
            elif kind == http3.ROUTES:
                say("routes", " ".join("%s-%s/%d" % one for one in http3.read_routes(value)))
            else:
                say("capsule", kind, len(value))

    def on_address_request(self, entries):
        say("asked", " ".join("%d=%s" % entry for entry in entries), "%.0f ms after the answer" % self.since_open())
        if self.client or self.mode != "asked":
            return
        own = {ipaddress.ip_interface(text).version: text for text in SERVER_PREFIXES}
        self.command("assign " + " ".join("%d=%s" % (number, own[prefix.version]) for number, prefix in entries))
        self.command("routes " + " ".join(SERVER_ROUTES))

    def since_open(self):
        return 1000 * (time.monotonic() - self.opened) if hasattr(self, "opened") else -1

    def once(self, *words):
        if words[0] not in self.seen:
            self.seen.add(words[0])
            say(*words)

    def on_datagram(self, data):
        quarter, at = read_varint(data, 0)
        if self.open and quarter * 4 == self.request:
            self.on_payload(data[at:])
        else:
            self.once("datagram of another stream", quarter * 4)

    def on_payload(self, data):
        context, at = read_varint(data, 0)
        packet = data[at:]
        if context == 0 and self.tun is not None and packet:
            try:
                os.write(self.tun, packet)
            except OSError as error:
                self.once("packet not written", error.strerror, packet[:40].hex())

    def configure(self, prefixes):
        if self.tun is None:
            return
        for prefix in self.addresses:
            subprocess.run(["ip", "address", "del", str(prefix), "dev", self.options.tun], check=False)
        self.addresses = prefixes
        for prefix in prefixes:
            family = "-6" if prefix.version == 6 else "-4"
            # Until duplicates were looked for, an IPv6 address can be no route's source.
            subprocess.run(["ip", "address", "replace", str(prefix), "dev", self.options.tun] + ["nodad"] * (prefix.version == 6), check=True)
            for route in self.options.route:
                if ipaddress.ip_network(route).version == prefix.version:
                    subprocess.run(["ip", family, "route", "replace", route, "dev", self.options.tun, "src", str(prefix.ip)], check=True)
        say("configured")

    # --- what is sent ---

    def on_tun(self, packet):
        if not self.open or self.quic.closed:
            return
        if self.by_capsule:
            self.send_capsules(http3.capsule(http3.CAPSULE_DATAGRAM, b"\0" + packet))
        else:
            self.send_datagram(0, packet)

    def send_datagram(self, context, data):
        self.quic.datagram(varint(self.request // 4) + varint(context) + data)

    def send_capsules(self, data):
        self.quic.stream(self.request, http3.frame(http3.DATA, data))

    def command(self, line):
        words = line.split()
        name, rest = words[0], words[1:]
        if name == "mode":
            self.options.mode = rest[0]
        elif name == "packets-by":
            self.by_capsule = rest[0] == "capsule"
        elif name == "ask":
            self.send_capsules(http3.addresses(http3.REQUEST, [(n + 1, ipaddress.ip_interface(text)) for n, text in enumerate(rest)]))
        elif name == "assign":
            entries = [text.split("=") if "=" in text else ("0", text) for text in rest]
            self.send_capsules(http3.addresses(http3.ASSIGN, [(int(n), ipaddress.ip_interface(text)) for n, text in entries]))
        elif name == "routes":
            self.send_capsules(http3.routes([self.parse_range(text) for text in rest]))
        elif name == "capsule":
            self.send_capsules(http3.capsule(int(rest[0]), bytes.fromhex("".join(rest[1:]))))
        elif name == "packet":
            self.send_datagram(0, bytes.fromhex("".join(rest)))
        elif name == "context":
            self.send_datagram(int(rest[0]), bytes.fromhex("".join(rest[1:])))
        elif name == "update-keys":
            self.quic.update_keys()
        elif name == "fin":
            self.quic.stream(self.request, b"", fin=True)
        elif name == "reset":
            self.quic.reset_stream(self.request, 0x10C)
            self.quic.stop_sending(self.request, 0x10C)
        elif name == "close":
            self.quic.close(0x100)
        else:
            sys.exit("no such command: " + line)

    @staticmethod
    def parse_range(text):
        text, _, protocol = text.partition("/")
        first, last = text.split("-")
        return ipaddress.ip_address(first), ipaddress.ip_address(last), int(protocol or 0)


class Loop:
    """The socket, the tunnels on it, the TUN device and the commands."""

    def __init__(self, options):
        self.options = options
        self.tun = open_tun(options.tun, options.mtu) if options.tun else None
        host, _, port = (options.connect or options.listen).rpartition(":")
        host = host.strip("[]")
        self.socket = socket.socket(socket.AF_INET6 if ":" in host else socket.AF_INET, socket.SOCK_DGRAM)
        self.socket.setblocking(False)
        self.tunnels = {}         # connection ID or remote address: Tunnel
        self.newest = None
        self.commands = os.open(options.commands, os.O_RDWR | os.O_NONBLOCK) if options.commands else None
        self.partial = b""
        if options.listen:
            self.socket.bind((host, int(port)))
        else:
            self.connect((host, int(port)))

    def parameters(self):
        return {0x20: varint(self.options.max_datagram) if self.options.max_datagram else None}

    def sender(self, remote):
        def send(data):
            try:
                self.socket.sendto(data, remote)
            except (BlockingIOError, ConnectionRefusedError, PermissionError):
                pass  # the last one: a firewall of this host dropped it, as any other might
        return send

    def connect(self, remote):
        connection = quic.Connection(True, self.sender(remote), parameters=self.parameters(), pin=self.options.pin,
                                     name=None if remote[0][0].isdigit() or ":" in remote[0] else remote[0])
        self.newest = self.tunnels[connection.scid] = Tunnel(connection, self.options, self.tun)
        connection.flush()

    def accept(self, data, remote):
        size = data[5]
        original, at = data[6 : 6 + size], 6 + size
        scid = data[at + 1 : at + 1 + data[at]]
        connection = quic.Connection(False, self.sender(remote), parameters=self.parameters(), peer_cid=scid, original=original,
                                     certificate=self.options.certificate, key=self.options.key)
        say("connection")
        self.newest = Tunnel(connection, self.options, self.tun)
        self.newest.remote = remote
        self.tunnels[connection.scid] = self.tunnels[original] = self.newest
        return self.newest

    def on_packet(self, data, remote):
        if not data:
            return
        cid = data[6 : 6 + data[5]] if data[0] & 0x80 and len(data) > 5 else data[1 : 1 + quic.CID_BYTES]
        tunnel = self.tunnels.get(cid)
        if tunnel is None and self.options.connect:
            tunnel = self.newest
        elif tunnel is None and data[0] & 0xF0 == 0xC0 and len(data) >= 1200 and data[1:5] == b"\0\0\0\1":
            tunnel = self.accept(data, remote)
        if tunnel is None:
            return
        tunnel.quic.newest_came = False
        tunnel.quic.receive(data)
        if self.options.listen and tunnel.quic.newest_came and remote != tunnel.remote:
            say("moved", remote[0])
            tunnel.remote = remote
            tunnel.quic.move(self.sender(remote))
        self.tunnels.update((cid, tunnel) for cid in tunnel.quic.cids)
        self.events(tunnel)

    def events(self, tunnel):
        while tunnel.quic.events:
            was_open = tunnel.open
            tunnel.on_event(tunnel.quic.events.popleft())
            if tunnel.open and not was_open:
                tunnel.opened = time.monotonic()

    def on_commands(self):
        lines = (self.partial + os.read(self.commands, 65536)).split(b"\n")
        self.partial = lines.pop()
        for line in lines:
            if line.strip() and self.newest:
                say("does", line.decode()[:60])
                self.newest.command(line.decode())

    def receive_all(self):
        for _ in range(64):
            try:
                self.on_packet(*self.socket.recvfrom(65536))
            except (BlockingIOError, ConnectionRefusedError):
                return

    def read_tun(self):
        for _ in range(64):
            try:
                packet = os.read(self.tun, 65536)
            except BlockingIOError:
                return
            tunnel = self.newest
            if tunnel is None or not tunnel.open or tunnel.quic.closed:
                tunnel = next((one for one in self.tunnels.values() if one.open and not one.quic.closed), None)
            if tunnel:
                tunnel.on_tun(packet)

    def run(self):
        files = [self.socket] + [one for one in (self.tun, self.commands) if one is not None]
        while True:
            ready, _, _ = select.select(files, [], [], 0.05)
            if self.socket in ready:
                self.receive_all()
            if self.commands in ready:
                self.on_commands()
            if self.tun in ready:
                self.read_tun()
            for tunnel in set(self.tunnels.values()):
                tunnel.quic.on_time()
                self.events(tunnel)
            if self.options.connect and self.newest.quic.closed:
                return
            for cid in [cid for cid, tunnel in self.tunnels.items() if tunnel.quic.closed]:
                del self.tunnels[cid]


def main():
    parser = argparse.ArgumentParser()
    role = parser.add_mutually_exclusive_group(required=True)
    role.add_argument("--connect", metavar="HOST:PORT")
    role.add_argument("--listen", metavar="HOST:PORT")
    parser.add_argument("--commands", metavar="FIFO")
    parser.add_argument("--tun", metavar="NAME")
    parser.add_argument("--mtu", type=int, default=1280)
    parser.add_argument("--max-datagram", type=int, default=65535, help="our transport parameter; 0: none")
    parser.add_argument("--route", action="append", default=[], help="client: goes into the TUN device")
    parser.add_argument("--token")
    parser.add_argument("--pin", help="hexadecimal SHA-256 of the server's public key")
    parser.add_argument("--target", default="*")
    parser.add_argument("--protocol", default="*")
    parser.add_argument("--authority", default="vpn.example.net")
    parser.add_argument("--path", default="/.well-known/masque/ip/{target}/{ipproto}/")
    parser.add_argument("--certificate")
    parser.add_argument("--key")
    parser.add_argument("--mode", default="unprompted")
    Loop(parser.parse_args()).run()


if __name__ == "__main__":
    main()
