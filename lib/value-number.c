/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* SPDX-FileCopyrightText: The libsbx developers */

/* Values that are one number: sizes, counts, times, and the strict reading under all of them. */
#include "value-parts.h"

#include <string.h>

#define FRACTION_DIGITS 15
#define USEC_PER_SEC 1000000ull

bool
value_digits(const char **cursor, uint64_t max, uint64_t *ret)
{
	const char *p = *cursor;
	uint64_t number = 0;

	if (!g_ascii_isdigit(*p))
		return false;
	for (; g_ascii_isdigit(*p); p++)
		if (__builtin_mul_overflow(number, 10, &number) ||
		    __builtin_add_overflow(number, (unsigned)(*p - '0'), &number))
			return false;
	if (number > max)
		return false;
	*cursor = p;
	*ret = number;
	return true;
}

bool
value_whole(const char *text, uint64_t max, uint64_t *ret)
{
	uint64_t number;

	if (!text || !value_digits(&text, max, &number) || *text)
		return false;
	*ret = number;
	return true;
}

bool
value_decimal(const char **cursor, struct value_decimal *ret)
{
	struct value_decimal decimal = { .scale = 1 };
	const char *p = *cursor;

	if (!value_digits(&p, UINT64_MAX, &decimal.whole))
		return false;
	if (*p == '.') {
		const char *start = ++p;

		if (!value_digits(&p, UINT64_MAX, &decimal.fraction) || p - start > FRACTION_DIGITS)
			return false;
		for (; start < p; start++)
			decimal.scale *= 10;
	}
	*cursor = p;
	*ret = decimal;
	return true;
}

bool
value_scale(const struct value_decimal *decimal, uint64_t unit, uint64_t max, uint64_t *ret)
{
	unsigned __int128 number = (unsigned __int128)decimal->whole * unit;

	number += (unsigned __int128)decimal->fraction * unit / decimal->scale;
	if (number > max)
		return false;
	*ret = (uint64_t)number;
	return true;
}

bool
value_size(const char *text, uint64_t *ret_bytes)
{
	static const char letters[] = "KMGT";
	struct value_decimal decimal;
	const char *letter = NULL;

	if (!text)
		return false;
	if (strcmp(text, "max") == 0) {
		*ret_bytes = VALUE_MAX;
		return true;
	}
	if (!value_decimal(&text, &decimal))
		return false;
	if (*text) {
		letter = strchr(letters, g_ascii_toupper(*text));
		if (!letter || text[1])
			return false;
	}
	if (!letter && decimal.scale > 1) /* there is no half byte */
		return false;
	/* Where the kernel counts in signed numbers, more than this would come out as something else. */
	return value_scale(&decimal, letter ? 1024ull << (10 * (letter - letters)) : 1, INT64_MAX, ret_bytes);
}

bool
value_count(const char *text, uint64_t *ret_count)
{
	if (text && strcmp(text, "max") == 0) {
		*ret_count = VALUE_MAX;
		return true;
	}
	return value_whole(text, INT64_MAX, ret_count);
}

bool
value_bool(const char *text, bool *ret_yes)
{
	static const char *const words[] = { "no", "yes", "false", "true", "off", "on", "0", "1" };

	for (size_t i = 0; text && i < G_N_ELEMENTS(words); i++)
		if (strcmp(text, words[i]) == 0) {
			*ret_yes = i % 2;
			return true;
		}
	return false;
}

bool
value_time(const char *text, uint64_t *ret_usec)
{
	static const struct {
		const char *name;
		uint64_t usec;
	} units[] = { { "", USEC_PER_SEC },
		          { "s", USEC_PER_SEC },
		          { "ms", 1000 },
		          { "m", 60 * USEC_PER_SEC },
		          { "h", 3600 * USEC_PER_SEC } };
	struct value_decimal decimal;
	uint64_t usec;

	if (!text || !value_decimal(&text, &decimal))
		return false;
	for (size_t i = 0; i < G_N_ELEMENTS(units); i++)
		if (strcmp(text, units[i].name) == 0) {
			/* It must still fit when a timer counts it in nanoseconds. */
			if (!value_scale(&decimal, units[i].usec, INT64_MAX / 1000, &usec))
				return false;
			/* A time that was asked for never becomes "no time". */
			if (usec == 0 && (decimal.whole || decimal.fraction))
				usec = 1;
			*ret_usec = usec;
			return true;
		}
	return false;
}

bool
value_offset(const char *text, int64_t *ret_seconds)
{
	const uint64_t most = INT64_MAX / 2 / 1000000000; /* what time_namespaces(7) lets a clock reach */
	uint64_t seconds;
	bool negative;

	if (!text)
		return false;
	negative = *text == '-';
	if (!value_whole(text + (negative || *text == '+'), most, &seconds))
		return false;
	*ret_seconds = negative ? -(int64_t)seconds : (int64_t)seconds;
	return true;
}

bool
value_nice(const char *text, int *ret_nice)
{
	uint64_t number;
	bool negative;

	if (!text)
		return false;
	negative = *text == '-';
	if (!value_whole(text + negative, negative ? 20 : 19, &number))
		return false;
	*ret_nice = negative ? -(int)number : (int)number;
	return true;
}
