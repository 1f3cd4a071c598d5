/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* SPDX-FileCopyrightText: The libsbx developers */

/*
 * Given hosts that were killed, when a sweep is made, then nothing of theirs is left, and nothing of the living is touched.
 * Everything happens below a group of this test's own, since other hosts may be at work on this machine.
 */
#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "cgroup.h"
#include "life.h"

static const char *program; /* this one, for hosts that are to be killed */
static char *parent;        /* our own group, or NULL where none can be had */

/* --- groups --- */

static char *
base_group(void)
{
	static const char *const mounts[] = { "/sys/fs/cgroup/unified", "/sys/fs/cgroup" };
	g_autofree char *text = NULL;
	const char *own;

	if (g_getenv("SBX_VM_CGROUP"))
		return g_strdup(g_getenv("SBX_VM_CGROUP"));
	if (!g_file_get_contents("/proc/self/cgroup", &text, NULL, NULL) || !(own = strstr(text, "0::/")))
		return NULL;
	for (size_t i = 0; i < G_N_ELEMENTS(mounts); i++) {
		g_autofree char *path = g_strdup_printf("%s%.*s", mounts[i], (int)strcspn(own + 3, "\n"), own + 3);
		g_autofree char *mark = g_build_filename(path, "cgroup.controllers", NULL);

		if (access(mark, F_OK) == 0)
			return g_steal_pointer(&path);
	}
	return NULL;
}

static char *
make_group(const char *above, const char *name)
{
	char *path = g_build_filename(above, name, NULL);

	if (mkdir(path, 0755) < 0)
		g_error("mkdir %s: %s", path, g_strerror(errno));
	return path;
}

static void
write_group(const char *group, const char *file, const char *text)
{
	g_autofree char *path = g_build_filename(group, file, NULL);
	int fd = open(path, O_WRONLY | O_CLOEXEC);

	if (fd < 0 || write(fd, text, strlen(text)) < 0)
		g_error("write %s to %s: %s", text, path, g_strerror(errno));
	close(fd);
}

static bool
exists(const char *path)
{
	return access(path, F_OK) == 0;
}

static int
remove_dir(const char *path, const struct stat *st, int type, struct FTW *at)
{
	(void)st;
	(void)at;
	return type == FTW_DP ? rmdir(path) & 0 : 0;
}

static void
remove_tree(const char *group)
{
	g_autofree char *kill_file = g_build_filename(group, "cgroup.kill", NULL);

	if (!exists(group))
		return;
	write_group(group, "cgroup.kill", "1");
	for (int i = 0; i < 100 && exists(group); i++) {
		nftw(group, remove_dir, 16, FTW_PHYS | FTW_DEPTH);
		usleep(10000);
	}
	if (exists(group))
		g_error("%s can't be removed", group);
}

/* A directory for one case; removed with everything in it. NULL: skipped. */
static char *
case_group(const char *name)
{
	if (parent)
		return make_group(parent, name);
	life_lacks("a cgroup v2 group that this user may write");
	return NULL;
}

static void
case_end(char **group)
{
	if (*group)
		remove_tree(*group);
	g_clear_pointer(group, g_free);
}
#define autogroup __attribute__((cleanup(case_end))) char *

/* The pid of nobody. */
static pid_t
dead_pid(void)
{
	pid_t pid = fork();

	if (pid == 0)
		_exit(0);
	g_assert_cmpint(waitpid(pid, NULL, 0), ==, pid);
	return pid;
}

static char *
start_time(void)
{
	g_autofree char *text = NULL;
	g_auto(GStrv) fields = NULL;

	g_assert_true(g_file_get_contents("/proc/self/stat", &text, NULL, NULL));
	fields = g_strsplit(strrchr(text, ')') + 2, " ", -1);
	return g_strdup(fields[19]);
}

static char *
dead_group(const char *above, unsigned number)
{
	g_autofree char *name = g_strdup_printf("sbx.%d.1.%u", (int)dead_pid(), number);

	return make_group(above, name);
}

/* A process that sits in the group until it is killed. */
static pid_t
populate(const char *group)
{
	g_autofree char *number = NULL;
	pid_t pid = fork();

	if (pid == 0)
		for (;;)
			pause();
	number = g_strdup_printf("%d", (int)pid);
	write_group(group, "cgroup.procs", number);
	return pid;
}

