/* SPDX-License-Identifier: GPL-2.0-or-later */
/* check_methods: which calls of the control protocol are let through, and what the ones that look say of a daemon that
 * has just begun. */
#include <check.h>
#include <stdlib.h>
#include <string.h>

#include "daemon.h"
#include "methods_check.h"
#include "methods_handlers.h"
#include "tests/unit/suite.h"

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

/* A client with a worker that never runs: what its paths want to do stays on the timers. */
struct fixture {
    struct config config;
    struct daemon daemon;
};

static void set_up(struct fixture *f, enum sched_id scheduler) {
    struct queue_settings queue = {.max_packets = 4, .max_bytes = 10000};
    struct session_settings settings = {.id = 1, .user = "", .queue = &queue, .buffers = NULL};
    const struct loop_hooks hooks = {0};
    struct tunnel *tunnel = calloc(1, sizeof *tunnel);
    char why[200] = "";

    *f = (struct fixture){.config = {.role = CONFIG_CLIENT,
                                     .name = (char *)"home",
                                     .server_host = (char *)"2001:db8::1",
                                     .server_port = 8443,
                                     .scheduler = (char *)"minrtt"}};
    f->daemon = (struct daemon){.config = &f->config, .started = 15 * NS_PER_SEC};
    f->daemon.client = (struct client){.worker = &f->daemon.worker, .config = &f->config, .tunnel = tunnel};
    ck_assert_msg(loop_new(&hooks, &f->daemon.worker.loop, why, sizeof why) == 0, "%s", why);
    tunnel->worker = &f->daemon.worker;
    tunnel->session = f->daemon.client.session = session_new(&settings, 0);
    tunnel->session->owner = tunnel;
    sched_init(&tunnel->session->sched, scheduler);
}

static struct client_path *add(struct fixture *f, const char *device, bool backup, enum path_state state,
                               uint64_t since) {
    struct config_path settings = {.backup = backup, .weight = 2};
    struct client_path *path;
    char why[200] = "";

    snprintf(settings.device, sizeof settings.device, "%s", device);
    ck_assert_int_eq(client_add_path(&f->daemon.client, &settings, why, sizeof why), 0);
    path = client_find_path(&f->daemon.client, device);
    path->state = state;
    path->since = since;
    return path;
}

static void tear_down(struct fixture *f) {
    while (f->daemon.client.paths) {
        client_remove_path(&f->daemon.client, f->daemon.client.paths->settings.device);
    }
    session_free(f->daemon.client.session);
    free(f->daemon.client.tunnel);
    timers_fini(&f->daemon.worker.timers);
    loop_free(f->daemon.worker.loop);
}

/* Call a handler with parameters in this test's notation (' for "). */
static int call(struct fixture *f, method_fn *method, const char *quoted, json_t **result,
                struct jsonrpc_error *error) {
    char *text = strdup(quoted);
    json_t *params;
    int rc;

    for (char *p = text; *p; p++) {
        *p = *p == '\'' ? '"' : *p;
    }
    params = json_loads(text, 0, NULL);
    ck_assert_ptr_nonnull(params);
    rc = method(&f->daemon, 75 * NS_PER_SEC, params, result, error);
    json_decref(params);
    free(text);
    return rc;
}

static json_int_t integer(const json_t *object, const char *name) {
    return json_integer_value(json_object_get(object, name));
}

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

