/* SPDX-License-Identifier: GPL-2.0-or-later */
/* check_config: configuration files and what is said about faulty ones. */
#include "config.h"

#include <check.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "common/clock.h"
#include "common/log.h"
#include "tests/unit/suite.h"

/* A file that is there on every machine serves as certificate, key and authority. */
#define A_FILE "/etc/passwd"
#define SERVER "[Server]\nCertificate = " A_FILE "\nPrivateKey = " A_FILE "\n"
#define A_HASH "0123456789abcdef0123456789abcdef0123456789abcdef0123456789ABCDEF"

static int read_text(const char *text, const char *file, struct config **out, char why[CONFIG_WHY_MAX]) {
    FILE *stream = fmemopen((void *)text, strlen(text), "r");
    int rc = config_read_stream(stream, file, out, why, CONFIG_WHY_MAX);

    fclose(stream);
    return rc;
}

static struct config *good(const char *text) {
    char why[CONFIG_WHY_MAX] = "";
    struct config *config = NULL;

    ck_assert_msg(read_text(text, "/etc/mpvpn/test.conf", &config, why) == 0, "%s", why);
    return config;
}

static void bad(const char *text, const char *expected) {
    char why[CONFIG_WHY_MAX] = "";
    struct config *config = NULL;

    ck_assert_msg(read_text(text, "t.conf", &config, why) == -EINVAL, "%s", text);
    ck_assert_ptr_null(config);
    ck_assert_str_eq(why, expected);
}

START_TEST(the_smallest_server_gets_every_default) {
    struct config *c = good(SERVER "Pool = 10.77.0.0/24\n");
    char text[SOCK_ADDR_TEXT_MAX];

    ck_assert_int_eq(c->role, CONFIG_SERVER);
    ck_assert_str_eq(c->name, "test");
    ck_assert_str_eq(c->device, "mpvpn0");
    ck_assert_uint_eq(c->mtu_bytes, 0);
    ck_assert_uint_eq(c->listen_count, 1);
    ck_assert_str_eq(sock_addr_print(&c->listen[0], text), "[::]:443");
    ck_assert_str_eq(c->users_file, "/var/lib/mpvpn/test.users");
    ck_assert_uint_eq(c->max_sessions_per_user, 8);
    ck_assert_uint_eq(c->max_sessions, 1024);
    ck_assert(c->require_token);
    ck_assert_uint_eq(c->advertise_count, 1);
    ck_assert_uint_eq(c->advertise[0].addr.version, 4);
    ck_assert_uint_eq(c->advertise[0].length, 0);
    ck_assert_int_eq(c->log_level, LOG_LEVEL_INFO);
    ck_assert_ptr_null(c->control_group);
    ck_assert_str_eq(c->scheduler, "ecf");
    ck_assert_uint_eq(config_scheduler(c), SCHED_ECF);
    ck_assert_uint_eq(c->linger, 60 * NS_PER_SEC);
    config_free(c);
}
END_TEST

START_TEST(the_smallest_client_gets_every_default) {
    struct config *c = good("[Client]\nServer = vpn.example.net\n");

    ck_assert_int_eq(c->role, CONFIG_CLIENT);
    ck_assert_str_eq(c->server_host, "vpn.example.net");
    ck_assert_str_eq(c->server_name, "vpn.example.net");
    ck_assert_uint_eq(c->server_port, 443);
    ck_assert(!c->has_pin);
    ck_assert_ptr_null(c->ca_file);
    ck_assert(c->manage_routes);
    ck_assert_int_eq(c->routes, CONFIG_ROUTES_DEFAULT);
    ck_assert_str_eq(c->path_template, "/.well-known/masque/ip/{target}/{ipproto}/");
    ck_assert_uint_eq(c->path_count, 0);
    config_free(c);
}
END_TEST

