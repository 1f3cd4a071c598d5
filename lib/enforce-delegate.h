/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* SPDX-FileCopyrightText: The libsbx developers */

/* The part of the box's cgroup that is the payload's own: made, given away, opened, guarded. */
#pragma once

#include <glib.h>
#include <stdbool.h>

#include "cgroup.h"
#include "identity.h"
#include "spec.h"

/* Does the spec need a cgroup for cgroup.delegate? Best effort needs none. */
bool enforce_delegate_asked(const sbx_spec *spec);
/* Make payload/ and payload/leaf in the box's group, nobody's yet. Where that can't be and was asked softly, nothing is
 * left and the answer is true: the plan finds nothing to delegate. */
bool enforce_delegate_make(const sbx_spec *spec, const struct cgroup *cgroup, GError **error);
/* Give both to the payload's user. What was asked softly and can't be is noted in `limits`, here and below. */
bool enforce_delegate_give(const sbx_spec *spec, const struct cgroup *cgroup, const struct identity *identity,
                           GPtrArray *limits, GError **error);
/* An fd of the group that init is born in, or -1. */
int enforce_delegate_enter(const struct cgroup *cgroup, GError **error);
/* Init has moved on into the leaf: what the box's group has is offered to groups of the payload's. */
bool enforce_delegate_open(const sbx_spec *spec, const struct cgroup *cgroup, GPtrArray *limits, GError **error);
