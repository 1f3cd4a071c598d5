/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* SPDX-FileCopyrightText: The libsbx developers */

/*
 * The compiler: rules into instructions.
 *
 * Theory of operation: neighbours with the same fate become one range of numbers, and the program is a binary search
 * over the ranges: 6 or 7 comparisons for any call, and a third of the length (thus less time to install) of a program
 * with one comparison for each call. Where only the number decides, the kernel's own cache answers.
 *
 * Instructions are emitted from the last to the first. All targets of a jump are there when the jump is made, a fate is
 * emitted where the first jump to it is, and a target that is too far for the 8 bits of a conditional jump gets a long
 * jump, or its own copy of a return, right behind it.
 */
#include "seccomp-compile.h"

#include "error.h"
#include "seccomp-emit.h"
#include "seccomp-words.h"

#include <errno.h>
#include <linux/seccomp.h>
#include <stddef.h>
#include <string.h>

#define RETURN_FAR 200 /* instructions; conditional jumps reach 255 */

/* What happens to the calls of some numbers. */
struct fate {
	GPtrArray *rules; /* with tests, then at most one without */
	uint32_t last;    /* the action where none of the tests holds */
	guint at;         /* its first instruction, G_MAXUINT: not emitted yet */
};

struct range {
	uint32_t first; /* up to the next one's */
	guint fate;
};

struct compiler {
	const struct seccomp_policy *policy;
	GPtrArray *fates;    /* of struct fate */
	GHashTable *by_text; /* what a fate says -> its index + 1 */
	GArray *ranges, *code;
};

static void
fate_free(gpointer data)
{
	struct fate *fate = data;

	g_ptr_array_unref(fate->rules);
	g_free(fate);
}

/* --- rules to fates ---------------------------------------------------------------------------------------------- */

/* Whether an included policy looks at the call's arguments. */
static bool
has_tests_below(const GPtrArray *mine, unsigned level)
{
	for (guint i = 0; i < mine->len; i++) {
		const struct seccomp_rule *rule = g_ptr_array_index(mine, i);

		if (rule->level < level && rule->test)
			return true;
	}
	return false;
}

/* What one level says about the call; true when it leaves nothing to those below. */
static bool
rules_of_level(const GPtrArray *mine, unsigned level, GPtrArray *rules)
{
	bool walls = has_tests_below(mine, level);
	const struct seccomp_rule *last = NULL;

	for (guint i = 0; i < mine->len; i++) {
		const struct seccomp_rule *rule = g_ptr_array_index(mine, i);

		if (rule->level != level)
			continue;
		/* who opens a group does not think of clone's flags: that takes the call's name */
		if (walls && rule->by_group && (rule->action == SECCOMP_RET_ALLOW || rule->action == SECCOMP_RET_LOG))
			continue;
		if (rule->test)
			g_ptr_array_add(rules, (gpointer)rule);
		else if (!last || !rule->by_group || last->by_group)
			last = rule;
	}
	if (last)
		g_ptr_array_add(rules, (gpointer)last);
	return last;
}

static GPtrArray *
rules_order(const struct seccomp_policy *policy, const GPtrArray *mine)
{
	GPtrArray *rules = g_ptr_array_new();

	for (unsigned level = policy->n_levels; level-- > 0;)
		if (rules_of_level(mine, level, rules))
			break;
	return rules;
}

GPtrArray *
seccomp_rules_of(const struct seccomp_policy *policy, unsigned nr)
{
	g_autoptr(GPtrArray) mine = g_ptr_array_new();

	for (guint i = 0; i < policy->rules->len; i++)
		if (g_array_index(policy->rules, struct seccomp_rule, i).nr == nr)
			g_ptr_array_add(mine, &g_array_index(policy->rules, struct seccomp_rule, i));
	return rules_order(policy, mine);
}

