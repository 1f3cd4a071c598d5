/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* SPDX-FileCopyrightText: The libsbx developers */

/* The host: what this kernel and this place in it can, found by looking, never by version. Any thread; nothing is
 * changed. */
#pragma once

#include <stdbool.h>

/* --- facts that cannot change while we run: looked up once --- */

struct host_path {
	const char *path; /* NULL ends a list */
	bool is_dir;      /* else a file: what can be mounted over it differs */
	bool roots;       /* only root of the host can read it: no matter in a user namespace */
};

/*
 * The paths of /proc and /sys that OCI runtimes hide, or keep read-only, as far as this kernel has them. Where the
 * host's own /proc or /sys does not show all there is (subset=pid, not mounted), every candidate of it is listed,
 * because a new mount would have it: a step on such a path forgives ENOENT.
 */
const struct host_path *host_masked_paths(void);
const struct host_path *host_readonly_paths(void);

/* The highest capability number that this kernel knows. */
unsigned host_last_cap(void);
/* Are we in the initial user namespace (every id is mapped to itself)? */
bool host_is_initial_user_ns(void);
/*
 * May a new user namespace mount a "proc" or a "sysfs" of its own, read-only, or would the kernel refuse because
 * something lies over the one that is visible here (a container that masks parts of it)? proc needs a new pid namespace
 * as well, sysfs a new network namespace. Looked up once for each: a mount that comes later makes the mount step fail,
 * no more.
 */
bool host_can_mount_proc(void);
bool host_can_mount_sysfs(void);

/* --- facts that are read each time --- */

/* Is /proc/self/ns/NAME there: mnt pid net ipc uts cgroup user time. */
bool host_has_ns(const char *name);
bool host_has_time_ns(void);
/* Is this CAP_ number in the calling thread's effective set, valid in our own user namespace? */
bool host_has_cap(unsigned cap);
/* Is this id (of a group, else of a user) mapped in our own user namespace? */
bool host_has_id(bool group, unsigned id);
/* Our own; negative protects from the out-of-memory killer. 0 where it can't be read. */
int host_oom_score_adj(void);
/* CAP_SYS_ADMIN in our own user namespace: mounts, cgroups and namespaces without a new user namespace. */
bool host_is_privileged(void);

/* Pure, for host_can_mount_...(): does this text of /proc/self/mountinfo show a whole `fstype`? */
bool host_mount_is_whole(const char *mountinfo, const char *fstype);
