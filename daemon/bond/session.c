/* SPDX-License-Identifier: GPL-2.0-or-later */
/* session: the state of one IP tunnel, and its legs.
 *
 * How it works: address and route lists are short (one address of each version, a default route of each), so they are
 * searched one by one, and so are the slots of legs. Sending is in session_send.c (copies of sparse flows' packets in
 * session_copy.c), receiving in session_receive.c, capsules in session_tell.c, PINGs on idle legs in session_probe.c,
 * answers to people in session_explain.c. Left out: moving packets to and from the kernel (the hall's egress and
 * ingress), and who may have what (masque/pool, auth). Invariants: a slot is in use exactly while its leg is set;
 * leg_count is their number; outstanding and reorder are there exactly while bonded. Standards: RFC 9484 sections 4.7
 * and 5. */
#include "bond/session.h"

#include <errno.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "bond/legset.h"
#include "bond/session_internal.h"

/* A leg's number is given again so long after it left: what spoke of the old leg has come, or the peer has missed it,
 * by then. */
#define NUMBER_REST (60 * NS_PER_SEC)
#define ACKS 7u                  /* acknowledgements of a flow in a round trip, at most: HyStart judges by nine */
#define GROWTH_SHARE 8u          /* by this part windows grow when the legs have not found their rates yet */
#define SOURCE_BYTES (64u << 10) /* carried at least, to tell which leg they come on … */
#define SOURCE_SHARE 8u          /* … nearly all: but for this part; and so little is sent meanwhile */
#define LONG_QUEUE 2u            /* times CoDel's target that packets wait for; then all acknowledgements go on … */
#define SOON_PART 2u             /* … where the senders' rounds are followed, for this part of it */
#define JITTER (15 * NS_PER_MS)  /* a leg whose round trip varies by that much has flows wait for order … */
#define JITTER_ON 3u             /* … and goes on to, until it varies by less than this part of it */
#define MTU_PRIMARY 1280u        /* bytes: a leg that carries less does not shrink the tunnel: capsules serve it */
/* CoDel is patient for so long, and after that for this part of the time. */
#define PATIENT_MOST (10 * NS_PER_SEC)
#define PATIENT_PART 4u

struct session *session_new(const struct session_settings *settings, uint64_t now) {
    struct session *session = calloc(1, sizeof *session);
    if (!session)
        return NULL;
    session->queue = queue_new(settings->queue);
    if (!session->queue) {
        free(session);
        return NULL;
    }
    session->id = settings->id;
    snprintf(session->user, sizeof session->user, "%s", settings->user);
    session->deliver = settings->deliver;
    session->buffers = settings->buffers;
    memcpy(session->key, settings->queue->key, sizeof session->key);
    session->since = session->patience_at = now;
    session->patience = PATIENT_MOST;
    session->sent.window_start = session->received.window_start = now;
    return session;
}

void session_free(struct session *session) {
    if (!session)
        return;
    outstanding_free(session->outstanding);
    reorder_free(session->reorder);
    control_serials_fini(&session->serials);
    thin_free(session->thin);
    queue_free(session->queue);
    free(session->reach);
    free(session);
}

void session_set_addresses(struct session *session, const struct ip_prefix *addresses, size_t count) {
    session->address_count = count < SESSION_ADDRESSES_MAX ? count : SESSION_ADDRESSES_MAX;
    memcpy(session->address, addresses, session->address_count * sizeof *addresses);
}

int session_set_reach(struct session *session, const struct ip_range *ranges, size_t count) {
    struct ip_range *copy = calloc(count ? count : 1, sizeof *copy);
    if (!copy)
        return -ENOMEM;
    if (count)
        memcpy(copy, ranges, count * sizeof *copy);
    free(session->reach);
    session->reach = copy;
    session->reach_count = count;
    return 0;
}

