/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* SPDX-FileCopyrightText: The libsbx developers */

/* A live box is changed: its limits, and what its device filter allows. */
#include <errno.h>
#include <string.h>

#include "box.h"
#include "cgroupfs.h"
#include "enforce-device.h"
#include "enforce.h"
#include "error.h"
#include "fd.h"
#include "spec-parts.h"

/* The value as sbx_spec_set() would take it, in a spec of its own. */
static bool
read_wish(const char *key, const char *value, sbx_spec *spec, GError **error)
{
	g_autofree char *name = g_strndup(key, strlen(key) - g_str_has_suffix(key, "+"));
	const struct key *known;

	if (*key == '?')
		return throw_error(error, EINVAL, STAGE_SPEC, name + 1, "%s: a live box is changed or it is not: no \"?\" here",
		                   key);
	if (!spec_set(spec, key, value, error))
		return false;
	known = key_find(name);
	if (!known->limit && known->type != KEY_DEVICE) {
		throw_error(error, EINVAL, STAGE_SPEC, name, "%s can't be changed in a live box", name);
		return throw_hint(error,
		                  "accepted: device, and the files of the cgroup: memory.max, memory.high, cpu.max, pids.max, "
		                  "io.max and the others that --list-keys has as \"limits\", but cgroup.parent");
	}
	if (known->limit && !*value)
		return throw_error(error, EINVAL, STAGE_SPEC, name, "%s: no value", name);
	return true;
}

static bool
has_rule(const sbx_spec *spec, const char *value)
{
	for (guint i = 0; i < spec->entries->len; i++)
		if (spec_at(spec, i)->key->type == KEY_DEVICE && g_str_equal(spec_at(spec, i)->value, value))
			return true;
	return false;
}

/* "device+" adds a rule, "device" is the rule from now on, and nothing brings the default back. */
static bool
update_device(struct sbx_box *box, const char *key, const char *value, GError **error)
{
	g_autoptr(spec_t) wanted = sbx_spec_copy(box->spec);
	g_auto(device_wish_t) wish = { NULL };

	if (!wanted)
		return throw_errno(error, STAGE_SPEC, "device", "copy the spec");
	if (!g_str_has_suffix(key, "+") && !spec_set(wanted, "device", "", error))
		return false;
	if (*value && !has_rule(wanted, value) && !spec_set(wanted, "device", value, error))
		return false;
	if (!enforce_device_prepare(wanted, &wish, error) ||
	    !enforce_device(wanted, &wish, box->cgroup, box->limits, error))
		return false;
	sbx_spec_free(box->spec);
	box->spec = g_steal_pointer(&wanted);
	return true;
}

static bool
update_limit(struct sbx_box *box, const struct spec_entry *entry, GError **error)
{
	g_autofree char *controller = g_strndup(entry->name, strcspn(entry->name, "."));
	g_autofree char *usable = fd_read_file_at(box->cgroup->fd, "cgroup.controllers");

	/* the place has been made for what the box was asked for */
	if (usable && !cgroupfs_lists(usable, controller) &&
	    !place_enable(box->spec, &box->place, controller, entry->name, error))
		return false;
	if (!enforce_update(box->spec, entry, box->cgroup, box->limits, error))
		return false;
	/* what has many lines is not kept: nobody asks for them again, and they would pile up */
	return entry->key->list || spec_set(box->spec, entry->name, entry->value, error);
}

static bool
update(struct sbx_box *box, const char *key, const char *value, GError **error)
{
	g_autoptr(spec_t) wish = spec_new();
	const struct spec_entry *entry;

	if (!read_wish(key, value, wish, error))
		return false;
	entry = wish->entries->len ? spec_at(wish, 0) : NULL;
	box_dispatch(box);
	if (box->state == SBX_STOPPED)
		return throw_error(error, ESRCH, STAGE_CGROUP, entry ? entry->name : "device", "the box has stopped");
	if (!box->cgroup) {
		throw_error(error, ENOENT, STAGE_CGROUP, entry ? entry->name : "device", "the box has no cgroup of its own");
		return throw_hint(error, "ask for a limit when the box is made, and the error says why it can't have one");
	}
	if (entry && entry->key->limit)
		return update_limit(box, entry, error);
	return update_device(box, key, value, error);
}

int
sbx_box_update(sbx_box *box, const char *key, const char *value, sbx_error **error)
{
	GError *failure = NULL;
	int result;

	if (!key || !value)
		return error_argument(error, "%s is NULL", key ? "value" : "key");
	if ((result = box_enter(box, error)) < 0)
		return result;
	update(box, key, value, &failure);
	box_leave(box);
	return failure ? error_return(failure, error) : 0;
}
