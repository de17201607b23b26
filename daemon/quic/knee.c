/* SPDX-License-Identifier: GPL-2.0-or-later */
/* knee: a congestion controller for radio links.
 *
 * The idea. On a radio link packets are lost, and round-trip times vary by more than the time on the wire, whatever the
 * sender does. A controller that takes loss for congestion (CUBIC) or the least round-trip time for the path's (BBR)
 * leaves such a link unused. What tells congestion from the link's own ways is whether they follow the window: so the
 * window is lowered for one round now and then (a low round), and what that does is compared with the rounds around it.
 * By Little's law window = rate × round-trip time, so ln(window) = ln(rate) + ln(rtt): of a step in the window, the
 * part that shows in the round-trip time (the slope, 0–1) is the part that only makes a queue, the rest is rate. Losses
 * count as queue. Below the knee of the link the slope is 0, far above it is 1; the window is moved to where it is
 * GOAL. A competitor's queue does not move with our window, and the slope found then is our share of the link: so the
 * same rule shares it.
 *
 * How it works.
 * - A round ends when a packet sent in it is acknowledged. Acknowledgements and losses are booked on the round in which
 * the packet was sent, so what is compared is what packets met under one window. A decision waits five rounds after a
 * low one, until losses of the round compared are known.
 * - How low: enough to uncover the queue wanted (target), more if rounds differ by themselves (noise), more if there
 * are losses. The next low round comes after a random pause, so that several controllers do not step together. Slopes
 * are averaged over more cycles the noisier the link.
 * - The move is the error times the depth; errors of one sign in a row grow it. Down it grows only while the cycle
 * itself says so.
 * - With a standing queue above the least round-trip time lately (less what the link's jitter explains), GOAL is
 * lowered: several of a kind then settle with a bounded queue. If the queue stays nevertheless, somebody else fills it,
 * and the goal is a fair half (crowded).
 * - Losses that low rounds do not have are our own (beyond two standard deviations): the window and the queue wanted
 * shrink. Losses far above those of low rounds shrink the window at once; so does a round-trip time that has doubled.
 * - A constant (HOST) is added to round-trip times before they are compared: queues of hosts that take turns are not
 * worth losing rate for.
 * - Start: the window doubles up to START_FAST packets, then grows by START_GROWTH a round, until the round-trip time
 * rises by more than its jitter, or the rate no longer grows.
 * - Application-limited: a round that did not fill its window decides nothing, and start-up does not grow in it. CE
 * marks lower the window by a fifth once a round trip.
 *
 * What it leaves out: pacing itself (pacer.c), and a bound on the queue of many controllers of this kind on one
 * bottleneck: from four on they take each other for a competitor that fills it.
 *
 * Invariants: the window is at least MIN_PACKETS packets in high rounds and 2 in low ones; rounds[round] is the one
 * now.
 *
 * Standards: RFC 9002 sections 4 and 7 (a sender may use another controller), RFC 8085 section 3.1. Kindred: J. Little,
 * "A proof for the queuing formula L = λW" (1961); L. Kleinrock, "Power and deterministic rules of thumb" (1979), the
 * knee; M. Dong and others, "PCC Vivace" (2018), utility gradients; D. Wei and others, "FAST TCP" (2006), queue
 * targets. */
#include "quic/knee.h"

#include <math.h>
#include <string.h>

#define INITIAL_PACKETS 10.0     /* packets: first window */
#define MIN_PACKETS 4.0          /* packets: least window */
#define WINDOW_MAX 4e9           /* bytes */
#define ROUND_MIN 2000000ull     /* ns: a round lasts this long at least */
#define START_FAST 32.0          /* packets: start-up doubles up to this window … */
#define START_GROWTH 0.27        /* … and grows by this share of it a round after */
#define START_ROUNDS 4u          /* rounds before start-up can end by delay */
#define GOAL 0.6                 /* slope wanted */
#define CROWDED_GOAL 0.5         /* the same, where somebody else fills the queue */
#define HOST 4e6                 /* ns: added to round-trip times before they are compared */
#define TARGET 3e6               /* ns: queue wanted at TARGET_RATE */
#define TARGET_RATE 6.25e-3      /* bytes a ns: 50 Mbit/s */
#define TARGET_MIN 5e6           /* ns */
#define TARGET_MAX 30e6          /* ns */
#define DEPTH_MIN 0.04           /* share of the window by which a low round lowers it, at least … */
#define DEPTH_MAX 0.25           /* … at most, for queues and noise … */
#define DEPTH_LOSS 0.4           /* … and for losses */
#define BASE_SPAN 10000000000ull /* ns: the least round-trip time is of the last one or two of these */
#define USED 0.85                /* share of its window that a round must have filled to be believed */
#define LOSS_WEIGHT 6.0          /* how much worse than a queue our own losses are */
#define LOSS_MEMORY 0.9          /* what is left of a cycle's losses in the sums after the next */
#define LOSS_HIGH 0.05           /* share of losses above those of low rounds that shrinks the window at once */

