/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* SPDX-FileCopyrightText: The libsbx developers */

/*
 * The processes of a group moved into a leaf below it, so that the group can pass controllers on: all of them, or none.
 *
 * Theory of operation: a list of processes is old when it is read, so it is read and worked off until it is empty.
 * What a process of the leaf forks is born in the leaf, so this comes to an end, unless they fork faster than we move:
 * passes and time are bounded. Whoever works on a leaf holds the lock of its directory, else one could undo what
 * another one builds on.
 */
#include "leaf.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "delegate-dir.h"
#include "delegate.h"
#include "error.h"
#include "fd.h"

#define SELF_KEY "cgroup.self"
#define PASSES 200
#define PATIENCE_USEC (5 * G_USEC_PER_SEC)

void
leaf_clear(struct leaf *leaf)
{
	fd_close(&leaf->fd);
	fd_close(&leaf->group_fd);
	g_clear_pointer(&leaf->path, g_free);
	g_clear_pointer(&leaf->before, g_array_unref);
}

/* --- who is in a group --- */

/* NULL and errno where it can't be read. A process that this pid namespace has no number for is 0. */
static GArray *
group_pids(int fd)
{
	g_autofree char *text = fd_read_file_at(fd, "cgroup.procs");
	GArray *pids;

	if (!text)
		return NULL;
	pids = g_array_new(FALSE, FALSE, sizeof(int));
	for (char *line = text; *line != '\0';) {
		int pid = (int)strtol(line, &line, 10);

		g_array_append_val(pids, pid);
		line += strcspn(line, "\n");
		line += *line == '\n';
	}
	return pids;
}

static bool
has_pid(const GArray *pids, int pid)
{
	for (guint i = 0; i < pids->len; i++)
		if (g_array_index(pids, int, i) == pid)
			return true;
	return false;
}

/* One process into a group. One that has ended needs no moving. */
static bool
move_pid(int fd, int pid)
{
	g_autofree char *text = g_strdup_printf("%d", pid);

	return fd_write_file_at(fd, "cgroup.procs", text) || errno == ESRCH;
}

/* --- there --- */

static bool
throw_mkdir(const char *group_path, int code, GError **error)
{
	if (code == EAGAIN)
		return delegate_throw_full(group_path, error);
	errno = code;
	return throw_errno(error, STAGE_CGROUP, SELF_KEY, "mkdir %s/" LEAF_NAME, group_path);
}

/* It may have been removed between our open and our lock. */
static bool
still_there(const struct leaf *leaf)
{
	struct stat ours, named;

	return fstat(leaf->fd, &ours) == 0 && fstatat(leaf->group_fd, LEAF_NAME, &named, AT_SYMLINK_NOFOLLOW) == 0 &&
	       ours.st_dev == named.st_dev && ours.st_ino == named.st_ino;
}

static bool
try_lock(struct leaf *leaf, const char *group_path, GError **error)
{
	leaf->made = mkdirat(leaf->group_fd, LEAF_NAME, 0755) == 0;
	if (!leaf->made && errno != EEXIST)
		return throw_mkdir(group_path, errno, error);
	leaf->fd = openat(leaf->group_fd, LEAF_NAME, O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW);
	if (leaf->fd < 0 && errno == ENOENT)
		return false;
	if (leaf->fd < 0)
		return throw_errno(error, STAGE_CGROUP, SELF_KEY, "open %s", leaf->path);
	if (flock(leaf->fd, LOCK_EX | LOCK_NB) == 0 && still_there(leaf))
		return true;
	fd_close(&leaf->fd);
	return false;
}

