/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* SPDX-FileCopyrightText: The libsbx developers */

/* The box's public face: arguments and threads are checked here, and errors cross the border here. */
#include "box.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <unistd.h>

#include "enforce.h"
#include "error.h"
#include "fd.h"

/* --- one thread at a time, in the process that made it --- */

int
box_enter(sbx_box *box, sbx_error **error)
{
	if (!box)
		return error_argument(error, "box is NULL");
	if (box->owner != getpid()) {
		error_argument(error, "the box belongs to process %d, of which this one is a copy", (int)box->owner);
		return -ECHILD;
	}
	if (!g_atomic_int_compare_and_exchange(&box->busy, 0, 1)) {
		error_argument(error, "another thread is using the box");
		return -EBUSY;
	}
	return 0;
}

void
box_leave(sbx_box *box)
{
	g_atomic_int_set(&box->busy, 0);
}

static int
check_command(const sbx_command *command, sbx_error **error)
{
	if (!command)
		return error_argument(error, "command is NULL");
	if (command->size < sizeof *command)
		return error_argument(error, "command.size is %zu; accepted: sizeof(sbx_command), %zu", command->size,
		                      sizeof *command);
	if (!command->argv || !command->argv[0])
		return error_argument(error, "command.argv is empty");
	if (command->n_fds && !command->fds)
		return error_argument(error, "command.fds is NULL and n_fds is %zu", command->n_fds);
	return 0;
}

/* --- made, freed --- */

static void
box_delete(sbx_box *box)
{
	/* in a forked copy of the host the box is somebody else's: only the memory and the fds are ours */
	if (box->owner == getpid())
		box_remove(box);
	for (int i = 0; i < 3; i++) {
		fd_close(&box->pipes[i]);
		fd_close(&box->capture[i].fd);
		if (box->capture[i].bytes)
			g_byte_array_unref(box->capture[i].bytes);
	}
	fd_close(&box->socket);
	fd_close(&box->init_pidfd);
	fd_close(&box->epoll);
	fd_close(&box->timer);
	plan_free(box->plan);
	plan_free(box->command_plan);
	keeper_clear(&box->guard);
	cgroup_free(box->cgroup);
	place_clear(&box->place);
	g_ptr_array_unref(box->limits);
	g_ptr_array_unref(box->places);
	g_array_unref(box->calls);
	sbx_spec_free(box->spec);
	g_free(box);
}

/* Where it was tried to make the box's cgroup goes with the error, for the report of the failure. */
static int
box_fail(GPtrArray *places, GError *failure, sbx_error **error)
{
	int result = error_return(failure, error);

	if (error)
		error_attach(*error, g_ptr_array_ref(places), (GDestroyNotify)g_ptr_array_unref);
	return result;
}

static sbx_box *
box_new(const sbx_spec *spec, GPtrArray *places, GError **error)
{
	sbx_box *box = g_new0(sbx_box, 1);

	box->owner = getpid();
	box->spec = sbx_spec_copy(spec);
	box->limits = enforce_list_new();
	box->places = g_ptr_array_ref(places);
	box->place.fd = box->guard.pidfd = box->guard.socket = -1;
	box->calls = g_array_new(false, false, sizeof(struct report_call));
	box->init_pidfd = box->socket = box->timer = -1;
	for (int i = 0; i < 3; i++)
		box->pipes[i] = box->capture[i].fd = -1;
	report_init(&box->report);
	box->epoll = epoll_create1(EPOLL_CLOEXEC);
	if (box->epoll < 0)
		throw_errno(error, STAGE_HOST, NULL, "epoll_create1");
	if (box->epoll < 0 || !box_build(box, error)) {
		box_delete(box);
		return NULL;
	}
	return box;
}

int
sbx_box_create(const sbx_spec *spec, sbx_box **ret_box, sbx_error **error)
{
	g_autoptr(GPtrArray) places = report_places_new();
	GError *failure = NULL;
	sbx_box *box;

	if (!spec || !ret_box)
		return error_argument(error, "%s is NULL", spec ? "ret_box" : "spec");
	box = box_new(spec, places, &failure);
	if (!box)
		return box_fail(places, failure, error);
	*ret_box = box;
	return 0;
}

void
sbx_box_free(sbx_box *box)
{
	if (box)
		box_delete(box);
}

/* --- run --- */

int
sbx_box_start(sbx_box *box, const sbx_command *command, sbx_error **error)
{
	GError *failure = NULL;
	int result = check_command(command, error);

	if (result == 0)
		result = box_enter(box, error);
	if (result < 0)
		return result;
	if (box_unpaused_state(box) != SBX_CREATED)
		throw_error(&failure, EALREADY, STAGE_PROCESS, NULL, "the box has been started already");
	else if (box->state == SBX_PAUSED) {
		throw_error(&failure, EBUSY, STAGE_PROCESS, NULL, "the box is paused");
		throw_hint(&failure, "resume it with sbx_box_resume() first");
	} else
		box_start(box, command, &failure);
	box_leave(box);
	return failure ? box_fail(box->places, failure, error) : 0;
}

/* Whose other end is nobody's would fill up, and the payload would wait for ever. */
static int
check_no_pipe(const sbx_command *command, sbx_error **error)
{
	for (int i = 0; i < 3; i++)
		if (command->stdio[i] == SBX_STDIO_PIPE)
			return error_argument(error, "command.stdio[%d] is SBX_STDIO_PIPE, whose other end nobody could take", i);
	return 0;
}