bool session_has_address(const struct session *session, const struct ip_addr *addr) {
    for (size_t i = 0; i < session->address_count; i++)
        if (ip_prefix_contains(&session->address[i], addr))
            return true;
    return false;
}

bool session_reaches(const struct session *session, const struct ip_addr *addr, uint8_t protocol) {
    bool icmp = protocol == (addr->version == 4 ? IPPROTO_ICMP : IPPROTO_ICMPV6);
    for (size_t i = 0; i < session->reach_count; i++) {
        const struct ip_range *range = &session->reach[i];
        if (range->protocol && range->protocol != protocol && !icmp)
            continue;
        if (ip_range_contains(range, addr))
            return true;
    }
    return false;
}

bool session_in_use(const struct session_leg *leg, uint64_t now) {
    return leg->entered || now - leg->last_sent < IDLE_AFTER;
}

static void on_released(void *context, const uint8_t *packet, size_t length) {
    struct session *session = context;
    session->deliver(session, packet, length);
}

/* Whether packets wait for so long that senders should see it: their windows are too large. While the legs' windows
 * grow a queue is theirs, and a single moment of it would end slow start at a fraction of what they carry soon. Where
 * the senders' rounds are followed slow start ends by nothing else, so it is sooner then. */
static bool has_long_queue(const struct session *session) {
    const struct queue *queue = session->queue;
    uint64_t limit = session->uneven ? queue_target(queue) / SOON_PART : LONG_QUEUE * queue_target(queue);
    return session->now >= session->patient_until && queue_bytes(queue) > 0 && queue_stats(queue)->sojourn_last > limit;
}

static void deliver(void *context, const uint8_t *packet, size_t length) {
    struct session *session = context;
    thin_set_interval(session->thin, has_long_queue(session) ? 0 : session->acks_apart);
    if (!thin_take(session->thin, packet, length, session->now))
        session->deliver(session, packet, length);
}

int session_bond(struct session *session, const uint8_t id[JOIN_ID_BYTES], const uint8_t secret[JOIN_SECRET_BYTES]) {
    const struct outstanding_settings sending = {0};
    const struct reorder_settings receiving = {.pool = session->buffers, .deliver = deliver, .context = session};
    struct outstanding *outstanding = outstanding_new(&sending);
    struct reorder *reorder = reorder_new(&receiving);
    struct thin_settings acks = {.release = on_released, .context = session};
    struct reorder_statistics order;
    struct outstanding_stats repair;
    memcpy(acks.key, session->key, sizeof acks.key);
    if (!session->thin)
        session->thin = thin_new(&acks);
    if (!outstanding || !reorder || !session->thin) {
        outstanding_free(outstanding);
        reorder_free(reorder);
        return -ENOMEM;
    }
    session_totals(session, &order, &repair);
    session->past_order = order;
    session->past_repair = repair;
    outstanding_free(session->outstanding);
    reorder_free(session->reorder);
    session->outstanding = outstanding;
    session->reorder = reorder;
    session->bonded = true;
    memcpy(session->bond_id, id, JOIN_ID_BYTES);
    memcpy(session->secret, secret, JOIN_SECRET_BYTES);
    memset(session->bucket_sequence, 0, sizeof session->bucket_sequence);
    control_serials_fini(&session->serials);
    memset(session->parting, 0, sizeof session->parting);
    session->untold_count = 0;
    session->closed[0] = '\0';
    session->owed_count = 0;
    memset(session->left, 0, sizeof session->left);
    session->next_number = 0;
    return 0;
}

/* Add up structs that are made of 64-bit counters and nothing else. */
static void add_counters(void *sum, const void *more, size_t size) {
    uint64_t *to = sum;
    const uint64_t *from = more;
    for (size_t i = 0; i < size / sizeof *to; i++)
        to[i] += from[i];
}

