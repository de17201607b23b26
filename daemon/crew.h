/* SPDX-License-Identifier: GPL-2.0-or-later */
/* crew: the workers of a server and their threads. With one worker the main thread is it; with several each has a
 * thread of its own, and the main thread only has the control socket, the signals and the kernel's notifications, so
 * that asking and changing all workers stops no packet. */
#ifndef MPVPN_CREW_H
#define MPVPN_CREW_H

#include "handover.h"
#include "os/netlink.h"
#include "server.h"

#define CREW_MAX 64u /**< workers at most */

/** One worker of several. */
struct hand {
    struct worker worker;      /**< its datapath */
    struct mailbox *mailbox;   /**< owned */
    struct handover *handover; /**< owned */
    struct crew *crew;         /**< whose */
    pthread_t thread;          /**< its thread */
    bool running;              /**< the thread was started and not joined */
    struct mail ended;         /**< tells the main thread that the loop ended by itself */
    int error;                 /**< what loop_run() returned; read after the thread was joined */
};

/** The workers of a server. */
struct crew {
    struct worker *main;          /**< the main thread's */
    struct mailbox *main_mailbox; /**< with several workers; owned */
    struct netlink *netlink;      /**< for the device's addresses */
    struct policy policy;         /**< in force; what it points to but the config is owned */
    struct shared shared;         /**< what the workers have in common */
    size_t count;                 /**< workers; 0: not a server, or not started */
    struct server *server;        /**< of each; owned */
    struct hand *hand;            /**< of each; NULL with one; owned */
    struct station *station;      /**< of each; NULL with one; owned */
    struct worker **worker;       /**< of each; NULL with one; owned */
    bool stopping;                /**< threads are to end */
    bool configured;              /**< the device has its addresses … */
    bool device_down;             /**< … and was down since: the kernel forgot some of them */
    bool refused[2];              /**< IPv4, IPv6: the kernel refused the device's address */
};

/**
 * Read certificate and users, make pool and keys: what of a server's configuration shows only when it is used. Nothing
 * is opened yet, so this is also how to check it.
 * @param count workers
 * @return 0 or -errno with a sentence in why; crew_fini() is due either way
 */
int crew_load(struct crew *crew, size_t count, const struct config *config, char *why, size_t why_size);
/**
 * Open the device and all sockets of a crew that was loaded. Threads are started by crew_run().
 * @param main with one worker its datapath
 * @return 0 or -errno with a sentence in why
 */
int crew_start(struct crew *crew, struct worker *main, struct netlink *netlink, char *why, size_t why_size);
/** Start the threads, when privileges have been given up. @return 0 or -errno with a sentence in why */
int crew_run(struct crew *crew, char *why, size_t why_size);
/** Have fn run for each worker's part of the server, by that worker's thread, one after another; returns when all were.
 * Called by the main thread, outside of the workers' own functions. */
void crew_each(struct crew *crew, void (*fn)(struct server *server, void *context), void *context);
/** A link changed: give the tunnel device its addresses again when it comes up, or back from another network namespace.
 */
void crew_on_link(struct crew *crew, unsigned ifindex, bool present, bool up);
/** A change that was told as made is refused by the kernel after all, as the log tells. */
void crew_on_refused(struct crew *crew, const struct netlink_refusal *refusal);
/** Try the device's addresses again that the kernel refused. */
void crew_retry(struct crew *crew);
/** The address that the device has, of one version. @return 0; -ENOENT: none */
int crew_address(const struct crew *crew, uint8_t version, struct ip_prefix *out);
/** The tunnel device, for its name; NULL: none. */
const struct tun *crew_tun(const struct crew *crew);
/** Tell every client goodbye. @return how many connections there are */
size_t crew_close(struct crew *crew);
/** End the threads, and free everything. Safe on a zeroed crew. */
void crew_fini(struct crew *crew);
/**
 * Take a new configuration: certificate, users, limits, routes and authority apply at once; changed Listen, Pool,
 * Device, MTU and Workers need a restart and are refused.
 * @return 0; -errno with a sentence in why: nothing was changed
 */
int crew_reload(struct crew *crew, const struct config *config, char *why, size_t why_size);
/** Read users again after `user add|remove`; sessions of users who are gone or disabled are closed. @return as
 * crew_reload() */
int crew_reload_users(struct crew *crew, char *why, size_t why_size);
/** End a session by its number. @return 0; -ENOENT */
int crew_close_session(struct crew *crew, uint64_t id, const char *reason);
/** Set the scheduler of all sessions, and of those to come. */
void crew_set_scheduler(struct crew *crew, enum sched_id id);

#endif
