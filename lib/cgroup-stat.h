/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* SPDX-FileCopyrightText: The libsbx developers */

/* Numbers out of the kernel's text. Pure and strict: what is not exactly a number of 64 bits is not there. */
#pragma once

#include <stdbool.h>
#include <stdint.h>

/* "NUMBER\n" */
bool stat_number(const char *text, uint64_t *ret_value);
/* The line "NAME NUMBER" of cpu.stat, memory.events, cgroup.events... */
bool stat_field(const char *text, const char *name, uint64_t *ret_value);
/* The sum of all NAME=NUMBER of io.stat; an empty text is 0. */
bool stat_sum(const char *text, const char *name, uint64_t *ret_value);
struct cgroup_oom;
/* memory.events.local and memory.events: whose limit killed in this group? false: a number is missing. */
bool stat_oom(const char *local, const char *below, struct cgroup_oom *ret);
/* total=USEC of the line "some" of a pressure file. */
bool stat_pressure(const char *text, uint64_t *ret_usec);
