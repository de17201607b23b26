/* SPDX-License-Identifier: GPL-2.0-or-later */
/* session_copy: second copies of packets of sparse flows: what they may cost, and those that follow.
 *
 * Why: a ping, a name query, a key that was typed, a call's voice: a packet that is alone in its flow waits for nothing
 * but its own way, and that is as long as its leg makes it: a gust of jitter, a repair, a silence until the leg is
 * suspect. On two legs it takes the lesser of both, and such flows are so small that it costs next to nothing.
 *
 * How it works: the queue knows sparse flows, the scheduler the leg for the copy (sched.c). Copies have a budget in
 * bytes: a part of all that the session sends, and always as much as a call needs, so that a session with nothing else
 * has it on both legs. It is reckoned when a copy is wanted, so that it costs the other packets nothing. Under load a
 * leg's pacer lets the packet out and the other's does not at the same moment: the copy is owed then, and follows when
 * that leg can send, if the packet was not acknowledged by then. Window and pacer hold for copies as for all.
 *
 * Left out: which packets and legs (queue.c, sched.c), writing (the hall). Invariant: owed_count entries of `owed` are
 * in use, oldest first. Standards: mpvpn-protocol(7). */
#include "bond/session.h"

#include <string.h>

#include "bond/session_internal.h"
#include "bond/sparse.h"

#define PART 50u                 /* copies have at most this part of what is sent, … */
#define ALWAYS_SHIFT 16u         /* … and a byte in 2^this ns always, 122 kbit/s; … */
#define CREDIT_MAX (16u << 10)   /* … so many bytes at once */
#define OWED_FOR (5 * NS_PER_MS) /* a leg that cannot send for so long has nothing to gain */

static void reckon(struct session *session, uint64_t now) {
    uint64_t parts = (session->sent.bytes - session->reckoned_bytes) / PART;
    uint64_t always = (now - session->reckoned) >> ALWAYS_SHIFT, credit = session->copy_credit + parts + always;
    session->reckoned_bytes += parts * PART;
    session->reckoned += always << ALWAYS_SHIFT;
    session->copy_credit = credit < CREDIT_MAX ? credit : CREDIT_MAX;
}

bool session_may_copy(struct session *session, size_t length, uint64_t now) {
    reckon(session, now);
    return session->copy_credit >= length + SPARSE_OVERHEAD;
}

void session_pay_copy(struct session *session, size_t length) {
    uint64_t cost = length + SPARSE_OVERHEAD;
    session->copy_credit -= session->copy_credit < cost ? session->copy_credit : cost;
}

/* It is paid here already, or many were owed on one credit. */
void session_owe(struct session *session, unsigned slot, uint32_t sequence, size_t length, uint64_t now) {
    if (session->owed_count == SESSION_OWED)
        return;
    session->owed[session->owed_count++] =
        (struct session_owed){.until = now + OWED_FOR, .sequence = sequence, .slot = slot};
    session_pay_copy(session, length);
}

static void forget(struct session *session, unsigned i) {
    session->owed_count--;
    memmove(&session->owed[i], &session->owed[i + 1], (session->owed_count - i) * sizeof *session->owed);
}

/* Whether a leg may get a copy at all. */
static bool is_fit(const struct session_leg *leg) {
    return leg->leg && leg_is_open(leg->leg) && session_is_usable(leg);
}

const struct outstanding_resend *session_next_owed(struct session *session, unsigned *slot, uint64_t now) {
    unsigned i = 0;
    while (i < session->owed_count) {
        const struct session_owed *owed = &session->owed[i];
        const struct session_leg *leg = &session->legs[owed->slot];
        const struct outstanding_resend *copy = outstanding_on_its_way(session->outstanding, owed->sequence);
        if (!copy || now >= owed->until || !is_fit(leg)) {
            forget(session, i);
        } else if (!leg->blocked && leg_can_send(leg->leg, copy->packet.length, now)) {
            *slot = owed->slot;
            return copy;
        } else {
            i++;
        }
    }
    return NULL;
}

void session_copied(struct session *session, unsigned slot, const struct outstanding_resend *copy, uint64_t now) {
    const struct outstanding_packet packet = copy->packet;
    unsigned i = 0;
    while (i < session->owed_count && (session->owed[i].slot != slot || session->owed[i].sequence != packet.sequence))
        i++;
    if (i < session->owed_count)
        forget(session, i);
    outstanding_add(session->outstanding, slot, &packet, now);
    session_count_sent(session, slot, packet.length, now);
}
