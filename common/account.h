/* SPDX-License-Identifier: GPL-2.0-or-later */
/* account: users and groups of this system by name, with a difference between "there is none" and "nobody can tell". */
#ifndef MPVPN_COMMON_ACCOUNT_H
#define MPVPN_COMMON_ACCOUNT_H

#include <sys/types.h>

/**
 * Look a user up.
 * @param uid out, untouched on failure
 * @param gid out, its primary group, untouched on failure
 * @return 0; -ESRCH: there is no such user; other -errno: it could not be looked up (-ENOENT: there is nothing to look
 * it up in, as in a directory that chroot(2) made the root)
 */
int account_user(const char *name, uid_t *uid, gid_t *gid);
/** Look a group up. @param gid out, untouched on failure @return as account_user() */
int account_group(const char *name, gid_t *gid);

#endif
