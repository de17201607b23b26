/* SPDX-License-Identifier: GPL-2.0-or-later */
/* ring: rings of provided buffers.
 *
 * A ring holds numbered slots, each with one large buffer of the pool. The kernel takes the oldest offered buffer for
 * each completion and names it by its number. Whoever handled the completion either offers the same buffer again
 * (ring_buffers_return) or takes it out and a fresh one moves in under the same number (ring_buffers_take). Buffers are
 * touched in turn, so an idle ring costs resident memory for all its buffers' first pages: keep it small.
 *
 * Leaves out: rings that shrink or grow, incremental consumption of a buffer.
 * Invariant: a slot that was filled at the start is never empty until ring_buffers_fini(). */
#include "os/ring.h"

#include <errno.h>

#define GROUPS 1024u /* buffer groups that are tried before giving up; one per open device or socket */

static void offer(struct ring_buffers *buffers, const struct buf *buf) {
    io_uring_buf_ring_add(buffers->ring, buf->data + buffers->offset, buf->capacity - buffers->offset, buf->ring_id,
                          io_uring_buf_ring_mask(buffers->entries), 0);
    io_uring_buf_ring_advance(buffers->ring, 1);
}

static unsigned power_of_two_above(unsigned count) {
    unsigned entries = 1;

    while (entries < count && entries < RING_BUFFERS_MAX) {
        entries *= 2;
    }
    return entries;
}

/* The kernel itself knows which group numbers are taken. */
static int make_ring(struct loop *loop, struct ring_buffers *buffers) {
    int error = -EEXIST;

    for (unsigned group = 0; group < GROUPS && error == -EEXIST; group++) {
        buffers->ring = io_uring_setup_buf_ring(ring_uring(loop), buffers->entries, (int)group, 0, &error);
        if (buffers->ring != NULL) {
            buffers->group = (int)group;
            return 0;
        }
    }
    return error;
}

int ring_buffers_init(struct loop *loop, struct ring_buffers *buffers, struct buf_pool *pool, unsigned count,
                      unsigned offset) {
    *buffers = (struct ring_buffers){.pool = pool, .entries = power_of_two_above(count), .offset = offset};
    unsigned filled = 0;
    int error = make_ring(loop, buffers);

    if (error != 0) {
        return error;
    }
    for (unsigned i = 0; i < buffers->entries && (buffers->slot[i] = buf_get(pool, BUF_LARGE_BYTES)) != NULL; i++) {
        buffers->slot[i]->ring_id = (uint16_t)i;
        offer(buffers, buffers->slot[i]);
        filled++;
    }
    if (filled == 0) {
        ring_buffers_fini(loop, buffers);
        return -ENOBUFS;
    }
    return 0;
}

void ring_buffers_fini(struct loop *loop, struct ring_buffers *buffers) {
    if (buffers->ring == NULL) {
        return;
    }
    io_uring_free_buf_ring(ring_uring(loop), buffers->ring, buffers->entries, buffers->group);
    for (unsigned i = 0; i < buffers->entries; i++) {
        buf_unref(buffers->slot[i]);
    }
    *buffers = (struct ring_buffers){0};
}

struct buf *ring_buffers_filled(struct ring_buffers *buffers, unsigned cqe_flags) {
    unsigned id = cqe_flags >> IORING_CQE_BUFFER_SHIFT;

    return (cqe_flags & IORING_CQE_F_BUFFER) != 0 && id < buffers->entries ? buffers->slot[id] : NULL;
}

void ring_buffers_return(struct ring_buffers *buffers, struct buf *buf) {
    offer(buffers, buf);
}

bool ring_buffers_take(struct ring_buffers *buffers, struct buf *buf) {
    struct buf *fresh = buf_get(buffers->pool, BUF_LARGE_BYTES);

    if (fresh == NULL) {
        return false;
    }
    fresh->ring_id = buf->ring_id;
    buffers->slot[buf->ring_id] = fresh;
    offer(buffers, fresh);
    return true;
}
