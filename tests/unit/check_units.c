/* SPDX-License-Identifier: GPL-2.0-or-later */
/* check_units: quantities as people write and read them; suggestions; log levels and drop names. */
#include "common/units.h"

#include <check.h>
#include <errno.h>

#include "common/clock.h"
#include "common/drop.h"
#include "common/log.h"
#include "common/suggest.h"
#include "tests/unit/suite.h"

START_TEST(sizes_take_powers_of_1024) {
    uint64_t n;

    ck_assert_int_eq(units_parse_size("64K", &n), 0);
    ck_assert_uint_eq(n, 65536);
    ck_assert_int_eq(units_parse_size(" 1.5 MiB ", &n), 0);
    ck_assert_uint_eq(n, 1572864);
    ck_assert_int_eq(units_parse_size("0", &n), 0);
    ck_assert_uint_eq(n, 0);
    ck_assert_int_eq(units_parse_size("512 B", &n), 0);
    ck_assert_uint_eq(n, 512);
}
END_TEST

START_TEST(durations_add_up) {
    uint64_t n;

    ck_assert_int_eq(units_parse_duration("5 s", &n), 0);
    ck_assert_uint_eq(n, 5 * NS_PER_SEC);
    ck_assert_int_eq(units_parse_duration("100ms", &n), 0);
    ck_assert_uint_eq(n, 100 * NS_PER_MS);
    ck_assert_int_eq(units_parse_duration("3 h 12 min", &n), 0);
    ck_assert_uint_eq(n, (3 * 3600 + 12 * 60) * NS_PER_SEC);
    ck_assert_int_eq(units_parse_duration("0.5", &n), 0);
    ck_assert_uint_eq(n, NS_PER_SEC / 2);
}
END_TEST

START_TEST(rates_take_powers_of_1000) {
    uint64_t n;

    ck_assert_int_eq(units_parse_rate("20 Mbit/s", &n), 0);
    ck_assert_uint_eq(n, 20000000);
    ck_assert_int_eq(units_parse_rate("2.5G", &n), 0);
    ck_assert_uint_eq(n, 2500000000u);
}
END_TEST

START_TEST(text_that_is_no_quantity_is_refused) {
    static const char *const texts[] = {"",   " ",         "K",     "-1",      "1..2", "1.",
                                        ".5", "5 parsecs", "5 s s", "1 K 2 K", "0x10", "1e3"};
    uint64_t n = 7;

    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++) {
        ck_assert_msg(units_parse_size(texts[i], &n) == -EINVAL, "size %s", texts[i]);
        ck_assert_msg(units_parse_rate(texts[i], &n) == -EINVAL, "rate %s", texts[i]);
        ck_assert_msg(units_parse_duration(texts[i], &n) == -EINVAL, "duration %s", texts[i]);
    }
    ck_assert_uint_eq(n, 7);
}
END_TEST

START_TEST(quantities_past_64_bits_are_refused) {
    uint64_t n = 7;

    ck_assert_int_eq(units_parse_size("18446744073709551616", &n), -ERANGE);
    ck_assert_int_eq(units_parse_size("16777216.5 T", &n), -ERANGE);
    ck_assert_int_eq(units_parse_duration("213504 d", &n), -ERANGE);
    ck_assert_int_eq(units_parse_duration("213503 d 24 h", &n), -ERANGE);
    ck_assert_uint_eq(n, 7);
    ck_assert_int_eq(units_parse_size("18446744073709551615", &n), 0);
    ck_assert_uint_eq(n, UINT64_MAX);
}
END_TEST

START_TEST(durations_print_their_two_largest_units) {
    char text[UNITS_TEXT_MAX];

    ck_assert_str_eq(units_print_duration(0, text), "0 s");
    ck_assert_str_eq(units_print_duration(59 * NS_PER_SEC, text), "59 s");
    ck_assert_str_eq(units_print_duration((41 * 60 + 59) * NS_PER_SEC, text), "41 min");
    ck_assert_str_eq(units_print_duration((3 * 60 + 12) * 60 * NS_PER_SEC, text), "3 h 12 min");
    ck_assert_str_eq(units_print_duration(3600 * NS_PER_SEC, text), "1 h");
    ck_assert_str_eq(units_print_duration((2 * 24 + 5) * 3600 * NS_PER_SEC, text), "2 d 5 h");
    ck_assert_str_eq(units_print_duration(UINT64_MAX, text), "213503 d 23 h");
}
END_TEST

