/* SPDX-License-Identifier: GPL-2.0-or-later */
/* tls_session: TLS 1.3 of one QUIC connection.
 *
 * How it works: CRYPTO bytes go through tls_frame (which refuses what QUIC forbids) to wolfSSL; wolfSSL calls back with
 * handshake bytes to send, traffic secrets and alerts, which become CRYPTO data, packet-protection keys and the
 * connection's error. Transport parameters travel in the handshake: ours are handed over before our flight is made, the
 * peer's are taken when the secrets show that they have arrived. A client checks the server's certificate in the verify
 * callback: chain (by wolfSSL) and name, or the pin of its key and nothing else. When something fails, the first reason
 * is kept in words. wolfSSL's part of a server's session, 14 KB, goes when nobody will ask it for exported keys any
 * more. A client offers a ticket of its context's cache; a server that cannot open it goes on with its
 * certificate. The tickets that come after the handshake go into the cache (ticket.c); a server's are sealed by
 * ticket_seal.c.
 *
 * Leaves out: 0-RTT, client certificates, TLS after the handshake but for tickets.
 *
 * Invariants: a client's handshake is complete only if the verify callback accepted the leaf, in this handshake or in
 * the one whose session it resumes, under the same context; both ends only with ALPN "h3" and the peer's transport
 * parameters. A ticket that was taken out of the cache is offered, and then given back or freed. After a failure the
 * session takes nothing any more.
 *
 * Standards: RFC 9001 sections 4, 5.1 and 8; RFC 8446 sections 2.2, 4.2.11, 4.4, 4.6.1, 6 and 7.5; RFC 7301. */
#include "quic/tls_session.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/addr.h"
#include "quic/crypt.h"
#include "quic/ticket.h"
#include "quic/ticket_seal.h"
#include "quic/tls.h"
#include "quic/tls_context.h"
#include "quic/tls_frame.h"
#include "quic/tls_verdict.h"
#include "quic/x509.h"

#include <wolfssl/error-ssl.h>
#include <wolfssl/quic.h>
#include <wolfssl/wolfcrypt/error-crypt.h>

#define ALPN "h3"
#define TRANSPORT_PARAMETERS_MAX 512
#define REASON_MAX 160
#define TRANSPORT_PARAMETERS_V1 0x39
#define TICKETS_GIVEN 2 /* by a server after a full handshake; after a resumed one it is one for the one used */

enum {
    ALERT_HANDSHAKE_FAILURE = 40,
    ALERT_BAD_CERTIFICATE = 42,
    ALERT_INTERNAL_ERROR = 80,
    ALERT_MISSING_EXTENSION = 109,
    ALERT_NO_APPLICATION_PROTOCOL = 120
};

struct tls_session {
    struct tls_context *context;       /**< a reference */
    WOLFSSL *wolf;                     /**< TLS itself; NULL: done with */
    ngtcp2_conn *conn;                 /**< what it is bound to */
    const struct crypt_suite *suite;   /**< negotiated suite; NULL before */
    struct tls_frame frame;            /**< place in the CRYPTO stream */
    uint64_t key_update_packets;       /**< for the suite's limits; 0: default */
    int error;                         /**< first failure, NGTCP2_ERR_…; 0: none */
    bool has_alert;                    /**< wolfSSL or we sent an alert */
    bool verified;                     /**< client: the leaf was accepted, or the session resumed */
    bool resumed;                      /**< the handshake resumed a session */
    const uint64_t *now;               /**< client: the connection's clock */
    struct ip_addr from;               /**< client: our address */
    struct ticket offered;             /**< client: until the handshake is complete */
    uint64_t verified_at;              /**< client: ns, when the certificate was verified */
    unsigned tickets;                  /**< client: taken from this connection */
    uint64_t wall_seconds;             /**< server: since 1970 */
    bool has_peer_parameters;          /**< the peer's transport parameters were taken */
    bool complete;                     /**< handshake done */
    char server_name[TICKET_NAME_MAX]; /**< client: who the certificate must be for */
    char reason[REASON_MAX];           /**< why it failed; empty: it did not */
};

/* Keep the first reason. */
static void __attribute__((format(printf, 2, 3))) explain(struct tls_session *session, const char *format, ...) {
    va_list arguments;
    if (session->reason[0] != '\0') {
        return;
    }
    va_start(arguments, format);
    vsnprintf(session->reason, sizeof session->reason, format, arguments);
    va_end(arguments);
}

