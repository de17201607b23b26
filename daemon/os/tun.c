/* SPDX-License-Identifier: GPL-2.0-or-later */
/* tun: a TUN device in the ring.
 *
 * Reading: IORING_OP_READ_MULTISHOT into a ring of provided large buffers. A read of KEEP_BYTES or more goes up in its
 * buffer, and a fresh buffer takes its place; a shorter one is copied to a small buffer and the large one goes straight
 * back, so that a small packet never pins 66 KiB. Where the kernel lacks multishot reads (before 6.7), CHAIN single
 * reads are submitted as a chain of hard links: the kernel starts each when the one before is done, whatever way that
 * took, which is what keeps packets in order; independent reads could be worked off by different kernel threads.
 *
 * Writing: one operation a superpacket, with the virtio_net_hdr in the headroom before it. A TUN's write never waits
 * (its send buffer is unlimited and we never set one), so the kernel performs each inside the submission, in the order
 * of submission. When all operations are in flight, what is prepared is submitted at once and the packet written by a
 * plain write(2) after it, which keeps the order too.
 *
 * The descriptor is O_NONBLOCK: kernels before 6.4 do not mark TUNs as able to poll (FMODE_NOWAIT), and would hand each
 * read to a worker thread.
 *
 * A device may have several queues, each a struct tun of its own. The kernel gives a packet to the queue that last
 * wrote one of its flow, and spreads what it does not know by a hash.
 *
 * A device that is moved to another network namespace goes on to carry packets there. Where it is, is known by the
 * namespace's inode.
 *
 * Leaves out: persistent devices, addresses and link state (os/netlink).
 * Invariants: buffers in flight are held by their operation; the struct lives until the last operation ended and no
 * callback is running. */
#include "os/tun.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/if_tun.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include "os/patience.h"
#include "os/ring.h"
#include "os/vnethdr.h"

#ifndef TUN_F_USO4
#define TUN_F_USO4 0x20 /* kernel headers before 6.2 lack them */
#define TUN_F_USO6 0x40
#endif

#define DEFAULT_READ_BUFFERS 16u
#define KEEP_BYTES 8192u /* shorter reads are copied */
#define CHAIN 8u         /* single reads in a chain */
#define WRITES 512u      /* writes in flight */
/* The kernel's default of 500 overflows in the few ms that a busy host lets us wait; the daemon's own queue keeps delay
 * low. */
#define QUEUE_PACKETS 2048
/* Where the kernel writes: the packet itself begins after BUF_HEADROOM. */
#define READ_OFFSET (BUF_HEADROOM - VNETHDR_BYTES)

/* A read in the ring; with multishot only the first is used. */
struct tun_read {
    struct ring_op op; /* the operation */
    struct tun *tun;   /* whose */
};

/* A write in the ring. */
struct tun_write {
    struct ring_op op;      /* the operation */
    struct tun *tun;        /* whose */
    struct buf *buf;        /* what it writes from, one reference */
    uint32_t length;        /* IP bytes */
    struct tun_write *next; /* link in the list of free ones */
};

struct tun {
    struct loop *loop;                /* borrowed */
    struct tun_hooks hooks;           /* the owner's */
    struct tun_statistics statistics; /* counters */
    char name[IFNAMSIZ];              /* as the kernel named it */
    unsigned ifindex;                 /* interface index; 0: it is in another network namespace */
    ino_t home;                       /* the network namespace that it was made in; 0: unknown */
    bool uso;                         /* USO was agreed */
    bool multishot;                   /* READ_MULTISHOT is used */
    bool paused;                      /* tun_pause(true) */
    bool closed;                      /* tun_close() was called */
    int error;                        /* the device is gone: -errno; 0: it is well */
    bool reported;                    /* on_failure was called */
    unsigned running;                 /* our frames on the stack that will still touch this struct */
    unsigned writes_active;           /* in the ring */
    struct ring_file file;            /* the descriptor */
    struct ring_buffers buffers;      /* for reading */
    struct ring_later later;          /* reports a failure; cancels again what was not to be found the first time */
    struct tun_read reads[CHAIN];     /* reading operations */
    struct tun_write *free_writes;    /* unused writing operations */
    struct tun_write writes[WRITES];  /* all writing operations */
};

/* --- life and death --- */

static bool is_reading(const struct tun *tun) {
    for (unsigned i = 0; i < CHAIN; i++) {
        if (tun->reads[i].op.active) {
            return true;
        }
    }
    return false;
}

static void free_if_done(struct tun *tun) {
    if (tun->closed && tun->running == 0 && tun->writes_active == 0 && !is_reading(tun)) {
        ring_later_cancel(tun->loop, &tun->later);
        ring_buffers_fini(tun->loop, &tun->buffers);
        ring_file_release(tun->loop, &tun->file);
        free(tun);
    }
}

