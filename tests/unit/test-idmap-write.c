/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* SPDX-FileCopyrightText: The libsbx developers */

/* Tests of id maps: written for real, as root, and as a plain user through newuidmap. */
#include "idmap.h"

#include <errno.h>
#include <glib.h>
#include <grp.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "error.h"
#include "host.h"

#define PLAIN 1 /* daemon: a user that every system has */

static void
skip(const char *missing)
{
	if (!g_strcmp0(g_getenv("SBX_MUST_WORK"), "1"))
		g_test_fail_printf("may not be skipped: %s", missing);
	else
		g_test_skip(missing);
}

/* "0:1000:1 1:100000:65536" */
static GArray *
map_new(const char *text)
{
	g_auto(GStrv) lines = g_strsplit(text, " ", -1);
	GArray *map = g_array_new(FALSE, FALSE, sizeof(struct value_map));

	for (char **line = lines; *line; line++) {
		struct value_map value;

		if (sscanf(*line, "%u:%u:%u", &value.inside, &value.outside, &value.count) == 3)
			g_array_append_val(map, value);
	}
	return map;
}

/* --- what all have in common -------------------------------------------------------------------------------------- */

struct target {
	pid_t pid;
	int pidfd;
	int fd; /* closing it ends the process */
};

/* A process that waits in a new user namespace. */
static bool
target_new(struct target *ret)
{
	int fds[2];
	char c;

	if (pipe(fds) < 0)
		return false;
	ret->pid = syscall(SYS_clone, CLONE_NEWUSER | SIGCHLD, NULL, NULL, NULL, NULL);
	if (ret->pid == 0) {
		close(fds[1]);
		_exit(read(fds[0], &c, 1) != 0);
	}
	close(fds[0]);
	ret->fd = fds[1];
	if (ret->pid < 0)
		close(ret->fd);
	else
		ret->pidfd = syscall(SYS_pidfd_open, ret->pid, 0);
	return ret->pid > 0;
}

static void
target_end(struct target *target)
{
	close(target->fd);
	close(target->pidfd);
	waitpid(target->pid, NULL, 0);
}

static char *
target_read(const struct target *target, const char *file)
{
	g_autofree char *path = g_strdup_printf("/proc/%d/%s", target->pid, file), *text = NULL;
	GString *squeezed = g_string_new(NULL);

	g_file_get_contents(path, &text, NULL, NULL);
	for (const char *c = text ? text : "?"; *c; c++)
		if (*c != ' ' || (c > text && c[-1] != ' ' && c[-1] != '\n'))
			g_string_append_c(squeezed, *c == '\n' ? ';' : *c);
	return g_string_free(squeezed, FALSE);
}

/* The result in words: "ok UID_MAP GID_MAP SETGROUPS" or "CODE KEY MESSAGE [HINT]", the pid as PID. */
static char *
write_maps(const char *uid, const char *gid, bool deny)
{
	struct idmap map = { map_new(uid), map_new(gid), deny };
	g_autoptr(GError) error = NULL;
	g_autoptr(GString) text = g_string_new(NULL);
	g_autofree char *pid = NULL;
	struct target target;

	if (!target_new(&target))
		return g_strdup_printf("no user namespace: %s", strerror(errno));
	if (idmap_write(target.pid, target.pidfd, &map, &error)) {
		g_autofree char *u = target_read(&target, "uid_map"), *g = target_read(&target, "gid_map");
		g_autofree char *s = target_read(&target, "setgroups");

		g_string_printf(text, "ok %s %s %s", u, g, s);
	} else {
		g_string_printf(text, "%d %s %s [%s]", error->code, error_key(error), error->message,
		                error_hint(error) ? error_hint(error) : "");
	}
	target_end(&target);
	g_array_unref(map.uid);
	g_array_unref(map.gid);
	pid = g_strdup_printf("/%d/", target.pid);
	g_string_replace(text, pid, "/PID/", 0);
	return g_string_free(g_steal_pointer(&text), FALSE);
}

/* What anybody can do, root, plain user, and root of a user namespace alike. */
static void
test_self(void)
{
	g_autofree char *uid = g_strdup_printf("7:%u:1", geteuid()), *gid = g_strdup_printf("8:%u:1", getegid());
	g_autofree char *expected = g_strdup_printf("ok 7 %u 1; 8 %u 1; deny;", geteuid(), getegid());
	g_autofree char *got = write_maps(uid, gid, true);

	if (g_str_has_prefix(got, "no user namespace: "))
		skip(got);
	else
		g_assert_cmpstr(got, ==, expected);
}

static bool
real_root(void)
{
	return geteuid() == 0 && host_is_initial_user_ns();
}

