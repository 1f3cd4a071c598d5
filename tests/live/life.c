/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* SPDX-FileCopyrightText: The libsbx developers */

/* What the tests of a box's life share. */
#include "life.h"

#include <errno.h>
#include <ftw.h>
#include <sched.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <unistd.h>

/* --- where we are --- */

static bool
in_vm(void)
{
	return g_strcmp0(g_getenv("SBX_VM"), "1") == 0;
}

unsigned
life_count(unsigned n)
{
	return in_vm() ? (n + 9) / 10 : n;
}

void
life_lacks(const char *format, ...)
{
	g_autofree char *what = NULL;
	va_list args;

	va_start(args, format);
	what = g_strdup_vprintf(format, args);
	va_end(args);
	if (g_strcmp0(g_getenv("SBX_MUST_WORK"), "1") == 0)
		g_error("skipped where everything must work: %s", what);
	g_test_skip(what);
}

void
life_not_allowed(const char *format, ...)
{
	g_autofree char *what = NULL;
	va_list args;

	va_start(args, format);
	what = g_strdup_vprintf(format, args);
	va_end(args);
	g_test_skip(what);
}

bool
life_is_real_root(void)
{
	g_autofree char *map = NULL;
	unsigned inside, outside, count;

	return geteuid() == 0 && g_file_get_contents("/proc/self/uid_map", &map, NULL, NULL) &&
	       sscanf(map, "%u %u %u", &inside, &outside, &count) == 3 && outside == 0 && count == 4294967295u;
}

/* Shared, but with nobody: what a box mounts where it should not is seen here, what others mount on this machine is not.
 * Who may not have that may not mount either. */
static bool own_mounts;

void
life_begin(unsigned seconds)
{
	alarm(in_vm() ? 10 * seconds : seconds);
	own_mounts = unshare(CLONE_NEWNS) == 0 && mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) == 0 &&
	             mount(NULL, "/", NULL, MS_REC | MS_SHARED, NULL) == 0;
}

/* --- boxes --- */

void
life_expect(const char *what, int result, int expected, sbx_error **error)
{
	if (result != expected)
		g_error("%s: %d, expected %d; stage \"%s\" key \"%s\": %s (%s)", what, result, expected,
		        sbx_error_stage(*error), sbx_error_key(*error), sbx_error_message(*error), sbx_error_hint(*error));
	if (*error)
		g_assert_cmpint(sbx_error_errno(*error), ==, -result);
	sbx_error_free(*error);
	*error = NULL;
}

sbx_spec *
life_spec(const char *profile, ...)
{
	sbx_error *error = NULL;
	sbx_spec *spec = NULL;
	const char *key;
	va_list args;

	EXPECT(0, sbx_spec_new(&spec, profile, &error), &error);
	va_start(args, profile);
	while ((key = va_arg(args, const char *))) {
		int result = sbx_spec_set(spec, key, va_arg(args, const char *), &error);

		life_expect(key, result, 0, &error);
	}
	va_end(args);
	return spec;
}

sbx_box *
life_create(const sbx_spec *spec)
{
	sbx_error *error = NULL;
	sbx_box *box = NULL;

	EXPECT(0, sbx_box_create(spec, &box, &error), &error);
	return box;
}

int
life_sh(sbx_box *box, const char *script, int in, int out, int err, sbx_error **error)
{
	const char *argv[] = { "/bin/sh", "-c", script, NULL };
	sbx_command command = { .size = sizeof command, .argv = argv, .stdio = { in, out, err } };

	return sbx_box_start(box, &command, error);
}

sbx_box *
life_run(const sbx_spec *spec, const char *script)
{
	sbx_box *box = life_create(spec);
	sbx_error *error = NULL;

	EXPECT(0, life_sh(box, script, SBX_STDIO_NULL, SBX_STDIO_CAPTURE, SBX_STDIO_CAPTURE, &error), &error);
	return box;
}

void
life_wait(sbx_box *box, sbx_report *ret)
{
	sbx_error *error = NULL;

	EXPECT(1, sbx_box_wait(box, LIFE_SECONDS * 1000, &error), &error);
	*ret = (sbx_report){ .size = sizeof *ret };
	EXPECT(0, sbx_box_report(box, ret, &error), &error);
}

char *
life_output(sbx_box *box, int which)
{
	const void *data = NULL;
	size_t len = 0;

	g_assert_cmpint(sbx_box_output(box, which, &data, &len), ==, 0);
	return g_strndup(data, len);
}

void
life_run_report(const sbx_spec *spec, const char *script, sbx_report *ret)
{
	g_autoptr(life_box_t) box = life_run(spec, script);

	life_wait(box, ret);
}

void
life_await_output(sbx_box *box, const char *text)
{
	gint64 deadline = g_get_monotonic_time() + LIFE_SECONDS * G_USEC_PER_SEC;
	sbx_error *error = NULL;

	for (;;) {
		g_autofree char *output = life_output(box, 1);

		if (strstr(output, text))
			return;
		if (g_get_monotonic_time() > deadline || sbx_box_wait(box, 20, &error) != 0)
			g_error("expected \"%s\" of a running payload, got \"%s\"", text, output);
	}
}

