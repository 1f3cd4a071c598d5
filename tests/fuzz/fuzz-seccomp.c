/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* SPDX-FileCopyrightText: The libsbx developers */

/*
 * Fuzzing the policy language: any bytes are read as a policy; what is accepted is compiled, and the program is compared
 * with the policy read word for word. It is a libFuzzer target, and with its own main() a short test of each `make check`:
 *
 *	clang -DLIBFUZZER -fsanitize=fuzzer,address ... tests/fuzz/fuzz-seccomp.c
 *	SBX_FUZZ_ROUNDS=1000000 tests/fuzz/fuzz-seccomp
 */
#include <glib.h>
#include <stdint.h>
#include <stdlib.h>

#include "seccomp-compile.h"
#include "seccomp-load.h"
#include "seccomp-words.h"

#include "../unit/seccomp-bpf.h"

#define TEXT_MOST 4096

static unsigned n_accepted, n_compared;

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size);

static void
compare(const struct seccomp_policy *policy, const struct seccomp_program *program, const struct seccomp_data *data,
        const char *text)
{
	uint32_t got = bpf_run(program->filter, program->len, data, NULL), said = policy_says(policy, data);

	n_compared++;
	if (got != said)
		g_error("nr %u args 0x%llx 0x%llx 0x%llx 0x%llx 0x%llx 0x%llx: the program says 0x%x, the policy 0x%x:\n%s",
		        (unsigned)data->nr, data->args[0], data->args[1], data->args[2], data->args[3], data->args[4],
		        data->args[5], got, said, text);
}

/* The numbers that rules are about, with arguments at and around every value. */
static void
compare_all(const struct seccomp_policy *policy, const struct seccomp_program *program, const char *text)
{
	guint step = policy->rules->len / 24 + 1; /* groups name hundreds */

	for (guint i = 0; i < policy->rules->len; i++) {
		const struct seccomp_rule *rule = &g_array_index(policy->rules, struct seccomp_rule, i);
		struct seccomp_data data = { .nr = (int)rule->nr, .arch = NATIVE };

		if (!rule->test && i % step)
			continue;
		compare(policy, program, &data, text);
		for (guint n = 0; rule->test && n < rule->test->conds->len; n++) {
			const struct seccomp_cond *cond = &g_array_index(rule->test->conds, struct seccomp_cond, n);
			uint64_t value = g_array_index(cond->values, uint64_t, cond->values->len - 1);
			uint64_t around[] = { value, value - 1, value + 1, value ^ 1ull << 40, value | ~cond->mask };

			for (size_t a = 0; a < G_N_ELEMENTS(around); a++) {
				data.args[cond->arg] = around[a];
				compare(policy, program, &data, text);
			}
			data.args[cond->arg] = value; /* so that the next condition of the line matters */
		}
	}
}

int
LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size)
{
	g_autofree char *text = g_strndup((const char *)bytes, MIN(size, TEXT_MOST));
	g_autoptr(GError) error = NULL;
	g_autoptr(seccomp_policy_t) policy = seccomp_policy_parse("P", text, seccomp_builtin_text, &error);
	g_autofree struct sock_filter *filter = NULL;
	struct seccomp_program program;
	static const uint32_t numbers[] = { 0, 1, 435, 1023, 1024, 0x40000000, 0x400001ff, UINT32_MAX };

	g_assert_true(!policy == !!error);
	if (policy)
		filter = seccomp_compile(policy, &program, &error);
	if (!filter) {
		g_assert_nonnull(error);
		g_assert_true(g_str_has_prefix(error->message, "P:"));
		g_assert_null(strchr(error->message, '\n'));
		return 0;
	}
	n_accepted++;
	g_assert_true(seccomp_check(filter, program.len, NULL));
	for (size_t i = 0; i < G_N_ELEMENTS(numbers); i++) {
		struct seccomp_data data = { .nr = (int)numbers[i], .arch = NATIVE };

		compare(policy, &program, &data, text);
		data.arch = 0;
		compare(policy, &program, &data, text);
	}
	compare_all(policy, &program, text);
	return 0;
}

