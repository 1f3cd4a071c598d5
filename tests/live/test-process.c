/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* SPDX-FileCopyrightText: The libsbx developers */

/* What a payload is started with: fds, directory, environment, signals, limits. */
#include "live.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

static const char *const probe_fds[] = { PROBE, "fds", NULL };

/* --- fds --- */

static void
many_fds(void)
{
	g_autoptr(live_t) box = NULL;

	for (int i = 0; i < 200; i++)
		g_assert_cmpint(open("/dev/null", i % 2 ? O_RDONLY | O_CLOEXEC : O_RDONLY), >=, 0);
	box = live_argv(NO_SPEC, probe_fds);
	live_says(box, "0 1 2\n");
}

static void
test_fds_closed(void)
{
	live_child(many_fds);
}

/* What the library opens may get the numbers 0 to 2 then; the payload must not get those. */
static void
no_fds(void)
{
	g_autoptr(live_t) box = NULL;

	/* stdout stays: a failure has to be told somewhere */
	close(0);
	close(2);
	box = live_command(NO_SPEC,
	                   &(sbx_command){ .argv = ARGV("sh", "-c", "readlink /proc/$$/fd/0 /proc/$$/fd/2; " PROBE " fds"),
	                                   .stdio = { SBX_STDIO_INHERIT, SBX_STDIO_CAPTURE, SBX_STDIO_INHERIT } });
	live_says(box, "/dev/null\n/dev/null\n0 1 2\n");
}

static void
test_fds_host_has_none(void)
{
	live_child(no_fds);
}

/* host 4 becomes box 3 and host 3 becomes box 4 */
static void
crossed_fds(void)
{
	autodir dir = live_dir();
	g_autofree char *a = live_file(dir, "a", "A"), *b = live_file(dir, "b", "B");
	static const struct sbx_fd_map fds[] = { { 4, 3 }, { 3, 4 }, { 3, 1023 } };
	g_autoptr(live_t) box = NULL, list = NULL;
	struct rlimit limit;
	int low, high;

	/* a number is only to be had below the soft limit, and the fds are moved above the highest on their way */
	getrlimit(RLIMIT_NOFILE, &limit);
	limit.rlim_cur = MIN(limit.rlim_max, 2048);
	g_assert_cmpint(setrlimit(RLIMIT_NOFILE, &limit), ==, 0);
	low = open(a, O_RDONLY);
	high = open(b, O_RDONLY);
	g_assert_cmpint(dup2(high, 100), ==, 100);
	g_assert_cmpint(dup2(low, 3), ==, 3);
	g_assert_cmpint(dup2(100, 4), ==, 4);
	box = live_command(NO_SPEC, &(sbx_command){ .argv = ARGV("sh", "-c", "cat /proc/self/fd/3 /proc/self/fd/4"),
	                                            .fds = fds,
	                                            .n_fds = 2 });
	list = live_command(NO_SPEC, &(sbx_command){ .argv = probe_fds, .fds = fds, .n_fds = 3 });
	live_says(box, "BA");
	live_says(list, "0 1 2 3 4 1023\n");
	g_assert_cmpint(fcntl(3, F_GETFD), >=, 0);
	g_assert_cmpint(fcntl(4, F_GETFD), >=, 0);
}

static void
test_fds_crossed(void)
{
	live_child(crossed_fds);
}

static void
test_fds_bad(void)
{
	static const struct sbx_fd_map closed[] = { { 900, 3 } }, low[] = { { 1, 2 } }, high[] = { { 1, 1024 } },
								   twice[] = { { 1, 5 }, { 2, 5 } };
	static const struct {
		const struct sbx_fd_map *map;
		size_t n;
		int error;
		const char *text;
	} cases[] = {
		{ closed, 1, EBADF, "fds[0].host is 900" },
		{ low, 1, EINVAL, "fds[0].box is 2" },
		{ high, 1, EINVAL, "fds[0].box is 1024" },
		{ twice, 2, EINVAL, "fds[1].box is 5" },
	};

	for (gsize i = 0; i < G_N_ELEMENTS(cases); i++) {
		g_autoptr(live_t) box =
			live_command(NO_SPEC, &(sbx_command){ .argv = probe_fds, .fds = cases[i].map, .n_fds = cases[i].n });

		live_failed(box, "process", cases[i].error, cases[i].text);
	}
}

static void
test_stdio_bad(void)
{
	g_autoptr(live_t) closed =
		live_command(NO_SPEC, &(sbx_command){ .argv = probe_fds, .stdio = { 900, SBX_STDIO_NULL, SBX_STDIO_NULL } });
	g_autoptr(live_t) input =
		live_command(NO_SPEC, &(sbx_command){ .argv = probe_fds, .stdio = { SBX_STDIO_CAPTURE, 0, 0 } });

	live_failed(closed, "process", EBADF, "stdio[0] is 900");
	live_failed(input, "process", EINVAL, "stdio[0]");
}

