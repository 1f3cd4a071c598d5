/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* SPDX-FileCopyrightText: The libsbx developers */

/* The init program as a file that can be executed and that nobody can write. */
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

extern const char sbx_init_start[] __attribute__((visibility("hidden")));
extern const char sbx_init_end[] __attribute__((visibility("hidden")));

static bool
write_image(int fd)
{
	return fd_write_whole(fd, sbx_init_start, (size_t)(sbx_init_end - sbx_init_start));
}

static int
image_memfd(void)
{
	autofd fd = memfd_create("sbx-init", MFD_CLOEXEC | MFD_ALLOW_SEALING | MFD_EXEC);

	if (fd < 0 && errno == EINVAL)
		fd = memfd_create("sbx-init", MFD_CLOEXEC | MFD_ALLOW_SEALING);
	if (fd < 0 || !write_image(fd) ||
	    fcntl(fd, F_ADD_SEALS, F_SEAL_WRITE | F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_SEAL) < 0)
		return -1;
	return fd_steal(&fd);
}

/* An unnamed file, opened again for reading only: a file that is open for writing can't be executed. */
static int
image_unnamed(const char *dir)
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
	return write_image(fd) ? open(link, O_RDONLY | O_CLOEXEC) : -1;
}

int
image_open(bool closed, GError **error)
{
	static const char *const dirs[] = { "/dev/shm", "/run", "/tmp", "/var/tmp" };
	int fd = image_memfd();
	int memfd_error = errno;

	for (gsize i = 0; fd < 0 && i < G_N_ELEMENTS(dirs); i++)
		fd = image_unnamed(dirs[i]);
	if (fd >= 0 && closed && fchmod(fd, 0111) < 0) {
		throw_errno(error, STAGE_CLONE, "cap", "chmod of init's image");
		fd_close(&fd);
		return -1;
	}
	/* everyone may read the installed one */
	if (fd < 0 && !closed)
		fd = open(SBX_INIT_PATH, O_RDONLY | O_CLOEXEC);
	if (fd >= 0)
		return fd;
	throw_error(error, memfd_error, STAGE_CLONE, NULL,
	            "no executable file for init: memfd: %s; no O_TMPFILE in /dev/shm, /run, /tmp, "
	            "/var/tmp; " SBX_INIT_PATH ": %s",
	            g_strerror(memfd_error), g_strerror(errno));
	throw_hint(error, "install libsbx's sbx-init, or set vm.memfd_noexec below 2");
	return -1;
}
