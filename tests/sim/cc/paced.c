/* SPDX-License-Identifier: GPL-2.0-or-later */
/* paced: packets at one pace over the lab's link model.
 *
 * How it works: the model alone, without connections; the best pace is found by bisection, for delay and drops grow
 * with it. */
#include "tests/sim/cc/paced.h"

#include <assert.h>
#include <stdlib.h>

#include "tests/lab/linkmodel.h"

#define PACKET 1400u    /**< bytes */
#define SKIP NS_PER_SEC /**< ns at the start that are left out */
#define PACE_LEAST 0.3  /**< where the search begins … */
#define PACE_MOST 1.3   /**< … and ends */
#define BISECTIONS 10   /**< to 0.1 % */

/** Sums over what arrived. */
struct sums {
    uint64_t packets, travelled; /**< how many, ns on the way */
};

static void drain(struct linkmodel *model, const uint64_t *sent_at, uint64_t now, struct sums *sums) {
    struct linkmodel_out out;

    while (linkmodel_take(model, now, &out)) {
        if (out.dropped || sent_at[out.handle] < SKIP)
            continue;
        sums->packets++;
        sums->travelled += out.time - sent_at[out.handle];
    }
}

struct paced_result paced_run(const struct flows_settings *settings, double pace) {
    struct linkmodel_settings link = flows_link(settings, &settings->path);
    double rate = settings->path.rate * 1e6, gap = PACKET * 8e9 / (rate * pace);
    uint64_t end = (uint64_t)((settings->seconds - settings->skip) * 1e9) + SKIP, now, count = 0, dropped, sent;
    uint64_t *sent_at = calloc((size_t)((double)end / gap) + 2, sizeof *sent_at);
    struct linkmodel model;
    struct sums sums = {0};

    assert(sent_at != NULL && linkmodel_init(&model, settings->seed) == 0);
    linkmodel_set(&model, &link, 0);
    dropped = sent = 0;
    for (double t = 0; (now = (uint64_t)t) < end; t += gap) {
        drain(&model, sent_at, now, &sums);
        if (now < SKIP) {
            dropped = model.statistics.dropped + model.statistics.policed;
            sent = model.statistics.in;
        }
        sent_at[count] = now;
        linkmodel_put(&model, PACKET, (uint32_t)count++, now);
    }
    dropped = model.statistics.dropped + model.statistics.policed - dropped;
    sent = model.statistics.in - sent;
    linkmodel_fini(&model);
    free(sent_at);
    return (struct paced_result){
        .share = (double)sums.packets * PACKET * 8e9 / (rate * (double)(end - SKIP)),
        .delay = sums.packets > 0 ? (double)sums.travelled / (double)sums.packets * 1e-6 - settings->path.delay : 0,
        .drops = sent > 0 ? (double)dropped / (double)sent : 0};
}

struct paced_result paced_best(const struct flows_settings *settings, double delay, double drops) {
    double least = PACE_LEAST, most = PACE_MOST;
    struct paced_result best = paced_run(settings, least);

    for (int i = 0; i < BISECTIONS; i++) {
        double pace = (least + most) / 2;
        struct paced_result r = paced_run(settings, pace);

        if (r.drops > drops || r.delay > delay) {
            most = pace;
            continue;
        }
        least = pace;
        best = r;
    }
    return best;
}

struct paced_result paced_share(const struct flows_settings *settings, double share) {
    double least = PACE_LEAST, most = PACE_MOST;
    struct paced_result found = paced_run(settings, most);

    for (int i = 0; i < BISECTIONS; i++) {
        double pace = (least + most) / 2;
        struct paced_result r = paced_run(settings, pace);

        if (r.share < share) {
            least = pace;
            continue;
        }
        most = pace;
        found = r;
    }
    return found;
}
