/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* SPDX-FileCopyrightText: The libsbx developers */

/* What we ask of systemd: is a unit delegated, and a scope for our boxes. */
#include "systemd.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include "cgroupfs.h"
#include "error.h"
#include "fd.h"
#include "systemd-manager.h"

#define KEY "cgroup.parent"
#define NAME "org.freedesktop.systemd1"
#define OBJECT "/org/freedesktop/systemd1"
#define MANAGER "org.freedesktop.systemd1.Manager"
#define JOURNAL "systemd's journal says why: journalctl -n 20"
/* For all that one function asks. A scope takes systemd milliseconds; a machine under load or one that boots has
 * it busy for a second or two, and nobody wants to wait much longer for a box that may not come. */
#define TIMEOUT_USEC (5 * G_USEC_PER_SEC)
/* A stopped scope gets SIGTERM, which init and keeper survive; 90 seconds of systemd's own would hold up a
 * shutdown. */
#define STOP_USEC (5 * G_USEC_PER_SEC)
/* Names that may be taken: by a scope that is about to go and whose owner had our pid. */
#define TRIES 16

bool
systemd_is_here(void)
{
	struct stat st;

	return lstat("/run/systemd/system", &st) == 0 && S_ISDIR(st.st_mode);
}

char *
systemd_unit_path(const char *unit)
{
	GString *path = g_string_new(OBJECT "/unit/");

	/* Not only what D-Bus forbids: a digit at the begin too. */
	for (const char *at = unit; *at != '\0'; at++)
		if (g_ascii_isalpha(*at) || (at != unit && g_ascii_isdigit(*at)))
			g_string_append_c(path, *at);
		else
			g_string_append_printf(path, "_%02x", (unsigned char)*at);
	if (*unit == '\0')
		g_string_append_c(path, '_');
	return g_string_free(path, FALSE);
}

char *
systemd_slice(const char *group, const char *root)
{
	const char *inside = cgroupfs_relative(root, group);
	g_auto(GStrv) names = g_strsplit(inside ? inside : "", "/", -1);
	char *slice = NULL;

	for (char **name = names; *name && g_str_has_suffix(*name, ".slice"); name++) {
		g_free(slice);
		slice = g_strdup(*name);
	}
	return slice;
}

static const char *
unit_interface(const char *unit)
{
	if (g_str_has_suffix(unit, ".scope"))
		return NAME ".Scope";
	if (g_str_has_suffix(unit, ".service"))
		return NAME ".Service";
	return NULL;
}

static GVariant *
unit_property(struct dbus *bus, const char *unit, const char *property, const char *type, GError **error)
{
	g_autofree char *path = systemd_unit_path(unit);
	g_autoptr(GVariant) reply = NULL;
	g_autoptr(GVariant) value = NULL;

	reply = dbus_call(bus, NAME, path, "org.freedesktop.DBus.Properties", "Get",
	                  g_variant_new("(ss)", unit_interface(unit), property), "(v)", error);
	if (!reply)
		return NULL;
	g_variant_get(reply, "(v)", &value);
	if (g_variant_is_of_type(value, G_VARIANT_TYPE(type)))
		return g_steal_pointer(&value);
	throw_error(error, EPROTO, STAGE_CGROUP, KEY, "systemd's %s of %s has the type %s, not %s", property, unit,
	            g_variant_get_type_string(value), type);
	return NULL;
}

int
systemd_is_delegated(const char *unit, bool user_manager, GError **error)
{
	g_auto(manager_t) manager = { 0 };
	g_autoptr(dbus_t) bus = NULL;
	g_autoptr(GVariant) value = NULL;
	bool is_bus;

	/* Nothing else has a Delegate=; and the name comes from a path that anybody may have made. */
	if (!unit_interface(unit) || !g_utf8_validate(unit, -1, NULL))
		return 0;
	manager_find(user_manager, &manager);
	bus = manager_open(&manager, g_get_monotonic_time() + TIMEOUT_USEC, &is_bus, error);
	value = bus ? unit_property(bus, unit, "Delegate", "b", error) : NULL;
	return value ? g_variant_get_boolean(value) : -1;
}

/* --- the scope --- */

static void
put_property(GVariantBuilder *properties, const char *name, GVariant *value)
{
	g_variant_builder_add(properties, "(sv)", name, value);
}

/* The arguments of StartTransientUnit. What is not `plain` has come to systemd over time. */
static GVariant *
scope_args(const char *unit, pid_t pid, const char *description, const char *slice, bool plain)
{
	g_autofree char *text = g_utf8_make_valid(description, -1);
	guint32 pids[1] = { (guint32)pid };
	GVariantBuilder properties;

	g_variant_builder_init(&properties, G_VARIANT_TYPE("a(sv)"));
	put_property(&properties, "Description", g_variant_new_string(text));
	if (slice)
		put_property(&properties, "Slice", g_variant_new_string(slice));
	put_property(&properties, "PIDs", g_variant_new_fixed_array(G_VARIANT_TYPE_UINT32, pids, 1, sizeof(pids[0])));
	put_property(&properties, "Delegate", g_variant_new_boolean(TRUE));
	if (!plain) {
		put_property(&properties, "CollectMode", g_variant_new_string("inactive-or-failed"));
		/* the boxes have limits of their own, and a default of systemd's would count all of them */
		put_property(&properties, "TasksMax", g_variant_new_uint64(G_MAXUINT64));
		put_property(&properties, "TimeoutStopUSec", g_variant_new_uint64(STOP_USEC));
	}
	return g_variant_new("(ssa(sv)@a(sa(sv)))", unit, "fail", &properties,
	                     g_variant_new_array(G_VARIANT_TYPE("(sa(sv))"), NULL, 0));
}

