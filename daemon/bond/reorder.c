/* SPDX-License-Identifier: GPL-2.0-or-later */
/* reorder: the receiving end of one direction of a bonded session.
 *
 * How it works: a packet that is the next of its bucket goes straight on; one of bucket 0 always does. A packet behind
 * a gap is copied to a buffer of the pool, which also holds what is noted of it, and joins two structures: its bucket's
 * pairing heap, ordered by bucket sequence (joining costs one comparison, whatever the order of arrival), and the list
 * of all that is held, ordered by arrival. The gap before the first packet of a heap
 *   - is *lost once* when every leg of the set has passed that packet (legset.c), or is silent;
 *   - is then held open for a copy, until the floor passes that packet or the repair limit is over: time for two
 *     resends, 2.5 smoothed RTTs and four variations of the leg on which that is most, and 10 ms;
 *   - is given up at the latest when any packet of the bucket has been held for the longest wait for a leg and the
 *     repair limit together, or REORDER_HOLD_MAX.
 * What follows a gap that was given up or filled is delivered up to the next gap. A packet that comes after all that is
 * delivered out of order. When the bytes held reach a limit, or the pool is empty, the gap before the packet held
 * longest is given up: nothing is dropped for want of room.
 *
 * Time and memory: a packet in order touches its bucket, its leg and the window. One that is held costs a walk over the
 * legs. The buckets are walked when the legs pass the lowest gap that waits for them (each gap is passed once), when a
 * mark comes, and by the timer, which goes off at most once a LEGSET_TICK.
 *
 * What it leaves out: sending marks and copies, and checking the IP packets.
 *
 * Invariants: a packet that is held comes after its bucket's `next`, by DUPLICATE_WINDOW_MAX at most. The bit of a
 * bucket in `gaps` is set if and only if its heap is not empty. `deadline` and `waiting` are lower bounds. While a
 * bucket is `lost`, all that misses before lost_through is lost once.
 *
 * Standards: RFC 1990 section 4.1; mpvpn-protocol(7). */
#include "bond/reorder.h"

#include <stdlib.h>
#include <string.h>

#include "bond/legset.h"

#define POOL_SHARE 4u /**< at most one buffer in so many of each class is held */
#define WORD 64u      /**< bits of a word of gaps */
#define PART 16u      /**< buckets that are made together */

/** A packet that is held, at the beginning of its buffer; the IP packet follows. */
struct held {
    struct held *child;       /**< heap: first of those that come after it */
    struct held *sibling;     /**< heap: next child of the same parent */
    struct held *earlier;     /**< list: arrived before */
    struct held *later;       /**< list: arrived after */
    struct buf *buf;          /**< where this lies */
    uint64_t at;              /**< ns, arrival */
    uint32_t sequence;        /**< of the session */
    uint32_t bucket_sequence; /**< of the bucket */
    uint32_t length;          /**< bytes of the IP packet */
    uint8_t bucket;           /**< which bucket */
};

/** The flows of one bucket. */
struct bucket {
    struct held *heap;     /**< held packets; the root has the lowest bucket sequence */
    uint64_t lost_at;      /**< ns, when the gap was found lost once */
    uint32_t next;         /**< the bucket sequence that goes on next */
    uint32_t lost_through; /**< what misses before this bucket sequence was found lost */
    bool lost;             /**< the gap before the root is lost once */
};

/** A receiver. */
struct reorder {
    struct reorder_settings settings;           /**< as given */
    struct duplicate window;                    /**< which sequences have come */
    struct legset legs;                         /**< how far the legs have come */
    struct bucket *parts[FRAME_BUCKETS / PART]; /**< of buckets, by number; made when a packet comes for one */
    uint64_t gaps[FRAME_BUCKETS / WORD];        /**< bit set: the bucket holds packets */
    struct held *oldest;                        /**< arrived first; NULL: nothing is held */
    struct held *newest;                        /**< arrived last */
    size_t held_of_class[BUF_CLASSES];          /**< buffers held of each class */
    uint64_t deadline;                          /**< ns: the timer is not needed before */
    uint64_t kept_limit;                  /**< ns: hold limit since a leg left, for what was held because of it … */
    uint64_t kept_until;                  /**< … ns: until then */
    uint32_t floor;                       /**< nothing before this sequence will be sent again */
    uint32_t waiting;                     /**< no gap that is not lost is before a lower sequence … */
    bool any_waiting;                     /**< … if there is any */
    struct reorder_statistics statistics; /**< counters */
};

