/* SPDX-License-Identifier: GPL-2.0-or-later */
/* users: the users file is read whole, changed in memory and replaced: written beside the old one under another name,
 * fsync, rename, fsync of the directory. So there is a whole file at every moment, whatever fails: a full disk, a
 * crash, power. It leaves out comments in that file (a rewrite loses them) and two daemons sharing one file.
 * Invariants: the configuration file is never written; the mode of the users file is 0600.
 * Standards: none. */
#include "users.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "config_values.h"

/* What is in the users file. A missing file has none. */
static int read_file(const struct config *config, struct auth_user **user, size_t *count, char *why, size_t why_size) {
    int rc;

    *user = NULL;
    *count = 0;
    rc = config_read_users(config->users_file, user, count, why, why_size);
    return rc == -ENOENT ? 0 : rc;
}

/* The user with a fixed address of this one's, or NULL. */
static const struct auth_user *address_owner(const struct auth *auth, const struct auth_user *user) {
    for (size_t i = 0; i < auth_count(auth); i++) {
        const struct auth_user *other = auth_at(auth, i);

        for (size_t j = 0; j < 4; j++) {
            const struct ip_addr *address = &user->address[j / 2];

            if (address->version && ip_addr_compare(address, &other->address[j % 2]) == 0)
                return other;
        }
    }
    return NULL;
}

static int add_all(struct auth *auth, const struct auth_user *user, size_t count, const char *file, char *why,
                   size_t why_size) {
    for (size_t i = 0; i < count; i++) {
        const struct auth_user *owner = address_owner(auth, &user[i]);
        int rc = owner ? -EEXIST : auth_add(auth, &user[i]);

        if (rc == -ENOMEM) {
            snprintf(why, why_size, "no memory");
            return rc;
        }
        if (owner) {
            snprintf(why, why_size, "%s: [User %s] Address: is [User %s]'s too", file, user[i].name, owner->name);
            return -EEXIST;
        }
        if (rc < 0) {
            snprintf(why, why_size, "%s: [User %s]: %s", file, user[i].name,
                     auth_find(auth, user[i].name) ? "there is a user of this name already"
                                                   : "its token is another user's too");
            return -EEXIST;
        }
    }
    return 0;
}

static int merge(const struct config *config, const struct auth_user *user, size_t count, struct auth **out, char *why,
                 size_t why_size) {
    struct auth *auth = auth_new();
    int rc;

    if (!auth) {
        snprintf(why, why_size, "no memory");
        return -ENOMEM;
    }
    rc = add_all(auth, config->user, config->user_count, config->file, why, why_size);
    if (rc == 0)
        rc = add_all(auth, user, count, config->users_file, why, why_size);
    if (rc < 0) {
        auth_free(auth);
        return rc;
    }
    *out = auth;
    return 0;
}

int users_load(const struct config *config, struct auth **out, char *why, size_t why_size) {
    struct auth_user *user;
    size_t count;
    int rc = read_file(config, &user, &count, why, why_size);

    if (rc < 0)
        return rc;
    rc = merge(config, user, count, out, why, why_size);
    free(user);
    return rc == -EEXIST ? -EINVAL : rc;
}

static void print_user(FILE *stream, const struct auth_user *user) {
    char text[72];

    fprintf(stream, "\n[User %s]\n", user->name);
    if (user->has_token) {
        auth_print_hash(user->token_hash, text);
        fprintf(stream, "TokenHash = %s\n", text);
    }
    for (size_t i = 0; i < 2; i++) {
        if (user->address[i].version)
            fprintf(stream, "Address = %s\n", ip_addr_print(&user->address[i], text));
    }
    if (user->disabled)
        fprintf(stream, "Disabled = yes\n");
}

