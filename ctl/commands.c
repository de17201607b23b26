/* SPDX-License-Identifier: GPL-2.0-or-later */
/* commands: three tables expanded from methods.def (commands, parameters, flags) and one from options.def. A command
 * line is the command's words, then its required parameters in the table's order, then NAME=VALUE and flags in any
 * order. It leaves out what a value means: the daemon judges that. Invariant: whatever help and completion show is what
 * the parser takes, since they come from the same rows. Standards: none. */
#include "ctl/commands.h"

#include <errno.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include "common/clock.h"
#include "common/suggest.h"
#include "common/units.h"

#define WATCH_DEFAULT (2 * NS_PER_SEC) /* between two looks of --watch */
#define WATCH_MIN (NS_PER_SEC / 10)

enum type { STRING, INTEGER, STRINGS };
enum use { OPTIONAL, REQUIRED };

static const struct command commands[COMMANDS] = {
#define METHOD(symbol, name, words, roles, access, help) {COMMAND_##symbol, name, words, "", help},
#define LOCAL(symbol, words, usage, help) {COMMAND_##symbol, NULL, words, usage, help},
#include "common/methods.def"
};

static const struct param {
    enum command_id command;
    const char *name;
    enum type type;
    enum use use;
    const char *value;
    const char *help;
} params[] = {
#define PARAM(symbol, name, type, use, value, help) {COMMAND_##symbol, name, type, use, value, help},
#include "common/methods.def"
};

/* What completion offers for a parameter. */
static const struct values {
    enum command_id command;
    const char *name;
    const char *words;
} values[] = {
#define VALUES(symbol, name, words) {COMMAND_##symbol, name, words},
#include "common/methods.def"
};

static const struct flag {
    enum command_id command;
    const char *name;
    const char *value;
    const char *help;
} flags[] = {
#define FLAG(symbol, name, value, help) {COMMAND_##symbol, name, value, help},
#include "common/methods.def"
};

static const struct option_row {
    char letter;
    const char *name;
    const char *argument;
    const char *help;
} options[] = {
#define OPTION(letter, name, argument, help) {letter, #name, argument, help},
#include "ctl/options.def"
#undef OPTION
};

#define COUNT(array) (sizeof(array) / sizeof *(array))

static int refuse(char *why, size_t why_size, const char *format, ...) __attribute__((format(printf, 3, 4)));

static int refuse(char *why, size_t why_size, const char *format, ...) {
    va_list args;

    va_start(args, format);
    vsnprintf(why, why_size, format, args);
    va_end(args);
    return -EINVAL;
}

/* How many of argv's words this command's words are: all of them, or 0. */
static int match(const struct command *command, int argc, char **argv) {
    const char *p = command->words;
    int n = 0;

    while (*p) {
        size_t length = strcspn(p, " ");

        if (n == argc || strlen(argv[n]) != length || strncmp(argv[n], p, length) != 0) {
            return 0;
        }
        n++;
        p += length;
        p += strspn(p, " ");
    }
    return n;
}

static bool begins_with(const struct command *command, const char *word) {
    size_t length = strlen(word);

    return strncmp(command->words, word, length) == 0 && (command->words[length] == ' ' || !command->words[length]);
}

static bool is_group(const char *word) {
    for (size_t i = 0; i < COMMANDS; i++) {
        if (begins_with(&commands[i], word)) {
            return true;
        }
    }
    return false;
}

/* No command is meant by these words: say what may have been. */
static int unknown(int argc, char **argv, char *why, size_t why_size) {
    char typed[128];
    struct suggest suggest = {0};

    snprintf(typed, sizeof typed, "%s%s%s", argv[0], argc > 1 ? " " : "", argc > 1 ? argv[1] : "");
    for (size_t i = 0; i < COMMANDS && (argc > 1 || !is_group(argv[0])); i++) {
        suggest_offer(&suggest, strchr(commands[i].words, ' ') ? typed : argv[0], commands[i].words);
    }
    if (suggest.best) {
        return refuse(why, why_size, "\"%s\" is not a command; did you mean \"%s\"?", typed, suggest.best);
    }
    if (is_group(argv[0])) {
        return refuse(why, why_size, "\"%s\" is not a command; see mpvpnctl %s --help", typed, argv[0]);
    }
    return refuse(why, why_size, "\"%s\" is not a command", typed);
}

