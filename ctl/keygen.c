/* SPDX-License-Identifier: GPL-2.0-or-later */
/* keygen: the files' names, then what quic/tls.h makes of them. A daemon that is started by root becomes the user
 * mpvpn, and must read the key again at a reload: so the key that root makes is given to the group mpvpn, where there
 * is one. It leaves out certificates of an authority: whoever has one needs no keygen. Invariant: no file that is there
 * is overwritten. Standards: RFC 7469 section 2.4 (pin). */
#include "ctl/keygen.h"

#include <errno.h>
#include <limits.h>
#include <stdint.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "common/account.h"
#include "quic/tls.h"

#define DAEMON_GROUP "mpvpn" /* of the user that a daemon becomes by default */

/* Let the daemon's group read the key. @return 0 or -errno */
static int share(const char *key) {
    gid_t group;
    int rc = geteuid() == 0 ? account_group(DAEMON_GROUP, &group) : -ESRCH;

    if (rc == 0 && (chown(key, (uid_t)-1, group) < 0 || chmod(key, S_IRUSR | S_IWUSR | S_IRGRP) < 0)) {
        rc = -errno;
    }
    return rc == -ESRCH || rc == -ENOENT ? 0 : rc;
}

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
    rc = share(key);
    if (rc < 0) {
        snprintf(why, why_size, "%s: cannot be given to the group " DAEMON_GROUP ": %s", key, strerror(-rc));
        return rc;
    }
    fprintf(stream, "Certificate = %s\nPrivateKey = %s\n\n# for clients:\nServerPin = sha256:", certificate, key);
    for (size_t i = 0; i < sizeof pin; i++) {
        fprintf(stream, "%02x", pin[i]);
    }
    fputc('\n', stream);
    return 0;
}
