/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* SPDX-FileCopyrightText: The libsbx developers */

/* The report: outcome and numbers as a struct, the rest as text inside it, all of it as JSON. */
#include "report.h"

#include <errno.h>
#include <jansson.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include "error.h"

static const char *const outcomes[] = {
	[SBX_OUTCOME_NONE] = NULL,
	[SBX_OUTCOME_EXITED] = "exited",
	[SBX_OUTCOME_SIGNALED] = "signaled",
	[SBX_OUTCOME_OOM] = "oom",
	[SBX_OUTCOME_OOM_ANCESTOR] = "oom-ancestor",
	[SBX_OUTCOME_TIME_WALL] = "time-wall",
	[SBX_OUTCOME_TIME_CPU] = "time-cpu",
	[SBX_OUTCOME_TIME_IDLE] = "time-idle",
	[SBX_OUTCOME_OUTPUT] = "output",
	[SBX_OUTCOME_SYSCALL] = "syscall",
	[SBX_OUTCOME_KILLED] = "killed",
	[SBX_OUTCOME_OWNER_DIED] = "owner-died",
	[SBX_OUTCOME_SETUP_FAILED] = "setup-failed",
};

/* In the order of the bits of `valid`, which is that of the struct. */
static const char *const numbers[] = {
	"setup_usec", "wall_usec", "cpu_user_usec", "cpu_system_usec", "throttled_usec", "memory_peak",
	"swap_peak",  "pids_peak", "io_read_bytes", "io_write_bytes",  "oom_kills",      "pids_denied",
};
#define N_NUMBERS 15
#define FIRST_PRESSURE 12

G_STATIC_ASSERT(offsetof(sbx_report, text) == offsetof(sbx_report, setup_usec) + N_NUMBERS * sizeof(uint64_t));
G_STATIC_ASSERT(SBX_VALID_PRESSURE_CPU_USEC == 1ull << FIRST_PRESSURE);

void
report_init(sbx_report *report)
{
	memset(report, 0, sizeof *report);
	report->size = sizeof *report;
	report->exit_code = -1;
	report->syscall_nr = -1;
}

bool
report_give(const sbx_report *report, sbx_report *ret)
{
	size_t size = ret->size;

	if (size < offsetof(sbx_report, setup_usec))
		return false;
	memcpy(ret, report, MIN(size, sizeof *report));
	ret->size = size;
	return true;
}

int
sbx_report_fail(sbx_report *report, const sbx_error *error)
{
	sbx_report failed;

	if (!report || !error)
		return -EINVAL;
	report_init(&failed);
	failed.outcome = SBX_OUTCOME_SETUP_FAILED;
	report_set_text(&failed, &(struct report_words){ .places = error_attached(error), .error = error });
	return report_give(&failed, report) ? 0 : -EINVAL;
}

const char *
sbx_report_syscall(const sbx_report *report)
{
	const char *strings[REPORT_STRINGS], *at;
	char mark;

	if (!report || report->size < sizeof *report || report->outcome != SBX_OUTCOME_SYSCALL)
		return NULL;
	for (at = report->text; (mark = report_text_next(report, &at, strings)) != '\0';)
		if (mark == REPORT_KILLED)
			return strings[0];
	return NULL;
}

/* --- JSON --- */

static json_t *
json_number(const sbx_report *report, int bit)
{
	const uint64_t *first = &report->setup_usec;

	/* a number of a struct that ends before it was not measured either */
	if (!(report->valid & 1ull << bit) ||
	    report->size < offsetof(sbx_report, setup_usec) + (size_t)(bit + 1) * sizeof *first)
		return json_null();
	return json_integer((json_int_t)MIN(first[bit], (uint64_t)INT64_MAX));
}

static json_t *
json_signal(int signal)
{
	const char *name = sigabbrev_np(signal);
	g_autofree char *text = NULL;

	if (signal <= 0)
		return json_null();
	text = name ? g_strconcat("SIG", name, NULL) : g_strdup_printf("SIG%d", signal);
	return json_string(text);
}

