/* SPDX-License-Identifier: GPL-2.0-or-later */
/* fuzz_x509: any bytes as a certificate, and its names compared with each kind of host. */
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include "quic/x509.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    struct x509_view view, bare = {.names = data, .names_length = size};
    static const char *const hosts[] = {"vpn.example.org", "a.wild.example.org", "192.0.2.1", "2001:db8::1", ""};
    bool parsed = x509_parse(data, size, &view) == 0;
    if (parsed && (view.key < data || view.key + view.key_length > data + size)) {
        abort();
    }
    for (size_t i = 0; i < sizeof hosts / sizeof hosts[0]; i++) {
        x509_is_for(&bare, hosts[i]);
        if (parsed) {
            x509_is_for(&view, hosts[i]);
        }
    }
    return 0;
}
