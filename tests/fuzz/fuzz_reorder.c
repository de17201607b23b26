/* SPDX-License-Identifier: GPL-2.0-or-later */
/* fuzz_reorder: what a hostile peer may send: packets with any numbers on any leg, marks, and time passing, as the
 * bytes say. Whatever comes: each packet goes on at most once, and untouched; what is fresh is delivered or held, and
 * at the end delivered; held bytes keep to their bounds; nothing is held beyond the limit when the timer is heeded;
 * the pool gets every buffer back. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "bond/control.h"
#include "bond/reorder.h"

#define MAX_EVENTS 4000u
#define HELD_MAX 40000u

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check(int condition) {
    if (!condition)
        abort();
}

/** The bytes, taken from the front; zero when there are no more. */
struct input {
    const uint8_t *data; /**< next */
    size_t size;         /**< left */
};

static uint32_t take(struct input *input, unsigned bytes) {
    uint32_t value = 0;

    while (bytes-- > 0 && input->size > 0) {
        value = value << 8 | *input->data++;
        input->size--;
    }
    return value;
}

/** What was pushed and what came out. */
struct run {
    struct reorder *reorder;          /**< under test */
    uint64_t now;                     /**< virtual time */
    uint32_t sequence;                /**< of the session, where the sender is about */
    uint32_t count;                   /**< packets pushed */
    uint32_t fresh;                   /**< of them, fresh */
    uint32_t delivered;               /**< packets that came out */
    uint8_t delivered_of[MAX_EVENTS]; /**< by number of the push: times */
};

static void deliver(void *context, const uint8_t *packet, size_t length) {
    struct run *run = context;
    uint32_t number;

    check(length >= sizeof number);
    memcpy(&number, packet, sizeof number);
    check(number < run->count && run->delivered_of[number]++ == 0);
    for (size_t i = sizeof number; i < length; i++)
        check(packet[i] == (uint8_t)(number + length));
    run->delivered++;
}

static void push(struct run *run, struct input *input, uint8_t op) {
    static uint8_t packet[3000];
    struct frame_packet frame;
    size_t length = sizeof run->count + take(input, 1) * (op & 0x40 ? 11u : 1u);
    uint32_t number = run->count++;

    frame.bucket = (uint8_t)take(input, 1) & (op & 0x20 ? 0xff : 0x03);
    frame.bucket_sequence = (op & 0x10 ? take(input, 3) : 0xfffff8 + take(input, 1)) & FRAME_SEQUENCE24;
    frame.sequence = op & 0x08 ? take(input, 4) : run->sequence + take(input, 1) - 20;
    if (frame_before32(run->sequence, frame.sequence))
        run->sequence = frame.sequence;
    memset(packet, (uint8_t)(number + length), length);
    memcpy(packet, &number, sizeof number);
    if (reorder_push(run->reorder, (uint8_t)take(input, 1) & (op & 0x04 ? 0xff : 0x03), &frame, packet, length,
                     run->now) == DUPLICATE_FRESH)
        run->fresh++;
}

/** What has come, by turns with what is missing: runs of none but the first, and no more than may be. */
static void tell(const struct run *run, uint32_t first) {
    uint32_t runs[CONTROL_RUNS_MAX], told = 0;
    size_t count = reorder_arrived(run->reorder, first, runs, CONTROL_RUNS_MAX);

    for (size_t i = 0; i < count; told += runs[i++])
        if (runs[i] == 0 && i > 0)
            abort();
    if (told > REORDER_TOLD_MAX || (count > 0 && count % 2 == 0))
        abort();
}

static void mark(struct run *run, struct input *input, uint8_t op) {
    struct frame_mark mark = {.leg = (uint8_t)(take(input, 1) & (op & 0x04 ? 0x7f : 0x03)), .flags = op >> 6};

    mark.next = op & 0x08 ? take(input, 4) : run->sequence + take(input, 1) - 20;
    mark.floor = op & 0x10 ? take(input, 4) : run->sequence + take(input, 1) - 100;
    if (reorder_mark(run->reorder, op & 0x20 ? mark.leg : 0, &mark, run->now))
        tell(run, mark.floor);
}

/** Let time pass, with or without heeding the timer. */
static void wait(struct run *run, uint64_t ns) {
    uint64_t end = run->now + ns;

    while (reorder_deadline(run->reorder) <= end) {
        if (run->now < reorder_deadline(run->reorder))
            run->now = reorder_deadline(run->reorder);
        reorder_on_timer(run->reorder, run->now);
        check(reorder_deadline(run->reorder) > run->now);
    }
    run->now = end;
}

static void event(struct run *run, struct input *input) {
    uint8_t op = (uint8_t)take(input, 1);
    const struct reorder_statistics *statistics = reorder_statistics(run->reorder);

    switch (op & 3) {
    case 0:
    case 1:
        push(run, input, op);
        break;
    case 2:
        mark(run, input, op);
        break;
    default:
        if (op & 0x80)
            wait(run, (uint64_t)take(input, 2) * 20000);
        else if (op & 0x40)
            reorder_set_leg(run->reorder, op >> 2 & 0x0f, (uint64_t)take(input, 2) * 10000, 0);
        else if (op & 0x20)
            reorder_remove_leg(run->reorder, op >> 2 & 7, run->now);
        else if (op & 0x10)
            check(reorder_release_oldest(run->reorder, run->now) || statistics->held_packets == 0);
        else
            reorder_on_timer(run->reorder, run->now);
    }
    check(statistics->held_bytes <= HELD_MAX && statistics->delivered == run->delivered);
    check(run->fresh == run->delivered + statistics->held_packets);
    check((reorder_deadline(run->reorder) == UINT64_MAX) == (statistics->held_packets == 0));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    static const struct buf_pool_settings sizes = {.count = {64, 64, 8, 0}};
    struct input input = {.data = data, .size = size};
    struct run run = {.now = 1000000000};
    struct reorder_settings settings = {.deliver = deliver, .context = &run, .held_max = HELD_MAX};
    const struct reorder_statistics *statistics;

    settings.pool = buf_pool_new(&sizes);
    settings.first_sequence = run.sequence = 0u - take(&input, 1);
    settings.first_bucket_sequence = 0xfffff8;
    run.reorder = reorder_new(&settings);
    check(settings.pool && run.reorder);
    statistics = reorder_statistics(run.reorder);
    for (unsigned i = 0; i < MAX_EVENTS && input.size > 0; i++)
        event(&run, &input);
    if (size % 2) {
        wait(&run, 2 * REORDER_HOLD_MAX);
        check(statistics->held_packets == 0 && statistics->held_bytes == 0 && run.fresh == run.delivered);
        check(statistics->longest_hold <= REORDER_HOLD_MAX);
    }
    reorder_free(run.reorder);
    for (int i = 0; i < BUF_CLASSES; i++)
        check(buf_pool_used(settings.pool, (enum buf_class)i) == 0);
    buf_pool_free(settings.pool);
    return 0;
}