/* Any bytes: a path in an error need not be UTF-8, JSON must be. */
static json_t *
json_text(const char *text)
{
	g_autofree char *valid = text ? g_utf8_make_valid(text, -1) : NULL;

	return valid ? json_string(valid) : json_null();
}

static json_t *
json_error(const char *const *strings)
{
	return json_pack("{s:o, s:o, s:i, s:o, s:o}", "stage", json_text(strings[0]), "key", json_text(strings[1]), "errno",
	                 atoi(strings[2]), "message", json_text(strings[3]), "hint", json_text(strings[4]));
}

/* What may be NULL is in the text as '-', and as '+' with the string after it where it is not. */
static json_t *
json_maybe(const char *string)
{
	return json_text(*string == '+' ? string + 1 : NULL);
}

static json_t *
json_limit(const char *const *strings)
{
	return json_pack("{s:o, s:o, s:o}", "key", json_text(strings[0]), "asked", json_text(strings[1]), "applied",
	                 json_maybe(strings[2]));
}

static json_t *
json_place(const char *const *strings)
{
	return json_pack("{s:o, s:o, s:b, s:o}", "branch", json_text(strings[0]), "path", json_maybe(strings[1]), "taken",
	                 *strings[2] == '-', "reason", json_maybe(strings[2]));
}

static json_t *
json_call(const char *const *strings, const char *action)
{
	return json_pack("{s:o, s:I, s:o, s:s}", "name", json_text(strings[0]), "number",
	                 (json_int_t)g_ascii_strtoull(strings[1], NULL, 10), "arch", json_text(strings[2]), "action",
	                 action);
}

static void
json_add_text(json_t *object, const sbx_report *report)
{
	json_t *limits = json_array(), *calls = json_array(), *places = json_array();
	const char *at = report->text;
	const char *strings[REPORT_STRINGS];
	char mark;

	json_object_set_new(object, "syscalls", calls);
	json_object_set_new(object, "limits", limits);
	json_object_set_new(object, "placement", places);
	json_object_set_new(object, "error", json_null());
	while (report->size >= sizeof *report && (mark = report_text_next(report, &at, strings)) != '\0') {
		if (mark == REPORT_ERROR)
			json_object_set_new(object, "error", json_error(strings));
		else if (mark == REPORT_KILLED)
			json_array_append_new(calls, json_call(strings, "kill"));
		else if (mark == REPORT_LOGGED)
			json_array_append_new(calls, json_call(strings, "log"));
		else if (mark == REPORT_LIMIT)
			json_array_append_new(limits, json_limit(strings));
		else if (mark == REPORT_PLACE)
			json_array_append_new(places, json_place(strings));
		else if (mark == REPORT_TRUNCATED)
			json_object_set_new(object, strings[0], json_true());
	}
}

char *
sbx_report_json(const sbx_report *report)
{
	json_t *object;
	char *dump;

	if (!report || report->size < offsetof(sbx_report, setup_usec))
		return NULL;
	object = json_object();
	json_object_set_new(object, "outcome",
	                    json_text((unsigned)report->outcome < G_N_ELEMENTS(outcomes) ? outcomes[report->outcome]
	                                                                                 : NULL));
	json_object_set_new(object, "exit_code",
	                    report->outcome == SBX_OUTCOME_EXITED ? json_integer(report->exit_code) : json_null());
	json_object_set_new(object, "signal", json_signal(report->signal));
	json_object_set_new(object, "syscall", json_text(sbx_report_syscall(report)));
	for (size_t i = 0; i < G_N_ELEMENTS(numbers); i++)
		json_object_set_new(object, numbers[i], json_number(report, (int)i));
	json_object_set_new(object, "pressure",
	                    json_pack("{s:o, s:o, s:o}", "cpu", json_number(report, FIRST_PRESSURE), "memory",
	                              json_number(report, FIRST_PRESSURE + 1), "io",
	                              json_number(report, FIRST_PRESSURE + 2)));
	json_add_text(object, report);
	dump = json_dumps(object, JSON_INDENT(2));
	json_decref(object);
	return dump;
}
