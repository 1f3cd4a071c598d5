/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* SPDX-FileCopyrightText: The libsbx developers */

/* What a spec holds that is no text: given an fd or bytes, then an own copy of it, or an error. */
#include "spec.h"

#include "fd.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
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

static int
open_path(const char *path, int flags)
{
	int fd = open(path, flags | O_CLOEXEC);

	g_assert_cmpint(fd, >=, 0);
	return fd;
}

static void
assert_get(const sbx_spec *spec, const char *key, const char *expected)
{
	char *value = NULL;

	g_assert_cmpint(sbx_spec_get(spec, key, &value), ==, 0);
	g_assert_cmpstr(value, ==, expected);
	free(value);
}

static void
assert_same_file(int one, int other)
{
	struct stat a, b;

	g_assert_cmpint(fstat(one, &a), ==, 0);
	g_assert_cmpint(fstat(other, &b), ==, 0);
	g_assert_cmpuint(a.st_ino, ==, b.st_ino);
	g_assert_cmpuint(a.st_dev, ==, b.st_dev);
}

static void
test_join(gconstpointer data)
{
	enum spec_ns ns = GPOINTER_TO_INT(data);
	g_autofree char *path = g_strdup_printf("/proc/self/ns/%s", spec_ns_name(ns));
	autofd fd = open_path(path, O_RDONLY);
	g_autoptr(spec_t) spec = new_spec();

	g_assert_cmpint(spec->join[ns], ==, -1);
	g_assert_cmpint(sbx_spec_join(spec, spec_ns_name(ns), fd, NULL), ==, 0);
	g_assert_cmpint(spec->join[ns], >=, 3);
	g_assert_cmpint(spec->join[ns], !=, fd);
	g_assert_cmpint(fcntl(spec->join[ns], F_GETFD), ==, FD_CLOEXEC);
	assert_same_file(spec->join[ns], fd);
}

static void
test_join_twice(void)
{
	autofd fd = open_path("/proc/self/ns/net", O_RDONLY);
	g_autoptr(spec_t) spec = new_spec();
	int number;

	g_assert_cmpint(sbx_spec_join(spec, "net", fd, NULL), ==, 0);
	number = spec->join[SPEC_NS_NET];
	g_assert_cmpint(sbx_spec_join(spec, "net", fd, NULL), ==, 0);
	g_assert_cmpint(fcntl(number, F_GETFD), ==, -1); /* the first copy is closed */
	g_assert_cmpint(fcntl(spec->join[SPEC_NS_NET], F_GETFD), ==, FD_CLOEXEC);
}

static void
test_join_wrong_kind(void)
{
	autofd fd = open_path("/proc/self/ns/uts", O_RDONLY);
	autofd mount = open_path("/proc/self/ns/mnt", O_RDONLY);
	g_autoptr(spec_t) spec = new_spec();
	g_autoptr(public_error_t) error = NULL;
	g_autofree char *expected = g_strdup_printf("join net: fd %d is a uts namespace", fd);

	g_assert_cmpint(sbx_spec_join(spec, "net", fd, &error), ==, -EINVAL);
	g_assert_cmpstr(sbx_error_message(error), ==, expected);
	g_assert_cmpint(sbx_spec_join(spec, "net", mount, NULL), ==, -EINVAL);
	g_assert_cmpint(spec->join[SPEC_NS_NET], ==, -1);
}

static void
test_join_no_namespace(void)
{
	autofd null = open_path("/dev/null", O_RDONLY);
	autofd dir = open_path("/", O_PATH);
	g_autoptr(spec_t) spec = new_spec();

	g_assert_cmpint(sbx_spec_join(spec, "net", null, NULL), ==, -EINVAL);
	g_assert_cmpint(sbx_spec_join(spec, "net", dir, NULL), ==, -EINVAL);
}