int
sbx_run(const sbx_spec *spec, const sbx_command *command, sbx_report *report, sbx_error **error)
{
	sbx_error *failure = NULL;
	sbx_box *box = NULL;
	int result = box_check_report(report, error);

	if (result < 0)
		return result;
	result = check_command(command, &failure);
	if (result == 0)
		result = check_no_pipe(command, &failure);
	if (result == 0)
		result = sbx_box_create(spec, &box, &failure);
	if (result == 0)
		result = sbx_box_start(box, command, &failure);
	if (result == 0)
		result = sbx_box_wait(box, -1, &failure);
	if (result >= 0)
		result = sbx_box_report(box, report, &failure);
	if (result < 0)
		sbx_report_fail(report, failure);
	sbx_box_free(box);
	if (error)
		*error = failure;
	else
		sbx_error_free(failure);
	return result;
}

int
sbx_box_state(sbx_box *box)
{
	return box ? g_atomic_int_get(&box->state) : -EINVAL;
}

int
sbx_box_fd(sbx_box *box)
{
	return box ? box->epoll : -EINVAL;
}

int
sbx_box_dispatch(sbx_box *box, sbx_error **error)
{
	int result = box_enter(box, error);

	if (result < 0)
		return result;
	result = box_dispatch(box);
	box_leave(box);
	return result;
}

static int
box_wait(sbx_box *box, int timeout_ms, GError **error)
{
	gint64 deadline = g_get_monotonic_time() + (gint64)timeout_ms * 1000;

	if (box_unpaused_state(box) == SBX_CREATED) {
		throw_error(error, EINVAL, STAGE_WAIT, NULL, "the box has not been started: there is nothing to wait for");
		return -1;
	}
	while (!box_dispatch(box)) {
		struct pollfd due = { box->epoll, POLLIN, 0 };
		gint64 left = deadline - g_get_monotonic_time();

		if (timeout_ms >= 0 && left <= 0)
			return 0;
		poll(&due, 1, timeout_ms < 0 ? -1 : (int)((left + 999) / 1000));
	}
	return 1;
}

int
sbx_box_wait(sbx_box *box, int timeout_ms, sbx_error **error)
{
	GError *failure = NULL;
	int result = box_enter(box, error);

	if (result < 0)
		return result;
	result = box_wait(box, timeout_ms, &failure);
	box_leave(box);
	return failure ? error_return(failure, error) : result;
}

/* --- signals --- */

int
sbx_box_signal(sbx_box *box, int sig, sbx_error **error)
{
	struct wire_message message = { .type = WIRE_SIGNAL, .value = (uint32_t)sig };
	GError *failure = NULL;
	int result;

	if (sig < 1 || sig > 64)
		return error_argument(error, "signal is %d; accepted: 1 to 64", sig);
	if ((result = box_enter(box, error)) < 0)
		return result;
	box_dispatch(box);
	if (box_unpaused_state(box) != SBX_RUNNING || box->payload_ended)
		throw_error(&failure, ESRCH, STAGE_WAIT, NULL, "the payload %s",
		            box_unpaused_state(box) == SBX_CREATED ? "has not started" : "has ended");
	else {
		message.id = box->command_id;
		launch_send(box->socket, &message, NULL, 0, &failure);
	}
	box_leave(box);
	return failure ? error_return(failure, error) : 0;
}

int
sbx_box_kill(sbx_box *box, sbx_error **error)
{
	GError *failure = NULL;

	if (!box)
		return error_argument(error, "box is NULL");
	if (box->owner != getpid()) {
		error_argument(error, "the box belongs to process %d, of which this one is a copy", (int)box->owner);
		return -ECHILD;
	}
	g_atomic_int_set(&box->kill_asked, 1);
	if (g_atomic_int_get(&box->state) == SBX_STOPPED)
		return 0;
	return box_kill(box, &failure) ? 0 : error_return(failure, error);
}

/* --- what it has --- */

int
sbx_box_pidfd(sbx_box *box)
{
	return !box ? -EINVAL : box->init_pidfd < 0 ? -ESRCH : box->init_pidfd;
}

int
sbx_box_cgroup_fd(sbx_box *box)
{
	return !box ? -EINVAL : !box->cgroup ? -ENOENT : box->cgroup->fd;
}

int
sbx_box_pipe(sbx_box *box, int which)
{
	if (!box || which < 0 || which > 2)
		return -EINVAL;
	return box->pipes[which] < 0 ? -ENOENT : fd_steal(&box->pipes[which]);
}

int
sbx_box_output(sbx_box *box, int which, const void **ret_data, size_t *ret_len)
{
	if (!box || which < 1 || which > 2 || !ret_data || !ret_len)
		return -EINVAL;
	if (!box->capture[which].asked)
		return -ENOENT;
	*ret_data = box->capture[which].bytes->data ? (const void *)box->capture[which].bytes->data : "";
	*ret_len = box->capture[which].bytes->len;
	return 0;
}

/* --- dry run --- */

int
sbx_spec_plan(const sbx_spec *spec, char **ret_text, sbx_error **error)
{
	g_autoptr(plan_t) plan = NULL;
	g_autofree char *text = NULL;
	GError *failure = NULL;

	if (!spec || !ret_text)
		return error_argument(error, "%s is NULL", spec ? "ret_text" : "spec");
	if (!plan_box(spec, PLAN_ANY_CGROUP, &plan, &failure))
		return error_return(failure, error);
	text = plan_text(plan);
	*ret_text = strdup(text);
	return *ret_text ? 0 : -ENOMEM;
}
