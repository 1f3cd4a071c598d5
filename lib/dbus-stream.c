/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* SPDX-FileCopyrightText: The libsbx developers */

/*
 * The bytes of a D-Bus connection.
 *
 * Theory of operation: the socket never blocks; whatever has to wait does so in wait_for(), which knows the one
 * deadline, so a peer that is silent, slow or floods us costs that much time and no more.
 */
#include "dbus-stream.h"

#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>

#include "error.h"
#include "fd.h"

#define KEY "cgroup.parent"
#define LINE_MAX_BYTES 512 /* of the greeting: theirs have about 40 */

void
dbus_stream_clear(struct dbus_stream *stream)
{
	fd_close(&stream->fd);
	g_clear_pointer(&stream->in, g_byte_array_unref);
	g_clear_pointer(&stream->path, g_free);
}

pid_t
dbus_stream_peer(const struct dbus_stream *stream)
{
	struct ucred peer;
	socklen_t size = sizeof(peer);

	return getsockopt(stream->fd, SOL_SOCKET, SO_PEERCRED, &peer, &size) < 0 ? -1 : peer.pid;
}

static bool
is_late(struct dbus_stream *stream, GError **error)
{
	return throw_error(error, ETIMEDOUT, STAGE_CGROUP, KEY, "wait for %s from %s: no answer in time", stream->waits,
	                   stream->path);
}

/* Wait until `events` are there. The clock is asked before each wait: a peer that always has a byte more gets no
 * more time. */
static bool
wait_for(struct dbus_stream *stream, short events, GError **error)
{
	for (;;) {
		int64_t left = stream->deadline - g_get_monotonic_time();
		struct pollfd poll_fd = { .fd = stream->fd, .events = events };
		int n;

		if (left <= 0)
			return is_late(stream, error);
		n = poll(&poll_fd, 1, (int)MIN(left / 1000 + 1, G_MAXINT));
		if (n > 0)
			return true;
		if (n < 0 && errno != EINTR)
			return throw_errno(error, STAGE_CGROUP, KEY, "wait for %s from %s", stream->waits, stream->path);
	}
}

bool
dbus_stream_send(struct dbus_stream *stream, const void *bytes, size_t size, GError **error)
{
	while (size > 0) {
		ssize_t n;

		if (!wait_for(stream, POLLOUT, error))
			return false;
		n = send(stream->fd, bytes, size, MSG_NOSIGNAL | MSG_DONTWAIT);
		if (n < 0 && errno != EINTR && errno != EAGAIN)
			return throw_errno(error, STAGE_CGROUP, KEY, "send to %s", stream->path);
		if (n > 0) {
			bytes = (const char *)bytes + n;
			size -= (size_t)n;
		}
	}
	return true;
}

/* Read at most so much more; at least one byte, or it is an error. */
static bool
receive(struct dbus_stream *stream, size_t size, GError **error)
{
	uint8_t bytes[4096];

	for (;;) {
		ssize_t n;

		if (!wait_for(stream, POLLIN, error))
			return false;
		n = recv(stream->fd, bytes, MIN(size, sizeof(bytes)), MSG_DONTWAIT);
		if (n == 0)
			return throw_error(error, ECONNRESET, STAGE_CGROUP, KEY, "wait for %s from %s: the connection was closed",
			                   stream->waits, stream->path);
		if (n < 0 && errno != EINTR && errno != EAGAIN)
			return throw_errno(error, STAGE_CGROUP, KEY, "wait for %s from %s", stream->waits, stream->path);
		if (n > 0) {
			g_byte_array_append(stream->in, bytes, (guint)n);
			return true;
		}
	}
}

bool
dbus_stream_receive(struct dbus_stream *stream, size_t size, GError **error)
{
	while (stream->in->len < size)
		if (!receive(stream, size - stream->in->len, error))
			return false;
	return true;
}

/* --- who we are --- */

