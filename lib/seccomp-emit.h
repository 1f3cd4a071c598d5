/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* SPDX-FileCopyrightText: The libsbx developers */

/* Instructions, emitted from the last to the first: what is asked for goes in front of all that is there. A place is
 * counted from the end of the program, so that it stays what it is. */
#pragma once

#include <glib.h>
#include <stdint.h>

#include "seccomp-policy.h"

/* A return; an own one each time, unless the one in front is the same. */
guint emit_return(GArray *code, uint32_t action);
/* Load a word of struct seccomp_data and go on at `next`. */
guint emit_load(GArray *code, uint32_t offset, guint next);
/* BPF_JEQ, BPF_JGT, BPF_JGE or BPF_JSET with `k`, then to one of the places, however far. */
guint emit_jump(GArray *code, unsigned comparison, uint32_t k, guint if_true, guint otherwise);
/* The arguments are looked at: to `if_true` when all conditions hold. */
guint emit_test(GArray *code, const struct seccomp_test *test, guint if_true, guint otherwise);
