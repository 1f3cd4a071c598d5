/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* SPDX-FileCopyrightText: The libsbx developers */

/* The keeper: a process of ours outside of every box, which ends what the host leaves when it dies, and clones where the host may
 * not. */
#pragma once

#include <glib.h>
#include <stdbool.h>
#include <sys/types.h>

struct keeper {
	pid_t pid;
	int pidfd;
	int socket;
};

/* Start one. When this process dies it writes "1" to `kill_fd` (an open cgroup.kill; -1: none) and ends; it ends as well
 * when it is let go. It holds no other fd of the host. Any thread. */
bool keeper_new(int kill_fd, struct keeper *ret, GError **error);
/* From now on this is what it writes to; -1: nothing. Returns when it has it. */
bool keeper_watch(const struct keeper *keeper, int kill_fd, GError **error);
/* Let it go, wait for its end (bounded), and reap it. One that was never started ({ 0, -1, -1 }) is fine. */
void keeper_clear(struct keeper *keeper);
typedef struct keeper keeper_t;
G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC(keeper_t, keeper_clear)
