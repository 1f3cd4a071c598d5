/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* SPDX-FileCopyrightText: The libsbx developers */

/* The report: outcome and numbers as a struct, the rest as text inside it, all of it as JSON. */
#include "report.h"

#include <errno.h>
#include <jansson.h>
#include <linux/audit.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include "error.h"
#include "seccomp-words.h"
#include "seccomp.h"

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

/* --- text: strings one after the other, since JSON would cost every launch what only some readers want ---
 * 'K' call that was killed, or 'G' that was logged, number, architecture; 'L' key, asked, '+' applied or '-';
 * 'E' stage, key, errno, message, hint; 'T' when limits were left out; then an empty one. */

struct text {
	char *at, *end;
	bool full;
};

static void
text_put(struct text *text, char mark, const char *string)
{
	size_t size = (mark != 0) + strlen(string) + 1;

	text->full = text->full || size > (size_t)(text->end - text->at);
	if (text->full)
		return;
	if (mark)
		*text->at++ = mark;
	text->at = stpcpy(text->at, string) + 1;
}

/* The strings of one thing, all of them or none. */
static bool
text_put_all(struct text *text, char mark, const char *const *strings, size_t n)
{
	struct text begin = *text;

	for (size_t i = 0; i < n; i++)
		text_put(text, i ? 0 : mark, strings[i]);
	if (text->full)
		*text = begin;
	return text->at != begin.at;
}

static const char *
arch_name(const struct report_call *call)
{
	switch (call->arch) {
	case AUDIT_ARCH_X86_64:
		return call->nr & 0x40000000 ? "x32" : "x86_64";
	case AUDIT_ARCH_I386:
		return "x86";
	case AUDIT_ARCH_AARCH64:
		return "aarch64";
	case AUDIT_ARCH_ARM:
		return "arm";
	default:
		return "unknown";
	}
}

static void
text_put_call(struct text *text, const struct report_call *call)
{
	const char *name = seccomp_call_name(call->arch, call->nr);
	g_autofree char *number = g_strdup_printf("%u", call->nr);
	bool native = call->arch == seccomp_native_arch() && !g_str_equal(arch_name(call), "x32");
	g_autofree char *plain = name ? g_strdup(name) : g_strdup_printf("system call %u", call->nr);
	/* the native call of that name may well be allowed */
	g_autofree char *foreign = native ? NULL : g_strdup_printf("%s (%s)", plain, arch_name(call));
	const char *const strings[] = { foreign ? foreign : plain, number, arch_name(call) };

	text_put_all(text, call->logged ? 'G' : 'K', strings, G_N_ELEMENTS(strings));
}

static void
place_free(struct report_place *place)
{
	g_free(place->branch);
	g_free(place->path);
	g_free(place->reason);
	g_free(place);
}

GPtrArray *
report_places_new(void)
{
	return g_ptr_array_new_with_free_func((GDestroyNotify)place_free);
}

void
report_add_place(GPtrArray *places, const char *branch, const char *path, const char *reason)
{
	struct report_place *place = g_new0(struct report_place, 1);

	place->branch = g_strdup(branch);
	place->path = g_strdup(path);
	place->reason = g_strdup(reason);
	g_ptr_array_add(places, place);
}

void
report_set_text(sbx_report *report, const struct report_words *words)
{
	const GPtrArray *limits = words->limits;
	const GArray *calls = words->calls;
	const sbx_error *error = words->error;
	struct text text = { report->text, report->text + sizeof report->text - 4, false };

	if (error) {
		g_autofree char *code = g_strdup_printf("%d", sbx_error_errno(error));
		const char *const strings[] = { sbx_error_stage(error), sbx_error_key(error), code, sbx_error_message(error),
			                            sbx_error_hint(error) };

		text_put_all(&text, 'E', strings, G_N_ELEMENTS(strings));
	}
	for (guint i = 0; calls && i < calls->len; i++)
		text_put_call(&text, &g_array_index(calls, struct report_call, i));
	for (guint i = 0; limits && i < limits->len; i++) {
		const struct report_limit *limit = g_ptr_array_index(limits, i);
		g_autofree char *applied = limit->applied ? g_strconcat("+", limit->applied, NULL) : g_strdup("-");
		const char *const strings[] = { limit->key, limit->asked, applied };

		if (text_put_all(&text, 'L', strings, G_N_ELEMENTS(strings)))
			continue;
		text.at = stpcpy(text.at, "T") + 1;
		break;
	}
	*text.at = '\0';
}

/* The next string of the text, NULL at its end or where it is no text of ours. */
static const char *
text_next(const sbx_report *report, const char **at)
{
	const char *string = *at;
	size_t left = (size_t)(report->text + sizeof report->text - string);
	size_t length = strnlen(string, left);

	if (length == left)
		return NULL;
	*at = string + length + 1;
	return string;
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
	report_set_text(&failed, &(struct report_words){ .error = error });
	return report_give(&failed, report) ? 0 : -EINVAL;
}

const char *
sbx_report_syscall(const sbx_report *report)
{
	const char *at, *string;

	if (!report || report->size < sizeof *report || report->outcome != SBX_OUTCOME_SYSCALL)
		return NULL;
	/* calls that were killed come before everything but an error, which this outcome has not */
	for (at = report->text; (string = text_next(report, &at)) && *string;)
		if (*string == 'K')
			return string + 1;
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
json_error(const sbx_report *report, const char *stage, const char **at)
{
	const char *key = text_next(report, at);
	const char *code = key ? text_next(report, at) : NULL;
	const char *message = code ? text_next(report, at) : NULL;
	const char *hint = message ? text_next(report, at) : NULL;

	return json_pack("{s:o, s:o, s:i, s:o, s:o}", "stage", json_text(stage), "key", json_text(key), "errno",
	                 code ? atoi(code) : 0, "message", json_text(message), "hint", json_text(hint));
}

static json_t *
json_limit(const sbx_report *report, const char *key, const char **at)
{
	const char *asked = text_next(report, at);
	const char *applied = asked ? text_next(report, at) : NULL;

	return json_pack("{s:o, s:o, s:o}", "key", json_text(key), "asked", json_text(asked), "applied",
	                 json_text(applied && *applied == '+' ? applied + 1 : NULL));
}

static json_t *
json_call(const sbx_report *report, const char *mark, const char **at)
{
	const char *number = text_next(report, at);
	const char *arch = number ? text_next(report, at) : NULL;

	return json_pack("{s:o, s:I, s:o, s:s}", "name", json_text(mark + 1), "number",
	                 (json_int_t)(number ? g_ascii_strtoull(number, NULL, 10) : 0), "arch", json_text(arch), "action",
	                 *mark == 'K' ? "kill" : "log");
}

static void
json_add_text(json_t *object, const sbx_report *report)
{
	json_t *limits = json_array(), *calls = json_array();
	const char *at = report->text;
	const char *string;

	json_object_set_new(object, "syscalls", calls);
	json_object_set_new(object, "limits", limits);
	json_object_set_new(object, "error", json_null());
	while (report->size >= sizeof *report && (string = text_next(report, &at)) && *string) {
		if (*string == 'E')
			json_object_set_new(object, "error", json_error(report, string + 1, &at));
		else if (*string == 'K' || *string == 'G')
			json_array_append_new(calls, json_call(report, string, &at));
		else if (*string == 'L')
			json_array_append_new(limits, json_limit(report, string + 1, &at));
		else if (*string == 'T')
			json_object_set_new(object, "limits_truncated", json_true());
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