void session_totals(const struct session *session, struct reorder_statistics *order, struct outstanding_stats *repair) {
    const struct reorder_statistics *now = session->reorder ? reorder_statistics(session->reorder) : NULL;
    *order = session->past_order;
    *repair = session->past_repair;
    if (!now)
        return;
    add_counters(order, now, sizeof *order);
    add_counters(repair, outstanding_stats(session->outstanding), sizeof *repair);
    /* These are no sums. */
    order->longest_hold =
        now->longest_hold > session->past_order.longest_hold ? now->longest_hold : session->past_order.longest_hold;
    order->held_packets = now->held_packets;
    order->held_bytes = now->held_bytes;
}

/* Numbers that left are kept in two generations, of which the older is forgotten when both are old enough. */
static void age_numbers(struct session *session, uint64_t now) {
    uint64_t past = now - session->left_since;
    if (past < NUMBER_REST)
        return;
    if (past < 2 * NUMBER_REST)
        memcpy(session->left[1], session->left[0], sizeof session->left[1]);
    else
        memset(session->left[1], 0, sizeof session->left[1]);
    memset(session->left[0], 0, sizeof session->left[0]);
    session->left_since = now;
}

static bool number_is_free(const struct session *session, unsigned number) {
    for (size_t i = 0; i < SESSION_LEGS_MAX; i++)
        if (session->legs[i].leg && session->legs[i].number == number)
            return false;
    return !((session->left[0][number / 8] | session->left[1][number / 8]) & 1u << number % 8);
}

int session_next_number(struct session *session, uint64_t now) {
    age_numbers(session, now);
    for (unsigned i = 0; i <= FRAME_LEG_MAX; i++) {
        unsigned number = (session->next_number + i) % (FRAME_LEG_MAX + 1);
        if (!number_is_free(session, number))
            continue;
        session->next_number = (uint8_t)((number + 1) % (FRAME_LEG_MAX + 1));
        return (int)number;
    }
    return -EMLINK;
}

int session_attach(struct session *session, struct leg *leg, void *owner, uint8_t number, uint64_t now) {
    for (int slot = 0; slot < (int)SESSION_LEGS_MAX; slot++) {
        if (session->legs[slot].leg)
            continue;
        session->legs[slot] = (struct session_leg){.leg = leg,
                                                   .owner = owner,
                                                   .number = number,
                                                   .state = CONTROL_UP,
                                                   .weight = 1,
                                                   .last_sent = now,
                                                   .reported = now};
        session->leg_count++;
        if (session->bonded) {
            leg_bond(leg);
            session->parting[number / 8] &= (uint8_t) ~(1u << number % 8);
            session_forget_left(session, number);
            reorder_add_leg(session->reorder, number);
            session_roll(session, now);
            session_end_outage(session, (unsigned)slot, now);
        }
        return slot;
    }
    return -ENOSPC;
}

void session_detach(struct session *session, const struct leg *leg, uint64_t now) {
    struct session_leg *found = session_find(session, leg);
    if (!found)
        return;
    if (session->bonded) {
        outstanding_leg_died(session->outstanding, (unsigned)(found - session->legs), now);
        session->now = now;
        reorder_remove_leg(session->reorder, found->number, now);
        if (!found->gone)
            session->parting[found->number / 8] |= (uint8_t)(1u << found->number % 8);
        age_numbers(session, now);
        session->left[0][found->number / 8] |= (uint8_t)(1u << found->number % 8);
    }
    *found = (struct session_leg){0};
    session->leg_count--;
}

struct session_leg *session_find(struct session *session, const struct leg *leg) {
    for (size_t i = 0; i < SESSION_LEGS_MAX; i++)
        if (leg && session->legs[i].leg == leg)
            return &session->legs[i];
    return NULL;
}

struct session_leg *session_first(struct session *session) {
    for (size_t i = 0; i < SESSION_LEGS_MAX; i++)
        if (session->legs[i].leg)
            return &session->legs[i];
    return NULL;
}

