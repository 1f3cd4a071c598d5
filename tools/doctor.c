/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* SPDX-FileCopyrightText: The libsbx developers */

/* --doctor: what the library found, as a table for people. */
#include "doctor.h"

#include <jansson.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "../include/sbx.h"
#include "line.h"

#define COLUMNS 100

static const char *
text_of(const json_t *object, const char *member)
{
	const char *text = json_string_value(json_object_get(object, member));

	return text ? text : "";
}

/* The group stands above its checks and is not said again. */
static const char *
short_name(const json_t *check)
{
	const char *name = text_of(check, "name"), *group = text_of(check, "group");
	gsize length = strlen(group);

	return strncmp(name, group, length) == 0 && name[length] == '.' ? name + length + 1 : name;
}

static void
add_mark(GString *table, const char *status, gboolean colour)
{
	static const struct {
		const char *status, *mark, *colour;
	} marks[] = {
		{ "ok", "ok", "\033[32m" },
		{ "warn", "--", "\033[33m" },
		{ "fail", "!!", "\033[31m" },
	};

	for (gsize i = 0; i < G_N_ELEMENTS(marks); i++)
		if (strcmp(status, marks[i].status) == 0) {
			g_string_append_printf(table, "  %s%s%s", colour ? marks[i].colour : "", marks[i].mark,
			                       colour ? "\033[0m" : "");
			return;
		}
	g_string_append(table, "  ??");
}

/* What is found has names of files in it: nothing of them must reach the terminal but text. */
static void
add_plain(GString *table, const char *text, gsize length)
{
	gsize before = table->len;

	g_string_append_len(table, text, (gssize)length);
	line_plain(table->str + before, length);
}

/* Words up to the last column, and on below where they began, in column `indent`. */
static void
add_words(GString *table, const char *text, gsize indent)
{
	gsize column = indent;

	while (*text != '\0') {
		gsize length = strcspn(text, " ");

		if (column > indent && column + 1 + (gsize)g_utf8_strlen(text, (gssize)length) > COLUMNS) {
			g_string_append_printf(table, "\n%*s", (int)indent, "");
			column = indent;
		} else if (column > indent) {
			g_string_append_c(table, ' ');
			column++;
		}
		add_plain(table, text, length);
		column += (gsize)g_utf8_strlen(text, (gssize)length);
		text += length;
		text += strspn(text, " ");
	}
	g_string_append_c(table, '\n');
}

static void
add_check(GString *table, const json_t *check, gsize width, gboolean colour)
{
	const char *lost = text_of(check, "lost"), *repair = text_of(check, "repair");
	gsize indent = 2 + 2 + 2 + width + 2;

	add_mark(table, text_of(check, "status"), colour);
	g_string_append_printf(table, "  %-*s  ", (int)width, short_name(check));
	add_words(table, text_of(check, "found"), indent);
	if (*lost) {
		g_string_append_printf(table, "%*slost:   ", (int)indent, "");
		add_words(table, lost, indent + 8);
	}
	if (*repair) {
		/* in one line, to be copied */
		g_string_append_printf(table, "%*srepair: ", (int)indent, "");
		add_plain(table, repair, strlen(repair));
		g_string_append_c(table, '\n');
	}
}

char *
doctor_table(const char *json, gboolean colour)
{
	json_t *object = json_loads(json, 0, NULL);
	const json_t *checks = json_object_get(object, "checks");
	GString *table = g_string_new(NULL);
	const char *group = "";
	gsize width = 0;

	for (gsize i = 0; i < json_array_size(checks); i++)
		width = MAX(width, strlen(short_name(json_array_get(checks, i))));
	for (gsize i = 0; i < json_array_size(checks); i++) {
		const json_t *check = json_array_get(checks, i);

		if (strcmp(group, text_of(check, "group")) != 0)
			g_string_append_printf(table, "%s%s\n", i ? "\n" : "", text_of(check, "group"));
		group = text_of(check, "group");
		add_check(table, check, width, colour);
	}
	g_string_append_c(table, '\n');
	add_words(table, text_of(object, "summary"), 0);
	if (!json_is_array(checks)) {
		g_string_free(table, TRUE);
		table = NULL;
	}
	json_decref(object);
	return table ? g_string_free(table, FALSE) : NULL;
}

gboolean
doctor_has_colour(void)
{
	const char *no_color = g_getenv("NO_COLOR"), *term = g_getenv("TERM");

	return isatty(STDOUT_FILENO) && !(no_color && *no_color) && term && *term && strcmp(term, "dumb") != 0;
}

char *
doctor_ask(gboolean json, gboolean *ret_ok)
{
	g_autoptr(sbx_error) error = NULL;
	char *found = NULL, *text;
	json_t *object;

	if (sbx_doctor(&found, &error) < 0) {
		line_error(error);
		return NULL;
	}
	object = json_loads(found, 0, NULL);
	*ret_ok = json_is_true(json_object_get(object, "ok"));
	json_decref(object);
	text = json ? g_strconcat(found, "\n", NULL) : doctor_table(found, doctor_has_colour());
	free(found);
	if (!text)
		line_say("--doctor: what the library answers is not understood");
	return text;
}
