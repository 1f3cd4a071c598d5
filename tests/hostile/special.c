/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* SPDX-FileCopyrightText: The libsbx developers */

/*
 * The payload of test-races and test-between: special WHAT [ARG...]. Each line that it prints is a name and "ok" or the
 * errno's name, so that silence is never a result. Static, to run in any root, and runs outside of boxes as the control.
 */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/keyctl.h>
#include <mqueue.h>
#include <sched.h>
#include <signal.h>
#include <stdatomic.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/msg.h>
#include <sys/ptrace.h>
#include <sys/resource.h>
#include <sys/sem.h>
#include <sys/shm.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/statfs.h>
#include <sys/syscall.h>
#include <sys/sysmacros.h>
#include <sys/un.h>
#include <unistd.h>

#include "../../lib/init/wire.h"

static void
tell(const char *name, long result)
{
	printf("%s %s\n", name, result < 0 ? strerrorname_np(errno) : "ok");
}

static int
stay(void)
{
	int result = 0;

	while (result <= 0)
		result = pause();
	return result;
}

/* fds: those that are open */
static int
run_fds(char **arg)
{
	(void)arg;
	for (int fd = 0, first = 1; fd < 8192; fd++)
		if (fcntl(fd, F_GETFD) >= 0) {
			printf("%s%d", first ? "" : " ", fd);
			first = 0;
		}
	puts("");
	return 0;
}

/* --- what a race must not change --- */

/*
 * Who owns the root directory can give a mount point another name at any time, and the mount goes with it. So each is
 * looked for under all of its names, and what is found under one is used as a handle.
 */
#define TRIES 20000

static const char *const endings[] = { "", ".link", ".dir" };

static int
is_device(int dir, const char *name, unsigned minor_number)
{
	struct stat st;

	return fstatat(dir, name, &st, AT_SYMLINK_NOFOLLOW) == 0 && S_ISCHR(st.st_mode) &&
	       st.st_rdev == makedev(1, minor_number);
}

/* The directory where a file system of this kind is mounted, or -1. */
static int
find_mount(const char *path, long magic)
{
	for (int i = 0; i < TRIES; i++) {
		char name[64];
		struct statfs fs;
		int fd;

		snprintf(name, sizeof name, "%s%s", path, endings[i % 3]);
		fd = open(name, O_PATH | O_DIRECTORY | O_NOFOLLOW);
		if (fd >= 0 && fstatfs(fd, &fs) == 0 && fs.f_type == magic)
			return fd;
		close(fd);
	}
	return -1;
}

/* What the kernel has of these is hidden behind the null device. */
static const char *
unmasked(int proc)
{
	static const char *const masked[] = { "kcore", "keys", "timer_list", "sched_debug" };

	for (size_t i = 0; i < sizeof masked / sizeof *masked; i++)
		if (faccessat(proc, masked[i], F_OK, 0) == 0 && !is_device(proc, masked[i], 3))
			return masked[i];
	return NULL;
}

/* Is the file of this text at /DIR, or at DIR/NAME? */
static int
is_mounted(const char *dir, const char *name)
{
	for (int i = 0; i < TRIES; i++) {
		char path[64], text[16] = "";
		int fd;

		snprintf(path, sizeof path, "%s%s%s", dir, endings[i % 3], name);
		fd = open(path, O_RDONLY | O_NOFOLLOW);
		if (fd >= 0 && read(fd, text, sizeof text - 1) > 0 && !strcmp(text, "mounted"))
			return 1;
		close(fd);
	}
	return 0;
}

/* box DIR NAME: is this a whole box, with the mounted file where it belongs? "good", or what is not. */
static int
run_box(char **arg)
{
	int dev = find_mount("/dev", 0x01021994 /* tmpfs */), proc = find_mount("/proc", 0x9fa0);

	if (dev < 0 || proc < 0)
		return printf("%s is not mounted\n", dev < 0 ? "/dev" : "/proc") < 0;
	if (!is_device(dev, "null", 3) || !is_device(dev, "zero", 5))
		return puts("/dev/null or /dev/zero is something else") < 0;
	if (unmasked(proc))
		return printf("/proc/%s is not hidden\n", unmasked(proc)) < 0;
	if (!is_mounted(arg[0], arg[1]))
		return printf("%s%s is not what was mounted\n", arg[0], arg[1]) < 0;
	return puts("good") < 0;
}

