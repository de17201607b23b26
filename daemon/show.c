/* SPDX-License-Identifier: GPL-2.0-or-later */
/* show: the JSON of paths, legs and sessions is built from the hall's structs; that of order and repair from two tables
 * of counters. "Down" is towards the client and "up" towards the server on both ends, so that the two tell the same of
 * one tunnel. A share is of what all legs carry now, or have carried when none carries anything now.
 *
 * It leaves out which method shows what (methods_*.c), and tables for people, which mpvpnctl makes from the same JSON.
 * Invariant: nothing here changes the daemon but for rates brought up to date.
 * Standards: none. */
#include "show.h"

#include <math.h>
#include <utlist.h>

json_t *show_number(uint64_t value) {
    return json_integer((json_int_t)value);
}

json_t *show_us(uint64_t ns) {
    return ns == TIME_NEVER ? json_null() : show_number(ns / NS_PER_US);
}

json_t *show_since(uint64_t then, uint64_t now) {
    return show_number(now > then ? (now - then) / NS_PER_SEC : 0);
}

json_t *show_percent(uint64_t part, uint64_t whole) {
    return json_real(whole ? round((double)part * 1e5 / (double)whole) / 1e3 : 0);
}

json_t *show_text(const char *text) {
    json_t *string = *text ? json_string(text) : json_null();

    return string ? string : json_null();
}

json_t *show_address(const struct ip_addr *addr) {
    char text[IP_ADDR_TEXT_MAX];

    return addr->version ? json_string(ip_addr_print(addr, text)) : json_null();
}

json_t *show_endpoint(const union sock_addr *addr) {
    char text[SOCK_ADDR_TEXT_MAX];

    return addr->sa.sa_family ? json_string(sock_addr_print(addr, text)) : json_null();
}

json_t *show_prefixes(const struct ip_prefix *prefix, size_t count) {
    json_t *list = json_array();
    char text[IP_PREFIX_TEXT_MAX];

    for (size_t i = 0; i < count; i++) {
        json_array_append_new(list, json_string(ip_prefix_print(&prefix[i], text)));
    }
    return list;
}

void show_traffic(json_t *object, const struct show_traffic *traffic) {
    json_object_set_new(object, "rate_down_bps", show_number(traffic->down.rate_bps));
    json_object_set_new(object, "rate_up_bps", show_number(traffic->up.rate_bps));
    json_object_set_new(object, "bytes_down", show_number(traffic->down.bytes));
    json_object_set_new(object, "bytes_up", show_number(traffic->up.bytes));
    json_object_set_new(object, "packets_down", show_number(traffic->down.packets));
    json_object_set_new(object, "packets_up", show_number(traffic->up.packets));
}

/* legs */

/* A leg's part of what its session's legs carry, in whole percent. */
static json_t *share_percent(const struct session *session, const struct session_leg *leg) {
    uint64_t rate = 0, rates = 0, bytes = 0, all = 0;

    for (size_t i = 0; leg && i < SESSION_LEGS_MAX; i++) {
        const struct leg *of = session->legs[i].leg;
        const struct leg_counters *counters = of ? leg_counters(of) : NULL;
        bool own = &session->legs[i] == leg;

        if (!counters) {
            continue;
        }
        rates += counters->sent.rate_bps + counters->received.rate_bps;
        all += counters->sent.bytes + counters->received.bytes;
        rate += own ? counters->sent.rate_bps + counters->received.rate_bps : 0;
        bytes += own ? counters->sent.bytes + counters->received.bytes : 0;
    }
    if (rates == 0) {
        rate = bytes;
        rates = all;
    }
    return json_integer(rates ? (json_int_t)lround((double)rate * 100 / (double)rates) : 0);
}

