/* SPDX-License-Identifier: GPL-2.0-or-later */
/* check_auth: users, tokens and their hashes. */
#include "masque/auth.h"

#include <check.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "quic/tls.h"
#include "tests/unit/suite.h"

static struct auth_user user_of(const char *name, const char *token) {
    struct auth_user user = {0};
    snprintf(user.name, sizeof(user.name), "%s", name);
    user.has_token = token != NULL;
    if (token != NULL)
        tls_sha256(token, strlen(token), user.token_hash);
    return user;
}

static int add(struct auth *auth, const char *name, const char *token) {
    struct auth_user user = user_of(name, token);
    return auth_add(auth, &user);
}

START_TEST(users_come_in_the_order_of_names) {
    struct auth *auth = auth_new();
    static const char *const names[] = {"carol", "alice", "bob", "Zed", "a"};
    static const char *const ordered[] = {"Zed", "a", "alice", "bob", "carol"};
    for (size_t i = 0; i < 5; i++)
        ck_assert_int_eq(add(auth, names[i], NULL), 0);
    ck_assert_uint_eq(auth_count(auth), 5);
    for (size_t i = 0; i < 5; i++)
        ck_assert_str_eq(auth_at(auth, i)->name, ordered[i]);
    ck_assert_ptr_null(auth_at(auth, 5));
    ck_assert_ptr_eq(auth_find(auth, "bob"), auth_at(auth, 3));
    ck_assert_ptr_null(auth_find(auth, "bo"));
    auth_free(auth);
}
END_TEST

START_TEST(names_and_tokens_are_unique) {
    struct auth *auth = auth_new();
    ck_assert_int_eq(add(auth, "alice", "t1"), 0);
    ck_assert_int_eq(add(auth, "alice", "t2"), -EEXIST);
    ck_assert_int_eq(add(auth, "bob", "t1"), -EEXIST);
    ck_assert_int_eq(add(auth, "bob", NULL), 0);
    ck_assert_int_eq(add(auth, "carol", NULL), 0);
    ck_assert_uint_eq(auth_count(auth), 3);
    auth_free(auth);
}
END_TEST

START_TEST(names_are_of_letters_digits_and_three_signs) {
    static const char *const bad[] = {"", "a b", "a/b", "a:b", "\xc3\xa9", "a\n", "\"", "a@b"};
    struct auth *auth = auth_new();
    char longest[AUTH_NAME_MAX + 1];
    for (size_t i = 0; i < sizeof(bad) / sizeof(*bad); i++) {
        ck_assert(!auth_name_is_valid(bad[i]));
        ck_assert_int_eq(add(auth, bad[i], NULL), -EINVAL);
    }
    ck_assert(auth_name_is_valid("Alice.B_c-9"));
    memset(longest, 'a', sizeof(longest));
    longest[AUTH_NAME_MAX - 1] = '\0';
    ck_assert(auth_name_is_valid(longest));
    longest[AUTH_NAME_MAX - 1] = 'a';
    longest[AUTH_NAME_MAX] = '\0';
    ck_assert(!auth_name_is_valid(longest));
    struct auth_user endless;
    memset(&endless, 'a', sizeof(endless));
    ck_assert_int_eq(auth_add(auth, &endless), -EINVAL);
    auth_free(auth);
}
END_TEST

START_TEST(a_bearer_token_names_its_user) {
    struct auth *auth = auth_new();
    const struct auth_user *user = NULL;
    ck_assert_int_eq(add(auth, "alice", "4TkG-_x"), 0);
    ck_assert_int_eq(add(auth, "bob", "other+/=="), 0);
    ck_assert_int_eq(auth_check(auth, "Bearer 4TkG-_x", &user), 0);
    ck_assert_str_eq(user->name, "alice");
    ck_assert_int_eq(auth_check(auth, "bEARER  other+/==", &user), 0);
    ck_assert_str_eq(user->name, "bob");
    auth_free(auth);
}
END_TEST

START_TEST(anything_else_is_nobody) {
    static const char *const bad[] = {"",           "Bearer",     "Bearer ",      "Bearer t2",
                                      "Basic dDE6", "t1",         "Bearert1",     "Bearer t1 ",
                                      "Bearer t1,", "Bearer =t1", "Bearer t1\tx", "Bearer \"t1\""};
    struct auth *auth = auth_new();
    const struct auth_user *user = NULL;
    ck_assert_int_eq(add(auth, "alice", "t1"), 0);
    ck_assert_int_eq(add(auth, "tokenless", NULL), 0);
    for (size_t i = 0; i < sizeof(bad) / sizeof(*bad); i++)
        ck_assert_msg(auth_check(auth, bad[i], &user) == -EPERM, "%s", bad[i]);
    ck_assert_int_eq(auth_check(auth, NULL, &user), -EPERM);
    ck_assert_ptr_null(user);
    char *endless = malloc(10000);
    memset(endless, 'x', 9999);
    memcpy(endless, "Bearer ", 7);
    endless[9999] = '\0';
    ck_assert_int_eq(auth_check(auth, endless, &user), -EPERM);
    free(endless);
    auth_free(auth);
}
END_TEST

