/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* SPDX-FileCopyrightText: The libsbx developers */

/* File descriptors: closed once, small files read and written whole. */
#include "fd.h"

#include <errno.h>
#include <fcntl.h>
#include <glib.h>
#include <glib/gstdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>

static int
open_null(void)
{
	int fd = open("/dev/null", O_RDWR | O_CLOEXEC);

	g_assert_cmpint(fd, >=, 0);
	return fd;
}

static bool
is_open(int fd)
{
	return fcntl(fd, F_GETFD) >= 0;
}

static void
test_close(void)
{
	int fd = open_null();
	int number = fd;

	g_assert_true(is_open(number));
	errno = ENOTTY;
	fd_close(&fd);
	g_assert_cmpint(errno, ==, ENOTTY);
	g_assert_cmpint(fd, ==, -1);
	g_assert_false(is_open(number));
	fd_close(&fd);
}

static void
test_close_keeps_errno(void)
{
	int fd = 100000;

	errno = ENOENT;
	fd_close(&fd);
	g_assert_cmpint(errno, ==, ENOENT);
}

static void
test_auto(void)
{
	int number;

	{
		autofd fd = open_null();

		number = fd;
		g_assert_true(is_open(number));
	}
	g_assert_false(is_open(number));
}

static void
test_steal(void)
{
	int number;

	{
		autofd fd = open_null();

		number = fd_steal(&fd);
		g_assert_cmpint(fd, ==, -1);
	}
	g_assert_true(is_open(number));
	fd_close(&number);
}

/* A file in memory of `length` bytes, and a path that opens it. */
static int
memory_file(const void *data, size_t length, char **ret_path)
{
	int fd = memfd_create("test", MFD_CLOEXEC);

	g_assert_cmpint(fd, >=, 0);
	g_assert_cmpint(write(fd, data, length), ==, length);
	g_assert_cmpint(lseek(fd, 0, SEEK_SET), ==, 0);
	*ret_path = g_strdup_printf("/proc/self/fd/%d", fd);
	return fd;
}

static void
test_read_size(gconstpointer data)
{
	size_t size = GPOINTER_TO_SIZE(data);
	g_autofree char *expected = g_strnfill(size, 'x');
	g_autofree char *path = NULL;
	autofd fd = memory_file(expected, size, &path);
	g_autofree char *text = fd_read_file_at(AT_FDCWD, path);

	g_assert_cmpstr(text, ==, expected);
}

static void
test_read_too_big(void)
{
	size_t size = 1024 * 1024 + 1;
	g_autofree char *data = g_strnfill(size, 'x');
	g_autofree char *path = NULL;
	autofd fd = memory_file(data, size, &path);

	g_assert_null(fd_read_file_at(AT_FDCWD, path));
	g_assert_cmpint(errno, ==, EFBIG);
	g_assert_null(fd_read_file_at(AT_FDCWD, "/dev/zero"));
	g_assert_cmpint(errno, ==, EFBIG);
}

static void
test_read_all_counts(void)
{
	g_autofree char *path = NULL;
	autofd fd = memory_file("a\0b", 3, &path);
	size_t length = 0;
	g_autofree char *text = fd_read_all(fd, &length);

	g_assert_cmpmem(text, length + 1, "a\0b", 4);
}

static void
test_read_missing(void)
{
	g_assert_null(fd_read_file_at(AT_FDCWD, "/nowhere/at/all"));
	g_assert_cmpint(errno, ==, ENOENT);
	g_assert_null(fd_read_file_at(AT_FDCWD, "/"));
	g_assert_cmpint(errno, ==, EISDIR);
}

static void
test_read_at(void)
{
	autofd dir = open("/proc/self", O_PATH | O_DIRECTORY | O_CLOEXEC);
	g_autofree char *text = fd_read_file_at(dir, "status");

	g_assert_nonnull(text);
	g_assert_true(g_str_has_prefix(text, "Name:"));
}

static void
test_write(void)
{
	g_autofree char *path = NULL;
	autofd fd = memory_file("123456", 6, &path);
	g_autofree char *text = NULL;

	g_assert_true(fd_write_file_at(AT_FDCWD, path, "ab"));
	text = fd_read_file_at(AT_FDCWD, path);
	g_assert_cmpstr(text, ==, "ab3456"); /* as kernel files want it: neither made nor cut */
}

static void
test_write_missing(void)
{
	g_autofree char *dir = g_dir_make_tmp("sbx-fd-XXXXXX", NULL);
	g_autofree char *path = g_strdup_printf("%s/new", dir);

	g_assert_false(fd_write_file_at(AT_FDCWD, path, "x"));
	g_assert_cmpint(errno, ==, ENOENT);
	g_assert_cmpint(g_rmdir(dir), ==, 0);
}

static void
test_write_refused(void)
{
	g_assert_false(fd_write_file_at(AT_FDCWD, "/dev/full", "x"));
	g_assert_cmpint(errno, ==, ENOSPC);
}

/* A file that may not grow that far takes a part: that is not the value that was meant. */
static void
test_write_short(void)
{
	g_autofree char *path = NULL;
	autofd fd = memory_file("", 0, &path);
	struct rlimit old, little = { .rlim_cur = 3 };

	g_assert_cmpint(getrlimit(RLIMIT_FSIZE, &old), ==, 0);
	little.rlim_max = old.rlim_max;
	g_assert_cmpint(setrlimit(RLIMIT_FSIZE, &little), ==, 0);
	g_assert_false(fd_write_file_at(AT_FDCWD, path, "12345"));
	g_assert_cmpint(errno, ==, EIO);
	g_assert_cmpint(setrlimit(RLIMIT_FSIZE, &old), ==, 0);
	g_assert_true(fd_write_file_at(AT_FDCWD, path, "12345"));
}

int
main(int argc, char **argv)
{
	static const size_t sizes[] = { 0, 1, 4095, 4096, 4097, 65536, 1024 * 1024 - 1, 1024 * 1024 };

	g_test_init(&argc, &argv, NULL);
	g_test_add_func("/fd/close", test_close);
	g_test_add_func("/fd/close/keeps-errno", test_close_keeps_errno);
	g_test_add_func("/fd/auto", test_auto);
	g_test_add_func("/fd/steal", test_steal);
	for (size_t i = 0; i < G_N_ELEMENTS(sizes); i++) {
		g_autofree char *path = g_strdup_printf("/fd/read/%zu-bytes", sizes[i]);

		g_test_add_data_func(path, GSIZE_TO_POINTER(sizes[i]), test_read_size);
	}
	g_test_add_func("/fd/read/too-big", test_read_too_big);
	g_test_add_func("/fd/read/counts", test_read_all_counts);
	g_test_add_func("/fd/read/missing", test_read_missing);
	g_test_add_func("/fd/read/at", test_read_at);
	g_test_add_func("/fd/write", test_write);
	g_test_add_func("/fd/write/missing", test_write_missing);
	g_test_add_func("/fd/write/refused", test_write_refused);
	g_test_add_func("/fd/write/short", test_write_short);
	return g_test_run();
}
