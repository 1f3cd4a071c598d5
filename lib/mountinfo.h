/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* SPDX-FileCopyrightText: The libsbx developers */

/* /proc/self/mountinfo, one mount after the other. */
#pragma once

#include <glib.h>
#include <stdbool.h>
#include <stdio.h>

/* One line; the strings lie in the line's own memory, escapes resolved. */
struct mount {
	int id;
	const char *root;  /* what of its file system is mounted */
	const char *point; /* where */
	const char *type;
	const char *source;
	const char *options; /* of the file system ("super options"), comma-separated */
};

/* Take one line apart, in place. false: it is not one of mountinfo. */
bool mountinfo_parse(char *line, struct mount *ret_mount);

/* Zero it first. */
struct mountinfo {
	FILE *file;
	char *line;
	size_t size;
};

/* The next mount, until the next call; false at the end, and where the file cannot be read. */
bool mountinfo_next(struct mountinfo *mountinfo, struct mount *ret_mount);
void mountinfo_clear(struct mountinfo *mountinfo);
typedef struct mountinfo mountinfo_t;
G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC(mountinfo_t, mountinfo_clear)
