/* SPDX-License-Identifier: GPL-2.0-or-later */
/* privs: give up what is not needed after start-up: own user, CAP_NET_ADMIN and CAP_NET_RAW only (CAP_NET_BIND_SERVICE
 * too where a port < 1024 may be opened again), no-new-privileges, seccomp. */
#ifndef MPVPN_OS_PRIVS_H
#define MPVPN_OS_PRIVS_H

#include <stdbool.h>
#include <stddef.h>

/** What to keep. */
struct privs_settings {
    const char *user;        /**< user to become; NULL or "": stay who we are */
    const char *runtime_dir; /**< directory handed to that user ("/run/mpvpn"); NULL: none */
    const char *state_dir;   /**< likewise ("/var/lib/mpvpn"); NULL: none */
    bool bind_low_ports;     /**< keep CAP_NET_BIND_SERVICE */
    bool seccomp;            /**< install the system-call filter */
};
/**
 * Make runtime_dir and state_dir where they are missing, and hand them with the plain files in them to the user.
 * privs_drop() does it too; call it before anything is to be written there (PID file, journal, control socket).
 * @return 0; -ENOENT: no such user; other -errno; with a sentence in why
 */
int privs_directories(const struct privs_settings *settings, char *why, size_t why_size);
/**
 * Drop privileges for good. Call it before the first thread is started (capabilities belong to threads; resolve starts
 * its own at the first query), and after everything that needs root: TUN, listening sockets below 1024, journal, PID
 * file.
 * @return 0; -ENOENT: no such user; -EPERM: not permitted to become the user; other -errno; with a sentence in why
 */
int privs_drop(const struct privs_settings *settings, char *why, size_t why_size);
/**
 * Fork into the background, write the PID file. Parent exits 0 once privs_ready() was called in the child, 1 if it
 * died. Call it before anything that a fork breaks (the loop's ring, locks, threads). The directory becomes "/" (so
 * make relative paths absolute before), standard input and output /dev/null; standard error stays until privs_ready(),
 * so that the user sees why a start fails. The PID file stays locked by the process; whoever stops unlinks it.
 * @return 0 in the child; -EEXIST: a live process holds the PID file; other -errno; with a sentence in why
 */
int privs_daemonize(const char *pid_file, char *why, size_t why_size);
/** Tell the waiting parent that start-up succeeded; also sd_notify's READY=1 when NOTIFY_SOCKET is set. */
void privs_ready(void);
/** Send a state to the service manager as sd_notify(3) does ("STOPPING=1", "STATUS=…"). @return 0 (also when there is
 * none), or -errno */
int privs_notify(const char *state);

#endif
