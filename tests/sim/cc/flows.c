/* SPDX-License-Identifier: GPL-2.0-or-later */
/* flows: several connections over one bottleneck, in virtual time.
 *
 * How it works: each flow is a pair (pair.h); their links to the server lead through one bottleneck, which does what
 * the lab's model does to packets (rate, delay, jitter, reordering, losses, bursts of losses, queue, policer), marks
 * CE, and changes while the run lasts. Acknowledgements come back with the same delay and jitter, without loss, each
 * flow's by itself; if they are to be gathered, all of 2 ms, say, come together. Time jumps to the next moment at which
 * something is to be done.
 * What it leaves out: packets of other sizes than a full one, but for a flow that is or was limited; losses of
 * acknowledgements.
 *
 * Standards: Jain's index is R. Jain's and others', "A quantitative measure of fairness" (1984). */
#include "tests/sim/cc/flows.h"

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tests/sim/bottleneck.h"

#define TICK ((uint64_t)(FLOWS_TICK * 1e9)) /**< ns */
#define APP_BYTES 1300u                     /**< a datagram of a flow that is or was limited … */
#define APP_UDP_BYTES 1330u                 /**< … which costs so much */
#define STOPPED_PACKETS 5000u               /**< wait at most for a host that is stopped */
#define APP_WAITING 50u                     /**< datagrams of it that wait at most */

/** What was counted so far, all flows together. */
struct sums {
    uint64_t bytes, packets, travelled; /**< that arrived; ns on the way */
    uint64_t dropped, sent;             /**< packets */
};

/** A host, which may stop now and then. */
struct host {
    uint64_t random; /**< state of the generator */
    bool stopped;    /**< now … */
    uint64_t until;  /**< … until then, ns */
};

/** A run. */
struct run {
    const struct flows_settings *settings; /**< as given */
    struct flows_result *out;              /**< where results go */
    struct bottleneck bottleneck;          /**< to the server */
    struct bottleneck back[FLOWS_MAX];     /**< each flow's way back */
    struct pair *pair[FLOWS_MAX];          /**< one a flow; NULL: not begun */
    size_t count, changes;                 /**< flows; changes made */
    uint64_t start, now;                   /**< ns */
    uint64_t fed_at;                       /**< ns: a limited flow got something to send up to then */
    struct flows_path path;                /**< as it is now */
    struct sums marked, ticked;            /**< when the results began; at the last tick */
    uint64_t bytes[FLOWS_MAX];             /**< of each flow, when the results began */
    uint64_t tick_bytes[FLOWS_MAX];        /**< at the last tick */
    struct host host[2];                   /**< the clients', the servers' */
    struct tls_context *client, *server;   /**< for the pairs */
};

static uint64_t ns(double seconds) {
    return (uint64_t)(seconds * 1e9);
}

static uint64_t ns_of_ms(double ms) {
    return (uint64_t)(ms * 1e6);
}

/** @return s since the start */
static double elapsed(const struct run *run) {
    return (double)(run->now - run->start) * 1e-9;
}

/** @return Mbit/s that can arrive now */
static double bound(const struct run *run) {
    double police = run->settings->police;

    return police > 0 && police < run->path.rate ? police : run->path.rate;
}

struct linkmodel_settings flows_link(const struct flows_settings *s, const struct flows_path *path) {
    return (struct linkmodel_settings){.rate_bps = (uint64_t)(path->rate * 1e6),
                                       .delay = ns_of_ms(path->delay),
                                       .jitter = ns_of_ms(s->jitter),
                                       .reorder = s->reorder,
                                       .loss = path->loss,
                                       .burst_enter = s->burst_enter,
                                       .burst_leave = s->burst_leave,
                                       .burst_loss = s->burst_loss,
                                       .packets = s->queue != 0 ? s->queue : 1000,
                                       .police_bps = (uint64_t)(s->police * 1e6),
                                       .police_bytes = (uint64_t)(s->police * 1e6 / 8 * s->police_ms * 1e-3)};
}

static struct linkmodel_settings way_back(const struct run *run) {
    return (struct linkmodel_settings){.delay = ns_of_ms(run->path.delay),
                                       .jitter = ns_of_ms(run->settings->jitter),
                                       .reorder = run->settings->reorder};
}

