/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* SPDX-FileCopyrightText: The libsbx developers */

/* Limits that hold: memory, cpu, processes and io, where the cgroup has these controllers (the test VM has). */
#include <errno.h>
#include <fcntl.h>
#include <jansson.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "life.h"

#define MIB (UINT64_C(1) << 20)
#define DEMO "head -c 5000m /dev/zero | tail"

/* Can this key be enforced here? If not, that is said. */
static bool
has(const char *key, const char *value)
{
	g_autoptr(life_spec_t) spec = life_spec("default", key, value, NULL);
	sbx_error *error = NULL;
	sbx_box *box = NULL;
	int result = sbx_box_create(spec, &box, &error);

	sbx_box_free(box);
	if (result < 0)
		life_lacks("%s: %s", key, sbx_error_message(error));
	sbx_error_free(error);
	return result == 0;
}

static json_t *
report_json(const sbx_report *report)
{
	g_autofree char *text = NULL;
	char *json = sbx_report_json(report);
	json_error_t error;
	json_t *object;

	g_assert_nonnull(json);
	object = json_loads(json, 0, &error);
	if (!object)
		g_error("%s in %s", error.text, json);
	free(json);
	return object;
}

/* What the report says is in force for a key, or NULL. g_free() it. */
static char *
applied(const sbx_report *report, const char *key, const char *asked)
{
	json_t *object = report_json(report);
	json_t *limits = json_object_get(object, "limits");
	char *found = NULL;
	bool seen = false;

	for (size_t i = 0; i < json_array_size(limits); i++) {
		json_t *limit = json_array_get(limits, i);

		if (g_strcmp0(json_string_value(json_object_get(limit, "key")), key) != 0)
			continue;
		seen = true;
		if (asked)
			g_assert_cmpstr(json_string_value(json_object_get(limit, "asked")), ==, asked);
		found = g_strdup(json_string_value(json_object_get(limit, "applied")));
	}
	if (!seen)
		g_error("%s is not in the report's limits", key);
	json_decref(object);
	return found;
}

static void
is_applied(const sbx_report *report, const char *key, const char *asked, const char *expected)
{
	g_autofree char *held = applied(report, key, asked);

	g_assert_cmpstr(held, ==, expected);
}

static void
outcome_is(const sbx_report *report, int expected)
{
	char *json = sbx_report_json(report);

	if (report->outcome != expected)
		g_error("outcome %d, expected %d: %s", report->outcome, expected, json);
	free(json);
}

/* --- memory: the demo ---------------------------------------------------------------------------------------------- */

static void
is_oom(const sbx_report *report, uint64_t max)
{
	outcome_is(report, SBX_OUTCOME_OOM);
	g_assert_cmpuint(report->valid & SBX_VALID_OOM_KILLS, !=, 0);
	g_assert_cmpuint(report->oom_kills, >=, 1);
	if (report->valid & SBX_VALID_MEMORY_PEAK) {
		g_assert_cmpuint(report->memory_peak, <=, max);
		g_assert_cmpuint(report->memory_peak, >, max / 2);
	}
	g_assert_cmpuint(report->wall_usec, <, LIFE_SECONDS * G_USEC_PER_SEC);
}

/* Given the demo, when it reaches its cap, then all of it dies, the report says oom, and the cgroup is gone. */
static void
test_demo(void)
{
	g_autoptr(life_spec_t) spec = NULL;
	g_autoptr(life_box_t) box = NULL;
	g_auto(leak_t) leak = { NULL };
	g_autofree char *path = NULL;
	g_autofree char *link = NULL;
	sbx_report report;

	if (!has("memory.max", "100M"))
		return;
	leak_begin(&leak);
	spec = life_spec("default", "memory.max", "100M", NULL);
	box = life_run(spec, DEMO);
	link = g_strdup_printf("/proc/self/fd/%d", sbx_box_cgroup_fd(box));
	path = g_file_read_link(link, NULL);
	g_assert_nonnull(path);
	g_assert_cmpint(access(path, F_OK), ==, 0);
	life_wait(box, &report);
	is_oom(&report, 100 * MIB);
	g_assert_cmpint(report.signal, ==, SIGKILL);
	is_applied(&report, "memory.max", "100M", "104857600");
	is_applied(&report, "memory.swap.max", "0", "0");
	is_applied(&report, "memory.oom.group", "1", "1");
	g_test_message("peak %" G_GUINT64_FORMAT ", %" G_GUINT64_FORMAT " killed, %" G_GUINT64_FORMAT " us",
	               report.memory_peak, report.oom_kills, report.wall_usec);
	g_clear_pointer(&box, sbx_box_free);
	g_assert_cmpint(access(path, F_OK), ==, -1);
	leak_check(&leak);
}

