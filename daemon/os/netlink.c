/* SPDX-License-Identifier: GPL-2.0-or-later */
/* netlink: asks the kernel about links, addresses and routes, and carries every request of its sister files.
 * A request is built with libnl, sent, and its answer read until it is acknowledged, finished or refused. The kernel
 * works on it within sendmsg(), so waiting for the answer is no waiting, and the request socket may block. libnl folds
 * most of the kernel's error numbers into one; so the number is taken from the error message itself, with the kernel's
 * explanation (extended acknowledgement). It leaves out caching: each question goes to the kernel, none of them is
 * asked per packet. Invariant: one request at a time; a message of another sequence number is skipped. Standards: RFC
 * 3549 (netlink as an IP services protocol); rtnetlink(7). */
#include "os/netlink.h"

#include <errno.h>
#include <linux/rtnetlink.h>
#include <netlink/msg.h>
#include <netlink/socket.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#include "common/log.h"
#include "os/netlink_internal.h"

#define DUMP_TRIES 5 /* a dump is repeated that often when objects change under it */

#ifndef SOL_NETLINK
#define SOL_NETLINK 270
#endif

int netlink_error(int nl_error) {
    switch (nl_error < 0 ? -nl_error : nl_error) {
    case NLE_SUCCESS:
        return 0;
    case NLE_NOMEM:
        return -ENOMEM;
    case NLE_AGAIN:
        return -EAGAIN;
    case NLE_INTR:
        return -EINTR;
    case NLE_PERM:
    case NLE_NOACCESS:
        return -EPERM;
    case NLE_BAD_SOCK:
        return -EBADF;
    case NLE_AF_NOSUPPORT:
    case NLE_PROTO_MISMATCH:
        return -EAFNOSUPPORT;
    case NLE_INVAL:
    case NLE_RANGE:
    case NLE_MISSING_ATTR:
        return -EINVAL;
    case NLE_DUMP_INTR:
        return -EINTR;
    default:
        return -EIO;
    }
}

static int on_sequence(struct nl_msg *message, void *context) {
    const struct netlink *netlink = context;

    return nlmsg_hdr(message)->nlmsg_seq == netlink->exchange.sequence ? NL_OK : NL_SKIP;
}

static int on_valid(struct nl_msg *message, void *context) {
    struct netlink *netlink = context;

    if (netlink->exchange.on_message)
        netlink->exchange.on_message(netlink->exchange.context, nlmsg_hdr(message));
    return NL_OK;
}

static int on_end(struct nl_msg *message, void *context) {
    struct netlink *netlink = context;

    (void)message;
    netlink->exchange.done = true;
    return NL_STOP;
}

static int on_interrupted(struct nl_msg *message, void *context) {
    struct netlink *netlink = context;

    (void)message;
    netlink->exchange.error = -EINTR;
    return NL_OK;
}

static int on_error(struct sockaddr_nl *from, struct nlmsgerr *error, void *context) {
    struct netlink *netlink = context;
    struct nlmsghdr *header = (struct nlmsghdr *)((char *)error - NLMSG_HDRLEN);
    size_t offset = NLMSG_ALIGN(sizeof *error);
    const struct nlattr *text = NULL;

    (void)from;
    netlink->exchange.error = error->error;
    netlink->exchange.done = true;
    if (!(header->nlmsg_flags & NLM_F_CAPPED) && error->msg.nlmsg_len > NLMSG_HDRLEN)
        offset += NLMSG_ALIGN(error->msg.nlmsg_len - NLMSG_HDRLEN);
    if (header->nlmsg_flags & NLM_F_ACK_TLVS && header->nlmsg_len > NLMSG_HDRLEN + offset)
        text = nla_find((const struct nlattr *)(const void *)((const char *)error + offset),
                        (int)(header->nlmsg_len - NLMSG_HDRLEN - offset), NLMSGERR_ATTR_MSG);
    if (text)
        nla_strlcpy(netlink->exchange.text, text, sizeof netlink->exchange.text);
    return NL_STOP;
}

/** Throw away what an answer that could not be read to its end left in the socket. */
static void drain(struct nl_sock *sock) {
    char rest[64];

    while (recv(nl_socket_get_fd(sock), rest, sizeof rest, MSG_DONTWAIT) >= 0)
        continue;
}

int netlink_request(struct netlink *netlink, struct nl_msg *message, netlink_message_fn *on_message, void *context) {
    struct netlink_exchange *exchange = &netlink->exchange;
    int rc;

    if (!message)
        return -ENOMEM;
    *exchange = (struct netlink_exchange){.on_message = on_message, .context = context};
    nl_complete_msg(netlink->sock, message);
    exchange->sequence = nlmsg_hdr(message)->nlmsg_seq;
    rc = nl_send(netlink->sock, message);
    nlmsg_free(message);
    while (rc >= 0 && !exchange->done)
        rc = nl_recvmsgs(netlink->sock, netlink->callbacks);
    if (exchange->done)
        return exchange->error;
    drain(netlink->sock);
    return netlink_error(rc);
}

