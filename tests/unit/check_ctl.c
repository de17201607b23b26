/* SPDX-License-Identifier: GPL-2.0-or-later */
/* check_ctl: command lines as requests, answers as text: tables to the letter. */
#include <check.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "common/clock.h"
#include "ctl/commands.h"
#include "ctl/print.h"
#include "ctl/table.h"
#include "tests/unit/suite.h"

#define WORDS_MAX 8

/* Parse a command line of blank-separated words. */
static int parse(const char *text, struct command_line *line, char why[COMMAND_WHY_MAX]) {
    static char copy[256];
    char *argv[WORDS_MAX], *state = NULL;
    int argc = 0;

    snprintf(copy, sizeof copy, "%s", text);
    for (char *word = strtok_r(copy, " ", &state); word; word = strtok_r(NULL, " ", &state)) {
        argv[argc++] = word;
    }
    return command_parse(argc, argv, line, why, COMMAND_WHY_MAX);
}

static void good(const char *text, const char *method, const char *params) {
    struct command_line line = {0};
    char why[COMMAND_WHY_MAX] = "", *given;

    ck_assert_msg(parse(text, &line, why) == 0, "%s: %s", text, why);
    ck_assert_pstr_eq(line.command->method, method);
    given = line.params ? json_dumps(line.params, JSON_COMPACT) : NULL;
    ck_assert_pstr_eq(given, params);
    free(given);
    json_decref(line.params);
}

START_TEST(command_lines_become_requests) {
    good("status", "status", NULL);
    good("path list", "path.list", NULL);
    good("path add enp6s0 role=backup weight=2", "path.add",
         "{\"device\":\"enp6s0\",\"role\":\"backup\",\"weight\":2}");
    good("path remove enp6s0", "path.remove", "{\"device\":\"enp6s0\"}");
    good("path set weight=3 wwan0", "path.set", "{\"weight\":3,\"device\":\"wwan0\"}");
    good("scheduler list", "scheduler.list", NULL);
    good("scheduler set redundant", "scheduler.set", "{\"name\":\"redundant\"}");
    good("log debug", "log.set", "{\"level\":\"debug\"}");
    good("session list limit=5 after=2", "session.list", "{\"limit\":5,\"after\":2}");
    good("session close 12", "session.close", "{\"id\":12}");
    good("user add bob address=10.0.0.9 address=fd77::9", "user.add",
         "{\"name\":\"bob\",\"address\":[\"10.0.0.9\",\"fd77::9\"]}");
    good("user add server=a:1 bob --json", "user.add", "{\"server\":\"a:1\",\"name\":\"bob\"}");
    good("user add bob -j", "user.add", "{\"name\":\"bob\"}");
}
END_TEST

START_TEST(wrong_command_lines_are_told) {
    static const struct {
        const char *text, *why;
    } cases[] = {
        {"stat", "\"stat\" is not a command; did you mean \"stats\"?"},
        {"sesion list", "\"sesion list\" is not a command; did you mean \"session list\"?"},
        {"session", "\"session\" is not a command; see mpvpnctl session --help"},
        {"frobnicate", "\"frobnicate\" is not a command"},
        {"session close", "session close needs ID"},
        {"session close x", "\"x\" is not a number (ID)"},
        {"session close -3", "\"-3\" is not a number (ID)"},
        {"session close 3 4", "session close does not take \"4\""},
        {"path add", "path add needs DEVICE"},
        {"path add eth0 eth1", "path add does not take \"eth1\""},
        {"path set eth0 weight=much", "\"much\" is not a number (N)"},
        {"path delete eth0", "\"path delete\" is not a command; see mpvpnctl path --help"},
        {"session list limit=1 limit=2", "limit is given twice"},
        {"status --watch", "status has no option --watch"},
        {"stats --watch=soon", "\"soon\" is not a time"},
        {"keygen", "keygen needs DIR [NAME]"},
        {"keygen a b c", "keygen does not take \"c\""},
        {"completion bash", "completion does not take \"bash\""},
    };

    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct command_line line = {0};
        char why[COMMAND_WHY_MAX] = "";

        ck_assert_msg(parse(cases[i].text, &line, why) == -EINVAL, "%s", cases[i].text);
        ck_assert_str_eq(why, cases[i].why);
    }
}
END_TEST