START_TEST(a_full_server_is_read) {
    struct config *c =
        good("\xef\xbb\xbf# comment\n; and another\n\n" SERVER
             "Listen = 192.0.2.1:4433, [2001:db8::1]:443\nListen = 8443\nPool = 10.77.0.0/24 ; the old one\nPool = "
             "fd77::/64\nAdvertise = 192.168.0.0/16 fd00::/8\n"
             "Users = users\nMaxSessionsPerUser = 2\nAuthority = vpn.example.net\nRequireToken = no\nPath = "
             "/x/{target}/{ipproto}\n"
             "  [ User   alice ]  \n   TokenHash = sha256:" A_HASH
             "\n\tAddress = 10.77.0.10\n  Address = fd77::10\n[User bob]\nDisabled = yes\n"
             "[Tunnel]\nDevice = vpn7\nMTU = 1400\nScheduler = flow\nLinger = 0\n[Control]\nGroup = root\n[Log] ; as a "
             "rule info\nLevel "
             "= debug\n[Daemon]\nRunAs = root\nBusyPoll = 50 us\n");
    char text[SOCK_ADDR_TEXT_MAX];

    ck_assert_uint_eq(c->listen_count, 3);
    ck_assert_str_eq(sock_addr_print(&c->listen[1], text), "[2001:db8::1]:443");
    ck_assert_str_eq(sock_addr_print(&c->listen[2], text), "[::]:8443");
    ck_assert_uint_eq(c->pool_count, 2);
    ck_assert_uint_eq(c->advertise_count, 2);
    ck_assert_str_eq(c->users_file, "/etc/mpvpn/users");
    ck_assert_uint_eq(c->user_count, 2);
    ck_assert_str_eq(c->user[0].name, "alice");
    ck_assert(c->user[0].has_token && !c->user[0].disabled);
    ck_assert_uint_eq(c->user[0].token_hash[31], 0xef);
    ck_assert_str_eq(ip_addr_print(&c->user[0].address[0], text), "10.77.0.10");
    ck_assert_str_eq(ip_addr_print(&c->user[0].address[1], text), "fd77::10");
    ck_assert(!c->user[1].has_token && c->user[1].disabled);
    ck_assert(!c->require_token);
    ck_assert_str_eq(c->device, "vpn7");
    ck_assert_uint_eq(c->mtu_bytes, 1400);
    ck_assert_str_eq(c->scheduler, "flow");
    ck_assert_uint_eq(config_scheduler(c), SCHED_FLOW);
    ck_assert_uint_eq(c->linger, 0);
    ck_assert_str_eq(c->control_group, "root");
    ck_assert_int_eq(c->log_level, LOG_LEVEL_DEBUG);
    ck_assert_str_eq(c->run_as, "root");
    ck_assert_uint_eq(c->busy_poll, 50000);
    config_free(c);
}
END_TEST

START_TEST(a_full_client_is_read) {
    struct config *c = good("[Path wwan0]\nSource = 192.0.2.17\nServer = [2001:db8::2]:444\nCongestionControl = bbr\n"
                            "Role = backup\nWeight = 1000\nBackupWhen = full\nRateLimit = 20 Mbit/s\n[Path enp5s0]\n"
                            "[Client]\nServer = [2001:db8::1]:8443\nToken = 4TkG-_=\nServerPin = sha256:" A_HASH
                            "\nServerName = vpn.example.net\n"
                            "[Tunnel]\nRoutes = 10.0.0.0/8, fd00::/8\nRoutes = 192.0.2.0/24\nManageRoutes = no\n");

    ck_assert_uint_eq(c->path_count, 2);
    ck_assert_str_eq(c->path[0].device, "wwan0");
    ck_assert(c->path[0].backup && !c->path[1].backup);
    ck_assert_uint_eq(c->path[0].weight, 1000);
    ck_assert(c->path[0].when_full && !c->path[1].when_full);
    ck_assert_uint_eq(c->path[0].rate_limit_bps, 20000000);
    ck_assert_uint_eq(c->path[1].rate_limit_bps, 0);
    ck_assert_str_eq(c->path[1].device, "enp5s0");
    ck_assert_uint_eq(c->path[0].source.version, 4);
    ck_assert_str_eq(c->path[0].server, "[2001:db8::2]:444");
    ck_assert_str_eq(c->path[0].congestion, "bbr");
    ck_assert_str_eq(c->server_host, "2001:db8::1");
    ck_assert_uint_eq(c->server_port, 8443);
    ck_assert_str_eq(c->server_name, "vpn.example.net");
    ck_assert_str_eq(c->token, "4TkG-_=");
    ck_assert(c->has_pin);
    ck_assert_ptr_null(c->ca_file);
    ck_assert_int_eq(c->routes, CONFIG_ROUTES_LIST);
    ck_assert_uint_eq(c->route_count, 3);
    ck_assert(!c->manage_routes);
    config_free(c);
}
END_TEST

