/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* SPDX-FileCopyrightText: The libsbx developers */

/* A filter that ends a process, or logs what it calls: told by name, whatever the process and those around it make of it. */
#include <errno.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <poll.h>
#include <signal.h>
#include <stddef.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "live.h"

#define KILLS "default allow\nkill personality\n"
#define LOGS "default allow\nlog personality uname\n"
/* nothing that the launch itself calls behind the filter is allowed */
#define CLOSED "default kill\nallow write exit_group\n"
#define CALL \
	"{\n      \"name\": \"%s\",\n      \"number\": %d,\n      \"arch\": \"%s\",\n      \"action\": \"%s\"\n    }"

#if defined(__x86_64__)
#define ARCH "x86_64"
#else
#define ARCH "aarch64"
#endif

static struct live *
run(const char *policy, const char *script)
{
	autodir dir = live_dir();
	g_autofree char *file = live_file(dir, "policy", policy);

	return live_run(SPEC("seccomp", file), script);
}

/* The report names it, once. */
static void
named(const struct live *r, const char *name, int number, const char *arch, const char *action)
{
	g_autofree char *call = g_strdup_printf(CALL, name, number, arch, action);
	const char *found = strstr(r->json, call);

	live_contains(r->json, call);
	g_assert_null(strstr(found + 1, call));
}

static void
ended_by(const struct live *r, const char *name, int number)
{
	g_autofree char *member = g_strdup_printf("\"syscall\": \"%s\"", name);

	if (r->outcome != SBX_OUTCOME_SYSCALL)
		g_error("outcome %d, expected %d: %s%s", r->outcome, SBX_OUTCOME_SYSCALL, r->json, r->err);
	live_contains(r->json, member);
	named(r, name, number, ARCH, "kill");
}

/* --- kill ---------------------------------------------------------------------------------------------------------- */

struct way {
	const char *how;
	const char *out;
};

static const struct way ways[] = {
	{ "default", "before\n" }, { "caught", "before\n" }, { "ignored", "before\n" },
	{ "blocked", "before\n" }, { "thread", "" },
};

static void
test_killed(gconstpointer data)
{
	const struct way *way = data;
	g_autofree char *script = g_strdup_printf("exec " PROBE " personality %s", way->how);
	g_autoptr(live_t) r = run(KILLS, script);
	g_autoptr(live_t) control = live_run(SPEC("seccomp", "none"), script);

	ended_by(r, "personality", SYS_personality);
	g_assert_cmpint(r->signal, ==, SIGSYS);
	g_assert_cmpstr(r->out, ==, way->out);
	live_ok(control);
}

/* A shell makes an exit status of it, and goes on: the report still tells. */
static void
test_swallowed(void)
{
	g_autoptr(live_t) r = run(KILLS, PROBE " personality default; echo $?; (" PROBE " personality default); true");
	g_autoptr(live_t) control = run(KILLS, "true");

	ended_by(r, "personality", SYS_personality);
	live_contains(r->out, "137\n");
	g_assert_cmpint(r->signal, ==, 0);
	live_ok(control);
	live_contains(control->json, "\"syscall\": null");
	live_contains(control->json, "\"syscalls\": []");
}

/* By an argument: the other values go through. */
static void
test_argument(void)
{
	static const char policy[] = "default allow\nkill personality if arg0 == 0xdead\n";
	g_autoptr(live_t) r = run(policy, "exec " PROBE " personality default");
	g_autoptr(live_t) control =
		run("default allow\nkill personality if arg0 == 0xbeef\n", "exec " PROBE " personality default");

	ended_by(r, "personality", SYS_personality);
	live_ok(control);
}