START_TEST(a_user_without_token_is_not_reached_by_a_zero_hash) {
    struct auth *auth = auth_new();
    struct auth_user user = {.name = "zero"};
    ck_assert_int_eq(auth_add(auth, &user), 0);
    user = user_of("one", "t");
    ck_assert_int_eq(auth_add(auth, &user), 0);
    const struct auth_user *out;
    ck_assert_int_eq(auth_check(auth, "Bearer t", &out), 0);
    ck_assert_str_eq(out->name, "one");
    auth_free(auth);
}
END_TEST

START_TEST(a_disabled_user_is_known_but_refused) {
    struct auth *auth = auth_new();
    struct auth_user user = user_of("alice", "t1");
    const struct auth_user *out = NULL;
    user.disabled = true;
    ck_assert_int_eq(auth_add(auth, &user), 0);
    ck_assert_int_eq(auth_check(auth, "Bearer t1", &out), -EACCES);
    ck_assert_str_eq(out->name, "alice");
    auth_free(auth);
}
END_TEST

START_TEST(a_made_token_passes_and_none_is_like_another) {
    struct auth *auth = auth_new();
    struct auth_user user = {.name = "alice", .has_token = true};
    char token[AUTH_TOKEN_MAX], other[AUTH_TOKEN_MAX], field[AUTH_TOKEN_MAX + 8];
    const struct auth_user *out;
    uint8_t hash[32];
    auth_make_token(token, user.token_hash);
    auth_make_token(other, hash);
    ck_assert_uint_eq(strlen(token), 43);
    ck_assert_uint_eq(strspn(token, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"), 43);
    ck_assert_str_ne(token, other);
    ck_assert_int_eq(auth_add(auth, &user), 0);
    snprintf(field, sizeof(field), "Bearer %s", token);
    ck_assert_int_eq(auth_check(auth, field, &out), 0);
    snprintf(field, sizeof(field), "Bearer %s", other);
    ck_assert_int_eq(auth_check(auth, field, &out), -EPERM);
    auth_free(auth);
}
END_TEST

START_TEST(hashes_survive_printing_and_parsing) {
    uint8_t hash[32], back[32];
    char text[72];
    tls_sha256("abc", 3, hash);
    auth_print_hash(hash, text);
    ck_assert_str_eq(text, "sha256:ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
    ck_assert_int_eq(auth_parse_hash(text, back), 0);
    ck_assert_mem_eq(hash, back, 32);
    ck_assert_int_eq(auth_parse_hash("sha256:BA7816BF8F01CFEA414140DE5DAE2223B00361A396177A9CB410FF61F20015AD", back),
                     0);
    ck_assert_mem_eq(hash, back, 32);
}
END_TEST

START_TEST(malformed_hashes_are_refused_and_leave_the_result_alone) {
    static const char *const bad[] = {"",
                                      "sha256:",
                                      "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad",
                                      "sha1:ba7816bf8f01cfea414140de5dae2223b00361a3",
                                      "sha256:ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015a",
                                      "sha256:ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad0",
                                      "sha256:ga7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"};
    uint8_t hash[32] = {7};
    for (size_t i = 0; i < sizeof(bad) / sizeof(*bad); i++)
        ck_assert_int_eq(auth_parse_hash(bad[i], hash), -EINVAL);
    ck_assert_uint_eq(hash[0], 7);
}
END_TEST

int main(void) {
    Suite *suite = suite_create("auth");
    TCase *tcase = tcase_create("auth");
    suite_add_tcase(suite, tcase);
    tcase_add_test(tcase, users_come_in_the_order_of_names);
    tcase_add_test(tcase, names_and_tokens_are_unique);
    tcase_add_test(tcase, names_are_of_letters_digits_and_three_signs);
    tcase_add_test(tcase, a_bearer_token_names_its_user);
    tcase_add_test(tcase, anything_else_is_nobody);
    tcase_add_test(tcase, a_user_without_token_is_not_reached_by_a_zero_hash);
    tcase_add_test(tcase, a_disabled_user_is_known_but_refused);
    tcase_add_test(tcase, a_made_token_passes_and_none_is_like_another);
    tcase_add_test(tcase, hashes_survive_printing_and_parsing);
    tcase_add_test(tcase, malformed_hashes_are_refused_and_leave_the_result_alone);
    return suite_run(suite);
}
