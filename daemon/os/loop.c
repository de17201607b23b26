/* SPDX-License-Identifier: GPL-2.0-or-later */
/* loop: one io_uring and its turn.
 *
 * A turn is: submit everything prepared and wait, in one system call, for a completion or the deadline; read the clock;
 * hand out at most TURN_COMPLETIONS completions; run what was put off; call on_turn. What is left of a flood waits for
 * the next turn, whose wait returns at once, so that timers and the other side of the tunnel get their share. The user
 * data of a completion is its struct ring_op; 0 is nobody's (cancellations).
 *
 * The ring is made with DEFER_TASKRUN (completions are worked off inside our own system call, never in the middle of
 * our code) where the kernel has it (6.1), so only one thread may submit to it. It is made disabled and enabled by its
 * first submission: that thread's it is from then on, whoever made the loop and opened things on it before.
 *
 * A watch is a one-shot poll armed again after its callback, hence level-triggered: a callback that leaves data unread
 * is called again.
 *
 * Leaves out: IORING_OP_TIMEOUT (the wait has the one deadline), signals (the hall watches a signalfd).
 * Invariants: `pending` counts operations whose last completion has not been handed out; a watch's operation outlives
 * loop_unwatch() until then. */
#include "os/loop.h"

#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <unistd.h>

#include "common/clock.h"
#include "os/ring.h"

#define SUBMISSION_ENTRIES 512u
#define COMPLETION_ENTRIES 4096u
#define TURN_COMPLETIONS 256u  /* handed out before on_turn gets its turn */
#define FILE_SLOTS 64u         /* registered files; the rest work without */
#define LATER_WAIT (NS_PER_MS) /* longest wait while something was put off */
#define DRAIN_WAITS 100        /* waits of DRAIN_WAIT for cancelled operations at the end */
#define DRAIN_WAIT (10 * NS_PER_MS)
#define TIMER_SLACK_NS 1000ul /* the default of 50 us would blur pacing */

struct loop {
    struct io_uring uring;       /* the ring */
    struct loop_hooks hooks;     /* the hall's */
    uint64_t now;                /* when this turn began, monotonic ns */
    uint64_t deadline;           /* on_turn no later than this, monotonic ns */
    uint64_t busy_poll;          /* ns that are polled after a turn with completions; 0: none */
    struct loop_waits waits;     /* counters */
    size_t pending;              /* operations in the ring */
    uint64_t file_slots;         /* bit n: slot n of the registered table is taken */
    struct ring_later *later;    /* put off to the next turn */
    struct io_uring_sqe scratch; /* handed out when the ring has failed */
    int error;                   /* failure of the ring itself, -errno */
    bool enabled;                /* belongs to the thread that submitted first */
    bool stopping;               /* loop_stop() was called */
    int failure;                 /* loop_fail() was called with it, or 0 */
    bool read_multishot;         /* IORING_OP_READ_MULTISHOT may be used */
    bool registered_files;       /* the table was made */
    char features[160];          /* for the log */
};

/* One watched descriptor's operation. */
struct watch_op {
    struct ring_op op;        /* a one-shot poll */
    struct loop_watch *watch; /* whose; NULL: unwatched, free when it completes */
    bool broken;              /* the kernel refused to poll it: not armed any more */
};

/* --- making and ending --- */

static int disabled_by_sysctl(void) {
    FILE *file = fopen("/proc/sys/kernel/io_uring_disabled", "re");
    int value = 0;

    if (file != NULL) {
        if (fscanf(file, "%d", &value) != 1) {
            value = 0;
        }
        fclose(file);
    }
    return value;
}

static void explain(int error, char *why, size_t why_size) {
    int disabled = disabled_by_sysctl();

    if (error == -EPERM && disabled != 0) {
        snprintf(why, why_size,
                 "io_uring is switched off on this host (sysctl kernel.io_uring_disabled = %d): set it to 0%s",
                 disabled, disabled == 1 ? ", or to 1 with our group in kernel.io_uring_group" : "");
    } else if (error == -EPERM) {
        snprintf(why, why_size,
                 "io_uring is forbidden here, most likely by the seccomp profile of a container: "
                 "allow io_uring_setup, io_uring_enter and io_uring_register in it");
    } else if (error == -ENOSYS) {
        snprintf(why, why_size,
                 "this kernel has no io_uring, or one older than Linux 6.0, or a container's seccomp profile hides it: "
                 "use a newer kernel, or allow io_uring_setup, io_uring_enter and io_uring_register");
    } else if (error == -ENOMEM) {
        snprintf(why, why_size, "no memory for the io_uring: raise the locked-memory limit (ulimit -l, LimitMEMLOCK)");
    } else {
        snprintf(why, why_size, "cannot make an io_uring: %s", strerror(-error));
    }
}

