/* SPDX-License-Identifier: GPL-2.0-or-later */
/* knee: a congestion controller for radio links.
 *
 * The idea. On a radio link packets are lost, and round-trip times vary, whatever the sender does. A controller that
 * takes loss for congestion (CUBIC) or the least round-trip time for the path's (BBR) leaves such a link unused. What
 * tells a queue of our own from the link's own ways is what the pace does to it: a pace above the link's rate makes a
 * queue that grows and grows, a pace below drains it. So the pace is the control, not the window: it climbs slowly
 * until the mean round-trip time has risen by more than the path's noise explains, then it is lowered until that is
 * undone, and set to a little below the rate that arrived meanwhile. A link whose delay varies is nearly as full at 97
 * % of its rate as with any window, and its queue is far shorter: a window would have to be as large as the worst
 * delay.
 *
 * How it works.
 * - A round ends when a packet sent in it is acknowledged. Acknowledgements and losses are booked on the round in which
 *   the packet was sent. A packet that was declared lost and arrives after all was not lost; so nothing is made of the
 *   losses of a round before all its packets are known.
 * - Where a path changes the order (late), what is missing may only be late, and packets wait for none. A route or a
 *   queue that changes makes packets late once, on any path: so it is their share of the last rounds that tells. Rounds
 *   last a mean round-trip time there, for the first packet of one that is acknowledged is the luckiest.
 * - noise: how much the means of quarters of a round differ. Queues of our own change slowly and hardly count. The
 *   noisier, the longer are the times over which rate and round-trip time are averaged (span), and the larger is the
 *   queue that counts as one (margin).
 * - base: the least smoothed round-trip time lately, a mean, not the luckiest packet's. All that share a queue see it
 *   rise above their margins at the same time and drain at the same time; so it empties, all learn the true base, and
 *   several of a kind keep no more of a queue than one. Nobody ends a drain while the round-trip time still falls: who
 *   came late would take what others leave in the queue for the path's length, and hold it there. The climb is about
 *   the same in bytes for all (slow paths excepted, if noise hides a queue), a drain in proportion, so shares even out.
 * - Short paths: a busy host stops for milliseconds, and all that was on the way then seems to have met a queue. So a
 *   queue is one only if all rounds begun within the time of a stall met it, and the window has room for half of one.
 * - Hosts that are starved of their processor stop for longer: on short paths knee_silence.c tells that from a queue.
 * The round-trip times of packets that met it are not looked at, a round without others does not climb, and the window
 * has room for as much as is sent in such a time, or the path would be idle.
 * - Start: the window doubles up to START_FAST packets, then grows by START_GROWTH a round, until the round-trip time
 *   rises, or grows with the window for two rounds, or losses come that were not there before; a deep drain follows,
 *   which shows the path's length where others keep a queue. Where round-trip times vary much, or the sender did not
 *   fill the window, the rate found is a guess, from which the pace climbs fast (knee_start.c). Start-up begins when
 *   there is something to send: where round-trip times vary, the luckiest of many on an idle path is far below those of
 *   a loaded one, which would look like a queue.
 * - Cruise: the climb takes about a span to reach the path's rate. Having climbed for some spans without a queue, it
 *   goes faster and faster: rate that has come free is found within a few dozen rounds. The window is HEADROOM above
 *   what the pace needs, so that a fall of the rate makes a bounded queue.
 * - Losses beyond what the path loses by itself, by four standard deviations, begin a drain as a queue does: shallow
 *   queues and policers. The climb after it is gentle, but less so where a queue is met as well: that one shows before
 *   it loses much, and several of a kind share it the sooner the more often all of them drain.
 * - What the path loses by itself is counted while the pace is certainly below its rate and no queue is met. A full one
 *   loses everybody's packets: who sends slower beside another would take that for the path's ways, climb into it
 *   without ever draining, and take the link from whoever does. Start-up knows it first (knee_start.c).
 * - Where noise hides a queue, so does a limit that is nearer than the margin: the pace climbs far into it and losses
 *   alone tell. So the pace goes back to before the climb. If the path keeps the order, the losses of the last rounds
 *   count while it climbs, a round sooner, and the climb is never faster than a guess's. Such packets wait for the
 *   latest of many, the longer the faster they follow each other: while a guess climbs, the margin grows with it, or
 *   the base of the few packets of start-up would end it far below the path's rate.
 * - A drain that does not shorten the queue shows that the queue is not ours. If noise explains it, or it came all at
 *   once (more in a round than a pace near the rate can make) and stays the same (the path has become longer), the base
 *   is wrong and is raised. Else, after FAILED drains, somebody else keeps the queue (crowded).
 * - Crowded (knee_crowded.c): the window is moved to a fair share of the path, found by small steps of it.
 * - Application-limited: a round that met neither window nor pace changes nothing. Acknowledgements meet the queue of
 *   the data that goes the other way: in start-up, small packets that do not fill the window did not make it.
 * - A CE mark begins a drain, if there is a queue and the pace has climbed a span since the last: a path that marks at
 *   random is not abandoned.
 * - A path without any answer for long was dead: it begins anew, for what arrives first then tells the length of the
 *   silence instead of an RTT, and it may be another path.
 *
 * What it leaves out: pacing itself (pacer.c); fairness to a loss-based flow where the queue is shorter than about 10
 * ms: losses there look to us like a policer's, and we take most of the link.
 *
 * Invariants: the window is at least MIN_PACKETS packets, 2 in low rounds; rounds[round] is the one now.
 *
 * Standards: RFC 9002 sections 4 and 7 (a sender may use another controller), RFC 8085 section 3.1. Kindred: L.
 * Kleinrock, "Power and deterministic rules of thumb" (1979), the knee; V. Arun and H. Balakrishnan, "Copa" (2018),
 * queues that empty together; N. Cardwell and others, "BBR" (2016), rates from acknowledgements; M. Dong and others,
 * "PCC Vivace" (2018), latency gradients. */
