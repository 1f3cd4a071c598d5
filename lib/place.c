/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* SPDX-FileCopyrightText: The libsbx developers */

/* Where the box's cgroup is made: the decision tree of sbx-cgroups(7). */
#include "place.h"

#include "delegate.h"
#include "fd.h"

bool
place_find(const sbx_spec *spec, const char *const *controllers, const char *const *keys, GPtrArray *trail,
           struct place *ret, GError **error)
{
	struct place place = { .fd = -1 };

	if (!delegate_find(spec_text(spec, "cgroup.parent"), controllers, keys, &place.fd, &place.path, error))
		return false;
	report_add_place(trail, "subtree", place.path, NULL);
	*ret = place;
	return true;
}

void
place_clear(struct place *place)
{
	fd_close(&place->fd);
	g_clear_pointer(&place->path, g_free);
	g_clear_pointer(&place->scope, scope_unref);
	place->through = NULL;
}
