/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* SPDX-FileCopyrightText: The libsbx developers */

/* D-Bus: our bytes against GLib's, hostile bytes, hostile peers, and what we say to systemd. */
#include <errno.h>
#include <gio/gio.h>
#include <glib-unix.h>
#include <glib.h>
#include <poll.h>
#include <stdbool.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "dbus-value.h"
#include "dbus-wire.h"
#include "dbus.h"
#include "error.h"
#include "fd.h"
#include "systemd.h"

/* --- against GLib's --- */

#define TYPES 400
#define DEPTH 5

/* One complete type; basic ones are likelier as it gets deep. */
static void
random_type(GString *type, unsigned depth)
{
	static const char basic[] = "ybnqiuxtdsog";
	int kind = depth == 0 ? 0 : g_test_rand_int_range(0, 9);

	if (kind <= 3) {
		g_string_append_c(type, basic[g_test_rand_int_range(0, sizeof(basic) - 1)]);
	} else if (kind == 4) {
		g_string_append_c(type, 'v');
	} else if (kind <= 6) {
		g_string_append_c(type, 'a');
		random_type(type, depth - 1);
	} else if (kind == 7) {
		g_string_append(type, "a{");
		g_string_append_c(type, basic[g_test_rand_int_range(0, sizeof(basic) - 1)]);
		random_type(type, depth - 1);
		g_string_append_c(type, '}');
	} else {
		g_string_append_c(type, '(');
		for (int n = g_test_rand_int_range(1, 4); n > 0; n--)
			random_type(type, depth - 1);
		g_string_append_c(type, ')');
	}
}

static GVariant *
random_text(char type)
{
	static const char *const strings[] = {
		"", "a", "ab", "abc", "abcd", "\xc3\xa9t\xc3\xa9", "a longer one, of 26 bytes"
	};
	static const char *const paths[] = { "/", "/a", "/org/freedesktop/systemd1/unit/a_2eservice" };
	static const char *const signatures[] = { "", "s", "a{sv}", "(ii)ay" };

	if (type == 's')
		return g_variant_new_string(strings[g_test_rand_int_range(0, G_N_ELEMENTS(strings))]);
	if (type == 'o')
		return g_variant_new_object_path(paths[g_test_rand_int_range(0, G_N_ELEMENTS(paths))]);
	return g_variant_new_signature(signatures[g_test_rand_int_range(0, G_N_ELEMENTS(signatures))]);
}

static GVariant *
random_basic(char type)
{
	guint64 number = (guint64)(guint32)g_test_rand_int() << 32 | (guint32)g_test_rand_int();

	switch (type) {
	case 'y':
		return g_variant_new_byte((guchar)number);
	case 'b':
		return g_variant_new_boolean(number & 1);
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
	case 'd':
		return g_variant_new_double(g_test_rand_double());
	default:
		return random_text(type);
	}
}

static GVariant *
random_value(const GVariantType *type, unsigned depth)
{
	GVariantBuilder builder;

	if (g_variant_type_is_basic(type))
		return random_basic(*g_variant_type_peek_string(type));
	if (g_variant_type_is_variant(type)) {
		g_autoptr(GString) inner = g_string_new(NULL);

		random_type(inner, depth);
		return g_variant_new_variant(random_value(G_VARIANT_TYPE(inner->str), depth ? depth - 1 : 0));
	}
	g_variant_builder_init(&builder, type);
	if (g_variant_type_is_array(type))
		for (int n = g_test_rand_int_range(0, 4); n > 0; n--)
			g_variant_builder_add_value(&builder, random_value(g_variant_type_element(type), depth));
	else
		for (const GVariantType *item = g_variant_type_first(type); item; item = g_variant_type_next(item))
			g_variant_builder_add_value(&builder, random_value(item, depth));
	return g_variant_builder_end(&builder);
}

static GVariant *
random_args(void)
{
	g_autoptr(GString) type = g_string_new("(");

	for (int n = g_test_rand_int_range(0, 4); n > 0; n--)
		random_type(type, DEPTH);
	g_string_append_c(type, ')');
	return g_variant_ref_sink(random_value(G_VARIANT_TYPE(type->str), 2));
}

static GBytes *
theirs(GVariant *args, GDBusMessageByteOrder order)
{
	g_autoptr(GDBusMessage) message = g_dbus_message_new_method_call("org.x.Y", "/a/b", "org.x.I", "Method");
	g_autoptr(GError) error = NULL;
	gsize size;
	guchar *blob;

	g_dbus_message_set_byte_order(message, order);
	g_dbus_message_set_serial(message, 77);
	if (g_variant_n_children(args) > 0)
		g_dbus_message_set_body(message, args);
	blob = g_dbus_message_to_blob(message, &size, G_DBUS_CAPABILITY_FLAGS_NONE, &error);
	g_assert_no_error(error);
	return g_bytes_new_take(blob, size);
}

static GBytes *
ours(GVariant *args)
{
	struct dbus_message message = {
		.type = DBUS_CALL,
		.serial = 77,
		.path = "/a/b",
		.interface = "org.x.I",
		.member = "Method",
		.destination = "org.x.Y",
	};

	return dbus_message_write(&message, args);
}

