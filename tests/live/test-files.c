/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* SPDX-FileCopyrightText: The libsbx developers */

/* The box's root and what of the host shows in it. */
#include "live.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <unistd.h>

/* What sh needs in an empty root. */
#define SHELL "ro-bind", "/usr", "symlink", "usr/lib:/lib", "symlink", "usr/lib64:/lib64", "symlink", "usr/bin:/bin"

/* --- root=host --- */

static void
test_host_read_only(void)
{
	autodir dir = live_dir();
	g_autofree char *file = live_file(dir, "file", "old");
	g_autofree char *script = g_strdup_printf(PROBE " open %s w; " PROBE " create %s/new", file, dir);
	g_autoptr(live_t) box = live_run(NO_SPEC, script);
	g_autoptr(live_t) control = live_run(SPEC("bind", dir), script);

	live_says(box, "EROFS\nEROFS\n");
	live_says(control, "ok\nok\n");
}

static void
submount(const char *key)
{
	autodir dir = live_dir();
	g_autofree char *outer = live_path(dir, "outer"), *inner = live_path(dir, "outer/inner");
	g_autofree char *script =
		g_strdup_printf(PROBE " create %s/file; " PROBE " create %s/file; cat %s/mark", outer, inner, inner);
	g_autoptr(live_t) box = NULL;
	g_autofree char *mark = NULL;

	g_assert_cmpint(mkdir(outer, 0777), ==, 0);
	g_assert_cmpint(mount("tmpfs", outer, "tmpfs", 0, "mode=777"), ==, 0);
	g_assert_cmpint(mkdir(inner, 0777), ==, 0);
	g_assert_cmpint(mount("tmpfs", inner, "tmpfs", 0, "mode=777"), ==, 0);
	mark = live_file(inner, "mark", "here");
	box = live_run(*key ? SPEC(key, outer) : NO_SPEC, script);
	live_says(box, strcmp(key, "bind") ? "EROFS\nEROFS\nhere" : "ok\nok\nhere");
	g_assert_cmpint(umount2(outer, MNT_DETACH), ==, 0);
}

static void
submount_root(void)
{
	submount("");
}

static void
submount_ro_bind(void)
{
	submount("ro-bind");
}

static void
submount_bind(void)
{
	submount("bind");
}

static void
test_submount(gconstpointer work)
{
	if (live_mode() == LIVE_USER)
		live_skip_mode("mounting needs root, of a user namespace at least");
	else
		live_child_mounts((void (*)(void))work);
}

/* --- root=empty --- */

static void
test_empty(void)
{
	g_autoptr(live_t) box = live_argv(SPEC("root", "empty"), ARGV(PROBE, "create", "/file"));
	g_autoptr(live_t) list = live_run(SPEC("root", "empty", SHELL), "echo /*");

	live_says(box, "EROFS\n");
	live_says(list, "/bin /dev /lib /lib64 /proc /sys /tmp /usr\n");
}

static void
test_empty_targets(void)
{
	autodir dir = live_dir();
	g_autofree char *file = live_file(dir, "file", "text");
	g_autofree char *deep_dir = live_pair(dir, "/a/b/dir");
	g_autofree char *deep_file = live_pair(file, "/a/c/file");
	g_autoptr(live_t) box =
		live_run(SPEC("root", "empty", SHELL, "bind", deep_dir, "ro-bind", deep_file, "tmpfs", "/x/y"),
	             "cat /a/b/dir/file /a/c/file; echo /a/* /x/*; " PROBE " create /x/y/new; " PROBE
	             " create /a/b/dir/new; " PROBE " open /a/c/file w; " PROBE " create /a/new");

	live_says(box, "texttext/a/b /a/c /x/y\nok\nok\nEROFS\nEROFS\n");
}

/* --- root=DIR --- */

