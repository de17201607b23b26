/* SPDX-License-Identifier: GPL-2.0-or-later */
/* linkmodel: one direction of an emulated link as pure arithmetic.
 *
 * How it works: three stages, each handing on at a packet's time. The line holds a packet for its delay, in order: a
 * late one holds up those behind it. The queue stands before the transmitter, which sends one packet at a time at the
 * rate. So departure = max(previous departure, arrival + delay) + size / rate, and jitter never reorders. With reorder
 * the line takes no time; the delay is drawn behind the transmitter, where packets overtake each other. Chance losses,
 * the policer and the limit of packets act at the entrance and cost no time on the wire; the limit of bytes acts at the
 * transmitter. Delay, loss and bursts have generators of their own: changing one does not change what the others do.
 *
 * What it leaves out: ECN marking, cross traffic, link-layer retransmission, corruption, duplication.
 *
 * Invariants: packets leave line and queue in the order they were put; what was put comes out, is dropped or is
 * held: in = out + lost + dropped + policed + blacked + held since the statistics were zeroed on an empty link.
 *
 * Standards: the bursts are Gilbert's and Elliott's (E. O. Gilbert 1960, E. O. Elliott 1963); normal numbers by
 * G. E. P. Box's and M. E. Muller's transform (1958). */
#include "tests/lab/linkmodel.h"

#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "common/clock.h"

#define TOKEN (8 * NS_PER_SEC) /**< tokens are counted in bytes × this, so that ns × bit/s adds up exactly */

enum generator { RANDOM_DELAY, RANDOM_LOSS, RANDOM_BURST };

/** @return a number from 0 to below 1 */
static double chance(struct linkmodel *model, enum generator which) {
    uint64_t *state = &model->random[which];

    /* xorshift64* */
    *state ^= *state >> 12;
    *state ^= *state << 25;
    *state ^= *state >> 27;
    return (double)(*state * 0x2545f4914f6cdd1dull >> 11) / (double)(1ull << 53);
}

/** @return a normally distributed number, mean 0, deviation 1 */
static double normal(struct linkmodel *model) {
    double radius, angle;

    if (model->has_spare) {
        model->has_spare = false;
        return model->spare;
    }
    radius = sqrt(-2 * log(1 - chance(model, RANDOM_DELAY)));
    angle = 2 * M_PI * chance(model, RANDOM_DELAY);
    model->spare = radius * sin(angle);
    model->has_spare = true;
    return radius * cos(angle);
}

static uint64_t draw_delay(struct linkmodel *model) {
    double delay = (double)model->settings.delay;

    if (model->settings.jitter != 0)
        delay += normal(model) * (double)model->settings.jitter;
    return delay > 0 ? (uint64_t)delay : 0;
}

static uint64_t wire_bytes(const struct linkmodel *model, const struct linkmodel_packet *packet) {
    return packet->length + model->settings.overhead;
}

static size_t held(const struct linkmodel *model) {
    return model->line.count + model->queue.count + model->flight_count;
}

/* --- rings and the heap
 * ----------------------------------------------------------------------------------------------- */

static struct linkmodel_packet *ring_head(const struct linkmodel_ring *ring) {
    return &ring->packets[ring->head];
}

static void ring_push(struct linkmodel_ring *ring, const struct linkmodel_packet *packet) {
    ring->packets[(ring->head + ring->count++) % SETTINGS_PACKETS_MAX] = *packet;
}

static struct linkmodel_packet ring_pop(struct linkmodel_ring *ring) {
    struct linkmodel_packet packet = *ring_head(ring);

    ring->head = (ring->head + 1) % SETTINGS_PACKETS_MAX;
    ring->count--;
    return packet;
}

static bool is_before(const struct linkmodel_packet *a, const struct linkmodel_packet *b) {
    return a->time != b->time ? a->time < b->time : a->order < b->order;
}

static void flight_push(struct linkmodel *model, const struct linkmodel_packet *packet) {
    struct linkmodel_packet *heap = model->flight;
    size_t i = model->flight_count++;

    for (; i > 0 && is_before(packet, &heap[(i - 1) / 2]); i = (i - 1) / 2)
        heap[i] = heap[(i - 1) / 2];
    heap[i] = *packet;
}

