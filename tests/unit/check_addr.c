/* SPDX-License-Identifier: GPL-2.0-or-later */
/* check_addr: addresses, prefixes, ranges and endpoints as values. */
#include "common/addr.h"

#include <check.h>
#include <string.h>

#include "tests/unit/suite.h"

static struct ip_addr addr(const char *text) {
    struct ip_addr out;

    ck_assert_msg(ip_addr_parse(text, &out) == 0, "%s", text);
    return out;
}

static struct ip_prefix prefix(const char *text) {
    struct ip_prefix out;

    ck_assert_msg(ip_prefix_parse(text, &out) == 0, "%s", text);
    return out;
}

START_TEST(addresses_survive_parsing_and_printing) {
    static const char *const texts[] = {"0.0.0.0",
                                        "10.1.2.3",
                                        "255.255.255.255",
                                        "::",
                                        "::1",
                                        "2001:db8::1",
                                        "ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff"};
    char text[IP_ADDR_TEXT_MAX];

    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++) {
        struct ip_addr a = addr(texts[i]);

        ck_assert_str_eq(ip_addr_print(&a, text), texts[i]);
    }
    ck_assert_str_eq(ip_addr_print(&(struct ip_addr){0}, text), "none");
}
END_TEST

START_TEST(text_that_is_no_address_is_refused) {
    static const char *const texts[] = {"",    "1.2.3", "1.2.3.4.5",    "256.1.1.1", "1.2.3.4 ",
                                        ":::", "g::",   "fe80::1%eth0", "localhost"};
    struct ip_addr out = {.version = 9};

    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++)
        ck_assert_int_lt(ip_addr_parse(texts[i], &out), 0);
    ck_assert_uint_eq(out.version, 9);
}
END_TEST

START_TEST(adding_carries_and_reports_overflow) {
    struct ip_addr a = addr("10.0.255.250"), b = addr("255.255.255.255"), c = addr("2001:db8::ffff:ffff:ffff:ffff");
    char text[IP_ADDR_TEXT_MAX];

    ck_assert(ip_addr_add(&a, 10));
    ck_assert_str_eq(ip_addr_print(&a, text), "10.1.0.4");
    ck_assert(!ip_addr_add(&b, 1));
    ck_assert(ip_addr_add(&c, 1));
    ck_assert_str_eq(ip_addr_print(&c, text), "2001:db8:0:1::");
    ck_assert(ip_addr_add(&c, UINT64_MAX));
    ck_assert_str_eq(ip_addr_print(&c, text), "2001:db8:0:1:ffff:ffff:ffff:ffff");
}
END_TEST

START_TEST(addresses_order_by_version_then_value) {
    struct ip_addr a = addr("1.2.3.4"), b = addr("200.1.1.1"), c = addr("::");

    ck_assert_int_lt(ip_addr_compare(&a, &b), 0);
    ck_assert_int_gt(ip_addr_compare(&b, &a), 0);
    ck_assert_int_lt(ip_addr_compare(&b, &c), 0);
    ck_assert_int_eq(ip_addr_compare(&a, &a), 0);
}
END_TEST

START_TEST(prefixes_survive_parsing_and_printing) {
    static const char *const texts[] = {"0.0.0.0/0", "10.1.2.3/8", "10.1.2.3/32", "::/0", "2001:db8::1/64", "::1/128"};
    char text[IP_PREFIX_TEXT_MAX];

    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++) {
        struct ip_prefix p = prefix(texts[i]);

        ck_assert_str_eq(ip_prefix_print(&p, text), texts[i]);
    }
    ck_assert_uint_eq(prefix("10.0.0.1").length, 32);
    ck_assert_uint_eq(prefix("::1").length, 128);
}
END_TEST

