/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* SPDX-FileCopyrightText: The libsbx developers */

/*
 * Groups that dead hosts have left: found, emptied, removed.
 *
 * Theory of operation. The owner of a group holds a shared flock(2) on its directory from its first moment to its last;
 * the kernel takes it away when the owner dies, however that happens. So who can lock a group exclusively knows that
 * its owner is gone, whatever pid namespace, time namespace or mount of cgroup2 the two live in, and whoever has the
 * owner's pid by now; and two sweepers keep out of each other's way. Only after that is the name compared with the
 * processes that are seen: an owner may be between mkdir and its lock. One that is not seen there finds its lock
 * refused or its group gone, and takes the next name.
 *
 * What the lock cannot tell: a copy of the owner that was forked and has executed nothing shares it. Such a copy can do
 * nothing with the box, whose processes have ended with the owner, but the empty directory waits until the copy has
 * ended too.
 */
#include "sweep.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "cgroup-owner.h"
#include "cgroup.h"
#include "cgroupfs.h"
#include "error.h"
#include "fd.h"
#include "sbx.h"

#define PARENT_KEY "cgroup.parent"
#define HOST_LEAF "sbx-host" /* what cgroup.self=leaf makes */

#define DEPTH_MAX 64
#define DIRS_MAX 100000
#define WAIT_EACH_MS 2000
#define WAIT_ALL_MS 20000
#define AGAIN_USEC 20000

#define BESIDE_BYTES 8192
#define BESIDE_MAX 32
#define BESIDE_PLACES 16

/* --- beside a launch --- */

/* Has this process been here before? A few places are remembered; one that is forgotten is swept once more. */
static bool
is_first_visit(int fd)
{
	static ino_t seen[BESIDE_PLACES];
	static unsigned next;
	struct stat st;

	if (fstat(fd, &st) < 0)
		return false;
	for (unsigned i = 0; i < BESIDE_PLACES; i++)
		if (__atomic_load_n(&seen[i], __ATOMIC_RELAXED) == st.st_ino)
			return false;
	__atomic_store_n(&seen[__atomic_fetch_add(&next, 1, __ATOMIC_RELAXED) % BESIDE_PLACES], st.st_ino,
	                 __ATOMIC_RELAXED);
	return true;
}

/* Processes of a killed host are dead already, as a rule, and its groups empty: then one call removes each. */
static void
remove_at_once(int fd, const char *name)
{
	g_autoptr(cgroup_t) cgroup = cgroup_take(fd, "", name);

	if (!cgroup)
		return;
	if (unlinkat(fd, name, AT_REMOVEDIR) < 0 && errno == EBUSY && cgroup->kill_fd >= 0 && cgroup_kill(cgroup, NULL))
		(void)unlinkat(fd, name, AT_REMOVEDIR);
}

/* Look at one buffer of entries. The number of bytes that were there. */
static ssize_t
look_beside(int fd, const struct cgroup_owner *self, unsigned *left)
{
	char buffer[BESIDE_BYTES] __attribute__((aligned(8)));
	ssize_t n = getdents64(fd, buffer, sizeof buffer);
	struct cgroup_owner owner;

	for (ssize_t at = 0; at<n && * left> 0;) {
		const struct dirent64 *entry = (const struct dirent64 *)(buffer + at);

		at += entry->d_reclen;
		if (entry->d_type != DT_DIR || !cgroup_owner_parse(entry->d_name, &owner) ||
		    (owner.pid == self->pid && owner.start == self->start))
			continue;
		(*left)--;
		remove_at_once(fd, entry->d_name);
	}
	return n;
}

