/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* SPDX-FileCopyrightText: The libsbx developers */

/* Rows: system calls. */
#include "rows.h"

/* The filter says no; without it the call gets to the kernel, which has another answer. */
#define FILTERED(failure, name, errno_, kernel) ROW(failure, "call:" name, errno_, BARE, kernel)
/* Two walls: the filter; behind it a capability that the payload has not, and the control has. */
#define PRIVILEGED(failure, name, where, kernel) \
	ROW(failure, "call:" name, "EPERM", where, kernel), ROW(failure, "call:" name, "EPERM", where, kernel, UNFILTERED)

const struct row rows_call[] = {
	/* --- F09: no namespace inside the box --- */
	ROW("F09", "call:unshare-newuser", "EPERM", NS, "ok"),
	ROW("F09", "call:unshare-newns", "EPERM", NS, "ok"),
	ROW("F09", "call:unshare-newuts", "EPERM", NS, "ok"),
	ROW("F09", "call:unshare-newipc", "EPERM", NS, "ok"),
	ROW("F09", "call:unshare-newpid", "EPERM", NS, "ok"),
	ROW("F09", "call:unshare-newnet", "EPERM", NS, "ok"),
	ROW("F09", "call:unshare-newcgroup", "EPERM", NS, "ok"),
	ROW("F09", "call:unshare-newtime", "EPERM", NS, "ok"),
	ROW("F09", "call:unshare-newuser-newns", "EPERM", NS, "ok"),
	ROW("F09", "call:unshare-files", "EPERM", BARE, "ok"),
	/* the wall behind the filter: max_user_namespaces is 0; without a user namespace of the box's own there is none */
	ROW("F09", "call:unshare-newuser", "ENOSPC", NS, "ok", UNFILTERED, HOST_BOTH("-")),
	ROW("F09", "call:unshare-newns", "EPERM", NS, "ok", UNFILTERED),
	ROW("F09", "call:unshare-newnet", "EPERM", NS, "ok", UNFILTERED),
	ROW("F09", "call:unshare-newpid", "EPERM", NS, "ok", UNFILTERED),
	ROW("F09", "clone:10000000", "EPERM", NS, "ok"),
	ROW("F09", "clone:20000", "EPERM", NS, "ok"),
	ROW("F09", "clone:2000000", "EPERM", NS, "ok"),
	ROW("F09", "clone:4000000", "EPERM", NS, "ok"),
	ROW("F09", "clone:8000000", "EPERM", NS, "ok"),
	ROW("F09", "clone:20000000", "EPERM", NS, "ok"),
	ROW("F09", "clone:40000000", "EPERM", NS, "ok"),
	ROW("F09", "clone:7e020000", "EPERM", NS, "ok"),
	ROW("F09", "clone:10000000", "ENOSPC", NS, "ok", UNFILTERED, HOST_BOTH("-")),
	ROW("F09", "clone:0", "ok", BARE, "=inside"),
	/* flags behind a pointer: not looked at, but refused as a whole, and as if it did not exist */
	ROW("F09", "clone3:0", "ENOSYS", BARE, "ok"),
	ROW("F09", "clone3:10000000", "ENOSYS", NS, "ok"),
	ROW("F09", "clone3:20000", "ENOSYS", NS, "ok"),
	ROW("F09", "clone3:80", "ENOSYS", NS, "ok"),
	ROW("F09", "clone3:10000000", "ENOSPC", NS, "ok", UNFILTERED, HOST_BOTH("-")),
	FILTERED("F09", "clone3-null", "ENOSYS", "EINVAL"),
	ROW("F09", "setns:user", "EPERM", BARE, "EINVAL"),
	ROW("F09", "setns:mnt", "EPERM", NS, "ok"),
	ROW("F09", "setns:net", "EPERM", NS, "ok"),
	ROW("F09", "setns:pid", "EPERM", NS, "ok"),
	ROW("F09", "setns:net", "EPERM", NS, "ok", UNFILTERED),
	FILTERED("F09", "setns-none", "EPERM", "EBADF"),
	ROW("F09", "thread:call:getpid", "ok", BARE, "=inside"),
	ROW("F09", "wait", "7", BARE, "=inside"),

	/* --- F09, F18, F20: no mount --- */
	PRIVILEGED("F09", "mount-tmpfs", NS, "ok"),
	PRIVILEGED("F29", "mount-proc", NS, "ok|EPERM"),
	PRIVILEGED("F09", "mount-sysfs", NS, "ok|EPERM"),
	PRIVILEGED("F09", "mount-devpts", NS, "ok"),
	PRIVILEGED("F17", "mount-cgroup2", NS, "ok"),
	ROW("F18", "call:mount-cgroup", "EPERM", NS, "ok", BUT("call:mount-tmpfs")),
	ROW("F18", "call:mount-cgroup", "EPERM", NS, "ok", UNFILTERED, BUT("call:mount-tmpfs")),
	PRIVILEGED("F09", "mount-bind", NS, "ok|EINVAL"),
	PRIVILEGED("F09", "mount-remount", NS, "ok|EINVAL"),
	ROW("F09", "call:mount-root-rw", "EPERM", NS, "ok", BUT("call:mount-tmpfs")),
	ROW("F09", "call:mount-root-rw", "EPERM", NS, "ok", UNFILTERED, BUT("call:mount-tmpfs")),
	ROW("F16", "call:mount-proc-sys-rw", "EPERM", NS, "EINVAL|ok"),
	ROW("F16", "call:mount-proc-sys-rw", "EPERM", NS, "EINVAL|ok", UNFILTERED),
	PRIVILEGED("F20", "mount-shared", NS, "ok"),
	PRIVILEGED("F20", "mount-private", NS, "ok"),
	FILTERED("F09", "umount-none", "EPERM", "ENOENT"),
	ROW("F16", "call:umount-proc-sys", "EPERM", NS, "EINVAL"),
	ROW("F16", "call:umount-proc-sys", "EPERM", NS, "EINVAL", UNFILTERED),
	ROW("F16", "call:umount-interrupts", "EPERM", NS, "EINVAL"),
	ROW("F16", "call:umount-interrupts", "EPERM", NS, "EINVAL", UNFILTERED),
	PRIVILEGED("F09", "umount-root", NS, "EINVAL|ok|EBUSY"),
	PRIVILEGED("F09", "move_mount", NS, "ENOENT"),
	PRIVILEGED("F09", "fsopen", NS, "ok"),
	FILTERED("F09", "fsconfig", "EPERM", "EINVAL|EBADF"),
	PRIVILEGED("F09", "fsmount", NS, "EBADF"),
	PRIVILEGED("F09", "fspick", NS, "EINVAL|ok"),
	FILTERED("F09", "open_tree", "EPERM", "ok"),
	PRIVILEGED("F09", "open_tree-clone", NS, "ok"),
	ROW("F09", "call:open_tree_attr", "EPERM", BARE, "ENOENT|ENOSYS"),
	PRIVILEGED("F09", "mount_setattr", NS, "EINVAL|ok"),
	PRIVILEGED("F09", "pivot_root", NS, "ENOENT"),
	PRIVILEGED("F09", "chroot", NS, "ok"),

/* --- F10: the other doors into the kernel --- */
#ifdef __x86_64__
	ROW("F10", "int80:20", "signal SIGKILL", BARE, "?ok|signal SIGSEGV"),                  /* getpid */
	ROW("F10", "int80:310", "signal SIGKILL", BARE, "?ok|signal SIGSEGV"),                 /* unshare(0) */
	ROW("F10", "int80:21", "signal SIGKILL", BARE, "EPERM|EFAULT|signal SIGSEGV"),         /* mount(0) */
	ROW("F10", "int80:120", "signal SIGKILL", BARE, "ok|signal SIGSEGV", BUT("int80:20")), /* clone */
	ROW("F10", "int80:425", "signal SIGKILL", BARE, "EFAULT|EINVAL|EPERM|ENOSYS|signal SIGSEGV"),
	ROW("F10", "elf32", "signal SIGKILL", BARE, "exit 42|ENOEXEC"),
	ROW("F10", "x32:39", "signal SIGKILL", BARE, "ENOSYS|ok"),
	ROW("F10", "x32:59", "signal SIGKILL", BARE, "ENOSYS|EFAULT"),
	ROW("F10", "x32:272", "signal SIGKILL", BARE, "ENOSYS|ok"),
	ROW("F10", "x32:520", "signal SIGKILL", BARE, "ENOSYS|EFAULT"),
	ROW("F10", "thread:int80:20", "signal SIGKILL", BARE, "?ok|signal SIGSEGV"),
#endif
	ROW("F10", "call:nr-highest", "ENOSYS", BARE, "ok", BUT("call:getpid")),
	ROW("F10", "call:nr-minus-1", "ENOSYS", BARE, "ok", BUT("call:getpid")),

	/* --- F11: the filter is there, for all, for ever --- */
	ROW("F11", "status:Seccomp", "2", BARE, "0"),
	ROW("F11", "status:Seccomp_filters", "1", BARE, "0"),
	ROW("F11", "thread:status:Seccomp", "2", BARE, "0"),
	ROW("F11", "exec:status:Seccomp", "2", BARE, "0"),
	ROW("F11", "thread:call:mount-tmpfs", "EPERM", NS, "ok"),
	ROW("F11", "thread:call:unshare-newuts", "EPERM", NS, "ok"),
	ROW("F11", "thread:call:io_uring_setup", "ENOSYS", BARE, "EFAULT"),
	ROW("F11", "exec:call:unshare-newuser", "EPERM", NS, "ok"),
	ROW("F11", "exec:call:io_uring_setup", "ENOSYS", BARE, "EFAULT"),
	ROW("F11", "exec:call:mount-tmpfs", "EPERM", NS, "ok"),
	/* one more filter takes nothing of the first one back */
	ROW("F11", "stacked:call:unshare-newuser", "EPERM", NS, "ok"),
	ROW("F11", "stacked:call:io_uring_setup", "ENOSYS", BARE, "EFAULT"),
	ROW("F11", "stacked:call:bpf-map", "EPERM", BARE, "ok", BUT("stacked:call:getpid")),
	ROW("F11", "stacked:clone3:0", "ENOSYS", BARE, "ok"),
	ROW("F11", "stacked:status:Seccomp_filters", "2", BARE, "1"),
	ROW("F11", "prctl:22,0", "EINVAL", BARE, "=inside"),           /* PR_SET_SECCOMP, disabled */
	ROW("F11", "prctl:22,1", "EINVAL", BARE, "signal SIGKILL|ok"), /* strict, instead of the filter */
	ROW("F11", "seccomp:0,0", "EINVAL", BARE, "signal SIGKILL|ok"),

	/* --- F12: io_uring --- */
	FILTERED("F12", "io_uring_setup", "ENOSYS", "EFAULT"),
	FILTERED("F12", "io_uring_enter", "ENOSYS", "EBADF"),
	FILTERED("F12", "io_uring_register", "ENOSYS", "EBADF|EINVAL"),

	/* --- F21: keys --- */
	FILTERED("F21", "keyctl-get", "ENOSYS", "ok"),
	FILTERED("F21", "keyctl-join", "ENOSYS", "ok"),
	FILTERED("F21", "keyctl-search", "ENOSYS", "ENOKEY"),
	/* the session's keyring is a new one, whatever the filter */
	ROW("F21", "call:keyctl-search", "ENOKEY", OUTSIDE, "ok", UNFILTERED),
	ROW("F21", "exec:call:keyctl-search", "ENOKEY", OUTSIDE, "ok", UNFILTERED),
	FILTERED("F21", "keyctl-read", "ENOSYS", "other"),
	FILTERED("F21", "keyctl-describe", "ENOSYS", "ok"),
	FILTERED("F21", "keyctl-persistent", "ENOSYS", "other"),
	FILTERED("F21", "add_key", "ENOSYS", "EINVAL"),
	FILTERED("F21", "request_key", "ENOSYS", "ENOKEY"),

	/* --- F22: insides of processes, whoever's they are --- */
	FILTERED("F22", "ptrace-traceme", "EPERM", "ok"),
	FILTERED("F22", "process_vm_readv", "EPERM", "ok|ESRCH"),
	FILTERED("F22", "process_vm_writev", "EPERM", "ok|ESRCH"),
	FILTERED("F22", "process_madvise", "EPERM", "EBADF|ok"),
	FILTERED("F22", "kcmp", "EPERM", "ESRCH"),
	FILTERED("F22", "pidfd_getfd", "EPERM", "EBADF"),
	FILTERED("F22", "lsm_set_self_attr", "EPERM", "other"),

	/* --- the kernel's engines, of no row of their own --- */
	ROW("F11", "call:bpf-map", "EPERM", ROOT, "EINVAL"),
	ROW("F11", "call:bpf-load", "EPERM", ROOT, "EINVAL|E2BIG|EFAULT"),
	ROW("F11", "call:bpf-id", "EPERM", ROOT, "EFAULT|EINVAL|ENOENT"),
	FILTERED("F11", "perf_event_open", "EPERM", "EFAULT|EACCES"),
	FILTERED("F11", "userfaultfd", "EPERM", "ok|ENOSYS"),
	FILTERED("F11", "mbind", "EPERM", "ok|EINVAL"),
	FILTERED("F11", "set_mempolicy", "EPERM", "ok"),
	FILTERED("F11", "set_mempolicy_home_node", "EPERM", "EINVAL"),
	FILTERED("F11", "migrate_pages", "EPERM", "ESRCH|EINVAL"),
	FILTERED("F11", "move_pages", "EPERM", "ESRCH"),
	ROW("F11", "call:open_by_handle_at", "EPERM", ROOT, "EFAULT|EBADF"),
	FILTERED("F11", "name_to_handle_at", "EPERM", "EINVAL|EFAULT"),
	ROW("F11", "call:fanotify_init", "EPERM", BARE, "EINVAL|EPERM", HOST_BOTH("EPERM")),
	FILTERED("F11", "fanotify_mark", "EPERM", "EBADF|EINVAL"),
	FILTERED("F11", "quotactl", "EPERM", "other"),
	FILTERED("F11", "quotactl_fd", "EPERM", "EBADF"),
	ROW("F13", "call:kexec_load", "EPERM", ROOT, "EINVAL|ENOSYS"),
	ROW("F13", "call:kexec_file_load", "EPERM", ROOT, "EINVAL|ENOSYS"),
	ROW("F13", "call:init_module", "EPERM", ROOT, "ENOEXEC|EFAULT|ENOSYS"),
	ROW("F13", "call:init_module", "EPERM|ENOSYS", ROOT, "ENOEXEC|EFAULT|ENOSYS", UNFILTERED),
	ROW("F13", "call:finit_module", "EPERM", ROOT, "EBADF|ENOEXEC|ENOSYS"),
	ROW("F13", "call:delete_module", "EPERM", ROOT, "ENOENT|ENOSYS"),
	ROW("F13", "call:reboot", "EPERM", ROOT, "EINVAL"),
	ROW("F13", "call:reboot", "EPERM", ROOT, "EINVAL", UNFILTERED),
	ROW("F13", "call:swapon", "EPERM", ROOT, "ENOENT"),
	ROW("F13", "call:swapon", "EPERM", ROOT, "ENOENT", UNFILTERED),
	ROW("F13", "call:swapoff", "EPERM", ROOT, "ENOENT"),
	ROW("F13", "call:swapoff", "EPERM", ROOT, "ENOENT", UNFILTERED),
	ROW("F13", "call:acct", "EPERM", ROOT, "ENOENT"),
	ROW("F13", "call:acct", "EPERM", ROOT, "ENOENT", UNFILTERED),
	ROW("F13", "call:settimeofday", "EPERM", ROOT, "ok"),
	ROW("F13", "call:settimeofday", "EPERM", ROOT, "ok", UNFILTERED),
	FILTERED("F13", "clock_settime", "EPERM", "EFAULT"),
	FILTERED("F13", "adjtimex", "EPERM", "EFAULT"),
	FILTERED("F13", "clock_adjtime", "EPERM", "EFAULT"),
	ROW("F13", "call:syslog-size", "EPERM", ROOT, "ok"),
	ROW("F13", "call:syslog-read", "EPERM", BARE, "EINVAL|EPERM"),
	PRIVILEGED("F13", "sethostname", NS, "EINVAL"),
	PRIVILEGED("F13", "setdomainname", NS, "EINVAL"),
	ROW("F13", "call:vhangup", "EPERM", ROOT, "ok"),
	ROW("F13", "call:vhangup", "EPERM", ROOT, "ok", UNFILTERED),
	FILTERED("F11", "personality-no-randomize", "EPERM", "ok"),
	FILTERED("F11", "personality-read-implies-exec", "EPERM", "ok"),
	FILTERED("F11", "personality-compat-layout", "EPERM", "ok"),
	FILTERED("F11", "personality-mmap-page-zero", "EPERM", "ok"),
	ROW("F11", "call:personality-query", "ok", BARE, "=inside"),
#ifdef __x86_64__
	ROW("F13", "call:iopl", "EPERM", BARE, "EINVAL|ENOSYS"),
	ROW("F13", "call:ioperm", "EPERM", BARE, "EINVAL|ENOSYS"),
	FILTERED("F11", "modify_ldt", "ENOSYS", "ok"),
	ROW("F11", "call:lookup_dcookie", "EPERM", BARE, "EPERM|ENOSYS|EINVAL"),
	FILTERED("F11", "create_module", "EPERM", "ENOSYS"),
	FILTERED("F11", "nfsservctl", "EPERM", "ENOSYS"),
	ROW("F11", "call:uselib", "ENOSYS", BARE, "ENOENT|ENOSYS"),
	ROW("F11", "call:ustat", "ENOSYS", BARE, "EINVAL"),
	ROW("F11", "call:sysfs", "ENOSYS", BARE, "ok|ENOSYS"),
#endif
	ROW("F11", "call:memfd_create", "ok", BARE, "=inside"),
	ROW("F11", "call:inotify_init1", "ok", BARE, "=inside"),

	/* --- F08: nothing is typed into a terminal, by 64 bits that the kernel cuts down to 32 neither --- */
	ROW("F08", "ioctl:-1,5412", "EPERM", BARE, "ok|EIO"),
	ROW("F08", "ioctl:-1,5412,high", "EPERM", BARE, "ok|EIO"),
	ROW("F08", "ioctl:-1,541c", "EPERM", BARE, "ENOTTY|EPERM"),
	ROW("F08", "ioctl:-1,541c,high", "EPERM", BARE, "ENOTTY|EPERM"),
	ROW("F08", "ioctl:0,5412", "EPERM", ROOT, "ok|EIO"),
	ROW("F08", "ioctl:0,5412,high", "EPERM", ROOT, "ok|EIO"),
	ROW("F08", "ioctl:0,5412", "EPERM|EIO", ROOT, "ok|EIO", UNFILTERED),
	ROW("F08", "ioctl:0,541c", "EPERM", ROOT, "ENOTTY|ok|EINVAL"),
	ROW("F08", "thread:ioctl:0,5412", "EPERM", ROOT, "ok|EIO"),
	ROW("F08", "ioctl:0,5413", "ok", BARE, "=inside"), /* TIOCGWINSZ: it is a terminal */
	ROW("F08", "ids:tty", "none", OUTSIDE, "some"),

	/* --- F14, F28: ids --- */
	ROW("F28", "call:setuid-0", "EINVAL", ROOT, "ok", HOST_NOBODY("EPERM"), HOST_ROOT("ok")),
	ROW("F28", "call:setgid-0", "EINVAL", ROOT, "ok", HOST_NOBODY("EPERM"), HOST_ROOT("ok")),
	ROW("F28", "call:setreuid-0", "EINVAL", ROOT, "ok", HOST_NOBODY("EPERM"), HOST_ROOT("ok")),
	ROW("F28", "call:setresuid-0", "EINVAL", ROOT, "ok", HOST_NOBODY("EPERM"), HOST_ROOT("ok")),
	ROW("F28", "call:setresgid-0", "EINVAL", ROOT, "ok", HOST_NOBODY("EPERM"), HOST_ROOT("ok")),
	ROW("F28", "call:setresuid-12345", "EINVAL", ROOT, "ok", HOST_BOTH("EPERM")),
	ROW("F28", "call:setresgid-12345", "EINVAL", ROOT, "ok", HOST_BOTH("EPERM")),
	ROW("F28", "call:setresuid-12345", "EINVAL", ROOT, "ok", UNFILTERED, HOST_BOTH("EPERM")),
	ROW("F14", "call:setgroups-none", "EPERM", ROOT, "ok"),
	ROW("F14", "call:setgroups-0", "EPERM", ROOT, "ok"),
	ROW("F14", "call:setgroups-none", "EPERM", ROOT, "ok", UNFILTERED),
	ROW("F14", "call:setgroups-0", "EPERM", ROOT, "ok", UNFILTERED),
	{ .probe = NULL },
};
