/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* SPDX-FileCopyrightText: The libsbx developers */

/* What a box tells of itself: the report, and the numbers alone. */
#include "box.h"
#include "error.h"

int
box_check_report(const sbx_report *report, sbx_error **error)
{
	if (!report)
		return error_argument(error, "report is NULL");
	if (report->size < offsetof(sbx_report, setup_usec))
		return error_argument(error, "report.size is %zu; accepted: sizeof(sbx_report), %zu", report->size,
		                      sizeof *report);
	return 0;
}

static int
tell(sbx_box *box, bool words, sbx_report *report, sbx_error **error)
{
	sbx_report now;
	int result = box_check_report(report, error);

	if (result == 0)
		result = box_enter(box, error);
	if (result < 0)
		return result;
	now = box->report;
	if (box->state != SBX_STOPPED) {
		/* a limit that was hit while it still runs is not how it ended */
		now.outcome = SBX_OUTCOME_NONE;
		box_measure(box, &now);
		if (words)
			box_set_words(box, &now);
	}
	if (!words)
		now.text[0] = '\0';
	report_give(&now, report);
	box_leave(box);
	return 0;
}

int
sbx_box_report(sbx_box *box, sbx_report *report, sbx_error **error)
{
	return tell(box, true, report, error);
}

int
sbx_box_stat(sbx_box *box, sbx_report *report, sbx_error **error)
{
	return tell(box, false, report, error);
}
