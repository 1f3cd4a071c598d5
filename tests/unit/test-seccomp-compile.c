/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* SPDX-FileCopyrightText: The libsbx developers */

/*
 * Our programs against libseccomp's, made of the same rules, and against the policy read word for word; both run in an
 * interpreter, on every number and on arguments around every value that is compared.
 *
 * libseccomp has no order of rules and no action of its own for "none of the conditions holds". So the calls that have
 * conditions get a filter each, whose default action is what holds then; all others are in one filter.
 */
#include "seccomp-compile.h"

#include <errno.h>
#include <glib.h>
#include <seccomp.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>
#include <sys/resource.h>

#include "error.h"
#include "seccomp-bpf.h"
#include "seccomp-load.h"
#include "seccomp-words.h"

#define PROGRAM_MOST 4096

struct program {
	struct sock_filter filter[PROGRAM_MOST];
	size_t len;
};

/* Of libseccomp's for one call: its trees of random overlapping rules grow without bound. */
static unsigned rules_most = 8;
static unsigned n_compared, n_expressed, n_inexpressible, n_rules;

/* --- libseccomp -------------------------------------------------------------------------------------------------- */

static scmp_filter_ctx
reference_new(uint32_t rest)
{
	scmp_filter_ctx ctx = seccomp_init(rest);

	g_assert_nonnull(ctx);
	g_assert_cmpint(seccomp_attr_set(ctx, SCMP_FLTATR_ACT_BADARCH, SCMP_ACT_KILL_PROCESS), ==, 0);
	return ctx;
}

/* What libseccomp made of it. */
static void
reference_export(scmp_filter_ctx ctx, struct program *ret)
{
	int fd = memfd_create("bpf", MFD_CLOEXEC);
	ssize_t n;

	g_assert_cmpint(fd, >=, 0);
	g_assert_cmpint(seccomp_export_bpf(ctx, fd), ==, 0);
	n = pread(fd, ret->filter, sizeof ret->filter, 0);
	g_assert_cmpint(n, >, 0);
	ret->len = (size_t)n / sizeof *ret->filter;
	close(fd);
	seccomp_release(ctx);
}

/* The comparisons that stand for one condition, any of them: at most `room`. 0: there are none in libseccomp's words. */
static size_t
reference_cond(const struct seccomp_cond *cond, struct scmp_arg_cmp *ret, size_t room)
{
	static const enum scmp_compare ops[] = { [SECCOMP_NE] = SCMP_CMP_NE,
		                                     [SECCOMP_LT] = SCMP_CMP_LT,
		                                     [SECCOMP_LE] = SCMP_CMP_LE,
		                                     [SECCOMP_GT] = SCMP_CMP_GT,
		                                     [SECCOMP_GE] = SCMP_CMP_GE };
	uint64_t value = g_array_index(cond->values, uint64_t, 0);
	size_t n = 0;

	if (cond->op == SECCOMP_EQ) {
		for (n = 0; n < cond->values->len && n < room; n++)
			ret[n] = SCMP_CMP64(cond->arg, SCMP_CMP_MASKED_EQ, cond->mask, g_array_index(cond->values, uint64_t, n));
		return n == cond->values->len ? n : 0;
	}
	if (cond->mask == UINT64_MAX) {
		ret[0] = SCMP_CMP64(cond->arg, ops[cond->op], value);
		return 1;
	}
	/* "& MASK != 0": any of its bits */
	if (cond->op != SECCOMP_NE || value != 0)
		return 0;
	for (unsigned bit = 0; bit < 64; bit++) {
		uint64_t one = cond->mask & 1ull << bit;

		if (one && n == room)
			return 0;
		if (one)
			ret[n++] = SCMP_CMP64(cond->arg, SCMP_CMP_MASKED_EQ, one, one);
	}
	return n;
}

/* Does it order, where libseccomp is reliable only when nothing else is said about the call? Version 2.5 merges the trees of
 * several such rules wrongly: of "arg1 > 5 and arg2 & 1 == 1" and "arg1 < 9 and arg5 <= 2" either is taken for granted
 * after a half of the other. */
