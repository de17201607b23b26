/* SPDX-License-Identifier: GPL-2.0-or-later */
/* account: getpwnam_r(3) and getgrnam_r(3) with a buffer that grows as an entry asks for, as that of a group has all
 * its members. It leaves out numbers in place of names. Standards: POSIX.1-2017. */
#include "common/account.h"

#include <errno.h>
#include <grp.h>
#include <pwd.h>
#include <stdlib.h>

#define BUFFER_BYTES 4096u          /* for an entry's texts, at first … */
#define BUFFER_MAX_BYTES (1u << 24) /* … and at last */

/** A user or a group. */
struct found {
    uid_t uid; /**< of a user */
    gid_t gid; /**< of a group, or a user's primary one */
};

/** Look up with so much room. @return as account_user(); -ERANGE: more is needed */
static int find_user(const char *name, char *buffer, size_t size, struct found *out) {
    struct passwd entry, *found = NULL;
    int error = getpwnam_r(name, &entry, buffer, size, &found);

    if (error || !found)
        return error ? -error : -ESRCH;
    *out = (struct found){.uid = found->pw_uid, .gid = found->pw_gid};
    return 0;
}

/** The same of a group. */
static int find_group(const char *name, char *buffer, size_t size, struct found *out) {
    struct group entry, *found = NULL;
    int error = getgrnam_r(name, &entry, buffer, size, &found);

    if (error || !found)
        return error ? -error : -ESRCH;
    *out = (struct found){.gid = found->gr_gid};
    return 0;
}

/** Look up with as much room as it takes. */
static int find(int (*look)(const char *name, char *buffer, size_t size, struct found *out), const char *name,
                struct found *out) {
    char *buffer = NULL;
    int rc = -ERANGE;

    for (size_t size = BUFFER_BYTES; rc == -ERANGE && size <= BUFFER_MAX_BYTES; size *= 4) {
        free(buffer);
        buffer = malloc(size);
        rc = buffer ? look(name, buffer, size, out) : -ENOMEM;
    }
    free(buffer);
    return rc;
}

int account_user(const char *name, uid_t *uid, gid_t *gid) {
    struct found found;
    int rc = find(find_user, name, &found);

    if (rc)
        return rc;
    *uid = found.uid;
    *gid = found.gid;
    return 0;
}

int account_group(const char *name, gid_t *gid) {
    struct found found;
    int rc = find(find_group, name, &found);

    if (rc == 0)
        *gid = found.gid;
    return rc;
}