START_TEST(a_client_that_waits_says_why) {
    struct fixture f;
    struct client_path *waiting;
    json_t *result, *path;

    set_up(&f, SCHED_MINRTT);
    waiting = add(&f, "wwan0", false, PATH_WAITING, 70 * NS_PER_SEC);
    snprintf(waiting->reason, sizeof waiting->reason, "the server refused: no");
    add(&f, "eth0", false, PATH_DOWN, 20 * NS_PER_SEC);
    result = ask(method_status, &f.daemon);
    ck_assert_str_eq(text(result, "role"), "client");
    ck_assert_str_eq(text(result, "server"), "[2001:db8::1]:8443");
    ck_assert_str_eq(text(result, "state"), "waiting");
    ck_assert_str_eq(text(result, "reason"), "the server refused: no");
    ck_assert_int_eq(integer(result, "uptime_s"), 60);
    ck_assert_int_eq(integer(result, "since_s"), 5);
    ck_assert_int_eq(integer(result, "paths_up"), 0);
    ck_assert(json_is_null(json_object_get(json_object_get(result, "bonding"), "bonded")));
    json_decref(result);
    result = ask(method_path_list, &f.daemon);
    path = json_array_get(json_object_get(result, "paths"), 0);
    ck_assert_str_eq(text(path, "path"), "wwan0");
    ck_assert(json_is_null(json_object_get(path, "rtt_us")));
    ck_assert_int_eq(integer(path, "share_percent"), 0);
    json_decref(result);
    tear_down(&f);
}
END_TEST

START_TEST(a_client_is_up_while_any_path_is) {
    struct fixture f;
    json_t *result;

    set_up(&f, SCHED_MINRTT);
    add(&f, "eth0", false, PATH_WAITING, 70 * NS_PER_SEC);
    add(&f, "eth1", false, PATH_UP, 60 * NS_PER_SEC);
    add(&f, "eth2", false, PATH_UP, 40 * NS_PER_SEC);
    add(&f, "wwan0", true, PATH_SPARE, 50 * NS_PER_SEC);
    result = ask(method_status, &f.daemon);
    ck_assert_str_eq(text(result, "state"), "up");
    ck_assert(json_is_null(json_object_get(result, "reason")));
    ck_assert_int_eq(integer(result, "since_s"), 35);
    ck_assert_int_eq(integer(result, "paths_up"), 2);
    ck_assert_int_eq(integer(result, "paths_standby"), 1);
    json_decref(result);
    tear_down(&f);
}
END_TEST

START_TEST(paths_are_added_changed_and_removed) {
    struct fixture f;
    struct jsonrpc_error error;
    struct client_path *path;
    json_t *result;

    set_up(&f, SCHED_MINRTT);
    ck_assert_int_eq(call(&f, method_path_add,
                          "{'device':'eth0','role':'backup','weight':7,'source':'192.0.2.9','server':'[2001:db8::7]:"
                          "8443','congestion_control':'bbr'}",
                          &result, &error),
                     0);
    ck_assert_str_eq(text(result, "path"), "eth0");
    ck_assert_str_eq(text(result, "role"), "backup");
    ck_assert_int_eq(integer(result, "weight"), 7);
    json_decref(result);
    path = client_find_path(&f.daemon.client, "eth0");
    ck_assert(path->added && path->settings.backup && path->settings.source.version == 4);
    ck_assert_str_eq(path->host, "2001:db8::7");
    ck_assert_uint_eq(path->port, 8443);
    ck_assert_str_eq(path->settings.congestion, "bbr");
    ck_assert_int_eq(call(&f, method_path_set, "{'device':'eth0','role':'primary'}", &result, &error), 0);
    ck_assert_str_eq(text(result, "role"), "primary");
    ck_assert_str_eq(text(result, "was_role"), "backup");
    ck_assert_int_eq(integer(result, "weight"), 7);
    ck_assert_int_eq(integer(result, "was_weight"), 7);
    json_decref(result);
    ck_assert(!path->settings.backup);
    ck_assert_int_eq(call(&f, method_path_remove, "{'device':'eth0'}", &result, &error), 0);
    ck_assert_str_eq(text(result, "state"), "removed");
    json_decref(result);
    ck_assert_ptr_null(client_find_path(&f.daemon.client, "eth0"));
    tear_down(&f);
}
END_TEST

