/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* SPDX-FileCopyrightText: The libsbx developers */

/* The box's root, and on it every mount, file and link that the spec asks for, in its order. */
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "files-parts.h"
#include "files.h"

#define ROOT_ATTR (MOUNT_ATTR_NOSUID | MOUNT_ATTR_NODEV)
#define EMPTY_ROOT_SIZE (16ull << 20)

/* --- overlays and scratch space --- */

static unsigned
plan_tmpfs_detached(struct plan *plan, uint64_t size, uint64_t inodes)
{
	unsigned context = plan_open(plan, SYS_fsopen, 0, plan_string(plan, "tmpfs"), FSOPEN_CLOEXEC);
	g_autofree char *size_text = g_strdup_printf("%" G_GUINT64_FORMAT, size);
	g_autofree char *inodes_text = g_strdup_printf("%" G_GUINT64_FORMAT, inodes);
	const char *const options[][2] = { { "size", size_text }, { "nr_inodes", inodes_text }, { "mode", "755" } };

	for (gsize i = 0; i < G_N_ELEMENTS(options); i++)
		plan_call(plan, SYS_fsconfig, 1, context, FSCONFIG_SET_STRING, plan_string(plan, options[i][0]),
		          plan_string(plan, options[i][1]), 0);
	plan_call(plan, SYS_fsconfig, 1, context, FSCONFIG_CMD_CREATE, 0, 0, 0);
	return plan_open(plan, SYS_fsmount, 1, context, FSMOUNT_CLOEXEC, ROOT_ATTR);
}

static void
plan_on_slash(struct plan *plan, unsigned slot)
{
	plan_call(plan, SYS_move_mount, 1, slot, plan_string(plan, ""), PLAN_AT_CWD, plan_string(plan, "/"),
	          MOVE_MOUNT_F_EMPTY_PATH);
}

static void
scratch_begin(struct files *files)
{
	if (files->scratch_slot != FILES_NONE)
		return;
	files->scratch_slot = plan_tmpfs_detached(files->plan, FILES_TMPFS_SIZE, FILES_TMPFS_INODES);
	plan_on_slash(files->plan, files->scratch_slot);
}

static void
scratch_end(struct files *files)
{
	struct plan *plan = files->plan;

	if (files->scratch_slot == FILES_NONE)
		return;
	plan_for(plan, STAGE_FILES, NULL, "scratch space goes");
	plan_call(plan, SYS_fchdir, 1, files->scratch_slot);
	plan_call(plan, SYS_umount2, 0, plan_string(plan, "."), MNT_DETACH);
	files->scratch_slot = FILES_NONE;
}

/* A detached overlay over the detached tree `lower`. Layer names are short and relative to the scratch space: no path
 * of the host, and nothing to escape, is in its options. */
static unsigned
plan_overlay(struct files *files, unsigned lower, mode_t mode)
{
	static const char *const option[] = { "lowerdir", "upperdir", "workdir" };
	struct plan *plan = files->plan;
	unsigned n = files->n_scratch++, context;

	scratch_begin(files);
	plan_call(plan, SYS_fchdir, 1, files->scratch_slot);
	context = plan_open(plan, SYS_fsopen, 0, plan_string(plan, "overlay"), FSOPEN_CLOEXEC);
	for (int i = 0; i < 3; i++) {
		g_autofree char *dir = g_strdup_printf("%s%u", option[i], n);
		uint64_t name = plan_string(plan, dir);

		plan_call(plan, SYS_mkdirat, 0, PLAN_AT_CWD, name, i == 1 ? mode : 0755);
		if (i == 0)
			plan_call(plan, SYS_move_mount, 1, lower, plan_string(plan, ""), PLAN_AT_CWD, name,
			          MOVE_MOUNT_F_EMPTY_PATH);
		plan_call(plan, SYS_fsconfig, 1, context, FSCONFIG_SET_STRING, plan_string(plan, option[i]), name, 0);
	}
	/* trusted.* attributes are not for user namespaces; the kernel's answer to an unknown word is EINVAL, and it does
	 * without */
	if (plan->identity.user_ns)
		plan_call(plan, SYS_fsconfig, 1, context, FSCONFIG_SET_FLAG, plan_string(plan, "userxattr"), 0, 0)->flags |=
			WIRE_ANY;
	plan_call(plan, SYS_fsconfig, 1, context, FSCONFIG_CMD_CREATE, 0, 0, 0);
	return plan_open(plan, SYS_fsmount, 1, context, FSMOUNT_CLOEXEC, ROOT_ATTR);
}

