/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* SPDX-FileCopyrightText: The libsbx developers */

/* The cgroup2 file system of this host: where it is mounted, where we sit in it, why a controller is not there. */
#pragma once

#include <glib.h>
#include <stdbool.h>

struct cgroupfs {
	int fd;     /* the directory it is mounted on */
	char *path; /* the same for messages and for paths that users give */
	char *root; /* which group that is, in the words of /proc/PID/cgroup: "/" where no container is around us */
	char *own;  /* the host's own group, relative to fd: "" or "a/b"; NULL: it lies outside of this mount */
};

/* The mount is looked for once per process, the own group every time. */
bool cgroupfs_open(struct cgroupfs *ret_cgroupfs, GError **error);
void cgroupfs_clear(struct cgroupfs *cgroupfs);
typedef struct cgroupfs cgroupfs_t;
G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC(cgroupfs_t, cgroupfs_clear)

/* Throw why `controller`, wanted by `key`, is not offered in the group `path`. Always false. */
bool cgroupfs_missing(const char *controller, const char *key, const char *path, GError **error);

/* Pure. Is `word` one of the words of `list`, as in cgroup.controllers? */
bool cgroupfs_lists(const char *list, const char *word);
/* Pure. The v2 line of /proc/PID/cgroup, or NULL. g_free() it. */
char *cgroupfs_parse_own(const char *text);
/* Pure. `group` relative to `root`, both in the words of /proc/PID/cgroup: "" or "a/b"; NULL: it is not below. */
const char *cgroupfs_relative(const char *root, const char *group);
/* Pure. The line of a controller (v1's name) in /proc/cgroups. */
bool cgroupfs_parse_controller(const char *text, const char *name, unsigned *ret_hierarchy, bool *ret_enabled);
