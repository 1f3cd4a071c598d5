/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* SPDX-FileCopyrightText: The libsbx developers */

/* What a spec puts into a box: binds, tmpfs, overlays, files, links. */
#include "live.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

/* --- bind and ro-bind --- */

static void
test_bind(void)
{
	autodir dir = live_dir();
	g_autofree char *file = live_file(dir, "file", "old");
	g_autofree char *script = g_strdup_printf("cat %s; echo new >%s; echo made >%s/made", file, file, dir);
	g_autofree char *made = live_path(dir, "made");
	g_autofree char *text = NULL, *made_text = NULL;
	g_autoptr(live_t) box = live_run(SPEC("bind", dir), script);

	live_says(box, "old");
	text = live_read(file);
	made_text = live_read(made);
	g_assert_cmpstr(text, ==, "new\n");
	g_assert_cmpstr(made_text, ==, "made\n");
}

static void
test_bind_file(void)
{
	autodir dir = live_dir();
	autodir other = live_dir();
	g_autofree char *file = live_file(dir, "file", "bound"), *target = live_file(other, "target", "host");
	g_autofree char *pair = live_pair(file, target);
	g_autofree char *script = g_strdup_printf("cat %s; " PROBE " open %s w", target, target);
	g_autoptr(live_t) writable = live_run(SPEC("bind", pair), script);
	g_autoptr(live_t) read_only = live_run(SPEC("ro-bind", pair), script);

	live_says(writable, "boundok\n");
	live_says(read_only, "boundEROFS\n");
}

static void
test_bind_fd(gconstpointer data)
{
	autodir dir = live_dir();
	g_autofree char *file = live_file(dir, "file", "by fd");
	g_autoptr(sbx_spec) spec = live_spec_new(NO_SPEC);
	g_autoptr(live_t) box = NULL;
	sbx_command command = { .size = sizeof command,
		                    .argv = ARGV("sh", "-c", "cat /tmp/dir/file; " PROBE " create /tmp/dir/new"),
		                    .stdio = { SBX_STDIO_NULL, SBX_STDIO_CAPTURE, SBX_STDIO_CAPTURE } };
	int fd = open(dir, O_PATH | O_DIRECTORY | O_CLOEXEC);

	g_assert_cmpint(sbx_spec_bind_fd(spec, fd, "/tmp/dir", GPOINTER_TO_UINT(data), NULL), ==, 0);
	close(fd);
	box = live_spec(spec, &command);
	live_says(box, data ? "by fdEROFS\n" : "by fdok\n");
}

static void
test_bind_source_missing(void)
{
	g_autoptr(live_t) box = live_run(SPEC("bind", "/var/tmp/sbx-is-not-there:/mnt"), "true");

	live_failed(box, "files", ENOENT, "/var/tmp/sbx-is-not-there");
	g_assert_cmpstr(box->key, ==, "bind");
}

static void
test_bind_source_missing_best_effort(void)
{
	g_autoptr(live_t) box = live_run(SPEC("?bind", "/var/tmp/sbx-is-not-there:/mnt"), "echo ran");

	live_says(box, "ran\n");
	live_contains(box->json, "\"bind\"");
	live_contains(box->json, "/var/tmp/sbx-is-not-there:/mnt");
	live_contains(box->json, "\"applied\": null");
}

/* Root may pass where the box's user may not: the source is what counts, not the way to it. */
static void
test_bind_private_source(void)
{
	autodir dir = live_dir();
	g_autofree char *inner = live_path(dir, "inner"), *file = NULL, *pair = live_pair(inner, "/tmp/inner");
	g_autoptr(live_t) box = NULL;

	if (!live_is_root()) {
		live_skip_mode("needs root of the host");
		return;
	}
	g_assert_cmpint(mkdir(inner, 0755), ==, 0);
	file = live_file(inner, "file", "seen");
	g_assert_cmpint(chmod(dir, 0700), ==, 0);
	g_assert_cmpint(chown(dir, 12345, 12345), ==, 0);
	box = live_run(SPEC("ro-bind", pair), "cat /tmp/inner/file");
	live_says(box, "seen");
}

static void
test_target_missing(gconstpointer data)
{
	const char *const *wish = data;
	autodir dir = live_dir();
	g_autofree char *where = g_strdup_printf(wish[1], dir);
	g_autofree char *list = NULL;
	g_autoptr(live_t) box = live_run(SPEC(wish[0], where), "true");

	live_failed(box, "files", atoi(wish[2]), "/missing");
	g_assert_cmpstr(box->key, ==, wish[0]);
	live_contains(box->hint, "host's own tree");
	list = live_list(dir);
	g_assert_cmpstr(list, ==, "");
}

