/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* SPDX-FileCopyrightText: The libsbx developers */

/* Where the box's cgroup is made: the decision tree of sbx-cgroups(7). */
#pragma once

#include <glib.h>
#include <stdbool.h>

#include "keeper.h"
#include "report.h"
#include "scope.h"
#include "spec.h"

struct place {
	int fd;
	char *path;
	struct scope *scope;          /* what it is a part of, or NULL */
	const struct keeper *through; /* the scope's, where the host itself may not clone into the place; else NULL */
};

/*
 * Find a place in whose children `controllers` (each wanted by the key of the same index; both end with NULL) can be
 * used, by the spec's cgroup.parent and cgroup.self. NULL: a place is welcome and not needed; then nobody is asked for
 * one. `trail` gets a struct report_place for each branch that was tried, unless it has that one already. After a
 * failure *ret may have a scope, which a second try will use: place_clear() lets go of it. Errors: stage cgroup, key =
 * the first key that could not be had, or cgroup.parent; one sentence, and a hint that works.
 */
bool place_find(const sbx_spec *spec, const char *const *controllers, const char *const *keys, GPtrArray *trail,
                struct place *ret, GError **error);
/* Let the children of the place that was found for this spec use one more controller, for `key`. */
bool place_enable(const sbx_spec *spec, const struct place *place, const char *controller, const char *key,
                  GError **error);
void place_clear(struct place *place);
typedef struct place place_t;
G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC(place_t, place_clear)

/* No group could be made in the place `path`, and *error says how mkdir(2) has put it: have it say why. Always
 * false. */
bool place_explain_mkdir(const char *path, GError **error);
