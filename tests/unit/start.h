/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* SPDX-FileCopyrightText: The libsbx developers */

/* The init program itself, started by a test with a plan of the test's own. */
#pragma once

#include "init/wire.h"

#include <errno.h>
#include <fcntl.h>
#include <glib.h>
#include <poll.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "fd.h"

/* Room for every plan of these tests: the header, then this many steps. */
#define N_STEPS 4

struct plan_bytes {
	struct wire_plan header;
	struct wire_step steps[N_STEPS];
};

struct init {
	pid_t pid;
	int socket;
};

static const struct wire_step nothing = { .nr = SYS_getpid, .out = WIRE_NO_SLOT };

/* Steps that do nothing; every test changes what it is about. */
static inline struct plan_bytes
good_plan(uint32_t n_steps)
{
	struct plan_bytes plan = { .header = { .magic = WIRE_MAGIC,
		                                   .steps = sizeof plan.header,
		                                   .n_steps = n_steps,
		                                   .wait_at = WIRE_NEVER,
		                                   .kill_fd = WIRE_NEVER } };

	plan.header.size = (uint32_t)(sizeof plan.header + n_steps * sizeof *plan.steps);
	for (int i = 0; i < N_STEPS; i++)
		plan.steps[i] = nothing;
	return plan;
}

static inline int
plan_file(const void *bytes, size_t size)
{
	int fd = memfd_create("plan", MFD_CLOEXEC);

	g_assert_cmpint(fd, >=, 0);
	g_assert_cmpint(write(fd, bytes, size), ==, (gssize)size);
	return fd;
}

static inline const char *
init_path(void)
{
	static char *path;
	const char *build = g_getenv("SBX_BUILDDIR");

	if (!path)
		path = g_build_filename(build ? build : ".", "lib/init/sbx-init", NULL);
	return path;
}

/* Start init with this plan on fd 1, as launch.c does but without a namespace. */
static inline void
init_start(struct init *init, int plan)
{
	int pair[2], owner = (int)syscall(SYS_pidfd_open, getpid(), 0);
	const char *path = init_path();

	g_assert_cmpint(owner, >=, 0);
	g_assert_cmpint(socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair), ==, 0);
	init->pid = fork();
	if (init->pid == 0) {
		int socket = fcntl(pair[1], F_DUPFD_CLOEXEC, 10), bytes = fcntl(plan, F_DUPFD_CLOEXEC, 10),
			own = fcntl(owner, F_DUPFD_CLOEXEC, 10);

		if (dup2(socket, 0) == 0 && dup2(bytes, 1) == 1 && dup2(own, 2) == 2)
			execl(path, "sbx-init", NULL);
		_exit(126);
	}
	g_assert_cmpint(init->pid, >, 0);
	close(pair[1]);
	close(owner);
	init->socket = pair[0];
}

/* The next record; its type is 0 when init has ended without one. */
static inline struct wire_record
init_says(const struct init *init)
{
	struct pollfd watch = { init->socket, POLLIN, 0 };
	struct wire_record record = { 0 };

	g_assert_cmpint(poll(&watch, 1, 20000), ==, 1);
	if (recv(init->socket, &record, sizeof record, 0) != (ssize_t)sizeof record)
		return (struct wire_record){ 0 };
	return record;
}

/* Hang up, and see it end by itself: with a status, never by a signal. */
static inline void
init_end(struct init *init)
{
	int status = 0;

	close(init->socket);
	g_assert_cmpint(waitpid(init->pid, &status, 0), ==, init->pid);
	if (!WIFEXITED(status))
		g_error("init was ended by signal %d", WTERMSIG(status));
}

static inline void
expect(const struct wire_record *record, uint32_t type, uint32_t phase, uint32_t step, int value)
{
	g_test_message("record %u, phase %u, step %u, value %d (%s)", record->type, record->phase, record->step,
	               record->value, g_strerror(record->value));
	g_assert_cmpuint(record->type, ==, type);
	g_assert_cmpuint(record->phase, ==, phase);
	g_assert_cmpuint(record->step, ==, step);
	g_assert_cmpint(record->value, ==, value);
}

static inline void
box_plan(const void *bytes, size_t size, uint32_t type, uint32_t phase, uint32_t step, int value)
{
	autofd plan = plan_file(bytes, size);
	struct wire_record record;
	struct init init;

	init_start(&init, plan);
	record = init_says(&init);
	expect(&record, type, phase, step, value);
	init_end(&init);
}
