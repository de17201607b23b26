/* SPDX-License-Identifier: GPL-2.0-or-later */
/* ends: see ends.h. A numbered packet is UDP; its payload is its number and bytes that follow from it, so damage shows.
 * GSO superpackets out of the TUN are cut again by the packet room's own split, which has its own tests. */
#include "ends.h"

#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "masque/auth.h"
#include "packet/inner.h"
#include "packet/split.h"
#include "tests/unit/suite.h"

struct worker_settings ends_pools = {.large_buffers = 64, .small_buffers = 1024};
static char directory[] = "/tmp/mpvpn-sim-XXXXXX";

static void remove_dir(void) {
    const char *const files[] = {"server.crt", "server.key"};
    char path[64];
    for (size_t i = 0; i < 2; i++) {
        snprintf(path, sizeof path, "%s/%s", directory, files[i]);
        unlink(path);
    }
    rmdir(directory);
}

const char *ends_dir(void) {
    static bool made;
    char certificate[64], key[64], why[256];
    if (made)
        return directory;
    made = true;
    ck_assert_ptr_nonnull(mkdtemp(directory));
    snprintf(certificate, sizeof certificate, "%s/server.crt", directory);
    snprintf(key, sizeof key, "%s/server.key", directory);
    ck_assert_msg(!tls_keygen(certificate, key, "vpn.test", why, sizeof why), "%s", why);
    atexit(remove_dir);
    return directory;
}

const char *ends_user(void) {
    static char text[128];
    char hash_text[80];
    uint8_t hash[32];
    tls_sha256(ENDS_TOKEN, strlen(ENDS_TOKEN), hash);
    auth_print_hash(hash, hash_text);
    snprintf(text, sizeof text, "[User alice]\nTokenHash = %s\n", hash_text);
    return text;
}

void ends_begin(uint64_t seed) {
    ends_dir(); /* now, so that what the keys draw is not drawn from the world's seed */
    world_begin(seed);
}

void end_start(struct end *end, struct host *host, const char *config_text) {
    char text[2048], why[CONFIG_WHY_MAX];
    struct worker_settings settings = ends_pools;
    FILE *stream;
    snprintf(text, sizeof text, "%s", config_text);
    stream = fmemopen(text, strlen(text), "r");
    ck_assert_ptr_nonnull(stream);
    *end = (struct end){.host = host};
    ck_assert_msg(!config_read_stream(stream, "sim.conf", &end->config, why, sizeof why), "%s", why);
    fclose(stream);
    world_enter(host);
    settings.server = end->config->role == CONFIG_SERVER;
    ck_assert(!worker_init(&end->worker, &settings, why, sizeof why));
    if (settings.server)
        ck_assert_msg(!crew_load(&end->crew, 1, end->config, why, sizeof why) &&
                          !crew_start(&end->crew, &end->worker, host_netlink(host), why, sizeof why),
                      "%s", why);
    else
        ck_assert_msg(!client_load(&end->client, end->config, why, sizeof why) &&
                          !client_start(&end->client, &end->worker, host_netlink(host), why, sizeof why),
                      "%s", why);
    loop_set_deadline(end->worker.loop, world_now());
}

void end_kill(struct end *end) {
    client_fini(&end->client);
    crew_fini(&end->crew);
    worker_fini(&end->worker);
    config_free(end->config);
    end->config = NULL;
}

bool end_is_up(void *context) {
    const struct end *end = context;
    return end->client.session->leg_count && end->client.session->address_count;
}

struct ip_addr end_address(const struct end *end, uint8_t version) {
    for (size_t i = 0; i < end->client.session->address_count; i++)
        if (end->client.session->address[i].addr.version == version)
            return end->client.session->address[i].addr;
    ck_abort_msg("the client has no IPv%u address", version);
    return (struct ip_addr){0};
}

/* numbered packets */

static uint8_t filler(uint32_t number, size_t i) {
    return (uint8_t)(number * 31 + i * 7);
}

static uint32_t add_words(uint32_t sum, const uint8_t *data, size_t length) {
    for (size_t i = 0; i < length; i++)
        sum += i % 2 ? data[i] : (uint32_t)data[i] << 8;
    return sum;
}

static uint16_t fold(uint32_t sum) {
    while (sum >> 16)
        sum = (sum & 0xffff) + (sum >> 16);
    return (uint16_t)~sum;
}

