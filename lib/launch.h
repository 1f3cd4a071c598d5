/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* SPDX-FileCopyrightText: The libsbx developers */

/* Birth: from a plan to a running init, and the socket between the two. */
#pragma once

#include <glib.h>
#include <stdbool.h>
#include <sys/types.h>

#include "keeper.h"
#include "plan.h"

struct launch {
	pid_t pid;
	int pidfd;
	int socket;
};

/* Start init in the plan's namespaces and, unless it is -1, in that cgroup. Its plan has not begun to be carried out
 * when this returns, or has. `through`: the keeper that clones, where this process may not clone into the cgroup; or
 * NULL: then init is not our child, waitid(2) says ECHILD, and the pidfd tells of its end. Any thread; the calling
 * thread stands still until init's exec, no other does. */
bool launch_init(const struct plan *plan, int cgroup_fd, const struct keeper *through, struct launch *ret,
                 GError **error);
bool launch_send(int socket, const struct wire_message *message, const int *fds, unsigned n_fds, GError **error);
/* 1: a record; 0: none now; -1: the other end is closed. */
int launch_receive(int socket, struct wire_record *ret);
