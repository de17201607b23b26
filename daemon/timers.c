/* SPDX-License-Identifier: GPL-2.0-or-later */
/* timers: a binary heap of pointers to embedded timers; each knows its place, so moving one costs O(log n).
 *
 * Invariants: heap[t->place - 1] == t for every timer set; a parent's deadline is never after its children's. */
#include "timers.h"

#include <stdlib.h>

#include "common/log.h"

static void put(struct timers *timers, size_t index, struct timer *timer) {
    timers->heap[index] = timer;
    timer->place = index + 1;
}

/* Let the hole at index rise until `timer` fits there. */
static size_t rise(struct timers *timers, size_t index, uint64_t deadline) {
    while (index > 0) {
        size_t parent = (index - 1) / 2;
        if (timers->heap[parent]->deadline <= deadline)
            break;
        put(timers, index, timers->heap[parent]);
        index = parent;
    }
    return index;
}

static size_t sink(struct timers *timers, size_t index, uint64_t deadline) {
    for (;;) {
        size_t child = 2 * index + 1;
        if (child >= timers->count)
            return index;
        if (child + 1 < timers->count && timers->heap[child + 1]->deadline < timers->heap[child]->deadline)
            child++;
        if (timers->heap[child]->deadline >= deadline)
            return index;
        put(timers, index, timers->heap[child]);
        index = child;
    }
}

static void remove_at(struct timers *timers, size_t index) {
    timers->heap[index]->place = 0;
    struct timer *last = timers->heap[--timers->count];
    if (index == timers->count)
        return;
    size_t at = rise(timers, index, last->deadline);
    put(timers, sink(timers, at, last->deadline), last);
}

static void grow(struct timers *timers) {
    if (timers->count < timers->capacity)
        return;
    size_t capacity = timers->capacity ? 2 * timers->capacity : 64;
    struct timer **heap = realloc(timers->heap, capacity * sizeof *heap);
    if (!heap) {
        log_error("no memory for %zu timers", capacity);
        abort();
    }
    timers->heap = heap;
    timers->capacity = capacity;
}

void timers_fini(struct timers *timers) {
    for (size_t i = 0; i < timers->count; i++)
        timers->heap[i]->place = 0;
    free(timers->heap);
    *timers = (struct timers){0};
}

void timer_set(struct timers *timers, struct timer *timer, uint64_t deadline) {
    if (timer->place) {
        if (timer->deadline == deadline)
            return;
        remove_at(timers, timer->place - 1);
    }
    if (deadline == TIME_NEVER)
        return;
    grow(timers);
    timer->deadline = deadline;
    put(timers, rise(timers, timers->count++, deadline), timer);
}

uint64_t timers_next(const struct timers *timers) {
    return timers->count ? timers->heap[0]->deadline : TIME_NEVER;
}

void timers_run(struct timers *timers, uint64_t now) {
    /* Bounded by what is set now: a timer that sets itself to the past must not hold the turn for ever. */
    for (size_t left = timers->count; left > 0 && timers_next(timers) <= now; left--) {
        struct timer *timer = timers->heap[0];
        remove_at(timers, 0);
        timer->on_due(timer->context, now);
    }
}
