/* SPDX-License-Identifier: GPL-2.0-or-later */
/* client_host: addresses, routes and rules of a client.
 *
 * How it works: what should be there is worked out anew each time and compared with what was set, so that a reconnect
 * that gets the same addresses and routes touches nothing. A default route is set as two halves, which win over any
 * default route of the host without replacing it. The way to the server stays open by a rule "from OUR SOURCE look in
 * table T", T holding the path's own gateway; strict reverse-path filters are content with that too. Left out: DNS
 * settings. Invariants: client->installed and client->routed are exactly what this file has set and not removed. */
#include "client_host.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <utlist.h>

#include "config_values.h"

#define TABLE_BASE 51000u    /* routing table of a path: this + its interface index, and … */
#define TABLE_TUNNEL 100000u /* … this times the tunnel's: instances that share a path's device share no table */
#define RULE_PRIORITY 28000u /* before main (32766) */
#define PREFIXES_MAX 254u    /* prefixes that one range can need */
#define ROUTES_MAX 4096u     /* routes that are set: each is compared with each */

static bool has_prefix(const struct ip_prefix *list, size_t count, const struct ip_prefix *prefix) {
    for (size_t i = 0; i < count; i++)
        if (list[i].length == prefix->length && !ip_addr_compare(&list[i].addr, &prefix->addr))
            return true;
    return false;
}

/* addresses */

/* Why an address that the server assigns must not become one of this host's; NULL: it may. A path whose own ends were
 * taken to be in this host would not come back before the daemon is started again. */
static const char *unfit(const struct client *client, const struct ip_addr *addr) {
    const struct client_path *path;
    if (!config_is_host_address(addr))
        return "no host can have it in a tunnel";
    DL_FOREACH(client->paths, path) {
        const struct ip_addr remote = sock_addr_ip(&path->remote);
        if (!ip_addr_compare(addr, &remote))
            return "the server is reached by it";
        for (size_t i = 0; i < path->server_addr_count; i++)
            if (!ip_addr_compare(addr, &path->server_addr[i]))
                return "the server is reached by it";
        if (!ip_addr_compare(addr, &path->source) || !ip_addr_compare(addr, &path->gateway))
            return "a path uses it";
    }
    return NULL;
}

/* Of a prefix the first address, alone: of a shorter length the kernel would make routes into the tunnel, and those are
 * for Routes to say. */
static struct ip_prefix on_device(const struct ip_prefix *assigned) {
    struct ip_prefix address = *assigned;
    address.length = (uint8_t)ip_addr_bits(&address.addr);
    return address;
}

/* The addresses that the device is to have. @return how many */
static size_t wanted_addresses(struct client *client, struct ip_prefix *list) {
    const struct session *session = client->session;
    size_t count = 0;
    for (size_t i = 0; i < session->address_count; i++) {
        const struct ip_prefix address = on_device(&session->address[i]);
        const char *reason = unfit(client, &address.addr);
        char text[IP_ADDR_TEXT_MAX];
        if (!reason)
            list[count++] = address;
        else if (log_limit_allows(&client->unfit, loop_now(client->worker->loop)))
            log_warning("the server assigned %s, which is not used: %s", ip_addr_print(&address.addr, text), reason);
    }
    return count;
}

/* @param news the log's: what is new is added @return whether it is on the device now */
static bool add_address(struct client *client, const struct ip_prefix *address, char *news, size_t news_size) {
    char text[IP_PREFIX_TEXT_MAX];
    size_t length = strlen(news);
    if (has_prefix(client->installed, client->installed_count, address))
        return true;
    if (netlink_address(client->netlink, tun_ifindex(client->worker->tun), address, true)) {
        client->refused = true;
        return false;
    }
    snprintf(news + length, news_size - length, " %s", ip_prefix_print(address, text));
    return true;
}

/* New ones first: with the last address of a version the kernel removes that version's routes of the device. One that
 * the kernel refuses (IPv6 is switched off, say) is tried again when something changes (client_host_retry).
 * @return whether any was removed */
