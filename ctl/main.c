/* SPDX-License-Identifier: GPL-2.0-or-later */
/* main: the command line of mpvpnctl: options of options.def, then a command of methods.def; carried out here or by the
 * daemon, and printed. It leaves out the meaning of any command. Invariant: standard output has results only; every
 * complaint goes to standard error with the exit status that mpvpnctl(8) promises. Standards: none. */
#include <getopt.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

#include "build-config.h"
#include "ctl/commands.h"
#include "common/clock.h"
#include "common/output.h"
#include "ctl/connect.h"
#include "ctl/keygen.h"
#include "ctl/print.h"

#define WHY_MAX 512

enum option_id {
#define OPTION(letter, name, argument, help) OPTION_##name,
#include "ctl/options.def"
#undef OPTION
    OPTIONS
};

static const struct option long_options[OPTIONS + 1] = {
#define OPTION(letter, name, argument, help)                                                                           \
    [OPTION_##name] = {#name, (argument) ? required_argument : no_argument, NULL, letter},
#include "ctl/options.def"
#undef OPTION
};

static const char letters[OPTIONS] = {
#define OPTION(letter, name, argument, help) [OPTION_##name] = letter,
#include "ctl/options.def"
#undef OPTION
};

/* What stands before the command. */
struct settings {
    const char *name;
    const char *socket;
    bool json;
    bool version;
    bool help;
};

static int usage_error(const char *why) {
    fprintf(stderr, "mpvpnctl: %s\nTry 'mpvpnctl --help'.\n", why);
    return EXIT_USAGE;
}

/* @return 0, or -1: told by getopt */
static int parse_options(int argc, char **argv, struct settings *out) {
    char shorts[2 * OPTIONS + 2] = "+", *p = shorts + 1;
    int letter;

    for (size_t i = 0; i < OPTIONS; i++) {
        *p++ = letters[i];
        if (long_options[i].has_arg) {
            *p++ = ':';
        }
    }
    while ((letter = getopt_long(argc, argv, shorts, long_options, NULL)) != -1) {
        if (letter == letters[OPTION_name]) {
            out->name = optarg;
        } else if (letter == letters[OPTION_socket]) {
            out->socket = optarg;
        } else if (letter == letters[OPTION_json]) {
            out->json = true;
        } else if (letter == letters[OPTION_version]) {
            out->version = true;
        } else if (letter == letters[OPTION_help]) {
            out->help = true;
        } else {
            return -1;
        }
    }
    return 0;
}

static void print_result(const struct command_line *line, bool json, const json_t *result) {
    if (line->openmetrics) {
        print_openmetrics(stdout, result);
    } else if (json) {
        print_json(stdout, result);
    } else {
        print_text(stdout, line->command->id, result);
    }
}

/* Call, print, and again as long as --watch says. */
static enum exit_status call_daemon(int fd, const struct command_line *line, bool json) {
    const struct timespec pause = {.tv_sec = (time_t)(line->watch / NS_PER_SEC),
                                   .tv_nsec = (long)(line->watch % NS_PER_SEC)};
    bool screen = line->watch && !json && !line->openmetrics && isatty(STDOUT_FILENO);
    struct jsonrpc_error error = {0};
    enum exit_status status;
    json_t *result;

    for (;;) {
        status = connect_call(fd, line->command->method, line->params, &result, &error);
        if (status != EXIT_DONE) {
            fprintf(stderr, "mpvpnctl: %s\n", error.message);
            return status;
        }
        if (screen) {
            fputs("\033[H\033[2J", stdout);
        }
        print_result(line, json, result);
        json_decref(result);
        if (!line->watch) {
            return EXIT_DONE;
        }
        if (!screen && !json) {
            fputc('\n', stdout);
        }
        fflush(stdout);
        nanosleep(&pause, NULL);
    }
}

static enum exit_status run_with_daemon(const struct settings *settings, const struct command_line *line) {
    char why[WHY_MAX];
    enum exit_status status;
    int fd = connect_daemon(settings->socket, settings->name, &status, why, sizeof why);

    if (fd < 0) {
        fprintf(stderr, "mpvpnctl: %s\n", why);
        return status;
    }
    status = call_daemon(fd, line, settings->json || line->json);
    close(fd);
    return status;
}

static enum exit_status run_here(const struct command_line *line) {
    char why[WHY_MAX] = "";

    if (line->command->id == COMMAND_completion) {
        command_completion(stdout);
        return EXIT_DONE;
    }
    if (keygen(stdout, line->words[0], line->words[1] ? line->words[1] : "server", why, sizeof why) < 0) {
        fprintf(stderr, "mpvpnctl: %s\n", why);
        return EXIT_REFUSED;
    }
    return EXIT_DONE;
}

/* A result that nobody could take is no result. */
static int finish(int status) {
    return !output_finish("mpvpnctl") && status == EXIT_DONE ? EXIT_REFUSED : status;
}

int main(int argc, char **argv) {
    struct settings settings = {0};
    struct command_line line = {0};
    char why[COMMAND_WHY_MAX];
    int status;

    if (parse_options(argc, argv, &settings) < 0) {
        fprintf(stderr, "Try 'mpvpnctl --help'.\n");
        return EXIT_USAGE;
    }
    if (settings.version) {
        printf("mpvpnctl %s\n", PACKAGE_VERSION);
        return finish(EXIT_DONE);
    }
    if (settings.help) {
        command_help_all(stdout);
        return finish(EXIT_DONE);
    }
    if (settings.name && settings.socket) {
        return usage_error("-n and -s exclude each other");
    }
    if (optind == argc) {
        return usage_error("no command given");
    }
    if (command_parse(argc - optind, argv + optind, &line, why, sizeof why) < 0) {
        return usage_error(why);
    }
    if (line.help) {
        if (line.command) {
            command_help(stdout, line.command);
        } else {
            command_help_group(stdout, argv[optind]);
        }
        return finish(EXIT_DONE);
    }
    status = (int)(line.command->method ? run_with_daemon(&settings, &line) : run_here(&line));
    json_decref(line.params);
    return finish(status);
}
