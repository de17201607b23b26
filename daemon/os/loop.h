/* SPDX-License-Identifier: GPL-2.0-or-later */
/* loop: one io_uring, one wait per turn. Each turn submits what was prepared, waits for a completion or the time-out,
 * reads the clock once, hands every completion to its operation, then calls `on_turn` so that the hall can pump, flush
 * and set the next time-out. A loop and everything opened on it belong to one worker: they may be made by another
 * thread, and are from the first turn on that of the thread which runs the loop. tests/sim links another implementation
 * of this header, in virtual time. */
#ifndef MPVPN_OS_LOOP_H
#define MPVPN_OS_LOOP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct loop;

/** What the hall wants to hear. */
struct loop_hooks {
    /** All completions of this turn were handed out. @param now ns, the same as loop_now() */
    void (*on_turn)(void *context, uint64_t now);
    void *context; /**< handed to on_turn */
};

/**
 * Make a loop: ring set up, features probed (multishot receive, READ_MULTISHOT, provided-buffer rings, DEFER_TASKRUN),
 * registered file table made.
 * @param why on error: a sentence saying what is missing and what to change (io_uring_disabled sysctl, seccomp of a
 * container, old kernel)
 * @return 0; -EPERM: io_uring is switched off; -ENOSYS: kernel too old; other -errno of the kernel
 */
int loop_new(const struct loop_hooks *hooks, struct loop **out, char *why, size_t why_size);
/** Close the ring. Everything opened on it must be closed before. NULL is fine. */
void loop_free(struct loop *loop);
/** Monotonic ns, read once per wake-up. */
uint64_t loop_now(const struct loop *loop);
/** Run on_turn no later than this (absolute monotonic ns; TIME_NEVER: only on completions). Holds until changed. */
void loop_set_deadline(struct loop *loop, uint64_t deadline);
/** Spend up to so long after a turn that had completions on looking for more, before sleeping, ns; 0, as at first:
 * sleep at once. Saves the time of a wake-up, and takes a processor for it. Never beyond the deadline. */
void loop_set_busy_poll(struct loop *loop, uint64_t ns);
/** How turns began. */
struct loop_waits {
    uint64_t slept;  /**< after a wait that could sleep */
    uint64_t polled; /**< with what busy polling found */
};
/** What the turns so far began with. */
const struct loop_waits *loop_waits(const struct loop *loop);
/** Turn until loop_stop(). @return 0; -errno: of loop_fail(), or of the ring itself */
int loop_run(struct loop *loop);
/** Make loop_run() return after this turn. */
void loop_stop(struct loop *loop);
/** Make it return an error after this turn: something is broken that the loop's owner cannot do without. @param error
 * -errno; the first one counts */
void loop_fail(struct loop *loop, int error);
/** What the probe found, as a line for the log ("multishot read, provided buffers, …"). */
const char *loop_features(const struct loop *loop);

/** A file descriptor watched for readiness (netlink, signalfd, eventfd, listening and control sockets). Embedded by
 * value. */
struct loop_watch {
    int fd;          /**< the descriptor, the caller's */
    uint32_t events; /**< POLLIN, POLLOUT … wanted */
    void (*on_ready)(void *context,
                     uint32_t revents); /**< called in the loop; may call loop_unwatch() on this very watch */
    void *context;                      /**< handed to on_ready */
    struct loop *loop;                  /**< loop's own: set while watched */
    void *slot;                         /**< loop's own: the operation in the ring */
};
/** Watch until loop_unwatch; level-triggered: called again while what is ready is left. @return 0, -ENOMEM */
int loop_watch(struct loop *loop, struct loop_watch *watch);
/** Stop watching; after this on_ready is not called. The caller may close fd at once. No-op when not watched. */
void loop_unwatch(struct loop_watch *watch);
/** Change the events wanted of a watched descriptor. */
void loop_rewatch(struct loop_watch *watch, uint32_t events);

#endif
