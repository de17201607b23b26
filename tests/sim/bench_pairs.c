/* SPDX-License-Identifier: GPL-2.0-or-later */
/* bench_pairs: the table of all pairs: each path alone, then the bond, with a ping beside the flows.
 * bench_pairs [-f flows] [-c cubic|bbr] [-q] [-u] [-P] [-l Mbit/s] [-B MiB] [-d] [-t seconds] [-k skip] [-s seed]
 * [-o "Path = lines"] [-g "global lines"] [-b] [-v seconds] [-p paths] [-n seeds] [-x seconds] [-w how] [-j ms] [-i
 * seconds] [pair …]; -q: the flows are QUIC's; -u: no kernel knows their senders; -P: CUBIC paces; -l: what they
 * send at most; -B: to which their buffers may grow; -d: down; -b: the bond only; -v seconds: a line so often; -p 1
 * or 2: path A or B in the place of the bond; -n: so many seeds from -s on, shown as median and worst beside what
 * is to be reached; -x: the path that carries more dies then, for two seconds; -w: it is a hole (0), one to the
 * server (1) or to the client (2), or its device flaps (3). -j: jitter of both paths instead of the pair's. -i:
 * between two pings. The column vain%: sent again beyond what was lost.
 */
#include <check.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "goals.h"
#include "tests/sim/sort.h"

static struct pair_run settings = {.flows = 1, .path_config = "", .config = "", .skip = 5, .seconds = 20, .seed = 1};
static char path_config[256], config[256];
static bool bond_only;
static unsigned only, seeds;
static double jitter = -1;
static int first_name;
static char **arguments;
static int argument_count;

static bool is_wanted(const struct pair *pair) {
    bool any = false;
    for (int i = first_name; i < argument_count; i++) {
        any = true;
        if (!strcmp(arguments[i], pair->name))
            return true;
    }
    return !any;
}

static struct pair with_jitter(const struct pair *pair) {
    struct pair changed = *pair;
    for (unsigned i = 0; jitter >= 0 && i < 2; i++)
        changed.path[i].jitter = jitter;
    return changed;
}

static void show(const struct pair *given) {
    struct pair_run run = settings;
    const struct pair changed = with_jitter(given), *pair = &changed;
    struct pair_result one[2] = {{.goodput = NAN}, {.goodput = NAN}}, both;
    double median[2], p95[2], best;
    run.pair = pair;
    for (unsigned i = 0; i < 2; i++) {
        pair_raw_ping(&pair->path[i], run.seed, &median[i], &p95[i]);
        run.paths = 1u << i;
        if (!bond_only)
            one[i] = pair_run(&run);
    }
    run.paths = only ? only : 3;
    both = pair_run(&run);
    best = fmax(one[0].goodput, one[1].goodput);
    printf("%-12s %6.1f %6.1f %6.1f %6.1f %4.0f %4.0f %4.0f | %4.0f %4.0f %4.0f (%3.0f %3.0f; %3.0f %3.0f) | %5.1f "
           "%5.0f %5.2f %5.2f %5.2f %5.2f %6.3f | %3.0f %5.2f %4.0f | %5llu %4llu %4llu %4llu %3llu %5.0f\n",
           pair->name, one[0].goodput, one[1].goodput, both.goodput, both.bound, 100 * both.goodput / best,
           100 * both.goodput / (one[0].goodput + one[1].goodput), 100 * both.goodput / both.bound, both.ping_median,
           both.ping_95, both.ping_longest, median[0], p95[0], median[1], p95[1], both.held_percent, both.longest_hold,
           both.resent_percent, both.lost_percent, both.vain_percent, both.dropped_percent, both.given_up_percent,
           100 * both.share_b, both.queue_drops, both.sojourn, (unsigned long long)both.tcp.retransmits,
           (unsigned long long)both.tcp.recoveries, (unsigned long long)both.tcp.undone,
           (unsigned long long)both.tcp.spurious, (unsigned long long)both.tcp.timeouts, both.tcp.cwnd);
    fflush(stdout);
}

/* Figures of the same kind, one for each seed. */
#define SEEDS_MAX 64u
struct figures {
    double of[SEEDS_MAX];
    unsigned count;
};

static void note(struct figures *figures, double figure) {
    figures->of[figures->count++] = figure;
}

/* Print median and worst. @param most whether the largest is the worst */
static void show_figures(struct figures *figures, bool most, const char *after) {
    sort_figures(figures->of, figures->count);
    printf(" %5.1f %5.1f%s", figures->of[figures->count / 2], figures->of[most ? figures->count - 1 : 0], after);
}

