/* SPDX-License-Identifier: GPL-2.0-or-later */
/* connect_ip: one CONNECT-IP request (RFC 9484), either end, on top of h3: the URI template, the request and its
 * answer, capsules, HTTP Datagrams with their context IDs. It decides nothing about users or addresses: it asks its
 * owner. Anything not CONNECT-IP that comes to a server is answered here with a fitting status.
 *
 * Standards: RFC 9484, RFC 9297, RFC 6570 (level 3 of templates as RFC 9484 section 3 needs). */
#ifndef MPVPN_MASQUE_CONNECT_IP_H
#define MPVPN_MASQUE_CONNECT_IP_H

#include "masque/capsule.h"
#include "masque/h3.h"

#define CONNECT_IP_TEMPLATE "/.well-known/masque/ip/{target}/{ipproto}/" /**< default URI template's path */
#define CONNECT_IP_PREFIX_MAX 16u /**< bytes: longest prefix of an HTTP Datagram (quarter stream ID, context ID) */

/** Scope of a request: what the client wants to reach (RFC 9484 section 4.6). */
struct connect_ip_scope {
    bool any_target;         /**< target is "*" */
    struct ip_prefix target; /**< an address or prefix, when it is one */
    char host[256];          /**< a host name, when it is one; else "" */
    int protocol;            /**< IP protocol number; -1: "*" */
};

/** A request as the server's owner sees it; pointers valid in the call only. */
struct connect_ip_request {
    int64_t stream_id;                /**< of the request */
    const char *authority;            /**< :authority */
    const char *authorization;        /**< value of the field, or NULL */
    struct connect_ip_scope scope;    /**< parsed from the path by the template */
    const struct h3_message *message; /**< everything else (the bonding field) */
};

/** The owner's answer. */
struct connect_ip_answer {
    unsigned status;               /**< 200: accepted; else refused */
    const struct h3_field *fields; /**< further fields (www-authenticate, mpvpn-bond …); borrowed for the call */
    size_t field_count;            /**< how many */
    const char *reason;            /**< for a refusal: one line for the body and proxy-status; NULL: none */
};

/** What the owner hears. None may free the object. on_closed also tells of a client's request that the peer abandoned
 * unanswered. */
struct connect_ip_hooks {
    /** Server: fill the answer. Called once a connection's request is well-formed. */
    void (*on_request)(void *context, const struct connect_ip_request *request, struct connect_ip_answer *answer);
    /** Server: the 200 is on its way; assign addresses and advertise routes now. Client: 200 came. */
    void (*on_open)(void *context, const struct h3_message *response);
    /** Client: refused. status 0: the peer cannot do it at all (no extended CONNECT, no datagrams); reason is one
     * printable line. May open anew. */
    void (*on_refused)(void *context, unsigned status, const char *reason, const struct h3_message *response);
    /** The peer assigned us these addresses (a full list: RFC 9484 section 4.7.1). */
    void (*on_addresses)(void *context, const struct capsule_address *addresses, size_t count);
    /** The peer asks for addresses: answer each request ID by connect_ip_assign(). */
    void (*on_address_request)(void *context, const struct capsule_address *requests, size_t count);
    /** The peer routes these (a full list). */
    void (*on_routes)(void *context, const struct ip_range *ranges, size_t count);
    /** An HTTP Datagram, by QUIC DATAGRAM or DATAGRAM capsule; for context 0 the payload is an IP packet. */
    void (*on_datagram)(void *context, uint64_t context_id, const uint8_t *payload, size_t length);
    /** A capsule of another type (bonding). */
    void (*on_capsule)(void *context, uint64_t type, const uint8_t *value, size_t length);
    /** The tunnel is over; reason is one printable line. */
    void (*on_closed)(void *context, uint64_t error_code, const char *reason);
};

struct connect_ip;

/** @param uri_template its path part with {target} and {ipproto}; copied */
int connect_ip_new(bool server, struct conn *conn, const char *uri_template, const struct connect_ip_hooks *hooks,
                   void *context, struct connect_ip **out);
