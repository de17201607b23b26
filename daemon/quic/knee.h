/* SPDX-License-Identifier: GPL-2.0-or-later */
/* knee: a congestion controller for radio links, as pure code: acknowledgements, losses and a time in; window and pace
 * out. Nothing of QUIC shows, nothing is allocated; the state is embedded by value and written by knee*.c alone.
 * Theory of operation in knee.c. */
#ifndef MPVPN_QUIC_KNEE_H
#define MPVPN_QUIC_KNEE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define KNEE_ROUNDS 16u /**< rounds remembered, a power of two */

/** What a controller is doing. */
enum knee_mode {
    KNEE_START,   /**< the window grows until the path is full */
    KNEE_CRUISE,  /**< the pace climbs slowly until a queue shows, or losses */
    KNEE_DRAIN,   /**< the pace is below the path's rate until the queue is gone */
    KNEE_CROWDED, /**< somebody else keeps the queue: the window is moved to a fair share */
};

/** What became of the packets sent in one round. */
struct knee_round {
    uint64_t start;   /**< ns: packets sent from here on belong to it */
    double window;    /**< bytes: window in force */
    double acked;     /**< bytes acknowledged */
    double lost;      /**< bytes declared lost */
    double rtt_sum;   /**< ns: round-trip times, all packets together */
    double packets;   /**< of how many */
    double excused;   /**< packets that were delayed by hosts that stopped, not counted in these */
    double deviation; /**< ns: sum of their distances from the mean of the round before */
    double flight;    /**< bytes: most that were on the way */
    double arrived;   /**< bytes acknowledged while it lasted, whenever sent */
    bool low;         /**< the window was lowered to see what that does */
    bool settled;     /**< the window had been the same for a round before */
};

/** How much round-trip times vary from one quarter of a round to the next. */
struct knee_noise {
    double mean;         /**< ns: the estimate */
    double quiet;        /**< ns: least of start-up; 0: none */
    double count;        /**< quarters compared */
    double sum, packets; /**< ns, number: round-trip times of this quarter */
    double before;       /**< ns: mean of the last quarter; 0: none */
    uint64_t since;      /**< ns: when this quarter began */
};

/** A drain: the one now, or the last. */
struct knee_drain {
    uint64_t round;  /**< at which it began */
    uint64_t until;  /**< ns: it ends then, done or not */
    double queue;    /**< ns: with which it began */
    double full;     /**< bytes per ns: rate of the path when it began */
    double raw;      /**< bytes per ns: the same, without what the path loses */
    double before;   /**< bytes per ns: pace before the first of a row of drains */
    unsigned failed; /**< drains in a row that did not shorten the queue */
    bool jumped;     /**< the queue came all at once */
    bool lossy;      /**< losses began it, not a queue */
};

/** Silences: times in which packets were overdue and none at all was acknowledged. */
struct knee_silence {
    uint64_t before; /**< ns: when packets were acknowledged last, before now */
    double excused;  /**< ns: what was due until then was delayed by one, not by a queue */
    double gap;      /**< ns: usual time between acknowledgements; 0: unknown */
    double length;   /**< ns: of the one that ended now; 0: none did */
    double bytes;    /**< acknowledged at its end so far */
    double longest;  /**< ns: fading maximum of their lengths */
};

