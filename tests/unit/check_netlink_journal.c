/* SPDX-License-Identifier: GPL-2.0-or-later */
/* check_netlink_journal: our changes as text and as a file that another process reads. */
#include "os/netlink_internal.h"

#include <check.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include "tests/unit/suite.h"

static char directory[64], path[100], why[300];

static void directory_make(void) {
    strcpy(directory, "/tmp/check_netlink.XXXXXX");
    ck_assert_ptr_nonnull(mkdtemp(directory));
    snprintf(path, sizeof path, "%s/test.journal", directory);
}

static void directory_remove(void) {
    unlink(path);
    ck_assert_int_eq(rmdir(directory), 0);
}

static off_t journal_size(void) {
    struct stat status;

    ck_assert_int_eq(stat(path, &status), 0);
    return status.st_size;
}

static struct netlink_change change(const char *text) {
    struct netlink_change out;

    ck_assert_msg(netlink_change_parse(text, &out) == 0, "%s", text);
    return out;
}

START_TEST(changes_survive_being_written_and_read) {
    static const char *const texts[] = {
        "up 7 mpvpn0 none none none 0 0 0",
        "mtu 7 mpvpn0 none none none 0 0 1500",
        "address 7 mpvpn0 10.77.0.10/32 none none 0 0 0",
        "address 7 mpvpn0 fd77::10/128 none none 0 0 0",
        "route 2 enp5s0 192.0.2.1/32 10.0.0.1 10.0.0.2 254 0 0",
        "route 2 fifteenletters0 ::/0 fe80::1 none 4294967295 1024 1280",
        "rule 0 - 10.0.0.2/32 none none 100 1000 0",
    };
    char text[NETLINK_CHANGE_TEXT_MAX];

    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++) {
        struct netlink_change c = change(texts[i]);

        ck_assert_str_eq(netlink_change_print(&c, text), texts[i]);
    }
}
END_TEST

START_TEST(text_that_is_no_change_is_refused) {
    static const char *const texts[] = {
        "",
        "up",
        "up 7 mpvpn0 none none none 0 0",
        "up 7 mpvpn0 none none none 0 0 0 0",
        "down 7 mpvpn0 none none none 0 0 0",
        "up 0 mpvpn0 none none none 0 0 0",
        "up 7 - none none none 0 0 0",
        "address 7 mpvpn0 none none none 0 0 0",
        "address 7 mpvpn0 10.0.0.0/33 none none 0 0 0",
        "route 2 e 192.0.2.1/32 gate none 254 0 0",
        "rule 0 - none none none 100 1000 0",
        "route 2 anamethatisfartoolong 192.0.2.1/32 none none 254 0 0",
        "route x e 192.0.2.1/32 none none 254 0 0",
    };
    struct netlink_change out;

    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++)
        ck_assert_msg(netlink_change_parse(texts[i], &out) == -EINVAL, "%s", texts[i]);
}
END_TEST

/** Write a journal as a former process might have left it. @param boot NULL: this boot's */
static void leave_behind(const char *boot, const char *lines) {
    FILE *file = fopen(path, "w"), *id = fopen("/proc/sys/kernel/random/boot_id", "r");
    char own[64] = "unknown";

    ck_assert_ptr_nonnull(file);
    ck_assert(!id || fscanf(id, "%63s", own) == 1);
    if (id)
        fclose(id);
    fprintf(file, "boot %s\n%s", boot ? boot : own, lines);
    fclose(file);
}

/** The journal's list as it is read from the file. */
static struct netlink_journal load(void) {
    struct netlink_journal journal;

    ck_assert_int_eq(netlink_journal_open(&journal, path, why, sizeof why), 0);
    ck_assert_int_eq(netlink_journal_load(&journal), 0);
    return journal;
}

#define ADDRESS_1 "address 7 t 10.0.0.1/32 none none 0 0 0"
#define ADDRESS_2 "address 7 t 10.0.0.2/32 none none 0 0 0"
#define ADDRESS_3 "address 7 t 10.0.0.3/32 none none 0 0 0"

