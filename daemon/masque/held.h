/* SPDX-License-Identifier: GPL-2.0-or-later */
/* held: HTTP Datagrams that overtook their request: at most 64, for at most 100 ms. Only connect_ip uses it. */
#ifndef MPVPN_MASQUE_HELD_H
#define MPVPN_MASQUE_HELD_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define HELD_PAYLOAD_MAX 1472u /**< bytes: longest datagram payload that is held */

/** A datagram that waits. */
struct held_datagram {
    int64_t stream_id;                 /**< whose it is */
    uint64_t since;                    /**< when it came */
    size_t length;                     /**< bytes of payload */
    uint8_t payload[HELD_PAYLOAD_MAX]; /**< context ID and so on */
};

/** Those that wait, as a ring. Zeroed: none, and no memory used. */
struct held {
    struct held_datagram *ring; /**< NULL while none wait */
    size_t first;               /**< oldest */
    size_t count;               /**< how many */
};

/** Keep a copy. @return false: no room, or too long */
bool held_put(struct held *held, int64_t stream_id, const uint8_t *payload, size_t length, uint64_t now);
/** The oldest, or NULL. */
const struct held_datagram *held_oldest(const struct held *held);
/** Drop the oldest; the memory goes with the last. */
void held_drop(struct held *held);
/** When the oldest has waited long enough; UINT64_MAX: none waits. */
uint64_t held_deadline(const struct held *held);
/** Drop all. */
void held_clear(struct held *held);

#endif