#ifndef LIBFUZZER
static const char *const seeds[] = {
	"default allow\ndeny EPERM openat if arg2 & O_ACCMODE|O_CREAT != O_RDONLY\nkill ptrace # no\n",
	"default kill\nallow @basic-io read write=1\nallow mmap if arg2:32 & PROT_EXEC == 0 and arg3 & MAP_SHARED == 0\n",
	"include default\nallow socket if family in unix,vsock\nlog bpf\ndeny 22 ioctl if arg1:32 in TIOCSTI,0x541c,3\n",
	"allow read if arg0 > 0xffffffff\nallow read if arg0 <= 5\ndeny EIO read if arg1 != 0x100000001\ndeny ENOSYS read\n",
	"kill @known\nallow @file-read @timer\nallow a=900 b=901 if arg5 >= 0x7fffffffffffffff and arg5 < 077777777777777777777\n",
};

/* Words that get a mutated text further than noise does. */
static const char *const words[] = { "allow",  "deny",       "EPERM", "kill",    "log",  "default", "include",
	                                 "strict", "if",         "and",   "in",      "==",   "!=",      "<",
	                                 ">=",     "&",          "arg0",  "arg1:32", "read", "write",   "x=900",
	                                 "0",      "0xffffffff", "|",     ",",       "\n",   "@aio" };

static void
mutate(GRand *rand, GString *text)
{
	for (int i = g_rand_int_range(rand, 1, 4); i > 0; i--) {
		gsize at = (gsize)g_rand_int_range(rand, 0, (gint32)text->len + 1);
		gsize length = (gsize)g_rand_int_range(rand, 0, 12);

		switch (g_rand_int_range(rand, 0, 6)) {
		case 0:
			g_string_erase(text, (gssize)at, (gssize)MIN(length, text->len - at));
			break;
		case 1:
			g_string_insert_c(text, (gssize)at, (char)g_rand_int_range(rand, 1, 256));
			break;
		case 2:
			if (at < text->len)
				text->str[at] = "0123456789 \n|,:&<=>@x"[g_rand_int_range(rand, 0, 21)];
			break;
		case 3:
			g_string_append(text, seeds[g_rand_int_range(rand, 0, G_N_ELEMENTS(seeds))]);
			break;
		default: {
			const char *space = memchr(text->str + at, ' ', text->len - at);

			if (space)
				at = (gsize)(space - text->str);
			g_string_insert(text, (gssize)at, words[g_rand_int_range(rand, 0, G_N_ELEMENTS(words))]);
			g_string_insert_c(text, (gssize)at, ' ');
		}
		}
	}
}

static void
test_mutated(void)
{
	const char *asked = g_getenv("SBX_FUZZ_ROUNDS");
	guint64 rounds = asked ? g_ascii_strtoull(asked, NULL, 10) : 8000;
	g_autoptr(GRand) rand = g_rand_new_with_seed((guint32)g_test_rand_int());

	for (guint64 i = 0; i < rounds; i++) {
		g_autoptr(GString) text = g_string_new(seeds[g_rand_int_range(rand, 0, G_N_ELEMENTS(seeds))]);

		mutate(rand, text);
		LLVMFuzzerTestOneInput((const uint8_t *)text->str, text->len);
	}
	g_test_message("%" G_GUINT64_FORMAT " texts, %u accepted, %u comparisons", rounds, n_accepted, n_compared);
	/* both ends of the parser were met */
	g_assert_cmpuint(n_accepted, >, rounds / 50);
	g_assert_cmpuint(n_accepted, <, rounds * 49 / 50);
}

int
main(int argc, char **argv)
{
	g_test_init(&argc, &argv, NULL);
	g_test_add_func("/fuzz/seccomp", test_mutated);
	return g_test_run();
}
#endif
