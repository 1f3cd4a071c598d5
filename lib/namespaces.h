/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* SPDX-FileCopyrightText: The libsbx developers */

/* Which namespaces the box gets of its own, which it shares or joins, and what is set in them. */
#pragma once

#include <glib.h>
#include <stdbool.h>

#include "spec.h"

struct plan;

/* The entry of cgroup.delegate where it says yes; NULL. */
const struct spec_entry *namespaces_delegate(const sbx_spec *spec);
/* In the box's cgroup: the root of its cgroup namespace, where init is born; where init and the payload live then. */
#define NAMESPACES_PAYLOAD "payload"
#define NAMESPACES_LEAF NAMESPACES_PAYLOAD "/leaf"

bool namespaces_decide(const sbx_spec *spec, struct plan *plan, int cgroup_fd, GError **error);
/* Those that can't be had at birth: cgroup (it must be born in its place first) and time. Needs the host's /proc. */
void namespaces_plan_enter(struct plan *plan, const sbx_spec *spec);
/* Hostname, loopback. */
void namespaces_plan_settings(struct plan *plan, const sbx_spec *spec);
/* Does the box have a network namespace that is neither shared nor joined? */
bool namespaces_own_net(const struct plan *plan);
