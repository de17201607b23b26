/* SPDX-License-Identifier: GPL-2.0-or-later */
/* check_mailbox: functions run by the thread of a loop for other threads. */
#include "os/mailbox.h"

#include <check.h>
#include <pthread.h>

#include "os_env.h"

#define SENDERS 4u
#define MAILS 2000u

static struct env env;
static struct mailbox *mailbox;

static void setup(void) {
    env_init(&env, 8);
    ck_assert_int_eq(mailbox_new(env.loop, &mailbox), 0);
}

static void teardown(void) {
    mailbox_shut(mailbox);
    mailbox_free(mailbox);
    env_fini(&env);
}

/* What one thread sends; the loop's thread alone touches last and disorder. */
struct sender {
    pthread_t thread;
    struct mail mail[MAILS];
    struct numbered {
        struct sender *sender;
        unsigned number;
    } numbered[MAILS];
    unsigned next;     /* number expected */
    unsigned disorder; /* mails that came out of order */
};

static struct sender senders[SENDERS];

static void on_numbered(void *context) {
    struct numbered *numbered = context;

    numbered->sender->disorder += numbered->number != numbered->sender->next;
    numbered->sender->next = numbered->number + 1;
}

static void *send_all(void *context) {
    struct sender *sender = context;

    for (unsigned i = 0; i < MAILS; i++) {
        sender->numbered[i] = (struct numbered){sender, i};
        sender->mail[i] = (struct mail){.run = on_numbered, .context = &sender->numbered[i]};
        if (!mailbox_post(mailbox, &sender->mail[i])) {
            return sender;
        }
    }
    return NULL;
}

static bool all_came(void *context) {
    unsigned came = 0;

    (void)context;
    for (unsigned i = 0; i < SENDERS; i++) {
        came += senders[i].next;
    }
    return came == SENDERS * MAILS;
}

START_TEST(mails_of_many_threads_are_run_each_once_and_in_order) {
    for (unsigned i = 0; i < SENDERS; i++) {
        ck_assert_int_eq(pthread_create(&senders[i].thread, NULL, send_all, &senders[i]), 0);
    }
    env_run(&env, all_came, NULL);
    for (unsigned i = 0; i < SENDERS; i++) {
        void *failed = NULL;

        pthread_join(senders[i].thread, &failed);
        ck_assert_ptr_null(failed);
        ck_assert_uint_eq(senders[i].disorder, 0);
    }
}
END_TEST

static unsigned sum; /* the loop's thread's */

static void on_call(void *context) {
    unsigned *value = context;

    sum += *value;
    *value = sum;
}

/* Each call's answer is there when it returns. */
static void *call_thrice(void *context) {
    unsigned *answers = context;

    for (unsigned i = 0; i < 3; i++) {
        answers[i] = i + 1;
        mailbox_call(mailbox, on_call, &answers[i]);
    }
    return NULL;
}

static bool called_thrice(void *context) {
    (void)context;
    return sum == 6;
}

START_TEST(call_returns_when_it_was_run) {
    unsigned answers[3];
    pthread_t thread;

    sum = 0;
    ck_assert_int_eq(pthread_create(&thread, NULL, call_thrice, answers), 0);
    env_run(&env, called_thrice, NULL);
    pthread_join(thread, NULL);
    ck_assert_uint_eq(answers[0], 1);
    ck_assert_uint_eq(answers[1], 3);
    ck_assert_uint_eq(answers[2], 6);
}
END_TEST

START_TEST(shut_mailbox_runs_what_it_has_and_takes_no_more) {
    unsigned value = 5;
    struct mail mail = {.run = on_call, .context = &value};

    sum = 0;
    ck_assert(mailbox_post(mailbox, &mail));
    mailbox_shut(mailbox);
    ck_assert_uint_eq(sum, 5);
    ck_assert(!mailbox_post(mailbox, &mail));
    ck_assert(!mailbox_call(mailbox, on_call, &value));
    ck_assert_uint_eq(sum, 5);
}
END_TEST

int main(void) {
    Suite *suite = suite_create("mailbox");
    TCase *tc = tcase_create("threads");

    tcase_add_checked_fixture(tc, setup, teardown);
    tcase_set_timeout(tc, 60);
    tcase_add_test(tc, mails_of_many_threads_are_run_each_once_and_in_order);
    tcase_add_test(tc, call_returns_when_it_was_run);
    tcase_add_test(tc, shut_mailbox_runs_what_it_has_and_takes_no_more);
    suite_add_tcase(suite, tc);
    return env_main(suite, false);
}
