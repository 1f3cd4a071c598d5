/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* SPDX-FileCopyrightText: The libsbx developers */

/*
 * The host is never touched, whatever it is like: full of threads, huge, with its signals in disorder, or killed.
 *
 * Theory of operation. A host that is out of order, or that dies, is a fork of this program; its exit status is the answer.
 * Where a host dies, the process between (a child subreaper) inherits all that is left of it, so nothing can hide.
 */
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <grp.h>
#include <linux/keyctl.h>
#include <pthread.h>
#include <pwd.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "life.h"

extern char **environ;

/* In the VM, where all is slower. */
static unsigned
patience(unsigned ms)
{
	return g_getenv("SBX_VM") ? 20 * ms : ms;
}

static void
expect_exit(const sbx_spec *spec, int code)
{
	g_autofree char *script = g_strdup_printf("exit %d", code);
	sbx_report report;

	life_run_report(spec, script, &report);
	if (report.outcome != SBX_OUTCOME_EXITED || report.exit_code != code)
		g_error("outcome %d, exit code %d, expected exit %d", report.outcome, report.exit_code, code);
}

/* `work` in a fork of this program. */
static void
in_child(void (*work)(void))
{
	int status = -1;
	pid_t pid = fork();

	if (pid == 0) {
		work();
		_exit(0);
	}
	g_assert_cmpint(waitpid(pid, &status, 0), ==, pid);
	g_assert_cmphex((guint)status, ==, 0);
}

/* --- threads ------------------------------------------------------------------------------------------------------- */

static int hammers_stop;

static gpointer
hammer(gpointer data)
{
	unsigned kind = GPOINTER_TO_UINT(data);

	for (unsigned i = 0; !g_atomic_int_get(&hammers_stop); i++) {
		g_autofree char *text = g_strdup_printf("sbx-hammer-%u-%u", kind, i % 512);
		void *block = malloc(1 + i * 37 % 100000);

		free(block);
		if (kind < 3)
			g_assert_cmpint(setenv(text, text, 1), ==, 0);
		else if (kind < 5)
			(void)g_quark_from_string(text);
		else if (kind < 6)
			(void)getpwnam("nobody");
		else if (kind < 7)
			(void)getgrnam("nogroup");
		else
			(void)g_get_host_name();
		/* there are 300 boxes to start on few cpus */
		if (i % 256 == 255)
			g_usleep(500);
	}
	return NULL;
}

static void
among_threads(void)
{
	g_autoptr(life_spec_t) spec = life_spec("default", "time.wall", "100", NULL);
	unsigned n = life_count(300); /* now: while others call setenv(3), nobody may call getenv(3) */
	GThread *threads[8];

	(void)getpwnam("nobody");
	(void)getgrnam("nogroup");
	(void)g_get_host_name();
	for (unsigned i = 0; i < 8; i++)
		threads[i] = g_thread_new("hammer", hammer, GUINT_TO_POINTER(i));
	for (unsigned i = 0; i < n; i++)
		expect_exit(spec, (int)(i % 200));
	g_atomic_int_set(&hammers_stop, 1);
	for (unsigned i = 0; i < 8; i++)
		g_thread_join(threads[i]);
}

static void
test_threads(void)
{
	in_child(among_threads);
}

static gpointer
on_small_stack(gpointer data)
{
	g_autoptr(life_spec_t) spec = life_spec("default", NULL);

	expect_exit(spec, 3);
	return data;
}

/* The child borrows stack of ours; there must be enough on a small one. Sanitizers make frames larger. */
static void
test_small_stack(void)
{
	pthread_attr_t attributes;
	pthread_t thread;
	size_t size = 128 << 10;

#ifdef __SANITIZE_ADDRESS__
	size *= 4;
#endif
	g_assert_cmpint(pthread_attr_init(&attributes), ==, 0);
	g_assert_cmpint(pthread_attr_setstacksize(&attributes, size), ==, 0);
	g_assert_cmpint(pthread_create(&thread, &attributes, (void *(*)(void *))on_small_stack, NULL), ==, 0);
	g_assert_cmpint(pthread_join(thread, NULL), ==, 0);
	g_assert_cmpint(pthread_attr_destroy(&attributes), ==, 0);
}

