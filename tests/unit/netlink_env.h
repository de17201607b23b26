/* SPDX-License-Identifier: GPL-2.0-or-later */
/* netlink_env: what the tests of os/netlink share: as root, a network namespace of each test's own with two pairs of
 * devices, a netlink that tells into a text, and ip(8) as the other side. */
#ifndef MPVPN_TESTS_NETLINK_ENV_H
#define MPVPN_TESTS_NETLINK_ENV_H

#include <check.h>
#include <net/if.h>
#include <sched.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "common/clock.h"
#include "os/netlink.h"

static char directory[64], path[100], why[300];
static struct loop *loop;
static struct netlink *netlink;

/** What the hooks heard, as text, and how often. */
static char told[16384];
static unsigned routes_told, undone_told;

static inline void tell(const char *format, ...) {
    size_t length = strlen(told);
    va_list arguments;

    va_start(arguments, format);
    vsnprintf(told + length, sizeof told - length, format, arguments);
    va_end(arguments);
}

static inline void on_link(void *context, unsigned ifindex, const char *device, bool present, bool up) {
    (void)context;
    ck_assert_uint_ne(ifindex, 0);
    tell("%s %s|", device, present ? up ? "up" : "down" : "gone");
}

static inline void on_address(void *context, unsigned ifindex, const struct ip_addr *addr, bool present) {
    char text[IP_ADDR_TEXT_MAX];

    (void)context;
    ck_assert_uint_ne(ifindex, 0);
    if (addr->version == 6 && addr->bytes[0] == 0xfe)
        return; /* the kernel's own link-local ones come when they like */
    tell("%c%s|", present ? '+' : '-', ip_addr_print(addr, text));
}

static inline void on_route(void *context) {
    (void)context;
    routes_told++;
}

static inline void on_undone(void *context) {
    (void)context;
    undone_told++;
}

/** What was refused last, and how often something was. */
static struct netlink_refusal refusal;
static unsigned refusals_told;

static inline void on_refused(void *context, const struct netlink_refusal *told_of) {
    (void)context;
    refusal = *told_of;
    refusals_told++;
}

static const struct netlink_hooks hooks = {.on_link = on_link,
                                           .on_address = on_address,
                                           .on_route = on_route,
                                           .on_undone = on_undone,
                                           .on_refused = on_refused};

static inline void on_turn(void *context, uint64_t now) {
    (void)context;
    (void)now;
    loop_stop(loop);
}

static inline void settle(void) {
    for (unsigned i = 0; i < 20; i++) {
        loop_set_deadline(loop, clock_now() + NS_PER_MS);
        ck_assert_int_eq(loop_run(loop), 0);
    }
}

/** Run until something is told: the kernel tells of some things by a thread of its own, in its own time. @return false:
 * not within ten seconds at least */
static inline bool is_told(const char *text) {
    for (unsigned i = 0; i < 500 && !strstr(told, text); i++)
        settle();
    return strstr(told, text) != NULL;
}

static inline void directory_make(void) {
    strcpy(directory, "/tmp/check_netlink.XXXXXX");
    ck_assert_ptr_nonnull(mkdtemp(directory));
    snprintf(path, sizeof path, "%s/test.journal", directory);
}

static inline void directory_remove(void) {
    unlink(path);
    ck_assert_int_eq(rmdir(directory), 0);
}

/** Run a command; it must succeed. */
static inline void run(const char *command) {
    ck_assert_msg(system(command) == 0, "%s", command);
}

/** Whether the output of a command contains a text. */
static inline bool shows(const char *command, const char *text) {
    static char output[65536];
    FILE *pipe = popen(command, "r");
    size_t length;

    ck_assert_ptr_nonnull(pipe);
    length = fread(output, 1, sizeof output - 1, pipe);
    output[length] = '\0';
    pclose(pipe);
    return strstr(output, text) != NULL;
}

static inline struct ip_addr addr(const char *text) {
    struct ip_addr out;

    ck_assert_msg(ip_addr_parse(text, &out) == 0, "%s", text);
    return out;
}

static inline struct ip_prefix prefix(const char *text) {
    struct ip_prefix out;

    ck_assert_msg(ip_prefix_parse(text, &out) == 0, "%s", text);
    return out;
}

static inline void open_netlink(void) {
    ck_assert_msg(netlink_open(loop, &hooks, path, &netlink, why, sizeof why) == 0, "%s", why);
}

/** A namespace with two pairs of devices, all up: va and vb, with 10.1.0.1/24 and fd01::1/64 on va; wa and wb, with
 * 10.2.0.1/24 on wa. */
static inline void setup(void) {
    const struct loop_hooks loop_hooks = {.on_turn = on_turn};

    directory_make();
    ck_assert_int_eq(unshare(CLONE_NEWNET), 0);
    run("ip link set lo up; ip link add va type veth peer name vb; ip link add wa type veth peer name wb; "
        "for d in va vb wa wb; do ip link set $d up; done; "
        "ip addr add 10.1.0.1/24 dev va; ip addr add 10.2.0.1/24 dev wa; ip addr add fd01::1/64 dev va nodad");
    told[0] = '\0';
    routes_told = undone_told = refusals_told = 0;
    ck_assert_msg(loop_new(&loop_hooks, &loop, why, sizeof why) == 0, "%s", why);
    open_netlink();
}

static inline void teardown(void) {
    netlink_close(netlink);
    loop_free(loop);
    directory_remove();
}

static inline unsigned index_of(const char *device) {
    unsigned ifindex = if_nametoindex(device);

    ck_assert_uint_ne(ifindex, 0);
    return ifindex;
}

static inline struct netlink_route_spec route_to(const char *target, const char *gateway, const char *device) {
    struct netlink_route_spec spec = {.target = prefix(target), .ifindex = index_of(device)};

    if (gateway)
        spec.gateway = addr(gateway);
    return spec;
}

static inline off_t journal_size(void) {
    struct stat status;

    ck_assert_int_eq(stat(path, &status), 0);
    return status.st_size;
}

#endif