/* A root directory with what sh needs; the mount points when `points`. */
static char *
make_root(gboolean points)
{
	static const char *const dirs[] = { "usr", "etc", "proc", "sys", "dev", "tmp" };
	static const char *const links[][2] = { { "usr/lib", "lib" }, { "usr/lib64", "lib64" }, { "usr/bin", "bin" } };
	char *root = live_dir();

	for (gsize i = 0; i < (points ? G_N_ELEMENTS(dirs) : 2); i++) {
		g_autofree char *path = live_path(root, dirs[i]);

		g_assert_cmpint(mkdir(path, 0777), ==, 0);
	}
	for (gsize i = 0; i < G_N_ELEMENTS(links); i++) {
		g_autofree char *path = live_path(root, links[i][1]);

		g_assert_cmpint(symlink(links[i][0], path), ==, 0);
	}
	return root;
}

static void
test_dir(void)
{
	autodir root = make_root(TRUE);
	g_autofree char *file = live_file(root, "etc/mine", "mine");
	g_autofree char *before = live_list(root), *after = NULL;
	g_autoptr(live_t) box =
		live_run(SPEC("root", root, "ro-bind", "/usr"), "cat /etc/mine; " PROBE " open /etc/mine w; " PROBE
	                                                    " create /new; " PROBE " create /tmp/new; echo /*");

	live_says(box, "mineEROFS\nEROFS\nok\n/bin /dev /etc /lib /lib64 /proc /sys /tmp /usr\n");
	after = live_list(root);
	g_assert_cmpstr(before, ==, after);
}

/* Nothing is missing in it, so that it is the root itself, and no overlay of it. */
static void
test_dir_bare(void)
{
	autodir root = make_root(TRUE);
	g_autofree char *file = live_file(root, "etc/mine", "mine");
	g_autoptr(sbx_spec) spec = live_spec_bare(SPEC("root", root, "ro-bind", "/usr"));
	g_autoptr(live_t) box =
		live_run_bare(SPEC("root", root, "ro-bind", "/usr"), "cat /etc/mine; echo >/etc/mine || echo refused");
	char *plan = NULL;

	live_says(box, "minerefused\n");
	live_contains(box->err, "Read-only file system");
	g_assert_cmpint(sbx_spec_plan(spec, &plan, NULL), ==, 0);
	live_lacks(plan, "fsopen(\"overlay\")");
	free(plan);
}

static void
test_dir_lacks_points(void)
{
	autodir root = make_root(FALSE);
	g_autofree char *before = live_list(root), *after = NULL;
	g_autoptr(live_t) box =
		live_run(SPEC("root", root, "ro-bind", "/usr", "tmpfs", "/var/lib/x"),
	             PROBE " create /var/lib/x/new; " PROBE " create /new; " PROBE " create /var/new; echo /*");

	live_says(box, "ok\nEROFS\nEROFS\n/bin /dev /etc /lib /lib64 /proc /sys /tmp /usr /var\n");
	after = live_list(root);
	g_assert_cmpstr(before, ==, after);
}

static void
test_dir_overlay(void)
{
	autodir root = make_root(TRUE);
	g_autofree char *file = live_file(root, "etc/mine", "mine");
	g_autofree char *etc = live_path(root, "etc");
	g_autofree char *text = NULL, *after = NULL;
	g_autofree char *before = live_list(root);
	g_autoptr(live_t) box = NULL;

	live_give(root);
	live_give(etc);
	live_give(file);
	box = live_run(SPEC("root", root, "ro-bind", "/usr", "overlay", "/", "user", "0"),
	               "echo more >>/etc/mine && cat /etc/mine && echo x >/etc/new && cat /etc/new");
	live_says(box, "minemore\nx\n");
	text = live_read(file);
	after = live_list(root);
	g_assert_cmpstr(text, ==, "mine");
	g_assert_cmpstr(before, ==, after);
}

/* Names of a hostile root directory: what is a link, and where it leads. */
struct hostile {
	const char *name, *target;
	const char *key, *value; /* of the wish that meets it */
};

