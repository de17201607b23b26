/* SPDX-License-Identifier: GPL-2.0-or-later */
/* sparse: which flows send little: pings, name queries, keys that are typed, handshakes, a call. */
#ifndef MPVPN_BOND_SPARSE_H
#define MPVPN_BOND_SPARSE_H

#include <stdbool.h>
#include <stdint.h>

#include "packet/inner.h"
#include "packet/split.h"

#define SPARSE_OVERHEAD 80u /**< bytes that a packet costs on its way beyond its own, about */

/** What a flow has sent lately; zeroed: nothing. */
struct sparse {
    uint64_t drained; /**< ns up to which `recent` has drained */
    uint32_t recent;  /**< bytes, less what a sparse flow may send */
};

/** A flow sends so many packets with so many bytes. */
void sparse_note(struct sparse *sparse, uint64_t packets, uint64_t bytes, uint64_t now);
/** Whether the flow sends little and this is a packet of its own that is of use twice. @param inner its headers */
bool sparse_has(const struct sparse *sparse, const struct split *split, const struct inner *inner);

#endif