/* One line, read a byte at a time: nothing that is behind it may be taken. */
static bool
receive_line(struct dbus_stream *stream, GString *ret, GError **error)
{
	g_string_truncate(ret, 0);
	while (!g_str_has_suffix(ret->str, "\r\n")) {
		if (!receive(stream, 1, error))
			return false;
		g_string_append_c(ret, (char)stream->in->data[0]);
		g_byte_array_set_size(stream->in, 0);
		if (ret->len > LINE_MAX_BYTES || ret->str[ret->len - 1] == '\0')
			return throw_error(error, EPROTO, STAGE_CGROUP, KEY, "%s does not speak D-Bus", stream->path);
	}
	g_string_truncate(ret, ret->len - 2);
	return true;
}

/* One try to get in; the last line of the answer goes to `line`. */
static bool
offer(struct dbus_stream *stream, const char *text, GString *line, GError **error)
{
	if (!dbus_stream_send(stream, text, strlen(text), error) || !receive_line(stream, line, error))
		return false;
	if (strcmp(line->str, "DATA") == 0 || g_str_has_prefix(line->str, "DATA "))
		return receive_line(stream, line, error);
	return true;
}

/*
 * SASL EXTERNAL: the peer knows our uid from the kernel. We say it in digits, each in hex. That is another one than
 * the peer sees where we are in a user namespace: then an empty text, which means "the one that you see".
 */
static bool
authenticate(struct dbus_stream *stream, GError **error)
{
	g_autoptr(GString) line = g_string_new("");
	g_autoptr(GString) auth = g_string_new("AUTH EXTERNAL ");
	g_autofree char *uid = g_strdup_printf("%u", (unsigned)geteuid());

	for (const char *digit = uid; *digit != '\0'; digit++)
		g_string_append_printf(auth, "%02x", (unsigned)*digit);
	g_string_append(auth, "\r\n");
	stream->waits = "a greeting";
	/* the NUL byte stands before everything */
	if (!dbus_stream_send(stream, "", 1, error) || !offer(stream, auth->str, line, error))
		return false;
	if (g_str_has_prefix(line->str, "REJECTED") && !offer(stream, "AUTH EXTERNAL\r\nDATA\r\n", line, error))
		return false;
	if (strcmp(line->str, "OK") != 0 && !g_str_has_prefix(line->str, "OK "))
		return throw_error(error, EACCES, STAGE_CGROUP, KEY, "%s does not let us in: %s", stream->path, line->str);
	return dbus_stream_send(stream, "BEGIN\r\n", 7, error);
}

bool
dbus_stream_adopt(struct dbus_stream *ret, int fd, const char *path, int64_t deadline, GError **error)
{
	*ret = (struct dbus_stream){
		.fd = fd,
		.path = g_strdup(path),
		.deadline = deadline,
		.in = g_byte_array_new(),
	};
	if (authenticate(ret, error))
		return true;
	dbus_stream_clear(ret);
	return false;
}

/* connect(2) of a unix socket does not wait in the background: where the peer's backlog is full it says EAGAIN,
 * and nothing tells when there is room. */
static bool
connect_by(int fd, const struct sockaddr_un *address, int64_t deadline)
{
	for (;;) {
		if (connect(fd, (const struct sockaddr *)address, sizeof(*address)) == 0)
			return true;
		if (errno == EINTR)
			continue;
		if (errno != EAGAIN)
			return false;
		if (g_get_monotonic_time() >= deadline) {
			errno = ETIMEDOUT;
			return false;
		}
		(void)poll(NULL, 0, 5);
	}
}

bool
dbus_stream_open(struct dbus_stream *ret, const char *path, int64_t deadline, GError **error)
{
	struct sockaddr_un address = { .sun_family = AF_UNIX };
	autofd fd = -1;

	if (strlen(path) >= sizeof(address.sun_path)) {
		return throw_error(error, ENAMETOOLONG, STAGE_CGROUP, KEY, "connect to %s: the path is too long", path);
	}
	memcpy(address.sun_path, path, strlen(path) + 1);
	fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (fd < 0 || !connect_by(fd, &address, deadline)) {
		return throw_errno(error, STAGE_CGROUP, KEY, "connect to %s", path);
	}
	return dbus_stream_adopt(ret, fd_steal(&fd), path, deadline, error);
}
