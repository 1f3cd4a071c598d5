/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* SPDX-FileCopyrightText: The libsbx developers */

/* What a review has found at the edges of a box, seen from its inside. test-edges-host.c has those of the caller. */
#include <errno.h>
#include <fcntl.h>
#include <jansson.h>
#include <sched.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "life.h"
#include "live.h"

/* --- the program's fd --------------------------------------------------------------------------------------------- */

/* Given another program's fd on any number, when exec_fd is run, then it is exec_fd that runs. */
static void
test_exec_fd_slots(void)
{
	int other = open("/bin/true", O_RDONLY | O_CLOEXEC), program = open("/bin/echo", O_RDONLY | O_CLOEXEC);
	sbx_fd_map all[12];

	g_assert_cmpint(other, >=, 0);
	g_assert_cmpint(program, >=, 0);
	for (int i = 0; i < 12; i++) {
		sbx_fd_map one = { other, 3 + i };
		sbx_command command = { .argv = ARGV("echo", "hello"), .exec_fd = program, .fds = &one, .n_fds = 1 };
		g_autoptr(live_t) box = live_command(NO_SPEC, &command);

		g_test_message("on %d", one.box);
		live_says(box, "hello\n");
		all[i] = one;
	}
	for (size_t n = 2; n <= G_N_ELEMENTS(all); n += 5) {
		sbx_command command = { .argv = ARGV("echo", "hello"), .exec_fd = program, .fds = all, .n_fds = n };
		g_autoptr(live_t) box = live_command(NO_SPEC, &command);

		live_says(box, "hello\n");
	}
	close(other);
	close(program);
}

/* --- net=PATH ----------------------------------------------------------------------------------------------------- */

static void
is_no_net(const char *path)
{
	gint64 begin = g_get_monotonic_time();
	g_autoptr(live_t) box = live_run(SPEC("net", path), "true");

	g_test_message("%s", path);
	live_failed(box, "namespace", EINVAL, "is not a network namespace");
	live_contains(box->message, path);
	g_assert_cmpstr(box->key, ==, "net");
	g_assert_cmpint(g_get_monotonic_time() - begin, <, 5 * G_USEC_PER_SEC);
}

static void
test_net_other(void)
{
	autodir dir = live_dir();
	g_autofree char *fifo = live_path(dir, "fifo"), *file = live_file(dir, "file", "text\n");

	g_assert_cmpint(mkfifo(fifo, 0666), ==, 0);
	is_no_net("/proc/self/ns/uts");
	is_no_net(fifo); /* nobody will ever write to it */
	is_no_net(file);
	is_no_net("/dev/null");
}

/* The positive control: a network namespace, by its path and by its fd. */
static void
join_own_net(void)
{
	const char *path = "/proc/self/ns/net";
	g_autofree char *link = NULL, *expected = NULL;
	g_autoptr(sbx_spec) spec = live_spec_new(NO_SPEC);
	sbx_command command = { .size = sizeof command,
		                    .argv = ARGV("readlink", path),
		                    .stdio = { SBX_STDIO_NULL, SBX_STDIO_CAPTURE, SBX_STDIO_CAPTURE } };
	g_autoptr(live_t) by_fd = NULL, by_path = NULL;
	sbx_error *error = NULL;
	int fd;

	g_assert_cmpint(unshare(CLONE_NEWNET), ==, 0);
	link = g_file_read_link(path, NULL);
	expected = g_strconcat(link, "\n", NULL);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	EXPECT(0, sbx_spec_join(spec, "net", fd, &error), &error);
	close(fd);
	by_fd = live_spec(spec, &command);
	live_says(by_fd, expected);
	by_path = live_argv(SPEC("net", path), command.argv);
	live_says(by_path, expected);
}

static void
test_net_joined(void)
{
	if (live_mode() == LIVE_USER)
		live_skip_mode("joining needs root, of a user namespace at least");
	else
		live_child(join_own_net);
}

/* --- best effort -------------------------------------------------------------------------------------------------- */

