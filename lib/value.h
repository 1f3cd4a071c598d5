/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* SPDX-FileCopyrightText: The libsbx developers */

/* Values: the text of a key turned into numbers and paths, and each "what is accepted" sentence. Pure. */
#pragma once

#include <glib.h>
#include <stdbool.h>
#include <stdint.h>

#include "key.h"

#define VALUE_MAX UINT64_MAX /* "max": no limit */

struct value_mount { /* bind, ro-bind, tmpfs, overlay, file, symlink */
	char *src;       /* bind: host path; symlink: target; else NULL */
	char *dst;       /* absolute path inside, cleaned: no "//", no "/." , no trailing "/"; ".." is refused */
	char *text;      /* file: the contents */
	uint64_t size;   /* tmpfs: bytes, VALUE_MAX when not given */
	uint64_t inodes; /* tmpfs: files, VALUE_MAX when not given */
};
struct value_user {
	uint32_t uid, gid; /* gid = uid when not given */
};
struct value_map {
	uint32_t inside, outside, count;
};
struct value_rlimit {
	int resource; /* RLIMIT_... */
	uint64_t soft, hard;
};
#define DEVICE_ANY UINT32_MAX /* "*" for a major or minor number */
/* Bits of device_rule.types and .access, as BPF_DEVCG_... of linux/bpf.h. */
enum {
	DEVICE_BLOCK = 1,
	DEVICE_CHAR = 2,
	DEVICE_MKNOD = 1,
	DEVICE_READ = 2,
	DEVICE_WRITE = 4,
	DEVICE_RWM = 7,
};
struct device_rule { /* no padding: rules are compared as bytes */
	uint32_t types;
	uint32_t major, minor;
	uint32_t access;
};
struct value_device {
	char *path;   /* of a node below /dev; its numbers are the host's affair, and rule has only the access */
	char *driver; /* a name of /proc/devices, perhaps with a "*" in it; rule has types and access */
	struct device_rule rule;
};
/* Bits of value_share(). */
enum {
	SHARE_PID = 1,
	SHARE_IPC = 2,
	SHARE_UTS = 4,
	SHARE_NET = 8,
	SHARE_CGROUP = 16,
	SHARE_USER = 32,
	SHARE_TIME = 64,
};

/* Is `text` a good value of `name` (of this key; `name` is the file name for KEY_RAW)? The error names key, value and
 * what is accepted: stage spec, EINVAL. The functions below then take it: nobody need look at their answer. */
bool value_check(const struct key *key, const char *name, const char *text, GError **error);

/* An absolute path inside, cleaned as value_mount.dst is; NULL when it is none. g_free() it. */
char *value_path(const char *text);
/* The text quoted for a message, long ones cut. g_free() it. */
char *value_quote(const char *text);

bool value_size(const char *text, uint64_t *ret_bytes);
bool value_count(const char *text, uint64_t *ret_count);
bool value_bool(const char *text, bool *ret_yes);
bool value_time(const char *text, uint64_t *ret_usec);
bool value_offset(const char *text, int64_t *ret_seconds);
bool value_mount(enum key_type type, const char *text, struct value_mount *ret);
void value_mount_clear(struct value_mount *mount); /* frees the strings; for g_auto() */
typedef struct value_mount value_mount_t;
G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC(value_mount_t, value_mount_clear)
bool value_share(const char *text, unsigned *ret_bits);
bool value_user(const char *text, struct value_user *ret);
bool value_ids(const char *text, GArray **ret_uint32);
bool value_map(const char *text, struct value_map *ret);
bool value_rlimit(const char *text, struct value_rlimit *ret);
bool value_cap(const char *text, uint64_t *ret_mask); /* bit N is CAP_ number N; "CAP_" and case do not matter */
char *value_cap_name(unsigned number);                /* "CAP_CHOWN"; g_free() it */
bool value_device(const char *text, struct value_device *ret);
void value_device_clear(struct value_device *device); /* frees the strings; for g_auto() */
typedef struct value_device value_device_t;
G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC(value_device_t, value_device_clear)
bool value_nice(const char *text, int *ret_nice);

/* What is written to the kernel file of a limit: "1.5" of cpu.max is "150000 100000". KEY_IO_MAX keeps its DEV as it
 * was given, numbers in bytes: "DEV rbps=1048576 wbps=max". g_free() it. Never NULL where value_check() was content. */
char *value_kernel(const struct key *key, const char *text);