/* What stands behind the header, which may have its fields in any order. */
static void
assert_same_body(GBytes *a, GBytes *b, const char *type)
{
	gsize size_a, size_b;
	const guchar *bytes_a = g_bytes_get_data(a, &size_a);
	const guchar *bytes_b = g_bytes_get_data(b, &size_b);
	guint32 length;

	memcpy(&length, bytes_a + 4, 4);
	length = GUINT32_FROM_LE(length);
	g_test_message("%s: %u bytes", type, length);
	g_assert_cmpuint(size_a, ==, size_b);
	g_assert_cmpmem(bytes_a, 12, bytes_b, 12);
	g_assert_cmpmem(bytes_a + size_a - length, length, bytes_b + size_b - length, length);
}

static bool
read_bytes(GBytes *bytes, struct dbus_message *ret)
{
	gsize size;
	const guchar *data = g_bytes_get_data(bytes, &size);

	return dbus_message_read(data, size, ret);
}

static void
test_random(void)
{
	for (int i = 0; i < TYPES; i++) {
		g_autoptr(GVariant) args = random_args();
		g_autoptr(GBytes) mine = ours(args);
		g_autoptr(GBytes) little = theirs(args, G_DBUS_MESSAGE_BYTE_ORDER_LITTLE_ENDIAN);
		g_autoptr(GBytes) big = theirs(args, G_DBUS_MESSAGE_BYTE_ORDER_BIG_ENDIAN);
		GBytes *const all[] = { mine, little, big };

		g_assert_nonnull(mine);
		assert_same_body(mine, little, g_variant_get_type_string(args));
		for (size_t k = 0; k < G_N_ELEMENTS(all); k++) {
			g_auto(dbus_message_t) message = { 0 };
			g_autoptr(GVariant) back = NULL;

			g_assert_true(read_bytes(all[k], &message));
			g_assert_cmpstr(message.path, ==, "/a/b");
			g_assert_cmpstr(message.interface, ==, "org.x.I");
			g_assert_cmpstr(message.member, ==, "Method");
			g_assert_cmpstr(message.destination, ==, "org.x.Y");
			g_assert_cmpuint(message.serial, ==, 77);
			back = dbus_message_args(&message);
			g_assert_nonnull(back);
			g_assert_cmpvariant(back, args);
		}
	}
}

/* GLib reads what we write: the header as well. */
static void
test_header(void)
{
	static const struct dbus_message messages[] = {
		{ .type = DBUS_CALL, .serial = 1, .path = "/", .member = "M" },
		{ .type = DBUS_RETURN, .serial = 2, .reply_serial = 9 },
		{ .type = DBUS_ERROR, .serial = 3, .reply_serial = 9, .error_name = "org.x.E" },
		{ .type = DBUS_SIGNAL, .serial = G_MAXUINT32, .path = "/a", .interface = "org.x.I", .member = "S" },
	};

	for (size_t i = 0; i < G_N_ELEMENTS(messages); i++) {
		const struct dbus_message *m = &messages[i];
		g_autoptr(GVariant) args = g_variant_ref_sink(g_variant_new("(su)", "x", 1u));
		g_autoptr(GBytes) bytes = dbus_message_write(m, args);
		g_autoptr(GError) error = NULL;
		g_autoptr(GDBusMessage) message = NULL;
		gsize size;
		gconstpointer data = g_bytes_get_data(bytes, &size);

		message = g_dbus_message_new_from_blob((guchar *)data, size, G_DBUS_CAPABILITY_FLAGS_NONE, &error);
		g_assert_no_error(error);
		g_assert_cmpint((int)g_dbus_message_get_message_type(message), ==, (int)m->type);
		g_assert_cmpuint(g_dbus_message_get_serial(message), ==, m->serial);
		g_assert_cmpuint(g_dbus_message_get_reply_serial(message), ==, m->reply_serial);
		g_assert_cmpstr(g_dbus_message_get_path(message), ==, m->path);
		g_assert_cmpstr(g_dbus_message_get_interface(message), ==, m->interface);
		g_assert_cmpstr(g_dbus_message_get_member(message), ==, m->member);
		g_assert_cmpstr(g_dbus_message_get_error_name(message), ==, m->error_name);
		g_assert_cmpstr(g_dbus_message_get_signature(message), ==, "su");
	}
}

/* --- byte by byte --- */

/* One message in full: the head with the lengths of body and fields, the path "/", the member "M", the signature "yu", and
 * the body 7, 0x04030201. */
#define FIELDS_LITTLE "\1\1o\0\1\0\0\0/\0\0\0\0\0\0\0\3\1s\0\1\0\0\0M\0\0\0\0\0\0\0\10\1g\0\2yu\0"
#define FIELDS_BIG "\1\1o\0\0\0\0\1/\0\0\0\0\0\0\0\3\1s\0\0\0\0\1M\0\0\0\0\0\0\0\10\1g\0\2yu\0"
static const char little[] = "l\1\0\1\10\0\0\0\5\0\0\0\50\0\0\0" FIELDS_LITTLE "\7\0\0\0\1\2\3\4";
static const char big[] = "B\1\0\1\0\0\0\10\0\0\0\5\0\0\0\50" FIELDS_BIG "\7\0\0\0\4\3\2\1";

