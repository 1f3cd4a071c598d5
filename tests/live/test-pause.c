/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* SPDX-FileCopyrightText: The libsbx developers */

/*
 * Pause and resume: nothing moves, everything else works, and whatever happens no box is left frozen.
 *
 * What cannot be had at will, a process that would not freeze, is a directory of ours in the place of the box's cgroup.
 */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "box.h"
#include "fd.h"
#include "life.h"
#include "live.h"

#define COUNT "i=0; while :; do i=$((i+1)); echo $i; sleep 0.01; done"

/* A default box; NULL and a skip where none gets a cgroup. */
static sbx_box *
create(const char *key, const char *value)
{
	g_autoptr(life_spec_t) spec = life_spec("default", key, value, NULL);
	sbx_box *box = life_create(spec);

	if (sbx_box_cgroup_fd(box) >= 0)
		return box;
	sbx_box_free(box);
	life_lacks("a cgroup for a box");
	return NULL;
}

static void
run(sbx_box *box, const char *script)
{
	sbx_error *error = NULL;

	EXPECT(0, life_sh(box, script, SBX_STDIO_NULL, SBX_STDIO_CAPTURE, SBX_STDIO_CAPTURE, &error), &error);
}

static void
pause_box(sbx_box *box)
{
	sbx_error *error = NULL;

	EXPECT(0, sbx_box_pause(box, &error), &error);
	g_assert_cmpint(sbx_box_state(box), ==, SBX_PAUSED);
}

static void
resume_box(sbx_box *box, int state)
{
	sbx_error *error = NULL;

	EXPECT(0, sbx_box_resume(box, &error), &error);
	g_assert_cmpint(sbx_box_state(box), ==, state);
}

/* How much it has written by now. */
static size_t
output_length(sbx_box *box)
{
	sbx_error *error = NULL;
	const void *data;
	size_t length;

	EXPECT(0, sbx_box_dispatch(box, &error), &error);
	g_assert_cmpint(sbx_box_output(box, 1, &data, &length), ==, 0);
	return length;
}

static void
check_frozen(sbx_box *box, bool frozen)
{
	g_autofree char *text = fd_read_file_at(sbx_box_cgroup_fd(box), "cgroup.events");
	g_autofree char *asked = fd_read_file_at(sbx_box_cgroup_fd(box), "cgroup.freeze");

	live_contains(text, frozen ? "frozen 1" : "frozen 0");
	g_assert_cmpstr(asked, ==, frozen ? "1\n" : "0\n");
}

static void
test_stands_still(void)
{
	g_auto(leak_t) leak = { NULL };
	g_autoptr(life_box_t) box = NULL;
	sbx_error *error = NULL;

	leak_begin(&leak);
	if (!(box = create("hostname", "still")))
		return;
	run(box, COUNT);
	life_await_output(box, "3\n");
	for (int i = 0; i < 5; i++) {
		size_t before, after;

		pause_box(box);
		check_frozen(box, true);
		before = output_length(box);
		EXPECT(0, sbx_box_wait(box, 200, &error), &error);
		g_assert_cmpuint(output_length(box), ==, before);
		resume_box(box, SBX_RUNNING);
		check_frozen(box, false);
		/* the control: it moves */
		for (int n = 0; (after = output_length(box)) == before && n < 100; n++)
			EXPECT(0, sbx_box_wait(box, 100, &error), &error);
		g_assert_cmpuint(after, >, before);
	}
	g_clear_pointer(&box, sbx_box_free);
	leak_check(&leak);
}

static void
refused(int result, int expected, const char *message, sbx_error **error)
{
	g_assert_cmpint(result, ==, expected);
	g_assert_cmpstr(sbx_error_message(*error), ==, message);
	sbx_error_free(*error);
	*error = NULL;
}

static void
test_transitions(void)
{
	g_autoptr(life_box_t) box = create("hostname", "states");
	sbx_error *error = NULL;
	sbx_report report;

	if (!box)
		return;
	refused(sbx_box_resume(box, &error), -EALREADY, "the box is not paused", &error);
	pause_box(box);
	refused(sbx_box_pause(box, &error), -EALREADY, "the box is paused already", &error);
	g_assert_cmpint(life_sh(box, "exit 0", 0, 0, 0, &error), ==, -EBUSY);
	live_contains(sbx_error_hint(error), "sbx_box_resume");
	refused(-EBUSY, -EBUSY, "the box is paused", &error);
	g_assert_cmpint(sbx_box_wait(box, 0, &error), ==, -EINVAL);
	sbx_error_free(error);
	error = NULL;
	g_assert_cmpint(sbx_box_signal(box, SIGUSR1, &error), ==, -ESRCH);
	sbx_error_free(error);
	error = NULL;
	resume_box(box, SBX_CREATED);
	refused(sbx_box_resume(box, &error), -EALREADY, "the box is not paused", &error);
	run(box, "read x; exit 5");
	life_wait(box, &report);
	g_assert_cmpint(report.outcome, ==, SBX_OUTCOME_EXITED);
	refused(sbx_box_pause(box, &error), -ESRCH, "the box has stopped", &error);
	refused(sbx_box_resume(box, &error), -ESRCH, "the box has stopped", &error);
	g_assert_cmpint(sbx_box_pause(NULL, NULL), ==, -EINVAL);
	g_assert_cmpint(sbx_box_resume(NULL, NULL), ==, -EINVAL);
}

