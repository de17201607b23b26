/* SPDX-License-Identifier: GPL-2.0-or-later */
/* pacer: when the next burst of a connection may go.
 *
 * How it works: packets of one burst go back to back, up to a quantum of bytes; then the pacer is blocked for as long as the burst takes at the pacing rate.
 * A burst that is over before the next packet comes leaves nothing behind: idle time is never saved up. Bursts of less than PACER_COALESCE on the wire are
 * added up, so that a fast connection fed packet by packet is not woken for each of them.
 *
 * What it leaves out: choosing the rate (the congestion controller's), and timers (the owner's).
 *
 * Invariants: after pacer_close() burst is 0; quantum is never 0.
 *
 * Standards: RFC 9002 section 7.7. */
#include "quic/pacer.h"

void pacer_init(struct pacer *pacer, size_t packet_bytes) {
    *pacer = (struct pacer){.quantum = 10 * packet_bytes};
}

void pacer_set_rate(struct pacer *pacer, uint64_t ns, size_t bytes, size_t packet_bytes) {
    size_t quantum = PACER_BURST_MAX;

    if (bytes == 0) return;
    if (ns > UINT32_MAX) ns = UINT32_MAX;
    pacer->interval = (ns << PACER_SHIFT) / bytes;
    if (pacer->interval > 0) {
        uint64_t in_burst = (PACER_BURST << PACER_SHIFT) / pacer->interval;
        if (in_burst < quantum) quantum = (size_t)in_burst;
    }
    if (quantum < PACER_BURST_PACKETS * packet_bytes) quantum = PACER_BURST_PACKETS * packet_bytes;
    pacer->quantum = quantum;
}

void pacer_on_sent(struct pacer *pacer, size_t bytes, uint64_t now) {
    if (pacer->burst == 0) pacer->start = now;
    pacer->burst += bytes;
}

uint64_t pacer_time(const struct pacer *pacer, size_t bytes) {
    return (bytes * pacer->interval) >> PACER_SHIFT;
}

bool pacer_is_exhausted(const struct pacer *pacer) {
    return pacer->burst >= pacer->quantum;
}

bool pacer_must_close(const struct pacer *pacer, uint64_t now) {
    uint64_t length;

    if (pacer->burst == 0) return false;
    length = pacer_time(pacer, pacer->burst);
    return pacer_is_exhausted(pacer) || length >= PACER_COALESCE || now >= pacer->start + length;
}

void pacer_close(struct pacer *pacer, uint64_t next) {
    pacer->burst = 0;
    pacer->blocked_until = next;
}

void pacer_hold(struct pacer *pacer, uint64_t until) {
    if (until > pacer->blocked_until) pacer->blocked_until = until;
}

bool pacer_is_open(const struct pacer *pacer, uint64_t now) {
    return now >= pacer->blocked_until && pacer->burst < pacer->quantum;
}
