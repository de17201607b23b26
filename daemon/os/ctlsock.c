/* SPDX-License-Identifier: GPL-2.0-or-later */
/* ctlsock: a UNIX stream socket that turns bytes into lines and queues answers.
 * Reading: line by line into one buffer per client, so much in a turn that a client which never stops does not keep the
 * loop from anything else; a line longer than the buffer is discarded up to its newline. Writing: at once if the kernel
 * takes it, the rest is queued and goes out as the peer reads. A client that sends and then closes its half still gets
 * its answers, one for each line, and is closed after them. A client is freed only in its own on_ready, so that
 * ctlsock_send() may be called with it at any time before on_closed: a failed or overfull client is shut down, which
 * wakes its watch. It leaves out what a line means, and time-outs: who may connect is no stranger. Invariants: the
 * socket is read until empty or watched anew (the watch may be edge-triggered); the file removed at the end is the one
 * made here. Hooks must not call ctlsock_close(). Standards: unix(7): SO_PEERCRED, SO_PEERGROUPS. */
#include "os/ctlsock.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "common/account.h"
#include "common/log.h"
#include "os/patience.h"

#define LINE_MAX_BYTES (64u * 1024)          /* longest line, without its newline */
#define UNREAD_MAX_BYTES (16u * 1024 * 1024) /* a client with more of its answers unread is cut off */
#define READ_TURN_BYTES (64u * 1024)         /* read of a client in a turn … */
#define READ_TURN_LINES 64u                  /* … or so many lines and what came with the last */
#define READ_BYTES 4096u                     /* read at a time */
#define CLIENTS_MAX 256u                     /* more are turned away */
#define BACKLOG 32
#define GROUPS_MAX 1024u /* supplementary groups looked at; the kernel's limit is 65,536, people have tens */

#ifndef SO_PEERGROUPS
#define SO_PEERGROUPS 59
#endif

/** One connection. */
struct ctlsock_client {
    struct ctlsock *socket;        /**< whose it is */
    struct ctlsock_client *next;   /**< in socket->clients */
    int fd;                        /**< non-blocking */
    struct loop_watch watch;       /**< on the loop */
    struct ucred peer;             /**< who connected */
    bool in_group;                 /**< the peer is in the socket's group */
    bool discarding;               /**< inside a line that was too long */
    bool eof;                      /**< the peer sends nothing more */
    bool dead;                     /**< shut down; to be freed in on_ready */
    unsigned owed;                 /**< lines without an answer so far */
    size_t have;                   /**< bytes in line */
    char *output;                  /**< answers not taken by the kernel */
    size_t output_begin;           /**< first unsent byte in output */
    size_t output_end;             /**< end of them */
    size_t output_size;            /**< bytes allocated */
    char line[LINE_MAX_BYTES + 1]; /**< what came of the present line, and its newline or NUL */
};

struct ctlsock {
    struct loop *loop;                                         /**< borrowed */
    struct ctlsock_hooks hooks;                                /**< whom to tell */
    int fd;                                                    /**< listening */
    int spare;                                                 /**< a copy of it: given up when no descriptor is left */
    struct loop_watch watch;                                   /**< on the loop */
    char path[sizeof(((struct sockaddr_un *)NULL)->sun_path)]; /**< where */
    bool bound;                                                /**< the file was made by us */
    dev_t device;                                              /**< which file that is */
    ino_t inode;                                               /**< likewise */
    gid_t group;                                               /**< members may write */
    struct ctlsock_client *clients;                            /**< all connections */
    unsigned client_count;                                     /**< how many */
    struct log_limit refused;                                  /**< for the log line about too many */
};

/** End a connection; its watch wakes and frees it. */
static void client_abandon(struct ctlsock_client *client) {
    client->dead = true;
    shutdown(client->fd, SHUT_RDWR);
}

static void client_free(struct ctlsock_client *client) {
    struct ctlsock *socket = client->socket;
    struct ctlsock_client **link = &socket->clients;

    loop_unwatch(&client->watch);
    while (*link != client)
        link = &(*link)->next;
    *link = client->next;
    socket->client_count--;
    socket->hooks.on_closed(socket->hooks.context, client);
    shutdown(client->fd, SHUT_RDWR); /* the ring may hold the file a little longer than we do */
    close(client->fd);
    free(client->output);
    free(client);
}

/** Whether the peer sends nothing more and has got all its answers. */
static bool client_finished(const struct ctlsock_client *client) {
    return client->eof && client->owed == 0 && client->output_begin == client->output_end;
}

