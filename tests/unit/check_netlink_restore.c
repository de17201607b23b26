/* SPDX-License-Identifier: GPL-2.0-or-later */
/* check_netlink_restore: what others remove of our changes, and that it comes back. */
#include <errno.h>
#include <netlink/msg.h>
#include <netlink/socket.h>
#include <linux/rtnetlink.h>

#include "os/netlink_internal.h"

#include "tests/unit/netlink_env.h"
#include "tests/unit/suite.h"

/** Made again by restoring; nothing is short of memory. */
static int restored(void) {
    bool again = true;
    int made = netlink_restore(netlink, &again);

    ck_assert(!again);
    return made;
}

START_TEST(what_others_remove_is_told_and_made_again) {
    const struct ip_prefix ours = prefix("10.77.0.1/24"), ours6 = prefix("fd77::1/64");
    struct netlink_route_spec host = route_to("192.0.2.1/32", "10.1.0.254", "va"),
                              host6 = route_to("2001:db8::/32", "fd01::fe", "va");
    struct ip_addr from = addr("10.1.0.1");

    ck_assert_int_eq(netlink_address(netlink, index_of("wa"), &ours, true), 0);
    ck_assert_int_eq(netlink_address(netlink, index_of("wa"), &ours6, true), 0);
    ck_assert_int_eq(netlink_route_set(netlink, &host, true), 0);
    ck_assert_int_eq(netlink_route_set(netlink, &host6, true), 0);
    ck_assert_int_eq(netlink_rule_set(netlink, &from, 100, 1000, true), 0);
    settle();
    ck_assert_int_eq(restored(), 0);
    run("ip addr add 10.9.0.1/24 dev wa; ip addr del 10.9.0.1/24 dev wa; ip route add 10.9.0.0/16 dev va; "
        "ip route del 10.9.0.0/16; ip rule add from 10.9.0.1 table 9; ip rule del from 10.9.0.1 table 9");
    settle();
    ck_assert_uint_eq(undone_told, 0); /* that was not ours */
    run("ip addr flush dev wa");
    settle();
    ck_assert_uint_gt(undone_told, 0);
    ck_assert_int_eq(restored(), 2);
    ck_assert(shows("ip addr show dev wa", "10.77.0.1/24") && shows("ip addr show dev wa", "fd77::1/64"));
    settle();
    for (unsigned i = 0; i < 3; i++) {
        static const char *const removal[] = {"ip route del 192.0.2.1", "ip -6 route del 2001:db8::/32",
                                              "ip rule del priority 1000"};
        undone_told = 0;
        run(removal[i]);
        settle();
        ck_assert_uint_gt(undone_told, 0);
        ck_assert_int_eq(restored(), 1);
    }
    ck_assert(shows("ip route show", "192.0.2.1 via 10.1.0.254") && shows("ip -6 route show", "2001:db8::/32 via"));
    ck_assert(shows("ip rule show", "1000:\tfrom 10.1.0.1 lookup 100"));
    run("ip link set va down; ip -6 addr flush dev wa");
    settle();
    ck_assert_int_eq(restored(), 1); /* the routes of va cannot be */
    netlink_undo_all(netlink);
    ck_assert_int_eq(restored(), 0);
}
END_TEST

/** Let answers that nobody reads fill the request socket: the next one does not fit, and the kernel says ENOBUFS. */
static void fill_request_socket(void) {
    const int bytes = 1; /* the kernel's least */
    struct ifinfomsg any = {.ifi_family = AF_UNSPEC, .ifi_index = 1};

    ck_assert_int_eq(setsockopt(nl_socket_get_fd(netlink->sock), SOL_SOCKET, SO_RCVBUF, &bytes, sizeof bytes), 0);
    for (unsigned i = 0; i < 64; i++) {
        struct nl_msg *message = nlmsg_alloc_simple(RTM_GETLINK, 0);

        ck_assert_ptr_nonnull(message);
        ck_assert_int_eq(nlmsg_append(message, &any, sizeof any, NLMSG_ALIGNTO), 0);
        nl_complete_msg(netlink->sock, message);
        ck_assert_int_gt(nl_send(netlink->sock, message), 0);
        nlmsg_free(message);
    }
}

