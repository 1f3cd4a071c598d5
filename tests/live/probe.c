/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* SPDX-FileCopyrightText: The libsbx developers */

/*
 * What a box looks like to a system call: probe WHAT [ARG...] prints one line, "ok" or the errno's name where it is
 * about being allowed. Runs inside boxes, without a library, so that it runs in an empty root too.
 */
#include <errno.h>
#include <fcntl.h>
#include <linux/keyctl.h>
#include <mqueue.h>
#include <netinet/in.h>
#include <poll.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/ptrace.h>
#include <sys/resource.h>
#include <sys/shm.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/sysmacros.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

static int
tell(long result)
{
	puts(result < 0 ? strerrorname_np(errno) : "ok");
	return 0;
}

/* open PATH r|w|a */
static int
probe_open(char **arg)
{
	return tell(open(arg[0], arg[1][0] == 'r' ? O_RDONLY : arg[1][0] == 'w' ? O_WRONLY : O_WRONLY | O_APPEND));
}

/* create PATH: a new file */
static int
probe_create(char **arg)
{
	return tell(open(arg[0], O_WRONLY | O_CREAT | O_EXCL, 0666));
}

/* write PATH TEXT: of a file that is there */
static int
probe_write(char **arg)
{
	int fd = open(arg[0], O_WRONLY);

	return tell(fd < 0 ? fd : write(fd, arg[1], strlen(arg[1])));
}

/* mknod PATH MAJOR MINOR */
static int
probe_mknod(char **arg)
{
	return tell(mknod(arg[0], S_IFCHR | 0666, makedev((unsigned)atoi(arg[1]), (unsigned)atoi(arg[2]))));
}

/* mount WHERE: a tmpfs */
static int
probe_mount(char **arg)
{
	return tell(mount("tmpfs", arg[0], "tmpfs", 0, NULL));
}

static int
probe_setgroups(char **arg)
{
	gid_t gid = 0;

	(void)arg;
	return tell(syscall(SYS_setgroups, 1, &gid));
}

static int
probe_setuid(char **arg)
{
	return tell(syscall(SYS_setuid, atoi(arg[0])));
}

/* unshare FLAGS, in hexadecimal */
static int
probe_unshare(char **arg)
{
	return tell(unshare((int)strtol(arg[0], NULL, 16)));
}

static int
probe_securebits(char **arg)
{
	(void)arg;
	return printf("%#x\n", (unsigned)prctl(PR_GET_SECUREBITS)) < 0;
}

static int
probe_keyring(char **arg)
{
	(void)arg;
	return printf("%ld\n", syscall(SYS_keyctl, KEYCTL_GET_KEYRING_ID, -3 /* the session's */, 0)) < 0;
}

/* abstract NAME: connect to a socket of that name */
static int
probe_abstract(char **arg)
{
	struct sockaddr_un address = { .sun_family = AF_UNIX };
	size_t length = strlen(arg[0]);
	int fd = socket(AF_UNIX, SOCK_STREAM, 0);

	memcpy(address.sun_path + 1, arg[0], length);
	return tell(
		connect(fd, (struct sockaddr *)&address, (socklen_t)(offsetof(struct sockaddr_un, sun_path) + 1 + length)));
}