/* A tmpfs or an overlay above it, and the same target is made; the host's tree still does not get it. */
static void
test_target_made(gconstpointer key)
{
	autodir dir = live_dir();
	g_autofree char *pair = g_strdup_printf("/usr:%s/a/b/usr", dir);
	g_autofree char *script = g_strdup_printf("[ -d %s/a/b/usr/bin ] && echo there", dir);
	g_autofree char *list = NULL;
	g_autoptr(live_t) box = NULL;

	live_give(dir);
	box = live_run(SPEC(key, dir, "ro-bind", pair), script);
	live_says(box, "there\n");
	list = live_list(dir);
	g_assert_cmpstr(list, ==, "");
}

/* --- tmpfs --- */

static void
test_tmpfs_size(void)
{
	g_autoptr(live_t) box = live_run(SPEC("root", "empty", "tmpfs", "/small:64K"), "true");
	g_autoptr(live_t) fill =
		live_argv(SPEC("root", "empty", "tmpfs", "/small:64K"), ARGV(PROBE, "fill", "/small", "pages"));
	g_autoptr(live_t) larger =
		live_argv(SPEC("root", "empty", "tmpfs", "/small:128K"), ARGV(PROBE, "fill", "/small", "pages"));

	live_failed(box, "exec", ENOENT, "sh");
	live_says(fill, "16 ENOSPC\n");
	live_says(larger, "32 ENOSPC\n");
}

static void
test_tmpfs_inodes(void)
{
	g_autoptr(live_t) box = live_argv(SPEC("root", "empty", "tmpfs", "/small:1M:10"), ARGV(PROBE, "fill", "/small"));

	/* the directory itself is one */
	live_says(box, "9 ENOSPC\n");
}

static void
test_tmpfs_private(void)
{
	autodir dir = live_dir();
	g_autofree char *file = live_file(dir, "file", "host");
	g_autofree char *script = g_strdup_printf("ls %s; echo x >%s/new && cat %s/new", dir, dir, dir);
	g_autofree char *list = NULL;
	g_autoptr(live_t) box = live_run(SPEC("tmpfs", dir), script);

	live_says(box, "x\n");
	list = live_list(dir);
	g_assert_cmpstr(list, ==, "file");
}

/* --- overlay --- */

static void
test_overlay(void)
{
	autodir dir = live_dir();
	g_autofree char *file = live_file(dir, "file", "host\n");
	g_autofree char *script =
		g_strdup_printf("cd %s && echo box >>file && rm -f gone && echo x >new && cat file new && ls", dir);
	g_autofree char *gone = live_file(dir, "gone", "host"), *text = NULL, *list = NULL;
	g_autoptr(live_t) box = NULL;

	live_give(dir);
	live_give(file);
	live_give(gone);
	box = live_run(SPEC("overlay", dir), script);
	live_says(box, "host\nbox\nx\nfile\nnew\n");
	text = live_read(file);
	list = live_list(dir);
	g_assert_cmpstr(text, ==, "host\n");
	g_assert_cmpstr(list, ==, "file gone");
}

static void
test_overlay_of_root(void)
{
	g_autoptr(live_t) box = live_run(SPEC("overlay", "/"), "true");

	live_failed(box, "files", EINVAL, "overlay / needs root=DIR");
	live_contains(box->hint, "overlay=/usr");
}

/* --- file and symlink --- */

static void
test_file(void)
{
	g_autoptr(live_t) box =
		live_run(SPEC("file", "/tmp/a/b=text=with=equals", "symlink", "a/b:/tmp/link"),
	             "cat /tmp/a/b; echo; cat /tmp/link; echo; readlink /tmp/link; " PROBE " stat /tmp/a/b");

	live_contains(box->out, "text=with=equals\ntext=with=equals\na/b\n");
	live_contains(box->out, " 100644\n");
	live_ok(box);
}

/* Over a file of the host: the box sees another, and nobody writes either. */
static void
test_file_over_host(void)
{
	autodir dir = live_dir();
	g_autofree char *file = live_file(dir, "file", "host"), *wish = g_strconcat(file, "=box", NULL), *text = NULL;
	g_autofree char *script = g_strdup_printf("cat %s; " PROBE " open %s w", file, file);
	g_autoptr(live_t) box = live_run(SPEC("file", wish), script);

	live_says(box, "boxEROFS\n");
	text = live_read(file);
	g_assert_cmpstr(text, ==, "host");
}

static void
test_symlink_over_host(void)
{
	autodir dir = live_dir();
	g_autofree char *wish = g_strconcat("/etc:", dir, "/link", NULL), *list = NULL;
	g_autoptr(live_t) box = live_run(SPEC("symlink", wish), "true");

	live_failed(box, "files", EROFS, "/link");
	list = live_list(dir);
	g_assert_cmpstr(list, ==, "");
}

