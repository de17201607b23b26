/* SPDX-License-Identifier: GPL-2.0-or-later */
/* auth: who may open sessions.
 *
 * How it works: the users are values on the heap, in an array ordered by name; a name is found by bisection. A token is
 * looked for by its hash in every user in turn, each compared in constant time, so that the time taken tells nothing
 * about how near a guess came. What it leaves out: files (the configuration hands users in), limits of sessions, rate
 * limits. Invariants: no token is ever stored or printed; names and token hashes are unique. Standards: RFC 6750
 * section 2.1 (Bearer), RFC 9110 section 11.1 (scheme names ignore case), RFC 4648 section 5 (base64url). */
#include "masque/auth.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "common/random.h"
#include "common/secret.h"
#include "quic/tls.h"

#define TOKEN_BYTES 32u      /* randomness of a token */
#define TOKEN_TEXT_MAX 4096u /* bytes: longest token looked at */

/** All users. */
struct auth {
    struct auth_user **users; /**< ordered by name; each on the heap */
    size_t count;             /**< how many */
    size_t room;              /**< allocated */
};

struct auth *auth_new(void) {
    return calloc(1, sizeof(struct auth));
}

/** Forget a user's secrets with the user. */
static void user_free(struct auth_user *user) {
    explicit_bzero(user, sizeof *user);
    free(user);
}

void auth_free(struct auth *auth) {
    if (auth == NULL)
        return;
    for (size_t i = 0; i < auth->count; i++)
        user_free(auth->users[i]);
    free(auth->users);
    free(auth);
}

bool auth_name_is_valid(const char *name) {
    size_t length = strlen(name);
    return length > 0 && length < AUTH_NAME_MAX &&
           strspn(name, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789._-") == length;
}

/** Where the name is, or where it would have to be inserted. */
static size_t name_place(const struct auth *auth, const char *name) {
    size_t low = 0, high = auth->count;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        if (strcmp(auth->users[middle]->name, name) < 0) {
            low = middle + 1;
        } else {
            high = middle;
        }
    }
    return low;
}

static bool name_is_at(const struct auth *auth, size_t place, const char *name) {
    return place < auth->count && strcmp(auth->users[place]->name, name) == 0;
}

/** The user with this token hash. Every user is looked at, whoever it is. */
static const struct auth_user *hash_find(const struct auth *auth, const uint8_t hash[32]) {
    const struct auth_user *found = NULL;
    for (size_t i = 0; i < auth->count; i++) {
        const struct auth_user *user = auth->users[i];
        if (user->has_token && secret_equal(user->token_hash, hash, sizeof user->token_hash))
            found = user;
    }
    return found;
}

int auth_add(struct auth *auth, const struct auth_user *user) {
    if (memchr(user->name, '\0', sizeof(user->name)) == NULL || !auth_name_is_valid(user->name))
        return -EINVAL;
    size_t place = name_place(auth, user->name);
    if (name_is_at(auth, place, user->name))
        return -EEXIST;
    if (user->has_token && hash_find(auth, user->token_hash) != NULL)
        return -EEXIST;
    if (auth->count == auth->room) {
        size_t room = auth->room > 0 ? auth->room * 2 : 16;
        struct auth_user **users = realloc(auth->users, room * sizeof(struct auth_user *));
        if (users == NULL)
            return -ENOMEM;
        auth->users = users;
        auth->room = room;
    }
    struct auth_user *copy = malloc(sizeof(*copy));
    if (copy == NULL)
        return -ENOMEM;
    *copy = *user;
    memmove(auth->users + place + 1, auth->users + place, (auth->count - place) * sizeof(struct auth_user *));
    auth->users[place] = copy;
    auth->count++;
    return 0;
}

const struct auth_user *auth_find(const struct auth *auth, const char *name) {
    size_t place = name_place(auth, name);
    return name_is_at(auth, place, name) ? auth->users[place] : NULL;
}

size_t auth_count(const struct auth *auth) {
    return auth->count;
}

const struct auth_user *auth_at(const struct auth *auth, size_t index) {
    return index < auth->count ? auth->users[index] : NULL;
}

/** The token in an Authorization field value. @return its first byte, or NULL: no well-formed Bearer value */
static const char *bearer_token(const char *authorization, size_t *length) {
    static const char scheme[] = "bearer ";
    if (strncasecmp(authorization, scheme, sizeof(scheme) - 1) != 0)
        return NULL;
    const char *token = authorization + strspn(authorization + sizeof(scheme) - 1, " ") + sizeof(scheme) - 1;
    size_t body = strspn(token, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-._~+/");
    size_t padded = body + strspn(token + body, "=");
    if (body == 0 || padded > TOKEN_TEXT_MAX || token[padded] != '\0')
        return NULL;
    *length = padded;
    return token;
}

int auth_check(const struct auth *auth, const char *authorization, const struct auth_user **out) {
    size_t length;
    const char *token = authorization != NULL ? bearer_token(authorization, &length) : NULL;
    if (token == NULL)
        return -EPERM;
    uint8_t hash[32];
    tls_sha256(token, length, hash);
    const struct auth_user *user = hash_find(auth, hash);
    if (user == NULL)
        return -EPERM;
    *out = user;
    return user->disabled ? -EACCES : 0;
}

void auth_make_token(char *token, uint8_t hash[32]) {
    static const char digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
    uint8_t bytes[TOKEN_BYTES + 1] = {0};
    random_fill(bytes, TOKEN_BYTES);
    /* 32 bytes are 42 whole digits and a last one of four bits; the spare zero byte serves that one. */
    size_t length = (TOKEN_BYTES * 8 + 5) / 6;
    for (size_t i = 0; i < length; i++) {
        size_t bit = i * 6;
        unsigned pair = (unsigned)bytes[bit / 8] << 8 | bytes[bit / 8 + 1];
        token[i] = digits[pair >> (10 - bit % 8) & 0x3f];
    }
    token[length] = '\0';
    explicit_bzero(bytes, sizeof bytes);
    tls_sha256(token, length, hash);
}

static int hex_digit(char c) {
    if (c >= '0' && c <= '9')
        return c - '0';
    if (c >= 'a' && c <= 'f')
        return c - 'a' + 10;
    return c >= 'A' && c <= 'F' ? c - 'A' + 10 : -1;
}

int auth_parse_hash(const char *text, uint8_t hash[32]) {
    static const char prefix[] = "sha256:";
    uint8_t result[32];
    if (strncmp(text, prefix, sizeof(prefix) - 1) != 0)
        return -EINVAL;
    text += sizeof(prefix) - 1;
    for (size_t i = 0; i < 32; i++) {
        int high = hex_digit(text[0]);
        int low = high < 0 ? -1 : hex_digit(text[1]);
        if (low < 0)
            return -EINVAL;
        result[i] = (uint8_t)(high << 4 | low);
        text += 2;
    }
    if (*text != '\0')
        return -EINVAL;
    memcpy(hash, result, sizeof(result));
    return 0;
}

void auth_print_hash(const uint8_t hash[32], char text[72]) {
    static const char digits[] = "0123456789abcdef";
    char *at = stpcpy(text, "sha256:");
    for (size_t i = 0; i < 32; i++) {
        *at++ = digits[hash[i] >> 4];
        *at++ = digits[hash[i] & 0xf];
    }
    *at = '\0';
}