static json_t *param_value(const struct param *param, const char *text, char *why, size_t why_size) {
    char *end;
    long long number;
    json_t *string;

    if (param->type != INTEGER) {
        string = json_string(text);
        if (!string) {
            refuse(why, why_size, "the value of %s is not UTF-8", param->name);
        }
        return string;
    }
    errno = 0;
    number = strtoll(text, &end, 10);
    if (errno || end == text || *end || number < 0) {
        refuse(why, why_size, "\"%s\" is not a number (%s)", text, param->value);
        return NULL;
    }
    return json_integer(number);
}

static int set_param(struct command_line *out, const struct param *param, const char *text, char *why,
                     size_t why_size) {
    json_t *value = param_value(param, text, why, why_size), *list;

    if (!value) {
        return -EINVAL;
    }
    if (!out->params) {
        out->params = json_object();
    }
    list = json_object_get(out->params, param->name);
    if (param->type == STRINGS) {
        if (!list) {
            json_object_set_new(out->params, param->name, list = json_array());
        }
        json_array_append_new(list, value);
        return 0;
    }
    if (list) {
        json_decref(value);
        return refuse(why, why_size, "%s is given twice", param->name);
    }
    json_object_set_new(out->params, param->name, value);
    return 0;
}

/* The parameter that a NAME=VALUE sets, or the next required one not given yet; NULL: none. */
static const struct param *param_for(const struct command_line *line, const char *argument, const char **value) {
    for (size_t i = 0; i < COUNT(params); i++) {
        size_t length = strlen(params[i].name);

        if (params[i].command == line->command->id && params[i].use == OPTIONAL &&
            strncmp(argument, params[i].name, length) == 0 && argument[length] == '=') {
            *value = argument + length + 1;
            return &params[i];
        }
    }
    for (size_t i = 0; i < COUNT(params); i++) {
        if (params[i].command == line->command->id && params[i].use == REQUIRED &&
            !json_object_get(line->params, params[i].name)) {
            *value = argument;
            return &params[i];
        }
    }
    return NULL;
}

/* --watch may be followed by a time, in its own word or after "=". @return words taken beyond the first, or -EINVAL */
static int parse_watch(const char *after, const char *next, struct command_line *out, char *why, size_t why_size) {
    uint64_t ns = WATCH_DEFAULT;
    int taken = 0;

    if (*after == '=') {
        if (units_parse_duration(after + 1, &ns) < 0) {
            return refuse(why, why_size, "\"%s\" is not a time", after + 1);
        }
    } else if (next && units_parse_duration(next, &ns) == 0) {
        taken = 1;
    }
    out->watch = ns > WATCH_MIN ? ns : WATCH_MIN;
    return taken;
}

/* Words after the command that are no arguments of it. */
static bool is_flag(const char *word) {
    return strncmp(word, "--", 2) == 0 || strcmp(word, "-j") == 0;
}

/* A word for which is_flag() holds. @return words taken beyond it, or -EINVAL */
static int parse_flag(const char *argument, const char *next, struct command_line *out, char *why, size_t why_size) {
    if (strcmp(argument, "--json") == 0 || strcmp(argument, "-j") == 0) {
        out->json = true;
        return 0;
    }
    for (size_t i = 0; i < COUNT(flags); i++) {
        size_t length = strlen(flags[i].name);
        const char *after = argument + 2 + length;

        if (flags[i].command != out->command->id || strncmp(argument + 2, flags[i].name, length) != 0) {
            continue;
        }
        if (*flags[i].value && (!*after || *after == '=')) {
            return parse_watch(after, next, out, why, why_size);
        }
        if (!*after) {
            out->openmetrics = true;
            return 0;
        }
    }
    return refuse(why, why_size, "%s has no option %s", out->command->words, argument);
}

