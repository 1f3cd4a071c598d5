/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* SPDX-FileCopyrightText: The libsbx developers */

/*
 * A place in the cgroup tree.
 *
 * Theory of operation: "auto" walks from the host's own group up to the mount. A directory is taken that we may write,
 * that can hold groups of its own, and that has, or can be given, the wanted controllers. What stood in the way is
 * remembered; when nothing is found, the reason that tells most is the answer. A path given is not walked from: the
 * controllers are passed down to it.
 */
#include "delegate.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#include "cgroupfs.h"
#include "error.h"
#include "fd.h"

#define PARENT_KEY "cgroup.parent"

/* How much a reason tells; higher is better. */
enum telling { TELLS_NOTHING, TELLS_NOT_OURS, TELLS_NOT_PASSED_ON, TELLS_TYPE, TELLS_BUSY };

struct wish {
	const char *const *controllers;
	const char *const *keys;
};

struct dir {
	int fd;
	char *path;
};

static void
dir_clear(struct dir *dir)
{
	fd_close(&dir->fd);
	g_free(dir->path);
	dir->path = NULL;
}
typedef struct dir dir_t;
G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC(dir_t, dir_clear)

static const char *
hint_for(int code)
{
	if (code == EROFS)
		return "cgroup2 is mounted read-only here: mount it read-write (container managers have an option)";
	return "give this user the group: chown the directory, its cgroup.procs and its cgroup.subtree_control; under systemd "
		   "Delegate=yes in the unit, or: systemd-run --user --scope -p Delegate=yes COMMAND";
}

/* The first wanted controller that `list` has not, as an index; -1: it has all. */
static int
wish_missing(const struct wish *wish, const char *list)
{
	for (int i = 0; wish->controllers && wish->controllers[i]; i++)
		if (!cgroupfs_lists(list, wish->controllers[i]))
			return i;
	return -1;
}

static bool
dir_open(const struct cgroupfs *fs, const char *relative, struct dir *dir, GError **error)
{
	dir->path = *relative ? g_build_filename(fs->path, relative, NULL) : g_strdup(fs->path);
	dir->fd = openat(fs->fd, *relative ? relative : ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW);
	if (dir->fd < 0)
		return throw_errno(error, STAGE_CGROUP, PARENT_KEY, "open %s", dir->path);
	return true;
}

/* Groups may be made here and processes cloned into them: CLONE_INTO_CGROUP asks for cgroup.procs of what the old and
 * the new group have in common. */
static bool
dir_is_ours(const struct dir *dir, GError **error)
{
	if (faccessat(dir->fd, ".", W_OK | X_OK, AT_EACCESS) == 0 &&
	    faccessat(dir->fd, "cgroup.procs", W_OK, AT_EACCESS) == 0)
		return true;
	throw_errno(error, STAGE_CGROUP, PARENT_KEY, "the cgroup %s cannot be written by this user", dir->path);
	return throw_hint(error, "%s", hint_for(faccessat(dir->fd, ".", W_OK, AT_EACCESS) < 0 ? errno : EACCES));
}

static bool
dir_is_domain(const struct dir *dir, GError **error)
{
	g_autofree char *type = fd_read_file_at(dir->fd, "cgroup.type");

	/* The root of the tree has no such file, and is one. */
	if (!type && errno == ENOENT)
		return true;
	if (!type)
		return throw_errno(error, STAGE_CGROUP, PARENT_KEY, "read %s/cgroup.type", dir->path);
	g_strchomp(type);
	if (strcmp(type, "domain") == 0)
		return true;
	throw_error(error, ENOTSUP, STAGE_CGROUP, PARENT_KEY,
	            "%s is of cgroup type \"%s\": groups below it cannot have limits of memory or io", dir->path, type);
	return throw_hint(error, "name a group of type \"domain\" as cgroup.parent");
}

/* The kernel lets threaded controllers (cpu, pids) be enabled above processes, but that makes a threaded group of it,
 * in which no box can live. So we look ourselves. */
static bool
dir_has_processes(const struct dir *dir)
{
	autofd fd = openat(dir->fd, "cgroup.procs", O_RDONLY | O_CLOEXEC);
	char byte;

	if (faccessat(dir->fd, "cgroup.type", F_OK, 0) < 0)
		return false; /* the root of the tree may have both */
	return fd >= 0 && read(fd, &byte, 1) == 1;
}

