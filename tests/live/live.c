/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* SPDX-FileCopyrightText: The libsbx developers */

/* Boxes for tests. */
#include "live.h"

#include <dirent.h>
#include <errno.h>
#include <ftw.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

/* No payload here takes a second; the VM is slow and so are sanitizers. */
#define TIMEOUT_MS 120000

/* --- run --- */

char *
live_probe(void)
{
	const char *build = g_getenv("SBX_BUILDDIR");
	g_autofree char *path = g_build_filename(build ? build : ".", "tests/live/probe", NULL);

	return g_canonicalize_filename(path, NULL);
}

static void
fill_error(struct live *live, sbx_error *error)
{
	live->error = sbx_error_errno(error);
	live->stage = g_strdup(sbx_error_stage(error));
	live->key = g_strdup(sbx_error_key(error));
	live->message = g_strdup(sbx_error_message(error));
	live->hint = g_strdup(sbx_error_hint(error));
	sbx_error_free(error);
}

static char *
output(sbx_box *box, int which, size_t *ret_length)
{
	const void *data = NULL;
	size_t length = 0;
	char *text;

	if (sbx_box_output(box, which, &data, &length) < 0)
		length = 0;
	text = g_malloc0(length + 1);
	if (length)
		memcpy(text, data, length);
	*ret_length = length;
	return text;
}

sbx_spec *
live_spec_bare(const char *const *keys)
{
	sbx_error *error = NULL;
	sbx_spec *spec = NULL;

	if (sbx_spec_new(&spec, NULL, &error) < 0)
		g_error("sbx_spec_new: %s", sbx_error_message(error));
	for (; *keys; keys += 2)
		if (sbx_spec_set(spec, keys[0], keys[1], &error) < 0)
			g_error("sbx_spec_set %s=%s: %s", keys[0], keys[1], sbx_error_message(error));
	return spec;
}

sbx_spec *
live_spec_new(const char *const *keys)
{
	sbx_spec *spec = live_spec_bare(keys);
	g_autofree char *probe = live_probe();
	g_autofree char *pair = live_pair(probe, PROBE);
	sbx_error *error = NULL;

	if (sbx_spec_set(spec, "ro-bind", pair, &error) < 0)
		g_error("sbx_spec_set ro-bind=%s: %s", pair, sbx_error_message(error));
	return spec;
}

struct live *
live_spec(const sbx_spec *spec, const sbx_command *command)
{
	struct live *live = g_new0(struct live, 1);
	sbx_report report = { .size = sizeof report };
	sbx_error *error = NULL;
	sbx_box *box = NULL;
	size_t err_length;

	if (sbx_box_create(spec, &box, &error) == 0 && sbx_box_start(box, command, &error) == 0) {
		int stopped = sbx_box_wait(box, TIMEOUT_MS, &error);

		if (stopped != 1)
			g_error("sbx_box_wait: %d %s", stopped, sbx_error_message(error));
		if (sbx_box_report(box, &report, &error) < 0)
			g_error("sbx_box_report: %s", sbx_error_message(error));
	} else {
		sbx_report_fail(&report, error);
	}
	live->json = sbx_report_json(&report);
	fill_error(live, error);
	live->outcome = report.outcome;
	live->exit_code = report.exit_code;
	live->signal = report.signal;
	live->out = output(box, 1, &live->out_length);
	live->err = output(box, 2, &err_length);
	sbx_box_free(box);
	return live;
}

#define CAPTURE_BOTH                                         \
	{                                                        \
		SBX_STDIO_NULL, SBX_STDIO_CAPTURE, SBX_STDIO_CAPTURE \
	}

struct live *
live_run_bare(const char *const *keys, const char *script)
{
	g_autoptr(sbx_spec) spec = live_spec_bare(keys);
	sbx_command command = { .size = sizeof command, .argv = ARGV("sh", "-c", script), .stdio = CAPTURE_BOTH };

	return live_spec(spec, &command);
}

struct live *
live_command(const char *const *keys, const sbx_command *command)
{
	g_autoptr(sbx_spec) spec = live_spec_new(keys);
	sbx_command whole = *command;

	whole.size = sizeof whole;
	if (!whole.stdio[0] && !whole.stdio[1] && !whole.stdio[2])
		memcpy(whole.stdio, (const int[3])CAPTURE_BOTH, sizeof whole.stdio);
	return live_spec(spec, &whole);
}

struct live *
live_argv(const char *const *keys, const char *const *argv)
{
	return live_command(keys, &(sbx_command){ .argv = argv });
}

struct live *
live_run(const char *const *keys, const char *script)
{
	return live_argv(keys, ARGV("sh", "-c", script));
}

void
live_free(struct live *live)
{
	if (!live)
		return;
	g_free(live->out);
	g_free(live->err);
	g_free(live->stage);
	g_free(live->key);
	g_free(live->message);
	g_free(live->hint);
	free(live->json);
	g_free(live);
}

/* --- say what was wrong --- */

