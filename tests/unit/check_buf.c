/* SPDX-License-Identifier: GPL-2.0-or-later */
/* check_buf: the pool of packet buffers. */
#include "packet/buf.h"

#include <check.h>
#include <stdlib.h>
#include <string.h>

#include "tests/unit/suite.h"

static struct buf_pool *pool_of(size_t a, size_t b, size_t c, size_t d) {
    struct buf_pool *pool =
        buf_pool_new(&(struct buf_pool_settings){.count = {a, b, c, [BUF_18432] = d, [BUF_LARGE] = d}});

    ck_assert_ptr_nonnull(pool);
    return pool;
}

START_TEST(smallest_class_that_fits_is_taken) {
    static const struct {
        size_t want, capacity;
    } cases[] = {{0, 256},
                 {256, 256},
                 {257, 2048},
                 {2049, 9216},
                 {9217, 18432},
                 {18432, 18432},
                 {36865, BUF_LARGE_BYTES},
                 {BUF_LARGE_BYTES, BUF_LARGE_BYTES}};
    struct buf_pool *pool = pool_of(2, 1, 1, 2);
    struct buf *held[8];

    for (size_t i = 0; i < 8; i++) {
        held[i] = buf_get(pool, cases[i].want);
        ck_assert_uint_eq(held[i]->capacity, cases[i].capacity);
        memset(held[i]->data, (int)i, held[i]->capacity);
    }
    for (size_t i = 0; i < 8; i++) {
        ck_assert_uint_eq(held[i]->data[0], i);
        ck_assert_uint_eq(held[i]->data[held[i]->capacity - 1], i);
        buf_unref(held[i]);
    }
    ck_assert_ptr_null(buf_get(pool, BUF_LARGE_BYTES + 1));
    buf_pool_free(pool);
}
END_TEST

START_TEST(larger_class_serves_when_one_is_empty) {
    struct buf_pool *pool = pool_of(1, 0, 1, 0);
    struct buf *a = buf_get(pool, 10), *b = buf_get(pool, 10);

    ck_assert_uint_eq(a->capacity, 256);
    ck_assert_uint_eq(b->capacity, 9216);
    ck_assert_ptr_null(buf_get(pool, 10));
    buf_unref(a);
    buf_unref(b);
    buf_pool_free(pool);
}
END_TEST

START_TEST(last_reference_gives_back_and_last_given_comes_first) {
    struct buf_pool *pool = pool_of(3, 0, 0, 0);
    struct buf *a = buf_get(pool, 1), *b = buf_get(pool, 1);

    ck_assert_ptr_eq(buf_ref(a), a);
    buf_unref(a);
    ck_assert_uint_eq(buf_pool_used(pool, BUF_256), 2);
    buf_unref(a);
    ck_assert_uint_eq(buf_pool_used(pool, BUF_256), 1);
    ck_assert_uint_eq(buf_pool_size(pool, BUF_256), 3);
    ck_assert_ptr_eq(buf_get(pool, 1), a);
    ck_assert_uint_eq(a->references, 1);
    buf_unref(a);
    buf_unref(b);
    buf_unref(NULL);
    buf_pool_free(pool);
    buf_pool_free(NULL);
}
END_TEST

int main(void) {
    Suite *suite = suite_create("buf");
    TCase *tc = tcase_create("buf");

    tcase_add_test(tc, smallest_class_that_fits_is_taken);
    tcase_add_test(tc, larger_class_serves_when_one_is_empty);
    tcase_add_test(tc, last_reference_gives_back_and_last_given_comes_first);
    suite_add_tcase(suite, tc);
    return suite_run(suite);
}
