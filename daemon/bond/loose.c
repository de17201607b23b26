/* SPDX-License-Identifier: GPL-2.0-or-later */
/* loose: TCP flows that are delivered as they come.
 *
 * Why: BBR's window is two of its shortest round trip, which is that of a quiet path, at its rate. What waits for order
 * behind a repair or a longer leg has a round trip of more than that, so the window ends the flow's growth: Linux' BBR
 * stands at 3 of 35 Mbit/s over two paths that vary and lose, where one of them without a tunnel carries 15. But BBR
 * does not slow down for a loss, and packets out of order cost it a few needless retransmissions. CUBIC takes the same
 * for congestion.
 *
 * How it works: nothing in its packets tells soon what a sender does, but its own kernel knows. So a flow that sends
 * more than a little is asked for once. Of one of another host, that is only forwarded here, nobody knows: it is kept
 * in order, and tried without where that seems to starve it (trial.c). A flow has a place by its hash, which another
 * one takes over when it has paused, or at once if it has the same addresses and ports, by its SYN.
 *
 * Left out: asking (the hall's; os/sockdiag). Sources: Cardwell et al., "BBR: Congestion-Based Congestion Control", ACM
 * Queue 14(5), 2016; draft-cardwell-iccrg-bbr-congestion-control. */
#include "bond/loose.h"

#include <string.h>

#define BULK_BYTES 65536u /**< that a flow sends before it is asked for */
#define TOLERANT "bbr"    /**< congestion controls whose names begin so need no order */

bool loose_on_sent(struct loose *loose, uint32_t hash, uint32_t bytes, uint64_t now) {
    struct loose_flow *flow = &loose->flows[hash % LOOSE_FLOWS];

    if (flow->hash != hash || !flow->seen) {
        if (flow->seen && now - flow->seen < LOOSE_PAUSE)
            return false;
        *flow = (struct loose_flow){.hash = hash};
    }
    flow->seen = now;
    if (flow->asked)
        return false;
    flow->bytes = bytes < BULK_BYTES ? flow->bytes + bytes : BULK_BYTES;
    flow->asked = flow->bytes >= BULK_BYTES;
    return flow->asked;
}

void loose_on_begin(struct loose *loose, uint32_t hash) {
    struct loose_flow *flow = &loose->flows[hash % LOOSE_FLOWS];

    if (flow->hash == hash)
        *flow = (struct loose_flow){0};
}

void loose_on_answer(struct loose *loose, uint32_t hash, const char *congestion) {
    struct loose_flow *flow = &loose->flows[hash % LOOSE_FLOWS];

    if (flow->hash != hash)
        return;
    flow->tried = !congestion;
    flow->loose = congestion && !strncmp(congestion, TOLERANT, strlen(TOLERANT));
}

bool loose_on_data(struct loose *loose, uint32_t hash, const struct trial_data *data, uint64_t now) {
    struct loose_flow *flow = &loose->flows[hash % LOOSE_FLOWS];
    bool was = flow->loose;

    if (!loose_is_tried(loose, hash))
        return false;
    loose->tried = now;
    flow->loose = trial_on_sent(&flow->trial, &loose->legs, data, now);
    return flow->loose != was;
}