START_TEST(authorities_are_trusted_in_place_of_a_pin) {
    struct config *c = good("[Client]\nServer = a\nCertificateAuthority = " A_FILE "\n");

    ck_assert_str_eq(c->ca_file, A_FILE);
    ck_assert(!c->has_pin);
    config_free(c);
}
END_TEST

START_TEST(an_empty_path_section_is_a_path_with_defaults) {
    struct config *c = good("[Client]\nServer = a\n[Path enp5s0]\n");

    ck_assert_uint_eq(c->path_count, 1);
    ck_assert_str_eq(c->path[0].device, "enp5s0");
    ck_assert_str_eq(c->path[0].congestion, "auto");
    ck_assert_ptr_null(c->path[0].server);
    ck_assert_uint_eq(c->path[0].source.version, 0);
    ck_assert(!c->path[0].backup);
    ck_assert_uint_eq(c->path[0].weight, 1);
    config_free(c);
}
END_TEST

START_TEST(faults_are_told_with_file_line_section_and_key) {
    static const struct {
        const char *text, *why;
    } cases[] = {
        {"[Client]\nServer = a\n[Path wwan0]\nCongestionControl = fast\n",
         "t.conf:4: [Path wwan0] CongestionControl: \"fast\" is not one of auto, bbr, cubic, own"},
        {"[Client]\nServer = a\nCertificateAuthority = " A_FILE "\nServerPin = sha256:" A_HASH "\n",
         "t.conf: [Client] CertificateAuthority: there is ServerPin too, which counts alone"},
        {"[Client]\nServr = a\n", "t.conf:2: [Client] Servr: unknown key; did you mean Server?"},
        {"[Client]\nColour = a\n", "t.conf:2: [Client] Colour: unknown key"},
        {"[Client]\nServer = a\n[Tunel]\n", "t.conf:3: [Tunel]: unknown section; did you mean [Tunnel]?"},
        {"[Zebra]\n", "t.conf:1: [Zebra]: unknown section"},
        {"[Client]\nServer = a\nServer = b\n", "t.conf:3: [Client] Server: is there twice, first at line 2"},
        {"[Client]\nServer = a\n[Log]\n[Client]\n", "t.conf:4: [Client]: is there twice, first at line 1"},
        {"[Client]\nServer = a\n[Path x]\n[Path x]\n", "t.conf:4: [Path x]: is there twice"},
        {"[Client]\nServer = a\n[Path wwan0]\nRole = bakup\n",
         "t.conf:4: [Path wwan0] Role: \"bakup\" is not one of primary, backup"},
        {"[Client]\nServer = a\n[Path wwan0]\nBackupWhen = up\n",
         "t.conf:4: [Path wwan0] BackupWhen: \"up\" is not one of down, full"},
        {"[Client]\nServer = a\n[Path wwan0]\nRateLimit = fast\n",
         "t.conf:4: [Path wwan0] RateLimit: \"fast\" is not a rate, such as 20 Mbit/s, or none"},
        {"[Client]\nServer = a\n[Path wwan0]\nRateLimit = 1 kbit/s\n",
         "t.conf:4: [Path wwan0] RateLimit: \"1 kbit/s\" is not from 64 kbit/s to 1000 Gbit/s"},
        {"[Client]\nServer = a\n[Path wwan0]\nWeight = 0\n",
         "t.conf:4: [Path wwan0] Weight: \"0\" is not a number from 1 to 1000"},
        {"[Client]\nServer = a\n[Path wwan0]\nWeight = 1001\n",
         "t.conf:4: [Path wwan0] Weight: \"1001\" is not a number from 1 to 1000"},
        {"[Tunnel]\nScheduler = fastest\n",
         "t.conf:2: [Tunnel] Scheduler: \"fastest\" is not one of ecf, minrtt, wrr, flow, redundant, backup"},
        {"[Tunnel]\nLinger = long\n", "t.conf:2: [Tunnel] Linger: \"long\" is not a time, such as 5 s or 2 min"},
        {"[Daemon]\nBusyPoll = yes\n", "t.conf:2: [Daemon] BusyPoll: \"yes\" is not a time, such as 50 us"},
        {"[Daemon]\nBusyPoll = 1 s\n", "t.conf:2: [Daemon] BusyPoll: \"1 s\" is longer than 10 ms"},
        {"[Tunnel]\nLinger = 8 d\n", "t.conf:2: [Tunnel] Linger: \"8 d\" is longer than 7 d"},
        {"[Client]\nServer = a\n[Tunnel]\nLinger = 60 s\n",
         "t.conf:4: [Tunnel] Linger: has no place in a client's file"},
        {"[Client]\nServer = a\n[Path]\n", "t.conf:3: [Path]: must be [Path DEVICE]"},
        {"[Client]\nServer = a\n[Path mpvpn0]\n", "t.conf: [Path mpvpn0]: is the tunnel itself"},
        {"[Client]\nServer = a\n[Path t]\n[Tunnel]\nDevice = t\n", "t.conf: [Path t]: is the tunnel itself"},
        {"[Client foo]\n", "t.conf:1: [Client foo]: must be [Client]"},
        {"[Client]\nServer = a\n[Path longer-than-15-bytes]\n",
         "t.conf:3: [Path]: \"longer-than-15-bytes\" cannot be the name of a network device"},
        {"[Client]\n\nToken = x\n", "t.conf:1: [Client] Server: is missing"},
        {"[Client]\nServer = a:0\n", "t.conf:2: [Client] Server: \"a:0\" is not HOST, HOST:PORT or [ADDRESS]:PORT"},
        {"[Server]\nAuthority = https://a\n",
         "t.conf:2: [Server] Authority: \"https://a\" is not HOST, HOST:PORT or [ADDRESS]:PORT"},
        {"[Client]\nServer = a\nServerPin = 12\n",
         "t.conf:3: [Client] ServerPin: \"12\" is not sha256: and 64 hexadecimal digits"},
        {"[Client]\nServer = a\nToken = sec ret\n",
         "t.conf:3: [Client] Token: has a character that no token has, at position 4"},
        {"[Client]\nServer = a\nCertificateAuthority = /nowhere/ca.pem\n",
         "t.conf:3: [Client] CertificateAuthority: \"/nowhere/ca.pem\" cannot be read: No such file or directory"},
        {"[Client]\nServer = a\nListen = 443\n", "t.conf:3: [Client] Listen: unknown key"},
        {"[Client]\nServer = a\n[User bob]\n", "t.conf:3: [User]: has no place in a client's file"},
        {SERVER "Pool = 10.0.0.0/24\n[Tunnel]\nRoutes = default\n",
         "t.conf:6: [Tunnel] Routes: has no place in a server's file"},
        {SERVER "Pool = 10.0.0.0/24\n[Client]\nServer = a\n",
         "t.conf:5: [Client]: there is [Server] too, at line 1; a file is for one of them"},
        {SERVER "Pool = 10.0.0.0/33\n",
         "t.conf:4: [Server] Pool: \"10.0.0.0/33\" is not an IP prefix (ADDRESS/LENGTH)"},
        {SERVER "Pool = 224.0.0.0/24\n",
         "t.conf:4: [Server] Pool: \"224.0.0.0/24\" has no addresses that clients can have"},
        {SERVER "Pool = 10.0.0.0/24, fe80::/64\n",
         "t.conf:4: [Server] Pool: \"fe80::/64\" has no addresses that clients can have"},
        {SERVER, "t.conf:1: [Server] Pool: is missing"},
        {SERVER "Pool = 10.0.0.0/24\nListen = localhost:443\n",
         "t.conf:5: [Server] Listen: \"localhost:443\" is not ADDRESS:PORT, [ADDRESS]:PORT or PORT"},
        {SERVER "Pool = 10.0.0.0/24\nListen = 443, [::]:443\n",
         "t.conf:5: [Server] Listen: \"[::]:443\" is there twice"},
        {SERVER "Pool = 10.0.0.0/24\nMaxSessions = 0\n",
         "t.conf:5: [Server] MaxSessions: \"0\" is not a number from 1 to 1000000"},
        {SERVER "Pool = 10.0.0.0/24\nRequireToken = perhaps\n",
         "t.conf:5: [Server] RequireToken: \"perhaps\" is not one of no, yes"},
        {SERVER "Pool = 10.0.0.0/24\n[User a b]\n",
         "t.conf:5: [User a b]: a name is made of letters, digits, dot, dash and underscore"},
        {SERVER "Pool = 10.0.0.0/24\n[User a]\nAddress = 10.0.0.9\nAddress = 10.0.0.8\n",
         "t.conf:7: [User a] Address: \"10.0.0.8\" is a second address of IP version 4"},
        {SERVER "Pool = 10.0.0.0/24\n[User a]\nAddress = 224.0.0.1\n",
         "t.conf:6: [User a] Address: \"224.0.0.1\" is no address that a client can have"},
        {SERVER "Pool = 10.0.0.0/24\n[User a]\nAddress = 127.0.0.1\n",
         "t.conf:6: [User a] Address: \"127.0.0.1\" is no address that a client can have"},
        {SERVER "Pool = 10.0.0.0/24\n[User a]\nAddress = 0.0.0.0\n",
         "t.conf:6: [User a] Address: \"0.0.0.0\" is no address that a client can have"},
        {SERVER "Pool = 10.0.0.0/24\n[User a]\nAddress = ::\n",
         "t.conf:6: [User a] Address: \"::\" is no address that a client can have"},
        {SERVER "Pool = 10.0.0.0/24\n[User a]\nAddress = ::1\n",
         "t.conf:6: [User a] Address: \"::1\" is no address that a client can have"},
        {SERVER "Pool = 10.0.0.0/24\n[User a]\nAddress = 255.255.255.255\n",
         "t.conf:6: [User a] Address: \"255.255.255.255\" is no address that a client can have"},
        {SERVER "Pool = 10.0.0.0/24\n[User a]\nAddress = fe80::1\n",
         "t.conf:6: [User a] Address: \"fe80::1\" is no address that a client can have"},
        {SERVER "Pool = 10.0.0.0/24\n[User a]\nAddress = ff02::1\n",
         "t.conf:6: [User a] Address: \"ff02::1\" is no address that a client can have"},
        {SERVER "Pool = 10.0.0.0/24\n[User a]\nAddress = 10.0.0.9\n[User b]\nAddress = 10.0.0.9\n",
         "t.conf: [User b] Address: 10.0.0.9 is [User a]'s too"},
        {SERVER "Pool = 10.0.0.0/24\n[User a]\nTokenHash = a-token\n",
         "t.conf:6: [User a] TokenHash: is not sha256: and 64 hexadecimal digits"},
        {"[Tunnel]\nMTU = 900\n", "t.conf:2: [Tunnel] MTU: \"900\" is neither auto nor a number from 1280 to 65535"},
        {"[Tunnel]\nRoutes = default\nRoutes = 10.0.0.0/99\n",
         "t.conf:3: [Tunnel] Routes: \"10.0.0.0/99\" is not one of default, none, and no list of IP prefixes"},
        {"[Tunnel]\n", "t.conf: there is neither [Server] nor [Client]"},
        {"# nothing\n", "t.conf: there is neither [Server] nor [Client]"},
        {"Server = a\n", "t.conf:1: Server: stands before any [Section]"},
        {"[Client]\nServer = a\nhello\nColour = 1\n", "t.conf:3: is neither [Section] nor Key = value"},
        {"[Client]\nServer = x\n[Path eth0] Role = backup\n",
         "t.conf:3: after a section's \"]\" there is more on the line"},
        {"[Client] # x\n", "t.conf:1: after a section's \"]\" there is more on the line"},
        {"[Client]\nServer = x\n[Path \"eth0\"]\n",
         "t.conf:3: [Path]: \"\"eth0\"\" is no network device: its name stands without quotes"},
        {"[Client]\nServer = x\n[Path eth0]\nSource = 0.0.0.0\n",
         "t.conf:4: [Path eth0] Source: \"0.0.0.0\" is no address to send from"},
        {"[Client]\nServer = x\n[Path eth0]\nSource = ::\n",
         "t.conf:4: [Path eth0] Source: \"::\" is no address to send from"},
        {"[Client]\nServer = x\n[Path eth0]\nSource = 239.1.1.1\n",
         "t.conf:4: [Path eth0] Source: \"239.1.1.1\" is no address to send from"},
        {"[Client\n", "t.conf:1: a section's \"]\" is missing"},
        {"[Client]\nServer = a\x01\n", "t.conf:2: there is a control character in the line"},
        {"[Log]\nLevel = \xc3\xa4\n",
         "t.conf:2: [Log] Level: \"\?\?\" is not one of error, warning, notice, info, debug"},
        {"[Control]\nGroup = no such group\n",
         "t.conf:2: [Control] Group: \"no such group\" is no group of this system"},
    };

    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
        bad(cases[i].text, cases[i].why);
}
END_TEST

