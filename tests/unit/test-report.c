/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* SPDX-FileCopyrightText: The libsbx developers */

/* The report's text: given limits, places, calls and an error, then JSON has them, or says what there was no room for. */
#include "report.h"

#include <errno.h>
#include <jansson.h>
#include <stdlib.h>
#include <string.h>

#include "error.h"
#include "seccomp-words.h"
#include "seccomp.h"

static json_t *
json_of(const struct report_words *words, sbx_report *report)
{
	char *text;
	json_t *json;

	report_init(report);
	memset(report->text, 'x', sizeof report->text);
	report->outcome = words->error ? SBX_OUTCOME_SETUP_FAILED : SBX_OUTCOME_SYSCALL;
	report_set_text(report, words);
	text = sbx_report_json(report);
	g_assert_nonnull(text);
	json = json_loads(text, 0, NULL);
	g_assert_nonnull(json);
	free(text);
	return json;
}

/* What a member says: its text, or what it is. */
static const char *
get(const json_t *json, const char *member)
{
	const json_t *value = json_object_get(json, member);

	if (json_is_string(value))
		return json_string_value(value);
	return !value ? "absent" : json_is_true(value) ? "true" : json_is_false(value) ? "false" : "null";
}

static size_t
size_of(const json_t *json, const char *member)
{
	g_assert_true(json_is_array(json_object_get(json, member)));
	return json_array_size(json_object_get(json, member));
}

static const json_t *
item(const json_t *json, const char *member, size_t i)
{
	const json_t *found = json_array_get(json_object_get(json, member), i);

	g_assert_nonnull(found);
	return found;
}

static void
limit_free(struct report_limit *limit)
{
	g_free(limit->key);
	g_free(limit->asked);
	g_free(limit->applied);
	g_free(limit);
}

static void
add_limit(GPtrArray *limits, const char *key, const char *asked, const char *applied)
{
	struct report_limit *limit = g_new0(struct report_limit, 1);

	limit->key = g_strdup(key);
	limit->asked = g_strdup(asked);
	limit->applied = g_strdup(applied);
	g_ptr_array_add(limits, limit);
}

static void
add_call(GArray *calls, uint32_t nr, bool logged)
{
	struct report_call call = { seccomp_native_arch(), nr, logged };

	g_array_append_val(calls, call);
}

static GPtrArray *
limits_new(void)
{
	return g_ptr_array_new_with_free_func((GDestroyNotify)limit_free);
}

static GArray *
calls_new(void)
{
	return g_array_new(FALSE, FALSE, sizeof(struct report_call));
}

static void
test_empty(void)
{
	sbx_report report;
	json_t *json = json_of(&(struct report_words){ 0 }, &report);

	g_assert_cmpuint(size_of(json, "limits"), ==, 0);
	g_assert_cmpuint(size_of(json, "placement"), ==, 0);
	g_assert_cmpuint(size_of(json, "syscalls"), ==, 0);
	g_assert_cmpstr(get(json, "limits_truncated"), ==, "absent");
	g_assert_cmpstr(get(json, "placement_truncated"), ==, "absent");
	g_assert_cmpstr(get(json, "syscalls_truncated"), ==, "absent");
	g_assert_null(sbx_report_syscall(&report));
	json_decref(json);
}

static void
test_places(void)
{
	g_autoptr(GPtrArray) places = report_places_new();
	sbx_report report;
	const json_t *place;
	json_t *json;

	report_add_place(places, "subtree", "/sys/fs/cgroup/a", "its cgroup.procs is not writable");
	report_add_place(places, "leaf", NULL, "");
	report_add_place(places, "scope", "/sys/fs/cgroup/b", NULL);
	json = json_of(&(struct report_words){ .places = places }, &report);
	g_assert_cmpuint(size_of(json, "placement"), ==, 3);
	place = item(json, "placement", 0);
	g_assert_cmpstr(get(place, "branch"), ==, "subtree");
	g_assert_cmpstr(get(place, "path"), ==, "/sys/fs/cgroup/a");
	g_assert_cmpstr(get(place, "taken"), ==, "false");
	g_assert_cmpstr(get(place, "reason"), ==, "its cgroup.procs is not writable");
	place = item(json, "placement", 1);
	g_assert_cmpstr(get(place, "branch"), ==, "leaf");
	g_assert_cmpstr(get(place, "path"), ==, "null");
	g_assert_cmpstr(get(place, "taken"), ==, "false");
	g_assert_cmpstr(get(place, "reason"), ==, "");
	place = item(json, "placement", 2);
	g_assert_cmpstr(get(place, "branch"), ==, "scope");
	g_assert_cmpstr(get(place, "path"), ==, "/sys/fs/cgroup/b");
	g_assert_cmpstr(get(place, "taken"), ==, "true");
	g_assert_cmpstr(get(place, "reason"), ==, "null");
	g_assert_cmpstr(get(json, "placement_truncated"), ==, "absent");
	json_decref(json);
}