/** Ask for what is of interest now: input until it ends, output while some is queued; a hang-up is always told. */
static void client_rewatch(struct ctlsock_client *client) {
    uint32_t events = (client->eof ? 0u : POLLIN) | (client->output_begin < client->output_end ? POLLOUT : 0u);

    if (events != client->watch.events)
        loop_rewatch(&client->watch, events);
}

/** Hand queued answers to the kernel until it takes no more. */
static void client_flush(struct ctlsock_client *client) {
    while (client->output_begin < client->output_end && !client->dead) {
        ssize_t sent = send(client->fd, client->output + client->output_begin,
                            client->output_end - client->output_begin, MSG_DONTWAIT | MSG_NOSIGNAL);

        if (sent < 0 && errno == EINTR)
            continue;
        if (sent < 0 && (errno == EAGAIN || errno == EWOULDBLOCK))
            return;
        if (sent < 0) {
            client_abandon(client);
            return;
        }
        client->output_begin += (size_t)sent;
    }
    if (client->output_begin < client->output_end)
        return;
    client->output_begin = client->output_end = 0;
    if (client->output_size <= LINE_MAX_BYTES)
        return;
    free(client->output);
    client->output = NULL;
    client->output_size = 0;
}

/** Make room for more bytes at the end of the queue. @return false: no memory */
static bool client_reserve(struct ctlsock_client *client, size_t bytes) {
    size_t pending = client->output_end - client->output_begin, size = client->output_size ? client->output_size : 4096;
    char *larger;

    if (client->output_begin > 0) {
        memmove(client->output, client->output + client->output_begin, pending);
        client->output_begin = 0;
        client->output_end = pending;
    }
    if (client->output_size - pending >= bytes)
        return true;
    while (size - pending < bytes)
        size *= 2;
    larger = realloc(client->output, size);
    if (!larger)
        return false;
    client->output = larger;
    client->output_size = size;
    return true;
}

void ctlsock_send(struct ctlsock_client *client, const char *text, size_t length) {
    size_t pending = client->output_end - client->output_begin;

    if (client->dead)
        return;
    if (length >= UNREAD_MAX_BYTES || pending + length + 1 > UNREAD_MAX_BYTES) {
        log_warning("control socket: a client of uid %u does not read its answers, cut off", client->peer.uid);
        client_abandon(client);
        return;
    }
    if (!client_reserve(client, length + 1)) {
        client_abandon(client);
        return;
    }
    memcpy(client->output + client->output_end, text, length);
    client->output[client->output_end + length] = '\n';
    client->output_end += length + 1;
    client_flush(client);
    ctlsock_pass(client);
}

void ctlsock_pass(struct ctlsock_client *client) {
    if (client->owed > 0)
        client->owed--;
    if (client_finished(client))
        client_abandon(client);
    else if (!client->dead)
        client_rewatch(client);
}

/** Hand out the lines that are complete; the beginning of the next one moves to the front. @return how many */
static unsigned client_lines(struct ctlsock_client *client) {
    const struct ctlsock_hooks *hooks = &client->socket->hooks;
    unsigned lines = 0;
    char *begin = client->line, *end = client->line + client->have, *newline;

    while (!client->dead && (newline = memchr(begin, '\n', (size_t)(end - begin)))) {
        *newline = '\0';
        if (!client->discarding) {
            client->owed++;
            hooks->on_line(hooks->context, client, begin, (size_t)(newline - begin));
        }
        client->discarding = false;
        begin = newline + 1;
        lines++;
    }
    client->have = (size_t)(end - begin);
    if (client->discarding)
        client->have = 0;
    memmove(client->line, begin, client->have);
    if (client->have < sizeof client->line)
        return lines;
    client->have = 0;
    client->discarding = true;
    client->owed++;
    hooks->on_oversize(hooks->context, client);
    return lines;
}

/** Read what one turn allows. @return whether there may be more */
static bool client_read(struct ctlsock_client *client) {
    size_t bytes = 0;
    unsigned lines = 0;

    while (!client->dead && !client->eof) {
        size_t room = sizeof client->line - client->have;
        ssize_t got;

        if (bytes >= READ_TURN_BYTES || lines >= READ_TURN_LINES)
            return true;
        got = recv(client->fd, client->line + client->have, room < READ_BYTES ? room : READ_BYTES, MSG_DONTWAIT);
        if (got < 0 && errno == EINTR)
            continue;
        if (got < 0 && (errno == EAGAIN || errno == EWOULDBLOCK))
            return false;
        if (got < 0) {
            client->dead = true;
        } else if (got == 0) {
            client->eof = true;
        } else {
            bytes += (size_t)got;
            client->have += (size_t)got;
            lines += client_lines(client);
        }
    }
    return false;
}

