/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* SPDX-FileCopyrightText: The libsbx developers */

/* Tests of the policy language: what each rule means, and what each mistake is called. */
#include "seccomp-policy.h"

#include <errno.h>
#include <fcntl.h>
#include <glib.h>
#include <glib/gstdio.h>
#include <sched.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/ioctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "error.h"
#include "sbx.h"
#include "seccomp-bpf.h"
#include "seccomp-compile.h"
#include "seccomp-load.h"
#include "seccomp-words.h"
#include "seccomp.h"

#define ALLOW SECCOMP_RET_ALLOW
#define KILL SECCOMP_RET_KILL_PROCESS
#define LOG SECCOMP_RET_LOG
#define FAIL(code) (SECCOMP_RET_ERRNO | (code))
#define NOSYS FAIL(ENOSYS)

/* --- meaning ----------------------------------------------------------------------------------------------------- */

static const struct {
	const char *policy;
	long nr;
	uint64_t args[3];
	uint32_t expected;
} meanings[] = {
	{ "", __NR_read, { 0 }, NOSYS },
	{ "# nothing\n\n  \t\n", __NR_read, { 0 }, NOSYS },
	{ "default allow", __NR_read, { 0 }, ALLOW },
	{ "default kill\nallow read # and no more", __NR_read, { 0 }, ALLOW },
	{ "default kill\nallow read", __NR_write, { 0 }, KILL },
	{ "default kill\nallow read", 1000, { 0 }, KILL },
	{ "default log\r\nallow read\r\n", 5000, { 0 }, LOG },
	{ "deny EPERM read write", __NR_write, { 0 }, FAIL(EPERM) },
	{ "deny 4095 read", __NR_read, { 0 }, FAIL(4095) },
	{ "deny EWOULDBLOCK read", __NR_read, { 0 }, FAIL(EAGAIN) },
	{ "allow brand_new=999", 999, { 0 }, ALLOW },
	{ "allow read=0", 0, { 0 }, __NR_read == 0 ? ALLOW : NOSYS },
	/* groups */
	{ "allow @basic-io", __NR_read, { 0 }, ALLOW },
	{ "allow @privileged", __NR_reboot, { 0 }, ALLOW },
	{ "allow @known", __NR_reboot, { 0 }, ALLOW },
	{ "allow @known", 1000, { 0 }, NOSYS },
	{ "allow @network", __NR_connect, { 0 }, ALLOW },
	/* a name wins over a group wherever it stands, the later group over the earlier */
	{ "deny EPERM read\nallow @basic-io", __NR_read, { 0 }, FAIL(EPERM) },
	{ "allow @basic-io\ndeny EPERM read", __NR_read, { 0 }, FAIL(EPERM) },
	{ "kill @known\nallow @basic-io", __NR_read, { 0 }, ALLOW },
	{ "allow @basic-io\nkill @known", __NR_read, { 0 }, KILL },
	/* rules with conditions first, in their order, wherever the others stand */
	{ "allow read\ndeny EPERM read if arg0 == 1", __NR_read, { 1 }, FAIL(EPERM) },
	{ "allow read\ndeny EPERM read if arg0 == 1", __NR_read, { 2 }, ALLOW },
	{ "deny EPERM read if arg0 == 1\ndeny EIO read if arg0 <= 1", __NR_read, { 1 }, FAIL(EPERM) },
	{ "deny EPERM read if arg0 == 1\ndeny EIO read if arg0 <= 1", __NR_read, { 0 }, FAIL(EIO) },
	{ "deny EPERM read if arg0 == 1\ndeny EIO read if arg0 <= 1", __NR_read, { 2 }, NOSYS },
	{ "deny EPERM @basic-io if arg0 == 1\nallow read", __NR_read, { 1 }, FAIL(EPERM) },
	/* 64 bits, both halves */
	{ "allow read if arg0 == 0x100000002", __NR_read, { 0x100000002 }, ALLOW },
	{ "allow read if arg0 == 0x100000002", __NR_read, { 2 }, NOSYS },
	{ "allow read if arg0 == 0x100000002", __NR_read, { 0x100000000 }, NOSYS },
	{ "allow read if arg0 != 0x100000002", __NR_read, { 0x200000002 }, ALLOW },
	{ "allow read if arg0 != 0x100000002", __NR_read, { 0x100000002 }, NOSYS },
	{ "allow read if arg0 > 0xffffffff", __NR_read, { 0x100000000 }, ALLOW },
	{ "allow read if arg0 > 0xffffffff", __NR_read, { 0xffffffff }, NOSYS },
	{ "allow read if arg0 >= 0x200000001", __NR_read, { 0x1ffffffff }, NOSYS },
	{ "allow read if arg0 >= 0x200000001", __NR_read, { 0x200000001 }, ALLOW },
	{ "allow read if arg0 < 0x200000001", __NR_read, { 0x200000000 }, ALLOW },
	{ "allow read if arg0 <= 5", __NR_read, { 0x100000005 }, NOSYS },
	{ "allow read if arg0 < 0xffffffffffffffff", __NR_read, { UINT64_MAX }, NOSYS },
	/* 32 bits */
	{ "allow read if arg0:32 == 5", __NR_read, { 0x700000005 }, ALLOW },
	{ "allow read if arg0:32 < 5", __NR_read, { 0x700000004 }, ALLOW },
	{ "allow read if arg0:32 >= 5", __NR_read, { 0x700000004 }, NOSYS },
	{ "allow read if arg1:32 == AT_FDCWD", __NR_read, { 0, (uint64_t)AT_FDCWD }, ALLOW },
	/* masks, lists, names, and */
	{ "allow read if arg0 & 0xf0 == 0x30", __NR_read, { 0xffffffffffffff3f }, ALLOW },
	{ "allow read if arg0 & 0xf0 == 0x30", __NR_read, { 0x3 }, NOSYS },
	{ "allow read if arg0 & 0xf0000000f0 != 0", __NR_read, { 0x1000000000 }, ALLOW },
	{ "allow read if arg0 & 0xf0000000f0 != 0", __NR_read, { 0xff0fffffff0f }, NOSYS },
	{ "allow read if arg0:32 & 0xff in 1,2,3", __NR_read, { 0x9900000102 }, ALLOW },
	{ "allow read if arg0 in 1,0x100000001,2,010", __NR_read, { 8 }, ALLOW },
	{ "allow read if arg0 in 1,0x100000001,2,010", __NR_read, { 0x100000001 }, ALLOW },
	{ "allow read if arg0 in 1,0x100000001,2,010", __NR_read, { 0x100000002 }, NOSYS },
	{ "allow mprotect if arg2 & PROT_EXEC == 0", __NR_mprotect, { 0, 0, 3 }, ALLOW },
	{ "allow mprotect if arg2 & PROT_EXEC == 0", __NR_mprotect, { 0, 0, 7 }, NOSYS },
	{ "allow openat if arg2 & O_ACCMODE|O_CREAT == O_RDONLY", __NR_openat, { 0, 0, O_CLOEXEC }, ALLOW },
	{ "allow openat if arg2 & O_ACCMODE|O_CREAT == O_RDONLY", __NR_openat, { 0, 0, O_CREAT }, NOSYS },
	{ "allow read if arg0 == 1 and arg1 > 2 and arg2 != 3", __NR_read, { 1, 3, 4 }, ALLOW },
	{ "allow read if arg0 == 1 and arg1 > 2 and arg2 != 3", __NR_read, { 1, 2, 4 }, NOSYS },
	{ "allow read if arg0 == 1 and arg1 > 2 and arg2 != 3", __NR_read, { 1, 3, 3 }, NOSYS },
	{ "allow socket if family in unix,inet", __NR_socket, { 1 }, ALLOW },
	{ "allow socket if family in AF_UNIX,2", __NR_socket, { 2 }, ALLOW },
	{ "allow socket if family in unix,inet", __NR_socket, { 10 }, NOSYS },
	{ "allow socket socketpair if family != vsock", __NR_socketpair, { 0x100000028 }, NOSYS },
	/* includes are levels below */
	{ "include default", __NR_read, { 0 }, ALLOW },
	{ "include default", __NR_socket, { 40 }, FAIL(EAFNOSUPPORT) },
	{ "include default\nallow socket if family == vsock", __NR_socket, { 40 }, ALLOW },
	{ "include default\nallow socket if family == vsock", __NR_socket, { 17 }, FAIL(EAFNOSUPPORT) },
	{ "include default\nallow socket if family == vsock", __NR_socket, { 1 }, ALLOW },
	{ "include default\ndeny EACCES socket", __NR_socket, { 1 }, FAIL(EACCES) },
	{ "include default\nallow @debug", __NR_ptrace, { 0 }, ALLOW },
	/* a group leaves conditions alone, its call's name does not; and what forbids is for all */
	{ "include default\nallow @process", __NR_clone, { CLONE_NEWUSER }, FAIL(EPERM) },
	{ "include default\nlog @process", __NR_clone, { CLONE_NEWUSER }, FAIL(EPERM) },
	{ "include default\nallow @process", __NR_clone, { SIGCHLD }, ALLOW },
	{ "include default\nallow clone", __NR_clone, { CLONE_NEWUSER }, ALLOW },
	{ "include default\nallow @network-io", __NR_socket, { AF_VSOCK }, FAIL(EAFNOSUPPORT) },
	{ "include default\nkill @network-io", __NR_socket, { AF_UNIX }, KILL },
	{ "include default\nallow @default", __NR_prlimit64, { 0, RLIMIT_CORE, 1 }, FAIL(0) },
	{ "include default\nallow @known if arg0 == 0", __NR_ioctl, { 0, TIOCSTI }, FAIL(EPERM) },
	{ "include default\ndefault kill", 1000, { 0 }, KILL },
	{ "include default\ndefault kill", __NR_ptrace, { 0 }, FAIL(EPERM) },
	{ "include default\ninclude strict", __NR_ptrace, { 0 }, KILL },
	{ "include strict\ninclude default", __NR_ptrace, { 0 }, FAIL(EPERM) },
	{ "include strict\nallow vfork clone wait4", __NR_clone, { 17 }, ALLOW },
};

