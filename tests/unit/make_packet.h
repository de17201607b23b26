/* SPDX-License-Identifier: GPL-2.0-or-later */
/* make_packet: inner packets for tests, written field by field with checksums by the slowest and plainest method, so
 * that the code under test is held against something that shares nothing with it. */
#ifndef MPVPN_TESTS_MAKE_PACKET_H
#define MPVPN_TESTS_MAKE_PACKET_H

#include <netinet/in.h>
#include <stdbool.h>
#include <stdint.h>
#include <string.h>

/** A packet in words. */
struct made {
    int version;             /**< 4 or 6 */
    int protocol;            /**< IPPROTO_TCP, IPPROTO_UDP, or any other: payload only */
    uint8_t source, target;  /**< last byte of the addresses */
    uint16_t sport, dport;   /**< ports */
    uint8_t tos, ttl;        /**< traffic class, hop limit */
    uint16_t id;             /**< IPv4 */
    bool df;                 /**< IPv4 */
    uint32_t sequence, ack;  /**< TCP */
    uint8_t flags;           /**< TCP */
    uint16_t window, urgent; /**< TCP */
    const uint8_t *options;  /**< TCP, NULL: none */
    size_t option_bytes;     /**< a multiple of 4 */
    const uint8_t *payload;  /**< bytes after the layer-4 header */
    size_t payload_bytes;    /**< how many */
};

/** A packet of the flow that the tests of split and merge cut and join; its numbers are about to wrap. */
static inline struct made made_usual(int version, int protocol, uint8_t flags, const uint8_t *payload,
                                     size_t payload_bytes) {
    return (struct made){.version = version,
                         .protocol = protocol,
                         .source = 5,
                         .target = 6,
                         .sport = 1234,
                         .dport = 443,
                         .tos = 2,
                         .ttl = 61,
                         .id = 0xfffe,
                         .df = true,
                         .sequence = 0xfffffff0,
                         .ack = 77,
                         .flags = flags,
                         .window = 501,
                         .payload = payload,
                         .payload_bytes = payload_bytes};
}

static inline void made_put16(uint8_t *p, unsigned v) {
    p[0] = (uint8_t)(v >> 8);
    p[1] = (uint8_t)v;
}

static inline void made_put32(uint8_t *p, uint32_t v) {
    made_put16(p, v >> 16);
    made_put16(p + 2, v & 0xffff);
}

/** The unfolded sum of big-endian 16-bit words. */
static inline uint64_t made_sum(const uint8_t *p, size_t n) {
    uint64_t sum = 0;

    for (size_t i = 0; i < n; i++)
        sum += i % 2 ? p[i] : (uint64_t)p[i] << 8;
    return sum;
}

static inline uint16_t made_fold(uint64_t sum) {
    while (sum >> 16)
        sum = (sum & 0xffff) + (sum >> 16);
    return (uint16_t)sum;
}

/** Sum of pseudo-header and layer 4 of a packet without extension headers. */
static inline uint64_t made_sum_l4(const uint8_t *p, size_t length) {
    bool v4 = p[0] >> 4 == 4;
    size_t ip = v4 ? 20 : 40, l4 = length - ip;

    return made_sum(p + (v4 ? 12 : 8), v4 ? 8 : 32) + (l4 >> 16) + (l4 & 0xffff) + p[v4 ? 9 : 6] + made_sum(p + ip, l4);
}

/** Write the layer-4 header. @return its bytes */
static inline size_t made_l4(const struct made *m, uint8_t *l4) {
    if (m->protocol == IPPROTO_UDP) {
        made_put16(l4, m->sport);
        made_put16(l4 + 2, m->dport);
        made_put16(l4 + 4, (unsigned)(8 + m->payload_bytes));
        made_put16(l4 + 6, 0);
        return 8;
    }
    if (m->protocol != IPPROTO_TCP)
        return 0;
    memset(l4, 0, 20);
    made_put16(l4, m->sport);
    made_put16(l4 + 2, m->dport);
    made_put32(l4 + 4, m->sequence);
    made_put32(l4 + 8, m->ack);
    l4[12] = (uint8_t)((20 + m->option_bytes) / 4 << 4);
    l4[13] = m->flags;
    made_put16(l4 + 14, m->window);
    made_put16(l4 + 18, m->urgent);
    if (m->option_bytes)
        memcpy(l4 + 20, m->options, m->option_bytes);
    return 20 + m->option_bytes;
}

/** Write the IP header. */
static inline void made_ip(const struct made *m, uint8_t *out, size_t length) {
    if (m->version == 4) {
        memset(out, 0, 20);
        out[0] = 0x45;
        out[1] = m->tos;
        made_put16(out + 2, (unsigned)length);
        made_put16(out + 4, m->id);
        out[6] = m->df ? 0x40 : 0;
        out[8] = m->ttl;
        out[9] = (uint8_t)m->protocol;
        memcpy(out + 12, (uint8_t[]){10, 1, 2, m->source, 10, 9, 8, m->target}, 8);
        made_put16(out + 10, (uint16_t)~made_fold(made_sum(out, 20)));
        return;
    }
    memset(out, 0, 40);
    made_put16(out, 0x6000u | (unsigned)m->tos << 4);
    out[3] = 0x77;
    made_put16(out + 4, (unsigned)(length - 40));
    out[6] = (uint8_t)m->protocol;
    out[7] = m->ttl;
    memcpy(out + 8, (uint8_t[]){0x20, 1, 0xd, 0xb8}, 4);
    memcpy(out + 24, (uint8_t[]){0x20, 1, 0xd, 0xb8, 9}, 5);
    out[23] = m->source;
    out[39] = m->target;
}

/** Write the packet with all checksums right. @return its bytes */
static inline size_t made_write(const struct made *m, uint8_t *out) {
    size_t ip = m->version == 4 ? 20 : 40, l4 = made_l4(m, out + ip), length = ip + l4 + m->payload_bytes;
    uint16_t sum;

    if (m->payload_bytes)
        memcpy(out + ip + l4, m->payload, m->payload_bytes);
    made_ip(m, out, length);
    if (l4 == 0)
        return length;
    sum = (uint16_t)~made_fold(made_sum_l4(out, length));
    if (m->protocol == IPPROTO_UDP && sum == 0)
        sum = 0xffff;
    made_put16(out + ip + (m->protocol == IPPROTO_UDP ? 6 : 16), sum);
    return length;
}

#endif
