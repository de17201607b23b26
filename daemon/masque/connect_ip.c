/* SPDX-License-Identifier: GPL-2.0-or-later */
/* connect_ip: one CONNECT-IP tunnel on one connection.
 *
 * How it works: a small state machine over h3. The client keeps its request until the server's SETTINGS say that it can
 * be made; the server judges every request by its form, asks its owner about those that are CONNECT-IP, and answers the
 * others itself. While the tunnel is open, body bytes of its stream go through the capsule decoder and QUIC DATAGRAMs
 * straight to the owner: a comparison of the stream ID, a look at the context ID. Datagrams that overtook their request
 * wait in a block that exists only then. What it leaves out: which addresses and routes (the owner's), what a datagram
 * means, more than one tunnel on a connection. Invariants: the owner hears exactly one of on_refused and on_closed for
 * each request it made or accepted, unless it ended the tunnel itself; nothing of the peer's is handed over unless the
 * state is STATE_OPEN. Standards: RFC 9484, RFC 9297, RFC 9220. */
#include "masque/connect_ip.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "masque/answer.h"
#include "masque/held.h"

#define PATH_BYTES_MAX 1024u /* bytes, with NUL: longest expanded path */
#define OWN_FIELDS 2u        /* fields that this file adds to a request */
/* What path-MTU probes go by: the last ID of those that this end allocates (RFC 9298 section 4: a client's are even).
 */
#define PROBE_CONTEXT(server) ((server) ? (UINT64_C(1) << 62) - 1 : (UINT64_C(1) << 62) - 2)
#define CONTEXTS_MAX 64u /* context IDs that can be registered are below this */
#define ADDRESSES_BYTES_MAX (16u + CAPSULE_ADDRESSES_MAX * 26u)
#define ROUTES_BYTES_MAX (16u + CAPSULE_ROUTES_MAX * 34u)

/** How far the tunnel is. stream_id is meaningful from STATE_ASKED on. */
enum state {
    STATE_IDLE,    /**< nothing asked (client), no tunnel yet (server) */
    STATE_WAITING, /**< client: the request waits for the peer's SETTINGS */
    STATE_ASKED,   /**< client: sent, not answered */
    STATE_OPEN,    /**< capsules and datagrams flow */
    STATE_CLOSED,  /**< over; no other tunnel will be on this connection */
};

/** A request being kept. All owned. */
struct request {
    char path[PATH_BYTES_MAX];             /**< expanded */
    char *authority;                       /**< :authority */
    char *authorization;                   /**< secret; NULL: none */
    struct h3_field fields[H3_FIELDS_MAX]; /**< our own and the owner's; names and values owned from own_count on */
    size_t field_count;                    /**< how many */
    size_t own_count;                      /**< the first of them, which borrow */
};

struct connect_ip {
    bool server;                             /**< which end */
    bool started;                            /**< connect_ip_start() was called */
    bool settings_known;                     /**< the peer's SETTINGS came */
    bool extended_connect;                   /**< they allow extended CONNECT */
    enum state state;                        /**< see there */
    struct conn *conn;                       /**< borrowed */
    struct h3 *h3;                           /**< owned */
    char *uri_template;                      /**< owned: the configuration that it comes from may be replaced */
    const struct connect_ip_hooks *hooks;    /**< borrowed */
    void *context;                           /**< handed to the hooks */
    int64_t stream_id;                       /**< the tunnel's request stream */
    int64_t newest_stream;                   /**< server: highest request stream seen; -1: none */
    uint8_t prefix[8];                       /**< quarter stream ID, encoded */
    size_t prefix_length;                    /**< bytes */
    uint64_t contexts;                       /**< registered context IDs, one bit each */
    struct capsule_decoder *decoder;         /**< of the tunnel's stream */
    struct request *request;                 /**< STATE_WAITING: what to ask; else NULL */
    struct held held;                        /**< datagrams that wait for their request */
    struct connect_ip_statistics statistics; /**< counters */
};

static char *wipe(char *secret) {
    if (secret != NULL)
        explicit_bzero(secret, strlen(secret));
    return secret;
}

static void request_free(struct request *request) {
    if (request == NULL)
        return;
    for (size_t i = request->own_count; i < request->field_count; i++) {
        free((void *)(uintptr_t)request->fields[i].name);
        free((void *)(uintptr_t)request->fields[i].value);
    }
    free(request->authority);
    free(wipe(request->authorization));
    free(request);
}