static void begin(struct run *run, size_t i) {
    const struct flows_settings *s = run->settings;
    struct linkmodel_settings back = way_back(run);
    struct pair_settings p = {.client_tls = run->client,
                              .server_tls = run->server,
                              .up = {.bottleneck = &run->bottleneck, .queue_packets = STOPPED_PACKETS},
                              .down = {.bottleneck = &run->back[i], .queue_packets = STOPPED_PACKETS},
                              .congestion = s->flow[i],
                              .congestion_seed = s->seed * 16 + i + 1,
                              .start = run->now};

    bottleneck_init(&run->back[i], s->seed * 16 + i + 1);
    linkmodel_set(&run->back[i].model, &back, run->now);
    run->back[i].burst = ns_of_ms(s->gather);
    run->pair[i] = calloc(1, sizeof **run->pair);
    assert(run->pair[i] != NULL);
    pair_init(run->pair[i], &p);
    pair_turn(run->pair[i]);
}

static struct sums sum(const struct run *run) {
    struct sums s = {0};

    for (size_t i = 0; i < run->count; i++) {
        if (run->pair[i] == NULL)
            continue;
        s.bytes += run->pair[i]->server.bytes_in;
        s.packets += run->pair[i]->server.packets_in;
        s.travelled += run->pair[i]->server.travelled;
        s.dropped += run->pair[i]->up.dropped;
        s.sent += run->pair[i]->up.sent;
    }
    return s;
}

static double ratio(uint64_t a, uint64_t b) {
    return b > 0 ? (double)a / (double)b : 0;
}

/** @return ms above the one-way delay, mean of the packets that arrived since then */
static double delay_since(const struct run *run, const struct sums *then, const struct sums *s) {
    if (s->packets == then->packets)
        return 0;
    return ratio(s->travelled - then->travelled, s->packets - then->packets) * 1e-6 - run->path.delay;
}

/** The results begin here. */
static void mark(struct run *run) {
    run->marked = sum(run);
    run->out->drops_start = ratio(run->marked.dropped, run->marked.sent);
    for (size_t i = 0; i < run->count; i++)
        run->bytes[i] = run->pair[i] != NULL ? run->pair[i]->server.bytes_in : 0;
}

static void finish(struct run *run) {
    const struct flows_settings *s = run->settings;
    struct flows_result *out = run->out;
    struct sums end = sum(run);
    double all = 0, squares = 0;

    for (size_t i = 0; i < run->count; i++) {
        out->rate[i] = (double)(run->pair[i]->server.bytes_in - run->bytes[i]) * 8e-6 / (s->seconds - s->skip);
        all += out->rate[i];
        squares += out->rate[i] * out->rate[i];
    }
    out->share = all / bound(run);
    out->jain = squares > 0 ? all * all / (squares * (double)run->count) : 0;
    out->delay = delay_since(run, &run->marked, &end);
    out->drops = ratio(end.dropped - run->marked.dropped, end.sent - run->marked.sent);
}

static void print_tick(const struct run *run, const struct flows_tick *tick) {
    printf("%5.1f s  %5.1f ms %4.0f dropped", elapsed(run), tick->delay, tick->drops);
    for (size_t i = 0; i < run->count; i++)
        printf("   %s %7.2f Mbit/s window %6.0f k", run->settings->flow[i], tick->rate[i], tick->window[i] * 1e-3);
    printf("\n");
}

static void end_tick(struct run *run) {
    struct flows_tick *tick = &run->out->tick[run->out->ticks++];
    struct sums s = sum(run);

    assert(run->out->ticks <= FLOWS_TICKS_MAX);
    tick->delay = delay_since(run, &run->ticked, &s);
    tick->drops = (double)(s.dropped - run->ticked.dropped);
    for (size_t i = 0; i < run->count; i++) {
        struct conn_statistics statistics;

        if (run->pair[i] == NULL)
            continue;
        conn_statistics(run->pair[i]->client.conn, &statistics);
        tick->window[i] = (double)statistics.cwnd_bytes;
        tick->rate[i] = (double)(run->pair[i]->server.bytes_in - run->tick_bytes[i]) * 8e-6 / FLOWS_TICK;
        run->tick_bytes[i] = run->pair[i]->server.bytes_in;
    }
    if (run->out->reached == 0 && (double)(s.bytes - run->ticked.bytes) * 8e-6 / FLOWS_TICK > 0.8 * bound(run))
        run->out->reached = elapsed(run);
    run->ticked = s;
    if (run->settings->verbose)
        print_tick(run, tick);
}