static void
test_join_arguments(void)
{
	autofd fd = open_path("/proc/self/ns/net", O_RDONLY);
	g_autoptr(spec_t) spec = new_spec();
	g_autoptr(public_error_t) error = NULL;

	g_assert_cmpint(sbx_spec_join(spec, "mnt", fd, &error), ==, -EINVAL);
	g_assert_nonnull(strstr(sbx_error_message(error), "accepted: net, ipc"));
	g_assert_cmpint(sbx_spec_join(spec, "net", -1, NULL), ==, -EBADF);
	g_assert_cmpint(sbx_spec_join(spec, "net", 99999, NULL), ==, -EBADF);
	g_assert_cmpint(sbx_spec_join(spec, NULL, fd, NULL), ==, -EINVAL);
	g_assert_cmpint(sbx_spec_join(NULL, "net", fd, NULL), ==, -EINVAL);
}

static void
test_bind_fd(void)
{
	autofd fd = open_path("/tmp", O_PATH);
	g_autoptr(spec_t) spec = new_spec();
	g_autofree char *expected = NULL;
	const struct spec_entry *entry;

	g_assert_cmpint(sbx_spec_bind_fd(spec, fd, "/a//b/", 0, NULL), ==, 0);
	entry = spec_entry(spec, "bind");
	g_assert_nonnull(entry);
	g_assert_cmpstr(entry->value, ==, "/a/b");
	g_assert_cmpint(entry->fd, !=, fd);
	g_assert_cmpint(fcntl(entry->fd, F_GETFD), ==, FD_CLOEXEC);
	assert_same_file(entry->fd, fd);
	expected = g_strdup_printf("/proc/self/fd/%d:/a/b", entry->fd);
	assert_get(spec, "bind", expected);
}

static void
test_bind_fd_read_only(void)
{
	autofd fd = open_path("/tmp", O_PATH);
	g_autoptr(spec_t) spec = new_spec();

	g_assert_cmpint(sbx_spec_bind_fd(spec, fd, "/a", SBX_BIND_READ_ONLY, NULL), ==, 0);
	g_assert_nonnull(spec_entry(spec, "ro-bind"));
	g_assert_null(spec_entry(spec, "bind"));
}

static void
test_bind_fd_bad(void)
{
	autofd fd = open_path("/tmp", O_PATH);
	g_autoptr(spec_t) spec = new_spec();
	g_autoptr(public_error_t) error = NULL;

	g_assert_cmpint(sbx_spec_bind_fd(spec, -1, "/a", 0, &error), ==, -EBADF);
	g_assert_cmpstr(sbx_error_key(error), ==, "bind");
	g_assert_cmpint(sbx_spec_bind_fd(spec, 99999, "/a", 0, NULL), ==, -EBADF);
	g_assert_cmpint(sbx_spec_bind_fd(spec, fd, "a", 0, NULL), ==, -EINVAL);
	g_assert_cmpint(sbx_spec_bind_fd(spec, fd, "/a/../b", 0, NULL), ==, -EINVAL);
	g_assert_cmpint(sbx_spec_bind_fd(spec, fd, "", 0, NULL), ==, -EINVAL);
	g_assert_cmpint(sbx_spec_bind_fd(spec, fd, NULL, 0, NULL), ==, -EINVAL);
	g_assert_cmpint(sbx_spec_bind_fd(NULL, fd, "/a", 0, NULL), ==, -EINVAL);
	g_assert_cmpint(sbx_spec_bind_fd(spec, fd, "/a", 2, NULL), ==, -EINVAL);
	g_assert_cmpuint(spec->entries->len, ==, 0);
}

static const struct {
	const char *data;
	size_t length;
	const char *expected;
} files[] = {
	{ "text", 4, "/a=text" },
	{ "", 0, "/a=" },
	{ NULL, 0, "/a=" },
	{ "a\nb", 3, "/a=<3 bytes>" },
	{ "a\0b", 3, "/a=<3 bytes>" },
	{ "\xff", 1, "/a=<1 bytes>" },
};

