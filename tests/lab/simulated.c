/* SPDX-License-Identifier: GPL-2.0-or-later */
/* simulated: what the simulator makes of the links on which congestion.sh measures the daemon, under the same
 * conditions: the connection has nothing to send while the tunnel comes up, then always something; so many seconds of
 * that are left out, so many count. Prints "link|controller|share|lower|upper" lines, shares of what the link can
 * carry in percent: median and quartiles of seeds.
 *
 * A rate is the daemon's link's, of bytes on the wire, and a full packet costs there what it costs in the emulator: so
 * many packets a second as there pass, and so long is a queue that is limited in packets.
 *
 * congestion.sh counts the packets that are sent in those seconds. Before the tunnel they wait in a queue that the load
 * keeps full, so they arrive as much later.
 *
 * What it leaves out: losses of acknowledgements; the links' rate towards the sender. */
#include <math.h>

#include "tests/sim/cc/flows.h"
#include "tests/sim/cc/rows.h"
#include "tests/sim/chance.h"
#include "tests/sim/sort.h"
#include "tests/unit/conn_fixture.h"

#define SEEDS_MAX 100u   /**< seeds at most */
#define IDLE_ROUNDS 7    /**< round trips until the daemon's tunnel is up, its MTU found and the load begins … */
#define IDLE 0.25        /**< … and s, most of it what congestion.sh takes */
#define RATE_MAX 100.0   /**< Mbit/s: faster links are left out */
#define WIRE_BYTES 66u   /**< that a packet costs beyond its UDP payload: UDP, IPv4, settings_init()'s overhead */
#define LOAD 1.1         /**< congestion.sh's load, of the link's rate … */
#define LOAD_BYTES 1398u /**< … in such packets, payload … */
#define LOAD_QUEUE                                                                                                     \
    4096u /**< … of which the daemon's queue (daemon/tunnel.c) holds so many, left out: as long as the load          \
           * takes to offer them, whatever a controller carries meanwhile */
#define COUNT(a) (sizeof(a) / sizeof *(a))

/** How runs are measured. */
struct span {
    double skip;    /**< s of the load left out at least; a row may want more */
    double seconds; /**< s that count */
};

/** @return the value below which such a part of them is, between neighbours by distance; sorted */
static double quantile(const double *values, size_t count, double part) {
    double at = part * (double)(count - 1), rest = at - floor(at);
    size_t i = (size_t)at;

    return rest > 0 ? values[i] * (1 - rest) + values[i + 1] * rest : values[i];
}

static double share(const struct row *row, const char *controller, const struct span *span, uint64_t seed) {
    double rate = row->rate * CONN_UDP_MAX / (CONN_UDP_MAX + WIRE_BYTES);
    double idle = IDLE_ROUNDS * 2e-3 * row->delay + IDLE;
    double wait = LOAD_QUEUE * LOAD_BYTES * 8e-6 / (LOAD * row->rate) + row->delay * 1e-3;
    struct flows_settings s = {.path = {rate, row->delay, row->loss},
                               .jitter = row->jitter,
                               .skip = idle + wait + (row->skip > span->skip ? row->skip : span->skip),
                               .seed = seed,
                               .flow = {controller},
                               .idle_until = idle};
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
            sort_figures(shares, seeds);
            printf("%s|%s|%.1f|%.1f|%.1f\n", rows[i].name, controllers[k], quantile(shares, seeds, 0.5),
                   quantile(shares, seeds, 0.25), quantile(shares, seeds, 0.75));
            fflush(stdout);
        }
    }
    fixture_fini();
    return EXIT_SUCCESS;
}
