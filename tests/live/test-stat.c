/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* SPDX-FileCopyrightText: The libsbx developers */

/* Live numbers: each against the kernel's own file, while nothing moves; in every state; and those of groups below. */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "box.h"
#include "cgroup-stat.h"
#include "fd.h"
#include "life.h"
#include "live.h"

#define BURN "i=0; while [ $i -lt 30000 ]; do i=$((i+1)); done; "

static sbx_report
stat_now(sbx_box *box)
{
	sbx_report report = { .size = sizeof report };
	sbx_error *error = NULL;

	memset(report.text, 'x', sizeof report.text);
	EXPECT(0, sbx_box_stat(box, &report, &error), &error);
	g_assert_cmpint(report.text[0], ==, '\0');
	return report;
}

static void
pause_box(sbx_box *box)
{
	sbx_error *error = NULL;

	EXPECT(0, sbx_box_pause(box, &error), &error);
}

/* A box whose payload has burnt some time and now sleeps; NULL and a skip without a cgroup. */
static sbx_box *
busy(void)
{
	g_autoptr(life_spec_t) spec = life_spec("default", "?memory.max", "200M", "?pids.max", "40", "?cpu.max",
	                                        "50000 100000", "?io.weight", "50", NULL);
	sbx_box *box = life_create(spec);
	sbx_error *error = NULL;

	if (sbx_box_cgroup_fd(box) < 0) {
		sbx_box_free(box);
		life_lacks("a cgroup for a box");
		return NULL;
	}
	EXPECT(0,
	       life_sh(box, BURN "cat /bin/sh | tail -c 1 >/dev/null; echo done; sleep 600", SBX_STDIO_NULL,
	               SBX_STDIO_CAPTURE, SBX_STDIO_CAPTURE, &error),
	       &error);
	life_await_output(box, "done\n");
	return box;
}

static void
test_states(void)
{
	g_autoptr(life_spec_t) spec = life_spec("default", NULL);
	g_autoptr(life_box_t) box = life_create(spec);
	sbx_report now = stat_now(box);
	sbx_report before;
	sbx_report end;
	g_autofree char *json = NULL;
	sbx_error *error = NULL;

	g_assert_cmpint(now.outcome, ==, SBX_OUTCOME_NONE);
	g_assert_true(now.valid & SBX_VALID_SETUP_USEC);
	g_assert_false(now.valid & SBX_VALID_WALL_USEC);
	EXPECT(0, life_sh(box, "sleep 0.2; exit 9", SBX_STDIO_NULL, SBX_STDIO_CAPTURE, SBX_STDIO_CAPTURE, &error), &error);
	before = stat_now(box);
	g_usleep(20000);
	now = stat_now(box);
	g_assert_cmpint(now.outcome, ==, SBX_OUTCOME_NONE);
	g_assert_cmpint(now.exit_code, ==, -1);
	g_assert_cmpuint(now.wall_usec, >=, before.wall_usec + 20000);
	json = sbx_report_json(&now);
	live_contains(json, "wall_usec");
	/* it has ended, and nobody has looked: stat does not look either */
	g_usleep(500000);
	g_assert_cmpint(stat_now(box).outcome, ==, SBX_OUTCOME_NONE);
	life_wait(box, &end);
	g_assert_cmpint(end.outcome, ==, SBX_OUTCOME_EXITED);
	now = stat_now(box);
	g_assert_cmpint(now.outcome, ==, SBX_OUTCOME_EXITED);
	g_assert_cmpint(now.exit_code, ==, 9);
	g_assert_cmpuint(now.valid, ==, end.valid);
	g_assert_cmpuint(now.wall_usec, ==, end.wall_usec);
	g_assert_cmpuint(now.cpu_user_usec, ==, end.cpu_user_usec);
	g_assert_cmpint(end.text[0], !=, '\0');
}

