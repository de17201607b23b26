/* SPDX-License-Identifier: GPL-2.0-or-later */
/* fuzz_join: the field mpvpn-bond. What is accepted can be printed and is then read as the same. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "bond/join.h"
#include "common/secret.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check(int condition) {
    if (!condition)
        abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    char *exact = malloc(size + 1), text[JOIN_FIELD_MAX];
    struct join_field field = {0}, again = {0};
    size_t length;

    check(exact != NULL);
    /* One byte is left out at the beginning, so that the end of the memory is the end of the text. */
    memcpy(exact + 1, data, size);
    if (join_parse(exact + 1, size, &field) == 0) {
        length = join_print(&field, text, sizeof text);
        check(length > 0 && length == strlen(text));
        check(join_parse(text, length, &again) == 0);
        check(again.is_new == field.is_new && again.has_proof == field.has_proof);
        check(again.leg == field.leg && again.worker == field.worker);
        check(field.is_new || memcmp(again.session_id, field.session_id, sizeof again.session_id) == 0);
        check(!field.has_proof || secret_equal(again.proof, field.proof, JOIN_SECRET_BYTES));
    }
    free(exact);
    return 0;
}
