/* SPDX-License-Identifier: GPL-2.0-or-later */
/* main: the command line of mpvpnd, from options.def. Everything else is in the library, so that tests link the same
 * code. */
#include <fcntl.h>
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "build-config.h"
#include "common/output.h"
#include "config.h"
#include "daemon.h"

enum option_id {
#define OPTION(letter, name, argument, help) OPT_##name,
#include "options.def"
#undef OPTION
    OPTIONS
};

/** One option as options.def has it. */
struct option_text {
    char letter;          /* short form */
    const char *name;     /* long form, '_' for '-' */
    const char *argument; /* NULL: none */
    const char *help;     /* one line */
};

static const struct option_text option_text[OPTIONS] = {
#define OPTION(letter, name, argument, help) [OPT_##name] = {letter, #name, argument, help},
#include "options.def"
#undef OPTION
};

static void dashed(const char *name, char *out) {
    while ((*out = *name++)) {
        if (*out == '_')
            *out = '-';
        out++;
    }
}

static void print_help(void) {
    printf("Usage: mpvpnd -c FILE [OPTION]...\nThe mpvpn daemon: one tunnel, client or server, as FILE says.\n\n");
    for (size_t i = 0; i < OPTIONS; i++) {
        char name[32], left[64];
        dashed(option_text[i].name, name);
        snprintf(left, sizeof left, "-%c, --%s %s", option_text[i].letter, name,
                 option_text[i].argument ? option_text[i].argument : "");
        printf("  %-22s %s\n", left, option_text[i].help);
    }
    printf("\nSee mpvpnd(8), mpvpnd.conf(5) and mpvpnctl(8).\n");
}

/* What nobody could take was not said. */
static int finish(void) {
    return output_finish("mpvpnd") ? DAEMON_DONE : DAEMON_FAILED;
}

static int check(const char *file) {
    char why[CONFIG_WHY_MAX];
    enum daemon_status status = daemon_check(file, why, sizeof why);
    if (status != DAEMON_DONE) {
        fprintf(stderr, "%s\n", why);
        return (int)status;
    }
    printf("%s: good\n", file);
    return finish();
}

/* getopt's tables from ours. */
static void make_tables(struct option *longs, char *shorts, char names[][32]) {
    for (size_t i = 0; i < OPTIONS; i++) {
        dashed(option_text[i].name, names[i]);
        longs[i] = (struct option){.name = names[i],
                                   .has_arg = option_text[i].argument ? required_argument : no_argument,
                                   .val = option_text[i].letter};
        *shorts++ = option_text[i].letter;
        if (option_text[i].argument)
            *shorts++ = ':';
    }
    *shorts = '\0';
}

/* Who starts us may have closed the standard streams; what is opened next must not become the one that is logged to. */
static void fill_streams(void) {
    int fd;
    do {
        fd = open("/dev/null", O_RDWR);
    } while (fd >= 0 && fd <= STDERR_FILENO);
    if (fd >= 0)
        close(fd);
}

int main(int argc, char **argv) {
    struct daemon_settings settings = {.runtime_dir = RUNTIME_DIR};
    struct option longs[OPTIONS + 1] = {0};
    char shorts[2 * OPTIONS + 1], names[OPTIONS][32];
    bool only_check = false;
    int letter;
    fill_streams();
    make_tables(longs, shorts, names);
    while ((letter = getopt_long(argc, argv, shorts, longs, NULL)) != -1) {
        if (letter == option_text[OPT_config].letter) {
            settings.config_file = optarg;
        } else if (letter == option_text[OPT_daemon].letter) {
            settings.background = true;
        } else if (letter == option_text[OPT_pid_file].letter) {
            settings.pid_file = optarg;
        } else if (letter == option_text[OPT_check].letter) {
            only_check = true;
        } else if (letter == option_text[OPT_verbose].letter) {
            settings.verbose = true;
        } else if (letter == option_text[OPT_version].letter) {
            printf("mpvpnd %s\n", PACKAGE_VERSION);
            return finish();
        } else if (letter == option_text[OPT_help].letter) {
            print_help();
            return finish();
        } else {
            fprintf(stderr, "Try 'mpvpnd --help'.\n");
            return DAEMON_USAGE;
        }
    }
    if (optind < argc || !settings.config_file) {
        if (optind < argc)
            fprintf(stderr, "mpvpnd: \"%s\" is not an option\n", argv[optind]);
        else
            fprintf(stderr, "mpvpnd: no configuration given (-c FILE)\n");
        fprintf(stderr, "Try 'mpvpnd --help'.\n");
        return DAEMON_USAGE;
    }
    return only_check ? check(settings.config_file) : (int)daemon_run(&settings);
}