/** The tunnel is over: tell the owner. */
static void tunnel_closed(struct connect_ip *ip, uint64_t code, const char *reason) {
    ip->state = STATE_CLOSED;
    ip->hooks->on_closed(ip->context, code, reason);
}

/** An HTTP Datagram of the open tunnel. */
static void deliver(struct connect_ip *ip, const uint8_t *payload, size_t length) {
    uint64_t context_id;
    size_t used = varint_read(payload, length, &context_id);
    if (used == 0) {
        ip->statistics.malformed++;
    } else if (context_id == PROBE_CONTEXT(!ip->server)) {
        ip->statistics.probes++;
    } else if (context_id >= CONTEXTS_MAX || (ip->contexts >> context_id & 1) == 0) {
        ip->statistics.unknown_context++;
    } else {
        ip->hooks->on_datagram(ip->context, context_id, payload + used, length - used);
    }
}

/* What the capsule decoder found. The owner may have ended the tunnel by an earlier capsule of the same bytes. */

static uint64_t on_address_assign(void *context, const struct capsule_address *addresses, size_t count) {
    struct connect_ip *ip = context;
    if (ip->state == STATE_OPEN)
        ip->hooks->on_addresses(ip->context, addresses, count);
    return 0;
}

static uint64_t on_address_request(void *context, const struct capsule_address *addresses, size_t count) {
    struct connect_ip *ip = context;
    if (ip->state == STATE_OPEN)
        ip->hooks->on_address_request(ip->context, addresses, count);
    return 0;
}

static uint64_t on_routes(void *context, const struct ip_range *ranges, size_t count) {
    struct connect_ip *ip = context;
    if (ip->state == STATE_OPEN)
        ip->hooks->on_routes(ip->context, ranges, count);
    return 0;
}

static uint64_t on_datagram_capsule(void *context, const uint8_t *payload, size_t length) {
    struct connect_ip *ip = context;
    if (ip->state == STATE_OPEN)
        deliver(ip, payload, length);
    return 0;
}

static uint64_t on_unknown_capsule(void *context, uint64_t type, const uint8_t *value, size_t length) {
    struct connect_ip *ip = context;
    if (ip->state == STATE_OPEN && ip->hooks->on_capsule != NULL)
        ip->hooks->on_capsule(ip->context, type, value, length);
    return 0;
}

static const struct capsule_hooks capsule_hooks = {
    .on_address_assign = on_address_assign,
    .on_address_request = on_address_request,
    .on_routes = on_routes,
    .on_datagram = on_datagram_capsule,
    .on_unknown = on_unknown_capsule,
};

/** Whether the request of this stream may still come or be answered. */
static bool may_come(const struct connect_ip *ip, int64_t stream_id) {
    if (ip->server)
        return ip->state == STATE_IDLE && stream_id > ip->newest_stream;
    return ip->state == STATE_ASKED && stream_id == ip->stream_id;
}

/** The tunnel has opened: hand over what waited for it. */
static void release_held(struct connect_ip *ip) {
    for (const struct held_datagram *datagram; (datagram = held_oldest(&ip->held)) != NULL; held_drop(&ip->held)) {
        if (datagram->stream_id == ip->stream_id && ip->state == STATE_OPEN) {
            deliver(ip, datagram->payload, datagram->length);
        } else {
            ip->statistics.unknown_stream++;
        }
    }
}

/** Let the connection probe the path's MTU by datagrams of a context ID that nobody registers: RFC 9484 section 4 has
 * every peer drop them. */
static void offer_probe(struct connect_ip *ip) {
    uint8_t content[CONNECT_IP_PREFIX_MAX];
    if (connect_ip_takes_datagrams(ip))
        conn_set_probe(ip->conn, content, connect_ip_datagram_prefix(ip, PROBE_CONTEXT(ip->server), content));
}

/** Both ends agreed. */
static void tunnel_opened(struct connect_ip *ip, int64_t stream_id, const struct h3_message *response) {
    ip->state = STATE_OPEN;
    ip->stream_id = stream_id;
    ip->prefix_length = h3_datagram_prefix(stream_id, ip->prefix);
    offer_probe(ip);
    ip->hooks->on_open(ip->context, response);
    release_held(ip);
}