static void
test_file_bytes(void)
{
	gsize size = 1 << 20;
	g_autofree char *bytes = g_malloc(size);
	g_autofree char *digest = NULL, *expected = NULL;
	g_autoptr(sbx_spec) spec = live_spec_new(NO_SPEC);
	g_autoptr(live_t) box = NULL;
	sbx_command command = { .size = sizeof command,
		                    .argv = ARGV("sh", "-c", "sha256sum </tmp/big; " PROBE " stat /tmp/big"),
		                    .stdio = { SBX_STDIO_NULL, SBX_STDIO_CAPTURE, SBX_STDIO_CAPTURE } };

	for (gsize i = 0; i < size; i++)
		bytes[i] = (char)(i * 7 + (i >> 8));
	g_assert_cmpint(sbx_spec_file(spec, "/tmp/big", bytes, size, 0640, NULL), ==, 0);
	box = live_spec(spec, &command);
	digest = g_compute_checksum_for_data(G_CHECKSUM_SHA256, (const guchar *)bytes, size);
	expected = g_strdup_printf("%s  -\n", digest);
	live_ok(box);
	live_contains(box->out, expected);
	live_contains(box->out, " 100640\n");
}

static void
test_file_empty(void)
{
	g_autoptr(sbx_spec) spec = live_spec_new(NO_SPEC);
	sbx_command command = { .size = sizeof command,
		                    .argv = ARGV("sh", "-c", "[ -f /tmp/none ] && [ ! -s /tmp/none ] && /tmp/tool"),
		                    .stdio = { SBX_STDIO_NULL, SBX_STDIO_CAPTURE, SBX_STDIO_CAPTURE } };
	g_autoptr(live_t) box = NULL;

	g_assert_cmpint(sbx_spec_file(spec, "/tmp/none", "", 0, 0444, NULL), ==, 0);
	g_assert_cmpint(sbx_spec_file(spec, "/tmp/tool", "#!/bin/sh\necho a tool\n", 22, 0755, NULL), ==, 0);
	box = live_spec(spec, &command);
	live_says(box, "a tool\n");
}

int
main(int argc, char **argv)
{
	static const char *const missing[][3] = {
		{ "bind", "/usr:%s/missing", "2" }, { "ro-bind", "/usr:%s/missing", "2" }, { "tmpfs", "%s/missing", "2" },
		{ "overlay", "%s/missing", "2" },   { "file", "%s/missing=text", "2" },    { "tmpfs", "%s/missing/too", "2" },
	};

	g_test_init(&argc, &argv, NULL);
	g_test_add_func("/mounts/bind/dir", test_bind);
	g_test_add_func("/mounts/bind/file", test_bind_file);
	g_test_add_data_func("/mounts/bind/fd", GUINT_TO_POINTER(0), test_bind_fd);
	g_test_add_data_func("/mounts/bind/fd-read-only", GUINT_TO_POINTER(SBX_BIND_READ_ONLY), test_bind_fd);
	g_test_add_func("/mounts/bind/source-missing", test_bind_source_missing);
	g_test_add_func("/mounts/bind/source-missing-best-effort", test_bind_source_missing_best_effort);
	g_test_add_func("/mounts/bind/private-source", test_bind_private_source);
	for (gsize i = 0; i < G_N_ELEMENTS(missing); i++) {
		g_autofree char *path = g_strdup_printf("/mounts/target-missing/%zu-%s", i, missing[i][0]);

		g_test_add_data_func(path, missing[i], test_target_missing);
	}
	g_test_add_data_func("/mounts/target-made/tmpfs", "tmpfs", test_target_made);
	g_test_add_data_func("/mounts/target-made/overlay", "overlay", test_target_made);
	g_test_add_func("/mounts/tmpfs/size", test_tmpfs_size);
	g_test_add_func("/mounts/tmpfs/inodes", test_tmpfs_inodes);
	g_test_add_func("/mounts/tmpfs/private", test_tmpfs_private);
	g_test_add_func("/mounts/overlay/dir", test_overlay);
	g_test_add_func("/mounts/overlay/root", test_overlay_of_root);
	g_test_add_func("/mounts/file/text", test_file);
	g_test_add_func("/mounts/file/over-host", test_file_over_host);
	g_test_add_func("/mounts/file/bytes", test_file_bytes);
	g_test_add_func("/mounts/file/empty-and-mode", test_file_empty);
	g_test_add_func("/mounts/symlink/over-host", test_symlink_over_host);
	return g_test_run();
}
