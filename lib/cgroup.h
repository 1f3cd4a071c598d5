/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* SPDX-FileCopyrightText: The libsbx developers */

/* One cgroup v2 directory of one box: made, limited, read, killed, removed. Everything goes through its directory
 * fd. */
#pragma once

#include <glib.h>
#include <stdbool.h>
#include <stdint.h>

#include "sbx.h"

struct cgroup {
	int parent_fd; /* directory fds */
	int fd;
	int kill_fd; /* cgroup.kill, open from the start: a kill must not need a free fd */
	char
		*name; /* sbx.PID.STARTTIME.N: whose it is stands in the name, so that a sweep can tell from the first moment */
	char *path;           /* for messages */
	uint64_t peak_offset; /* what pids.peak counts for us */
	void *held;           /* what stands on it and goes with it, and how: the device program */
	GDestroyNotify let_go;
};

/* Make a group below `parent_fd` (kept as a duplicate). `parent_path` is for messages. As long as its `fd` is open,
 * here or in a copy of this process, no sweeper touches it. */
bool cgroup_new(int parent_fd, const char *parent_path, struct cgroup **ret_cgroup, GError **error);
/* Take over one that cgroup_new() made in a process that is gone; other sweepers keep away from it then. NULL and
 * errno: EWOULDBLOCK (it is held), EBUSY (its owner is seen alive), EINVAL (no name of ours), EACCES, ENOENT... kill_fd
 * is -1 where this user may not kill. */
struct cgroup *cgroup_take(int parent_fd, const char *parent_path, const char *name);
/* Write one limit and read it back; `value` as value_kernel() makes it (io.max: DEV is resolved here to maj:min of the
 * whole disk). ret_applied: what the kernel holds now. The error has stage cgroup, key `file`, and a hint. */
bool cgroup_set(const struct cgroup *cgroup, const char *file, const char *value, char **ret_applied, GError **error);
/* Kill everything in it and below: one write to cgroup.kill. */
bool cgroup_kill(const struct cgroup *cgroup, GError **error);
/* 1: some process lives in it, 0: none, -1 and errno. */
int cgroup_populated(const struct cgroup *cgroup);
/* The numbers that the cgroup knows, into the report, with their valid bits. */
void cgroup_stat(const struct cgroup *cgroup, sbx_report *report);
struct cgroup_oom {
	uint64_t kills; /* killed in it or below by its own limit or one above; 0: none, or by limits below it only */
	uint64_t own;   /* its own limit was reached so often */
};
/* false: no memory controller here. */
bool cgroup_oom(const struct cgroup *cgroup, struct cgroup_oom *ret);
/* Wait until it is empty, at most timeout_ms, then remove it and every group below it, deepest first. Called twice is
 * fine. The error (EBUSY) names pids that are left. */
bool cgroup_remove(struct cgroup *cgroup, int timeout_ms, GError **error);
/* Frees memory and fds only. */
void cgroup_free(struct cgroup *cgroup);
typedef struct cgroup cgroup_t;
G_DEFINE_AUTOPTR_CLEANUP_FUNC(cgroup_t, cgroup_free)
