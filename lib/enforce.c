/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* SPDX-FileCopyrightText: The libsbx developers */

/* The limits of a spec put in force on a cgroup of the box's own, and the list of what came of each. */
#include "enforce.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>

#include "enforce-delegate.h"
#include "enforce-device.h"
#include "error.h"
#include "fd.h"
#include "value.h"

static void
limit_free(struct report_limit *limit)
{
	g_free(limit->key);
	g_free(limit->asked);
	g_free(limit->applied);
	g_free(limit);
}

GPtrArray *
enforce_list_new(void)
{
	return g_ptr_array_new_with_free_func((GDestroyNotify)limit_free);
}

void
enforce_note(GPtrArray *limits, const char *key, const char *asked, const char *applied)
{
	struct report_limit *limit = g_new0(struct report_limit, 1);

	limit->key = g_strdup(key);
	limit->asked = g_strdup(asked);
	limit->applied = g_strdup(applied);
	g_ptr_array_add(limits, limit);
}

void
enforce_forget(GPtrArray *limits, const char *key, const char *asked)
{
	for (guint i = limits->len; i-- > 0;) {
		struct report_limit *limit = g_ptr_array_index(limits, i);

		if (g_str_equal(limit->key, key) && (!asked || g_str_equal(limit->asked, asked)))
			g_ptr_array_remove_index(limits, i);
	}
}

void
enforce_not_applied(GPtrArray *limits, const char *key, const char *asked)
{
	for (guint i = 0; i < limits->len; i++) {
		struct report_limit *limit = g_ptr_array_index(limits, i);

		if (g_str_equal(limit->key, key) && g_str_equal(limit->asked, asked))
			g_clear_pointer(&limit->applied, g_free);
	}
}

void
enforce_none_applied(const sbx_spec *spec, GPtrArray *limits)
{
	for (guint i = 0; i < spec->entries->len; i++)
		if (spec_at(spec, i)->key->limit)
			enforce_not_applied(limits, spec_at(spec, i)->name, spec_at(spec, i)->value);
	/* what memory.max implied */
	enforce_not_applied(limits, "memory.swap.max", "0");
	enforce_not_applied(limits, "memory.oom.group", "1");
	enforce_device_note(spec, limits, NULL);
}

static bool
limits_asked(const sbx_spec *spec)
{
	for (guint i = 0; i < spec->entries->len; i++)
		if (spec_at(spec, i)->key->limit && !spec_at(spec, i)->best_effort)
			return true;
	/* a place that was named is a place that is wanted */
	return spec_entry(spec, "cgroup.parent") && !g_str_equal(spec_text(spec, "cgroup.parent"), "auto");
}

bool
enforce_asked(const sbx_spec *spec)
{
	return enforce_device_asked(spec) || enforce_delegate_asked(spec) || limits_asked(spec);
}

/* --- where --- */

/* The controllers that the limits need, each once, with the first key that needs it. */
static void
wanted_controllers(const sbx_spec *spec, bool best_effort, GPtrArray *controllers, GPtrArray *keys)
{
	for (guint i = 0; i < spec->entries->len; i++) {
		const struct spec_entry *entry = spec_at(spec, i);
		g_autofree char *controller = NULL;

		if (!entry->key->limit || (entry->best_effort && !best_effort))
			continue;
		controller = g_strndup(entry->name, strcspn(entry->name, "."));
		if (g_ptr_array_find_with_equal_func(controllers, controller, g_str_equal, NULL))
			continue;
		g_ptr_array_add(controllers, g_steal_pointer(&controller));
		g_ptr_array_add(keys, entry->name);
	}
	g_ptr_array_add(controllers, NULL);
	g_ptr_array_add(keys, NULL);
}

/* Would anything of the spec come to nothing without a cgroup, be it best effort? */
static bool
cgroup_needed(const sbx_spec *spec)
{
	for (guint i = 0; i < spec->entries->len; i++)
		if (spec_at(spec, i)->key->limit || spec_at(spec, i)->key->type == KEY_DEVICE)
			return true;
	return enforce_asked(spec);
}

