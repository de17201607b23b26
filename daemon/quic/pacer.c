/* SPDX-License-Identifier: GPL-2.0-or-later */
/* pacer: when the next burst of a connection may go.
 *
 * How it works: packets of one burst go back to back, up to a quantum of bytes; then nothing goes until the burst,
 * counted from its first packet, is over at the pacing rate. A timer comes late: a burst that begins up to PACER_LATE
 * after the last was over is counted from there, so that lateness does not lower the rate. A longer pause leaves
 * nothing behind: idle time is never saved up.
 *
 * Fast connections get longer bursts: a wake-up, a sendmsg and what the receiver does with a batch cost the same for
 * one datagram and for 44. And a burst does not end inside a superpacket: the rest would leave as a batch of its own,
 * the receiver would write two superpackets to its TUN instead of one, and all that follows would be out of step, too.
 *
 * What it leaves out: choosing the rate (the congestion controller's), and timers (the owner's).
 *
 * Invariants: between calls burst is below quantum, or by less than a batch above it; quantum is never 0.
 *
 * Standards: RFC 9002 section 7.7. */
#include "quic/pacer.h"

void pacer_init(struct pacer *pacer, size_t packet_bytes) {
    *pacer = (struct pacer){.quantum = 10 * packet_bytes};
}

void pacer_set_rate(struct pacer *pacer, uint64_t bytes, uint64_t ns, size_t packet_bytes) {
    size_t quantum = PACER_BURST_MAX;

    if (bytes == 0)
        return;
    if (ns > UINT64_MAX >> PACER_SHIFT)
        ns = UINT64_MAX >> PACER_SHIFT;
    pacer->interval = (ns << PACER_SHIFT) / bytes;
    if (pacer->interval > 0) {
        uint64_t in_burst = (PACER_BURST << PACER_SHIFT) / pacer->interval;
        if (in_burst < quantum)
            quantum = (size_t)in_burst;
    }
    if (quantum < PACER_BURST_PACKETS * packet_bytes)
        quantum = PACER_BURST_PACKETS * packet_bytes;
    pacer->quantum = quantum;
}

uint64_t pacer_time(const struct pacer *pacer, size_t bytes) {
    return (bytes * pacer->interval) >> PACER_SHIFT;
}

bool pacer_is_fast(const struct pacer *pacer) {
    return pacer->quantum >= PACER_BATCH;
}

void pacer_keep_together(struct pacer *pacer, size_t bytes) {
    pacer->together = pacer_is_fast(pacer) ? bytes : 0;
}

void pacer_on_sent(struct pacer *pacer, size_t bytes, uint64_t now) {
    if (pacer->burst == 0) {
        bool late = now > pacer->blocked_until && now - pacer->blocked_until < PACER_LATE;

        pacer->start = late ? pacer->blocked_until : now;
    } else if (now >= pacer->start + pacer_time(pacer, pacer->burst) + PACER_LATE) {
        pacer->start = now;
        pacer->burst = 0;
    }
    pacer->burst += bytes;
    if (pacer->burst < pacer->quantum ||
        (pacer->together > 0 && pacer->burst + pacer->together < pacer->quantum + PACER_BATCH)) {
        pacer->together = 0;
        return;
    }
    pacer_hold(pacer, pacer->start + pacer_time(pacer, pacer->burst));
    pacer->burst = 0;
    pacer->together = 0;
}

void pacer_hold(struct pacer *pacer, uint64_t until) {
    if (until > pacer->blocked_until)
        pacer->blocked_until = until;
}

bool pacer_is_open(const struct pacer *pacer, uint64_t now) {
    return now >= pacer->blocked_until;
}
