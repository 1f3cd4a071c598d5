/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* SPDX-FileCopyrightText: The libsbx developers */

/*
 * What a payload tries on init: init:WHAT. peer:WHAT does the same to a child of the payload's own, and is the control: a
 * process may do that to its like. self:WHAT is the payload itself.
 */
#include "probe.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/kcmp.h>
#include <linux/perf_event.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ptrace.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

/* --- what /proc shows of it --- */

/* "r FILE" open and read eight bytes, "w FILE" open for writing, "l LINK", "d DIRECTORY" */
static void
look(pid_t pid, char how, const char *file)
{
	char path[128], text[256];
	int fd;
	DIR *dir;

	snprintf(path, sizeof path, "/proc/%d/%s", (int)pid, file);
	reached();
	switch (how) {
	case 'l':
		tell(readlink(path, text, sizeof text));
		break;
	case 'd':
		tell((dir = opendir(path)) && readdir(dir) ? 0 : -1);
		break;
	case 'w':
		tell(open(path, O_WRONLY | O_CLOEXEC));
		break;
	default:
		fd = open(path, O_RDONLY | O_CLOEXEC);
		tell(fd < 0 ? -1 : read(fd, text, 8));
	}
}

/* mem of a process that may be read opens for reading and writing; what is at address 0 does not matter */
static void
open_mem(pid_t pid)
{
	char path[64];

	snprintf(path, sizeof path, "/proc/%d/mem", (int)pid);
	reached();
	tell(open(path, O_RDWR | O_CLOEXEC));
}

/* --- signals --- */

#define LITTLE        \
	(struct timespec) \
	{                 \
		0, 10000000   \
	}

static char
state_of(pid_t pid)
{
	char path[64], text[512], *end;

	snprintf(path, sizeof path, "/proc/%d/stat", (int)pid);
	if (slurp(path, text, sizeof text) <= 0 || !(end = strrchr(text, ')')))
		return '-';
	return end[2];
}

/* What became of it; our own children are waited for, since what is sent to them works. */
static void
say_effect(pid_t pid)
{
	char state = 0;

	for (int i = 0; i < (pid == 1 ? 3 : 150) && !strchr("TZ-", state = state_of(pid)); i++)
		nanosleep(&LITTLE, NULL);
	say("%s", state == 'T' ? "stopped" : state == 'Z' || state == '-' ? "dead" : "no effect");
}

static void
send_signal(pid_t pid, int sig)
{
	reached();
	if (kill(pid, sig) < 0)
		tell(-1);
	say_effect(pid);
}

static void
queue_signal(pid_t pid)
{
	siginfo_t info = { .si_signo = SIGTERM, .si_code = SI_QUEUE };

	reached();
	tell(syscall(SYS_rt_sigqueueinfo, pid, SIGTERM, &info));
}

static void
pidfd_signal(pid_t pid)
{
	int fd = (int)syscall(SYS_pidfd_open, pid, 0);

	reached();
	if (fd < 0 || syscall(SYS_pidfd_send_signal, fd, SIGKILL, NULL, 0) < 0)
		tell(-1);
	say_effect(pid);
}

/* --- calls --- */

static void
limit(pid_t pid, int resource, bool set)
{
	struct rlimit now;

	reached();
	if (prlimit(pid, resource, NULL, &now) < 0 || !set)
		tell(prlimit(pid, resource, NULL, &now));
	else
		tell(prlimit(pid, resource, &now, NULL));
}

static void
schedule(pid_t pid, const char *what)
{
	struct sched_param param = { 0 };
	cpu_set_t cpus;

	sched_getaffinity(pid, sizeof cpus, &cpus);
	reached();
	if (!strcmp(what, "affinity"))
		tell(sched_setaffinity(pid, sizeof cpus, &cpus));
	else if (!strcmp(what, "nice"))
		tell(setpriority(PRIO_PROCESS, (id_t)pid, getpriority(PRIO_PROCESS, (id_t)pid)));
	else if (!strcmp(what, "scheduler"))
		tell(sched_setscheduler(pid, SCHED_OTHER, &param));
	else
		tell(syscall(SYS_ioprio_set, 1, pid, syscall(SYS_ioprio_get, 1, pid)));
}

static void
memory(pid_t pid, bool write)
{
	/* the same program at the same place would have it there; in init the address means nothing, and is not looked at */
	static char from[8], to[8];
	struct iovec local = { from, sizeof from }, remote = { to, sizeof to };

	reached();
	tell(write ? process_vm_writev(pid, &local, 1, &remote, 1, 0) : process_vm_readv(pid, &local, 1, &remote, 1, 0));
}

static void
attach(pid_t pid, bool seize)
{
	long result;
	int status;

	reached();
	result = ptrace(seize ? PTRACE_SEIZE : PTRACE_ATTACH, pid, NULL, NULL);
	tell(result);
	if (result == 0) {
		if (!seize)
			waitpid(pid, &status, __WALL);
		ptrace(PTRACE_DETACH, pid, NULL, NULL);
	}
}

