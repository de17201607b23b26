/* SPDX-License-Identifier: GPL-2.0-or-later */
/* kept: the superpackets whose segments may have to be sent again, each once however many of its segments are on their
 * way, with one reference to its buffer. Bounded in bytes of buffer capacity: to make room, the oldest are let go, and
 * their handles find nothing any more. */
#ifndef MPVPN_BOND_KEPT_H
#define MPVPN_BOND_KEPT_H

#include <stdint.h>

#include "packet/split.h"

#define KEPT_NONE 0u /**< handle of nothing */

struct kept;

/** @param memory_max capacity of buffers held at most, bytes @return an empty store, or NULL: no memory */
struct kept *kept_new(uint64_t memory_max);
/** Let all go and free; NULL is fine. */
void kept_free(struct kept *kept);
/**
 * One more user of a superpacket.
 * @param split copied; the store takes a reference to its buffer when it has none yet
 * @return a handle for kept_get() and kept_release(); KEPT_NONE: no memory, or the buffer alone is over the bound
 */
uint64_t kept_take(struct kept *kept, const struct split *split);
/** @return the superpacket, valid until the next kept_take() or kept_release(); NULL: it was let go */
const struct split *kept_get(const struct kept *kept, uint64_t handle);
/** One user less; the last lets it go. Any handle ever given is fine, and KEPT_NONE. */
void kept_release(struct kept *kept, uint64_t handle);
/** Capacity of the buffers held, bytes. */
uint64_t kept_memory(const struct kept *kept);

#endif
