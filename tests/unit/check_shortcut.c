/* SPDX-License-Identifier: GPL-2.0-or-later */
/* check_shortcut: what is put in place of functions inside ngtcp2 gives their results. */
#include <check.h>
#include <ngtcp2/ngtcp2.h>
#include <string.h>

#include "tests/unit/make_packet.h"
#include "tests/unit/suite.h"

#define PAIRS 20000

int __wrap_ngtcp2_cid_less(const ngtcp2_cid *one, const ngtcp2_cid *other);
int __real_ngtcp2_cid_less(const ngtcp2_cid *one, const ngtcp2_cid *other);
int __wrap_ngtcp2_cid_eq(const ngtcp2_cid *one, const ngtcp2_cid *other);
int __real_ngtcp2_cid_eq(const ngtcp2_cid *one, const ngtcp2_cid *other);

/* Few values, so that many begin alike. */
static void make(uint64_t *seed, ngtcp2_cid *cid) {
    uint8_t length;

    made_fill(seed, &length, 1);
    made_fill(seed, cid->data, sizeof cid->data);
    cid->datalen = length % (NGTCP2_MAX_CIDLEN + 1);
    for (size_t i = 0; i < sizeof cid->data; i++) {
        cid->data[i] = cid->data[i] < 16 ? 255 : cid->data[i] < 32;
    }
}

START_TEST(connection_ids_compare_as_in_ngtcp2) {
    uint64_t seed = 1;
    ngtcp2_cid one, other;

    for (unsigned i = 0; i < PAIRS; i++) {
        make(&seed, &one);
        make(&seed, &other);
        if (i % 4 == 0) {
            other = one;
        } else if (i % 4 == 1) {
            other.datalen = one.datalen;
        }
        if (i % 8 == 0 && other.datalen > 0) {
            other.data[i % other.datalen] ^= 0x80;
        }
        ck_assert_int_eq(__wrap_ngtcp2_cid_less(&one, &other), __real_ngtcp2_cid_less(&one, &other));
        ck_assert_int_eq(__wrap_ngtcp2_cid_less(&other, &one), __real_ngtcp2_cid_less(&other, &one));
        ck_assert_int_eq(__wrap_ngtcp2_cid_eq(&one, &other), __real_ngtcp2_cid_eq(&one, &other));
    }
}
END_TEST

int main(void) {
    TCase *tc = tcase_create("shortcut");
    Suite *suite = suite_create("shortcut");

    tcase_add_test(tc, connection_ids_compare_as_in_ngtcp2);
    suite_add_tcase(suite, tc);
    return suite_run(suite);
}
