/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* SPDX-FileCopyrightText: The libsbx developers */

/* What files.c and files-standard.c share: the root, the places that cover it, and how a target is found. */
#pragma once

#include <glib.h>
#include <linux/mount.h>
#include <linux/openat2.h>
#include <stdbool.h>
#include <sys/stat.h>

#include "plan.h"
#include "value.h"

#ifndef MNT_DETACH
#define MNT_DETACH 2
#endif

#define FILES_NONE UINT_MAX
/* of /tmp, and of any tmpfs or overlay that was given no size */
#define FILES_TMPFS_SIZE (1ull << 30)
#define FILES_TMPFS_INODES (1ull << 18)

enum files_root { FILES_HOST, FILES_EMPTY, FILES_DIR };

/* A mount of the box. Where it is `own`, nothing of the host's lies behind it: names may be made in it. */
struct files_place {
	char *dst;
	bool own;
};

struct files_item {
	const struct spec_entry *entry;
	value_mount_t mount;
	struct stat source; /* of a bind */
	unsigned slot;      /* of a bind: the detached copy */
};

struct files {
	const sbx_spec *spec;
	struct plan *plan;
	enum files_root root;
	const struct spec_entry *root_entry; /* NULL where root was not set */
	const char *root_dir;
	const struct spec_entry *root_overlay; /* overlay=/ */
	bool root_on_top; /* an overlay lies over root_dir: asked for, or mount points are missing in it */
	GArray *items;    /* of struct files_item */
	GArray *places;   /* of struct files_place, oldest first */
	GArray *devices;  /* of files-device.c's own; NULL: none */
	unsigned root_slot, scratch_slot, proc_slot, sys_slot, dev_slot;
	unsigned whole_proc_slot; /* for boxes inside */
	unsigned node_slot[6];
	unsigned n_scratch;
};

/*
 * A detached copy of a tree, made by the host where it may: it can pass where the box's user can't. *ret_slot stays
 * FILES_NONE where it may not (a plain user; root of a user namespace in somebody else's mount namespace): init does it
 * then.
 */
bool files_host_copy(struct plan *plan, int dirfd, const char *path, unsigned *ret_slot);

/* files-device.c */
/* Look at the node that a device rule names, if it names one. */
bool files_device_add(struct files *files, const struct spec_entry *entry, GError **error);
void files_device_sources(struct files *files);
void files_device_mounts(struct files *files);

/* files-standard.c */
void files_standard_sources(struct files *files);
void files_standard_mounts(struct files *files);
void files_standard_finish(struct files *files);

/* files-target.c */
/* An O_PATH handle on `dst`, made first where it is missing and the place is our own. */
unsigned files_target(struct files *files, const char *dst, bool is_dir, bool symlinks);
/* A handle on the directory that holds dst, and dst's last component, in a place of our own. */
unsigned files_parent(struct files *files, const char *dst, const char **ret_name);
const struct files_place *files_place_of(const struct files *files, const char *dst);
void files_place_add(struct files *files, const char *dst, bool own);
/* mount -t tmpfs on dst: one call with the directory as cwd, so that no path is resolved twice */
void files_tmpfs(struct files *files, const char *dst, uint64_t size, uint64_t inodes, const char *more,
                 uint64_t flags);
void files_attach(struct files *files, unsigned from, unsigned target);
/* attributes of a detached mount or of an attached one, MOUNT_ATTR_... */
void files_attr(struct files *files, unsigned slot, uint64_t set, bool recursive);