static void
expect_killed(pid_t pid)
{
	int status = 0;

	g_assert_cmpint(waitpid(pid, &status, 0), ==, pid);
	g_assert_true(WIFSIGNALED(status));
	g_assert_cmpint(WTERMSIG(status), ==, SIGKILL);
}

static void
expect_sweep(const char *where, int expected)
{
	sbx_error *error = NULL;

	EXPECT(expected, sbx_sweep(where, &error), &error);
}

/* --- another pid namespace --- */

/* `work` as pid 1 of a new pid namespace, with a /proc of that. Its pid here, or -1 where this may not be. */
static pid_t
elsewhere(int (*work)(void))
{
	int flags = CLONE_NEWPID | CLONE_NEWNS | (geteuid() ? CLONE_NEWUSER : 0);
	int status = 0;
	pid_t pid = fork();
	pid_t inner;

	if (pid)
		return pid;
	if (unshare(flags) < 0 || (inner = fork()) < 0)
		_exit(77);
	if (inner == 0) {
		if (mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) < 0 || mount("proc", "/proc", "proc", 0, NULL) < 0)
			_exit(77);
		_exit(work());
	}
	waitpid(inner, &status, 0);
	_exit(WIFEXITED(status) ? WEXITSTATUS(status) : 78);
}

/* What `work` returned; -1: skipped. */
static int
await_elsewhere(pid_t pid)
{
	int status = 0;

	g_assert_cmpint(waitpid(pid, &status, 0), ==, pid);
	if (!WIFEXITED(status))
		g_error("the sweeper in another pid namespace ended with wait status %#x", (unsigned)status);
	if (WEXITSTATUS(status) != 77)
		return WEXITSTATUS(status);
	life_not_allowed("no pid namespace with a /proc of its own may be made here");
	return -1;
}

/* --- cases --- */

/* Given groups of dead owners with processes, groups below and a frozen one, when swept, then all are gone. */
static void
test_dead(void)
{
	autogroup group = case_group("dead");
	g_autofree char *start = NULL;
	g_autofree char *reused_name = NULL;
	g_autofree char *empty = NULL, *full = NULL, *deep = NULL, *frozen = NULL, *reused = NULL;
	g_autofree char *one = NULL, *two = NULL, *list = NULL, *wanted = NULL;
	sbx_error *error = NULL;
	pid_t pids[3];

	if (!group)
		return;
	empty = dead_group(group, 0);
	full = dead_group(group, 1);
	pids[0] = populate(full);
	deep = dead_group(group, 2);
	one = make_group(deep, "one");
	two = make_group(one, "sbx.1.2.3"); /* whatever it is called */
	pids[1] = populate(two);
	frozen = dead_group(group, 3);
	pids[2] = populate(frozen);
	write_group(frozen, "cgroup.freeze", "1");
	/* our own pid, but another process had it then */
	start = start_time();
	reused_name =
		g_strdup_printf("sbx.%d.%" G_GUINT64_FORMAT ".4", (int)getpid(), g_ascii_strtoull(start, NULL, 10) - 1);
	reused = make_group(group, reused_name);
	expect_sweep(group, 5);
	for (size_t i = 0; i < G_N_ELEMENTS(pids); i++)
		expect_killed(pids[i]);
	g_assert_false(exists(empty) || exists(full) || exists(deep) || exists(frozen) || exists(reused));
	expect_sweep(group, 0);
	/* with the names */
	g_free(empty);
	empty = dead_group(group, 5);
	wanted = g_strconcat(empty, "\n", NULL);
	EXPECT(1, sbx_sweep_list(group, &list, &error), &error);
	g_assert_cmpstr(list, ==, wanted);
	g_clear_pointer(&list, g_free);
	EXPECT(0, sbx_sweep_list(group, &list, &error), &error);
	g_assert_cmpstr(list, ==, "");
}

