/* SPDX-License-Identifier: GPL-2.0-or-later */
/* netlink_message: rtnetlink messages of links, addresses, routes and rules read into values; monitor, lookups and
 * changes use the same readers. It leaves out every attribute that nobody asks for, and keeps no state. Invariant: an
 * attribute is used only if it has the length its type demands. Standards: RFC 3549; rtnetlink(7). */
#include <net/if.h> /* before linux/if.h, which leaves out what is here */

#include <linux/fib_rules.h>
#include <linux/if.h>
#include <linux/if_addr.h>
#include <linux/rtnetlink.h>
#include <netlink/attr.h>
#include <netlink/msg.h>
#include <sys/socket.h>

#include "os/netlink_internal.h"

/** Whether an attribute is there and has at least that many bytes. */
static bool has(const struct nlattr *attribute, size_t bytes) {
    return attribute && (size_t)nla_len(attribute) >= bytes;
}

/** An address attribute of a family. @return version 0: absent or of the wrong size */
static struct ip_addr address_of(const struct nlattr *attribute, uint8_t family) {
    uint8_t version = family == AF_INET6 ? 6 : 4;

    if (!has(attribute, version == 6 ? 16 : 4))
        return (struct ip_addr){0};
    return ip_addr_from_bytes(version, nla_data(attribute));
}

/** Whether a link carries packets. The kernel works out once a second at most whether it is operational (IFF_RUNNING),
 * but knows its carrier at once. Where somebody else has the last word (802.1X) the carrier is not enough. */
static bool is_up(const struct ifinfomsg *link, struct nlattr *const *attributes) {
    const struct nlattr *mode = attributes[IFLA_LINKMODE];

    if (!(link->ifi_flags & IFF_UP))
        return false;
    if (link->ifi_flags & IFF_RUNNING)
        return true;
    return (link->ifi_flags & IFF_LOWER_UP) && !(link->ifi_flags & IFF_DORMANT) &&
           !(has(mode, 1) && nla_get_u8(mode) == IF_LINK_MODE_DORMANT);
}

bool netlink_message_link(struct nlmsghdr *message, struct netlink_known_link *out) {
    struct nlattr *attributes[IFLA_MAX + 1];
    const struct ifinfomsg *link;

    if (message->nlmsg_type != RTM_NEWLINK && message->nlmsg_type != RTM_DELLINK)
        return false;
    if (nlmsg_parse(message, sizeof *link, attributes, IFLA_MAX, NULL) < 0)
        return false;
    link = nlmsg_data(message);
    if (link->ifi_family != AF_UNSPEC || link->ifi_index <= 0)
        return false; /* bridges tell their own story about ports */
    *out = (struct netlink_known_link){
        .ifindex = (unsigned)link->ifi_index,
        .up = is_up(link, attributes),
        .loopback = link->ifi_flags & IFF_LOOPBACK,
    };
    if (attributes[IFLA_IFNAME])
        nla_strlcpy(out->device, attributes[IFLA_IFNAME], sizeof out->device);
    if (has(attributes[IFLA_MTU], sizeof(uint32_t)))
        out->mtu_bytes = nla_get_u32(attributes[IFLA_MTU]);
    return true;
}

bool netlink_message_address(struct nlmsghdr *message, struct netlink_known_address *out) {
    struct nlattr *attributes[IFA_MAX + 1];
    const struct ifaddrmsg *address;
    uint32_t flags;

    if (message->nlmsg_type != RTM_NEWADDR && message->nlmsg_type != RTM_DELADDR)
        return false;
    if (nlmsg_parse(message, sizeof *address, attributes, IFA_MAX, NULL) < 0)
        return false;
    address = nlmsg_data(message);
    if (address->ifa_family != AF_INET && address->ifa_family != AF_INET6)
        return false;
    flags = has(attributes[IFA_FLAGS], sizeof flags) ? nla_get_u32(attributes[IFA_FLAGS]) : address->ifa_flags;
    *out = (struct netlink_known_address){
        .ifindex = address->ifa_index,
        .addr =
            address_of(attributes[IFA_LOCAL] ? attributes[IFA_LOCAL] : attributes[IFA_ADDRESS], address->ifa_family),
        .usable = !(flags & IFA_F_DADFAILED) && (!(flags & IFA_F_TENTATIVE) || flags & IFA_F_OPTIMISTIC),
        .deprecated = flags & IFA_F_DEPRECATED,
        .temporary = flags & IFA_F_SECONDARY, /* the same bit as IFA_F_TEMPORARY */
        .scope = address->ifa_scope,
    };
    return out->addr.version != 0 && out->ifindex != 0;
}