void
sweep_beside(int parent_fd)
{
	unsigned left = BESIDE_MAX;
	struct cgroup_owner self;
	struct timespec now = { 0 };
	autofd fd = -1;

	if (!is_first_visit(parent_fd) || !cgroup_owner_self(&self))
		return;
	fd = openat(parent_fd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (fd < 0)
		return;
	/* Positions in cgroup2 are hashes of 31 bits: any of them will do, and each launch looks at another part. */
	(void)clock_gettime(CLOCK_MONOTONIC, &now);
	(void)lseek(fd, ((off_t)now.tv_nsec * 2654435761) & INT32_MAX, SEEK_SET);
	/* where that was the end of the directory, its beginning as well: a small one is seen whole */
	if (look_beside(fd, &self, &left) < BESIDE_BYTES - (ssize_t)sizeof(struct dirent64) && left > 0 &&
	    lseek(fd, 0, SEEK_SET) == 0)
		(void)look_beside(fd, &self, &left);
}

/* --- everything --- */

struct sweep {
	gint64 deadline; /* of all waiting */
	bool given;      /* the caller named the place: what may not be removed there is an error */
	unsigned dirs;   /* looked at */
	unsigned removed;
	unsigned failed;
	bool unsure;     /* something was held, maybe by another sweeper that gives it up */
	GString *paths;  /* of what was removed, one a line */
	GError *failure; /* the first */
};

static void
note_removed(struct sweep *sweep, const char *path)
{
	sweep->removed++;
	g_string_append_printf(sweep->paths, "%s\n", path);
}

/* Takes the error. */
static void
note_failed(struct sweep *sweep, GError *failure)
{
	sweep->failed++;
	if (sweep->failure)
		g_error_free(failure);
	else
		sweep->failure = failure;
}

static bool
is_not_ours(int code)
{
	return code == EACCES || code == EPERM || code == EROFS;
}

static bool
empty_and_remove(struct cgroup *cgroup, gint64 deadline, GError **error)
{
	gint64 left_ms = (deadline - g_get_monotonic_time()) / 1000;
	g_autoptr(GError) failure = NULL;

	/* without the right to kill an empty one can be removed all the same */
	if (cgroup->kill_fd < 0 && cgroup_populated(cgroup) > 0) {
		throw_error(error, EACCES, STAGE_CGROUP, NULL, "%s belongs to another user, and processes live in it",
		            cgroup->path);
		return throw_hint(error, "sweep as its user, or as root");
	}
	if (cgroup->kill_fd >= 0 && !cgroup_kill(cgroup, &failure) && cgroup_populated(cgroup) > 0) {
		g_propagate_error(error, g_steal_pointer(&failure));
		return false;
	}
	return cgroup_remove(cgroup, (int)CLAMP(left_ms, 0, WAIT_EACH_MS), error);
}

static void
sweep_group(struct sweep *sweep, int parent_fd, const char *parent_path, const char *name)
{
	g_autoptr(cgroup_t) cgroup = cgroup_take(parent_fd, parent_path, name);
	GError *failure = NULL;

	if (!cgroup)
		sweep->unsure = sweep->unsure || errno == EWOULDBLOCK;
	else if (empty_and_remove(cgroup, sweep->deadline, &failure))
		note_removed(sweep, cgroup->path);
	else if (sweep->given || !is_not_ours(failure->code))
		note_failed(sweep, failure);
	else
		g_error_free(failure);
}

/* A host that was moved into a leaf and is gone. The lock: another may be about to move in. */
static bool
sweep_leaf(struct sweep *sweep, int parent_fd, int fd, const char *path)
{
	if (flock(fd, LOCK_EX | LOCK_NB) < 0 || unlinkat(parent_fd, HOST_LEAF, AT_REMOVEDIR) < 0)
		return false;
	note_removed(sweep, path);
	return true;
}

/* Takes `fd`. What can't be read is skipped; so is what is below a living group. */
static void
sweep_below(struct sweep *sweep, int fd, const char *path, unsigned depth)
{
	DIR *dir = fdopendir(fd);

	if (!dir) {
		fd_close(&fd);
		return;
	}
	for (const struct dirent *entry; (entry = readdir(dir));) {
		g_autofree char *below = NULL;
		struct cgroup_owner owner;
		autofd next = -1;

		if (entry->d_type != DT_DIR || strcmp(entry->d_name, ".") == 0 || strcmp(entry->d_name, "..") == 0)
			continue;
		if (++sweep->dirs > DIRS_MAX)
			break;
		if (cgroup_owner_parse(entry->d_name, &owner)) {
			sweep_group(sweep, fd, path, entry->d_name);
			continue;
		}
		next = openat(fd, entry->d_name, O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW);
		below = g_build_filename(path, entry->d_name, NULL);
		if (next < 0 || (strcmp(entry->d_name, HOST_LEAF) == 0 && sweep_leaf(sweep, fd, next, below)))
			continue;
		if (depth < DEPTH_MAX)
			sweep_below(sweep, fd_steal(&next), below, depth + 1);
	}
	(void)closedir(dir);
}

/* A directory, or a group as /proc/PID/cgroup has it, relative to the mount. g_free() it. */
static char *
relative_of(const struct cgroupfs *fs, const char *given, GError **error)
{
	g_auto(GStrv) parts = g_strsplit(given, "/", -1);
	g_autofree char *path = NULL;
	const char *relative, *in_proc;

	if (*given != '/' || g_strv_contains((const char *const *)parts, "..")) {
		throw_error(error, EINVAL, STAGE_CGROUP, PARENT_KEY, "%s is not an absolute path free of \"..\"", given);
		throw_hint(error, "write it as %s/GROUP, or as /proc/PID/cgroup has it: /GROUP", fs->path);
		return NULL;
	}
	path = g_canonicalize_filename(given + strspn(given, "/") - 1, "/");
	relative = cgroupfs_relative(fs->path, path);
	in_proc = cgroupfs_relative(fs->root, path);
	/* "/a" may mean a group as well as a directory of the host's */
	if (!relative && in_proc &&
	    (faccessat(fs->fd, *in_proc ? in_proc : ".", F_OK, 0) == 0 || faccessat(AT_FDCWD, path, F_OK, 0) < 0))
		relative = in_proc;
	if (relative)
		return g_strdup(relative);
	throw_error(error, EINVAL, STAGE_CGROUP, PARENT_KEY, "%s is not below the cgroup v2 mount %s", path, fs->path);
	throw_hint(error, "write it as %s/GROUP, or as /proc/PID/cgroup has it: /GROUP", fs->path);
	return NULL;
}

static bool
sweep_once(struct sweep *sweep, const struct cgroupfs *fs, const char *relative, GError **error)
{
	g_autofree char *path = *relative ? g_build_filename(fs->path, relative, NULL) : g_strdup(fs->path);
	autofd fd = openat(fs->fd, *relative ? relative : ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW);

	if (fd < 0) {
		throw_errno(error, STAGE_CGROUP, PARENT_KEY, "open %s", path);
		return throw_hint(error, "name a group that is there, or none to search all of %s", fs->path);
	}
	sweep->dirs = 0;
	sweep->unsure = false;
	sweep->failed = 0;
	g_clear_error(&sweep->failure);
	sweep_below(sweep, fd_steal(&fd), path, 0);
	return true;
}

static bool
sweep_all(struct sweep *sweep, const char *parent, GError **error)
{
	g_auto(cgroupfs_t) fs = { 0 };
	g_autofree char *relative = NULL;

	sweep->given = parent && strcmp(parent, "auto") != 0 && strcmp(parent, "systemd") != 0;
	sweep->deadline = g_get_monotonic_time() + (gint64)WAIT_ALL_MS * 1000;
	if (!cgroupfs_open(&fs, error))
		return throw_key(error, PARENT_KEY);
	relative = sweep->given ? relative_of(&fs, parent, error) : g_strdup("");
	if (!relative || !sweep_once(sweep, &fs, relative, error))
		return false;
	if (sweep->unsure) {
		(void)usleep(AGAIN_USEC);
		if (!sweep_once(sweep, &fs, relative, error))
			return false;
	}
	if (sweep->failure) {
		g_propagate_error(error, g_steal_pointer(&sweep->failure));
		return throw_prefix(error, "%u of %u groups whose owner is gone could not be removed: ", sweep->failed,
		                    sweep->failed + sweep->removed);
	}
	if (sweep->dirs > DIRS_MAX) {
		throw_error(error, E2BIG, STAGE_CGROUP, PARENT_KEY, "there are more than %d groups: %u of dead owners removed",
		            DIRS_MAX, sweep->removed);
		return throw_hint(error, "name a part of the tree as cgroup.parent");
	}
	return true;
}

int
sbx_sweep_list(const char *parent, char **ret_paths, sbx_error **error)
{
	struct sweep sweep = { .paths = g_string_new(NULL) };
	GError *failure = NULL;
	int result = 0;

	if (!sweep_all(&sweep, parent, &failure))
		result = error_return(failure, error);
	else if (ret_paths && !(*ret_paths = strdup(sweep.paths->str)))
		result = -ENOMEM;
	g_string_free(sweep.paths, TRUE);
	g_clear_error(&sweep.failure);
	return result < 0 ? result : (int)MIN(sweep.removed, (unsigned)INT32_MAX);
}

int
sbx_sweep(const char *parent, sbx_error **error)
{
	return sbx_sweep_list(parent, NULL, error);
}
