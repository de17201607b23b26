/* SPDX-License-Identifier: GPL-2.0-or-later */
/* check_loop: turns, deadlines, watches and operations of the io_uring loop. */
#include "os/loop.h"

#include <check.h>
#include <fcntl.h>
#include <poll.h>
#include <stdint.h>
#include <sys/eventfd.h>
#include <sys/timerfd.h>
#include <unistd.h>

#include "os/ring.h"
#include "os_env.h"

static struct env env;

static void setup(void) {
    env_init(&env, 8);
}

static void teardown(void) {
    env_fini(&env);
}

/* A watched eventfd, or a timer. */
struct bell {
    struct loop_watch watch;
    int fd;
    unsigned rings;         /* on_ready calls */
    unsigned leave_unread;  /* calls that do not read */
    unsigned unwatch_after; /* calls; 0: never */
    uint32_t revents;       /* of the last call */
};

static void on_bell(void *context, uint32_t revents) {
    struct bell *bell = context;
    uint64_t value;

    bell->rings++;
    bell->revents = revents;
    if (bell->leave_unread > 0) {
        bell->leave_unread--;
    } else if ((revents & POLLIN) != 0) {
        ck_assert_int_eq(read(bell->fd, &value, sizeof value), sizeof value);
    }
    if (bell->rings == bell->unwatch_after) {
        loop_unwatch(&bell->watch);
    }
}

static void bell_watch(struct bell *bell, int fd, uint32_t events) {
    *bell = (struct bell){.fd = fd};
    bell->watch = (struct loop_watch){.fd = bell->fd, .events = events, .on_ready = on_bell, .context = bell};
    ck_assert_int_eq(loop_watch(env.loop, &bell->watch), 0);
}

static void bell_init(struct bell *bell, uint32_t events) {
    bell_watch(bell, eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC), events);
}

static void bell_fini(struct bell *bell) {
    loop_unwatch(&bell->watch);
    close(bell->fd);
}

static void ring_bell(const struct bell *bell) {
    uint64_t one = 1;

    ck_assert_int_eq(write(bell->fd, &one, sizeof one), sizeof one);
}

static bool rung_once(void *context) {
    return ((struct bell *)context)->rings >= 1;
}

static bool rung_thrice(void *context) {
    return ((struct bell *)context)->rings >= 3;
}

START_TEST(deadline_makes_a_turn_and_not_before) {
    uint64_t deadline = clock_now() + 20 * NS_PER_MS;

    loop_set_deadline(env.loop, deadline);
    ck_assert(!env_wait(&env, env_never, NULL, 20 * NS_PER_MS));
    ck_assert_uint_ge(loop_now(env.loop), deadline);
    ck_assert_uint_le(env.turns, 5);
}
END_TEST

START_TEST(past_deadline_does_not_block) {
    ck_assert(!env_wait(&env, env_never, NULL, 0));
    ck_assert_uint_eq(env.turns, 1);
}
END_TEST

/* Two bells: the first is rung at once, the second by a timer a millisecond after the first was heard. */
struct chime {
    struct bell bell[2]; /* the bells */
    bool wound;          /* the timer runs */
};

/* Asked at the end of each turn. */
static bool rung_both(void *context) {
    struct chime *chime = context;
    struct itimerspec soon = {.it_value.tv_nsec = NS_PER_MS};

    if (chime->bell[0].rings > 0 && !chime->wound) {
        chime->wound = true;
        ck_assert_int_eq(timerfd_settime(chime->bell[1].fd, 0, &soon, NULL), 0);
    }
    return chime->bell[1].rings > 0;
}

static void ring_one_after_the_other(void) {
    struct chime chime = {.wound = false};

    bell_init(&chime.bell[0], POLLIN);
    bell_watch(&chime.bell[1], timerfd_create(CLOCK_MONOTONIC, TFD_NONBLOCK | TFD_CLOEXEC), POLLIN);
    ring_bell(&chime.bell[0]);
    env_run(&env, rung_both, &chime);
    bell_fini(&chime.bell[0]);
    bell_fini(&chime.bell[1]);
}

