/* SPDX-License-Identifier: GPL-2.0-or-later */
/* check_netlink: as root, in a network namespace of each test's own, what is asked of the kernel, told by it, changed
 * and undone. The other side is played by ip(8), so that our reading of rtnetlink is not checked by itself. */
#include "os/netlink.h"

#include <check.h>
#include <errno.h>
#include <linux/if_link.h>
#include <linux/rtnetlink.h>
#include <net/if.h>
#include <netlink/msg.h>
#include <netlink/socket.h>
#include <sched.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "common/clock.h"
#include "os/netlink_internal.h"
#include "tests/unit/netlink_env.h"
#include "tests/unit/suite.h"

/* What is asked */

START_TEST(links_are_found_by_name) {
    struct netlink_link link;

    run("ip link set wb down; ip link set va mtu 1400");
    ck_assert_int_eq(netlink_link(netlink, "va", &link), 0);
    ck_assert_uint_eq(link.ifindex, index_of("va"));
    ck_assert_uint_eq(link.mtu_bytes, 1400);
    ck_assert(link.up);
    ck_assert_int_eq(netlink_link(netlink, "wa", &link), 0);
    ck_assert(!link.up);
    ck_assert_int_eq(netlink_link(netlink, "nosuch", &link), -ENODEV);
    ck_assert_int_eq(netlink_link(netlink, "", &link), -ENODEV);
    ck_assert_int_eq(netlink_link(netlink, "a-name-that-is-longer-than-any", &link), -ENODEV);
}
END_TEST

START_TEST(the_source_is_the_best_address_that_lasts) {
    struct ip_addr source, expected;

    ck_assert_int_eq(netlink_source(netlink, index_of("va"), 4, &source), 0);
    expected = addr("10.1.0.1");
    ck_assert_int_eq(ip_addr_compare(&source, &expected), 0);
    ck_assert_int_eq(netlink_source(netlink, index_of("va"), 6, &source), 0);
    expected = addr("fd01::1");
    ck_assert_int_eq(ip_addr_compare(&source, &expected), 0);
    run("ip addr add 2001:db8::1/64 dev va nodad preferred_lft 0; ip addr add 2001:db8::2/64 dev va nodad");
    ck_assert_int_eq(netlink_source(netlink, index_of("va"), 6, &source), 0);
    expected = addr("2001:db8::2");
    ck_assert_int_eq(ip_addr_compare(&source, &expected), 0);
    run("ip addr flush dev wa scope global");
    ck_assert_int_eq(netlink_source(netlink, index_of("wa"), 4, &source), -EADDRNOTAVAIL);
    ck_assert_int_eq(netlink_source(netlink, index_of("wa"), 6, &source), -EADDRNOTAVAIL);
    ck_assert_int_eq(netlink_source(netlink, 9999, 4, &source), -EADDRNOTAVAIL);
}
END_TEST

START_TEST(the_kernel_is_asked_how_it_would_send) {
    struct ip_addr target = addr("192.0.2.1"), target6 = addr("2001:db8::1"), expected;
    struct netlink_route route;

    ck_assert_int_eq(netlink_route(netlink, &target, 0, &route), -ENETUNREACH);
    run("ip route add default via 10.1.0.254 metric 10; ip route add default via 10.2.0.254 metric 20; ip -6 route add "
        "default via fd01::fe");
    ck_assert_int_eq(netlink_route(netlink, &target, 0, &route), 0);
    ck_assert_str_eq(route.device, "va");
    expected = addr("10.1.0.254");
    ck_assert_int_eq(ip_addr_compare(&route.gateway, &expected), 0);
    expected = addr("10.1.0.1");
    ck_assert_int_eq(ip_addr_compare(&route.source, &expected), 0);
    ck_assert_int_eq(netlink_route(netlink, &target, index_of("wa"), &route), 0);
    ck_assert_str_eq(route.device, "wa");
    expected = addr("10.2.0.254");
    ck_assert_int_eq(ip_addr_compare(&route.gateway, &expected), 0);
    ck_assert_int_eq(netlink_route(netlink, &target6, index_of("va"), &route), 0);
    expected = addr("fd01::fe");
    ck_assert_int_eq(ip_addr_compare(&route.gateway, &expected), 0);
    target = addr("10.1.0.77");
    ck_assert_int_eq(netlink_route(netlink, &target, index_of("va"), &route), 0);
    ck_assert_uint_eq(route.gateway.version, 0);
}
END_TEST

