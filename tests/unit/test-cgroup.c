/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* SPDX-FileCopyrightText: The libsbx developers */

/* The text readers of the cgroup files, and groups on whatever cgroup2 mount this host has, with controllers or without. */
#include <errno.h>
#include <fcntl.h>
#include <glib.h>
#include <inttypes.h>
#include <linux/sched.h>
#include <signal.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "blockdev.h"
#include "cgroup-stat.h"
#include "cgroup.h"
#include "cgroupfs.h"
#include "delegate.h"
#include "error.h"
#include "fd.h"
#include "mountinfo.h"
#include "readback.h"

/* --- text -------------------------------------------------------------------------------------------------------- */

static void
test_stat_text(void)
{
	static const char cpu[] = "usage_usec 12\nuser_usec 7\nsystem_usec 5\nnice_usec 0\n";
	static const char io[] = "8:0 rbytes=10 wbytes=1 rios=1\n254:16 254:0 rbytes=32 wbytes=0 dbytes=5\n8:16 \n";
	static const char psi[] = "some avg10=0.00 avg60=1.00 avg300=0.00 total=4711\nfull avg10=0.00 total=1\n";
	uint64_t value;

	g_assert_true(stat_field(cpu, "user_usec", &value));
	g_assert_cmpuint(value, ==, 7);
	g_assert_true(stat_field(cpu, "usage_usec", &value));
	g_assert_cmpuint(value, ==, 12);
	g_assert_false(stat_field(cpu, "usec", &value));
	g_assert_false(stat_field(cpu, "user", &value));
	g_assert_true(stat_sum(io, "rbytes", &value));
	g_assert_cmpuint(value, ==, 42);
	g_assert_true(stat_sum(io, "wbytes", &value));
	g_assert_cmpuint(value, ==, 1);
	g_assert_true(stat_sum("", "wbytes", &value));
	g_assert_cmpuint(value, ==, 0);
	g_assert_true(stat_pressure(psi, &value));
	g_assert_cmpuint(value, ==, 4711);
	g_assert_true(stat_number("18446744073709551615\n", &value));
	g_assert_cmpuint(value, ==, UINT64_MAX);
}

static void
test_stat_garbage(void)
{
	static const char *const fields[] = { "",      "x",     "x ",    "x -1", "x 1 2", "x 18446744073709551616",
		                                  "x 0x1", "x 1.5", "x max", "xx 1", " x 1",  "x  1" };
	static const char *const numbers[] = {
		"", "\n", "max\n", "-1\n", "1\n2\n", " 1\n", "1 \n", "18446744073709551616\n"
	};
	static const char *const sums[] = { "a x=", "a x=-1", "a x=1a", "a x=18446744073709551615 x=1" };
	static const char *const stalls[] = {
		"", "some", "some ", "full avg10=0.00 total=1", "some total=", "some total=x", "some avg10=0\nfull total=9"
	};
	uint64_t value = 99;

	for (size_t i = 0; i < G_N_ELEMENTS(fields); i++)
		g_assert_false(stat_field(fields[i], "x", &value));
	for (size_t i = 0; i < G_N_ELEMENTS(numbers); i++)
		g_assert_false(stat_number(numbers[i], &value));
	for (size_t i = 0; i < G_N_ELEMENTS(sums); i++)
		g_assert_false(stat_sum(sums[i], "x", &value));
	for (size_t i = 0; i < G_N_ELEMENTS(stalls); i++)
		g_assert_false(stat_pressure(stalls[i], &value));
	g_assert_cmpuint(value, ==, 99);
}

