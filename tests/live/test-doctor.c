/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* SPDX-FileCopyrightText: The libsbx developers */

/* sbx_doctor() in a process that goes on living: the shape of its answer, what is left of it, and its agreement with boxes. */
#include <errno.h>
#include <glib.h>
#include <jansson.h>
#include <stdlib.h>
#include <string.h>

#include "life.h"

static json_t *
ask(void)
{
	sbx_error *error = NULL;
	char *text = NULL;
	json_t *answer;

	EXPECT(0, sbx_doctor(&text, &error), &error);
	answer = json_loads(text, 0, NULL);
	g_test_message("%s", text);
	g_assert_nonnull(answer);
	free(text);
	return answer;
}

static const char *
text_of(const json_t *object, const char *member)
{
	return json_string_value(json_object_get(object, member));
}

static const json_t *
check_of(const json_t *answer, const char *name)
{
	const json_t *checks = json_object_get(answer, "checks");

	for (size_t i = 0; i < json_array_size(checks); i++)
		if (g_strcmp0(text_of(json_array_get(checks, i), "name"), name) == 0)
			return json_array_get(checks, i);
	g_test_message("no check %s", name);
	g_assert_not_reached();
}

static void
test_argument(void)
{
	sbx_error *error = NULL;

	g_assert_cmpint(sbx_doctor(NULL, &error), ==, -EINVAL);
	g_assert_cmpstr(sbx_error_message(error), ==, "sbx_doctor: ret_json is NULL");
	sbx_error_free(error);
	g_assert_cmpint(sbx_doctor(NULL, NULL), ==, -EINVAL);
}

/* Each line has all that was promised, and what is not well has a way out. */
static void
test_shape(void)
{
	static const char *const statuses[] = { "ok", "warn", "fail", "unknown", NULL };
	json_t *answer = ask(), *checks = json_object_get(answer, "checks");
	g_autoptr(GHashTable) names = g_hash_table_new(g_str_hash, g_str_equal);

	g_assert_true(json_is_boolean(json_object_get(answer, "ok")));
	g_assert_cmpuint(strlen(text_of(answer, "summary")), >, 0);
	g_assert_cmpuint(strlen(text_of(answer, "kernel")), >, 0);
	g_assert_cmpuint(json_array_size(checks), >, 30);
	for (size_t i = 0; i < json_array_size(checks); i++) {
		const json_t *check = json_array_get(checks, i);
		const char *name = text_of(check, "name"), *status = text_of(check, "status");
		bool well = g_strcmp0(status, "ok") == 0;

		g_test_message("%s", name);
		g_assert_true(g_hash_table_add(names, (char *)name));
		g_assert_true(g_strv_contains(statuses, status));
		g_assert_cmpuint(json_object_size(check), ==, 6);
		g_assert_cmpuint(strlen(text_of(check, "found")), >, 0);
		g_assert_null(strpbrk(text_of(check, "found"), "\n\t"));
		g_assert_cmpint(json_is_null(json_object_get(check, "lost")), ==, well);
		g_assert_cmpint(json_is_null(json_object_get(check, "repair")), ==, well);
		g_assert_true(strchr(name, '.') ? g_str_has_prefix(name, text_of(check, "group"))
		                                : g_strcmp0(text_of(check, "group"), "box") == 0);
	}
	json_decref(answer);
}

