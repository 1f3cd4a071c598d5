/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* SPDX-FileCopyrightText: The libsbx developers */

/* Tests of the built-in seccomp policies in an interpreter, and of programs that the caller gives. */
#include "seccomp.h"

#include <errno.h>
#include <glib.h>
#include <linux/audit.h>
#include <linux/seccomp.h>
#include <sched.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "error.h"
#include "seccomp-bpf.h"
#include "seccomp-load.h"

#define ALLOW SECCOMP_RET_ALLOW
#define KILL SECCOMP_RET_KILL_PROCESS
#define FAIL(code) (SECCOMP_RET_ERRNO | (code))
#define HIGH 0x1230000000000ull /* bits that the kernel does not look at where a parameter is an int */

static const struct sock_filter *filter;
static unsigned short filter_len;

static uint32_t
run(const struct seccomp_data *data)
{
	return bpf_run(filter, filter_len, data, NULL);
}

static void
expect(uint32_t arch, uint32_t nr, const uint64_t args[3], uint32_t expected)
{
	struct seccomp_data data = { .nr = nr, .arch = arch };
	uint32_t got;

	memcpy(data.args, args, 3 * sizeof *args);
	got = run(&data);
	if (got != expected)
		g_test_fail_printf("arch 0x%x nr %u (0x%llx, 0x%llx, 0x%llx): got 0x%x, expected 0x%x", arch, nr, data.args[0],
		                   data.args[1], data.args[2], got, expected);
}

static void
expect_all(const long *numbers, size_t n, uint32_t expected)
{
	static const uint64_t zeros[3], ones[3] = { UINT64_MAX, UINT64_MAX, UINT64_MAX };

	for (size_t i = 0; i < n; i++) {
		expect(NATIVE, numbers[i], zeros, expected);
		expect(NATIVE, numbers[i], ones, expected);
	}
}

static void
test_find(void)
{
	static const char *const names[] = { "default", "strict" };
	unsigned most;

	g_assert_null(seccomp_builtin("none"));
	g_assert_null(seccomp_builtin("defualt"));
	g_assert_null(seccomp_builtin_text("none"));
	for (size_t i = 0; i < G_N_ELEMENTS(names); i++) {
		const struct seccomp_program *program = seccomp_builtin(names[i]);

		g_assert_nonnull(program);
		g_assert_nonnull(seccomp_builtin_text(names[i]));
		g_assert_true(seccomp_check(program->filter, program->len, NULL));
		g_assert_true(program->kills);
		g_assert_false(program->logs);
		g_assert_false(program->given);
		g_assert_cmpuint(program->len, >, 100);
		g_assert_cmpuint(program->len, <, 400);
		most = 0;
		for (uint32_t nr = 0; nr < 1100; nr++) {
			struct seccomp_data data = { .nr = (int)nr, .arch = NATIVE };
			unsigned steps = 0;
			uint32_t got = bpf_run(program->filter, program->len, &data, &steps);

			g_assert_cmphex(got, !=, BPF_ENDLESS);
			most = MAX(most, steps);
			/* by the number alone exactly where no argument is looked at */
			if (seccomp_allows(program, nr))
				g_assert_cmphex(got, ==, ALLOW);
		}
		g_test_message("%s: %u instructions, %u of them for the longest call", names[i], program->len, most);
		g_assert_cmpuint(most, <=, 32);
	}
}

