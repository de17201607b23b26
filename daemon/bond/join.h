/* SPDX-License-Identifier: GPL-2.0-or-later */
/* join: the field `mpvpn-bond` by which a request asks for a bonded session or joins one, and the proof that binds a
 * joining leg to the session and to its own connection.
 *
 *     request, first leg    mpvpn-bond: new;v=1
 *     request, further leg  mpvpn-bond: :SESSION-ID:;v=1;proof=:PROOF:      (;new: or else a new session)
 *     answer                mpvpn-bond: :SESSION-ID:;v=1;leg=N;w=N
 *
 * Standards: RFC 9651 (structured fields: an Item), RFC 4648 section 4, RFC 2104. */
#ifndef MPVPN_BOND_JOIN_H
#define MPVPN_BOND_JOIN_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define JOIN_FIELD "mpvpn-bond"                        /**< name of the field */
#define JOIN_SECRET_LABEL "EXPORTER-mpvpn-bond-secret" /**< exporter of the first leg, no context: the SECRET */
#define JOIN_PROOF_LABEL "EXPORTER-mpvpn-bond"         /**< exporter of a joining leg, context: the session ID */
#define JOIN_ID_BYTES 16u                              /**< bytes of a session ID */
#define JOIN_SECRET_BYTES 32u                          /**< bytes of SECRET, exporter and proof */
#define JOIN_LEG_MAX 254u                              /**< largest number of a leg */
#define JOIN_FIELD_MAX 128u                            /**< bytes with NUL: longest field value that is written */

/** The field's value. */
struct join_field {
    bool is_new;                       /**< the Token `new`; else a session's ID */
    bool or_new;                       /**< the Boolean `new`: if the session is not known, a new one is asked for */
    bool has_proof;                    /**< proof is there */
    uint8_t session_id[JOIN_ID_BYTES]; /**< unless is_new */
    uint8_t proof[JOIN_SECRET_BYTES];  /**< if has_proof */
    int16_t leg;                       /**< number of the leg, 0 to JOIN_LEG_MAX; -1: not there */
    int16_t worker;                    /**< worker to join at, 0 to 255; -1: not there */
};

/**
 * Parse the field's value (several lines joined by commas, RFC 9651 section 4.2). Unknown parameters are ignored; of a
 * parameter that repeats the last one counts.
 * @param text not NUL-terminated
 * @return 0; -EBADMSG: to be treated as absent: not an Item, neither `new` nor 16 bytes, no v or an unknown one, a
 * known parameter of wrong type, length or range
 */
int join_parse(const char *text, size_t length, struct join_field *out);
/** Write the field's value. @return length without NUL; 0: no room, or out of range */
size_t join_print(const struct join_field *field, char *out, size_t size);
/**
 * The proof of a joining leg: HMAC-SHA256(secret, exporter ‖ stream ID as 8 bytes).
 * @param exporter of this connection: label JOIN_PROOF_LABEL, context the session ID
 */
void join_proof(const uint8_t secret[JOIN_SECRET_BYTES], const uint8_t exporter[JOIN_SECRET_BYTES], uint64_t stream_id,
                uint8_t out[JOIN_SECRET_BYTES]);

#endif
