/* SPDX-License-Identifier: GPL-2.0-or-later */
/* config: the configuration file as a value. Read table-driven from config.def; every fault is told as "FILE:LINE:
 * [Section] Key: what is wrong". A config is complete and checked (files exist, addresses parse, combinations make
 * sense) or there is none. */
#ifndef MPVPN_CONFIG_H
#define MPVPN_CONFIG_H

#include <net/if.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include "bond/sched.h"
#include "common/addr.h"
#include "masque/auth.h"

#define CONFIG_PORT_DEFAULT 443u /**< the server's UDP port where none is given */
#define CONFIG_WHY_MAX 512u      /**< bytes that any error text fits into, with NUL */

enum config_role { CONFIG_SERVER, CONFIG_CLIENT };
enum config_routes { CONFIG_ROUTES_DEFAULT, CONFIG_ROUTES_LIST, CONFIG_ROUTES_NONE };

/** A [Path DEV] section. */
struct config_path {
    char device[IFNAMSIZ];   /**< interface */
    struct ip_addr source;   /**< Source; version 0: the device's own */
    char *server;            /**< Server: HOST:PORT of the server for this path; NULL: [Client] Server */
    char *congestion;        /**< CongestionControl: "auto", "bbr", "cubic", "own" */
    bool backup;             /**< Role = backup: used while no primary path is */
    bool when_full;          /**< BackupWhen = full: a backup is used when primaries cannot carry the traffic, too */
    uint64_t rate_limit_bps; /**< RateLimit, of each direction; 0: none */
    uint32_t weight;         /**< Weight, 1–1000: share for the schedulers that know shares */
};

/** A whole configuration. Strings are its own. */
struct config {
    enum config_role role; /**< by which of [Server], [Client] is there */
    char *file;            /**< where it was read from */
    char *name;            /**< instance: the file's base name without .conf */

    /* [Tunnel] */
    char device[IFNAMSIZ];     /**< Device */
    uint32_t mtu_bytes;        /**< MTU; 0: auto */
    enum config_routes routes; /**< Routes (client) */
    struct ip_prefix *route;   /**< the list, for CONFIG_ROUTES_LIST */
    size_t route_count;        /**< entries */
    bool manage_routes;        /**< ManageRoutes */
    char *scheduler;           /**< Scheduler: its name */
    uint64_t linger;           /**< Linger, ns: how long a bonded session lives without a path */

    /* [Server] */
    union sock_addr *listen;     /**< Listen, repeatable */
    size_t listen_count;         /**< entries */
    char *certificate;           /**< Certificate */
    char *private_key;           /**< PrivateKey */
    struct ip_prefix *pool;      /**< Pool, repeatable */
    size_t pool_count;           /**< entries */
    struct ip_prefix *advertise; /**< Advertise, repeatable: what clients may reach; default 0.0.0.0/0 and ::/0 of the
                                    pools' versions */
    size_t advertise_count;      /**< entries */
    char *users_file;            /**< Users */
    struct auth_user *user;      /**< [User NAME] sections (the users file is read apart) */
    size_t user_count;           /**< entries */
    uint32_t max_sessions_per_user; /**< MaxSessionsPerUser, default 8 */
    uint32_t max_sessions;          /**< MaxSessions, default 1024 */
    uint32_t workers;               /**< Workers; 0: auto */
    char *congestion;               /**< CongestionControl, as in [Path], for what the server sends */
    char *authority;                /**< Authority: accept only this :authority; NULL: any */
    bool require_token;             /**< RequireToken, default yes */
    char *path_template;            /**< Path (URI template's path), both roles */

    /* [Client] */
    char *server_host;        /**< Server: host part */
    uint16_t server_port;     /**< Server: port, default 443 */
    char *token;              /**< Token */
    bool has_pin;             /**< ServerPin is given */
    uint8_t pin[32];          /**< ServerPin */
    char *ca_file;            /**< CertificateAuthority; NULL: system roots */
    char *server_name;        /**< ServerName; default: server_host */
    struct config_path *path; /**< [Path DEV] sections; none: the device that leads to the server */
    size_t path_count;        /**< entries */

    /* [Control], [Log], [Daemon] */
    char *control_group; /**< Group; NULL: root only */
    int log_level;       /**< Level, enum log_level */
    uint64_t busy_poll;  /**< BusyPoll, ns */
    char *run_as;        /**< RunAs: user to become; NULL: "mpvpn" when it exists, else stay; "root": stay */
};

/**
 * Read and check a file.
 * @param why the whole error text as users see it, "FILE:LINE: …"
 * @return 0; -EINVAL; -errno of the file, or of looking a user or group up; out is set on success only
 */
int config_read(const char *file, struct config **out, char *why, size_t why_size);
/** The same from a stream. @param file its name, for messages, for relative file names and for the instance's name */
int config_read_stream(FILE *stream, const char *file, struct config **out, char *why, size_t why_size);
void config_free(struct config *config);
/**
 * Read a users file: [User NAME] sections only.
 * @param user out: an array, the caller's to free
 * @return as config_read(); -ENOENT: there is no such file
 */
int config_read_users(const char *file, struct auth_user **user, size_t *count, char *why, size_t why_size);
/** Split "HOST", "HOST:PORT", "[V6]:PORT" or a bare address. @param host out: the caller's to free @return 0; -EINVAL;
 * -ENOMEM */
int config_split_host(const char *text, char **host, uint16_t *port);
/** Whether two texts as config_split_host() takes them are the same authority: the host by letters of either case, the
 * port by its number, 443 where none is said (RFC 9110 section 4.2.3). What cannot be split, or memory that is short:
 * no. */
bool config_same_authority(const char *a, const char *b);
/** The scheduler that a configuration names; the default where it names none. */
enum sched_id config_scheduler(const struct config *config);
/** The instance's name of a configuration file's path: base name without ".conf". @param name out, at least 64 bytes
 * @return 0; -EINVAL: no usable name */
int config_instance_name(const char *file, char *name, size_t size);

#endif