/* The positive control of all of them: less than the cap is no matter. */
static void
test_demo_control(void)
{
	g_autoptr(life_spec_t) spec = NULL;
	sbx_report report;

	if (!has("memory.max", "100M"))
		return;
	spec = life_spec("default", "memory.max", "100M", NULL);
	life_run_report(spec, "head -c 20m /dev/zero | tail | wc -c", &report);
	outcome_is(&report, SBX_OUTCOME_EXITED);
	g_assert_cmpint(report.exit_code, ==, 0);
	g_assert_cmpuint(report.valid & SBX_VALID_OOM_KILLS, !=, 0);
	g_assert_cmpuint(report.oom_kills, ==, 0);
	g_assert_cmpuint(report.memory_peak, <=, 100 * MIB);
}

/* Only tail dies; the shell sees it and exits by itself, with 137 or whatever else it likes: it is an oom all the same. */
static void
test_demo_one(gconstpointer data)
{
	const char *script = data;
	g_autoptr(life_spec_t) spec = NULL;
	g_autoptr(life_box_t) box = NULL;
	g_autofree char *output = NULL;
	sbx_report report;

	if (!has("memory.max", "100M"))
		return;
	spec = life_spec("default", "memory.max", "100M", "memory.oom.group", "0", NULL);
	box = life_run(spec, script);
	life_wait(box, &report);
	output = life_output(box, 1);
	is_oom(&report, 100 * MIB);
	g_assert_cmpstr(output, ==, "status 137\n");
	g_assert_cmpint(report.signal, ==, 0);
	is_applied(&report, "memory.oom.group", "0", "0");
}

static bool
swap_is_on(void)
{
	g_autofree char *swaps = NULL;

	if (g_file_get_contents("/proc/swaps", &swaps, NULL, NULL) && strchr(swaps, '\n') && strchr(swaps, '\n')[1])
		return true;
	life_lacks("no swap is on: tests/vm/run --swap 192");
	return false;
}

/* With swap on, memory.max alone would be no limit: that is why it implies memory.swap.max=0. */
static void
test_demo_swap(void)
{
	g_autoptr(life_spec_t) closed = NULL;
	g_autoptr(life_spec_t) open = NULL;
	sbx_report report;

	if (!has("memory.max", "100M") || !swap_is_on())
		return;
	closed = life_spec("default", "memory.max", "40M", NULL);
	life_run_report(closed, DEMO, &report);
	is_oom(&report, 40 * MIB);
	g_assert_true(!(report.valid & SBX_VALID_SWAP_PEAK) || report.swap_peak == 0);
	/* the control: 60 MiB do not fit into 40, but with swap they do */
	open = life_spec("default", "memory.max", "40M", "memory.swap.max", "max", NULL);
	life_run_report(open, "head -c 60m /dev/zero | tail | wc -c", &report);
	outcome_is(&report, SBX_OUTCOME_EXITED);
	if (report.valid & SBX_VALID_SWAP_PEAK)
		g_assert_cmpuint(report.swap_peak, >, 0);
	is_applied(&report, "memory.swap.max", "max", "max");
}

static void
write_file(const char *dir, const char *name, const char *text)
{
	g_autofree char *path = g_build_filename(dir, name, NULL);
	int fd = open(path, O_WRONLY | O_CLOEXEC);

	if (fd < 0 || write(fd, text, strlen(text)) != (ssize_t)strlen(text))
		g_error("write \"%s\" to %s: %s", text, path, g_strerror(errno));
	close(fd);
}

