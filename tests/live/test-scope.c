/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* SPDX-FileCopyrightText: The libsbx developers */

/* A scope of systemd's, asked for by root and by a plain user: for the test VM (tests/vm/run --login), or any machine that
 * systemd runs. */
#include <errno.h>
#include <fcntl.h>
#include <glib.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include "error.h"
#include "fd.h"
#include "life.h"
#include "live.h"
#include "scope.h"
#include "systemd.h"

#define THREADS 6

static bool
can_run(void)
{
	g_autofree char *bus = g_strdup_printf("/run/user/%u/systemd/private", (unsigned)geteuid());

	if (!systemd_is_here())
		life_lacks("systemd as PID 1: make check-vm-6.12-systemd-root");
	else if (geteuid() != 0 && access(bus, F_OK) < 0)
		life_lacks("a user manager: %s", bus);
	else
		return true;
	return false;
}

static struct scope *
get(void)
{
	g_autoptr(GError) error = NULL;
	struct scope *scope = scope_get(&error);

	g_assert_no_error(error);
	g_assert_nonnull(scope);
	return scope;
}

static char *
read_at(const char *dir, const char *file)
{
	g_autofree char *path = g_build_filename(dir, file, NULL);

	return fd_read_file_at(AT_FDCWD, path);
}

/* Is it there no more, at the latest after so long? */
static bool
gone(const char *path, unsigned ms)
{
	gint64 deadline = g_get_monotonic_time() + ms * (gint64)1000;

	while (access(path, F_OK) == 0 && g_get_monotonic_time() < deadline)
		(void)poll(NULL, 0, 5);
	return access(path, F_OK) < 0;
}

/* A second; the VM is ten times slower, and systemd is among the slow. */
static unsigned
second(void)
{
	return g_strcmp0(g_getenv("SBX_VM"), "1") == 0 ? 5000 : 1000;
}

static bool
is_running(pid_t pid)
{
	return kill(pid, 0) == 0 || errno != ESRCH;
}

static void
test_made(void)
{
	g_auto(leak_t) leak = { 0 };
	g_autoptr(scope_t) scope = NULL;
	g_autofree char *path = NULL;
	g_autofree char *procs = NULL;
	g_autofree char *leaf = NULL;
	g_autofree char *pid = NULL;
	g_autofree char *controllers = NULL;
	g_autofree char *enabled = NULL;
	g_autofree char *control = NULL;
	g_auto(GStrv) names = NULL;
	struct stat st;
	pid_t keeper;

	if (!can_run())
		return;
	leak_begin(&leak);
	scope = get();
	path = g_strdup(scope_path(scope));
	keeper = scope_keeper(scope)->pid;
	g_assert_cmpint(stat(path, &st), ==, 0);
	g_assert_cmpuint(st.st_uid, ==, geteuid());
	procs = read_at(path, "cgroup.procs");
	g_assert_cmpstr(procs, ==, "");
	leaf = read_at(path, "keeper/cgroup.procs");
	pid = g_strdup_printf("%d\n", (int)keeper);
	g_assert_cmpstr(leaf, ==, pid);

	controllers = read_at(path, "cgroup.controllers");
	g_assert_cmpstr(controllers, !=, "\n");
	names = g_strsplit(g_strstrip(controllers), " ", -1);
	control = g_build_filename(path, "cgroup.subtree_control", NULL);
	for (char **name = names; *name; name++) {
		g_autofree char *plus = g_strconcat("+", *name, NULL);
		bool done = fd_write_file_at(AT_FDCWD, control, plus);

		g_test_message("%s > %s", plus, control);
		g_assert_cmpint(done ? 0 : errno, ==, 0);
	}
	enabled = read_at(path, "cgroup.subtree_control");
	g_assert_cmpstr(g_strstrip(enabled), ==, controllers);

	g_clear_pointer(&scope, scope_unref);
	g_assert_false(is_running(keeper));
	g_assert_true(gone(path, second()));
	leak_check(&leak);
}

/* Without a process in a leaf the kernel refuses: the control of the case above. */
static void
test_inner_node(void)
{
	g_autoptr(scope_t) scope = NULL;
	g_autofree char *procs = NULL;
	g_autofree char *control = NULL;
	g_autofree char *pid = NULL;

	if (!can_run())
		return;
	scope = get();
	procs = g_build_filename(scope_path(scope), "cgroup.procs", NULL);
	control = g_build_filename(scope_path(scope), "cgroup.subtree_control", NULL);
	pid = g_strdup_printf("%d", (int)scope_keeper(scope)->pid);
	g_assert_true(fd_write_file_at(AT_FDCWD, procs, pid));
	g_assert_false(fd_write_file_at(AT_FDCWD, control, "+memory"));
	g_assert_cmpint(errno, ==, EBUSY);
}

