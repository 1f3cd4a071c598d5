/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* SPDX-FileCopyrightText: The libsbx developers */

/* Init that is to hear of a payload's calls and can't: the payload does not run, since nobody would name what it is ended for. */
#include "start.h"

#include <linux/filter.h>
#include <linux/seccomp.h>
#include <sys/prctl.h>
#include <sys/resource.h>

#define N_LISTENERS 256 /* as init has them */
#define ROOM 1024       /* of the payload itself */
#define HELD_FD 1       /* what the payload has open, and tells its end by */
#define GO_FD 0

enum { STEP_ROOM, STEP_HELD, STEP_GO, STEP_SHOW, STEP_LIMIT, STEP_PRIVS, STEP_LISTEN, STEP_EXEC, STEP_N };

/* sh -c SCRIPT behind a filter that lets everything through and has a listener. */
struct listen_plan {
	struct wire_plan header;
	struct wire_step steps[STEP_N];
	struct wire_logged logged;
	struct sock_fprog program;
	struct sock_filter allow;
	struct rlimit room, limit;
	uint64_t argv[4];
	char shell[8], option[8], script[64], byte[8];
};

#define AT(member) (WIRE_COMMAND_BASE + offsetof(struct listen_plan, member))
#define STEP(number, slots, ...) \
	((struct wire_step){ .nr = (number), .out = WIRE_NO_SLOT, .slot_args = (slots), .arg = { __VA_ARGS__ } })

static struct listen_plan
listen_plan(const char *script)
{
	struct listen_plan plan = { .header = { .magic = WIRE_MAGIC,
		                                    .size = sizeof plan,
		                                    .steps = offsetof(struct listen_plan, steps),
		                                    .n_steps = STEP_N,
		                                    .n_fds = 2,
		                                    .n_slots = 3,
		                                    .wait_at = WIRE_NEVER,
		                                    .kill_fd = WIRE_NEVER },
		                        .program = { .len = 1 },
		                        .allow = { BPF_RET | BPF_K, 0, 0, SECCOMP_RET_ALLOW },
		                        .room = { ROOM, ROOM },
		                        .limit = { 3, ROOM },
		                        .argv = { AT(shell), AT(option), AT(script), 0 },
		                        .shell = "/bin/sh",
		                        .option = "-c",
		                        .byte = "x" };
	uint64_t filter = AT(allow);

	memcpy(&plan.program.filter, &filter, sizeof filter);
	g_strlcpy(plan.script, script, sizeof plan.script);
	plan.steps[STEP_ROOM] = STEP(SYS_prlimit64, 0, 0, RLIMIT_NOFILE, AT(room), 0);
	plan.steps[STEP_HELD] = STEP(SYS_dup3, 1, 0, HELD_FD, 0);
	plan.steps[STEP_GO] = STEP(SYS_dup3, 1, 1, GO_FD, 0);
	plan.steps[STEP_SHOW] = STEP(SYS_write, 1, 0, AT(byte), 1);
	plan.steps[STEP_LIMIT] = nothing;
	plan.steps[STEP_PRIVS] = STEP(SYS_prctl, 0, PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0);
	plan.steps[STEP_LISTEN] = STEP(SYS_seccomp, 1 << 4, SECCOMP_SET_MODE_FILTER, SECCOMP_FILTER_FLAG_NEW_LISTENER,
	                               AT(program), AT(logged), 2, 0);
	plan.steps[STEP_LISTEN].flags = WIRE_LISTEN;
	plan.steps[STEP_EXEC] = STEP(SYS_execve, 0, AT(shell), AT(argv), 0);
	return plan;
}

/* What a test holds of its payloads: they write to the first pipe as they come to life, and hold it; they wait for the end of
 * the second one. */
struct held {
	int alive[2], go[2];
};

