/* SPDX-License-Identifier: GPL-2.0-or-later */
/* bonded: see bonded.h. */
#include "bonded.h"

#include <check.h>
#include <stdio.h>
#include <string.h>

const struct link_quality fast = {.delay = 10 * MS, .rate_bps = 20000000};
const struct link_quality slow = {.delay = 40 * MS, .rate_bps = 10000000};
const struct link_quality dead = {.dead = true};
struct host *server_host, *client_host;
struct end server, client;
struct ledger at_server, at_client;
static struct ip_addr server4;
static const char *user_section;

void start_server_at(struct end *end, struct host *host, const char *address) {
    static char text[1024];
    snprintf(text, sizeof text,
             "[Server]\nListen = %s:443\nCertificate = %s/server.crt\nPrivateKey = %s/server.key\nPool = "
             "10.77.0.0/24\nPool = fd77::/64\nUsers = %s/users\n"
             "%s%s",
             address, ends_dir(), ends_dir(), ends_dir(), ends_user(), user_section ? user_section : "");
    end_start(end, host, text);
}

void start_server(void) {
    start_server_at(&server, server_host, "198.51.100.1");
}

void turn_client(void) {
    loop_set_deadline(client.worker.loop, world_now());
}

/* @param trust in the server, a key and its value */
static const char *client_text(const char *trust, const char *more) {
    static char text[900];
    snprintf(text, sizeof text,
             "[Client]\nServer = 198.51.100.1:443\nServerName = vpn.test\nToken = %s\n%s\n%s[Path sima]\n[Path simb]\n",
             ENDS_TOKEN, trust, more);
    return text;
}

static const char *authority(void) {
    static char text[200];
    snprintf(text, sizeof text, "CertificateAuthority = %s/server.crt", ends_dir());
    return text;
}

void reload_client(const char *trust, const char *more) {
    struct config *config;
    char text[900], why[CONFIG_WHY_MAX];
    FILE *stream;
    snprintf(text, sizeof text, "%s", client_text(trust ? trust : authority(), more));
    stream = fmemopen(text, strlen(text), "r");
    ck_assert_ptr_nonnull(stream);
    ck_assert_msg(!config_read_stream(stream, "sim.conf", &config, why, sizeof why), "%s", why);
    fclose(stream);
    world_enter(client_host);
    ck_assert_msg(!client_reload(&client.client, config, why, sizeof why), "%s", why);
    config_free(client.config);
    client.config = config;
    loop_set_deadline(client.worker.loop, world_now());
}

void begin_server(uint64_t seed, const char *user) {
    user_section = user;
    ends_begin(seed);
    world_quality(&fast);
    server_host = world_host("server", "198.51.100.1");
    ledger_watch(&at_server, server_host);
    ip_addr_parse("10.77.0.1", &server4);
    start_server();
}

void start_client(struct end *end, struct host *host, const char *more) {
    static char text[700];
    snprintf(text, sizeof text,
             "[Client]\nServer = 198.51.100.1:443\nServerName = vpn.test\nToken = %s\nCertificateAuthority = "
             "%s/server.crt\n%s[Path sima]\n[Path simb]\n",
             ENDS_TOKEN, ends_dir(), more);
    end_start(end, host, text);
}

void begin(uint64_t seed, const struct link_quality *a, const struct link_quality *b, const char *more) {
    begin_server(seed, NULL);
    client_host = world_host("client", "198.51.100.2");
    world_device(client_host, "sima", "198.18.0.2", a);
    world_device(client_host, "simb", "203.0.113.2", b);
    ledger_watch(&at_client, client_host);
    start_client(&client, client_host, more);
}

void finish(void) {
    end_kill(&client);
    end_kill(&server);
    world_end();
}

static size_t legs_wanted;
static bool legs_are_in(void *context) {
    (void)context;
    return client.client.session->leg_count == legs_wanted && client.client.session->address_count &&
           server.crew.server->sessions && server.crew.server->sessions->leg_count == legs_wanted;
}

bool comes_up(size_t legs, uint64_t within) {
    legs_wanted = legs;
    return world_run(world_now() + within, legs_are_in, NULL);
}

void up(uint32_t first, uint32_t count, uint64_t gap) {
    struct ip_addr own = end_address(&client, 4);
    flow_send(&client, &own, &server4, first, count, 1000, gap);
}

void down(uint32_t first, uint32_t count, uint64_t gap) {
    struct ip_addr own = end_address(&client, 4);
    flow_send(&server, &server4, &own, first, count, 1000, gap);
}

void settle(void) {
    world_run(world_now() + 2 * NS_PER_SEC, NULL, NULL);
}

void is_whole(const struct ledger *ledger, uint32_t count) {
    ck_assert_uint_eq(ledger->received, count);
    ck_assert_uint_eq(ledger->duplicates + ledger->disordered + ledger->damaged, 0);
}

uint64_t sent_on(const struct end *end, int slot) {
    return leg_counters(end->client.session->legs[slot].leg)->sent.packets;
}