static void
test_arguments(void)
{
	g_autoptr(life_spec_t) spec = life_spec("default", NULL);
	g_autoptr(life_box_t) box = life_create(spec);
	sbx_report report = { .size = 0 };

	g_assert_cmpint(sbx_box_stat(box, &report, NULL), ==, -EINVAL);
	g_assert_cmpint(sbx_box_stat(box, NULL, NULL), ==, -EINVAL);
	report.size = sizeof report;
	g_assert_cmpint(sbx_box_stat(NULL, &report, NULL), ==, -EINVAL);
	/* a caller with an older, shorter struct */
	report.size = offsetof(sbx_report, cpu_user_usec);
	report.cpu_user_usec = 4711;
	g_assert_cmpint(sbx_box_stat(box, &report, NULL), ==, 0);
	g_assert_cmpuint(report.cpu_user_usec, ==, 4711);
	g_assert_cmpuint(report.setup_usec, >, 0);
}

/* The kernel's number; false where it has none. */
static bool
file_number(sbx_box *box, const char *file, const char *field, uint64_t *ret)
{
	g_autofree char *text = fd_read_file_at(sbx_box_cgroup_fd(box), file);
	char *at;

	if (!text)
		return false;
	at = field ? g_strrstr(text, field) : text;
	/* "some" comes first; "full" has a total of its own */
	if (field && g_str_equal(field, "total="))
		at = strstr(text, field);
	if (!at)
		return false;
	*ret = g_ascii_strtoull(at + (field ? strlen(field) : 0), NULL, 10);
	return true;
}

static void
test_files(void)
{
	static const struct {
		uint64_t bit;
		size_t offset;
		const char *file, *field;
		uint64_t less; /* init does not count */
	} rows[] = {
		{ SBX_VALID_CPU_USER_USEC, offsetof(sbx_report, cpu_user_usec), "cpu.stat", "user_usec ", 0 },
		{ SBX_VALID_CPU_SYSTEM_USEC, offsetof(sbx_report, cpu_system_usec), "cpu.stat", "system_usec ", 0 },
		{ SBX_VALID_THROTTLED_USEC, offsetof(sbx_report, throttled_usec), "cpu.stat", "throttled_usec ", 0 },
		{ SBX_VALID_MEMORY_PEAK, offsetof(sbx_report, memory_peak), "memory.peak", NULL, 0 },
		{ SBX_VALID_SWAP_PEAK, offsetof(sbx_report, swap_peak), "memory.swap.peak", NULL, 0 },
		{ SBX_VALID_PIDS_PEAK, offsetof(sbx_report, pids_peak), "pids.peak", NULL, 1 },
		{ SBX_VALID_OOM_KILLS, offsetof(sbx_report, oom_kills), "memory.events", "oom_kill ", 0 },
		{ SBX_VALID_PIDS_DENIED, offsetof(sbx_report, pids_denied), "pids.events", "max ", 0 },
		{ SBX_VALID_PRESSURE_CPU_USEC, offsetof(sbx_report, pressure_cpu_usec), "cpu.pressure", "total=", 0 },
		{ SBX_VALID_PRESSURE_MEMORY_USEC, offsetof(sbx_report, pressure_memory_usec), "memory.pressure", "total=", 0 },
		{ SBX_VALID_PRESSURE_IO_USEC, offsetof(sbx_report, pressure_io_usec), "io.pressure", "total=", 0 },
	};
	g_autoptr(life_box_t) box = busy();
	g_autofree char *controllers = NULL;
	sbx_report now;

	if (!box)
		return;
	/* what stands still can be read twice */
	pause_box(box);
	g_usleep(100000);
	now = stat_now(box);
	for (gsize i = 0; i < G_N_ELEMENTS(rows); i++) {
		uint64_t value = 0;
		bool there = file_number(box, rows[i].file, rows[i].field, &value);
		uint64_t ours = *(const uint64_t *)((const char *)&now + rows[i].offset);

		/* without the controller cpu.stat is there, and has no throttling of its own */
		g_test_message("%s %s: %s %" G_GUINT64_FORMAT ", ours %" G_GUINT64_FORMAT, rows[i].file,
		               rows[i].field ? rows[i].field : "", there ? "is" : "missing", value, ours);
		g_assert_cmpint(!!(now.valid & rows[i].bit), ==, there);
		if (there)
			g_assert_cmpuint(ours + rows[i].less, ==, value);
	}
	controllers = fd_read_file_at(sbx_box_cgroup_fd(box), "cgroup.controllers");
	g_test_message("controllers: %s", controllers);
	g_assert_cmpuint(now.cpu_user_usec + now.cpu_system_usec, >, 0);
	g_assert_cmpint(!!(now.valid & SBX_VALID_IO_READ_BYTES), ==,
	                faccessat(sbx_box_cgroup_fd(box), "io.stat", F_OK, 0) == 0);
	if (now.valid & SBX_VALID_THROTTLED_USEC)
		g_assert_cmpuint(now.throttled_usec, >, 0);
	if (now.valid & SBX_VALID_MEMORY_PEAK)
		g_assert_cmpuint(now.memory_peak, >, 65536);
}

