/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* SPDX-FileCopyrightText: The libsbx developers */

/* Files: what is there, and what may be opened. Nothing is written but what the payload made itself. */
#include "probe.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/fs.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <sys/wait.h>
#include <sys/xattr.h>
#include <unistd.h>

#define OPEN_FLAGS (O_CLOEXEC | O_NONBLOCK | O_NOCTTY)

/* Opening changes nothing: no O_CREAT, no O_TRUNC. */
static void
probe_open_r(const char *path)
{
	reached();
	tell(open(path, O_RDONLY | OPEN_FLAGS));
}

static void
probe_open_w(const char *path)
{
	reached();
	tell(open(path, O_WRONLY | OPEN_FLAGS));
}

/* What one read gives: "0 bytes", "some bytes" or the errno. */
static void
probe_read(const char *path)
{
	char byte;
	int fd = open(path, O_RDONLY | OPEN_FLAGS);
	ssize_t got;

	reached();
	if (fd < 0 || (got = read(fd, &byte, 1)) < 0)
		tell(-1);
	else
		say("%s bytes", got ? "some" : "0");
}

/* The first line of a small file. */
static void
probe_text(const char *path)
{
	char text[512];

	reached();
	if (slurp(path, text, sizeof text) < 0)
		tell(-1);
	text[strcspn(text, "\n")] = 0;
	say("%s", text);
}

static void
probe_stat(const char *path)
{
	struct stat st;

	reached();
	tell(lstat(path, &st));
}

static void
probe_owner(const char *path)
{
	struct stat st;

	reached();
	if (lstat(path, &st) < 0)
		tell(-1);
	say("%u:%u", st.st_uid, st.st_gid);
}

/* Number of the file system: another instance has another one. */
static void
probe_dev(const char *path)
{
	struct stat st;

	reached();
	if (stat(path, &st) < 0)
		tell(-1);
	say("%u:%u", major(st.st_dev), minor(st.st_dev));
}

/* rdev:PATH: "c 1:3" */
static void
probe_rdev(const char *path)
{
	struct stat st;

	reached();
	if (lstat(path, &st) < 0)
		tell(-1);
	say("%c %u:%u", S_ISCHR(st.st_mode) ? 'c' : S_ISBLK(st.st_mode) ? 'b' : '-', major(st.st_rdev), minor(st.st_rdev));
}

static int
not_dot(const struct dirent *entry)
{
	return strcmp(entry->d_name, ".") && strcmp(entry->d_name, "..");
}

static void
probe_list(const char *path)
{
	struct dirent **names;
	char text[2000] = "";
	int n;

	reached();
	n = scandir(path, &names, not_dot, alphasort);
	if (n < 0)
		tell(-1);
	for (int i = 0; i < n && strlen(text) + strlen(names[i]->d_name) + 2 < sizeof text; i++)
		strcat(strcat(text, i ? " " : ""), names[i]->d_name);
	say("%s", n ? text : "empty");
}

/* --- changes, all of what is ours or must not be possible --- */

static void
probe_create(const char *path)
{
	reached();
	tell(open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600));
	unlink(path);
}

static void
probe_unlink(const char *path)
{
	reached();
	tell(unlink(path));
}

/* rename:PATH, onto itself with another name */
static void
probe_rename(const char *path)
{
	char other[512];

	snprintf(other, sizeof other, "%s.sbx-hostile", path);
	reached();
	tell(rename(path, other));
}

static void
probe_chmod(const char *path)
{
	reached();
	tell(chmod(path, 0666));
}

static void
probe_chown(const char *path)
{
	reached();
	tell(chown(path, 0, 0));
}

/* A file of the payload's own, new in /tmp. */
static const char *
own_file(void)
{
	static char path[] = "/tmp/sbx-own-XXXXXX";
	int fd = mkstemp(path);

	if (fd < 0 || write(fd, "x", 1) != 1)
		return NULL;
	close(fd);
	return path;
}

/* chown-own:UID, away from us */
static void
probe_chown_own(const char *uid)
{
	const char *path = own_file();

	reached();
	tell(path ? chown(path, (uid_t)atoi(uid), (gid_t)-1) : -1);
}

/* Capabilities as an attribute of a file of ours. */
static void
probe_filecap(const char *arg)
{
	static const uint32_t net_raw[5] = { 0x02000001, 1u << 13, 0, 0, 0 };
	const char *path = own_file();

	(void)arg;
	reached();
	tell(path ? setxattr(path, "security.capability", net_raw, sizeof net_raw, 0) : -1);
}

