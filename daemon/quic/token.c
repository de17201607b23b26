/* SPDX-License-Identifier: GPL-2.0-or-later */
/* token: address-validation tokens and the Retry packet.
 *
 * How it works: a token is kind (1 byte), nonce (12 random bytes) and a box sealed by AES-128-GCM. In the box: when it
 * was made, and in a Retry token the original DCID. What it is bound to (kind, address, and in a Retry token also port
 * and the connection ID of the Retry) is additional data, so that a token from elsewhere does not open. The server
 * keeps no state.
 *
 * Leaves out: single use (a NEW_TOKEN token may be used again within its life; it proves an address and nothing more).
 *
 * Invariant: nothing is allocated, so that a flood of Initials costs no memory.
 *
 * Standards: RFC 9000 sections 8.1.2, 8.1.3, 8.1.4 and 17.2.5. */
#include "quic/token.h"

#include <string.h>

#include "common/random.h"
#include "quic/crypt.h"

#define RETRY_SECONDS 10u
#define REGULAR_SECONDS (24u * 3600)
#define SKEW_SECONDS 2u /* a clock that was set back this much does not matter */
#define TIME_BYTES 8u
#define BOX_MAX (TIME_BYTES + 1 + CONN_CID_MAX)
#define HEADER_BYTES (1 + CRYPT_IV_BYTES)
#define BOUND_MAX (1 + 1 + 16 + 2 + 1 + CONN_CID_MAX)

enum { KIND_RETRY = 0xb6, KIND_REGULAR = 0x36 };

_Static_assert(HEADER_BYTES + BOX_MAX + CRYPT_TAG_BYTES <= TOKEN_MAX, "a token must fit");

/* What the token is bound to. @param out BOUND_MAX bytes @return bytes */
static size_t bound(uint8_t kind, const union sock_addr *remote, const struct conn_cid *dcid, uint8_t *out) {
    struct ip_addr addr = sock_addr_ip(remote);
    uint16_t port = sock_addr_port(remote);
    size_t length = 18;
    out[0] = kind;
    out[1] = addr.version;
    memcpy(out + 2, addr.bytes, sizeof addr.bytes);
    if (kind == KIND_RETRY) {
        out[length++] = (uint8_t)(port >> 8);
        out[length++] = (uint8_t)port;
        out[length++] = dcid->length;
        memcpy(out + length, dcid->bytes, dcid->length);
        length += dcid->length;
    }
    return length;
}

static void put_time(uint8_t out[TIME_BYTES], uint64_t seconds) {
    for (unsigned i = 0; i < TIME_BYTES; i++) {
        out[i] = (uint8_t)(seconds >> (56 - 8 * i));
    }
}

static uint64_t get_time(const uint8_t in[TIME_BYTES]) {
    uint64_t seconds = 0;
    for (unsigned i = 0; i < TIME_BYTES; i++) {
        seconds = seconds << 8 | in[i];
    }
    return seconds;
}

/* Seal a box into a token. @return bytes, 0 on failure */
static size_t seal(const uint8_t key[16], uint8_t kind, const union sock_addr *remote, const struct conn_cid *dcid,
                   const uint8_t *box, size_t length, uint8_t *out) {
    uint8_t binding[BOUND_MAX];
    size_t binding_length = bound(kind, remote, dcid, binding);
    out[0] = kind;
    random_fill(out + 1, CRYPT_IV_BYTES);
    if (crypt_seal(key, out + 1, binding, binding_length, box, length, out + HEADER_BYTES) != 0) {
        return 0;
    }
    return HEADER_BYTES + length + CRYPT_TAG_BYTES;
}

enum token_kind token_check(const uint8_t key[16], const uint8_t *token, size_t length, const union sock_addr *remote,
                            const struct conn_cid *dcid, uint64_t wall_seconds, struct conn_cid *original_dcid) {
    uint8_t binding[BOUND_MAX], box[BOX_MAX], kind;
    size_t binding_length, box_length;
    uint64_t made, life;
    if (length < HEADER_BYTES + TIME_BYTES + CRYPT_TAG_BYTES || length > HEADER_BYTES + BOX_MAX + CRYPT_TAG_BYTES) {
        return TOKEN_INVALID;
    }
    kind = token[0];
    if ((kind != KIND_RETRY && kind != KIND_REGULAR) || dcid->length > CONN_CID_MAX) {
        return TOKEN_INVALID;
    }
    binding_length = bound(kind, remote, dcid, binding);
    if (crypt_open(key, token + 1, binding, binding_length, token + HEADER_BYTES, length - HEADER_BYTES, box) != 0) {
        return TOKEN_INVALID;
    }
    box_length = length - HEADER_BYTES - CRYPT_TAG_BYTES;
    made = get_time(box);
    life = kind == KIND_RETRY ? RETRY_SECONDS : REGULAR_SECONDS;
    if (made > wall_seconds + SKEW_SECONDS || (wall_seconds > made && wall_seconds - made > life)) {
        return TOKEN_INVALID;
    }
    if (kind == KIND_REGULAR) {
        return TOKEN_REGULAR;
    }
    if (box_length <= TIME_BYTES || box[TIME_BYTES] != box_length - TIME_BYTES - 1) {
        return TOKEN_INVALID;
    }
    *original_dcid = (struct conn_cid){.length = box[TIME_BYTES]};
    memcpy(original_dcid->bytes, box + TIME_BYTES + 1, original_dcid->length);
    return TOKEN_RETRY;
}

size_t token_write(const uint8_t key[16], const union sock_addr *remote, uint64_t wall_seconds,
                   uint8_t out[TOKEN_MAX]) {
    uint8_t box[TIME_BYTES];
    put_time(box, wall_seconds);
    return seal(key, KIND_REGULAR, remote, NULL, box, sizeof box, out);
}

size_t token_write_retry(const uint8_t key[16], const struct conn_first_packet *first, const union sock_addr *remote,
                         uint8_t worker, uint64_t wall_seconds, uint8_t *out, size_t size) {
    struct conn_cid ours = {.length = CONN_CID_BYTES};
    uint8_t box[BOX_MAX], token[TOKEN_MAX];
    ngtcp2_cid dcid, scid, original;
    size_t length;
    if (first->dcid.length > CONN_CID_MAX || first->scid.length > CONN_CID_MAX) {
        return 0;
    }
    random_fill(ours.bytes, CONN_CID_BYTES);
    ours.bytes[0] = worker;
    put_time(box, wall_seconds);
    box[TIME_BYTES] = first->dcid.length;
    memcpy(box + TIME_BYTES + 1, first->dcid.bytes, first->dcid.length);
    length = seal(key, KIND_RETRY, remote, &ours, box, TIME_BYTES + 1u + first->dcid.length, token);
    if (length == 0) {
        return 0;
    }
    ngtcp2_cid_init(&dcid, first->scid.bytes, first->scid.length);
    ngtcp2_cid_init(&scid, ours.bytes, ours.length);
    ngtcp2_cid_init(&original, first->dcid.bytes, first->dcid.length);
    return crypt_write_retry(&dcid, &scid, &original, token, length, out, size);
}