/* touch PATH...: write to each, and make one beside it */
static int
run_touch(char **arg)
{
	for (; *arg; arg++) {
		char beside[4096];
		int fd;

		snprintf(beside, sizeof beside, "%s.new", *arg);
		fd = open(*arg, O_WRONLY);
		tell("write", fd < 0 ? fd : write(fd, "x", 1));
		tell("create", open(beside, O_WRONLY | O_CREAT, 0666));
	}
	return 0;
}

/* --- the launcher's own file --- */

/* exe: open every /proc/PID/exe to write, and run that of init */
static int
run_exe(char **arg)
{
	char *argv[] = { "special", NULL };
	struct dirent *entry;
	DIR *proc = opendir("/proc");

	(void)arg;
	while (proc && (entry = readdir(proc))) {
		char path[300];

		snprintf(path, sizeof path, "/proc/%s/exe", entry->d_name);
		if (entry->d_name[0] < '0' || entry->d_name[0] > '9')
			continue;
		tell(!strcmp(entry->d_name, "1") ? "write-init" : "write-other", open(path, O_WRONLY));
	}
	tell("read-init", open("/proc/1/exe", O_RDONLY));
	tell("map-init", open("/proc/1/map_files", O_RDONLY));
	fflush(stdout);
	tell("run-init", execv("/proc/1/exe", argv));
	return 0;
}

/* exec PATH: only for the control of a script that is run by /proc/self/exe */
static int
run_exec(char **arg)
{
	char *argv[] = { arg[0], NULL };

	execv(arg[0], argv);
	tell("exec", -1);
	return 1;
}

/* --- between boxes --- */

static struct sockaddr_un address;

static socklen_t
abstract_name(const char *name)
{
	address = (struct sockaddr_un){ .sun_family = AF_UNIX };
	strncpy(address.sun_path + 1, name, sizeof address.sun_path - 2);
	return (socklen_t)(offsetof(struct sockaddr_un, sun_path) + 1 + strlen(name));
}

/* connect NAME: of an abstract socket */
static int
run_connect(char **arg)
{
	socklen_t length = abstract_name(arg[0]);

	tell("abstract", connect(socket(AF_UNIX, SOCK_STREAM, 0), (struct sockaddr *)&address, length));
	return 0;
}

static void
listen_abstract(const char *name)
{
	socklen_t length = abstract_name(name);
	int fd = socket(AF_UNIX, SOCK_STREAM, 0);
	long result = bind(fd, (struct sockaddr *)&address, length) < 0 ? -1 : listen(fd, 8);

	/* a child holds it, which does not hold our output */
	if (result == 0 && fork() == 0) {
		close(0);
		close(1);
		close(2);
		for (;;)
			pause();
	}
	tell("abstract", result);
}

static void
tell_key(const char *line, const char *name, long ring, int make)
{
	tell(line, make ? syscall(SYS_add_key, "user", name, "x", 1, ring)
	                : syscall(SYS_keyctl, KEYCTL_SEARCH, ring, "user", name, 0));
}

