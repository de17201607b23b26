/* SPDX-License-Identifier: GPL-2.0-or-later */
/* session: one IP tunnel: whose it is, its addresses and routes, the queue of what waits to be sent, and the legs that
 * carry it. A plain session has one leg and sends IP packets as they are. A bonded one (session_bond()) numbers them,
 * gives each to the leg that its scheduler picks, repairs what is lost, and puts in order what comes. It outlives its
 * legs, so that a reconnect finds queue and addresses as they were.
 *
 * Standards: RFC 9484; mpvpn-protocol(7). */
#ifndef MPVPN_BOND_SESSION_H
#define MPVPN_BOND_SESSION_H

#include <stdbool.h>
#include <stdint.h>

#include "bond/control.h"
#include "bond/join.h"
#include "bond/leg.h"
#include "bond/loose.h"
#include "bond/meter.h"
#include "bond/outstanding.h"
#include "bond/queue.h"
#include "bond/reorder.h"
#include "bond/sched.h"
#include "bond/thin.h"
#include "common/addr.h"
#include "masque/auth.h"

#define SESSION_ADDRESSES_MAX 8u /**< inner addresses of a client that are kept */
#define SESSION_LEGS_MAX 16u     /**< legs at a time */
#define SESSION_OWED 8u          /**< copies that can wait for their legs */
#define SESSION_MTU_MIN 1280u    /**< bytes: IPv6's minimum (RFC 8200), held on every path */

struct session;

/** A leg in its slot of a session. The slot number names it within this end; `number` on the wire. */
struct session_leg {
    struct leg *leg;              /**< NULL: the slot is free */
    void *owner;                  /**< the hall's carrier of the leg */
    uint8_t number;               /**< on the wire */
    bool ours;                    /**< priority, weight and role were set at this end, not by the peer's LEG_ROLE */
    bool suspect;                 /**< silent while others were heard: nothing new is sent on it */
    bool blocked;                 /**< the hall's: its socket is full */
    bool shared;                  /**< the hall's: a packet is open on it, for datagrams that wait together */
    bool entered;                 /**< announced by a mark since it was idle */
    bool gone;                    /**< a mark said that nothing comes on it any more: it stays out of use */
    bool over;                    /**< the peer closed it and could not say so on it: session_end_over() is due */
    bool source;                  /**< the peer sends nearly all on it, and this end little more than answers */
    enum control_leg_state state; /**< whether it may be used: up, standby, draining, down */
    uint8_t priority;             /**< smaller is preferred */
    bool when_full;               /**< standby: used when the others cannot carry the traffic, too */
    uint16_t weight;              /**< share, wrr and flow */
    uint64_t last_sent;           /**< ns, when a packet was sent on it last */
    uint64_t unheard_since;    /**< ns, when the first packet was sent on it that nothing was heard of since; 0: all was
                                  heard */
    bool streams;              /**< its stream took a packet since when it acknowledged nothing at all */
    uint64_t streams_answers;  /**< packets received on it by then that acknowledged something */
    uint64_t srtt;             /**< ns, smoothed round trip when session_roll() was called last */
    uint64_t gust;             /**< ns, longest that it was silent beyond srtt and then heard again, since gust_since */
    uint64_t gust_before;      /**< ns, likewise in the time before */
    uint64_t gust_since;       /**< ns */
    bool shaky;                /**< it became suspect twice in short order */
    uint64_t fell;             /**< ns, when it became suspect last; 0: never */
    uint64_t suspect_since;    /**< ns, when it became suspect, or was trusted again */
    uint64_t probed;           /**< ns, when a PING was sent on it to see whether it lives or to measure it */
    uint64_t probed_answers;   /**< packets received on it by then that acknowledged something */
    unsigned unanswered;       /**< PINGs in a row that were not answered */
    uint64_t asked_answers;    /**< likewise when all legs were asked last */
    uint64_t suspect_answers;  /**< packets received on it that acknowledged something, when it became suspect */
    uint64_t suspect_received; /**< QUIC packets received on it then, or when it was asked because of one */
    bool asks;                 /**< a mark is to ask which packets have come, as it is silent */
    uint64_t asked;            /**< ns, when one did last; 0: never */
    uint64_t told_on_another;  /**< ns, when that was answered, on another leg, last; 0: never */
    uint64_t answered;         /**< ns, when the peer that asked so on this leg was answered last; 0: never */
    uint64_t resent;           /**< packets sent again on it */
    struct control_leg_report received; /**< bonded packets that came on it */
    struct control_leg_report told;     /**< what the peer received on it, by its last report */
    uint64_t reported;                  /**< ns, when the peer was told `received` last, or the leg came */
    uint64_t reported_packets;          /**< received.packets then */
    uint64_t judged_bytes;              /**< received.bytes when it was looked at last which leg is the source */
    bool has_told;                      /**< `told` is set */
};

