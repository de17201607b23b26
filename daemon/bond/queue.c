/* SPDX-License-Identifier: GPL-2.0-or-later */
/* queue: FQ-CoDel over superpackets.
 *
 * Flows. A keyed hash puts each superpacket into one of 1024 flow queues. Flows that became active lately (`fresh`) are
 * served before the others (`stale`), each in turn for a quantum of bytes (deficit round robin): a flow that sends
 * little never waits behind one that sends much. A superpacket is an entry of its flow's list and leaves segment by
 * segment, each paying its own bytes.
 *
 * CoDel runs per flow, on the time each segment has waited: when that stays above target for an interval, segments are
 * dropped (or marked, when they are ECN-capable) at moments that come closer with the square root of their number,
 * until the wait is below target again. A queue that holds no more than one quantum in all is never judged. All
 * segments of a superpacket came at one time. The target is a third of the interval, far above what RFC 8289 has (a
 * twentieth to a tenth): round trips of flows over the bond vary, as packets wait for others at the peer, and a flow
 * whose queue is cut short at each of these loses a third of its rate; that one flow waits for itself harms no other.
 *
 * With a packet of TCP goes all that has waited for half the target behind it, where nearly all that waits is its
 * flow's: of several flows that are cut at once none may be left to keep the legs at work. The sender learns of one
 * loss or of many at the same time, and slows down as much; but what it sends again waits behind what waits then, and
 * nothing that arrives before is of use to whoever reads. A long queue, which a slow start or the death of a path
 * leaves, would hold the bytes up for as long as it is. What the legs carry in half the target stays in any case, so
 * that they have work until the sender goes on: it may have sent all of it in bursts, and nothing lately.
 *
 * Fragments. A datagram that lacks a part is none, so its first fragment decides: dropped, it takes the others along,
 * also those to come; when it has left, CoDel lets them follow unjudged. Time passes while a head waits for a leg, and
 * where one part is long it is that one: so the turn of the short one had come each time, which freed nothing, until
 * each datagram lacked it. One number a flow is enough, as hosts send a datagram's fragments in one go.
 *
 * Looking and taking are apart: queue_peek() chooses a flow and lets CoDel judge its head; that segment stays shown
 * until it is committed, so that a leg that is not ready costs nothing. Statistics take the time of the last look.
 *
 * A flow whose head no leg takes now can be set aside while others are looked at: it is taken off the front of its list
 * and put back there later, with the deficit that it had.
 *
 * Memory counts by the capacity of buffers, which are the pool's and few. Where they become scarce, a superpacket that
 * fills less than half of its buffer is copied to a smaller one.
 *
 * Entries come from chunks that are made when the queue is that full for the first time, and flows in groups that are
 * made when a packet is hashed there first: an idle session has none. A limit reached (entries, bytes, or memory of
 * buffers) drops segments from the head of the flow with the most bytes, which is where the newcomer's room was lost.
 *
 * It leaves out pacing, choice of leg, priorities of packets, and which flows send little (sparse.c).
 *
 * Invariants: a flow is on a list exactly while `list` says so; the backlog of f is the sum of the segment lengths left
 * in flow f; the sum of backlogs is bytes; `shown` is a flow with a head, or NULL.
 *
 * Standards: RFC 8290, RFC 8289, RFC 3168. */
#include "bond/queue.h"

#include <errno.h>
#include <netinet/in.h>
#include <stdlib.h>

#include "bond/codel.h"
#include "bond/sparse.h"
#include "common/clock.h"

#define CHUNK_ENTRIES 32u              /**< entries made at a time */
#define GROUP_FLOWS 16u                /**< flows made at a time */
#define INTERVAL_MIN (100 * NS_PER_MS) /**< CoDel's interval at least */
#define TARGET_PART 3u                 /**< CoDel's target is this part of its interval */
#define CUT_PART 2u                    /**< what TCP sent and has waited for this part of the target goes with a drop */
#define PLENTY_PART 4u                 /**< up to this part of its limit, memory is plenty */

