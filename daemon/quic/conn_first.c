/* SPDX-License-Identifier: GPL-2.0-or-later */
/* conn_first: what a server decides about a packet without any state, and the answers that need none: version
 * negotiation and stateless reset.
 *
 * What it leaves out: Retry (token.c), and any limit on how often these answers are given (the hall's).
 *
 * Invariants: an answer is never longer than what it answers, so nobody can use us to amplify.
 *
 * Standards: RFC 8999; RFC 9000 sections 6, 10.3, 14.1 and 17.2. */
#include "quic/conn.h"

#include <errno.h>
#include <string.h>

#include <ngtcp2/ngtcp2.h>

#include "common/be.h"
#include "common/random.h"
#include "quic/crypt.h"

#define LONG_HEADER 0x80u /**< first byte: header form */
#define VERSION_AT 1u     /**< bytes before the version */
#define DCID_AT 6u        /**< bytes before a long header's destination connection ID */
#define MIN_ANSWERED                                                                                                   \
    22u /**< bytes: a reset is shorter than what it answers, and 21 bytes at least (RFC 9000 section 10.3) */
#define MAX_RESET 43u /**< bytes: a reset looks like a small packet */
#define RESERVED_VERSION                                                                                               \
    0x1a2a3a4au /**< offered beside version 1, so that clients keep ignoring what they do not know */

int conn_peek_dcid(const uint8_t *data, size_t length, struct conn_cid *dcid) {
    size_t at, cid_length;

    if (length < 1)
        return -EBADMSG;
    if (data[0] & LONG_HEADER) {
        if (length < DCID_AT)
            return -EBADMSG;
        at = DCID_AT;
        cid_length = data[at - 1];
    } else {
        at = 1;
        cid_length = CONN_CID_BYTES;
    }
    if (cid_length > CONN_CID_MAX || length - at < cid_length)
        return -EBADMSG;
    memset(dcid, 0, sizeof *dcid);
    dcid->length = (uint8_t)cid_length;
    memcpy(dcid->bytes, data + at, cid_length);
    return 0;
}

bool conn_has_dcid(const uint8_t *data, size_t length, const struct conn_cid *dcid) {
    return length > CONN_CID_BYTES && (data[0] & LONG_HEADER) == 0 && dcid->length == CONN_CID_BYTES &&
           memcmp(data + 1, dcid->bytes, CONN_CID_BYTES) == 0;
}

/** Read the version-independent fields of a long header. */
static int read_long_header(const uint8_t *data, size_t length, struct conn_first_packet *out) {
    size_t at, scid_length;

    if (conn_peek_dcid(data, length, &out->dcid) != 0)
        return -EBADMSG;
    out->version = be32_get(data + VERSION_AT);
    at = DCID_AT + out->dcid.length;
    if (at >= length)
        return -EBADMSG;
    scid_length = data[at++];
    if (scid_length > CONN_CID_MAX || length - at < scid_length)
        return -EBADMSG;
    out->scid.length = (uint8_t)scid_length;
    memcpy(out->scid.bytes, data + at, scid_length);
    return 0;
}

enum conn_first conn_peek_first(const uint8_t *data, size_t length, struct conn_first_packet *out) {
    ngtcp2_pkt_hd header;

    memset(out, 0, sizeof *out);
    if (length == 0)
        return CONN_FIRST_JUNK;
    if (!(data[0] & LONG_HEADER))
        return conn_peek_dcid(data, length, &out->dcid) == 0 ? CONN_FIRST_SHORT : CONN_FIRST_JUNK;
    if (read_long_header(data, length, out) != 0 || out->version == 0)
        return CONN_FIRST_JUNK;
    if (out->version != NGTCP2_PROTO_VER_V1)
        return length >= NGTCP2_MAX_UDP_PAYLOAD_SIZE ? CONN_FIRST_VERSION : CONN_FIRST_JUNK;
    if (ngtcp2_accept(&header, data, length) != 0)
        return CONN_FIRST_JUNK;
    out->token = header.token;
    out->token_length = header.tokenlen;
    return CONN_FIRST_ACCEPT;
}

size_t conn_write_version_negotiation(const struct conn_first_packet *first, uint8_t *out, size_t size) {
    static const uint32_t versions[] = {NGTCP2_PROTO_VER_V1, RESERVED_VERSION};
    uint8_t unused;
    ngtcp2_ssize n;

    random_fill(&unused, 1);
    n = ngtcp2_pkt_write_version_negotiation(out, size, unused, first->scid.bytes, first->scid.length,
                                             first->dcid.bytes, first->dcid.length, versions,
                                             sizeof versions / sizeof *versions);
    return n > 0 ? (size_t)n : 0;
}

size_t conn_write_stateless_reset(const uint8_t reset_key[32], const struct conn_cid *dcid, size_t received_length,
                                  uint8_t *out, size_t size) {
    uint8_t token[NGTCP2_STATELESS_RESET_TOKENLEN], random[MAX_RESET];
    size_t length = received_length - 1 < MAX_RESET ? received_length - 1 : MAX_RESET;
    ngtcp2_cid cid;
    ngtcp2_ssize n;

    if (received_length < MIN_ANSWERED || size < length)
        return 0;
    ngtcp2_cid_init(&cid, dcid->bytes, dcid->length);
    if (crypt_stateless_reset_token(reset_key, &cid, token) != 0)
        return 0;
    random_fill(random, sizeof random);
    n = ngtcp2_pkt_write_stateless_reset(out, size, token, random, length - sizeof token);
    return n > 0 ? (size_t)n : 0;
}