/* What is known of a connection: the same names for a client's path and a server's leg. */
static void show_connection(json_t *object, struct leg *leg, const struct conn_path *path) {
    struct conn_statistics s = {
        .rtt_smoothed = TIME_NEVER, .rtt_min = TIME_NEVER, .rtt_latest = TIME_NEVER, .rtt_variation = TIME_NEVER};

    if (leg && conn_is_ready(leg_conn(leg))) {
        conn_statistics(leg_conn(leg), &s);
    }
    json_object_set_new(object, "local", path ? show_endpoint(&path->local) : json_null());
    json_object_set_new(object, "remote", path ? show_endpoint(&path->remote) : json_null());
    json_object_set_new(object, "rtt_us", show_us(s.rtt_smoothed));
    json_object_set_new(object, "rtt_min_us", show_us(s.rtt_min));
    json_object_set_new(object, "rtt_latest_us", show_us(s.rtt_latest));
    json_object_set_new(object, "jitter_us", show_us(s.rtt_variation));
    json_object_set_new(object, "loss_percent", show_percent(s.packets_lost, s.packets_sent));
    json_object_set_new(object, "lost_packets", show_number(s.packets_lost));
    json_object_set_new(object, "sent_packets", show_number(s.packets_sent));
    json_object_set_new(object, "received_packets", show_number(s.packets_received));
    json_object_set_new(object, "sent_bytes", show_number(s.bytes_sent));
    json_object_set_new(object, "received_bytes", show_number(s.bytes_received));
    json_object_set_new(object, "lost_datagrams", show_number(s.datagrams_lost));
    json_object_set_new(object, "spurious_datagrams", show_number(s.datagrams_spurious));
    json_object_set_new(object, "cwnd_bytes", show_number(s.cwnd_bytes));
    json_object_set_new(object, "in_flight_bytes", show_number(s.in_flight_bytes));
    json_object_set_new(object, "delivery_rate_bps", show_number(s.delivery_rate_bps));
    json_object_set_new(object, "udp_payload_bytes", show_number(s.udp_payload_bytes));
    json_object_set_new(object, "mtu_bytes", leg ? show_number(leg_packet_max(leg)) : json_null());
    json_object_set_new(object, "capsules_sent", show_number(leg ? leg_counters(leg)->capsules_sent : 0));
    json_object_set_new(object, "key_updates", show_number(s.key_updates));
    json_object_set_new(object, "resumed", show_number(leg && conn_is_resumed(leg_conn(leg))));
}

/* What a leg is in a bonded session; null in a plain one or without a leg, or as long as the peer has not reported. */
static void show_bonded_leg(json_t *object, const struct session *session, const struct session_leg *leg,
                            uint64_t now) {
    bool bonded = leg && session->bonded, told = bonded && leg->has_told;
    struct session_reason why = {.arrival = TIME_NEVER};

    if (bonded) {
        session_explain(session, (unsigned)(leg - session->legs), &why, now);
    }
    json_object_set_new(object, "capacity_bps", why.capacity_bps ? show_number(why.capacity_bps) : json_null());
    json_object_set_new(object, "arrival_us", show_us(why.arrival));

    json_object_set_new(object, "leg", bonded ? show_number(leg->number) : json_null());
    json_object_set_new(object, "resent_packets", bonded ? show_number(leg->resent) : json_null());
    json_object_set_new(object, "duplicate_packets", bonded ? show_number(leg->received.duplicates) : json_null());
    json_object_set_new(object, "repaired_packets", bonded ? show_number(leg->received.repaired) : json_null());
    json_object_set_new(object, "late_packets", bonded ? show_number(leg->received.late) : json_null());
    json_object_set_new(object, "peer_received_packets", told ? show_number(leg->told.packets) : json_null());
    json_object_set_new(object, "peer_received_bytes", told ? show_number(leg->told.bytes) : json_null());
    json_object_set_new(object, "peer_duplicate_packets", told ? show_number(leg->told.duplicates) : json_null());
    json_object_set_new(object, "peer_repaired_packets", told ? show_number(leg->told.repaired) : json_null());
    json_object_set_new(object, "peer_late_packets", told ? show_number(leg->told.late) : json_null());
}

enum sched_id show_scheduler(const struct daemon *daemon) {
    if (daemon->config->role == CONFIG_SERVER) {
        return daemon->crew.policy.scheduler;
    }
    return daemon->client.session ? daemon->client.session->sched.id : config_scheduler(daemon->config);
}

const char *show_path_name(const struct client_path *path) {
    return *path->device ? path->device : *path->settings.device ? path->settings.device : "auto";
}

json_t *show_path(const struct client_path *path, uint64_t now) {
    const struct session_leg *slot = client_path_leg(path);
    const struct carrier *carrier = path->carrier;
    struct leg *leg = carrier ? carrier->leg : NULL;
    struct show_traffic traffic = {0};
    json_t *object = json_object();

    json_object_set_new(object, "path", json_string(show_path_name(path)));
    json_object_set_new(object, "state", json_string(path->removing ? "removed" : client_path_state(path)));
    json_object_set_new(object, "reason", show_text(path->state == PATH_UP ? "" : path->reason));
    json_object_set_new(object, "role", json_string(path->settings.backup ? "backup" : "primary"));
    json_object_set_new(object, "backup_when", json_string(path->settings.when_full ? "full" : "down"));
    json_object_set_new(object, "weight", show_number(path->settings.weight));
    json_object_set_new(object, "rate_limit_bps",
                        path->settings.rate_limit_bps ? show_number(path->settings.rate_limit_bps) : json_null());
    json_object_set_new(object, "since_s", show_since(path->since, now));
    json_object_set_new(object, "source", show_address(&path->source));
    json_object_set_new(object, "gateway", show_address(&path->gateway));
    if (leg) {
        leg_roll(leg, now);
        traffic = (struct show_traffic){leg_counters(leg)->received, leg_counters(leg)->sent};
    }
    json_object_set_new(object, "share_percent", share_percent(path->client->session, slot));
    show_bonded_leg(object, path->client->session, slot, now);
    show_traffic(object, &traffic);
    show_connection(object, leg, carrier ? &carrier->path : NULL);
    return object;
}

