/* SPDX-License-Identifier: GPL-2.0-or-later */
/* fuzz_tls_frame: any CRYPTO stream; whole and byte by byte must be judged alike. The first byte chooses end, level and
 * whether the handshake is over. */
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include "quic/tls_frame.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    static const ngtcp2_encryption_level levels[] = {NGTCP2_ENCRYPTION_LEVEL_INITIAL, NGTCP2_ENCRYPTION_LEVEL_HANDSHAKE,
                                                     NGTCP2_ENCRYPTION_LEVEL_1RTT, NGTCP2_ENCRYPTION_LEVEL_0RTT};
    struct tls_frame whole = {0}, pieces = {0};
    struct tls_frame_error error = {0}, piece_error = {0};
    bool server, complete, ok, pieces_ok = true;
    ngtcp2_encryption_level level;
    if (size == 0) {
        return 0;
    }
    server = data[0] & 1;
    complete = data[0] & 2;
    level = levels[data[0] >> 2 & 3];
    data++;
    size--;
    ok = tls_frame_check(&whole, server, complete, level, data, size, &error);
    for (size_t i = 0; i < size && pieces_ok; i++) {
        pieces_ok = tls_frame_check(&pieces, server, complete, level, data + i, 1, &piece_error);
    }
    if (ok != pieces_ok || error.code != piece_error.code || error.alert != piece_error.alert) {
        abort();
    }
    tls_frame_fini(&whole);
    tls_frame_fini(&pieces);
    return 0;
}