static void set_alert(struct tls_session *session, uint8_t alert) {
    if (!session->has_alert) {
        session->has_alert = true;
        ngtcp2_conn_set_tls_alert(session->conn, alert);
    }
}

/* Keep the first failure. @return it */
static int fail(struct tls_session *session, int error, uint8_t alert, const char *reason) {
    explain(session, "%s", reason);
    if (error == NGTCP2_ERR_CRYPTO) {
        set_alert(session, alert);
    }
    if (session->error == 0) {
        session->error = error;
    }
    return session->error;
}

static ngtcp2_encryption_level level_of(WOLFSSL_ENCRYPTION_LEVEL level) {
    switch (level) {
    case wolfssl_encryption_initial:
        return NGTCP2_ENCRYPTION_LEVEL_INITIAL;
    case wolfssl_encryption_early_data:
        return NGTCP2_ENCRYPTION_LEVEL_0RTT;
    case wolfssl_encryption_handshake:
        return NGTCP2_ENCRYPTION_LEVEL_HANDSHAKE;
    case wolfssl_encryption_application:
        break;
    }
    return NGTCP2_ENCRYPTION_LEVEL_1RTT;
}

static WOLFSSL_ENCRYPTION_LEVEL wolf_level_of(ngtcp2_encryption_level level) {
    switch (level) {
    case NGTCP2_ENCRYPTION_LEVEL_INITIAL:
        return wolfssl_encryption_initial;
    case NGTCP2_ENCRYPTION_LEVEL_0RTT:
        return wolfssl_encryption_early_data;
    case NGTCP2_ENCRYPTION_LEVEL_HANDSHAKE:
        return wolfssl_encryption_handshake;
    case NGTCP2_ENCRYPTION_LEVEL_1RTT:
        break;
    }
    return wolfssl_encryption_application;
}

/* ---- transport parameters ---- */

static int give_parameters(struct tls_session *session) {
    uint8_t bytes[TRANSPORT_PARAMETERS_MAX];
    ngtcp2_ssize n = ngtcp2_conn_encode_local_transport_params(session->conn, bytes, sizeof bytes);
    if (n < 0 || wolfSSL_set_quic_transport_params(session->wolf, bytes, (size_t)n) != WOLFSSL_SUCCESS) {
        return fail(session, NGTCP2_ERR_CALLBACK_FAILURE, 0, "our transport parameters cannot be written");
    }
    return 0;
}

/* The peer's hello (server) or encrypted extensions (client) are in: protocol and transport parameters must be there.
 */
static int take_peer_extensions(struct tls_session *session) {
    const uint8_t *bytes;
    char *protocol = NULL;
    unsigned short protocol_length = 0;
    size_t length;
    int rc;
    if (wolfSSL_ALPN_GetProtocol(session->wolf, &protocol, &protocol_length) != WOLFSSL_SUCCESS ||
        protocol_length != sizeof ALPN - 1 || memcmp(protocol, ALPN, sizeof ALPN - 1) != 0) {
        return fail(session, NGTCP2_ERR_CRYPTO, ALERT_NO_APPLICATION_PROTOCOL,
                    "the peer does not speak HTTP/3 (no ALPN \"h3\")");
    }
    wolfSSL_get_peer_quic_transport_params(session->wolf, &bytes, &length);
    if (bytes == NULL) {
        return fail(session, NGTCP2_ERR_CRYPTO, ALERT_MISSING_EXTENSION, "the peer sent no QUIC transport parameters");
    }
    rc = ngtcp2_conn_decode_and_set_remote_transport_params(session->conn, bytes, length);
    if (rc != 0) {
        return fail(session, rc, 0, "the peer's QUIC transport parameters are wrong");
    }
    session->has_peer_parameters = true;
    return 0;
}

/* ---- what wolfSSL calls ---- */