static void
test_start_twice(void)
{
	g_autoptr(life_box_t) box = create("hostname", "twice");
	sbx_error *error = NULL;

	if (!box)
		return;
	run(box, "sleep 600");
	pause_box(box);
	refused(life_sh(box, "exit 0", 0, 0, 0, &error), -EALREADY, "the box has been started already", &error);
}

static void
test_kill(void)
{
	g_auto(leak_t) leak = { NULL };
	g_autoptr(life_box_t) box = NULL;
	sbx_error *error = NULL;
	sbx_report report;
	gint64 begin;

	leak_begin(&leak);
	if (!(box = create("hostname", "kill")))
		return;
	run(box, "sleep 600");
	pause_box(box);
	begin = g_get_monotonic_time();
	EXPECT(0, sbx_box_kill(box, &error), &error);
	EXPECT(1, sbx_box_wait(box, 5000, &error), &error);
	g_assert_cmpint(g_get_monotonic_time() - begin, <, 2 * G_USEC_PER_SEC);
	life_wait(box, &report);
	g_assert_cmpint(report.outcome, ==, SBX_OUTCOME_KILLED);
	g_assert_cmpint(report.signal, ==, SIGKILL);
	g_assert_cmpint(sbx_box_state(box), ==, SBX_STOPPED);
	refused(sbx_box_resume(box, &error), -ESRCH, "the box has stopped", &error);
	g_clear_pointer(&box, sbx_box_free);
	leak_check(&leak);
}

static void
test_free(void)
{
	g_auto(leak_t) leak = { NULL };
	g_autofree char *mark = life_mark();
	g_autofree char *script = g_strdup_printf("sleep %s & sleep %s", mark, mark);

	leak_begin(&leak);
	for (int i = 0; i < 5; i++) {
		g_autoptr(life_box_t) box = create("hostname", "free");

		if (!box)
			return;
		run(box, i ? script : "sleep 600");
		pause_box(box);
	}
	g_assert_cmpuint(life_processes_gone(mark, 1000), ==, 0);
	leak_check(&leak);
}

static void
test_signal(void)
{
	g_autoptr(life_box_t) box = create("hostname", "signal");
	sbx_error *error = NULL;
	sbx_report report;

	if (!box)
		return;
	run(box, "trap 'exit 7' USR1; echo ready; while :; do sleep 0.05; done");
	life_await_output(box, "ready\n");
	pause_box(box);
	EXPECT(0, sbx_box_signal(box, SIGUSR1, &error), &error);
	EXPECT(0, sbx_box_wait(box, 300, &error), &error);
	g_assert_cmpint(sbx_box_state(box), ==, SBX_PAUSED);
	resume_box(box, SBX_RUNNING);
	life_wait(box, &report);
	g_assert_cmpint(report.outcome, ==, SBX_OUTCOME_EXITED);
	g_assert_cmpint(report.exit_code, ==, 7);
}

static void
test_time(void)
{
	g_autoptr(life_box_t) box = create("time.wall", "500ms");
	sbx_report report;

	if (!box)
		return;
	run(box, "sleep 600");
	pause_box(box);
	life_wait(box, &report);
	g_assert_cmpint(report.outcome, ==, SBX_OUTCOME_TIME_WALL);
	g_assert_cmpint(sbx_box_state(box), ==, SBX_STOPPED);
}

static void
test_no_cgroup(void)
{
	g_autoptr(life_box_t) box = create("hostname", "none");
	struct cgroup *kept;
	sbx_error *error = NULL;

	if (!box)
		return;
	run(box, "sleep 600");
	kept = box->cgroup;
	box->cgroup = NULL;
	g_assert_cmpint(sbx_box_pause(box, &error), ==, -ENOENT);
	live_contains(sbx_error_hint(error), "pids.max");
	refused(-ENOENT, -ENOENT, "the box has no cgroup of its own, so it can't be paused", &error);
	g_assert_cmpint(sbx_box_state(box), ==, SBX_RUNNING);
	box->cgroup = kept;
	pause_box(box);
}

