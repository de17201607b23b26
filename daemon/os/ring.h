/* SPDX-License-Identifier: GPL-2.0-or-later */
/* ring: what the rooms of os/ that do io_uring operations of their own (tun, udp) share with the loop: operations,
 * registered files and rings of provided buffers. Private to os/.
 *
 * Lifetime: an operation belongs to the kernel from ring_prepare() until its last completion (one without
 * IORING_CQE_F_MORE). Cancelling only hurries that completion; so an owner that goes away marks itself closed, cancels,
 * and frees its memory when the last `done` was called. */
#ifndef MPVPN_OS_RING_H
#define MPVPN_OS_RING_H

#if !__has_include(<linux/blkdev.h>)
/* liburing 2.9's compat.h includes this header only for a block-device command; kernel headers before 6.12 lack it.
 * What else it includes: */
#define LIBURING_COMPAT_H
#define UAPI_LINUX_IO_URING_H_SKIP_LINUX_TIME_TYPES_H 1
#include <linux/ioctl.h>
#include <linux/openat2.h>
#include <linux/time_types.h>
#define BLOCK_URING_CMD_DISCARD _IO(0x12, 0)
#endif
#include <liburing.h>
#include <stdbool.h>
#include <stdint.h>

#include "os/loop.h"
#include "packet/buf.h"

/** An operation in the ring; embedded in its owner. */
struct ring_op {
    /** A completion came: result and flags of the CQE. Called in the loop; op->active is already up to date. */
    void (*done)(struct ring_op *op, int result, unsigned flags);
    bool active; /**< in the ring: at least one more completion will come */
};

/** The io_uring itself. */
struct io_uring *ring_uring(struct loop *loop);
/** Whether IORING_OP_READ_MULTISHOT is there. */
bool ring_has_read_multishot(const struct loop *loop);
/** Do as if the kernel had no IORING_OP_READ_MULTISHOT, for what is opened from now on (tests). */
void ring_forbid_read_multishot(struct loop *loop);
/** Make sure that the next count operations go to the kernel in one submission (a chain of linked ones must). */
void ring_reserve(struct loop *loop, unsigned count);
/**
 * Take a submission entry for an operation; goes to the kernel at the end of this turn, or earlier when the queue is
 * full.
 * @param op not active; borrowed until its last completion
 * @return the entry, its user data set, never NULL: when the ring itself fails, loop_run() ends with the error
 */
struct io_uring_sqe *ring_prepare(struct loop *loop, struct ring_op *op);
/** Ask the kernel to end an operation early; it completes with -ECANCELED, or as it would have. No-op when not active.
 */
void ring_cancel(struct loop *loop, struct ring_op *op);
/** Submit now and let the kernel do what it has pending, without handing out completions. */
void ring_settle(struct loop *loop);

/** A file descriptor, in the ring's registered table if there was room. */
struct ring_file {
    int fd;   /**< the descriptor; -1: closed */
    int slot; /**< index in the registered table, or -1 */
};
/** Register a descriptor. */
struct ring_file ring_file_open(struct loop *loop, int fd);
/** Close it (without a place in the table: only when released), after submitting what is prepared; the kernel keeps the
 * file while started operations use it. */
void ring_file_close(struct loop *loop, struct ring_file *file);
/** Free its place, which linked operations not started yet may still name: when no operation on it is active. Closes it
 * if that was not done. */
void ring_file_release(struct loop *loop, struct ring_file *file);
/** Aim an entry, already prepared with any descriptor, at a file. */
static inline void ring_use_file(struct io_uring_sqe *sqe, const struct ring_file *file) {
    sqe->fd = file->slot >= 0 ? file->slot : file->fd;
    if (file->slot >= 0) {
        sqe->flags |= IOSQE_FIXED_FILE;
    }
}

/** Something to be tried again in the next turn, which begins at most 1 ms from now. Embedded in its owner. */
struct ring_later {
    void (*run)(struct ring_later *later); /**< called in the loop */
    struct ring_later *next;               /**< loop's own */
    bool queued;                           /**< loop's own */
};
/** Run it next turn; no-op when it is queued already. */
void ring_later(struct loop *loop, struct ring_later *later);
/** Forget it. */
void ring_later_cancel(struct loop *loop, struct ring_later *later);

#define RING_BUFFERS_MAX 64 /**< most buffers in one ring of provided buffers */

/** A ring of provided buffers: large ones of a pool, which the kernel fills for multishot operations. The ring never
 * shrinks: a buffer that is passed on is replaced in the same moment, and when the pool has none it is not passed on.
 */
struct ring_buffers {
    struct io_uring_buf_ring *ring;     /**< shared with the kernel; NULL: not made */
    struct buf_pool *pool;              /**< where buffers come from; borrowed */
    struct buf *slot[RING_BUFFERS_MAX]; /**< buffers by number; NULL: none */
    unsigned entries;                   /**< size of the ring, a power of two */
    unsigned offset;                    /**< bytes at the start of each buffer that the kernel leaves alone */
    int group;                          /**< buffer group number */
};
/**
 * Make a ring and fill it.
 * @param count buffers wanted, 1–RING_BUFFERS_MAX, rounded up to a power of two
 * @return 0; -ENOBUFS: the pool has not one; other -errno of the kernel
 */
int ring_buffers_init(struct loop *loop, struct ring_buffers *buffers, struct buf_pool *pool, unsigned count,
                      unsigned offset);
/** Give everything back; no operation may be using the ring. Safe on a zeroed one. */
void ring_buffers_fini(struct loop *loop, struct ring_buffers *buffers);
/** The buffer that a completion filled, or NULL when it filled none; stays the ring's until taken. */
struct buf *ring_buffers_filled(struct ring_buffers *buffers, unsigned cqe_flags);
/** Hand a filled buffer back to the kernel. */
void ring_buffers_return(struct ring_buffers *buffers, struct buf *buf);
/** Take a filled buffer out, its reference passes to the caller, and put a fresh one in its place.
 * @return false: the pool is empty, nothing was done */
bool ring_buffers_take(struct ring_buffers *buffers, struct buf *buf);

#endif
