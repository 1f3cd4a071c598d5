/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* SPDX-FileCopyrightText: The libsbx developers */

/*
 * A transient scope of systemd's, with a keeper in it.
 *
 * Theory of operation: systemd makes no group without a process, and the kernel passes no controllers on from a group
 * that has one. So a keeper is started, systemd puts it into a new scope, and it goes on into a leaf there:
 *
 *	sbx-PID-N.scope          systemd's unit, delegated; an empty inner node
 *	  keeper                 the keeper; with the host's death it writes "1" to the scope's cgroup.kill
 *	  sbx.PID.START.N ...    the boxes
 *
 * One scope serves all boxes of the process: asking for one takes systemd longer than the launch of a box. It goes
 * with the last of them: the keeper ends, and systemd removes a scope that is empty.
 *
 * A forked copy of the process has copies of everything here, and nothing of it is its own: it gets a registry of its
 * own when it asks for one, because a thread that is not there any more may have held the lock of the old one; and it
 * only closes what it has of its parent's scope.
 */
#include "scope.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

#include "cgroupfs.h"
#include "error.h"
#include "fd.h"
#include "systemd.h"

#define KEY "cgroup.parent"
#define LEAF "keeper"
/* systemd removes an empty scope within milliseconds; while it is busy with something else nobody has to wait for
 * it */
#define GONE_TIMEOUT_MS 1000
/* A manager that has not answered is not asked again so soon: a launch, and the doctor all the more, would wait for it
 * anew for each thing that it wants to know. */
#define SILENT_USEC (10 * G_USEC_PER_SEC)

struct scope {
	gint refs;
	pid_t owner;
	struct keeper keeper;
	char *path;
	int fd;    /* its directory */
	bool leaf; /* it has one of ours */
};

/* What the threads of one process share. */
struct registry {
	pid_t owner;
	GMutex mutex;
	struct scope *scope; /* no reference: it is taken away with the last one */
	gint attempts;       /* to make one, that have come to an end */
	GError *error;       /* of the last one */
	gint64 failed;       /* g_get_monotonic_time() of that */
};

static struct registry *shared;

static struct registry *
registry_get(void)
{
	for (;;) {
		struct registry *now = g_atomic_pointer_get(&shared);
		struct registry *fresh;

		if (now && now->owner == getpid())
			return now;
		fresh = g_new0(struct registry, 1);
		fresh->owner = getpid();
		g_mutex_init(&fresh->mutex);
		if (g_atomic_pointer_compare_and_exchange(&shared, now, fresh))
			return fresh;
		g_mutex_clear(&fresh->mutex);
		g_free(fresh);
	}
}

/* --- its end --- */

static bool
is_removed(const struct scope *scope)
{
	return faccessat(scope->fd, "cgroup.procs", F_OK, 0) < 0;
}

/* Wait until systemd has removed it. The leaf is ours; a group that a box has left in there is the sweep's. */
static void
await_removal(const struct scope *scope)
{
	gint64 deadline = g_get_monotonic_time() + GONE_TIMEOUT_MS * (gint64)1000;
	bool leaf = scope->leaf;

	for (unsigned ms = 1; !is_removed(scope) && g_get_monotonic_time() < deadline; ms = MIN(2 * ms, 10)) {
		/* EBUSY for a moment after the end of the keeper */
		if (leaf && (unlinkat(scope->fd, LEAF, AT_REMOVEDIR) == 0 || errno == ENOENT))
			leaf = false;
		(void)poll(NULL, 0, (int)ms);
	}
}

/* In a forked copy keeper_clear() only closes. */
static void
scope_free(struct scope *scope)
{
	keeper_clear(&scope->keeper);
	if (scope->fd >= 0 && scope->owner == getpid())
		await_removal(scope);
	fd_close(&scope->fd);
	g_free(scope->path);
	g_free(scope);
}

void
scope_unref(struct scope *scope)
{
	struct registry *registry;
	bool last;

	if (!scope)
		return;
	if (scope->owner != getpid()) {
		if (g_atomic_int_dec_and_test(&scope->refs))
			scope_free(scope);
		return;
	}
	registry = registry_get();
	g_mutex_lock(&registry->mutex);
	last = g_atomic_int_dec_and_test(&scope->refs);
	if (last && registry->scope == scope)
		registry->scope = NULL;
	g_mutex_unlock(&registry->mutex);
	/* not under the lock: who wants one meanwhile gets a new one */
	if (last)
		scope_free(scope);
}

/* --- its birth --- */

