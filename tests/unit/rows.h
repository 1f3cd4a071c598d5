/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* SPDX-FileCopyrightText: The libsbx developers */

/* Rows: what the tests of values share. One row is one case. */
#pragma once

#include "value.h"

#include "error.h"

#include <errno.h>
#include <string.h>

/* Key, text, and what comes of it, as text; NULL: it is refused. */
struct row {
	const char *key;
	const char *text;
	const char *expected;
};

static inline char *
row_path(const char *group, size_t i, const struct row *row)
{
	g_autofree char *name = g_strdup_printf("%s-%.20s", row->key, *row->text ? row->text : "empty");

	g_strcanon(name, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789.-", '_');
	return g_strdup_printf("/value/%s/%zu-%s", group, i, name);
}

static inline void
check_row(const struct row *row)
{
	const struct key *key = key_find(row->key);
	g_autoptr(GError) error = NULL;
	bool good;

	g_assert_nonnull(key);
	good = value_check(key, row->key, row->text, &error);
	g_test_message("%s", error ? error->message : "accepted");
	g_assert_cmpint(good, ==, row->expected != NULL);
	if (good)
		return;
	g_assert_error(error, SBX_ERROR, EINVAL);
	g_assert_cmpint(error_stage(error), ==, STAGE_SPEC);
	g_assert_cmpstr(error_key(error), ==, row->key);
	g_assert_true(g_str_has_prefix(error->message, row->key));
	g_assert_nonnull(strstr(error->message, "accepted"));
	g_assert_true(g_utf8_validate(error->message, -1, NULL));
}

#define ROWS(group, rows, function)                             \
	for (size_t i = 0; i < G_N_ELEMENTS(rows); i++) {           \
		g_autofree char *path = row_path(group, i, &(rows)[i]); \
		g_test_add_data_func(path, &(rows)[i], function);       \
	}