static bool update_addresses(struct client *client) {
    unsigned ifindex = tun_ifindex(client->worker->tun);
    struct ip_prefix wanted[SESSION_ADDRESSES_MAX], added[SESSION_ADDRESSES_MAX];
    size_t wanted_count = wanted_addresses(client, wanted), count = 0;
    char news[SESSION_ADDRESSES_MAX * IP_PREFIX_TEXT_MAX + 1] = "";
    bool removed = false;
    for (size_t i = 0; i < wanted_count; i++)
        if (!has_prefix(added, count, &wanted[i]) && add_address(client, &wanted[i], news, sizeof news))
            added[count++] = wanted[i];
    if (news[0] && log_limit_allows(&client->renumbered, loop_now(client->worker->loop)))
        log_notice("%s: address%s", tun_name(client->worker->tun), news);
    for (size_t i = 0; i < client->installed_count; i++) {
        if (has_prefix(wanted, wanted_count, &client->installed[i]))
            continue;
        netlink_address(client->netlink, ifindex, &client->installed[i], false);
        removed = true;
    }
    client->installed_count = count;
    memcpy(client->installed, added, count * sizeof *added);
    return removed;
}

/* The device was down: set them again. As with routes, one that cannot be set is not held for set, nor put back later.
 */
static void renew_addresses(struct client *client) {
    const unsigned ifindex = tun_ifindex(client->worker->tun);
    size_t count = 0;
    for (size_t i = 0; i < client->installed_count; i++) {
        const struct ip_prefix address = client->installed[i];
        if (netlink_address(client->netlink, ifindex, &address, true))
            netlink_address(client->netlink, ifindex, &address, false);
        else
            client->installed[count++] = address;
    }
    client->refused |= count < client->installed_count;
    client->installed_count = count;
}

/* routes */

/** A growing list of prefixes. */
struct prefix_list {
    struct ip_prefix *item; /* heap */
    size_t count;           /* used */
    const char *failed;     /* why the list is not whole; NULL: it is */
};

static void add_prefix(struct prefix_list *list, const struct ip_prefix *prefix) {
    struct ip_prefix *grown;
    if (list->failed || has_prefix(list->item, list->count, prefix))
        return;
    grown = list->count < ROUTES_MAX ? realloc(list->item, (list->count + 1) * sizeof *grown) : NULL;
    if (!grown) {
        list->failed = list->count < ROUTES_MAX ? "no memory" : "too many are advertised";
        return;
    }
    list->item = grown;
    list->item[list->count++] = *prefix;
}

/* A default route goes in as two halves. */
static void add_route(struct prefix_list *list, const struct ip_prefix *prefix) {
    struct ip_prefix half = *prefix;
    if (prefix->length)
        return add_prefix(list, prefix);
    half.length = 1;
    half.addr = ip_prefix_first(&half);
    add_prefix(list, &half);
    half.addr.bytes[0] = 0x80;
    add_prefix(list, &half);
}

/* Without an address of its own a version goes nowhere through the device. */
static bool has_version(const struct client *client, uint8_t version) {
    for (size_t i = 0; i < client->installed_count; i++)
        if (client->installed[i].addr.version == version)
            return true;
    return false;
}

static struct prefix_list wanted_routes(const struct client *client) {
    const struct config *config = client->config;
    const struct session *session = client->session;
    struct prefix_list list = {0};
    if (!config->manage_routes || config->routes == CONFIG_ROUTES_NONE)
        return list;
    if (config->routes == CONFIG_ROUTES_LIST) {
        for (size_t i = 0; i < config->route_count; i++)
            if (has_version(client, config->route[i].addr.version))
                add_route(&list, &config->route[i]);
        return list;
    }
    for (size_t i = 0; i < session->reach_count; i++) {
        struct ip_prefix prefix[PREFIXES_MAX];
        size_t count = has_version(client, session->reach[i].first.version)
                           ? ip_range_to_prefixes(&session->reach[i], prefix, PREFIXES_MAX)
                           : 0;
        for (size_t k = 0; k < count; k++)
            add_route(&list, &prefix[k]);
    }
    return list;
}