static void put16(uint8_t *p, uint32_t v) {
    p[0] = (uint8_t)(v >> 8);
    p[1] = (uint8_t)v;
}

static unsigned chosen; /* flow */

void flow_choose(unsigned n) {
    chosen = n;
}

static void make(uint8_t *p, const struct ip_addr *source, const struct ip_addr *target, uint32_t number,
                 size_t length) {
    size_t size = ip_addr_size(source), header = size == 4 ? 20 : 40, udp = length - header;
    memset(p, 0, header + 12);
    if (size == 4) {
        p[0] = 0x45;
        p[1] = 2; /* ECT(0) */
        put16(p + 2, (uint32_t)length);
        p[6] = 0x40;
        p[8] = 64;
        p[9] = 17;
        memcpy(p + 12, source->bytes, 4);
        memcpy(p + 16, target->bytes, 4);
        put16(p + 10, fold(add_words(0, p, 20)));
    } else {
        p[0] = 0x60;
        put16(p + 4, (uint32_t)udp);
        p[6] = 17;
        p[7] = 64;
        memcpy(p + 8, source->bytes, 16);
        memcpy(p + 24, target->bytes, 16);
    }
    put16(p + header, 443); /* QUIC's port: a bonded session keeps such flows in order */
    put16(p + header + 2, FLOW_PORT + chosen);
    put16(p + header + 4, (uint32_t)udp);
    put16(p + header + 8, number >> 16);
    put16(p + header + 10, number & 0xffff);
    for (size_t i = 12; i < udp; i++)
        p[header + i] = filler(number, i);
    put16(p + header + 6, fold(add_words(add_words((uint32_t)(17 + udp), source->bytes, size), target->bytes, size) +
                               add_words(0, p + header, udp)));
}

static void enter(struct ledger *ledger, const uint8_t *packet, size_t length) {
    struct inner inner;
    const uint8_t *udp;
    uint32_t number;
    bool damaged = false;
    if (inner_parse(packet, length, false, &inner) || inner.protocol != 17 || inner.target_port < FLOW_PORT ||
        inner.target_port >= FLOW_PORT + FLOW_PORTS_MAX) {
        ledger->other++;
        return;
    }
    udp = packet + inner.header_bytes;
    number = (uint32_t)udp[8] << 24 | (uint32_t)udp[9] << 16 | (uint32_t)udp[10] << 8 | udp[11];
    for (size_t i = 12; i < length - inner.header_bytes; i++)
        damaged |= udp[i] != filler(number, i);
    ledger->received++;
    if (ledger->last && world_now() - ledger->last > ledger->longest)
        ledger->longest = world_now() - ledger->last;
    ledger->last = world_now();
    if (damaged || number >= FLOW_PACKETS_MAX) {
        ledger->damaged++;
        return;
    }
    if (ledger->seen[number]++)
        ledger->duplicates++;
    if (number + 1 < ledger->highest)
        ledger->disordered++;
    if (number + 1 > ledger->highest)
        ledger->highest = number + 1;
}

static void on_tun(void *context, const uint8_t *packet, size_t length, const struct offload *offload) {
    struct superpacket super = {.length = (uint32_t)length, .offload = *offload};
    static uint8_t copy[65536], whole[65536];
    struct buf buf = {.data = copy, .capacity = sizeof copy, .references = 1};
    struct split split;
    memcpy(copy, packet, length);
    super.buf = &buf;
    suite_assert(split_init(&split, &super) == 0);
    for (size_t i = 0; i < split.count; i++) {
        struct segment segment;
        split_segment(&split, i, &segment);
        memcpy(whole, segment.header, segment.header_bytes);
        memcpy(whole + segment.header_bytes, segment.payload, segment.payload_bytes);
        enter(context, whole, (size_t)segment.header_bytes + segment.payload_bytes);
    }
}

void ledger_watch(struct ledger *ledger, struct host *host) {
    memset(ledger, 0, sizeof *ledger);
    host_on_tun(host, on_tun, ledger);
}

void flow_send(struct end *from, const struct ip_addr *source, const struct ip_addr *target, uint32_t first,
               uint32_t count, size_t length, uint64_t gap) {
    uint8_t packet[2048];
    for (uint32_t i = 0; i < count; i++) {
        make(packet, source, target, first + i, length);
        host_inject(from->host, packet, length, NULL);
        world_run(world_now() + gap, NULL, NULL);
    }
}