/** A superpacket held. */
struct entry {
    struct split split; /**< the packet, its reference ours */
    struct inner inner; /**< its headers */
    struct entry *next; /**< in the flow, or in the free list */
    uint64_t queued_at; /**< ns */
    uint32_t flow_hash; /**< of its flow */
    uint16_t index;     /**< segments before this one have left */
};

/** Which list a flow is on. */
enum flow_list { LIST_NONE, LIST_FRESH, LIST_STALE };

/** A flow queue; zeroed but for its number it is idle. */
struct flow {
    struct entry *head; /**< oldest entry; NULL: empty */
    struct entry *tail; /**< newest; meaningless when empty */
    struct flow *next;  /**< in its list */
    struct codel codel; /**< judge */
    int64_t deficit;    /**< bytes it may still send in this turn */
    struct sparse rate; /**< whether it sends little */
    uint64_t torn;      /**< 1 + number of the datagram of which a fragment was dropped last; 0: of none */
    uint16_t number;    /**< hash of its packets, modulo QUEUE_FLOWS */
    uint8_t list;       /**< enum flow_list; set aside it is still of that list */
    bool judged;        /**< CoDel let its head go already, when it was shown … */
    bool mark_ce;       /**< … and wants it marked */
};

/** Flows whose numbers follow each other. */
struct flow_group {
    struct flow flow[GROUP_FLOWS]; /**< by number */
    uint32_t backlog[GROUP_FLOWS]; /**< bytes of each, apart, so that the fattest is quickly found */
};

/** Flows in order of turn. */
struct flow_fifo {
    struct flow *first; /**< whose turn it is; NULL: empty */
    struct flow *last;  /**< meaningless when empty */
};

/** The queue. */
struct queue {
    struct queue_settings settings;                       /**< as given, zeros replaced */
    uint64_t interval;                                    /**< CoDel's, ns */
    uint64_t target;                                      /**< CoDel's, ns */
    uint64_t cut_bytes;                                   /**< what a drop leaves of TCP: legs carry it meanwhile */
    uint64_t patient_until;                               /**< ns: CoDel drops nothing before */
    struct flow_fifo fresh, stale;                        /**< active flows */
    struct flow_fifo aside[2];                            /**< fresh and stale ones that were set aside */
    unsigned skipped;                                     /**< how many those are */
    struct flow *shown;                                   /**< whose head queue_peek() shows; NULL: none */
    struct queue_item item;                               /**< what it shows */
    uint64_t shown_at;                                    /**< ns of the last look */
    uint64_t bytes;                                       /**< of segments held */
    uint64_t memory;                                      /**< capacity of buffers held */
    size_t segments;                                      /**< segments held */
    size_t held;                                          /**< entries in use */
    size_t carved;                                        /**< entries ever used */
    struct entry **chunks;                                /**< of CHUNK_ENTRIES each; NULL: not made yet */
    struct entry *free;                                   /**< given back */
    struct queue_stats stats;                             /**< counters */
    struct flow_group *groups[QUEUE_FLOWS / GROUP_FLOWS]; /**< by number; NULL: not made yet */
};

static void fifo_append(struct flow_fifo *fifo, struct flow *flow) {
    flow->next = NULL;
    if (fifo->first)
        fifo->last->next = flow;
    else
        fifo->first = flow;
    fifo->last = flow;
}

static void fifo_remove_first(struct flow_fifo *fifo) {
    fifo->first = fifo->first->next;
}

struct queue *queue_new(const struct queue_settings *settings) {
    struct queue *queue = calloc(1, sizeof *queue);

    if (!queue)
        return NULL;
    queue->settings = *settings;
    if (queue->settings.quantum_bytes == 0)
        queue->settings.quantum_bytes = QUEUE_QUANTUM_BYTES;
    if (queue->settings.max_memory == 0)
        queue->settings.max_memory = UINT64_MAX;
    queue->chunks = calloc(settings->max_packets / CHUNK_ENTRIES + 1, sizeof *queue->chunks);
    if (!queue->chunks) {
        free(queue);
        return NULL;
    }
    queue_set_timing(queue, 0, 0);
    return queue;
}

