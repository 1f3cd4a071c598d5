/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* SPDX-FileCopyrightText: The libsbx developers */

/* The nodes that device rules name by path: each stands in the box's own /dev, under the name that it has on the
 * host. */
#include <errno.h>
#include <fcntl.h>
#include <sys/syscall.h>

#include "device.h"
#include "fd.h"
#include "files-parts.h"
#include "host.h"

struct device {
	const struct spec_entry *entry;
	char *path;
	unsigned slot; /* the detached copy */
};

static void
device_clear(struct device *device)
{
	g_free(device->path);
}

/* Without a filter a node can be read and written by whoever its mode lets: where less was asked for, it must not
 * be. */
static bool
is_too_much(const struct files *files, const struct value_device *value)
{
	int group = files->plan->cgroup_fd;

	if (!(~value->rule.access & (DEVICE_READ | DEVICE_WRITE)) || group == PLAN_ANY_CGROUP)
		return false;
	return !host_is_privileged() || group < 0 || !device_is_attached(group);
}

/* The fd that was looked at is the one that is copied, so that no other file is shown in the node's name. */
static bool
open_node(struct files *files, struct device *device, GError **error)
{
	autofd fd = open(device->path, O_PATH | O_CLOEXEC);
	struct stat node;

	if (fd < 0 || fstat(fd, &node) < 0)
		return throw_errno(error, STAGE_FILES, "device", "device %s", device->path);
	if (!S_ISCHR(node.st_mode) && !S_ISBLK(node.st_mode))
		return throw_error(error, ENODEV, STAGE_FILES, "device", "device %s: not a device node", device->path);
	if (!files_host_copy(files->plan, fd, "", &device->slot))
		return throw_errno(error, STAGE_FILES, "device", "copy the node %s", device->path);
	if (device->slot != FILES_NONE) {
		struct plan_fd *given = &g_array_index(files->plan->fds, struct plan_fd, device->slot);

		g_free(given->what);
		given->what = g_strdup(device->path);
	}
	return true;
}

bool
files_device_add(struct files *files, const struct spec_entry *entry, GError **error)
{
	g_auto(value_device_t) value = { .path = NULL };
	struct device device = { entry, NULL, FILES_NONE };
	g_autoptr(GError) failure = NULL;

	if (!value_device(entry->value, &value) || !value.path)
		return true;
	if (entry->best_effort && is_too_much(files, &value)) {
		plan_drop(files->plan, entry);
		return true;
	}
	device.path = g_steal_pointer(&value.path);
	if (open_node(files, &device, &failure)) {
		if (!files->devices)
			files->devices = g_array_new(false, true, sizeof device);
		g_array_set_clear_func(files->devices, (GDestroyNotify)device_clear);
		g_array_append_val(files->devices, device);
		return true;
	}
	g_free(device.path);
	if (!entry->best_effort) {
		g_propagate_error(error, g_steal_pointer(&failure));
		return false;
	}
	plan_drop(files->plan, entry);
	return true;
}

void
files_device_sources(struct files *files)
{
	struct plan *plan = files->plan;

	for (guint i = 0; files->devices && i < files->devices->len; i++) {
		struct device *device = &g_array_index(files->devices, struct device, i);

		if (device->slot != FILES_NONE)
			continue;
		plan_for(plan, STAGE_FILES, device->entry, "device node %s", device->path);
		device->slot = plan_open(plan, SYS_open_tree, 0, PLAN_AT_CWD, plan_string(plan, device->path),
		                         OPEN_TREE_CLONE | OPEN_TREE_CLOEXEC);
	}
}

void
files_device_mounts(struct files *files)
{
	for (guint i = 0; files->devices && i < files->devices->len; i++) {
		const struct device *device = &g_array_index(files->devices, struct device, i);

		plan_for(files->plan, STAGE_FILES, device->entry, "device node %s", device->path);
		files_attr(files, device->slot, MOUNT_ATTR_RDONLY | MOUNT_ATTR_NOSUID | MOUNT_ATTR_NOEXEC, false);
		files_attach(files, device->slot, files_target(files, device->path, false, false));
	}
}