struct reorder *reorder_new(const struct reorder_settings *settings) {
    struct reorder *reorder = calloc(1, sizeof *reorder);

    if (!reorder)
        return NULL;
    if (duplicate_init(&reorder->window, settings->first_sequence) < 0) {
        free(reorder);
        return NULL;
    }
    reorder->settings = *settings;
    if (reorder->settings.held_max == 0)
        reorder->settings.held_max = REORDER_HELD_MAX;
    legset_init(&reorder->legs, settings->first_sequence);
    reorder->deadline = UINT64_MAX;
    reorder->floor = settings->first_sequence;
    return reorder;
}

void reorder_free(struct reorder *reorder) {
    if (!reorder)
        return;
    while (reorder->oldest) {
        struct held *held = reorder->oldest;
        reorder->oldest = held->later;
        buf_unref(held->buf);
    }
    for (unsigned i = 0; i < FRAME_BUCKETS / PART; i++)
        free(reorder->parts[i]);
    legset_fini(&reorder->legs);
    duplicate_fini(&reorder->window);
    free(reorder);
}

/** A bucket that a packet came for. */
static struct bucket *bucket_of(const struct reorder *reorder, unsigned index) {
    return &reorder->parts[index / PART][index % PART];
}

/** Make what a packet for a bucket needs. @return false: no memory */
static bool make_bucket(struct reorder *reorder, unsigned index) {
    struct bucket *part;

    if (reorder->parts[index / PART])
        return true;
    part = calloc(PART, sizeof *part);
    if (!part)
        return false;
    for (unsigned i = 0; i < PART; i++)
        part[i].next = reorder->settings.first_bucket_sequence & FRAME_SEQUENCE24;
    reorder->parts[index / PART] = part;
    return true;
}

/** Two heaps into one. Their roots have no siblings. */
static struct held *meld(struct held *a, struct held *b) {
    struct held *first = a, *second = b;

    if (!a || !b)
        return a ? a : b;
    if (frame_before24(b->bucket_sequence, a->bucket_sequence)) {
        first = b;
        second = a;
    }
    second->sibling = first->child;
    first->child = second;
    return first;
}

/** What remains of a heap without its root: children are melded in pairs, then the pairs from the last to the first. */
static struct held *without_root(struct held *root) {
    struct held *rest = root->child, *pairs = NULL, *heap = NULL;

    while (rest) {
        struct held *a = rest, *b = a->sibling;

        rest = b ? b->sibling : NULL;
        a->sibling = NULL;
        if (b)
            b->sibling = NULL;
        a = meld(a, b);
        a->sibling = pairs;
        pairs = a;
    }
    while (pairs) {
        struct held *pair = pairs;

        pairs = pair->sibling;
        pair->sibling = NULL;
        heap = meld(heap, pair);
    }
    return heap;
}

static void set_gap(struct reorder *reorder, unsigned index, bool gap) {
    uint64_t bit = UINT64_C(1) << (index % WORD);

    if (gap)
        reorder->gaps[index / WORD] |= bit;
    else
        reorder->gaps[index / WORD] &= ~bit;
}

/** A buffer with room for a held packet, within the limits. @return NULL: a gap must be given up for it */
static struct held *take(struct reorder *reorder, size_t length) {
    struct buf_pool *pool = reorder->settings.pool;
    struct buf *buf = buf_get(pool, sizeof(struct held) + length);
    struct held *held;

