/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* SPDX-FileCopyrightText: The libsbx developers */

/* The text in a report: what of it is no number, written by the host and read back for JSON.
 *
 * Theory of operation: it is strings one after the other, since JSON would cost every launch what only some readers
 * want. A mark begins the first string of each thing, and says how many there are; an empty string ends it all. The
 * text has an end too: what matters most is put first, and what is left out is said. */
#include "report.h"

#include <linux/audit.h>
#include <string.h>

#include "seccomp-words.h"
#include "seccomp.h"

/* Bytes of what others write: of paths and reasons, so that all places fit beside the limits of most boxes, and of an
 * error, so that it always fits. */
#define N_PLACES 8
#define PLACE_PATH 300
#define PLACE_REASON 160
#define ERROR_KEY 256
#define ERROR_MESSAGE 2000
#define ERROR_HINT 1200

/* Room for the mark of each list that is cut short, and for the end. */
#define MARKS_SIZE sizeof "Tlimits_truncated\0Tplacement_truncated\0Tsyscalls_truncated\0"

G_STATIC_ASSERT(ERROR_KEY + ERROR_MESSAGE + ERROR_HINT + 64 + MARKS_SIZE < sizeof((sbx_report *)0)->text);

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
text_put_all(struct text *text, enum report_mark mark, const char *const *strings, size_t n)
{
	struct text begin = *text;

	for (size_t i = 0; i < n; i++)
		text_put(text, i ? 0 : (char)mark, strings[i]);
	if (text->full)
		*text = begin;
	return text->at != begin.at;
}

/* At most `max` bytes of it, the last three of them dots where it is cut, and no half character before them. */
static char *
cut(const char *string, size_t max)
{
	size_t keep = max - 3;

	if (strlen(string) <= max)
		return g_strdup(string);
	while (keep > 0 && ((unsigned char)string[keep] & 0xc0) == 0x80)
		keep--;
	return g_strdup_printf("%.*s...", (int)keep, string);
}

/* What may be NULL. */
static char *
maybe(const char *string, size_t max)
{
	g_autofree char *kept = string ? cut(string, max) : NULL;

	return kept ? g_strconcat("+", kept, NULL) : g_strdup("-");
}

static void
text_put_error(struct text *text, const sbx_error *error)
{
	g_autofree char *key = cut(sbx_error_key(error), ERROR_KEY);
	g_autofree char *code = g_strdup_printf("%d", sbx_error_errno(error));
	g_autofree char *message = cut(sbx_error_message(error), ERROR_MESSAGE);
	g_autofree char *hint = cut(sbx_error_hint(error), ERROR_HINT);
	const char *const strings[] = { sbx_error_stage(error), key, code, message, hint };

	text_put_all(text, REPORT_ERROR, strings, G_N_ELEMENTS(strings));
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

static bool
text_put_call(struct text *text, const struct report_call *call)
{
	const char *name = seccomp_call_name(call->arch, call->nr);
	g_autofree char *number = g_strdup_printf("%u", call->nr);
	bool native = call->arch == seccomp_native_arch() && !g_str_equal(arch_name(call), "x32");
	g_autofree char *plain = name ? g_strdup(name) : g_strdup_printf("system call %u", call->nr);
	/* the native call of that name may well be allowed */
	g_autofree char *foreign = native ? NULL : g_strdup_printf("%s (%s)", plain, arch_name(call));
	const char *const strings[] = { foreign ? foreign : plain, number, arch_name(call) };

	return text_put_all(text, call->logged ? REPORT_LOGGED : REPORT_KILLED, strings, G_N_ELEMENTS(strings));
}

static bool
text_put_limit(struct text *text, const struct report_limit *limit)
{
	g_autofree char *applied = maybe(limit->applied, SIZE_MAX);
	const char *const strings[] = { limit->key, limit->asked, applied };

	return text_put_all(text, REPORT_LIMIT, strings, G_N_ELEMENTS(strings));
}

static bool
text_put_place(struct text *text, const struct report_place *place)
{
	g_autofree char *path = maybe(place->path, PLACE_PATH);
	g_autofree char *reason = maybe(place->reason, PLACE_REASON);
	const char *const strings[] = { place->branch, path, reason };

	return text_put_all(text, REPORT_PLACE, strings, G_N_ELEMENTS(strings));
}

/* In their order. The last one, which was taken or is why none was, goes before those in the middle. */
static bool
text_put_places(struct text *text, const GPtrArray *places)
{
	char room[PLACE_PATH + PLACE_REASON + 64];
	struct text last = { room, room + sizeof room, false };
	guint n = places ? places->len : 0, put = 0;
	char *end = text->end;

	if (!n)
		return true;
	text_put_place(&last, g_ptr_array_index(places, n - 1));
	text->end -= MIN(last.at - room, end - text->at);
	while (put < MIN(n, N_PLACES) - 1 && text_put_place(text, g_ptr_array_index(places, put)))
		put++;
	text->end = end;
	return text_put_place(text, g_ptr_array_index(places, n - 1)) && put == n - 1;
}

/* The first call that was killed, which the report names, or all others. */
static bool
text_put_calls(struct text *text, const GArray *calls, bool first)
{
	bool seen = false, all = true;

	for (guint i = 0; calls && i < calls->len; i++) {
		const struct report_call *call = &g_array_index(calls, struct report_call, i);
		bool is_first = !seen && !call->logged;

		seen = seen || is_first;
		if (is_first == first)
			all = text_put_call(text, call) && all;
	}
	return all;
}

static void
text_put_truncated(struct text *text, bool all, const char *member)
{
	if (!all)
		text_put_all(text, REPORT_TRUNCATED, &member, 1);
}

void
report_set_text(sbx_report *report, const struct report_words *words)
{
	struct text text = { report->text, report->text + sizeof report->text - MARKS_SIZE, false };
	bool all_limits = true, all_places, all_calls;

	if (words->error)
		text_put_error(&text, words->error);
	all_calls = text_put_calls(&text, words->calls, true);
	for (guint i = 0; all_limits && words->limits && i < words->limits->len; i++)
		all_limits = text_put_limit(&text, g_ptr_array_index(words->limits, i));
	all_places = text_put_places(&text, words->places);
	all_calls = text_put_calls(&text, words->calls, false) && all_calls;

	text.end = report->text + sizeof report->text - 1;
	text_put_truncated(&text, all_limits, "limits_truncated");
	text_put_truncated(&text, all_places, "placement_truncated");
	text_put_truncated(&text, all_calls, "syscalls_truncated");
	*text.at = '\0';
}

static size_t
mark_strings(char mark)
{
	switch (mark) {
	case REPORT_ERROR:
		return 5;
	case REPORT_KILLED:
	case REPORT_LOGGED:
	case REPORT_LIMIT:
	case REPORT_PLACE:
		return 3;
	case REPORT_TRUNCATED:
		return 1;
	default:
		return 0;
	}
}

char
report_text_next(const sbx_report *report, const char **at, const char *strings[REPORT_STRINGS])
{
	const char *end = report->text + sizeof report->text;
	const char *next = *at;
	char mark = next < end ? *next : '\0';
	size_t n = mark_strings(mark);

	for (size_t i = 0; i < n; i++) {
		size_t length = strnlen(next, (size_t)(end - next));

		if (length == (size_t)(end - next))
			return '\0';
		strings[i] = i ? next : next + 1;
		next += length + 1;
	}
	*at = next;
	return n ? mark : '\0';
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
