/* SPDX-License-Identifier: GPL-2.0-or-later */
/* outstanding: the sender's half of repair.
 *
 * Packets stand in a ring by sequence, from the floor to the newest; the ring doubles as the span grows. Each is
 * flying, due (in the queue for resending), stored, acknowledged or given up; the floor moves over the last two.
 * Transmissions are slots of an array with a generation each; slot and generation are the id that the connection knows.
 * A transmission is in the list of its leg, oldest first, until it is answered or taken for lost, and in the list of
 * its packet. When a packet is done with, those still on their way become orphans: they tell of their leg's health and
 * of nothing else. Those taken for lost stay with their packet until it is done with, because the acknowledgement may
 * come yet: it ends all resending.
 *
 * A packet is due when no transmission of it is on its way on a live (not suspect) leg. Those of flows that send little
 * go first, the others in the order in which they became due. It is given up when it may not be sent again (too old,
 * too often, its buffer gone) and none is on its way at all.
 *
 * In an outage of all legs, which shows by nothing being acknowledged any more when a packet's answer is due, or by no
 * leg being fit for use, packets are stored instead of given up: their flows' own time-outs double meanwhile, and count
 * round trips as long as the outage from then on. When a leg is back all of them are due, in order, and their age
 * counts from there. None is stored for longer than half of what TCP reckons with (two minutes, RFC 9293 section
 * 3.4.1), none that needs no order, as it is of no use so late, and none whose buffer others may need.
 *
 * A connection may report neither an acknowledgement nor a loss: after 2 PTO a transmission is lost.
 *
 * It leaves out which leg takes a resend, suspicion itself, and writing marks. Nothing is allocated once ring and array
 * have grown to what the traffic needs. What cannot be recorded for want of memory is given up at once, never
 * unsendable.
 *
 * Invariants: ring[s] is meaningful for floor <= s < next only, and the floor's packet is flying, due or stored; a
 * flying packet has a transmission on its way, a stored one has none; id 0 is never given. */
#include "bond/outstanding_internal.h"

#include <stdlib.h>

#define FIRST_COUNT 32u          /**< packets and transmissions at the beginning: an idle session needs no more */
#define FLOOR_INTERVAL NS_PER_MS /**< floors are announced this far apart at least */
#define WAIT_WINDOW NS_PER_SEC   /**< the longest wait is that of the window before and the one now */

struct outstanding *outstanding_new(const struct outstanding_settings *settings) {
    struct outstanding *o;
    uint32_t span_max = settings->span_max ? settings->span_max : OUTSTANDING_SPAN_MAX;

    if (span_max & (span_max - 1))
        return NULL;
    o = calloc(1, sizeof *o);
    if (!o)
        return NULL;
    o->ring_count = span_max < FIRST_COUNT ? span_max : FIRST_COUNT;
    o->span_max = span_max;
    o->floor = o->next = settings->first_sequence;
    o->transmission_count = FIRST_COUNT;
    o->carved = 1;
    o->repair_limit = OUTSTANDING_REPAIR_LIMIT;
    o->heard = TIME_NEVER;
    for (unsigned leg = 0; leg < OUTSTANDING_LEGS; leg++)
        o->legs[leg].pto = OUTSTANDING_PTO;
    o->ring = malloc(o->ring_count * sizeof *o->ring);
    o->transmissions = malloc(o->transmission_count * sizeof *o->transmissions);
    o->kept = kept_new(settings->memory_max ? settings->memory_max : OUTSTANDING_MEMORY);
    if (o->ring && o->transmissions && o->kept)
        return o;
    outstanding_free(o);
    return NULL;
}

void outstanding_free(struct outstanding *o) {
    if (!o)
        return;
    kept_free(o->kept);
    free(o->transmissions);
    free(o->ring);
    free(o);
}