START_TEST(bytes_and_rates_print_with_the_prefix_that_fits) {
    char text[UNITS_TEXT_MAX];

    ck_assert_str_eq(units_print_bytes(999, text), "999 B");
    ck_assert_str_eq(units_print_bytes(1000, text), "1.0 kB");
    ck_assert_str_eq(units_print_bytes(999960, text), "1.0 MB");
    ck_assert_str_eq(units_print_bytes(12400000000u, text), "12.4 GB");
    ck_assert_str_eq(units_print_bytes(UINT64_MAX, text), "18.4 EB");
    ck_assert_str_eq(units_print_ms(11240, text), "11.2 ms");
    ck_assert_str_eq(units_print_rate(64000, text), "64 kbit/s");
    ck_assert_str_eq(units_print_rate(999999, text), "1 Mbit/s");
    ck_assert_str_eq(units_print_rate(1500000, text), "1.5 Mbit/s");
    ck_assert_str_eq(units_print_rate(1000000000000u, text), "1 Tbit/s");
}
END_TEST

START_TEST(a_near_word_is_suggested_and_a_far_one_not) {
    static const char *const words[] = {"Listen", "Certificate", "PrivateKey", "Pool"};
    static const struct {
        const char *typed, *meant;
    } cases[] = {{"Lisen", "Listen"}, {"certificate", "Certificate"}, {"Pol", "Pool"}, {"Bandwidth", NULL}, {"", NULL}};

    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct suggest suggest = {0};

        for (size_t j = 0; j < sizeof words / sizeof *words; j++)
            suggest_offer(&suggest, cases[i].typed, words[j]);
        ck_assert_pstr_eq(suggest.best, cases[i].meant);
    }
}
END_TEST

START_TEST(log_levels_are_known_by_name) {
    enum log_level level;

    ck_assert_int_eq(log_level_parse("warning", &level), 0);
    ck_assert_int_eq(level, LOG_LEVEL_WARNING);
    ck_assert_str_eq(log_level_name(LOG_LEVEL_DEBUG), "debug");
    ck_assert_int_eq(log_level_parse("loud", &level), -EINVAL);
}
END_TEST

START_TEST(limited_messages_come_once_a_second) {
    struct log_limit limit = {0};

    ck_assert(log_limit_allows(&limit, 5));
    ck_assert(!log_limit_allows(&limit, 6));
    ck_assert(!log_limit_allows(&limit, NS_PER_SEC));
    ck_assert_uint_eq(limit.suppressed, 2);
    ck_assert(log_limit_allows(&limit, NS_PER_SEC + 5));
    /* A burst is saved up, and no more than that. */
    limit = (struct log_limit){0};
    for (unsigned round = 0; round < 2; round++) {
        const uint64_t now = (1000 + 100 * round) * NS_PER_SEC;

        for (unsigned i = 0; i < 8; i++)
            ck_assert_int_eq(log_limit_allows_burst(&limit, 4, now), i < 5);
        ck_assert(!log_limit_allows_burst(&limit, 4, now + NS_PER_SEC - 1));
        ck_assert(log_limit_allows_burst(&limit, 4, now + NS_PER_SEC));
        ck_assert(!log_limit_allows_burst(&limit, 4, now + NS_PER_SEC));
    }
}
END_TEST

START_TEST(every_drop_reason_has_a_name_of_its_own) {
    for (unsigned i = 0; i < DROP_REASONS; i++) {
        ck_assert_ptr_nonnull(drop_name((enum drop_reason)i));
        for (unsigned j = 0; j < i; j++)
            ck_assert_str_ne(drop_name((enum drop_reason)i), drop_name((enum drop_reason)j));
    }
}
END_TEST

int main(void) {
    Suite *suite = suite_create("units");
    TCase *tc = tcase_create("units");

    tcase_add_test(tc, sizes_take_powers_of_1024);
    tcase_add_test(tc, durations_add_up);
    tcase_add_test(tc, rates_take_powers_of_1000);
    tcase_add_test(tc, text_that_is_no_quantity_is_refused);
    tcase_add_test(tc, quantities_past_64_bits_are_refused);
    tcase_add_test(tc, durations_print_their_two_largest_units);
    tcase_add_test(tc, bytes_and_rates_print_with_the_prefix_that_fits);
    tcase_add_test(tc, a_near_word_is_suggested_and_a_far_one_not);
    tcase_add_test(tc, log_levels_are_known_by_name);
    tcase_add_test(tc, limited_messages_come_once_a_second);
    tcase_add_test(tc, every_drop_reason_has_a_name_of_its_own);
    suite_add_tcase(suite, tc);
    return suite_run(suite);
}
