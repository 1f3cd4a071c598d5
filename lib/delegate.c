/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* SPDX-FileCopyrightText: The libsbx developers */

/*
 * A place in the cgroup tree.
 *
 * Theory of operation: "auto" walks from the host's own group up to the mount. A directory is taken that we may write,
 * that can hold groups of its own, and that has, or can be given, the wanted controllers; if there is none, one to
 * which they can be passed down. What stood in the way is remembered; when nothing is found, the reason that tells
 * most is the answer. A path given is not walked from: the controllers are passed down to it.
 */
#include "delegate.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#include "cgroupfs.h"
#include "delegate-dir.h"
#include "error.h"
#include "fd.h"
#include "leaf.h"

/* Nothing has to be there, but the report is made from these: a place where they are enabled already is better. */
static bool
dir_is_preferred(const struct dir *dir)
{
	g_autofree char *enabled = fd_read_file_at(dir->fd, "cgroup.subtree_control");

	return enabled && cgroupfs_lists(enabled, "memory") && cgroupfs_lists(enabled, "pids");
}

/* Cut the last part off; false: that was `top`, above which we do not go. */
static bool
step_up(char *relative, const char *top)
{
	char *slash = strrchr(relative, '/');

	if (strlen(relative) <= strlen(top))
		return false;
	*(slash ? slash : relative) = '\0';
	return true;
}

static void
dir_give(struct dir *dir, int *ret_fd, char **ret_path)
{
	*ret_fd = fd_steal(&dir->fd);
	*ret_path = g_steal_pointer(&dir->path);
}

/* Walk up from the host's own group. */
static bool
walk_up(const struct cgroupfs *fs, const char *top, const struct wish *wish, bool preferred_only, struct dir *ret_dir,
        GError **error)
{
	g_autofree char *relative = g_strdup(fs->own);
	g_autoptr(GError) reason = NULL;
	enum telling best = TELLS_NOTHING;

	do {
		g_auto(dir_t) dir = { .fd = -1 };
		g_autoptr(GError) local = NULL;
		enum telling telling = TELLS_NOT_OURS;

		if (dir_open(fs, relative, &dir, &local) && (!preferred_only || dir_is_preferred(&dir)) &&
		    dir_take(&dir, wish, &telling, &local)) {
			dir_give(&dir, &ret_dir->fd, &ret_dir->path);
			return true;
		}
		if (local && telling > best) {
			best = telling;
			g_clear_error(&reason);
			reason = g_steal_pointer(&local);
		}
	} while (step_up(relative, top));
	if (reason)
		g_propagate_error(error, g_steal_pointer(&reason));
	return false;
}

/* Pass the controllers on, from `top` down to the group. Directories that have them enabled need not be ours. `dry`:
 * only look whether that would be done. */
static bool
pass_down(const struct cgroupfs *fs, const char *top, const char *relative, const struct wish *wish, bool dry,
          GError **error)
{
	for (const char *end = relative + strlen(top); *end != '\0'; end += strcspn(end, "/")) {
		g_autofree char *above = g_strndup(relative, (gsize)(end - relative));
		g_autofree char *enabled = NULL;
		g_auto(dir_t) dir = { .fd = -1 };
		enum telling telling;

		end += *end == '/';
		if (!dir_open(fs, above, &dir, error))
			return false;
		if (!dry && !dir_enable(&dir, wish, &telling, error))
			return false;
		enabled = dry ? fd_read_file_at(dir.fd, "cgroup.subtree_control") : NULL;
		if (dry && (!enabled ||
		            (wish_missing(wish, enabled) >= 0 &&
		             (dir_has_processes(&dir) || faccessat(dir.fd, "cgroup.subtree_control", W_OK, AT_EACCESS) < 0))))
			return false;
	}
	return true;
}

/* No group has got them: have them passed on to one that could use them, from a group that is not a place itself. */
static bool
walk_and_pass_down(const struct cgroupfs *fs, const char *top, const struct wish *wish, struct dir *ret_dir)
{
	g_autofree char *relative = g_strdup(fs->own);

	do {
		g_auto(dir_t) dir = { .fd = -1 };
		enum telling telling;

		if (dir_open(fs, relative, &dir, NULL) && dir_is_ours(&dir, NULL) && dir_is_domain(&dir, NULL) &&
		    !dir_has_processes(&dir) && pass_down(fs, top, relative, wish, true, NULL) &&
		    pass_down(fs, top, relative, wish, false, NULL) && dir_enable(&dir, wish, &telling, NULL)) {
			dir_give(&dir, &ret_dir->fd, &ret_dir->path);
			return true;
		}
	} while (step_up(relative, top));
	return false;
}

static bool
throw_outside(const struct cgroupfs *fs, GError **error)
{
	throw_error(error, ENOENT, STAGE_CGROUP, PARENT_KEY, "the host's own cgroup lies outside of the cgroup v2 mount %s",
	            fs->path);
	return throw_hint(
		error,
		"name a group below %s as cgroup.parent, or mount cgroup2 once more, on another directory: mount -t "
		"cgroup2 none DIR",
		fs->path);
}

