/* SPDX-License-Identifier: GPL-2.0-or-later */
/* check_methods: which calls of the control protocol are let through, and what the ones that look say of a daemon that
 * has just begun. */
#include <check.h>
#include <stdlib.h>
#include <string.h>

#include "daemon.h"
#include "methods_check.h"
#include "methods_handlers.h"

static int check(enum config_role role, bool may_write, const char *name, const char *params,
                 struct jsonrpc_error *error) {
    json_t *json = params ? json_loads(params, 0, NULL) : NULL;
    int rc;

    ck_assert(!params || json);
    rc = methods_check(role, may_write, name, json, error);
    json_decref(json);
    return rc;
}

START_TEST(a_call_in_order_is_found) {
    struct jsonrpc_error error;

    ck_assert_int_eq(check(CONFIG_CLIENT, false, "status", NULL, &error), METHOD_status);
    ck_assert_int_eq(check(CONFIG_SERVER, false, "stats", "{}", &error), METHOD_stats);
    ck_assert_int_eq(check(CONFIG_SERVER, false, "version", "[]", &error), METHOD_version);
    ck_assert_int_eq(check(CONFIG_SERVER, true, "user.add", "{\"name\":\"bob\",\"address\":[\"10.0.0.9\"]}", &error),
                     METHOD_user_add);
    ck_assert_int_eq(check(CONFIG_SERVER, false, "session.list", "{\"after\":3,\"limit\":10}", &error),
                     METHOD_session_list);
}
END_TEST

START_TEST(a_call_out_of_order_is_refused_with_its_code) {
    static const struct {
        enum config_role role;
        bool may_write;
        const char *name, *params;
        enum jsonrpc_code code;
        const char *message;
    } cases[] = {
        {CONFIG_CLIENT, true, "nonsense", NULL, JSONRPC_METHOD, "there is no method nonsense"},
        {CONFIG_CLIENT, true, "user.add", "{}", JSONRPC_WRONG_ROLE, "user.add is for a server, and this is a client"},
        {CONFIG_SERVER, true, "path.list", NULL, JSONRPC_WRONG_ROLE, "path.list is for a client, and this is a server"},
        {CONFIG_SERVER, false, "reload", NULL, JSONRPC_NOT_PERMITTED, "only root and the control group may do that"},
        {CONFIG_SERVER, true, "user.add", NULL, JSONRPC_PARAMS, "the parameter \"name\" is missing"},
        {CONFIG_SERVER, true, "user.add", "{\"name\":7}", JSONRPC_PARAMS, "the parameter \"name\" must be a string"},
        {CONFIG_SERVER, true, "user.add", "{\"name\":\"b\",\"address\":\"::1\"}", JSONRPC_PARAMS,
         "the parameter \"address\" must be an array of strings"},
        {CONFIG_SERVER, true, "user.add", "{\"name\":\"b\",\"address\":[1]}", JSONRPC_PARAMS,
         "the parameter \"address\" must be an array of strings"},
        {CONFIG_SERVER, true, "user.add", "[\"bob\"]", JSONRPC_PARAMS, "parameters must come by name"},
        {CONFIG_SERVER, true, "session.close", "{\"id\":-1}", JSONRPC_PARAMS,
         "the parameter \"id\" must be a whole number, not negative"},
        {CONFIG_SERVER, true, "session.close", "{\"id\":1,\"why\":\"x\"}", JSONRPC_PARAMS,
         "session.close has no parameter \"why\""},
    };

    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct jsonrpc_error error = {0};

        ck_assert_int_eq(check(cases[i].role, cases[i].may_write, cases[i].name, cases[i].params, &error), -1);
        ck_assert_int_eq(error.code, cases[i].code);
        ck_assert_str_eq(error.message, cases[i].message);
    }
}
END_TEST

/* What a handler says of a daemon. */
static json_t *ask(method_fn *method, struct daemon *daemon) {
    struct jsonrpc_error error = {0};
    json_t *result = NULL;

    ck_assert_msg(method(daemon, 75 * NS_PER_SEC, NULL, &result, &error) == 0, "%s", error.message);
    ck_assert_ptr_nonnull(result);
    return result;
}

static const char *text(const json_t *object, const char *name) {
    return json_string_value(json_object_get(object, name));
}

START_TEST(a_client_that_waits_says_why) {
    struct config_path section = {.device = "wwan0"};
    struct config config = {.role = CONFIG_CLIENT,
                            .name = (char *)"home",
                            .server_host = (char *)"2001:db8::1",
                            .server_port = 8443,
                            .path = &section,
                            .path_count = 1};
    struct daemon daemon = {.config = &config, .started = 15 * NS_PER_SEC};
    json_t *result, *path;

    daemon.client.path = (struct client_path){
        .config = &section, .state = PATH_WAITING, .since = 70 * NS_PER_SEC, .reason = "the server refused: no"};
    result = ask(method_status, &daemon);
    ck_assert_str_eq(text(result, "role"), "client");
    ck_assert_str_eq(text(result, "server"), "[2001:db8::1]:8443");
    ck_assert_str_eq(text(result, "state"), "waiting");
    ck_assert_str_eq(text(result, "reason"), "the server refused: no");
    ck_assert_int_eq(json_integer_value(json_object_get(result, "uptime_s")), 60);
    ck_assert_int_eq(json_integer_value(json_object_get(result, "since_s")), 5);
    json_decref(result);
    result = ask(method_path_list, &daemon);
    path = json_array_get(json_object_get(result, "paths"), 0);
    ck_assert_str_eq(text(path, "path"), "wwan0");
    ck_assert(json_is_null(json_object_get(path, "rtt_us")));
    ck_assert_int_eq(json_integer_value(json_object_get(path, "share_percent")), 0);
    json_decref(result);
}
END_TEST

