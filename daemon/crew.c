/* SPDX-License-Identifier: GPL-2.0-or-later */
/* crew: starts, asks, reloads and stops the workers of a server.
 *
 * How it works: the main thread opens everything while it is still root, the threads take over what was opened for them
 * with the first turn of their loops (os/loop.h). From then on the main thread reaches into a worker's state only by
 * that worker's mailbox, and waits until it was done; a worker never waits for anybody. What all workers read without a
 * lock, the policy, is replaced like this: each worker takes the new one in a call of its own, then the old one is
 * freed. A worker whose loop ends by itself (its device or its ring failed) takes the whole daemon down.
 *
 * Left out: what a worker does (worker.c, server.c), what is asked (methods_show.c).
 * Invariants: with one worker there is no thread and no mailbox, and a call is a call; the policy that a worker has is
 * the crew's or, while crew_each() runs, the one before. */
#include "crew.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "users.h"

#define SERVER_TUN_MTU                                                                                                 \
    1434u /* bytes: the largest inner packet that a 1500-byte link can carry; sessions have their own limits */

/* the policy */

static void policy_free(struct policy *policy) {
    auth_free(policy->auth);
    tls_context_unref(policy->tls);
    *policy = (struct policy){0};
}

static int policy_keys(struct policy *policy, char *why, size_t why_size) {
    int error = tls_context_derive(policy->tls, "mpvpn stateless reset", policy->reset_key, sizeof policy->reset_key);
    if (!error)
        error = tls_context_derive(policy->tls, "mpvpn token", policy->token_key, sizeof policy->token_key);
    if (error)
        snprintf(why, why_size, "keys could not be derived from the private key: %s", strerror(-error));
    return error;
}

static int policy_load(struct policy *policy, const struct config *config, char *why, size_t why_size) {
    int error;
    *policy = (struct policy){.config = config, .scheduler = config_scheduler(config)};
    error = tls_server_context_new(config->certificate, config->private_key, NULL, &policy->tls, why, why_size);
    if (!error)
        error = policy_keys(policy, why, why_size);
    if (!error)
        error = users_load(config, &policy->auth, why, why_size);
    if (error)
        policy_free(policy);
    return error;
}

/* asking all */

/** A call on its way to one worker. */
struct errand {
    void (*fn)(struct server *server, void *context); /**< what to do */
    struct server *server;                            /**< with whom */
    void *context;                                    /**< and with what */
};

static void on_errand(void *context) {
    const struct errand *errand = context;
    errand->fn(errand->server, errand->context);
}

void crew_each(struct crew *crew, void (*fn)(struct server *server, void *context), void *context) {
    for (size_t i = 0; i < crew->count; i++) {
        struct errand errand = {fn, &crew->server[i], context};
        if (crew->hand && crew->hand[i].running)
            mailbox_call(crew->hand[i].mailbox, on_errand, &errand);
        else if (crew->server[i].worker)
            on_errand(&errand);
    }
}

const struct tun *crew_tun(const struct crew *crew) {
    return crew->hand ? crew->hand[0].worker.tun : crew->main->tun;
}

/* threads */

static void on_ended(void *context) {
    struct hand *hand = context;
    if (!hand->crew->stopping)
        loop_fail(hand->crew->main->loop, hand->error ? hand->error : -ECANCELED);
}

static void on_stop(struct server *server, void *context) {
    (void)context;
    loop_stop(server->worker->loop);
}

/* All that a worker opened is closed by its own thread, whose the ring is. */
static void *run_worker(void *context) {
    struct hand *hand = context;
    struct server *server = &hand->crew->server[hand->worker.number];
    char name[16];
    snprintf(name, sizeof name, "mpvpnd-%u", hand->worker.number);
    pthread_setname_np(pthread_self(), name);
    hand->error = loop_run(hand->worker.loop);
    if (hand->error)
        log_error("the event loop of worker %u failed: %s", hand->worker.number, strerror(-hand->error));
    mailbox_shut(hand->mailbox);
    server_fini(server);
    worker_fini(&hand->worker);
    hand->ended = (struct mail){.run = on_ended, .context = hand};
    mailbox_post(hand->crew->main_mailbox, &hand->ended);
    return NULL;
}