START_TEST(what_a_process_left_behind_is_read_without_what_was_struck_out) {
    struct netlink_journal journal, again;

    ck_assert_int_eq(netlink_journal_open(&journal, path, why, sizeof why), 0);
    ck_assert_int_eq(netlink_journal_add(&journal, &(struct netlink_change){0}), 0);
    netlink_journal_strike(&journal, 0);
    ck_assert_int_eq(journal_size(), 0);
    struct netlink_change one = change(ADDRESS_1), two = change(ADDRESS_2), three = change(ADDRESS_3);
    ck_assert_int_eq(netlink_journal_add(&journal, &one), 0);
    ck_assert_int_eq(netlink_journal_add(&journal, &two), 0);
    ck_assert_int_eq(netlink_journal_add(&journal, &three), 0);
    ck_assert_uint_eq(netlink_journal_find(&journal, &two), 1);
    netlink_journal_strike(&journal, 1);
    ck_assert_uint_eq(netlink_journal_find(&journal, &two), 2);
    netlink_journal_close(&journal);
    again = load();
    ck_assert_uint_eq(again.count, 2);
    ck_assert_uint_eq(netlink_journal_find(&again, &one), 0);
    ck_assert_uint_eq(netlink_journal_find(&again, &three), 1);
    netlink_journal_clear(&again);
    ck_assert_int_eq(journal_size(), 0);
    netlink_journal_close(&again);
}
END_TEST

START_TEST(a_file_with_nothing_to_undo_is_removed_but_never_another_process_s) {
    struct netlink_journal journal, other;
    struct netlink_change one = change(ADDRESS_1);

    ck_assert_int_eq(netlink_journal_open(&journal, path, why, sizeof why), 0);
    ck_assert_int_eq(netlink_journal_open(&other, path, why, sizeof why), -EBUSY);
    netlink_journal_close(&other);
    ck_assert_int_eq(access(path, F_OK), 0);
    ck_assert_int_eq(netlink_journal_add(&journal, &one), 0);
    netlink_journal_close(&journal);
    ck_assert_int_eq(access(path, F_OK), 0);
    journal = load();
    netlink_journal_strike(&journal, 0);
    netlink_journal_close(&journal);
    ck_assert_int_ne(access(path, F_OK), 0);
}
END_TEST

START_TEST(a_corrupt_or_truncated_line_costs_only_itself) {
    struct netlink_journal journal;

    leave_behind(NULL, "+ " ADDRESS_1 "\nnonsense\n+ address 7 t 10.0.0\n\n\xff\xfe\n- " ADDRESS_3 "\n+ " ADDRESS_2
                       "\n+ address 7 t 10.0.0.3/32 none none 0 0 ");
    journal = load();
    ck_assert_uint_eq(journal.count, 2);
    netlink_journal_close(&journal);
}
END_TEST

START_TEST(a_line_cut_short_by_a_crash_does_not_spoil_the_next) {
    struct netlink_change one = change(ADDRESS_1);
    struct netlink_journal journal;

    leave_behind(NULL, "+ " ADDRESS_2 "\n+ addr");
    ck_assert_int_eq(netlink_journal_open(&journal, path, why, sizeof why), 0);
    ck_assert_int_eq(netlink_journal_add(&journal, &one), 0);
    netlink_journal_close(&journal);
    journal = load();
    ck_assert_uint_eq(journal.count, 2);
    netlink_journal_close(&journal);
}
END_TEST

START_TEST(what_was_changed_before_the_last_boot_is_forgotten) {
    struct netlink_journal journal;

    leave_behind("00000000-0000-0000-0000-000000000000", "+ " ADDRESS_1 "\n");
    journal = load();
    ck_assert_uint_eq(journal.count, 0);
    netlink_journal_close(&journal);
}
END_TEST

START_TEST(a_long_life_does_not_make_a_long_file) {
    struct netlink_change stays = change(ADDRESS_1), comes = change(ADDRESS_2);
    struct netlink_journal journal;

    ck_assert_int_eq(netlink_journal_open(&journal, path, why, sizeof why), 0);
    ck_assert_int_eq(netlink_journal_add(&journal, &stays), 0);
    for (unsigned i = 0; i < 3000; i++) {
        ck_assert_int_eq(netlink_journal_add(&journal, &comes), 0);
        netlink_journal_strike(&journal, 1);
        ck_assert_int_lt(journal_size(), 70000);
    }
    ck_assert_int_eq(netlink_journal_add(&journal, &comes), 0);
    netlink_journal_close(&journal);
    journal = load();
    ck_assert_uint_eq(journal.count, 2);
    ck_assert_uint_eq(netlink_journal_find(&journal, &stays), 0);
    netlink_journal_close(&journal);
}
END_TEST

