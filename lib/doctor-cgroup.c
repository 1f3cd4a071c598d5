/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* SPDX-FileCopyrightText: The libsbx developers */

/* Control groups: the layout, the place, every controller, and the files that newer kernels have. */
#include <fcntl.h>
#include <string.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include "cgroupfs.h"
#include "delegate-dir.h"
#include "doctor.h"
#include "error.h"
#include "fd.h"
#include "mountinfo.h"
#include "place.h"
#include "systemd.h"

#define UNIFY "boot with systemd.unified_cgroup_hierarchy=1 or cgroup_no_v1=all"

/* --- how it is laid out --- */

struct layout {
	bool v1, v2, superblock_ro;
	char *v2_path, *v1_path;
};

static void
layout_clear(struct layout *layout)
{
	g_free(layout->v2_path);
	g_free(layout->v1_path);
}
typedef struct layout layout_t;
G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC(layout_t, layout_clear)

static void
layout_read(struct layout *ret)
{
	g_auto(mountinfo_t) mountinfo = { 0 };
	g_auto(cgroupfs_t) fs = { 0 };
	struct mount mount;

	/* the mount that a launch takes, where there is one */
	if (cgroupfs_open(&fs, NULL))
		ret->v2_path = g_strdup(fs.path);
	while (mountinfo_next(&mountinfo, &mount)) {
		if (strcmp(mount.type, "cgroup2") == 0) {
			ret->v2 = true;
			if (!ret->v2_path)
				ret->v2_path = g_strdup(mount.point);
			if (strcmp(ret->v2_path, mount.point) == 0)
				ret->superblock_ro = cgroupfs_lists(mount.options, "ro");
		} else if (strcmp(mount.type, "cgroup") == 0 && doctor_is_v1_controllers(mount.options)) {
			ret->v1 = true;
			if (!ret->v1_path)
				ret->v1_path = g_path_get_dirname(mount.point);
		}
	}
}

static void
say_layout(struct doctor *doctor)
{
	g_auto(layout_t) layout = { 0 };
	g_auto(cgroupfs_t) fs = { 0 };
	const char *name;
	struct statvfs mounted;
	enum doctor_status bad = doctor->limits ? DOCTOR_WARN : DOCTOR_FAIL;
	bool inside, read_only;

	layout_read(&layout);
	name = doctor_layout_name(layout.v2, layout.v1);
	inside = cgroupfs_open(&fs, NULL) && fs.own;
	read_only = layout.v2_path && statvfs(layout.v2_path, &mounted) == 0 && mounted.f_flag & ST_RDONLY;
	if (!layout.v2)
		doctor_say(doctor, "cgroup.layout", bad, "%s: %s%s, and no cgroup2 is mounted", name,
		           layout.v1 ? "version 1 below " : "no cgroup is mounted", layout.v1 ? layout.v1_path : "");
	else
		doctor_say(doctor, "cgroup.layout", layout.v1 || read_only ? bad : DOCTOR_OK,
		           "%s: cgroup2 is mounted on %s%s%s%s, and this process is in %s%s", name, layout.v2_path,
		           read_only ? ", read-only" : "", layout.v1 ? "; version 1 holds controllers below " : "",
		           layout.v1 ? layout.v1_path : "", !inside ? "a group outside of it" : "/", !inside ? "" : fs.own);
	doctor_lost(doctor, "%s", layout.v1 ? "limits by the controllers that version 1 holds" : "limits");
	if (layout.v1)
		doctor_repair(doctor, UNIFY);
	else if (!layout.v2)
		doctor_repair(doctor, "mount -t cgroup2 none /sys/fs/cgroup");
	else
		doctor_repair(doctor, "mount -o remount,%srw %s", layout.superblock_ro ? "" : "bind,", layout.v2_path);
}

static void
say_systemd(struct doctor *doctor)
{
	doctor_say(doctor, "cgroup.systemd", DOCTOR_OK, "%s",
	           systemd_is_here() ? "systemd runs here: it is asked for a scope where no group around us serves"
	                             : "systemd does not run here, and is not needed");
}

/* --- the place, and who is in it --- */

static const struct controller {
	const char *name, *check, *key, *lost;
} controllers[] = {
	{ "cpuset", "cgroup.cpuset", "cpuset.cpus", "cpuset.cpus and its like: which CPUs may be used" },
	{ "cpu", "cgroup.cpu", "cpu.max", "cpu.max, cpu.weight: how much CPU time" },
	{ "io", "cgroup.io", "io.max", "io.max, io.weight, and io_read_bytes of the report" },
	{ "memory", "cgroup.memory", "memory.max", "memory.max and its like, the verdict oom, memory_peak of the report" },
	{ "hugetlb", "cgroup.hugetlb", "hugetlb.2MB.max", "hugetlb.*.max: how many huge pages" },
	{ "pids", "cgroup.pids", "pids.max", "pids.max: how many processes; pids_peak of the report" },
	{ "rdma", "cgroup.rdma", "rdma.max", "rdma.max" },
	{ "misc", "cgroup.misc", "misc.max", "misc.max" },
};