static bool set_route(struct client *client, const struct ip_prefix *prefix, bool present) {
    const struct netlink_route_spec route = {.target = *prefix, .ifindex = tun_ifindex(client->worker->tun)};
    return !netlink_route_set(client->netlink, &route, present);
}

/* Those that cannot be set are tried again the next time, also if they were set before.
 * @param all set those again too that were set before */
static void update_routes(struct client *client, bool all) {
    struct prefix_list list = wanted_routes(client);
    size_t count = 0;
    if (list.failed) {
        if (log_limit_allows(&client->unroutable, loop_now(client->worker->loop)))
            log_error("routes stay as they are: %s", list.failed);
        free(list.item);
        return;
    }
    for (size_t i = 0; i < client->routed_count; i++)
        if (!has_prefix(list.item, list.count, &client->routed[i]))
            set_route(client, &client->routed[i], false);
    for (size_t i = 0; i < list.count; i++) {
        bool known = has_prefix(client->routed, client->routed_count, &list.item[i]), routed = known;
        if (all || !known)
            routed = set_route(client, &list.item[i], true);
        if (known && !routed)
            set_route(client, &list.item[i], false); /* or it is put back when it is not wanted any more */
        if (routed)
            list.item[count++] = list.item[i];
    }
    client->refused |= count < list.count;
    free(client->routed);
    client->routed = list.item;
    client->routed_count = count;
}

void client_host_update(struct client *client) {
    if (!tun_ifindex(client->worker->tun))
        return; /* in another namespace nothing can be set */
    if (!client->device_up) {
        client->mtu_bytes =
            client->config->mtu_bytes ? client->config->mtu_bytes : (uint32_t)session_mtu(client->session);
        if (netlink_device_up(client->netlink, tun_ifindex(client->worker->tun), client->mtu_bytes))
            return;
        client->device_up = true;
    }
    client->refused = false;
    update_routes(client, update_addresses(client));
}

void client_host_retry(struct client *client) {
    if (client->refused)
        client_host_update(client);
}

void client_host_on_link(struct client *client, bool up) {
    if (up && client->device_down) {
        renew_addresses(client);
        update_routes(client, true);
    }
    client->device_down = !up && client->device_up;
}

/* One that was away and is back before anybody looked has lost everything, too. If its index is the same, what was set
 * is still in the journal. */
void client_host_locate(struct client *client, bool gone) {
    const unsigned before = tun_ifindex(client->worker->tun);
    const enum worker_device now = worker_locate_tun(client->worker, gone);
    if (now == WORKER_DEVICE_STAYED)
        return;
    client->device_up = client->device_down = false;
    if (before && before != tun_ifindex(client->worker->tun)) {
        netlink_forget(client->netlink, before);
        client->installed_count = client->routed_count = 0;
    }
    if (now == WORKER_DEVICE_LEFT)
        return;
    client_host_update(client);
    renew_addresses(client);
    update_routes(client, true);
}

void client_host_mtu(struct client *client) {
    uint32_t mtu = client->config->mtu_bytes ? client->config->mtu_bytes : (uint32_t)session_mtu(client->session);
    if (!client->device_up || mtu == client->mtu_bytes)
        return;
    if (netlink_device_mtu(client->netlink, tun_ifindex(client->worker->tun), mtu))
        return;
    log_info("%s: MTU %u", tun_name(client->worker->tun), mtu);
    client->mtu_bytes = mtu;
}

/* the way to the server */

/* With no better address the kernel offers a link-local one, or the tunnel's own: neither comes back by this path. */
bool client_host_may_be_source(const struct client *client, const struct ip_addr *source) {
    if (source->version == 6 && source->bytes[0] == 0xfe && (source->bytes[1] & 0xc0) == 0x80)
        return false;
    for (size_t i = 0; i < client->installed_count; i++)
        if (!ip_addr_compare(&client->installed[i].addr, source))
            return false;
    return true;
}

