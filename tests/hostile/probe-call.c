/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* SPDX-FileCopyrightText: The libsbx developers */

/*
 * One system call each: call:NAME. Arguments are such that nothing changes anywhere, even for a caller who may do
 * everything: what the kernel then says of them (EFAULT, EINVAL, ENOENT...) is the proof that the call got there.
 */
#include "probe.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/bpf.h>
#include <linux/perf_event.h>
#include <linux/quota.h>
#include <linux/reboot.h>
#include <linux/sched.h>
#include <sched.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/personality.h>
#include <sys/ptrace.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#define S(text) (long)(text)
#define CLONE_NEWTIME_FLAG 0x80

static char zeros[4096];

static const struct call {
	const char *name;
	long nr, args[6];
} calls[] = {
	/* namespaces */
	{ "unshare-newuser", SYS_unshare, { CLONE_NEWUSER } },
	{ "unshare-newns", SYS_unshare, { CLONE_NEWNS } },
	{ "unshare-newuts", SYS_unshare, { CLONE_NEWUTS } },
	{ "unshare-newipc", SYS_unshare, { CLONE_NEWIPC } },
	{ "unshare-newpid", SYS_unshare, { CLONE_NEWPID } },
	{ "unshare-newnet", SYS_unshare, { CLONE_NEWNET } },
	{ "unshare-newcgroup", SYS_unshare, { CLONE_NEWCGROUP } },
	{ "unshare-newtime", SYS_unshare, { CLONE_NEWTIME_FLAG } },
	{ "unshare-newuser-newns", SYS_unshare, { CLONE_NEWUSER | CLONE_NEWNS } },
	{ "unshare-files", SYS_unshare, { CLONE_FILES } },
	{ "setns-none", SYS_setns, { -1, 0 } },
	{ "clone3-null", SYS_clone3, { 0, 0 } },
	/* mounts */
	{ "mount-tmpfs", SYS_mount, { S("tmpfs"), S("/tmp"), S("tmpfs"), 0, 0 } },
	{ "mount-proc", SYS_mount, { S("proc"), S("/tmp"), S("proc"), 0, 0 } },
	{ "mount-sysfs", SYS_mount, { S("sysfs"), S("/tmp"), S("sysfs"), 0, 0 } },
	{ "mount-cgroup", SYS_mount, { S("cgroup"), S("/tmp"), S("cgroup"), 0, S("devices") } },
	{ "mount-cgroup2", SYS_mount, { S("cgroup2"), S("/tmp"), S("cgroup2"), 0, 0 } },
	{ "mount-devpts", SYS_mount, { S("devpts"), S("/tmp"), S("devpts"), 0, 0 } },
	{ "mount-bind", SYS_mount, { S("/usr"), S("/tmp"), 0, MS_BIND, 0 } },
	{ "mount-remount", SYS_mount, { 0, S("/tmp"), 0, MS_REMOUNT | MS_BIND, 0 } },
	{ "mount-root-rw", SYS_mount, { 0, S("/"), 0, MS_REMOUNT | MS_BIND, 0 } },
	{ "mount-proc-sys-rw", SYS_mount, { 0, S("/proc/sys"), 0, MS_REMOUNT | MS_BIND, 0 } },
	{ "mount-shared", SYS_mount, { 0, S("/"), 0, MS_REC | MS_SHARED, 0 } },
	{ "mount-private", SYS_mount, { 0, S("/"), 0, MS_REC | MS_PRIVATE, 0 } },
	{ "umount-tmp", SYS_umount2, { S("/tmp"), 0 } },
	{ "umount-none", SYS_umount2, { S("/sbx-hostile-none"), 0 } },
	{ "umount-proc-sys", SYS_umount2, { S("/proc/sys"), 0 } },
	{ "umount-interrupts", SYS_umount2, { S("/proc/interrupts"), 0 } },
	{ "umount-root", SYS_umount2, { S("/"), MNT_DETACH } },
	{ "move_mount", SYS_move_mount, { -1, S(""), -1, S("/tmp"), 0 } },
	{ "fsopen", SYS_fsopen, { S("tmpfs"), 0 } },
	{ "fsconfig", SYS_fsconfig, { -1, 6, 0, 0, 0 } },
	{ "fsmount", SYS_fsmount, { -1, 0, 0 } },
	{ "fspick", SYS_fspick, { AT_FDCWD, S("/tmp"), 0 } },
	{ "open_tree", SYS_open_tree, { AT_FDCWD, S("/tmp"), 0 } },
	{ "open_tree-clone", SYS_open_tree, { AT_FDCWD, S("/tmp"), 1 } },
	{ "open_tree_attr", 467, { -1, S(""), 0, 0, 0 } },
	{ "mount_setattr", 442, { AT_FDCWD, S("/tmp"), 0, S(zeros), 32 } },
	{ "pivot_root", SYS_pivot_root, { S("/sbx-hostile-none"), S("/sbx-hostile-none") } },
	{ "chroot", SYS_chroot, { S("/tmp") } },
	/* the kernel's engines */
	{ "io_uring_setup", 425, { 1, 0 } },
	{ "io_uring_enter", 426, { -1, 0, 0, 0, 0, 0 } },
	{ "io_uring_register", 427, { -1, 0, 0, 0 } },
	{ "bpf-map", SYS_bpf, { BPF_MAP_CREATE, S(zeros), 48 } },
	{ "bpf-load", SYS_bpf, { BPF_PROG_LOAD, S(zeros), 48 } },
	{ "bpf-id", SYS_bpf, { BPF_PROG_GET_NEXT_ID, 0, 0 } },
	{ "perf_event_open", SYS_perf_event_open, { 0, 0, -1, -1, 0 } },
	{ "userfaultfd", SYS_userfaultfd, { 1 } },
	/* keys */
	{ "keyctl-get", SYS_keyctl, { 0, -3, 0 } },
	{ "keyctl-join", SYS_keyctl, { 1, 0 } },
	{ "keyctl-search", SYS_keyctl, { 10, -3, S("user"), S("sbxcanary"), 0 } },
	{ "keyctl-read", SYS_keyctl, { 11, -4, 0, 0 } },
	{ "keyctl-describe", SYS_keyctl, { 6, -3, 0, 0 } },
	{ "keyctl-persistent", SYS_keyctl, { 22, -1, -3 } },
	{ "add_key", SYS_add_key, { S("user"), S("sbx"), 0, 0, -3 } },
	{ "request_key", SYS_request_key, { S("user"), S("sbxcanary"), 0, 0 } },
	/* others' insides */
	{ "ptrace-traceme", SYS_ptrace, { PTRACE_TRACEME, 0, 0, 0 } },
	{ "process_vm_readv", SYS_process_vm_readv, { -1, 0, 0, 0, 0, 0 } },
	{ "process_vm_writev", SYS_process_vm_writev, { -1, 0, 0, 0, 0, 0 } },
	{ "process_madvise", 440, { -1, 0, 0, 0, 0 } },
	{ "kcmp", SYS_kcmp, { 0x7fffffff, 0x7fffffff, 1, 0, 0 } },
	{ "pidfd_getfd", 438, { -1, 0, 0 } },
	{ "lsm_set_self_attr", 460, { 0, 0, 0, 0 } },
	/* memory placement */
	{ "mbind", SYS_mbind, { 0, 0, 0, 0, 0, 0 } },
	{ "set_mempolicy", SYS_set_mempolicy, { 0, 0, 0 } },
	{ "set_mempolicy_home_node", 450, { 0, 0, 0, 1 } },
	{ "migrate_pages", SYS_migrate_pages, { 0x7fffffff, 0, 0, 0 } },
	{ "move_pages", SYS_move_pages, { 0x7fffffff, 0, 0, 0, 0, 0 } },
	/* files past the mount tree */
	{ "open_by_handle_at", SYS_open_by_handle_at, { -1, 0, 0 } },
	{ "name_to_handle_at", SYS_name_to_handle_at, { -1, S("x"), 0, 0, -1 } },
	{ "fanotify_init", SYS_fanotify_init, { 0x7fffffff, 0 } },
	{ "fanotify_mark", SYS_fanotify_mark, { -1, 1, 1, -1, 0 } },
	{ "quotactl", SYS_quotactl, { QCMD(0x7fff, 0), 0, 0, 0 } },
	{ "quotactl_fd", 443, { -1, 0, 0, 0 } },
	/* the running system */
	{ "kexec_load", SYS_kexec_load, { 0, 0x7fffffff, 0, 0xffff } },
	{ "kexec_file_load", SYS_kexec_file_load, { -1, -1, 0, 0, 0xffff } },
	{ "init_module", SYS_init_module, { 0, 0, 0 } },
	{ "finit_module", SYS_finit_module, { -1, 0, 0 } },
	{ "delete_module", SYS_delete_module, { S("sbx_hostile_none"), O_NONBLOCK } },
	{ "reboot", SYS_reboot, { 0, 0, 0, 0 } },
	{ "swapon", SYS_swapon, { S("/sbx-hostile-none"), 0 } },
	{ "swapoff", SYS_swapoff, { S("/sbx-hostile-none") } },
	{ "acct", SYS_acct, { S("/sbx-hostile-none") } },
	{ "settimeofday", SYS_settimeofday, { 0, 0 } },
	{ "clock_settime", SYS_clock_settime, { 0, 0 } },
	{ "adjtimex", SYS_adjtimex, { 0 } },
	{ "clock_adjtime", SYS_clock_adjtime, { 0, 0 } },
	{ "syslog-size", SYS_syslog, { 10, 0, 0 } },
	{ "syslog-read", SYS_syslog, { 3, 0, -1 } },
	{ "sethostname", SYS_sethostname, { 0, -1 } },
	{ "setdomainname", SYS_setdomainname, { 0, -1 } },
	{ "vhangup", SYS_vhangup, { 0 } },
	{ "personality-query", SYS_personality, { 0xffffffff } },
	{ "personality-no-randomize", SYS_personality, { ADDR_NO_RANDOMIZE } },
	{ "personality-read-implies-exec", SYS_personality, { READ_IMPLIES_EXEC } },
	{ "personality-compat-layout", SYS_personality, { ADDR_COMPAT_LAYOUT } },
	{ "personality-mmap-page-zero", SYS_personality, { MMAP_PAGE_ZERO } },
#ifdef __x86_64__
	{ "iopl", SYS_iopl, { 4 } },
	{ "ioperm", SYS_ioperm, { -1, 1, 0 } },
	{ "modify_ldt", SYS_modify_ldt, { 0, S(zeros), 0 } },
	{ "lookup_dcookie", SYS_lookup_dcookie, { 0, 0, 0 } },
	{ "create_module", SYS_create_module, { 0, 0 } },
	{ "nfsservctl", SYS_nfsservctl, { 0, 0, 0 } },
	{ "uselib", SYS_uselib, { S("/sbx-hostile-none") } },
	{ "_sysctl", SYS__sysctl, { 0 } },
	{ "ustat", SYS_ustat, { -1, 0 } },
	{ "sysfs", SYS_sysfs, { 3, 0, 0 } },
#endif
	{ "nr-highest", 1000, { 0 } },
	{ "nr-minus-1", -1, { 0 } },
	/* ids and limits */
	{ "setuid-0", SYS_setuid, { 0 } },
	{ "setgid-0", SYS_setgid, { 0 } },
	{ "setreuid-0", SYS_setreuid, { 0, 0 } },
	{ "setresuid-0", SYS_setresuid, { 0, 0, 0 } },
	{ "setresgid-0", SYS_setresgid, { 0, 0, 0 } },
	{ "setresuid-12345", SYS_setresuid, { 12345, 12345, 12345 } },
	{ "setresgid-12345", SYS_setresgid, { 12345, 12345, 12345 } },
	{ "setgroups-none", SYS_setgroups, { 0, 0 } },
	{ "setgroups-0", SYS_setgroups, { 1, S(zeros) } },
	/* allowed, and harmless: that a probe can succeed at all */
	{ "getpid", SYS_getpid, { 0 } },
	{ "memfd_create", SYS_memfd_create, { S("x"), 0 } },
	{ "inotify_init1", SYS_inotify_init1, { 0 } },
};

