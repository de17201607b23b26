/* SPDX-License-Identifier: GPL-2.0-or-later */
/* thin: fewer acknowledgements for senders of TCP at this end. Plain ones of a flow go on no more often than some times
 * in a round trip, of the legs and of the flow; of those that come sooner the last one waits for its turn, and stands
 * for the others. */
#ifndef MPVPN_BOND_THIN_H
#define MPVPN_BOND_THIN_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "packet/inner.h"

#define THIN_FLOWS 16u     /**< flows that are remembered */
#define THIN_BYTES_MAX 80u /**< no acknowledgement without options but timestamps is longer, with IPv6 */

/** Hand on an acknowledgement whose turn has come. Valid in the call only. */
typedef void thin_release_fn(void *context, const uint8_t *packet, size_t length);

/** What a filter is made with. */
struct thin_settings {
    uint8_t key[16];          /**< secret of the flow hash */
    thin_release_fn *release; /**< called from thin_take() and thin_on_timer() */
    void *context;            /**< handed to it */
};

struct thin;

/** @return a filter that lets all pass, or NULL: no memory */
struct thin *thin_new(const struct thin_settings *settings);
/** Free; what it holds is dropped. NULL is fine. */
void thin_free(struct thin *thin);
/** How far apart a flow's acknowledgements are to be. @param interval ns; 0: they all pass */
void thin_set_interval(struct thin *thin, uint64_t interval);
/** Whether the sender's rounds are to be followed, too: a flow's round trip is longer than the legs' now and then. */
void thin_follow_rounds(struct thin *thin, bool follow);
/**
 * An IP packet comes; what must go before it is released in the call.
 * @param packet borrowed: copied if it is kept
 * @return true: it is kept; false: it goes on
 */
bool thin_take(struct thin *thin, const uint8_t *packet, size_t length, uint64_t now);
/** An IP packet of this end is sent, or a superpacket before it is cut: what may be acknowledged.
 * @param inner its parsed headers */
void thin_on_sent(struct thin *thin, const struct inner *inner, const uint8_t *packet, size_t length);
/** When thin_on_timer() is due, ns; TIME_NEVER: nothing is held. */
uint64_t thin_deadline(const struct thin *thin);
/** Release what has waited long enough. */
void thin_on_timer(struct thin *thin, uint64_t now);

#endif
