/* SPDX-License-Identifier: GPL-2.0-or-later */
/* keygen: a key and a self-signed certificate for a server, and the pin by which clients know it. */
#ifndef MPVPN_CTL_KEYGEN_H
#define MPVPN_CTL_KEYGEN_H

#include <stddef.h>
#include <stdio.h>

/**
 * Make DIRECTORY/NAME.key and DIRECTORY/NAME.crt and print what to do with them.
 * @param name also the name in the certificate
 * @return 0, or -errno with a sentence in why; -EEXIST: one of the files is there
 */
int keygen(FILE *stream, const char *directory, const char *name, char *why, size_t why_size);

#endif