static void
test_root(void)
{
	g_autofree char *many = NULL, *one = NULL, *bad = NULL;

	if (!real_root()) {
		skip("root is needed to map foreign ids");
		return;
	}
	one = write_maps("0:65534:1", "0:65534:1", true);
	g_assert_cmpstr(one, ==, "ok 0 65534 1; 0 65534 1; deny;");
	many = write_maps("9:109:1 0:100:1 8:108:1 1:101:1 7:107:1 2:102:1 6:106:1", "0:100:10 20:120:10", false);
	g_assert_true(g_str_has_prefix(many, "ok "));
	g_assert_true(g_str_has_suffix(many, "0 100 10;20 120 10; allow;"));
	bad = write_maps("0:100:10 5:200:1", "0:100:1", false);
	g_assert_cmpstr(bad, ==, "22 uid-map uid-map: 0:100:10 and 5:200:1 overlap inside []");
}

static void
test_errors(void)
{
	g_autoptr(GArray) map = map_new("0:65534:1"), other = map_new("0:65533:1");
	struct idmap maps = { map, map, true }, others = { other, other, false };
	g_autoptr(GError) error = NULL;
	g_autofree char *message = NULL;
	struct target target;

	if (!real_root() || !target_new(&target)) {
		skip("root and user namespaces are needed");
		return;
	}
	g_assert_true(idmap_write(target.pid, target.pidfd, &maps, &error));
	g_assert_no_error(error);
	g_assert_false(idmap_write(target.pid, target.pidfd, &others, &error));
	message = g_strdup_printf("write \"0 65533 1\" to /proc/%d/gid_map: Operation not permitted", target.pid);
	g_assert_cmpstr(error->message, ==, message);
	g_clear_error(&error);
	target_end(&target);

	g_assert_false(idmap_write(target.pid, target.pidfd, &maps, &error));
	g_assert_error(error, SBX_ERROR, ENOENT);
	g_clear_pointer(&message, g_free);
	message = g_strdup_printf("open /proc/%d: No such file or directory", target.pid);
	g_assert_cmpstr(error->message, ==, message);
}

/* --- as a plain user ----------------------------------------------------------------------------------------------- */

struct plain {
	const char *subuid, *subgid; /* what stands in /etc while the test runs; NULL: as /dev/null */
	const char *uid, *gid;
	bool deny, no_helper, no_new_privs;
	void (*prepare)(void);
	const char *expected;
};

/* Lay a text, or /dev/null, over a file; only this process and its children see it. */
static bool
cover(const char *file, const char *text)
{
	char name[] = "/tmp/sbx-idmap-XXXXXX";
	int fd = text ? mkstemp(name) : -1;
	bool good;

	if (text && (fd < 0 || write(fd, text, strlen(text)) < 0 || fchmod(fd, 0644)))
		return false;
	good = mount(text ? name : "/dev/null", file, NULL, MS_BIND, NULL) == 0;
	if (text) {
		close(fd);
		unlink(name);
	}
	return good;
}

static void
plain_run(const struct plain *plain, int out)
{
	g_autofree char *result = NULL;

	if (unshare(CLONE_NEWNS) || mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) ||
	    !cover("/etc/subuid", plain->subuid) || !cover("/etc/subgid", plain->subgid) ||
	    (plain->no_helper && (!cover("/usr/bin/newuidmap", NULL) || !cover("/usr/bin/newgidmap", NULL))) ||
	    (plain->no_new_privs && prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0)) || setgroups(0, NULL) ||
	    setresgid(PLAIN, PLAIN, PLAIN) || setresuid(PLAIN, PLAIN, PLAIN) || prctl(PR_SET_DUMPABLE, 1, 0, 0, 0)) {
		dprintf(out, "prepare: %s", strerror(errno));
		_exit(1);
	}
	if (plain->prepare)
		plain->prepare();
	result = write_maps(plain->uid, plain->gid, plain->deny);
	dprintf(out, "%s", result);
	_exit(0);
}

static void
test_plain(const void *data)
{
	const struct plain *plain = data;
	char said[1024] = "";
	size_t len = 0;
	ssize_t n;
	int fds[2];
	pid_t pid;

	if (!real_root() || (!plain->no_helper && access("/usr/bin/newuidmap", X_OK)) || access("/etc/subuid", F_OK)) {
		skip("root, newuidmap and /etc/subuid are needed to become a plain user who has newuidmap");
		return;
	}
	g_assert_cmpint(pipe(fds), ==, 0);
	pid = fork();
	g_assert_cmpint(pid, >=, 0);
	if (pid == 0)
		plain_run(plain, fds[1]);
	close(fds[1]);
	while (len < sizeof said - 1 && (n = read(fds[0], said + len, sizeof said - 1 - len)) > 0)
		len += n;
	close(fds[0]);
	g_assert_cmpint(waitpid(pid, NULL, 0), ==, pid);
	if (g_str_has_prefix(said, "no user namespace: "))
		skip(said);
	else
		g_assert_cmpstr(said, ==, plain->expected);
}

