/* SPDX-License-Identifier: GPL-2.0-or-later */
/* command: the emulator's line protocol.
 *
 * How it works: a line is cut at spaces; the first word names the command in a table. Each line is answered by one
 * line, which begins with "ok" or "error". A set whose words are not all sound changes nothing. What it leaves out:
 * quoting. */
#include <errno.h>
#include <math.h>
#include <string.h>

#include "common/clock.h"
#include "tests/lab/emulator.h"

#define WORDS_MAX 32u /**< words of a line at most */

/** A line. */
struct line {
    char *word[WORDS_MAX + 1]; /**< its words, then NULL */
    unsigned count;            /**< of them */
    uint64_t now;              /**< ns */
    FILE *answer;              /**< where the answer goes */
};

/** A command. */
struct command {
    const char *name;                                         /**< first word */
    unsigned least, most;                                     /**< words after it */
    const char *usage;                                        /**< what they are */
    int (*run)(struct emulator *emulator, struct line *line); /**< as command_run */
};

static int refuse(const struct line *line, const char *what, const char *text) {
    fprintf(line->answer, "error %s%s\n", what, text);
    return -EINVAL;
}

static struct path *find(struct emulator *emulator, const char *name) {
    for (unsigned i = 0; i < emulator->count; i++)
        if (strcmp(emulator->path[i].name, name) == 0)
            return &emulator->path[i];
    return NULL;
}

/** Apply the words from the fourth on. */
static int parse(const struct line *line, struct linkmodel_settings *settings) {
    char problem[300];

    for (unsigned i = 3; i < line->count; i++)
        if (settings_parse(settings, line->word[i], problem, sizeof problem) != 0)
            return refuse(line, problem, "");
    return 0;
}

static int run_set(struct emulator *emulator, struct line *line) {
    struct path *path = find(emulator, line->word[1]);
    bool both = strcmp(line->word[2], "both") == 0;
    bool up = both || strcmp(line->word[2], "up") == 0, down = both || strcmp(line->word[2], "down") == 0;
    struct linkmodel_settings up_settings, down_settings;

    if (path == NULL)
        return refuse(line, "there is no path ", line->word[1]);
    if (!up && !down)
        return refuse(line, "a direction is up, down or both, not ", line->word[2]);
    up_settings = path->up.model.settings;
    down_settings = path->down.model.settings;
    if ((up && parse(line, &up_settings) != 0) || (down && parse(line, &down_settings) != 0))
        return -EINVAL;
    linkmodel_set(&path->up.model, &up_settings, line->now);
    linkmodel_set(&path->down.model, &down_settings, line->now);
    fputs("ok\n", line->answer);
    return 0;
}

/** @return bit/s; 0: no time has passed */
static double rate(uint64_t bytes, uint64_t first, uint64_t last) {
    return last > first ? (double)bytes * 8e9 / (double)(last - first) : 0;
}

/** What the link carried by the clock, with what a packet costs beyond its IP length. */
static double written_rate(const struct direction *d) {
    uint64_t overhead = d->written > 0 ? (d->written - 1) * d->model.settings.overhead : 0;

    return rate(d->written_bytes + overhead, d->first, d->last);
}

static void print_direction(const struct direction *d, const char *name, FILE *answer) {
    const struct linkmodel_statistics *s = &d->model.statistics;
    double mean = s->out > 0 ? s->delay_sum / (double)s->out : 0;
    double variance = s->out > 0 ? s->delay_sum2 / (double)s->out - mean * mean : 0;

    fprintf(answer, " %s_in=%ju %s_out=%ju %s_in_bytes=%ju %s_out_bytes=%ju", name, (uintmax_t)s->in, name,
            (uintmax_t)s->out, name, (uintmax_t)s->in_bytes, name, (uintmax_t)s->out_bytes);
    fprintf(answer, " %s_lost=%ju %s_dropped=%ju %s_policed=%ju %s_blacked=%ju", name, (uintmax_t)s->lost, name,
            (uintmax_t)s->dropped, name, (uintmax_t)s->policed, name, (uintmax_t)s->blacked);
    fprintf(answer, " %s_reordered=%ju %s_refused=%ju %s_rate_bps=%.0f %s_written_bps=%.0f", name,
            (uintmax_t)s->reordered, name, (uintmax_t)d->refused, name,
            rate(s->out_bytes - s->first_bytes, s->first, s->last), name, written_rate(d));
    fprintf(answer, " %s_delay_us=%.0f %s_deviation_us=%.0f %s_delay_max_us=%.0f", name, mean * 1e-3, name,
            sqrt(variance > 0 ? variance : 0) * 1e-3, name, (double)s->delay_max * 1e-3);
    fprintf(answer, " %s_late_us=%.0f %s_late_max_us=%.0f", name,
            d->written > 0 ? (double)d->late_sum * 1e-3 / (double)d->written : 0, name, (double)d->late_max * 1e-3);
}

static int run_stats(struct emulator *emulator, struct line *line) {
    const struct path *path = find(emulator, line->word[1]);

    if (path == NULL)
        return refuse(line, "there is no path ", line->word[1]);
    fputs("ok", line->answer);
    print_direction(&path->up, "up", line->answer);
    print_direction(&path->down, "down", line->answer);
    fputs("\n", line->answer);
    return 0;
}

static void reset(struct direction *d) {
    memset(&d->model.statistics, 0, sizeof d->model.statistics);
    d->written = d->written_bytes = d->late_sum = d->late_max = d->refused = 0;
}

static int run_reset(struct emulator *emulator, struct line *line) {
    struct path *path = find(emulator, line->word[1]);

    if (path == NULL)
        return refuse(line, "there is no path ", line->word[1]);
    reset(&path->up);
    reset(&path->down);
    fputs("ok\n", line->answer);
    return 0;
}

static int run_quit(struct emulator *emulator, struct line *line) {
    (void)emulator;
    fputs("ok\n", line->answer);
    return 1;
}

static const struct command commands[] = {
    {"set", 3, WORDS_MAX, "PATH up|down|both KEY=VALUE...", run_set},
    {"stats", 1, 1, "PATH", run_stats},
    {"reset", 1, 1, "PATH", run_reset},
    {"quit", 0, 0, "", run_quit},
};

int command_run(struct emulator *emulator, char *text, uint64_t now, FILE *answer) {
    struct line line = {.now = now, .answer = answer};
    char *rest = text, *word;

    while ((word = strsep(&rest, " \t\r\n")) != NULL) {
        if (*word == 0)
            continue;
        if (line.count == WORDS_MAX)
            return refuse(&line, "too many words", "");
        line.word[line.count++] = word;
    }
    if (line.count == 0)
        return refuse(&line, "an empty line", "");
    for (size_t i = 0; i < sizeof commands / sizeof *commands; i++) {
        if (strcmp(commands[i].name, line.word[0]) != 0)
            continue;
        if (line.count - 1 >= commands[i].least && line.count - 1 <= commands[i].most)
            return commands[i].run(emulator, &line);
        fprintf(answer, "error usage: %s %s\n", commands[i].name, commands[i].usage);
        return -EINVAL;
    }
    return refuse(&line, "there is no command ", line.word[0]);
}
