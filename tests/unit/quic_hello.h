/* SPDX-License-Identifier: GPL-2.0-or-later */
/* quic_hello: a ClientHello made by wolfSSL alone, to be said to a TLS session as no client of ours would. */
#ifndef MPVPN_TESTS_QUIC_HELLO_H
#define MPVPN_TESTS_QUIC_HELLO_H

#include <check.h>
#include <stdio.h>
#include <string.h>

#include <wolfssl/options.h>
#include <wolfssl/ssl.h>
#include <wolfssl/quic.h>

#include "quic_pair.h"

/** What a bare wolfSSL client said first. */
struct hello {
    uint8_t bytes[2048]; /**< CRYPTO data of the Initial level */
    size_t length;       /**< bytes */
};

static int hello_secrets(WOLFSSL *wolf, WOLFSSL_ENCRYPTION_LEVEL level, const uint8_t *read_secret,
                         const uint8_t *write_secret, size_t length) {
    (void)wolf;
    (void)level;
    (void)read_secret;
    (void)write_secret;
    (void)length;
    return 1;
}

static int hello_data(WOLFSSL *wolf, WOLFSSL_ENCRYPTION_LEVEL level, const uint8_t *bytes, size_t length) {
    struct hello *hello = wolfSSL_get_app_data(wolf);
    (void)level;
    ck_assert_uint_le(hello->length + length, sizeof hello->bytes);
    memcpy(hello->bytes + hello->length, bytes, length);
    hello->length += length;
    return 1;
}

static int hello_flush(WOLFSSL *wolf) {
    (void)wolf;
    return 1;
}

static int hello_alert(WOLFSSL *wolf, WOLFSSL_ENCRYPTION_LEVEL level, uint8_t alert) {
    (void)wolf;
    (void)level;
    (void)alert;
    return 1;
}

/* Make a ClientHello with this protocol (NULL: none) for the pair's server, with the transport parameters of the pair's
 * client. */
static void make_hello(struct pair *pair, const char *protocol, struct hello *hello) {
    static const WOLFSSL_QUIC_METHOD method = {hello_secrets, hello_data, hello_flush, hello_alert};
    WOLFSSL_CTX *context = wolfSSL_CTX_new(wolfTLSv1_3_client_method());
    WOLFSSL *wolf = wolfSSL_new(context);
    uint8_t parameters[512];
    char name[32];
    ngtcp2_ssize n = ngtcp2_conn_encode_local_transport_params(pair->client.conn, parameters, sizeof parameters);
    *hello = (struct hello){.length = 0};
    ck_assert_int_gt(n, 0);
    ck_assert_int_eq(wolfSSL_set_quic_method(wolf, &method), WOLFSSL_SUCCESS);
    wolfSSL_set_app_data(wolf, hello);
    wolfSSL_set_quic_transport_version(wolf, 0x39);
    ck_assert_int_eq(wolfSSL_set_quic_transport_params(wolf, parameters, (size_t)n), WOLFSSL_SUCCESS);
    if (protocol != NULL) {
        snprintf(name, sizeof name, "%s", protocol);
        ck_assert_int_eq(wolfSSL_UseALPN(wolf, name, (unsigned)strlen(name), WOLFSSL_ALPN_CONTINUE_ON_MISMATCH),
                         WOLFSSL_SUCCESS);
    }
    wolfSSL_quic_do_handshake(wolf);
    ck_assert_uint_gt(hello->length, 100);
    wolfSSL_free(wolf);
    wolfSSL_CTX_free(context);
}

#endif