void queue_free(struct queue *queue) {
    if (!queue)
        return;
    for (size_t i = 0; i < QUEUE_FLOWS / GROUP_FLOWS; i++) {
        for (size_t j = 0; queue->groups[i] && j < GROUP_FLOWS; j++)
            for (struct entry *entry = queue->groups[i]->flow[j].head; entry; entry = entry->next)
                buf_unref(entry->split.packet.buf);
        free(queue->groups[i]);
    }
    for (size_t i = 0; i <= queue->settings.max_packets / CHUNK_ENTRIES; i++)
        free(queue->chunks[i]);
    free(queue->chunks);
    free(queue);
}

void queue_set_timing(struct queue *queue, uint64_t largest_srtt, uint64_t rate_bps) {
    uint64_t interval = largest_srtt + largest_srtt / 2, target;

    if (interval < INTERVAL_MIN)
        interval = INTERVAL_MIN;
    target = interval / TARGET_PART;
    if (rate_bps > 0) {
        uint64_t two_packets = 2 * 8 * NS_PER_SEC * queue->settings.quantum_bytes / rate_bps;

        if (two_packets > target)
            target = two_packets;
    }
    /* A target above the interval would switch CoDel off on very slow links. */
    queue->interval = interval > target ? interval : target;
    queue->target = target;
    queue->cut_bytes = rate_bps / 8 / 1000 * (target / CUT_PART / NS_PER_MS);
}

void queue_be_patient(struct queue *queue, uint64_t until) {
    queue->patient_until = until;
}

/** The flow of a hash. @return NULL: no memory for it */
static struct flow *find_flow(struct queue *queue, uint32_t hash) {
    unsigned number = hash % QUEUE_FLOWS;
    struct flow_group **group = &queue->groups[number / GROUP_FLOWS];

    if (!*group) {
        *group = calloc(1, sizeof **group);
        for (unsigned i = 0; *group && i < GROUP_FLOWS; i++)
            (*group)->flow[i].number = (uint16_t)(number / GROUP_FLOWS * GROUP_FLOWS + i);
    }
    return *group ? &(*group)->flow[number % GROUP_FLOWS] : NULL;
}

/** Bytes that a flow holds. */
static uint32_t *backlog_of(const struct queue *queue, const struct flow *flow) {
    return &queue->groups[flow->number / GROUP_FLOWS]->backlog[flow->number % GROUP_FLOWS];
}

/** The flow that holds the most bytes; there is one. */
static struct flow *fattest_flow(const struct queue *queue) {
    struct flow *fattest = NULL;
    uint32_t most = 0;

    for (size_t i = 0; i < QUEUE_FLOWS / GROUP_FLOWS; i++) {
        struct flow_group *group = queue->groups[i];

        for (size_t j = 0; group && j < GROUP_FLOWS; j++) {
            if (group->backlog[j] > most) {
                most = group->backlog[j];
                fattest = &group->flow[j];
            }
        }
    }
    return fattest;
}

/** Take an entry off its flow and give its memory back. */
static void release_head(struct queue *queue, struct flow *flow) {
    struct entry *entry = flow->head;

    flow->head = entry->next;
    queue->memory -= entry->split.packet.buf->capacity;
    buf_unref(entry->split.packet.buf);
    entry->next = queue->free;
    queue->free = entry;
    queue->held--;
}

/** The segment at the head of a flow leaves, for whatever reason. */
static void advance(struct queue *queue, struct flow *flow) {
    struct entry *entry = flow->head;
    size_t length = split_length(&entry->split, entry->index);

    flow->judged = false;
    *backlog_of(queue, flow) -= (uint32_t)length;
    queue->bytes -= length;
    queue->segments--;
    if (++entry->index == entry->split.count)
        release_head(queue, flow);
}

/** 1 + the number of the datagram that the flow's head is a fragment of; 0: it is none. */
static uint64_t datagram_of(const struct flow *flow) {
    const struct entry *head = flow->head;

    return head && head->inner.fragment ? 1ull + inner_datagram(superpacket_data(&head->split.packet), &head->inner)
                                        : 0;
}

