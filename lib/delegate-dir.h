/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* SPDX-FileCopyrightText: The libsbx developers */

/* One directory of the cgroup tree as a place for groups: is it ours, may it hold them, can it pass controllers on. */
#pragma once

#include <glib.h>
#include <stdbool.h>

#include "cgroupfs.h"

#define PARENT_KEY "cgroup.parent"

/* How much a reason tells; higher is better. */
enum telling { TELLS_NOTHING, TELLS_NOT_OURS, TELLS_NOT_PASSED_ON, TELLS_TYPE, TELLS_BUSY };

/* The controllers that are wanted, and the key that wants each. Both may be NULL. */
struct wish {
	const char *const *controllers;
	const char *const *keys;
};

struct dir {
	int fd;
	char *path;
};
void dir_clear(struct dir *dir);
typedef struct dir dir_t;
G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC(dir_t, dir_clear)

/* The first wanted controller that `list` has not, as an index; -1: it has all. */
int wish_missing(const struct wish *wish, const char *list);

/* `relative` to the mount, "" is the mount itself. */
bool dir_open(const struct cgroupfs *fs, const char *relative, struct dir *dir, GError **error);
/* Groups may be made here and processes cloned into them. */
bool dir_is_ours(const struct dir *dir, GError **error);
/* No part of a threaded subtree. */
bool dir_is_domain(const struct dir *dir, GError **error);
/* Processes of its own, which would stand in the way? Those of the tree's root do not. */
bool dir_has_processes(const struct dir *dir);
/* Make the wanted controllers usable in children of `dir`. One write: all of them or none. */
bool dir_enable(const struct dir *dir, const struct wish *wish, enum telling *ret_telling, GError **error);
/* May the box's group be made here, with all that is wanted? */
bool dir_take(const struct dir *dir, const struct wish *wish, enum telling *ret_telling, GError **error);