static struct seccomp_policy *
parse(const char *text)
{
	GError *error = NULL;
	struct seccomp_policy *policy = seccomp_policy_parse("P", text, seccomp_builtin_text, &error);

	g_assert_no_error(error);
	return policy;
}

static void
test_meaning(void)
{
	for (size_t i = 0; i < G_N_ELEMENTS(meanings); i++) {
		g_autoptr(seccomp_policy_t) policy = parse(meanings[i].policy);
		g_autofree struct sock_filter *filter = NULL;
		struct seccomp_program program;
		struct seccomp_data data = { .nr = (int)meanings[i].nr, .arch = NATIVE };
		uint32_t got;

		memcpy(data.args, meanings[i].args, sizeof meanings[i].args);
		filter = seccomp_compile(policy, &program, NULL);
		g_assert_nonnull(filter);
		got = bpf_run(filter, program.len, &data, NULL);
		if (got != meanings[i].expected || policy_says(policy, &data) != meanings[i].expected)
			g_test_fail_printf("\"%s\" nr %ld (0x%llx, 0x%llx, 0x%llx): the program says 0x%x, the evaluator 0x%x, "
			                   "expected 0x%x",
			                   meanings[i].policy, meanings[i].nr, data.args[0], data.args[1], data.args[2], got,
			                   policy_says(policy, &data), meanings[i].expected);
	}
}

