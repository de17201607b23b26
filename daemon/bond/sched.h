/* SPDX-License-Identifier: GPL-2.0-or-later */
/* sched: which leg gets the next packet. Schedulers are rows of sched.def, one file each; they see the legs as numbers,
 * know nothing of connections and may be changed at any packet.
 *
 * What holds for all of them: a leg that is not usable gets nothing. Legs of role backup are used only while no primary
 * leg is usable, or, where the leg is marked so, while packets wait for the primary ones. A leg never gets a packet
 * longer than it takes. Choosing and sending are apart: sched_pick() may be asked any number of times, sched_on_sent()
 * is told what a leg accepted. */
#ifndef MPVPN_BOND_SCHED_H
#define MPVPN_BOND_SCHED_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define SCHED_LEGS 16u               /**< legs of a session at most: slots, as the session keeps them */
#define SCHED_NEVER (UINT64_MAX / 4) /**< ns: what is unknown counts as later than anything known */

/** Every scheduler. */
enum sched_id {
#define SCHEDULER(symbol, name, help) SCHED_##symbol,
#include "bond/sched.def"
#undef SCHEDULER
    SCHED_COUNT
};

/** What sched_pick() returns when it is not a leg's slot. */
enum sched_result {
    SCHED_WAIT = -1, /**< no leg now: ask again when one can send */
    SCHED_SKIP = -2, /**< not this flow now, another flow's packet may find a leg: as SCHED_WAIT if there is none */
    SCHED_NONE = -3, /**< no leg takes this packet, now or later: none is usable, or it is too long for all */
};

/** A leg's role in its session. */
enum sched_role { SCHED_ROLE_PRIMARY, SCHED_ROLE_BACKUP };

/** A leg as schedulers see it; filled by the session. The slot is the index in the array. */
struct sched_leg {
    bool usable;          /**< in the set, open, not suspect; false also for an empty slot */
    bool shaky;           /**< it fell out twice in short order, and has been back for a short time only */
    bool full;            /**< a queue stands on it */
    bool source;          /**< the peer sends nearly all on it; what goes there are answers */
    bool can_send;        /**< window and pacer allow a packet of this length now */
    enum sched_role role; /**< primary or backup */
    bool when_full;       /**< backup: used under overload of the primary ones, too */
    uint8_t priority;     /**< smaller is preferred */
    uint16_t weight;      /**< share; 0 counts as 1 */
    uint8_t number;       /**< its number on the wire: its identity over time */
    uint16_t packet_max;  /**< longest IP packet it takes, bytes */
    uint64_t srtt;        /**< smoothed round-trip time, ns; 0: unknown */
    uint64_t rttvar;      /**< its mean variation, ns */
    uint64_t repair;      /**< how much later a packet arrives there that is lost at first, ns; 0: hardly any is */
    uint64_t delay;       /**< estimated one-way delay, queues left out, ns; 0: unknown */
    uint64_t in_flight;   /**< bytes sent without answer */
    uint64_t wait;        /**< when it cannot send: ns until it will, as far as can be told */
    uint64_t carried;     /**< bytes of packets sent on it since it came */
    uint64_t rate_bps;    /**< what it carries, bits per second, as estimated; 0: unknown */
};

/** The packet to be given to a leg. */
struct sched_packet {
    size_t length;       /**< bytes of the IP packet */
    uint32_t flow_hash;  /**< the same for all packets of a flow */
    uint32_t flow_bytes; /**< bytes that its flow has waiting, this packet included */
    uint64_t waited;     /**< ns it has waited to be sent */
    bool sparse;         /**< its flow sends little, and a copy is within what copies may cost */
};

/** A scheduler with its state, by value in the session. Zeroed is the default scheduler, ready. */
struct sched {
    enum sched_id id;           /**< which */
    uint64_t spent[SCHED_LEGS]; /**< wrr: what each slot has got, bytes by weight, fixed point */
    uint64_t round;             /**< wrr: the same for the leg served last */
    uint64_t full_until;        /**< ns: until then backups may help, as packets waited for primary legs lately */
    uint64_t overloaded_until;  /**< ecf: ns: until then packets waited for the legs not long ago */
    uint8_t preferred;          /**< ecf: 1 + slot of the leg that is used when it makes no difference; 0: none yet */
};

/** What a scheduler does. */
struct sched_ops {
    /**
     * Choose among the candidates, of which there is at least one.
     * @param candidates bit n: the leg in slot n may be used; whether it can send now is for the scheduler to look at
     * @param copies set to further legs that get a copy; zero on entry
     * @return a slot, SCHED_WAIT or SCHED_SKIP
     */
    int (*pick)(struct sched *sched, const struct sched_leg *legs, uint16_t candidates,
                const struct sched_packet *packet, uint64_t now, uint16_t *copies);
    /** Of the candidates, those that it would use at this moment; NULL: all. Backups help when these are full. */
    uint16_t (*in_use)(const struct sched_leg *legs, uint16_t candidates);
    /** A leg accepted that many bytes; NULL: of no interest. */
    void (*on_sent)(struct sched *sched, const struct sched_leg *legs, unsigned leg, size_t length);
    /** Packets of sparse flows go on a second leg, too, where that may be of use. */
    bool copies_sparse;
};

/** A row of the table. */
struct sched_kind {
    const char *name;            /**< as people type it */
    const char *help;            /**< one line */
    const struct sched_ops *ops; /**< its code */
};

#define SCHEDULER(symbol, name, help) extern const struct sched_ops sched_##name;
#include "bond/sched.def"
#undef SCHEDULER

/** Start a scheduler afresh. */
void sched_init(struct sched *sched, enum sched_id id);
/** Find a scheduler by name. @return its id; SCHED_COUNT: there is none of this name */
enum sched_id sched_find(const char *name, size_t length);
/** A scheduler's row, for lists and help. */
const struct sched_kind *sched_kind(enum sched_id id);
/**
 * Choose the leg for a packet.
 * @param legs by slot; count of them, at most SCHED_LEGS
 * @param now ns
 * @param copies bit n: the leg in slot n is to get a copy too; one of a sparse packet as soon as the leg can send
 * @return the slot, or an enum sched_result
 */
int sched_pick(struct sched *sched, const struct sched_leg *legs, size_t count, const struct sched_packet *packet,
               uint64_t now, uint16_t *copies);
/**
 * Choose the leg for a packet that is sent again, whatever the scheduler: of those that can send, the one on which it
 * arrives first.
 * @param avoid bit n: the leg in slot n only if no other can send (a copy went there already)
 * @return the slot, SCHED_WAIT or SCHED_NONE
 */
int sched_pick_resend(const struct sched_leg *legs, size_t count, size_t length, uint16_t avoid);
/** Whether the scheduler wants to know of what was sent; if not, sched_on_sent() need not be called. */
bool sched_counts(const struct sched *sched);
/** A leg accepted a packet that sched_pick() gave it (or a copy of it). */
void sched_on_sent(struct sched *sched, const struct sched_leg *legs, unsigned leg, size_t length);

/** When a packet of this length arrives that is written to a leg now, behind what is on the way on it.
 * @return ns from now; SCHED_NEVER: nothing is known of the leg */
uint64_t sched_arrival(const struct sched_leg *leg, size_t length);

/** For schedulers that keep to a leg: those of a set that are not shaky; all, if all are. */
uint16_t sched_steady(const struct sched_leg *legs, uint16_t set);
/** For schedulers: among the legs of a set that can send, the one with the shortest round-trip time. @return its slot;
 * SCHED_WAIT: none can */
int sched_fastest(const struct sched_leg *legs, uint16_t set);

#endif
