/* SPDX-License-Identifier: GPL-2.0-or-later */
/* client: the client's part of the hall: the paths to the server, the session that they carry together, and this host's
 * addresses and routes. */
#ifndef MPVPN_CLIENT_H
#define MPVPN_CLIENT_H

#include "common/log.h"
#include "config.h"
#include "os/netlink.h"
#include "os/resolve.h"
#include "quic/tls.h"
#include "tunnel.h"

#define CLIENT_PATHS_MAX SESSION_LEGS_MAX /**< paths at a time */

/** What a path is doing; names in UX: down, connecting, up, standby, suspect, waiting. */
enum path_state {
    PATH_DOWN,       /**< no link, no address or no route: waits for the kernel to say that this changed */
    PATH_RESOLVING,  /**< the server's name is being looked up (shown as "connecting") */
    PATH_CONNECTING, /**< carrier is set: handshake or request under way */
    PATH_UP,         /**< carrier is set: its leg is open */
    PATH_LOST,   /**< carrier is set: link or address went away under an open leg; it is kept for as long as it lives
                    (shown as "down") */
    PATH_SPARE,  /**< the server does not bond and another path carries the tunnel (shown as "standby") */
    PATH_WAITING /**< after a failure: until `retry` is due */
};

/** A way to the server: a device, and the carrier that uses it. */
struct client_path {
    struct client *client;           /**< whose */
    struct client_path *prev, *next; /**< client's list */
    struct config_path
        settings;           /**< its section; strings are its own; device "" : the device that leads to the server */
    bool added;             /**< made by `path add`, not by the file */
    char device[IFNAMSIZ];  /**< interface in use; "" while unknown */
    char *host;             /**< name or address of the server for this path; owned */
    uint16_t port;          /**< its port */
    enum path_state state;  /**< what it is doing */
    uint64_t since;         /**< ns, when it came to that state */
    char reason[200];       /**< why it is down or waiting, or why the last attempt failed */
    char ending[200];       /**< why the carrier is being closed, when it is we who close it; "" otherwise */
    unsigned ifindex;       /**< of the device */
    struct ip_addr source;  /**< our outer address */
    struct ip_addr gateway; /**< next hop; version 0: on-link */
    union sock_addr remote; /**< the server's endpoint in use, or the one that was tried last … */
    bool remote_failed;     /**< … without a leg coming of it */
    bool unheard;           /**< the last connection ended because nothing was heard any more */
    struct ip_addr
        server_addr[RESOLVE_MAX]; /**< the last good answer of the resolver, kept for when it lies behind the tunnel */
    size_t server_addr_count;     /**< of them */
    struct udp_socket *socket;    /**< owned, while there is a carrier */
    struct carrier *carrier;      /**< owned, in CONNECTING, UP and LOST */
    uint64_t opened;              /**< ns, when its leg opened last */
    uint64_t rtt;                 /**< ns, of its connection before, smoothed; 0: none was measured */
    bool requested;               /**< the carrier's request is on its way or answered */
    uint8_t joining[JOIN_ID_BYTES];     /**< ID of the session that it asked to join last */
    bool again;                         /**< this connection's end is no failure: the next begins at once */
    bool was_reset;                     /**< its leg ended by a stateless reset: that server has forgotten everything */
    bool doubted;                       /**< its server did not know the session while other legs seemed to work */
    bool removing;                      /**< `path remove`: gone once the carrier is */
    struct timer retry;                 /**< end of WAITING */
    struct timer ask;                   /**< after the 200: ask for addresses if none came by itself */
    unsigned failures;                  /**< in a row */
    uint64_t told;                      /**< ns, when a failure was last logged as a warning */
    bool ruled;                         /**< the source rule is set … */
    struct netlink_route_spec ruled_by; /**< … with this route in its table, whose source it is about */
};

/** Whether the server bonds, as far as we know. */
enum client_bonding {
    BONDING_UNKNOWN, /**< not asked yet, or the session is gone: one leg asks for a new one */
    BONDING_NO,      /**< the session is plain: one leg at a time */
    BONDING_YES      /**< session->bond_id and secret are set: further legs join */
};