/* Ask as a launch does. The place is kept until the end: a scope of systemd's is shared, and asked for once. */
static bool
ask(struct doctor *doctor, const char *const *names, const char *const *keys, struct dir *ret, GError **error)
{
	g_autoptr(GPtrArray) trail = report_places_new();
	struct place place = { .fd = -1 };
	sbx_spec *spec = NULL;
	bool found = sbx_spec_new(&spec, "default", NULL) == 0 && place_find(spec, names, keys, trail, &place, error);

	sbx_spec_free(spec);
	/* after a failure there may be a scope */
	g_array_append_val(doctor->places, place);
	*ret = (struct dir){ .fd = place.fd, .path = place.path };
	return found;
}

/* What the default box and limits are made in. Where there is no such place: in which a group without limits is. */
static void
say_place(struct doctor *doctor, struct dir *ret_place)
{
	static const char *const names[] = { "memory", "pids", NULL }, *const keys[] = { "memory.max", "pids.max", NULL };
	static const char *const none[] = { NULL };
	g_autoptr(GError) failure = NULL;
	bool found = ask(doctor, names, keys, ret_place, &failure);

	doctor_say(doctor, "cgroup.place",
	           found            ? DOCTOR_OK
	           : doctor->limits ? DOCTOR_WARN
	                            : DOCTOR_FAIL,
	           "%s%s", found ? "groups with limits are made in " : "", found ? ret_place->path : failure->message);
	doctor_lost(doctor, "limits of memory and processes");
	doctor_repair(doctor, "%s", found ? "" : error_hint(failure));
	if (!found)
		ask(doctor, none, none, ret_place, NULL);
}

/* What is offered in a place that is ours, and that nothing in it keeps from being enabled, need not be enabled to
 * know. */
static bool
is_offered(const struct dir *place, const char *controller)
{
	g_autofree char *enabled = place->fd < 0 ? NULL : fd_read_file_at(place->fd, "cgroup.subtree_control");
	g_autofree char *offered = place->fd < 0 ? NULL : fd_read_file_at(place->fd, "cgroup.controllers");

	if (!enabled || !offered)
		return false;
	return cgroupfs_lists(enabled, controller) ||
	       (cgroupfs_lists(offered, controller) && !dir_has_processes(place) && dir_is_domain(place, NULL) &&
	        faccessat(place->fd, "cgroup.subtree_control", W_OK, AT_EACCESS) == 0);
}

static void
say_controller(struct doctor *doctor, const struct controller *controller, const struct dir *place)
{
	const char *const names[] = { controller->name, NULL }, *const keys[] = { controller->key, NULL };
	bool basic = strcmp(controller->name, "memory") == 0 || strcmp(controller->name, "pids") == 0;
	g_autoptr(GError) failure = NULL;
	struct dir other = { .fd = -1 };

	if (is_offered(place, controller->name))
		other = *place;
	else if (!ask(doctor, names, keys, &other, &failure))
		other.path = NULL;
	if (other.path)
		doctor_say(doctor, controller->check, DOCTOR_OK, "usable in %s", other.path);
	else
		doctor_say(doctor, controller->check, basic && !doctor->limits ? DOCTOR_FAIL : DOCTOR_WARN, "%s",
		           failure->message);
	doctor_lost(doctor, "%s", controller->lost);
	doctor_repair(doctor, "%s", other.path ? "" : error_hint(failure));
}

/* --- files of a group --- */

static void
say_file(struct doctor *doctor, const char *name, const char *file, sbx_box *box, const char *lost, const char *repair)
{
	int group = sbx_box_cgroup_fd(box);

	if (group < 0)
		doctor_say(doctor, name, DOCTOR_UNKNOWN, "shows in a group of a box, and none could be made");
	else if (faccessat(group, file, F_OK, 0) == 0)
		doctor_say(doctor, name, DOCTOR_OK, "%s is there", file);
	else
		doctor_say(doctor, name, DOCTOR_WARN, "%s is missing", file);
	doctor_lost(doctor, "%s", lost);
	doctor_repair(doctor, "%s", group < 0 ? "see limits" : repair);
}

void
doctor_cgroup(struct doctor *doctor)
{
	sbx_box *any = doctor->limits ? doctor->limits : doctor->box;
	struct dir place = { .fd = -1 };

	say_layout(doctor);
	say_systemd(doctor);
	say_place(doctor, &place);
	for (size_t i = 0; i < G_N_ELEMENTS(controllers); i++)
		say_controller(doctor, &controllers[i], &place);
	say_file(doctor, "cgroup.kill", "cgroup.kill", any, "one write that ends every process of a box",
	         "run Linux 5.14 or later");
	say_file(doctor, "cgroup.freeze", "cgroup.freeze", any, "pause and resume", "run Linux 5.2 or later");
	say_file(doctor, "cgroup.memory.peak", "memory.peak", doctor->limits, "memory_peak of the report",
	         "run Linux 5.19 or later");
	say_file(doctor, "cgroup.pids.peak", "pids.peak", doctor->limits, "pids_peak of the report",
	         "run Linux 6.1 or later");
}
