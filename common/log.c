/* SPDX-License-Identifier: GPL-2.0-or-later */
/* log: one message is one write(2) to stderr, so that lines of several processes never mix. Where the environment's
 * JOURNAL_STREAM names stderr's device and inode, the line begins with "<priority>" for journald, else with the
 * wall-clock time and the level's name. Text from the network may be among a message: control characters come out as
 * '?', so that a message is always one line. It leaves out buffering, files and rotation: whoever starts the daemon has
 * those. Invariant: nothing here fails; a message that cannot be written is lost. Standards: sd-daemon(3) for the "<N>"
 * prefix, systemd.exec(5) for JOURNAL_STREAM. */
#include "common/log.h"

#include <errno.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <syslog.h>
#include <time.h>
#include <unistd.h>

#include "common/clock.h"

#define LINE_MAX_BYTES 2048 /* a longer message is cut */

static _Atomic enum log_level current_level = LOG_LEVEL_INFO; /* set by one thread, read by all */
static bool to_syslog;

static const struct {
    enum log_level level;
    const char *name;
} levels[] = {{LOG_LEVEL_ERROR, "error"},
              {LOG_LEVEL_WARNING, "warning"},
              {LOG_LEVEL_NOTICE, "notice"},
              {LOG_LEVEL_INFO, "info"},
              {LOG_LEVEL_DEBUG, "debug"}};

#define LEVEL_COUNT (sizeof levels / sizeof *levels)

void log_set_level(enum log_level level) {
    current_level = level;
}

enum log_level log_get_level(void) {
    return current_level;
}

int log_level_parse(const char *name, enum log_level *out) {
    for (size_t i = 0; i < LEVEL_COUNT; i++) {
        if (strcmp(name, levels[i].name) == 0) {
            *out = levels[i].level;
            return 0;
        }
    }
    return -EINVAL;
}

const char *log_level_name(enum log_level level) {
    for (size_t i = 0; i < LEVEL_COUNT; i++) {
        if (levels[i].level == level)
            return levels[i].name;
    }
    return "unknown";
}

void log_to_syslog(const char *ident) {
    openlog(ident, LOG_PID, LOG_DAEMON);
    to_syslog = true;
}

/* Whether stderr is the stream that journald gave us. */
static bool stderr_is_journal(void) {
    const char *stream = getenv("JOURNAL_STREAM");
    unsigned long long device, inode;
    struct stat st;

    if (!stream || sscanf(stream, "%llu:%llu", &device, &inode) != 2)
        return false;
    return fstat(STDERR_FILENO, &st) == 0 && st.st_dev == device && st.st_ino == inode;
}

static size_t print_prefix(enum log_level level, char *line, size_t size) {
    struct tm tm;
    time_t now;
    size_t n;

    if (stderr_is_journal())
        return (size_t)snprintf(line, size, "<%d>", (int)level);
    now = time(NULL);
    if (!localtime_r(&now, &tm))
        return 0;
    n = strftime(line, size, "%Y-%m-%d %H:%M:%S ", &tm);
    return n + (size_t)snprintf(line + n, size - n, "%s: ", log_level_name(level));
}

void log_write(enum log_level level, const char *format, ...) {
    char line[LINE_MAX_BYTES];
    size_t prefix, used;
    va_list args;
    int n;

    if (level > current_level)
        return;
    prefix = print_prefix(level, line, sizeof line);
    va_start(args, format);
    n = vsnprintf(line + prefix, sizeof line - prefix - 1, format, args);
    va_end(args);
    if (n < 0)
        return;
    used = prefix + ((size_t)n < sizeof line - prefix - 1 ? (size_t)n : sizeof line - prefix - 2);
    for (size_t i = prefix; i < used; i++) {
        if ((unsigned char)line[i] < ' ' || line[i] == 0x7f)
            line[i] = '?';
    }
    line[used] = '\0';
    if (to_syslog)
        syslog((int)level, "%s", line + prefix);
    if (to_syslog && level > LOG_LEVEL_WARNING)
        return;
    line[used++] = '\n';
    if (write(STDERR_FILENO, line, used) < 0)
        return;
}

bool log_limit_allows_burst(struct log_limit *limit, unsigned burst, uint64_t now) {
    const uint64_t saved = burst * NS_PER_SEC, earliest = now > saved ? now - saved : 0;

    if (now < limit->next) {
        limit->suppressed++;
        return false;
    }
    limit->next = (limit->next > earliest ? limit->next : earliest) + NS_PER_SEC;
    return true;
}

bool log_limit_allows(struct log_limit *limit, uint64_t now) {
    return log_limit_allows_burst(limit, 0, now);
}