static void
probe_call(const char *name)
{
	for (size_t i = 0; i < sizeof calls / sizeof *calls; i++)
		if (!strcmp(calls[i].name, name)) {
			const long *a = calls[i].args;

			reached();
			tell(syscall(calls[i].nr, a[0], a[1], a[2], a[3], a[4], a[5]));
			return;
		}
	say("no such call");
}

/* clone:FLAGS, in hexadecimal */
static void
probe_clone(const char *arg)
{
	unsigned long flags = strtoul(arg, NULL, 16);
	long pid;

	reached();
	pid = syscall(SYS_clone, flags | SIGCHLD, 0, 0, 0, 0);
	if (pid == 0)
		_exit(0);
	tell(pid);
}

/* clone3:FLAGS */
static void
probe_clone3(const char *arg)
{
	struct clone_args args = { .flags = strtoul(arg, NULL, 16), .exit_signal = SIGCHLD };
	long pid;

	reached();
	pid = syscall(SYS_clone3, &args, sizeof args);
	if (pid == 0)
		_exit(0);
	tell(pid);
}

/* setns:TYPE, into the namespace that we are in */
static void
probe_setns(const char *type)
{
	char path[64];
	int fd;

	snprintf(path, sizeof path, "/proc/self/ns/%s", type);
	fd = open(path, O_RDONLY);
	if (fd < 0) {
		tell(-1);
		return;
	}
	reached();
	tell(setns(fd, 0));
}