/* --- root --- */

static void
plan_root(struct files *files)
{
	struct plan *plan = files->plan;

	plan_for(plan, STAGE_FILES, files->root_entry, "root %s", files->root_dir);
	if (files->root == FILES_EMPTY) {
		files->root_slot = plan_tmpfs_detached(plan, EMPTY_ROOT_SIZE, FILES_TMPFS_INODES);
	} else if (files->root_on_top) {
		files_attr(files, files->root_slot, ROOT_ATTR | MOUNT_ATTR_RDONLY, true);
		files->root_slot = plan_overlay(files, files->root_slot, 0755);
	} else {
		files_attr(files, files->root_slot, ROOT_ATTR | MOUNT_ATTR_RDONLY, true);
	}
	plan_on_slash(plan, files->root_slot);
	plan_call(plan, SYS_fchdir, 1, files->root_slot);
	plan_call(plan, SYS_pivot_root, 0, plan_string(plan, "."), plan_string(plan, "."));
	plan_call(plan, SYS_umount2, 0, plan_string(plan, "."), MNT_DETACH);
	/* what was stacked on the old root went with it */
	files->scratch_slot = FILES_NONE;
}

/* --- what the spec asks, in its order --- */

static void
plan_bind(struct files *files, const struct files_item *item)
{
	bool read_only = g_str_equal(item->entry->name, "ro-bind") || item->entry->mode & SBX_BIND_READ_ONLY;

	files_attr(files, item->slot, ROOT_ATTR | (read_only ? MOUNT_ATTR_RDONLY : 0), true);
	files_attach(files, item->slot, files_target(files, item->mount.dst, S_ISDIR(item->source.st_mode), true));
	files_place_add(files, item->mount.dst, false);
}

static void
plan_tmpfs(struct files *files, const struct files_item *item)
{
	const struct value_user *user = &files->plan->identity.user;
	uint64_t size = item->mount.size == VALUE_MAX ? FILES_TMPFS_SIZE : item->mount.size;
	uint64_t inodes = item->mount.inodes == VALUE_MAX ? MAX(FILES_TMPFS_INODES, size / 4096) : item->mount.inodes;
	bool shared = g_str_equal(item->mount.dst, "/tmp") || g_str_equal(item->mount.dst, "/var/tmp") ||
	              g_str_equal(item->mount.dst, "/dev/shm");
	g_autofree char *more =
		shared ? g_strdup("mode=1777") : g_strdup_printf("mode=755,uid=%u,gid=%u", user->uid, user->gid);

	files_tmpfs(files, item->mount.dst, size, inodes, more, 0);
}

static void
plan_overlay_item(struct files *files, const struct files_item *item)
{
	struct plan *plan = files->plan;
	unsigned target = files_target(files, item->mount.dst, true, true);
	unsigned lower = plan_open(plan, SYS_open_tree, 1, target, plan_string(plan, ""),
	                           OPEN_TREE_CLONE | OPEN_TREE_CLOEXEC | AT_EMPTY_PATH);
	struct stat lower_dir;
	/* the merged directory shows the mode of the upper one */
	mode_t mode =
		files->root == FILES_HOST && stat(item->mount.dst, &lower_dir) == 0 ? lower_dir.st_mode & 01777 : 0755;

	files_attach(files, plan_overlay(files, lower, mode), target);
	files_place_add(files, item->mount.dst, true);
}

static unsigned
plan_file_at(struct files *files, unsigned dir, const char *name, const struct files_item *item)
{
	struct plan *plan = files->plan;
	const struct spec_entry *entry = item->entry;
	const struct identity *identity = &plan->identity;
	size_t size = entry->data ? g_bytes_get_size(entry->data) : strlen(item->mount.text);
	const void *bytes = entry->data ? g_bytes_get_data(entry->data, NULL) : item->mount.text;
	unsigned fd =
		plan_open(plan, SYS_openat, 1, dir, plan_string(plan, name),
	              O_WRONLY | O_CREAT | O_TRUNC | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC, entry->data ? entry->mode : 0644);

	if (size)
		plan_call(plan, SYS_write, 1, fd, plan_data(plan, bytes, size), size)->flags |= WIRE_FULL;
	if (identity->builder.uid != identity->user.uid || identity->builder.gid != identity->user.gid)
		plan_call(plan, SYS_fchown, 1, fd, identity->user.uid, identity->user.gid);
	plan_call(plan, SYS_close, 1, fd);
	return fd;
}

