/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* SPDX-FileCopyrightText: The libsbx developers */

/* A place in the cgroup tree: which directory may hold the box's group, with the wanted controllers enabled for it. */
#pragma once

#include <glib.h>
#include <stdbool.h>

/*
 * `parent` is "auto" (or NULL) or a path: absolute below the cgroup2 mount ("/sys/fs/cgroup/a") or as /proc/PID/cgroup
 * has it ("/a"). `controllers`: names that must be usable in a child of the place, NULL-terminated. They are enabled
 * in cgroup.subtree_control down the path where needed and permitted. On success an fd of the directory and its path.
 * Errors: stage cgroup, key = the first key of `keys` (parallel to controllers) that could not be had; one sentence
 * that names controller, path and what stands in the way; the hint says what helps.
 */
bool delegate_find(const char *parent, const char *const *controllers, const char *const *keys, int *ret_fd,
                   char **ret_path, GError **error);
/* The same with "auto", and nothing above `top` is taken or written to: a group that the host's own is in or is,
 * relative to the mount; "" is the mount itself. EBUSY: processes stand in the way. */
bool delegate_find_below(const char *top, const char *const *controllers, const char *const *keys, int *ret_fd,
                         char **ret_path, GError **error);
/* The host's own group, once its processes are moved into a leaf of it: all of them, or none. */
bool delegate_leaf(const char *top, const char *const *controllers, const char *const *keys, int *ret_fd,
                   char **ret_path, GError **error);
/* A directory that was made for this process. *ret_reach: it may clone into a child of it by itself. */
bool delegate_take(const char *path, const char *const *controllers, const char *const *keys, int *ret_fd,
                   char **ret_path, bool *ret_reach, GError **error);
/* Are these offered at the top of the tree? What is not is not to be found anywhere below. */
bool delegate_offered(const char *const *controllers, const char *const *keys, GError **error);
/* mkdir in the group `path` has failed with EAGAIN: which limit of which group that was. Always false. */
bool delegate_throw_full(const char *path, GError **error);
/* The controllers usable in children of `fd`, one line as in cgroup.subtree_control. g_free() it. */
char *delegate_controllers(int fd);