size_t session_mtu(struct session *session) {
    size_t smallest = SIZE_MAX, searched = SIZE_MAX;
    bool known = false;
    for (size_t i = 0; i < SESSION_LEGS_MAX; i++) {
        const struct leg *leg = session->legs[i].leg;
        size_t max = leg ? leg_packet_max(leg) : 0;
        bool over = leg && conn_mtu_is_known(leg_conn(leg));
        known |= over;
        if (max >= MTU_PRIMARY && over && max < smallest)
            smallest = max;
        else if (max >= MTU_PRIMARY && max < searched)
            searched = max;
    }
    if (!known)
        return session->mtu_bytes ? session->mtu_bytes : searched == SIZE_MAX ? SESSION_MTU_MIN : searched;
    session->mtu_bytes = (uint16_t)(smallest == SIZE_MAX ? SESSION_MTU_MIN : smallest);
    return session->mtu_bytes;
}

/* How far apart acknowledgements of a flow are to be: so that a round trip has ACKS of them. It may be as long as it
 * varies, on the slowest leg in use; on the fastest while none is. */
static uint64_t acks_apart(const struct session *session, uint64_t now) {
    uint64_t used = 0, fastest = TIME_NEVER;
    for (unsigned i = 0; i < SESSION_LEGS_MAX; i++) {
        const struct session_leg *leg = &session->legs[i];
        struct conn_statistics s;
        uint64_t round_trip;
        if (!leg->leg)
            continue;
        conn_statistics(leg_conn(leg->leg), &s);
        if (!s.rtt_smoothed)
            continue;
        round_trip = s.rtt_smoothed + 4 * s.rtt_variation;
        if (round_trip > used && session_in_use(leg, now))
            used = round_trip;
        if (round_trip < fastest)
            fastest = round_trip;
    }
    if (!used && fastest == TIME_NEVER)
        return 0;
    return (used ? used : fastest) / ACKS;
}

/* Find the leg on which the peer sends nearly all, if this end sends little more than answers. While little comes, the
 * last one stays. */
static void find_source(struct session *session) {
    uint64_t sent = session->sent.bytes - session->judged_bytes, received = 0;
    for (unsigned i = 0; i < SESSION_LEGS_MAX; i++)
        received += session->legs[i].received.bytes - session->legs[i].judged_bytes;
    if (sent + received < SOURCE_BYTES)
        return;
    session->judged_bytes = session->sent.bytes;
    for (unsigned i = 0; i < SESSION_LEGS_MAX; i++) {
        struct session_leg *leg = &session->legs[i];
        uint64_t others = received - (leg->received.bytes - leg->judged_bytes);
        leg->judged_bytes = leg->received.bytes;
        leg->source = (others > sent ? others : sent) < received / SOURCE_SHARE;
    }
}

struct session_room session_room(const struct session *session) {
    struct session_room room = {.shortest = TIME_NEVER};
    for (unsigned i = 0; i < SESSION_LEGS_MAX; i++) {
        const struct session_leg *leg = &session->legs[i];
        struct conn_statistics s;
        if (!leg->leg || !session_is_usable(leg))
            continue;
        conn_statistics(leg_conn(leg->leg), &s);
        room.windows += s.cwnd_bytes;
        room.shortest = s.rtt_min < room.shortest ? s.rtt_min : room.shortest;
        if (s.rtt_smoothed)
            room.bps += s.cwnd_bytes * 8 * 1000 / (s.rtt_smoothed / (NS_PER_SEC / 1000) + 1);
    }
    return room;
}

/* However often there is a reason, in the long run it is for a part of the time: legs that flap would have packets wait
 * in a queue that nobody bounds. What was allowed and is still to come counts anew: the interval may be far shorter by
 * now. */