static void
test_file(gconstpointer data)
{
	size_t i = GPOINTER_TO_SIZE(data);
	g_autoptr(spec_t) spec = new_spec();
	const struct spec_entry *entry;

	g_assert_cmpint(sbx_spec_file(spec, "/a/", files[i].data, files[i].length, 01640, NULL), ==, 0);
	entry = spec_entry(spec, "file");
	g_assert_cmpuint(entry->mode, ==, 01640);
	g_assert_cmpuint(g_bytes_get_size(entry->data), ==, files[i].length);
	assert_get(spec, "file", files[i].expected);
}

static void
test_file_owns_bytes(void)
{
	g_autoptr(spec_t) spec = new_spec();
	char text[] = "text";

	g_assert_cmpint(sbx_spec_file(spec, "/a", text, 4, 0644, NULL), ==, 0);
	memset(text, 'x', sizeof text);
	assert_get(spec, "file", "/a=text");
}

static void
test_file_size(void)
{
	size_t most = (size_t)16 * 1024 * 1024;
	g_autofree char *data = g_malloc0(most + 1);
	g_autoptr(spec_t) spec = new_spec();

	g_assert_cmpint(sbx_spec_file(spec, "/a", data, most + 1, 0644, NULL), ==, -EINVAL);
	g_assert_cmpint(sbx_spec_file(spec, "/a", data, SIZE_MAX, 0644, NULL), ==, -EINVAL);
	g_assert_cmpint(sbx_spec_file(spec, "/a", data, most, 0644, NULL), ==, 0);
}

static void
test_file_bad(void)
{
	g_autoptr(spec_t) spec = new_spec();
	static const unsigned modes[] = { 04755, 02755, 06755, 010644, ~0u };

	for (size_t i = 0; i < G_N_ELEMENTS(modes); i++)
		g_assert_cmpint(sbx_spec_file(spec, "/a", "x", 1, modes[i], NULL), ==, -EINVAL);
	g_assert_cmpint(sbx_spec_file(spec, "a", "x", 1, 0644, NULL), ==, -EINVAL);
	g_assert_cmpint(sbx_spec_file(spec, "/", "x", 1, 0644, NULL), ==, -EINVAL);
	g_assert_cmpint(sbx_spec_file(spec, "/../a", "x", 1, 0644, NULL), ==, -EINVAL);
	g_assert_cmpint(sbx_spec_file(spec, NULL, "x", 1, 0644, NULL), ==, -EINVAL);
	g_assert_cmpint(sbx_spec_file(spec, "/a", NULL, 1, 0644, NULL), ==, -EINVAL);
	g_assert_cmpint(sbx_spec_file(NULL, "/a", "x", 1, 0644, NULL), ==, -EINVAL);
	g_assert_cmpuint(spec->entries->len, ==, 0);
}

static void
test_file_by_text(void)
{
	g_autoptr(spec_t) spec = new_spec();

	sbx_spec_set(spec, "file", "/a=b", NULL);
	g_assert_null(spec_entry(spec, "file")->data);
	g_assert_cmpuint(spec_entry(spec, "file")->mode, ==, 0644);
}

static void
test_empty_value_drops(void)
{
	autofd fd = open_path("/tmp", O_PATH);
	g_autoptr(spec_t) spec = new_spec();
	int number;

	g_assert_cmpint(sbx_spec_bind_fd(spec, fd, "/a", 0, NULL), ==, 0);
	number = spec_entry(spec, "bind")->fd;
	g_assert_cmpint(sbx_spec_set(spec, "bind", "", NULL), ==, 0);
	g_assert_null(spec_entry(spec, "bind"));
	g_assert_cmpint(fcntl(number, F_GETFD), ==, -1);
}