/* The filter stands before the exec, and lets only the launch's own exec through. */
static void
test_closed(void)
{
	autodir dir = live_dir();
	g_autofree char *file = live_file(dir, "policy", CLOSED);
	g_autoptr(live_t) quiet = live_argv(SPEC("seccomp", file), ARGV(PROBE, "exit"));
	g_autoptr(live_t) control = live_argv(SPEC("seccomp", "none"), ARGV(PROBE, "exit"));

	/* the first thing that a C library does */
	if (quiet->outcome != SBX_OUTCOME_SYSCALL)
		g_error("outcome %d: %s", quiet->outcome, quiet->json);
	g_assert_cmpint(quiet->error, ==, 0);
	g_assert_cmpint(control->exit_code, ==, 2);
}

/* The payload can't use the door that the launch had. */
static void
test_no_second_exec(void)
{
	static const char policy[] = "default allow\nkill execve execveat\n";
	g_autoptr(live_t) r = run(policy, "echo here; exec /bin/true");
	g_autoptr(live_t) control = run("default allow\nkill execveat\n", "echo here; exec /bin/true");

	g_assert_cmpstr(r->out, ==, "here\n");
	ended_by(r, "execve", SYS_execve);
	live_says(control, "here\n");
}

/* What the payload sends itself is no call. */
static void
test_sent(void)
{
	g_autoptr(live_t) r = run(KILLS, "kill -SYS $$");

	g_assert_cmpint(r->outcome, ==, SBX_OUTCOME_SIGNALED);
	g_assert_cmpint(r->signal, ==, SIGSYS);
}

/* The program is not there, and the filter kills what tells so: the launch has an answer, at once. */
static void
test_failed_exec(void)
{
	static const char *const policies[] = { "default kill\nallow write\n", "default deny EPERM\nallow write\n" };

	for (size_t i = 0; i < G_N_ELEMENTS(policies); i++) {
		autodir dir = live_dir();
		g_autofree char *file = live_file(dir, "policy", policies[i]);
		gint64 begin = g_get_monotonic_time();
		g_autoptr(live_t) r = live_argv(SPEC("seccomp", file), ARGV("/nonexistent"));

		live_failed(r, "exec", ENOENT, "/nonexistent");
		g_assert_cmpint(g_get_monotonic_time() - begin, <, 20 * G_USEC_PER_SEC);
	}
}

/* More is logged than the socket to the library holds, and nobody reads it: init does not wait for that, and the payload, whose
 * calls init answers, comes to its end. */
static void
test_log_flood(void)
{
	autodir dir = live_dir();
	g_autofree char *file = live_file(dir, "policy", "default log\n");
	g_autoptr(sbx_spec) spec = live_spec_new(SPEC("seccomp", file));
	sbx_command command = { .size = sizeof command,
		                    .argv = ARGV(PROBE, "numbers"),
		                    .stdio = { SBX_STDIO_NULL, SBX_STDIO_PIPE, SBX_STDIO_NULL } };
	sbx_report report = { .size = sizeof report };
	struct pollfd output = { .events = POLLIN };
	sbx_error *error = NULL;
	sbx_box *box = NULL;
	char text[16] = "";

	if (sbx_box_create(spec, &box, &error) < 0 || sbx_box_start(box, &command, &error) < 0)
		g_error("%s", sbx_error_message(error));
	output.fd = sbx_box_pipe(box, 1);
	/* "done", and then the end: without a dispatch in between */
	for (size_t got = 0; got < sizeof text - 1;) {
		ssize_t n;

		if (poll(&output, 1, 30000) != 1)
			g_error("the payload waits for the library; so far it wrote \"%s\"", text);
		n = read(output.fd, text + got, sizeof text - 1 - got);
		g_assert_cmpint(n, >=, 0);
		if (n == 0)
			break;
		got += (size_t)n;
	}
	g_assert_cmpstr(text, ==, "done\n");
	close(output.fd);
	g_assert_cmpint(sbx_box_wait(box, 60000, &error), ==, 1);
	g_assert_cmpint(sbx_box_report(box, &report, &error), ==, 0);
	g_assert_cmpint(report.outcome, ==, SBX_OUTCOME_EXITED);
	g_assert_cmpint(report.exit_code, ==, 0);
	sbx_box_free(box);
}

