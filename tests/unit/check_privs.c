/* SPDX-License-Identifier: GPL-2.0-or-later */
/* check_privs: what is given up is gone, and what the running daemon needs still works. Every drop happens in a child
 * made for it, whose exit status is the number of the first thing that was not as it should be. */
#include "os/privs.h"

#include <check.h>
#include <errno.h>
#include <fcntl.h>
#include <netdb.h>
#include <poll.h>
#include <pthread.h>
#include <pwd.h>
#include <sched.h>
#include <signal.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include "common/addr.h"
#include "common/clock.h"
#include "os/ctlsock.h"
#include "os/loop.h"
#include "os/netlink.h"
#include "os/resolve.h"
#include "tests/unit/suite.h"

static char directory[64], runtime_dir[100], state_dir[100], pid_file[100], why[300];

static void setup(void) {
    strcpy(directory, "/tmp/check_privs.XXXXXX");
    ck_assert_ptr_nonnull(mkdtemp(directory));
    ck_assert_int_eq(chmod(directory, 0755), 0);
    snprintf(runtime_dir, sizeof runtime_dir, "%s/run", directory);
    snprintf(state_dir, sizeof state_dir, "%s/state", directory);
    snprintf(pid_file, sizeof pid_file, "%s/test.pid", directory);
}

static void teardown(void) {
    char command[100];

    snprintf(command, sizeof command, "rm -rf %s", directory);
    ck_assert_int_eq(system(command), 0);
}

/** Run something in a child. @return its exit status */
static int in_child(int (*what)(void)) {
    pid_t pid = fork();
    int result;

    ck_assert_int_ge(pid, 0);
    if (pid == 0)
        _exit(what());
    ck_assert_int_eq(waitpid(pid, &result, 0), pid);
    ck_assert(WIFEXITED(result));
    return WEXITSTATUS(result);
}

/** A hexadecimal or decimal field of /proc/self/status. */
static uint64_t status_field(const char *name, int base) {
    FILE *file = fopen("/proc/self/status", "r");
    char line[256];
    uint64_t value = UINT64_MAX;

    while (file && fgets(line, sizeof line, file))
        if (strncmp(line, name, strlen(name)) == 0 && line[strlen(name)] == ':')
            value = strtoull(line + strlen(name) + 1, NULL, base);
    if (file)
        fclose(file);
    return value;
}

#define NET_CAPABILITIES ((uint64_t)1 << 12 | (uint64_t)1 << 13) /* CAP_NET_ADMIN, CAP_NET_RAW */
#define BIND_CAPABILITY ((uint64_t)1 << 10)                      /* CAP_NET_BIND_SERVICE */

/* Telling the service manager */

/** What a datagram socket at this name gets from privs_notify(). @param name as in NOTIFY_SOCKET */
static void notified_at(const char *name) {
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    char got[64] = "";
    int fd = socket(AF_UNIX, SOCK_DGRAM, 0);

    memcpy(address.sun_path, name, strlen(name));
    if (name[0] == '@')
        address.sun_path[0] = '\0';
    ck_assert_int_eq(bind(fd, (struct sockaddr *)&address,
                          (socklen_t)(offsetof(struct sockaddr_un, sun_path) + strlen(name) + (name[0] == '/'))),
                     0);
    setenv("NOTIFY_SOCKET", name, 1);
    ck_assert_int_eq(privs_notify("STOPPING=1"), 0);
    ck_assert_int_eq(recv(fd, got, sizeof got - 1, MSG_DONTWAIT), 10);
    ck_assert_str_eq(got, "STOPPING=1");
    privs_ready();
    memset(got, 0, sizeof got);
    ck_assert_int_eq(recv(fd, got, sizeof got - 1, MSG_DONTWAIT), 7);
    ck_assert_str_eq(got, "READY=1");
    close(fd);
}

START_TEST(the_service_manager_is_told_by_file_and_by_abstract_name) {
    char name[120];

    snprintf(name, sizeof name, "%s/notify", directory);
    notified_at(name);
    snprintf(name, sizeof name, "@%s/notify", directory);
    notified_at(name);
    unsetenv("NOTIFY_SOCKET");
}
END_TEST