START_TEST(watching_takes_a_time_or_goes_without) {
    static const struct {
        const char *text;
        unsigned long long watch;
    } cases[] = {{"stats", 0},
                 {"stats --watch", 2 * NS_PER_SEC},
                 {"stats --watch 5", 5 * NS_PER_SEC},
                 {"stats --watch=500ms --openmetrics", NS_PER_SEC / 2},
                 {"stats --watch --openmetrics", 2 * NS_PER_SEC},
                 {"stats --watch 0", NS_PER_SEC / 10}};

    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct command_line line = {0};
        char why[COMMAND_WHY_MAX] = "";

        ck_assert_msg(parse(cases[i].text, &line, why) == 0, "%s", why);
        ck_assert_uint_eq(line.watch, cases[i].watch);
        ck_assert_int_eq(line.openmetrics, strstr(cases[i].text, "openmetrics") != NULL);
    }
}
END_TEST

/* Print JSON in this test's notation (' for ") by one of print.h's functions. */
static void expect(enum command_id command, const char *quoted, const char *expected) {
    char *json = strdup(quoted), *text = NULL;
    size_t size = 0;
    FILE *stream = open_memstream(&text, &size);
    json_error_t fault;
    json_t *result;

    for (char *p = json; *p; p++) {
        *p = *p == '\'' ? '"' : *p;
    }
    result = json_loads(json, 0, &fault);
    ck_assert_msg(result != NULL, "%s", fault.text);
    print_text(stream, command, result);
    fclose(stream);
    ck_assert_str_eq(text, expected);
    json_decref(result);
    free(json);
    free(text);
}

START_TEST(paths_are_a_table) {
    expect(
        COMMAND_path_list,
        "{'paths':["
        "{'path':'enp5s0','state':'up','role':'primary','rtt_us':11240,'jitter_us':300,'loss_percent':0.0,"
        "'rate_down_bps':188000000,'rate_up_bps':31200000,'share_percent':86,'since_s':11520,'reason':null},"
        "{'path':'wwan0','state':'up','role':'primary','rtt_us':43000,'jitter_us':6100,'loss_percent':0.41,"
        "'rate_down_bps':24100000,'rate_up_bps':6800000,'capacity_bps':26000000,'arrival_us':22100,'share_percent':14,'"
        "since_s':2460},"
        "{'path':'usb0','state':'standby','role':'backup','rtt_us':61300,'jitter_us':9000,'loss_percent':0.0,"
        "'rate_down_bps':0,'rate_up_bps':0,'share_percent':0,'since_s':11520}]}",
        "PATH    STATE    ROLE     RTT      JITTER   LOSS    DOWN Mbit/s  UP Mbit/s  CARRIES  ARRIVES  SHARE  SINCE\n"
        "enp5s0  up       primary  11.2 ms  0.3 ms   0.0 %         188.0       31.2        -        -   86 %  3 h 12 "
        "min\n"
        "wwan0   up       primary  43.0 ms  6.1 ms   0.4 %          24.1        6.8       26  22.1 ms   14 %  41 min\n"
        "usb0    standby  backup   61.3 ms  9.0 ms   0.0 %           0.0        0.0        -        -    0 %  3 h 12 "
        "min\n");
}
END_TEST