static double clamp(double x, double a, double b) {
    return x < a ? a : x > b ? b : x;
}

static struct knee_round *round_at(struct knee *knee, uint64_t number) {
    return &knee->rounds[number % KNEE_ROUNDS];
}

static uint64_t draw(struct knee *knee, uint64_t below) {
    knee->random ^= knee->random >> 12;
    knee->random ^= knee->random << 25;
    knee->random ^= knee->random >> 27;
    return (knee->random * 0x2545f4914f6cdd1dull >> 33) % below;
}

static double mean_rtt(const struct knee_round *r) {
    return r->packets > 0 ? r->rtt_sum / r->packets : 0;
}

static double loss_of(const struct knee_round *r) {
    return r->lost > 0 ? r->lost / (r->lost + r->acked) : 0;
}

static void limit(struct knee *knee) {
    knee->window = clamp(knee->window, MIN_PACKETS * knee->packet, WINDOW_MAX);
}

static double window_now(const struct knee *knee) {
    const struct knee_round *r = &knee->rounds[knee->round % KNEE_ROUNDS];
    double least = 2 * knee->packet, w;

    if (!r->low)
        return knee->window;
    w = knee->window * (1 - knee->depth);
    return w > least ? w : least;
}

uint64_t knee_window(const struct knee *knee) {
    return (uint64_t)window_now(knee);
}