static void
test_cgroupfs_text(void)
{
	static const char table[] =
		"#subsys_name\thierarchy\tnum_cgroups\tenabled\ncpu\t1\t1\t1\ncpuacct\t2\t1\t1\nmemory\t0\t9\t0\n";
	g_autofree char *own = cgroupfs_parse_own("9:name=systemd:/x\n1:cpu:/\n0::/user.slice/a b\n");
	g_autofree char *none = cgroupfs_parse_own("1:cpu:/\n10::/x\n0::x\n0::");
	unsigned hierarchy = 9;
	bool enabled = true;

	g_assert_cmpstr(own, ==, "/user.slice/a b");
	g_assert_null(none);
	g_assert_cmpstr(cgroupfs_relative("/", "/"), ==, "");
	g_assert_cmpstr(cgroupfs_relative("/", "/a/b"), ==, "a/b");
	g_assert_cmpstr(cgroupfs_relative("/a", "/a"), ==, "");
	g_assert_cmpstr(cgroupfs_relative("/a", "/a/b"), ==, "b");
	g_assert_null(cgroupfs_relative("/a", "/ab"));
	g_assert_null(cgroupfs_relative("/a", "/"));
	g_assert_null(cgroupfs_relative("/", "/../x"));
	g_assert_cmpstr(cgroupfs_relative("/..", "/../x"), ==, "x");
	g_assert_cmpstr(cgroupfs_relative("/", "/..x"), ==, "..x");
	g_assert_true(cgroupfs_lists("cpuset cpu io\n", "cpu"));
	g_assert_true(cgroupfs_lists("cpuset cpu io\n", "io"));
	g_assert_false(cgroupfs_lists("cpuset io\n", "cpu"));
	g_assert_false(cgroupfs_lists("", "cpu"));
	g_assert_true(cgroupfs_lists("rw,cpu,cpuacct", "cpuacct"));
	g_assert_true(cgroupfs_parse_controller(table, "cpu", &hierarchy, &enabled));
	g_assert_cmpuint(hierarchy, ==, 1);
	g_assert_true(enabled);
	g_assert_true(cgroupfs_parse_controller(table, "memory", &hierarchy, &enabled));
	g_assert_cmpuint(hierarchy, ==, 0);
	g_assert_false(enabled);
	g_assert_false(cgroupfs_parse_controller(table, "mem", &hierarchy, &enabled));
	g_assert_false(cgroupfs_parse_controller("memory\tx", "memory", &hierarchy, &enabled));
}

static void
test_mountinfo_text(void)
{
	char good[] = "41 31 0:38 /a\\040b /sys/fs/cgroup\\134x rw,relatime shared:1 master:2 - cgroup2  rw,nsdelegate\n";
	static const char *const bad[] = { "",
		                               "41",
		                               "x 31 0:38 / /m rw - t s o",
		                               "41 31 0:38 / /m rw t s o",
		                               "41 31 0:38 / /m rw - t s",
		                               "99999999999 1 0:1 / /m rw - t s o",
		                               "-1 1 0:1 / / rw - t s o" };
	struct mount mount;

	g_assert_true(mountinfo_parse(good, &mount));
	g_assert_cmpint(mount.id, ==, 41);
	g_assert_cmpstr(mount.root, ==, "/a b");
	g_assert_cmpstr(mount.point, ==, "/sys/fs/cgroup\\x");
	g_assert_cmpstr(mount.type, ==, "cgroup2");
	g_assert_cmpstr(mount.source, ==, "");
	g_assert_cmpstr(mount.options, ==, "rw,nsdelegate");
	for (size_t i = 0; i < G_N_ELEMENTS(bad); i++) {
		g_autofree char *line = g_strdup(bad[i]);

		g_assert_false(mountinfo_parse(line, &mount));
	}
}

/* The rows of stat_oom()'s table. */
static void
test_oom(void)
{
	static const struct {
		unsigned local_kill, kill, local_oom, oom, group; /* group: of the local file; 99: an old kernel's, without */
		unsigned kills, own;
	} rows[] = {
		{ 0, 0, 0, 0, 0, 0, 0 }, { 0, 0, 2, 2, 0, 0, 2 },                            /* nothing was killed */
		{ 3, 3, 1, 1, 0, 3, 1 }, { 0, 3, 1, 1, 1, 3, 1 },  { 1, 4, 1, 3, 99, 4, 1 }, /* its own limit */
		{ 0, 0, 1, 1, 1, 1, 1 },                                                     /* memory_localevents */
		{ 2, 2, 0, 0, 0, 2, 0 }, { 0, 2, 0, 0, 0, 2, 0 },  { 0, 2, 0, 0, 99, 2, 0 }, /* an ancestor's */
		{ 1, 2, 0, 1, 0, 2, 0 }, { 0, 5, 0, 1, 1, 5, 0 },  { 0, 0, 0, 0, 1, 1, 0 },  /* an ancestor's too */
		{ 0, 3, 0, 1, 0, 0, 0 }, { 0, 3, 0, 7, 99, 0, 0 },                           /* of a group below */
	};
	struct cgroup_oom oom;

	for (size_t i = 0; i < G_N_ELEMENTS(rows); i++) {
		g_autofree char *group =
			rows[i].group == 99 ? g_strdup("") : g_strdup_printf("oom_group_kill %u\n", rows[i].group);
		g_autofree char *local = g_strdup_printf("low 0\nhigh 0\nmax 9\noom %u\noom_kill %u\n%s", rows[i].local_oom,
		                                         rows[i].local_kill, group);
		g_autofree char *below =
			g_strdup_printf("low 0\nhigh 0\nmax 9\noom %u\noom_kill %u\n%s", rows[i].oom, rows[i].kill, group);

		g_test_message("row %zu", i);
		g_assert_true(stat_oom(local, below, &oom));
		g_assert_cmpuint(oom.kills, ==, rows[i].kills);
		g_assert_cmpuint(oom.own, ==, rows[i].own);
	}
	g_assert_false(stat_oom("oom 1\n", "oom 1\noom_kill 1\n", &oom));
	g_assert_false(stat_oom("oom 1\noom_kill 1\n", "", &oom));
}

