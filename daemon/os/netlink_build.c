/* SPDX-License-Identifier: GPL-2.0-or-later */
/* netlink_build: changes as rtnetlink messages to the kernel, by libnl's builders where it has them. It sends nothing
 * and keeps no state. Invariant: what makes an address, route or rule bears NLM_F_EXCL, and routes and rules our
 * protocol number. Standards: RFC 3549; rtnetlink(7). */
#include <linux/fib_rules.h>
#include <linux/if_addr.h>
#include <linux/if_link.h>
#include <linux/rtnetlink.h>
#include <netlink/msg.h>
#include <netlink/route/addr.h>
#include <netlink/route/nexthop.h>
#include <netlink/route/route.h>
#include <netlink/route/rule.h>
#include <sys/socket.h>

#include "os/netlink_internal.h"

static int family_of(const struct ip_addr *addr) {
    return addr->version == 6 ? AF_INET6 : AF_INET;
}

/** libnl's form of an address. @return NULL: no memory */
static struct nl_addr *nl_addr_of(const struct ip_addr *addr, unsigned prefix_length) {
    struct nl_addr *out = nl_addr_build(family_of(addr), addr->bytes, ip_addr_size(addr));

    if (out)
        nl_addr_set_prefixlen(out, (int)prefix_length);
    return out;
}

struct nl_msg *netlink_build_link(unsigned ifindex, unsigned flags, unsigned flag_mask, uint32_t mtu_bytes) {
    struct nl_msg *message = nlmsg_alloc_simple(RTM_NEWLINK, 0);
    struct ifinfomsg link = {
        .ifi_family = AF_UNSPEC, .ifi_index = (int)ifindex, .ifi_flags = flags, .ifi_change = flag_mask};

    if (!message)
        return NULL;
    if (nlmsg_append(message, &link, sizeof link, NLMSG_ALIGNTO) < 0 ||
        (mtu_bytes && nla_put_u32(message, IFLA_MTU, mtu_bytes) < 0)) {
        nlmsg_free(message);
        return NULL;
    }
    return message;
}

struct nl_msg *netlink_build_quiet(unsigned ifindex) {
    struct nl_msg *message = netlink_build_link(ifindex, 0, 0, 0);
    struct nlattr *families, *inet6;

    if (!message)
        return NULL;
    families = nla_nest_start(message, IFLA_AF_SPEC);
    inet6 = families ? nla_nest_start(message, AF_INET6) : NULL;
    if (!inet6 || nla_put_u8(message, IFLA_INET6_ADDR_GEN_MODE, IN6_ADDR_GEN_MODE_NONE) < 0) {
        nlmsg_free(message);
        return NULL;
    }
    nla_nest_end(message, inet6);
    nla_nest_end(message, families);
    return message;
}

struct nl_msg *netlink_build_segments(unsigned ifindex, uint32_t segments) {
    struct nl_msg *message = netlink_build_link(ifindex, 0, 0, 0);

    if (message && nla_put_u32(message, IFLA_GSO_MAX_SEGS, segments) < 0) {
        nlmsg_free(message);
        return NULL;
    }
    return message;
}

struct nl_msg *netlink_build_address(const struct netlink_change *change, bool present) {
    struct rtnl_addr *address = rtnl_addr_alloc();
    struct nl_addr *local = nl_addr_of(&change->prefix.addr, change->prefix.length);
    struct nl_msg *message = NULL;

    if (address && local) {
        rtnl_addr_set_ifindex(address, (int)change->ifindex);
        rtnl_addr_set_family(address, family_of(&change->prefix.addr));
        rtnl_addr_set_local(address, local);
        if (change->prefix.addr.version == 6)
            rtnl_addr_set_flags(address, IFA_F_NODAD); /* nobody else can have it in a tunnel of ours */
        if (present)
            rtnl_addr_build_add_request(address, NLM_F_CREATE | NLM_F_EXCL, &message);
        else
            rtnl_addr_build_delete_request(address, 0, &message);
    }
    nl_addr_put(local);
    if (address)
        rtnl_addr_put(address);
    return message;
}

/** The next hop of a route. @return NULL: no memory */
static struct rtnl_nexthop *hop_of(const struct netlink_change *change, bool onlink) {
    struct rtnl_nexthop *hop = rtnl_route_nh_alloc();
    struct nl_addr *gateway;

    if (!hop)
        return NULL;
    rtnl_route_nh_set_ifindex(hop, (int)change->ifindex);
    if (change->gateway.version == 0)
        return hop;
    gateway = nl_addr_of(&change->gateway, ip_addr_bits(&change->gateway));
    if (!gateway) {
        rtnl_route_nh_free(hop);
        return NULL;
    }
    if (change->gateway.version == change->prefix.addr.version)
        rtnl_route_nh_set_gateway(hop, gateway);
    else
        rtnl_route_nh_set_via(hop, gateway);
    if (onlink)
        rtnl_route_nh_set_flags(hop, RTNH_F_ONLINK);
    nl_addr_put(gateway);
    return hop;
}

struct nl_msg *netlink_build_route(const struct netlink_change *change, bool present, bool onlink) {
    struct rtnl_route *route = rtnl_route_alloc();
    struct rtnl_nexthop *hop = hop_of(change, onlink);
    struct nl_addr *target = nl_addr_of(&change->prefix.addr, change->prefix.length);
    struct nl_addr *source = change->source.version ? nl_addr_of(&change->source, ip_addr_bits(&change->source)) : NULL;
    struct nl_msg *message = NULL;

    if (route && hop && target && (source || !change->source.version)) {
        rtnl_route_set_family(route, (uint8_t)family_of(&change->prefix.addr));
        rtnl_route_set_dst(route, target);
        rtnl_route_set_table(route, change->table);
        rtnl_route_set_protocol(route, NETLINK_PROTOCOL);
        if (change->metric)
            rtnl_route_set_priority(route, change->metric);
        if (source)
            rtnl_route_set_pref_src(route, source);
        if (change->mtu_bytes)
            rtnl_route_set_metric(route, RTAX_MTU, change->mtu_bytes);
        rtnl_route_add_nexthop(route, hop);
        hop = NULL; /* the route's now */
        if (present)
            rtnl_route_build_add_request(route, NLM_F_CREATE | NLM_F_EXCL, &message);
        else
            rtnl_route_build_del_request(route, 0, &message);
    }
    nl_addr_put(source);
    nl_addr_put(target);
    if (hop)
        rtnl_route_nh_free(hop);
    rtnl_route_put(route);
    return message;
}

struct nl_msg *netlink_build_rule(const struct netlink_change *change, bool present) {
    struct rtnl_rule *rule = rtnl_rule_alloc();
    struct nl_addr *from = nl_addr_of(&change->prefix.addr, change->prefix.length);
    struct nl_msg *message = NULL;

    if (rule && from) {
        rtnl_rule_set_family(rule, family_of(&change->prefix.addr));
        rtnl_rule_set_src(rule, from);
        rtnl_rule_set_table(rule, change->table);
        rtnl_rule_set_prio(rule, change->metric);
        rtnl_rule_set_action(rule, FR_ACT_TO_TBL);
        rtnl_rule_set_protocol(rule, NETLINK_PROTOCOL);
        if (present)
            rtnl_rule_build_add_request(rule, NLM_F_CREATE | NLM_F_EXCL, &message);
        else
            rtnl_rule_build_delete_request(rule, 0, &message);
    }
    nl_addr_put(from);
    if (rule)
        rtnl_rule_put(rule);
    return message;
}
