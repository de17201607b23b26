/* SPDX-License-Identifier: GPL-2.0-or-later */
/* trial: whether a TCP flow whose sender nobody knows fares better without order. */
#ifndef MPVPN_BOND_TRIAL_H
#define MPVPN_BOND_TRIAL_H

#include <stdbool.h>
#include <stdint.h>

#define TRIAL_SPANS 8u /**< spans that are remembered */

/** What the legs are like. */
struct trial_legs {
    uint64_t round_trip; /**< ns, the longest of those in use, and some more */
    uint64_t room_bps;   /**< bits per second that their windows let out */
    uint64_t sent_bps;   /**< bits per second that go, of all flows */
    bool lossy;          /**< they lose packets where round trips vary, so that repair adds to what order costs */
    bool order_costs;    /**< what waits for order has more than twice the shortest round trip */
};

/** A superpacket of a flow, or a packet. */
struct trial_data {
    uint32_t number;  /**< of its first byte */
    uint32_t bytes;   /**< of payload */
    uint32_t segment; /**< bytes of payload of each segment but the last */
    uint64_t waited;  /**< ns, for a leg */
};

/** A flow. Zeroed: nothing was seen of it. */
struct trial {
    uint64_t since;             /**< ns, when the span began; 0: none has */
    uint64_t fresh;             /**< bytes in it that went for the first time */
    uint64_t waited;            /**< ns, the longest that data waited in it */
    uint32_t pieces;            /**< superpackets in it … */
    uint32_t partial;           /**< … and those that end with less than a segment: the sender had no more */
    uint32_t longest;           /**< bytes, of a segment in it */
    uint32_t usual_longest;     /**< likewise in the one before */
    uint32_t sent;              /**< number behind all that was sent */
    bool again;                 /**< something was sent again in it */
    bool runs;                  /**< the flow goes without order, … */
    bool kept;                  /**< … as it gained by that */
    uint64_t rate[TRIAL_SPANS]; /**< bits per second in the last spans, by number */
    uint32_t spans;             /**< calm ones in a row, or those of the trial */
    uint64_t usual;             /**< bits per second before the trial, or when it was kept */
    uint64_t rest;              /**< ns between the last trial and the next; 0: there was none */
    uint64_t rests_until;       /**< ns */
};

/** Data of a flow go. @return whether what comes of it from now on needs no order */
bool trial_on_sent(struct trial *trial, const struct trial_legs *legs, const struct trial_data *data, uint64_t now);

#endif
