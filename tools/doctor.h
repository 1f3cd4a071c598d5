/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* SPDX-FileCopyrightText: The libsbx developers */

/* --doctor: what the library found, as a table for people. */
#pragma once

#include <glib.h>

/* The table, made of nothing but the library's JSON; at most 100 columns wide where words allow. NULL: that is no JSON
 * of its. g_free() it. */
char *doctor_table(const char *json, gboolean colour);
/* Is colour wanted on standard output? */
gboolean doctor_has_colour(void);
/* Ask the library. What is to be printed, g_free() it; NULL where that failed, which is said then. *ret_ok: would the
 * default box and limits work? */
char *doctor_ask(gboolean json, gboolean *ret_ok);
