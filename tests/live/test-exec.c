/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* SPDX-FileCopyrightText: The libsbx developers */

/* Which program a payload becomes, with which arguments, and what is said when it can't. */
#include "live.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static struct live *
with_path(const char *const *keys, const char *path, const char *const *argv)
{
	const char *const envp[] = { path, NULL };

	return live_command(keys, &(sbx_command){ .argv = argv, .envp = envp });
}

/* --- PATH --- */

static void
test_path_inside_only(void)
{
	autodir dir = live_dir();
	g_autofree char *pair = NULL, *script = live_file(dir, "sbx-tool", "#!/bin/sh\necho tool\n");
	g_autoptr(live_t) box = NULL, without = NULL;

	g_assert_cmpint(chmod(script, 0755), ==, 0);
	pair = live_pair(dir, "/tmp/tools");
	box = with_path(SPEC("ro-bind", pair), "PATH=/nowhere:/tmp/tools:/usr/bin", ARGV("sbx-tool"));
	without = with_path(NO_SPEC, "PATH=/nowhere:/tmp/tools:/usr/bin", ARGV("sbx-tool"));
	live_says(box, "tool\n");
	live_failed(without, "exec", ENOENT, "sbx-tool");
}

/* A program of the host that the box does not show is not found. */
static void
test_path_outside_only(void)
{
	g_autoptr(live_t) box = live_argv(SPEC("root", "empty"), ARGV("sh"));
	g_autoptr(live_t) path = live_argv(SPEC("root", "empty"), ARGV("/bin/sh"));

	live_failed(box, "exec", ENOENT, "sh");
	live_failed(path, "exec", ENOENT, "/bin/sh");
}

/* As execvp(3): a file that may not be run is passed over, and spoken of when nothing better comes. */
static void
test_path_not_executable(void)
{
	g_autoptr(live_t) only = with_path(SPEC("file", "/tmp/a/tool=text"), "PATH=/tmp/a:/tmp", ARGV("tool"));
	g_autoptr(live_t) first = with_path(SPEC("file", "/tmp/a/true=text"), "PATH=/tmp/a:/usr/bin", ARGV("true"));

	live_failed(only, "exec", EACCES, "tool");
	live_ok(first);
}

static void
test_path_default(void)
{
	const char *const envp[] = { "A=1", NULL };
	g_autoptr(live_t) box = live_command(NO_SPEC, &(sbx_command){ .argv = ARGV("true"), .envp = envp });

	live_ok(box);
}

static void
test_path_empty_element(void)
{
	const char *const envp[] = { "PATH=:/nowhere", NULL };
	g_autoptr(live_t) box =
		live_command(SPEC("chdir", "/usr/bin"), &(sbx_command){ .argv = ARGV("true"), .envp = envp });

	live_ok(box);
}

/* --- what can't be run --- */

struct bad {
	const char *name, *program;
	int error;
};

static void
test_bad(gconstpointer data)
{
	const struct bad *bad = data;
	g_autoptr(sbx_spec) spec = live_spec_new(NO_SPEC);
	sbx_command command = { .size = sizeof command,
		                    .argv = ARGV(bad->program),
		                    .stdio = { SBX_STDIO_NULL, SBX_STDIO_CAPTURE, SBX_STDIO_CAPTURE } };
	g_autoptr(live_t) box = NULL;

	g_assert_cmpint(sbx_spec_file(spec, "/tmp/plain", "text", 4, 0644, NULL), ==, 0);
	g_assert_cmpint(sbx_spec_file(spec, "/tmp/headless", "echo hi\n", 8, 0755, NULL), ==, 0);
	g_assert_cmpint(sbx_spec_file(spec, "/tmp/lost", "#!/is/not/there\n", 16, 0755, NULL), ==, 0);
	g_assert_cmpint(sbx_spec_file(spec, "/tmp/broken", "\177ELFbroken", 10, 0755, NULL), ==, 0);
	box = live_spec(spec, &command);
	live_failed(box, "exec", bad->error, bad->program);
}

static void
test_again_after_failure(void)
{
	g_autoptr(sbx_spec) spec = live_spec_new(NO_SPEC);
	sbx_command bad = { .size = sizeof bad,
		                .argv = ARGV("/is/not/there"),
		                .stdio = { SBX_STDIO_NULL, SBX_STDIO_NULL, SBX_STDIO_NULL } };
	sbx_command good = bad;
	sbx_error *error = NULL;
	sbx_box *box = NULL;

	good.argv = ARGV("true");
	g_assert_cmpint(sbx_box_create(spec, &box, NULL), ==, 0);
	g_assert_cmpint(sbx_box_start(box, &bad, &error), ==, -ENOENT);
	g_assert_cmpstr(sbx_error_stage(error), ==, "exec");
	sbx_error_free(error);
	g_assert_cmpint(sbx_box_state(box), ==, SBX_CREATED);
	g_assert_cmpint(sbx_box_start(box, &good, NULL), ==, 0);
	g_assert_cmpint(sbx_box_wait(box, 60000, NULL), ==, 1);
	sbx_box_free(box);
}