#include "quic/knee.h"

#include <math.h>
#include <string.h>

#include "quic/knee_constants.h"
#include "quic/knee_internal.h"

bool knee_reorders(const struct knee *knee) {
    return knee->late > LATE_SHARE * knee->came + LATE_LEAST * knee->packet;
}

/** Whether noise is nearly all of the margin, and was in start-up: what a change of the path makes fades. */
static bool is_noisy(const struct knee *knee) {
    return fmin(knee->noise.mean, knee->noise.quiet) >= NOISY;
}

/** Whether it is, and packets keep their order: they wait for the latest of many, and what is missing is lost. Where
 * they overtake each other they wait for none, and what is missing may only be late. */
static bool is_noisy_in_order(const struct knee *knee) {
    return is_noisy(knee) && !knee_reorders(knee);
}

double knee_margin(const struct knee *knee) {
    double m = clamp(knee->base * QUEUE_SHARE, QUEUE_MIN, QUEUE_MAX) + QUEUE_NOISE * knee->noise.mean;

    /* Packets that keep their order wait for the latest of many, the longer the more they are. A guess leads far from
     * the rate at which the base was found. */
    if (knee->guess && knee->mode == KNEE_CRUISE && is_noisy_in_order(knee))
        m += GUESS_NOISE * knee->noise.mean * fmin(knee->climbed, GUESS_FAR);
    return knee->pace > 0 ? fmax(m, 2.5 * knee->packet / knee->pace) : m;
}

double knee_stall(const struct knee *knee) {
    return fmax(STALL - knee->base, 0) / 2;
}

/** @return a round-trip time, or the least of the rounds begun within a stall: what does not stand that long is a
 * host's doing, not a queue's */
static double standing(struct knee *knee, double rtt, uint64_t now) {
    double least = rtt;

    for (uint64_t i = 1; i < KNEE_ROUNDS; i++) {
        const struct knee_round *r = round_at(knee, knee->round - i);

        if ((double)now - (double)r->start > STALL)
            break;
        if (r->packets > 0)
            least = fmin(least, mean_rtt(r));
    }
    return least;
}

/** @return factor on the climb: the slower climb relatively faster, so shares even out */
static double evenness(const struct knee *knee) {
    double most = is_noisy_in_order(knee) ? EVEN_NOISY : is_noisy(knee) ? 1 : EVEN_MOST;

    return clamp(CLIMB_RATE / knee->pace, EVEN_LEAST, most);
}

/** @return growth of ln(pace) without a queue after which it climbs faster */
static double free_climb(const struct knee *knee) {
    return CLIMB_FREE * fmax(evenness(knee), 1);
}