START_TEST(without_a_service_manager_nothing_is_told) {
    char long_name[200];

    unsetenv("NOTIFY_SOCKET");
    ck_assert_int_eq(privs_notify("READY=1"), 0);
    setenv("NOTIFY_SOCKET", "relative", 1);
    ck_assert_int_eq(privs_notify("READY=1"), -EINVAL);
    memset(long_name, '/', sizeof long_name);
    long_name[sizeof long_name - 1] = '\0';
    setenv("NOTIFY_SOCKET", long_name, 1);
    ck_assert_int_eq(privs_notify("READY=1"), -EINVAL);
    setenv("NOTIFY_SOCKET", "/nowhere/at/all", 1);
    ck_assert_int_eq(privs_notify("READY=1"), -ENOENT);
    unsetenv("NOTIFY_SOCKET");
}
END_TEST

/* Going into the background */

static int control[2]; /* the test tells the daemon to end by closing its end */

/** A daemon that serves until the test closes control[1]. */
static int daemon_serving(void) {
    char byte;

    close(control[1]);
    if (privs_daemonize(pid_file, why, sizeof why))
        return 7;
    privs_ready();
    return read(control[0], &byte, 1) == 0 ? 0 : 8;
}

static int daemon_dying(void) {
    if (privs_daemonize(pid_file, why, sizeof why))
        return 7;
    return 9;
}

static int daemon_second(void) {
    return privs_daemonize(pid_file, why, sizeof why) == -EEXIST && strstr(why, "running") ? 55 : 7;
}

static long pid_in_file(void) {
    FILE *file = fopen(pid_file, "r");
    long pid = 0;

    ck_assert_ptr_nonnull(file);
    ck_assert_int_eq(fscanf(file, "%ld", &pid), 1);
    fclose(file);
    return pid;
}

/** The lock goes with the process, a moment after its end is visible. */
static bool pid_file_freed(void) {
    for (unsigned i = 0; i < 2000; i++) {
        int result = in_child(daemon_second);

        if (result != 55)
            return true;
        usleep(1000);
    }
    return false;
}

START_TEST(the_parent_leaves_when_the_daemon_serves_and_the_pid_file_is_held_as_long) {
    long pid;

    ck_assert_int_eq(pipe(control), 0);
    ck_assert_int_eq(in_child(daemon_serving), 0);
    pid = pid_in_file();
    ck_assert_int_gt(pid, 1);
    ck_assert_int_eq(kill((pid_t)pid, 0), 0);
    ck_assert_int_ne(getsid((pid_t)pid), getsid(0));
    ck_assert_int_eq(in_child(daemon_second), 55);
    close(control[1]);
    close(control[0]);
    ck_assert(pid_file_freed());
}
END_TEST

START_TEST(the_parent_fails_when_the_daemon_dies_before_it_serves) {
    ck_assert_int_eq(in_child(daemon_dying), 1);
}
END_TEST

START_TEST(a_pid_file_left_by_a_crash_is_written_again) {
    FILE *file = fopen(pid_file, "w");

    fprintf(file, "99999999999 and more\n");
    fclose(file);
    ck_assert_int_eq(pipe(control), 0);
    ck_assert_int_eq(in_child(daemon_serving), 0);
    ck_assert_int_eq(kill((pid_t)pid_in_file(), 0), 0);
    close(control[1]);
    close(control[0]);
    ck_assert(pid_file_freed());
}
END_TEST

/** With no room for the PID file's few bytes; the signal that comes of it would end us. */
static int daemon_without_room(void) {
    const struct rlimit none = {0};

    signal(SIGXFSZ, SIG_IGN);
    if (setrlimit(RLIMIT_FSIZE, &none))
        return 8;
    return privs_daemonize(pid_file, why, sizeof why) ? 1 : 0;
}

START_TEST(a_pid_file_that_cannot_be_written_is_removed) {
    struct stat status;

    ck_assert_int_eq(in_child(daemon_without_room), 1);
    ck_assert_int_lt(stat(pid_file, &status), 0);
}
END_TEST

START_TEST(a_pid_file_that_cannot_be_is_refused) {
    snprintf(pid_file, sizeof pid_file, "%s/missing/test.pid", directory);
    ck_assert_int_eq(privs_daemonize(pid_file, why, sizeof why), -ENOENT);
    ck_assert_ptr_nonnull(strstr(why, pid_file));
}
END_TEST

/* Dropping */

