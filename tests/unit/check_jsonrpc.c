/* SPDX-License-Identifier: GPL-2.0-or-later */
/* check_jsonrpc: lines in, answers out, by JSON-RPC 2.0's own examples and some worse. */
#include "common/jsonrpc.h"

#include <check.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "tests/unit/suite.h"

/* "echo" gives its params back, "fail" refuses, everything else is unknown. The context counts calls. */
static int call(void *context, const char *method, const json_t *params, json_t **result, struct jsonrpc_error *error) {
    ++*(int *)context;
    if (strcmp(method, "fail") == 0)
        return jsonrpc_fail(error, JSONRPC_NOT_FOUND, "there is no %s", "spoon");
    if (strcmp(method, "echo") != 0)
        return jsonrpc_fail(error, JSONRPC_METHOD, "no method %s", method);
    *result = params ? json_deep_copy(params) : json_null();
    return 0;
}

static void expect(const char *line, const char *answer, int calls) {
    int count = 0;
    char *text = jsonrpc_answer(line, strlen(line), call, &count);

    ck_assert_pstr_eq(text, answer);
    ck_assert_int_eq(count, calls);
    free(text);
}

/* The answer is an error of this code, with this id, and data.reason and message are there. */
static void expect_error(const char *line, int code, const char *id) {
    int count = 0;
    char *text = jsonrpc_answer(line, strlen(line), call, &count), *id_text;
    json_t *answer = json_loads(text ? text : "", 0, NULL), *error = json_object_get(answer, "error");

    ck_assert_msg(json_integer_value(json_object_get(error, "code")) == code, "%s gave %s", line,
                  text ? text : "nothing");
    ck_assert(json_is_string(json_object_get(error, "message")));
    ck_assert_str_eq(json_string_value(json_object_get(json_object_get(error, "data"), "reason")),
                     jsonrpc_reason((enum jsonrpc_code)code));
    id_text = json_dumps(json_object_get(answer, "id"), JSON_ENCODE_ANY);
    ck_assert_str_eq(id_text, id);
    free(id_text);
    json_decref(answer);
    free(text);
}

START_TEST(a_request_is_answered_under_its_id) {
    expect("{\"jsonrpc\":\"2.0\",\"method\":\"echo\",\"params\":{\"a\":[1,2]},\"id\":\"x\"}",
           "{\"jsonrpc\":\"2.0\",\"result\":{\"a\":[1,2]},\"id\":\"x\"}", 1);
    expect(" {\"jsonrpc\":\"2.0\",\"method\":\"echo\",\"id\":null}\r",
           "{\"jsonrpc\":\"2.0\",\"result\":null,\"id\":null}", 1);
}
END_TEST

START_TEST(a_notification_is_carried_out_and_not_answered) {
    expect("{\"jsonrpc\":\"2.0\",\"method\":\"echo\"}", NULL, 1);
    expect("{\"jsonrpc\":\"2.0\",\"method\":\"fail\"}", NULL, 1);
    expect("[{\"jsonrpc\":\"2.0\",\"method\":\"echo\"},{\"jsonrpc\":\"2.0\",\"method\":\"echo\"}]", NULL, 2);
}
END_TEST

START_TEST(a_batch_is_answered_in_order_without_its_notifications) {
    expect("[{\"jsonrpc\":\"2.0\",\"method\":\"echo\",\"id\":1},{\"jsonrpc\":\"2.0\",\"method\":\"echo\"},{\"jsonrpc\":"
           "\"2.0\",\"method\":\"echo\",\"id\":2}]",
           "[{\"jsonrpc\":\"2.0\",\"result\":null,\"id\":1},{\"jsonrpc\":\"2.0\",\"result\":null,\"id\":2}]", 3);
}
END_TEST

START_TEST(invalid_members_of_a_batch_are_answered_each) {
    const char *line = "[1,2,3]";
    int count = 0;
    char *text = jsonrpc_answer(line, strlen(line), call, &count);
    json_t *answer = json_loads(text, 0, NULL);

    ck_assert_uint_eq(json_array_size(answer), 3);
    ck_assert_int_eq(count, 0);
    json_decref(answer);
    free(text);
}
END_TEST

START_TEST(a_batch_of_more_than_64_is_refused_whole) {
    char line[256] = "[1";
    int count = 0;

    for (unsigned i = 1; i < 64; i++)
        strcat(line, ",1");
    for (unsigned requests = 64; requests <= 65; requests++) {
        json_t *answer;
        char *text;

        strcat(line, "]");
        text = jsonrpc_answer(line, strlen(line), call, &count);
        answer = json_loads(text, 0, NULL);
        if (requests == 64)
            ck_assert_uint_eq(json_array_size(answer), 64);
        else
            ck_assert_int_eq(json_integer_value(json_object_get(json_object_get(answer, "error"), "code")),
                             JSONRPC_REQUEST);
        json_decref(answer);
        free(text);
        strcpy(strchr(line, ']'), ",1");
    }
}
END_TEST