START_TEST(text_that_is_no_prefix_is_refused) {
    static const char *const texts[] = {"10.0.0.0/",   "10.0.0.0/33", "10.0.0.0/-1", "10.0.0.0/ 8",
                                        "10.0.0.0/8x", "::/129",      "/8",          "::/9999"};
    struct ip_prefix out;

    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++)
        ck_assert_int_lt(ip_prefix_parse(texts[i], &out), 0);
}
END_TEST

START_TEST(prefix_contains_compares_leading_bits_only) {
    struct ip_prefix p = prefix("10.128.0.0/9"), all = prefix("0.0.0.0/0"), host = prefix("2001:db8::1/128");
    struct ip_addr in = addr("10.255.1.1"), out = addr("10.127.1.1"), six = addr("2001:db8::1"),
                   seven = addr("2001:db8::2");

    ck_assert(ip_prefix_contains(&p, &in));
    ck_assert(!ip_prefix_contains(&p, &out));
    ck_assert(ip_prefix_contains(&all, &out));
    ck_assert(!ip_prefix_contains(&all, &six));
    ck_assert(ip_prefix_contains(&host, &six));
    ck_assert(!ip_prefix_contains(&host, &seven));
}
END_TEST

START_TEST(prefix_first_and_last_clear_and_set_host_bits) {
    struct ip_prefix p = prefix("10.1.77.3/18"), q = prefix("2001:db8::1/61");
    struct ip_addr first = ip_prefix_first(&p), last = ip_prefix_last(&p);
    char text[IP_ADDR_TEXT_MAX];

    ck_assert_str_eq(ip_addr_print(&first, text), "10.1.64.0");
    ck_assert_str_eq(ip_addr_print(&last, text), "10.1.127.255");
    last = ip_prefix_last(&q);
    ck_assert_str_eq(ip_addr_print(&last, text), "2001:db8:0:7:ffff:ffff:ffff:ffff");
    for (size_t i = 4; i < 16; i++)
        ck_assert_uint_eq(first.bytes[i], 0);
}
END_TEST

START_TEST(range_becomes_the_fewest_prefixes) {
    struct ip_range r = {.first = addr("10.0.0.1"), .last = addr("10.0.0.8")};
    static const char *const want[] = {"10.0.0.1/32", "10.0.0.2/31", "10.0.0.4/30", "10.0.0.8/32"};
    struct ip_prefix out[254];
    char text[IP_PREFIX_TEXT_MAX];

    ck_assert_uint_eq(ip_range_to_prefixes(&r, out, 254), 4);
    for (size_t i = 0; i < 4; i++)
        ck_assert_str_eq(ip_prefix_print(&out[i], text), want[i]);
}
END_TEST

START_TEST(whole_and_worst_ranges_become_prefixes) {
    struct ip_range all4 = {.first = addr("0.0.0.0"), .last = addr("255.255.255.255")};
    struct ip_range all6 = {.first = addr("::"), .last = addr("ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff")};
    struct ip_range worst = {.first = addr("::1"), .last = addr("ffff:ffff:ffff:ffff:ffff:ffff:ffff:fffe")};
    struct ip_range backwards = {.first = addr("10.0.0.2"), .last = addr("10.0.0.1")};
    struct ip_prefix out[254];

    ck_assert_uint_eq(ip_range_to_prefixes(&all4, out, 254), 1);
    ck_assert_uint_eq(out[0].length, 0);
    ck_assert_uint_eq(ip_range_to_prefixes(&all6, out, 254), 1);
    ck_assert_uint_eq(out[0].length, 0);
    ck_assert_uint_eq(ip_range_to_prefixes(&worst, out, 254), 254);
    ck_assert_uint_eq(ip_range_to_prefixes(&worst, out, 3), 3);
    ck_assert_uint_eq(ip_range_to_prefixes(&backwards, out, 254), 0);
}
END_TEST

