/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* SPDX-FileCopyrightText: The libsbx developers */

/* Walls that stand behind another one, so that nothing is seen when they are missing unless one looks for them. */
#include "live.h"

#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include "life.h"

/* --- groups: root's own must not go along --- */

static void
with_groups(void)
{
	static const gid_t groups[] = { 5, 6, 7 };
	const char *const *argv = ARGV("grep", "^Groups", "/proc/self/status");
	g_autoptr(live_t) host = NULL, own = NULL, none = NULL;

	g_assert_cmpint(setgroups(G_N_ELEMENTS(groups), groups), ==, 0);
	g_assert_cmpint(getgroups(0, NULL), ==, 3);
	host = live_argv(SPEC("share", "user", "user", "1234:2345"), argv);
	own = live_argv(SPEC("user", "1234:2345"), argv);
	none = live_argv(SPEC("share", "user", "user", "0"), argv);
	live_says(host, "Groups:\t2345 \n");
	live_says(own, "Groups:\t2345 \n");
	live_says(none, "Groups:\t0 \n");
}

static void
test_groups(void)
{
	if (live_is_root())
		live_child(with_groups);
	else
		live_skip_mode("needs root of the host");
}

/* --- mounts --- */

/* The options of the mount at `point` inside, as mountinfo has them. */
static char *
options_at(const char *const *keys, const char *point)
{
	g_autofree char *script = g_strdup_printf("awk '$5 == \"%s\" { print $6 }' /proc/self/mountinfo", point);
	g_autoptr(live_t) box = live_run(keys, script);

	live_ok(box);
	return g_strdup(g_strchomp(box->out));
}

static void
test_bind_flags(void)
{
	autodir dir = live_dir();
	g_autofree char *pair = live_pair(dir, "/tmp/x");
	g_autofree char *writable = options_at(SPEC("bind", pair), "/tmp/x");
	g_autofree char *readable = options_at(SPEC("ro-bind", pair), "/tmp/x");

	live_contains(writable, "rw,");
	live_contains(writable, "nosuid");
	live_contains(writable, "nodev");
	live_contains(readable, "ro,");
	live_contains(readable, "nosuid");
	live_contains(readable, "nodev");
}

/* A device node that lies in a directory of the host, F26. */
static void
test_planted_node(void)
{
	autodir dir = live_dir();
	g_autofree char *pair = live_pair(dir, "/tmp/x"), *node = live_path(dir, "null");
	g_autoptr(live_t) box = NULL, as_host = NULL;
	int fd;

	if (!live_is_root()) {
		live_skip_mode("needs root of the host");
		return;
	}
	g_assert_cmpint(mknod(node, S_IFCHR | 0666, makedev(1, 3)), ==, 0);
	g_assert_cmpint(chmod(node, 0666), ==, 0);
	fd = open(node, O_RDWR);
	if (fd < 0 && errno == EACCES) {
		live_skip("a directory for tests without nodev");
		return;
	}
	g_assert_cmpint(fd, >=, 0); /* the positive control */
	close(fd);
	box = live_argv(SPEC("bind", pair), ARGV(PROBE, "open", "/tmp/x/null", "r"));
	as_host = live_argv(SPEC("bind", pair, "share", "user", "user", "0"), ARGV(PROBE, "open", "/tmp/x/null", "r"));
	live_says(box, "EACCES\n");
	live_says(as_host, "EACCES\n");
}

/* Host root without a user namespace is stopped by nothing but the read-only mounts, F16. */
static void
test_knobs_of_host_root(void)
{
	static const char *const knobs[] = { "/proc/sys/kernel/core_pattern", "/proc/sys/kernel/modprobe",
		                                 "/proc/sys/vm/drop_caches", "/proc/sysrq-trigger" };
	int opened = 0;

	if (!live_is_root()) {
		live_skip_mode("needs root of the host");
		return;
	}
	for (size_t i = 0; i < G_N_ELEMENTS(knobs); i++) {
		int fd = open(knobs[i], O_WRONLY);
		g_autoptr(live_t) box = NULL;

		if (fd < 0)
			continue;
		close(fd);
		opened++;
		box = live_argv(SPEC("share", "user", "user", "0"), ARGV(PROBE, "open", knobs[i], "w"));
		g_test_message("%s", knobs[i]);
		live_says(box, "EROFS\n");
	}
	g_assert_cmpint(opened, >, 0); /* the positive control: the caller may */
}

/* --- steps --- */