/* Which calls may be logged, for whoever is told of them. */
static void
test_notes(void)
{
	g_autoptr(seccomp_policy_t) some = parse("default allow\nlog openat read if arg0 == 1\nkill ptrace");
	g_autoptr(seccomp_policy_t) rest = parse("default log\nallow read\ndeny EPERM write");
	g_autofree struct sock_filter *first = NULL, *second = NULL;
	struct seccomp_program program;

	first = seccomp_compile(some, &program, NULL);
	g_assert_true(program.kills && program.logs);
	g_assert_false(program.log_rest || program.given);
	for (unsigned nr = 0; nr < 1024; nr++)
		g_assert_cmpint(!!(program.log_nr[nr / 32] & 1u << nr % 32), ==, nr == __NR_openat || nr == __NR_read);
	second = seccomp_compile(rest, &program, NULL);
	g_assert_true(program.kills && program.logs && program.log_rest);
	for (unsigned nr = 0; nr < 1024; nr++)
		g_assert_cmpint(!!(program.log_nr[nr / 32] & 1u << nr % 32), ==, nr != __NR_write && nr != __NR_read);
}

/* --- mistakes ---------------------------------------------------------------------------------------------------- */

static const struct {
	const char *policy, *message;
} mistakes[] = {
	{ "allow opnat", "P:1: unknown system call \"opnat\"; did you mean \"openat\"?" },
	{ "\n\nallow read wriet", "P:3: unknown system call \"wriet\"; did you mean \"write\"?" },
	{ "allow qqqqqqqqqqqqqq",
	  "P:1: unknown system call \"qqqqqqqqqqqqqq\"; accepted: names as in syscalls(2), NAME=NUMBER, @GROUP" },
	{ "allow READ", "P:1: unknown system call \"READ\"; accepted: names as in syscalls(2), NAME=NUMBER, @GROUP" },
	{ "allow @file-systm", "P:1: unknown group \"@file-systm\"; did you mean \"@file-system\"?" },
	{ "allow @", "P:1: unknown group \"@\"; accepted: the groups in sbx-seccomp(7)" },
	{ "alow read", "P:1: unknown action \"alow\"; accepted: allow, deny ERRNO, kill, log; and default, include" },
	{ "read", "P:1: unknown action \"read\"; accepted: allow, deny ERRNO, kill, log; and default, include" },
	{ "allow", "P:1: allow: a system call is missing" },
	{ "allow if arg0 == 1", "P:1: allow: a system call is missing" },
	{ "deny", "P:1: deny: an errno is missing, as in \"deny EPERM\"" },
	{ "deny EPREM read", "P:1: unknown errno \"EPREM\"; did you mean \"EPERM\"?" },
	{ "deny read", "P:1: unknown errno \"read\"; accepted: a name as in errno(3), or 0 to 4095" },
	{ "deny 4096 read", "P:1: \"4096\" is not an errno; accepted: a name as EPERM, or 0 to 4095" },
	{ "deny EPERM", "P:1: deny: a system call is missing" },
	{ "default", "P:1: an action is missing; accepted: allow, deny ERRNO, kill, log" },
	{ "default deny", "P:1: deny: an errno is missing, as in \"deny EPERM\"" },
	{ "default allow read", "P:1: \"read\" behind the default; accepted: default allow, deny ERRNO, kill, log" },
	{ "default allow\ndefault kill", "P:2: the default was set in line 1 already" },
	{ "default kill\ndefault kill", "P:2: the default was set in line 1 already" },
	{ "allow read\ndeny EPERM read", "P:2: read has another action in line 1 already" },
	{ "allow read if arg0 == 1\nkill read if arg0 == 1",
	  "P:2: read has another action under the same condition in line 1 already" },
	{ "allow foo=1024", "P:1: foo: \"1024\" is not the number of a system call; accepted: 0 to 1023" },
	{ "allow foo=", "P:1: foo: \"\" is not the number of a system call; accepted: 0 to 1023" },
	{ "allow mseal=463", "P:1: mseal is number 462, not 463" },
	{ "include", "P:1: include: \"\" is not a policy that can be included; accepted: default, strict" },
	{ "include none", "P:1: include: \"none\" is not a policy that can be included; accepted: default, strict" },
	{ "include default strict", "P:1: include: one name only, in a line of its own" },
	{ "allow read\ninclude default", "P:2: include stands above all rules and the default" },
	{ "default kill\ninclude default", "P:2: include stands above all rules and the default" },
	{ "allow read if",
	  "P:1: a condition is missing; accepted: \"argN OP VALUE\", \"argN in VALUE,VALUE\", \"argN & MASK == VALUE\", "
	  "argN:32 for 32 bits" },
	{ "allow read if arg6 == 1", "P:1: there is no argument \"arg6\"; accepted: arg0 to arg5, and arg0:32 to arg5:32" },
	{ "allow read if arg == 1", "P:1: there is no argument \"arg\"; accepted: arg0 to arg5, and arg0:32 to arg5:32" },
	{ "allow read if arg0:16 == 1",
	  "P:1: there is no argument \"arg0:16\"; accepted: arg0 to arg5, and arg0:32 to arg5:32" },
	{ "allow read if fd == 1",
	  "P:1: \"fd\" cannot be compared; accepted: \"argN OP VALUE\", \"argN in VALUE,VALUE\", \"argN & MASK == VALUE\", "
	  "argN:32 for 32 bits, and family" },
	{ "allow read if family == inet",
	  "P:1: \"family\" is for rules about socket and socketpair only; accepted: arg0 to arg5" },
	{ "allow socket if family == intet", "P:1: unknown address family \"intet\"; did you mean \"inet\"?" },
	{ "allow read if arg0", "P:1: a comparison is missing; accepted: ==, !=, <, <=, >, >=, in" },
	{ "allow read if arg0 = 1", "P:1: unknown comparison \"=\"; did you mean \"==\"?" },
	{ "allow read if arg0 is 1", "P:1: unknown comparison \"is\"; accepted: ==, !=, <, <=, >, >=, in" },
	{ "allow read if arg0==1", "P:1: \"arg0==1\": put blanks around \"==\"" },
	{ "allow read if arg0 >=1", "P:1: \">=1\": put blanks around \">=\"" },
	{ "allow read if arg0 &3 == 1", "P:1: \"&3\": put blanks around \"&\"" },
	{ "allow socket if family!= inet", "P:1: \"family!=\": put blanks around \"!=\"" },
	{ "allow socket if family == INET", "P:1: unknown address family \"INET\"; did you mean \"inet\"?" },
	{ "allow ioctl if arg1 == tiocsti", "P:1: unknown constant \"tiocsti\"; did you mean \"TIOCSTI\"?" },
	{ "allow read if arg0 in 1, 2", "P:1: \"1,\": no blank behind the comma, as in \"arg0 in 1,2\"" },
	{ "allow socket if family in inet inet6",
	  "P:1: \"inet6\" behind a condition; the values of \"in\" are separated by commas, without blanks" },
	{ "allow read if arg0 in 1,2 or arg1 == 2",
	  "P:1: \"or\" behind a condition; accepted: and, or the end of the line" },
	{ "allow read if arg0 ==", "P:1: a value is missing behind \"==\"" },
	{ "allow read if arg0 == 1,2", "P:1: \"1,2\": several values are compared by \"in\"" },
	{ "allow read if arg0 in 1,,2", "P:1: a value is missing" },
	{ "allow read if arg0 == 1x", "P:1: \"1x\" is not a number; accepted: decimal, 0x..., or octal with a leading 0" },
	{ "allow read if arg0 == 08", "P:1: \"08\" is not a number; accepted: decimal, 0x..., or octal with a leading 0" },
	{ "allow read if arg0 == -1",
	  "P:1: \"-1\" is not a value; accepted: a number, a name, or several joined by \"|\"" },
	{ "allow read if arg0 == 18446744073709551616", "P:1: 18446744073709551616 does not fit into 64 bits" },
	{ "allow read if arg0:32 == 0x100000000", "P:1: 0x100000000 does not fit into the 32 bits that are compared" },
	{ "allow ioctl if arg1 == TIOCTSI", "P:1: unknown constant \"TIOCTSI\"; did you mean \"TIOCSTI\"?" },
	{ "allow ioctl if arg1 == ZZZZZZZZZZZZZZZ",
	  "P:1: unknown constant \"ZZZZZZZZZZZZZZZ\"; accepted: the names in sbx-seccomp(7), or a number" },
	{ "allow read if arg0 & 3 == 4", "P:1: 4 has bits that the mask leaves out: no argument is ever equal" },
	{ "allow read if arg0 & 3 > 1", "P:1: a masked argument is compared by ==, != or in" },
	{ "allow read if arg0 & 0 == 0", "P:1: the mask is 0: nothing is compared" },
	{ "allow read if arg0 &", "P:1: a mask is missing behind \"&\"" },
	{ "allow read if arg0 < 0", "P:1: no argument is < 0: the rule would never be used" },
	{ "allow read if arg0 >= 0", "P:1: every argument is >= 0: leave the condition out" },
	{ "allow read if arg0:32 > 0xffffffff", "P:1: no argument is > that: the rule would never be used" },
	{ "allow read if arg0 == 1 or arg1 == 2", "P:1: \"or\" behind a condition; accepted: and, or the end of the line" },
	{ "allow r\xc3\xa4"
	  "d",
	  "P:1: byte 0xc3; accepted: printable ASCII, # begins a comment" },
	{ "kill read if arg0 == 1\nlog read",
	  "P:1: read would be killed by some arguments and logged by others; accepted: one of the two for a call, the default "
	  "included" },
	{ "default kill\n\nlog read if arg0 == 1",
	  "P:3: read would be killed by some arguments and logged by others; accepted: one of the two for a call, the default "
	  "included" },
};

