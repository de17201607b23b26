/* SPDX-License-Identifier: GPL-2.0-or-later */
/* bond/reorder in whole conversations: a sender that repairs, or not, over two to four legs with delay, jitter and
 * loss, in virtual time and from seeds.
 *
 *   sender --- leg 0: FIFO, delay, jitter, loss ---> reorder ---> once each, in order but for what was given up?
 *          --- leg 1 …                         --->
 *          <--- acknowledgements, after the delay of the leg, never lost
 */
#include "bond/reorder.h"

#include <check.h>
#include <stdlib.h>
#include <string.h>

#include "common/clock.h"
#include "tests/unit/draw.h"
#include "tests/unit/suite.h"

#define PACKETS 20000u            /**< sent in a conversation */
#define FLIGHTS 4096u             /**< under way on a leg at once */
#define STEP (200 * NS_PER_US)    /**< of virtual time */
#define LEGS 4u                   /**< at most */
#define BUCKETS 6u                /**< in use, 0 among them */
#define FIRST (UINT32_MAX - 9000) /**< first sequence: it wraps in the middle */

/** A datagram under way. */
struct flight {
    uint64_t at;            /**< ns, arrival */
    bool is_mark;           /**< mark or packet */
    struct frame_mark mark; /**< if so */
    uint32_t index;         /**< else: which packet */
};

/** A link. */
struct link {
    uint64_t delay, jitter;         /**< ns, one way */
    uint32_t loss;                  /**< per 10,000 */
    uint64_t last;                  /**< ns, arrival of the latest flight */
    uint32_t first, next;           /**< flights under way: [first, next) of the ring */
    struct flight flights[FLIGHTS]; /**< ring */
};

/** What the sender knows of a packet. */
struct sent {
    struct frame_packet frame; /**< its numbers */
    uint64_t at;               /**< ns, sent first */
    uint64_t due;              /**< ns: not acknowledged by then, it is lost */
    uint64_t acked;            /**< ns: the acknowledgement arrives; 0: none is under way */
    uint8_t tries;             /**< resends */
    bool done;                 /**< acknowledged or given up */
};

static struct link links[LEGS];
static unsigned leg_count;
static struct sent sent[PACKETS];
static uint32_t sent_count, floor_index;
static bool repairs;
static uint8_t delivered[PACKETS];
static uint32_t highest[BUCKETS]; /**< 1 + bucket sequence furthest on that was delivered */
static uint64_t out_of_order, now, seed;
static struct reorder *reorder;
static struct buf_pool *pool;

static uint32_t pick(uint32_t below) {
    return draw_from(&seed) % below;
}

static void deliver(void *context, const uint8_t *packet, size_t length) {
    uint32_t index;

    (void)context;
    suite_assert(length >= sizeof index);
    memcpy(&index, packet, sizeof index);
    suite_assert(index < sent_count);
    suite_assert(delivered[index] == 0);
    delivered[index] = 1;
    struct frame_packet *frame = &sent[index].frame;
    if (frame->bucket == 0)
        return;
    if (frame->bucket_sequence + 1 <= highest[frame->bucket])
        out_of_order++;
    else
        highest[frame->bucket] = frame->bucket_sequence + 1;
}

static void launch(unsigned leg, const struct flight *flight) {
    struct link *link = &links[leg];
    uint64_t at = now + link->delay + (link->jitter ? pick((uint32_t)link->jitter) : 0);

    suite_assert(link->next - link->first < FLIGHTS);
    if (pick(10000) < link->loss)
        return;
    link->last = at > link->last ? at : link->last;
    link->flights[link->next++ % FLIGHTS] = *flight;
    link->flights[(link->next - 1) % FLIGHTS].at = link->last;
}

static uint64_t rtt_of(unsigned leg) {
    return 2 * links[leg].delay + links[leg].jitter;
}

static unsigned fastest(void) {
    unsigned best = 0;

    for (unsigned i = 1; i < leg_count; i++)
        if (rtt_of(i) < rtt_of(best))
            best = i;
    return best;
}

static void send_packet(unsigned leg, uint32_t index) {
    sent[index].due = now + rtt_of(leg) / 8 * 9 + 2 * NS_PER_MS;
    launch(leg, &(struct flight){.index = index});
}