/** @return time over which rates are averaged, ns: short while the pace climbs fast, for they would lag behind */
static double span(const struct knee *knee) {
    return knee->climbed > 1.5 * free_climb(knee) || knee->guess
               ? 2 * knee->rtt
               : SPAN_ROUNDS * knee->rtt + SPAN_NOISE * knee->noise.mean;
}

double knee_own_loss(const struct knee *knee) {
    return clamp(knee->clean_lost / (knee->clean_sent + 1), 0, LOSS_MAX);
}

static double rate_arrived(const struct knee *knee) {
    return knee->time > 0 ? knee->bytes / knee->time : 0;
}

double knee_rate(const struct knee *knee) {
    return rate_arrived(knee) / (1 - fmin(knee_own_loss(knee), 0.025));
}

static double window_now(const struct knee *knee) {
    const struct knee_round *r = &knee->rounds[knee->round % KNEE_ROUNDS];
    double headroom = knee->climbed > 2 * free_climb(knee) ? HEADROOM_FAST : HEADROOM;

    if (knee->mode == KNEE_CROWDED && r->low)
        return fmax(knee->window * (1 - knee->depth), 2 * knee->packet);
    if (knee->mode == KNEE_CROWDED || knee->mode == KNEE_START)
        return knee->window;
    return clamp(headroom * knee->pace *
                         (knee->base + fmax(fmax(knee_margin(knee), knee_stall(knee)), knee->silence.longest)) +
                     2 * knee->packet,
                 MIN_PACKETS * knee->packet, WINDOW_MAX);
}

uint64_t knee_window(const struct knee *knee) {
    return (uint64_t)window_now(knee);
}

void knee_pace(const struct knee *knee, uint64_t *bytes, uint64_t *ns) {
    double pace = knee->pace;

    *bytes = *ns = 0;
    if (knee->rtt == 0)
        return;
    if (knee->mode == KNEE_START)
        pace = window_now(knee) / knee->rtt * (knee->window < START_FAST * knee->packet ? 2.0 : START_PACE);
    else if (knee->mode == KNEE_CROWDED)
        pace = window_now(knee) / knee->rtt * 1.25;
    *ns = 1000000000u;
    *bytes = (uint64_t)(pace * 1e9);
}

void knee_set_packet(struct knee *knee, size_t packet_bytes) {
    knee->packet = (double)packet_bytes;
}

static void begin_round(struct knee *knee, uint64_t now, bool low) {
    struct knee_round *r, *before = round_at(knee, knee->round);

    knee->round++;
    r = round_at(knee, knee->round);
    *r = (struct knee_round){.start = now, .low = low, .settled = !before->low && !low};
    if (low)
        knee->low_at = knee->round;
    r->window = window_now(knee);
}

void knee_reset(struct knee *knee, uint64_t now) {
    double packet = knee->packet;
    uint64_t random = knee->random;

    memset(knee, 0, sizeof *knee);
    knee->packet = packet;
    knee->random = random;
    knee->window = INITIAL_PACKETS * packet;
    knee->gentle = 1;
    knee->base_since = now;
    knee->round = KNEE_ROUNDS; /* numbers of remembered rounds are never below 0 */
    knee->settled = KNEE_ROUNDS - 1;
    knee->rounds[0] = (struct knee_round){.start = now, .window = knee->window};
    for (unsigned i = 1; i < KNEE_ROUNDS; i++)
        knee->rounds[i].start = UINT64_MAX;
}

void knee_init(struct knee *knee, size_t packet_bytes, uint64_t seed, uint64_t now) {
    knee->packet = (double)packet_bytes;
    knee->random = seed * 2 + 1;
    knee_reset(knee, now);
}

static struct knee_round *find(struct knee *knee, uint64_t sent_at) {
    for (uint64_t i = 0; i < KNEE_ROUNDS; i++) {
        struct knee_round *r = round_at(knee, knee->round - i);

        if (r->start <= sent_at)
            return r;
    }
    return NULL;
}