/* The limit stands on the group above the box's. */
static void
test_oom_ancestor(void)
{
	const char *place = g_getenv("SBX_VM_CGROUP");
	g_autofree char *above = place ? g_build_filename(place, "above", NULL) : NULL;
	g_autoptr(life_spec_t) spec = NULL;
	sbx_report report;

	if (!above) {
		life_lacks("needs a group to put a limit on: tests/vm/run");
		return;
	}
	g_assert_cmpint(mkdir(above, 0755), ==, 0);
	write_file(above, "memory.max", "41943040");
	write_file(above, "memory.swap.max", "0");
	spec = life_spec("default", "cgroup.parent", above, "memory.oom.group", "1", NULL);
	life_run_report(spec, DEMO, &report);
	outcome_is(&report, SBX_OUTCOME_OOM_ANCESTOR);
	g_assert_cmpint(rmdir(above), ==, 0);
}

/* Given less than the box itself needs, then it is memory.max that the error names, wherever it strikes. */
static void
test_memory_small(void)
{
	static const char *const sizes[] = { "0", "4K", "64K", "256K", "512K" };

	if (!has("memory.max", "100M"))
		return;
	for (size_t i = 0; i < G_N_ELEMENTS(sizes); i++) {
		g_autoptr(life_spec_t) spec = life_spec("default", "memory.max", sizes[i], NULL);
		sbx_error *error = NULL;
		sbx_box *box = NULL;
		int result = sbx_box_create(spec, &box, &error);

		if (result == 0)
			result = life_sh(box, "exit 0", SBX_STDIO_NULL, SBX_STDIO_NULL, SBX_STDIO_NULL, &error);
		g_test_message("%s: %d %s | %s", sizes[i], result, sbx_error_message(error), sbx_error_hint(error));
		/* half a MiB may just do on some kernel */
		g_assert_true(result < 0 || i >= 3);
		if (result < 0)
			g_assert_cmpstr(sbx_error_key(error), ==, "memory.max");
		sbx_error_free(error);
		sbx_box_free(box);
	}
}

/* --- cpu ----------------------------------------------------------------------------------------------------------- */

static void
test_cpu(void)
{
	g_autoptr(life_spec_t) spec = NULL;
	g_autoptr(life_spec_t) freely = NULL;
	sbx_report report;
	double ratio, free_ratio;

	if (!has("cpu.max", "0.2"))
		return;
	freely = life_spec("default", "time.wall", "3", NULL);
	life_run_report(freely, "while :; do :; done", &report);
	free_ratio = (double)(report.cpu_user_usec + report.cpu_system_usec) / (double)report.wall_usec;
	g_assert_true(!(report.valid & SBX_VALID_THROTTLED_USEC) || report.throttled_usec == 0);
	spec = life_spec("default", "time.wall", "3", "cpu.max", "0.2", NULL);
	life_run_report(spec, "while :; do :; done", &report);
	outcome_is(&report, SBX_OUTCOME_TIME_WALL);
	ratio = (double)(report.cpu_user_usec + report.cpu_system_usec) / (double)report.wall_usec;
	g_test_message("%.3f of a cpu, %.3f without the limit; throttled %" G_GUINT64_FORMAT " us", ratio, free_ratio,
	               report.throttled_usec);
	g_assert_cmpuint(report.valid & SBX_VALID_THROTTLED_USEC, !=, 0);
	g_assert_cmpuint(report.throttled_usec, >, 0);
	g_assert_cmpfloat(ratio, <, 0.35);
	g_assert_cmpfloat(free_ratio, >, 0.4);
	is_applied(&report, "cpu.max", "0.2", "20000 100000");
}

/* --- pids ---------------------------------------------------------------------------------------------------------- */

