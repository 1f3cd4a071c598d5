/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* SPDX-FileCopyrightText: The libsbx developers */

/* Runs the probes of the hostile payload, one child each, and the ways to run one otherwise: in a thread, after exec. */
#include "probe.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <pthread.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#define SECONDS 2

static struct {
	volatile int reached, said;
	char text[4000];
} * shared;
static char **settings;

void
reached(void)
{
	shared->reached = 1;
}

void
say(const char *format, ...)
{
	va_list args;

	if (shared->said)
		return;
	va_start(args, format);
	vsnprintf(shared->text, sizeof shared->text, format, args);
	va_end(args);
	shared->said = 1;
}

bool
said(void)
{
	return shared->said;
}

void
tell(long result)
{
	const char *name = result < 0 ? strerrorname_np(errno) : "ok";

	say("%s", name ? name : "an errno without a name");
}

const char *
setting(const char *key)
{
	size_t length = strlen(key);

	for (char **each = settings; *each; each++)
		if (!strncmp(*each, key, length) && (*each)[length] == '=')
			return *each + length + 1;
	return "";
}

ssize_t
slurp(const char *path, char *buffer, size_t size)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	size_t length = 0;
	ssize_t got = fd < 0 ? -1 : 0;

	while (fd >= 0 && length < size - 1 && (got = read(fd, buffer + length, size - 1 - length)) > 0)
		length += (size_t)got;
	if (fd >= 0)
		close(fd);
	buffer[length] = 0;
	return got < 0 ? -1 : (ssize_t)length;
}

pid_t
new_peer(void)
{
	pid_t pid = fork();

	if (pid == 0) {
		prctl(PR_SET_PDEATHSIG, SIGKILL);
		alarm(10 * SECONDS);
		for (;;)
			pause();
	}
	return pid;
}

/* --- the same probe, run otherwise --- */

static void *
in_thread(void *name)
{
	probe_run(name);
	return NULL;
}

/* thread:NAME */
static void
probe_thread(const char *name)
{
	pthread_t thread;
	int error = pthread_create(&thread, NULL, in_thread, (void *)name);

	if (error)
		say("no thread: %s", strerrorname_np(error));
	else
		pthread_join(thread, NULL);
}

/* exec:NAME, in a program that was executed anew */
static void
probe_exec(const char *name)
{
	char line[512] = "", *result;
	int pipe_fds[2];
	size_t length = 0;
	ssize_t got;

	if (pipe2(pipe_fds, O_CLOEXEC) < 0 || fork() == 0) {
		dup2(pipe_fds[1], 1);
		execl("/proc/self/exe", "probe", name, NULL);
		_exit(126);
	}
	close(pipe_fds[1]);
	while (length < sizeof line - 1 && (got = read(pipe_fds[0], line + length, sizeof line - 1 - length)) > 0)
		length += (size_t)got;
	line[strcspn(line, "\n")] = 0;
	if ((result = strstr(line, " reached "))) {
		reached();
		say("%s", result + strlen(" reached "));
	} else {
		say("not executed: %s", line);
	}
}

/* stacked:NAME, behind one more filter that allows everything */
static void
probe_stacked(const char *name)
{
	struct sock_filter allow = BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW);
	struct sock_fprog program = { 1, &allow };

	if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0 || syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, 0, &program) < 0)
		say("no second filter: %s", strerrorname_np(errno));
	else
		probe_run(name);
}

static const struct probe probes_here[] = {
	{ "exec", probe_exec },
	{ "stacked", probe_stacked },
	{ "thread", probe_thread },
	{ NULL, NULL },
};

void
probe_run(const char *name)
{
	static const struct probe *const tables[] = { probes_here, probes_call, probes_file,
		                                          probes_init, probes_net,  probes_self };
	size_t length = strcspn(name, ":");

	for (size_t i = 0; i < sizeof tables / sizeof *tables; i++)
		for (const struct probe *probe = tables[i]; probe->verb; probe++)
			if (strlen(probe->verb) == length && !strncmp(probe->verb, name, length)) {
				probe->run(name + length + (name[length] == ':'));
				return;
			}
	say("no such probe");
}

static void
run_one(const char *name)
{
	int status = 0;
	pid_t pid;

	shared->reached = shared->said = 0;
	fflush(NULL);
	pid = fork();
	if (pid == 0) {
		/* of no terminal, and nobody else's group is hit by a signal */
		setsid();
		alarm(SECONDS);
		probe_run(name);
		_exit(0);
	}
	if (pid < 0)
		say("no child: %s", strerrorname_np(errno));
	else
		while (waitpid(pid, &status, 0) < 0 && errno == EINTR)
			;
	if (pid > 0 && WIFSIGNALED(status)) {
		shared->said = 0;
		say("signal SIG%s", sigabbrev_np(WTERMSIG(status)));
	}
	if (!shared->said)
		say("said nothing, status %d", WEXITSTATUS(status));
	for (char *at = shared->text; *at; at++)
		if (*at == '\n')
			*at = ' ';
	printf("%s %s %s\n", name, shared->reached ? "reached" : "unreached", shared->text);
}

int
main(int argc, char **argv)
{
	(void)argc;
	settings = argv + 1;
	shared = mmap(NULL, sizeof *shared, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	if (shared == MAP_FAILED)
		return 3;
	for (char **name = argv + 1; *name; name++) {
		size_t verb = strcspn(*name, ":=");

		if ((*name)[verb] != '=')
			run_one(*name);
	}
	puts("end");
	return 0;
}
