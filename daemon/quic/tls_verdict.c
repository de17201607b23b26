/* SPDX-License-Identifier: GPL-2.0-or-later */
/* tls_verdict: what wolfSSL's errors about a certificate mean to us.
 *
 * How it works: two tables over its error codes. What to do about them is tls_session's.
 *
 * Standards: RFC 5280 section 6. */
#include "quic/tls_verdict.h"

#include <stdio.h>

#include <wolfssl/options.h>
#include <wolfssl/ssl.h>
#include <wolfssl/wolfcrypt/error-crypt.h>

const char *tls_verdict_print(int error, char *out, size_t size) {
    switch (error) {
    case ASN_NO_SIGNER_E:
    case ASN_SELF_SIGNED_E:
        snprintf(out, size, "certificate is signed by an unknown authority");
        break;
    case ASN_AFTER_DATE_E:
        snprintf(out, size, "certificate expired");
        break;
    case ASN_BEFORE_DATE_E:
        snprintf(out, size, "certificate is not valid yet");
        break;
    case ASN_SIG_CONFIRM_E:
        snprintf(out, size, "certificate's signature is wrong");
        break;
    default:
        snprintf(out, size, "certificate was refused: %s", wolfSSL_ERR_reason_error_string((unsigned long)error));
    }
    return out;
}

bool tls_verdict_is_of_chain(int error) {
    switch (error) {
    case 0:
    case ASN_NO_SIGNER_E:
    case ASN_SELF_SIGNED_E:
    case ASN_AFTER_DATE_E:
    case ASN_BEFORE_DATE_E:
    case ASN_SIG_CONFIRM_E:
    case ASN_SIG_KEY_E:
    case ASN_SIG_HASH_E:
    case ASN_SIG_OID_E:
    case ASN_PATHLEN_INV_E:
    case ASN_PATHLEN_SIZE_E:
    case EXTKEYUSE_AUTH_E:
        return true;
    default:
        return false;
    }
}
