/* SPDX-License-Identifier: GPL-2.0-or-later */
/* codel: when to drop next: the interval divided by the square root of the number of drops, with 8 fractional bits of
 * the root. Dropping that began again soon goes on near the rate that controlled the queue before. It leaves out the
 * clock and the queue. Standards: RFC 8289 section 4. */
#include "bond/codel.h"

#define RECENT_INTERVALS 16u /* a dropping state that began again within so many intervals goes on where it was */

/** Integer square root. */
static uint64_t square_root(uint64_t x) {
    uint64_t root = 0;

    for (uint64_t bit = 1ull << 62; bit; bit >>= 2) {
        bool fits = x >= root + bit;

        if (fits)
            x -= root + bit;
        root >>= 1;
        if (fits)
            root += bit;
    }
    return root;
}

uint64_t codel_next(const struct codel *codel, uint64_t interval, uint64_t t) {
    return t + (interval << 8) / square_root((uint64_t)codel->count << 16);
}

void codel_begin(struct codel *codel, uint64_t interval, uint64_t now) {
    uint32_t since = codel->count - codel->last_count;
    bool recent = now < codel->drop_next + RECENT_INTERVALS * interval;

    codel->dropping = true;
    codel->count = since > 1 && recent ? since : 1;
    codel->last_count = codel->count;
    codel->drop_next = codel_next(codel, interval, now);
}
