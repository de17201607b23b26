/* SPDX-License-Identifier: GPL-2.0-or-later */
/* bench_cc: what our congestion controller and ngtcp2's make of links, alone and beside each other, as Markdown.
 *
 *      bench_cc SEEDS [links] [conditions] [beside] [kind] [own] [stock]    these tables; without a name all; of our
 *                                                              controller or of ngtcp2's only
 *      bench_cc trace                                          what happens on each link over time, for curves.py
 *
 * Median and worst of the seeds: of all for ours on links, of a quarter of them else. */
#include <math.h>

#include "tests/sim/cc/conditions.h"
#include "tests/sim/cc/flows.h"
#include "tests/sim/cc/paced.h"
#include "tests/sim/cc/rows.h"
#include "tests/sim/chance.h"
#include "tests/sim/sort.h"
#include "tests/unit/conn_fixture.h"

#define SEEDS_MAX 100u /**< seeds at most */
#define OWN 2u         /**< ours among the controllers */
#define COUNT(a) (sizeof(a) / sizeof *(a))

/* The goals. */
#define GOAL_SHARE 0.95       /**< of the link … */
#define GOAL_SHARE_CLEAN 0.97 /**< … without loss and jitter … */
#define GOAL_SHARE_HARD 0.85  /**< … where a queue of 1,000 packets is short, or the round trip long */
#define GOAL_DELAY 15.0       /**< ms beyond what the link's own jitter costs */
#define GOAL_DROPS 0.005      /**< share of the packets */
#define GOAL_WORST 0.9        /**< the worst seed's share, of the median */
#define GOAL_OVERSHOOT 1.5    /**< most in flight in start-up, of the bandwidth-delay product */
#define GOAL_START 20.0       /**< round-trip times until the link is used, to a tick */
#define JITTER_PACE 0.9       /**< share of the rate at which it is measured what jitter costs */

static const char *const controllers[] = {"cubic", "bbr", "own"}, *const names[] = {"CUBIC", "BBR", "own"};
static bool wanted[] = {true, true, true}; /* of these */
static struct flows_result result;         /* of the last run */

/** What came of the seeds, each sorted. */
struct cell {
    size_t seeds;                                                /**< how many */
    double share[SEEDS_MAX], delay[SEEDS_MAX], drops[SEEDS_MAX]; /**< of the link, ms, of the packets */
    double overshoot[SEEDS_MAX], reached[SEEDS_MAX];             /**< of start-up, as flows.h has them */
};

static void sort(struct cell *cell) {
    sort_figures(cell->share, cell->seeds);
    sort_figures(cell->delay, cell->seeds);
    sort_figures(cell->drops, cell->seeds);
    sort_figures(cell->overshoot, cell->seeds);
    sort_figures(cell->reached, cell->seeds);
}

static double median(const struct cell *cell, const double *values) {
    return values[cell->seeds / 2];
}

static void run(const struct flows_settings *settings) {
    chance_begin(settings->seed);
    flows_run(settings, fixture.client, fixture.server, &result);
}

static void print_cell(const struct cell *cell) {
    printf(" %5.1f (%5.1f) %% %4.0f ms %5.2f %% |", 100 * median(cell, cell->share), 100 * cell->share[0],
           median(cell, cell->delay), 100 * median(cell, cell->drops));
    fflush(stdout);
}

static size_t quarter(size_t seeds) {
    return (seeds + 3) / 4;
}

/** @param more columns of ours @param count of them */
static void print_header(const char *first, const char *more, size_t count) {
    size_t columns = 1;

    printf("| %s |", first);
    for (size_t k = 0; k < COUNT(controllers); k++)
        if (wanted[k]) {
            printf(" %s |", names[k]);
            columns++;
        }
    if (wanted[OWN]) {
        printf(" %s", more);
        columns += count;
    }
    printf("\n|");
    while (columns-- > 0)
        printf("---|");
    printf("\n");
}

/* --- links
 * ------------------------------------------------------------------------------------------------------------ */

static double row_seconds(const struct row *row) {
    return row->skip + (row->rate > 100 ? 5 : 25);
}

static void run_row(const struct row *row, const char *controller, size_t seeds, struct cell *cell) {
    cell->seeds = seeds;
    for (size_t i = 0; i < seeds; i++) {
        struct flows_settings s = row_run(row, controller, row_seconds(row), i + 1);

        run(&s);
        cell->share[i] = result.share;
        cell->delay[i] = result.delay;
        cell->drops[i] = result.drops;
        cell->overshoot[i] = result.overshoot;
        cell->reached[i] = result.reached > 0 ? result.reached : INFINITY;
    }
    sort(cell);
}

/** @return the share that a row is to reach */
static double goal(const struct row *row) {
    if ((row->jitter >= 25 && row->rate >= 100) || row->delay >= 300)
        return GOAL_SHARE_HARD;
    return row->jitter > 0 || row->loss > 0 ? GOAL_SHARE : GOAL_SHARE_CLEAN;
}