int netlink_dump(struct netlink *netlink, int type, uint8_t family, netlink_message_fn *on_message, void *context) {
    int rc = -EINTR;

    for (unsigned i = 0; rc == -EINTR && i < DUMP_TRIES; i++) {
        struct nl_msg *message = nlmsg_alloc_simple(type, NLM_F_DUMP);
        struct ifinfomsg any = {
            .ifi_family = family}; /* the family comes first in the other kinds' headers too, which are not longer */

        if (!message)
            return -ENOMEM;
        if (nlmsg_append(message, &any, sizeof any, NLMSG_ALIGNTO) < 0) {
            nlmsg_free(message);
            return -ENOMEM;
        }
        rc = netlink_request(netlink, message, on_message, context);
    }
    return rc;
}

/** Open the request socket with its callbacks. */
static int request_open(struct netlink *netlink) {
    int one = 1, rc;

    netlink->sock = nl_socket_alloc();
    netlink->callbacks = nl_cb_alloc(NL_CB_CUSTOM);
    if (!netlink->sock || !netlink->callbacks)
        return -ENOMEM;
    rc = nl_connect(netlink->sock, NETLINK_ROUTE);
    if (rc < 0)
        return netlink_error(rc);
    nl_socket_enable_msg_peek(netlink->sock);
    /* Kernels before 4.12 and 4.3 lack these; then there is no explanation, and nothing else changes. */
    (void)setsockopt(nl_socket_get_fd(netlink->sock), SOL_NETLINK, NETLINK_EXT_ACK, &one, sizeof one);
    (void)setsockopt(nl_socket_get_fd(netlink->sock), SOL_NETLINK, NETLINK_CAP_ACK, &one, sizeof one);
    nl_cb_set(netlink->callbacks, NL_CB_SEQ_CHECK, NL_CB_CUSTOM, on_sequence, netlink);
    nl_cb_set(netlink->callbacks, NL_CB_VALID, NL_CB_CUSTOM, on_valid, netlink);
    nl_cb_set(netlink->callbacks, NL_CB_FINISH, NL_CB_CUSTOM, on_end, netlink);
    nl_cb_set(netlink->callbacks, NL_CB_ACK, NL_CB_CUSTOM, on_end, netlink);
    nl_cb_set(netlink->callbacks, NL_CB_DUMP_INTR, NL_CB_CUSTOM, on_interrupted, netlink);
    nl_cb_err(netlink->callbacks, NL_CB_CUSTOM, on_error, netlink);
    return 0;
}

int netlink_open(struct loop *loop, const struct netlink_hooks *hooks, const char *journal, struct netlink **out,
                 char *why, size_t why_size) {
    struct netlink *netlink = calloc(1, sizeof *netlink);
    int rc = -ENOMEM;

    if (why_size)
        why[0] = '\0';
    if (!netlink)
        goto err_netlink;
    netlink->journal.fd = -1;
    rc = request_open(netlink);
    if (rc)
        goto err_close;
    rc = netlink_journal_open(&netlink->journal, journal, why, why_size);
    if (rc)
        goto err_close;
    rc = netlink_monitor_open(netlink, loop, hooks);
    if (rc)
        goto err_close;
    *out = netlink;
    return 0;

err_close:
    netlink_close(netlink);
err_netlink:
    if (why_size && !why[0])
        snprintf(why, why_size, "cannot open a netlink socket: %s", strerror(-rc));
    return rc;
}

void netlink_close(struct netlink *netlink) {
    if (!netlink)
        return;
    netlink_monitor_close(netlink);
    netlink_journal_close(&netlink->journal);
    nl_cb_put(netlink->callbacks);
    nl_socket_free(netlink->sock);
    free(netlink);
}

static void take_link(void *context, struct nlmsghdr *message) {
    netlink_message_link(message, context);
}

int netlink_link(struct netlink *netlink, const char *device, struct netlink_link *out) {
    struct netlink_known_link found = {0};
    struct ifinfomsg any = {.ifi_family = AF_UNSPEC};
    struct nl_msg *message;
    int rc;

    if (!device[0] || strlen(device) >= IFNAMSIZ)
        return -ENODEV;
    message = nlmsg_alloc_simple(RTM_GETLINK, 0);
    if (!message)
        return -ENOMEM;
    if (nlmsg_append(message, &any, sizeof any, NLMSG_ALIGNTO) < 0 ||
        nla_put_string(message, IFLA_IFNAME, device) < 0) {
        nlmsg_free(message);
        return -ENOMEM;
    }
    rc = netlink_request(netlink, message, take_link, &found);
    if (rc == 0 && found.ifindex == 0)
        rc = -ENODEV;
    if (rc)
        return rc;
    *out = (struct netlink_link){
        .ifindex = found.ifindex, .up = found.up, .loopback = found.loopback, .mtu_bytes = found.mtu_bytes};
    return 0;
}

