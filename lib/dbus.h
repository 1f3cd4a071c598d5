/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* SPDX-FileCopyrightText: The libsbx developers */

/* One connection to a D-Bus peer: a bus, or a service's own socket. Calls block, until one deadline for all of it. */
#pragma once

#include <glib.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

struct dbus;

/* Connect to a unix socket and say who we are. `deadline`: of g_get_monotonic_time(), for this and for all that
 * comes. Errors, here and below: stage cgroup, key cgroup.parent; ETIMEDOUT: the deadline, the sentence says what
 * was waited for. */
struct dbus *dbus_open(const char *path, int64_t deadline, GError **error);
/* The same with a socket that is connected and non-blocking (now owned by this); `path` is for messages. */
struct dbus *dbus_adopt(int fd, const char *path, int64_t deadline, GError **error);
void dbus_free(struct dbus *bus);
typedef struct dbus dbus_t;
G_DEFINE_AUTOPTR_CLEANUP_FUNC(dbus_t, dbus_free)

/* A bus wants this first, a service's own socket does not. */
bool dbus_hello(struct dbus *bus, GError **error);
/* The pid of who listens there, in our pid namespace; 0: it is outside of that. -1 and errno. */
pid_t dbus_peer(const struct dbus *bus);
/* Call a method and wait for the reply: its arguments, a tuple of `type`. `args` (NULL: none) may be floating.
 * When the peer answered with an error: EACCES, EEXIST, ENOENT or EREMOTEIO, and dbus_error_name() is its name. */
GVariant *dbus_call(struct dbus *bus, const char *destination, const char *path, const char *interface,
                    const char *method, GVariant *args, const char *type, GError **error);
const char *dbus_error_name(const struct dbus *bus); /* of the last call; NULL: it was no answer of the peer */
/* Keep signals of this name, the latest 256, from now on; others are dropped. One name for a connection. */
void dbus_keep(struct dbus *bus, const char *interface, const char *member);
/* The next one that is of `type`: its arguments. What is of another type is dropped. */
GVariant *dbus_signal(struct dbus *bus, const char *type, GError **error);
