/* SPDX-License-Identifier: GPL-2.0-or-later */
/* x509: SubjectPublicKeyInfo and subjectAltName of a certificate.
 *
 * How it works: a cursor walks DER by tag and length; anything that does not fit its parent ends the walk. wolfSSL has
 * verified (or with a pin need not have verified) the rest; how it was built decides whether it knows addresses in
 * subjectAltName, so that names are compared here.
 *
 * Leaves out: common names (RFC 9525 section 2), URI, mail and other names, internationalised names (they come as their
 * ASCII form).
 *
 * Standards: RFC 5280 sections 4.1 and 4.2.1.6, RFC 9525 section 6. */
#include "quic/x509.h"

#include <errno.h>
#include <string.h>
#include <strings.h>

#include "common/addr.h"
#include "quic/tls.h"

#define TAG_SEQUENCE 0x30
#define TAG_OID 0x06
#define TAG_BOOLEAN 0x01
#define TAG_OCTET_STRING 0x04
#define TAG_VERSION 0xa0    /* [0] EXPLICIT Version */
#define TAG_EXTENSIONS 0xa3 /* [3] EXPLICIT Extensions */
#define TAG_DNS_NAME 0x82   /* [2] IMPLICIT IA5String */
#define TAG_ADDRESS 0x87    /* [7] IMPLICIT OCTET STRING */

/** What is left of a DER value. */
struct cursor {
    const uint8_t *at;  /**< next byte */
    const uint8_t *end; /**< one past the last */
};

/* Take the next element. @param whole (may be NULL) it with its header @param content it without @return its tag, or
 * -1: no more, or not DER */
static int der_next(struct cursor *cursor, struct cursor *whole, struct cursor *content) {
    const uint8_t *start = cursor->at;
    size_t left = (size_t)(cursor->end - start), length, header = 2;
    if (left < 2 || (start[0] & 0x1f) == 0x1f) {
        return -1;
    }
    length = start[1];
    if (length & 0x80) {
        size_t bytes = length & 0x7f;
        if (bytes == 0 || bytes > 3 || left < 2 + bytes) {
            return -1;
        }
        length = 0;
        for (size_t i = 0; i < bytes; i++) {
            length = length << 8 | start[2 + i];
        }
        header += bytes;
    }
    if (length > left - header) {
        return -1;
    }
    *content = (struct cursor){start + header, start + header + length};
    cursor->at = content->end;
    if (whole != NULL) {
        *whole = (struct cursor){start, content->end};
    }
    return start[0];
}

/* Find subjectAltName's GeneralNames among the extensions. @return 0 (names may stay NULL); -EBADMSG */
static int find_names(struct cursor extensions, struct x509_view *out) {
    static const uint8_t oid[] = {0x55, 0x1d, 0x11};
    struct cursor list, extension, id, value;
    if (der_next(&extensions, NULL, &list) != TAG_SEQUENCE) {
        return -EBADMSG;
    }
    while (list.at < list.end) {
        int tag;
        if (der_next(&list, NULL, &extension) != TAG_SEQUENCE || der_next(&extension, NULL, &id) != TAG_OID) {
            return -EBADMSG;
        }
        if ((size_t)(id.end - id.at) != sizeof oid || memcmp(id.at, oid, sizeof oid) != 0) {
            continue;
        }
        tag = der_next(&extension, NULL, &value);
        if (tag == TAG_BOOLEAN) {
            tag = der_next(&extension, NULL, &value);
        }
        if (tag != TAG_OCTET_STRING || der_next(&value, NULL, &id) != TAG_SEQUENCE) {
            return -EBADMSG;
        }
        out->names = id.at;
        out->names_length = (size_t)(id.end - id.at);
        return 0;
    }
    return 0;
}

int x509_parse(const uint8_t *der, size_t length, struct x509_view *out) {
    struct cursor all, certificate, body, content, key;
    struct x509_view view = {0};
    int tag;
    if (length == 0) {
        return -EBADMSG;
    }
    all = (struct cursor){der, der + length};
    if (der_next(&all, NULL, &certificate) != TAG_SEQUENCE || der_next(&certificate, NULL, &body) != TAG_SEQUENCE) {
        return -EBADMSG;
    }
    tag = der_next(&body, NULL, &content);
    if (tag == TAG_VERSION) {
        tag = der_next(&body, NULL, &content);
    }
    /* serial number (just taken), signature algorithm, issuer, validity, subject */
    for (int i = 0; i < 4 && tag >= 0; i++) {
        tag = der_next(&body, NULL, &content);
    }
    if (tag < 0 || der_next(&body, &key, &content) != TAG_SEQUENCE) {
        return -EBADMSG;
    }
    view.key = key.at;
    view.key_length = (size_t)(key.end - key.at);
    while ((tag = der_next(&body, NULL, &content)) >= 0) {
        if (tag == TAG_EXTENSIONS && find_names(content, &view) != 0) {
            return -EBADMSG;
        }
    }
    *out = view;
    return 0;
}

/* Whether a DNS name of the certificate covers the host: equal without regard to case, or "*." and the host from its
 * first dot on. */
static bool dns_matches(const char *pattern, size_t length, const char *host) {
    size_t host_length = strlen(host);
    if (memchr(pattern, '\0', length) != NULL) {
        return false;
    }
    if (host_length > 0 && host[host_length - 1] == '.') {
        host_length--;
    }
    if (length > 2 && pattern[0] == '*' && pattern[1] == '.') {
        const char *dot = memchr(host, '.', host_length);
        if (dot == NULL || dot == host || memchr(pattern + 2, '.', length - 2) == NULL) {
            return false;
        }
        host_length -= (size_t)(dot - host);
        host = dot;
        pattern++;
        length--;
    }
    return length == host_length && length > 0 && strncasecmp(pattern, host, length) == 0;
}

bool x509_is_for(const struct x509_view *view, const char *name) {
    struct cursor names, content;
    struct ip_addr addr;
    bool numeric = ip_addr_parse(name, &addr) == 0;
    int tag;
    if (view->names == NULL) {
        return false;
    }
    names = (struct cursor){view->names, view->names + view->names_length};
    while ((tag = der_next(&names, NULL, &content)) >= 0) {
        size_t length = (size_t)(content.end - content.at);
        if (numeric && tag == TAG_ADDRESS && length == ip_addr_size(&addr) &&
            memcmp(content.at, addr.bytes, length) == 0) {
            return true;
        }
        if (!numeric && tag == TAG_DNS_NAME && dns_matches((const char *)content.at, length, name)) {
            return true;
        }
    }
    return false;
}

void x509_pin(const struct x509_view *view, uint8_t pin[32]) {
    tls_sha256(view->key, view->key_length, pin);
}
