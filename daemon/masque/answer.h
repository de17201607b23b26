/* SPDX-License-Identifier: GPL-2.0-or-later */
/* answer: what a request deserves, before its owner is asked, and the words of a refusal both ways. Pure functions;
 * only connect_ip uses it. */
#ifndef MPVPN_MASQUE_ANSWER_H
#define MPVPN_MASQUE_ANSWER_H

#include "masque/connect_ip.h"

#define ANSWER_REASON_MAX 161u                          /**< bytes, with NUL: longest reason */
#define ANSWER_STATUS_MAX (2 * ANSWER_REASON_MAX + 64u) /**< bytes, with NUL: longest Proxy-Status value */

/** A verdict on a request's form. */
struct answer {
    unsigned status;    /**< 0: a well-formed CONNECT-IP request; else the status to refuse with */
    const char *reason; /**< one line; NULL when status is 0 */
    bool allow;         /**< 405: say that CONNECT is allowed */
};

/** Judge a request. @param scope set when the status is 0 */
struct answer answer_judge(const char *uri_template, const struct h3_message *request, struct connect_ip_scope *scope);
/** Why a successful answer cannot start a tunnel (RFC 9297 section 3.2), or NULL. */
const char *answer_fault(const struct h3_message *response);
/** A Proxy-Status value (RFC 9209) with this reason as its details. @param out ANSWER_STATUS_MAX bytes */
void answer_print_proxy_status(const char *reason, char *out);
/** The reason of a refusal: the Proxy-Status details if there are any, else the status in words. @param out
 * ANSWER_REASON_MAX bytes */
void answer_reason(const struct h3_message *response, char *out);

#endif
