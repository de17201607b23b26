/* SPDX-License-Identifier: GPL-2.0-or-later */
/* netlink_change: makes and undoes changes to devices, addresses, routes and rules.
 * Each change is one value (struct netlink_change): journalled, then made with NLM_F_EXCL, so that "already there" is
 * known from "made by us"; what was there before is struck out of the journal again and never undone. Removing looks in
 * the journal first: what is not ours stays. Routes and rules carry a protocol number of ours, which the kernel
 * compares when it deletes. Where the kernel, or its answer, is short of memory, a change is neither taken for made nor
 * for gone: it stays in the journal, due to be made again, or undone if it is not wanted any more; what the kernel then
 * refuses is struck out, and whoever was told that it is made is told that it is not. What was there before is taken
 * for ours then: routes and rules of others are safe by the protocol number, and addresses are set on a device of ours
 * alone. It leaves out replacing: who wants another gateway removes the old route and adds the new one; and how a
 * change is put into a message (netlink_build.c). Invariant: whatever was changed and not undone stands in the journal.
 * Standards: RFC 3549; rtnetlink(7). */
#include <errno.h>
#include <linux/rtnetlink.h>
#include <netlink/msg.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>

#include "common/clock.h"
#include "common/log.h"
#include "os/netlink_internal.h"
#include "packet/superpacket.h"

#define IPV6_DEFAULT_METRIC 1024 /* what the kernel makes of 0; said outright, because at deletion 0 means "any" */
#define FAILURES_AT_ONCE 32      /* log lines about changes that fail together, beyond one a second */

/** Ask the kernel to make a route; for a gateway outside the device's own network (as hosters and point-to-point links
 * have it) once more as on-link. */
static int route_make(struct netlink *netlink, const struct netlink_change *change) {
    int rc = netlink_request(netlink, netlink_build_route(change, true, false), NULL, NULL);

    if (change->gateway.version && (rc == -ENETUNREACH || rc == -EHOSTUNREACH))
        rc = netlink_request(netlink, netlink_build_route(change, true, true), NULL, NULL);
    return rc;
}

/** Ask the kernel to make a change, or to undo it. @return 0 or the kernel's -errno */
static int change_request(struct netlink *netlink, const struct netlink_change *change, bool present) {
    switch (change->kind) {
    case NETLINK_CHANGE_UP:
        return netlink_request(netlink, netlink_build_link(change->ifindex, present ? IFF_UP : 0, IFF_UP, 0), NULL,
                               NULL);
    case NETLINK_CHANGE_MTU: /* making is netlink_device_mtu()'s business, which knows the new value */
        return present
                   ? 0
                   : netlink_request(netlink, netlink_build_link(change->ifindex, 0, 0, change->mtu_bytes), NULL, NULL);
    case NETLINK_CHANGE_ADDRESS:
        return netlink_request(netlink, netlink_build_address(change, present), NULL, NULL);
    case NETLINK_CHANGE_ROUTE:
        return present ? route_make(netlink, change)
                       : netlink_request(netlink, netlink_build_route(change, false, false), NULL, NULL);
    case NETLINK_CHANGE_RULE:
        return netlink_request(netlink, netlink_build_rule(change, present), NULL, NULL);
    case NETLINK_CHANGE_KINDS:
        break;
    }
    return -EINVAL;
}

/** Whether an error of undoing only says that there is nothing to undo. */
static bool already_gone(int error) {
    return error == -ENODEV || error == -ESRCH || error == -EADDRNOTAVAIL || error == -ENOENT || error == -ENXIO ||
           error == -EAFNOSUPPORT;
}

