/* SPDX-License-Identifier: GPL-2.0-or-later */
/* thin: fewer acknowledgements for senders of TCP at this end.
 *
 * Why: senders with CUBIC end their slow start as soon as nine acknowledgements of one round trip were all later than
 * over an idle path (HyStart). Over a bond they are for many reasons that are no queue: a link's jitter, the repair of
 * a loss, a longer path that helps. Such a sender then climbs slowly, for many seconds, while the paths stand idle.
 * With fewer acknowledgements in a round trip it takes a longer one, that is a queue, to bring nine together. Once a
 * flow grows no more that is over, and to wait would only make its round trip longer: a host's buffer of 4 MB fills
 * 1 Gbit/s with 32 ms, and no more than 0.8 with 40.
 *
 * How it works: an acknowledgement goes on when an interval has gone by since the last one of its flow did; else it
 * waits until then, and one that comes meanwhile takes its place. A flow's round trip may be longer than the legs', as
 * it has queues and repair in it. So the sender's rounds are followed, too, by what it sends: one begins with an
 * acknowledgement of more than had been sent when the last one began, and of its data each goes on for a part of its
 * own only, or after some intervals. Only plain ones wait: no data, no flag but ACK, no option but timestamps, and more
 * acknowledged than before. One that was overtaken by what waits (they come in any order) is left out: to the sender it
 * would be news, and one more. Whatever else comes of the flow goes on at once, behind what waits. A flow has a place
 * by its hash; another one that comes there takes it over. What is acknowledged in spans of about a round trip tells
 * whether a flow grows: as long as one of the last few had a quarter more than any before. A flow that paused, or fell
 * far back, begins anew.
 *
 * It leaves out QUIC, whose acknowledgements nobody can read, and how long the interval is (session.c).
 *
 * Invariants: the hash of a flow is that of its data; at most one acknowledgement of a flow waits, nothing later of its
 * flow overtakes it; `deadline` is a lower bound.
 *
 * Standards: RFC 9293; RFC 3449 section 5.3 (filters of acknowledgements). */
#include "bond/thin.h"

#include <netinet/in.h>
#include <stdlib.h>
#include <string.h>

#include "common/be.h"
#include "common/clock.h"
#include "packet/headers.h"
#include "packet/inner.h"

#define STAMPS_BYTES 32u                /**< TCP's header with timestamps and nothing else */
#define PARTS 7u                        /**< of a round's data, for each of which an acknowledgement goes on */
#define PART_WAIT 3u                    /**< intervals that one waits longer if it is for less, … */
#define PART_WAIT_MAX (100 * NS_PER_MS) /**< … ns, but no longer than that */
#define SPAN 8u                         /**< intervals that are counted together: one round trip and a bit */
#define FLAT 4u                         /**< spans without growth after which a flow grows no more */
#define FALL 8u                         /**< a flow that is slower by this factor begins anew */
#define PAUSE NS_PER_SEC                /**< ns: likewise one that was not acknowledged for so long */

/** A flow that is acknowledged. */
struct thin_flow {
    uint64_t passed;               /**< ns, when its last acknowledgement went on */
    uint32_t hash;                 /**< of the flow */
    uint32_t acked;                /**< the highest number acknowledged */
    uint32_t acked_before;         /**< likewise, when the span began */
    uint64_t since;                /**< ns, when that was */
    uint64_t most;                 /**< bytes a second, of the span that had most since the flow began */
    unsigned flat;                 /**< spans since then, FLAT at most */
    uint32_t sent;                 /**< the number behind all that the flow sent */
    uint32_t round_from;           /**< what was acknowledged when the sender's round began … */
    uint32_t round_to;             /**< … and `sent` by then: it ends when more is acknowledged */
    unsigned passes;               /**< acknowledgements that went on in the round */
    bool sends;                    /**< `sent` is known */
    uint32_t acked_waiting;        /**< what the one that waits acknowledges */
    uint16_t length;               /**< bytes of the one that waits; 0: none does */
    bool used;                     /**< the place is taken */
    uint8_t bytes[THIN_BYTES_MAX]; /**< the one that waits */
};

/** A filter. */
struct thin {
    struct thin_settings settings; /**< as given */
    uint64_t interval;             /**< ns */
    bool rounds;                   /**< the senders' rounds are followed */
    uint64_t deadline;             /**< ns: nothing is due before; TIME_NEVER: nothing waits */
    struct thin_flow *flows;       /**< THIN_FLOWS, by hash; NULL: none came yet */
};

