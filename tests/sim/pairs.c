/* SPDX-License-Identifier: GPL-2.0-or-later */
/* pairs: see pairs.h.
 *
 *      host ── tun ── client ══ path A ══╗
 *                        ╚═════ path B ══╩══ server ── tun ── host
 *
 * A path's packets arrive at max(arrival of the one before, sent + delay + jitter) + size / rate, at most 1,000 wait or
 * travel, a packet costs 38 bytes more than its IP packet. The flows begin two seconds after the tunnel is up, when the
 * paths' MTUs are found. */
#include "pairs.h"

#include <check.h>
#include <math.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "ends.h"
#include "link.h"
#include "packet/checksum.h"
#include "packet/inner.h"
#include "tests/sim/sort.h"

#define PORT 5201u
#define PINGS_MAX 2048u
#define PING_EVERY 0.1
#define PING_BYTES 84u
#define QUEUE_PACKETS 1000u

const struct pair pairs[] = {
#define PAIR(name, delay_a, jitter_a, rate_a, loss_a, delay_b, jitter_b, rate_b, loss_b)                               \
    {name, {{delay_a, jitter_a, rate_a, loss_a, 0}, {delay_b, jitter_b, rate_b, loss_b, 0}}},
#include "tests/lab/pairs.def"
    /* Two equal ones to fail over, and the two lines of a site, up and down: the lab has scripts of their own for them.
     */
    {"two_150", {{10, 0, 150, 0, 0}, {10, 0, 150, 0, 0}}},
    {"report_up", {{15, 0, 700, 0, 8000}, {20, 0, 350, 0, 8000}}},
    {"report_down", {{15, 0, 520, 0, 8000}, {20, 0, 260, 0, 8000}}},
};
const size_t pair_count = sizeof pairs / sizeof *pairs;

const struct pair *pair_find(const char *name) {
    for (size_t i = 0; i < pair_count; i++)
        if (!strcmp(pairs[i].name, name))
            return &pairs[i];
    return NULL;
}

/* One run at a time. */
static struct {
    struct host *client_host, *server_host;
    struct end client, server;
    struct ip_addr client4, server4;
    struct inner_tcp *tcp[PAIR_FLOWS_MAX];
    unsigned flows, pings, legs;
    uint64_t ping_sent[PINGS_MAX], ping_came[PINGS_MAX];
    uint64_t until, died, returns, ping_every;
    unsigned dying;
    bool device_up;
} lab;

/* pings */

static void make_ping(uint8_t *p, bool reply, const struct ip_addr *from, const struct ip_addr *to, unsigned number) {
    memset(p, 0, PING_BYTES);
    p[0] = 0x45;
    p[3] = PING_BYTES;
    p[8] = 64;
    p[9] = IPPROTO_ICMP;
    memcpy(p + 12, from->bytes, 4);
    memcpy(p + 16, to->bytes, 4);
    checksum_store(p + 10, checksum_finish(checksum_sum(p, 20)));
    p[20] = reply ? 0 : 8;
    p[26] = (uint8_t)(number >> 8);
    p[27] = (uint8_t)number;
    checksum_store(p + 22, checksum_finish(checksum_sum(p + 20, PING_BYTES - 20)));
}

static void send_ping(void *context) {
    uint8_t packet[PING_BYTES];
    (void)context;
    if (world_now() >= lab.until || lab.pings == PINGS_MAX)
        return;
    make_ping(packet, false, &lab.client4, &lab.server4, lab.pings);
    lab.ping_sent[lab.pings++] = world_now();
    host_inject(lab.client_host, packet, sizeof packet, NULL);
    world_at(world_now() + lab.ping_every, send_ping, NULL);
}

static void answer_ping(void *number) {
    uint8_t packet[PING_BYTES];
    make_ping(packet, true, &lab.server4, &lab.client4, (unsigned)(uintptr_t)number);
    host_inject(lab.server_host, packet, sizeof packet, NULL);
}

