/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* SPDX-FileCopyrightText: The libsbx developers */

/* Options that take no value, and got one. */
#pragma once

#include <glib.h>

/* GLib drops what stands behind the = of such an option: who writes --dry-run=no would get the opposite. It is refused.
 * `entries` are those that GLib is given, and end like them. */
gboolean switches_check(const GOptionEntry *entries, char **argv, GError **error);