void outstanding_set_repair_limit(struct outstanding *o, uint64_t limit) {
    o->repair_limit = limit < OUTSTANDING_REPAIR_LIMIT ? limit : OUTSTANDING_REPAIR_LIMIT;
}

/** A packet that is flying, due or stored, NULL: there is none of this sequence. */
static struct packet *find_packet(const struct outstanding *o, uint32_t sequence) {
    struct packet *packet = outstanding_packet_of(o, sequence);

    if (sequence - o->floor >= o->next - o->floor)
        return NULL;
    return packet->state <= PACKET_STORED ? packet : NULL;
}

void outstanding_due_append(struct outstanding *o, uint32_t sequence) {
    struct packet *packet = outstanding_packet_of(o, sequence);
    struct due_queue *due = &o->due[packet->light];

    packet->state = PACKET_DUE;
    o->taken += outstanding_is_taken(packet);
    packet->due_previous = due->last;
    if (due->count++ == 0)
        due->first = sequence;
    else
        outstanding_packet_of(o, due->last)->due_next = sequence;
    due->last = sequence;
}

void outstanding_due_remove(struct outstanding *o, uint32_t sequence) {
    struct packet *packet = outstanding_packet_of(o, sequence);
    struct due_queue *due = &o->due[packet->light];

    o->taken -= outstanding_is_taken(packet);
    packet->state = PACKET_FLYING;
    due->count--;
    if (sequence == due->first)
        due->first = packet->due_next;
    else
        outstanding_packet_of(o, packet->due_previous)->due_next = packet->due_next;
    if (sequence == due->last)
        due->last = packet->due_previous;
    else
        outstanding_packet_of(o, packet->due_next)->due_previous = packet->due_previous;
}

static void transmission_free(struct outstanding *o, uint32_t slot) {
    struct transmission *t = &o->transmissions[slot];

    t->state = TRANSMISSION_FREE;
    t->generation++;
    t->next = o->free;
    o->free = slot;
}

/** Take a flying transmission off its leg's list: it was answered, or is taken for lost. */
static void leg_remove(struct outstanding *o, struct transmission *t) {
    struct leg_record *leg = &o->legs[t->leg];

    *(t->previous ? &o->transmissions[t->previous].next : &leg->oldest) = t->next;
    *(t->next ? &o->transmissions[t->next].previous : &leg->newest) = t->previous;
    leg->in_flight--;
    leg->bytes -= t->length;
    t->state = TRANSMISSION_LOST;
}

static void advance_floor(struct outstanding *o) {
    while (o->floor != o->next) {
        unsigned state = outstanding_packet_of(o, o->floor)->state;

        if (state <= PACKET_STORED)
            break;
        if (state == PACKET_GIVEN_UP)
            o->floor_released = true;
        o->floor++;
    }
}

/** A packet is done with, one way or the other. */
static void finish(struct outstanding *o, uint32_t sequence, enum packet_state state) {
    struct packet *packet = outstanding_packet_of(o, sequence);
    uint32_t sibling;

    if (packet->state == PACKET_DUE)
        outstanding_due_remove(o, sequence);
    o->stored -= packet->state == PACKET_STORED;
    for (uint32_t slot = packet->transmissions; slot; slot = sibling) {
        sibling = o->transmissions[slot].sibling;
        o->transmissions[slot].orphan = true;
        if (o->transmissions[slot].state == TRANSMISSION_LOST)
            transmission_free(o, slot);
    }
    kept_release(o->kept, packet->kept);
    packet->state = (uint8_t)state;
    o->packets--;
    advance_floor(o);
}

static void give_up(struct outstanding *o, uint32_t sequence, uint64_t *why) {
    o->stats.given_up++;
    (*why)++;
    finish(o, sequence, PACKET_GIVEN_UP);
}

