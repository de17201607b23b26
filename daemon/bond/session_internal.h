/* SPDX-License-Identifier: GPL-2.0-or-later */
/* session_internal: what the session*.c files share. */
#ifndef MPVPN_BOND_SESSION_INTERNAL_H
#define MPVPN_BOND_SESSION_INTERNAL_H

#include "bond/session.h"

#define MAX_ACK_DELAY (5 * NS_PER_MS) /**< ns: between our ends */
#define LOSSY 1000u                   /**< a leg that loses more than one packet in so many is reckoned with repair */
#define IDLE_AFTER (NS_PER_SEC / 5)   /**< ns: a leg without packets for this long is not in use, and leaves the set */

/** Whether nothing new is to be sent on a leg, whatever it looks like. */
static inline bool session_is_shut(const struct session_leg *leg) {
    return leg->gone || leg->state == CONTROL_DRAINING || leg->state == CONTROL_DOWN;
}

/** Whether a leg is trusted and not shut. */
static inline bool session_is_usable(const struct session_leg *leg) {
    return !leg->suspect && !session_is_shut(leg);
}

/** Whether a leg loses so many packets that what it carries has to be repaired now and then. */
static inline bool session_loses(const struct conn_statistics *s) {
    return s->packets_lost * LOSSY > s->packets_sent;
}

/** The open leg, fit for use, with the shortest round trip. @param except this slot is not it; -1: any @return its
 * slot; SCHED_NONE: none */
int session_fastest(const struct session *session, int except);
/** What the legs fit for use are like together. */
struct session_room {
    uint64_t windows;  /**< bytes that they let out without an answer */
    uint64_t bps;      /**< bits per second that these are */
    uint64_t shortest; /**< ns, the shortest round trip that was measured; TIME_NEVER: none */
};
struct session_room session_room(const struct session *session);
/** A leg works again, or has joined. If no other does, all did not: what waited is no standing queue, and what was
 * swallowed is due again. Where others are suspect still the peer is asked on this one what came on them: what it tells
 * is due no more. */
void session_end_outage(struct session *session, unsigned slot, uint64_t now);
/** A leg is silent: nothing new is sent on it, and what is on its way is copied to others. */
void session_distrust(struct session *session, unsigned slot, uint64_t now);
/** Ask on a leg whether it lives, or to measure it: the next packet there is a PING. */
void session_ask(struct session *session, struct session_leg *leg, uint64_t now);
/** Forget gusts of old; to be called several times a second. */
void session_age_gusts(struct session_leg *leg, uint64_t now);
/** How long a leg may take to answer, ns. */
uint64_t session_patience(const struct session_leg *leg);
/** Whether packets are sent on a leg at present. */
bool session_in_use(const struct session_leg *leg, uint64_t now);
/** When legs are to be probed next, ns; TIME_NEVER: not while nothing changes. */
uint64_t session_probe_at(const struct session *session, uint64_t now);
/** Probe the legs whose turn it is. */
void session_probe(struct session *session, uint64_t now);

/** How the legs look to a scheduler that has a packet of this length. @return slots up to the last one in use */
size_t session_view(const struct session *session, size_t length, struct sched_leg legs[SESSION_LEGS_MAX],
                    uint64_t now);

/** Account for a packet that a leg took. */
void session_count_sent(struct session *session, unsigned slot, size_t length, uint64_t now);
/** Whether a copy of a sparse packet is within what copies may cost. */
bool session_may_copy(struct session *session, size_t length, uint64_t now);
/** A copy was sent, or is owed. */
void session_pay_copy(struct session *session, size_t length);

/** Tell the peer, which asked on a leg, which of its packets have come from a sequence on. */
void session_tell_arrived(struct session *session, struct session_leg *asked_on, uint32_t first);
/** What waits is no standing queue for an interval: legs have their start-up before them, or were away. */
void session_be_patient(struct session *session, uint64_t now);
/** Nothing is to be told of a leg that had this number. */
void session_forget_left(struct session *session, uint8_t number);
/** Tell the peer of legs that were closed, if a leg is fit for use; to be called whenever one may have become so. */
void session_tell_left(struct session *session, uint64_t now);
/** Use a leg as a role says. */
void session_apply_role(struct session_leg *leg, const struct control_leg_role *role);

/** When a report of what came is due, ns; TIME_NEVER: nothing came since the last. */
uint64_t session_report_at(const struct session *session);
/** Tell the peer what came on the legs whose report is due. */
void session_report(struct session *session, uint64_t now);

#endif
