/* SPDX-License-Identifier: GPL-2.0-or-later */
/* session_receive: what comes for a bonded session: packets into order, marks, the peer's wishes in capsules.
 *
 * How it works: numbers and order are reorder's business; this file knows which leg it was and what a capsule changes.
 * Left out: what is delivered is checked and written to the TUN by the hall.
 * Invariant: nothing that comes from the peer can change who the legs are, only how they are used for what this end
 * sends. Standards: mpvpn-protocol(7); RFC 9297 section 3.3. */
#include "bond/session.h"

#include <string.h>

#include "bond/session_internal.h"

#define ANSWERS_APART (5 * NS_PER_MS) /* who asks on a leg which packets have come is answered no more often */

void session_on_packet(struct session *session, const struct leg *leg, const struct frame_packet *frame,
                       const uint8_t *packet, size_t length, uint64_t now) {
    const struct reorder_statistics *order = reorder_statistics(session->reorder);
    const uint64_t repaired = order->repaired, late = order->late;
    struct session_leg *from = session_find(session, leg);
    if (!from)
        return;
    from->received.packets++;
    from->received.bytes += length;
    session->now = now;
    if (reorder_push(session->reorder, from->number, frame, packet, length, now) == DUPLICATE_SEEN)
        from->received.duplicates++;
    from->received.repaired += order->repaired != repaired;
    from->received.late += order->late != late;
}

void session_on_mark(struct session *session, const struct leg *leg, const struct frame_mark *mark, uint64_t now) {
    struct session_leg *from = session_find(session, leg);
    session->now = now;
    if (!from)
        return;
    if (!reorder_mark(session->reorder, from->number, mark, now) || !(mark->flags & FRAME_MARK_ASK) ||
        now - from->answered < ANSWERS_APART)
        return;
    from->answered = now;
    session_tell_arrived(session, from, mark->floor);
}

static struct session_leg *by_number(struct session *session, uint8_t number) {
    for (size_t i = 0; i < SESSION_LEGS_MAX; i++)
        if (session->legs[i].leg && session->legs[i].number == number)
            return &session->legs[i];
    return NULL;
}

/* The peer knows of its links what this end would learn from silence only: what is on its way on one that went down
 * goes to the others at once, and one that came up again is used when it has answered. A leg that was down and is about
 * to be closed cannot be closed by a word on itself. */
static void on_role(struct session *session, struct session_leg *leg, const struct control_leg_role *role,
                    uint64_t now) {
    const bool was_down = leg->state == CONTROL_DOWN, is_down = role->state == CONTROL_DOWN;
    session_apply_role(leg, role);
    leg->over |= was_down && role->state == CONTROL_DRAINING;
    if (is_down && !was_down)
        session_suspect(session, leg->leg, now);
    else if (was_down && !is_down && leg->suspect)
        session_ask(session, leg, now);
}

/* What came on a leg shows that it is not over, whatever it says: it would send nothing more for good. */
bool session_end_over(struct session_leg *leg, const struct leg *heard) {
    const bool ends = leg->over && leg->leg != heard;
    if (leg->over && !ends)
        leg->state = CONTROL_UP;
    leg->over = false;
    return ends;
}

/* What has come needs no repair. And as it was told on another leg than the silent one, that other works. An answer
 * that nobody asked for, or to more than one tells of, is not looked at: it would only cost time. */
static void on_arrived(struct session *session, const struct control_arrived *arrived, uint64_t now) {
    uint32_t told = 0, run;
    bool asked = false;
    for (size_t i = 0; i < SESSION_LEGS_MAX; i++) {
        struct session_leg *leg = &session->legs[i];
        if (!leg->leg || leg->asked <= leg->told_on_another)
            continue;
        leg->told_on_another = now;
        asked = true;
    }
    for (size_t i = 0; asked && i < arrived->count && told < REORDER_TOLD_MAX; i++, told += run) {
        run = arrived->runs[i] < REORDER_TOLD_MAX - told ? arrived->runs[i] : REORDER_TOLD_MAX - told;
        if (i % 2 == 0)
            outstanding_on_arrived(session->outstanding, arrived->first + told, run);
    }
}

bool session_on_capsule(struct session *session, uint64_t type, const uint8_t *value, size_t length, uint64_t now) {
    struct control_capsule capsule;
    struct session_leg *leg;
    enum sched_id id;
    if (control_decode(type, value, length, &capsule) || !control_is_news(&session->serials, &capsule))
        return true;
    switch (capsule.type) {
    case CONTROL_LEG_ROLE:
        leg = by_number(session, capsule.leg);
        if (!leg || leg->ours || leg->gone)
            return true;
        on_role(session, leg, &capsule.role, now);
        return true;
    case CONTROL_LEG_REPORT:
        leg = by_number(session, capsule.leg);
        if (!leg)
            return true;
        leg->told = capsule.report;
        leg->has_told = true;
        return true;
    case CONTROL_SCHEDULER:
        id = sched_find(capsule.word, strlen(capsule.word));
        if (id != SCHED_COUNT && id != session->sched.id)
            sched_init(&session->sched, id);
        return true;
    case CONTROL_ARRIVED:
        on_arrived(session, &capsule.arrived, now);
        return true;
    case CONTROL_CLOSE:
        memcpy(session->closed, capsule.word, sizeof session->closed);
        return false;
    default:
        return true;
    }
}