/** How the session hands on what it received. */
typedef void session_deliver_fn(struct session *session, const uint8_t *packet, size_t length);

/** A copy that waits for its leg's window or pacer. */
struct session_owed {
    uint64_t until;    /**< ns: after that it is of no use */
    uint32_t sequence; /**< of the packet */
    unsigned slot;     /**< of the leg */
};

/** A leg that was closed, of which the peer could not be told on it. */
struct session_untold {
    uint64_t at;    /**< ns, when */
    uint8_t number; /**< on the wire */
};

/** A session. Public because the hall embeds and lists it; written by the session*.c files alone but for prev/next,
 * owner, told and the slots' owner and blocked. */
struct session {
    uint64_t id;                                     /**< number within this daemon, for people */
    char user[AUTH_NAME_MAX];                        /**< server: whose; client: "" */
    struct ip_prefix address[SESSION_ADDRESSES_MAX]; /**< the client's inner addresses */
    size_t address_count;                            /**< of them */
    struct ip_range *reach; /**< what the client may reach through the server (ROUTE_ADVERTISEMENT) */
    size_t reach_count;     /**< of them */
    struct queue *queue;    /**< towards the peer */
    struct session_leg legs[SESSION_LEGS_MAX]; /**< by slot */
    size_t leg_count;                          /**< slots in use */
    struct loose loose;                        /**< flows that need no order */
    struct meter sent;                         /**< IP packets to the peer */
    struct meter received;                     /**< IP packets from the peer */
    uint64_t since;                            /**< ns, when it was opened */
    uint64_t rolled;                           /**< ns, when session_roll() was called last */
    uint64_t judged_bytes;                     /**< sent.bytes when it was looked at last which leg is the source */

    bool bonded;                              /**< the following are in use */
    uint8_t bond_id[JOIN_ID_BYTES];           /**< the session's ID on the wire */
    uint8_t secret[JOIN_SECRET_BYTES];        /**< what joining legs prove */
    uint8_t next_number;                      /**< server: of the next leg, if it may be given */
    uint8_t left[2][FRAME_LEG_MAX / 8 + 1];   /**< bit: the leg of this number left since left_since, or before … */
    uint64_t left_since;                      /**< … ns, but not long before */
    uint32_t bucket_sequence[FRAME_BUCKETS];  /**< of the next packet of each bucket */
    struct sched sched;                       /**< for what we send */
    struct outstanding *outstanding;          /**< what we sent and not heard of; owned */
    struct reorder *reorder;                  /**< what we received out of order; owned */
    struct thin *thin;                        /**< keeps back acknowledgements; owned */
    struct session_owed owed[SESSION_OWED];   /**< copies that are to follow, oldest first */
    unsigned owed_count;                      /**< of them */
    uint64_t copy_credit;                     /**< bytes that copies of sparse packets may have, as reckoned … */
    uint64_t reckoned;                        /**< … ns, when; and … */
    uint64_t reckoned_bytes;                  /**< … sent.bytes then */
    uint64_t acks_apart;                      /**< ns: how far apart it lets them go on */
    uint32_t light_ahead;                     /**< bytes of light flows' packets ahead of what is due of others */
    bool uneven;                              /**< legs in use vary and lose: round trips of flows are far longer */
    uint64_t now;                             /**< ns, of the call that delivers packets */
    struct control_serials serials;           /**< of the peer's capsules */
    uint64_t asked_all;                       /**< ns, when all legs were asked whether they live; 0: never */
    char closed[CONTROL_WORD_MAX + 1];        /**< reason of the peer's CLOSE; "": none came */
    uint32_t control_serial;                  /**< of our next capsule */
    uint64_t repair;                          /**< ns, the longest that repair took in the last second … */
    uint64_t repair_at;                       /**< … ns, and when it was that last */
    uint64_t windows;                         /**< bytes, the largest that its legs' windows ever were together */
    uint64_t patient_until;                   /**< ns: until then packets may wait because of that */
    uint64_t patience;                        /**< ns that they may yet, as reckoned … */
    uint64_t patience_at;                     /**< … ns, when */
    uint64_t marked;                          /**< ns, when a mark was sent last */
    uint8_t parting[(FRAME_LEG_MAX + 8) / 8]; /**< bit: the leg of this number left, and a mark is to say so */
    struct session_untold untold[SESSION_LEGS_MAX]; /**< the peer is to be told that they were closed, oldest first */
    unsigned untold_count;                          /**< of them */
    struct reorder_statistics past_order;           /**< of the times that it was bonded before */
    struct outstanding_stats past_repair;           /**< likewise */
    bool told; /**< capsules or pings wait on legs: the hall is to serve them all, and resets this */

