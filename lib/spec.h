/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* SPDX-FileCopyrightText: The libsbx developers */

/* The wish: keys and their checked text values in the order they were given, and what cannot be text (fds, bytes). */
#pragma once

#include <glib.h>
#include <stdbool.h>

#include "key.h"
#include "sbx.h"

struct spec_entry {
	const struct key *key;
	char *name;       /* the key's name; for the catch-all KEY_RAW the file's */
	char *value;      /* checked by value_check() */
	bool best_effort; /* written as ?key */
	/* only for entries made by sbx_spec_file() and sbx_spec_bind_fd(); value is then the path inside */
	GBytes *data;  /* file: the bytes, else NULL */
	unsigned mode; /* file: permission bits (0644 when set by text) */
	int fd;        /* bind: the fd, else -1 */
	/* seccomp: the program, when it came from a file or the caller; value is then the path, or says how long it is */
	struct seccomp_object *seccomp;
};

enum spec_ns {
	SPEC_NS_NET,
	SPEC_NS_IPC,
	SPEC_NS_UTS,
	SPEC_NS_TIME,
	SPEC_NS_CGROUP,
	SPEC_NS_USER,
	SPEC_NS_PID,
	SPEC_NS_N
};

struct sbx_spec {
	GPtrArray *entries;  /* of struct spec_entry; a key that is no list stands here once at most */
	int join[SPEC_NS_N]; /* -1: none */
};

const char *spec_ns_name(enum spec_ns ns); /* "net" */

/* The entry of a key that is no list, or the last one of a list; NULL when it is not set. */
const struct spec_entry *spec_entry(const sbx_spec *spec, const char *key);
/* Its text, else the key's default, else NULL. */
const char *spec_text(const sbx_spec *spec, const char *key);
/* The bits of `share`, SHARE_... of value.h. */
unsigned spec_share(const sbx_spec *spec);
static inline const struct spec_entry *
spec_at(const sbx_spec *spec, guint i)
{
	return g_ptr_array_index(spec->entries, i);
}
/* sbx_spec_set() with a GError: profile.c and the public function share it. */
bool spec_set(sbx_spec *spec, const char *key, const char *value, GError **error);
