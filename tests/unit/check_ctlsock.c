/* SPDX-License-Identifier: GPL-2.0-or-later */
/* check_ctlsock: lines out of bytes however they arrive, answers to peers however they read, and who the peer is. The
 * peer's end is a plain socket of the test, worked while the loop turns by itself: each turn runs the test's next step.
 */
#include "os/ctlsock.h"

#include <check.h>
#include <errno.h>
#include <grp.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include "common/clock.h"
#include "tests/unit/suite.h"

#define LINE_LIMIT 65536u

static char directory[64], path[100], why[300];
static struct loop *loop;
static struct ctlsock *control;

/** What the hooks heard. */
static struct {
    char lines[4096];              /* all lines, each followed by '|' */
    size_t line_count;             /* how many */
    size_t longest;                /* bytes of the longest */
    unsigned oversize;             /* on_oversize calls */
    unsigned closed;               /* on_closed calls */
    struct ctlsock_client *client; /* the last that spoke */
    bool may_write;                /* of it */
    uid_t uid;                     /* of it */
    size_t answer_bytes;           /* each line is answered by so many bytes of 'a' */
} heard;

static void on_line(void *context, struct ctlsock_client *client, const char *line, size_t length) {
    (void)context;
    ck_assert_int_eq(line[length], 0);
    heard.line_count++;
    if (length > heard.longest)
        heard.longest = length;
    if (length < 100) {
        strcat(heard.lines, line);
        strcat(heard.lines, "|");
    }
    heard.client = client;
    heard.may_write = ctlsock_may_write(client);
    heard.uid = ctlsock_uid(client);
    if (heard.answer_bytes) {
        char *answer = malloc(heard.answer_bytes);

        ck_assert_ptr_nonnull(answer);
        memset(answer, 'a', heard.answer_bytes);
        ctlsock_send(client, answer, heard.answer_bytes);
        free(answer);
    }
}

static void on_oversize(void *context, struct ctlsock_client *client) {
    (void)context;
    heard.oversize++;
    ctlsock_send(client, "too long", 8);
}

static void on_closed(void *context, struct ctlsock_client *client) {
    (void)context;
    (void)client;
    heard.closed++;
    heard.client = NULL;
}

static const struct ctlsock_hooks hooks = {.on_line = on_line, .on_oversize = on_oversize, .on_closed = on_closed};

static void on_turn(void *context, uint64_t now) {
    (void)context;
    (void)now;
    loop_stop(loop);
}

/** Let the loop work until nothing happens for a moment. */
static void settle(void) {
    for (unsigned i = 0; i < 20; i++) {
        loop_set_deadline(loop, clock_now() + NS_PER_MS);
        ck_assert_int_eq(loop_run(loop), 0);
    }
}

static void setup(void) {
    const struct loop_hooks loop_hooks = {.on_turn = on_turn};

    memset(&heard, 0, sizeof heard);
    strcpy(directory, "/tmp/check_ctlsock.XXXXXX");
    ck_assert_ptr_nonnull(mkdtemp(directory));
    snprintf(path, sizeof path, "%s/test.sock", directory);
    ck_assert_msg(loop_new(&loop_hooks, &loop, why, sizeof why) == 0, "%s", why);
    ck_assert_msg(ctlsock_open(loop, path, NULL, &hooks, &control, why, sizeof why) == 0, "%s", why);
}

static void teardown(void) {
    ctlsock_close(control);
    loop_free(loop);
    unlink(path);
    rmdir(directory);
}

static int peer_connect(void) {
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    int fd = socket(AF_UNIX, SOCK_STREAM, 0);

    strcpy(address.sun_path, path);
    if (connect(fd, (struct sockaddr *)&address, sizeof address) < 0) {
        close(fd);
        return -errno;
    }
    return fd;
}

static void say(int fd, const char *text) {
    ck_assert_int_eq(send(fd, text, strlen(text), MSG_NOSIGNAL), (ssize_t)strlen(text));
}

