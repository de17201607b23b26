/* SPDX-License-Identifier: GPL-2.0-or-later */
/* link: one direction of a network path in virtual time.
 *
 * How it works: a packet leaves the transmitter when that is idle, takes its time on the wire, then the delay; packets
 * arrive in the order they were sent. What it leaves out: all that a bottleneck can do. */
#include "tests/sim/link.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "common/clock.h"
#include "tests/sim/bottleneck.h"

#define DEFAULT_QUEUE 1000u

/** Time on the wire. */
static uint64_t wire_time(const struct link *link, size_t length) {
    return link->settings.rate_bps != 0 ? length * 8 * NS_PER_SEC / link->settings.rate_bps : 0;
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

/** @return when a packet arrives; TIME_NEVER: lost by chance */
static uint64_t arrival(struct link *link, size_t length, uint64_t now) {
    const struct link_settings *s = &link->settings;
    uint64_t start = now > link->free_at ? now : link->free_at;

    link->free_at = s->rate_bps != 0 ? start + wire_time(link, length) : start;
    link->waited += start - now;
    if (start - now > link->waited_max)
        link->waited_max = start - now;
    if (s->loss > 0 && link_random(link) < s->loss)
        return TIME_NEVER;
    return link->free_at + s->delay + (s->jitter != 0 ? (uint64_t)(link_random(link) * (double)s->jitter) : 0);
}

void link_arrive(struct link *link, const struct link_packet *packet) {
    if (link->count >= link->size) {
        link->dropped++;
        return;
    }
    link->packets[(link->head + link->count++) % link->size] = *packet;
}

void link_send(struct link *link, const struct conn_path *path, uint8_t ecn, const uint8_t *data, size_t length,
               uint64_t now) {
    struct link_packet packet;

    assert(length <= LINK_PACKET_MAX);
    link->sent++;
    if (link->settings.payload_max != 0 && length > link->settings.payload_max) {
        link->too_big++;
        return;
    }
    packet.sent = now;
    packet.path = *path;
    packet.ecn = ecn;
    packet.length = length;
    memcpy(packet.data, data, length);
    if (link->settings.bottleneck != NULL) {
        bottleneck_put(link->settings.bottleneck, link, &packet, now);
        return;
    }
    if (link->count >= link->size) {
        link->dropped++;
        return;
    }
    packet.at = arrival(link, length, now);
    if (packet.at == TIME_NEVER) {
        link->lost++;
        return;
    }
    if (link->count > 0) {
        uint64_t before = link->packets[(link->head + link->count - 1) % link->size].at;

        if (packet.at < before)
            packet.at = before;
    }
    link_arrive(link, &packet);
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
    return packet;
}
