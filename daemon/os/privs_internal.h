/* SPDX-License-Identifier: GPL-2.0-or-later */
/* privs_internal: what privs' own files share. */
#ifndef MPVPN_OS_PRIVS_INTERNAL_H
#define MPVPN_OS_PRIVS_INTERNAL_H

/** Install the system-call filter for this thread and those it starts. no-new-privileges must be set. @return 0 or
 * -errno */
int privs_filter_install(void);

#endif
