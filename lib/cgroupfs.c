/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* SPDX-FileCopyrightText: The libsbx developers */

/* The cgroup2 file system of this host: where it is mounted, where we sit in it, why a controller is not there. */
#include "cgroupfs.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/magic.h>
#include <stdio.h>
#include <string.h>
#include <sys/vfs.h>

#include "error.h"
#include "fd.h"
#include "mountinfo.h"

/* What does not change while a process lives, save that it moves to another mount namespace. */
struct place {
	char *path;
	char *root;
};

bool
cgroupfs_lists(const char *list, const char *word)
{
	size_t length = strlen(word);

	if (length == 0)
		return false;
	for (const char *at = list; (at = strstr(at, word)); at += length) {
		bool starts = at == list || g_ascii_isspace(at[-1]) || at[-1] == ',';

		if (starts && (at[length] == '\0' || g_ascii_isspace(at[length]) || at[length] == ','))
			return true;
	}
	return false;
}

char *
cgroupfs_parse_own(const char *text)
{
	for (const char *line = text; *line != '\0';) {
		size_t length = strcspn(line, "\n");

		if (length > 3 && memcmp(line, "0::/", 4) == 0)
			return g_strndup(line + 3, length - 3);
		line += length + (line[length] == '\n');
	}
	return NULL;
}

const char *
cgroupfs_relative(const char *root, const char *group)
{
	size_t length = strlen(root);

	if (length > 0 && root[length - 1] == '/')
		length--;
	if (strncmp(root, group, length) != 0 || (group[length] != '/' && group[length] != '\0'))
		return NULL;
	group += length;
	while (*group == '/')
		group++;
	/* "/../x": outside of our cgroup namespace, and nobody tells what it is called there */
	if (strncmp(group, "..", 2) == 0 && (group[2] == '/' || group[2] == '\0'))
		return NULL;
	return group;
}

bool
cgroupfs_parse_controller(const char *text, const char *name, unsigned *ret_hierarchy, bool *ret_enabled)
{
	size_t length = strlen(name);

	for (const char *line = text; *line != '\0';) {
		unsigned hierarchy, groups, enabled;
		size_t end = strcspn(line, "\n");

		if (length < end && memcmp(line, name, length) == 0 && line[length] == '\t' &&
		    sscanf(line + length, "%9u %9u %9u", &hierarchy, &groups, &enabled) == 3) {
			*ret_hierarchy = hierarchy;
			*ret_enabled = enabled != 0;
			return true;
		}
		line += end + (line[end] == '\n');
	}
	return false;
}

static void
place_free(struct place *place)
{
	if (!place)
		return;
	g_free(place->path);
	g_free(place->root);
	g_free(place);
}

static int
open_mount(const char *path)
{
	autofd fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	struct statfs fs;

	if (fd < 0 || fstatfs(fd, &fs) < 0 || fs.f_type != CGROUP2_SUPER_MAGIC)
		return -1;
	return fd_steal(&fd);
}

/* The first mount that shows our own group; where none does, the first: a path may still be given. */
static struct place *
place_search(const char *own)
{
	g_auto(mountinfo_t) mountinfo = { 0 };
	struct place *found = NULL;
	struct mount mount;

	while (mountinfo_next(&mountinfo, &mount)) {
		bool covers = cgroupfs_relative(mount.root, own) != NULL;
		autofd fd = -1;

		if (strcmp(mount.type, "cgroup2") != 0 || (found && !covers))
			continue;
		fd = open_mount(mount.point);
		if (fd < 0)
			continue;
		place_free(found);
		found = g_new(struct place, 1);
		*found = (struct place){ .path = g_strdup(mount.point), .root = g_strdup(mount.root) };
		if (covers)
			break;
	}
	return found;
}

static bool
place_use(const struct place *place, const char *own, struct cgroupfs *ret_cgroupfs)
{
	int fd = open_mount(place->path);

	if (fd < 0)
		return false;
	*ret_cgroupfs = (struct cgroupfs){
		.fd = fd,
		.path = g_strdup(place->path),
		.root = g_strdup(place->root),
		.own = g_strdup(cgroupfs_relative(place->root, own)),
	};
	return true;
}

/* Where v1 hierarchies are mounted, or NULL. */
static char *
v1_mounted(void)
{
	g_auto(mountinfo_t) mountinfo = { 0 };
	g_autoptr(GString) names = g_string_new(NULL);
	struct mount mount;

	while (mountinfo_next(&mountinfo, &mount))
		if (strcmp(mount.type, "cgroup") == 0)
			g_string_append_printf(names, "%s%s", names->len ? ", " : "", mount.point);
	return names->len ? g_strdup(names->str) : NULL;
}