/* --- by fd --- */

static void
test_exec_fd(void)
{
	g_autofree char *probe = live_probe();
	int fd = open(probe, O_RDONLY | O_CLOEXEC);
	g_autoptr(live_t) box =
		live_command(SPEC("root", "empty"), &(sbx_command){ .argv = ARGV("any name", "fds"), .exec_fd = fd });

	live_says(box, "0 1 2\n");
	g_assert_cmpint(fcntl(fd, F_GETFD), >=, 0);
	close(fd);
}

static void
test_exec_fd_bad(void)
{
	g_autoptr(live_t) closed = live_command(NO_SPEC, &(sbx_command){ .argv = ARGV("x"), .exec_fd = 900 });

	g_assert_cmpint(closed->error, ==, EBADF);
}

/* --- arguments --- */

static void
test_args_bytes(void)
{
	g_autoptr(live_t) box =
		live_argv(NO_SPEC, ARGV(PROBE, "args", "a b", "\n\t\"'\\$*", "\x01\x7f\x80\xff", "\xc3\xa4"));
	g_autoptr(live_t) empty = live_argv(NO_SPEC, ARGV(PROBE, "args", "", "--", "-x"));

	live_says(box, "612062\n0a0922275c242a\n017f80ff\nc3a4\n");
	live_says(empty, "\n2d2d\n2d78\n");
}

/* MAX_ARG_STRLEN of the kernel: 131072 with the NUL. */
static void
test_args_long(void)
{
	g_autofree char *longest = g_strnfill(131071, 'x'), *longer = g_strnfill(131072, 'x');
	g_autoptr(live_t) good = live_argv(NO_SPEC, ARGV(PROBE, "length", longest));
	g_autoptr(live_t) bad = live_argv(NO_SPEC, ARGV(PROBE, "length", longer));

	live_says(good, "131071\n");
	live_failed(bad, "exec", E2BIG, PROBE);
}

static void
test_args_many(void)
{
	static const char *argv[5004] = { "sh", "-c", "echo $#", "sh" };
	g_autoptr(live_t) box = NULL;

	for (int i = 4; i < 5003; i++)
		argv[i] = "argument";
	box = live_argv(NO_SPEC, argv);
	live_says(box, "4999\n");
}

static void
test_args_none(void)
{
	g_autoptr(live_t) none = live_argv(NO_SPEC, (const char *const[]){ NULL });
	g_autoptr(live_t) empty = live_argv(NO_SPEC, ARGV(""));

	g_assert_cmpint(none->error, ==, EINVAL);
	live_failed(empty, "exec", ENOENT, "empty");
}

int
main(int argc, char **argv)
{
	static const struct bad bad[] = {
		{ "not-found", "/is/not/there", ENOENT },
		{ "not-found-in-path", "sbx-is-not-there", ENOENT },
		{ "not-executable", "/tmp/plain", EACCES },
		{ "directory", "/tmp", EACCES },
		{ "no-interpreter-line", "/tmp/headless", ENOEXEC },
		{ "interpreter-missing", "/tmp/lost", ENOENT },
		{ "broken-elf", "/tmp/broken", ENOEXEC },
		{ "through-a-file", "/etc/passwd/x", ENOTDIR },
	};

	g_test_init(&argc, &argv, NULL);
	g_test_add_func("/exec/path/inside-only", test_path_inside_only);
	g_test_add_func("/exec/path/outside-only", test_path_outside_only);
	g_test_add_func("/exec/path/not-executable", test_path_not_executable);
	g_test_add_func("/exec/path/default", test_path_default);
	g_test_add_func("/exec/path/empty-element", test_path_empty_element);
	for (gsize i = 0; i < G_N_ELEMENTS(bad); i++) {
		g_autofree char *path = g_strconcat("/exec/bad/", bad[i].name, NULL);

		g_test_add_data_func(path, &bad[i], test_bad);
	}
	g_test_add_func("/exec/again-after-failure", test_again_after_failure);
	g_test_add_func("/exec/fd/good", test_exec_fd);
	g_test_add_func("/exec/fd/bad", test_exec_fd_bad);
	g_test_add_func("/exec/args/bytes", test_args_bytes);
	g_test_add_func("/exec/args/long", test_args_long);
	g_test_add_func("/exec/args/many", test_args_many);
	g_test_add_func("/exec/args/none", test_args_none);
	return g_test_run();
}