static void
held_begin(struct held *held, struct init *init)
{
	struct plan_bytes plan = good_plan(1);
	autofd file = plan_file(&plan, plan.header.size);
	struct wire_record record;

	g_assert_cmpint(prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0), ==, 0);
	init_start(init, file);
	record = init_says(init);
	expect(&record, WIRE_READY, 0, 0, 0);
	g_assert_cmpint(pipe2(held->alive, O_CLOEXEC | O_NONBLOCK), ==, 0);
	g_assert_cmpint(pipe2(held->go, O_CLOEXEC), ==, 0);
}

static void
send_command(const struct init *init, const struct held *held, const struct listen_plan *plan, uint32_t id)
{
	struct wire_message message = { .type = WIRE_COMMAND, .id = id, .n_fds = 3 };
	autofd file = plan_file(plan, sizeof *plan);
	int fds[3] = { file, held->alive[1], held->go[0] };
	union {
		struct cmsghdr header;
		char space[CMSG_SPACE(sizeof fds)];
	} control = { .header = { .cmsg_len = CMSG_LEN(sizeof fds), .cmsg_level = SOL_SOCKET, .cmsg_type = SCM_RIGHTS } };
	struct iovec data = { &message, sizeof message };
	struct msghdr header = {
		.msg_iov = &data, .msg_iovlen = 1, .msg_control = &control, .msg_controllen = sizeof control
	};

	memcpy(CMSG_DATA(&control.header), fds, sizeof fds);
	g_assert_cmpint(sendmsg(init->socket, &header, MSG_NOSIGNAL), ==, (gssize)sizeof message);
}

static struct wire_record
answer(const struct init *init, uint32_t id)
{
	struct wire_record record = init_says(init);

	g_assert_cmpuint(record.id, ==, id);
	return record;
}

/* Has one come to life since? */
static bool
has_lived(const struct held *held)
{
	char byte;

	return read(held->alive[0], &byte, 1) == 1;
}

/* Nobody holds the first pipe any more, within a time that nothing takes. */
static void
held_end(struct held *held)
{
	struct pollfd watch = { held->alive[0], 0, 0 };

	fd_close(&held->alive[1]);
	fd_close(&held->go[0]);
	fd_close(&held->go[1]);
	g_assert_cmpint(poll(&watch, 1, 20000), ==, 1);
	g_assert_cmpint(watch.revents & POLLHUP, ==, POLLHUP);
	fd_close(&held->alive[0]);
}

static void
files_limit(const struct init *init, rlim_t limit)
{
	const struct rlimit files = { limit, ROOM };

	g_assert_cmpint(prlimit(init->pid, RLIMIT_NOFILE, &files, NULL), ==, 0);
}

/* The listener has come and finds no room: somebody has taken init's fds away from it in the meantime. */
static void
test_not_taken(void)
{
	struct listen_plan plan = listen_plan("exec sleep 1000"), control = plan;
	struct wire_record record;
	struct init init;
	struct held held;

	held_begin(&held, &init);
	plan.steps[STEP_LIMIT] = STEP(SYS_prlimit64, 0, (uint64_t)init.pid, RLIMIT_NOFILE, AT(limit), 0);
	send_command(&init, &held, &plan, 1);
	record = init_says(&init);
	expect(&record, WIRE_FAILED, WIRE_PHASE_INIT, WIRE_INIT_CLONE, EMFILE);
	g_assert_true(has_lived(&held));
	/* what the payload may have made until then ends with init: nothing is started in this box any more */
	record = init_says(&init);
	g_assert_cmpuint(record.type, ==, 0);
	held_end(&held);
	init_end(&init);

	held_begin(&held, &init);
	send_command(&init, &held, &control, 2);
	record = answer(&init, 2);
	g_assert_cmpuint(record.type, ==, WIRE_STARTED);
	g_assert_cmpint(kill(record.value, SIGKILL), ==, 0);
	record = answer(&init, 2);
	g_assert_cmpuint(record.type, ==, WIRE_EXITED);
	held_end(&held);
	init_end(&init);
}

