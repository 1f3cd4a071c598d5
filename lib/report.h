/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* SPDX-FileCopyrightText: The libsbx developers */

/* The report: outcome and numbers as a struct, the rest as text inside it, all of it as JSON. */
#pragma once

#include <glib.h>
#include <stdbool.h>

#include "sbx.h"

struct report_limit {
	char *key, *asked;
	char *applied; /* NULL: it is not in force */
};

/* A branch of the decision where the box's cgroup is made. */
struct report_place {
	char *branch; /* "subtree", "leaf", "scope", "given" */
	char *path;   /* what was looked at, or NULL */
	char *reason; /* why it was not taken; NULL: it was */
};

/* A system call at which the seccomp filter ended a process, or that it logged. */
struct report_call {
	uint32_t arch, nr; /* AUDIT_ARCH_... */
	bool logged;
};

/* An empty report of our own size. */
void report_init(sbx_report *report);
/* A list of struct report_place, and a place for it: the strings are copied. */
GPtrArray *report_places_new(void);
void report_add_place(GPtrArray *places, const char *branch, const char *path, const char *reason);
/* What of a report is text; each may be NULL. */
struct report_words {
	const GPtrArray *limits; /* of struct report_limit */
	const GPtrArray *places; /* of struct report_place */
	const GArray *calls;     /* of struct report_call */
	const sbx_error *error;
};
void report_set_text(sbx_report *report, const struct report_words *words);

/* What is in the text: things of so many strings each, in this order of importance, since the text has an end. */
enum report_mark {
	REPORT_ERROR = 'E',     /* stage, key, errno, message, hint */
	REPORT_KILLED = 'K',    /* a call: name, number, architecture */
	REPORT_LIMIT = 'L',     /* key, asked, '+' applied or '-' */
	REPORT_PLACE = 'P',     /* branch, '+' path or '-', '+' reason or '-' */
	REPORT_LOGGED = 'G',    /* a call: as above */
	REPORT_TRUNCATED = 'T', /* the member that says that something was left out */
};
#define REPORT_STRINGS 5
/* The next thing of the text: its mark and its strings; '\0' at the end, or where it is no text of ours. */
char report_text_next(const sbx_report *report, const char **at, const char *strings[REPORT_STRINGS]);

/* Copy as much as the caller's struct has room for, by its `size`. */
bool report_give(const sbx_report *report, sbx_report *ret);