/** Whether a transmission of a packet is on its way. @param live only legs that are not suspect count */
static bool is_flying(const struct outstanding *o, const struct packet *packet, bool live) {
    for (uint32_t slot = packet->transmissions; slot; slot = o->transmissions[slot].sibling) {
        const struct transmission *t = &o->transmissions[slot];

        if (t->state == TRANSMISSION_FLYING && !(live && o->legs[t->leg].suspect))
            return true;
    }
    return false;
}

bool outstanding_is_swallowed(const struct outstanding *o, const struct packet *packet, uint64_t now) {
    for (uint32_t slot = packet->transmissions; slot; slot = o->transmissions[slot].sibling) {
        const struct transmission *t = &o->transmissions[slot];
        const uint64_t pto = o->legs[t->leg].pto;

        if (o->heard <= t->sent_at + pto && now >= o->heard + pto)
            return true;
    }
    return false;
}

uint64_t outstanding_expires_at(const struct outstanding *o, const struct packet *packet) {
    if (packet->state == PACKET_STORED)
        return packet->first_sent + OUTSTANDING_STORED_LIMIT;
    if (packet->swallowed)
        return o->returned + OUTSTANDING_REPAIR_LIMIT;
    return packet->first_sent + (packet->reprieved ? OUTSTANDING_REPAIR_LIMIT : o->repair_limit);
}

uint64_t *outstanding_why_not_again(struct outstanding *o, const struct packet *packet, uint64_t now) {
    if (!kept_get(o->kept, packet->kept))
        return &o->stats.no_data;
    if (packet->tries >= OUTSTANDING_RESENDS)
        return &o->stats.too_often;
    return now >= outstanding_expires_at(o, packet) ? &o->stats.too_old : NULL;
}

/** Whether a packet that may not be sent again now is worth it when a leg is back: what is late is of use to its flow,
 * and memory is plenty. */
static bool is_worth_storing(const struct outstanding *o, const struct packet *packet, uint64_t now) {
    const struct split *split = kept_get(o->kept, packet->kept);
    const struct buf *buf = split ? split->packet.buf : NULL;

    return buf && packet->bucket != FRAME_BUCKET_UNORDERED && now - packet->first_sent < OUTSTANDING_STORED_LIMIT &&
           buf_pool_used(buf->pool, buf->size_class) <= buf_pool_size(buf->pool, buf->size_class) / 2;
}

/** A packet that is flying may not be sent again now. @param store whether that is because of an outage of all legs */
static void store_or_give_up(struct outstanding *o, uint32_t sequence, uint64_t *why, bool store, uint64_t now) {
    struct packet *packet = outstanding_packet_of(o, sequence);

    if (is_flying(o, packet, false))
        return;
    if (!store || !is_worth_storing(o, packet, now)) {
        give_up(o, sequence, why);
        return;
    }
    packet->state = PACKET_STORED;
    o->stored++;
    o->stats.stored++;
}

void outstanding_give_up(struct outstanding *o, uint32_t sequence, uint64_t *why) {
    if (!is_flying(o, outstanding_packet_of(o, sequence), false))
        give_up(o, sequence, why);
}

void outstanding_settle(struct outstanding *o, uint32_t sequence, uint64_t now) {
    struct packet *packet = outstanding_packet_of(o, sequence);
    uint64_t *why;

    if (packet->state == PACKET_DUE || is_flying(o, packet, true))
        return;
    why = outstanding_why_not_again(o, packet, now);
    if (!why)
        outstanding_due_append(o, sequence);
    else
        store_or_give_up(o, sequence, why, outstanding_is_swallowed(o, packet, now), now);
}

void outstanding_expire(struct outstanding *o, uint32_t sequence, uint64_t *why, uint64_t now) {
    outstanding_due_remove(o, sequence);
    store_or_give_up(o, sequence, why, outstanding_is_swallowed(o, outstanding_packet_of(o, sequence), now), now);
}

void outstanding_lose(struct outstanding *o, uint32_t slot, uint64_t now) {
    struct transmission *t = &o->transmissions[slot];

    leg_remove(o, t);
    if (t->orphan)
        transmission_free(o, slot);
    else
        outstanding_settle(o, t->sequence, now);
}

