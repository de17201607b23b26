/* SPDX-License-Identifier: GPL-2.0-or-later */
/* privs: give up what is not needed after start-up: own user, CAP_NET_ADMIN and CAP_NET_RAW only (CAP_NET_BIND_SERVICE too where a port < 1024 may be opened again), no-new-privileges, seccomp. */
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
/** Drop privileges for good. @return 0 or -errno with a sentence in why */
int privs_drop(const struct privs_settings *settings, char *why, size_t why_size);
/** Fork into the background, write the PID file (created exclusively, -EEXIST when a live process holds it). Parent exits 0 once privs_daemon_ready() was called in the child, 1 if it died. */
int privs_daemonize(const char *pid_file, char *why, size_t why_size);
/** Tell the waiting parent that start-up succeeded; also sd_notify's READY=1 when NOTIFY_SOCKET is set. */
void privs_ready(void);

#endif
