/* SPDX-License-Identifier: GPL-2.0-or-later */
/* held: datagrams that overtook their request. One block holds the ring; it exists only while something waits.
 * Invariants: the ring is in the order of arrival. */
#include "masque/held.h"

#include <stdlib.h>
#include <string.h>

#define HELD_MAX 64u                 /* datagrams */
#define HELD_TIME (100ull * 1000000) /* ns */

bool held_put(struct held *held, int64_t stream_id, const uint8_t *payload, size_t length, uint64_t now) {
    if (held->count == HELD_MAX || length > HELD_PAYLOAD_MAX)
        return false;
    if (held->ring == NULL)
        held->ring = malloc(HELD_MAX * sizeof(*held->ring));
    if (held->ring == NULL)
        return false;
    struct held_datagram *datagram = &held->ring[(held->first + held->count++) % HELD_MAX];
    datagram->stream_id = stream_id;
    datagram->since = now;
    datagram->length = length;
    memcpy(datagram->payload, payload, length);
    return true;
}

const struct held_datagram *held_oldest(const struct held *held) {
    return held->count > 0 ? &held->ring[held->first] : NULL;
}

void held_drop(struct held *held) {
    held->first = (held->first + 1) % HELD_MAX;
    if (--held->count == 0)
        held_clear(held);
}

uint64_t held_deadline(const struct held *held) {
    return held->count > 0 ? held->ring[held->first].since + HELD_TIME : UINT64_MAX;
}

void held_clear(struct held *held) {
    free(held->ring);
    *held = (struct held){0};
}
