/* SPDX-License-Identifier: GPL-2.0-or-later */
/* tls_file: reading and creating certificate and key files, at start-up, reload and key generation only; nothing of it
 * runs while packets flow.
 *
 * Invariants: buffers that may have held a key are wiped; a file that could not be written in full is removed. */
#include "quic/tls_file.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define FILE_MAX (1u << 20)

/* Note the errno with the file's name. @return -errno */
static int failed(const char *path, const char *what, int error, char *why, size_t why_size) {
    snprintf(why, why_size, "%s: %s%s", path, what, strerror(error));
    return -error;
}

/* Read until the buffer is full or the file ends. @return bytes, or -errno */
static ssize_t read_all(int fd, uint8_t *data, size_t length) {
    size_t done = 0;
    while (done < length) {
        ssize_t n = read(fd, data + done, length - done);
        if (n < 0 && errno != EINTR) {
            return -errno;
        }
        if (n == 0) {
            break;
        }
        done += n > 0 ? (size_t)n : 0;
    }
    return (ssize_t)done;
}

static int write_all(int fd, const uint8_t *data, size_t length) {
    while (length > 0) {
        ssize_t n = write(fd, data, length);
        if (n < 0 && errno != EINTR) {
            return -errno;
        }
        if (n > 0) {
            data += n;
            length -= (size_t)n;
        }
    }
    return fsync(fd) == 0 ? 0 : -errno;
}

int tls_file_read(const char *path, uint8_t **out, size_t *length, char *why, size_t why_size) {
    struct stat st;
    uint8_t *data;
    ssize_t n;
    int rc = 0, fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
    if (fd < 0) {
        return failed(path, "", errno, why, why_size);
    }
    if (fstat(fd, &st) != 0) {
        rc = failed(path, "", errno, why, why_size);
    } else if (!S_ISREG(st.st_mode) || st.st_size == 0) {
        snprintf(why, why_size, "%s: %s", path, S_ISREG(st.st_mode) ? "the file is empty" : "not a regular file");
        rc = -EINVAL;
    } else if (st.st_size > FILE_MAX) {
        rc = failed(path, "", EFBIG, why, why_size);
    }
    if (rc != 0) {
        close(fd);
        return rc;
    }
    data = malloc((size_t)st.st_size + 1);
    n = data != NULL ? read_all(fd, data, (size_t)st.st_size) : -ENOMEM;
    close(fd);
    if (n < 0) {
        free(data);
        return failed(path, "", (int)-n, why, why_size);
    }
    data[n] = '\0';
    *out = data;
    *length = (size_t)n;
    return 0;
}

void tls_file_free(uint8_t *data, size_t length) {
    if (data != NULL) {
        explicit_bzero(data, length);
        free(data);
    }
}

int tls_file_create(const char *path, mode_t mode, const uint8_t *data, size_t length, char *why, size_t why_size) {
    int rc, fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, mode);
    if (fd < 0) {
        return failed(path, "", errno, why, why_size);
    }
    rc = write_all(fd, data, length);
    if (close(fd) != 0 && rc == 0) {
        rc = -errno;
    }
    if (rc != 0) {
        unlink(path);
        return failed(path, "cannot write: ", -rc, why, why_size);
    }
    return 0;
}
