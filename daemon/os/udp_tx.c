/* SPDX-License-Identifier: GPL-2.0-or-later */
/* udp_tx: the sending side of one leg.
 *
 * Datagrams gather in a batch: one large buffer holding runs, each run one sendmsg with UDP_SEGMENT. A batch is full
 * when a run would be: with the two KiB more that the buffer has, the first datagram of the next batch became a sendmsg
 * of its own. A run ends at another path or ECN, at a larger datagram, after a shorter one, at 64 segments, at 65,507
 * bytes, and around a datagram that is to be alone. There are two batches, one being sent and one being filled. The
 * runs of a batch are submitted as one chain of links, so the kernel begins each when the one before was accepted, and
 * a send that fails stops those after it: nothing overtakes. A full socket (EAGAIN) keeps the batch until POLLOUT.
 *
 * EIO or EINVAL for a run of several: the device cannot segment (no checksum offload) or something else is wrong; the
 * datagrams are sent one by one (sendmmsg), and if that works this sender stays with it.
 *
 * A batch, and its buffer from the socket's pool, are taken when the first datagram is written and go back when it is
 * sent, so an idle sender holds neither; the socket keeps the batches for whoever sends next.
 *
 * Leaves out: zero copy (the payload is freshly encrypted and in cache), retransmission, pacing.
 * Invariants: a batch that a sender has holds a buffer, and is either `sending` or `filling`; the struct lives until
 * nothing of it is in the ring. */
#include <errno.h>
#include <poll.h>
#include <stdlib.h>
#include <sys/socket.h>

#include "common/fetch.h"
#include "common/log.h"
#include "os/udp_private.h"

#define RUNS 12u         /* runs in a batch */
#define RUN_SEGMENTS 64u /* UDP_MAX_SEGMENTS of kernels before 6.9 */

/* Datagrams of one size, but the last, that go out by one sendmsg. */
struct run {
    struct ring_op op;          /* the sendmsg */
    struct udp_tx *tx;          /* whose */
    uint32_t offset;            /* first byte in the batch's buffer */
    uint32_t length;            /* bytes in all */
    uint16_t segment_bytes;     /* bytes of each datagram but the last */
    uint16_t count;             /* datagrams */
    uint8_t ecn;                /* 0–3 */
    bool closed;                /* nothing may join */
    union sock_addr local;      /* source, family 0: any */
    union sock_addr remote;     /* destination */
    struct udp_message message; /* what op points to */
};

/* Runs that lie one after the other in one buffer. */
struct udp_batch {
    struct udp_batch *next_spare; /* of those that the socket keeps */
    struct buf *buf;              /* large; NULL: spare */
    uint32_t used;                /* bytes written */
    unsigned runs;                /* runs begun */
    unsigned next;                /* first run not sent */
    struct run run[RUNS];         /* the runs */
};

struct udp_tx {
    struct udp_socket *socket;          /* borrowed; kept alive by us */
    struct loop *loop;                  /* the socket's */
    struct buf_pool *pool;              /* the socket's */
    void (*on_writable)(void *context); /* the owner's */
    void *context;                      /* handed to it */
    struct udp_batch *filling;          /* the one being filled, or NULL */
    struct udp_batch *sending;          /* the one being sent, or NULL */
    unsigned active;                    /* sends in the ring */
    struct ring_op poll;                /* POLLOUT after EAGAIN */
    struct ring_later retry;            /* waits for a buffer */
    bool blocked;                       /* a send met a full socket */
    bool flush;                         /* send what is being filled as soon as nothing is in flight */
    bool wanted;                        /* reserve returned NULL: tell when there is space */
    bool one_by_one;                    /* without UDP_SEGMENT */
    bool trial;                         /* one_by_one not proved to be the cure yet */
    bool freed;                         /* udp_tx_free() was called */
    unsigned running;                   /* our frames on the stack that will still touch this struct */
};

/* --- what became of a send --- */

static void count_sent(struct udp_tx *tx, const struct run *run) {
    tx->socket->failed = false;
    tx->socket->statistics.sends++;
    tx->socket->statistics.datagrams_sent += run->count;
}

