/* SPDX-License-Identifier: GPL-2.0-or-later */
/* knee_silence: tells hosts that stop from queues (knee.c tells what for).
 *
 * How it works: a host that is starved of its processor, be it ours or the peer's, does nothing for milliseconds, again
 * and again. A queue never stops to give packets out; so when packets are overdue (they were sent a base before) and
 * nothing at all is heard, a host has stopped, and the time in which it did says nothing about the network. What was
 * due then is excused: it counts as arrived, but its round-trip time is not looked at. So is what piled up meanwhile
 * and has to be worked off. At the end of a silence many packets are acknowledged at once; where only few are, the
 * network has become slow, and such gaps are usual from then on.
 *
 * A silence has to stand out from what is usual: from the gaps between acknowledgements, for receivers and links gather
 * them, and from the path's noise, for a link that delays one packet and keeps the order is silent, too.
 *
 * Only short paths (knee.c) are looked at. On a long one with jitter that keeps the order any packet may be late by
 * more than the noise tells, which is of means, with all others behind it: hosts seemed to stop all the time, and the
 * start ended at a tenth of a radio link's rate.
 *
 * Only the second silence is excused and those after it: the first shows that a host stops.
 *
 * What it leaves out: which of the hosts it was. */
#include "quic/knee_internal.h"

/** @return bytes per ns that are sent, about */
static double pace_now(const struct knee *knee) {
    return knee->pace > 0 ? knee->pace : knee->window / knee->base;
}

/** Whether hosts have stopped lately. */
static bool stops(const struct knee *knee) {
    return knee->silence.longest > SILENT;
}

/** Acknowledgements came after the one that ended a silence: was it a stopped host's? */
static void judge(struct knee *knee) {
    struct knee_silence *s = &knee->silence;

    if (s->bytes >= SILENT_BURST * knee->packet ||
        (knee->pace > 0 && s->bytes >= SILENT_SHARE * knee->pace * s->length))
        s->longest = fmax(s->longest, fmin(s->length, SILENT_MOST));
    else {
        s->gap = stops(knee) ? fmin(s->length, 4 * s->gap) : s->length;
        s->excused = 0;
    }
}

/** A silence of that length ends. */
static void note_length(struct knee *knee, double length, uint64_t now) {
    struct knee_silence *s = &knee->silence;

    if (length <= s->length)
        return;
    s->length = length;
    s->excused = fmax(s->excused, (double)now + fmin(pace_now(knee) / SILENT_WORK, SILENT_WORK_MOST) * length);
}

bool knee_is_excused(struct knee *knee, size_t bytes, uint64_t sent_at, uint64_t now) {
    struct knee_silence *s = &knee->silence;
    double due = (double)sent_at + knee->base, gap = (double)(now - knee->heard), least, most, silent;

    if (knee->heard == 0 || knee->base == 0)
        return false;
    if (fmin(knee->least, knee->base) > STALL) {
        s->longest = s->excused = 0;
        return false;
    }
    least = fmax(fmax(SILENT, SILENT_GAPS * s->gap), SILENT_NOISE * knee->noise.mean);
    if (gap > 0) {
        if (s->length > 0)
            judge(knee);
        s->before = knee->heard;
        most = stops(knee) ? fmax(SILENT_USUAL * knee->base, 2 * knee->packet / pace_now(knee)) : knee->base;
        s->gap = s->gap == 0 ? fmin(gap, most)
                             : s->gap + (fmin(gap, stops(knee) ? fmin(4 * s->gap, most) : 4 * s->gap) - s->gap) / 32;
        s->longest *= exp(-gap / SILENT_FADES);
        s->length = s->bytes = 0;
    }
    s->bytes += (double)bytes;
    silent = (double)now - fmax((double)s->before, due);
    if (silent > least) {
        note_length(knee, silent, now);
        return stops(knee);
    }
    return stops(knee) && due < s->excused;
}