/** A slot that was never used. @return 0: no memory, or as many as are allowed */
static uint32_t carve(struct outstanding *o) {
    if (o->carved == o->transmission_count) {
        uint32_t count = o->transmission_count * 2;
        struct transmission *grown = NULL;

        if (count <= o->span_max * 2)
            grown = realloc(o->transmissions, count * sizeof *grown);
        if (!grown)
            return 0;
        o->transmissions = grown;
        o->transmission_count = count;
    }
    o->transmissions[o->carved].generation = 1;
    return o->carved++;
}

uint64_t outstanding_next_id(struct outstanding *o) {
    uint32_t slot = o->reserved;

    if (!slot && o->free) {
        slot = o->free;
        o->free = o->transmissions[slot].next;
        /* The next one was freed long ago for the processor's near caches, and is fetched while this one is used. */
        __builtin_prefetch(&o->transmissions[o->free], 1);
    } else if (!slot) {
        slot = carve(o);
        if (!slot)
            return OUTSTANDING_NO_ID;
    }
    o->transmissions[slot].state = TRANSMISSION_RESERVED;
    o->reserved = slot;
    return (uint64_t)o->transmissions[slot].generation << 32 | slot;
}

/**
 * Record a transmission: put the reserved slot to use.
 * @param packet NULL: an orphan from the beginning
 * @return its id; OUTSTANDING_NO_ID: none could be reserved
 */
static uint64_t transmit(struct outstanding *o, struct packet *packet, uint32_t sequence, unsigned leg, uint16_t length,
                         uint64_t now) {
    uint64_t id = outstanding_next_id(o);
    uint32_t slot = o->reserved;
    struct leg_record *record = &o->legs[leg];
    struct transmission *t = &o->transmissions[slot];

    if (packet)
        packet->legs |= (uint16_t)(1u << leg);
    if (id == OUTSTANDING_NO_ID) {
        o->stats.untracked++;
        return id;
    }
    o->reserved = 0;
    t->sent_at = now;
    t->sequence = sequence;
    t->length = length;
    t->leg = (uint8_t)leg;
    t->state = TRANSMISSION_FLYING;
    t->orphan = packet == NULL;
    t->sibling = packet ? packet->transmissions : 0;
    if (packet)
        packet->transmissions = slot;
    t->next = 0;
    t->previous = record->newest;
    *(record->newest ? &o->transmissions[record->newest].next : &record->oldest) = slot;
    record->newest = slot;
    record->in_flight++;
    record->bytes += length;
    return id;
}

/** Twice the ring. @return false: it is as large as it may be, or no memory */
static bool grow_ring(struct outstanding *o) {
    uint32_t count = o->ring_count * 2;
    struct packet *grown = count <= o->span_max ? malloc(count * sizeof *grown) : NULL;

    if (!grown)
        return false;
    for (uint32_t s = o->floor; s != o->next; s++)
        grown[s & (count - 1)] = *outstanding_packet_of(o, s);
    free(o->ring);
    o->ring = grown;
    o->ring_count = count;
    return true;
}

uint64_t outstanding_add(struct outstanding *o, unsigned leg, const struct outstanding_packet *added, uint64_t now) {
    struct packet *packet;
    uint64_t id;

    if (added->sequence != o->next) {
        packet = find_packet(o, added->sequence);
        o->stats.copies++;
        return transmit(o, packet, added->sequence, leg, added->length, now);
    }
    if (o->next - o->floor == o->ring_count && !grow_ring(o))
        give_up(o, o->floor, &o->stats.overrun);
    packet = outstanding_packet_of(o, o->next++);
    __builtin_prefetch(outstanding_packet_of(o, o->next), 1); /* likewise */
    *packet = (struct packet){.first_sent = now,
                              .bucket_sequence = added->bucket_sequence,
                              .index = added->index,
                              .length = added->length,
                              .bucket = added->bucket,
                              .state = PACKET_FLYING,
                              .mark_ce = added->mark_ce,
                              .light = added->light};
    o->packets++;
    o->stats.added++;
    id = transmit(o, packet, added->sequence, leg, added->length, now);
    if (id == OUTSTANDING_NO_ID)
        give_up(o, added->sequence, &o->stats.no_data);
    else if (added->repair)
        packet->kept = kept_take(o->kept, added->split);
    return id;
}