START_TEST(a_device_without_a_route_is_not_taken_for_on_link) {
    struct ip_addr target = addr("192.0.2.1"), target6 = addr("2001:db8::1");
    struct netlink_route route;

    run("ip route add default via 10.1.0.254; ip -6 route add default via fd01::fe");
    ck_assert_int_eq(netlink_route(netlink, &target, index_of("wa"), &route), -ENETUNREACH);
    ck_assert_int_eq(netlink_route(netlink, &target6, index_of("wa"), &route), -ENETUNREACH);
    run("ip route add unreachable 198.51.100.0/24; ip route add blackhole 203.0.113.0/24");
    target = addr("198.51.100.1");
    ck_assert_int_eq(netlink_route(netlink, &target, 0, &route), -ENETUNREACH);
    target = addr("203.0.113.1");
    ck_assert_int_eq(netlink_route(netlink, &target, 0, &route), -ENETUNREACH);
}
END_TEST

START_TEST(multipath_and_foreign_gateways_are_understood) {
    struct ip_addr target = addr("192.0.2.1"), expected = addr("fd01::fe");
    struct netlink_route route;

    run("ip route add 192.0.2.0/24 via inet6 fd01::fe dev va; ip route add 198.51.100.0/24 nexthop via 10.1.0.254 "
        "nexthop via 10.2.0.254");
    ck_assert_int_eq(netlink_route(netlink, &target, 0, &route), 0);
    ck_assert_int_eq(ip_addr_compare(&route.gateway, &expected), 0);
    target = addr("198.51.100.1");
    ck_assert_int_eq(netlink_route(netlink, &target, 0, &route), 0);
    ck_assert_uint_eq(route.gateway.version, 4);
}
END_TEST

START_TEST(reverse_path_filtering_is_the_stricter_of_two) {
    run("echo 0 > /proc/sys/net/ipv4/conf/all/rp_filter; echo 2 > /proc/sys/net/ipv4/conf/va/rp_filter; echo 0 > "
        "/proc/sys/net/ipv4/conf/wa/rp_filter");
    ck_assert_int_eq(netlink_rp_filter("va"), 2);
    ck_assert_int_eq(netlink_rp_filter("wa"), 0);
    run("echo 1 > /proc/sys/net/ipv4/conf/all/rp_filter");
    ck_assert_int_eq(netlink_rp_filter("wa"), 1);
    ck_assert_int_eq(netlink_rp_filter("nosuch"), -ENOENT);
    ck_assert_int_eq(netlink_rp_filter("../all"), -EINVAL);
}
END_TEST

/* What is told */

START_TEST(links_are_told_when_they_change_and_only_then) {
    settle();
    told[0] = '\0';
    run("ip link set wb down");
    ck_assert(is_told("wa down|"));
    ck_assert(is_told("wb down|"));
    told[0] = '\0';
    run("ip link set wb alias x; ip link set wb alias y");
    settle();
    ck_assert_str_eq(told, "");
    run("ip link set wb up");
    ck_assert(is_told("wa up|"));
    run("ip link del wa");
    ck_assert(is_told("wa gone|"));
    ck_assert(is_told("-10.2.0.1|"));
}
END_TEST

