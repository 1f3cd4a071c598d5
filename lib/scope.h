/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* SPDX-FileCopyrightText: The libsbx developers */

/* A transient scope of systemd's, with a keeper in it: shared by the boxes of this process, gone with the last of
 * them. */
#pragma once

#include <glib.h>
#include <stdbool.h>

#include "keeper.h"

struct scope;

/* The scope of this process, asked of systemd (root: the system's manager; else the user's) where it has none yet.
 * Its directory is an empty inner node, ready to pass controllers on: the keeper sits in a leaf of it. Any thread;
 * waits for systemd, bounded. One that was stopped meanwhile is replaced, and who has it keeps what is left of it. A
 * forked copy of the process gets one of its own. Errors: stage cgroup (clone: of the keeper), key cgroup.parent, one
 * sentence and a hint. */
struct scope *scope_get(GError **error);
/* The last one ends it: waits a moment until systemd has removed it. NULL is fine; in a forked copy it only
 * closes. */
void scope_unref(struct scope *scope);
typedef struct scope scope_t;
G_DEFINE_AUTOPTR_CLEANUP_FUNC(scope_t, scope_unref)

/* Its directory below the cgroup2 mount: "/sys/fs/cgroup/user.slice/...scope". Lives as long as the scope. */
const char *scope_path(const struct scope *scope);
/* The process that sits in it. */
const struct keeper *scope_keeper(const struct scope *scope);