/** Refuse a request, or answer one that is not for us. */
static void send_refusal(struct connect_ip *ip, int64_t stream_id, const struct h3_message *request,
                         const struct answer *answer, const struct connect_ip_answer *owners) {
    struct h3_field fields[H3_FIELDS_MAX];
    char proxy_status[ANSWER_STATUS_MAX], body[ANSWER_REASON_MAX + 1];
    size_t count = 0;
    bool connect = request->method != NULL && strcmp(request->method, "CONNECT") == 0;
    bool head = request->method != NULL && strcmp(request->method, "HEAD") == 0;
    const char *reason = answer->reason != NULL ? answer->reason : "refused";
    fields[count++] =
        (struct h3_field){.name = "content-type", .value = "text/plain", .value_length = strlen("text/plain")};
    if (answer->allow)
        fields[count++] = (struct h3_field){.name = "allow", .value = "CONNECT", .value_length = strlen("CONNECT")};
    if (connect) {
        answer_print_proxy_status(reason, proxy_status);
        fields[count++] =
            (struct h3_field){.name = "proxy-status", .value = proxy_status, .value_length = strlen(proxy_status)};
    }
    for (size_t i = 0; owners != NULL && i < owners->field_count && count < H3_FIELDS_MAX - 1; i++)
        fields[count++] = owners->fields[i];
    struct h3_message response = {.status = answer->status, .fields = fields, .field_count = count};
    if (h3_respond(ip->h3, stream_id, &response, head) != 0 || head)
        return;
    int length = snprintf(body, sizeof(body), "%.*s\n", (int)ANSWER_REASON_MAX - 1, reason);
    h3_write(ip->h3, stream_id, (const uint8_t *)body, (size_t)length);
    h3_finish(ip->h3, stream_id);
}

/** Accept: the 200, then the tunnel. @return false: the owner's fields cannot be sent */
static bool send_acceptance(struct connect_ip *ip, int64_t stream_id, const struct connect_ip_answer *answer) {
    struct h3_field fields[H3_FIELDS_MAX] = {{.name = "capsule-protocol", .value = "?1", .value_length = 2}};
    size_t count = 1;
    for (size_t i = 0; i < answer->field_count && count < H3_FIELDS_MAX - 1; i++)
        fields[count++] = answer->fields[i];
    struct h3_message response = {.status = 200, .fields = fields, .field_count = count};
    if (h3_respond(ip->h3, stream_id, &response, false) != 0)
        return false;
    tunnel_opened(ip, stream_id, &response);
    return true;
}

/** Server: a request came. */
static void on_request(void *context, int64_t stream_id, const struct h3_message *message) {
    struct connect_ip *ip = context;
    struct connect_ip_request request = {.stream_id = stream_id, .message = message, .authority = message->authority};
    struct connect_ip_answer owners = {.status = 503};
    if (stream_id > ip->newest_stream)
        ip->newest_stream = stream_id;
    struct answer answer = answer_judge(ip->uri_template, message, &request.scope);
    if (answer.status == 0 && ip->state != STATE_IDLE) {
        answer = (struct answer){.status = 429, .reason = "there is one tunnel for each connection"};
    }
    if (answer.status == 0) {
        const struct h3_field *authorization = h3_message_field(message, "authorization", NULL);
        request.authorization = authorization != NULL ? authorization->value : NULL;
        ip->hooks->on_request(ip->context, &request, &owners);
        if (owners.status == 200 && send_acceptance(ip, stream_id, &owners))
            return;
        bool refused = owners.status >= 300 && owners.status <= 599;
        answer = (struct answer){.status = refused ? owners.status : 500,
                                 .reason = refused ? owners.reason : "internal error"};
    }
    send_refusal(ip, stream_id, message, &answer, answer.status == owners.status ? &owners : NULL);
}

/** Client: the answer came. */
static void on_response(void *context, int64_t stream_id, const struct h3_message *response) {
    struct connect_ip *ip = context;
    char reason[ANSWER_REASON_MAX];
    if (ip->state != STATE_ASKED || stream_id != ip->stream_id)
        return;
    if (response->status >= 300) {
        answer_reason(response, reason);
        ip->state = STATE_IDLE;
        h3_reset(ip->h3, stream_id, H3_REQUEST_CANCELLED);
        ip->hooks->on_refused(ip->context, response->status, reason, response);
        return;
    }
    const char *fault = answer_fault(response);
    if (fault != NULL) {
        ip->state = STATE_IDLE;
        h3_reset(ip->h3, stream_id, H3_MESSAGE_ERROR);
        ip->hooks->on_refused(ip->context, response->status, fault, response);
        return;
    }
    tunnel_opened(ip, stream_id, response);
}

