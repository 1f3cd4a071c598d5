/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* SPDX-FileCopyrightText: The libsbx developers */

/* The box's file system: sources opened as the host, then the root, then everything on it, as steps. */
#pragma once

#include <glib.h>
#include <stdbool.h>

#include "spec.h"

struct plan;
struct files;

/* Look at what is asked (sources must exist) and decide what the steps will be. Opens what only the host can open. */
bool files_new(const sbx_spec *spec, struct plan *plan, struct files **ret_files, GError **error);
void files_free(struct files *files);
typedef struct files files_t;
G_DEFINE_AUTOPTR_CLEANUP_FUNC(files_t, files_free)

/* Before any id changes: private propagation, and a handle on every source. */
void files_plan_sources(struct files *files);
/* After: the new root, proc, sys, dev, tmp, and what the spec asks, in its order. */
bool files_plan_root(struct files *files, GError **error);