/* The second time it is set because its device was down, say; it may be there all the time. */
START_TEST(a_change_that_could_not_be_seen_to_stays_ours_and_is_due_again) {
    const struct ip_prefix ours = prefix("10.77.0.1/24");
    const struct netlink_route_spec host = route_to("192.0.2.1/32", "10.1.0.254", "va");
    const struct ip_addr from = addr("10.1.0.1");
    const unsigned ifindex = index_of("wa");
    bool again = false;

    ck_assert_int_eq(netlink_route_set(netlink, &host, true), 0);
    ck_assert_int_eq(netlink_rule_set(netlink, &from, 100, 1000, true), 0);
    ck_assert_int_eq(netlink_address(netlink, ifindex, &ours, true), 0);
    settle();
    undone_told = 0;
    run("ip addr del 10.77.0.1/24 dev wa");
    fill_request_socket();
    netlink_restore(netlink, &again);
    ck_assert(again);
    netlink_restore(netlink, &again);
    ck_assert(!again);
    ck_assert(shows("ip addr show dev wa", "10.77.0.1/24"));
    ck_assert_int_eq(netlink_address(netlink, ifindex, &ours, false), 0);
    settle();

    undone_told = 0;
    fill_request_socket(); /* it asks for the device before */
    ck_assert_int_eq(netlink_route_set(netlink, &host, true), 0);
    ck_assert_uint_eq(undone_told, 1);
    fill_request_socket();
    ck_assert_int_eq(netlink_rule_set(netlink, &from, 100, 1000, true), 0);
    ck_assert_uint_eq(undone_told, 2);
    ck_assert(shows("ip route show", "192.0.2.1 via 10.1.0.254"));
    ck_assert_int_eq(restored(), 0);
    ck_assert_int_eq(netlink_route_set(netlink, &host, false), 0);
    ck_assert(!shows("ip route show", "192.0.2.1"));
}
END_TEST

START_TEST(a_first_change_without_an_answer_is_ours_and_does_not_stay) {
    const struct netlink_route_spec host = route_to("192.0.2.1/32", "10.1.0.254", "va");
    const struct ip_addr from = addr("10.1.0.1");
    bool again = false;

    ck_assert_int_eq(netlink_route_set(netlink, &host, true), 0);
    undone_told = 0;
    fill_request_socket();
    ck_assert_int_eq(netlink_rule_set(netlink, &from, 100, 1001, true), 0);
    ck_assert_uint_eq(undone_told, 1);
    ck_assert(shows("ip rule show", "1001:")); /* the kernel has made it, and could not say so */
    ck_assert_int_eq(restored(), 0);
    ck_assert_int_eq(netlink_rule_set(netlink, &from, 100, 1001, false), 0);
    ck_assert(!shows("ip rule show", "1001:"));

    fill_request_socket();
    ck_assert_int_eq(netlink_rule_set(netlink, &from, 100, 1001, true), 0);
    run("ip rule del priority 1001");
    ck_assert_int_eq(restored(), 1); /* as if it had not */
    ck_assert(shows("ip rule show", "1001:"));

    fill_request_socket();
    ck_assert_int_eq(netlink_rule_set(netlink, &from, 100, 1002, true), 0);
    for (unsigned i = 0; i < 2; i++)
        netlink_restore(netlink, &again); /* takes the answers that nobody read */
    ck_assert(shows("ip rule show", "1002:"));
    netlink_undo_all(netlink);
    ck_assert(!shows("ip rule show", "1001:") && !shows("ip rule show", "1002:"));
    ck_assert(!shows("ip route show", "192.0.2.1"));
}
END_TEST

/* A rule of somebody else's that is just like ours is known by its protocol number. */
START_TEST(without_an_answer_nothing_of_others_is_taken_for_ours) {
    const struct ip_addr from = addr("10.1.0.1");

    run("ip rule add from 10.1.0.1 table 100 priority 1001 protocol static");
    fill_request_socket();
    ck_assert_int_eq(netlink_rule_set(netlink, &from, 100, 1001, true), 0);
    restored();
    netlink_undo_all(netlink);
    ck_assert(shows("ip rule show", "1001:"));
}
END_TEST

