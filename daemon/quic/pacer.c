/* SPDX-License-Identifier: GPL-2.0-or-later */
/* pacer: when the next burst of a connection may go.
 *
 * How it works: packets of one burst go back to back, up to a quantum of bytes; then nothing goes until the burst,
 * counted from its first packet, is over at the pacing rate. A burst that is over before the next packet comes leaves
 * nothing behind: idle time is never saved up.
 *
 * What it leaves out: choosing the rate (the congestion controller's), and timers (the owner's).
 *
 * Invariants: burst is below quantum between calls; quantum is never 0.
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

void pacer_on_sent(struct pacer *pacer, size_t bytes, uint64_t now) {
    if (pacer->burst == 0 || now >= pacer->start + pacer_time(pacer, pacer->burst)) {
        pacer->start = now;
        pacer->burst = 0;
    }
    pacer->burst += bytes;
    if (pacer->burst < pacer->quantum)
        return;
    pacer_hold(pacer, pacer->start + pacer_time(pacer, pacer->burst));
    pacer->burst = 0;
}

void pacer_hold(struct pacer *pacer, uint64_t until) {
    if (until > pacer->blocked_until)
        pacer->blocked_until = until;
}

bool pacer_is_open(const struct pacer *pacer, uint64_t now) {
    return now >= pacer->blocked_until;
}
