/* SPDX-License-Identifier: GPL-2.0-or-later */
/* knee: a congestion controller for radio links, as pure code: acknowledgements, losses and a time in; window and pace
 * out. Nothing of QUIC shows, nothing is allocated; the state is embedded by value and written by knee.c alone. Theory
 * of operation in knee.c. */
#ifndef MPVPN_QUIC_KNEE_H
#define MPVPN_QUIC_KNEE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define KNEE_ROUNDS 16u /**< rounds remembered, a power of two */

/** What became of the packets sent in one round. */
struct knee_round {
    uint64_t start;   /**< ns: packets sent from here on belong to it */
    double window;    /**< bytes: window in force */
    double acked;     /**< bytes acknowledged */
    double lost;      /**< bytes declared lost */
    double rtt_sum;   /**< ns: round-trip times, all packets together */
    double packets;   /**< of how many */
    double deviation; /**< ns: sum of their distances from the mean of the round before */
    double flight;    /**< bytes: most that were on the way */
    bool low;         /**< the window was lowered to see what that does */
    bool settled;     /**< the window had been the same for a round before */
};

/** State of a controller. */
struct knee {
    double window;         /**< bytes: the high window, the one in force but for low rounds */
    double packet;         /**< bytes of a full packet */
    double depth;          /**< how much lower a low round's window is, as a share */
    double queue_target;   /**< ns: queue of its own it wants */
    double base;           /**< ns: least mean round-trip time of a round lately … */
    double base_next;      /**< ns: … and of those since base_since */
    uint64_t base_since;   /**< ns */
    double noise;          /**< ns: how much the mean of a round varies by itself */
    double jitter;         /**< ns: how far round-trip times of a round are from its mean */
    double fast_rtt;       /**< ns: mean of the last packets */
    double floor;          /**< share of packets that are lost whatever the window */
    double previous_low;   /**< ns: mean of the last low round; 0: none */
    double rtt;            /**< ns: mean of the last complete round; 0: none */
    double sum_xy, sum_xx; /**< fading sums of the effect of low rounds: response × step, step² */
    double target;         /**< ns: queue_target before squeeze */
    double move;           /**< last change of ln(window) */
    double loss_high, sent_high, loss_low, sent_low; /**< bytes, fading sums of high and low rounds */
    double squeeze;     /**< 0–1: the wanted queue and depth shrink to this where queues are shallow */
    double rate;        /**< bytes per ns, largest of a round in start-up */
    unsigned flat;      /**< rounds of start-up without growth of the rate */
    unsigned crowded;   /**< decisions in a row that found a queue that is not ours */
    bool starting;      /**< in start-up */
    uint64_t round;     /**< number of the round now */
    uint64_t low_at;    /**< number of the last low round */
    uint64_t decide_at; /**< number of the round at whose start the next decision is due */
    uint64_t random;    /**< state of the generator */
    uint64_t marked_at; /**< ns: last reaction to a congestion mark */
    struct knee_round rounds[KNEE_ROUNDS]; /**< the last, by number */
};

/** Begin. @param packet_bytes a full packet @param seed makes probing differ between controllers */
void knee_init(struct knee *knee, size_t packet_bytes, uint64_t seed, uint64_t now);
/** Begin anew on another path. */
void knee_reset(struct knee *knee, uint64_t now);
/** A full packet is that long now. */
void knee_set_packet(struct knee *knee, size_t packet_bytes);
/** A packet was acknowledged. @param in_flight bytes on the way when it was sent, itself included */
void knee_on_acked(struct knee *knee, size_t bytes, uint64_t sent_at, uint64_t in_flight, uint64_t now);
/** A packet was declared lost. */
void knee_on_lost(struct knee *knee, size_t bytes, uint64_t sent_at, uint64_t now);
/** The path marked packets with ECN CE; @param sent_at of the newest acknowledged */
void knee_on_marked(struct knee *knee, uint64_t sent_at, uint64_t now);
/** All of an acknowledgement was told. @param newest_sent_at when the newest packet acknowledged was sent */
void knee_on_ack_done(struct knee *knee, uint64_t newest_sent_at, uint64_t now);
/** @return the congestion window now, bytes */
uint64_t knee_window(const struct knee *knee);
/** The pace: so many bytes in so many ns; ns is 0 before anything was measured. */
void knee_pace(const struct knee *knee, uint64_t *bytes, uint64_t *ns);

#endif
