/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* SPDX-FileCopyrightText: The libsbx developers */

/* Cgroups with real controllers: for the test VM (tests/vm/run), as root and as a user to whom the cgroup was given. */
#include <errno.h>
#include <fcntl.h>
#include <glib.h>
#include <inttypes.h>
#include <linux/sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/sysmacros.h>
#include <sys/wait.h>
#include <unistd.h>

#include "cgroup-stat.h"
#include "cgroup.h"
#include "cgroupfs.h"
#include "delegate.h"
#include "error.h"
#include "fd.h"

#define MIB (UINT64_C(1) << 20)

static const char *const all[] = { "memory", "pids", "cpu", "cpuset", "io", "hugetlb", "misc", "rdma", NULL };
static const char *const all_keys[] = { "memory.max",      "pids.max", "cpu.max",  "cpuset.cpus", "io.max",
	                                    "hugetlb.2MB.max", "misc.max", "rdma.max", NULL };

struct place {
	int fd;
	char *path;
};

static void
place_clear(struct place *place)
{
	fd_close(&place->fd);
	g_free(place->path);
}
typedef struct place place_t;
G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC(place_t, place_clear)

static void
place_get(struct place *place)
{
	g_autoptr(GError) error = NULL;

	*place = (struct place){ .fd = -1 };
	(void)delegate_find("auto", all, all_keys, &place->fd, &place->path, &error);
	g_assert_no_error(error);
}

static struct cgroup *
make(const struct place *place)
{
	g_autoptr(GError) error = NULL;
	struct cgroup *cgroup = NULL;

	(void)cgroup_new(place->fd, place->path, &cgroup, &error);
	g_assert_no_error(error);
	return cgroup;
}

static void
set(const struct cgroup *cgroup, const char *file, const char *value)
{
	g_autoptr(GError) error = NULL;
	g_autofree char *applied = NULL;

	(void)cgroup_set(cgroup, file, value, &applied, &error);
	g_assert_no_error(error);
	g_assert_nonnull(applied);
}

static void
refused(const struct cgroup *cgroup, const char *file, const char *value, int code, const char *text)
{
	g_autoptr(GError) error = NULL;
	char *applied = NULL;

	g_assert_false(cgroup_set(cgroup, file, value, &applied, &error));
	g_test_message("%s | %s", error->message, error_hint(error));
	g_assert_error(error, SBX_ERROR, code);
	g_assert_null(applied);
	g_assert_cmpstr(error_key(error), ==, file);
	g_assert_nonnull(error_hint(error));
	if (!strstr(error->message, text))
		g_error("expected \"%s\" in: %s", text, error->message);
}

static void
finish(struct cgroup *cgroup)
{
	g_autoptr(GError) error = NULL;

	(void)cgroup_kill(cgroup, &error);
	g_assert_no_error(error);
	(void)cgroup_remove(cgroup, 10000, &error);
	g_assert_no_error(error);
	g_assert_cmpint(access(cgroup->path, F_OK), ==, -1);
}

/* Run `work` in the group; the child's pid. */
static pid_t
run_in(const struct cgroup *cgroup, void (*work)(void))
{
	struct clone_args args = { .flags = CLONE_INTO_CGROUP, .exit_signal = SIGCHLD, .cgroup = (uint64_t)cgroup->fd };
	long pid = syscall(SYS_clone3, &args, sizeof args);

	if (pid == 0) {
		work();
		_exit(0);
	}
	if (pid < 0)
		g_error("clone3 into %s: %s", cgroup->path, g_strerror(errno));
	return (pid_t)pid;
}

static int
wait_for(pid_t pid)
{
	int status = -1;

	g_assert_cmpint(waitpid(pid, &status, 0), ==, pid);
	return status;
}

static void
sleeper(void)
{
	for (;;)
		pause();
}