static void
test_exact(void)
{
	const char *const bytes[] = { little, big };
	const gsize size = sizeof(little) - 1;
	g_autoptr(GVariant) args = g_variant_ref_sink(g_variant_new("(yu)", 7, 0x04030201));
	struct dbus_message message = { .type = DBUS_CALL, .serial = 5, .path = "/", .member = "M" };
	g_autoptr(GBytes) written = dbus_message_write(&message, args);

	g_assert_cmpmem(g_bytes_get_data(written, NULL), g_bytes_get_size(written), little, size);
	for (size_t i = 0; i < G_N_ELEMENTS(bytes); i++) {
		g_auto(dbus_message_t) back = { 0 };
		g_autoptr(GVariant) value = NULL;

		g_assert_cmpuint(dbus_message_size((const guint8 *)bytes[i]), ==, size);
		g_assert_true(dbus_message_read((const guint8 *)bytes[i], size, &back));
		g_assert_cmpuint(back.serial, ==, 5);
		g_assert_cmpstr(back.signature, ==, "yu");
		value = dbus_message_args(&back);
		g_assert_nonnull(value);
		g_assert_cmpvariant(value, args);
	}
}

/* A body of these bytes, with this signature. */
static GVariant *
parse(const char *signature, const void *body, gsize size)
{
	struct dbus_reader in = { .bytes = body, .size = size };
	GVariant *tuple = dbus_signature_is_valid(signature) ? dbus_read_tuple(&in, signature) : NULL;

	if (tuple && in.at != size)
		g_clear_pointer(&tuple, g_variant_unref);
	return tuple;
}

#define PARSES(signature, bytes)                                                \
	do {                                                                        \
		g_autoptr(GVariant) value = parse(signature, bytes, sizeof(bytes) - 1); \
		g_assert_true(value != NULL);                                           \
	} while (0)
#define REFUSES(signature, bytes)                                               \
	do {                                                                        \
		g_autoptr(GVariant) value = parse(signature, bytes, sizeof(bytes) - 1); \
		g_autofree char *text = value ? g_variant_print(value, TRUE) : NULL;    \
		g_assert_cmpstr(text, ==, NULL);                                        \
	} while (0)

static void
test_malformed(void)
{
	PARSES("b", "\1\0\0\0");
	REFUSES("b", "\2\0\0\0");
	PARSES("s", "\1\0\0\0a\0");
	REFUSES("s", "\1\0\0\0ab");         /* no NUL */
	REFUSES("s", "\2\0\0\0a\0\0");      /* one inside */
	REFUSES("s", "\1\0\0\0\xff\0");     /* no UTF-8 */
	REFUSES("s", "\xff\xff\xff\xff\0"); /* longer than the message */
	REFUSES("s", "\2\0\0\0a\0");
	PARSES("o", "\2\0\0\0/a\0");
	REFUSES("o", "\2\0\0\0a/\0");
	PARSES("g", "\1s\0");
	REFUSES("g", "\1?\0");
	REFUSES("g", "\1h\0");
	PARSES("yu", "\1\0\0\0\1\0\0\0");
	REFUSES("yu", "\1\0\1\0\1\0\0\0"); /* padding */
	REFUSES("yu", "\1\0\0\0\1\0\0");
	REFUSES("y", "\1\1"); /* a byte too many */
	PARSES("ay", "\2\0\0\0\1\2");
	REFUSES("ay", "\3\0\0\0\1\2");
	PARSES("au", "\4\0\0\0\1\0\0\0");
	REFUSES("au", "\5\0\0\0\1\0\0\0\1");
	PARSES("at", "\0\0\0\0\0\0\0\0"); /* an empty one is aligned too */
	REFUSES("at", "\0\0\0\0");
	PARSES("as", "\6\0\0\0\1\0\0\0a\0");
	REFUSES("as", "\5\0\0\0\1\0\0\0a\0"); /* an element that goes on behind the array */
	PARSES("v", "\1y\0\1");
	REFUSES("v", "\0\0\1");     /* no type */
	REFUSES("v", "\2yy\0\1\1"); /* two */
	REFUSES("v", "\1h\0\0\0\0\0\0");
	PARSES("a{yy}", "\2\0\0\0\0\0\0\0\1\2");
	REFUSES("a{vy}", "\0\0\0\0\0\0\0\0");
	REFUSES("{yy}", "\1\2");
	REFUSES("()", "");
	REFUSES("a", "\0\0\0\0");
	REFUSES("(y", "\1");
	REFUSES("my", "\1");
	REFUSES("*", "\1");
}

/* Variants in variants: seven bytes each, so the message is short and the recursion would be deep. */
static void
test_depth(void)
{
	for (unsigned depth = 1; depth < 20000; depth += depth < 20 ? 1 : 5000) {
		g_autoptr(GByteArray) body = g_byte_array_new();
		g_autoptr(GVariant) value = NULL;

		for (unsigned i = 1; i < depth; i++)
			g_byte_array_append(body, (const guint8 *)"\1v", 3);
		g_byte_array_append(body, (const guint8 *)"\1y\0\7", 4);
		value = parse("v", body->data, body->len);
		g_test_message("%u variants", depth);
		g_assert_cmpint(value != NULL, ==, depth <= DBUS_DEPTH_MAX);
	}
	g_assert_true(dbus_signature_is_valid("aaaaaaaaaaaaaaaay"));
	g_assert_false(dbus_signature_is_valid("aaaaaaaaaaaaaaaaay"));
	g_assert_false(dbus_signature_is_valid("((((((((((((((((((y))))))))))))))))))"));
}