/* clang-format would give each number a line of its own */
/* clang-format off */
static void
test_allowed(void)
{
	static const long numbers[] = {
		__NR_read,      __NR_write,       __NR_openat,      __NR_openat2,       __NR_close,       __NR_close_range,
		__NR_statx,     __NR_execve,      __NR_execveat,    __NR_exit_group,    __NR_wait4,       __NR_waitid,
		__NR_mmap,      __NR_mprotect,    __NR_munmap,      __NR_brk,           __NR_futex,       __NR_futex_waitv,
		__NR_rseq,      __NR_getrandom,   __NR_prctl,       __NR_seccomp,       __NR_fchmodat,    __NR_faccessat2,
		__NR_getdents64, __NR_connect,    __NR_bind,        __NR_accept4,       __NR_sendmsg,     __NR_recvmsg,
		__NR_kill,      __NR_tgkill,      __NR_rt_sigreturn, __NR_rt_sigaction, __NR_restart_syscall, __NR_sigaltstack,
		__NR_clock_gettime, __NR_clock_nanosleep, __NR_timerfd_create, __NR_epoll_pwait2, __NR_eventfd2, __NR_pipe2,
		__NR_setresuid, __NR_setgroups,   __NR_capset,      __NR_shmget,        __NR_semtimedop,  __NR_mq_open,
		468 /* file_getattr */, __NR_memfd_create, __NR_pidfd_open, __NR_pidfd_send_signal, __NR_landlock_restrict_self, __NR_io_submit,
		__NR_sched_setaffinity, __NR_prlimit64, __NR_copy_file_range, __NR_fsync, __NR_inotify_init1, __NR_umask,
		452 /* fchmodat2 */, 462 /* mseal */,
#ifdef __x86_64__
		__NR_fork, __NR_vfork, __NR_arch_prctl, __NR_open, __NR_stat, __NR_poll, __NR_pipe, __NR_time,
#endif
	};

	expect_all(numbers, G_N_ELEMENTS(numbers), ALLOW);
}

static void
test_refused(void)
{
	static const long numbers[] = {
		__NR_unshare,      __NR_setns,      __NR_mount,         __NR_umount2,      __NR_move_mount,  __NR_fsopen,
		__NR_fsconfig,     __NR_fsmount,    __NR_fspick,        __NR_open_tree,    __NR_pivot_root,  __NR_chroot,
		__NR_mount_setattr, __NR_bpf,       __NR_perf_event_open, __NR_userfaultfd, __NR_ptrace,     __NR_kcmp,
		__NR_process_vm_readv, __NR_process_vm_writev, __NR_process_madvise, __NR_pidfd_getfd, __NR_acct,
		__NR_open_by_handle_at, __NR_name_to_handle_at, __NR_lookup_dcookie, __NR_fanotify_init, __NR_kexec_load,
		__NR_init_module,  __NR_finit_module, __NR_delete_module, __NR_reboot,     __NR_swapon,      __NR_swapoff,
		__NR_quotactl,     __NR_quotactl_fd, __NR_settimeofday, __NR_clock_settime, __NR_adjtimex,   __NR_clock_adjtime,
		__NR_syslog,       __NR_sethostname, __NR_setdomainname, __NR_vhangup,     __NR_nfsservctl,
		467 /* open_tree_attr */,
#ifdef __x86_64__
		__NR_kexec_file_load, __NR_iopl, __NR_ioperm, __NR_create_module, __NR_query_module,
#endif
	};

	expect_all(numbers, G_N_ELEMENTS(numbers), FAIL(EPERM));
}

static void
test_missing(void)
{
	static const long numbers[] = {
		__NR_clone3, __NR_io_uring_setup, __NR_io_uring_enter, __NR_io_uring_register, __NR_keyctl, __NR_add_key,
		__NR_request_key, 600, 1023, 1024, 1025, 100000, 0x3fffffff, UINT32_MAX,
#ifdef __x86_64__
		__NR_modify_ldt, __NR__sysctl, __NR_uselib, __NR_ustat,
#else
		0x40000000, 0x80000000,
#endif
	};

	expect_all(numbers, G_N_ELEMENTS(numbers), FAIL(ENOSYS));
}

/* clang-format on */

/* No number at all, of no machine but ours, gets through; and what gets through on ours is a call we know. */
static void
test_foreign(void)
{
	static const uint32_t archs[] = { AUDIT_ARCH_I386, AUDIT_ARCH_ARM, AUDIT_ARCH_X86_64 ^ AUDIT_ARCH_AARCH64 ^ NATIVE,
		                              0, 62 };
	static const uint64_t args[3] = { 0 };

	for (uint32_t nr = 0; nr < 2048; nr++) {
		struct seccomp_data data = { .nr = nr, .arch = NATIVE };
		uint32_t got = run(&data);

		for (size_t i = 0; i < G_N_ELEMENTS(archs); i++)
			expect(archs[i], nr, args, KILL);
		if (got != ALLOW && got != FAIL(EPERM) && got != FAIL(ENOSYS) && got != FAIL(EAFNOSUPPORT))
			g_test_fail_printf("nr %u: 0x%x is none of the policy's actions", nr, got);
		if (nr > 470 && got != FAIL(ENOSYS))
			g_test_fail_printf("nr %u, which nobody has: got 0x%x, expected ENOSYS", nr, got);
#ifdef __x86_64__
		expect(NATIVE, 0x40000000 | nr, args, KILL);
		expect(NATIVE, 0x80000000 | nr, args, KILL);
#endif
	}
}

