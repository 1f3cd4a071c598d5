/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* SPDX-FileCopyrightText: The libsbx developers */

/* One cgroup v2 directory of one box: its birth, its processes, its end. cgroup-set.c has its limits, cgroup-stat.c its
 * numbers. */
#include "cgroup.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <poll.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "cgroup-owner.h"
#include "cgroup-stat.h"
#include "error.h"
#include "fd.h"
#include "sweep.h"

#define NAME_TRIES 1000
#define PIDS_NAMED 8

static bool
throw_mkdir(const char *parent_path, const char *name, GError **error)
{
	int code = errno;

	if (code == EAGAIN) {
		throw_error(error, code, STAGE_CGROUP, NULL,
		            "make a group in %s: cgroup.max.descendants or cgroup.max.depth of it is reached", parent_path);
		return throw_hint(error, "raise that limit, or remove groups that are no longer used");
	}
	throw_errno(error, STAGE_CGROUP, NULL, "mkdir %s/%s", parent_path, name);
	if (code == EACCES || code == EPERM || code == EROFS)
		throw_hint(error, "the group must be delegated to this user (Delegate=yes, or chown), and cgroup2 be mounted "
		                  "read-write");
	else if (code == ENOENT || code == ENODEV)
		throw_hint(error, "the group has been removed by something else on this host");
	return false;
}

/* Is what the fd is open on still what stands under this name? */
static bool
is_linked(int parent_fd, const char *name, int fd)
{
	struct stat named, opened;

	return fstatat(parent_fd, name, &named, AT_SYMLINK_NOFOLLOW) == 0 && fstat(fd, &opened) == 0 &&
	       named.st_ino == opened.st_ino && named.st_dev == opened.st_dev;
}

/* Open the directory and hold it. 1: it is ours; 0: a sweeper was faster; -1: an error, thrown. */
static int
hold(int parent_fd, const char *parent_path, const char *name, int *ret_fd, GError **error)
{
	autofd fd = openat(parent_fd, name, O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW);
	bool locked;

	if (fd < 0 && errno != ENOENT && errno != ENODEV) {
		throw_errno(error, STAGE_CGROUP, NULL, "open %s/%s", parent_path, name);
		return -1;
	}
	locked = fd >= 0 && flock(fd, LOCK_SH | LOCK_NB) == 0;
	if (fd >= 0 && !locked && errno != EWOULDBLOCK) {
		throw_errno(error, STAGE_CGROUP, NULL, "lock %s/%s, which keeps sweepers away", parent_path, name);
		throw_hint(error, "flock(2) must work here: see the seccomp filter around this process");
		return -1;
	}
	if (!locked || !is_linked(parent_fd, name, fd))
		return 0;
	*ret_fd = fd_steal(&fd);
	return 1;
}

/*
 * Make the directory and hold it, under a name that is still free: a process of another pid namespace may have our pid
 * and start time. Between mkdir and lock a sweeper that does not see us takes it for a leftover; then it is one.
 */
static bool
make_held(struct cgroup *cgroup, const char *parent_path, GError **error)
{
	static guint counter;
	struct cgroup_owner self;

	if (!cgroup_owner_self(&self))
		return throw_error(error, EIO, STAGE_CGROUP, NULL, "read our start time from /proc/self/stat");
	for (int i = 0; i < NAME_TRIES; i++) {
		g_autofree char *name = cgroup_owner_name(&self, (guint)g_atomic_int_add(&counter, 1));
		int held = 0;

		if (mkdirat(cgroup->parent_fd, name, 0755) == 0)
			held = hold(cgroup->parent_fd, parent_path, name, &cgroup->fd, error);
		else if (errno != EEXIST)
			return throw_mkdir(parent_path, name, error);
		else
			continue;
		if (held == 1)
			cgroup->name = g_steal_pointer(&name);
		else
			(void)unlinkat(cgroup->parent_fd, name, AT_REMOVEDIR);
		if (held != 0)
			return held == 1;
	}
	return throw_error(error, EEXIST, STAGE_CGROUP, NULL, "%s is full of groups named sbx.%d.%" PRIu64 ".N",
	                   parent_path, (int)self.pid, self.start);
}

/* With an fd of the parent's, and nothing else yet. */
static struct cgroup *
cgroup_alloc(int parent_fd)
{
	struct cgroup *cgroup = g_new0(struct cgroup, 1);

	cgroup->fd = cgroup->kill_fd = -1;
	cgroup->peak_offset = 1; /* the box's init */
	cgroup->parent_fd = fcntl(parent_fd, F_DUPFD_CLOEXEC, 3);
	return cgroup;
}

static char *
path_of(const char *parent_path, const char *name)
{
	return g_strconcat(parent_path, g_str_has_suffix(parent_path, "/") ? "" : "/", name, NULL);
}