static void
tell_things(const char *name, int make)
{
	int flags = make ? IPC_CREAT | 0666 : 0, open_flags = make ? O_CREAT | O_RDWR : O_RDONLY;
	key_t key = atoi(name);
	char path[3][64];

	snprintf(path[0], sizeof path[0], "/sbx%s", name);
	snprintf(path[1], sizeof path[1], "/tmp/sbx%s", name);
	snprintf(path[2], sizeof path[2], "/dev/shm/sbx%s", name);
	umask(0);
	tell("shm", shmget(key, make ? 4096 : 0, flags));
	tell("sem", semget(key, make, flags));
	tell("msg", msgget(key, flags));
	tell("mq", mq_open(path[0], open_flags, 0666, NULL));
	tell("tmp", open(path[1], open_flags, 0666));
	tell("dev-shm", open(path[2], open_flags, 0666));
	tell_key("key-session", path[0] + 1, KEY_SPEC_SESSION_KEYRING, make);
	tell_key("key-user", path[0] + 1, KEY_SPEC_USER_KEYRING, make);
	if (make)
		listen_abstract(path[0] + 1);
	else
		run_connect((char *[]){ path[0] + 1, NULL });
}

/* leave N: one of everything that processes can find each other by; look N: is it there? */
static int
run_leave(char **arg)
{
	tell_things(arg[0], 1);
	return 0;
}

static int
run_look(char **arg)
{
	tell_things(arg[0], 0);
	return 0;
}

/* hold N: leave, and stay */
static int
run_hold(char **arg)
{
	tell_things(arg[0], 1);
	puts("up");
	fflush(stdout);
	return stay();
}

/* clean N: what of it outlives its maker */
static int
run_clean(char **arg)
{
	key_t key = atoi(arg[0]);
	char name[64];

	snprintf(name, sizeof name, "/sbx%s", arg[0]);
	tell("shm", shmctl(shmget(key, 0, 0), IPC_RMID, NULL));
	tell("sem", semctl(semget(key, 0, 0), 0, IPC_RMID));
	tell("msg", msgctl(msgget(key, 0), IPC_RMID, NULL));
	tell("mq", mq_unlink(name));
	return 0;
}

/* --- privileges --- */

/* ids: effective user, and the capabilities that count */
static int
run_ids(char **arg)
{
	FILE *status = fopen("/proc/self/status", "r");
	unsigned long long effective = 1, permitted = 1;
	char line[256];

	(void)arg;
	while (status && fgets(line, sizeof line, status)) {
		sscanf(line, "CapEff: %llx", &effective);
		sscanf(line, "CapPrm: %llx", &permitted);
	}
	return printf("%u %llx %llx\n", geteuid(), effective, permitted) < 0;
}

/* open PATH...: each to read */
static int
run_open(char **arg)
{
	for (; *arg; arg++)
		tell(*arg, open(*arg, O_RDONLY | O_NONBLOCK));
	return 0;
}

static void
tell_write(const char *path, const char *text)
{
	int fd = open(path, O_WRONLY);

	tell(path, fd < 0 ? fd : write(fd, text, strlen(text)));
}

/* maps: a second map of ids for us, and for init */
static int
run_maps(char **arg)
{
	char line[64];

	(void)arg;
	for (int i = 0; i < 2; i++) {
		const char *who = i ? "/proc/1/" : "/proc/self/";
		char path[64];

		snprintf(path, sizeof path, "%ssetgroups", who);
		tell_write(path, "allow");
		snprintf(path, sizeof path, "%suid_map", who);
		snprintf(line, sizeof line, "0 %u 1", geteuid());
		tell_write(path, line);
		snprintf(path, sizeof path, "%sgid_map", who);
		snprintf(line, sizeof line, "0 %u 1", getegid());
		tell_write(path, line);
	}
	return 0;
}

/* new-user: a new user namespace takes its first map */
static int
run_new_user(char **arg)
{
	char line[64];

	(void)arg;
	snprintf(line, sizeof line, "0 %u 1", geteuid());
	tell("unshare", unshare(CLONE_NEWUSER));
	tell_write("/proc/self/uid_map", line);
	tell_write("/proc/self/uid_map", line);
	return 0;
}

/* mount-cgroup DIR: the version 1 hierarchy of cpu, as it is or a first one */
static int
run_mount_cgroup(char **arg)
{
	tell("mount", mount("cgroup", arg[0], "cgroup", MS_RDONLY, "cpu"));
	return 0;
}

/* --- core dumps --- */