static bool
find_place(const sbx_spec *spec, bool best_effort, GPtrArray *places, struct place *ret_place, GError **error)
{
	g_autoptr(GPtrArray) controllers = g_ptr_array_new_with_free_func(g_free);
	g_autoptr(GPtrArray) keys = g_ptr_array_new();

	if (!cgroup_needed(spec))
		return place_find(spec, NULL, NULL, places, ret_place, error);
	wanted_controllers(spec, best_effort, controllers, keys);
	return place_find(spec, (const char *const *)controllers->pdata, (const char *const *)keys->pdata, places,
	                  ret_place, error);
}

/* With the controllers of best-effort limits, or else without these. */
static bool
try_places(const sbx_spec *spec, GPtrArray *places, struct place *ret_place, GError **error)
{
	g_autoptr(GError) failure = NULL;
	bool softer = false;

	if (find_place(spec, true, places, ret_place, &failure))
		return true;
	for (guint i = 0; i < spec->entries->len; i++)
		softer |= spec_at(spec, i)->key->limit && spec_at(spec, i)->best_effort;
	if (softer)
		return find_place(spec, false, places, ret_place, error);
	g_propagate_error(error, g_steal_pointer(&failure));
	return false;
}

/* --- what --- */

/* Init is one more process than the payload's, and not the user's affair. */
static char *
with_init(const char *value, int more)
{
	uint64_t count;

	if (!value_count(value, &count) || count == VALUE_MAX)
		return g_strdup(value);
	return g_strdup_printf("%" G_GUINT64_FORMAT, count + (uint64_t)(int64_t)more);
}

static bool
set_limit(const struct cgroup *cgroup, const struct spec_entry *entry, GPtrArray *limits, GError **error)
{
	bool pids = g_str_equal(entry->name, "pids.max");
	g_autofree char *value = value_kernel(entry->key, entry->value);
	g_autofree char *written = pids ? with_init(value, 1) : g_strdup(value);
	g_autofree char *applied = NULL;
	g_autofree char *shown = NULL;
	g_autoptr(GError) failure = NULL;

	if (cgroup_set(cgroup, entry->name, written, &applied, &failure)) {
		shown = pids ? with_init(applied, -1) : g_steal_pointer(&applied);
		enforce_note(limits, entry->name, entry->value, shown);
		return true;
	}
	if (!entry->best_effort) {
		g_propagate_error(error, g_steal_pointer(&failure));
		return false;
	}
	enforce_note(limits, entry->name, entry->value, NULL);
	return true;
}

static bool
swap_is_on(void)
{
	g_autofree char *swaps = fd_read_file_at(AT_FDCWD, "/proc/swaps");
	const char *second = swaps ? strchr(swaps, '\n') : NULL;

	/* what can't be read is taken for the worse */
	return !swaps || (second && second[1]);
}

/* memory.max alone can be escaped into swap, and kills one process of many. */
static bool
set_implied(const sbx_spec *spec, const struct spec_entry *max, const struct cgroup *cgroup, GPtrArray *limits,
            GError **error)
{
	static const char *const implied[][2] = { { "memory.swap.max", "0" }, { "memory.oom.group", "1" } };

	for (gsize i = 0; i < G_N_ELEMENTS(implied); i++) {
		g_autofree char *applied = NULL;
		g_autoptr(GError) failure = NULL;

		if (spec_entry(spec, implied[i][0]))
			continue;
		if (cgroup_set(cgroup, implied[i][0], implied[i][1], &applied, &failure)) {
			enforce_note(limits, implied[i][0], implied[i][1], applied);
		} else if (max->best_effort || (i == 0 && failure->code == ENOENT && !swap_is_on())) {
			enforce_note(limits, implied[i][0], implied[i][1], NULL);
		} else {
			g_propagate_error(error, g_steal_pointer(&failure));
			throw_hint(error, "memory.max implies it; set it yourself to say otherwise");
			return false;
		}
	}
	return true;
}

static bool
is_applied(const GPtrArray *limits, const char *key)
{
	for (guint i = 0; i < limits->len; i++) {
		const struct report_limit *limit = g_ptr_array_index(limits, i);

		if (g_str_equal(limit->key, key))
			return limit->applied != NULL;
	}
	return false;
}