static bool
throw_busy(const struct dir *dir, const char *controller, const char *key, GError **error)
{
	throw_error(error, EBUSY, STAGE_CGROUP, key,
	            "%s has processes of its own, so it cannot enable %s for its children "
	            "(the kernel's \"no internal processes\" rule)",
	            dir->path, controller);
	return throw_hint(error,
	                  "move them to a group below it (mkdir %s/host, write each pid into %s/host/cgroup.procs), "
	                  "or name another group as cgroup.parent",
	                  dir->path, dir->path);
}

static char *
wish_command(const struct wish *wish, const char *enabled)
{
	GString *command = g_string_new(NULL);

	for (int i = 0; wish->controllers[i]; i++)
		if (!cgroupfs_lists(enabled, wish->controllers[i]))
			g_string_append_printf(command, "%s+%s", command->len ? " " : "", wish->controllers[i]);
	return g_string_free(command, FALSE);
}

static bool
throw_enable(const struct dir *dir, const char *controller, const char *key, GError **error)
{
	int code = errno;

	if (code == EBUSY)
		return throw_busy(dir, controller, key, error);
	throw_errno(error, STAGE_CGROUP, key, "enable the %s controller in %s/cgroup.subtree_control", controller,
	            dir->path);
	if (code == EACCES || code == EPERM || code == EROFS)
		throw_hint(error, "%s", hint_for(code));
	return false;
}

/* Make the wanted controllers usable in children of `dir`. One write: all of them or none. */
static bool
dir_enable(const struct dir *dir, const struct wish *wish, enum telling *ret_telling, GError **error)
{
	g_autofree char *enabled = fd_read_file_at(dir->fd, "cgroup.subtree_control");
	g_autofree char *offered = NULL;
	g_autofree char *command = NULL;
	int missing;

	*ret_telling = TELLS_NOT_OURS;
	if (!enabled)
		return throw_errno(error, STAGE_CGROUP, PARENT_KEY, "read %s/cgroup.subtree_control", dir->path);
	missing = wish_missing(wish, enabled);
	if (missing < 0)
		return true;
	offered = fd_read_file_at(dir->fd, "cgroup.controllers");
	if (!offered)
		return throw_errno(error, STAGE_CGROUP, PARENT_KEY, "read %s/cgroup.controllers", dir->path);
	if (wish_missing(wish, offered) >= 0) {
		missing = wish_missing(wish, offered);
		*ret_telling = TELLS_NOT_PASSED_ON;
		return cgroupfs_missing(wish->controllers[missing], wish->keys[missing], dir->path, error);
	}
	if (dir_has_processes(dir)) {
		*ret_telling = TELLS_BUSY;
		return throw_busy(dir, wish->controllers[missing], wish->keys[missing], error);
	}
	command = wish_command(wish, enabled);
	if (fd_write_file_at(dir->fd, "cgroup.subtree_control", command))
		return true;
	*ret_telling = errno == EBUSY ? TELLS_BUSY : TELLS_NOT_OURS;
	return throw_enable(dir, wish->controllers[missing], wish->keys[missing], error);
}

/* May the box's group be made here, with all that is wanted? */
static bool
dir_take(const struct dir *dir, const struct wish *wish, enum telling *ret_telling, GError **error)
{
	*ret_telling = TELLS_NOT_OURS;
	if (!dir_is_ours(dir, error))
		return false;
	*ret_telling = TELLS_TYPE;
	if (!dir_is_domain(dir, error))
		return false;
	return dir_enable(dir, wish, ret_telling, error);
}

/* Nothing has to be there, but the report is made from these: a place where they are enabled already is better. */
static bool
dir_is_preferred(const struct dir *dir)
{
	g_autofree char *enabled = fd_read_file_at(dir->fd, "cgroup.subtree_control");

	return enabled && cgroupfs_lists(enabled, "memory") && cgroupfs_lists(enabled, "pids");
}

