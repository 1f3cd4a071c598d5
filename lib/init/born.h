/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* SPDX-FileCopyrightText: The libsbx developers */

/*
 * Birth of init and of a keeper: the code that launch.c and keeper.c of the library, and the keeper program, share.
 *
 * Theory of operation. The host may be huge and full of threads, so nothing is forked: clone3 with CLONE_VM and
 * CLONE_VFORK lets a child run on our memory, on a small stack of its own, for the few system calls until its exec.
 * Init's child is born in the new namespaces and the cgroup. No id is mapped there yet, so its capabilities
 * would not survive an exec: it makes them ambient. It changes no id (the kernel would clear *our* dumpable flag),
 * calls no libc (locks of other threads), and has a copy of our fd table. Namespaces that are joined must be entered
 * first: then a first child does that and clones again, with CLONE_PARENT.
 */
#pragma once

#include <errno.h>
#include <fcntl.h>
#include <linux/capability.h>
#include <linux/close_range.h>
#include <sched.h>
#include <signal.h>
#include <stdbool.h>
#include <sys/prctl.h>
#include <sys/wait.h>

#include "sys.h"
#include "wire-keeper.h"

#define BORN_STACK 8192
#define BORN_FLAGS ((uint64_t)CLONE_VM | CLONE_VFORK | CLONE_PIDFD | CLONE_CLEAR_SIGHAND)
#define NO_SANITIZE __attribute__((no_sanitize("address", "undefined", "thread"), noinline))

/* BIRTH_FIRST: the clone of the child that joins namespaces, which is born where we are. */
enum birth_step { BIRTH_FIRST, BIRTH_CLONE, BIRTH_JOIN, BIRTH_CAPS, BIRTH_SESSION, BIRTH_FDS, BIRTH_EXEC, BIRTH_PIDFD };

struct birth {
	struct clone_args args; /* flags, with those of BORN_FLAGS; exit_signal; cgroup */
	const char *const *argv;
	bool session; /* one of its own; and no signal before the program has said what it makes of them */
	unsigned n_joins;
	int join[KEEPER_JOINS];
	int join_type[KEEPER_JOINS]; /* a namespace of another kind than it was given for is refused, not entered */
	int *fds;                    /* in the program's order; overwritten */
	unsigned n_fds;
	int image;
	/* written by the child, in our memory */
	enum birth_step step;
	int error;
	int joining; /* the index of BIRTH_JOIN */
	int pid;     /* of the program, when a first child made it */
	char stack[BORN_STACK] __attribute__((aligned(16)));
	char second_stack[BORN_STACK] __attribute__((aligned(16)));
};

/* --- in the child: raw system calls only --- */

static NO_SANITIZE void
born_fail(struct birth *birth, enum birth_step step, long result)
{
	birth->step = step;
	birth->error = (int)-result;
	for (;;)
		sys1(__NR_exit, 1);
}

static NO_SANITIZE void
born_keep_caps(struct birth *birth)
{
	struct __user_cap_header_struct header = { _LINUX_CAPABILITY_VERSION_3, 0 };
	struct __user_cap_data_struct data[2];
	long result = sys2(__NR_capget, &header, data);

	data[0].inheritable = data[0].permitted;
	data[1].inheritable = data[1].permitted;
	if (result >= 0)
		result = sys2(__NR_capset, &header, data);
	if (result < 0)
		born_fail(birth, BIRTH_CAPS, result);
	/* one that can't be raised is one that a later step will miss, and name */
	for (unsigned cap = 0; cap < 64; cap++)
		if (sys5(__NR_prctl, PR_CAP_AMBIENT, PR_CAP_AMBIENT_RAISE, cap, 0, 0) == -EINVAL)
			break;
}

/* The mask is the child's alone: no signal of the terminal's can end it while it still is of our process group. */
static NO_SANITIZE void
born_own_session(struct birth *birth)
{
	uint64_t all = ~0ull;
	long result = sys4(__NR_rt_sigprocmask, SIG_SETMASK, &all, 0, 8);

	if (result >= 0)
		result = sys0(__NR_setsid);
	if (result < 0)
		born_fail(birth, BIRTH_SESSION, result);
}

