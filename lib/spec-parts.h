/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* SPDX-FileCopyrightText: The libsbx developers */

/* What the two spec files share. */
#pragma once

#include "fd.h"
#include "spec.h"

typedef sbx_spec spec_t;
G_DEFINE_AUTOPTR_CLEANUP_FUNC(spec_t, sbx_spec_free)

/* With nothing set. */
sbx_spec *spec_new(void);
/* One more entry, with nothing but the text; the caller fills in the rest. */
struct spec_entry *spec_add(sbx_spec *spec, const struct key *key, const char *name, const char *value);
