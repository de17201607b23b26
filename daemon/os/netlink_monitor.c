/* SPDX-License-Identifier: GPL-2.0-or-later */
/* netlink_monitor: tells the hall what changed about links, addresses and routes.
 * It keeps a view of all links and addresses as last told, and compares: a message that brings nothing new (the kernel
 * repeats a link at every counter or wireless event) is not told. When the socket overran (ENOBUFS), the kernel is
 * asked for everything, and what differs from the view is told as if it had come one by one. Messages are first all
 * read, then compared and told, so that a hook may ask the kernel itself. Route messages only set a flag, told once a
 * reading, and so does the deletion of what looks like a change of ours. It leaves out routes as values: who depends on
 * one asks netlink_route() again. Invariants: the view is what the hooks were told (or the state at open); the socket
 * is read until empty, because the loop's watch may be edge-triggered. A hook must not call netlink_close(). Standards:
 * RFC 3549; rtnetlink(7). */
#include <errno.h>
#include <linux/rtnetlink.h>
#include <netlink/msg.h>
#include <netlink/socket.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#include "common/log.h"
#include "os/netlink_internal.h"

#define KERNEL_BUFFER_BYTES (1024 * 1024) /* asked for; a container host can tell a thousand links at once */

/** Make room for one more element of a growing list. @return false: no memory */
static bool grow(void **list, size_t count, size_t *capacity, size_t element_bytes) {
    size_t wanted = *capacity ? 2 * *capacity : 16;
    void *larger;

    if (count < *capacity)
        return true;
    larger = realloc(*list, wanted * element_bytes);
    if (!larger)
        return false;
    *list = larger;
    *capacity = wanted;
    return true;
}

static struct netlink_known_link *view_link(const struct netlink_view *view, unsigned ifindex) {
    for (size_t i = 0; i < view->link_count; i++)
        if (view->links[i].ifindex == ifindex)
            return &view->links[i];
    return NULL;
}

static struct netlink_known_address *view_address(const struct netlink_view *view,
                                                  const struct netlink_known_address *like) {
    for (size_t i = 0; i < view->address_count; i++)
        if (view->addresses[i].ifindex == like->ifindex && ip_addr_compare(&view->addresses[i].addr, &like->addr) == 0)
            return &view->addresses[i];
    return NULL;
}

/** Append; without memory the entry is left out, and told again when it is next heard of. */
static void view_add_link(struct netlink_view *view, const struct netlink_known_link *link) {
    if (!grow((void **)&view->links, view->link_count, &view->link_capacity, sizeof *view->links))
        return;
    view->links[view->link_count++] = *link;
}

static void view_add_address(struct netlink_view *view, const struct netlink_known_address *address) {
    if (!grow((void **)&view->addresses, view->address_count, &view->address_capacity, sizeof *view->addresses))
        return;
    view->addresses[view->address_count++] = *address;
}

static void view_clear(struct netlink_view *view) {
    free(view->links);
    free(view->addresses);
    *view = (struct netlink_view){0};
}

/** A link is as given now: tell if that is new. */
static void link_present(struct netlink_monitor *monitor, const struct netlink_known_link *link) {
    struct netlink_known_link *known = view_link(&monitor->view, link->ifindex);

    if (known && known->up == link->up && strcmp(known->device, link->device) == 0 &&
        known->mtu_bytes == link->mtu_bytes)
        return;
    if (known)
        *known = *link;
    else
        view_add_link(&monitor->view, link);
    if (monitor->hooks.on_link)
        monitor->hooks.on_link(monitor->hooks.context, link->ifindex, link->device, true, link->up);
}

static void link_gone(struct netlink_monitor *monitor, unsigned ifindex) {
    struct netlink_known_link *known = view_link(&monitor->view, ifindex), link;

    if (!known)
        return;
    link = *known;
    *known = monitor->view.links[--monitor->view.link_count];
    if (monitor->hooks.on_link)
        monitor->hooks.on_link(monitor->hooks.context, ifindex, link.device, false, false);
}

