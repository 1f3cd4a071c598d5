/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* SPDX-FileCopyrightText: The libsbx developers */

/*
 * One connection to a D-Bus peer.
 *
 * Theory of operation: one message at a time is read. It is the reply that is awaited, or a signal that is kept, or
 * it is dropped.
 */
#include "dbus.h"

#include <errno.h>
#include <string.h>

#include "dbus-stream.h"
#include "dbus-wire.h"
#include "error.h"

#define KEY "cgroup.parent"
/* What a flood of signals may cost; those that we wait for are small, and come when nothing else has to. */
#define KEPT_MAX 256
#define KEPT_SIZE_MAX 16384

struct dbus {
	struct dbus_stream stream;
	uint32_t serial;
	size_t size;              /* of the message that was received last */
	char *interface, *member; /* of signals that are kept */
	GQueue kept;              /* of struct dbus_message */
	char *error_name;
};

static void
message_free(gpointer data)
{
	struct dbus_message *message = data;

	dbus_message_clear(message);
	g_free(message);
}

struct dbus *
dbus_open(const char *path, int64_t deadline, GError **error)
{
	g_autofree struct dbus *bus = g_new0(struct dbus, 1);

	return dbus_stream_open(&bus->stream, path, deadline, error) ? g_steal_pointer(&bus) : NULL;
}

struct dbus *
dbus_adopt(int fd, const char *path, int64_t deadline, GError **error)
{
	g_autofree struct dbus *bus = g_new0(struct dbus, 1);

	return dbus_stream_adopt(&bus->stream, fd, path, deadline, error) ? g_steal_pointer(&bus) : NULL;
}

void
dbus_free(struct dbus *bus)
{
	if (!bus)
		return;
	dbus_stream_clear(&bus->stream);
	g_queue_clear_full(&bus->kept, message_free);
	g_free(bus->interface);
	g_free(bus->member);
	g_free(bus->error_name);
	g_free(bus);
}

pid_t
dbus_peer(const struct dbus *bus)
{
	return dbus_stream_peer(&bus->stream);
}

const char *
dbus_error_name(const struct dbus *bus)
{
	return bus->error_name;
}

/* The next message, whatever it is. */
static bool
receive_message(struct dbus *bus, struct dbus_message *ret, GError **error)
{
	size_t size;
	bool valid;

	if (!dbus_stream_receive(&bus->stream, DBUS_HEAD, error))
		return false;
	size = dbus_message_size(bus->stream.in->data);
	if (size > 0 && !dbus_stream_receive(&bus->stream, size, error))
		return false;
	bus->size = size;
	valid = size > 0 && dbus_message_read(bus->stream.in->data, size, ret);
	g_byte_array_set_size(bus->stream.in, 0);
	if (!valid)
		return throw_error(error, EPROTO, STAGE_CGROUP, KEY, "wait for %s from %s: a malformed message came",
		                   bus->stream.waits, bus->stream.path);
	return true;
}

/* Keep it, or drop it. */
static void
put_away(struct dbus *bus, struct dbus_message *message)
{
	if (message->type == DBUS_SIGNAL && bus->member && bus->size <= KEPT_SIZE_MAX &&
	    strcmp(message->member, bus->member) == 0 && strcmp(message->interface, bus->interface) == 0) {
		g_queue_push_tail(&bus->kept, g_memdup2(message, sizeof(*message)));
		*message = (struct dbus_message){ 0 };
		if (g_queue_get_length(&bus->kept) > KEPT_MAX)
			message_free(g_queue_pop_head(&bus->kept));
	}
	dbus_message_clear(message);
}

void
dbus_keep(struct dbus *bus, const char *interface, const char *member)
{
	g_free(bus->interface);
	g_free(bus->member);
	bus->interface = g_strdup(interface);
	bus->member = g_strdup(member);
}

