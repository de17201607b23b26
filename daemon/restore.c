/* SPDX-License-Identifier: GPL-2.0-or-later */
/* restore: puts back what was set on the host and somebody took away.
 *
 * How it works: each time that is a moment later, as whoever flushes a device looks again whether it is empty, and goes
 * on until it is. While there is no memory for it the next try waits twice as long, but news of a change is a reason to
 * try after that moment again, and it is never put off by more news. What the kernel refused is the hall's to try again
 * then. Left out: what is ours, and how it is made (os/netlink_change.c). Invariant: there is at most one try within
 * RESTORE_AFTER. */
#include "restore.h"

#define RESTORE_AFTER (NS_PER_SEC / 2)
#define RESTORE_MAX (8 * NS_PER_SEC) /* the longest wait while there is no memory */

static void on_due(void *context, uint64_t now) {
    struct restore *restore = context;
    bool again = false;
    netlink_restore(restore->netlink, &again);
    restore->on_restored(restore->context);
    if (!again)
        return;
    restore->wait = 2 * restore->wait < RESTORE_MAX ? 2 * restore->wait : RESTORE_MAX;
    timer_set(restore->timers, &restore->timer, now + restore->wait);
}

void restore_init(struct restore *restore, struct netlink *netlink, struct timers *timers,
                  void (*on_restored)(void *context), void *context) {
    *restore = (struct restore){.netlink = netlink,
                                .timers = timers,
                                .timer = {.on_due = on_due, .context = restore},
                                .on_restored = on_restored,
                                .context = context};
}

void restore_on_undone(struct restore *restore, uint64_t now) {
    if (!restore->timers || (restore->timer.place && restore->timer.deadline <= now + RESTORE_AFTER))
        return;
    restore->wait = RESTORE_AFTER;
    timer_set(restore->timers, &restore->timer, now + RESTORE_AFTER);
}

void restore_stop(struct restore *restore) {
    if (restore->timers)
        timer_set(restore->timers, &restore->timer, TIME_NEVER);
    restore->timers = NULL;
}