/* A read in a chain cannot be found while the one before it is still being worked off: tried again each turn until none
 * is left. */
static void cancel_reads(struct tun *tun) {
    if (!is_reading(tun)) {
        return;
    }
    for (unsigned i = 0; i < CHAIN; i++) {
        ring_cancel(tun->loop, &tun->reads[i].op);
    }
    ring_later(tun->loop, &tun->later);
}

/* The owner may close the device when it hears of the failure. */
static void on_later(struct ring_later *later) {
    struct tun *tun = (struct tun *)((char *)later - offsetof(struct tun, later));

    tun->running++;
    if (tun->error != 0 && !tun->reported && !tun->closed) {
        tun->reported = true;
        tun->hooks.on_failure(tun->hooks.context, tun->error);
    }
    if (tun->closed || tun->paused) {
        cancel_reads(tun);
    }
    tun->running--;
    free_if_done(tun);
}

static void fail(struct tun *tun, int error) {
    if (tun->error == 0 && !tun->closed) {
        tun->error = error;
        ring_later(tun->loop, &tun->later);
    }
}

/* --- reading --- */

static void arm_multishot(struct tun *tun) {
    struct io_uring_sqe *sqe = ring_prepare(tun->loop, &tun->reads[0].op);

    io_uring_prep_read_multishot(sqe, -1, 0, 0, tun->buffers.group);
    ring_use_file(sqe, &tun->file);
}

static void arm_chain(struct tun *tun) {
    ring_reserve(tun->loop, CHAIN);
    for (unsigned i = 0; i < CHAIN; i++) {
        struct io_uring_sqe *sqe = ring_prepare(tun->loop, &tun->reads[i].op);

        io_uring_prep_read(sqe, -1, NULL, BUF_LARGE_BYTES - READ_OFFSET, 0);
        sqe->flags |= IOSQE_BUFFER_SELECT;
        if (i + 1 < CHAIN) {
            sqe->flags |= IOSQE_IO_HARDLINK;
        }
        sqe->buf_group = (uint16_t)tun->buffers.group;
        ring_use_file(sqe, &tun->file);
    }
}

static void arm(struct tun *tun) {
    if (tun->paused || tun->closed || tun->error != 0 || is_reading(tun)) {
        return;
    }
    if (tun->multishot) {
        arm_multishot(tun);
    } else {
        arm_chain(tun);
    }
}

/* The buffer to pass up: the filled one, or a small copy of it; either way the ring is full again. NULL: no memory for
 * it. */
static struct buf *lift(struct tun *tun, struct buf *filled, size_t length) {
    if (length >= KEEP_BYTES) {
        if (!ring_buffers_take(&tun->buffers, filled)) {
            ring_buffers_return(&tun->buffers, filled);
            return NULL;
        }
        return filled;
    }
    struct buf *copy = buf_get(tun->buffers.pool, BUF_HEADROOM + length);

    if (copy != NULL) {
        memcpy(copy->data + BUF_HEADROOM, filled->data + BUF_HEADROOM, length);
    }
    ring_buffers_return(&tun->buffers, filled);
    return copy;
}

static void on_packet(struct tun *tun, struct buf *filled, size_t bytes) {
    struct superpacket packet = {.offset = BUF_HEADROOM};

    if (bytes <= VNETHDR_BYTES || bytes - VNETHDR_BYTES > UINT16_MAX ||
        vnethdr_decode(filled->data + READ_OFFSET, bytes - VNETHDR_BYTES, &packet.offload) != 0) {
        tun->statistics.malformed++;
        ring_buffers_return(&tun->buffers, filled);
        return;
    }
    packet.length = (uint32_t)(bytes - VNETHDR_BYTES);
    packet.buf = lift(tun, filled, packet.length);
    if (packet.buf == NULL) {
        tun->statistics.no_buffer++;
        return;
    }
    tun->statistics.packets_read++;
    tun->statistics.bytes_read += packet.length;
    tun->hooks.on_packet(tun->hooks.context, &packet);
}

static void read_done(struct ring_op *op, int result, unsigned flags) {
    struct tun *tun = ((struct tun_read *)op)->tun;
    struct buf *filled = ring_buffers_filled(&tun->buffers, flags);

    tun->running++;
    if (result >= 0 && filled != NULL && !tun->closed) {
        on_packet(tun, filled, (size_t)result);
    } else if (filled != NULL) {
        ring_buffers_return(&tun->buffers, filled);
    } else if (result < 0 && result != -ENOBUFS && result != -ECANCELED && result != -EAGAIN && result != -EINTR) {
        fail(tun, result);
    }
    arm(tun);
    tun->running--;
    free_if_done(tun);
}

