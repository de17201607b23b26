/* SPDX-License-Identifier: GPL-2.0-or-later */
/* session: the state of one IP tunnel.
 *
 * How it works: address and route lists are short (one address of each version, a default route of each), so they are searched one by one.
 * Left out: moving packets (the hall's egress and ingress), and who may have what (masque/pool, auth).
 * Standards: RFC 9484 sections 4.7 and 5. */
#include "bond/session.h"

#include <errno.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct session *session_new(uint64_t id, const char *user, const struct queue_settings *queue, uint64_t now) {
    struct session *session = calloc(1, sizeof *session);
    if (!session) return NULL;
    session->queue = queue_new(queue);
    if (!session->queue) {
        free(session);
        return NULL;
    }
    session->id = id;
    snprintf(session->user, sizeof session->user, "%s", user);
    session->since = now;
    session->sent.window_start = session->received.window_start = now;
    return session;
}

void session_free(struct session *session) {
    if (!session) return;
    queue_free(session->queue);
    free(session->reach);
    free(session);
}

void session_set_addresses(struct session *session, const struct ip_prefix *addresses, size_t count) {
    session->address_count = count < SESSION_ADDRESSES_MAX ? count : SESSION_ADDRESSES_MAX;
    memcpy(session->address, addresses, session->address_count * sizeof *addresses);
}

int session_set_reach(struct session *session, const struct ip_range *ranges, size_t count) {
    struct ip_range *copy = calloc(count ? count : 1, sizeof *copy);
    if (!copy) return -ENOMEM;
    if (count) memcpy(copy, ranges, count * sizeof *copy);
    free(session->reach);
    session->reach = copy;
    session->reach_count = count;
    return 0;
}

bool session_has_address(const struct session *session, const struct ip_addr *addr) {
    for (size_t i = 0; i < session->address_count; i++)
        if (ip_prefix_contains(&session->address[i], addr)) return true;
    return false;
}

bool session_reaches(const struct session *session, const struct ip_addr *addr, uint8_t protocol) {
    bool icmp = protocol == (addr->version == 4 ? IPPROTO_ICMP : IPPROTO_ICMPV6);
    for (size_t i = 0; i < session->reach_count; i++) {
        const struct ip_range *range = &session->reach[i];
        if (range->protocol && range->protocol != protocol && !icmp) continue;
        if (ip_range_contains(range, addr)) return true;
    }
    return false;
}

size_t session_mtu(const struct session *session) {
    size_t max = session->leg ? leg_packet_max(session->leg) : 0;
    return max > SESSION_MTU_MIN ? max : SESSION_MTU_MIN;
}

void session_roll(struct session *session, uint64_t now) {
    session->rolled = now;
    meter_roll(&session->sent, now);
    meter_roll(&session->received, now);
    if (session->leg) {
        struct conn_statistics statistics;
        leg_roll(session->leg, now);
        conn_statistics(leg_conn(session->leg), &statistics);
        queue_set_timing(session->queue, statistics.rtt_smoothed, statistics.delivery_rate_bps);
    }
}
