/* SPDX-License-Identifier: GPL-2.0-or-later */
/* privs: gives up what the daemon does not need once it runs.
 * In order: directories made and handed over (root may still), user and groups changed with the few capabilities kept,
 * bounding set emptied, no-new-privileges, system-call filter (privs_filter.c). Started by somebody who is not root,
 * only what was given is kept, and a missing capability is no error here: what needs it says so itself. It leaves out
 * chroot and namespaces (systemd's units do that better), and files that a user must be able to read: after the drop
 * the daemon reads configuration and keys again as its user. Invariant: after success nothing can bring a capability
 * back, in this process or a child of it. Standards: capabilities(7), prctl(2) PR_SET_NO_NEW_PRIVS. */
#include "os/privs.h"

#include <cap-ng.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/capability.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "common/account.h"
#include "common/log.h"
#include "os/privs_internal.h"

/** The user to become. */
struct target {
    uid_t uid; /**< user */
    gid_t gid; /**< its primary group */
};

/** Look the user up; without one it is who we are. @return 0; -errno with a sentence in why, -ENOENT: there is no such
 * user */
static int target_find(const struct privs_settings *settings, struct target *out, char *why, size_t why_size) {
    int rc = 0;

    *out = (struct target){geteuid(), getegid()};
    if (settings->user && settings->user[0])
        rc = account_user(settings->user, &out->uid, &out->gid);
    if (rc == -ESRCH)
        snprintf(why, why_size, "there is no user \"%s\"", settings->user);
    else if (rc)
        snprintf(why, why_size, "the user \"%s\" cannot be looked up: %s", settings->user, strerror(-rc));
    return rc == -ESRCH ? -ENOENT : rc;
}

/** Hand root's plain files in a directory over. Links and files with several names are left alone: the directory's
 * owner may have put them there. */
static void files_hand_over(int directory, const struct target *target) {
    int copy = dup(directory);
    DIR *list = copy < 0 ? NULL : fdopendir(copy);
    const struct dirent *entry;

    if (!list && copy >= 0)
        close(copy);
    while (list && (entry = readdir(list))) {
        struct stat status;
        int fd = openat(directory, entry->d_name, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);

        if (fd < 0)
            continue;
        if (fstat(fd, &status) == 0 && S_ISREG(status.st_mode) && status.st_nlink == 1 && status.st_uid == 0 &&
            fchown(fd, target->uid, target->gid) < 0)
            log_warning("cannot hand %s to uid %u: %s", entry->d_name, target->uid, strerror(errno));
        close(fd);
    }
    if (list)
        closedir(list);
}

/** Make a directory where it is missing, and hand it over. @return 0 or -errno */
static int directory_prepare(const char *path, mode_t mode, const struct target *target) {
    struct stat status;
    int fd, rc = 0;

    if (mkdir(path, mode) < 0 && errno != EEXIST)
        return -errno;
    fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (fd < 0)
        return -errno;
    if (fstat(fd, &status) < 0)
        rc = -errno;
    if (rc == 0 && geteuid() == 0) {
        if ((status.st_uid != target->uid || status.st_gid != target->gid) && fchown(fd, target->uid, target->gid) < 0)
            rc = -errno;
        if (rc == 0 && target->uid != 0)
            files_hand_over(fd, target);
    }
    close(fd);
    return rc;
}

int privs_directories(const struct privs_settings *settings, char *why, size_t why_size) {
    const struct {
        const char *path; /* as given */
        mode_t mode;      /* when made here */
    } directories[] = {{settings->runtime_dir, 0755}, {settings->state_dir, 0750}};
    struct target target;
    int rc = target_find(settings, &target, why, why_size);

    for (size_t i = 0; rc == 0 && i < sizeof directories / sizeof *directories; i++) {
        if (!directories[i].path)
            continue;
        rc = directory_prepare(directories[i].path, directories[i].mode, &target);
        if (rc)
            snprintf(why, why_size, "directory %s: %s", directories[i].path, strerror(-rc));
    }
    return rc;
}

/** Choose the capabilities to keep, of those that we have, in libcap-ng's own state. */
static void capabilities_select(const struct privs_settings *settings) {
    const unsigned wanted[] = {CAP_NET_ADMIN, CAP_NET_RAW, CAP_NET_BIND_SERVICE};
    size_t count = settings->bind_low_ports ? 3 : 2;
    bool have[3];

    capng_get_caps_process();
    for (size_t i = 0; i < count; i++)
        have[i] = capng_have_capability(CAPNG_PERMITTED, wanted[i]);
    capng_clear(CAPNG_SELECT_ALL);
    for (size_t i = 0; i < count; i++)
        if (have[i])
            capng_update(CAPNG_ADD, (capng_type_t)(CAPNG_EFFECTIVE | CAPNG_PERMITTED), wanted[i]);
}

/** Change user and capabilities. @return 0; -EPERM */
static int identity_change(const struct privs_settings *settings, const struct target *target) {
    bool bounding;

    capng_get_caps_process();
    bounding = capng_have_capability(CAPNG_EFFECTIVE, CAP_SETPCAP);
    capabilities_select(settings);
    if (geteuid() != target->uid) {
        if (geteuid() != 0)
            return -EPERM;
        return capng_change_id((int)target->uid, (int)target->gid,
                               (capng_flags_t)(CAPNG_INIT_SUPP_GRP | CAPNG_CLEAR_BOUNDING))
                   ? -EPERM
                   : 0;
    }
    if (bounding && capng_apply(CAPNG_SELECT_BOUNDS))
        return -EPERM;
    return capng_apply(CAPNG_SELECT_CAPS) ? -EPERM : 0;
}

int privs_drop(const struct privs_settings *settings, char *why, size_t why_size) {
    struct target target;
    int rc = privs_directories(settings, why, why_size);

    if (rc == 0)
        rc = target_find(settings, &target, why, why_size);
    if (rc)
        return rc;
    rc = identity_change(settings, &target);
    if (rc) {
        snprintf(why, why_size, "cannot become user %s with fewer capabilities: not permitted",
                 settings->user && settings->user[0] ? settings->user : "(unchanged)");
        return rc;
    }
    if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0) {
        rc = -errno;
        snprintf(why, why_size, "cannot set no-new-privileges: %s", strerror(-rc));
        return rc;
    }
    rc = settings->seccomp ? privs_filter_install() : 0;
    if (rc)
        snprintf(why, why_size, "cannot install the system-call filter: %s", strerror(-rc));
    return rc;
}
