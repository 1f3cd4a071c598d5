/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* SPDX-FileCopyrightText: The libsbx developers */

/* The device rules of a spec put in force: by a filter on the box's cgroup, else by the nodes that the box has. */
#include "enforce-device.h"

#include <string.h>

#include "enforce.h"
#include "error.h"
#include "value.h"

void
enforce_device_clear(struct device_wish *wish)
{
	g_clear_pointer(&wish->program, device_program_put);
	g_clear_pointer(&wish->met, g_ptr_array_unref);
}

static bool
is_rule(const struct spec_entry *entry)
{
	return entry->key->type == KEY_DEVICE;
}

/* "all" forbids nothing, so it needs nothing. */
bool
enforce_device_asked(const sbx_spec *spec)
{
	for (guint i = 0; i < spec->entries->len; i++)
		if (is_rule(spec_at(spec, i)) && !spec_at(spec, i)->best_effort && !g_str_equal(spec_at(spec, i)->value, "all"))
			return true;
	return false;
}

/* Without a filter, what can be used is what has a node in the box. A rule that asks for a node, and for no less than
 * to read and write it, has what it asks. */
static bool
nodes_suffice(const struct spec_entry *entry)
{
	g_auto(value_device_t) device = { .path = NULL };

	if (g_str_equal(entry->value, "all"))
		return true;
	return value_device(entry->value, &device) && device.path && !(~device.rule.access & (DEVICE_READ | DEVICE_WRITE));
}

void
enforce_device_note(const sbx_spec *spec, GPtrArray *limits, GPtrArray *met)
{
	bool any = false;

	enforce_forget(limits, "device", NULL);
	for (guint i = 0; i < spec->entries->len; i++) {
		const struct spec_entry *entry = spec_at(spec, i);

		if (!is_rule(entry))
			continue;
		any = true;
		if (met)
			enforce_note(limits, "device", entry->value, g_ptr_array_find(met, entry, NULL) ? "bpf" : NULL);
		else
			enforce_note(limits, "device", entry->value, nodes_suffice(entry) ? "nodes" : NULL);
	}
	if (!any)
		enforce_note(limits, "device", "default", met ? "bpf" : "nodes");
}

static bool
look_up(const sbx_spec *spec, GPtrArray *met, GArray *rules, GError **error)
{
	for (guint i = 0; i < spec->entries->len; i++) {
		const struct spec_entry *entry = spec_at(spec, i);
		g_autoptr(GError) failure = NULL;

		if (!is_rule(entry))
			continue;
		if (device_rules_add(rules, entry->value, &failure)) {
			g_ptr_array_add(met, (gpointer)entry);
		} else if (!entry->best_effort) {
			g_propagate_error(error, g_steal_pointer(&failure));
			return false;
		}
	}
	device_rules_finish(rules);
	return true;
}

bool
enforce_device_prepare(const sbx_spec *spec, struct device_wish *wish, GError **error)
{
	g_autoptr(GArray) rules = device_rules_new();
	g_autoptr(GError) failure = NULL;

	wish->met = g_ptr_array_new();
	if (!look_up(spec, wish->met, rules, error))
		return false;
	if (device_program_get(rules, &wish->program, &failure) ||
	    (device_is_refusal(failure) && !enforce_device_asked(spec)))
		return true;
	g_propagate_error(error, g_steal_pointer(&failure));
	return false;
}

bool
enforce_device(const sbx_spec *spec, struct device_wish *wish, struct cgroup *cgroup, GPtrArray *limits, GError **error)
{
	g_autoptr(GError) failure = NULL;

	if (!wish->program) {
		enforce_device_note(spec, limits, NULL);
		return true;
	}
	if (device_attach(cgroup->fd, cgroup->path, wish->program, cgroup->held, &failure)) {
		if (cgroup->held)
			device_program_put(cgroup->held);
		cgroup->held = g_steal_pointer(&wish->program);
		cgroup->let_go = (GDestroyNotify)device_program_put;
		enforce_device_note(spec, limits, wish->met);
		return true;
	}
	/* a program that is there and is not alone is no refusal: that is an error whoever asked */
	if (device_is_refusal(failure) && !enforce_device_asked(spec) && !cgroup->held) {
		enforce_device_note(spec, limits, NULL);
		return true;
	}
	g_propagate_error(error, g_steal_pointer(&failure));
	return false;
}
