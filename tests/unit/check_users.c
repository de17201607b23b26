/* SPDX-License-Identifier: GPL-2.0-or-later */
/* check_users: users of configuration and users file together; adding and removing on disk. */
#include "users.h"

#include <check.h>
#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include "crew.h"
#include "quic/tls.h"
#include "tests/unit/suite.h"

static char directory[64], config_file[80], users_file[80];
static struct config *config;
static char why[CONFIG_WHY_MAX];

static void write_text(const char *file, const char *text) {
    FILE *stream = fopen(file, "w");

    ck_assert_ptr_nonnull(stream);
    fputs(text, stream);
    ck_assert_int_eq(fclose(stream), 0);
}

static void read_text(const char *file, char *text, size_t size) {
    FILE *stream = fopen(file, "r");

    ck_assert_ptr_nonnull(stream);
    text[fread(text, 1, size - 1, stream)] = '\0';
    fclose(stream);
}

/* A server's configuration with alice in it, in a directory of its own. */
static void set_up(void) {
    snprintf(directory, sizeof directory, "/tmp/check_users.XXXXXX");
    ck_assert_ptr_nonnull(mkdtemp(directory));
    snprintf(config_file, sizeof config_file, "%s/t.conf", directory);
    snprintf(users_file, sizeof users_file, "%s/users", directory);
    write_text(config_file, "[Server]\nCertificate = /etc/passwd\nPrivateKey = /etc/passwd\nPool = 10.0.0.0/24\nUsers "
                            "= users\n[User alice]\nAddress = 10.0.0.9\n"
                            "TokenHash = sha256:53b1000000000000000000000000000000000000000000000000000000000000\n");
    ck_assert_msg(config_read(config_file, &config, why, sizeof why) == 0, "%s", why);
    ck_assert_str_eq(config->users_file, users_file);
}

static void tear_down(void) {
    config_free(config);
    unlink(users_file);
    unlink(config_file);
    ck_assert_msg(rmdir(directory) == 0, "something was left in %s", directory);
}

static struct auth_user user(const char *name, uint8_t token) {
    struct auth_user user = {.has_token = true};

    snprintf(user.name, sizeof user.name, "%s", name);
    memset(user.token_hash, token, sizeof user.token_hash);
    return user;
}

static struct auth *load(void) {
    struct auth *auth = NULL;

    ck_assert_msg(users_load(config, &auth, why, sizeof why) == 0, "%s", why);
    return auth;
}

START_TEST(without_a_users_file_there_are_the_configured_users) {
    struct auth *auth = load();

    ck_assert_uint_eq(auth_count(auth), 1);
    ck_assert_ptr_nonnull(auth_find(auth, "alice"));
    auth_free(auth);
}
END_TEST

START_TEST(an_added_user_is_loaded_again_whole) {
    struct auth_user bob = user("bob", 7);
    const struct auth_user *found;
    struct auth *auth;
    struct stat st;

    bob.disabled = true;
    ip_addr_parse("10.0.0.10", &bob.address[0]);
    ip_addr_parse("fd77::10", &bob.address[1]);
    ck_assert_int_eq(users_add(config, &bob, why, sizeof why), 0);
    auth = load();
    ck_assert_uint_eq(auth_count(auth), 2);
    found = auth_find(auth, "bob");
    ck_assert_ptr_nonnull(found);
    ck_assert_mem_eq(found->token_hash, bob.token_hash, 32);
    ck_assert(found->disabled);
    ck_assert_int_eq(ip_addr_compare(&found->address[0], &bob.address[0]), 0);
    ck_assert_int_eq(ip_addr_compare(&found->address[1], &bob.address[1]), 0);
    auth_free(auth);
    ck_assert_int_eq(stat(users_file, &st), 0);
    ck_assert_uint_eq(st.st_mode & 0777, 0600);
}
END_TEST

START_TEST(name_token_and_address_are_given_once) {
    struct auth_user alice = user("alice", 1), bob = user("bob", 2), carol = user("carol", 2), dave = user("dave", 3),
                     odd = user("a b", 4);

    ip_addr_parse("10.0.0.9", &dave.address[0]);
    ck_assert_int_eq(users_add(config, &alice, why, sizeof why), -EEXIST);
    ck_assert_int_eq(users_add(config, &bob, why, sizeof why), 0);
    ck_assert_int_eq(users_add(config, &bob, why, sizeof why), -EEXIST);
    ck_assert_int_eq(users_add(config, &carol, why, sizeof why), -EEXIST);
    ck_assert_int_eq(users_add(config, &dave, why, sizeof why), -EEXIST);
    ck_assert_ptr_nonnull(strstr(why, "[User dave] Address: is [User alice]'s too"));
    ck_assert_int_eq(users_add(config, &odd, why, sizeof why), -EINVAL);
}
END_TEST

START_TEST(a_removed_user_is_gone_and_the_others_stay) {
    struct auth_user bob = user("bob", 2), carol = user("carol", 3);
    struct auth *auth;

    ck_assert_int_eq(users_add(config, &bob, why, sizeof why), 0);
    ck_assert_int_eq(users_add(config, &carol, why, sizeof why), 0);
    ck_assert_int_eq(users_remove(config, "bob", why, sizeof why), 0);
    ck_assert_int_eq(users_remove(config, "bob", why, sizeof why), -ENOENT);
    auth = load();
    ck_assert_uint_eq(auth_count(auth), 2);
    ck_assert_ptr_nonnull(auth_find(auth, "carol"));
    auth_free(auth);
}
END_TEST

