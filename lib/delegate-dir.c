/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* SPDX-FileCopyrightText: The libsbx developers */

/* One directory of the cgroup tree as a place for groups: is it ours, may it hold them, can it pass controllers on. */
#include "delegate-dir.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#include "error.h"
#include "fd.h"

void
dir_clear(struct dir *dir)
{
	fd_close(&dir->fd);
	g_free(dir->path);
	dir->path = NULL;
}

int
wish_missing(const struct wish *wish, const char *list)
{
	for (int i = 0; wish->controllers && wish->controllers[i]; i++)
		if (!cgroupfs_lists(list, wish->controllers[i]))
			return i;
	return -1;
}

bool
dir_open(const struct cgroupfs *fs, const char *relative, struct dir *dir, GError **error)
{
	dir->path = *relative ? g_build_filename(fs->path, relative, NULL) : g_strdup(fs->path);
	dir->fd = openat(fs->fd, *relative ? relative : ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW);
	if (dir->fd < 0)
		return throw_errno(error, STAGE_CGROUP, PARENT_KEY, "open %s", dir->path);
	return true;
}

static bool
hint_for(int code, GError **error)
{
	if (code == EROFS)
		return throw_hint(error, "mount it read-write: mount -o remount,bind,rw; in a container docker's "
		                         "--security-opt writable-cgroups=true or --privileged, podman's "
		                         "--security-opt unmask=/sys/fs/cgroup, Kubernetes' privileged: see sbx-cgroups(7)");
	return throw_hint(error, "give this user the group: chown the directory, its cgroup.procs and its "
	                         "cgroup.subtree_control; under systemd Delegate=yes in the unit, or: "
	                         "systemd-run --user --scope -p Delegate=yes COMMAND");
}

bool
dir_is_ours(const struct dir *dir, GError **error)
{
	int code;

	/* CLONE_INTO_CGROUP asks for cgroup.procs of what the old and the new group have in common */
	if (faccessat(dir->fd, ".", W_OK | X_OK, AT_EACCESS) == 0 &&
	    faccessat(dir->fd, "cgroup.procs", W_OK, AT_EACCESS) == 0)
		return true;
	code = errno;
	if (code == EROFS)
		throw_error(error, code, STAGE_CGROUP, PARENT_KEY,
		            "cgroup2 is mounted read-only here: no group can be made in %s", dir->path);
	else
		throw_errno(error, STAGE_CGROUP, PARENT_KEY, "the cgroup %s cannot be written by this user", dir->path);
	return hint_for(code, error);
}

/* A threaded subtree is one memory domain: cpu and pids can be shared out in it, and nothing else. */
static bool
throw_type(const struct dir *dir, const char *type, GError **error)
{
	if (strcmp(type, "threaded") == 0) {
		throw_error(error, ENOTSUP, STAGE_CGROUP, PARENT_KEY,
		            "%s is of cgroup type \"threaded\": it holds threads, and no group below it can hold a box",
		            dir->path);
		return throw_hint(error,
		                  "name a group of type \"domain\" as cgroup.parent; a threaded one stays so until it is "
		                  "removed and made anew");
	}
	if (strcmp(type, "domain threaded") == 0) {
		throw_error(
			error, ENOTSUP, STAGE_CGROUP, PARENT_KEY,
			"%s is of cgroup type \"domain threaded\", the top of a threaded subtree: no group below it can hold "
			"a box",
			dir->path);
		return throw_hint(
			error,
			"name a group of type \"domain\" as cgroup.parent, or remove the threaded groups below %s, or, "
			"where it has processes itself, the controllers from its cgroup.subtree_control",
			dir->path);
	}
	throw_error(error, ENOTSUP, STAGE_CGROUP, PARENT_KEY,
	            "%s is of cgroup type \"%s\": it stands below a threaded group and can hold no process", dir->path,
	            type);
	return throw_hint(error, "name a group of type \"domain\" as cgroup.parent, outside of the threaded subtree");
}

bool
dir_is_domain(const struct dir *dir, GError **error)
{
	g_autofree char *type = fd_read_file_at(dir->fd, "cgroup.type");

	/* The root of the tree has no such file, and is one. */
	if (!type && errno == ENOENT)
		return true;
	if (!type)
		return throw_errno(error, STAGE_CGROUP, PARENT_KEY, "read %s/cgroup.type", dir->path);
	g_strchomp(type);
	return strcmp(type, "domain") == 0 || throw_type(dir, type, error);
}

bool
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
	                  "move them to a group below it (mkdir %s/host, write each pid into %s/host/cgroup.procs; "
	                  "for the host's own group cgroup.self=leaf with cgroup.parent=auto does that), or name "
	                  "another group as cgroup.parent",
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

/* What cgroup.subtree_control has answered. */
static bool
throw_enable(const struct dir *dir, const char *controller, const char *key, int code, GError **error)
{
	if (code == EBUSY)
		return throw_busy(dir, controller, key, error);
	if (code == EOPNOTSUPP) {
		throw_error(error, code, STAGE_CGROUP, key,
		            "%s cannot enable %s for its children: a threaded group stands there", dir->path, controller);
		return throw_hint(error, "remove the threaded groups below %s, or name another group as cgroup.parent",
		                  dir->path);
	}
	if (code == ENODEV) {
		throw_error(error, code, STAGE_CGROUP, key, "the cgroup %s has been removed meanwhile", dir->path);
		return throw_hint(error, "try again; if it is gone for good, make it: mkdir -p %s", dir->path);
	}
	if (code == ENOENT)
		return cgroupfs_missing(controller, key, dir->path, error);
	errno = code;
	throw_errno(error, STAGE_CGROUP, key, "enable the %s controller in %s/cgroup.subtree_control", controller,
	            dir->path);
	return code == EACCES || code == EPERM || code == EROFS ? hint_for(code, error) : false;
}

bool
dir_enable(const struct dir *dir, const struct wish *wish, enum telling *ret_telling, GError **error)
{
	g_autofree char *enabled = fd_read_file_at(dir->fd, "cgroup.subtree_control");
	g_autofree char *offered = NULL;
	g_autofree char *command = NULL;
	int missing, code;

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
	/* The kernel lets threaded controllers (cpu, pids) be enabled above processes, but that makes a threaded group of
	 * it, in which no box can live. So we look ourselves. */
	if (dir_has_processes(dir)) {
		*ret_telling = TELLS_BUSY;
		return throw_busy(dir, wish->controllers[missing], wish->keys[missing], error);
	}
	command = wish_command(wish, enabled);
	if (fd_write_file_at(dir->fd, "cgroup.subtree_control", command))
		return true;
	code = errno;
	*ret_telling = code == EBUSY ? TELLS_BUSY : TELLS_NOT_OURS;
	return throw_enable(dir, wish->controllers[missing], wish->keys[missing], code, error);
}

bool
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