/* Whoever runs out of descriptors is not told that a user is missing, and may try again. */
START_TEST(an_account_that_cannot_be_looked_up_is_not_one_that_is_missing) {
    static const char *const texts[] = {"[Daemon]\nRunAs = nobody\n", "[Control]\nGroup = nogroup\n"};
    static const char *const expected[] = {
        "t.conf:2: [Daemon] RunAs: \"nobody\" cannot be looked up: Too many open files",
        "t.conf:2: [Control] Group: \"nogroup\" cannot be looked up: Too many open files"};
    struct rlimit before, none;

    ck_assert_int_eq(getrlimit(RLIMIT_NOFILE, &before), 0);
    none = (struct rlimit){.rlim_cur = 0, .rlim_max = before.rlim_max};
    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++) {
        char why[CONFIG_WHY_MAX] = "";
        struct config *config = NULL;
        int rc;

        ck_assert_int_eq(setrlimit(RLIMIT_NOFILE, &none), 0);
        rc = read_text(texts[i], "t.conf", &config, why);
        ck_assert_int_eq(setrlimit(RLIMIT_NOFILE, &before), 0);
        ck_assert_int_eq(rc, -EMFILE);
        ck_assert_ptr_null(config);
        ck_assert_str_eq(why, expected[i]);
    }
}
END_TEST

