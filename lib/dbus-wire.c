/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* SPDX-FileCopyrightText: The libsbx developers */

/* D-Bus messages as bytes: the header, and the body as it is. */
#include "dbus-wire.h"

#include <string.h>

#include "dbus-value.h"

/* Header fields of the specification. */
enum field {
	FIELD_PATH = 1,
	FIELD_INTERFACE,
	FIELD_MEMBER,
	FIELD_ERROR_NAME,
	FIELD_REPLY_SERIAL,
	FIELD_DESTINATION,
	FIELD_SENDER,
	FIELD_SIGNATURE,
	FIELD_UNIX_FDS,
};

/* --- messages that come --- */

void
dbus_message_clear(struct dbus_message *message)
{
	g_free(message->path);
	g_free(message->interface);
	g_free(message->member);
	g_free(message->error_name);
	g_free(message->destination);
	g_free(message->signature);
	g_clear_pointer(&message->body, g_bytes_unref);
	*message = (struct dbus_message){ 0 };
}

size_t
dbus_message_size(const uint8_t *head)
{
	struct dbus_reader in = { .bytes = head, .size = DBUS_HEAD, .at = 4, .big = head[0] == 'B' };
	uint64_t body = 0, serial = 0, fields = 0, size;

	if ((head[0] != 'l' && head[0] != 'B') || head[3] != 1)
		return 0;
	if (!dbus_read_number(&in, 4, &body) || !dbus_read_number(&in, 4, &serial) || !dbus_read_number(&in, 4, &fields))
		return 0;
	size = DBUS_HEAD + (fields + 7) / 8 * 8 + body;
	return size <= DBUS_SIZE_MAX ? (size_t)size : 0;
}

/* A text of the header, once. */
static bool
take_text(char **to, const char *type, GVariant *value)
{
	if (*to || !g_variant_is_of_type(value, G_VARIANT_TYPE(type)))
		return false;
	*to = g_variant_dup_string(value, NULL);
	return true;
}

static bool
take_field(struct dbus_message *message, unsigned field, GVariant *value)
{
	switch (field) {
	case 0: /* "not a valid field name" */
		return false;
	case FIELD_PATH:
		return take_text(&message->path, "o", value);
	case FIELD_INTERFACE:
		return take_text(&message->interface, "s", value);
	case FIELD_MEMBER:
		return take_text(&message->member, "s", value);
	case FIELD_ERROR_NAME:
		return take_text(&message->error_name, "s", value);
	case FIELD_DESTINATION:
		return take_text(&message->destination, "s", value);
	case FIELD_SIGNATURE:
		return take_text(&message->signature, "g", value);
	case FIELD_REPLY_SERIAL:
		if (message->reply_serial != 0 || !g_variant_is_of_type(value, G_VARIANT_TYPE_UINT32))
			return false;
		message->reply_serial = g_variant_get_uint32(value);
		return message->reply_serial != 0;
	default: /* "must ignore fields that it does not understand" */
		return true;
	}
}

/* The fields that this type of message must have. */
static bool
message_is_complete(const struct dbus_message *message)
{
	switch (message->type) {
	case DBUS_CALL:
		return message->path && message->member;
	case DBUS_SIGNAL:
		return message->path && message->interface && message->member;
	case DBUS_ERROR:
		return message->error_name && message->reply_serial != 0;
	case DBUS_RETURN:
		return message->reply_serial != 0;
	default: /* "unknown types must be ignored", 0 is none */
		return message->type != 0;
	}
}

