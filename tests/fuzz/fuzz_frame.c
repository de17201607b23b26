/* SPDX-License-Identifier: GPL-2.0-or-later */
/* fuzz_frame: bytes as a bonded packet and as a mark. What is accepted is written back the same, but for unknown flags;
 * of any two sequences at most one comes before the other. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "bond/frame.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check(int condition) {
    if (!condition)
        abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    struct frame_packet packet;
    struct frame_mark mark;
    uint8_t out[FRAME_MARK_BYTES];

    if (frame_read_packet(data, size, &packet) == 0) {
        check(packet.bucket_sequence <= FRAME_SEQUENCE24);
        frame_write_packet(&packet, out);
        check(size > FRAME_PACKET_BYTES && memcmp(out, data, FRAME_PACKET_BYTES) == 0);
        check(!frame_before24(packet.bucket_sequence, packet.bucket_sequence));
        check(frame_before24(packet.bucket_sequence, frame_next24(packet.bucket_sequence)));
    }
    if (frame_read_mark(data, size, &mark) == 0) {
        check(mark.leg <= FRAME_LEG_MAX);
        frame_write_mark(&mark, out);
        check(out[0] == data[0] && (out[1] & ~data[1]) == 0 && memcmp(out + 2, data + 2, FRAME_MARK_BYTES - 2) == 0);
        check(mark.next == mark.floor || frame_distance32(mark.next, mark.floor) == INT32_MIN ||
              frame_before32(mark.next, mark.floor) != frame_before32(mark.floor, mark.next));
    }
    return 0;
}
