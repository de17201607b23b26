/* SPDX-License-Identifier: GPL-2.0-or-later */
/* h3_fields: header sections.
 *
 * How it works: received fields are copied into one growing block, remembered as offsets, and become pointers when the
 * section is complete; pseudo-headers go to members of the message, the rest to its fields. To be sent, a message
 * becomes nghttp3's name/value pairs. What it leaves out: trailers; what nghttp3 has already checked (pseudo-headers'
 * order, letters' case). Invariants: a section holds at most H3_FIELDS_MAX fields and H3_FIELD_BYTES_MAX bytes; nothing
 * with NUL, CR or LF is sent; authorization is never indexed. Standards: RFC 9114 section 4.2 and 4.3, RFC 9220, RFC
 * 9204 section 7.1.3. */
#include "masque/h3_fields.h"

#include <stdlib.h>
#include <string.h>

bool h3_section_add(struct h3_section *section, const uint8_t *name, size_t name_length, const uint8_t *value,
                    size_t value_length, bool never_index) {
    size_t bytes = name_length + value_length + 2;
    if (section->too_large || section->count == H3_FIELDS_MAX || bytes > H3_FIELD_BYTES_MAX - section->used) {
        section->too_large = true;
        return true;
    }
    if (section->used + bytes > section->room) {
        size_t room = section->room > 0 ? section->room : 512;
        while (room < section->used + bytes)
            room *= 2;
        char *grown = realloc(section->bytes, room);
        if (grown == NULL)
            return false;
        section->bytes = grown;
        section->room = room;
    }
    size_t i = section->count++;
    char *at = section->bytes + section->used;
    section->name[i] = (uint16_t)section->used;
    section->value[i] = (uint16_t)(section->used + name_length + 1);
    section->value_length[i] = (uint16_t)value_length;
    section->never_index[i] = never_index;
    memcpy(at, name, name_length);
    at[name_length] = '\0';
    memcpy(at + name_length + 1, value, value_length);
    at[bytes - 1] = '\0';
    section->used += bytes;
    return true;
}

void h3_section_clear(struct h3_section *section) {
    if (section->bytes != NULL)
        explicit_bzero(section->bytes, section->used);
    free(section->bytes);
    section->bytes = NULL;
    section->used = section->room = section->count = 0;
    section->too_large = false;
}

/** The member of a message that a pseudo-header goes to, or NULL. */
static const char **pseudo_member(struct h3_message *message, const char *name) {
    if (strcmp(name, ":method") == 0)
        return &message->method;
    if (strcmp(name, ":scheme") == 0)
        return &message->scheme;
    if (strcmp(name, ":authority") == 0)
        return &message->authority;
    if (strcmp(name, ":path") == 0)
        return &message->path;
    return strcmp(name, ":protocol") == 0 ? &message->protocol : NULL;
}

void h3_section_message(const struct h3_section *section, struct h3_field *fields, struct h3_message *out) {
    *out = (struct h3_message){.fields = fields};
    for (size_t i = 0; i < section->count; i++) {
        const char *name = section->bytes + section->name[i];
        const char *value = section->bytes + section->value[i];
        const char **member = pseudo_member(out, name);
        if (member != NULL) {
            *member = value;
        } else if (strcmp(name, ":status") == 0) {
            out->status = (unsigned)atoi(value);
        } else if (name[0] != ':') {
            fields[out->field_count++] = (struct h3_field){.name = name,
                                                           .value = value,
                                                           .value_length = section->value_length[i],
                                                           .never_index = section->never_index[i]};
        }
    }
}

const struct h3_field *h3_message_field(const struct h3_message *message, const char *name, bool *again) {
    const struct h3_field *found = NULL;
    if (again != NULL)
        *again = false;
    for (size_t i = 0; i < message->field_count; i++) {
        if (strcmp(message->fields[i].name, name) != 0)
            continue;
        if (found == NULL) {
            found = &message->fields[i];
        } else if (again != NULL) {
            *again = true;
        }
    }
    return found;
}

/** Append one name/value pair. @return false: no room, or a character that HTTP forbids */
static bool add(nghttp3_nv *fields, size_t *count, const char *name, const char *value, size_t value_length,
                bool never_index) {
    size_t name_length = strlen(name);
    if (*count == H3_FIELDS_MAX || value_length > H3_FIELD_BYTES_MAX)
        return false;
    if (strpbrk(name, "ABCDEFGHIJKLMNOPQRSTUVWXYZ") != NULL)
        return false;
    if (!nghttp3_check_header_name((const uint8_t *)name, name_length))
        return false;
    if (!nghttp3_check_header_value((const uint8_t *)value, value_length))
        return false;
    if (memchr(value, '\0', value_length) || memchr(value, '\r', value_length) || memchr(value, '\n', value_length))
        return false;
    if (strcmp(name, "authorization") == 0)
        never_index = true;
    fields[(*count)++] = (nghttp3_nv){.name = (const uint8_t *)name,
                                      .value = (const uint8_t *)value,
                                      .namelen = name_length,
                                      .valuelen = value_length,
                                      .flags = never_index ? NGHTTP3_NV_FLAG_NEVER_INDEX : 0};
    return true;
}

static bool add_pseudo(nghttp3_nv *fields, size_t *count, const char *name, const char *value) {
    return value != NULL && value[0] != '\0' && add(fields, count, name, value, strlen(value), false);
}

static bool add_all(nghttp3_nv *fields, size_t *count, const struct h3_message *message) {
    for (size_t i = 0; i < message->field_count; i++) {
        const struct h3_field *field = &message->fields[i];
        if (field->name[0] == ':' ||
            !add(fields, count, field->name, field->value, field->value_length, field->never_index))
            return false;
    }
    return true;
}

bool h3_fields_of_request(const struct h3_message *request, nghttp3_nv *fields, size_t *count) {
    *count = 0;
    if (!add_pseudo(fields, count, ":method", request->method))
        return false;
    if (request->protocol != NULL && !add_pseudo(fields, count, ":protocol", request->protocol))
        return false;
    return add_pseudo(fields, count, ":scheme", request->scheme) &&
           add_pseudo(fields, count, ":authority", request->authority) &&
           add_pseudo(fields, count, ":path", request->path) && add_all(fields, count, request);
}

bool h3_fields_of_response(const struct h3_message *response, char status[4], nghttp3_nv *fields, size_t *count) {
    *count = 0;
    if (response->status < 100 || response->status > 599)
        return false;
    status[0] = (char)('0' + response->status / 100);
    status[1] = (char)('0' + response->status / 10 % 10);
    status[2] = (char)('0' + response->status % 10);
    status[3] = '\0';
    return add_pseudo(fields, count, ":status", status) && add_all(fields, count, response);
}