    if (!buf)
        return NULL;
    if (reorder->held_of_class[buf->size_class] >= buf_pool_size(pool, buf->size_class) / POOL_SHARE ||
        reorder->statistics.held_bytes + buf->capacity > reorder->settings.held_max) {
        buf_unref(buf);
        return NULL;
    }
    held = (struct held *)(void *)buf->data;
    *held = (struct held){.buf = buf, .length = (uint32_t)length};
    return held;
}

/** A packet taken with take() joins what is held. */
static void hold(struct reorder *reorder, struct held *held) {
    struct bucket *bucket = bucket_of(reorder, held->bucket);

    bucket->heap = meld(bucket->heap, held);
    set_gap(reorder, held->bucket, true);
    held->earlier = reorder->newest;
    if (reorder->newest)
        reorder->newest->later = held;
    else
        reorder->oldest = held;
    reorder->newest = held;
    reorder->held_of_class[held->buf->size_class]++;
    reorder->statistics.held++;
    reorder->statistics.held_packets++;
    reorder->statistics.held_bytes += held->buf->capacity;
}

/** Deliver a packet that is held, which must be the root of its heap. */
static void let_go(struct reorder *reorder, struct held *held, uint64_t now) {
    struct bucket *bucket = bucket_of(reorder, held->bucket);

    bucket->heap = without_root(held);
    set_gap(reorder, held->bucket, bucket->heap != NULL);
    *(held->earlier ? &held->earlier->later : &reorder->oldest) = held->later;
    *(held->later ? &held->later->earlier : &reorder->newest) = held->earlier;
    if (!reorder->oldest) {
        reorder->deadline = UINT64_MAX;
        reorder->any_waiting = false;
    }
    reorder->held_of_class[held->buf->size_class]--;
    reorder->statistics.held_packets--;
    reorder->statistics.held_bytes -= held->buf->capacity;
    if (now - held->at > reorder->statistics.longest_hold)
        reorder->statistics.longest_hold = now - held->at;
    reorder->statistics.delivered++;
    reorder->settings.deliver(reorder->settings.context, (const uint8_t *)(held + 1), held->length);
    buf_unref(held->buf);
}

/** Deliver what is held from `next` on, up to a gap. */
static void run_on(struct reorder *reorder, struct bucket *bucket, uint64_t now) {
    while (bucket->heap && !frame_before24(bucket->next, bucket->heap->bucket_sequence)) {
        if (bucket->heap->bucket_sequence == bucket->next)
            bucket->next = frame_next24(bucket->next);
        else
            reorder->statistics.late++; /* a bucket sequence used twice */
        let_go(reorder, bucket->heap, now);
    }
    if (!frame_before24(bucket->next, bucket->lost_through))
        bucket->lost = false;
}

/** Give up the first gap of a bucket that holds packets, and deliver up to the next. */
static void give_up(struct reorder *reorder, struct bucket *bucket, uint64_t now) {
    reorder->statistics.given_up += (uint32_t)frame_distance24(bucket->next, bucket->heap->bucket_sequence);
    bucket->next = bucket->heap->bucket_sequence;
    run_on(reorder, bucket, now);
}

/** Give up everything that misses in a bucket before a bucket sequence, which becomes next. */
static void give_up_before(struct reorder *reorder, struct bucket *bucket, uint32_t bucket_sequence, uint64_t now) {
    while (bucket->heap && frame_before24(bucket->heap->bucket_sequence, bucket_sequence))
        give_up(reorder, bucket, now);
    if (frame_before24(bucket->next, bucket_sequence)) {
        reorder->statistics.given_up += (uint32_t)frame_distance24(bucket->next, bucket_sequence);
        bucket->next = bucket_sequence;
    }
}

/** How long a gap that is lost once stays open for a copy. @return ns */
static uint64_t repair_limit(const struct reorder *reorder) {
    uint64_t limit = legset_repair(&reorder->legs);

    return limit < REORDER_HOLD_MAX ? limit : REORDER_HOLD_MAX;
}

