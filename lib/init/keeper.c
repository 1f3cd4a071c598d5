/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* SPDX-FileCopyrightText: The libsbx developers */

/*
 * The keeper: a process of the host's outside of every box.
 *
 * Theory of operation. Init watches the owner from inside of its box; where it can't (a paused box is frozen as a
 * whole) a keeper does: when the owner dies it writes "1" to the cgroup.kill that it was given. It is also what sits in
 * a scope of systemd's, and clones boxes there for an owner that sits elsewhere and so may not.
 *
 * Its end. The owner's death closes the socket before the pidfd tells of it, so the socket's end is the owner's death:
 * only LET_GO makes it end without a kill. Of the signals that can be ignored it ignores all but SIGTERM: it has a
 * session of its own, and a host that survives a ^C has to find it alive. SIGTERM is how systemd stops a scope or a
 * service. A keeper that has nothing to kill ends by it, so that the scope can end; one that has something ignores it,
 * since the box that it watches is frozen and gets no signal either: it stays until the host has gone or let it go, or
 * until systemd's SIGKILL, which is for the box as well.
 *
 * Its children are those that it cloned: boxes' inits, watched by the host through their pidfds, reaped by the kernel.
 */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdbool.h>
#include <sys/prctl.h>
#include <sys/socket.h>

#include "born.h"
#include "sys.h"
#include "wire-keeper.h"

#define N_SIGNALS 64

static int kill_fd; /* 0: none, that is the socket */
static int held[KEEPER_FDS_MAX];
static unsigned n_held;
static int torn; /* the errno of a message whose fds did not all arrive */
static struct birth birth;
static int given[KEEPER_FDS_MAX]; /* of those held the ones that init gets: the child overwrites the numbers */

/* The compiler may call these by itself. */
__attribute__((used)) void *
memset(void *to, int byte, size_t size)
{
	for (size_t i = 0; i < size; i++)
		((volatile char *)to)[i] = (char)byte;
	return to;
}

__attribute__((used)) void *
memcpy(void *restrict to, const void *restrict from, size_t size)
{
	for (size_t i = 0; i < size; i++)
		((volatile char *)to)[i] = ((const char *)from)[i];
	return to;
}

static _Noreturn void
end(int status)
{
	for (;;)
		sys1(__NR_exit_group, status);
}

static _Noreturn void
owner_died(int status)
{
	if (kill_fd)
		sys3(__NR_write, kill_fd, "1", 1);
	end(status);
}

static void
signal_action(int sig, void (*handler)(int))
{
	struct {
		void (*handler)(int);
		unsigned long flags, restorer, mask;
	} action = { handler, 0, 0, 0 };

	sys4(__NR_rt_sigaction, sig, &action, 0, 8);
}

/* A fault of our own still ends us. */
static void
signals_own(void)
{
	static const char faults[] = { SIGSEGV, SIGBUS, SIGILL, SIGFPE, SIGTRAP, SIGSYS, SIGABRT, SIGKILL, SIGSTOP };
	uint64_t none = 0;

	for (int i = 1; i <= N_SIGNALS; i++)
		signal_action(i, SIG_IGN);
	for (unsigned i = 0; i < sizeof faults; i++)
		signal_action(faults[i], SIG_DFL);
	signal_action(SIGTERM, kill_fd ? SIG_IGN : SIG_DFL);
	sys4(__NR_rt_sigprocmask, SIG_SETMASK, &none, 0, 8);
}

static void
answer(const struct keeper_answer *text, int fd)
{
	union {
		struct cmsghdr header;
		char space[CMSG_SPACE(sizeof(int))];
	} control = { .header = { CMSG_LEN(sizeof(int)), SOL_SOCKET, SCM_RIGHTS } };
	struct iovec data = { (void *)text, sizeof *text };
	struct msghdr header = { .msg_iov = &data, .msg_iovlen = 1 };

	if (fd >= 0) {
		*(int *)CMSG_DATA(&control.header) = fd;
		header.msg_control = &control;
		header.msg_controllen = sizeof control;
	}
	sys3(__NR_sendmsg, KEEPER_FD_SOCKET, &header, MSG_NOSIGNAL);
}

static void
held_close(void)
{
	while (n_held)
		sys1(__NR_close, held[--n_held]);
	torn = 0;
}