void connect_ip_free(struct connect_ip *ip);
/** The connection's h3, whose h3_on_* functions are to be called for the conn hooks. */
struct h3 *connect_ip_h3(struct connect_ip *ip);
/** The handshake is done. @return 0 or an error code to close the connection with */
uint64_t connect_ip_start(struct connect_ip *ip);
/**
 * Client: ask for the tunnel; waits for the peer's SETTINGS by itself, as RFC 9220 demands.
 * @param authorization value of the field, NULL: none; copied
 * @return 0; -EINVAL: the template cannot say that scope, or a field cannot be sent; -EBUSY: asked already; -ENOMEM
 */
int connect_ip_open(struct connect_ip *ip, const char *authority, const struct connect_ip_scope *scope,
                    const char *authorization, const struct h3_field *fields, size_t field_count);
/** Take datagrams of a context ID (< 64) besides 0: an extension was agreed. Others are dropped and counted. */
void connect_ip_register(struct connect_ip *ip, uint64_t context_id);
/** A QUIC DATAGRAM came (conn's hook). Datagrams before their request is known wait up to 100 ms, at most 64. @return 0
 * or an error code to close the connection with */
uint64_t connect_ip_on_datagram(struct connect_ip *ip, const uint8_t *data, size_t length, uint64_t now);
/** Whether the tunnel is open (200 sent or received, not closed). */
bool connect_ip_is_open(const struct connect_ip *ip);
/** Capsules to send; all copy. @return 0; -ENOBUFS: the peer does not read its stream; -ENOTCONN; -EINVAL: RFC 9484
 * forbids such a list (host bits set, ranges out of order or overlapping, request ID 0 or twice, more than
 * CAPSULE_*_MAX entries) */
int connect_ip_assign(struct connect_ip *ip, const struct capsule_address *addresses, size_t count);
int connect_ip_ask(struct connect_ip *ip, const struct capsule_address *requests, size_t count);
int connect_ip_advertise(struct connect_ip *ip, const struct ip_range *ranges, size_t count);
int connect_ip_capsule(struct connect_ip *ip, uint64_t type, const uint8_t *value, size_t length);
/** An HTTP Datagram by DATAGRAM capsule, for packets that no QUIC DATAGRAM can carry. @return as above */
int connect_ip_datagram_capsule(struct connect_ip *ip, uint64_t context_id, const struct iovec *vectors, size_t count);
/** Prefix of a QUIC DATAGRAM for this tunnel. @return its length (≤ CONNECT_IP_PREFIX_MAX), 0: not open */
size_t connect_ip_datagram_prefix(const struct connect_ip *ip, uint64_t context_id, uint8_t *out);
/** Whether QUIC DATAGRAMs may be sent: the tunnel is open and the peer's SETTINGS, which may come after its request,
 * allow them (RFC 9297 section 2.1.1). Until then, and for a peer that takes none, packets go as DATAGRAM capsules. */
bool connect_ip_takes_datagrams(const struct connect_ip *ip);
/** End the tunnel: FIN (code H3_NO_ERROR) or reset. */
void connect_ip_close(struct connect_ip *ip, uint64_t error_code);
/** Datagrams held for a request that has not come; when they are to be dropped. */
uint64_t connect_ip_deadline(const struct connect_ip *ip);
void connect_ip_on_timer(struct connect_ip *ip, uint64_t now);

/** Expand the template. @return bytes without NUL, or -ENOSPC, -EINVAL: it has a fault, or no variable for what the
 * scope limits */
int connect_ip_expand(const char *uri_template, const struct connect_ip_scope *scope, char *out, size_t size);
/** Match a request's path against the template. @return 0; -ENOENT: another path (404); -EINVAL: bad target or ipproto
 * (400) */
int connect_ip_match(const char *uri_template, const char *path, struct connect_ip_scope *out);
/** Whether a template is usable. @return NULL, or what is wrong with it */
const char *connect_ip_template_fault(const char *uri_template);

/** Why a datagram was dropped within this room; the owner adds them to its drop counters. */
struct connect_ip_statistics {
    uint64_t unknown_context; /**< context ID that nobody registered */
    uint64_t unknown_stream;  /**< datagram for no tunnel, or not waited for any more */
    uint64_t malformed;       /**< too short to have a context ID */
    uint64_t probes;          /**< path-MTU probes of the peer's, no loss */
};
const struct connect_ip_statistics *connect_ip_statistics(const struct connect_ip *ip);

#endif