static gpointer
make_and_leave(gpointer data)
{
	return life_run(data, "trap 'exit 6' USR1; echo up; while :; do sleep 0.02; done");
}

/* The thread that made the box is gone; the box is the process's. */
static void
test_thread_exit(void)
{
	g_autoptr(life_spec_t) spec = life_spec("default", NULL);
	g_autoptr(life_box_t) box = g_thread_join(g_thread_new("maker", make_and_leave, spec));
	sbx_error *error = NULL;
	sbx_report report;

	life_await_output(box, "up");
	EXPECT(0, sbx_box_wait(box, 100, &error), &error);
	EXPECT(0, sbx_box_signal(box, SIGUSR1, &error), &error);
	life_wait(box, &report);
	g_assert_cmpint(report.exit_code, ==, 6);
}

/* --- size ---------------------------------------------------------------------------------------------------------- */

static int
compare_times(const void *a, const void *b)
{
	gint64 x = *(const gint64 *)a, y = *(const gint64 *)b;

	return (x > y) - (x < y);
}

static gint64
median_launch(const sbx_spec *spec)
{
	gint64 times[21];

	for (size_t i = 0; i < G_N_ELEMENTS(times); i++) {
		gint64 begin = g_get_monotonic_time();

		expect_exit(spec, 0);
		times[i] = g_get_monotonic_time() - begin;
	}
	qsort(times, G_N_ELEMENTS(times), sizeof *times, compare_times);
	return times[G_N_ELEMENTS(times) / 2];
}

static uint64_t
memory_available(void)
{
	g_autofree char *text = NULL;
	const char *line;

	if (!g_file_get_contents("/proc/meminfo", &text, NULL, NULL) || !(line = strstr(text, "MemAvailable:")))
		return 0;
	return g_ascii_strtoull(line + strlen("MemAvailable:"), NULL, 10) << 10;
}

/* The bound is for sanity; bench/hosts measures. */
static void
test_huge(void)
{
	g_autoptr(life_spec_t) spec = life_spec("default", NULL);
	size_t size = MIN((size_t)2 << 30, memory_available() / 2);
	gint64 small, large;
	char *memory;

	small = median_launch(spec);
	memory = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	g_assert_true(memory != MAP_FAILED);
	g_assert_cmpint(madvise(memory, size, MADV_NOHUGEPAGE), ==, 0);
	for (size_t i = 0; i < size; i += 4096)
		((volatile char *)memory)[i] = 1;
	large = median_launch(spec);
	g_assert_cmpint(munmap(memory, size), ==, 0);
	g_test_message("%zu MiB touched: %" G_GINT64_FORMAT " us, %" G_GINT64_FORMAT " us without", size >> 20, large,
	               small);
	g_assert_cmpint(large, <, 3 * small + 20000);
}

/* --- signals and fds in disorder ----------------------------------------------------------------------------------- */

static void
some_boxes(void)
{
	g_autoptr(life_spec_t) spec = life_spec("default", "time.wall", "100", NULL);
	g_autoptr(life_box_t) box = NULL;
	sbx_error *error = NULL;
	sbx_report report;

	for (int i = 0; i < 5; i++)
		expect_exit(spec, i);
	box = life_run(spec, "kill -SEGV $$");
	life_wait(box, &report);
	g_assert_cmpint(report.outcome, ==, SBX_OUTCOME_SIGNALED);
	g_assert_cmpint(report.signal, ==, SIGSEGV);
	g_clear_pointer(&box, sbx_box_free);
	box = life_run(spec, "sleep 1000");
	EXPECT(0, sbx_box_kill(box, &error), &error);
	life_wait(box, &report);
	g_assert_cmpint(report.outcome, ==, SBX_OUTCOME_KILLED);
	g_clear_pointer(&box, sbx_box_free);
	box = life_create(spec);
	sbx_box_free(g_steal_pointer(&box));
}