/* A peer names the routes: what the kernel refuses must not fill the log. */
static void log_failure(struct netlink *netlink, const char *verb, const struct netlink_change *change, int error) {
    char text[NETLINK_CHANGE_TEXT_MAX], others[48] = "";

    if (netlink->quiet) {
        log_debug("netlink: cannot %s %s: %s", verb, netlink_change_print(change, text), strerror(-error));
        return;
    }
    if (!log_limit_allows_burst(&netlink->failures, FAILURES_AT_ONCE, clock_now()))
        return;
    if (netlink->failures.suppressed)
        snprintf(others, sizeof others, " (%llu before were not told)",
                 (unsigned long long)netlink->failures.suppressed);
    netlink->failures.suppressed = 0;
    log_warning("netlink: cannot %s %s: %s%s%s%s", verb, netlink_change_print(change, text), strerror(-error),
                netlink->exchange.text[0] ? ": " : "", netlink->exchange.text, others);
}

/** What a route dump is searched for. */
struct route_search {
    const struct netlink_change *change; /**< route wanted */
    bool found;                          /**< there is one like it */
};

static void compare_route(void *context, struct nlmsghdr *message) {
    struct route_search *search = context;
    const struct netlink_change *change = search->change;
    struct netlink_route route;
    struct ip_prefix target;
    uint32_t table, metric;

    if (!netlink_message_route(message, &route, &target, &table, &metric))
        return;
    if (table != change->table || metric != change->metric || route.ifindex != change->ifindex)
        return;
    if (target.length != change->prefix.length || ip_addr_compare(&target.addr, &change->prefix.addr) != 0)
        return;
    if (ip_addr_compare(&route.gateway, &change->gateway) != 0)
        return;
    if (change->source.version && ip_addr_compare(&route.source, &change->source) != 0)
        return;
    search->found = true;
}

/** The kernel says "exists": whether what exists serves as well as ours would. @return 0: it does; -EEXIST: it does
 * not; another -errno: nobody knows */
static int look_at_existing(struct netlink *netlink, const struct netlink_change *change) {
    struct route_search search = {.change = change};
    int rc;

    if (change->kind != NETLINK_CHANGE_ROUTE)
        return 0;
    rc = netlink_dump(netlink, RTM_GETROUTE, change->prefix.addr.version == 6 ? AF_INET6 : AF_INET, compare_route,
                      &search);
    return rc || search.found ? rc : -EEXIST;
}

/** Whether an error says nothing of the change: the kernel had no memory for it, or for the answer. */
static bool is_passing(int error) {
    return error == -ENOMEM || error == -ENOBUFS || error == -EAGAIN || error == -EINTR;
}

/** A change could not be seen to: netlink_restore() is to do that. @param index of it in the journal
 * @return 0 */
static int change_due(struct netlink *netlink, size_t index, enum netlink_due due, int error) {
    const struct netlink_hooks *hooks = &netlink->monitor.hooks;
    struct netlink_change *change = &netlink->journal.changes[index];

    change->due = due;
    log_failure(netlink, due == NETLINK_DUE_UNDOING ? "undo" : "make", change, error);
    if (hooks->on_undone)
        hooks->on_undone(hooks->context);
    return 0;
}

/** Journal and make a change. @return 0 (also when it was there already, or when it is netlink_restore() that is to
 * make it), or -errno with a line in the log */
static int change_make(struct netlink *netlink, const struct netlink_change *change) {
    struct netlink_journal *journal = &netlink->journal;
    const size_t index = netlink_journal_find(journal, change);
    const bool ours = index < journal->count;
    int rc = ours ? 0 : netlink_journal_add(journal, change);

    if (rc)
        return rc;
    journal->changes[index].due = NETLINK_DUE_NOTHING;
    rc = change_request(netlink, change, true);
    if (rc == 0 || (rc == -EEXIST && ours))
        return 0;
    if (is_passing(rc))
        return change_due(netlink, index, NETLINK_DUE_MAKING, rc);
    if (!ours)
        netlink_journal_strike(journal, journal->count - 1);
    if (rc == -EEXIST && look_at_existing(netlink, change) == 0)
        return 0;
    log_failure(netlink, "make", change, rc);
    return rc;
}