json_t *show_paths(const struct client *client, uint64_t now) {
    json_t *list = json_array();
    struct client_path *path;

    DL_FOREACH(client->paths, path) {
        json_array_append_new(list, show_path(path, now));
    }
    return list;
}

static json_t *show_session_leg(const struct session *session, const struct session_leg *leg, uint64_t now) {
    const struct carrier *carrier = leg->owner;
    struct show_traffic traffic;
    struct conn_statistics s;
    json_t *object = json_object();

    conn_statistics(leg_conn(leg->leg), &s);
    leg_roll(leg->leg, now);
    traffic = (struct show_traffic){leg_counters(leg->leg)->sent, leg_counters(leg->leg)->received};
    json_object_set_new(object, "state", json_string(leg->suspect ? "suspect" : control_leg_state_name(leg->state)));
    json_object_set_new(object, "role", json_string(leg->state == CONTROL_STANDBY ? "backup" : "primary"));
    json_object_set_new(object, "weight", show_number(leg->weight));
    json_object_set_new(object, "rate_limit_bps", s.rate_limit_bps ? show_number(s.rate_limit_bps) : json_null());
    json_object_set_new(object, "since_s", carrier ? show_since(carrier->since, now) : json_null());
    json_object_set_new(object, "share_percent", share_percent(session, leg));
    show_bonded_leg(object, session, leg, now);
    show_traffic(object, &traffic);
    show_connection(object, leg->leg, carrier ? &carrier->path : NULL);
    return object;
}

json_t *show_leg(const struct session *session, const struct session_leg *leg, uint64_t now) {
    json_t *object = show_session_leg(session, leg, now);

    json_object_set_new(object, "id", show_number(session->id));
    json_object_set_new(object, "user", show_text(session->user));
    return object;
}

json_t *show_session(struct session *session, uint64_t now) {
    struct show_bonding bonding = {0};
    struct show_traffic traffic;
    json_t *object = json_object(), *legs = json_array();

    session_roll(session, now);
    show_bonding_add(&bonding, session);
    traffic = (struct show_traffic){session->sent, session->received};
    for (size_t i = 0; i < SESSION_LEGS_MAX; i++) {
        if (session->legs[i].leg) {
            json_array_append_new(legs, show_session_leg(session, &session->legs[i], now));
        }
    }
    json_object_set_new(object, "id", show_number(session->id));
    json_object_set_new(object, "user", show_text(session->user));
    json_object_set_new(object, "addresses", show_prefixes(session->address, session->address_count));
    json_object_set_new(object, "since_s", show_since(session->since, now));
    json_object_set_new(object, "bonded", json_boolean(session->bonded));
    json_object_set_new(object, "scheduler",
                        session->bonded ? json_string(sched_kind(session->sched.id)->name) : json_null());
    json_object_set_new(object, "lingering", json_boolean(session->leg_count == 0));
    show_traffic(object, &traffic);
    json_object_set_new(object, "legs", legs);
    json_object_set_new(object, "reorder", show_reorder(&bonding));
    json_object_set_new(object, "repair", show_repair(&bonding));
    return object;
}

/* order and repair */

/** A counter of a struct of uint64_t, and what it is called. */
struct counter {
    const char *name; /**< in the answer */
    size_t offset;    /**< in the struct, bytes */
};

static const struct counter reorder_counters[] = {
    {"delivered_packets", offsetof(struct reorder_statistics, delivered)},
    {"duplicate_packets", offsetof(struct reorder_statistics, duplicates)},
    {"jumped_packets", offsetof(struct reorder_statistics, jumps)},
    {"held_packets", offsetof(struct reorder_statistics, held)},
    {"missed_packets", offsetof(struct reorder_statistics, lost_once)},
    {"repaired_packets", offsetof(struct reorder_statistics, repaired)},
    {"given_up_packets", offsetof(struct reorder_statistics, given_up)},
    {"late_packets", offsetof(struct reorder_statistics, late)},
    {"pressed_packets", offsetof(struct reorder_statistics, pressed)},
    {"refused_marks", offsetof(struct reorder_statistics, marks_refused)},
    {"waiting_packets", offsetof(struct reorder_statistics, held_packets)},
    {"waiting_bytes", offsetof(struct reorder_statistics, held_bytes)},
};

