/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* SPDX-FileCopyrightText: The libsbx developers */

/* Seccomp: the filter program of a spec, and the names of the calls it decides about. */
#pragma once

#include <glib.h>
#include <stdbool.h>
#include <stdint.h>

#include "seccomp-program.h"
#include "spec.h"

/* The program in force for a spec: NULL for none. Never fails: it was compiled when the key was set. It lives as long
 * as the spec is not changed or freed. */
const struct seccomp_program *seccomp_program_of(const sbx_spec *spec);
/* Whether the native call nr is allowed whatever its arguments are. */
bool seccomp_allows(const struct seccomp_program *program, unsigned nr);
/* The name of a call, NULL where unknown; arch is AUDIT_ARCH_*. An x32 number (bit 30) is named as its native
 * brother. */
const char *seccomp_call_name(uint32_t arch, uint32_t nr);
