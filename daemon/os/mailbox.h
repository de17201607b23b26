/* SPDX-License-Identifier: GPL-2.0-or-later */
/* mailbox: has a function run by the thread of a loop, in one of its turns. The only way in which threads of the daemon
 * do something to each other's state. Off the packet path, or once for many packets. */
#ifndef MPVPN_OS_MAILBOX_H
#define MPVPN_OS_MAILBOX_H

#include <stdbool.h>

#include "os/loop.h"

struct mailbox;

/** What is to be run. Embedded by value; the sender's until it is posted, the function's from then on. */
struct mail {
    void (*run)(void *context); /**< called in the loop's thread */
    void *context;              /**< handed to run */
    struct mail *next;          /**< mailbox's own */
};

/** @return 0; -ENOMEM; -errno of eventfd */
int mailbox_new(struct loop *loop, struct mailbox **out);
/** Free: when it was shut, and nobody posts any more; or before its loop ever ran. NULL is fine. */
void mailbox_free(struct mailbox *mailbox);
/** Have it run soon, in the order of posting. By any thread. @return false: the mailbox is shut, the mail is still the
 * caller's */
bool mailbox_post(struct mailbox *mailbox, struct mail *mail);
/** Have it run, and wait until it was. Not by the loop's own thread, and only where no thread waits for another in
 * turn: by the main thread. @return false: the mailbox is shut, it was not run */
bool mailbox_call(struct mailbox *mailbox, void (*run)(void *context), void *context);
/** By the loop's thread, when it is about to end: run what is there, and take no more. */
void mailbox_shut(struct mailbox *mailbox);

#endif