/* Init's own pid, as we see it. */
static pid_t
init_pid(sbx_box *box)
{
	g_autofree char *path = g_strdup_printf("/proc/self/fdinfo/%d", sbx_box_pidfd(box));
	g_autofree char *info = live_read(path);
	const char *pid = info ? strstr(info, "Pid:") : NULL;

	if (!pid)
		g_error("no pid in %s: %s", path, info);
	return (pid_t)g_ascii_strtoll(pid + 4, NULL, 10);
}

/* Init has few fds left: there are enough to hear of the payload's calls, or it does not run. */
static void
test_few_files(void)
{
	autodir dir = live_dir();
	g_autofree char *file = live_file(dir, "policy", KILLS);
	g_autoptr(sbx_spec) spec = live_spec_new(SPEC("seccomp", file, "rlimit", "nofile=200"));
	sbx_command command = { .size = sizeof command,
		                    .argv = ARGV(PROBE, "personality", "default"),
		                    .stdio = { SBX_STDIO_NULL, SBX_STDIO_NULL, SBX_STDIO_NULL } };
	sbx_report report = { .size = sizeof report };
	sbx_error *error = NULL;
	sbx_box *box = NULL;
	rlim_t refused = 0;
	int result = -1;

	if (sbx_box_create(spec, &box, &error) < 0)
		g_error("%s", sbx_error_message(error));
	for (rlim_t limit = 3; result < 0 && limit < 60; limit++) {
		struct rlimit files;

		g_assert_cmpint(prlimit(init_pid(box), RLIMIT_NOFILE, NULL, &files), ==, 0);
		files.rlim_cur = limit;
		g_assert_cmpint(prlimit(init_pid(box), RLIMIT_NOFILE, &files, NULL), ==, 0);
		result = sbx_box_start(box, &command, &error);
		if (result == 0)
			break;
		g_test_message("%d fds: %s (%s)", (int)limit, sbx_error_message(error), sbx_error_hint(error));
		g_assert_cmpstr(g_strerror(-result), ==, g_strerror(EMFILE));
		refused += strstr(sbx_error_hint(error), "RLIMIT_NOFILE") != NULL;
		sbx_error_free(g_steal_pointer(&error));
	}
	g_assert_cmpint(result, ==, 0);
	g_assert_cmpuint(refused, >=, 3);
	g_assert_cmpint(sbx_box_wait(box, 60000, &error), ==, 1);
	g_assert_cmpint(sbx_box_report(box, &report, &error), ==, 0);
	g_assert_cmpint(report.outcome, ==, SBX_OUTCOME_SYSCALL);
	g_assert_cmpstr(sbx_report_syscall(&report), ==, "personality");
	sbx_box_free(box);
}

/* The signal in the report is that of the payload itself: SIGSYS where the filter ended it, whoever was ended before. */
static void
test_other_signal(void)
{
	g_autoptr(live_t) other = run(KILLS, PROBE " personality default; kill -KILL $$");
	g_autoptr(live_t) both = run(KILLS, PROBE " personality default; exec " PROBE " personality thread");

	ended_by(other, "personality", SYS_personality);
	g_assert_cmpint(other->signal, ==, SIGKILL);
	ended_by(both, "personality", SYS_personality);
	g_assert_cmpint(both->signal, ==, SIGSYS);
}

/* Many, from many processes: told once, all ended, and init still lives to tell the end. */
static void
test_many(void)
{
	g_autoptr(live_t) r =
		run(KILLS, "i=0; while [ $i -lt 40 ]; do " PROBE " personality caught & i=$((i + 1)); done; wait; echo all");

	ended_by(r, "personality", SYS_personality);
	live_contains(r->out, "all\n");
}