static void
test_write_limits(void)
{
	g_autofree char *text = g_strnfill(DBUS_SIZE_MAX, 'x');
	g_autoptr(GVariant) long_args = g_variant_ref_sink(g_variant_new("(s)", text));
	g_autoptr(GVariant) maybe = g_variant_ref_sink(g_variant_new("(ms)", "x"));
	g_autoptr(GVariant) handle = g_variant_ref_sink(g_variant_new("(h)", 0));
	g_autoptr(GVariant) deep = g_variant_ref_sink(g_variant_new("(y)", 1));

	for (unsigned i = 0; i < DBUS_DEPTH_MAX; i++) {
		GVariant *outer = g_variant_ref_sink(g_variant_new("(v)", deep));

		g_variant_unref(deep);
		deep = outer;
	}
	g_assert_null(ours(long_args));
	g_assert_null(ours(maybe));
	g_assert_null(ours(handle));
	g_assert_null(ours(deep));
}

/* --- bytes that nobody meant --- */

/* Any bytes: it may parse or not, and both without a crash or a word of GLib's (which would end the test). */
static void
try_bytes(const guchar *bytes, gsize size)
{
	/* of its exact size, so that a sanitizer sees a byte too many */
	g_autofree guchar *copy = g_memdup2(bytes, size);
	g_auto(dbus_message_t) message = { 0 };

	if (dbus_message_read(copy, size, &message)) {
		g_autoptr(GVariant) args = dbus_message_args(&message);

		if (args)
			g_free(g_variant_print(args, TRUE));
	}
}

static void
test_truncated(void)
{
	for (int i = 0; i < 20; i++) {
		g_autoptr(GVariant) args = random_args();
		g_autoptr(GBytes) bytes =
			theirs(args, i % 2 ? G_DBUS_MESSAGE_BYTE_ORDER_BIG_ENDIAN : G_DBUS_MESSAGE_BYTE_ORDER_LITTLE_ENDIAN);
		gsize size;
		const guchar *data = g_bytes_get_data(bytes, &size);

		for (gsize n = 0; n < MIN(size, 2000); n++) {
			g_auto(dbus_message_t) message = { 0 };
			g_autofree guchar *copy = g_memdup2(data, n);

			g_assert_false(dbus_message_read(copy, n, &message));
		}
	}
}

static void
test_mutated(void)
{
	for (int i = 0; i < 400; i++) {
		g_autoptr(GVariant) args = random_args();
		g_autoptr(GBytes) bytes =
			theirs(args, i % 2 ? G_DBUS_MESSAGE_BYTE_ORDER_BIG_ENDIAN : G_DBUS_MESSAGE_BYTE_ORDER_LITTLE_ENDIAN);
		gsize size;
		const guchar *data = g_bytes_get_data(bytes, &size);

		for (int k = 0; k < 50; k++) {
			g_autofree guchar *copy = g_memdup2(data, size);

			for (int n = g_test_rand_int_range(1, 4); n > 0; n--)
				copy[g_test_rand_int_range(0, (gint32)size)] =
					g_test_rand_int_range(0, 3) ? (guchar)g_test_rand_int() : (guchar) "sav(0y\xff\0"[k % 8];
			try_bytes(copy, size);
		}
	}
}

/* --- a peer --- */

/* What a peer does, in a thread of its own, with its end of the socket. */
struct peer {
	void (*act)(int fd);
	int fd;
};

static gpointer
peer_main(gpointer data)
{
	struct peer *peer = data;

	peer->act(peer->fd);
	(void)close(peer->fd);
	return NULL;
}

static void
say(int fd, const void *bytes, gsize size)
{
	(void)!send(fd, bytes, size, MSG_NOSIGNAL);
}

/* Read up to the end of this text. */
static void
hear(int fd, const char *text)
{
	g_autoptr(GString) all = g_string_new("");
	char c;

	while (!g_str_has_suffix(all->str, text) && read(fd, &c, 1) == 1)
		g_string_append_c(all, c ? c : '.');
}

static void
greet(int fd)
{
	hear(fd, "\r\n");
	say(fd, "OK 1234\r\n", 9);
	hear(fd, "BEGIN\r\n");
}

/* One call: its serial and member; false when there are no more. */
static bool
hear_call(int fd, struct dbus_message *ret)
{
	g_autoptr(GByteArray) bytes = g_byte_array_new();
	guint8 buffer[4096];
	gsize want = DBUS_HEAD;

	while (bytes->len < want) {
		ssize_t n = read(fd, buffer, MIN(want - bytes->len, sizeof(buffer)));

		if (n <= 0)
			return false;
		g_byte_array_append(bytes, buffer, (guint)n);
		if (bytes->len == DBUS_HEAD)
			want = dbus_message_size(bytes->data);
	}
	return dbus_message_read(bytes->data, bytes->len, ret);
}

static void
say_message(int fd, const struct dbus_message *message, GVariant *args)
{
	g_autoptr(GVariant) owned = args ? g_variant_ref_sink(args) : NULL;
	g_autoptr(GBytes) bytes = dbus_message_write(message, owned);

	say(fd, g_bytes_get_data(bytes, NULL), g_bytes_get_size(bytes));
}

static void
reply(int fd, const struct dbus_message *call, GVariant *args)
{
	say_message(fd, &(struct dbus_message){ .type = DBUS_RETURN, .serial = 100, .reply_serial = call->serial }, args);
}

