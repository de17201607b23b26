/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Unit tests of quic/cidtable. */
#include "quic/cidtable.h"

#include <check.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "tests/unit/draw.h"
#include "tests/unit/suite.h"

static const uint8_t key[16] = {1, 2, 3};

static struct conn_cid make_cid(uint32_t n, uint8_t length) {
    struct conn_cid cid = {.length = length};

    for (uint8_t i = 0; i < length; i++)
        cid.bytes[i] = (uint8_t)(n >> (8 * (i % 4)));
    return cid;
}

START_TEST(an_added_id_is_found_until_it_is_removed) {
    struct cidtable *table = cidtable_new(key);
    struct conn_cid cid = make_cid(77, CONN_CID_BYTES);
    int owner;

    ck_assert_ptr_null(cidtable_find(table, &cid));
    ck_assert_int_eq(cidtable_add(table, &cid, &owner), 0);
    ck_assert_ptr_eq(cidtable_find(table, &cid), &owner);
    cidtable_remove(table, &cid);
    cidtable_remove(table, &cid);
    ck_assert_ptr_null(cidtable_find(table, &cid));
    cidtable_free(table);
}
END_TEST

START_TEST(an_id_has_one_owner) {
    struct cidtable *table = cidtable_new(key);
    struct conn_cid cid = make_cid(5, 8);
    int a, b;

    ck_assert_int_eq(cidtable_add(table, &cid, &a), 0);
    ck_assert_int_eq(cidtable_add(table, &cid, &a), 0);
    ck_assert_int_eq(cidtable_add(table, &cid, &b), -EEXIST);
    ck_assert_ptr_eq(cidtable_find(table, &cid), &a);
    cidtable_free(table);
}
END_TEST

START_TEST(ids_that_differ_only_in_length_are_different) {
    struct cidtable *table = cidtable_new(key);
    int owners[CONN_CID_MAX + 1];

    for (uint8_t length = 0; length <= CONN_CID_MAX; length++) {
        struct conn_cid cid = make_cid(0, length);

        ck_assert_int_eq(cidtable_add(table, &cid, &owners[length]), 0);
    }
    for (uint8_t length = 0; length <= CONN_CID_MAX; length++) {
        struct conn_cid cid = make_cid(0, length);

        ck_assert_ptr_eq(cidtable_find(table, &cid), &owners[length]);
    }
    cidtable_free(table);
}
END_TEST

START_TEST(a_table_agrees_with_a_list_through_many_additions_and_removals) {
    enum { IDS = 5000, STEPS = 60000 };
    static int owners[IDS];
    static bool present[IDS];
    struct cidtable *table = cidtable_new(key);

    for (int step = 0; step < STEPS; step++) {
        uint32_t n = draw() % IDS;
        struct conn_cid cid = make_cid(n, CONN_CID_BYTES);

        if (present[n])
            cidtable_remove(table, &cid);
        else
            ck_assert_int_eq(cidtable_add(table, &cid, &owners[n]), 0);
        present[n] = !present[n];
    }
    for (uint32_t n = 0; n < IDS; n++) {
        struct conn_cid cid = make_cid(n, CONN_CID_BYTES);

        ck_assert_ptr_eq(cidtable_find(table, &cid), present[n] ? &owners[n] : NULL);
    }
    cidtable_free(table);
}
END_TEST

int main(void) {
    Suite *suite = suite_create("cidtable");
    TCase *tc = tcase_create("cidtable");

    tcase_add_test(tc, an_added_id_is_found_until_it_is_removed);
    tcase_add_test(tc, an_id_has_one_owner);
    tcase_add_test(tc, ids_that_differ_only_in_length_are_different);
    tcase_add_test(tc, a_table_agrees_with_a_list_through_many_additions_and_removals);
    suite_add_tcase(suite, tc);
    return suite_run(suite);
}
