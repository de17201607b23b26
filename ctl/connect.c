/* SPDX-License-Identifier: GPL-2.0-or-later */
/* connect: sockets are files NAME.sock in the runtime directory. A file that nobody listens at is a leftover and no
 * instance. It leaves out several requests under way: one is sent, its answer read, then the next. Invariant: a daemon
 * that does not answer within ANSWER_SECONDS is told as such, and nothing waits longer. Standards: JSON-RPC 2.0, one
 * object a line. */
#include "ctl/connect.h"

#include <errno.h>
#include <glob.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <sys/un.h>
#include <unistd.h>

#define ANSWER_SECONDS 10 /* a daemon that is alive answers in milliseconds */

/* @return the socket, or -errno */
static int connect_file(const char *file) {
    const struct timeval patience = {.tv_sec = ANSWER_SECONDS};
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    int fd, rc;

    if (strlen(file) >= sizeof address.sun_path) {
        return -ENAMETOOLONG;
    }
    memcpy(address.sun_path, file, strlen(file) + 1);
    fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (fd < 0) {
        return -errno;
    }
    setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof patience);
    setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &patience, sizeof patience);
    if (connect(fd, (const struct sockaddr *)&address, sizeof address) < 0) {
        rc = -errno;
        close(fd);
        return rc;
    }
    return fd;
}

/* Tell why one socket could not be connected to. */
static int fail_file(const char *file, int rc, enum exit_status *status, char *why, size_t why_size) {
    *status = rc == -EACCES ? EXIT_REFUSED : EXIT_NO_DAEMON;
    if (rc == -EACCES) {
        snprintf(why, why_size, "%s: %s: only root and the control group may use it", file, strerror(-rc));
    } else if (rc == -ENOENT || rc == -ECONNREFUSED) {
        snprintf(why, why_size, "no mpvpnd is running at %s", file);
    } else {
        snprintf(why, why_size, "%s: %s", file, strerror(-rc));
    }
    return -1;
}

/* "NAME" of "DIRECTORY/NAME.sock". */
static void print_name(const char *file, char *name, size_t size) {
    const char *base = strrchr(file, '/') + 1;

    snprintf(name, size, "%.*s", (int)(strlen(base) - strlen(".sock")), base);
}

/* The only instance that runs. */
static int connect_only(enum exit_status *status, char *why, size_t why_size) {
    glob_t found = {0};
    char names[256] = "", name[64];
    int fd = -1, running = 0, denied = -1;

    glob(RUNTIME_DIR "/*.sock", 0, NULL, &found);
    for (size_t i = 0; i < found.gl_pathc; i++) {
        int one = connect_file(found.gl_pathv[i]);
        size_t n = strlen(names);

        if (one < 0 && one != -EACCES) {
            continue;
        }
        print_name(found.gl_pathv[i], name, sizeof name);
        snprintf(names + n, sizeof names - n, "%s%s", running++ ? ", " : "", name);
        denied = one < 0 ? (int)i : denied;
        if (one >= 0 && fd >= 0) {
            close(fd);
        }
        fd = one >= 0 ? one : fd;
    }
    *status = running > 1 ? EXIT_USAGE : EXIT_NO_DAEMON;
    if (running == 0) {
        snprintf(why, why_size, "no mpvpnd is running");
    } else if (running > 1) {
        snprintf(why, why_size, "several instances are running (%s): say which, by -n NAME", names);
    } else if (fd < 0) {
        fail_file(found.gl_pathv[denied], -EACCES, status, why, why_size);
    }
    if (running > 1 && fd >= 0) {
        close(fd);
        fd = -1;
    }
    globfree(&found);
    return fd;
}

int connect_daemon(const char *socket_file, const char *name, enum exit_status *status, char *why, size_t why_size) {
    char file[256];
    int fd;

    if (!socket_file && !name) {
        return connect_only(status, why, why_size);
    }
    snprintf(file, sizeof file, socket_file ? "%s" : RUNTIME_DIR "/%s.sock", socket_file ? socket_file : name);
    fd = connect_file(file);
    return fd < 0 ? fail_file(file, fd, status, why, why_size) : fd;
}

static int send_line(int fd, const char *line) {
    struct iovec vectors[2] = {{(void *)line, strlen(line)}, {(void *)"\n", 1}};
    struct msghdr message = {.msg_iov = vectors, .msg_iovlen = 2};

    while (vectors[1].iov_len > 0) {
        ssize_t n = sendmsg(fd, &message, MSG_NOSIGNAL);
        size_t first;

        if (n < 0) {
            return -errno;
        }
        first = (size_t)n < vectors[0].iov_len ? (size_t)n : vectors[0].iov_len;
        vectors[0].iov_base = (char *)vectors[0].iov_base + first;
        vectors[0].iov_len -= first;
        vectors[1].iov_len -= (size_t)n - first;
    }
    return 0;
}

/* Read up to a newline. @return the line, the caller's to free, or NULL with errno set (0: closed) */
static char *read_line(int fd, size_t *length) {
    size_t size = 4096, used = 0;
    char *line = malloc(size);

    while (line) {
        ssize_t n = recv(fd, line + used, size - used, 0);
        char *grown;

        if (n <= 0) {
            errno = n == 0 ? 0 : errno;
            break;
        }
        used += (size_t)n;
        if (line[used - 1] == '\n') {
            *length = used - 1;
            return line;
        }
        if (used < size) {
            continue;
        }
        grown = realloc(line, size *= 2);
        if (!grown) {
            break;
        }
        line = grown;
    }
    free(line);
    return NULL;
}

enum exit_status connect_call(int fd, const char *method, json_t *params, json_t **result,
                              struct jsonrpc_error *error) {
    char *request = jsonrpc_request_line(1, method, params), *answer = NULL;
    size_t length = 0;
    int rc = request ? send_line(fd, request) : -ENOMEM;

    free(request);
    if (rc == 0 && !(answer = read_line(fd, &length))) {
        rc = -errno;
    }
    if (!answer) {
        jsonrpc_fail(error, JSONRPC_INTERNAL, "the daemon does not answer%s%s", rc && rc != -EAGAIN ? ": " : "",
                     rc && rc != -EAGAIN ? strerror(-rc) : "");
        return EXIT_NO_DAEMON;
    }
    rc = jsonrpc_read_answer(answer, length, result, error);
    free(answer);
    if (rc == -EBADMSG) {
        jsonrpc_fail(error, JSONRPC_INTERNAL, "what answers is not mpvpnd");
        return EXIT_NO_DAEMON;
    }
    return rc < 0 ? EXIT_REFUSED : EXIT_DONE;
}
