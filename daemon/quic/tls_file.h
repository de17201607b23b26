/* SPDX-License-Identifier: GPL-2.0-or-later */
/* tls_file: certificate and key files as bytes. Internal to quic/. */
#ifndef MPVPN_QUIC_TLS_FILE_H
#define MPVPN_QUIC_TLS_FILE_H

#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

/**
 * Read a whole file of at most 1 MiB.
 * @param out heap, wiped and freed by the caller (tls_file_free)
 * @param why filled in on failure
 * @return 0; -errno of opening or reading; -EFBIG; -EINVAL: not a regular file, or empty; -ENOMEM
 */
int tls_file_read(const char *path, uint8_t **out, size_t *length, char *why, size_t why_size);
/** Wipe and free. NULL is fine. */
void tls_file_free(uint8_t *data, size_t length);
/** Write a file that must not exist yet. @return 0; -EEXIST; -errno (what was written is removed) */
int tls_file_create(const char *path, mode_t mode, const uint8_t *data, size_t length, char *why, size_t why_size);

#endif
