/* SPDX-License-Identifier: GPL-2.0-or-later */
/* commands: the words of the command line as methods.def has them: finding a command, its arguments as JSON, help and
 * completion. */
#ifndef MPVPN_CTL_COMMANDS_H
#define MPVPN_CTL_COMMANDS_H

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>

#define COMMAND_WHY_MAX 256u /**< bytes of any fault told here, with NUL */

/** Every command, methods first. */
enum command_id {
#define METHOD(symbol, name, words, roles, access, help) COMMAND_##symbol,
#define LOCAL(symbol, words, usage, help) COMMAND_##symbol,
#include "common/methods.def"
    COMMANDS /**< how many there are */
};

/** One command. */
struct command {
    enum command_id id; /**< which */
    const char *method; /**< JSON-RPC method; NULL: needs no daemon */
    const char *words;  /**< "path list" */
    const char *usage;  /**< for those without a daemon: what follows the words */
    const char *help;   /**< one line */
};

/** What a command line asks for. */
struct command_line {
    const struct command *command; /**< which */
    json_t *params;                /**< for the method; NULL: none. A reference of its own */
    const char *words[2];          /**< arguments of a command without daemon; NULL: not given */
    bool json;                     /**< --json came after the command */
    bool help;                     /**< --help */
    bool openmetrics;              /**< stats --openmetrics */
    unsigned long long watch;      /**< stats --watch: ns between; 0: once */
};

/**
 * Understand a command and its arguments.
 * @param out params to be given back by the caller
 * @param why filled on failure
 * @return 0, or -EINVAL: no such command, or wrong arguments; out->help with a NULL command: help on all of argv's
 * first word
 */
int command_parse(int argc, char **argv, struct command_line *out, char *why, size_t why_size);

/** Help on all commands, and on the options. */
void command_help_all(FILE *stream);
/** Help on the commands that begin with this word. @return how many there are */
int command_help_group(FILE *stream, const char *word);
/** Help on one command. */
void command_help(FILE *stream, const struct command *command);
/** The completion script for bash. */
void command_completion(FILE *stream);

#endif
