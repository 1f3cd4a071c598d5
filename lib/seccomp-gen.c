/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* SPDX-FileCopyrightText: The libsbx developers */

/*
 * The maker of the default seccomp filter: runs while libsbx is built, turns seccomp-policy.h into a C array.
 *
 * Theory of operation: libseccomp knows the numbers of an architecture's calls. Neighbours with the same fate become one
 * range, and the program is a binary search over the ranges: 6 or 7 comparisons for any call, and a third of the length
 * (thus less time to install) of a program with one comparison for each call. Nothing but the number decides, save for the
 * five calls whose arguments are looked at, so the kernel's own cache answers for all calls that are always allowed.
 */
#include <linux/audit.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <seccomp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>

#include "seccomp-policy.h"

#define NR_MAX 1024 /* beyond every call there is */
#define NAME_MAX_LEN 64
#define X32_BIT 0x40000000u
#define KILL -100 /* an action that no group has */

#define N_OF(array) (sizeof(array) / sizeof((array)[0]))

struct arch {
	const char *name;
	uint32_t scmp, audit;
	bool x32;
};

static const struct arch archs[] = {
	{ "x86_64", SCMP_ARCH_X86_64, AUDIT_ARCH_X86_64, true },
	{ "aarch64", SCMP_ARCH_AARCH64, AUDIT_ARCH_AARCH64, false },
};

/* From this number on, up to the next range. */
struct range {
	uint32_t first;
	int action;
};

/* Out of the comparison `at`, to what `action` is. */
struct jump {
	size_t at;
	bool if_true;
	int action;
};

static struct range ranges[NR_MAX + 4];
static size_t n_ranges;
static struct jump jumps[NR_MAX + 4];
static size_t n_jumps;
static struct sock_filter program[BPF_MAXINSNS];
static size_t program_len;

static void fail(const char *name, const char *format, ...) __attribute__((noreturn, format(printf, 2, 3)));

static void
fail(const char *name, const char *format, ...)
{
	va_list args;

	va_start(args, format);
	fprintf(stderr, "seccomp-gen: %s: ", name);
	vfprintf(stderr, format, args);
	fputc('\n', stderr);
	exit(1);
}

/* --- names to numbers -------------------------------------------------------------------------------------------- */

/* The next name of a group, without its "=NUMBER", which is -1 where there is none. */
static bool
name_next(const char **names, char ret_name[NAME_MAX_LEN], long *ret_number)
{
	const char *start = *names + strspn(*names, " ");
	size_t len = strcspn(start, " "), name_len = strcspn(start, " =");

	if (!len)
		return false;
	if (name_len >= NAME_MAX_LEN)
		fail(start, "too long for a name");
	memcpy(ret_name, start, name_len);
	ret_name[name_len] = '\0';
	*ret_number = name_len < len ? strtol(start + name_len + 1, NULL, 10) : -1;
	*names = start + len;
	return true;
}

/* -1: this architecture has no such call. */
static long
name_number(const struct arch *arch, const char *name, long number)
{
	int known = seccomp_syscall_resolve_name_arch(arch->scmp, name);

	if (known == __NR_SCMP_ERROR && number < 0)
		fail(name, "libseccomp knows no such system call; give it a number");
	if (known == __NR_SCMP_ERROR)
		known = number;
	if (known >= 0 && number >= 0 && known != number)
		fail(name, "the policy says %ld, libseccomp %d", number, known);
	if (known >= NR_MAX)
		fail(name, "number %d is beyond %d", known, NR_MAX);
	return known < 0 ? -1 : known;
}

static void
policy_load(const struct arch *arch, int actions[NR_MAX])
{
	bool seen[NR_MAX] = { false };
	char name[NAME_MAX_LEN];

	for (size_t i = 0; i < NR_MAX; i++)
		actions[i] = SECCOMP_POLICY_REST;
	for (const struct seccomp_group *group = seccomp_policy; group->topic; group++) {
		const char *names = group->names;
		long number;

		while (name_next(&names, name, &number)) {
			number = name_number(arch, name, number);
			if (number < 0)
				continue;
			if (seen[number])
				fail(name, "stands in the policy twice");
			seen[number] = true;
			actions[number] = group->action;
		}
	}
}

