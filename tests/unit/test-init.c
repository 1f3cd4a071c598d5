/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* SPDX-FileCopyrightText: The libsbx developers */

/*
 * Init's decoder: the program itself, started with plans that nobody should write. Whatever it is given it answers, or
 * it ends; it never crashes.
 */
#include "start.h"

/* One 32-bit word of a good plan is another. */
struct wrong {
	const char *name;
	size_t offset;
	uint32_t value;
};

#define HEADER(field) offsetof(struct wire_plan, field)

static const struct wrong wrong_headers[] = {
	{ "magic", HEADER(magic), 0x31786274 },
	{ "size-less", HEADER(size), sizeof(struct wire_plan) },
	{ "size-more", HEADER(size), 1 << 20 },
	{ "size-0", HEADER(size), 0 },
	{ "size-most", HEADER(size), 0xffffffff },
	{ "steps-0", HEADER(steps), 0 },
	{ "steps-in-the-header", HEADER(steps), 24 },
	{ "steps-misaligned", HEADER(steps), 33 },
	{ "steps-4", HEADER(steps), 36 },
	{ "steps-beyond-the-end", HEADER(steps), 1 << 20 },
	{ "steps-overflow", HEADER(steps), 0xfffffff8 },
	{ "n-steps-one-too-many", HEADER(n_steps), N_STEPS + 1 },
	{ "n-steps-too-many", HEADER(n_steps), WIRE_STEPS_MAX + 1 },
	{ "n-steps-overflow", HEADER(n_steps), 0xffffffff },
	{ "n-steps-wraps", HEADER(n_steps), 0x04924925 }, /* times 56 it is a little more than 2^32 */
	{ "n-slots", HEADER(n_slots), WIRE_SLOTS + 1 },
	{ "n-slots-most", HEADER(n_slots), 0xffffffff },
	{ "n-fds-without-slots", HEADER(n_fds), 1 },
	{ "n-fds-most", HEADER(n_fds), 0xffffffff },
	{ "kill-fd-none", HEADER(kill_fd), 0 },
	{ "kill-fd-beyond", HEADER(kill_fd), 0xfffffffe },
};

static void
test_wrong_header(gconstpointer data)
{
	const struct wrong *wrong = data;
	struct plan_bytes plan = good_plan(N_STEPS);

	memcpy((char *)&plan + wrong->offset, &wrong->value, sizeof wrong->value);
	box_plan(&plan, sizeof plan, WIRE_FAILED, WIRE_PHASE_INIT, WIRE_INIT_MAP, EPROTO);
}

static void
test_too_many_fds(void)
{
	struct plan_bytes plan = good_plan(1);

	plan.header.n_slots = WIRE_SLOTS;
	plan.header.n_fds = WIRE_FDS_MAX + 1;
	box_plan(&plan, plan.header.size, WIRE_FAILED, WIRE_PHASE_INIT, WIRE_INIT_MAP, EPROTO);
}

static void
test_good_header(void)
{
	struct plan_bytes plan = good_plan(N_STEPS);

	box_plan(&plan, sizeof plan, WIRE_READY, 0, 0, 0);
}

static void
test_length(gconstpointer data)
{
	struct plan_bytes plan = good_plan(N_STEPS);

	box_plan(&plan, GPOINTER_TO_SIZE(data), WIRE_FAILED, WIRE_PHASE_INIT, WIRE_INIT_MAP, EPROTO);
}

static void
test_no_file(void)
{
	int ends[2];
	struct wire_record record;
	struct init init;

	g_assert_cmpint(pipe2(ends, O_CLOEXEC), ==, 0);
	init_start(&init, ends[0]);
	record = init_says(&init);
	expect(&record, WIRE_FAILED, WIRE_PHASE_INIT, WIRE_INIT_MAP, ESPIPE);
	init_end(&init);
	close(ends[0]);
	close(ends[1]);
}

static void
test_too_large(void)
{
	autofd plan = memfd_create("plan", MFD_CLOEXEC);
	struct wire_record record;
	struct init init;

	g_assert_cmpint(ftruncate(plan, (off_t)WIRE_SIZE_MAX + 4096), ==, 0);
	init_start(&init, plan);
	record = init_says(&init);
	expect(&record, WIRE_FAILED, WIRE_PHASE_INIT, WIRE_INIT_MAP, EPROTO);
	init_end(&init);
}

/* Any byte of a plan that does nothing but ask for its pid, changed: an answer, or an end, never a crash. */
static void
test_random(void)
{
	GRand *random = g_rand_new_with_seed(1);

	for (int i = 0; i < 60; i++) {
		struct plan_bytes plan = good_plan(N_STEPS);
		int at = g_rand_int_range(random, 0, sizeof plan.header);
		autofd file = -1;
		struct init init;

		((guint8 *)&plan)[at] = (guint8)g_rand_int_range(random, 0, 256);
		/* waiting is what wait_at asks for: that is no answer, and no fault */
		plan.header.wait_at = WIRE_NEVER;
		file = plan_file(&plan, sizeof plan);
		init_start(&init, file);
		init_says(&init);
		init_end(&init);
	}
	g_rand_free(random);
}

int
main(int argc, char **argv)
{
	static const size_t lengths[] = { 0, 1, 31, 32, 87, sizeof(struct plan_bytes) - 1 };

	g_test_init(&argc, &argv, NULL);
	for (gsize i = 0; i < G_N_ELEMENTS(wrong_headers); i++) {
		g_autofree char *path = g_strconcat("/init/header/", wrong_headers[i].name, NULL);

		g_test_add_data_func(path, &wrong_headers[i], test_wrong_header);
	}
	for (gsize i = 0; i < G_N_ELEMENTS(lengths); i++) {
		g_autofree char *path = g_strdup_printf("/init/length/%zu", lengths[i]);

		g_test_add_data_func(path, GSIZE_TO_POINTER(lengths[i]), test_length);
	}
	g_test_add_func("/init/header/too-many-fds", test_too_many_fds);
	g_test_add_func("/init/header/good", test_good_header);
	g_test_add_func("/init/length/no-file", test_no_file);
	g_test_add_func("/init/length/too-large", test_too_large);
	g_test_add_func("/init/random", test_random);
	return g_test_run();
}
