/* SPDX-License-Identifier: GPL-2.0-or-later */
/* leg: one QUIC connection with one CONNECT-IP request on it, as the session and the hall see it: it glues conn to connect_ip, keeps the datagram prefix ready, and turns IP packets
 * into DATAGRAMs. Sans-I/O like the rooms below it. What a leg does alone is plain RFC 9484. */
#ifndef MPVPN_BOND_LEG_H
#define MPVPN_BOND_LEG_H

#include "bond/meter.h"
#include "masque/connect_ip.h"
#include "packet/split.h"
#include "quic/conn.h"

struct leg;

/** What the owner hears; none of these may free the leg. */
struct leg_hooks {
    /** Server: decide on a request (see connect_ip_hooks). */
    void (*on_request)(void *context, const struct connect_ip_request *request, struct connect_ip_answer *answer);
    /** The tunnel is open: the 200 was sent (server) or came (client). */
    void (*on_open)(void *context);
    /** Client: the server refused, status 0: it cannot do CONNECT-IP at all. */
    void (*on_refused)(void *context, unsigned status, const char *reason);
    /** Capsules; NULL members of a role that does not use them are allowed. */
    void (*on_addresses)(void *context, const struct capsule_address *addresses, size_t count);
    void (*on_address_request)(void *context, const struct capsule_address *requests, size_t count);
    void (*on_routes)(void *context, const struct ip_range *ranges, size_t count);
    /** An IP packet came (context ID 0); valid in the call only. */
    void (*on_packet)(void *context, const uint8_t *packet, size_t length);
    /** The tunnel's stream ended while the connection lives. */
    void (*on_closed)(void *context, uint64_t error_code, const char *reason);
    /** A connection ID of ours came into or went out of use. */
    void (*on_cid)(void *context, const struct conn_cid *cid, bool in_use);
    /** leg_packet_max() changed. */
    void (*on_mtu)(void *context);
    /** Client: an address-validation token for the next connection. */
    void (*on_token)(void *context, const uint8_t *token, size_t length);
    /** The TLS handshake is complete. */
    void (*on_handshake)(void *context);
    /** Another path is in use now. */
    void (*on_path)(void *context, const struct conn_path *path);
};

/** What both roles need; pointers are kept. */
struct leg_settings {
    struct conn_settings conn;     /**< hooks and context are the leg's own and ignored */
    const char *uri_template;      /**< path part */
    const struct leg_hooks *hooks; /**< outlive the leg */
    void *context;                 /**< handed to the hooks */
};

/** Counters of IP packets in datagrams. */
struct leg_counters {
    struct meter sent;          /**< IP packets and bytes given to QUIC */
    struct meter received;      /**< IP packets and bytes from QUIC */
    uint64_t capsules_sent;     /**< packets that went as DATAGRAM capsules */
    uint64_t lost;              /**< IP packets in datagrams declared lost */
    uint64_t spurious;          /**< of those, acknowledged after all */
};

/** Open a client's leg; the request goes out by itself after the handshake (authority, authorization: copied). @return 0 or conn_client_new()'s error */
int leg_client_new(const struct leg_settings *settings, const struct conn_client_settings *client, const char *authority, const char *authorization, uint64_t now,
                   struct leg **out);
/** Answer a client's first packet, which is then to be given to leg_read(). @return 0 or conn_server_new()'s error */
int leg_server_new(const struct leg_settings *settings, const struct conn_server_settings *server, uint64_t now, struct leg **out);
/** Free without a word to the peer; NULL is fine. */
void leg_free(struct leg *leg);

/** As conn_read(). */
int leg_read(struct leg *leg, const struct conn_path *path, uint8_t ecn, uint8_t *data, size_t length, uint64_t now);
/** As conn_on_timer(). */
int leg_on_timer(struct leg *leg, uint64_t now);
/** The next deadline. @param waiting IP packets wait for this leg */
uint64_t leg_deadline(const struct leg *leg, bool waiting);
/** As conn_write(): what is to be said besides IP packets. */
ssize_t leg_write(struct leg *leg, uint8_t *out, size_t size, struct conn_packet *packet, uint64_t now);

/** Whether the tunnel is open. */
bool leg_is_open(const struct leg *leg);
/** Longest IP packet that fits a DATAGRAM now; 0: not open. */
size_t leg_packet_max(const struct leg *leg);
/** Whether an IP packet of this length may be written now (window, pacer, fits). */
bool leg_can_send(const struct leg *leg, size_t length, uint64_t now);
/** Write one IP packet as a DATAGRAM; call only when leg_can_send(). @return and accepted as conn_write_datagram() */
ssize_t leg_write_packet(struct leg *leg, const struct segment *segment, bool *accepted, uint8_t *out, size_t size, struct conn_packet *packet, uint64_t now);
/** Give one IP packet that fits no DATAGRAM to the stream, as a DATAGRAM capsule (RFC 9297 section 3.5). @return 0; -ENOBUFS; -ENOTCONN */
int leg_write_capsule(struct leg *leg, const struct segment *segment, uint64_t now);
/** End: the tunnel's stream and the connection, with this HTTP/3 code; leg_write() then yields the last packet. */
void leg_close(struct leg *leg, uint64_t error_code, const char *reason, uint64_t now);

/** What it stands on, for requests of the hall (capsules, statistics, error texts). */
struct conn *leg_conn(const struct leg *leg);
struct connect_ip *leg_connect_ip(const struct leg *leg);
const struct leg_counters *leg_counters(const struct leg *leg);
/** Bring the rates up to date before they are shown. */
void leg_roll(struct leg *leg, uint64_t now);

#endif
