/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* SPDX-FileCopyrightText: The libsbx developers */

/* File descriptors as owned values: -1 is none, closed once, never retried. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <unistd.h>

static inline int
fd_steal(int *fd)
{
	int taken = *fd;

	*fd = -1;
	return taken;
}

/* Close if there is one. errno survives, so that it can stand before a return. */
void fd_close(int *fd);

#define autofd __attribute__((cleanup(fd_close))) int

/* Read all that is left of a small file (at most 1 MiB, else EFBIG); a NUL is put behind it and not counted.
 * NULL and errno on failure. g_free() it. */
char *fd_read_all(int fd, size_t *ret_length);
/* Read a small file (at most 1 MiB) whole, NUL-terminated; NULL and errno on failure. g_free() it. */
char *fd_read_file_at(int dirfd, const char *path);
/* All of it into a new file of ours, or false and errno. Where RLIMIT_FSIZE forbids it that is EFBIG: writing would
 * bring SIGXFSZ upon the whole program. */
bool fd_write_whole(int fd, const void *bytes, size_t size);
/* One write(2) of a text into an existing file, as kernel files want it; false and errno on failure. A short write is
 * EIO. */
bool fd_write_file_at(int dirfd, const char *path, const char *text);
