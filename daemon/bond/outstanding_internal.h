/* SPDX-License-Identifier: GPL-2.0-or-later */
/* outstanding_internal: what outstanding.c and outstanding_leg.c share. */
#ifndef MPVPN_BOND_OUTSTANDING_INTERNAL_H
#define MPVPN_BOND_OUTSTANDING_INTERNAL_H

#include "bond/frame.h"
#include "bond/kept.h"
#include "bond/outstanding.h"

/** What has become of a packet. Those after PACKET_STORED are done with. */
enum packet_state { PACKET_FLYING, PACKET_DUE, PACKET_STORED, PACKET_ACKNOWLEDGED, PACKET_GIVEN_UP };

/** A packet. Sequences as links are meaningful only where the list's ends say that there is more. */
struct packet {
    uint64_t first_sent;      /**< ns */
    uint64_t kept;            /**< handle of its superpacket, KEPT_NONE: not kept */
    uint32_t bucket_sequence; /**< header */
    uint32_t transmissions;   /**< first of its list, 0: none */
    uint32_t due_next;        /**< PACKET_DUE: sequence after it in its queue */
    uint32_t due_previous;    /**< PACKET_DUE: sequence before it */
    uint16_t index;           /**< segment of its superpacket */
    uint16_t length;          /**< bytes */
    uint16_t legs;            /**< bit n: it was on the leg in slot n */
    uint8_t bucket;           /**< header */
    uint8_t tries;            /**< resends */
    uint8_t state;            /**< enum packet_state */
    bool mark_ce;             /**< header is to be marked */
    bool light;               /**< it goes before those that are not */
    bool reprieved;           /**< a leg fell silent or died with it: that is why it is late */
    bool swallowed;           /**< all legs did: its age counts from the end of that */
};

/** What has become of a transmission. */
enum transmission_state { TRANSMISSION_FREE, TRANSMISSION_RESERVED, TRANSMISSION_FLYING, TRANSMISSION_LOST };

/** A transmission. Links are numbers of slots, 0: none. */
struct transmission {
    uint64_t sent_at;    /**< ns */
    uint32_t generation; /**< changes when it is freed */
    uint32_t sequence;   /**< of its packet, unless an orphan */
    uint32_t sibling;    /**< next of its packet */
    uint32_t next;       /**< in its leg's list, or in the free list */
    uint32_t previous;   /**< in its leg's list */
    uint16_t length;     /**< bytes */
    uint8_t leg;         /**< slot of the leg */
    uint8_t state;       /**< enum transmission_state */
    bool orphan;         /**< its packet is done with */
};

/** A leg. */
struct leg_record {
    uint32_t oldest;     /**< transmission on its way, 0: none */
    uint32_t newest;     /**< likewise */
    uint32_t in_flight;  /**< how many */
    bool suspect;        /**< what is on its way on it does not count */
    uint64_t bytes;      /**< in them */
    uint64_t last_acked; /**< ns; 0: never */
    uint64_t pto;        /**< ns */
};

/** Packets due for resending, in the order in which they became so. */
struct due_queue {
    uint32_t first, last; /**< sequences of its ends */
    uint32_t count;       /**< packets in it */
};

/** The record. */
struct outstanding {
    struct packet *ring;                      /**< by sequence */
    uint32_t ring_count;                      /**< a power of two */
    uint32_t span_max;                        /**< bound of ring_count */
    uint32_t floor;                           /**< first packet flying, due or stored */
    uint32_t next;                            /**< sequence of the next packet */
    uint32_t packets;                         /**< flying, due or stored */
    uint32_t stored;                          /**< packets stored */
    uint64_t heard;                           /**< ns, when a leg was known to work last; TIME_NEVER: never */
    uint64_t returned;                        /**< ns, when an outage of all legs ended last */
    struct due_queue due[2];                  /**< 1: of flows that send little, which go first */
    uint32_t taken;                           /**< packets due for which outstanding_is_taken() holds */
    struct transmission *transmissions;       /**< transmission_count of them; slot 0 is not used */
    uint32_t transmission_count;              /**< a power of two */
    uint32_t carved;                          /**< slots ever used, slot 0 included */
    uint32_t free;                            /**< slots given back */
    uint32_t reserved;                        /**< slot of outstanding_next_id(), 0: none */
    struct kept *kept;                        /**< superpackets */
    uint64_t repair_limit;                    /**< ns */
    uint64_t floor_announced;                 /**< ns, when last; 0: never */
    bool floor_released;                      /**< since then it passed something given up */
    uint64_t wait;                            /**< ns, longest that the floor waited, since wait_since */
    uint64_t wait_before;                     /**< ns, likewise in the time before */
    uint64_t wait_since;                      /**< ns */
    struct leg_record legs[OUTSTANDING_LEGS]; /**< by slot */
    struct outstanding_resend shown;          /**< by outstanding_next_resend() */
    struct outstanding_stats stats;           /**< counters */
};

/** The place of a packet in the ring. */
static inline struct packet *outstanding_packet_of(const struct outstanding *o, uint32_t sequence) {
    return &o->ring[sequence & (o->ring_count - 1)];
}

/** A leg fell silent or died with a packet that is due, and it is of no flow that sends little. */
static inline bool outstanding_is_taken(const struct packet *packet) {
    return packet->state == PACKET_DUE && packet->reprieved && !packet->light;
}

/** Take a packet out of its queue for resending: it is flying again. */
void outstanding_due_remove(struct outstanding *o, uint32_t sequence);
/** When a packet is too old to be sent again, ns. */
uint64_t outstanding_expires_at(const struct outstanding *o, const struct packet *packet);
/** Why a packet may not be sent again, as the counter of it. @return NULL: it may */
uint64_t *outstanding_why_not_again(struct outstanding *o, const struct packet *packet, uint64_t now);
/** Nothing was acknowledged on any leg since a packet's answer was due, nor for as long as an answer takes: no leg is
 * known to work. */
bool outstanding_is_swallowed(const struct outstanding *o, const struct packet *packet, uint64_t now);
/** A flying packet lost a transmission or the hope in it: see whether it is due or to be given up. */
void outstanding_settle(struct outstanding *o, uint32_t sequence, uint64_t now);
/** A due packet may not be sent again any more. @param why counter of the reason */
void outstanding_expire(struct outstanding *o, uint32_t sequence, uint64_t *why, uint64_t now);
/** Put a packet at the end of its queue for resending. */
void outstanding_due_append(struct outstanding *o, uint32_t sequence);
/** A packet is given up, unless a transmission of it is on its way. @param why counter of the reason */
void outstanding_give_up(struct outstanding *o, uint32_t sequence, uint64_t *why);
/** A flying transmission is taken for lost. */
void outstanding_lose(struct outstanding *o, uint32_t slot, uint64_t now);

#endif
