/* SPDX-License-Identifier: GPL-2.0-or-later */
/* inner: parsing of inner IP packets, and the two changes a tunnel end makes to them.
 * Version 6 extension headers are walked until a header that is none; the first fragment header ends certainty about
 * ports of later fragments, so the walk stops there for all but the first one. The flow hash is SipHash-1-3: whoever
 * does not know the key cannot aim packets at another flow's queue.
 *
 * It leaves out checksums (the receiving host verifies them), options' contents, and reassembly.
 *
 * Invariant: after success header_bytes ≤ total_bytes ≤ the length given.
 *
 * Standards: RFC 791, RFC 8200, RFC 4302 (length of AH), RFC 3168, RFC 1624. */
#include "packet/inner.h"

#include <errno.h>
#include <netinet/in.h>
#include <string.h>

#include "common/be.h"
#include "packet/checksum.h"
#include "packet/headers.h"

/** More of headers, bytes. */
enum { FRAGMENT_HEADER = 8, TCP_HEADER_MAX = 60 };
enum { TCP_OPENS_OR_ENDS = TCP_SYN | TCP_RST | TCP_FIN };

/** Fixed part and options of version 4, which is most packets: written to their place at once, as a copy of what was
 * just written in bytes, read in words, waits for the bytes. @return as inner_parse() */
static int parse4(const uint8_t *p, size_t length, bool superpacket, struct inner *inner) {
    unsigned flags, header, total;

    if (length < IP4_HEADER)
        return -EINVAL;
    header = (p[0] & 15u) * 4;
    total = superpacket ? (unsigned)length : be16_get(p + 2);
    if (header < IP4_HEADER || total < header)
        return -EINVAL;
    if (total > length)
        return -EMSGSIZE;
    flags = be16_get(p + 6);
    memset(inner, 0, sizeof *inner);
    inner->version = 4;
    inner->header_bytes = (uint16_t)header;
    inner->total_bytes = (uint16_t)total;
    inner->traffic_class = p[1];
    inner->hop_limit = p[8];
    inner->protocol = p[9];
    inner->dont_fragment = (flags & 0x4000) != 0;
    inner->fragment = (flags & 0x3fff) != 0;
    inner->first_fragment = (flags & 0x3fff) == 0x2000;
    inner->source.version = inner->target.version = 4;
    memcpy(inner->source.bytes, p + 12, 4);
    memcpy(inner->target.bytes, p + 16, 4);
    return 0;
}

/** Bytes of an extension header that begins at p, by its type; 0: the type is no extension header. */
static unsigned extension_bytes(uint8_t type, const uint8_t *p) {
    switch (type) {
    case IPPROTO_HOPOPTS:
    case IPPROTO_ROUTING:
    case IPPROTO_DSTOPTS:
    case IPPROTO_MH:
    case 139: /* HIP */
    case 140: /* Shim6 */
        return (p[1] + 1u) * 8;
    case IPPROTO_FRAGMENT:
        return FRAGMENT_HEADER;
    case IPPROTO_AH:
        return (p[1] + 2u) * 4;
    default:
        return 0;
    }
}

/** Whether a next-header value names an extension header that can be walked. */
static bool is_extension(uint8_t type) {
    static const uint8_t shortest[2] = {0};

    return extension_bytes(type, shortest) != 0;
}

/** Walk the extension headers from at. @return 0, or -EINVAL: the chain runs past the end */
static int walk6(const uint8_t *p, size_t at, uint8_t next, struct inner *inner) {
    while (is_extension(next)) {
        unsigned bytes;

        if (inner->total_bytes < at + 2)
            return -EINVAL;
        bytes = extension_bytes(next, p + at);
        if (inner->total_bytes < at + bytes)
            return -EINVAL;
        if (next == IPPROTO_FRAGMENT) {
            inner->fragment = true;
            inner->first_fragment = (be16_get(p + at + 2) & 0xfff8) == 0;
        }
        next = p[at];
        at += bytes;
        if (inner->fragment && !inner->first_fragment)
            break;
    }
    inner->protocol = next;
    inner->header_bytes = (uint16_t)at;
    return 0;
}

/** Fixed part and extension headers of version 6. @return as inner_parse() */
static int parse6(const uint8_t *p, size_t length, bool superpacket, struct inner *inner) {
    size_t total;

    if (length < IP6_HEADER)
        return -EINVAL;
    total = superpacket ? length : IP6_HEADER + (size_t)be16_get(p + 4);
    if (total > length)
        return -EMSGSIZE;
    if (total > UINT16_MAX)
        return -EINVAL;
    inner->version = 6;
    inner->total_bytes = (uint16_t)total;
    inner->traffic_class = (uint8_t)(be16_get(p) >> 4);
    inner->hop_limit = p[7];
    inner->dont_fragment = true;
    inner->source.version = inner->target.version = 6;
    memcpy(inner->source.bytes, p + 8, 16);
    memcpy(inner->target.bytes, p + 24, 16);
    return walk6(p, IP6_HEADER, p[6], inner);
}