/* The directory of a process that is gone answers as a disk may that is out of order for a while. */
START_TEST(a_file_that_cannot_be_reached_is_not_one_that_is_missing) {
    char why[CONFIG_WHY_MAX] = "", process[40], text[80], expected[160];
    struct config *config = NULL;
    pid_t pid = fork();
    int fd;

    if (pid == 0) {
        pause();
        _exit(0);
    }
    ck_assert_int_gt(pid, 0);
    snprintf(process, sizeof process, "/proc/%d", (int)pid);
    fd = open(process, O_PATH | O_DIRECTORY);
    ck_assert_int_eq(kill(pid, SIGKILL), 0);
    ck_assert_int_eq(waitpid(pid, NULL, 0), pid);
    ck_assert_int_ge(fd, 0);
    snprintf(text, sizeof text, "[Server]\nCertificate = /proc/self/fd/%d/status\n", fd);
    snprintf(expected, sizeof expected,
             "t.conf:2: [Server] Certificate: \"/proc/self/fd/%d/status\" cannot be read: No such process", fd);
    ck_assert_int_eq(read_text(text, "t.conf", &config, why), -ESRCH);
    ck_assert_ptr_null(config);
    ck_assert_str_eq(why, expected);
    close(fd);
}
END_TEST

START_TEST(a_tunnel_has_up_to_sixteen_paths) {
    char text[800] = "[Client]\nServer = a\n";
    size_t length = strlen(text);
    struct config *c;

    for (int i = 0; i < 16; i++)
        length += (size_t)snprintf(text + length, sizeof text - length, "[Path eth%d]\nWeight = %d\n", i, i + 1);
    c = good(text);
    ck_assert_uint_eq(c->path_count, 16);
    ck_assert_str_eq(c->path[15].device, "eth15");
    ck_assert_uint_eq(c->path[15].weight, 16);
    config_free(c);
    snprintf(text + length, sizeof text - length, "[Path eth16]\n");
    bad(text, "t.conf:35: [Path eth16]: a tunnel has at most 16 paths");
}
END_TEST

