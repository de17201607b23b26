/* SPDX-License-Identifier: GPL-2.0-or-later */
/* sockdiag: asks for one socket by its addresses and ports.
 *
 * How it works: the kernel answers within the call that sends the question, so the answer is there when it is looked
 * for, and nothing waits. But the first question loads the kernel's modules for it, or looks for them in vain each
 * time: so one is asked at the start, for a list of sockets in no state at all. For a connection that is not there the
 * kernel shows a socket that listens at its local port, which says nothing of it.
 *
 * Left out: sockets of other network namespaces. Invariant: an answer is believed only if it has the number of its
 * question. */
#include "os/sockdiag.h"

#include <errno.h>
#include <linux/inet_diag.h>
#include <linux/sock_diag.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <netlink/msg.h>
#include <netlink/netlink.h>
#include <netlink/socket.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#include "os/netlink_internal.h"

#define ANSWER_MAX 4096u /**< bytes: one socket with all that is told of it has a few hundred */

struct sockdiag {
    struct nl_sock *sock; /**< owned */
};

/** Room for an answer. */
union answer {
    struct nlmsghdr header;
    uint8_t bytes[ANSWER_MAX];
};

/** Send a question. @param states of the sockets that are meant (bits) */
static int ask(struct sockdiag *sockdiag, const struct sockdiag_flow *flow, uint16_t flags, uint32_t states,
               unsigned number) {
    const bool ipv4 = flow->local.version == 4;
    struct inet_diag_req_v2 request = {.sdiag_family = ipv4 ? AF_INET : AF_INET6,
                                       .sdiag_protocol = IPPROTO_TCP,
                                       .idiag_ext = 1 << (INET_DIAG_CONG - 1),
                                       .idiag_states = states,
                                       .id = {.idiag_sport = htons(flow->local_port),
                                              .idiag_dport = htons(flow->remote_port),
                                              .idiag_if = flow->ifindex,
                                              .idiag_cookie = {INET_DIAG_NOCOOKIE, INET_DIAG_NOCOOKIE}}};
    struct nl_msg *message = nlmsg_alloc_simple(SOCK_DIAG_BY_FAMILY, NLM_F_REQUEST | flags);
    ssize_t sent;

    if (!message)
        return -ENOMEM;
    memcpy(request.id.idiag_src, flow->local.bytes, ipv4 ? 4 : 16);
    memcpy(request.id.idiag_dst, flow->remote.bytes, ipv4 ? 4 : 16);
    if (nlmsg_append(message, &request, sizeof request, NLMSG_ALIGNTO) < 0) {
        nlmsg_free(message);
        return -ENOMEM;
    }
    nlmsg_hdr(message)->nlmsg_seq = number;
    sent = send(nl_socket_get_fd(sockdiag->sock), nlmsg_hdr(message), nlmsg_hdr(message)->nlmsg_len, MSG_DONTWAIT);
    nlmsg_free(message);
    return sent < 0 ? -errno : 0;
}

/** Ask, and take the answer; those to earlier questions are dropped. @param flags, states as of the question
 * @return 0 or -errno */
static int inquire(struct sockdiag *sockdiag, const struct sockdiag_flow *flow, uint16_t flags, uint32_t states,
                   union answer *answer) {
    const unsigned number = nl_socket_use_seq(sockdiag->sock);
    ssize_t got;
    int rc = ask(sockdiag, flow, flags, states, number);

    if (rc)
        return rc;
    do {
        got = recv(nl_socket_get_fd(sockdiag->sock), answer, sizeof *answer, MSG_DONTWAIT);
    } while (got >= (ssize_t)sizeof answer->header && answer->header.nlmsg_seq != number);
    if (got < 0)
        return -errno;
    return nlmsg_ok(&answer->header, (int)got) ? 0 : -EBADMSG;
}

/** Whether the kernel has what answers questions about TCP. @return 0 or -errno */
static int probe(struct sockdiag *sockdiag) {
    const struct sockdiag_flow any = {.local = {.version = 4}, .remote = {.version = 4}};
    union answer answer;
    int rc = inquire(sockdiag, &any, NLM_F_DUMP, 0, &answer);

    if (rc)
        return rc;
    if ((answer.header.nlmsg_type != NLMSG_DONE && answer.header.nlmsg_type != NLMSG_ERROR) ||
        nlmsg_datalen(&answer.header) < (int)sizeof rc)
        return -EBADMSG;
    memcpy(&rc, nlmsg_data(&answer.header), sizeof rc); /* what both begin with */
    return rc;
}

int sockdiag_open(struct sockdiag **out) {
    struct sockdiag *sockdiag = calloc(1, sizeof *sockdiag);
    int rc = -ENOMEM;

    if (!sockdiag)
        return -ENOMEM;
    sockdiag->sock = nl_socket_alloc();
    if (!sockdiag->sock)
        goto err;
    rc = nl_connect(sockdiag->sock, NETLINK_SOCK_DIAG);
    if (rc < 0) {
        rc = netlink_error(rc);
        goto err;
    }
    rc = probe(sockdiag);
    if (rc)
        goto err;
    *out = sockdiag;
    return 0;

err:
    sockdiag_close(sockdiag);
    return rc;
}

void sockdiag_close(struct sockdiag *sockdiag) {
    if (!sockdiag)
        return;
    nl_socket_free(sockdiag->sock);
    free(sockdiag);
}

/** Read one answer. @return as sockdiag_congestion() */
static int read_answer(struct nlmsghdr *header, char name[SOCKDIAG_NAME_MAX]) {
    struct nlattr *attributes[INET_DIAG_MAX + 1];
    const struct inet_diag_msg *told = nlmsg_data(header);

    if (header->nlmsg_type == NLMSG_ERROR) {
        const struct nlmsgerr *error = nlmsg_data(header);
        return nlmsg_datalen(header) < (int)sizeof *error || error->error >= 0 ? -EBADMSG : error->error;
    }
    if (header->nlmsg_type != SOCK_DIAG_BY_FAMILY ||
        nlmsg_parse(header, sizeof *told, attributes, INET_DIAG_MAX, NULL) < 0)
        return -EBADMSG;
    if (told->idiag_state == TCP_LISTEN || !attributes[INET_DIAG_CONG]) /* which ones that end do not have either */
        return -ENOENT;
    (void)nla_strlcpy(name, attributes[INET_DIAG_CONG], SOCKDIAG_NAME_MAX);
    return 0;
}

int sockdiag_congestion(struct sockdiag *sockdiag, const struct sockdiag_flow *flow, char name[SOCKDIAG_NAME_MAX]) {
    union answer answer;
    int rc;

    if (!flow->local.version || flow->local.version != flow->remote.version)
        return -EAFNOSUPPORT;
    rc = inquire(sockdiag, flow, 0, UINT32_MAX, &answer);
    return rc ? rc : read_answer(&answer.header, name);
}
