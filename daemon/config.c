/* SPDX-License-Identifier: GPL-2.0-or-later */
/* config: the file is read line by line; inih takes a line apart, config.def says what sections and keys there are,
 * config_values.c parses values, and at the end it is checked what is missing and what does not go together.
 *
 * Sections are recognised by our own line reader, because inih tells neither an empty section nor a line's number, cuts
 * long section names, joins indented lines to the key before them, and splits long lines silently. The reader strips
 * leading blanks, counts lines and refuses a line that inih would split.
 *
 * It leaves out name resolution, certificates' contents and the users file's merging (users.c).
 * Invariants: the first fault ends the reading; a config is whole or is not.
 * Standards: none. */
#include "config.h"

#include <ctype.h>
#include <errno.h>
#include <fcntl.h>
#include <ini.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "bond/session.h"
#include "common/log.h"
#include "common/suggest.h"
#include "config_values.h"

#define ARGUMENT_MAX 64u /* bytes of a section's argument, with NUL */
#define TITLE_MAX 96u    /* bytes of "Name argument", with NUL */

enum { ROLE_SERVER = 1 << CONFIG_SERVER, ROLE_CLIENT = 1 << CONFIG_CLIENT, ROLE_BOTH = ROLE_SERVER | ROLE_CLIENT };
enum use { OPTIONAL, REQUIRED, REPEATED };

enum section {
#define SECTION(symbol, name, argument, roles, help) SECTION_##symbol,
#define KEY(section, name, type, base, field, roles, use, fallback, help)
#include "config.def"
    SECTIONS
};

static const struct section_row {
    const char *name;
    const char *argument; /* what its argument is, "" for none */
    unsigned roles;
} section_rows[SECTIONS] = {
#define SECTION(symbol, name, argument, roles, help) {name, argument, roles},
#define KEY(section, name, type, base, field, roles, use, fallback, help)
#include "config.def"
};