START_TEST(a_narrow_table_goes_without_what_can_be_spared) {
    static const struct table_column columns[] = {{"PATH", 0, false}, {"RATE", 8, true}, {"SINCE", 0, false}};
    static const char *const spare[] = {"SINCE", "NOTHING", "RATE", NULL};
    static const struct {
        size_t width;
        const char *expected;
    } cases[] = {{26, "PATH       RATE  SINCE\nGerät       1.0  3 h 1 min\n"},
                 {80, "PATH       RATE  SINCE\nGerät       1.0  3 h 1 min\n"},
                 {25, "PATH       RATE\nGerät       1.0\n"},
                 {14, "PATH\nGerät\n"},
                 {1, "PATH\nGerät\n"}};

    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct table *table = table_new(columns, 3);
        char *text = NULL;
        size_t size = 0;
        FILE *stream = open_memstream(&text, &size);

        table_row(table);
        table_cell(table, "Gerät");
        table_cell(table, "1.0");
        table_cell(table, "3 h 1 min");
        table_narrow(table, cases[i].width, spare);
        table_fit(table, stream, spare);
        table_print(table, stream);
        fclose(stream);
        ck_assert_str_eq(text, cases[i].expected);
        table_free(table);
        free(text);
    }
}
END_TEST

START_TEST(paths_are_explained_in_a_line_each) {
    good("explain", "explain", NULL);
    expect(COMMAND_explain,
           "{'scheduler':'ecf','paths':[{'path':'enp5s0','used':true,'why':'next','text':'the next packet goes here'},"
           "{'path':'wwan0','used':false,'why':'later','text':'a packet would arrive later'}]}",
           "scheduler: ecf\n"
           "enp5s0: used: the next packet goes here\n"
           "wwan0: not used: a packet would arrive later\n");
    good("explain session=7", "explain", "{\"session\":7}");
    expect(COMMAND_explain,
           "{'sessions':[{'id':7,'user':'alice','scheduler':'ecf','paths':[{'path':'192.0.2.9:4433','used':true,'why':'"
           "next','text':'the next packet goes here'}]},{'id':9,'user':'bob','scheduler':null,'paths':[]}]}",
           "session 7 (alice): scheduler: ecf\n"
           "192.0.2.9:4433: used: the next packet goes here\n"
           "session 9 (bob): scheduler: -\n");
    expect(COMMAND_explain, "{'sessions':[]}", "no client is connected\n");
    expect(COMMAND_explain,
           "{'scheduler':null,'paths':[{'path':'wwan0','used':false,'why':'off','text':'there is no connection on it',"
           "'advice':'switch it on'}]}",
           "scheduler: -\n"
           "wwan0: not used: there is no connection on it\n"
           "  switch it on\n");
}
END_TEST

START_TEST(a_path_that_is_not_up_says_why) {
    expect(COMMAND_path_list,
           "{'paths':[{'path':'eth0','state':'waiting','role':'primary','rtt_us':null,'jitter_us':null,"
           "'loss_percent':0.0,'since_s':7,'reason':'the server does not answer'}]}",
           "PATH  STATE    ROLE     RTT      JITTER   LOSS    DOWN Mbit/s  UP Mbit/s  CARRIES  ARRIVES  SHARE  SINCE\n"
           "eth0  waiting  primary  -        -        0.0 %           0.0        0.0        -        -    0 %  7 s\n"
           "eth0: waiting: the server does not answer\n");
}
END_TEST