static void
range_add(uint32_t first, int action)
{
	if (n_ranges && ranges[n_ranges - 1].action == action)
		return;
	ranges[n_ranges++] = (struct range){ first, action };
}

static void
ranges_make(const struct arch *arch, const int actions[NR_MAX])
{
	for (uint32_t nr = 0; nr < NR_MAX; nr++)
		range_add(nr, actions[nr]);
	range_add(NR_MAX, SECCOMP_POLICY_REST);
	if (!arch->x32)
		return;
	range_add(X32_BIT, KILL);
	/* -1 is no x32 call but one that a debugger outside of the box has cancelled. */
	range_add(UINT32_MAX, SECCOMP_POLICY_REST);
}

/* --- ranges to instructions -------------------------------------------------------------------------------------- */

static void
emit(uint16_t code, uint8_t jt, uint8_t jf, uint32_t k)
{
	if (program_len == N_OF(program))
		fail("policy", "more than %zu instructions", N_OF(program));
	program[program_len++] = (struct sock_filter){ code, jt, jf, k };
}

static void
emit_load(size_t offset)
{
	emit(BPF_LD | BPF_W | BPF_ABS, 0, 0, offset);
}

/* The low half, which is all that the kernel looks at where a parameter is an int. Both machines are little-endian. */
static void
emit_load_arg(unsigned arg)
{
	emit_load(offsetof(struct seccomp_data, args) + 8 * arg);
}

static void
emit_return(int action)
{
	uint32_t k = action == KILL            ? SECCOMP_RET_KILL_PROCESS
	             : action == SECCOMP_ALLOW ? SECCOMP_RET_ALLOW
	                                       : SECCOMP_RET_ERRNO | (uint32_t)action;

	emit(BPF_RET | BPF_K, 0, 0, k);
}

/* Is the argument one of `values`? */
static void
emit_match(unsigned arg, const uint32_t *values, size_t n, int if_match, int otherwise)
{
	emit_load_arg(arg);
	for (size_t i = 0; i < n; i++)
		emit(BPF_JMP | BPF_JEQ | BPF_K, n - i, 0, values[i]);
	emit_return(otherwise);
	emit_return(if_match);
}

static void
emit_socket(bool netlink)
{
	static const uint32_t families[] = { AF_UNIX, AF_INET, AF_INET6 }, route[] = { 0 };

	if (netlink) {
		emit_load_arg(0);
		emit(BPF_JMP | BPF_JEQ | BPF_K, 0, 3 + N_OF(route), AF_NETLINK);
		emit_match(2, route, N_OF(route), SECCOMP_ALLOW, EAFNOSUPPORT);
	}
	emit_match(0, families, N_OF(families), SECCOMP_ALLOW, EAFNOSUPPORT);
}

static void
emit_action(int action)
{
	static const uint32_t typing[] = { TIOCSTI, TIOCLINUX };
	static const uint32_t personalities[] = { 0, 8, 0x20000, 0x20008, UINT32_MAX };

	switch (action) {
	case SECCOMP_CLONE:
		emit_load_arg(0);
		emit(BPF_JMP | BPF_JSET | BPF_K, 0, 1, SECCOMP_CLONE_NEW);
		emit_return(EPERM);
		emit_return(SECCOMP_ALLOW);
		break;
	case SECCOMP_IOCTL:
		emit_match(1, typing, N_OF(typing), EPERM, SECCOMP_ALLOW);
		break;
	case SECCOMP_SOCKET:
		emit_socket(true);
		break;
	case SECCOMP_SOCKETPAIR:
		emit_socket(false);
		break;
	case SECCOMP_PERSONALITY:
		emit_match(0, personalities, N_OF(personalities), SECCOMP_ALLOW, EPERM);
		break;
	default:
		emit_return(action);
	}
}

