/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* SPDX-FileCopyrightText: The libsbx developers */

/* One limit of one box: written, read back, compared. */
#include "cgroup.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#include "blockdev.h"
#include "cgroupfs.h"
#include "error.h"
#include "fd.h"
#include "readback.h"

/* io.max and its like hold one line per device: "DEV word..." becomes "MAJ:MIN word..."; "default 100" has none. */
static bool
has_device(const char *file, const char *value)
{
	return strncmp(file, "io.", 3) == 0 && strchr(value, ' ') && strncmp(value, "default ", 8) != 0;
}

static bool
check_io_max(const char *file, const char *value, GError **error)
{
	static const char *const known[] = { "rbps=", "wbps=", "riops=", "wiops=" };
	static const char hint[] = "io.max takes DEV rbps=N wbps=N riops=N wiops=N; one or more of the four";
	g_auto(GStrv) words = g_strsplit(value, " ", -1);
	guint n = g_strv_length(words);

	for (guint i = 1; i < n; i++) {
		bool good = *words[i] == '\0';

		for (size_t j = 0; j < G_N_ELEMENTS(known) && !good; j++)
			good = g_str_has_prefix(words[i], known[j]) && words[i][strlen(known[j])] != '\0';
		if (good)
			continue;
		throw_error(error, EINVAL, STAGE_CGROUP, file, "%s \"%s\": unknown word \"%s\"", file, value, words[i]);
		return throw_hint(error, hint);
	}
	if (n >= 2)
		return true;
	throw_error(error, EINVAL, STAGE_CGROUP, file, "%s \"%s\" has no limit in it", file, value);
	return throw_hint(error, hint);
}

/* What is really written. */
static bool
resolve(const char *file, const char *value, char **ret_text, GError **error)
{
	g_autofree char *name = NULL;
	g_autofree char *number = NULL;

	if (strcmp(file, "io.max") == 0 && !check_io_max(file, value, error))
		return false;
	if (has_device(file, value)) {
		name = g_strndup(value, strcspn(value, " "));
		if (!blockdev_find(name, file, &number, error))
			return false;
		*ret_text = g_strconcat(number, value + strlen(name), NULL);
	} else {
		/* an empty write would not reach the kernel's parser */
		*ret_text = g_strdup(*value ? value : "\n");
	}
	return true;
}

static bool
throw_missing(const struct cgroup *cgroup, const char *file, GError **error)
{
	g_autofree char *controller = g_strndup(file, strcspn(file, "."));
	g_autofree char *offered = fd_read_file_at(cgroup->fd, "cgroup.controllers");

	if (!offered) {
		throw_error(error, ENODEV, STAGE_CGROUP, file, "the cgroup %s has been removed", cgroup->path);
		return throw_hint(error, "something else on this host removes cgroups that are in use");
	}
	if (!cgroupfs_lists(offered, controller))
		return cgroupfs_missing(controller, file, cgroup->path, error);
	throw_error(error, ENOENT, STAGE_CGROUP, file, "this kernel has no %s", file);
	return throw_hint(error, strcmp(file, "memory.swap.max") == 0 ? "boot with swapaccount=1"
	                                                              : "it needs another kernel version or configuration");
}

static bool
throw_write(const struct cgroup *cgroup, const char *file, const char *text, int code, GError **error)
{
	const char *hint = NULL;

	errno = code;
	throw_errno(error, STAGE_CGROUP, file, "write \"%s\" to %s/%s", text, cgroup->path, file);
	if (code == EINVAL || code == ERANGE)
		hint = "the kernel does not take this value: see \"Interface Files\" in its cgroup-v2 documentation";
	else if (code == ENODEV && strncmp(file, "io.", 3) == 0)
		hint = "io limits hold for whole disks only";
	else if (code == ENODEV)
		hint = "the cgroup has been removed by something else on this host";
	else if (code == EACCES || code == EPERM || code == EROFS)
		hint = "the cgroup must belong to this user, and cgroup2 be mounted read-write";
	else if (code == ENOSPC)
		hint = "cpuset.cpus and cpuset.mems of a group with processes cannot be empty";
	return hint ? throw_hint(error, "%s", hint) : false;
}

