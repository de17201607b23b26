/* SPDX-License-Identifier: GPL-2.0-or-later */
/* bottleneck: a link of the lab's model (tests/lab/linkmodel.h) that carries whole packets of one or more struct link
 * in virtual time, marks them, hands them on in bursts and lets some be overtaken. */
#ifndef MPVPN_SIM_BOTTLENECK_H
#define MPVPN_SIM_BOTTLENECK_H

#include "tests/lab/linkmodel.h"
#include "tests/sim/link.h"

struct bottleneck_slot;

/** Packets that are overtaken by those behind them, as where a route or a queue changes. */
struct bottleneck_late {
    uint64_t delay; /**< ns by which they are later than without that; 0: none are */
    uint64_t next;  /**< ns: those that come out from then on … */
    uint64_t every; /**< … and so long after the last such time again; 0: not again */
    size_t packets; /**< so many each time */
};

/** A bottleneck. mark, burst and late may be changed, the model's settings by linkmodel_set(); the rest is
 * bottleneck.c's. */
struct bottleneck {
    struct linkmodel model;        /**< what it does to packets */
    uint64_t mark;                 /**< ns beyond the delay after which packets with ECT are marked CE; 0: never */
    uint64_t burst;                /**< ns: packets come out at multiples of it only; 0: at any time */
    struct bottleneck_late late;   /**< packets that are overtaken */
    size_t late_left;              /**< of those, to come out yet */
    uint32_t *held;                /**< ring of the handles of packets that are being overtaken */
    size_t held_head, held_count;  /**< first, and how many */
    struct bottleneck_slot *slots; /**< packets on the way, by the model's handle */
    uint32_t *free;                /**< slots not in use */
    size_t free_count;             /**< of them */
};

/** Make one without limits; fails the program when there is no memory. @param seed of its chance */
void bottleneck_init(struct bottleneck *bottleneck, uint64_t seed);
void bottleneck_fini(struct bottleneck *bottleneck);
/** A packet of a link goes in, or is gone: counted at the link as lost by chance or as dropped. */
void bottleneck_put(struct bottleneck *bottleneck, struct link *link, const struct link_packet *packet, uint64_t now);
/** Everything due is done: what comes out waits at its link for link_receive(). */
void bottleneck_run(struct bottleneck *bottleneck, uint64_t now);
/** @return when bottleneck_run() is due, ns; TIME_NEVER: it is empty */
uint64_t bottleneck_next(const struct bottleneck *bottleneck);

#endif
