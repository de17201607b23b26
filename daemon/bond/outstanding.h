/* SPDX-License-Identifier: GPL-2.0-or-later */
/* outstanding: what a session has sent and not yet heard of, for repair. It knows every packet (a sequence number of
 * the session) and every transmission of it (a copy on a leg, known to the leg's connection by a 64-bit id), keeps the
 * packet's buffer while the packet may have to be sent again, queues what is due for resending, and tells the floor:
 * the first sequence that is neither acknowledged nor given up.
 *
 * Legs are named by their slot in the session's table of legs (0 to OUTSTANDING_LEGS - 1), which may be used again once
 * outstanding_leg_died() was told; never by their number on the wire.
 *
 * To send: id = outstanding_next_id(); conn_write_datagram(.., id, ..); only when that was accepted outstanding_add()
 * or outstanding_resent(), which take the id. After every event: outstanding_next_resend() until there is none or no
 * leg takes it, outstanding_floor_due(), arm a timer for outstanding_deadline(). */
#ifndef MPVPN_BOND_OUTSTANDING_H
#define MPVPN_BOND_OUTSTANDING_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/clock.h"
#include "packet/split.h"

#define OUTSTANDING_LEGS 16u                       /**< slots of legs in a session */
#define OUTSTANDING_MEMORY (16u << 20)             /**< default bound on buffers kept, bytes of capacity */
#define OUTSTANDING_SPAN_MAX (1u << 18)            /**< default bound on packets from the floor to the newest */
#define OUTSTANDING_RESENDS 3u                     /**< how often a packet is sent again at most */
#define OUTSTANDING_REPAIR_LIMIT NS_PER_SEC        /**< repair limit until one is set, ns; none is larger */
#define OUTSTANDING_STORED_LIMIT (60 * NS_PER_SEC) /**< how old a packet may be that all legs' outage swallowed, ns */
#define OUTSTANDING_PTO NS_PER_SEC                 /**< a leg's probe time-out until one is set, ns */
#define OUTSTANDING_NO_ID 0u                       /**< id of what is not recorded; hooks ignore it */

/** Shape of a record. */
struct outstanding_settings {
    uint32_t first_sequence; /**< sequence of the first packet */
    uint32_t span_max;       /**< packets from the floor to the newest at most; a power of two; 0: the default */
    uint64_t memory_max;     /**< capacity of buffers kept at most, bytes; 0: the default */
};

/** One packet, as sent and as due again. */
struct outstanding_packet {
    uint32_t sequence;         /**< of the session */
    uint32_t bucket_sequence;  /**< 24 bits, of its bucket */
    uint8_t bucket;            /**< 0: needs no order */
    bool mark_ce;              /**< congestion is to be marked in its header (queue_item) */
    bool light;                /**< its flow sends little (queue_item): when due it goes before others */
    bool repair;               /**< to be sent again when lost; false: given up at the first loss, no buffer is kept */
    uint16_t index;            /**< number of the segment in split */
    uint16_t length;           /**< bytes of the segment */
    const struct split *split; /**< the superpacket it is cut from; outstanding_add() copies it */
};

/** A packet due for resending. Valid until the next call but outstanding_next_id(). */
struct outstanding_resend {
    struct outstanding_packet packet; /**< as it was added */
    uint16_t legs;                    /**< bit n: it was on the leg in slot n already */
    uint8_t tries;                    /**< how often it was resent already */
    uint64_t first_sent;              /**< ns, when it was added */
};

/** What is known of a leg. */
struct outstanding_leg {
    uint64_t oldest_sent; /**< ns, when its oldest transmission without answer was sent; TIME_NEVER: none */
    uint64_t last_acked;  /**< ns, when a transmission on it was acknowledged last; 0: never */
    uint32_t in_flight;   /**< transmissions without answer */
    uint64_t bytes;       /**< bytes of packets in them */
};