    session_deliver_fn *deliver; /**< the hall's: an IP packet is through */
    uint16_t mtu_bytes;          /**< what session_mtu() said when a leg was known; 0: none was yet */
    struct buf_pool *buffers;    /**< for what is held */
    uint8_t key[16];             /**< secret of the flow hash */
    struct session *prev, *next; /**< the hall's list */
    void *owner;                 /**< the hall's holder of it */
};

/** What a session is made with. */
struct session_settings {
    uint64_t id;                        /**< number for people */
    const char *user;                   /**< copied */
    const struct queue_settings *queue; /**< of its queue */
    struct buf_pool *buffers;           /**< kept */
    session_deliver_fn *deliver;        /**< kept */
};

/** @return the session, or NULL: no memory */
struct session *session_new(const struct session_settings *settings, uint64_t now);
/** Free with its queue; legs are not touched. NULL is fine. */
void session_free(struct session *session);
/** Replace the client's addresses (beyond SESSION_ADDRESSES_MAX they are ignored). */
void session_set_addresses(struct session *session, const struct ip_prefix *addresses, size_t count);
/** Replace what can be reached. @return 0; -ENOMEM: unchanged */
int session_set_reach(struct session *session, const struct ip_range *ranges, size_t count);
/** Whether an address is one of the client's. */
bool session_has_address(const struct session *session, const struct ip_addr *addr);
/** Whether an address may be reached through the server with this IP protocol (0 in a range: any). ICMP is always part
 * of it (RFC 9484 section 4.7.3). */
bool session_reaches(const struct session *session, const struct ip_addr *addr, uint8_t protocol);

/** Start (or start anew) to bond: numbers from 0, nothing outstanding, nothing held. @return 0; -ENOMEM */
int session_bond(struct session *session, const uint8_t id[JOIN_ID_BYTES], const uint8_t secret[JOIN_SECRET_BYTES]);
/** A number for the next leg (server): one after the other, and those of legs that left long ago again. @return it;
 * -EMLINK: none is free */
int session_next_number(struct session *session, uint64_t now);
/** Take a leg in. @param number on the wire @return its slot; -ENOSPC: SESSION_LEGS_MAX are in */
int session_attach(struct session *session, struct leg *leg, void *owner, uint8_t number, uint64_t now);
/** Let a leg go: what was outstanding on it is sent again on others. Unknown is fine. */
void session_detach(struct session *session, const struct leg *leg, uint64_t now);
/** The slot of a leg, or NULL. */
struct session_leg *session_find(struct session *session, const struct leg *leg);
/** The first leg, or NULL: the one of a plain session. */
struct session_leg *session_first(struct session *session);
/** Longest IP packet this session takes: what every leg that may be used carries, but never less than SESSION_MTU_MIN.
 * Legs that are still being searched do not count once it is known: what is too long for them goes on others or on a
 * stream. */
size_t session_mtu(struct session *session);
/** What order and repair have done since it was opened, also before it was bonded anew; zeros for a plain session that
 * never was. */
void session_totals(const struct session *session, struct reorder_statistics *order, struct outstanding_stats *repair);
/** Bring rates, and what queue, repair and order know of the legs, up to date; several times a second while in use. */
void session_roll(struct session *session, uint64_t now);

/** Why a leg is used or not. */
enum reason {
#define REASON(symbol, name, help) REASON_##symbol,
#include "common/reason.def"
#undef REASON
    REASONS
};
/** The same with figures. */
struct session_reason {
    enum reason reason;    /**< why */
    uint64_t arrival;      /**< ns that a packet sent on it now is on its way, what goes before it included; TIME_NEVER:
                              unknown */
    uint64_t wait;         /**< ns until it can send */
    uint64_t capacity_bps; /**< bits per second that it carries, as estimated; 0: unknown */
    int than;              /**< slot of the leg that a packet would go to now; negative: none */
    uint64_t than_arrival; /**< ns that it would be on its way there */
};
/** Tell why a leg of a bonded session is used or not at this moment. */
void session_explain(const struct session *session, unsigned slot, struct session_reason *out, uint64_t now);

/* What is received (bonded). */

/** A bonded packet came on a leg; delivers what it lets go. */
void session_on_packet(struct session *session, const struct leg *leg, const struct frame_packet *frame,
                       const uint8_t *packet, size_t length, uint64_t now);
