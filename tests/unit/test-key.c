/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* SPDX-FileCopyrightText: The libsbx developers */

/* The option table: what is in it, what is near it, and its JSON. */
#include "key.h"

#include <errno.h>
#include <glib.h>
#include <jansson.h>
#include <stdlib.h>
#include <string.h>

#include "sbx.h"

/* NULL: no such key. "": the catch-all. */
static const struct {
	const char *name;
	const char *found;
} finds[] = {
	{ "memory.max", "memory.max" },
	{ "bind", "bind" },
	{ "time.wall", "time.wall" },
	{ "hugetlb.2MB.max", "" },
	{ "hugetlb.1GB.rsvd.max", "" },
	{ "memory.swap.high", "" },
	{ "x_y.z", "" },
	{ "memory", NULL },
	{ "timeout", NULL },
	{ "", NULL },
	{ ".", NULL },
	{ "a.", NULL },
	{ ".a", NULL },
	{ "a..b", NULL },
	{ "A.b", NULL },
	{ "1.b", NULL },
	{ "a.b/c", NULL },
	{ "a.b-c", NULL },
	{ "../a.b", NULL },
	{ "aB.c", NULL },
	{ "a.b\n", NULL },
	{ "a.\xff", NULL },
	{ "cgroup.procs", NULL },
	{ "cgroup.kill", NULL },
	{ "time.wal", NULL },
	{ "output.max", NULL },
};

static void
test_find(gconstpointer data)
{
	size_t i = GPOINTER_TO_SIZE(data);
	const struct key *key = key_find(finds[i].name);

	g_assert_cmpstr(key ? key->name : NULL, ==, finds[i].found);
	if (key && !*key->name) {
		g_assert_cmpint(key->type, ==, KEY_RAW);
		g_assert_true(key->limit);
		g_assert_cmpstr(key->group, ==, "limits");
	}
}

static const struct {
	const char *name;
	const char *nearest;
} nears[] = {
	{ "memory", "memory.max" },    { "memory_max", "memory.max" },
	{ "memry.max", "memory.max" }, { "timeout", "time.wall" },
	{ "time.wal", "time.wall" },   { "cpus", "cpu.max" },
	{ "pids", "pids.max" },        { "bnd", "bind" },
	{ "robind", "ro-bind" },       { "hostnam", "hostname" },
	{ "uidmap", "uid-map" },       { "memory-high", "memory.high" },
	{ "swap", "memory.swap.max" }, { "oom", "memory.oom.group" },
	{ "zzzzzzzzzzzz", NULL },      { "", NULL },
};

static void
test_near(gconstpointer data)
{
	size_t i = GPOINTER_TO_SIZE(data);

	g_assert_cmpstr(key_nearest(nears[i].name), ==, nears[i].nearest);
}

static void
test_near_long(void)
{
	g_autofree char *name = g_strnfill(100000, 'm');

	g_assert_null(key_nearest(name));
	g_assert_null(key_nearest(NULL));
	g_assert_null(key_find(NULL));
}

static void
test_find_long(void)
{
	g_autofree char *fill = g_strnfill(127, 'm');
	g_autofree char *name = g_strdup_printf("a.%s", fill);

	g_assert_null(key_find(name));
	name[128] = '\0';
	g_assert_nonnull(key_find(name));
}

/* Every key that contract.md promises for this version. */
static void
test_complete(void)
{
	static const char *const names[] = {
		"memory.min",
		"memory.low",
		"memory.high",
		"memory.max",
		"memory.swap.max",
		"memory.zswap.max",
		"cpu.max",
		"cpu.max.burst",
		"cpu.weight",
		"cpu.idle",
		"cpu.uclamp.min",
		"cpu.uclamp.max",
		"cpuset.cpus",
		"cpuset.mems",
		"cpuset.cpus.partition",
		"io.max",
		"io.weight",
		"io.latency",
		"pids.max",
		"rdma.max",
		"misc.max",
		"cgroup.parent",
		"cgroup.delegate",
		"cgroup.self",
		"time.wall",
		"time.grace",
		"root",
		"bind",
		"ro-bind",
		"tmpfs",
		"overlay",
		"file",
		"symlink",
		"net",
		"share",
		"hostname",
		"user",
		"uid-map",
		"gid-map",
		"groups",
		"time.monotonic",
		"time.boottime",
		"seccomp",
		"cap",
		"device",
		"chdir",
		"env",
		"keep-env",
		"rlimit",
		"nice",
		"memory.oom.group",
	};
	size_t n = 0;

	for (size_t i = 0; i < G_N_ELEMENTS(names); i++) {
		const struct key *key = key_find(names[i]);

		g_assert_cmpstr(key ? key->name : NULL, ==, names[i]);
	}
	while (key_table[n].name)
		n++;
	g_assert_cmpuint(n, ==, G_N_ELEMENTS(names));
}