static bool
set_all(const sbx_spec *spec, const struct cgroup *cgroup, GPtrArray *limits, GError **error)
{
	for (guint i = 0; i < spec->entries->len; i++)
		if (spec_at(spec, i)->key->limit && !set_limit(cgroup, spec_at(spec, i), limits, error))
			return false;
	return !is_applied(limits, "memory.max") ||
	       set_implied(spec, spec_entry(spec, "memory.max"), cgroup, limits, error);
}

/* What is best effort and no limit is in force until its step says otherwise. */
static void
note_others(const sbx_spec *spec, GPtrArray *limits, bool cgroup)
{
	for (guint i = 0; i < spec->entries->len; i++) {
		const struct spec_entry *entry = spec_at(spec, i);

		if (!entry->key->limit && entry->best_effort && entry->key->type != KEY_DEVICE)
			enforce_note(limits, entry->name, entry->value, entry->value);
		else if (entry->key->limit && !cgroup)
			enforce_note(limits, entry->name, entry->value, NULL);
	}
}

bool
enforce_limits(const sbx_spec *spec, GPtrArray *limits, GPtrArray *places, struct place *ret_place,
               struct cgroup **ret_cgroup, GError **error)
{
	g_autoptr(cgroup_t) cgroup = NULL;
	g_autoptr(GError) failure = NULL;
	g_auto(device_wish_t) wish = { NULL };
	g_auto(place_t) place = { .fd = -1 };
	bool found;

	if (!enforce_device_prepare(spec, &wish, error))
		return false;
	found = try_places(spec, places, &place, &failure) &&
	        (cgroup_new(place.fd, place.path, &cgroup, &failure) || place_explain_mkdir(place.path, &failure));
	if (!found && enforce_asked(spec)) {
		g_propagate_error(error, g_steal_pointer(&failure));
		return limits_asked(spec) ? false
		                          : throw_prefix(error, "%s needs a cgroup of its own: ",
		                                         enforce_delegate_asked(spec) ? "cgroup.delegate" : "a device filter");
	}
	note_others(spec, limits, cgroup != NULL);
	if (!cgroup)
		enforce_device_note(spec, limits, NULL);
	if (cgroup && (!set_all(spec, cgroup, limits, error) || !enforce_device(spec, &wish, cgroup, limits, error))) {
		cgroup_remove(cgroup, 0, NULL);
		return false;
	}
	*ret_cgroup = g_steal_pointer(&cgroup);
	if (*ret_cgroup)
		/* the cgroup has an fd of its parent by itself */
		*ret_place = (struct place){ -1, g_steal_pointer(&place.path), g_steal_pointer(&place.scope), place.through };
	return true;
}

/* --- live --- */

/* The same file, and of those that hold one line for each device (io.max) the same line: its first word is the name. */
static bool
same_line(const struct report_limit *a, const struct report_limit *b)
{
	const struct key *key = key_find(a->key);
	size_t length = strcspn(a->asked, " ");

	return g_str_equal(a->key, b->key) &&
	       (!key || !key->list || (strcspn(b->asked, " ") == length && strncmp(a->asked, b->asked, length) == 0));
}

bool
enforce_update(const sbx_spec *spec, const struct spec_entry *entry, const struct cgroup *cgroup, GPtrArray *limits,
               GError **error)
{
	g_autoptr(GPtrArray) fresh = enforce_list_new();

	/* what memory.max implies comes first: where that can't be had, nothing has changed */
	if ((g_str_equal(entry->name, "memory.max") && !set_implied(spec, entry, cgroup, fresh, error)) ||
	    !set_limit(cgroup, entry, fresh, error))
		return false;
	for (guint i = 0; i < fresh->len; i++)
		for (guint j = limits->len; j-- > 0;)
			if (same_line(g_ptr_array_index(fresh, i), g_ptr_array_index(limits, j)))
				g_ptr_array_remove_index(limits, j);
	g_ptr_array_extend_and_steal(limits, g_steal_pointer(&fresh));
	return true;
}