START_TEST(without_busy_polling_it_sleeps) {
    ring_one_after_the_other();
    ck_assert_uint_eq(loop_waits(env.loop)->polled, 0);
    ck_assert_uint_ge(loop_waits(env.loop)->slept, 2);
}
END_TEST

START_TEST(busy_polling_finds_what_comes_within_its_time_without_sleeping) {
    uint64_t slept;

    loop_set_busy_poll(env.loop, 1000 * NS_PER_SEC);
    ring_one_after_the_other();
    slept = loop_waits(env.loop)->slept;
    ck_assert_uint_ge(loop_waits(env.loop)->polled, 1);
    ck_assert_uint_le(slept, 1); /* before the first turn */
}
END_TEST

START_TEST(busy_polling_ends_at_the_deadline) {
    struct bell bell;

    loop_set_busy_poll(env.loop, 1000 * NS_PER_SEC);
    bell_init(&bell, POLLIN);
    ring_bell(&bell);
    ck_assert(!env_wait(&env, env_never, NULL, 20 * NS_PER_MS));
    ck_assert_uint_eq(bell.rings, 1);
    bell_fini(&bell);
}
END_TEST

START_TEST(watch_rings_for_each_event) {
    struct bell bell;

    bell_init(&bell, POLLIN);
    for (unsigned i = 1; i <= 3; i++) {
        ring_bell(&bell);
        bell.rings = 0;
        env_run(&env, rung_once, &bell);
        ck_assert_uint_eq(bell.rings, 1);
    }
    bell_fini(&bell);
}
END_TEST

START_TEST(watch_rings_again_while_data_is_left_unread) {
    struct bell bell;

    bell_init(&bell, POLLIN);
    bell.leave_unread = 2;
    ring_bell(&bell);
    env_run(&env, rung_thrice, &bell);
    ck_assert(!env_wait(&env, env_never, NULL, 5 * NS_PER_MS));
    ck_assert_uint_eq(bell.rings, 3);
    bell_fini(&bell);
}
END_TEST

START_TEST(watch_may_be_ended_from_its_own_callback) {
    struct bell bell;

    bell_init(&bell, POLLIN);
    bell.unwatch_after = 1;
    ring_bell(&bell);
    env_run(&env, rung_once, &bell);
    ring_bell(&bell);
    ck_assert(!env_wait(&env, env_never, NULL, 5 * NS_PER_MS));
    ck_assert_uint_eq(bell.rings, 1);
    bell_fini(&bell);
}
END_TEST

START_TEST(ended_watch_stays_silent_even_with_an_event_pending) {
    struct bell first, second;

    bell_init(&first, POLLIN);
    bell_init(&second, POLLIN);
    ring_bell(&first);
    loop_unwatch(&first.watch);
    ring_bell(&second);
    env_run(&env, rung_once, &second);
    ck_assert_uint_eq(first.rings, 0);
    loop_unwatch(&first.watch);
    bell_fini(&first);
    bell_fini(&second);
}
END_TEST

START_TEST(changed_events_hold_from_then_on) {
    struct bell bell;

    bell_init(&bell, POLLIN);
    ck_assert(!env_wait(&env, env_never, NULL, 2 * NS_PER_MS));
    ck_assert_uint_eq(bell.rings, 0);
    loop_rewatch(&bell.watch, POLLOUT);
    env_run(&env, rung_once, &bell);
    ck_assert_uint_eq(bell.revents, POLLOUT);
    loop_rewatch(&bell.watch, POLLIN);
    bell.rings = 0;
    ck_assert(!env_wait(&env, env_never, NULL, 2 * NS_PER_MS));
    ck_assert_uint_le(bell.rings, 1);
    ring_bell(&bell);
    bell.rings = 0;
    env_run(&env, rung_once, &bell);
    ck_assert_uint_eq(bell.revents, POLLIN);
    bell_fini(&bell);
}
END_TEST