static void on_tun(void *context, const uint8_t *packet, size_t length, const struct offload *offload) {
    struct host *host = context;
    unsigned number;
    (void)offload;
    for (unsigned i = 0; i < lab.flows; i++)
        if (inner_tcp_take(lab.tcp[i], host, packet, length))
            return;
    if (length != PING_BYTES || packet[9] != IPPROTO_ICMP)
        return;
    number = (unsigned)(packet[26] << 8 | packet[27]);
    if (packet[20] == 8 && host == lab.server_host) {
        world_at(world_now(), answer_ping, (void *)(uintptr_t)number);
    } else if (packet[20] == 0 && number < lab.pings && !lab.ping_came[number]) {
        lab.ping_came[number] = world_now();
    }
}

static double part(double *values, size_t count, double share) {
    sort_figures(values, count);
    return count ? values[(size_t)((double)(count - 1) * share)] : NAN;
}

/* the ends */

static struct link_quality quality(const struct pair_path *path) {
    return (struct link_quality){.delay = (uint64_t)(path->delay * 1e6),
                                 .jitter = (uint64_t)(path->jitter * 1e6),
                                 .rate_bps = (uint64_t)(path->rate * 1e6),
                                 .loss = path->loss / 100,
                                 .queue_packets = path->queue ? path->queue : QUEUE_PACKETS};
}

static const char *const devices[2] = {"sima", "simb"};

/* Whether a path carries more than the other one. */
static bool is_busier(const struct pair_run *run, unsigned path) {
    return world_device_count(lab.client_host, devices[path], !run->down).bytes >
           world_device_count(lab.client_host, devices[!path], !run->down).bytes;
}

/* The device goes down, or up, as the kernel tells. */
static void set_device(bool up) {
    client_on_link(&lab.client.client, world_device_link(lab.client_host, devices[lab.dying], up), true, up);
    loop_set_deadline(lab.client.worker.loop, world_now());
}

static void flap(void *context) {
    const struct pair_run *run = context;
    if (world_now() >= lab.returns)
        return;
    lab.device_up = !lab.device_up;
    set_device(lab.device_up);
    world_at(world_now() + (80 + world_random() % 31) * NS_PER_MS, flap, (void *)(uintptr_t)run);
}

static void kill_path(void *context) {
    const struct pair_run *run = context;
    struct link_quality dead;
    lab.died = world_now();
    lab.dying = run->busier && is_busier(run, 1);
    dead = quality(&run->pair->path[lab.dying]);
    dead.dead = run->death == PAIR_HOLE;
    dead.mute = run->death == PAIR_HOLE_UP;
    dead.deaf = run->death == PAIR_HOLE_DOWN;
    world_device_quality(lab.client_host, devices[lab.dying], &dead);
    lab.device_up = true;
    if (run->death == PAIR_FLAP)
        flap(context);
    for (unsigned i = 0; i < lab.flows; i++)
        inner_tcp_forget_gaps(lab.tcp[i]);
}

static void revive_path(void *context) {
    const struct pair_run *run = context;
    const struct link_quality alive = quality(&run->pair->path[lab.dying]);
    world_device_quality(lab.client_host, devices[lab.dying], &alive);
    if (!lab.device_up)
        set_device(true);
}

static void start(const struct pair_run *run) {
    static char text[1024];
    const struct link_quality a = quality(&run->pair->path[0]), b = quality(&run->pair->path[1]);
    ends_begin(run->seed);
    ends_pools = (struct worker_settings){0};
    lab.server_host = world_host("server", "198.51.100.1");
    lab.client_host = world_host("client", "198.51.100.2");
    world_device(lab.client_host, "sima", "198.18.0.2", &a);
    world_device(lab.client_host, "simb", "203.0.113.2", &b);
    host_on_tun(lab.server_host, on_tun, lab.server_host);
    host_on_tun(lab.client_host, on_tun, lab.client_host);
    ip_addr_parse("10.77.0.1", &lab.server4);
    snprintf(text, sizeof text,
             "[Server]\nListen = 198.51.100.1:443\nCertificate = %s/server.crt\nPrivateKey = %s/server.key\nPool = "
             "10.77.0.0/24\nUsers = %s/users\n%s%s",
             ends_dir(), ends_dir(), ends_dir(), run->config, ends_user());
    end_start(&lab.server, lab.server_host, text);
    snprintf(text, sizeof text,
             "[Client]\nServer = 198.51.100.1:443\nServerName = vpn.test\nToken = %s\nCertificateAuthority = "
             "%s/server.crt\n%s%s%s%s%s",
             ENDS_TOKEN, ends_dir(), run->config, run->paths & 1 ? "[Path sima]\n" : "",
             run->paths & 1 ? run->path_config : "", run->paths & 2 ? "[Path simb]\n" : "",
             run->paths & 2 ? run->path_config : "");
    end_start(&lab.client, lab.client_host, text);
}