/** Counters since it was made. */
struct outstanding_stats {
    uint64_t added;        /**< packets */
    uint64_t copies;       /**< further transmissions of a packet whose first was not lost (redundant) */
    uint64_t acknowledged; /**< packets of which a transmission was acknowledged, the following among them */
    uint64_t arrived;      /**< packets that the peer told had come */
    uint64_t lost;         /**< transmissions declared lost by their connection */
    uint64_t timed_out;    /**< transmissions taken for lost because nothing was heard in 2 PTO */
    uint64_t stranded;     /**< transmissions on legs that died */
    uint64_t stored;       /**< packets stored, as all legs were silent */
    uint64_t suspected;    /**< packets due again because all their legs fell silent */
    uint64_t spurious;     /**< transmissions acknowledged after they had been taken for lost */
    uint64_t resent;       /**< resends */
    uint64_t repaired;     /**< packets acknowledged after a resend */
    uint64_t given_up;     /**< packets given up, the following among them */
    uint64_t too_old;      /**< given up because of the repair limit */
    uint64_t too_often;    /**< given up after OUTSTANDING_RESENDS resends */
    uint64_t no_data;      /**< given up because their buffer had to go or was never kept */
    uint64_t refused;      /**< given up because no leg takes a packet of that length */
    uint64_t overrun;      /**< given up, oldest first, because the span had reached its limit */
    uint64_t untracked;    /**< transmissions not recorded for want of memory */
};

struct outstanding;

/** @return an empty record, or NULL: no memory, or a span_max that is no power of two */
struct outstanding *outstanding_new(const struct outstanding_settings *settings);
/** Free with the buffers it keeps; NULL is fine. */
void outstanding_free(struct outstanding *outstanding);

/** Set the repair limit: how old a packet may be to be sent again. @param limit ns; cut to OUTSTANDING_REPAIR_LIMIT */
void outstanding_set_repair_limit(struct outstanding *outstanding, uint64_t limit);
/** Set a leg's probe time-out; a transmission on it without answer for twice that is lost. @param pto ns */
void outstanding_set_leg_pto(struct outstanding *outstanding, unsigned leg, uint64_t pto);

/**
 * The id that the next outstanding_add() or outstanding_resent() will give; the same until one of them took it.
 * @return generation and slot; OUTSTANDING_NO_ID: no more can be recorded (the packet may be sent all the same)
 */
uint64_t outstanding_next_id(struct outstanding *outstanding);
/**
 * A packet was sent. With the sequence after the newest it is a new packet; with one that is outstanding still it is
 * one more copy of it (the rest of the packet is then ignored); with another one nothing is recorded.
 * @param packet copied; a reference to its buffer is taken while it may be needed
 * @return the id of this transmission, as outstanding_next_id() said; OUTSTANDING_NO_ID: not recorded
 */
uint64_t outstanding_add(struct outstanding *outstanding, unsigned leg, const struct outstanding_packet *packet,
                         uint64_t now);
/** A transmission was acknowledged; its packet is done with. It may have been declared lost before. */
void outstanding_on_acked(struct outstanding *outstanding, uint64_t id, uint64_t now);
/** A transmission went by a stream, which loses nothing: its packet is done with. That says nothing of the leg. */
void outstanding_on_streamed(struct outstanding *outstanding, uint64_t id, uint64_t now);
/** The peer told on another leg that packets have come, from a sequence on so many: they are done with. What is not
 * outstanding any more, or was not sent yet, is passed over. */
void outstanding_on_arrived(struct outstanding *outstanding, uint32_t first, uint32_t count);
/** A transmission was declared lost: its packet is due again unless another copy is on its way. */
void outstanding_on_lost(struct outstanding *outstanding, uint64_t id, uint64_t now);
/** Take for lost what is without answer for too long, give up what is too old at the floor. */
void outstanding_on_timer(struct outstanding *outstanding, uint64_t now);
/** When outstanding_on_timer() has something to do; TIME_NEVER: nothing is outstanding. */
uint64_t outstanding_deadline(const struct outstanding *outstanding);

