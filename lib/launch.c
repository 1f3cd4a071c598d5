/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* SPDX-FileCopyrightText: The libsbx developers */

/*
 * Birth of a box.
 *
 * Theory of operation. The host may be huge and full of threads, so nothing is forked: clone3 with CLONE_VM and
 * CLONE_VFORK lets a child run on our memory, on a small stack of its own, for the few system calls until it
 * becomes init. That child is born in the new namespaces and the cgroup. No id is mapped there yet, so its capabilities
 * would not survive an exec: it makes them ambient. It changes no id (the kernel would clear *our* dumpable flag), calls
 * no libc (locks of other threads), and has a copy of our fd table. Namespaces that are joined must be entered first:
 * then a first child does that and clones again, with CLONE_PARENT.
 */
#include "launch.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/capability.h>
#include <linux/close_range.h>
#include <sched.h>
#include <signal.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "fd.h"
#include "image.h"
#include "init/sys.h"

#ifndef CLONE_NEWTIME
#define CLONE_NEWTIME 0x00000080
#endif

#define STACK_SIZE 8192
#define NO_SANITIZE __attribute__((no_sanitize("address", "undefined", "thread"), noinline))

enum birth_step { BIRTH_CLONE, BIRTH_JOIN, BIRTH_CAPS, BIRTH_FDS, BIRTH_EXEC };

struct birth {
	struct clone_args args;
	const int *join; /* SPEC_NS_N fds, -1 for none */
	const int *fds;  /* in init's order */
	unsigned n_fds;
	int image;
	/* written by the child, in our memory */
	enum birth_step step;
	int error;
	int joining; /* the namespace of BIRTH_JOIN */
	pid_t pid;   /* of init, when a first child made it */
	char stack[STACK_SIZE] __attribute__((aligned(16)));
	char second_stack[STACK_SIZE] __attribute__((aligned(16)));
};

/* --- in the child: raw system calls only --- */

static NO_SANITIZE void
child_fail(struct birth *birth, enum birth_step step, long result)
{
	birth->step = step;
	birth->error = (int)-result;
	for (;;)
		sys1(__NR_exit, 1);
}

static NO_SANITIZE void
child_keep_caps(struct birth *birth)
{
	struct __user_cap_header_struct header = { _LINUX_CAPABILITY_VERSION_3, 0 };
	struct __user_cap_data_struct data[2];
	long result = sys2(__NR_capget, &header, data);

	data[0].inheritable = data[0].permitted;
	data[1].inheritable = data[1].permitted;
	if (result >= 0)
		result = sys2(__NR_capset, &header, data);
	if (result < 0)
		child_fail(birth, BIRTH_CAPS, result);
	/* one that can't be raised is one that a later step will miss, and name */
	for (unsigned cap = 0; cap < 64; cap++)
		if (sys5(__NR_prctl, PR_CAP_AMBIENT, PR_CAP_AMBIENT_RAISE, cap, 0, 0) == -EINVAL)
			break;
}

static NO_SANITIZE void
child_become_init(void *data)
{
	static const char *const argv[] = { "sbx-init", NULL };
	static const char *const envp[] = { NULL };
	struct birth *birth = data;
	long image;

	child_keep_caps(birth);
	/* everything above the targets first, since a target's number may be a source's */
	image = sys3(__NR_fcntl, birth->image, F_DUPFD_CLOEXEC, birth->n_fds);
	for (unsigned i = 0; i < birth->n_fds && image >= 0; i++) {
		long high = sys3(__NR_fcntl, birth->fds[i], F_DUPFD_CLOEXEC, birth->n_fds);

		if (high < 0)
			child_fail(birth, BIRTH_FDS, high);
		((int *)birth->fds)[i] = (int)high;
	}
	if (image < 0)
		child_fail(birth, BIRTH_FDS, image);
	for (unsigned i = 0; i < birth->n_fds; i++) {
		long result = sys3(__NR_dup3, birth->fds[i], i, 0);

		if (result < 0)
			child_fail(birth, BIRTH_FDS, result);
	}
	image = sys3(__NR_close_range, birth->n_fds, ~0u, CLOSE_RANGE_CLOEXEC) < 0
	            ? -EINVAL
	            : sys5(__NR_execveat, image, "", argv, envp, AT_EMPTY_PATH);
	child_fail(birth, BIRTH_EXEC, image);
}

