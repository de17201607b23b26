/* SPDX-License-Identifier: GPL-2.0-or-later */
/* frame: the wire format of the bonding layer, whole. Two kinds of HTTP Datagram, told apart by their context ID
 * (RFC 9297, RFC 9484), numbers in network byte order. What they are for is in mpvpn-protocol(7).
 *
 *  Bonded packet, context ID 2: which packet of the session this is, and which of its bucket.
 *
 *   0                   1                   2                   3
 *   0 1 2 3 4 5 6 7 8 9 0 1 2 3 4 5 6 7 8 9 0 1 2 3 4 5 6 7 8 9 0 1
 *  +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
 *  |                            sequence                           |
 *  +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
 *  |     bucket    |                bucket sequence                |
 *  +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
 *  |                         IP packet ...
 *
 *  Mark, context ID 4: how far the sender has come, on one leg and with repair.
 *
 *  +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
 *  |      leg      |     flags     |
 *  +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
 *  |                              next                             |
 *  +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
 *  |                             floor                             |
 *  +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
 *
 * Each direction of a session counts for itself. Every sequence starts at 0, wraps, and is compared as a serial number
 * (RFC 1982): a comes before b if the shorter way round from a to b leads upwards. */
#ifndef MPVPN_BOND_FRAME_H
#define MPVPN_BOND_FRAME_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define FRAME_CONTEXT_PLAIN 0u  /**< an IP packet by itself (RFC 9484 section 6): no order, no copies */
#define FRAME_CONTEXT_PACKET 2u /**< a bonded packet */
#define FRAME_CONTEXT_MARK 4u   /**< a mark */

#define FRAME_PACKET_BYTES 8u /**< bytes of a bonded packet before its IP packet */
#define FRAME_MARK_BYTES 10u  /**< bytes of a mark, all of it */

#define FRAME_BUCKETS 256u         /**< buckets there are, FRAME_BUCKET_UNORDERED among them */
#define FRAME_BUCKET_UNORDERED 0u  /**< packets that need no order; their bucket sequence means nothing */
#define FRAME_SEQUENCE24 0xffffffu /**< the largest bucket sequence; also the mask that wraps one */

#define FRAME_LEG_MAX 254u    /**< the largest number of a leg */
#define FRAME_MARK_IDLE 0x01u /**< the leg is not in use: wait for nothing on it until a mark or packet */
#define FRAME_MARK_GONE 0x02u /**< the leg is not coming back */
#define FRAME_MARK_ASK 0x04u  /**< the leg is silent: which packets from the floor on have come? */

/** The numbers of a bonded packet. A copy (redundant or resent) bears the same three as the original. */
struct frame_packet {
    uint32_t sequence;        /**< which packet of the session */
    uint32_t bucket_sequence; /**< which packet of the bucket, 24 bits */
    uint8_t bucket;           /**< which flows it belongs to; order is kept within a bucket only */
};

/** A mark. It may speak of any leg, on any leg. */
struct frame_mark {
    uint32_t next;  /**< nothing before this sequence will be sent on the leg for the first time from now on */
    uint32_t floor; /**< everything before this sequence was acknowledged, or will not be sent again */
    uint8_t leg;    /**< which leg it speaks of, 0–FRAME_LEG_MAX */
    uint8_t flags;  /**< FRAME_MARK_*; others are sent as 0 and ignored */
};

/**
 * Read the numbers of a bonded packet; the IP packet is what follows FRAME_PACKET_BYTES.
 * @param data what follows the context ID
 * @return 0; -EINVAL: too short to hold the numbers and at least a byte of IP packet
 */
int frame_read_packet(const uint8_t *data, size_t length, struct frame_packet *out);
/** Write the numbers of a bonded packet. @param out FRAME_PACKET_BYTES bytes */
void frame_write_packet(const struct frame_packet *packet, uint8_t *out);

/**
 * Read a mark.
 * @param data what follows the context ID
 * @return 0; -EINVAL: not FRAME_MARK_BYTES long, or the leg's number is above FRAME_LEG_MAX
 */
int frame_read_mark(const uint8_t *data, size_t length, struct frame_mark *out);
/** Write a mark. @param out FRAME_MARK_BYTES bytes */
void frame_write_mark(const struct frame_mark *mark, uint8_t *out);

/** How far it is from one sequence to another: negative if `to` comes before `from`. */
static inline int32_t frame_distance32(uint32_t from, uint32_t to) {
    return (int32_t)(to - from);
}

/** Whether sequence a comes before sequence b. */
static inline bool frame_before32(uint32_t a, uint32_t b) {
    return frame_distance32(a, b) > 0;
}

/** How far it is from one bucket sequence to another: negative if `to` comes before `from`. */
static inline int32_t frame_distance24(uint32_t from, uint32_t to) {
    return (int32_t)((to - from) << 8) >> 8;
}

/** Whether bucket sequence a comes before bucket sequence b. */
static inline bool frame_before24(uint32_t a, uint32_t b) {
    return frame_distance24(a, b) > 0;
}

/** The bucket sequence after this one. */
static inline uint32_t frame_next24(uint32_t sequence) {
    return (sequence + 1) & FRAME_SEQUENCE24;
}

#endif