static void
sigchld_ignored(void)
{
	signal(SIGCHLD, SIG_IGN);
	some_boxes();
	g_assert_true(signal(SIGCHLD, SIG_DFL) == SIG_IGN);
}

static void
sigchld_no_wait(void)
{
	struct sigaction action = { .sa_handler = SIG_DFL, .sa_flags = SA_NOCLDWAIT };

	sigaction(SIGCHLD, &action, NULL);
	some_boxes();
}

static gpointer
wait_any(gpointer data)
{
	while (!g_atomic_int_get(&hammers_stop))
		if (waitpid(-1, NULL, __WALL) < 0)
			g_usleep(100);
	return data;
}

static void
foreign_wait(void)
{
	GThread *thread = g_thread_new("waiter", wait_any, NULL);

	some_boxes();
	g_atomic_int_set(&hammers_stop, 1);
	g_thread_join(thread);
}

static void
signals_blocked(void)
{
	sigset_t all;
	sigset_t now;

	sigfillset(&all);
	g_assert_cmpint(sigprocmask(SIG_SETMASK, &all, NULL), ==, 0);
	some_boxes();
	g_assert_cmpint(sigprocmask(SIG_SETMASK, NULL, &now), ==, 0);
	g_assert_cmpint(sigismember(&now, SIGTERM), ==, 1);
}

static void
signals_ignored(void)
{
	for (int i = 1; i < 32; i++)
		signal(i, SIG_IGN);
	some_boxes();
}

static void
stdio_closed(void)
{
	g_autoptr(life_spec_t) spec = life_spec("default", NULL);
	static const char *const argv[] = { "/bin/sh", "-c", "echo x >&2; [ $(ls /proc/self/fd | wc -l) -eq 4 ] && exit 11",
		                                NULL };
	const sbx_command command = { .size = sizeof command, .argv = argv };
	sbx_report report = { .size = sizeof report };

	close(0);
	close(1);
	close(2);
	some_boxes();
	/* inherited where there is nothing to inherit */
	if (sbx_run(spec, &command, &report, NULL) != 0 || report.exit_code != 11)
		_exit(12);
	if (fcntl(0, F_GETFD) >= 0 || fcntl(1, F_GETFD) >= 0 || fcntl(2, F_GETFD) >= 0)
		_exit(13);
}

static void
test_disorder(gconstpointer data)
{
	in_child((void (*)(void))data);
}

/* --- nothing changes ----------------------------------------------------------------------------------------------- */

static void
add_file(GString *text, const char *path)
{
	g_autofree char *content = NULL;

	if (g_file_get_contents(path, &content, NULL, NULL))
		g_string_append_printf(text, "%s: %s\n", path, content);
}

/* Lines of /proc/self/status that launches may not change. */
static void
add_status(GString *text)
{
	static const char *const names[] = { "Umask", "Uid", "Gid",        "Groups",   "Threads",      "Sig",
		                                 "Shd",   "Cap", "NoNewPrivs", "Seccomp:", "Cpus_allowed:" };
	g_autofree char *status = NULL;
	g_auto(GStrv) lines = NULL;

	g_assert_true(g_file_get_contents("/proc/self/status", &status, NULL, NULL));
	lines = g_strsplit(status, "\n", -1);
	for (char **line = lines; *line; line++)
		for (size_t i = 0; i < G_N_ELEMENTS(names); i++)
			if (g_str_has_prefix(*line, names[i]) && !g_str_has_prefix(*line, "SigQ"))
				g_string_append_printf(text, "%s\n", *line);
}

