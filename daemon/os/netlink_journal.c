/* SPDX-License-Identifier: GPL-2.0-or-later */
/* netlink_journal: the list of our changes to the system, and a text file that survives us.
 * A line is written in one write() before the change it names is made: "+ CHANGE"; once a change is undone (or was not
 * ours after all), "- CHANGE" strikes it out. "boot ID" stands before the lines of each process: what was changed
 * before the last boot does not exist any more. A change is nine words: kind, ifindex, device, prefix, gateway, source,
 * table, metric, MTU. When nothing is left the file is emptied, and removed at the end; when it has grown, it is made
 * anew by a temporary file and rename. The file is locked as long as it is open, so that nobody undoes the changes of a
 * process that lives. It leaves out fsync: the file outlives the process, and need not outlive the kernel whose state
 * it describes. Invariant: every change that may be in force stands in the file; the reverse need not hold. A line that
 * is truncated or makes no sense is logged with its number, and costs only itself. */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "common/log.h"
#include "os/netlink_internal.h"

#define LINE_MAX_BYTES (NETLINK_CHANGE_TEXT_MAX + 4) /* "+ ", the change, newline, NUL */
#define REWRITE_BYTES (64u * 1024)                   /* made anew after so much was written */
#define BOOT_TEXT_MAX 64                             /* boot ID, with NUL */

static const char *const kind_names[NETLINK_CHANGE_KINDS] = {
    [NETLINK_CHANGE_UP] = "up",       [NETLINK_CHANGE_MTU] = "mtu",   [NETLINK_CHANGE_ADDRESS] = "address",
    [NETLINK_CHANGE_ROUTE] = "route", [NETLINK_CHANGE_RULE] = "rule",
};

const char *netlink_change_print(const struct netlink_change *change, char *text) {
    char prefix[IP_PREFIX_TEXT_MAX], gateway[IP_ADDR_TEXT_MAX], source[IP_ADDR_TEXT_MAX];

    snprintf(text, NETLINK_CHANGE_TEXT_MAX, "%s %u %s %s %s %s %u %u %u", kind_names[change->kind], change->ifindex,
             change->device[0] ? change->device : "-",
             change->prefix.addr.version ? ip_prefix_print(&change->prefix, prefix) : "none",
             ip_addr_print(&change->gateway, gateway), ip_addr_print(&change->source, source), change->table,
             change->metric, change->mtu_bytes);
    return text;
}

/** An address or "none". */
static int parse_addr(const char *text, struct ip_addr *out) {
    return strcmp(text, "none") == 0 ? 0 : ip_addr_parse(text, out);
}

int netlink_change_parse(const char *text, struct netlink_change *out) {
    char kind[9], prefix[IP_PREFIX_TEXT_MAX], gateway[IP_ADDR_TEXT_MAX], source[IP_ADDR_TEXT_MAX];
    struct netlink_change change;
    int end = -1;

    memset(&change, 0, sizeof change);
    if (sscanf(text, "%8s %u %15s %49s %45s %45s %u %u %u%n", kind, &change.ifindex, change.device, prefix, gateway,
               source, &change.table, &change.metric, &change.mtu_bytes, &end) != 9 ||
        end < 0 || text[end])
        return -EINVAL;
    while (change.kind < NETLINK_CHANGE_KINDS && strcmp(kind, kind_names[change.kind]) != 0)
        change.kind++;
    if (change.kind == NETLINK_CHANGE_KINDS)
        return -EINVAL;
    if (strcmp(prefix, "none") != 0 && ip_prefix_parse(prefix, &change.prefix))
        return -EINVAL;
    if (parse_addr(gateway, &change.gateway) || parse_addr(source, &change.source))
        return -EINVAL;
    if (strcmp(change.device, "-") == 0)
        memset(change.device, 0, sizeof change.device);
    if (change.kind >= NETLINK_CHANGE_ADDRESS && change.prefix.addr.version == 0)
        return -EINVAL;
    if (change.kind != NETLINK_CHANGE_RULE && (change.ifindex == 0 || !change.device[0]))
        return -EINVAL;
    memset(change.device + strlen(change.device), 0, sizeof change.device - strlen(change.device));
    *out = change;
    return 0;
}

/** This boot's identity. @param text BOOT_TEXT_MAX bytes; "unknown" when the kernel does not say */
static void boot_read(char *text) {
    FILE *file = fopen("/proc/sys/kernel/random/boot_id", "re");

    if (!file || fscanf(file, "%63s", text) != 1)
        strcpy(text, "unknown");
    if (file)
        fclose(file);
}

/** Write a whole line, or nothing: half a line may make sense, with another number at its end. @return 0 or -errno */
static int line_write(struct netlink_journal *journal, const char *line) {
    size_t length = strlen(line);
    ssize_t written = write(journal->fd, line, length);
    struct stat status;

    if (written < 0)
        return -errno;
    if ((size_t)written == length) {
        journal->written_bytes += length;
        return 0;
    }
    if (fstat(journal->fd, &status) < 0 || ftruncate(journal->fd, status.st_size - written) < 0)
        journal->begun = false; /* so that the next line does not continue this one */
    return -ENOSPC;
}