START_TEST(statistics_name_every_reason_of_a_drop) {
    struct config config = {.role = CONFIG_SERVER, .name = (char *)"server"};
    struct daemon daemon = {.config = &config};
    json_t *result, *drops;

    daemon.worker.drops.count[DROP_NO_ROUTE] = 3;
    daemon.server.ended_sent.bytes = 1000;
    result = ask(method_stats, &daemon);
    drops = json_object_get(result, "drops");
    ck_assert_uint_eq(json_object_size(drops), DROP_REASONS);
    ck_assert_int_eq(json_integer_value(json_object_get(drops, "no_route")), 3);
    ck_assert_int_eq(json_integer_value(json_object_get(json_object_get(result, "session"), "bytes_down")), 1000);
    ck_assert_uint_eq(json_array_size(json_object_get(result, "paths")), 0);
    ck_assert(json_is_object(json_object_get(result, "queue")));
    json_decref(result);
}
END_TEST

/* Whether the vocabulary has this number. */
static bool is_statistic(const char *scope, const char *name) {
#define STATISTIC(of, known, kind, help)                                                                               \
    if (strcmp(scope, #of) == 0 && strcmp(name, known) == 0) {                                                         \
        return true;                                                                                                   \
    }
#include "common/statistics.def"
#undef STATISTIC
    return false;
}

static void check_numbers(const char *scope, json_t *object) {
    const char *name;
    json_t *value;

    json_object_foreach(object, name, value) {
        ck_assert_msg(!json_is_number(value) || is_statistic(scope, name), "statistics.def lacks %s %s", scope, name);
    }
}

START_TEST(the_numbers_of_statistics_are_those_of_the_vocabulary) {
    struct config server = {.role = CONFIG_SERVER, .name = (char *)"s"};
    struct config client = {.role = CONFIG_CLIENT, .name = (char *)"c", .server_host = (char *)"a"};
    struct daemon daemons[2] = {{.config = &server}, {.config = &client}};
    unsigned missing = 0;

    for (size_t i = 0; i < 2; i++) {
        json_t *result = ask(method_stats, &daemons[i]);
        json_t *path = json_array_get(json_object_get(result, "paths"), 0);

        check_numbers("SESSION", json_object_get(result, "session"));
        check_numbers("QUEUE", json_object_get(result, "queue"));
        check_numbers("PATH", path);
        if (path) {
#define STATISTIC(of, known, kind, help) missing += strcmp(#of, "PATH") == 0 && json_object_get(path, known) == NULL;
#include "common/statistics.def"
#undef STATISTIC
        }
        json_decref(result);
    }
    ck_assert_uint_eq(missing, 0);
}
END_TEST

START_TEST(sessions_are_listed_by_number_in_portions) {
    struct config config = {.role = CONFIG_SERVER, .name = (char *)"server"};
    struct daemon daemon = {.config = &config};
    struct queue_settings settings = {.max_packets = 4, .max_bytes = 10000};
    struct session *third = session_new(3, "bob", &settings, 0), *first = session_new(1, "alice", &settings, 0);
    json_t *params = json_pack("{s:i, s:i}", "after", 0, "limit", 1), *result = NULL, *list;
    struct jsonrpc_error error;

    third->next = first;
    first->prev = third;
    third->prev = first;
    daemon.server.sessions = third;
    daemon.server.session_count = 2;
    ck_assert_int_eq(method_session_list(&daemon, NS_PER_SEC, params, &result, &error), 0);
    list = json_object_get(result, "sessions");
    ck_assert_uint_eq(json_array_size(list), 1);
    ck_assert_str_eq(text(json_array_get(list, 0), "user"), "alice");
    ck_assert(json_is_true(json_object_get(result, "more")));
    json_decref(result);
    json_object_set_new(params, "after", json_integer(1));
    ck_assert_int_eq(method_session_list(&daemon, NS_PER_SEC, params, &result, &error), 0);
    ck_assert_str_eq(text(json_array_get(json_object_get(result, "sessions"), 0), "user"), "bob");
    ck_assert(json_is_false(json_object_get(result, "more")));
    json_decref(result);
    json_decref(params);
    session_free(first);
    session_free(third);
}
END_TEST

int main(void) {
    Suite *suite = suite_create("methods");
    TCase *tc = tcase_create("methods");
    SRunner *runner = srunner_create(suite);
    int failed;

    tcase_add_test(tc, a_call_in_order_is_found);
    tcase_add_test(tc, a_call_out_of_order_is_refused_with_its_code);
    tcase_add_test(tc, a_client_that_waits_says_why);
    tcase_add_test(tc, statistics_name_every_reason_of_a_drop);
    tcase_add_test(tc, the_numbers_of_statistics_are_those_of_the_vocabulary);
    tcase_add_test(tc, sessions_are_listed_by_number_in_portions);
    suite_add_tcase(suite, tc);
    srunner_run_all(runner, CK_NORMAL);
    failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
