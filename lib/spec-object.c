/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* SPDX-FileCopyrightText: The libsbx developers */

/* What a spec holds that is no text: namespaces and files by fd, files by their bytes, a filter by its instructions. */
#include "spec-parts.h"

#include "error.h"
#include "seccomp-load.h"
#include "value.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/magic.h>
#include <linux/nsfs.h>
#include <sched.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <sys/vfs.h>

#define FILE_MOST ((size_t)16 * 1024 * 1024)

#ifndef CLONE_NEWTIME
#define CLONE_NEWTIME 0x00000080
#endif

static const struct {
	const char *name;
	int type;
} namespaces[SPEC_NS_N] = {
	[SPEC_NS_NET] = { "net", CLONE_NEWNET },          [SPEC_NS_IPC] = { "ipc", CLONE_NEWIPC },
	[SPEC_NS_UTS] = { "uts", CLONE_NEWUTS },          [SPEC_NS_TIME] = { "time", CLONE_NEWTIME },
	[SPEC_NS_CGROUP] = { "cgroup", CLONE_NEWCGROUP }, [SPEC_NS_USER] = { "user", CLONE_NEWUSER },
	[SPEC_NS_PID] = { "pid", CLONE_NEWPID },
};

const char *
spec_ns_name(enum spec_ns ns)
{
	return (unsigned)ns < SPEC_NS_N ? namespaces[ns].name : "";
}

/* An own copy of the fd, out of the way of 0, 1 and 2. */
static int
spec_dup(int fd, const char *key, GError **error)
{
	int copy = fd < 0 ? -1 : fcntl(fd, F_DUPFD_CLOEXEC, 3);

	if (fd < 0)
		errno = EBADF;
	if (copy < 0)
		throw_errno(error, STAGE_SPEC, key, "duplicate fd %d", fd);
	return copy;
}

static bool
spec_join(sbx_spec *spec, enum spec_ns ns, int fd, GError **error)
{
	const char *name = namespaces[ns].name;
	autofd copy = spec_dup(fd, NULL, error);
	struct statfs fs;
	int type;

	if (copy < 0)
		return false;
	if (fstatfs(copy, &fs) < 0)
		return throw_errno(error, STAGE_SPEC, NULL, "join %s: look at fd %d", name, fd);
	/* Only then is the ioctl's number a question about namespaces. */
	if (fs.f_type != NSFS_MAGIC)
		return throw_error(error, EINVAL, STAGE_SPEC, NULL, "join %s: fd %d is not a namespace file", name, fd);
	type = ioctl(copy, NS_GET_NSTYPE);
	if (type < 0)
		return throw_errno(error, STAGE_SPEC, NULL, "join %s: ask fd %d for its kind of namespace", name, fd);
	if (type != namespaces[ns].type) {
		for (int other = 0; other < SPEC_NS_N; other++)
			if (type == namespaces[other].type)
				return throw_error(error, EINVAL, STAGE_SPEC, NULL, "join %s: fd %d is a %s namespace", name, fd,
				                   namespaces[other].name);
		return throw_error(error, EINVAL, STAGE_SPEC, NULL, "join %s: fd %d is another kind of namespace", name, fd);
	}
	fd_close(&spec->join[ns]);
	spec->join[ns] = fd_steal(&copy);
	return true;
}

int
sbx_spec_join(sbx_spec *spec, const char *ns, int fd, sbx_error **ret_error)
{
	GError *error = NULL;

	if (!spec || !ns)
		return error_argument(ret_error, "sbx_spec_join: %s is NULL", !spec ? "spec" : "ns");
	for (int i = 0; i < SPEC_NS_N; i++)
		if (strcmp(ns, namespaces[i].name) == 0)
			return spec_join(spec, i, fd, &error) ? 0 : error_return(error, ret_error);
	return error_argument(ret_error, "\"%.64s\" is no namespace; accepted: net, ipc, uts, time, cgroup, user, pid", ns);
}

int
sbx_spec_bind_fd(sbx_spec *spec, int fd, const char *dst, unsigned flags, sbx_error **ret_error)
{
	const char *name = flags & SBX_BIND_READ_ONLY ? "ro-bind" : "bind";
	g_autofree char *path = NULL;
	GError *error = NULL;
	int copy;

	if (!spec || !dst)
		return error_argument(ret_error, "sbx_spec_bind_fd: %s is NULL", !spec ? "spec" : "dst");
	if (flags & ~SBX_BIND_READ_ONLY)
		return error_argument(ret_error, "sbx_spec_bind_fd: unknown flags 0x%x", flags & ~SBX_BIND_READ_ONLY);
	path = value_path(dst);
	if (!path)
		return error_argument(ret_error,
		                      "%s: \"%.80s\" is not a path inside; accepted: an absolute path without \"..\"", name,
		                      dst);
	copy = spec_dup(fd, name, &error);
	if (copy < 0)
		return error_return(error, ret_error);
	spec_add(spec, key_find(name), name, path)->fd = copy;
	return 0;
}

int
sbx_spec_file(sbx_spec *spec, const char *dst, const void *data, size_t len, unsigned mode, sbx_error **ret_error)
{
	g_autofree char *path = NULL;
	struct spec_entry *entry;

	if (!spec || !dst || (!data && len))
		return error_argument(ret_error, "sbx_spec_file: %s is NULL", !spec ? "spec" : !dst ? "dst" : "data");
	if (len > FILE_MOST)
		return error_argument(ret_error, "file: %zu bytes; accepted: at most %zu", len, FILE_MOST);
	if (mode & ~01777u)
		return error_argument(ret_error,
		                      "file: mode 0%o; accepted: permission bits, neither set-user-id nor set-group-id", mode);
	path = value_path(dst);
	if (!path || !path[1])
		return error_argument(ret_error,
		                      "file: \"%.80s\" is not a path inside; accepted: an absolute path without \"..\"", dst);
	entry = spec_add(spec, key_find("file"), "file", path);
	entry->data = g_bytes_new(data, len);
	entry->mode = mode;
	return 0;
}

int
sbx_spec_seccomp(sbx_spec *spec, const struct sock_fprog *program, sbx_error **ret_error)
{
	struct seccomp_object *object;
	struct spec_entry *entry;
	GError *error = NULL;

	if (!spec || !program || !program->filter)
		return error_argument(ret_error, "sbx_spec_seccomp: %s is NULL", !spec ? "spec" : "program");
	object = seccomp_load_given(program->filter, program->len, &error);
	if (!object)
		return error_return(error, ret_error);
	if (!spec_set(spec, "seccomp", "none", &error)) {
		seccomp_object_unref(object);
		return error_return(error, ret_error);
	}
	entry = (struct spec_entry *)spec_entry(spec, "seccomp");
	g_free(entry->value);
	entry->value = g_strdup_printf("<%u instructions>", program->len);
	entry->seccomp = object;
	return 0;
}
