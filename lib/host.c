/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* SPDX-FileCopyrightText: The libsbx developers */

/* The host: what this kernel and this place in it can. */
#include "host.h"

#include <errno.h>
#include <fcntl.h>
#include <glib.h>
#include <linux/capability.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "fd.h"

/* --- paths to hide or to keep read-only --------------------------------------------------------------------------- */

/* is_dir: what it is where we cannot look. */
static const struct host_path masked[] = {
	{ "/proc/acpi", true, false },
	{ "/proc/asound", true, false },
	{ "/proc/interrupts", false, false },
	{ "/proc/kcore", false, false },
	{ "/proc/keys", false, false },
	{ "/proc/kpagecgroup", false, true },
	{ "/proc/kpagecount", false, true },
	{ "/proc/kpageflags", false, true },
	{ "/proc/latency_stats", false, false },
	{ "/proc/sched_debug", false, false },
	{ "/proc/scsi", true, false },
	{ "/proc/slabinfo", false, true },
	{ "/proc/timer_list", false, false },
	{ "/proc/timer_stats", false, false },
	{ "/proc/vmallocinfo", false, true },
	{ "/sys/firmware", true, false },
	{ "/sys/devices/virtual/powercap", true, false },
};
static const struct host_path readonly[] = {
	{ "/proc/bus", true, false },
	{ "/proc/fs", true, false },
	{ "/proc/irq", true, false },
	{ "/proc/sys", true, false },
	{ "/proc/sysrq-trigger", false, false },
};

static struct host_path masked_here[G_N_ELEMENTS(masked) + 1];
static struct host_path readonly_here[G_N_ELEMENTS(readonly) + 1];

/* Nothing but "it is certainly not there" leaves a path out. */
static void
host_look(const struct host_path *candidates, size_t n, struct host_path *ret_here)
{
	/* absent from a procfs with subset=pid, from an empty /proc and an empty /sys */
	bool whole_proc = access("/proc/sys", F_OK) == 0, whole_sys = access("/sys/devices", F_OK) == 0;

	for (size_t i = 0; i < n; i++) {
		bool whole = g_str_has_prefix(candidates[i].path, "/proc/") ? whole_proc : whole_sys;
		struct host_path here = candidates[i];
		struct stat st;

		if (lstat(here.path, &st) == 0)
			here.is_dir = S_ISDIR(st.st_mode);
		else if (whole && errno == ENOENT)
			continue;
		*ret_here++ = here;
	}
}

const struct host_path *
host_masked_paths(void)
{
	static size_t once;

	if (g_once_init_enter(&once)) {
		host_look(masked, G_N_ELEMENTS(masked), masked_here);
		g_once_init_leave(&once, 1);
	}
	return masked_here;
}

const struct host_path *
host_readonly_paths(void)
{
	static size_t once;

	if (g_once_init_enter(&once)) {
		host_look(readonly, G_N_ELEMENTS(readonly), readonly_here);
		g_once_init_leave(&once, 1);
	}
	return readonly_here;
}

/* --- privilege ---------------------------------------------------------------------------------------------------- */

/* Asked of the kernel itself, since /proc/sys/kernel/cap_last_cap may be hidden. */
unsigned
host_last_cap(void)
{
	static size_t once;

	if (g_once_init_enter(&once)) {
		unsigned cap = CAP_AUDIT_READ;

		while (cap < 63 && prctl(PR_CAPBSET_READ, cap + 1, 0, 0, 0) >= 0)
			cap++;
		g_once_init_leave(&once, cap);
	}
	return once;
}

bool
host_is_initial_user_ns(void)
{
	static size_t once;

	if (g_once_init_enter(&once)) {
		g_autofree char *text = fd_read_file_at(AT_FDCWD, "/proc/self/uid_map");
		unsigned inside, outside, count;
		bool initial = text && sscanf(text, "%u %u %u", &inside, &outside, &count) == 3 && inside == 0 &&
		               outside == 0 && count == UINT32_MAX;

		g_once_init_leave(&once, initial ? 2 : 1);
	}
	return once == 2;
}

bool
host_has_cap(unsigned cap)
{
	struct __user_cap_header_struct header = { .version = _LINUX_CAPABILITY_VERSION_3 };
	struct __user_cap_data_struct data[_LINUX_CAPABILITY_U32S_3];

	return cap < 32 * G_N_ELEMENTS(data) && syscall(SYS_capget, &header, data) == 0 &&
	       data[cap / 32].effective & (1u << (cap % 32));
}