static void
test_mistakes(void)
{
	for (size_t i = 0; i < G_N_ELEMENTS(mistakes); i++) {
		g_autoptr(GError) error = NULL;
		g_autoptr(seccomp_policy_t) policy =
			seccomp_policy_parse("P", mistakes[i].policy, seccomp_builtin_text, &error);
		struct seccomp_program program;

		if (policy)
			g_free(seccomp_compile(policy, &program, &error));
		if (g_strcmp0(error ? error->message : "", mistakes[i].message) != 0)
			g_test_fail_printf("\"%s\": got \"%s\", expected \"%s\"", mistakes[i].policy,
			                   error ? error->message : "no error", mistakes[i].message);
		if (!error)
			continue;
		g_assert_error(error, SBX_ERROR, EINVAL);
		g_assert_cmpstr(error_key(error), ==, "seccomp");
		g_assert_cmpint(error_stage(error), ==, STAGE_SPEC);
	}
}

/* A call of another architecture is for policies that serve several. */
static void
test_elsewhere(void)
{
	g_autoptr(seccomp_policy_t) policy = parse("allow clock_gettime64 s390_runtime_instr socketcall set_tls read");

	g_assert_cmpuint(policy->rules->len, ==, 1);
}

/* --- size -------------------------------------------------------------------------------------------------------- */

