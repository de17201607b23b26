/* SPDX-License-Identifier: GPL-2.0-or-later */
/* tls: TLS contexts: a server's certificate and key, or a client's trust, made once and shared by all connections made
 * from them.
 *
 * How it works: a context wraps a WOLFSSL_CTX that speaks TLS 1.3 only, with the suites QUIC can use and X25519, P-256
 * and P-384. Files are read here (so that errors carry the file's name and the system's reason) and handed to wolfSSL
 * as memory. References are counted: a reload makes a new context, old connections keep theirs. A server's context
 * keeps one secret extracted from its private key, from which keys that must survive a restart are derived; that of
 * session tickets is of the certificate too, so that a new certificate is shown to everyone. Sessions are resumed with
 * a fresh key exchange only (psk_dhe_ke): who gets hold of a ticket's secrets still cannot read what was said.
 *
 * Leaves out: 0-RTT, client certificates, revocation lists.
 *
 * Invariants: but for a client's tickets, a context is not changed after it was made; the private key itself stays
 * inside wolfSSL.
 *
 * Standards: RFC 8446, RFC 9001 section 4, RFC 5869. */
#include "quic/tls.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "quic/crypt.h"
#include "quic/tls_context.h"
#include "quic/tls_file.h"

#include <wolfssl/wolfcrypt/asn_public.h>
#include <wolfssl/wolfcrypt/hmac.h>
#include <wolfssl/wolfcrypt/random.h>

#define DEFAULT_CIPHERS "TLS_AES_128_GCM_SHA256:TLS_AES_256_GCM_SHA384:TLS_CHACHA20_POLY1305_SHA256"
#define DERIVE_SALT "mpvpn server key"
#define DERIVE_INFO_MAX 64u
#define TICKET_LABEL "mpvpn session tickets"

/* Every name of a colon list must be a suite that packet protection knows. */
static int check_ciphers(const char *ciphers, char *why, size_t why_size) {
    const char *at = ciphers;
    char name[64];
    for (;;) {
        size_t length = strcspn(at, ":");
        snprintf(name, sizeof name, "%.*s", (int)length, at);
        if (crypt_suite_find(name) == NULL) {
            snprintf(why, why_size, "unknown cipher \"%s\" (known: %s)", name, DEFAULT_CIPHERS);
            return -EINVAL;
        }
        if (at[length] == '\0') {
            return 0;
        }
        at += length + 1;
    }
}

/* Tell what wolfSSL refused: lack of memory may pass, what is in a file stays. @return -errno */
static int refused(int refusal, const char *file, const char *fault, char *why, size_t why_size) {
    snprintf(why, why_size, "%s: %s", file, refusal == MEMORY_E ? strerror(ENOMEM) : fault);
    return refusal == MEMORY_E ? -ENOMEM : -EINVAL;
}

/* Whether wolfSSL, too, finds randomness: each handshake draws some. Its own generator reads /dev/urandom. */
static bool has_randomness(void) {
    WC_RNG rng;
    if (wc_InitRng(&rng) != 0) {
        return false;
    }
    wc_FreeRng(&rng);
    return true;
}

/* What both kinds of context have in common. Apart from the ciphers, nothing that a user has set can be at fault. */
static int context_new(bool server, const char *ciphers, struct tls_context **out, char *why, size_t why_size) {
    int groups[] = {WOLFSSL_ECC_X25519, WOLFSSL_ECC_SECP256R1, WOLFSSL_ECC_SECP384R1};
    struct tls_context *context;
    if (ciphers == NULL) {
        ciphers = DEFAULT_CIPHERS;
    }
    if (check_ciphers(ciphers, why, why_size) != 0) {
        return -EINVAL;
    }
    context = calloc(1, sizeof *context);
    if (context == NULL) {
        snprintf(why, why_size, "no memory");
        return -ENOMEM;
    }
    if (!has_randomness()) {
        free(context);
        snprintf(why, why_size, "TLS finds no randomness: /dev/urandom cannot be read");
        return -EIO;
    }
    if (wolfSSL_Init() != WOLFSSL_SUCCESS) {
        free(context);
        snprintf(why, why_size, "wolfSSL does not start");
        return -EIO;
    }
    atomic_init(&context->references, 1);
    context->server = server;
    context->wolf = wolfSSL_CTX_new(server ? wolfTLSv1_3_server_method() : wolfTLSv1_3_client_method());
    if (context->wolf == NULL) {
        snprintf(why, why_size, "no memory");
        tls_context_unref(context);
        return -ENOMEM;
    }
    if (wolfSSL_CTX_set_cipher_list(context->wolf, ciphers) != WOLFSSL_SUCCESS) {
        snprintf(why, why_size, "wolfSSL was built without any of the ciphers \"%s\"", ciphers);
        tls_context_unref(context);
        return -EINVAL;
    }
    if (wolfSSL_CTX_set_groups(context->wolf, groups, (int)(sizeof groups / sizeof groups[0])) != WOLFSSL_SUCCESS ||
        wolfSSL_CTX_only_dhe_psk(context->wolf) != 0 || tls_session_prepare_context(context) != 0) {
        snprintf(why, why_size, "wolfSSL refuses the settings of TLS for QUIC");
        tls_context_unref(context);
        return -ENOTSUP;
    }
    *out = context;
    return 0;
}

