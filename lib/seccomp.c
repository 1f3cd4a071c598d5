/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* SPDX-FileCopyrightText: The libsbx developers */

/* Seccomp: the program of a spec, and what is asked about it. */
#include "seccomp.h"

#include "seccomp-load.h"
#include "seccomp-words.h"

#if !defined(__x86_64__) && !defined(__aarch64__)
#error "no seccomp policy for this architecture"
#endif

const struct seccomp_program *
seccomp_program_of(const sbx_spec *spec)
{
	const struct spec_entry *entry = spec_entry(spec, "seccomp");

	if (entry && entry->seccomp)
		return &entry->seccomp->program;
	return seccomp_builtin(spec_text(spec, "seccomp"));
}

bool
seccomp_allows(const struct seccomp_program *program, unsigned nr)
{
	return !program || seccomp_check_allows(program, nr);
}

const char *
seccomp_call_name(uint32_t arch, uint32_t nr)
{
	return seccomp_word_name(arch, nr);
}