/** @param jitter ms that the link costs by itself */
static void print_goals(const struct row *row, const struct cell *cell, double jitter) {
    const struct flows_settings s = row_run(row, "own", row_seconds(row), 1);
    const double rtt = 2e-3 * (row->delay + jitter), overshoot = GOAL_OVERSHOOT * (1 + jitter / row->delay);
    const struct {
        const char *what; /* with the goal … */
        double goal;
        const char *unit; /* … in this */
        bool missed;
        double paced; /* share at which a constant pace's drops are told beside; 0: none */
    } goals[] = {
        {"share below", 100 * goal(row), " %", median(cell, cell->share) < goal(row), goal(row)},
        {"worst seed below", 100 * GOAL_WORST * median(cell, cell->share), " %",
         cell->share[0] < GOAL_WORST * median(cell, cell->share), 0},
        {"delay above", jitter + GOAL_DELAY, " ms", median(cell, cell->delay) > jitter + GOAL_DELAY, 0},
        {"drops above", 100 * GOAL_DROPS, " %", median(cell, cell->drops) > GOAL_DROPS, median(cell, cell->share)},
        {"start-up above", overshoot, "", median(cell, cell->overshoot) > overshoot, 0},
        {"start-up longer than", GOAL_START * rtt, " s", median(cell, cell->reached) > GOAL_START * rtt + FLOWS_TICK,
         0},
    };
    size_t missed = 0;

    for (size_t i = 0; i < COUNT(goals); i++) {
        if (!goals[i].missed)
            continue;
        printf("%s%s %.3g%s", missed++ > 0 ? ", " : " **", goals[i].what, goals[i].goal, goals[i].unit);
        if (goals[i].paced > 0)
            printf(" (a constant pace that carries %.1f %% drops %.1f %%)", 100 * goals[i].paced,
                   100 * paced_share(&s, goals[i].paced).drops);
    }
    printf("%s |\n", missed > 0 ? "**" : " hold");
    fflush(stdout);
}

static void print_links(size_t seeds) {
    print_header("link",
                 "own: start-up | jitter alone | best pace: delay and drops as the goals | the same, any delay | "
                 "own: goals |",
                 5);
    for (size_t i = 0; i < COUNT(rows); i++) {
        struct flows_settings s = row_run(&rows[i], "own", row_seconds(&rows[i]), 1);
        struct paced_result alone = paced_run(&s, JITTER_PACE), best, any;
        struct cell cell;

        printf("| %s |", rows[i].name);
        for (size_t k = 0; k < COUNT(controllers); k++) {
            if (!wanted[k])
                continue;
            run_row(&rows[i], controllers[k], k == OWN ? seeds : quarter(seeds), &cell);
            print_cell(&cell);
        }
        if (!wanted[OWN]) {
            printf("\n");
            continue;
        }
        best = paced_best(&s, alone.delay + GOAL_DELAY, GOAL_DROPS);
        any = paced_best(&s, INFINITY, GOAL_DROPS);
        printf(" %.2f; %.1f s |", median(&cell, cell.overshoot), median(&cell, cell.reached));
        printf(" %.0f ms | %.1f %% %.0f ms | %.1f %% %.0f ms |", alone.delay, 100 * best.share, best.delay,
               100 * any.share, any.delay);
        print_goals(&rows[i], &cell, alone.delay);
    }
}

/* --- conditions
 * ------------------------------------------------------------------------------------------------------- */

static void run_condition(const struct condition *condition, const char *controller, size_t seeds, struct cell *cell) {
    cell->seeds = seeds;
    for (size_t i = 0; i < seeds; i++) {
        struct flows_settings s = condition->run;

        s.flow[0] = controller;
        s.seed = i + 1;
        run(&s);
        cell->share[i] = flows_rate(&result, 0, condition->from, condition->until) / flows_bound(&s);
        cell->delay[i] = flows_delay(&result, condition->from, condition->until);
        cell->drops[i] = result.drops;
    }
    sort(cell);
}

static void print_conditions(size_t seeds) {
    print_header("condition", "judged |", 1);
    for (size_t i = 0; i < COUNT(conditions); i++) {
        printf("| %s |", conditions[i].name);
        for (size_t k = 0; k < COUNT(controllers); k++) {
            struct cell cell;

            if (!wanted[k])
                continue;
            run_condition(&conditions[i], controllers[k], seeds, &cell);
            print_cell(&cell);
        }
        if (wanted[OWN])
            printf(" %g to %g s |", conditions[i].from, conditions[i].until);
        printf("\n");
    }
}

/* --- several flows
 * ---------------------------------------------------------------------------------------------------- */

