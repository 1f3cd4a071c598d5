/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* SPDX-FileCopyrightText: The libsbx developers */

/* Hello from a box: one call, one report. cc hello.c $(pkg-config --cflags --libs sbx) */
#include <stdio.h>
#include <stdlib.h>

#include <sbx.h>

int
main(void)
{
	const char *argv[] = { "sh", "-c", "echo \"hello, I am uid $(id -u), process $$ of $(hostname)\"", NULL };
	sbx_command command = { .size = sizeof command, .argv = argv };
	sbx_report report = { .size = sizeof report };
	sbx_error *error = NULL;
	sbx_spec *spec = NULL;
	char *json;
	int result = sbx_spec_new(&spec, "default", &error);

	if (result == 0)
		result = sbx_spec_set(spec, "hostname", "box", &error);
	/* "?": where the host cannot limit memory, run all the same; the report says so */
	if (result == 0)
		result = sbx_spec_set(spec, "?memory.max", "64M", &error);
	if (result == 0)
		result = sbx_run(spec, &command, &report, &error);
	if (result < 0) {
		fprintf(stderr, "hello: %s %s\n", sbx_error_message(error), sbx_error_hint(error));
	} else {
		json = sbx_report_json(&report);
		puts(json);
		free(json);
	}
	sbx_error_free(error);
	sbx_spec_free(spec);
	return result < 0 || report.outcome != SBX_OUTCOME_EXITED ? 1 : report.exit_code;
}