static gpointer
get_in_thread(gpointer data)
{
	(void)data;
	return get();
}

static void
test_shared(void)
{
	GThread *threads[THREADS];
	struct scope *scopes[THREADS];
	g_autofree char *path = NULL;
	g_autofree char *next = NULL;
	g_autoptr(scope_t) again = NULL;

	if (!can_run())
		return;
	for (int i = 0; i < THREADS; i++)
		threads[i] = g_thread_new("get", get_in_thread, NULL);
	for (int i = 0; i < THREADS; i++)
		scopes[i] = g_thread_join(threads[i]);
	path = g_strdup(scope_path(scopes[0]));
	for (int i = 0; i < THREADS; i++) {
		g_assert_cmpstr(scope_path(scopes[i]), ==, path);
		g_assert_true(scopes[i] == scopes[0]);
	}
	for (int i = 0; i < THREADS - 1; i++)
		scope_unref(scopes[i]);
	g_assert_cmpint(access(path, F_OK), ==, 0);
	g_assert_true(is_running(scope_keeper(scopes[0])->pid));
	scope_unref(scopes[THREADS - 1]);
	g_assert_true(gone(path, second()));
	/* the next one is another */
	again = get();
	g_assert_cmpstr(scope_path(again), !=, path);
}

/* What a forked copy does with its parent's scope, and one of its own. */
static int
be_forked(struct scope *inherited)
{
	g_autofree char *path = g_strdup(scope_path(inherited));
	pid_t keeper = scope_keeper(inherited)->pid;
	g_autoptr(GError) error = NULL;
	struct scope *own = scope_get(&error);

	if (!own)
		return 2;
	if (strcmp(scope_path(own), path) == 0)
		return 3;
	scope_unref(inherited);
	if (access(path, F_OK) < 0 || !is_running(keeper))
		return 4;
	path = (g_free(path), g_strdup(scope_path(own)));
	scope_unref(own);
	return gone(path, second()) ? 0 : 5;
}

static void
test_forked(void)
{
	struct scope *scope;
	g_autofree char *path = NULL;
	pid_t child;
	int status = 0;

	if (!can_run())
		return;
	scope = get();
	path = g_strdup(scope_path(scope));
	child = fork();
	g_assert_cmpint(child, >=, 0);
	if (child == 0)
		_exit(be_forked(scope));
	g_assert_cmpint(waitpid(child, &status, 0), ==, child);
	/* 2: it got none, 3: it got its parent's, 4: its parent's is gone, 5: its own is left */
	g_assert_cmpint(status, ==, 0);
	g_assert_cmpint(access(path, F_OK), ==, 0);
	g_assert_true(is_running(scope_keeper(scope)->pid));
	scope_unref(scope);
	g_assert_true(gone(path, second()));
}

/* Stopped by somebody else: whoever has it keeps what is left of it, the next one gets a new one. */
static void
test_stopped(void)
{
	g_autoptr(scope_t) old = NULL;
	g_autoptr(scope_t) new = NULL;
	g_autofree char *file = NULL;
	struct pollfd end;

	if (!can_run())
		return;
	old = get();
	file = g_build_filename(scope_path(old), "cgroup.kill", NULL);
	g_assert_true(fd_write_file_at(AT_FDCWD, file, "1"));
	end = (struct pollfd){ .fd = scope_keeper(old)->pidfd, .events = POLLIN };
	g_assert_cmpint(poll(&end, 1, 10000), ==, 1);
	new = get();
	g_assert_true(new != old);
	g_assert_cmpstr(scope_path(new), !=, scope_path(old));
	g_assert_true(gone(scope_path(old), second()));
	g_clear_pointer(&old, scope_unref);
	g_assert_cmpint(access(scope_path(new), F_OK), ==, 0);
}