START_TEST(changes_of_paths_and_schedulers_are_confirmed_in_a_line) {
    expect(COMMAND_path_add,
           "{'path':'enp6s0','state':'connecting','reason':null,'source':'192.0.2.17','gateway':'192.0.2.1'}",
           "enp6s0: connecting (192.0.2.17 via 192.0.2.1)\n");
    expect(COMMAND_path_add, "{'path':'enp6s0','state':'connecting','source':'192.0.2.17','gateway':null}",
           "enp6s0: connecting (192.0.2.17)\n");
    expect(COMMAND_path_add, "{'path':'usb0','state':'down','reason':'there is no such device','source':null}",
           "usb0: down: there is no such device\n");
    expect(COMMAND_path_remove, "{'path':'enp6s0','state':'removed'}", "enp6s0: removed\n");
    expect(COMMAND_path_set, "{'path':'wwan0','role':'backup','weight':2,'was_role':'primary','was_weight':1}",
           "wwan0: backup, weight 2 (was primary, weight 1)\n");
    expect(COMMAND_path_set,
           "{'path':'wwan0','role':'backup','weight':2,'rate_limit_bps':64000,'was_role':'backup','was_weight':2}",
           "wwan0: backup, weight 2, at most 64 kbit/s (was backup, weight 2)\n");
    expect(COMMAND_scheduler_get, "{'scheduler':'minrtt','bonded':true}", "scheduler: minrtt\n");
    expect(COMMAND_scheduler_set, "{'scheduler':'redundant','was':'minrtt','directions':'both','bonded':true}",
           "scheduler: redundant (was minrtt), both directions\n");
    expect(COMMAND_scheduler_set, "{'scheduler':'redundant','was':'minrtt','directions':'both','bonded':false}",
           "scheduler: redundant (was minrtt), both directions; without effect: the server does not bond\n");
    expect(COMMAND_scheduler_list,
           "{'schedulers':[{'scheduler':'minrtt','help':'the fastest','in_use':true},"
           "{'scheduler':'wrr','help':'in turn','in_use':false}]}",
           "SCHEDULER  IN USE  WHAT IT DOES\n"
           "minrtt     yes     the fastest\n"
           "wrr                in turn\n");
}
END_TEST

START_TEST(a_clients_status_is_a_few_lines) {
    expect(COMMAND_status,
           "{'role':'client','server':'vpn.example.net:443','state':'up','reason':null,'since_s':11520,'paths_up':2,"
           "'paths_standby':1,'tunnel':{'device':'mpvpn0','addresses':['10.77.0.10/32','fd77::10/128'],"
           "'mtu_bytes':1406,'routes':'default'},'traffic':{'rate_down_bps':212000000,'rate_up_bps':38000000,"
           "'bytes_down':12400000000,'bytes_up':2100000000},'bonding':{'bonded':true,'scheduler':'minrtt',"
           "'held_percent':0.8,'longest_hold_us':14000,'resent_percent':0.02,'queue_us':1200}}",
           "client   vpn.example.net:443, up 3 h 12 min, 2 paths up, 1 standby\n"
           "tunnel   mpvpn0  10.77.0.10/32  fd77::10/128  MTU 1406   routes: default\n"
           "traffic  now 212 Mbit/s down, 38 up;  12.4 GB down, 2.1 GB up\n"
           "bonding  minrtt;  reorder held 0.8 %, longest 14 ms;  resent 0.02 %;  queue 1.2 ms\n");
}
END_TEST

START_TEST(a_server_that_does_not_bond_is_told) {
    expect(COMMAND_status,
           "{'role':'client','server':'a:443','state':'up','reason':null,'since_s':5,'paths_up':1,'paths_standby':1,"
           "'tunnel':{'device':'mpvpn0'},'traffic':{},'bonding':{'bonded':false,'queue_us':200}}",
           "client   a:443, up 5 s, 1 path up, 1 standby\n"
           "tunnel   mpvpn0\n"
           "traffic  now 0 Mbit/s down, 0 up;  0 B down, 0 B up\n"
           "bonding  none: the server does not know it, one path is used at a time;  queue 0.2 ms\n");
}
END_TEST

START_TEST(a_servers_status_counts_its_sessions) {
    expect(COMMAND_status,
           "{'role':'server','listen':['[::]:443'],'uptime_s':60,'sessions':1,'tunnel':{'device':'mpvpn0',"
           "'addresses':['10.77.0.1/24'],'mtu_bytes':null},'traffic':{'rate_down_bps':1500000}}",
           "server   [::]:443, up 1 min, 1 session\n"
           "tunnel   mpvpn0  10.77.0.1/24\n"
           "traffic  now 1.5 Mbit/s down, 0 up;  0 B down, 0 B up\n");
}
END_TEST

