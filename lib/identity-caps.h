/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* SPDX-FileCopyrightText: The libsbx developers */

/* The capabilities that a payload keeps and those that init needs: which may be had, and the steps that drop the
 * rest. */
#pragma once

#include <linux/securebits.h>

#include "identity.h"

/* Ids change without a change of capabilities, and uid 0 means nothing: capabilities(7), "The securebits flags". */
#define SECUREBITS                                                                                   \
	(SECBIT_NOROOT | SECBIT_NOROOT_LOCKED | SECBIT_NO_SETUID_FIXUP | SECBIT_NO_SETUID_FIXUP_LOCKED | \
	 SECBIT_KEEP_CAPS_LOCKED)
#define SECUREBITS_FINAL (SECUREBITS | SECBIT_NO_CAP_AMBIENT_RAISE | SECBIT_NO_CAP_AMBIENT_RAISE_LOCKED)

/* From the spec, once the ids are decided. What would give the payload power over init is refused. */
bool identity_caps_decide(const sbx_spec *spec, struct identity *identity, GError **error);
/* Box, last. */
void identity_caps_plan_box(struct plan *plan);
/* Command, as the payload's user. */
void identity_caps_plan_command(struct plan *plan, const struct identity *identity);
