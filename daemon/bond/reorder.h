/* SPDX-License-Identifier: GPL-2.0-or-later */
/* reorder: the receiving end of one direction of a bonded session. Packets come over several legs, some late, some
 * twice, some never; what goes out is each packet once, and in order within each bucket, as far as waiting can give
 * that: a packet behind a gap is held until the gap is filled, or the sender says that it will not be, or a time limit
 * is over. Nothing is dropped but duplicates and unbelievable jumps. */
#ifndef MPVPN_BOND_REORDER_H
#define MPVPN_BOND_REORDER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "bond/duplicate.h"
#include "bond/frame.h"
#include "packet/buf.h"

#define REORDER_HELD_MAX (16u << 20)   /**< bytes of buffers one session may hold */
#define REORDER_HOLD_MAX 1000000000ull /**< ns: no packet is held longer */
#define REORDER_TOLD_MAX (1u << 14)    /**< sequences of which reorder_arrived() tells at most: looking costs time */

struct reorder;

/** Takes a packet that is next; it is valid in the call only. May take buffers of the pool, may not call reorder. */
typedef void reorder_deliver_fn(void *context, const uint8_t *packet, size_t length);

/** What a receiver needs; pool and context outlive it. */
struct reorder_settings {
    struct buf_pool *pool;          /**< where held packets are copied to */
    reorder_deliver_fn *deliver;    /**< called for each packet, once */
    void *context;                  /**< handed to deliver */
    size_t held_max;                /**< bytes of buffers to hold at most; 0: REORDER_HELD_MAX */
    uint32_t first_sequence;        /**< the sequence that the peer starts with: 0 on the wire */
    uint32_t first_bucket_sequence; /**< likewise for every bucket */
};

/** What happened so far; packets unless said otherwise. */
struct reorder_statistics {
    uint64_t delivered;     /**< handed on, in order or not */
    uint64_t duplicates;    /**< dropped: seen before */
    uint64_t jumps;         /**< dropped: an unbelievable sequence */
    uint64_t held;          /**< of those delivered or held now: had to wait behind a gap */
    uint64_t lost_once;     /**< missing when every leg had passed them */
    uint64_t repaired;      /**< of those, came as a copy in time */
    uint64_t given_up;      /**< missing when what waited behind them was released */
    uint64_t late;          /**< came after they were given up; delivered out of order */
    uint64_t pressed;       /**< given up early, because held bytes reached a limit or the pool ran low */
    uint64_t marks_refused; /**< marks outside of what is believed, or of more legs than there can be */
    uint64_t longest_hold;  /**< ns: the longest that any packet was held */
    uint64_t held_packets;  /**< held now */
    uint64_t held_bytes;    /**< bytes of buffers held now */
};

/** @return a receiver, or NULL: no memory */
struct reorder *reorder_new(const struct reorder_settings *settings);
/** Free; what is held is dropped. NULL is fine. */
void reorder_free(struct reorder *reorder);

/**
 * A bonded packet came. Everything that it lets go is delivered in the call.
 * @param leg number of the leg that it came on, 0–FRAME_LEG_MAX
 * @param packet the IP packet, borrowed: delivered from where it is, copied only if it must wait
 * @param length 1–65,535 bytes
 * @return DUPLICATE_FRESH: delivered or held; else it is dropped, for that reason
 */
enum duplicate_result reorder_push(struct reorder *reorder, uint8_t leg, const struct frame_packet *frame,
                                   const uint8_t *packet, size_t length, uint64_t now);
/** A mark came. @param leg number of the leg that it came on, which need not be the one it speaks of @return whether
 * its sequences are believed */
bool reorder_mark(struct reorder *reorder, uint8_t leg, const struct frame_mark *mark, uint64_t now);

/**
 * Which packets of the peer have come: runs by turns of some that came and some that are missing, as ARRIVED has them.
 * @param first sequence to begin with @param runs out: their lengths; the first may be 0 @param most runs at most
 * @return runs; 0: nothing from that sequence on has come
 */
size_t reorder_arrived(const struct reorder *reorder, uint32_t first, uint32_t *runs, size_t most);

/** Tell a leg's smoothed RTT and its mean variation, whenever they changed noticeably. @param srtt ns; 0: not known */
void reorder_set_leg(struct reorder *reorder, uint8_t leg, uint64_t srtt, uint64_t variation);
/** A leg came into the session. */
void reorder_add_leg(struct reorder *reorder, uint8_t leg);
/** The leg's connection is over: nothing more is waited for on it, whatever still speaks of it. */
void reorder_remove_leg(struct reorder *reorder, uint8_t leg, uint64_t now);

/** When reorder_on_timer() is to be called at the latest: ns, UINT64_MAX: nothing is held. May be early, never late. */
uint64_t reorder_deadline(const struct reorder *reorder);
/** Release what has waited long enough. */
void reorder_on_timer(struct reorder *reorder, uint64_t now);

/**
 * The pool runs low, and this session holds most: give up the oldest gap and deliver what waited behind it.
 * @return false: nothing is held
 */
bool reorder_release_oldest(struct reorder *reorder, uint64_t now);

/** Buffers of a class that are held. */
size_t reorder_held_of_class(const struct reorder *reorder, enum buf_class size_class);

/** How many legs are reckoned with: packets may be under way on them. */
unsigned reorder_legs(const struct reorder *reorder);

/** The statistics; valid as long as the receiver is. */
const struct reorder_statistics *reorder_statistics(const struct reorder *reorder);

#endif