/** A client. */
struct client {
    struct worker *worker;         /**< datapath */
    struct netlink *netlink;       /**< for everything of the kernel's */
    const struct config *config;   /**< the daemon's; replaced by client_reload() */
    struct tls_context *tls;       /**< trust, and session tickets; one reference */
    struct resolve *resolve;       /**< owned */
    struct client_path *resolving; /**< whose name is being looked up; NULL: none */
    struct client_path *paths;     /**< all; owned */
    size_t path_count;             /**< of them */
    struct tunnel *tunnel;         /**< owned; lives from start to end */
    struct session *session;       /**< of the tunnel */
    enum client_bonding bonding;   /**< what the server does */
    uint8_t server_worker;      /**< first byte of our connections' first DCIDs, the same on all paths so that they meet
                                   at one worker of the server; random until the server names its own by `w` */
    struct client_path *opener; /**< the path whose leg asks for a new session, or one if need be; NULL: none */
    uint8_t token[256];         /**< address-validation token for the next connection */
    size_t token_length;        /**< bytes */
    struct ip_prefix installed[SESSION_ADDRESSES_MAX]; /**< addresses on the device */
    size_t installed_count;                            /**< of them */
    struct log_limit unfit;                            /**< bounds the log line about addresses that are not used */
    struct log_limit renumbered;                       /**< likewise, about those that are */
    struct log_limit unroutable;                       /**< likewise, about routes that are too many */
    struct ip_prefix *routed;                          /**< routes into the tunnel that are set; owned */
    size_t routed_count;                               /**< of them */
    unsigned table;                    /**< the device's index at the start, by which its routing tables are numbered */
    bool assigned;                     /**< the server assigned addresses since the session was opened */
    uint32_t mtu_bytes;                /**< of the device now */
    bool device_up;                    /**< the device was configured … */
    bool device_down;                  /**< … and was down since: the kernel forgot addresses and routes */
    bool refused;                      /**< the kernel refused an address or a route of the device */
    bool stopping;                     /**< no more reconnects */
    struct timer watch;                /**< BONDING_NO: looks whether the leg is silent */
    const struct client_path *watched; /**< whose leg was looked at last; compared only */
    uint64_t answers;                  /**< packets received on it then that acknowledged something */
    uint64_t asked;                    /**< QUIC packets sent on it when that was last another number */
    uint64_t asked_at;                 /**< ns, since when more was sent and not answered; 0: not so */
    uint64_t held_until;               /**< ns: no path connects before: another client took this user's place */
    uint64_t replaced_at;              /**< ns, when that happened last */
    unsigned replaced;                 /**< how often it happened lately */
    uint64_t connects;                 /**< times the tunnel came up */
    uint64_t handshakes;               /**< TLS handshakes completed */
    uint64_t resumed_handshakes;       /**< of them, resumed */
};

/** Read whom to trust: what of a client's configuration shows only when it is used. Nothing is opened yet, so this is
 * also how to check it. @return 0 or -errno with a sentence in why; client_fini() is due either way */
int client_load(struct client *client, const struct config *config, char *why, size_t why_size);
/** Make the session of a client that was loaded, open the device and begin to connect. @return 0 or -errno with a
 * sentence in why */
int client_start(struct client *client, struct worker *worker, struct netlink *netlink, char *why, size_t why_size);
/** Say goodbye to the server; the last packets go out in the next turn. */
void client_close(struct client *client);
/** Free everything. Safe on a zeroed client. */
void client_fini(struct client *client);
/** Take a new configuration: changed paths come, go or reconnect; with a changed server, token or pin all do. @return
 * 0; -errno with a sentence in why: nothing was changed */
int client_reload(struct client *client, const struct config *config, char *why, size_t why_size);

/** Add a path while running. @param settings copied @return 0; -EEXIST; -ENOSPC: CLIENT_PATHS_MAX; -ENOMEM; with a
 * sentence in why */
int client_add_path(struct client *client, const struct config_path *settings, char *why, size_t why_size);
/** Remove a path; packets on it are sent again on others. @return 0; -ENOENT */
int client_remove_path(struct client *client, const char *device);
/** Change what a path is for: role, weight, when a backup is used, rate limit; the rest of the settings is ignored.
 * @return 0; -ENOENT */
int client_set_path(struct client *client, const char *device, const struct config_path *settings);
/** A path by its device. @return NULL: none */
struct client_path *client_find_path(struct client *client, const char *device);
/** Set the scheduler for both directions. */
void client_set_scheduler(struct client *client, enum sched_id id);

/** The kernel's links, addresses or routes changed (netlink hooks). */
void client_on_link(struct client *client, unsigned ifindex, bool present, bool up);
void client_on_address(struct client *client, unsigned ifindex, const struct ip_addr *addr, bool present);
void client_on_route(struct client *client);
/** A path's state as users see it: "up", "standby", "suspect" … */
const char *client_path_state(const struct client_path *path);
/** The session's slot of a path's leg, or NULL. */
struct session_leg *client_path_leg(const struct client_path *path);

#endif
