/* SPDX-License-Identifier: GPL-2.0-or-later */
/* world: the virtual network, and os/ on top of it.
 *
 * How it works: one heap of events ordered by (time, number); an event is a datagram that arrives or a loop's deadline.
 * Handing a datagram to a socket runs the same hooks as the real loop does, then the host's on_turn. A turn is one
 * event: batches do not exist here, which is the harder case for the protocol rooms; only world_batches() has what a
 * flush sends arrive at once, as GSO and GRO do, to measure costs. Left out: io_uring, GSO, the
 * kernel's routing (routes and addresses are accepted and forgotten). Invariant: nothing here reads a clock or a source
 * of randomness but the seed (TLS keys are random, which changes no sizes or times). */
#include "world.h"

#include <errno.h>
#include <netdb.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "os/netlink.h"
#include "os/resolve.h"
#include "os/tun.h"
#include "os/mailbox.h"
#include "os/udp.h"

#define HOSTS_MAX 16u
#define SOCKETS_MAX 64u
#define DEVICES_MAX 4u
#define ETHERNET_BYTES 38u /* preamble, header, FCS and gap around an IP packet */

struct loop {
    struct loop_hooks hooks;
    struct host *host;
    uint64_t deadline;
    bool stopped;
};
struct netlink {
    struct host *host; /* whose kernel this stands for */
};
struct device {
    const char *name;
    struct ip_addr address;
    struct link_quality quality;
    bool down;
    uint64_t link_free[2][2]; /* to and from the host: when the link is free again; last arrival */
};
struct host {
    const char *name;
    struct ip_addr address;
    struct device device[DEVICES_MAX]; /* besides the first, "sim0" */
    size_t devices;
    struct loop *loop;
    struct tun *tun;
    host_tun_fn *on_tun;
    void *on_tun_context;
    uint64_t link_free[2]; /* when the outgoing link is free again; last arrival */
    uint16_t next_port;
    struct netlink netlink;
};
struct udp_socket {
    struct host *host;
    union sock_addr local;   /* what its owner sees */
    union sock_addr outside; /* what the world sees: another address behind a NAT */
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
struct tun {
    struct host *host;
    struct tun_hooks hooks;
    struct buf_pool *pool;
    struct tun_statistics statistics;
    char name[IFNAMSIZ];
};
struct event {
    uint64_t at, number;
    union sock_addr from, to;
    uint8_t ecn;
    size_t length, segment; /* bytes in all, and of each datagram but the last */
    uint8_t data[];
};

static struct {
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
    bool batches; /* world_batches() */
} world;

/* chance */

/* xorshift64*: Vigna, "An experimental exploration of Marsaglia's xorshift generators, scrambled". */
uint64_t world_random(void) {
    world.random ^= world.random >> 12;
    world.random ^= world.random << 25;
    world.random ^= world.random >> 27;
    return world.random * 0x2545f4914f6cdd1dull;
}
static double uniform(void) {
    return (double)(world_random() >> 11) / 9007199254740992.0;
}
static double normal(void) {
    double sum = -6;
    for (int i = 0; i < 12; i++)
        sum += uniform();
    return sum;
}

/* events */

static bool before(const struct event *a, const struct event *b) {
    return a->at != b->at ? a->at < b->at : a->number < b->number;
}

static void push(struct event *event) {
    size_t i = world.events++;
    if (world.events > world.capacity) {
        world.capacity = world.capacity ? 2 * world.capacity : 256;
        world.heap = realloc(world.heap, world.capacity * sizeof(struct event *));
        if (!world.heap)
            abort();
    }
    event->number = world.number++;
    for (; i && before(event, world.heap[(i - 1) / 2]); i = (i - 1) / 2)
        world.heap[i] = world.heap[(i - 1) / 2];
    world.heap[i] = event;
}

static struct event *pop(void) {
    struct event *first = world.heap[0], *last = world.heap[--world.events];
    size_t i = 0, child;
    while ((child = 2 * i + 1) < world.events) {
        if (child + 1 < world.events && before(world.heap[child + 1], world.heap[child]))
            child++;
        if (!before(world.heap[child], last))
            break;
        world.heap[i] = world.heap[child];
        i = child;
    }
    world.heap[i] = last;
    return first;
}

/* the wire */

static struct device *device_of(const union sock_addr *addr) {
    struct ip_addr ip = sock_addr_ip(addr);
    for (size_t i = 0; i < world.hosts; i++)
        for (size_t k = 0; k < world.host[i]->devices; k++)
            if (!ip_addr_compare(&world.host[i]->device[k].address, &ip))
                return &world.host[i]->device[k];
    return NULL;
}

static struct host *host_of(const union sock_addr *addr) {
    struct ip_addr ip = sock_addr_ip(addr);
    for (size_t i = 0; i < world.hosts; i++) {
        if (!ip_addr_compare(&world.host[i]->address, &ip))
            return world.host[i];
        for (size_t k = 0; k < world.host[i]->devices; k++)
            if (!ip_addr_compare(&world.host[i]->device[k].address, &ip))
                return world.host[i];
    }
    return NULL;
}

static struct event *schedule(const struct link_quality *quality, uint64_t at, const union sock_addr *from,
                              const union sock_addr *to, uint8_t ecn, const uint8_t *data, size_t length) {
    struct event *event = malloc(sizeof *event + length);
    if (!event)
        abort();
    *event = (struct event){.at = at, .from = *from, .to = *to, .ecn = ecn, .length = length, .segment = length};
    memcpy(event->data, data, length);
    if (uniform() < quality->corrupt)
        event->data[world_random() % length] ^= (uint8_t)(1 + world_random() % 255);
    if (ecn && uniform() < quality->ce_mark)
        event->ecn = 3;
    push(event);
    return event;
}

static void transmit(struct host *host, const union sock_addr *from, const union sock_addr *to, uint8_t ecn,
                     const uint8_t *data, size_t length) {
    struct device *out = device_of(from), *in = device_of(to);
    const struct link_quality *q = out ? &out->quality : in ? &in->quality : &world.quality;
    uint64_t *link_free = out ? out->link_free[0] : in ? in->link_free[1] : host->link_free;
    size_t ip_bytes = length + 8 + (to->sa.sa_family == AF_INET6 ? 40 : 20);
    uint64_t queue_bytes = q->queue_bytes ? q->queue_bytes : 256u << 10, start = world.now, at;
    int64_t delay;
    if (world.tap)
        world.tap(world.tap_context, from, to, data, length);
    if ((out && out->down) || (in && in->down))
        return;
    if (q->dead || ip_bytes > (q->mtu_bytes ? q->mtu_bytes : 1500) || uniform() < q->loss)
        return;
    if (q->rate_bps) {
        if (link_free[0] > start)
            start = link_free[0];
        if ((double)(start - world.now) * (double)q->rate_bps / 8e9 > (double)queue_bytes)
            return;
        start += (uint64_t)((double)(ip_bytes + ETHERNET_BYTES) * 8e9 / (double)q->rate_bps);
        link_free[0] = start;
    }
    delay = (int64_t)q->delay + (q->jitter ? (int64_t)(normal() * (double)q->jitter) : 0);
    at = start + (delay > 0 ? (uint64_t)delay : 0);
    if (at < link_free[1])
        at = link_free[1];
    link_free[1] = at;
    schedule(q, at, from, to, ecn, data, length);
    if (uniform() < q->duplicate)
        schedule(q, at, from, to, ecn, data, length);
}

static void arrive(struct event *event) {
    struct host *host = host_of(&event->to);
    uint16_t port = sock_addr_port(&event->to);
    for (size_t i = 0; host && i < SOCKETS_MAX; i++) {
        struct udp_socket *socket = world.socket[i];
        struct udp_received received = {.data = event->data,
                                        .length = event->length,
                                        .segment_bytes = event->segment,
                                        .remote = event->from,
                                        .ifindex = 2,
                                        .ecn = event->ecn};
        if (!socket || socket->host != host || sock_addr_port(&socket->outside) != port)
            continue;
        received.local = socket->local;
        socket->statistics.datagrams_received++;
        socket->hooks.on_received(socket->hooks.context, &received);
        if (host->loop)
            host->loop->hooks.on_turn(host->loop->hooks.context, world.now);
        return;
    }
}

/* the world */

void world_begin(uint64_t seed) {
    memset(&world, 0, sizeof world);
    world.now = NS_PER_SEC;
    world.random = seed * 0x9e3779b97f4a7c15ull + 1;
    for (int i = 0; i < 8; i++)
        world_random();
}

void world_end(void) {
    while (world.events)
        free(pop());
    free(world.heap);
    for (size_t i = 0; i < world.hosts; i++)
        free(world.host[i]);
    memset(&world, 0, sizeof world);
}

struct host *world_host(const char *name, const char *address) {
    struct host *host = calloc(1, sizeof *host);
    if (!host || world.hosts == HOSTS_MAX || ip_addr_parse(address, &host->address))
        abort();
    host->name = name;
    host->next_port = 40000;
    host->netlink.host = host;
    world.host[world.hosts++] = host;
    return host;
}

void world_enter(struct host *host) {
    world.entered = host;
}

void world_readdress(struct host *host, const char *address, bool moved) {
    if (ip_addr_parse(address, &host->address))
        abort();
    for (size_t i = 0; moved && i < SOCKETS_MAX; i++)
        if (world.socket[i] && world.socket[i]->host == host)
            world.socket[i]->outside = sock_addr_make(&host->address, sock_addr_port(&world.socket[i]->local));
}

void world_device(struct host *host, const char *device, const char *address, const struct link_quality *quality) {
    struct device *made = &host->device[host->devices++];
    if (host->devices > DEVICES_MAX || ip_addr_parse(address, &made->address))
        abort();
    made->name = device;
    made->quality = *quality;
}

static struct device *device_named(struct host *host, const char *name) {
    for (size_t i = 0; i < host->devices; i++)
        if (!strcmp(host->device[i].name, name))
            return &host->device[i];
    return NULL;
}

void world_device_rebind(struct host *host, const char *device) {
    for (size_t i = 0; i < SOCKETS_MAX; i++)
        if (world.socket[i] && world.socket[i]->host == host &&
            device_of(&world.socket[i]->outside) == device_named(host, device))
            world.socket[i]->outside = sock_addr_make(&device_named(host, device)->address, host->next_port++);
}

void world_device_quality(struct host *host, const char *device, const struct link_quality *quality) {
    device_named(host, device)->quality = *quality;
}

unsigned world_device_link(struct host *host, const char *device, bool up) {
    struct device *found = device_named(host, device);
    found->down = !up;
    return 3 + (unsigned)(found - host->device);
}

void world_quality(const struct link_quality *quality) {
    world.quality = *quality;
}
uint64_t world_now(void) {
    return world.now;
}

void world_tap(void (*fn)(void *context, const union sock_addr *from, const union sock_addr *to, const uint8_t *data,
                          size_t length),
               void *context) {
    world.tap = fn;
    world.tap_context = context;
}

void world_batches(void) {
    world.batches = true;
}

void world_inject_udp(const union sock_addr *from, const union sock_addr *to, const uint8_t *data, size_t length) {
    schedule(&world.quality, world.now, from, to, 0, data, length);
}

bool world_run(uint64_t until, bool (*done)(void *context), void *context) {
    for (;;) {
        struct loop *due = NULL;
        uint64_t next = until;
        if (done && done(context))
            return true;
        if (world.events && world.heap[0]->at < next)
            next = world.heap[0]->at;
        for (size_t i = 0; i < world.hosts; i++) {
            struct loop *loop = world.host[i]->loop;
            if (loop && !loop->stopped && loop->deadline < next) {
                next = loop->deadline;
                due = loop;
            }
        }
        if (next > world.now)
            world.now = next;
        if (next >= until)
            return false;
        if (due) {
            due->deadline = TIME_NEVER;
            due->hooks.on_turn(due->hooks.context, world.now);
        } else {
            struct event *event = pop();
            arrive(event);
            free(event);
        }
    }
}

struct netlink *host_netlink(struct host *host) {
    return &host->netlink;
}

void host_on_tun(struct host *host, host_tun_fn *fn, void *context) {
    host->on_tun = fn;
    host->on_tun_context = context;
}

static void read_from_tun(struct host *host, const uint8_t *packet, size_t length, const struct offload *offload) {
    struct superpacket super = {.offset = BUF_HEADROOM, .length = (uint32_t)length};
    if (!(super.buf = buf_get(host->tun->pool, length + BUF_HEADROOM)))
        return;
    if (offload)
        super.offload = *offload;
    memcpy(superpacket_data(&super), packet, length);
    host->tun->statistics.packets_read++;
    host->tun->hooks.on_packet(host->tun->hooks.context, &super);
}

void host_inject_many(struct host *host, const uint8_t *packet, size_t length, const struct offload *offload,
                      unsigned count) {
    if (!host->tun)
        return;
    while (count--)
        read_from_tun(host, packet, length, offload);
    host->loop->hooks.on_turn(host->loop->hooks.context, world.now);
}

/* os/loop.h */

int loop_new(const struct loop_hooks *hooks, struct loop **out, char *why, size_t why_size) {
    struct loop *loop = calloc(1, sizeof *loop);
    (void)why;
    (void)why_size;
    if (!loop)
        return -ENOMEM;
    *loop = (struct loop){.hooks = *hooks, .host = world.entered, .deadline = TIME_NEVER};
    world.entered->loop = loop;
    *out = loop;
    return 0;
}
void loop_free(struct loop *loop) {
    if (loop)
        loop->host->loop = NULL;
    free(loop);
}
uint64_t loop_now(const struct loop *loop) {
    return (void)loop, world.now;
}
void loop_set_deadline(struct loop *loop, uint64_t deadline) {
    loop->deadline = deadline;
}
int loop_run(struct loop *loop) {
    return (void)loop, -ENOSYS; /* world_run() runs them all */
}
void loop_stop(struct loop *loop) {
    loop->stopped = true;
}

/* os/mailbox.h: a server has one worker here, and so nobody to write to */

int mailbox_new(struct loop *loop, struct mailbox **out) {
    return (void)loop, (void)out, -ENOSYS;
}
void mailbox_free(struct mailbox *mailbox) {
    if (mailbox)
        abort();
}
bool mailbox_post(struct mailbox *mailbox, struct mail *mail) {
    return (void)mailbox, (void)mail, false;
}
bool mailbox_call(struct mailbox *mailbox, void (*run)(void *context), void *context) {
    return (void)mailbox, (void)run, (void)context, false;
}
void mailbox_shut(struct mailbox *mailbox) {
    (void)mailbox;
}

/* os/udp.h */

int udp_open(struct loop *loop, const struct udp_settings *settings, const struct udp_hooks *hooks,
             struct udp_socket **out, char *why, size_t why_size) {
    struct udp_socket *socket = calloc(1, sizeof *socket);
    struct host *host = loop->host;
    size_t slot = 0;
    uint16_t port = sock_addr_port(&settings->local);
    (void)why;
    (void)why_size;
    while (slot < SOCKETS_MAX && world.socket[slot])
        slot++;
    if (!socket || slot == SOCKETS_MAX)
        abort();
    *socket = (struct udp_socket){.host = host,
                                  .local = sock_addr_make(settings->device[0] && device_named(host, settings->device)
                                                              ? &device_named(host, settings->device)->address
                                                              : &host->address,
                                                          port ? port : host->next_port++),
                                  .hooks = *hooks};
    socket->outside = socket->local;
    world.socket[slot] = socket;
    *out = socket;
    return 0;
}
void udp_close(struct udp_socket *socket) {
    for (size_t i = 0; socket && i < SOCKETS_MAX; i++)
        if (world.socket[i] == socket)
            world.socket[i] = NULL;
    free(socket);
}
union sock_addr udp_local(const struct udp_socket *socket) {
    return socket->local;
}
const struct udp_statistics *udp_statistics(const struct udp_socket *socket) {
    return &socket->statistics;
}
struct udp_tx *udp_tx_new(struct udp_socket *socket, void (*on_writable)(void *context), void *context) {
    struct udp_tx *tx = calloc(1, sizeof *tx);
    (void)on_writable; /* the wire is never full: its queue drops */
    (void)context;
    if (tx)
        tx->socket = socket;
    return tx;
}
void udp_tx_free(struct udp_tx *tx) {
    free(tx);
}
uint8_t *udp_tx_reserve(struct udp_tx *tx, size_t length) {
    if (tx->used + length > sizeof tx->buffer)
        udp_tx_flush(tx);
    return length <= sizeof tx->buffer ? tx->buffer + tx->used : NULL;
}
/* A datagram joins what waits if it could be the same sendmsg. */
static void gather(struct udp_tx *tx, size_t length, const union sock_addr *remote, uint8_t ecn) {
    if (tx->used && (tx->used % tx->segment || length > tx->segment || tx->ecn != ecn)) {
        size_t used = tx->used;
        udp_tx_flush(tx);
        memmove(tx->buffer, tx->buffer + used, length);
    }
    if (!tx->used)
        tx->segment = length;
    tx->used += length;
    tx->remote = *remote;
    tx->ecn = ecn;
}
void udp_tx_commit(struct udp_tx *tx, size_t length, const union sock_addr *local, const union sock_addr *remote,
                   uint8_t ecn, bool alone) {
    (void)local;
    tx->socket->statistics.datagrams_sent++;
    if (world.batches && !alone)
        gather(tx, length, remote, ecn);
    else
        transmit(tx->socket->host, &tx->socket->outside, remote, ecn, tx->buffer + tx->used, length);
}
void udp_tx_flush(struct udp_tx *tx) {
    uint64_t at = world.now + world.quality.delay;
    if (tx->used)
        schedule(&world.quality, at, &tx->socket->outside, &tx->remote, tx->ecn, tx->buffer, tx->used)->segment =
            tx->segment;
    tx->used = 0;
}
int udp_send(struct udp_socket *socket, const uint8_t *data, size_t length, const union sock_addr *local,
             const union sock_addr *remote) {
    (void)local;
    transmit(socket->host, &socket->outside, remote, 0, data, length);
    return 0;
}

/* os/tun.h */

int tun_open(struct loop *loop, const struct tun_settings *settings, const struct tun_hooks *hooks, struct tun **out,
             char *why, size_t why_size) {
    struct tun *tun = calloc(1, sizeof *tun);
    (void)why;
    (void)why_size;
    if (!tun)
        return -ENOMEM;
    *tun = (struct tun){.host = loop->host, .hooks = *hooks, .pool = settings->pool};
    memcpy(tun->name, settings->name, sizeof tun->name);
    loop->host->tun = tun;
    *out = tun;
    return 0;
}
void tun_close(struct tun *tun) {
    if (tun)
        tun->host->tun = NULL;
    free(tun);
}
const char *tun_name(const struct tun *tun) {
    return tun->name;
}
unsigned tun_ifindex(const struct tun *tun) {
    return (void)tun, 77;
}
bool tun_has_uso(const struct tun *tun) {
    return (void)tun, true;
}
const struct tun_statistics *tun_statistics(const struct tun *tun) {
    return &tun->statistics;
}
int tun_write(struct tun *tun, struct superpacket *packet) {
    tun->statistics.packets_written++;
    if (tun->host->on_tun)
        tun->host->on_tun(tun->host->on_tun_context, superpacket_data(packet), packet->length, &packet->offload);
    buf_unref(packet->buf);
    return 0;
}

/* os/netlink.h: "sim0" and the devices of world_device(), by each of which everything is reached; changes are accepted
 */

int netlink_link(struct netlink *netlink, const char *device, struct netlink_link *out) {
    const struct device *found = device_named(netlink->host, device);
    *out = (struct netlink_link){.ifindex = found ? 3 + (unsigned)(found - netlink->host->device) : 2,
                                 .up = !found || !found->down,
                                 .mtu_bytes = 1500};
    return 0;
}
int netlink_route(struct netlink *netlink, const struct ip_addr *target, unsigned ifindex, struct netlink_route *out) {
    const struct device *device = ifindex >= 3 ? &netlink->host->device[ifindex - 3] : NULL;
    (void)target;
    if (device && device->down)
        return -ENETUNREACH;
    *out = (struct netlink_route){.ifindex = device ? ifindex : 2,
                                  .source = device ? device->address : netlink->host->address};
    snprintf(out->device, sizeof out->device, "%s", device ? device->name : "sim0");
    return 0;
}
int netlink_device_up(struct netlink *netlink, unsigned ifindex, uint32_t mtu_bytes) {
    return (void)netlink, (void)ifindex, (void)mtu_bytes, 0;
}
int netlink_device_mtu(struct netlink *netlink, unsigned ifindex, uint32_t mtu_bytes) {
    return (void)netlink, (void)ifindex, (void)mtu_bytes, 0;
}
int netlink_address(struct netlink *netlink, unsigned ifindex, const struct ip_prefix *address, bool present) {
    return (void)netlink, (void)ifindex, (void)address, (void)present, 0;
}
int netlink_route_set(struct netlink *netlink, const struct netlink_route_spec *route, bool present) {
    return (void)netlink, (void)route, (void)present, 0;
}
int netlink_rule_set(struct netlink *netlink, const struct ip_addr *from, uint32_t table, uint32_t priority,
                     bool present) {
    return (void)netlink, (void)from, (void)table, (void)priority, (void)present, 0;
}

int netlink_rp_filter(const char *device) {
    return (void)device, 0;
}

/* os/resolve.h: numeric names only */

int resolve_new(struct loop *loop, struct resolve **out) {
    (void)loop;
    *out = malloc(1); /* there is nothing to remember */
    return *out ? 0 : -ENOMEM;
}
void resolve_free(struct resolve *resolve) {
    free(resolve);
}
int resolve_query(struct resolve *resolve, const char *host, resolve_answer_fn *on_answer, void *context) {
    struct ip_addr addr;
    (void)resolve;
    if (ip_addr_parse(host, &addr))
        on_answer(context, EAI_NONAME, NULL, 0);
    else
        on_answer(context, 0, &addr, 1);
    return 0;
}
