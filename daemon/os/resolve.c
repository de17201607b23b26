/* SPDX-License-Identifier: GPL-2.0-or-later */
/* resolve: getaddrinfo() without blocking the loop.
 * Each query is a value of its own, shared by us and by a detached thread that lives as long as the query; an eventfd
 * in it wakes the loop. Two references count who still needs it; so resolve_free() can walk away from a query under
 * way, and the thread cleans up when the resolver library lets go of it. The thread is made at the first need, after
 * privileges were dropped, and so has none of its own. It leaves out caching and retries (the hall keeps answers) and
 * name-server configuration (the C library's). Invariant: the thread touches nothing but its query, and the loop's side
 * reads the answer only after the eventfd was written. Standards: RFC 6724 (the order of the answer is getaddrinfo's).
 */
#include "os/resolve.h"

#include <errno.h>
#include <netdb.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <unistd.h>

#define STACK_BYTES (1024 * 1024) /* getaddrinfo's own needs, with modules that people plug in */

/** A question and its answer. */
struct query {
    atomic_uint references;                /**< the loop's side and the thread's */
    int wake_fd;                           /**< eventfd: the answer is complete */
    int error;                             /**< 0 or EAI_… */
    size_t count;                          /**< addresses in the answer */
    struct ip_addr addresses[RESOLVE_MAX]; /**< the answer */
    char host[];                           /**< the question */
};

struct resolve {
    struct loop *loop;            /**< borrowed */
    struct query *query;          /**< under way; NULL: none */
    struct loop_watch watch;      /**< on the query's eventfd */
    resolve_answer_fn *on_answer; /**< whom to tell */
    void *context;                /**< handed to it */
};

static void query_release(struct query *query) {
    if (atomic_fetch_sub(&query->references, 1) != 1)
        return;
    close(query->wake_fd);
    free(query);
}

/** A fresh query with one reference. @return NULL: errno says why */
static struct query *query_new(const char *host) {
    size_t size = strlen(host) + 1;
    struct query *query = calloc(1, sizeof *query + size);

    if (!query)
        return NULL;
    query->wake_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    if (query->wake_fd < 0) {
        free(query);
        return NULL;
    }
    atomic_init(&query->references, 1);
    memcpy(query->host, host, size);
    return query;
}

/** The answer is complete: wake the loop. */
static void query_answered(struct query *query) {
    const uint64_t one = 1;
    ssize_t written;

    do
        written = write(query->wake_fd, &one, sizeof one);
    while (written < 0 && errno == EINTR);
}

/** Note an address once; an IPv4-mapped one as IPv4. */
static void query_add(struct query *query, const struct ip_addr *addr) {
    if (addr->version == 0 || query->count == RESOLVE_MAX)
        return;
    for (size_t i = 0; i < query->count; i++)
        if (ip_addr_compare(&query->addresses[i], addr) == 0)
            return;
    query->addresses[query->count++] = *addr;
}

static void *query_thread(void *argument) {
    struct query *query = argument;
    struct addrinfo hints = {.ai_family = AF_UNSPEC, .ai_socktype = SOCK_DGRAM}, *list = NULL;

    query->error = getaddrinfo(query->host, NULL, &hints, &list);
    if (query->error == 0) {
        for (const struct addrinfo *at = list; at; at = at->ai_next) {
            union sock_addr endpoint;
            struct ip_addr addr;

            if (at->ai_addrlen > sizeof endpoint)
                continue;
            memset(&endpoint, 0, sizeof endpoint);
            memcpy(&endpoint, at->ai_addr, at->ai_addrlen);
            addr = sock_addr_ip(&endpoint);
            query_add(query, &addr);
        }
        freeaddrinfo(list);
        if (query->count == 0)
            query->error = EAI_NONAME;
    }
    query_answered(query);
    query_release(query);
    return NULL;
}

/** Start the thread of a query, all signals blocked in it. @return 0 or -errno */
static int query_start(struct query *query) {
    sigset_t all, before;
    pthread_attr_t attributes;
    pthread_t thread;
    int rc = pthread_attr_init(&attributes);

    if (rc)
        return -rc;
    pthread_attr_setdetachstate(&attributes, PTHREAD_CREATE_DETACHED);
    pthread_attr_setstacksize(&attributes, STACK_BYTES);
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &before);
    atomic_fetch_add(&query->references, 1);
    rc = pthread_create(&thread, &attributes, query_thread, query);
    if (rc)
        query_release(query);
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    pthread_attr_destroy(&attributes);
    return -rc;
}

/** Let go of the query under way; its thread may go on without us. */
static void abandon(struct resolve *resolve) {
    if (!resolve->query)
        return;
    loop_unwatch(&resolve->watch);
    query_release(resolve->query);
    resolve->query = NULL;
}

static void on_ready(void *context, uint32_t revents) {
    struct resolve *resolve = context;
    struct query *query = resolve->query;
    uint64_t value;

    (void)revents;
    if (!query || read(query->wake_fd, &value, sizeof value) != sizeof value)
        return;
    resolve->query = NULL;
    loop_unwatch(&resolve->watch);
    /* The answer is told last: it may ask again, or free us. */
    resolve->on_answer(resolve->context, query->error, query->addresses, query->error ? 0 : query->count);
    query_release(query);
}

int resolve_new(struct loop *loop, struct resolve **out) {
    struct resolve *resolve = calloc(1, sizeof *resolve);

    if (!resolve)
        return -ENOMEM;
    resolve->loop = loop;
    *out = resolve;
    return 0;
}

void resolve_free(struct resolve *resolve) {
    if (!resolve)
        return;
    abandon(resolve);
    free(resolve);
}

int resolve_query(struct resolve *resolve, const char *host, resolve_answer_fn *on_answer, void *context) {
    int rc;

    if (resolve->query)
        return -EBUSY;
    resolve->query = query_new(host);
    if (!resolve->query)
        return -errno;
    resolve->on_answer = on_answer;
    resolve->context = context;
    resolve->watch =
        (struct loop_watch){.fd = resolve->query->wake_fd, .events = POLLIN, .on_ready = on_ready, .context = resolve};
    rc = loop_watch(resolve->loop, &resolve->watch);
    if (rc)
        goto err_query;
    rc = query_start(resolve->query);
    if (rc)
        goto err_query;
    return 0;

err_query:
    abandon(resolve);
    return rc;
}
