/* SPDX-License-Identifier: GPL-2.0-or-later */
/* buf: all packet memory of a worker, in reference-counted buffers of a few fixed sizes, taken from the system when the
 * pool is made and never later. Users hold (buffer, offset, length); who drops the last reference gives the buffer
 * back.
 *
 * Not thread-safe: a pool belongs to one worker. Fresh buffers are handed out last-in-first-out, so that a quiet daemon
 * touches few pages. */
#ifndef MPVPN_PACKET_BUF_H
#define MPVPN_PACKET_BUF_H

#include <stddef.h>
#include <stdint.h>

/** Capacity classes in bytes. LARGE holds a TUN superpacket with its virtio header and headroom. */
enum buf_class { BUF_256, BUF_2048, BUF_9216, BUF_18432, BUF_36864, BUF_LARGE, BUF_CLASSES };

#define BUF_LARGE_BYTES 67584u /**< 66 KiB: a packet, io_uring_recvmsg_out, name, control data, headroom */
#define BUF_HEADROOM 32u       /**< bytes kept free before an IP packet, for the virtio_net_hdr of a TUN write */

struct buf_pool;

/** One buffer. `data` and `capacity` never change; contents belong to whoever filled it, read-only once shared. */
struct buf {
    struct buf_pool *pool; /**< where it goes back to */
    struct buf *next_free; /**< link in the free list; the only holder may use it as a list link */
    uint8_t *data;         /**< first byte */
    uint32_t capacity;     /**< bytes at data */
    uint32_t references;   /**< holders; 0 = free */
    uint8_t size_class;    /**< enum buf_class */
    uint16_t ring_id;      /**< for os/: its number while it is in a provided-buffer ring */
};

/** How many buffers of each class a pool holds. */
struct buf_pool_settings {
    size_t count[BUF_CLASSES]; /**< buffers of each class */
};

/**
 * Make a pool (one anonymous mapping; pages are touched on first use only).
 * @return the pool, or NULL: no memory
 */
struct buf_pool *buf_pool_new(const struct buf_pool_settings *settings);
/** Free a pool; every buffer must have come back. NULL is fine. */
void buf_pool_free(struct buf_pool *pool);
/** Take a buffer of at least capacity bytes (the next larger class when one is empty), one reference.
 * @return the buffer, or NULL: exhausted or larger than BUF_LARGE_BYTES */
struct buf *buf_get(struct buf_pool *pool, size_t capacity);
/** Add a reference. @return buf */
struct buf *buf_ref(struct buf *buf);
/** Drop a reference; NULL is fine. */
void buf_unref(struct buf *buf);
/** Move what is in a buffer to a smaller one, if less than half of it is used, nobody else holds it, and there is one.
 * @param used bytes from its beginning @return that buffer, the old one is given back; or the old one */
struct buf *buf_fit(struct buf *buf, size_t used);
/** Buffers of a class in use now, and in all. */
size_t buf_pool_used(const struct buf_pool *pool, enum buf_class size_class);
size_t buf_pool_size(const struct buf_pool *pool, enum buf_class size_class);

#endif