/* The best set of flags that this kernel takes. */
static int make_uring(struct io_uring *uring, const char **mode) {
    static const struct {
        unsigned flags;
        const char *name;
    } modes[] = {
        {IORING_SETUP_SINGLE_ISSUER | IORING_SETUP_DEFER_TASKRUN, "deferred task work"},
        {IORING_SETUP_COOP_TASKRUN, "cooperative task work"},
    };
    int error = -EINVAL;

    for (size_t i = 0; i < sizeof modes / sizeof *modes && error == -EINVAL; i++) {
        struct io_uring_params params = {.flags = modes[i].flags | IORING_SETUP_R_DISABLED | IORING_SETUP_CQSIZE |
                                                  IORING_SETUP_CLAMP | IORING_SETUP_SUBMIT_ALL,
                                         .cq_entries = COMPLETION_ENTRIES};

        error = io_uring_queue_init_params(SUBMISSION_ENTRIES, uring, &params);
        *mode = modes[i].name;
    }
    return error == -EINVAL ? -ENOSYS : error;
}

/* Multishot recvmsg and provided-buffer rings have no opcode to ask for; SEND_ZC came with the kernel that has
 * both, 6.0. */
static int probe(struct loop *loop, const char *mode) {
    struct io_uring_probe *probe = io_uring_get_probe_ring(&loop->uring);

    if (probe == NULL) {
        return -ENOSYS;
    }
    int error = io_uring_opcode_supported(probe, IORING_OP_SEND_ZC) ? 0 : -ENOSYS;

    loop->read_multishot = io_uring_opcode_supported(probe, IORING_OP_READ_MULTISHOT);
    io_uring_free_probe(probe);
    loop->registered_files = io_uring_register_files_sparse(&loop->uring, FILE_SLOTS) == 0;
    snprintf(loop->features, sizeof loop->features, "provided buffers, multishot receive, %s, %s, %s",
             loop->read_multishot ? "multishot read" : "chained reads",
             loop->registered_files ? "registered files" : "plain files", mode);
    return error;
}

int loop_new(const struct loop_hooks *hooks, struct loop **out, char *why, size_t why_size) {
    struct loop *loop = calloc(1, sizeof *loop);
    const char *mode = NULL;
    int error = loop == NULL ? -ENOMEM : make_uring(&loop->uring, &mode);

    if (error != 0) {
        goto err_uring;
    }
    error = probe(loop, mode);
    if (error != 0) {
        goto err_probe;
    }
    prctl(PR_SET_TIMERSLACK, TIMER_SLACK_NS, 0, 0, 0);
    loop->hooks = *hooks;
    loop->deadline = TIME_NEVER;
    loop->now = clock_now();
    *out = loop;
    return 0;

err_probe:
    io_uring_queue_exit(&loop->uring);
err_uring:
    free(loop);
    explain(error, why, why_size);
    return error;
}

/* --- the turn --- */

static bool is_transient(int error) {
    return error == -ETIME || error == -EINTR || error == -EAGAIN || error == -EBUSY;
}

/* Before every submission: the first makes the ring this thread's. */
static void enable(struct loop *loop) {
    if (loop->enabled) {
        return;
    }
    int result = io_uring_enable_rings(&loop->uring);

    loop->enabled = true;
    if (result < 0) {
        loop->error = result;
    }
}

/* Submit, and wait for a completion up to a time, relative ns (TIME_NEVER: without end). */
static int submit_and_wait(struct loop *loop, uint64_t wait) {
    struct __kernel_timespec ts = {.tv_sec = (int64_t)(wait / NS_PER_SEC), .tv_nsec = (long long)(wait % NS_PER_SEC)};
    struct io_uring_cqe *cqe = NULL;

    enable(loop);
    int result = io_uring_submit_and_wait_timeout(&loop->uring, &cqe, 1, wait == TIME_NEVER ? NULL : &ts, NULL);

    return result < 0 && !is_transient(result) ? result : 0;
}

static uint64_t time_to_wait(const struct loop *loop) {
    if (io_uring_cq_ready(&loop->uring) > 0) {
        return 0;
    }
    uint64_t wait = TIME_NEVER;

    if (loop->deadline != TIME_NEVER) {
        uint64_t now = clock_now();

        wait = loop->deadline > now ? loop->deadline - now : 0;
    }
    return loop->later != NULL && wait > LATER_WAIT ? LATER_WAIT : wait;
}

/* Look for completions again and again for a while, that no wake-up is needed for what comes soon. An error shows again
 * in the wait that follows. */
