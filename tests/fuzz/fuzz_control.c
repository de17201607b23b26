/* SPDX-License-Identifier: GPL-2.0-or-later */
/* fuzz_control: any bytes as a line of the control socket, in both roles and with both rights: the answer is nothing or
 * one line of valid JSON. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "common/jsonrpc.h"
#include "methods_check.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static int call(void *context, const char *method, const json_t *params, json_t **result, struct jsonrpc_error *error) {
    const unsigned *which = context;
    int found = methods_check(*which & 1 ? CONFIG_SERVER : CONFIG_CLIENT, *which & 2, method, params, error);

    if (found < 0) {
        return -1;
    }
    *result = json_integer(found);
    return 0;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    for (unsigned which = 0; which < 4; which++) {
        char *answer = jsonrpc_answer((const char *)data, size, call, &which);
        json_t *parsed = answer ? json_loads(answer, 0, NULL) : NULL;

        if (answer && (!parsed || strchr(answer, '\n'))) {
            abort();
        }
        json_decref(parsed);
        free(answer);
    }
    return 0;
}