int crew_run(struct crew *crew, char *why, size_t why_size) {
    for (size_t i = 0; crew->hand && i < crew->count; i++) {
        int error = pthread_create(&crew->hand[i].thread, NULL, run_worker, &crew->hand[i]);
        if (error) {
            snprintf(why, why_size, "a worker's thread could not be started: %s", strerror(error));
            return -error;
        }
        crew->hand[i].running = true;
    }
    return 0;
}

/* start */

/* The server's own address of a version, if it has any. */
static int set_address(struct crew *crew, uint8_t version) {
    struct ip_prefix own;
    int error;
    if (pool_server_address(crew->shared.pool, version, &own))
        return 0;
    error = netlink_address(crew->netlink, tun_ifindex(crew_tun(crew)), &own, true);
    crew->refused[version == 6] = error != 0;
    return error;
}

/* Of each version: one that is refused is no reason to do without the other. @return the first error */
static int set_addresses(struct crew *crew) {
    const int error4 = set_address(crew, 4), error6 = set_address(crew, 6);
    return error4 ? error4 : error6;
}

void crew_on_refused(struct crew *crew, const struct netlink_refusal *refusal) {
    if (refusal->prefix.addr.version)
        crew->refused[refusal->prefix.addr.version == 6] = true;
}

void crew_retry(struct crew *crew) {
    if (!crew->configured || !tun_ifindex(crew_tun(crew)))
        return;
    for (uint8_t version = 4; version <= 6; version += 2)
        if (crew->refused[version == 6] && !set_address(crew, version))
            log_notice("%s: the IPv%u address could be set again", tun_name(crew_tun(crew)), version);
}

int crew_address(const struct crew *crew, uint8_t version, struct ip_prefix *out) {
    return crew->refused[version == 6] || !crew->shared.pool ? -ENOENT
                                                             : pool_server_address(crew->shared.pool, version, out);
}

static int configure_device(struct crew *crew, const struct tun *tun, char *why, size_t why_size) {
    const struct config *config = crew->policy.config;
    int error =
        netlink_device_up(crew->netlink, tun_ifindex(tun), config->mtu_bytes ? config->mtu_bytes : SERVER_TUN_MTU);
    if (!error)
        error = set_addresses(crew);
    if (!error)
        crew->configured = true;
    else
        snprintf(why, why_size, "%s could not be configured: %s", tun_name(tun), strerror(-error));
    return error;
}

/** Where the device is. */
struct location {
    bool gone;              /**< the kernel said that it is gone from here */
    enum worker_device now; /**< what became of it */
};

static void locate_device(struct server *server, void *context) {
    struct location *location = context;
    const enum worker_device now = worker_locate_tun(server->worker, location->gone);
    if (now != WORKER_DEVICE_STAYED)
        location->now = now;
}

/* All queues of the device go with it. If it is back with the same index, what was set is still in the journal. */
static void follow_device(struct crew *crew, bool gone) {
    const unsigned before = tun_ifindex(crew_tun(crew));
    struct location location = {.gone = gone, .now = WORKER_DEVICE_STAYED};
    char why[256];
    crew_each(crew, locate_device, &location);
    if (location.now == WORKER_DEVICE_STAYED)
        return;
    crew->device_down = false;
    if (before && before != tun_ifindex(crew_tun(crew)))
        netlink_forget(crew->netlink, before);
    if (location.now == WORKER_DEVICE_RETURNED && configure_device(crew, crew_tun(crew), why, sizeof why))
        log_warning("%s", why);
}

void crew_on_link(struct crew *crew, unsigned ifindex, bool present, bool up) {
    unsigned own;
    if (!crew->configured)
        return;
    own = tun_ifindex(crew_tun(crew));
    if (present ? !own : ifindex == own)
        return follow_device(crew, !present);
    if (ifindex != own)
        return;
    if (up && crew->device_down)
        set_addresses(crew);
    crew->device_down = !up;
}