static void
test_copy(void)
{
	autofd net = open_path("/proc/self/ns/net", O_RDONLY);
	autofd dir = open_path("/tmp", O_PATH);
	g_autoptr(spec_t) spec = new_spec();
	g_autoptr(spec_t) copy = NULL;

	sbx_spec_join(spec, "net", net, NULL);
	sbx_spec_bind_fd(spec, dir, "/a", 0, NULL);
	sbx_spec_file(spec, "/f", "text", 4, 0600, NULL);
	copy = sbx_spec_copy(spec);
	g_assert_cmpint(copy->join[SPEC_NS_NET], !=, spec->join[SPEC_NS_NET]);
	g_clear_pointer(&spec, sbx_spec_free);
	assert_same_file(copy->join[SPEC_NS_NET], net);
	g_assert_cmpint(fcntl(copy->join[SPEC_NS_NET], F_GETFD), ==, FD_CLOEXEC);
	assert_same_file(spec_entry(copy, "bind")->fd, dir);
	g_assert_cmpuint(spec_entry(copy, "file")->mode, ==, 0600);
	assert_get(copy, "file", "/f=text");
}

/* No fd is left for the copy: there is none, rather than one that lacks something. */
static void
test_copy_without_fds(void)
{
	autofd dir = open_path("/tmp", O_PATH);
	g_autoptr(spec_t) spec = new_spec();
	g_autoptr(spec_t) copy = NULL;
	struct rlimit old, none;

	sbx_spec_bind_fd(spec, dir, "/a", 0, NULL);
	g_assert_cmpint(getrlimit(RLIMIT_NOFILE, &old), ==, 0);
	none = old;
	none.rlim_cur = 3;
	g_assert_cmpint(setrlimit(RLIMIT_NOFILE, &none), ==, 0);
	copy = sbx_spec_copy(spec);
	g_assert_cmpint(setrlimit(RLIMIT_NOFILE, &old), ==, 0);
	g_assert_null(copy);
	copy = sbx_spec_copy(spec);
	g_assert_nonnull(copy);
}

/* Everything above, many times: the number of open fds stays. */
static void
test_no_leak(void)
{
	autofd net = open_path("/proc/self/ns/net", O_RDONLY);
	int before = dup(0);

	close(before);
	for (int i = 0; i < 50; i++) {
		g_autoptr(spec_t) spec = new_spec();
		g_autoptr(spec_t) copy = NULL;

		sbx_spec_join(spec, "net", net, NULL);
		sbx_spec_join(spec, "uts", net, NULL);
		sbx_spec_bind_fd(spec, net, "/a", 0, NULL);
		copy = sbx_spec_copy(spec);
		g_assert_nonnull(copy);
	}
	{
		autofd after = dup(0);

		g_assert_cmpint(after, ==, before);
	}
}

int
main(int argc, char **argv)
{
	g_test_init(&argc, &argv, NULL);
	for (int ns = 0; ns < SPEC_NS_N; ns++) {
		g_autofree char *path = g_strdup_printf("/spec/join/%s", spec_ns_name(ns));

		g_test_add_data_func(path, GINT_TO_POINTER(ns), test_join);
	}
	for (size_t i = 0; i < G_N_ELEMENTS(files); i++) {
		g_autofree char *path = g_strdup_printf("/spec/file/%zu", i);

		g_test_add_data_func(path, GSIZE_TO_POINTER(i), test_file);
	}
	g_test_add_func("/spec/join/twice", test_join_twice);
	g_test_add_func("/spec/join/wrong-kind", test_join_wrong_kind);
	g_test_add_func("/spec/join/no-namespace", test_join_no_namespace);
	g_test_add_func("/spec/join/arguments", test_join_arguments);
	g_test_add_func("/spec/bind-fd/writable", test_bind_fd);
	g_test_add_func("/spec/bind-fd/read-only", test_bind_fd_read_only);
	g_test_add_func("/spec/bind-fd/bad", test_bind_fd_bad);
	g_test_add_func("/spec/file/owns-bytes", test_file_owns_bytes);
	g_test_add_func("/spec/file/size", test_file_size);
	g_test_add_func("/spec/file/bad", test_file_bad);
	g_test_add_func("/spec/file/by-text", test_file_by_text);
	g_test_add_func("/spec/empty-value-drops", test_empty_value_drops);
	g_test_add_func("/spec/copy/deep", test_copy);
	g_test_add_func("/spec/copy/without-fds", test_copy_without_fds);
	g_test_add_func("/spec/no-leak", test_no_leak);
	return g_test_run();
}
