/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* SPDX-FileCopyrightText: The libsbx developers */

/* systemd's managers: which one is ours, how to talk to it, and where we are in its tree. */
#pragma once

#include <glib.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "dbus.h"

struct manager {
	bool user;
	uid_t uid; /* as the machine sees it: it is in the paths */
	char *own; /* its own socket, or NULL: not for us */
	char *bus;
};

/* The system's, or that of our user. */
void manager_find(bool user, struct manager *ret);
/* The one whose scopes we may ask for: the system's for root of the machine. */
void manager_find_ours(struct manager *ret);
void manager_clear(struct manager *manager);
typedef struct manager manager_t;
G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC(manager_t, manager_clear)

/* The first that answers, its own socket or the bus; everything until `deadline`. */
struct dbus *manager_open(const struct manager *manager, int64_t deadline, bool *ret_is_bus, GError **error);
/* The slice that we sit in, if it is one of this manager's, else NULL. g_free() it. */
char *manager_slice(const struct manager *manager);
