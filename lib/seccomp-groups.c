/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* SPDX-FileCopyrightText: The libsbx developers */

/*
 * The groups of system calls: systemd's names, as SystemCallFilter= knows them, and a few of our own. Calls that came
 * after systemd's lists stand where they belong. sbx-seccomp(7) has the same table; a test compares.
 */
#include "seccomp-words.h"

#include <string.h>

/* Names and members by turns, then an empty name. One array: a table of pointers would cost each start relocations. */
static const char groups[] =
	"@aio\0"
	"io_cancel io_destroy io_getevents io_pgetevents io_setup io_submit io_uring_enter io_uring_register "
	"io_uring_setup\0"
	"@basic-io\0"
	"close close_range dup dup2 dup3 lseek pread64 preadv preadv2 pwrite64 pwritev pwritev2 read readv "
	"write writev\0"
	"@chown\0"
	"chown fchown fchownat lchown\0"
	"@clock\0"
	"adjtimex clock_adjtime clock_settime settimeofday stime\0"
	"@cpu-emulation\0"
	"modify_ldt vm86 vm86old\0"
	"@debug\0"
	"kcmp lookup_dcookie perf_event_open pidfd_getfd ptrace\0"
	"@default\0"
	"arch_prctl brk clock_getres clock_gettime clock_nanosleep execve exit exit_group futex futex_requeue futex_wait "
	"futex_waitv futex_wake get_robust_list get_thread_area getcpu getegid geteuid getgid getgroups getpgid getpgrp "
	"getpid getppid getrandom getresgid getresuid getrlimit getsid gettid gettimeofday getuid map_shadow_stack "
	"membarrier mmap mprotect mseal munmap nanosleep pause prlimit64 restart_syscall rseq "
	"rt_sigreturn sched_getaffinity sched_yield set_robust_list set_thread_area set_tid_address time uname\0"
	"@file-system\0"
	"@file-read access chmod creat faccessat faccessat2 fallocate fchmod fchmodat fchmodat2 file_setattr "
	"fremovexattr fsetxattr ftruncate futimesat inotify_add_watch inotify_init inotify_init1 inotify_rm_watch link "
	"linkat lremovexattr lsetxattr mkdir mkdirat mknod mknodat mmap munmap open openat openat2 removexattr "
	"removexattrat rename renameat renameat2 rmdir setxattr setxattrat symlink symlinkat truncate umask unlink "
	"unlinkat utime utimensat utimes\0"
	"@file-read\0"
	"access chdir close faccessat faccessat2 fchdir fcntl fgetxattr file_getattr flistxattr fstat fstatfs getcwd "
	"getdents getdents64 getxattr getxattrat lgetxattr listmount listxattr listxattrat llistxattr lstat newfstatat "
	"readlink readlinkat stat statfs statmount statx\0"
	"@io-event\0"
	"epoll_create epoll_create1 epoll_ctl epoll_pwait epoll_pwait2 epoll_wait eventfd eventfd2 poll "
	"ppoll pselect6 select\0"
	"@ipc\0"
	"memfd_create mq_getsetattr mq_notify mq_open mq_timedreceive mq_timedsend mq_unlink msgctl msgget "
	"msgrcv msgsnd pipe pipe2 process_madvise process_vm_readv process_vm_writev semctl semget semop "
	"semtimedop shmat shmctl shmdt shmget\0"
	"@keyring\0"
	"add_key keyctl request_key\0"
	"@memlock\0"
	"mlock mlock2 mlockall munlock munlockall\0"
	"@module\0"
	"delete_module finit_module init_module\0"
	"@mount\0"
	"chroot fsconfig fsmount fsopen fspick mount mount_setattr move_mount open_tree open_tree_attr "
	"pivot_root umount umount2\0"
	"@network\0"
	"@network-io\0"
	"@network-io\0"
	"accept accept4 bind connect getpeername getsockname getsockopt listen recvfrom recvmmsg recvmsg "
	"sendmmsg sendmsg sendto setsockopt shutdown socket socketcall socketpair\0"
	"@obsolete\0"
	"_sysctl afs_syscall bdflush create_module ftime get_kernel_syms getpmsg gtty idle lock mpx "
	"nfsservctl prof profil putpmsg query_module security sgetmask ssetmask stime stty sysfs tuxcall "
	"ulimit uselib ustat vserver\0"
	"@pkey\0"
	"pkey_alloc pkey_free pkey_mprotect\0"
	"@privileged\0"
	"@chown @clock @module @raw-io @reboot @swap _sysctl acct bpf capset chroot fanotify_init "
	"fanotify_mark nfsservctl open_by_handle_at pivot_root quotactl quotactl_fd setdomainname setfsgid "
	"setfsuid setgroups sethostname setresuid setreuid setuid vhangup\0"
	"@process\0"
	"capget clone clone3 execveat fork getrusage kill pidfd_open pidfd_send_signal prctl process_mrelease "
	"rt_sigqueueinfo rt_tgsigqueueinfo setns swapcontext tgkill times tkill unshare vfork wait4 waitid "
	"waitpid\0"
	"@raw-io\0"
	"ioperm iopl pciconfig_iobase pciconfig_read pciconfig_write\0"
	"@reboot\0"
	"kexec_file_load kexec_load reboot\0"
	"@resources\0"
	"ioprio_set mbind migrate_pages move_pages nice sched_setaffinity sched_setattr sched_setparam "
	"sched_setscheduler set_mempolicy set_mempolicy_home_node setpriority setrlimit\0"
	"@sandbox\0"
	"landlock_add_rule landlock_create_ruleset landlock_restrict_self seccomp\0"
	"@setuid\0"
	"setgid setgroups setregid setresgid setresuid setreuid setuid\0"
	"@signal\0"
	"rt_sigaction rt_sigpending rt_sigprocmask rt_sigsuspend rt_sigtimedwait sigaltstack signalfd "
	"signalfd4\0"
	"@swap\0"
	"swapoff swapon\0"
	"@sync\0"
	"fdatasync fsync msync sync sync_file_range sync_file_range2 syncfs\0"
	"@timer\0"
	"alarm getitimer setitimer timer_create timer_delete timer_getoverrun timer_gettime timer_settime "
	"timerfd_create timerfd_gettime timerfd_settime times\0"
	"@known\0"
	"\0";

/* The name after this one; its members stand between. */
static const char *
group_next(const char *name)
{
	const char *members = name + strlen(name) + 1;

	return members + strlen(members) + 1;
}

const char *
seccomp_word_group(const char *name)
{
	for (const char *at = groups; *at; at = group_next(at))
		if (strcmp(at, name) == 0)
			return at + strlen(at) + 1;
	return NULL;
}

const char *
seccomp_nth_group(size_t i)
{
	const char *at = groups;

	while (i-- > 0 && *at)
		at = group_next(at);
	return *at ? at : NULL;
}