/* Whether a link with these flags counts as up. */
static bool is_up(unsigned flags, int mode) {
    struct nl_msg *message = nlmsg_alloc_simple(RTM_NEWLINK, 0);
    struct ifinfomsg link = {.ifi_family = AF_UNSPEC, .ifi_index = 7, .ifi_flags = flags};
    struct netlink_known_link out;
    ck_assert_int_eq(nlmsg_append(message, &link, sizeof link, NLMSG_ALIGNTO), 0);
    ck_assert(mode < 0 || !nla_put_u8(message, IFLA_LINKMODE, (uint8_t)mode));
    ck_assert(netlink_message_link(nlmsg_hdr(message), &out));
    nlmsg_free(message);
    return out.up;
}

/* IFF_RUNNING comes up to a second after the carrier, IFF_LOWER_UP with it. */
START_TEST(a_link_is_up_as_soon_as_it_has_a_carrier) {
    const unsigned lower_up = 1u << 16, dormant = 1u << 17;
    ck_assert(!is_up(0, -1));
    ck_assert(!is_up(IFF_UP, -1));
    ck_assert(!is_up(lower_up | IFF_RUNNING, -1));
    ck_assert(is_up(IFF_UP | IFF_RUNNING, -1));
    ck_assert(is_up(IFF_UP | lower_up, -1));
    ck_assert(is_up(IFF_UP | lower_up, 0));
    ck_assert(!is_up(IFF_UP | lower_up, 1));
    ck_assert(!is_up(IFF_UP | lower_up | dormant, 0));
    ck_assert(is_up(IFF_UP | lower_up | IFF_RUNNING, 1));
}
END_TEST

START_TEST(addresses_are_told_when_they_are_usable) {
    settle();
    told[0] = '\0';
    run("ip addr add 10.1.0.5/24 dev va; ip addr add fd01::5/64 dev va nodad; ip addr add fd01::6/64 dev va");
    ck_assert(is_told("+fd01::5|"));
    ck_assert_str_eq(told, "+10.1.0.5|+fd01::5|"); /* fd01::6 is being tried out */
    ck_assert(is_told("+fd01::6|"));
    told[0] = '\0';
    run("ip addr change 10.1.0.5/24 dev va valid_lft 1000 preferred_lft 1000; ip addr del 10.1.0.5/24 dev va");
    ck_assert(is_told("-10.1.0.5|"));
    ck_assert_str_eq(told, "-10.1.0.5|");
}
END_TEST

START_TEST(routes_are_told_once_a_reading) {
    settle();
    routes_told = 0;
    run("for i in 1 2 3 4 5 6 7 8 9; do ip route add 192.0.2.$i via 10.1.0.254; done");
    settle();
    ck_assert_uint_eq(routes_told, 1);
    settle();
    ck_assert_uint_eq(routes_told, 1);
    run("ip -6 route add 2001:db8::/32 via fd01::fe");
    settle();
    ck_assert_uint_eq(routes_told, 2);
}
END_TEST

START_TEST(after_an_overrun_everything_is_told_that_was_missed) {
    const int small = 4096;

    settle();
    told[0] = '\0';
    ck_assert_int_eq(
        setsockopt(nl_socket_get_fd(netlink->monitor.sock), SOL_SOCKET, SO_RCVBUFFORCE, &small, sizeof small), 0);
    run("for i in $(seq 100); do ip link set vb alias x$i; done; ip link del wa; ip addr add 10.9.0.1/24 dev va; ip "
        "addr del 10.1.0.1/24 dev va");
    routes_told = 0;
    ck_assert(is_told("wa gone|"));
    ck_assert(is_told("wb gone|"));
    ck_assert(is_told("+10.9.0.1|"));
    ck_assert(is_told("-10.1.0.1|"));
    ck_assert(is_told("-10.2.0.1|"));
    ck_assert_uint_eq(routes_told, 1);
    told[0] = '\0';
    run("ip addr add 10.1.0.10/24 dev va");
    ck_assert(is_told("+10.1.0.10|"));
    ck_assert_str_eq(told, "+10.1.0.10|");
}
END_TEST

/* What is changed */

