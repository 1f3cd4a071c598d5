/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* SPDX-FileCopyrightText: The libsbx developers */

/* The limits of a spec put in force on a cgroup of the box's own, and the list of what came of each. */
#pragma once

#include <glib.h>
#include <stdbool.h>

#include "cgroup.h"
#include "place.h"
#include "report.h"
#include "spec.h"

/*
 * Make the box's cgroup with every limit of the spec. Where nothing was asked that needs one, and none can be had,
 * *ret_cgroup is NULL and that is fine. `limits` gets a struct report_limit for each limit and each best-effort key,
 * `places` a struct report_place for each place that was tried. *ret_place has to outlive the cgroup.
 */
bool enforce_limits(const sbx_spec *spec, GPtrArray *limits, GPtrArray *places, struct place *ret_place,
                    struct cgroup **ret_cgroup, GError **error);
/* Was anything asked that needs the cgroup? */
bool enforce_asked(const sbx_spec *spec);
/* Change one limit of a box that lives: `entry` is a checked one and no best effort. The note of it is the new one. */
bool enforce_update(const sbx_spec *spec, const struct spec_entry *entry, const struct cgroup *cgroup,
                    GPtrArray *limits, GError **error);
/* Say what came of a wish; applied is NULL when it is not in force. */
void enforce_note(GPtrArray *limits, const char *key, const char *asked, const char *applied);
/* Take back what was said of a key: of this wish, or of all (NULL). */
void enforce_forget(GPtrArray *limits, const char *key, const char *asked);
/* An array for `limits`. */
GPtrArray *enforce_list_new(void);
/* The cgroup was given up: no limit is in force. */
void enforce_none_applied(const sbx_spec *spec, GPtrArray *limits);
/* A best-effort wish was not met after all. */
void enforce_not_applied(GPtrArray *limits, const char *key, const char *asked);