static uint64_t on_body(void *context, int64_t stream_id, const uint8_t *data, size_t length) {
    struct connect_ip *ip = context;
    if (ip->state != STATE_OPEN || stream_id != ip->stream_id)
        return 0;
    return capsule_decoder_feed(ip->decoder, data, length);
}

static void on_end(void *context, int64_t stream_id) {
    struct connect_ip *ip = context;
    if (ip->state != STATE_OPEN || stream_id != ip->stream_id)
        return;
    uint64_t error = capsule_decoder_end(ip->decoder);
    if (error != 0) {
        h3_reset(ip->h3, stream_id, error);
        tunnel_closed(ip, error, capsule_decoder_why(ip->decoder));
    } else {
        h3_finish(ip->h3, stream_id);
        tunnel_closed(ip, H3_NO_ERROR, "the peer ended the tunnel");
    }
}

static void on_closed(void *context, int64_t stream_id, uint64_t error_code) {
    struct connect_ip *ip = context;
    char reason[ANSWER_REASON_MAX];
    if ((ip->state != STATE_OPEN && ip->state != STATE_ASKED) || stream_id != ip->stream_id)
        return;
    const char *why = capsule_decoder_why(ip->decoder);
    if (why[0] != '\0') {
        snprintf(reason, sizeof(reason), "the peer sent a malformed capsule: %s", why);
    } else {
        snprintf(reason, sizeof(reason), "the request was abandoned with HTTP/3 error 0x%llx",
                 (unsigned long long)error_code);
    }
    tunnel_closed(ip, error_code, reason);
}

/** Client: it cannot be done with this peer, or the request cannot be made. */
static void refused_unasked(struct connect_ip *ip, const char *reason) {
    request_free(ip->request);
    ip->request = NULL;
    ip->state = STATE_IDLE;
    ip->hooks->on_refused(ip->context, 0, reason, NULL);
}

/** Client: send the request as soon as the connection is ready and the peer's SETTINGS are known. */
static void ask(struct connect_ip *ip) {
    if (ip->state != STATE_WAITING || !ip->started || !ip->settings_known)
        return;
    if (!ip->extended_connect) {
        refused_unasked(ip, "the server does not offer extended CONNECT (RFC 9220)");
        return;
    }
    if (!h3_peer_takes_datagrams(ip->h3)) {
        refused_unasked(ip, "the server does not take HTTP Datagrams (RFC 9297)");
        return;
    }
    const struct request *request = ip->request;
    struct h3_message message = {.method = "CONNECT",
                                 .protocol = "connect-ip",
                                 .scheme = "https",
                                 .authority = request->authority,
                                 .path = request->path,
                                 .fields = request->fields,
                                 .field_count = request->field_count};
    int64_t stream_id = h3_request(ip->h3, &message);
    if (stream_id < 0) {
        refused_unasked(ip, stream_id == -EINVAL ? "the request cannot be sent: a field is malformed"
                                                 : "the server allows no request");
        return;
    }
    request_free(ip->request);
    ip->request = NULL;
    ip->stream_id = stream_id;
    ip->state = STATE_ASKED;
}

static void on_settings(void *context, bool extended_connect, bool datagrams) {
    struct connect_ip *ip = context;
    (void)datagrams;
    ip->settings_known = true;
    offer_probe(ip);
    ip->extended_connect = extended_connect;
    ask(ip);
}

static const struct h3_hooks h3_hooks = {
    .on_settings = on_settings,
    .on_request = on_request,
    .on_response = on_response,
    .on_body = on_body,
    .on_end = on_end,
    .on_closed = on_closed,
};

int connect_ip_new(bool server, struct conn *conn, const char *uri_template, const struct connect_ip_hooks *hooks,
                   void *context, struct connect_ip **out) {
    if (connect_ip_template_fault(uri_template) != NULL)
        return -EINVAL;
    struct connect_ip *ip = calloc(1, sizeof(*ip));
    if (ip == NULL)
        return -ENOMEM;
    *ip = (struct connect_ip){.server = server,
                              .conn = conn,
                              .uri_template = strdup(uri_template),
                              .hooks = hooks,
                              .context = context,
                              .stream_id = -1,
                              .newest_stream = -1,
                              .contexts = 1};
    ip->decoder = capsule_decoder_new(&capsule_hooks, ip);
    if (ip->uri_template == NULL || ip->decoder == NULL || h3_new(server, conn, &h3_hooks, ip, &ip->h3) != 0) {
        connect_ip_free(ip);
        return -ENOMEM;
    }
    *out = ip;
    return 0;
}

