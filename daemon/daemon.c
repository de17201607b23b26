/* SPDX-License-Identifier: GPL-2.0-or-later */
/* daemon: start, reload and stop of an instance.
 *
 * How it works: everything that needs root is opened first (device, sockets, directories), then privileges are given
 * up, then the loop runs. Signals come by a signalfd. Stopping says goodbye on every connection, gives the last packets
 * GRACE to leave, and undoes what was changed on the host. Left out: everything about peers (client.c, server.c) and
 * packets (worker.c, egress.c, ingress.c). Invariant: config in force changes only in daemon_reload(), after everyone
 * has taken the new one. */
#include "daemon.h"

#include <errno.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/signalfd.h>
#include <unistd.h>

#include "common/account.h"
#include "client_host.h"
#include "methods.h"
#include "os/privs.h"

#define FILES_MIN 64u              /* descriptors: some twenty of its own, sixteen paths, mpvpnctl, and a reserve */
#define GRACE (NS_PER_SEC / 5)     /* time for the last packets */
#define DEFAULT_USER "mpvpn"       /* who to become when it exists and RunAs is not given */
#define STATE_DIR "/var/lib/mpvpn" /* users files */

/* what happens to it */

static void on_grace_over(void *context, uint64_t now) {
    struct daemon *daemon = context;
    (void)now;
    loop_stop(daemon->worker.loop);
}

void daemon_stop(struct daemon *daemon) {
    size_t connections;
    if (daemon->stopping)
        return loop_stop(daemon->worker.loop);
    daemon->stopping = true;
    restore_stop(&daemon->restore);
    if (daemon->config->role == CONFIG_SERVER) {
        connections = crew_close(&daemon->crew);
    } else {
        client_close(&daemon->client);
        connections = daemon->worker.carriers != NULL;
    }
    daemon->grace = (struct timer){.on_due = on_grace_over, .context = daemon};
    timer_set(&daemon->worker.timers, &daemon->grace, loop_now(daemon->worker.loop) + (connections ? GRACE : 0));
}

static void on_refused(void *context, const struct netlink_refusal *refusal) {
    struct daemon *daemon = context;
    if (daemon->config->role == CONFIG_SERVER)
        crew_on_refused(&daemon->crew, refusal);
    else if (daemon->client.worker)
        client_host_on_refused(&daemon->client, refusal);
}

static void on_restored(void *context) {
    struct daemon *daemon = context;
    netlink_set_quiet(daemon->netlink, true);
    if (daemon->config->role == CONFIG_SERVER)
        crew_retry(&daemon->crew);
    else if (daemon->client.worker)
        client_host_retry(&daemon->client);
    netlink_set_quiet(daemon->netlink, false);
}

static void on_undone(void *context) {
    struct daemon *daemon = context;
    restore_on_undone(&daemon->restore, loop_now(daemon->worker.loop));
}

int daemon_reload(struct daemon *daemon, char *why, size_t why_size) {
    struct config *config;
    int error = config_read(daemon->config->file, &config, why, why_size);
    if (error)
        return error;
    if (config->role != daemon->config->role) {
        snprintf(why, why_size, "%s: a %s cannot become a %s while running: restart the daemon", config->file,
                 daemon->config->role == CONFIG_SERVER ? "server" : "client",
                 config->role == CONFIG_SERVER ? "server" : "client");
        error = -EBUSY;
    } else if (config->role == CONFIG_SERVER) {
        error = crew_reload(&daemon->crew, config, why, why_size);
    } else {
        error = client_reload(&daemon->client, config, why, why_size);
    }
    if (error) {
        config_free(config);
        return error;
    }
    if (config->log_level != daemon->config->log_level)
        log_set_level((enum log_level)config->log_level);
    config_free(daemon->config);
    daemon->config = config;
    on_undone(daemon); /* also what could not be put back, or was refused */
    log_notice("configuration reloaded from %s", config->file);
    return 0;
}

static void on_signal(void *context, uint32_t revents) {
    struct daemon *daemon = context;
    struct signalfd_siginfo info;
    char why[CONFIG_WHY_MAX];
    (void)revents;
    while (read(daemon->signals.fd, &info, sizeof info) == (ssize_t)sizeof info) {
        if (info.ssi_signo != SIGHUP) {
            log_notice("stopping: %s", strsignal((int)info.ssi_signo));
            daemon_stop(daemon);
        } else if (daemon_reload(daemon, why, sizeof why)) {
            log_error("reload: %s", why);
        }
    }
}

static void on_link(void *context, unsigned ifindex, const char *device, bool present, bool up) {
    struct daemon *daemon = context;
    (void)device;
    if (daemon->config->role == CONFIG_SERVER)
        crew_on_link(&daemon->crew, ifindex, present, up);
    else if (daemon->client.worker)
        client_on_link(&daemon->client, ifindex, present, up);
}

static void on_address(void *context, unsigned ifindex, const struct ip_addr *addr, bool present) {
    struct daemon *daemon = context;
    if (daemon->config->role == CONFIG_CLIENT && daemon->client.worker)
        client_on_address(&daemon->client, ifindex, addr, present);
}