static void send_new(unsigned leg) {
    static uint32_t bucket_next[BUCKETS];
    struct sent *packet = &sent[sent_count];
    uint8_t bucket = (uint8_t)pick(BUCKETS);

    if (sent_count == 0)
        memset(bucket_next, 0, sizeof bucket_next);
    *packet = (struct sent){.at = now};
    packet->frame = (struct frame_packet){
        .sequence = FIRST + sent_count, .bucket = bucket, .bucket_sequence = bucket_next[bucket]++};
    send_packet(leg, sent_count++);
}

static uint64_t repair_limit(void) {
    uint64_t largest = 0;

    for (unsigned i = 0; i < leg_count; i++)
        largest = rtt_of(i) > largest ? rtt_of(i) : largest;
    return largest / 2 * 5 + 10 * NS_PER_MS;
}

/** Acknowledgements, losses, floor. */
static void look_after_sent(void) {
    for (uint32_t i = floor_index; i < sent_count; i++) {
        struct sent *packet = &sent[i];

        if (packet->acked && packet->acked <= now)
            packet->done = true;
        if (packet->done || now < packet->due)
            continue;
        if (repairs && packet->tries < 3 && now - packet->at < repair_limit()) {
            packet->tries++;
            send_packet(fastest(), i);
        } else {
            packet->done = true;
        }
    }
    while (floor_index < sent_count && sent[floor_index].done)
        floor_index++;
}

static void send_marks(void) {
    struct flight flight = {.is_mark = true};

    flight.mark.leg = (uint8_t)pick(leg_count);
    flight.mark.next = FIRST + sent_count;
    flight.mark.floor = repairs ? FIRST + floor_index : FIRST + sent_count;
    launch(fastest(), &flight);
}

static void arrive(unsigned leg) {
    struct link *link = &links[leg];
    uint8_t packet[64] = {0};

    while (link->first != link->next && link->flights[link->first % FLIGHTS].at <= now) {
        struct flight *flight = &link->flights[link->first++ % FLIGHTS];
        if (flight->is_mark) {
            reorder_mark(reorder, (uint8_t)leg, &flight->mark, now);
            continue;
        }
        memcpy(packet, &flight->index, sizeof flight->index);
        reorder_push(reorder, (uint8_t)leg, &sent[flight->index].frame, packet, 20 + flight->index % 44, now);
        sent[flight->index].acked = now + link->delay;
    }
}

static void start(void) {
    static const struct buf_pool_settings sizes = {.count = {8192, 8, 0, 0}};
    struct reorder_settings settings = {.deliver = deliver, .first_sequence = FIRST};

    settings.pool = pool = buf_pool_new(&sizes);
    reorder = reorder_new(&settings);
    ck_assert(pool && reorder);
    sent_count = floor_index = 0;
    memset(delivered, 0, sizeof delivered);
    memset(highest, 0, sizeof highest);
    out_of_order = 0;
    now = NS_PER_SEC;
    for (unsigned i = 0; i < leg_count; i++) {
        links[i].last = links[i].first = links[i].next = 0;
        reorder_set_leg(reorder, (uint8_t)i, rtt_of(i), 0);
        reorder_mark(reorder, 0, &(struct frame_mark){.leg = (uint8_t)i, .next = FIRST, .floor = FIRST}, now);
    }
}

/** Send PACKETS, two thirds of them in bursts on leg 0, and wait until all is over. */
static void converse(void) {
    unsigned favourite = 0;

    start();
    for (uint64_t step = 0; sent_count < PACKETS || floor_index < PACKETS; step++) {
        now += STEP;
        if (pick(50) == 0)
            favourite = pick(leg_count);
        for (unsigned burst = pick(4); burst > 0 && sent_count < PACKETS; burst--)
            send_new(pick(3) ? favourite : pick(leg_count));
        for (unsigned leg = 0; leg < leg_count; leg++)
            arrive(leg);
        look_after_sent();
        if (step % 5 == 0)
            send_marks();
        if (now >= reorder_deadline(reorder))
            reorder_on_timer(reorder, now);
    }
    for (uint64_t end = now + 2 * NS_PER_SEC; now < end; now += STEP) {
        for (unsigned leg = 0; leg < leg_count; leg++)
            arrive(leg);
        if (now >= reorder_deadline(reorder))
            reorder_on_timer(reorder, now);
    }
}

