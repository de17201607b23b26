/* SPDX-License-Identifier: GPL-2.0-or-later */
/* tls_frame: handshake messages in the CRYPTO stream.
 *
 * How it works: a message is four bytes of type and length, then its body. Which types may come depends on our end and
 * the encryption level; everything else is unexpected_message (0x10a), or the error that RFC 9001 names for it. After
 * the handshake only NewSessionTicket may come, to a client. It is collected, and handed on when it is whole and its
 * lengths are right.
 *
 * Invariant: position never exceeds length, length never TLS_MESSAGE_MAX. */
#include "quic/tls_frame.h"

#include <stdlib.h>
#include <string.h>

#include "common/be.h"

#define HEADER_BYTES 4u
#define SESSION_ID_OFFSET 34u /* in ClientHello: after version and random */
#define EXTENSION_EARLY_DATA 42u

enum {
    CLIENT_HELLO = 1,
    SERVER_HELLO = 2,
    NEW_SESSION_TICKET = 4,
    ENCRYPTED_EXTENSIONS = 8,
    CERTIFICATE = 11,
    CERTIFICATE_REQUEST = 13,
    CERTIFICATE_VERIFY = 15,
    FINISHED = 20,
    KEY_UPDATE = 24
};
enum { ALERT_UNEXPECTED_MESSAGE = 10, ALERT_DECODE_ERROR = 50 };

static bool refuse(struct tls_frame_error *error, int code, uint8_t alert, const char *reason) {
    *error = (struct tls_frame_error){.code = code, .alert = alert, .reason = reason};
    return false;
}

static bool is_expected(bool server, bool complete, ngtcp2_encryption_level level, uint8_t type) {
    switch (level) {
    case NGTCP2_ENCRYPTION_LEVEL_INITIAL:
        return !complete && type == (server ? CLIENT_HELLO : SERVER_HELLO);
    case NGTCP2_ENCRYPTION_LEVEL_HANDSHAKE:
        return !complete &&
               (type == FINISHED || (!server && (type == ENCRYPTED_EXTENSIONS || type == CERTIFICATE_REQUEST ||
                                                 type == CERTIFICATE || type == CERTIFICATE_VERIFY)));
    case NGTCP2_ENCRYPTION_LEVEL_1RTT:
        return complete && !server && type == NEW_SESSION_TICKET;
    default:
        return false;
    }
}

/* A message's header is there: may it come, and how long is it? */
static bool begin_message(struct tls_frame *frame, bool server, bool complete, struct tls_frame_error *error) {
    uint8_t type = frame->header[0];
    if (!is_expected(server, complete, frame->level, type)) {
        if (type == CERTIFICATE_REQUEST && complete && !server) {
            return refuse(error, NGTCP2_ERR_PROTO, 0, "the server asks for a certificate after the handshake");
        }
        return refuse(error, NGTCP2_ERR_CRYPTO, ALERT_UNEXPECTED_MESSAGE,
                      type == KEY_UPDATE ? "TLS KeyUpdate, which QUIC forbids"
                                         : "a TLS message that must not come here");
    }
    frame->length = (uint32_t)frame->header[1] << 16 | (uint32_t)frame->header[2] << 8 | frame->header[3];
    frame->position = 0;
    if (frame->length > TLS_MESSAGE_MAX) {
        return refuse(error, NGTCP2_ERR_CRYPTO, ALERT_DECODE_ERROR, "a TLS message of more than 64 KiB");
    }
    if (type == NEW_SESSION_TICKET) {
        frame->ticket = malloc(HEADER_BYTES + frame->length);
        if (frame->ticket == NULL) {
            return refuse(error, NGTCP2_ERR_NOMEM, 0, "no memory");
        }
        memcpy(frame->ticket, frame->header, HEADER_BYTES);
    }
    return true;
}

/* lifetime, age_add, nonce<1>, ticket<2>, extensions<2>: the lengths must fit, and early_data must say 0xffffffff (RFC
 * 9001 section 4.6.1) */
static bool check_ticket(const uint8_t *body, size_t length, struct tls_frame_error *error) {
    size_t at = 8, end;
    if (length < at + 1 || length < (at += 1u + body[at]) + 2 || length < (at += 2u + be16_get(body + at)) + 2 ||
        length != at + 2 + be16_get(body + at)) {
        return refuse(error, NGTCP2_ERR_CRYPTO, ALERT_DECODE_ERROR, "a malformed session ticket");
    }
    for (at += 2; at < length; at = end) {
        if (length - at < 4 || length - at - 4 < be16_get(body + at + 2)) {
            return refuse(error, NGTCP2_ERR_CRYPTO, ALERT_DECODE_ERROR, "a malformed session ticket");
        }
        end = at + 4 + be16_get(body + at + 2);
        if (be16_get(body + at) == EXTENSION_EARLY_DATA &&
            (end - at != 8 || be16_get(body + at + 4) != 0xffff || be16_get(body + at + 6) != 0xffff)) {
            return refuse(error, NGTCP2_ERR_PROTO, 0, "a session ticket with a limit of early data");
        }
    }
    return true;
}

/* Part of a message's body came. */
static bool follow_body(struct tls_frame *frame, const uint8_t *data, size_t length, struct tls_frame_error *error) {
    if (frame->header[0] == CLIENT_HELLO && frame->position <= SESSION_ID_OFFSET &&
        SESSION_ID_OFFSET - frame->position < length && data[SESSION_ID_OFFSET - frame->position] != 0) {
        return refuse(error, NGTCP2_ERR_PROTO, 0, "a ClientHello with a legacy session ID");
    }
    if (frame->ticket != NULL) {
        memcpy(frame->ticket + HEADER_BYTES + frame->position, data, length);
    }
    frame->position += (uint32_t)length;
    return true;
}

static bool end_message(struct tls_frame *frame, struct tls_frame_error *error) {
    bool ok = frame->ticket == NULL || check_ticket(frame->ticket + HEADER_BYTES, frame->length, error);
    if (ok && frame->ticket != NULL && frame->on_ticket != NULL) {
        frame->on_ticket(frame->context, frame->ticket, HEADER_BYTES + frame->length);
    }
    tls_frame_fini(frame);
    return ok;
}

bool tls_frame_check(struct tls_frame *frame, bool server, bool complete, ngtcp2_encryption_level level,
                     const uint8_t *data, size_t length, struct tls_frame_error *error) {
    if (frame->header_length != 0 && frame->level != level) {
        return refuse(error, NGTCP2_ERR_CRYPTO, ALERT_UNEXPECTED_MESSAGE, "a TLS message across encryption levels");
    }
    frame->level = level;
    while (length > 0) {
        size_t take;
        if (frame->header_length < HEADER_BYTES) {
            frame->header[frame->header_length++] = *data++;
            length--;
            if (frame->header_length < HEADER_BYTES) {
                continue;
            }
            if (!begin_message(frame, server, complete, error)) {
                return false;
            }
        }
        take = frame->length - frame->position;
        take = take < length ? take : length;
        if (take > 0 && !follow_body(frame, data, take, error)) {
            return false;
        }
        data += take;
        length -= take;
        if (frame->position == frame->length && !end_message(frame, error)) {
            return false;
        }
    }
    return true;
}

void tls_frame_fini(struct tls_frame *frame) {
    free(frame->ticket);
    *frame = (struct tls_frame){.level = frame->level, .on_ticket = frame->on_ticket, .context = frame->context};
}
