/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* SPDX-FileCopyrightText: The libsbx developers */

/*
 * Values of D-Bus, read.
 *
 * Theory of operation: what is read comes from a peer that is not trusted. Each read asks first whether the bytes are
 * there, an array narrows what is there to its own length, and the depth is counted, so nothing is read outside of
 * the message and no recursion is deeper than DBUS_DEPTH_MAX. Every element has at least one byte, so memory grows
 * with the message only. What GLib's constructors would complain about on stderr (strings that are no UTF-8, bad
 * paths) is refused before.
 */
#include "dbus-value.h"

#include <string.h>

/* --- types --- */

bool
dbus_type_is_basic(char type)
{
	return type != '\0' && strchr("ybnqiuxtdsog", type) != NULL;
}

size_t
dbus_type_align(char type)
{
	switch (type) {
	case 'n':
	case 'q':
		return 2;
	case 'b':
	case 'i':
	case 'u':
	case 's':
	case 'o':
	case 'a':
		return 4;
	case 'x':
	case 't':
	case 'd':
	case '(':
	case '{':
		return 8;
	default: /* y g v */
		return 1;
	}
}

/* Behind the one complete type that begins here, or NULL. */
static const char *
type_end(const char *type, unsigned depth)
{
	if (dbus_type_is_basic(*type) || *type == 'v')
		return type + 1;
	if (depth == DBUS_DEPTH_MAX)
		return NULL;
	if (type[0] == 'a' && type[1] == '{') {
		if (depth + 1 == DBUS_DEPTH_MAX || !dbus_type_is_basic(type[2]))
			return NULL;
		type = type_end(type + 3, depth + 2);
		return type && *type == '}' ? type + 1 : NULL;
	}
	if (*type == 'a')
		return type_end(type + 1, depth + 1);
	if (*type != '(' || type[1] == ')')
		return NULL;
	type++;
	while (type && *type != ')')
		type = type_end(type, depth + 1);
	return type ? type + 1 : NULL;
}

bool
dbus_signature_is_valid(const char *signature)
{
	if (strlen(signature) > 255)
		return false;
	while (signature && *signature != '\0')
		signature = type_end(signature, 0);
	return signature != NULL;
}

/* --- reading --- */

static GVariant *read_value(struct dbus_reader *in, const char *type, unsigned depth);

static const uint8_t *
read_bytes(struct dbus_reader *in, size_t size)
{
	const uint8_t *bytes = in->bytes + in->at;

	if (size > in->size - in->at)
		return NULL;
	in->at += size;
	return bytes;
}

/* Padding is zero, says the specification. */
bool
dbus_read_align(struct dbus_reader *in, size_t align)
{
	while (in->at % align != 0) {
		const uint8_t *pad = read_bytes(in, 1);

		if (!pad || *pad != 0)
			return false;
	}
	return true;
}

/* An integer of this size, which is its alignment too. */
bool
dbus_read_number(struct dbus_reader *in, size_t size, uint64_t *ret)
{
	const uint8_t *bytes = dbus_read_align(in, size) ? read_bytes(in, size) : NULL;
	uint64_t number = 0;

	if (!bytes)
		return false;
	for (size_t i = 0; i < size; i++)
		number = number << 8 | bytes[in->big ? i : size - 1 - i];
	*ret = number;
	return true;
}

/* A text whose length stands before it in `size` bytes, with a NUL behind it and none inside. */
static const char *
read_text(struct dbus_reader *in, size_t size)
{
	uint64_t length;
	const uint8_t *text;

	if (!dbus_read_number(in, size, &length) || length >= in->size - in->at)
		return NULL;
	text = read_bytes(in, length + 1);
	return text && memchr(text, 0, length + 1) == text + length ? (const char *)text : NULL;
}

static GVariant *
read_string(struct dbus_reader *in, char type)
{
	const char *text = read_text(in, type == 'g' ? 1 : 4);

	if (!text)
		return NULL;
	if (type == 'g')
		return dbus_signature_is_valid(text) ? g_variant_new_signature(text) : NULL;
	if (type == 'o')
		return g_variant_is_object_path(text) ? g_variant_new_object_path(text) : NULL;
	return g_utf8_validate(text, -1, NULL) ? g_variant_new_string(text) : NULL;
}

