/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Unit tests of bond/control: the session's capsules through the stream's decoder and back, and their order. */
#include "bond/control.h"

#include <check.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "masque/capsule.h"
#include "tests/unit/suite.h"

enum { ROLE_WITHOUT_FLAGS = 9, ROLE_WITHOUT_RATE = 10 }; /* bytes of a role's value */

static struct control_capsule role(uint8_t leg, uint32_t serial) {
    return (struct control_capsule){
        .type = CONTROL_LEG_ROLE,
        .leg = leg,
        .serial = serial,
        .role = {.state = CONTROL_STANDBY, .priority = 3, .weight = 500, .when_full = true, .rate_kbps = 20000}};
}

static struct control_capsule word(uint64_t type, const char *text) {
    struct control_capsule capsule = {.type = type, .leg = CONTROL_LEG_NONE, .serial = 9};

    ck_assert_uint_lt(strlen(text), sizeof capsule.word);
    strcpy(capsule.word, text);
    return capsule;
}

static struct control_capsule report(uint64_t packets) {
    return (struct control_capsule){
        .type = CONTROL_LEG_REPORT, .leg = 2, .serial = 8, .report = {packets, 1ull << 40, 63, 64, 0}};
}

START_TEST(a_role_may_end_before_what_came_later) {
    static const uint8_t bytes[] = {2, 0, 0, 0, 7, CONTROL_STANDBY, 3, 1, 244, 1, 0, 0, 78, 32};
    struct control_capsule out;

    ck_assert_int_eq(control_decode(CONTROL_LEG_ROLE, bytes, ROLE_WITHOUT_FLAGS, &out), 0);
    ck_assert(!out.role.when_full && out.role.rate_kbps == 0 && out.role.weight == 500);
    ck_assert_int_eq(control_decode(CONTROL_LEG_ROLE, bytes, ROLE_WITHOUT_RATE, &out), 0);
    ck_assert(out.role.when_full && out.role.rate_kbps == 0);
    ck_assert_int_eq(control_decode(CONTROL_LEG_ROLE, bytes, sizeof bytes, &out), 0);
    ck_assert(out.role.when_full && out.role.rate_kbps == 20000);
}
END_TEST

/** Encode, and decode the value. */
static void check_same(struct control_capsule capsule) {
    uint8_t bytes[CONTROL_MAX];
    struct control_capsule out;
    uint64_t type, length;
    size_t total = control_encode(&capsule, bytes, sizeof bytes), at = varint_read(bytes, total, &type);

    ck_assert_uint_gt(total, 0);
    at += varint_read(bytes + at, total - at, &length);
    ck_assert_uint_eq(type, capsule.type);
    ck_assert_uint_eq(at + length, total);
    memset(&out, 0xee, sizeof out);
    ck_assert_int_eq(control_decode(type, bytes + at, length, &out), 0);
    ck_assert_uint_eq(out.leg, capsule.leg);
    ck_assert_uint_eq(out.serial, capsule.serial);
    if (type == CONTROL_LEG_ROLE) {
        ck_assert_uint_eq(out.role.state, capsule.role.state);
        ck_assert_uint_eq(out.role.priority, capsule.role.priority);
        ck_assert_uint_eq(out.role.weight, capsule.role.weight);
        ck_assert_uint_eq(out.role.when_full, capsule.role.when_full);
        ck_assert_uint_eq(out.role.rate_kbps, capsule.role.rate_kbps);
    } else if (type == CONTROL_LEG_REPORT) {
        ck_assert_mem_eq(&out.report, &capsule.report, sizeof out.report);
    } else if (type == CONTROL_ARRIVED) {
        ck_assert_uint_eq(out.arrived.first, capsule.arrived.first);
        ck_assert_uint_eq(out.arrived.count, capsule.arrived.count);
        ck_assert_mem_eq(out.arrived.runs, capsule.arrived.runs, out.arrived.count * sizeof *out.arrived.runs);
    } else {
        ck_assert_str_eq(out.word, capsule.word);
    }
    /* Any cut is refused; bytes after it are ignored; no room is told. */
    for (size_t cut = 0; cut < length; cut++)
        if (type != CONTROL_LEG_ROLE || (cut != ROLE_WITHOUT_FLAGS && cut != ROLE_WITHOUT_RATE))
            ck_assert_int_eq(control_decode(type, bytes + at, cut, &out), -EBADMSG);
    for (size_t room = 0; room < total; room++)
        ck_assert_uint_eq(control_encode(&capsule, bytes, room), 0);
    bytes[total] = 0xff;
    ck_assert_int_eq(control_decode(type, bytes + at, length + 1, &out), 0);
}