/* However few fds init may have: there are enough, or nothing of the payload comes to life. */
static void
test_few_files(void)
{
	struct listen_plan plan = listen_plan("exit 5");
	struct wire_record record = { 0 };
	struct init init;
	struct held held;
	unsigned without_fd = 0;
	uint32_t id = 0;

	held_begin(&held, &init);
	for (rlim_t limit = 3; record.type != WIRE_STARTED && limit < 50; limit++) {
		files_limit(&init, limit);
		send_command(&init, &held, &plan, ++id);
		record = answer(&init, id);
		g_test_message("%lu fds: record %u, step %u, %s", (unsigned long)limit, record.type, record.step,
		               g_strerror(record.value));
		if (record.type == WIRE_STARTED)
			break;
		g_assert_cmpuint(record.phase, ==, WIRE_PHASE_INIT);
		g_assert_cmpint(record.value, ==, EMFILE);
		without_fd += record.step == WIRE_INIT_CLONE;
		g_assert_false(has_lived(&held));
	}
	g_assert_cmpuint(record.type, ==, WIRE_STARTED);
	/* for the socket to init, and then for the listener */
	g_assert_cmpuint(without_fd, >=, 2);
	g_assert_true(has_lived(&held));
	files_limit(&init, ROOM);
	record = answer(&init, id);
	expect(&record, WIRE_EXITED, 0, 0, 5 << 8);
	held_end(&held);
	init_end(&init);
}

/* Wait for what was left to us when it had lost its parent. */
static void
reap_others(const struct init *init)
{
	siginfo_t info;

	for (;;) {
		memset(&info, 0, sizeof info);
		if (waitid(P_ALL, 0, &info, WEXITED | WNOWAIT | WNOHANG) < 0 || !info.si_pid || info.si_pid == init->pid)
			return;
		g_assert_cmpint(waitpid(info.si_pid, NULL, 0), ==, info.si_pid);
	}
}

/* Commands that have ended and left a process behind each, and so a listener. */
static void
test_many(void)
{
	struct listen_plan plan = listen_plan("exec 8<&0; read x <&8 &");
	gint64 deadline = g_get_monotonic_time() + 60 * G_USEC_PER_SEC;
	struct wire_record record;
	struct init init;
	struct held held;
	uint32_t id = 0;

	held_begin(&held, &init);
	while (id < N_LISTENERS) {
		send_command(&init, &held, &plan, ++id);
		record = answer(&init, id);
		g_assert_cmpuint(record.type, ==, WIRE_STARTED);
		record = answer(&init, id);
		g_assert_cmpuint(record.type, ==, WIRE_EXITED);
		g_assert_true(has_lived(&held));
	}
	send_command(&init, &held, &plan, ++id);
	record = answer(&init, id);
	expect(&record, WIRE_FAILED, WIRE_PHASE_INIT, WIRE_INIT_CLONE, EAGAIN);
	g_assert_false(has_lived(&held));

	/* they end, and there is room again, as soon as init has seen it */
	fd_close(&held.go[1]);
	do {
		g_assert_cmpint(g_get_monotonic_time(), <, deadline);
		g_usleep(10000);
		reap_others(&init);
		send_command(&init, &held, &plan, ++id);
		record = answer(&init, id);
	} while (record.type == WIRE_FAILED && record.value == EAGAIN);
	g_assert_cmpuint(record.type, ==, WIRE_STARTED);
	record = answer(&init, id);
	g_assert_cmpuint(record.type, ==, WIRE_EXITED);
	g_assert_true(has_lived(&held));
	held_end(&held);
	init_end(&init);
}

int
main(int argc, char **argv)
{
	g_test_init(&argc, &argv, NULL);
	g_test_add_func("/init/listen/not-taken", test_not_taken);
	g_test_add_func("/init/listen/few-files", test_few_files);
	g_test_add_func("/init/listen/many", test_many);
	return g_test_run();
}
