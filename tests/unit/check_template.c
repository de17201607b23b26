/* SPDX-License-Identifier: GPL-2.0-or-later */
/* check_template: URI templates, by the examples and the rules of RFC 9484 and RFC 6570. */
#include <check.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "masque/connect_ip.h"
#include "tests/unit/suite.h"

static const struct connect_ip_scope anything = {.any_target = true, .protocol = -1};

static const char *expand(const char *uri_template, const char *target, int protocol) {
    static char out[256];
    struct connect_ip_scope scope = {.any_target = strcmp(target, "*") == 0, .protocol = protocol};
    if (!scope.any_target && ip_prefix_parse(target, &scope.target) != 0)
        strcpy(scope.host, target);
    int length = connect_ip_expand(uri_template, &scope, out, sizeof(out));
    if (length < 0)
        return length == -EINVAL ? "EINVAL" : "ENOSPC";
    ck_assert_uint_eq((size_t)length, strlen(out));
    return out;
}

START_TEST(templates_expand_as_in_rfc_9484_and_rfc_6570) {
    ck_assert_str_eq(expand(CONNECT_IP_TEMPLATE, "*", -1), "/.well-known/masque/ip/*/*/");
    ck_assert_str_eq(expand(CONNECT_IP_TEMPLATE, "192.0.2.0/24", 17), "/.well-known/masque/ip/192.0.2.0%2F24/17/");
    ck_assert_str_eq(expand(CONNECT_IP_TEMPLATE, "2001:db8::42", 6), "/.well-known/masque/ip/2001%3Adb8%3A%3A42/6/");
    ck_assert_str_eq(expand("/masque/ip?t={target}&i={ipproto}", "target.example.com", 17),
                     "/masque/ip?t=target.example.com&i=17");
    ck_assert_str_eq(expand("/masque/ip{?target,ipproto}", "*", 132), "/masque/ip?target=*&ipproto=132");
    ck_assert_str_eq(expand("/ip?user=bob{&ipproto,nothing,target}", "*", -1), "/ip?user=bob&ipproto=*&target=*");
    ck_assert_str_eq(expand("/{target,ipproto}", "*", 1), "/*,1");
    ck_assert_str_eq(expand("/?user=bob", "*", -1), "/?user=bob");
    ck_assert_str_eq(expand("/?user=bob", "*", 6), "EINVAL");
    ck_assert_str_eq(expand("/{ipproto}", "10.0.0.0/8", 6), "EINVAL");
    ck_assert_str_eq(expand("/{+target}", "*", -1), "EINVAL");
}
END_TEST

START_TEST(expansion_never_overruns) {
    char out[64];
    for (size_t size = 0; size < 28; size++) {
        memset(out, 'x', sizeof(out));
        ck_assert_int_lt(connect_ip_expand(CONNECT_IP_TEMPLATE, &anything, out, size), 0);
        ck_assert_int_eq(out[size], 'x');
    }
    ck_assert_int_eq(connect_ip_expand(CONNECT_IP_TEMPLATE, &anything, out, 28), 27);
}
END_TEST

START_TEST(faulty_templates_are_told) {
    static const char *const faulty[] = {
        "",           "ip/{target}",  "/{target",   "/target}",   "/{}",         "/{,target}", "/{target,}",
        "/{+target}", "/{#target}",   "/{.target}", "/{/target}", "/{;target}",  "/{?}",       "/a b",
        "/\x7f",      "/caf\xc3\xa9", "/{tar get}", "/{target*}", "/{target:3}", "/#f"};
    static const char *const good[] = {
        "/", CONNECT_IP_TEMPLATE, "/ip{?target,ipproto}", "/ip?x=1{&target}", "/{target}/{other}", "/%20x"};
    for (size_t i = 0; i < sizeof(faulty) / sizeof(*faulty); i++)
        ck_assert_msg(connect_ip_template_fault(faulty[i]) != NULL, "%s", faulty[i]);
    for (size_t i = 0; i < sizeof(good) / sizeof(*good); i++)
        ck_assert_msg(connect_ip_template_fault(good[i]) == NULL, "%s", good[i]);
}
END_TEST