static void count_failed(struct udp_tx *tx, unsigned datagrams, int error) {
    tx->socket->statistics.send_errors += datagrams;
    udp_socket_failed(tx->socket, error);
}

static void begin_trial(struct udp_tx *tx) {
    tx->one_by_one = true;
    tx->trial = true;
}

static void end_trial(struct udp_tx *tx, bool cured) {
    tx->trial = false;
    tx->one_by_one = cured;
    if (cured && tx->socket->statistics.gso) {
        tx->socket->statistics.gso = false;
        log_notice("UDP %s: the device takes no segmentation offload, datagrams are sent one by one", tx->socket->name);
    }
}

/* --- batches --- */

/* A batch with a buffer. @return NULL: there is none */
static struct udp_batch *take(struct udp_tx *tx) {
    struct udp_batch *batch = tx->socket->spare_batches;
    struct buf *buf = buf_get(tx->pool, BUF_LARGE_BYTES);

    if (buf == NULL) {
        return NULL;
    }
    if (batch != NULL) {
        tx->socket->spare_batches = batch->next_spare;
    } else if ((batch = calloc(1, sizeof *batch)) == NULL) {
        buf_unref(buf);
        return NULL;
    }
    batch->buf = buf;
    batch->used = 0;
    batch->runs = 0;
    batch->next = 0;
    return batch;
}

static void release(struct udp_tx *tx, struct udp_batch **batch) {
    if (*batch != NULL) {
        buf_unref((*batch)->buf);
        (*batch)->buf = NULL;
        (*batch)->next_spare = tx->socket->spare_batches;
        tx->socket->spare_batches = *batch;
        *batch = NULL;
    }
}

void udp_batches_free(struct udp_socket *socket) {
    while (socket->spare_batches != NULL) {
        struct udp_batch *batch = socket->spare_batches;

        socket->spare_batches = batch->next_spare;
        free(batch);
    }
}

/* --- sending through the ring --- */

static void submit_run(struct udp_tx *tx, struct udp_batch *batch, struct run *run, bool last) {
    udp_message_make(&run->message, tx->socket, &run->local, &run->remote, run->ecn,
                     run->count > 1 ? run->segment_bytes : 0);
    udp_message_payload(&run->message, batch->buf->data + run->offset, run->length);
    struct io_uring_sqe *sqe = ring_prepare(tx->loop, &run->op);

    io_uring_prep_sendmsg(sqe, -1, &run->message.header, MSG_DONTWAIT | MSG_NOSIGNAL);
    sqe->flags |= last ? 0 : IOSQE_IO_LINK;
    ring_use_file(sqe, &tx->socket->file);
    tx->active++;
}

static void submit_runs(struct udp_tx *tx) {
    struct udp_batch *batch = tx->sending;

    ring_reserve(tx->loop, batch->runs - batch->next);
    for (unsigned i = batch->next; i < batch->runs; i++) {
        submit_run(tx, batch, &batch->run[i], i + 1 == batch->runs);
    }
}

/* --- sending one by one --- */

static int send_some(struct udp_tx *tx, struct run *run) {
    struct mmsghdr messages[RUN_SEGMENTS] = {0};
    struct iovec iov[RUN_SEGMENTS];
    uint8_t *data = tx->sending->buf->data + run->offset;
    uint32_t left = run->length;

    udp_message_make(&run->message, tx->socket, &run->local, &run->remote, run->ecn, 0);
    for (unsigned i = 0; i < run->count; i++) {
        uint32_t length = left < run->segment_bytes ? left : run->segment_bytes;

        iov[i] = (struct iovec){.iov_base = data, .iov_len = length};
        messages[i].msg_hdr = run->message.header;
        messages[i].msg_hdr.msg_iov = &iov[i];
        data += length;
        left -= length;
    }
    int sent = sendmmsg(tx->socket->file.fd, messages, run->count, MSG_DONTWAIT | MSG_NOSIGNAL);

    return sent < 0 ? -errno : sent;
}