START_TEST(watch_on_a_closed_descriptor_is_told_once) {
    struct bell bell;

    bell_init(&bell, POLLIN);
    close(bell.fd);
    env_run(&env, rung_once, &bell);
    ck_assert_uint_eq(bell.revents, POLLNVAL);
    ck_assert(!env_wait(&env, env_never, NULL, 5 * NS_PER_MS));
    ck_assert_uint_eq(bell.rings, 1);
    loop_unwatch(&bell.watch);
}
END_TEST

/* A flood of operations that complete at once. */
struct flood {
    struct ring_op op[600];
    unsigned done;           /* completions */
    unsigned most_in_a_turn; /* between two on_turn */
    unsigned this_turn;
};

static struct flood flood;

static void on_flood(struct ring_op *op, int result, unsigned flags) {
    (void)op;
    (void)flags;
    ck_assert_int_eq(result, 0);
    flood.done++;
    flood.this_turn++;
}

static bool flood_over(void *context) {
    (void)context;
    flood.most_in_a_turn = flood.this_turn > flood.most_in_a_turn ? flood.this_turn : flood.most_in_a_turn;
    flood.this_turn = 0;
    return flood.done == 600;
}

START_TEST(flood_is_handed_out_in_parts_with_turns_between) {
    for (unsigned i = 0; i < 600; i++) {
        flood.op[i].done = on_flood;
        io_uring_prep_nop(ring_prepare(env.loop, &flood.op[i]));
    }
    env_run(&env, flood_over, NULL);
    ck_assert_uint_le(flood.most_in_a_turn, 256);
    ck_assert_uint_ge(env.turns, 3);
}
END_TEST

/* A read on an empty pipe that is cancelled. */
struct pipe_read {
    struct ring_op op;
    int result;
    bool done;
};

static void on_pipe(struct ring_op *op, int result, unsigned flags) {
    struct pipe_read *reading = (struct pipe_read *)op;

    (void)flags;
    reading->result = result;
    reading->done = true;
}

static bool pipe_done(void *context) {
    return ((struct pipe_read *)context)->done;
}

START_TEST(cancelled_operation_completes_once_and_is_inactive_then) {
    struct pipe_read reading = {.op.done = on_pipe};
    struct ring_file file;
    char byte;
    int fds[2];

    ck_assert_int_eq(pipe2(fds, O_CLOEXEC), 0);
    file = ring_file_open(env.loop, fds[0]);
    struct io_uring_sqe *sqe = ring_prepare(env.loop, &reading.op);

    io_uring_prep_read(sqe, -1, &byte, 1, 0);
    ring_use_file(sqe, &file);
    ck_assert(!env_wait(&env, env_never, NULL, NS_PER_MS));
    ck_assert(reading.op.active);
    ring_cancel(env.loop, &reading.op);
    ring_cancel(env.loop, &reading.op);
    env_run(&env, pipe_done, &reading);
    ck_assert_int_eq(reading.result, -ECANCELED);
    ck_assert(!reading.op.active);
    ring_file_release(env.loop, &file);
    close(fds[1]);
}
END_TEST

START_TEST(files_beyond_the_registered_table_work_too) {
    struct ring_file files[80];

    for (unsigned i = 0; i < 80; i++) {
        files[i] = ring_file_open(env.loop, eventfd(1, EFD_CLOEXEC));
    }
    ck_assert_int_eq(files[79].slot, -1);
    for (unsigned i = 0; i < 80; i++) {
        struct pipe_read reading = {.op.done = on_pipe};
        uint64_t value;
        struct io_uring_sqe *sqe = ring_prepare(env.loop, &reading.op);

        io_uring_prep_read(sqe, -1, &value, sizeof value, 0);
        ring_use_file(sqe, &files[i]);
        env_run(&env, pipe_done, &reading);
        ck_assert_int_eq(reading.result, sizeof value);
    }
    for (unsigned i = 0; i < 80; i++) {
        ring_file_release(env.loop, &files[i]);
    }
    ck_assert_int_ge(ring_file_open(env.loop, eventfd(1, EFD_CLOEXEC)).slot, 0);
}
END_TEST

/* Puts itself off a number of times. */
struct patient {
    struct ring_later later;
    unsigned runs;
};

static void on_later(struct ring_later *later) {
    struct patient *patient = (struct patient *)later;

    if (++patient->runs < 3) {
        ring_later(env.loop, later);
    }
}