static int parse_argument(const char *argument, struct command_line *out, char *why, size_t why_size) {
    const char *value;
    const struct param *param;
    size_t i = 0;

    if (!out->command->method && *out->command->usage) {
        while (i < COUNT(out->words) && out->words[i]) {
            i++;
        }
        if (i < COUNT(out->words)) {
            out->words[i] = argument;
            return 0;
        }
    } else if ((param = param_for(out, argument, &value))) {
        return set_param(out, param, value, why, why_size);
    }
    return refuse(why, why_size, "%s does not take \"%s\"", out->command->words, argument);
}

static int check_complete(const struct command_line *line, char *why, size_t why_size) {
    for (size_t i = 0; i < COUNT(params); i++) {
        if (params[i].command == line->command->id && params[i].use == REQUIRED &&
            !json_object_get(line->params, params[i].name)) {
            return refuse(why, why_size, "%s needs %s", line->command->words, params[i].value);
        }
    }
    if (!line->command->method && *line->command->usage && !line->words[0]) {
        return refuse(why, why_size, "%s needs %s", line->command->words, line->command->usage);
    }
    return 0;
}

static bool is_help(const char *argument) {
    return strcmp(argument, "--help") == 0 || strcmp(argument, "-h") == 0;
}

int command_parse(int argc, char **argv, struct command_line *out, char *why, size_t why_size) {
    struct command_line line = {0};
    int at = 0, rc = 0;

    for (size_t i = 0; i < COMMANDS && !line.command; i++) {
        at = match(&commands[i], argc, argv);
        line.command = at > 0 ? &commands[i] : NULL;
    }
    for (int i = 0; i < argc; i++) {
        line.help = line.help || is_help(argv[i]);
    }
    if (line.help && (line.command || is_group(argv[0]))) {
        *out = line;
        return 0;
    }
    if (!line.command) {
        return unknown(argc, argv, why, why_size);
    }
    for (; at < argc && rc >= 0; at++) {
        const char *next = at + 1 < argc ? argv[at + 1] : NULL;

        rc = is_flag(argv[at]) ? parse_flag(argv[at], next, &line, why, why_size)
                               : parse_argument(argv[at], &line, why, why_size);
        at += rc > 0 ? rc : 0;
    }
    if (rc >= 0) {
        rc = check_complete(&line, why, why_size);
    }
    if (rc < 0) {
        json_decref(line.params);
        return -EINVAL;
    }
    *out = line;
    return 0;
}

/* "WORDS ARGUMENTS" of a command. */
static void print_usage(const struct command *command, char *text, size_t size) {
    size_t n = (size_t)snprintf(text, size, "%s%s%s", command->words, *command->usage ? " " : "", command->usage);

    for (int use = REQUIRED; use >= OPTIONAL; use--) {
        for (size_t i = 0; i < COUNT(params) && n < size; i++) {
            const struct param *p = &params[i];

            if (p->command != command->id || (int)p->use != use) {
                continue;
            }
            n += (size_t)(use == REQUIRED ? snprintf(text + n, size - n, " %s", p->value)
                                          : snprintf(text + n, size - n, " [%s=%s]%s", p->name, p->value,
                                                     p->type == STRINGS ? "..." : ""));
        }
    }
    for (size_t i = 0; i < COUNT(flags) && n < size; i++) {
        if (flags[i].command == command->id) {
            n += (size_t)snprintf(text + n, size - n, " [--%s%s%s]", flags[i].name, *flags[i].value ? " " : "",
                                  flags[i].value);
        }
    }
}