static void on_route(void *context) {
    struct daemon *daemon = context;
    if (daemon->config->role == CONFIG_CLIENT && daemon->client.worker)
        client_on_route(&daemon->client);
}

/* start */

static int watch_signals(struct daemon *daemon, char *why, size_t why_size) {
    sigset_t set;
    int fd;
    sigemptyset(&set);
    sigaddset(&set, SIGTERM);
    sigaddset(&set, SIGINT);
    sigaddset(&set, SIGHUP);
    sigprocmask(SIG_BLOCK, &set, NULL);
    signal(SIGPIPE, SIG_IGN);
    fd = signalfd(-1, &set, SFD_NONBLOCK | SFD_CLOEXEC);
    if (fd < 0)
        return snprintf(why, why_size, "signals cannot be watched: %s", strerror(errno)), -errno;
    daemon->signals = (struct loop_watch){.fd = fd, .events = POLLIN, .on_ready = on_signal, .context = daemon};
    return loop_watch(daemon->worker.loop, &daemon->signals);
}

static int open_kernel_side(struct daemon *daemon, const char *runtime_dir, char *why, size_t why_size) {
    const struct netlink_hooks hooks = {.on_link = on_link,
                                        .on_address = on_address,
                                        .on_route = on_route,
                                        .on_undone = on_undone,
                                        .on_refused = on_refused,
                                        .context = daemon};
    char journal[256];
    int error;
    snprintf(journal, sizeof journal, "%s/%s.journal", runtime_dir, daemon->config->name);
    error = netlink_open(daemon->worker.loop, &hooks, journal, &daemon->netlink, why, why_size);
    if (error)
        return error;
    restore_init(&daemon->restore, daemon->netlink, &daemon->worker.timers, on_restored, daemon);
    error = netlink_undo_crashed(daemon->netlink);
    if (error > 0)
        log_notice("%d changes of an earlier run that did not end properly were undone", error);
    return 0;
}

/* As many as configured, or as there are processors to run on. */
static size_t workers_wanted(const struct config *config) {
    cpu_set_t set;
    size_t count = config->workers;
    if (count == 0)
        count = sched_getaffinity(0, sizeof set, &set) ? 1 : (size_t)CPU_COUNT(&set);
    return count < CREW_MAX ? count : CREW_MAX;
}

/* Read the configuration, and what it names. */
static int load(struct daemon *daemon, const char *file, char *why, size_t why_size) {
    int error = config_read(file, &daemon->config, why, why_size);
    if (error)
        return error;
    if (daemon->config->role == CONFIG_SERVER)
        return crew_load(&daemon->crew, workers_wanted(daemon->config), daemon->config, why, why_size);
    return client_load(&daemon->client, daemon->config, why, why_size);
}

/* What a fault of load() ends with. Files that are missing or locked stay so until somebody does something; lack of
 * memory or descriptors, a disk or a directory service that does not answer do not. */
static enum daemon_status status_of_load(int error) {
    static const int lasting[] = {-EINVAL, -EEXIST, -ENOENT, -ENOTDIR, -EACCES, -ELOOP, -EFBIG, -ENAMETOOLONG};
    for (size_t i = 0; i < sizeof lasting / sizeof *lasting; i++)
        if (error == lasting[i])
            return DAEMON_MISCONFIGURED;
    return error ? DAEMON_FAILED : DAEMON_DONE;
}

static int start_role(struct daemon *daemon, char *why, size_t why_size) {
    if (daemon->config->role == CONFIG_SERVER)
        return crew_start(&daemon->crew, &daemon->worker, daemon->netlink, why, why_size);
    return client_start(&daemon->client, &daemon->worker, daemon->netlink, why, why_size);
}

/* Whom to become. Only root can become somebody else; without RunAs it stays root where the usual user is missing, but
 * not where nobody can tell. */
static int choose_user(const struct config *config, const char **out, char *why, size_t why_size) {
    const char *user = config->run_as ? config->run_as : DEFAULT_USER;
    uid_t uid;
    gid_t gid;
    int error;
    *out = NULL;
    if (geteuid() || !strcmp(user, "root"))
        return 0;
    error = config->run_as ? 0 : account_user(user, &uid, &gid);
    if (error && error != -ESRCH && error != -ENOENT) {
        snprintf(why, why_size, "the user \"%s\" cannot be looked up: %s", user, strerror(-error));
        return error;
    }
    if (!error)
        *out = user;
    return 0;
}

/* What to keep, and what the user must be able to write. */
static int choose_privileges(const struct config *config, const char *runtime_dir, struct privs_settings *out,
                             char *why, size_t why_size) {
    *out = (struct privs_settings){
        .runtime_dir = runtime_dir,
        .state_dir = config->role == CONFIG_SERVER ? STATE_DIR : NULL,
        .seccomp = true,
    };
    return choose_user(config, &out->user, why, why_size);
}

static int open_control(struct daemon *daemon, const char *runtime_dir, char *why, size_t why_size) {
    const struct ctlsock_hooks hooks = methods_hooks(daemon);
    char path[256];
    snprintf(path, sizeof path, "%s/%s.sock", runtime_dir, daemon->config->name);
    return ctlsock_open(daemon->worker.loop, path, daemon->config->control_group, &hooks, &daemon->control, why,
                        why_size);
}

