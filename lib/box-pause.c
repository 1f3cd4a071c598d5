/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* SPDX-FileCopyrightText: The libsbx developers */

/*
 * A box stands still, and goes on.
 *
 * Theory of operation. The kernel's freezer holds every process of the box's cgroup, init too, which then can't see its
 * owner die. So a keeper that would kill the group is there before the first process is held, and is let go after the
 * last one runs again; whatever fails between the two thaws. A frozen process still dies by cgroup.kill.
 */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <string.h>
#include <unistd.h>

#include "box.h"
#include "cgroup-stat.h"
#include "error.h"
#include "fd.h"

#define FREEZE_TIMEOUT_USEC (2 * G_USEC_PER_SEC)
/* The payload may have made groups of its own below; nobody nests so deep without a reason of its own. */
#define DEPTH_MAX 16

int
box_unpaused_state(const struct sbx_box *box)
{
	return box->state == SBX_PAUSED ? box->paused_from : box->state;
}

/* --- the freezer --- */

static bool
write_freeze(const struct cgroup *cgroup, bool freeze, GError **error)
{
	const char *text = freeze ? "1" : "0";

	return fd_write_file_at(cgroup->fd, "cgroup.freeze", text) ||
	       throw_errno(error, STAGE_CGROUP, NULL, "write \"%s\" to %s/cgroup.freeze", text, cgroup->path);
}

/*
 * Wait until it is as it should be: true; or until the time is up. The kernel holds the second change within 10 ms
 * back: so each wait is bounded by a growing step, and the file is looked at anew.
 */
static bool
wait_frozen(const struct cgroup *cgroup, bool frozen)
{
	gint64 deadline = g_get_monotonic_time() + FREEZE_TIMEOUT_USEC;
	autofd fd = openat(cgroup->fd, "cgroup.events", O_RDONLY | O_CLOEXEC);
	int step_ms = 1;

	while (fd >= 0) {
		struct pollfd poller = { .fd = fd, .events = POLLPRI };
		gint64 left_ms = (deadline - g_get_monotonic_time() + 999) / 1000;
		char text[256];
		ssize_t n = pread(fd, text, sizeof text - 1, 0);
		uint64_t value;

		if (n < 0 && errno != EINTR)
			return false;
		text[MAX(n, 0)] = '\0';
		if (stat_field(text, "frozen", &value) && (value != 0) == frozen)
			return true;
		if (left_ms <= 0)
			return false;
		(void)poll(&poller, 1, (int)MIN(left_ms, step_ms));
		step_ms = MIN(step_ms * 2, 64);
	}
	return false;
}

/* --- who would not --- */

/* A frozen process sleeps like any other; one that waits inside of the kernel can't be frozen. */
static bool
waits_inside(const char *pid)
{
	g_autofree char *path = g_strdup_printf("/proc/%s/task", pid);
	DIR *dir = opendir(path);
	bool found = false;

	for (const struct dirent *entry; dir && !found && (entry = readdir(dir));) {
		g_autofree char *stat = g_strdup_printf("%s/stat", entry->d_name);
		g_autofree char *text = *entry->d_name == '.' ? NULL : fd_read_file_at(dirfd(dir), stat);
		/* the name, in parentheses, may hold anything, ")" too */
		const char *after_name = text ? strrchr(text, ')') : NULL;

		found = after_name && g_str_has_prefix(after_name, ") D");
	}
	if (dir)
		(void)closedir(dir);
	return found;
}

/* The first pid in state D of the group or below it, or NULL. */
static char *
find_stuck(int parent, const char *name, unsigned depth)
{
	autofd fd = openat(parent, name, O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW);
	g_autofree char *text = fd >= 0 ? fd_read_file_at(fd, "cgroup.procs") : NULL;
	g_auto(GStrv) pids = g_strsplit(text ? text : "", "\n", -1);
	char *found = NULL;
	DIR *dir;

	for (char **pid = pids; *pid; pid++)
		if (**pid && waits_inside(*pid))
			return g_strdup(*pid);
	if (fd < 0 || depth == DEPTH_MAX || !(dir = fdopendir(fd)))
		return NULL;
	(void)fd_steal(&fd);
	for (const struct dirent *entry; !found && (entry = readdir(dir));)
		if (entry->d_type == DT_DIR && *entry->d_name != '.')
			found = find_stuck(dirfd(dir), entry->d_name, depth + 1);
	(void)closedir(dir);
	return found;
}