static bool
reference_doubtful(const GPtrArray *rules)
{
	for (guint i = 0; rules->len > 1 && i < rules->len; i++) {
		const struct seccomp_rule *rule = g_ptr_array_index(rules, i);

		for (guint n = 0; rule->test && n < rule->test->conds->len; n++)
			if (g_array_index(rule->test->conds, struct seccomp_cond, n).op != SECCOMP_EQ)
				return true;
	}
	return false;
}

/* The rules of the call from `at` on, conditions multiplied out. False: libseccomp cannot say that. */
static bool
reference_rule(scmp_filter_ctx ctx, const struct seccomp_rule *rule, guint at, struct scmp_arg_cmp *cmps)
{
	const struct seccomp_cond *cond = &g_array_index(rule->test->conds, struct seccomp_cond, at);
	struct scmp_arg_cmp some[8];
	size_t n;

	if (at == rule->test->conds->len)
		return ++n_rules <= (at > 1 && rules_most < 8 ? 1 : rules_most) &&
		       seccomp_rule_add_exact_array(ctx, rule->action, (int)rule->nr, at, cmps) == 0;
	n = reference_cond(cond, some, G_N_ELEMENTS(some));
	for (guint i = 0; i < at; i++)
		if (cmps[i].arg == cond->arg)
			n = 0; /* one comparison for each argument */
	for (size_t i = 0; i < n; i++) {
		cmps[at] = some[i];
		if (!reference_rule(ctx, rule, at + 1, cmps))
			return false;
	}
	return n > 0;
}

/* A filter for one call with conditions. */
static bool
reference_call(const struct seccomp_policy *policy, GPtrArray *rules, struct program *ret)
{
	const struct seccomp_rule *end = g_ptr_array_index(rules, rules->len - 1);
	const struct seccomp_rule *first = g_ptr_array_index(rules, 0);
	uint32_t last = end->test ? policy->rest : end->action;
	scmp_filter_ctx ctx = reference_new(last);
	struct scmp_arg_cmp cmps[16];

	n_rules = 0;
	for (guint i = 0; i < rules->len; i++) {
		const struct seccomp_rule *rule = g_ptr_array_index(rules, i);

		if (!rule->test)
			continue;
		/* Where all conditions lead to the same, and to something else than the rest, their order does not matter. */
		if (rule->action != first->action || rule->action == last || !reference_rule(ctx, rule, 0, cmps)) {
			seccomp_release(ctx);
			return false;
		}
	}
	reference_export(ctx, ret);
	return true;
}

/* --- comparing --------------------------------------------------------------------------------------------------- */

static void
compare(const char *what, const struct program *ours, const struct seccomp_policy *policy, const struct program *theirs,
        const struct seccomp_data *data)
{
	uint32_t got = bpf_run(ours->filter, ours->len, data, NULL), said = policy_says(policy, data);
	uint32_t reference = theirs ? bpf_run(theirs->filter, theirs->len, data, NULL) : got;

	n_compared++;
	if (got != said || got != reference)
		g_error("%s: nr 0x%x arch 0x%x args 0x%llx 0x%llx 0x%llx 0x%llx 0x%llx 0x%llx: ours 0x%x, the policy 0x%x, "
		        "libseccomp 0x%x",
		        what, (unsigned)data->nr, data->arch, data->args[0], data->args[1], data->args[2], data->args[3],
		        data->args[4], data->args[5], got, said, reference);
}

/* An argument that is near something that is compared. */
static uint64_t
near(GRand *rand, const struct seccomp_cond *cond)
{
	uint64_t value = g_array_index(cond->values, uint64_t, g_rand_int_range(rand, 0, (gint)cond->values->len));
	uint64_t noise = (uint64_t)g_rand_int(rand) << 32 | g_rand_int(rand);

	switch (g_rand_int_range(rand, 0, 8)) {
	case 0:
		return value;
	case 1:
		return value + 1;
	case 2:
		return value - 1;
	case 3:
		return value ^ 1ull << g_rand_int_range(rand, 0, 64);
	case 4:
		return value | (noise & ~cond->mask);
	case 5:
		return (uint32_t)value | (noise & ~(uint64_t)UINT32_MAX);
	case 6:
		return (value & ~(uint64_t)UINT32_MAX) | (uint32_t)noise;
	default:
		return noise;
	}
}