/** Gateway and device of one next hop: of the route itself, or of a part of a multipath route. */
static void hop_of(struct nlattr **attributes, uint8_t family, struct netlink_route *out) {
    const struct rtvia *via = has(attributes[RTA_VIA], sizeof *via) ? nla_data(attributes[RTA_VIA]) : NULL;

    if (attributes[RTA_GATEWAY])
        out->gateway = address_of(attributes[RTA_GATEWAY], family);
    else if (via && has(attributes[RTA_VIA], sizeof *via + (via->rtvia_family == AF_INET6 ? 16 : 4)))
        out->gateway = ip_addr_from_bytes(via->rtvia_family == AF_INET6 ? 6 : 4, via->rtvia_addr);
}

/** First next hop of a multipath route. */
static void first_hop_of(const struct nlattr *multipath, uint8_t family, struct netlink_route *out) {
    struct nlattr *attributes[RTA_MAX + 1];
    struct rtnexthop *hop;

    if (!has(multipath, sizeof *hop))
        return;
    hop = nla_data(multipath);
    if (!RTNH_OK(hop, nla_len(multipath)))
        return;
    out->ifindex = (unsigned)hop->rtnh_ifindex;
    if (nla_parse(attributes, RTA_MAX, (struct nlattr *)(void *)(hop + 1), (int)hop->rtnh_len - (int)sizeof *hop,
                  NULL) < 0)
        return;
    hop_of(attributes, family, out);
}

bool netlink_message_route(struct nlmsghdr *message, struct netlink_route *out, struct ip_prefix *target,
                           uint32_t *table, uint32_t *metric) {
    struct nlattr *attributes[RTA_MAX + 1];
    const struct rtmsg *route;

    if (message->nlmsg_type != RTM_NEWROUTE && message->nlmsg_type != RTM_DELROUTE)
        return false;
    if (nlmsg_parse(message, sizeof *route, attributes, RTA_MAX, NULL) < 0)
        return false;
    route = nlmsg_data(message);
    if (route->rtm_family != AF_INET && route->rtm_family != AF_INET6)
        return false;
    if (out) {
        *out = (struct netlink_route){.source = address_of(attributes[RTA_PREFSRC], route->rtm_family)};
        if (has(attributes[RTA_OIF], sizeof(uint32_t)))
            out->ifindex = nla_get_u32(attributes[RTA_OIF]);
        hop_of(attributes, route->rtm_family, out);
        if (attributes[RTA_MULTIPATH])
            first_hop_of(attributes[RTA_MULTIPATH], route->rtm_family, out);
    }
    if (target) {
        *target = (struct ip_prefix){.addr = address_of(attributes[RTA_DST], route->rtm_family),
                                     .length = route->rtm_dst_len};
        target->addr.version = route->rtm_family == AF_INET6 ? 6 : 4; /* a default route names no destination */
    }
    if (table)
        *table = has(attributes[RTA_TABLE], sizeof(uint32_t)) ? nla_get_u32(attributes[RTA_TABLE]) : route->rtm_table;
    if (metric)
        *metric = has(attributes[RTA_PRIORITY], sizeof(uint32_t)) ? nla_get_u32(attributes[RTA_PRIORITY]) : 0;
    return true;
}

bool netlink_message_route_matters(struct nlmsghdr *message) {
    const struct rtmsg *route = nlmsg_data(message);

    if (message->nlmsg_type != RTM_NEWROUTE && message->nlmsg_type != RTM_DELROUTE)
        return false;
    if (message->nlmsg_len < (uint32_t)nlmsg_size(sizeof *route))
        return false;
    if (route->rtm_flags & RTM_F_CLONED || route->rtm_table == RT_TABLE_LOCAL)
        return false;
    return route->rtm_type != RTN_MULTICAST && route->rtm_type != RTN_LOCAL && route->rtm_type != RTN_BROADCAST &&
           route->rtm_type != RTN_ANYCAST;
}

unsigned netlink_message_ipv6_on(struct nlmsghdr *message) {
    const struct rtmsg *kind = nlmsg_data(message);
    struct netlink_route route;
    struct ip_prefix target;

    if (message->nlmsg_type != RTM_NEWROUTE || !netlink_message_route(message, &route, &target, NULL, NULL))
        return 0;
    return kind->rtm_type == RTN_MULTICAST && target.addr.version == 6 && target.length == 8 ? route.ifindex : 0;
}

bool netlink_message_undoes(const struct nlmsghdr *message) {
    const struct rtmsg *route = nlmsg_data(message);
    const struct nlattr *protocol;

    if (message->nlmsg_type == RTM_DELROUTE)
        return message->nlmsg_len >= (uint32_t)nlmsg_size(sizeof *route) && route->rtm_protocol == NETLINK_PROTOCOL;
    if (message->nlmsg_type != RTM_DELRULE)
        return false;
    protocol = nlmsg_find_attr((struct nlmsghdr *)(uintptr_t)message, sizeof(struct fib_rule_hdr), FRA_PROTOCOL);
    return has(protocol, sizeof(uint8_t)) && nla_get_u8(protocol) == NETLINK_PROTOCOL;
}
