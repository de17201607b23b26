/* SPDX-License-Identifier: GPL-2.0-or-later */
/* privs_daemon: going into the background, and telling those who wait that we are ready.
 * The parent waits at a pipe: a byte says that the child serves, end-of-file that it died. The PID file is locked
 * rather than trusted: the lock goes with the process, so a file left by a crash is simply written again. sd_notify's
 * protocol is one datagram and needs no library. It leaves out a second fork: the daemon never opens a terminal without
 * O_NOCTTY. Invariant: `waiting` is set between privs_daemonize() and privs_ready() only. Standards: daemon(7),
 * sd_notify(3). */
#include "os/privs.h"

#include <errno.h>
#include <fcntl.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

/** Who waits for us: a fact of the process, like its PID, hence not in a structure that somebody owns. */
static struct {
    int parent_fd; /**< our end of the parent's pipe; 0: nobody waits */
    int null_fd;   /**< /dev/null, for standard error once we are ready */
} waiting;

/** Lock and open the PID file. @return its descriptor, which must stay open; -EEXIST: a live process holds it; other
 * -errno */
static int pid_file_open(const char *path) {
    int fd = open(path, O_RDWR | O_CREAT | O_NOFOLLOW | O_CLOEXEC, 0644);
    int rc;

    if (fd < 0)
        return -errno;
    if (flock(fd, LOCK_EX | LOCK_NB) == 0)
        return fd;
    rc = errno == EWOULDBLOCK ? -EEXIST : -errno;
    close(fd);
    return rc;
}

/** Write our PID. @return 0 or -errno */
static int pid_file_write(int fd) {
    char text[24];
    int length = snprintf(text, sizeof text, "%ld\n", (long)getpid());
    ssize_t written;

    if (ftruncate(fd, 0) < 0)
        return -errno;
    written = write(fd, text, (size_t)length);
    return written == length ? 0 : written < 0 ? -errno : -ENOSPC;
}

/** The parent: wait for the child's byte or its end. */
static void __attribute__((noreturn)) parent_wait(int fd, pid_t child) {
    char byte;
    ssize_t got;

    do
        got = read(fd, &byte, 1);
    while (got < 0 && errno == EINTR);
    if (got == 1)
        _exit(0);
    waitpid(child, NULL, 0);
    _exit(1);
}

/** The child: a session of its own, and nothing of the terminal but standard error. @return 0 or -errno */
static int child_settle(void) {
    if (setsid() < 0 || chdir("/") < 0)
        return -errno;
    waiting.null_fd = open("/dev/null", O_RDWR | O_CLOEXEC);
    if (waiting.null_fd < 0)
        return -errno;
    return dup2(waiting.null_fd, STDIN_FILENO) < 0 || dup2(waiting.null_fd, STDOUT_FILENO) < 0 ? -errno : 0;
}

int privs_daemonize(const char *pid_file, char *why, size_t why_size) {
    int pid_fd = pid_file_open(pid_file), ends[2], rc;
    pid_t child;

    if (pid_fd < 0) {
        snprintf(why, why_size, pid_fd == -EEXIST ? "PID file %s: held by a running process" : "PID file %s: %s",
                 pid_file, strerror(-pid_fd));
        return pid_fd;
    }
    if (pipe2(ends, O_CLOEXEC) < 0) {
        rc = -errno;
        goto err_pid_file;
    }
    fflush(NULL);
    child = fork();
    if (child < 0) {
        rc = -errno;
        close(ends[0]);
        close(ends[1]);
        goto err_pid_file;
    }
    if (child > 0) {
        close(ends[1]);
        parent_wait(ends[0], child);
    }
    close(ends[0]);
    waiting.parent_fd = ends[1];
    rc = child_settle();
    if (rc == 0)
        rc = pid_file_write(pid_fd);
    if (rc == 0)
        return 0;

err_pid_file:
    unlink(pid_file);
    close(pid_fd);
    snprintf(why, why_size, "cannot go into the background with the PID file %s: %s", pid_file, strerror(-rc));
    return rc;
}

void privs_ready(void) {
    (void)privs_notify("READY=1");
    if (waiting.parent_fd == 0)
        return;
    dup2(waiting.null_fd, STDERR_FILENO);
    if (write(waiting.parent_fd, "", 1) == 1)
        close(waiting.parent_fd);
    close(waiting.null_fd);
    waiting.parent_fd = 0;
}

int privs_notify(const char *state) {
    const char *path = getenv("NOTIFY_SOCKET");
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    size_t length = path ? strlen(path) : 0;
    int fd, rc = 0;

    if (length == 0)
        return 0;
    if ((path[0] != '/' && path[0] != '@') || length >= sizeof address.sun_path)
        return -EINVAL;
    memcpy(address.sun_path, path, length);
    if (path[0] == '@')
        address.sun_path[0] = '\0'; /* an abstract name begins with NUL and has no other end than its length */
    fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    if (fd < 0)
        return -errno;
    if (sendto(fd, state, strlen(state), MSG_NOSIGNAL, (const struct sockaddr *)&address,
               (socklen_t)(offsetof(struct sockaddr_un, sun_path) + length + (path[0] == '/'))) < 0)
        rc = -errno;
    close(fd);
    return rc;
}
