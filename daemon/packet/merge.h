/* SPDX-License-Identifier: GPL-2.0-or-later */
/* merge: coalesce packets received one by one into superpackets before they are written to the TUN, as GRO does in the
 * kernel. A packet joins only if the kernel could not tell the difference: same addresses, ports, TTL, TOS/ECN, DF and
 * TCP options, next sequence number, same acknowledgement and window, no SYN/FIN/RST/URG/CWR (PSH ends it), equal sizes
 * but for a shorter last one, IP ID + 1 or fixed with DF, ≤ 65,535 bytes, and *its own checksum verified*. Anything
 * else passes through byte for byte, in order within its flow. */
#ifndef MPVPN_PACKET_MERGE_H
#define MPVPN_PACKET_MERGE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "packet/superpacket.h"

/** Takes a finished superpacket; its buffer reference passes to the callee. buf has ≥ BUF_HEADROOM bytes before the
 * packet. */
typedef void merge_emit_fn(void *context, struct superpacket *packet);

/** What the TUN can take. */
struct merge_settings {
    bool tcp;              /**< merge TCP (TSO4, TSO6) */
    bool udp;              /**< merge UDP (USO) */
    struct buf_pool *pool; /**< where buffers come from */
    merge_emit_fn *emit;   /**< called for each finished superpacket */
    void *context;         /**< handed to emit */
};

struct merge;

/** @return a merge, or NULL: no memory */
struct merge *merge_new(const struct merge_settings *settings);
/** Free; anything held is dropped. NULL is fine. */
void merge_free(struct merge *merge);
/**
 * Take one IP packet (already checked by inner_parse) and copy it: the one copy on the way in.
 * @param packet borrowed for the call
 * @return 0; -ENOBUFS: the pool is exhausted, the packet is dropped
 */
int merge_push(struct merge *merge, const uint8_t *packet, size_t length);
/** Emit everything held, in the order of first arrival. Called at the end of a batch. */
void merge_flush(struct merge *merge);

#endif
