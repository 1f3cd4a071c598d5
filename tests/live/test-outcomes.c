/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* SPDX-FileCopyrightText: The libsbx developers */

/* How boxes end, what is told of it, and what the payload wrote until then. */
#include <errno.h>
#include <fcntl.h>
#include <jansson.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

#include "life.h"

static void
outcome_is(const sbx_report *report, int outcome, int exit_code, int signal)
{
	char *json = sbx_report_json(report);

	if (report->outcome != outcome || report->exit_code != exit_code || report->signal != signal)
		g_error("outcome %d exit_code %d signal %d, expected %d %d %d: %s", report->outcome, report->exit_code,
		        report->signal, outcome, exit_code, signal, json);
	free(json);
}

/* --- outcomes ------------------------------------------------------------------------------------------------------ */

struct ending {
	const char *name, *script;
	const char *wall, *grace; /* NULL: no limit */
	int outcome, exit_code, signal;
	unsigned least_ms, most_ms; /* 0: no matter */
};

static const struct ending endings[] = {
	{ "exit-0", "exit 0", NULL, NULL, SBX_OUTCOME_EXITED, 0, 0, 0, 0 },
	{ "exit-255", "exit 255", NULL, NULL, SBX_OUTCOME_EXITED, 255, 0, 0, 0 },
	{ "exit-137", "exit 137", NULL, NULL, SBX_OUTCOME_EXITED, 137, 0, 0, 0 },
	{ "signal-term", "kill -TERM $$", NULL, NULL, SBX_OUTCOME_SIGNALED, -1, SIGTERM, 0, 0 },
	{ "signal-kill", "kill -KILL $$", NULL, NULL, SBX_OUTCOME_SIGNALED, -1, SIGKILL, 0, 0 },
	{ "in-time", "exit 3", "30", NULL, SBX_OUTCOME_EXITED, 3, 0, 0, 10000 },
	{ "wall", "sleep 1000", "200ms", NULL, SBX_OUTCOME_TIME_WALL, -1, SIGKILL, 200, 5000 },
	/* time is up: how it ends then is in exit_code and signal, why in the outcome */
	{ "grace-taken", "trap 'exit 4' TERM; while :; do sleep 0.02; done", "300ms", "30", SBX_OUTCOME_TIME_WALL, -1, 0,
	  300, 10000 },
	{ "grace-default-action", "exec sleep 1000", "200ms", "30", SBX_OUTCOME_TIME_WALL, -1, SIGTERM, 200, 10000 },
	{ "grace-ignored", "trap '' TERM; while :; do sleep 0.02; done", "200ms", "300ms", SBX_OUTCOME_TIME_WALL, -1,
	  SIGKILL, 500, 5000 },
	{ "stopped-by-itself", "kill -STOP $$; exit 0", "200ms", "100ms", SBX_OUTCOME_TIME_WALL, -1, SIGKILL, 200, 5000 },
	{ "orphan-does-not-hold", "sleep 1000 & exit 7", "30", NULL, SBX_OUTCOME_EXITED, 7, 0, 0, 10000 },
};

static void
test_ending(gconstpointer data)
{
	const struct ending *ending = data;
	g_autoptr(life_spec_t) spec = life_spec("default", NULL);
	unsigned ms;
	sbx_error *error = NULL;
	sbx_report report;

	if (ending->wall)
		EXPECT(0, sbx_spec_set(spec, "time.wall", ending->wall, &error), &error);
	if (ending->grace)
		EXPECT(0, sbx_spec_set(spec, "time.grace", ending->grace, &error), &error);
	life_run_report(spec, ending->script, &report);
	outcome_is(&report, ending->outcome, ending->exit_code, ending->signal);
	g_assert_cmpuint(report.valid & SBX_VALID_WALL_USEC, !=, 0);
	g_assert_cmpuint(report.valid & SBX_VALID_SETUP_USEC, !=, 0);
	ms = (unsigned)(report.wall_usec / 1000);
	g_test_message("after %u ms", ms);
	g_assert_cmpuint(ms, >=, ending->least_ms);
	if (ending->most_ms && !g_getenv("SBX_VM"))
		g_assert_cmpuint(ms, <, ending->most_ms);
}

