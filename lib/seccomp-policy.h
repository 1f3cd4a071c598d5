/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* SPDX-FileCopyrightText: The libsbx developers */

/*
 * The policy language: text into rules, see sbx-seccomp(7).
 *
 * Theory of operation: a policy has levels. Each `include` is one, in the order in which they stand, and what the text
 * itself says is the highest. About one call, the highest level that says anything goes first: its rules with `if` in
 * the order of their lines, then its rule without, by name before by group, later groups before earlier ones. Only
 * where a level has no rule without `if` are the levels below asked, and in the end `default` holds.
 */
#pragma once

#include <glib.h>
#include <stdbool.h>
#include <stdint.h>

enum seccomp_op {
	SECCOMP_EQ, /* one of the values */
	SECCOMP_NE,
	SECCOMP_LT,
	SECCOMP_LE,
	SECCOMP_GT,
	SECCOMP_GE,
};

/* Does argument `arg`, and-ed with `mask`, stand to the value as `op` says? Unsigned. */
struct seccomp_cond {
	unsigned arg;
	bool narrow; /* only the lower 32 bits of the argument are looked at; mask and values have no more */
	enum seccomp_op op;
	uint64_t mask;
	GArray *values; /* of uint64_t; one, or for SECCOMP_EQ several */
};

/* All must hold. Shared by the rules of one line. */
struct seccomp_test {
	GArray *conds; /* of struct seccomp_cond */
	char *text;    /* as it was written, for equality */
};

struct seccomp_rule {
	uint32_t action; /* SECCOMP_RET_... */
	unsigned nr;     /* of the native architecture, below SECCOMP_NR_MOST */
	unsigned level, line;
	bool by_group;
	const struct seccomp_test *test; /* NULL: whatever the arguments are */
};

struct seccomp_policy {
	char *name;        /* of the file, for messages */
	uint32_t rest;     /* what is not named gets this SECCOMP_RET_... */
	GArray *rules;     /* of struct seccomp_rule, in the order in which they were read */
	GPtrArray *tests;  /* of struct seccomp_test */
	unsigned n_levels; /* the text itself is level n_levels - 1 */
};

/* The text of a policy that can be included, or NULL. */
typedef const char *(*seccomp_include)(const char *name);

/* NULL and an error "NAME:LINE: what is wrong and what is accepted". */
struct seccomp_policy *seccomp_policy_parse(const char *name, const char *text, seccomp_include include,
                                            GError **error);
void seccomp_policy_free(struct seccomp_policy *policy);
typedef struct seccomp_policy seccomp_policy_t;
G_DEFINE_AUTOPTR_CLEANUP_FUNC(seccomp_policy_t, seccomp_policy_free)

/* seccomp-cond.c: the words behind `if`, up to NULL; `words` holds no empty one. The error has no NAME:LINE yet. */
struct seccomp_test *seccomp_test_parse(char **words, bool sockets, GError **error);
void seccomp_test_free(gpointer test);