/* What others write is cut, by whole characters; the place that was taken stays. */
static void
test_many_places(void)
{
	g_autoptr(GPtrArray) places = report_places_new();
	g_autoptr(GString) reason = g_string_new("x");
	sbx_report report;
	const char *cut;
	json_t *json;

	for (int i = 0; i < 1000; i++)
		g_string_append(reason, "\u20ac");
	for (int i = 0; i < 12; i++)
		report_add_place(places, "subtree", reason->str, reason->str);
	report_add_place(places, "scope", "/taken", NULL);
	json = json_of(&(struct report_words){ .places = places }, &report);
	g_assert_cmpuint(size_of(json, "placement"), ==, 8);
	cut = get(item(json, "placement", 0), "reason");
	g_test_message("%s", cut);
	g_assert_cmpuint(strlen(cut), >, 150);
	g_assert_cmpuint(strlen(cut), <=, 160);
	g_assert_true(g_str_has_suffix(cut, "\u20ac..."));
	g_assert_null(strstr(cut, "\ufffd"));
	g_assert_cmpstr(get(item(json, "placement", 7), "path"), ==, "/taken");
	g_assert_cmpstr(get(item(json, "placement", 7), "taken"), ==, "true");
	g_assert_cmpstr(get(json, "placement_truncated"), ==, "true");
	json_decref(json);
}

/* Limits come first: they are whole where places and calls have no room any more. */
static void
test_limits_first(void)
{
	g_autoptr(GPtrArray) limits = limits_new();
	g_autoptr(GPtrArray) places = report_places_new();
	g_autoptr(GArray) calls = calls_new();
	g_autofree char *reason = g_strnfill(1000, 'r');
	sbx_report report;
	json_t *json;

	for (uint32_t i = 0; i < 400; i++)
		add_call(calls, i, true);
	add_call(calls, 39, false);
	for (uint32_t i = 0; i < 100; i++)
		add_call(calls, i, false);
	for (int i = 0; i < 60; i++) {
		g_autofree char *key = g_strdup_printf("hugetlb.%d.max", i);

		add_limit(limits, key, "1000000000", i ? "1000000000" : NULL);
	}
	for (int i = 0; i < 7; i++)
		report_add_place(places, "subtree", reason, reason);
	report_add_place(places, "scope", "/taken", NULL);
	json = json_of(&(struct report_words){ .limits = limits, .places = places, .calls = calls }, &report);
	g_assert_cmpuint(size_of(json, "limits"), ==, 60);
	g_assert_cmpstr(get(item(json, "limits", 0), "applied"), ==, "null");
	g_assert_cmpstr(get(item(json, "limits", 59), "key"), ==, "hugetlb.59.max");
	g_assert_cmpstr(get(item(json, "limits", 59), "applied"), ==, "1000000000");
	g_assert_cmpstr(get(json, "limits_truncated"), ==, "absent");
	g_assert_cmpuint(size_of(json, "placement"), >, 0);
	g_assert_cmpuint(size_of(json, "placement"), <, 8);
	g_assert_cmpstr(get(item(json, "placement", size_of(json, "placement") - 1), "path"), ==, "/taken");
	g_assert_cmpstr(get(json, "placement_truncated"), ==, "true");
	g_assert_cmpstr(get(json, "syscalls_truncated"), ==, "true");
	/* the call that the outcome is about is there, whatever was logged before it */
	g_assert_cmpstr(get(json, "syscall"), ==, seccomp_call_name(seccomp_native_arch(), 39));
	g_assert_cmpstr(get(item(json, "syscalls", 0), "name"), ==, get(json, "syscall"));
	g_assert_cmpstr(get(item(json, "syscalls", 0), "action"), ==, "kill");
	json_decref(json);
}

/* Places that fill what there is: neither more than that is written, nor a mark lost. */
static void
test_limits_truncated(void)
{
	g_autoptr(GPtrArray) limits = limits_new();
	g_autoptr(GPtrArray) places = report_places_new();
	g_autoptr(GArray) calls = calls_new();
	sbx_report report;
	json_t *json;

	for (int i = 0; i < 1000; i++)
		add_limit(limits, "a", "b", "c");
	for (int i = 0; i < 3; i++)
		report_add_place(places, "subtree", "/a", i < 2 ? "no" : NULL);
	for (uint32_t i = 0; i < 3; i++)
		add_call(calls, i, true);
	json = json_of(&(struct report_words){ .limits = limits, .places = places, .calls = calls }, &report);
	g_assert_cmpuint(size_of(json, "limits"), >, 400);
	g_assert_cmpuint(size_of(json, "placement"), ==, 0);
	g_assert_cmpuint(size_of(json, "syscalls"), ==, 0);
	g_assert_cmpstr(get(json, "limits_truncated"), ==, "true");
	g_assert_cmpstr(get(json, "placement_truncated"), ==, "true");
	g_assert_cmpstr(get(json, "syscalls_truncated"), ==, "true");
	json_decref(json);
}