bool
host_has_id(bool group, unsigned id)
{
	g_autofree char *text = fd_read_file_at(AT_FDCWD, group ? "/proc/self/gid_map" : "/proc/self/uid_map");
	unsigned inside, outside, count;
	int length;

	for (const char *at = text; at && sscanf(at, "%u %u %u%n", &inside, &outside, &count, &length) == 3; at += length)
		if (id >= inside && id - inside < count)
			return true;
	return false;
}

int
host_oom_score_adj(void)
{
	g_autofree char *text = fd_read_file_at(AT_FDCWD, "/proc/self/oom_score_adj");

	return text ? atoi(text) : 0;
}

bool
host_is_privileged(void)
{
	return host_has_cap(CAP_SYS_ADMIN);
}

/* --- namespaces and mounts ---------------------------------------------------------------------------------------- */

bool
host_has_ns(const char *name)
{
	char path[64];

	return (size_t)snprintf(path, sizeof path, "/proc/self/ns/%s", name) < sizeof path && access(path, F_OK) == 0;
}

bool
host_has_time_ns(void)
{
	return host_has_ns("time");
}

struct mount_line {
	long id, parent;
	const char *root, *point, *type;
};

/* ID PARENT MAJ:MIN ROOT POINT OPTIONS [FIELD...] - TYPE ...; takes the line apart in place. */
static bool
mount_parse(char *line, struct mount_line *ret)
{
	char *fields[6], *rest = line, *type = strstr(line, " - ");

	if (!type)
		return false;
	*type = '\0';
	for (size_t i = 0; i < G_N_ELEMENTS(fields); i++)
		if (!(fields[i] = strsep(&rest, " ")))
			return false;
	rest = type + strlen(" - ");
	ret->type = strsep(&rest, " ");
	ret->id = strtol(fields[0], NULL, 10);
	ret->parent = strtol(fields[1], NULL, 10);
	ret->root = fields[3];
	ret->point = fields[4];
	return true;
}

/*
 * The directories that the kernel makes only to be mounted on: something there hides nothing. This is the kernel's own
 * rule (mount_too_revealing()), which knows them by a mark on the inode that nobody else can see.
 */
static bool
mount_hides(const char *point)
{
	static const char *const empty[] = {
		"/proc/sys/fs/binfmt_misc",
		"/proc/fs/nfsd",
		"/proc/openprom",
		"/sys/fs/cgroup",
		"/sys/fs/fuse/connections",
		"/sys/fs/bpf",
		"/sys/fs/pstore",
		"/sys/fs/selinux",
		"/sys/fs/smackfs",
		"/sys/fs/resctrl",
		"/sys/kernel/debug",
		"/sys/kernel/tracing",
		"/sys/kernel/security",
		"/sys/kernel/config",
		"/sys/firmware/efi/efivars",
		"/proc/xen",
		NULL,
	};

	return !g_strv_contains(empty, point);
}

bool
host_mount_is_whole(const char *mountinfo, const char *fstype)
{
	g_auto(GStrv) lines = g_strsplit(mountinfo, "\n", -1);
	size_t n = g_strv_length(lines), n_mounts = 0;
	g_autofree struct mount_line *mounts = g_new0(struct mount_line, n + 1);

	for (size_t i = 0; i < n; i++)
		n_mounts += mount_parse(lines[i], &mounts[n_mounts]);
	for (size_t i = 0; i < n_mounts; i++) {
		bool whole = g_str_equal(mounts[i].type, fstype) && g_str_equal(mounts[i].root, "/");

		for (size_t j = 0; whole && j < n_mounts; j++)
			whole = mounts[j].parent != mounts[i].id || !mount_hides(mounts[j].point);
		if (whole)
			return true;
	}
	return false;
}

static bool
host_can_mount(const char *fstype)
{
	g_autofree char *mountinfo = fd_read_file_at(AT_FDCWD, "/proc/self/mountinfo");

	return mountinfo && host_mount_is_whole(mountinfo, fstype);
}

bool
host_can_mount_proc(void)
{
	static size_t once;

	if (g_once_init_enter(&once))
		g_once_init_leave(&once, host_can_mount("proc") ? 2 : 1);
	return once == 2;
}

bool
host_can_mount_sysfs(void)
{
	static size_t once;

	if (g_once_init_enter(&once))
		g_once_init_leave(&once, host_can_mount("sysfs") ? 2 : 1);
	return once == 2;
}