/* Without our rule, answers that come in by a path which is not the kernel's choice are dropped by a strict filter. */
static void warn_of_filter(const struct client_path *path) {
    if (path->client->path_count < 2 || netlink_rp_filter(path->device) != 1)
        return;
    log_warning("path %s: rp_filter is strict and ManageRoutes is off: set net.ipv4.conf.%s.rp_filter to 2, or add a "
                "rule \"from\" its address",
                path->device, path->device);
}

static bool same_way(const struct netlink_route_spec *a, const struct netlink_route_spec *b) {
    return a->ifindex == b->ifindex && a->target.length == b->target.length &&
           !ip_addr_compare(&a->target.addr, &b->target.addr) && !ip_addr_compare(&a->gateway, &b->gateway) &&
           !ip_addr_compare(&a->source, &b->source);
}

static uint32_t table_of(const struct client_path *path) {
    return TABLE_BASE + path->ifindex + TABLE_TUNNEL * path->client->table;
}

void client_host_rule(struct client_path *path, bool present) {
    struct client *client = path->client;
    struct netlink_route_spec route = {.gateway = path->gateway,
                                       .source = path->source,
                                       .ifindex = path->ifindex,
                                       .table = present ? table_of(path) : 0};
    struct ip_addr remote = sock_addr_ip(&path->remote);
    if (!client->config->manage_routes && present) {
        warn_of_filter(path);
        return;
    }
    /* Through a gateway anything may be sent from this source; on-link only the server itself is known to be there. */
    route.target =
        (struct ip_prefix){.addr = remote, .length = path->gateway.version ? 0 : (uint8_t)ip_addr_bits(&remote)};
    if (path->gateway.version)
        memset(route.target.addr.bytes, 0, sizeof route.target.addr.bytes);
    if (path->ruled && (!present || !same_way(&path->ruled_by, &route))) {
        netlink_rule_set(client->netlink, &path->ruled_by.source, path->ruled_by.table, RULE_PRIORITY, false);
        netlink_route_set(client->netlink, &path->ruled_by, false);
        path->ruled = false;
    }
    if (!present || netlink_route_set(client->netlink, &route, true))
        return;
    if (path->ruled || netlink_rule_set(client->netlink, &path->source, route.table, RULE_PRIORITY, true))
        return;
    path->ruled = true;
    path->ruled_by = route;
}

/* @return how many are left of a list without this prefix */
static size_t without(struct ip_prefix *list, size_t count, const struct ip_prefix *prefix) {
    size_t left = 0;
    for (size_t i = 0; i < count; i++)
        if (!has_prefix(prefix, 1, &list[i]))
            list[left++] = list[i];
    return left;
}

/* It is tried again when such changes are made the next time, or something changes. Of a path's rule and route neither
 * is of use alone. */
void client_host_on_refused(struct client *client, const struct netlink_refusal *refusal) {
    struct client_path *path;
    if (refusal->ifindex && refusal->ifindex == tun_ifindex(client->worker->tun)) {
        client->refused = true;
        if (!refusal->prefix.addr.version)
            client->device_up = false;
        else if (refusal->table)
            client->routed_count = without(client->routed, client->routed_count, &refusal->prefix);
        else
            client->installed_count = without(client->installed, client->installed_count, &refusal->prefix);
        return;
    }
    DL_FOREACH(client->paths, path)
    if (path->ruled && path->ruled_by.table == refusal->table &&
        (refusal->ifindex ? refusal->ifindex == path->ruled_by.ifindex
                          : !ip_addr_compare(&refusal->prefix.addr, &path->ruled_by.source)))
        client_host_rule(path, false);
}

void client_host_rules(struct client *client) {
    struct client_path *path;
    DL_FOREACH(client->paths, path) {
        if (!client->config->manage_routes)
            client_host_rule(path, false);
        else if (path->carrier)
            client_host_rule(path, true);
    }
}