/* The peer's error, in its own words. */
static bool
throw_answer(struct dbus *bus, const char *method, const struct dbus_message *reply, GError **error)
{
	static const struct {
		const char *name;
		int code;
	} codes[] = {
		{ "org.freedesktop.DBus.Error.AccessDenied", EACCES },
		{ "org.freedesktop.DBus.Error.InteractiveAuthorizationRequired", EACCES },
		{ "org.freedesktop.systemd1.UnitExists", EEXIST },
		{ "org.freedesktop.systemd1.NoSuchUnit", ENOENT },
		{ "org.freedesktop.DBus.Error.UnixProcessIdUnknown", ESRCH },
	};
	g_autoptr(GVariant) args = dbus_message_args(reply);
	g_autofree char *text = NULL;
	int code = EREMOTEIO;

	for (size_t i = 0; i < G_N_ELEMENTS(codes); i++)
		if (strcmp(codes[i].name, reply->error_name) == 0)
			code = codes[i].code;
	if (args && g_str_has_prefix(reply->signature, "s"))
		g_variant_get_child(args, 0, "s", &text);
	bus->error_name = g_strdup(reply->error_name);
	return throw_error(error, code, STAGE_CGROUP, KEY, "%s of %s: %s (%s)", method, bus->stream.path,
	                   text ? text : "refused", reply->error_name);
}

static GVariant *
take_args(struct dbus *bus, const struct dbus_message *message, const char *type, GError **error)
{
	g_autoptr(GVariant) args = dbus_message_args(message);

	if (args && g_variant_is_of_type(args, G_VARIANT_TYPE(type)))
		return g_steal_pointer(&args);
	throw_error(error, EPROTO, STAGE_CGROUP, KEY, "wait for %s from %s: it has the type (%s), not %s",
	            bus->stream.waits, bus->stream.path, message->signature, type);
	return NULL;
}

static GVariant *
await_reply(struct dbus *bus, uint32_t serial, const char *method, const char *type, GError **error)
{
	for (;;) {
		g_auto(dbus_message_t) message = { 0 };

		if (!receive_message(bus, &message, error))
			return NULL;
		if (message.reply_serial != serial || (message.type != DBUS_RETURN && message.type != DBUS_ERROR)) {
			put_away(bus, &message);
			continue;
		}
		if (message.type == DBUS_RETURN)
			return take_args(bus, &message, type, error);
		throw_answer(bus, method, &message, error);
		return NULL;
	}
}

GVariant *
dbus_call(struct dbus *bus, const char *destination, const char *path, const char *interface, const char *method,
          GVariant *args, const char *type, GError **error)
{
	g_autoptr(GVariant) owned = args ? g_variant_ref_sink(args) : NULL;
	g_autofree char *waits = g_strdup_printf("the reply to %s", method);
	struct dbus_message call = {
		.type = DBUS_CALL,
		.serial = ++bus->serial,
		.path = (char *)path,
		.interface = (char *)interface,
		.member = (char *)method,
		.destination = (char *)destination,
	};
	g_autoptr(GBytes) bytes = dbus_message_write(&call, owned);
	GVariant *reply = NULL;
	gsize size;
	const void *data;

	g_clear_pointer(&bus->error_name, g_free);
	if (!bytes) {
		throw_error(error, EMSGSIZE, STAGE_CGROUP, KEY, "%s of %s: the arguments do not fit into a message", method,
		            bus->stream.path);
		return NULL;
	}
	data = g_bytes_get_data(bytes, &size);
	bus->stream.waits = waits;
	if (dbus_stream_send(&bus->stream, data, size, error))
		reply = await_reply(bus, call.serial, method, type, error);
	bus->stream.waits = NULL;
	return reply;
}

GVariant *
dbus_signal(struct dbus *bus, const char *type, GError **error)
{
	bus->stream.waits = bus->member;
	for (;;) {
		struct dbus_message *kept = g_queue_pop_head(&bus->kept);
		g_autoptr(GVariant) args = kept ? dbus_message_args(kept) : NULL;
		g_auto(dbus_message_t) message = { 0 };

		if (kept) {
			message_free(kept);
			if (args && g_variant_is_of_type(args, G_VARIANT_TYPE(type)))
				return g_steal_pointer(&args);
			continue;
		}
		if (!receive_message(bus, &message, error))
			return NULL;
		put_away(bus, &message);
	}
}

bool
dbus_hello(struct dbus *bus, GError **error)
{
	g_autoptr(GVariant) reply = dbus_call(bus, "org.freedesktop.DBus", "/org/freedesktop/DBus", "org.freedesktop.DBus",
	                                      "Hello", NULL, "(s)", error);

	return reply != NULL;
}
