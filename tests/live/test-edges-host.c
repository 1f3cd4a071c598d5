/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* SPDX-FileCopyrightText: The libsbx developers */

/*
 * What a review has found at the edges of a box, as its caller sees it: a caller without fds, late, in real time, with
 * limits of its own, no longer root, or dead. A caller that is changed is a fork of this program (live_child).
 */
#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "life.h"
#include "live.h"

#define STUBBORN "trap '' TERM INT HUP; echo up; while :; do sleep 0.05; done"

/* In the VM, where all is slower. */
static unsigned
patience(unsigned ms)
{
	return g_getenv("SBX_VM") ? 20 * ms : ms;
}

static void
outcome_is(const sbx_report *report, int expected)
{
	char *json = sbx_report_json(report);

	if (report->outcome != expected)
		g_error("outcome %d, expected %d: %s", report->outcome, expected, json);
	free(json);
}

/* --- no fd left --------------------------------------------------------------------------------------------------- */

/* Open until the limit is reached. */
static void
use_up_fds(void)
{
	struct rlimit limit;

	g_assert_cmpint(getrlimit(RLIMIT_NOFILE, &limit), ==, 0);
	limit.rlim_cur = MIN(limit.rlim_cur, 256);
	g_assert_cmpint(setrlimit(RLIMIT_NOFILE, &limit), ==, 0);
	while (open("/dev/null", O_RDONLY | O_CLOEXEC) >= 0)
		;
	g_assert_cmpstr(g_strerror(errno), ==, g_strerror(EMFILE));
}

/* It must end soon, and no call may need an fd for that. */
static void
ends_without_fds(const char *const *share, int expected)
{
	g_autoptr(life_spec_t) spec = life_spec("default", share[0], share[1], NULL);
	sbx_report report = { .size = sizeof report };
	sbx_error *error = NULL;
	gint64 begin = g_get_monotonic_time();
	sbx_box *box;

	if (expected == SBX_OUTCOME_TIME_WALL)
		EXPECT(0, sbx_spec_set(spec, "time.wall", "300ms", &error), &error);
	EXPECT(0, sbx_spec_set(spec, "time.grace", "200ms", &error), &error);
	box = life_run(spec, STUBBORN);
	use_up_fds();
	if (expected == SBX_OUTCOME_KILLED)
		EXPECT(0, sbx_box_kill(box, &error), &error);
	EXPECT(1, sbx_box_wait(box, LIFE_SECONDS * 1000, &error), &error);
	g_assert_cmpint(g_get_monotonic_time() - begin, <, patience(2000) * 1000);
	EXPECT(0, sbx_box_report(box, &report, &error), &error);
	outcome_is(&report, expected);
	sbx_box_free(box);
}

static void
deadline_without_fds(void)
{
	ends_without_fds(SPEC("share", ""), SBX_OUTCOME_TIME_WALL);
}

static void
kill_without_fds(void)
{
	ends_without_fds(SPEC("share", ""), SBX_OUTCOME_KILLED);
}

/* Here only the cgroup can end it. */
static void
share_pid_without_fds(void)
{
	ends_without_fds(SPEC("share", "pid"), SBX_OUTCOME_KILLED);
}

static bool
may_share_pid(void)
{
	g_autoptr(live_t) box = live_is_root() ? live_run(SPEC("share", "pid"), "true") : NULL;

	if (!box)
		live_skip_mode("share=pid needs root of the host");
	else if (box->error == ENOTSUP)
		live_skip("a cgroup of the box's own");
	else
		live_ok(box);
	return box && !box->error;
}

static void
test_no_fds_share_pid(void)
{
	if (may_share_pid())
		live_child(share_pid_without_fds);
}

static void
test_child(gconstpointer work)
{
	live_child((void (*)(void))work);
}

/* --- late --------------------------------------------------------------------------------------------------------- */

/* What came first counts, however late the caller looks. */
static void
test_late_dispatch(void)
{
	g_autoptr(life_spec_t) spec = life_spec("default", "time.wall", "300ms", NULL);
	g_autoptr(life_box_t) box = life_run(spec, "sleep 1000");
	g_autoptr(life_box_t) control = life_run(spec, "sleep 1000");
	sbx_error *error = NULL;
	sbx_report report;

	EXPECT(0, sbx_box_kill(box, &error), &error);
	g_usleep(600000);
	life_wait(box, &report);
	outcome_is(&report, SBX_OUTCOME_KILLED);
	life_wait(control, &report);
	outcome_is(&report, SBX_OUTCOME_TIME_WALL);
}

