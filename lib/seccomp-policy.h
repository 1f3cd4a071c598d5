/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* SPDX-FileCopyrightText: The libsbx developers */

/* The default seccomp policy: what each system call gets. Pure data, read by seccomp-gen when libsbx is built, and by its test. */
#pragma once

#include <errno.h>
#include <stddef.h>

/* What is not named here gets ENOSYS: a program that tries a newer call falls back to an older one, as on an older kernel. */
#define SECCOMP_POLICY_REST ENOSYS

/* What happens to a call; a positive number is the errno it gets. */
enum {
	SECCOMP_ALLOW = 0,
	SECCOMP_CLONE = -1,       /* allowed without a flag of SECCOMP_CLONE_NEW, else EPERM */
	SECCOMP_IOCTL = -2,       /* allowed but for TIOCSTI and TIOCLINUX, which get EPERM */
	SECCOMP_SOCKET = -3,      /* allowed for unix, inet, inet6, and netlink with protocol 0, else EAFNOSUPPORT */
	SECCOMP_SOCKETPAIR = -4,  /* the same without netlink */
	SECCOMP_PERSONALITY = -5, /* allowed for 0, 8, 0x20000, 0x20008 and 0xffffffff, else EPERM */
};

/* CLONE_NEWNS NEWCGROUP NEWUTS NEWIPC NEWUSER NEWPID NEWNET. NEWTIME has no bit here: clone() takes it as a signal number. */
#define SECCOMP_CLONE_NEW 0x7e020000

struct seccomp_group {
	const char *topic; /* NULL ends the table */
	int action;
	const char *names; /* separated by blanks; "=NUMBER" for calls that an old libseccomp does not know yet: from 424
	                    * on, a number is the same on every architecture */
};

