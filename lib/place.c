/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* SPDX-FileCopyrightText: The libsbx developers */

/*
 * Where the box's cgroup is made: the decision tree of sbx-cgroups(7).
 *
 * Theory of operation: each group has one manager. Where systemd runs, all groups are its own but those of units with
 * Delegate=yes, so we stay in such a unit if the host sits in one, and else have systemd make one for us: a scope.
 * Where no systemd runs, what we may write is ours, and we walk up from the host's own group. The tree may change
 * under us at any time; each step therefore asks the kernel, and none trusts what an earlier one has seen.
 */
#include "place.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/xattr.h>
#include <unistd.h>

#include "cgroupfs.h"
#include "delegate.h"
#include "error.h"
#include "fd.h"
#include "place-unit.h"
#include "systemd.h"

#define PARENT "cgroup.parent"

struct search {
	const char *const *controllers;
	const char *const *keys;
	bool leaf; /* cgroup.self=leaf */
	GPtrArray *trail;
};

void
place_clear(struct place *place)
{
	fd_close(&place->fd);
	g_clear_pointer(&place->path, g_free);
	place->through = NULL;
	g_clear_pointer(&place->scope, scope_unref);
}

/* Once: a second try goes the same way. */
static void
note(const struct search *search, const char *branch, const char *path, const char *reason)
{
	for (guint i = 0; i < search->trail->len; i++) {
		const struct report_place *place = g_ptr_array_index(search->trail, i);

		if (g_strcmp0(place->branch, branch) == 0 && g_strcmp0(place->path, path) == 0 &&
		    g_strcmp0(place->reason, reason) == 0)
			return;
	}
	report_add_place(search->trail, branch, path, reason);
}

/* --- whose group this is --- */

/* A mark in user.* can be set by whoever owns the group: it counts where that is us. Root that was started in a group
 * of a user's must not put its limits where that user can take processes out of them. */