START_TEST(range_contains_its_ends) {
    struct ip_range r = {.first = addr("10.0.0.1"), .last = addr("10.0.0.8")};
    struct ip_addr low = addr("10.0.0.0"), first = addr("10.0.0.1"), last = addr("10.0.0.8"), six = addr("::1");

    ck_assert(!ip_range_contains(&r, &low));
    ck_assert(ip_range_contains(&r, &first));
    ck_assert(ip_range_contains(&r, &last));
    ck_assert(!ip_range_contains(&r, &six));
}
END_TEST

START_TEST(endpoints_survive_parsing_and_printing) {
    static const char *const texts[] = {"10.0.0.1:443", "[2001:db8::1]:65535", "[::]:0", "0.0.0.0:1"};
    static const char *const bad[] = {
        "10.0.0.1", "10.0.0.1:", "10.0.0.1:65536", "[::1]", "[::1]:", "::1:443", "[10.0.0.1]:443", ":443", "[::1]443"};
    union sock_addr a, b;
    char text[SOCK_ADDR_TEXT_MAX];

    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++) {
        ck_assert_int_eq(sock_addr_parse(texts[i], &a), 0);
        ck_assert_str_eq(sock_addr_print(&a, text), texts[i]);
        b = a;
        ck_assert(sock_addr_equal(&a, &b));
    }
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
        ck_assert_msg(sock_addr_parse(bad[i], &a) < 0, "%s", bad[i]);
}
END_TEST

START_TEST(endpoints_differ_by_family_port_address_and_scope) {
    union sock_addr a, b, none;

    memset(&none, 0, sizeof none);
    ck_assert_uint_eq(sock_addr_length(&none), 0);
    ck_assert(sock_addr_equal(&none, &none));
    sock_addr_parse("[fe80::1]:443", &a);
    b = a;
    b.in6.sin6_scope_id = 3;
    ck_assert(!sock_addr_equal(&a, &b));
    sock_addr_parse("[fe80::1]:444", &b);
    ck_assert(!sock_addr_equal(&a, &b));
    sock_addr_parse("1.2.3.4:443", &b);
    ck_assert(!sock_addr_equal(&a, &b));
    ck_assert_uint_eq(sock_addr_length(&a), sizeof(struct sockaddr_in6));
    ck_assert_uint_eq(sock_addr_length(&b), sizeof(struct sockaddr_in));
    ck_assert_uint_eq(sock_addr_port(&b), 443);
}
END_TEST

START_TEST(mapped_address_comes_out_as_ipv4) {
    union sock_addr a;
    struct ip_addr ip;
    char text[IP_ADDR_TEXT_MAX];

    sock_addr_parse("[::ffff:10.0.0.1]:443", &a);
    ip = sock_addr_ip(&a);
    ck_assert_str_eq(ip_addr_print(&ip, text), "10.0.0.1");
}
END_TEST

int main(void) {
    Suite *suite = suite_create("addr");
    TCase *tc = tcase_create("addr");

    tcase_add_test(tc, addresses_survive_parsing_and_printing);
    tcase_add_test(tc, text_that_is_no_address_is_refused);
    tcase_add_test(tc, adding_carries_and_reports_overflow);
    tcase_add_test(tc, addresses_order_by_version_then_value);
    tcase_add_test(tc, prefixes_survive_parsing_and_printing);
    tcase_add_test(tc, text_that_is_no_prefix_is_refused);
    tcase_add_test(tc, prefix_contains_compares_leading_bits_only);
    tcase_add_test(tc, prefix_first_and_last_clear_and_set_host_bits);
    tcase_add_test(tc, range_becomes_the_fewest_prefixes);
    tcase_add_test(tc, whole_and_worst_ranges_become_prefixes);
    tcase_add_test(tc, range_contains_its_ends);
    tcase_add_test(tc, endpoints_survive_parsing_and_printing);
    tcase_add_test(tc, endpoints_differ_by_family_port_address_and_scope);
    tcase_add_test(tc, mapped_address_comes_out_as_ipv4);
    suite_add_tcase(suite, tc);
    return suite_run(suite);
}