/** What netlink_source() looks for, and the best of it so far. */
struct source_search {
    unsigned ifindex;    /**< device */
    int rank;            /**< of best; -1: none yet */
    struct ip_addr best; /**< address */
};

/** How good an address is as our end of a path: one that lasts and is reachable from everywhere is better. @return -1:
 * not usable */
static int source_rank(const struct netlink_known_address *address) {
    bool unique_local = address->addr.version == 6 && (address->addr.bytes[0] & 0xfe) == 0xfc;

    if (!address->usable || address->deprecated || address->scope >= RT_SCOPE_LINK)
        return -1;
    return (unique_local ? 0 : 2) + (address->temporary ? 0 : 1);
}

static void take_source(void *context, struct nlmsghdr *message) {
    struct source_search *search = context;
    struct netlink_known_address address;
    int rank;

    if (!netlink_message_address(message, &address) || address.ifindex != search->ifindex)
        return;
    rank = source_rank(&address);
    if (rank <= search->rank)
        return;
    search->rank = rank;
    search->best = address.addr;
}

int netlink_source(struct netlink *netlink, unsigned ifindex, uint8_t version, struct ip_addr *out) {
    struct source_search search = {.ifindex = ifindex, .rank = -1};
    int rc = netlink_dump(netlink, RTM_GETADDR, version == 6 ? AF_INET6 : AF_INET, take_source, &search);

    if (search.rank < 0)
        return rc && rc != -EOPNOTSUPP ? rc : -EADDRNOTAVAIL;
    *out = search.best;
    return 0;
}

/** The request for a route. @param flags RTM_F_… @return NULL: no memory */
static struct nl_msg *route_question(const struct ip_addr *target, unsigned ifindex, unsigned flags) {
    struct nl_msg *message = nlmsg_alloc_simple(RTM_GETROUTE, 0);
    struct rtmsg route = {
        .rtm_family = target->version == 6 ? AF_INET6 : AF_INET,
        .rtm_dst_len = (unsigned char)ip_addr_bits(target),
        .rtm_flags = flags,
    };

    if (!message)
        return NULL;
    if (nlmsg_append(message, &route, sizeof route, NLMSG_ALIGNTO) < 0 ||
        nla_put(message, RTA_DST, (int)ip_addr_size(target), target->bytes) < 0 ||
        (ifindex && nla_put_u32(message, RTA_OIF, ifindex) < 0)) {
        nlmsg_free(message);
        return NULL;
    }
    return message;
}

static void take_route(void *context, struct nlmsghdr *message) {
    netlink_message_route(message, context, NULL, NULL, NULL);
}

int netlink_route(struct netlink *netlink, const struct ip_addr *target, unsigned ifindex, struct netlink_route *out) {
    struct netlink_route found = {0};
    int rc = 0;

    if (target->version != 4 && target->version != 6)
        return -EINVAL;
    /* For IPv4 the kernel assumes "on-link" when no route leads out of the device asked for; only the FIB itself tells
     * the truth. */
    if (ifindex && target->version == 4)
        rc = netlink_request(netlink, route_question(target, ifindex, RTM_F_FIB_MATCH), NULL, NULL);
    if (rc == 0)
        rc = netlink_request(netlink, route_question(target, ifindex, 0), take_route, &found);
    if (rc == -ENOMEM || rc == -EPERM)
        return rc;
    if (rc || found.ifindex == 0)
        return -ENETUNREACH;
    if (!if_indextoname(found.ifindex, found.device))
        return -ENETUNREACH;
    *out = found;
    return 0;
}

/** Read one rp_filter file. @return its value, or -errno */
static int rp_filter_read(const char *device) {
    char path[64 + IFNAMSIZ];
    int value, fields;
    FILE *file;

    snprintf(path, sizeof path, "/proc/sys/net/ipv4/conf/%s/rp_filter", device);
    file = fopen(path, "re");
    if (!file)
        return -errno;
    fields = fscanf(file, "%d", &value);
    fclose(file);
    return fields == 1 && value >= 0 ? value : -EIO;
}

int netlink_rp_filter(const char *device) {
    int all, own;

    if (!device[0] || strlen(device) >= IFNAMSIZ || strchr(device, '/') || device[0] == '.')
        return -EINVAL;
    own = rp_filter_read(device);
    all = own < 0 ? own : rp_filter_read("all");
    return all > own || all < 0 ? all : own;
}