static bool is_up(void *context) {
    (void)context;
    return lab.client.client.session->leg_count == lab.legs && lab.client.client.session->address_count &&
           lab.server.crew.server->sessions && lab.server.crew.server->sessions->leg_count == lab.legs;
}

/* @param against those of the other direction */
static uint64_t read_bytes_of(const struct pair_run *run, bool against) {
    uint64_t sum = 0;
    for (unsigned i = 0; i < lab.flows; i++)
        if ((run->both && i % 2) == against)
            sum += inner_tcp_statistics(lab.tcp[i]).read_bytes;
    return sum;
}

static void begin_flows(const struct pair_run *run, uint32_t mtu_bytes) {
    for (unsigned i = 0; i < run->flows; i++) {
        const bool down = run->down != (run->both && i % 2);
        const struct inner_tcp_settings settings = {.from = down ? lab.server_host : lab.client_host,
                                                    .to = down ? lab.client_host : lab.server_host,
                                                    .source = down ? lab.server4 : lab.client4,
                                                    .target = down ? lab.client4 : lab.server4,
                                                    .port = (uint16_t)(PORT + i),
                                                    .mtu_bytes = mtu_bytes,
                                                    .cc = run->cc,
                                                    .quic = run->quic,
                                                    .paced = run->paced,
                                                    .limit_bps = run->limit_bps,
                                                    .foreign = run->foreign,
                                                    .buffer_bytes = run->buffer_bytes};
        lab.tcp[i] = inner_tcp_new(&settings);
        lab.flows++;
    }
}

static void judge_pings(struct pair_result *result, uint64_t since) {
    static double times[PINGS_MAX];
    size_t count = 0;
    for (unsigned i = 0; i < lab.pings; i++) {
        if (lab.ping_sent[i] < since || lab.ping_sent[i] + NS_PER_SEC > lab.until)
            continue;
        if (lab.ping_came[i])
            times[count++] = (double)(lab.ping_came[i] - lab.ping_sent[i]) / 1e6;
        else
            result->pings_lost++;
        if (lab.ping_came[i] >= lab.died && times[count - 1] > result->ping_longest)
            result->ping_longest = times[count - 1];
    }
    result->ping_median = part(times, count, 0.5);
    result->ping_95 = part(times, count, 0.95);
}

