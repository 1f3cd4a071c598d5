/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* SPDX-FileCopyrightText: The libsbx developers */

/* The value of the key `seccomp`: a built-in policy, a file, or a program that the caller made. */
#pragma once

#include <glib.h>
#include <stdbool.h>
#include <stddef.h>

#include "seccomp-program.h"

/* A program with its instructions, shared by the specs that hold it. */
struct seccomp_object {
	struct seccomp_program program;
	struct sock_filter filter[];
};

/* What the value of the key stands for: *ret is NULL for the name of a built-in policy or "none". A file is read and
 * compiled at once. */
bool seccomp_find(const char *value, struct seccomp_object **ret, GError **error);
/* Of a program that somebody else made: it is checked as the kernel would. */
struct seccomp_object *seccomp_load_given(const struct sock_filter *filter, size_t len, GError **error);
struct seccomp_object *seccomp_object_ref(struct seccomp_object *object);
void seccomp_object_unref(struct seccomp_object *object);
typedef struct seccomp_object seccomp_object_t;
G_DEFINE_AUTOPTR_CLEANUP_FUNC(seccomp_object_t, seccomp_object_unref)

/* The program and the text of a built-in policy; NULL for any other word. */
const struct seccomp_program *seccomp_builtin(const char *name);
const char *seccomp_builtin_text(const char *name);

/* seccomp-check.c: would the kernel take it? The error names the first instruction that is wrong. */
bool seccomp_check(const struct sock_filter *filter, size_t len, GError **error);
/* Whether the native call `nr` ends in ALLOW by its number alone. */
bool seccomp_check_allows(const struct seccomp_program *program, uint32_t nr);