START_TEST(a_method_that_fails_changes_nothing_and_says_why) {
    static const struct {
        method_fn *method;
        const char *params;
        enum jsonrpc_code code;
        const char *message;
    } cases[] = {
        {method_user_add, "{'name':'bob','address':['10.77.0.2','0.0.0.0']}", JSONRPC_BAD_VALUE,
         "\"0.0.0.0\" is no address that a client can have"},
        {method_user_add, "{'name':'bob','address':['10.77.0.2','10.77.0.3']}", JSONRPC_BAD_VALUE,
         "\"10.77.0.3\" is a second address of IP version 4"},
        {method_path_add, "{'device':'wwan0'}", JSONRPC_EXISTS, "there is a path wwan0 already"},
        {method_path_add, "{'device':'a/b'}", JSONRPC_BAD_VALUE,
         "device \"a/b\" cannot be the name of a network device"},
        {method_path_add, "{'device':'eth0','role':'bakup'}", JSONRPC_BAD_VALUE,
         "role \"bakup\" is not one of primary, backup"},
        {method_path_add, "{'device':'eth0','weight':0}", JSONRPC_BAD_VALUE,
         "weight \"0\" is not a number from 1 to 1000"},
        {method_path_add, "{'device':'eth0','source':'here'}", JSONRPC_BAD_VALUE,
         "source \"here\" is not an IP address"},
        {method_path_add, "{'device':'eth0','server':'here:0'}", JSONRPC_BAD_VALUE,
         "server \"here:0\" is not HOST, HOST:PORT or [ADDRESS]:PORT"},
        {method_path_add, "{'device':'eth0','congestion_control':'reno'}", JSONRPC_BAD_VALUE,
         "congestion_control \"reno\" is not one of auto, bbr, cubic, own"},
        {method_path_set, "{'device':'wwan0'}", JSONRPC_PARAMS,
         "none of role, weight, backup_when and rate_limit is given"},
        {method_path_set, "{'device':'wwan0','role':'primary','weight':1001}", JSONRPC_BAD_VALUE,
         "weight \"1001\" is not a number from 1 to 1000"},
        {method_path_set, "{'device':'eth0','weight':1}", JSONRPC_NOT_FOUND, "there is no path eth0"},
        {method_path_remove, "{'device':'eth0'}", JSONRPC_NOT_FOUND, "there is no path eth0"},
        {method_scheduler_set, "{'name':'fastest'}", JSONRPC_NOT_FOUND,
         "there is no scheduler fastest; see scheduler list"},
    };
    struct fixture f;
    struct client_path *path;

    set_up(&f, SCHED_MINRTT);
    path = add(&f, "wwan0", true, PATH_DOWN, 0);
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct jsonrpc_error error = {0};
        json_t *result = NULL;

        ck_assert_int_eq(call(&f, cases[i].method, cases[i].params, &result, &error), -1);
        ck_assert_int_eq(error.code, cases[i].code);
        ck_assert_str_eq(error.message, cases[i].message);
        ck_assert_ptr_null(result);
    }
    ck_assert_uint_eq(f.daemon.client.path_count, 1);
    ck_assert(path->settings.backup && path->settings.weight == 2);
    ck_assert_int_eq(f.daemon.client.session->sched.id, SCHED_MINRTT);
    tear_down(&f);
}
END_TEST

START_TEST(there_is_a_limit_to_paths) {
    struct fixture f;
    struct jsonrpc_error error = {0};
    json_t *result = NULL;
    char device[16];

    set_up(&f, SCHED_MINRTT);
    for (unsigned i = 0; i < CLIENT_PATHS_MAX; i++) {
        snprintf(device, sizeof device, "eth%u", i);
        add(&f, device, false, PATH_DOWN, 0);
    }
    ck_assert_int_eq(call(&f, method_path_add, "{'device':'wwan0'}", &result, &error), -1);
    ck_assert_int_eq(error.code, JSONRPC_TOO_MANY);
    ck_assert_str_eq(error.message, "there are 16 paths already");
    tear_down(&f);
}
END_TEST

