/* SPDX-License-Identifier: GPL-2.0-or-later */
/* outstanding_leg: what time and the health of legs do to what is outstanding: silence, death, return.
 *
 * A transmission without answer for 2 PTO is lost. A suspect leg's transmissions stay on its list, but do not keep
 * their packets from being due. A dead leg's are lost. Each leg's list has its oldest transmission first, so looking
 * for what is too old touches nothing else.
 *
 * While all legs are silent packets are stored (outstanding.c); here they become due again.
 *
 * It leaves out when a leg is to be suspected: the session decides by what outstanding_leg_get() tells. */
#include "bond/outstanding_internal.h"

#define PTO_COUNT 2u              /**< probe time-outs after which a transmission is lost */
#define PTO_MAX (60 * NS_PER_SEC) /**< longer ones count as this */

void outstanding_set_leg_pto(struct outstanding *o, unsigned leg, uint64_t pto) {
    o->legs[leg].pto = pto < PTO_MAX ? pto : PTO_MAX;
}

void outstanding_on_timer(struct outstanding *o, uint64_t now) {
    for (unsigned i = 0; i < OUTSTANDING_LEGS; i++) {
        struct leg_record *leg = &o->legs[i];

        while (leg->oldest && now - o->transmissions[leg->oldest].sent_at >= PTO_COUNT * leg->pto) {
            o->stats.timed_out++;
            outstanding_lose(o, leg->oldest, now);
        }
    }
    while (o->floor != o->next && outstanding_packet_of(o, o->floor)->state == PACKET_DUE) {
        uint64_t *why = outstanding_why_not_again(o, outstanding_packet_of(o, o->floor), now);

        if (!why)
            break;
        outstanding_expire(o, o->floor, why, now);
    }
    while (o->stored && outstanding_packet_of(o, o->floor)->state == PACKET_STORED &&
           now >= outstanding_expires_at(o, outstanding_packet_of(o, o->floor)))
        outstanding_give_up(o, o->floor, &o->stats.too_old);
}

uint64_t outstanding_deadline(const struct outstanding *o) {
    uint64_t deadline = TIME_NEVER;

    for (unsigned i = 0; i < OUTSTANDING_LEGS; i++) {
        const struct leg_record *leg = &o->legs[i];
        uint64_t lost_at = leg->oldest ? o->transmissions[leg->oldest].sent_at + PTO_COUNT * leg->pto : TIME_NEVER;

        if (lost_at < deadline)
            deadline = lost_at;
    }
    if (o->floor != o->next && outstanding_packet_of(o, o->floor)->state != PACKET_FLYING) {
        uint64_t expires_at = outstanding_expires_at(o, outstanding_packet_of(o, o->floor));

        if (expires_at < deadline)
            deadline = expires_at;
    }
    return deadline;
}

/** A leg falls silent or dies with a transmission: its packet waits for the legs that take over, whose start-up may be
 * before them, and no repair limit, which reckons with legs that lose a packet now and then, has that in it. */
static void reprieve(struct outstanding *o, uint32_t slot) {
    struct packet *packet;

    if (o->transmissions[slot].orphan)
        return;
    packet = outstanding_packet_of(o, o->transmissions[slot].sequence);
    o->taken -= outstanding_is_taken(packet);
    packet->reprieved = true;
    o->taken += outstanding_is_taken(packet);
}

void outstanding_leg_died(struct outstanding *o, unsigned leg, uint64_t now) {
    struct leg_record *record = &o->legs[leg];

    record->suspect = true;
    while (record->oldest) {
        o->stats.stranded++;
        reprieve(o, record->oldest);
        outstanding_lose(o, record->oldest, now);
    }
    for (uint32_t s = o->floor; s != o->next; s++)
        outstanding_packet_of(o, s)->legs &= (uint16_t) ~(1u << leg);
    *record = (struct leg_record){.pto = OUTSTANDING_PTO};
}

void outstanding_leg_suspect(struct outstanding *o, unsigned leg, uint64_t now) {
    uint32_t due = o->due[0].count + o->due[1].count;

    o->legs[leg].suspect = true;
    /* Nothing is given up here, since all of these are on their way: the list stays as it is. */
    for (uint32_t slot = o->legs[leg].oldest; slot; slot = o->transmissions[slot].next) {
        reprieve(o, slot);
        if (!o->transmissions[slot].orphan)
            outstanding_settle(o, o->transmissions[slot].sequence, now);
    }
    o->stats.suspected += o->due[0].count + o->due[1].count - due;
}

void outstanding_leg_recovered(struct outstanding *o, unsigned leg, uint64_t now) {
    o->legs[leg].suspect = false;
    if (o->stored)
        outstanding_outage_over(o, now);
    for (uint32_t slot = o->legs[leg].oldest; slot; slot = o->transmissions[slot].next) {
        const struct transmission *t = &o->transmissions[slot];

        if (!t->orphan && outstanding_packet_of(o, t->sequence)->state == PACKET_DUE)
            outstanding_due_remove(o, t->sequence);
    }
}

void outstanding_outage_over(struct outstanding *o, uint64_t now) {
    o->returned = now;
    o->due[0].count = o->due[1].count = o->taken = 0;
    for (uint32_t s = o->floor; s != o->next; s++) {
        struct packet *packet = outstanding_packet_of(o, s);
        uint64_t *why;

        if (packet->state > PACKET_STORED)
            continue;
        if (packet->state == PACKET_STORED ||
            (packet->bucket != FRAME_BUCKET_UNORDERED && outstanding_is_swallowed(o, packet, now))) {
            packet->swallowed = now - packet->first_sent < OUTSTANDING_STORED_LIMIT;
            packet->tries = 0;
        }
        if (packet->state == PACKET_FLYING)
            continue;
        o->stored -= packet->state == PACKET_STORED;
        packet->state = PACKET_FLYING;
        why = outstanding_why_not_again(o, packet, now);
        if (why)
            outstanding_give_up(o, s, why);
        else
            outstanding_due_append(o, s);
    }
}

bool outstanding_is_takeover(const struct outstanding *o) {
    return o->taken > 0;
}

void outstanding_give_up_stored(struct outstanding *o) {
    for (uint32_t s = o->floor; o->stored && s != o->next; s++)
        if (outstanding_packet_of(o, s)->state == PACKET_STORED)
            outstanding_give_up(o, s, &o->stats.no_data);
}

void outstanding_leg_get(const struct outstanding *o, unsigned leg, struct outstanding_leg *out) {
    const struct leg_record *record = &o->legs[leg];
    const struct transmission *oldest = record->oldest ? &o->transmissions[record->oldest] : NULL;

    if (oldest) /* when it is answered, the one after it is asked for: fetched meanwhile */
        __builtin_prefetch(&o->transmissions[oldest->next]);
    *out = (struct outstanding_leg){
        .oldest_sent = oldest ? oldest->sent_at : TIME_NEVER,
        .last_acked = record->last_acked,
        .in_flight = record->in_flight,
        .bytes = record->bytes,
    };
}
