/* SPDX-License-Identifier: GPL-2.0-or-later */
/* log: one line a message on stderr, with the syslog priority in front as "<N>" when stderr is journald's
 * (JOURNAL_STREAM) and in plain text with a wall-clock time otherwise; after log_to_syslog() by syslog(3). The level is
 * the one process-wide setting. Nothing here is called per packet, except through log_limited(). */
#ifndef MPVPN_COMMON_LOG_H
#define MPVPN_COMMON_LOG_H

#include <stdbool.h>
#include <stdint.h>

/** Levels, the syslog priorities of the same names. */
enum log_level {
    LOG_LEVEL_ERROR = 3,
    LOG_LEVEL_WARNING = 4,
    LOG_LEVEL_NOTICE = 5,
    LOG_LEVEL_INFO = 6,
    LOG_LEVEL_DEBUG = 7
};

/** Messages above this level are not written. */
void log_set_level(enum log_level level);
enum log_level log_get_level(void);
/** Name ("error" … "debug") to level. @return 0, or -EINVAL */
int log_level_parse(const char *name, enum log_level *out);
const char *log_level_name(enum log_level level);
/** From now on write by syslog(3) under this ident (kept by the caller for the process's life); warnings and errors to
 * stderr as well, for who waits for the start there. */
void log_to_syslog(const char *ident);

void log_write(enum log_level level, const char *format, ...) __attribute__((format(printf, 2, 3)));

#define log_error(...) log_write(LOG_LEVEL_ERROR, __VA_ARGS__)
#define log_warning(...) log_write(LOG_LEVEL_WARNING, __VA_ARGS__)
#define log_notice(...) log_write(LOG_LEVEL_NOTICE, __VA_ARGS__)
#define log_info(...) log_write(LOG_LEVEL_INFO, __VA_ARGS__)
/** Arguments are evaluated only at level debug. */
#define log_debug(...)                                                                                                 \
    do {                                                                                                               \
        if (log_get_level() >= LOG_LEVEL_DEBUG)                                                                        \
            log_write(LOG_LEVEL_DEBUG, __VA_ARGS__);                                                                   \
    } while (0)

/** State of a message that may come often: at most one a second, with how many were left out. Zeroed = fresh. */
struct log_limit {
    uint64_t next;       /**< monotonic ns before which nothing is written */
    uint64_t suppressed; /**< messages left out since the last one */
};
/** Whether to write now; counts what is left out. */
bool log_limit_allows(struct log_limit *limit, uint64_t now);
/** Likewise, but after a quiet time that many messages more may come at once. */
bool log_limit_allows_burst(struct log_limit *limit, unsigned burst, uint64_t now);

#endif