START_TEST(sessions_and_users_are_tables) {
    expect(
        COMMAND_session_list,
        "{'more':true,'sessions':[{'id':7,'user':'alice','addresses':['10.77.0.2/32','fd77::2/128'],'bonded':true,"
        "'scheduler':'flow','rate_down_bps':100000000,'rate_up_bps':50000,'since_s':90000,'legs':["
        "{'leg':0,'remote':'192.0.2.2:4433','rtt_us':8000,'loss_percent':1.26,'since_s':90000},"
        "{'leg':1,'remote':'[2001:db8::2]:99','rtt_us':41000,'loss_percent':0.0,'since_s':60}]},"
        "{'id':9,'user':'bob','addresses':['10.77.0.3/32'],'bonded':false,'scheduler':null,'since_s':5,'legs':[]}]}",
        "ID  USER   ADDRESSES                 BONDING  LEGS  FROM              RTT      LOSS    DOWN Mbit/s  UP Mbit/s"
        "  SINCE\n"
        " 7  alice  10.77.0.2/32 fd77::2/128  flow        2  192.0.2.2:4433    8.0 ms   1.3 %         100.0        0.1"
        "  1 d 1 h\n"
        "                                                    [2001:db8::2]:99  41.0 ms  0.0 %                         "
        "  1 min\n"
        " 9  bob    10.77.0.3/32              -           0  -                 -        0.0 %           0.0        0.0"
        "  5 s\n"
        "There are more: session list after=9\n");
    expect(COMMAND_user_list,
           "{'users':[{'name':'alice','addresses':[],'has_token':true,'disabled':false,'sessions':2,"
           "'from':'configuration'},{'name':'bob','addresses':['10.77.0.9'],'has_token':true,'disabled':true,"
           "'sessions':0,'from':'users file'}]}",
           "USER   STATE     SESSIONS  ADDRESSES  FROM\n"
           "alice  enabled          2  -          configuration\n"
           "bob    disabled         0  10.77.0.9  users file\n");
}
END_TEST

START_TEST(only_drops_that_happened_are_shown) {
    expect(COMMAND_stats,
           "{'session':{'bytes_down':5},'queue':{'sojourn_us':1200,'sojourn_max_us':14000,'bytes':3000,'packets':2,"
           "'codel_drops':4,'overflow_drops':5,'ce_marks':6},'paths':[],'reorder':{'held_percent':0.82,"
           "'longest_hold_us':9400,'missed_packets':7,'repaired_packets':6,'given_up_packets':1,'late_packets':0,"
           "'waiting_bytes':4096,'waiting_packets':2},'repair':{'resent_percent':0.023,'repaired_packets':8,"
           "'given_up_packets':1,'spurious_copies':3,'outstanding_bytes':131072,'outstanding_packets':70},"
           "'drops':{'no_route':0,'codel':4}}",
           "traffic  now 0 Mbit/s down, 0 up;  5 B down, 0 B up\n"
           "queue    1.2 ms, longest 14.0 ms;  3.0 kB in 2 packets;  4 dropped by CoDel, 5 by overflow, 6 marked\n"
           "reorder  held 0.8 %, longest 9.4 ms;  7 missed, 6 repaired, 1 given up, 0 late;  4.1 kB in 2 packets wait\n"
           "repair   resent 0.02 %;  8 repaired, 1 given up, 3 spurious;  131.1 kB in 70 packets kept\n"
           "\n"
           "PATH  RTT      MIN      JITTER   CWND  IN FLIGHT  RATE Mbit/s  SENT  RECEIVED  LOST  RESENT  TWICE  MTU\n"
           "\n"
           "DROPPED BECAUSE  PACKETS\n"
           "codel                  4\n");
}
END_TEST

START_TEST(a_new_users_answer_can_be_copied_as_a_configuration) {
    expect(COMMAND_user_add,
           "{'name':'bob','token':'T','client_configuration':'[Client]\\nServer = a:443\\nToken = T\\n'}",
           "# user bob: the token is shown this once; the server keeps only its hash\n"
           "[Client]\nServer = a:443\nToken = T\n"
           "# One section for each link; without any, the device is used that leads to the server.\n"
           "#[Path eth0]\n#[Path wwan0]\n#Role = backup\n");
}
END_TEST