static void
test_arguments(void)
{
	static const struct {
		long nr;
		uint64_t args[3];
		uint32_t expected;
	} cases[] = {
		{ __NR_clone, { SIGCHLD }, ALLOW },
		{ __NR_clone, { 0x3d0f00 /* pthread_create */ }, ALLOW },
		{ __NR_clone, { CLONE_VM | CLONE_VFORK | SIGCHLD }, ALLOW },
		{ __NR_clone, { CLONE_NEWUSER | SIGCHLD }, FAIL(EPERM) },
		{ __NR_clone, { CLONE_NEWNS }, FAIL(EPERM) },
		{ __NR_clone, { CLONE_NEWNET }, FAIL(EPERM) },
		{ __NR_clone, { CLONE_NEWPID }, FAIL(EPERM) },
		{ __NR_clone, { CLONE_NEWIPC }, FAIL(EPERM) },
		{ __NR_clone, { CLONE_NEWUTS }, FAIL(EPERM) },
		{ __NR_clone, { CLONE_NEWCGROUP }, FAIL(EPERM) },
		{ __NR_clone, { HIGH | CLONE_NEWUSER | CLONE_VM }, FAIL(EPERM) },
		{ __NR_ioctl, { 0, 0x5401 /* TCGETS */ }, ALLOW },
		{ __NR_ioctl, { 0, 0xffffffff80045430 /* sign-extended, as musl does */ }, ALLOW },
		{ __NR_ioctl, { 0, TIOCSTI }, FAIL(EPERM) },
		{ __NR_ioctl, { 0, TIOCLINUX }, FAIL(EPERM) },
		{ __NR_ioctl, { 0, HIGH | TIOCSTI }, FAIL(EPERM) },
		{ __NR_ioctl, { 0, HIGH | TIOCLINUX }, FAIL(EPERM) },
		{ __NR_ioctl, { TIOCSTI, TIOCSTI - 1 }, ALLOW },
		{ __NR_ioctl, { 0, TIOCLINUX + 1 }, ALLOW },
		{ __NR_socket, { AF_UNIX, SOCK_STREAM, 0 }, ALLOW },
		{ __NR_socket, { AF_INET, SOCK_STREAM, 6 }, ALLOW },
		{ __NR_socket, { AF_INET6, SOCK_DGRAM, 17 }, ALLOW },
		{ __NR_socket, { AF_NETLINK, SOCK_RAW, 0 }, ALLOW },
		{ __NR_socket, { AF_NETLINK, SOCK_RAW, 9 /* audit */ }, FAIL(EAFNOSUPPORT) },
		{ __NR_socket, { AF_NETLINK, SOCK_RAW, HIGH | 12 /* netfilter */ }, FAIL(EAFNOSUPPORT) },
		{ __NR_socket, { AF_UNSPEC }, FAIL(EAFNOSUPPORT) },
		{ __NR_socket, { AF_PACKET }, FAIL(EAFNOSUPPORT) },
		{ __NR_socket, { AF_ALG }, FAIL(EAFNOSUPPORT) },
		{ __NR_socket, { AF_VSOCK }, FAIL(EAFNOSUPPORT) },
		{ __NR_socket, { HIGH | AF_VSOCK }, FAIL(EAFNOSUPPORT) },
		{ __NR_socketpair, { AF_UNIX }, ALLOW },
		{ __NR_socketpair, { AF_TIPC }, FAIL(EAFNOSUPPORT) },
		{ __NR_socketpair, { AF_NETLINK }, FAIL(EAFNOSUPPORT) },
		{ __NR_personality, { 0 }, ALLOW },
		{ __NR_personality, { 8 }, ALLOW },
		{ __NR_personality, { 0x20000 }, ALLOW },
		{ __NR_personality, { 0x20008 }, ALLOW },
		{ __NR_personality, { 0xffffffff }, ALLOW },
		{ __NR_personality, { UINT64_MAX }, ALLOW },
		{ __NR_personality, { 0x40000 /* no address randomization */ }, FAIL(EPERM) },
		{ __NR_personality, { 0x400000 /* READ_IMPLIES_EXEC */ }, FAIL(EPERM) },
	};

	for (size_t i = 0; i < G_N_ELEMENTS(cases); i++)
		expect(NATIVE, cases[i].nr, cases[i].args, cases[i].expected);
}

