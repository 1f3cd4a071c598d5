/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* SPDX-FileCopyrightText: The libsbx developers */

/* The report: outcome and numbers as a struct, the rest as text inside it, all of it as JSON. */
#include "report.h"

#include <errno.h>
#include <jansson.h>
#include <stddef.h>
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
	"setup_usec", "wall_usec", "cpu_user_usec", "cpu_system_usec", "throttled_usec", "memory_peak", "swap_peak", "pids_peak",
	"io_read_bytes", "io_write_bytes", "oom_kills", "pids_denied",
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

/* --- text --- */

/* Any bytes: a path in an error need not be UTF-8, JSON must be. */
static json_t *
json_text(const char *text)
{
	g_autofree char *valid = text ? g_utf8_make_valid(text, -1) : NULL;

	return valid ? json_string(valid) : json_null();
}

static json_t *
json_error(const sbx_error *error)
{
	if (!error)
		return json_null();
	return json_pack("{s:o, s:o, s:i, s:o, s:o}", "stage", json_text(sbx_error_stage(error)), "key",
	                 json_text(sbx_error_key(error)), "errno", sbx_error_errno(error), "message",
	                 json_text(sbx_error_message(error)), "hint", json_text(sbx_error_hint(error)));
}

void
report_set_text(sbx_report *report, const GPtrArray *limits, const sbx_error *error)
{
	json_t *list = json_array();
	json_t *object = json_pack("{s:o, s:O}", "error", json_error(error), "limits", list);
	size_t size;

	for (guint i = 0; limits && i < limits->len; i++) {
		const struct report_limit *limit = g_ptr_array_index(limits, i);

		json_array_append_new(list, json_pack("{s:o, s:o, s:o}", "key", json_text(limit->key), "asked", json_text(limit->asked),
		                                      "applied", json_text(limit->applied)));
	}
	/* what has no room is left out from the end, and that is said */
	while ((size = json_dumpb(object, report->text, sizeof report->text - 1, JSON_COMPACT)) >= sizeof report->text &&
	       json_array_size(list)) {
		json_array_remove(list, json_array_size(list) - 1);
		json_object_set_new(object, "limits_truncated", json_true());
	}
	report->text[size < sizeof report->text ? size : 0] = '\0';
	json_decref(list);
	json_decref(object);
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
	report_set_text(&failed, NULL, error);
	return report_give(&failed, report) ? 0 : -EINVAL;
}

/* --- JSON --- */

static json_t *
json_number(const sbx_report *report, int bit)
{
	const uint64_t *first = &report->setup_usec;

	/* a number of a struct that ends before it was not measured either */
	if (!(report->valid & 1ull << bit) || report->size < offsetof(sbx_report, setup_usec) + (size_t)(bit + 1) * sizeof *first)
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

char *
sbx_report_json(const sbx_report *report)
{
	json_t *object;
	json_t *text = NULL;
	char *dump;

	if (!report || report->size < offsetof(sbx_report, setup_usec))
		return NULL;
	object = json_object();
	json_object_set_new(object, "outcome", json_text((unsigned)report->outcome < G_N_ELEMENTS(outcomes) ? outcomes[report->outcome] : NULL));
	json_object_set_new(object, "exit_code", report->outcome == SBX_OUTCOME_EXITED ? json_integer(report->exit_code) : json_null());
	json_object_set_new(object, "signal", json_signal(report->signal));
	/* which call it was is not told by wait(2) */
	json_object_set_new(object, "syscall", json_null());
	for (size_t i = 0; i < G_N_ELEMENTS(numbers); i++)
		json_object_set_new(object, numbers[i], json_number(report, (int)i));
	json_object_set_new(object, "pressure", json_pack("{s:o, s:o, s:o}", "cpu", json_number(report, FIRST_PRESSURE), "memory",
	                                                  json_number(report, FIRST_PRESSURE + 1), "io", json_number(report, FIRST_PRESSURE + 2)));
	json_object_set_new(object, "limits", json_array());
	json_object_set_new(object, "error", json_null());
	if (report->size >= sizeof *report)
		text = json_loadb(report->text, strnlen(report->text, sizeof report->text), 0, NULL);
	if (text)
		json_object_update(object, text);
	json_decref(text);
	dump = json_dumps(object, JSON_INDENT(2));
	json_decref(object);
	return dump;
}