/* A family that has left its session, its group and its parents. */
static void
test_kill_family(gconstpointer data)
{
	bool end_by_exit = data != NULL;
	g_autofree char *mark = life_mark();
	g_autofree char *script = g_strdup_printf(
		"for i in 1 2 3; do (setsid sh -c 'trap \"\" TERM HUP; (sleep %s; :) & (sleep %s; :)' &) ; done; "
		"while [ $(ls /proc | grep -c '^[0-9]') -lt 11 ]; do sleep 0.02; done; echo up; %s",
		mark, mark, end_by_exit ? "exit 0" : "sleep 1000");
	g_autoptr(life_spec_t) spec = life_spec("default", NULL);
	g_autoptr(life_box_t) box = life_run(spec, script);
	g_auto(leak_t) leak = { NULL };
	sbx_error *error = NULL;
	sbx_report report;

	if (!end_by_exit) {
		life_await_output(box, "up");
		g_assert_cmpuint(life_processes(mark), >=, 6); /* the positive control */
		EXPECT(0, sbx_box_kill(box, &error), &error);
	}
	life_wait(box, &report);
	outcome_is(&report, end_by_exit ? SBX_OUTCOME_EXITED : SBX_OUTCOME_KILLED, end_by_exit ? 0 : -1,
	           end_by_exit ? 0 : SIGKILL);
	g_assert_cmpuint(life_processes_gone(mark, 1000), ==, 0);
}

/* --- pipes --------------------------------------------------------------------------------------------------------- */

static void
test_pipes(void)
{
	g_autoptr(life_spec_t) spec = life_spec("default", NULL);
	g_autoptr(life_box_t) box = life_create(spec);
	sbx_error *error = NULL;
	sbx_report report;
	char bytes[64] = "";
	int in, out;

	EXPECT(0, life_sh(box, "read a; read b; echo got $b $a", SBX_STDIO_PIPE, SBX_STDIO_PIPE, SBX_STDIO_NULL, &error),
	       &error);
	in = sbx_box_pipe(box, 0);
	out = sbx_box_pipe(box, 1);
	g_assert_cmpint(in, >=, 0);
	g_assert_cmpint(out, >=, 0);
	g_assert_cmpint(fcntl(in, F_GETFD) & FD_CLOEXEC, !=, 0);
	g_assert_cmpint(fcntl(out, F_GETFD) & FD_CLOEXEC, !=, 0);
	g_assert_cmpint(sbx_box_pipe(box, 0), ==, -ENOENT); /* taken */
	g_assert_cmpint(sbx_box_pipe(box, 2), ==, -ENOENT); /* never asked for */
	g_assert_cmpint(write(in, "one\ntwo\n", 8), ==, 8);
	close(in);
	for (size_t have = 0; have < sizeof bytes - 1;) {
		ssize_t got = read(out, bytes + have, sizeof bytes - 1 - have);

		g_assert_cmpint(got, >=, 0);
		if (got == 0)
			break;
		have += (size_t)got;
	}
	close(out);
	g_assert_cmpstr(bytes, ==, "got two one\n");
	life_wait(box, &report);
	outcome_is(&report, SBX_OUTCOME_EXITED, 0, 0);
}

/* The payload has ended, so its pipe ends, though a process in the background held it. */
static void
test_pipe_end(void)
{
	g_autoptr(life_spec_t) spec = life_spec("default", NULL);
	g_autoptr(life_box_t) box = life_create(spec);
	struct pollfd due = { -1, POLLIN, 0 };
	sbx_error *error = NULL;
	char bytes[8] = "";

	EXPECT(0, life_sh(box, "sleep 1000 & echo hi", SBX_STDIO_NULL, SBX_STDIO_PIPE, SBX_STDIO_NULL, &error), &error);
	due.fd = sbx_box_pipe(box, 1);
	g_assert_cmpint(due.fd, >=, 0);
	g_assert_cmpint(poll(&due, 1, LIFE_SECONDS * 1000), ==, 1);
	g_assert_cmpint(read(due.fd, bytes, sizeof bytes), ==, 3);
	g_assert_cmpint(poll(&due, 1, LIFE_SECONDS * 1000), ==, 1);
	g_assert_cmpint(read(due.fd, bytes, sizeof bytes), ==, 0);
	close(due.fd);
}

/* --- captured output ----------------------------------------------------------------------------------------------- */

/* A MiB to both, in turns: all of it comes, in order. */
static void
test_capture(void)
{
	const char *script =
		"i=0; while [ $i -lt 256 ]; do printf '%4096d' $i; printf '%4096d' $((i + 1000)) >&2; i=$((i + 1)); done";
	g_autoptr(life_spec_t) spec = life_spec("default", NULL);
	g_autoptr(life_box_t) box = life_run(spec, script);
	sbx_report report;

	life_wait(box, &report);
	outcome_is(&report, SBX_OUTCOME_EXITED, 0, 0);
	for (int which = 1; which < 3; which++) {
		g_autofree char *output = life_output(box, which);

		g_assert_cmpuint(strlen(output), ==, 256 * 4096);
		for (int i = 0; i < 256; i++)
			g_assert_cmpint(atoi(output + i * 4096), ==, which == 1 ? i : i + 1000);
	}
}

