/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* SPDX-FileCopyrightText: The libsbx developers */

/* From nothing to a created box, and from a created box to a running payload. */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <string.h>
#include <sys/timerfd.h>
#include <unistd.h>

#include "box.h"
#include "enforce-delegate.h"
#include "enforce.h"
#include "error.h"
#include "fd.h"
#include "filter.h"
#include "value.h"

/* Set-up reads the host's file systems, and a dead network file system never answers. */
#define SETUP_TIMEOUT_USEC (60 * G_USEC_PER_SEC)

/* --- what init says --- */

static bool
throw_init(const struct wire_record *record, GError **error)
{
	static const char *const steps[WIRE_INIT_N] = {
		[WIRE_INIT_SIGNALS] = "reset signals",
		[WIRE_INIT_MAP] = "map the plan",
		[WIRE_INIT_PLAN] = "read the command's plan",
		[WIRE_INIT_SIGNALFD] = "watch its children",
		[WIRE_INIT_GO] = "wait for maps",
		[WIRE_INIT_CLONE] = "make the payload's process",
	};
	const char *step = record->step < WIRE_INIT_N ? steps[record->step] : "an unknown step";

	errno = record->value;
	throw_errno(error, record->step == WIRE_INIT_CLONE ? STAGE_PROCESS : STAGE_CLONE, NULL, "init: %s", step);
	if (record->step == WIRE_INIT_CLONE && record->value == EAGAIN)
		throw_hint(error, "pids.max or RLIMIT_NPROC leaves no room for one process");
	if (record->value == EMFILE)
		throw_hint(error, "raise RLIMIT_NOFILE (ulimit -n) of the process that makes the box: init has it too");
	return false;
}

/* Init is gone and has not said why: the cgroup may know. */
static bool
throw_silence(const struct sbx_box *box, GError **error)
{
	struct cgroup_oom oom;

	if (g_atomic_int_get(&box->kill_asked))
		return throw_error(error, ECANCELED, STAGE_WAIT, NULL, "the box was killed while it was set up");
	if (!box->cgroup || !cgroup_oom(box->cgroup, &oom) || !oom.kills)
		return throw_error(error, EPIPE, STAGE_WAIT, NULL, "init ended before the payload's exec");
	throw_error(error, ENOMEM, STAGE_CGROUP, oom.own ? "memory.max" : "", "out of memory before the payload's exec");
	return throw_hint(error, oom.own ? "memory.max is too low for the box itself" : "memory is short above the box");
}

/* A system call that found no memory, under a limit of our own. */
static bool
throw_short(const struct sbx_box *box, GError **error)
{
	if ((*error)->code != ENOMEM || !spec_entry(box->spec, "memory.max"))
		return false;
	throw_key(error, "memory.max");
	return throw_hint(error, "memory.max is too low for the box itself");
}

static void
note_skipped(struct sbx_box *box, const struct wire_record *record)
{
	const struct plan *plan = record->phase == WIRE_PHASE_COMMAND ? box->command_plan : box->plan;
	const struct plan_note *note;

	if (!plan || record->step >= plan->steps->len)
		return;
	note = g_ptr_array_index(plan->notes, g_array_index(plan->step_note, unsigned, record->step));
	enforce_not_applied(box->limits, note->key, note->value);
}

