/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* SPDX-FileCopyrightText: The libsbx developers */

/* The keeper: a process of ours outside of every box, which ends what the host leaves when it dies, and clones where
 * the host may not. */
#pragma once

#include <glib.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#define KEEPER_SURROUNDINGS 7

struct keeper {
	pid_t pid;
	int pidfd;
	int socket;
	pid_t owner; /* a forked copy of it must keep its hands off */
	/* what a child of the keeper is born with as long as it has no other: the root directory and the namespaces of the
	 * thread that started it */
	struct keeper_place {
		uint64_t dev, ino;
	} places[KEEPER_SURROUNDINGS];
	char *credentials; /* likewise: ids, capabilities, no_new_privs, filters */
};

/* Start one. When this process dies, or replaces itself by another program, it writes "1" to `kill_fd` (an open
 * cgroup.kill; -1: none) and ends; it ends as well when it is let go, and, while it has nothing to kill, by SIGTERM. It
 * holds no other fd of the host, has a session of its own, and is in the cgroup of the calling process. Resource
 * limits, nice, oom_score_adj and umask are those of the calling thread at this time, also for what it clones later;
 * ids, capabilities, no_new_privs and seccomp filters too, and a thread that has others can't have it clone. Any
 * thread. */
bool keeper_new(int kill_fd, struct keeper *ret, GError **error);
/* From now on this is what it writes to; -1: nothing. Returns when it has it. Any thread. */
bool keeper_watch(const struct keeper *keeper, int kill_fd, GError **error);
/* born_give(birth, ret_pidfd) of init/born.h, done by the keeper; -1 and an error when it did not answer. The program
 * is its child, not ours. Any thread. */
struct birth;
long keeper_clone(const struct keeper *keeper, struct birth *birth, int *ret_pidfd, GError **error);
/* Let it go, wait for its end (bounded), and reap it. One that was never started ({ 0, -1, -1 }) is fine. */
void keeper_clear(struct keeper *keeper);
typedef struct keeper keeper_t;
G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC(keeper_t, keeper_clear)
