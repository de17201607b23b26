/* SPDX-License-Identifier: GPL-2.0-or-later */
/* session_send: which leg carries the next packet of a bonded session, with what numbers; what is lost and sent again;
 * marks; and silence.
 *
 * How it works: the hall asks session_pick() for a leg, writes the packet there, and tells session_sent(). Every
 * transmission is recorded by outstanding, which turns losses into resends and knows the floor. A leg is *suspect* when
 * its oldest transmission without answer is older than its RTT allows and another leg was heard since: what it carried
 * is then copied to the others, it is pinged, and an answer brings it back. Before that, or when its link is down, the
 * peer is asked on another leg which packets have come: the answer shows that the other works, and what it says to have
 * come, of which a dead leg took the acknowledgements along, does not go again before what is missing. Left out: I/O
 * (the hall), the choice itself (sched_*.c). Invariants: sequences leave in order and without holes; a leg that is
 * suspect, draining or down gets nothing new. Standards: mpvpn-protocol(7). */
#include "bond/session.h"

#include <netinet/in.h>
#include <string.h>

#include "bond/session_internal.h"

#define STEADY NS_PER_MS              /* round trips that vary by less do not see jitter */
#define SUSPECT_SLACK (5 * NS_PER_MS) /* for scheduling of the two hosts */
#define PATIENCE 6u                   /* mean variations of the round trip by which silence may be longer than it */
#define SHAKY_WITHIN NS_PER_SEC       /* a leg that becomes suspect again so soon flaps, … */
#define SHAKY_REST (300 * NS_PER_MS)  /* … and is shaky until it has been trusted for so long */
#define GUST_MAX (150 * NS_PER_MS)    /* a silence that much longer than the round trip is an outage, not jitter */
#define GUST_WINDOW (5 * NS_PER_SEC)  /* a gust is remembered for one to two of these */

/* choosing */

/* Whether a queue stands on a leg: its round trip is longer than without, and steadily so, as jitter does not make it.
 */
static bool is_full(const struct conn_statistics *s) {
    return s->capacity_bps && s->rtt_min != TIME_NEVER && s->rtt_variation < STEADY &&
           s->rtt_smoothed > s->rtt_min + s->rtt_min / 8 + 4 * s->rtt_variation + NS_PER_MS;
}

/* What a leg carries. A leg that was never full is believed to carry half its window in a round trip: a window that
 * controllers leave to it is about twice what fits, and to believe in too little would be to never find out. */
static uint64_t rate_of(const struct conn_statistics *s) {
    uint64_t half = s->rtt_smoothed ? s->cwnd_bytes * 4 * 1000 / (s->rtt_smoothed / (NS_PER_SEC / 1000) + 1) : 0;
    uint64_t rate = half > s->capacity_bps ? half : s->capacity_bps;
    return s->rate_limit_bps && s->rate_limit_bps < rate ? s->rate_limit_bps : rate;
}

static void view(const struct session_leg *leg, size_t length, struct sched_leg *out, uint64_t now) {
    struct conn_statistics s;
    *out = (struct sched_leg){0};
    if (!leg->leg || !leg_is_open(leg->leg))
        return;
    conn_statistics(leg_conn(leg->leg), &s);
    out->usable = session_is_usable(leg);
    out->can_send = out->usable && !leg->blocked && leg_can_send(leg->leg, length, now);
    out->shaky = leg->shaky && now - leg->suspect_since < SHAKY_REST;
    out->role = leg->state == CONTROL_STANDBY ? SCHED_ROLE_BACKUP : SCHED_ROLE_PRIMARY;
    out->when_full = leg->when_full;
    out->priority = leg->priority;
    out->weight = leg->weight;
    out->number = leg->number;
    out->packet_max = (uint16_t)leg_packet_max(leg->leg);
    out->srtt = s.rtt_smoothed;
    out->rttvar = s.rtt_variation;
    /* What was measured while it was in use, or dead, says less of an idle leg than the last PING does. */
    if (!session_in_use(leg, now) && s.rtt_latest && s.rtt_latest < s.rtt_smoothed) {
        out->srtt = s.rtt_latest;
        out->rttvar = s.rtt_variation < s.rtt_latest / 4 ? s.rtt_variation : s.rtt_latest / 4;
    }
    if (session_loses(&s))
        out->repair = s.rtt_smoothed * 3 / 2;
    out->delay = s.rtt_min == TIME_NEVER ? 0 : s.rtt_min / 2;
    out->in_flight = s.in_flight_bytes;
    out->full = is_full(&s);
    out->source = leg->source;
    out->rate_bps = rate_of(&s);
    out->carried = leg_counters(leg->leg)->sent.bytes;
    if (s.paced_until > now)
        out->wait = s.paced_until - now;
    if (s.in_flight_bytes + length > s.cwnd_bytes && out->rate_bps) {
        uint64_t next_ack = length * 8 * NS_PER_SEC / out->rate_bps;
        out->wait = out->wait > next_ack ? out->wait : next_ack;
    }
}

