/* SPDX-License-Identifier: GPL-2.0-or-later */
/* keygen: the files' names, then what quic/tls.h makes of them.
 * It leaves out certificates of an authority: whoever has one needs no keygen.
 * Invariant: no file that is there is overwritten.
 * Standards: RFC 7469 section 2.4 (pin). */
#include "keygen.h"

#include <errno.h>
#include <limits.h>
#include <stdint.h>
#include <string.h>

#include "quic/tls.h"

int keygen(FILE *stream, const char *directory, const char *name, char *why, size_t why_size) {
    char certificate[PATH_MAX], key[PATH_MAX];
    size_t length = strlen(directory);
    const char *slash = length > 0 && directory[length - 1] == '/' ? "" : "/";
    uint8_t pin[32];
    int rc;

    if (strlen(directory) + strlen(name) + 8 > sizeof key || strchr(name, '/') || !*name || !*directory) {
        snprintf(why, why_size, "%s%s%s.key cannot be a file's name", directory, slash, name);
        return -EINVAL;
    }
    snprintf(certificate, sizeof certificate, "%s%s%s.crt", directory, slash, name);
    snprintf(key, sizeof key, "%s%s%s.key", directory, slash, name);
    rc = tls_keygen(certificate, key, name, why, why_size);
    if (rc == 0) {
        rc = tls_pin_of_certificate(certificate, pin, why, why_size);
    }
    if (rc < 0) {
        return rc;
    }
    fprintf(stream, "Certificate = %s\nPrivateKey = %s\n\n# for clients:\nServerPin = sha256:", certificate, key);
    for (size_t i = 0; i < sizeof pin; i++) {
        fprintf(stream, "%02x", pin[i]);
    }
    fputc('\n', stream);
    return 0;
}
