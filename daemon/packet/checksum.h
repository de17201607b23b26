/* SPDX-License-Identifier: GPL-2.0-or-later */
/* checksum: the internet checksum (RFC 1071) over bytes of any length and alignment. A sum is kept as the
 * ones'-complement sum of 16-bit words *as they lie in memory*: RFC 1071 section 2 (B) shows that the folded sum,
 * stored as it lies, is right on either byte order, so nothing is ever swapped. */
#ifndef MPVPN_PACKET_CHECKSUM_H
#define MPVPN_PACKET_CHECKSUM_H

#include <arpa/inet.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

/** Fold a sum to 16 bits with end-around carry; 0 comes out only for a sum of zeros. */
static inline uint16_t checksum_fold(uint64_t sum) {
    sum = (sum & 0xffffffff) + (sum >> 32);
    sum = (sum & 0xffffffff) + (sum >> 32);
    sum = (sum & 0xffff) + (sum >> 16);
    sum = (sum & 0xffff) + (sum >> 16);
    return (uint16_t)sum;
}

/** What goes into a checksum field: the complement of the folded sum. */
static inline uint16_t checksum_finish(uint64_t sum) {
    return (uint16_t)~checksum_fold(sum);
}

/** The 16-bit word at p as it lies in memory. */
static inline uint16_t checksum_load(const uint8_t *p) {
    uint16_t word;

    memcpy(&word, p, sizeof word);
    return word;
}

/** Store a finished checksum, or any memory-order word, at p. */
static inline void checksum_store(uint8_t *p, uint16_t word) {
    memcpy(p, &word, sizeof word);
}

/**
 * Sum a header, for which a call of checksum_sum() takes longer than the sum.
 * @param bytes a multiple of 4, 64 KiB at most
 * @return a sum to be folded
 */
static inline uint64_t checksum_header(const uint8_t *data, size_t bytes) {
    uint64_t sum = 0;

    for (size_t i = 0; i < bytes; i += 4) {
        uint32_t word;

        memcpy(&word, data + i, sizeof word);
        sum += word;
    }
    return sum;
}

/**
 * Sum bytes that begin at an even offset of the summed data; an odd last byte counts as followed by a zero.
 * @return a sum ≤ 65,535, to be added to others (in 32 bits or more) and folded
 */
uint32_t checksum_sum(const uint8_t *data, size_t length);
/** Copy bytes and return their sum in one pass. The regions must not overlap. */
uint32_t checksum_copy(uint8_t *restrict to, const uint8_t *restrict from, size_t length);
/**
 * Sum of the pseudo-header of TCP, UDP or ICMPv6 (RFC 9293 section 3.1, RFC 8200 section 8.1).
 * @param ip the IP header, version 4 or 6
 * @param protocol upper-layer protocol number
 * @param length upper-layer bytes, header and payload
 */
static inline uint32_t checksum_pseudo(const uint8_t *ip, uint8_t protocol, uint32_t length) {
    const uint32_t tail[2] = {htonl(length), htonl(protocol)};

    return checksum_fold((ip[0] >> 4 == 4 ? checksum_header(ip + 12, 8) : checksum_header(ip + 8, 32)) + tail[0] +
                         tail[1]);
}

#endif