static void
test_stdio_fd(void)
{
	autodir dir = live_dir();
	g_autofree char *in = live_file(dir, "in", "from a file"), *out = live_file(dir, "out", ""), *text = NULL;
	int from = open(in, O_RDONLY | O_CLOEXEC), to = open(out, O_WRONLY | O_CLOEXEC);
	g_autoptr(live_t) box =
		live_command(NO_SPEC, &(sbx_command){ .argv = ARGV("cat"), .stdio = { from, to, SBX_STDIO_CAPTURE } });

	close(from);
	close(to);
	live_ok(box);
	text = live_read(out);
	g_assert_cmpstr(text, ==, "from a file");
}

/* --- working directory --- */

static void
in_directory(const char *dir, const char *expected)
{
	g_autofree char *line = g_strconcat(expected, "\n", NULL);
	g_autoptr(live_t) box = NULL;

	g_assert_cmpint(chdir(dir), ==, 0);
	box = live_argv(NO_SPEC, ARGV("pwd"));
	live_says(box, line);
}

static void
cwd_of_caller(void)
{
	autodir dir = live_dir();
	autodir closed = live_dir();
	g_autofree char *gone = live_path(dir, "gone");

	in_directory("/usr/bin", "/usr/bin");
	in_directory(dir, dir);
	/* /tmp is another inside, and what is in it is not there */
	g_assert_cmpint(chdir("/"), ==, 0);
	g_assert_cmpint(chmod(closed, 0700), ==, 0);
	if (live_is_root())
		in_directory(closed, "/");
	g_assert_cmpint(mkdir(gone, 0777), ==, 0);
	g_assert_cmpint(chdir(gone), ==, 0);
	g_assert_cmpint(rmdir(gone), ==, 0);
	in_directory(".", "/");
	g_assert_cmpint(chdir("/"), ==, 0);
}

static void
test_cwd_caller(void)
{
	live_child(cwd_of_caller);
}

static void
test_cwd_asked(void)
{
	g_autoptr(live_t) key = live_argv(SPEC("chdir", "/usr/lib"), ARGV("pwd"));
	g_autoptr(live_t) command =
		live_command(SPEC("chdir", "/usr/lib"), &(sbx_command){ .argv = ARGV("pwd"), .cwd = "/usr/bin" });

	live_says(key, "/usr/lib\n");
	live_says(command, "/usr/bin\n");
}

struct cwd {
	const char *dir;
	int error;
};

static void
test_cwd_refused(gconstpointer data)
{
	const struct cwd *cwd = data;
	g_autoptr(live_t) box = live_command(NO_SPEC, &(sbx_command){ .argv = ARGV("pwd"), .cwd = cwd->dir });

	live_failed(box, "process", cwd->error, cwd->dir);
}

/* --- environment --- */

static void
with_environment(void)
{
	g_autoptr(live_t) plain = NULL, given = NULL, kept = NULL, none = NULL;
	const char *const envp[] = { "A=1", "PATH=/usr/bin", "ODD", NULL };

	plain = live_run(SPEC("env", "B=2", "env", "HOME=/box", "env", "B=3"), "echo \"$SECRET_F $LC_F $HOME $B $PATH\"");
	given = live_command(SPEC("env", "B=2"), &(sbx_command){ .argv = ARGV("env"), .envp = envp });
	kept = live_run(SPEC("keep-env", "yes"), "echo \"$SECRET_F\"");
	none = live_command(NO_SPEC, &(sbx_command){ .argv = ARGV("/usr/bin/env"), .envp = (const char *const[]){ NULL } });
	live_says(plain, " passed /box 3 /usr/bin:/bin\n");
	live_says(given, "A=1\nPATH=/usr/bin\nODD\n");
	live_says(kept, "secret\n");
	live_says(none, "");
}

/* What is passed is what this process was started with: it starts itself again. */
static void
test_environment(void)
{
	g_autofree char *self = g_file_read_link("/proc/self/exe", NULL),
					*build = g_strconcat("SBX_BUILDDIR=", g_getenv("SBX_BUILDDIR"), NULL);
	g_autofree char *out = NULL, *err = NULL;
	const char *const argv[] = { self, "-p", "/process/environment", NULL };
	const char *const envp[] = { "SECRET_F=secret", "LC_F=passed", "HOME=/host", "PATH=/usr/bin:/bin",
		                         "LIVE_AGAIN=1",    build,         NULL };
	int status;

	if (g_getenv("LIVE_AGAIN")) {
		with_environment();
		return;
	}
	g_assert_true(
		g_spawn_sync(NULL, (char **)argv, (char **)envp, G_SPAWN_DEFAULT, NULL, NULL, &out, &err, &status, NULL));
	if (status)
		g_error("%s\n%s", out, err);
}

