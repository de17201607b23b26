/* SPDX-License-Identifier: GPL-2.0-or-later */
/* server: the server's part of the hall: who may connect, which session and addresses they get, and when those go. */
#ifndef MPVPN_SERVER_H
#define MPVPN_SERVER_H

#include "config.h"
#include "masque/auth.h"
#include "masque/pool.h"
#include "os/netlink.h"
#include "quic/tls.h"
#include "worker.h"

/** A UDP socket that clients connect to. */
struct listener {
    struct server *server;     /**< whose */
    struct udp_socket *socket; /**< owned */
};

/** A server. */
struct server {
    struct worker *worker;          /**< datapath */
    struct netlink *netlink;        /**< for the device's addresses */
    const struct config *config;    /**< the daemon's; replaced by server_reload() */
    struct tls_context *tls;        /**< certificate and key; one reference */
    struct auth *auth;              /**< users of the configuration and of the users file; owned */
    struct pool *pool;              /**< inner addresses; owned */
    struct listener *listener;      /**< one for each Listen; owned */
    size_t listener_count;          /**< of them */
    struct session *sessions;       /**< all open */
    size_t session_count;           /**< of them */
    size_t handshaking;             /**< connections whose handshake is not complete */
    size_t connection_count;        /**< connections, with and without a session */
    bool stopping;                  /**< server_close() was called: nobody new comes in */
    struct timer sweeper;           /**< closes connections that never ask for a tunnel */
    uint8_t reset_key[32];          /**< stateless-reset tokens; from the private key */
    uint8_t token_key[16];          /**< address-validation tokens; likewise */
    struct log_limit refusals;      /**< bounds the log lines about refused clients */
    struct meter ended_sent;        /**< IP packets to clients whose sessions are over */
    struct meter ended_received;    /**< IP packets from them */
    char bond_text[JOIN_FIELD_MAX]; /**< value of the mpvpn-bond field of the answer under way */
    struct h3_field bond_field;     /**< that field */
    uint64_t handshakes;            /**< TLS handshakes completed */
    uint64_t resumed_handshakes;    /**< of them, resumed */
    uint64_t retries;               /**< Retry packets sent */
    uint64_t resets;                /**< stateless resets sent */
    uint64_t reset_window;          /**< ns, second in which resets are counted for their limit */
    unsigned reset_count;           /**< in that second */
};

/** Read certificate and users, make pool and keys, open sockets and the device. @return 0 or -errno with a sentence in
 * why */
int server_start(struct server *server, struct worker *worker, struct netlink *netlink, const struct config *config,
                 char *why, size_t why_size);
/** Tell every client goodbye; the last packets go out in the next turn. */
void server_close(struct server *server);
/** Free everything. Safe on a zeroed server. */
void server_fini(struct server *server);
/**
 * Take a new configuration: certificate, users, limits, routes and authority apply at once; changed Listen, Pool,
 * Device need a restart and are refused.
 * @return 0; -errno with a sentence in why: nothing was changed
 */
int server_reload(struct server *server, const struct config *config, char *why, size_t why_size);
/** Read users again after `user add|remove`; sessions of users who are gone or disabled are closed. @return as
 * server_reload() */
int server_reload_users(struct server *server, char *why, size_t why_size);
/** Close a session by its number. @return 0; -ENOENT */
int server_close_session(struct server *server, uint64_t id, const char *reason);
#endif