static char *
host_state(void)
{
	GString *text = g_string_new(NULL);
	g_autofree char *cwd = g_get_current_dir();
	int reaper = -1;

	prctl(PR_GET_CHILD_SUBREAPER, &reaper, 0, 0, 0);
	g_string_append_printf(text, "cwd %s\ndumpable %d\nsubreaper %d\nsecurebits %d\ndeathsig\n", cwd,
	                       prctl(PR_GET_DUMPABLE, 0, 0, 0, 0), reaper, prctl(PR_GET_SECUREBITS, 0, 0, 0, 0));
	for (int ring = -5; ring < 0; ring++)
		g_string_append_printf(text, "keyring %d: %ld\n", ring, syscall(SYS_keyctl, KEYCTL_GET_KEYRING_ID, ring, 0));
	for (char **variable = environ; *variable; variable++)
		g_string_append_printf(text, "env %s\n", *variable);
	for (int i = 0; i < RLIM_NLIMITS; i++) {
		struct rlimit limit = { 0, 0 };

		getrlimit((__rlimit_resource_t)i, &limit);
		g_string_append_printf(text, "rlimit %d: %lu %lu\n", i, (unsigned long)limit.rlim_cur,
		                       (unsigned long)limit.rlim_max);
	}
	for (int i = 1; i < 65; i++) {
		struct sigaction action = { .sa_flags = 0 };

		sigaction(i, NULL, &action);
		g_string_append_printf(text, "signal %d: %p %x\n", i, (void *)action.sa_handler, (unsigned)action.sa_flags);
	}
	add_status(text);
	add_file(text, "/proc/self/cgroup");
	add_file(text, "/proc/self/uid_map");
	for (const char *const *ns = (const char *const[]){ "mnt", "pid", "net", "ipc", "uts", "cgroup", "user", "time",
	                                                    "pid_for_children", NULL };
	     *ns; ns++) {
		g_autofree char *path = g_strconcat("/proc/self/ns/", *ns, NULL);
		g_autofree char *link = g_file_read_link(path, NULL);

		g_string_append_printf(text, "ns %s\n", link ? link : "-");
	}
	return g_string_free(text, FALSE);
}

static long
resident_kb(void)
{
	g_autofree char *status = NULL;
	const char *line;

	g_assert_true(g_file_get_contents("/proc/self/status", &status, NULL, NULL));
	line = strstr(status, "VmRSS:");
	return line ? atol(line + 6) : 0;
}

/* Boxes that end in every way. */
static void
mixed_box(const sbx_spec *spec, unsigned i)
{
	g_autoptr(life_box_t) box = NULL;
	sbx_error *error = NULL;
	sbx_report report;

	switch (i % 5) {
	case 0:
		expect_exit(spec, 1);
		return;
	case 1:
		box = life_run(spec, "kill -KILL $$");
		break;
	case 2:
		box = life_run(spec, "sleep 1000");
		EXPECT(0, sbx_box_kill(box, &error), &error);
		break;
	case 3:
		box = life_create(spec);
		g_assert_cmpint(life_sh(box, "exit 0", 1000000, 0, 0, NULL), ==, -EBADF);
		return;
	default: {
		g_autoptr(life_spec_t) wrong = life_spec("default", "bind", "/no/such/source:/x", NULL);

		g_assert_cmpint(sbx_box_create(wrong, &box, NULL), ==, -ENOENT);
		return;
	}
	}
	life_wait(box, &report);
}

static void
test_unchanged(void)
{
	g_autoptr(life_spec_t) spec = life_spec("default", "time.wall", "100", NULL);
	g_autofree char *before = NULL;
	g_autofree char *after = NULL;
	g_auto(leak_t) leak = { NULL };
	long kb, more;

	for (unsigned i = 0; i < 10; i++)
		mixed_box(spec, i);
	leak_begin(&leak);
	before = host_state();
	kb = resident_kb();
	for (unsigned i = 0; i < life_count(100); i++)
		mixed_box(spec, i);
	more = resident_kb() - kb;
	after = host_state();
	g_assert_cmpstr(before, ==, after);
	leak_check(&leak);
	g_test_message("%ld kB more", more);
#ifndef __SANITIZE_ADDRESS__
	g_assert_cmpint(more, <, 4096);
#endif
}