static const struct counter repair_counters[] = {
    {"sent_packets", offsetof(struct outstanding_stats, added)},
    {"acknowledged_packets", offsetof(struct outstanding_stats, acknowledged)},
    {"told_packets", offsetof(struct outstanding_stats, arrived)},
    {"redundant_copies", offsetof(struct outstanding_stats, copies)},
    {"lost_copies", offsetof(struct outstanding_stats, lost)},
    {"timed_out_copies", offsetof(struct outstanding_stats, timed_out)},
    {"stranded_copies", offsetof(struct outstanding_stats, stranded)},
    {"stored_packets", offsetof(struct outstanding_stats, stored)},
    {"spurious_copies", offsetof(struct outstanding_stats, spurious)},
    {"suspected_packets", offsetof(struct outstanding_stats, suspected)},
    {"resent_copies", offsetof(struct outstanding_stats, resent)},
    {"repaired_packets", offsetof(struct outstanding_stats, repaired)},
    {"given_up_packets", offsetof(struct outstanding_stats, given_up)},
    {"too_old_packets", offsetof(struct outstanding_stats, too_old)},
    {"too_often_packets", offsetof(struct outstanding_stats, too_often)},
    {"no_data_packets", offsetof(struct outstanding_stats, no_data)},
    {"overrun_packets", offsetof(struct outstanding_stats, overrun)},
    {"untracked_copies", offsetof(struct outstanding_stats, untracked)},
};

#define COUNT(array) (sizeof(array) / sizeof *(array))

static uint64_t *counter_of(void *base, const struct counter *counter) {
    return (uint64_t *)(void *)((char *)base + counter->offset);
}

static void add_counters(void *sum, const void *from, const struct counter *counters, size_t count) {
    for (size_t i = 0; i < count; i++) {
        *counter_of(sum, &counters[i]) += *counter_of((void *)from, &counters[i]);
    }
}

void show_bonding_add(struct show_bonding *sum, const struct session *session) {
    struct reorder_statistics reorder;
    struct outstanding_stats repair;

    if (!session || !session->bonded) {
        return;
    }
    session_totals(session, &reorder, &repair);
    sum->sessions++;
    add_counters(&sum->reorder, &reorder, reorder_counters, COUNT(reorder_counters));
    add_counters(&sum->repair, &repair, repair_counters, COUNT(repair_counters));
    if (reorder.longest_hold > sum->reorder.longest_hold) {
        sum->reorder.longest_hold = reorder.longest_hold;
    }
    sum->legs += reorder_legs(session->reorder);
    sum->outstanding_packets += outstanding_packets(session->outstanding);
    sum->outstanding_bytes += outstanding_memory(session->outstanding);
}

static json_t *counters_object(const void *base, const struct counter *counters, size_t count) {
    json_t *object = json_object();

    for (size_t i = 0; i < count; i++) {
        json_object_set_new(object, counters[i].name, show_number(*counter_of((void *)base, &counters[i])));
    }
    return object;
}

json_t *show_reorder(const struct show_bonding *bonding) {
    const struct reorder_statistics *of = &bonding->reorder;
    json_t *object;

    if (bonding->sessions == 0) {
        return json_null();
    }
    object = counters_object(of, reorder_counters, COUNT(reorder_counters));
    json_object_set_new(object, "held_percent", show_percent(of->held, of->delivered + of->held_packets));
    json_object_set_new(object, "longest_hold_us", show_us(of->longest_hold));
    json_object_set_new(object, "paths_in_use", show_number(bonding->legs));
    return object;
}

json_t *show_repair(const struct show_bonding *bonding) {
    json_t *object;

    if (bonding->sessions == 0) {
        return json_null();
    }
    object = counters_object(&bonding->repair, repair_counters, COUNT(repair_counters));
    json_object_set_new(object, "resent_percent", show_percent(bonding->repair.resent, bonding->repair.added));
    json_object_set_new(object, "outstanding_packets", show_number(bonding->outstanding_packets));
    json_object_set_new(object, "outstanding_bytes", show_number(bonding->outstanding_bytes));
    return object;
}