/* In a group of the box's own limits, two below it: forks until one is refused. */
static void
hit_limit(int fd)
{
	pid_t pid = fork();
	int status;

	g_assert_cmpint(pid, >=, 0);
	if (pid == 0) {
		bool refused = false;

		if (!fd_write_file_at(fd, "cgroup.procs", "0"))
			_exit(2);
		for (int i = 0; i < 50 && !refused; i++) {
			pid = fork();
			if (pid == 0) {
				pause();
				_exit(0);
			}
			refused = pid < 0 && errno == EAGAIN;
		}
		_exit(refused ? 0 : 3);
	}
	g_assert_cmpint(waitpid(pid, &status, 0), ==, pid);
	g_assert_cmpint(status, ==, 0);
}

static void
test_below(void)
{
	g_autoptr(life_spec_t) spec = life_spec("default", "?pids.max", "40", NULL);
	g_autoptr(life_box_t) box = life_create(spec);
	g_autoptr(cgroup_t) group = NULL;
	g_autoptr(GError) error = NULL;
	g_autofree char *parent = NULL;
	sbx_report report = { .size = sizeof report };
	autofd dir = -1;
	autofd below = -1;

	if (!box->cgroup || faccessat(box->cgroup->fd, "pids.max", F_OK, 0) < 0) {
		life_lacks("the pids controller");
		return;
	}
	parent = g_path_get_dirname(box->cgroup->path);
	dir = open(parent, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	g_assert_true(cgroup_new(dir, parent, &group, &error));
	g_assert_no_error(error);
	g_assert_true(fd_write_file_at(group->fd, "pids.max", "10"));
	g_assert_true(fd_write_file_at(group->fd, "cgroup.subtree_control", "+pids"));
	g_assert_cmpint(mkdirat(group->fd, "a", 0755), ==, 0);
	g_assert_cmpint(mkdirat(group->fd, "a/b", 0755), ==, 0);
	g_assert_true(fd_write_file_at(group->fd, "a/cgroup.subtree_control", "+pids"));
	cgroup_stat(group, &report);
	g_assert_true(report.valid & SBX_VALID_PIDS_DENIED);
	g_assert_cmpuint(report.pids_denied, ==, 0);
	below = openat(group->fd, "a/b", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	hit_limit(below);
	cgroup_stat(group, &report);
	g_assert_cmpuint(report.pids_denied, ==, 1);
	g_assert_cmpuint(report.pids_peak, ==, 9);
	g_assert_true(cgroup_kill(group, &error));
	g_assert_true(cgroup_remove(group, 5000, &error));
	g_assert_no_error(error);
}

int
main(int argc, char **argv)
{
	g_test_init(&argc, &argv, NULL);
	life_begin(60);
	g_test_add_func("/stat/states", test_states);
	g_test_add_func("/stat/arguments", test_arguments);
	g_test_add_func("/stat/files", test_files);
	g_test_add_func("/stat/below", test_below);
	return g_test_run();
}
