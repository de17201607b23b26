/* SPDX-License-Identifier: GPL-2.0-or-later */
/* world_os: the headers of os/ over a world. Left out: io_uring, the kernel's routing: routes and addresses are
 * accepted and forgotten, and everything is reached by "sim0" and by each of the devices of world_device(). */
#include <errno.h>
#include <netdb.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "os/mailbox.h"
#include "world_internal.h"

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
void loop_set_busy_poll(struct loop *loop, uint64_t ns) {
    (void)loop, (void)ns; /* nobody sleeps in virtual time */
}
const struct loop_waits *loop_waits(const struct loop *loop) {
    static const struct loop_waits none;
    return (void)loop, &none;
}
int loop_run(struct loop *loop) {
    return (void)loop, -ENOSYS; /* world_run() runs them all */
}
void loop_stop(struct loop *loop) {
    loop->stopped = true;
}
void loop_fail(struct loop *loop, int error) {
    (void)error;
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

/* Of the device, or of that which has the address; else the host's. */
static const struct ip_addr *address_for(struct host *host, const struct udp_settings *settings) {
    const struct device *device = settings->device[0] ? world_device_named(host, settings->device) : NULL;
    const struct ip_addr wanted = sock_addr_ip(&settings->local);
    for (size_t i = 0; !device && i < host->devices; i++)
        if (!ip_addr_compare(&host->device[i].address, &wanted))
            device = &host->device[i];
    return device ? &device->address : &host->address;
}

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
                                  .device = settings->device[0] ? world_device_named(host, settings->device) : NULL,
                                  .local = sock_addr_make(address_for(host, settings), port ? port : host->next_port++),
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
/* No kernel sends from an address that its device does not have any more. */
static bool lost_its_address(const struct udp_socket *socket) {
    const struct ip_addr own = sock_addr_ip(&socket->local);
    return socket->device && ip_addr_compare(&socket->device->address, &own);
}
void udp_tx_commit(struct udp_tx *tx, size_t length, const union sock_addr *local, const union sock_addr *remote,
                   uint8_t ecn, bool alone) {
    (void)local;
    tx->socket->statistics.datagrams_sent++;
    if (world.batches && !alone)
        gather(tx, length, remote, ecn);
    else if (!lost_its_address(tx->socket))
        world_transmit(tx->socket->host, &tx->socket->outside, remote, ecn, tx->buffer + tx->used, length);
}
void udp_tx_flush(struct udp_tx *tx) {
    uint64_t at = world.now + world.quality.delay;
    if (tx->used)
        world_schedule(&world.quality, at, &tx->socket->outside, &tx->remote, tx->ecn, tx->buffer, tx->used)->segment =
            tx->segment;
    tx->used = 0;
}
int udp_send(struct udp_socket *socket, const uint8_t *data, size_t length, const union sock_addr *local,
             const union sock_addr *remote) {
    (void)local;
    world_transmit(socket->host, &socket->outside, remote, 0, data, length);
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
static void finish_writes(void *context) {
    struct tun *tun = ((struct host *)context)->tun;
    while (tun && tun->writes)
        buf_unref(tun->writing[--tun->writes]);
}
void tun_close(struct tun *tun) {
    if (tun) {
        finish_writes(tun->host);
        tun->host->tun = NULL;
    }
    free(tun);
}
const char *tun_name(const struct tun *tun) {
    return tun->name;
}
unsigned tun_ifindex(const struct tun *tun) {
    return (void)tun, 77;
}
int tun_locate(struct tun *tun, bool gone) {
    return (void)tun, (void)gone, 0;
}
bool tun_has_uso(const struct tun *tun) {
    return (void)tun, true;
}
const struct tun_statistics *tun_statistics(const struct tun *tun) {
    return &tun->statistics;
}
/* As in os/tun.c the buffers come back after the turn. */
int tun_write(struct tun *tun, struct superpacket *packet) {
    tun->statistics.packets_written++;
    if (tun->host->on_tun)
        tun->host->on_tun(tun->host->on_tun_context, superpacket_data(packet), packet->length, &packet->offload);
    if (!tun->writes)
        world_at(world.now, finish_writes, tun->host);
    if (tun->writes < WORLD_WRITES)
        tun->writing[tun->writes++] = packet->buf;
    else
        buf_unref(packet->buf);
    return 0;
}

/* os/netlink.h: "sim0" and the devices of world_device(), by each of which everything is reached; changes are accepted
 */

int netlink_link(struct netlink *netlink, const char *device, struct netlink_link *out) {
    const struct device *found = world_device_named(netlink->host, device);
    *out = (struct netlink_link){.ifindex = found ? 3 + (unsigned)(found - netlink->host->device) : 2,
                                 .up = !found || !found->down,
                                 .mtu_bytes = 1500};
    return 0;
}
int netlink_route(struct netlink *netlink, const struct ip_addr *target, unsigned ifindex, struct netlink_route *out) {
    const struct device *device = ifindex >= 3 ? &netlink->host->device[ifindex - 3] : NULL;
    const struct ip_addr *source = device ? &device->address : &netlink->host->address;
    if ((device && device->down) || source->version != target->version)
        return -ENETUNREACH;
    *out = (struct netlink_route){.ifindex = device ? ifindex : 2, .source = *source};
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
    (void)ifindex;
    if (!present)
        return 0;
    if (address->addr.version == netlink->refused)
        return -EACCES;
    netlink->addresses_set[address->addr.version == 6]++;
    return 0;
}
int netlink_route_set(struct netlink *netlink, const struct netlink_route_spec *route, bool present) {
    return (void)netlink, (void)route, (void)present, 0;
}
int netlink_rule_set(struct netlink *netlink, const struct ip_addr *from, uint32_t table, uint32_t priority,
                     bool present) {
    return (void)netlink, (void)from, (void)table, (void)priority, (void)present, 0;
}
void netlink_forget(struct netlink *netlink, unsigned ifindex) {
    (void)netlink, (void)ifindex;
}

int netlink_rp_filter(const char *device) {
    return (void)device, 0;
}

void host_refuse_addresses(struct host *host, uint8_t version) {
    host->netlink.refused = version;
}

unsigned host_addresses_set(const struct host *host, uint8_t version) {
    return host->netlink.addresses_set[version == 6];
}

/* os/sockdiag.h: the connections of host_congestion() */

void host_congestion(struct host *host, uint16_t port, const char *name) {
    if (host->flows == FLOWS_MAX)
        abort();
    host->port[host->flows] = port;
    host->congestion[host->flows++] = name;
}
int sockdiag_open(struct sockdiag **out) {
    *out = &world.entered->sockdiag;
    (*out)->host = world.entered;
    return 0;
}
void sockdiag_close(struct sockdiag *sockdiag) {
    (void)sockdiag;
}
int sockdiag_congestion(struct sockdiag *sockdiag, const struct sockdiag_flow *flow, char name[SOCKDIAG_NAME_MAX]) {
    const struct host *host = sockdiag->host;
    for (size_t i = host->flows; i-- > 0;)
        if (host->port[i] == flow->local_port) {
            snprintf(name, SOCKDIAG_NAME_MAX, "%s", host->congestion[i]);
            return 0;
        }
    return -ENOENT;
}

/* os/resolve.h: the name of world_name() and no other */

int resolve_new(struct loop *loop, struct resolve **out) {
    (void)loop;
    *out = malloc(1); /* there is nothing to remember */
    return *out ? 0 : -ENOMEM;
}
void resolve_free(struct resolve *resolve) {
    free(resolve);
}
int resolve_query(struct resolve *resolve, const char *host, resolve_answer_fn *on_answer, void *context) {
    (void)resolve;
    if (!strcmp(host, WORLD_NAME) && world.named_count)
        on_answer(context, 0, world.named, world.named_count);
    else
        on_answer(context, EAI_NONAME, NULL, 0);
    return 0;
}
