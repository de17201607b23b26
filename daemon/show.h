/* SPDX-License-Identifier: GPL-2.0-or-later */
/* show: what the hall has, as JSON for the control protocol: values, paths, sessions and their legs, what order and
 * repair have done. Names carry their unit; what is not known is null. Each function that makes JSON gives a new
 * reference. */
#ifndef MPVPN_SHOW_H
#define MPVPN_SHOW_H

#include <jansson.h>

#include "daemon.h"

/** Traffic as the client sees it. */
struct show_traffic {
    struct meter down; /**< towards the client */
    struct meter up;   /**< towards the server */
};

/** What all bonded sessions of a daemon have done together. */
struct show_bonding {
    size_t sessions;                   /**< bonded ones */
    struct reorder_statistics reorder; /**< sums, and the longest of times */
    struct outstanding_stats repair;   /**< sums */
    uint64_t legs;                     /**< in the sets of all that order reckons with */
    uint64_t outstanding_packets;      /**< neither acknowledged nor given up */
    uint64_t outstanding_bytes;        /**< memory kept for resending */
};

json_t *show_number(uint64_t value);
/** Nanoseconds as microseconds; TIME_NEVER: null. */
json_t *show_us(uint64_t ns);
/** Whole seconds from then to now. */
json_t *show_since(uint64_t then, uint64_t now);
/** A share in percent, three decimals; 0 of nothing. */
json_t *show_percent(uint64_t part, uint64_t whole);
/** A text; null for an empty one. */
json_t *show_text(const char *text);
/** An address; null if there is none. */
json_t *show_address(const struct ip_addr *addr);
/** Address and port; null if there is none. */
json_t *show_endpoint(const union sock_addr *addr);
json_t *show_prefixes(const struct ip_prefix *prefix, size_t count);

/** Set the six numbers of traffic in an object. */
void show_traffic(json_t *object, const struct show_traffic *traffic);
/** The scheduler in use: the client's session's, or what a server's sessions begin with. */
enum sched_id show_scheduler(const struct daemon *daemon);
/** What people call a client's path: its device, the one it is to have, or auto. */
const char *show_path_name(const struct client_path *path);
/** A client's path. */
json_t *show_path(const struct client_path *path, uint64_t now);
/** All paths of a client. */
json_t *show_paths(const struct client *client, uint64_t now);
/** A leg of a server's session, with the session's number and user: an object of `paths` of a server's statistics. */
json_t *show_leg(const struct session *session, const struct session_leg *leg, uint64_t now);
/** A server's session with its legs. */
json_t *show_session(struct session *session, uint64_t now);

/** Add what a session's order and repair have done; nothing for a plain session or NULL. */
void show_bonding_add(struct show_bonding *sum, const struct session *session);
/** What order has done; null without a bonded session. */
json_t *show_reorder(const struct show_bonding *bonding);
/** What repair has done; null without a bonded session. */
json_t *show_repair(const struct show_bonding *bonding);

#endif