/* Walk up from the host's own group. */
static bool
walk_up(const struct cgroupfs *fs, const struct wish *wish, bool preferred_only, struct dir *ret_dir, GError **error)
{
	g_autofree char *relative = g_strdup(fs->own);
	g_autoptr(GError) reason = NULL;
	enum telling best = TELLS_NOTHING;

	for (;;) {
		g_auto(dir_t) dir = { .fd = -1 };
		g_autoptr(GError) local = NULL;
		enum telling telling = TELLS_NOT_OURS;
		char *slash;

		if (dir_open(fs, relative, &dir, &local) && (!preferred_only || dir_is_preferred(&dir)) &&
		    dir_take(&dir, wish, &telling, &local)) {
			*ret_dir = (struct dir){ .fd = fd_steal(&dir.fd), .path = g_steal_pointer(&dir.path) };
			return true;
		}
		if (local && telling > best) {
			best = telling;
			g_clear_error(&reason);
			reason = g_steal_pointer(&local);
		}
		if (*relative == '\0')
			break;
		slash = strrchr(relative, '/');
		*(slash ? slash : relative) = '\0';
	}
	if (reason)
		g_propagate_error(error, g_steal_pointer(&reason));
	return false;
}

static bool
delegate_auto(const struct cgroupfs *fs, const struct wish *wish, struct dir *ret_dir, GError **error)
{
	bool wanted = wish->controllers && wish->controllers[0];

	if (!fs->own) {
		throw_error(error, ENOENT, STAGE_CGROUP, PARENT_KEY,
		            "the host's own cgroup lies outside of the cgroup v2 mount %s", fs->path);
		return throw_hint(error, "name a group below %s as cgroup.parent, or mount cgroup2 in this namespace",
		                  fs->path);
	}
	if (!wanted && walk_up(fs, wish, true, ret_dir, NULL))
		return true;
	return walk_up(fs, wish, false, ret_dir, error);
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

/* Pass the controllers on, from the mount down to the group. Directories that have them enabled need not be ours. */
static bool
enable_down(const struct cgroupfs *fs, const char *relative, const struct wish *wish, GError **error)
{
	for (const char *end = relative; *end != '\0'; end += strcspn(end, "/")) {
		g_autofree char *above = NULL;
		g_auto(dir_t) dir = { .fd = -1 };
		enum telling telling;

		above = g_strndup(relative, (gsize)(end - relative));
		end += *end == '/';
		if (!dir_open(fs, above, &dir, error) || !dir_enable(&dir, wish, &telling, error))
			return false;
	}
	return true;
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
		if (!enable_down(fs, relative, wish, error) || !dir_enable(&dir, wish, &telling, error))
			return false;
	*ret_dir = (struct dir){ .fd = fd_steal(&dir.fd), .path = g_steal_pointer(&dir.path) };
	return true;
}

bool
delegate_find(const char *parent, const char *const *controllers, const char *const *keys, int *ret_fd, char **ret_path,
              GError **error)
{
	bool is_auto = !parent || strcmp(parent, "auto") == 0;
	const struct wish wish = { .controllers = controllers, .keys = keys };
	g_auto(cgroupfs_t) fs = { 0 };
	g_auto(dir_t) dir = { .fd = -1 };
	g_autofree char *offered = NULL;
	int missing;

	if (!cgroupfs_open(&fs, error))
		return throw_key(error, keys && keys[0] ? keys[0] : PARENT_KEY);
	offered = fd_read_file_at(fs.fd, "cgroup.controllers");
	if (!offered)
		return throw_errno(error, STAGE_CGROUP, PARENT_KEY, "read %s/cgroup.controllers", fs.path);
	/* What is not even offered at the top is not to be found anywhere below. */
	missing = wish_missing(&wish, offered);
	if (missing >= 0)
		return cgroupfs_missing(controllers[missing], keys[missing], fs.path, error);
	if (!(is_auto ? delegate_auto(&fs, &wish, &dir, error) : delegate_path(&fs, parent, &wish, &dir, error)))
		return false;
	*ret_fd = fd_steal(&dir.fd);
	*ret_path = g_steal_pointer(&dir.path);
	return true;
}

char *
delegate_controllers(int fd)
{
	char *list = fd_read_file_at(fd, "cgroup.subtree_control");

	return list ? g_strchomp(list) : NULL;
}