void tun_pause(struct tun *tun, bool pause) {
    tun->paused = pause;
    if (pause) {
        cancel_reads(tun);
    } else {
        arm(tun);
    }
}

/* --- writing --- */

static void written(struct tun *tun, int result, uint32_t length) {
    if (result >= 0) {
        tun->statistics.packets_written++;
        tun->statistics.bytes_written += length;
        return;
    }
    tun->statistics.write_errors++;
    if (result == -EBADFD) {
        fail(tun, result);
    }
}

static void write_done(struct ring_op *op, int result, unsigned flags) {
    struct tun_write *write = (struct tun_write *)op;
    struct tun *tun = write->tun;

    (void)flags;
    tun->running++;
    tun->writes_active--;
    buf_unref(write->buf);
    write->buf = NULL;
    write->next = tun->free_writes;
    tun->free_writes = write;
    written(tun, result, write->length);
    tun->running--;
    free_if_done(tun);
}

static void write_in_ring(struct tun *tun, struct tun_write *writing, const struct superpacket *packet) {
    struct io_uring_sqe *sqe = ring_prepare(tun->loop, &writing->op);

    writing->buf = packet->buf;
    writing->length = packet->length;
    tun->writes_active++;
    io_uring_prep_write(sqe, -1, superpacket_data(packet) - VNETHDR_BYTES, packet->length + VNETHDR_BYTES, 0);
    ring_use_file(sqe, &tun->file);
}

/* After what the ring holds: the submission performs it. */
static void write_directly(struct tun *tun, const struct superpacket *packet) {
    ring_settle(tun->loop);
    ssize_t result = write(tun->file.fd, superpacket_data(packet) - VNETHDR_BYTES, packet->length + VNETHDR_BYTES);

    buf_unref(packet->buf);
    written(tun, result < 0 ? -errno : 0, packet->length);
}

int tun_write(struct tun *tun, struct superpacket *packet) {
    if (packet->offset < VNETHDR_BYTES || packet->length == 0) {
        buf_unref(packet->buf);
        return -EINVAL;
    }
    vnethdr_encode(&packet->offload, superpacket_data(packet) - VNETHDR_BYTES);
    struct tun_write *writing = tun->free_writes;

    if (writing == NULL) {
        write_directly(tun, packet);
        return 0;
    }
    tun->free_writes = writing->next;
    write_in_ring(tun, writing, packet);
    return 0;
}

/* --- the device --- */

static int explain(int error, const char *name, char *why, size_t why_size) {
    if (error == -ENOENT || error == -ENODEV) {
        snprintf(why, why_size,
                 "there is no /dev/net/tun: load the kernel module tun, or give the container the device");
    } else if (error == -EACCES) {
        snprintf(why, why_size, "not allowed to open /dev/net/tun: its mode or owner forbids it");
    } else if (error == -EPERM) {
        snprintf(why, why_size, "not allowed to make the TUN device %s: CAP_NET_ADMIN is needed", name);
    } else if (error == -EBUSY) {
        snprintf(why, why_size, "there is a network device %s already", name);
    } else {
        snprintf(why, why_size, "cannot make the TUN device %s: %s", name, strerror(-error));
    }
    return error;
}

int tun_agree_offloads(int fd, bool *uso) {
    const unsigned base = TUN_F_CSUM | TUN_F_TSO4 | TUN_F_TSO6 | TUN_F_TSO_ECN;
    int header_bytes = VNETHDR_BYTES;

    if (ioctl(fd, TUNSETVNETHDRSZ, &header_bytes) != 0) {
        return -errno;
    }
    *uso = ioctl(fd, TUNSETOFFLOAD, base | TUN_F_USO4 | TUN_F_USO6) == 0;
    return *uso || ioctl(fd, TUNSETOFFLOAD, base) == 0 ? 0 : -errno;
}

/* A shorter queue than wanted is no reason to fail. */
static void lengthen_queue(const char *name) {
    struct ifreq request = {.ifr_qlen = QUEUE_PACKETS};
    int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);

    if (fd < 0) {
        return;
    }
    snprintf(request.ifr_name, sizeof request.ifr_name, "%s", name);
    ioctl(fd, SIOCSIFTXQLEN, &request);
    close(fd);
}

/* The namespace that the device is in. @return 0 or -errno; -EPERM: it is of a user namespace where we may do nothing,
 * or CAP_NET_ADMIN is missing here */