/** A mark came on a leg. */
void session_on_mark(struct session *session, const struct leg *leg, const struct frame_mark *mark, uint64_t now);
/** A capsule came. @return false: CLOSE: the session is over */
bool session_on_capsule(struct session *session, uint64_t type, const uint8_t *value, size_t length, uint64_t now);
/** See to a leg that a capsule may have said is over. @param heard the leg on which the capsule came @return whether
 * the hall is to close it */
bool session_end_over(struct session_leg *leg, const struct leg *heard);
/** Fate of a transmission. */
void session_on_acked(struct session *session, const struct leg *leg, uint64_t id, uint64_t now);
void session_on_lost(struct session *session, uint64_t id, uint64_t now);
/** A leg is not to be trusted (its link went down): what is outstanding on it goes to the others at once. */
void session_suspect(struct session *session, const struct leg *leg, uint64_t now);
/** Ask all legs whether their peer is still there, unless an earlier question is open: session_is_silent() tells. */
void session_ask_all(struct session *session, uint64_t now);
/** When all legs that were asked have had time to answer, ns; TIME_NEVER: they were not asked, or one answered, or came
 * since. */
uint64_t session_silent_at(const struct session *session);
/** Whether all legs were asked, had time to answer, and none did, nor came since. */
bool session_is_silent(const struct session *session, uint64_t now);
/** Something came in on a leg: a suspect one that is heard again is trusted again. */
void session_look(struct session *session, uint64_t now);
/** Nearest deadline of order, repair and suspicion; TIME_NEVER for a plain session. */
uint64_t session_deadline(const struct session *session, uint64_t now);
/** The deadline came. */
void session_on_timer(struct session *session, uint64_t now);

/* What is sent (bonded): the hall asks, writes, and tells. */

/** Which leg a packet goes to. @param copies out: further slots (bits) @return slot or enum sched_result */
int session_pick(struct session *session, const struct queue_item *item, uint16_t *copies, uint64_t now);
/** Which leg a packet goes to again. @param avoid slots it was on already (bits) @return as session_pick() */
int session_pick_resend(struct session *session, size_t length, uint16_t avoid, uint64_t now);
/** Which leg's stream takes a packet that is too long for a DATAGRAM on any: the primary leg with the shortest round
 * trip, or a backup while no primary one is fit for use. @param ending slots of legs that end (bits) @param full slots
 * whose streams take no more @return slot or SCHED_NONE */
int session_pick_stream(const struct session *session, uint16_t ending, uint16_t full);
/** A leg that is to get a copy cannot send now: it is to follow. */
void session_owe(struct session *session, unsigned slot, uint32_t sequence, size_t length, uint64_t now);
/** A copy that is owed and can be sent now; session_copied() or another call shows the next. @param slot out: its leg
 * @return NULL: none can */
const struct outstanding_resend *session_next_owed(struct session *session, unsigned *slot, uint64_t now);
/** A leg took a copy that session_next_owed() showed. */
void session_copied(struct session *session, unsigned slot, const struct outstanding_resend *copy, uint64_t now);
/** Numbers of the next packet. */
struct frame_packet session_number(const struct session *session, const struct queue_item *item);
/** A leg took the packet with these numbers. */
void session_sent(struct session *session, unsigned slot, const struct frame_packet *frame,
                  const struct queue_item *item, bool repair, uint64_t now);
/** A leg took a packet again that outstanding_next_resend() showed. */
void session_resent(struct session *session, unsigned slot, const struct outstanding_resend *resend, uint64_t now);
/** A packet that was sent or resent went by the leg's stream: it is done with. @param id of that transmission */
void session_streamed(struct session *session, unsigned slot, uint64_t id, uint64_t now);
/** The next mark to send, if any is due. @param slot out: the leg to send it on @return false: none */
bool session_next_mark(struct session *session, struct frame_mark *mark, unsigned *slot, uint64_t now);
/** The mark was sent. */
void session_mark_sent(struct session *session, const struct frame_mark *mark, uint64_t now);
/** Send a capsule on every leg. */
void session_tell(struct session *session, struct control_capsule *capsule);
/** A leg is closed here, of which the peer cannot be told on that leg: it is to be told on another. @param number on
 * the wire */
void session_note_left(struct session *session, uint8_t number, uint64_t now);
/** Set a leg's part in what this end sends, and tell the peer what it should send. */
void session_set_role(struct session *session, struct session_leg *leg, const struct control_leg_role *role);
/** Set the scheduler for what this end sends, and ask the peer for the same. */
void session_set_scheduler(struct session *session, enum sched_id id);

#endif