/** How long a packet is held at most; the timer may be a tick late. @return ns */
static uint64_t hold_limit(const struct reorder *reorder, uint64_t now) {
    uint64_t limit = repair_limit(reorder) + legset_wait(&reorder->legs);

    if (now < reorder->kept_until && limit < reorder->kept_limit)
        limit = reorder->kept_limit;
    return (limit < REORDER_HOLD_MAX ? limit : REORDER_HOLD_MAX) - LEGSET_TICK;
}

/** Whether the sender will not send again what misses before a sequence. */
static bool floor_passed(const struct reorder *reorder, uint32_t sequence) {
    int32_t beyond = frame_distance32(sequence, reorder->floor);

    /* A floor that nobody has moved for half the number space is no floor. */
    return beyond >= 0 && beyond <= 2 * (int32_t)DUPLICATE_WINDOW_MAX;
}

static void not_later(struct reorder *reorder, uint64_t deadline) {
    if (deadline < reorder->deadline)
        reorder->deadline = deadline;
}

static void await(struct reorder *reorder, uint32_t sequence) {
    if (!reorder->any_waiting || frame_before32(sequence, reorder->waiting))
        reorder->waiting = sequence;
    reorder->any_waiting = true;
}

/** Find the first gap of a bucket lost once, if it is. @return whether it is */
static bool find_lost(struct reorder *reorder, struct bucket *bucket, uint64_t now) {
    const struct held *first = bucket->heap;
    uint64_t silent_at = legset_silent_at(&reorder->legs, first->sequence, first->at);

    if (silent_at > now) {
        await(reorder, first->sequence);
        not_later(reorder, silent_at);
        return false;
    }
    bucket->lost = true;
    bucket->lost_at = now;
    bucket->lost_through = first->bucket_sequence;
    reorder->statistics.lost_once += (uint32_t)frame_distance24(bucket->next, first->bucket_sequence);
    return true;
}

/** Decide on the gaps of a bucket, first to last, until one must be waited for. */
static void judge(struct reorder *reorder, struct bucket *bucket, uint64_t now) {
    uint64_t limit = repair_limit(reorder);

    while (bucket->heap) {
        if (!bucket->lost && !find_lost(reorder, bucket, now))
            break;
        if (now - bucket->lost_at < limit && !floor_passed(reorder, bucket->heap->sequence)) {
            not_later(reorder, bucket->lost_at + limit);
            break;
        }
        give_up(reorder, bucket, now);
    }
}

/** Judge the buckets for which legs or floor have brought news since: passed is what every leg has passed. */
static void sweep(struct reorder *reorder, uint32_t passed, uint64_t now) {
    reorder->any_waiting = false;
    for (unsigned word = 0; word < FRAME_BUCKETS / WORD; word++) {
        for (uint64_t left = reorder->gaps[word]; left; left &= left - 1) {
            struct bucket *bucket = bucket_of(reorder, word * WORD + (unsigned)__builtin_ctzll(left));
            uint32_t sequence = bucket->heap->sequence;

            if (bucket->lost ? floor_passed(reorder, sequence) : !frame_before32(passed, sequence))
                judge(reorder, bucket, now);
            else if (!bucket->lost)
                await(reorder, sequence);
        }
    }
}

/** A packet came: let time and the progress of its leg take effect on what is held. */
static void catch_up(struct reorder *reorder, uint64_t now) {
    uint32_t passed;

    if (now >= reorder->deadline) {
        reorder_on_timer(reorder, now);
        return;
    }
    passed = legset_passed(&reorder->legs);
    if (reorder->any_waiting && !frame_before32(passed, reorder->waiting))
        sweep(reorder, passed, now);
}

static void pass_on(struct reorder *reorder, const uint8_t *packet, size_t length) {
    reorder->statistics.delivered++;
    reorder->settings.deliver(reorder->settings.context, packet, length);
}