START_TEST(a_configured_user_is_not_removed) {
    ck_assert_int_eq(users_remove(config, "alice", why, sizeof why), -EPERM);
    ck_assert_ptr_nonnull(strstr(why, config_file));
}
END_TEST

START_TEST(a_full_disk_leaves_the_old_file_and_no_litter) {
    struct auth_user bob = user("bob", 2), carol = user("carol", 3);
    struct rlimit old, none = {0, RLIM_INFINITY};
    char before[1000], after[1000];
    int rc;

    ck_assert_int_eq(users_add(config, &bob, why, sizeof why), 0);
    read_text(users_file, before, sizeof before);
    /* A file size limit of nothing fails every write, as a full disk does. */
    ck_assert_int_eq(getrlimit(RLIMIT_FSIZE, &old), 0);
    none.rlim_max = old.rlim_max;
    signal(SIGXFSZ, SIG_IGN);
    ck_assert_int_eq(setrlimit(RLIMIT_FSIZE, &none), 0);
    rc = users_add(config, &carol, why, sizeof why);
    ck_assert_int_eq(setrlimit(RLIMIT_FSIZE, &old), 0);
    ck_assert_int_eq(rc, -EFBIG);
    ck_assert_ptr_nonnull(strstr(why, "cannot be written"));
    read_text(users_file, after, sizeof after);
    ck_assert_str_eq(before, after);
}
END_TEST

START_TEST(a_faulty_users_file_is_told_and_not_overwritten) {
    struct auth_user bob = user("bob", 2);
    struct auth *auth;
    char expected[CONFIG_WHY_MAX], text[100];

    write_text(users_file, "[User bob]\n[Server]\n");
    snprintf(expected, sizeof expected, "%s:2: [Server]: a users file has only [User NAME] sections", users_file);
    ck_assert_int_eq(users_load(config, &auth, why, sizeof why), -EINVAL);
    ck_assert_str_eq(why, expected);
    ck_assert_int_eq(users_add(config, &bob, why, sizeof why), -EINVAL);
    read_text(users_file, text, sizeof text);
    ck_assert_str_eq(text, "[User bob]\n[Server]\n");
    write_text(users_file, "[User alice]\n");
    ck_assert_int_eq(users_load(config, &auth, why, sizeof why), -EINVAL);
    ck_assert_ptr_nonnull(strstr(why, "[User alice]: there is a user of this name already"));
}
END_TEST

static int check_server(const struct config *server) {
    struct crew crew;
    int rc = crew_load(&crew, 1, server, why, sizeof why);

    crew_fini(&crew);
    return rc;
}

/* A certificate and its key, a user's address: what is seen only when all are looked at together. */
START_TEST(a_server_is_checked_beyond_its_file) {
    static const char *const addresses[] = {"10.0.0.9", "10.0.0.1"};
    char certificate[100], key[100], text[600];

    snprintf(certificate, sizeof certificate, "%s/server.crt", directory);
    snprintf(key, sizeof key, "%s/server.key", directory);
    ck_assert_int_eq(check_server(config), -EINVAL);
    ck_assert_ptr_nonnull(strstr(why, "/etc/passwd"));
    ck_assert_msg(tls_keygen(certificate, key, "vpn.test", why, sizeof why) == 0, "%s", why);
    for (int i = 0; i < 2; i++) {
        struct config *other;

        snprintf(text, sizeof text,
                 "[Server]\nCertificate = server.crt\nPrivateKey = server.key\nPool = 10.0.0.0/24\nUsers = users\n"
                 "[User alice]\nAddress = %s\n",
                 addresses[i]);
        write_text(config_file, text);
        ck_assert_msg(config_read(config_file, &other, why, sizeof why) == 0, "%s", why);
        ck_assert_int_eq(check_server(other), i == 0 ? 0 : -EEXIST);
        config_free(other);
    }
    ck_assert_ptr_nonnull(strstr(why, "[User alice] Address: 10.0.0.1 is "));
    unlink(certificate);
    unlink(key);
}
END_TEST

int main(void) {
    Suite *suite = suite_create("users");
    TCase *tc = tcase_create("users");

    tcase_add_checked_fixture(tc, set_up, tear_down);
    tcase_add_test(tc, without_a_users_file_there_are_the_configured_users);
    tcase_add_test(tc, an_added_user_is_loaded_again_whole);
    tcase_add_test(tc, name_token_and_address_are_given_once);
    tcase_add_test(tc, a_removed_user_is_gone_and_the_others_stay);
    tcase_add_test(tc, a_configured_user_is_not_removed);
    tcase_add_test(tc, a_full_disk_leaves_the_old_file_and_no_litter);
    tcase_add_test(tc, a_faulty_users_file_is_told_and_not_overwritten);
    tcase_add_test(tc, a_server_is_checked_beyond_its_file);
    suite_add_tcase(suite, tc);
    return suite_run(suite);
}