/** Undo a change if it is ours. @return 0 (also when it is netlink_restore() that is to undo it), or -errno with a line
 * in the log (then it stays in the journal, and is not made again) */
static int change_remove(struct netlink *netlink, const struct netlink_change *change) {
    struct netlink_journal *journal = &netlink->journal;
    size_t index = netlink_journal_find(journal, change);
    int rc;

    if (index == journal->count)
        return 0;
    rc = change_request(netlink, change, false);
    if (is_passing(rc))
        return change_due(netlink, index, NETLINK_DUE_UNDOING, rc);
    if (rc && !already_gone(rc)) {
        journal->changes[index].due = NETLINK_DUE_UNDOING;
        log_failure(netlink, "undo", change, rc);
        return rc;
    }
    netlink_journal_strike(journal, index);
    return 0;
}

static void take_link(void *context, struct nlmsghdr *message) {
    netlink_message_link(message, context);
}

/** A link by its index. @return 0, -ENODEV */
static int link_by_index(struct netlink *netlink, unsigned ifindex, struct netlink_known_link *out) {
    struct netlink_known_link found = {0};
    struct nl_msg *message = nlmsg_alloc_simple(RTM_GETLINK, 0);
    struct ifinfomsg link = {.ifi_family = AF_UNSPEC, .ifi_index = (int)ifindex};
    int rc;

    if (!message)
        return -ENOMEM;
    if (nlmsg_append(message, &link, sizeof link, NLMSG_ALIGNTO) < 0) {
        nlmsg_free(message);
        return -ENOMEM;
    }
    rc = ifindex == 0 ? -ENODEV : 0;
    if (rc)
        nlmsg_free(message);
    else
        rc = netlink_request(netlink, message, take_link, &found);
    if (rc == 0 && found.ifindex != ifindex)
        rc = -ENODEV;
    if (rc == 0)
        *out = found;
    return rc;
}

/** Begin a change of a device. @param out without the device's name on error @return 0; -ENODEV or another -errno with
 * a line in the log */
static int change_begin(struct netlink *netlink, enum netlink_change_kind kind, unsigned ifindex,
                        struct netlink_change *out, struct netlink_known_link *link) {
    int rc = link_by_index(netlink, ifindex, link);

    memset(out, 0, sizeof *out);
    out->kind = kind;
    out->ifindex = ifindex;
    if (rc) {
        log_warning("netlink: no device with index %u: %s", ifindex, strerror(-rc));
        return rc;
    }
    memcpy(out->device, link->device, sizeof out->device);
    return 0;
}

/** Make or undo a change of a device that was begun. @param begun what change_begin() returned */
static int change_set(struct netlink *netlink, const struct netlink_change *change, bool present, int begun) {
    const struct netlink_journal *journal = &netlink->journal;
    const size_t index = netlink_journal_find(journal, change);

    if (!present)
        return begun == -ENODEV ? 0 : change_remove(netlink, change);
    if (is_passing(begun) && index < journal->count)
        return change_due(netlink, index, NETLINK_DUE_MAKING, begun);
    return begun ? begun : change_make(netlink, change);
}

int netlink_device_mtu(struct netlink *netlink, unsigned ifindex, uint32_t mtu_bytes) {
    struct netlink_known_link link;
    struct netlink_change change;
    int rc = change_begin(netlink, NETLINK_CHANGE_MTU, ifindex, &change, &link);

    if (rc || link.mtu_bytes == mtu_bytes)
        return rc;
    change.mtu_bytes = link.mtu_bytes;
    rc = change_make(netlink, &change);
    if (rc == 0)
        rc = netlink_request(netlink, netlink_build_link(ifindex, 0, 0, mtu_bytes), NULL, NULL);
    if (rc)
        log_warning("netlink: cannot set the MTU of %s to %u: %s", link.device, mtu_bytes, strerror(-rc));
    return rc;
}