START_TEST(metrics_are_labelled_escaped_and_ended) {
    json_t *stats = json_pack("{s:s, s:{s:i}, s:[{s:s, s:s, s:i, s:n, s:f, s:i}], s:{s:i}}", "name", "a\"b\\c",
                              "session", "bytes_down", 7, "paths", "path", "wwan0", "state", "up", "rtt_us", 43000,
                              "jitter_us", "loss_percent", 0.5, "sent_packets", 9, "drops", "no_route", 3);
    char *text = NULL;
    size_t size = 0;
    FILE *stream = open_memstream(&text, &size);

    ck_assert_ptr_nonnull(stats);
    print_openmetrics(stream, stats);
    fclose(stream);
    ck_assert_ptr_nonnull(strstr(text, "# TYPE mpvpn_session_bytes_down counter\n"));
    ck_assert_ptr_nonnull(strstr(text, "\nmpvpn_session_bytes_down_total{instance=\"a\\\"b\\\\c\"} 7\n"));
    ck_assert_ptr_nonnull(strstr(text, "\nmpvpn_path_rtt_us{instance=\"a\\\"b\\\\c\",path=\"wwan0\"} 43000\n"));
    ck_assert_ptr_nonnull(strstr(text, "path=\"wwan0\"} 0.5\n"));
    ck_assert_ptr_nonnull(strstr(text, "\nmpvpn_path_up{instance=\"a\\\"b\\\\c\",path=\"wwan0\"} 1\n"));
    ck_assert_ptr_nonnull(strstr(text, "reason=\"no_route\"} 3\n"));
    ck_assert_ptr_null(strstr(text, "\nmpvpn_path_jitter_us{"));
    ck_assert_ptr_nonnull(strstr(text, "# TYPE mpvpn_reorder_held_packets counter\n"));
    ck_assert_str_eq(text + size - 6, "# EOF\n");
    json_decref(stats);
    free(text);
}
END_TEST

START_TEST(help_and_completion_name_every_command) {
    char *text = NULL;
    size_t size = 0;
    FILE *stream = open_memstream(&text, &size);

    command_help_all(stream);
    command_completion(stream);
    fclose(stream);
#define METHOD(symbol, name, words, roles, access, help)                                                               \
    ck_assert_ptr_nonnull(strstr(text, "\n  " words " "));                                                             \
    ck_assert_ptr_nonnull(strstr(text, "\"" words " \"*) words="));
#include "common/methods.def"
    free(text);
}
END_TEST

int main(void) {
    Suite *suite = suite_create("ctl");
    TCase *tc = tcase_create("ctl");

    tcase_add_test(tc, command_lines_become_requests);
    tcase_add_test(tc, wrong_command_lines_are_told);
    tcase_add_test(tc, watching_takes_a_time_or_goes_without);
    tcase_add_test(tc, paths_are_a_table);
    tcase_add_test(tc, a_path_that_is_not_up_says_why);
    tcase_add_test(tc, a_narrow_table_goes_without_what_can_be_spared);
    tcase_add_test(tc, paths_are_explained_in_a_line_each);
    tcase_add_test(tc, changes_of_paths_and_schedulers_are_confirmed_in_a_line);
    tcase_add_test(tc, a_clients_status_is_a_few_lines);
    tcase_add_test(tc, a_server_that_does_not_bond_is_told);
    tcase_add_test(tc, a_servers_status_counts_its_sessions);
    tcase_add_test(tc, sessions_and_users_are_tables);
    tcase_add_test(tc, only_drops_that_happened_are_shown);
    tcase_add_test(tc, a_new_users_answer_can_be_copied_as_a_configuration);
    tcase_add_test(tc, metrics_are_labelled_escaped_and_ended);
    tcase_add_test(tc, help_and_completion_name_every_command);
    suite_add_tcase(suite, tc);
    return suite_run(suite);
}
