/* SPDX-License-Identifier: GPL-2.0-or-later */
/* bench_clients: many clients in one process, each a QUIC connection with a bonded CONNECT-IP session and nothing in
 * it, to see what a server needs for them (clients.sh). So many at a time are connecting; when all are up it says how
 * long that took, keeps them, and ends when its standard input does.
 *
 *   bench_clients HOST:PORT CA-FILE NAME TOKEN COUNT AT-A-TIME
 *
 * How it works: the daemon's own worker, carriers and legs, without a tunnel device. SHARING clients
 * use one socket, for a ring of the kernel's has not got place for a thousand. Left out: packets; more than one path.
 */
#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <utlist.h>

#include "bond/join.h"
#include "common/log.h"
#include "ingress.h"
#include "quic/tls.h"
#include "worker.h"

#define KEEPALIVE (25 * NS_PER_SEC)
#define SHARING 16u /* clients of one socket */

/* The load, and how far it has come. */
static struct load {
    struct worker worker;    /* all clients' */
    struct tls_context *tls; /* trust */
    union sock_addr server;  /* where to */
    union sock_addr local;   /* where from; port 0 */
    const char *name;        /* of the server's certificate */
    char authorization[300]; /* of all */
    size_t count;            /* clients wanted */
    size_t begun;            /* connecting, up or failed */
    size_t connecting;       /* of those, not answered yet */
    size_t limit;            /* of those */
    size_t up;               /* answered with 200 */
    size_t failed;           /* refused, or ended */
    uint64_t start;          /* ns */
    struct timer next;       /* opens more clients */
    struct loop_watch input; /* standard input */
    bool told;               /* the result was printed */
} load;

static void answered(void) {
    load.connecting--;
    timer_set(&load.worker.timers, &load.next, loop_now(load.worker.loop));
}

static void on_handshake(void *context) {
    static const struct h3_field field = {.name = JOIN_FIELD, .value = "new;v=1", .value_length = 7};
    struct carrier *carrier = context;

    if (leg_request(carrier->leg, load.name, load.authorization, &field, 1)) {
        carrier_close(carrier, H3_NO_ERROR, "no request");
    }
    carrier_mark(carrier);
}

static void on_open(void *context, const struct h3_message *response) {
    (void)context;
    (void)response;
    load.up++;
    answered();
}

static void on_refused(void *context, unsigned status, const char *reason, const struct h3_message *response) {
    (void)response;
    fprintf(stderr, "refused: %u %s\n", status, reason);
    carrier_close(context, H3_NO_ERROR, "refused");
}

static void on_closed(void *context, uint64_t code, const char *reason) {
    (void)code;
    carrier_close(context, H3_NO_ERROR, reason);
}

static void on_routes(void *context, const struct ip_range *ranges, size_t count) {
    (void)context;
    (void)ranges;
    (void)count;
}

static void on_mtu(void *context) {
    carrier_mark(context);
}

static void on_path(void *context, const struct conn_path *path) {
    (void)context;
    (void)path;
}

static void on_session_closed(struct carrier *carrier) {
    (void)carrier;
}

static void on_end(struct carrier *carrier, uint64_t now) {
    (void)now;
    if (load.failed++ == 0) {
        fprintf(stderr, "a connection ended: %s\n", conn_error(leg_conn(carrier->leg))->reason);
    }
    carrier_free(carrier);
    if (load.connecting > 0) {
        answered();
    }
}

static const struct carrier_hooks hooks = {.leg = {.on_open = on_open,
                                                   .on_refused = on_refused,
                                                   .on_routes = on_routes,
                                                   .on_closed = on_closed,
                                                   .on_mtu = on_mtu,
                                                   .on_handshake = on_handshake,
                                                   .on_path = on_path},
                                           .on_session_closed = on_session_closed,
                                           .on_end = on_end};

static void on_received(void *context, const struct udp_received *received) {
    (void)context;
    ingress_on_udp(&load.worker, received, NULL, NULL);
}

static void on_failure(void *context, int error) {
    (void)context;
    fprintf(stderr, "a socket failed: %s\n", strerror(-error));
}

