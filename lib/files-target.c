/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* SPDX-FileCopyrightText: The libsbx developers */

/*
 * Where in the box something goes.
 *
 * Every target is opened once, below the new root, by openat2, and used as a handle from then on: nothing that a
 * hostile root directory does to its names in between can move a mount elsewhere. Names are only made where a tmpfs or
 * an overlay of the box lies, one component at a time; the host's own trees are never written.
 */
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "files-parts.h"

const struct files_place *
files_place_of(const struct files *files, const char *dst)
{
	const struct files_place *best = NULL;

	for (guint i = 0; i < files->places->len; i++) {
		const struct files_place *place = &g_array_index(files->places, struct files_place, i);
		size_t length = strlen(place->dst);
		bool covers = length == 1 || (g_str_has_prefix(dst, place->dst) && (dst[length] == '/' || !dst[length]));

		if (covers && (!best || length >= strlen(best->dst)))
			best = place;
	}
	return best;
}

void
files_place_add(struct files *files, const char *dst, bool own)
{
	struct files_place place = { g_strdup(dst), own };

	g_array_append_val(files->places, place);
}

static unsigned
plan_openat2(struct plan *plan, unsigned dir_slot, const char *path, uint64_t flags, uint64_t resolve)
{
	struct open_how how = { .flags = O_PATH | O_CLOEXEC | flags, .resolve = resolve };

	return plan_open(plan, SYS_openat2, 1, dir_slot, plan_string(plan, path), plan_data(plan, &how, sizeof how),
	                 sizeof how);
}

/* Without O_NOFOLLOW: with O_PATH that would open a link at the end of the name instead of refusing it. */
static unsigned
open_below_root(struct files *files, const char *path, bool is_dir, bool symlinks)
{
	const char *relative = path[1] ? path + 1 : ".";

	return plan_openat2(files->plan, files->root_slot, relative, is_dir ? O_DIRECTORY : 0,
	                    RESOLVE_IN_ROOT | RESOLVE_NO_MAGICLINKS | (symlinks ? 0 : RESOLVE_NO_SYMLINKS));
}

static unsigned
step_into(struct plan *plan, unsigned dir, const char *name, bool is_dir)
{
	return plan_openat2(plan, dir, name, is_dir ? O_DIRECTORY : 0, RESOLVE_BENEATH | RESOLVE_NO_SYMLINKS);
}

unsigned
files_parent(struct files *files, const char *dst, const char **ret_name)
{
	const struct files_place *place = files_place_of(files, dst);
	unsigned dir = open_below_root(files, place->dst, true, files->root != FILES_DIR);
	const char *rest = dst + strlen(place->dst);
	const char *slash;

	rest += *rest == '/';
	while ((slash = strchr(rest, '/'))) {
		g_autofree char *name = g_strndup(rest, (gsize)(slash - rest));

		plan_call(files->plan, SYS_mkdirat, 1, dir, plan_string(files->plan, name), 0755)->forgive = EEXIST;
		dir = step_into(files->plan, dir, name, true);
		rest = slash + 1;
	}
	*ret_name = dst + (rest - dst);
	return dir;
}

unsigned
files_target(struct files *files, const char *dst, bool is_dir, bool symlinks)
{
	const struct files_place *place = files_place_of(files, dst);
	const char *name;
	unsigned dir;

	if (!place->own || g_str_equal(place->dst, dst))
		return open_below_root(files, dst, is_dir, symlinks && files->root != FILES_DIR);
	dir = files_parent(files, dst, &name);
	if (is_dir)
		plan_call(files->plan, SYS_mkdirat, 1, dir, plan_string(files->plan, name), 0755)->forgive = EEXIST;
	else
		plan_call(files->plan, SYS_mknodat, 1, dir, plan_string(files->plan, name), S_IFREG | 0644, 0)->forgive =
			EEXIST;
	return step_into(files->plan, dir, name, is_dir);
}

void
files_attach(struct files *files, unsigned from, unsigned target)
{
	uint64_t empty = plan_string(files->plan, "");

	plan_call(files->plan, SYS_move_mount, 1 | 4, from, empty, target, empty,
	          MOVE_MOUNT_F_EMPTY_PATH | MOVE_MOUNT_T_EMPTY_PATH);
}

void
files_attr(struct files *files, unsigned slot, uint64_t set, bool recursive)
{
	struct mount_attr attr = { .attr_set = set };

	plan_call(files->plan, SYS_mount_setattr, 1, slot, plan_string(files->plan, ""),
	          AT_EMPTY_PATH | (recursive ? AT_RECURSIVE : 0), plan_data(files->plan, &attr, sizeof attr), sizeof attr);
}

void
files_tmpfs(struct files *files, const char *dst, uint64_t size, uint64_t inodes, const char *more, uint64_t flags)
{
	struct plan *plan = files->plan;
	unsigned target = files_target(files, dst, true, true);
	g_autofree char *options =
		g_strdup_printf("size=%" G_GUINT64_FORMAT ",nr_inodes=%" G_GUINT64_FORMAT ",%s", size, inodes, more);

	plan_call(plan, SYS_fchdir, 1, target);
	plan_call(plan, SYS_mount, 0, plan_string(plan, "tmpfs"), plan_string(plan, "."), plan_string(plan, "tmpfs"),
	          MS_NOSUID | MS_NODEV | flags, plan_string(plan, options));
	files_place_add(files, dst, true);
}
