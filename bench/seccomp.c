/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* SPDX-FileCopyrightText: The libsbx developers */

/* What it costs to install a filter of 300 rules: our search tree against one comparison for each rule. */
#include <errno.h>
#include <glib.h>
#include <linux/audit.h>
#include <linux/seccomp.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "seccomp-compile.h"
#include "seccomp-load.h"
#include "seccomp-words.h"

#define ROUNDS 400

static int
compare(const void *a, const void *b)
{
	double left = *(const double *)a, right = *(const double *)b;

	return (left > right) - (left < right);
}

/* The median of microseconds, and the best. Each in a child of its own: a filter is for ever. */
static double
measure(const struct sock_filter *filter, unsigned short len, double *ret_best)
{
	struct sock_fprog program = { len, (struct sock_filter *)filter };
	double all[ROUNDS];

	for (int i = 0; i < ROUNDS; i++) {
		struct timespec begin, end;
		int ends[2], status = 0;

		if (pipe(ends) < 0)
			exit(1);
		if (fork() == 0) {
			double took;

			prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0);
			clock_gettime(CLOCK_MONOTONIC, &begin);
			if (syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, 0, &program) < 0)
				_exit(1);
			clock_gettime(CLOCK_MONOTONIC, &end);
			took = (double)(end.tv_sec - begin.tv_sec) * 1e6 + (double)(end.tv_nsec - begin.tv_nsec) / 1e3;
			_exit(write(ends[1], &took, sizeof took) == sizeof took ? 0 : 1);
		}
		if (wait(&status) < 0 || status || read(ends[0], &all[i], sizeof all[i]) != sizeof all[i])
			exit(1);
		close(ends[0]);
		close(ends[1]);
	}
	qsort(all, ROUNDS, sizeof *all, compare);
	*ret_best = all[0];
	return all[ROUNDS / 2];
}

static void
report(const char *what, const struct sock_filter *filter, unsigned short len)
{
	double best, median = measure(filter, len, &best);

	printf("%s: %u instructions, installed in %.1f us (median; best %.1f)\n", what, len, median, best);
}

int
main(void)
{
	g_autoptr(GString) text = g_string_new("default deny ENOSYS\n");
	g_autoptr(GArray) line = g_array_new(FALSE, FALSE, sizeof(struct sock_filter));
	g_autofree struct sock_filter *tree = NULL;
	g_autoptr(seccomp_policy_t) policy = NULL;
	struct seccomp_program program;
	struct sock_filter step[] = {
		BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, arch)),
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, seccomp_native_arch(), 1, 0),
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_KILL_PROCESS),
		BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr)),
	};

	/* 300 calls by name, as many runs of neighbours as the default policy has */
	g_array_append_vals(line, step, G_N_ELEMENTS(step));
	for (unsigned i = 0, n = 0; n < 300; i++) {
		const struct sock_filter rule[] = { BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, i, 0, 1),
			                                BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW) };
		const char *name = i % 6 ? seccomp_word_name(seccomp_native_arch(), i) : NULL;

		if (i % 6 == 0 || (i < 330 && !name))
			continue;
		if (name)
			g_string_append_printf(text, "allow %s\n", name);
		else
			g_string_append_printf(text, "allow x=%u\n", i);
		g_array_append_vals(line, rule, 2);
		n++;
	}
	g_array_append_vals(line, &(struct sock_filter)BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | ENOSYS), 1);
	policy = seccomp_policy_parse("300", text->str, NULL, NULL);
	tree = policy ? seccomp_compile(policy, &program, NULL) : NULL;
	if (!tree)
		return 1;
	report("300 rules as a tree", tree, program.len);
	report("300 rules in a line", (struct sock_filter *)(gpointer)line->data, (unsigned short)line->len);
	report("the default policy", seccomp_builtin("default")->filter, seccomp_builtin("default")->len);
	return 0;
}
