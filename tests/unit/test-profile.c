/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* SPDX-FileCopyrightText: The libsbx developers */

/* The profile file: given this text, then these values, or an error with the line. */
#include "profile.h"

#include "error.h"
#include "fd.h"

#include <errno.h>
#include <fcntl.h>
#include <glib/gstdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

typedef sbx_spec spec_t;
G_DEFINE_AUTOPTR_CLEANUP_FUNC(spec_t, sbx_spec_free)
typedef sbx_error public_error_t;
G_DEFINE_AUTOPTR_CLEANUP_FUNC(public_error_t, sbx_error_free)

static sbx_spec *
new_spec(void)
{
	sbx_spec *spec = NULL;

	g_assert_cmpint(sbx_spec_new(&spec, NULL, NULL), ==, 0);
	return spec;
}

/* Load the bytes as a file called *ret_path. */
static int
load(sbx_spec *spec, const char *text, size_t length, char **ret_path, sbx_error **error)
{
	autofd fd = memfd_create("profile", MFD_CLOEXEC);
	g_autofree char *path = g_strdup_printf("/proc/self/fd/%d", fd);
	int result;

	g_assert_cmpint(write(fd, text, length), ==, length);
	result = sbx_spec_load(spec, path, error);
	if (ret_path)
		*ret_path = g_steal_pointer(&path);
	return result;
}

static const struct good_row {
	const char *text;
	const char *key;
	const char *expected; /* NULL: not set */
} good_rows[] = {
	{ "", "root", "host" },
	{ "# nothing\n\n", "root", "host" },
	{ "[limits]\nmemory.max=100M\n", "memory.max", "100M" },
	{ "[limits]\nmemory.max=100M", "memory.max", "100M" },
	{ "  [limits]  \n\t memory.max \t=  100M\n", "memory.max", "100M" },
	{ "[limits]\r\nmemory.max=100M\r\n", "memory.max", "100M" },
	{ "[limits]\n?memory.max=100M\n", "memory.max", "100M" },
	{ "[limits]\nhugetlb.2MB.max=5\n", "hugetlb.2MB.max", "5" },
	{ "[limits]\nio.max=8:0 rbps=1M;8:16 wbps=2M\n", "io.max", "8:0 rbps=1M\n8:16 wbps=2M" },
	{ "[limits]\npids.max=5\n[files]\nroot=empty\n[limits]\ncpu.max=2\n", "cpu.max", "2" },
	{ "[time]\ntime.wall=1.5s\n", "time.wall", "1.5s" },
	{ "[files]\nbind=/a;/b:/c\n", "bind", "/a\n/b:/c" },
	{ "[files]\nbind=/a;/b;\n", "bind", "/a\n/b" },
	{ "[files]\nbind=/a\nbind+=/b\n", "bind", "/a\n/b" },
	{ "[files]\nbind+=/b\n?bind+=/c\n", "bind", "/was\n/b\n/c" },
	{ "[files]\nbind=/a\n", "bind", "/a" },
	{ "[files]\nbind=\n", "bind", NULL },
	{ "[files]\nbind=/a\\;b\n", "bind", "/a;b" },
	{ "[files]\nbind=/a\\\\:b:/c\n", "bind", "/a\\:b:/c" },
	{ "[files]\nfile=/a=x\\ny\n", "file", "/a=x\ny" },
	{ "[files]\nfile=/a=#x\n", "file", "/a=#x" },
	{ "[process]\nenv=A=1;B=2 = 3\n", "env", "A=1\nB=2 = 3" },
	{ "[process]\nkeep-env=yes\nnice=-5\n", "nice", "-5" },
	{ "[namespaces]\nshare=pid,net\nshare+=uts\n", "share", "pid,net,uts" },
	{ "[namespaces]\ntime.monotonic=60\n", "time.monotonic", "60" },
	{ "[identity]\nuser=0\n", "user", "0" },
	{ "[security]\nseccomp=none\n", "seccomp", "none" },
};

static void
test_good(gconstpointer data)
{
	const struct good_row *row = data;
	g_autoptr(spec_t) spec = new_spec();
	g_autoptr(public_error_t) error = NULL;
	char *value = NULL;

	sbx_spec_set(spec, "bind", "/was", NULL);
	load(spec, row->text, strlen(row->text), NULL, &error);
	g_assert_cmpstr(sbx_error_message(error), ==, "");
	g_assert_cmpint(sbx_spec_get(spec, row->key, &value), ==, row->expected ? 0 : -ENODATA);
	g_assert_cmpstr(value, ==, row->expected);
	free(value);
}