static bool
throw_not_frozen(const struct cgroup *cgroup, GError **error)
{
	g_autofree char *pid = find_stuck(cgroup->fd, ".", 0);

	if (pid)
		throw_error(error, ETIMEDOUT, STAGE_CGROUP, NULL,
		            "%s is not frozen after %d s: process %s waits inside of the kernel (state D); the box runs on",
		            cgroup->path, (int)(FREEZE_TIMEOUT_USEC / G_USEC_PER_SEC), pid);
	else
		throw_error(error, ETIMEDOUT, STAGE_CGROUP, NULL, "%s is not frozen after %d s; the box runs on", cgroup->path,
		            (int)(FREEZE_TIMEOUT_USEC / G_USEC_PER_SEC));
	return throw_hint(error, "pause it again when the device or network file system that it waits for has answered");
}

/* --- the two --- */

static bool
throw_stopped(GError **error)
{
	return throw_error(error, ESRCH, STAGE_CGROUP, NULL, "the box has stopped");
}

/* false: it is not frozen, or would not be in time. */
static bool
freeze(struct sbx_box *box, GError **error)
{
	if (!write_freeze(box->cgroup, true, error))
		return false;
	if (!wait_frozen(box->cgroup, true))
		return throw_not_frozen(box->cgroup, error);
	/* an empty group is frozen too */
	return !box_dispatch(box) || throw_stopped(error);
}

/* Still frozen as a whole after this: only a group above can do that. */
static bool
thaw(struct sbx_box *box, GError **error)
{
	if (!write_freeze(box->cgroup, false, error))
		return false;
	if (wait_frozen(box->cgroup, false))
		return true;
	throw_error(error, ETIMEDOUT, STAGE_CGROUP, NULL, "%s is still frozen", box->cgroup->path);
	return throw_hint(error,
	                  "a group above it is frozen: write \"0\" to the cgroup.freeze of that one, and resume again");
}

/* There may be one already, of a box whose payload can freeze itself; and one may have been killed. */
static bool
guard(struct sbx_box *box, GError **error)
{
	struct pollfd end = { box->guard.pidfd, POLLIN, 0 };

	if (box->guard.pidfd >= 0 && poll(&end, 1, 0) == 0)
		return true;
	box->guard_is_pauses |= box->guard.pidfd < 0;
	keeper_clear(&box->guard);
	return keeper_new(box->cgroup->kill_fd, &box->guard, error);
}

static void
unguard(struct sbx_box *box)
{
	if (box->guard_is_pauses)
		keeper_clear(&box->guard);
	box->guard_is_pauses = false;
}

static bool
box_pause(struct sbx_box *box, GError **error)
{
	if (box_dispatch(box))
		return throw_stopped(error);
	if (box->state == SBX_PAUSED)
		return throw_error(error, EALREADY, STAGE_CGROUP, NULL, "the box is paused already");
	if (!box->cgroup) {
		throw_error(error, ENOENT, STAGE_CGROUP, NULL, "the box has no cgroup of its own, so it can't be paused");
		return throw_hint(error,
		                  "ask for a limit when the box is made, pids.max for example, and the error says why it can't "
		                  "have one");
	}
	if (!guard(box, error))
		return false;
	if (!freeze(box, error)) {
		/* where even this fails the guard stays, and goes with the box */
		if (thaw(box, NULL) || box->state == SBX_STOPPED)
			unguard(box);
		return false;
	}
	box->paused_from = box->state;
	g_atomic_int_set(&box->state, SBX_PAUSED);
	return true;
}

static bool
box_resume(struct sbx_box *box, GError **error)
{
	if (box_dispatch(box))
		return throw_stopped(error);
	if (box->state != SBX_PAUSED)
		return throw_error(error, EALREADY, STAGE_CGROUP, NULL, "the box is not paused");
	if (!thaw(box, error))
		return false;
	unguard(box);
	g_atomic_int_set(&box->state, box->paused_from);
	return true;
}

static int
change(sbx_box *box, bool (*to)(struct sbx_box *box, GError **error), sbx_error **error)
{
	GError *failure = NULL;
	int result = box_enter(box, error);

	if (result < 0)
		return result;
	to(box, &failure);
	box_leave(box);
	return failure ? error_return(failure, error) : 0;
}

int
sbx_box_pause(sbx_box *box, sbx_error **error)
{
	return change(box, box_pause, error);
}

int
sbx_box_resume(sbx_box *box, sbx_error **error)
{
	return change(box, box_resume, error);
}
