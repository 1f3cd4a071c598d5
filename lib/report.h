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

/* A system call at which the seccomp filter ended a process, or that it logged. */
struct report_call {
	uint32_t arch, nr; /* AUDIT_ARCH_... */
	bool logged;
};

/* An empty report of our own size. */
void report_init(sbx_report *report);
/* Put what may each be NULL into the text of the report: limits (of struct report_limit), calls (of struct report_call), error. */
void report_set_text(sbx_report *report, const GPtrArray *limits, const GArray *calls, const sbx_error *error);
/* Copy as much as the caller's struct has room for, by its `size`. */
bool report_give(const sbx_report *report, sbx_report *ret);