static const struct key_row {
    enum section section;
    const char *name;
    config_parse_fn *parse;
    size_t offset;       /* of the field in its struct */
    size_t count_offset; /* of the list's count, 0: no list */
    unsigned roles;
    enum use use;
    const char *fallback; /* default: a value, words in parentheses, or "" */
} key_rows[] = {
#define SECTION(symbol, name, argument, roles, help)
#define KEY(section, name, type, base, field, roles, use, fallback, help)                                              \
    {SECTION_##section, name, config_parse_##type, offsetof(struct base, field), 0, roles, use, fallback},
#define LIST(section, name, type, base, field, roles, use, fallback, help)                                             \
    {SECTION_##section,                                                                                                \
     name,                                                                                                             \
     config_parse_##type,                                                                                              \
     offsetof(struct base, field),                                                                                     \
     offsetof(struct base, field##_count),                                                                             \
     roles,                                                                                                            \
     use,                                                                                                              \
     fallback},
#include "config.def"
};

#define KEYS (sizeof key_rows / sizeof *key_rows)

/* The state of reading one file. */
struct reader {
    FILE *stream;
    struct config *config;
    bool users_only;                 /* a users file: [User NAME] sections and nothing else */
    unsigned line;                   /* number of the line being read, from 1 */
    enum section section;            /* the section it is in; SECTIONS: none yet */
    char argument[ARGUMENT_MAX];     /* that section's argument */
    unsigned section_line[SECTIONS]; /* where each section began last; 0: not seen */
    unsigned seen[KEYS];             /* line of each key in its (latest) section; 0: not seen */
    bool failed;                     /* why is filled; nothing more is read */
    unsigned failed_line;            /* where */
    int rc;                          /* the error then */
    char *why;
    size_t why_size;
};

/* Fill why with "FILE:LINE: " and the rest. @return -EINVAL */
static int fail(struct reader *r, unsigned line, const char *format, ...) __attribute__((format(printf, 3, 4)));

static int fail(struct reader *r, unsigned line, const char *format, ...) {
    va_list args;
    size_t n;

    n = (size_t)(line ? snprintf(r->why, r->why_size, "%s:%u: ", r->config->file, line)
                      : snprintf(r->why, r->why_size, "%s: ", r->config->file));
    va_start(args, format);
    if (n < r->why_size)
        vsnprintf(r->why + n, r->why_size - n, format, args);
    va_end(args);
    r->failed = true;
    r->failed_line = line;
    return r->rc = -EINVAL;
}

static int fail_memory(struct reader *r) {
    fail(r, 0, "no memory");
    return r->rc = -ENOMEM;
}

/* "Name argument" of the section being read. */
static const char *title(const struct reader *r, char *text) {
    const char *name = section_rows[r->section].name;

    snprintf(text, TITLE_MAX, "%s%s%s", name, *r->argument ? " " : "", r->argument);
    return text;
}

/* The struct that a section's keys go into: its own for [Path] and [User], else the config. */
static void *section_base(const struct reader *r, enum section section) {
    if (section == SECTION_PATH)
        return &r->config->path[r->config->path_count - 1];
    if (section == SECTION_USER)
        return &r->config->user[r->config->user_count - 1];
    return r->config;
}

/* Parse a value into its field. @return 0; -EINVAL, -ENOMEM, or another -errno of what was looked up, with the reader
 * failed */
static int set_value(struct reader *r, const struct key_row *key, const char *text, unsigned line) {
    char why[CONFIG_WHY_MAX] = "", name[TITLE_MAX];
    char *base = section_base(r, key->section);
    struct config_value value = {.text = text,
                                 .file = r->config->file,
                                 .instance = r->config->name,
                                 .base = base,
                                 .field = base + key->offset,
                                 .why = why,
                                 .why_size = sizeof why};
    int rc;

    if (key->count_offset)
        value.count = (size_t *)(void *)(base + key->count_offset);
    rc = key->parse(&value);
    if (rc == -ENOMEM)
        return fail_memory(r);
    if (rc < 0)
        fail(r, line, "[%s] %s: %s", title(r, name), key->name, why);
    return r->rc = rc;
}

/* Give the keys of a section that were not set their defaults, and miss those that have none. */
static int finish_section(struct reader *r, enum section section) {
    char name[TITLE_MAX];

    for (size_t i = 0; i < KEYS; i++) {
        const struct key_row *key = &key_rows[i];

        if (key->section != section || r->seen[i])
            continue;
        if (key->use == REQUIRED || (key->use == REPEATED && !*key->fallback)) {
            r->section = section;
            return fail(r, r->section_line[section], "[%s] %s: is missing", title(r, name), key->name);
        }
        if (*key->fallback != '(' && set_value(r, key, key->fallback, 0) < 0)
            return r->rc;
    }
    return 0;
}

/* The section that was being read is over. Those that can come only once are finished at the end of the file. */
static int leave_section(struct reader *r) {
    if (r->section != SECTION_PATH && r->section != SECTION_USER)
        return 0;
    if (finish_section(r, r->section) < 0)
        return r->rc;
    for (size_t i = 0; i < KEYS; i++) {
        if (key_rows[i].section == r->section)
            r->seen[i] = 0;
    }
    return 0;
}

static int begin_path(struct reader *r) {
    struct config *config = r->config;
    char why[CONFIG_WHY_MAX];
    struct config_path path = {0}, *grown;
    struct config_value value = {.text = r->argument, .field = path.device, .why = why, .why_size = sizeof why};

    if (config_parse_device(&value) < 0)
        return fail(r, r->line, "[Path]: %s", why);
    for (size_t i = 0; i < config->path_count; i++) {
        if (strcmp(config->path[i].device, path.device) == 0)
            return fail(r, r->line, "[Path %s]: is there twice", path.device);
    }
    if (config->path_count == SESSION_LEGS_MAX)
        return fail(r, r->line, "[Path %s]: a tunnel has at most %u paths", path.device, SESSION_LEGS_MAX);
    grown = realloc(config->path, (config->path_count + 1) * sizeof *grown);
    if (!grown)
        return fail_memory(r);
    config->path = grown;
    config->path[config->path_count++] = path;
    return 0;
}

static int begin_user(struct reader *r) {
    struct config *config = r->config;
    struct auth_user user = {0}, *grown;

    if (!auth_name_is_valid(r->argument))
        return fail(r, r->line, "[User %s]: a name is made of letters, digits, dot, dash and underscore", r->argument);
    for (size_t i = 0; i < config->user_count; i++) {
        if (strcmp(config->user[i].name, r->argument) == 0)
            return fail(r, r->line, "[User %s]: is there twice", r->argument);
    }
    snprintf(user.name, sizeof user.name, "%s", r->argument);
    grown = realloc(config->user, (config->user_count + 1) * sizeof *grown);
    if (!grown)
        return fail_memory(r);
    config->user = grown;
    config->user[config->user_count++] = user;
    return 0;
}

static int unknown_section(struct reader *r, const char *name) {
    struct suggest suggest = {0};

    for (int i = 0; i < SECTIONS; i++)
        suggest_offer(&suggest, name, section_rows[i].name);
    if (suggest.best)
        return fail(r, r->line, "[%s]: unknown section; did you mean [%s]?", name, suggest.best);
    return fail(r, r->line, "[%s]: unknown section", name);
}

static int begin_section(struct reader *r, const char *name, const char *argument) {
    int which = 0;

    if (leave_section(r) < 0)
        return r->rc;
    while (which < SECTIONS && strcmp(section_rows[which].name, name) != 0)
        which++;
    if (which == SECTIONS)
        return unknown_section(r, name);
    if (r->users_only && which != SECTION_USER)
        return fail(r, r->line, "[%s]: a users file has only [User NAME] sections", name);
    if (*section_rows[which].argument && !*argument)
        return fail(r, r->line, "[%s]: must be [%s %s]", name, name, section_rows[which].argument);
    if (!*section_rows[which].argument && *argument)
        return fail(r, r->line, "[%s %s]: must be [%s]", name, argument, name);
    if (!*section_rows[which].argument && r->section_line[which]) {
        return fail(r, r->line, "[%s]: is there twice, first at line %u", name, r->section_line[which]);
    }
    r->section = (enum section)which;
    r->section_line[which] = r->line;
    memcpy(r->argument, argument, strlen(argument) + 1);
    if (which == SECTION_PATH)
        return begin_path(r);
    return which == SECTION_USER ? begin_user(r) : 0;
}

/* Take "[Name argument]" apart. */
static int read_section(struct reader *r, const char *line) {
    char name[ARGUMENT_MAX], argument[ARGUMENT_MAX] = "";
    size_t length = strcspn(line + 1, "]"), name_length;
    const char *p = line + 1, *end = p + length;

    if (!*end)
        return fail(r, r->line, "a section's \"]\" is missing");
    length = strspn(end + 1, " \t\r");
    if (end[1 + length] && end[1 + length] != ';')
        return fail(r, r->line, "after a section's \"]\" there is more on the line");
    while (p < end && isspace((unsigned char)*p))
        p++;
    while (end > p && isspace((unsigned char)end[-1]))
        end--;
    name_length = strcspn(p, " \t]");
    if (name_length >= sizeof name || (size_t)(end - p) - name_length >= sizeof argument)
        return fail(r, r->line, "a section's name is too long");
    snprintf(name, sizeof name, "%.*s", (int)name_length, p);
    p += name_length;
    while (p < end && isspace((unsigned char)*p))
        p++;
    snprintf(argument, sizeof argument, "%.*s", (int)(end - p), p);
    return begin_section(r, name, argument);
}

/* inih's way to get a line. @return buffer, or NULL: the end, or a fault */
static char *next_line(char *buffer, int size, void *context) {
    struct reader *r = context;
    int length = 0, c;
    bool any = false;

    if (r->failed)
        return NULL;
    r->line++;
    while ((c = getc(r->stream)) != EOF && c != '\n') {
        any = true;
        if (length == 0 && (c == ' ' || c == '\t'))
            continue;
        if (length + 2 >= size) {
            fail(r, r->line, "the line is longer than %d bytes", size - 2);
            return NULL;
        }
        buffer[length++] = (char)c;
        if ((c >= 0 && c < ' ' && c != '\t' && c != '\r') || c == 0x7f) {
            fail(r, r->line, "there is a control character in the line");
            return NULL;
        }
    }
    if (c == EOF && !any)
        return NULL;
    buffer[length] = '\0';
    if (r->line == 1 && strncmp(buffer, "\xef\xbb\xbf", 3) == 0)
        memmove(buffer, buffer + 3, (size_t)length - 2);
    if (*buffer == '[' && read_section(r, buffer) < 0)
        return NULL;
    return buffer;
}

static int unknown_key(struct reader *r, const char *name) {
    struct suggest suggest = {0};
    char section[TITLE_MAX];

    for (size_t i = 0; i < KEYS; i++) {
        if (key_rows[i].section == r->section)
            suggest_offer(&suggest, name, key_rows[i].name);
    }
    if (suggest.best)
        return fail(r, r->line, "[%s] %s: unknown key; did you mean %s?", title(r, section), name, suggest.best);
    return fail(r, r->line, "[%s] %s: unknown key", title(r, section), name);
}

static int read_key(struct reader *r, const char *name, const char *text) {
    char section[TITLE_MAX];
    size_t i = 0;

    if (r->section == SECTIONS)
        return fail(r, r->line, "%s: stands before any [Section]", name);
    while (i < KEYS && (key_rows[i].section != r->section || strcmp(key_rows[i].name, name) != 0))
        i++;
    if (i == KEYS)
        return unknown_key(r, name);
    if (r->seen[i] && key_rows[i].use != REPEATED)
        return fail(r, r->line, "[%s] %s: is there twice, first at line %u", title(r, section), name, r->seen[i]);
    r->seen[i] = r->line;
    return set_value(r, &key_rows[i], text, r->line);
}

/* inih's handler. @return nonzero: go on */
static int on_key(void *context, const char *section, const char *name, const char *value) {
    struct reader *r = context;

    (void)section;
    return !r->failed && read_key(r, name, value) == 0;
}

/* Which role the file is for; the sections and keys of the other one have no place in it. */
static int check_role(struct reader *r) {
    unsigned role;

    if (r->section_line[SECTION_SERVER] && r->section_line[SECTION_CLIENT]) {
        return fail(r, r->section_line[SECTION_CLIENT],
                    "[Client]: there is [Server] too, at line %u; a file is for one of them",
                    r->section_line[SECTION_SERVER]);
    }
    if (!r->section_line[SECTION_SERVER] && !r->section_line[SECTION_CLIENT])
        return fail(r, 0, "there is neither [Server] nor [Client]");
    r->config->role = r->section_line[SECTION_SERVER] ? CONFIG_SERVER : CONFIG_CLIENT;
    role = 1u << r->config->role;
    for (int i = 0; i < SECTIONS; i++) {
        if (r->section_line[i] && !(section_rows[i].roles & role)) {
            return fail(r, r->section_line[i], "[%s]: has no place in a %s's file", section_rows[i].name,
                        role == ROLE_SERVER ? "server" : "client");
        }
    }
    for (size_t i = 0; i < KEYS; i++) {
        if (r->seen[i] && !(key_rows[i].roles & role)) {
            return fail(r, r->seen[i], "[%s] %s: has no place in a %s's file", section_rows[key_rows[i].section].name,
                        key_rows[i].name, role == ROLE_SERVER ? "server" : "client");
        }
    }
    return 0;
}

/* Without Advertise: everything of the IP versions that the pools have. */
static int advertise_everything(struct config *config) {
    config->advertise = calloc(2, sizeof *config->advertise);
    if (!config->advertise)
        return -ENOMEM;
    for (uint8_t version = 4; version <= 6; version = (uint8_t)(version + 2)) {
        for (size_t i = 0; i < config->pool_count; i++) {
            if (config->pool[i].addr.version != version)
                continue;
            config->advertise[config->advertise_count++] = (struct ip_prefix){.addr = {.version = version}};
            break;
        }
    }
    return 0;
}

/* Two users cannot have one fixed address. */
static int check_addresses(struct reader *r) {
    const struct config *config = r->config;
    char text[IP_ADDR_TEXT_MAX];

    for (size_t i = 0; i < config->user_count * 2; i++) {
        const struct ip_addr *a = &config->user[i / 2].address[i % 2];

        for (size_t j = 0; j < i && a->version; j++) {
            if (ip_addr_compare(a, &config->user[j / 2].address[j % 2]) == 0) {
                return fail(r, 0, "[User %s] Address: %s is [User %s]'s too", config->user[i / 2].name,
                            ip_addr_print(a, text), config->user[j / 2].name);
            }
        }
    }
    return 0;
}

/* A pin is trusted whatever certifies it, so authorities beside it would look like a check that is none. */
static int check_trust(struct reader *r) {
    if (!r->config->has_pin || !r->config->ca_file)
        return 0;
    return fail(r, 0, "[Client] CertificateAuthority: there is ServerPin too, which counts alone");
}

/* The file is read: defaults, and what must go together. */
static int finish(struct reader *r) {
    struct config *config = r->config;

    if (leave_section(r) < 0 || check_addresses(r) < 0)
        return r->rc;
    if (r->users_only)
        return 0;
    if (check_role(r) < 0 || check_trust(r) < 0)
        return r->rc;
    *r->argument = '\0';
    for (int i = 0; i < SECTIONS; i++) {
        if (i == SECTION_PATH || i == SECTION_USER || !(section_rows[i].roles & (1u << config->role)))
            continue;
        if (finish_section(r, (enum section)i) < 0)
            return r->rc;
    }
    for (size_t i = 0; i < config->path_count; i++)
        if (strcmp(config->path[i].device, config->device) == 0)
            return fail(r, 0, "[Path %s]: is the tunnel itself", config->device);
    if (config->role == CONFIG_SERVER && config->advertise_count == 0 && advertise_everything(config) < 0)
        return fail_memory(r);
    if (config->role == CONFIG_CLIENT && !config->server_name && !(config->server_name = strdup(config->server_host)))
        return fail_memory(r);
    return 0;
}

/* Read a stream into r->config. */
static int read_all(struct reader *r) {
    int rc = ini_parse_stream(next_line, r, on_key, r);

    /* inih goes on after a line that it does not understand; the first fault is the one to tell. */
    if (rc > 0 && (!r->failed || (unsigned)rc < r->failed_line))
        return fail(r, (unsigned)rc, "is neither [Section] nor Key = value");
    if (r->failed)
        return r->rc;
    if (ferror(r->stream))
        return fail(r, 0, "cannot be read");
    return finish(r);
}

int config_read_stream(FILE *stream, const char *file, struct config **out, char *why, size_t why_size) {
    char name[ARGUMENT_MAX];
    struct reader r = {.stream = stream, .section = SECTIONS, .why = why, .why_size = why_size};
    int rc;

    if (config_instance_name(file, name, sizeof name) < 0) {
        snprintf(why, why_size,
                 "%s: the instance is named after the file, which must be letters, digits, dot, dash and underscore, "
                 "at most 59",
                 file);
        return -EINVAL;
    }
    r.config = calloc(1, sizeof *r.config);
    if (!r.config || !(r.config->file = strdup(file)) || !(r.config->name = strdup(name))) {
        snprintf(why, why_size, "no memory");
        config_free(r.config);
        return -ENOMEM;
    }
    rc = read_all(&r);
    if (rc < 0) {
        config_free(r.config);
        return rc;
    }
    *out = r.config;
    return 0;
}

/* Open a file to be read. A pipe would keep a running daemon waiting for its writer. @return 0 or -errno */
static int open_file(const char *file, FILE **out, char *why, size_t why_size) {
    int fd = open(file, O_RDONLY | O_CLOEXEC | O_NONBLOCK), rc = fd < 0 ? -errno : 0;
    struct stat status;
    FILE *stream = NULL;

    if (rc == 0 && fstat(fd, &status) == 0 && !S_ISREG(status.st_mode)) {
        snprintf(why, why_size, "%s: is no regular file", file);
        close(fd);
        return -EINVAL;
    }
    if (rc == 0 && !(stream = fdopen(fd, "r"))) {
        rc = -errno;
        close(fd);
    }
    if (rc < 0) {
        snprintf(why, why_size, "%s: %s", file, strerror(-rc));
        return rc;
    }
    *out = stream;
    return 0;
}

int config_read(const char *file, struct config **out, char *why, size_t why_size) {
    FILE *stream;
    int rc = open_file(file, &stream, why, why_size);

    if (rc < 0)
        return rc;
    rc = config_read_stream(stream, file, out, why, why_size);
    fclose(stream);
    return rc;
}

int config_read_users(const char *file, struct auth_user **user, size_t *count, char *why, size_t why_size) {
    struct config config = {.file = (char *)file};
    struct reader r = {.config = &config, .users_only = true, .section = SECTIONS, .why = why, .why_size = why_size};
    int rc = open_file(file, &r.stream, why, why_size);

    if (rc < 0)
        return rc;
    rc = read_all(&r);
    fclose(r.stream);
    if (rc < 0) {
        free(config.user);
        return rc;
    }
    *user = config.user;
    *count = config.user_count;
    return 0;
}

void config_free(struct config *config) {
    if (!config)
        return;
    for (size_t i = 0; i < config->path_count; i++) {
        free(config->path[i].server);
        free(config->path[i].congestion);
    }
    free(config->path);
    free(config->file);
    free(config->name);
    free(config->scheduler);
    free(config->congestion);
    free(config->route);
    free(config->listen);
    free(config->certificate);
    free(config->private_key);
    free(config->pool);
    free(config->advertise);
    free(config->users_file);
    free(config->user);
    free(config->authority);
    free(config->path_template);
    free(config->server_host);
    free(config->token);
    free(config->ca_file);
    free(config->server_name);
    free(config->control_group);
    free(config->run_as);
    free(config);
}

int config_instance_name(const char *file, char *name, size_t size) {
    const char *slash = strrchr(file, '/'), *base = slash ? slash + 1 : file;
    size_t length = strlen(base);

    if (length > 5 && strcmp(base + length - 5, ".conf") == 0)
        length -= 5;
    if (length == 0 || length >= size || length >= ARGUMENT_MAX - 4 || *base == '.')
        return -EINVAL;
    for (size_t i = 0; i < length; i++) {
        if (!isalnum((unsigned char)base[i]) && !strchr("._-", base[i]))
            return -EINVAL;
    }
    memcpy(name, base, length);
    name[length] = '\0';
    return 0;
}
