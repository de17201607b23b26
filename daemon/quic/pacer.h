/* SPDX-License-Identifier: GPL-2.0-or-later */
/* pacer: when the next burst of a connection may go. Internal to quic/. Pure arithmetic in fixed point: bytes and times
 * in, a time out. */
#ifndef MPVPN_QUIC_PACER_H
#define MPVPN_QUIC_PACER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define PACER_SHIFT 16                    /**< fraction bits of an interval */
#define PACER_BURST 1000000ull            /**< ns: a burst is this long at the pacing rate … */
#define PACER_BURST_PACKETS 2u            /**< … but never less than this many full packets */
#define PACER_BATCH 65507u                /**< bytes of one GSO batch */
#define PACER_BURST_MAX (4 * PACER_BATCH) /**< bytes: nor more than this */
#define PACER_LATE 1000000ull             /**< ns: lateness that is made good */

/** State of a pacer; embedded by value, written by pacer.c alone. */
struct pacer {
    uint64_t interval;      /**< ns for a byte, PACER_SHIFT fraction bits; 0: not paced */
    uint64_t start;         /**< ns: when the current burst began */
    uint64_t blocked_until; /**< ns: nothing goes before this */
    size_t burst;           /**< bytes of the current burst */
    size_t quantum;         /**< bytes a burst may have */
    size_t together;        /**< bytes that follow the next packet and should go in its burst */
};

/** Not paced, nothing sent. @param packet_bytes largest packet now */
void pacer_init(struct pacer *pacer, size_t packet_bytes);
/** The rate is that many bytes in that many nanoseconds; the quantum follows. A time of 0 means: not paced. */
void pacer_set_rate(struct pacer *pacer, uint64_t bytes, uint64_t ns, size_t packet_bytes);
/** Bytes went out now. */
void pacer_on_sent(struct pacer *pacer, size_t bytes, uint64_t now);
/** Whether a whole batch goes in a burst. */
bool pacer_is_fast(const struct pacer *pacer);
/** So many bytes follow the next packet, cut from the same superpacket: at rates where a batch takes less than a burst,
 * the burst lasts until they are gone. */
void pacer_keep_together(struct pacer *pacer, size_t bytes);
/** How long a number of bytes takes at the pacing rate. @return ns */
uint64_t pacer_time(const struct pacer *pacer, size_t bytes);
/** Nothing goes before this time, whatever was sent. */
void pacer_hold(struct pacer *pacer, uint64_t until);
/** Whether a packet may go now. */
bool pacer_is_open(const struct pacer *pacer, uint64_t now);

#endif