static struct linkmodel_packet flight_pop(struct linkmodel *model) {
    struct linkmodel_packet *heap = model->flight, first = heap[0], last = heap[--model->flight_count];
    size_t i = 0;

    for (size_t child; (child = 2 * i + 1) < model->flight_count; i = child) {
        if (child + 1 < model->flight_count && is_before(&heap[child + 1], &heap[child]))
            child++;
        if (!is_before(&heap[child], &last))
            break;
        heap[i] = heap[child];
    }
    heap[i] = last;
    return first;
}

/* --- the stages
 * ------------------------------------------------------------------------------------------------------- */

/** The queue's head begins to be sent. */
static void begin_sending(struct linkmodel *model, uint64_t now) {
    const struct linkmodel_packet *head = ring_head(&model->queue);
    uint64_t rate = model->settings.rate_bps;

    model->sent_at = now + (rate != 0 ? wire_bytes(model, head) * 8 * NS_PER_SEC / rate : 0);
}

static void drop(struct linkmodel_out *out, const struct linkmodel_packet *packet, uint64_t *counter) {
    (*counter)++;
    *out = (struct linkmodel_out){.time = packet->time, .handle = packet->handle, .dropped = true};
}

/** The line's first packet reaches the queue. @return whether it was dropped there */
static bool leave_line(struct linkmodel *model, struct linkmodel_out *out) {
    struct linkmodel_packet packet = ring_pop(&model->line);
    uint64_t bytes = wire_bytes(model, &packet);

    if (model->settings.bytes != 0 && model->queue_bytes + bytes > model->settings.bytes && model->queue.count > 0) {
        drop(out, &packet, &model->statistics.dropped);
        return true;
    }
    model->queue_bytes += bytes;
    ring_push(&model->queue, &packet);
    if (model->queue.count == 1)
        begin_sending(model, packet.time);
    return false;
}

/** A packet comes out at its time. */
static void come_out(struct linkmodel *model, const struct linkmodel_packet *packet, struct linkmodel_out *out) {
    struct linkmodel_statistics *s = &model->statistics;
    uint64_t delay = packet->time - packet->arrived, bytes = wire_bytes(model, packet);

    if (model->settings.blackout) {
        drop(out, packet, &s->blacked);
        return;
    }
    if (s->out++ == 0) {
        s->first = packet->time;
        s->first_bytes = bytes;
    }
    s->last = packet->time;
    s->out_bytes += bytes;
    s->delay_sum += (double)delay;
    s->delay_sum2 += (double)delay * (double)delay;
    if (delay > s->delay_max)
        s->delay_max = delay;
    if (packet->order < model->out_order)
        s->reordered++;
    else
        model->out_order = packet->order;
    *out = (struct linkmodel_out){.time = packet->time, .handle = packet->handle};
}

/** The queue's head has been sent. @return whether it came out */
static bool leave_queue(struct linkmodel *model, struct linkmodel_out *out) {
    struct linkmodel_packet packet = ring_pop(&model->queue);
    uint64_t bytes = wire_bytes(model, &packet);

    packet.time = model->sent_at;
    model->queue_bytes -= bytes < model->queue_bytes ? bytes : model->queue_bytes;
    if (model->queue.count > 0)
        begin_sending(model, packet.time);
    if (!model->settings.reorder) {
        come_out(model, &packet, out);
        return true;
    }
    packet.time += draw_delay(model);
    flight_push(model, &packet);
    return false;
}

/* --- the entrance
 * ----------------------------------------------------------------------------------------------------- */

static bool is_policed(struct linkmodel *model, uint64_t bytes, uint64_t now) {
    const struct linkmodel_settings *s = &model->settings;
    uint64_t full = s->police_bytes * TOKEN, rest, gained = now - model->tokens_at;

    if (s->police_bps == 0)
        return false;
    rest = full - (model->tokens < full ? model->tokens : full);
    model->tokens = gained > rest / s->police_bps ? full : model->tokens + gained * s->police_bps;
    model->tokens_at = now;
    if (model->tokens < bytes * TOKEN)
        return true;
    model->tokens -= bytes * TOKEN;
    return false;
}