int netlink_device_up(struct netlink *netlink, unsigned ifindex, uint32_t mtu_bytes) {
    struct netlink_known_link link;
    struct netlink_change change;
    int rc = change_begin(netlink, NETLINK_CHANGE_UP, ifindex, &change, &link);

    if (rc)
        return rc;
    rc = netlink_request(netlink, netlink_build_quiet(ifindex), NULL, NULL);
    if (rc && rc != -EAFNOSUPPORT &&
        rc != -EOPNOTSUPP) /* those: the host or the device has no IPv6, so there is no chatter */
        log_warning("netlink: cannot switch off automatic IPv6 addresses of %s: %s", link.device, strerror(-rc));
    /* One that is longer would be one full sendmsg and a short one. Without it all works the same, but slower. */
    rc = netlink_request(netlink, netlink_build_segments(ifindex, SUPERPACKET_SEGMENTS), NULL, NULL);
    if (rc)
        log_debug("netlink: the superpackets of %s stay as long as they are: %s", link.device, strerror(-rc));
    rc = netlink_device_mtu(netlink, ifindex, mtu_bytes);
    return rc ? rc : change_make(netlink, &change);
}

int netlink_address(struct netlink *netlink, unsigned ifindex, const struct ip_prefix *address, bool present) {
    struct netlink_known_link link;
    struct netlink_change change;
    int rc = change_begin(netlink, NETLINK_CHANGE_ADDRESS, ifindex, &change, &link);

    change.prefix = *address;
    return change_set(netlink, &change, present, rc);
}

int netlink_route_set(struct netlink *netlink, const struct netlink_route_spec *route, bool present) {
    struct netlink_known_link link;
    struct netlink_change change;
    int rc = change_begin(netlink, NETLINK_CHANGE_ROUTE, route->ifindex, &change, &link);

    change.prefix = (struct ip_prefix){.addr = ip_prefix_first(&route->target), .length = route->target.length};
    change.gateway = route->gateway;
    change.source = route->source;
    change.table = route->table ? route->table : RT_TABLE_MAIN;
    change.metric = route->metric == 0 && route->target.addr.version == 6 ? IPV6_DEFAULT_METRIC : route->metric;
    change.mtu_bytes = route->mtu_bytes;
    return change_set(netlink, &change, present, rc);
}

int netlink_rule_set(struct netlink *netlink, const struct ip_addr *from, uint32_t table, uint32_t priority,
                     bool present) {
    struct netlink_change change;

    memset(&change, 0, sizeof change);
    change.kind = NETLINK_CHANGE_RULE;
    change.prefix = (struct ip_prefix){.addr = *from, .length = (uint8_t)ip_addr_bits(from)};
    change.table = table;
    change.metric = priority;
    return present ? change_make(netlink, &change) : change_remove(netlink, &change);
}

/** Undo what is not wanted any more, newest first. @return whether some is due once more */
static bool undo_due(struct netlink *netlink) {
    struct netlink_journal *journal = &netlink->journal;
    bool again = false;

    for (size_t i = journal->count; i > 0; i--) {
        int rc;

        if (journal->changes[i - 1].due != NETLINK_DUE_UNDOING)
            continue;
        rc = change_request(netlink, &journal->changes[i - 1], false);
        again |= is_passing(rc);
        if (rc == 0 || already_gone(rc))
            netlink_journal_strike(journal, i - 1);
    }
    return again;
}

/** Whether a change that stood waits for a link or an address to come back: who sees that come sets it again. */
static bool waits_for_link(int error) {
    return error == -ENETDOWN || error == -ENODEV || error == -ENETUNREACH || error == -EHOSTUNREACH ||
           error == -EINVAL; /* the preferred source is gone */
}