/** The slot of an id, 0: it is free again or was never given. */
static uint32_t find_transmission(const struct outstanding *o, uint64_t id) {
    uint32_t slot = (uint32_t)id;

    if (slot == 0 || slot >= o->carved || o->transmissions[slot].generation != id >> 32)
        return 0;
    return o->transmissions[slot].state >= TRANSMISSION_FLYING ? slot : 0;
}

/** The floor is about to move, since its packet was acknowledged. */
static void note_wait(struct outstanding *o, uint64_t now) {
    uint64_t wait = now - outstanding_packet_of(o, o->floor)->first_sent;

    if (now - o->wait_since >= WAIT_WINDOW) {
        o->wait_before = o->wait;
        o->wait = 0;
        o->wait_since = now;
    }
    if (wait > o->wait)
        o->wait = wait;
}

/** A leg works. Packets may be given up here, and what they knew of transmissions with them. All are looked through
 * once for an outage: where those that were due are stored again at once, as no leg that was heard takes them, the
 * acknowledgements after the first mean nothing new. */
static void hear(struct outstanding *o, unsigned leg, uint64_t now) {
    if (o->stored && now - o->returned >= o->legs[leg].pto)
        outstanding_outage_over(o, now);
    o->heard = now;
}

/** The packet of a transmission is done with. */
static void arrive(struct outstanding *o, uint32_t slot, uint64_t now) {
    struct transmission *t = &o->transmissions[slot];
    const bool spurious = t->state == TRANSMISSION_LOST;

    if (spurious)
        o->stats.spurious++;
    else
        leg_remove(o, t);
    if (t->orphan) {
        transmission_free(o, slot);
        return;
    }
    o->stats.acknowledged++;
    if (t->sequence == o->floor && !outstanding_packet_of(o, t->sequence)->swallowed)
        note_wait(o, now);
    if (!spurious && outstanding_packet_of(o, t->sequence)->tries > 0)
        o->stats.repaired++;
    finish(o, t->sequence, PACKET_ACKNOWLEDGED);
}

void outstanding_on_acked(struct outstanding *o, uint64_t id, uint64_t now) {
    const uint32_t slot = find_transmission(o, id);
    unsigned leg;

    if (!slot)
        return;
    leg = o->transmissions[slot].leg;
    o->legs[leg].last_acked = now;
    hear(o, leg, now);
    if (find_transmission(o, id))
        arrive(o, slot, now);
}

void outstanding_on_streamed(struct outstanding *o, uint64_t id, uint64_t now) {
    const uint32_t slot = find_transmission(o, id);

    if (slot)
        arrive(o, slot, now);
}

void outstanding_on_arrived(struct outstanding *o, uint32_t first, uint32_t count) {
    uint32_t passed = o->floor - first;

    if ((int32_t)passed > 0) {
        if (count <= passed)
            return;
        first += passed;
        count -= passed;
    }
    for (; count > 0 && (int32_t)(o->next - first) > 0; first++, count--) {
        if (!find_packet(o, first))
            continue;
        o->stats.acknowledged++;
        o->stats.arrived++;
        finish(o, first, PACKET_ACKNOWLEDGED);
    }
}

