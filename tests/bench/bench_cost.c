/* SPDX-License-Identifier: GPL-2.0-or-later */
/* bench_cost: what a packet costs in our own code, both ends together: two whole ends (hall and protocol rooms, one
 * bonded leg or two) in one process on the virtual network of tests/sim, with batches as GSO and GRO make them. It
 * prints nanoseconds a packet; under callgrind, which counts what runs inside cost_run() alone, bench_cost.sh prints
 * instructions, which do not depend on how busy the machine is. Left out: the kernel, io_uring and iperf3.
 *
 * usage: bench_cost tcp|udp|tcp2 BYTES ROUNDS     (BYTES: of the payload of a packet; a round is one turn's worth of
 * them; tcp2: on two equal legs, and four superpackets in a turn, more than one leg's burst)
 */
#include <check.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "../unit/draw.h"
#include "../unit/make_packet.h"
#include "common/clock.h"
#include "common/log.h"
#include "ends.h"
#include "packet/inner.h"

#define SUPERPACKET 44u /* segments of a TCP superpacket */
#define UDP_BURST 64u   /* datagrams that wait together in one turn */
#define WARM_UP 300u    /* turns before */
#define BATCHES 4u      /* superpackets in a turn on two legs */
#define TURN (100 * NS_PER_US)

static bool tcp;             /* or UDP */
static unsigned legs = 1;    /* of the session */
static size_t payload_bytes; /* of a packet */
static unsigned rounds;      /* turns measured */
static struct end server, client;
static bool measuring; /* the tunnel is up */
static uint64_t arrived_bytes, arrived_writes;
static uint8_t up[65536], ack[64];
static size_t up_length, ack_length;
static struct offload up_offload;

/* A TCP receiver answers each superpacket, a turn later. */
static void answer(void *context) {
    (void)context;
    host_inject(server.host, ack, ack_length, NULL);
}

static void at_server(void *context, const uint8_t *packet, size_t length, const struct offload *offload) {
    (void)context, (void)packet, (void)offload;
    arrived_bytes += length;
    arrived_writes++;
    if (tcp && measuring)
        world_at(world_now(), answer, NULL);
}

static void start_ends(void) {
    const struct link_quality quality = {.delay = 20 * NS_PER_US};
    static char text[1024];
    struct host *host;

    world_begin(1);
    world_quality(&quality);
    snprintf(text, sizeof text,
             "[Server]\nListen = 198.51.100.1:443\nCertificate = %s/server.crt\nPrivateKey = %s/server.key\nPool = "
             "10.77.0.0/24\nUsers = %s/users\n%s",
             ends_dir(), ends_dir(), ends_dir(), ends_user());
    host = world_host("server", "198.51.100.1");
    end_start(&server, host, text);
    host_on_tun(host, at_server, NULL);
    snprintf(text, sizeof text,
             "[Client]\nServer = 198.51.100.1:443\nServerName = vpn.test\nToken = %s\nCertificateAuthority = "
             "%s/server.crt\n[Path sim0]\n",
             ENDS_TOKEN, ends_dir());
    host = world_host("client", "198.51.100.2");
    if (legs == 2) {
        world_device(host, "sim1", "203.0.113.2", &quality);
        snprintf(text + strlen(text), sizeof text - strlen(text), "[Path sim1]\n");
    }
    end_start(&client, host, text);
    if (!world_run(world_now() + 10 * NS_PER_SEC, end_is_up, &client))
        ck_abort_msg("the tunnel does not come up");
    world_run(world_now() + 2 * NS_PER_SEC, NULL, NULL); /* the path's MTU is found */
}

/* From the client's address to the server's, or the way back; made_write() knows other addresses only. */
static size_t address(uint8_t *packet, size_t length, bool reverse) {
    struct ip_addr own = end_address(&client, 4);
    uint8_t old[8], *l4 = packet + 20;
    size_t field = packet[9] == IPPROTO_TCP ? 16 : 6;
    uint64_t sum = (uint16_t) ~((unsigned)l4[field] << 8 | l4[field + 1]);

    memcpy(old, packet + 12, 8);
    memcpy(packet + (reverse ? 16 : 12), own.bytes, 4);
    memcpy(packet + (reverse ? 12 : 16), (uint8_t[]){10, 77, 0, 1}, 4);
    made_put16(packet + 10, 0);
    made_put16(packet + 10, (uint16_t)~made_fold(made_sum(packet, 20)));
    for (size_t i = 0; i < 8; i += 2)
        sum += ((unsigned)packet[12 + i] << 8 | packet[13 + i]) + (0xffffu ^ ((unsigned)old[i] << 8 | old[i + 1]));
    made_put16(l4 + field, (uint16_t)~made_fold(sum));
    return length;
}

