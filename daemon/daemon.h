/* SPDX-License-Identifier: GPL-2.0-or-later */
/* daemon: the hall: one instance of mpvpnd, who owns what, from start to end. */
#ifndef MPVPN_DAEMON_H
#define MPVPN_DAEMON_H

#include "client.h"
#include "config.h"
#include "crew.h"
#include "os/ctlsock.h"
#include "os/netlink.h"
#include "restore.h"
#include "worker.h"

/** One instance. Exactly one of crew and client is in use, by config->role. */
struct daemon {
    struct config *config;     /**< in force; owned */
    struct worker worker;      /**< the main thread's: datapath of a client, and of a server with one worker */
    struct netlink *netlink;   /**< owned */
    struct ctlsock *control;   /**< owned; NULL: none */
    struct crew crew;          /**< CONFIG_SERVER */
    struct client client;      /**< CONFIG_CLIENT */
    struct loop_watch signals; /**< signalfd: SIGTERM, SIGINT, SIGHUP */
    struct restore restore;    /**< puts back what was set on the host */
    struct timer grace;        /**< end of the time for goodbyes */
    uint64_t started;          /**< ns, when it was ready */
    bool stopping;             /**< goodbyes are being said */
};

/** How to run; from the command line. */
struct daemon_settings {
    const char *config_file; /**< -c */
    const char *runtime_dir; /**< where socket and journal live: "/run/mpvpn" */
    bool background;         /**< -d */
    const char *pid_file;    /**< with -d; NULL: RUNTIME_DIR/NAME.pid */
    bool verbose;            /**< -v: log level debug, whatever the file says */
};

/** What mpvpnd ends with. Faults that stay until somebody mends them are apart from those that may pass, so that who
 * starts it knows whether to try again; systemd has a name for each. */
enum daemon_status {
    DAEMON_DONE = 0,         /**< stopped as told; the configuration is good */
    DAEMON_FAILED = 1,       /**< something failed that may do better the next time */
    DAEMON_USAGE = 2,        /**< a fault in the command line (LSB: invalid arguments) */
    DAEMON_MISCONFIGURED = 6 /**< a fault in the configuration (LSB: the program is not configured) */
};

/** Run an instance until it is told to stop. Errors of start-up are logged. @return what the process ends with */
enum daemon_status daemon_run(const struct daemon_settings *settings);
/** Find whatever fault of a configuration can be found without starting. @param why out, the whole error text
 * @return DAEMON_DONE: there is none; another: with the text in why */
enum daemon_status daemon_check(const char *file, char *why, size_t why_size);
/** Read the configuration file again and apply it; the running tunnel keeps its old settings when anything is wrong.
 * @return 0; -errno with the text for the user in why */
int daemon_reload(struct daemon *daemon, char *why, size_t why_size);
/** Begin to stop: goodbyes, then the end of daemon_run(). */
void daemon_stop(struct daemon *daemon);

#endif
