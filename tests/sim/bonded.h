/* SPDX-License-Identifier: GPL-2.0-or-later */
/* bonded: a client and a server with a session over several paths, for the programs that test bonding.
 *
 *      client sima 198.18.0.2  ──┐
 *             simb 203.0.113.2 ──┼── server 198.51.100.1, pools 10.77.0.0/24 and fd77::/64
 *             (and what a test adds)
 *
 * One at a time; the ends and ledgers are the program's, so they are plain variables here. */
#ifndef MPVPN_SIM_BONDED_H
#define MPVPN_SIM_BONDED_H

#include "ends.h"

#define MS NS_PER_MS

/** Qualities to begin with: 20 Mbit/s with 10 ms each way, 10 Mbit/s with 40 ms, nothing at all. */
extern const struct link_quality fast, slow, dead;
extern struct host *server_host, *client_host;
extern struct end server, client;
extern struct ledger at_server, at_client; /* what came out at their TUNs */

/** Begin a world with both ends started. @param a, b: of sima and simb @param more: configuration of the client */
void begin(uint64_t seed, const struct link_quality *a, const struct link_quality *b, const char *more);
/** Have the client read its configuration again. @param trust NULL: as begin() has it, the server's certificate */
void reload_client(const char *trust, const char *more);
/** Begin a world with the server alone. @param user lines of the user's section, which all clients share; NULL: none */
void begin_server(uint64_t seed, const char *user);
/** Start a client on a host with the devices sima and simb. @param more configuration */
void start_client(struct end *end, struct host *host, const char *more);
/** End what begin() began. */
void finish(void);
/** The client was called from outside, as by netlink: its loop is to look what that changed. */
void turn_client(void);
/** Start one more server like it, on another host. */
void start_server_at(struct end *end, struct host *host, const char *address);
/** Start the server again after end_kill(). */
void start_server(void);
/** Run until both ends have that many legs and the client its addresses. @return false: not within that many ns */
bool comes_up(size_t legs, uint64_t within);
/** Numbered packets of 1000 bytes from the client's address, or to it, one each gap ns. */
void up(uint32_t first, uint32_t count, uint64_t gap);
void down(uint32_t first, uint32_t count, uint64_t gap);
/** Let two seconds pass. */
void settle(void);
/** Fails the test unless all of so many packets came out once, in order and undamaged. */
void is_whole(const struct ledger *ledger, uint32_t count);
/** Packets that an end sent on the leg in a slot. */
uint64_t sent_on(const struct end *end, int slot);

#endif