START_TEST(a_device_comes_up_without_chatter_and_goes_down_again) {
    unsigned ifindex;

    run("ip tuntap add tt mode tun; ip tuntap add tu mode tun");
    ifindex = index_of("tt");
    ck_assert_int_eq(netlink_device_up(netlink, ifindex, 1342), 0);
    ck_assert_int_eq(netlink_device_up(netlink, ifindex, 1342), 0);
    ck_assert(shows("ip -d link show tt", "mtu 1342"));
    ck_assert(shows("ip -d link show tt", ",UP"));
    ck_assert(shows("ip -d link show tt", "addrgenmode none"));
    ck_assert(shows("ip -d link show tt", "gso_max_segs 44"));
    ck_assert(!shows("ip -6 addr show tt", "fe80"));
    ck_assert_int_eq(netlink_device_mtu(netlink, ifindex, 1280), 0);
    ck_assert_int_eq(netlink_device_mtu(netlink, ifindex, 1300), 0);
    ck_assert(shows("ip link show tt", "mtu 1300"));
    netlink_undo_all(netlink);
    ck_assert(shows("ip link show tt", "mtu 1500"));
    ck_assert(!shows("ip link show tt", ",UP"));
    ck_assert_int_eq(netlink_device_up(netlink, 9999, 1342), -ENODEV);
    ck_assert_int_eq(journal_size(), 0);
}
END_TEST

START_TEST(a_host_without_ipv6_is_served_with_ipv4) {
    struct ip_prefix v4 = prefix("10.77.0.1/32"), v6 = prefix("fd77::1/128");
    struct ip_addr target = addr("2001:db8::1"), source;
    struct netlink_route route;
    unsigned ifindex;

    run("echo 1 > /proc/sys/net/ipv6/conf/all/disable_ipv6; echo 1 > /proc/sys/net/ipv6/conf/default/disable_ipv6; ip "
        "tuntap add tt mode tun");
    ifindex = index_of("tt");
    ck_assert_int_eq(netlink_device_up(netlink, ifindex, 1200), 0);
    ck_assert_int_eq(netlink_address(netlink, ifindex, &v4, true), 0);
    ck_assert_int_lt(netlink_address(netlink, ifindex, &v6, true), 0);
    ck_assert_int_eq(netlink_route(netlink, &target, 0, &route), -ENETUNREACH);
    ck_assert_int_eq(netlink_source(netlink, ifindex, 6, &source), -EADDRNOTAVAIL);
    netlink_undo_all(netlink);
    ck_assert(!shows("ip addr show tt", "10.77.0.1"));
}
END_TEST

START_TEST(addresses_of_ours_come_and_go_and_others_stay) {
    struct ip_prefix own4 = prefix("10.77.0.1/24"), own6 = prefix("fd77::1/64"), theirs = prefix("10.1.0.1/24");
    unsigned ifindex = index_of("va");

    ck_assert_int_eq(netlink_address(netlink, ifindex, &own4, true), 0);
    ck_assert_int_eq(netlink_address(netlink, ifindex, &own4, true), 0);
    ck_assert_int_eq(netlink_address(netlink, ifindex, &own6, true), 0);
    ck_assert_int_eq(netlink_address(netlink, ifindex, &theirs, true), 0);
    ck_assert(shows("ip addr show va", "inet 10.77.0.1/24"));
    ck_assert(shows("ip addr show va", "inet6 fd77::1/64"));
    ck_assert(!shows("ip addr show va to fd77::/16", "tentative"));
    ck_assert_int_eq(netlink_address(netlink, ifindex, &own4, false), 0);
    ck_assert_int_eq(netlink_address(netlink, ifindex, &own4, false), 0);
    ck_assert_int_eq(netlink_address(netlink, ifindex, &theirs, false), 0);
    ck_assert(!shows("ip addr show va", "10.77.0.1"));
    netlink_undo_all(netlink);
    ck_assert(!shows("ip addr show va", "fd77::1"));
    ck_assert(shows("ip addr show va", "inet 10.1.0.1/24"));
}
END_TEST

