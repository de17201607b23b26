/* SPDX-License-Identifier: GPL-2.0-or-later */
/* check_sockdiag: what this host's kernel says of connections over the loopback interface, whose congestion control the
 * test chose. */
#include "os/sockdiag.h"

#include <arpa/inet.h>
#include <check.h>
#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdbool.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "tests/unit/suite.h"

static struct sockdiag *sockdiag;

static void setup(void) {
    int rc = sockdiag_open(&sockdiag);

    ck_assert_msg(!rc, "this kernel has no inet_diag: %s", strerror(-rc));
}

static void teardown(void) {
    sockdiag_close(sockdiag);
}

/* A connection of this process, and its two ends as the kernel names them. */
struct connection {
    int listener, from, to;
    struct sockdiag_flow flow;
};

static void name_end(const struct sockaddr_storage *address, struct ip_addr *addr, uint16_t *port) {
    if (address->ss_family == AF_INET) {
        const struct sockaddr_in *in = (const void *)address;

        *addr = (struct ip_addr){.version = 4};
        memcpy(addr->bytes, &in->sin_addr, 4);
        *port = ntohs(in->sin_port);
    } else {
        const struct sockaddr_in6 *in6 = (const void *)address;

        *addr = (struct ip_addr){.version = 6};
        memcpy(addr->bytes, &in6->sin6_addr, 16);
        *port = ntohs(in6->sin6_port);
    }
}

static struct connection connection(int family, const char *congestion) {
    struct connection c = {.listener = socket(family, SOCK_STREAM, 0), .from = socket(family, SOCK_STREAM, 0)};
    struct sockaddr_storage address = {.ss_family = (sa_family_t)family};
    socklen_t length = sizeof address;

    if (family == AF_INET)
        ((struct sockaddr_in *)&address)->sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    else
        ((struct sockaddr_in6 *)&address)->sin6_addr = in6addr_loopback;
    ck_assert_int_eq(bind(c.listener, (struct sockaddr *)&address, sizeof address), 0);
    ck_assert_int_eq(listen(c.listener, 1), 0);
    ck_assert_int_eq(getsockname(c.listener, (struct sockaddr *)&address, &length), 0);
    ck_assert_int_eq(setsockopt(c.from, IPPROTO_TCP, TCP_CONGESTION, congestion, (socklen_t)strlen(congestion)), 0);
    ck_assert_int_eq(connect(c.from, (struct sockaddr *)&address, length), 0);
    c.to = accept(c.listener, NULL, NULL);
    ck_assert_int_ge(c.to, 0);
    name_end(&address, &c.flow.remote, &c.flow.remote_port);
    ck_assert_int_eq(getsockname(c.from, (struct sockaddr *)&address, &length), 0);
    name_end(&address, &c.flow.local, &c.flow.local_port);
    return c;
}

/* A socket that listens at all addresses. @return its port */
static uint16_t listens_everywhere(int *fd) {
    struct sockaddr_in address = {.sin_family = AF_INET};
    socklen_t length = sizeof address;

    *fd = socket(AF_INET, SOCK_STREAM, 0);
    ck_assert_int_eq(bind(*fd, (struct sockaddr *)&address, sizeof address), 0);
    ck_assert_int_eq(listen(*fd, 1), 0);
    ck_assert_int_eq(getsockname(*fd, (struct sockaddr *)&address, &length), 0);
    return ntohs(address.sin_port);
}

/* Whether this host has IPv6 at all: containers may not. */
static bool has_ipv6(void) {
    const struct sockaddr_in6 address = {.sin6_family = AF_INET6, .sin6_addr = in6addr_loopback};
    int fd = socket(AF_INET6, SOCK_STREAM, 0);
    bool has = fd >= 0 && !bind(fd, (const struct sockaddr *)&address, sizeof address);

    if (fd >= 0)
        close(fd);
    return has;
}

static void end(struct connection *c) {
    close(c->from);
    close(c->to);
    close(c->listener);
}

START_TEST(the_congestion_control_of_a_connection_is_told) {
    static const char *const names[] = {"reno", "cubic"};
    const int family = _i / 2 ? AF_INET6 : AF_INET;
    struct connection c = connection(family, names[_i % 2]);
    char name[SOCKDIAG_NAME_MAX] = "";

    ck_assert_int_eq(sockdiag_congestion(sockdiag, &c.flow, name), 0);
    ck_assert_str_eq(name, names[_i % 2]);
    end(&c);
}
END_TEST

START_TEST(what_is_no_connection_of_this_host_is_not_there) {
    struct connection c = connection(AF_INET, "reno");
    struct sockdiag_flow flow = c.flow;
    int everywhere;
    char name[SOCKDIAG_NAME_MAX] = "";

    flow.local.bytes[3] ^= 6;
    ck_assert_int_eq(sockdiag_congestion(sockdiag, &flow, name), -ENOENT);
    /* one that is forwarded, from a port at which this host listens */
    flow = c.flow;
    flow.local_port = listens_everywhere(&everywhere);
    memcpy(flow.local.bytes, (uint8_t[]){192, 0, 2, 1}, 4);
    memcpy(flow.remote.bytes, (uint8_t[]){198, 51, 100, 1}, 4);
    ck_assert_int_eq(sockdiag_congestion(sockdiag, &flow, name), -ENOENT);
    close(everywhere);
    flow = c.flow;
    flow.remote_port ^= 1;
    ck_assert_int_eq(sockdiag_congestion(sockdiag, &flow, name), -ENOENT);
    flow.remote.version = 6;
    ck_assert_int_eq(sockdiag_congestion(sockdiag, &flow, name), -EAFNOSUPPORT);
    ck_assert_str_eq(name, "");
    /* and the next answer is that to the next question */
    ck_assert_int_eq(sockdiag_congestion(sockdiag, &c.flow, name), 0);
    ck_assert_str_eq(name, "reno");
    end(&c);
}
END_TEST

int main(void) {
    Suite *suite = suite_create("sockdiag");
    TCase *tcase = tcase_create("sockdiag");
    tcase_add_checked_fixture(tcase, setup, teardown);
    tcase_add_loop_test(tcase, the_congestion_control_of_a_connection_is_told, 0, has_ipv6() ? 4 : 2);
    tcase_add_test(tcase, what_is_no_connection_of_this_host_is_not_there);
    suite_add_tcase(suite, tcase);
    return suite_run(suite);
}