static const struct seccomp_group seccomp_policy[] = {
	{ "read and write", SECCOMP_ALLOW,
	  "read write readv writev pread64 pwrite64 preadv pwritev preadv2 pwritev2 lseek sendfile copy_file_range "
	  "splice tee vmsplice readahead fadvise64 cachestat=451" },
	{ "open and close", SECCOMP_ALLOW,
	  "open openat openat2=437 creat close close_range=436 dup dup2 dup3 fcntl flock pipe pipe2 memfd_create "
	  "memfd_secret=447" },
	{ "look at files", SECCOMP_ALLOW,
	  "stat lstat fstat newfstatat statx statfs fstatfs access faccessat faccessat2=439 readlink readlinkat getdents "
	  "getdents64 getcwd chdir fchdir umask statmount=457 listmount=458" },
	{ "change files", SECCOMP_ALLOW,
	  "mkdir mkdirat rmdir link linkat symlink symlinkat unlink unlinkat rename renameat renameat2 mknod mknodat "
	  "truncate ftruncate fallocate chmod fchmod fchmodat fchmodat2=452 chown fchown lchown fchownat utime utimes "
	  "futimesat utimensat sync syncfs fsync fdatasync sync_file_range" },
	{ "extended attributes", SECCOMP_ALLOW,
	  "getxattr lgetxattr fgetxattr listxattr llistxattr flistxattr setxattr lsetxattr fsetxattr removexattr "
	  "lremovexattr fremovexattr setxattrat=463 getxattrat=464 listxattrat=465 removexattrat=466" },
	{ "wait for something", SECCOMP_ALLOW,
	  "poll ppoll select pselect6 epoll_create epoll_create1 epoll_ctl epoll_wait epoll_pwait epoll_pwait2=441 "
	  "eventfd eventfd2 inotify_init inotify_init1 inotify_add_watch inotify_rm_watch io_setup io_destroy "
	  "io_getevents io_pgetevents io_submit io_cancel" },
	{ "memory", SECCOMP_ALLOW,
	  "brk mmap munmap mprotect mremap msync madvise mincore mlock mlock2 munlock mlockall munlockall "
	  "remap_file_pages pkey_alloc pkey_free pkey_mprotect get_mempolicy map_shadow_stack=453 mseal=462" },
	{ "processes", SECCOMP_ALLOW,
	  "fork vfork execve execveat exit exit_group wait4 waitid getpid getppid gettid getpgid setpgid getpgrp getsid "
	  "setsid pidfd_open pidfd_send_signal process_mrelease=448 prctl arch_prctl uname sysinfo getrusage times" },
	{ "threads", SECCOMP_ALLOW,
	  "futex futex_waitv=449 futex_wake=454 futex_wait=455 futex_requeue=456 set_robust_list get_robust_list "
	  "set_tid_address rseq membarrier getcpu sched_yield" },
	{ "scheduling and limits", SECCOMP_ALLOW,
	  "sched_setparam sched_getparam sched_setscheduler sched_getscheduler sched_setattr sched_getattr "
	  "sched_setaffinity sched_getaffinity sched_get_priority_max sched_get_priority_min sched_rr_get_interval "
	  "getpriority setpriority ioprio_get ioprio_set getrlimit setrlimit prlimit64" },
	{ "signals", SECCOMP_ALLOW,
	  "kill tkill tgkill rt_sigaction rt_sigprocmask rt_sigreturn rt_sigpending rt_sigtimedwait rt_sigsuspend "
	  "rt_sigqueueinfo rt_tgsigqueueinfo sigaltstack pause restart_syscall signalfd signalfd4" },
	{ "time", SECCOMP_ALLOW,
	  "time gettimeofday clock_gettime clock_getres clock_nanosleep nanosleep alarm getitimer setitimer timer_create "
	  "timer_settime timer_gettime timer_getoverrun timer_delete timerfd_create timerfd_settime timerfd_gettime" },
	{ "identity", SECCOMP_ALLOW,
	  "getuid geteuid getgid getegid getresuid getresgid getgroups setuid setgid setreuid setregid setresuid "
	  "setresgid setgroups setfsuid setfsgid capget capset" },
	{ "sockets that exist", SECCOMP_ALLOW,
	  "connect bind listen accept accept4 getsockname getpeername sendto recvfrom sendmsg recvmsg sendmmsg recvmmsg "
	  "shutdown setsockopt getsockopt" },
	{ "System V and POSIX ipc", SECCOMP_ALLOW,
	  "shmget shmat shmdt shmctl semget semop semtimedop semctl msgget msgsnd msgrcv msgctl mq_open mq_unlink "
	  "mq_timedsend mq_timedreceive mq_notify mq_getsetattr" },
	{ "less for oneself", SECCOMP_ALLOW,
	  "seccomp landlock_create_ruleset=444 landlock_add_rule=445 landlock_restrict_self=446 lsm_get_self_attr=459 "
	  "lsm_list_modules=461 getrandom" },

	{ "new process or thread, no new namespace", SECCOMP_CLONE, "clone" },
	{ "ioctl, nothing typed into a terminal", SECCOMP_IOCTL, "ioctl" },
	{ "ordinary socket families", SECCOMP_SOCKET, "socket" },
	{ "ordinary socket families, in pairs", SECCOMP_SOCKETPAIR, "socketpair" },
	{ "harmless personalities", SECCOMP_PERSONALITY, "personality" },

	{ "namespaces and mounts", EPERM,
	  "unshare setns mount umount2 move_mount fsopen fsconfig fsmount fspick open_tree open_tree_attr=467 "
	  "mount_setattr=442 pivot_root chroot" },
	{ "kernel programs and counters", EPERM, "bpf perf_event_open userfaultfd" },
	{ "other processes' insides", EPERM,
	  "ptrace process_vm_readv process_vm_writev process_madvise=440 kcmp pidfd_getfd=438 "
	  "lsm_set_self_attr=460" },
	{ "where memory lies", EPERM, "mbind set_mempolicy set_mempolicy_home_node=450 migrate_pages move_pages" },
	{ "files past the mount tree", EPERM,
	  "open_by_handle_at name_to_handle_at lookup_dcookie nfsservctl fanotify_init fanotify_mark" },
	{ "the running system", EPERM,
	  "kexec_load kexec_file_load init_module finit_module delete_module create_module get_kernel_syms "
	  "query_module reboot swapon swapoff acct quotactl quotactl_fd=443 settimeofday clock_settime adjtimex "
	  "clock_adjtime syslog sethostname setdomainname vhangup" },
	{ "hardware", EPERM, "iopl ioperm vm86 vm86old" },

	/* ENOSYS in words: a runtime that finds these missing has a plan B, one that is refused often has none. clone3
	 * hides its flags behind a pointer, where no filter can look. */
	{ "as if this kernel had none", ENOSYS,
	  "clone3 io_uring_setup io_uring_enter io_uring_register keyctl add_key request_key modify_ldt" },
	{ NULL, 0, NULL },
};
