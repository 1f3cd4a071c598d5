/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* SPDX-FileCopyrightText: The libsbx developers */

/* A judge: run a solution against an answer under limits, and print one verdict. judge ANSWER PROGRAM [ARG...] <INPUT */
#include <stdio.h>
#include <string.h>

#include <sbx.h>

static const char *const limits[][2] = {
	{ "?memory.max", "256M" }, { "?pids.max", "16" },   { "time.wall", "2" },
	{ "net", "none" },         { "rlimit", "fsize=0" }, { NULL, NULL },
};

static const char *
verdict(const sbx_report *report, const char *output, size_t length, const char *answer)
{
	switch (report->outcome) {
	case SBX_OUTCOME_EXITED:
		if (report->exit_code != 0)
			return "runtime error";
		return length == strlen(answer) && memcmp(output, answer, length) == 0 ? "accepted" : "wrong answer";
	case SBX_OUTCOME_OOM:
		return "memory limit exceeded";
	case SBX_OUTCOME_TIME_WALL:
		return "time limit exceeded";
	case SBX_OUTCOME_OUTPUT:
		return "output limit exceeded";
	case SBX_OUTCOME_SYSCALL:
		return "forbidden system call";
	default:
		return "runtime error";
	}
}

static int
judge(sbx_spec *spec, const char *answer, const char *const *argv, sbx_error **error)
{
	sbx_command command = { .size = sizeof command,
		                    .argv = argv,
		                    .stdio = { SBX_STDIO_INHERIT, SBX_STDIO_CAPTURE, SBX_STDIO_NULL } };
	sbx_report report = { .size = sizeof report };
	const void *output;
	size_t length;
	sbx_box *box;
	int result = sbx_box_create(spec, &box, error);

	if (result < 0)
		return result;
	result = sbx_box_start(box, &command, error);
	if (result == 0)
		result = sbx_box_wait(box, -1, error);
	if (result > 0)
		result = sbx_box_report(box, &report, error);
	if (result == 0 && sbx_box_output(box, 1, &output, &length) == 0)
		printf("%s, %.3f s\n", verdict(&report, output, length, answer), (double)report.wall_usec / 1e6);
	sbx_box_free(box);
	return result;
}

int
main(int argc, char **argv)
{
	sbx_error *error = NULL;
	sbx_spec *spec = NULL;
	int result;

	if (argc < 3) {
		fprintf(stderr, "usage: judge ANSWER PROGRAM [ARG...] <INPUT\n");
		return 2;
	}
	result = sbx_spec_new(&spec, "default", &error);
	for (int i = 0; result == 0 && limits[i][0]; i++)
		result = sbx_spec_set(spec, limits[i][0], limits[i][1], &error);
	if (result == 0)
		result = judge(spec, argv[1], (const char *const *)argv + 2, &error);
	if (result < 0)
		fprintf(stderr, "judge: %s %s\n", sbx_error_message(error), sbx_error_hint(error));
	sbx_error_free(error);
	sbx_spec_free(spec);
	return result < 0;
}
