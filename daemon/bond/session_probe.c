/* SPDX-License-Identifier: GPL-2.0-or-later */
/* session_probe: PINGs on legs that carry nothing: whether a suspect one lives again, and how long the round trip is on
 * one that stands by, so that schedulers find true estimates when they look at it.
 *
 * How it works: a suspect leg is asked often at first, then less often; what it answers is seen by session_look().
 * While the session sends, legs that get nothing are asked now and then, backups more rarely: radios like to sleep. Two
 * PINGs without answer make an idle leg suspect before anything is risked on it. A session that sends nothing asks
 * nothing: the connections' own keep-alive holds its legs.
 *
 * Left out: legs in use, whose acknowledgements tell all that (session_send.c).
 * Invariant: a leg is asked no more often than once in SUSPECT_FIRST. */
#include "bond/session.h"

#include "bond/session_internal.h"

#define SUSPECT_FIRST                                                                                                  \
    (100 * NS_PER_MS)                  /* between PINGs on a suspect leg, and on one that was trusted again lately … \
                                        */
#define SUSPECT_LONG (10 * NS_PER_SEC) /* … until it was suspect for so long; then: */
#define SUSPECT_LATER (500 * NS_PER_MS)
#define TRUSTED_LATELY (NS_PER_SEC)    /* what is measured on it first may be a packet that waited for the link */
#define IDLE_PRIMARY (200 * NS_PER_MS) /* between PINGs on a leg that gets nothing while others do */
#define IDLE_BACKUP NS_PER_SEC         /* likewise, of role backup */
#define BUSY (NS_PER_SEC)              /* a session is sending until so long after a packet */
#define ANSWER_LEAST (200 * NS_PER_MS) /* all legs that are asked have so long to answer, at least */
#define UNANSWERED 2u                  /* PINGs without answer that make a leg suspect */

/* Whether the session has sent anything lately. */
static bool is_busy(const struct session *session, uint64_t now) {
    for (size_t i = 0; i < SESSION_LEGS_MAX; i++)
        if (session->legs[i].leg && now - session->legs[i].last_sent < BUSY && session->legs[i].last_sent)
            return true;
    return false;
}

/* How far apart the PINGs on a leg are. @return 0: none */
static uint64_t interval(const struct session_leg *leg, bool busy, uint64_t now) {
    if (!leg->leg || !leg_is_open(leg->leg))
        return 0;
    if (leg->suspect)
        return now - leg->suspect_since < SUSPECT_LONG ? SUSPECT_FIRST : SUSPECT_LATER;
    if (!busy || session_in_use(leg, now))
        return 0;
    if (now - leg->suspect_since < TRUSTED_LATELY && leg->suspect_since)
        return SUSPECT_FIRST;
    return leg->state == CONTROL_STANDBY ? IDLE_BACKUP : IDLE_PRIMARY;
}

uint64_t session_probe_at(const struct session *session, uint64_t now) {
    uint64_t nearest = TIME_NEVER;
    bool busy = is_busy(session, now);
    for (size_t i = 0; session->leg_count > 1 && i < SESSION_LEGS_MAX; i++) {
        const struct session_leg *leg = &session->legs[i];
        uint64_t wait = interval(leg, busy, now);
        if (wait && leg->probed + wait < nearest)
            nearest = leg->probed + wait;
    }
    return nearest;
}

/* Count the PINGs without answer; what the peer says of itself is none. @return whether there are too many */
static bool is_silent(struct session_leg *leg, uint64_t answers, uint64_t now) {
    if (answers != leg->probed_answers || !leg->probed)
        leg->unanswered = 0;
    else if (now - leg->probed >= session_patience(leg))
        leg->unanswered++;
    leg->probed_answers = answers;
    return leg->unanswered >= UNANSWERED;
}

void session_probe(struct session *session, uint64_t now) {
    bool busy = is_busy(session, now);
    for (unsigned i = 0; session->leg_count > 1 && i < SESSION_LEGS_MAX; i++) {
        struct session_leg *leg = &session->legs[i];
        uint64_t wait = interval(leg, busy, now);
        struct conn_statistics s;
        if (!wait || now < leg->probed + wait)
            continue;
        conn_statistics(leg_conn(leg->leg), &s);
        if (!leg->suspect && is_silent(leg, s.answers, now)) {
            session_distrust(session, i, now);
            continue;
        }
        session_ask(session, leg, now);
    }
}

void session_ask(struct session *session, struct session_leg *leg, uint64_t now) {
    leg->probed = now;
    conn_ping(leg_conn(leg->leg));
    session->told = true;
}

/* Whether a leg was answered since all were asked, or came since. */
static bool is_answered(const struct session_leg *leg) {
    struct conn_statistics s;
    conn_statistics(leg_conn(leg->leg), &s);
    return s.answers > leg->asked_answers;
}

/* When legs that were asked have had the time to answer, ns after; 0: one did. */
static uint64_t time_to_answer(const struct session *session) {
    uint64_t longest = ANSWER_LEAST;
    for (size_t i = 0; i < SESSION_LEGS_MAX; i++) {
        const struct session_leg *leg = &session->legs[i];
        if (!leg->leg)
            continue;
        if (is_answered(leg))
            return 0;
        if (2 * session_patience(leg) > longest)
            longest = 2 * session_patience(leg);
    }
    return longest;
}

void session_ask_all(struct session *session, uint64_t now) {
    struct conn_statistics s;
    if (session->asked_all && time_to_answer(session))
        return; /* who asks again must not put the answer off */
    session->asked_all = now;
    for (size_t i = 0; i < SESSION_LEGS_MAX; i++) {
        struct session_leg *leg = &session->legs[i];
        if (!leg->leg)
            continue;
        conn_statistics(leg_conn(leg->leg), &s);
        leg->asked_answers = s.answers;
        session_ask(session, leg, now);
    }
}

uint64_t session_silent_at(const struct session *session) {
    uint64_t wait = session->asked_all ? time_to_answer(session) : 0;
    return wait ? session->asked_all + wait : TIME_NEVER;
}

bool session_is_silent(const struct session *session, uint64_t now) {
    return now >= session_silent_at(session);
}