static void
take_fd(pid_t pid)
{
	int fd = (int)syscall(SYS_pidfd_open, pid, 0);

	reached();
	tell(fd < 0 ? -1 : syscall(SYS_pidfd_getfd, fd, 0, 0));
}

static void
count(pid_t pid)
{
	struct perf_event_attr attr = { .type = PERF_TYPE_SOFTWARE, .size = sizeof attr, .exclude_kernel = 1 };

	reached();
	tell(syscall(SYS_perf_event_open, &attr, pid, -1, -1, 0));
}

static void
robust_list(pid_t pid)
{
	void *head;
	size_t size;

	reached();
	tell(syscall(SYS_get_robust_list, pid, &head, &size));
}

static void
clock_of(pid_t pid)
{
	clockid_t clock;

	reached();
	errno = clock_getcpuclockid(pid, &clock);
	tell(errno ? -1 : 0);
}

static void
attack(pid_t pid, const char *what)
{
	if (what[1] == '.')
		look(pid, what[0], what + 2);
	else if (!strcmp(what, "mem"))
		open_mem(pid);
	else if (!strncmp(what, "kill-", 5))
		send_signal(pid, atoi(what + 5));
	else if (!strcmp(what, "sigqueue"))
		queue_signal(pid);
	else if (!strcmp(what, "pidfd-kill"))
		pidfd_signal(pid);
	else if (!strncmp(what, "limit-get-", 10))
		limit(pid, atoi(what + 10), false);
	else if (!strncmp(what, "limit-set-", 10))
		limit(pid, atoi(what + 10), true);
	else if (!strncmp(what, "sched-", 6))
		schedule(pid, what + 6);
	else if (!strncmp(what, "vm-", 3))
		memory(pid, what[3] == 'w');
	else if (!strncmp(what, "ptrace-", 7))
		attach(pid, what[7] == 's');
	else if (!strcmp(what, "pidfd-getfd"))
		take_fd(pid);
	else if (!strcmp(what, "perf"))
		count(pid);
	else if (!strcmp(what, "robust-list"))
		robust_list(pid);
	else if (!strcmp(what, "clock"))
		clock_of(pid);
	else if (!strcmp(what, "kcmp")) {
		reached();
		tell(syscall(SYS_kcmp, pid, getpid(), KCMP_FILES, 0, 0));
	} else if (!strcmp(what, "move-pages")) {
		reached();
		tell(syscall(SYS_move_pages, pid, 0, NULL, NULL, NULL, 0));
	} else if (!strcmp(what, "setpgid")) {
		reached();
		tell(setpgid(pid, 0));
	}
}

static void
probe_init(const char *what)
{
	attack(1, what);
}

static void
probe_peer(const char *what)
{
	pid_t pid = new_peer();

	attack(pid, what);
	kill(pid, SIGKILL);
}

static void
probe_self(const char *what)
{
	attack(getpid(), what);
}

/* init-limits:, none of anything left for init; "N of M taken" */
static void
probe_init_limits(const char *arg)
{
	static const int resources[] = { RLIMIT_NOFILE, RLIMIT_FSIZE,   RLIMIT_NPROC,      RLIMIT_AS,      RLIMIT_DATA,
		                             RLIMIT_STACK,  RLIMIT_MEMLOCK, RLIMIT_SIGPENDING, RLIMIT_MSGQUEUE };
	static const struct rlimit nothing;
	int n = 0;

	(void)arg;
	reached();
	for (size_t i = 0; i < sizeof resources / sizeof *resources; i++)
		n += prlimit(1, resources[i], &nothing, NULL) == 0;
	say("%d of %zu taken", n, sizeof resources / sizeof *resources);
}

/* init-cpu:, no time left for init, and something for it to do: it reaps */
static void
probe_init_cpu(const char *arg)
{
	static const struct rlimit nothing;

	(void)arg;
	reached();
	if (prlimit(1, RLIMIT_CPU, &nothing, NULL) < 0) {
		tell(-1);
		return;
	}
	for (int i = 0; i < 20; i++) {
		if (fork() == 0 && fork() >= 0)
			_exit(0);
		nanosleep(&LITTLE, NULL);
	}
	say("init lives");
}

/* each-exe:, the program of every process that can be seen, opened for writing: the first that it works with, or "none" */
static void
probe_each_exe(const char *arg)
{
	struct dirent *entry;
	DIR *dir = opendir("/proc");
	int seen = 0;

	(void)arg;
	reached();
	while (dir && (entry = readdir(dir))) {
		char path[300];

		snprintf(path, sizeof path, "/proc/%s/exe", entry->d_name);
		if (entry->d_name[0] < '0' || entry->d_name[0] > '9')
			continue;
		seen++;
		if (open(path, O_WRONLY | O_CLOEXEC) >= 0)
			say("opened %s", path);
	}
	say(seen >= 2 ? "none" : "no process is seen");
}

const struct probe probes_init[] = {
	{ "each-exe", probe_each_exe },
	{ "init", probe_init },
	{ "init-cpu", probe_init_cpu },
	{ "init-limits", probe_init_limits },
	{ "peer", probe_peer },
	{ "self", probe_self },
	{ NULL, NULL },
};