/* --- priorities --------------------------------------------------------------------------------------------------- */

/* Whether `change` is permitted is asked in a child, which is changed by it. */
static bool
is_permitted(bool (*change)(void))
{
	int status = -1;
	pid_t pid = fork();

	if (pid == 0)
		_exit(!change());
	g_assert_cmpint(waitpid(pid, &status, 0), ==, pid);
	return status == 0;
}

static bool
go_real_time(void)
{
	struct sched_param first = { .sched_priority = 1 };

	return sched_setscheduler(0, SCHED_FIFO, &first) == 0;
}

static bool
set_oom_score_adj(const char *value)
{
	int fd = open("/proc/self/oom_score_adj", O_WRONLY | O_CLOEXEC);
	bool set = fd >= 0 && write(fd, value, strlen(value)) == (ssize_t)strlen(value);

	close(fd);
	return set;
}

static bool
go_protected(void)
{
	return set_oom_score_adj("-500");
}

/* proc_pid_stat(5): field 41, the second is the name in brackets */
#define POLICY "sed 's/.*) //' /proc/$$/stat | cut -d ' ' -f 39"

static void
in_real_time(void)
{
	g_autoptr(live_t) box = NULL;
	g_autofree char *expected = g_strdup_printf("%d\n", SCHED_OTHER);

	g_assert_true(go_real_time());
	box = live_run(NO_SPEC, POLICY);
	g_assert_cmpint(sched_getscheduler(0), ==, SCHED_FIFO);
	live_says(box, expected);
}

static void
test_scheduling(void)
{
	if (is_permitted(go_real_time))
		live_child(in_real_time);
	else
		live_skip_mode("needs leave for SCHED_FIFO");
}

static void
protected_caller(void)
{
	g_autoptr(live_t) box = NULL;
	g_autofree char *own = NULL;

	g_assert_true(go_protected());
	box = live_run(NO_SPEC, "cat /proc/self/oom_score_adj");
	live_says(box, "0\n");
	own = live_read("/proc/self/oom_score_adj");
	g_assert_cmpstr(own, ==, "-500\n");
}

static void
exposed_caller(void)
{
	g_autoptr(live_t) box = set_oom_score_adj("500") ? live_run(NO_SPEC, "cat /proc/self/oom_score_adj") : NULL;

	g_assert_nonnull(box);
	live_says(box, "500\n");
}

static void
test_protected(void)
{
	if (is_permitted(go_protected))
		live_child(protected_caller);
	else
		live_skip_mode("needs leave for a negative oom_score_adj");
}

/* --- no file may grow --------------------------------------------------------------------------------------------- */

static void
without_file_size(void)
{
	g_autoptr(life_spec_t) spec = life_spec("default", NULL);
	sbx_command command = { .size = sizeof command,
		                    .argv = ARGV("true"),
		                    .stdio = { SBX_STDIO_NULL, SBX_STDIO_NULL, SBX_STDIO_NULL } };
	sbx_report report = { .size = sizeof report };
	struct rlimit before, none;
	sbx_error *error = NULL;
	int result = getrlimit(RLIMIT_FSIZE, &before);

	g_assert_cmpint(result, ==, 0);
	none = (struct rlimit){ 0, before.rlim_max };
	signal(SIGXFSZ, SIG_DFL);
	g_assert_cmpint(setrlimit(RLIMIT_FSIZE, &none), ==, 0);
	result = sbx_run(spec, &command, &report, &error);
	/* or what is said here would not get into a file */
	g_assert_cmpint(setrlimit(RLIMIT_FSIZE, &before), ==, 0);
	life_expect("sbx_run with RLIMIT_FSIZE 0", result, -EFBIG, &error);
	EXPECT(0, sbx_run(spec, &command, &report, &error), &error);
}

/* --- a pipe that nobody can take ---------------------------------------------------------------------------------- */