static void note_base(struct knee *knee, double rtt, uint64_t now) {
    if (knee->base == 0 || rtt < knee->base) {
        knee->base = rtt;
        knee->base_rate = knee->mode == KNEE_START ? knee->window / rtt : knee->pace;
    }
    if (knee->base_next == 0 || rtt < knee->base_next)
        knee->base_next = rtt;
    if ((double)(now - knee->base_since) < fmax(BASE_SPAN, BASE_ROUNDS * knee->rtt))
        return;
    knee->base = knee->base_next;
    knee->base_next = rtt;
    knee->base_since = now;
}

static void set_pace(struct knee *knee, double pace) {
    knee->pace = clamp(pace, 2 * knee->packet / knee->rtt, WINDOW_MAX / knee->rtt);
}

void knee_begin_drain(struct knee *knee, double share, uint64_t now) {
    const struct knee_round *r = round_at(knee, knee->round);
    struct knee_drain *d = &knee->drain;
    double time = fmax(3 * knee->rtt, 0.5 * span(knee)), took = (double)(now - r->start);

    d->queue = fmax(knee->rtt - knee->base, 0);
    d->raw = rate_arrived(knee);
    d->full = knee_rate(knee);
    /* A burst of losses on a path without a queue is not the path's rate: the pace before the climb was. Only where
     * noise hides queues a climb leads so far beyond it that this makes a difference. */
    if (knee->lost < 0.3 * knee->sent && d->queue < knee_margin(knee))
        d->full = fmax(d->full, (is_noisy(knee) ? fmin(0.95, exp(-knee->climbed)) : 0.95) * knee->pace);
    /* A long queue comes of a rate that fell: the average lags behind. Part of a round tells no rate. */
    if (d->queue > fmax(4 * knee_margin(knee), 0.25 * knee->base) && took > 0.75 * knee->rtt)
        d->full = fmin(d->full, r->arrived / took);
    if (knee->mode == KNEE_CRUISE)
        d->full = fmin(d->full, knee->pace);
    knee->mode = KNEE_DRAIN;
    set_pace(knee, d->full * clamp(1 - d->queue / time, DRAIN_LEAST, share));
    d->round = knee->round;
    d->until = now + (uint64_t)(time * 1.5);
    knee->climbed = 0;
    knee->lost = knee->sent = 0;
}

void knee_set_rate(struct knee *knee, double rate) {
    knee->bytes = rate * knee->rtt;
    knee->time = knee->rtt;
}

void knee_begin_cruise(struct knee *knee, double pace) {
    knee->mode = KNEE_CRUISE;
    set_pace(knee, pace);
    knee->climbed = 0;
    knee->lost = knee->sent = 0;
}

/** Whether a round's packets met its window or the pace. */
static bool is_used(const struct knee *knee, const struct knee_round *r, double duration) {
    return r->flight >= USED * r->window || (duration > 0 && r->acked + r->lost >= USED * knee->pace * duration);
}

/** Whether more was lost since the last drain began than the path loses by itself. */
static bool loses(const struct knee *knee) {
    double share = knee_own_loss(knee), expected;

    if (knee->clean_sent < 100 * knee->packet)
        share = fmax(share, LOSS_UNKNOWN);
    expected = share * knee->sent;
    return knee->lost > 1.1 * expected + 4 * sqrt(expected * knee->packet) + 3 * knee->packet;
}

/** Whether the round-trip time of the last round is above that of the one before that tells of it by more than a pace
 * near the rate can make. */
static bool jumps(struct knee *knee) {
    for (uint64_t i = 2; i < KNEE_ROUNDS; i++)
        if (round_at(knee, knee->round - i)->packets > 0)
            return knee->rtt - mean_rtt(round_at(knee, knee->round - i)) > JUMP * knee_margin(knee);
    return false;
}