static bool patience_over(void *context) {
    return ((struct patient *)context)->runs == 3;
}

START_TEST(what_is_put_off_runs_in_the_next_turns_without_other_events) {
    struct patient patient = {.later.run = on_later};
    struct patient forgotten = {.later.run = on_later};

    ring_later(env.loop, &patient.later);
    ring_later(env.loop, &patient.later);
    ring_later(env.loop, &forgotten.later);
    ring_later_cancel(env.loop, &forgotten.later);
    env_run(&env, patience_over, &patient);
    ck_assert_uint_eq(forgotten.runs, 0);
    ck_assert_uint_ge(env.turns, 3);
}
END_TEST

START_TEST(provided_buffers_are_taken_replaced_and_given_back) {
    struct ring_buffers buffers = {0};
    struct buf *held[8];

    ck_assert_int_eq(ring_buffers_init(env.loop, &buffers, env.pool, 3, 0), 0);
    ck_assert_uint_eq(buffers.entries, 4);
    ck_assert_uint_eq(buf_pool_used(env.pool, BUF_LARGE), 4);
    for (unsigned i = 0; i < 4; i++) {
        held[i] = ring_buffers_filled(&buffers, i << IORING_CQE_BUFFER_SHIFT | IORING_CQE_F_BUFFER);
        ck_assert(ring_buffers_take(&buffers, held[i]));
        ck_assert_ptr_ne(held[i], buffers.slot[i]);
    }
    ck_assert_ptr_null(ring_buffers_filled(&buffers, 4u << IORING_CQE_BUFFER_SHIFT | IORING_CQE_F_BUFFER));
    ck_assert_ptr_null(ring_buffers_filled(&buffers, 0));
    ck_assert(!ring_buffers_take(&buffers, buffers.slot[0]));
    ck_assert_ptr_nonnull(buffers.slot[0]);
    for (unsigned i = 0; i < 4; i++) {
        buf_unref(held[i]);
    }
    ring_buffers_fini(env.loop, &buffers);
    ring_buffers_fini(env.loop, &buffers);
}
END_TEST

START_TEST(features_are_named) {
    ck_assert_ptr_nonnull(strstr(loop_features(env.loop), "multishot receive"));
}
END_TEST

START_TEST(nothing_to_free_is_fine) {
    loop_free(NULL);
}
END_TEST

int main(void) {
    Suite *suite = suite_create("loop");
    TCase *tc = tcase_create("loop");

    tcase_add_checked_fixture(tc, setup, teardown);
    tcase_set_timeout(tc, 60);
    tcase_add_test(tc, deadline_makes_a_turn_and_not_before);
    tcase_add_test(tc, past_deadline_does_not_block);
    tcase_add_test(tc, without_busy_polling_it_sleeps);
    tcase_add_test(tc, busy_polling_finds_what_comes_within_its_time_without_sleeping);
    tcase_add_test(tc, busy_polling_ends_at_the_deadline);
    tcase_add_test(tc, watch_rings_for_each_event);
    tcase_add_test(tc, watch_rings_again_while_data_is_left_unread);
    tcase_add_test(tc, watch_may_be_ended_from_its_own_callback);
    tcase_add_test(tc, ended_watch_stays_silent_even_with_an_event_pending);
    tcase_add_test(tc, changed_events_hold_from_then_on);
    tcase_add_test(tc, watch_on_a_closed_descriptor_is_told_once);
    tcase_add_test(tc, flood_is_handed_out_in_parts_with_turns_between);
    tcase_add_test(tc, cancelled_operation_completes_once_and_is_inactive_then);
    tcase_add_test(tc, files_beyond_the_registered_table_work_too);
    tcase_add_test(tc, what_is_put_off_runs_in_the_next_turns_without_other_events);
    tcase_add_test(tc, provided_buffers_are_taken_replaced_and_given_back);
    tcase_add_test(tc, features_are_named);
    tcase_add_test(tc, nothing_to_free_is_fine);
    suite_add_tcase(suite, tc);
    return env_main(suite, false);
}
