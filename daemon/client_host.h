/* SPDX-License-Identifier: GPL-2.0-or-later */
/* client_host: what the client changes on this host, all through netlink: the tunnel device's addresses and MTU, routes
 * into the tunnel, and the policy rule that keeps the way to the server outside of it. Everything is undone at exit by
 * netlink_undo_all(). */
#ifndef MPVPN_CLIENT_HOST_H
#define MPVPN_CLIENT_HOST_H

#include "client.h"

/** Bring the device's addresses and the routes in line with the session and the configuration. Errors are logged; the
 * tunnel goes on. */
void client_host_update(struct client *client);
/** Bring the device's MTU in line with what the leg carries. */
void client_host_mtu(struct client *client);
/** The device went up or down: set again what the kernel forgot with it. */
void client_host_on_link(struct client *client, bool up);
/** The device may have gone to another network namespace, or come back: then everything is set again. */
void client_host_locate(struct client *client, bool gone);
/** Whether a path may leave by this address of the host. */
bool client_host_may_be_source(const struct client *client, const struct ip_addr *source);
/** Make (or undo) the rule that sends packets from the path's source by the path's own gateway, so that no route into
 * the tunnel can catch them. */
void client_host_rule(struct client_path *path, bool present);
/** A change that was told as made is refused by the kernel after all, as the log tells: it does not count as set. */
void client_host_on_refused(struct client *client, const struct netlink_refusal *refusal);
/** Try addresses and routes of the device again that the kernel refused, if it did. */
void client_host_retry(struct client *client);
/** The configuration has changed: paths in use have their rules, or none has, as ManageRoutes says now. */
void client_host_rules(struct client *client);

#endif
