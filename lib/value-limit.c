/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* SPDX-FileCopyrightText: The libsbx developers */

/* Values of limits, and the words that the kernel's files take for them. */
#include "value-parts.h"

#include <string.h>

#define CPU_PERIOD 100000ull       /* microseconds, the kernel's default */
#define CPU_LEAST 1000ull          /* the kernel's smallest quota and period */
#define CPU_PERIOD_MOST 1000000ull /* its greatest period */
#define CPU_QUOTA_MOST ((1ull << 44) - 1)
#define CPUS_MOST 8192ull      /* one number is CPUs: so that a quota without its period is refused */
#define CPU_NUMBER_MOST 65535u /* of a cpuset */

/* "QUOTA PERIOD" and "max PERIOD", as the kernel has them. */
static char *
cpu_max_pair(const char *text, const char *space)
{
	g_autofree char *first = g_strndup(text, (gsize)(space - text));
	uint64_t quota = 0;
	uint64_t period;

	if (!value_whole(space + 1, CPU_PERIOD_MOST, &period) || period < CPU_LEAST)
		return NULL;
	if (strcmp(first, "max") == 0)
		return g_strdup_printf("max %" G_GUINT64_FORMAT, period);
	if (!value_whole(first, CPU_QUOTA_MOST, &quota) || quota < CPU_LEAST)
		return NULL;
	return g_strdup_printf("%" G_GUINT64_FORMAT " %" G_GUINT64_FORMAT, quota, period);
}

char *
value_cpu_max(const char *text)
{
	const char *space = strchr(text, ' ');
	struct value_decimal decimal;
	uint64_t unit = CPU_PERIOD;
	uint64_t quota;

	if (space)
		return cpu_max_pair(text, space);
	if (strcmp(text, "max") == 0)
		return g_strdup_printf("max %llu", CPU_PERIOD);
	if (!value_decimal(&text, &decimal))
		return NULL;
	if (*text == '%') {
		unit = CPU_PERIOD / 100;
		text++;
	}
	if (*text || !value_scale(&decimal, unit, CPUS_MOST * CPU_PERIOD, &quota) || quota < CPU_LEAST)
		return NULL;
	return g_strdup_printf("%" G_GUINT64_FORMAT " %llu", quota, CPU_PERIOD);
}

bool
value_percent(const char *text)
{
	struct value_decimal decimal;

	if (strcmp(text, "max") == 0)
		return true;
	if (!value_decimal(&text, &decimal) || *text || decimal.scale > 100)
		return false;
	return decimal.whole < 100 || (decimal.whole == 100 && decimal.fraction == 0);
}

bool
value_list(const char *text)
{
	for (;;) {
		uint64_t from, to;

		if (!value_digits(&text, CPU_NUMBER_MOST, &from))
			return false;
		if (*text == '-') {
			text++;
			if (!value_digits(&text, CPU_NUMBER_MOST, &to) || to < from)
				return false;
		}
		if (!*text)
			return true;
		if (*text++ != ',')
			return false;
	}
}

bool
value_line(const char *text)
{
	if (!*text || strlen(text) > 4095)
		return false;
	for (; *text; text++)
		if (g_ascii_iscntrl(*text))
			return false;
	return true;
}

/* A path below /, or MAJ:MIN. */
static bool
io_device(const char *text)
{
	uint64_t number;

	if (*text == '/')
		return true;
	if (!value_digits(&text, 4095, &number) || *text != ':')
		return false;
	return value_whole(text + 1, 1048575, &number);
}

/* One "rbps=10M"; its bit in *seen must be free. */
static bool
io_rate(const char *text, unsigned *seen, GString *kernel)
{
	static const char *const names[] = { "rbps=", "wbps=", "riops=", "wiops=" };

	for (unsigned i = 0; i < G_N_ELEMENTS(names); i++) {
		uint64_t rate;

		if (!g_str_has_prefix(text, names[i]))
			continue;
		text += strlen(names[i]);
		/* The first two are bytes. The kernel has no rate of 0: nothing would ever finish. */
		if ((*seen & 1u << i) || !(i < 2 ? value_size(text, &rate) : value_count(text, &rate)) || rate == 0)
			return false;
		*seen |= 1u << i;
		if (rate == VALUE_MAX)
			g_string_append_printf(kernel, " %smax", names[i]);
		else
			g_string_append_printf(kernel, " %s%" G_GUINT64_FORMAT, names[i], rate);
		return true;
	}
	return false;
}

char *
value_io_max(const char *text)
{
	g_auto(GStrv) words = NULL;
	g_autoptr(GString) kernel = NULL;
	unsigned seen = 0;

	if (!value_line(text))
		return NULL;
	words = g_strsplit(text, " ", -1);
	if (!io_device(words[0]))
		return NULL;
	kernel = g_string_new(words[0]);
	for (size_t i = 1; words[i]; i++)
		if (*words[i] && !io_rate(words[i], &seen, kernel))
			return NULL;
	return seen ? g_strdup(kernel->str) : NULL;
}

bool
value_place(const char *text)
{
	g_autofree char *path = value_path(text);

	return path || strcmp(text, "auto") == 0 || strcmp(text, "systemd") == 0;
}

char *
value_kernel(const struct key *key, const char *text)
{
	uint64_t number;
	bool yes;

	switch (key->type) {
	case KEY_SIZE:
	case KEY_COUNT:
		if (!(key->type == KEY_SIZE ? value_size(text, &number) : value_count(text, &number)))
			return NULL;
		return number == VALUE_MAX ? g_strdup("max") : g_strdup_printf("%" G_GUINT64_FORMAT, number);
	case KEY_WEIGHT:
		return value_whole(text, UINT64_MAX, &number) ? g_strdup_printf("%" G_GUINT64_FORMAT, number) : NULL;
	case KEY_OOM:
		if (text && (strcmp(text, "group") == 0 || strcmp(text, "one") == 0))
			return g_strdup(*text == 'g' ? "1" : "0");
		/* fall through */
	case KEY_BOOL:
		return value_bool(text, &yes) ? g_strdup(yes ? "1" : "0") : NULL;
	case KEY_CPU_MAX:
		return value_cpu_max(text);
	case KEY_IO_MAX:
		return value_io_max(text);
	default:
		return g_strdup(text);
	}
}
