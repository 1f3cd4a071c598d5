/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* SPDX-FileCopyrightText: The libsbx developers */

/*
 * The box's file system, as steps.
 *
 * Theory of operation. Init starts in a copy of the host's mount namespace, with the host's user. It takes a detached
 * copy of every source (open_tree), then the box's ids, makes the root's copy read-only, puts it on top of "/" and
 * pivots into it without a scratch directory on the host. What follows happens inside. Sources that only a privileged
 * host may reach are copied by the host and handed over as fds. An overlay needs directories that are attached
 * somewhere: a tmpfs stacked on "/" is that place (path lookups start below it, so it is in nobody's way), and is gone
 * before READY.
 */
#include "files.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "fd.h"
#include "files-parts.h"
#include "host.h"

/* --- decide --- */

static void
place_clear(struct files_place *place)
{
	g_free(place->dst);
}

static void
item_clear(struct files_item *item)
{
	value_mount_clear(&item->mount);
}

void
files_free(struct files *files)
{
	if (!files)
		return;
	g_array_unref(files->items);
	g_array_unref(files->places);
	g_clear_pointer(&files->devices, g_array_unref);
	g_free(files);
}

static bool
is_bind(const struct spec_entry *entry)
{
	return entry->key->type == KEY_BIND;
}

bool
files_host_copy(struct plan *plan, int dirfd, const char *path, unsigned *ret_slot)
{
	int flags = OPEN_TREE_CLONE | OPEN_TREE_CLOEXEC | AT_RECURSIVE | (*path ? 0 : AT_EMPTY_PATH);
	struct mount_attr alone = { .propagation = MS_PRIVATE };
	autofd fd = -1;

	if (!host_is_privileged())
		return true;
	fd = (int)syscall(SYS_open_tree, dirfd, path, flags);
	/* a copy of a shared mount is shared too: what the box mounts below it would appear on the host, and stay there */
	if (fd >= 0 && syscall(SYS_mount_setattr, fd, "", AT_EMPTY_PATH | AT_RECURSIVE, &alone, sizeof alone) == 0)
		*ret_slot = plan_fd(plan, fd_steal(&fd), true, *path ? path : "a file of the host");
	return *ret_slot != FILES_NONE || errno == EPERM;
}

static bool
open_bind_fd(struct files *files, struct files_item *item, GError **error)
{
	const struct spec_entry *entry = item->entry;
	g_autofree char *link = g_strdup_printf("/proc/self/fd/%d", entry->fd);
	struct stat again;

	if (fstat(entry->fd, &item->source) < 0)
		return throw_errno(error, STAGE_FILES, entry->name, "stat fd %d", entry->fd);
	if (!files_host_copy(files->plan, entry->fd, "", &item->slot))
		return throw_errno(error, STAGE_FILES, entry->name, "copy the tree of fd %d", entry->fd);
	if (item->slot != FILES_NONE)
		return true;
	/* a plain user's box can only copy what it can name; init would notice a name that is gone, we notice one that
	 * changed */
	g_free(item->mount.src);
	item->mount.src = g_file_read_link(link, NULL);
	if (!item->mount.src || stat(item->mount.src, &again) < 0 || again.st_dev != item->source.st_dev ||
	    again.st_ino != item->source.st_ino)
		return throw_error(error, ENOTSUP, STAGE_FILES, entry->name,
		                   "fd %d has no name any more, and only root can bind a nameless file", entry->fd);
	return true;
}

static bool
open_bind_path(struct files *files, struct files_item *item, GError **error)
{
	const struct spec_entry *entry = item->entry;
	const char *src = item->mount.src;

	if (stat(src, &item->source) < 0)
		return throw_errno(error, STAGE_FILES, entry->name, "%s %s", entry->name, src);
	return files_host_copy(files->plan, AT_FDCWD, src, &item->slot) ||
	       throw_errno(error, STAGE_FILES, entry->name, "copy the tree of %s", src);
}

/* What a wish for the host's own tree can't have. */
static bool
check_item(struct files *files, const struct files_item *item, GError **error)
{
	const struct spec_entry *entry = item->entry;
	const char *dst = item->mount.dst;

	if (entry->key->type == KEY_DST && g_str_equal(dst, "/")) {
		if (files->root != FILES_DIR) {
			throw_error(error, EINVAL, STAGE_FILES, entry->name, "overlay / needs root=DIR");
			return throw_hint(error, "name directories below / (overlay=/usr), or use root=DIR");
		}
		return true;
	}
	if (g_str_equal(dst, "/"))
		return throw_error(error, EINVAL, STAGE_FILES, entry->name, "%s can't replace /; the root directory is `root`",
		                   entry->name);
	return true;
}

static bool
add_item(struct files *files, const struct spec_entry *entry, GError **error)
{
	struct files_item item = { .entry = entry, .slot = FILES_NONE };
	bool good = true;

	if (entry->data || entry->fd >= 0)
		item.mount.dst = g_strdup(entry->value);
	else
		value_mount(entry->key->type, entry->value, &item.mount);
	if (!check_item(files, &item, error)) {
		item_clear(&item);
		return false;
	}
	if (entry->key->type == KEY_DST && g_str_equal(item.mount.dst, "/")) {
		files->root_overlay = entry;
		item_clear(&item);
		return true;
	}
	if (is_bind(entry)) {
		g_autoptr(GError) failure = NULL;

		good = entry->fd >= 0 ? open_bind_fd(files, &item, &failure) : open_bind_path(files, &item, &failure);
		if (!good && !entry->best_effort)
			g_propagate_error(error, g_steal_pointer(&failure));
		if (!good)
			item_clear(&item);
		if (!good && entry->best_effort)
			plan_drop(files->plan, entry);
	}
	if (good)
		g_array_append_val(files->items, item);
	return good || entry->best_effort;
}

