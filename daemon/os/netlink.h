/* SPDX-License-Identifier: GPL-2.0-or-later */
/* netlink: links, addresses, routes and rules by libnl-route-3; never a forked `ip`. Two halves: a monitor that tells
 * the hall what changed, and a set of changes of ours, each of which is written to a journal file
 * before it is made, undone at exit, and undone at the next start after a crash. */
#ifndef MPVPN_OS_NETLINK_H
#define MPVPN_OS_NETLINK_H

#include <net/if.h>
#include <stdbool.h>
#include <stdint.h>

#include "common/addr.h"
#include "os/loop.h"

struct netlink;

/** A change of ours that does not stand, although it was told as made. */
struct netlink_refusal {
    unsigned ifindex;        /**< device; 0: a rule */
    struct ip_prefix prefix; /**< address, target of a route or source of a rule; version 0: setting the device up */
    uint32_t table;          /**< of a route or rule; 0: it is neither */
};

/** What the monitor tells. */
struct netlink_hooks {
    /** A link appeared, changed or vanished (up = IFF_UP and a carrier). */
    void (*on_link)(void *context, unsigned ifindex, const char *device, bool present, bool up);
    /** An address was added to (present) or removed from a device. Tentative IPv6 addresses are told when they become
     * usable. */
    void (*on_address)(void *context, unsigned ifindex, const struct ip_addr *addr, bool present);
    /** A route changed somewhere (default routes, gateways): look up again what you depend on. At most once a turn. */
    void (*on_route)(void *context);
    /** Something like a change of ours was taken away, perhaps by somebody else, or there was no memory to see to one,
     * or a device with changes of ours has IPv6 now: netlink_restore() is due. The kernel, or we, may have had a
     * reason. */
    void (*on_undone)(void *context);
    /** netlink_restore() found that the kernel refuses a change of ours for good. It is not ours any more; why stands
     * in the log. */
    void (*on_refused)(void *context, const struct netlink_refusal *refusal);
    void *context; /**< handed to all */
};

/**
 * Open request and monitor sockets.
 * @param journal file for our changes ("/run/mpvpn/NAME.journal"); NULL: none kept
 * @return 0 or -errno with a sentence in why
 */
int netlink_open(struct loop *loop, const struct netlink_hooks *hooks, const char *journal, struct netlink **out,
                 char *why, size_t why_size);
/** Close the sockets; changes stay (call netlink_undo_all first). NULL is fine. */
void netlink_close(struct netlink *netlink);

/** A link as it is now. */
struct netlink_link {
    unsigned ifindex;   /**< 0: there is none of that name */
    bool up;            /**< administratively up and with carrier */
    bool loopback;      /**< it leads to this host alone */
    uint32_t mtu_bytes; /**< MTU */
};
/** Look a link up by name. @return 0; -ENODEV */
int netlink_link(struct netlink *netlink, const char *device, struct netlink_link *out);
/** The best usable global address of this version on a device (never a deprecated or tentative one). @return 0;
 * -EADDRNOTAVAIL */
int netlink_source(struct netlink *netlink, unsigned ifindex, uint8_t version, struct ip_addr *out);

/** How the kernel would send to an address. */
struct netlink_route {
    unsigned ifindex;       /**< outgoing device */
    char device[IFNAMSIZ];  /**< its name */
    struct ip_addr gateway; /**< version 0: on-link */
    struct ip_addr source;  /**< source address chosen */
};
/**
 * Ask the kernel (RTM_GETROUTE).
 * @param ifindex restrict to this device; 0: any
 * @return 0; -ENETUNREACH: no route
 */
int netlink_route(struct netlink *netlink, const struct ip_addr *target, unsigned ifindex, struct netlink_route *out);

/* Changes of ours. Each is idempotent ("already there" is fine), journalled, and undone by netlink_undo_all(). On error
 * -errno, with a sentence in the log. */

/** Set a device up with this MTU; IPv6 addr_gen_mode none first, so that no kernel chatter enters the tunnel. */
int netlink_device_up(struct netlink *netlink, unsigned ifindex, uint32_t mtu_bytes);
int netlink_device_mtu(struct netlink *netlink, unsigned ifindex, uint32_t mtu_bytes);
/** Add (or remove) an address of a device. */
int netlink_address(struct netlink *netlink, unsigned ifindex, const struct ip_prefix *address, bool present);
/** A route in a table (0: main): gateway version 0 = on-link; source version 0 = none preferred. */
struct netlink_route_spec {
    struct ip_prefix target; /**< where to; length 0 = default */
    struct ip_addr gateway;  /**< next hop */
    struct ip_addr source;   /**< preferred source */
    unsigned ifindex;        /**< device */
    uint32_t table;          /**< 0: main */
    uint32_t metric;         /**< priority; 0: the kernel's default */
    uint32_t mtu_bytes;      /**< route MTU metric; 0: none */
};
int netlink_route_set(struct netlink *netlink, const struct netlink_route_spec *route, bool present);
/** A policy rule: packets from this source address look in this table. @param priority rule preference, below main's
 * 32766 */
int netlink_rule_set(struct netlink *netlink, const struct ip_addr *from, uint32_t table, uint32_t priority,
                     bool present);
/** Make again the addresses, routes and rules of ours that are not there any more, and undo what could not be undone
 * when that was asked for. What cannot be made because a link or an address is away is let be; what the kernel refuses
 * otherwise, or when it was told as made and never seen, is told by on_refused. @param again for some there was no
 * memory: it is due once more, a moment later
 * @return how many were made */
int netlink_restore(struct netlink *netlink, bool *again);
/** Whether the log is spared of changes that fail, as they are tried again that failed before (level debug has them).
 */
void netlink_set_quiet(struct netlink *netlink, bool quiet);
/** A device was moved to another network namespace: forget its changes, which the kernel has undone. */
void netlink_forget(struct netlink *netlink, unsigned ifindex);
/** Undo every change of this process, newest first, and empty the journal. */
void netlink_undo_all(struct netlink *netlink);
/** Undo what a crashed run left in the journal; call once at start. @return changes undone, or -errno */
int netlink_undo_crashed(struct netlink *netlink);
/** Effective rp_filter of a device (max of all and its own): 0 off, 1 strict, 2 loose; -errno when unreadable. */
int netlink_rp_filter(const char *device);

#endif