void session_be_patient(struct session *session, uint64_t now) {
    const uint64_t left = session->patient_until > now ? session->patient_until - now : 0;
    const uint64_t wanted = queue_interval(session->queue);
    uint64_t credit = session->patience + left + (now - session->patience_at) / PATIENT_PART;
    uint64_t allowed;
    credit = credit < PATIENT_MOST ? credit : PATIENT_MOST;
    allowed = wanted < credit ? wanted : credit;
    session->patience = credit - allowed;
    session->patience_at = now;
    session->patient_until = now + allowed;
    queue_be_patient(session->queue, session->patient_until);
}

/* What the legs are like, for flows that are tried without order. */
static void tell_trials(struct session *session, const struct session_room *room) {
    session->loose.legs = (struct trial_legs){
        .round_trip = session->acks_apart * ACKS,
        .room_bps = room->bps,
        .sent_bps = session->sent.rate_bps,
        .lossy = session->uneven,
        .order_costs = room->shortest != TIME_NEVER && outstanding_wait(session->outstanding) > 2 * room->shortest};
}

void session_roll(struct session *session, uint64_t now) {
    uint64_t slowest = 0, slowest_of_all = 0, repair = 0, repair_of_all = 0, time, rate_bps = 0;
    const struct session_room room = session_room(session);
    bool jittery = false, lossy = false;
    session->rolled = now;
    meter_roll(&session->sent, now);
    meter_roll(&session->received, now);
    if (session->bonded)
        find_source(session);
    for (unsigned i = 0; i < SESSION_LEGS_MAX; i++) {
        struct session_leg *leg = &session->legs[i];
        struct conn_statistics s;
        if (!leg->leg)
            continue;
        leg_roll(leg->leg, now);
        conn_statistics(leg_conn(leg->leg), &s);
        rate_bps += s.delivery_rate_bps;
        jittery |= s.rtt_variation >= (session->uneven ? JITTER / JITTER_ON : JITTER) && session_in_use(leg, now);
        lossy |= session_loses(&s) && session_in_use(leg, now);
        leg->srtt = s.rtt_smoothed;
        session_age_gusts(leg, now);
        if (s.rtt_smoothed > slowest && (!session->bonded || session_in_use(leg, now)))
            slowest = s.rtt_smoothed;
        if (s.rtt_smoothed > slowest_of_all)
            slowest_of_all = s.rtt_smoothed;
        time = legset_repair_time(s.rtt_smoothed, s.rtt_variation);
        if (time > repair && session_in_use(leg, now))
            repair = time;
        if (time > repair_of_all)
            repair_of_all = time;
        if (!session->bonded)
            continue;
        outstanding_set_leg_pto(session->outstanding, i, s.rtt_smoothed + 4 * s.rtt_variation + MAX_ACK_DELAY);
        reorder_set_leg(session->reorder, leg->number, s.rtt_smoothed, s.rtt_variation);
    }
    if (!slowest)
        slowest = slowest_of_all;
    if (!repair)
        repair = repair_of_all;
    /* What a leg that just left carried is to be sent again, so its time for repair counts for a while. */
    if (repair >= session->repair || now - session->repair_at > NS_PER_SEC) {
        session->repair = repair;
        session->repair_at = now;
    }
    if (session->bonded)
        outstanding_set_repair_limit(session->outstanding, session->repair);
    /* Flows that keep order see a round trip with losses and their repair in it. */
    if (session->bonded && outstanding_wait(session->outstanding) > slowest)
        slowest = outstanding_wait(session->outstanding);
    queue_set_timing(session->queue, slowest, rate_bps);
    /* Windows that become larger than they ever were are those of legs in their start-up. */
    if (room.windows > session->windows + session->windows / GROWTH_SHARE) {
        session->windows = room.windows;
        session_be_patient(session, now);
    }
    session->acks_apart = acks_apart(session, now);
    session->uneven = jittery && lossy;
    if (!session->bonded)
        return;
    thin_follow_rounds(session->thin, session->uneven);
    if (loose_tries(&session->loose, now))
        tell_trials(session, &room);
}
