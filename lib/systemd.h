/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* SPDX-FileCopyrightText: The libsbx developers */

/* What we ask of systemd, over D-Bus, without a thread, a main loop or a library. Everything is bounded in time. */
#pragma once

#include <glib.h>
#include <stdbool.h>
#include <sys/types.h>

/* Did systemd boot this machine or container? (sd_booted(3)) */
bool systemd_is_here(void);
/* Is this unit delegated (Delegate=yes)? `unit`: "run-r1.scope". 1, 0, or -1 and an error. Root asks the system's manager,
 * others their own; `user_manager` says which manager the unit is of. */
int systemd_is_delegated(const char *unit, bool user_manager, GError **error);
/* Have a transient scope made, Delegate=yes, with the process `pid` in it, and wait until it is there: its name in *ret_unit,
 * and where it is in the words of /proc/PID/cgroup in *ret_group. g_free() both. */
bool systemd_start_scope(pid_t pid, const char *description, char **ret_unit, char **ret_group, GError **error);
