/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* SPDX-FileCopyrightText: The libsbx developers */

/*
 * The first process of a box.
 *
 * Theory of operation. The library starts this program by clone3 and exec with the box's namespaces and cgroup around
 * it, and three fds: a socket to the library, the box's plan, the owner's pidfd. It runs the plan, says READY, then
 * makes payloads as it is told, reaps, and tells how they ended. It ends with the box's main payload, or with the
 * owner; its end is the end of every process of its pid namespace. A payload shares init's memory until its exec
 * (CLONE_VM, CLONE_VFORK), so that a step that fails can say so in `progress` and nothing has to be copied.
 * There is no libc here and no configuration: what varies is in the plan.
 */
#include <errno.h>
#include <fcntl.h>
#include <linux/close_range.h>
#include <linux/ptrace.h>
#include <poll.h>
#include <signal.h>
#include <stdbool.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <time.h>

#include "listen.h"
#include "steps.h"
#include "sys.h"
#include "wire.h"

#define N_SIGNALS 64
#define N_CHILDREN 256
#define CHILD_STACK 4096
#define REAP_AT_ONCE 64

static struct {
	int pid;
	uint32_t id;
} children[N_CHILDREN];
static int main_pid;
static int kill_fd; /* 0: none, that is the socket */
static bool ready;  /* the box's plan has run to its end: only now may a payload start */
static char child_stack[CHILD_STACK] __attribute__((aligned(16)));

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

/* With the pid namespace's first process everything in it ends; without one the cgroup has to. */
static _Noreturn void
end(int status)
{
	if (kill_fd)
		sys3(__NR_write, kill_fd, "1", 1);
	for (;;)
		sys1(__NR_exit_group, status);
}

bool
is_of_main(uint32_t thread)
{
	return sys3(__NR_tgkill, main_pid, thread, 0) == 0;
}

long
send_record(uint32_t type, uint32_t phase, uint32_t id, uint32_t step, int value)
{
	struct wire_record record = { type, phase, id, step, value, 0 };
	int flags = MSG_NOSIGNAL | (type == WIRE_SYSCALL ? MSG_DONTWAIT : 0);

	return sys6(__NR_sendto, WIRE_FD_SOCKET, &record, sizeof record, flags, 0, 0);
}

static _Noreturn void
fail(uint32_t phase, uint32_t step, long error)
{
	send_record(WIRE_FAILED, phase, 0, step, (int)error);
	end(1);
}

static void
send_skipped(void)
{
	for (unsigned i = 0; i < n_skipped; i++)
		sys6(__NR_sendto, WIRE_FD_SOCKET, &skipped[i], sizeof skipped[i], MSG_NOSIGNAL, 0, 0);
	n_skipped = 0;
}

struct command {
	const struct wire_plan *plan;
	uint32_t id;
};

/* In the payload, in init's memory. A plan without an exec ends here too. */
static void
payload(void *data)
{
	const struct command *command = data;

	if (steps_run(command->plan, WIRE_PHASE_COMMAND, command->id, 0, command->plan->n_steps))
		progress.error = ENOEXEC;
	/* a filter may stand by now: it lets this through by its word; and nothing that a filter says can stop a fault */
	sys6(__NR_exit_group, 127, 0, 0, 0, 0, step_word(command->plan, progress.step));
	__builtin_trap();
}

static int
child_free_place(void)
{
	for (int i = 0; i < N_CHILDREN; i++)
		if (!children[i].pid)
			return i;
	return -1;
}

/* false: it did not come to life; progress says why. */
static bool
command_start(const struct wire_plan *plan, uint32_t id, bool ends_box)
{
	struct command command = { plan, id };
	struct clone_args args = { .flags = CLONE_VM | CLONE_VFORK,
		                       .exit_signal = SIGCHLD,
		                       .stack = (uintptr_t)child_stack,
		                       .stack_size = sizeof child_stack };
	int place = child_free_place();
	long pid, error;

	progress = (struct progress){ 0, place < 0 ? EAGAIN : 0 };
	if (place < 0)
		return false;
	error = listen_prepare(plan);
	if (error < 0) {
		progress = (struct progress){ WIRE_NEVER, (int)-error };
		return false;
	}
	pid = sys_clone3_call(&args, sizeof args, payload, &command);
	if (pid < 0) {
		progress = (struct progress){ WIRE_NEVER, (int)-pid };
		return false;
	}
	if (!progress.error && !step_is_exec(plan, progress.step))
		progress.error = ECHILD; /* killed on the way */
	/* it runs already, and may have children: all of the box ends with us */
	if (!listen_take(id, !progress.error) && !progress.error) {
		sys2(__NR_kill, pid, SIGKILL);
		fail(WIRE_PHASE_INIT, WIRE_INIT_CLONE, EMFILE);
	}
	if (progress.error) {
		sys4(__NR_wait4, pid, 0, __WALL, 0);
		return false;
	}
	children[place].pid = (int)pid;
	children[place].id = id;
	if (ends_box)
		main_pid = (int)pid;
	send_record(WIRE_STARTED, 0, id, 0, (int)pid);
	return true;
}

