/* SPDX-License-Identifier: GPL-2.0-or-later */
/* flows: several connections over one bottleneck, in virtual time.
 *
 * How it works: each flow is a pair (pair.h); their links to the server share one transmitter and queue. All pairs are
 * run in step: time jumps to the next moment at which one of them has something to do. Acknowledgements come back with
 * the same delay and jitter, without loss, each flow's by itself. What it leaves out: packets of other sizes than a
 * full one. */
#include "tests/sim/cc/flows.h"

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define TICK (100 * NS_PER_MS) /**< ns: the rate is looked at over such times */

/** A run. */
struct run {
    const struct flows_settings *settings;                        /**< as given */
    struct flows_result *out;                                     /**< where results go */
    struct link_shared shared;                                    /**< the bottleneck */
    struct pair *pair[FLOWS_MAX];                                 /**< one a flow; NULL: not begun */
    size_t count;                                                 /**< flows */
    uint64_t start, now;                                          /**< ns */
    double rate;                                                  /**< Mbit/s now */
    uint64_t bytes[FLOWS_MAX], packets, travelled, dropped, sent; /**< sums when the results began */
    uint64_t tick_bytes, second_bytes[FLOWS_MAX];                 /**< sums at the last tick, second */
    struct tls_context *client, *server;                          /**< for the pairs */
};

static uint64_t seconds(double s) {
    return (uint64_t)(s * 1e9);
}

static void begin(struct run *run, size_t i) {
    const struct flows_settings *s = run->settings;
    struct pair_settings p = {.client_tls = run->client,
                              .server_tls = run->server,
                              .congestion = s->flow[i],
                              .congestion_seed = s->seed * 16 + i + 1,
                              .start = run->now};

    p.up = (struct link_settings){.rate_bps = (uint64_t)(run->rate * 1e6),
                                  .delay = (uint64_t)(s->delay * 1e6),
                                  .jitter_normal = (uint64_t)(s->jitter * 1e6),
                                  .loss = s->loss,
                                  .queue_packets = run->shared.limit,
                                  .shared = &run->shared,
                                  .seed = s->seed * 16 + 2 * i};
    p.down = (struct link_settings){.delay = p.up.delay,
                                    .jitter_normal = p.up.jitter_normal,
                                    .queue_packets = 20000,
                                    .seed = s->seed * 16 + 2 * i + 1};
    run->pair[i] = calloc(1, sizeof **run->pair);
    assert(run->pair[i] != NULL);
    pair_init(run->pair[i], &p);
    run->pair[i]->client.bulk = true;
}

static void sum(const struct run *run, uint64_t *bytes, uint64_t *packets, uint64_t *travelled, uint64_t *dropped,
                uint64_t *sent) {
    *bytes = *packets = *travelled = *dropped = *sent = 0;
    for (size_t i = 0; i < run->count; i++) {
        if (run->pair[i] == NULL)
            continue;
        *bytes += run->pair[i]->server.bytes_in;
        *packets += run->pair[i]->server.packets_in;
        *travelled += run->pair[i]->server.travelled;
        *dropped += run->pair[i]->up.dropped;
        *sent += run->pair[i]->up.sent;
    }
}

/** The results begin here. */
static void mark(struct run *run) {
    uint64_t bytes;

    sum(run, &bytes, &run->packets, &run->travelled, &run->dropped, &run->sent);
    run->out->drops_start = run->sent > 0 ? (double)run->dropped / (double)run->sent : 0;
    for (size_t i = 0; i < run->count; i++)
        run->bytes[i] = run->pair[i] != NULL ? run->pair[i]->server.bytes_in : 0;
}

static void finish(struct run *run) {
    const struct flows_settings *s = run->settings;
    double span = s->seconds - s->skip, all = 0;
    uint64_t bytes, packets, travelled, dropped, sent;

    sum(run, &bytes, &packets, &travelled, &dropped, &sent);
    for (size_t i = 0; i < run->count; i++) {
        run->out->rate[i] = (double)(run->pair[i]->server.bytes_in - run->bytes[i]) * 8e-6 / span;
        all += run->out->rate[i];
    }
    run->out->share = all / run->rate;
    run->out->delay = (double)(travelled - run->travelled) / (double)(packets - run->packets) * 1e-6 - s->delay;
    run->out->drops = (double)(dropped - run->dropped) / (double)(sent - run->sent);
}