/* xattr:NAME on a file of ours */
static void
probe_xattr(const char *name)
{
	const char *path = own_file();

	reached();
	tell(path ? setxattr(path, name, "x", 1, 0) : -1);
}

static void
probe_immutable(const char *arg)
{
	const char *path = own_file();
	int fd = path ? open(path, O_RDONLY) : -1;
	long flags = 0;

	(void)arg;
	if (fd < 0 || ioctl(fd, FS_IOC_GETFLAGS, &flags) < 0)
		flags = -1;
	reached();
	if (flags < 0)
		say("no flags in this file system");
	flags |= FS_IMMUTABLE_FL;
	tell(ioctl(fd, FS_IOC_SETFLAGS, &flags));
}

/* mknod:TYPE,MAJOR,MINOR,DIR; what was made goes again */
static void
probe_mknod(const char *arg)
{
	char dir[256] = "", path[300], type = 0;
	unsigned hi = 0, lo = 0;

	if (sscanf(arg, "%c,%u,%u,%255s", &type, &hi, &lo, dir) != 4)
		return;
	snprintf(path, sizeof path, "%s/sbx-hostile-node", dir);
	reached();
	tell(mknod(path, (type == 'c' ? S_IFCHR : type == 'b' ? S_IFBLK : S_IFIFO) | 0600, makedev(hi, lo)));
	unlink(path);
}

/* lease:PATH of a file that is not ours */
static void
probe_lease(const char *path)
{
	int fd = open(path, O_RDONLY);

	reached();
	tell(fd < 0 ? -1 : fcntl(fd, F_SETLEASE, F_RDLCK));
}

/* mmap-x:PATH: is what lies on a noexec mount kept from running? */
static void
probe_mmap_x(const char *path)
{
	int fd = open(path, O_RDONLY);

	reached();
	tell(fd < 0 || mmap(NULL, 4096, PROT_READ | PROT_EXEC, MAP_PRIVATE, fd, 0) == MAP_FAILED ? -1 : 0);
}

/* setuid:PROGRAM: run it (a copy of this one that has the set-user-id bit): who is it then? */
static void
probe_setuid(const char *path)
{
	int fds[2], status = 0;
	char text[256] = "", *at;

	if (pipe(fds) < 0)
		return;
	reached();
	if (fork() == 0) {
		dup2(fds[1], 1);
		execl(path, "probe", "euid", NULL);
		dprintf(1, "euid reached %s\n", strerrorname_np(errno));
		_exit(0);
	}
	close(fds[1]);
	wait(&status);
	if (read(fds[0], text, sizeof text - 1) <= 0 || !(at = strstr(text, "reached ")))
		return;
	at[strcspn(at, "\n")] = 0;
	say("%s", at + strlen("reached "));
}

/* noexec:DIR: run a copy of this program there */
static void
probe_noexec(const char *dir)
{
	char path[256], *argv[] = { path, NULL };
	static char page[65536];
	int from = open("/proc/self/exe", O_RDONLY), to, status = 0;
	ssize_t got;

	snprintf(path, sizeof path, "%s/sbx-hostile-copy", dir);
	to = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0700);
	while ((got = read(from, page, sizeof page)) > 0)
		if (write(to, page, (size_t)got) != got)
			break;
	close(to);
	reached();
	if (fork() == 0) {
		/* without a name to run it only ends */
		int null = open("/dev/null", O_WRONLY);

		dup2(null, 1);
		execv(path, argv);
		tell(-1);
		_exit(0);
	}
	wait(&status);
	unlink(path);
	tell(0);
}

/* --- where the tree ends --- */

/* climb:HOW: does ".." lead out of the root? The root and what is above it are the same directory. */
static void
probe_climb(const char *how)
{
	struct stat root, above;
	int fd = open(*how ? how : "/", O_RDONLY | O_DIRECTORY | O_CLOEXEC);

	reached();
	if (fd < 0 || stat("/", &root) < 0) {
		tell(-1);
		return;
	}
	for (int i = 0; i < 64; i++) {
		int up = openat(fd, "..", O_RDONLY | O_DIRECTORY | O_CLOEXEC);

		if (up < 0)
			break;
		close(fd);
		fd = up;
	}
	fstat(fd, &above);
	say("%s", root.st_dev == above.st_dev && root.st_ino == above.st_ino ? "the root" : "elsewhere");
}