/** Read what is there, the loop turning meanwhile, until nothing more comes. @param fd made non-blocking by the flag
 * @return bytes; *eof when the end came */
static size_t hear(int fd, char *first, size_t first_size, bool *eof) {
    static char buffer[65536];
    size_t total = 0;

    *eof = false;
    for (unsigned quiet = 0; quiet < 3;) {
        ssize_t got = recv(fd, buffer, sizeof buffer, MSG_DONTWAIT);

        if (got > 0) {
            if (total < first_size)
                memcpy(first + total, buffer, (size_t)got < first_size - total ? (size_t)got : first_size - total);
            total += (size_t)got;
            quiet = 0;
        } else if (got == 0) {
            *eof = true;
            return total;
        } else {
            quiet++;
            settle();
        }
    }
    return total;
}

START_TEST(lines_come_whole_however_the_bytes_arrive) {
    int fd = peer_connect();

    say(fd, "one\ntwo\nthr");
    settle();
    ck_assert_str_eq(heard.lines, "one|two|");
    say(fd, "ee");
    settle();
    ck_assert_str_eq(heard.lines, "one|two|");
    say(fd, "\n\nlast\n");
    settle();
    ck_assert_str_eq(heard.lines, "one|two|three||last|");
    close(fd);
    settle();
    ck_assert_uint_eq(heard.closed, 1);
}
END_TEST

START_TEST(a_line_without_its_newline_is_no_line) {
    int fd = peer_connect();

    say(fd, "half");
    close(fd);
    settle();
    ck_assert_uint_eq(heard.line_count, 0);
    ck_assert_uint_eq(heard.closed, 1);
}
END_TEST

START_TEST(the_longest_line_passes_and_a_longer_one_is_discarded_whole) {
    char *text = malloc(3 * LINE_LIMIT);
    char answer[10] = "";
    bool eof;
    int fd = peer_connect();

    ck_assert_ptr_nonnull(text);
    memset(text, 'x', 3 * LINE_LIMIT);
    text[LINE_LIMIT] = '\n';
    ck_assert_int_eq(send(fd, text, LINE_LIMIT + 1, 0), LINE_LIMIT + 1);
    settle();
    ck_assert_uint_eq(heard.longest, LINE_LIMIT);
    ck_assert_uint_eq(heard.oversize, 0);
    text[LINE_LIMIT] = 'x';
    for (size_t sent = 0; sent < 3 * LINE_LIMIT;) {
        ssize_t n = send(fd, text + sent, 3 * LINE_LIMIT - sent, MSG_DONTWAIT);

        if (n > 0)
            sent += (size_t)n;
        settle();
    }
    say(fd, "xxx\nshort\n");
    settle();
    ck_assert_uint_eq(heard.oversize, 1);
    ck_assert_uint_eq(heard.line_count, 2);
    ck_assert_str_eq(heard.lines, "short|");
    ck_assert_uint_eq(hear(fd, answer, sizeof answer - 1, &eof), 9);
    ck_assert_str_eq(answer, "too long\n");
    close(fd);
    free(text);
}
END_TEST

START_TEST(a_slow_reader_gets_every_byte) {
    bool eof;
    int fd = peer_connect();
    char none[1];

    heard.answer_bytes = 1000000;
    say(fd, "1\n2\n3\n");
    settle();
    ck_assert_uint_eq(heard.line_count, 3);
    ck_assert_uint_eq(hear(fd, none, 0, &eof), 3000003);
    ck_assert(!eof);
    close(fd);
}
END_TEST

START_TEST(a_reader_that_never_reads_is_cut_off) {
    int fd = peer_connect(), other = peer_connect();

    heard.answer_bytes = 6u * 1024 * 1024;
    say(fd, "1\n2\n3\n4\n");
    settle();
    ck_assert_uint_eq(heard.line_count, 3);
    ck_assert_uint_eq(heard.closed, 1);
    heard.answer_bytes = 0;
    say(other, "still here\n");
    settle();
    ck_assert_str_eq(heard.lines, "1|2|3|still here|");
    close(fd);
    close(other);
}
END_TEST