/** Drop what is left of a datagram already torn, as far as it is at the head of its flow. Numbers come again: another
 * first fragment is of another datagram. */
static void drop_rest(struct queue *queue, struct flow *flow, uint64_t *counter) {
    while (flow->torn && datagram_of(flow) == flow->torn) {
        if (flow->head->inner.first_fragment) {
            flow->torn = 0;
        } else {
            advance(queue, flow);
            ++*counter;
        }
    }
}

/** Drop the segment at the head of a flow, and the rest of its datagram. */
static void drop(struct queue *queue, struct flow *flow, uint64_t *counter) {
    uint64_t datagram = datagram_of(flow);

    advance(queue, flow);
    ++*counter;
    if (datagram) {
        flow->torn = datagram;
        drop_rest(queue, flow, counter);
    }
}

/** Drop segments from the fattest flow's head until a packet of that many bytes in a buffer of that capacity fits. */
static void make_room(struct queue *queue, uint64_t bytes, uint64_t capacity) {
    while (queue->held == queue->settings.max_packets || queue->bytes + bytes > queue->settings.max_bytes ||
           queue->memory + capacity > queue->settings.max_memory) {
        struct flow *fattest = fattest_flow(queue);

        if (queue->shown == fattest)
            queue->shown = NULL;
        drop(queue, fattest, &queue->stats.overflow_drops);
    }
}

/** An entry that nobody uses; the limit leaves one. @return NULL: no memory for more */
static struct entry *take_entry(struct queue *queue) {
    struct entry *entry = queue->free, **chunk = &queue->chunks[queue->carved / CHUNK_ENTRIES];

    if (entry) {
        queue->free = entry->next;
    } else {
        if (!*chunk)
            *chunk = malloc(CHUNK_ENTRIES * sizeof **chunk);
        if (!*chunk)
            return NULL;
        entry = &(*chunk)[queue->carved++ % CHUNK_ENTRIES];
    }
    queue->held++;
    return entry;
}

/** Append an entry to its flow, and the flow to the fresh ones when it was idle. */
static void append(struct queue *queue, struct flow *flow, struct entry *entry, uint64_t bytes) {
    entry->next = NULL;
    if (flow->head)
        flow->tail->next = entry;
    else
        flow->head = entry;
    flow->tail = entry;
    *backlog_of(queue, flow) += (uint32_t)bytes;
    if (flow->list != LIST_NONE)
        return;
    flow->list = LIST_FRESH;
    flow->deficit = queue->settings.quantum_bytes;
    fifo_append(&queue->fresh, flow);
    queue->stats.new_flows++;
}

/** Whether buffers like this one are not plenty any more. Hosts make superpackets of what they send in a millisecond:
 * on links of some ten Mbit/s all memory would be in use with a tenth of it filled. */
static bool is_scarce(const struct queue *queue, const struct buf *buf) {
    return queue->memory > queue->settings.max_memory / PLENTY_PART ||
           buf_pool_used(buf->pool, buf->size_class) > buf_pool_size(buf->pool, buf->size_class) / 2;
}

int queue_put(struct queue *queue, const struct superpacket *packet, const struct inner *inner, uint64_t now) {
    uint64_t bytes, capacity = packet->buf->capacity;
    struct split split;
    struct entry *entry;
    struct flow *flow;
    uint32_t hash;
    int error = split_init(&split, packet);

    if (error == 0) {
        /* The headers come once more with each segment but the first. */
        bytes = split.packet.length + (uint64_t)split.header_bytes * (split.count - 1u);
        if (bytes > queue->settings.max_bytes || capacity > queue->settings.max_memory ||
            queue->settings.max_packets == 0)
            error = -EMSGSIZE;
    }
    if (error) {
        queue->stats.refused++;
        return error;
    }
    make_room(queue, bytes, capacity);
    hash = inner_flow_hash(inner, queue->settings.key);
    flow = find_flow(queue, hash);
    entry = flow ? take_entry(queue) : NULL;
    if (!entry) {
        queue->stats.refused++;
        return -ENOMEM;
    }
    entry->split = split;
    if (is_scarce(queue, packet->buf))
        entry->split.packet.buf = buf_fit(packet->buf, packet->offset + packet->length);
    entry->inner = *inner;
    entry->queued_at = now;
    entry->flow_hash = hash;
    entry->index = 0;
    append(queue, flow, entry, bytes);
    sparse_note(&flow->rate, split.count, bytes, now);
    queue->bytes += bytes;
    queue->memory += entry->split.packet.buf->capacity;
    queue->segments += split.count;
    queue->stats.put_packets++;
    queue->stats.put_segments += split.count;
    return 0;
}

