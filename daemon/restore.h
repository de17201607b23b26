/* SPDX-License-Identifier: GPL-2.0-or-later */
/* restore: when to put back what was set on the host and somebody took away, and what there was no memory for. */
#ifndef MPVPN_RESTORE_H
#define MPVPN_RESTORE_H

#include <stdbool.h>
#include <stdint.h>

#include "os/netlink.h"
#include "timers.h"

/** Zeroed = nothing is due and nothing ever will be. */
struct restore {
    struct netlink *netlink;            /**< whose changes */
    struct timers *timers;              /**< the hall's */
    struct timer timer;                 /**< the next look */
    uint64_t wait;                      /**< ns, from that to the one after it, if there is no memory */
    void (*on_restored)(void *context); /**< the hall's: what was refused, and is ours no more, may be tried again */
    void *context;                      /**< handed to it */
};

/** Begin. Netlink and timers are kept. @param on_restored called after each look */
void restore_init(struct restore *restore, struct netlink *netlink, struct timers *timers,
                  void (*on_restored)(void *context), void *context);
/** Something of ours was taken away, or could not be seen to: look, a moment later. */
void restore_on_undone(struct restore *restore, uint64_t now);
/** Nothing is put back any more: it is all about to be undone. */
void restore_stop(struct restore *restore);

#endif
