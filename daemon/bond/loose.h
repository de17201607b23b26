/* SPDX-License-Identifier: GPL-2.0-or-later */
/* loose: which TCP flows need no order, as their sender's congestion control takes neither a loss nor a packet out of
 * order for congestion (BBR). */
#ifndef MPVPN_BOND_LOOSE_H
#define MPVPN_BOND_LOOSE_H

#include <stdbool.h>
#include <stdint.h>

#include "bond/trial.h"
#include "common/clock.h"

#define LOOSE_FLOWS 16u        /**< flows that are remembered */
#define LOOSE_PAUSE NS_PER_SEC /**< ns: a place whose flow sent nothing for so long is free */

/** A flow. */
struct loose_flow {
    uint64_t seen;      /**< ns, when it sent last */
    uint32_t hash;      /**< of the flow */
    uint32_t bytes;     /**< that it sent, until it is worth a question */
    bool asked;         /**< for its congestion control */
    bool tried;         /**< nobody knows that, so it is tried whether it needs order */
    bool loose;         /**< it needs none */
    struct trial trial; /**< how that goes */
};

/** Zeroed: none is known. */
struct loose {
    struct trial_legs legs;               /**< as they are: the session's to set while loose_tries() */
    uint64_t tried;                       /**< ns, when data of a flow went last that is tried; 0: never */
    struct loose_flow flows[LOOSE_FLOWS]; /**< by hash */
};

/** A TCP flow sends so many bytes. @return true: its congestion control is to be asked for; false: it was, or it
 * sent too little yet, or its place is taken */
bool loose_on_sent(struct loose *loose, uint32_t hash, uint32_t bytes, uint64_t now);
/** A TCP flow begins: what is known of a former one with its addresses and ports is not true of it. */
void loose_on_begin(struct loose *loose, uint32_t hash);
/** The answer for a flow. @param congestion its congestion control's name; NULL: nobody knows it */
void loose_on_answer(struct loose *loose, uint32_t hash, const char *congestion);
/** Whether data of a flow are to be told. */
static inline bool loose_is_tried(const struct loose *loose, uint32_t hash) {
    const struct loose_flow *flow = &loose->flows[hash % LOOSE_FLOWS];

    return flow->tried && flow->hash == hash;
}
/** Whether some flow is tried now, so that it matters what the legs are like. */
static inline bool loose_tries(const struct loose *loose, uint64_t now) {
    return loose->tried && now - loose->tried < LOOSE_PAUSE;
}
/** Data of a flow go that is tried. @return whether it needs order now and did not before, or the other way round */
bool loose_on_data(struct loose *loose, uint32_t hash, const struct trial_data *data, uint64_t now);
/** Whether a flow needs no order. */
static inline bool loose_has(const struct loose *loose, uint32_t hash) {
    const struct loose_flow *flow = &loose->flows[hash % LOOSE_FLOWS];

    return flow->loose && flow->hash == hash;
}

#endif