/* --- what is left --- */

static char *group_prefix;
static GPtrArray *group_lines;

static int
see_group(const char *path, const struct stat *st, int type, struct FTW *at)
{
	(void)st;
	if (type == FTW_D && g_str_has_prefix(path + at->base, group_prefix))
		g_ptr_array_add(group_lines, g_strdup_printf("cgroup %s", path));
	return 0;
}

static void
list_groups(GPtrArray *lines)
{
	g_autofree char *prefix = g_strdup_printf("sbx.%d.", (int)getpid());
	static const char *const roots[] = { "/sys/fs/cgroup/unified", "/sys/fs/cgroup" };

	group_prefix = prefix;
	group_lines = lines;
	for (size_t i = 0; i < G_N_ELEMENTS(roots); i++) {
		g_autofree char *mark = g_build_filename(roots[i], "cgroup.controllers", NULL);

		if (access(mark, F_OK) < 0)
			continue;
		nftw(roots[i], see_group, 16, FTW_PHYS);
		break;
	}
}

static void
list_fds(GPtrArray *lines)
{
	g_autoptr(GDir) dir = g_dir_open("/proc/self/fd", 0, NULL);
	const char *name;

	while (dir && (name = g_dir_read_name(dir))) {
		g_autofree char *path = g_strconcat("/proc/self/fd/", name, NULL);
		g_autofree char *target = g_file_read_link(path, NULL);

		/* the one that lists */
		if (target && !g_str_has_suffix(target, "/fd"))
			g_ptr_array_add(lines, g_strdup_printf("fd %s %s", name, target));
	}
}

static void
list_children(GPtrArray *lines)
{
	g_autoptr(GDir) dir = g_dir_open("/proc", 0, NULL);
	const char *name;

	while (dir && (name = g_dir_read_name(dir))) {
		g_autofree char *path = g_strdup_printf("/proc/%s/stat", name);
		g_autofree char *stat = NULL;
		const char *end;
		char state;
		int parent;

		if (!g_ascii_isdigit(*name) || !g_file_get_contents(path, &stat, NULL, NULL) || !(end = strrchr(stat, ')')))
			continue;
		if (sscanf(end + 1, " %c %d", &state, &parent) == 2 && parent == getpid())
			g_ptr_array_add(lines, g_strdup_printf("child%s %.*s", state == 'Z' ? ", a zombie" : "",
			                                       (int)(end + 1 - stat), stat));
	}
}

static int
compare(const void *a, const void *b)
{
	return strcmp(*(const char *const *)a, *(const char *const *)b);
}

static char *
leak_list(void)
{
	g_autoptr(GPtrArray) lines = g_ptr_array_new_with_free_func(g_free);
	g_autofree char *mounts = NULL;
	g_autofree char *status = NULL;
	const char *threads;

	list_fds(lines);
	list_children(lines);
	list_groups(lines);
	g_ptr_array_sort(lines, compare);
	g_assert_true(g_file_get_contents("/proc/self/status", &status, NULL, NULL));
	threads = strstr(status, "Threads:");
	g_assert_nonnull(threads);
	g_ptr_array_add(lines, g_strndup(threads, strcspn(threads, "\n")));
	if (own_mounts) {
		g_assert_true(g_file_get_contents("/proc/self/mountinfo", &mounts, NULL, NULL));
		g_ptr_array_add(lines, g_steal_pointer(&mounts));
	}
	g_ptr_array_add(lines, NULL);
	return g_strjoinv("\n", (char **)lines->pdata);
}

void
leak_begin(struct leak *leak)
{
	leak->before = leak_list();
}

void
leak_check(struct leak *leak)
{
	g_autofree char *now = leak_list();

	for (int i = 0; i < 100 && !g_str_equal(now, leak->before); i++) {
		g_usleep(10000);
		g_free(now);
		now = leak_list();
	}
	if (!g_str_equal(now, leak->before))
		g_error("left behind; before:\n%s\nafter:\n%s", leak->before, now);
}

void
leak_clear(struct leak *leak)
{
	g_clear_pointer(&leak->before, g_free);
}

unsigned
life_processes(const char *words)
{
	g_autoptr(GDir) dir = g_dir_open("/proc", 0, NULL);
	const char *name;
	unsigned n = 0;

	while (dir && (name = g_dir_read_name(dir))) {
		g_autofree char *path = g_strdup_printf("/proc/%s/cmdline", name);
		g_autofree char *line = NULL;
		gsize len = 0;

		if (!g_ascii_isdigit(*name) || !g_file_get_contents(path, &line, &len, NULL))
			continue;
		for (gsize i = 0; i + 1 < len; i++)
			if (!line[i])
				line[i] = ' ';
		n += strstr(line, words) != NULL;
	}
	return n;
}

unsigned
life_processes_gone(const char *words, unsigned ms)
{
	unsigned left = life_processes(words);

	for (unsigned i = 0; i < ms / 10 && left; i++) {
		g_usleep(10000);
		left = life_processes(words);
	}
	return left;
}

char *
life_mark(void)
{
	static unsigned n;

	return g_strdup_printf("%u%06d%03u", 9, (int)getpid(), ++n);
}
