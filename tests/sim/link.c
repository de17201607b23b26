/* SPDX-License-Identifier: GPL-2.0-or-later */
/* link: one direction of a network path in virtual time.
 *
 * How it works: a packet leaves the transmitter when that is idle, takes its time on the wire, then the delay; packets
 * arrive in the order they were sent. With jitter_normal the delay comes first, and random losses take no time on the
 * wire: what waits for a late packet waits before the transmitter, which idles. What it leaves out: reordering, ECN
 * marking, cross traffic. */
#include "tests/sim/link.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "common/clock.h"

#define DEFAULT_QUEUE 1000u

/** Roughly normally distributed around 0, in units of the standard deviation. */
static double normal(struct link *link) {
    double sum = -6;

    for (int i = 0; i < 12; i++)
        sum += link_random(link);
    return sum;
}

/** Time on the wire. */
static uint64_t wire_time(const struct link *link, size_t length) {
    return link->settings.rate_bps != 0 ? length * 8 * NS_PER_SEC / link->settings.rate_bps : 0;
}

/** When a packet arrives over a link whose delay varies before the transmitter; moves free_at. */
static uint64_t arrival_after_jitter(struct link *link, uint64_t *free_at, size_t length, uint64_t now) {
    double delay = (double)link->settings.delay + normal(link) * (double)link->settings.jitter_normal;
    uint64_t ready = now + (delay > 0 ? (uint64_t)delay : 0);

    *free_at = (ready > *free_at ? ready : *free_at) + wire_time(link, length);
    return *free_at;
}

void link_init(struct link *link, const struct link_settings *settings) {
    memset(link, 0, sizeof *link);
    link->settings = *settings;
    link->size = settings->queue_packets != 0 ? settings->queue_packets : DEFAULT_QUEUE;
    link->random = settings->seed * 2 + 1;
    link->packets = calloc(link->size, sizeof *link->packets);
    assert(link->packets != NULL);
}

void link_fini(struct link *link) {
    free(link->packets);
    memset(link, 0, sizeof *link);
}

double link_random(struct link *link) {
    /* xorshift64* */
    link->random ^= link->random >> 12;
    link->random ^= link->random << 25;
    link->random ^= link->random >> 27;
    return (double)(link->random * 0x2545f4914f6cdd1dull >> 11) / (double)(1ull << 53);
}

/** When a packet arrives over a link whose delay varies after the transmitter; moves free_at. */
static uint64_t arrival_before_jitter(struct link *link, uint64_t *free_at, size_t length, uint64_t now) {
    const struct link_settings *s = &link->settings;
    uint64_t start = now > *free_at ? now : *free_at;

    *free_at = s->rate_bps != 0 ? start + wire_time(link, length) : start;
    link->waited += start - now;
    if (start - now > link->waited_max)
        link->waited_max = start - now;
    if (s->loss > 0 && link_random(link) < s->loss)
        return TIME_NEVER;
    return *free_at + s->delay + (s->jitter != 0 ? (uint64_t)(link_random(link) * (double)s->jitter) : 0);
}

/** @return when a packet arrives; TIME_NEVER: lost by chance */
static uint64_t arrival(struct link *link, size_t length, uint64_t now) {
    uint64_t *free_at = link->settings.shared != NULL ? &link->settings.shared->free_at : &link->free_at;

    if (link->settings.jitter_normal == 0 && link->settings.shared == NULL)
        return arrival_before_jitter(link, free_at, length, now);
    if (link->settings.loss > 0 && link_random(link) < link->settings.loss)
        return TIME_NEVER;
    return arrival_after_jitter(link, free_at, length, now);
}

static bool is_full(const struct link *link) {
    const struct link_shared *shared = link->settings.shared;

    return link->count >= link->size || (shared != NULL && shared->count >= shared->limit);
}

void link_send(struct link *link, const struct conn_path *path, uint8_t ecn, const uint8_t *data, size_t length,
               uint64_t now) {
    struct link_packet *packet;
    uint64_t at;

    assert(length <= LINK_PACKET_MAX);
    link->sent++;
    if (link->settings.payload_max != 0 && length > link->settings.payload_max) {
        link->too_big++;
        return;
    }
    if (is_full(link)) {
        link->dropped++;
        return;
    }
    at = arrival(link, length, now);
    if (at == TIME_NEVER) {
        link->lost++;
        return;
    }
    if (link->count > 0) {
        uint64_t before = link->packets[(link->head + link->count - 1) % link->size].at;

        if (at < before)
            at = before;
    }
    if (link->settings.shared != NULL)
        link->settings.shared->count++;
    packet = &link->packets[(link->head + link->count++) % link->size];
    packet->at = at;
    packet->sent = now;
    packet->path = *path;
    packet->ecn = ecn;
    packet->length = length;
    memcpy(packet->data, data, length);
}

uint64_t link_next(const struct link *link) {
    return link->count > 0 ? link->packets[link->head].at : TIME_NEVER;
}

struct link_packet *link_receive(struct link *link, uint64_t now) {
    struct link_packet *packet = &link->packets[link->head];

    if (link->count == 0 || packet->at > now)
        return NULL;
    link->head = (link->head + 1) % link->size;
    link->count--;
    if (link->settings.shared != NULL)
        link->settings.shared->count--;
    return packet;
}