static const struct bad_row {
	const char *text;
	unsigned line;
	const char *message; /* its beginning, behind "FILE:LINE: " */
	const char *key;
} bad_rows[] = {
	{ "memory.max=1G\n", 1, "a key before the first [GROUP]", "" },
	{ "[limits]\n\n# x\nmemory.max=12x\n", 4, "memory.max: \"12x\" is not a size; accepted:", "memory.max" },
	{ "[limits]\nmemory.max=\n", 2, "memory.max: \"\" is not a size", "memory.max" },
	{ "[limits]\nmemory.max=1G \n", 2, "memory.max: \"1G \" is not a size", "memory.max" },
	{ "[limits]\nmemory=1G\n", 2, "\"memory\" is not a key", "" },
	{ "[limits]\nbind=/a\n", 2, "bind belongs in [files], not in [limits]", "bind" },
	{ "[files]\n\nmemory.max=1G\n", 3, "memory.max belongs in [limits], not in [files]", "memory.max" },
	{ "[time]\ntime.monotonic=5\n", 2, "time.monotonic belongs in [namespaces], not in [time]", "time.monotonic" },
	{ "[files]\nhugetlb.2MB.max=1\n", 2, "hugetlb.2MB.max belongs in [limits]", "hugetlb.2MB.max" },
	{ "[limit]\n", 1, "[limit] is not a group; accepted: limits, time, files,", "" },
	{ "[]\n", 1, "[] is not a group", "" },
	{ "[limits\n", 1, "a group is written [NAME]", "" },
	{ "[limits] x\n", 1, "a group is written [NAME]", "" },
	{ "[limits]\nwhat\n", 2, "neither KEY=VALUE nor [GROUP] nor a # comment", "" },
	{ "[limits]\n=5\n", 2, "neither KEY=VALUE", "" },
	{ "[limits]\nmemory.max[de]=1G\n", 2, "a key has no brackets", "" },
	{ "[limits]\nmemory.max=1G\nmemory.max=2G\n", 3, "memory.max was set in line 2 already", "memory.max" },
	{ "[limits]\nmemory.max=1G\n[time]\n[limits]\n?memory.max=2G\n", 5, "?memory.max was set in line 2 already",
	  "memory.max" },
	{ "[files]\nbind=/a\nbind=/b\n", 3, "bind was set in line 2 already", "bind" },
	{ "[files]\nbind+=/a\nbind+=/b\n", 3, "bind+ was set in line 2 already", "bind" },
	{ "[files]\nbind=/a;;/b\n", 2, "bind: nothing to add", "bind" },
	{ "[files]\nbind+=\n", 2, "bind: nothing to add", "bind" },
	{ "[limits]\npids.max+=5\n", 2, "pids.max: one value only", "pids.max" },
	{ "[time]\ntime.cpu=5\n", 2, "time.cpu is not supported by this version", "time.cpu" },
	{ "[limits]\ncgroup.self=yes\n", 2, "cgroup.self: \"yes\" is not", "cgroup.self" },
	{ "[limits]\ncgroup.procs=1\n", 2, "\"cgroup.procs\" is not a key", "" },
	{ "[files]\nbind=/a\\qb\n", 2, "bind:", "bind" },
	{ "[files]\nroot=/\xff\n", 2, "root:", "root" },
	{ "[limits]\n?=5\n", 2, "\"\" is not a key", "" },
	{ "[limits]\n+=5\n", 2, "\"\" is not a key", "" },
};

static void
test_bad(gconstpointer data)
{
	const struct bad_row *row = data;
	g_autoptr(spec_t) spec = new_spec();
	g_autoptr(public_error_t) error = NULL;
	g_autofree char *path = NULL;
	g_autofree char *expected = NULL;

	g_assert_cmpint(load(spec, row->text, strlen(row->text), &path, &error), <, 0);
	expected = g_strdup_printf("%s:%u: %s", path, row->line, row->message);
	g_test_message("%s", sbx_error_message(error));
	if (!g_str_has_prefix(sbx_error_message(error), expected))
		g_assert_cmpstr(sbx_error_message(error), ==, expected);
	g_assert_cmpstr(sbx_error_key(error), ==, row->key);
	g_assert_cmpstr(sbx_error_stage(error), ==, "spec");
	g_assert_true(g_utf8_validate(sbx_error_message(error), -1, NULL));
	g_assert_cmpuint(spec->entries->len, ==, 0);
}