static void
arguments(GRand *rand, GPtrArray *rules, struct seccomp_data *data)
{
	static const uint64_t borders[] = { 0, 1, INT32_MAX, 0x80000000, UINT32_MAX, 0x100000000, INT64_MAX, UINT64_MAX };

	for (size_t i = 0; i < 6; i++)
		data->args[i] = borders[g_rand_int_range(rand, 0, G_N_ELEMENTS(borders))];
	for (guint i = 0; i < rules->len; i++) {
		const struct seccomp_rule *rule = g_ptr_array_index(rules, i);

		for (guint n = 0; rule->test && n < rule->test->conds->len; n++) {
			const struct seccomp_cond *cond = &g_array_index(rule->test->conds, struct seccomp_cond, n);

			if (g_rand_boolean(rand))
				data->args[cond->arg] = near(rand, cond);
		}
	}
}

static void
compare_call(const char *what, const struct program *ours, const struct seccomp_policy *policy, GRand *rand,
             unsigned nr, GPtrArray *rules, const struct program *plain, unsigned rounds)
{
	static struct program own;
	const struct program *theirs = plain;
	bool conditional = rules->len && ((const struct seccomp_rule *)g_ptr_array_index(rules, 0))->test;
	struct seccomp_data data = { .nr = (int)nr, .arch = NATIVE };

	if (conditional) {
		theirs = !reference_doubtful(rules) && reference_call(policy, rules, &own) ? &own : NULL;
		if (theirs)
			n_expressed++;
		else
			n_inexpressible++;
	}
	for (unsigned i = 0; i < (conditional ? rounds : 2); i++) {
		arguments(rand, rules, &data);
		compare(what, ours, policy, theirs, &data);
	}
}

/* Numbers that are no calls of ours. */
static void
compare_borders(const char *what, const struct program *ours, const struct seccomp_policy *policy,
                const struct program *plain)
{
	static const uint32_t numbers[] = { 1023,       1024,       1025,       65536,      0x3fffffff, 0x40000000,
		                                0x40000001, 0x400001ff, 0x7fffffff, 0x80000000, 0xfffffffe, UINT32_MAX };
	static const uint32_t archs[] = { NATIVE, AUDIT_ARCH_I386, AUDIT_ARCH_ARM,
		                              AUDIT_ARCH_X86_64 ^ AUDIT_ARCH_AARCH64 ^ NATIVE, 0 };

	for (size_t a = 0; a < G_N_ELEMENTS(archs); a++)
		for (size_t i = 0; i < G_N_ELEMENTS(numbers); i++) {
			struct seccomp_data data = { .nr = (int)numbers[i], .arch = archs[a] };

			compare(what, ours, policy, plain, &data);
		}
}

static bool
compare_policy(const char *what, const char *text, GRand *rand, unsigned rounds)
{
	static struct program ours, plain;
	g_autoptr(GError) error = NULL;
	g_autoptr(seccomp_policy_t) policy = seccomp_policy_parse("P", text, seccomp_builtin_text, &error);
	g_autofree struct sock_filter *filter = NULL;
	struct seccomp_program program;
	scmp_filter_ctx ctx;

	g_assert_no_error(error);
	filter = seccomp_compile(policy, &program, &error);
	if (!filter) {
		g_assert_nonnull(strstr(error->message, "killed by some arguments"));
		return false;
	}
	g_assert_true(seccomp_check(filter, program.len, NULL));
	memcpy(ours.filter, filter, program.len * sizeof *filter);
	ours.len = program.len;
	ctx = reference_new(policy->rest);
	for (unsigned nr = 0; nr < SECCOMP_NR_MOST; nr++) {
		g_autoptr(GPtrArray) rules = seccomp_rules_of(policy, nr);
		const struct seccomp_rule *rule = rules->len ? g_ptr_array_index(rules, 0) : NULL;

		if (rule && !rule->test && rule->action != policy->rest)
			g_assert_cmpint(seccomp_rule_add_exact(ctx, rule->action, (int)nr, 0), ==, 0);
	}
	reference_export(ctx, &plain);
	for (unsigned nr = 0; nr < SECCOMP_NR_MOST; nr++) {
		g_autoptr(GPtrArray) rules = seccomp_rules_of(policy, nr);

		compare_call(what, &ours, policy, rand, nr, rules, &plain, rounds);
	}
	compare_borders(what, &ours, policy, &plain);
	return true;
}