/** What must hold after any conversation. */
static void check_end(uint64_t hold_max) {
    const struct reorder_statistics *statistics = reorder_statistics(reorder);
    uint64_t count = 0;

    for (uint32_t i = 0; i < PACKETS; i++)
        count += delivered[i];
    ck_assert_uint_eq(count, statistics->delivered);
    ck_assert_uint_eq(statistics->held_packets, 0);
    ck_assert_uint_eq(out_of_order, statistics->late);
    ck_assert_uint_le(statistics->late, statistics->given_up);
    ck_assert_uint_le(statistics->longest_hold, hold_max);
    ck_assert_uint_eq(statistics->marks_refused + statistics->jumps + statistics->pressed, 0);
    reorder_free(reorder);
    ck_assert_uint_eq(buf_pool_used(pool, BUF_256), 0);
    buf_pool_free(pool);
}

static void random_links(uint32_t delay_max_ms, uint32_t jitter_max_ms, uint32_t loss_max) {
    leg_count = 2 + pick(LEGS - 1);
    for (unsigned i = 0; i < leg_count; i++) {
        links[i].delay = (1 + pick(delay_max_ms)) * NS_PER_MS;
        links[i].jitter = jitter_max_ms ? pick(jitter_max_ms * 1000) * NS_PER_US : 0;
        links[i].loss = loss_max ? pick(loss_max) : 0;
    }
}

START_TEST(over_lossy_jittery_legs_order_yields_only_to_what_was_given_up) {
    repairs = true;
    for (uint64_t run = 1; run <= suite_seeds(12); run++) {
        seed = run * 0x9e3779b97f4a7c15ull;
        random_links(60, 20, 1000);
        converse();
        check_end(REORDER_HOLD_MAX);
    }
}
END_TEST

START_TEST(one_percent_loss_is_repaired_almost_wholly) {
    uint64_t lost = 0, missing = 0, late = 0;

    repairs = true;
    for (uint64_t run = 1; run <= suite_seeds(8); run++) {
        seed = run * 0x9e3779b97f4a7c15ull;
        random_links(40, 5, 0);
        for (unsigned i = 0; i < leg_count; i++)
            links[i].loss = 100;
        converse();
        lost += reorder_statistics(reorder)->lost_once;
        late += reorder_statistics(reorder)->late;
        for (uint32_t i = 0; i < PACKETS; i++)
            missing += !delivered[i];
        check_end(repair_limit() + 200 * NS_PER_MS);
    }
    ck_assert_uint_gt(lost, 500 * suite_seeds(8) / 8);
    ck_assert_uint_le(missing, 2);
    ck_assert_uint_le(late, 2);
}
END_TEST

START_TEST(without_loss_legs_of_any_delay_keep_order_for_a_sender_that_does_not_repair) {
    repairs = false;
    for (uint64_t run = 1; run <= suite_seeds(8); run++) {
        seed = run * 0x9e3779b97f4a7c15ull;
        random_links(80, 0, 0);
        converse();
        ck_assert_uint_eq(out_of_order + reorder_statistics(reorder)->lost_once, 0);
        check_end(500 * NS_PER_MS);
    }
}
END_TEST

START_TEST(a_sender_that_does_not_repair_is_not_waited_for_longer_than_the_legs_lag) {
    repairs = false;
    for (uint64_t run = 1; run <= suite_seeds(8); run++) {
        seed = run * 0x9e3779b97f4a7c15ull;
        random_links(60, 10, 300);
        converse();
        check_end(300 * NS_PER_MS);
    }
}
END_TEST

int main(void) {
    Suite *suite = suite_create("reorder_sim");
    TCase *tc = tcase_create("reorder_sim");

    tcase_set_timeout(tc, 60);
    tcase_add_test(tc, over_lossy_jittery_legs_order_yields_only_to_what_was_given_up);
    tcase_add_test(tc, one_percent_loss_is_repaired_almost_wholly);
    tcase_add_test(tc, without_loss_legs_of_any_delay_keep_order_for_a_sender_that_does_not_repair);
    tcase_add_test(tc, a_sender_that_does_not_repair_is_not_waited_for_longer_than_the_legs_lag);
    suite_add_tcase(suite, tc);
    return suite_run(suite);
}
