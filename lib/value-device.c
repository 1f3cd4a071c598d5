/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* SPDX-FileCopyrightText: The libsbx developers */

/* Values that are device rules: which device nodes may be read, written and made. */
#include "value-parts.h"

#include <string.h>

/* What a dev_t of Linux can hold. */
#define MAJOR_MOST 4095
#define MINOR_MOST 1048575
#define DRIVER_MOST 64

void
value_device_clear(struct value_device *device)
{
	g_clear_pointer(&device->path, g_free);
	g_clear_pointer(&device->driver, g_free);
}

/* Letters of r, w and m, each once; "*" is all of them. */
static bool
device_access(const char *text, uint32_t *ret)
{
	static const char letters[] = "mrw"; /* bit 0, 1, 2 as the kernel has them */
	uint32_t access = 0;

	if (strcmp(text, "*") == 0) {
		*ret = DEVICE_RWM;
		return true;
	}
	for (const char *at = text; *at; at++) {
		const char *letter = strchr(letters, *at);
		uint32_t bit = letter ? 1u << (letter - letters) : 0;

		if (!bit || access & bit)
			return false;
		access |= bit;
	}
	*ret = access;
	return access != 0;
}

static bool
device_number(const char **cursor, uint64_t most, uint32_t *ret)
{
	uint64_t number;

	if (**cursor == '*') {
		++*cursor;
		*ret = DEVICE_ANY;
		return true;
	}
	if (!value_digits(cursor, most, &number))
		return false;
	*ret = (uint32_t)number;
	return true;
}

/* "c 10:229 rwm" */
static bool
device_numbers(const char *text, struct device_rule *rule)
{
	rule->types = *text == 'b' ? DEVICE_BLOCK : *text == 'c' ? DEVICE_CHAR : DEVICE_BLOCK | DEVICE_CHAR;
	text++;
	text += strspn(text, " ");
	if (!device_number(&text, MAJOR_MOST, &rule->major) || *text++ != ':' ||
	    !device_number(&text, MINOR_MOST, &rule->minor))
		return false;
	if (*text == '\0')
		return true;
	return *text == ' ' && device_access(text + strspn(text, " "), &rule->access);
}

/* One of the two numbers is too large; NULL: no, or it is no such rule. */
char *
value_device_complaint(const char *text)
{
	static const struct {
		const char *what;
		unsigned most;
	} parts[] = { { "major", MAJOR_MOST }, { "minor", MINOR_MOST } };

	if (!*text || !strchr("abc", *text) || text[1] != ' ')
		return NULL;
	text += 1 + strspn(text + 1, " ");
	for (size_t i = 0; i < G_N_ELEMENTS(parts); i++) {
		size_t length = *text == '*' ? 1 : strspn(text, "0123456789");
		uint32_t number;
		const char *at = text;

		if (length == 0)
			return NULL;
		if (!device_number(&at, parts[i].most, &number))
			return g_strdup_printf("the %s number %.*s is too large; accepted: 0 to %u, or *", parts[i].what,
			                       (int)MIN(length, 64), text, parts[i].most);
		if (*at != ':')
			return NULL;
		text = at + 1;
	}
	return NULL;
}

/* "/dev/fuse:rw" */
static bool
device_path(const char *text, struct value_device *device)
{
	g_auto(GStrv) fields = value_split(text);
	guint n = fields ? g_strv_length(fields) : 0;

	if (n < 1 || n > 2 || (n == 2 && !device_access(fields[1], &device->rule.access)))
		return false;
	device->path = value_path(fields[0]);
	return device->path && g_str_has_prefix(device->path, "/dev/");
}

/* "char-pts:rw", without what comes before the name */
static bool
device_driver(const char *text, struct value_device *device)
{
	const char *colon = strrchr(text, ':');
	size_t length = colon ? (size_t)(colon - text) : strlen(text);

	if (length == 0 || length > DRIVER_MOST || (colon && !device_access(colon + 1, &device->rule.access)))
		return false;
	device->driver = g_strndup(text, length);
	return value_line(device->driver);
}

bool
value_device(const char *text, struct value_device *ret)
{
	g_auto(value_device_t) device = { .rule = { DEVICE_BLOCK | DEVICE_CHAR, DEVICE_ANY, DEVICE_ANY, DEVICE_RWM } };
	bool good;

	if (*text == '/')
		good = device_path(text, &device);
	else if (*text && strchr("abc", *text) && text[1] == ' ')
		good = device_numbers(text, &device.rule);
	else if (g_str_has_prefix(text, "char-") || g_str_has_prefix(text, "block-")) {
		device.rule.types = *text == 'c' ? DEVICE_CHAR : DEVICE_BLOCK;
		good = device_driver(strchr(text, '-') + 1, &device);
	} else
		good = strcmp(text, "all") == 0;
	if (!good)
		return false;
	*ret = device;
	device = (struct value_device){ .path = NULL };
	return true;
}