static bool any_usable(const struct sched_leg *legs, size_t count) {
    for (size_t i = 0; i < count; i++)
        if (legs[i].usable)
            return true;
    return false;
}

size_t session_view(const struct session *session, size_t length, struct sched_leg legs[SESSION_LEGS_MAX],
                    uint64_t now) {
    size_t count = 0;
    for (size_t left = session->leg_count; left > 0 && count < SESSION_LEGS_MAX; count++) {
        view(&session->legs[count], length, &legs[count], now);
        left -= session->legs[count].leg != NULL;
    }
    if (any_usable(legs, count))
        return count;
    /* All silent at once: better any of them than none. */
    for (size_t i = 0; i < count; i++) {
        const struct session_leg *leg = &session->legs[i];
        if (!leg->suspect || session_is_shut(leg))
            continue;
        legs[i].usable = true;
        legs[i].can_send = !leg->blocked && leg_can_send(leg->leg, length, now);
    }
    return count;
}

/* What every scheduler says of a session with one leg, without asking: with so many packets a second that takes more
 * time than the rest of the choice. */
static int pick_only(const struct session *session, size_t length, uint64_t now) {
    int slot = 0;
    const struct session_leg *leg;
    while (!session->legs[slot].leg)
        slot++;
    leg = &session->legs[slot];
    if (!leg_is_open(leg->leg) || session_is_shut(leg) || length > leg_packet_max(leg->leg))
        return SCHED_NONE;
    return !leg->blocked && leg_can_send(leg->leg, length, now) ? slot : SCHED_WAIT;
}

int session_pick(struct session *session, const struct queue_item *item, uint16_t *copies, uint64_t now) {
    struct sched_packet packet = {.length = item->length,
                                  .flow_hash = item->flow_hash,
                                  .flow_bytes = item->flow_bytes,
                                  .waited = now > item->queued_at ? now - item->queued_at : 0};
    struct sched_leg legs[SESSION_LEGS_MAX];
    size_t count;
    *copies = 0;
    if (session->leg_count == 1)
        return pick_only(session, item->length, now);
    packet.sparse = item->sparse && session_may_copy(session, item->length, now);
    count = session_view(session, item->length, legs, now);
    return sched_pick(&session->sched, legs, count, &packet, now, copies);
}

int session_pick_resend(struct session *session, size_t length, uint16_t avoid, uint64_t now) {
    struct sched_leg legs[SESSION_LEGS_MAX];
    size_t count = session_view(session, length, legs, now);
    return sched_pick_resend(legs, count, length, avoid);
}

/* Whether a leg takes something new. */
static bool is_fit(const struct session_leg *leg) {
    return leg->leg && leg_is_open(leg->leg) && session_is_usable(leg);
}

/* The fit leg with the shortest round trip among those in these slots (bits). @return its slot; SCHED_NONE: none */
static int fastest_of(const struct session *session, uint16_t slots) {
    uint64_t best_rtt = TIME_NEVER;
    int best = SCHED_NONE;
    for (int i = 0; i < (int)SESSION_LEGS_MAX; i++) {
        const struct session_leg *leg = &session->legs[i];
        struct conn_statistics s;
        if (!(slots >> i & 1) || !is_fit(leg))
            continue;
        conn_statistics(leg_conn(leg->leg), &s);
        if (s.rtt_smoothed >= best_rtt)
            continue;
        best_rtt = s.rtt_smoothed;
        best = i;
    }
    return best;
}