static void skip_datagrams(struct run *run, unsigned count) {
    uint32_t bytes = (uint32_t)count * run->segment_bytes;

    bytes = bytes < run->length ? bytes : run->length;
    run->offset += bytes;
    run->length -= bytes;
    run->count = (uint16_t)(run->count - count);
}

static void send_directly(struct udp_tx *tx) {
    struct udp_batch *batch = tx->sending;

    while (batch->next < batch->runs && !tx->blocked) {
        struct run *run = &batch->run[batch->next];
        int sent = send_some(tx, run);

        if (sent == -EAGAIN) {
            tx->blocked = true;
            break;
        }
        if (tx->trial) {
            end_trial(tx, sent > 0);
        }
        if (sent > 0) {
            tx->socket->statistics.sends++;
            tx->socket->statistics.datagrams_sent += (unsigned)sent;
        } else {
            count_failed(tx, 1, sent);
        }
        skip_datagrams(run, sent > 0 ? (unsigned)sent : 1);
        batch->next += run->count == 0;
    }
}

/* --- the two batches --- */

static void wait_writable(struct udp_tx *tx) {
    struct io_uring_sqe *sqe = ring_prepare(tx->loop, &tx->poll);

    tx->socket->statistics.would_block++;
    tx->blocked = false;
    io_uring_prep_poll_add(sqe, -1, POLLOUT);
    ring_use_file(sqe, &tx->socket->file);
}

static void free_if_done(struct udp_tx *tx) {
    if (tx->freed && tx->running == 0 && tx->sending == NULL && tx->active == 0 && !tx->poll.active) {
        struct udp_socket *socket = tx->socket;

        ring_later_cancel(tx->loop, &tx->retry);
        release(tx, &tx->filling);
        release(tx, &tx->sending);
        free(tx);
        udp_socket_release(socket);
    }
}

static bool take_filled(struct udp_tx *tx) {
    bool filled = tx->flush && tx->filling != NULL && tx->filling->runs > 0;

    tx->flush = false;
    if (filled) {
        tx->sending = tx->filling;
        tx->filling = NULL;
    }
    return filled;
}

/* Go as far as possible: send, wait for the socket, or go on with the other batch. */
static void advance(struct udp_tx *tx) {
    while (tx->active == 0 && !tx->poll.active && (tx->sending != NULL || take_filled(tx))) {
        if (tx->blocked) {
            wait_writable(tx);
        } else if (tx->sending->next == tx->sending->runs) {
            release(tx, &tx->sending);
        } else if (tx->one_by_one) {
            send_directly(tx);
        } else {
            submit_runs(tx);
        }
    }
}

/* The owner may free the sender in on_writable. */
static void advance_and_tell(struct udp_tx *tx) {
    tx->running++;
    advance(tx);
    if (tx->wanted && !tx->freed && (tx->filling == NULL || tx->filling->runs == 0)) {
        tx->wanted = false;
        tx->on_writable(tx->context);
    }
    tx->running--;
    free_if_done(tx);
}

/* The runs of a chain complete in order; one that failed cancels the rest, which advance() submits anew. */
static void run_done(struct ring_op *op, int result, unsigned flags) {
    struct run *run = (struct run *)op;
    struct udp_tx *tx = run->tx;
    struct udp_batch *batch = tx->sending;

    (void)flags;
    tx->active--;
    if (result >= 0) {
        count_sent(tx, run);
        batch->next++;
    } else if (result == -EAGAIN) {
        tx->blocked = true;
    } else if ((result == -EIO || result == -EINVAL) && run->count > 1) {
        begin_trial(tx);
    } else if (result != -ECANCELED) {
        count_failed(tx, run->count, result);
        batch->next++;
    }
    if (tx->active == 0) {
        advance_and_tell(tx);
    }
}

static void poll_done(struct ring_op *op, int result, unsigned flags) {
    struct udp_tx *tx = (struct udp_tx *)((char *)op - offsetof(struct udp_tx, poll));

    (void)result;
    (void)flags;
    if (tx->freed) {
        release(tx, &tx->sending);
        tx->flush = false;
    }
    advance_and_tell(tx);
}