static char *
many(unsigned conditions)
{
	GString *text = g_string_new("default allow\n");

	for (unsigned i = 0; i < conditions; i++)
		g_string_append_printf(text, "deny %u call%u=%u if arg%u == 0x%x%08x\n", i % 4000 + 1, i % 1000, i % 1000,
		                       i % 6, i + 1, i + 7);
	return g_string_free(text, FALSE);
}

/* 600 rules, each with its own answer, need long jumps; 2,000 are too many, and that is said when the policy is read. */
static void
test_long(void)
{
	g_autofree char *text = many(600), *too_long = many(2000);
	g_autoptr(seccomp_policy_t) policy = seccomp_policy_parse("P", text, NULL, NULL);
	g_autoptr(seccomp_policy_t) longer = seccomp_policy_parse("P", too_long, NULL, NULL);
	g_autofree struct sock_filter *filter = NULL;
	g_autoptr(GError) error = NULL;
	struct seccomp_program program;
	size_t long_jumps = 0;

	filter = seccomp_compile(policy, &program, &error);
	g_assert_no_error(error);
	g_assert_true(seccomp_check(filter, program.len, &error));
	for (size_t i = 0; i < program.len; i++)
		long_jumps += filter[i].code == (BPF_JMP | BPF_JA);
	g_test_message("600 rules are %u instructions, %zu long jumps", program.len, long_jumps);
	g_assert_cmpuint(long_jumps, >, 0);
	for (unsigned i = 0; i < 600; i++)
		for (unsigned off = 0; off < 3; off++) {
			struct seccomp_data data = { .nr = (int)i, .arch = NATIVE };

			data.args[i % 6] = ((uint64_t)(i + 1) << 32 | (i + 7)) + off - 1;
			g_assert_cmphex(bpf_run(filter, program.len, &data, NULL), ==, off == 1 ? FAIL(i + 1) : ALLOW);
		}
	g_assert_null(seccomp_compile(longer, &program, &error));
	g_assert_nonnull(error);
	g_assert_cmpint(error->code, ==, EINVAL);
	g_assert_true(g_str_has_prefix(error->message, "P: the policy needs "));
	g_assert_true(g_str_has_suffix(error->message, " instructions; accepted: at most 4064"));
}