void command_help(FILE *stream, const struct command *command) {
    char usage[256], left[64];

    print_usage(command, usage, sizeof usage);
    fprintf(stream, "Usage: mpvpnctl [OPTION]... %s\n%s.\n", usage, command->help);
    for (size_t i = 0; i < COUNT(params); i++) {
        if (params[i].command == command->id) {
            snprintf(left, sizeof left, params[i].use == REQUIRED ? "%s" : "%s=%s",
                     params[i].use == REQUIRED ? params[i].value : params[i].name, params[i].value);
            fprintf(stream, "  %-23s %s\n", left, params[i].help);
        }
    }
    for (size_t i = 0; i < COUNT(flags); i++) {
        if (flags[i].command == command->id) {
            snprintf(left, sizeof left, "--%s %s", flags[i].name, flags[i].value);
            fprintf(stream, "  %-23s %s\n", left, flags[i].help);
        }
    }
}

int command_help_group(FILE *stream, const char *word) {
    char usage[256];
    int n = 0;

    for (size_t i = 0; i < COMMANDS; i++) {
        if (begins_with(&commands[i], word)) {
            print_usage(&commands[i], usage, sizeof usage);
            fprintf(stream, "  mpvpnctl %s\n      %s\n", usage, commands[i].help);
            n++;
        }
    }
    return n;
}

void command_help_all(FILE *stream) {
    char left[64];

    fprintf(stream, "Usage: mpvpnctl [OPTION]... COMMAND [ARGUMENT]...\nSteers a running mpvpnd.\n\nCommands:\n");
    for (size_t i = 0; i < COMMANDS; i++) {
        fprintf(stream, "  %-22s %s\n", commands[i].words, commands[i].help);
    }
    fprintf(stream, "\nOptions:\n");
    for (size_t i = 0; i < COUNT(options); i++) {
        snprintf(left, sizeof left, "-%c, --%s %s", options[i].letter, options[i].name,
                 options[i].argument ? options[i].argument : "");
        fprintf(stream, "  %-22s %s\n", left, options[i].help);
    }
    fprintf(
        stream,
        "\n\"mpvpnctl COMMAND --help\" tells what a command takes. Exit status: 0 done, 1 the daemon refused, 2 wrong\n"
        "usage, 3 no daemon. See mpvpnctl(8).\n");
}

/* What may follow a command, for completion. */
static void print_arguments(FILE *stream, enum command_id command) {
    for (size_t i = 0; i < COUNT(params); i++) {
        if (params[i].command == command && params[i].use == OPTIONAL) {
            fprintf(stream, " %s=", params[i].name);
        }
    }
    for (size_t i = 0; i < COUNT(flags); i++) {
        if (flags[i].command == command) {
            fprintf(stream, " --%s", flags[i].name);
        }
    }
    fprintf(stream, " --json --help");
}

/* "first" and "second" words: a case for each first word of two, so that "path" offers "list". */
static void print_words(FILE *stream, bool second) {
    for (size_t i = 0; i < COMMANDS; i++) {
        size_t length = strcspn(commands[i].words, " ");
        bool seen = false;

        for (size_t j = 0; j < i; j++) {
            seen = seen || (strncmp(commands[j].words, commands[i].words, length) == 0 &&
                            strcspn(commands[j].words, " ") == length);
        }
        if (seen || (second && !commands[i].words[length])) {
            continue;
        }
        fprintf(stream, second ? "        \"%.*s \") words=\"" : " %.*s", (int)length, commands[i].words);
        if (!second) {
            continue;
        }
        for (size_t j = i; j < COMMANDS; j++) {
            if (strncmp(commands[j].words, commands[i].words, length + 1) == 0) {
                fprintf(stream, " %s", commands[j].words + length + 1);
            }
        }
        fprintf(stream, "\" ;;\n");
    }
}

