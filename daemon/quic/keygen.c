/* SPDX-License-Identifier: GPL-2.0-or-later */
/* keygen: a server's key and self-signed certificate, and the pin of a certificate: what "mpvpnctl keygen" needs. No
 * QUIC here.
 *
 * How it works: wolfCrypt makes an ECDSA P-256 key; the certificate carries the name as subjectAltName (address or DNS
 * name) and, where it fits, as common name, is good for signatures and for TLS servers, and is signed by its own key.
 * The key file is written first, readable by its owner only.
 *
 * Invariants: no existing file is touched; after a failure neither new file stays.
 *
 * Standards: RFC 5280, RFC 5208 (PKCS #8), RFC 7468 (PEM). */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <wolfssl/options.h>
#include <wolfssl/ssl.h>
#include <wolfssl/wolfcrypt/asn_public.h>
#include <wolfssl/wolfcrypt/ecc.h>
#include <wolfssl/wolfcrypt/random.h>

#include "common/addr.h"
#include "quic/tls.h"
#include "quic/tls_file.h"
#include "quic/x509.h"

#define DER_MAX 2048
#define PEM_MAX 4096
#define DAYS_VALID 3652
#define NAME_MAX_BYTES 120 /* keeps the lengths in GeneralNames to one byte */

/** The two files, as they will be written. */
struct pair {
    uint8_t certificate[PEM_MAX]; /**< PEM */
    size_t certificate_length;    /**< bytes */
    uint8_t key[PEM_MAX];         /**< PEM, PKCS #8 */
    size_t key_length;            /**< bytes */
};

/* subjectAltName with one name. @return 0, or -EINVAL: the name cannot stand in a certificate */
static int set_name(Cert *cert, const char *name) {
    struct ip_addr addr;
    const void *bytes = name;
    size_t length = strlen(name);
    uint8_t tag = 0x82;
    if (ip_addr_parse(name, &addr) == 0) {
        bytes = addr.bytes;
        length = ip_addr_size(&addr);
        tag = 0x87;
    } else if (length == 0 || length > NAME_MAX_BYTES ||
               strspn(name, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-._*") != length) {
        return -EINVAL;
    }
    snprintf(cert->subject.commonName, sizeof cert->subject.commonName, "%s",
             strlen(name) < sizeof cert->subject.commonName ? name : "mpvpn");
    cert->altNames[0] = 0x30;
    cert->altNames[1] = (uint8_t)(length + 2);
    cert->altNames[2] = tag;
    cert->altNames[3] = (uint8_t)length;
    memcpy(cert->altNames + 4, bytes, length);
    cert->altNamesSz = (int)length + 4;
    return 0;
}

/* Make certificate and key with this random generator. @return 0; -EINVAL: the name; -EIO: wolfCrypt failed */
static int make_pair(const char *name, WC_RNG *rng, ecc_key *key, struct pair *out) {
    uint8_t der[DER_MAX];
    word32 key_length = sizeof der;
    Cert cert;
    int n;
    if (wc_InitCert(&cert) != 0) {
        return -EIO;
    }
    if (set_name(&cert, name) != 0) {
        return -EINVAL;
    }
    cert.daysValid = DAYS_VALID;
    cert.selfSigned = 1;
    cert.isCA = 0;
    cert.sigType = CTC_SHA256wECDSA;
    if (wc_ecc_make_key_ex(rng, 32, key, ECC_SECP256R1) != 0 || wc_SetKeyUsage(&cert, "digitalSignature") != 0 ||
        wc_SetExtKeyUsage(&cert, "serverAuth") != 0 ||
        wc_MakeCert_ex(&cert, der, sizeof der, ECC_TYPE, key, rng) <= 0) {
        return -EIO;
    }
    n = wc_SignCert_ex(cert.bodySz, cert.sigType, der, sizeof der, ECC_TYPE, key, rng);
    n = n > 0 ? wc_DerToPem(der, (word32)n, out->certificate, sizeof out->certificate, CERT_TYPE) : n;
    if (n <= 0) {
        return -EIO;
    }
    out->certificate_length = (size_t)n;
    n = wc_EccKeyToPKCS8(key, der, &key_length);
    n = n > 0 ? wc_DerToPem(der, (word32)n, out->key, sizeof out->key, PKCS8_PRIVATEKEY_TYPE) : n;
    explicit_bzero(der, sizeof der);
    if (n <= 0) {
        return -EIO;
    }
    out->key_length = (size_t)n;
    return 0;
}

static int generate(const char *name, struct pair *out) {
    WC_RNG rng;
    ecc_key key;
    int rc = -EIO;
    if (wc_InitRng(&rng) != 0) {
        return -EIO;
    }
    if (wc_ecc_init(&key) == 0) {
        rc = make_pair(name, &rng, &key, out);
        wc_ecc_free(&key);
    }
    wc_FreeRng(&rng);
    return rc;
}

int tls_keygen(const char *certificate_file, const char *key_file, const char *name, char *why, size_t why_size) {
    struct pair pair;
    int rc = generate(name, &pair);
    if (rc != 0) {
        snprintf(why, why_size, rc == -EINVAL ? "\"%s\" is no name for a certificate" : "cannot make a key for \"%s\"",
                 name);
        return rc;
    }
    rc = tls_file_create(key_file, 0600, pair.key, pair.key_length, why, why_size);
    if (rc == 0) {
        rc = tls_file_create(certificate_file, 0644, pair.certificate, pair.certificate_length, why, why_size);
        if (rc != 0) {
            unlink(key_file);
        }
    }
    explicit_bzero(&pair, sizeof pair);
    return rc;
}

int tls_pin_of_certificate(const char *certificate_file, uint8_t pin[32], char *why, size_t why_size) {
    struct x509_view view;
    uint8_t *pem, *der;
    size_t length;
    int der_length, rc = tls_file_read(certificate_file, &pem, &length, why, why_size);
    if (rc != 0) {
        return rc;
    }
    der = malloc(length);
    der_length = der != NULL ? wc_CertPemToDer(pem, (int)length, der, (int)length, CERT_TYPE) : MEMORY_E;
    if (der_length > 0 && x509_parse(der, (size_t)der_length, &view) == 0) {
        x509_pin(&view, pin);
    } else {
        snprintf(why, why_size, "%s: no certificate in it (PEM)", certificate_file);
        rc = -EINVAL;
    }
    free(der);
    tls_file_free(pem, length);
    return rc;
}
