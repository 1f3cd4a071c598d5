/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* SPDX-FileCopyrightText: The libsbx developers */

/* Why no group can be made: cgroup.max.depth and cgroup.max.descendants of the groups above. */
#include "delegate.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "cgroupfs.h"
#include "delegate-dir.h"
#include "error.h"
#include "fd.h"

/* A number of a file: the whole of it, or the one behind `word`. false: "max", or not there. */
static bool
read_number(const struct dir *dir, const char *file, const char *word, uint64_t *ret)
{
	g_autofree char *text = fd_read_file_at(dir->fd, file);
	const char *at = text && word ? strstr(text, word) : text;

	if (!at)
		return false;
	at += word ? strlen(word) : 0;
	if (!g_ascii_isdigit(*at))
		return false;
	*ret = g_ascii_strtoull(at, NULL, 10);
	return true;
}

static bool
hint_raise(const struct cgroupfs *fs, const struct dir *dir, const char *file, uint64_t least, GError **error)
{
	const char *who = faccessat(dir->fd, file, W_OK, AT_EACCESS) == 0 ? "" : " as its owner";

	/* of a namespace's root, only the files with which it shares out can be written from inside */
	if (strcmp(dir->path, fs->path) == 0 && faccessat(dir->fd, "cgroup.type", F_OK, 0) == 0)
		who = " from outside of this container";
	return throw_hint(error, "raise it%s: echo %" G_GUINT64_FORMAT " >%s/%s, or remove groups that nobody needs", who,
	                  least, dir->path, file);
}

/* Is it this one's limit, where the new group would lie `level` below it? */
static bool
throw_limit(const struct cgroupfs *fs, const struct dir *dir, const char *path, unsigned level, GError **error)
{
	uint64_t most, count;

	if (read_number(dir, "cgroup.max.descendants", NULL, &most) &&
	    read_number(dir, "cgroup.stat", "nr_descendants ", &count) && count >= most) {
		throw_error(error, EAGAIN, STAGE_CGROUP, PARENT_KEY,
		            "no group can be made in %s: %s has %" G_GUINT64_FORMAT
		            " groups below it, and its cgroup.max.descendants is %" G_GUINT64_FORMAT,
		            path, dir->path, count, most);
		hint_raise(fs, dir, "cgroup.max.descendants", count + 1, error);
		return true;
	}
	if (!read_number(dir, "cgroup.max.depth", NULL, &most) || level <= most)
		return false;
	throw_error(
		error, EAGAIN, STAGE_CGROUP, PARENT_KEY,
		"no group can be made in %s: it would be at depth %u below %s, whose cgroup.max.depth is %" G_GUINT64_FORMAT,
		path, level, dir->path, most);
	hint_raise(fs, dir, "cgroup.max.depth", level, error);
	return true;
}

bool
delegate_throw_full(const char *path, GError **error)
{
	g_auto(cgroupfs_t) fs = { 0 };
	g_autofree char *relative = NULL;

	if (cgroupfs_open(&fs, NULL))
		relative = g_strdup(cgroupfs_relative(fs.path, path));
	/* in the order of the kernel, the nearest first */
	for (unsigned level = 1; relative; level++) {
		g_auto(dir_t) dir = { .fd = -1 };
		char *slash = strrchr(relative, '/');

		if (dir_open(&fs, relative, &dir, NULL) && throw_limit(&fs, &dir, path, level, error))
			return false;
		if (*relative == '\0')
			break;
		*(slash ? slash : relative) = '\0';
	}
	throw_error(error, EAGAIN, STAGE_CGROUP, PARENT_KEY,
	            "no group can be made in %s: cgroup.max.depth or cgroup.max.descendants of a group above it is reached",
	            path);
	return throw_hint(error, "remove groups that nobody needs and try again; in a container, raise them from outside");
}
