/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* SPDX-FileCopyrightText: The libsbx developers */

/* Tests of id maps: checked, turned into text, granted by /etc/subuid. */
#include "idmap.h"

#include <errno.h>
#include <glib.h>
#include <stdio.h>
#include <unistd.h>

#include "error.h"
#include "idmap-helper.h"

/* "0:1000:1 1:100000:65536" */
static GArray *
map_new(const char *text)
{
	g_auto(GStrv) lines = g_strsplit(text, " ", -1);
	GArray *map = g_array_new(FALSE, FALSE, sizeof(struct value_map));

	for (char **line = lines; *line; line++) {
		struct value_map value;

		if (sscanf(*line, "%u:%u:%u", &value.inside, &value.outside, &value.count) == 3)
			g_array_append_val(map, value);
	}
	return map;
}

static void
test_check(void)
{
	static const struct {
		const char *map, *message; /* NULL: good */
	} cases[] = {
		{ "0:1000:1", NULL },
		{ "0:0:4294967295", NULL },
		{ "4294967294:4294967294:1", NULL },
		{ "0:1000:1 1:100000:65536 65537:200000:1", NULL },
		{ "10:30:10 0:20:10", NULL },
		{ "", "uid-map: the map is empty" },
		{ "0:1000:0", "uid-map: 0:1000:0 maps no id" },
		{ "4294967295:0:1", "uid-map: 4294967295:0:1 goes beyond 4294967294, the highest id" },
		{ "0:4294967295:1", "uid-map: 0:4294967295:1 goes beyond 4294967294, the highest id" },
		{ "1:0:4294967295", "uid-map: 1:0:4294967295 goes beyond 4294967294, the highest id" },
		{ "0:10:2 1:20:1", "uid-map: 0:10:2 and 1:20:1 overlap inside" },
		{ "1:20:1 0:10:2", "uid-map: 1:20:1 and 0:10:2 overlap inside" },
		{ "0:10:5 10:14:1", "uid-map: 0:10:5 and 10:14:1 overlap outside" },
		{ "0:10:1 5:5:10", "uid-map: 0:10:1 and 5:5:10 overlap outside" },
	};

	for (size_t i = 0; i < G_N_ELEMENTS(cases); i++) {
		g_autoptr(GArray) map = map_new(cases[i].map);
		g_autoptr(GError) error = NULL;

		g_assert_cmpint(idmap_check(map, "uid-map", &error), ==, !cases[i].message);
		g_assert_cmpstr(error ? error->message : NULL, ==, cases[i].message);
		if (!error)
			continue;
		g_assert_error(error, SBX_ERROR, EINVAL);
		g_assert_cmpint(error_stage(error), ==, STAGE_IDENTITY);
		g_assert_cmpstr(error_key(error), ==, "uid-map");
	}
	g_assert_false(idmap_check(NULL, "uid-map", NULL));
}

static void
test_long(void)
{
	g_autoptr(GArray) map = map_new("");
	g_autoptr(GError) error = NULL;

	for (unsigned i = 0; i < IDMAP_LINES_MAX; i++)
		g_array_append_vals(map, &(struct value_map){ i, 1000 + i, 1 }, 1);
	g_assert_true(idmap_check(map, "gid-map", &error));
	g_assert_no_error(error);

	g_array_append_vals(map, &(struct value_map){ 1000, 10000, 1 }, 1);
	g_assert_false(idmap_check(map, "gid-map", &error));
	g_assert_cmpstr(error->message, ==, "gid-map: 341 lines, and the kernel takes 340");
	g_clear_error(&error);

	g_array_set_size(map, 0);
	for (unsigned i = 0; i < IDMAP_LINES_MAX; i++)
		g_array_append_vals(map, &(struct value_map){ 2000000000 + 2 * i, 3000000000 + 2 * i, 1 }, 1);
	if (sysconf(_SC_PAGESIZE) == 4096) {
		g_assert_false(idmap_check(map, "gid-map", &error));
		g_assert_cmpstr(error->message, ==, "gid-map: 340 lines make 8160 bytes, and the kernel takes less than 4096");
	}
}

static void
test_text(void)
{
	g_autoptr(GArray) map = map_new("0:1000:1 1:100000:65536 4294967294:0:1");
	g_autofree char *text = idmap_text(map);

	g_assert_cmpstr(text, ==, "0 1000 1\n1 100000 65536\n4294967294 0 1\n");
}

