/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* SPDX-FileCopyrightText: The libsbx developers */

/* What every box has whatever its root is: /proc, /sys, /dev, /tmp, as the OCI runtime spec lists them for Linux. */
#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "files-parts.h"
#include "host.h"
#include "namespaces.h"

#define PROC_ATTR (MOUNT_ATTR_NOSUID | MOUNT_ATTR_NODEV | MOUNT_ATTR_NOEXEC)

static const char *const nodes[] = { "null", "zero", "full", "random", "urandom", "tty" };

static unsigned
plan_clone_tree(struct plan *plan, const char *path, bool recursive)
{
	return plan_open(plan, SYS_open_tree, 0, PLAN_AT_CWD, plan_string(plan, path),
	                 OPEN_TREE_CLONE | OPEN_TREE_CLOEXEC | (recursive ? AT_RECURSIVE : 0));
}

static unsigned
plan_fresh(struct plan *plan, const char *type, uint64_t attr)
{
	unsigned context = plan_open(plan, SYS_fsopen, 0, plan_string(plan, type), FSOPEN_CLOEXEC);

	plan_call(plan, SYS_fsconfig, 1, context, FSCONFIG_CMD_CREATE, 0, 0, 0);
	return plan_open(plan, SYS_fsmount, 1, context, FSMOUNT_CLOEXEC, attr);
}

static bool
is_delegated(const struct files *files)
{
	return files->plan->delegate_slot != WIRE_NEVER;
}

/*
 * proc and sysfs are made now, while the host's are still in sight: a user namespace may mount them only where a whole
 * one can be seen already.
 */
void
files_standard_sources(struct files *files)
{
	struct plan *plan = files->plan;

	plan_for(plan, STAGE_FILES, NULL, "device nodes");
	for (gsize i = 0; i < G_N_ELEMENTS(nodes); i++) {
		g_autofree char *path = g_strconcat("/dev/", nodes[i], NULL);

		files->node_slot[i] = plan_clone_tree(plan, path, false);
	}
	files_device_sources(files);
	plan_for(plan, STAGE_FILES, NULL, "mount proc");
	if (plan->namespaces & CLONE_NEWPID)
		files->proc_slot = plan_fresh(plan, "proc", PROC_ATTR);
	else
		files->proc_slot = plan_clone_tree(plan, "/proc", true);
	/* never for the host's own root: as the owner of sysctls it could write them in a proc that it mounts itself */
	if (is_delegated(files) && plan->namespaces & CLONE_NEWPID && plan->identity.user_ns) {
		plan_for(plan, STAGE_FILES, namespaces_delegate(files->spec), "mount a proc for boxes inside");
		files->whole_proc_slot = plan_fresh(plan, "proc", PROC_ATTR);
	}
	plan_for(plan, STAGE_FILES, NULL, "mount sysfs");
	if (!namespaces_own_net(plan))
		files->sys_slot = plan_clone_tree(plan, "/sys", true);
	else if (host_can_mount_sysfs())
		files->sys_slot = plan_fresh(plan, "sysfs", PROC_ATTR | MOUNT_ATTR_RDONLY);
}

/* --- hidden and read-only paths --- */

/* The part of a host_path that lies in the file system behind *ret_slot; NULL where the box does not have that one. */
static const char *
below(const struct files *files, const char *path, unsigned *ret_slot)
{
	bool proc = g_str_has_prefix(path, "/proc/");

	*ret_slot = proc ? files->proc_slot : files->sys_slot;
	return *ret_slot == FILES_NONE ? NULL : path + strlen(proc ? "/proc/" : "/sys/");
}

static void
plan_mask(struct files *files, const struct host_path *masked)
{
	struct plan *plan = files->plan;
	unsigned slot;
	const char *name = below(files, masked->path, &slot);

	if (!name || (masked->roots && plan->identity.user_ns))
		return;
	plan_for(plan, STAGE_FILES, NULL, "hide %s", masked->path);
	if (masked->is_dir) {
		plan_call(plan, SYS_fchdir, 1, slot);
		plan_call(plan, SYS_mount, 0, plan_string(plan, "tmpfs"), plan_string(plan, name), plan_string(plan, "tmpfs"),
		          MS_RDONLY | MS_NOSUID | MS_NODEV | MS_NOEXEC, plan_string(plan, "size=4k,nr_inodes=2,mode=555"))
			->forgive = ENOENT;
	} else {
		unsigned null = plan_open(plan, SYS_open_tree, 1, files->dev_slot, plan_string(plan, "null"),
		                          OPEN_TREE_CLONE | OPEN_TREE_CLOEXEC);

		plan_call(plan, SYS_move_mount, 1 | 4, null, plan_string(plan, ""), slot, plan_string(plan, name),
		          MOVE_MOUNT_F_EMPTY_PATH)
			->forgive = ENOENT;
	}
}