START_TEST(a_line_too_long_is_refused_not_split) {
    char text[600];

    snprintf(text, sizeof text, "[Client]\nServer = a\nToken = %0300d\n", 7);
    bad(text, "t.conf:3: the line is longer than 198 bytes");
}
END_TEST

START_TEST(a_file_that_is_not_there_is_told) {
    char why[CONFIG_WHY_MAX];
    struct config *config;

    ck_assert_int_eq(config_read("/nowhere/x.conf", &config, why, sizeof why), -ENOENT);
    ck_assert_str_eq(why, "/nowhere/x.conf: No such file or directory");
    ck_assert_int_eq(config_read("/", &config, why, sizeof why), -EINVAL);
}
END_TEST

START_TEST(what_is_no_regular_file_is_refused_and_not_waited_for) {
    char why[CONFIG_WHY_MAX], pipe[64] = "/tmp/check_config.XXXXXX", expected[200];
    struct auth_user *user;
    struct config *config;
    size_t count;

    ck_assert_ptr_nonnull(mkdtemp(pipe));
    ck_assert_int_eq(config_read(pipe, &config, why, sizeof why), -EINVAL);
    strcat(pipe, "/x.conf");
    ck_assert_int_eq(mkfifo(pipe, 0600), 0);
    snprintf(expected, sizeof expected, "%s: is no regular file", pipe);
    ck_assert_int_eq(config_read(pipe, &config, why, sizeof why), -EINVAL);
    ck_assert_str_eq(why, expected);
    ck_assert_int_eq(config_read_users(pipe, &user, &count, why, sizeof why), -EINVAL);
    ck_assert_str_eq(why, expected);
    unlink(pipe);
    *strrchr(pipe, '/') = '\0';
    rmdir(pipe);
    bad("[Server]\nCertificate = /\n", "t.conf:2: [Server] Certificate: \"/\" is no regular file");
}
END_TEST