int session_fastest(const struct session *session, int except) {
    return fastest_of(session, (uint16_t)(except < 0 ? UINT16_MAX : ~(1u << except)));
}

int session_pick_stream(const struct session *session, uint16_t ending, uint16_t full) {
    uint16_t primary = 0;
    for (unsigned i = 0; i < SESSION_LEGS_MAX; i++)
        if (is_fit(&session->legs[i]) && session->legs[i].state != CONTROL_STANDBY)
            primary |= (uint16_t)(1u << i);
    primary &= (uint16_t)~ending;
    return fastest_of(session, (uint16_t)((primary ? primary : ~ending) & ~full));
}

/* TCP's data mind order, but for flows that are loose, and so does QUIC, whose loss threshold is three packets (RFC
 * 9002 section 6.1.1); most other UDP does not. TCP's acknowledgements do not either: the highest number counts. */
static bool minds_order(const struct session *session, const struct queue_item *item) {
    const struct inner *inner = item->inner;
    if (inner->fragment)
        return true;
    if (inner->protocol == IPPROTO_TCP)
        return !loose_has(&session->loose, item->flow_hash) &&
               (item->split->count > 1 || !inner_is_bare_ack(inner, superpacket_data(&item->split->packet)));
    return inner->protocol == IPPROTO_UDP && (inner->source_port == 443 || inner->target_port == 443);
}

struct frame_packet session_number(const struct session *session, const struct queue_item *item) {
    const uint8_t in_order = (uint8_t)(1 + item->flow_hash % (FRAME_BUCKETS - 1));
    const uint8_t bucket = minds_order(session, item) ? in_order : FRAME_BUCKET_UNORDERED;
    return (struct frame_packet){.sequence = outstanding_next(session->outstanding),
                                 .bucket = bucket,
                                 .bucket_sequence = session->bucket_sequence[bucket]};
}

void session_count_sent(struct session *session, unsigned slot, size_t length, uint64_t now) {
    struct sched_leg legs[SESSION_LEGS_MAX];
    session->legs[slot].last_sent = now;
    if (!session->legs[slot].unheard_since)
        session->legs[slot].unheard_since = now;
    if (!sched_counts(&session->sched))
        return;
    memset(legs, 0, sizeof legs);
    for (size_t i = 0; i < SESSION_LEGS_MAX; i++)
        legs[i].weight = session->legs[i].weight;
    sched_on_sent(&session->sched, legs, slot, length);
}

void session_sent(struct session *session, unsigned slot, const struct frame_packet *frame,
                  const struct queue_item *item, bool repair, uint64_t now) {
    const struct outstanding_packet packet = {.sequence = frame->sequence,
                                              .bucket_sequence = frame->bucket_sequence,
                                              .bucket = frame->bucket,
                                              .mark_ce = item->mark_ce,
                                              .light = item->light,
                                              .repair = repair,
                                              .index = item->index,
                                              .length = item->length,
                                              .split = item->split};
    if (frame->sequence == outstanding_next(session->outstanding))
        session->bucket_sequence[frame->bucket] = frame_next24(frame->bucket_sequence);
    else
        session_pay_copy(session, item->length);
    outstanding_add(session->outstanding, slot, &packet, now);
    session_count_sent(session, slot, item->length, now);
}

void session_resent(struct session *session, unsigned slot, const struct outstanding_resend *resend, uint64_t now) {
    size_t length = resend->packet.length;
    outstanding_resent(session->outstanding, resend->packet.sequence, slot, now);
    session->legs[slot].resent++;
    session_count_sent(session, slot, length, now);
}

/* Nobody tells when a packet on a stream was acknowledged, so anything that is tells that the leg lives
 * (session_look). */
