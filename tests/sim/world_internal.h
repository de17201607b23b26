/* SPDX-License-Identifier: GPL-2.0-or-later */
/* world_internal: what world.c (hosts, links, time) and world_os.c (os/ on top of them) share. */
#ifndef MPVPN_SIM_WORLD_INTERNAL_H
#define MPVPN_SIM_WORLD_INTERNAL_H

#include "os/netlink.h"
#include "os/resolve.h"
#include "os/sockdiag.h"
#include "os/tun.h"
#include "os/udp.h"
#include "world.h"

#define HOSTS_MAX 16u
#define SOCKETS_MAX 64u
#define DEVICES_MAX 4u
#define FLOWS_MAX 64u
#define ETHERNET_BYTES 38u /* preamble, header, FCS and gap around an IP packet */

struct loop {
    struct loop_hooks hooks;
    struct host *host;
    uint64_t deadline;
    bool stopped;
};
struct netlink {
    struct host *host;         /* whose kernel this stands for */
    uint8_t refused;           /* IP version whose addresses it refuses; 0: none */
    unsigned addresses_set[2]; /* IPv4, IPv6: how often one was set */
};
struct sockdiag {
    const struct host *host; /* whose kernel this stands for */
};
struct device {
    const char *name;
    struct ip_addr address;
    struct link_quality quality;
    bool down;
    uint64_t link_free[2][2]; /* from and to the host: when the link is free again; last arrival */
    uint32_t inside[2];       /* from and to the host: packets waiting or travelling */
    struct link_count count[2];
    struct device *shared; /* whose transmitter and queue it uses; NULL: its own */
};
struct host {
    const char *name;
    struct ip_addr address;
    struct device device[DEVICES_MAX]; /* besides the first, "sim0" */
    size_t devices;
    struct loop *loop;
    bool suspended; /* world_suspend() */
    struct tun *tun;
    host_tun_fn *on_tun;
    void *on_tun_context;
    uint64_t link_free[2]; /* when the outgoing link is free again; last arrival */
    uint16_t next_port;
    struct netlink netlink;
    struct sockdiag sockdiag;
    uint16_t port[FLOWS_MAX]; /* host_congestion() */
    const char *congestion[FLOWS_MAX];
    size_t flows;
};
struct udp_socket {
    struct host *host;
    const struct device *device; /* that it is bound to, or NULL */
    union sock_addr local;       /* what its owner sees */
    union sock_addr outside;     /* what the world sees: another address behind a NAT */
    struct udp_hooks hooks;
    struct udp_statistics statistics;
};
struct udp_tx {
    struct udp_socket *socket;
    union sock_addr remote; /* of what waits for a flush */
    size_t used, segment;   /* bytes that wait, and of each datagram but the last */
    uint8_t ecn;
    uint8_t buffer[65536];
};
#define WORLD_WRITES 512u
struct tun {
    struct host *host;
    struct tun_hooks hooks;
    struct buf_pool *pool;
    struct tun_statistics statistics;
    struct buf *writing[WORLD_WRITES]; /* of packets written in this turn */
    size_t writes;
    char name[IFNAMSIZ];
};
struct event {
    uint64_t at, number;
    union sock_addr from, to;
    uint32_t *inside;          /* of the link that it leaves; NULL: not counted */
    void (*fn)(void *context); /* not a datagram, but this call */
    void *context;
    uint8_t ecn;
    size_t length, segment; /* bytes in all, and of each datagram but the last */
    uint8_t data[];
};

/* The one there is. */
struct world {
    uint64_t now, number, random;
    struct link_quality quality;
    struct host *host[HOSTS_MAX];
    size_t hosts;
    struct host *entered;
    struct udp_socket *socket[SOCKETS_MAX];
    struct event **heap;
    size_t events, capacity;
    void (*tap)(void *context, const union sock_addr *from, const union sock_addr *to, const uint8_t *data,
                size_t length);
    void *tap_context;
    bool batches;                          /* world_batches() */
    struct ip_addr named[WORLD_NAMED_MAX]; /* world_name() */
    size_t named_count;
};
extern struct world world;

/* A device by its name; NULL: the host has none such. */
struct device *world_device_named(struct host *host, const char *name);
/* A datagram goes onto the wire. */
void world_transmit(struct host *host, const union sock_addr *from, const union sock_addr *to, uint8_t ecn,
                    const uint8_t *data, size_t length);
/* A datagram arrives at a time. */
struct event *world_schedule(const struct link_quality *quality, uint64_t at, const union sock_addr *from,
                             const union sock_addr *to, uint8_t ecn, const uint8_t *data, size_t length);

#endif