/* --- files ------------------------------------------------------------------------------------------------------- */

static void
refused(sbx_spec *spec, const char *path, int code, const char *format)
{
	g_autofree char *expected = g_strdup_printf(format, path);
	sbx_error *error = NULL;

	g_assert_cmpint(sbx_spec_set(spec, "seccomp", path, &error), ==, -code);
	g_assert_cmpstr(sbx_error_message(error), ==, expected);
	sbx_error_free(error);
	g_assert_true(seccomp_program_of(spec) == seccomp_builtin("default"));
}

static void
test_refused_files(void)
{
	g_autofree char *dir = g_dir_make_tmp("sbx-policy-XXXXXX", NULL);
	g_autofree char *fifo = g_build_filename(dir, "fifo", NULL), *big = g_build_filename(dir, "big", NULL);
	g_autofree char *nul = g_build_filename(dir, "nul", NULL), *none = g_build_filename(dir, "none", NULL);
	sbx_spec *spec;

	g_assert_cmpint(mkfifo(fifo, 0600), ==, 0);
	g_assert_true(g_file_set_contents(nul, "allow read\0allow", 16, NULL));
	g_assert_true(g_file_set_contents(big, "", 0, NULL));
	g_assert_cmpint(truncate(big, 1024 * 1024 + 1), ==, 0);
	g_assert_cmpint(sbx_spec_new(&spec, NULL, NULL), ==, 0);
	refused(spec, fifo, EINVAL, "%s is not a regular file");
	refused(spec, dir, EINVAL, "%s is not a regular file");
	refused(spec, "/dev/zero", EINVAL, "%s is not a regular file");
	refused(spec, nul, EINVAL, "%s: a NUL byte at offset 10");
	refused(spec, big, EFBIG, "read %s: File too large");
	g_assert_true(g_file_set_contents(nul, "# nothing\ndeny EPERM read\n", -1, NULL));
	refused(spec, nul, EINVAL, "%s: allows no call");
	refused(spec, none, ENOENT, "open %s: No such file or directory");
	sbx_spec_free(spec);
	g_unlink(fifo);
	g_unlink(big);
	g_unlink(nul);
	g_rmdir(dir);
}