/* Wait for `type`. Init's words are checked: it lives where the payload lives. */
static bool
await(struct sbx_box *box, uint32_t type, GError **error)
{
	gint64 deadline = g_get_monotonic_time() + SETUP_TIMEOUT_USEC;

	for (;;) {
		struct pollfd fds[] = { { box->socket, POLLIN, 0 }, { box->init_pidfd, POLLIN, 0 } };
		gint64 left = deadline - g_get_monotonic_time();
		struct wire_record record;
		int got;

		if (left <= 0)
			return throw_error(error, ETIMEDOUT, STAGE_WAIT, NULL, "init has not answered for %d s",
			                   (int)(SETUP_TIMEOUT_USEC / G_USEC_PER_SEC));
		poll(fds, 2, (int)(left / 1000) + 1);
		got = launch_receive(box->socket, &record);
		if (got == 0 && !fds[1].revents)
			continue;
		if (got <= 0)
			return throw_silence(box, error);
		if (record.type == type && record.id == box->command_id)
			return true;
		if (record.type == WIRE_SYSCALL) {
			box_note_call(box, &record);
			continue;
		}
		box->refused = record.type == WIRE_FAILED;
		if (record.type == WIRE_SKIPPED)
			note_skipped(box, &record);
		else if (record.type == WIRE_FAILED && record.phase == WIRE_PHASE_INIT)
			return throw_init(&record, error);
		else if (record.type == WIRE_FAILED && record.phase == WIRE_PHASE_BOX)
			return plan_throw(box->plan, record.step, record.value, error);
		else if (record.type == WIRE_FAILED && box->command_plan && record.id == box->command_id)
			return plan_throw(box->command_plan, record.step, record.value, error);
		else
			return throw_error(error, EPROTO, STAGE_WAIT, NULL, "init sent record %u where %u was due", record.type,
			                   type);
	}
}

/* --- created --- */

static bool
read_times(struct sbx_box *box, GError **error)
{
	const char *wall = spec_text(box->spec, "time.wall");
	const char *grace = spec_text(box->spec, "time.grace");

	box->wall_limit_usec = VALUE_MAX;
	box->grace_usec = 0;
	if (wall)
		value_time(wall, &box->wall_limit_usec);
	if (grace)
		value_time(grace, &box->grace_usec);
	if (box->wall_limit_usec == VALUE_MAX)
		return true;
	/* MONOTONIC: a suspended machine gives the payload no time, so it costs none */
	box->timer = timerfd_create(CLOCK_MONOTONIC, TFD_CLOEXEC | TFD_NONBLOCK);
	if (box->timer < 0)
		return throw_errno(error, STAGE_HOST, "time.wall", "timerfd_create");
	return box_watch_fd(box, box->timer, error);
}

static bool
make_plan(struct sbx_box *box, GError **error)
{
	g_clear_pointer(&box->plan, plan_free);
	if (!plan_box(box->spec, box->cgroup ? box->cgroup->fd : PLAN_NO_CGROUP, &box->plan, error))
		return false;
	for (guint i = 0; i < box->plan->dropped->len; i++) {
		const struct plan_note *note = g_ptr_array_index(box->plan->dropped, i);

		enforce_not_applied(box->limits, note->key, note->value);
	}
	return true;
}

static bool
launch(struct sbx_box *box, GError **error)
{
	struct launch born = { 0, -1, -1 };
	bool delegated = box->plan->delegate_slot != WIRE_NEVER;
	autofd enter = delegated ? enforce_delegate_enter(box->cgroup, error) : -1;
	struct wire_message go = { .type = WIRE_GO };
	g_autoptr(GError) failure = NULL;

	/* the payload may freeze init, and who is frozen sees nobody die: the end of this process has to pass init by */
	if (delegated && (enter < 0 || !keeper_new(box->cgroup->kill_fd, &box->guard, error) ||
	                  !enforce_delegate_give(box->spec, box->cgroup, &box->plan->identity, box->limits, error)))
		return false;
	if (!launch_init(box->plan,
	                 delegated     ? enter
	                 : box->cgroup ? box->cgroup->fd
	                               : -1,
	                 box->place.through, &born, &failure)) {
		/* a cgroup that nothing needs is not worth a failure, where the kernel lets us make it but not enter it */
		if (failure->code != EACCES || !box->cgroup || box->plan->kill_fd != WIRE_NEVER || enforce_asked(box->spec)) {
			g_propagate_error(error, g_steal_pointer(&failure));
			return false;
		}
		g_clear_error(&failure);
		enforce_none_applied(box->spec, box->limits);
		cgroup_remove(box->cgroup, 0, NULL);
		keeper_clear(&box->guard);
		g_clear_pointer(&box->cgroup, cgroup_free);
		/* what the plan would mount is the host's own group, were init not born in the box's */
		if ((delegated && !make_plan(box, error)) || !launch_init(box->plan, -1, NULL, &born, error))
			return false;
	}
	box->init_pid = born.pid;
	box->init_pidfd = born.pidfd;
	box->socket = born.socket;
	if (!box_watch_fd(box, box->socket, error) || !box_watch_fd(box, box->init_pidfd, error))
		return false;
	if (!box->plan->identity.host_maps)
		return true;
	if (idmap_write(born.pid, born.pidfd, &box->plan->identity.map, &failure) &&
	    launch_send(box->socket, &go, NULL, 0, &failure))
		return true;
	/* a step before the maps may have failed: then what init has said, which is read next, is the error */
	if (failure->code == EPIPE || poll(&(struct pollfd){ born.pidfd, POLLIN, 0 }, 1, 0) == 1)
		return true;
	g_propagate_error(error, g_steal_pointer(&failure));
	return false;
}