static void
refuse(int fd, const struct dbus_message *call, const char *name, const char *text)
{
	struct dbus_message message = {
		.type = DBUS_ERROR, .serial = 101, .reply_serial = call->serial, .error_name = (char *)name
	};

	say_message(fd, &message, text ? g_variant_new("(s)", text) : NULL);
}

static void
signal_member(int fd, const char *member, GVariant *args)
{
	struct dbus_message message = {
		.type = DBUS_SIGNAL,
		.serial = 102,
		.path = "/org/freedesktop/systemd1",
		.interface = "org.freedesktop.systemd1.Manager",
		.member = (char *)member,
	};

	say_message(fd, &message, args);
}

/* Wait until the other side has gone, at most so long: longer than every deadline here. */
static void
linger(int fd)
{
	struct pollfd end = { .fd = fd, .events = POLLRDHUP };

	(void)poll(&end, 1, 5000);
}

/* What has to come comes, however busy this machine is; and what does not come is not waited for. */
#define PATIENT_MS 20000
#define HASTY_MS 300

/* A connection to such a peer, or the error. */
static struct dbus *
meet(struct peer *peer, void (*act)(int fd), int ms, GThread **ret_thread, GError **error)
{
	int pair[2];

	g_assert_cmpint(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair), ==, 0);
	g_unix_set_fd_nonblocking(pair[0], TRUE, NULL);
	*peer = (struct peer){ .act = act, .fd = pair[1] };
	*ret_thread = g_thread_new("peer", peer_main, peer);
	return dbus_adopt(pair[0], "the peer", g_get_monotonic_time() + ms * (gint64)1000, error);
}

/* The error of a connection, or of a call over it, must be this one, and must come in time. */
static void
expect(void (*act)(int fd), int code, const char *text)
{
	gint64 begin = g_get_monotonic_time();
	g_autoptr(GError) error = NULL;
	g_autoptr(GVariant) args = NULL;
	struct peer peer;
	GThread *thread;
	struct dbus *bus = meet(&peer, act, code == ETIMEDOUT ? HASTY_MS : PATIENT_MS, &thread, &error);

	if (bus)
		args = dbus_call(bus, "org.x", "/", "org.x.I", "Method", NULL, "(s)", &error);
	dbus_free(bus);
	if (code == ETIMEDOUT)
		g_assert_cmpint((g_get_monotonic_time() - begin) / 1000, <, 4000);
	g_thread_join(thread);
	g_assert_null(args);
	g_assert_error(error, SBX_ERROR, code);
	g_test_message("%s", error->message);
	if (!strstr(error->message, text))
		g_assert_cmpstr(error->message, ==, text);
	g_assert_cmpstr(stage_name(error_stage(error)), ==, "cgroup");
	g_assert_cmpstr(error_key(error), ==, "cgroup.parent");
}

static void
act_rejects(int fd)
{
	hear(fd, "\r\n");
	say(fd, "REJECTED ANONYMOUS\r\n", 20);
	hear(fd, "DATA\r\n");
	say(fd, "REJECTED ANONYMOUS\r\n", 20);
	linger(fd);
}

/* It sees another uid than we do. */
static void
act_lets_in_late(int fd)
{
	g_auto(dbus_message_t) call = { 0 };
	g_autofree char *uid = g_strdup_printf("%u", (unsigned)geteuid());
	g_autoptr(GString) first = g_string_new(".AUTH EXTERNAL ");

	for (const char *digit = uid; *digit; digit++)
		g_string_append_printf(first, "3%c", *digit);
	g_string_append(first, "\r\n");
	hear(fd, first->str);
	say(fd, "REJECTED EXTERNAL\r\n", 19);
	hear(fd, "AUTH EXTERNAL\r\nDATA\r\n");
	say(fd, "DATA\r\nOK 1234\r\n", 15);
	hear(fd, "BEGIN\r\n");
	hear_call(fd, &call);
	refuse(fd, &call, "org.x.In", "You are in");
}

static void
act_babbles(int fd)
{
	for (int i = 0; i < 1000; i++)
		say(fd, "HTTP/1.1 200", 12);
	linger(fd);
}

static void
act_nul(int fd)
{
	say(fd, "OK\0\r\n", 5);
	linger(fd);
}

static void
act_closes_greeting(int fd)
{
	hear(fd, "\r\n");
	say(fd, "OK", 2);
}

static void
act_silent(int fd)
{
	greet(fd);
	linger(fd);
}

/* A byte now and then, so that no single wait is long: the deadline is for all of them. */
static void
act_drips(int fd)
{
	static const guchar head[] = { 'l', 2, 0, 1, 0, 0, 0, 0, 1, 0, 0, 0, 0, 0, 8, 0 };

	greet(fd);
	say(fd, head, sizeof(head));
	for (int i = 0; i < 50 && send(fd, "", 1, MSG_NOSIGNAL) == 1; i++)
		g_usleep(100 * 1000);
}

static void
act_floods(int fd)
{
	gint64 end = g_get_monotonic_time() + 5 * G_USEC_PER_SEC;
	struct dbus_message message = {
		.type = DBUS_SIGNAL, .serial = 1, .path = "/", .interface = "org.x.I", .member = "S"
	};
	g_autoptr(GBytes) bytes = dbus_message_write(&message, NULL);

	greet(fd);
	while (g_get_monotonic_time() < end &&
	       send(fd, g_bytes_get_data(bytes, NULL), g_bytes_get_size(bytes), MSG_NOSIGNAL) > 0)
		;
}