/* The doctor says "ok" of a controller when a box can be limited by it, and only then. */
static void
test_agreement(void)
{
	static const char *const rows[][3] = {
		{ "cgroup.memory", "memory.max", "64M" }, { "cgroup.pids", "pids.max", "64" },
		{ "cgroup.cpu", "cpu.max", "1" },         { "cgroup.cpuset", "cpuset.cpus", "0" },
		{ "cgroup.io", "io.weight", "100" },      { "cgroup.hugetlb", "hugetlb.2MB.max", "2M" },
		{ "cgroup.rdma", "rdma.max", "" },        { "cgroup.misc", "misc.max", "" },
	};
	json_t *answer = ask();

	for (size_t i = 0; i < G_N_ELEMENTS(rows); i++) {
		bool usable = g_str_equal(text_of(check_of(answer, rows[i][0]), "status"), "ok");
		g_autoptr(life_spec_t) spec = NULL;
		sbx_error *error = NULL;
		sbx_box *box = NULL;
		int result;

		if (!*rows[i][2])
			continue; /* these name hardware, which is not there */
		spec = life_spec("default", rows[i][1], rows[i][2], NULL);
		result = sbx_box_create(spec, &box, &error);
		g_test_message("%s: %s; box: %d %s", rows[i][0], text_of(check_of(answer, rows[i][0]), "found"), result,
		               sbx_error_message(error));
		/* a controller that is there may lack a file: io.weight needs a scheduler of disks */
		if (usable && result == -ENOENT)
			g_test_message("%s has no %s", rows[i][0], rows[i][1]);
		else
			g_assert_cmpint(result == 0, ==, usable);
		if (result < 0 && !usable)
			g_assert_cmpstr(sbx_error_hint(error), ==, text_of(check_of(answer, rows[i][0]), "repair"));
		sbx_error_free(error);
		sbx_box_free(box);
	}
	json_decref(answer);
}

static void
test_ok(void)
{
	json_t *answer = ask();
	g_autoptr(life_spec_t) plain = life_spec("default", NULL);
	g_autoptr(life_spec_t) limited = life_spec("default", "memory.max", "64M", "pids.max", "64", NULL);
	sbx_box *boxes[2] = { NULL, NULL };
	int made = sbx_box_create(plain, &boxes[0], NULL), held = sbx_box_create(limited, &boxes[1], NULL);

	g_assert_cmpint(g_str_equal(text_of(check_of(answer, "box"), "status"), "ok"), ==, made == 0);
	g_assert_cmpint(g_str_equal(text_of(check_of(answer, "limits"), "status"), "ok"), ==, held == 0);
	g_assert_cmpint(json_is_true(json_object_get(answer, "ok")), ==, made == 0 && held == 0);
	sbx_box_free(boxes[0]);
	sbx_box_free(boxes[1]);
	json_decref(answer);
}

static void
test_leaves_nothing(void)
{
	g_auto(leak_t) leak = { 0 };
	gint64 begin;

	json_decref(ask()); /* what is kept for the life of the process */
	leak_begin(&leak);
	begin = g_get_monotonic_time();
	json_decref(ask());
	/* twice the time that is meant, in the VM ten times that */
	g_assert_cmpint(g_get_monotonic_time() - begin, <, (g_getenv("SBX_VM") ? 40 : 4) * G_USEC_PER_SEC);
	leak_check(&leak);
}

static gpointer
ask_often(G_GNUC_UNUSED gpointer data)
{
	for (unsigned i = 0; i < life_count(5); i++)
		json_decref(ask());
	return NULL;
}

static void
test_threads(void)
{
	GThread *threads[4];

	for (size_t i = 0; i < G_N_ELEMENTS(threads); i++)
		threads[i] = g_thread_new("doctor", ask_often, NULL);
	for (size_t i = 0; i < G_N_ELEMENTS(threads); i++)
		g_thread_join(threads[i]);
}

int
main(int argc, char **argv)
{
	life_begin(60);
	g_test_init(&argc, &argv, NULL);
	g_test_add_func("/doctor/argument", test_argument);
	g_test_add_func("/doctor/shape", test_shape);
	g_test_add_func("/doctor/agreement", test_agreement);
	g_test_add_func("/doctor/ok", test_ok);
	g_test_add_func("/doctor/leaves-nothing", test_leaves_nothing);
	g_test_add_func("/doctor/threads", test_threads);
	return g_test_run();
}