START_TEST(a_change_that_could_not_be_undone_is_undone_later_and_not_made_again) {
    const struct netlink_route_spec host = route_to("192.0.2.1/32", "10.1.0.254", "va");
    const struct ip_addr from = addr("10.1.0.1");
    bool again = false;

    ck_assert_int_eq(netlink_route_set(netlink, &host, true), 0);
    ck_assert_int_eq(netlink_rule_set(netlink, &from, 100, 1000, true), 0);
    settle();
    undone_told = 0;
    fill_request_socket(); /* the kernel does it, but its answer is lost */
    ck_assert_int_eq(netlink_rule_set(netlink, &from, 100, 1000, false), 0);
    ck_assert(!shows("ip rule show", "1000:"));
    ck_assert_uint_eq(undone_told, 1);
    fill_request_socket();
    netlink_restore(netlink, &again);
    ck_assert(again);
    ck_assert(!shows("ip rule show", "1000:"));
    ck_assert_int_eq(restored(), 0);
    ck_assert(!shows("ip rule show", "1000:"));
    ck_assert_uint_eq(netlink->journal.count, 1);

    /* Wanted again before that, it is made. */
    fill_request_socket();
    ck_assert_int_eq(netlink_route_set(netlink, &host, false), 0);
    netlink_restore(netlink, &again);
    ck_assert(!shows("ip route show", "192.0.2.1"));
    ck_assert_int_eq(netlink_rule_set(netlink, &from, 100, 1000, true), 0);
    fill_request_socket();
    ck_assert_int_eq(netlink_rule_set(netlink, &from, 100, 1000, false), 0);
    ck_assert_int_eq(netlink_rule_set(netlink, &from, 100, 1000, true), 0);
    ck_assert_int_eq(restored(), 0);
    ck_assert(shows("ip rule show", "1000:\tfrom 10.1.0.1 lookup 100"));
    ck_assert_int_eq(netlink_rule_set(netlink, &from, 100, 1000, false), 0);
    ck_assert_uint_eq(netlink->journal.count, 0);
}
END_TEST

static FILE *log_file;
static int log_saved; /* where it goes otherwise */

/** From here on the log is kept. */
static void begin_log(void) {
    log_file = tmpfile();
    log_saved = dup(STDERR_FILENO);
    ck_assert_ptr_nonnull(log_file);
    ck_assert_int_eq(dup2(fileno(log_file), STDERR_FILENO), STDERR_FILENO);
}

/** @return what it said since begin_log(), until the next call */
static const char *end_log(void) {
    static char text[4096];
    size_t length;

    dup2(log_saved, STDERR_FILENO);
    close(log_saved);
    rewind(log_file);
    length = fread(text, 1, sizeof text - 1, log_file);
    text[length] = '\0';
    fclose(log_file);
    return text;
}

/** Restore, and read what the log says meanwhile. @return text that stays until the next call */
static const char *restored_with_log(void) {
    bool again = true;

    begin_log();
    while (again)
        netlink_restore(netlink, &again); /* the first ones take answers that nobody read */
    return end_log();
}

static unsigned lines_of(const char *text) {
    unsigned count = 0;

    for (; *text; text++)
        count += *text == '\n';
    return count;
}

/* Told as made; the answer was lost, and meanwhile somebody else has the place, or the device is down. */
START_TEST(what_was_told_as_made_and_is_refused_is_told_once_and_is_not_ours) {
    const struct netlink_route_spec host = route_to("192.0.2.1/32", "10.1.0.254", "va"),
                                    down = route_to("192.0.2.2/32", NULL, "wa");
    const char *log;

    ck_assert_int_eq(netlink_route_set(netlink, &host, true), 0);
    ck_assert_int_eq(netlink_route_set(netlink, &down, true), 0);
    fill_request_socket();
    ck_assert_int_eq(netlink_route_set(netlink, &host, true), 0);
    fill_request_socket();
    ck_assert_int_eq(netlink_route_set(netlink, &down, true), 0);
    run("ip route del 192.0.2.1; ip route add 192.0.2.1 via 10.1.0.253; ip link set wa down");
    log = restored_with_log();
    ck_assert_msg(strstr(log, "cannot make route") && strstr(log, "File exists") && strstr(log, "Network is down"),
                  "%s", log);
    ck_assert_uint_eq(lines_of(log), 2);
    ck_assert_uint_eq(refusals_told, 2);
    ck_assert_uint_eq(refusal.ifindex, index_of("wa"));
    ck_assert_uint_eq(refusal.table, RT_TABLE_MAIN);
    ck_assert_int_eq(ip_addr_compare(&refusal.prefix.addr, &down.target.addr), 0);
    ck_assert_uint_eq(netlink->journal.count, 0);
    ck_assert_str_eq(restored_with_log(), "");
    netlink_undo_all(netlink);
    ck_assert(shows("ip route show", "192.0.2.1 via 10.1.0.253"));
}
END_TEST

