/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* SPDX-FileCopyrightText: The libsbx developers */

/* A policy turned into a program. */
#pragma once

#include "seccomp-policy.h"
#include "seccomp-program.h"

/* What a filter may have, less what is put in front of it when a box is made. */
#define SECCOMP_LEN_MOST (BPF_MAXINSNS - 32)

/* The rules about call `nr` that can have a say, in the order in which they are asked; the last one has no test unless
 * the default holds behind them all. g_ptr_array_unref() it. */
GPtrArray *seccomp_rules_of(const struct seccomp_policy *policy, unsigned nr);

/* NULL and an error that names the policy. ret_program->filter is the answer, g_free() it. */
struct sock_filter *seccomp_compile(const struct seccomp_policy *policy, struct seccomp_program *ret_program,
                                    GError **error);