/* Write all users to an open file, down to the disk. Closes it. */
static int write_all(int fd, const struct auth_user *user, size_t count) {
    FILE *stream = fdopen(fd, "w");
    int rc = 0;

    if (!stream) {
        rc = -errno;
        close(fd);
        return rc;
    }
    fprintf(stream,
            "# Written by mpvpnctl user add and user remove. Other users can stand in the configuration file.\n");
    for (size_t i = 0; i < count; i++)
        print_user(stream, &user[i]);
    if (fflush(stream) != 0 || ferror(stream) || fsync(fd) < 0)
        rc = errno ? -errno : -EIO;
    if (fclose(stream) != 0 && rc == 0)
        rc = -errno;
    return rc;
}

/* A rename is on the disk once its directory is. */
static void sync_directory(const char *file) {
    const char *slash = strrchr(file, '/');
    char *directory = slash ? strndup(file, (size_t)(slash - file) + 1) : strdup(".");
    int fd = directory ? open(directory, O_RDONLY | O_DIRECTORY | O_CLOEXEC) : -1;

    if (fd >= 0) {
        fsync(fd);
        close(fd);
    }
    free(directory);
}

static int replace_file(const char *file, const struct auth_user *user, size_t count) {
    char *temporary;
    int fd, rc;

    if (asprintf(&temporary, "%s.XXXXXX", file) < 0)
        return -ENOMEM;
    fd = mkostemp(temporary, O_CLOEXEC); /* mode 0600 */
    if (fd < 0) {
        rc = -errno;
        free(temporary);
        return rc;
    }
    rc = write_all(fd, user, count);
    if (rc == 0 && rename(temporary, file) < 0)
        rc = -errno;
    if (rc < 0)
        unlink(temporary);
    else
        sync_directory(file);
    free(temporary);
    return rc;
}

static int write_file(const struct config *config, const struct auth_user *user, size_t count, char *why,
                      size_t why_size) {
    int rc = replace_file(config->users_file, user, count);

    if (rc < 0)
        snprintf(why, why_size, "%s: cannot be written: %s", config->users_file, strerror(-rc));
    return rc;
}

int users_add(const struct config *config, const struct auth_user *user, char *why, size_t why_size) {
    struct auth *auth = NULL;
    struct auth_user *all, *grown;
    size_t count;
    int rc;

    if (!auth_name_is_valid(user->name)) {
        snprintf(why, why_size, "\"%s\" cannot be a user's name: letters, digits, dot, dash and underscore",
                 user->name);
        return -EINVAL;
    }
    rc = read_file(config, &all, &count, why, why_size);
    if (rc < 0)
        return rc;
    grown = realloc(all, (count + 1) * sizeof *all);
    if (!grown) {
        snprintf(why, why_size, "no memory");
        rc = -ENOMEM;
        goto out;
    }
    all = grown;
    all[count++] = *user;
    /* Only what can be loaded again may be written. */
    rc = merge(config, all, count, &auth, why, why_size);
    if (rc == 0)
        rc = write_file(config, all, count, why, why_size);
    auth_free(auth);
out:
    free(all);
    return rc;
}

int users_remove(const struct config *config, const char *name, char *why, size_t why_size) {
    struct auth_user *all;
    size_t count, i = 0;
    int rc;

    for (size_t j = 0; j < config->user_count; j++) {
        if (strcmp(config->user[j].name, name) != 0)
            continue;
        snprintf(why, why_size, "%s stands in %s: remove the section there, then mpvpnctl reload", name, config->file);
        return -EPERM;
    }
    rc = read_file(config, &all, &count, why, why_size);
    if (rc < 0)
        return rc;
    while (i < count && strcmp(all[i].name, name) != 0)
        i++;
    if (i == count) {
        snprintf(why, why_size, "there is no user %s", name);
        rc = -ENOENT;
    } else {
        memmove(all + i, all + i + 1, (count - i - 1) * sizeof *all);
        rc = write_file(config, all, count - 1, why, why_size);
    }
    free(all);
    return rc;
}