/** Hold a packet behind a gap. If there is no room, a gap is given up, its own at last. @return whether it is held */
static bool hold_back(struct reorder *reorder, const struct frame_packet *frame, const uint8_t *packet, size_t length,
                      uint64_t now) {
    struct bucket *bucket = bucket_of(reorder, frame->bucket);
    struct held *held = NULL;

    while (frame_before24(bucket->next, frame->bucket_sequence)) {
        bool near = frame_distance24(bucket->next, frame->bucket_sequence) <= (int32_t)DUPLICATE_WINDOW_MAX;

        held = near ? take(reorder, length) : NULL;
        if (held)
            break;
        /* Where the packet itself comes before the gap to be given up, it is what goes first. */
        if (near && reorder->oldest && reorder->oldest->bucket != frame->bucket) {
            reorder_release_oldest(reorder, now);
        } else if (bucket->heap && frame_before24(bucket->heap->bucket_sequence, frame->bucket_sequence)) {
            reorder->statistics.pressed += (uint32_t)frame_distance24(bucket->next, bucket->heap->bucket_sequence);
            give_up(reorder, bucket, now);
        } else {
            reorder->statistics.pressed += (uint32_t)frame_distance24(bucket->next, frame->bucket_sequence);
            give_up_before(reorder, bucket, frame->bucket_sequence, now);
        }
    }
    if (!held)
        return false;
    held->at = now;
    held->sequence = frame->sequence;
    held->bucket_sequence = frame->bucket_sequence;
    held->bucket = frame->bucket;
    memcpy(held + 1, packet, length);
    hold(reorder, held);
    return true;
}

/** A fresh packet of a bucket that keeps order. */
static void put_in_order(struct reorder *reorder, const struct frame_packet *frame, const uint8_t *packet,
                         size_t length, uint64_t now) {
    struct bucket *bucket = bucket_of(reorder, frame->bucket);

    if (bucket->lost && !frame_before24(frame->bucket_sequence, bucket->next) &&
        frame_before24(frame->bucket_sequence, bucket->lost_through))
        reorder->statistics.repaired++;
    if (frame->bucket_sequence == bucket->next || !hold_back(reorder, frame, packet, length, now)) {
        if (frame->bucket_sequence == bucket->next)
            bucket->next = frame_next24(bucket->next);
        else
            reorder->statistics.late++;
        pass_on(reorder, packet, length);
    }
    if (bucket->heap) {
        run_on(reorder, bucket, now);
        judge(reorder, bucket, now);
        if (reorder->oldest)
            not_later(reorder, reorder->oldest->at + hold_limit(reorder, now));
    }
}

enum duplicate_result reorder_push(struct reorder *reorder, uint8_t leg, const struct frame_packet *frame,
                                   const uint8_t *packet, size_t length, uint64_t now) {
    int32_t ahead = frame_distance32(reorder->window.highest, frame->sequence);
    uint32_t span = reorder->window.span;
    bool jump = ahead > 0 && (uint32_t)ahead > span;
    enum duplicate_result result =
        duplicate_check(&reorder->window, frame->sequence, jump ? legset_rtt(&reorder->legs) : 0, now);

    if (result == DUPLICATE_JUMP) {
        reorder->statistics.jumps++;
        return result;
    }
    if (jump)
        legset_on_jump(&reorder->legs, frame->sequence);
    legset_on_packet(&reorder->legs, leg, frame->sequence, now);
    if (result == DUPLICATE_SEEN)
        reorder->statistics.duplicates++;
    else if (frame->bucket == FRAME_BUCKET_UNORDERED || !make_bucket(reorder, frame->bucket))
        pass_on(reorder, packet, length);
    else
        put_in_order(reorder, frame, packet, length, now);
    if (reorder->oldest)
        catch_up(reorder, now);
    return result;
}

/** The set of legs changed: what is held may be due sooner than was thought. */
static void on_legs(struct reorder *reorder, uint64_t now) {
    if (!reorder->oldest)
        return;
    sweep(reorder, legset_passed(&reorder->legs), now);
    if (reorder->oldest)
        not_later(reorder, now + LEGSET_TICK);
}

/** A leg leaves for good. What was held for it stays so until copies of what it carried had time to come. */
static void part(struct reorder *reorder, uint64_t now) {
    reorder->kept_limit = hold_limit(reorder, now) + repair_limit(reorder);
    reorder->kept_until = now + reorder->kept_limit;
}