static void poll_busily(struct loop *loop) {
    uint64_t end = clock_now() + loop->busy_poll;

    end = end < loop->deadline ? end : loop->deadline;
    enable(loop);
    do {
        if (io_uring_submit_and_get_events(&loop->uring) < 0) {
            return;
        }
        if (io_uring_cq_ready(&loop->uring) > 0) {
            loop->waits.polled++;
            return;
        }
    } while (clock_now() < end);
}

/* @return completions handed out */
static unsigned hand_out(struct loop *loop, unsigned most) {
    struct io_uring_cqe *cqe = NULL;
    unsigned n;

    for (n = 0; n < most && io_uring_peek_cqe(&loop->uring, &cqe) == 0; n++) {
        struct ring_op *op = io_uring_cqe_get_data(cqe);
        int result = cqe->res;
        unsigned flags = cqe->flags;

        io_uring_cqe_seen(&loop->uring, cqe);
        if (op == NULL) {
            continue;
        }
        if ((flags & IORING_CQE_F_MORE) == 0) {
            op->active = false;
            loop->pending--;
        }
        op->done(op, result, flags);
    }
    return n;
}

/* One that queues itself again waits for the next turn. */
static void run_later(struct loop *loop) {
    size_t count = 0;

    for (const struct ring_later *later = loop->later; later != NULL; later = later->next) {
        count++;
    }
    while (count-- > 0 && loop->later != NULL) {
        struct ring_later *later = loop->later;

        loop->later = later->next;
        later->queued = false;
        later->run(later);
    }
}

int loop_run(struct loop *loop) {
    unsigned count = 0;

    loop->stopping = false;
    while (!loop->stopping && loop->error == 0) {
        if (loop->busy_poll != 0 && count > 0 && loop->later == NULL) {
            poll_busily(loop);
        }
        uint64_t wait = time_to_wait(loop);
        int error = submit_and_wait(loop, wait);

        if (error != 0) {
            loop->error = error;
            break;
        }
        loop->now = clock_now();
        loop->waits.slept += wait != 0;
        count = hand_out(loop, TURN_COMPLETIONS);
        run_later(loop);
        loop->hooks.on_turn(loop->hooks.context, loop->now);
    }
    io_uring_submit(&loop->uring);
    return loop->error ? loop->error : loop->failure;
}

void loop_stop(struct loop *loop) {
    loop->stopping = true;
}

void loop_fail(struct loop *loop, int error) {
    if (loop->failure == 0) {
        loop->failure = error;
    }
    loop->stopping = true;
}

void loop_free(struct loop *loop) {
    if (loop == NULL) {
        return;
    }
    for (int i = 0; i < DRAIN_WAITS && loop->pending > 0 && loop->error == 0; i++) {
        loop->error = submit_and_wait(loop, DRAIN_WAIT);
        loop->now = clock_now();
        hand_out(loop, COMPLETION_ENTRIES);
        run_later(loop);
    }
    io_uring_queue_exit(&loop->uring);
    free(loop);
}

uint64_t loop_now(const struct loop *loop) {
    return loop->now;
}

void loop_set_deadline(struct loop *loop, uint64_t deadline) {
    loop->deadline = deadline;
}

void loop_set_busy_poll(struct loop *loop, uint64_t ns) {
    loop->busy_poll = ns;
}

const struct loop_waits *loop_waits(const struct loop *loop) {
    return &loop->waits;
}

const char *loop_features(const struct loop *loop) {
    return loop->features;
}

/* --- operations --- */

struct io_uring *ring_uring(struct loop *loop) {
    return &loop->uring;
}

bool ring_has_read_multishot(const struct loop *loop) {
    return loop->read_multishot;
}

void ring_forbid_read_multishot(struct loop *loop) {
    loop->read_multishot = false;
}

void ring_reserve(struct loop *loop, unsigned count) {
    for (int i = 0; i < DRAIN_WAITS && io_uring_sq_space_left(&loop->uring) < count && loop->error == 0; i++) {
        enable(loop);
        int result = io_uring_submit_and_get_events(&loop->uring);

        if (result < 0 && !is_transient(result)) {
            loop->error = result;
        }
    }
}

static struct io_uring_sqe *take_entry(struct loop *loop) {
    ring_reserve(loop, 1);
    struct io_uring_sqe *sqe = io_uring_get_sqe(&loop->uring);

    if (sqe == NULL) {
        loop->error = loop->error != 0 ? loop->error : -EBUSY;
        sqe = &loop->scratch;
    }
    return sqe;
}