bool
dbus_message_read(const uint8_t *bytes, size_t size, struct dbus_message *ret)
{
	g_auto(dbus_message_t) message = { 0 };
	struct dbus_reader in = { .bytes = bytes, .size = size, .at = 8 };
	g_autoptr(GVariant) header = NULL;
	g_autoptr(GVariantIter) iter = NULL;
	GVariant *value;
	guchar field;
	uint64_t serial;
	bool valid = true;

	if (size < DBUS_HEAD || dbus_message_size(bytes) != size)
		return false;
	in.big = bytes[0] == 'B';
	if (!dbus_read_number(&in, 4, &serial) || serial == 0)
		return false;
	header = dbus_read_tuple(&in, "a(yv)");
	if (!header || !dbus_read_align(&in, 8))
		return false;
	message.type = bytes[1];
	message.serial = (uint32_t)serial;
	message.big_endian = in.big;
	g_variant_get(header, "(a(yv))", &iter);
	while (valid && g_variant_iter_next(iter, "(yv)", &field, &value)) {
		valid = take_field(&message, field, value);
		g_variant_unref(value);
	}
	if (!valid || !message_is_complete(&message) || (in.at < size && !message.signature))
		return false;
	if (!message.signature)
		message.signature = g_strdup("");
	message.body = g_bytes_new(bytes + in.at, size - in.at);
	*ret = message;
	message = (struct dbus_message){ 0 };
	return true;
}

GVariant *
dbus_message_args(const struct dbus_message *message)
{
	gsize size;
	const uint8_t *bytes = g_bytes_get_data(message->body, &size);
	struct dbus_reader in = { .bytes = bytes, .size = size, .big = message->big_endian };
	g_autoptr(GVariant) args = dbus_read_tuple(&in, message->signature);

	return in.at == size ? g_steal_pointer(&args) : NULL;
}

/* --- messages that go --- */

static void
put_field(GVariantBuilder *fields, enum field field, GVariant *value)
{
	if (value)
		g_variant_builder_add(fields, "(yv)", (guchar)field, value);
}

static GVariant *
string_or_null(const char *text)
{
	return text ? g_variant_new_string(text) : NULL;
}

/* "(su)" is a body of type "su". */
static GVariant *
fields_of(const struct dbus_message *message, const char *type)
{
	g_autofree char *signature = strlen(type) > 2 ? g_strndup(type + 1, strlen(type) - 2) : NULL;
	GVariantBuilder fields;

	g_variant_builder_init(&fields, G_VARIANT_TYPE("a(yv)"));
	put_field(&fields, FIELD_PATH, message->path ? g_variant_new_object_path(message->path) : NULL);
	put_field(&fields, FIELD_INTERFACE, string_or_null(message->interface));
	put_field(&fields, FIELD_MEMBER, string_or_null(message->member));
	put_field(&fields, FIELD_ERROR_NAME, string_or_null(message->error_name));
	if (message->reply_serial != 0)
		put_field(&fields, FIELD_REPLY_SERIAL, g_variant_new_uint32(message->reply_serial));
	put_field(&fields, FIELD_DESTINATION, string_or_null(message->destination));
	put_field(&fields, FIELD_SIGNATURE, signature ? g_variant_new_signature(signature) : NULL);
	return g_variant_ref_sink(g_variant_builder_end(&fields));
}

static void
put_number(guint8 *at, uint32_t number)
{
	for (unsigned i = 0; i < 4; i++)
		at[i] = (guint8)(number >> (8 * i));
}

GBytes *
dbus_message_write(const struct dbus_message *message, GVariant *args)
{
	const char *type = args ? g_variant_get_type_string(args) : "()";
	const guint8 head[12] = { 'l', (guint8)message->type, 0, 1 };
	g_autoptr(GByteArray) out = g_byte_array_new();
	g_autoptr(GVariant) fields = NULL;
	guint begin;

	/* a type with 'h' or 'm' must not get to g_variant_new_signature() */
	if (strcmp(type, "()") != 0 && !dbus_signature_is_valid(type))
		return NULL;
	fields = fields_of(message, type);
	g_byte_array_append(out, head, sizeof(head));
	if (!dbus_write_value(out, fields))
		return NULL;
	dbus_write_align(out, 8);
	begin = out->len;
	if (strcmp(type, "()") != 0 && !dbus_write_value(out, args))
		return NULL;
	if (out->len > DBUS_SIZE_MAX)
		return NULL;
	put_number(out->data + 4, out->len - begin);
	put_number(out->data + 8, message->serial);
	return g_byte_array_free_to_bytes(g_steal_pointer(&out));
}
