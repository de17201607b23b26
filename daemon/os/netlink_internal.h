/* SPDX-License-Identifier: GPL-2.0-or-later */
/* netlink_internal: what netlink's own files share; nobody else includes it. netlink.c speaks with the kernel,
 * netlink_message.c reads its messages, netlink_monitor.c compares what it says with what was known, netlink_change.c
 * makes and undoes changes, netlink_journal.c writes them down. */
#ifndef MPVPN_OS_NETLINK_INTERNAL_H
#define MPVPN_OS_NETLINK_INTERNAL_H

#include <linux/netlink.h>
#include <net/if.h>
#include <netlink/netlink.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/addr.h"
#include "common/log.h"
#include "os/loop.h"
#include "os/netlink.h"

/** Routes and rules of ours carry this protocol number, so that undoing one can never hit somebody else's. */
#define NETLINK_PROTOCOL 0x6d
#define NETLINK_CHANGE_TEXT_MAX 384 /**< bytes, with NUL: a change as text */

/** What kind of change. The names in the journal are in netlink_journal.c. */
enum netlink_change_kind {
    NETLINK_CHANGE_UP,      /**< device set up; undone: down */
    NETLINK_CHANGE_MTU,     /**< MTU of a device; undone: what it was */
    NETLINK_CHANGE_ADDRESS, /**< address of a device */
    NETLINK_CHANGE_ROUTE,   /**< route */
    NETLINK_CHANGE_RULE,    /**< policy rule */
    NETLINK_CHANGE_KINDS    /**< how many there are */
};

/** What netlink_restore() does about a change of ours. */
enum netlink_due {
    NETLINK_DUE_NOTHING, /**< make it again, if somebody has removed it */
    NETLINK_DUE_MAKING,  /**< make it: it may never have come to be */
    NETLINK_DUE_UNDOING, /**< undo it: it is not wanted any more */
    NETLINK_DUE_STRIKING /**< the kernel refused it: forget it, and tell */
};

/** One change of ours, complete enough to make and to undo it. What a kind does not use is zero, so that one
 * comparison, field by field, does for all kinds (netlink_journal_find()). */
struct netlink_change {
    enum netlink_change_kind kind; /**< what was changed */
    unsigned ifindex;              /**< device; 0 for a rule */
    char device[IFNAMSIZ];         /**< its name when the change was made; zero-padded */
    struct ip_prefix prefix;       /**< address, route target, or rule's source */
    struct ip_addr gateway;        /**< route: next hop; version 0: on-link */
    struct ip_addr source;         /**< route: preferred source; version 0: none */
    uint32_t table;                /**< route, rule: table number */
    uint32_t metric;               /**< route: metric; rule: preference */
    uint32_t mtu_bytes;            /**< route: MTU metric; MTU: value before ours */
    enum netlink_due due;          /**< in the list of this process alone; the file does not tell */
};

/** The changes of this process, oldest first, and the file they stand in. */
struct netlink_journal {
    int fd;                         /**< the file; -1: none is kept */
    char *path;                     /**< its name */
    bool locked;                    /**< it is ours alone */
    bool begun;                     /**< this process has written its boot line */
    size_t written_bytes;           /**< written since the file was last made anew */
    struct netlink_change *changes; /**< what is made and not undone */
    size_t count;                   /**< entries in changes */
    size_t capacity;                /**< entries allocated */
};

/** A link as last told. */
struct netlink_known_link {
    unsigned ifindex;      /**< key */
    char device[IFNAMSIZ]; /**< name */
    bool up;               /**< administratively up and running */
    bool loopback;         /**< it is lo */
    uint32_t mtu_bytes;    /**< MTU */
};

/** An address as last told, or as read from a message. */
struct netlink_known_address {
    unsigned ifindex;    /**< key: device */
    struct ip_addr addr; /**< key: address */
    bool usable;         /**< neither tentative nor a duplicate */
    bool deprecated;     /**< not for new connections */
    bool temporary;      /**< IPv6 privacy address; IPv4 secondary */
    uint8_t scope;       /**< RT_SCOPE_… */
};

/** Links and addresses in two growing lists. */
struct netlink_view {
    struct netlink_known_link *links;        /**< unordered */
    size_t link_count;                       /**< entries in links */
    size_t link_capacity;                    /**< entries allocated */
    struct netlink_known_address *addresses; /**< unordered */
    size_t address_count;                    /**< entries in addresses */
    size_t address_capacity;                 /**< entries allocated */
};

/** The listening half. */
struct netlink_monitor {
    struct nl_sock *sock;       /**< joined to the link, address, route and rule groups; non-blocking */
    struct nl_cb *callbacks;    /**< libnl's, handing each message to us */
    struct loop_watch watch;    /**< on the loop */
    struct netlink_hooks hooks; /**< whom to tell */
    struct netlink_view view;   /**< what was told last */
    bool route_changed;         /**< on_route is due at the end of this reading */
    bool undone;                /**< on_undone is, too */
};

/** A message of an answer. May come twice for the same object when a dump had to be repeated. */
typedef void netlink_message_fn(void *context, struct nlmsghdr *message);

/** The request under way; there is one at a time. */
struct netlink_exchange {
    uint32_t sequence;              /**< of the request; other messages are skipped */
    bool done;                      /**< acknowledged, finished or refused */
    int error;                      /**< the kernel's -errno */
    char text[128];                 /**< the kernel's explanation, or "" */
    netlink_message_fn *on_message; /**< hears each message; NULL: nobody */
    void *context;                  /**< handed to on_message */
};