START_TEST(the_scheduler_is_changed_and_listed) {
    struct fixture f;
    struct jsonrpc_error error;
    json_t *result, *item;
    size_t i;

    set_up(&f, SCHED_FLOW);
    result = ask(method_scheduler_get, &f.daemon);
    ck_assert_str_eq(text(result, "scheduler"), "flow");
    ck_assert(json_is_null(json_object_get(result, "bonded")));
    json_decref(result);
    f.daemon.client.bonding = BONDING_NO;
    ck_assert_int_eq(call(&f, method_scheduler_set, "{'name':'redundant'}", &result, &error), 0);
    ck_assert_str_eq(text(result, "scheduler"), "redundant");
    ck_assert_str_eq(text(result, "was"), "flow");
    ck_assert(json_is_false(json_object_get(result, "bonded")));
    json_decref(result);
    ck_assert_int_eq(f.daemon.client.session->sched.id, SCHED_REDUNDANT);
    result = ask(method_scheduler_list, &f.daemon);
    ck_assert_uint_eq(json_array_size(json_object_get(result, "schedulers")), SCHED_COUNT);
    json_array_foreach(json_object_get(result, "schedulers"), i, item) {
        ck_assert_int_eq(json_is_true(json_object_get(item, "in_use")), i == SCHED_REDUNDANT);
    }
    json_decref(result);
    tear_down(&f);
}
END_TEST

START_TEST(a_servers_scheduler_is_that_of_its_sessions_to_come) {
    struct fixture f;
    struct jsonrpc_error error;
    json_t *result;

    set_up(&f, SCHED_MINRTT);
    f.config.role = CONFIG_SERVER;
    f.daemon.crew.policy.scheduler = SCHED_WRR;
    ck_assert_int_eq(call(&f, method_scheduler_set, "{'name':'flow'}", &result, &error), 0);
    ck_assert_str_eq(text(result, "was"), "wrr");
    json_decref(result);
    result = ask(method_scheduler_get, &f.daemon);
    ck_assert_str_eq(text(result, "scheduler"), "flow");
    json_decref(result);
    tear_down(&f);
}
END_TEST

