/* SPDX-License-Identifier: GPL-2.0-or-later */
/* bench_cc: prints what our congestion controller and ngtcp2's make of links, alone and beside each other: median and
 * worst of as many seeds as the first argument says. */
#include "tests/sim/cc/dice.h"
#include "tests/sim/cc/flows.h"
#include "tests/sim/cc/rows.h"
#include "tests/unit/conn_fixture.h"

#define SEEDS_MAX 100u /**< seeds at most */
#define COUNT(a) (sizeof(a) / sizeof *(a))

static int ascending(const void *a, const void *b) {
    double x = *(const double *)a, y = *(const double *)b;

    return (x > y) - (x < y);
}

static double median(double *values, size_t count) {
    qsort(values, count, sizeof *values, ascending);
    return values[count / 2];
}

/** One controller on one link. */
static void print_cell(const struct row *row, const char *controller, size_t seeds) {
    double share[SEEDS_MAX], delay[SEEDS_MAX], drops[SEEDS_MAX];

    for (size_t i = 0; i < seeds; i++) {
        struct flows_settings s = {.path = {row->rate, row->delay, row->loss},
                                   .jitter = row->jitter,
                                   .skip = row->skip,
                                   .seconds = row->skip + 25,
                                   .seed = i + 1,
                                   .flow = {controller}};
        struct flows_result r;

        if (row->rate > 100)
            s.seconds = row->skip + 5;
        dice_seed(s.seed);
        flows_run(&s, fixture.client, fixture.server, &r);
        share[i] = 100 * r.share;
        delay[i] = r.delay;
        drops[i] = 100 * r.drops;
    }
    printf(" %5.1f", median(share, seeds));
    printf(" (%5.1f) %5.0f ms %5.2f %% |", share[0], median(delay, seeds), median(drops, seeds));
    fflush(stdout);
}

/** Two flows over 50 Mbit/s, 20 ms each way. */
static void print_beside(const char *other, size_t queue, size_t seeds) {
    double share[SEEDS_MAX];

    for (size_t i = 0; i < seeds; i++) {
        struct flows_settings s = {.path = {50, 20, 0},
                                   .queue = queue,
                                   .skip = 10,
                                   .seconds = 40,
                                   .seed = i + 1,
                                   .flow = {"own", other},
                                   .start = {0, 3}};
        struct flows_result r;

        dice_seed(s.seed);
        flows_run(&s, fixture.client, fixture.server, &r);
        share[i] = 100 * r.rate[0] / (r.rate[0] + r.rate[1]);
    }
    printf("| beside %-5s, %4zu packets | %5.1f %%", other, queue, median(share, seeds));
    printf(" (%5.1f to %5.1f) |\n", share[0], share[seeds - 1]);
    fflush(stdout);
}

int main(int argc, char **argv) {
    static const char *const controllers[] = {"cubic", "bbr", "own"}, *const others[] = {"cubic", "bbr", "own"};
    static const size_t queues[] = {140, 200, 400, 950};
    size_t seeds = argc > 1 ? (size_t)atoi(argv[1]) : 3;

    if (seeds < 1 || seeds > SEEDS_MAX)
        return EXIT_FAILURE;
    fixture_init();
    printf("share of the link: median (worst) of %zu seeds, %%; mean delay above the base; drops\n", seeds);
    printf("| %-18s | cubic | bbr | own |\n|---|---|---|---|\n", "link");
    for (size_t i = 0; i < COUNT(rows); i++) {
        printf("| %-18s |", rows[i].name);
        for (size_t k = 0; k < COUNT(controllers); k++)
            print_cell(&rows[i], controllers[k], seeds);
        printf("\n");
    }
    printf("\n| own, 50M 20ms | its share: median (least to most) |\n|---|---|\n");
    for (size_t i = 0; i < COUNT(others); i++)
        for (size_t k = 0; k < COUNT(queues); k++)
            print_beside(others[i], queues[k], seeds);
    fixture_fini();
    return EXIT_SUCCESS;
}