/** Make a change that may be there or not. @return 0: it stands now; *made: it did not before */
static int make_again(struct netlink *netlink, const struct netlink_change *change, bool *made) {
    int rc = change_request(netlink, change, true);

    *made = rc == 0;
    if (rc != -EEXIST)
        return rc;
    return change->due == NETLINK_DUE_MAKING ? look_at_existing(netlink, change) : 0;
}

/** Forget what was refused, and tell of it. The listener may make and undo changes. */
static void strike_refused(struct netlink *netlink) {
    const struct netlink_hooks *hooks = &netlink->monitor.hooks;
    struct netlink_journal *journal = &netlink->journal;
    size_t i = 0;

    while (i < journal->count) {
        const struct netlink_change change = journal->changes[i];
        const struct netlink_refusal refusal = {
            .ifindex = change.ifindex, .prefix = change.prefix, .table = change.table};

        if (change.due != NETLINK_DUE_STRIKING) {
            i++;
            continue;
        }
        netlink_journal_strike(journal, i);
        if (hooks->on_refused)
            hooks->on_refused(hooks->context, &refusal);
        i = 0;
    }
}

int netlink_restore(struct netlink *netlink, bool *again) {
    const struct netlink_journal *journal = &netlink->journal;
    char text[NETLINK_CHANGE_TEXT_MAX];
    int made = 0;

    *again = undo_due(netlink);
    for (size_t i = 0; i < journal->count; i++) {
        struct netlink_change *change = &journal->changes[i];
        const bool doubtful = change->due == NETLINK_DUE_MAKING;
        bool new;
        int rc;

        if (change->due == NETLINK_DUE_UNDOING)
            continue;
        if (!doubtful && (change->kind == NETLINK_CHANGE_UP || change->kind == NETLINK_CHANGE_MTU))
            continue; /* who sets the device down means it */
        rc = make_again(netlink, change, &new);
        *again |= is_passing(rc);
        if (rc == 0)
            change->due = NETLINK_DUE_NOTHING;
        if (rc && !is_passing(rc) && (doubtful || !waits_for_link(rc))) {
            change->due = NETLINK_DUE_STRIKING;
            log_failure(netlink, "make", change, rc);
        }
        if (rc || !new)
            continue;
        log_notice("netlink: %s %s", netlink_change_print(change, text),
                   doubtful ? "could be made now" : "was removed by somebody: made again");
        made++;
    }
    strike_refused(netlink);
    return made;
}

void netlink_set_quiet(struct netlink *netlink, bool quiet) {
    netlink->quiet = quiet;
}

void netlink_forget(struct netlink *netlink, unsigned ifindex) {
    for (size_t i = netlink->journal.count; i > 0; i--)
        if (netlink->journal.changes[i - 1].ifindex == ifindex)
            netlink_journal_strike(&netlink->journal, i - 1);
}

/** Undo all that stands in the list, newest first, then forget it. @param check_device skip what concerns a device
 * whose index has another name now
 * @return how many were really undone */
static int undo(struct netlink *netlink, bool check_device) {
    struct netlink_journal *journal = &netlink->journal;
    int undone = 0;

    for (size_t i = journal->count; i > 0; i--) {
        const struct netlink_change *change = &journal->changes[i - 1];
        struct netlink_known_link link;
        int rc;

        if (check_device && change->ifindex &&
            (link_by_index(netlink, change->ifindex, &link) ||
             strncmp(link.device, change->device, sizeof link.device) != 0))
            continue;
        rc = change_request(netlink, change, false);
        if (rc == 0)
            undone++;
        else if (!already_gone(rc))
            log_failure(netlink, "undo", change, rc);
    }
    netlink_journal_clear(journal);
    return undone;
}

void netlink_undo_all(struct netlink *netlink) {
    undo(netlink, false);
}

int netlink_undo_crashed(struct netlink *netlink) {
    int rc = netlink_journal_load(&netlink->journal);

    if (rc) {
        log_warning("%s: cannot read it: %s", netlink->journal.path, strerror(-rc));
        return rc;
    }
    return undo(netlink, true);
}