/* ioctl:FD,REQUEST[,high] with REQUEST in hexadecimal: the kernel looks at 32 bits of it. FD -1 is a new pty that is ours. */
static void
probe_ioctl(const char *arg)
{
	static char byte[16] = "x";
	char *rest;
	long fd = strtol(arg, &rest, 10);
	unsigned long request = strtoul(rest + 1, &rest, 16);

	if (*rest)
		request |= 0x123ul << 32;
	if (fd == -1) {
		int master = posix_openpt(O_RDWR | O_NOCTTY);

		unlockpt(master);
		/* the first terminal that the leader of a session opens is its own */
		fd = open(ptsname(master), O_RDWR);
		if (fd < 0) {
			say("no pty: %s", strerrorname_np(errno));
			return;
		}
	}
	reached();
	tell(syscall(SYS_ioctl, fd, request, byte));
}

/* A child and its status: what must go on working. */
static void
probe_wait(const char *arg)
{
	pid_t pid = fork();
	int status = 0;

	(void)arg;
	if (pid == 0)
		_exit(7);
	reached();
	waitpid(pid, &status, 0);
	say("%d", WEXITSTATUS(status));
}

#ifdef __x86_64__
/* int80:NR: the door of 32-bit programs, open to 64-bit ones too */
static void
probe_int80(const char *arg)
{
	long result = strtol(arg, NULL, 10);

	reached();
	__asm__ volatile("int $0x80" : "+a"(result) : "b"(0), "c"(0), "d"(0) : "memory", "r8", "r9", "r10", "r11");
	errno = (int)-result;
	tell(result);
}

