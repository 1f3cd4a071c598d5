/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* SPDX-FileCopyrightText: The libsbx developers */

/*
 * What a capability lets its holder do: cap-probe NAME does one thing that needs CAP_NAME and prints "ok" or the errno's
 * name. cap-probe reach does to process ARG what would stop, change or read it, and prints a line for each. Static, as probe.c.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/bpf.h>
#include <linux/capability.h>
#include <linux/if.h>
#include <linux/sched.h>
#include <netinet/in.h>
#include <sched.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/prctl.h>
#include <sys/ptrace.h>
#include <sys/resource.h>
#include <sys/shm.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/sysmacros.h>
#include <sys/uio.h>
#include <sys/wait.h>
#include <sys/xattr.h>
#include <unistd.h>

/* A new file of this mode, made before the case needs its capability. */
static const char *
file_of_mode(mode_t mode)
{
	static const char path[] = "/tmp/file";
	int fd = open(path, O_CREAT | O_EXCL | O_WRONLY, mode);

	if (fd < 0 || fchmod(fd, mode) < 0)
		printf("no file: ");
	close(fd);
	return path;
}

static long
do_chown(void)
{
	return chown(file_of_mode(0644), 5, 5);
}

static long
do_dac_override(void)
{
	return open(file_of_mode(0), O_WRONLY);
}

static long
do_dac_read_search(void)
{
	return open(file_of_mode(0), O_RDONLY);
}

/* /tmp belongs to init */
static long
do_fowner(void)
{
	return chmod("/tmp", 01777);
}

/* init is another user's process */
static long
do_kill(void)
{
	return kill(1, 0);
}

static long
do_setgid(void)
{
	return syscall(SYS_setresgid, 7, 7, 7);
}

static long
do_setuid(void)
{
	return syscall(SYS_setresuid, 7, 7, 7);
}

static long
do_setpcap(void)
{
	return prctl(PR_CAPBSET_DROP, CAP_CHOWN, 0, 0, 0);
}

static long
do_net_bind_service(void)
{
	struct sockaddr_in address = { .sin_family = AF_INET,
		                           .sin_port = htons(80),
		                           .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };

	return bind(socket(AF_INET, SOCK_STREAM, 0), (struct sockaddr *)&address, sizeof address);
}

static long
do_net_raw(void)
{
	return socket(AF_INET, SOCK_RAW, IPPROTO_ICMP);
}

static long
do_net_admin(void)
{
	struct ifreq request = { .ifr_flags = IFF_UP, .ifr_name = "lo" };

	return ioctl(socket(AF_INET, SOCK_DGRAM, 0), SIOCSIFFLAGS, &request);
}

static long
do_ipc_owner(void)
{
	int id = shmget(IPC_PRIVATE, 4096, IPC_CREAT);

	return shmat(id, NULL, 0) == (void *)-1 ? -1 : 0;
}

static long
do_sys_chroot(void)
{
	return chroot("/tmp");
}

static long
do_sys_admin(void)
{
	return sethostname("caps", 4);
}

static long
do_setfcap(void)
{
	struct vfs_cap_data data = { .magic_etc = VFS_CAP_REVISION_2 };

	return setxattr(file_of_mode(0644), "security.capability", &data, sizeof data, 0);
}

/* a child of a chosen pid */
static long
do_checkpoint_restore(void)
{
	pid_t wanted = 500;
	struct clone_args args = { .exit_signal = SIGCHLD, .set_tid = (uintptr_t)&wanted, .set_tid_size = 1 };
	long pid = syscall(SYS_clone3, &args, sizeof args);

	if (pid == 0)
		_exit(0);
	return pid;
}

static long
do_sys_nice(void)
{
	return setpriority(PRIO_PROCESS, 0, -1);
}

static long
do_mknod(void)
{
	return mknod("/tmp/node", S_IFCHR | 0666, makedev(1, 3));
}

static long
do_bpf(void)
{
	union bpf_attr attr = { .map_type = BPF_MAP_TYPE_LPM_TRIE,
		                    .key_size = 8,
		                    .value_size = 4,
		                    .max_entries = 1,
		                    .map_flags = BPF_F_NO_PREALLOC };

	return syscall(SYS_bpf, BPF_MAP_CREATE, &attr, sizeof attr);
}

/* --- reach --- */

static void
tell(const char *what, long result)
{
	printf("%s %s\n", what, result < 0 ? strerrorname_np(errno) : "ok");
	fflush(stdout);
}

static void
reach_open(const char *target, const char *name, int flags)
{
	char path[64];
	int fd;

	snprintf(path, sizeof path, "/proc/%s/%s", target, name);
	fd = open(path, flags);
	tell(name, fd);
	close(fd);
}

static int
reach(const char *target)
{
	pid_t pid = atoi(target), own = getpid();
	char byte;
	struct iovec here = { &byte, 1 }, there = { (void *)&here, 1 };
	int fd = (int)syscall(SYS_pidfd_open, pid, 0);

	if (pid == 0) {
		/* the control: a child of our own, which has what is asked for where we have it */
		char text[16];

		pid = fork();
		if (pid == 0)
			for (;;)
				pause();
		snprintf(text, sizeof text, "%d", pid);
		fd = reach(text);
		kill(pid, SIGKILL);
		return fd;
	}
	tell("process_vm_readv", process_vm_readv(pid, &here, 1, &there, 1, 0));
	tell("kcmp", syscall(SYS_kcmp, own, pid, 2 /* KCMP_FILES */, 0, 0) < 0 ? -1 : 0);
	tell("pidfd_getfd", syscall(SYS_pidfd_getfd, fd, 0, 0));
	reach_open(target, "mem", O_RDWR);
	reach_open(target, "environ", O_RDONLY);
	reach_open(target, "maps", O_RDONLY);
	reach_open(target, "ns/net", O_RDONLY);
	reach_open(target, "exe", O_RDONLY);
	reach_open(target, "cwd", O_RDONLY);
	reach_open(target, "fd/0", O_RDONLY);
	tell("ptrace", ptrace(PTRACE_SEIZE, pid, 0, 0));
	return 0;
}

int
main(int argc, char **argv)
{
	static const struct {
		const char *name;
		long (*run)(void);
	} probes[] = {
		{ "chown", do_chown },
		{ "dac_override", do_dac_override },
		{ "dac_read_search", do_dac_read_search },
		{ "fowner", do_fowner },
		{ "kill", do_kill },
		{ "setgid", do_setgid },
		{ "setuid", do_setuid },
		{ "setpcap", do_setpcap },
		{ "net_bind_service", do_net_bind_service },
		{ "net_raw", do_net_raw },
		{ "net_admin", do_net_admin },
		{ "ipc_owner", do_ipc_owner },
		{ "sys_chroot", do_sys_chroot },
		{ "sys_admin", do_sys_admin },
		{ "setfcap", do_setfcap },
		{ "checkpoint_restore", do_checkpoint_restore },
		{ "sys_nice", do_sys_nice },
		{ "mknod", do_mknod },
		{ "bpf", do_bpf },
	};

	if (argc == 3 && !strcmp(argv[1], "reach"))
		return reach(argv[2]);
	for (size_t i = 0; argc == 2 && i < sizeof probes / sizeof *probes; i++)
		if (!strcmp(argv[1], probes[i].name)) {
			long result = probes[i].run();

			puts(result < 0 ? strerrorname_np(errno) : "ok");
			return 0;
		}
	fprintf(stderr, "cap-probe: what is \"%s\"?\n", argc > 1 ? argv[1] : "");
	return 2;
}