static void make_packets(int protocol, size_t bytes) {
    static const uint8_t options[12] = {1, 1, 8, 10};
    static uint8_t content[65536];
    struct made m = {.version = 4,
                     .protocol = protocol,
                     .sport = 40001,
                     .dport = 5201,
                     .ttl = 64,
                     .df = true,
                     .flags = 16,
                     .options = options,
                     .option_bytes = protocol == IPPROTO_TCP ? sizeof options : 0,
                     .payload = content,
                     .payload_bytes = protocol == IPPROTO_TCP ? SUPERPACKET * bytes : bytes};
    uint64_t seed = 7;

    draw_bytes(&seed, content, sizeof content);
    up_length = address(up, made_write(&m, up), false);
    if (protocol == IPPROTO_TCP)
        up_offload = (struct offload){.gso = OFFLOAD_TCP4, .gso_size = (uint16_t)bytes};
    m.payload_bytes = 0;
    m.sport = 5201, m.dport = 40001;
    ack_length = address(ack, made_write(&m, ack), true);
}

/* One turn's worth of packets up. */
static void inject(void) {
    if (tcp)
        host_inject_many(client.host, up, up_length, &up_offload, legs == 2 ? BATCHES : 1);
    else
        host_inject_many(client.host, up, up_length, NULL, UDP_BURST);
}

/* Windows open, pages are touched. */
static void cost_warm_up(void) {
    for (unsigned i = 0; i < WARM_UP; i++) {
        inject();
        world_run(world_now() + TURN, NULL, NULL);
    }
}

/* Its own function, never inlined: callgrind counts from here on. */
__attribute__((noinline)) static void cost_run(void) {
    for (unsigned i = 0; i < rounds; i++) {
        inject();
        world_run(world_now() + TURN, NULL, NULL);
    }
}

/* ends.c reports through libcheck, which wants to run what uses it. */
START_TEST(measure) {
    struct conn_statistics before[2];
    uint64_t begin, sent;

    log_set_level(LOG_LEVEL_ERROR);
    start_ends();
    make_packets(tcp ? IPPROTO_TCP : IPPROTO_UDP, payload_bytes);
    world_batches();
    measuring = true;
    cost_warm_up();
    arrived_bytes = arrived_writes = 0;
    for (unsigned i = 0; i < legs; i++)
        conn_statistics(leg_conn(client.client.session->legs[i].leg), &before[i]);
    sent = client.client.session->sent.packets;
    begin = clock_now();
    cost_run();
    begin = clock_now() - begin;
    sent = client.client.session->sent.packets - sent;
    printf("%s %zu: %" PRIu64 " packets, %.0f ns a packet, %" PRIu64 " bytes arrived in %" PRIu64
           " writes; datagrams, up and down:",
           tcp ? "tcp" : "udp", payload_bytes, sent, (double)begin / (double)sent, arrived_bytes, arrived_writes);
    for (unsigned i = 0; i < legs; i++) {
        struct conn_statistics now;
        conn_statistics(leg_conn(client.client.session->legs[i].leg), &now);
        printf(" %" PRIu64 " %" PRIu64, now.packets_sent - before[i].packets_sent,
               now.packets_received - before[i].packets_received);
    }
    printf("\n");
    end_kill(&client);
    end_kill(&server);
    world_end();
}
END_TEST

int main(int argc, char **argv) {
    Suite *suite = suite_create("cost");
    TCase *tcase = tcase_create("cost");
    SRunner *runner;
    int failed;

    tcp = argc == 4 && strncmp(argv[1], "tcp", 3) == 0;
    legs = argc == 4 && strcmp(argv[1], "tcp2") == 0 ? 2 : 1;
    payload_bytes = argc == 4 ? (size_t)atoi(argv[2]) : 0;
    rounds = argc == 4 ? (unsigned)atoi(argv[3]) : 0;
    if ((!tcp && (argc != 4 || strcmp(argv[1], "udp") != 0)) || (tcp && argv[1][3] && legs == 1) ||
        payload_bytes == 0 || payload_bytes * SUPERPACKET > 65000 || rounds == 0) {
        fprintf(stderr, "usage: bench_cost tcp|udp|tcp2 BYTES ROUNDS\n");
        return 2;
    }
    tcase_add_test(tcase, measure);
    tcase_set_timeout(tcase, 0);
    suite_add_tcase(suite, tcase);
    runner = srunner_create(suite);
    srunner_set_fork_status(runner, CK_NOFORK);
    srunner_run_all(runner, CK_MINIMAL);
    failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed != 0;
}
