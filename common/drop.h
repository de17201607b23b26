/* SPDX-License-Identifier: GPL-2.0-or-later */
/* drop: why packets are dropped, and how often. The reasons are in drop.def; a room counts into the struct it was
 * given. */
#ifndef MPVPN_COMMON_DROP_H
#define MPVPN_COMMON_DROP_H

#include <stdint.h>

/** Every reason, from drop.def. */
enum drop_reason {
#define DROP(symbol, name, help) DROP_##symbol,
#include "common/drop.def"
#undef DROP
    DROP_REASONS /**< how many there are */
};

/** Packets dropped since start, by reason. Zeroed = fresh. */
struct drop_counters {
    uint64_t count[DROP_REASONS]; /**< packets */
};

/** Count n packets. */
static inline void drop_count(struct drop_counters *drops, enum drop_reason reason, uint64_t n) {
    drops->count[reason] += n;
}

/** A reason's name as statistics have it: "source_not_allowed". */
const char *drop_name(enum drop_reason reason);

#endif
