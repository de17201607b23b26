/* SPDX-License-Identifier: GPL-2.0-or-later */
/* auth: users and bearer tokens (RFC 6750). Only SHA-256 hashes of tokens are kept; a token is 32 random bytes in
 * base64url, so a fast hash is enough. Compared in constant time. */
#ifndef MPVPN_MASQUE_AUTH_H
#define MPVPN_MASQUE_AUTH_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/addr.h"

#define AUTH_NAME_MAX 64u  /**< bytes of a user's name, with NUL: [A-Za-z0-9._-] */
#define AUTH_TOKEN_MAX 48u /**< bytes of a token made by auth_make_token, with NUL */

/** One user. */
struct auth_user {
    char name[AUTH_NAME_MAX];  /**< name */
    bool has_token;            /**< token_hash is set */
    uint8_t token_hash[32];    /**< SHA-256 of the token */
    struct ip_addr address[2]; /**< fixed addresses (IPv4, IPv6); version 0: none */
    bool disabled;             /**< may not open sessions */
};

struct auth;

struct auth *auth_new(void);
void auth_free(struct auth *auth);
/** Add a user (copied). @return 0; -EEXIST: name or token taken; -EINVAL: name; -ENOMEM */
int auth_add(struct auth *auth, const struct auth_user *user);
const struct auth_user *auth_find(const struct auth *auth, const char *name);
size_t auth_count(const struct auth *auth);
/** In the order of names; index < auth_count(). */
const struct auth_user *auth_at(const struct auth *auth, size_t index);
/**
 * Who sent this Authorization field value.
 * @param authorization NULL: none came
 * @param out set on 0 and on -EACCES
 * @return 0; -EPERM: none or of another scheme, or unknown token (401); -EACCES: known but disabled (403)
 */
int auth_check(const struct auth *auth, const char *authorization, const struct auth_user **out);
/** A fresh token and its hash. @param token AUTH_TOKEN_MAX bytes */
void auth_make_token(char *token, uint8_t hash[32]);
/** "sha256:HEX" both ways. auth_parse_hash: @return 0; -EINVAL */
int auth_parse_hash(const char *text, uint8_t hash[32]);
void auth_print_hash(const uint8_t hash[32], char text[72]);
/** Whether a name may be a user's. */
bool auth_name_is_valid(const char *name);

#endif