static void on_client_ready(void *context, uint32_t revents) {
    struct ctlsock_client *client = context;
    bool more = client_read(client);

    client_flush(client);
    if (client->dead || client_finished(client) || (!more && revents & (POLLHUP | POLLERR | POLLNVAL)))
        client_free(client);
    else if (more)
        loop_rewatch(&client->watch, client->watch.events); /* wakes again though nothing new comes */
    else
        client_rewatch(client);
}

/** Whether the peer's primary or a supplementary group is this one. */
static bool peer_in_group(int fd, const struct ucred *peer, gid_t group) {
    gid_t groups[GROUPS_MAX];
    socklen_t size = sizeof groups;

    if (peer->gid == group)
        return true;
    if (getsockopt(fd, SOL_SOCKET, SO_PEERGROUPS, groups, &size) < 0)
        return false;
    for (size_t i = 0; i < size / sizeof *groups; i++)
        if (groups[i] == group)
            return true;
    return false;
}

/** Take a new connection over. @return 0 or -errno (the descriptor is still the caller's) */
static int client_new(struct ctlsock *socket, int fd) {
    struct ctlsock_client *client = calloc(1, sizeof *client);
    socklen_t size = sizeof client->peer;
    int rc;

    if (!client)
        return -ENOMEM;
    client->socket = socket;
    client->fd = fd;
    if (getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &client->peer, &size) < 0) {
        rc = -errno;
        goto err_client;
    }
    client->in_group = peer_in_group(fd, &client->peer, socket->group);
    client->watch = (struct loop_watch){.fd = fd, .events = POLLIN, .on_ready = on_client_ready, .context = client};
    rc = loop_watch(socket->loop, &client->watch);
    if (rc)
        goto err_client;
    client->next = socket->clients;
    socket->clients = client;
    socket->client_count++;
    return 0;

err_client:
    free(client);
    return rc;
}

static void refuse(struct ctlsock *socket, const char *why) {
    if (log_limit_allows(&socket->refused, loop_now(socket->loop)))
        log_warning("control socket: connection refused: %s", why);
}

/** Turn one connection away that there is no descriptor for: left waiting, it would wake us again and again. @return
 * whether there was one */
static bool turn_away(struct ctlsock *socket) {
    int fd;

    close(socket->spare);
    fd = accept4(socket->fd, NULL, NULL, SOCK_CLOEXEC);
    if (fd >= 0)
        close(fd);
    socket->spare = fcntl(socket->fd, F_DUPFD_CLOEXEC, 0);
    return fd >= 0;
}

static void on_listener_ready(void *context, uint32_t revents) {
    struct ctlsock *socket = context;

    (void)revents;
    for (;;) {
        int fd = accept4(socket->fd, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);
        int rc;

        if (fd < 0 && (errno == EINTR || errno == ECONNABORTED))
            continue;
        if (fd < 0 && (errno == EMFILE || errno == ENFILE)) {
            refuse(socket, strerror(errno));
            if (turn_away(socket))
                continue;
        }
        if (fd < 0)
            return;
        rc = socket->client_count < CLIENTS_MAX ? client_new(socket, fd) : -EMFILE;
        if (rc == 0)
            continue;
        refuse(socket, rc == -EMFILE ? "too many clients" : strerror(-rc));
        close(fd);
    }
}

/** Remove a socket file that nobody listens on. @return 0; -EADDRINUSE: somebody does; -EEXIST: it is no socket; other
 * -errno */
static int stale_remove(const struct sockaddr_un *address) {
    struct stat status;
    int fd, rc;

    if (lstat(address->sun_path, &status) < 0)
        return errno == ENOENT ? 0 : -errno;
    if (!S_ISSOCK(status.st_mode))
        return -EEXIST;
    fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (fd < 0)
        return -errno;
    rc = connect(fd, (const struct sockaddr *)address, sizeof *address) < 0 ? -errno : 0;
    close(fd);
    if (rc == 0 || rc == -EAGAIN)
        return -EADDRINUSE; /* EAGAIN: its backlog is full */
    if (rc != -ECONNREFUSED)
        return rc;
    return unlink(address->sun_path) < 0 && errno != ENOENT ? -errno : 0;
}