/* What goes on now, in a line. */
static void trace(void *context) {
    const struct pair_run *run = context;
    static uint64_t last;
    const struct session *from = run->down ? lab.server.crew.server->sessions : lab.client.client.session;
    const struct session *to = run->down ? lab.client.client.session : lab.server.crew.server->sessions;
    const struct reorder_statistics *r = reorder_statistics(to->reorder);
    struct inner_tcp_statistics tcp = inner_tcp_statistics(lab.tcp[0]);
    uint64_t bytes = read_bytes_of(run, false);
    if (world_now() >= lab.until)
        return;
    if (bytes < last)
        last = 0;
    printf("%6.2f s %6.1f Mbit/s cwnd %5.0f rtt %4.0f ms%s queue %5zu %3.0f ms drops %llu held %4llu",
           (double)world_now() / 1e9, (double)(bytes - last) * 8e-6 / run->trace, tcp.cwnd, tcp.srtt / 1e6,
           tcp.recovering ? " R" : "  ", queue_packets(from->queue),
           (double)queue_stats(from->queue)->sojourn_last / 1e6,
           (unsigned long long)queue_stats(from->queue)->codel_drops, (unsigned long long)r->held_packets);
    for (size_t i = 0; i < SESSION_LEGS_MAX; i++) {
        struct conn_statistics s;
        if (!from->legs[i].leg)
            continue;
        conn_statistics(leg_conn(from->legs[i].leg), &s);
        printf(" | %c%u %5.1f Mbit/s rtt %3.0f w %4llu f %4llu lost %llu sp %llu", from->legs[i].suspect ? '!' : ' ',
               from->legs[i].number, (double)s.delivery_rate_bps / 1e6, (double)s.rtt_smoothed / 1e6,
               (unsigned long long)s.cwnd_bytes / 1452, (unsigned long long)s.in_flight_bytes / 1452,
               (unsigned long long)s.datagrams_lost, (unsigned long long)s.datagrams_spurious);
    }
    printf("\n");
    last = bytes;
    world_at(world_now() + (uint64_t)(run->trace * 1e9), trace, context);
}

/* Counters of both ends since the flows began. */
struct tally {
    uint64_t added, resent, copies, held, given_up, late, pressed, dropped, lost, sent_a, sent_b, codel;
};

static struct tally tally(bool down) {
    const struct session *from = down ? lab.server.crew.server->sessions : lab.client.client.session;
    const struct session *to = down ? lab.client.client.session : lab.server.crew.server->sessions;
    const struct outstanding_stats *o = outstanding_stats(from->outstanding);
    const struct reorder_statistics *r = reorder_statistics(to->reorder);
    struct link_count a = world_device_count(lab.client_host, "sima", !down);
    struct link_count b = world_device_count(lab.client_host, "simb", !down);
    return (struct tally){.added = o->added,
                          .resent = o->resent,
                          .copies = o->copies,
                          .held = r->held,
                          .given_up = r->given_up,
                          .late = r->late,
                          .pressed = r->pressed,
                          .dropped = a.dropped + b.dropped,
                          .lost = a.lost + b.lost + a.dropped + b.dropped,
                          .sent_a = a.packets,
                          .sent_b = b.packets,
                          .codel = queue_stats(from->queue)->codel_drops + queue_stats(from->queue)->overflow_drops};
}

static void judge(const struct pair_run *run, const struct tally *before, struct pair_result *result) {
    const struct session *from = run->down ? lab.server.crew.server->sessions : lab.client.client.session;
    const struct session *to = run->down ? lab.client.client.session : lab.server.crew.server->sessions;
    struct tally after = tally(run->down);
    double added = (double)(after.added - before->added) / 100;
    double a = (double)(after.sent_a - before->sent_a), b = (double)(after.sent_b - before->sent_b);
    result->held_percent = (double)(after.held - before->held) / added;
    result->longest_hold = (double)reorder_statistics(to->reorder)->longest_hold / 1e6;
    result->resent_percent = (double)(after.resent - before->resent + after.copies - before->copies) / added;
    result->lost_percent = (double)(after.lost - before->lost) / added;
    result->vain_percent = result->resent_percent - result->lost_percent;
    result->dropped_percent = (double)(after.dropped - before->dropped) / added;
    result->given_up_percent = (double)(after.given_up - before->given_up) / added;
    result->late = after.late - before->late;
    result->pressed_percent = (double)(after.pressed - before->pressed) / added;
    result->queue_drops = (double)(after.codel - before->codel) / added;
    result->share_b = b / (a + b);
    result->sojourn = (double)queue_stats(from->queue)->sojourn_average / 1e6;
    result->tcp = inner_tcp_statistics(lab.tcp[0]);
    for (unsigned i = 0; i < LOOSE_FLOWS; i++)
        result->tried += from->loose.flows[i].trial.runs || from->loose.flows[i].trial.rest;
}

