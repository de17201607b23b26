/* SPDX-License-Identifier: GPL-2.0-or-later */
/* world: the virtual network.
 *
 * How it works: one heap of events ordered by (time, number); an event is a datagram that arrives or a loop's deadline.
 * Handing a datagram to a socket runs the same hooks as the real loop does, then the host's on_turn. A turn is one
 * event: batches do not exist here, which is the harder case for the protocol rooms; only world_batches() has what a
 * flush sends arrive at once, as GSO and GRO do, to measure costs. Left out: io_uring, GSO, the
 * kernel's routing (routes and addresses are accepted and forgotten). Invariant: nothing here reads a clock or a source
 * of randomness but the seed; chance.c sees to it that TLS does not either. */
#include "world_internal.h"

#include <stdlib.h>
#include <string.h>

#include "chance.h"

struct world world;

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

struct event *world_schedule(const struct link_quality *quality, uint64_t at, const union sock_addr *from,
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

/* A device's link as tests/sim/link.c has it too: order is kept, since packets wait for the one before. */
static void transmit_counted(struct device *device, unsigned way, const union sock_addr *from,
                             const union sock_addr *to, uint8_t ecn, const uint8_t *data, size_t length) {
    const struct link_quality *q = &device->quality;
    struct device *link = device->shared ? device->shared : device;
    uint64_t *free_at = &link->link_free[way][0], ready;
    size_t wire_bytes = length + 8 + (to->sa.sa_family == AF_INET6 ? 40 : 20) + ETHERNET_BYTES;
    double delay;
    if (link->inside[way] >= q->queue_packets) {
        device->count[way].dropped++;
        return;
    }
    delay = (double)q->delay + (q->jitter ? normal() * (double)q->jitter : 0);
    ready = world.now + (delay > 0 ? (uint64_t)delay : 0);
    *free_at = (ready > *free_at ? ready : *free_at) +
               (q->rate_bps ? (uint64_t)((double)wire_bytes * 8e9 / (double)q->rate_bps) : 0);
    link->inside[way]++;
    device->count[way].bytes += wire_bytes;
    world_schedule(q, *free_at, from, to, ecn, data, length)->inside = &link->inside[way];
}

void world_transmit(struct host *host, const union sock_addr *from, const union sock_addr *to, uint8_t ecn,
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
    if (out || in)
        (out ? &out->count[0] : &in->count[1])->packets++;
    if (q->dead || (out ? q->mute : q->deaf) || ip_bytes > (q->mtu_bytes ? q->mtu_bytes : 1500))
        return;
    if (uniform() < q->loss) {
        if (out || in)
            (out ? &out->count[0] : &in->count[1])->lost++;
        return;
    }
    if (q->queue_packets && (out || in)) {
        transmit_counted(out ? out : in, out ? 0 : 1, from, to, ecn, data, length);
        return;
    }
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
    world_schedule(q, at, from, to, ecn, data, length);
    if (uniform() < q->duplicate)
        world_schedule(q, at, from, to, ecn, data, length);
}

static void arrive(struct event *event) {
    struct host *host = host_of(&event->to);
    uint16_t port = sock_addr_port(&event->to);
    for (size_t i = 0; host && !host->suspended && i < SOCKETS_MAX; i++) {
        struct udp_socket *socket = world.socket[i];
        struct udp_received received = {.data = event->data,
                                        .length = event->length,
                                        .segment_bytes = event->segment,
                                        .remote = event->from,
                                        .ifindex = 2,
                                        .ecn = event->ecn};
        if (!socket || socket->host != host || sock_addr_port(&socket->outside) != port ||
            socket->outside.sa.sa_family != event->to.sa.sa_family)
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
    chance_begin(seed);
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

void world_name(const char *const *addresses) {
    for (world.named_count = 0; *addresses; world.named_count++)
        if (world.named_count == WORLD_NAMED_MAX || ip_addr_parse(*addresses++, &world.named[world.named_count]))
            abort();
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

struct device *world_device_named(struct host *host, const char *name) {
    for (size_t i = 0; i < host->devices; i++)
        if (!strcmp(host->device[i].name, name))
            return &host->device[i];
    return NULL;
}

void world_device_rebind(struct host *host, const char *device, bool back) {
    for (size_t i = 0; i < SOCKETS_MAX; i++)
        if (world.socket[i] && world.socket[i]->host == host &&
            device_of(&world.socket[i]->outside) == world_device_named(host, device))
            world.socket[i]->outside =
                back ? world.socket[i]->local
                     : sock_addr_make(&world_device_named(host, device)->address, host->next_port++);
}

void world_device_address(struct host *host, const char *device, const char *address) {
    struct device *found = world_device_named(host, device);
    found->address = (struct ip_addr){0};
    if (address && ip_addr_parse(address, &found->address))
        abort();
}

void world_suspend(struct host *host, bool suspended) {
    host->suspended = suspended;
}

void world_device_quality(struct host *host, const char *device, const struct link_quality *quality) {
    world_device_named(host, device)->quality = *quality;
}

void world_device_share(struct host *host, const char *device, const char *with) {
    world_device_named(host, device)->shared = world_device_named(host, with);
}

unsigned world_device_link(struct host *host, const char *device, bool up) {
    struct device *found = world_device_named(host, device);
    found->down = !up;
    return 3 + (unsigned)(found - host->device);
}

void world_quality(const struct link_quality *quality) {
    world.quality = *quality;
}
uint64_t world_now(void) {
    return world.now;
}

void world_at(uint64_t at, void (*fn)(void *context), void *context) {
    struct event *event = malloc(sizeof *event);
    if (!event)
        abort();
    *event = (struct event){.at = at > world.now ? at : world.now, .fn = fn, .context = context};
    push(event);
}

struct link_count world_device_count(const struct host *host, const char *name, bool up) {
    for (size_t i = 0; i < host->devices; i++)
        if (!strcmp(host->device[i].name, name))
            return host->device[i].count[up ? 0 : 1];
    abort();
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
    world_schedule(&world.quality, world.now, from, to, 0, data, length);
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
            if (loop && !loop->stopped && !world.host[i]->suspended && loop->deadline < next) {
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
            if (event->inside)
                --*event->inside;
            if (event->fn)
                event->fn(event->context);
            else
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
    /* As os/tun.c does: what is long enough stays in the buffer into which it was read. */
    if (!(super.buf = buf_get(host->tun->pool, length < 8192 ? length + BUF_HEADROOM : BUF_LARGE_BYTES)))
        return;
    if (offload)
        super.offload = *offload;
    memcpy(superpacket_data(&super), packet, length);
    host->tun->statistics.packets_read++;
    host->tun->hooks.on_packet(host->tun->hooks.context, &super);
}

void host_inject_many(struct host *host, const uint8_t *packet, size_t length, const struct offload *offload,
                      unsigned count) {
    if (!host->tun || host->suspended)
        return;
    while (count--)
        read_from_tun(host, packet, length, offload);
    host->loop->hooks.on_turn(host->loop->hooks.context, world.now);
}