struct io_uring_sqe *ring_prepare(struct loop *loop, struct ring_op *op) {
    struct io_uring_sqe *sqe = take_entry(loop);

    io_uring_sqe_set_data(sqe, op);
    op->active = true;
    loop->pending++;
    return sqe;
}

void ring_cancel(struct loop *loop, struct ring_op *op) {
    if (!op->active) {
        return;
    }
    struct io_uring_sqe *sqe = take_entry(loop);

    io_uring_prep_cancel(sqe, op, 0);
    io_uring_sqe_set_data(sqe, NULL);
    sqe->flags |= IOSQE_CQE_SKIP_SUCCESS;
}

void ring_settle(struct loop *loop) {
    enable(loop);
    io_uring_submit_and_get_events(&loop->uring);
}

/* --- registered files --- */

struct ring_file ring_file_open(struct loop *loop, int fd) {
    struct ring_file file = {.fd = fd, .slot = -1};

    for (unsigned i = 0; i < FILE_SLOTS && loop->registered_files; i++) {
        if ((loop->file_slots >> i & 1) == 0) {
            if (io_uring_register_files_update(&loop->uring, i, &fd, 1) == 1) {
                loop->file_slots |= 1ull << i;
                file.slot = (int)i;
            }
            break;
        }
    }
    return file;
}

void ring_file_close(struct loop *loop, struct ring_file *file) {
    int none = -1;

    ring_settle(loop);
    if (file->slot >= 0 && file->fd >= 0) {
        io_uring_register_files_update(&loop->uring, (unsigned)file->slot, &none, 1);
        close(file->fd);
        file->fd = -1;
    }
}

void ring_file_release(struct loop *loop, struct ring_file *file) {
    ring_file_close(loop, file);
    if (file->slot >= 0) {
        loop->file_slots &= ~(1ull << file->slot);
    } else if (file->fd >= 0) {
        close(file->fd);
    }
    *file = (struct ring_file){.fd = -1, .slot = -1};
}

/* --- put off --- */

void ring_later(struct loop *loop, struct ring_later *later) {
    if (later->queued) {
        return;
    }
    struct ring_later **end = &loop->later;

    while (*end != NULL) {
        end = &(*end)->next;
    }
    later->next = NULL;
    later->queued = true;
    *end = later;
}

void ring_later_cancel(struct loop *loop, struct ring_later *later) {
    for (struct ring_later **at = &loop->later; *at != NULL && later->queued; at = &(*at)->next) {
        if (*at == later) {
            *at = later->next;
            later->queued = false;
            return;
        }
    }
}

/* --- watches --- */

static void watch_arm(struct loop *loop, struct watch_op *slot) {
    io_uring_prep_poll_add(ring_prepare(loop, &slot->op), slot->watch->fd, slot->watch->events);
}

static uint32_t watch_events(struct watch_op *slot, int result) {
    if (result == -ECANCELED || result == -EINTR) {
        return 0;
    }
    if (result < 0) {
        slot->broken = true;
        return POLLNVAL;
    }
    return (uint32_t)result & (slot->watch->events | POLLERR | POLLHUP | POLLNVAL);
}

static void watch_done(struct ring_op *op, int result, unsigned flags) {
    struct watch_op *slot = (struct watch_op *)op;

    (void)flags;
    if (slot->watch == NULL) {
        free(slot);
        return;
    }
    struct loop *loop = slot->watch->loop;
    uint32_t revents = watch_events(slot, result);

    if (revents != 0) {
        slot->watch->on_ready(slot->watch->context, revents);
    }
    if (slot->watch == NULL) {
        free(slot);
    } else if (!slot->broken) {
        watch_arm(loop, slot);
    }
}

int loop_watch(struct loop *loop, struct loop_watch *watch) {
    struct watch_op *slot = calloc(1, sizeof *slot);

    if (slot == NULL) {
        return -ENOMEM;
    }
    slot->op.done = watch_done;
    slot->watch = watch;
    watch->loop = loop;
    watch->slot = slot;
    watch_arm(loop, slot);
    return 0;
}

void loop_unwatch(struct loop_watch *watch) {
    struct watch_op *slot = watch->slot;

    if (slot == NULL) {
        return;
    }
    struct loop *loop = watch->loop;

    watch->slot = NULL;
    watch->loop = NULL;
    slot->watch = NULL;
    if (slot->op.active) {
        ring_cancel(loop, &slot->op);
    } else if (slot->broken) {
        free(slot);
    }
}

void loop_rewatch(struct loop_watch *watch, uint32_t events) {
    struct watch_op *slot = watch->slot;

    watch->events = events;
    if (slot != NULL) {
        ring_cancel(watch->loop, &slot->op);
    }
}
