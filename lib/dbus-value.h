/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* SPDX-FileCopyrightText: The libsbx developers */

/* Values of D-Bus in the wire format. */
#pragma once

#include <glib.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define DBUS_DEPTH_MAX 16 /* containers in one another, variants too; the specification allows 64 */

/* Where reading stands in a peer's bytes. */
struct dbus_reader {
	const uint8_t *bytes;
	size_t size;
	size_t at;
	bool big; /* big-endian */
};

/* Pure, all of them. Is it any number of complete types that we can pass? No 'h': we never agree to pass fds. */
bool dbus_signature_is_valid(const char *signature);
bool dbus_type_is_basic(char type);
size_t dbus_type_align(char type);
/* Skip the padding, which must be zero. */
bool dbus_read_align(struct dbus_reader *in, size_t align);
/* An integer of `size` bytes, which is its alignment too. */
bool dbus_read_number(struct dbus_reader *in, size_t size, uint64_t *ret);
/* One value for each type of a valid signature, as a tuple; NULL: malformed. g_variant_unref() it. */
GVariant *dbus_read_tuple(struct dbus_reader *in, const char *signature);
/* Put padding to `out`, whose begin is aligned to anything. */
void dbus_write_align(GByteArray *out, size_t align);
/* Put a value, little-endian. false: a type that D-Bus has not got, or too deep. */
bool dbus_write_value(GByteArray *out, GVariant *value);
