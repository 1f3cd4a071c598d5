/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* SPDX-FileCopyrightText: The libsbx developers */

/*
 * Two oracles for seccomp programs: what classic BPF does, and what a policy says when it is read word for word. Neither
 * shares code with the compiler.
 */
#pragma once

#include <glib.h>
#include <linux/audit.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <stddef.h>
#include <string.h>

#include "seccomp-policy.h"

#ifdef __x86_64__
#define NATIVE AUDIT_ARCH_X86_64
#define X32_FIRST 0x40000000u
#else
#define NATIVE AUDIT_ARCH_AARCH64
#define X32_FIRST UINT32_MAX /* none */
#endif

#define BPF_ENDLESS 0xdeadbeefu /* what no program returns */

/* What classic BPF does, as far as a seccomp filter of a compiler uses it. Anything else is BPF_ENDLESS. */
static inline uint32_t
bpf_run(const struct sock_filter *filter, size_t len, const struct seccomp_data *data, unsigned *ret_steps)
{
	uint32_t a = 0;
	unsigned steps = 0;

	for (size_t pc = 0; pc < len; pc++) {
		const struct sock_filter *step = &filter[pc];
		bool holds;

		steps++;
		switch (step->code) {
		case BPF_LD | BPF_W | BPF_ABS:
			if (step->k % 4 || step->k >= sizeof *data)
				return BPF_ENDLESS;
			memcpy(&a, (const char *)data + step->k, sizeof a);
			continue;
		case BPF_ALU | BPF_AND | BPF_K:
			a &= step->k;
			continue;
		case BPF_JMP | BPF_JA:
			pc += step->k;
			continue;
		case BPF_RET | BPF_K:
			if (ret_steps)
				*ret_steps = steps;
			return step->k;
		case BPF_JMP | BPF_JEQ | BPF_K:
			holds = a == step->k;
			break;
		case BPF_JMP | BPF_JGE | BPF_K:
			holds = a >= step->k;
			break;
		case BPF_JMP | BPF_JGT | BPF_K:
			holds = a > step->k;
			break;
		case BPF_JMP | BPF_JSET | BPF_K:
			holds = a & step->k;
			break;
		default:
			return BPF_ENDLESS;
		}
		pc += holds ? step->jt : step->jf;
	}
	return BPF_ENDLESS;
}

static inline bool
policy_cond(const struct seccomp_cond *cond, const uint64_t args[6])
{
	uint64_t got = (cond->narrow ? (uint32_t)args[cond->arg] : args[cond->arg]) & cond->mask;
	uint64_t value = g_array_index(cond->values, uint64_t, 0);

	switch (cond->op) {
	case SECCOMP_EQ:
		for (guint i = 0; i < cond->values->len; i++)
			if (got == g_array_index(cond->values, uint64_t, i))
				return true;
		return false;
	case SECCOMP_NE:
		return got != value;
	case SECCOMP_LT:
		return got < value;
	case SECCOMP_LE:
		return got <= value;
	case SECCOMP_GT:
		return got > value;
	case SECCOMP_GE:
		return got >= value;
	}
	return false;
}

static inline bool
policy_test(const struct seccomp_test *test, const uint64_t args[6])
{
	for (guint i = 0; test && i < test->conds->len; i++)
		if (!policy_cond(&g_array_index(test->conds, struct seccomp_cond, i), args))
			return false;
	return true;
}

/* sbx-seccomp(7), "Which rule holds", as it is written there. */
static inline uint32_t
policy_says(const struct seccomp_policy *policy, const struct seccomp_data *data)
{
	uint32_t nr = (uint32_t)data->nr;
	uint64_t args[6];

	memcpy(args, data->args, sizeof args);
	if (data->arch != NATIVE || (nr >= X32_FIRST && nr != UINT32_MAX))
		return SECCOMP_RET_KILL_PROCESS;
	for (unsigned level = policy->n_levels; level-- > 0;) {
		const struct seccomp_rule *by_name = NULL, *by_group = NULL;
		bool below = false;

		for (guint i = 0; i < policy->rules->len; i++) {
			const struct seccomp_rule *rule = &g_array_index(policy->rules, struct seccomp_rule, i);

			below |= rule->nr == nr && rule->level < level && rule->test;
		}
		for (guint i = 0; i < policy->rules->len; i++) {
			const struct seccomp_rule *rule = &g_array_index(policy->rules, struct seccomp_rule, i);

			if (rule->level != level || rule->nr != nr)
				continue;
			if (below && rule->by_group && (rule->action == SECCOMP_RET_ALLOW || rule->action == SECCOMP_RET_LOG))
				continue;
			if (rule->test && policy_test(rule->test, args))
				return rule->action;
			if (!rule->test && rule->by_group)
				by_group = rule;
			else if (!rule->test)
				by_name = rule;
		}
		if (by_name || by_group)
			return by_name ? by_name->action : by_group->action;
	}
	return policy->rest;
}