/* With too few file descriptors each room would fail in words of its own, or later. */
static int check_files(char *why, size_t why_size) {
    struct rlimit limit;
    if (getrlimit(RLIMIT_NOFILE, &limit) || limit.rlim_cur >= FILES_MIN)
        return 0;
    snprintf(why, why_size, "only %llu files may be open (ulimit -n, LimitNOFILE=): at least %u are needed",
             (unsigned long long)limit.rlim_cur, FILES_MIN);
    return -EMFILE;
}

static int start(struct daemon *daemon, const struct privs_settings *privs, char *why, size_t why_size) {
    const struct worker_settings worker = {.server = daemon->config->role == CONFIG_SERVER};
    int error = check_files(why, why_size);
    if (!error)
        error = worker_init(&daemon->worker, &worker, why, why_size);
    if (!error)
        error = watch_signals(daemon, why, why_size);
    if (!error)
        error = open_kernel_side(daemon, privs->runtime_dir, why, why_size);
    if (!error)
        error = open_control(daemon, privs->runtime_dir, why, why_size);
    if (!error)
        error = start_role(daemon, why, why_size);
    if (!error)
        error = privs_drop(privs, why, why_size);
    if (!error)
        error = crew_run(&daemon->crew, why, why_size);
    return error;
}

/* end */

static void finish(struct daemon *daemon) {
    ctlsock_close(daemon->control);
    client_fini(&daemon->client);
    crew_fini(&daemon->crew);
    if (daemon->netlink)
        netlink_undo_all(daemon->netlink);
    netlink_close(daemon->netlink);
    if (daemon->signals.on_ready) {
        loop_unwatch(&daemon->signals);
        close(daemon->signals.fd);
    }
    worker_fini(&daemon->worker);
    config_free(daemon->config);
}

/* The background has another working directory. Links stay: an instance is named after the file that was given.
 * @return on the heap, or NULL */
static char *absolute(const char *file) {
    char *directory = *file == '/' ? NULL : getcwd(NULL, 0), *path;
    if (asprintf(&path, "%s%s%s", directory ? directory : "", directory ? "/" : "", file) < 0)
        path = NULL;
    free(directory);
    return path;
}

/* Make the directories, go to the background: what comes before anything is opened.
 * @param privs out: borrows from the settings and the configuration
 * @param pid_file out: on the heap, or NULL: there is none */
static int prepare(struct daemon *daemon, const struct daemon_settings *settings, struct privs_settings *privs,
                   char **pid_file, char *why, size_t why_size) {
    int error = choose_privileges(daemon->config, settings->runtime_dir, privs, why, why_size);
    char *file;
    if (!error)
        error = privs_directories(privs, why, why_size);
    if (error || !settings->background)
        return error;
    if (settings->pid_file)
        file = absolute(settings->pid_file);
    else if (asprintf(&file, "%s/%s.pid", settings->runtime_dir, daemon->config->name) < 0)
        file = NULL;
    error = file ? privs_daemonize(file, why, why_size) : -ENOMEM;
    if (error)
        free(file);
    else
        *pid_file = file;
    return error;
}

enum daemon_status daemon_check(const char *file, char *why, size_t why_size) {
    struct daemon daemon = {0};
    int error = load(&daemon, file, why, why_size);
    finish(&daemon);
    return status_of_load(error);
}

enum daemon_status daemon_run(const struct daemon_settings *settings) {
    static const char *const role_name[] = {[CONFIG_SERVER] = "server", [CONFIG_CLIENT] = "client"};
    struct daemon daemon = {0};
    struct privs_settings privs;
    char why[CONFIG_WHY_MAX] = "no memory", *pid_file = NULL, *file = absolute(settings->config_file);
    enum daemon_status status;
    int error;
    if (settings->background)
        log_to_syslog("mpvpnd");
    error = file ? load(&daemon, file, why, sizeof why) : -ENOMEM;
    free(file);
    status = status_of_load(error);
    if (!error) {
        log_set_level(settings->verbose ? LOG_LEVEL_DEBUG : (enum log_level)daemon.config->log_level);
        error = prepare(&daemon, settings, &privs, &pid_file, why, sizeof why);
    }
    if (!error)
        error = start(&daemon, &privs, why, sizeof why);
    if (!error) {
        daemon.started = loop_now(daemon.worker.loop);
        log_notice("%s %s started; %s", role_name[daemon.config->role], daemon.config->name,
                   loop_features(daemon.worker.loop));
        privs_ready();
        error = loop_run(daemon.worker.loop);
        if (error)
            snprintf(why, sizeof why, "the event loop failed: %s", strerror(-error));
    }
    if (error)
        log_error("%s", why);
    privs_notify("STOPPING=1");
    finish(&daemon);
    if (pid_file && unlink(pid_file))
        log_warning("%s: %s", pid_file, strerror(errno));
    free(pid_file);
    return error && status == DAEMON_DONE ? DAEMON_FAILED : status;
}
