/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* SPDX-FileCopyrightText: The libsbx developers */

/* From a report to an exit status, and the sentence that explains it. */
#pragma once

#include <glib.h>

#include "../include/sbx.h"

enum {
	VERDICT_TIME = 124,
	VERDICT_FAILED = 125,
	VERDICT_NOT_EXECUTABLE = 126,
	VERDICT_NOT_FOUND = 127,
};

/* The exit status of a launch that failed. */
int verdict_error(const sbx_error *error);
/* The exit status of a box that has stopped. */
int verdict_status(const sbx_report *report);
/* Why it was ended, where the payload's own end does not say so; else NULL. g_free() it. */
char *verdict_reason(const sbx_report *report, const sbx_spec *spec);
/* The numbers in one line, those that were measured. g_free() it. */
char *verdict_summary(const sbx_report *report);
