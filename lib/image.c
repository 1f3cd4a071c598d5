/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* SPDX-FileCopyrightText: The libsbx developers */

/* The programs that the library carries, each as a file that can be executed and that nobody can write. */
#include "image.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/memfd.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include "error.h"
#include "fd.h"

#ifndef MFD_EXEC
#define MFD_EXEC 0x0010U /* Linux 6.3 */
#endif

#define EMBEDDED extern const char __attribute__((visibility("hidden")))
EMBEDDED sbx_init_start[], sbx_init_end[];
EMBEDDED sbx_keeper_start[], sbx_keeper_end[];

static const struct embedded {
	const char *name;
	const char *what; /* for people */
	const char *start, *end;
	const char *installed;
} images[] = {
	[IMAGE_INIT] = { "sbx-init", "init", sbx_init_start, sbx_init_end, SBX_INIT_PATH },
	[IMAGE_KEEPER] = { "sbx-keeper", "the keeper", sbx_keeper_start, sbx_keeper_end, SBX_KEEPER_PATH },
};

static bool
write_image(const struct embedded *image, int fd)
{
	return fd_write_whole(fd, image->start, (size_t)(image->end - image->start));
}

static int
image_memfd(const struct embedded *image)
{
	autofd fd = memfd_create(image->name, MFD_CLOEXEC | MFD_ALLOW_SEALING | MFD_EXEC);

	if (fd < 0 && errno == EINVAL)
		fd = memfd_create(image->name, MFD_CLOEXEC | MFD_ALLOW_SEALING);
	if (fd < 0 || !write_image(image, fd) ||
	    fcntl(fd, F_ADD_SEALS, F_SEAL_WRITE | F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_SEAL) < 0)
		return -1;
	return fd_steal(&fd);
}

/* An unnamed file, opened again for reading only: a file that is open for writing can't be executed. */
static int
image_unnamed(const struct embedded *image, const char *dir)
{
	autofd fd = open(dir, O_TMPFILE | O_RDWR | O_EXCL | O_CLOEXEC, 0500);
	g_autofree char *link = g_strdup_printf("/proc/self/fd/%d", fd);
	struct statvfs fs;

	if (fd < 0 || fstatvfs(fd, &fs) < 0)
		return -1;
	if (fs.f_flag & ST_NOEXEC) {
		errno = EACCES;
		return -1;
	}
	return write_image(image, fd) ? open(link, O_RDONLY | O_CLOEXEC) : -1;
}

int
image_open(enum image which, bool closed, GError **error)
{
	static const char *const dirs[] = { "/dev/shm", "/run", "/tmp", "/var/tmp" };
	const struct embedded *image = &images[which];
	int fd = image_memfd(image);
	int memfd_error = errno;

	for (gsize i = 0; fd < 0 && i < G_N_ELEMENTS(dirs); i++)
		fd = image_unnamed(image, dirs[i]);
	if (fd >= 0 && closed && fchmod(fd, 0111) < 0) {
		throw_errno(error, STAGE_CLONE, "cap", "chmod of the image of %s", image->what);
		fd_close(&fd);
		return -1;
	}
	/* everyone may read the installed one */
	if (fd < 0 && !closed)
		fd = open(image->installed, O_RDONLY | O_CLOEXEC);
	if (fd >= 0)
		return fd;
	throw_error(error, memfd_error, STAGE_CLONE, NULL,
	            "no executable file for %s: memfd: %s; no O_TMPFILE in /dev/shm, /run, /tmp, /var/tmp; %s: %s",
	            image->what, g_strerror(memfd_error), image->installed, g_strerror(errno));
	throw_hint(error, "install libsbx's %s, or set vm.memfd_noexec below 2", image->name);
	return -1;
}