/** Settings of every test: become nobody. */
static struct privs_settings to_nobody(void) {
    return (struct privs_settings){
        .user = "nobody", .runtime_dir = runtime_dir, .state_dir = state_dir, .seccomp = true};
}

START_TEST(directories_are_made_and_only_plain_files_of_root_are_handed_over) {
    struct privs_settings settings = to_nobody();
    const struct passwd *nobody = getpwnam("nobody");
    char plain[120], linked[120], hard[120], outside[120];
    struct stat status;

    ck_assert_ptr_nonnull(nobody);
    ck_assert_int_eq(mkdir(state_dir, 0700), 0);
    snprintf(plain, sizeof plain, "%s/plain", state_dir);
    snprintf(linked, sizeof linked, "%s/linked", state_dir);
    snprintf(hard, sizeof hard, "%s/hard", state_dir);
    snprintf(outside, sizeof outside, "%s/outside", directory);
    close(open(plain, O_CREAT | O_WRONLY, 0600));
    close(open(outside, O_CREAT | O_WRONLY, 0600));
    ck_assert_int_eq(symlink(outside, linked), 0);
    ck_assert_int_eq(link(outside, hard), 0);
    ck_assert_msg(privs_directories(&settings, why, sizeof why) == 0, "%s", why);
    ck_assert_int_eq(stat(runtime_dir, &status), 0);
    ck_assert_uint_eq(status.st_uid, nobody->pw_uid);
    ck_assert_uint_eq(status.st_mode & 0777, 0755);
    ck_assert_int_eq(stat(plain, &status), 0);
    ck_assert_uint_eq(status.st_uid, nobody->pw_uid);
    ck_assert_int_eq(stat(outside, &status), 0);
    ck_assert_uint_eq(status.st_uid, 0);
}
END_TEST

START_TEST(an_unknown_user_is_refused) {
    struct privs_settings settings = to_nobody();

    settings.user = "nosuchuser";
    ck_assert_int_eq(privs_drop(&settings, why, sizeof why), -ENOENT);
    ck_assert_ptr_nonnull(strstr(why, "nosuchuser"));
}
END_TEST

/** Without a descriptor for the list of users. */
static int drop_without_files(void) {
    const struct privs_settings settings = to_nobody();
    struct rlimit files;

    if (getrlimit(RLIMIT_NOFILE, &files))
        return 1;
    files.rlim_cur = 0; /* valgrind takes no change of the other */
    if (setrlimit(RLIMIT_NOFILE, &files))
        return 1;
    if (privs_drop(&settings, why, sizeof why) != -EMFILE)
        return 2;
    return strcmp(why, "the user \"nobody\" cannot be looked up: Too many open files") == 0 ? 0 : 3;
}

START_TEST(a_user_that_cannot_be_looked_up_is_not_one_that_is_missing) {
    ck_assert_int_eq(in_child(drop_without_files), 0);
}
END_TEST

static int drop_to_nobody(void) {
    struct privs_settings settings = to_nobody();
    const struct passwd *nobody = getpwnam("nobody");

    settings.seccomp = false;
    if (privs_drop(&settings, why, sizeof why))
        return 1;
    if (getuid() != nobody->pw_uid || geteuid() != nobody->pw_uid || getegid() != nobody->pw_gid)
        return 2;
    if (status_field("CapEff", 16) != NET_CAPABILITIES || status_field("CapPrm", 16) != NET_CAPABILITIES)
        return 3;
    if (status_field("CapInh", 16) != 0 || status_field("CapBnd", 16) != 0 || status_field("CapAmb", 16) != 0)
        return 4;
    if (status_field("NoNewPrivs", 10) != 1)
        return 5;
    if (setuid(0) == 0 || seteuid(0) == 0)
        return 6;
    return open("/etc/shadow", O_RDONLY) < 0 ? 0 : 7;
}

START_TEST(another_user_keeps_only_the_network_capabilities) {
    ck_assert_int_eq(in_child(drop_to_nobody), 0);
}
END_TEST

static int drop_without_user(void) {
    struct privs_settings settings = {.bind_low_ports = true};

    if (privs_drop(&settings, why, sizeof why))
        return 1;
    if (getuid() != 0)
        return 2;
    if (status_field("CapEff", 16) != (NET_CAPABILITIES | BIND_CAPABILITY))
        return 3;
    if (status_field("CapBnd", 16) != 0)
        return 4;
    settings.bind_low_ports = false; /* and once more, with less: a reloading daemon would not, but it must hold */
    if (privs_drop(&settings, why, sizeof why))
        return 5;
    return status_field("CapPrm", 16) == NET_CAPABILITIES ? 0 : 6;
}

