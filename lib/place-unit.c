/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* SPDX-FileCopyrightText: The libsbx developers */

/* Whose part of systemd's tree a group stands in: up to where it was given away, and by which manager. */
#include "place-unit.h"

#include <stdint.h>
#include <string.h>

/* The last part, with systemd's escape taken off: a "_" before what could be taken for a file of the kernel's. */
static const char *
last_part(const char *group)
{
	const char *slash = strrchr(group, '/');
	const char *part = slash ? slash + 1 : group;

	return *part == '_' ? part + 1 : part;
}

const char *
place_unit(const char *group)
{
	const char *part = last_part(group);

	/* more than the suffix alone */
	if ((g_str_has_suffix(part, ".service") && part[8]) || (g_str_has_suffix(part, ".scope") && part[6]))
		return part;
	return NULL;
}

bool
place_is_manager(const char *group, uid_t *ret_uid)
{
	const char *part = last_part(group);
	guint64 uid;
	char *end;

	if (strncmp(part, "user@", 5) != 0 || !g_ascii_isdigit(part[5]))
		return false;
	uid = g_ascii_strtoull(part + 5, &end, 10);
	if (strcmp(end, ".service") != 0 || uid >= UINT32_MAX)
		return false;
	*ret_uid = (uid_t)uid;
	return true;
}

/* Cut the last part off; false: there was none. */
static bool
cut(char *group)
{
	char *slash = strrchr(group, '/');
	bool more = *group != '\0';

	*(slash ? slash : group) = '\0';
	return more;
}

bool
place_manager_above(const char *group, uid_t *ret_uid)
{
	g_autofree char *above = g_strdup(group);

	while (cut(above))
		if (place_is_manager(above, ret_uid))
			return true;
	return false;
}

char *
place_boundary(const char *own, uid_t uid, const struct unit_facts *facts)
{
	g_autofree char *group = g_strdup(own);

	for (; *group != '\0'; cut(group)) {
		const char *unit = place_unit(group);
		uid_t manager;

		if (place_is_manager(group, &manager) || g_str_has_suffix(last_part(group), ".slice"))
			return NULL;
		/* a user's manager leaves no mark, so it is asked */
		if (facts->is_marked(group, facts->data) || facts->is_given(group, facts->data) ||
		    (unit && place_manager_above(group, &manager) && manager == uid && facts->is_delegated(unit, facts->data)))
			return g_steal_pointer(&group);
	}
	return NULL;
}