bool
cgroup_new(int parent_fd, const char *parent_path, struct cgroup **ret_cgroup, GError **error)
{
	g_autoptr(cgroup_t) cgroup = cgroup_alloc(parent_fd);

	if (cgroup->parent_fd < 0)
		return throw_errno(error, STAGE_CGROUP, NULL, "duplicate the fd of %s", parent_path);
	sweep_beside(cgroup->parent_fd);
	if (!make_held(cgroup, parent_path, error))
		return false;
	cgroup->path = path_of(parent_path, cgroup->name);
	cgroup->kill_fd = openat(cgroup->fd, "cgroup.kill", O_WRONLY | O_CLOEXEC);
	if (cgroup->kill_fd < 0) {
		throw_errno(error, STAGE_CGROUP, NULL, "open %s/cgroup.kill", cgroup->path);
		(void)unlinkat(cgroup->parent_fd, cgroup->name, AT_REMOVEDIR);
		return false;
	}
	*ret_cgroup = g_steal_pointer(&cgroup);
	return true;
}

/* The order counts: once we have the lock, an owner that is not seen neither has the group nor can it get it. */
struct cgroup *
cgroup_take(int parent_fd, const char *parent_path, const char *name)
{
	g_autoptr(cgroup_t) cgroup = NULL;
	struct cgroup_owner owner;
	autofd fd = -1;

	errno = EINVAL;
	if (!cgroup_owner_parse(name, &owner))
		return NULL;
	fd = openat(parent_fd, name, O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW);
	if (fd < 0 || flock(fd, LOCK_EX | LOCK_NB) < 0)
		return NULL;
	errno = ENOENT;
	if (!is_linked(parent_fd, name, fd))
		return NULL;
	errno = EBUSY;
	if (cgroup_owner_seen(&owner))
		return NULL;
	cgroup = cgroup_alloc(parent_fd);
	if (cgroup->parent_fd < 0)
		return NULL;
	cgroup->fd = fd_steal(&fd);
	cgroup->name = g_strdup(name);
	cgroup->path = path_of(parent_path, name);
	cgroup->kill_fd = openat(cgroup->fd, "cgroup.kill", O_WRONLY | O_CLOEXEC);
	/* its owner may have given it up just now, because we have the lock */
	if (cgroup->kill_fd < 0 && errno != EACCES && errno != EPERM && errno != EROFS)
		return NULL;
	return g_steal_pointer(&cgroup);
}

bool
cgroup_kill(const struct cgroup *cgroup, GError **error)
{
	/* ENODEV: it has been removed, and nothing lives in it */
	if (write(cgroup->kill_fd, "1", 1) == 1 || errno == ENODEV)
		return true;
	return throw_errno(error, STAGE_CGROUP, NULL, "write \"1\" to %s/cgroup.kill", cgroup->path);
}

int
cgroup_populated(const struct cgroup *cgroup)
{
	g_autofree char *text = fd_read_file_at(cgroup->fd, "cgroup.events");
	uint64_t populated;

	if (!text)
		return -1;
	if (!stat_field(text, "populated", &populated)) {
		errno = EBADMSG;
		return -1;
	}
	return populated != 0;
}

static int64_t
now_usec(void)
{
	struct timespec now;

	(void)clock_gettime(CLOCK_MONOTONIC, &now);
	return (int64_t)now.tv_sec * 1000000 + now.tv_nsec / 1000;
}

/*
 * Wait until nothing lives in it, or until the deadline. The kernel holds the second change within 10 ms back, and a
 * box may be that short: so each wait is bounded by a growing step, and the file is looked at anew.
 */
static void
wait_empty(const struct cgroup *cgroup, int64_t deadline)
{
	autofd fd = openat(cgroup->fd, "cgroup.events", O_RDONLY | O_CLOEXEC);
	int step_ms = 1;

	while (fd >= 0) {
		struct pollfd poller = { .fd = fd, .events = POLLPRI };
		int64_t left_ms = (deadline - now_usec() + 999) / 1000;
		uint64_t populated;
		char text[256];
		ssize_t n = pread(fd, text, sizeof text - 1, 0);

		if (n < 0 && errno != EINTR)
			return; /* the group is gone */
		text[MAX(n, 0)] = '\0';
		if (n > 0 && (!stat_field(text, "populated", &populated) || populated == 0))
			return;
		if (left_ms <= 0)
			return;
		(void)poll(&poller, 1, (int)MIN(left_ms, step_ms));
		step_ms = MIN(step_ms * 2, 64);
	}
}

static bool
is_child(const struct dirent *entry)
{
	return entry->d_type == DT_DIR && strcmp(entry->d_name, ".") != 0 && strcmp(entry->d_name, "..") != 0;
}