/* --- policies ---------------------------------------------------------------------------------------------------- */

static void
random_value(GRand *rand, GString *text, uint64_t mask)
{
	static const uint64_t some[] = {
		1, 2, 0x7fffffff, 0x80000000, 0xffffffff, 0x100000000, 0x123456789, UINT64_MAX - 1
	};
	uint64_t value = g_rand_boolean(rand) ? some[g_rand_int_range(rand, 0, G_N_ELEMENTS(some))]
	                                      : (uint64_t)g_rand_int(rand) << g_rand_int_range(rand, 0, 32);

	value &= mask;
	g_string_append_printf(text, "0x%" G_GINT64_MODIFIER "x", value ? value : mask & -mask);
}

static void
random_cond(GRand *rand, GString *text)
{
	static const char *const ops[] = { "==", "!=", "<", "<=", ">", ">=" };
	bool narrow = g_rand_int_range(rand, 0, 3) == 0;
	uint64_t mask = narrow ? UINT32_MAX : UINT64_MAX;

	g_string_append_printf(text, "arg%d%s ", g_rand_int_range(rand, 0, 6), narrow ? ":32" : "");
	if (g_rand_int_range(rand, 0, 3) == 0) {
		mask &= (uint64_t)g_rand_int(rand) << g_rand_int_range(rand, 0, 32);
		mask = mask ? mask : 4;
		g_string_append_printf(text, "& 0x%" G_GINT64_MODIFIER "x %s ", mask, g_rand_boolean(rand) ? "==" : "!=");
		if (g_rand_boolean(rand))
			g_string_append_c(text, '0');
		else
			random_value(rand, text, mask);
	} else if (g_rand_int_range(rand, 0, 4) == 0) {
		g_string_append(text, "in ");
		for (int i = g_rand_int_range(rand, 1, 6); i > 0; i--) {
			random_value(rand, text, mask);
			if (i > 1)
				g_string_append_c(text, ',');
		}
	} else {
		g_string_append_printf(text, "%s ", ops[g_rand_int_range(rand, 0, G_N_ELEMENTS(ops))]);
		/* neither 0 nor the greatest: with those some comparisons are refused */
		random_value(rand, text, mask >> 1);
	}
}

static char *
random_policy(GRand *rand)
{
	static const char *const actions[] = { "allow", "deny EPERM", "deny ENOSYS", "kill", "deny 4094" };
	static const char *const groups[] = { "@basic-io", "@file-system", "@network", "@known", "@privileged" };
	GString *text = g_string_new(NULL);
	int lines = g_rand_int_range(rand, 1, 60);

	if (g_rand_int_range(rand, 0, 4) == 0)
		g_string_append_printf(text, "include %s\n", g_rand_boolean(rand) ? "default" : "strict");
	if (g_rand_boolean(rand))
		g_string_append_printf(text, "default %s\n", actions[g_rand_int_range(rand, 0, G_N_ELEMENTS(actions))]);
	for (int i = 0; i < lines; i++) {
		g_string_append_printf(text, "%s ", actions[g_rand_int_range(rand, 0, G_N_ELEMENTS(actions))]);
		if (g_rand_int_range(rand, 0, 8) == 0) {
			g_string_append(text, groups[g_rand_int_range(rand, 0, G_N_ELEMENTS(groups))]);
		} else {
			/* each number once without a condition, else it might be given two actions; some conditional ones close by */
			g_string_append_printf(text, "x=%d", 600 + i);
			if (g_rand_boolean(rand)) {
				g_string_append_printf(text, " x=%d if ", 600 + (i & ~3));
				random_cond(rand, text);
				for (int more = g_rand_int_range(rand, 0, 6) - 3; more > 0; more--) {
					g_string_append(text, " and ");
					random_cond(rand, text);
				}
			}
		}
		g_string_append_c(text, '\n');
	}
	return g_string_free(text, FALSE);
}