/** Group by name or number. @return as account_group() */
static int group_find(const char *name, gid_t *out) {
    int rc = account_group(name, out);
    char *end;
    unsigned long number;

    if (rc == 0)
        return 0;
    number = strtoul(name, &end, 10);
    if (name[0] < '0' || name[0] > '9' || *end || number >= (gid_t)-1)
        return rc;
    *out = (gid_t)number;
    return 0;
}

/** Make the file with its mode and group, and listen. @return 0 or -errno */
static int socket_bind(struct ctlsock *socket, const struct sockaddr_un *address, const char *group) {
    struct stat status;

    /* The mode before bind(): nobody can connect between bind() and chmod(). */
    if (fchmod(socket->fd, 0600) < 0 || bind(socket->fd, (const struct sockaddr *)address, sizeof *address) < 0)
        return -errno;
    socket->bound = true;
    if (lstat(socket->path, &status) < 0)
        return -errno;
    socket->device = status.st_dev;
    socket->inode = status.st_ino;
    if (!group)
        socket->group = status.st_gid;
    if (group && lchown(socket->path, (uid_t)-1, socket->group) < 0)
        return -errno;
    if (chmod(socket->path, 0660) < 0 || listen(socket->fd, BACKLOG) < 0)
        return -errno;
    return 0;
}

int ctlsock_open(struct loop *loop, const char *path, const char *group, const struct ctlsock_hooks *hooks,
                 struct ctlsock **out, char *why, size_t why_size) {
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    struct ctlsock *made;
    unsigned tries = 0;
    int rc = -ENOMEM;

    made = calloc(1, sizeof *made);
    if (!made)
        goto err_why;
    made->loop = loop;
    made->hooks = *hooks;
    made->fd = made->spare = -1;
    rc = -ENAMETOOLONG;
    if (strlen(path) >= sizeof made->path)
        goto err_close;
    strcpy(made->path, path);
    strcpy(address.sun_path, path);
    rc = group ? group_find(group, &made->group) : 0;
    if (rc) {
        if (rc == -ESRCH)
            snprintf(why, why_size, "control socket %s: there is no group \"%s\"", path, group);
        else
            snprintf(why, why_size, "control socket %s: the group \"%s\" cannot be looked up: %s", path, group,
                     strerror(-rc));
        ctlsock_close(made);
        return rc == -ESRCH ? -ENOENT : rc;
    }
    do
        rc = stale_remove(&address);
    while (rc == -EADDRINUSE && patience(&tries));
    if (rc)
        goto err_close;
    made->fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    rc = made->fd < 0 ? -errno : socket_bind(made, &address, group);
    if (rc)
        goto err_close;
    made->spare = fcntl(made->fd, F_DUPFD_CLOEXEC, 0);
    rc = made->spare < 0 ? -errno : 0;
    if (rc)
        goto err_close;
    made->watch = (struct loop_watch){.fd = made->fd, .events = POLLIN, .on_ready = on_listener_ready, .context = made};
    rc = loop_watch(loop, &made->watch);
    if (rc)
        goto err_close;
    *out = made;
    return 0;

err_close:
    ctlsock_close(made);
err_why:
    if (rc == -EADDRINUSE)
        snprintf(why, why_size, "control socket %s: another mpvpnd listens there", path);
    else if (rc == -EEXIST)
        snprintf(why, why_size, "control socket %s: there is a file that is no socket", path);
    else
        snprintf(why, why_size, "control socket %s: %s", path, strerror(-rc));
    return rc;
}

void ctlsock_close(struct ctlsock *socket) {
    struct stat status;

    if (!socket)
        return;
    while (socket->clients)
        client_free(socket->clients);
    loop_unwatch(&socket->watch);
    if (socket->bound && lstat(socket->path, &status) == 0 && status.st_dev == socket->device &&
        status.st_ino == socket->inode)
        unlink(socket->path);
    if (socket->spare >= 0)
        close(socket->spare);
    if (socket->fd >= 0)
        close(socket->fd);
    free(socket);
}

bool ctlsock_may_write(const struct ctlsock_client *client) {
    return client->peer.uid == 0 || client->peer.uid == geteuid() || client->in_group;
}

uid_t ctlsock_uid(const struct ctlsock_client *client) {
    return client->peer.uid;
}
