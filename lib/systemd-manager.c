/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* SPDX-FileCopyrightText: The libsbx developers */

/*
 * systemd's managers.
 *
 * Theory of operation: there are two, the system's and the user's own, and each has a socket of its own and one bus.
 * Its own socket comes first: it works without a bus daemon, and sends signals unasked. A manager that can't be
 * talked to there is asked over the bus; an answer, also a refusal, is final.
 */
#include "systemd-manager.h"

#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "cgroupfs.h"
#include "error.h"
#include "fd.h"
#include "systemd.h"

#define KEY "cgroup.parent"

void
manager_clear(struct manager *manager)
{
	g_free(manager->own);
	g_free(manager->bus);
}
/* Does the system's manager take us for root? Not where we are root of a user namespace of our own: there its files
 * belong to somebody who is not mapped. */
static bool
is_root(void)
{
	struct stat st;

	return geteuid() == 0 && lstat("/run/systemd/system", &st) == 0 && st.st_uid == 0;
}

/* Our uid outside of our user namespace. */
static uid_t
outer_uid(void)
{
	g_autofree char *map = fd_read_file_at(AT_FDCWD, "/proc/self/uid_map");
	unsigned in, out, count, uid = geteuid();

	for (const char *line = map; line && sscanf(line, "%10u %10u %10u", &in, &out, &count) == 3;) {
		if (uid >= in && uid - in < count)
			return out + (uid - in);
		line = strchr(line, '\n');
	}
	return uid;
}

void
manager_find(bool user, struct manager *ret)
{
	uid_t uid = outer_uid();

	if (user)
		*ret = (struct manager){
			.user = true,
			.uid = uid,
			.own = g_strdup_printf("/run/user/%u/systemd/private", (unsigned)uid),
			.bus = g_strdup_printf("/run/user/%u/bus", (unsigned)uid),
		};
	else
		*ret = (struct manager){
			.uid = uid,
			.own = is_root() ? g_strdup("/run/systemd/private") : NULL,
			.bus = g_strdup("/run/dbus/system_bus_socket"),
		};
}

void
manager_find_ours(struct manager *ret)
{
	manager_find(!is_root(), ret);
}

/* --- the connection --- */

static bool
throw_no_manager(const struct manager *manager, const GError *why, GError **error)
{
	if (!systemd_is_here()) {
		throw_error(error, ENOENT, STAGE_CGROUP, KEY, "this machine is not run by systemd (%s)", why->message);
		return throw_hint(error, "leave cgroup.parent at auto, or give it a group that is yours");
	}
	if (manager->user) {
		throw_error(error, why->code, STAGE_CGROUP, KEY, "systemd's user manager of uid %u can't be asked (%s)",
		            (unsigned)manager->uid, why->message);
		return throw_hint(error, "run `loginctl enable-linger %u` as root, which starts it, or log in by a session",
		                  (unsigned)manager->uid);
	}
	throw_error(error, why->code, STAGE_CGROUP, KEY, "systemd can't be asked (%s)", why->message);
	return throw_hint(error, "make %s visible here, or give cgroup.parent a delegated group",
	                  manager->own ? manager->own : manager->bus);
}

static struct dbus *
manager_open_at(const char *path, bool is_bus, int64_t deadline, GError **error)
{
	g_autoptr(dbus_t) bus = path ? dbus_open(path, deadline, error) : NULL;

	if (!bus || (is_bus && !dbus_hello(bus, error)))
		return NULL;
	return g_steal_pointer(&bus);
}

/* The first that answers. What stands in the error is why the manager's own socket did not: that of the bus says
 * less. */
struct dbus *
manager_open(const struct manager *manager, int64_t deadline, bool *ret_is_bus, GError **error)
{
	g_autoptr(GError) why = NULL;
	struct dbus *bus = manager_open_at(manager->own, false, deadline, &why);

	*ret_is_bus = !bus;
	if (!bus)
		bus = manager_open_at(manager->bus, true, deadline, why ? NULL : &why);
	if (!bus)
		throw_no_manager(manager, why, error);
	return bus;
}

/* --- its tree --- */

static char *
group_of(const char *path)
{
	g_autofree char *text = fd_read_file_at(AT_FDCWD, path);

	return text ? cgroupfs_parse_own(text) : NULL;
}

/* Its limits are to hold for the boxes too. */
char *
manager_slice(const struct manager *manager)
{
	g_autofree char *own = group_of("/proc/self/cgroup");
	g_autofree char *root = NULL;
	g_autofree char *service = g_strdup_printf("/user@%u.service/", (unsigned)manager->uid);
	const char *at;

	if (!own)
		return NULL;
	if (manager->user) {
		at = strstr(own, service);
		return at ? systemd_slice(at + strlen(service) - 1, "") : NULL;
	}
	root = group_of("/proc/1/cgroup");
	if (root && g_str_has_suffix(root, "/init.scope"))
		root[strlen(root) - strlen("/init.scope")] = '\0';
	else
		g_clear_pointer(&root, g_free);
	return systemd_slice(own, root ? root : "");
}