bool
leaf_open(int group_fd, const char *group_path, struct leaf *ret, GError **error)
{
	gint64 deadline = g_get_monotonic_time() + PATIENCE_USEC;
	g_auto(leaf_t) leaf = { .fd = -1, .group_fd = fcntl(group_fd, F_DUPFD_CLOEXEC, 0) };
	g_autoptr(GError) failure = NULL;

	leaf.path = g_build_filename(group_path, LEAF_NAME, NULL);
	if (leaf.group_fd < 0)
		return throw_errno(error, STAGE_CGROUP, SELF_KEY, "fcntl F_DUPFD of %s", group_path);
	while (!try_lock(&leaf, group_path, &failure)) {
		if (failure) {
			g_propagate_error(error, g_steal_pointer(&failure));
			return false;
		}
		if (g_get_monotonic_time() > deadline) {
			throw_error(error, EBUSY, STAGE_CGROUP, SELF_KEY, "%s is locked by another process for %d s", leaf.path,
			            (int)(PATIENCE_USEC / G_USEC_PER_SEC));
			return throw_hint(error, "end what holds flock(2) on that directory (lsof %s), and try again", leaf.path);
		}
		g_usleep(1000);
	}
	leaf.before = group_pids(leaf.fd);
	if (!leaf.before) {
		throw_errno(error, STAGE_CGROUP, SELF_KEY, "read %s/cgroup.procs", leaf.path);
		throw_hint(error, "remove %s if it is of no use any more: it is no group of type \"domain\"", leaf.path);
		return leaf_undo(&leaf, error);
	}
	*ret = leaf;
	leaf = (struct leaf){ .fd = -1, .group_fd = -1 };
	return true;
}

static bool
throw_move(const struct leaf *leaf, int pid, int code, GError **error)
{
	errno = code;
	throw_errno(error, STAGE_CGROUP, SELF_KEY, "move process %d into %s", pid, leaf->path);
	if (code == EOPNOTSUPP)
		return throw_hint(error, "remove %s: it is threaded, and can't take processes", leaf->path);
	if (code == EACCES || code == EPERM)
		return throw_hint(error, "give this user cgroup.procs of the group and of %s", leaf->path);
	return throw_hint(error, "end that process or move it by hand, or start the host in a group of its own");
}

bool
leaf_fill(const struct leaf *leaf, GError **error)
{
	gint64 deadline = g_get_monotonic_time() + PATIENCE_USEC;

	for (int pass = 0; pass < PASSES && g_get_monotonic_time() < deadline; pass++) {
		g_autoptr(GArray) pids = group_pids(leaf->group_fd);
		guint foreign = 0;

		if (!pids)
			return throw_errno(error, STAGE_CGROUP, SELF_KEY, "read cgroup.procs of the group above %s", leaf->path);
		if (pids->len == 0)
			return true;
		for (guint i = 0; i < pids->len; i++) {
			int pid = g_array_index(pids, int, i);

			if (pid == 0)
				foreign++;
			else if (!move_pid(leaf->fd, pid))
				return throw_move(leaf, pid, errno, error);
		}
		if (foreign == pids->len) {
			throw_error(
				error, EBUSY, STAGE_CGROUP, SELF_KEY,
				"the group above %s holds processes of another pid namespace (%u), which can't be moved from here",
				leaf->path, foreign);
			return throw_hint(error, "move them from outside, or start the host in a group of its own");
		}
	}
	throw_error(error, EAGAIN, STAGE_CGROUP, SELF_KEY,
	            "the processes of the group above %s multiply faster than they can be moved", leaf->path);
	return throw_hint(error, "end what forks there, or start the host in a group of its own");
}

/* --- and back --- */

/* How many stay where they are. */
static guint
move_back(const struct leaf *leaf)
{
	gint64 deadline = g_get_monotonic_time() + PATIENCE_USEC;
	guint left = 0;

	for (int pass = 0; pass < PASSES && g_get_monotonic_time() < deadline; pass++) {
		g_autoptr(GArray) pids = group_pids(leaf->fd);
		guint moved = 0;

		left = 0;
		for (guint i = 0; pids && i < pids->len; i++) {
			int pid = g_array_index(pids, int, i);

			if (leaf->before && has_pid(leaf->before, pid))
				continue;
			if (pid != 0 && move_pid(leaf->group_fd, pid))
				moved++;
			else
				left++;
		}
		if (moved == 0)
			break;
	}
	return left;
}

bool
leaf_undo(const struct leaf *leaf, GError **error)
{
	guint left = move_back(leaf);

	if (leaf->made)
		(void)unlinkat(leaf->group_fd, LEAF_NAME, AT_REMOVEDIR);
	return left == 0 ? false : throw_prefix(error, "%u processes stay in %s: ", left, leaf->path);
}