/* Does the root directory lack a mount point that will be needed? Then an overlay takes it, not the host's tree. */
static bool
root_lacks(int root, const char *dst)
{
	struct open_how how = { .flags = O_PATH | O_CLOEXEC, .resolve = RESOLVE_IN_ROOT | RESOLVE_NO_MAGICLINKS };
	autofd fd = (int)syscall(SYS_openat2, root, dst + 1, &how, sizeof how);

	/* in these two lies a tmpfs of ours, whatever is behind it */
	return fd < 0 && errno == ENOENT && !g_str_has_prefix(dst, "/tmp/") && !g_str_has_prefix(dst, "/dev/");
}

static bool
decide_root_dir(struct files *files, GError **error)
{
	static const char *const standard[] = { "/proc", "/sys", "/dev", "/tmp" };
	autofd root = open(files->root_dir, O_PATH | O_DIRECTORY | O_CLOEXEC);

	if (root < 0)
		return throw_errno(error, STAGE_FILES, "root", "open the root directory %s", files->root_dir);
	if (!files_host_copy(files->plan, root, "", &files->root_slot))
		return throw_errno(error, STAGE_FILES, "root", "copy the tree of %s", files->root_dir);
	files->root_on_top = files->root_overlay != NULL;
	for (gsize i = 0; i < G_N_ELEMENTS(standard); i++)
		files->root_on_top = files->root_on_top || root_lacks(root, standard[i]);
	for (guint i = 0; i < files->items->len; i++)
		files->root_on_top =
			files->root_on_top || root_lacks(root, g_array_index(files->items, struct files_item, i).mount.dst);
	return true;
}

bool
files_new(const sbx_spec *spec, struct plan *plan, struct files **ret_files, GError **error)
{
	g_autoptr(files_t) files = g_new0(struct files, 1);
	const char *root = spec_text(spec, "root");

	files->spec = spec;
	files->plan = plan;
	files->items = g_array_new(false, true, sizeof(struct files_item));
	g_array_set_clear_func(files->items, (GDestroyNotify)item_clear);
	files->places = g_array_new(false, true, sizeof(struct files_place));
	g_array_set_clear_func(files->places, (GDestroyNotify)place_clear);
	files->root_slot = files->scratch_slot = files->proc_slot = files->sys_slot = files->dev_slot = FILES_NONE;
	files->whole_proc_slot = FILES_NONE;
	files->root_entry = spec_entry(spec, "root");
	files->root = g_str_equal(root, "host") ? FILES_HOST : g_str_equal(root, "empty") ? FILES_EMPTY : FILES_DIR;
	files->root_dir = root;
	files_place_add(files, "/", files->root == FILES_EMPTY);
	for (guint i = 0; i < spec->entries->len; i++) {
		const struct spec_entry *entry = spec_at(spec, i);

		if (entry->key->type == KEY_DEVICE && !files_device_add(files, entry, error))
			return false;
		if (entry->key->type != KEY_BIND && entry->key->type != KEY_TMPFS && entry->key->type != KEY_DST &&
		    entry->key->type != KEY_FILE && entry->key->type != KEY_SYMLINK)
			continue;
		if (!add_item(files, entry, error))
			return false;
	}
	if (files->root == FILES_DIR && !decide_root_dir(files, error))
		return false;
	g_array_index(files->places, struct files_place, 0).own |= files->root_on_top;
	*ret_files = g_steal_pointer(&files);
	return true;
}

/* --- sources --- */

static unsigned
clone_tree(struct plan *plan, const char *path)
{
	return plan_open(plan, SYS_open_tree, 0, PLAN_AT_CWD, plan_string(plan, path),
	                 OPEN_TREE_CLONE | OPEN_TREE_CLOEXEC | AT_RECURSIVE);
}

void
files_plan_sources(struct files *files)
{
	struct plan *plan = files->plan;

	plan_for(plan, STAGE_FILES, NULL, "nothing mounted here shows on the host");
	plan_call(plan, SYS_umask, 0, 0);
	plan_call(plan, SYS_mount, 0, 0, plan_string(plan, "/"), 0, MS_REC | MS_PRIVATE, 0);
	if (files->root != FILES_EMPTY && files->root_slot == FILES_NONE) {
		plan_for(plan, STAGE_FILES, files->root_entry, "root %s", files->root_dir);
		files->root_slot = clone_tree(plan, files->root == FILES_HOST ? "/" : files->root_dir);
	}
	for (guint i = 0; i < files->items->len; i++) {
		struct files_item *item = &g_array_index(files->items, struct files_item, i);

		if (!is_bind(item->entry) || item->slot != FILES_NONE)
			continue;
		plan_for(plan, STAGE_FILES, item->entry, "%s %s", item->entry->name, item->mount.src);
		item->slot = clone_tree(plan, item->mount.src);
	}
	files_standard_sources(files);
}