/* A fork bomb is held, the host goes on, and nothing of it is left. */
static void
test_fork_bomb(void)
{
	g_autofree char *mark = life_mark();
	g_autofree char *script = g_strdup_printf("b() { sleep %s & b & b & wait; }; b", mark);
	g_autoptr(life_spec_t) spec = NULL;
	g_autoptr(life_box_t) box = NULL;
	sbx_report report;
	gint64 worst = 0;
	gint64 begin = g_get_monotonic_time();

	if (!has("pids.max", "30"))
		return;
	spec = life_spec("default", "pids.max", "30", "time.wall", "3", NULL);
	box = life_run(spec, script);
	for (int i = 0; i < 100; i++) {
		gint64 now = g_get_monotonic_time();

		g_usleep(1000);
		worst = MAX(worst, g_get_monotonic_time() - now);
	}
	life_wait(box, &report);
	g_test_message("the host slept 1 ms in at most %" G_GINT64_FORMAT " us; %" G_GUINT64_FORMAT " forks refused", worst,
	               report.pids_denied);
	g_assert_cmpint(worst, <, 5 * G_USEC_PER_SEC);
	g_assert_cmpint(g_get_monotonic_time() - begin, <, LIFE_SECONDS * G_USEC_PER_SEC);
	g_assert_cmpuint(report.valid & SBX_VALID_PIDS_DENIED, !=, 0);
	g_assert_cmpuint(report.pids_denied, >, 0);
	if (report.valid & SBX_VALID_PIDS_PEAK)
		g_assert_cmpuint(report.pids_peak, <=, 30);
	g_clear_pointer(&box, sbx_box_free);
	g_assert_cmpuint(life_processes_gone(mark, 2000), ==, 0);
	is_applied(&report, "pids.max", "30", "30");
}

/* pids.max=1: one process runs, and makes no second. */
static void
test_pids_one(void)
{
	g_autoptr(life_spec_t) one = NULL;
	g_autoptr(life_spec_t) two = NULL;
	g_autoptr(life_box_t) box = NULL;
	g_autofree char *output = NULL;
	sbx_report report;

	if (!has("pids.max", "30"))
		return;
	two = life_spec("default", "pids.max", "2", NULL);
	life_run_report(two, "/bin/true; exit 3", &report); /* the positive control */
	outcome_is(&report, SBX_OUTCOME_EXITED);
	g_assert_cmpint(report.exit_code, ==, 3);
	g_assert_cmpuint(report.pids_denied, ==, 0);
	one = life_spec("default", "pids.max", "1", NULL);
	box = life_run(one, "echo alive; /bin/true; exit 3");
	life_wait(box, &report);
	output = life_output(box, 1);
	g_assert_cmpstr(output, ==, "alive\n");
	g_assert_cmpuint(report.pids_denied, >, 0);
	outcome_is(&report, SBX_OUTCOME_EXITED);
	g_assert_cmpint(report.exit_code, !=, 3);
}

/* --- io ------------------------------------------------------------------------------------------------------------ */

static void
test_io(void)
{
	const char *disk = g_getenv("SBX_VM_DISK");
	const char *script = "dd if=/dev/zero of=/mnt/disk/limits/file bs=256k count=8 oflag=direct conv=notrunc 2>&1";
	g_autofree char *limit = NULL;
	g_autoptr(life_spec_t) spec = NULL;
	g_autoptr(life_spec_t) freely = NULL;
	sbx_report report;
	uint64_t free_usec;

	if (!disk) {
		life_lacks("SBX_VM_DISK is not set: tests/vm/run --disk 96");
		return;
	}
	limit = g_strdup_printf("%s wbps=1M", disk);
	if (!has("io.max", limit))
		return;
	(void)mkdir("/mnt/disk/limits", 0777);
	if (chmod("/mnt/disk/limits", 0777) < 0) {
		life_not_allowed("the disk cannot be written to by this user");
		return;
	}
	freely = life_spec("default", "bind", "/mnt/disk/limits", NULL);
	life_run_report(freely, script, &report);
	outcome_is(&report, SBX_OUTCOME_EXITED);
	g_assert_cmpint(report.exit_code, ==, 0);
	free_usec = report.wall_usec;
	spec = life_spec("default", "bind", "/mnt/disk/limits", "io.max", limit, NULL);
	life_run_report(spec, script, &report);
	g_assert_cmpint(report.exit_code, ==, 0);
	g_test_message("2 MiB: %" G_GUINT64_FORMAT " us free, %" G_GUINT64_FORMAT " us at 1 MiB/s, %" G_GUINT64_FORMAT
	               " bytes",
	               free_usec, report.wall_usec, report.io_write_bytes);
	g_assert_cmpuint(report.wall_usec, >, 1500000);
	g_assert_cmpuint(report.wall_usec, >, free_usec);
	g_assert_cmpuint(report.valid & SBX_VALID_IO_WRITE_BYTES, !=, 0);
	g_assert_cmpuint(report.io_write_bytes, >=, 2 * MIB);
	g_assert_cmpuint(report.io_write_bytes, <, 4 * MIB);
	(void)unlink("/mnt/disk/limits/file");
}

