/* SPDX-License-Identifier: GPL-2.0-or-later */
/* check_resolve: names are answered in the loop, from a thread that may outlive the one who asked. getaddrinfo() is our
 * own here: it knows a few names, and blocks for one of them until the test says so. */
#include "os/resolve.h"

#include <arpa/inet.h>
#include <check.h>
#include <errno.h>
#include <netdb.h>
#include <semaphore.h>
#include <signal.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "common/addr.h"
#include "common/clock.h"
#include "tests/unit/suite.h"

static sem_t entered;    /* the resolver library was called with "slow" */
static sem_t go_on;      /* it may return */
static sem_t returned;   /* the list of a "slow" answer was given back */
static bool signal_open; /* SIGTERM was not blocked in the thread */

struct answer_list {
    struct addrinfo info[10];
    struct sockaddr_in v4[10];
    bool slow;
};

int getaddrinfo(const char *host, const char *service, const struct addrinfo *hints, struct addrinfo **out) {
    struct answer_list *list = calloc(1, sizeof *list);
    size_t count = strcmp(host, "many") == 0 ? 10 : 2;
    sigset_t mask;

    (void)service;
    ck_assert_ptr_nonnull(list);
    ck_assert_int_eq(hints->ai_family, AF_UNSPEC);
    pthread_sigmask(SIG_SETMASK, NULL, &mask);
    signal_open = !sigismember(&mask, SIGTERM);
    list->slow = strcmp(host, "slow") == 0;
    if (list->slow) {
        sem_post(&entered);
        sem_wait(&go_on);
    }
    if (strcmp(host, "nowhere") == 0) {
        free(list);
        return EAI_NONAME;
    }
    for (size_t i = 0; i < count; i++) {
        list->v4[i].sin_family = AF_INET;
        list->v4[i].sin_addr.s_addr = htonl(0xc0000201 + (count == 2 ? 0 : (uint32_t)i)); /* "two" repeats itself */
        list->info[i].ai_family = AF_INET;
        list->info[i].ai_addr = (struct sockaddr *)&list->v4[i];
        list->info[i].ai_addrlen = sizeof list->v4[i];
        list->info[i].ai_next = i + 1 < count ? &list->info[i + 1] : NULL;
    }
    *out = list->info;
    return 0;
}

void freeaddrinfo(struct addrinfo *info) {
    struct answer_list *list = (struct answer_list *)info;
    bool slow = list->slow;

    free(list);
    if (slow)
        sem_post(&returned);
}

/** What a test heard. */
static struct {
    struct loop *loop;
    struct resolve *resolve;
    unsigned answers;
    int error;
    size_t count;
    struct ip_addr addresses[RESOLVE_MAX];
    const char *then_ask; /* a name to ask for in the answer */
} heard;

static void on_answer(void *context, int error, const struct ip_addr *addresses, size_t count) {
    ck_assert_ptr_eq(context, &heard);
    heard.answers++;
    heard.error = error;
    heard.count = count;
    memcpy(heard.addresses, addresses, count * sizeof *addresses);
    if (heard.then_ask) {
        ck_assert_int_eq(resolve_query(heard.resolve, heard.then_ask, on_answer, &heard), 0);
        heard.then_ask = NULL;
    } else {
        loop_stop(heard.loop);
    }
}

/** Short turns, and a sleep between them: valgrind runs one thread at a time, and does not know that the loop's wait is
 * one. */
static void on_turn(void *context, uint64_t now) {
    (void)context;
    usleep(100);
    loop_set_deadline(heard.loop, now + NS_PER_MS);
}

static void setup(void) {
    const struct loop_hooks hooks = {.on_turn = on_turn};
    char why[200];

    memset(&heard, 0, sizeof heard);
    sem_init(&entered, 0, 0);
    sem_init(&go_on, 0, 0);
    sem_init(&returned, 0, 0);
    ck_assert_msg(loop_new(&hooks, &heard.loop, why, sizeof why) == 0, "%s", why);
    loop_set_deadline(heard.loop, 0);
    ck_assert_int_eq(resolve_new(heard.loop, &heard.resolve), 0);
}

static void teardown(void) {
    resolve_free(heard.resolve);
    loop_free(heard.loop);
}

static void ask(const char *host) {
    ck_assert_int_eq(resolve_query(heard.resolve, host, on_answer, &heard), 0);
}

START_TEST(a_name_is_answered_in_the_loop_without_repetition) {
    char text[IP_ADDR_TEXT_MAX];

    ask("two");
    ck_assert_uint_eq(heard.answers, 0);
    loop_run(heard.loop);
    ck_assert_uint_eq(heard.answers, 1);
    ck_assert_int_eq(heard.error, 0);
    ck_assert_uint_eq(heard.count, 1);
    ck_assert_str_eq(ip_addr_print(&heard.addresses[0], text), "192.0.2.1");
    ck_assert(!signal_open);
}
END_TEST

START_TEST(a_long_answer_is_cut_to_what_fits) {
    ask("many");
    loop_run(heard.loop);
    ck_assert_uint_eq(heard.count, RESOLVE_MAX);
}
END_TEST

START_TEST(an_unknown_name_is_answered_with_its_error) {
    ask("nowhere");
    loop_run(heard.loop);
    ck_assert_int_eq(heard.error, EAI_NONAME);
    ck_assert_uint_eq(heard.count, 0);
}
END_TEST

START_TEST(a_second_query_meanwhile_is_refused) {
    ask("slow");
    ck_assert_int_eq(resolve_query(heard.resolve, "two", on_answer, &heard), -EBUSY);
    sem_post(&go_on);
    loop_run(heard.loop);
    ck_assert_uint_eq(heard.answers, 1);
}
END_TEST

START_TEST(an_answer_may_ask_again) {
    heard.then_ask = "many";
    ask("two");
    loop_run(heard.loop);
    ck_assert_uint_eq(heard.answers, 2);
    ck_assert_uint_eq(heard.count, RESOLVE_MAX);
}
END_TEST

START_TEST(freeing_during_a_query_neither_waits_nor_leaks) {
    ask("slow");
    sem_wait(&entered);
    resolve_free(heard.resolve);
    heard.resolve = NULL;
    sem_post(&go_on);
    sem_wait(&returned);
    ck_assert_uint_eq(heard.answers, 0);
}
END_TEST

int main(void) {
    Suite *suite = suite_create("resolve");
    TCase *tcase = tcase_create("resolve");

    tcase_add_checked_fixture(tcase, setup, teardown);
    tcase_add_test(tcase, a_name_is_answered_in_the_loop_without_repetition);
    tcase_add_test(tcase, a_long_answer_is_cut_to_what_fits);
    tcase_add_test(tcase, an_unknown_name_is_answered_with_its_error);
    tcase_add_test(tcase, a_second_query_meanwhile_is_refused);
    tcase_add_test(tcase, an_answer_may_ask_again);
    tcase_add_test(tcase, freeing_during_a_query_neither_waits_nor_leaks);
    suite_add_tcase(suite, tcase);
    return suite_run(suite);
}
