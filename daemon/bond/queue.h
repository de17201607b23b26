/* SPDX-License-Identifier: GPL-2.0-or-later */
/* queue: what a session has read from the TUN and not yet given to a leg: FQ-CoDel (RFC 8290). A superpacket is queued
 * whole and leaves segment by segment, so that flows share the session by bytes of segments. The user peeks at the next
 * segment, looks for a leg that takes it, and commits it once it was taken. */
#ifndef MPVPN_BOND_QUEUE_H
#define MPVPN_BOND_QUEUE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "packet/inner.h"
#include "packet/split.h"
#include "packet/superpacket.h"

#define QUEUE_FLOWS 1024u         /**< flow queues; a power of two */
#define QUEUE_SKIPS 64u           /**< flows that can be set aside at a time */
#define QUEUE_QUANTUM_BYTES 1514u /**< default quantum: what a flow may send before the next one's turn */

/** Size and shape of a queue. */
struct queue_settings {
    size_t max_packets;     /**< superpackets held at most */
    uint64_t max_bytes;     /**< bytes of segments held at most */
    uint64_t max_memory;    /**< capacity of all buffers held at most, bytes; 0: no such limit */
    uint32_t quantum_bytes; /**< DRR quantum, also the packet size that CoDel reckons with; 0: QUEUE_QUANTUM_BYTES */
    uint8_t key[16];        /**< secret of the flow hash, random */
};

/** The segment at the head. Valid until the next queue_peek, queue_put, queue_skip or queue_commit. */
struct queue_item {
    const struct split *split; /**< the superpacket it is cut from */
    const struct inner *inner; /**< that superpacket's headers */
    uint16_t index;            /**< number of the segment within it */
    uint16_t length;           /**< bytes of the segment, headers included */
    uint32_t flow_hash;        /**< inner_flow_hash() under the queue's key */
    uint32_t flow_bytes;       /**< bytes of segments that its flow has waiting, this one included */
    bool light;                /**< its flow sends little */
    bool sparse;               /**< likewise, is fresh, and has nothing else waiting */
    bool mark_ce;              /**< congestion is to be marked in its header; queue_build() does it */
    uint64_t queued_at;        /**< ns, when queue_put() took it */
};

/** Counters since the queue was made; times in ns. */
struct queue_stats {
    uint64_t sojourn_last;    /**< how long the last committed segment had waited */
    uint64_t sojourn_max;     /**< the longest such time */
    uint64_t sojourn_average; /**< moving average over the segments, weight 1/16 each */
    uint64_t put_packets;     /**< superpackets taken */
    uint64_t put_segments;    /**< segments in them */
    uint64_t sent_segments;   /**< segments committed */
    uint64_t sent_bytes;      /**< bytes in them */
    uint64_t codel_drops;     /**< segments that CoDel dropped */
    uint64_t overflow_drops;  /**< segments dropped from the fattest flow because a limit was reached */
    uint64_t refused;         /**< superpackets queue_put() refused */
    uint64_t ce_marks;        /**< segments marked instead of dropped */
    uint64_t new_flows;       /**< times an idle flow queue became active */
};

struct queue;

/** @return an empty queue, or NULL: no memory */
struct queue *queue_new(const struct queue_settings *settings);
/** Free with all that it holds; NULL is fine. */
void queue_free(struct queue *queue);
/**
 * Tell how fast the session is; interval and target of CoDel follow.
 * @param largest_srtt the longest round trip that a flow may see now, waiting for order included, ns; 0: unknown
 * @param rate_bps the session's delivery rate, bits per second; 0: unknown
 */
void queue_set_timing(struct queue *queue, uint64_t largest_srtt, uint64_t rate_bps);
/** Packets wait because the legs have not found out yet how much they carry: CoDel drops nothing until that moment.
 * @param until ns */
void queue_be_patient(struct queue *queue, uint64_t until);
/**
 * Take a superpacket. To make room, segments of the flow with the largest backlog are dropped.
 * @param packet its buffer reference passes to the queue on success, and stays the caller's on failure; the buffer is
 * shared with nobody
 * @param inner the parsed headers of the packet; copied
 * @return 0; -EINVAL: offload data and headers do not agree; -EMSGSIZE: larger than the queue's limits; -ENOMEM
 */
int queue_put(struct queue *queue, const struct superpacket *packet, const struct inner *inner, uint64_t now);
/**
 * The next segment. CoDel judges when a new segment comes to the head; once shown it stays the head until it is
 * committed, or a queue_put() that found the queue full had to drop it.
 * @return the segment, or NULL: empty
 */
const struct queue_item *queue_peek(struct queue *queue, uint64_t now);
/**
 * No leg takes the segment shown now, but one may take another flow's: set its flow aside, so that queue_peek() shows
 * the next one's head. Flows set aside keep their place, their turn and CoDel's judgement.
 * @return false: QUEUE_SKIPS flows are set aside already, or nothing is shown; nothing has changed
 */
bool queue_skip(struct queue *queue);
/** Take the flows that were set aside back to where they were, before anything is queued again. */
void queue_resume(struct queue *queue);
/** Build the segment shown by queue_peek(): split_segment(), and the congestion mark when it is due. */
void queue_build(const struct queue_item *item, struct segment *out);
/** The segment last shown was accepted by a leg: it leaves the queue. Its bytes in the buffer must not be used any
 * more. */
void queue_commit(struct queue *queue);
/** Bytes of segments held. */
uint64_t queue_bytes(const struct queue *queue);
/** Segments held. */
size_t queue_packets(const struct queue *queue);
/** The interval and the target that CoDel works with now, ns. */
uint64_t queue_interval(const struct queue *queue);
uint64_t queue_target(const struct queue *queue);
/** Counters; they live as long as the queue. */
const struct queue_stats *queue_stats(const struct queue *queue);

#endif