static void
jump_to(const struct jump *jump, size_t target)
{
	size_t distance = target - jump->at - 1;

	if (distance > UINT8_MAX)
		fail("policy", "a jump over %zu instructions", distance);
	if (jump->if_true)
		program[jump->at].jt = distance;
	else
		program[jump->at].jf = distance;
}

static void emit_tree(size_t from, size_t to);

/* One way out of a comparison: to the next one, or to what its only range gets. */
static void
emit_way(size_t at, bool if_true, size_t from, size_t to)
{
	struct jump jump = { at, if_true, ranges[from].action };

	if (to - from == 1) {
		jumps[n_jumps++] = jump;
		return;
	}
	jump_to(&jump, program_len);
	emit_tree(from, to);
}

/* A binary search over ranges [from, to), two at least. */
static void
emit_tree(size_t from, size_t to)
{
	size_t middle = from + (to - from) / 2, at = program_len;

	emit(BPF_JMP | BPF_JGE | BPF_K, 0, 0, ranges[middle].first);
	emit_way(at, false, from, middle);
	emit_way(at, true, middle, to);
}

/* What the search ends in, each action once. */
static void
emit_actions(void)
{
	while (n_jumps) {
		int action = jumps[0].action;
		size_t target = program_len, left = 0;

		emit_action(action);
		for (size_t i = 0; i < n_jumps; i++)
			if (jumps[i].action == action)
				jump_to(&jumps[i], target);
			else
				jumps[left++] = jumps[i];
		n_jumps = left;
	}
}

static void
emit_program(const struct arch *arch)
{
	emit_load(offsetof(struct seccomp_data, arch));
	emit(BPF_JMP | BPF_JEQ | BPF_K, 1, 0, arch->audit);
	emit_return(KILL);
	emit_load(offsetof(struct seccomp_data, nr));
	emit_tree(0, n_ranges);
	emit_actions();
}

/* --- output ------------------------------------------------------------------------------------------------------ */

static void
print_program(const struct arch *arch)
{
	printf("/* Made by seccomp-gen: the default seccomp policy for %s, %zu ranges, %zu instructions. */\n", arch->name,
	       n_ranges, program_len);
	printf("#define SECCOMP_DEFAULT_ARCH 0x%08xU\n\n", arch->audit);
	printf("static const struct sock_filter seccomp_default[] = {\n");
	for (size_t i = 0; i < program_len; i++)
		printf("\t{ 0x%02x, %u, %u, 0x%08x },\n", program[i].code, program[i].jt, program[i].jf, program[i].k);
	printf("};\n");
}

static const char *
action_text(int action)
{
	switch (action) {
	case SECCOMP_ALLOW:
		return "allowed";
	case EPERM:
		return "EPERM";
	case ENOSYS:
		return "ENOSYS";
	default:
		return "by its arguments";
	}
}

static void
print_list(void)
{
	char name[NAME_MAX_LEN];
	long number;

	for (const struct seccomp_group *group = seccomp_policy; group->topic; group++) {
		const char *names = group->names;
		size_t column = 0;

		printf("%s: %s", group->topic, action_text(group->action));
		while (name_next(&names, name, &number)) {
			bool wrap = !column || column + 1 + strlen(name) > 100;

			column = (wrap ? 8 : column + 1) + strlen(name);
			printf("%s%s", wrap ? "\n\t" : " ", name);
		}
		printf("\n");
	}
	printf("all others: ENOSYS\nforeign architectures and x32: the process is killed\n");
}

int
main(int argc, char **argv)
{
	int actions[NR_MAX];

	if (argc == 2 && !strcmp(argv[1], "--list")) {
		print_list();
		return fflush(stdout) ? 1 : 0;
	}
	for (size_t i = 0; argc == 2 && i < N_OF(archs); i++)
		if (!strcmp(argv[1], archs[i].name)) {
			policy_load(&archs[i], actions);
			ranges_make(&archs[i], actions);
			emit_program(&archs[i]);
			print_program(&archs[i]);
			return fflush(stdout) ? 1 : 0;
		}
	fprintf(stderr, "usage: seccomp-gen x86_64 | aarch64 | --list\n");
	return 2;
}