static void
test_subid(void)
{
	static const struct {
		const char *text, *name;
		uint32_t id, start, count; /* count 0: none */
	} cases[] = {
		{ "ann:100000:65536\nbob:165536:65536\n", "bob", 7, 165536, 65536 },
		{ "ann:100000:65536\nbob:165536:65536", "bob", 7, 165536, 65536 },
		{ "ann:100000:65536\n1000:300000:10\n", "bob", 1000, 300000, 10 },
		{ "1000:300000:10\nbob:1:2\n", "bob", 1000, 300000, 10 },
		{ "1000:300000:10\n", NULL, 1000, 300000, 10 },
		{ "bob:0:4294967295\n", "bob", 7, 0, 4294967295 },
		{ "bobby:1:2\nbo:1:2\n:1:2\nBob:1:2\n", "bob", 7, 0, 0 },
		{ "", "bob", 7, 0, 0 },
		{ "\n\n#bob:1:2\n", "bob", 7, 0, 0 },
		{ ":1:2\n", NULL, 7, 0, 0 },
		{ "bob:1\nbob\nbob:1:2:3\nbob::\nbob:1:\nbob:a:b\nbob:-1:5\nbob:1:0\nbob: 1:2\nbob:1:2 \n", "bob", 7, 0, 0 },
		{ "bob:4294967295:1\nbob:1:4294967295\nbob:4294967296:1\nbob:5:6\n", "bob", 7, 5, 6 },
		{ "07:1:2\n7garbage:1:2\n+7:1:2\n 7:1:2\n", "bob", 8, 0, 0 },
	};

	for (size_t i = 0; i < G_N_ELEMENTS(cases); i++) {
		struct value_map range = { 9, 9, 9 };
		bool found = idmap_subid(cases[i].text, cases[i].name, cases[i].id, &range);

		g_test_message("%s", cases[i].text);
		g_assert_cmpint(found, ==, cases[i].count != 0);
		g_assert_cmpuint(range.outside, ==, found ? cases[i].start : 9);
		g_assert_cmpuint(range.count, ==, found ? cases[i].count : 9);
		g_assert_cmpuint(range.inside, ==, found ? 0 : 9);
	}
}

static void
test_covers(void)
{
	static const char text[] = "ann:1:5\nbob:100:10\nbob:110:10\n7:4294967290:5\n";
	static const struct {
		uint32_t outside, count;
		bool covered;
	} cases[] = {
		{ 100, 10, true }, { 109, 1, true },        { 110, 10, true },        { 115, 3, true },
		{ 99, 1, false },  { 105, 10, false },      { 119, 2, false },        { 120, 1, false },
		{ 1, 1, false },   { 4294967290, 5, true }, { 4294967290, 6, false }, { 100, 4294967295, false },
	};

	for (size_t i = 0; i < G_N_ELEMENTS(cases); i++) {
		struct value_map line = { 0, cases[i].outside, cases[i].count };

		g_test_message("%u %u", line.outside, line.count);
		g_assert_cmpint(idmap_subid_covers(text, "bob", 7, &line), ==, cases[i].covered);
	}
}

static void
helper_says(const char *script, const char *expected, int code)
{
	char *const argv[] = { (char *)"/bin/sh", (char *)"-c", (char *)script, NULL };
	g_autofree char *said = idmap_helper_run(argv);
	int got = errno;

	g_assert_cmpstr(said, ==, expected);
	if (!expected)
		g_assert_cmpint(got, ==, code);
}

static void
test_helper(void)
{
	char *const absent[] = { (char *)"/nonexistent/newuidmap", NULL };
	g_autofree char *none = idmap_helper_find("sbx-no-such-helper"), *sh = idmap_helper_find("env");

	g_assert_cmpstr(none, ==, NULL);
	g_assert_cmpstr(sh, ==, "/usr/bin/env");
	helper_says("exit 3", "", 0);
	helper_says("echo first >&2; echo second", "first", 0);
	helper_says("kill -9 $$", "", 0);
	helper_says("read x; echo $?", "1", 0);
	helper_says("tr -d '\\\\0' </proc/$$/environ; echo", "", 0);
	helper_says("ls -m /proc/$$/fd; :", "0, 1, 2", 0);
	helper_says("exec grep -c '^SigBlk:.0*$' /proc/self/status", "1", 0);
	helper_says("head -c 100000 /dev/zero | tr '\\0' '\\n'", "", 0);
	g_assert_null(idmap_helper_run(absent));
	g_assert_cmpint(errno, ==, ENOENT);
	if (g_test_slow())
		helper_says("sleep 60", NULL, ETIMEDOUT);
}

int
main(int argc, char **argv)
{
	g_test_init(&argc, &argv, NULL);
	g_test_add_func("/idmap/check", test_check);
	g_test_add_func("/idmap/long", test_long);
	g_test_add_func("/idmap/text", test_text);
	g_test_add_func("/idmap/subid", test_subid);
	g_test_add_func("/idmap/covers", test_covers);
	g_test_add_func("/idmap/helper", test_helper);
	return g_test_run();
}