static void print_second(struct run *run) {
    printf("%5.1f s", (double)(run->now - run->start) * 1e-9);
    for (size_t i = 0; i < run->count; i++) {
        struct conn_statistics st;

        if (run->pair[i] == NULL)
            continue;
        conn_statistics(run->pair[i]->client.conn, &st);
        printf("   %s %6.2f Mbit/s cwnd %5lu k rtt %6.1f lost %lu dropped %lu", run->settings->flow[i],
               (double)(run->pair[i]->server.bytes_in - run->second_bytes[i]) * 8e-6 * 2,
               (unsigned long)st.cwnd_bytes / 1000, (double)st.rtt_smoothed * 1e-6, (unsigned long)st.packets_lost,
               (unsigned long)run->pair[i]->up.dropped);
        run->second_bytes[i] = run->pair[i]->server.bytes_in;
    }
    printf("\n");
}

static void tick(struct run *run, unsigned number) {
    uint64_t bytes, packets, travelled, dropped, sent;
    double rate;

    sum(run, &bytes, &packets, &travelled, &dropped, &sent);
    rate = (double)(bytes - run->tick_bytes) * 8e-6 / ((double)TICK * 1e-9);
    run->tick_bytes = bytes;
    if (run->out->reached == 0 && rate > 0.8 * run->rate)
        run->out->reached = (double)(run->now - run->start) * 1e-9;
    if ((run->now - run->start) > seconds(run->settings->seconds - 1.0))
        run->out->tail += rate / run->rate / 10;
    if (run->settings->verbose && number % 5 == 0)
        print_second(run);
}

static void watch_start(struct run *run) {
    const struct flows_settings *s = run->settings;
    double bdp = run->rate * 1e6 / 8 * 2 * s->delay * 1e-3;
    struct conn_statistics st;

    if (run->now - run->start > seconds(20 * 2 * s->delay * 1e-3 + 0.5))
        return;
    conn_statistics(run->pair[0]->client.conn, &st);
    if ((double)st.in_flight_bytes / bdp > run->out->overshoot)
        run->out->overshoot = (double)st.in_flight_bytes / bdp;
}

static void change(struct run *run) {
    const struct flows_settings *s = run->settings;
    double t = (double)(run->now - run->start) * 1e-9;

    for (size_t i = 0; i < 4; i++)
        if (s->change_at[i] > 0 && t >= s->change_at[i])
            run->rate = s->change_to[i];
    for (size_t i = 0; i < run->count; i++)
        if (run->pair[i] != NULL)
            run->pair[i]->up.settings.rate_bps = (uint64_t)(run->rate * 1e6);
}

/** One moment. @return when the next is */
static uint64_t step(struct run *run) {
    uint64_t next = TIME_NEVER;

    for (size_t i = 0; i < run->count; i++) {
        uint64_t at = run->start + seconds(run->settings->start[i]);

        if (run->pair[i] == NULL && run->now >= at)
            begin(run, i);
        if (run->pair[i] == NULL) {
            if (at < next)
                next = at;
            continue;
        }
        run->pair[i]->now = run->now;
        pair_turn(run->pair[i]);
        at = pair_next(run->pair[i]);
        if (at < next)
            next = at;
    }
    return next > run->now ? next : run->now + 1000;
}

void flows_run(const struct flows_settings *settings, struct tls_context *client, struct tls_context *server,
               struct flows_result *out) {
    struct run run = {.settings = settings,
                      .out = out,
                      .start = NS_PER_SEC,
                      .now = NS_PER_SEC,
                      .rate = settings->rate,
                      .client = client,
                      .server = server};
    uint64_t end = run.start + seconds(settings->seconds), next_tick = run.start + TICK;
    unsigned ticks = 0;
    bool marked = false;

    memset(out, 0, sizeof *out);
    run.shared.limit = settings->queue != 0 ? settings->queue : 1000;
    while (settings->flow[run.count] != NULL)
        run.count++;
    while (run.now < end) {
        uint64_t next = step(&run);

        watch_start(&run);
        if (next > next_tick)
            next = next_tick;
        run.now = next;
        change(&run);
        if (!marked && run.now >= run.start + seconds(settings->skip)) {
            mark(&run);
            marked = true;
        }
        if (run.now < next_tick)
            continue;
        tick(&run, ++ticks);
        next_tick += TICK;
    }
    finish(&run);
    for (size_t i = 0; i < run.count; i++) {
        if (run.pair[i] != NULL)
            pair_fini(run.pair[i]);
        free(run.pair[i]);
    }
}
