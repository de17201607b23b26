/* SPDX-License-Identifier: GPL-2.0-or-later */
/* tls_verdict: what wolfSSL's errors about a certificate mean to us. Internal to quic/. */
#ifndef MPVPN_QUIC_TLS_VERDICT_H
#define MPVPN_QUIC_TLS_VERDICT_H

#include <stdbool.h>
#include <stddef.h>

/** In words, for humans. @return out */
const char *tls_verdict_print(int error, char *out, size_t size);
/** Whether it is about what a pin makes irrelevant: who signed the certificate, and when it is valid. Anything else (a
 * key that cannot be used …) stays an error. */
bool tls_verdict_is_of_chain(int error);

#endif
