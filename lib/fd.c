/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* SPDX-FileCopyrightText: The libsbx developers */

/* File descriptors: closed once, small files read whole and written at once. */
#include "fd.h"

#include <errno.h>
#include <fcntl.h>
#include <glib.h>
#include <string.h>
#include <sys/resource.h>

#define FILE_MAX ((size_t)1024 * 1024)

void
fd_close(int *fd)
{
	int saved = errno;

	/* No retry: after EINTR the number is free already and may be another thread's by now. */
	if (*fd >= 0)
		close(*fd);
	*fd = -1;
	errno = saved;
}

char *
fd_read_all(int fd, size_t *ret_length)
{
	g_autofree char *data = NULL;
	size_t length = 0;
	size_t room = 0;

	for (;;) {
		ssize_t n;

		if (length == room) {
			if (room > FILE_MAX) {
				errno = EFBIG;
				return NULL;
			}
			room = room ? MIN(room * 2, FILE_MAX + 1) : 4096;
			data = g_realloc(data, room + 1);
		}
		n = read(fd, data + length, room - length);
		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return NULL;
		if (n == 0)
			break;
		length += (size_t)n;
	}
	data[length] = '\0';
	*ret_length = length;
	return g_steal_pointer(&data);
}

char *
fd_read_file_at(int dirfd, const char *path)
{
	autofd fd = openat(dirfd, path, O_RDONLY | O_CLOEXEC | O_NOCTTY);
	size_t length;

	return fd >= 0 ? fd_read_all(fd, &length) : NULL;
}

bool
fd_write_file_at(int dirfd, const char *path, const char *text)
{
	autofd fd = openat(dirfd, path, O_WRONLY | O_CLOEXEC | O_NOCTTY);
	size_t length = strlen(text);
	ssize_t n;

	if (fd < 0)
		return false;
	do
		n = write(fd, text, length);
	while (n < 0 && errno == EINTR);
	if (n >= 0 && (size_t)n != length)
		errno = EIO;
	return n >= 0 && (size_t)n == length;
}

bool
fd_write_whole(int fd, const void *bytes, size_t size)
{
	struct rlimit limit;
	ssize_t n;

	if (getrlimit(RLIMIT_FSIZE, &limit) == 0 && limit.rlim_cur < size) {
		errno = EFBIG;
		return false;
	}
	for (size_t done = 0; done < size; done += (size_t)n) {
		n = write(fd, (const char *)bytes + done, size - done);
		if (n < 0 && errno == EINTR)
			n = 0;
		else if (n <= 0)
			return false;
	}
	return true;
}
