/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* SPDX-FileCopyrightText: The libsbx developers */

/*
 * The doctor: what would work for this process in this place, why not, and what repairs it.
 *
 * Theory of operation. The truth is a box: a default one and one with limits are made by the way that every launch
 * takes, and whether that is possible is the whole answer to "ok". Everything else explains it: facts of the kernel and
 * of this place, each looked up by a call that shows it, never by a version. A controller is looked for by
 * place_find(), as a launch does, so that the two cannot disagree. A fact that a box needs is a failure where no box
 * could be made, and a warning where one could: then something else stands in for it.
 */
#include "doctor.h"

#include <errno.h>
#include <jansson.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <sys/utsname.h>

#include "error.h"
#include "place.h"

/* --- what is found --- */

static void
check_free(struct doctor_check *check)
{
	g_free(check->found);
	g_free(check->lost);
	g_free(check->repair);
	g_free(check);
}

enum doctor_status
doctor_needed(const struct doctor *doctor, bool there)
{
	return there ? DOCTOR_OK : doctor->box ? DOCTOR_WARN : DOCTOR_FAIL;
}

enum doctor_status
doctor_useful(bool there)
{
	return there ? DOCTOR_OK : DOCTOR_WARN;
}

/* One line of UTF-8, whatever a path in it holds. */
static char *
one_line(const char *format, va_list args)
{
	g_autofree char *text = g_strdup_vprintf(format, args);

	return g_strdelimit(g_utf8_make_valid(text, -1), "\n\t", ' ');
}

void
doctor_say(struct doctor *doctor, const char *name, enum doctor_status status, const char *format, ...)
{
	struct doctor_check *check = g_new0(struct doctor_check, 1);
	va_list args;

	va_start(args, format);
	check->found = one_line(format, args);
	va_end(args);
	check->name = name;
	check->status = status;
	g_ptr_array_add(doctor->checks, check);
}

static struct doctor_check *
last_unless_ok(const struct doctor *doctor)
{
	struct doctor_check *check = g_ptr_array_index(doctor->checks, doctor->checks->len - 1);

	return check->status == DOCTOR_OK ? NULL : check;
}

void
doctor_lost(struct doctor *doctor, const char *format, ...)
{
	struct doctor_check *check = last_unless_ok(doctor);
	va_list args;

	if (!check)
		return;
	va_start(args, format);
	g_free(check->lost);
	check->lost = one_line(format, args);
	va_end(args);
}

void
doctor_repair(struct doctor *doctor, const char *format, ...)
{
	struct doctor_check *check = last_unless_ok(doctor);
	va_list args;

	if (!check)
		return;
	va_start(args, format);
	g_free(check->repair);
	check->repair = one_line(format, args);
	va_end(args);
	if (check->repair[0] == '\0')
		g_clear_pointer(&check->repair, g_free);
}

/* --- as JSON --- */

static json_t *
json_text(const char *text)
{
	return text ? json_string(text) : json_null();
}

static json_t *
json_check(const struct doctor_check *check)
{
	static const char *const statuses[] = {
		[DOCTOR_OK] = "ok", [DOCTOR_WARN] = "warn", [DOCTOR_FAIL] = "fail", [DOCTOR_UNKNOWN] = "unknown"
	};
	const char *dot = strchr(check->name, '.');
	g_autofree char *group = dot ? g_strndup(check->name, (gsize)(dot - check->name)) : g_strdup("box");

	return json_pack("{s:s, s:s, s:s, s:s, s:o, s:o}", "name", check->name, "group", group, "status",
	                 statuses[check->status], "found", check->found, "lost", json_text(check->lost), "repair",
	                 json_text(check->repair));
}

static char *
summary(const struct doctor *doctor)
{
	guint warnings = 0;

	for (guint i = 0; i < doctor->checks->len; i++)
		warnings += ((struct doctor_check *)g_ptr_array_index(doctor->checks, i))->status != DOCTOR_OK;
	if (!doctor->box)
		return g_strdup("No box can be made here.");
	if (!doctor->limits)
		return g_strdup("A box can be made here, but without limits of memory and processes.");
	if (warnings > 0)
		return g_strdup_printf("The default box and limits work here; %u of %u checks found something missing.",
		                       warnings, doctor->checks->len);
	return g_strdup("The default box and limits work here, and nothing is missing.");
}

static char *
doctor_json(const struct doctor *doctor)
{
	g_autofree char *sentence = summary(doctor);
	json_t *object = json_object(), *checks = json_array();
	struct utsname host;
	char *text;

	json_object_set_new(object, "ok", json_boolean(doctor->box && doctor->limits));
	json_object_set_new(object, "summary", json_string(sentence));
	json_object_set_new(object, "kernel", uname(&host) == 0 ? json_string(host.release) : json_null());
	json_object_set_new(object, "checks", checks);
	for (guint i = 0; i < doctor->checks->len; i++)
		json_array_append_new(checks, json_check(g_ptr_array_index(doctor->checks, i)));
	text = json_dumps(object, JSON_INDENT(2));
	json_decref(object);
	return text;
}

/* --- all of it --- */

int
sbx_doctor(char **ret_json, sbx_error **error)
{
	struct doctor doctor = { 0 };
	GError *failure = NULL;
	char *json;

	if (!ret_json)
		return error_argument(error, "sbx_doctor: ret_json is NULL");
	doctor.checks = g_ptr_array_new_with_free_func((GDestroyNotify)check_free);
	doctor.places = g_array_new(false, false, sizeof(struct place));
	g_array_set_clear_func(doctor.places, (GDestroyNotify)place_clear);
	doctor_try(&doctor);
	doctor_kernel(&doctor);
	doctor_user(&doctor);
	doctor_security(&doctor);
	doctor_host(&doctor);
	doctor_cgroup(&doctor);
	doctor_live(&doctor);
	json = doctor_json(&doctor);
	sbx_box_free(doctor.box);
	sbx_box_free(doctor.limits);
	sbx_error_free(doctor.box_error);
	sbx_error_free(doctor.limits_error);
	g_array_unref(doctor.places);
	g_ptr_array_unref(doctor.checks);
	if (!json) {
		throw_error(&failure, ENOMEM, STAGE_HOST, NULL, "no memory for what was found");
		return error_return(failure, error);
	}
	*ret_json = json;
	return 0;
}