static bool
is_marked(const char *group, void *data)
{
	const struct cgroupfs *fs = data;
	autofd fd = openat(fs->fd, group, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	struct stat st;
	char value[2];

	if (fd < 0 || fstat(fd, &st) < 0)
		return false;
	/* the second is readable for the machine's root only, and all that an old systemd sets */
	return (st.st_uid == geteuid() && fgetxattr(fd, "user.delegate", value, sizeof value) == 1 && *value == '1') ||
	       (fgetxattr(fd, "trusted.delegate", value, sizeof value) == 1 && *value == '1');
}

/* The old systemd again, as a user sees it: chowned to him, below what is not his. */
static bool
is_given(const char *group, void *data)
{
	const struct cgroupfs *fs = data;
	g_autofree char *procs = g_build_filename(group, "cgroup.procs", NULL);
	g_autofree char *above = g_path_get_dirname(group);

	return faccessat(fs->fd, group, W_OK, AT_EACCESS) == 0 && faccessat(fs->fd, procs, W_OK, AT_EACCESS) == 0 &&
	       faccessat(fs->fd, above, W_OK, AT_EACCESS) < 0 && errno == EACCES;
}

/* What its manager has said of the unit that we sit in, so that it is asked once. Never freed. */
struct answer {
	char *own, *unit;
	bool delegated;
};
static struct answer *answered;

static bool
is_delegated(const char *unit, void *data)
{
	const struct cgroupfs *fs = data;
	struct answer *answer = g_atomic_pointer_get(&answered);
	int delegated;

	if (answer && g_str_equal(answer->own, fs->own) && g_str_equal(answer->unit, unit))
		return answer->delegated;
	delegated = systemd_is_delegated(unit, true, NULL);
	/* a manager that doesn't answer has not given it to us either */
	if (delegated < 0 || answer)
		return delegated == 1;
	answer = g_new(struct answer, 1);
	*answer = (struct answer){ g_strdup(fs->own), g_strdup(unit), delegated == 1 };
	if (!g_atomic_pointer_compare_and_exchange(&answered, NULL, answer)) {
		g_free(answer->own);
		g_free(answer->unit);
		g_free(answer);
	}
	return delegated == 1;
}

/* --- in the host's own part of the tree --- */

/* Is every controller offered in the group that systemd has given us? Else none below it can have it, and that
 * systemd has to be told. */
static bool
unit_offers(const struct search *search, const struct cgroupfs *fs, const char *group, GError **error)
{
	g_autofree char *file = g_build_filename(group, "cgroup.controllers", NULL);
	g_autofree char *offered = fd_read_file_at(fs->fd, file);
	const char *unit = place_unit(group);
	uid_t uid;
	int i;

	if (!delegate_offered(search->controllers, search->keys, error))
		return false;
	for (i = 0; offered && search->controllers && search->controllers[i]; i++)
		if (!cgroupfs_lists(offered, search->controllers[i]))
			break;
	if (!offered || !search->controllers || !search->controllers[i])
		return true;
	throw_error(error, ENOTSUP, STAGE_CGROUP, search->keys[i],
	            "the %s controller is not passed on to %s/%s: systemd gives it only \"%s\"", search->controllers[i],
	            fs->path, group, g_strstrip(offered));
	if (!g_strv_contains((const char *const[]){ "cpu", "cpuset", "io", "memory", "pids", NULL },
	                     search->controllers[i]))
		return throw_hint(error,
		                  "systemd passes no %s on: as root make a group of your own and name it as cgroup.parent",
		                  search->controllers[i]);
	if (place_manager_above(group, &uid))
		return throw_hint(error,
		                  "as root: systemctl edit user@.service, [Service] Delegate=cpu cpuset io memory pids; then "
		                  "systemctl restart user@%u.service, which ends that user's sessions",
		                  (unsigned)uid);
	return throw_hint(error, "systemctl edit %s: Delegate=yes (all controllers), then restart it", unit ? unit : group);
}

static bool
find_leaf(const struct search *search, const char *top, struct place *ret, GError **error)
{
	g_autoptr(GError) failure = NULL;

	if (delegate_leaf(top, search->controllers, search->keys, &ret->fd, &ret->path, &failure)) {
		note(search, "leaf", ret->path, NULL);
		return true;
	}
	note(search, "leaf", NULL, failure->message);
	g_propagate_error(error, g_steal_pointer(&failure));
	return false;
}

/* Up from the host's own group, not above `top`: the group in which our part of the tree begins, "" is the mount. */
static bool
find_subtree(const struct search *search, const struct cgroupfs *fs, const char *top, struct place *ret, GError **error)
{
	g_autofree char *looked = fs->own ? g_build_filename(fs->path, fs->own, NULL) : g_strdup(fs->path);
	g_autoptr(GError) failure = NULL;

	if ((*top == '\0' || unit_offers(search, fs, top, &failure)) &&
	    delegate_find_below(top, search->controllers, search->keys, &ret->fd, &ret->path, &failure)) {
		note(search, "subtree", ret->path, NULL);
		return true;
	}
	note(search, "subtree", looked, failure->message);
	if (failure->code == EBUSY && search->leaf)
		return find_leaf(search, top, ret, error);
	if (failure->code == EBUSY)
		throw_hint(&failure, "cgroup.self=leaf lets the library move them to a group below it%s",
		           *top ? "; cgroup.parent=systemd takes another place" : ", or name another group as cgroup.parent");
	g_propagate_error(error, g_steal_pointer(&failure));
	return false;
}

/* --- in a scope --- */

static bool
no_scope(const struct search *search, const struct cgroupfs *fs, GError *failure, GError **error)
{
	unsigned uid = (unsigned)geteuid();
	g_autofree char *runtime = g_strdup_printf("/run/user/%u", uid);
	g_autofree char *own = g_build_filename(fs->path, fs->own, NULL);

	note(search, "scope", NULL, failure->message);
	if (uid == 0 || !systemd_is_here() || access(runtime, F_OK) == 0) {
		g_propagate_error(error, failure);
		return false;
	}
	g_error_free(failure);
	throw_error(error, EACCES, STAGE_CGROUP, PARENT,
	            "no part of the cgroup tree is this user's: %s is in no unit with Delegate=yes, and user %u has no "
	            "manager of his own",
	            own, uid);
	return throw_hint(error,
	                  "Delegate=yes in the unit that starts this program, with cgroup.self=leaf; or as root: loginctl "
	                  "enable-linger %u",
	                  uid);
}

/* The report's numbers come from these, and a box that lives may be given such a limit later. The scope is all ours,
 * and what it can't have it goes without. */
static void
enable_numbers(int fd)
{
	static const char *const wanted[] = { "memory", "pids", "cpu", "io" };
	g_autofree char *offered = fd_read_file_at(fd, "cgroup.controllers");
	g_autofree char *enabled = fd_read_file_at(fd, "cgroup.subtree_control");

	for (gsize i = 0; i < G_N_ELEMENTS(wanted); i++) {
		g_autofree char *command = g_strconcat("+", wanted[i], NULL);

		if (offered && cgroupfs_lists(offered, wanted[i]) && enabled && !cgroupfs_lists(enabled, wanted[i]))
			(void)!fd_write_file_at(fd, "cgroup.subtree_control", command);
	}
}

static bool
find_scope(const struct search *search, const struct cgroupfs *fs, struct place *ret, GError **error)
{
	GError *failure = NULL;
	const char *group = NULL;
	bool reach;

	if (!delegate_offered(search->controllers, search->keys, error))
		return false;
	if (!ret->scope)
		ret->scope = scope_get(&failure);
	if (!ret->scope)
		return no_scope(search, fs, failure, error);
	group = cgroupfs_relative(fs->path, scope_path(ret->scope));
	if ((group && !unit_offers(search, fs, group, &failure)) ||
	    !delegate_take(scope_path(ret->scope), search->controllers, search->keys, &ret->fd, &ret->path, &reach,
	                   &failure)) {
		note(search, "scope", scope_path(ret->scope), failure->message);
		g_propagate_error(error, failure);
		return false;
	}
	enable_numbers(ret->fd);
	note(search, "scope", ret->path, NULL);
	ret->through = reach ? NULL : scope_keeper(ret->scope);
	return true;
}

/* --- the tree --- */

static bool
find_given(const struct search *search, const char *parent, struct place *ret, GError **error)
{
	g_autoptr(GError) failure = NULL;

	if (delegate_find(parent, search->controllers, search->keys, &ret->fd, &ret->path, &failure)) {
		note(search, "given", ret->path, NULL);
		return true;
	}
	note(search, "given", parent, failure->message);
	g_propagate_error(error, g_steal_pointer(&failure));
	return false;
}

/* systemd runs here. */
static bool
find_auto(const struct search *search, const struct cgroupfs *fs, struct place *ret, GError **error)
{
	const struct unit_facts facts = { is_marked, is_given, is_delegated, (void *)fs };
	g_autofree char *top = fs->own ? place_boundary(fs->own, geteuid(), &facts) : NULL;
	g_autofree char *looked = g_build_filename(fs->path, fs->own, NULL);

	if (top)
		return find_subtree(search, fs, top, ret, error);
	note(search, "subtree", looked, "systemd's: in no unit with Delegate=yes");
	if (search->controllers)
		return find_scope(search, fs, ret, error);
	note(search, "scope", NULL, "not asked for: nothing needs a cgroup");
	return throw_error(error, ENOENT, STAGE_CGROUP, PARENT, "%s is systemd's, and nothing needs a cgroup", looked);
}

bool
place_find(const sbx_spec *spec, const char *const *controllers, const char *const *keys, GPtrArray *trail,
           struct place *ret, GError **error)
{
	const char *parent = spec_text(spec, "cgroup.parent");
	const struct search search = {
		.controllers = controllers,
		.keys = keys,
		.leaf = g_strcmp0(spec_text(spec, "cgroup.self"), "leaf") == 0,
		.trail = trail,
	};
	g_auto(cgroupfs_t) fs = { 0 };

	ret->fd = -1;
	if (parent && *parent == '/')
		return find_given(&search, parent, ret, error);
	if (!cgroupfs_open(&fs, error))
		return throw_key(error, keys && keys[0] ? keys[0] : PARENT);
	if (g_strcmp0(parent, "systemd") == 0)
		return find_scope(&search, &fs, ret, error);
	return systemd_is_here() ? find_auto(&search, &fs, ret, error) : find_subtree(&search, &fs, "", ret, error);
}

bool
place_explain_mkdir(const char *path, GError **error)
{
	int code = error && *error ? (*error)->code : 0;

	if (code == EAGAIN) {
		g_clear_error(error);
		return delegate_throw_full(path, error);
	}
	if (code == EROFS)
		return throw_hint(error, "cgroup2 is mounted read-only here: mount it read-write");
	if (code == ENOENT || code == ENODEV)
		return throw_hint(error, "%s has been removed meanwhile: try again", path);
	if (code == EACCES || code == EPERM)
		return throw_hint(error, "%s was given to another user meanwhile: try again", path);
	return false;
}

bool
place_enable(const sbx_spec *spec, const struct place *place, const char *controller, const char *key, GError **error)
{
	const char *const controllers[] = { controller, NULL };
	const char *const keys[] = { key, NULL };
	g_autoptr(GPtrArray) trail = report_places_new();
	g_auto(place_t) found = { .fd = -1 };

	if (!place_find(spec, controllers, keys, trail, &found, error))
		return false;
	if (g_str_equal(found.path, place->path))
		return true;
	throw_error(error, ENOTSUP, STAGE_CGROUP, key, "the %s controller is not passed on to %s, where the box is",
	            controller, place->path);
	return throw_hint(error, "set %s when the box is made", key);
}
