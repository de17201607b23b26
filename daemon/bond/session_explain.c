/* SPDX-License-Identifier: GPL-2.0-or-later */
/* session_explain: why a leg is used or not at this moment, for people.
 *
 * How it works: the scheduler in use is asked where it would send a packet of its own now, on a copy, so that asking
 * changes nothing; a leg that is not its answer is looked at from the outside: whether it may be used at all, whether
 * it can send, when a packet would arrive. Left out: words (the hall's). Standards: none. */
#include "bond/session_internal.h"

#define PROBE_LENGTH 100u /* bytes of the packet that is asked about: a ping, which no leg is too narrow for */

/* What keeps a leg from sending now. */
static enum reason closed_by(const struct session_leg *leg, uint64_t now) {
    struct conn_statistics s;
    conn_statistics(leg_conn(leg->leg), &s);
    return leg->blocked ? REASON_SOCKET : s.paced_until > now ? REASON_PACED : REASON_WINDOW;
}

static enum reason reason_of(const struct session *session, unsigned slot, const struct sched_leg *legs, int chosen,
                             uint64_t now) {
    const struct session_leg *leg = &session->legs[slot];
    if (!leg->leg || !leg_is_open(leg->leg))
        return REASON_OFF;
    if (session_is_shut(leg))
        return REASON_LEAVING;
    if (leg->suspect)
        return REASON_SUSPECT;
    if (chosen == (int)slot)
        return REASON_NEXT;
    if (chosen >= 0 && legs[slot].role == SCHED_ROLE_BACKUP && legs[chosen].role == SCHED_ROLE_PRIMARY)
        return REASON_BACKUP;
    if (legs[slot].packet_max < SESSION_MTU_MIN)
        return REASON_NARROW;
    if (!legs[slot].can_send)
        return closed_by(leg, now);
    if (session->sched.id == SCHED_ECF)
        return REASON_LATER;
    return REASON_PASSED;
}

void session_explain(const struct session *session, unsigned slot, struct session_reason *out, uint64_t now) {
    const struct sched_packet packet = {.length = PROBE_LENGTH, .flow_bytes = PROBE_LENGTH};
    struct sched sched = session->sched;
    struct sched_leg legs[SESSION_LEGS_MAX];
    size_t count = session_view(session, PROBE_LENGTH, legs, now);
    uint16_t copies = 0;
    int chosen = sched_pick(&sched, legs, count, &packet, now, &copies);
    *out = (struct session_reason){.arrival = sched_arrival(&legs[slot], PROBE_LENGTH),
                                   .wait = legs[slot].can_send ? 0 : legs[slot].wait,
                                   .capacity_bps = legs[slot].rate_bps,
                                   .than = chosen,
                                   .than_arrival = chosen < 0 ? 0 : sched_arrival(&legs[chosen], PROBE_LENGTH)};
    out->reason = copies >> slot & 1 ? REASON_NEXT : reason_of(session, slot, legs, chosen, now);
    if (out->arrival >= SCHED_NEVER)
        out->arrival = TIME_NEVER;
}
