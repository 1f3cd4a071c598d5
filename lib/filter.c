/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* SPDX-FileCopyrightText: The libsbx developers */

/*
 * The seccomp filter of a payload, as steps.
 *
 * Theory of operation: from the moment the filter stands, two calls are still ours: the sendmsg(2) that gives init its
 * listener, and the execve(2). Where the policy does not allow them anyway, instructions in front of it do, for a
 * caller that has put a random word into the sixth argument, which these calls do not have. The payload never sees the
 * word: it was in memory that the exec took away, and a filter can be read by root of the host only.
 */
#include "filter.h"

#include <errno.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <stddef.h>
#include <string.h>
#include <sys/random.h>
#include <sys/syscall.h>

#include "plan.h"
#include "seccomp-words.h"
#include "seccomp.h"

static void
add(GArray *program, uint16_t code, unsigned jt, unsigned jf, uint32_t k)
{
	struct sock_filter instruction = { code, (uint8_t)jt, (uint8_t)jf, k };

	g_array_append_val(program, instruction);
}

/* The calls that we make ourselves behind the filter; faccessat is init's when a directory of PATH may not be searched,
 * and exit_group is that of a payload whose execve has failed. */
static const unsigned own_calls[] = { SYS_execve, SYS_execveat, SYS_exit_group, SYS_faccessat, SYS_sendmsg };
#define N_OWN G_N_ELEMENTS(own_calls)

static void
add_word_check(GArray *program, uint64_t word)
{
	const unsigned sixth = offsetof(struct seccomp_data, args[5]);
	const unsigned check = 5; /* instructions from the first load of the argument to the return */

	add(program, BPF_LD | BPF_W | BPF_ABS, 0, 0, offsetof(struct seccomp_data, arch));
	add(program, BPF_JMP | BPF_JEQ | BPF_K, 0, 1 + N_OWN + check, seccomp_native_arch());
	add(program, BPF_LD | BPF_W | BPF_ABS, 0, 0, offsetof(struct seccomp_data, nr));
	for (unsigned i = 0; i < N_OWN; i++)
		add(program, BPF_JMP | BPF_JEQ | BPF_K, N_OWN - 1 - i, i == N_OWN - 1 ? check : 0, own_calls[i]);
	/* both machines are little-endian */
	add(program, BPF_LD | BPF_W | BPF_ABS, 0, 0, sixth);
	add(program, BPF_JMP | BPF_JEQ | BPF_K, 0, 3, (uint32_t)word);
	add(program, BPF_LD | BPF_W | BPF_ABS, 0, 0, sixth + 4);
	add(program, BPF_JMP | BPF_JEQ | BPF_K, 0, 1, (uint32_t)(word >> 32));
	add(program, BPF_RET | BPF_K, 0, 0, SECCOMP_RET_ALLOW);
}

static bool
allows_own_calls(const struct seccomp_program *policy)
{
	for (unsigned i = 0; i < N_OWN; i++)
		if (!seccomp_allows(policy, own_calls[i]))
			return false;
	return true;
}

static GArray *
assemble(const struct seccomp_program *policy, uint64_t word, bool listen)
{
	GArray *program = g_array_sized_new(false, false, sizeof(struct sock_filter), policy->len + 16u);

	if (word)
		add_word_check(program, word);
	g_array_append_vals(program, policy->filter, policy->len);
	for (guint i = 0; listen && i < program->len; i++) {
		struct sock_filter *at = &g_array_index(program, struct sock_filter, i);

		if (at->code == (BPF_RET | BPF_K) && (at->k == SECCOMP_RET_KILL_PROCESS || at->k == SECCOMP_RET_LOG))
			at->k = SECCOMP_RET_USER_NOTIF;
	}
	return program;
}

static bool
random_word(uint64_t *ret_word, GError **error)
{
	*ret_word = 0;
	while (!*ret_word)
		if (getrandom(ret_word, sizeof *ret_word, 0) != sizeof *ret_word && errno != EINTR)
			return throw_errno(error, STAGE_SECCOMP, "seccomp", "getrandom");
	return true;
}

bool
filter_can_listen(const sbx_spec *spec)
{
	const struct seccomp_program *policy = seccomp_program_of(spec);

	return policy && !policy->given && (policy->kills || policy->logs);
}

bool
filter_plan(struct plan *plan, const sbx_spec *spec, bool listen, GError **error)
{
	const struct seccomp_program *policy = seccomp_program_of(spec);
	g_autoptr(GArray) program = NULL;
	struct sock_fprog header = { 0 };
	struct wire_logged logged = { .arch = seccomp_native_arch() };
	struct wire_step *step;
	uint64_t address;

	if (!policy)
		return true;
	if (!policy->given && !allows_own_calls(policy) && !random_word(&plan->filter_word, error))
		return false;
	program = assemble(policy, plan->filter_word, listen);
	header.len = (unsigned short)program->len;
	if (program->len > BPF_MAXINSNS)
		return throw_error(error, E2BIG, STAGE_SECCOMP, "seccomp",
		                   "the policy has %u instructions with those for the exec; accepted: at most %d", program->len,
		                   BPF_MAXINSNS);
	plan_for(plan, STAGE_SECCOMP, spec_entry(spec, "seccomp"), "seccomp policy %s, %u instructions",
	         spec_text(spec, "seccomp"), program->len);
	address = plan_data(plan, program->data, program->len * sizeof(struct sock_filter));
	memcpy(&header.filter, &address, sizeof header.filter);
	memcpy(logged.nr, policy->log_nr, sizeof logged.nr);
	logged.rest = policy->log_rest;
	address = plan_data(plan, &header, sizeof header);
	if (!listen) {
		plan_call(plan, SYS_seccomp, 0, SECCOMP_SET_MODE_FILTER, 0, address);
		return true;
	}
	step = plan_call(plan, SYS_seccomp, 1 << 4, SECCOMP_SET_MODE_FILTER, SECCOMP_FILTER_FLAG_NEW_LISTENER, address,
	                 plan_data(plan, &logged, sizeof logged), plan->channel_slot, plan->filter_word);
	step->flags |= WIRE_LISTEN;
	return true;
}
