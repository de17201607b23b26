/* SPDX-License-Identifier: GPL-2.0-or-later */
/* h3_fields: header sections both ways: gathering what nghttp3 hands over field by field, and turning a message into
 * nghttp3's fields. Only h3 uses it. */
#ifndef MPVPN_MASQUE_H3_FIELDS_H
#define MPVPN_MASQUE_H3_FIELDS_H

#include <nghttp3/nghttp3.h>

#include "masque/h3.h"

/** A header section being received. Zeroed: empty. */
struct h3_section {
    char *bytes;                          /**< names and values, each with a NUL after it */
    size_t used;                          /**< bytes there */
    size_t room;                          /**< bytes allocated */
    size_t count;                         /**< fields */
    uint16_t name[H3_FIELDS_MAX];         /**< where in bytes each name begins */
    uint16_t value[H3_FIELDS_MAX];        /**< where each value begins */
    uint16_t value_length[H3_FIELDS_MAX]; /**< bytes of each value */
    bool never_index[H3_FIELDS_MAX];      /**< QPACK's mark of a secret */
    bool too_large;                       /**< more than is kept; nothing more is added */
};

/** Add a field; beyond the limits only too_large is set. @return false: out of memory */
bool h3_section_add(struct h3_section *section, const uint8_t *name, size_t name_length, const uint8_t *value,
                    size_t value_length, bool never_index);
/** Free what it holds (secrets wiped); empty again. */
void h3_section_clear(struct h3_section *section);
/** The section as a message that borrows from it. @param fields H3_FIELDS_MAX entries for out->fields */
void h3_section_message(const struct h3_section *section, struct h3_field *fields, struct h3_message *out);

/**
 * A message as nghttp3's fields, which borrow from it.
 * @param fields H3_FIELDS_MAX entries
 * @param count set to how many
 * @return false: a pseudo-header is missing, a name or value has characters that HTTP forbids, or there are too many
 */
bool h3_fields_of_request(const struct h3_message *request, nghttp3_nv *fields, size_t *count);
/** @param status text of the status code, lives as long as fields @see h3_fields_of_request */
bool h3_fields_of_response(const struct h3_message *response, char status[4], nghttp3_nv *fields, size_t *count);

#endif