bool
box_build(struct sbx_box *box, GError **error)
{
	gint64 begin = g_get_monotonic_time();

	if (!read_times(box, error) ||
	    !enforce_limits(box->spec, box->limits, box->places, &box->place, &box->cgroup, error) ||
	    !enforce_delegate_make(box->spec, box->cgroup, error) || !make_plan(box, error))
		return false;
	if (!launch(box, error) || !await(box, WIRE_READY, error) ||
	    (box->plan->delegate_slot != WIRE_NEVER && !enforce_delegate_open(box->spec, box->cgroup, box->limits, error)))
		return throw_short(box, error);
	box->setup_usec = (uint64_t)(g_get_monotonic_time() - begin);
	box->state = SBX_CREATED;
	return true;
}

/* --- running --- */

struct stdio {
	int given[3];  /* what the payload gets */
	int opened[3]; /* those of them that are ours to close */
};

static void
stdio_close(struct stdio *stdio)
{
	for (int i = 0; i < 3; i++)
		fd_close(&stdio->opened[i]);
}

static bool
open_pipe(struct sbx_box *box, int which, bool capture, int *ret_theirs, GError **error)
{
	struct value_user user;
	G_GNUC_UNUSED int given;
	int ends[2];
	int ours = which == 0;

	if (pipe2(ends, O_CLOEXEC) < 0)
		return throw_errno(error, STAGE_PROCESS, NULL, "pipe for stdio[%d]", which);
	*ret_theirs = ends[!ours];
	/* as its owner the payload can open /dev/stdout; where we may not give it away, it just can't */
	identity_outside(&box->plan->identity, &user);
	given = user.uid == geteuid() ? 0 : fchown(*ret_theirs, user.uid, user.gid);

	if (!capture) {
		fd_close(&box->pipes[which]);
		box->pipes[which] = ends[ours];
		return true;
	}
	fd_close(&box->capture[which].fd);
	box->capture[which].fd = ends[ours];
	box->capture[which].asked = true;
	if (!box->capture[which].bytes)
		box->capture[which].bytes = g_byte_array_new();
	return fcntl(ends[ours], F_SETFL, O_NONBLOCK) >= 0 ||
	       throw_errno(error, STAGE_PROCESS, NULL, "set pipe non-blocking");
}

static bool
open_stdio(struct sbx_box *box, int which, int wish, struct stdio *stdio, GError **error)
{
	if (wish == SBX_STDIO_PIPE || (wish == SBX_STDIO_CAPTURE && which != 0)) {
		if (!open_pipe(box, which, wish == SBX_STDIO_CAPTURE, &stdio->opened[which], error))
			return false;
		stdio->given[which] = stdio->opened[which];
		return true;
	}
	/* close-on-exec there is no stream of the host, but one of our own fds, in a host that has closed its streams */
	if (wish == SBX_STDIO_NULL || (wish == SBX_STDIO_INHERIT && fcntl(which, F_GETFD) != 0)) {
		stdio->given[which] = stdio->opened[which] = open("/dev/null", O_RDWR | O_CLOEXEC);
		return stdio->given[which] >= 0 ||
		       throw_errno(error, STAGE_PROCESS, NULL, "open /dev/null for stdio[%d]", which);
	}
	stdio->given[which] = wish == SBX_STDIO_INHERIT ? which : wish;
	if (wish < 0 || fcntl(stdio->given[which], F_GETFD) < 0)
		return throw_error(error, wish < 0 ? EINVAL : EBADF, STAGE_PROCESS, NULL,
		                   "stdio[%d] is %d, which is no open fd and no SBX_STDIO_ value%s", which, wish,
		                   wish == SBX_STDIO_CAPTURE ? " for input" : "");
	return true;
}