/* Give one direction's keys to ngtcp2, which owns them then. */
static int install(struct tls_session *session, bool receive, ngtcp2_encryption_level level, const uint8_t *secret,
                   size_t length) {
    bool handshake = level == NGTCP2_ENCRYPTION_LEVEL_HANDSHAKE;
    ngtcp2_conn *conn = session->conn;
    struct crypt_keys keys;
    const size_t iv_bytes = sizeof keys.iv;
    int rc = crypt_keys_derive(session->suite, secret, true, &keys);
    if (rc != 0) {
        return fail(session, NGTCP2_ERR_NOMEM, 0, "no memory for keys");
    }
    if (receive) {
        rc = handshake ? ngtcp2_conn_install_rx_handshake_key(conn, &keys.aead, keys.iv, iv_bytes, &keys.hp)
                       : ngtcp2_conn_install_rx_key(conn, secret, length, &keys.aead, keys.iv, iv_bytes, &keys.hp);
    } else {
        rc = handshake ? ngtcp2_conn_install_tx_handshake_key(conn, &keys.aead, keys.iv, iv_bytes, &keys.hp)
                       : ngtcp2_conn_install_tx_key(conn, secret, length, &keys.aead, keys.iv, iv_bytes, &keys.hp);
    }
    if (rc != 0) {
        crypt_keys_free(&keys);
        return fail(session, rc, 0, receive ? "receive keys cannot be installed" : "send keys cannot be installed");
    }
    return 0;
}

/* What wolfSSL agreed on. @return its name; empty: nothing yet */
static const char *cipher_of(WOLFSSL *wolf) {
    int suite = wolfSSL_get_current_cipher_suite(wolf);
    const char *name =
        suite != 0 ? wolfSSL_get_cipher_name_iana_from_suite((unsigned char)(suite >> 8), (unsigned char)suite) : NULL;
    return name != NULL ? name : "";
}

/* The first secrets: the suite is settled. */
static int settle_suite(struct tls_session *session, size_t secret_length) {
    ngtcp2_crypto_ctx context;
    session->suite = crypt_suite_find(cipher_of(session->wolf));
    if (session->suite == NULL || crypt_suite_secret_bytes(session->suite) != secret_length) {
        session->suite = NULL;
        return fail(session, NGTCP2_ERR_CRYPTO, ALERT_HANDSHAKE_FAILURE, "no cipher suite that QUIC can use");
    }
    crypt_suite_context(session->suite, session->key_update_packets, &context);
    ngtcp2_conn_set_crypto_ctx(session->conn, &context);
    return 0;
}

static int on_secrets(WOLFSSL *wolf, WOLFSSL_ENCRYPTION_LEVEL wolf_level, const uint8_t *read_secret,
                      const uint8_t *write_secret, size_t length) {
    struct tls_session *session = wolfSSL_get_app_data(wolf);
    ngtcp2_encryption_level level = level_of(wolf_level);
    if (level != NGTCP2_ENCRYPTION_LEVEL_HANDSHAKE && level != NGTCP2_ENCRYPTION_LEVEL_1RTT) {
        fail(session, NGTCP2_ERR_CALLBACK_FAILURE, 0, "secrets for early data");
        return 0;
    }
    if (session->suite == NULL && settle_suite(session, length) != 0) {
        return 0;
    }
    if (!session->has_peer_parameters && (session->context->server || level == NGTCP2_ENCRYPTION_LEVEL_1RTT) &&
        take_peer_extensions(session) != 0) {
        return 0;
    }
    if ((read_secret != NULL && install(session, true, level, read_secret, length) != 0) ||
        (write_secret != NULL && install(session, false, level, write_secret, length) != 0)) {
        return 0;
    }
    /* ngtcp2 completes a server's parameters when the handshake keys are in; encrypted extensions carry them right
     * after. */
    if (session->context->server && write_secret != NULL && level == NGTCP2_ENCRYPTION_LEVEL_HANDSHAKE &&
        give_parameters(session) != 0) {
        return 0;
    }
    return 1;
}

static int on_handshake_data(WOLFSSL *wolf, WOLFSSL_ENCRYPTION_LEVEL level, const uint8_t *data, size_t length) {
    struct tls_session *session = wolfSSL_get_app_data(wolf);
    int rc = ngtcp2_conn_submit_crypto_data(session->conn, level_of(level), data, length);
    if (rc != 0) {
        fail(session, rc, 0, "handshake data cannot be sent");
        return 0;
    }
    return 1;
}

static int on_flush(WOLFSSL *wolf) {
    (void)wolf;
    return 1;
}

static int on_alert(WOLFSSL *wolf, WOLFSSL_ENCRYPTION_LEVEL level, uint8_t alert) {
    (void)level;
    set_alert(wolfSSL_get_app_data(wolf), alert);
    return 1;
}