/* --- what is asked about programs -------------------------------------------------------------------------------- */

static void
test_allows(void)
{
	const struct seccomp_program *program = seccomp_builtin("default"), *strict = seccomp_builtin("strict");
	static const struct sock_filter conditional[] = {
		BPF_STMT(BPF_LD | BPF_W | BPF_ABS, 16),
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, 0, 0, 0),
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
	};
	const struct seccomp_program by_argument = { .filter = conditional, .len = 3 };

	g_assert_true(seccomp_allows(NULL, __NR_ptrace));
	g_assert_true(seccomp_allows(program, __NR_read));
	g_assert_true(seccomp_allows(program, __NR_execve));
	g_assert_false(seccomp_allows(program, __NR_socket));
	g_assert_false(seccomp_allows(program, __NR_clone));
	g_assert_false(seccomp_allows(program, __NR_ptrace));
	g_assert_false(seccomp_allows(program, 1023));
	g_assert_true(seccomp_allows(strict, __NR_read));
	g_assert_false(seccomp_allows(strict, __NR_ioctl));
	/* it returns nothing but ALLOW, yet looks at an argument: not known */
	g_assert_false(seccomp_allows(&by_argument, 0));
}

static void
test_names(void)
{
	g_assert_cmpstr(seccomp_call_name(NATIVE, __NR_openat), ==, "openat");
	g_assert_cmpstr(seccomp_call_name(NATIVE, 462), ==, "mseal");
	g_assert_null(seccomp_call_name(NATIVE, 1000));
	g_assert_null(seccomp_call_name(NATIVE, UINT32_MAX));
	g_assert_null(seccomp_call_name(0, 0));
#ifdef __x86_64__
	g_assert_cmpstr(seccomp_call_name(NATIVE, 0x40000000 | __NR_getpid), ==, "getpid");
	g_assert_cmpstr(seccomp_call_name(AUDIT_ARCH_I386, 20), ==, "getpid");
	g_assert_cmpstr(seccomp_call_name(AUDIT_ARCH_I386, 403), ==, "clock_gettime64");
	g_assert_null(seccomp_call_name(AUDIT_ARCH_ARM, 20));
#else
	g_assert_cmpstr(seccomp_call_name(AUDIT_ARCH_ARM, 20), ==, "getpid");
	g_assert_null(seccomp_call_name(AUDIT_ARCH_I386, 20));
#endif
}

static void
test_strict(void)
{
	static const struct {
		long nr;
		uint64_t args[3];
		uint32_t expected;
	} cases[] = {
		{ __NR_read, { 0 }, ALLOW },
		{ __NR_openat, { 0 }, ALLOW },
		{ __NR_execve, { 0 }, ALLOW },
		{ __NR_clone, { 0x3d0f00 /* a thread of glibc's */ }, ALLOW },
		{ __NR_clone, { SIGCHLD }, KILL },
		{ __NR_clone, { CLONE_VM | CLONE_VFORK | SIGCHLD }, KILL },
		{ __NR_clone, { 0x3d0f00 | CLONE_NEWNET }, KILL },
		{ __NR_clone3, { 0 }, FAIL(ENOSYS) },
		{ __NR_socket, { AF_UNIX }, FAIL(EAFNOSUPPORT) },
		{ __NR_socket, { AF_INET }, KILL },
		{ __NR_socketpair, { AF_UNIX }, FAIL(EAFNOSUPPORT) },
		{ __NR_ioctl, { 0, 0x5401 /* TCGETS */ }, ALLOW },
		{ __NR_ioctl, { 0, TIOCSTI }, FAIL(ENOTTY) },
		{ __NR_prlimit64, { 0, 3, 0 }, ALLOW },
		{ __NR_prlimit64, { 0, 3, 0x7ffc00000000 }, FAIL(EPERM) },
		{ __NR_ptrace, { 0 }, KILL },
		{ __NR_mount, { 0 }, KILL },
		{ __NR_unshare, { 0 }, KILL },
		{ __NR_bpf, { 0 }, KILL },
		{ __NR_connect, { 0 }, KILL },
		{ __NR_process_vm_readv, { 0 }, KILL },
		{ __NR_personality, { 0xffffffff }, ALLOW },
		{ 1000 /* no such call yet */, { 0 }, FAIL(ENOSYS) },
#ifdef __x86_64__
		{ __NR_fork, { 0 }, KILL },
		{ __NR_vfork, { 0 }, KILL },
#endif
	};
	const struct sock_filter *before = filter;
	unsigned short before_len = filter_len;

	filter = seccomp_builtin("strict")->filter;
	filter_len = seccomp_builtin("strict")->len;
	for (size_t i = 0; i < G_N_ELEMENTS(cases); i++)
		expect(NATIVE, cases[i].nr, cases[i].args, cases[i].expected);
	filter = before;
	filter_len = before_len;
}

