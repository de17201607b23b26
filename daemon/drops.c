/* SPDX-License-Identifier: GPL-2.0-or-later */
/* drops: which statistic of a room is which reason of drop.def.
 * It leaves out drops that the hall itself counts by reason (worker_drop()).
 * Invariant: each counter of a room is added once: while its owner lives by `stats`, and when it is freed by whoever
 * frees it. Standards: none. */
#include "drops.h"

void drops_add_leg(struct drop_counters *drops, const struct leg *leg) {
    const struct connect_ip_statistics *from = leg ? connect_ip_statistics(leg_connect_ip(leg)) : NULL;

    if (!from) {
        return;
    }
    drop_count(drops, DROP_UNKNOWN_CONTEXT, from->unknown_context);
    drop_count(drops, DROP_UNKNOWN_STREAM, from->unknown_stream);
    drop_count(drops, DROP_MALFORMED_DATAGRAM, from->malformed + leg_counters(leg)->malformed);
}

static void add_queue(struct drop_counters *drops, const struct queue *queue) {
    const struct queue_stats *from = queue ? queue_stats(queue) : NULL;

    if (!from) {
        return;
    }
    drop_count(drops, DROP_CODEL, from->codel_drops);
    drop_count(drops, DROP_QUEUE_OVERFLOW, from->overflow_drops);
}

void drops_add_session(struct drop_counters *drops, const struct session *session) {
    struct reorder_statistics order;
    struct outstanding_stats repair;

    add_queue(drops, session ? session->queue : NULL);
    if (!session) {
        return;
    }
    session_totals(session, &order, &repair);
    drop_count(drops, DROP_DUPLICATE, order.duplicates);
    drop_count(drops, DROP_SEQUENCE_JUMP, order.jumps);
}

void drops_add_socket(struct drop_counters *drops, const struct udp_socket *socket) {
    const struct udp_statistics *from = socket ? udp_statistics(socket) : NULL;

    if (!from) {
        return;
    }
    drop_count(drops, DROP_JUNK_UDP, from->truncated);
    drop_count(drops, DROP_SEND_FAILED, from->send_errors);
}

void drops_add_tun(struct drop_counters *drops, const struct tun *tun) {
    const struct tun_statistics *from = tun ? tun_statistics(tun) : NULL;

    if (!from) {
        return;
    }
    drop_count(drops, DROP_MALFORMED_INNER, from->malformed);
    drop_count(drops, DROP_TUN_WRITE, from->write_errors);
    drop_count(drops, DROP_NO_BUFFER, from->no_buffer);
}
