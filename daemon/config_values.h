/* SPDX-License-Identifier: GPL-2.0-or-later */
/* config_values: the types of values that config.def names: each parses one value's text into its field. Used by
 * config.c, and by the methods whose parameters are such values. */
#ifndef MPVPN_CONFIG_VALUES_H
#define MPVPN_CONFIG_VALUES_H

#include <stdbool.h>
#include <stddef.h>

#include "common/addr.h"
#include "common/clock.h"

#define CONFIG_RATE_MIN 64000ull         /* bits per second: less would not carry what a connection itself has to say */
#define CONFIG_RATE_MAX 1000000000000ull /* bits per second */
#define CONFIG_WEIGHT_MAX 1000u          /**< largest Weight of a path */
#define CONFIG_BUSY_POLL_MAX (10 * NS_PER_MS)        /**< ns: the longest busy polling */
#define CONFIG_DURATION_MAX (7 * 86400 * NS_PER_SEC) /**< ns: a week, the longest time that a key takes */

/** One value and where it belongs. */
struct config_value {
    const char *text;     /**< what stands after the "=" */
    const char *file;     /**< the configuration file: relative file names are beside it */
    const char *instance; /**< replaces %i in file names */
    void *base;           /**< the struct that the field is in: config, config_path or auth_user */
    void *field;          /**< the field */
    size_t *count;        /**< the field's count, for lists */
    char *why;            /**< out on failure: what is wrong, without the place */
    size_t why_size;      /**< bytes at why */
};

/** Whether a host can have it in a tunnel: not unspecified, loopback, link-local, multicast or reserved. */
bool config_is_host_address(const struct ip_addr *addr);

/** @return 0; -EINVAL: no such value, why says so; -ENOMEM */
typedef int config_parse_fn(const struct config_value *value);

config_parse_fn config_parse_account;      /* char *: a user of the system */
config_parse_fn config_parse_source;       /* struct ip_addr that can be sent from */
config_parse_fn config_parse_congestion;   /* char *: "auto", "bbr", "cubic", "own" */
config_parse_fn config_parse_count;        /* uint32_t, 1 to 1,000,000 */
config_parse_fn config_parse_device;       /* char[IFNAMSIZ] */
config_parse_fn config_parse_duration;     /* uint64_t: ns, at most CONFIG_DURATION_MAX */
config_parse_fn config_parse_endpoints;    /* list of union sock_addr */
config_parse_fn config_parse_file;         /* char *: a file that we may read */
config_parse_fn config_parse_file_name;    /* char *: a file that need not be there */
config_parse_fn config_parse_flag;         /* bool: yes or no */
config_parse_fn config_parse_group;        /* char *: a group of the system */
config_parse_fn config_parse_level;        /* int: enum log_level */
config_parse_fn config_parse_mtu;          /* uint32_t: 0 for auto */
config_parse_fn config_parse_busy_poll;    /* uint64_t: ns */
config_parse_fn config_parse_workers;      /* uint32_t: 0 for auto */
config_parse_fn config_parse_pin;          /* struct config: pin, has_pin */
config_parse_fn config_parse_prefixes;     /* list of struct ip_prefix */
config_parse_fn config_parse_pool;         /* likewise, of addresses that hosts can have */
config_parse_fn config_parse_role;         /* bool: primary (false) or backup (true) */
config_parse_fn config_parse_routes;       /* struct config: routes, route, route_count */
config_parse_fn config_parse_scheduler;    /* char *: a name of bond/sched.def */
config_parse_fn config_parse_server;       /* struct config: server_host, server_port */
config_parse_fn config_parse_server_text;  /* char *: HOST[:PORT] as it stands */
config_parse_fn config_parse_token;        /* char *: a bearer token */
config_parse_fn config_parse_token_hash;   /* struct auth_user: token_hash, has_token */
config_parse_fn config_parse_uri_template; /* char * */
config_parse_fn config_parse_user_address; /* struct auth_user: address */
config_parse_fn config_parse_backup_when;  /* bool: down (false) or full (true) */
config_parse_fn config_parse_rate;         /* uint64_t, bits per second, at least CONFIG_RATE_MIN; "none": 0 */
config_parse_fn config_parse_weight;       /* uint32_t, 1 to CONFIG_WEIGHT_MAX */
config_parse_fn config_parse_word;         /* char *: no spaces */

#endif