/* core LOG: the handler of core_pattern; what it was given stands in the log */
static int
run_core(char **arg)
{
	static char page[65536];
	long got, total = 0;
	FILE *log = fopen(arg[0], "a");

	while ((got = read(0, page, sizeof page)) > 0)
		total += got;
	if (log)
		fprintf(log, "ran %ld\n", total);
	return log ? fclose(log) : 1;
}

static int
run_abort(char **arg)
{
	(void)arg;
	puts("aborting");
	fflush(stdout);
	abort();
}

/* --- not to be ended --- */

static void
ignore_signals(void)
{
	for (int i = 1; i < 65; i++)
		signal(i, SIG_IGN);
}

static void
daemons(int n)
{
	for (int i = 0; i < n; i++)
		if (fork() == 0) {
			setsid();
			if (fork())
				_exit(0);
			close(0);
			close(1);
			close(2);
			for (;;)
				pause();
		}
}

/* stubborn MARK LIMIT...: daemons that ignore everything, an init that is held down by these limits, and everything stopped */
static int
run_stubborn(char **arg)
{
	static const struct {
		const char *name;
		int resource;
		struct rlimit limit;
	} limits[] = {
		{ "as", RLIMIT_AS, { 0, 0 } },        { "cpu", RLIMIT_CPU, { 0, 1 } },
		{ "files", RLIMIT_NOFILE, { 0, 0 } }, { "fsize", RLIMIT_FSIZE, { 0, 0 } },
		{ "nproc", RLIMIT_NPROC, { 0, 0 } },  { "signals", RLIMIT_SIGPENDING, { 0, 0 } },
		{ "stack", RLIMIT_STACK, { 0, 0 } },
	};
	struct sched_param param = { 0 };

	ignore_signals();
	daemons(8);
	usleep(50000);
	for (arg++; *arg; arg++)
		for (size_t i = 0; i < sizeof limits / sizeof *limits; i++)
			if (!strcmp(*arg, limits[i].name))
				tell(*arg, prlimit(1, (enum __rlimit_resource)limits[i].resource, &limits[i].limit, NULL));
	tell("nice", setpriority(PRIO_PROCESS, 1, 19));
	tell("idle", sched_setscheduler(1, SCHED_IDLE, &param));
	tell("stop-init", kill(1, SIGSTOP));
	tell("kill-init", kill(1, SIGKILL));
	tell("stop-all", kill(-1, SIGSTOP));
	puts("up");
	fflush(stdout);
	raise(SIGSTOP);
	return stay();
}

/* bomb MARK N [stay]: N processes that wait, made by one another */
static int
run_bomb(char **arg)
{
	atomic_int *counts = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	atomic_int *forks = counts, *waiting = counts + 1;
	int n = atoi(arg[1]);
	pid_t first = getpid();

	ignore_signals();
	while (atomic_fetch_add(forks, 1) < n - 1)
		if (fork() < 0)
			break;
	atomic_fetch_add(waiting, 1);
	for (int i = 0; getpid() == first && i < 3000 && atomic_load(waiting) < n; i++)
		usleep(10000);
	if (getpid() == first) {
		printf("up %d\n", atomic_load(waiting));
		fflush(stdout);
	}
	while (getpid() != first || arg[2])
		pause();
	return 0;
}

/* runaway MARK: eight processes, none of which lives longer than it takes to fork the next */
static int
run_runaway(char **arg)
{
	(void)arg;
	ignore_signals();
	puts("up");
	fflush(stdout);
	for (int i = 0; i < 8; i++)
		if (fork() == 0)
			for (;;)
				if (fork() > 0)
					_exit(0);
	for (;;)
		pause();
}

/* --- forged reports --- */

static void
forge_on(int fd)
{
	struct wire_record record = { .type = WIRE_EXITED, .id = 1, .value = 0 };

	fcntl(fd, F_SETFL, O_NONBLOCK);
	for (record.id = 0; record.id < 4; record.id++) {
		if (write(fd, &record, sizeof record) < 0 || send(fd, &record, sizeof record, MSG_DONTWAIT) < 0)
			continue;
	}
	if (write(fd, &record, 5) < 0)
		return;
}

