/* SPDX-License-Identifier: GPL-2.0-or-later */
/* h3_settings: one setting off the peer's control stream.
 *
 * How it works: the control stream is the unidirectional one whose first byte is 0; SETTINGS must be its first frame.
 * That frame is nothing but variable-length integers, which are gathered byte by byte. What it leaves out: every fault
 * (nghttp3 finds it), a stream type written longer than it need be. Standards: RFC 9114 sections 6.2.1 and 7.2.4, RFC
 * 9220 section 3. */
#include "masque/h3_settings.h"

#include "masque/capsule.h"

#define FRAME_SETTINGS 0x04u
#define SETTINGS_ENABLE_CONNECT_PROTOCOL 0x08u

/** Take the integer that is complete. */
static void take(struct h3_settings *settings, uint64_t value) {
    switch (settings->state) {
    case H3_SETTINGS_FRAME:
        settings->state = value == FRAME_SETTINGS ? H3_SETTINGS_LENGTH : H3_SETTINGS_DONE;
        break;
    case H3_SETTINGS_LENGTH:
        settings->left = value;
        settings->state = value > 0 ? H3_SETTINGS_ID : H3_SETTINGS_DONE;
        break;
    case H3_SETTINGS_ID:
        settings->id = value;
        settings->state = H3_SETTINGS_VALUE;
        break;
    case H3_SETTINGS_VALUE:
        if (settings->id == SETTINGS_ENABLE_CONNECT_PROTOCOL)
            settings->extended_connect = value;
        settings->state = settings->left > 0 ? H3_SETTINGS_ID : H3_SETTINGS_DONE;
        break;
    case H3_SETTINGS_DONE:
        break;
    }
}

void h3_settings_see(struct h3_settings *settings, int64_t stream_id, const uint8_t *data, size_t length) {
    if (settings->state == H3_SETTINGS_DONE || (stream_id & 2) == 0 || length == 0)
        return;
    if (!settings->found && stream_id / 4 < 64 && (settings->begun >> stream_id / 4 & 1) == 0) {
        settings->begun |= 1ull << stream_id / 4;
        if (data[0] != 0)
            return;
        settings->found = true;
        settings->stream_id = stream_id;
        data++;
        length--;
    }
    if (!settings->found || stream_id != settings->stream_id)
        return;
    for (size_t i = 0; i < length && settings->state != H3_SETTINGS_DONE; i++) {
        uint64_t value;
        bool within = settings->state == H3_SETTINGS_ID || settings->state == H3_SETTINGS_VALUE;
        if (within && settings->left-- == 0)
            settings->state = H3_SETTINGS_DONE;
        settings->bytes[settings->length++] = data[i];
        if (varint_read(settings->bytes, settings->length, &value) == 0)
            continue;
        settings->length = 0;
        take(settings, value);
    }
}

bool h3_settings_allow_connect(const struct h3_settings *settings) {
    return !settings->found || settings->extended_connect == 1;
}
