/* SPDX-License-Identifier: GPL-2.0-or-later */
/* knee_start: start-up, in which the window grows until the path is full (knee.c tells what comes before and after).
 *
 * How it works: every acknowledgement grows the window; what ends that is a round-trip time above the least of a
 * round's, one that grows with the window, or losses that were not there before.
 *
 * On a path whose delay varies much (noisy: about as much in all rounds, which a queue does not; on a short path hosts
 * are the reason) the mean of a few packets tells little: the last whole round must have been late, too, and what
 * arrived in rounds tells the rate. Still that may be far below the path's, and so it is where the sender had not
 * enough to fill its window. Such a rate is a guess: after the drain the pace climbs fast, once it is used, until a
 * queue shows. Where noise hides a queue (varies) late packets that end start-up always leave a guess. A window that
 * grows in vain, or a round several times as long as the base, does not: those are queues of our own. And less is to be
 * lost there than elsewhere to end it, as the queue is full before its delay is seen.
 *
 * What start-up lost is for the most part the path's own, as its queue only begins: so it is known when cruise begins,
 * a little (START_KNOWN; drains count far more of it soon), or the rate that arrived would be taken for the path's, and
 * the climb to it would be so long that it becomes free and overshoots. Losses that end start-up are a queue's or a
 * policer's and tell nothing; where noise is most of the margin, rates are too uncertain for it to matter.
 *
 * The noise that cruise begins with is the least that start-up saw, for its own queue is none; but never much less than
 * round-trip times differ within a round, for two quarters of a round may be alike by chance.
 *
 * What it leaves out: paths whose first packets alone fill them for longer than SLOW. */
#include "quic/knee_internal.h"

/** Whether the last rounds of start-up filled their windows. */
static bool fills(struct knee *knee) {
    for (uint64_t i = 1; i <= START_FILLED; i++)
        if (round_at(knee, knee->round - i)->flight < USED * round_at(knee, knee->round - i)->window)
            return false;
    return true;
}

/** Whether what was sent last can have made a queue. Who sends small packets and does not fill the window, as
 * acknowledgements do not, meets the queue of the data that goes the other way. */
static bool loads(struct knee *knee) {
    const struct knee_round *r = round_at(knee, knee->round - 1), *before = round_at(knee, knee->round - 2);
    double packets = r->packets + r->excused + before->packets + before->excused;

    return r->acked + before->acked >= START_FULL * knee->packet * packets || fills(knee);
}

void knee_leave_start(struct knee *knee, double pace, uint64_t now) {
    knee_set_rate(knee, pace);
    knee->guess = !fills(knee);
    knee->noise.mean = fmax(knee->noise.quiet, CALM * knee->calm);
    knee->base += BUMP * knee->noise.mean;
    knee->base_next = knee->base;
    knee->smooth_rtt = fmax(knee->smooth_rtt, knee->base);
    knee->drain.before = pace;
    if (knee->sent > 0 && QUEUE_NOISE * knee->noise.mean < QUEUE_MAX) {
        knee->clean_sent = fmin(START_KNOWN * knee->packet, knee->sent);
        knee->clean_lost = knee->clean_sent * fmin(knee->lost / knee->sent, LOSS_MAX);
    }
    knee_begin_drain(knee, START_DRAIN, now);
}

/** Whether round-trip times vary about as much in all rounds, and no host is the reason. */
static bool varies_alike(const struct knee *knee) {
    return knee_stall(knee) == 0 && knee->jitter < START_ALIKE * knee->calm;
}

/** Whether they do, and by more than a queue of ours makes them. */
static bool varies(const struct knee *knee) {
    return varies_alike(knee) && knee->noise.quiet >= NOISY;
}

/** Whether more was lost of a round than of those before. */
static bool loses_more(const struct knee *knee, const struct knee_round *known) {
    double before = knee->lost / knee->sent;

    if (varies(knee))
        return loss_of(known) > fmin(START_LOSS_NOISY + before, START_LOSS_MOST) &&
               known->lost > START_LOST_NOISY * knee->packet;
    return loss_of(known) > fmin(START_LOSS + 2 * before, START_LOSS_MOST) && known->lost > 10 * knee->packet;
}

