/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* SPDX-FileCopyrightText: The libsbx developers */

/* Who the payload is: ids inside and outside, groups, capabilities, and the steps that make it so. */
#pragma once

#include <glib.h>
#include <stdbool.h>
#include <stdint.h>

#include "idmap.h"
#include "spec.h"
#include "value.h"

struct identity {
	bool user_ns;   /* the box has one of its own */
	bool host_maps; /* idmap_write() by the host; else init writes its own single lines */
	struct idmap map;
	struct value_user user;    /* the payload, as seen inside */
	struct value_user builder; /* init, as seen inside: root where that is mapped */
	GArray *groups;            /* uint32_t; NULL: setgroups is denied */
	uint64_t caps;             /* kept by the payload */
};

struct plan;

bool identity_decide(const sbx_spec *spec, struct identity *ret, GError **error);
void identity_clear(struct identity *identity);
/* The payload's ids as the host sees them. */
void identity_outside(const struct identity *identity, struct value_user *ret);
/* Must init be out of reach of CAP_SYS_PTRACE, by an image that nobody can read? */
bool identity_is_closed(const struct identity *identity);
/* Box, first. */
void identity_plan_start(struct plan *plan);
/* Box: maps of its own where it can, then init's ids, bounding set, securebits, no_new_privs, keyring. */
void identity_plan_maps(struct plan *plan);
void identity_plan_box(struct plan *plan);
/* Box, last: what init itself no longer needs goes. */
void identity_plan_drop(struct plan *plan);
/* Command: groups, ids, and no capability but the kept ones. */
void identity_plan_command(struct plan *plan, const struct identity *identity);