/* Compiled when it is set: what becomes of the file does not matter, and copies share the program. */
static void
test_file(void)
{
	g_autofree char *dir = g_dir_make_tmp("sbx-policy-XXXXXX", NULL);
	g_autofree char *path = g_build_filename(dir, "p", NULL);
	const struct seccomp_program *program;
	sbx_spec *spec, *copy;
	char *text = NULL;

	g_assert_true(g_file_set_contents(path, "default kill\nallow read\n", -1, NULL));
	g_assert_cmpint(sbx_spec_new(&spec, NULL, NULL), ==, 0);
	g_assert_cmpint(sbx_spec_set(spec, "seccomp", path, NULL), ==, 0);
	g_assert_cmpint(g_unlink(path), ==, 0);
	copy = sbx_spec_copy(spec);
	program = seccomp_program_of(spec);
	g_assert_true(program == seccomp_program_of(copy));
	g_assert_true(seccomp_allows(program, __NR_read));
	g_assert_false(seccomp_allows(program, __NR_write));
	g_assert_cmpint(sbx_spec_get(copy, "seccomp", &text), ==, 0);
	g_assert_cmpstr(text, ==, path);
	free(text);
	/* a bad value changes nothing */
	g_assert_cmpint(sbx_spec_set(spec, "seccomp", path, NULL), ==, -ENOENT);
	g_assert_true(program == seccomp_program_of(spec));
	g_assert_cmpint(sbx_spec_set(spec, "seccomp", "strict", NULL), ==, 0);
	g_assert_true(seccomp_program_of(spec) == seccomp_builtin("strict"));
	sbx_spec_free(spec);
	g_assert_true(seccomp_allows(seccomp_program_of(copy), __NR_read));
	sbx_spec_free(copy);
	g_rmdir(dir);
}