static bool
delegate_auto(const struct cgroupfs *fs, const char *top, const struct wish *wish, struct dir *ret_dir, GError **error)
{
	bool wanted = wish->controllers && wish->controllers[0];
	g_autoptr(GError) reason = NULL;

	if (!fs->own)
		return throw_outside(fs, error);
	if (!wanted && walk_up(fs, top, wish, true, ret_dir, NULL))
		return true;
	if (walk_up(fs, top, wish, false, ret_dir, &reason) || (wanted && walk_and_pass_down(fs, top, wish, ret_dir)))
		return true;
	g_propagate_error(error, g_steal_pointer(&reason));
	return false;
}

/* A path of the user's, relative to the mount; both ways to write it are understood. g_free() it. */
static char *
path_relative(const struct cgroupfs *fs, const char *given, GError **error)
{
	g_auto(GStrv) parts = g_strsplit(given, "/", -1);
	g_autofree char *path = NULL;
	const char *relative, *in_proc;

	if (*given != '/' || g_strv_contains((const char *const *)parts, "..")) {
		throw_error(error, EINVAL, STAGE_CGROUP, PARENT_KEY, "%s is not an absolute path free of \"..\"", given);
		return NULL;
	}
	path = g_canonicalize_filename(given + strspn(given, "/") - 1, "/");
	relative = cgroupfs_relative(fs->path, path);
	in_proc = cgroupfs_relative(fs->root, path);
	/* "/a" may mean a group as well as a directory of the host's. */
	if (!relative && in_proc &&
	    (faccessat(fs->fd, *in_proc ? in_proc : ".", F_OK, 0) == 0 || faccessat(AT_FDCWD, path, F_OK, 0) < 0))
		relative = in_proc;
	if (relative)
		return g_strdup(relative);
	throw_error(error, EINVAL, STAGE_CGROUP, PARENT_KEY, "%s is not below the cgroup v2 mount %s", path, fs->path);
	throw_hint(error, "write it as %s/GROUP, or as /proc/PID/cgroup has it: /GROUP", fs->path);
	return NULL;
}

/* A process is cloned from the host's group into one below `relative`: see dir_is_ours(). */
static bool
common_is_ours(const struct cgroupfs *fs, const char *relative, GError **error)
{
	size_t common = 0;
	g_autofree char *above = NULL;
	g_auto(dir_t) dir = { .fd = -1 };

	if (!fs->own)
		return true;
	for (size_t i = 0;; i++) {
		bool ends = fs->own[i] == '\0' || relative[i] == '\0';

		if ((fs->own[i] == '/' || fs->own[i] == '\0') && (relative[i] == '/' || relative[i] == '\0'))
			common = i;
		if (ends || fs->own[i] != relative[i])
			break;
	}
	above = g_strndup(relative, common);
	if (!dir_open(fs, above, &dir, error))
		return false;
	if (faccessat(dir.fd, "cgroup.procs", W_OK, AT_EACCESS) == 0)
		return true;
	throw_errno(error, STAGE_CGROUP, PARENT_KEY,
	            "the host sits in %s/%s: to start a process in %s/%s it must be able to write cgroup.procs of %s, "
	            "which the two have in common",
	            fs->path, fs->own, fs->path, relative, dir.path);
	return throw_hint(error,
	                  "start the host in a group below %s/%s; under systemd: "
	                  "systemd-run --user --scope -p Delegate=yes COMMAND",
	                  fs->path, relative);
}

static bool
delegate_path(const struct cgroupfs *fs, const char *parent, const struct wish *wish, struct dir *ret_dir,
              GError **error)
{
	g_autofree char *relative = path_relative(fs, parent, error);
	g_auto(dir_t) dir = { .fd = -1 };
	g_autofree char *enabled = NULL;
	enum telling telling;

	if (!relative)
		return false;
	if (!dir_open(fs, relative, &dir, error))
		return throw_hint(error, "make the group first: mkdir %s", dir.path);
	if (!dir_is_ours(&dir, error) || !dir_is_domain(&dir, error) || !common_is_ours(fs, relative, error))
		return false;
	enabled = fd_read_file_at(dir.fd, "cgroup.subtree_control");
	if (!enabled || wish_missing(wish, enabled) >= 0)
		if (!pass_down(fs, "", relative, wish, false, error) || !dir_enable(&dir, wish, &telling, error))
			return false;
	dir_give(&dir, &ret_dir->fd, &ret_dir->path);
	return true;
}

/* The mount, and what is wanted is offered at the top of it. */
static bool
fs_open(struct cgroupfs *fs, const struct wish *wish, GError **error)
{
	g_autofree char *offered = NULL;
	int missing;

	if (!cgroupfs_open(fs, error))
		return throw_key(error, wish->keys && wish->keys[0] ? wish->keys[0] : PARENT_KEY);
	offered = fd_read_file_at(fs->fd, "cgroup.controllers");
	if (!offered)
		return throw_errno(error, STAGE_CGROUP, PARENT_KEY, "read %s/cgroup.controllers", fs->path);
	missing = wish_missing(wish, offered);
	return missing < 0 || cgroupfs_missing(wish->controllers[missing], wish->keys[missing], fs->path, error);
}