START_TEST(root_without_a_user_to_become_keeps_only_the_network_capabilities) {
    ck_assert_int_eq(in_child(drop_without_user), 0);
}
END_TEST

static int drop_as_stranger(void) {
    struct privs_settings settings = {.user = "nobody"};

    if (setresgid(12345, 12345, 12345) < 0 || setresuid(12345, 12345, 12345) < 0)
        return 1;
    if (privs_drop(&settings, why, sizeof why) != -EPERM)
        return 2;
    settings.user = NULL;
    if (privs_drop(&settings, why, sizeof why))
        return 3;
    return status_field("CapPrm", 16) == 0 && status_field("NoNewPrivs", 10) == 1 ? 0 : 4;
}

START_TEST(who_is_not_root_stays_who_he_is) {
    ck_assert_int_eq(in_child(drop_as_stranger), 0);
}
END_TEST

/* What the filter forbids, and what it does not */

static int filtered(void) {
    struct privs_settings settings = to_nobody();

    return privs_drop(&settings, why, sizeof why);
}

static int what_is_forbidden(void) {
    char *const arguments[] = {(char *)"true", NULL};

    if (filtered())
        return 1;
    if (fork() >= 0 || errno != EPERM)
        return 2;
    if (execv("/bin/true", arguments) == 0 || errno != EPERM)
        return 3;
    if (socket(AF_PACKET, SOCK_RAW, 0) >= 0 || errno != EPERM)
        return 4;
    if (unshare(CLONE_NEWNET) == 0 || errno != EPERM)
        return 5;
    if (prctl(PR_SET_DUMPABLE, 1, 0, 0, 0) == 0 || errno != EPERM)
        return 6;
    if (chmod(runtime_dir, 0777) == 0 || errno != EPERM)
        return 7;
    return kill(getppid(), SIGUSR1) < 0 && errno == EPERM ? 0 : 8;
}

START_TEST(programs_processes_and_odd_sockets_are_forbidden) {
    ck_assert_int_eq(in_child(what_is_forbidden), 0);
}
END_TEST

static struct loop *loop;

static void on_turn(void *context, uint64_t now) {
    (void)context;
    (void)now;
}

static void on_answer(void *context, int error, const struct ip_addr *addresses, size_t count) {
    (void)addresses;
    *(bool *)context = error == 0 && count > 0;
    loop_stop(loop);
}

static void on_line(void *context, struct ctlsock_client *client, const char *line, size_t length) {
    (void)context;
    (void)client;
    (void)line;
    (void)length;
}

static void on_closed(void *context, struct ctlsock_client *client) {
    (void)context;
    (void)client;
}

/** New files and replaced ones, as `user add` and the journal make them. @return 0 or the number of what failed */
static int work_files(void) {
    char from[150], to[150], text[10];
    int fd;

    snprintf(from, sizeof from, "%s/users.new", state_dir);
    snprintf(to, sizeof to, "%s/users", state_dir);
    fd = open(from, O_CREAT | O_EXCL | O_RDWR | O_CLOEXEC, 0600);
    if (fd < 0 || write(fd, "hello", 5) != 5 || fchmod(fd, 0640) < 0 || fsync(fd) < 0 || close(fd) < 0 ||
        rename(from, to) < 0)
        return 20;
    fd = open(to, O_RDONLY);
    if (fd < 0 || read(fd, text, sizeof text) != 5 || close(fd) < 0 || unlink(to) < 0)
        return 21;
    return 0;
}

/** New sockets bound to a device. */
static int work_sockets(void) {
    struct sockaddr_in any = {.sin_family = AF_INET};
    int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0), size = 8 * 1024 * 1024;

    if (fd < 0 || setsockopt(fd, SOL_SOCKET, SO_BINDTODEVICE, "lo", 2) < 0)
        return 30;
    if (setsockopt(fd, SOL_SOCKET, SO_RCVBUFFORCE, &size, sizeof size) < 0)
        return 31;
    if (bind(fd, (struct sockaddr *)&any, sizeof any) < 0)
        return 32;
    close(fd);
    return 0;
}