START_TEST(routes_are_made_as_described_and_undone) {
    struct netlink_route_spec host = route_to("192.0.2.1/32", "10.1.0.254", "va"),
                              all4 = route_to("0.0.0.0/0", NULL, "wa"), all6 = route_to("::/0", "fd01::fe", "va"),
                              net = route_to("198.51.100.77/24", "fd01::fe", "va");

    host.metric = 5;
    host.mtu_bytes = 1400;
    host.source = addr("10.1.0.1");
    all4.table = 77;
    ck_assert_int_eq(netlink_route_set(netlink, &host, true), 0);
    ck_assert_int_eq(netlink_route_set(netlink, &host, true), 0);
    ck_assert_int_eq(netlink_route_set(netlink, &all4, true), 0);
    ck_assert_int_eq(netlink_route_set(netlink, &all6, true), 0);
    ck_assert_int_eq(netlink_route_set(netlink, &net, true), 0);
    ck_assert(shows("ip route show", "192.0.2.1 via 10.1.0.254 dev va proto 109 src 10.1.0.1 metric 5 mtu 1400"));
    ck_assert(shows("ip route show table 77", "default dev wa proto 109 scope link"));
    ck_assert(shows("ip -6 route show", "default via fd01::fe dev va proto 109 metric 1024"));
    ck_assert(shows("ip route show", "198.51.100.0/24 via inet6 fd01::fe dev va"));
    ck_assert_int_eq(netlink_route_set(netlink, &net, false), 0);
    ck_assert(!shows("ip route show", "198.51.100.0/24"));
    netlink_undo_all(netlink);
    ck_assert(!shows("ip route show table all", "proto 109"));
    ck_assert(!shows("ip -6 route show table all", "proto 109"));
    ck_assert_int_eq(journal_size(), 0);
}
END_TEST

START_TEST(routes_of_others_are_neither_replaced_nor_removed) {
    struct netlink_route_spec same = route_to("192.0.2.1/32", "10.1.0.254", "va"),
                              other = route_to("192.0.2.1/32", "10.1.0.253", "va"),
                              same6 = route_to("2001:db8::/32", "fd01::fe", "va"),
                              other6 = route_to("2001:db8::/32", "fd01::fd", "va");

    run("ip route add 192.0.2.1 via 10.1.0.254; ip -6 route add 2001:db8::/32 via fd01::fe");
    ck_assert_int_eq(netlink_route_set(netlink, &same, true), 0);
    ck_assert_int_eq(netlink_route_set(netlink, &other, true), -EEXIST);
    ck_assert_int_eq(netlink_route_set(netlink, &same6, true), 0);
    ck_assert_int_eq(netlink_route_set(netlink, &other6, true), -EEXIST);
    ck_assert_int_eq(netlink_route_set(netlink, &same, false), 0);
    netlink_undo_all(netlink);
    ck_assert(shows("ip route show", "192.0.2.1 via 10.1.0.254"));
    ck_assert(shows("ip -6 route show", "2001:db8::/32 via fd01::fe"));
    ck_assert_int_eq(journal_size(), 0);
}
END_TEST

START_TEST(a_gateway_outside_the_devices_network_is_believed) {
    struct netlink_route_spec host = route_to("192.0.2.1/32", "172.31.1.1", "va"),
                              host6 = route_to("2001:db8::/32", "fd99::1", "va"),
                              impossible = route_to("192.0.2.2/32", "10.1.0.255", "va");

    ck_assert_int_eq(netlink_route_set(netlink, &host, true), 0);
    ck_assert(shows("ip route show", "192.0.2.1 via 172.31.1.1 dev va proto 109 onlink"));
    ck_assert_int_eq(netlink_route_set(netlink, &host6, true), 0);
    ck_assert(shows("ip -6 route show", "2001:db8::/32 via fd99::1 dev va proto 109"));
    ck_assert_int_lt(netlink_route_set(netlink, &impossible, true), 0); /* a broadcast address */
    netlink_undo_all(netlink);
    ck_assert(!shows("ip route show", "192.0.2.1"));
}
END_TEST