/* They stood. A link that is down is no refusal: who sees it come up sets its routes again. */
START_TEST(what_stood_and_is_refused_for_good_is_told_too) {
    const struct ip_prefix ours = prefix("10.77.0.1/24"), ours6 = prefix("fd77::1/64");
    struct netlink_route_spec host = route_to("192.0.2.1/32", "10.1.0.254", "va");
    const char *log;

    ck_assert_int_eq(netlink_address(netlink, index_of("wa"), &ours, true), 0);
    ck_assert_int_eq(netlink_address(netlink, index_of("wa"), &ours6, true), 0);
    ck_assert_int_eq(netlink_route_set(netlink, &host, true), 0);
    run("ip link set va down");
    settle();
    ck_assert_str_eq(restored_with_log(), "");
    ck_assert_uint_eq(netlink->journal.count, 3);
    run("sysctl -qw net.ipv6.conf.wa.disable_ipv6=1");
    settle();
    log = restored_with_log();
    ck_assert_msg(strstr(log, "cannot make address") && strstr(log, "fd77::1"), "%s", log);
    ck_assert_uint_eq(lines_of(log), 1);
    ck_assert_uint_eq(refusals_told, 1);
    ck_assert_uint_eq(refusal.ifindex, index_of("wa"));
    ck_assert_uint_eq(refusal.table, 0);
    ck_assert_int_eq(ip_addr_compare(&refusal.prefix.addr, &ours6.addr), 0);
    ck_assert_uint_eq(netlink->journal.count, 2);
    ck_assert_str_eq(restored_with_log(), "");
}
END_TEST

/* Of that the kernel tells nothing but a route for multicast. Only devices with changes of ours matter. */
START_TEST(that_ipv6_is_on_again_is_told_where_something_of_ours_is) {
    const struct ip_prefix ours6 = prefix("fd77::1/64");

    ck_assert_int_eq(netlink_address(netlink, index_of("wa"), &ours6, true), 0);
    run("sysctl -qw net.ipv6.conf.va.disable_ipv6=1");
    settle();
    undone_told = 0;
    run("sysctl -qw net.ipv6.conf.va.disable_ipv6=0");
    settle();
    ck_assert_uint_eq(undone_told, 0);
    run("sysctl -qw net.ipv6.conf.wa.disable_ipv6=1");
    settle();
    ck_assert_uint_eq(undone_told, 1);
    run("sysctl -qw net.ipv6.conf.wa.disable_ipv6=0");
    settle();
    ck_assert_uint_eq(undone_told, 2);
}
END_TEST

START_TEST(of_changes_that_fail_the_log_is_spared_while_it_is_to_be) {
    const struct ip_prefix ours6 = prefix("fd77::1/64");

    run("sysctl -qw net.ipv6.conf.wa.disable_ipv6=1");
    settle();
    for (int quiet = 1; quiet >= 0; quiet--) {
        netlink_set_quiet(netlink, quiet);
        begin_log();
        ck_assert_int_eq(netlink_address(netlink, index_of("wa"), &ours6, true), -EACCES);
        ck_assert_uint_eq(lines_of(end_log()), quiet ? 0 : 1);
    }
}
END_TEST

int main(void) {
    Suite *suite = suite_create("netlink_restore");
    TCase *kernel = tcase_create("kernel");

    tcase_set_timeout(kernel, 60);
    tcase_add_checked_fixture(kernel, setup, teardown);
    tcase_add_test(kernel, what_others_remove_is_told_and_made_again);
    tcase_add_test(kernel, a_change_that_could_not_be_seen_to_stays_ours_and_is_due_again);
    tcase_add_test(kernel, a_first_change_without_an_answer_is_ours_and_does_not_stay);
    tcase_add_test(kernel, without_an_answer_nothing_of_others_is_taken_for_ours);
    tcase_add_test(kernel, a_change_that_could_not_be_undone_is_undone_later_and_not_made_again);
    tcase_add_test(kernel, what_was_told_as_made_and_is_refused_is_told_once_and_is_not_ours);
    tcase_add_test(kernel, what_stood_and_is_refused_for_good_is_told_too);
    tcase_add_test(kernel, that_ipv6_is_on_again_is_told_where_something_of_ours_is);
    tcase_add_test(kernel, of_changes_that_fail_the_log_is_spared_while_it_is_to_be);
    suite_add_tcase_of_root(suite, kernel);
    return suite_run(suite);
}
