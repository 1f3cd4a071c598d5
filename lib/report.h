/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* SPDX-FileCopyrightText: The libsbx developers */

/* The report: outcome and numbers as a struct, the rest as text inside it, all of it as JSON. */
#pragma once

#include <glib.h>
#include <stdbool.h>

#include "sbx.h"

struct report_limit {
	char *key, *asked;
	char *applied; /* NULL: it is not in force */
};

/* An empty report of our own size. */
void report_init(sbx_report *report);
/* Put the limits (of struct report_limit) and the error, which may be NULL, into the text of the report. */
void report_set_text(sbx_report *report, const GPtrArray *limits, const sbx_error *error);
/* Copy as much as the caller's struct has room for, by its `size`. */
bool report_give(const sbx_report *report, sbx_report *ret);