#if defined(__x86_64__)
static void
test_foreign(void)
{
	static const struct {
		const char *how, *name, *arch;
		int number;
	} calls[] = { { "x32", "getpid (x32)", "x32", 0x40000000 | 39 }, { "i386", "getpid (x86)", "x86", 20 } };

	for (size_t i = 0; i < G_N_ELEMENTS(calls); i++) {
		g_autofree char *script = g_strdup_printf("exec " PROBE " foreign %s", calls[i].how);
		g_autoptr(live_t) r = live_run(NO_SPEC, script);
		g_autoptr(live_t) control = live_run(SPEC("seccomp", "none"), script);

		if (r->outcome != SBX_OUTCOME_SYSCALL)
			g_error("%s: outcome %d: %s", calls[i].how, r->outcome, r->json);
		g_assert_cmpint(r->signal, ==, SIGSYS);
		named(r, calls[i].name, calls[i].number, calls[i].arch, "kill");
		/* what the kernel says of it without a filter depends on how it was built */
		live_ok(control);
	}
}
#endif

/* --- log ----------------------------------------------------------------------------------------------------------- */

static void
test_logged(void)
{
	g_autoptr(live_t) r =
		run(LOGS, "uname >/dev/null; uname >/dev/null; " PROBE " personality default; " PROBE " personality default");
	g_autoptr(live_t) control = run(LOGS, "true");

	live_says(r, "before\nok\nbefore\nok\n");
	named(r, "uname", SYS_uname, ARCH, "log");
	named(r, "personality", SYS_personality, ARCH, "log");
	live_contains(r->json, "\"syscall\": null");
	live_lacks(control->json, "personality");
}

/* Logging what the launch itself needs must not make it wait for itself. */
static void
test_log_all(void)
{
	g_autoptr(live_t) r = run("default log\n", "echo hello");

	live_says(r, "hello\n");
	named(r, "write", SYS_write, ARCH, "log");
}

/* --- where somebody listens already ---------------------------------------------------------------------------------- */

static void
listening_host(void)
{
	struct sock_filter allow = { BPF_RET | BPF_K, 0, 0, SECCOMP_RET_ALLOW };
	struct sock_fprog program = { 1, &allow };
	g_autoptr(live_t) r = NULL;

	g_assert_cmpint(prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0), ==, 0);
	if (syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, SECCOMP_FILTER_FLAG_NEW_LISTENER, &program) < 0)
		g_error("a listener of the test's own: %s", g_strerror(errno));
	r = run(KILLS, "exec " PROBE " personality default");
	/* the kernel kills by itself: unnamed, and not less dead */
	g_assert_cmpint(r->outcome, ==, SBX_OUTCOME_SYSCALL);
	g_assert_cmpint(r->signal, ==, SIGSYS);
	live_contains(r->json, "\"syscall\": null");
	g_assert_cmpstr(r->out, ==, "before\n");
}

static void
test_listening_host(void)
{
	live_child(listening_host);
}

int
main(int argc, char **argv)
{
	g_test_init(&argc, &argv, NULL);
	for (size_t i = 0; i < G_N_ELEMENTS(ways); i++) {
		g_autofree char *name = g_strdup_printf("/filter/killed/%s", ways[i].how);

		g_test_add_data_func(name, &ways[i], test_killed);
	}
	g_test_add_func("/filter/swallowed", test_swallowed);
	g_test_add_func("/filter/argument", test_argument);
	g_test_add_func("/filter/closed", test_closed);
	g_test_add_func("/filter/no-second-exec", test_no_second_exec);
	g_test_add_func("/filter/many", test_many);
	g_test_add_func("/filter/sent", test_sent);
	g_test_add_func("/filter/failed-exec", test_failed_exec);
	g_test_add_func("/filter/log-flood", test_log_flood);
	g_test_add_func("/filter/few-files", test_few_files);
	g_test_add_func("/filter/other-signal", test_other_signal);
#if defined(__x86_64__)
	g_test_add_func("/filter/foreign", test_foreign);
#endif
	g_test_add_func("/filter/logged", test_logged);
	g_test_add_func("/filter/log-all", test_log_all);
	g_test_add_func("/filter/listening-host", test_listening_host);
	return g_test_run();
}
