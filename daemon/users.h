/* SPDX-License-Identifier: GPL-2.0-or-later */
/* users: the users of a server from both their places: [User NAME] sections of the configuration, which people write,
 * and the users file of the same form, which only `mpvpnctl user add` and `user remove` write. */
#ifndef MPVPN_USERS_H
#define MPVPN_USERS_H

#include <stddef.h>

#include "config.h"
#include "masque/auth.h"

/**
 * All users, merged. No users file is an empty one.
 * @param out the caller's to auth_free(); set on success only
 * @param why the fault as users see it
 * @return 0; -EINVAL: a fault in the file, or a name, token or address that is taken twice; -errno of the file; -ENOMEM
 */
int users_load(const struct config *config, struct auth **out, char *why, size_t why_size);
/**
 * Add to the users file.
 * @param user its addresses passed config_is_host_address(), or the file could not be read again
 * @return 0; -EEXIST: the name, token or address is taken; -EINVAL: no client can have such a name, or the file has a
 * fault; -errno: the file could not be written. On failure the file is as it was.
 */
int users_add(const struct config *config, const struct auth_user *user, char *why, size_t why_size);
/**
 * Remove from the users file.
 * @return 0; -ENOENT: no such user; -EPERM: it stands in the configuration file, which the daemon never writes;
 * -EINVAL, -errno as above
 */
int users_remove(const struct config *config, const char *name, char *why, size_t why_size);

#endif
