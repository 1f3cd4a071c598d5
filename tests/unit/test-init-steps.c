/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* SPDX-FileCopyrightText: The libsbx developers */

/* What init does with a good plan: its steps, messages, commands; and how small it is. */
#include "start.h"

#include <stdio.h>
#include <sys/stat.h>

/* --- steps --- */

static void
test_failing_step(void)
{
	struct plan_bytes plan = good_plan(N_STEPS);

	plan.steps[2].nr = SYS_close;
	plan.steps[2].arg[0] = 999;
	box_plan(&plan, sizeof plan, WIRE_FAILED, WIRE_PHASE_BOX, 2, EBADF);
}

static void
test_forgiven_step(void)
{
	struct plan_bytes plan = good_plan(N_STEPS);

	plan.steps[1].nr = plan.steps[2].nr = SYS_close;
	plan.steps[1].arg[0] = plan.steps[2].arg[0] = 999;
	plan.steps[1].forgive = EBADF;
	plan.steps[2].flags = WIRE_ANY;
	box_plan(&plan, sizeof plan, WIRE_READY, 0, 0, 0);
}

static void
test_soft_step(void)
{
	struct plan_bytes plan = good_plan(N_STEPS);
	struct wire_record record;
	struct init init;
	autofd file = -1;

	plan.steps[3].nr = SYS_close;
	plan.steps[3].arg[0] = 999;
	plan.steps[3].flags = WIRE_SOFT;
	file = plan_file(&plan, sizeof plan);
	init_start(&init, file);
	record = init_says(&init);
	expect(&record, WIRE_SKIPPED, WIRE_PHASE_BOX, 3, EBADF);
	record = init_says(&init);
	expect(&record, WIRE_READY, 0, 0, 0);
	init_end(&init);
}

static void
test_no_such_call(void)
{
	struct plan_bytes plan = good_plan(1);

	plan.steps[0].nr = 0xffff;
	box_plan(&plan, plan.header.size, WIRE_FAILED, WIRE_PHASE_BOX, 0, ENOSYS);
}

/* A pointer that leads nowhere is for the kernel to refuse. */
static void
test_bad_pointer(void)
{
	struct plan_bytes plan = good_plan(1);

	plan.steps[0] =
		(struct wire_step){ .nr = SYS_openat, .out = WIRE_NO_SLOT, .arg = { (uint64_t)AT_FDCWD, 1, 0, 0, 0, 0 } };
	box_plan(&plan, plan.header.size, WIRE_FAILED, WIRE_PHASE_BOX, 0, EFAULT);
}

static void
test_slot_argument(gconstpointer data)
{
	struct plan_bytes plan = good_plan(2);

	plan.header.n_slots = WIRE_SLOTS;
	plan.steps[1].slot_args = 1u << 5;
	plan.steps[1].arg[5] = GPOINTER_TO_SIZE(data);
	box_plan(&plan, plan.header.size, WIRE_FAILED, WIRE_PHASE_BOX, 1, EPROTO);
}

static void
test_slot_result(void)
{
	struct plan_bytes plan = good_plan(2);

	plan.header.n_slots = 3;
	plan.steps[1].out = 3;
	box_plan(&plan, plan.header.size, WIRE_FAILED, WIRE_PHASE_BOX, 1, EPROTO);
}

static void
test_slot_good(void)
{
	struct plan_bytes plan = good_plan(3);

	plan.header.n_slots = WIRE_SLOTS;
	plan.steps[0] =
		(struct wire_step){ .nr = SYS_fcntl, .out = WIRE_SLOTS - 1, .arg = { 0, F_DUPFD_CLOEXEC, 50, 0, 0, 0 } };
	plan.steps[1] = (struct wire_step){
		.nr = SYS_close, .out = WIRE_NO_SLOT, .slot_args = 1, .arg = { WIRE_SLOTS - 1, 0, 0, 0, 0, 0 }
	};
	plan.steps[2] = plan.steps[1];
	box_plan(&plan, plan.header.size, WIRE_FAILED, WIRE_PHASE_BOX, 2, EBADF);
}

/* --- messages --- */

static void
send_to(const struct init *init, const struct wire_message *message, size_t size, int fd)
{
	union {
		struct cmsghdr header;
		char space[CMSG_SPACE(sizeof(int))];
	} control = { .header = { .cmsg_len = CMSG_LEN(sizeof(int)), .cmsg_level = SOL_SOCKET, .cmsg_type = SCM_RIGHTS } };
	struct iovec data = { (void *)message, size };
	struct msghdr header = { .msg_iov = &data, .msg_iovlen = 1 };

	if (fd >= 0) {
		memcpy(CMSG_DATA(&control.header), &fd, sizeof fd);
		header.msg_control = &control;
		header.msg_controllen = sizeof control;
	}
	g_assert_cmpint(sendmsg(init->socket, &header, MSG_NOSIGNAL), ==, (gssize)size);
}

static void
init_ready(struct init *init)
{
	struct plan_bytes plan = good_plan(1);
	autofd file = plan_file(&plan, plan.header.size);
	struct wire_record record;

	init_start(init, file);
	record = init_says(init);
	expect(&record, WIRE_READY, 0, 0, 0);
}