static void
test_run_with_pipe(void)
{
	g_autoptr(sbx_spec) spec = live_spec_new(NO_SPEC);

	for (int which = 0; which < 3; which++) {
		sbx_command command = { .size = sizeof command,
			                    .argv = ARGV("true"),
			                    .stdio = { SBX_STDIO_NULL, SBX_STDIO_NULL, SBX_STDIO_NULL } };
		sbx_report report = { .size = sizeof report };
		sbx_error *error = NULL;

		EXPECT(0, sbx_run(spec, &command, &report, &error), &error); /* the positive control */
		g_assert_cmpint(report.exit_code, ==, 0);
		command.stdio[which] = SBX_STDIO_PIPE;
		EXPECT(-EINVAL, sbx_run(spec, &command, &report, &error), &error);
	}
}

/* --- root no more ------------------------------------------------------------------------------------------------- */

static void
after_giving_up_root(void)
{
	g_autoptr(live_t) box = NULL;

	g_assert_cmpint(syscall(SYS_setgroups, 0, NULL), ==, 0);
	g_assert_cmpint(setresgid(1000, 1000, 1000), ==, 0);
	g_assert_cmpint(setresuid(1000, 1000, 1000), ==, 0);
	g_assert_cmpint(open("/proc/self/environ", O_RDONLY | O_CLOEXEC), ==, -1);
	box = live_argv(NO_SPEC, ARGV("env"));
	live_ok(box);
	g_assert_true(g_str_has_prefix(box->out, "PATH=/"));
	g_assert_cmpstr(strchr(box->out, '\n'), ==, "\n");
}

static void
test_not_dumpable(void)
{
	if (live_is_root())
		live_child(after_giving_up_root);
	else
		live_skip_mode("needs root of the host");
}

/* --- a host that is killed ---------------------------------------------------------------------------------------- */

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

/* Given a host whose box has at least so many processes, when it is killed, then they are gone in time. */
static void
kill_host(const char *share, const char *format, unsigned at_least, unsigned ms)
{
	g_autofree char *mark = life_mark();
	g_auto(GStrv) parts = g_strsplit(format, "MARK", -1);
	g_autofree char *script = g_strjoinv(mark, parts);
	unsigned n = 0;

	dead_host = fork();
	if (dead_host == 0) {
		g_autoptr(life_spec_t) spec = life_spec("default", "share", share, NULL);

		prctl(PR_SET_PDEATHSIG, SIGKILL);
		(void)life_run(spec, script);
		for (;;)
			pause();
	}
	for (int i = 0; i < 1000 && (n = life_processes(mark)) < at_least; i++)
		g_usleep(10000);
	g_assert_cmpuint(n, >=, at_least); /* the positive control */
	g_assert_cmpint(kill(dead_host, SIGKILL), ==, 0);
	g_assert_cmpint(waitpid(dead_host, NULL, 0), ==, dead_host);
	g_assert_cmpuint(life_processes_gone(mark, patience(ms)), ==, 0);
	remove_groups();
}

static void
test_killed_share_pid(void)
{
	if (may_share_pid())
		kill_host("pid", "kill -STOP $PPID; sleep MARK & setsid sleep MARK & wait", 3, 1000);
}

/* Those that end at once keep init busy; the others are what it must end all the same. */
static void
test_killed_orphans(void)
{
	kill_host("", "i=0; while [ $i -lt 2000 ]; do (sleep MARK & : & : &); i=$((i+1)); done; sleep MARK", 200, 2000);
}

int
main(int argc, char **argv)
{
	g_test_init(&argc, &argv, NULL);
	life_begin(60);
	g_test_add_data_func("/edges-host/no-fds/deadline", deadline_without_fds, test_child);
	g_test_add_data_func("/edges-host/no-fds/kill", kill_without_fds, test_child);
	g_test_add_func("/edges-host/no-fds/share-pid", test_no_fds_share_pid);
	g_test_add_func("/edges-host/late-dispatch", test_late_dispatch);
	g_test_add_func("/edges-host/scheduling", test_scheduling);
	g_test_add_func("/edges-host/oom-score/protected", test_protected);
	g_test_add_data_func("/edges-host/oom-score/exposed", exposed_caller, test_child);
	g_test_add_data_func("/edges-host/no-file-size", without_file_size, test_child);
	g_test_add_func("/edges-host/run-with-pipe", test_run_with_pipe);
	g_test_add_func("/edges-host/not-dumpable", test_not_dumpable);
	g_test_add_func("/edges-host/killed/share-pid", test_killed_share_pid);
	g_test_add_func("/edges-host/killed/orphans", test_killed_orphans);
	return g_test_run();
}
