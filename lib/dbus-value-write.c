/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* SPDX-FileCopyrightText: The libsbx developers */

/* Values of D-Bus, written: little-endian, each padded to its own alignment. */
#include <string.h>

#include "dbus-value.h"

static bool write_value(GByteArray *out, GVariant *value, unsigned depth);

void
dbus_write_align(GByteArray *out, size_t align)
{
	static const guint8 zeros[8];

	g_byte_array_append(out, zeros, (guint)((align - out->len % align) % align));
}

static void
write_number(GByteArray *out, uint64_t number, size_t size)
{
	dbus_write_align(out, size);
	for (size_t i = 0; i < size; i++) {
		guint8 byte = (guint8)(number >> (8 * i));

		g_byte_array_append(out, &byte, 1);
	}
}

static void
write_text(GByteArray *out, const char *text, gsize length, size_t size)
{
	write_number(out, length, size);
	g_byte_array_append(out, (const guint8 *)text, (guint)length + 1);
}

static void
write_basic(GByteArray *out, GVariant *value, char type)
{
	const char *text;
	double real;
	uint64_t number = 0;
	gsize length;

	switch (type) {
	case 's':
	case 'o':
	case 'g':
		text = g_variant_get_string(value, &length);
		write_text(out, text, length, type == 'g' ? 1 : 4);
		return;
	case 'y':
		number = g_variant_get_byte(value);
		break;
	case 'b':
		number = g_variant_get_boolean(value) ? 1 : 0;
		break;
	case 'n':
		number = (uint64_t)g_variant_get_int16(value);
		break;
	case 'q':
		number = g_variant_get_uint16(value);
		break;
	case 'i':
		number = (uint64_t)g_variant_get_int32(value);
		break;
	case 'u':
		number = g_variant_get_uint32(value);
		break;
	case 'x':
		number = (uint64_t)g_variant_get_int64(value);
		break;
	case 't':
		number = g_variant_get_uint64(value);
		break;
	default:
		real = g_variant_get_double(value);
		memcpy(&number, &real, sizeof(number));
	}
	write_number(out, number, dbus_type_align(type));
}

static bool
write_children(GByteArray *out, GVariant *value, unsigned depth)
{
	bool whole = true;

	for (gsize i = 0; whole && i < g_variant_n_children(value); i++) {
		g_autoptr(GVariant) child = g_variant_get_child_value(value, i);

		whole = write_value(out, child, depth);
	}
	return whole;
}

/* The length, which does not count the padding between it and the first element. */
static bool
write_array(GByteArray *out, GVariant *value, const char *type, unsigned depth)
{
	guint length_at, begin;

	write_number(out, 0, 4);
	length_at = out->len - 4;
	dbus_write_align(out, dbus_type_align(type[1]));
	begin = out->len;
	if (!write_children(out, value, depth + 1))
		return false;
	for (unsigned i = 0; i < 4; i++)
		out->data[length_at + i] = (guint8)((out->len - begin) >> (8 * i));
	return true;
}

static bool
write_value(GByteArray *out, GVariant *value, unsigned depth)
{
	const char *type = g_variant_get_type_string(value);

	if (dbus_type_is_basic(*type)) {
		write_basic(out, value, *type);
		return true;
	}
	if (depth == DBUS_DEPTH_MAX)
		return false;
	if (*type == 'v') {
		g_autoptr(GVariant) inner = g_variant_get_variant(value);
		const char *inside = g_variant_get_type_string(inner);

		if (!dbus_signature_is_valid(inside))
			return false;
		write_text(out, inside, strlen(inside), 1);
		return write_value(out, inner, depth + 1);
	}
	if (*type == 'a')
		return write_array(out, value, type, depth);
	dbus_write_align(out, 8);
	return write_children(out, value, depth + 1);
}

bool
dbus_write_value(GByteArray *out, GVariant *value)
{
	return dbus_signature_is_valid(g_variant_get_type_string(value)) && write_value(out, value, 0);
}
