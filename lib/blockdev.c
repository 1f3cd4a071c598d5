/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* SPDX-FileCopyrightText: The libsbx developers */

/* The block device that a user means: by its node, by a file on it, or by number. */
#include "blockdev.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include "error.h"
#include "fd.h"
#include "mountinfo.h"

#define HINT_DEVICE "name a disk (/dev/sda), a file or directory on it, or its MAJ:MIN as lsblk shows it"

/* Exactly two numbers and a colon. */
static bool
is_number(const char *name)
{
	size_t major = strspn(name, "0123456789");
	size_t minor = name[major] == ':' ? strspn(name + major + 1, "0123456789") : 0;

	return major > 0 && major < 10 && minor > 0 && minor < 10 && name[major + 1 + minor] == '\0';
}

/* The mount that an open file lies on, as mountinfo counts them; -1 when the kernel does not say. */
static int
mount_of(int fd)
{
	g_autofree char *path = g_strdup_printf("/proc/self/fdinfo/%d", fd);
	g_autofree char *text = fd_read_file_at(AT_FDCWD, path);
	const char *line = text ? strstr(text, "mnt_id:") : NULL;
	int id;

	return line && sscanf(line, "mnt_id: %9d", &id) == 1 ? id : -1;
}

/* The file system has no device number of its own: btrfs names its disk as the source, tmpfs and overlay have none. */
static bool
source_of(int fd, const char *name, const char *key, dev_t *ret_device, GError **error)
{
	g_auto(mountinfo_t) mountinfo = { 0 };
	g_autofree char *type = NULL;
	struct mount mount;
	struct stat st;
	int id = mount_of(fd);

	while (!type && mountinfo_next(&mountinfo, &mount)) {
		if (mount.id != id)
			continue;
		if (mount.source[0] == '/' && stat(mount.source, &st) == 0 && S_ISBLK(st.st_mode)) {
			*ret_device = st.st_rdev;
			return true;
		}
		type = g_strdup(mount.type);
	}
	throw_error(error, ENOTBLK, STAGE_CGROUP, key, "%s is on a file system without a block device (%s)", name,
	            type ? type : "not in mountinfo");
	return throw_hint(error, HINT_DEVICE);
}

static bool
device_of(const char *name, const char *key, dev_t *ret_device, GError **error)
{
	autofd fd = open(name, O_PATH | O_CLOEXEC);
	struct stat st;

	if (fd < 0 || fstat(fd, &st) < 0) {
		throw_errno(error, STAGE_CGROUP, key, "open %s", name);
		return throw_hint(error, HINT_DEVICE);
	}
	if (S_ISCHR(st.st_mode)) {
		throw_error(error, ENOTBLK, STAGE_CGROUP, key, "%s is a character device, not a disk", name);
		return throw_hint(error, HINT_DEVICE);
	}
	*ret_device = S_ISBLK(st.st_mode) ? st.st_rdev : st.st_dev;
	if (major(*ret_device) == 0)
		return source_of(fd, name, key, ret_device, error);
	return true;
}

bool
blockdev_find(const char *name, const char *key, char **ret_number, GError **error)
{
	g_autofree char *number = NULL;
	g_autofree char *partition = NULL;
	g_autofree char *whole = NULL;
	g_autofree char *text = NULL;
	bool is_partition;
	dev_t device;

	if (is_number(name)) {
		number = g_strdup(name);
	} else {
		if (!device_of(name, key, &device, error))
			return false;
		number = g_strdup_printf("%u:%u", major(device), minor(device));
	}
	/* The link leads to .../sda/sda1; its ".." is the disk. */
	partition = g_strdup_printf("/sys/dev/block/%s/partition", number);
	is_partition = faccessat(AT_FDCWD, partition, F_OK, 0) == 0;
	whole = g_strdup_printf("/sys/dev/block/%s/%sdev", number, is_partition ? "../" : "");
	text = fd_read_file_at(AT_FDCWD, whole);
	if (text && is_number(g_strchomp(text))) {
		*ret_number = g_steal_pointer(&text);
		return true;
	}
	throw_error(error, ENODEV, STAGE_CGROUP, key, "no block device %s%s%s on this host", number,
	            is_number(name) ? "" : " of ", is_number(name) ? "" : name);
	return throw_hint(error, HINT_DEVICE);
}