/* A value that reads like a mark is a value. */
static void
test_value_is_no_call(void)
{
	g_autoptr(GPtrArray) limits = limits_new();
	g_autoptr(GPtrArray) places = report_places_new();
	sbx_report report;
	json_t *json;

	add_limit(limits, "hostname", "Kate", NULL);
	report_add_place(places, "K", "Kate", "Kate");
	json = json_of(&(struct report_words){ .limits = limits, .places = places }, &report);
	g_assert_cmpstr(get(json, "syscall"), ==, "null");
	g_assert_null(sbx_report_syscall(&report));
	g_assert_cmpuint(size_of(json, "syscalls"), ==, 0);
	g_assert_cmpstr(get(item(json, "limits", 0), "asked"), ==, "Kate");
	json_decref(json);
}

/* The order of the others is that in which they were made. */
static void
test_calls(void)
{
	g_autoptr(GArray) calls = calls_new();
	sbx_report report;
	json_t *json;

	add_call(calls, 1, true);
	add_call(calls, 2, false);
	add_call(calls, 3, true);
	add_call(calls, 4, false);
	add_call(calls, 0xfffff, false);
	json = json_of(&(struct report_words){ .calls = calls }, &report);
	g_assert_cmpuint(size_of(json, "syscalls"), ==, 5);
	g_assert_cmpint(json_integer_value(json_object_get(item(json, "syscalls", 0), "number")), ==, 2);
	g_assert_cmpint(json_integer_value(json_object_get(item(json, "syscalls", 1), "number")), ==, 1);
	g_assert_cmpint(json_integer_value(json_object_get(item(json, "syscalls", 2), "number")), ==, 3);
	g_assert_cmpint(json_integer_value(json_object_get(item(json, "syscalls", 3), "number")), ==, 4);
	g_assert_cmpstr(get(item(json, "syscalls", 1), "action"), ==, "log");
	g_assert_cmpstr(get(item(json, "syscalls", 4), "name"), ==, "system call 1048575");
	g_assert_cmpstr(get(json, "syscalls_truncated"), ==, "absent");
	g_assert_cmpstr(sbx_report_syscall(&report), ==, seccomp_call_name(seccomp_native_arch(), 2));
	/* it is about this outcome only */
	report.outcome = SBX_OUTCOME_SIGNALED;
	g_assert_null(sbx_report_syscall(&report));
	json_decref(json);
}

/* Of a failed set-up; an error is always there, however long its sentence. */
static void
test_error(void)
{
	g_autofree char *long_text = g_strnfill(10000, 'e');
	GError *error = NULL;
	sbx_error *public = NULL;
	sbx_report report = { .size = sizeof report };
	json_t *json;
	char *text;

	throw_error(&error, ENOENT, STAGE_FILES, "bind", "no %s", long_text);
	throw_hint(&error, "try %s", long_text);
	g_assert_cmpint(error_return(error, &public), ==, -ENOENT);
	g_assert_cmpint(sbx_report_fail(&report, public), ==, 0);
	text = sbx_report_json(&report);
	json = json_loads(text, 0, NULL);
	g_assert_nonnull(json);
	g_assert_cmpstr(get(json, "outcome"), ==, "setup-failed");
	g_assert_cmpuint(size_of(json, "placement"), ==, 0);
	g_assert_cmpstr(get(json_object_get(json, "error"), "stage"), ==, "files");
	g_assert_cmpstr(get(json_object_get(json, "error"), "key"), ==, "bind");
	g_assert_cmpint(json_integer_value(json_object_get(json_object_get(json, "error"), "errno")), ==, ENOENT);
	g_assert_true(g_str_has_prefix(get(json_object_get(json, "error"), "message"), "no eee"));
	g_assert_true(g_str_has_suffix(get(json_object_get(json, "error"), "message"), "eee..."));
	g_assert_true(g_str_has_prefix(get(json_object_get(json, "error"), "hint"), "try eee"));
	json_decref(json);
	free(text);
	sbx_error_free(public);
}

/* A struct that the caller filled himself is no text of ours, and nobody reads past its end. */
static void
test_foreign_text(void)
{
	sbx_report report;
	char *text;

	report_init(&report);
	report.outcome = SBX_OUTCOME_SYSCALL;
	memset(report.text, 'K', sizeof report.text);
	g_assert_null(sbx_report_syscall(&report));
	text = sbx_report_json(&report);
	g_assert_nonnull(text);
	free(text);
	memset(report.text, 0, sizeof report.text);
	memcpy(report.text, "Zoe\0Kate\0Kate\0Kate", sizeof "Zoe\0Kate\0Kate\0Kate");
	g_assert_null(sbx_report_syscall(&report));
}

int
main(int argc, char **argv)
{
	g_test_init(&argc, &argv, NULL);
	g_test_add_func("/report/empty", test_empty);
	g_test_add_func("/report/places", test_places);
	g_test_add_func("/report/many-places", test_many_places);
	g_test_add_func("/report/limits-first", test_limits_first);
	g_test_add_func("/report/limits-truncated", test_limits_truncated);
	g_test_add_func("/report/value-is-no-call", test_value_is_no_call);
	g_test_add_func("/report/calls", test_calls);
	g_test_add_func("/report/error", test_error);
	g_test_add_func("/report/foreign-text", test_foreign_text);
	return g_test_run();
}