struct thin *thin_new(const struct thin_settings *settings) {
    struct thin *thin = calloc(1, sizeof *thin);

    if (!thin)
        return NULL;
    thin->settings = *settings;
    thin->deadline = TIME_NEVER;
    return thin;
}

void thin_free(struct thin *thin) {
    if (thin)
        free(thin->flows);
    free(thin);
}

void thin_set_interval(struct thin *thin, uint64_t interval) {
    thin->interval = interval;
}

void thin_follow_rounds(struct thin *thin, bool follow) {
    /* What is sent from now on is not seen. */
    for (unsigned i = 0; !follow && thin->rounds && thin->flows && i < THIN_FLOWS; i++)
        thin->flows[i].sends = false;
    thin->rounds = follow;
}

/** Whether it is TCP without IP options or extension headers: cheap, as it is asked for every packet. */
static bool is_tcp(const uint8_t *packet, size_t length) {
    if (length < 40)
        return false;
    return (packet[0] == 0x45 && packet[9] == IPPROTO_TCP) || (packet[0] >> 4 == 6 && packet[6] == IPPROTO_TCP);
}

/** Bytes of the header of IP of what is_tcp() took. */
static size_t ip_bytes(const uint8_t *packet) {
    return packet[0] >> 4 == 4 ? IP4_HEADER : IP6_HEADER;
}

/** Whether it is an acknowledgement and nothing else. @param acked out: what it acknowledges */
static bool is_plain(const uint8_t *packet, size_t length, uint32_t *acked) {
    size_t header = ip_bytes(packet), left = length - header;
    const uint8_t *l4 = packet + header;

    if (length > THIN_BYTES_MAX || (left != TCP_HEADER && left != STAMPS_BYTES))
        return false;
    if (l4[TCP_OFFSET] != left / 4 << 4 || l4[TCP_FLAGS] != TCP_ACK)
        return false;
    if (left == STAMPS_BYTES && memcmp(l4 + TCP_HEADER, "\1\1\10\12", 4) != 0)
        return false;
    *acked = be32_get(l4 + TCP_ACKNOWLEDGED);
    return true;
}

/** Whether it opens a connection, or answers what does. */
static bool opens_flow(const uint8_t *packet, size_t length) {
    size_t header = ip_bytes(packet);

    return length >= header + TCP_HEADER && packet[header + TCP_FLAGS] & TCP_SYN;
}

/** The place of the flow that an acknowledgement answers. @return NULL: it is no flow of ours, or no memory */
static struct thin_flow *find_place(struct thin *thin, const uint8_t *packet, size_t length, uint32_t *hash) {
    struct inner inner, data;

    if (!thin->flows)
        thin->flows = calloc(THIN_FLOWS, sizeof *thin->flows);
    if (!thin->flows || inner_parse(packet, length, false, &inner) || inner.total_bytes != length || inner.fragment)
        return NULL;
    data = inner;
    data.source = inner.target;
    data.target = inner.source;
    data.source_port = inner.target_port;
    data.target_port = inner.source_port;
    *hash = inner_flow_hash(&data, thin->settings.key);
    return &thin->flows[*hash % THIN_FLOWS];
}

/** An acknowledgement goes on: in the sender's round, or it begins a new one. */
static void count(struct thin_flow *flow, uint32_t acked, uint64_t now) {
    flow->passed = now;
    if (flow->sends && (int32_t)(acked - flow->round_to) > 0) {
        flow->round_from = acked;
        flow->round_to = flow->sent;
        flow->passes = 0;
    }
    flow->passes++;
}

/** What waits goes on. */
static void release(struct thin *thin, struct thin_flow *flow, uint64_t now) {
    size_t length = flow->length;

    if (!length)
        return;
    flow->length = 0;
    count(flow, flow->acked_waiting, now);
    thin->settings.release(thin->settings.context, flow->bytes, length);
}

/** Whether an acknowledgement is for less of the sender's round than the next one is to be for. */
static bool is_early(const struct thin_flow *flow, uint32_t acked) {
    uint64_t whole = flow->round_to - flow->round_from, part = acked - flow->round_from;

    uint64_t passes = flow->passes < PARTS ? flow->passes : PARTS;

    return flow->sends && (int32_t)(acked - flow->round_to) <= 0 && part * PARTS < whole * passes;
}

/** When an acknowledgement may go on. */
static uint64_t due_at(const struct thin *thin, const struct thin_flow *flow, uint32_t acked) {
    uint64_t longer = PART_WAIT * thin->interval;

    if (!thin->rounds || !is_early(flow, acked))
        longer = 0;
    return flow->passed + thin->interval + (longer < PART_WAIT_MAX ? longer : PART_WAIT_MAX);
}