/** Write "+ CHANGE" or "- CHANGE", and the boot line before the first. @return 0 or -errno */
static int change_write(struct netlink_journal *journal, char sign, const struct netlink_change *change) {
    char text[NETLINK_CHANGE_TEXT_MAX], line[LINE_MAX_BYTES], boot[BOOT_TEXT_MAX];
    int rc;

    if (journal->fd < 0)
        return 0;
    if (!journal->begun) {
        boot_read(boot);
        /* The newline before it ends whatever line a former process may have left unfinished. */
        snprintf(line, sizeof line, "\nboot %s\n", boot);
        rc = line_write(journal, line);
        if (rc)
            return rc;
        journal->begun = true;
    }
    snprintf(line, sizeof line, "%c %s\n", sign, netlink_change_print(change, text));
    return line_write(journal, line);
}

/** Empty the file: nothing of ours is in force. */
static void empty(struct netlink_journal *journal) {
    if (journal->fd >= 0 && ftruncate(journal->fd, 0) < 0)
        log_warning("%s: cannot empty it: %s", journal->path, strerror(errno));
    journal->begun = false;
    journal->written_bytes = 0;
}

/** Make the file anew with only what is in force; when that fails the long one goes on serving. */
static void rewrite(struct netlink_journal *journal) {
    struct netlink_journal fresh = {.fd = -1};
    char path[4096];
    int rc = 0;

    journal->written_bytes = 0;
    if ((size_t)snprintf(path, sizeof path, "%s.new", journal->path) >= sizeof path)
        return;
    unlink(path);
    fresh.fd = open(path, O_RDWR | O_CREAT | O_EXCL | O_APPEND | O_NOFOLLOW | O_CLOEXEC, 0600);
    if (fresh.fd < 0)
        return;
    for (size_t i = 0; rc == 0 && i < journal->count; i++)
        rc = change_write(&fresh, '+', &journal->changes[i]);
    if (rc || flock(fresh.fd, LOCK_EX | LOCK_NB) < 0 || rename(path, journal->path) < 0) {
        unlink(path);
        close(fresh.fd);
        return;
    }
    close(journal->fd);
    journal->fd = fresh.fd;
    journal->begun = true;
}

/** Open and lock the file that the path names. @return 0; -ESTALE: its former owner has just removed it; other -errno,
 * sentence in why */
static int open_locked(struct netlink_journal *journal, char *why, size_t why_size) {
    struct stat status, named;
    int rc;

    journal->fd = open(journal->path, O_RDWR | O_CREAT | O_APPEND | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC, 0600);
    if (journal->fd < 0 || fstat(journal->fd, &status) < 0) {
        rc = -errno;
        snprintf(why, why_size, "cannot open the journal %s: %s", journal->path, strerror(-rc));
        return rc;
    }
    if (!S_ISREG(status.st_mode)) {
        snprintf(why, why_size, "the journal %s is not a regular file", journal->path);
        return -EINVAL;
    }
    if (flock(journal->fd, LOCK_EX | LOCK_NB) < 0) {
        snprintf(why, why_size, "the journal %s is in use by a running mpvpnd", journal->path);
        return -EBUSY;
    }
    if (stat(journal->path, &named) < 0 || named.st_dev != status.st_dev || named.st_ino != status.st_ino) {
        close(journal->fd);
        journal->fd = -1;
        return -ESTALE;
    }
    journal->locked = true;
    return 0;
}

int netlink_journal_open(struct netlink_journal *journal, const char *path, char *why, size_t why_size) {
    int rc;

    *journal = (struct netlink_journal){.fd = -1};
    if (!path)
        return 0;
    journal->path = strdup(path);
    if (!journal->path)
        return -ENOMEM;
    do {
        rc = open_locked(journal, why, why_size);
    } while (rc == -ESTALE);
    return rc;
}

/** With nothing left to undo the file goes, too; in a directory that is not ours it stays, empty. */
static void remove_empty(const struct netlink_journal *journal) {
    struct stat status;

    if (journal->locked && journal->count == 0 && fstat(journal->fd, &status) == 0 && status.st_size == 0)
        (void)unlink(journal->path);
}

void netlink_journal_close(struct netlink_journal *journal) {
    if (journal->path && journal->fd >= 0) {
        remove_empty(journal);
        close(journal->fd);
    }
    free(journal->path);
    free(journal->changes);
    *journal = (struct netlink_journal){.fd = -1};
}