/* The report has this wish, and what is applied of it is something, or null. */
static void
is_applied(const char *json, const char *key, const char *asked, bool expected)
{
	json_t *object = json_loads(json, 0, NULL), *limits;
	unsigned seen = 0;

	if (!object)
		g_error("no JSON: %s", json);
	limits = json_object_get(object, "limits");
	for (size_t i = 0; i < json_array_size(limits); i++) {
		json_t *limit = json_array_get(limits, i), *applied = json_object_get(limit, "applied");

		if (g_strcmp0(json_string_value(json_object_get(limit, "key")), key) != 0 ||
		    g_strcmp0(json_string_value(json_object_get(limit, "asked")), asked) != 0)
			continue;
		seen++;
		if (!applied || json_is_null(applied) == expected)
			g_error("%s %s: expected applied %s null in: %s", key, asked, expected ? "not to be" : "to be", json);
	}
	json_decref(object);
	if (seen != 1)
		g_error("%s %s is %u times in the limits, expected once: %s", key, asked, seen, json);
}

static void
test_best_effort_binds(void)
{
	autodir dir = live_dir();
	g_autofree char *file = live_file(dir, "file", "mounted\n"), *good = live_pair(dir, "/tmp/good");
	g_autoptr(sbx_spec) spec = live_spec_new(NO_SPEC);
	sbx_command command = { .size = sizeof command,
		                    .argv = ARGV("cat", "/tmp/good/file"),
		                    .stdio = { SBX_STDIO_NULL, SBX_STDIO_CAPTURE, SBX_STDIO_CAPTURE } };
	g_autoptr(live_t) box = NULL;
	sbx_error *error = NULL;
	char *wishes[12];

	for (int i = 0; i < 12; i++) {
		wishes[i] = g_strdup_printf("%s:/proc/nope-%d", file, i);
		if (i == 6)
			EXPECT(0, sbx_spec_set(spec, "?ro-bind", good, &error), &error);
		EXPECT(0, sbx_spec_set(spec, "?ro-bind", wishes[i], &error), &error);
	}
	box = live_spec(spec, &command);
	live_says(box, "mounted\n");
	is_applied(box->json, "ro-bind", good, true);
	for (int i = 0; i < 12; i++) {
		is_applied(box->json, "ro-bind", wishes[i], false);
		g_free(wishes[i]);
	}
}

/* Without the numbers of mounts and devices, which no two boxes share. */
#define MOUNTS "sed -E 's/^[^ ]+ [^ ]+ [^ ]+ //; s/ (master|shared|propagate_from):[0-9]+//g' /proc/self/mountinfo"

static void
test_best_effort_tmpfs(void)
{
	g_autoptr(live_t) without = live_run(NO_SPEC, MOUNTS);
	g_autoptr(live_t) box = live_run(SPEC("?tmpfs", "/proc/nope"), MOUNTS);
	g_autoptr(live_t) control = live_run(SPEC("?tmpfs", "/tmp/there"), MOUNTS);

	live_ok(without);
	live_says(box, without->out);
	is_applied(box->json, "tmpfs", "/proc/nope", false);
	live_ok(control);
	live_contains(control->out, " /tmp/there ");
	is_applied(control->json, "tmpfs", "/tmp/there", true);
}

/* --- init in the host's pid namespace ----------------------------------------------------------------------------- */

static void
test_share_pid_signals(void)
{
	g_autoptr(live_t) box = live_run(SPEC("share", "pid", "env", "LC_ALL=C"),
	                                 "[ $PPID -gt 1 ] && echo parent; kill -STOP $PPID || echo no; "
	                                 "kill -KILL $PPID || echo no; sleep 1000 & kill -KILL $! && echo own; wait");

	if (live_is_root() && box->error == ENOTSUP) {
		live_failed(box, "namespace", ENOTSUP, "share=pid needs a cgroup");
		live_skip("a cgroup of the box's own");
	} else if (live_is_root()) {
		live_says(box, "parent\nno\nno\nown\n");
		live_contains(box->err, "Operation not permitted");
	} else {
		/* who has one id only can't give init another; or there is no cgroup, which is found first */
		g_assert_cmpint(box->error, !=, 0);
		if (box->error == EPERM)
			live_failed(box, "identity", EPERM, "share=pid: init would run as user");
		else
			live_failed(box, "namespace", ENOTSUP, "share=pid needs a cgroup");
		g_assert_cmpstr(box->key, ==, "share");
	}
}