struct pair_result pair_run(const struct pair_run *run) {
    struct pair_result result = {0};
    struct tally before;
    uint64_t since, bytes, against;
    double rate = (run->paths & 1 ? run->pair->path[0].rate : 0) + (run->paths & 2 ? run->pair->path[1].rate : 0);
    memset(&lab, 0, sizeof lab);
    start(run);
    lab.legs = run->paths == 3 ? 2 : 1;
    ck_assert_msg(world_run(world_now() + 20 * NS_PER_SEC, is_up, NULL), "%s: no tunnel", run->pair->name);
    world_run(world_now() + 2 * NS_PER_SEC, NULL, NULL);
    lab.client4 = end_address(&lab.client, 4);
    result.mtu_bytes = (uint32_t)session_mtu(lab.client.client.session);
    result.bound = rate * (result.mtu_bytes - (run->quic ? INNER_QUIC_HEADERS : INNER_TCP_HEADERS)) / 1538;
    before = tally(run->down);
    begin_flows(run, result.mtu_bytes);
    since = world_now() + (uint64_t)(run->skip * 1e9);
    lab.until = since + (uint64_t)(run->seconds * 1e9);
    lab.ping_every = (uint64_t)((run->ping_every > 0 ? run->ping_every : PING_EVERY) * 1e9);
    world_at(world_now(), send_ping, NULL);
    if (run->dies > 0) {
        lab.returns = world_now() + (uint64_t)(run->returns * 1e9);
        world_at(world_now() + (uint64_t)(run->dies * 1e9), kill_path, (void *)(uintptr_t)run);
        world_at(lab.returns, revive_path, (void *)(uintptr_t)run);
    }
    if (run->trace > 0)
        world_at(world_now(), trace, (void *)(uintptr_t)run);
    world_run(since, NULL, NULL);
    bytes = read_bytes_of(run, false);
    against = read_bytes_of(run, true);
    world_run(lab.until, NULL, NULL);
    result.goodput = (double)(read_bytes_of(run, false) - bytes) * 8e-6 / run->seconds;
    result.against = (double)(read_bytes_of(run, true) - against) * 8e-6 / run->seconds;
    judge_pings(&result, since);
    judge(run, &before, &result);
    end_kill(&lab.client);
    end_kill(&lab.server);
    world_end();
    for (unsigned i = 0; i < lab.flows; i++)
        inner_tcp_free(lab.tcp[i]);
    return result;
}

/* the ping without a tunnel */

static double normal(struct link *chance) {
    double sum = -6;
    for (int i = 0; i < 12; i++)
        sum += link_random(chance);
    return sum;
}

void pair_raw_ping(const struct pair_path *path, uint64_t seed, double *median, double *p95) {
    enum { COUNT = 400, LOAD_BYTES = 1538, PING_WIRE = PING_BYTES + 38 };
    double *times = calloc(COUNT, sizeof *times);
    struct link_settings settings = {.rate_bps = 0, .seed = seed};
    struct link chance;
    double up_free = 0, down_free = 0, gap = LOAD_BYTES * 8 / path->rate / 900, at = 0;
    size_t count = 0;
    ck_assert_ptr_nonnull(times);
    link_init(&chance, &settings);
    for (unsigned i = 0; i < COUNT; i++) {
        double ready, now = (i + 1) * 100.0;
        for (; at < now; at += gap) {
            ready = at + fmax(0, path->delay + normal(&chance) * path->jitter);
            up_free = fmax(ready, up_free) + LOAD_BYTES * 8 / path->rate / 1000;
        }
        ready = now + fmax(0, path->delay + normal(&chance) * path->jitter);
        up_free = fmax(ready, up_free) + PING_WIRE * 8 / path->rate / 1000;
        ready = up_free + fmax(0, path->delay + normal(&chance) * path->jitter);
        down_free = fmax(ready, down_free) + PING_WIRE * 8 / path->rate / 1000;
        times[count++] = down_free - now;
    }
    link_fini(&chance);
    *median = part(times, count, 0.5);
    *p95 = part(times, count, 0.95);
    free(times);
}