static void
test_all_or_nothing(void)
{
	static const char text[] = "[limits]\nmemory.max=1G\n[files]\nbind=\ntmpfs=/x\n[limits]\npids.max=x\n";
	g_autoptr(spec_t) spec = new_spec();
	char *value = NULL;

	sbx_spec_set(spec, "memory.max", "5M", NULL);
	sbx_spec_set(spec, "bind", "/a", NULL);
	g_assert_cmpint(load(spec, text, strlen(text), NULL, NULL), ==, -EINVAL);
	g_assert_cmpuint(spec->entries->len, ==, 2);
	g_assert_cmpint(sbx_spec_get(spec, "memory.max", &value), ==, 0);
	g_assert_cmpstr(value, ==, "5M");
	free(value);
}

static void
test_keeps_the_rest(void)
{
	static const char text[] = "[limits]\n?pids.max=5\n";
	g_autoptr(spec_t) spec = new_spec();
	autofd fd = open("/tmp", O_PATH | O_CLOEXEC);

	sbx_spec_set(spec, "memory.max", "5M", NULL);
	sbx_spec_bind_fd(spec, fd, "/a", 0, NULL);
	g_assert_cmpint(load(spec, text, strlen(text), NULL, NULL), ==, 0);
	g_assert_cmpstr(spec_text(spec, "memory.max"), ==, "5M");
	g_assert_cmpint(fcntl(spec_entry(spec, "bind")->fd, F_GETFD), ==, FD_CLOEXEC);
	g_assert_true(spec_entry(spec, "pids.max")->best_effort);
}

static void
test_nul(void)
{
	static const char text[] = "[limits]\n\0memory.max=1G\n";
	g_autoptr(spec_t) spec = new_spec();
	g_autoptr(public_error_t) error = NULL;

	g_assert_cmpint(load(spec, text, sizeof text - 1, NULL, &error), ==, -EINVAL);
	g_assert_nonnull(strstr(sbx_error_message(error), "a NUL byte at offset 9"));
}

static void
test_too_big(void)
{
	size_t most = 64 * 1024;
	g_autofree char *text = g_strnfill(most + 1, '\n');
	g_autoptr(spec_t) spec = new_spec();

	g_assert_cmpint(load(spec, text, most, NULL, NULL), ==, 0);
	g_assert_cmpint(load(spec, text, most + 1, NULL, NULL), ==, -EFBIG);
	g_assert_cmpint(sbx_spec_load(spec, "/dev/zero", NULL), ==, -EFBIG);
}

/* Many keys: each one is there, in its place. */
static void
test_many_keys(void)
{
	g_autoptr(GString) text = g_string_new("[limits]\n");
	g_autoptr(spec_t) spec = new_spec();

	for (int i = 0; i < 2000; i++)
		g_string_append_printf(text, "x.y%d=1\n", i);
	g_assert_cmpint(load(spec, text->str, text->len, NULL, NULL), ==, 0);
	g_assert_cmpuint(spec->entries->len, ==, 2000);
	g_assert_cmpstr(spec_at(spec, 1234)->name, ==, "x.y1234");
}

static void
test_files(void)
{
	g_autoptr(spec_t) spec = new_spec();
	g_autoptr(public_error_t) error = NULL;
	sbx_spec *other = NULL;

	g_assert_cmpint(sbx_spec_load(spec, "/nowhere/at/all", &error), ==, -ENOENT);
	g_assert_cmpstr(sbx_error_message(error), ==, "open /nowhere/at/all: No such file or directory");
	g_assert_cmpint(sbx_spec_load(spec, "/", NULL), ==, -EISDIR);
	g_assert_cmpint(sbx_spec_load(spec, "", NULL), ==, -ENOENT);
	g_assert_cmpint(sbx_spec_load(spec, NULL, NULL), ==, -EINVAL);
	g_assert_cmpint(sbx_spec_load(NULL, "/dev/null", NULL), ==, -EINVAL);
	g_assert_cmpint(sbx_spec_load(spec, "/dev/null", NULL), ==, 0);
	g_assert_cmpint(sbx_spec_new(&other, "/nowhere/at/all", NULL), ==, -ENOENT);
	g_assert_null(other);
}