static void address_gone(struct netlink *netlink, const struct netlink_known_address *address) {
    struct netlink_monitor *monitor = &netlink->monitor;
    struct netlink_known_address *known = view_address(&monitor->view, address), gone;

    if (!known)
        return;
    if (netlink_journal_has_address(&netlink->journal, address->ifindex, &address->addr))
        monitor->undone = true;
    gone = *known;
    *known = monitor->view.addresses[--monitor->view.address_count];
    if (monitor->hooks.on_address)
        monitor->hooks.on_address(monitor->hooks.context, gone.ifindex, &gone.addr, false);
}

/** An address is as given now. One that is tentative or a duplicate counts as not there. */
static void address_present(struct netlink *netlink, const struct netlink_known_address *address) {
    struct netlink_monitor *monitor = &netlink->monitor;

    if (!address->usable) {
        address_gone(netlink, address);
        return;
    }
    if (view_address(&monitor->view, address))
        return;
    view_add_address(&monitor->view, address);
    if (monitor->hooks.on_address)
        monitor->hooks.on_address(monitor->hooks.context, address->ifindex, &address->addr, true);
}

static void collect_link(void *context, struct nlmsghdr *message) {
    struct netlink_known_link link;
    struct netlink_known_link *earlier;

    if (!netlink_message_link(message, &link))
        return;
    earlier = view_link(context, link.ifindex);
    if (earlier)
        *earlier = link;
    else
        view_add_link(context, &link);
}

static void collect_address(void *context, struct nlmsghdr *message) {
    struct netlink_known_address address;

    if (netlink_message_address(message, &address) && address.usable && !view_address(context, &address))
        view_add_address(context, &address);
}

/** All links and addresses as they are. @return 0 or -errno */
static int view_read(struct netlink *netlink, struct netlink_view *view) {
    int rc = netlink_dump(netlink, RTM_GETLINK, AF_UNSPEC, collect_link, view);

    return rc ? rc : netlink_dump(netlink, RTM_GETADDR, AF_UNSPEC, collect_address, view);
}

/** Messages were lost: compare everything with the view, and tell the differences. */
static void resynchronise(struct netlink *netlink) {
    struct netlink_monitor *monitor = &netlink->monitor;
    struct netlink_view now = {0};
    int rc = view_read(netlink, &now);

    if (rc) {
        log_warning("netlink: messages were lost, and links and addresses cannot be read: %s", strerror(-rc));
        view_clear(&now);
        return;
    }
    for (size_t i = monitor->view.address_count; i > 0; i--) {
        struct netlink_known_address address = monitor->view.addresses[i - 1];

        if (!view_address(&now, &address))
            address_gone(netlink, &address);
    }
    for (size_t i = monitor->view.link_count; i > 0; i--) {
        unsigned ifindex = monitor->view.links[i - 1].ifindex;

        if (!view_link(&now, ifindex))
            link_gone(monitor, ifindex);
    }
    for (size_t i = 0; i < now.link_count; i++)
        link_present(monitor, &now.links[i]);
    for (size_t i = 0; i < now.address_count; i++)
        address_present(netlink, &now.addresses[i]);
    view_clear(&now);
    monitor->route_changed = monitor->undone = true;
}

static int on_message(struct nl_msg *wrapped, void *context) {
    struct netlink *netlink = context;
    struct netlink_monitor *monitor = &netlink->monitor;
    struct nlmsghdr *message = nlmsg_hdr(wrapped);
    struct netlink_known_link link;
    struct netlink_known_address address;
    const unsigned ipv6_on = netlink_message_ipv6_on(message);

    if (netlink_message_link(message, &link)) {
        if (message->nlmsg_type == RTM_NEWLINK)
            link_present(monitor, &link);
        else
            link_gone(monitor, link.ifindex);
    } else if (netlink_message_address(message, &address)) {
        if (message->nlmsg_type == RTM_NEWADDR)
            address_present(netlink, &address);
        else
            address_gone(netlink, &address);
    } else if (netlink_message_route_matters(message)) {
        monitor->route_changed = true;
    }
    if (netlink_message_undoes(message) || (ipv6_on && netlink_journal_has_device(&netlink->journal, ipv6_on)))
        monitor->undone = true;
    return NL_OK;
}

