/* SPDX-License-Identifier: GPL-2.0-or-later */
/* meter: packets and bytes counted since the start, and the rate of the last whole second; a few additions per packet.
 */
#ifndef MPVPN_BOND_METER_H
#define MPVPN_BOND_METER_H

#include <stdint.h>

#include "common/clock.h"

/** Zeroed = nothing yet. */
struct meter {
    uint64_t packets;      /**< since the start */
    uint64_t bytes;        /**< since the start */
    uint64_t window_start; /**< ns, when the current window began */
    uint64_t window_bytes; /**< value of bytes then */
    uint64_t rate_bps;     /**< bits per second over the last closed window */
};

/** Close the window if it is a second old or older. */
static inline void meter_roll(struct meter *meter, uint64_t now) {
    uint64_t age = now - meter->window_start;
    if (age < NS_PER_SEC)
        return;
    /* A window that was not closed in time spans a silence: its average is what was carried, honestly spread. */
    meter->rate_bps = (uint64_t)((double)(meter->bytes - meter->window_bytes) * 8e9 / (double)age);
    meter->window_start = now;
    meter->window_bytes = meter->bytes;
}

/** Count one packet. */
static inline void meter_add(struct meter *meter, uint64_t bytes, uint64_t now) {
    meter_roll(meter, now);
    meter->packets++;
    meter->bytes += bytes;
}

#endif