/** Append to the list. @return 0 or -ENOMEM */
static int list_push(struct netlink_journal *journal, const struct netlink_change *change) {
    if (journal->count == journal->capacity) {
        size_t capacity = journal->capacity ? 2 * journal->capacity : 16;
        struct netlink_change *larger = realloc(journal->changes, capacity * sizeof *larger);

        if (!larger)
            return -ENOMEM;
        journal->changes = larger;
        journal->capacity = capacity;
    }
    journal->changes[journal->count++] = *change;
    return 0;
}

static void list_remove(struct netlink_journal *journal, size_t index) {
    journal->count--;
    memmove(&journal->changes[index], &journal->changes[index + 1],
            (journal->count - index) * sizeof *journal->changes);
}

int netlink_journal_add(struct netlink_journal *journal, const struct netlink_change *change) {
    int rc = list_push(journal, change);

    if (rc)
        return rc;
    rc = change_write(journal, '+', change);
    if (rc)
        list_remove(journal, journal->count - 1);
    if (rc)
        log_error("%s: cannot write, so nothing is changed: %s", journal->path, strerror(-rc));
    return rc;
}

void netlink_journal_strike(struct netlink_journal *journal, size_t index) {
    struct netlink_change change = journal->changes[index];

    list_remove(journal, index);
    if (journal->fd < 0)
        return;
    if (journal->count == 0)
        empty(journal);
    else if (change_write(journal, '-', &change) == 0 && journal->written_bytes > REWRITE_BYTES)
        rewrite(journal);
}

size_t netlink_journal_find(const struct netlink_journal *journal, const struct netlink_change *change) {
    for (size_t i = journal->count; i > 0; i--) {
        const struct netlink_change *at = &journal->changes[i - 1];

        if (at->kind != change->kind || at->ifindex != change->ifindex)
            continue;
        if (change->kind == NETLINK_CHANGE_MTU || change->kind == NETLINK_CHANGE_UP)
            return i - 1;
        if (ip_addr_compare(&at->prefix.addr, &change->prefix.addr) == 0 &&
            at->prefix.length == change->prefix.length && ip_addr_compare(&at->gateway, &change->gateway) == 0 &&
            ip_addr_compare(&at->source, &change->source) == 0 && at->table == change->table &&
            at->metric == change->metric && at->mtu_bytes == change->mtu_bytes)
            return i - 1;
    }
    return journal->count;
}

bool netlink_journal_has_address(const struct netlink_journal *journal, unsigned ifindex, const struct ip_addr *addr) {
    for (size_t i = 0; i < journal->count; i++) {
        const struct netlink_change *at = &journal->changes[i];

        if (at->kind == NETLINK_CHANGE_ADDRESS && at->ifindex == ifindex &&
            ip_addr_compare(&at->prefix.addr, addr) == 0)
            return true;
    }
    return false;
}

bool netlink_journal_has_device(const struct netlink_journal *journal, unsigned ifindex) {
    for (size_t i = 0; i < journal->count; i++)
        if (journal->changes[i].ifindex == ifindex)
            return true;
    return false;
}

/** Take one line of a former process. @param current whether the lines are of this boot; changed by boot lines @return
 * 0, -EINVAL, -ENOMEM */
static int line_take(struct netlink_journal *journal, const char *line, const char *boot, bool *current) {
    struct netlink_change change;
    size_t index;

    if (strncmp(line, "boot ", 5) == 0) {
        *current = strcmp(line + 5, boot) == 0;
        return 0;
    }
    if ((line[0] != '+' && line[0] != '-') || line[1] != ' ' || netlink_change_parse(line + 2, &change))
        return -EINVAL;
    if (!*current)
        return 0;
    if (line[0] == '+')
        return list_push(journal, &change);
    index = netlink_journal_find(journal, &change);
    if (index < journal->count)
        list_remove(journal, index);
    return 0;
}

int netlink_journal_load(struct netlink_journal *journal) {
    char boot[BOOT_TEXT_MAX], *line = NULL;
    size_t size = 0;
    ssize_t length;
    bool current = false;
    FILE *file;
    int rc = 0;

    if (journal->fd < 0)
        return 0;
    boot_read(boot);
    file = fopen(journal->path, "re");
    if (!file)
        return -errno;
    for (unsigned number = 1; rc == 0 && (length = getline(&line, &size, file)) >= 0; number++) {
        bool whole = length > 0 && line[length - 1] == '\n';

        if (whole)
            line[--length] = '\0';
        if (whole && length == 0)
            continue;
        rc = whole && strlen(line) == (size_t)length ? line_take(journal, line, boot, &current) : -EINVAL;
        if (rc != -EINVAL)
            continue;
        log_warning("%s:%u: %s, ignored", journal->path, number, whole ? "makes no sense" : "truncated");
        rc = 0;
    }
    free(line);
    fclose(file);
    return rc;
}

void netlink_journal_clear(struct netlink_journal *journal) {
    journal->count = 0;
    if (journal->fd >= 0)
        empty(journal);
}