/* Its directory, below the mount of cgroup2 that we see. */
static bool
open_directory(struct scope *scope, const char *unit, const char *group, GError **error)
{
	g_auto(cgroupfs_t) fs = { 0 };
	const char *inside;

	if (!cgroupfs_open(&fs, error))
		return false;
	inside = cgroupfs_relative(fs.root, group);
	if (!inside || *inside == '\0') {
		throw_error(error, ENOENT, STAGE_CGROUP, KEY, "systemd made %s at %s, which is not below %s", unit, group,
		            fs.path);
		return throw_hint(error, "mount the whole of cgroup2 here, or give cgroup.parent a group that is below %s",
		                  fs.path);
	}
	scope->path = g_strdup_printf("%s/%s", fs.path, inside);
	scope->fd = openat(fs.fd, inside, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	return scope->fd >= 0 || throw_errno(error, STAGE_CGROUP, KEY, "open %s", scope->path);
}

/* Out of the scope's own directory, so that it may pass controllers on. */
static bool
move_keeper(struct scope *scope, GError **error)
{
	char pid[16];
	autofd leaf = -1;

	g_snprintf(pid, sizeof(pid), "%d", (int)scope->keeper.pid);
	if (mkdirat(scope->fd, LEAF, 0755) < 0) {
		bool readonly = errno == EROFS;

		throw_errno(error, STAGE_CGROUP, KEY, "mkdir %s/" LEAF, scope->path);
		return readonly ? throw_hint(error, "mount cgroup2 writable here") : false;
	}
	scope->leaf = true;
	leaf = openat(scope->fd, LEAF, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (leaf < 0)
		return throw_errno(error, STAGE_CGROUP, KEY, "open %s/" LEAF, scope->path);
	return fd_write_file_at(leaf, "cgroup.procs", pid) ||
	       throw_errno(error, STAGE_CGROUP, KEY, "write %s to %s/" LEAF "/cgroup.procs", pid, scope->path);
}

static bool
watch(const struct scope *scope, GError **error)
{
	autofd kill_fd = openat(scope->fd, "cgroup.kill", O_WRONLY | O_CLOEXEC);

	if (kill_fd < 0)
		return throw_errno(error, STAGE_CGROUP, KEY, "open %s/cgroup.kill", scope->path);
	return keeper_watch(&scope->keeper, kill_fd, error);
}

static struct scope *
scope_new(GError **error)
{
	g_autofree char *description = g_strdup_printf("Boxes of %s (%d)", program_invocation_short_name, (int)getpid());
	g_autofree char *unit = NULL;
	g_autofree char *group = NULL;
	struct scope *scope = g_new0(struct scope, 1);

	*scope = (struct scope){ .refs = 1, .owner = getpid(), .keeper = { .pidfd = -1, .socket = -1 }, .fd = -1 };
	if (keeper_new(-1, &scope->keeper, error) &&
	    systemd_start_scope(scope->keeper.pid, description, &unit, &group, error) &&
	    open_directory(scope, unit, group, error) && move_keeper(scope, error) && watch(scope, error))
		return scope;
	throw_key(error, KEY);
	/* with the keeper the scope goes, also one that systemd is about to make */
	scope_free(scope);
	return NULL;
}

/* Stopped by somebody, the keeper is dead. */
static bool
is_alive(const struct scope *scope)
{
	struct pollfd end = { .fd = scope->keeper.pidfd, .events = POLLIN };

	return poll(&end, 1, 0) == 0;
}

static bool
is_silent(const struct registry *registry)
{
	return registry->error && registry->error->code == ETIMEDOUT &&
	       g_get_monotonic_time() - registry->failed < SILENT_USEC;
}

struct scope *
scope_get(GError **error)
{
	struct registry *registry = registry_get();
	gint attempts = g_atomic_int_get(&registry->attempts);
	struct scope *scope;

	g_mutex_lock(&registry->mutex);
	scope = registry->scope;
	if (scope && is_alive(scope)) {
		g_atomic_int_inc(&scope->refs);
		g_mutex_unlock(&registry->mutex);
		return scope;
	}
	/* Those who waited while it could not be had share the answer: each for itself would wait its time in turn. */
	if (!registry->error || (registry->attempts == attempts && !is_silent(registry))) {
		g_clear_error(&registry->error);
		registry->scope = scope_new(&registry->error);
		registry->failed = g_get_monotonic_time();
		g_atomic_int_inc(&registry->attempts);
	}
	scope = registry->scope;
	if (!scope && error)
		*error = g_error_copy(registry->error);
	g_mutex_unlock(&registry->mutex);
	return scope;
}

const char *
scope_path(const struct scope *scope)
{
	return scope->path;
}

const struct keeper *
scope_keeper(const struct scope *scope)
{
	return &scope->keeper;
}
