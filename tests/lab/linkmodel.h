/* SPDX-License-Identifier: GPL-2.0-or-later */
/* linkmodel: one direction of an emulated link as pure arithmetic: packets' lengths and times in, times out. No clock,
 * no system call. Seeded: the same calls give the same result. */
#ifndef MPVPN_LAB_LINKMODEL_H
#define MPVPN_LAB_LINKMODEL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "tests/lab/settings.h"

/** A packet on its way. */
struct linkmodel_packet {
    uint64_t time;    /**< ns: when it reaches the next stage */
    uint64_t arrived; /**< ns: when it was put */
    uint64_t order;   /**< of packets with the same time */
    uint32_t length;  /**< bytes, of IP */
    uint32_t handle;  /**< the caller's */
};

/** What became of packets since the statistics were reset. */
struct linkmodel_statistics {
    uint64_t in, in_bytes;        /**< put: packets, bytes on the wire */
    uint64_t out, out_bytes;      /**< came out: packets, bytes on the wire */
    uint64_t lost;                /**< packets: by chance, bursts included */
    uint64_t dropped;             /**< packets: no room */
    uint64_t policed;             /**< packets: by the policer */
    uint64_t blacked;             /**< packets: by the blackout */
    uint64_t reordered;           /**< packets that came out after one that was put later */
    uint64_t delay_max;           /**< ns: longest way through */
    double delay_sum, delay_sum2; /**< ns, ns²: of the way through */
    uint64_t first, last;         /**< ns: when the first and the last packet came out */
    uint64_t first_bytes;         /**< bytes on the wire of the first */
};

/** A ring of packets. */
struct linkmodel_ring {
    struct linkmodel_packet *packets; /**< SETTINGS_PACKETS_MAX of them */
    size_t head, count;               /**< first, and how many */
};

/** A link. statistics may be read and zeroed, the rest is linkmodel.c's. */
struct linkmodel {
    struct linkmodel_settings settings;     /**< as set last */
    struct linkmodel_statistics statistics; /**< what became of packets */
    struct linkmodel_ring line;             /**< on the delay line before the transmitter */
    struct linkmodel_ring queue;            /**< at the transmitter; its head is being sent */
    struct linkmodel_packet *flight;        /**< heap by time: on their way behind the transmitter */
    size_t flight_count;                    /**< packets there */
    uint64_t line_last;                     /**< ns: the last packet put on the line leaves it then */
    uint64_t queue_bytes;                   /**< on the wire, of the packets in the queue */
    uint64_t sent_at;                       /**< ns: the queue's head has left then */
    uint64_t tokens, tokens_at;             /**< the policer's bytes × 8e9, and when they were counted, ns */
    uint64_t order, out_order;              /**< of the last packet put, of the latest that came out */
    uint64_t random[3];                     /**< generators: delay, loss, bursts */
    double spare;                           /**< a normally distributed number in hand */
    bool has_spare, in_burst;               /**< there is one; Gilbert-Elliott's bad state */
};

/** What linkmodel_take found. */
struct linkmodel_out {
    uint64_t time;   /**< ns: when it came out, or was dropped */
    uint32_t handle; /**< the caller's */
    bool dropped;    /**< it found no room at the transmitter, or a blackout at the end */
};

/** @return 0 or -ENOMEM */
int linkmodel_init(struct linkmodel *model, uint64_t seed);
/** Safe on a zeroed model. */
void linkmodel_fini(struct linkmodel *model);
/** Change the settings. What is being sent keeps its time, everything after it obeys the new ones; delays already drawn
 * stay.
 * @param now ns */
void linkmodel_set(struct linkmodel *model, const struct linkmodel_settings *settings, uint64_t now);
/**
 * A packet goes in. First take everything that is due.
 * @param length bytes of IP @param handle given back by linkmodel_take @param now ns, never less than before
 * @return true: it is on its way; false: it is gone and counted
 */
bool linkmodel_put(struct linkmodel *model, uint32_t length, uint32_t handle, uint64_t now);
/** @return when linkmodel_take may have something, ns; TIME_NEVER: the link is empty */
uint64_t linkmodel_next(const struct linkmodel *model);
/** Take the next packet that has come out, or was dropped on the way, by now. @return whether there was one */
bool linkmodel_take(struct linkmodel *model, uint64_t now, struct linkmodel_out *out);

#endif