static void
test_dir_hostile(gconstpointer data)
{
	const struct hostile *hostile = data;
	autodir root = make_root(TRUE);
	autodir outside = live_dir();
	g_autofree char *path = live_path(root, hostile->name);
	g_autofree char *before = live_list("/etc"), *after = NULL, *made = NULL;
	g_autoptr(live_t) box = NULL, bare = NULL;

	rmdir(path);
	g_assert_cmpint(symlink(hostile->target ? hostile->target : outside, path), ==, 0);
	box = live_run(SPEC("root", root, "ro-bind", "/usr", hostile->key, hostile->value), "true");
	bare = live_run_bare(SPEC("root", root, "ro-bind", "/usr", hostile->key, hostile->value), "true");
	live_failed(box, "files", ELOOP, hostile->name);
	live_failed(bare, "files", ELOOP, hostile->name);
	after = live_list("/etc");
	made = live_list(outside);
	g_assert_cmpstr(before, ==, after);
	g_assert_cmpstr(made, ==, "");
}

/* A link on the way of a bind's target. The mount goes nowhere, and neither does what is made on the way. */
static void
test_dir_target_link(void)
{
	autodir root = make_root(TRUE);
	autodir outside = live_dir();
	g_autofree char *path = live_path(root, "etc/way");
	g_autofree char *deep = live_pair(outside, "/etc/way/deep");
	g_autofree char *made = NULL;
	g_autoptr(live_t) at = NULL, beyond = NULL;

	g_assert_cmpint(symlink(outside, path), ==, 0);
	at = live_run(SPEC("root", root, "ro-bind", "/usr", "tmpfs", "/etc/way"), "true");
	beyond = live_run(SPEC("root", root, "ro-bind", "/usr", "bind", deep), "true");
	live_failed(at, "files", ELOOP, "tmpfs /etc/way");
	live_failed(beyond, "files", ELOOP, "bind /etc/way/deep");
	live_contains(beyond->hint, "symbolic links");
	made = live_list(outside);
	g_assert_cmpstr(made, ==, "");
}

static void
test_dir_missing(void)
{
	g_autoptr(live_t) box = live_run(SPEC("root", "/var/tmp/sbx-live-is-not-there"), "true");

	live_failed(box, "files", ENOENT, "/var/tmp/sbx-live-is-not-there");
	g_assert_cmpstr(box->key, ==, "root");
}

int
main(int argc, char **argv)
{
	static const struct hostile hostile[] = {
		{ "proc", NULL, "tmpfs", "/tmp" }, { "dev", NULL, "tmpfs", "/tmp" },       { "sys", NULL, "tmpfs", "/tmp" },
		{ "tmp", NULL, "env", "A=1" },     { "proc", "/etc", "env", "A=1" },       { "dev", "../../etc", "env", "A=1" },
		{ "dev", "usr", "env", "A=1" },    { "etc/b", "/etc", "tmpfs", "/etc/b" },
	};

	g_test_init(&argc, &argv, NULL);
	g_test_add_func("/files/root/host-is-read-only", test_host_read_only);
	g_test_add_data_func("/files/root/host-submount", (gconstpointer)submount_root, test_submount);
	g_test_add_data_func("/files/root/ro-bind-submount", (gconstpointer)submount_ro_bind, test_submount);
	g_test_add_data_func("/files/root/bind-submount", (gconstpointer)submount_bind, test_submount);
	g_test_add_func("/files/root/empty", test_empty);
	g_test_add_func("/files/root/empty-targets", test_empty_targets);
	g_test_add_func("/files/root/dir", test_dir);
	g_test_add_func("/files/root/dir-bare", test_dir_bare);
	g_test_add_func("/files/root/dir-lacks-mount-points", test_dir_lacks_points);
	g_test_add_func("/files/root/dir-overlay", test_dir_overlay);
	g_test_add_func("/files/root/dir-target-link", test_dir_target_link);
	g_test_add_func("/files/root/dir-missing", test_dir_missing);
	for (gsize i = 0; i < G_N_ELEMENTS(hostile); i++) {
		g_autofree char *path = g_strdup_printf("/files/root/hostile/%zu-%s", i, hostile[i].name);

		for (char *at = path + strlen("/files/root/hostile/"); *at; at++)
			*at = *at == '/' ? '-' : *at;
		g_test_add_data_func(path, &hostile[i], test_dir_hostile);
	}
	return g_test_run();
}
