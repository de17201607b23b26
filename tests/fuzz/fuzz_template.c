/* SPDX-License-Identifier: GPL-2.0-or-later */
/* fuzz_template: a template and a path, divided by a NUL. Whatever a template without fault expands to matches it again
 * with the same scope; no path and no template does harm. */
#include <errno.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "masque/connect_ip.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check(int condition) {
    if (!condition)
        abort();
}

/** A copy of exactly its size, with a NUL. */
static char *text_of(const uint8_t *data, size_t size) {
    char *text = malloc(size + 1);
    check(text != NULL);
    if (size > 0)
        memcpy(text, data, size);
    text[size] = '\0';
    return text;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    const uint8_t *nul = size > 0 ? memchr(data, 0, size) : NULL;
    size_t first = nul != NULL ? (size_t)(nul - data) : size;
    char *uri_template = text_of(data, first);
    char *path = nul != NULL ? text_of(nul + 1, size - first - 1) : text_of(data, size);
    struct connect_ip_scope scope;
    memset(&scope, 0x55, sizeof(scope));

    connect_ip_match(uri_template, path, &scope);
    int error = connect_ip_match(CONNECT_IP_TEMPLATE, path, &scope);
    check(error == 0 || error == -ENOENT || error == -EINVAL);
    char out[1024];
    if (error == 0) {
        struct connect_ip_scope again;
        check(scope.protocol >= -1 && scope.protocol <= 255);
        check(connect_ip_expand(CONNECT_IP_TEMPLATE, &scope, out, sizeof(out)) > 0);
        check(connect_ip_match(CONNECT_IP_TEMPLATE, out, &again) == 0);
        check(memcmp(&scope, &again, sizeof(scope)) == 0);
    } else {
        scope = (struct connect_ip_scope){.any_target = true, .protocol = -1};
    }
    if (connect_ip_template_fault(uri_template) == NULL) {
        int length = connect_ip_expand(uri_template, &scope, out, sizeof(out));
        check(length < 0 || strlen(out) == (size_t)length);
        check(connect_ip_expand(uri_template, &scope, out, 8) < 8);
    }
    free(uri_template);
    free(path);
    return 0;
}