static bool is_required(const struct values *of) {
    for (size_t i = 0; i < COUNT(params); i++) {
        if (params[i].command == of->command && strcmp(params[i].name, of->name) == 0) {
            return params[i].use == REQUIRED;
        }
    }
    return false;
}

/* A case for each parameter whose values are known: those that have a word of their own, or what follows their "=". */
static void print_values(FILE *stream, bool required) {
    for (size_t i = 0; i < COUNT(values); i++) {
        const struct values *of = &values[i];

        if (is_required(of) != required) {
            continue;
        }
        if (required) {
            fprintf(stream, "        \"%s \") words=\"%s --json --help\" ;;\n", commands[of->command].words, of->words);
        } else {
            fprintf(stream, "        \"%s\"*\" %s =\") words=\"%s\" ;;\n", commands[of->command].words, of->name,
                    of->words);
        }
    }
}

/* bash takes a word apart at "=", so that a parameter comes as its name, "=" and its value. */
void command_completion(FILE *stream) {
    fprintf(stream,
            "# bash completion for mpvpnctl, printed by \"mpvpnctl completion\"\n"
            "_mpvpnctl_names() {\n"
            "    mpvpnctl \"${instance[@]}\" \"$@\" 2>/dev/null | sed -n '2,$s/^ *\\([A-Za-z0-9._-]*\\) .*/\\1/p'\n"
            "}\n"
            "_mpvpnctl() {\n"
            "    local current=${COMP_WORDS[COMP_CWORD]} previous=${COMP_WORDS[COMP_CWORD-1]} typed='' words='' i\n"
            "    local -a instance=()\n"
            "    case $previous in\n"
            "        -n|--name)\n"
            "            words=$(cd %s 2>/dev/null && printf '%%s\\n' *.sock | sed -n 's/\\.sock$//p')\n"
            "            mapfile -t COMPREPLY < <(compgen -W \"$words\" -- \"$current\")\n"
            "            return ;;\n"
            "        -s|--socket) mapfile -t COMPREPLY < <(compgen -f -- \"$current\"); return ;;\n"
            "        keygen) mapfile -t COMPREPLY < <(compgen -d -- \"$current\"); return ;;\n"
            "    esac\n"
            "    for ((i = 1; i < COMP_CWORD; i++)); do\n"
            "        case ${COMP_WORDS[i]} in\n"
            "            -n|--name|-s|--socket) instance=(\"${COMP_WORDS[i]}\" \"${COMP_WORDS[++i]}\") ;;\n"
            "            -*) ;;\n"
            "            *) typed+=\"${COMP_WORDS[i]} \" ;;\n"
            "        esac\n"
            "    done\n"
            "    if [[ $current == = || $previous == = ]]; then\n"
            "        [[ $current != = ]] || { typed+='= '; current=; }\n"
            "        case ${typed%% } in\n",
            RUNTIME_DIR);
    print_values(stream, false);
    fprintf(stream, "        esac\n"
                    "        mapfile -t COMPREPLY < <(compgen -W \"$words\" -- \"$current\")\n"
                    "        return\n"
                    "    fi\n"
                    "    case $typed in\n"
                    "        '') words=\"");
    print_words(stream, false);
    for (size_t i = 0; i < COUNT(options); i++) {
        fprintf(stream, " -%c --%s", options[i].letter, options[i].name);
    }
    fprintf(stream, "\" ;;\n");
    print_words(stream, true);
    print_values(stream, true);
    for (size_t i = 0; i < COMMANDS; i++) {
        fprintf(stream, "        \"%s \"*) words=\"", commands[i].words);
        print_arguments(stream, commands[i].id);
        fprintf(stream, "\" ;;\n");
    }
    fprintf(stream, "    esac\n"
                    "    mapfile -t COMPREPLY < <(compgen -W \"$words\" -- \"$current\")\n"
                    "    [[ ${COMPREPLY[0]} == *= ]] && compopt -o nospace\n"
                    "}\n"
                    "complete -F _mpvpnctl mpvpnctl\n");
}