/** A leg is gone: all its transmissions are lost, its slot is free. */
void outstanding_leg_died(struct outstanding *outstanding, unsigned leg, uint64_t now);
/** A leg is silent: what is on its way on it and on no other live leg is due on others at once, and may yet be acked.
 */
void outstanding_leg_suspect(struct outstanding *outstanding, unsigned leg, uint64_t now);
/** A suspect leg lives: what is due because of it and not yet resent is not due any more, and what is stored is due. */
void outstanding_leg_recovered(struct outstanding *outstanding, unsigned leg, uint64_t now);
/** A leg works again after an outage of all of them: what that swallowed is due, in order, and its age counts from now.
 * Acknowledgements and losses say so by themselves. */
void outstanding_outage_over(struct outstanding *outstanding, uint64_t now);
/** Buffers run low: give up what is stored. */
void outstanding_give_up_stored(struct outstanding *outstanding);
/** What is known of a leg's transmissions, for suspicion. */
void outstanding_leg_get(const struct outstanding *outstanding, unsigned leg, struct outstanding_leg *out);

/** Legs take over what another one fell silent or died with: of that something is due, of flows that send more than a
 * little. */
bool outstanding_is_takeover(const struct outstanding *outstanding);
/** The packet to be sent again first; shown until resent, refused or no longer due. @return NULL: none is due */
const struct outstanding_resend *outstanding_next_resend(struct outstanding *outstanding, uint64_t now);
/**
 * A packet that outstanding_next_resend() showed was sent again on a leg.
 * @return the id of this transmission, as outstanding_next_id() said; OUTSTANDING_NO_ID: not recorded
 */
uint64_t outstanding_resent(struct outstanding *outstanding, uint32_t sequence, unsigned leg, uint64_t now);
/** A packet that is on its way, to send a copy of it. @return NULL: it arrived, was lost, or its buffer had to go; else
 * valid as what outstanding_next_resend() shows */
const struct outstanding_resend *outstanding_on_its_way(struct outstanding *outstanding, uint32_t sequence);
/** A packet that outstanding_next_resend() showed cannot be sent on any leg.
 * @param works a leg is fit for use, and the packet too long: it is given up; false: none is, and it may be stored */
void outstanding_refuse(struct outstanding *outstanding, uint32_t sequence, bool works, uint64_t now);

/** The first sequence that is neither acknowledged nor given up; outstanding_next() when there is none. */
uint32_t outstanding_floor(const struct outstanding *outstanding);
/** How long it takes until a packet and all before it are acknowledged, losses and their repair included: the longest
 * of the last second or two, ns; 0: nothing was. What waits for order at the peer has that for a round trip. */
uint64_t outstanding_wait(const struct outstanding *outstanding);
/** The sequence of the next new packet. */
uint32_t outstanding_next(const struct outstanding *outstanding);
/** Whether to announce the floor: it moved past something given up, and none was announced in the last millisecond. */
bool outstanding_floor_due(const struct outstanding *outstanding, uint64_t now);
/** When outstanding_floor_due() becomes true, possibly in the past; TIME_NEVER: there is nothing to announce. Apart
 * from outstanding_deadline(), because it is of no use while no leg can send the mark. */
uint64_t outstanding_floor_deadline(const struct outstanding *outstanding);
/** The floor was announced, in whatever mark. */
void outstanding_floor_announced(struct outstanding *outstanding, uint64_t now);

/** Capacity of the buffers kept, bytes. */
uint64_t outstanding_memory(const struct outstanding *outstanding);
/** Packets neither acknowledged nor given up. */
uint32_t outstanding_packets(const struct outstanding *outstanding);
/** Counters; they live as long as the record. */
const struct outstanding_stats *outstanding_stats(const struct outstanding *outstanding);

#endif
