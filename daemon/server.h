/* SPDX-License-Identifier: GPL-2.0-or-later */
/* server: the server's part of the hall, as one worker has it: who may connect, which session and addresses they get,
 * and when those go. What its workers share is in shared.h, who starts them in crew.h. */
#ifndef MPVPN_SERVER_H
#define MPVPN_SERVER_H

#include "config.h"
#include "masque/auth.h"
#include "quic/tls.h"
#include "shared.h"
#include "worker.h"

/** A UDP socket that clients connect to. */
struct listener {
    struct server *server;     /**< whose */
    struct udp_socket *socket; /**< owned */
};

/** What a server goes by. Borrowed from the crew, which replaces it as a whole. */
struct policy {
    const struct config *config; /**< the daemon's */
    struct tls_context *tls;     /**< certificate and key */
    struct auth *auth;           /**< users of the configuration and of the users file */
    enum sched_id scheduler;     /**< what sessions begin with */
    uint8_t reset_key[32];       /**< stateless-reset tokens; from the private key */
    uint8_t token_key[16];       /**< address-validation tokens; likewise */
};

/** What one worker of a server has; touched by that worker's thread alone. */
struct server {
    struct worker *worker;          /**< datapath */
    struct shared *shared;          /**< what all workers have in common */
    struct policy policy;           /**< in force; replaced by server_take_policy() */
    struct listener *listener;      /**< one for each Listen; owned */
    size_t listener_count;          /**< of them */
    struct session *sessions;       /**< all open */
    size_t handshaking;             /**< connections whose handshake is not complete */
    bool stopping;                  /**< server_close() was called: nobody new comes in */
    struct timer sweeper;           /**< closes connections that never ask for a tunnel */
    struct log_limit refusals;      /**< bounds the log lines about refused clients */
    uint64_t asked;                 /**< ns, when a user's clients were asked last whether they are still there */
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

/** Open a worker's part of a server: its sockets. Its TUN queue is open. @param policy copied @return 0 or -errno with
 * a sentence in why */
int server_start(struct server *server, struct worker *worker, struct shared *shared, const struct policy *policy,
                 char *why, size_t why_size);
/** Tell every client goodbye; the last packets go out in the next turn. */
void server_close(struct server *server);
/** Free everything. Safe on a zeroed server. */
void server_fini(struct server *server);
/** Go by another policy from now on; sessions of users who are gone, disabled or have another
 * token are closed. @param policy copied */
void server_take_policy(struct server *server, const struct policy *policy);
/** Set the scheduler of all sessions, and of those to come. */
void server_set_scheduler(struct server *server, enum sched_id id);
/** End a session by its number. @param reason as the CLOSE capsule has it; NULL: it lingers @return 0; -ENOENT */
int server_evict(struct server *server, uint64_t id, const char *reason);
#endif
