/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* SPDX-FileCopyrightText: The libsbx developers */

/* Tests of the default seccomp policy: its program, in an interpreter. */
#include "seccomp.h"

#include <errno.h>
#include <glib.h>
#include <linux/audit.h>
#include <linux/seccomp.h>
#include <sched.h>
#include <signal.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/syscall.h>

#include "error.h"

#ifdef __x86_64__
#define NATIVE AUDIT_ARCH_X86_64
#else
#define NATIVE AUDIT_ARCH_AARCH64
#endif
#define ALLOW SECCOMP_RET_ALLOW
#define KILL SECCOMP_RET_KILL_PROCESS
#define FAIL(code) (SECCOMP_RET_ERRNO | (code))
#define HIGH 0x1230000000000ull /* bits that the kernel does not look at where a parameter is an int */

static const struct sock_filter *filter;
static unsigned short filter_len;

/* What classic BPF does, as far as a seccomp filter may use it. Anything else is a failure of the test. */
static uint32_t
run(const struct seccomp_data *data)
{
	uint32_t a = 0;

	for (size_t pc = 0; pc < filter_len; pc++) {
		const struct sock_filter *step = &filter[pc];

		switch (step->code) {
		case BPF_LD | BPF_W | BPF_ABS:
			g_assert_cmpuint(step->k % 4, ==, 0);
			g_assert_cmpuint(step->k, <, sizeof *data);
			memcpy(&a, (const char *)data + step->k, sizeof a);
			break;
		case BPF_JMP | BPF_JEQ | BPF_K:
			pc += a == step->k ? step->jt : step->jf;
			break;
		case BPF_JMP | BPF_JGE | BPF_K:
			pc += a >= step->k ? step->jt : step->jf;
			break;
		case BPF_JMP | BPF_JSET | BPF_K:
			pc += a & step->k ? step->jt : step->jf;
			break;
		case BPF_RET | BPF_K:
			return step->k;
		default:
			g_error("instruction %zu has the unexpected code 0x%x", pc, step->code);
		}
	}
	g_error("the program ran out of its end");
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
	const struct sock_filter *found = filter;
	unsigned short len = 1;
	g_autoptr(GError) error = NULL;

	g_assert_true(seccomp_find("none", &found, &len, &error));
	g_assert_null(found);
	g_assert_cmpuint(len, ==, 0);
	g_assert_no_error(error);

	len = 7;
	g_assert_false(seccomp_find("defualt", &found, &len, &error));
	g_assert_cmpuint(len, ==, 7);
	g_assert_error(error, SBX_ERROR, EINVAL);
	g_assert_cmpstr(error->message, ==, "there is no seccomp policy \"defualt\"");
	g_assert_cmpint(error_stage(error), ==, STAGE_SECCOMP);
	g_assert_cmpstr(error_key(error), ==, "seccomp");
	g_assert_cmpstr(error_hint(error), ==, "use \"default\" or \"none\"");

	/* short, and every path ends: the kernel refuses what is not so, but the other architecture's is not loaded here */
	g_assert_cmpuint(filter_len, >, 100);
	g_assert_cmpuint(filter_len, <, 400);
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
		__NR_memfd_create, __NR_pidfd_open, __NR_pidfd_send_signal, __NR_landlock_restrict_self, __NR_io_submit,
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

int
main(int argc, char **argv)
{
	g_test_init(&argc, &argv, NULL);
	if (!seccomp_find("default", &filter, &filter_len, NULL))
		return 1;
	g_test_add_func("/seccomp/find", test_find);
	g_test_add_func("/seccomp/allowed", test_allowed);
	g_test_add_func("/seccomp/refused", test_refused);
	g_test_add_func("/seccomp/missing", test_missing);
	g_test_add_func("/seccomp/foreign", test_foreign);
	g_test_add_func("/seccomp/arguments", test_arguments);
	return g_test_run();
}