static void
test_readback(void)
{
	static const struct {
		const char *file, *asked, *held;
		bool same;
	} rows[] = {
		{ "memory.max", "104857600", "104857600\n", true },
		{ "memory.max", "100M", "104857600\n", true },
		{ "memory.max", "104857601", "104857600\n", true },
		{ "memory.max", "104857600", "104853504\n", false },
		{ "memory.max", "104857600", "max\n", false },
		{ "memory.max", "max", "max\n", true },
		{ "memory.max", "max", "0\n", false },
		{ "memory.max", "9223372036854771712", "max\n", true },
		{ "memory.max", "1", "0\n", true },
		{ "memory.swap.max", "0", "0\n", true },
		{ "memory.swap.max", "0", "max\n", false },
		{ "memory.oom.group", "1", "1\n", true },
		{ "memory.oom.group", "1", "0\n", false },
		{ "pids.max", "20", "20\n", true },
		{ "pids.max", "20", "19\n", false },
		{ "pids.max", "20", "", false },
		{ "cpu.max", "150000 100000", "150000 100000\n", true },
		{ "cpu.max", "150000 100000", "150000 50000\n", false },
		{ "cpu.max", "50000 100000", "max 100000\n", false },
		{ "cpu.max", "max", "max 100000\n", true },
		{ "cpu.max", "20000", "20000 100000\n", true },
		{ "cpu.uclamp.max", "50", "50.00\n", true },
		{ "cpu.uclamp.max", "33.3", "33.30\n", true },
		{ "cpu.uclamp.max", "max", "max\n", true },
		{ "cpu.uclamp.min", "50", "0.00\n", false },
		{ "cpuset.cpus", "0,1,2", "0-2\n", true },
		{ "cpuset.cpus", "0-1,3", "0-1,3\n", true },
		{ "cpuset.cpus", "0-1", "0\n", false },
		{ "cpuset.cpus", "", "\n", true },
		{ "cpuset.mems", "0", "0\n", true },
		{ "cpuset.cpus.partition", "root", "root\n", true },
		{ "cpuset.cpus.partition", "root", "root invalid (Parent is not a partition root)\n", false },
		{ "io.weight", "default 200", "default 200\n8:0 300\n", true },
		{ "io.weight", "200", "default 200\n8:0 300\n", true },
		{ "io.weight", "200", "default 100\n", false },
		{ "io.weight", "8:0 300", "default 200\n8:0 300\n", true },
		{ "io.max", "8:0 rbps=1048576 wbps=max", "8:16 rbps=1 wbps=1\n8:0 rbps=1048576 wbps=max riops=max wiops=max\n",
		  true },
		{ "io.max", "8:0 rbps=1048576", "8:0 rbps=max wbps=max riops=max wiops=max\n", false },
		{ "io.max", "8:0 rbps=1048576", "8:16 rbps=1048576\n", false },
		{ "io.max", "8:0 rbps=1048576", "", false },
		{ "io.max", "8:0 rbps=max wbps=max", "", true },
		{ "io.latency", "8:0 target=2000", "8:0 target=2000\n", true },
		{ "io.latency", "8:0 target=0", "", true },
		{ "hugetlb.2MB.max", "3145728", "2097152\n", true },
		{ "hugetlb.2MB.max", "4194304", "2097152\n", false },
		{ "misc.max", "sev 3", "sev 3\nsev_es max\n", true },
		{ "misc.max", "sev 3", "sev max\n", false },
		{ "rdma.max", "mlx4_0 hca_handle=2", "mlx4_0 hca_handle=2 hca_object=max\n", true },
		{ "x.y", "hello", "hello\n", true },
		{ "x.y", "hello", "world\n", false },
	};

	for (size_t i = 0; i < G_N_ELEMENTS(rows); i++)
		if (readback_same(rows[i].file, rows[i].asked, rows[i].held) != rows[i].same)
			g_error("%s: asked \"%s\", held \"%s\": expected %s", rows[i].file, rows[i].asked, rows[i].held,
			        rows[i].same ? "the same" : "a difference");
	g_assert_true(readback_within("1", "0-3"));
	g_assert_false(readback_within("1,4", "0-3"));
	g_assert_false(readback_within("x", "0-3"));
	g_assert_false(readback_within("0-99999999", "0-3"));
	g_assert_false(readback_within("3-1", "0-3"));
}

