/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* SPDX-FileCopyrightText: The libsbx developers */

/* Whose part of systemd's tree a group stands in: up to where it was given away, and by which manager. */
#pragma once

#include <glib.h>
#include <stdbool.h>
#include <sys/types.h>

/* What is known of a group, by its path relative to the cgroup2 mount. */
struct unit_facts {
	bool (*is_marked)(const char *group, void *data);   /* it bears systemd's mark of a delegated unit */
	bool (*is_given)(const char *group, void *data);    /* it can be written, and what is above it can't */
	bool (*is_delegated)(const char *unit, void *data); /* the user's manager says so */
	void *data;
};

/*
 * The nearest group, `own` or above it, that systemd has given away to be divided by those who sit in it; NULL: none.
 * `uid`: whose manager can be asked. A user manager's own group is given to that manager, and to nobody else; a slice
 * is always some manager's, so nothing above one is looked at. g_free() it.
 */
char *place_boundary(const char *own, uid_t uid, const struct unit_facts *facts);

/* The unit that the group is, by its name: "a/_b.scope" is "b.scope"; NULL: it is none. */
const char *place_unit(const char *group);
/* Is the last part of `group` a user manager, user@UID.service? */
bool place_is_manager(const char *group, uid_t *ret_uid);
/* The uid of the user manager that the group is below of. */
bool place_manager_above(const char *group, uid_t *ret_uid);