/** A round of cruise: climb, or see that it is enough. */
static void climb(struct knee *knee, double duration, uint64_t now) {
    double step = fmin(CLIMB * duration / fmax(span(knee), 1) * evenness(knee) * knee->gentle, EVEN_STEP);
    double free = knee->climbed - free_climb(knee) / knee->gentle;
    double most = knee->climbed <= CLIMB_FAR ? CLIMB_MOST : is_noisy_in_order(knee) ? GUESS_CLIMB : CLIMB_FASTEST;
    bool lossy = loses(knee);

    if (lossy || standing(knee, knee->smooth_rtt, now) > knee->base + knee_margin(knee)) {
        knee->drain.jumped = jumps(knee);
        knee->drain.lossy = lossy;
        knee->gentle = !lossy ? 1 : knee->rtt > knee->base + MET * knee_margin(knee) ? GENTLE_MET : GENTLE;
        if (lossy) {
            knee->hold_until = now + HOLD;
            knee->clean_lost /= 2;
            knee->clean_sent /= 2;
        }
        if (knee->drain.failed == 0)
            knee->drain.before = knee->pace;
        knee->guess = false;
        knee_begin_drain(knee, lossy ? DRAIN_LOSSY : RESERVE, now);
        return;
    }
    if (knee->smooth_rtt > knee->base + knee_margin(knee))
        return;
    if (now < knee->hold_until && knee->rtt > knee->base + 0.3 * knee_margin(knee))
        step *= 0.2;
    if (free > 0)
        step = fmin(step * exp(20 * free), most);
    if (knee->guess)
        step = fmax(step, GUESS_CLIMB);
    knee->climbed += step;
    set_pace(knee, knee->pace * exp(step));
}

/** A drain's time is over, and the queue is as long as before. */
static void on_failed_drain(struct knee *knee, double queue, uint64_t now) {
    struct knee_drain *d = &knee->drain;
    bool longer = d->jumped && !d->lossy && !loses(knee) && fabs(queue - d->queue) < 0.5 * knee_margin(knee);

    if (longer || knee->smooth_rtt - knee->base < REBASE * knee->noise.mean) {
        knee->base = knee->base_next = knee->smooth_rtt;
        if (longer)
            knee_set_rate(knee, d->before);
        knee_begin_cruise(knee, longer ? d->before : d->full);
        knee->climbed = free_climb(knee);
    } else if (++d->failed < FAILED)
        knee_begin_drain(knee, RESERVE, now);
    else
        knee_begin_crowded(knee);
}

/** A drain took all its time, and only noise is left. Packets that keep their order wait for the latest of many, the
 * longer the more they are: a base found at a far lower rate is too low for this one. */
static void raise_base(struct knee *knee) {
    double left = REBASE_LEFT * knee_margin(knee), rate = knee->drain.full;

    if (knee->drain.lossy || QUEUE_NOISE * knee->noise.mean < QUEUE_MAX || rate < REBASE_RATE * knee->base_rate ||
        knee->smooth_rtt < knee->base + left)
        return;
    knee->base = knee->smooth_rtt - left;
    knee->base_next = fmax(knee->base_next, knee->base);
    knee->base_rate = rate;
}

/** A round of a drain. */
static void watch_drain(struct knee *knee, uint64_t now) {
    struct knee_drain *d = &knee->drain;
    double queue = standing(knee, knee->rtt, now) - knee->base, m = knee_margin(knee);
    bool falls = mean_rtt(round_at(knee, knee->round - 2)) - knee->rtt > FALLS * m;

    if ((queue < 0.4 * m && !falls && (!d->lossy || knee->round >= d->round + DRAIN_ROUNDS)) ||
        (queue < m && now >= d->until)) {
        d->failed = 0;
        if (now >= d->until)
            raise_base(knee);
        knee_begin_cruise(knee, d->full * RESERVE);
    } else if (queue > 1.3 * d->queue + m) {
        d->jumped = d->jumped || jumps(knee);
        knee_begin_drain(knee, RESERVE, now);
    } else if (now < d->until)
        return;
    else if (queue < 0.7 * d->queue)
        knee_begin_drain(knee, RESERVE, now);
    else
        on_failed_drain(knee, queue, now);
}

/** A whole round's packets have been acknowledged: keep what they say. @param done it @param duration how long it
 * lasted, ns */
