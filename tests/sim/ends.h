/* SPDX-License-Identifier: GPL-2.0-or-later */
/* ends: whole mpvpn ends, server and client, made from configuration texts on the hosts of a world; and numbered inner
 * packets to send through them, with a ledger of what came out. */
#ifndef MPVPN_SIM_ENDS_H
#define MPVPN_SIM_ENDS_H

#include "client.h"
#include "crew.h"
#include "world.h"

#define FLOW_PACKETS_MAX 20000u /**< numbers a flow can have */

/** One end on one host. */
struct end {
    struct host *host;     /**< where */
    struct config *config; /**< what it was made from; owned */
    struct worker worker;  /**< datapath */
    struct crew crew;      /**< when it is a server */
    struct client client;  /**< when it is a client */
};

/** What workers of the ends to come are made with: small pools, unless this is changed. */
extern struct worker_settings ends_pools;
/** A temporary directory with server.crt and server.key, made once a process and removed at exit. */
const char *ends_dir(void);
/** The token of the user whose section ends_user() is. */
#define ENDS_TOKEN "a-token-for-the-simulation-only-0123456789"
/** The section of a user, for a server's configuration. */
const char *ends_user(void);
/** Begin a world in which ends will be. */
void ends_begin(uint64_t seed);
/** Start an end, a server or a client as its configuration says. Fails the test on any error. */
void end_start(struct end *end, struct host *host, const char *config_text);
/** Stop it without a word to the peer, as SIGKILL would. */
void end_kill(struct end *end);
/** Whether the client's tunnel is up and has an address. */
bool end_is_up(void *end);
/** The client's first inner address of a version; fails the test when it has none. */
struct ip_addr end_address(const struct end *end, uint8_t version);

/** What came out at a host's TUN of the numbered packets of one flow. */
struct ledger {
    uint32_t received;              /**< packets */
    uint32_t duplicates;            /**< of them seen before */
    uint32_t disordered;            /**< with a lower number than one before */
    uint32_t damaged;               /**< whose contents are not what was sent */
    uint32_t other;                 /**< packets that are of no flow of ours (ICMP) */
    uint32_t highest;               /**< number + 1 */
    uint64_t last;                  /**< ns, when the last packet came */
    uint64_t longest;               /**< ns, longest time between two packets; may be reset */
    uint8_t seen[FLOW_PACKETS_MAX]; /**< times */
};
/** Enter what comes out of a host's TUN from now on in this ledger. */
void ledger_watch(struct ledger *ledger, struct host *host);
#define FLOW_PORT 7001u     /**< where numbered packets go to */
#define FLOW_PORTS_MAX 128u /**< ports from there on are watched */

/** Numbered packets go to FLOW_PORT + n from now on, in every world: another flow. */
void flow_choose(unsigned n);
/** Send UDP packets number first … first+count-1 into a host's TUN, one each gap ns, letting the world go on; length is
 * of the whole IP packet. */
void flow_send(struct end *from, const struct ip_addr *source, const struct ip_addr *target, uint32_t first,
               uint32_t count, size_t length, uint64_t gap);

#endif