/* Touch 64 MiB, then go. */
static void
hog(void)
{
	char *memory = mmap(NULL, 64 * MIB, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	if (memory == MAP_FAILED)
		_exit(2);
	for (size_t i = 0; i < 64 * MIB; i += 4096)
		((volatile char *)memory)[i] = 1;
}

/* --- where ------------------------------------------------------------------------------------------------------- */

static void
test_place(void)
{
	g_auto(place_t) place = { .fd = -1 };
	g_auto(place_t) any = { .fd = -1 };
	g_autofree char *usable = NULL;
	g_autoptr(GError) error = NULL;

	place_get(&place);
	/* the test sits in a child of it, which has processes and no controllers */
	g_assert_cmpstr(place.path, ==, g_getenv("SBX_VM_CGROUP"));
	usable = delegate_controllers(place.fd);
	for (int i = 0; all[i]; i++)
		if (!cgroupfs_lists(usable, all[i]))
			g_error("%s is not in \"%s\"", all[i], usable);
	/* nothing wanted: the same place, because limits and numbers can be had there */
	(void)delegate_find(NULL, NULL, NULL, &any.fd, &any.path, &error);
	g_assert_no_error(error);
	g_assert_cmpstr(any.path, ==, place.path);
}

static char *
below(const struct place *place, const char *name)
{
	char *path = g_build_filename(place->path, name, NULL);

	g_assert_cmpint(mkdir(path, 0755), ==, 0);
	return path;
}

static void
test_enable_down(void)
{
	const char *const wanted[] = { "memory", "pids", "cpu", NULL };
	const char *const keys[] = { "memory.max", "pids.max", "cpu.weight", NULL };
	g_auto(place_t) place = { .fd = -1 };
	g_auto(place_t) deep = { .fd = -1 };
	g_autofree char *top = NULL;
	g_autofree char *a = NULL;
	g_autofree char *b = NULL;
	g_autofree char *enabled = NULL;
	g_autoptr(cgroup_t) cgroup = NULL;
	g_autoptr(GError) error = NULL;

	place_get(&place);
	top = below(&place, "down");
	a = below(&place, "down/a");
	b = below(&place, "down/a/b");
	(void)delegate_find(b, wanted, keys, &deep.fd, &deep.path, &error);
	g_assert_no_error(error);
	g_assert_cmpstr(deep.path, ==, b);
	enabled = delegate_controllers(deep.fd);
	g_assert_cmpstr(enabled, ==, "cpu memory pids");
	cgroup = make(&deep);
	set(cgroup, "memory.max", "67108864");
	set(cgroup, "pids.max", "9");
	set(cgroup, "cpu.weight", "50");
	refused(cgroup, "io.max", "/nosuch rbps=1", ENOENT, "/nosuch");
	refused(cgroup, "hugetlb.2MB.max", "0", ENOTSUP, "the hugetlb controller is not passed on to");
	finish(cgroup);
	g_assert_cmpint(rmdir(b) + rmdir(a) + rmdir(top), ==, 0);
}

static void
test_busy(void)
{
	const char *const wanted[] = { "pids", NULL };
	const char *const keys[] = { "pids.max", NULL };
	g_auto(place_t) place = { .fd = -1 };
	g_auto(place_t) found = { .fd = -1 };
	g_autoptr(cgroup_t) cgroup = NULL;
	g_autoptr(GError) error = NULL;
	g_autofree char *type = NULL;
	pid_t pid;

	place_get(&place);
	cgroup = make(&place);
	pid = run_in(cgroup, sleeper);
	g_assert_false(delegate_find(cgroup->path, wanted, keys, &found.fd, &found.path, &error));
	g_test_message("%s | %s", error->message, error_hint(error));
	g_assert_error(error, SBX_ERROR, EBUSY);
	g_assert_cmpstr(error_key(error), ==, "pids.max");
	g_assert_nonnull(strstr(error->message, "has processes of its own, so it cannot enable pids for its children"));
	g_assert_nonnull(strstr(error->message, cgroup->path));
	g_clear_error(&error);
	/* the kernel would have let us make a threaded group of it */
	type = fd_read_file_at(cgroup->fd, "cgroup.type");
	g_assert_cmpstr(type, ==, "domain\n");
	kill(pid, SIGKILL);
	(void)wait_for(pid);
	(void)delegate_find(cgroup->path, wanted, keys, &found.fd, &found.path, &error); /* the positive control */
	g_assert_no_error(error);
	finish(cgroup);
}

/* Given a user, when the group is not the user's or the user sits outside of it, then a sentence says so. */
static void
as_user(const char *given, const char *join)
{
	const char *const wanted[] = { "memory", NULL };
	const char *const keys[] = { "memory.max", NULL };
	struct place place = { .fd = -1 };
	struct cgroup *cgroup = NULL;
	GError *error = NULL;

	if (join && !fd_write_file_at(AT_FDCWD, join, "0"))
		_exit(3);
	if (setgid(1000) < 0 || setuid(1000) < 0)
		_exit(4);
	if (!delegate_find(given, wanted, keys, &place.fd, &place.path, &error)) {
		printf("# %s | %s\n", error->message, error_hint(error));
		if (error->code != EACCES || !error_hint(error))
			_exit(5);
		_exit(strstr(error->message, "which the two have in common") ? 10 : 11);
	}
	if (!cgroup_new(place.fd, place.path, &cgroup, &error))
		_exit(6);
	(void)wait_for(run_in(cgroup, hog));
	finish(cgroup);
	_exit(0);
}

static int
user_status(const char *given, const char *join)
{
	pid_t pid = fork();
	int status;

	if (pid == 0)
		as_user(given, join);
	status = wait_for(pid);
	return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

static void
test_user(void)
{
	static const char *const files[] = { "", "cgroup.procs", "cgroup.subtree_control" };
	const char *given = "/sys/fs/cgroup/given";
	const char *inside = "/sys/fs/cgroup/given/inside";
	const char *root = "/sys/fs/cgroup";

	if (geteuid() != 0 || chown("/sys/fs/cgroup/cgroup.stat", 0, 0) < 0) {
		/* not the machine's root: its groups are the ones that are not ours */
		const char *const wanted[] = { "memory", NULL };
		const char *const keys[] = { "memory.max", NULL };
		g_autoptr(GError) error = NULL;
		g_auto(place_t) place = { .fd = -1 };

		g_assert_false(delegate_find(root, wanted, keys, &place.fd, &place.path, &error));
		g_test_message("%s | %s", error->message, error_hint(error));
		g_assert_error(error, SBX_ERROR, EACCES);
		g_assert_nonnull(strstr(error_hint(error), "Delegate=yes"));
		return;
	}
	g_assert_cmpint(mkdir(given, 0755), ==, 0);
	for (size_t i = 0; i < G_N_ELEMENTS(files); i++) {
		g_autofree char *path = g_build_filename(given, files[i], NULL);

		g_assert_cmpint(chown(path, 1000, 1000), ==, 0);
	}
	g_assert_cmpint(mkdir(inside, 0755), ==, 0);
	g_assert_cmpint(user_status(root, NULL), ==, 11);
	g_assert_cmpint(user_status("auto", NULL), ==, 11);
	g_assert_cmpint(user_status(given, NULL), ==, 10);
	g_assert_cmpint(user_status(given, "/sys/fs/cgroup/given/inside/cgroup.procs"), ==, 0);
	g_assert_cmpint(user_status("auto", "/sys/fs/cgroup/given/inside/cgroup.procs"), ==, 0);
	g_assert_cmpint(rmdir(inside) + rmdir(given), ==, 0);
}

/* --- limits ------------------------------------------------------------------------------------------------------ */

struct limit {
	const char *file, *value, *held;
	bool optional; /* depends on the kernel's configuration */
};

static const struct limit limits[] = {
	{ "memory.min", "1048576", "1048576", false },
	{ "memory.low", "2097152", "2097152", false },
	{ "memory.high", "33554432", "33554432", false },
	{ "memory.max", "67108865", "67108864", false },
	{ "memory.swap.max", "0", "0", false },
	{ "memory.swap.high", "4096", "4096", false },
	{ "memory.zswap.max", "8192", "8192", true },
	{ "memory.oom.group", "1", "1", false },
	{ "cpu.max", "150000 100000", "150000 100000", false },
	{ "cpu.max", "max", "max 100000", false },
	{ "cpu.max.burst", "1000", "1000", false },
	{ "cpu.weight", "250", "250", false },
	{ "cpu.weight.nice", "5", "5", false },
	{ "cpu.idle", "1", "1", false },
	{ "cpu.uclamp.min", "12.5", "12.50", true },
	{ "cpu.uclamp.max", "max", "max", true },
	{ "cpuset.cpus", "0,1", "0-1", false },
	{ "cpuset.cpus", "1", "1", false },
	{ "cpuset.mems", "0", "0", false },
	{ "cpuset.cpus.partition", "member", "member", false },
	{ "io.weight", "200", "default 200", true },
	{ "io.prio.class", "idle", "idle", true },
	{ "pids.max", "42", "42", false },
	{ "hugetlb.2MB.max", "5242880", "4194304", false },
	{ "hugetlb.2MB.max", "max", "max", false },
	{ "hugetlb.2MB.rsvd.max", "2097152", "2097152", false },
	{ "memory.max", "max", "max", false },
};

static void
test_limit(gconstpointer data)
{
	const struct limit *limit = data;
	g_auto(place_t) place = { .fd = -1 };
	g_autoptr(cgroup_t) cgroup = NULL;
	g_autofree char *held = NULL;
	g_autofree char *applied = NULL;
	g_autoptr(GError) error = NULL;

	place_get(&place);
	cgroup = make(&place);
	held = fd_read_file_at(cgroup->fd, limit->file);
	if (!held && limit->optional) {
		g_autofree char *text = g_strdup_printf("this kernel has no %s", limit->file);

		refused(cgroup, limit->file, limit->value, ENOENT, text);
	} else {
		(void)cgroup_set(cgroup, limit->file, limit->value, &applied, &error);
		g_assert_no_error(error);
		g_assert_cmpstr(applied, ==, limit->held);
		g_free(held);
		held = fd_read_file_at(cgroup->fd, limit->file);
		g_assert_cmpstr(g_strchomp(held), ==, limit->held);
	}
	finish(cgroup);
}

static void
test_limit_errors(void)
{
	static const char *const cpuset[] = { "cpuset", NULL };
	g_auto(place_t) place = { .fd = -1 };
	g_auto(place_t) one = { .fd = -1 };
	g_autoptr(cgroup_t) cgroup = NULL;
	g_autoptr(cgroup_t) inner = NULL;
	g_autoptr(GError) error = NULL;

	place_get(&place);
	cgroup = make(&place);
	refused(cgroup, "memory.max", "abc", EINVAL, "memory.max: Invalid argument");
	refused(cgroup, "memory.nosuch", "1", ENOENT, "this kernel has no memory.nosuch");
	refused(cgroup, "pids.max", "-1", EINVAL, "pids.max");
	refused(cgroup, "cpu.weight", "0", ERANGE, "cpu.weight");
	refused(cgroup, "cpu.max", "1 100000", EINVAL, "cpu.max");
	refused(cgroup, "nosuch.max", "1", ENOTSUP, "no nosuch controller in cgroup v2");
	refused(cgroup, "io.max", "/proc rbps=1", ENOTBLK, "without a block device (proc)");
	refused(cgroup, "io.max", "/ rbps=1", ENOTBLK, "without a block device (overlay)");
	refused(cgroup, "io.max", "/dev/null rbps=1", ENOTBLK, "character device");
	refused(cgroup, "io.max", "254:0 fast=1", EINVAL, "unknown word \"fast=1\"");
	refused(cgroup, "io.max", "254:0", EINVAL, "no limit in it");
	/* the kernel takes these and does something else */
	set(cgroup, "cpuset.cpus", "0");
	refused(cgroup, "cpuset.cpus.partition", "root", EINVAL, "the kernel holds root invalid (");
	set(cgroup, "cpuset.cpus.partition", "member");
	(void)delegate_find(cgroup->path, cpuset, cpuset, &one.fd, &one.path, &error);
	g_assert_no_error(error);
	inner = make(&one);
	refused(inner, "cpuset.cpus", "1", EINVAL, "asked cpuset.cpus 1, but the box would run on 0");
	set(inner, "cpuset.cpus", "0-1");
	finish(inner);
	finish(cgroup);
}

static const char *
disk(void)
{
	const char *path = g_getenv("SBX_VM_DISK");

	if (path)
		return path;
	if (g_strcmp0(g_getenv("SBX_MUST_WORK"), "1") == 0)
		g_error("SBX_VM_DISK is not set: start the VM with --disk");
	g_test_skip("needs a disk: tests/vm/run --disk 64");
	return NULL;
}

/* Two MiB past the page cache. */
static void
writer(void)
{
	char *buffer = mmap(NULL, MIB / 4, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	int fd = open("/mnt/disk/io-max", O_WRONLY | O_CREAT | O_TRUNC | O_DIRECT | O_CLOEXEC, 0600);

	for (int i = 0; i < 8; i++)
		if (fd < 0 || write(fd, buffer, MIB / 4) != MIB / 4)
			_exit(2);
}

static void
test_io_max(void)
{
	const char *device = disk();
	const char *const names[] = { device, "/mnt/disk", "/mnt/disk/file" };
	g_auto(place_t) place = { .fd = -1 };
	g_autoptr(cgroup_t) cgroup = NULL;
	g_autofree char *number = NULL;
	g_autofree char *held = NULL;
	g_autofree char *expected = NULL;
	sbx_report report = { .size = sizeof report };
	gint64 free_usec, held_usec;
	struct stat st;

	if (!device)
		return;
	g_assert_cmpint(stat(device, &st), ==, 0);
	number = g_strdup_printf("%u:%u", major(st.st_rdev), minor(st.st_rdev));
	g_assert_true(g_file_set_contents("/mnt/disk/file", "x", 1, NULL));
	place_get(&place);
	cgroup = make(&place);
	free_usec = g_get_monotonic_time();
	g_assert_cmpint(wait_for(run_in(cgroup, writer)), ==, 0);
	free_usec = g_get_monotonic_time() - free_usec;
	for (size_t i = 0; i < G_N_ELEMENTS(names); i++) {
		g_autofree char *value = g_strdup_printf("%s rbps=%zu wbps=1048576", names[i], 4096 * (i + 1));
		g_autofree char *line = g_strdup_printf("%s rbps=%zu wbps=1048576 riops=max wiops=max", number, 4096 * (i + 1));
		g_autofree char *applied = NULL;
		g_autoptr(GError) error = NULL;

		(void)cgroup_set(cgroup, "io.max", value, &applied, &error);
		g_assert_no_error(error);
		g_assert_cmpstr(applied, ==, line);
	}
	held_usec = g_get_monotonic_time();
	g_assert_cmpint(wait_for(run_in(cgroup, writer)), ==, 0);
	held_usec = g_get_monotonic_time() - held_usec;
	g_test_message("2 MiB: %" G_GINT64_FORMAT " us free, %" G_GINT64_FORMAT " us at 1 MiB/s", free_usec, held_usec);
	g_assert_cmpint(held_usec, >=, 1500000);
	g_assert_cmpint(held_usec, >, free_usec);
	cgroup_stat(cgroup, &report);
	g_assert_cmpuint(report.valid & SBX_VALID_IO_WRITE_BYTES, !=, 0);
	g_assert_cmpuint(report.io_write_bytes, >=, 4 * MIB);
	/* taken back: no line is left */
	expected = g_strdup_printf("%s rbps=max wbps=max", device);
	set(cgroup, "io.max", expected);
	held = fd_read_file_at(cgroup->fd, "io.max");
	g_assert_cmpstr(held, ==, "");
	finish(cgroup);
	(void)unlink("/mnt/disk/io-max");
	(void)unlink("/mnt/disk/file");
}

/* --- numbers ----------------------------------------------------------------------------------------------------- */

static void
test_oom(void)
{
	g_auto(place_t) place = { .fd = -1 };
	g_autoptr(cgroup_t) cgroup = NULL;
	sbx_report report = { .size = sizeof report };
	struct cgroup_oom oom;
	pid_t others[2];
	int status;

	place_get(&place);
	cgroup = make(&place);
	g_assert_true(cgroup_oom(cgroup, &oom));
	g_assert_cmpuint(oom.kills + oom.own, ==, 0);
	g_assert_cmpint(wait_for(run_in(cgroup, hog)), ==, 0); /* the positive control */
	set(cgroup, "memory.swap.max", "0");
	set(cgroup, "memory.oom.group", "1");
	set(cgroup, "memory.max", "33554432");
	others[0] = run_in(cgroup, sleeper);
	others[1] = run_in(cgroup, sleeper);
	status = wait_for(run_in(cgroup, hog));
	g_assert_true(WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL);
	for (size_t i = 0; i < G_N_ELEMENTS(others); i++)
		g_assert_true(WIFSIGNALED(wait_for(others[i])));
	g_assert_true(cgroup_oom(cgroup, &oom));
	g_assert_cmpuint(oom.kills, >=, 3);
	g_assert_cmpuint(oom.own, >=, 1);
	cgroup_stat(cgroup, &report);
	g_assert_cmpuint(report.valid & SBX_VALID_OOM_KILLS, !=, 0);
	g_assert_cmpuint(report.oom_kills, ==, 3);
	g_assert_cmpuint(report.valid & SBX_VALID_MEMORY_PEAK, !=, 0);
	g_assert_cmpuint(report.memory_peak, >=, 64 * MIB); /* of the control */
	finish(cgroup);
}

static void
test_peak(void)
{
	g_auto(place_t) place = { .fd = -1 };
	g_autoptr(cgroup_t) cgroup = NULL;
	sbx_report report = { .size = sizeof report };

	place_get(&place);
	cgroup = make(&place);
	set(cgroup, "memory.swap.max", "0");
	set(cgroup, "memory.max", "33554432");
	g_assert_true(WIFSIGNALED(wait_for(run_in(cgroup, hog))));
	cgroup_stat(cgroup, &report);
	g_assert_cmpuint(report.memory_peak, <=, 32 * MIB);
	g_assert_cmpuint(report.memory_peak, >, 30 * MIB);
	g_assert_cmpuint(report.oom_kills, ==, 1);
	finish(cgroup);
}

/* A limit above the group: killed, but not by its own limit. */
static void
test_oom_ancestor(void)
{
	static const char *const memory[] = { "memory", NULL };
	g_auto(place_t) place = { .fd = -1 };
	g_auto(place_t) inside = { .fd = -1 };
	g_autoptr(cgroup_t) outer = NULL;
	g_autoptr(cgroup_t) inner = NULL;
	g_autoptr(GError) error = NULL;
	struct cgroup_oom oom;

	place_get(&place);
	outer = make(&place);
	(void)delegate_find(outer->path, memory, memory, &inside.fd, &inside.path, &error);
	g_assert_no_error(error);
	set(outer, "memory.swap.max", "0");
	set(outer, "memory.max", "33554432");
	inner = make(&inside);
	g_assert_true(WIFSIGNALED(wait_for(run_in(inner, hog))));
	g_assert_true(cgroup_oom(inner, &oom));
	g_assert_cmpuint(oom.kills, ==, 1);
	g_assert_cmpuint(oom.own, ==, 0);
	g_assert_true(cgroup_oom(outer, &oom));
	g_assert_cmpuint(oom.own, >=, 1);
	finish(inner);
	finish(outer);
}

/* Fork until it is refused; the status is how many were there. */
static void
forker(void)
{
	for (int n = 0; n < 20; n++) {
		long pid = syscall(SYS_clone, SIGCHLD, 0, 0, 0, 0);

		if (pid == 0)
			sleeper();
		if (pid < 0)
			_exit(errno == EAGAIN ? n : 99);
	}
	_exit(98);
}

static void
test_pids(void)
{
	g_auto(place_t) place = { .fd = -1 };
	g_autoptr(cgroup_t) cgroup = NULL;
	sbx_report report = { .size = sizeof report };
	int status;

	place_get(&place);
	cgroup = make(&place);
	set(cgroup, "pids.max", "5");
	status = wait_for(run_in(cgroup, forker));
	g_assert_cmpint(WEXITSTATUS(status), ==, 4);
	cgroup_stat(cgroup, &report);
	g_assert_cmpuint(report.valid & SBX_VALID_PIDS_DENIED, !=, 0);
	g_assert_cmpuint(report.pids_denied, ==, 1);
	/* six were counted at the moment when the sixth was refused on some kernels; one of them is the init of a real box */
	if (report.valid & SBX_VALID_PIDS_PEAK) {
		g_assert_cmpuint(report.pids_peak, >=, 4);
		g_assert_cmpuint(report.pids_peak, <=, 5);
	}
	finish(cgroup);
}

static void
burner(void)
{
	gint64 end = g_get_monotonic_time() + 1500000;

	while (g_get_monotonic_time() < end)
		;
}

static void
test_throttle(void)
{
	g_auto(place_t) place = { .fd = -1 };
	g_autoptr(cgroup_t) cgroup = NULL;
	sbx_report report = { .size = sizeof report };

	place_get(&place);
	cgroup = make(&place);
	set(cgroup, "cpu.max", "10000 100000");
	g_assert_cmpint(wait_for(run_in(cgroup, burner)), ==, 0);
	cgroup_stat(cgroup, &report);
	g_assert_cmpuint(report.valid & SBX_VALID_THROTTLED_USEC, !=, 0);
	g_test_message("throttled %" PRIu64 " us, user %" PRIu64 ", system %" PRIu64, report.throttled_usec,
	               report.cpu_user_usec, report.cpu_system_usec);
	g_assert_cmpuint(report.throttled_usec, >, 500000);
	g_assert_cmpuint(report.cpu_user_usec + report.cpu_system_usec, <, 600000);
	g_assert_cmpuint(report.valid & SBX_VALID_PRESSURE_CPU_USEC, !=, 0);
	finish(cgroup);
}

/* --- the end ----------------------------------------------------------------------------------------------------- */

static void
test_remove(void)
{
	g_auto(place_t) place = { .fd = -1 };
	gint64 longest = 0;

	place_get(&place);
	for (int i = 0; i < 200; i++) {
		g_autoptr(cgroup_t) cgroup = make(&place);
		pid_t pid = run_in(cgroup, i % 2 ? sleeper : hog);
		gint64 begin;

		if (i % 4 == 0)
			g_assert_cmpint(mkdirat(cgroup->fd, "below", 0755), ==, 0);
		begin = g_get_monotonic_time();
		finish(cgroup);
		longest = MAX(longest, g_get_monotonic_time() - begin);
		(void)wait_for(pid);
	}
	g_test_message("200 groups, the slowest was killed and removed in %" G_GINT64_FORMAT " us", longest);
	g_assert_cmpint(longest, <, 5000000);
}

/* A lineage: each process makes the next and goes, under a new pid and in a session of its own. */
static void
hopper(void)
{
	for (;;) {
		long pid = syscall(SYS_clone, SIGCHLD, 0, 0, 0, 0);

		if (pid > 0)
			_exit(0);
		(void)setsid();
		(void)signal(SIGTERM, SIG_IGN);
	}
}

static void
test_hoppers(void)
{
	g_auto(place_t) place = { .fd = -1 };
	g_autoptr(cgroup_t) cgroup = NULL;
	sbx_report report = { .size = sizeof report };
	gint64 begin;

	place_get(&place);
	cgroup = make(&place);
	set(cgroup, "pids.max", "400");
	for (int i = 0; i < 40; i++)
		(void)wait_for(run_in(cgroup, hopper));
	g_usleep(200000);
	g_assert_cmpint(cgroup_populated(cgroup), ==, 1);
	cgroup_stat(cgroup, &report);
	begin = g_get_monotonic_time();
	finish(cgroup);
	g_test_message("at most %" PRIu64 " processes, gone in %" G_GINT64_FORMAT " us", report.pids_peak,
	               g_get_monotonic_time() - begin);
}

static void
test_frozen(void)
{
	g_auto(place_t) place = { .fd = -1 };
	g_autoptr(cgroup_t) cgroup = NULL;
	pid_t pid;

	place_get(&place);
	cgroup = make(&place);
	pid = run_in(cgroup, sleeper);
	set(cgroup, "cgroup.freeze", "1");
	finish(cgroup);
	g_assert_true(WIFSIGNALED(wait_for(pid)));
}

/* What a launch pays here; for people to read. */
static void
test_speed(void)
{
	g_auto(place_t) place = { .fd = -1 };
	gint64 begin;

	place_get(&place);
	begin = g_get_monotonic_time();
	for (int i = 0; i < 100; i++) {
		g_autoptr(cgroup_t) cgroup = make(&place);
		sbx_report report = { .size = sizeof report };

		set(cgroup, "memory.max", "104857600");
		set(cgroup, "memory.swap.max", "0");
		set(cgroup, "memory.oom.group", "1");
		set(cgroup, "pids.max", "100");
		cgroup_stat(cgroup, &report);
		finish(cgroup);
	}
	g_test_message("new, four limits, stat, kill, remove: %" G_GINT64_FORMAT " us",
	               (g_get_monotonic_time() - begin) / 100);
}

/* For a guest that was started with --append cgroup_disable=memory. */
static void
test_disabled(void)
{
	static const char *const memory[] = { "memory", NULL };
	static const char *const keys[] = { "memory.max", NULL };
	g_auto(place_t) place = { .fd = -1 };
	g_autoptr(GError) error = NULL;

	g_assert_false(delegate_find("auto", memory, keys, &place.fd, &place.path, &error));
	g_test_message("%s | %s", error->message, error_hint(error));
	g_assert_error(error, SBX_ERROR, ENOTSUP);
	g_assert_cmpstr(error->message, ==, "the memory controller is not enabled on this kernel");
	g_assert_cmpstr(error_key(error), ==, "memory.max");
	g_assert_nonnull(strstr(error_hint(error), "cgroup_disable=memory"));
}

static void
add_limits(void)
{
	for (size_t i = 0; i < G_N_ELEMENTS(limits); i++) {
		g_autofree char *value = g_strdelimit(g_strdup(limits[i].value), " ,", '_');
		g_autofree char *path = g_strdup_printf("/cgroup/limit/%s/%s", limits[i].file, value);

		g_test_add_data_func(path, &limits[i], test_limit);
	}
}

int
main(int argc, char **argv)
{
	g_autofree char *command_line = fd_read_file_at(AT_FDCWD, "/proc/cmdline");

	g_test_init(&argc, &argv, NULL);
	if (!g_getenv("SBX_VM_CGROUP")) {
		puts("1..0 # SKIP needs the test VM: tests/vm/run -- tests/live/test-cgroup-vm");
		return g_strcmp0(g_getenv("SBX_MUST_WORK"), "1") == 0;
	}
	if (command_line && strstr(command_line, "cgroup_disable=memory")) {
		g_test_add_func("/delegate/disabled", test_disabled);
		return g_test_run();
	}
	g_test_add_func("/delegate/place", test_place);
	g_test_add_func("/delegate/enable-down", test_enable_down);
	g_test_add_func("/delegate/busy", test_busy);
	g_test_add_func("/delegate/user", test_user);
	add_limits();
	g_test_add_func("/cgroup/limit-errors", test_limit_errors);
	g_test_add_func("/cgroup/io-max", test_io_max);
	g_test_add_func("/cgroup/oom", test_oom);
	g_test_add_func("/cgroup/peak", test_peak);
	g_test_add_func("/cgroup/oom-ancestor", test_oom_ancestor);
	g_test_add_func("/cgroup/pids", test_pids);
	g_test_add_func("/cgroup/throttle", test_throttle);
	g_test_add_func("/cgroup/remove", test_remove);
	g_test_add_func("/cgroup/hoppers", test_hoppers);
	g_test_add_func("/cgroup/frozen", test_frozen);
	g_test_add_func("/cgroup/speed", test_speed);
	return g_test_run();
}
