/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* SPDX-FileCopyrightText: The libsbx developers */

/*
 * The part of the box's cgroup that is the payload's own.
 *
 * Theory of operation. Three groups, one in the other:
 *
 *	sbx.X          the limits; never holds a process; belongs to the host's user
 *	sbx.X/payload  the root of the box's cgroup namespace: what the payload sees as /sys/fs/cgroup
 *	.../leaf       where init and the first payloads live
 *
 * Whatever the payload does to its root, the limits are one level above, where no name of its own leads. Init is born
 * in payload/, takes its cgroup namespace there, and moves into the leaf, because a group with processes can't offer
 * controllers to groups below it. Only then are they offered, from the top down.
 */
#include "enforce-delegate.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "enforce.h"
#include "error.h"
#include "fd.h"
#include "namespaces.h"

#define KEY_NAME "cgroup.delegate"
/* What one box may nest. The kernel's own bound is none, and what the payload makes we have to remove. */
#define DESCENDANTS_MAX "4096"

bool
enforce_delegate_asked(const sbx_spec *spec)
{
	const struct spec_entry *entry = namespaces_delegate(spec);

	return entry && !entry->best_effort;
}

/* --- made --- */

static bool
make_dir(const struct cgroup *cgroup, const char *name, GError **error)
{
	if (mkdirat(cgroup->fd, name, 0755) == 0)
		return true;
	throw_errno(error, STAGE_CGROUP, KEY_NAME, "mkdir %s/%s", cgroup->path, name);
	if ((*error)->code == EAGAIN)
		throw_hint(error, "cgroup.max.depth or cgroup.max.descendants of a group above is reached: raise it");
	return false;
}

/* Offer all that the group has to the groups below it. */
static bool
pass_on(const struct cgroup *cgroup, const char *name, GError **error)
{
	g_autofree char *from = g_build_filename(name, "cgroup.controllers", NULL);
	g_autofree char *to = g_build_filename(name, "cgroup.subtree_control", NULL);
	g_autofree char *offered = fd_read_file_at(cgroup->fd, from);
	g_auto(GStrv) words = NULL;
	g_autofree char *list = NULL;
	g_autofree char *command = NULL;

	if (!offered)
		return throw_errno(error, STAGE_CGROUP, KEY_NAME, "read %s/%s", cgroup->path, from);
	g_strchomp(offered);
	if (*offered == '\0')
		return true;
	words = g_strsplit(offered, " ", -1);
	list = g_strjoinv(" +", words);
	command = g_strconcat("+", list, NULL);
	return fd_write_file_at(cgroup->fd, to, command) ||
	       throw_errno(error, STAGE_CGROUP, KEY_NAME, "write \"%s\" to %s/%s", command, cgroup->path, to);
}

static bool
make(const struct cgroup *cgroup, GError **error)
{
	if (!fd_write_file_at(cgroup->fd, "cgroup.max.descendants", DESCENDANTS_MAX))
		return throw_errno(error, STAGE_CGROUP, KEY_NAME, "write \"%s\" to %s/cgroup.max.descendants", DESCENDANTS_MAX,
		                   cgroup->path);
	return make_dir(cgroup, NAMESPACES_PAYLOAD, error) && pass_on(cgroup, ".", error) &&
	       make_dir(cgroup, NAMESPACES_LEAF, error);
}

bool
enforce_delegate_make(const sbx_spec *spec, const struct cgroup *cgroup, GError **error)
{
	const struct spec_entry *entry = namespaces_delegate(spec);
	GError *failure = NULL;

	if (!entry || !cgroup || make(cgroup, &failure))
		return true;
	if (!entry->best_effort) {
		g_propagate_error(error, failure);
		return false;
	}
	/* the plan finds nothing to delegate, and says so */
	g_error_free(failure);
	(void)unlinkat(cgroup->fd, NAMESPACES_LEAF, AT_REMOVEDIR);
	(void)unlinkat(cgroup->fd, NAMESPACES_PAYLOAD, AT_REMOVEDIR);
	return true;
}

/* --- given --- */

/* What a group's new owner is meant to have, as this kernel lists it. */
static GStrv
delegated_files(void)
{
	static const char *const oldest[] = { "cgroup.procs", "cgroup.threads", "cgroup.subtree_control", NULL };
	g_autofree char *list = fd_read_file_at(AT_FDCWD, "/sys/kernel/cgroup/delegate");

	return list ? g_strsplit(g_strchomp(list), "\n", -1) : g_strdupv((char **)oldest);
}

static bool
give_group(const struct cgroup *cgroup, const char *name, const GStrv files, const struct value_user *user,
           GError **error)
{
	for (guint i = 0; i <= g_strv_length(files); i++) {
		g_autofree char *path = g_build_filename(name, files[i] ? files[i] : ".", NULL);

		/* not every listed file is there: it depends on the controllers */
		if (fchownat(cgroup->fd, path, user->uid, user->gid, AT_SYMLINK_NOFOLLOW) == 0 || (files[i] && errno == ENOENT))
			continue;
		throw_errno(error, STAGE_CGROUP, KEY_NAME, "give %s/%s to user %u", cgroup->path, path, user->uid);
		return throw_hint(error, "only root can delegate to another user than itself: let the payload be the user that "
		                         "the host is (no uid-map), or start the host as root");
	}
	return true;
}

static bool
finish(const sbx_spec *spec, GPtrArray *limits, bool good, GError *failure, GError **error)
{
	const struct spec_entry *entry = namespaces_delegate(spec);

	if (good)
		return true;
	if (!entry->best_effort) {
		g_propagate_error(error, failure);
		return false;
	}
	enforce_not_applied(limits, entry->name, entry->value);
	g_error_free(failure);
	return true;
}

bool
enforce_delegate_give(const sbx_spec *spec, const struct cgroup *cgroup, const struct identity *identity,
                      GPtrArray *limits, GError **error)
{
	g_auto(GStrv) files = NULL;
	GError *failure = NULL;
	struct value_user user;
	bool good;

	identity_outside(identity, &user);
	if (user.uid == geteuid())
		return true;
	files = delegated_files();
	good = give_group(cgroup, NAMESPACES_PAYLOAD, files, &user, &failure) &&
	       give_group(cgroup, NAMESPACES_LEAF, files, &user, &failure);
	return finish(spec, limits, good, failure, error);
}

int
enforce_delegate_enter(const struct cgroup *cgroup, GError **error)
{
	int fd = openat(cgroup->fd, NAMESPACES_PAYLOAD, O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW);

	if (fd < 0)
		throw_errno(error, STAGE_CGROUP, KEY_NAME, "open %s/" NAMESPACES_PAYLOAD, cgroup->path);
	return fd;
}

bool
enforce_delegate_open(const sbx_spec *spec, const struct cgroup *cgroup, GPtrArray *limits, GError **error)
{
	GError *failure = NULL;
	bool good = pass_on(cgroup, NAMESPACES_PAYLOAD, &failure);

	return finish(spec, limits, good, failure, error);
}