START_TEST(paths_match_and_give_their_scope) {
    struct connect_ip_scope scope;
    char text[IP_PREFIX_TEXT_MAX];
    ck_assert_int_eq(connect_ip_match(CONNECT_IP_TEMPLATE, "/.well-known/masque/ip/192.0.2.0%2f24/17/", &scope), 0);
    ck_assert_str_eq(ip_prefix_print(&scope.target, text), "192.0.2.0/24");
    ck_assert(!scope.any_target && scope.host[0] == '\0' && scope.protocol == 17);
    ck_assert_int_eq(connect_ip_match(CONNECT_IP_TEMPLATE, "/.well-known/masque/ip/2001%3Adb8%3A%3A42/*/", &scope), 0);
    ck_assert_str_eq(ip_prefix_print(&scope.target, text), "2001:db8::42/128");
    ck_assert_int_eq(connect_ip_match(CONNECT_IP_TEMPLATE, "/.well-known/masque/ip/target.example.com/0/", &scope), 0);
    ck_assert_str_eq(scope.host, "target.example.com");
    ck_assert_int_eq(scope.protocol, 0);
    ck_assert_int_eq(connect_ip_match("/ip{?target,ipproto}", "/ip?x=y&ipproto=6&target=%2A", &scope), 0);
    ck_assert(scope.any_target && scope.protocol == 6);
    ck_assert_int_eq(connect_ip_match("/ip{?target,ipproto}", "/ip", &scope), 0);
    ck_assert(scope.any_target && scope.protocol == -1);
    ck_assert_int_eq(connect_ip_match("/ip?t={target}&i={ipproto}", "/ip?t=10.0.0.1&i=6", &scope), 0);
    ck_assert_int_eq(scope.protocol, 6);
    ck_assert_int_eq(connect_ip_match("/{target,ipproto}", "/10.0.0.1,6", &scope), 0);
    ck_assert_int_eq(scope.protocol, 6);
    ck_assert_int_eq(connect_ip_match("/vpn", "/vpn", &scope), 0);
}
END_TEST

START_TEST(other_paths_and_bad_values_are_told_apart) {
    static const char *const other[] = {"",
                                        "/",
                                        "/.well-known/masque/ip/*/*",
                                        "/.well-known/masque/ip/*/*/x",
                                        "/.well-known/masque/ip/*/",
                                        "/.well-known/masque/udp/*/*/",
                                        "/.well-known/masque/ip/10.0.0.0/24/6/",
                                        "/.well-known/masque/ip/*/*/?a=b"};
    static const char *const bad[] = {"/*",
                                      "*/",
                                      "*/256",
                                      "*/1000",
                                      "*/-1",
                                      "*/6x",
                                      "*/0x6",
                                      "10.0.0.1%2F24/6",
                                      "10.0.0.0%2F33/6",
                                      "fe80::1%25eth0/6",
                                      "a%2/6",
                                      "a%zz/6",
                                      "%00/6",
                                      "a b/6",
                                      "..a/6",
                                      "%5B::1%5D/6",
                                      "a%2Fb/6",
                                      "2001:db8::1%2F64/*",
                                      "*/%2A%2A"};
    struct connect_ip_scope scope = {.protocol = 77};
    for (size_t i = 0; i < sizeof(other) / sizeof(*other); i++)
        ck_assert_msg(connect_ip_match(CONNECT_IP_TEMPLATE, other[i], &scope) == -ENOENT, "%s", other[i]);
    for (size_t i = 0; i < sizeof(bad) / sizeof(*bad); i++) {
        char path[128];
        snprintf(path, sizeof(path), "/.well-known/masque/ip/%s/", bad[i]);
        ck_assert_msg(connect_ip_match(CONNECT_IP_TEMPLATE, path, &scope) == -EINVAL, "%s", path);
    }
    ck_assert_int_eq(connect_ip_match("/ip{?target,ipproto}", "/ip?ipproto=999&target=*", &scope), -EINVAL);
    ck_assert_int_eq(scope.protocol, 77);
    char longest[400];
    snprintf(longest, sizeof(longest), "/.well-known/masque/ip/%0300d/*/", 1);
    ck_assert_int_eq(connect_ip_match(CONNECT_IP_TEMPLATE, longest, &scope), -EINVAL);
}
END_TEST

int main(void) {
    Suite *suite = suite_create("template");
    TCase *tcase = tcase_create("template");
    suite_add_tcase(suite, tcase);
    tcase_add_test(tcase, templates_expand_as_in_rfc_9484_and_rfc_6570);
    tcase_add_test(tcase, expansion_never_overruns);
    tcase_add_test(tcase, faulty_templates_are_told);
    tcase_add_test(tcase, paths_match_and_give_their_scope);
    tcase_add_test(tcase, other_paths_and_bad_values_are_told_apart);
    return suite_run(suite);
}