START_TEST(a_journal_in_use_and_one_that_is_no_file_are_refused) {
    struct netlink_journal journal, second;

    ck_assert_int_eq(netlink_journal_open(&journal, path, why, sizeof why), 0);
    ck_assert_int_eq(netlink_journal_open(&second, path, why, sizeof why), -EBUSY);
    netlink_journal_close(&second);
    netlink_journal_close(&journal);
    unlink(path);
    ck_assert_int_eq(symlink("/etc/passwd", path), 0);
    ck_assert_int_eq(netlink_journal_open(&journal, path, why, sizeof why), -ELOOP);
    netlink_journal_close(&journal);
    ck_assert_int_eq(netlink_journal_open(&journal, "/dev/null", why, sizeof why), -EINVAL);
    netlink_journal_close(&journal);
    ck_assert_int_eq(netlink_journal_open(&journal, NULL, why, sizeof why), 0);
    netlink_journal_close(&journal);
}
END_TEST

START_TEST(a_journal_that_cannot_be_written_forbids_the_change) {
    struct netlink_change one = change(ADDRESS_1);
    struct netlink_journal journal;

    ck_assert_int_eq(netlink_journal_open(&journal, path, why, sizeof why), 0);
    close(journal.fd);
    journal.fd = open("/dev/full", O_WRONLY);
    ck_assert_int_ge(journal.fd, 0);
    ck_assert_int_eq(netlink_journal_add(&journal, &one), -ENOSPC);
    ck_assert_uint_eq(journal.count, 0);
    netlink_journal_close(&journal);
}
END_TEST

/* An MTU of 1500 of which "15" fits would be set when a later process undoes it. */
START_TEST(what_does_not_fit_on_the_disk_leaves_no_part_of_a_line) {
    struct netlink_change one = change(ADDRESS_1), mtu = change("mtu 7 t none none none 0 0 1500");
    struct netlink_journal journal;
    struct rlimit before, room;
    off_t size;

    signal(SIGXFSZ, SIG_IGN);
    ck_assert_int_eq(netlink_journal_open(&journal, path, why, sizeof why), 0);
    ck_assert_int_eq(netlink_journal_add(&journal, &one), 0);
    size = journal_size();
    ck_assert_int_eq(getrlimit(RLIMIT_FSIZE, &before), 0);
    for (rlim_t part = 0; part < strlen("+ mtu 7 t none none none 0 0 1500\n"); part++) {
        room = (struct rlimit){.rlim_cur = (rlim_t)size + part, .rlim_max = before.rlim_max};
        ck_assert_int_eq(setrlimit(RLIMIT_FSIZE, &room), 0);
        ck_assert_int_lt(netlink_journal_add(&journal, &mtu), 0);
        ck_assert_int_eq(journal_size(), size);
        ck_assert_uint_eq(journal.count, 1);
    }
    ck_assert_int_eq(setrlimit(RLIMIT_FSIZE, &before), 0);
    ck_assert_int_eq(netlink_journal_add(&journal, &mtu), 0);
    close(journal.fd); /* as a process that dies */
    journal.fd = -1;
    netlink_journal_close(&journal);
    journal = load();
    ck_assert_uint_eq(journal.count, 2);
    ck_assert(memcmp(&journal.changes[1], &mtu, sizeof mtu) == 0);
    netlink_journal_clear(&journal);
    netlink_journal_close(&journal);
}
END_TEST

int main(void) {
    Suite *suite = suite_create("netlink_journal");
    TCase *file = tcase_create("journal");

    tcase_add_checked_fixture(file, directory_make, directory_remove);
    tcase_add_test(file, changes_survive_being_written_and_read);
    tcase_add_test(file, text_that_is_no_change_is_refused);
    tcase_add_test(file, what_a_process_left_behind_is_read_without_what_was_struck_out);
    tcase_add_test(file, a_file_with_nothing_to_undo_is_removed_but_never_another_process_s);
    tcase_add_test(file, a_corrupt_or_truncated_line_costs_only_itself);
    tcase_add_test(file, a_line_cut_short_by_a_crash_does_not_spoil_the_next);
    tcase_add_test(file, what_was_changed_before_the_last_boot_is_forgotten);
    tcase_add_test(file, a_long_life_does_not_make_a_long_file);
    tcase_add_test(file, a_journal_in_use_and_one_that_is_no_file_are_refused);
    tcase_add_test(file, a_journal_that_cannot_be_written_forbids_the_change);
    tcase_add_test(file, what_does_not_fit_on_the_disk_leaves_no_part_of_a_line);
    suite_add_tcase(suite, file);
    return suite_run(suite);
}
