/* SPDX-License-Identifier: GPL-2.0-or-later */
/* server_session: the server's sessions: opened by a request, joined by further legs, kept for a while without any
 * (linger), ended. */
#ifndef MPVPN_SERVER_SESSION_H
#define MPVPN_SERVER_SESSION_H

#include "server.h"
#include "tunnel.h"

/**
 * Open a session on a carrier.
 * @param user NULL: none (RequireToken = no)
 * @param join the request's mpvpn-bond field, when it asked for a new bonded session; NULL: plain
 * @return 0; -EUSERS: the user has too many; -ENFILE: the server is full; -ENETUNREACH: nothing of the scope is routed;
 * -ENOSPC: no address is free; -ENOMEM; -EIO: TLS
 */
int server_session_open(struct server *server, struct carrier *carrier, const struct auth_user *user,
                        const struct connect_ip_scope *scope, const struct join_field *join);
/**
 * Let a carrier join a session.
 * @param join the request's mpvpn-bond field; worker is set on -EXDEV
 * @return 0; -EKEYREJECTED: no such session of this user, or a wrong proof (alike); -EMLINK: the session has all the
 * legs that it may have; -EXDEV: it is another worker's
 */
int server_session_join(struct server *server, struct carrier *carrier, const struct auth_user *user,
                        struct join_field *join, int64_t stream_id);
/** A carrier is going: its session lingers if that was the last one, or ends. */
void server_session_leave(struct server *server, struct carrier *carrier, const char *reason);
/** End a session now; its carriers are told the reason and go. */
void server_session_evict(struct server *server, struct session *session, const char *reason);
/** End a session without a word; its carriers must be gone. */
void server_session_end(struct server *server, struct session *session);
/** The value of the answer's mpvpn-bond field for a carrier of a bonded session. @return length, 0: its session is
 * plain */
size_t server_session_answer(const struct carrier *carrier, char *out, size_t size);

#endif