/* A server and a client on 127.0.0.1. */
static int
probe_loopback(char **arg)
{
	struct sockaddr_in address = { .sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	socklen_t size = sizeof address;
	int server = socket(AF_INET, SOCK_STREAM, 0), client = socket(AF_INET, SOCK_STREAM, 0), peer;
	char byte = 0;

	(void)arg;
	if (bind(server, (struct sockaddr *)&address, size) < 0 || listen(server, 1) < 0 ||
	    getsockname(server, (struct sockaddr *)&address, &size) < 0 ||
	    connect(client, (struct sockaddr *)&address, size) < 0)
		return tell(-1);
	peer = accept(server, NULL, NULL);
	return tell(write(client, "x", 1) == 1 && read(peer, &byte, 1) == 1 && byte == 'x' ? 0 : -1);
}

/* tcp PORT: bind it on 127.0.0.1 */
static int
probe_tcp(char **arg)
{
	struct sockaddr_in address = { .sin_family = AF_INET,
		                           .sin_port = htons((uint16_t)atoi(arg[0])),
		                           .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };

	return tell(bind(socket(AF_INET, SOCK_STREAM, 0), (struct sockaddr *)&address, sizeof address));
}

/* Seconds of CLOCK_MONOTONIC and CLOCK_BOOTTIME. */
static int
probe_clocks(char **arg)
{
	struct timespec monotonic, boottime;

	(void)arg;
	clock_gettime(CLOCK_MONOTONIC, &monotonic);
	clock_gettime(CLOCK_BOOTTIME, &boottime);
	return printf("%ld %ld\n", (long)monotonic.tv_sec, (long)boottime.tv_sec) < 0;
}

/* shm KEY: is there such a System V segment? */
static int
probe_shm(char **arg)
{
	return tell(shmget((key_t)atoi(arg[0]), 0, 0));
}

static int
probe_mq(char **arg)
{
	return tell(mq_open(arg[0], O_RDONLY));
}

static int
probe_pty(char **arg)
{
	int master = posix_openpt(O_RDWR | O_NOCTTY), slave;
	char line[8] = "";

	(void)arg;
	if (master < 0 || unlockpt(master) < 0 || (slave = open(ptsname(master), O_RDWR | O_NOCTTY)) < 0)
		return tell(-1);
	if (write(slave, "hi\n", 3) != 3)
		return tell(-1);
	/* what was written may come in pieces */
	for (size_t got = 0; got < 3;) {
		ssize_t more = read(master, line + got, sizeof line - 1 - got);

		if (more <= 0)
			return tell(-1);
		got += (size_t)more;
	}
	return printf("%s %.2s\n", ptsname(master), line) < 0;
}

/* Pid, session, process group, and whether there is a controlling terminal. */
static int
probe_session(char **arg)
{
	(void)arg;
	printf("%s %s ", getsid(0) == getpid() ? "leader" : "no-leader", getpgrp() == getpid() ? "group" : "no-group");
	return tell(open("/dev/tty", O_RDWR));
}

static int
probe_fds(char **arg)
{
	struct pollfd all[4096];

	(void)arg;
	for (int i = 0; i < 4096; i++)
		all[i] = (struct pollfd){ .fd = i };
	for (int i = 0; i < 4096; i += 1024)
		poll(all + i, 1024, 0);
	for (int i = 0, first = 1; i < 4096; i++)
		if (!(all[i].revents & POLLNVAL)) {
			printf("%s%d", first ? "" : " ", i);
			first = 0;
		}
	puts("");
	return 0;
}

/* args ...: each in hexadecimal */
static int
probe_args(char **arg)
{
	for (; *arg; arg++) {
		for (const char *at = *arg; *at; at++)
			printf("%02x", (unsigned char)*at);
		puts("");
	}
	return 0;
}

/* length ARG */
static int
probe_length(char **arg)
{
	return printf("%zu\n", strlen(arg[0])) < 0;
}

/* stat PATH: type and device, or owner and mode */
static int
probe_stat(char **arg)
{
	struct stat st;

	if (lstat(arg[0], &st) < 0)
		return tell(-1);
	if (S_ISCHR(st.st_mode))
		return printf("c %u:%u\n", major(st.st_rdev), minor(st.st_rdev)) < 0;
	return printf("%u:%u %o\n", st.st_uid, st.st_gid, st.st_mode) < 0;
}

/* A read of eight bytes, and a write: "read 8, write 8". */
static int
probe_device(char **arg)
{
	char bytes[8] = "\1\1\1\1\1\1\1";
	int fd = open(arg[0], O_RDWR);
	long got;

	if (fd < 0)
		return tell(-1);
	got = read(fd, bytes, sizeof bytes);
	printf("%s read %ld%s, ", arg[0], got, got == 8 && !memcmp(bytes, "\0\0\0\0\0\0\0\0", 8) ? " zeros" : "");
	got = write(fd, bytes, sizeof bytes);
	return got < 0 ? tell(-1) : printf("write %ld\n", got) < 0;
}

/* fill DIR: files of one page until it is full; how many, and why no more */
static int
probe_fill(char **arg)
{
	static const char page[4096];
	char path[256];
	int n = 0;

	for (;; n++) {
		int fd;

		snprintf(path, sizeof path, "%s/%d", arg[0], n);
		fd = open(path, O_WRONLY | O_CREAT | O_EXCL, 0666);
		if (fd < 0 || write(fd, page, arg[1] ? sizeof page : 0) < 0 || n == 100000)
			break;
		close(fd);
	}
	printf("%d ", n);
	return tell(-1);
}

static void
caught(int signal)
{
	(void)signal;
}

static void *
personality_of_thread(void *nothing)
{
	(void)nothing;
	syscall(SYS_personality, 0xdead);
	return NULL;
}

/* personality HOW: personality(0xdead), which a test's policy kills for, with SIGSYS handled like this */
static int
probe_personality(char **arg)
{
	sigset_t sys;
	pthread_t thread;

	sigemptyset(&sys);
	sigaddset(&sys, SIGSYS);
	if (!strcmp(arg[0], "caught"))
		signal(SIGSYS, caught);
	else if (!strcmp(arg[0], "ignored"))
		signal(SIGSYS, SIG_IGN);
	else if (!strcmp(arg[0], "blocked"))
		sigprocmask(SIG_BLOCK, &sys, NULL);
	else if (!strcmp(arg[0], "thread"))
		return pthread_create(&thread, NULL, personality_of_thread, NULL) || pthread_join(thread, NULL) ||
		       printf("survived\n") < 0;
	puts("before");
	fflush(stdout);
	return printf("%s\n", syscall(SYS_personality, 0xdead) < 0 ? strerrorname_np(errno) : "ok") < 0;
}

/* numbers: the calls from 500 to 1023, which no kernel has; then say that it is done */
static int
probe_numbers(char **arg)
{
	(void)arg;
	for (int nr = 500; nr < 1024; nr++)
		syscall(nr, -1, -1, -1, -1, -1, -1);
	return puts("done") < 0;
}

/* traceme: have init as the tracer, stop, and exit with 7 */
static int
probe_traceme(char **arg)
{
	(void)arg;
	puts(ptrace(PTRACE_TRACEME, 0, NULL, NULL) < 0 ? strerrorname_np(errno) : "ok");
	fflush(stdout);
	raise(SIGSTOP);
	return 7;
}

/* foreign i386|x32: getpid by the other entries into the kernel */
static int
probe_foreign(char **arg)
{
	long result = -1;

#if defined(__x86_64__)
	if (!strcmp(arg[0], "i386"))
		__asm__ volatile("int $0x80" : "=a"(result) : "a"(20) : "memory", "r8", "r9", "r10", "r11");
	else
		result = syscall(0x40000000 | 39);
#endif
	(void)arg;
	return printf("%ld\n", result) < 0;
}

static int
probe_nice(char **arg)
{
	(void)arg;
	return printf("%d\n", getpriority(PRIO_PROCESS, 0)) < 0;
}

int
main(int argc, char **argv)
{
	static const struct {
		const char *name;
		int (*run)(char **arg);
		int n;
	} probes[] = {
		{ "abstract", probe_abstract, 1 }, { "args", probe_args, 0 },
		{ "clocks", probe_clocks, 0 },     { "create", probe_create, 1 },
		{ "device", probe_device, 1 },     { "fds", probe_fds, 0 },
		{ "fill", probe_fill, 1 },         { "foreign", probe_foreign, 1 },
		{ "keyring", probe_keyring, 0 },   { "length", probe_length, 1 },
		{ "loopback", probe_loopback, 0 }, { "mknod", probe_mknod, 3 },
		{ "mount", probe_mount, 1 },       { "mq", probe_mq, 1 },
		{ "nice", probe_nice, 0 },         { "numbers", probe_numbers, 0 },
		{ "open", probe_open, 2 },         { "personality", probe_personality, 1 },
		{ "pty", probe_pty, 0 },           { "securebits", probe_securebits, 0 },
		{ "session", probe_session, 0 },   { "setgroups", probe_setgroups, 0 },
		{ "setuid", probe_setuid, 1 },     { "shm", probe_shm, 1 },
		{ "stat", probe_stat, 1 },         { "tcp", probe_tcp, 1 },
		{ "traceme", probe_traceme, 0 },   { "unshare", probe_unshare, 1 },
		{ "write", probe_write, 2 },
	};

	for (size_t i = 0; argc > 1 && i < sizeof probes / sizeof *probes; i++)
		if (!strcmp(argv[1], probes[i].name) && argc - 2 >= probes[i].n)
			return probes[i].run(argv + 2);
	fprintf(stderr, "probe: what is \"%s\"?\n", argc > 1 ? argv[1] : "");
	return 2;
}
