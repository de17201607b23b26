/* SPDX-License-Identifier: GPL-2.0-or-later */
/* knee_crowded: a fair share of a path whose queue somebody else keeps (knee.c tells when).
 *
 * How it works: by Little's law window = rate × round-trip time; of a step in ln(window), the part that shows in
 * ln(rtt) is our share of a full path. The window is lowered for one round now and then, at random, and moved to where
 * that share is CROWDED_GOAL. Losses beyond the path's own shrink it by as much. When the queue is gone, or the share
 * stays hopelessly small (several of a kind took each other for a stranger), it drains and cruises again.
 *
 * Invariants: decide_at is UINT64_MAX until there was a low round.
 *
 * Kindred: J. Little, "A proof for the queuing formula L = λW" (1961). */
#include "quic/knee_internal.h"

static uint64_t draw(struct knee *knee, uint64_t below) {
    knee->random ^= knee->random >> 12;
    knee->random ^= knee->random << 25;
    knee->random ^= knee->random >> 27;
    return (knee->random * 0x2545f4914f6cdd1dull >> 33) % below;
}

void knee_begin_crowded(struct knee *knee) {
    knee->mode = KNEE_CROWDED;
    knee->drain.failed = 0;
    knee->true_base = knee->base;
    knee->window = fmin(knee->drain.before, 2 * knee_rate(knee)) * knee->rtt;
    limit(knee);
    knee->decide_at = UINT64_MAX;
    knee->low_at = knee->cut_at = knee->round;
    knee->move = knee->sum_xx = knee->sum_xy = 0;
    knee->depth = 0.15;
    knee->hopeless = knee->empty = 0;
}

/** Crowded, and a low round's losses are known: move the window by what it showed. */
static void decide(struct knee *knee, uint64_t now) {
    struct knee_round *low = round_at(knee, knee->low_at), *after = round_at(knee, knee->low_at + 2),
                      *before = round_at(knee, knee->low_at - 1);
    double x, y, high, share, step;

    if (low->packets == 0 || after->packets == 0)
        return;
    x = log(after->window);
    y = log(mean_rtt(after));
    if (before->settled && before->packets > 0 && fabs(log(before->window) - x) < 0.3 * knee->depth) {
        x = (x + log(before->window)) / 2;
        y = (y + log(mean_rtt(before))) / 2;
    }
    high = exp(y);
    x -= log(low->window);
    y -= log(mean_rtt(low));
    if (x < 0.02)
        return;
    knee->sum_xy = knee->sum_xy * 0.5 + y * x;
    knee->sum_xx = knee->sum_xx * 0.5 + x * x;
    share = knee->sum_xy / knee->sum_xx;
    step = clamp(CROWDED_GOAL - share, -0.5, 0.5) * fmax(knee->depth, GAIN);
    if (knee->move * step > 0 && fabs(CROWDED_GOAL - share) > 0.15)
        step = clamp(knee->move * 1.5, -0.2, 0.2);
    knee->move = step;
    knee->window *= exp(step);
    limit(knee);
    knee->depth = clamp(fmax(DEPTH, 2 * knee->noise.mean) / high, DEPTH_MIN, DEPTH_MAX);
    knee->hopeless = share < HOPELESS ? knee->hopeless + 1 : 0;
    if (knee->hopeless > HOPELESS_COUNT)
        knee_begin_drain(knee, RESERVE, now);
}

bool knee_share_path(struct knee *knee, const struct knee_round *settled, uint64_t now) {
    uint64_t next = knee->round + 1;
    double excess = loss_of(settled) - knee_own_loss(knee);
    bool low;

    knee->empty = knee->rtt < knee->true_base + knee_margin(knee) ? knee->empty + 1 : 0;
    if (knee->empty >= EMPTY) {
        knee->base = knee->base_next = knee->true_base;
        knee_begin_cruise(knee, knee_rate(knee) * RESERVE);
        return false;
    }
    if (excess > 0.01 && next >= knee->cut_at + 3) {
        knee->window *= 1 - clamp(excess, 0.05, 0.3);
        limit(knee);
        knee->cut_at = next;
    }
    if (knee->decide_at == next)
        decide(knee, now);
    if (knee->mode != KNEE_CROWDED)
        return false;
    low = knee->decide_at == UINT64_MAX ? next >= knee->low_at + 3 : next >= knee->decide_at + draw(knee, 4);
    if (low)
        knee->decide_at = next + 5;
    return low;
}