static const WOLFSSL_QUIC_METHOD quic_method = {
    .set_encryption_secrets = on_secrets,
    .add_handshake_data = on_handshake_data,
    .flush_flight = on_flush,
    .send_alert = on_alert,
};

/* ---- certificates ---- */

static void explain_certificate(struct tls_session *session, int error) {
    char words[REASON_MAX];
    explain(session, "%s", tls_verdict_print(error, words, sizeof words));
}

static bool accept_pinned(struct tls_session *session, const struct x509_view *view, int error) {
    uint8_t pin[32];
    x509_pin(view, pin);
    if (memcmp(pin, session->context->pin, sizeof pin) != 0) {
        char text[2 * sizeof pin + 1];
        for (size_t i = 0; i < sizeof pin; i++) {
            snprintf(text + 2 * i, 3, "%02x", pin[i]);
        }
        explain(session, "certificate does not match the pin (got sha256:%s)", text);
        set_alert(session, ALERT_BAD_CERTIFICATE);
        return false;
    }
    if (!tls_verdict_is_of_chain(error)) {
        explain_certificate(session, error);
        return false;
    }
    return true;
}

static bool accept_named(struct tls_session *session, const struct x509_view *view, int error) {
    if (error != 0) {
        explain_certificate(session, error);
        return false;
    }
    if (!x509_is_for(view, session->server_name)) {
        explain(session, "certificate is for another name than \"%.100s\"", session->server_name);
        return false;
    }
    return true;
}

/* wolfSSL calls this for the leaf always, for other certificates of the chain only if there is something wrong with
 * them. */
static int on_verify(int good, WOLFSSL_X509_STORE_CTX *store) {
    struct tls_session *session = store->userCtx;
    int error = good ? 0 : store->error != 0 ? store->error : VERIFY_CERT_ERROR;
    struct x509_view view;
    if (store->error_depth > 0) {
        if (error != 0 && !session->context->has_pin) {
            explain_certificate(session, error);
        }
        return error == 0 || session->context->has_pin;
    }
    if (store->totalCerts < 1 || x509_parse(store->certs[0].buffer, store->certs[0].length, &view) != 0) {
        explain(session, "certificate cannot be read");
        return 0;
    }
    session->verified =
        session->context->has_pin ? accept_pinned(session, &view, error) : accept_named(session, &view, error);
    return session->verified;
}

/* ---- tickets ---- */

/* wolfSSL seals or opens a ticket's contents. */
static int on_ticket_contents(WOLFSSL *wolf, unsigned char name[WOLFSSL_TICKET_NAME_SZ],
                              unsigned char iv[WOLFSSL_TICKET_IV_SZ], unsigned char mac[WOLFSSL_TICKET_MAC_SZ],
                              int seal, unsigned char *contents, int length, int *out_length, void *context) {
    struct tls_session *session = wolfSSL_get_app_data(wolf);
    const struct ticket_envelope envelope = {.name = name, .iv = iv, .tag = mac};
    const uint8_t *secret = session->context->ticket_secret;
    int rc;
    (void)context;
    if (length < 0) {
        return WOLFSSL_TICKET_RET_REJECT;
    }
    rc = seal ? ticket_seal(secret, session->wall_seconds, &envelope, contents, (size_t)length)
              : ticket_open(secret, session->wall_seconds, &envelope, contents, (size_t)length);
    *out_length = length;
    return rc == 0 ? WOLFSSL_TICKET_RET_OK : WOLFSSL_TICKET_RET_REJECT;
}

/* A ticket came (client, after the handshake). Those that cannot be used are passed over: the server owes us none. */
static void on_ticket(void *context, const uint8_t *message, size_t length) {
    struct tls_session *session = context;
    struct ticket ticket;
    int rc;
    if (session->tickets >= TICKETS_TAKEN || !session->verified) {
        return;
    }
    rc = ticket_receive(session->wolf, message, length, session->server_name, *session->now, session->verified_at,
                        &ticket);
    if (rc == 0) {
        ticket_cache_put(&session->context->tickets, &ticket);
    }
    session->tickets = rc == -EIO ? TICKETS_TAKEN : session->tickets + 1;
}

/* Take a ticket to be offered, if there is one. */
static void offer_ticket(struct tls_session *session) {
    struct ticket *ticket = &session->offered;
    if (ticket_cache_take(&session->context->tickets, session->server_name, &session->from, *session->now, ticket) &&
        wolfSSL_set_session(session->wolf, ticket->wolf) != WOLFSSL_SUCCESS) {
        ticket_fini(ticket); /* by wolfSSL's clock it is too old */
    }
}

