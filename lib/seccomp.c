/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* SPDX-FileCopyrightText: The libsbx developers */

/* Seccomp: a policy's name turned into a filter program. */
#include "seccomp.h"

#include <errno.h>
#include <linux/audit.h>

#include "error.h"
#include "seccomp-default.h" /* made while we build, by seccomp-gen */

#if defined(__x86_64__)
#define ARCH_NATIVE AUDIT_ARCH_X86_64
#elif defined(__aarch64__)
#define ARCH_NATIVE AUDIT_ARCH_AARCH64
#else
#error "no seccomp policy for this architecture"
#endif

G_STATIC_ASSERT(SECCOMP_DEFAULT_ARCH == ARCH_NATIVE);
G_STATIC_ASSERT(G_N_ELEMENTS(seccomp_default) <= BPF_MAXINSNS);

bool
seccomp_find(const char *policy, const struct sock_filter **ret_filter, unsigned short *ret_len, GError **error)
{
	if (g_str_equal(policy, "default")) {
		*ret_filter = seccomp_default;
		*ret_len = G_N_ELEMENTS(seccomp_default);
		return true;
	}
	if (g_str_equal(policy, "none")) {
		*ret_filter = NULL;
		*ret_len = 0;
		return true;
	}
	throw_error(error, EINVAL, STAGE_SECCOMP, "seccomp", "there is no seccomp policy \"%s\"", policy);
	return throw_hint(error, "use \"default\" or \"none\"");
}
