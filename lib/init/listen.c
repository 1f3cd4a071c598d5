/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* SPDX-FileCopyrightText: The libsbx developers */

/*
 * Naming the call that ended a process.
 *
 * Theory of operation: wait(2) tells that a filter has ended a process, but not at which call. So where a policy says
 * kill or log, the filter asks us (SECCOMP_RET_USER_NOTIF), and until we have answered the caller stands still: the
 * call is not carried out, whatever becomes of us. The listener is born in the payload, behind its filter; it travels
 * over a socket pair of ours, and the filter lets that one sendmsg(2) through by a random word in an argument that the
 * call does not have. Then we tell the library and send SIGKILL; or say "go on" to what is only logged.
 */
#include "listen.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/seccomp.h>
#include <signal.h>
#include <sys/ioctl.h>
#include <sys/socket.h>

#include "steps.h"
#include "sys.h"

#define NR_KNOWN 1024u
#define FOREIGN_TOLD 16

static int channel[2]; /* we read the first, payloads write to the second; 0: none yet */
static struct {
	int fd; /* 0: none */
	uint32_t id;
} listeners[N_LISTENERS];
static int n_listeners; /* places in use, holes included */
static int place;       /* for that of the command which is being started; negative: it has none */
static struct wire_logged logged;
static uint32_t told[NR_KNOWN / 32]; /* each call once: a payload must not be able to fill the socket to the library */
static int foreign_told;

long
listen_prepare(const struct wire_plan *plan)
{
	const struct wire_step *steps = (const void *)((const char *)plan + plan->steps);
	bool listens = false;
	long result = 0;

	place = -1;
	for (uint32_t i = 0; i < plan->n_steps; i++)
		listens = listens || steps[i].flags & WIRE_LISTEN;
	if (!listens || plan->n_fds >= plan->n_slots)
		return listens ? -EPROTO : 0;
	if (!channel[0])
		result = sys4(__NR_socketpair, AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, channel);
	slots[plan->n_fds] = channel[1];
	/* room for what comes, while nothing runs yet: a place to keep it, and one more fd */
	while (listeners[++place].fd)
		if (place == N_LISTENERS - 1)
			return -EAGAIN;
	if (result >= 0)
		result = sys3(__NR_fcntl, channel[0], F_DUPFD_CLOEXEC, 0);
	if (result >= 0)
		sys1(__NR_close, result);
	return result;
}

/* One fd over the channel, or from it; never both at once. */
static struct {
	union {
		struct cmsghdr header;
		char space[CMSG_SPACE(sizeof(int))];
	} control;
	char byte;
	struct iovec data;
	struct msghdr message;
} parcel;

static int *
parcel_prepare(void)
{
	parcel.control.header.cmsg_len = CMSG_LEN(sizeof(int));
	parcel.control.header.cmsg_level = SOL_SOCKET;
	parcel.control.header.cmsg_type = SCM_RIGHTS;
	parcel.data.iov_base = &parcel.byte;
	parcel.data.iov_len = 1;
	parcel.message.msg_iov = &parcel.data;
	parcel.message.msg_iovlen = 1;
	parcel.message.msg_control = &parcel.control;
	parcel.message.msg_controllen = sizeof parcel.control;
	return (int *)CMSG_DATA(&parcel.control.header);
}

long
listen_give(const struct wire_step *step, int listener)
{
	*parcel_prepare() = listener;
	/* init's own memory: the plan is gone when the first notification comes */
	logged = *(const struct wire_logged *)(uintptr_t)step->arg[3];
	return sys6(__NR_sendmsg, slots[step->arg[4]], &parcel.message, MSG_NOSIGNAL, 0, 0, step->arg[5]);
}

bool
listen_take(uint32_t id, bool runs)
{
	const int *fd = parcel_prepare();

	if (place < 0)
		return true;
	if (sys3(__NR_recvmsg, channel[0], &parcel.message, MSG_CMSG_CLOEXEC) < 0 ||
	    parcel.message.msg_controllen < sizeof(struct cmsghdr))
		return false;
	if (!runs) {
		sys1(__NR_close, *fd);
		return true;
	}
	listeners[place].fd = *fd;
	listeners[place].id = id;
	if (place >= n_listeners)
		n_listeners = place + 1;
	return true;
}

int
listen_watch(struct pollfd *watch)
{
	for (int i = 0; i < n_listeners; i++)
		watch[i] = (struct pollfd){ listeners[i].fd ? listeners[i].fd : -1, POLLIN, 0 };
	return n_listeners;
}

/* Not told when the socket is full: a payload must not be able to make us wait for the library. The main payload's end
 * is told even of a call that another process has been told of; there are no two. */
static void
tell(uint32_t id, const struct seccomp_data *data, enum wire_call call)
{
	bool native = data->arch == logged.arch && (uint32_t)data->nr < NR_KNOWN;
	uint32_t *word = &told[(uint32_t)data->nr / 32 % (NR_KNOWN / 32)];
	uint32_t bit = 1u << (uint32_t)data->nr % 32;

	if (call != WIRE_CALL_MAIN && (native ? (*word & bit) != 0 : foreign_told >= FOREIGN_TOLD))
		return;
	if (send_record(WIRE_SYSCALL, call, id, (uint32_t)data->nr, (int)data->arch) < 0)
		return;
	if (native)
		*word |= bit;
	else
		foreign_told++;
}

static bool
is_logged(const struct seccomp_data *data)
{
	uint32_t nr = (uint32_t)data->nr;

	if (data->arch != logged.arch)
		return false;
#if defined(__x86_64__)
	if (nr & 0x40000000u && nr != UINT32_MAX) /* x32; -1 is a call that a tracer has cancelled */
		return false;
#endif
	return nr < NR_KNOWN ? logged.nr[nr / 32] >> nr % 32 & 1 : logged.rest;
}

/* One call that waits for us. */
static void
hear(int fd, uint32_t id)
{
	/* the kernel's structs may be larger than those that we know */
	union {
		struct seccomp_notif call;
		char space[256];
	} asked = { .space = { 0 } };
	union {
		struct seccomp_notif_resp resp;
		char space[256];
	} answer = { .space = { 0 } };
	bool log;

	if (sys3(__NR_ioctl, fd, SECCOMP_IOCTL_NOTIF_RECV, &asked) < 0)
		return;
	log = is_logged(&asked.call.data);
	tell(id, &asked.call.data, log ? WIRE_CALL_LOGGED : is_of_main(asked.call.pid) ? WIRE_CALL_MAIN : WIRE_CALL_OTHER);
	/* not SIGSYS, which could be caught, and nothing of the process is looked at: all that we could see is the
	 * payload's */
	if (!log && asked.call.pid && sys2(__NR_kill, asked.call.pid, SIGKILL) == 0)
		return;
	answer.resp.id = asked.call.id;
	if (log)
		answer.resp.flags = SECCOMP_USER_NOTIF_FLAG_CONTINUE;
	else
		answer.resp.error = -EPERM;
	sys3(__NR_ioctl, fd, SECCOMP_IOCTL_NOTIF_SEND, &answer);
}

void
listen_dispatch(const struct pollfd *watch, int n)
{
	for (int i = 0; i < n; i++) {
		if (watch[i].revents & POLLIN) {
			hear(listeners[i].fd, listeners[i].id);
		} else if (watch[i].revents) { /* nobody is left behind this filter */
			sys1(__NR_close, listeners[i].fd);
			listeners[i].fd = 0;
		}
	}
	while (n_listeners && !listeners[n_listeners - 1].fd)
		n_listeners--;
}