void knee_pace(const struct knee *knee, uint64_t *bytes, uint64_t *ns) {
    *ns = (uint64_t)knee->rtt;
    *bytes = (uint64_t)(window_now(knee) * (!knee->starting                            ? 1.25
                                            : knee->window < START_FAST * knee->packet ? 2.0
                                                                                       : 1.45));
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
    knee->starting = true;
    knee->squeeze = 1;
    knee->base_since = now;
    knee->round = KNEE_ROUNDS; /* numbers of remembered rounds are never below 0 */
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

/** The queue of its own that it wants: less time on faster links, so that flows with one base converge to equal shares.
 */
static void set_target(struct knee *knee, double rtt) {
    double rate = knee->window / rtt, t = TARGET * sqrt(TARGET_RATE / rate), excess;

    t = clamp(t, TARGET_MIN, TARGET_MAX);
    if (t < 2 * knee->packet / rate)
        t = 2 * knee->packet / rate;
    knee->target = t;
    knee->queue_target = t * knee->squeeze;
    knee->depth = 2 * knee->queue_target / rtt;
    if (knee->depth < 2 * knee->noise / rtt)
        knee->depth = 2 * knee->noise / rtt;
    knee->depth = clamp(knee->depth, DEPTH_MIN, DEPTH_MAX);
    excess = 1.2 * (knee->loss_high / (knee->sent_high + 1) - knee->floor);
    if (excess > 0.01 && knee->depth < excess)
        knee->depth = fmin(excess, DEPTH_LOSS);
    if (knee->depth * knee->window < knee->packet)
        knee->depth = clamp(knee->packet / knee->window, 0, 0.5);
}

static void note_base(struct knee *knee, double rtt, uint64_t now) {
    if (knee->base == 0 || rtt < knee->base)
        knee->base = rtt;
    if (knee->base_next == 0 || rtt < knee->base_next)
        knee->base_next = rtt;
    if (now - knee->base_since < BASE_SPAN)
        return;
    knee->base = knee->base_next;
    knee->base_next = rtt;
    knee->base_since = now;
}

static void leave_start(struct knee *knee, double window) {
    knee->starting = false;
    knee->window = window;
    limit(knee);
    set_target(knee, knee->rtt);
    knee->decide_at = UINT64_MAX;
    knee->low_at = knee->round;
}

/** A round of start-up is complete: has the rate stopped to grow? */
static void start_up(struct knee *knee) {
    struct knee_round *r = round_at(knee, knee->round - 1);
    double rtt = mean_rtt(r), rate;

    if (rtt == 0)
        return;
    rate = r->flight * (1 - loss_of(r)) / rtt;
    if (r->flight < r->window * 0.5)
        return;
    knee->flat = rate < knee->rate * 1.1 ? knee->flat + 1 : 0;
    if (rate > knee->rate)
        knee->rate = rate;
    if (knee->flat >= (knee->jitter > knee->base / 16 ? 4u : 3u) || loss_of(r) > 0.15)
        leave_start(knee, knee->rate * (knee->base + (rtt - knee->base) * 0.5) * (1 - loss_of(r)));
}

/** What a low round and the high rounds around it say. */
struct contrast {
    double x, y;                  /**< step of ln(window); step of ln(rtt) and of losses */
    double rtt_high;              /**< ns: mean of the high rounds */
    double lost, sent;            /**< bytes of the high rounds */
    const struct knee_round *low; /**< the low round */
};

/** Whether a round's packets met its window. */
static bool is_used(const struct knee_round *r) {
    return r->packets > 0 && r->flight >= USED * r->window;
}

static double log_rtt(const struct knee_round *r) {
    return log(mean_rtt(r) + HOST);
}

/** Compare the last low round with the high ones around it. Those before count if their window was much the same.
 * @return false: nothing can be said */
static bool compare(struct knee *knee, struct contrast *c) {
    struct knee_round *low = round_at(knee, knee->low_at), *after = round_at(knee, knee->low_at + 2);
    double x = 0, y = 0, n = 0;

    *c = (struct contrast){.low = low};
    if (!is_used(low) || !is_used(after))
        return false;
    for (uint64_t i = 1; i <= 6; i++) {
        struct knee_round *r = round_at(knee, knee->low_at - i);

        if (r->low)
            break;
        if (!r->settled || !is_used(r))
            continue;
        x += log(r->window);
        y += log_rtt(r);
        c->lost += r->lost;
        c->sent += r->lost + r->acked;
        n++;
    }
    c->x = log(after->window);
    c->y = log_rtt(after);
    if (n > 0 && fabs(x / n - c->x) < 0.3 * (c->x - log(low->window))) {
        c->x = (x / n + c->x) / 2;
        c->y = (y / n + c->y) / 2;
    } else
        c->lost = c->sent = 0;
    c->rtt_high = exp(c->y) - HOST;
    c->lost += after->lost;
    c->sent += after->lost + after->acked;
    c->x -= log(low->window);
    c->y -= log_rtt(low);
    if (c->sent > 0)
        c->y += c->lost / c->sent - loss_of(low);
    return c->x >= 0.01;
}

/** How much the means of low rounds differ by themselves. */
static void note_noise(struct knee *knee, double low_rtt) {
    if (knee->previous_low != 0)
        knee->noise += (fmin(fabs(low_rtt - knee->previous_low), knee->rtt / 4) - knee->noise) / 4;
    knee->previous_low = low_rtt;
}

/** @return share of packets lost because of our own window, as far as that is certain */
static double own_losses(struct knee *knee, const struct contrast *c) {
    double high, low, deviation, floor = loss_of(c->low);

    knee->loss_high = knee->loss_high * LOSS_MEMORY + c->lost;
    knee->sent_high = knee->sent_high * LOSS_MEMORY + c->sent;
    knee->loss_low = knee->loss_low * LOSS_MEMORY + c->low->lost;
    knee->sent_low = knee->sent_low * LOSS_MEMORY + c->low->lost + c->low->acked;
    high = knee->loss_high / (knee->sent_high + 1);
    low = knee->loss_low / (knee->sent_low + 1);
    deviation = sqrt((high + low + 2 * knee->packet / (knee->sent_low + 1)) / 2 * (1 - high) * knee->packet *
                     (1 / (knee->sent_low + 1) + 1 / (knee->sent_high + 1)));
    knee->floor += (floor - knee->floor) / (floor > knee->floor ? 32 : 4);
    return fmax(high - low - 2 * deviation, 0);
}

/** @return the slope wanted, with the queue there is */
static double choose_goal(struct knee *knee, double rtt_high) {
    double queue = (rtt_high - knee->base - 4 * knee->jitter) / (knee->target + 4 * knee->jitter);

    if (queue > 4)
        knee->crowded++;
    else if (queue < 2)
        knee->crowded = 0;
    return knee->crowded >= 3 ? CROWDED_GOAL : GOAL / cbrt(fmax(queue, 1));
}

/** Move the window. @param error goal less slope @param falling the last cycle by itself says that the window is too
 * large */
static void move(struct knee *knee, double error, bool falling) {
    double step = error * knee->depth;

    if (error > 0.15 && knee->move > 0)
        knee->move = clamp(fmax(knee->move * 1.6, step), 0, 0.3);
    else if (error < -0.15 && knee->move < 0 && falling)
        knee->move = clamp(fmin(knee->move * 1.6, step), -0.25, 0);
    else
        knee->move = step * 0.8;
    if (knee->move < -0.1) {
        knee->sum_xy *= 0.5;
        knee->sum_xx *= 0.5;
    }
    knee->window *= exp(knee->move);
    limit(knee);
}

/** Five rounds after a low one: move the window by what it showed. */
static void decide(struct knee *knee, uint64_t now) {
    struct contrast c;
    double fade, own, goal;

    if (!compare(knee, &c))
        return;
    note_noise(knee, mean_rtt(c.low));
    note_base(knee, mean_rtt(c.low), now);
    own = own_losses(knee, &c);
    knee->squeeze = clamp(knee->squeeze * (own > 0 ? 0.8 : 1.02), 0.1, 1);
    fade = clamp(1.5 * knee->noise / (knee->rtt * c.x), 0, 0.8);
    knee->sum_xy = knee->sum_xy * fade + c.y * c.x;
    knee->sum_xx = knee->sum_xx * fade + c.x * c.x;
    goal = choose_goal(knee, c.rtt_high);
    move(knee, clamp(goal - knee->sum_xy / knee->sum_xx - own * LOSS_WEIGHT / c.x, -0.6, 0.6), c.y / c.x > goal + 0.15);
    if (own > 0)
        knee->loss_high *= 0.7;
    set_target(knee, c.rtt_high);
}

/** A whole round's packets have been acknowledged: keep what they say, and react to what cannot wait. */
static void note_round(struct knee *knee, uint64_t now) {
    struct knee_round *done = round_at(knee, knee->round - 1), *settled = round_at(knee, knee->round - 2);
    double before = knee->rtt, jitter, excess;

    if (done->packets == 0)
        return;
    jitter = done->deviation / done->packets;
    if (knee->starting)
        knee->jitter = fmax(knee->jitter, jitter);
    else if (done->settled)
        knee->jitter += (jitter - knee->jitter) / 8;
    knee->rtt = mean_rtt(done);
    if (knee->starting) {
        note_base(knee, knee->rtt, now);
        return;
    }
    if (before > 0 && knee->rtt > 2 * before && !done->low)
        knee->window *= before * 1.2 / knee->rtt;
    excess = loss_of(settled) - knee->floor;
    if (excess > LOSS_HIGH && settled->settled)
        knee->window *= 1 - excess / 2;
    limit(knee);
}

/** The next round begins. Low rounds follow decisions at once while the window moves far, else after a random pause. */
static void next_round(struct knee *knee, uint64_t now) {
    uint64_t next = knee->round + 1;
    bool low = false;

    note_round(knee, now);
    if (knee->starting)
        start_up(knee);
    else {
        if (knee->decide_at == next)
            decide(knee, now);
        if (knee->decide_at == UINT64_MAX)
            low = next >= knee->low_at + 3;
        else
            low = next >= knee->decide_at + (fabs(knee->move) > knee->depth * 0.3 ? 0 : draw(knee, 4));
    }
    begin_round(knee, now, low);
    if (low)
        knee->decide_at = knee->round + 5;
}

/** A packet was acknowledged in start-up, and its window was used: grow, or see that it is enough. */
static void grow(struct knee *knee, double bytes, double in_flight) {
    double late = fmax(fmax(knee->base / 20 + 5e5, 4 * knee->jitter), HOST - knee->base);

    if (knee->round < KNEE_ROUNDS + START_ROUNDS + 3)
        late = fmax(late, 0.75 * knee->base);
    knee->window += bytes * (knee->window < START_FAST * knee->packet ? 1 : START_GROWTH);
    limit(knee);
    if (knee->round >= KNEE_ROUNDS + START_ROUNDS && knee->fast_rtt > knee->base + late)
        leave_start(knee, in_flight * clamp((knee->base + TARGET) / knee->fast_rtt, 0.7, 1));
}

void knee_on_acked(struct knee *knee, size_t bytes, uint64_t sent_at, uint64_t in_flight, uint64_t now) {
    struct knee_round *r = find(knee, sent_at);
    double rtt = (double)(now - sent_at);

    if (knee->starting && (double)in_flight > knee->window * 0.5)
        grow(knee, (double)bytes, (double)in_flight);
    if (r == NULL)
        return;
    r->acked += (double)bytes;
    r->rtt_sum += rtt;
    r->packets++;
    if (knee->rtt > 0)
        r->deviation += fabs(rtt - knee->rtt);
    knee->fast_rtt += (rtt - knee->fast_rtt) / (knee->fast_rtt == 0 ? 1 : 8);
    if ((double)in_flight > r->flight)
        r->flight = (double)in_flight;
}

void knee_on_lost(struct knee *knee, size_t bytes, uint64_t sent_at, uint64_t now) {
    struct knee_round *r = find(knee, sent_at);

    (void)now;
    if (r != NULL)
        r->lost += (double)bytes;
}

void knee_on_marked(struct knee *knee, uint64_t sent_at, uint64_t now) {
    if (sent_at < knee->marked_at)
        return;
    knee->marked_at = now;
    knee->window *= 0.8;
    if (knee->starting)
        leave_start(knee, knee->window);
    limit(knee);
}

void knee_on_ack_done(struct knee *knee, uint64_t newest_sent_at, uint64_t now) {
    struct knee_round *r = round_at(knee, knee->round);

    if (newest_sent_at < r->start || now - r->start < ROUND_MIN)
        return;
    next_round(knee, now);
}
