/* SPDX-License-Identifier: GPL-2.0-or-later */
/* client_path: one path of a client: finding the way, connecting, losing it, coming back. What its leg says about the
 * session is client_leg.c's. */
#ifndef MPVPN_CLIENT_PATH_H
#define MPVPN_CLIENT_PATH_H

#include "client.h"

#define CLIENT_REPLACED                                                                                                \
    "another client took this user's place (replaced)" /**< reason of a path that waits for that                       \
                                                        */

/** Make a path, on no list yet. @param settings copied @return NULL: no memory */
struct client_path *client_path_new(struct client *client, const struct config_path *settings, bool added);
/** Free with its carrier, without a word. */
void client_path_free(struct client_path *path);
/** Take new settings (role and weight are applied, others count for the next connection). @return 0; -ENOMEM: unchanged
 */
int client_path_configure(struct client_path *path, const struct config_path *settings);
/** Begin to connect, unless it does or need not. */
void client_path_connect(struct client_path *path);
/** Start over at once, or begin: something changed for the better, or what it stood on is gone. */
void client_path_reconnect(struct client_path *path, const char *reason);
/** It failed: wait, then try again. */
void client_path_retry(struct client_path *path, const char *why);
/** Link or address went away / may have come back. */
void client_path_lose(struct client_path *path, const char *reason);
void client_path_recover(struct client_path *path);
/** A route changed: go on by another gateway, if the device has another one now. */
void client_path_reroute(struct client_path *path);
/** Take the carrier (and its tunnel) of another path over by QUIC migration. @return 0; -errno: nothing has changed */
int client_path_adopt(struct client_path *path, struct client_path *from);
/** Free carrier and socket, outside of any call of the leg's. */
void client_path_drop(struct client_path *path);
/** Have this end's scheduler and the peer use the path as its settings and its state say. */
void client_path_tell(struct client_path *path);
/** Come to a state now. */
void client_path_set_state(struct client_path *path, enum path_state state);

/** BONDING_NO: let a spare path take the leg over from this one. @param reason for the log and the lists @return false:
 * no spare could, or there is nothing to take (client_plain.c) */
bool client_plain_move(struct client_path *from, const char *reason);
/** BONDING_NO: a path that was lost with the leg may have got a spare. */
void client_plain_settle(struct client *client);
/** BONDING_NO: begin to watch the leg for silence. */
void client_plain_watch(struct client *client);
/** The client's `watch` timer. */
void client_plain_on_watch(void *context, uint64_t now);

/** Another client took this user's place: let no path connect for a while, which grows with each time. Once until that
 * is over. */
void client_hold_back(struct client *client);
/** The session is forgotten: the next leg asks for a new one (client_leg.c). */
void client_forget_session(struct client *client);
/** The path's `ask` timer (client_leg.c). */
void client_leg_on_ask(void *context, uint64_t now);
/** What the legs of client paths are made with (client_leg.c). */
extern const struct carrier_hooks client_carrier_hooks;

#endif
