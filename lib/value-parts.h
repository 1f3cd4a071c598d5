/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* SPDX-FileCopyrightText: The libsbx developers */

/* What the value files share: numbers read strictly, and the parsers that nobody else calls. */
#pragma once

#include "value.h"

#define VALUE_ID_MAX 4294967294u /* (uid_t)-1 means "no id" to the kernel */

struct value_decimal {
	uint64_t whole;
	uint64_t fraction; /* in 1/scale */
	uint64_t scale;
};

/* Digits, at least one, up to `max`; *cursor is then behind them. No sign, no space, no locale. */
bool value_digits(const char **cursor, uint64_t max, uint64_t *ret);
/* The whole text is such a number. */
bool value_whole(const char *text, uint64_t max, uint64_t *ret);
/* Digits, and perhaps a point and digits. */
bool value_decimal(const char **cursor, struct value_decimal *ret);
/* That number in units, rounded down; false above `max`. */
bool value_scale(const struct value_decimal *decimal, uint64_t unit, uint64_t max, uint64_t *ret);
/* Split at ':'; "\:" and "\\" stand for themselves, any other backslash makes it NULL. g_strfreev() it. */
char **value_split(const char *text);
/* No control character, and not longer than a kernel file takes. */
bool value_line(const char *text);

/* What the kernel file takes, or NULL. g_free() it. */
char *value_cpu_max(const char *text);
char *value_io_max(const char *text);

bool value_percent(const char *text);
bool value_list(const char *text);
bool value_place(const char *text);
/* The sentence for the first name in the list that value_cap() refuses. g_free() it. */
char *value_cap_complaint(const char *text);
/* The sentence for a device's number that is too large, or NULL. g_free() it. */
char *value_device_complaint(const char *text);