/* --- programs of the caller's ------------------------------------------------------------------------------------ */

#define RET_ALLOW BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW)

static const struct {
	const char *what;
	struct sock_filter filter[4];
	size_t len;
	const char *complaint; /* NULL: taken */
} given[] = {
	{ "allow", { RET_ALLOW }, 1, NULL },
	{ "none", { RET_ALLOW }, 0, "a program of 0 instructions; accepted: 1 to 4096" },
	{ "memory", { BPF_STMT(BPF_ST, 3), BPF_STMT(BPF_LD | BPF_MEM, 3), BPF_STMT(BPF_RET | BPF_A, 0) }, 3, NULL },
	{ "neg", { BPF_STMT(BPF_ALU | BPF_NEG, 0), BPF_STMT(BPF_MISC | BPF_TAX, 0), RET_ALLOW }, 3, NULL },
	{ "unwritten", { BPF_STMT(BPF_LD | BPF_MEM, 3), RET_ALLOW }, 2, "instruction 0 is not valid: it reads" },
	{ "one way",
	  { BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, 0, 1, 0), BPF_STMT(BPF_ST, 0), BPF_STMT(BPF_LD | BPF_MEM, 0), RET_ALLOW },
	  4,
	  "instruction 2 is not valid: it reads" },
	{ "memory 16",
	  { BPF_STMT(BPF_ST, 16), RET_ALLOW },
	  2,
	  "instruction 0 {0x02, 0, 0, 0x00000010} is not valid: there is no" },
	{ "no return",
	  { RET_ALLOW, BPF_STMT(BPF_LD | BPF_IMM, 0) },
	  2,
	  "instruction 1 {0x00, 0, 0, 0x00000000} is not valid: the last" },
	{ "out",
	  { BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, 0, 0, 1), RET_ALLOW },
	  2,
	  "instruction 0 {0x15, 0, 1, 0x00000000} is not valid: it jumps" },
	{ "far out",
	  { BPF_STMT(BPF_JMP | BPF_JA, 0xffffffff), RET_ALLOW },
	  2,
	  "instruction 0 {0x05, 0, 0, 0xffffffff} is not valid: it jumps" },
	{ "load byte",
	  { BPF_STMT(BPF_LD | BPF_B | BPF_ABS, 0), RET_ALLOW },
	  2,
	  "instruction 0 {0x30, 0, 0, 0x00000000} is not valid: seccomp(2)" },
	{ "load 64",
	  { BPF_STMT(BPF_LD | BPF_W | BPF_ABS, 64), RET_ALLOW },
	  2,
	  "instruction 0 {0x20, 0, 0, 0x00000040} is not valid: it loads" },
	{ "load 2",
	  { BPF_STMT(BPF_LD | BPF_W | BPF_ABS, 2), RET_ALLOW },
	  2,
	  "instruction 0 {0x20, 0, 0, 0x00000002} is not valid: it loads" },
	{ "divide",
	  { BPF_STMT(BPF_ALU | BPF_DIV | BPF_K, 0), RET_ALLOW },
	  2,
	  "instruction 0 {0x34, 0, 0, 0x00000000} is not valid: it divides" },
	{ "shift",
	  { BPF_STMT(BPF_ALU | BPF_LSH | BPF_K, 32), RET_ALLOW },
	  2,
	  "instruction 0 {0x64, 0, 0, 0x00000020} is not valid: it shifts" },
	{ "modulo",
	  { BPF_STMT(BPF_ALU | BPF_MOD | BPF_K, 3), RET_ALLOW },
	  2,
	  "instruction 0 {0x94, 0, 0, 0x00000003} is not valid: seccomp(2)" },
};