static void
act_closes_inside(int fd)
{
	g_auto(dbus_message_t) call = { 0 };

	greet(fd);
	hear_call(fd, &call);
	say(fd, "l\2\0\1\0\0\0\0\1\0\0\0\20\0\0\0xx", 18);
}

static void
act_malformed(int fd)
{
	greet(fd);
	say(fd, "l\2\0\1\0\0\0\0\1\0\0\0\10\0\0\0abcdefgh", 24);
	linger(fd);
}

static void
act_huge(int fd)
{
	greet(fd);
	say(fd, "l\2\0\1\377\377\377\177\1\0\0\0\10\0\0\0", 16);
	linger(fd);
}

static void
act_other_type(int fd)
{
	g_auto(dbus_message_t) call = { 0 };

	greet(fd);
	hear_call(fd, &call);
	reply(fd, &call, g_variant_new("(u)", 1u));
}

static void
act_error(int fd)
{
	g_auto(dbus_message_t) call = { 0 };

	greet(fd);
	hear_call(fd, &call);
	refuse(fd, &call, "org.freedesktop.DBus.Error.AccessDenied", "Not for you\nreally");
}

static void
act_bare_error(int fd)
{
	g_auto(dbus_message_t) call = { 0 };

	greet(fd);
	hear_call(fd, &call);
	refuse(fd, &call, "org.x.Odd", NULL);
}

static void
test_peers(void)
{
	expect(act_rejects, EACCES, "the peer does not let us in: REJECTED ANONYMOUS");
	expect(act_lets_in_late, EREMOTEIO, "You are in");
	expect(act_babbles, EPROTO, "does not speak D-Bus");
	expect(act_nul, EPROTO, "does not speak D-Bus");
	expect(act_closes_greeting, ECONNRESET, "wait for a greeting from the peer: the connection was closed");
	expect(act_closes_inside, ECONNRESET, "wait for the reply to Method from the peer: the connection was closed");
	expect(act_malformed, EPROTO, "a malformed message");
	expect(act_huge, EPROTO, "a malformed message");
	expect(act_other_type, EPROTO, "it has the type (u), not (s)");
	expect(act_error, EACCES, "Method of the peer: Not for you\\nreally (org.freedesktop.DBus.Error.AccessDenied)");
	expect(act_bare_error, EREMOTEIO, "Method of the peer: refused (org.x.Odd)");
}

static void
test_deadline(void)
{
	expect(act_silent, ETIMEDOUT, "wait for the reply to Method from the peer: no answer in time");
	expect(act_drips, ETIMEDOUT, "no answer in time");
	expect(act_floods, ETIMEDOUT, "no answer in time");
	expect(linger, ETIMEDOUT, "wait for a greeting from the peer: no answer in time");
}

/* Nobody reads: the send blocks. */
static void
test_deadline_send(void)
{
	g_autofree char *text = g_strnfill(900 * 1024, 'x');
	g_autoptr(GError) error = NULL;
	struct peer peer;
	GThread *thread;
	g_autoptr(dbus_t) bus = meet(&peer, act_silent, HASTY_MS, &thread, &error);

	g_assert_no_error(error);
	g_assert_null(dbus_call(bus, "org.x", "/", "org.x.I", "M", g_variant_new("(s)", text), "()", &error));
	g_assert_error(error, SBX_ERROR, ETIMEDOUT);
	g_clear_pointer(&bus, dbus_free);
	g_thread_join(thread);
}

static void
act_answers(int fd)
{
	g_auto(dbus_message_t) call = { 0 };
	struct dbus_message other = { .type = DBUS_RETURN, .serial = 1, .reply_serial = 4711 };
	struct dbus_message unknown = { .type = 9, .serial = 1 };

	greet(fd);
	hear_call(fd, &call);
	say_message(fd, &other, g_variant_new("(s)", "not yours"));
	say_message(fd, &unknown, NULL);
	signal_member(fd, "JobNew", g_variant_new("(s)", "unwanted"));
	signal_member(fd, "JobRemoved", g_variant_new("(s)", "another type"));
	for (guint32 i = 0; i < 1000; i++)
		signal_member(fd, "JobRemoved", g_variant_new("(u)", i));
	reply(fd, &call, g_variant_new("(s)", "yes"));
	signal_member(fd, "JobRemoved", g_variant_new("(u)", 1000u));
}

/* The reply is found among others, and of the signals before it the latest are kept, in order. */
static void
test_signals(void)
{
	g_autoptr(GError) error = NULL;
	g_autoptr(GVariant) args = NULL;
	struct peer peer;
	GThread *thread;
	g_autoptr(dbus_t) bus = meet(&peer, act_answers, PATIENT_MS, &thread, &error);
	guint32 number;

	g_assert_no_error(error);
	dbus_keep(bus, "org.freedesktop.systemd1.Manager", "JobRemoved");
	args = dbus_call(bus, "org.x", "/", "org.x.I", "Method", NULL, "(s)", &error);
	g_assert_no_error(error);
	g_assert_cmpstr(g_variant_get_type_string(args), ==, "(s)");
	for (guint32 i = 1000 - 256; i <= 1000; i++) {
		g_autoptr(GVariant) signal = dbus_signal(bus, "(u)", &error);

		g_assert_no_error(error);
		g_variant_get(signal, "(u)", &number);
		g_assert_cmpuint(number, ==, i);
	}
	g_assert_null(dbus_signal(bus, "(u)", &error));
	g_assert_error(error, SBX_ERROR, ECONNRESET);
	g_clear_pointer(&bus, dbus_free);
	g_thread_join(thread);
}

