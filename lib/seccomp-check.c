/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* SPDX-FileCopyrightText: The libsbx developers */

/* Programs looked at without being run: what the kernel would refuse, and what it would always allow. */
#include "seccomp-load.h"

#include <errno.h>
#include <linux/seccomp.h>
#include <stddef.h>

#include "error.h"
#include "seccomp-words.h"

#define LOAD (BPF_LD | BPF_W | BPF_ABS)

/* The instructions that a filter may have, seccomp(2); those that read and write memory are asked for apart. */
static bool
code_known(unsigned code)
{
	static const unsigned codes[] = {
		LOAD,
		BPF_LD | BPF_W | BPF_LEN,
		BPF_LDX | BPF_W | BPF_LEN,
		BPF_LD | BPF_IMM,
		BPF_LDX | BPF_IMM,
		BPF_LD | BPF_MEM,
		BPF_LDX | BPF_MEM,
		BPF_ST,
		BPF_STX,
		BPF_RET | BPF_K,
		BPF_RET | BPF_A,
		BPF_MISC | BPF_TAX,
		BPF_MISC | BPF_TXA,
		BPF_ALU | BPF_NEG,
		BPF_JMP | BPF_JA,
	};
	static const unsigned operations[] = {
		BPF_ALU | BPF_ADD, BPF_ALU | BPF_SUB, BPF_ALU | BPF_MUL,  BPF_ALU | BPF_DIV, BPF_ALU | BPF_AND,
		BPF_ALU | BPF_OR,  BPF_ALU | BPF_XOR, BPF_ALU | BPF_LSH,  BPF_ALU | BPF_RSH, BPF_JMP | BPF_JEQ,
		BPF_JMP | BPF_JGT, BPF_JMP | BPF_JGE, BPF_JMP | BPF_JSET,
	};

	for (size_t i = 0; i < G_N_ELEMENTS(codes); i++)
		if (code == codes[i])
			return true;
	for (size_t i = 0; i < G_N_ELEMENTS(operations); i++)
		if (code == (operations[i] | BPF_K) || code == (operations[i] | BPF_X))
			return true;
	return false;
}

static bool
code_remembers(unsigned code)
{
	return code == BPF_ST || code == BPF_STX;
}

static bool
code_recalls(unsigned code)
{
	return code == (BPF_LD | BPF_MEM) || code == (BPF_LDX | BPF_MEM);
}

/* What is wrong with an instruction, `left` of them behind it; NULL: nothing. */
static const char *
step_complaint(const struct sock_filter *step, size_t left)
{
	unsigned code = step->code;

	if (!code_known(code))
		return "seccomp(2) has no such instruction";
	if (code == LOAD && (step->k % 4 || step->k >= sizeof(struct seccomp_data)))
		return "it loads from outside of struct seccomp_data, or not a whole word";
	if (code == (BPF_ALU | BPF_DIV | BPF_K) && step->k == 0)
		return "it divides by 0";
	if ((code == (BPF_ALU | BPF_LSH | BPF_K) || code == (BPF_ALU | BPF_RSH | BPF_K)) && step->k >= 32)
		return "it shifts by more than 31 bits";
	if ((code_remembers(code) || code_recalls(code)) && step->k >= BPF_MEMWORDS)
		return "there is no such word of memory";
	if (code == (BPF_JMP | BPF_JA) && step->k >= left)
		return "it jumps out of the program";
	if (BPF_CLASS(code) == BPF_JMP && code != (BPF_JMP | BPF_JA) && (step->jt >= left || step->jf >= left))
		return "it jumps out of the program";
	if (left == 0 && BPF_CLASS(code) != BPF_RET)
		return "the last instruction is not a return";
	return NULL;
}

/* No word of memory is read that was not written on every way there: the kernel insists. */
static bool
memory_check(const struct sock_filter *filter, size_t len, size_t *ret_bad)
{
	g_autofree uint16_t *written = g_new(uint16_t, len);
	uint16_t now = 0;

	for (size_t i = 0; i < len; i++)
		written[i] = UINT16_MAX;
	for (size_t i = 0; i < len; i++) {
		const struct sock_filter *step = &filter[i];

		now &= written[i];
		if (code_remembers(step->code))
			now |= (uint16_t)(1u << step->k);
		if (code_recalls(step->code) && !(now & 1u << step->k)) {
			*ret_bad = i;
			return false;
		}
		if (BPF_CLASS(step->code) != BPF_JMP)
			continue;
		if (step->code == (BPF_JMP | BPF_JA)) {
			written[i + 1 + step->k] &= now;
		} else {
			written[i + 1 + step->jt] &= now;
			written[i + 1 + step->jf] &= now;
		}
		now = UINT16_MAX;
	}
	return true;
}

bool
seccomp_check(const struct sock_filter *filter, size_t len, GError **error)
{
	size_t bad;

	if (len < 1 || len > BPF_MAXINSNS)
		return throw_error(error, EINVAL, STAGE_SPEC, "seccomp", "a program of %zu instructions; accepted: 1 to %d",
		                   len, BPF_MAXINSNS);
	for (size_t i = 0; i < len; i++) {
		const char *complaint = step_complaint(&filter[i], len - i - 1);

		if (complaint)
			return throw_error(error, EINVAL, STAGE_SPEC, "seccomp",
			                   "instruction %zu {0x%02x, %u, %u, 0x%08x} is not valid: %s", i, filter[i].code,
			                   filter[i].jt, filter[i].jf, filter[i].k, complaint);
	}
	if (!memory_check(filter, len, &bad))
		return throw_error(error, EINVAL, STAGE_SPEC, "seccomp",
		                   "instruction %zu is not valid: it reads a word of memory that may not have been written",
		                   bad);
	return true;
}

/* As the kernel fills its cache of calls that are always allowed: only the architecture and the number are known. */
bool
seccomp_check_allows(const struct seccomp_program *program, uint32_t nr)
{
	uint32_t a = 0;

	for (size_t pc = 0; pc < program->len; pc++) {
		const struct sock_filter *step = &program->filter[pc];
		bool holds;

		switch (step->code) {
		case LOAD:
			if (step->k != offsetof(struct seccomp_data, nr) && step->k != offsetof(struct seccomp_data, arch))
				return false;
			a = step->k == offsetof(struct seccomp_data, nr) ? nr : seccomp_native_arch();
			continue;
		case BPF_RET | BPF_K:
			return (step->k & SECCOMP_RET_ACTION_FULL) == SECCOMP_RET_ALLOW;
		case BPF_ALU | BPF_AND | BPF_K:
			a &= step->k;
			continue;
		case BPF_JMP | BPF_JA:
			pc += step->k;
			continue;
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
			return false;
		}
		pc += holds ? step->jt : step->jf;
	}
	return false;
}
