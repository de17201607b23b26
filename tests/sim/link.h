/* SPDX-License-Identifier: GPL-2.0-or-later */
/* link: one direction of a network path in virtual time: a rate, a queue, a delay with jitter, random loss, a largest
 * payload. Or a way into a bottleneck (bottleneck.h), which several links may share. Seeded: the same calls give the
 * same result. */
#ifndef MPVPN_SIM_LINK_H
#define MPVPN_SIM_LINK_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "quic/conn.h"

#define LINK_PACKET_MAX 1500u /**< bytes: longest payload a link takes at all */

struct bottleneck;

/** What a link does to packets. May be changed between calls. */
struct link_settings {
    uint64_t rate_bps;    /**< bits of UDP payload a second; 0: no limit */
    uint64_t delay;       /**< ns, one way */
    uint64_t jitter;      /**< ns: delay varies evenly between delay and delay + jitter; order is kept */
    double loss;          /**< probability 0–1 that a packet is lost */
    size_t queue_packets; /**< packets that may wait or travel; more are dropped; 0: 1000 */
    size_t payload_max;   /**< bytes: larger packets vanish; 0: no limit */
    struct bottleneck
        *bottleneck; /**< takes the place of all that is above but payload_max, and of the seed; NULL: none
                      */
    uint64_t seed;   /**< of jitter and loss */
};

/** A packet that arrives. */
struct link_packet {
    uint64_t at;                   /**< ns: when */
    struct conn_path path;         /**< as the receiver sees it */
    uint8_t ecn;                   /**< ECN bits */
    uint64_t sent;                 /**< ns: when it was sent */
    size_t length;                 /**< bytes */
    uint8_t data[LINK_PACKET_MAX]; /**< contents */
};

/** One direction of a path. settings may be changed, the rest is link.c's. */
struct link {
    struct link_settings settings; /**< as made, or changed since */
    struct link_packet *packets;   /**< ring of those on the way */
    size_t size, head, count;      /**< of the ring */
    uint64_t free_at;              /**< ns: when the transmitter is idle again */
    uint64_t random;               /**< state of the generator */
    uint64_t sent, lost, dropped,
        too_big;                 /**< packets: taken, lost by chance, dropped by the queue, larger than payload_max */
    uint64_t waited, waited_max; /**< ns: spent in queues by all packets together, and most by one */
};

void link_init(struct link *link, const struct link_settings *settings);
void link_fini(struct link *link);
/** A packet goes in. @param path as its receiver will see it */
void link_send(struct link *link, const struct conn_path *path, uint8_t ecn, const uint8_t *data, size_t length,
               uint64_t now);
/** A packet comes out of the link's bottleneck, which calls this; it is dropped when the ring is full. */
void link_arrive(struct link *link, const struct link_packet *packet);
/** @return when the next packet arrives, ns, of those that are through the bottleneck if there is one; TIME_NEVER: none
 */
uint64_t link_next(const struct link *link);
/** Take the next packet that has arrived by now. @return it, valid until the next call; NULL: none */
struct link_packet *link_receive(struct link *link, uint64_t now);
/** @return a number from 0 to below 1 */
double link_random(struct link *link);

#endif
