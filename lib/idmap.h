/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* SPDX-FileCopyrightText: The libsbx developers */

/* Id maps of a user namespace: checked, written from outside, and read back. */
#pragma once

#include <glib.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "value.h"

#define IDMAP_LINES_MAX 340 /* the kernel's UID_GID_MAP_MAX_EXTENTS */

struct idmap {
	GArray *uid; /* of struct value_map */
	GArray *gid;
	bool deny_setgroups;
};

/* One to 340 lines, less than a page of text, each of at least one id, none overlapping another on either side, none
 * beyond 32 bits (the last id, 4294967295, means "none" and cannot be mapped). The error has stage identity and that
 * key. */
bool idmap_check(const GArray *map, const char *key, GError **error);
/* The text for /proc/PID/uid_map. g_free() it. */
char *idmap_text(const GArray *map);
/*
 * Write setgroups (when denied), gid_map and uid_map of `pid`, a child that sits in a new user namespace of ours, and
 * read back what the kernel holds. A plain user's map of anything but the one own id goes through newgidmap and
 * newuidmap, within what /etc/subgid and /etc/subuid grant. Blocks for as long as these helpers run, 10 s each at most.
 * The child must not have exited and must still be dumpable; `pidfd` is its own, which tells that the number is still
 * its.
 */
bool idmap_write(pid_t pid, int pidfd, const struct idmap *map, GError **error);
/* Pure: the first range that this text of /etc/subuid or /etc/subgid grants to the user of that name (may be NULL) or
 * numeric id, as outside and count; inside is 0. false: none. */
bool idmap_subid(const char *text, const char *name, uint32_t id, struct value_map *ret_first_range);
/* Pure: does one of these ranges hold the whole outside range of `line`? (newuidmap takes no range made of two.) */
bool idmap_subid_covers(const char *text, const char *name, uint32_t id, const struct value_map *line);