static struct live *
file_on_tmpfs(const char *tmpfs)
{
	g_autofree char *bytes = g_strnfill(300000, 'x');
	g_autoptr(sbx_spec) spec = live_spec_new(SPEC("tmpfs", tmpfs));
	sbx_command command = { .size = sizeof command,
		                    .argv = ARGV("sh", "-c", "wc -c </tmp/x/f"),
		                    .stdio = { SBX_STDIO_NULL, SBX_STDIO_CAPTURE, SBX_STDIO_CAPTURE } };

	g_assert_cmpint(sbx_spec_file(spec, "/tmp/x/f", bytes, 300000, 0644, NULL), ==, 0);
	return live_spec(spec, &command);
}

/* Given a file that does not fit where it goes, then no box is made with half of it. */
static void
test_half_a_file(void)
{
	g_autoptr(live_t) fits = file_on_tmpfs("/tmp/x:1M"), half = file_on_tmpfs("/tmp/x:128K");

	live_says(fits, "300000\n");
	live_failed(half, "files", EIO, "/tmp/x/f");
}

/* --- init's handles --- */

/* What init holds: its socket, the owner's pidfd, its signals, listeners of filters, and its plan, which nobody can write. */
static bool
is_of_init(const char *target)
{
	static const char *const known[] = {
		"socket:", "anon_inode:[pidfd]", "pidfd:", "anon_inode:[signalfd]", "anon_inode:seccomp", "/memfd:sbx-plan",
		NULL
	};

	for (int i = 0; known[i]; i++)
		if (g_str_has_prefix(target, known[i]))
			return true;
	return false;
}

static unsigned
check_fds_of(const char *pid)
{
	g_autofree char *path = g_strdup_printf("/proc/%s/fd", pid);
	g_autofree char *names = live_list(path);
	g_auto(GStrv) fds = g_strsplit(names, " ", -1);

	for (char **fd = fds; *fd && **fd; fd++) {
		g_autofree char *link = g_strdup_printf("%s/%s", path, *fd);
		g_autofree char *target = g_file_read_link(link, NULL);

		g_test_message("%s -> %s", *fd, target);
		if (target && !is_of_init(target))
			g_error("init holds %s", target);
	}
	return g_strv_length(fds);
}

/* Given a caller with an open directory that is not close-on-exec, when its box runs, then init has no handle of a file. */
static void
test_handles_of_init(void)
{
	g_autoptr(life_spec_t) spec = NULL;
	g_autoptr(life_box_t) box = NULL;
	g_autofree char *children = NULL;
	sbx_error *error = NULL;
	int root = open("/", O_RDONLY | O_DIRECTORY);

	if (!live_is_root()) {
		live_skip_mode("needs root of the host: init is closed to others");
		return;
	}
	g_assert_cmpint(root, >=, 0);
	spec = life_spec("default", NULL);
	box = life_run(spec, "echo up; exec sleep 100");
	life_await_output(box, "up");
	children = live_read("/proc/thread-self/children");
	g_assert_nonnull(children);
	g_assert_cmpuint(strlen(g_strchomp(children)), >, 0);
	g_assert_cmpuint(check_fds_of(children), >=, 3);
	close(root);
	EXPECT(0, sbx_box_kill(box, &error), &error);
}

/* A payload may make its parent its tracer: its stops are not its end. Under the filter it may not. */
static void
test_traced(void)
{
	g_autoptr(live_t) r = live_argv(SPEC("seccomp", "none", "time.wall", "20"), ARGV(PROBE, "traceme"));
	g_autoptr(live_t) filtered = live_argv(SPEC("time.wall", "500ms"), ARGV(PROBE, "traceme"));

	live_exit(r, 7);
	g_assert_cmpstr(r->out, ==, "ok\n");
	g_assert_cmpstr(filtered->out, ==, "EPERM\n");
	g_assert_cmpint(filtered->outcome, ==, SBX_OUTCOME_TIME_WALL);
}

int
main(int argc, char **argv)
{
	g_test_init(&argc, &argv, NULL);
	g_test_add_func("/walls/groups", test_groups);
	g_test_add_func("/walls/bind/flags", test_bind_flags);
	g_test_add_func("/walls/bind/planted-node", test_planted_node);
	g_test_add_func("/walls/knobs-of-host-root", test_knobs_of_host_root);
	g_test_add_func("/walls/handles-of-init", test_handles_of_init);
	g_test_add_func("/walls/half-a-file", test_half_a_file);
	g_test_add_func("/walls/traced", test_traced);
	return g_test_run();
}