/** Two flows over 50 Mbit/s, 20 ms each way. */
static void print_beside(const char *first, const char *other, size_t queue, size_t seeds) {
    struct cell cell = {.seeds = seeds};

    for (size_t i = 0; i < seeds; i++) {
        struct flows_settings s = {.path = {50, 20, 0},
                                   .queue = queue,
                                   .skip = 10,
                                   .seconds = 30,
                                   .seed = i + 1,
                                   .flow = {first, other},
                                   .start = {0, 3}};

        run(&s);
        cell.share[i] = result.rate[0] / (result.rate[0] + result.rate[1]);
    }
    sort(&cell);
    printf(" %.0f (%.0f to %.0f) %% |", 100 * median(&cell, cell.share), 100 * cell.share[0],
           100 * cell.share[seeds - 1]);
    fflush(stdout);
}

static void print_besides(size_t seeds) {
    static const size_t queues[] = {140, 200, 400, 950};

    if (wanted[OWN])
        printf("| flows | 11 ms of queue | 25 ms | 70 ms | 190 ms |\n|---|---|---|---|---|\n");
    for (size_t i = 0; wanted[OWN] && i < COUNT(controllers); i++) {
        printf("| own beside %s |", controllers[i]);
        for (size_t k = 0; k < COUNT(queues); k++)
            print_beside("own", controllers[i], queues[k], seeds);
        printf("\n");
    }
    if (!wanted[0])
        return;
    printf("| bbr beside cubic |");
    for (size_t k = 0; k < COUNT(queues); k++)
        print_beside("bbr", "cubic", queues[k], seeds);
    printf("\n");
}

static void print_kind(size_t seeds) {
    static const size_t counts[] = {2, 4, 8};

    if (!wanted[OWN])
        return;
    printf("| flows of ours, begun 2 s after each other | Jain's index (worst) | share of the link | delay |\n"
           "|---|---|---|---|\n");
    for (size_t k = 0; k < COUNT(counts); k++) {
        struct cell cell = {.seeds = seeds};
        double jain[SEEDS_MAX];

        for (size_t i = 0; i < seeds; i++) {
            struct flows_settings s = {.path = {50, 20, 0}, .skip = 20, .seconds = 40, .seed = i + 1};

            for (size_t n = 0; n < counts[k]; n++) {
                s.flow[n] = "own";
                s.start[n] = 2.0 * (double)n;
            }
            run(&s);
            cell.share[i] = result.share;
            cell.delay[i] = result.delay;
            jain[i] = result.jain;
        }
        sort(&cell);
        sort_figures(jain, seeds);
        printf("| %zu | %.3f (%.3f) | %.1f %% | %.0f ms |\n", counts[k], jain[seeds / 2], jain[0],
               100 * median(&cell, cell.share), median(&cell, cell.delay));
        fflush(stdout);
    }
}

/* --- traces
 * ----------------------------------------------------------------------------------------------------------- */

static void trace(const char *name, const struct flows_settings *settings) {
    for (size_t k = 0; k < COUNT(controllers); k++) {
        struct flows_settings s = *settings;

        s.flow[0] = controllers[k];
        run(&s);
        printf("%s|%s|%g|%g\n", name, controllers[k], s.path.rate, FLOWS_TICK);
        for (size_t i = 0; i < result.ticks; i++)
            printf("%.3g %.3g %.4g\n", result.tick[i].rate[0], result.tick[i].delay, result.tick[i].window[0] / 1000);
        printf("\n");
    }
}

static void print_traces(void) {
    for (size_t i = 0; i < COUNT(rows); i++) {
        struct flows_settings s = row_run(&rows[i], "own", row_seconds(&rows[i]), 1);

        trace(rows[i].name, &s);
    }
    for (size_t i = 0; i < COUNT(conditions); i++)
        if (conditions[i].run.change[0].at > 0)
            trace(conditions[i].name, &conditions[i].run);
}

static bool has(int argc, char **argv, const char *word) {
    for (int i = 2; i < argc; i++)
        if (strcmp(argv[i], word) == 0)
            return true;
    return false;
}

static void print_tables(int argc, char **argv, size_t seeds) {
    static const struct {
        const char *name;
        void (*print)(size_t seeds);
    } tables[] = {
        {"links", print_links}, {"conditions", print_conditions}, {"beside", print_besides}, {"kind", print_kind}};
    bool any = false;

    for (size_t i = 0; i < COUNT(tables); i++)
        any |= has(argc, argv, tables[i].name);
    for (size_t k = 0; k < COUNT(controllers); k++)
        wanted[k] = has(argc, argv, k == OWN ? "own" : "stock") || !has(argc, argv, k == OWN ? "stock" : "own");
    for (size_t i = 0; i < COUNT(tables); i++)
        if (!any || has(argc, argv, tables[i].name))
            tables[i].print(i == 0 ? seeds : quarter(seeds));
}

int main(int argc, char **argv) {
    size_t seeds = argc > 1 ? (size_t)atoi(argv[1]) : 3;

    fixture_init();
    if (argc > 1 && strcmp(argv[1], "trace") == 0) {
        print_traces();
    } else if (seeds >= 1 && seeds <= SEEDS_MAX) {
        print_tables(argc, argv, seeds);
    }
    fixture_fini();
    return EXIT_SUCCESS;
}
