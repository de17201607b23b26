/* SPDX-License-Identifier: GPL-2.0-or-later */
/* leg: one QUIC connection with one CONNECT-IP request on it, as the session and the hall see it: it glues conn to
 * connect_ip, keeps the datagram prefix ready, and turns IP packets into DATAGRAMs, plain (context ID 0) or bonded
 * (context IDs 2 and 4, after leg_bond()). Sans-I/O like the rooms below it. What a leg does alone is plain RFC 9484.
 */
#ifndef MPVPN_BOND_LEG_H
#define MPVPN_BOND_LEG_H

#include "bond/frame.h"
#include "bond/meter.h"
#include "masque/connect_ip.h"
#include "packet/split.h"
#include "quic/conn.h"

struct leg;

/** What the owner hears; none of these may free the leg. */
struct leg_hooks {
    /** Server: decide on a request (see connect_ip_hooks). */
    void (*on_request)(void *context, const struct connect_ip_request *request, struct connect_ip_answer *answer);
    /** The tunnel is open: the 200 was sent (server, response NULL) or came (client). */
    void (*on_open)(void *context, const struct h3_message *response);
    /** Client: the server refused, status 0: it cannot do CONNECT-IP at all. */
    void (*on_refused)(void *context, unsigned status, const char *reason, const struct h3_message *response);
    /** Capsules; NULL members of a role that does not use them are allowed. */
    void (*on_addresses)(void *context, const struct capsule_address *addresses, size_t count);
    void (*on_address_request)(void *context, const struct capsule_address *requests, size_t count);
    void (*on_routes)(void *context, const struct ip_range *ranges, size_t count);
    /** An IP packet came (context ID 0); valid in the call only. */
    void (*on_packet)(void *context, const uint8_t *packet, size_t length);
    /** A bonded packet came, its numbers read; valid in the call only. */
    void (*on_bonded)(void *context, const struct frame_packet *frame, const uint8_t *packet, size_t length);
    /** A mark came. */
    void (*on_mark)(void *context, const struct frame_mark *mark);
    /** A capsule of another type than RFC 9484's came. */
    void (*on_capsule)(void *context, uint64_t type, const uint8_t *value, size_t length);
    /** The fate of a bonded packet's transmission, by the id it was written with (never 0). */
    void (*on_acked)(void *context, uint64_t id);
    void (*on_lost)(void *context, uint64_t id);
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
    struct meter sent;      /**< IP packets and bytes given to QUIC */
    struct meter received;  /**< IP packets and bytes from QUIC */
    uint64_t capsules_sent; /**< packets that went as DATAGRAM capsules */
    uint64_t lost;          /**< IP packets in datagrams declared lost */
    uint64_t spurious;      /**< of those, acknowledged after all */
    uint64_t malformed;     /**< bonded packets and marks too short or impossible */
};

/** Open a client's leg; ask for the tunnel by leg_request(). @return 0 or conn_client_new()'s error */
int leg_client_new(const struct leg_settings *settings, const struct conn_client_settings *client, uint64_t now,
                   struct leg **out);
/** Client: ask for a tunnel to everything, once; arguments are copied. @param authorization NULL: none @return 0;
 * -EINVAL, -ENOMEM */
int leg_request(struct leg *leg, const char *authority, const char *authorization, const struct h3_field *fields,
                size_t field_count);
/** Answer a client's first packet, which is then to be given to leg_read(). @return 0 or conn_server_new()'s error */
int leg_server_new(const struct leg_settings *settings, const struct conn_server_settings *server, uint64_t now,
                   struct leg **out);
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
/** Both ends agreed to bond: bonded packets, marks and further capsules are taken from now on. */
void leg_bond(struct leg *leg);
/** Longest IP packet that fits a DATAGRAM now, numbers included when bonded; 0: not open. */
size_t leg_packet_max(const struct leg *leg);
/** Whether an IP packet of this length may be written now (window, pacer, fits). */
bool leg_can_send(const struct leg *leg, size_t length, uint64_t now);
/**
 * Write one IP packet as a DATAGRAM; call only when leg_can_send().
 * @param frame its numbers on a bonded leg; NULL: a plain packet
 * @param id told to on_acked/on_lost; 0: of no interest
 * @return, more and accepted as conn_write_datagram()
 */
ssize_t leg_write_packet(struct leg *leg, const struct frame_packet *frame, const struct segment *segment, uint64_t id,
                         bool more, bool *accepted, uint8_t *out, size_t size, struct conn_packet *packet,
                         uint64_t now);
/** As conn_finish_packet(). */
ssize_t leg_finish_packet(struct leg *leg, uint8_t *out, size_t size, struct conn_packet *packet);
/** Write a mark as a DATAGRAM; call only when leg_can_send(FRAME_MARK_BYTES). @return and accepted as
 * conn_write_datagram() */
ssize_t leg_write_mark(struct leg *leg, const struct frame_mark *mark, bool *accepted, uint8_t *out, size_t size,
                       struct conn_packet *packet, uint64_t now);
/** Give one IP packet that fits no DATAGRAM to the stream, as a DATAGRAM capsule (RFC 9297 section 3.5). @return 0;
 * -ENOBUFS; -ENOTCONN */
int leg_write_capsule(struct leg *leg, const struct frame_packet *frame, const struct segment *segment, uint64_t now);
/** End: the tunnel's stream and the connection, with this HTTP/3 code; leg_write() then yields the last packet. */
void leg_close(struct leg *leg, uint64_t error_code, const char *reason, uint64_t now);

/** What it stands on, for requests of the hall (capsules, statistics, error texts). */
struct conn *leg_conn(const struct leg *leg);
struct connect_ip *leg_connect_ip(const struct leg *leg);
const struct leg_counters *leg_counters(const struct leg *leg);
/** Bring the rates up to date before they are shown. */
void leg_roll(struct leg *leg, uint64_t now);

#endif