static void
test_new_from_file(void)
{
	g_autofree char *dir = g_dir_make_tmp("sbx-profile-XXXXXX", NULL);
	g_autofree char *path = g_strdup_printf("%s/a \xff.profile", dir);
	g_autoptr(spec_t) spec = NULL;
	g_autoptr(public_error_t) error = NULL;

	g_assert_true(g_file_set_contents(path, "[limits]\npids.max=7\n", -1, NULL));
	g_assert_cmpint(sbx_spec_new(&spec, path, NULL), ==, 0);
	g_assert_cmpstr(spec_text(spec, "pids.max"), ==, "7");
	g_assert_true(g_file_set_contents(path, "[limits]\npids.max=x\n", -1, NULL));
	g_assert_cmpint(sbx_spec_load(spec, path, &error), ==, -EINVAL);
	g_assert_nonnull(strstr(sbx_error_message(error), "/a \\xff.profile:2: pids.max: \"x\""));
	g_assert_cmpint(g_unlink(path), ==, 0);
	g_assert_cmpint(g_rmdir(dir), ==, 0);
}

static void
test_hint_survives(void)
{
	static const char text[] = "[limits]\nmemory=1G\n";
	g_autoptr(spec_t) spec = new_spec();
	g_autoptr(public_error_t) error = NULL;

	g_assert_cmpint(load(spec, text, strlen(text), NULL, &error), ==, -ENOENT);
	g_assert_cmpstr(sbx_error_hint(error), ==, "did you mean \"memory.max\"?");
}

/* Cut and changed texts: an answer each time, never a crash. */
static void
test_garbage(void)
{
	static const char text[] =
		"[limits]\nmemory.max=1G\n?pids.max=5\n[files]\nbind=/a;/b\\;c\nbind+=/c\nfile=/a=b\\n\n";
	static const char bytes[] = "\0[]=;\\\n?+# \r\xff";
	g_autoptr(GRand) rand = g_rand_new_with_seed(7);

	for (int i = 0; i < 3000; i++) {
		g_autoptr(spec_t) spec = new_spec();
		g_autoptr(public_error_t) error = NULL;
		char changed[sizeof text];
		size_t length = (size_t)g_rand_int_range(rand, 0, sizeof text);

		memcpy(changed, text, sizeof text);
		for (int n = g_rand_int_range(rand, 0, 4); n > 0; n--)
			changed[g_rand_int_range(rand, 0, sizeof text)] = bytes[g_rand_int_range(rand, 0, sizeof bytes - 1)];
		if (load(spec, changed, length, NULL, &error) < 0) {
			g_assert_cmpuint(spec->entries->len, ==, 0);
			g_assert_true(g_utf8_validate(sbx_error_message(error), -1, NULL));
		}
	}
}

int
main(int argc, char **argv)
{
	g_test_init(&argc, &argv, NULL);
	for (size_t i = 0; i < G_N_ELEMENTS(good_rows); i++) {
		g_autofree char *path = g_strdup_printf("/profile/good/%zu-%s", i, good_rows[i].key);

		g_test_add_data_func(path, &good_rows[i], test_good);
	}
	for (size_t i = 0; i < G_N_ELEMENTS(bad_rows); i++) {
		g_autofree char *path = g_strdup_printf("/profile/bad/%zu", i);

		g_test_add_data_func(path, &bad_rows[i], test_bad);
	}
	g_test_add_func("/profile/all-or-nothing", test_all_or_nothing);
	g_test_add_func("/profile/keeps-the-rest", test_keeps_the_rest);
	g_test_add_func("/profile/nul", test_nul);
	g_test_add_func("/profile/too-big", test_too_big);
	g_test_add_func("/profile/many-keys", test_many_keys);
	g_test_add_func("/profile/files", test_files);
	g_test_add_func("/profile/new-from-file", test_new_from_file);
	g_test_add_func("/profile/hint-survives", test_hint_survives);
	g_test_add_func("/profile/garbage", test_garbage);
	return g_test_run();
}