bool
delegate_offered(const char *const *controllers, const char *const *keys, GError **error)
{
	const struct wish wish = { .controllers = controllers, .keys = keys };
	g_auto(cgroupfs_t) fs = { 0 };

	return fs_open(&fs, &wish, error);
}

bool
delegate_find(const char *parent, const char *const *controllers, const char *const *keys, int *ret_fd, char **ret_path,
              GError **error)
{
	const struct wish wish = { .controllers = controllers, .keys = keys };
	g_auto(cgroupfs_t) fs = { 0 };
	g_auto(dir_t) dir = { .fd = -1 };

	if (!parent || strcmp(parent, "auto") == 0)
		return delegate_find_below("", controllers, keys, ret_fd, ret_path, error);
	if (!fs_open(&fs, &wish, error) || !delegate_path(&fs, parent, &wish, &dir, error))
		return false;
	dir_give(&dir, ret_fd, ret_path);
	return true;
}

bool
delegate_find_below(const char *top, const char *const *controllers, const char *const *keys, int *ret_fd,
                    char **ret_path, GError **error)
{
	const struct wish wish = { .controllers = controllers, .keys = keys };
	g_auto(cgroupfs_t) fs = { 0 };
	g_auto(dir_t) dir = { .fd = -1 };

	if (!fs_open(&fs, &wish, error) || !delegate_auto(&fs, top, &wish, &dir, error))
		return false;
	dir_give(&dir, ret_fd, ret_path);
	return true;
}

bool
delegate_leaf(const char *top, const char *const *controllers, const char *const *keys, int *ret_fd, char **ret_path,
              GError **error)
{
	const struct wish wish = { .controllers = controllers, .keys = keys };
	g_auto(cgroupfs_t) fs = { 0 };
	g_auto(dir_t) dir = { .fd = -1 };
	g_auto(leaf_t) leaf = { .fd = -1, .group_fd = -1 };
	g_autoptr(GError) reason = NULL;
	g_autofree char *relative = NULL;
	g_autofree char *offered = NULL;
	enum telling telling = TELLS_BUSY;

	if (!fs_open(&fs, &wish, error))
		return false;
	if (!fs.own)
		return throw_outside(&fs, error);
	relative = g_strdup(fs.own);
	/* we sit in the leaf already, and somebody has come into the group since */
	if (g_str_has_suffix(relative, "/" LEAF_NAME) || g_str_equal(relative, LEAF_NAME))
		(void)step_up(relative, top);
	if (!dir_open(&fs, relative, &dir, error) || !dir_is_ours(&dir, error) || !dir_is_domain(&dir, error))
		return false;
	offered = fd_read_file_at(dir.fd, "cgroup.controllers");
	if (offered && wish_missing(&wish, offered) >= 0 && pass_down(&fs, top, relative, &wish, true, NULL))
		(void)pass_down(&fs, top, relative, &wish, false, NULL);
	/* What is not offered can't be enabled, empty or not: then nobody has to move. */
	g_free(offered);
	offered = fd_read_file_at(dir.fd, "cgroup.controllers");
	if (offered && wish_missing(&wish, offered) >= 0)
		return dir_enable(&dir, &wish, &telling, error);
	if (!leaf_open(dir.fd, dir.path, &leaf, error))
		return false;
	/* Somebody may come in between the last look and the write: then once more. */
	for (int i = 0; i < 3 && telling == TELLS_BUSY; i++) {
		g_clear_error(&reason);
		if (!leaf_fill(&leaf, &reason))
			break;
		if (dir_enable(&dir, &wish, &telling, &reason)) {
			dir_give(&dir, ret_fd, ret_path);
			return true;
		}
	}
	g_propagate_error(error, g_steal_pointer(&reason));
	return leaf_undo(&leaf, error);
}

bool
delegate_take(const char *path, const char *const *controllers, const char *const *keys, int *ret_fd, char **ret_path,
              bool *ret_reach, GError **error)
{
	const struct wish wish = { .controllers = controllers, .keys = keys };
	g_auto(cgroupfs_t) fs = { 0 };
	g_auto(dir_t) dir = { .fd = -1 };
	g_autofree char *relative = NULL;
	enum telling telling;

	if (!fs_open(&fs, &wish, error))
		return false;
	relative = path_relative(&fs, path, error);
	if (!relative || !dir_open(&fs, relative, &dir, error) || !dir_take(&dir, &wish, &telling, error))
		return false;
	*ret_reach = fs.own && common_is_ours(&fs, relative, NULL);
	dir_give(&dir, ret_fd, ret_path);
	return true;
}

char *
delegate_controllers(int fd)
{
	char *list = fd_read_file_at(fd, "cgroup.subtree_control");

	return list ? g_strchomp(list) : NULL;
}