/** Which packets have come, in so many runs of a length; the first is of none if that is 0. */
static struct control_capsule arrived(uint8_t count, uint32_t first_run, uint32_t run) {
    struct control_capsule capsule = {.type = CONTROL_ARRIVED,
                                      .leg = CONTROL_LEG_NONE,
                                      .serial = 5,
                                      .arrived = {.first = 0xfffffff0u, .count = count}};

    for (unsigned i = 0; i < count; i++)
        capsule.arrived.runs[i] = i ? run : first_run;
    return capsule;
}

START_TEST(capsules_come_back_as_they_were) {
    check_same(role(0, 0));
    check_same(role(254, UINT32_MAX));
    check_same(word(CONTROL_SCHEDULER, "minrtt"));
    check_same(word(CONTROL_CLOSE, CONTROL_REPLACED));
    check_same(word(CONTROL_CLOSE, "a-reason_of_exactly_thirty-two-b"));
    check_same(report(0));
    check_same(report((1ull << 62) - 1));
    check_same(arrived(0, 0, 0));
    check_same(arrived(1, 77, 0));
    check_same(arrived(3, 0, 1));
    check_same(arrived(CONTROL_RUNS_MAX, CONTROL_RUN_MAX, CONTROL_RUN_MAX));
}
END_TEST

START_TEST(longest_capsule_fits_its_bound) {
    struct control_capsule longest = {
        .type = CONTROL_LEG_REPORT,
        .report = {(1ull << 62) - 1, (1ull << 62) - 1, (1ull << 62) - 1, (1ull << 62) - 1, (1ull << 62) - 1}};
    uint8_t bytes[CONTROL_MAX];

    ck_assert_uint_eq(control_encode(&longest, bytes, sizeof bytes), 4 + 1 + 5 + 40);
    longest = arrived(CONTROL_RUNS_MAX, CONTROL_RUN_MAX, CONTROL_RUN_MAX);
    ck_assert_uint_eq(control_encode(&longest, bytes, sizeof bytes), 4 + 2 + 5 + 5 + 4 * CONTROL_RUNS_MAX);
}
END_TEST

START_TEST(layout_is_as_specified) {
    static const uint8_t expected[] = {0xad, 0x6d, 0x76, 0x70, 14,   7, 0x01, 0x02, 0x03, 0x04,
                                       1,    3,    0x01, 0xf4, 0x01, 0, 0,    0x4e, 0x20};
    struct control_capsule capsule = role(7, 0x01020304);
    uint8_t bytes[CONTROL_MAX];

    ck_assert_uint_eq(control_encode(&capsule, bytes, sizeof bytes), sizeof expected);
    ck_assert_mem_eq(bytes, expected, sizeof expected);
}
END_TEST

