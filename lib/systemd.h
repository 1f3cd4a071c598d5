/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* SPDX-FileCopyrightText: The libsbx developers */

/* What we ask of systemd, over D-Bus, without a thread, a main loop or a library. Everything is bounded in time. */
#pragma once

#include <glib.h>
#include <stdbool.h>
#include <sys/types.h>

#include "dbus.h"

/* Did systemd boot this machine or container? (sd_booted(3)) */
bool systemd_is_here(void);
/* Is this unit delegated (Delegate=yes)? `unit`: "run-r1.scope". 1, 0, or -1 and an error. `user_manager`: it is a
 * unit of our user's manager, else of the system's; both may be asked by anybody. */
int systemd_is_delegated(const char *unit, bool user_manager, GError **error);
/* Have a transient scope made, Delegate=yes, with the process `pid` in it, and wait until it is there: its name in
 * *ret_unit, and where it is in the words of /proc/PID/cgroup in *ret_group. g_free() both. */
bool systemd_start_scope(pid_t pid, const char *description, char **ret_unit, char **ret_group, GError **error);

/* --- parts, for the tests --- */

/* The same, asked of a manager that is connected, in the slice `slice` or, where that is NULL, in its default one.
 * *ret_group is what the manager says. */
bool systemd_ask_scope(struct dbus *bus, pid_t pid, const char *description, const char *slice, char **ret_unit,
                       char **ret_group, GError **error);
/* The object of a unit: "/org/freedesktop/systemd1/unit/a_2eservice". */
char *systemd_unit_path(const char *unit);
/* Pure. The slice in which `group` is, for the manager that has the group `root` ("" or "/a/b"); NULL: its
 * topmost. */
char *systemd_slice(const char *group, const char *root);
