/* SPDX-License-Identifier: GPL-2.0-or-later */
/* h3_settings: reads one setting, extended CONNECT, off the peer's control stream as its bytes come by. nghttp3 up
 * to 1.8 at least does not tell a client of it. Only h3 uses it. */
#ifndef MPVPN_MASQUE_H3_SETTINGS_H
#define MPVPN_MASQUE_H3_SETTINGS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/** What the next integer on the control stream is. */
enum h3_settings_state {
    H3_SETTINGS_FRAME,  /**< type of the first frame */
    H3_SETTINGS_LENGTH, /**< its length */
    H3_SETTINGS_ID,     /**< a setting's identifier */
    H3_SETTINGS_VALUE,  /**< and its value */
    H3_SETTINGS_DONE,   /**< the frame is over, or is not SETTINGS */
};

/** The reader. Zeroed: nothing came yet. */
struct h3_settings {
    uint64_t begun;               /**< unidirectional streams whose first byte has come, one bit each */
    bool found;                   /**< stream_id is the control stream */
    int64_t stream_id;            /**< the peer's control stream */
    enum h3_settings_state state; /**< see there */
    uint8_t bytes[8];             /**< the integer being gathered */
    size_t length;                /**< bytes of it */
    uint64_t left;                /**< bytes of the frame still to come */
    uint64_t id;                  /**< identifier last read */
    uint64_t extended_connect;    /**< value of SETTINGS_ENABLE_CONNECT_PROTOCOL; 0: not sent */
};

/** See stream bytes, in order, before nghttp3 does. @param stream_id of any stream */
void h3_settings_see(struct h3_settings *settings, int64_t stream_id, const uint8_t *data, size_t length);
/** Whether the peer, a server, takes extended CONNECT; true too when its control stream could not be told. */
bool h3_settings_allow_connect(const struct h3_settings *settings);

#endif