/* x32:NR */
static void
probe_x32(const char *arg)
{
	reached();
	tell(syscall(0x40000000 | strtol(arg, NULL, 10), 0, 0, 0, 0, 0, 0));
}

/* A 32-bit program that exits with 42, made by hand: no 32-bit compiler is needed. */
static void
probe_elf32(const char *arg)
{
	static const unsigned char code[] = { 0xb8, 1, 0, 0, 0, 0xbb, 42, 0, 0, 0, 0xcd, 0x80 };
	struct {
		unsigned char ident[16];
		uint16_t type, machine;
		uint32_t version, entry, phoff, shoff, flags;
		uint16_t ehsize, phentsize, phnum, shentsize, shnum, shstrndx;
		uint32_t p_type, p_offset, p_vaddr, p_paddr, p_filesz, p_memsz, p_flags, p_align;
		unsigned char code[sizeof code];
	} elf = { .ident = "\177ELF\1\1\1",
		      .type = 2,
		      .machine = 3,
		      .version = 1,
		      .entry = 0x8048000 + 84,
		      .phoff = 52,
		      .ehsize = 52,
		      .phentsize = 32,
		      .phnum = 1,
		      .p_type = 1,
		      .p_vaddr = 0x8048000,
		      .p_filesz = 84 + sizeof code,
		      .p_memsz = 84 + sizeof code,
		      .p_flags = 5,
		      .p_align = 4096 };
	char *argv[] = { "elf32", NULL };
	int fd = memfd_create("elf32", MFD_CLOEXEC), status = 0;
	pid_t pid;

	(void)arg;
	memcpy(elf.code, code, sizeof code);
	if (fd < 0 || write(fd, &elf, 84 + sizeof code) != 84 + sizeof code) {
		tell(-1);
		return;
	}
	pid = fork();
	if (pid == 0) {
		reached();
		fexecve(fd, argv, argv + 1);
		tell(-1);
		_exit(0);
	}
	waitpid(pid, &status, 0);
	if (WIFSIGNALED(status))
		say("signal SIG%s", sigabbrev_np(WTERMSIG(status)));
	say("exit %d", WEXITSTATUS(status));
}
#endif

const struct probe probes_call[] = {
	{ "call", probe_call },   { "clone", probe_clone }, { "clone3", probe_clone3 },
	{ "ioctl", probe_ioctl }, { "setns", probe_setns }, { "wait", probe_wait },
#ifdef __x86_64__
	{ "elf32", probe_elf32 }, { "int80", probe_int80 }, { "x32", probe_x32 },
#endif
	{ NULL, NULL },
};