static void
test_builtin(void)
{
	g_autoptr(GRand) rand = g_rand_new_with_seed(1);

	g_assert_true(compare_policy("default", "include default", rand, 4000));
	g_assert_true(compare_policy("strict", "include strict", rand, 4000));
	/* the text that is compiled while we build is the one that can be included */
	for (int i = 0; i < 2; i++) {
		const char *name = i ? "strict" : "default";
		const struct seccomp_program *built = seccomp_builtin(name);
		g_autoptr(seccomp_policy_t) policy = seccomp_policy_parse("P", seccomp_builtin_text(name), NULL, NULL);
		g_autofree struct sock_filter *filter = NULL;
		struct seccomp_program program;

		filter = seccomp_compile(policy, &program, NULL);
		g_assert_cmpmem(filter, program.len * sizeof *filter, built->filter, built->len * sizeof *filter);
	}
	g_assert_cmpuint(n_expressed, >, 5);
	g_test_message("%u comparisons, %u calls with conditions also by libseccomp, %u not", n_compared, n_expressed,
	               n_inexpressible);
}

static void
test_random(void)
{
	g_autoptr(GRand) rand = g_rand_new_with_seed(20261121);
	unsigned compiled = 0;

	n_compared = n_expressed = n_inexpressible = 0;
	rules_most = 4;
	for (unsigned i = 0; i < 40; i++) {
		g_autofree char *text = random_policy(rand);

		compiled += compare_policy(text, text, rand, 60);
	}
	g_test_message("%u policies, %u comparisons, %u calls with conditions also by libseccomp, %u not", compiled,
	               n_compared, n_expressed, n_inexpressible);
	g_assert_cmpuint(compiled, >, 30);
	g_assert_cmpuint(n_expressed, >, 40);
}

/* The oracle can say no: one bit of the program changed is seen. */
static void
test_oracle(void)
{
	g_autoptr(seccomp_policy_t) policy = seccomp_policy_parse("P", seccomp_builtin_text("default"), NULL, NULL);
	const struct seccomp_program *program = seccomp_builtin("default");
	g_autofree struct sock_filter *filter = g_memdup2(program->filter, program->len * sizeof *filter);
	unsigned seen = 0, changed = 0;

	for (size_t i = 4; i < program->len; i++) {
		bool different = false;

		if (BPF_CLASS(filter[i].code) != BPF_JMP || filter[i].code == (BPF_JMP | BPF_JA) || filter[i].k >= 400)
			continue;
		filter[i].k++;
		changed++;
		for (uint32_t nr = 0; nr < 1100 && !different; nr++) {
			struct seccomp_data data = { .nr = (int)nr, .arch = NATIVE, .args = { 1, 1, 1 } };

			different = bpf_run(filter, program->len, &data, NULL) != policy_says(policy, &data);
			data.args[0] = data.args[1] = nr;
			different |= bpf_run(filter, program->len, &data, NULL) != policy_says(policy, &data);
			data.args[0] = data.args[1] = RLIMIT_CORE;
			for (uint64_t value = 0; value < 4; value++) {
				data.args[2] = value & 1 ? 1ull << 32 : 0;
				data.args[3] = value & 2 ? 1ull << 32 : 0;
				different |= bpf_run(filter, program->len, &data, NULL) != policy_says(policy, &data);
			}
		}
		seen += different;
		filter[i].k--;
	}
	g_test_message("%u of %u changed comparisons were seen", seen, changed);
	g_assert_cmpuint(changed, >, 50);
	g_assert_cmpuint(seen, >=, changed * 8 / 10);
}

int
main(int argc, char **argv)
{
	g_test_init(&argc, &argv, NULL);
	g_test_add_func("/seccomp/compile/builtin", test_builtin);
	g_test_add_func("/seccomp/compile/random", test_random);
	g_test_add_func("/seccomp/compile/oracle", test_oracle);
	return g_test_run();
}