START_TEST(instances_are_named_after_their_files) {
    static const struct {
        const char *file, *name;
    } cases[] = {{"/etc/mpvpn/home.conf", "home"}, {"a.b.conf", "a.b"}, {"x", "x"},  {"/etc/.conf", NULL},
                 {"/etc/a b.conf", NULL},          {"/etc/", NULL},     {"..", NULL}};
    char name[64];

    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        ck_assert_int_eq(config_instance_name(cases[i].file, name, sizeof name), cases[i].name ? 0 : -EINVAL);
        if (cases[i].name)
            ck_assert_str_eq(name, cases[i].name);
    }
}
END_TEST

START_TEST(hosts_are_split_from_ports) {
    static const struct {
        const char *text, *host;
        uint16_t port;
    } cases[] = {{"a.example", "a.example", 443},
                 {"a.example:1", "a.example", 1},
                 {"192.0.2.1:65535", "192.0.2.1", 65535},
                 {"2001:db8::1", "2001:db8::1", 443},
                 {"[::1]", "::1", 443},
                 {"[::1]:99", "::1", 99},
                 {"", NULL, 0},
                 {":443", NULL, 0},
                 {"a:", NULL, 0},
                 {"a:65536", NULL, 0},
                 {"a:4x", NULL, 0},
                 {"[::1", NULL, 0},
                 {"[a]:1", NULL, 0},
                 {"[::1]x", NULL, 0},
                 {"a b", NULL, 0},
                 {"a/b", NULL, 0}};

    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        char *host = NULL;
        uint16_t port = 0;

        ck_assert_msg(config_split_host(cases[i].text, &host, &port) == (cases[i].host ? 0 : -EINVAL), "%s",
                      cases[i].text);
        ck_assert_pstr_eq(host, cases[i].host);
        ck_assert_uint_eq(port, cases[i].port);
        free(host);
    }
}
END_TEST