static bool
send_command(struct sbx_box *box, const struct plan *plan, GError **error)
{
	struct wire_message message = {
		.type = WIRE_COMMAND, .id = ++box->command_id, .value = 1, .n_fds = 1 + plan->fds->len
	};
	g_autofree int *fds = g_new(int, message.n_fds);
	autofd sealed = plan_seal(plan, error);

	if (sealed < 0)
		return false;
	fds[0] = sealed;
	for (guint i = 0; i < plan->fds->len; i++)
		fds[1 + i] = g_array_index(plan->fds, struct plan_fd, i).fd;
	if (!launch_send(box->socket, &message, fds, message.n_fds, error))
		return false;
	box->refused = false;
	return true;
}

static bool
arm_wall_limit(struct sbx_box *box, GError **error)
{
	struct itimerspec when = { 0 };

	if (box->wall_limit_usec == VALUE_MAX)
		return true;
	when.it_value.tv_sec = (time_t)(box->wall_limit_usec / G_USEC_PER_SEC);
	when.it_value.tv_nsec = (long)(box->wall_limit_usec % G_USEC_PER_SEC) * 1000;
	if (!when.it_value.tv_sec && !when.it_value.tv_nsec)
		when.it_value.tv_nsec = 1;
	return timerfd_settime(box->timer, 0, &when, NULL) == 0 ||
	       throw_errno(error, STAGE_HOST, "time.wall", "timerfd_settime");
}

static bool
try_command(struct sbx_box *box, const sbx_command *command, const int stdio[3], bool listen, GError **error)
{
	g_clear_pointer(&box->command_plan, plan_free);
	box->listens = listen && filter_can_listen(box->spec);
	return plan_command(box->spec, &box->plan->identity, command, stdio, listen, &box->command_plan, error) &&
	       send_command(box, box->command_plan, error) && await(box, WIRE_STARTED, error);
}

static bool
run_command(struct sbx_box *box, const sbx_command *command, struct stdio *stdio, GError **error)
{
	g_autoptr(GError) failure = NULL;

	for (int i = 0; i < 3; i++)
		if (!open_stdio(box, i, command->stdio[i], stdio, error))
			return false;
	for (int i = 1; i < 3; i++)
		if (box->capture[i].fd >= 0 && !box_watch_fd(box, box->capture[i].fd, error))
			return false;
	if (!try_command(box, command, stdio->given, true, &failure)) {
		/* a process can have one listener, and a box around this one may have taken it: then the kernel kills
		 * unheard */
		if (failure->code != EBUSY || !box->refused || error_stage(failure) != STAGE_SECCOMP) {
			g_propagate_error(error, g_steal_pointer(&failure));
			return false;
		}
		if (!try_command(box, command, stdio->given, false, error))
			return false;
	}
	return arm_wall_limit(box, error);
}

static void
forget_stdio(struct sbx_box *box)
{
	for (int i = 0; i < 3; i++) {
		fd_close(&box->pipes[i]);
		fd_close(&box->capture[i].fd);
		box->capture[i].asked = false;
	}
}

bool
box_start(struct sbx_box *box, const sbx_command *command, GError **error)
{
	struct stdio stdio = { { -1, -1, -1 }, { -1, -1, -1 } };
	gint64 begin = g_get_monotonic_time();
	bool started;

	box->refused = true; /* nothing is sent yet */
	started = run_command(box, command, &stdio, error);
	/* the payload has its own now; ours would keep its pipes from ending */
	stdio_close(&stdio);
	if (!started) {
		/* unless init has said so itself, the payload may be running: then that was its box's end */
		if (!box->refused)
			box_kill(box, NULL);
		forget_stdio(box);
		return throw_short(box, error);
	}
	box->started_usec = g_get_monotonic_time();
	box->setup_usec += (uint64_t)(box->started_usec - begin);
	box->state = SBX_RUNNING;
	g_clear_pointer(&box->plan, plan_free);
	g_clear_pointer(&box->command_plan, plan_free);
	return true;
}