/** State of a controller. */
struct knee {
    enum knee_mode mode;           /**< now */
    double packet;                 /**< bytes of a full packet */
    double window;                 /**< bytes: in start-up and in crowded mode */
    double pace;                   /**< bytes per ns: in cruise and drain */
    double rtt;                    /**< ns: mean of the last complete round; 0: none */
    double recent_rtt;             /**< ns: mean of the last packets */
    uint64_t heard;                /**< ns: when a packet was acknowledged last; 0: never */
    struct knee_silence silence;   /**< what hosts that stop leave behind */
    uint64_t asked;                /**< ns: when the first packet was sent since then */
    double smooth_rtt;             /**< ns: mean of the last rounds, of more the noisier the path */
    double base;                   /**< ns: least smooth_rtt lately … */
    double base_rate;              /**< bytes per ns: at which it was found */
    double base_next;              /**< ns: … and of those since base_since */
    uint64_t base_since;           /**< ns */
    double true_base;              /**< ns: base when crowded mode began */
    double least;                  /**< ns: least round-trip time of a packet in start-up; 0: none */
    double jitter;                 /**< ns: how far round-trip times in start-up are from their round's mean */
    double calm;                   /**< ns: the least such distance of a round; 0: none */
    double best;                   /**< bytes per ns: largest rate of start-up */
    unsigned flat;                 /**< rounds of start-up that made the round-trip time grow, not the rate */
    struct knee_noise noise;       /**< of the path */
    double late, came;             /**< bytes, fading sums: that came after they were declared lost; all that came */
    double bytes, time;            /**< fading sums over rounds: bytes acknowledged, ns */
    double clean_lost, clean_sent; /**< bytes, fading sums of rounds below the path's rate: what it loses by itself */
    double lost, sent;             /**< bytes since the last drain began */
    double climbed;                /**< growth of ln(pace) since the last drain */
    bool guess;                    /**< the rate found in start-up may be far below the path's */
    double gentle;                 /**< factor on the climb: less than 1 after losses of ours */
    uint64_t hold_until;           /**< ns: the climb is slower before */
    struct knee_drain drain;       /**< the one now, or the last */
    double depth;                  /**< how much lower a low round's window is, as a share */
    double move;                   /**< last change of ln(window) in crowded mode */
    double sum_xy, sum_xx;         /**< fading sums of the effect of low rounds: response × step, step² */
    unsigned hopeless;             /**< decisions in a row that found a small share, though crowded */
    unsigned empty;                /**< rounds of crowded mode in a row without a queue */
    uint64_t cut_at;               /**< round of the last cut for losses in crowded mode */
    uint64_t round;                /**< number of the round now */
    uint64_t settled;              /**< number of the last round whose losses were looked at */
    uint64_t low_at;               /**< number of the last low round */
    uint64_t decide_at;            /**< round at whose start the next decision is due; UINT64_MAX: none yet */
    uint64_t random;               /**< state of the generator */
    uint64_t marked_at;            /**< ns: last reaction to a congestion mark */
    struct knee_round rounds[KNEE_ROUNDS]; /**< the last, by number */
};

/** Begin. @param packet_bytes a full packet @param seed makes probing differ between controllers */
void knee_init(struct knee *knee, size_t packet_bytes, uint64_t seed, uint64_t now);
/** Begin anew on another path. */
void knee_reset(struct knee *knee, uint64_t now);
/** A full packet is that long now. */
void knee_set_packet(struct knee *knee, size_t packet_bytes);
/** A packet is sent. */
void knee_on_sent(struct knee *knee, uint64_t now);
/** A packet was acknowledged. @param in_flight bytes on the way when it was sent, itself included */
void knee_on_acked(struct knee *knee, size_t bytes, uint64_t sent_at, uint64_t in_flight, uint64_t now);
/** A packet was declared lost. */
void knee_on_lost(struct knee *knee, size_t bytes, uint64_t sent_at);
/** A packet that was declared lost has arrived: knee_on_acked() follows. */
void knee_on_found(struct knee *knee, size_t bytes, uint64_t sent_at);
/** The path marked packets with ECN CE; @param sent_at of the newest acknowledged */
void knee_on_marked(struct knee *knee, uint64_t sent_at, uint64_t now);
/** All of an acknowledgement was told. @param newest_sent_at when the newest packet acknowledged was sent */
void knee_on_ack_done(struct knee *knee, uint64_t newest_sent_at, uint64_t now);
/** Whether packets overtake each other on the path all the time: what seems lost is often only late. */
bool knee_reorders(const struct knee *knee);
/** @return the congestion window now, bytes */
uint64_t knee_window(const struct knee *knee);
/** The pace: so many bytes in so many ns; ns is 0 before anything was measured. */
void knee_pace(const struct knee *knee, uint64_t *bytes, uint64_t *ns);

#endif
