/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* SPDX-FileCopyrightText: The libsbx developers */

/* Whose group it is: sbx.PID.STARTTIME.N. It stands in the name, so that it is known from the moment the group
 * exists. */
#pragma once

#include <glib.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

struct cgroup_owner {
	pid_t pid;
	uint64_t start; /* in clock ticks since boot: with the pid it names a process for ever */
};

/* This process. false: /proc can't be read. */
bool cgroup_owner_self(struct cgroup_owner *ret);
/* g_free() it. */
char *cgroup_owner_name(const struct cgroup_owner *owner, unsigned number);
/* Pure. Exactly a name that cgroup_owner_name() makes. */
bool cgroup_owner_parse(const char *name, struct cgroup_owner *ret);
/* Does this process see it alive? It may live without being seen, in another pid namespace: the lock tells that. */
bool cgroup_owner_seen(const struct cgroup_owner *owner);