static NO_SANITIZE void
born_become(void *data)
{
	static const char *const envp[] = { 0 };
	struct birth *birth = data;
	long image;

	born_keep_caps(birth);
	if (birth->session)
		born_own_session(birth);
	/* everything above the targets first, since a target's number may be a source's */
	image = sys3(__NR_fcntl, birth->image, F_DUPFD_CLOEXEC, birth->n_fds);
	for (unsigned i = 0; i < birth->n_fds && image >= 0; i++) {
		long high = sys3(__NR_fcntl, birth->fds[i], F_DUPFD_CLOEXEC, birth->n_fds);

		if (high < 0)
			born_fail(birth, BIRTH_FDS, high);
		birth->fds[i] = (int)high;
	}
	if (image < 0)
		born_fail(birth, BIRTH_FDS, image);
	for (unsigned i = 0; i < birth->n_fds; i++) {
		long result = sys3(__NR_dup3, birth->fds[i], i, 0);

		if (result < 0)
			born_fail(birth, BIRTH_FDS, result);
	}
	image = sys3(__NR_close_range, birth->n_fds, ~0u, CLOSE_RANGE_CLOEXEC) < 0
	            ? -EINVAL
	            : sys5(__NR_execveat, image, "", birth->argv, envp, AT_EMPTY_PATH);
	born_fail(birth, BIRTH_EXEC, image);
}

static NO_SANITIZE void
born_join(void *data)
{
	struct birth *birth = data;
	struct clone_args args = birth->args;
	long result;

	for (unsigned i = 0; i < birth->n_joins; i++) {
		birth->joining = (int)i;
		result = sys2(__NR_setns, birth->join[i], birth->join_type[i]);
		if (result < 0)
			born_fail(birth, BIRTH_JOIN, result);
	}
	args.flags = (args.flags | CLONE_PARENT) & ~(uint64_t)CLONE_PIDFD;
	args.exit_signal = 0;
	args.pidfd = 0;
	args.stack = (uintptr_t)birth->second_stack;
	args.stack_size = BORN_STACK;
	result = sys_clone3_call(&args, sizeof args, born_become, birth);
	if (result < 0)
		born_fail(birth, BIRTH_CLONE, result);
	birth->pid = (int)result;
	for (;;)
		sys1(__NR_exit, 0);
}

/* --- in the parent --- */

/* Who ignores SIGCHLD, or waits for any child elsewhere, gets an ECHILD here when it has ended: no matter. */
static inline void
born_reap(int type, int id)
{
	while (sys5(__NR_waitid, type, id, 0, WEXITED | __WALL, 0) == -EINTR)
		;
}

/* We stand still until the child is done with `birth`, its stack in there included. Handlers of ours don't run in it.
 * The pid of what lives now, and its pidfd; or a negative errno, and birth->step says of what. */
static inline long
born_give(struct birth *birth, int *ret_pidfd)
{
	struct clone_args args = birth->args;
	bool joins = birth->n_joins;
	int pidfd = -1;
	long pid;

	args.pidfd = (uintptr_t)&pidfd;
	args.stack = (uintptr_t)birth->stack;
	args.stack_size = BORN_STACK;
	if (joins) {
		args.flags = BORN_FLAGS;
		args.cgroup = 0;
	}
	birth->step = joins ? BIRTH_FIRST : BIRTH_CLONE;
	birth->error = birth->pid = 0;
	pid = sys_clone3_call(&args, sizeof args, joins ? born_join : born_become, birth);
	if (pid < 0)
		return pid;
	if (joins || birth->error) {
		born_reap(P_PIDFD, pidfd);
		sys1(__NR_close, pidfd);
	}
	if (birth->error && birth->pid)
		born_reap(P_PID, birth->pid);
	if (birth->error)
		return -birth->error;
	if (joins) {
		pid = birth->pid;
		pidfd = (int)sys2(__NR_pidfd_open, pid, 0);
		birth->step = BIRTH_PIDFD;
		if (pidfd < 0)
			return pidfd;
	}
	*ret_pidfd = pidfd;
	return pid;
}