/** How long a flow's head has waited. */
static uint64_t waited(const struct flow *flow, uint64_t now) {
    return now > flow->head->queued_at ? now - flow->head->queued_at : 0;
}

/** CoDel: whether the wait of the flow's head has been above target for an interval. */
static bool over_target(const struct queue *queue, struct flow *flow, uint64_t now) {
    struct codel *codel = &flow->codel;

    if (!flow->head || waited(flow, now) < queue->target || now < queue->patient_until ||
        queue->bytes <= queue->settings.quantum_bytes) {
        codel->first_above_time = 0;
        return false;
    }
    if (codel->first_above_time == 0) {
        codel->first_above_time = now + queue->interval;
        return false;
    }
    return now >= codel->first_above_time;
}

static bool knows_ecn(const struct flow *flow) {
    return flow->head->inner.traffic_class & 3;
}

/** Whether nearly all that waits is a flow's. */
static bool is_alone(const struct queue *queue, const struct flow *flow) {
    return *backlog_of(queue, flow) >= queue->bytes / 4 * 3;
}

/** Mark the flow's head, or drop it, and what TCP sent long ago with it. @return true: marked, the head stays */
static bool mark_or_drop(struct queue *queue, struct flow *flow, uint64_t now) {
    if (knows_ecn(flow)) {
        queue->stats.ce_marks++;
        return true;
    }
    drop(queue, flow, &queue->stats.codel_drops);
    while (flow->head && flow->head->inner.protocol == IPPROTO_TCP && !knows_ecn(flow) && is_alone(queue, flow) &&
           waited(flow, now) > queue->target / CUT_PART && *backlog_of(queue, flow) > queue->cut_bytes)
        drop(queue, flow, &queue->stats.codel_drops);
    return false;
}

/** CoDel in dropping state (RFC 8289 section 5.5). @return whether the head is to be marked */
static bool go_on_dropping(struct queue *queue, struct flow *flow, uint64_t now) {
    struct codel *codel = &flow->codel;
    bool marked = false;

    while (codel->dropping && !marked && now >= codel->drop_next) {
        codel->count++;
        marked = mark_or_drop(queue, flow, now);
        if (!marked && !over_target(queue, flow, now))
            codel->dropping = false;
        else
            codel->drop_next = codel_next(codel, queue->interval, codel->drop_next);
    }
    return marked;
}

/** CoDel enters dropping state. @return whether the head is to be marked */
static bool begin_dropping(struct queue *queue, struct flow *flow, uint64_t now) {
    bool marked = mark_or_drop(queue, flow, now);

    if (!marked)
        over_target(queue, flow, now);
    codel_begin(&flow->codel, queue->interval, now);
    return marked;
}

/** Let CoDel judge the flow's head until one may leave; the flow may be empty then. @return whether to mark the head */
static bool judge(struct queue *queue, struct flow *flow, uint64_t now) {
    bool over;

    drop_rest(queue, flow, &queue->stats.codel_drops);
    if (flow->head && flow->head->inner.fragment && !flow->head->inner.first_fragment)
        return false;
    over = over_target(queue, flow, now);
    if (!flow->codel.dropping)
        return over && begin_dropping(queue, flow, now);
    if (over)
        return go_on_dropping(queue, flow, now);
    flow->codel.dropping = false;
    return false;
}