START_TEST(what_bonding_did_is_shown) {
    static const uint8_t id[JOIN_ID_BYTES] = {1}, secret[JOIN_SECRET_BYTES] = {2};
    const struct buf_pool_settings settings = {.count = {1, 4}};
    struct buf_pool *buffers = buf_pool_new(&settings);
    struct fixture f;
    json_t *result, *bonding;

    set_up(&f, SCHED_MINRTT);
    result = ask(method_stats, &f.daemon);
    ck_assert(json_is_null(json_object_get(result, "reorder")));
    ck_assert(json_is_null(json_object_get(result, "repair")));
    json_decref(result);
    f.daemon.client.session->buffers = buffers;
    ck_assert_int_eq(session_bond(f.daemon.client.session, id, secret), 0);
    f.daemon.client.bonding = BONDING_YES;
    result = ask(method_status, &f.daemon);
    bonding = json_object_get(result, "bonding");
    ck_assert(json_is_true(json_object_get(bonding, "bonded")));
    ck_assert_str_eq(text(bonding, "scheduler"), "minrtt");
    ck_assert(json_is_real(json_object_get(bonding, "held_percent")));
    ck_assert(json_is_integer(json_object_get(bonding, "longest_hold_us")));
    ck_assert(json_is_real(json_object_get(bonding, "resent_percent")));
    json_decref(result);
    result = ask(method_stats, &f.daemon);
    check_numbers("REORDER", json_object_get(result, "reorder"));
    check_numbers("REPAIR", json_object_get(result, "repair"));
#define STATISTIC(scope, known, kind, help)                                                                            \
    if (strcmp(#scope, "REORDER") == 0 || strcmp(#scope, "REPAIR") == 0) {                                             \
        ck_assert(                                                                                                     \
            json_is_number(json_object_get(json_object_get(result, #scope[2] == 'O' ? "reorder" : "repair"), known))); \
    }
#include "common/statistics.def"
#undef STATISTIC
    json_decref(result);
    tear_down(&f);
    buf_pool_free(buffers);
}
END_TEST

START_TEST(statistics_name_every_reason_of_a_drop) {
    struct config config = {.role = CONFIG_SERVER, .name = (char *)"server"};
    struct daemon daemon = {.config = &config};
    struct worker other = {.number = 1};
    struct server server[2] = {{.worker = &daemon.worker}, {.worker = &other}};
    json_t *result, *drops;

    daemon.crew = (struct crew){.main = &daemon.worker, .count = 2, .server = server};
    daemon.worker.drops.count[DROP_NO_ROUTE] = 2;
    other.drops.count[DROP_NO_ROUTE] = 1;
    server[0].ended_sent.bytes = 400;
    server[1].ended_sent.bytes = 600;
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

START_TEST(the_numbers_of_statistics_are_those_of_the_vocabulary) {
    struct config server = {.role = CONFIG_SERVER, .name = (char *)"s"};
    struct daemon daemon = {.config = &server}, *daemons[2] = {&daemon};
    struct fixture f;
    unsigned missing = 0;

    set_up(&f, SCHED_MINRTT);
    add(&f, "eth0", false, PATH_DOWN, 0);
    daemons[1] = &f.daemon;
    for (size_t i = 0; i < 2; i++) {
        json_t *result = ask(method_stats, daemons[i]);
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
    tear_down(&f);
}
END_TEST

START_TEST(sessions_are_listed_by_number_in_portions) {
    struct config config = {.role = CONFIG_SERVER, .name = (char *)"server"};
    struct daemon daemon = {.config = &config};
    struct worker other = {.number = 1};
    struct server server[2] = {{.worker = &daemon.worker}, {.worker = &other}};
    const struct shared_limits limits = {.sessions = 4, .per_user = 4};
    const struct loop_hooks hooks = {0};
    struct evictions evictions;
    struct seat *seat[3];
    char why[200];
    struct queue_settings queue = {.max_packets = 4, .max_bytes = 10000};
    struct session_settings settings[2] = {{.id = 1, .user = "alice", .queue = &queue},
                                           {.id = 3, .user = "bob", .queue = &queue}};
    struct session *third = session_new(&settings[1], 0), *first = session_new(&settings[0], 0);
    json_t *params = json_pack("{s:i, s:i}", "after", 0, "limit", 1), *result = NULL, *list;
    struct jsonrpc_error error;

    daemon.crew = (struct crew){.main = &daemon.worker, .count = 2, .server = server};
    ck_assert_int_eq(shared_init(&daemon.crew.shared, 2, NULL), 0);
    ck_assert_int_eq(loop_new(&hooks, &daemon.worker.loop, why, sizeof why), 0);
    other.loop = daemon.worker.loop;
    for (size_t i = 0; i < 3; i++)
        ck_assert_int_eq(shared_sit(&daemon.crew.shared, i == 0, NULL, &limits, &seat[i], &evictions), 0);
    shared_leave(&daemon.crew.shared, seat[1]);
    server[0].sessions = third->prev = third;
    server[1].sessions = first->prev = first;
    ck_assert_int_eq(method_session_list(&daemon, NS_PER_SEC, params, &result, &error), 0);
    list = json_object_get(result, "sessions");
    ck_assert_uint_eq(json_array_size(list), 1);
    ck_assert_str_eq(text(json_array_get(list, 0), "user"), "alice");
    ck_assert_int_eq(json_integer_value(json_object_get(json_array_get(list, 0), "worker")), 1);
    ck_assert(json_is_false(json_object_get(json_array_get(list, 0), "bonded")));
    ck_assert(json_is_null(json_object_get(json_array_get(list, 0), "scheduler")));
    ck_assert_uint_eq(json_array_size(json_object_get(json_array_get(list, 0), "legs")), 0);
    ck_assert(json_is_true(json_object_get(result, "more")));
    json_decref(result);
    json_object_set_new(params, "after", json_integer(1));
    ck_assert_int_eq(method_session_list(&daemon, NS_PER_SEC, params, &result, &error), 0);
    ck_assert_str_eq(text(json_array_get(json_object_get(result, "sessions"), 0), "user"), "bob");
    ck_assert(json_is_false(json_object_get(result, "more")));
    json_decref(result);
    json_object_set_new(params, "limit", json_integer(0));
    ck_assert_int_lt(method_session_list(&daemon, NS_PER_SEC, params, &result, &error), 0);
    ck_assert_int_eq(error.code, JSONRPC_BAD_VALUE);
    json_decref(params);
    json_object_set_new(params = json_object(), "after", json_integer(0));
    ck_assert_int_eq(method_session_list(&daemon, NS_PER_SEC, params, &result, &error), 0);
    list = json_object_get(result, "sessions");
    ck_assert_uint_eq(json_array_size(list), 2);
    ck_assert_str_eq(text(json_array_get(list, 0), "user"), "alice");
    ck_assert_str_eq(text(json_array_get(list, 1), "user"), "bob");
    json_decref(result);
    json_decref(params);
    /* What explain says of these, of one, and of none. */
    ck_assert_int_eq(method_explain(&daemon, NS_PER_SEC, NULL, &result, &error), 0);
    ck_assert_uint_eq(json_array_size(json_object_get(result, "sessions")), 2);
    json_decref(result);
    params = json_pack("{s:i}", "session", 3);
    ck_assert_int_eq(method_explain(&daemon, NS_PER_SEC, params, &result, &error), 0);
    list = json_object_get(result, "sessions");
    ck_assert_uint_eq(json_array_size(list), 1);
    ck_assert_str_eq(text(json_array_get(list, 0), "user"), "bob");
    ck_assert_uint_eq(json_array_size(json_object_get(json_array_get(list, 0), "paths")), 0);
    json_decref(result);
    json_object_set_new(params, "session", json_integer(2));
    ck_assert_int_eq(method_explain(&daemon, NS_PER_SEC, params, &result, &error), -1);
    ck_assert_int_eq(error.code, JSONRPC_NOT_FOUND);
    config.role = CONFIG_CLIENT;
    ck_assert_int_eq(method_explain(&daemon, NS_PER_SEC, params, &result, &error), -1);
    ck_assert_int_eq(error.code, JSONRPC_BAD_VALUE);
    json_decref(params);
    session_free(first);
    session_free(third);
    shared_leave(&daemon.crew.shared, seat[0]);
    shared_leave(&daemon.crew.shared, seat[2]);
    shared_fini(&daemon.crew.shared);
    loop_free(daemon.worker.loop);
}
END_TEST

int main(void) {
    Suite *suite = suite_create("methods");
    TCase *tc = tcase_create("methods");

    tcase_add_test(tc, a_call_in_order_is_found);
    tcase_add_test(tc, a_call_out_of_order_is_refused_with_its_code);
    tcase_add_test(tc, a_client_that_waits_says_why);
    tcase_add_test(tc, a_client_is_up_while_any_path_is);
    tcase_add_test(tc, paths_are_added_changed_and_removed);
    tcase_add_test(tc, a_method_that_fails_changes_nothing_and_says_why);
    tcase_add_test(tc, there_is_a_limit_to_paths);
    tcase_add_test(tc, the_scheduler_is_changed_and_listed);
    tcase_add_test(tc, a_servers_scheduler_is_that_of_its_sessions_to_come);
    tcase_add_test(tc, what_bonding_did_is_shown);
    tcase_add_test(tc, statistics_name_every_reason_of_a_drop);
    tcase_add_test(tc, the_numbers_of_statistics_are_those_of_the_vocabulary);
    tcase_add_test(tc, sessions_are_listed_by_number_in_portions);
    suite_add_tcase(suite, tc);
    return suite_run(suite);
}