/* A namespace of another kind than it was given for is refused, not entered. */
static const int join_type[SPEC_NS_N] = {
	[SPEC_NS_NET] = CLONE_NEWNET,
	[SPEC_NS_IPC] = CLONE_NEWIPC,
	[SPEC_NS_UTS] = CLONE_NEWUTS,
	[SPEC_NS_CGROUP] = CLONE_NEWCGROUP,
};

static NO_SANITIZE void
child_join(void *data)
{
	struct birth *birth = data;
	struct clone_args args = birth->args;
	long result;

	for (int ns = 0; ns < SPEC_NS_N; ns++) {
		result = birth->join[ns] < 0 ? 0 : sys2(__NR_setns, birth->join[ns], join_type[ns]);
		birth->joining = ns;
		if (result < 0)
			child_fail(birth, BIRTH_JOIN, result);
	}
	args.flags = (args.flags | CLONE_PARENT) & ~(uint64_t)CLONE_PIDFD;
	args.exit_signal = 0;
	args.pidfd = 0;
	args.stack = (uintptr_t)birth->second_stack;
	result = sys_clone3_call(&args, sizeof args, child_become_init, birth);
	if (result < 0)
		child_fail(birth, BIRTH_CLONE, result);
	birth->pid = (pid_t)result;
	for (;;)
		sys1(__NR_exit, 0);
}

/* --- in the host --- */

static bool
throw_clone(const struct plan *plan, int code, bool cgroup, GError **error)
{
	errno = code;
	throw_errno(error, STAGE_CLONE, NULL, "clone3 with new namespaces%s", cgroup ? " into the box's cgroup" : "");
	switch (code) {
	case ENOSYS:
		throw_hint(error, "the kernel or a seccomp filter around this process has no clone3(2)");
		break;
	case EPERM:
		if (plan->identity.user_ns)
			throw_hint(error, "user namespaces are not allowed here: see kernel.unprivileged_userns_clone, "
			                  "kernel.apparmor_restrict_unprivileged_userns, the container's seccomp policy, "
			                  "and whether this is a chroot, where the kernel allows none");
		break;
	case ENOSPC:
	case EUSERS:
		throw_hint(error, "a limit on namespaces is reached: see /proc/sys/user/max_*_namespaces");
		break;
	case EACCES:
		if (cgroup)
			throw_hint(error, "this process must itself sit inside the delegated subtree that cgroup.parent names");
		break;
	case EAGAIN:
		throw_hint(error, "RLIMIT_NPROC or a pids.max above this process is reached");
		break;
	}
	return false;
}

static bool
throw_birth(const struct plan *plan, const struct birth *birth, bool cgroup, GError **error)
{
	static const char *const names[] = {
		[BIRTH_JOIN] = "join a namespace",
		[BIRTH_CAPS] = "keep capabilities for init",
		[BIRTH_FDS] = "place init's fds",
		[BIRTH_EXEC] = "exec init",
	};

	if (birth->step == BIRTH_CLONE)
		return throw_clone(plan, birth->error, cgroup, error);
	errno = birth->error;
	throw_errno(error, birth->step == BIRTH_JOIN ? STAGE_NAMESPACE : STAGE_CLONE,
	            birth->step == BIRTH_JOIN ? spec_ns_name(birth->joining) : NULL, "%s", names[birth->step]);
	if (birth->step == BIRTH_JOIN && birth->error == EPERM)
		throw_hint(error, "joining needs CAP_SYS_ADMIN over that namespace");
	return false;
}

/* We stand still until the child is done with `birth`, its stack in there included. Handlers of the host don't run in it. */
static bool
give_birth(const struct plan *plan, struct birth *birth, bool joins, struct launch *ret, GError **error)
{
	bool cgroup = birth->args.flags & CLONE_INTO_CGROUP;
	struct clone_args args = birth->args;
	int pidfd = -1;
	long pid;

	args.pidfd = (uintptr_t)&pidfd;
	args.stack = (uintptr_t)birth->stack;
	args.stack_size = STACK_SIZE;
	birth->args.stack_size = STACK_SIZE;
	if (joins)
		args.flags = CLONE_VM | CLONE_VFORK | CLONE_PIDFD | CLONE_CLEAR_SIGHAND;
	if (joins)
		args.cgroup = 0;
	pid = sys_clone3_call(&args, sizeof args, joins ? child_join : child_become_init, birth);
	if (pid < 0)
		return throw_clone(plan, (int)-pid, cgroup && !joins, error);
	if (joins || birth->error) {
		waitid(P_PIDFD, (id_t)pidfd, &(siginfo_t){ 0 }, WEXITED | __WALL);
		fd_close(&pidfd);
	}
	if (birth->error) {
		if (birth->pid)
			waitid(P_PID, (id_t)birth->pid, &(siginfo_t){ 0 }, WEXITED | __WALL);
		return throw_birth(plan, birth, cgroup, error);
	}
	if (joins) {
		pid = birth->pid;
		pidfd = (int)syscall(SYS_pidfd_open, pid, 0);
		if (pidfd < 0)
			return throw_errno(error, STAGE_CLONE, NULL, "pidfd_open of init");
	}
	ret->pid = (pid_t)pid;
	ret->pidfd = pidfd;
	return true;
}