static void
command_message(const struct wire_message *message, const int *fds, uint32_t n_fds)
{
	const struct wire_plan *plan = NULL;
	long error = EPROTO;

	if (n_fds)
		plan = plan_map(fds[0], WIRE_COMMAND_BASE, &error);
	if (!plan) {
		send_record(WIRE_FAILED, WIRE_PHASE_INIT, message->id, WIRE_INIT_PLAN, (int)error);
		return;
	}
	progress = (struct progress){ 0, EPROTO };
	if (plan->n_fds == n_fds - 1) {
		for (uint32_t i = 0; i < plan->n_fds; i++)
			slots[i] = fds[1 + i];
		if (command_start(plan, message->id, message->value))
			progress.error = 0;
	}
	send_skipped();
	if (progress.error && progress.step == WIRE_NEVER)
		send_record(WIRE_FAILED, WIRE_PHASE_INIT, message->id, WIRE_INIT_CLONE, progress.error);
	else if (progress.error)
		send_record(WIRE_FAILED, WIRE_PHASE_COMMAND, message->id, progress.step, progress.error);
	sys2(__NR_munmap, WIRE_COMMAND_BASE, plan->size);
}

static void
signal_message(const struct wire_message *message)
{
	for (int i = 0; i < N_CHILDREN; i++)
		if (children[i].pid && children[i].id == message->id)
			sys2(__NR_kill, children[i].pid, message->value);
}

/* One message; its type. The socket's end is the end. */
static uint32_t
receive(void)
{
	static union {
		struct cmsghdr header;
		char space[CMSG_SPACE((WIRE_FDS_MAX + 1) * sizeof(int))];
	} control;
	struct wire_message message = { 0 };
	struct iovec data = { &message, sizeof message };
	struct msghdr header = {
		.msg_iov = &data, .msg_iovlen = 1, .msg_control = &control, .msg_controllen = sizeof control
	};
	long got = sys3(__NR_recvmsg, WIRE_FD_SOCKET, &header, MSG_CMSG_CLOEXEC);
	const int *fds = (const int *)CMSG_DATA(&control.header);
	uint32_t n_fds = 0;

	if (got == -EINTR)
		return 0;
	if (got <= 0)
		end(0);
	if (header.msg_controllen >= sizeof control.header && control.header.cmsg_type == SCM_RIGHTS)
		n_fds = (uint32_t)((control.header.cmsg_len - CMSG_LEN(0)) / sizeof(int));
	if (got == sizeof message && message.type == WIRE_COMMAND && ready && message.n_fds == n_fds)
		command_message(&message, fds, n_fds);
	else if (got == sizeof message && message.type == WIRE_COMMAND)
		send_record(WIRE_FAILED, WIRE_PHASE_INIT, message.id, WIRE_INIT_PLAN,
		            header.msg_flags & MSG_CTRUNC ? EMFILE : EPROTO);
	else if (got == sizeof message && message.type == WIRE_SIGNAL)
		signal_message(&message);
	for (uint32_t i = 0; i < n_fds; i++)
		sys1(__NR_close, fds[i]);
	return message.type;
}

/* So many at a time that an orphan factory in the box can't keep us from watching the owner. true: there may be
 * more. */
static bool
reap(void)
{
	int status;
	long pid = 0;

	for (int n = 0; n < REAP_AT_ONCE && (pid = sys4(__NR_wait4, -1, &status, WNOHANG | __WALL, 0)) > 0; n++) {
		if ((status & 0xff) == 0x7f) { /* no end: PTRACE_TRACEME has made us its tracer */
			sys4(__NR_ptrace, PTRACE_DETACH, pid, 0, 0);
			continue;
		}
		for (int i = 0; i < N_CHILDREN; i++) {
			if (children[i].pid != pid)
				continue;
			children[i].pid = 0;
			send_record(WIRE_EXITED, 0, children[i].id, 0, status);
			break;
		}
		if (pid == main_pid)
			end(0);
	}
	return pid > 0;
}