/* Given noise, when read, then nothing is touched outside of it: meant for the sanitizer build. */
static void
test_noise(void)
{
	static const char letters[] = "0123456789 \n\\\t:=,-./max rbytes=total=some default user_usec 0::/";
	g_autoptr(GRand) rand = g_rand_new_with_seed(4711);

	for (int round = 0; round < 20000; round++) {
		int length = g_rand_int_range(rand, 0, 64);
		g_autofree char *text = g_malloc0((gsize)length + 1);
		g_autofree char *copy = NULL;
		struct mount mount;
		unsigned hierarchy;
		uint64_t value;
		bool enabled;

		for (int i = 0; i < length; i++)
			text[i] = letters[g_rand_int_range(rand, 0, (gint32)sizeof letters - 1)];
		copy = g_strdup(text);
		(void)stat_number(text, &value);
		(void)stat_field(text, "user_usec", &value);
		(void)stat_sum(text, "rbytes", &value);
		(void)stat_pressure(text, &value);
		(void)cgroupfs_lists(text, "max");
		g_free(cgroupfs_parse_own(text));
		(void)cgroupfs_relative("/a", text);
		(void)cgroupfs_parse_controller(text, "max", &hierarchy, &enabled);
		(void)readback_same("memory.max", text, "max\n");
		(void)readback_same("cpuset.cpus", text, text);
		(void)readback_same("cpu.uclamp.max", text, text);
		(void)readback_same("hugetlb.2MB.max", text, text);
		(void)readback_same("io.max", text, text);
		(void)readback_same("io.max", "8:0 rbps=1", text);
		(void)mountinfo_parse(copy, &mount);
	}
}

/* --- groups ------------------------------------------------------------------------------------------------------ */

/* A directory to make groups in, or a skip. */
static bool
place(int *ret_fd, char **ret_path)
{
	g_autoptr(GError) error = NULL;
	g_autofree char *reason = NULL;

	if (delegate_find("auto", NULL, NULL, ret_fd, ret_path, &error))
		return true;
	g_assert_nonnull(error_hint(error));
	reason = g_strdup_printf("no place for a cgroup: %s", error->message);
	if (g_strcmp0(g_getenv("SBX_MUST_WORK"), "1") == 0)
		g_error("%s", reason);
	g_test_skip(reason);
	return false;
}

static struct cgroup *
make(int fd, const char *path)
{
	g_autoptr(GError) error = NULL;
	struct cgroup *cgroup = NULL;

	(void)cgroup_new(fd, path, &cgroup, &error);
	g_assert_no_error(error);
	g_assert_nonnull(cgroup);
	return cgroup;
}

/* A child of ours that sleeps in the group. */
static pid_t
populate(int cgroup_fd)
{
	struct clone_args args = { .flags = CLONE_INTO_CGROUP, .exit_signal = SIGCHLD, .cgroup = (uint64_t)cgroup_fd };
	long pid = syscall(SYS_clone3, &args, sizeof args);

	if (pid == 0)
		for (;;)
			pause();
	if (pid < 0)
		g_error("clone3(CLONE_INTO_CGROUP): %s", g_strerror(errno));
	return (pid_t)pid;
}

static void
reap(pid_t pid, int expected_signal)
{
	int status = 0;

	g_assert_cmpint(waitpid(pid, &status, 0), ==, pid);
	g_assert_true(WIFSIGNALED(status));
	g_assert_cmpint(WTERMSIG(status), ==, expected_signal);
}

static void
gone(const struct cgroup *cgroup)
{
	struct stat st;

	g_assert_cmpint(stat(cgroup->path, &st), ==, -1);
	g_assert_cmpint(errno, ==, ENOENT);
}

static guint
count_fds(void)
{
	g_autoptr(GDir) dir = g_dir_open("/proc/self/fd", 0, NULL);
	guint n = 0;

	while (g_dir_read_name(dir))
		n++;
	return n;
}