/** Both halves. */
struct netlink {
    struct nl_sock *sock;             /**< requests; blocking, the kernel answers at once */
    struct nl_cb *callbacks;          /**< libnl's, leading to exchange */
    struct netlink_exchange exchange; /**< the request under way */
    struct netlink_monitor monitor;   /**< the listening half */
    struct netlink_journal journal;   /**< changes of ours */
    struct log_limit failures;        /**< bounds the log lines about changes that failed */
    bool quiet;                       /**< they are told at level debug */
};

/**
 * Send a request and take the whole answer.
 * @param message ownership passes; NULL: -ENOMEM
 * @return 0, or the kernel's -errno (its explanation stands in netlink->exchange.text)
 */
int netlink_request(struct netlink *netlink, struct nl_msg *message, netlink_message_fn *on_message, void *context);
/** Ask for all objects of a kind (RTM_GETLINK …); repeated when the kernel says that they changed meanwhile. @param
 * family AF_…, AF_UNSPEC: all */
int netlink_dump(struct netlink *netlink, int type, uint8_t family, netlink_message_fn *on_message, void *context);
/** libnl's error number as -errno. */
int netlink_error(int nl_error);

/* netlink_build.c: changes as messages to the kernel. Each returns NULL when there is no memory. */

/** Flags and MTU of a link. @param mtu_bytes 0: leave it */
struct nl_msg *netlink_build_link(unsigned ifindex, unsigned flags, unsigned flag_mask, uint32_t mtu_bytes);
/** A link has no automatic link-local addresses. */
struct nl_msg *netlink_build_quiet(unsigned ifindex);
/** How many segments a link's superpackets have at most. */
struct nl_msg *netlink_build_segments(unsigned ifindex, uint32_t segments);
struct nl_msg *netlink_build_address(const struct netlink_change *change, bool present);
/** @param onlink believe that the gateway can be reached directly, whatever the device's own network is */
struct nl_msg *netlink_build_route(const struct netlink_change *change, bool present, bool onlink);
struct nl_msg *netlink_build_rule(const struct netlink_change *change, bool present);

/* netlink_message.c: what the kernel says, as values. Each returns false for a message that is of no interest or
 * malformed. */
bool netlink_message_link(struct nlmsghdr *message, struct netlink_known_link *out);
bool netlink_message_address(struct nlmsghdr *message, struct netlink_known_address *out);
/** A route as the kernel tells it. out's device stays empty. @param target its destination; table, metric and protocol
 * likewise; each may be NULL */
bool netlink_message_route(struct nlmsghdr *message, struct netlink_route *out, struct ip_prefix *target,
                           uint32_t *table, uint32_t *metric);
/** Whether a route message concerns how packets leave (not local, multicast or cached). */
bool netlink_message_route_matters(struct nlmsghdr *message);
/** The device on which a message tells that IPv6 works now; 0: it tells no such thing. When IPv6 is switched on again
 * the multicast route that comes with it is all that is told. */
unsigned netlink_message_ipv6_on(struct nlmsghdr *message);
/** Whether a message tells that a route or rule with our protocol number was deleted. */
bool netlink_message_undoes(const struct nlmsghdr *message);

/** Join the groups, take the present state as known, begin to listen. @return 0 or -errno */
int netlink_monitor_open(struct netlink *netlink, struct loop *loop, const struct netlink_hooks *hooks);
void netlink_monitor_close(struct netlink *netlink);

/** Open the file. @param path NULL: none is kept @return 0; -EBUSY: a running process has it; other -errno; sentence in
 * why */
int netlink_journal_open(struct netlink_journal *journal, const char *path, char *why, size_t why_size);
/** Close the file; its content stays, and a file without any is removed. Safe on a zeroed or closed journal. */
void netlink_journal_close(struct netlink_journal *journal);
/** Note a change before it is made. @return 0, -ENOMEM, or -errno of writing (then the change must not be made) */
int netlink_journal_add(struct netlink_journal *journal, const struct netlink_change *change);
/** Strike change number index out: it was undone, or never came to be. */
void netlink_journal_strike(struct netlink_journal *journal, size_t index);
/** Number of the change that equals this one (an MTU change: of the same device); journal->count when there is none. */
size_t netlink_journal_find(const struct netlink_journal *journal, const struct netlink_change *change);
/** Whether the journal has this address of this device. */
bool netlink_journal_has_address(const struct netlink_journal *journal, unsigned ifindex, const struct ip_addr *addr);
/** Whether the journal has any change of this device. */
bool netlink_journal_has_device(const struct netlink_journal *journal, unsigned ifindex);
/** Read what a former process left in the file, of this boot, into the empty list. @return 0 or -errno */
int netlink_journal_load(struct netlink_journal *journal);
/** Forget everything, empty the file. */
void netlink_journal_clear(struct netlink_journal *journal);
/** A change as text. @param text at least NETLINK_CHANGE_TEXT_MAX bytes @return text */
const char *netlink_change_print(const struct netlink_change *change, char *text);
/** Text back to a change. @return 0, or -EINVAL (out untouched) */
int netlink_change_parse(const char *text, struct netlink_change *out);

#endif