/* --- groups ------------------------------------------------------------------------------------------------------ */

/* Every member is a call of some architecture or a group, each once. A call newer than the library would be new here. */
static void
test_groups(void)
{
	/* of architectures or kernels that libseccomp has forgotten */
	static const char *const gone[] = { "ftime",   "idle",    "lock",     "mpx",     "prof",     "profil",
		                                "gtty",    "stty",    "ulimit",   "bdflush", "sgetmask", "ssetmask",
		                                "vserver", "tuxcall", "security", NULL };
	const char *name;

	for (size_t i = 0; (name = seccomp_nth_group(i)); i++) {
		g_auto(GStrv) members = g_strsplit(seccomp_word_group(name), " ", -1);

		for (size_t m = 0; members[m]; m++) {
			int nr;

			if (!(*members[m] == '@' ? seccomp_word_group(members[m]) != NULL : seccomp_word_call(members[m], &nr)) &&
			    !g_strv_contains(gone, members[m]))
				g_test_fail_printf("%s: %s is nothing known", name, members[m]);
			for (size_t other = 0; other < m; other++)
				if (g_str_equal(members[m], members[other]))
					g_test_fail_printf("%s: %s stands there twice", name, members[m]);
		}
	}
}

/* Every line of a policy stands in its section of the man page. */
static void
check_manual_policy(const char *text, const char *name, const char *heading)
{
	g_auto(GStrv) rules = g_strsplit(seccomp_builtin_text(name), "\n", -1);
	const char *found = strstr(text, heading);
	g_autofree char *section = g_strdup(found ? found + strlen(heading) : "");
	char *end = strstr(section, "\n.SH");

	if (end)
		*end = '\0';
	for (size_t i = 0; rules[i]; i++) {
		g_autofree char *line = g_strdup_printf("\n%s\n", rules[i]);

		if (*rules[i] && !strstr(section, line))
			g_test_fail_printf("sbx-seccomp(7), %s, lacks \"%s\"", heading, rules[i]);
	}
}

/* The man page has both policies, and the table of groups: ".TP", ".B @group", and the members up to the next request. */
static void
test_manual(void)
{
	g_autofree char *path = g_test_build_filename(G_TEST_DIST, "doc", "sbx-seccomp.7", NULL);
	g_autofree char *text = NULL;
	const char *name;

	g_assert_true(g_file_get_contents(path, &text, NULL, NULL));
	check_manual_policy(text, "default", ".SH THE DEFAULT POLICY");
	check_manual_policy(text, "strict", ".SH THE STRICT POLICY");
	for (size_t i = 0; (name = seccomp_nth_group(i)); i++) {
		g_autofree char *head = g_strdup_printf("\n.TP\n.B %s\n", name);
		const char *found = strstr(text, head);
		g_autofree char *members = found ? g_strdup(found + strlen(head)) : g_strdup("");
		char *end = strstr(members, "\n.");

		if (end)
			*end = '\0';
		g_strdelimit(members, "\n", ' ');
		if (!found || (*seccomp_word_group(name) && !g_str_equal(members, seccomp_word_group(name))))
			g_test_fail_printf("sbx-seccomp(7), %s: \"%s\", the table has \"%s\"", name, members,
			                   seccomp_word_group(name));
	}
}

int
main(int argc, char **argv)
{
	g_test_init(&argc, &argv, NULL);
	g_test_add_func("/seccomp/policy/meaning", test_meaning);
	g_test_add_func("/seccomp/policy/notes", test_notes);
	g_test_add_func("/seccomp/policy/mistakes", test_mistakes);
	g_test_add_func("/seccomp/policy/elsewhere", test_elsewhere);
	g_test_add_func("/seccomp/policy/long", test_long);
	g_test_add_func("/seccomp/policy/refused-files", test_refused_files);
	g_test_add_func("/seccomp/policy/file", test_file);
	g_test_add_func("/seccomp/policy/groups", test_groups);
	g_test_add_func("/seccomp/policy/manual", test_manual);
	return g_test_run();
}
