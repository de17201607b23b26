/* SPDX-License-Identifier: GPL-2.0-or-later */
/* os_env: what the tests of os/ share: a loop that runs until a condition holds, a pool, a network namespace of the
 * test's own. */
#ifndef MPVPN_TESTS_OS_ENV_H
#define MPVPN_TESTS_OS_ENV_H

#include <arpa/inet.h>
#include <check.h>
#include <errno.h>
#include <net/if.h>
#include <sched.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include "common/addr.h"
#include "common/clock.h"
#include "os/loop.h"
#include "packet/buf.h"
#include "tests/unit/suite.h"

#define ENV_PATIENCE (20 * NS_PER_SEC) /* a test that waits longer has failed */

/** A loop and a pool for one test. */
struct env {
    struct loop *loop;            /**< the loop */
    struct buf_pool *pool;        /**< buffers */
    bool (*until)(void *context); /**< env_run ends when this is true */
    void *context;                /**< handed to until */
    uint64_t give_up;             /**< monotonic ns */
    unsigned turns;               /**< on_turn calls */
    bool reached;                 /**< until was true */
};

static inline void env_on_turn(void *context, uint64_t now) {
    struct env *env = context;

    env->turns++;
    env->reached = env->until(env->context);
    if (env->reached || now >= env->give_up) {
        loop_stop(env->loop);
    }
}

static inline void env_init(struct env *env, size_t large_buffers) {
    struct buf_pool_settings settings = {
        .count = {[BUF_256] = 1024, [BUF_2048] = 1024, [BUF_9216] = 64, [BUF_LARGE] = large_buffers}};
    struct loop_hooks hooks = {env_on_turn, env};
    char why[256] = "";

    *env = (struct env){0};
    ck_assert_msg(loop_new(&hooks, &env->loop, why, sizeof why) == 0, "%s", why);
    env->pool = buf_pool_new(&settings);
    ck_assert_ptr_nonnull(env->pool);
}

/** Every buffer must have come back. */
static inline void env_fini(struct env *env) {
    loop_free(env->loop);
    for (int i = 0; i < BUF_CLASSES; i++) {
        ck_assert_uint_eq(buf_pool_used(env->pool, (enum buf_class)i), 0);
    }
    buf_pool_free(env->pool);
}

/** Run until the condition holds. @return whether it did before patience (ns) ran out */
static inline bool env_wait(struct env *env, bool (*until)(void *context), void *context, uint64_t patience) {
    env->until = until;
    env->context = context;
    env->give_up = clock_now() + patience;
    env->reached = false;
    loop_set_deadline(env->loop, env->give_up);
    ck_assert_int_eq(loop_run(env->loop), 0);
    return env->reached;
}

static inline void env_run(struct env *env, bool (*until)(void *context), void *context) {
    ck_assert_msg(env_wait(env, until, context, ENV_PATIENCE), "the condition did not come true");
}

static inline bool env_never(void *context) {
    (void)context;
    return false;
}

static inline void env_ioctl(unsigned long request, struct ifreq *ifreq) {
    int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);

    ck_assert_int_ge(fd, 0);
    ck_assert_msg(ioctl(fd, request, ifreq) == 0, "ioctl %lx on %s: %s", request, ifreq->ifr_name, strerror(errno));
    close(fd);
}

static inline void env_link_flags(const char *name, short set, short clear) {
    struct ifreq ifreq = {0};

    snprintf(ifreq.ifr_name, sizeof ifreq.ifr_name, "%s", name);
    env_ioctl(SIOCGIFFLAGS, &ifreq);
    ifreq.ifr_flags = (short)((ifreq.ifr_flags | set) & ~clear);
    env_ioctl(SIOCSIFFLAGS, &ifreq);
}

/** A /24 address on a device, and the device up. */
static inline void env_address(const char *name, const char *address) {
    struct ifreq ifreq = {0};
    struct sockaddr_in in = {.sin_family = AF_INET};

    snprintf(ifreq.ifr_name, sizeof ifreq.ifr_name, "%s", name);
    ck_assert_int_eq(inet_pton(AF_INET, address, &in.sin_addr), 1);
    memcpy(&ifreq.ifr_addr, &in, sizeof in);
    env_ioctl(SIOCSIFADDR, &ifreq);
    ck_assert_int_eq(inet_pton(AF_INET, "255.255.255.0", &in.sin_addr), 1);
    memcpy(&ifreq.ifr_netmask, &in, sizeof in);
    env_ioctl(SIOCSIFNETMASK, &ifreq);
    env_link_flags(name, IFF_UP, 0);
}

/** Move to a network namespace of our own, as root or in a user namespace; lo is up. @return whether that is possible
 * here */
static inline bool env_isolate(void) {
    if (unshare(geteuid() == 0 ? CLONE_NEWNET : CLONE_NEWUSER | CLONE_NEWNET) != 0) {
        return false;
    }
    env_link_flags("lo", IFF_UP, 0);
    return true;
}

/** What this machine lets tests do, tried in a child. @return NULL, or what is missing */
static inline const char *env_missing(bool namespaces) {
    pid_t child = fork();
    int status = 0;

    if (child == 0) {
        struct loop_hooks hooks = {env_on_turn, NULL};
        struct loop *loop = NULL;
        char why[256];

        if (loop_new(&hooks, &loop, why, sizeof why) != 0) {
            _exit(1);
        }
        _exit(!namespaces || (unshare(geteuid() == 0 ? CLONE_NEWNET : CLONE_NEWUSER | CLONE_NEWNET) == 0 &&
                              access("/dev/net/tun", R_OK | W_OK) == 0)
                  ? 0
                  : 2);
    }
    waitpid(child, &status, 0);
    if (WEXITSTATUS(status) == 1) {
        return "io_uring is switched off here";
    }
    return WEXITSTATUS(status) == 2 ? "network namespaces and /dev/net/tun are needed" : NULL;
}

/** Run a suite, or say in TAP why not. @return exit status */
static inline int env_main(Suite *suite, bool namespaces) {
    const char *missing = env_missing(namespaces);

    if (missing == NULL)
        return suite_run(suite);
    printf("1..0 # SKIP %s\n", missing);
    srunner_free(srunner_create(suite));
    return EXIT_SUCCESS;
}

#endif