void
live_ended(const struct live *live, int code, const char *function, int line)
{
	if (!live->error && live->outcome == SBX_OUTCOME_EXITED && live->exit_code == code)
		return;
	g_error(
		"%s:%d: outcome %d, exit code %d, signal %d; expected exit code %d\nerror: %s: %s (%s)\nstdout: %s\nstderr: %s",
		function, line, live->outcome, live->exit_code, live->signal, code, live->stage, live->message, live->hint,
		live->out, live->err);
}

void
live_failed(const struct live *live, const char *stage, int error, const char *text)
{
	if (!live->error)
		g_error("it ran, with exit code %d; expected an error of stage %s\nstdout: %s\nstderr: %s", live->exit_code,
		        stage, live->out, live->err);
	g_test_message("%s: %s (%s)", live->stage, live->message, live->hint);
	g_assert_cmpint(live->outcome, ==, SBX_OUTCOME_SETUP_FAILED);
	g_assert_cmpstr(live->stage, ==, stage);
	g_assert_cmpstr(g_strerror(live->error), ==, g_strerror(error));
	live_contains(live->message, text);
}

void
live_contains(const char *text, const char *part)
{
	if (!strstr(text, part))
		g_error("expected \"%s\" in: %s", part, text);
}

void
live_lacks(const char *text, const char *part)
{
	if (strstr(text, part))
		g_error("expected no \"%s\" in: %s", part, text);
}

/* --- who we are --- */

enum live_mode
live_mode(void)
{
	g_autofree char *map = live_read("/proc/self/uid_map");
	unsigned inside = 1, outside = 1, count = 0;

	if (geteuid() != 0)
		return LIVE_USER;
	if (map && sscanf(map, "%u %u %u", &inside, &outside, &count) == 3 && outside == 0 && count == UINT32_MAX)
		return LIVE_ROOT;
	return LIVE_NESTED;
}

void
live_skip(const char *missing)
{
	if (g_strcmp0(g_getenv("SBX_MUST_WORK"), "1") == 0)
		g_test_fail_printf("missing: %s (SBX_MUST_WORK=1)", missing);
	else
		g_test_skip(missing);
}

void
live_skip_mode(const char *wanted)
{
	g_autofree char *reason = g_strdup_printf("mode: %s", wanted);

	g_test_skip(reason);
}

/* --- files --- */

char *
live_dir(void)
{
	char *path = g_strdup("/var/tmp/sbx-live-XXXXXX");

	if (!g_mkdtemp(path) || chmod(path, 0777) < 0)
		g_error("make %s: %s", path, g_strerror(errno));
	return path;
}

static int
remove_one(const char *path, const struct stat *st, int type, struct FTW *walk)
{
	(void)st;
	(void)type;
	(void)walk;
	return remove(path);
}

void
live_dir_remove(char **dir)
{
	if (*dir)
		nftw(*dir, remove_one, 16, FTW_DEPTH | FTW_PHYS | FTW_MOUNT);
	g_clear_pointer(dir, g_free);
}

char *
live_path(const char *dir, const char *name)
{
	return g_strconcat(dir, "/", name, NULL);
}

char *
live_file(const char *dir, const char *name, const char *text)
{
	char *path = live_path(dir, name);
	g_autoptr(GError) error = NULL;

	g_file_set_contents(path, text, -1, &error);
	g_assert_no_error(error);
	g_assert_cmpint(chmod(path, 0666), ==, 0);
	return path;
}

void
live_give(const char *path)
{
	if (live_is_root())
		g_assert_cmpint(chown(path, 65534, 65534), ==, 0);
}

char *
live_read(const char *path)
{
	char *text = NULL;

	return g_file_get_contents(path, &text, NULL, NULL) ? text : NULL;
}

char *
live_pair(const char *src, const char *dst)
{
	return g_strconcat(src, ":", dst, NULL);
}

char *
live_list(const char *path)
{
	GString *text = g_string_new(NULL);
	struct dirent **names = NULL;
	int n = scandir(path, &names, NULL, alphasort);

	for (int i = 0; i < n; i++) {
		if (names[i]->d_name[0] != '.')
			g_string_append_printf(text, "%s%s", text->len ? " " : "", names[i]->d_name);
		free(names[i]);
	}
	free(names);
	return g_string_free(text, FALSE);
}

/* --- children --- */

void
live_child(void (*work)(void))
{
	int status = 0;
	pid_t pid;

	fflush(NULL);
	pid = fork();
	if (pid == 0) {
		work();
		fflush(NULL);
		_exit(0);
	}
	g_assert_cmpint(pid, >, 0);
	g_assert_cmpint(waitpid(pid, &status, 0), ==, pid);
	if (status)
		g_error("the child ended with wait status %#x; what it said stands above", (unsigned)status);
}

static void (*work_in_mounts)(void);

static void
private_mounts(void)
{
	g_assert_cmpint(unshare(CLONE_NEWNS), ==, 0);
	g_assert_cmpint(mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL), ==, 0);
	work_in_mounts();
}

void
live_child_mounts(void (*work)(void))
{
	work_in_mounts = work;
	live_child(private_mounts);
}
