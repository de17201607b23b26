/* SPDX-License-Identifier: GPL-2.0-or-later */
/* trial: flows without order, to see what comes of it.
 *
 * Why: BBR is starved by order and CUBIC by its lack (loose.c tells why). Of a flow that is only forwarded nobody here
 * knows which of them its sender uses, but what it sends shows it. BBR paces by what has arrived, so its packets hardly
 * ever wait for a leg; CUBIC sends what its window has room for, and on legs that vary, whose acknowledgements come in
 * lumps, that is lumps which do wait. And a starved flow sends a third of what the legs would take, or less, and no
 * more after some round trips than before. CUBIC behind a queue that paces waits less, but seldom stands so low.
 *
 * How it works: what a flow sends is counted in spans of about a round trip. A span is calm if nothing waited for more
 * than a part of it, nothing was sent again, and the sender had always more to send. After some in a row, the later
 * half of which has hardly more than the first, the flow goes without order. A trial ends badly once two spans have
 * much less than was usual before: CUBIC halves its window within them. It ends well with a quarter more in four spans.
 * Then it goes on, unless the flow falls to half of that for many spans; BBR does each ten seconds, but for one or two.
 * After a trial that did not end well the next waits for a time that doubles.
 *
 * It leaves out acknowledgements, and so windows of receivers: a flow that one of them bounds may be tried in vain.
 *
 * Invariants: nothing of a flow changes what is known of another; without a trial a flow is kept in order.
 *
 * Sources: Cardwell et al., "BBR: Congestion-Based Congestion Control", ACM Queue 14(5), 2016; RFC 9438 (CUBIC). */
#include "bond/trial.h"

#include "common/clock.h"

#define SPAN_MIN (100 * NS_PER_MS)   /**< ns: no span is shorter */
#define PAUSE 4u                     /**< spans without data after which all that was counted is of the past */
#define GROUP (TRIAL_SPANS / 2)      /**< spans of which the mean is meant */
#define WAIT_PART 16u                /**< of a span: data of a flow that is paced wait no longer */
#define PARTIAL_PART 16u             /**< of the superpackets may end with less than a segment */
#define GROWTH_PART 8u               /**< of its rate by which a flow that grows has more half the spans later */
#define STEADY_PART 2u               /**< of the least rate by which the largest is larger where a window varies */
#define ROOM 3u                      /**< times what is sent legs take of which most stands idle, … */
#define ROOM_LOSSLESS 4u             /**< … and if they lose nothing, as windows are larger for jitter alone */
#define FALL_SPANS 2u                /**< in which a trial is seen to harm */
#define LONGEST 24u                  /**< spans that a trial lasts */
#define REST_FIRST (10 * NS_PER_SEC) /**< ns from a trial to the second one */
#define REST_MAX (640 * NS_PER_SEC)  /**< ns from one to another, at most */

/** The mean rate of some spans. @param before how many came after them */
static uint64_t mean(const struct trial *trial, unsigned before, unsigned count) {
    uint64_t sum = 0;

    for (unsigned i = 1; i <= count; i++)
        sum += trial->rate[(trial->spans - before - i) % TRIAL_SPANS];
    return sum / count;
}

static void end(struct trial *trial, uint64_t now) {
    trial->rest = !trial->rest ? REST_FIRST : trial->rest < REST_MAX ? 2 * trial->rest : REST_MAX;
    trial->rests_until = now + trial->rest;
    trial->runs = trial->kept = false;
    trial->spans = 0;
}

/** Whether a flow did in a span what one does that BBR paces and order holds back. */
static bool is_calm(const struct trial *trial, const struct trial_legs *legs, uint64_t span) {
    return legs->order_costs && !trial->again && trial->waited < span / WAIT_PART &&
           trial->partial <= trial->pieces / PARTIAL_PART;
}

/** Whether a flow's rate hardly varies: what bounds it is elsewhere, as a window on legs that vary gives no such rate.
 */