/* The handshake is complete: who was verified, and when? */
static void settle_resumption(struct tls_session *session) {
    session->resumed = wolfSSL_session_reused(session->wolf);
    if (session->context->server) {
        return;
    }
    if (session->resumed && session->offered.wolf != NULL) {
        session->verified = true;
        session->verified_at = session->offered.verified;
    } else {
        session->verified_at = *session->now;
    }
    ticket_fini(&session->offered);
}

void tls_session_unanswered(struct tls_session *session) {
    if (session->offered.wolf != NULL) {
        ticket_cache_return(&session->context->tickets, &session->offered, &session->from);
    }
    session->offered = (struct ticket){0};
}

bool tls_session_resumed(const struct tls_session *session) {
    return session->complete && session->resumed;
}

static bool prepare_tickets(struct tls_context *context) {
    wolfSSL_CTX_set_session_cache_mode(context->wolf, WOLFSSL_SESS_CACHE_OFF);
    return !context->server || (wolfSSL_CTX_set_TicketEncCb(context->wolf, on_ticket_contents) == WOLFSSL_SUCCESS &&
                                wolfSSL_CTX_set_timeout(context->wolf, TICKET_LIFETIME_S) == WOLFSSL_SUCCESS &&
                                wolfSSL_CTX_set_TicketHint(context->wolf, TICKET_LIFETIME_S) == WOLFSSL_SUCCESS &&
                                wolfSSL_CTX_set_num_tickets(context->wolf, TICKETS_GIVEN) == WOLFSSL_SUCCESS);
}

int tls_session_prepare_context(struct tls_context *context) {
    wolfSSL_CTX_set_verify(context->wolf, context->server ? WOLFSSL_VERIFY_NONE : WOLFSSL_VERIFY_PEER,
                           context->server ? NULL : on_verify);
    if (!prepare_tickets(context)) {
        return -EINVAL;
    }
    return wolfSSL_CTX_set_quic_method(context->wolf, &quic_method) == WOLFSSL_SUCCESS ? 0 : -EINVAL;
}

/* ---- life ---- */

/* Name the server in the ClientHello, unless it is an address (RFC 6066 section 3). */
static int set_server_name(struct tls_session *session, const char *name) {
    struct ip_addr addr;
    size_t length = name != NULL ? strlen(name) : 0;
    if (length >= sizeof session->server_name) {
        return -EINVAL;
    }
    if (length == 0) {
        return 0;
    }
    memcpy(session->server_name, name, length + 1);
    if (ip_addr_parse(name, &addr) == 0) {
        return 0;
    }
    return wolfSSL_UseSNI(session->wolf, WOLFSSL_SNI_HOST_NAME, name, (unsigned short)length) == WOLFSSL_SUCCESS
               ? 0
               : -EINVAL;
}

/* What a client says in its first message. */
static int begin_client(struct tls_session *session, const struct tls_session_settings *settings) {
    session->now = settings->now;
    session->from = settings->from;
    session->frame.on_ticket = on_ticket;
    session->frame.context = session;
    if (set_server_name(session, settings->server_name) != 0) {
        return -EINVAL;
    }
    offer_ticket(session);
    /* Who offers to resume offers the group of the session too, as wolfSSL has it. */
    if (session->offered.wolf == NULL && wolfSSL_UseKeyShare(session->wolf, WOLFSSL_ECC_X25519) != WOLFSSL_SUCCESS) {
        return -EINVAL;
    }
    return 0;
}

struct tls_session *tls_session_new(struct tls_context *context, const struct tls_session_settings *settings) {
    char protocols[] = ALPN;
    struct tls_session *session;
    if (settings->server != context->server) {
        return NULL;
    }
    session = calloc(1, sizeof *session);
    if (session == NULL) {
        return NULL;
    }
    session->context = tls_context_ref(context);
    session->key_update_packets = settings->key_update_packets;
    session->wolf = wolfSSL_new(context->wolf);
    if (session->wolf == NULL || wolfSSL_set_app_data(session->wolf, session) != WOLFSSL_SUCCESS ||
        wolfSSL_UseALPN(session->wolf, protocols, sizeof protocols - 1, WOLFSSL_ALPN_FAILED_ON_MISMATCH) !=
            WOLFSSL_SUCCESS) {
        goto err_session;
    }
    wolfSSL_set_quic_transport_version(session->wolf, TRANSPORT_PARAMETERS_V1);
    wolfSSL_SetCertCbCtx(session->wolf, session);
    wolfSSL_KeepArrays(session->wolf);
    session->wall_seconds = settings->wall_seconds;
    if (!context->server && begin_client(session, settings) != 0) {
        goto err_session;
    }
    return session;

err_session:
    tls_session_free(session);
    return NULL;
}