void session_streamed(struct session *session, unsigned slot, uint64_t id, uint64_t now) {
    struct session_leg *leg = &session->legs[slot];
    struct conn_statistics s;
    outstanding_on_streamed(session->outstanding, id, now);
    if (leg->streams)
        return;
    conn_statistics(leg_conn(leg->leg), &s);
    leg->streams = true;
    leg->streams_answers = s.answers;
}

/* fates */

/* A leg is heard: remember how long it was silent, if that is what its jitter does to it. */
static void note_gust(struct session_leg *leg, uint64_t now) {
    uint64_t gust = leg->unheard_since ? now - leg->unheard_since : 0;
    if (!leg->srtt || gust <= leg->srtt + leg->gust || gust > leg->srtt + GUST_MAX)
        return;
    leg->gust = gust - leg->srtt;
}

void session_age_gusts(struct session_leg *leg, uint64_t now) {
    if (now - leg->gust_since < GUST_WINDOW)
        return;
    leg->gust_before = leg->gust;
    leg->gust = 0;
    leg->gust_since = now;
}

void session_end_outage(struct session *session, unsigned slot, uint64_t now) {
    if (session_fastest(session, (int)slot) >= 0)
        return;
    session_be_patient(session, now);
    outstanding_outage_over(session->outstanding, now);
    for (unsigned i = 0; i < SESSION_LEGS_MAX; i++)
        if (i != slot && session->legs[i].leg && session->legs[i].suspect)
            session->legs[i].asks = true;
}

static void trust(struct session *session, struct session_leg *leg, uint64_t now) {
    if (now - leg->suspect_since > GUST_MAX)
        session_end_outage(session, (unsigned)(leg - session->legs), now);
    note_gust(leg, now);
    leg->suspect = false;
    leg->suspect_since = now;
    leg->unanswered = 0;
    leg->unheard_since = 0;
    leg->streams = false;
    leg->asks = false;
    outstanding_leg_recovered(session->outstanding, (unsigned)(leg - session->legs), now);
}

void session_on_acked(struct session *session, const struct leg *leg, uint64_t id, uint64_t now) {
    struct session_leg *of = session_find(session, leg);
    struct outstanding_leg record;
    if (of && of->suspect && of->state != CONTROL_DOWN)
        trust(session, of, now);
    outstanding_on_acked(session->outstanding, id, now);
    if (!of || of->suspect)
        return;
    note_gust(of, now);
    outstanding_leg_get(session->outstanding, (unsigned)(of - session->legs), &record);
    of->unheard_since = record.oldest_sent == TIME_NEVER ? 0 : record.oldest_sent;
    of->asks = false;
}

/* A trusted leg acknowledged something, perhaps what its stream carries: if nothing else is on its way, it was heard.
 */
static void look_at_streams(const struct session *session, struct session_leg *leg) {
    struct outstanding_leg record;
    struct conn_statistics s;
    conn_statistics(leg_conn(leg->leg), &s);
    if (s.answers == leg->streams_answers)
        return;
    leg->streams = false;
    outstanding_leg_get(session->outstanding, (unsigned)(leg - session->legs), &record);
    if (record.oldest_sent == TIME_NEVER)
        leg->unheard_since = 0;
}

/* A path may die in one direction only: that the peer is heard says nothing of what we send, so a suspect leg is back
 * when something was acknowledged on it. But whoever is heard may hear us, too, and is asked at once. On a link that is
 * down what still comes was on its way before. */
void session_look(struct session *session, uint64_t now) {
    for (size_t i = 0; i < SESSION_LEGS_MAX; i++) {
        struct session_leg *leg = &session->legs[i];
        struct conn_statistics s;
        if (leg->leg && leg->streams && !leg->suspect)
            look_at_streams(session, leg);
        if (!leg->leg || !leg->suspect || leg->state == CONTROL_DOWN)
            continue;
        conn_statistics(leg_conn(leg->leg), &s);
        if (s.answers != leg->suspect_answers) {
            trust(session, leg, now);
        } else if (s.packets_received != leg->suspect_received && now - leg->probed >= s.rtt_smoothed) {
            leg->suspect_received = s.packets_received;
            session_ask(session, leg, now);
        }
    }
    session_tell_left(session, now);
}