/* Loaded and unloaded, the library does nothing at all. */
static void
test_dlopen(void)
{
	const char *build = g_getenv("SBX_BUILDDIR");
	g_autofree char *path = g_build_filename(build ? build : ".", ".libs", "libsbx.so.0", NULL);
	g_autofree char *before = NULL;
	g_autofree char *after = NULL;
	g_auto(leak_t) leak = { NULL };
	void *library;

	if (access(path, R_OK) < 0) {
		life_not_allowed("no %s: for a build tree with a shared library", path);
		return;
	}
	leak_begin(&leak);
	before = host_state();
	for (int i = 0; i < 3; i++) {
		unsigned (*version)(void);

		library = dlopen(path, RTLD_NOW | RTLD_LOCAL);
		if (!library)
			g_error("%s", dlerror());
		*(void **)&version = dlsym(library, "sbx_version");
		g_assert_nonnull(version);
		g_assert_cmpuint(version(), ==, sbx_version());
		g_assert_cmpint(dlclose(library), ==, 0);
	}
	after = host_state();
	g_assert_cmpstr(before, ==, after);
	leak_check(&leak);
}

/* --- a host that is killed ----------------------------------------------------------------------------------------- */

static pid_t dead_host;

static int
remove_group(const char *path, const struct stat *st, int type, struct FTW *at)
{
	g_autofree char *prefix = g_strdup_printf("sbx.%d.", (int)dead_host);

	(void)st;
	if (type == FTW_DP && g_str_has_prefix(path + at->base, prefix))
		for (int i = 0; i < 100 && rmdir(path) < 0 && errno == EBUSY; i++)
			g_usleep(10000);
	return 0;
}

/* A cgroup directory may outlive a killed host; these are not for others to find. */
static void
remove_groups(void)
{
	nftw(access("/sys/fs/cgroup/unified/cgroup.procs", F_OK) == 0 ? "/sys/fs/cgroup/unified" : "/sys/fs/cgroup",
	     remove_group, 16, FTW_PHYS | FTW_DEPTH);
}

/* All that the host leaves is inherited by us. How many ms until the last of it is gone, or -1. */
static int
inherited_gone(unsigned ms)
{
	gint64 begin = g_get_monotonic_time();

	while (g_get_monotonic_time() - begin < ms * 1000) {
		pid_t pid = waitpid(-1, NULL, WNOHANG | __WALL);

		if (pid < 0 && errno == ECHILD)
			return (int)((g_get_monotonic_time() - begin) / 1000);
		if (pid == 0)
			g_usleep(1000);
	}
	return -1;
}

/* A host with three boxes, one of them in the host's pid namespace if it may be; it tells when they run, and waits. */
static void
host_of_three(const char *mark, int told, bool copy)
{
	g_autofree char *script = g_strdup_printf("sleep %s & setsid sleep %s & wait", mark, mark);

	for (int i = 0; i < 3; i++) {
		g_autoptr(life_spec_t) spec =
			life_spec("default", "share", i == 2 && life_is_real_root() ? "pid" : "uts", NULL);

		(void)life_run(spec, script);
	}
	if (copy && fork() == 0) {
		for (;;)
			pause();
	}
	if (write(told, "3", 1) != 1)
		_exit(1);
	for (;;)
		pause();
}

