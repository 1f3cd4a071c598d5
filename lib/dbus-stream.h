/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* SPDX-FileCopyrightText: The libsbx developers */

/* The bytes of a D-Bus connection: connected, introduced, sent and received, all of it until one deadline. */
#pragma once

#include <glib.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

struct dbus_stream {
	int fd;
	char *path;        /* for messages */
	int64_t deadline;  /* of g_get_monotonic_time() */
	const char *waits; /* what for, in words: whoever receives sets it before */
	GByteArray *in;    /* received, and not yet taken */
};

/* Connect to a unix socket and say who we are. *ret is set in any case, and needs no clearing after a failure. */
bool dbus_stream_open(struct dbus_stream *ret, const char *path, int64_t deadline, GError **error);
/* The same with a socket that is connected and does not block; it is owned by this now, after a failure too. */
bool dbus_stream_adopt(struct dbus_stream *ret, int fd, const char *path, int64_t deadline, GError **error);
void dbus_stream_clear(struct dbus_stream *stream);
/* The pid of who listens there, in our pid namespace; 0: it is outside of that. -1 and errno. */
pid_t dbus_stream_peer(const struct dbus_stream *stream);
bool dbus_stream_send(struct dbus_stream *stream, const void *bytes, size_t size, GError **error);
/* Receive until `in` has `size` bytes. */
bool dbus_stream_receive(struct dbus_stream *stream, size_t size, GError **error);