/* Given names that are not ours, when swept, then they stay; so does what is ours by name and alive, and leaves that are in use. */
static void
test_names(void)
{
	autogroup group = case_group("names");
	static const char *const others[] = { "sbx.1.2", "sbx.abc.1.1", "sbx.1.1.1.1", "sbx.01.1.1", "sbx.scope", "other" };
	g_autofree char *start = NULL, *mine_name = NULL, *mine = NULL, *leaf = NULL, *leaf2 = NULL, *inner = NULL;
	GPtrArray *paths;
	pid_t pid;

	if (!group)
		return;
	paths = g_ptr_array_new_with_free_func(g_free);
	for (size_t i = 0; i < G_N_ELEMENTS(others); i++)
		g_ptr_array_add(paths, make_group(group, others[i]));
	start = start_time();
	mine_name = g_strdup_printf("sbx.%d.%s.4000000000", (int)getpid(), start);
	mine = make_group(group, mine_name);
	leaf = make_group(group, "sbx-host");
	leaf2 = make_group(g_ptr_array_index(paths, 5), "sbx-host");
	pid = populate(leaf2);
	inner = dead_group(g_ptr_array_index(paths, 5), 1); /* the control: swept below a group that is not ours */
	expect_sweep(group, 2);
	for (guint i = 0; i < paths->len; i++)
		g_assert_true(exists(g_ptr_array_index(paths, i)));
	g_assert_true(exists(mine));
	g_assert_false(exists(leaf) || exists(inner));
	g_assert_true(exists(leaf2));
	g_assert_cmpint(kill(pid, SIGKILL), ==, 0);
	expect_killed(pid);
	expect_sweep(group, 1);
	g_assert_false(exists(leaf2));
	g_ptr_array_unref(paths);
}

static const char *sweep_where;

static int
sweep_here(void)
{
	return sbx_sweep(sweep_where, NULL);
}

/* Given a live box, when swept from here and from where its owner cannot be seen, then it lives; a leftover goes. */
static void
test_alive(void)
{
	autogroup group = case_group("alive");
	g_autoptr(life_spec_t) spec = NULL;
	g_autoptr(life_box_t) box = NULL;
	g_autofree char *dead = NULL;
	sbx_error *error = NULL;
	sbx_report report;
	int removed;
	pid_t pid;

	if (!group)
		return;
	spec = life_spec("default", "cgroup.parent", group, NULL);
	box = life_run(spec, "read line || sleep 300");
	expect_sweep(group, 0);
	dead = dead_group(group, 1);
	pid = populate(dead);
	sweep_where = group;
	removed = await_elsewhere(elsewhere(sweep_here));
	if (removed < 0) {
		g_assert_cmpint(kill(pid, SIGKILL), ==, 0);
		return;
	}
	g_assert_cmpint(removed, ==, 1);
	g_assert_false(exists(dead));
	expect_killed(pid);
	g_assert_cmpint(sbx_box_wait(box, 100, &error), ==, 0);
	EXPECT(0, sbx_box_kill(box, &error), &error);
	life_wait(box, &report);
	g_assert_cmpint(report.outcome, ==, SBX_OUTCOME_KILLED);
}

/* --- against launches --- */

static struct {
	int stop;
	unsigned sweeps[2], removed[2];
} * shared;

static int
sweep_on(int which)
{
	while (!g_atomic_int_get(&shared->stop)) {
		sbx_error *error = NULL;
		int removed = sbx_sweep(sweep_where, &error);

		if (removed < 0) {
			fprintf(stderr, "sbx_sweep: %s\n", sbx_error_message(error));
			return 1;
		}
		shared->sweeps[which]++;
		shared->removed[which] += (unsigned)removed;
	}
	return 0;
}

static int
sweep_on_elsewhere(void)
{
	return sweep_on(1);
}