void session_on_lost(struct session *session, uint64_t id, uint64_t now) {
    outstanding_on_lost(session->outstanding, id, now);
}

uint64_t session_patience(const struct session_leg *leg) {
    uint64_t gust = leg->gust > leg->gust_before ? leg->gust : leg->gust_before, spread;
    struct conn_statistics s;
    conn_statistics(leg_conn(leg->leg), &s);
    spread = PATIENCE * s.rtt_variation + MAX_ACK_DELAY + SUSPECT_SLACK;
    gust = gust + gust / 4;
    return s.rtt_smoothed + (spread > gust ? spread : gust);
}

/* When a leg's silence becomes suspicious: after its RTT with six deviations, the peer's acknowledgement delay, and a
 * little for the hosts; if no other one was heard meanwhile, then another is asked which packets have come, and without
 * an answer it is twice that. @param asks out: when to ask; TIME_NEVER: not */
static uint64_t suspicious_at(const struct session *session, unsigned slot, uint64_t *asks) {
    const struct session_leg *leg = &session->legs[slot];
    struct outstanding_leg other;
    bool another_heard;
    uint64_t patience;
    *asks = TIME_NEVER;
    if (!leg->leg || leg->suspect || !leg->unheard_since)
        return TIME_NEVER;
    another_heard = leg->told_on_another > leg->unheard_since;
    for (unsigned i = 0; i < SESSION_LEGS_MAX; i++) {
        if (i == slot || !session->legs[i].leg)
            continue;
        outstanding_leg_get(session->outstanding, i, &other);
        if (other.last_acked > leg->unheard_since)
            another_heard = true;
    }
    patience = session_patience(leg);
    if (!another_heard && !leg->asks && leg->asked <= leg->unheard_since)
        *asks = leg->unheard_since + (leg->srtt + patience) / 2;
    return leg->unheard_since + (another_heard ? patience : 2 * patience);
}

/* A leg has fallen out. Where it has more on its way than the others take in two round trips, these have their start-up
 * before them: first the peer is asked what has come of all that, and what waits meanwhile stands in no queue of its
 * own making. */
static void relieve(struct session *session, unsigned slot, uint64_t now) {
    struct session_leg *leg = &session->legs[slot];
    struct outstanding_leg record;
    uint64_t windows = session_room(session).windows;
    outstanding_leg_get(session->outstanding, slot, &record);
    if (record.bytes <= 2 * windows)
        return;
    leg->asks = leg->unheard_since && leg->asked <= leg->unheard_since;
    session->windows = windows;
    session_be_patient(session, now);
}

void session_distrust(struct session *session, unsigned slot, uint64_t now) {
    struct session_leg *leg = &session->legs[slot];
    struct conn_statistics s;
    conn_statistics(leg_conn(leg->leg), &s);
    leg->suspect = true;
    relieve(session, slot, now);
    leg->shaky = leg->fell && now - leg->fell < SHAKY_WITHIN;
    leg->fell = now;
    leg->suspect_since = now;
    leg->suspect_answers = s.answers;
    leg->suspect_received = s.packets_received;
    outstanding_leg_suspect(session->outstanding, slot, now);
    session_ask(session, leg, now);
}

void session_suspect(struct session *session, const struct leg *leg, uint64_t now) {
    struct session_leg *found = session_find(session, leg);
    if (!found)
        return;
    if (!found->suspect)
        session_distrust(session, (unsigned)(found - session->legs), now);
    found->unheard_since = 0; /* its silence has a reason, and is no gust */
}

uint64_t session_deadline(const struct session *session, uint64_t now) {
    uint64_t nearest, deadline, asks;
    if (!session->bonded)
        return TIME_NEVER;
    nearest = reorder_deadline(session->reorder);
    deadline = session->thin ? thin_deadline(session->thin) : TIME_NEVER;
    if (deadline < nearest)
        nearest = deadline;
    deadline = outstanding_deadline(session->outstanding);
    if (deadline < nearest)
        nearest = deadline;
    deadline = session_probe_at(session, now);
    if (deadline < nearest)
        nearest = deadline;
    deadline = session_report_at(session);
    if (deadline < nearest)
        nearest = deadline;
    for (unsigned i = 0; session->leg_count > 1 && i < SESSION_LEGS_MAX; i++) {
        deadline = suspicious_at(session, i, &asks);
        deadline = asks < deadline ? asks : deadline;
        if (deadline < nearest)
            nearest = deadline < now ? now : deadline;
    }
    return nearest;
}