/* forge STATUS: say on every handle that can be had that we have ended well; then end with STATUS */
static int
run_forge(char **arg)
{
	int init = (int)syscall(SYS_pidfd_open, 1, 0), got = 0;

	for (int fd = 0; fd < 1024; fd++)
		if (fcntl(fd, F_GETFD) >= 0 && fd != init)
			forge_on(fd);
	puts("");
	tell("list", open("/proc/1/fd", O_RDONLY | O_DIRECTORY));
	for (int fd = 0; fd < 64; fd++) {
		char path[64];
		int opened, stolen = (int)syscall(SYS_pidfd_getfd, init, fd, 0);

		snprintf(path, sizeof path, "/proc/1/fd/%d", fd);
		opened = open(path, O_RDWR);
		got += (opened >= 0) + (stolen >= 0);
		forge_on(opened);
		forge_on(stolen);
	}
	tell("steal", syscall(SYS_pidfd_getfd, init, 0, 0));
	tell("seize", ptrace(PTRACE_SEIZE, 1, NULL, NULL));
	printf("got %d\n", got);
	fflush(stdout);
	if (arg[0][0] == '-')
		raise(atoi(arg[0] + 1));
	return atoi(arg[0]);
}

/* steal: the control of forge's: an fd of a child that is ours */
static int
run_steal(char **arg)
{
	pid_t child = fork();

	(void)arg;
	if (child == 0)
		for (;;)
			pause();
	tell("steal", syscall(SYS_pidfd_getfd, syscall(SYS_pidfd_open, child, 0), 0, 0));
	kill(child, SIGKILL);
	return 0;
}

/* --- what is left for the host to step on --- */

/* artefacts DIR CANARY */
static int
run_artefacts(char **arg)
{
	if (chdir(arg[0]) < 0) {
		tell("chdir", -1);
		return 1;
	}
	tell("link", symlink(arg[1], "out"));
	tell("link-shadow", symlink("/etc/shadow", "report.json"));
	tell("fifo", mkfifo("fifo", 0666));
	tell("socket", mknod("socket", S_IFSOCK | 0666, 0));
	tell("loop", symlink("loop", "loop"));
	tell("sparse", ftruncate(open("sparse", O_CREAT | O_WRONLY, 0666), 1ll << 40));
	for (int i = 0; i < 200 && mkdir("deep", 0777) == 0 && chdir("deep") == 0; i++)
		;
	return 0;
}

int
main(int argc, char **argv)
{
	static const struct {
		const char *name;
		int (*run)(char **arg);
		int n;
	} things[] = {
		{ "abort", run_abort, 0 },
		{ "artefacts", run_artefacts, 2 },
		{ "bomb", run_bomb, 2 },
		{ "box", run_box, 2 },
		{ "clean", run_clean, 1 },
		{ "connect", run_connect, 1 },
		{ "core", run_core, 1 },
		{ "exe", run_exe, 0 },
		{ "exec", run_exec, 1 },
		{ "fds", run_fds, 0 },
		{ "forge", run_forge, 1 },
		{ "hold", run_hold, 1 },
		{ "ids", run_ids, 0 },
		{ "leave", run_leave, 1 },
		{ "look", run_look, 1 },
		{ "maps", run_maps, 0 },
		{ "mount-cgroup", run_mount_cgroup, 1 },
		{ "new-user", run_new_user, 0 },
		{ "open", run_open, 0 },
		{ "runaway", run_runaway, 1 },
		{ "steal", run_steal, 0 },
		{ "stubborn", run_stubborn, 1 },
		{ "touch", run_touch, 0 },
	};

	for (size_t i = 0; argc > 1 && i < sizeof things / sizeof *things; i++)
		if (!strcmp(argv[1], things[i].name) && argc - 2 >= things[i].n)
			return things[i].run(argv + 2);
	printf("special: what is \"%s\"?\n", argc > 1 ? argv[1] : "");
	return 2;
}