/** As many bytes as the kernel takes, of a text again and again. @return how often */
static size_t flood(int fd, const char *text) {
    size_t times = 0;

    while (send(fd, text, strlen(text), MSG_NOSIGNAL | MSG_DONTWAIT) == (ssize_t)strlen(text))
        times++;
    return times;
}

START_TEST(a_client_that_floods_gets_a_little_of_each_turn) {
    int fd = peer_connect();
    size_t sent, before = 0;
    unsigned turns = 0;

    settle();
    sent =
        flood(fd, "{\"no\":\"request, but as long as many a one may be, or nearly so, with its padding of some hundred "
                  "bytes at the end of it, that is here\"}\n");
    ck_assert_uint_gt(sent, 200);
    close(fd); /* what it said counts all the same */
    while (heard.line_count < sent && turns < 10000) {
        before = heard.line_count;
        loop_set_deadline(loop, clock_now() + NS_PER_MS);
        ck_assert_int_eq(loop_run(loop), 0);
        turns += heard.line_count > before;
        ck_assert_uint_le(heard.line_count - before, 64 + 4096 / 128);
    }
    ck_assert_uint_eq(heard.line_count, sent);
    settle();
    ck_assert_uint_eq(heard.closed, 1);
}
END_TEST

/* The peer hears so many bytes and the end, and the owner of that; the first of them are left in text. */
static void hear_last(int fd, char *text, size_t size, size_t bytes) {
    bool eof;

    ck_assert_uint_eq(hear(fd, text, size, &eof), bytes);
    ck_assert(eof);
    ck_assert_uint_eq(heard.closed, 1);
    close(fd);
}

START_TEST(a_peer_that_closed_its_half_gets_its_answers_and_then_the_end) {
    int fd = peer_connect();
    char none[1];

    heard.answer_bytes = 2000000;
    say(fd, "1\n2\n");
    shutdown(fd, SHUT_WR);
    settle();
    hear_last(fd, none, 0, 4000002);
}
END_TEST

START_TEST(an_answer_may_come_later_even_to_a_closed_half) {
    char answer[10] = "";
    int fd = peer_connect();

    say(fd, "later\n");
    shutdown(fd, SHUT_WR);
    settle();
    ck_assert_uint_eq(heard.closed, 0);
    ctlsock_send(heard.client, "now", 3);
    settle();
    hear_last(fd, answer, sizeof answer - 1, 4);
    ck_assert_str_eq(answer, "now\n");
}
END_TEST

START_TEST(what_is_not_answered_keeps_no_closed_half_waiting) {
    char none[1];
    int fd = peer_connect();

    say(fd, "notification\n");
    shutdown(fd, SHUT_WR);
    settle();
    ctlsock_pass(heard.client);
    settle();
    hear_last(fd, none, 0, 0);
}
END_TEST

START_TEST(a_stale_file_is_replaced_but_a_live_socket_and_a_foreign_file_are_not) {
    struct ctlsock *second = NULL;
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    struct stat status;
    char other[120];
    int fd = socket(AF_UNIX, SOCK_STREAM, 0);

    ck_assert_int_eq(ctlsock_open(loop, path, NULL, &hooks, &second, why, sizeof why), -EADDRINUSE);
    ck_assert_ptr_nonnull(strstr(why, "another mpvpnd"));
    snprintf(other, sizeof other, "%s/other.sock", directory);
    strcpy(address.sun_path, other);
    ck_assert_int_eq(bind(fd, (struct sockaddr *)&address, sizeof address), 0);
    close(fd);
    ck_assert_msg(ctlsock_open(loop, other, NULL, &hooks, &second, why, sizeof why) == 0, "%s", why);
    ck_assert_int_eq(stat(other, &status), 0);
    ck_assert_uint_eq(status.st_mode & 0777, 0660);
    ctlsock_close(second);
    ck_assert_int_lt(stat(other, &status), 0);
    ck_assert_int_eq(symlink("/nowhere", other), 0);
    ck_assert_int_eq(ctlsock_open(loop, other, NULL, &hooks, &second, why, sizeof why), -EEXIST);
    unlink(other);
}
END_TEST

