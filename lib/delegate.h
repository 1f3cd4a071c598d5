/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* SPDX-FileCopyrightText: The libsbx developers */

/* A place in the cgroup tree: which directory may hold the box's group, with the wanted controllers enabled for it. */
#pragma once

#include <glib.h>
#include <stdbool.h>

/*
 * `parent` is "auto" (or NULL) or a path: absolute below the cgroup2 mount ("/sys/fs/cgroup/a") or as /proc/PID/cgroup has it ("/a").
 * `controllers`: names that must be usable in a child of the place, NULL-terminated. They are enabled
 * in cgroup.subtree_control down the path where needed and permitted. On success an fd of the directory and its path.
 * Errors: stage cgroup, key = the first key of `keys` (parallel to controllers) that could not be had; one sentence that
 * names controller, path and what stands in the way; the hint says what helps.
 */
bool delegate_find(const char *parent, const char *const *controllers, const char *const *keys, int *ret_fd,
                   char **ret_path, GError **error);
/* The controllers usable in children of `fd`, one line as in cgroup.subtree_control. g_free() it. */
char *delegate_controllers(int fd);