static void
sigchld_ignored(void)
{
	signal(SIGCHLD, SIG_IGN);
}

static void *
reaper_main(void *data)
{
	for (;;)
		if (waitpid(-1, NULL, __WALL) < 0)
			usleep(50);
	return data;
}

static void
foreign_reaper(void)
{
	pthread_t thread;

	if (pthread_create(&thread, NULL, reaper_main, NULL))
		_exit(1);
}

static void
no_streams(void)
{
	close(0);
	close(1);
	close(2);
}

static void
signals_blocked(void)
{
	sigset_t all;

	sigfillset(&all);
	sigprocmask(SIG_SETMASK, &all, NULL);
	signal(SIGPIPE, SIG_IGN);
}

#define GRANT "daemon:200000:1000\n"
#define MANY .subuid = GRANT, .subgid = "1:300000:1000\n", .uid = "0:1:1 1:200000:1000", .gid = "0:1:1 1:300000:500"
#define MANY_OK "ok 0 1 1;1 200000 1000; 0 1 1;1 300000 500; allow;"

static const struct {
	const char *name;
	struct plain plain;
} plains[] = {
	{ "own", { .uid = "1000:1:1", .gid = "1000:1:1", .deny = true, .expected = "ok 1000 1 1; 1000 1 1; deny;" } },
	{ "own-without-helper",
	  { .uid = "0:1:1", .gid = "0:1:1", .deny = true, .no_helper = true, .expected = "ok 0 1 1; 0 1 1; deny;" } },
	{ "own-setgroups-allowed",
	  { .uid = "0:1:1",
	    .gid = "0:1:1",
	    .expected = "1 gid-map write \"0 1 1\" to /proc/PID/gid_map: Operation not permitted "
	                "[a plain user can map the one own id, with setgroups denied]" } },
	{ "helper", { MANY, .expected = MANY_OK } },
	{ "helper-sigchld-ignored", { MANY, .prepare = sigchld_ignored, .expected = MANY_OK } },
	{ "helper-foreign-reaper", { MANY, .prepare = foreign_reaper, .expected = MANY_OK } },
	{ "helper-no-streams", { MANY, .prepare = no_streams, .expected = MANY_OK } },
	{ "helper-signals-blocked", { MANY, .prepare = signals_blocked, .expected = MANY_OK } },
	{ "helper-denied-setgroups",
	  { MANY, .deny = true, .expected = "ok 0 1 1;1 200000 1000; 0 1 1;1 300000 500; deny;" } },
	{ "no-helper",
	  { MANY, .no_helper = true,
	    .expected = "2 gid-map there is no newgidmap, which maps other ids for a plain user "
	                "[install uidmap (newuidmap, newgidmap)]" } },
	{ "no-new-privs",
	  { MANY, .no_new_privs = true,
	    .expected = "1 gid-map newgidmap failed: newgidmap: write to gid_map failed: Operation not permitted "
	                "[no_new_privs is set for this process, so newgidmap, which is setuid, cannot work]" } },
	{ "no-grant",
	  { .uid = "0:200000:10",
	    .gid = "0:1:1",
	    .deny = true,
	    .expected = "1 uid-map /etc/subuid does not grant the ids 200000 to 200009 to uid 1 "
	                "[add \"daemon:200000:10\" to /etc/subuid]" } },
	{ "grant-too-small",
	  { .subuid = GRANT,
	    .subgid = "daemon:1:5\n1:100:10\n",
	    .uid = "0:200000:10",
	    .gid = "0:100:11",
	    .expected = "1 gid-map /etc/subgid does not grant the ids 100 to 110 to uid 1 "
	                "[add \"daemon:100:11\" to /etc/subgid]" } },
};

int
main(int argc, char **argv)
{
	g_test_init(&argc, &argv, NULL);
	g_test_add_func("/idmap/write/self", test_self);
	g_test_add_func("/idmap/write/root", test_root);
	g_test_add_func("/idmap/write/errors", test_errors);
	for (size_t i = 0; i < G_N_ELEMENTS(plains); i++) {
		g_autofree char *path = g_strdup_printf("/idmap/write/plain/%s", plains[i].name);

		g_test_add_data_func(path, &plains[i].plain, test_plain);
	}
	return g_test_run();
}