/** Show the head of a flow. */
static void show(struct queue *queue, struct flow *flow) {
    const struct entry *entry = flow->head;

    queue->shown = flow;
    flow->judged = true;
    queue->item = (struct queue_item){
        .split = &entry->split,
        .inner = &entry->inner,
        .index = entry->index,
        .length = (uint16_t)split_length(&entry->split, entry->index),
        .flow_hash = entry->flow_hash,
        .flow_bytes = *backlog_of(queue, flow),
        .light = sparse_has(&flow->rate, &entry->split, &entry->inner),
        .mark_ce = flow->mark_ce,
        .queued_at = entry->queued_at,
    };
    queue->item.sparse = queue->item.light && flow->list == LIST_FRESH && !entry->next;
}

const struct queue_item *queue_peek(struct queue *queue, uint64_t now) {
    queue->shown_at = now;
    while (!queue->shown) {
        struct flow_fifo *fifo = queue->fresh.first ? &queue->fresh : &queue->stale;
        struct flow *flow = fifo->first;

        if (!flow)
            return NULL;
        if (flow->deficit <= 0) {
            flow->deficit += queue->settings.quantum_bytes;
            fifo_remove_first(fifo);
            fifo_append(&queue->stale, flow);
            flow->list = LIST_STALE;
            continue;
        }
        if (!flow->judged)
            flow->mark_ce = judge(queue, flow, now);
        if (flow->head) {
            show(queue, flow);
            break;
        }
        /* Empty. A fresh flow waits one round before it may be fresh again, or it would starve the stale ones. */
        fifo_remove_first(fifo);
        flow->list = LIST_NONE;
        if (fifo == &queue->fresh && queue->stale.first) {
            fifo_append(&queue->stale, flow);
            flow->list = LIST_STALE;
        }
    }
    return &queue->item;
}

bool queue_skip(struct queue *queue) {
    struct flow *flow = queue->shown;

    if (!flow || queue->skipped == QUEUE_SKIPS)
        return false;
    queue->shown = NULL;
    queue->skipped++;
    fifo_remove_first(flow->list == LIST_FRESH ? &queue->fresh : &queue->stale);
    fifo_append(&queue->aside[flow->list == LIST_STALE], flow);
    return true;
}

/** Put flows in front of others. */
static void fifo_prepend(struct flow_fifo *fifo, struct flow_fifo *front) {
    if (!front->first)
        return;
    front->last->next = fifo->first;
    if (!fifo->first)
        fifo->last = front->last;
    fifo->first = front->first;
    front->first = NULL;
}

void queue_resume(struct queue *queue) {
    fifo_prepend(&queue->fresh, &queue->aside[0]);
    fifo_prepend(&queue->stale, &queue->aside[1]);
    queue->skipped = 0;
    queue->shown = NULL;
}

void queue_build(const struct queue_item *item, struct segment *out) {
    if (item->mark_ce && item->split->header_bytes == 0)
        inner_mark_ce(superpacket_data(&item->split->packet));
    split_segment(item->split, item->index, out);
    if (item->mark_ce && out->header_bytes > 0)
        inner_mark_ce(out->header);
}

void queue_commit(struct queue *queue) {
    struct flow *flow = queue->shown;
    struct queue_stats *stats = &queue->stats;
    uint64_t sojourn;

    if (!flow)
        return;
    sojourn = waited(flow, queue->shown_at);
    stats->sojourn_last = sojourn;
    if (sojourn > stats->sojourn_max)
        stats->sojourn_max = sojourn;
    stats->sojourn_average = stats->sojourn_average - stats->sojourn_average / 16 + sojourn / 16;
    stats->sent_segments++;
    stats->sent_bytes += queue->item.length;
    flow->deficit -= queue->item.length;
    queue->shown = NULL;
    advance(queue, flow);
}

uint64_t queue_bytes(const struct queue *queue) {
    return queue->bytes;
}

size_t queue_packets(const struct queue *queue) {
    return queue->segments;
}

uint64_t queue_interval(const struct queue *queue) {
    return queue->interval;
}

uint64_t queue_target(const struct queue *queue) {
    return queue->target;
}

const struct queue_stats *queue_stats(const struct queue *queue) {
    return &queue->stats;
}