/* A notifier knows the call, not which of its rules has called it. */
static bool
fate_check(struct compiler *c, const struct fate *fate, unsigned nr, GError **error)
{
	const char *name = seccomp_word_name(seccomp_native_arch(), nr);
	bool kills = fate->last == SECCOMP_RET_KILL_PROCESS, logs = fate->last == SECCOMP_RET_LOG;
	unsigned line = 0;

	for (guint i = 0; i < fate->rules->len; i++) {
		const struct seccomp_rule *rule = g_ptr_array_index(fate->rules, i);

		if (rule->action == SECCOMP_RET_KILL_PROCESS)
			kills = true;
		else if (rule->action == SECCOMP_RET_LOG)
			logs = true;
		else
			continue;
		if (rule->level == c->policy->n_levels - 1)
			line = MAX(line, rule->line);
	}
	if (!kills || !logs)
		return true;
	return throw_error(
		error, EINVAL, STAGE_SPEC, "seccomp",
		"%s:%u: %s would be killed by some arguments and logged by others; accepted: one of the two for a "
		"call, the default included",
		c->policy->name, line, name ? name : "a call");
}

/* Calls of which the same is said share one fate. */
static guint
fate_of(struct compiler *c, GPtrArray *rules)
{
	const struct seccomp_rule *end = rules->len ? g_ptr_array_index(rules, rules->len - 1) : NULL;
	g_autoptr(GString) text = g_string_new(NULL);
	struct fate *fate;
	guint known;

	for (guint i = 0; i < rules->len; i++) {
		const struct seccomp_rule *rule = g_ptr_array_index(rules, i);

		g_string_append_printf(text, "%x %s\n", rule->action, rule->test ? rule->test->text : "");
	}
	if (!end || end->test)
		g_string_append_printf(text, "%x \n", c->policy->rest);
	known = GPOINTER_TO_UINT(g_hash_table_lookup(c->by_text, text->str));
	if (known)
		return known - 1;
	fate = g_new0(struct fate, 1);
	fate->rules = g_ptr_array_ref(rules);
	fate->last = end && !end->test ? end->action : c->policy->rest;
	if (end && !end->test)
		g_ptr_array_set_size(rules, (gint)rules->len - 1);
	fate->at = G_MAXUINT;
	g_ptr_array_add(c->fates, fate);
	g_hash_table_insert(c->by_text, g_strdup(text->str), GUINT_TO_POINTER(c->fates->len));
	return c->fates->len - 1;
}

/* The fate that is just an action. */
static guint
fate_simple(struct compiler *c, uint32_t action)
{
	const struct seccomp_rule rule = { .action = action };
	g_autoptr(GPtrArray) rules = g_ptr_array_new();

	g_ptr_array_add(rules, (gpointer)&rule);
	return fate_of(c, rules);
}

static void
range_add(struct compiler *c, uint32_t first, guint fate)
{
	struct range range = { first, fate };

	if (!c->ranges->len || g_array_index(c->ranges, struct range, c->ranges->len - 1).fate != fate)
		g_array_append_val(c->ranges, range);
}

static void
program_note(struct seccomp_program *program, unsigned nr, const struct fate *fate)
{
	bool logs = fate->last == SECCOMP_RET_LOG;

	for (guint i = 0; i < fate->rules->len; i++)
		logs |= ((const struct seccomp_rule *)g_ptr_array_index(fate->rules, i))->action == SECCOMP_RET_LOG;
	if (logs)
		program->log_nr[nr / 32] |= 1u << nr % 32;
	program->logs |= logs;
}

static bool
ranges_make(struct compiler *c, struct seccomp_program *program, GError **error)
{
	g_autoptr(GPtrArray) by_nr = g_ptr_array_new_with_free_func((GDestroyNotify)g_ptr_array_unref);

	for (unsigned nr = 0; nr < SECCOMP_NR_MOST; nr++)
		g_ptr_array_add(by_nr, g_ptr_array_new());
	for (guint i = 0; i < c->policy->rules->len; i++) {
		struct seccomp_rule *rule = &g_array_index(c->policy->rules, struct seccomp_rule, i);

		g_ptr_array_add(g_ptr_array_index(by_nr, rule->nr), rule);
	}
	for (unsigned nr = 0; nr < SECCOMP_NR_MOST; nr++) {
		g_autoptr(GPtrArray) rules = rules_order(c->policy, g_ptr_array_index(by_nr, nr));
		guint fate = fate_of(c, rules);

		if (!fate_check(c, g_ptr_array_index(c->fates, fate), nr, error))
			return false;
		program_note(program, nr, g_ptr_array_index(c->fates, fate));
		range_add(c, nr, fate);
	}
	range_add(c, SECCOMP_NR_MOST, fate_simple(c, c->policy->rest));
	if (seccomp_native_x32()) {
		range_add(c, SECCOMP_X32, fate_simple(c, SECCOMP_RET_KILL_PROCESS));
		/* -1 is no x32 call but one that a debugger outside of the box has cancelled. */
		range_add(c, UINT32_MAX, fate_simple(c, c->policy->rest));
	}
	program->kills = true; /* foreign architectures */
	program->log_rest = c->policy->rest == SECCOMP_RET_LOG;
	program->logs |= program->log_rest;
	return true;
}