static void
test_flood(void)
{
	g_autoptr(life_spec_t) spec = life_spec("default", "time.wall", "100", NULL);
	g_autoptr(life_box_t) box = life_run(spec, "head -c 1000m /dev/zero");
	sbx_report report;
	const void *data;
	size_t len;

	life_wait(box, &report);
	outcome_is(&report, SBX_OUTCOME_OUTPUT, -1, SIGKILL);
	g_assert_cmpint(sbx_box_output(box, 1, &data, &len), ==, 0);
	g_assert_cmpuint(len, ==, 64 << 20);
}

/* --- dispatch ------------------------------------------------------------------------------------------------------ */

/* A host that has a poll loop of its own: the fd says when, dispatch never waits. */
static void
test_dispatch(void)
{
	g_autoptr(life_spec_t) spec = life_spec("default", NULL);
	g_autoptr(life_box_t) box = life_run(spec, "for i in 1 2 3; do echo $i; sleep 0.05; done; exit 2");
	struct pollfd due = { sbx_box_fd(box), POLLIN, 0 };
	unsigned turns = 0;
	gint64 worst = 0;
	g_autofree char *output = NULL;
	sbx_error *error = NULL;
	sbx_report report = { .size = sizeof report };
	int result = 0;

	while (result == 0) {
		gint64 begin;

		g_assert_cmpint(poll(&due, 1, LIFE_SECONDS * 1000), ==, 1);
		begin = g_get_monotonic_time();
		result = sbx_box_dispatch(box, &error);
		worst = MAX(worst, g_get_monotonic_time() - begin);
		turns++;
	}
	g_assert_cmpint(result, ==, 1);
	g_test_message("%u turns, the longest %" G_GINT64_FORMAT " us", turns, worst);
	g_assert_cmpint(worst, <, 2 * G_USEC_PER_SEC);
	g_assert_cmpuint(turns, <, 100); /* it does not spin */
	EXPECT(0, sbx_box_report(box, &report, &error), &error);
	outcome_is(&report, SBX_OUTCOME_EXITED, 2, 0);
	output = life_output(box, 1);
	g_assert_cmpstr(output, ==, "1\n2\n3\n");
}

/* With nothing due, dispatch comes back at once, and the fd is quiet. */
static void
test_dispatch_idle(void)
{
	g_autoptr(life_spec_t) spec = life_spec("default", NULL);
	g_autoptr(life_box_t) box = life_run(spec, "exec sleep 1000");
	struct pollfd due = { sbx_box_fd(box), POLLIN, 0 };
	gint64 begin = g_get_monotonic_time();

	for (int i = 0; i < 1000; i++)
		g_assert_cmpint(sbx_box_dispatch(box, NULL), ==, 0);
	g_assert_cmpint(g_get_monotonic_time() - begin, <, 20 * G_USEC_PER_SEC);
	g_assert_cmpint(poll(&due, 1, 0), ==, 0);
}

/* --- report -------------------------------------------------------------------------------------------------------- */

static const char *const numbers[] = {
	"setup_usec", "wall_usec", "cpu_user_usec", "cpu_system_usec", "throttled_usec", "memory_peak",
	"swap_peak",  "pids_peak", "io_read_bytes", "io_write_bytes",  "oom_kills",      "pids_denied",
};

static void
check_number(const json_t *object, const char *name, bool valid, uint64_t value)
{
	const json_t *member = json_object_get(object, name);

	if (!member ||
	    (valid ? !json_is_integer(member) || (uint64_t)json_integer_value(member) != value : !json_is_null(member)))
		g_error("%s is not %s %" G_GUINT64_FORMAT, name, valid ? "valid and" : "null, not valid:", value);
}

/* Every member of the contract, each number with its bit. */
static void
check_report(const sbx_report *report, const char *outcome)
{
	static const char *const text[] = { "outcome",  "exit_code", "signal",    "syscall",
		                                "pressure", "limits",    "placement", "error" };
	char *json = sbx_report_json(report);
	json_t *object = json_loads(json, JSON_REJECT_DUPLICATES, NULL);
	const uint64_t *value = &report->setup_usec;
	json_t *pressure;

	g_assert_nonnull(object);
	for (size_t i = 0; i < G_N_ELEMENTS(text); i++)
		if (!json_object_get(object, text[i]))
			g_error("%s is missing in %s", text[i], json);
	g_assert_cmpstr(json_string_value(json_object_get(object, "outcome")), ==, outcome);
	for (size_t i = 0; i < G_N_ELEMENTS(numbers); i++)
		check_number(object, numbers[i], report->valid & 1ull << i, value[i]);
	pressure = json_object_get(object, "pressure");
	check_number(pressure, "cpu", report->valid & SBX_VALID_PRESSURE_CPU_USEC, report->pressure_cpu_usec);
	check_number(pressure, "memory", report->valid & SBX_VALID_PRESSURE_MEMORY_USEC, report->pressure_memory_usec);
	check_number(pressure, "io", report->valid & SBX_VALID_PRESSURE_IO_USEC, report->pressure_io_usec);
	g_assert_true(json_is_array(json_object_get(object, "limits")));
	json_decref(object);
	free(json);
}

