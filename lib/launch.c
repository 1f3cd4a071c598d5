/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* SPDX-FileCopyrightText: The libsbx developers */

/* Birth of a box: what init is given, and what it means when it is not born. init/born.h has the birth itself. */
#include "launch.h"

#include <string.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "error.h"
#include "fd.h"
#include "image.h"
#include "init/born.h"

#ifndef CLONE_NEWTIME
#define CLONE_NEWTIME 0x00000080
#endif

static const int join_type[SPEC_NS_N] = {
	[SPEC_NS_NET] = CLONE_NEWNET,
	[SPEC_NS_IPC] = CLONE_NEWIPC,
	[SPEC_NS_UTS] = CLONE_NEWUTS,
	[SPEC_NS_CGROUP] = CLONE_NEWCGROUP,
};

static bool
throw_clone(const struct plan *plan, int code, bool cgroup, bool through, GError **error)
{
	errno = code;
	throw_errno(error, STAGE_CLONE, NULL, "clone3 with new namespaces%s%s", cgroup ? " into the box's cgroup" : "",
	            through ? ", by the keeper" : "");
	switch (code) {
	case ENOSYS:
		throw_hint(error, "the kernel or a seccomp filter around this process has no clone3(2); in a box: it needs "
		                  "cgroup.delegate=yes and a filter that lets boxes be made, see sbx-cgroups(7)");
		break;
	case EPERM:
		if (plan->identity.user_ns)
			throw_hint(error, "user namespaces are not allowed here: see kernel.unprivileged_userns_clone, "
			                  "kernel.apparmor_restrict_unprivileged_userns, the container's seccomp policy, "
			                  "and whether this is a chroot, where the kernel allows none");
		break;
	case ENOSPC:
	case EUSERS:
		throw_hint(error, "a limit on namespaces is reached: see /proc/sys/user/max_*_namespaces; in a box: it needs "
		                  "cgroup.delegate=yes");
		break;
	case EACCES:
		if (cgroup)
			throw_hint(error, "%s must itself sit inside the delegated subtree that cgroup.parent names",
			           through ? "the keeper" : "this process");
		break;
	case ENODEV:
		if (cgroup)
			throw_hint(error, "the group has been removed by something else on this host");
		break;
	case EAGAIN:
		throw_hint(error, "RLIMIT_NPROC or a pids.max above this process is reached");
		break;
	}
	return false;
}

static bool
throw_birth(const struct plan *plan, const struct birth *birth, int code, bool through, GError **error)
{
	static const char *const names[] = {
		[BIRTH_JOIN] = "join a namespace",
		[BIRTH_CAPS] = "keep capabilities for init",
		[BIRTH_SESSION] = "give init a session",
		[BIRTH_FDS] = "place init's fds",
		[BIRTH_EXEC] = "exec init",
		[BIRTH_PIDFD] = "pidfd_open of init",
	};
	const char *key = NULL;

	if (birth->step == BIRTH_FIRST || birth->step == BIRTH_CLONE)
		return throw_clone(plan, code, birth->step == BIRTH_CLONE && birth->args.flags & CLONE_INTO_CGROUP, through,
		                   error);
	for (int ns = 0; ns < SPEC_NS_N && birth->step == BIRTH_JOIN; ns++)
		if (plan->join[ns] >= 0 && join_type[ns] == birth->join_type[birth->joining])
			key = spec_ns_name(ns);
	errno = code;
	throw_errno(error, key ? STAGE_NAMESPACE : STAGE_CLONE, key, "%s%s", names[birth->step],
	            through ? ", by the keeper" : "");
	if (key && code == EPERM)
		throw_hint(error, "joining needs CAP_SYS_ADMIN over that namespace");
	return false;
}

static struct birth *
birth_new(const struct plan *plan, int cgroup_fd)
{
	static const char *const argv[] = { "sbx-init", NULL };
	struct birth *birth = g_new0(struct birth, 1);

	birth->argv = argv;
	birth->args.flags = BORN_FLAGS | (plan->namespaces & ~(uint64_t)(CLONE_NEWCGROUP | CLONE_NEWTIME));
	if (cgroup_fd >= 0) {
		birth->args.flags |= CLONE_INTO_CGROUP;
		birth->args.cgroup = (uint64_t)cgroup_fd;
	}
	for (int ns = 0; ns < SPEC_NS_N; ns++) {
		if (plan->join[ns] < 0)
			continue;
		birth->join[birth->n_joins] = plan->join[ns];
		birth->join_type[birth->n_joins++] = join_type[ns];
	}
	return birth;
}

static bool
give_birth(const struct plan *plan, struct birth *birth, const struct keeper *through, struct launch *ret,
           GError **error)
{
	g_autoptr(GError) failure = NULL;
	long pid = through ? keeper_clone(through, birth, &ret->pidfd, &failure) : born_give(birth, &ret->pidfd);

	if (failure) {
		g_propagate_error(error, g_steal_pointer(&failure));
		return false;
	}
	if (pid < 0)
		return throw_birth(plan, birth, (int)-pid, through, error);
	ret->pid = (pid_t)pid;
	return true;
}

bool
launch_init(const struct plan *plan, int cgroup_fd, const struct keeper *through, struct launch *ret, GError **error)
{
	g_autofree struct birth *birth = birth_new(plan, cgroup_fd);
	g_autofree int *fds = g_new(int, WIRE_FD_FIRST + plan->fds->len);
	struct launch born = { 0, -1, -1 };
	int pair[2];
	autofd ours = -1;
	autofd theirs = -1;
	autofd sealed = -1;
	autofd owner = -1;
	autofd image = -1;

	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair) < 0)
		return throw_errno(error, STAGE_CLONE, NULL, "socket pair for init");
	ours = pair[0];
	theirs = pair[1];
	owner = (int)syscall(SYS_pidfd_open, getpid(), 0);
	if (owner < 0)
		return throw_errno(error, STAGE_CLONE, NULL, "pidfd_open of this process");
	if ((sealed = plan_seal(plan, error)) < 0 ||
	    (image = image_open(IMAGE_INIT, identity_is_closed(&plan->identity), error)) < 0)
		return false;
	fds[WIRE_FD_SOCKET] = theirs;
	fds[WIRE_FD_PLAN] = sealed;
	fds[WIRE_FD_OWNER] = owner;
	for (unsigned i = 0; i < plan->fds->len; i++)
		fds[WIRE_FD_FIRST + i] = g_array_index(plan->fds, struct plan_fd, i).fd;
	birth->fds = fds;
	birth->n_fds = WIRE_FD_FIRST + plan->fds->len;
	birth->image = image;
	if (!give_birth(plan, birth, through, &born, error))
		return false;
	born.socket = fd_steal(&ours);
	*ret = born;
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
