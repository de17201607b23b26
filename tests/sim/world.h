/* SPDX-License-Identifier: GPL-2.0-or-later */
/* world: a virtual network in virtual time for whole ends of mpvpn. It implements os/loop.h, os/udp.h, os/tun.h,
 * os/netlink.h and os/resolve.h; a program that links world_*.o runs the real hall and protocol rooms on them, as many
 * ends as it likes, in one process and exactly repeatably: all chance comes from one seed.
 *
 *      host A ── tun ── worker ── udp ══ link (rate, delay, jitter, loss, queue) ══ udp ── worker ── tun ── host B
 */
#ifndef MPVPN_SIM_WORLD_H
#define MPVPN_SIM_WORLD_H

#include <stdbool.h>
#include <stdint.h>

#include "common/addr.h"
#include "common/clock.h"
#include "os/loop.h"
#include "packet/superpacket.h"

struct host;

/** What a path does to datagrams, in each direction alike. Zeroed = perfect and immediate. */
struct link_quality {
    uint64_t delay;       /**< ns, one way */
    uint64_t jitter;      /**< ns, standard deviation of the delay; never reorders */
    uint64_t rate_bps;    /**< bits per second; 0: unlimited */
    uint32_t queue_bytes; /**< behind the rate; 0: 256 KiB */
    uint32_t mtu_bytes;   /**< largest IP packet; larger are dropped; 0: 1500 */
    double loss;          /**< 0–1, at random */
    double duplicate;     /**< 0–1, delivered twice */
    double corrupt;       /**< 0–1, one byte flipped */
    double ce_mark;       /**< 0–1, ECT packets marked CE */
    bool dead;            /**< nothing passes */
    bool mute, deaf;      /**< nothing passes from the device's host, or to it */
    /** Packets that may wait or travel; more are dropped. If set, jitter is before the transmitter: a packet arrives at
     * max(arrival of the one before, now + delay + jitter) + its time on the wire, and queue_bytes means nothing. */
    uint32_t queue_packets;
};

/** Begin a world at time 1 s with this seed, which TLS and QUIC draw from, too; there is one at a time. */
void world_begin(uint64_t seed);
/** End it; everything opened in it must be closed. */
void world_end(void);
/** A host with one address; what is opened while it is entered belongs to it. */
struct host *world_host(const char *name, const char *address);
/** Everything that os/ functions open from now on belongs to this host. */
void world_enter(struct host *host);
/** Give a host another address; its sockets keep sending from the old one, unless moved is set: then a NAT gives them
 * the new one, unnoticed by their owners. */
void world_readdress(struct host *host, const char *address, bool moved);
/** Give a host one more device, with an address and a link of its own. */
void world_device(struct host *host, const char *device, const char *address, const struct link_quality *quality);
/** Change the quality of a device's link. */
void world_device_quality(struct host *host, const char *device, const struct link_quality *quality);
/** A device's packets go through another one's transmitter and queue from now on, if both limit them by queue_packets;
 * the rest of its quality is its own. */
void world_device_share(struct host *host, const char *device, const char *with);
/** Take a device's link down or up: down, nothing passes and no route leads by it. Tell the client by client_on_link().
 * @return the device's index */
unsigned world_device_link(struct host *host, const char *device, bool up);
/** Give a device another address, or none (NULL), in place of the one it has. Tell the client by client_on_address().
 */
void world_device_address(struct host *host, const char *device, const char *address);
/** A host stops, or goes on: meanwhile nothing runs there, and what comes is lost. */
void world_suspend(struct host *host, bool suspended);
/** A NAT on a device's link forgets its mappings: the sockets there get new ports, unnoticed by their owners, and what
 * is sent to the old ones goes nowhere. @param back they get those that they had at first */
void world_device_rebind(struct host *host, const char *device, bool back);
#define WORLD_NAME "server.test" /**< the one name that the resolver knows */
#define WORLD_NAMED_MAX 4u
/** What that name stands for from now on. @param addresses ends with NULL */
void world_name(const char *const *addresses);
/** Links are between all hosts, with this quality from now on; devices of world_device() have their own. */
void world_quality(const struct link_quality *quality);
/** The current virtual time in ns. */
uint64_t world_now(void);
/** Run until this time, or until done() says so. @return whether done() said so (false when NULL) */
bool world_run(uint64_t until, bool (*done)(void *context), void *context);
/** Call fn at this time (or now, if that is past). */
void world_at(uint64_t at, void (*fn)(void *context), void *context);
/** What the links of a host's device carried so far. @param up from the host, or to it */
struct link_count {
    uint64_t packets; /**< offered */
    uint64_t lost;    /**< at random */
    uint64_t dropped; /**< by the full queue */
    uint64_t bytes;   /**< carried, as they cost on the wire */
};
struct link_count world_device_count(const struct host *host, const char *device, bool up);
/** A random number from the world's seed. */
uint64_t world_random(void);

/** What the host's kernel is asked by: hand it to client_start() and server_start(). */
struct netlink;
struct netlink *host_netlink(struct host *host);
/** It refuses addresses of an IP version; 0: of none. */
void host_refuse_addresses(struct host *host, uint8_t version);
/** How often an address of an IP version was set. */
unsigned host_addresses_set(const struct host *host, uint8_t version);
/** Who gets what a host's worker writes to its TUN. */
typedef void host_tun_fn(void *context, const uint8_t *packet, size_t length, const struct offload *offload);
void host_on_tun(struct host *host, host_tun_fn *fn, void *context);
/** Its kernel has a TCP connection from that port, with a congestion control. @param name borrowed */
void host_congestion(struct host *host, uint16_t port, const char *name);
/** A packet of the host's kernel goes into its TUN, so many times in one turn. @param offload NULL: a plain packet */
void host_inject_many(struct host *host, const uint8_t *packet, size_t length, const struct offload *offload,
                      unsigned count);
static inline void host_inject(struct host *host, const uint8_t *packet, size_t length, const struct offload *offload) {
    host_inject_many(host, packet, length, offload, 1);
}
/** Send raw bytes from one host to an endpoint (attacks). */
void world_inject_udp(const union sock_addr *from, const union sock_addr *to, const uint8_t *data, size_t length);
/** From now on what a sender flushes arrives as one receive of many datagrams, unharmed by any link. */
void world_batches(void);
/** Watch all datagrams on the wire. */
void world_tap(void (*fn)(void *context, const union sock_addr *from, const union sock_addr *to, const uint8_t *data,
                          size_t length),
               void *context);

#endif