static void watch_start(struct run *run) {
    double rtt = 2e-3 * run->settings->path.delay, bdp = bound(run) * 1e6 / 8 * rtt;
    struct conn_statistics statistics;

    if (run->pair[0] == NULL || run->now - run->start > ns(20 * rtt + 0.5))
        return;
    conn_statistics(run->pair[0]->client.conn, &statistics);
    if ((double)statistics.in_flight_bytes / bdp > run->out->overshoot)
        run->out->overshoot = (double)statistics.in_flight_bytes / bdp;
}

/** The link changes when its time has come. */
static void change(struct run *run) {
    const struct flows_change *next = &run->settings->change[run->changes];
    struct linkmodel_settings there, back;

    if (run->changes == FLOWS_CHANGES_MAX || next->at == 0 || elapsed(run) < next->at)
        return;
    run->changes++;
    run->path = next->to;
    there = flows_link(run->settings, &run->path);
    back = way_back(run);
    linkmodel_set(&run->bottleneck.model, &there, run->now);
    for (size_t i = 0; i < run->count; i++)
        if (run->pair[i] != NULL)
            linkmodel_set(&run->back[i].model, &back, run->now);
}

/** A flow gets what it has to send now. @return whether something new */
static bool feed(struct run *run, size_t i) {
    const struct flows_settings *s = run->settings;
    struct pair_end *client = &run->pair[i]->client;
    bool idle = i == 0 && elapsed(run) >= s->idle_from && elapsed(run) < s->idle_until;
    bool limited = i == 0 && elapsed(run) < s->limit_until, bulk = client->bulk;
    uint64_t waited = client->datagrams_to_send;

    client->bulk = !idle && !limited;
    client->payload = limited ? APP_BYTES : 0;
    if (!limited)
        return client->bulk && !bulk;
    if (run->fed_at == 0)
        run->fed_at = run->now;
    for (; run->fed_at <= run->now; run->fed_at += (uint64_t)(APP_UDP_BYTES * 8e3 / s->limit))
        if (client->datagrams_to_send < APP_WAITING)
            client->datagrams_to_send++;
    return client->datagrams_to_send > waited;
}

static uint64_t earlier(uint64_t a, uint64_t b) {
    return a < b ? a : b;
}

/** @return from 0 to below 1 */
static double draw(struct host *host) {
    host->random = host->random * 6364136223846793005ull + 1442695040888963407ull;
    return (double)(host->random >> 11) / (double)(1ull << 53);
}

/** The hosts stop, and go on. @return when the next of them does, ns */
static uint64_t stop_hosts(struct run *run) {
    const struct flows_settings *s = run->settings;
    const bool stops[] = {s->stop_client, s->stop_server};
    uint64_t next = TIME_NEVER;

    for (size_t i = 0; s->stop > 0 && i < 2; i++) {
        struct host *host = &run->host[i];

        if (!stops[i])
            continue;
        while (host->until <= run->now) {
            double ms = s->stop_least + draw(host) * (s->stop_most - s->stop_least);

            host->stopped = !host->stopped;
            host->until = run->now + (uint64_t)(ms * 1e6 * (host->stopped ? 1 : 1 / s->stop - 1));
        }
        next = earlier(next, host->until);
    }
    return next;
}