int inner_parse(const uint8_t *packet, size_t length, bool superpacket, struct inner *out) {
    struct inner inner = {0};
    int error = -EINVAL;

    if (length == 0 || (superpacket && length > UINT16_MAX))
        return -EINVAL;
    if (packet[0] >> 4 == 4) {
        error = parse4(packet, length, superpacket, out);
    } else if (packet[0] >> 4 == 6) {
        error = parse6(packet, length, superpacket, &inner);
        if (error == 0)
            *out = inner;
    }
    if (error)
        return error;
    if ((out->protocol == IPPROTO_TCP || out->protocol == IPPROTO_UDP || out->protocol == IPPROTO_SCTP) &&
        (!out->fragment || out->first_fragment) && out->total_bytes - out->header_bytes >= 4) {
        out->source_port = be16_get(packet + out->header_bytes);
        out->target_port = be16_get(packet + out->header_bytes + 2);
    }
    return 0;
}

uint32_t inner_datagram(const uint8_t *packet, const struct inner *inner) {
    const uint8_t *header = packet + IP6_HEADER;

    if (inner->version == 4)
        return be16_get(packet + 4);
    for (uint8_t type = packet[6]; type != IPPROTO_FRAGMENT;) {
        unsigned bytes = extension_bytes(type, header);

        type = *header;
        header += bytes;
    }
    return be32_get(header + 4);
}

/** State of SipHash. */
struct sip {
    uint64_t v0, v1, v2, v3; /**< as the paper names them */
};

static inline uint64_t rotate(uint64_t x, int bits) {
    return x << bits | x >> (64 - bits);
}

static inline void sip_round(struct sip *s) {
    s->v0 += s->v1;
    s->v1 = rotate(s->v1, 13) ^ s->v0;
    s->v0 = rotate(s->v0, 32);
    s->v2 += s->v3;
    s->v3 = rotate(s->v3, 16) ^ s->v2;
    s->v0 += s->v3;
    s->v3 = rotate(s->v3, 21) ^ s->v0;
    s->v2 += s->v1;
    s->v1 = rotate(s->v1, 17) ^ s->v2;
    s->v2 = rotate(s->v2, 32);
}

static inline void sip_word(struct sip *s, uint64_t word) {
    s->v3 ^= word;
    sip_round(s);
    s->v0 ^= word;
}

/** Two words of an address. */
static inline void sip_addr(struct sip *s, const struct ip_addr *addr) {
    uint64_t words[2];

    memcpy(words, addr->bytes, sizeof words);
    sip_word(s, words[0]);
    if (addr->version == 6)
        sip_word(s, words[1]);
}

uint32_t inner_flow_hash(const struct inner *inner, const uint8_t key[16]) {
    uint64_t k[2], last = (uint64_t)inner->version << 40 | (uint64_t)inner->protocol << 32;
    struct sip s;

    memcpy(k, key, sizeof k);
    s = (struct sip){k[0] ^ 0x736f6d6570736575, k[1] ^ 0x646f72616e646f6d, k[0] ^ 0x6c7967656e657261,
                     k[1] ^ 0x7465646279746573};
    if (!inner->fragment)
        last |= (uint64_t)inner->source_port << 16 | inner->target_port;
    sip_addr(&s, &inner->source);
    sip_addr(&s, &inner->target);
    sip_word(&s, last);
    s.v2 ^= 0xff;
    for (int i = 0; i < 3; i++)
        sip_round(&s);
    s.v0 ^= s.v1 ^ s.v2 ^ s.v3;
    return (uint32_t)(s.v0 ^ s.v0 >> 32);
}

/** Mend a checksum after one 16-bit word of what it covers changed (RFC 1624, equation 3). */
static void mend(uint8_t *checksum, uint16_t before, uint16_t after) {
    uint32_t sum = (uint16_t)~checksum_load(checksum);

    sum += (uint16_t)~before;
    sum += after;
    checksum_store(checksum, checksum_finish(sum));
}

bool inner_is_bare_ack(const struct inner *inner, const uint8_t *packet) {
    const uint8_t *l4 = packet + inner->header_bytes;
    uint16_t bytes = inner->total_bytes - inner->header_bytes;

    return inner->protocol == IPPROTO_TCP && !inner->fragment && bytes >= TCP_HEADER &&
           bytes == (l4[TCP_OFFSET] >> 4) * 4 && !(l4[TCP_FLAGS] & TCP_OPENS_OR_ENDS);
}

bool inner_opens_flow(const struct inner *inner, const uint8_t *packet) {
    const uint16_t bytes = inner->total_bytes - inner->header_bytes;

    /* by size first: what is larger need not be read */
    return bytes >= TCP_HEADER && bytes <= TCP_HEADER_MAX && inner->protocol == IPPROTO_TCP && !inner->fragment &&
           packet[inner->header_bytes + TCP_FLAGS] & TCP_SYN;
}

uint32_t inner_tcp_data(const struct inner *inner, const uint8_t *packet, size_t length, uint32_t *number) {
    const uint8_t *l4 = packet + inner->header_bytes;
    size_t header = inner->header_bytes + (size_t)TCP_HEADER;

    if (inner->protocol != IPPROTO_TCP || inner->fragment || length <= header)
        return 0;
    header = inner->header_bytes + (size_t)(l4[TCP_OFFSET] >> 4) * 4;
    if (length <= header)
        return 0;
    *number = be32_get(l4 + TCP_SEQUENCE);
    return (uint32_t)(length - header);
}

bool inner_mark_ce(uint8_t *packet) {
    uint16_t before;

    if (packet[0] >> 4 == 6) {
        if ((packet[1] & 0x30) == 0)
            return false;
        packet[1] |= 0x30;
        return true;
    }
    if ((packet[1] & 3) == 0)
        return false;
    before = checksum_load(packet);
    packet[1] |= 3;
    mend(packet + 10, before, checksum_load(packet));
    return true;
}