/* One write of the exact length: each write(2) is a command to the kernel, so half of one is another command. */
static bool
write_once(int fd, const char *text)
{
	size_t length = strlen(text);
	ssize_t n;

	do
		n = write(fd, text, length);
	while (n < 0 && errno == EINTR);
	if (n >= 0 && (size_t)n != length)
		errno = EIO;
	return n >= 0 && (size_t)n == length;
}

/* Nearly every file fits; those that do not (a line per device) are read anew from the start. NULL and errno. */
static char *
read_back(const struct cgroup *cgroup, int fd, const char *file)
{
	char buffer[4096];
	ssize_t n;

	do
		n = pread(fd, buffer, sizeof buffer, 0);
	while (n < 0 && errno == EINTR);
	if (n < 0)
		return NULL;
	if ((size_t)n == sizeof buffer)
		return fd_read_file_at(cgroup->fd, file);
	return g_strndup(buffer, (gsize)n);
}

/* Write `text`; ret_held is what the file holds then, or NULL for the few files that cannot be read. */
static bool
exchange(const struct cgroup *cgroup, const char *file, const char *text, char **ret_held, GError **error)
{
	bool readable = true;
	autofd fd = openat(cgroup->fd, file, O_RDWR | O_CLOEXEC | O_NOFOLLOW);

	if (fd < 0 && errno == EACCES) {
		readable = false;
		fd = openat(cgroup->fd, file, O_WRONLY | O_CLOEXEC | O_NOFOLLOW);
	}
	if (fd < 0 && errno == ENOENT)
		return throw_missing(cgroup, file, error);
	if (fd < 0)
		return throw_write(cgroup, file, text, errno, error);
	if (!write_once(fd, text))
		return throw_write(cgroup, file, text, errno, error);
	*ret_held = NULL;
	if (!readable)
		return true;
	*ret_held = read_back(cgroup, fd, file);
	if (!*ret_held)
		return throw_errno(error, STAGE_CGROUP, file, "read %s/%s back", cgroup->path, file);
	return true;
}

/* The kernel stores CPUs and nodes that the group above has not, and then lets the box use everything. */
static bool
check_effective(const struct cgroup *cgroup, const char *file, const char *asked, GError **error)
{
	g_autofree char *effective_file = g_strconcat(file, ".effective", NULL);
	g_autofree char *effective = fd_read_file_at(cgroup->fd, effective_file);

	if (!effective)
		return throw_errno(error, STAGE_CGROUP, file, "read %s/%s", cgroup->path, effective_file);
	g_strchomp(effective);
	if (asked[strspn(asked, " \n")] == '\0' || readback_within(effective, asked))
		return true;
	throw_error(error, EINVAL, STAGE_CGROUP, file, "asked %s %s, but the box would run on %s", file, asked, effective);
	return throw_hint(error, "the groups above allow %s", effective);
}

static char *
applied_of(const char *file, const char *text, const char *held)
{
	g_autofree char *device = g_strndup(text, strcspn(text, " "));
	char *line;

	if (!held)
		return g_strchomp(g_strdup(text));
	if (!has_device(file, text))
		return g_strchomp(g_strdup(held));
	/* no line: the device's limits are all "max" now, as asked */
	line = readback_line(held, device);
	return line ? line : g_strdup(text);
}

bool
cgroup_set(const struct cgroup *cgroup, const char *file, const char *value, char **ret_applied, GError **error)
{
	g_autofree char *text = NULL;
	g_autofree char *held = NULL;
	g_autofree char *applied = NULL;

	if (strchr(file, '/') || !strchr(file, '.') || *file == '.')
		return throw_error(error, EINVAL, STAGE_CGROUP, file, "\"%s\" is not the name of a cgroup file", file);
	if (!resolve(file, value, &text, error) || !exchange(cgroup, file, text, &held, error))
		return false;
	applied = applied_of(file, text, held);
	if (held && !readback_same(file, text, held)) {
		throw_error(error, EINVAL, STAGE_CGROUP, file, "asked %s %s, the kernel holds %s", file, value, applied);
		return throw_hint(error, "the kernel took the value but does not apply it as it stands");
	}
	if ((strcmp(file, "cpuset.cpus") == 0 || strcmp(file, "cpuset.mems") == 0) &&
	    !check_effective(cgroup, file, value, error))
		return false;
	*ret_applied = g_steal_pointer(&applied);
	return true;
}