static void show_seeds(const struct pair *given) {
    struct figures goodput = {0}, alone[2] = {{{0}, 0}}, best = {0}, sum = {0}, ping = {0}, vain = {0}, gap = {0},
                   longest = {0};
    struct pair_run run = settings;
    double goal = 0, bound = 0;
    const struct pair changed = with_jitter(given), *pair = &changed;
    run.pair = pair;
    for (unsigned i = 0; i < seeds; i++) {
        struct pair_result both;
        double one[2] = {NAN, NAN};
        run.seed = settings.seed + i;
        run.paths = 3;
        both = pair_run(&run);
        for (unsigned path = 0; !bond_only && path < 2; path++) {
            run.paths = 1u << path;
            one[path] = pair_run(&run).goodput;
        }
        goal = goals_ping(&run);
        bound = both.bound;
        note(&goodput, both.goodput);
        note(&alone[0], one[0]);
        note(&alone[1], one[1]);
        note(&best, 100 * both.goodput / fmax(one[0], one[1]));
        note(&sum, 100 * both.goodput / (one[0] + one[1]));
        note(&ping, both.ping_95);
        note(&vain, both.vain_percent);
        note(&gap, (double)both.tcp.longest_gap / 1e6);
        note(&longest, both.ping_longest);
    }
    printf("%-12s %6.1f", pair->name, bound);
    show_figures(&alone[0], false, "");
    show_figures(&alone[1], false, " |");
    show_figures(&goodput, false, " |");
    show_figures(&best, false, " |");
    show_figures(&sum, false, " |");
    show_figures(&ping, true, "");
    printf(" (%3.0f) |", goal);
    show_figures(&vain, true, " |");
    show_figures(&gap, true, " |");
    show_figures(&longest, true, "\n");
    fflush(stdout);
}

START_TEST(table) {
    if (seeds)
        printf("pair          bound  A and worst B and worst | bond and worst | /best %% | /sum %% | ping p95 (goal) | "
               "vain %% | "
               "longest gap | longest ping\n");
    for (size_t i = 0; seeds && i < pair_count; i++)
        if (is_wanted(&pairs[i]))
            show_seeds(&pairs[i]);
    if (seeds)
        return;
    printf("pair          A       B      bond   bound  /best /sum /bound | ping med p95 max (raw A; raw B med p95) | "
           "held%% hold resent%% lost%% vain%% drop%% given_up%% | B%% queue%% sojourn | inner: again recov undone "
           "late rto cwnd\n");
    for (size_t i = 0; i < pair_count; i++)
        if (is_wanted(&pairs[i]))
            show(&pairs[i]);
}
END_TEST

int main(int argc, char **argv) {
    Suite *suite = suite_create("pairs");
    TCase *tcase = tcase_create("table");
    SRunner *runner;
    int option, failed;
    while ((option = getopt(argc, argv, "f:c:quPl:B:dt:k:s:o:g:bv:p:n:x:w:j:i:")) != -1) {
        switch (option) {
        case 'f':
            settings.flows = (unsigned)atoi(optarg);
            break;
        case 'c':
            settings.cc = strcmp(optarg, "bbr") ? INNER_CUBIC : INNER_BBR;
            break;
        case 'q':
            settings.quic = true;
            break;
        case 'u':
            settings.foreign = true;
            break;
        case 'P':
            settings.paced = true;
            break;
        case 'l':
            settings.limit_bps = atof(optarg) * 1e6;
            break;
        case 'B':
            settings.buffer_bytes = (uint32_t)(atof(optarg) * (1u << 20));
            break;
        case 'd':
            settings.down = true;
            break;
        case 't':
            settings.seconds = atof(optarg);
            break;
        case 'k':
            settings.skip = atof(optarg);
            break;
        case 's':
            settings.seed = (uint64_t)atoll(optarg);
            break;
        case 'o':
            snprintf(path_config, sizeof path_config, "%s\n", optarg);
            settings.path_config = path_config;
            break;
        case 'g':
            snprintf(config, sizeof config, "%s\n", optarg);
            settings.config = config;
            break;
        case 'b':
            bond_only = true;
            break;
        case 'p':
            only = (unsigned)atoi(optarg);
            break;
        case 'n':
            seeds = (unsigned)atoi(optarg);
            break;
        case 'x':
            settings.dies = atof(optarg);
            settings.returns = settings.dies + 2;
            settings.busier = true;
            break;
        case 'w':
            settings.death = (enum pair_death)atoi(optarg);
            break;
        case 'j':
            jitter = atof(optarg);
            break;
        case 'i':
            settings.ping_every = atof(optarg);
            break;
        case 'v':
            settings.trace = atof(optarg);
            break;
        default:
            return EXIT_FAILURE;
        }
    }
    if (seeds > SEEDS_MAX)
        return EXIT_FAILURE;
    if (settings.flows < 1 || settings.flows > PAIR_FLOWS_MAX || (settings.quic && settings.cc != INNER_CUBIC)) {
        fprintf(stderr, "bench_pairs: 1 to %u flows; QUIC's have CUBIC\n", PAIR_FLOWS_MAX);
        return EXIT_FAILURE;
    }
    first_name = optind;
    arguments = argv;
    argument_count = argc;
    tcase_set_timeout(tcase, 0);
    tcase_add_test(tcase, table);
    suite_add_tcase(suite, tcase);
    runner = srunner_create(suite);
    srunner_set_fork_status(runner, CK_NOFORK);
    srunner_run_all(runner, CK_SILENT);
    failed = srunner_ntests_failed(runner);
    if (failed)
        srunner_print(runner, CK_NORMAL);
    srunner_free(runner);
    return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