START_TEST(a_route_that_vanished_with_its_link_is_no_trouble) {
    struct netlink_route_spec host = route_to("192.0.2.1/32", "10.2.0.254", "wa");
    struct netlink_route_spec again;

    ck_assert_int_eq(netlink_route_set(netlink, &host, true), 0);
    run("ip link set wa down; ip link set wa up");
    ck_assert(!shows("ip route show", "192.0.2.1"));
    for (unsigned i = 0; i < 50 && !shows("ip link show wa", "LOWER_UP"); i++)
        usleep(1000);
    ck_assert_int_eq(netlink_route_set(netlink, &host, true), 0);
    ck_assert(shows("ip route show", "192.0.2.1 via 10.2.0.254"));
    again = host;
    run("ip link del wa");
    ck_assert_int_eq(netlink_route_set(netlink, &again, false), 0);
    netlink_undo_all(netlink);
}
END_TEST

START_TEST(rules_are_made_and_undone) {
    struct ip_addr from4 = addr("10.1.0.1"), from6 = addr("fd01::1");

    run("ip rule add from 10.1.0.1 table 100 priority 1001");
    ck_assert_int_eq(netlink_rule_set(netlink, &from4, 100, 1000, true), 0);
    ck_assert_int_eq(netlink_rule_set(netlink, &from4, 100, 1000, true), 0);
    ck_assert_int_eq(netlink_rule_set(netlink, &from4, 101, 1002, true), 0);
    ck_assert_int_eq(netlink_rule_set(netlink, &from6, 100, 1000, true), 0);
    ck_assert(shows("ip rule show", "1000:\tfrom 10.1.0.1 lookup 100"));
    ck_assert(shows("ip -6 rule show", "1000:\tfrom fd01::1 lookup 100"));
    ck_assert_int_eq(netlink_rule_set(netlink, &from4, 101, 1002, false), 0);
    ck_assert(!shows("ip rule show", "1002:"));
    netlink_undo_all(netlink);
    ck_assert(!shows("ip rule show", "1000:"));
    ck_assert(!shows("ip -6 rule show", "1000:"));
    ck_assert(shows("ip rule show", "1001:"));
}
END_TEST

/* What a crash leaves */

/** A process that makes some changes and dies without undoing them. */
static void crash(void) {
    pid_t pid;
    int result;

    netlink_close(netlink);
    netlink = NULL;
    pid = fork();
    ck_assert_int_ge(pid, 0);
    if (pid == 0) {
        struct ip_addr from = addr("10.1.0.1");
        struct ip_prefix own = prefix("10.77.0.1/32");
        struct netlink_route_spec host = route_to("192.0.2.1/32", "10.1.0.254", "va"),
                                  theirs = route_to("192.0.2.2/32", "10.1.0.254", "va");
        const struct loop_hooks loop_hooks = {.on_turn = on_turn};
        static struct loop *own_loop;

        if (loop_new(&loop_hooks, &own_loop, why, sizeof why) ||
            netlink_open(own_loop, &hooks, path, &netlink, why, sizeof why))
            _exit(1);
        if (netlink_address(netlink, index_of("va"), &own, true) || netlink_route_set(netlink, &host, true) ||
            netlink_route_set(netlink, &theirs, true) || netlink_rule_set(netlink, &from, 100, 1000, true) ||
            netlink_device_mtu(netlink, index_of("va"), 1400))
            _exit(2);
        _exit(0);
    }
    ck_assert_int_eq(waitpid(pid, &result, 0), pid);
    ck_assert_int_eq(result, 0);
}