/** One flow's part of a moment. @return when the next is due, ns */
static uint64_t turn(struct run *run, size_t i) {
    uint64_t at = run->start + ns(run->settings->start[i]), next;
    bool fed;

    if (run->pair[i] == NULL && run->now < at)
        return at;
    if (run->pair[i] == NULL)
        begin(run, i);
    bottleneck_run(&run->back[i], run->now);
    run->pair[i]->now = run->now;
    run->pair[i]->client.stopped = run->host[0].stopped;
    run->pair[i]->server.stopped = run->host[1].stopped;
    fed = feed(run, i);
    if (fed || pair_next(run->pair[i]) <= run->now)
        pair_turn(run->pair[i]);
    next = earlier(pair_next(run->pair[i]), bottleneck_next(&run->back[i]));
    return run->pair[i]->client.bulk || run->fed_at == 0 ? next : earlier(next, run->fed_at);
}

/** One moment. @return when the next is due, ns */
static uint64_t step(struct run *run) {
    uint64_t next = stop_hosts(run);

    change(run);
    bottleneck_run(&run->bottleneck, run->now);
    for (size_t i = 0; i < run->count; i++)
        next = earlier(next, turn(run, i));
    watch_start(run);
    next = earlier(next, bottleneck_next(&run->bottleneck));
    return next > run->now ? next : run->now + 1000;
}

static void make(struct run *run) {
    struct linkmodel_settings there = flows_link(run->settings, &run->path);

    bottleneck_init(&run->bottleneck, run->settings->seed * 16);
    linkmodel_set(&run->bottleneck.model, &there, run->now);
    run->host[0].random = run->settings->seed * 2 + 1;
    run->host[1].random = run->settings->seed * 2 + 2;
    run->bottleneck.mark = ns_of_ms(run->settings->mark);
    run->bottleneck.late = (struct bottleneck_late){.delay = ns_of_ms(run->settings->late),
                                                    .next = run->start + ns(run->settings->late_from),
                                                    .every = ns(run->settings->late_every),
                                                    .packets = run->settings->late_packets};
    while (run->settings->flow[run->count] != NULL)
        run->count++;
}

static void unmake(struct run *run) {
    for (size_t i = 0; i < run->count; i++) {
        if (run->pair[i] != NULL)
            pair_fini(run->pair[i]);
        free(run->pair[i]);
        bottleneck_fini(&run->back[i]);
    }
    bottleneck_fini(&run->bottleneck);
}

void flows_run(const struct flows_settings *settings, struct tls_context *client, struct tls_context *server,
               struct flows_result *out) {
    struct run run = {.settings = settings,
                      .out = out,
                      .start = NS_PER_SEC,
                      .now = NS_PER_SEC,
                      .path = settings->path,
                      .client = client,
                      .server = server};
    uint64_t end = run.start + ns(settings->seconds), next_tick = run.start + TICK;
    bool marked = false;

    memset(out, 0, sizeof *out);
    make(&run);
    while (run.now < end) {
        run.now = earlier(step(&run), next_tick);
        if (!marked && run.now >= run.start + ns(settings->skip)) {
            mark(&run);
            marked = true;
        }
        if (run.now < next_tick)
            continue;
        end_tick(&run);
        next_tick += TICK;
    }
    finish(&run);
    unmake(&run);
}

double flows_bound(const struct flows_settings *settings) {
    double rate = settings->path.rate;

    for (size_t i = 0; i < FLOWS_CHANGES_MAX; i++)
        if (settings->change[i].at > 0)
            rate = settings->change[i].to.rate;
    return settings->police > 0 && settings->police < rate ? settings->police : rate;
}

/** @return the number of the tick that begins at a time, s */
static size_t tick_at(const struct flows_result *result, double at) {
    size_t n = (size_t)(at / FLOWS_TICK + 0.5);

    return n < result->ticks ? n : result->ticks;
}

double flows_rate(const struct flows_result *result, size_t flow, double from, double until) {
    size_t begins = tick_at(result, from), ends = tick_at(result, until);
    double all = 0;

    for (size_t i = begins; i < ends; i++)
        all += result->tick[i].rate[flow];
    return ends > begins ? all / (double)(ends - begins) : 0;
}

double flows_delay(const struct flows_result *result, double from, double until) {
    size_t begins = tick_at(result, from), ends = tick_at(result, until);
    double all = 0;

    for (size_t i = begins; i < ends; i++)
        all += result->tick[i].delay;
    return ends > begins ? all / (double)(ends - begins) : 0;
}