/* systemd's own stop ends it within its 5 seconds, and no later, though the keeper ignores SIGTERM while it watches. */
static void
test_systemctl_stop(void)
{
	g_autoptr(scope_t) scope = NULL;
	g_autofree char *unit = NULL;
	g_autofree char *runtime = g_strdup_printf("XDG_RUNTIME_DIR=/run/user/%u", (unsigned)geteuid());
	g_autoptr(GError) error = NULL;
	int status = -1;

	if (!can_run())
		return;
	scope = get();
	unit = g_path_get_basename(scope_path(scope));
	g_assert_true(g_spawn_sync(NULL,
	                           (char *[]){ "/usr/bin/env", runtime, "systemctl", geteuid() ? "--user" : "--system",
	                                       "stop", unit, NULL },
	                           NULL, 0, NULL, NULL, NULL, NULL, &status, &error));
	g_assert_no_error(error);
	g_assert_cmpint(status, ==, 0);
	g_assert_true(gone(scope_path(scope), 20000));
	g_assert_cmpint(poll(&(struct pollfd){ .fd = scope_keeper(scope)->pidfd, .events = POLLIN }, 1, 5000), ==, 1);
}

/* A host with a scope, and, where it may move one there, a process in it: "PATH KEEPER SLEEPER" go to `fd`. */
static void
be_host(int fd)
{
	struct scope *scope = get();
	g_autofree char *dir = g_build_filename(scope_path(scope), "box", NULL);
	g_autofree char *procs = g_build_filename(dir, "cgroup.procs", NULL);
	g_autofree char *text = NULL;
	g_autofree char *pid = NULL;
	pid_t sleeper = fork();

	if (sleeper == 0) {
		(void)poll(NULL, 0, 60000);
		_exit(0);
	}
	pid = g_strdup_printf("%d", (int)sleeper);
	if (mkdir(dir, 0755) < 0 || !fd_write_file_at(AT_FDCWD, procs, pid)) {
		/* a plain user who sits elsewhere may not */
		(void)kill(sleeper, SIGKILL);
		if (geteuid() == 0)
			_exit(1);
	}
	text = g_strdup_printf("%s %d %d\n", scope_path(scope), (int)scope_keeper(scope)->pid, (int)sleeper);
	(void)!write(fd, text, strlen(text));
	(void)poll(NULL, 0, 60000);
	_exit(1);
}

static void
test_host_dies(void)
{
	int fds[2];
	char text[4096] = "";
	ssize_t n;
	pid_t host;
	g_auto(GStrv) words = NULL;
	gint64 deadline;
	int status;

	if (!can_run())
		return;
	g_assert_cmpint(pipe(fds), ==, 0);
	host = fork();
	g_assert_cmpint(host, >=, 0);
	if (host == 0)
		be_host(fds[1]);
	(void)close(fds[1]);
	n = read(fds[0], text, sizeof(text) - 1);
	(void)close(fds[0]);
	g_assert_cmpint(n, >, 0);
	words = g_strsplit(g_strstrip(text), " ", -1);
	g_assert_cmpuint(g_strv_length(words), ==, 3);
	g_assert_cmpint(access(words[0], F_OK), ==, 0);
	g_assert_true(is_running(atoi(words[1])));
	if (geteuid() == 0)
		g_assert_true(is_running(atoi(words[2])));
	g_assert_cmpint(kill(host, SIGKILL), ==, 0);
	g_assert_cmpint(waitpid(host, &status, 0), ==, host);
	deadline = g_get_monotonic_time() + second() * (gint64)1000;
	while ((is_running(atoi(words[1])) || is_running(atoi(words[2]))) && g_get_monotonic_time() < deadline)
		(void)poll(NULL, 0, 5);
	g_assert_false(is_running(atoi(words[1])));
	g_assert_false(is_running(atoi(words[2])));
	g_assert_true(gone(words[0], second()));
}

static void
expect_delegated(const char *unit, bool user, int expected)
{
	g_autoptr(GError) error = NULL;
	int delegated = systemd_is_delegated(unit, user, &error);

	g_test_message("%s", unit);
	g_assert_no_error(error);
	g_assert_cmpint(delegated, ==, expected);
}

static void
test_delegated(void)
{
	g_autoptr(scope_t) scope = NULL;
	g_autofree char *unit = NULL;
	bool user = geteuid() != 0;

	if (!can_run())
		return;
	scope = get();
	unit = g_path_get_basename(scope_path(scope));
	expect_delegated(unit, user, 1);
	/* nobody has heard of it, and so nobody has delegated it */
	expect_delegated("sbx-none.service", user, 0);
	/* the system's manager is asked by a plain user as well, over the bus */
	expect_delegated("systemd-logind.service", false, 0);
	expect_delegated("user.slice", false, 0);
}