void connect_ip_free(struct connect_ip *ip) {
    if (ip == NULL)
        return;
    h3_free(ip->h3);
    capsule_decoder_free(ip->decoder);
    request_free(ip->request);
    held_clear(&ip->held);
    free(ip->uri_template);
    free(ip);
}

struct h3 *connect_ip_h3(struct connect_ip *ip) {
    return ip->h3;
}

uint64_t connect_ip_start(struct connect_ip *ip) {
    if (h3_start(ip->h3) != 0)
        return H3_GENERAL_PROTOCOL_ERROR;
    ip->started = true;
    ask(ip);
    return h3_fault(ip->h3);
}

/** Copy the owner's fields behind our own. @return false: out of memory */
static bool copy_fields(struct request *request, const struct h3_field *fields, size_t count) {
    for (size_t i = 0; i < count; i++) {
        char *name = strdup(fields[i].name), *value = malloc(fields[i].value_length + 1);
        request->fields[request->field_count++] = (struct h3_field){
            .name = name, .value = value, .value_length = fields[i].value_length, .never_index = fields[i].never_index};
        if (name == NULL || value == NULL)
            return false;
        memcpy(value, fields[i].value, fields[i].value_length);
        value[fields[i].value_length] = '\0';
    }
    return true;
}

int connect_ip_open(struct connect_ip *ip, const char *authority, const struct connect_ip_scope *scope,
                    const char *authorization, const struct h3_field *fields, size_t field_count) {
    if (ip->server || ip->state != STATE_IDLE)
        return -EBUSY;
    if (field_count > H3_FIELDS_MAX - 5 - OWN_FIELDS)
        return -EINVAL;
    struct request *request = calloc(1, sizeof(*request));
    if (request == NULL)
        return -ENOMEM;
    int error = -EINVAL;
    if (connect_ip_expand(ip->uri_template, scope, request->path, sizeof(request->path)) < 0)
        goto err_request;
    error = -ENOMEM;
    request->authority = strdup(authority);
    if (request->authority == NULL)
        goto err_request;
    request->fields[request->field_count++] =
        (struct h3_field){.name = "capsule-protocol", .value = "?1", .value_length = 2};
    if (authorization != NULL) {
        request->authorization = strdup(authorization);
        if (request->authorization == NULL)
            goto err_request;
        request->fields[request->field_count++] = (struct h3_field){.name = "authorization",
                                                                    .value = request->authorization,
                                                                    .value_length = strlen(authorization),
                                                                    .never_index = true};
    }
    request->own_count = request->field_count;
    if (!copy_fields(request, fields, field_count))
        goto err_request;
    ip->request = request;
    ip->state = STATE_WAITING;
    ask(ip);
    return 0;

err_request:
    if (request->own_count == 0)
        request->own_count = request->field_count;
    request_free(request);
    return error;
}

void connect_ip_register(struct connect_ip *ip, uint64_t context_id) {
    if (context_id < CONTEXTS_MAX)
        ip->contexts |= 1ull << context_id;
}

uint64_t connect_ip_on_datagram(struct connect_ip *ip, const uint8_t *data, size_t length, uint64_t now) {
    int64_t stream_id;
    const uint8_t *payload;
    size_t payload_length;
    uint64_t fault = h3_fault(ip->h3);
    if (fault != 0)
        return fault;
    if (h3_datagram_parse(data, length, &stream_id, &payload, &payload_length) != 0)
        return H3_DATAGRAM_ERROR;
    if (ip->state == STATE_OPEN && stream_id == ip->stream_id) {
        deliver(ip, payload, payload_length);
    } else if (!may_come(ip, stream_id) || !held_put(&ip->held, stream_id, payload, payload_length, now)) {
        ip->statistics.unknown_stream++;
    }
    return 0;
}

bool connect_ip_is_open(const struct connect_ip *ip) {
    return ip->state == STATE_OPEN;
}

/** Append to the tunnel's stream. */
static int send_bytes(struct connect_ip *ip, const struct iovec *vectors, size_t count) {
    if (ip->state != STATE_OPEN)
        return -ENOTCONN;
    int error = h3_writev(ip->h3, ip->stream_id, vectors, count);
    return error == -ENOENT ? -ENOTCONN : error;
}