START_TEST(what_cannot_be_is_refused_with_a_sentence) {
    struct ctlsock *second = NULL;
    char other[300];

    snprintf(other, sizeof other, "%s/%0200d", directory, 1);
    ck_assert_int_eq(ctlsock_open(loop, other, NULL, &hooks, &second, why, sizeof why), -ENAMETOOLONG);
    snprintf(other, sizeof other, "%s/other.sock", directory);
    ck_assert_int_eq(ctlsock_open(loop, other, "no such group", &hooks, &second, why, sizeof why), -ENOENT);
    ck_assert_ptr_nonnull(strstr(why, "no such group"));
    snprintf(other, sizeof other, "%s/missing/other.sock", directory);
    ck_assert_int_eq(ctlsock_open(loop, other, NULL, &hooks, &second, why, sizeof why), -ENOENT);
}
END_TEST

START_TEST(a_file_that_replaced_ours_is_left_alone) {
    struct stat status;

    unlink(path);
    ck_assert_int_eq(mkdir(path, 0700), 0);
    ctlsock_close(control);
    control = NULL;
    ck_assert_int_eq(stat(path, &status), 0);
    rmdir(path);
}
END_TEST

/** One more peer comes, and what it says is heard. */
static void serves_another(void) {
    int fd = peer_connect();

    say(fd, "hello\n");
    settle();
    ck_assert_str_eq(heard.lines, "hello|");
    close(fd);
}

START_TEST(too_many_connections_are_turned_away_and_room_is_made_again) {
    int fds[260], refused = 0;
    char byte;

    for (size_t i = 0; i < 260; i++) {
        fds[i] = peer_connect();
        ck_assert_int_ge(fds[i], 0);
        if (i % 16 == 15)
            settle();
    }
    settle();
    for (size_t i = 0; i < 260; i++)
        refused += recv(fds[i], &byte, 1, MSG_DONTWAIT) == 0;
    ck_assert_int_eq(refused, 4);
    for (size_t i = 0; i < 260; i++)
        close(fds[i]);
    settle();
    ck_assert_uint_eq(heard.closed, 256);
    serves_another();
}
END_TEST

START_TEST(without_descriptors_connections_are_turned_away_and_later_ones_served) {
    struct rlimit before, few;
    int fds[8], next;
    char byte;

    for (size_t i = 0; i < 8; i++)
        fds[i] = peer_connect();
    next = dup(fds[0]);
    close(next);
    ck_assert_int_eq(getrlimit(RLIMIT_NOFILE, &before), 0);
    few = (struct rlimit){.rlim_cur = (rlim_t)next, .rlim_max = before.rlim_max};
    ck_assert_int_eq(setrlimit(RLIMIT_NOFILE, &few), 0);
    settle();
    ck_assert_int_eq(setrlimit(RLIMIT_NOFILE, &before), 0);
    for (size_t i = 0; i < 8; i++) {
        ck_assert_int_eq(recv(fds[i], &byte, 1, MSG_DONTWAIT), 0);
        close(fds[i]);
    }
    serves_another();
}
END_TEST

START_TEST(our_own_uid_may_write) {
    int fd = peer_connect();

    say(fd, "x\n");
    settle();
    ck_assert(heard.may_write);
    ck_assert_uint_eq(heard.uid, geteuid());
    close(fd);
}
END_TEST