static void
test_name(void)
{
	autofd fd = -1;
	g_autofree char *path = NULL;
	g_autofree char *prefix = g_strdup_printf("sbx.%d.", (int)getpid());
	g_autoptr(cgroup_t) one = NULL;
	g_autoptr(cgroup_t) two = NULL;
	g_auto(GStrv) parts = NULL;
	struct stat st;
	pid_t pid;
	int status;

	if (!place(&fd, &path))
		return;
	one = make(fd, path);
	two = make(fd, path);
	g_assert_cmpstr(one->name, !=, two->name);
	g_assert_true(g_str_has_prefix(one->name, prefix));
	parts = g_strsplit(one->name, ".", -1);
	g_assert_cmpuint(g_strv_length(parts), ==, 4);
	g_assert_cmpuint(g_ascii_strtoull(parts[2], NULL, 10), >, 0);
	g_assert_true(g_str_has_prefix(one->path, path));
	g_assert_cmpint(stat(one->path, &st), ==, 0);
	g_assert_cmpint(fcntl(one->fd, F_GETFD) & FD_CLOEXEC, ==, FD_CLOEXEC);
	/* a forked copy of the host is another owner */
	pid = fork();
	if (pid == 0) {
		struct cgroup *mine = NULL;
		g_autofree char *own = g_strdup_printf("sbx.%d.", (int)getpid());

		if (!cgroup_new(fd, path, &mine, NULL) || !g_str_has_prefix(mine->name, own) || !cgroup_remove(mine, 100, NULL))
			_exit(1);
		_exit(0);
	}
	g_assert_cmpint(waitpid(pid, &status, 0), ==, pid);
	g_assert_cmpint(status, ==, 0);
	g_assert_true(cgroup_remove(one, 100, NULL));
	g_assert_true(cgroup_remove(two, 100, NULL));
	gone(one);
	gone(two);
}

static void
test_life(void)
{
	autofd fd = -1;
	g_autofree char *path = NULL;
	g_autofree char *number = NULL;
	g_autoptr(cgroup_t) cgroup = NULL;
	g_autoptr(GError) error = NULL;
	gint64 before;
	pid_t pid;

	if (!place(&fd, &path))
		return;
	cgroup = make(fd, path);
	g_assert_cmpint(cgroup_populated(cgroup), ==, 0);
	pid = populate(cgroup->fd);
	g_assert_cmpint(cgroup_populated(cgroup), ==, 1);
	before = g_get_monotonic_time();
	g_assert_false(cgroup_remove(cgroup, 50, &error));
	g_assert_cmpint(g_get_monotonic_time() - before, >=, 50 * 1000);
	g_assert_cmpint(g_get_monotonic_time() - before, <, 2000 * 1000);
	g_assert_error(error, SBX_ERROR, EBUSY);
	g_assert_cmpint(error_stage(error), ==, STAGE_CGROUP);
	number = g_strdup_printf("processes %d", (int)pid);
	if (!strstr(error->message, number) || !strstr(error->message, cgroup->path))
		g_error("expected \"%s\" and %s in: %s", number, cgroup->path, error->message);
	g_clear_error(&error);
	g_assert_true(cgroup_kill(cgroup, &error));
	g_assert_no_error(error);
	/* not reaped yet: a zombie does not hold the group */
	g_assert_true(cgroup_remove(cgroup, 2000, &error));
	g_assert_no_error(error);
	reap(pid, SIGKILL);
	gone(cgroup);
	g_assert_true(cgroup_remove(cgroup, 0, &error));
	g_assert_true(cgroup_kill(cgroup, &error));
	g_assert_no_error(error);
	g_assert_cmpint(cgroup_populated(cgroup), ==, -1);
}