static int what_is_needed(void) {
    const struct loop_hooks hooks = {.on_turn = on_turn};
    const struct ctlsock_hooks control_hooks = {.on_line = on_line, .on_oversize = on_closed, .on_closed = on_closed};
    struct ip_prefix own = {.addr = {.version = 4, .bytes = {10, 77, 0, 1}}, .length = 32};
    char path[150], journal[150];
    struct netlink *netlink;
    struct netlink_link lo;
    struct resolve *resolve;
    struct ctlsock *socket;
    const struct privs_settings settings = to_nobody();
    bool answered = false;
    int rc;

    snprintf(journal, sizeof journal, "%s/test.journal", runtime_dir);
    snprintf(path, sizeof path, "%s/test.sock", runtime_dir);
    if (unshare(CLONE_NEWNET) < 0 || privs_directories(&settings, why, sizeof why) ||
        loop_new(&hooks, &loop, why, sizeof why))
        return 1;
    if (netlink_open(loop, NULL, journal, &netlink, why, sizeof why))
        return 2;
    if (ctlsock_open(loop, path, NULL, &control_hooks, &socket, why, sizeof why))
        return 3;
    if (filtered())
        return 10;
    rc = work_files();
    if (rc == 0)
        rc = work_sockets();
    if (rc)
        return rc;
    if (netlink_link(netlink, "lo", &lo) || netlink_device_up(netlink, lo.ifindex, 65535))
        return 4;
    if (netlink_address(netlink, lo.ifindex, &own, true))
        return 5;
    netlink_undo_all(netlink);
    if (resolve_new(loop, &resolve) || resolve_query(resolve, "localhost", on_answer, &answered))
        return 7;
    if (loop_run(loop) || !answered)
        return 8;
    resolve_free(resolve);
    ctlsock_close(socket);
    netlink_close(netlink);
    loop_free(loop);
    return access(path, F_OK) < 0 && getpwnam("nobody") ? 0 : 9;
}

START_TEST(what_the_daemon_does_goes_on_behind_the_filter) {
    ck_assert_int_eq(in_child(what_is_needed), 0);
}
END_TEST

static bool under_valgrind(void) {
    const char *preload = getenv("LD_PRELOAD");

    return preload && strstr(preload, "vgpreload");
}

int main(void) {
    Suite *suite = suite_create("privs");
    TCase *anybody = tcase_create("anybody"), *root = tcase_create("root");

    tcase_set_timeout(anybody, 60);
    tcase_add_checked_fixture(anybody, setup, teardown);
    /* First: a process that has looked one up before may have loaded what knows some without any file. */
    tcase_add_test(anybody, a_user_that_cannot_be_looked_up_is_not_one_that_is_missing);
    tcase_add_test(anybody, the_service_manager_is_told_by_file_and_by_abstract_name);
    tcase_add_test(anybody, without_a_service_manager_nothing_is_told);
    tcase_add_test(anybody, the_parent_leaves_when_the_daemon_serves_and_the_pid_file_is_held_as_long);
    tcase_add_test(anybody, the_parent_fails_when_the_daemon_dies_before_it_serves);
    tcase_add_test(anybody, a_pid_file_left_by_a_crash_is_written_again);
    tcase_add_test(anybody, a_pid_file_that_cannot_be_written_is_removed);
    tcase_add_test(anybody, a_pid_file_that_cannot_be_is_refused);
    tcase_add_test(anybody, an_unknown_user_is_refused);
    suite_add_tcase(suite, anybody);

    tcase_set_timeout(root, 60);
    tcase_add_checked_fixture(root, setup, teardown);
    tcase_add_test(root, directories_are_made_and_only_plain_files_of_root_are_handed_over);
    tcase_add_test(root, another_user_keeps_only_the_network_capabilities);
    tcase_add_test(root, root_without_a_user_to_become_keeps_only_the_network_capabilities);
    tcase_add_test(root, who_is_not_root_stays_who_he_is);
    if (!under_valgrind()) { /* which the filter would bind, too */
        tcase_add_test(root, programs_processes_and_odd_sockets_are_forbidden);
        tcase_add_test(root, what_the_daemon_does_goes_on_behind_the_filter);
    }
    suite_add_tcase_of_root(suite, root);
    return suite_run(suite);
}