bool reorder_mark(struct reorder *reorder, uint8_t leg, const struct frame_mark *mark, uint64_t now) {
    int32_t next = frame_distance32(reorder->window.highest, mark->next);
    int32_t floor = frame_distance32(reorder->window.highest, mark->floor);
    int32_t ahead = (int32_t)reorder->window.span, behind = -(int32_t)DUPLICATE_WINDOW_MAX;

    if (next > ahead || next < behind || floor > ahead || floor < behind) {
        reorder->statistics.marks_refused++;
        return false;
    }
    if (floor < 0)
        duplicate_reserve(&reorder->window, (uint32_t)-floor);
    if (frame_before32(reorder->floor, mark->floor) || frame_distance32(reorder->floor, mark->floor) < 2 * behind)
        reorder->floor = mark->floor;
    if (mark->flags & FRAME_MARK_GONE)
        part(reorder, now);
    if (legset_on_mark(&reorder->legs, leg, mark, now) < 0)
        reorder->statistics.marks_refused++;
    on_legs(reorder, now);
    return true;
}

size_t reorder_arrived(const struct reorder *reorder, uint32_t first, uint32_t *runs, size_t most) {
    uint32_t left = REORDER_TOLD_MAX, at = first;
    size_t count = 0;

    while (count < most) {
        uint32_t run = duplicate_run(&reorder->window, at, count % 2 == 0, left);

        if (run == 0 && count > 0)
            break;
        runs[count++] = run;
        at += run;
        left -= run;
    }
    /* Of what is missing at the end nothing needs to be said. */
    if (count > 0 && count % 2 == 0)
        count--;
    return count == 1 && runs[0] == 0 ? 0 : count;
}

void reorder_set_leg(struct reorder *reorder, uint8_t leg, uint64_t srtt, uint64_t variation) {
    legset_set_rtt(&reorder->legs, leg, srtt, variation);
}

void reorder_add_leg(struct reorder *reorder, uint8_t leg) {
    legset_add(&reorder->legs, leg);
}

void reorder_remove_leg(struct reorder *reorder, uint8_t leg, uint64_t now) {
    part(reorder, now);
    legset_remove(&reorder->legs, leg);
    on_legs(reorder, now);
}

uint64_t reorder_deadline(const struct reorder *reorder) {
    return reorder->deadline;
}

void reorder_on_timer(struct reorder *reorder, uint64_t now) {
    uint64_t limit;

    legset_tick(&reorder->legs, now);
    limit = hold_limit(reorder, now);
    reorder->deadline = UINT64_MAX;
    reorder->any_waiting = false;
    while (reorder->oldest && now - reorder->oldest->at >= limit)
        give_up(reorder, bucket_of(reorder, reorder->oldest->bucket), now);
    for (unsigned word = 0; word < FRAME_BUCKETS / WORD; word++)
        for (uint64_t left = reorder->gaps[word]; left; left &= left - 1)
            judge(reorder, bucket_of(reorder, word * WORD + (unsigned)__builtin_ctzll(left)), now);
    if (!reorder->oldest)
        return;
    not_later(reorder, reorder->oldest->at + limit);
    if (reorder->deadline < now + LEGSET_TICK)
        reorder->deadline = now + LEGSET_TICK;
}

bool reorder_release_oldest(struct reorder *reorder, uint64_t now) {
    struct bucket *bucket;

    if (!reorder->oldest)
        return false;
    bucket = bucket_of(reorder, reorder->oldest->bucket);
    reorder->statistics.pressed += (uint32_t)frame_distance24(bucket->next, bucket->heap->bucket_sequence);
    give_up(reorder, bucket, now);
    judge(reorder, bucket, now);
    return true;
}

size_t reorder_held_of_class(const struct reorder *reorder, enum buf_class size_class) {
    return reorder->held_of_class[size_class];
}

unsigned reorder_legs(const struct reorder *reorder) {
    return legset_members(&reorder->legs);
}

const struct reorder_statistics *reorder_statistics(const struct reorder *reorder) {
    return &reorder->statistics;
}