/* Where the cgroup is: the last place that was looked at, when there is a cgroup; the others say why not there. */
static void
test_placement(void)
{
	g_autoptr(life_spec_t) spec = life_spec("default", NULL);
	g_autoptr(life_box_t) box = life_run(spec, "true");
	bool grouped = sbx_box_cgroup_fd(box) >= 0;
	sbx_report report;
	json_t *object;
	const json_t *places;
	char *json;

	life_wait(box, &report);
	json = sbx_report_json(&report);
	g_test_message("%s", json);
	object = json_loads(json, 0, NULL);
	places = json_object_get(object, "placement");
	g_assert_true(json_is_array(places));
	g_assert_cmpuint(json_array_size(places), >=, grouped);
	for (size_t i = 0; i < json_array_size(places); i++) {
		const json_t *place = json_array_get(places, i);
		bool taken = json_is_true(json_object_get(place, "taken"));

		g_assert_cmpint(taken, ==, grouped && i == json_array_size(places) - 1);
		g_assert_true(json_is_string(json_object_get(place, "branch")));
		g_assert_cmpint(json_is_string(json_object_get(place, "reason")), ==, !taken);
		if (taken)
			g_assert_true(g_path_is_absolute(json_string_value(json_object_get(place, "path"))));
	}
	json_decref(object);
	free(json);
}

static void
test_report(void)
{
	g_autoptr(life_spec_t) spec = life_spec("default", "?memory.max", "1G", NULL);
	sbx_report report;

	life_run_report(spec, "exit 1", &report);
	check_report(&report, "exited");
	life_run_report(spec, "kill -ABRT $$", &report);
	check_report(&report, "signaled");
	report.valid = 0;
	check_report(&report, "signaled");
	report.valid = ~0ull;
	check_report(&report, "signaled");
}

static void
test_report_failed(void)
{
	static const char *const argv[] = { "/no/such/program", NULL };
	const sbx_command command = { .size = sizeof command, .argv = argv };
	g_autoptr(life_spec_t) spec = life_spec("default", NULL);
	sbx_report report = { .size = sizeof report };
	sbx_error *error = NULL;
	json_t *object, *said;
	char *json;

	g_assert_cmpint(sbx_run(spec, &command, &report, &error), ==, -ENOENT);
	check_report(&report, "setup-failed");
	json = sbx_report_json(&report);
	object = json_loads(json, 0, NULL);
	said = json_object_get(object, "error");
	g_assert_cmpstr(json_string_value(json_object_get(said, "stage")), ==, "exec");
	/* where its group was looked for, and perhaps found, is told of a box that did not come to run as well */
	g_assert_cmpuint(json_array_size(json_object_get(object, "placement")), >, 0);
	g_assert_cmpstr(json_string_value(json_object_get(said, "message")), ==, sbx_error_message(error));
	g_assert_cmpint(json_integer_value(json_object_get(said, "errno")), ==, ENOENT);
	g_assert_nonnull(json_object_get(said, "key"));
	g_assert_nonnull(json_object_get(said, "hint"));
	json_decref(object);
	free(json);
	sbx_error_free(error);
}

int
main(int argc, char **argv)
{
	g_test_init(&argc, &argv, NULL);
	life_begin(60);
	for (size_t i = 0; i < G_N_ELEMENTS(endings); i++) {
		g_autofree char *path = g_strdup_printf("/outcomes/%s", endings[i].name);

		g_test_add_data_func(path, &endings[i], test_ending);
	}
	g_test_add_data_func("/outcomes/family-killed", NULL, test_kill_family);
	g_test_add_data_func("/outcomes/family-left-behind", "exit", test_kill_family);
	g_test_add_func("/outcomes/pipe/both-ways", test_pipes);
	g_test_add_func("/outcomes/pipe/end", test_pipe_end);
	g_test_add_func("/outcomes/capture/both", test_capture);
	g_test_add_func("/outcomes/capture/flood", test_flood);
	g_test_add_func("/outcomes/dispatch/loop", test_dispatch);
	g_test_add_func("/outcomes/dispatch/idle", test_dispatch_idle);
	g_test_add_func("/outcomes/report/members", test_report);
	g_test_add_func("/outcomes/report/placement", test_placement);
	g_test_add_func("/outcomes/report/failed", test_report_failed);
	return g_test_run();
}
