/* SPDX-License-Identifier: GPL-2.0-or-later */
/* config_values: one function a type. What is wrong is told as a clause that reads well after "[Section] Key: ",
 * quoting the value. It leaves out where values come from, and what they mean together: config.c has both. Invariants:
 * a field is written only on success; strings and lists are the config's own. Standards: RFC 6750 section 2.1
 * (characters of a token), RFC 3986 (host and port). */
#include "config_values.h"

#include <ctype.h>
#include <errno.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/stat.h>
#include <unistd.h>

#include "bond/sched.h"
#include "common/account.h"
#include "common/log.h"
#include "common/units.h"
#include "config.h"
#include "masque/connect_ip.h"

#define QUOTED_MAX 100 /* bytes of a value repeated in a message */
#define COUNT_MAX 1000000u
#define MTU_MIN 1280u /* RFC 8200 section 5 */
#define MTU_MAX 65535u
#define WORKERS_MAX 64u
#define HOST_MAX 253u /* bytes of a host name, RFC 1035 section 2.3.4 */

static int refuse(const struct config_value *value, const char *format, ...) __attribute__((format(printf, 2, 3)));

/* "\"TEXT\" " and the clause; bytes that are no printable ASCII come out as '?', since the message travels in JSON. */
static int refuse(const struct config_value *value, const char *format, ...) {
    char quoted[QUOTED_MAX + 1];
    va_list args;
    size_t n;

    snprintf(quoted, sizeof quoted, "%.*s", QUOTED_MAX, value->text);
    for (char *p = quoted; *p; p++) {
        if ((unsigned char)*p < ' ' || (unsigned char)*p > '~')
            *p = '?';
    }
    n = (size_t)snprintf(value->why, value->why_size, "\"%s\" ", quoted);
    if (n >= value->why_size)
        return -EINVAL;
    va_start(args, format);
    vsnprintf(value->why + n, value->why_size - n, format, args);
    va_end(args);
    return -EINVAL;
}

static int set_string(const struct config_value *value, const char *text) {
    char *copy = strdup(text);

    if (!copy)
        return -ENOMEM;
    free(*(char **)value->field);
    *(char **)value->field = copy;
    return 0;
}

/* Add an item to the list that field and count are. */
static int append(const struct config_value *value, const void *item, size_t size) {
    char *grown = realloc(*(void **)value->field, (*value->count + 1) * size);

    if (!grown)
        return -ENOMEM;
    memcpy(grown + *value->count * size, item, size);
    *(void **)value->field = grown;
    ++*value->count;
    return 0;
}

/* Call parse for each word of a list, separated by commas or spaces. */
static int each_word(const struct config_value *value, config_parse_fn *parse) {
    char *copy = strdup(value->text), *state = NULL;
    int rc = 0, words = 0;

    if (!copy)
        return -ENOMEM;
    for (char *word = strtok_r(copy, ", \t", &state); word && rc == 0; word = strtok_r(NULL, ", \t", &state)) {
        struct config_value one = *value;

        one.text = word;
        rc = parse(&one);
        words++;
    }
    free(copy);
    return rc == 0 && words == 0 ? refuse(value, "is an empty list") : rc;
}

/* One of a NULL-ended list of words. @return its index, or -EINVAL with why filled */
static int one_of(const struct config_value *value, const char *const *words) {
    char list[128] = "";

    for (int i = 0; words[i]; i++) {
        size_t n = strlen(list);

        if (strcmp(value->text, words[i]) == 0)
            return i;
        snprintf(list + n, sizeof list - n, "%s%s", i > 0 ? ", " : "", words[i]);
    }
    return refuse(value, "is not one of %s", list);
}

static int parse_number(const char *text, uint32_t low, uint32_t high, uint32_t *out) {
    char *end;
    unsigned long n;

    if (!isdigit((unsigned char)*text))
        return -EINVAL;
    errno = 0;
    n = strtoul(text, &end, 10);
    if (errno || *end || n < low || n > high)
        return -EINVAL;
    *out = (uint32_t)n;
    return 0;
}

