/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* SPDX-FileCopyrightText: The libsbx developers */

/* Instructions of a filter, and comparisons of 64 bits made of those of 32. Both of our machines are little-endian. */
#include "seccomp-emit.h"

#include <linux/filter.h>
#include <linux/seccomp.h>
#include <stddef.h>

#define REACH 250 /* of a conditional jump: 255, less what may come in between while it is made */

static guint
emit(GArray *code, uint16_t op, uint8_t jt, uint8_t jf, uint32_t k)
{
	struct sock_filter step = { op, jt, jf, k };

	g_array_append_val(code, step);
	return code->len - 1;
}

/* How many instructions the next one would jump over. */
static guint
distance(const GArray *code, guint target)
{
	return code->len - target - 1;
}

guint
emit_return(GArray *code, uint32_t action)
{
	const struct sock_filter *front = code->len ? &g_array_index(code, struct sock_filter, code->len - 1) : NULL;

	if (front && front->code == (BPF_RET | BPF_K) && front->k == action)
		return code->len - 1;
	return emit(code, BPF_RET | BPF_K, 0, 0, action);
}

/* A place from which `target` is reached, and that itself is near. */
static guint
emit_near(GArray *code, guint target)
{
	const struct sock_filter *step = &g_array_index(code, struct sock_filter, target);

	if (distance(code, target) <= REACH)
		return target;
	if (step->code == (BPF_RET | BPF_K))
		return emit_return(code, step->k);
	return emit(code, BPF_JMP | BPF_JA, 0, 0, distance(code, target));
}

/* `target` is what comes next. */
static void
emit_next(GArray *code, guint target)
{
	const struct sock_filter *step = &g_array_index(code, struct sock_filter, target);

	if (distance(code, target) == 0)
		return;
	if (step->code == (BPF_RET | BPF_K))
		emit_return(code, step->k);
	else
		emit(code, BPF_JMP | BPF_JA, 0, 0, distance(code, target));
}

guint
emit_load(GArray *code, uint32_t offset, guint next)
{
	emit_next(code, next);
	return emit(code, BPF_LD | BPF_W | BPF_ABS, 0, 0, offset);
}

guint
emit_jump(GArray *code, unsigned comparison, uint32_t k, guint if_true, guint otherwise)
{
	if (if_true == otherwise)
		return if_true;
	if_true = emit_near(code, if_true);
	otherwise = emit_near(code, otherwise);
	return emit(code, (uint16_t)(BPF_JMP | comparison | BPF_K), (uint8_t)distance(code, if_true),
	            (uint8_t)distance(code, otherwise), k);
}

/* --- arguments --------------------------------------------------------------------------------------------------- */

static uint32_t
half_offset(const struct seccomp_cond *cond, bool high)
{
	return (uint32_t)(offsetof(struct seccomp_data, args) + 8 * cond->arg + 4 * high);
}

static uint32_t
half_of(uint64_t value, bool high)
{
	return (uint32_t)(high ? value >> 32 : value);
}

static uint64_t
value_at(const struct seccomp_cond *cond, guint i)
{
	return g_array_index(cond->values, uint64_t, i);
}

/* Is the masked half one of the values [from, to)'s halves? */
static guint
emit_half(GArray *code, const struct seccomp_cond *cond, bool high, guint from, guint to, guint yes, guint no)
{
	uint32_t mask = half_of(cond->mask, high);
	guint at = no;

	if (mask == 0)
		return yes;
	/* "arg & MASK == 0" is one instruction. */
	if (mask != UINT32_MAX && to - from == 1 && half_of(value_at(cond, from), high) == 0)
		return emit_load(code, half_offset(cond, high), emit_jump(code, BPF_JSET, mask, no, yes));
	for (guint i = to; i-- > from;)
		at = emit_jump(code, BPF_JEQ, half_of(value_at(cond, i), high), yes, at);
	if (at == yes || at == no)
		return at;
	if (mask != UINT32_MAX) {
		emit_next(code, at);
		at = emit(code, BPF_ALU | BPF_AND | BPF_K, 0, 0, mask);
	}
	return emit_load(code, half_offset(cond, high), at);
}

/* Is the argument one of the values? Runs of values with the same upper half are looked at together. */
static guint
emit_equal(GArray *code, const struct seccomp_cond *cond, guint yes, guint no)
{
	guint to = cond->values->len;

	while (to > 0) {
		guint from = to - 1, low;

		while (from > 0 && half_of(value_at(cond, from - 1), true) == half_of(value_at(cond, to - 1), true))
			from--;
		low = emit_half(code, cond, false, from, to, yes, no);
		no = cond->narrow ? low : emit_half(code, cond, true, to - 1, to, low, no);
		to = from;
	}
	return no;
}

/* Greater, or greater or equal. */
static guint
emit_above(GArray *code, const struct seccomp_cond *cond, bool or_equal, guint yes, guint no)
{
	uint64_t value = value_at(cond, 0);
	guint low = emit_jump(code, or_equal ? BPF_JGE : BPF_JGT, half_of(value, false), yes, no);
	guint high;

	low = emit_load(code, half_offset(cond, false), low);
	if (cond->narrow)
		return low;
	high = emit_jump(code, BPF_JEQ, half_of(value, true), low, no);
	high = emit_jump(code, BPF_JGT, half_of(value, true), yes, high);
	return emit_load(code, half_offset(cond, true), high);
}

static guint
emit_cond(GArray *code, const struct seccomp_cond *cond, guint yes, guint no)
{
	switch (cond->op) {
	case SECCOMP_EQ:
		return emit_equal(code, cond, yes, no);
	case SECCOMP_NE:
		return emit_equal(code, cond, no, yes);
	case SECCOMP_LT:
		return emit_above(code, cond, true, no, yes);
	case SECCOMP_LE:
		return emit_above(code, cond, false, no, yes);
	case SECCOMP_GT:
		return emit_above(code, cond, false, yes, no);
	case SECCOMP_GE:
		return emit_above(code, cond, true, yes, no);
	}
	return no;
}

guint
emit_test(GArray *code, const struct seccomp_test *test, guint if_true, guint otherwise)
{
	for (guint i = test->conds->len; i-- > 0;)
		if_true = emit_cond(code, &g_array_index(test->conds, struct seccomp_cond, i), if_true, otherwise);
	return if_true;
}