static void
probe_readlink(const char *path)
{
	char text[512];
	ssize_t length;

	reached();
	length = readlink(path, text, sizeof text - 1);
	if (length < 0)
		tell(-1);
	text[length < 0 ? 0 : length] = 0;
	say("%s", text);
}

/* --- all mounts --- */

static bool
is_device(const char *point, const char *root)
{
	static const char *const points[] = { "/dev/null",    "/dev/zero", "/dev/full", "/dev/random",
		                                  "/dev/urandom", "/dev/tty",  "/dev/pts" };

	for (size_t i = 0; i < sizeof points / sizeof *points; i++)
		if (!strcmp(point, points[i]))
			return true;
	/* what is hidden has the null device over it */
	return !strcmp(root, "/null") && !strncmp(point, "/proc/", 6);
}

/* Mounts that others cover are in the list too, but no path leads to them. */
static bool
is_covered(const char *point, int id)
{
	struct statx st;

	return statx(AT_FDCWD, point, AT_SYMLINK_NOFOLLOW | AT_NO_AUTOMOUNT, STATX_MNT_ID, &st) < 0 ||
	       !(st.stx_mask & STATX_MNT_ID) || (int)st.stx_mnt_id != id;
}

/* mounts:WHAT: the first mount that is not as all should be, or "none" */
static void
probe_mounts(const char *what)
{
	static char text[256 << 10];
	char *save = NULL;

	reached();
	if (slurp("/proc/self/mountinfo", text, sizeof text) <= 0) {
		tell(-1);
		return;
	}
	for (char *line = strtok_r(text, "\n", &save); line; line = strtok_r(NULL, "\n", &save)) {
		char root[1024], point[1024], options[512] = ",", optional[256], *type = strstr(line, " - ");
		int id;
		bool bad = false;

		if (!type || sscanf(line, "%d %*s %*s %1000s %1000s %500s %250s", &id, root, point, options + 1, optional) != 5)
			continue;
		strcat(options, ",");
		if (!strcmp(what, "nosuid"))
			bad = !strstr(options, ",nosuid,");
		else if (!strcmp(what, "nodev"))
			bad = !strstr(options, ",nodev,") && !is_device(point, root);
		else if (!strcmp(what, "private"))
			bad = strcmp(optional, "-") != 0;
		else if (!strcmp(what, "cgroup"))
			bad = !strncmp(type, " - cgroup", 9) && !is_covered(point, id);
		else if (!strcmp(what, "old-root"))
			bad = strstr(point, "old") || strstr(point, "//deleted");
		else if (!strcmp(what, "proc-noexec"))
			bad = !strncmp(type, " - proc ", 8) && !strstr(options, ",noexec,") && !is_covered(point, id);
		else if (!strcmp(what, "sys-writable"))
			bad = !strncmp(type, " - sysfs ", 9) && !strstr(options, ",ro,");
		else if (!strcmp(what, "disk-writable"))
			bad = strncmp(point, "/tmp/", 5) && strstr(options, ",rw,") && !strstr(type, " tmpfs ") &&
			      !strstr(type, " proc ") && !strstr(type, " devpts ") && !strstr(type, " mqueue ");
		if (bad) {
			say("%s", point);
			return;
		}
	}
	say("none");
}

const struct probe probes_file[] = {
	{ "chmod", probe_chmod },       { "chown", probe_chown },         { "chown-own", probe_chown_own },
	{ "climb", probe_climb },       { "create", probe_create },       { "dev", probe_dev },
	{ "filecap", probe_filecap },   { "lease", probe_lease },         { "list", probe_list },
	{ "mknod", probe_mknod },       { "mmap-x", probe_mmap_x },       { "mounts", probe_mounts },
	{ "noexec", probe_noexec },     { "open-r", probe_open_r },       { "open-w", probe_open_w },
	{ "owner", probe_owner },       { "rdev", probe_rdev },           { "read", probe_read },
	{ "readlink", probe_readlink }, { "rename", probe_rename },       { "setuid", probe_setuid },
	{ "stat", probe_stat },         { "text", probe_text },           { "unlink", probe_unlink },
	{ "xattr", probe_xattr },       { "immutable", probe_immutable }, { NULL, NULL },
};
