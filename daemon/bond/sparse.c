/* SPDX-License-Identifier: GPL-2.0-or-later */
/* sparse: which flows send little.
 *
 * How it works: what a flow sends fills a bucket that drains at the rate of a hundred small packets in a second, and a
 * flow whose bucket is below a few packets is sparse. A flow that was large is so again a second later. Bare
 * acknowledgements of TCP are not of use twice, however few they are, as their successors make up for them; and of a
 * superpacket there are several.
 *
 * It leaves out what else waits, and what is made of it (queue.c, session_copy.c). Invariant: recent is CAP at most.
 * Standards: RFC 9293. */
#include "bond/sparse.h"

#define SHIFT 15u     /**< a sparse flow sends a byte in 2^this ns on average, 244 kbit/s, … */
#define AT_ONCE 4096u /**< … and so many at once: a handshake and a request */
#define CAP 32768u    /**< bytes: more are not remembered */

void sparse_note(struct sparse *sparse, uint64_t packets, uint64_t bytes, uint64_t now) {
    uint64_t drained = (now - sparse->drained) >> SHIFT, recent;

    sparse->drained += drained << SHIFT;
    recent = (drained < sparse->recent ? sparse->recent - drained : 0) + bytes + packets * SPARSE_OVERHEAD;
    sparse->recent = (uint32_t)(recent < CAP ? recent : CAP);
}

bool sparse_has(const struct sparse *sparse, const struct split *split, const struct inner *inner) {
    return split->count == 1 && sparse->recent <= AT_ONCE &&
           !inner_is_bare_ack(inner, superpacket_data(&split->packet));
}
