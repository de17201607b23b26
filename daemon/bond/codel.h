/* SPDX-License-Identifier: GPL-2.0-or-later */
/* codel: CoDel's state of one flow and its control law (RFC 8289 section 4). What is dropped, and how long it has
 * waited, is queue.c's. */
#ifndef MPVPN_BOND_CODEL_H
#define MPVPN_BOND_CODEL_H

#include <stdbool.h>
#include <stdint.h>

/** CoDel's state of a flow (RFC 8289 section 4.4; the names are its). Zeroed it has never dropped. */
struct codel {
    uint64_t first_above_time; /**< ns when the wait will have been above target for an interval; 0: it is below */
    uint64_t drop_next;        /**< ns of the next drop */
    uint32_t count;            /**< drops since dropping began */
    uint32_t last_count;       /**< count when dropping last began */
    bool dropping;             /**< in dropping state */
};

/** Begin to drop: now was the first time. @param interval ns */
void codel_begin(struct codel *codel, uint64_t interval, uint64_t now);
/** The time after t at which to drop again. @param t ns, of the last drop @param interval ns */
uint64_t codel_next(const struct codel *codel, uint64_t interval, uint64_t t);

#endif
