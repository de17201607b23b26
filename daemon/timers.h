/* SPDX-License-Identifier: GPL-2.0-or-later */
/* timers: the hall's one heap of deadlines. Timers are embedded by value in what they wake; setting one allocates
 * nothing once the heap has grown to the number in use. */
#ifndef MPVPN_TIMERS_H
#define MPVPN_TIMERS_H

#include <stddef.h>
#include <stdint.h>

#include "common/clock.h"

/** One deadline; zeroed = not set. Its owner sets on_due and context once and clears it by timer_set(TIME_NEVER) before
 * it goes. */
struct timer {
    uint64_t deadline;                           /**< absolute ns, valid while in the heap */
    size_t place;                                /**< index in the heap + 1; 0: not set */
    void (*on_due)(void *context, uint64_t now); /**< called once a deadline; the timer is not set then */
    void *context;                               /**< handed to on_due */
};

/** The heap. Zeroed = empty. */
struct timers {
    struct timer **heap; /**< binary heap by deadline */
    size_t count;        /**< timers set */
    size_t capacity;     /**< entries allocated */
};

/** Free the heap's memory; timers still set are forgotten. */
void timers_fini(struct timers *timers);
/** Set, move or (TIME_NEVER) clear a timer. Aborts when memory for the heap cannot be had. */
void timer_set(struct timers *timers, struct timer *timer, uint64_t deadline);
/** The earliest deadline, or TIME_NEVER. */
uint64_t timers_next(const struct timers *timers);
/** Call everything that is due, earliest first; what they set anew at or before now runs in the next call. */
void timers_run(struct timers *timers, uint64_t now);

#endif