/* Given two sweepers that never stop, one of which can't see us, when boxes are launched, then each one runs to its end. */
static void
test_race(void)
{
	autogroup group = case_group("race");
	g_autoptr(life_spec_t) spec = NULL;
	unsigned n = life_count(500);
	pid_t here, there;

	if (!group)
		return;
	shared = mmap(NULL, sizeof *shared, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	g_assert_true(shared != MAP_FAILED);
	sweep_where = group;
	here = fork();
	if (here == 0)
		_exit(sweep_on(0));
	there = elsewhere(sweep_on_elsewhere);
	spec = life_spec("default", "cgroup.parent", group, NULL);
	for (unsigned i = 0; i < n; i++) {
		sbx_report report;

		life_run_report(spec, "exit 7", &report);
		g_assert_cmpint(report.outcome, ==, SBX_OUTCOME_EXITED);
		g_assert_cmpint(report.exit_code, ==, 7);
	}
	g_atomic_int_set(&shared->stop, 1);
	g_assert_cmpint(waitpid(here, NULL, 0), ==, here);
	if (await_elsewhere(there) > 0)
		g_error("the sweep in another pid namespace failed");
	g_test_message("%u launches; sweeps %u here, %u elsewhere; removed %u, %u", n, shared->sweeps[0], shared->sweeps[1],
	               shared->removed[0], shared->removed[1]);
	g_assert_cmpuint(shared->sweeps[0], >, n / 50);
	g_assert_cmpuint(shared->removed[0], ==, 0); /* it sees us */
	munmap(shared, sizeof *shared);
}

static int
take_on_elsewhere(void)
{
	int fd = open(sweep_where, O_RDONLY | O_DIRECTORY | O_CLOEXEC);

	while (!g_atomic_int_get(&shared->stop)) {
		g_autoptr(GDir) dir = g_dir_open(sweep_where, 0, NULL);
		const char *name;

		while (dir && (name = g_dir_read_name(dir))) {
			g_autoptr(cgroup_t) cgroup = cgroup_take(fd, sweep_where, name);

			shared->sweeps[1]++;
			if (cgroup && cgroup_remove(cgroup, 0, NULL))
				shared->removed[1]++;
		}
	}
	return 0;
}

/* Given a sweeper that can't see us and takes what it can as fast as it can, when groups are made, then each one stays. */
static void
test_window(void)
{
	autogroup group = case_group("window");
	unsigned n = life_count(5000);
	pid_t there;
	int fd;

	if (!group)
		return;
	shared = mmap(NULL, sizeof *shared, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	g_assert_true(shared != MAP_FAILED);
	sweep_where = group;
	there = elsewhere(take_on_elsewhere);
	fd = open(group, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	for (unsigned i = 0; i < n; i++) {
		g_autoptr(cgroup_t) cgroup = NULL;
		g_autoptr(GError) error = NULL;

		if (!cgroup_new(fd, group, &cgroup, &error))
			g_error("group %u: %s", i, error->message);
		usleep(20);
		if (!exists(cgroup->path))
			g_error("group %u, %s, is gone", i, cgroup->path);
		if (!cgroup_remove(cgroup, 1000, &error))
			g_error("group %u: %s", i, error->message);
	}
	close(fd);
	g_atomic_int_set(&shared->stop, 1);
	(void)await_elsewhere(there);
	g_test_message("%u groups made; %u tries to take one, %u taken between mkdir and lock", n, shared->sweeps[1],
	               shared->removed[1]);
	munmap(shared, sizeof *shared);
}

/* Given dead neighbours, when a process launches its first box there, then it removes them; only then. */
static void
test_launch(void)
{
	autogroup group = case_group("launch");
	autogroup living_in = case_group("living");
	g_autoptr(life_spec_t) spec = NULL;
	g_autoptr(life_spec_t) other_spec = NULL;
	g_autoptr(life_box_t) box = NULL;
	g_autofree char *start = NULL, *mine_name = NULL, *mine = NULL;
	char *dead[3] = { NULL };
	sbx_report report;

	if (!group)
		return;
	for (unsigned i = 0; i < G_N_ELEMENTS(dead) - 1; i++)
		dead[i] = dead_group(group, i);
	start = start_time();
	mine_name = g_strdup_printf("sbx.%d.%s.4000000000", (int)getpid(), start);
	mine = make_group(group, mine_name);
	/* another place is not looked at */
	other_spec = life_spec("default", "cgroup.parent", living_in, NULL);
	life_run_report(other_spec, "exit 0", &report);
	g_assert_true(exists(dead[0]));
	spec = life_spec("default", "cgroup.parent", group, NULL);
	box = life_run(spec, "read line; exit 0");
	g_assert_false(exists(dead[0]) || exists(dead[1]));
	g_assert_true(exists(mine));
	dead[2] = dead_group(group, 2);
	life_wait(box, &report);
	life_run_report(spec, "exit 0", &report);
	g_assert_true(exists(dead[2]));
	expect_sweep(group, 1);
	for (unsigned k = 0; k < G_N_ELEMENTS(dead); k++)
		g_free(dead[k]);
}

/* --- hosts that are killed --- */

struct victim {
	pid_t pid;
	int out;
};

/* This program as a host; what it prints comes out of `out`. */
static struct victim
victim_start(const char *mode, const char *group, const char *mark)
{
	struct victim victim;
	int out[2];

	g_assert_cmpint(pipe2(out, O_CLOEXEC), ==, 0);
	victim.pid = fork();
	if (victim.pid == 0) {
		dup2(out[1], 1);
		execl(program, program, mode, group, mark, NULL);
		_exit(127);
	}
	close(out[1]);
	victim.out = out[0];
	return victim;
}

static void
victim_kill(struct victim *victim)
{
	g_assert_cmpint(kill(victim->pid, SIGKILL), ==, 0);
	expect_killed(victim->pid);
	close(victim->out);
}

static void
victim_read(const struct victim *victim, void *data, size_t size)
{
	struct pollfd due = { victim->out, POLLIN, 0 };

	if (poll(&due, 1, LIFE_SECONDS * 1000) != 1 || read(victim->out, data, size) != (ssize_t)size)
		g_error("the host that was to be killed has ended by itself");
}

/* --launches GROUP MARK: box after box, a byte for each. */
static int
be_launcher(const char *group, const char *mark)
{
	g_autoptr(life_spec_t) spec = life_spec("default", "cgroup.parent", group, NULL);
	g_autofree char *script = g_strdup_printf("sleep %s & sleep %s", mark, mark);
	sbx_error *error = NULL;

	if (g_getenv("SBX_VM"))
		EXPECT(0, sbx_spec_set(spec, "memory.max", "64M", &error), &error);
	for (;;) {
		g_autoptr(life_box_t) box = NULL;

		if (write(1, ".", 1) != 1)
			return 1;
		box = life_run(spec, script);
		usleep(1000);
	}
}

/* --forks GROUP MARK: a box, and a copy of this process that does nothing; its pid is printed. */
static int
be_forker(const char *group, const char *mark)
{
	g_autoptr(life_spec_t) spec = life_spec("default", "cgroup.parent", group, NULL);
	g_autofree char *script = g_strdup_printf("sleep %s", mark);
	sbx_box *box = life_run(spec, script);
	pid_t copy = fork();

	while (copy == 0) {
		alarm(LIFE_SECONDS); /* whatever becomes of the test */
		pause();
	}
	if (!box || write(1, &copy, sizeof copy) != sizeof copy)
		return 1;
	for (;;)
		pause();
}

/* Who is left, for the message of a failure: the kernel's words of each process in the groups there. */
static char *
living(const char *group)
{
	g_autofree char *command = g_strdup_printf(
		"for pid in $(find '%s' -name cgroup.procs -exec cat {} +); do "
		"echo $(grep -E '^(Name|State|PPid|NSpid|SigPnd|ShdPnd|voluntary)' /proc/$pid/status) $(cat /proc/$pid/wchan); done",
		group);
	char *text = NULL;

	g_spawn_sync(NULL, (char *[]){ "/bin/sh", "-c", command, NULL }, NULL, 0, NULL, NULL, &text, NULL, NULL, NULL);
	return text ? text : g_strdup("?");
}

/* How many groups of boxes are in there; processes in them make it wait, at most a second. */
static unsigned
count_groups(const char *group)
{
	gint64 deadline = g_get_monotonic_time() + G_USEC_PER_SEC;
	unsigned n;
	bool busy;

	do {
		g_autoptr(GDir) dir = g_dir_open(group, 0, NULL);
		const char *name;

		n = 0;
		busy = false;
		while (dir && (name = g_dir_read_name(dir))) {
			g_autofree char *file = g_build_filename(group, name, "cgroup.events", NULL);
			g_autofree char *text = NULL;

			if (!g_str_has_prefix(name, "sbx."))
				continue;
			n++;
			busy = busy || (g_file_get_contents(file, &text, NULL, NULL) && strstr(text, "populated 1"));
		}
		if (busy && g_get_monotonic_time() > deadline)
			g_error("a second after its host was killed a process lives in %s: %s", group, living(group));
	} while (busy && usleep(1000) == 0);
	return n;
}

/* Given a host that is killed at a random point of launch, run or removal, then within a second no process is left,
 * and after a sweep no group. The control: without the sweep there are groups. */
static void
test_killed(void)
{
	autogroup group = case_group("killed");
	g_autoptr(GRand) chance = NULL;
	unsigned left = 0, kills = 50;
	guint32 seed = (guint32)g_get_real_time();

	if (!group)
		return;
	g_test_message("seed %u", seed);
	chance = g_rand_new_with_seed(seed);
	for (unsigned i = 0; i < kills; i++) {
		g_autofree char *mark = life_mark();
		struct victim victim = victim_start("--launches", group, mark);
		unsigned round = (unsigned)g_rand_int_range(chance, 1, 4), n;
		gint64 begin = 0;
		char byte;

		/* the first bytes say how long one round takes */
		victim_read(&victim, &byte, 1);
		begin = g_get_monotonic_time();
		for (unsigned j = 0; j < round; j++)
			victim_read(&victim, &byte, 1);
		usleep((useconds_t)(g_rand_double(chance) * (double)((g_get_monotonic_time() - begin) / round)));
		victim_kill(&victim);
		n = count_groups(group);
		g_assert_cmpuint(life_processes_gone(mark, 1000), ==, 0);
		left += n;
		expect_sweep(group, (int)n);
		g_assert_cmpuint(count_groups(group), ==, 0);
	}
	g_test_message("%u hosts killed, %u groups left, none after the sweeps", kills, left);
	g_assert_cmpuint(left, >, kills / 4);
	g_assert_cmpuint(left, <=, kills);
}

/* Given a copy of the dead host, then no process is left, and the group goes with the copy. */
static void
test_fork(void)
{
	autogroup group = case_group("fork");
	g_autofree char *mark = life_mark();
	struct victim victim;
	pid_t copy = 0;

	if (!group)
		return;
	victim = victim_start("--forks", group, mark);
	victim_read(&victim, &copy, sizeof copy);
	expect_sweep(group, 0);
	victim_kill(&victim);
	g_assert_cmpuint(count_groups(group), ==, 1);
	expect_sweep(group, 0);
	g_assert_cmpuint(count_groups(group), ==, 1);
	g_assert_cmpint(kill(copy, SIGKILL), ==, 0);
	for (int i = 0; i < 500 && kill(copy, 0) == 0; i++)
		usleep(10000); /* it is init's now, or whoever reaps here */
	expect_sweep(group, 1);
}

/* --- where and who --- */

static void
expect_error(int code, const char *where, const char *text)
{
	sbx_error *error = NULL;

	g_assert_cmpint(sbx_sweep(where, &error), ==, -code);
	g_test_message("%s (%s)", sbx_error_message(error), sbx_error_hint(error));
	g_assert_cmpstr(sbx_error_stage(error), ==, "cgroup");
	if (!strstr(sbx_error_message(error), text))
		g_error("expected \"%s\" in: %s", text, sbx_error_message(error));
	sbx_error_free(error);
}

static void
test_parents(void)
{
	autogroup group = case_group("parents");
	g_autofree char *none = NULL, *dead = NULL, *in_proc = NULL, *slashes = NULL;
	const char *mount_end;

	if (!group)
		return;
	none = g_build_filename(group, "nosuch", NULL);
	expect_error(ENOENT, none, "nosuch: No such file or directory");
	expect_error(EINVAL, "relative", "relative is not an absolute path");
	expect_error(EINVAL, "/sys/fs/cgroup/../x", "free of \"..\"");
	expect_error(EINVAL, "", "is not an absolute path");
	expect_error(EINVAL, "/etc", "/etc is not below the cgroup v2 mount");
	/* as /proc/PID/cgroup has it */
	mount_end = strstr(group, "/sys/fs/cgroup/unified/") ? group + strlen("/sys/fs/cgroup/unified")
	                                                     : group + strlen("/sys/fs/cgroup");
	in_proc = g_strdup(mount_end);
	dead = dead_group(group, 0);
	expect_sweep(in_proc, 1);
	g_free(dead);
	dead = dead_group(group, 1);
	slashes = g_strconcat("//", group, "//", NULL);
	expect_sweep(slashes, 1);
	g_assert_false(exists(dead));
}

static void
sweep_as_nobody(const char *group, const char *theirs)
{
	int status = 0;
	pid_t pid = fork();

	if (pid == 0) {
		if (setgid(65534) < 0 || setuid(65534) < 0)
			_exit(1);
		expect_sweep(theirs, 1);
		expect_error(EACCES, group, "2 of 2 groups whose owner is gone could not be removed");
		_exit(0);
	}
	g_assert_cmpint(waitpid(pid, &status, 0), ==, pid);
	g_assert_cmpint(status, ==, 0);
}

/* Given leftovers of another user, when a user sweeps there, then the error names them and they stay; those in a
 * directory of his go. */
static void
test_permission(void)
{
	autogroup group = case_group("permission");
	g_autofree char *empty = NULL, *full = NULL, *theirs = NULL, *inner = NULL;
	pid_t pid;

	if (!group)
		return;
	if (!life_is_real_root()) {
		life_not_allowed("only root can make leftovers of another user");
		return;
	}
	empty = dead_group(group, 0);
	full = dead_group(group, 1);
	pid = populate(full);
	theirs = make_group(group, "theirs");
	inner = dead_group(theirs, 0);
	g_assert_cmpint(chown(theirs, 65534, 65534), ==, 0);
	sweep_as_nobody(group, theirs);
	g_assert_true(exists(empty) && exists(full));
	g_assert_false(exists(inner));
	expect_sweep(group, 2);
	expect_killed(pid);
}

/* Given leftovers in two places, when everything is swept, then both are gone. Only where nobody else is. */
static void
test_everything(void)
{
	autogroup one = NULL;
	autogroup two = NULL;
	sbx_error *error = NULL;
	int removed;

	if (!g_getenv("SBX_VM")) {
		life_not_allowed("everything is swept in the VM only");
		return;
	}
	one = case_group("one");
	two = case_group("two");
	if (!one || !two)
		return;
	/* what tests before this one have left: a host that is killed leaves its group */
	g_assert_cmpint(sbx_sweep(NULL, NULL), >=, 0);
	for (int i = 0; i < 3; i++) {
		static const char *const names[] = { NULL, "auto", "systemd" };

		g_autofree char *first = dead_group(one, 0);
		g_autofree char *second = dead_group(two, 0);

		removed = sbx_sweep(names[i], &error);
		if (removed < 0)
			g_error("%s", sbx_error_message(error));
		g_assert_cmpint(removed, ==, 2);
		g_assert_false(exists(first) || exists(second));
	}
}

static char *
make_parent(void)
{
	g_autofree char *base = base_group();
	g_autofree char *name = g_strdup_printf("test-sweep.%d", (int)getpid());
	g_autofree char *path = base ? g_build_filename(base, name, NULL) : NULL;

	return path && mkdir(path, 0755) == 0 ? g_steal_pointer(&path) : NULL;
}

int
main(int argc, char **argv)
{
	int result;

	if (argc == 4 && strcmp(argv[1], "--launches") == 0)
		return be_launcher(argv[2], argv[3]);
	if (argc == 4 && strcmp(argv[1], "--forks") == 0)
		return be_forker(argv[2], argv[3]);
	g_test_init(&argc, &argv, NULL);
	life_begin(120);
	program = "/proc/self/exe";
	parent = make_parent();
	g_test_add_func("/sweep/dead", test_dead);
	g_test_add_func("/sweep/names", test_names);
	g_test_add_func("/sweep/alive", test_alive);
	g_test_add_func("/sweep/race", test_race);
	g_test_add_func("/sweep/window", test_window);
	g_test_add_func("/sweep/launch", test_launch);
	g_test_add_func("/sweep/killed", test_killed);
	g_test_add_func("/sweep/fork", test_fork);
	g_test_add_func("/sweep/parents", test_parents);
	g_test_add_func("/sweep/permission", test_permission);
	g_test_add_func("/sweep/everything", test_everything);
	result = g_test_run();
	case_end(&parent);
	return result;
}
