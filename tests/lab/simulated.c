/* SPDX-License-Identifier: GPL-2.0-or-later */
/* simulated: what the simulator makes of the links on which congestion.sh measures the daemon, under the same
 * conditions: the connection is nearly idle first, as a tunnel is, then has always something to send; so many seconds
 * of that are left out, so many count. Prints "link|controller|share" lines, shares of the link's payload in percent,
 * medians of seeds.
 *
 * What it leaves out: losses of acknowledgements; the links' rate towards the sender. */
#include "tests/sim/cc/flows.h"
#include "tests/sim/cc/rows.h"
#include "tests/sim/chance.h"
#include "tests/unit/conn_fixture.h"

#define SEEDS_MAX 100u /**< seeds at most */
#define IDLE 3.0       /**< s: only a little is sent at first … */
#define IDLE_RATE 0.2  /**< … Mbit/s */
#define RATE_MAX 100.0 /**< Mbit/s: faster links are left out */
#define COUNT(a) (sizeof(a) / sizeof *(a))

/** How runs are measured. */
struct span {
    double skip;    /**< s of the load left out at least; a row may want more */
    double seconds; /**< s that count */
};

static int ascending(const void *a, const void *b) {
    double x = *(const double *)a, y = *(const double *)b;

    return (x > y) - (x < y);
}

static double share(const struct row *row, const char *controller, const struct span *span, uint64_t seed) {
    struct flows_settings s = {.path = {row->rate, row->delay, row->loss},
                               .jitter = row->jitter,
                               .skip = IDLE + (row->skip > span->skip ? row->skip : span->skip),
                               .seed = seed,
                               .flow = {controller},
                               .limit = IDLE_RATE,
                               .limit_until = IDLE};
    static struct flows_result result;

    s.seconds = s.skip + span->seconds;
    chance_begin(seed);
    flows_run(&s, fixture.client, fixture.server, &result);
    return 100 * result.share;
}

int main(int argc, char **argv) {
    static const char *const controllers[] = {"own", "bbr", "cubic"};
    size_t seeds = argc == 4 ? strtoul(argv[1], NULL, 10) : 0;
    struct span span;

    if (seeds < 1 || seeds > SEEDS_MAX) {
        fprintf(stderr, "Usage: simulated SEEDS SKIP SECONDS\n");
        return 2;
    }
    span = (struct span){.skip = atof(argv[2]), .seconds = atof(argv[3])};
    fixture_init();
    for (size_t i = 0; i < COUNT(rows) && rows[i].rate <= RATE_MAX; i++) {
        for (size_t k = 0; k < COUNT(controllers); k++) {
            double shares[SEEDS_MAX];

            for (size_t n = 0; n < seeds; n++)
                shares[n] = share(&rows[i], controllers[k], &span, n + 1);
            qsort(shares, seeds, sizeof *shares, ascending);
            printf("%s|%s|%.1f\n", rows[i].name, controllers[k], shares[seeds / 2]);
            fflush(stdout);
        }
    }
    fixture_fini();
    return EXIT_SUCCESS;
}