/* In a place of our own the file is simply made; over one of the host's it is made aside and mounted, read-only. */
static void
plan_file(struct files *files, const struct files_item *item)
{
	struct plan *plan = files->plan;
	const char *name;
	unsigned dir, copy;

	if (files_place_of(files, item->mount.dst)->own) {
		dir = files_parent(files, item->mount.dst, &name);
		plan_file_at(files, dir, name, item);
	} else {
		g_autofree char *aside = g_strdup_printf("file%u", files->n_scratch++);

		scratch_begin(files);
		plan_file_at(files, files->scratch_slot, aside, item);
		copy = plan_open(plan, SYS_open_tree, 1, files->scratch_slot, plan_string(plan, aside),
		                 OPEN_TREE_CLONE | OPEN_TREE_CLOEXEC);
		files_attr(files, copy, ROOT_ATTR | MOUNT_ATTR_RDONLY, false);
		files_attach(files, copy, files_target(files, item->mount.dst, false, true));
	}
}

static void
plan_symlink(struct files *files, const struct files_item *item)
{
	const char *name;
	unsigned dir = files_parent(files, item->mount.dst, &name);

	plan_call(files->plan, SYS_symlinkat, 2, plan_string(files->plan, item->mount.src), dir,
	          plan_string(files->plan, name));
}

/* The host's own tree is never written: where it lies behind dst, dst must be there. */
static bool
check_target(const struct files *files, const struct files_item *item, GError **error)
{
	const struct files_place *place = files_place_of(files, item->mount.dst);
	const struct spec_entry *entry = item->entry;

	if (place->own)
		return true;
	if (entry->key->type == KEY_SYMLINK)
		throw_error(error, EROFS, STAGE_FILES, entry->name, "symlink %s: Read-only file system", item->mount.dst);
	else if (files->root == FILES_HOST && place->dst[1] == '\0' && access(item->mount.dst, F_OK) < 0)
		throw_errno(error, STAGE_FILES, entry->name, "mount point %s", item->mount.dst);
	else
		return true;
	return throw_hint(error,
	                  "nothing is made in the host's own tree; put a tmpfs or an overlay over a directory above it");
}

static bool
plan_item(struct files *files, const struct files_item *item, GError **error)
{
	g_autoptr(GError) failure = NULL;

	if (!check_target(files, item, &failure)) {
		if (item->entry->best_effort)
			plan_drop(files->plan, item->entry);
		else
			g_propagate_error(error, g_steal_pointer(&failure));
		return item->entry->best_effort;
	}
	plan_for(files->plan, STAGE_FILES, item->entry, "%s %s", item->entry->name, item->mount.dst);
	switch (item->entry->key->type) {
	case KEY_BIND:
		plan_bind(files, item);
		break;
	case KEY_TMPFS:
		plan_tmpfs(files, item);
		break;
	case KEY_DST:
		plan_overlay_item(files, item);
		break;
	case KEY_FILE:
		plan_file(files, item);
		break;
	case KEY_SYMLINK:
		plan_symlink(files, item);
		break;
	default:
		return throw_error(error, EINVAL, STAGE_FILES, item->entry->name, "%s is not about files", item->entry->name);
	}
	return true;
}

bool
files_plan_root(struct files *files, GError **error)
{
	struct plan *plan = files->plan;

	plan_root(files);
	files_standard_mounts(files);
	for (guint i = 0; i < files->items->len; i++)
		if (!plan_item(files, &g_array_index(files->items, struct files_item, i), error))
			return false;
	scratch_end(files);
	files_standard_finish(files);
	if (files->root == FILES_EMPTY || (files->root_on_top && !files->root_overlay))
		files_attr(files, files->root_slot, MOUNT_ATTR_RDONLY | ROOT_ATTR, false);
	plan_call(plan, SYS_chdir, 0, plan_string(plan, "/"));
	return true;
}