static GVariant *
read_basic(struct dbus_reader *in, char type)
{
	size_t size = dbus_type_align(type);
	uint64_t number;
	double real;

	if (strchr("sog", type))
		return read_string(in, type);
	if (!dbus_read_number(in, size, &number))
		return NULL;
	switch (type) {
	case 'y':
		return g_variant_new_byte((guint8)number);
	case 'b':
		return number <= 1 ? g_variant_new_boolean(number != 0) : NULL;
	case 'n':
		return g_variant_new_int16((gint16)number);
	case 'q':
		return g_variant_new_uint16((guint16)number);
	case 'i':
		return g_variant_new_int32((gint32)number);
	case 'u':
		return g_variant_new_uint32((guint32)number);
	case 'x':
		return g_variant_new_int64((gint64)number);
	case 't':
		return g_variant_new_uint64(number);
	default:
		memcpy(&real, &number, sizeof(real));
		return g_variant_new_double(real);
	}
}

/* Numbers in one piece: a value of GLib's for each byte would need fifty times the message. */
static GVariant *
read_numbers(struct dbus_reader *in, char type, size_t length)
{
	const char name[2] = { type, '\0' };
	size_t size = dbus_type_align(type);
	const uint8_t *bytes = read_bytes(in, length);
	g_autoptr(GVariant) array = NULL;

	if (!bytes || length % size != 0)
		return NULL;
	array = g_variant_ref_sink(g_variant_new_fixed_array(G_VARIANT_TYPE(name), bytes, length / size, size));
	if (in->big == (G_BYTE_ORDER == G_BIG_ENDIAN))
		return g_steal_pointer(&array);
	return g_variant_byteswap(array);
}

static GVariant *
read_array(struct dbus_reader *in, const char *type, unsigned depth)
{
	const char *end = type_end(type, 0);
	g_autofree char *name = g_strndup(type, (gsize)(end - type));
	size_t outer = in->size;
	uint64_t length;
	GVariantBuilder builder;
	bool whole = true;

	if (!dbus_read_number(in, 4, &length) || !dbus_read_align(in, dbus_type_align(type[1])) ||
	    length > in->size - in->at)
		return NULL;
	if (strchr("ynqiuxtd", type[1]))
		return read_numbers(in, type[1], length);
	in->size = in->at + length;
	g_variant_builder_init(&builder, G_VARIANT_TYPE(name));
	while (whole && in->at < in->size) {
		g_autoptr(GVariant) value = read_value(in, type + 1, depth + 1);

		whole = value != NULL;
		if (whole)
			g_variant_builder_add_value(&builder, value);
	}
	in->size = outer;
	if (whole)
		return g_variant_builder_end(&builder);
	g_variant_builder_clear(&builder);
	return NULL;
}

/* The values of these types up to `close`, as a tuple or an entry of a dictionary. */
static GVariant *
read_tuple(struct dbus_reader *in, const char *type, char close, unsigned depth)
{
	GVariantBuilder builder;
	bool whole = true;

	g_variant_builder_init(&builder, close == '}' ? G_VARIANT_TYPE_DICT_ENTRY : G_VARIANT_TYPE_TUPLE);
	for (; whole && *type != close; type = type_end(type, 0)) {
		g_autoptr(GVariant) value = read_value(in, type, depth);

		whole = value != NULL;
		if (whole)
			g_variant_builder_add_value(&builder, value);
	}
	if (whole)
		return g_variant_builder_end(&builder);
	g_variant_builder_clear(&builder);
	return NULL;
}

static GVariant *
read_variant(struct dbus_reader *in, unsigned depth)
{
	const char *type = read_text(in, 1);
	const char *end = type ? type_end(type, 0) : NULL;
	g_autoptr(GVariant) value = NULL;

	if (!end || *end != '\0')
		return NULL;
	value = read_value(in, type, depth + 1);
	return value ? g_variant_new_variant(value) : NULL;
}

/* One value of a type that is known to be complete; a reference that is the caller's, not a floating one. */
static GVariant *
read_value(struct dbus_reader *in, const char *type, unsigned depth)
{
	GVariant *value = NULL;

	if (dbus_type_is_basic(*type))
		value = read_basic(in, *type);
	else if (depth == DBUS_DEPTH_MAX)
		return NULL;
	else if (*type == 'v')
		value = read_variant(in, depth);
	else if (*type == 'a')
		value = read_array(in, type, depth);
	else if (dbus_read_align(in, 8))
		value = read_tuple(in, type + 1, *type == '{' ? '}' : ')', depth + 1);
	return value ? g_variant_take_ref(value) : NULL;
}

GVariant *
dbus_read_tuple(struct dbus_reader *in, const char *signature)
{
	GVariant *tuple = read_tuple(in, signature, '\0', 0);

	return tuple ? g_variant_take_ref(tuple) : NULL;
}
