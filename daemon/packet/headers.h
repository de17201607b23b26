/* SPDX-License-Identifier: GPL-2.0-or-later */
/* headers: where the headers of IP, TCP and UDP have what. Standards: RFC 791, RFC 8200, RFC 9293, RFC 768. */
#ifndef MPVPN_PACKET_HEADERS_H
#define MPVPN_PACKET_HEADERS_H

/** Bytes of the headers; of those that may have options, without them. */
enum { IP4_HEADER = 20, IP6_HEADER = 40, TCP_HEADER = 20, UDP_HEADER = 8 };

/** Bytes from the header's begin to a field. TCP_OFFSET has the header's length, in words, in its upper half. */
enum {
    TCP_SEQUENCE = 4,
    TCP_ACKNOWLEDGED = 8,
    TCP_OFFSET = 12,
    TCP_FLAGS = 13,
    TCP_CHECKSUM = 16,
    UDP_LENGTH = 4,
    UDP_CHECKSUM = 6
};

/** Bits of TCP's flags. */
enum { TCP_FIN = 0x01, TCP_SYN = 0x02, TCP_RST = 0x04, TCP_PSH = 0x08, TCP_ACK = 0x10, TCP_ECE = 0x40, TCP_CWR = 0x80 };

#endif