/* --- user namespaces ---------------------------------------------------------------------------------------------- */

#define NEW_USER "10000000" /* CLONE_NEWUSER */

static void
test_no_user_namespaces(void)
{
	g_autofree char *probe = live_probe(), *outside = NULL;
	const char *const argv[] = { probe, "unshare", NEW_USER, NULL };
	g_autoptr(live_t) limit = live_run(NO_SPEC, "cat /proc/sys/user/max_user_namespaces");
	g_autoptr(live_t) box = live_argv(SPEC("seccomp", "none"), ARGV(PROBE, "unshare", NEW_USER));
	g_autoptr(live_t) control =
		live_argv(SPEC("seccomp", "none"), ARGV(PROBE, "unshare", "4000000" /* CLONE_NEWUTS */));

	live_says(limit, "0\n");
	g_assert_true(g_spawn_sync(NULL, (char **)argv, NULL, G_SPAWN_DEFAULT, NULL, NULL, &outside, NULL, NULL, NULL));
	if (!g_str_equal(outside, "ok\n")) {
		live_skip_mode("no user namespaces outside either");
		return;
	}
	live_says(box, "ENOSPC\n");
	live_says(control, "EPERM\n"); /* it is not that everything gives ENOSPC */
}

/* --- root of a user namespace with a range of ids ----------------------------------------------------------------- */

static void
as_ranged_root(void)
{
	autodir dir = live_dir();
	g_autofree char *secret = live_file(dir, "secret", "secret\n"), *open_file = live_file(dir, "open", "open\n");
	g_autofree char *script =
		g_strdup_printf("cat %s; cat %s; tr -s ' ' </proc/self/uid_map; tr -s ' ' </proc/self/gid_map", open_file,
	                    secret);
	g_autofree char *text = NULL;
	g_autoptr(live_t) box = NULL, refused = NULL;
	unsigned uid[3], gid[3];

	g_assert_cmpint(chmod(secret, 0600), ==, 0);
	text = live_read(secret);
	g_assert_cmpstr(text, ==, "secret\n"); /* the positive control */
	box = live_run(SPEC("env", "LC_ALL=C"), script);
	live_ok(box);
	live_contains(box->err, "Permission denied");
	if (sscanf(box->out, "open\n%u %u %u %u %u %u", &uid[0], &uid[1], &uid[2], &gid[0], &gid[1], &gid[2]) != 6)
		g_error("expected the open file and two maps: %s", box->out);
	g_assert_cmpuint(uid[1], !=, 0);
	g_assert_cmpuint(uid[2], ==, 1);
	g_assert_cmpuint(gid[1], !=, 0);
	g_assert_cmpuint(gid[2], ==, 1);
	refused = live_run(SPEC("user", "0", "uid-map", "0:0:1", "gid-map", "0:1000:1"), "true");
	live_failed(refused, "identity", EPERM, "uid-map");
}

static void
write_map(pid_t pid, const char *file)
{
	g_autofree char *path = g_strdup_printf("/proc/%d/%s", pid, file);
	int fd = open(path, O_WRONLY | O_CLOEXEC);

	g_assert_cmpint(write(fd, "0 100000 65536", 14), ==, 14);
	close(fd);
}

static void
await_byte(int fd)
{
	char byte;

	g_assert_cmpint(read(fd, &byte, 1), ==, 1);
}

static int ready[2], mapped[2];