void outstanding_on_lost(struct outstanding *o, uint64_t id, uint64_t now) {
    uint32_t slot = find_transmission(o, id);

    if (!slot)
        return;
    /* Connections find losses by acknowledgements: the leg lives. */
    hear(o, o->transmissions[slot].leg, now);
    if (o->transmissions[slot].state != TRANSMISSION_FLYING)
        return;
    o->stats.lost++;
    outstanding_lose(o, slot, now);
}

static const struct outstanding_resend *show(struct outstanding *o, uint32_t sequence) {
    const struct packet *packet = outstanding_packet_of(o, sequence);

    o->shown = (struct outstanding_resend){
        .packet = {.sequence = sequence,
                   .bucket_sequence = packet->bucket_sequence,
                   .bucket = packet->bucket,
                   .mark_ce = packet->mark_ce,
                   .light = packet->light,
                   .repair = true,
                   .index = packet->index,
                   .length = packet->length,
                   .split = kept_get(o->kept, packet->kept)},
        .legs = packet->legs,
        .tries = packet->tries,
        .first_sent = packet->first_sent,
    };
    return &o->shown;
}

const struct outstanding_resend *outstanding_on_its_way(struct outstanding *o, uint32_t sequence) {
    const struct packet *packet = find_packet(o, sequence);

    if (!packet || packet->state != PACKET_FLYING || !kept_get(o->kept, packet->kept))
        return NULL;
    return show(o, sequence);
}

const struct outstanding_resend *outstanding_next_resend(struct outstanding *o, uint64_t now) {
    while (o->due[0].count + o->due[1].count) {
        uint32_t sequence = o->due[o->due[1].count > 0].first;
        const struct packet *packet = outstanding_packet_of(o, sequence);
        uint64_t *why = outstanding_why_not_again(o, packet, now);

        if (why) {
            outstanding_expire(o, sequence, why, now);
            continue;
        }
        return show(o, sequence);
    }
    return NULL;
}

uint64_t outstanding_resent(struct outstanding *o, uint32_t sequence, unsigned leg, uint64_t now) {
    struct packet *packet = find_packet(o, sequence);
    uint64_t id;

    o->stats.resent++;
    if (!packet)
        return transmit(o, NULL, sequence, leg, o->shown.packet.length, now);
    if (packet->state == PACKET_DUE)
        outstanding_due_remove(o, sequence);
    packet->tries++;
    id = transmit(o, packet, sequence, leg, packet->length, now);
    if (!is_flying(o, packet, false))
        give_up(o, sequence, &o->stats.no_data);
    return id;
}

void outstanding_refuse(struct outstanding *o, uint32_t sequence, bool works, uint64_t now) {
    struct packet *packet = find_packet(o, sequence);

    if (!packet || packet->state != PACKET_DUE)
        return;
    outstanding_due_remove(o, sequence);
    store_or_give_up(o, sequence, &o->stats.refused, !works, now);
}

uint32_t outstanding_floor(const struct outstanding *o) {
    return o->floor;
}

uint64_t outstanding_wait(const struct outstanding *o) {
    return o->wait > o->wait_before ? o->wait : o->wait_before;
}

uint32_t outstanding_next(const struct outstanding *o) {
    return o->next;
}

uint64_t outstanding_floor_deadline(const struct outstanding *o) {
    if (!o->floor_released)
        return TIME_NEVER;
    return o->floor_announced ? o->floor_announced + FLOOR_INTERVAL : 0;
}

bool outstanding_floor_due(const struct outstanding *o, uint64_t now) {
    return o->floor_released && now >= outstanding_floor_deadline(o);
}

void outstanding_floor_announced(struct outstanding *o, uint64_t now) {
    o->floor_announced = now;
    o->floor_released = false;
}

uint64_t outstanding_memory(const struct outstanding *o) {
    return kept_memory(o->kept);
}

uint32_t outstanding_packets(const struct outstanding *o) {
    return o->packets;
}

const struct outstanding_stats *outstanding_stats(const struct outstanding *o) {
    return &o->stats;
}