static int start_server(struct crew *crew, size_t i, struct worker *worker, char *why, size_t why_size) {
    int error =
        worker_open_tun(worker, i ? tun_name(crew_tun(crew)) : crew->policy.config->device, crew->count, why, why_size);
    if (!error && i == 0)
        error = configure_device(crew, worker->tun, why, why_size);
    for (uint8_t version = 4; version <= 6; version += 2) {
        struct ip_prefix own;
        if (!pool_server_address(crew->shared.pool, version, &own))
            worker->icmp_source[version == 6] = own.addr;
    }
    loop_set_busy_poll(worker->loop, crew->policy.config->busy_poll);
    return error ? error : server_start(&crew->server[i], worker, &crew->shared, &crew->policy, why, why_size);
}

static int make_hand(struct crew *crew, size_t i, char *why, size_t why_size) {
    const struct worker_settings settings = {.server = true, .number = (uint8_t)i};
    struct hand *hand = &crew->hand[i];
    int error = worker_init(&hand->worker, &settings, why, why_size);
    if (error)
        return error;
    hand->crew = crew;
    error = mailbox_new(hand->worker.loop, &hand->mailbox);
    if (error)
        snprintf(why, why_size, "a worker could not be made: %s", strerror(-error));
    crew->station[i] = (struct station){.mailbox = hand->mailbox, .server = &crew->server[i]};
    crew->worker[i] = &hand->worker;
    if (error)
        return error;
    hand->worker.handover = hand->handover = handover_new(&hand->worker, &crew->shared, crew->worker);
    return hand->handover ? 0 : -ENOMEM;
}

static int make_hands(struct crew *crew, char *why, size_t why_size) {
    int error;
    crew->hand = calloc(crew->count, sizeof *crew->hand);
    crew->station = calloc(crew->count, sizeof *crew->station);
    crew->worker = calloc(crew->count, sizeof *crew->worker);
    if (!crew->hand || !crew->station || !crew->worker)
        return -ENOMEM;
    crew->shared.station = crew->station;
    error = mailbox_new(crew->main->loop, &crew->main_mailbox);
    for (size_t i = 0; !error && i < crew->count; i++)
        error = make_hand(crew, i, why, why_size);
    return error;
}

/* Pool and seats. */
static int make_shared(struct crew *crew, char *why, size_t why_size) {
    const struct config *config = crew->policy.config;
    struct pool *pool;
    int error = pool_new(config->pool, config->pool_count, &pool, why, why_size);
    if (error)
        return error;
    error = shared_init(&crew->shared, crew->count, pool);
    if (error) {
        pool_free(pool);
        return error;
    }
    return shared_reserve(&crew->shared, crew->policy.auth, NULL, why, why_size);
}

int crew_load(struct crew *crew, size_t count, const struct config *config, char *why, size_t why_size) {
    int error;
    *crew = (struct crew){.count = count};
    snprintf(why, why_size, "no memory for %zu workers", count);
    crew->server = calloc(count, sizeof *crew->server);
    error = crew->server ? policy_load(&crew->policy, config, why, why_size) : -ENOMEM;
    return error ? error : make_shared(crew, why, why_size);
}

int crew_start(struct crew *crew, struct worker *main, struct netlink *netlink, char *why, size_t why_size) {
    int error = 0;
    crew->main = main;
    crew->netlink = netlink;
    snprintf(why, why_size, "no memory for %zu workers", crew->count);
    if (crew->count > 1)
        error = make_hands(crew, why, why_size);
    for (size_t i = 0; !error && i < crew->count; i++)
        error = start_server(crew, i, crew->hand ? &crew->hand[i].worker : main, why, why_size);
    if (!error && crew->count > 1)
        log_notice("%zu workers", crew->count);
    return error;
}

/* end */

static void close_server(struct server *server, void *context) {
    size_t *connections = context;
    const struct carrier *carrier;
    for (carrier = server->worker->carriers; carrier; carrier = carrier->next)
        ++*connections;
    server_close(server);
}

size_t crew_close(struct crew *crew) {
    size_t connections = 0;
    crew_each(crew, close_server, &connections);
    return connections;
}