static bool is_lost(struct linkmodel *model) {
    const struct linkmodel_settings *s = &model->settings;
    double turn = chance(model, RANDOM_BURST);
    bool lost = chance(model, RANDOM_LOSS) < s->loss;

    model->in_burst = model->in_burst ? turn >= s->burst_leave : turn < s->burst_enter;
    return lost || (model->in_burst && chance(model, RANDOM_BURST) < s->burst_loss);
}

bool linkmodel_put(struct linkmodel *model, uint32_t length, uint32_t handle, uint64_t now) {
    struct linkmodel_statistics *s = &model->statistics;
    struct linkmodel_packet packet = {.time = now, .arrived = now, .length = length, .handle = handle};
    uint64_t limit = model->settings.packets != 0 ? model->settings.packets : SETTINGS_PACKETS_MAX, *gone = NULL;

    packet.order = ++model->order;
    s->in++;
    s->in_bytes += wire_bytes(model, &packet);
    if (model->settings.blackout)
        gone = &s->blacked;
    else if (is_policed(model, wire_bytes(model, &packet), now))
        gone = &s->policed;
    else if (held(model) >= limit)
        gone = &s->dropped;
    else if (is_lost(model))
        gone = &s->lost;
    if (gone != NULL) {
        (*gone)++;
        return false;
    }
    if (!model->settings.reorder)
        packet.time += draw_delay(model);
    if (packet.time < model->line_last)
        packet.time = model->line_last;
    model->line_last = packet.time;
    ring_push(&model->line, &packet);
    return true;
}

/* --- the rest
 * --------------------------------------------------------------------------------------------------------- */

int linkmodel_init(struct linkmodel *model, uint64_t seed) {
    memset(model, 0, sizeof *model);
    settings_init(&model->settings);
    for (size_t i = 0; i < sizeof model->random / sizeof *model->random; i++) {
        /* splitmix64, so that neighbouring seeds have nothing in common */
        uint64_t z = (seed * 4 + i + 1) * 0x9e3779b97f4a7c15ull;

        z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9ull;
        z = (z ^ (z >> 27)) * 0x94d049bb133111ebull;
        model->random[i] = (z ^ (z >> 31)) | 1;
    }
    model->line.packets = calloc(SETTINGS_PACKETS_MAX, sizeof *model->line.packets);
    model->queue.packets = calloc(SETTINGS_PACKETS_MAX, sizeof *model->queue.packets);
    model->flight = calloc(SETTINGS_PACKETS_MAX, sizeof *model->flight);
    if (model->line.packets != NULL && model->queue.packets != NULL && model->flight != NULL)
        return 0;
    linkmodel_fini(model);
    return -ENOMEM;
}

void linkmodel_fini(struct linkmodel *model) {
    free(model->line.packets);
    free(model->queue.packets);
    free(model->flight);
    memset(model, 0, sizeof *model);
}

void linkmodel_set(struct linkmodel *model, const struct linkmodel_settings *settings, uint64_t now) {
    uint64_t old = model->settings.overhead;

    if (settings->police_bps != model->settings.police_bps || settings->police_bytes != model->settings.police_bytes) {
        model->tokens = settings->police_bytes * TOKEN;
        model->tokens_at = now;
    }
    model->queue_bytes += model->queue.count * settings->overhead;
    model->queue_bytes -= model->queue.count * old;
    model->settings = *settings;
}

uint64_t linkmodel_next(const struct linkmodel *model) {
    uint64_t next = TIME_NEVER;

    if (model->line.count > 0)
        next = ring_head(&model->line)->time;
    if (model->queue.count > 0 && model->sent_at < next)
        next = model->sent_at;
    if (model->flight_count > 0 && model->flight[0].time < next)
        next = model->flight[0].time;
    return next;
}

bool linkmodel_take(struct linkmodel *model, uint64_t now, struct linkmodel_out *out) {
    for (uint64_t next; (next = linkmodel_next(model)) <= now && next != TIME_NEVER;) {
        if (model->flight_count > 0 && model->flight[0].time == next) {
            struct linkmodel_packet packet = flight_pop(model);

            come_out(model, &packet, out);
            return true;
        }
        if (model->queue.count > 0 && model->sent_at == next) {
            if (leave_queue(model, out))
                return true;
        } else if (leave_line(model, out)) {
            return true;
        }
    }
    return false;
}
