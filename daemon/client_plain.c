/* SPDX-License-Identifier: GPL-2.0-or-later */
/* client_plain: the one leg of a session whose server does not bond, moved from path to path.
 *
 * How it works: one path carries the tunnel, the others are spares, which have shown by a handshake that they reach the
 * server. When the carrying path loses link or address, is removed, or falls silent, a spare takes its connection over
 * by QUIC migration: the server sees another address of the same client, and nothing inside the tunnel ends. The path
 * that lost it connects again to show that it works, and is a spare then. Silence is told by a timer: something was
 * sent and for SILENT_AFTER nothing came, which a leg of a client with several paths never does, as it is kept alive
 * every second. Left out: the migration itself (client_path_adopt(), conn_migrate()), and a tunnel whose connection is
 * over, which a spare opens anew (client_leg.c). Invariant: with BONDING_NO at most one path has a leg that is
 * attached. Standards: RFC 9000 section 9; mpvpn-protocol(7). */
#include <stdio.h>
#include <utlist.h>

#include "client_path.h"

#define LOOK_EVERY (NS_PER_SEC / 4)
#define SILENT_AFTER (2 * NS_PER_SEC)

/* The path that carries the tunnel, or NULL. */
static struct client_path *carrying(const struct client *client) {
    struct client_path *path;
    DL_FOREACH(client->paths, path) if (path->carrier && path->carrier->session) return path;
    return NULL;
}

/* Give the leg to a spare, a primary one if there is any. @return whether one took it */
static bool hand_over(struct client_path *from) {
    struct client *client = from->client;
    for (int backup = 0; backup < 2; backup++) {
        struct client_path *path;
        DL_FOREACH(client->paths, path)
        if (path->state == PATH_SPARE && path->settings.backup == backup && !path->removing &&
            !client_path_adopt(path, from))
            return true;
    }
    return false;
}

bool client_plain_move(struct client_path *from, const char *reason) {
    const struct client *client = from->client;
    char why[sizeof from->reason];
    snprintf(why, sizeof why, "%s", reason); /* which may be from->reason */
    if (client->bonding != BONDING_NO || !client_path_leg(from) || !hand_over(from))
        return false;
    if (!from->removing)
        client_path_retry(from, why);
    return true;
}

void client_plain_settle(struct client *client) {
    struct client_path *path = carrying(client);
    if (path && path->state == PATH_LOST)
        client_plain_move(path, path->reason);
}

void client_plain_watch(struct client *client) {
    if (client->watch.place)
        return;
    client->watched = NULL;
    timer_set(&client->worker->timers, &client->watch, loop_now(client->worker->loop) + LOOK_EVERY);
}

static bool has_spare(const struct client *client) {
    const struct client_path *path;
    DL_FOREACH(client->paths, path) if (path->state == PATH_SPARE) return true;
    return false;
}

/* Take a look at a leg. What the server says of itself tells nothing of what we send: a path may die in one direction
 * only. And our acknowledgements get no answer, so the leg is asked when something went. @return whether it is silent
 */
static bool is_silent(struct client *client, const struct client_path *path, uint64_t now) {
    struct conn_statistics s;
    conn_statistics(leg_conn(path->carrier->leg), &s);
    if (client->watched != path || s.answers != client->answers) {
        client->watched = path;
        client->answers = s.answers;
        client->asked = s.packets_sent;
        client->asked_at = 0;
    } else if (!client->asked_at && s.packets_sent != client->asked) {
        client->asked_at = now;
        conn_ping(leg_conn(path->carrier->leg));
        carrier_mark(path->carrier);
    }
    return client->asked_at && now - client->asked_at >= SILENT_AFTER;
}

void client_plain_on_watch(void *context, uint64_t now) {
    struct client *client = context;
    struct client_path *path = carrying(client);
    if (client->bonding != BONDING_NO || client->stopping || !has_spare(client))
        return;
    if (path && path->state == PATH_UP && is_silent(client, path, now))
        client_plain_move(path, "nothing heard from the server");
    timer_set(&client->worker->timers, &client->watch, now + LOOK_EVERY);
}