static void die(const char *what) {
    fprintf(stderr, "bench_clients: %s\n", what);
    exit(1);
}

static void open_client(void) {
    const struct udp_settings udp = {.local = load.local, .pool = load.worker.buffers, .read_buffers = 4};
    const struct udp_hooks udp_hooks = {.on_received = on_received, .on_failure = on_failure};
    struct conn_client_settings peer = {.server_name = load.name, .first_dcid_worker = -1};
    struct leg_settings settings = {.uri_template = "/.well-known/masque/ip/{target}/{ipproto}/",
                                    .hooks = carrier_leg_hooks()};
    static struct udp_socket *socket;
    struct carrier *carrier;
    char why[256] = "";

    if (load.begun % SHARING == 0 && udp_open(load.worker.loop, &udp, &udp_hooks, &socket, why, sizeof why)) {
        die(why);
    }
    carrier = carrier_new(&load.worker, socket, &hooks, NULL);
    if (carrier == NULL) {
        die("no memory");
    }
    carrier->path = (struct conn_path){.local = udp_local(socket), .remote = load.server};
    settings.context = carrier;
    settings.conn = (struct conn_settings){.tls = load.tls, .path = carrier->path, .keepalive = KEEPALIVE};
    if (leg_client_new(&settings, &peer, loop_now(load.worker.loop), &carrier->leg)) {
        die("no leg");
    }
    carrier_mark(carrier);
    load.begun++;
    load.connecting++;
}

static void on_next(void *context, uint64_t now) {
    (void)context;
    while (load.begun < load.count && load.connecting < load.limit) {
        open_client();
    }
    if (load.up + load.failed == load.count && !load.told) {
        double seconds = (double)(now - load.start) / 1e9;

        load.told = true;
        printf("%zu up, %zu failed, %.2f s, %.0f a second\n", load.up, load.failed, seconds, (double)load.up / seconds);
        fflush(stdout);
    }
}

static void on_input(void *context, uint32_t revents) {
    char byte;

    (void)context;
    (void)revents;
    if (read(STDIN_FILENO, &byte, 1) <= 0) {
        loop_stop(load.worker.loop);
    }
}

/* The address that the kernel would send from. */
static int find_local(void) {
    socklen_t length = sizeof load.local;
    int fd = socket(load.server.sa.sa_family, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    int rc = connect(fd, &load.server.sa, sock_addr_length(&load.server)) || getsockname(fd, &load.local.sa, &length);

    close(fd);
    load.local.in.sin_port = 0; /* at the same place in both families */
    return rc;
}

int main(int argc, char **argv) {
    struct tls_client_settings trust = {0};
    struct worker_settings worker = {.small_buffers = 8192};
    char why[256] = "";

    if (argc != 7 || sock_addr_parse(argv[1], &load.server) || find_local()) {
        die("usage: bench_clients HOST:PORT CA-FILE NAME TOKEN COUNT AT-A-TIME");
    }
    log_set_level(LOG_LEVEL_WARNING);
    trust.ca_file = argv[2];
    load.name = argv[3];
    snprintf(load.authorization, sizeof load.authorization, "Bearer %s", argv[4]);
    load.count = (size_t)atol(argv[5]);
    load.limit = (size_t)atol(argv[6]);
    worker.large_buffers = 2 * load.count + 64;
    if (tls_client_context_new(&trust, &load.tls, why, sizeof why) ||
        worker_init(&load.worker, &worker, why, sizeof why)) {
        die(why);
    }
    load.input = (struct loop_watch){.fd = STDIN_FILENO, .events = POLLIN, .on_ready = on_input};
    loop_watch(load.worker.loop, &load.input);
    load.next = (struct timer){.on_due = on_next};
    load.start = loop_now(load.worker.loop);
    timer_set(&load.worker.timers, &load.next, load.start);
    loop_set_deadline(load.worker.loop, load.start);
    loop_run(load.worker.loop);
    printf("%zu up at the end\n", load.up - load.failed);
    return 0;
}