static void note_round(struct knee *knee, const struct knee_round *done, double duration, uint64_t now) {
    const struct knee_round *r = round_at(knee, knee->round);
    double took = (double)(now - r->start), fade, share = 1;

    knee->rtt = mean_rtt(done);
    if (knee->mode == KNEE_START) {
        if (knee->round >= KNEE_ROUNDS + 2 && (knee->noise.quiet == 0 || knee->noise.mean < knee->noise.quiet))
            knee->noise.quiet = knee->noise.mean;
        knee->smooth_rtt = knee->rtt;
        knee->jitter = fmax(knee->jitter, done->deviation / done->packets);
        if (knee->round >= KNEE_ROUNDS + 2 && done->packets >= CALM_PACKETS)
            knee->calm = fmin(knee->calm > 0 ? knee->calm : INFINITY, done->deviation / done->packets);
        note_base(knee, knee->rtt, now);
        return;
    }
    if (SPAN_NOISE * knee->noise.mean > knee->rtt)
        share = clamp(2 * duration / (SPAN_ROUNDS * knee->rtt + SPAN_NOISE * knee->noise.mean), 0.02, 1);
    knee->smooth_rtt += (knee->rtt - knee->smooth_rtt) * share;
    note_base(knee, knee->smooth_rtt, now);
    if (!is_used(knee, done, duration) || took > 2.5 * knee->rtt + (double)ROUND_MIN)
        return;
    /* A drain that is through shows its own pace, not the path's rate. */
    if (knee->mode == KNEE_DRAIN && knee->smooth_rtt < knee->base + 0.4 * knee_margin(knee))
        return;
    fade = exp(-took / span(knee));
    knee->bytes = knee->bytes * fade + r->arrived;
    knee->time = knee->time * fade + took;
}

/** Count losses of a round whose packets are all known. */
static void note_losses(struct knee *knee, const struct knee_round *settled) {
    double sent = settled->lost + settled->acked, fades = LOSS_FADES;

    /* A queue that others keep full loses packets at any pace. */
    if (knee->pace <= 0.975 * knee->drain.raw && mean_rtt(settled) < knee->base + MET * knee_margin(knee)) {
        knee->clean_lost = knee->clean_lost * 0.93 + settled->lost;
        knee->clean_sent = knee->clean_sent * 0.93 + sent;
    }
    /* Where noise hides a queue, losses alone tell the end of a climb: those of long ago tell nothing of a pace that
     * has grown since. */
    if (is_noisy_in_order(knee) && knee->climbed > 0.5 * free_climb(knee))
        fades = LOSS_FADES_NOISY;
    knee->lost = knee->lost * fades + settled->lost;
    knee->sent = knee->sent * fades + sent;
}

/** Go on to the last round whose packets are all known. @param counts whether what was lost on the way there says
 * something of the pace */
static void settle_rounds(struct knee *knee, bool counts) {
    /* Where noise hides a queue the pace goes on climbing until losses are seen: a path that keeps the order lets them
     * be seen a round sooner. */
    uint64_t last = knee->round - (is_noisy_in_order(knee) ? 1 : 2);

    for (; knee->settled < last; knee->settled++) {
        /* What was sent before the drain does not count against the pace after it. */
        if (counts && knee->settled + 1 > knee->drain.round)
            note_losses(knee, round_at(knee, knee->settled + 1));
    }
}

static void next_round(struct knee *knee, uint64_t now) {
    struct knee_round *done = round_at(knee, knee->round - 1), *settled = round_at(knee, knee->round - 2);
    double duration = (double)(round_at(knee, knee->round)->start - done->start);
    bool low = false, used = is_used(knee, done, duration);

    if (knee->mode == KNEE_START && done->packets > 0 && done->packets < START_PACKETS) {
        knee_restart(knee, done, now);
        return;
    }
    if (done->packets > 0)
        note_round(knee, done, duration, now);
    settle_rounds(knee, used && (knee->mode == KNEE_CRUISE || knee->mode == KNEE_DRAIN));
    if (knee->mode == KNEE_START)
        knee_start_round(knee, now);
    else if (knee->mode == KNEE_CROWDED)
        low = knee_share_path(knee, settled, now);
    else if (knee->mode == KNEE_DRAIN)
        watch_drain(knee, now);
    else if (used && (done->packets > 0 || loses(knee)))
        climb(knee, duration * done->packets / fmax(done->packets + done->excused, 1), now);
    begin_round(knee, now, low);
    knee->late *= LATE_FADES;
    knee->came *= LATE_FADES;
}

/** Whether what was sent has had no answer for so long that the path was dead. */
static bool was_dead(const struct knee *knee, uint64_t now) {
    double known = fmax(knee->rtt, knee->recent_rtt), silence = known > 0 ? 4 * known : DEAD_UNKNOWN;

    return knee->asked > knee->heard && (double)(now - knee->asked) > fmax(silence, DEAD_LEAST);
}