/* Does this kernel take it? Asked in a child, which it then confines. */
static bool
kernel_takes(const struct sock_filter *program, size_t len)
{
	struct sock_fprog fprog = { (unsigned short)len, (struct sock_filter *)program };
	pid_t pid = fork();
	int status;

	if (pid == 0) {
		prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0);
		syscall(SYS_exit_group, prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &fprog) == 0 ? 0 : errno == EINVAL ? 1 : 2);
	}
	g_assert_cmpint(waitpid(pid, &status, 0), ==, pid);
	/* a program that was taken and then killed the child was taken */
	return WIFSIGNALED(status) || WEXITSTATUS(status) == 0;
}

static void
test_given(void)
{
	for (size_t i = 0; i < G_N_ELEMENTS(given); i++) {
		sbx_spec *spec, *copy;
		sbx_error *error = NULL;
		struct sock_fprog fprog = { (unsigned short)given[i].len, (struct sock_filter *)given[i].filter };
		int ret;
		char *text;

		g_test_message("%s", given[i].what);
		g_assert_cmpint(sbx_spec_new(&spec, NULL, NULL), ==, 0);
		ret = sbx_spec_seccomp(spec, &fprog, &error);
		g_assert_cmpint(ret, ==, given[i].complaint ? -EINVAL : 0);
		g_assert_cmpint(kernel_takes(given[i].filter, given[i].len), ==, given[i].complaint == NULL);
		if (given[i].complaint) {
			g_assert_true(g_str_has_prefix(sbx_error_message(error), given[i].complaint));
			g_assert_cmpstr(sbx_error_key(error), ==, "seccomp");
			g_assert_true(seccomp_program_of(spec) == seccomp_builtin("default"));
		} else {
			g_autofree char *expected = g_strdup_printf("<%zu instructions>", given[i].len);

			copy = sbx_spec_copy(spec);
			g_assert_true(seccomp_program_of(spec)->given);
			/* shared, and not the caller's memory */
			g_assert_true(seccomp_program_of(spec) == seccomp_program_of(copy));
			g_assert_true(seccomp_program_of(spec)->filter != given[i].filter);
			g_assert_cmpmem(seccomp_program_of(spec)->filter, given[i].len * 8, given[i].filter, given[i].len * 8);
			g_assert_cmpint(sbx_spec_get(spec, "seccomp", &text), ==, 0);
			g_assert_cmpstr(text, ==, expected);
			free(text);
			g_assert_cmpint(sbx_spec_set(spec, "seccomp", "none", NULL), ==, 0);
			g_assert_null(seccomp_program_of(spec));
			sbx_spec_free(spec);
			spec = copy;
			g_assert_cmpuint(seccomp_program_of(spec)->len, ==, given[i].len);
		}
		sbx_error_free(error);
		sbx_spec_free(spec);
	}
	g_assert_cmpint(sbx_spec_seccomp(NULL, NULL, NULL), ==, -EINVAL);
}

int
main(int argc, char **argv)
{
	g_test_init(&argc, &argv, NULL);
	filter = seccomp_builtin("default")->filter;
	filter_len = seccomp_builtin("default")->len;
	g_test_add_func("/seccomp/find", test_find);
	g_test_add_func("/seccomp/allowed", test_allowed);
	g_test_add_func("/seccomp/refused", test_refused);
	g_test_add_func("/seccomp/missing", test_missing);
	g_test_add_func("/seccomp/foreign", test_foreign);
	g_test_add_func("/seccomp/arguments", test_arguments);
	g_test_add_func("/seccomp/strict", test_strict);
	g_test_add_func("/seccomp/allows", test_allows);
	g_test_add_func("/seccomp/names", test_names);
	g_test_add_func("/seccomp/given", test_given);
	return g_test_run();
}
