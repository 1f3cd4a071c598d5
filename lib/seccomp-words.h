/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* SPDX-FileCopyrightText: The libsbx developers */

/* The words of a seccomp policy: system calls, their groups, errnos and constants, each with its number. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define SECCOMP_NR_MOST 1024u    /* every call of every table is below */
#define SECCOMP_X32 0x40000000u  /* on x86-64 calls from here on are x32's */
#define SECCOMP_ERRNO_MOST 4095u /* of the kernel */

/* AUDIT_ARCH_* that the tables were made for, and whether there is x32 beside it. */
uint32_t seccomp_native_arch(void);
bool seccomp_native_x32(void);

/* Is there such a call at all? -1: on other architectures only. */
bool seccomp_word_call(const char *name, int *ret_nr);
/* The name of a call of the native architecture or its 32-bit brother; NULL where unknown. */
const char *seccomp_word_name(uint32_t arch, uint32_t nr);
/* The members of "@NAME", other groups among them, separated by blanks; NULL when there is no such group. @known has
 * none here: it is every call of the table. */
const char *seccomp_word_group(const char *name);
bool seccomp_word_errno(const char *name, unsigned *ret_errno);
bool seccomp_word_constant(const char *name, uint64_t *ret_value);
/* "unix", "AF_UNIX" */
bool seccomp_word_family(const char *name, uint64_t *ret_value);

/* Each list by its index; NULL behind the last. */
const char *seccomp_nth_call(size_t i);
const char *seccomp_nth_group(size_t i);
const char *seccomp_nth_errno(size_t i);
const char *seccomp_nth_constant(size_t i);
const char *seccomp_nth_family(size_t i);
/* The word of a list that is nearest to a misspelt one, or NULL when none is near. */
const char *seccomp_word_nearest(const char *word, const char *(*nth)(size_t));
