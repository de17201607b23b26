/* SPDX-License-Identifier: GPL-2.0-or-later */
/* x509: the two things of a certificate that are looked at here and not by wolfSSL: its public key as bytes (pins) and
 * its alternative names. Internal to quic/.
 *
 * Standards: RFC 5280 section 4.1, RFC 7469 section 2.4, RFC 9525. */
#ifndef MPVPN_QUIC_X509_H
#define MPVPN_QUIC_X509_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/** Parts of a certificate; they point into it. */
struct x509_view {
    const uint8_t *key;   /**< SubjectPublicKeyInfo, with its own header */
    size_t key_length;    /**< bytes */
    const uint8_t *names; /**< contents of subjectAltName's GeneralNames; NULL: there is none */
    size_t names_length;  /**< bytes */
};

/** @param der one certificate @return 0; -EBADMSG: not a certificate */
int x509_parse(const uint8_t *der, size_t length, struct x509_view *out);
/** Whether the certificate is for this DNS name (a wildcard may stand for the whole first label) or numeric address.
 * The common name is not looked at. */
bool x509_is_for(const struct x509_view *view, const char *name);
/** @param pin SHA-256 of the certificate's SubjectPublicKeyInfo */
void x509_pin(const struct x509_view *view, uint8_t pin[32]);

#endif