static void
test_consistent(void)
{
	static const char *const groups[] = { "limits",   "time",     "files",   "namespaces",
		                                  "identity", "security", "process", NULL };

	for (const struct key *key = key_table; key->name; key++) {
		g_test_message("%s", key->name);
		g_assert_true(g_strv_contains(groups, key->group));
		g_assert_cmpuint(strlen(key->doc), >, 5);
		g_assert_cmpint(key->doc[strlen(key->doc) - 1], !=, '.');
		g_assert_true(key->arg || key->type == KEY_BOOL);
		for (const struct key *other = key + 1; other->name; other++) {
			g_assert_cmpstr(key->name, !=, other->name);
			g_assert_true(!key->option || g_strcmp0(key->option, other->option) != 0);
		}
	}
}

static const struct {
	const char *name;
	const char *value;
} defaults[] = {
	{ "root", "host" },    { "net", "none" },           { "seccomp", "default" },
	{ "time.grace", "0" }, { "cgroup.parent", "auto" }, { "cgroup.self", "never" },
};

static void
test_defaults(void)
{
	size_t n = 0;

	for (size_t i = 0; i < G_N_ELEMENTS(defaults); i++)
		g_assert_cmpstr(key_find(defaults[i].name)->default_value, ==, defaults[i].value);
	for (const struct key *key = key_table; key->name; key++)
		n += key->default_value != NULL;
	g_assert_cmpuint(n, ==, G_N_ELEMENTS(defaults));
}

static void
test_json(void)
{
	char *text = NULL;
	json_t *array, *item;
	size_t i, n = 0;

	g_assert_cmpint(sbx_list_keys(&text, NULL), ==, 0);
	array = json_loads(text, 0, NULL);
	g_assert_true(json_is_array(array));
	json_array_foreach(array, i, item)
	{
		g_assert_cmpstr(json_string_value(json_object_get(item, "name")), ==, key_table[i].name);
		g_assert_cmpstr(json_string_value(json_object_get(item, "group")), ==, key_table[i].group);
		g_assert_cmpstr(json_string_value(json_object_get(item, "option")), ==, key_table[i].option);
		g_assert_cmpstr(json_string_value(json_object_get(item, "arg")), ==, key_table[i].arg);
		g_assert_cmpstr(json_string_value(json_object_get(item, "default")), ==, key_table[i].default_value);
		g_assert_cmpstr(json_string_value(json_object_get(item, "doc")), ==, key_table[i].doc);
		g_assert_cmpint(json_is_true(json_object_get(item, "list")), ==, key_table[i].list);
		g_assert_true(json_is_string(json_object_get(item, "type")));
		n++;
	}
	g_assert_null(key_table[n].name);
	json_decref(array);
	free(text);
}

static void
test_json_null(void)
{
	sbx_error *error = NULL;

	g_assert_cmpint(sbx_list_keys(NULL, &error), ==, -EINVAL);
	g_assert_cmpint(sbx_error_errno(error), ==, EINVAL);
	sbx_error_free(error);
}

int
main(int argc, char **argv)
{
	g_test_init(&argc, &argv, NULL);
	for (size_t i = 0; i < G_N_ELEMENTS(finds); i++) {
		g_autofree char *path = g_strdup_printf("/key/find/%zu", i);

		g_test_add_data_func(path, GSIZE_TO_POINTER(i), test_find);
	}
	for (size_t i = 0; i < G_N_ELEMENTS(nears); i++) {
		g_autofree char *path = g_strdup_printf("/key/nearest/%zu-%s", i, nears[i].name);

		g_test_add_data_func(path, GSIZE_TO_POINTER(i), test_near);
	}
	g_test_add_func("/key/find/long", test_find_long);
	g_test_add_func("/key/nearest/long", test_near_long);
	g_test_add_func("/key/table/complete", test_complete);
	g_test_add_func("/key/table/consistent", test_consistent);
	g_test_add_func("/key/table/defaults", test_defaults);
	g_test_add_func("/key/json", test_json);
	g_test_add_func("/key/json/null", test_json_null);
	return g_test_run();
}
