/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* SPDX-FileCopyrightText: The libsbx developers */

/* The processes of a group moved into a leaf below it, so that the group can pass controllers on: all of them, or
 * none. */
#pragma once

#include <glib.h>
#include <stdbool.h>

#define LEAF_NAME "sbx-host"

struct leaf {
	int group_fd, fd;
	char *path;     /* of the leaf; for messages */
	bool made;      /* by us */
	GArray *before; /* of int: who was in it already */
};

/* Make the leaf of a group, or take the one that is there. No other of us, thread or process, is at it until
 * leaf_clear(). */
bool leaf_open(int group_fd, const char *group_path, struct leaf *ret, GError **error);
/* Move every process of the group, its threads and whatever it forks meanwhile, until the group is empty. */
bool leaf_fill(const struct leaf *leaf, GError **error);
/* Move all of them back and remove the leaf; *error, which says why, gets the names of those that stay. Always
 * false. */
bool leaf_undo(const struct leaf *leaf, GError **error);
void leaf_clear(struct leaf *leaf);
typedef struct leaf leaf_t;
G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC(leaf_t, leaf_clear)
