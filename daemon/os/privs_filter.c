/* SPDX-License-Identifier: GPL-2.0-or-later */
/* privs_filter: the system calls that the running daemon may make.
 * A list of what may be called, by purpose, and a second one of what may be called with certain arguments only.
 * Everything else fails with EPERM and, where the audit system runs, is logged with its number. It does not kill: a new
 * C library, or a name-service module that somebody plugged in, must cost a failed look-up with a message and not
 * everybody's tunnel; what the filter keeps from an intruder (execve, fork, ptrace, mount, bpf, setns, module loading)
 * is kept from him either way. clone3 fails with ENOSYS, since its flags cannot be looked at; the C library then falls
 * back to clone. It leaves out what goes through io_uring (sends, receives, reads, writes on our own descriptors),
 * which no filter sees. Invariant: nothing in the lists gives privileges, starts a program, or makes a process.
 * Standards: seccomp(2). */
#include "os/privs_internal.h"

#include <errno.h>
#include <linux/if_tun.h>
#include <linux/sockios.h>
#include <sched.h>
#include <seccomp.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/ioctl.h>
#include <sys/prctl.h>
#include <sys/socket.h>

/** Allowed with any argument. Names that a machine does not have are skipped by libseccomp. */
static const int allowed[] = {
    /* the loop */
    SCMP_SYS(io_uring_setup),
    SCMP_SYS(io_uring_enter),
    SCMP_SYS(io_uring_register),
    SCMP_SYS(eventfd2),
    SCMP_SYS(signalfd4),
    SCMP_SYS(poll),
    SCMP_SYS(ppoll),
    SCMP_SYS(ppoll_time64),
    SCMP_SYS(timerfd_create),
    SCMP_SYS(timerfd_settime),
    /* sockets: UDP, netlink, control socket, name servers, syslog, the service manager */
    SCMP_SYS(connect),
    SCMP_SYS(bind),
    SCMP_SYS(listen),
    SCMP_SYS(accept),
    SCMP_SYS(accept4),
    SCMP_SYS(getsockname),
    SCMP_SYS(getpeername),
    SCMP_SYS(getsockopt),
    SCMP_SYS(setsockopt),
    SCMP_SYS(send),
    SCMP_SYS(sendto),
    SCMP_SYS(sendmsg),
    SCMP_SYS(sendmmsg),
    SCMP_SYS(recv),
    SCMP_SYS(recvfrom),
    SCMP_SYS(recvmsg),
    SCMP_SYS(recvmmsg),
    SCMP_SYS(shutdown),
    /* files: configuration, certificates, users, journal, /proc, the C library's tables */
    SCMP_SYS(read),
    SCMP_SYS(readv),
    SCMP_SYS(pread64),
    SCMP_SYS(write),
    SCMP_SYS(writev),
    SCMP_SYS(pwrite64),
    SCMP_SYS(open),
    SCMP_SYS(openat),
    SCMP_SYS(close),
    SCMP_SYS(close_range),
    SCMP_SYS(stat),
    SCMP_SYS(stat64),
    SCMP_SYS(fstat),
    SCMP_SYS(fstat64),
    SCMP_SYS(lstat),
    SCMP_SYS(lstat64),
    SCMP_SYS(newfstatat),
    SCMP_SYS(fstatat64),
    SCMP_SYS(statx),
    SCMP_SYS(statfs),
    SCMP_SYS(fstatfs),
    SCMP_SYS(access),
    SCMP_SYS(faccessat),
    SCMP_SYS(faccessat2),
    SCMP_SYS(readlink),
    SCMP_SYS(readlinkat),
    SCMP_SYS(getdents),
    SCMP_SYS(getdents64),
    SCMP_SYS(lseek),
    SCMP_SYS(_llseek),
    SCMP_SYS(unlink),
    SCMP_SYS(unlinkat),
    SCMP_SYS(rename),
    SCMP_SYS(renameat),
    SCMP_SYS(renameat2),
    SCMP_SYS(fsync),
    SCMP_SYS(fdatasync),
    SCMP_SYS(ftruncate),
    SCMP_SYS(ftruncate64),
    SCMP_SYS(fchmod),
    SCMP_SYS(umask),
    SCMP_SYS(flock),
    SCMP_SYS(fcntl),
    SCMP_SYS(fcntl64),
    SCMP_SYS(dup),
    SCMP_SYS(dup2),
    SCMP_SYS(dup3),
    SCMP_SYS(pipe2),
    SCMP_SYS(getcwd),
    SCMP_SYS(fadvise64),
    SCMP_SYS(fadvise64_64),
    /* memory */
    SCMP_SYS(mmap),
    SCMP_SYS(mmap2),
    SCMP_SYS(munmap),
    SCMP_SYS(mremap),
    SCMP_SYS(mprotect),
    SCMP_SYS(madvise),
    SCMP_SYS(brk),
    SCMP_SYS(mlock),
    /* threads, signals, the end */
    SCMP_SYS(futex),
    SCMP_SYS(futex_time64),
    SCMP_SYS(set_robust_list),
    SCMP_SYS(rseq),
    SCMP_SYS(sched_yield),
    SCMP_SYS(sched_getaffinity),
    SCMP_SYS(membarrier),
    SCMP_SYS(rt_sigaction),
    SCMP_SYS(rt_sigprocmask),
    SCMP_SYS(rt_sigreturn),
    SCMP_SYS(sigreturn),
    SCMP_SYS(sigaltstack),
    SCMP_SYS(restart_syscall),
    SCMP_SYS(tgkill),
    SCMP_SYS(exit),
    SCMP_SYS(exit_group),
    /* time, identity, limits, randomness */
    SCMP_SYS(clock_gettime),
    SCMP_SYS(clock_gettime64),
    SCMP_SYS(clock_getres),
    SCMP_SYS(clock_getres_time64),
    SCMP_SYS(clock_nanosleep),
    SCMP_SYS(clock_nanosleep_time64),
    SCMP_SYS(nanosleep),
    SCMP_SYS(gettimeofday),
    SCMP_SYS(time),
    SCMP_SYS(times),
    SCMP_SYS(getrusage),
    SCMP_SYS(getpid),
    SCMP_SYS(gettid),
    SCMP_SYS(getppid),
    SCMP_SYS(getuid),
    SCMP_SYS(geteuid),
    SCMP_SYS(getgid),
    SCMP_SYS(getegid),
    SCMP_SYS(getgroups),
    SCMP_SYS(getresuid),
    SCMP_SYS(getresgid),
    SCMP_SYS(capget),
    SCMP_SYS(prlimit64),
    SCMP_SYS(getrlimit),
    SCMP_SYS(ugetrlimit),
    SCMP_SYS(sysinfo),
    SCMP_SYS(uname),
    SCMP_SYS(getrandom),
};