static int send_addresses(struct connect_ip *ip, uint64_t type, const struct capsule_address *addresses, size_t count) {
    uint8_t bytes[ADDRESSES_BYTES_MAX];
    size_t length = capsule_write_addresses(type, addresses, count, bytes, sizeof(bytes));
    if (length == 0)
        return -EINVAL;
    return send_bytes(ip, &(struct iovec){.iov_base = bytes, .iov_len = length}, 1);
}

int connect_ip_assign(struct connect_ip *ip, const struct capsule_address *addresses, size_t count) {
    return send_addresses(ip, CAPSULE_ADDRESS_ASSIGN, addresses, count);
}

int connect_ip_ask(struct connect_ip *ip, const struct capsule_address *requests, size_t count) {
    return send_addresses(ip, CAPSULE_ADDRESS_REQUEST, requests, count);
}

int connect_ip_advertise(struct connect_ip *ip, const struct ip_range *ranges, size_t count) {
    uint8_t *bytes = malloc(ROUTES_BYTES_MAX);
    if (bytes == NULL)
        return -ENOBUFS;
    size_t length = capsule_write_routes(ranges, count, bytes, ROUTES_BYTES_MAX);
    int error = length == 0 ? -EINVAL : send_bytes(ip, &(struct iovec){.iov_base = bytes, .iov_len = length}, 1);
    free(bytes);
    return error;
}

int connect_ip_capsule(struct connect_ip *ip, uint64_t type, const uint8_t *value, size_t length) {
    uint8_t header[2 * VARINT_MAX_BYTES];
    size_t header_length = capsule_write_header(type, length, header, sizeof(header));
    if (header_length == 0)
        return -EINVAL;
    struct iovec vectors[] = {{.iov_base = header, .iov_len = header_length},
                              {.iov_base = (void *)(uintptr_t)value, .iov_len = length}};
    return send_bytes(ip, vectors, 2);
}

int connect_ip_datagram_capsule(struct connect_ip *ip, uint64_t context_id, const struct iovec *vectors, size_t count) {
    struct iovec all[1 + H3_VECTORS_MAX];
    uint8_t header[3 * VARINT_MAX_BYTES];
    uint64_t length = varint_size(context_id);
    if (count > H3_VECTORS_MAX)
        return -EINVAL;
    for (size_t i = 0; i < count; i++) {
        all[i + 1] = vectors[i];
        length += vectors[i].iov_len;
    }
    size_t used = capsule_write_header(CAPSULE_DATAGRAM, length, header, sizeof(header));
    used += varint_write(context_id, header + used, sizeof(header) - used);
    all[0] = (struct iovec){.iov_base = header, .iov_len = used};
    return send_bytes(ip, all, count + 1);
}

size_t connect_ip_datagram_prefix(const struct connect_ip *ip, uint64_t context_id, uint8_t *out) {
    if (ip->state != STATE_OPEN)
        return 0;
    memcpy(out, ip->prefix, ip->prefix_length);
    return ip->prefix_length + varint_write(context_id, out + ip->prefix_length, VARINT_MAX_BYTES);
}

bool connect_ip_takes_datagrams(const struct connect_ip *ip) {
    return ip->state == STATE_OPEN && h3_peer_takes_datagrams(ip->h3);
}

void connect_ip_close(struct connect_ip *ip, uint64_t error_code) {
    enum state state = ip->state;
    request_free(ip->request);
    ip->request = NULL;
    ip->state = STATE_CLOSED;
    if (state == STATE_OPEN && error_code == H3_NO_ERROR) {
        h3_finish(ip->h3, ip->stream_id);
    } else if (state == STATE_OPEN || state == STATE_ASKED) {
        h3_reset(ip->h3, ip->stream_id, error_code == H3_NO_ERROR ? H3_REQUEST_CANCELLED : error_code);
    }
}

uint64_t connect_ip_deadline(const struct connect_ip *ip) {
    return held_deadline(&ip->held);
}

void connect_ip_on_timer(struct connect_ip *ip, uint64_t now) {
    for (; held_oldest(&ip->held) != NULL && held_deadline(&ip->held) <= now; held_drop(&ip->held))
        ip->statistics.unknown_stream++;
}

const struct connect_ip_statistics *connect_ip_statistics(const struct connect_ip *ip) {
    return &ip->statistics;
}