START_TEST(authorities_are_the_same_by_host_and_port) {
    static const struct {
        const char *a, *b;
        bool same;
    } cases[] = {{"vpn.example.net", "vpn.example.net:443", true},
                 {"VPN.example.net:443", "vpn.Example.net", true},
                 {"[2001:DB8::1]:443", "2001:db8::1", true},
                 {"vpn.example.net:8443", "vpn.example.net:8443", true},
                 {"vpn.example.net", "vpn.example.net:8443", false},
                 {"vpn.example.net", "vpn.example.ne", false},
                 {"vpn.example.net", "", false},
                 {"vpn.example.net", "vpn.example.net/", false}};

    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        ck_assert_msg(config_same_authority(cases[i].a, cases[i].b) == cases[i].same, "%s, %s", cases[i].a, cases[i].b);
        ck_assert_msg(config_same_authority(cases[i].b, cases[i].a) == cases[i].same, "%s, %s", cases[i].b, cases[i].a);
    }
}
END_TEST

int main(void) {
    Suite *suite = suite_create("config");
    TCase *tc = tcase_create("config");

    /* First: a process that has looked one up before may have loaded what knows some without any file. */
    tcase_add_test(tc, an_account_that_cannot_be_looked_up_is_not_one_that_is_missing);
    tcase_add_test(tc, the_smallest_server_gets_every_default);
    tcase_add_test(tc, the_smallest_client_gets_every_default);
    tcase_add_test(tc, a_full_server_is_read);
    tcase_add_test(tc, a_full_client_is_read);
    tcase_add_test(tc, authorities_are_trusted_in_place_of_a_pin);
    tcase_add_test(tc, an_empty_path_section_is_a_path_with_defaults);
    tcase_add_test(tc, faults_are_told_with_file_line_section_and_key);
    tcase_add_test(tc, a_file_that_cannot_be_reached_is_not_one_that_is_missing);
    tcase_add_test(tc, a_tunnel_has_up_to_sixteen_paths);
    tcase_add_test(tc, a_line_too_long_is_refused_not_split);
    tcase_add_test(tc, a_file_that_is_not_there_is_told);
    tcase_add_test(tc, what_is_no_regular_file_is_refused_and_not_waited_for);
    tcase_add_test(tc, instances_are_named_after_their_files);
    tcase_add_test(tc, hosts_are_split_from_ports);
    tcase_add_test(tc, authorities_are_the_same_by_host_and_port);
    suite_add_tcase(suite, tc);
    return suite_run(suite);
}
