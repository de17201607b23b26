/* SPDX-License-Identifier: GPL-2.0-or-later */
/* client: the client's part of the hall: finding the way to the server, connecting and coming back, and this host's addresses and routes. */
#ifndef MPVPN_CLIENT_H
#define MPVPN_CLIENT_H

#include "config.h"
#include "os/netlink.h"
#include "os/resolve.h"
#include "quic/tls.h"
#include "worker.h"

/** What a path is doing; names in UX: down, connecting, up, waiting. */
enum path_state {
    PATH_DOWN,       /**< no link, no address or no route: waits for the kernel to say that this changed */
    PATH_RESOLVING,  /**< the server's name is being looked up (shown as "connecting") */
    PATH_CONNECTING, /**< carrier is set: handshake or request under way */
    PATH_UP,         /**< carrier is set: the tunnel is open */
    PATH_LOST,       /**< carrier is set: link or address went away under an open tunnel; it is kept for as long as it lives (shown as "down") */
    PATH_WAITING     /**< after a failure: until `retry` is due */
};

/** A way to the server: a device, and the carrier that uses it. */
struct client_path {
    struct client *client;          /**< whose */
    const struct config_path *config; /**< its section; NULL: the device that leads to the server */
    char device[IFNAMSIZ];          /**< interface in use; "" while unknown */
    char *host;                     /**< name or address of the server for this path; owned */
    uint16_t port;                  /**< its port */
    enum path_state state;          /**< what it is doing */
    uint64_t since;                 /**< ns, when it came to that state */
    char reason[200];               /**< why it is down or waiting, or why the last attempt failed */
    char ending[200];               /**< why the carrier is being closed, when it is we who close it; "" otherwise */
    struct ip_addr source;          /**< our outer address */
    struct ip_addr gateway;         /**< next hop; version 0: on-link */
    union sock_addr remote;         /**< the server's endpoint in use */
    struct udp_socket *socket;      /**< owned, while there is a carrier */
    struct carrier *carrier;        /**< owned, in CONNECTING and UP */
    struct timer retry;             /**< end of WAITING */
    struct timer ask;               /**< before the 200: give up; after it: ask for addresses if none came by itself */
    uint64_t opened;                /**< ns, when the tunnel came up last */
    bool assigned;                  /**< addresses came since then */
    unsigned failures;              /**< in a row */
    bool ruled;                     /**< the source rule is set … */
    struct ip_addr ruled_source;    /**< … for this address … */
    unsigned ruled_ifindex;         /**< … and this device's table */
    unsigned ifindex;               /**< of the device */
};

/** A client. */
struct client {
    struct worker *worker;          /**< datapath */
    struct netlink *netlink;        /**< for everything of the kernel's */
    const struct config *config;    /**< the daemon's; replaced by client_reload() */
    struct tls_context *tls;        /**< trust; one reference */
    struct resolve *resolve;        /**< owned */
    struct client_path path;        /**< the one path */
    struct session *session;        /**< owned; lives from start to end */
    struct ip_addr server_addr[RESOLVE_MAX]; /**< the last good answer of the resolver, kept for when it lies behind the tunnel */
    size_t server_addr_count;       /**< of them */
    size_t server_addr_next;        /**< which to try next */
    uint8_t token[256];             /**< address-validation token for the next connection */
    size_t token_length;            /**< bytes */
    struct ip_prefix installed[SESSION_ADDRESSES_MAX]; /**< addresses on the device */
    size_t installed_count;         /**< of them */
    struct ip_prefix *routed;       /**< routes into the tunnel that are set; owned */
    size_t routed_count;            /**< of them */
    uint32_t mtu_bytes;             /**< of the device now */
    bool device_up;                 /**< the device was configured */
    bool stopping;                  /**< no more reconnects */
    uint64_t connects;              /**< times the tunnel came up */
};

/** Make the session, open the device and begin to connect. @return 0 or -errno with a sentence in why */
int client_start(struct client *client, struct worker *worker, struct netlink *netlink, const struct config *config, char *why, size_t why_size);
/** Say goodbye to the server; the last packet goes out in the next turn. */
void client_close(struct client *client);
/** Free everything. Safe on a zeroed client. */
void client_fini(struct client *client);
/** Take a new configuration; a changed server, token, pin or path reconnects at once. @return 0; -errno with a sentence in why: nothing was changed */
int client_reload(struct client *client, const struct config *config, char *why, size_t why_size);
/** The kernel's links, addresses or routes changed (netlink hooks). */
void client_on_link(struct client *client, unsigned ifindex, bool present, bool up);
void client_on_address(struct client *client, unsigned ifindex, const struct ip_addr *addr, bool present);
void client_on_route(struct client *client);
/** A state's name as users see it. */
const char *path_state_name(enum path_state state);

#endif