void knee_start_round(struct knee *knee, uint64_t now) {
    struct knee_round *r = round_at(knee, knee->round - 1), *before = round_at(knee, knee->round - 4);
    const struct knee_round *settled = round_at(knee, knee->round - 2);
    double rtt = mean_rtt(r), got, grown, arrived = round_at(knee, knee->round)->arrived;
    double took = (double)(now - round_at(knee, knee->round)->start);
    bool lossy;

    if (rtt == 0 || r->flight < r->window * 0.5)
        return;
    knee->lost += settled->lost;
    knee->sent += settled->lost + settled->acked + knee->packet;
    got = fmin(r->flight * (1 - loss_of(r)) / rtt, arrived / took);
    if (r->excused == 0 || knee->silence.longest == 0)
        knee->best = fmax(knee->best, got);
    /* The first window alone made a long queue: only its first packet met none. */
    if (r->packets >= 8 && rtt > 3.5 * knee->least + SLOW)
        knee->base = knee->least;
    lossy = loses_more(knee, knee_reorders(knee) ? settled : r);
    if (lossy || rtt > 3.5 * knee->base + SLOW) {
        if (lossy)
            knee->lost = knee->sent = 0;
        knee_leave_start(knee, got, now);
        return;
    }
    if (knee->round < KNEE_ROUNDS + START_ROUNDS || mean_rtt(before) == 0)
        return;
    grown = log(r->flight / before->flight);
    knee->flat = grown > 0.3 && log(rtt / mean_rtt(before)) > FLAT * grown && rtt > knee->base + knee_stall(knee)
                     ? knee->flat + 1
                     : 0;
    if (knee->flat >= 2 && loads(knee))
        knee_leave_start(knee, knee->best, now);
}

void knee_grow(struct knee *knee, double bytes, double in_flight, uint64_t now) {
    double late = fmax(fmax(knee->base / 20 + 5e5, 3 * knee->jitter), fmax(2e6, knee_stall(knee)));
    /* What is on its way to a host that has stopped tells no rate. */
    double most = knee->silence.longest > 0 && knee->best > 0 ? knee->best : INFINITY;
    bool early = knee->round < KNEE_ROUNDS + START_ROUNDS + 3;
    bool noisy = !early && varies_alike(knee) && (varies(knee) || 3 * knee->jitter > START_NOISY * knee->base);

    if (early)
        late = fmax(late, 0.75 * knee->base);
    knee->window += bytes * (knee->window < START_FAST * knee->packet ? 1 : START_GROWTH);
    limit(knee);
    if (knee->round < KNEE_ROUNDS + START_ROUNDS || knee->recent_rtt <= knee->base + late ||
        (noisy && knee->rtt < knee->base + START_LATE * late))
        return;
    /* Who hardly fills the first windows did not make the queue that shows, and learns no rate. */
    if ((in_flight <= USED * knee->window && knee->window <= 2 * INITIAL_PACKETS * knee->packet) || !loads(knee))
        return;
    knee_leave_start(knee, fmin(fmax(in_flight / knee->recent_rtt, noisy ? knee->best : 0), most), now);
    knee->guess |= noisy || varies(knee);
}

void knee_restart(struct knee *knee, const struct knee_round *unused, uint64_t now) {
    double window = knee->window, rtt = mean_rtt(unused), recent = knee->recent_rtt, smooth = knee->smooth_rtt;
    uint64_t heard = knee->heard, asked = knee->asked;

    knee_reset(knee, now);
    knee->window = window;
    knee->rtt = knee->smooth_rtt = smooth > 0 ? smooth + (rtt - smooth) / 8 : rtt;
    knee->recent_rtt = recent;
    knee->heard = heard;
    knee->asked = asked;
}