static void
test_connect(void)
{
	g_autofree char *path = g_strdup_printf("/tmp/sbx-none-%d", (int)getpid());
	g_autofree char *too_long = g_strnfill(200, 'x');
	g_autoptr(GError) error = NULL;
	g_autoptr(GError) second = NULL;

	g_assert_null(dbus_open(path, g_get_monotonic_time() + G_USEC_PER_SEC, &error));
	g_assert_error(error, SBX_ERROR, ENOENT);
	g_assert_null(dbus_open(too_long, g_get_monotonic_time() + G_USEC_PER_SEC, &second));
	g_assert_error(second, SBX_ERROR, ENAMETOOLONG);
}

/* --- systemd --- */

#define JOB "/org/freedesktop/systemd1/job/7"
static int n_calls;
static char *first_unit, *last_unit, *last_slice, *properties;

/* What was asked: the names of the properties, in their order. */
static void
note_call(const struct dbus_message *call)
{
	g_autoptr(GVariant) args = dbus_message_args(call);
	g_autoptr(GVariantIter) iter = NULL;
	g_autoptr(GString) names = g_string_new("");
	const char *unit, *mode, *name;
	GVariant *value;

	g_assert_nonnull(args);
	g_assert_cmpstr(g_variant_get_type_string(args), ==, "(ssa(sv)a(sa(sv)))");
	g_variant_get(args, "(&s&sa(sv)a(sa(sv)))", &unit, &mode, &iter, NULL);
	g_assert_cmpstr(mode, ==, "fail");
	g_clear_pointer(&last_slice, g_free);
	while (g_variant_iter_next(iter, "(&sv)", &name, &value)) {
		g_string_append_printf(names, " %s", name);
		if (strcmp(name, "Slice") == 0)
			last_slice = g_variant_dup_string(value, NULL);
		g_variant_unref(value);
	}
	g_free(properties);
	properties = g_strdup(names->str);
	if (!first_unit)
		first_unit = g_strdup(unit);
	g_free(last_unit);
	last_unit = g_strdup(unit);
	n_calls++;
}

static bool
hear_start(int fd, struct dbus_message *call)
{
	if (!hear_call(fd, call))
		return false;
	g_assert_cmpstr(call->member, ==, "StartTransientUnit");
	note_call(call);
	return true;
}

static void
act_job(int fd, const struct dbus_message *call, const char *result)
{
	reply(fd, call, g_variant_new("(o)", JOB));
	signal_member(fd, "JobRemoved",
	              g_variant_new("(uoss)", 3u, "/org/freedesktop/systemd1/job/3", "a.service", "failed"));
	if (result)
		signal_member(fd, "JobRemoved", g_variant_new("(uoss)", 7u, JOB, last_unit, result));
}

static void
act_group(int fd)
{
	g_auto(dbus_message_t) call = { 0 };

	if (!hear_call(fd, &call))
		return;
	g_assert_cmpstr(call.member, ==, "Get");
	reply(fd, &call, g_variant_new("(v)", g_variant_new_string("/a.slice/x.scope")));
}

/* A manager that knows nothing newer than Delegate, and has the first name already. */
static void
act_old(int fd)
{
	greet(fd);
	for (int i = 0; i < 3; i++) {
		g_auto(dbus_message_t) call = { 0 };

		if (!hear_start(fd, &call))
			return;
		if (i == 0)
			refuse(fd, &call, "org.freedesktop.DBus.Error.PropertyReadOnly", "Cannot set property CollectMode");
		else if (i == 1)
			refuse(fd, &call, "org.freedesktop.systemd1.UnitExists", "Unit was already loaded");
		else
			act_job(fd, &call, "done");
	}
	act_group(fd);
	linger(fd);
}

static void
act_new(int fd)
{
	g_auto(dbus_message_t) call = { 0 };

	greet(fd);
	if (!hear_start(fd, &call))
		return;
	act_job(fd, &call, "done");
	act_group(fd);
	linger(fd);
}

static void
act_fails(int fd)
{
	g_auto(dbus_message_t) call = { 0 };

	greet(fd);
	if (hear_start(fd, &call))
		act_job(fd, &call, "failed");
	linger(fd);
}

static void
act_never(int fd)
{
	g_auto(dbus_message_t) call = { 0 };

	greet(fd);
	if (hear_start(fd, &call))
		act_job(fd, &call, NULL);
	linger(fd);
}

static void
act_always_exists(int fd)
{
	greet(fd);
	for (;;) {
		g_auto(dbus_message_t) call = { 0 };

		if (!hear_start(fd, &call))
			return;
		refuse(fd, &call, "org.freedesktop.systemd1.UnitExists", "Unit was already loaded");
	}
}

static bool
ask(void (*act)(int fd), const char *slice, int ms, GError **error)
{
	struct peer peer;
	GThread *thread;
	struct dbus *bus;
	g_autofree char *unit = NULL;
	g_autofree char *group = NULL;
	bool done;

	n_calls = 0;
	g_clear_pointer(&first_unit, g_free);
	bus = meet(&peer, act, ms, &thread, error);
	g_assert_nonnull(bus);
	done = systemd_ask_scope(bus, 4711, "boxes \xff", slice, &unit, &group, error);
	dbus_free(bus);
	g_thread_join(thread);
	if (done) {
		g_assert_cmpstr(unit, ==, last_unit);
		g_assert_cmpstr(group, ==, "/a.slice/x.scope");
	}
	return done;
}