static void
plan_read_only(struct files *files, const struct host_path *path)
{
	struct plan *plan = files->plan;
	unsigned slot, copy;
	const char *name = below(files, path->path, &slot);

	if (!name)
		return;
	plan_for(plan, STAGE_FILES, NULL, "%s read-only", path->path);
	copy = plan_open(plan, SYS_open_tree, 1, slot, plan_string(plan, name),
	                 OPEN_TREE_CLONE | OPEN_TREE_CLOEXEC | AT_RECURSIVE);
	files_attr(files, copy, PROC_ATTR | MOUNT_ATTR_RDONLY, true);
	plan_call(plan, SYS_move_mount, 1 | 4, copy, plan_string(plan, ""), slot, plan_string(plan, name),
	          MOVE_MOUNT_F_EMPTY_PATH);
}

/* --- mounts --- */

static void
plan_dev(struct files *files)
{
	static const char *const links[][2] = {
		{ "/proc/self/fd", "fd" },       { "/proc/self/fd/0", "stdin" }, { "/proc/self/fd/1", "stdout" },
		{ "/proc/self/fd/2", "stderr" }, { "pts/ptmx", "ptmx" },
	};
	struct plan *plan = files->plan;

	plan_for(plan, STAGE_FILES, NULL, "mount /dev");
	files_tmpfs(files, "/dev", 65536, 1024, "mode=755", MS_NOEXEC);
	files->dev_slot = files_target(files, "/dev", true, false);
	plan_call(plan, SYS_fchdir, 1, files->dev_slot);
	for (gsize i = 0; i < G_N_ELEMENTS(nodes); i++) {
		uint64_t name = plan_string(plan, nodes[i]);

		plan_for(plan, STAGE_FILES, NULL, "device node /dev/%s", nodes[i]);
		plan_call(plan, SYS_mknodat, 0, PLAN_AT_CWD, name, S_IFREG | 0666, 0);
		/* read-only keeps the host's inode as it is (times, mode); it does not keep anyone from writing to the
		 * device */
		files_attr(files, files->node_slot[i], MOUNT_ATTR_RDONLY | MOUNT_ATTR_NOSUID | MOUNT_ATTR_NOEXEC, false);
		plan_call(plan, SYS_move_mount, 1, files->node_slot[i], plan_string(plan, ""), PLAN_AT_CWD, name,
		          MOVE_MOUNT_F_EMPTY_PATH);
	}
	plan_for(plan, STAGE_FILES, NULL, "links in /dev");
	for (gsize i = 0; i < G_N_ELEMENTS(links); i++)
		plan_call(plan, SYS_symlinkat, 0, plan_string(plan, links[i][0]), PLAN_AT_CWD, plan_string(plan, links[i][1]));
	plan_for(plan, STAGE_FILES, NULL, "mount /dev/pts");
	plan_call(plan, SYS_mkdirat, 0, PLAN_AT_CWD, plan_string(plan, "pts"), 0755);
	plan_call(plan, SYS_mount, 0, plan_string(plan, "devpts"), plan_string(plan, "pts"), plan_string(plan, "devpts"),
	          MS_NOSUID | MS_NOEXEC, plan_string(plan, "newinstance,ptmxmode=0666,mode=620"));
	files_place_add(files, "/dev/pts", false);
	if (plan->namespaces & CLONE_NEWIPC) {
		plan_for(plan, STAGE_FILES, NULL, "mount /dev/mqueue");
		plan_call(plan, SYS_mkdirat, 0, PLAN_AT_CWD, plan_string(plan, "mqueue"), 0755);
		plan_call(plan, SYS_mount, 0, plan_string(plan, "mqueue"), plan_string(plan, "mqueue"),
		          plan_string(plan, "mqueue"), MS_NOSUID | MS_NODEV | MS_NOEXEC, 0);
		files_place_add(files, "/dev/mqueue", false);
	}
	plan_for(plan, STAGE_FILES, NULL, "mount /dev/shm");
	files_tmpfs(files, "/dev/shm", FILES_TMPFS_SIZE, FILES_TMPFS_INODES, "mode=1777", MS_NOEXEC);
	files_device_mounts(files);
}

/* The second wall behind the filter: no user namespace below the box's own. namespaces(7), /proc/sys/user */
static void
plan_no_user_namespaces(struct files *files)
{
	struct plan *plan = files->plan;
	unsigned fd;

	/* a box inside lives in one: there the filter alone decides */
	if (!plan->identity.user_ns || !(plan->namespaces & CLONE_NEWPID) || is_delegated(files))
		return;
	plan_for(plan, STAGE_FILES, NULL, "no user namespaces inside");
	fd = plan_open(plan, SYS_openat, 1, files->proc_slot, plan_string(plan, "sys/user/max_user_namespaces"),
	               O_WRONLY | O_CLOEXEC);
	plan_call(plan, SYS_write, 1, fd, plan_string(plan, "0"), 1)->flags |= WIRE_FULL;
	plan_call(plan, SYS_close, 1, fd);
}