START_TEST(the_next_run_undoes_what_a_crashed_one_left) {
    run("ip route add 192.0.2.2 via 10.1.0.254");
    crash();
    ck_assert(shows("ip route show", "192.0.2.1 via"));
    ck_assert(shows("ip link show va", "mtu 1400"));
    open_netlink();
    ck_assert_int_eq(netlink_undo_crashed(netlink), 4);
    ck_assert(!shows("ip route show", "192.0.2.1"));
    ck_assert(shows("ip route show", "192.0.2.2"));
    ck_assert(!shows("ip addr show va", "10.77.0.1"));
    ck_assert(shows("ip link show va", "mtu 1500"));
    ck_assert(!shows("ip rule show", "1000:"));
    ck_assert_int_eq(journal_size(), 0);
    ck_assert_int_eq(netlink_undo_crashed(netlink), 0);
}
END_TEST

START_TEST(what_is_gone_by_itself_is_not_counted) {
    run("ip route add 192.0.2.2 via 10.1.0.254");
    crash();
    run("ip route del 192.0.2.1; ip addr del 10.77.0.1/32 dev va; ip rule del priority 1000; ip route add 192.0.2.1 "
        "via 10.1.0.254");
    open_netlink();
    ck_assert_int_eq(netlink_undo_crashed(netlink), 1);
    ck_assert(shows("ip route show", "192.0.2.1 via 10.1.0.254")); /* somebody else's now */
}
END_TEST

START_TEST(a_device_of_another_name_is_left_alone) {
    crash();
    run("ip link set va down; ip link set va name vc; ip link set vc up");
    open_netlink();
    ck_assert_int_eq(netlink_undo_crashed(netlink), 1); /* the rule */
    ck_assert(shows("ip addr show vc", "10.77.0.1"));
    ck_assert(shows("ip link show vc", "mtu 1400"));
}
END_TEST

int main(void) {
    Suite *suite = suite_create("netlink");
    TCase *kernel = tcase_create("kernel");

    tcase_set_timeout(kernel, 60);
    tcase_add_checked_fixture(kernel, setup, teardown);
    tcase_add_test(kernel, links_are_found_by_name);
    tcase_add_test(kernel, the_source_is_the_best_address_that_lasts);
    tcase_add_test(kernel, the_kernel_is_asked_how_it_would_send);
    tcase_add_test(kernel, a_device_without_a_route_is_not_taken_for_on_link);
    tcase_add_test(kernel, multipath_and_foreign_gateways_are_understood);
    tcase_add_test(kernel, reverse_path_filtering_is_the_stricter_of_two);
    tcase_add_test(kernel, links_are_told_when_they_change_and_only_then);
    tcase_add_test(kernel, a_link_is_up_as_soon_as_it_has_a_carrier);
    tcase_add_test(kernel, addresses_are_told_when_they_are_usable);
    tcase_add_test(kernel, routes_are_told_once_a_reading);
    tcase_add_test(kernel, after_an_overrun_everything_is_told_that_was_missed);
    tcase_add_test(kernel, a_device_comes_up_without_chatter_and_goes_down_again);
    tcase_add_test(kernel, a_host_without_ipv6_is_served_with_ipv4);
    tcase_add_test(kernel, addresses_of_ours_come_and_go_and_others_stay);
    tcase_add_test(kernel, routes_are_made_as_described_and_undone);
    tcase_add_test(kernel, routes_of_others_are_neither_replaced_nor_removed);
    tcase_add_test(kernel, a_gateway_outside_the_devices_network_is_believed);
    tcase_add_test(kernel, a_route_that_vanished_with_its_link_is_no_trouble);
    tcase_add_test(kernel, rules_are_made_and_undone);
    tcase_add_test(kernel, the_next_run_undoes_what_a_crashed_one_left);
    tcase_add_test(kernel, what_is_gone_by_itself_is_not_counted);
    tcase_add_test(kernel, a_device_of_another_name_is_left_alone);
    suite_add_tcase_of_root(suite, kernel);
    return suite_run(suite);
}
