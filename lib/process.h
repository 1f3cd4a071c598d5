/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* SPDX-FileCopyrightText: The libsbx developers */

/* What the payload is started with: fds, limits of its own, environment, working directory, program. As steps. */
#pragma once

#include <glib.h>
#include <stdbool.h>

#include "spec.h"

struct plan;

/* Box: what init would inherit from the host, and pass on, that gives the payload power over it. */
void process_plan_inherited(struct plan *plan);
/* 0, 1, 2 (host fds) and the command's own map; everything else is close-on-exec in the payload. With `listen` the
 * socket to init is kept for the filter. */
bool process_plan_fds(struct plan *plan, const sbx_command *command, const int stdio[3], bool listen, GError **error);
void process_plan_limits(struct plan *plan, const sbx_spec *spec);
/* As the payload: where it was asked to be, else where the caller is, else /. */
bool process_plan_cwd(struct plan *plan, const sbx_spec *spec, const sbx_command *command, GError **error);
bool process_plan_exec(struct plan *plan, const sbx_spec *spec, const sbx_command *command, GError **error);