int config_parse_count(const struct config_value *value) {
    if (parse_number(value->text, 1, COUNT_MAX, value->field) < 0)
        return refuse(value, "is not a number from 1 to %u", COUNT_MAX);
    return 0;
}

int config_parse_mtu(const struct config_value *value) {
    if (strcmp(value->text, "auto") == 0) {
        *(uint32_t *)value->field = 0;
        return 0;
    }
    if (parse_number(value->text, MTU_MIN, MTU_MAX, value->field) < 0)
        return refuse(value, "is neither auto nor a number from %u to %u", MTU_MIN, MTU_MAX);
    return 0;
}

int config_parse_workers(const struct config_value *value) {
    if (strcmp(value->text, "auto") == 0) {
        *(uint32_t *)value->field = 0;
        return 0;
    }
    if (parse_number(value->text, 1, WORKERS_MAX, value->field) < 0)
        return refuse(value, "is neither auto nor a number from 1 to %u", WORKERS_MAX);
    return 0;
}

int config_parse_flag(const struct config_value *value) {
    static const char *const words[] = {"no", "yes", NULL};
    int which = one_of(value, words);

    if (which < 0)
        return which;
    *(bool *)value->field = which == 1;
    return 0;
}

int config_parse_congestion(const struct config_value *value) {
    static const char *const words[] = {"auto", "bbr", "cubic", "own", NULL};
    int which = one_of(value, words);

    return which < 0 ? which : set_string(value, words[which]);
}

int config_parse_role(const struct config_value *value) {
    static const char *const words[] = {"primary", "backup", NULL};
    int which = one_of(value, words);

    if (which < 0)
        return which;
    *(bool *)value->field = which == 1;
    return 0;
}

int config_parse_scheduler(const struct config_value *value) {
    const char *words[SCHED_COUNT + 1] = {NULL};
    int which;

    for (int i = 0; i < SCHED_COUNT; i++)
        words[i] = sched_kind((enum sched_id)i)->name;
    which = one_of(value, words);
    return which < 0 ? which : set_string(value, words[which]);
}

enum sched_id config_scheduler(const struct config *config) {
    enum sched_id id = config->scheduler ? sched_find(config->scheduler, strlen(config->scheduler)) : SCHED_COUNT;

    return id == SCHED_COUNT ? (enum sched_id)0 : id;
}

int config_parse_backup_when(const struct config_value *value) {
    static const char *const words[] = {"down", "full", NULL};
    int which = one_of(value, words);

    if (which < 0)
        return which;
    *(bool *)value->field = which == 1;
    return 0;
}

int config_parse_rate(const struct config_value *value) {
    uint64_t bps = 0;

    if (strcmp(value->text, "none") != 0 && units_parse_rate(value->text, &bps) < 0)
        return refuse(value, "is not a rate, such as 20 Mbit/s, or none");
    if (bps != 0 && (bps < CONFIG_RATE_MIN || bps > CONFIG_RATE_MAX))
        return refuse(value, "is not from 64 kbit/s to 1000 Gbit/s");
    *(uint64_t *)value->field = bps;
    return 0;
}

int config_parse_weight(const struct config_value *value) {
    if (parse_number(value->text, 1, CONFIG_WEIGHT_MAX, value->field) < 0)
        return refuse(value, "is not a number from 1 to %u", CONFIG_WEIGHT_MAX);
    return 0;
}

int config_parse_duration(const struct config_value *value) {
    uint64_t ns;

    if (units_parse_duration(value->text, &ns) < 0)
        return refuse(value, "is not a time, such as 5 s or 2 min");
    if (ns > CONFIG_DURATION_MAX)
        return refuse(value, "is longer than 7 d");
    *(uint64_t *)value->field = ns;
    return 0;
}

