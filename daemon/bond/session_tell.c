/* SPDX-License-Identifier: GPL-2.0-or-later */
/* session_tell: what the ends of a bonded session tell each other in capsules, on its way out: roles of legs, the
 * scheduler, what came on each leg, and which packets have come, when asked.
 *
 * How it works: what steers goes on every live leg, so that the leg it is about may be dead. A report of a leg goes on
 * the fastest one, at most once in REPORT_EVERY and only while something came since the last, so an idle session is
 * silent; one that is lost with its leg is made up for by the next. Of a leg that was closed without a word the peer is
 * told as soon as another is fit for use: what only silent ones took may never come. Left out: when roles change (the
 * hall), and what is made of the peer's capsules (session_receive.c). Invariants: serials of a session only rise; that
 * a leg was closed is told of none that is attached, and in no other session than its own. Standards:
 * mpvpn-protocol(7); RFC 9297 section 3. */
#include "bond/session.h"

#include <string.h>

#include "bond/session_internal.h"

#define REPORT_EVERY NS_PER_SEC
#define LEFT_TOLD (30 * NS_PER_SEC) /* the idle time-out: by then the peer has missed a leg that was closed */

/* Give a capsule, already numbered, to one leg. @return whether it took it */
static bool tell_leg(struct session_leg *slot, const struct control_capsule *capsule) {
    uint8_t bytes[CONTROL_MAX];
    size_t length = control_encode(capsule, bytes, sizeof bytes), head;
    uint64_t type = 0, size = 0;
    if (!length || !slot->leg || !leg_is_open(slot->leg))
        return false;
    head = varint_read(bytes, length, &type);
    head += varint_read(bytes + head, length - head, &size);
    return connect_ip_capsule(leg_connect_ip(slot->leg), type, bytes + head, (size_t)size) == 0;
}

void session_tell(struct session *session, struct control_capsule *capsule) {
    capsule->serial = session->control_serial++;
    for (size_t i = 0; i < SESSION_LEGS_MAX; i++)
        tell_leg(&session->legs[i], capsule);
    session->told = true;
}

uint64_t session_report_at(const struct session *session) {
    uint64_t nearest = TIME_NEVER;
    for (size_t i = 0; i < SESSION_LEGS_MAX; i++) {
        const struct session_leg *leg = &session->legs[i];
        if (leg->leg && leg->received.packets != leg->reported_packets && leg->reported + REPORT_EVERY < nearest)
            nearest = leg->reported + REPORT_EVERY;
    }
    return nearest;
}

void session_report(struct session *session, uint64_t now) {
    for (size_t i = 0; i < SESSION_LEGS_MAX; i++) {
        struct session_leg *leg = &session->legs[i];
        const struct control_capsule capsule = {
            .type = CONTROL_LEG_REPORT, .leg = leg->number, .serial = session->control_serial, .report = leg->received};
        int on = session_fastest(session, -1);
        if (!leg->leg || leg->received.packets == leg->reported_packets || now < leg->reported + REPORT_EVERY)
            continue;
        leg->reported = now;
        if (on < 0 || !tell_leg(&session->legs[on], &capsule))
            continue; /* the stream is full: in a second again */
        session->control_serial++;
        session->told = true;
        leg->reported_packets = leg->received.packets;
    }
}

void session_tell_arrived(struct session *session, struct session_leg *asked_on, uint32_t first) {
    struct control_capsule capsule = {.type = CONTROL_ARRIVED,
                                      .leg = CONTROL_LEG_NONE,
                                      .serial = session->control_serial,
                                      .arrived = {.first = first}};
    capsule.arrived.count = (uint8_t)reorder_arrived(session->reorder, first, capsule.arrived.runs, CONTROL_RUNS_MAX);
    if (!tell_leg(asked_on, &capsule))
        return; /* the stream is full: who asks does without */
    session->control_serial++;
    session->told = true;
}

void session_apply_role(struct session_leg *leg, const struct control_leg_role *role) {
    /* Between two flaps congestion control sees losses without a pause that it could tell from others. */
    if (leg->state == CONTROL_DOWN && role->state != CONTROL_DOWN)
        conn_begin_anew(leg_conn(leg->leg));
    leg->state = role->state;
    leg->priority = role->priority;
    leg->weight = role->weight;
    leg->when_full = role->when_full;
    conn_set_rate_limit(leg_conn(leg->leg), (uint64_t)role->rate_kbps * 1000);
}

void session_set_role(struct session *session, struct session_leg *leg, const struct control_leg_role *role) {
    struct control_capsule capsule = {.type = CONTROL_LEG_ROLE, .leg = leg->number, .role = *role};
    leg->ours = true;
    session_apply_role(leg, role);
    if (session->bonded)
        session_tell(session, &capsule);
}

/* legs that were closed without a word */

void session_forget_left(struct session *session, uint8_t number) {
    unsigned kept = 0;
    for (unsigned i = 0; i < session->untold_count; i++)
        if (session->untold[i].number != number)
            session->untold[kept++] = session->untold[i];
    session->untold_count = kept;
}

void session_note_left(struct session *session, uint8_t number, uint64_t now) {
    session_forget_left(session, number);
    if (session->untold_count == SESSION_LEGS_MAX)
        session_forget_left(session, session->untold[0].number);
    session->untold[session->untold_count++] = (struct session_untold){.number = number, .at = now};
}

/* @return whether a leg that is fit for use took the capsule */
static bool tell_fit(struct session *session, struct control_capsule *capsule) {
    bool taken = false;
    capsule->serial = session->control_serial;
    for (size_t i = 0; i < SESSION_LEGS_MAX; i++)
        taken |= session_is_usable(&session->legs[i]) && tell_leg(&session->legs[i], capsule);
    session->control_serial += taken;
    session->told |= taken;
    return taken;
}

static bool tell_over(struct session *session, uint8_t number) {
    struct control_capsule capsule = {
        .type = CONTROL_LEG_ROLE, .leg = number, .role = {.state = CONTROL_DOWN, .weight = 1}};
    if (!tell_fit(session, &capsule))
        return false;
    capsule.role.state = CONTROL_DRAINING;
    return tell_fit(session, &capsule);
}

void session_tell_left(struct session *session, uint64_t now) {
    while (session->untold_count) {
        const struct session_untold left = session->untold[0];
        if (now - left.at < LEFT_TOLD && !tell_over(session, left.number))
            return;
        session_forget_left(session, left.number);
    }
}

void session_set_scheduler(struct session *session, enum sched_id id) {
    struct control_capsule capsule = {.type = CONTROL_SCHEDULER, .leg = CONTROL_LEG_NONE};
    if (session->sched.id != id)
        sched_init(&session->sched, id);
    memcpy(capsule.word, sched_kind(id)->name, strlen(sched_kind(id)->name) + 1);
    if (session->bonded)
        session_tell(session, &capsule);
}