/* Messages that mean nothing are passed over; a command whose fds are not those it speaks of is answered. */
static void
test_messages(void)
{
	const struct wire_message strange = { .type = 77 }, bare = { .type = WIRE_COMMAND, .id = 5 },
							  counted = { .type = WIRE_COMMAND, .id = 6, .n_fds = 3 },
							  signals = { .type = WIRE_SIGNAL, .id = 9, .value = 9 };
	struct plan_bytes plan = good_plan(1);
	struct wire_message command = { .type = WIRE_COMMAND, .id = 7, .n_fds = 1 };
	struct wire_record record;
	struct init init;
	autofd bad = -1;

	plan.header.magic = 0;
	bad = plan_file(&plan, plan.header.size);
	init_ready(&init);
	send_to(&init, &strange, sizeof strange, -1);
	send_to(&init, &strange, 3, -1);
	send_to(&init, &signals, sizeof signals, -1);
	send_to(&init, &counted, sizeof counted, bad);
	send_to(&init, &bare, sizeof bare, -1);
	for (unsigned id = 6; id >= 5; id--) {
		record = init_says(&init);
		expect(&record, WIRE_FAILED, WIRE_PHASE_INIT, WIRE_INIT_PLAN, EPROTO);
		g_assert_cmpuint(record.id, ==, id);
	}
	send_to(&init, &command, sizeof command, bad);
	record = init_says(&init);
	expect(&record, WIRE_FAILED, WIRE_PHASE_INIT, WIRE_INIT_PLAN, EPROTO);
	g_assert_cmpuint(record.id, ==, 7);
	init_end(&init);
}

/* A command that fails says where; the next one runs; one without an exec is an error of its own. */
static void
test_commands(void)
{
	struct plan_bytes plan = good_plan(2);
	struct wire_message command = { .type = WIRE_COMMAND, .id = 1, .n_fds = 1 };
	struct wire_record record;
	struct init init;
	autofd without = plan_file(&plan, plan.header.size);
	autofd failing = -1;

	plan.steps[1].nr = SYS_close;
	plan.steps[1].arg[0] = 999;
	failing = plan_file(&plan, plan.header.size);
	init_ready(&init);
	send_to(&init, &command, sizeof command, failing);
	record = init_says(&init);
	expect(&record, WIRE_FAILED, WIRE_PHASE_COMMAND, 1, EBADF);
	send_to(&init, &command, sizeof command, without);
	record = init_says(&init);
	expect(&record, WIRE_FAILED, WIRE_PHASE_COMMAND, 1, ENOEXEC);
	init_end(&init);
}

static void
test_wait(void)
{
	struct plan_bytes plan = good_plan(2);
	struct wire_message go = { .type = WIRE_GO }, other = { .type = WIRE_SIGNAL };
	struct wire_record record;
	struct init init;
	autofd file = -1;

	plan.header.wait_at = 1;
	file = plan_file(&plan, plan.header.size);
	init_start(&init, file);
	send_to(&init, &go, sizeof go, -1);
	record = init_says(&init);
	expect(&record, WIRE_READY, 0, 0, 0);
	init_end(&init);
	init_start(&init, file);
	send_to(&init, &other, sizeof other, -1);
	record = init_says(&init);
	expect(&record, WIRE_FAILED, WIRE_PHASE_INIT, WIRE_INIT_GO, EPROTO);
	init_end(&init);
}

/* --- size --- */

static void
test_memory(void)
{
	g_autofree char *path = NULL, *rollup = NULL;
	const char *rss;
	unsigned kib = 0;
	struct init init;

	init_ready(&init);
	path = g_strdup_printf("/proc/%d/smaps_rollup", init.pid);
	g_assert_true(g_file_get_contents(path, &rollup, NULL, NULL));
	rss = strstr(rollup, "\nRss:");
	g_assert_nonnull(rss);
	g_assert_cmpint(sscanf(rss, "\nRss: %u kB", &kib), ==, 1);
	g_test_message("%u KiB resident", kib);
	g_assert_cmpuint(kib, <, 64);
	g_assert_cmpuint(kib, >, 0);
	init_end(&init);
}

static void
test_file_size(void)
{
	struct stat st;

	g_assert_cmpint(stat(init_path(), &st), ==, 0);
	g_test_message("%lld bytes", (long long)st.st_size);
	g_assert_cmpint(st.st_size, <, 6 * 1024);
}

int
main(int argc, char **argv)
{
	g_test_init(&argc, &argv, NULL);
	g_test_add_func("/init/step/failing", test_failing_step);
	g_test_add_func("/init/step/forgiven", test_forgiven_step);
	g_test_add_func("/init/step/soft", test_soft_step);
	g_test_add_func("/init/step/no-such-call", test_no_such_call);
	g_test_add_func("/init/step/bad-pointer", test_bad_pointer);
	g_test_add_data_func("/init/slot/argument", GSIZE_TO_POINTER(WIRE_SLOTS), test_slot_argument);
	g_test_add_data_func("/init/slot/argument-most", GSIZE_TO_POINTER(G_MAXSIZE), test_slot_argument);
	g_test_add_func("/init/slot/result", test_slot_result);
	g_test_add_func("/init/slot/good", test_slot_good);
	g_test_add_func("/init/message/strange", test_messages);
	g_test_add_func("/init/message/commands", test_commands);
	g_test_add_func("/init/message/wait", test_wait);
	g_test_add_func("/init/memory", test_memory);
	g_test_add_func("/init/file-size", test_file_size);
	return g_test_run();
}