int config_parse_busy_poll(const struct config_value *value) {
    uint64_t ns;

    if (units_parse_duration(value->text, &ns) < 0)
        return refuse(value, "is not a time, such as 50 us");
    if (ns > CONFIG_BUSY_POLL_MAX)
        return refuse(value, "is longer than 10 ms");
    *(uint64_t *)value->field = ns;
    return 0;
}

int config_parse_level(const struct config_value *value) {
    static const char *const words[] = {"error", "warning", "notice", "info", "debug", NULL};
    enum log_level level;
    int which = one_of(value, words);

    if (which < 0)
        return which;
    if (log_level_parse(words[which], &level))
        return refuse(value, "is no level");
    *(int *)value->field = (int)level;
    return 0;
}

int config_parse_word(const struct config_value *value) {
    for (const char *p = value->text; *p; p++) {
        if ((unsigned char)*p <= ' ' || (unsigned char)*p > '~')
            return refuse(value, "has a space or a character that is not ASCII");
    }
    return *value->text ? set_string(value, value->text) : refuse(value, "is empty");
}

int config_parse_token(const struct config_value *value) {
    size_t length = strspn(value->text, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-._~+/=");

    /* The token itself is a secret: no message repeats it. */
    if (length == 0 || value->text[length]) {
        snprintf(value->why, value->why_size, "has a character that no token has, at position %zu", length + 1);
        return -EINVAL;
    }
    return set_string(value, value->text);
}

int config_parse_device(const struct config_value *value) {
    size_t length = strlen(value->text);

    if (*value->text == '"' || *value->text == '\'')
        return refuse(value, "is no network device: its name stands without quotes");
    if (length == 0 || length >= IFNAMSIZ || strpbrk(value->text, "/: \t") || strcmp(value->text, ".") == 0 ||
        strcmp(value->text, "..") == 0) {
        return refuse(value, "cannot be the name of a network device");
    }
    memset(value->field, 0, IFNAMSIZ);
    memcpy(value->field, value->text, length);
    return 0;
}

/* The name of something that was looked up with this result. */
static int set_account(const struct config_value *value, const char *kind, int rc) {
    if (rc == 0)
        return set_string(value, value->text);
    if (rc == -ESRCH)
        return refuse(value, "is no %s of this system", kind);
    refuse(value, "cannot be looked up: %s", strerror(-rc));
    return rc;
}

int config_parse_account(const struct config_value *value) {
    uid_t uid;
    gid_t gid;

    return set_account(value, "user", account_user(value->text, &uid, &gid));
}

int config_parse_group(const struct config_value *value) {
    gid_t gid;

    return set_account(value, "group", account_group(value->text, &gid));
}

int config_parse_file_name(const struct config_value *value) {
    const char *slash = strrchr(value->file, '/'), *mark = strstr(value->text, "%i"), *rest = mark ? mark + 2 : "";
    int before = mark ? (int)(mark - value->text) : (int)strlen(value->text),
        directory = slash ? (int)(slash - value->file) + 1 : 0, rc;
    char *name;

    if (!*value->text)
        return refuse(value, "is empty");
    if (*value->text == '/')
        directory = 0;
    if (asprintf(&name, "%.*s%.*s%s%s", directory, value->file, before, value->text, mark ? value->instance : "",
                 rest) < 0)
        return -ENOMEM;
    rc = set_string(value, name);
    free(name);
    return rc;
}

/* What access() said. A name that leads nowhere is a fault of the value; that a disk does not answer is none. */
static int refuse_file(const struct config_value *value, int error) {
    refuse(value, "cannot be read: %s", strerror(error));
    return error == ENOENT || error == ENOTDIR || error == EACCES || error == ELOOP || error == ENAMETOOLONG ? -EINVAL
                                                                                                             : -error;
}

int config_parse_file(const struct config_value *value) {
    char *name = NULL;
    struct config_value resolved = *value;
    struct stat status;
    int rc;

    resolved.field = &name;
    rc = config_parse_file_name(&resolved);
    resolved.text = name;
    if (rc == 0 && access(name, R_OK) < 0) {
        rc = refuse_file(&resolved, errno);
    } else if (rc == 0 && stat(name, &status) == 0 && !S_ISREG(status.st_mode)) {
        rc = refuse(&resolved, "is no regular file");
    }
    if (rc == 0)
        rc = set_string(value, name);
    free(name);
    return rc;
}

int config_parse_uri_template(const struct config_value *value) {
    const char *fault = connect_ip_template_fault(value->text);

    return fault ? refuse(value, "%s", fault) : set_string(value, value->text);
}

/* Neither unspecified nor multicast nor reserved. */
static bool is_unicast(const struct ip_addr *addr) {
    if (addr->version == 4)
        return addr->bytes[0] > 0 && addr->bytes[0] < 224;
    return addr->bytes[0] != 0xff && ip_addr_compare(addr, &(struct ip_addr){.version = 6}) != 0;
}

int config_parse_source(const struct config_value *value) {
    struct ip_addr addr;

    if (ip_addr_parse(value->text, &addr) < 0)
        return refuse(value, "is not an IP address");
    /* A policy rule is made of it: one for 0.0.0.0 would catch whatever has no source address yet. */
    if (!is_unicast(&addr))
        return refuse(value, "is no address to send from");
    *(struct ip_addr *)value->field = addr;
    return 0;
}

bool config_is_host_address(const struct ip_addr *addr) {
    static const struct ip_addr loopback = {.version = 6, .bytes = {[15] = 1}};

    if (!is_unicast(addr))
        return false;
    if (addr->version == 4)
        return addr->bytes[0] != 127;
    return ip_addr_compare(addr, &loopback) != 0 && !(addr->bytes[0] == 0xfe && (addr->bytes[1] & 0xc0) == 0x80);
}

static int parse_prefix(const struct config_value *value) {
    struct ip_prefix prefix;

    if (ip_prefix_parse(value->text, &prefix) < 0)
        return refuse(value, "is not an IP prefix (ADDRESS/LENGTH)");
    return append(value, &prefix, sizeof prefix);
}

int config_parse_prefixes(const struct config_value *value) {
    return each_word(value, parse_prefix);
}

static int parse_pool(const struct config_value *value) {
    struct ip_prefix prefix;

    if (ip_prefix_parse(value->text, &prefix) == 0 && !config_is_host_address(&prefix.addr))
        return refuse(value, "has no addresses that clients can have");
    return parse_prefix(value);
}

int config_parse_pool(const struct config_value *value) {
    return each_word(value, parse_pool);
}

int config_parse_routes(const struct config_value *value) {
    struct config *config = value->base;
    struct config_value list = *value;
    int rc;

    if (strcmp(value->text, "default") == 0 || strcmp(value->text, "none") == 0) {
        if (config->route_count > 0)
            return refuse(value, "cannot stand beside prefixes");
        config->routes = *value->text == 'd' ? CONFIG_ROUTES_DEFAULT : CONFIG_ROUTES_NONE;
        return 0;
    }
    list.count = &config->route_count;
    rc = each_word(&list, parse_prefix);
    if (rc == -EINVAL)
        return refuse(value, "is not one of default, none, and no list of IP prefixes");
    if (rc == 0)
        config->routes = CONFIG_ROUTES_LIST;
    return rc;
}

static int parse_endpoint(const struct config_value *value) {
    union sock_addr endpoint;
    uint32_t port;

    if (parse_number(value->text, 1, UINT16_MAX, &port) == 0) {
        endpoint = sock_addr_make(&(struct ip_addr){.version = 6}, (uint16_t)port);
    } else if (sock_addr_parse(value->text, &endpoint) < 0 || sock_addr_port(&endpoint) == 0) {
        return refuse(value, "is not ADDRESS:PORT, [ADDRESS]:PORT or PORT");
    }
    for (size_t i = 0; i < *value->count; i++) {
        if (sock_addr_equal(&(*(union sock_addr **)value->field)[i], &endpoint))
            return refuse(value, "is there twice");
    }
    return append(value, &endpoint, sizeof endpoint);
}

int config_parse_endpoints(const struct config_value *value) {
    return each_word(value, parse_endpoint);
}

int config_split_host(const char *text, char **host, uint16_t *port) {
    static const char host_characters[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-._";
    const char *rest = text + strcspn(text, ":"), *first = text;
    size_t length = (size_t)(rest - text);
    uint32_t number = CONFIG_PORT_DEFAULT;
    struct ip_addr addr;
    char *copy;

    if (*text == '[') {
        first = text + 1;
        length = strcspn(first, "]");
        if (!first[length])
            return -EINVAL;
        rest = first + length + 1;
    } else if (ip_addr_parse(text, &addr) == 0) { /* a bare IPv6 address has colons, and no port */
        length = strlen(text);
        rest = text + length;
    }
    if (*rest && (*rest != ':' || parse_number(rest + 1, 1, UINT16_MAX, &number) < 0))
        return -EINVAL;
    copy = strndup(first, length);
    if (!copy)
        return -ENOMEM;
    if (ip_addr_parse(copy, &addr) < 0 &&
        (*text == '[' || !*copy || length > HOST_MAX || copy[strspn(copy, host_characters)])) {
        free(copy);
        return -EINVAL;
    }
    *host = copy;
    *port = (uint16_t)number;
    return 0;
}

bool config_same_authority(const char *a, const char *b) {
    char *host[2] = {NULL, NULL};
    uint16_t port[2];
    bool same = config_split_host(a, &host[0], &port[0]) == 0 && config_split_host(b, &host[1], &port[1]) == 0 &&
                strcasecmp(host[0], host[1]) == 0 && port[0] == port[1];

    free(host[0]);
    free(host[1]);
    return same;
}

int config_parse_server(const struct config_value *value) {
    struct config *config = value->base;
    char *host;
    int rc = config_split_host(value->text, &host, &config->server_port);

    if (rc == -EINVAL)
        return refuse(value, "is not HOST, HOST:PORT or [ADDRESS]:PORT");
    if (rc < 0)
        return rc;
    free(config->server_host);
    config->server_host = host;
    return 0;
}

int config_parse_server_text(const struct config_value *value) {
    char *host;
    uint16_t port;
    int rc = config_split_host(value->text, &host, &port);

    if (rc == -EINVAL)
        return refuse(value, "is not HOST, HOST:PORT or [ADDRESS]:PORT");
    if (rc < 0)
        return rc;
    free(host);
    return set_string(value, value->text);
}

int config_parse_pin(const struct config_value *value) {
    struct config *config = value->base;

    if (auth_parse_hash(value->text, config->pin) < 0)
        return refuse(value, "is not sha256: and 64 hexadecimal digits");
    config->has_pin = true;
    return 0;
}

int config_parse_token_hash(const struct config_value *value) {
    struct auth_user *user = value->base;

    /* What stands here may be the token itself, by mistake: it is not repeated. */
    if (auth_parse_hash(value->text, user->token_hash) < 0) {
        snprintf(value->why, value->why_size, "is not sha256: and 64 hexadecimal digits");
        return -EINVAL;
    }
    user->has_token = true;
    return 0;
}

int config_parse_user_address(const struct config_value *value) {
    struct auth_user *user = value->base;
    struct ip_addr addr;

    if (ip_addr_parse(value->text, &addr) < 0)
        return refuse(value, "is not an IP address");
    if (!config_is_host_address(&addr))
        return refuse(value, "is no address that a client can have");
    for (size_t i = 0; i < 2; i++) {
        if (user->address[i].version == addr.version)
            return refuse(value, "is a second address of IP version %u", addr.version);
    }
    user->address[addr.version == 4 ? 0 : 1] = addr;
    return 0;
}
