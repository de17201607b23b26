/* SPDX-License-Identifier: GPL-2.0-or-later */
/* ctlsock: the UNIX control socket: accepts, frames lines (64 KiB at most), knows who the peer is, queues answers of
 * any length without blocking. JSON is not its business. */
#ifndef MPVPN_OS_CTLSOCK_H
#define MPVPN_OS_CTLSOCK_H

#include <stddef.h>
#include <stdbool.h>
#include <sys/types.h>

#include "os/loop.h"

struct ctlsock;
struct ctlsock_client;

/** What the owner hears. */
struct ctlsock_hooks {
    /** One line without its newline, NUL-terminated; length excludes the NUL. The callee answers by ctlsock_send(), now
     * or later, or says by ctlsock_pass() that there is none. */
    void (*on_line)(void *context, struct ctlsock_client *client, const char *line, size_t length);
    /** A line was longer than 64 KiB: it is discarded up to its newline. */
    void (*on_oversize)(void *context, struct ctlsock_client *client);
    /** The client is gone: forget the pointer. */
    void (*on_closed)(void *context, struct ctlsock_client *client);
    void *context; /**< handed to all */
};

/**
 * Listen at path (a stale socket file is replaced; a live one is -EADDRINUSE), mode 0660, owned by group (NULL:
 * unchanged).
 * @return 0 or -errno with a sentence in why
 */
int ctlsock_open(struct loop *loop, const char *path, const char *group, const struct ctlsock_hooks *hooks,
                 struct ctlsock **out, char *why, size_t why_size);
/** Close all clients and remove the file. NULL is fine. */
void ctlsock_close(struct ctlsock *socket);
/** Queue text + newline to a client. A client with more than 16 MiB unread is cut off. */
void ctlsock_send(struct ctlsock_client *client, const char *text, size_t length);
/** A line is not answered: a client that has sent all it wants to waits for nothing more because of it. */
void ctlsock_pass(struct ctlsock_client *client);
/** Whether the peer may change things: uid 0, our own uid, or a member of the socket's group (SO_PEERCRED,
 * SO_PEERGROUPS). */
bool ctlsock_may_write(const struct ctlsock_client *client);
/** Peer's uid, for the log. */
uid_t ctlsock_uid(const struct ctlsock_client *client);

#endif
