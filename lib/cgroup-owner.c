/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* SPDX-FileCopyrightText: The libsbx developers */

/* Whose group it is: names made, read, and compared with the processes there are. */
#include "cgroup-owner.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "cgroup-stat.h"
#include "fd.h"

/* The 22nd field of /proc/PID/stat. */
static bool
read_start(const char *path, uint64_t *ret_start)
{
	g_autofree char *text = fd_read_file_at(AT_FDCWD, path);
	g_auto(GStrv) fields = NULL;
	const char *after_name;

	/* the name, in parentheses, may hold anything, ")" too; what follows it begins with field 3 */
	after_name = text ? strrchr(text, ')') : NULL;
	if (!after_name)
		return false;
	fields = g_strsplit(after_name + 1 + strspn(after_name + 1, " "), " ", 22);
	return g_strv_length(fields) >= 20 && stat_number(fields[19], ret_start);
}

bool
cgroup_owner_self(struct cgroup_owner *ret)
{
	static _Thread_local struct cgroup_owner known;
	pid_t pid = getpid();

	if (known.pid != pid) {
		if (!read_start("/proc/self/stat", &known.start))
			return false;
		known.pid = pid;
	}
	*ret = known;
	return true;
}

char *
cgroup_owner_name(const struct cgroup_owner *owner, unsigned number)
{
	return g_strdup_printf("sbx.%d.%" PRIu64 ".%u", (int)owner->pid, owner->start, number);
}

bool
cgroup_owner_parse(const char *name, struct cgroup_owner *ret)
{
	struct cgroup_owner owner;
	g_autofree char *again = NULL;
	unsigned long long pid, start, number;
	char *end = NULL;

	if (strncmp(name, "sbx.", 4) != 0)
		return false;
	errno = 0;
	pid = strtoull(name + 4, &end, 10);
	if (*end != '.')
		return false;
	start = strtoull(end + 1, &end, 10);
	if (*end != '.')
		return false;
	number = strtoull(end + 1, &end, 10);
	if (*end != '\0' || errno || pid < 1 || pid > INT32_MAX || number > UINT32_MAX)
		return false;
	owner = (struct cgroup_owner){ .pid = (pid_t)pid, .start = start };
	/* strtoull() takes more than we write: signs, spaces, zeros in front */
	again = cgroup_owner_name(&owner, (unsigned)number);
	if (strcmp(again, name) != 0)
		return false;
	*ret = owner;
	return true;
}

bool
cgroup_owner_seen(const struct cgroup_owner *owner)
{
	char path[32];
	uint64_t start;

	(void)g_snprintf(path, sizeof path, "/proc/%d/stat", (int)owner->pid);
	return read_start(path, &start) && start == owner->start;
}