START_TEST(faulty_contents_are_refused_both_ways) {
    struct control_capsule capsule, out;
    uint8_t bytes[CONTROL_MAX];
    static const struct {
        uint64_t type;
        int error;
        const char *value;
        size_t length;
    } values[] = {
        {0x1234, -ENOENT, "\0\0\0\0\0\0\0\0\0", 9},
        {CONTROL_LEG_ROLE - 1, -ENOENT, "\0\0\0\0\0\0\0\0\0", 9},
        {CONTROL_ARRIVED + 1, -ENOENT, "\xff\0\0\0\0\1a", 7},
        {CONTROL_LEG_ROLE, -EBADMSG, "\xff\0\0\0\0\0\0\0\0", 9},                                    /* no leg */
        {CONTROL_LEG_ROLE, -EBADMSG, "\0\0\0\0\0\4\0\0\0", 9},                                      /* no such state */
        {CONTROL_CLOSE, -EBADMSG, "\0\0\0\0\0\1a", 7},                                              /* of one leg */
        {CONTROL_CLOSE, -EBADMSG, "\xff\0\0\0\0\0", 6},                                             /* empty */
        {CONTROL_CLOSE, -EBADMSG, "\xff\0\0\0\0\1A", 7},                                            /* not a word */
        {CONTROL_CLOSE, -EBADMSG, "\xff\0\0\0\0\2a\n", 8},                                          /* likewise */
        {CONTROL_SCHEDULER, -EBADMSG, "\xff\0\0\0\0\2a\0", 8},                                      /* likewise */
        {CONTROL_CLOSE, -EBADMSG, "\xff\0\0\0\0\41aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa", 39},          /* too long */
        {CONTROL_ARRIVED, -EBADMSG, "\0\0\0\0\0\0\0\0\0\0", 10},                                    /* of one leg */
        {CONTROL_ARRIVED, -EBADMSG, "\xff\0\0\0\0\0\0\0\0\2\1\0", 12},                              /* a run of none */
        {CONTROL_ARRIVED, -EBADMSG, "\xff\0\0\0\0\0\0\0\0\20\1\1\1\1\1\1\1\1\1\1\1\1\1\1\1\1", 26}, /* too many */
        {CONTROL_ARRIVED, -EBADMSG, "\xff\0\0\0\0\0\0\0\0\1\xc0\0\0\0\x40\0\0\0", 18},              /* too long a run */
        {CONTROL_ARRIVED, 0, "\xff\0\0\0\0\0\0\0\0\2\0\1", 12},
        {CONTROL_CLOSE, 0, "\xff\0\0\0\0\1a", 7},
    };

    for (size_t i = 0; i < sizeof values / sizeof *values; i++)
        ck_assert_int_eq(control_decode(values[i].type, (const uint8_t *)values[i].value, values[i].length, &out),
                         values[i].error);
    capsule = role(CONTROL_LEG_NONE, 1);
    ck_assert_uint_eq(control_encode(&capsule, bytes, sizeof bytes), 0);
    capsule = role(1, 1);
    capsule.role.state = CONTROL_STATES;
    ck_assert_uint_eq(control_encode(&capsule, bytes, sizeof bytes), 0);
    capsule.type = CAPSULE_ADDRESS_ASSIGN;
    ck_assert_uint_eq(control_encode(&capsule, bytes, sizeof bytes), 0);
    capsule = word(CONTROL_CLOSE, "");
    ck_assert_uint_eq(control_encode(&capsule, bytes, sizeof bytes), 0);
    capsule = arrived(2, 1, 0);
    ck_assert_uint_eq(control_encode(&capsule, bytes, sizeof bytes), 0);
    capsule = arrived(2, 1, CONTROL_RUN_MAX + 1);
    ck_assert_uint_eq(control_encode(&capsule, bytes, sizeof bytes), 0);
    capsule = arrived(0, 0, 0);
    capsule.arrived.count = CONTROL_RUNS_MAX + 1;
    ck_assert_uint_eq(control_encode(&capsule, bytes, sizeof bytes), 0);
    capsule = word(CONTROL_CLOSE, "two words");
    ck_assert_uint_eq(control_encode(&capsule, bytes, sizeof bytes), 0);
    capsule = word(CONTROL_CLOSE, "done");
    capsule.leg = 0;
    ck_assert_uint_eq(control_encode(&capsule, bytes, sizeof bytes), 0);
    memset(capsule.word, 'a', sizeof capsule.word);
    capsule.leg = CONTROL_LEG_NONE;
    ck_assert_uint_eq(control_encode(&capsule, bytes, sizeof bytes), 0);
    capsule = report(1ull << 62);
    ck_assert_uint_eq(control_encode(&capsule, bytes, sizeof bytes), 0);
}
END_TEST

START_TEST(only_what_is_newer_of_its_kind_and_leg_counts) {
    struct control_serials *serials = calloc(1, sizeof *serials);
    struct control_capsule capsule = role(3, 0xfffffffe), other = report(1);

    ck_assert(control_is_news(serials, &capsule));
    ck_assert(!control_is_news(serials, &capsule));
    capsule.serial = 0xfffffffd;
    ck_assert(!control_is_news(serials, &capsule));
    capsule.serial = 2;
    ck_assert(control_is_news(serials, &capsule));
    capsule.serial = 0xffffffff;
    ck_assert(!control_is_news(serials, &capsule));
    /* Another leg's, overtaken on the way, and another kind still count. */
    capsule.leg = 4;
    ck_assert(control_is_news(serials, &capsule));
    other.leg = 3;
    other.serial = 1;
    ck_assert(control_is_news(serials, &other));
    other = word(CONTROL_CLOSE, "done");
    other.serial = 0;
    ck_assert(control_is_news(serials, &other));
    ck_assert(!control_is_news(serials, &other));
    other.type = CAPSULE_DATAGRAM;
    ck_assert(!control_is_news(serials, &other));
    control_serials_fini(serials);
    free(serials);
}
END_TEST

START_TEST(states_have_names) {
    ck_assert_str_eq(control_leg_state_name(CONTROL_UP), "up");
    ck_assert_str_eq(control_leg_state_name(CONTROL_DOWN), "down");
    ck_assert_str_eq(control_leg_state_name(CONTROL_STATES), "unknown");
}
END_TEST

int main(void) {
    Suite *suite = suite_create("control");
    TCase *tests = tcase_create("control");

    tcase_add_test(tests, capsules_come_back_as_they_were);
    tcase_add_test(tests, a_role_may_end_before_what_came_later);
    tcase_add_test(tests, longest_capsule_fits_its_bound);
    tcase_add_test(tests, layout_is_as_specified);
    tcase_add_test(tests, faulty_contents_are_refused_both_ways);
    tcase_add_test(tests, only_what_is_newer_of_its_kind_and_leg_counts);
    tcase_add_test(tests, states_have_names);
    suite_add_tcase(suite, tests);
    return suite_run(suite);
}