/* --- best effort --------------------------------------------------------------------------------------------------- */

struct effort {
	const char *key, *value;
};

/* "?key" runs whatever comes of it and says so; the key alone, where it cannot be had, ends it before the payload. */
static void
test_best_effort(gconstpointer data)
{
	const struct effort *effort = data;
	g_autofree char *soft_key = g_strconcat("?", effort->key, NULL);
	g_autoptr(life_spec_t) soft = life_spec("default", soft_key, effort->value, NULL);
	g_autoptr(life_spec_t) hard = life_spec("default", effort->key, effort->value, NULL);
	const char *argv[] = { "/bin/sh", "-c", "echo ran", NULL };
	sbx_command command = { .size = sizeof command, .argv = argv, .stdio = { SBX_STDIO_NULL, 0, SBX_STDIO_NULL } };
	g_autofree char *held = NULL;
	sbx_report report = { .size = sizeof report };
	sbx_error *error = NULL;
	char bytes[16] = "";
	int ends[2];
	int result;

	life_run_report(soft, "exit 4", &report);
	outcome_is(&report, SBX_OUTCOME_EXITED);
	g_assert_cmpint(report.exit_code, ==, 4);
	held = applied(&report, effort->key, effort->value);
	g_assert_cmpint(pipe2(ends, O_CLOEXEC | O_NONBLOCK), ==, 0);
	command.stdio[1] = ends[1];
	result = sbx_run(hard, &command, &report, &error);
	close(ends[1]);
	(void)!read(ends[0], bytes, sizeof bytes - 1);
	close(ends[0]);
	g_test_message("applied %s; without ?: %d %s", held ? held : "null", result, sbx_error_message(error));
	g_assert_cmpint(result == 0, ==, held != NULL);
	g_assert_cmpstr(bytes, ==, held ? "ran\n" : "");
	if (!held) {
		outcome_is(&report, SBX_OUTCOME_SETUP_FAILED);
		g_assert_cmpstr(sbx_error_key(error), ==, effort->key);
		g_assert_cmpstr(sbx_error_hint(error), !=, "");
	}
	sbx_error_free(error);
}

static const struct effort efforts[] = {
	{ "memory.max", "64M" }, { "memory.high", "64M" },   { "pids.max", "32" },
	{ "cpu.max", "0.5" },    { "cpu.weight", "50" },     { "cpuset.cpus", "0" },
	{ "io.weight", "50" },   { "hugetlb.2MB.max", "0" }, { "memory.nosuch", "1" },
};

int
main(int argc, char **argv)
{
	g_test_init(&argc, &argv, NULL);
	life_begin(60);
	g_test_add_func("/limits/memory/demo", test_demo);
	g_test_add_func("/limits/memory/control", test_demo_control);
	g_test_add_data_func("/limits/memory/only-tail", "head -c 5000m /dev/zero | tail; echo status $?; exit 137",
	                     test_demo_one);
	g_test_add_data_func("/limits/memory/hidden", "head -c 5000m /dev/zero | tail; echo status $?; exit 0",
	                     test_demo_one);
	g_test_add_func("/limits/memory/swap", test_demo_swap);
	g_test_add_func("/limits/memory/ancestor", test_oom_ancestor);
	g_test_add_func("/limits/memory/too-small", test_memory_small);
	g_test_add_func("/limits/cpu/max", test_cpu);
	g_test_add_func("/limits/pids/fork-bomb", test_fork_bomb);
	g_test_add_func("/limits/pids/one", test_pids_one);
	g_test_add_func("/limits/io/max", test_io);
	for (size_t i = 0; i < G_N_ELEMENTS(efforts); i++) {
		g_autofree char *path = g_strdup_printf("/limits/best-effort/%s", efforts[i].key);

		g_test_add_data_func(path, &efforts[i], test_best_effort);
	}
	return g_test_run();
}