void tls_session_bind(struct tls_session *session, ngtcp2_conn *conn) {
    session->conn = conn;
    ngtcp2_conn_set_tls_native_handle(conn, session);
}

void tls_session_free(struct tls_session *session) {
    if (session == NULL) {
        return;
    }
    if (session->offered.wolf != NULL) { /* the handshake failed with it, and perhaps because of it */
        ticket_cache_clear(&session->context->tickets, session->server_name);
        ticket_fini(&session->offered);
    }
    if (session->wolf != NULL) {
        wolfSSL_free(session->wolf);
    }
    tls_frame_fini(&session->frame);
    tls_context_unref(session->context);
    free(session);
}

/* Let wolfSSL go as far as it can. */
static int advance(struct tls_session *session) {
    int rc = wolfSSL_quic_do_handshake(session->wolf);
    /* A refusal of one of our callbacks does not always come back as wolfSSL's error. */
    if (session->error != 0) {
        return session->error;
    }
    if (rc != WOLFSSL_SUCCESS) {
        int error = wolfSSL_get_error(session->wolf, rc);
        if (error == WOLFSSL_ERROR_WANT_READ || error == WOLFSSL_ERROR_WANT_WRITE) {
            return 0;
        }
        explain(session, "TLS handshake failed: %s", wolfSSL_ERR_reason_error_string((unsigned long)error));
        return fail(session, error == MEMORY_E ? NGTCP2_ERR_NOMEM : NGTCP2_ERR_CRYPTO, ALERT_HANDSHAKE_FAILURE, "");
    }
    settle_resumption(session);
    if (!session->context->server && !session->verified) {
        return fail(session, NGTCP2_ERR_CRYPTO, ALERT_BAD_CERTIFICATE,
                    "certificate was not checked: wolfSSL was built without WOLFSSL_ALWAYS_VERIFY_CB");
    }
    session->complete = true;
    ngtcp2_conn_tls_handshake_completed(session->conn);
    return 0;
}

int tls_session_feed(struct tls_session *session, ngtcp2_encryption_level level, const uint8_t *data, size_t length) {
    struct tls_frame_error error;
    if (session->error != 0) {
        return session->error;
    }
    if (length == 0 && !session->context->server && give_parameters(session) != 0) {
        return session->error;
    }
    if (!tls_frame_check(&session->frame, session->context->server, session->complete, level, data, length, &error)) {
        return fail(session, error.code, error.alert, error.reason);
    }
    if (session->complete) {
        return 0;
    }
    if (length > 0 && wolfSSL_provide_quic_data(session->wolf, wolf_level_of(level), data, length) != WOLFSSL_SUCCESS) {
        return fail(session, NGTCP2_ERR_PROTO, 0, "handshake data at the wrong encryption level");
    }
    return advance(session);
}

const char *tls_session_reason(const struct tls_session *session) {
    return session->reason;
}

int tls_session_export(struct tls_session *session, const char *label, const uint8_t *context, size_t context_length,
                       uint8_t *out, size_t length) {
    if (!session->complete) {
        return -ENOTCONN;
    }
    if (session->wolf == NULL) {
        return -EIO;
    }
    /* TLS 1.3 knows no difference between an empty context and none. */
    if (wolfSSL_export_keying_material(session->wolf, out, length, label, strlen(label), context, context_length,
                                       context != NULL) != WOLFSSL_SUCCESS) {
        return -EIO;
    }
    return 0;
}

void tls_session_end_exports(struct tls_session *session) {
    if (!session->context->server || !session->complete || session->error != 0) {
        return;
    }
    wolfSSL_free(session->wolf);
    session->wolf = NULL;
}

const char *tls_session_cipher_name(const struct tls_session *session) {
    return session->suite != NULL ? crypt_suite_name(session->suite) : "";
}