/*
 * A user namespace may mount a proc only where a whole one is attached, and the one on /proc has parts hidden. So a
 * second one is, below /sys, before the sysfs lies over that: no path leads there, and the kernel does not ask for one.
 */
static void
plan_whole_proc(struct files *files)
{
	if (files->whole_proc_slot == FILES_NONE)
		return;
	plan_for(files->plan, STAGE_FILES, namespaces_delegate(files->spec), "attach a proc for boxes inside");
	files_tmpfs(files, "/sys", 4096, 2, "mode=755", MS_NOEXEC);
	files_attach(files, files->whole_proc_slot, files_target(files, "/sys/proc", true, false));
}

/* The payload's part of the box's cgroup is the root of what is mounted: init has its cgroup namespace there. */
static void
plan_cgroup(struct files *files)
{
	const struct spec_entry *entry = namespaces_delegate(files->spec);
	unsigned mounted;

	if (!is_delegated(files))
		return;
	/* in a tmpfs the directory has to be made, in a sysfs it is there */
	if (files->sys_slot != FILES_NONE)
		files_place_add(files, "/sys", false);
	plan_for(files->plan, STAGE_FILES, entry, "mount /sys/fs/cgroup");
	mounted = plan_fresh(files->plan, "cgroup2", PROC_ATTR);
	files_attach(files, mounted, files_target(files, "/sys/fs/cgroup", true, false));
	if (files->sys_slot == FILES_NONE)
		files_attr(files, files_target(files, "/sys", true, false), MOUNT_ATTR_RDONLY, false);
	files_place_add(files, "/sys/fs/cgroup", false);
}

void
files_standard_mounts(struct files *files)
{
	struct plan *plan = files->plan;

	plan_for(plan, STAGE_FILES, NULL, "mount /proc");
	files_attach(files, files->proc_slot, files_target(files, "/proc", true, false));
	files_place_add(files, "/proc", false);
	plan_no_user_namespaces(files);
	plan_whole_proc(files);
	plan_for(plan, STAGE_FILES, NULL, "mount /sys");
	if (files->sys_slot == FILES_NONE) {
		/* ours can't be mounted here, and the host's would show the host's network: an empty one it is */
		if (is_delegated(files))
			files_tmpfs(files, "/sys", 4096, 4, "mode=755", MS_NOEXEC);
		else
			files_tmpfs(files, "/sys", 4096, 2, "mode=555", MS_RDONLY | MS_NOEXEC);
	} else {
		if (!namespaces_own_net(plan))
			files_attr(files, files->sys_slot, PROC_ATTR | MOUNT_ATTR_RDONLY, true);
		files_attach(files, files->sys_slot, files_target(files, "/sys", true, false));
	}
	if (files->sys_slot != FILES_NONE && !namespaces_own_net(plan)) {
		plan_for(plan, STAGE_FILES, NULL, "hide /sys/fs/cgroup");
		plan_call(plan, SYS_fchdir, 1, files->sys_slot);
		plan_call(plan, SYS_mount, 0, plan_string(plan, "tmpfs"), plan_string(plan, "fs/cgroup"),
		          plan_string(plan, "tmpfs"), MS_RDONLY | MS_NOSUID | MS_NODEV | MS_NOEXEC,
		          plan_string(plan, "size=4k,nr_inodes=2,mode=555"))
			->forgive = ENOENT;
	}
	plan_cgroup(files);
	files_place_add(files, "/sys", false);
	plan_dev(files);
	for (const struct host_path *path = host_readonly_paths(); path->path; path++)
		plan_read_only(files, path);
	for (const struct host_path *path = host_masked_paths(); path->path; path++)
		plan_mask(files, path);
	plan_for(plan, STAGE_FILES, NULL, "mount /tmp");
	files_tmpfs(files, "/tmp", FILES_TMPFS_SIZE, FILES_TMPFS_INODES, "mode=1777", 0);
	if (files->root == FILES_HOST && access("/run", F_OK) == 0) {
		/* the sockets of the host's services are there: a read-only mount does not keep anyone from connecting */
		plan_for(plan, STAGE_FILES, NULL, "mount /run");
		files_tmpfs(files, "/run", 64ull << 20, 1ull << 14, "mode=755", 0);
	}
}

void
files_standard_finish(struct files *files)
{
	plan_for(files->plan, STAGE_FILES, NULL, "/dev read-only");
	files_attr(files, files->dev_slot, MOUNT_ATTR_RDONLY | MOUNT_ATTR_NOSUID | MOUNT_ATTR_NOEXEC, false);
}