static void
clone_message(const struct keeper_message *message)
{
	static const char *const argv[] = { "sbx-init", 0 };
	bool cgroup = message->flags & CLONE_INTO_CGROUP;
	unsigned before = 1 + cgroup + message->n_joins;
	struct keeper_answer text = { .id = message->id, .error = torn };
	int pidfd = -1;
	long pid;

	if (!torn && (message->n_joins > KEEPER_JOINS || n_held < before))
		text.error = EPROTO;
	text.step = BIRTH_FDS;
	if (!text.error) {
		birth.args = (struct clone_args){ .flags = message->flags | BORN_FLAGS, .exit_signal = SIGCHLD };
		if (cgroup)
			birth.args.cgroup = (uint64_t)held[1];
		birth.argv = argv;
		birth.image = held[0];
		birth.n_joins = message->n_joins;
		for (unsigned i = 0; i < message->n_joins; i++) {
			birth.join[i] = held[1 + cgroup + i];
			birth.join_type[i] = (int)message->join[i];
		}
		birth.fds = given;
		birth.n_fds = n_held - before;
		for (unsigned i = 0; i < birth.n_fds; i++)
			given[i] = held[before + i];
		/* a number is nobody else's until its process is reaped, and by then we have the pidfd */
		signal_action(SIGCHLD, SIG_DFL);
		pid = born_give(&birth, &pidfd);
		signal_action(SIGCHLD, SIG_IGN);
		while (sys4(__NR_wait4, -1, 0, WNOHANG | __WALL, 0) > 0)
			;
		text.step = birth.step;
		text.joining = birth.joining;
		text.pid = pid < 0 ? 0 : (int)pid;
		text.error = pid < 0 ? (int)-pid : 0;
	}
	answer(&text, pidfd);
	if (pidfd >= 0)
		sys1(__NR_close, pidfd);
}

/* The last of the fds, if there are any, is what it is about. */
static void
watch_message(const struct keeper_message *message)
{
	struct keeper_answer text = { .id = message->id, .error = torn };

	if (!torn) {
		if (kill_fd)
			sys1(__NR_close, kill_fd);
		kill_fd = n_held ? held[--n_held] : 0;
		signals_own();
	}
	answer(&text, -1);
}

/* One message. false: there was none. */
static bool
receive(void)
{
	static union {
		struct cmsghdr header;
		char space[CMSG_SPACE(KEEPER_FDS_AT_ONCE * sizeof(int))];
	} control;
	struct keeper_message message = { 0 };
	struct iovec data = { &message, sizeof message };
	struct msghdr header = {
		.msg_iov = &data, .msg_iovlen = 1, .msg_control = &control, .msg_controllen = sizeof control
	};
	long got = sys3(__NR_recvmsg, KEEPER_FD_SOCKET, &header, MSG_CMSG_CLOEXEC | MSG_DONTWAIT);
	const int *fds = (const int *)CMSG_DATA(&control.header);
	unsigned n_fds = 0;

	if (got == -EINTR || got == -EAGAIN)
		return false;
	if (got <= 0)
		owner_died(got < 0 && got != -ECONNRESET);
	if (header.msg_controllen >= sizeof control.header && control.header.cmsg_type == SCM_RIGHTS)
		n_fds = (unsigned)((control.header.cmsg_len - CMSG_LEN(0)) / sizeof(int));
	for (unsigned i = 0; i < n_fds; i++)
		if (n_held < KEEPER_FDS_MAX)
			held[n_held++] = fds[i];
		else
			sys1(__NR_close, fds[i]);
	if (got != sizeof message || message.n_fds != n_fds)
		torn = header.msg_flags & MSG_CTRUNC ? EMFILE : EPROTO;
	if (message.type == KEEPER_LET_GO)
		end(0);
	if (message.type == KEEPER_HOLD)
		return true;
	if (message.type == KEEPER_CLONE)
		clone_message(&message);
	else if (message.type == KEEPER_WATCH)
		watch_message(&message);
	held_close();
	return true;
}

_Noreturn void keeper_main(void);

_Noreturn void
keeper_main(void)
{
	static const struct keeper_answer here;
	struct pollfd watch[] = { { KEEPER_FD_OWNER, POLLIN, 0 }, { KEEPER_FD_SOCKET, POLLIN, 0 } };

	sys3(__NR_close_range, 0, ~0u, CLOSE_RANGE_CLOEXEC);
	if (sys3(__NR_fcntl, KEEPER_FD_KILL, F_GETFD, 0) >= 0)
		kill_fd = KEEPER_FD_KILL;
	signals_own();
	sys5(__NR_prctl, PR_SET_NAME, "sbx-keeper", 0, 0, 0);
	sys5(__NR_prctl, PR_SET_DUMPABLE, 0, 0, 0, 0);
	sys1(__NR_chdir, "/");
	answer(&here, -1);
	for (;;) {
		long due = sys5(__NR_ppoll, watch, 2, 0, 0, 8);

		if (due < 0 && due != -EINTR)
			owner_died(1); /* who can't watch any more has to act as if */
		if (due <= 0)
			continue;
		/* what was said before the end counts */
		while (watch[1].revents && receive())
			;
		if (watch[0].revents)
			owner_died(0);
	}
}