/* --- fates to instructions --------------------------------------------------------------------------------------- */

static guint fate_emit(struct compiler *c, struct fate *fate);

/* Where a fate begins. A return is as short as a jump to one: those that are far get a new one. */
static guint
fate_at(struct compiler *c, guint index)
{
	struct fate *fate = g_ptr_array_index(c->fates, index);

	if (fate->at == G_MAXUINT)
		fate->at = fate_emit(c, fate);
	else if (fate->rules->len == 0 && c->code->len - fate->at > RETURN_FAR)
		fate->at = emit_return(c->code, fate->last);
	return fate->at;
}

static guint
fate_emit(struct compiler *c, struct fate *fate)
{
	guint at;

	if (fate->rules->len == 0)
		return emit_return(c->code, fate->last);
	at = fate_at(c, fate_simple(c, fate->last));
	for (guint i = fate->rules->len; i-- > 0;) {
		const struct seccomp_rule *rule = g_ptr_array_index(fate->rules, i);

		at = emit_test(c->code, rule->test, fate_at(c, fate_simple(c, rule->action)), at);
	}
	return at;
}

/* Of ranges [from, to), one at least. */
static guint
tree_emit(struct compiler *c, guint from, guint to)
{
	guint middle = from + (to - from) / 2, above, below;

	if (to - from == 1)
		return fate_at(c, g_array_index(c->ranges, struct range, from).fate);
	above = tree_emit(c, middle, to);
	below = tree_emit(c, from, middle);
	return emit_jump(c->code, BPF_JGE, g_array_index(c->ranges, struct range, middle).first, above, below);
}

static void
program_emit(struct compiler *c)
{
	guint tree = tree_emit(c, 0, c->ranges->len);

	tree = emit_load(c->code, offsetof(struct seccomp_data, nr), tree);
	tree = emit_jump(c->code, BPF_JEQ, seccomp_native_arch(), tree, emit_return(c->code, SECCOMP_RET_KILL_PROCESS));
	emit_load(c->code, offsetof(struct seccomp_data, arch), tree);
}

static struct sock_filter *
compile(struct compiler *c, struct seccomp_program *program, GError **error)
{
	struct sock_filter *filter;

	if (!ranges_make(c, program, error))
		return NULL;
	program_emit(c);
	if (c->code->len > SECCOMP_LEN_MOST) {
		throw_error(error, EINVAL, STAGE_SPEC, "seccomp", "%s: the policy needs %u instructions; accepted: at most %d",
		            c->policy->name, c->code->len, SECCOMP_LEN_MOST);
		return NULL;
	}
	filter = g_new(struct sock_filter, c->code->len);
	for (guint i = 0; i < c->code->len; i++)
		filter[i] = g_array_index(c->code, struct sock_filter, c->code->len - 1 - i);
	program->filter = filter;
	program->len = (unsigned short)c->code->len;
	return filter;
}

struct sock_filter *
seccomp_compile(const struct seccomp_policy *policy, struct seccomp_program *ret_program, GError **error)
{
	g_autoptr(GPtrArray) fates = g_ptr_array_new_with_free_func(fate_free);
	g_autoptr(GHashTable) by_text = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, NULL);
	g_autoptr(GArray) ranges = g_array_new(FALSE, FALSE, sizeof(struct range));
	g_autoptr(GArray) code = g_array_new(FALSE, FALSE, sizeof(struct sock_filter));
	struct compiler compiler = { policy, fates, by_text, ranges, code };
	struct seccomp_program program = { .filter = NULL };
	struct sock_filter *filter = compile(&compiler, &program, error);

	if (filter)
		*ret_program = program;
	return filter;
}