/* Exit status: 0 all gone. */
static void
killed_host(bool copy)
{
	g_autofree char *mark = life_mark();
	char byte;
	int told[2];

	g_assert_cmpint(prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0), ==, 0);
	g_assert_cmpint(pipe2(told, O_CLOEXEC), ==, 0);
	dead_host = fork();
	if (dead_host == 0)
		host_of_three(mark, told[1], copy);
	g_assert_cmpint(read(told[0], &byte, 1), ==, 1);
	for (int i = 0; i < 500 && life_processes(mark) < 6; i++)
		g_usleep(10000);
	g_assert_cmpuint(life_processes(mark), >=, 6); /* the positive control */
	g_assert_cmpint(kill(dead_host, SIGKILL), ==, 0);
	if (!copy) {
		g_assert_cmpint(inherited_gone(patience(1000)), >=, 0);
	} else {
		g_assert_cmpint(waitpid(dead_host, NULL, 0), ==, dead_host);
		g_assert_cmpuint(life_processes_gone(mark, patience(1000)), ==, 0);
		/* the copy itself, which has done nothing but be there */
		signal(SIGTERM, SIG_IGN);
		g_assert_cmpint(kill(0, SIGTERM), ==, 0);
		g_assert_cmpint(inherited_gone(patience(1000)), >=, 0);
	}
	g_assert_cmpuint(life_processes(mark), ==, 0);
	remove_groups();
}

static void
killed_alone(void)
{
	killed_host(false);
}

static void
killed_with_copy(void)
{
	g_assert_cmpint(setpgid(0, 0), ==, 0);
	killed_host(true);
}

static void
launch_for_ever(const char *mark)
{
	g_autoptr(life_spec_t) spec = life_spec("default", NULL);
	g_autofree char *script = g_strdup_printf("sleep %s", mark);

	for (;;)
		(void)life_run(spec, script);
}

/* Killed at any moment of a launch. */
static void
killed_early(void)
{
	g_autofree char *mark = life_mark();
	g_autoptr(GRand) random = g_rand_new_with_seed(20261121);

	g_assert_cmpint(prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0), ==, 0);
	for (unsigned i = 0; i < 20; i++) {
		dead_host = fork();
		if (dead_host == 0)
			launch_for_ever(mark);
		g_usleep((gulong)g_rand_int_range(random, 0, 20000) * (g_getenv("SBX_VM") ? 10 : 1));
		g_assert_cmpint(kill(dead_host, SIGKILL), ==, 0);
		if (inherited_gone(patience(1000)) < 0)
			g_error("try %u: processes are left", i);
		g_assert_cmpuint(life_processes(mark), ==, 0);
		remove_groups();
	}
}

int
main(int argc, char **argv)
{
	g_test_init(&argc, &argv, NULL);
	life_begin(90);
	g_test_add_func("/host/threads", test_threads);
	g_test_add_func("/host/small-stack", test_small_stack);
	g_test_add_func("/host/thread-exit", test_thread_exit);
	g_test_add_func("/host/huge", test_huge);
	g_test_add_data_func("/host/disorder/sigchld-ignored", sigchld_ignored, test_disorder);
	g_test_add_data_func("/host/disorder/sigchld-no-wait", sigchld_no_wait, test_disorder);
	g_test_add_data_func("/host/disorder/foreign-wait", foreign_wait, test_disorder);
	g_test_add_data_func("/host/disorder/signals-blocked", signals_blocked, test_disorder);
	g_test_add_data_func("/host/disorder/signals-ignored", signals_ignored, test_disorder);
	g_test_add_data_func("/host/disorder/stdio-closed", stdio_closed, test_disorder);
	g_test_add_func("/host/unchanged", test_unchanged);
	g_test_add_func("/host/dlopen", test_dlopen);
	g_test_add_data_func("/host/killed/alone", killed_alone, test_disorder);
	g_test_add_data_func("/host/killed/with-copy", killed_with_copy, test_disorder);
	g_test_add_data_func("/host/killed/early", killed_early, test_disorder);
	return g_test_run();
}