static void
become_ranged_root(void)
{
	g_assert_cmpint(unshare(CLONE_NEWUSER), ==, 0);
	g_assert_cmpint(write(ready[1], "x", 1), ==, 1);
	await_byte(mapped[0]);
	g_assert_cmpint(syscall(SYS_setgroups, 0, NULL), ==, 0);
	g_assert_cmpint(setresgid(0, 0, 0), ==, 0);
	g_assert_cmpint(setresuid(0, 0, 0), ==, 0);
	g_assert_cmpint(prctl(PR_SET_DUMPABLE, 1, 0, 0, 0), ==, 0);
	as_ranged_root();
}

static void
map_range(void)
{
	pid_t target = getpid();
	pid_t mapper = fork();

	if (mapper == 0) {
		await_byte(ready[0]);
		write_map(target, "uid_map");
		write_map(target, "gid_map");
		_exit(write(mapped[1], "x", 1) != 1);
	}
	become_ranged_root();
}

static void
test_ranged_root(void)
{
	if (!live_is_root()) {
		live_skip_mode("needs root of the host");
		return;
	}
	g_assert_cmpint(pipe2(ready, O_CLOEXEC), ==, 0);
	g_assert_cmpint(pipe2(mapped, O_CLOEXEC), ==, 0);
	live_child(map_range);
	for (int i = 0; i < 2; i++) {
		close(ready[i]);
		close(mapped[i]);
	}
}

/* --- devices ------------------------------------------------------------------------------------------------------ */

static void
test_device_nodes(void)
{
	struct stat before, after;
	g_autoptr(live_t) changes = NULL, uses = NULL;

	if (!live_is_root()) {
		live_skip_mode("needs root of the host, who owns the nodes");
		return;
	}
	g_assert_cmpint(stat("/dev/full", &before), ==, 0);
	changes = live_run(SPEC("share", "user", "user", "0", "env", "LC_ALL=C"),
	                   "id -u; touch -d @1 /dev/full || echo touch; chmod 600 /dev/full || echo chmod");
	uses = live_run(SPEC("share", "user", "user", "0", "env", "LC_ALL=C"),
	                "echo x >/dev/null && head -c 4 /dev/zero | wc -c; " PROBE " write /dev/full x");
	g_assert_cmpint(stat("/dev/full", &after), ==, 0);
	live_says(changes, "0\ntouch\nchmod\n");
	live_contains(changes->err, "Read-only file system");
	live_lacks(changes->err, "not permitted");
	g_assert_cmpint(after.st_mtim.tv_sec, ==, before.st_mtim.tv_sec);
	g_assert_cmpint(after.st_mtim.tv_nsec, ==, before.st_mtim.tv_nsec);
	g_assert_cmpint(after.st_ctim.tv_sec, ==, before.st_ctim.tv_sec);
	g_assert_cmpint(after.st_ctim.tv_nsec, ==, before.st_ctim.tv_nsec);
	g_assert_cmphex(after.st_mode, ==, before.st_mode);
	live_says(uses, "4\nENOSPC\n");
}

/* --- output ------------------------------------------------------------------------------------------------------- */

/* Opened anew, the payload's own streams are its own. */
static void
test_reopen_captured(void)
{
	g_autoptr(live_t) box = live_run(NO_SPEC, "echo x >/dev/stderr; echo y >/dev/stdout");

	live_says(box, "y\n");
	g_assert_cmpstr(box->err, ==, "x\n");
}

int
main(int argc, char **argv)
{
	g_test_init(&argc, &argv, NULL);
	life_begin(60);
	g_test_add_func("/edges/exec-fd/slots", test_exec_fd_slots);
	g_test_add_func("/edges/net/other", test_net_other);
	g_test_add_func("/edges/net/joined", test_net_joined);
	g_test_add_func("/edges/best-effort/binds", test_best_effort_binds);
	g_test_add_func("/edges/best-effort/tmpfs", test_best_effort_tmpfs);
	g_test_add_func("/edges/share-pid/signals", test_share_pid_signals);
	g_test_add_func("/edges/user-namespaces", test_no_user_namespaces);
	g_test_add_func("/edges/ranged-root", test_ranged_root);
	g_test_add_func("/edges/device-nodes", test_device_nodes);
	g_test_add_func("/edges/output/reopen", test_reopen_captured);
	return g_test_run();
}