static int any_sequence(struct nl_msg *message, void *context) {
    (void)message;
    (void)context;
    return NL_OK;
}

static void on_ready(void *context, uint32_t revents) {
    struct netlink *netlink = context;
    struct netlink_monitor *monitor = &netlink->monitor;
    bool lost = false;
    int rc;

    (void)revents;
    /* libnl says NLE_NOMEM for ENOBUFS: the socket overran. A message it cannot read is as good as lost, too. */
    while ((rc = nl_recvmsgs_report(monitor->sock, monitor->callbacks)) != 0 && rc != -NLE_AGAIN) {
        if (rc > 0)
            continue;
        lost = true;
        if (rc != -NLE_NOMEM && rc != -NLE_MSG_TRUNC)
            break;
    }
    if (lost) {
        log_info("netlink: notifications were lost, reading everything again");
        resynchronise(netlink);
    }
    if (monitor->undone && monitor->hooks.on_undone)
        monitor->hooks.on_undone(monitor->hooks.context);
    monitor->undone = false;
    if (!monitor->route_changed)
        return;
    monitor->route_changed = false;
    if (monitor->hooks.on_route)
        monitor->hooks.on_route(monitor->hooks.context);
}

int netlink_monitor_open(struct netlink *netlink, struct loop *loop, const struct netlink_hooks *hooks) {
    struct netlink_monitor *monitor = &netlink->monitor;
    const int buffer_bytes = KERNEL_BUFFER_BYTES;
    int rc;

    if (hooks)
        monitor->hooks = *hooks;
    monitor->sock = nl_socket_alloc();
    monitor->callbacks = nl_cb_alloc(NL_CB_CUSTOM);
    if (!monitor->sock || !monitor->callbacks)
        return -ENOMEM;
    nl_cb_set(monitor->callbacks, NL_CB_SEQ_CHECK, NL_CB_CUSTOM, any_sequence, NULL);
    nl_cb_set(monitor->callbacks, NL_CB_VALID, NL_CB_CUSTOM, on_message, netlink);
    rc = nl_connect(monitor->sock, NETLINK_ROUTE);
    if (rc < 0)
        return netlink_error(rc);
    rc = nl_socket_add_memberships(monitor->sock, RTNLGRP_LINK, RTNLGRP_IPV4_IFADDR, RTNLGRP_IPV6_IFADDR,
                                   RTNLGRP_IPV4_ROUTE, RTNLGRP_IPV6_ROUTE, RTNLGRP_IPV4_RULE, RTNLGRP_IPV6_RULE, 0);
    if (rc == 0)
        rc = nl_socket_set_nonblocking(monitor->sock);
    if (rc < 0)
        return netlink_error(rc);
    (void)setsockopt(nl_socket_get_fd(monitor->sock), SOL_SOCKET, SO_RCVBUFFORCE, &buffer_bytes, sizeof buffer_bytes);
    nl_socket_enable_msg_peek(monitor->sock);
    rc = view_read(netlink, &monitor->view); /* after joining: nothing falls between */
    if (rc)
        return rc;
    monitor->watch = (struct loop_watch){
        .fd = nl_socket_get_fd(monitor->sock), .events = POLLIN, .on_ready = on_ready, .context = netlink};
    return loop_watch(loop, &monitor->watch);
}

void netlink_monitor_close(struct netlink *netlink) {
    struct netlink_monitor *monitor = &netlink->monitor;

    loop_unwatch(&monitor->watch);
    nl_cb_put(monitor->callbacks);
    nl_socket_free(monitor->sock);
    view_clear(&monitor->view);
}