/* --- signals, session, limits --- */

static void
with_signals(void)
{
	g_autoptr(live_t) box = NULL;
	sigset_t all;

	sigfillset(&all);
	sigprocmask(SIG_SETMASK, &all, NULL);
	signal(SIGPIPE, SIG_IGN);
	signal(SIGCHLD, SIG_IGN);
	signal(SIGUSR1, SIG_IGN);
	box = live_argv(NO_SPEC, ARGV("grep", "-E", "^Sig(Blk|Ign)", "/proc/self/status"));
	live_says(box, "SigBlk:\t0000000000000000\nSigIgn:\t0000000000000000\n");
}

static void
test_signals(void)
{
	live_child(with_signals);
}

static void
with_umask(void)
{
	g_autoptr(live_t) box = NULL;

	umask(0177);
	box = live_run(NO_SPEC, "umask; >/tmp/new; stat -c %a /tmp/new");
	live_says(box, "0022\n644\n");
	g_assert_cmpint(umask(0), ==, 0177);
}

static void
test_umask(void)
{
	live_child(with_umask);
}

static void
test_session(void)
{
	g_autoptr(live_t) box = live_argv(NO_SPEC, ARGV(PROBE, "session"));

	live_says(box, "leader group ENXIO\n");
}

static void
test_rlimits(void)
{
	g_autoptr(live_t) box =
		live_run(SPEC("rlimit", "nofile=100:200", "rlimit", "stack=1048576"),
	             "ulimit -Sn; ulimit -Hn; ulimit -s; grep '^Max core' /proc/self/limits | tr -s ' '");
	struct rlimit core;

	getrlimit(RLIMIT_CORE, &core);
	live_says(box, "100\n200\n1024\nMax core file size 1 1 bytes \n");
	g_assert_cmpint(core.rlim_max == 1, ==, 0);
}

static void
test_rlimit_too_high(void)
{
	struct rlimit now;
	g_autofree char *wish = NULL;
	g_autoptr(live_t) box = NULL;

	getrlimit(RLIMIT_NOFILE, &now);
	if (now.rlim_max == RLIM_INFINITY) {
		live_skip("a hard limit of open files");
		return;
	}
	wish =
		g_strdup_printf("nofile=%llu:%llu", (unsigned long long)now.rlim_max + 1, (unsigned long long)now.rlim_max + 1);
	box = live_argv(SPEC("rlimit", wish), ARGV("true"));
	live_failed(box, "process", EPERM, "rlimit nofile");
	g_assert_cmpstr(box->key, ==, "rlimit");
}

static void
test_nice(void)
{
	g_autoptr(live_t) box = live_argv(SPEC("nice", "19"), ARGV(PROBE, "nice"));

	live_says(box, "19\n"); /* whatever the test was started with, going down is allowed */
}

int
main(int argc, char **argv)
{
	static const struct cwd refused[] = {
		{ "/is/not/there", ENOENT },  { "/etc/passwd", ENOTDIR },         { "usr", EINVAL },
		{ "/proc/self/fd/0", ELOOP }, { "/proc/thread-self/cwd", ELOOP }, { "/proc/self/root", ELOOP },
		{ "/proc/1/cwd", EACCES },
	};

	g_test_init(&argc, &argv, NULL);
	g_test_add_func("/process/fds/closed", test_fds_closed);
	g_test_add_func("/process/fds/host-has-none", test_fds_host_has_none);
	g_test_add_func("/process/fds/crossed", test_fds_crossed);
	g_test_add_func("/process/fds/bad", test_fds_bad);
	g_test_add_func("/process/stdio/bad", test_stdio_bad);
	g_test_add_func("/process/stdio/fd", test_stdio_fd);
	g_test_add_func("/process/cwd/caller", test_cwd_caller);
	g_test_add_func("/process/cwd/asked", test_cwd_asked);
	for (gsize i = 0; i < G_N_ELEMENTS(refused); i++) {
		g_autofree char *name = g_strdelimit(g_strdup(refused[i].dir), "/", '-');
		g_autofree char *path = g_strconcat("/process/cwd/refused", *name == '-' ? "" : "-", name, NULL);

		g_test_add_data_func(path, &refused[i], test_cwd_refused);
	}
	g_test_add_func("/process/environment", test_environment);
	g_test_add_func("/process/signals", test_signals);
	g_test_add_func("/process/umask", test_umask);
	g_test_add_func("/process/session", test_session);
	g_test_add_func("/process/rlimits", test_rlimits);
	g_test_add_func("/process/rlimit-too-high", test_rlimit_too_high);
	g_test_add_func("/process/nice", test_nice);
	return g_test_run();
}
