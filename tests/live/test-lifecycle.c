/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* SPDX-FileCopyrightText: The libsbx developers */

/* The states of a box, what each call does in each of them, wrong arguments, threads, and a forked host. */
#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "life.h"

/* --- arguments ----------------------------------------------------------------------------------------------------- */

/* Each row is one call with something wrong in it, and what it must answer. */
#define WRONG(expected, call)                                                                       \
	do {                                                                                            \
		sbx_error *error = NULL;                                                                    \
		int result_ = (call);                                                                       \
		if (result_ != (expected))                                                                  \
			g_error("%s: %d, expected %d: %s", #call, result_, expected, sbx_error_message(error)); \
		sbx_error_free(error);                                                                      \
	} while (0)

static void
test_null_spec(void)
{
	g_autoptr(life_spec_t) spec = life_spec(NULL, NULL);
	sbx_spec *none = NULL;
	char *text = NULL;

	WRONG(-EINVAL, sbx_spec_new(NULL, "default", &error));
	WRONG(-EINVAL, sbx_spec_new(&none, "no-such-profile", &error));
	WRONG(-ENOENT, sbx_spec_new(&none, "/no/such/profile", &error));
	WRONG(-EINVAL, sbx_spec_set(NULL, "memory.max", "1M", &error));
	WRONG(-EINVAL, sbx_spec_set(spec, NULL, "1M", &error));
	WRONG(-EINVAL, sbx_spec_set(spec, "memory.max", NULL, &error));
	WRONG(-ENOENT, sbx_spec_set(spec, "no-such-key", "1M", &error));
	WRONG(-ENOENT, sbx_spec_set(spec, "", "1M", &error));
	WRONG(-EINVAL, sbx_spec_get(NULL, "memory.max", &text));
	WRONG(-EINVAL, sbx_spec_get(spec, NULL, &text));
	WRONG(-EINVAL, sbx_spec_get(spec, "memory.max", NULL));
	WRONG(-EINVAL, sbx_spec_load(NULL, "/dev/null", &error));
	WRONG(-EINVAL, sbx_spec_load(spec, NULL, &error));
	WRONG(-EINVAL, sbx_spec_join(NULL, "net", 0, &error));
	WRONG(-EINVAL, sbx_spec_join(spec, NULL, 0, &error));
	WRONG(-EBADF, sbx_spec_join(spec, "net", -1, &error));
	WRONG(-EINVAL, sbx_spec_bind_fd(NULL, 0, "/x", 0, &error));
	WRONG(-EINVAL, sbx_spec_bind_fd(spec, 0, NULL, 0, &error));
	WRONG(-EBADF, sbx_spec_bind_fd(spec, -1, "/x", 0, &error));
	WRONG(-EINVAL, sbx_spec_bind_fd(spec, 0, "/x", 4096, &error));
	WRONG(-EINVAL, sbx_spec_file(NULL, "/x", "", 0, 0644, &error));
	WRONG(-EINVAL, sbx_spec_file(spec, NULL, "", 0, 0644, &error));
	WRONG(-EINVAL, sbx_spec_file(spec, "/x", NULL, 1, 0644, &error));
	WRONG(-EINVAL, sbx_spec_file(spec, "/x", "", 0, 04755, &error));
	WRONG(-EINVAL, sbx_spec_plan(NULL, &text, &error));
	WRONG(-EINVAL, sbx_spec_plan(spec, NULL, &error));
	WRONG(-EINVAL, sbx_list_keys(NULL, &error));
	g_assert_null(none);
	g_assert_null(text);
	g_assert_null(sbx_spec_copy(NULL));
	sbx_spec_free(NULL);
}

static void
test_null_box(void)
{
	g_autoptr(life_spec_t) spec = life_spec(NULL, NULL);
	sbx_report report = { .size = sizeof report };
	const void *data;
	sbx_box *none = NULL;
	size_t len;

	WRONG(-EINVAL, sbx_box_create(NULL, &none, &error));
	WRONG(-EINVAL, sbx_box_create(spec, NULL, &error));
	WRONG(-EINVAL, life_sh(NULL, "exit 0", 0, 0, 0, &error));
	WRONG(-EINVAL, sbx_run(NULL, NULL, &report, &error));
	WRONG(-EINVAL, sbx_run(spec, NULL, &report, &error));
	WRONG(-EINVAL, sbx_box_state(NULL));
	WRONG(-EINVAL, sbx_box_fd(NULL));
	WRONG(-EINVAL, sbx_box_dispatch(NULL, &error));
	WRONG(-EINVAL, sbx_box_wait(NULL, 0, &error));
	WRONG(-EINVAL, sbx_box_signal(NULL, SIGTERM, &error));
	WRONG(-EINVAL, sbx_box_kill(NULL, &error));
	WRONG(-EINVAL, sbx_box_pidfd(NULL));
	WRONG(-EINVAL, sbx_box_cgroup_fd(NULL));
	WRONG(-EINVAL, sbx_box_pipe(NULL, 1));
	WRONG(-EINVAL, sbx_box_output(NULL, 1, &data, &len));
	WRONG(-EINVAL, sbx_box_report(NULL, &report, &error));
	WRONG(-EINVAL, sbx_report_fail(NULL, NULL));
	WRONG(-EINVAL, sbx_report_fail(&report, NULL));
	g_assert_null(none);
	g_assert_null(sbx_report_json(NULL));
	sbx_box_free(NULL);
	sbx_error_free(NULL);
	g_assert_cmpint(sbx_error_errno(NULL), ==, 0);
	g_assert_cmpstr(sbx_error_stage(NULL), ==, "");
	g_assert_cmpstr(sbx_error_key(NULL), ==, "");
	g_assert_cmpstr(sbx_error_message(NULL), ==, "");
	g_assert_cmpstr(sbx_error_hint(NULL), ==, "");
	g_assert_cmpuint(sbx_version(), ==, SBX_VERSION_MAJOR << 16 | SBX_VERSION_MINOR << 8 | SBX_VERSION_PATCH);
	/* nobody wants the error */
	g_assert_cmpint(sbx_spec_set(spec, "no-such-key", "1", NULL), ==, -ENOENT);
	g_assert_cmpint(sbx_box_create(NULL, &none, NULL), ==, -EINVAL);
}

static int
start(sbx_box *box, const sbx_command *command, sbx_error **error)
{
	return sbx_box_start(box, command, error);
}

static void
test_wrong_command(void)
{
	static const char *const argv[] = { "/bin/true", NULL };
	static const char *const nothing[] = { NULL };
	static const sbx_fd_map twice[] = { { 0, 5 }, { 0, 5 } };
	static const sbx_fd_map low[] = { { 0, 2 } };
	static const sbx_fd_map high[] = { { 0, 1024 } };
	static const sbx_fd_map closed[] = { { 1000000, 5 } };
	const struct row {
		sbx_command command;
		int expected;
	} rows[] = {
		{ { .size = 0, .argv = argv }, -EINVAL },
		{ { .size = 8, .argv = argv }, -EINVAL },
		{ { .size = sizeof(sbx_command) }, -EINVAL },
		{ { .size = sizeof(sbx_command), .argv = nothing }, -EINVAL },
		{ { .size = sizeof(sbx_command), .argv = argv, .cwd = "relative" }, -EINVAL },
		{ { .size = sizeof(sbx_command), .argv = argv, .cwd = "/no/such/directory" }, -ENOENT },
		{ { .size = sizeof(sbx_command), .argv = argv, .n_fds = 1 }, -EINVAL },
		{ { .size = sizeof(sbx_command), .argv = argv, .n_fds = 100000, .fds = twice }, -E2BIG },
		{ { .size = sizeof(sbx_command), .argv = argv, .n_fds = 2, .fds = twice }, -EINVAL },
		{ { .size = sizeof(sbx_command), .argv = argv, .n_fds = 1, .fds = low }, -EINVAL },
		{ { .size = sizeof(sbx_command), .argv = argv, .n_fds = 1, .fds = high }, -EINVAL },
		{ { .size = sizeof(sbx_command), .argv = argv, .n_fds = 1, .fds = closed }, -EBADF },
		{ { .size = sizeof(sbx_command), .argv = argv, .stdio = { SBX_STDIO_CAPTURE, 0, 0 } }, -EINVAL },
		{ { .size = sizeof(sbx_command), .argv = argv, .stdio = { 0, -77, 0 } }, -EINVAL },
		{ { .size = sizeof(sbx_command), .argv = argv, .stdio = { 0, 0, 1000000 } }, -EBADF },
		{ { .size = sizeof(sbx_command), .argv = argv, .exec_fd = 1000000 }, -EBADF },
		{ { .size = sizeof(sbx_command), .argv = argv, .exec_fd = -1 }, -EBADF },
	};
	g_autoptr(life_spec_t) spec = life_spec(NULL, NULL);
	g_autoptr(life_box_t) box = life_create(spec);
	g_auto(leak_t) leak = { NULL };
	sbx_report report;
	sbx_error *error = NULL;

	leak_begin(&leak);
	for (size_t i = 0; i < G_N_ELEMENTS(rows); i++) {
		int result = start(box, &rows[i].command, &error);

		g_test_message("%zu: %d %s", i, result, sbx_error_message(error));
		g_assert_cmpint(result, ==, rows[i].expected);
		g_assert_cmpstr(sbx_error_message(error), !=, "");
		g_clear_pointer(&error, sbx_error_free);
		g_assert_cmpint(sbx_box_state(box), ==, SBX_CREATED);
	}
	WRONG(-EINVAL, start(box, NULL, &error));
	leak_check(&leak);
	/* the positive control */
	EXPECT(0, life_sh(box, "exit 9", SBX_STDIO_NULL, SBX_STDIO_NULL, SBX_STDIO_NULL, &error), &error);
	life_wait(box, &report);
	g_assert_cmpint(report.exit_code, ==, 9);
}

/* A program of a later version has larger structs; one that forgot the size has 0. */
static void
test_sizes(void)
{
	struct {
		sbx_command command;
		char later[64];
	} large_command = { .command = { .size = sizeof large_command } };
	struct {
		sbx_report report;
		char later[64];
	} large = { .report = { .size = sizeof large } };
	static const char *const argv[] = { "/bin/sh", "-c", "exit 6", NULL };
	g_autoptr(life_spec_t) spec = life_spec(NULL, NULL);
	sbx_report small = { .size = offsetof(sbx_report, wall_usec) };
	sbx_report zero = { .size = 0 };
	sbx_error *error = NULL;

	large_command.command.argv = argv;
	memset(large.later, 'x', sizeof large.later);
	EXPECT(0, sbx_run(spec, &large_command.command, &large.report, &error), &error);
	g_assert_cmpint(large.report.exit_code, ==, 6);
	for (size_t i = 0; i < sizeof large.later; i++)
		g_assert_cmpint(large.later[i], ==, 'x');
	memset(&small.wall_usec, 'x', sizeof small.wall_usec);
	EXPECT(0, sbx_run(spec, &large_command.command, &small, &error), &error);
	g_assert_cmpint(small.exit_code, ==, 6);
	g_assert_cmphex(small.wall_usec, ==, 0x7878787878787878);
	WRONG(-EINVAL, sbx_run(spec, &large_command.command, &zero, &error));
	g_assert_null(sbx_report_json(&zero));
}

/* --- states -------------------------------------------------------------------------------------------------------- */

static void
test_created(void)
{
	g_autoptr(life_spec_t) spec = life_spec(NULL, NULL);
	g_autoptr(life_box_t) box = life_create(spec);
	sbx_report report = { .size = sizeof report };
	const void *data;
	size_t len;

	g_assert_cmpint(sbx_box_state(box), ==, SBX_CREATED);
	WRONG(-EINVAL, sbx_box_wait(box, 0, &error));
	WRONG(-EINVAL, sbx_box_wait(box, -1, &error));
	WRONG(-ESRCH, sbx_box_signal(box, SIGTERM, &error));
	WRONG(-EINVAL, sbx_box_signal(box, 0, &error));
	WRONG(-EINVAL, sbx_box_signal(box, 65, &error));
	WRONG(0, sbx_box_dispatch(box, &error));
	WRONG(-ENOENT, sbx_box_pipe(box, 0));
	WRONG(-EINVAL, sbx_box_pipe(box, 3));
	WRONG(-EINVAL, sbx_box_pipe(box, -1));
	WRONG(-ENOENT, sbx_box_output(box, 1, &data, &len));
	WRONG(-EINVAL, sbx_box_output(box, 0, &data, &len));
	WRONG(0, sbx_box_report(box, &report, &error));
	g_assert_cmpint(report.outcome, ==, SBX_OUTCOME_NONE);
	g_assert_cmpuint(report.valid & SBX_VALID_WALL_USEC, ==, 0);
	g_assert_cmpint(sbx_box_pidfd(box), >=, 0);
	g_assert_cmpint(sbx_box_fd(box), >=, 0);
}

static void
test_running_and_stopped(void)
{
	g_autoptr(life_spec_t) spec = life_spec(NULL, NULL);
	g_autoptr(life_box_t) box = life_run(spec, "trap 'exit 5' USR1; echo up; while :; do sleep 0.05; done");
	sbx_report report = { .size = sizeof report };
	sbx_report again = { .size = sizeof again };

	g_assert_cmpint(sbx_box_state(box), ==, SBX_RUNNING);
	WRONG(-EALREADY, life_sh(box, "exit 0", SBX_STDIO_NULL, SBX_STDIO_NULL, SBX_STDIO_NULL, &error));
	WRONG(0, sbx_box_wait(box, 0, &error));
	WRONG(0, sbx_box_wait(box, 20, &error));
	WRONG(0, sbx_box_report(box, &report, &error));
	g_assert_cmpint(report.outcome, ==, SBX_OUTCOME_NONE);
	life_await_output(box, "up");
	WRONG(0, sbx_box_signal(box, SIGUSR1, &error));
	life_wait(box, &report);
	g_assert_cmpint(report.outcome, ==, SBX_OUTCOME_EXITED);
	g_assert_cmpint(report.exit_code, ==, 5);
	g_assert_cmpint(sbx_box_state(box), ==, SBX_STOPPED);
	WRONG(-EALREADY, life_sh(box, "exit 0", SBX_STDIO_NULL, SBX_STDIO_NULL, SBX_STDIO_NULL, &error));
	WRONG(-ESRCH, sbx_box_signal(box, SIGTERM, &error));
	WRONG(0, sbx_box_kill(box, &error));
	WRONG(1, sbx_box_wait(box, 0, &error));
	WRONG(1, sbx_box_wait(box, -1, &error));
	WRONG(1, sbx_box_dispatch(box, &error));
	WRONG(0, sbx_box_report(box, &again, &error));
	g_assert_cmpint(again.outcome, ==, SBX_OUTCOME_EXITED);
	g_assert_cmpint(again.exit_code, ==, 5);
}

static int
exec_result(sbx_box *box, const char *program, sbx_error **error)
{
	const char *argv[] = { program, NULL };
	sbx_command command = { .size = sizeof command,
		                    .argv = argv,
		                    .stdio = { SBX_STDIO_NULL, SBX_STDIO_PIPE, SBX_STDIO_CAPTURE } };

	return sbx_box_start(box, &command, error);
}

/* Given programs that can't be executed, when they have failed, then the box is as good as new. */
static void
test_exec_failures(void)
{
	static const struct {
		const char *program;
		int expected;
	} rows[] = {
		{ "/no/such/program", -ENOENT },
		{ "no-such-program", -ENOENT },
		{ "/etc/passwd", -EACCES },
		{ "/etc", -EACCES },
		{ "/etc/passwd/x", -ENOTDIR },
		{ "/text", -ENOEXEC },
		{ "", -ENOENT },
	};
	g_autoptr(life_spec_t) spec =
		life_spec("default", "root", "empty", "ro-bind", "/etc:/etc", "ro-bind", "/usr:/usr", "ro-bind", "/bin:/bin",
	              "ro-bind", "/lib:/lib", "?ro-bind", "/lib64:/lib64", NULL);
	g_autoptr(life_box_t) box = NULL;
	sbx_error *error = NULL;
	sbx_report report;

	EXPECT(0, sbx_spec_file(spec, "/text", "hello\n", 6, 0755, &error), &error);
	box = life_create(spec);
	for (size_t i = 0; i < G_N_ELEMENTS(rows); i++) {
		int result = exec_result(box, rows[i].program, &error);

		if (result != rows[i].expected || strcmp(sbx_error_stage(error), "exec") != 0)
			g_error("\"%s\": %d, expected %d: %s: %s", rows[i].program, result, rows[i].expected,
			        sbx_error_stage(error), sbx_error_message(error));
		g_clear_pointer(&error, sbx_error_free);
		g_assert_cmpint(sbx_box_state(box), ==, SBX_CREATED);
		g_assert_cmpint(sbx_box_pipe(box, 1), ==, -ENOENT);
	}
	EXPECT(0, life_sh(box, "exit 3", SBX_STDIO_NULL, SBX_STDIO_NULL, SBX_STDIO_NULL, &error), &error);
	life_wait(box, &report);
	g_assert_cmpint(report.exit_code, ==, 3);
}

/* Freed in any state, a box leaves nothing. */
static void
test_free(void)
{
	g_autofree char *mark = life_mark();
	g_autofree char *script = g_strdup_printf("sleep %s & sleep %s & wait", mark, mark);
	g_autoptr(life_spec_t) spec = life_spec("default", "time.wall", "1000", NULL);
	g_auto(leak_t) leak = { NULL };
	sbx_error *error = NULL;
	sbx_report report;
	sbx_box *box;

	sbx_box_free(life_create(spec));
	leak_begin(&leak);
	sbx_box_free(life_create(spec)); /* created */
	leak_check(&leak);
	box = life_run(spec, script); /* running */
	sbx_box_free(box);
	leak_check(&leak);
	box = life_create(spec); /* its start has failed */
	g_assert_cmpint(exec_result(box, "/no/such/program", NULL), ==, -ENOENT);
	sbx_box_free(box);
	leak_check(&leak);
	box = life_run(spec, script); /* killed, and nobody has looked */
	EXPECT(0, sbx_box_kill(box, &error), &error);
	sbx_box_free(box);
	leak_check(&leak);
	box = life_run(spec, "exit 0"); /* ended, and nobody has looked */
	g_usleep(100000);
	sbx_box_free(box);
	leak_check(&leak);
	box = life_run(spec, "exit 0"); /* stopped */
	life_wait(box, &report);
	sbx_box_free(box);
	leak_check(&leak);
	box = life_create(spec); /* killed before it ran */
	EXPECT(0, sbx_box_kill(box, &error), &error);
	g_assert_cmpint(exec_result(box, "/bin/true", NULL), <, 0);
	sbx_box_free(box);
	leak_check(&leak);
	g_assert_cmpuint(life_processes_gone(mark, 1000), ==, 0);
}

/* --- threads and forks --------------------------------------------------------------------------------------------- */

static gpointer
run_some(gpointer data)
{
	for (unsigned i = 0; i < life_count(20); i++) {
		g_autoptr(life_spec_t) spec = life_spec(NULL, NULL);
		g_autofree char *script = g_strdup_printf("exit %u", 10 + i);
		sbx_report report;

		life_run_report(spec, script, &report);
		if (report.outcome != SBX_OUTCOME_EXITED || report.exit_code != (int)(10 + i))
			g_error("expected exit %u, got outcome %d code %d", 10 + i, report.outcome, report.exit_code);
	}
	return data;
}

static void
test_two_threads(void)
{
	GThread *other = g_thread_new("other", run_some, NULL);

	(void)run_some(NULL);
	g_thread_join(other);
}

struct waiter {
	sbx_box *box;
	int result;
};

static gpointer
wait_long(gpointer data)
{
	struct waiter *waiter = data;

	waiter->result = sbx_box_wait(waiter->box, LIFE_SECONDS * 1000, NULL);
	return NULL;
}

/* One thread waits: a second one is sent away, but may kill. */
static void
test_busy(void)
{
	g_autoptr(life_spec_t) spec = life_spec(NULL, NULL);
	g_autoptr(life_box_t) box = life_run(spec, "sleep 1000");
	struct waiter waiter = { box, -1 };
	GThread *thread = g_thread_new("waiter", wait_long, &waiter);
	sbx_report report = { .size = sizeof report };
	int result = 0;

	for (int i = 0; i < 1000 && result != -EBUSY; i++) {
		g_usleep(1000);
		result = sbx_box_dispatch(box, NULL);
	}
	g_assert_cmpint(result, ==, -EBUSY);
	WRONG(-EBUSY, sbx_box_wait(box, 0, &error));
	WRONG(-EBUSY, sbx_box_signal(box, SIGTERM, &error));
	WRONG(-EBUSY, sbx_box_report(box, &report, &error));
	WRONG(-EBUSY, life_sh(box, "exit 0", 0, 0, 0, &error));
	WRONG(0, sbx_box_kill(box, &error));
	g_thread_join(thread);
	g_assert_cmpint(waiter.result, ==, 1);
	life_wait(box, &report);
	g_assert_cmpint(report.outcome, ==, SBX_OUTCOME_KILLED);
	g_assert_cmpint(report.signal, ==, SIGKILL);
}

/* What a forked copy of the host does with the box: nothing. Its exit status is the line that went wrong. */
static void
in_copy(sbx_box *box)
{
	sbx_report report = { .size = sizeof report };

	if (sbx_box_kill(box, NULL) != -ECHILD)
		_exit(1);
	if (sbx_box_wait(box, 0, NULL) != -ECHILD)
		_exit(2);
	if (sbx_box_dispatch(box, NULL) != -ECHILD)
		_exit(3);
	if (sbx_box_signal(box, SIGKILL, NULL) != -ECHILD)
		_exit(4);
	if (sbx_box_report(box, &report, NULL) != -ECHILD)
		_exit(5);
	if (life_sh(box, "exit 0", 0, 0, 0, NULL) != -ECHILD)
		_exit(6);
	sbx_box_free(box);
	_exit(0);
}

static void
test_fork(void)
{
	g_autoptr(life_spec_t) spec = life_spec(NULL, NULL);
	g_autoptr(life_box_t) box = life_run(spec, "trap 'exit 8' USR1; echo up; while :; do sleep 0.05; done");
	sbx_report report;
	int status;
	pid_t pid;

	life_await_output(box, "up");
	pid = fork();
	if (pid == 0)
		in_copy(box);
	g_assert_cmpint(waitpid(pid, &status, 0), ==, pid);
	g_assert_cmpint(status, ==, 0);
	WRONG(0, sbx_box_wait(box, 50, &error));
	WRONG(0, sbx_box_signal(box, SIGUSR1, &error));
	life_wait(box, &report);
	g_assert_cmpint(report.exit_code, ==, 8);
}

int
main(int argc, char **argv)
{
	g_test_init(&argc, &argv, NULL);
	life_begin(60);
	g_test_add_func("/lifecycle/arguments/spec", test_null_spec);
	g_test_add_func("/lifecycle/arguments/box", test_null_box);
	g_test_add_func("/lifecycle/arguments/command", test_wrong_command);
	g_test_add_func("/lifecycle/arguments/sizes", test_sizes);
	g_test_add_func("/lifecycle/state/created", test_created);
	g_test_add_func("/lifecycle/state/running-and-stopped", test_running_and_stopped);
	g_test_add_func("/lifecycle/state/exec-failures", test_exec_failures);
	g_test_add_func("/lifecycle/state/free", test_free);
	g_test_add_func("/lifecycle/threads/two", test_two_threads);
	g_test_add_func("/lifecycle/threads/busy", test_busy);
	g_test_add_func("/lifecycle/fork", test_fork);
	return g_test_run();
}
