/* SPDX-License-Identifier: GPL-2.0-or-later */
/* suite: what test programs have in common: test cases of root, seeds, files of certificates, and their end. */
#ifndef MPVPN_TESTS_UNIT_SUITE_H
#define MPVPN_TESTS_UNIT_SUITE_H

#include <check.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

/** Add a test case that needs root, and is left out without it: suite and test case must still be owned by somebody. */
static inline void suite_add_tcase_of_root(Suite *suite, TCase *tcase) {
    suite_add_tcase(geteuid() == 0 ? suite : suite_create("skipped without root"), tcase);
}

/** ck_assert() for loops of thousands: libcheck writes each assertion that holds to a file, which costs more than most.
 */
#define suite_assert(expression) ((expression) ? (void)0 : ck_abort_msg("%s", #expression))

/**
 * How many seeds to go through. Under valgrind (MPVPN_BRIEF, see valgrind.sh) two are enough: it looks for what is used
 * without having been written, and that does not hang on chance; what chance does is judged without it.
 * @param all how many there are
 */
static inline uint64_t suite_seeds(uint64_t all) {
    return getenv("MPVPN_BRIEF") && all > 2 ? 2 : all;
}

/** A file of tests/unit/data: root.crt signed an intermediate authority, which signed the leaves of chain.pem,
 * expired.pem and early.pem, all of leaf.key. @return its path, good until seven further calls */
static inline const char *suite_data(const char *name) {
    static char paths[8][256];
    static unsigned turn;
    const char *top = getenv("top_srcdir");
    char *found = paths[turn++ % 8];

    snprintf(found, sizeof paths[0], "%s/tests/unit/data/%s", top ? top : "..", name);
    return found;
}

/** Run a suite as CK_VERBOSITY and CK_FORK say, and free it. @return what main() is to return */
static inline int suite_run(Suite *suite) {
    SRunner *runner = srunner_create(suite);
    int failed;

    srunner_run_all(runner, CK_ENV);
    failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}

#endif
