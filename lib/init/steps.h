/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* SPDX-FileCopyrightText: The libsbx developers */

/* Plans inside init: checked, mapped, and carried out one system call after the other. */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "wire.h"

/* Where the plan that runs is, or stopped. A payload writes here too: it shares our memory until its exec. */
struct progress {
	uint32_t step;
	int error; /* 0 while all is well */
};

extern int slots[WIRE_SLOTS];
extern struct progress progress;
/* best-effort steps that failed, until they are told of */
extern struct wire_record skipped[64];
extern unsigned n_skipped;

/* The plan behind `fd`, mapped where its pointers expect it, and no larger, smaller or stranger than it says. NULL:
 * *error. */
const struct wire_plan *plan_map(int fd, uint64_t base, long *error);
/* Steps [from, to) of a plan. false: progress says which one failed, and how. */
bool steps_run(const struct wire_plan *plan, uint32_t phase, uint32_t id, uint32_t from, uint32_t to);
/* The sixth argument of a step: what the filter of a command knows our own calls by, where the step is its execve. */
uint64_t step_word(const struct wire_plan *plan, uint32_t step);
bool step_is_exec(const struct wire_plan *plan, uint32_t step);