/** Connect as another user with these groups, say a line, wait until the test closes. */
static pid_t peer_as(gid_t primary, const gid_t *groups, size_t count) {
    pid_t pid = fork();

    ck_assert_int_ge(pid, 0);
    if (pid == 0) {
        char byte;
        int fd;

        if (setgroups(count, groups) < 0 || setresgid(primary, primary, primary) < 0 ||
            setresuid(12345, 12345, 12345) < 0)
            _exit(2);
        fd = peer_connect();
        if (fd < 0)
            _exit(3);
        if (write(fd, "x\n", 2) != 2)
            _exit(4);
        _exit(read(fd, &byte, 1) == 0 ? 0 : 5);
    }
    return pid;
}

START_TEST(a_member_of_the_group_may_write_and_others_may_not) {
    const gid_t many[] = {40001, 40002, 40003};
    struct stat status;
    int result;
    pid_t pid;

    if (geteuid() != 0)
        return;
    ctlsock_close(control);
    ck_assert_int_eq(chmod(directory, 0755), 0);
    ck_assert_msg(ctlsock_open(loop, path, "40002", &hooks, &control, why, sizeof why) == 0, "%s", why);
    ck_assert_int_eq(stat(path, &status), 0);
    ck_assert_uint_eq(status.st_gid, 40002);
    for (unsigned turn = 0; turn < 3; turn++) {
        heard.line_count = 0;
        if (turn == 2)
            chmod(path, 0666); /* the kernel lets a stranger connect; our own check must not let him write */
        pid = turn == 0 ? peer_as(40002, NULL, 0) : turn == 1 ? peer_as(40000, many, 3) : peer_as(40000, NULL, 0);
        for (unsigned i = 0; i < 200 && heard.line_count == 0; i++)
            settle();
        ck_assert_uint_eq(heard.line_count, 1);
        ck_assert_uint_eq(heard.uid, 12345);
        ck_assert_int_eq(heard.may_write, turn < 2);
        ctlsock_close(control);
        ck_assert_int_eq(waitpid(pid, &result, 0), pid);
        ck_assert_int_eq(result, 0);
        ck_assert_int_eq(ctlsock_open(loop, path, "40002", &hooks, &control, why, sizeof why), 0);
    }
}
END_TEST

int main(void) {
    Suite *suite = suite_create("ctlsock");
    TCase *tcase = tcase_create("ctlsock");

    tcase_set_timeout(tcase, 60);
    tcase_add_checked_fixture(tcase, setup, teardown);
    tcase_add_test(tcase, lines_come_whole_however_the_bytes_arrive);
    tcase_add_test(tcase, a_line_without_its_newline_is_no_line);
    tcase_add_test(tcase, the_longest_line_passes_and_a_longer_one_is_discarded_whole);
    tcase_add_test(tcase, a_slow_reader_gets_every_byte);
    tcase_add_test(tcase, a_reader_that_never_reads_is_cut_off);
    tcase_add_test(tcase, a_client_that_floods_gets_a_little_of_each_turn);
    tcase_add_test(tcase, a_peer_that_closed_its_half_gets_its_answers_and_then_the_end);
    tcase_add_test(tcase, an_answer_may_come_later_even_to_a_closed_half);
    tcase_add_test(tcase, what_is_not_answered_keeps_no_closed_half_waiting);
    tcase_add_test(tcase, a_stale_file_is_replaced_but_a_live_socket_and_a_foreign_file_are_not);
    tcase_add_test(tcase, what_cannot_be_is_refused_with_a_sentence);
    tcase_add_test(tcase, a_file_that_replaced_ours_is_left_alone);
    tcase_add_test(tcase, too_many_connections_are_turned_away_and_room_is_made_again);
    tcase_add_test(tcase, without_descriptors_connections_are_turned_away_and_later_ones_served);
    tcase_add_test(tcase, our_own_uid_may_write);
    tcase_add_test(tcase, a_member_of_the_group_may_write_and_others_may_not);
    suite_add_tcase(suite, tcase);
    return suite_run(suite);
}