struct tls_context *tls_context_ref(struct tls_context *context) {
    atomic_fetch_add(&context->references, 1);
    return context;
}

void tls_context_unref(struct tls_context *context) {
    if (context == NULL || atomic_fetch_sub(&context->references, 1) != 1) {
        return;
    }
    ticket_cache_clear(&context->tickets, NULL);
    if (context->wolf != NULL) {
        wolfSSL_CTX_free(context->wolf);
    }
    explicit_bzero(context, sizeof *context);
    free(context);
    wolfSSL_Cleanup();
}

/* Load a bundle of roots; certificates in it that wolfSSL cannot use are passed over. */
static int load_bundle(struct tls_context *context, const char *file, char *why, size_t why_size) {
    uint8_t *data;
    size_t length;
    int rc = tls_file_read(file, &data, &length, why, why_size);
    if (rc != 0) {
        return rc;
    }
    tls_sha256(data, length, context->trust);
    tls_file_free(data, length);
    rc = wolfSSL_CTX_load_verify_locations_ex(context->wolf, file, NULL, WOLFSSL_LOAD_FLAG_IGNORE_ERR);
    if (rc != WOLFSSL_SUCCESS) {
        return refused(rc, file, "no certificate of an authority in it (PEM)", why, why_size);
    }
    return 0;
}

/* Load the distribution's bundle of roots. Of one that is there but cannot be used the reason is told: it may pass. */
static int load_system_roots(struct tls_context *context, char *why, size_t why_size) {
    static const char *const bundles[] = {"/etc/ssl/certs/ca-certificates.crt", "/etc/pki/tls/certs/ca-bundle.crt",
                                          "/etc/ssl/ca-bundle.pem", "/etc/ssl/cert.pem"};
    char unused[256];
    int error = -ENOENT;
    for (size_t i = 0; i < sizeof bundles / sizeof bundles[0]; i++) {
        bool first = error == -ENOENT;
        int rc = load_bundle(context, bundles[i], first ? why : unused, first ? why_size : sizeof unused);
        if (rc == 0) {
            return 0;
        }
        if (first) {
            error = rc;
        }
    }
    if (error != -ENOENT) {
        return error;
    }
    snprintf(
        why, why_size,
        "the system has no bundle of certificate authorities (%s); install ca-certificates, or name a CA file or a pin",
        bundles[0]);
    return -ENOENT;
}

static int load_ca_file(struct tls_context *context, const char *file, char *why, size_t why_size) {
    char fault[160];
    uint8_t *pem;
    size_t length;
    int rc = tls_file_read(file, &pem, &length, why, why_size);
    if (rc != 0) {
        return rc;
    }
    /* An expired authority is refused when a certificate is checked, with a reason; here it would only hide the file's
     * other ones. */
    rc = wolfSSL_CTX_load_verify_buffer_ex(context->wolf, pem, (long)length, WOLFSSL_FILETYPE_PEM, 0,
                                           WOLFSSL_LOAD_FLAG_DATE_ERR_OKAY);
    tls_sha256(pem, length, context->trust);
    tls_file_free(pem, length);
    if (rc != WOLFSSL_SUCCESS) {
        snprintf(fault, sizeof fault, "no certificate of an authority in it (PEM): %s",
                 wolfSSL_ERR_reason_error_string((unsigned long)rc));
        return refused(rc, file, fault, why, why_size);
    }
    return 0;
}