static bool is_bound_elsewhere(const struct trial *trial) {
    uint64_t least = UINT64_MAX, most = 0;

    for (unsigned i = 0; i < TRIAL_SPANS; i++) {
        least = trial->rate[i] < least ? trial->rate[i] : least;
        most = trial->rate[i] > most ? trial->rate[i] : most;
    }
    return most < least + least / STEADY_PART;
}

/** Whether a flow in order stands still while the legs have room. */
static bool is_starved(const struct trial *trial, const struct trial_legs *legs) {
    uint64_t now, before, sent;

    if (trial->spans < TRIAL_SPANS || is_bound_elsewhere(trial))
        return false;
    now = mean(trial, 0, GROUP);
    before = mean(trial, GROUP, GROUP);
    sent = now > legs->sent_bps ? now : legs->sent_bps;
    return now < before + before / GROWTH_PART && legs->room_bps >= (legs->lossy ? ROOM : ROOM_LOSSLESS) * sent;
}

/** Whether a flow without order has much less than it had with it. */
static bool is_harmed(const struct trial *trial) {
    if (trial->kept)
        return trial->spans >= TRIAL_SPANS && mean(trial, 0, TRIAL_SPANS) < trial->usual / 2;
    return trial->spans >= FALL_SPANS && mean(trial, 0, FALL_SPANS) < trial->usual / 5 * 3;
}

static void judge_trial(struct trial *trial, uint64_t now) {
    uint64_t rate;

    if (is_harmed(trial)) {
        end(trial, now);
        return;
    }
    if (trial->kept || trial->spans < GROUP)
        return;
    rate = mean(trial, 0, GROUP);
    if (rate > trial->usual + trial->usual / 4) {
        trial->kept = true;
        trial->usual = rate;
        trial->spans = 0;
    } else if (trial->spans >= LONGEST) {
        end(trial, now);
    }
}

/** A span is over. */
static void judge(struct trial *trial, const struct trial_legs *legs, uint64_t now) {
    uint64_t span = now - trial->since;

    if (!trial->runs && !is_calm(trial, legs, span)) {
        trial->spans = 0;
        return;
    }
    trial->rate[trial->spans++ % TRIAL_SPANS] = trial->fresh * 8 * NS_PER_SEC / span;
    if (trial->runs) {
        judge_trial(trial, now);
    } else if (now >= trial->rests_until && is_starved(trial, legs)) {
        trial->runs = true;
        trial->usual = mean(trial, 0, GROUP);
        trial->spans = 0;
    }
}

/** A span begins. */
static void begin(struct trial *trial, uint64_t now) {
    trial->since = now;
    trial->fresh = trial->waited = 0;
    trial->pieces = trial->partial = 0;
    trial->usual_longest = trial->longest;
    trial->longest = 0;
    trial->again = false;
}

static void count(struct trial *trial, const struct trial_data *data) {
    uint32_t next = data->number + data->bytes, ahead = next - trial->sent;
    bool fresh = (int32_t)ahead > 0;

    trial->pieces++;
    trial->partial += data->bytes % data->segment != 0 || data->segment < trial->usual_longest;
    trial->longest = data->segment > trial->longest ? data->segment : trial->longest;
    trial->waited = data->waited > trial->waited ? data->waited : trial->waited;
    trial->again |= !fresh || ahead < data->bytes;
    if (!fresh)
        return;
    trial->fresh += ahead < data->bytes ? ahead : data->bytes;
    trial->sent = next;
}

bool trial_on_sent(struct trial *trial, const struct trial_legs *legs, const struct trial_data *data, uint64_t now) {
    uint64_t span = legs->round_trip > SPAN_MIN ? legs->round_trip : SPAN_MIN;

    if (!data->bytes || !data->segment)
        return trial->runs;
    if (!trial->since || now - trial->since > PAUSE * span) {
        if (trial->runs && !trial->kept)
            end(trial, now);
        trial->spans = 0;
        trial->sent = data->number;
        begin(trial, now);
    }
    count(trial, data);
    if (now - trial->since >= span) {
        judge(trial, legs, now);
        begin(trial, now);
    }
    return trial->runs;
}