static int namespace_of(int fd, ino_t *out) {
    struct stat status;
    int space = ioctl(fd, TUNGETDEVNETNS), error;

    if (space < 0) {
        return -errno;
    }
    error = fstat(space, &status) != 0 ? -errno : 0;
    close(space);
    if (error == 0) {
        *out = status.st_ino;
    }
    return error;
}

static int make_device(const struct tun_settings *settings, struct tun *tun) {
    const int queues = settings->queues ? IFF_MULTI_QUEUE : 0, exclusive = settings->join ? 0 : IFF_TUN_EXCL;
    struct ifreq request = {.ifr_flags = (short)(IFF_TUN | IFF_NO_PI | IFF_VNET_HDR | queues | exclusive)};
    int fd = open("/dev/net/tun", O_RDWR | O_CLOEXEC | O_NONBLOCK);
    int error = fd < 0 ? -errno : 0;

    if (error != 0) {
        return error;
    }
    snprintf(request.ifr_name, sizeof request.ifr_name, "%s", settings->name);
    error = ioctl(fd, TUNSETIFF, &request) != 0 ? -errno : tun_agree_offloads(fd, &tun->uso);
    if (error != 0) {
        close(fd);
        return error;
    }
    memcpy(tun->name, request.ifr_name, sizeof tun->name);
    tun->ifindex = if_nametoindex(tun->name);
    (void)namespace_of(fd, &tun->home); /* or it stays unknown */
    lengthen_queue(tun->name);
    tun->file = ring_file_open(tun->loop, fd);
    return 0;
}

static int make_device_patiently(const struct tun_settings *settings, struct tun *tun) {
    unsigned tries = 0;
    int error = make_device(settings, tun);

    while (error == -EBUSY && patience(&tries)) {
        error = make_device(settings, tun);
    }
    return error;
}

static struct tun *make_tun(struct loop *loop, const struct tun_hooks *hooks) {
    struct tun *tun = calloc(1, sizeof *tun);

    if (tun == NULL) {
        return NULL;
    }
    tun->loop = loop;
    tun->hooks = *hooks;
    tun->multishot = ring_has_read_multishot(loop);
    tun->later.run = on_later;
    for (unsigned i = 0; i < CHAIN; i++) {
        tun->reads[i] = (struct tun_read){.op.done = read_done, .tun = tun};
    }
    for (unsigned i = WRITES; i-- > 0;) {
        tun->writes[i] = (struct tun_write){.op.done = write_done, .tun = tun, .next = tun->free_writes};
        tun->free_writes = &tun->writes[i];
    }
    return tun;
}

int tun_open(struct loop *loop, const struct tun_settings *settings, const struct tun_hooks *hooks, struct tun **out,
             char *why, size_t why_size) {
    struct tun *tun = make_tun(loop, hooks);
    int error = tun == NULL ? -ENOMEM : make_device_patiently(settings, tun);

    if (error != 0) {
        goto err_device;
    }
    error = ring_buffers_init(loop, &tun->buffers, settings->pool,
                              settings->read_buffers != 0 ? settings->read_buffers : DEFAULT_READ_BUFFERS, READ_OFFSET);
    if (error != 0) {
        goto err_buffers;
    }
    arm(tun);
    *out = tun;
    return 0;

err_buffers:
    ring_file_release(loop, &tun->file);
err_device:
    free(tun);
    return explain(error, settings->name, why, why_size);
}

void tun_close(struct tun *tun) {
    if (tun == NULL) {
        return;
    }
    tun->closed = true;
    ring_file_close(tun->loop, &tun->file);
    cancel_reads(tun);
    ring_settle(tun->loop);
    free_if_done(tun);
}

const char *tun_name(const struct tun *tun) {
    return tun->name;
}

unsigned tun_ifindex(const struct tun *tun) {
    return tun->ifindex;
}

int tun_locate(struct tun *tun, bool gone) {
    struct ifreq request = {0};
    ino_t space = 0;
    int error;

    if (tun->home == 0) {
        return -EOPNOTSUPP;
    }
    if (ioctl(tun->file.fd, TUNGETIFF, &request) != 0) {
        return -errno;
    }
    error = namespace_of(tun->file.fd, &space);
    if (error != 0 && !gone) {
        return error;
    }
    /* Gone and not to be asked for: its index may soon be a stranger's, and the news of its return ask again. */
    tun->ifindex = 0;
    if (error != 0 || space != tun->home) {
        return -EXDEV;
    }
    memcpy(tun->name, request.ifr_name, sizeof tun->name);
    tun->ifindex = if_nametoindex(tun->name);
    return tun->ifindex != 0 ? 0 : -EXDEV;
}

bool tun_has_uso(const struct tun *tun) {
    return tun->uso;
}

const struct tun_statistics *tun_statistics(const struct tun *tun) {
    return &tun->statistics;
}