/* Remove what can be removed in `fd`. The name of one child that would not go, or NULL. g_free() it. */
static char *
remove_children(int fd)
{
	int listed = openat(fd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	DIR *dir = listed >= 0 ? fdopendir(listed) : NULL;
	char *busy = NULL;

	if (!dir) {
		fd_close(&listed);
		return NULL;
	}
	for (const struct dirent *entry; (entry = readdir(dir));) {
		if (!is_child(entry) || unlinkat(fd, entry->d_name, AT_REMOVEDIR) == 0 || errno == ENOENT)
			continue;
		if (!busy)
			busy = g_strdup(entry->d_name);
	}
	(void)closedir(dir);
	return busy;
}

/*
 * Remove the groups below, deepest first. We go down with one fd and come back by "..", because the payload may have
 * nested deeper than we may have fds open. What would not go, though nothing is below it, is left in ret_stuck, for its
 * processes.
 */
static void
remove_below(const struct cgroup *cgroup, int *ret_stuck)
{
	g_autoptr(GPtrArray) names = g_ptr_array_new_with_free_func(g_free);
	g_autofree char *emptied = NULL;
	autofd fd = openat(cgroup->fd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);

	while (fd >= 0) {
		g_autofree char *busy = remove_children(fd);
		bool stuck = busy && emptied && strcmp(busy, emptied) == 0;
		autofd next = -1;

		if (!busy && names->len == 0)
			return;
		next = openat(fd, busy ? busy : "..", O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW);
		fd_close(&fd);
		if (stuck) {
			*ret_stuck = fd_steal(&next);
			return;
		}
		g_clear_pointer(&emptied, g_free);
		if (busy)
			g_ptr_array_add(names, g_steal_pointer(&busy));
		else
			emptied = g_ptr_array_steal_index(names, names->len - 1);
		fd = fd_steal(&next);
	}
}

static bool
throw_left(const struct cgroup *cgroup, int stuck, GError **error)
{
	g_autofree char *own = fd_read_file_at(cgroup->fd, "cgroup.procs");
	g_autofree char *below = stuck >= 0 ? fd_read_file_at(stuck, "cgroup.procs") : NULL;
	const char *text = own && *own ? own : below ? below : "";
	g_auto(GStrv) pids = g_strsplit(text, "\n", PIDS_NAMED + 1);
	guint n = g_strv_length(pids);
	g_autofree char *list = NULL;

	/* the last piece is the rest, or empty */
	if (n > 0)
		g_clear_pointer(&pids[n - 1], g_free);
	list = g_strjoinv(" ", pids);
	if (*list == '\0')
		throw_error(error, EBUSY, STAGE_CGROUP, NULL,
		            "rmdir %s: Device or resource busy: something in it is still ending", cgroup->path);
	else
		throw_error(error, EBUSY, STAGE_CGROUP, NULL, "rmdir %s: Device or resource busy: it holds the processes %s",
		            cgroup->path, list);
	return throw_hint(error,
	                  "a process in state D ends when the device or network file system that it waits for answers");
}

static bool
remove_dir(struct cgroup *cgroup)
{
	if (unlinkat(cgroup->parent_fd, cgroup->name, AT_REMOVEDIR) < 0 && errno != ENOENT && errno != ENODEV)
		return false;
	g_clear_pointer(&cgroup->name, g_free);
	return true;
}

bool
cgroup_remove(struct cgroup *cgroup, int timeout_ms, GError **error)
{
	int64_t deadline = now_usec() + (int64_t)MAX(timeout_ms, 0) * 1000;

	/* The fds stay open until cgroup_free(): another thread may be about to write cgroup.kill. */
	if (!cgroup->name || remove_dir(cgroup))
		return true;
	for (unsigned step_usec = 1000; errno == EBUSY; step_usec = MIN(step_usec * 2, 16000)) {
		autofd stuck = -1;
		int64_t left;

		wait_empty(cgroup, deadline);
		remove_below(cgroup, &stuck);
		if (remove_dir(cgroup))
			return true;
		if (errno != EBUSY)
			break;
		left = deadline - now_usec();
		if (left <= 0)
			return throw_left(cgroup, stuck, error);
		(void)usleep((useconds_t)MIN(left, step_usec));
		errno = EBUSY;
	}
	return throw_errno(error, STAGE_CGROUP, NULL, "rmdir %s", cgroup->path);
}

void
cgroup_free(struct cgroup *cgroup)
{
	if (!cgroup)
		return;
	if (cgroup->let_go)
		cgroup->let_go(cgroup->held);
	fd_close(&cgroup->parent_fd);
	fd_close(&cgroup->fd);
	fd_close(&cgroup->kill_fd);
	g_free(cgroup->name);
	g_free(cgroup->path);
	g_free(cgroup);
}