/* Ask for it: the job's object. */
static char *
scope_begin(struct dbus *bus, pid_t pid, const char *description, const char *slice, char **ret_unit, GError **error)
{
	static int number;
	bool plain = false;

	for (unsigned i = 0;; i++) {
		g_autofree char *unit = g_strdup_printf("sbx-%d-%d.scope", (int)getpid(), g_atomic_int_add(&number, 1));
		g_autoptr(GError) refused = NULL;
		g_autoptr(GVariant) reply = NULL;
		const char *name;
		char *job;

		reply = dbus_call(bus, NAME, OBJECT, MANAGER, "StartTransientUnit",
		                  scope_args(unit, pid, description, slice, plain), "(o)", &refused);
		if (reply) {
			g_variant_get(reply, "(o)", &job);
			*ret_unit = g_steal_pointer(&unit);
			return job;
		}
		name = dbus_error_name(bus);
		if (!plain && g_strcmp0(name, "org.freedesktop.DBus.Error.PropertyReadOnly") == 0)
			plain = true;
		else if (g_strcmp0(name, NAME ".UnitExists") != 0 || i >= TRIES) {
			throw_error(error, refused->code, STAGE_CGROUP, KEY, "ask systemd for a scope: %s", refused->message);
			throw_hint(error, JOURNAL);
			return NULL;
		}
	}
}

static bool
scope_await(struct dbus *bus, const char *unit, const char *job, GError **error)
{
	for (;;) {
		g_autoptr(GVariant) removed = dbus_signal(bus, "(uoss)", error);
		const char *path, *result;

		if (!removed) {
			throw_prefix(error, "systemd was asked for %s: ", unit);
			return throw_hint(error, JOURNAL);
		}
		g_variant_get(removed, "(u&o&s&s)", NULL, &path, NULL, &result);
		if (strcmp(path, job) != 0)
			continue;
		if (strcmp(result, "done") == 0)
			return true;
		throw_error(error, EREMOTEIO, STAGE_CGROUP, KEY, "systemd could not start %s: the job's result is \"%s\"", unit,
		            result);
		return throw_hint(error, JOURNAL);
	}
}

bool
systemd_ask_scope(struct dbus *bus, pid_t pid, const char *description, const char *slice, char **ret_unit,
                  char **ret_group, GError **error)
{
	g_autofree char *unit = NULL;
	g_autofree char *job = NULL;
	g_autoptr(GVariant) group = NULL;

	dbus_keep(bus, MANAGER, "JobRemoved");
	job = scope_begin(bus, pid, description, slice, &unit, error);
	if (!job || !scope_await(bus, unit, job, error))
		return false;
	group = unit_property(bus, unit, "ControlGroup", "s", error);
	if (!group)
		return false;
	*ret_group = g_variant_dup_string(group, NULL);
	*ret_unit = g_steal_pointer(&unit);
	return true;
}

/* Signals of a bus come to those who asked for them, and the manager sends them there only while somebody wants
 * any. */
static bool
subscribe(struct dbus *bus, GError **error)
{
	g_autoptr(GVariant) match = NULL;
	g_autoptr(GVariant) reply = NULL;

	match = dbus_call(bus, "org.freedesktop.DBus", "/org/freedesktop/DBus", "org.freedesktop.DBus", "AddMatch",
	                  g_variant_new("(s)", "type='signal',sender='" NAME "',interface='" MANAGER
	                                       "',member='JobRemoved',path='" OBJECT "'"),
	                  "()", error);
	if (match)
		reply = dbus_call(bus, NAME, OBJECT, MANAGER, "Subscribe", NULL, "()", error);
	return reply != NULL;
}

/* A number names another process where the manager counts in another pid namespace. */
static bool
check_pids(const struct dbus *bus, GError **error)
{
	if (dbus_peer(bus) != 0)
		return true;
	throw_error(error, ESRCH, STAGE_CGROUP, KEY,
	            "systemd runs in another pid namespace and can't be told which process "
	            "is meant");
	return throw_hint(error, "start outside of this pid namespace, or give cgroup.parent a delegated group");
}

static char *
group_of(pid_t pid)
{
	g_autofree char *path = g_strdup_printf("/proc/%d/cgroup", (int)pid);
	g_autofree char *text = fd_read_file_at(AT_FDCWD, path);

	return text ? cgroupfs_parse_own(text) : NULL;
}

bool
systemd_start_scope(pid_t pid, const char *description, char **ret_unit, char **ret_group, GError **error)
{
	g_auto(manager_t) manager = { 0 };
	g_autofree char *unit = NULL;
	g_autofree char *said = NULL;
	g_autofree char *seen = NULL;
	g_autofree char *slice = NULL;
	g_autoptr(dbus_t) bus = NULL;
	bool is_bus;

	manager_find_ours(&manager);
	bus = manager_open(&manager, g_get_monotonic_time() + TIMEOUT_USEC, &is_bus, error);
	if (!bus || !check_pids(bus, error) || (is_bus && !subscribe(bus, error)))
		return false;
	slice = manager_slice(&manager);
	if (!systemd_ask_scope(bus, pid, description, slice, &unit, &said, error))
		return false;
	/* What we see counts: in a cgroup namespace that has another name than for the manager. */
	seen = group_of(pid);
	if (seen && !g_str_has_suffix(seen, unit))
		return throw_error(error, ESRCH, STAGE_CGROUP, KEY, "systemd made %s, but process %d is in %s", unit, (int)pid,
		                   seen);
	*ret_group = seen ? g_steal_pointer(&seen) : g_steal_pointer(&said);
	*ret_unit = g_steal_pointer(&unit);
	return true;
}