static bool
throw_no_mount(GError **error)
{
	g_autofree char *v1 = v1_mounted();
	g_autofree char *known = fd_read_file_at(AT_FDCWD, "/proc/filesystems");

	if (known && !strstr(known, "\tcgroup2\n")) {
		throw_error(error, ENOENT, STAGE_CGROUP, NULL, "this kernel has no cgroup v2");
		return throw_hint(error, "run a kernel that is built with CONFIG_CGROUPS");
	}
	if (v1) {
		throw_error(error, ENOENT, STAGE_CGROUP, NULL, "no cgroup v2 mount on this host, only cgroup v1 (%s)", v1);
		return throw_hint(error, "boot with systemd.unified_cgroup_hierarchy=1, or, without systemd, with "
		                         "cgroup_no_v1=all and: mount -t cgroup2 none /sys/fs/cgroup");
	}
	throw_error(error, ENOENT, STAGE_CGROUP, NULL, "no cgroup v2 mount on this host");
	return throw_hint(error, "mount -t cgroup2 none /sys/fs/cgroup; in a box: cgroup.delegate=yes of that box");
}

/* Never freed once it is set, so readers need no lock. */
static struct place *cached;

bool
cgroupfs_open(struct cgroupfs *ret_cgroupfs, GError **error)
{
	g_autofree char *text = fd_read_file_at(AT_FDCWD, "/proc/self/cgroup");
	g_autofree char *own = NULL;
	struct place *place = g_atomic_pointer_get(&cached);
	bool done;

	if (!text)
		return throw_errno(error, STAGE_CGROUP, NULL, "read /proc/self/cgroup");
	own = cgroupfs_parse_own(text);
	/* After unshare or setns of the mount namespace the cached place may be wrong: it must be there and fit. */
	if (own && place && cgroupfs_relative(place->root, own) && place_use(place, own, ret_cgroupfs))
		return true;
	place = own ? place_search(own) : NULL;
	if (!place)
		return throw_no_mount(error);
	done = place_use(place, own, ret_cgroupfs);
	if (!done)
		throw_errno(error, STAGE_CGROUP, NULL, "open %s", place->path);
	if (!done || !ret_cgroupfs->own || !g_atomic_pointer_compare_and_exchange(&cached, NULL, place))
		place_free(place);
	return done;
}

void
cgroupfs_clear(struct cgroupfs *cgroupfs)
{
	/* All zero is "never opened": fd 0 is not ours then. */
	if (cgroupfs->path)
		fd_close(&cgroupfs->fd);
	g_free(cgroupfs->path);
	g_free(cgroupfs->root);
	g_free(cgroupfs->own);
	*cgroupfs = (struct cgroupfs){ .fd = -1 };
}

/* Where a controller's v1 hierarchy is mounted, or NULL. */
static char *
v1_mount(const char *name)
{
	g_auto(mountinfo_t) mountinfo = { 0 };
	struct mount mount;

	while (mountinfo_next(&mountinfo, &mount))
		if (strcmp(mount.type, "cgroup") == 0 && cgroupfs_lists(mount.options, name))
			return g_strdup(mount.point);
	return NULL;
}

/* Is it the real root that has not got it? Only the real root has no cgroup.type. */
static bool
root_lacks(const char *controller)
{
	g_auto(cgroupfs_t) fs = { 0 };
	g_autofree char *offered = NULL;

	if (!cgroupfs_open(&fs, NULL) || faccessat(fs.fd, "cgroup.type", F_OK, 0) == 0)
		return false;
	offered = fd_read_file_at(fs.fd, "cgroup.controllers");
	return offered && !cgroupfs_lists(offered, controller);
}

bool
cgroupfs_missing(const char *controller, const char *key, const char *path, GError **error)
{
	const char *v1_name = strcmp(controller, "io") == 0 ? "blkio" : controller;
	g_autofree char *text = fd_read_file_at(AT_FDCWD, "/proc/cgroups");
	g_autofree char *mount = NULL;
	bool enabled = true;
	unsigned hierarchy = 0;
	bool known = text && cgroupfs_parse_controller(text, v1_name, &hierarchy, &enabled);

	if (known && !enabled) {
		throw_error(error, ENOTSUP, STAGE_CGROUP, key, "the %s controller is not enabled on this kernel", controller);
		return throw_hint(error, "boot without cgroup_disable=%s", controller);
	}
	if (known && hierarchy != 0) {
		mount = v1_mount(v1_name);
		throw_error(error, ENOTSUP, STAGE_CGROUP, key,
		            "the %s controller is bound to a cgroup v1 hierarchy on this host%s%s%s", controller,
		            mount ? " (" : "", mount ? mount : "", mount ? ")" : "");
		return throw_hint(error,
		                  "boot with systemd.unified_cgroup_hierarchy=1, or, without systemd, with cgroup_no_v1=%s "
		                  "(or =all); or run in a VM",
		                  v1_name);
	}
	if (root_lacks(controller)) {
		throw_error(error, ENOTSUP, STAGE_CGROUP, key, "this kernel has no %s controller in cgroup v2", controller);
		return throw_hint(error, "run a kernel that is built with it");
	}
	throw_error(error, ENOTSUP, STAGE_CGROUP, key, "the %s controller is not passed on to %s by the group above it",
	            controller, path);
	return throw_hint(error,
	                  "write +%s into cgroup.subtree_control of the group above it (of a container: outside of it)",
	                  controller);
}