static void
test_scope(void)
{
	g_autofree char *prefix = g_strdup_printf("sbx-%d-", (int)getpid());
	g_autoptr(GError) error = NULL;

	g_assert_true(ask(act_new, "a-b.slice", PATIENT_MS, &error));
	g_assert_no_error(error);
	g_assert_cmpint(n_calls, ==, 1);
	g_assert_cmpstr(last_slice, ==, "a-b.slice");
	g_assert_cmpstr(properties, ==, " Description Slice PIDs Delegate CollectMode TasksMax TimeoutStopUSec");
	if (!g_str_has_prefix(last_unit, prefix) || !g_str_has_suffix(last_unit, ".scope"))
		g_assert_cmpstr(last_unit, ==, prefix);
	g_assert_true(ask(act_old, NULL, PATIENT_MS, &error));
	g_assert_no_error(error);
	g_assert_cmpint(n_calls, ==, 3);
	g_assert_cmpstr(properties, ==, " Description PIDs Delegate");
	g_assert_cmpstr(first_unit, !=, last_unit);
}

static void
expect_ask(void (*act)(int fd), int code, const char *text)
{
	g_autoptr(GError) error = NULL;

	g_assert_false(ask(act, NULL, code == ETIMEDOUT ? 2000 : PATIENT_MS, &error));
	g_assert_error(error, SBX_ERROR, code);
	g_test_message("%s", error->message);
	if (!strstr(error->message, text))
		g_assert_cmpstr(error->message, ==, text);
}

static void
test_scope_fails(void)
{
	expect_ask(act_fails, EREMOTEIO, "the job's result is \"failed\"");
	expect_ask(act_never, ETIMEDOUT, "wait for JobRemoved from the peer: no answer in time");
	g_assert_cmpint(n_calls, ==, 1);
	expect_ask(act_always_exists, EEXIST, "Unit was already loaded");
	g_assert_cmpint(n_calls, <, 100);
}

static void
test_unit_path(void)
{
	static const struct {
		const char *unit, *path;
	} rows[] = {
		{ "run-r1.scope", "run_2dr1_2escope" },     { "user@1000.service", "user_401000_2eservice" },
		{ "1.service", "_31_2eservice" },           { "a\\x2db_c.service", "a_5cx2db_5fc_2eservice" },
		{ "\xc3\xa9.service", "_c3_a9_2eservice" }, { "", "_" },
	};

	for (size_t i = 0; i < G_N_ELEMENTS(rows); i++) {
		g_autofree char *expected = g_strconcat("/org/freedesktop/systemd1/unit/", rows[i].path, NULL);
		g_autofree char *path = systemd_unit_path(rows[i].unit);

		g_assert_cmpstr(path, ==, expected);
		g_assert_true(g_variant_is_object_path(path));
	}
}

static void
test_slice(void)
{
	static const struct {
		const char *group, *root, *slice;
	} rows[] = {
		{ "/user.slice/user-1000.slice/session-3.scope", "", "user-1000.slice" },
		{ "/system.slice/a.service", "", "system.slice" },
		{ "/system.slice/a.service/b.slice/c", "", "system.slice" }, /* that is the service's own affair */
		{ "/user.slice/user-0.slice/user@0.service/app.slice/a.scope", "", "user-0.slice" },
		{ "/app.slice/a.scope", "", "app.slice" },
		{ "/init.scope", "", NULL },
		{ "/", "", NULL },
		{ "/a/b", "", NULL },
		{ "/docker/x/system.slice/a.service", "/docker/x", "system.slice" },
		{ "/docker/y/system.slice/a.service", "/docker/x", NULL },
		{ "/../other.slice/a.service", "", NULL },
	};

	for (size_t i = 0; i < G_N_ELEMENTS(rows); i++) {
		g_autofree char *slice = systemd_slice(rows[i].group, rows[i].root);

		g_assert_cmpstr(slice, ==, rows[i].slice);
	}
}

int
main(int argc, char **argv)
{
	g_test_init(&argc, &argv, NULL);
	g_test_add_func("/dbus/against-glib/random", test_random);
	g_test_add_func("/dbus/against-glib/header", test_header);
	g_test_add_func("/dbus/bytes/exact", test_exact);
	g_test_add_func("/dbus/bytes/malformed", test_malformed);
	g_test_add_func("/dbus/bytes/depth", test_depth);
	g_test_add_func("/dbus/bytes/write-limits", test_write_limits);
	g_test_add_func("/dbus/bytes/truncated", test_truncated);
	g_test_add_func("/dbus/bytes/mutated", test_mutated);
	g_test_add_func("/dbus/peer/errors", test_peers);
	g_test_add_func("/dbus/peer/deadline", test_deadline);
	g_test_add_func("/dbus/peer/deadline-send", test_deadline_send);
	g_test_add_func("/dbus/peer/signals", test_signals);
	g_test_add_func("/dbus/peer/connect", test_connect);
	g_test_add_func("/systemd/scope", test_scope);
	g_test_add_func("/systemd/scope/fails", test_scope_fails);
	g_test_add_func("/systemd/unit-path", test_unit_path);
	g_test_add_func("/systemd/slice", test_slice);
	return g_test_run();
}