/* Dispositions and mask are the host's until now; both survive an exec. Returns an fd that tells of ended children. */
static int
signals_own(void)
{
	static const char default_action[32];
	uint64_t all = ~0ull;
	uint64_t child = 1ull << (SIGCHLD - 1);
	long result;

	for (int i = 1; i <= N_SIGNALS; i++)
		if (i != SIGKILL && i != SIGSTOP)
			sys4(__NR_rt_sigaction, i, default_action, 0, 8);
	result = sys4(__NR_rt_sigprocmask, SIG_SETMASK, &all, 0, 8);
	if (result < 0)
		fail(WIRE_PHASE_INIT, WIRE_INIT_SIGNALS, -result);
	result = sys4(__NR_signalfd4, -1, &child, 8, SFD_CLOEXEC | SFD_NONBLOCK);
	if (result < 0)
		fail(WIRE_PHASE_INIT, WIRE_INIT_SIGNALFD, -result);
	return (int)result;
}

/* A copy of the owner may hold its end of the socket after the owner's death: the pidfd is what tells. */
static void
wait_for_go(void)
{
	struct pollfd watch[] = { { WIRE_FD_SOCKET, POLLIN, 0 }, { WIRE_FD_OWNER, POLLIN, 0 } };

	while (!watch[0].revents) {
		sys5(__NR_ppoll, watch, 2, 0, 0, 8);
		if (watch[1].revents)
			end(0);
	}
	if (receive() != WIRE_GO)
		fail(WIRE_PHASE_INIT, WIRE_INIT_GO, EPROTO);
}

static void
box_build(void)
{
	long error;
	const struct wire_plan *plan = plan_map(WIRE_FD_PLAN, WIRE_BOX_BASE, &error);
	uint32_t wait_at;

	if (!plan)
		fail(WIRE_PHASE_INIT, WIRE_INIT_MAP, error);
	for (uint32_t i = 0; i < plan->n_fds; i++)
		slots[i] = (int)(WIRE_FD_FIRST + i);
	if (plan->kill_fd != WIRE_NEVER)
		kill_fd = slots[plan->kill_fd];
	wait_at = plan->wait_at < plan->n_steps ? plan->wait_at : plan->n_steps;
	if (!steps_run(plan, WIRE_PHASE_BOX, 0, 0, wait_at))
		fail(WIRE_PHASE_BOX, progress.step, progress.error);
	if (plan->wait_at != WIRE_NEVER)
		wait_for_go();
	if (!steps_run(plan, WIRE_PHASE_BOX, 0, wait_at, plan->n_steps))
		fail(WIRE_PHASE_BOX, progress.step, progress.error);
	sys2(__NR_munmap, WIRE_BOX_BASE, plan->size);
	send_skipped();
	send_record(WIRE_READY, 0, 0, 0, 0);
	ready = true;
}

_Noreturn void init_main(void);

_Noreturn void
init_main(void)
{
	static struct pollfd watch[3 + N_LISTENERS];
	bool more = false;

	sys3(__NR_close_range, 0, ~0u, CLOSE_RANGE_CLOEXEC);
	watch[0] = (struct pollfd){ WIRE_FD_SOCKET, POLLIN, 0 };
	watch[1] = (struct pollfd){ WIRE_FD_OWNER, POLLIN, 0 };
	watch[2] = (struct pollfd){ signals_own(), POLLIN, 0 };
	box_build();
	for (;;) {
		char info[sizeof(struct signalfd_siginfo)];
		struct timespec now = { 0, 0 };
		int listening = listen_watch(watch + 3);

		long due = sys5(__NR_ppoll, watch, 3 + listening, more ? &now : 0, 0, 8);

		/* a payload of the same user may take our fds from us, prlimit(2): who can't watch the owner has to go */
		if (due < 0 && due != -EINTR)
			end(1);
		if (due < 0)
			continue;
		if (watch[1].revents)
			end(0);
		listen_dispatch(watch + 3, listening);
		if (watch[2].revents)
			sys3(__NR_read, watch[2].fd, info, sizeof info);
		if (watch[2].revents || more)
			more = reap();
		if (watch[0].revents)
			receive();
	}
}