int tls_client_context_new(const struct tls_client_settings *settings, struct tls_context **out, char *why,
                           size_t why_size) {
    struct tls_context *context;
    int rc = context_new(false, settings->ciphers, &context, why, why_size);
    if (rc != 0) {
        return rc;
    }
    if (settings->has_pin) {
        context->has_pin = true;
        memcpy(context->pin, settings->pin, sizeof context->pin);
        memcpy(context->trust, settings->pin, sizeof context->trust);
    } else if (settings->ca_file != NULL) {
        rc = load_ca_file(context, settings->ca_file, why, why_size);
    } else {
        rc = load_system_roots(context, why, why_size);
    }
    if (rc != 0) {
        tls_context_unref(context);
        return rc;
    }
    *out = context;
    return 0;
}

bool tls_context_trusts_alike(const struct tls_context *a, const struct tls_context *b) {
    return a->server == b->server && a->has_pin == b->has_pin && memcmp(a->trust, b->trust, sizeof a->trust) == 0;
}

/* @param digest of what is in the file */
static int load_certificate(struct tls_context *context, const char *file, uint8_t digest[32], char *why,
                            size_t why_size) {
    uint8_t *pem;
    size_t length;
    int rc = tls_file_read(file, &pem, &length, why, why_size);
    if (rc != 0) {
        return rc;
    }
    rc = wolfSSL_CTX_use_certificate_chain_buffer(context->wolf, pem, (long)length);
    tls_sha256(pem, length, digest);
    tls_file_free(pem, length);
    if (rc != WOLFSSL_SUCCESS) {
        return refused(rc, file, "no certificate in it (PEM)", why, why_size);
    }
    return 0;
}

/* Load the private key, and extract the secret of tls_context_derive() from its DER form. */
static int load_key(struct tls_context *context, const char *file, char *why, size_t why_size) {
    uint8_t *pem, *der;
    size_t length;
    bool good = false;
    int der_length, refusal, rc = tls_file_read(file, &pem, &length, why, why_size);
    if (rc != 0) {
        return rc;
    }
    der = malloc(length);
    der_length = der != NULL ? wc_KeyPemToDer(pem, (int)length, der, (int)length, NULL) : MEMORY_E;
    refusal = der_length;
    if (der_length > 0) {
        refusal = wolfSSL_CTX_use_PrivateKey_buffer(context->wolf, pem, (long)length, WOLFSSL_FILETYPE_PEM);
        good = refusal == WOLFSSL_SUCCESS;
    }
    if (good) {
        refusal = wc_HKDF_Extract(WC_SHA256, (const byte *)DERIVE_SALT, sizeof DERIVE_SALT - 1, der, (word32)der_length,
                                  context->secret);
        good = refusal == 0;
    }
    if (!good) {
        rc = refused(refusal, file, "no usable private key in it (PEM, without a password)", why, why_size);
    }
    tls_file_free(der, length);
    tls_file_free(pem, length);
    return rc;
}

int tls_server_context_new(const char *certificate_file, const char *key_file, const char *ciphers,
                           struct tls_context **out, char *why, size_t why_size) {
    struct tls_context *context;
    uint8_t certificate[32], label_key[32];
    int rc = context_new(true, ciphers, &context, why, why_size);
    if (rc != 0) {
        return rc;
    }
    rc = load_certificate(context, certificate_file, certificate, why, why_size);
    if (rc == 0) {
        rc = load_key(context, key_file, why, why_size);
    }
    if (rc == 0 && wolfSSL_CTX_check_private_key(context->wolf) != WOLFSSL_SUCCESS) {
        snprintf(why, why_size, "%s: the private key does not belong to the certificate %s", key_file,
                 certificate_file);
        rc = -EINVAL;
    }
    if (rc == 0) {
        rc = tls_context_derive(context, TICKET_LABEL, label_key, sizeof label_key);
    }
    if (rc != 0) {
        tls_context_unref(context);
        return rc;
    }
    tls_hmac_sha256(label_key, sizeof label_key, certificate, sizeof certificate, context->ticket_secret);
    explicit_bzero(label_key, sizeof label_key);
    *out = context;
    return 0;
}

int tls_context_derive(const struct tls_context *context, const char *label, uint8_t *out, size_t length) {
    size_t label_length = strlen(label);
    if (!context->server || label_length > DERIVE_INFO_MAX) {
        return -EINVAL;
    }
    return wc_HKDF_Expand(WC_SHA256, context->secret, sizeof context->secret, (const byte *)label, (word32)label_length,
                          out, (word32)length) == 0
               ? 0
               : -ENOMEM;
}