void knee_on_sent(struct knee *knee, uint64_t now) {
    if (knee->heard != 0 && knee->asked <= knee->heard)
        knee->asked = now;
}

void knee_on_acked(struct knee *knee, size_t bytes, uint64_t sent_at, uint64_t in_flight, uint64_t now) {
    double rtt = (double)(now - sent_at);
    struct knee_round *r;
    bool excused;

    /* What was known of it may not hold any more, and packets from before tell the length of the silence, not an RTT.
     */
    if (was_dead(knee, now))
        knee_reset(knee, now);
    excused = knee_is_excused(knee, bytes, sent_at, now);
    knee->heard = now;
    r = find(knee, sent_at);
    round_at(knee, knee->round)->arrived += (double)bytes;
    knee->came += (double)bytes;
    if (knee->mode == KNEE_START && (knee->least == 0 || rtt < knee->least))
        knee->least = rtt;
    if (knee->mode == KNEE_START && (double)in_flight > knee->window * 0.5)
        knee_grow(knee, (double)bytes, (double)in_flight, now);
    if (r == NULL)
        return;
    r->acked += (double)bytes;
    r->flight = fmax(r->flight, (double)in_flight);
    knee->noise.sum += rtt;
    knee->noise.packets++;
    if (excused) {
        r->excused++;
        return;
    }
    r->rtt_sum += rtt;
    r->packets++;
    if (knee->rtt > 0)
        r->deviation += fabs(rtt - knee->rtt);
    knee->recent_rtt += (rtt - knee->recent_rtt) / (knee->recent_rtt == 0 ? 1 : 8);
}

void knee_on_lost(struct knee *knee, size_t bytes, uint64_t sent_at) {
    struct knee_round *r = find(knee, sent_at);

    if (r != NULL)
        r->lost += (double)bytes;
}

void knee_on_found(struct knee *knee, size_t bytes, uint64_t sent_at) {
    struct knee_round *r = find(knee, sent_at);

    if (r == NULL)
        return;
    r->lost = fmax(r->lost - (double)bytes, 0);
    knee->late += (double)bytes;
}

void knee_on_marked(struct knee *knee, uint64_t sent_at, uint64_t now) {
    if (sent_at < knee->marked_at)
        return;
    knee->marked_at = now;
    if (knee->mode == KNEE_START && knee->best * knee->rtt > knee->window / 2 &&
        knee->recent_rtt > knee->base + knee_margin(knee) / 4)
        knee_leave_start(knee, knee->best, now);
    else if (knee->mode == KNEE_CRUISE && knee->climbed >= CLIMB &&
             knee->smooth_rtt > knee->base + knee_margin(knee) / 4)
        knee_begin_drain(knee, RESERVE, now);
    else if (knee->mode == KNEE_CROWDED)
        knee->window *= 0.8;
    limit(knee);
}

/** Compare this quarter of a round with the last. */
static void note_noise(struct knee *knee, uint64_t now) {
    struct knee_noise *n = &knee->noise;
    double mean;

    if (knee->rtt == 0 || n->packets == 0 || (double)(now - n->since) < knee->rtt / 4)
        return;
    mean = n->sum / n->packets;
    if (n->before > 0)
        n->mean += (fmin(fabs(mean - n->before), knee->rtt / 4) - n->mean) / fmin(++n->count, 64);
    /* The least of a few quarters before may be one by chance. */
    if (knee->mode == KNEE_START && n->before > 0 && n->count == QUIET_QUARTERS && n->mean >= NOISY)
        n->quiet = n->mean;
    n->before = mean;
    n->sum = n->packets = 0;
    n->since = now;
}

/** @return ns that a round lasts at least: where packets overtake each other the luckiest of those sent in it is
 * acknowledged when hardly anything is known of the others */
static double round_least(const struct knee *knee) {
    return knee_reorders(knee) ? fmax(knee->recent_rtt, (double)ROUND_MIN) : (double)ROUND_MIN;
}

void knee_on_ack_done(struct knee *knee, uint64_t newest_sent_at, uint64_t now) {
    struct knee_round *r = round_at(knee, knee->round);

    note_noise(knee, now);
    if (newest_sent_at >= r->start && (double)(now - r->start) >= round_least(knee))
        next_round(knee, now);
}
