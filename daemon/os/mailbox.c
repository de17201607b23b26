/* SPDX-License-Identifier: GPL-2.0-or-later */
/* mailbox: a list under a mutex, and an eventfd that the loop watches.
 *
 * Only the first mail of an empty list rings the eventfd; the loop's thread takes the whole list at once and runs it
 * without the lock. So a sender waits for no other's function, and many mails cost one wake-up. A call is a mail on the
 * caller's stack with a semaphore.
 *
 * Leaves out: priorities, and any bound on the list: senders bound what they have under way.
 * Invariants: mails run in the order of posting; after mailbox_shut() returned, none does. */
#include "os/mailbox.h"

#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <semaphore.h>
#include <stdlib.h>
#include <sys/eventfd.h>
#include <unistd.h>

struct mailbox {
    pthread_mutex_t lock;    /* guards the three after it */
    struct mail *first;      /* to be run, oldest first */
    struct mail **end;       /* where the next one goes */
    bool shut;               /* no more is taken */
    struct loop_watch watch; /* the eventfd */
};

static void run_all(struct mailbox *mailbox, bool shut) {
    struct mail *mail;

    pthread_mutex_lock(&mailbox->lock);
    mail = mailbox->first;
    mailbox->first = NULL;
    mailbox->end = &mailbox->first;
    mailbox->shut |= shut;
    pthread_mutex_unlock(&mailbox->lock);
    while (mail != NULL) {
        struct mail *next = mail->next; /* it may be gone once it was run */

        mail->run(mail->context);
        mail = next;
    }
}

static void on_ready(void *context, uint32_t revents) {
    struct mailbox *mailbox = context;
    uint64_t count;

    (void)revents;
    if (read(mailbox->watch.fd, &count, sizeof count) == sizeof count) {
        run_all(mailbox, false);
    }
}

int mailbox_new(struct loop *loop, struct mailbox **out) {
    struct mailbox *mailbox = calloc(1, sizeof *mailbox);
    int error;

    if (mailbox == NULL) {
        return -ENOMEM;
    }
    pthread_mutex_init(&mailbox->lock, NULL);
    mailbox->end = &mailbox->first;
    mailbox->watch = (struct loop_watch){
        .fd = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC), .events = POLLIN, .on_ready = on_ready, .context = mailbox};
    error = mailbox->watch.fd < 0 ? -errno : loop_watch(loop, &mailbox->watch);
    if (error != 0) {
        mailbox_free(mailbox);
        return error;
    }
    *out = mailbox;
    return 0;
}

void mailbox_free(struct mailbox *mailbox) {
    if (mailbox == NULL) {
        return;
    }
    loop_unwatch(&mailbox->watch);
    if (mailbox->watch.fd >= 0) {
        close(mailbox->watch.fd);
    }
    pthread_mutex_destroy(&mailbox->lock);
    free(mailbox);
}

bool mailbox_post(struct mailbox *mailbox, struct mail *mail) {
    const uint64_t one = 1;
    bool taken, first;

    mail->next = NULL;
    pthread_mutex_lock(&mailbox->lock);
    taken = !mailbox->shut;
    first = mailbox->first == NULL;
    if (taken) {
        *mailbox->end = mail;
        mailbox->end = &mail->next;
    }
    pthread_mutex_unlock(&mailbox->lock);
    /* It fails only when the counter is at its end, and then the loop is woken already. */
    if (taken && first && write(mailbox->watch.fd, &one, sizeof one) < 0) {
        return true;
    }
    return taken;
}

/* A call: what it is to do, and how its caller hears that it was done. */
struct call {
    struct mail mail;           /* as the mailbox has it */
    void (*run)(void *context); /* the caller's */
    void *context;              /* handed to run */
    sem_t done;                 /* posted after that */
};

static void run_call(void *context) {
    struct call *call = context;

    call->run(call->context);
    sem_post(&call->done);
}

bool mailbox_call(struct mailbox *mailbox, void (*run)(void *context), void *context) {
    struct call call = {.mail = {.run = run_call, .context = &call}, .run = run, .context = context};
    bool taken;

    sem_init(&call.done, 0, 0);
    taken = mailbox_post(mailbox, &call.mail);
    while (taken && sem_wait(&call.done) != 0) {
    }
    sem_destroy(&call.done);
    return taken;
}

void mailbox_shut(struct mailbox *mailbox) {
    run_all(mailbox, true);
    loop_unwatch(&mailbox->watch);
}