/* Given groups below it, wide and 80 deep, with processes, when killed and removed, then all are gone and no fd is left. */
static void
test_children(void)
{
	autofd fd = -1;
	g_autofree char *path = NULL;
	g_autoptr(cgroup_t) cgroup = NULL;
	g_autoptr(GError) error = NULL;
	pid_t pids[8];
	guint fds;

	if (!place(&fd, &path))
		return;
	cgroup = make(fd, path);
	fds = count_fds();
	for (int i = 0; i < 8; i++) {
		autofd at = fcntl(cgroup->fd, F_DUPFD_CLOEXEC, 3);

		for (int depth = 0; depth < (i == 0 ? 80 : 3); depth++) {
			g_autofree char *name = g_strdup_printf("%d-%d", i, depth);
			int next;

			g_assert_cmpint(mkdirat(at, name, 0755), ==, 0);
			next = openat(at, name, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
			g_assert_cmpint(next, >=, 0);
			fd_close(&at);
			at = next;
		}
		pids[i] = populate(at);
	}
	g_assert_cmpint(cgroup_populated(cgroup), ==, 1);
	g_assert_false(cgroup_remove(cgroup, 20, &error));
	g_assert_error(error, SBX_ERROR, EBUSY);
	g_assert_nonnull(strstr(error->message, "processes "));
	g_clear_error(&error);
	g_assert_true(cgroup_kill(cgroup, &error));
	g_assert_true(cgroup_remove(cgroup, 5000, &error));
	g_assert_no_error(error);
	gone(cgroup);
	for (int i = 0; i < 8; i++)
		reap(pids[i], SIGKILL);
	g_assert_cmpuint(count_fds(), ==, fds);
}

static gpointer
hammer(gpointer data)
{
	int fd = GPOINTER_TO_INT(data);

	for (int i = 0; i < 50; i++) {
		g_autoptr(cgroup_t) cgroup = make(fd, "place");

		g_assert_true(cgroup_remove(cgroup, 1000, NULL));
	}
	return NULL;
}

static void
test_threads(void)
{
	autofd fd = -1;
	g_autofree char *path = NULL;
	GThread *threads[8];

	if (!place(&fd, &path))
		return;
	for (size_t i = 0; i < G_N_ELEMENTS(threads); i++)
		threads[i] = g_thread_new("hammer", hammer, GINT_TO_POINTER(fd));
	for (size_t i = 0; i < G_N_ELEMENTS(threads); i++)
		(void)g_thread_join(threads[i]);
}

static void
test_new_errors(void)
{
	autofd fd = -1;
	g_autofree char *path = NULL;
	g_autoptr(cgroup_t) cgroup = NULL;
	g_autoptr(cgroup_t) below = NULL;
	g_autoptr(GError) error = NULL;
	guint fds;

	if (!place(&fd, &path))
		return;
	cgroup = make(fd, path);
	fds = count_fds();
	g_assert_true(fd_write_file_at(cgroup->fd, "cgroup.max.descendants", "0"));
	g_assert_false(cgroup_new(cgroup->fd, cgroup->path, &below, &error));
	g_assert_error(error, SBX_ERROR, EAGAIN);
	g_assert_nonnull(strstr(error->message, "cgroup.max.descendants"));
	g_clear_error(&error);
	g_assert_true(fd_write_file_at(cgroup->fd, "cgroup.max.descendants", "max"));
	g_assert_true(cgroup_new(cgroup->fd, cgroup->path, &below, &error)); /* the positive control */
	g_assert_no_error(error);
	g_assert_true(cgroup_remove(below, 100, &error));
	g_clear_pointer(&below, cgroup_free);
	g_assert_true(cgroup_remove(cgroup, 100, &error));
	g_assert_false(cgroup_new(cgroup->fd, cgroup->path, &below, &error));
	g_assert_true(error->code == ENOENT || error->code == ENODEV);
	g_assert_nonnull(strstr(error->message, cgroup->path));
	g_assert_nonnull(error_hint(error));
	g_assert_null(below);
	g_assert_cmpuint(count_fds(), ==, fds);
}

/* Files that every group has, so that writing and reading back is tested where no controller is. */
static void
test_set(void)
{
	autofd fd = -1;
	g_autofree char *path = NULL;
	g_autoptr(cgroup_t) cgroup = NULL;
	g_autoptr(GError) error = NULL;
	static const char *const bad[] = { "cgroup.procs/x", "../x.y", "memory", "", "/a.b" };
	char *applied = NULL;

	if (!place(&fd, &path))
		return;
	cgroup = make(fd, path);
	g_assert_true(cgroup_set(cgroup, "cgroup.max.depth", "3", &applied, &error));
	g_assert_no_error(error);
	g_assert_cmpstr(applied, ==, "3");
	g_clear_pointer(&applied, g_free);
	g_assert_true(cgroup_set(cgroup, "cgroup.max.depth", "max", &applied, &error));
	g_assert_cmpstr(applied, ==, "max");
	g_clear_pointer(&applied, g_free);
	g_assert_true(cgroup_set(cgroup, "cgroup.freeze", "1", &applied, &error));
	g_assert_cmpstr(applied, ==, "1");
	g_clear_pointer(&applied, g_free);
	g_assert_false(cgroup_set(cgroup, "cgroup.max.depth", "abc", &applied, &error));
	g_assert_error(error, SBX_ERROR, EINVAL);
	g_assert_cmpstr(error_key(error), ==, "cgroup.max.depth");
	g_assert_nonnull(strstr(error->message, "abc"));
	g_assert_nonnull(error_hint(error));
	g_clear_error(&error);
	for (size_t i = 0; i < G_N_ELEMENTS(bad); i++) {
		g_assert_false(cgroup_set(cgroup, bad[i], "1", &applied, &error));
		g_assert_error(error, SBX_ERROR, EINVAL);
		g_clear_error(&error);
	}
	g_assert_null(applied);
	g_assert_true(cgroup_remove(cgroup, 100, NULL));
	g_assert_false(cgroup_set(cgroup, "memory.max", "1", &applied, &error));
	g_assert_error(error, SBX_ERROR, ENODEV);
	g_assert_null(applied);
}

/* Is the memory controller at v2's root on this host? */
static bool
has_memory(void)
{
	g_auto(cgroupfs_t) fs = { 0 };
	g_autofree char *offered = NULL;

	g_assert_true(cgroupfs_open(&fs, NULL));
	offered = fd_read_file_at(fs.fd, "cgroup.controllers");
	return offered && cgroupfs_lists(offered, "memory");
}

static void
expect(GError *error, const char *key, const char *text)
{
	g_assert_nonnull(error);
	g_assert_cmpint(error_stage(error), ==, STAGE_CGROUP);
	g_assert_cmpstr(error_key(error), ==, key);
	if (!strstr(error->message, text))
		g_error("expected \"%s\" in: %s", text, error->message);
	g_assert_nonnull(error_hint(error));
}

static void
test_missing_controllers(void)
{
	const char *const memory[] = { "memory", NULL };
	const char *const memory_keys[] = { "memory.max", NULL };
	const char *const nosuch[] = { "nosuch", NULL };
	const char *const nosuch_keys[] = { "nosuch.max", NULL };
	g_autofree char *table = fd_read_file_at(AT_FDCWD, "/proc/cgroups");
	g_autofree char *path = NULL;
	g_autofree char *place_path = NULL;
	g_autoptr(cgroup_t) cgroup = NULL;
	g_autoptr(GError) error = NULL;
	autofd place_fd = -1;
	unsigned hierarchy = 0;
	bool enabled;
	char *applied = NULL;
	int fd = -1;

	if (!place(&place_fd, &place_path))
		return;
	g_assert_false(delegate_find("auto", nosuch, nosuch_keys, &fd, &path, &error));
	expect(error, "nosuch.max", "nosuch controller");
	g_clear_error(&error);
	cgroup = make(place_fd, place_path);
	g_assert_false(cgroup_set(cgroup, "nosuch.max", "1", &applied, &error));
	expect(error, "nosuch.max", "nosuch controller");
	g_clear_error(&error);
	g_assert_cmpint(fd, ==, -1);
	g_assert_null(path);
	if (!has_memory() && table && cgroupfs_parse_controller(table, "memory", &hierarchy, &enabled) && hierarchy != 0) {
		g_assert_false(delegate_find("auto", memory, memory_keys, &fd, &path, &error));
		expect(error, "memory.max", "the memory controller is bound to a cgroup v1 hierarchy on this host (/");
		g_assert_nonnull(strstr(error_hint(error), "systemd.unified_cgroup_hierarchy=1"));
		g_clear_error(&error);
		g_assert_false(delegate_find(place_path, memory, memory_keys, &fd, &path, &error));
		expect(error, "memory.max", "is bound to a cgroup v1 hierarchy");
		g_clear_error(&error);
		g_assert_false(cgroup_set(cgroup, "memory.max", "1M", &applied, &error));
		expect(error, "memory.max", "is bound to a cgroup v1 hierarchy");
	}
	g_assert_true(cgroup_remove(cgroup, 100, NULL));
}

static void
test_paths(void)
{
	autofd fd = -1;
	autofd found = -1;
	g_autofree char *path = NULL;
	g_autofree char *found_path = NULL;
	g_autofree char *in_proc = NULL;
	g_autofree char *below = NULL;
	g_autoptr(cgroup_t) cgroup = NULL;
	g_autoptr(cgroup_t) inner = NULL;
	g_autoptr(GError) error = NULL;
	g_auto(cgroupfs_t) fs = { 0 };
	static const char *const bad[] = { "a/b", "", "/sys/fs/cgroup/../x", "/etc" };
	static const char *const none[] = { NULL };
	struct stat a, b;

	if (!place(&fd, &path))
		return;
	g_assert_true(cgroupfs_open(&fs, &error));
	cgroup = make(fd, path);
	g_assert_true(delegate_find(cgroup->path, none, none, &found, &found_path, &error));
	g_assert_no_error(error);
	g_assert_cmpstr(found_path, ==, cgroup->path);
	g_assert_cmpint(fstat(found, &a), ==, 0);
	g_assert_cmpint(fstat(cgroup->fd, &b), ==, 0);
	g_assert_cmpuint(a.st_ino, ==, b.st_ino);
	fd_close(&found);
	g_clear_pointer(&found_path, g_free);
	/* the same in the words of /proc/PID/cgroup */
	in_proc = g_build_filename(fs.root, cgroup->path + strlen(fs.path), NULL);
	g_assert_true(delegate_find(in_proc, none, none, &found, &found_path, &error));
	g_assert_cmpstr(found_path, ==, cgroup->path);
	fd_close(&found);
	g_clear_pointer(&found_path, g_free);
	for (size_t i = 0; i < G_N_ELEMENTS(bad); i++) {
		g_assert_false(delegate_find(bad[i], none, none, &found, &found_path, &error));
		g_assert_error(error, SBX_ERROR, EINVAL);
		g_assert_cmpstr(error_key(error), ==, "cgroup.parent");
		g_clear_error(&error);
	}
	below = g_build_filename(cgroup->path, "nosuch", NULL);
	g_assert_false(delegate_find(below, none, none, &found, &found_path, &error));
	expect(error, "cgroup.parent", "nosuch: No such file or directory");
	g_clear_error(&error);
	/* in a group of ours, because beside others that have controllers the kernel makes no threaded one */
	inner = make(cgroup->fd, cgroup->path);
	g_assert_true(fd_write_file_at(inner->fd, "cgroup.type", "threaded"));
	g_assert_false(delegate_find(inner->path, none, none, &found, &found_path, &error));
	expect(error, "cgroup.parent", "\"threaded\"");
	g_assert_true(cgroup_remove(inner, 100, NULL));
	g_assert_true(cgroup_remove(cgroup, 100, NULL));
}

static void
test_stat(void)
{
	autofd fd = -1;
	g_autofree char *path = NULL;
	g_autofree char *controllers = NULL;
	g_autoptr(cgroup_t) cgroup = NULL;
	sbx_report report = { .size = sizeof report };
	struct cgroup_oom oom;

	if (!place(&fd, &path))
		return;
	controllers = delegate_controllers(fd);
	g_assert_nonnull(controllers);
	g_assert_null(strchr(controllers, '\n'));
	cgroup = make(fd, path);
	cgroup_stat(cgroup, &report);
	g_assert_cmpuint(report.valid & SBX_VALID_CPU_USER_USEC, !=, 0);
	g_assert_cmpuint(report.cpu_user_usec, ==, 0);
	if (!cgroupfs_lists(controllers, "memory")) {
		g_assert_cmpuint(report.valid & (SBX_VALID_MEMORY_PEAK | SBX_VALID_OOM_KILLS), ==, 0);
		g_assert_false(cgroup_oom(cgroup, &oom));
	}
	if (!cgroupfs_lists(controllers, "cpu"))
		g_assert_cmpuint(report.valid & SBX_VALID_THROTTLED_USEC, ==, 0);
	g_assert_true(cgroup_remove(cgroup, 100, NULL));
}

static void
test_blockdev(void)
{
	static const struct {
		const char *name, *text;
		int code;
	} bad[] = {
		{ "/proc", "(proc)", ENOTBLK },
		{ "/dev/null", "character device", ENOTBLK },
		{ "/nosuch", "/nosuch: No such file or directory", ENOENT },
		{ "4095:1000000", "no block device 4095:1000000", ENODEV },
		{ "8:0x", "8:0x: No such file or directory", ENOENT },
	};
	g_autoptr(GDir) dir = g_dir_open("/sys/dev/block", 0, NULL);
	g_autoptr(GError) error = NULL;
	const char *name;
	char *number = NULL;

	for (size_t i = 0; i < G_N_ELEMENTS(bad); i++) {
		g_assert_false(blockdev_find(bad[i].name, "io.max", &number, &error));
		g_assert_error(error, SBX_ERROR, bad[i].code);
		expect(error, "io.max", bad[i].text);
		g_clear_error(&error);
	}
	g_assert_null(number);
	while (dir && (name = g_dir_read_name(dir))) {
		g_autofree char *partition = g_strdup_printf("/sys/dev/block/%s/partition", name);
		bool is_partition = access(partition, F_OK) == 0;

		g_assert_true(blockdev_find(name, "io.max", &number, &error));
		g_assert_no_error(error);
		if (is_partition)
			g_assert_cmpstr(number, !=, name);
		else
			g_assert_cmpstr(number, ==, name);
		g_clear_pointer(&number, g_free);
	}
}

int
main(int argc, char **argv)
{
	g_test_init(&argc, &argv, NULL);
	g_test_add_func("/cgroup/text/stat", test_stat_text);
	g_test_add_func("/cgroup/text/garbage", test_stat_garbage);
	g_test_add_func("/cgroup/text/cgroupfs", test_cgroupfs_text);
	g_test_add_func("/cgroup/text/mountinfo", test_mountinfo_text);
	g_test_add_func("/cgroup/text/oom", test_oom);
	g_test_add_func("/cgroup/text/readback", test_readback);
	g_test_add_func("/cgroup/text/noise", test_noise);
	g_test_add_func("/cgroup/blockdev", test_blockdev);
	g_test_add_func("/cgroup/name", test_name);
	g_test_add_func("/cgroup/life", test_life);
	g_test_add_func("/cgroup/children", test_children);
	g_test_add_func("/cgroup/threads", test_threads);
	g_test_add_func("/cgroup/new-errors", test_new_errors);
	g_test_add_func("/cgroup/set", test_set);
	g_test_add_func("/cgroup/stat", test_stat);
	g_test_add_func("/delegate/missing-controllers", test_missing_controllers);
	g_test_add_func("/delegate/paths", test_paths);
	return g_test_run();
}