void session_on_timer(struct session *session, uint64_t now) {
    if (!session->bonded)
        return;
    session->now = now;
    reorder_on_timer(session->reorder, now);
    if (session->thin)
        thin_on_timer(session->thin, now);
    outstanding_on_timer(session->outstanding, now);
    for (unsigned i = 0; session->leg_count > 1 && i < SESSION_LEGS_MAX; i++) {
        uint64_t asks;
        if (suspicious_at(session, i, &asks) <= now)
            session_distrust(session, i, now);
        else if (asks <= now)
            session->legs[i].asks = true;
    }
    session_probe(session, now);
    session_report(session, now);
}

/* marks */

/* A leg that left for good, if the peer is still to be told of one. @return its number; -1: none */
static int parting(const struct session *session) {
    static const uint8_t nobody[sizeof session->parting];
    if (memcmp(session->parting, nobody, sizeof nobody) == 0)
        return -1;
    for (unsigned number = 0; number <= FRAME_LEG_MAX; number++) {
        if (!(number % 8) && !session->parting[number / 8])
            number += 7;
        else if (session->parting[number / 8] & 1u << number % 8)
            return (int)number;
    }
    return -1;
}

/* Whether a mark is due about the leg in a slot. @param flags out: what it says */
static bool has_news(const struct session_leg *leg, uint8_t *flags, uint64_t now) {
    bool busy = now - leg->last_sent < IDLE_AFTER && session_is_usable(leg);
    if (!leg->leg || !leg_is_open(leg->leg) || leg->gone)
        return false;
    *flags = (uint8_t)(leg->state == CONTROL_DRAINING ? FRAME_MARK_GONE : busy ? 0u : FRAME_MARK_IDLE);
    *flags |= leg->asks ? FRAME_MARK_ASK : 0u;
    return leg->state == CONTROL_DRAINING || busy != leg->entered || leg->asks;
}

bool session_next_mark(struct session *session, struct frame_mark *mark, unsigned *slot, uint64_t now) {
    int left = parting(session), on = left < 0 ? -1 : session_fastest(session, -1);
    mark->next = outstanding_next(session->outstanding);
    mark->floor = outstanding_floor(session->outstanding);
    if (on >= 0) {
        mark->leg = (uint8_t)left;
        mark->flags = FRAME_MARK_GONE;
        *slot = (unsigned)on;
        return true;
    }
    for (int i = 0; session->leg_count > 1 && i < (int)SESSION_LEGS_MAX; i++) {
        if (!has_news(&session->legs[i], &mark->flags, now))
            continue;
        on = session_fastest(session, i);
        if (on < 0)
            continue;
        mark->leg = session->legs[i].number;
        *slot = (unsigned)on;
        return true;
    }
    if (!outstanding_floor_due(session->outstanding, now))
        return false;
    on = session_fastest(session, -1);
    if (on < 0)
        return false;
    mark->leg = session->legs[on].number;
    mark->flags = 0;
    *slot = (unsigned)on;
    return true;
}

void session_mark_sent(struct session *session, const struct frame_mark *mark, uint64_t now) {
    for (size_t i = 0; i < SESSION_LEGS_MAX; i++) {
        struct session_leg *leg = &session->legs[i];
        if (!leg->leg || leg->number != mark->leg)
            continue;
        leg->entered = !(mark->flags & (FRAME_MARK_IDLE | FRAME_MARK_GONE));
        leg->gone = mark->flags & FRAME_MARK_GONE;
        leg->asked = mark->flags & FRAME_MARK_ASK ? now : leg->asked;
        leg->asks = false;
    }
    session->parting[mark->leg / 8] &= (uint8_t) ~(1u << mark->leg % 8);
    outstanding_floor_announced(session->outstanding, now);
    session->marked = now;
}