bool
launch_init(const struct plan *plan, int cgroup_fd, const struct keeper *through, struct launch *ret, GError **error)
{
	g_autofree struct birth *birth = g_new0(struct birth, 1);
	g_autofree int *fds = g_new(int, WIRE_FD_FIRST + plan->fds->len);
	int pair[2];
	autofd ours = -1;
	autofd theirs = -1;
	autofd sealed = -1;
	autofd owner = -1;
	autofd image = -1;
	bool joins = false;

	if (through)
		return throw_error(error, ENOTSUP, STAGE_CLONE, NULL, "no clone by a keeper yet");
	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair) < 0)
		return throw_errno(error, STAGE_CLONE, NULL, "socket pair for init");
	ours = pair[0];
	theirs = pair[1];
	owner = (int)syscall(SYS_pidfd_open, getpid(), 0);
	if (owner < 0)
		return throw_errno(error, STAGE_CLONE, NULL, "pidfd_open of this process");
	if ((sealed = plan_seal(plan, error)) < 0 || (image = image_open(identity_is_closed(&plan->identity), error)) < 0)
		return false;
	fds[WIRE_FD_SOCKET] = theirs;
	fds[WIRE_FD_PLAN] = sealed;
	fds[WIRE_FD_OWNER] = owner;
	for (unsigned i = 0; i < plan->fds->len; i++)
		fds[WIRE_FD_FIRST + i] = g_array_index(plan->fds, struct plan_fd, i).fd;
	for (int ns = 0; ns < SPEC_NS_N; ns++)
		joins = joins || plan->join[ns] >= 0;
	birth->args.flags = CLONE_VM | CLONE_VFORK | CLONE_PIDFD | CLONE_CLEAR_SIGHAND |
	                    (plan->namespaces & ~(uint64_t)(CLONE_NEWCGROUP | CLONE_NEWTIME));
	if (cgroup_fd >= 0) {
		birth->args.flags |= CLONE_INTO_CGROUP;
		birth->args.cgroup = (uint64_t)cgroup_fd;
	}
	birth->join = plan->join;
	birth->fds = fds;
	birth->n_fds = WIRE_FD_FIRST + plan->fds->len;
	birth->image = image;
	if (!give_birth(plan, birth, joins, ret, error))
		return false;
	ret->socket = fd_steal(&ours);
	return true;
}

/* --- the socket --- */

bool
launch_send(int socket, const struct wire_message *message, const int *fds, unsigned n_fds, GError **error)
{
	union {
		struct cmsghdr header;
		char space[CMSG_SPACE((WIRE_FDS_MAX + 1) * sizeof(int))];
	} control = { 0 };
	struct iovec data = { (void *)message, sizeof *message };
	struct msghdr header = { .msg_iov = &data, .msg_iovlen = 1 };

	if (n_fds) {
		header.msg_control = &control;
		header.msg_controllen = CMSG_SPACE(n_fds * sizeof(int));
		control.header.cmsg_level = SOL_SOCKET;
		control.header.cmsg_type = SCM_RIGHTS;
		control.header.cmsg_len = CMSG_LEN(n_fds * sizeof(int));
		memcpy(CMSG_DATA(&control.header), fds, n_fds * sizeof(int));
	}
	if (sendmsg(socket, &header, MSG_NOSIGNAL | MSG_DONTWAIT) != (ssize_t)sizeof *message)
		return throw_errno(error, STAGE_WAIT, NULL, "send to init");
	return true;
}

int
launch_receive(int socket, struct wire_record *ret)
{
	ssize_t got;

	/* reset: it has ended with something of ours unread; told once, and before what it said last */
	do
		got = recv(socket, ret, sizeof *ret, MSG_DONTWAIT | MSG_TRUNC);
	while (got < 0 && (errno == EINTR || errno == ECONNRESET));
	if (got == (ssize_t)sizeof *ret)
		return 1;
	return got < 0 && errno == EAGAIN ? 0 : -1;
}