/* A hand whose thread never ran is the main thread's to free. */
static void free_hands(struct crew *crew) {
    crew->stopping = true;
    crew_each(crew, on_stop, NULL);
    for (size_t i = 0; i < crew->count; i++) {
        struct hand *hand = &crew->hand[i];
        if (hand->running) {
            pthread_join(hand->thread, NULL);
            hand->running = false;
        } else {
            server_fini(&crew->server[i]);
            if (hand->mailbox)
                mailbox_shut(hand->mailbox);
            worker_fini(&hand->worker);
            crew->server[i].worker = NULL;
        }
    }
    for (size_t i = 0; i < crew->count; i++) {
        mailbox_free(crew->hand[i].mailbox);
        handover_free(crew->hand[i].handover);
    }
    if (crew->main_mailbox)
        mailbox_shut(crew->main_mailbox);
    mailbox_free(crew->main_mailbox);
    free(crew->hand);
    free(crew->station);
    free(crew->worker);
}

void crew_fini(struct crew *crew) {
    if (crew->hand)
        free_hands(crew);
    else if (crew->server)
        server_fini(&crew->server[0]);
    free(crew->server);
    shared_fini(&crew->shared);
    policy_free(&crew->policy);
    *crew = (struct crew){0};
}

/* changes */

static void take_policy(struct server *server, void *context) {
    const struct policy *policy = context;
    server_take_policy(server, policy);
    loop_set_busy_poll(server->worker->loop, policy->config->busy_poll);
}

/* All workers go by the new policy before the old one is freed. */
static void replace_policy(struct crew *crew, const struct policy *policy) {
    struct policy old = crew->policy;
    crew->policy = *policy;
    crew_each(crew, take_policy, &crew->policy);
    policy_free(&old);
}

static bool needs_restart(const struct config *a, const struct config *b) {
    return a->listen_count != b->listen_count || a->pool_count != b->pool_count || strcmp(a->device, b->device) != 0 ||
           a->mtu_bytes != b->mtu_bytes || a->workers != b->workers ||
           memcmp(a->listen, b->listen, a->listen_count * sizeof *a->listen) != 0 ||
           memcmp(a->pool, b->pool, a->pool_count * sizeof *a->pool) != 0;
}

static int replace(struct crew *crew, const struct config *config, char *why, size_t why_size) {
    struct policy policy;
    int error = policy_load(&policy, config, why, why_size);
    if (error)
        return error;
    if (policy.scheduler == config_scheduler(crew->policy.config))
        policy.scheduler = crew->policy.scheduler; /* mpvpnctl may have set another one */
    error = shared_reserve(&crew->shared, policy.auth, crew->policy.auth, why, why_size);
    if (error)
        policy_free(&policy);
    else
        replace_policy(crew, &policy);
    return error;
}

int crew_reload(struct crew *crew, const struct config *config, char *why, size_t why_size) {
    if (needs_restart(crew->policy.config, config)) {
        snprintf(why, why_size,
                 "%s: Listen, Pool, Device, MTU and Workers cannot change while running: restart the daemon",
                 config->file);
        return -EBUSY;
    }
    return replace(crew, config, why, why_size);
}

int crew_reload_users(struct crew *crew, char *why, size_t why_size) {
    struct policy policy = crew->policy;
    int error = users_load(crew->policy.config, &policy.auth, why, why_size);
    if (error)
        return error;
    error = shared_reserve(&crew->shared, policy.auth, crew->policy.auth, why, why_size);
    if (error) {
        auth_free(policy.auth);
        return error;
    }
    tls_context_ref(policy.tls); /* replacing the old policy drops one */
    replace_policy(crew, &policy);
    return 0;
}

/** A session to be closed. */
struct closing {
    uint64_t id;        /**< its number */
    const char *reason; /**< as the CLOSE capsule has it */
    bool found;         /**< somebody had it */
};

static void close_session(struct server *server, void *context) {
    struct closing *closing = context;
    if (!closing->found)
        closing->found = server_evict(server, closing->id, closing->reason) == 0;
}

int crew_close_session(struct crew *crew, uint64_t id, const char *reason) {
    struct closing closing = {.id = id, .reason = reason};
    crew_each(crew, close_session, &closing);
    return closing.found ? 0 : -ENOENT;
}

static void set_scheduler(struct server *server, void *context) {
    server_set_scheduler(server, *(const enum sched_id *)context);
}

void crew_set_scheduler(struct crew *crew, enum sched_id id) {
    crew->policy.scheduler = id;
    crew_each(crew, set_scheduler, &id);
}