/** Allowed when (argument number `argument` & mask) == value. */
static const struct {
    int call;          /**< system call */
    unsigned argument; /**< which argument */
    uint64_t mask;     /**< bits looked at */
    uint64_t value;    /**< what they must be */
} allowed_with[] = {
    {SCMP_SYS(socket), 0, UINT32_MAX, AF_INET},       {SCMP_SYS(socket), 0, UINT32_MAX, AF_INET6},
    {SCMP_SYS(socket), 0, UINT32_MAX, AF_UNIX},       {SCMP_SYS(socket), 0, UINT32_MAX, AF_NETLINK},
    {SCMP_SYS(ioctl), 1, UINT32_MAX, FIONREAD},       /* the C library's resolver */
    {SCMP_SYS(ioctl), 1, UINT32_MAX, TCGETS},         /* stdio: is it a terminal? */
    {SCMP_SYS(ioctl), 1, UINT32_MAX, SIOCGIFINDEX},   /* if_nametoindex */
    {SCMP_SYS(ioctl), 1, UINT32_MAX, SIOCGIFNAME},    /* if_indextoname */
    {SCMP_SYS(ioctl), 1, UINT32_MAX, TUNGETIFF},      /* tun_locate */
    {SCMP_SYS(ioctl), 1, UINT32_MAX, TUNGETDEVNETNS}, /* likewise */
    {SCMP_SYS(prctl), 0, UINT32_MAX, PR_SET_NAME},    {SCMP_SYS(prctl), 0, UINT32_MAX, PR_GET_NAME},
    {SCMP_SYS(clone), 0, CLONE_THREAD, CLONE_THREAD}, {SCMP_SYS(kill), 1, UINT32_MAX, 0}, /* whether a process lives */
};

/** Put all rules into a filter. @return 0 or -errno */
static int rules_add(scmp_filter_ctx filter) {
    int rc = seccomp_rule_add(filter, SCMP_ACT_ERRNO(ENOSYS), SCMP_SYS(clone3), 0);

    for (size_t i = 0; rc == 0 && i < sizeof allowed / sizeof *allowed; i++)
        rc = seccomp_rule_add(filter, SCMP_ACT_ALLOW, allowed[i], 0);
    for (size_t i = 0; rc == 0 && i < sizeof allowed_with / sizeof *allowed_with; i++)
        rc = seccomp_rule_add(
            filter, SCMP_ACT_ALLOW, allowed_with[i].call, 1,
            SCMP_CMP(allowed_with[i].argument, SCMP_CMP_MASKED_EQ, allowed_with[i].mask, allowed_with[i].value));
    return rc;
}

int privs_filter_install(void) {
    scmp_filter_ctx filter = seccomp_init(SCMP_ACT_ERRNO(EPERM));
    int rc;

    if (!filter)
        return -ENOMEM;
    /* These three are for comfort (log refusals, search the list as a tree, no slow speculation barriers); where one is
     * not known it is not needed. */
    (void)seccomp_attr_set(filter, SCMP_FLTATR_CTL_LOG, 1);
    (void)seccomp_attr_set(filter, SCMP_FLTATR_CTL_OPTIMIZE, 2);
    (void)seccomp_attr_set(filter, SCMP_FLTATR_CTL_SSB, 1);
    rc = rules_add(filter);
    if (rc == 0)
        rc = seccomp_load(filter);
    seccomp_release(filter);
    return rc;
}