/* The files of a group, as the box sees them for the length of one call. */
static void
test_times_out(void)
{
	autodir dir = live_dir();
	g_autofree char *freeze = live_file(dir, "cgroup.freeze", "");
	g_autofree char *events = live_file(dir, "cgroup.events", "populated 1\nfrozen 0\n");
	g_autofree char *procs = live_file(dir, "cgroup.procs", "1\n");
	g_autofree char *now = NULL;
	g_autoptr(life_box_t) box = create("hostname", "late");
	autofd fake = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	sbx_error *error = NULL;
	gint64 begin = g_get_monotonic_time();
	int kept;

	if (!box)
		return;
	run(box, COUNT);
	kept = box->cgroup->fd;
	box->cgroup->fd = fake;
	g_assert_cmpint(sbx_box_pause(box, &error), ==, -ETIMEDOUT);
	live_contains(sbx_error_message(error), "is not frozen after 2 s");
	live_contains(sbx_error_hint(error), "pause it again");
	sbx_error_free(error);
	error = NULL;
	box->cgroup->fd = kept;
	g_assert_cmpint(g_get_monotonic_time() - begin, >=, 2 * G_USEC_PER_SEC);
	now = live_read(freeze);
	g_assert_cmpstr(now, ==, "0");
	g_assert_cmpint(sbx_box_state(box), ==, SBX_RUNNING);
	g_assert_cmpint(box->guard.pidfd, ==, -1);
	/* the control: the same box, its own group */
	pause_box(box);
	resume_box(box, SBX_RUNNING);
}

/* A group above is frozen: it can't be resumed, stays paused and watched, and can be resumed later. */
static void
test_frozen_above(void)
{
	g_autoptr(life_box_t) box = create("hostname", "above");
	autodir dir = live_dir();
	g_autofree char *freeze = live_file(dir, "cgroup.freeze", "");
	g_autofree char *events = live_file(dir, "cgroup.events", "populated 1\nfrozen 1\n");
	autofd fake = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	sbx_error *error = NULL;
	int kept;

	if (!box)
		return;
	run(box, COUNT);
	pause_box(box);
	kept = box->cgroup->fd;
	box->cgroup->fd = fake;
	g_assert_cmpint(sbx_box_resume(box, &error), ==, -ETIMEDOUT);
	live_contains(sbx_error_message(error), "is still frozen");
	sbx_error_free(error);
	error = NULL;
	box->cgroup->fd = kept;
	g_assert_cmpint(sbx_box_state(box), ==, SBX_PAUSED);
	g_assert_cmpint(box->guard.pidfd, >=, 0);
	resume_box(box, SBX_RUNNING);
	g_assert_cmpint(box->guard.pidfd, ==, -1);
}

/* --- the owner dies --- */

static void
own(const char *mark, bool only_pause)
{
	g_autoptr(life_spec_t) spec = life_spec("default", NULL);
	sbx_box *box = life_create(spec);
	g_autofree char *script = g_strdup_printf("sleep %s & sleep %s", mark, mark);

	run(box, script);
	if (only_pause) {
		pause_box(box);
		raise(SIGKILL);
	}
	for (;;) {
		if (sbx_box_pause(box, NULL) < 0 || sbx_box_resume(box, NULL) < 0)
			_exit(3);
	}
}

/* What its owner could not remove. */
static void
sweep(const sbx_box *neighbour)
{
	g_autofree char *parent = g_path_get_dirname(neighbour->cgroup->path);
	sbx_error *error = NULL;
	int result = sbx_sweep(parent, &error);

	if (result < 0)
		g_error("sbx_sweep: %s", sbx_error_message(error));
}

static void
test_owner_dies(gconstpointer data)
{
	bool only_pause = GPOINTER_TO_INT(data);
	g_autoptr(life_box_t) probe = create("hostname", "probe");
	unsigned rounds = life_count(only_pause ? 5 : 50);

	if (!probe)
		return;
	for (unsigned i = 0; i < rounds; i++) {
		g_autofree char *mark = life_mark();
		int status;
		pid_t pid = fork();

		g_assert_cmpint(pid, >=, 0);
		if (pid == 0)
			own(mark, only_pause);
		if (!only_pause) {
			for (int n = 0; n < 5000 && life_processes(mark) < 3; n++)
				g_usleep(1000);
			g_usleep((gulong)g_test_rand_int_range(0, 20000));
			kill(pid, SIGKILL);
		}
		g_assert_cmpint(waitpid(pid, &status, 0), ==, pid);
		g_assert_cmpint(status, ==, SIGKILL);
		g_assert_cmpuint(life_processes_gone(mark, 1000), ==, 0);
	}
	sweep(probe);
}

int
main(int argc, char **argv)
{
	g_test_init(&argc, &argv, NULL);
	life_begin(120);
	g_test_add_func("/pause/stands-still", test_stands_still);
	g_test_add_func("/pause/transitions", test_transitions);
	g_test_add_func("/pause/start-twice", test_start_twice);
	g_test_add_func("/pause/kill", test_kill);
	g_test_add_func("/pause/free", test_free);
	g_test_add_func("/pause/signal", test_signal);
	g_test_add_func("/pause/time", test_time);
	g_test_add_func("/pause/no-cgroup", test_no_cgroup);
	g_test_add_func("/pause/times-out", test_times_out);
	g_test_add_func("/pause/frozen-above", test_frozen_above);
	g_test_add_data_func("/pause/owner-dies/paused", GINT_TO_POINTER(true), test_owner_dies);
	g_test_add_data_func("/pause/owner-dies/any-time", GINT_TO_POINTER(false), test_owner_dies);
	return g_test_run();
}
