/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* SPDX-FileCopyrightText: The libsbx developers */

/* The device rules of a spec put in force: by a filter on the box's cgroup, else by the nodes that the box has. */
#pragma once

#include <glib.h>
#include <stdbool.h>

#include "cgroup.h"
#include "device.h"
#include "spec.h"

struct device_wish {
	struct device_program *program; /* NULL: this host has no filter to give, and none was asked for */
	GPtrArray *met;                 /* the entries that the program has rules of */
};
void enforce_device_clear(struct device_wish *wish);
typedef struct device_wish device_wish_t;
G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC(device_wish_t, enforce_device_clear)

/* Was a filter asked for? */
bool enforce_device_asked(const sbx_spec *spec);
/* Look the rules up and load their program. */
bool enforce_device_prepare(const sbx_spec *spec, struct device_wish *wish, GError **error);
/* Put the program on the cgroup, in place of the one that may be there, and note it. Before the first task enters, or
 * live. */
bool enforce_device(const sbx_spec *spec, struct device_wish *wish, struct cgroup *cgroup, GPtrArray *limits,
                    GError **error);
/* Note which wall stands. `met`: of a filter; NULL: there is none, and the nodes must do. */
void enforce_device_note(const sbx_spec *spec, GPtrArray *limits, GPtrArray *met);