/** A plain acknowledgement waits, in the place of the one before it. */
static void keep(struct thin *thin, struct thin_flow *flow, uint32_t acked, const uint8_t *packet, size_t length) {
    uint64_t due = due_at(thin, flow, acked);

    flow->acked_waiting = acked;
    flow->length = (uint16_t)length;
    memcpy(flow->bytes, packet, length);
    if (due < thin->deadline)
        thin->deadline = due;
}

/** What is acknowledged is counted. @return whether the flow grows */
static bool is_growing(const struct thin *thin, struct thin_flow *flow, uint64_t now) {
    uint64_t span = now - flow->since, rate;

    if (thin->interval > 0 && span >= SPAN * thin->interval) {
        rate = (uint64_t)(flow->acked - flow->acked_before) * NS_PER_SEC / span;
        if (span >= PAUSE)
            flow->most = flow->flat = 0;
        else if (rate > flow->most + flow->most / 4 || rate < flow->most / FALL) {
            flow->most = rate;
            flow->flat = 0;
        } else if (flow->flat < FLAT) {
            flow->flat++;
        }
        flow->since = now;
        flow->acked_before = flow->acked;
    }
    return flow->flat < FLAT;
}

/** A plain acknowledgement came of a flow. @return whether it is kept */
static bool take_plain(struct thin *thin, struct thin_flow *flow, uint32_t acked, const uint8_t *packet, size_t length,
                       uint64_t now) {
    if ((int32_t)(acked - flow->acked) < 0) /* overtaken on its way: it tells nothing new, or that one waits */
        return flow->length > 0;
    if (acked == flow->acked) { /* a duplicate tells of a loss, or of the window */
        release(thin, flow, now);
        return false;
    }
    flow->acked = acked;
    if (is_growing(thin, flow, now) && now < due_at(thin, flow, acked)) {
        keep(thin, flow, acked, packet, length);
        return true;
    }
    flow->length = 0;
    count(flow, acked, now);
    return false;
}

bool thin_take(struct thin *thin, const uint8_t *packet, size_t length, uint64_t now) {
    struct thin_flow *flow;
    uint32_t hash, acked = 0;
    bool plain, opens;

    if (!is_tcp(packet, length))
        return false;
    plain = is_plain(packet, length, &acked);
    opens = thin->flows && opens_flow(packet, length);
    if (!plain && !opens && thin->deadline == TIME_NEVER)
        return false;
    flow = find_place(thin, packet, length, &hash);
    if (!flow)
        return false;
    if (flow->used && flow->hash == hash) {
        if (plain)
            return take_plain(thin, flow, acked, packet, length, now);
        release(thin, flow, now);
        flow->used = !opens; /* a former one of the same ports had other numbers */
    } else if (plain) {
        release(thin, flow, now);
        *flow = (struct thin_flow){
            .passed = now, .hash = hash, .acked = acked, .acked_before = acked, .since = now, .used = true};
    }
    return false;
}

void thin_on_sent(struct thin *thin, const struct inner *inner, const uint8_t *packet, size_t length) {
    struct thin_flow *flow;
    uint32_t hash, number, bytes, sent;

    if (!thin->rounds || !thin->flows)
        return;
    bytes = inner_tcp_data(inner, packet, length, &number);
    if (!bytes)
        return;
    hash = inner_flow_hash(inner, thin->settings.key);
    flow = &thin->flows[hash % THIN_FLOWS];
    if (!flow->used || flow->hash != hash)
        return;
    sent = number + bytes;
    if (flow->sends && (int32_t)(sent - flow->sent) <= 0)
        return;
    if (!flow->sends)
        flow->round_from = flow->round_to = flow->acked;
    flow->sent = sent;
    flow->sends = true;
}

uint64_t thin_deadline(const struct thin *thin) {
    return thin->deadline;
}

void thin_on_timer(struct thin *thin, uint64_t now) {
    uint64_t next = TIME_NEVER;

    if (now < thin->deadline)
        return;
    for (unsigned i = 0; thin->flows && i < THIN_FLOWS; i++) {
        struct thin_flow *flow = &thin->flows[i];
        uint64_t due = due_at(thin, flow, flow->acked_waiting);

        if (flow->length && due <= now)
            release(thin, flow, now);
        else if (flow->length && due < next)
            next = due;
    }
    thin->deadline = next;
}