/* In a pid namespace of our own our numbers are not systemd's. */
static int
be_in_pid_ns(void)
{
	g_autofree char *map = g_strdup_printf("0 %u 1", (unsigned)geteuid());
	g_autoptr(GError) error = NULL;
	int status = 0;
	pid_t child;

	if (unshare(geteuid() == 0 ? CLONE_NEWPID : CLONE_NEWUSER | CLONE_NEWPID) < 0)
		return 2;
	if (geteuid() != 0 && !fd_write_file_at(AT_FDCWD, "/proc/self/uid_map", map))
		return 3;
	child = fork();
	if (child == 0) {
		struct scope *scope = scope_get(&error);

		if (scope)
			_exit(4);
		fprintf(stderr, "# %s\n# %s\n", error->message, error_hint(error));
		_exit(strstr(error->message, "another pid namespace") && error_hint(error) ? 0 : 5);
	}
	return waitpid(child, &status, 0) == child && WIFEXITED(status) ? WEXITSTATUS(status) : 6;
}

static void
test_pid_namespace(void)
{
	int status = 0;
	pid_t child;

	if (!can_run())
		return;
	child = fork();
	if (child == 0)
		_exit(be_in_pid_ns());
	g_assert_cmpint(waitpid(child, &status, 0), ==, child);
	g_assert_cmpint(status, ==, 0);
}

/* A manager that accepts and says nothing, in a /run of our own. The status that the test expects is 0. */
static int
be_where_it_is_silent(void)
{
	struct sockaddr_un address = { .sun_family = AF_UNIX, .sun_path = "/run/systemd/private" };
	g_autoptr(GError) first = NULL, second_error = NULL;
	gint64 begin = g_get_monotonic_time();
	autofd fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

	if (unshare(CLONE_NEWNS) < 0 || mount("none", "/", NULL, MS_REC | MS_PRIVATE, NULL) < 0 ||
	    mount("none", "/run", "tmpfs", 0, NULL) < 0 || g_mkdir_with_parents("/run/systemd/system", 0755) < 0 ||
	    bind(fd, (struct sockaddr *)&address, sizeof address) < 0 || listen(fd, 10) < 0)
		return 2;
	if (scope_get(&first) || first->code != ETIMEDOUT)
		return 3;
	fprintf(stderr, "# after %d ms: %s\n", (int)((g_get_monotonic_time() - begin) / 1000), first->message);
	if (g_get_monotonic_time() - begin > 15 * G_USEC_PER_SEC)
		return 4;
	begin = g_get_monotonic_time();
	if (scope_get(&second_error) || !g_str_equal(second_error->message, first->message))
		return 5;
	return g_get_monotonic_time() - begin < 2 * G_USEC_PER_SEC ? 0 : 6;
}

/* It costs its time once, and not for each thing that a launch or the doctor wants to know. */
static void
test_silent(void)
{
	int status = 0;
	pid_t child;

	if (!life_is_real_root()) {
		life_not_allowed("root");
		return;
	}
	child = fork();
	if (child == 0)
		_exit(be_where_it_is_silent());
	g_assert_cmpint(waitpid(child, &status, 0), ==, child);
	g_assert_cmphex(status, ==, 0);
}

/* No assertion: what a sequence of boxes pays each time, for whoever reads the log. */
static void
test_cost(void)
{
	gint64 begin, made = 0, ended = 0;

	if (!can_run())
		return;
	for (int i = 0; i < 3; i++) {
		struct scope *scope;

		begin = g_get_monotonic_time();
		scope = get();
		made += g_get_monotonic_time() - begin;
		begin = g_get_monotonic_time();
		scope_unref(scope);
		ended += g_get_monotonic_time() - begin;
	}
	g_test_message("scope_get: %d us, scope_unref: %d us", (int)(made / 3), (int)(ended / 3));
}

int
main(int argc, char **argv)
{
	g_test_init(&argc, &argv, NULL);
	life_begin(60);
	g_test_add_func("/scope/made", test_made);
	g_test_add_func("/scope/inner-node", test_inner_node);
	g_test_add_func("/scope/shared", test_shared);
	g_test_add_func("/scope/forked", test_forked);
	g_test_add_func("/scope/stopped", test_stopped);
	g_test_add_func("/scope/systemctl-stop", test_systemctl_stop);
	g_test_add_func("/scope/host-dies", test_host_dies);
	g_test_add_func("/scope/delegated", test_delegated);
	g_test_add_func("/scope/pid-namespace", test_pid_namespace);
	g_test_add_func("/scope/silent", test_silent);
	g_test_add_func("/scope/cost", test_cost);
	return g_test_run();
}
