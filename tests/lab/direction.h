/* SPDX-License-Identifier: GPL-2.0-or-later */
/* direction: one direction of an emulated path: packets from a TUN device with a virtio_net_hdr, through a link's
 * model, to another. The clock is the caller's. */
#ifndef MPVPN_LAB_DIRECTION_H
#define MPVPN_LAB_DIRECTION_H

#include <stdbool.h>
#include <stdint.h>

#include "packet/buf.h"
#include "tests/lab/linkmodel.h"

#define DIRECTION_PACKET_MAX 2000u /**< bytes: a longer packet is dropped and counted */

struct merge;

/** One direction of a path. */
struct direction {
    struct linkmodel model;      /**< what happens to packets */
    int in, out;                 /**< TUN: packets come from there and go there */
    uint8_t *packets;            /**< SETTINGS_PACKETS_MAX + 1 slots */
    uint16_t *lengths;           /**< bytes of IP in each */
    uint32_t *spare;             /**< numbers of unused slots, a stack */
    uint32_t spare_count;        /**< of them */
    struct buf_pool *pool;       /**< memory of what is read and of what is joined */
    struct buf *arrival;         /**< what is read, before it is cut */
    struct merge *merge;         /**< joins what has come out of a fast link */
    uint64_t written;            /**< packets given to the kernel since the statistics were reset */
    uint64_t written_bytes;      /**< bytes of IP of all but the first of them */
    uint64_t first, last;        /**< ns: when the first and the last of them were written */
    uint64_t late_sum, late_max; /**< ns: how much later than the model says */
    uint64_t refused;            /**< packets that the kernel did not take, or that were too long */
};

/** @param in, out do not block; borrowed @return 0 or -ENOMEM */
int direction_init(struct direction *d, int in, int out, uint64_t seed);
/** Safe on a zeroed direction. */
void direction_fini(struct direction *d);
/** Write what is to be written by now. @param now ns, never less than before */
void direction_write(struct direction *d, uint64_t now);
/** Read what came, a limited number of times; first direction_write(). @return whether there may be more */
bool direction_read(struct direction *d, uint64_t now);
/** @return whether packets follow each other so soon that those of a flow are joined */
bool direction_is_fast(const struct direction *d);

#endif
