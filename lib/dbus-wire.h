/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* SPDX-FileCopyrightText: The libsbx developers */

/* D-Bus messages as bytes: a GVariant becomes the wire format, and what a peer sends becomes one, or is refused. */
#pragma once

#include <glib.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define DBUS_SIZE_MAX \
	(1024 * 1024)    /* of a message; the specification allows 128 MiB, systemd's answers are a few KiB */
#define DBUS_HEAD 16 /* so many bytes tell how long the message is */

enum dbus_type { DBUS_CALL = 1, DBUS_RETURN = 2, DBUS_ERROR = 3, DBUS_SIGNAL = 4 };

struct dbus_message {
	enum dbus_type type;
	uint32_t serial;
	uint32_t reply_serial; /* 0: none */
	char *path;            /* these are NULL where the message has none */
	char *interface;
	char *member;
	char *error_name;
	char *destination;
	char *signature; /* "": no body */
	GBytes *body;
	bool big_endian;
};
void dbus_message_clear(struct dbus_message *message);
typedef struct dbus_message dbus_message_t;
G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC(dbus_message_t, dbus_message_clear)

/* Pure. The message as little-endian bytes; `args` is a tuple, or NULL (not floating: it is not taken).
 * big_endian, signature and body are not looked at. NULL: a type that D-Bus has not got, too deep, or larger than
 * DBUS_SIZE_MAX. */
GBytes *dbus_message_write(const struct dbus_message *message, GVariant *args);
/* Pure. How long is the message that begins with these DBUS_HEAD bytes? 0: that is none, or too long. */
size_t dbus_message_size(const uint8_t *head);
/* Pure. Read a message of exactly `size` bytes, in either byte order; the body is kept as bytes. */
bool dbus_message_read(const uint8_t *bytes, size_t size, struct dbus_message *ret);
/* Pure. Its body as a tuple, "()" where there is none; NULL: malformed. g_variant_unref() it. */
GVariant *dbus_message_args(const struct dbus_message *message);