static void on_retry(struct ring_later *later) {
    struct udp_tx *tx = (struct udp_tx *)((char *)later - offsetof(struct udp_tx, retry));

    advance_and_tell(tx);
}

/* --- the owner's side --- */

struct udp_tx *udp_tx_new(struct udp_socket *socket, void (*on_writable)(void *context), void *context) {
    struct udp_tx *tx = calloc(1, sizeof *tx);

    if (tx == NULL) {
        return NULL;
    }
    tx->socket = socket;
    tx->loop = socket->loop;
    tx->pool = socket->buffers.pool;
    tx->on_writable = on_writable;
    tx->context = context;
    tx->one_by_one = !socket->statistics.gso;
    tx->poll.done = poll_done;
    tx->retry.run = on_retry;
    socket->senders++;
    return tx;
}

void udp_tx_free(struct udp_tx *tx) {
    if (tx == NULL) {
        return;
    }
    tx->freed = true;
    tx->wanted = false;
    ring_later_cancel(tx->loop, &tx->retry);
    ring_cancel(tx->loop, &tx->poll);
    if (!tx->flush) {
        release(tx, &tx->filling);
    }
    free_if_done(tx);
}

static bool fits(const struct udp_batch *batch, size_t length) {
    return batch == NULL || (batch->runs < RUNS && batch->used + length <= UDP_DATAGRAM_MAX);
}

uint8_t *udp_tx_reserve(struct udp_tx *tx, size_t length) {
    if (length > UDP_DATAGRAM_MAX) {
        return NULL;
    }
    if (!fits(tx->filling, length)) {
        udp_tx_flush(tx);
    }
    if (!fits(tx->filling, length)) {
        tx->wanted = true;
        return NULL;
    }
    if (tx->filling == NULL && (tx->filling = take(tx)) == NULL) {
        tx->wanted = true;
        ring_later(tx->loop, &tx->retry);
        return NULL;
    }
    return tx->filling->buf->data + tx->filling->used;
}

static bool joins(const struct run *run, size_t length, const union sock_addr *local, const union sock_addr *remote,
                  uint8_t ecn) {
    return !run->closed && length <= run->segment_bytes && run->count < RUN_SEGMENTS &&
           run->length + length <= UDP_DATAGRAM_MAX && run->ecn == ecn && sock_addr_equal(&run->remote, remote) &&
           sock_addr_equal(&run->local, local);
}

static struct run *begin_run(struct udp_tx *tx, size_t length, const union sock_addr *local,
                             const union sock_addr *remote, uint8_t ecn) {
    struct udp_batch *batch = tx->filling;
    struct run *run = &batch->run[batch->runs++];

    run->op.done = run_done;
    run->tx = tx;
    run->offset = batch->used;
    run->length = 0;
    run->segment_bytes = (uint16_t)length;
    run->count = 0;
    run->ecn = ecn;
    run->closed = false;
    run->local = *local;
    run->remote = *remote;
    return run;
}

void udp_tx_commit(struct udp_tx *tx, size_t length, const union sock_addr *local, const union sock_addr *remote,
                   uint8_t ecn, bool alone) {
    struct udp_batch *batch = tx->filling;
    struct run *run = batch->runs > 0 ? &batch->run[batch->runs - 1] : NULL;

    if (run == NULL || alone || !joins(run, length, local, remote, ecn)) {
        run = begin_run(tx, length, local, remote, ecn);
    }
    run->length += (uint32_t)length;
    run->count++;
    run->closed = alone || length < run->segment_bytes;
    batch->used += (uint32_t)length;
    /* The next one is most likely as long. Its memory was written a batch ago: stores to what the near caches have lost
     * wait, and so does the encryption that reads them. */
    fetch_to_write(batch->buf->data + batch->used, length);
}

void udp_tx_flush(struct udp_tx *tx) {
    if (tx->filling == NULL) {
        return;
    }
    if (tx->filling->runs > 0) {
        tx->flush = true;
        advance(tx);
    } else {
        release(tx, &tx->filling); /* reserved for nothing: an idle sender holds no buffer */
    }
}
