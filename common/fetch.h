/* SPDX-License-Identifier: GPL-2.0-or-later */
/* fetch: asks for memory before it is used, to the cache next to the nearest one, which has room for it and whose
 * misses are the dear ones. A packet takes some 11 KB through the near caches, so what was used a few hundred packets
 * ago has left them; the processor itself looks ahead only where memory has been read in a row for a while. */
#ifndef MPVPN_COMMON_FETCH_H
#define MPVPN_COMMON_FETCH_H

#include <stddef.h>
#include <stdint.h>

#define FETCH_LINE 64u /**< bytes that are fetched at a time */

/** Bytes will be read soon. They may lie beyond the end of anything: nothing is touched. */
static inline void fetch_to_read(const uint8_t *from, size_t length) {
    for (size_t at = 0; at < length; at += FETCH_LINE)
        __builtin_prefetch(from + at, 0, 2);
}

/** Bytes will be written soon, likewise. */
static inline void fetch_to_write(const uint8_t *to, size_t length) {
    for (size_t at = 0; at < length; at += FETCH_LINE)
        __builtin_prefetch(to + at, 1, 2);
}

#endif