START_TEST(faults_get_the_codes_of_the_standard) {
    expect_error("", JSONRPC_PARSE, "null");
    expect_error("{\"jsonrpc\":\"2.0\",\"method\":\"echo", JSONRPC_PARSE, "null");
    expect_error("{\"jsonrpc\":\"2.0\",\"method\":\"echo\",\"method\":\"fail\",\"id\":1}", JSONRPC_PARSE, "null");
    expect_error("\xff\xfe", JSONRPC_PARSE, "null");
    expect_error("[]", JSONRPC_REQUEST, "null");
    expect_error("17", JSONRPC_REQUEST, "null");
    expect_error("{\"method\":\"echo\",\"id\":1}", JSONRPC_REQUEST, "1");
    expect_error("{\"jsonrpc\":\"1.0\",\"method\":\"echo\",\"id\":1}", JSONRPC_REQUEST, "1");
    expect_error("{\"jsonrpc\":\"2.0\",\"method\":1,\"params\":\"bar\"}", JSONRPC_REQUEST, "null");
    expect_error("{\"jsonrpc\":\"2.0\",\"method\":\"echo\",\"params\":\"bar\",\"id\":1}", JSONRPC_REQUEST, "1");
    expect_error("{\"jsonrpc\":\"2.0\",\"method\":\"echo\",\"id\":{}}", JSONRPC_REQUEST, "null");
    expect_error("{\"jsonrpc\":\"2.0\",\"method\":\"nonsense\",\"id\":5}", JSONRPC_METHOD, "5");
    expect_error("{\"jsonrpc\":\"2.0\",\"method\":\"fail\",\"id\":5}", JSONRPC_NOT_FOUND, "5");
}
END_TEST

START_TEST(nesting_without_end_is_a_parse_error) {
    char line[60001];

    memset(line, '[', sizeof line - 1);
    line[sizeof line - 1] = '\0';
    expect_error(line, JSONRPC_PARSE, "null");
}
END_TEST

START_TEST(request_lines_and_answers_fit_together) {
    json_t *params = json_pack("{s:s}", "name", "b\nob"), *result = NULL;
    char *line = jsonrpc_request_line(7, "echo", params), *answer;
    struct jsonrpc_error error;
    int count = 0;

    ck_assert_ptr_null(strchr(line, '\n'));
    answer = jsonrpc_answer(line, strlen(line), call, &count);
    ck_assert_int_eq(jsonrpc_read_answer(answer, strlen(answer), &result, &error), 0);
    ck_assert(json_equal(result, params));
    json_decref(result);
    json_decref(params);
    free(answer);
    free(line);
}
END_TEST

START_TEST(an_error_answer_is_read_with_code_and_message) {
    const char *line = "{\"jsonrpc\":\"2.0\",\"method\":\"fail\",\"id\":1}";
    json_t *result = NULL;
    struct jsonrpc_error error;
    int count = 0;
    char *answer = jsonrpc_answer(line, strlen(line), call, &count);

    ck_assert_int_eq(jsonrpc_read_answer(answer, strlen(answer), &result, &error), -1);
    ck_assert_int_eq(error.code, JSONRPC_NOT_FOUND);
    ck_assert_str_eq(error.message, "there is no spoon");
    ck_assert_int_eq(jsonrpc_read_answer("{}", 2, &result, &error), -EBADMSG);
    ck_assert_int_eq(jsonrpc_read_answer("hello", 5, &result, &error), -EBADMSG);
    free(answer);
}
END_TEST

int main(void) {
    Suite *suite = suite_create("jsonrpc");
    TCase *tc = tcase_create("jsonrpc");

    tcase_add_test(tc, a_request_is_answered_under_its_id);
    tcase_add_test(tc, a_notification_is_carried_out_and_not_answered);
    tcase_add_test(tc, a_batch_is_answered_in_order_without_its_notifications);
    tcase_add_test(tc, invalid_members_of_a_batch_are_answered_each);
    tcase_add_test(tc, a_batch_of_more_than_64_is_refused_whole);
    tcase_add_test(tc, faults_get_the_codes_of_the_standard);
    tcase_add_test(tc, nesting_without_end_is_a_parse_error);
    tcase_add_test(tc, request_lines_and_answers_fit_together);
    tcase_add_test(tc, an_error_answer_is_read_with_code_and_message);
    suite_add_tcase(suite, tc);
    return suite_run(suite);
}
