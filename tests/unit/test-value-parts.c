/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* SPDX-FileCopyrightText: The libsbx developers */

/* Values that are more than one number or word: given the text, then these parts. */
#include "rows.h"

#include <stdlib.h>

#define MAX_TEXT "18446744073709551615"

static const struct row time_rows[] = {
	{ "time", "10", "10000000" },
	{ "time", "10s", "10000000" },
	{ "time", "500ms", "500000" },
	{ "time", "2m", "120000000" },
	{ "time", "1h", "3600000000" },
	{ "time", "1.5", "1500000" },
	{ "time", "0.5ms", "500" },
	{ "time", "0.0000001s", "1" },
	{ "time", "0", "0" },
	{ "time", "", NULL },
	{ "time", "s", NULL },
	{ "time", "10 s", NULL },
	{ "time", "-1", NULL },
	{ "time", "1d", NULL },
	{ "time", "10S", NULL },
	{ "time", "max", NULL },
	{ "time", "9223372036854", NULL },
};

static void
test_time(gconstpointer data)
{
	const struct row *row = data;
	uint64_t usec = 42;
	bool good = value_time(row->text, &usec);

	g_assert_cmpint(good, ==, row->expected != NULL);
	g_assert_cmpuint(usec, ==, row->expected ? g_ascii_strtoull(row->expected, NULL, 10) : 42);
}

static const struct row offset_rows[] = {
	{ "offset", "0", "0" },
	{ "offset", "3600", "3600" },
	{ "offset", "+5", "5" },
	{ "offset", "-60", "-60" },
	{ "offset", "", NULL },
	{ "offset", "-", NULL },
	{ "offset", "--1", NULL },
	{ "offset", "1.5", NULL },
	{ "offset", "9223372036854775807", NULL },
	{ "offset", "4611686018", "4611686018" },
	{ "offset", "4611686019", NULL },
};

static void
test_offset(gconstpointer data)
{
	const struct row *row = data;
	int64_t seconds = 42;
	bool good = value_offset(row->text, &seconds);

	g_assert_cmpint(good, ==, row->expected != NULL);
	g_assert_cmpint(seconds, ==, row->expected ? g_ascii_strtoll(row->expected, NULL, 10) : 42);
}

static const struct row nice_rows[] = {
	{ "nice", "0", "0" },    { "nice", "19", "19" }, { "nice", "-20", "-20" }, { "nice", "20", NULL },
	{ "nice", "-21", NULL }, { "nice", "+1", NULL }, { "nice", "", NULL },     { "nice", "-", NULL },
};

static void
test_nice(gconstpointer data)
{
	const struct row *row = data;
	int nice = 42;
	bool good = value_nice(row->text, &nice);

	g_assert_cmpint(good, ==, row->expected != NULL);
	g_assert_cmpint(nice, ==, row->expected ? atoi(row->expected) : 42);
}

/* expected: "src|dst|text|size|inodes" */
static const struct row mount_rows[] = {
	{ "bind", "/a", "/a|/a|||" },
	{ "bind", "/a:/b", "/a|/b|||" },
	{ "bind", "/", "/|/|||" },
	{ "bind", "/a/../b:/c", "/a/../b|/c|||" },
	{ "bind", "/a:/b//c/./d/", "/a|/b/c/d|||" },
	{ "bind", "/a\\:b:/c", "/a:b|/c|||" },
	{ "bind", "/a\\\\b:/c\\:d", "/a\\b|/c:d|||" },
	{ "bind", "/\xff:/b", "/\xff|/b|||" },
	{ "ro-bind", "/a:/b", "/a|/b|||" },
	{ "bind", "", NULL },
	{ "bind", "a", NULL },
	{ "bind", "a:/b", NULL },
	{ "bind", "/a:b", NULL },
	{ "bind", "/a:", NULL },
	{ "bind", ":/a", NULL },
	{ "bind", "/a:/b:ro", NULL },
	{ "bind", "/a:/b/../c", NULL },
	{ "bind", "/a/..", NULL },
	{ "bind", "/a\\n", NULL },
	{ "bind", "/a\\", NULL },
	{ "tmpfs", "/w", "|/w|||" },
	{ "tmpfs", "/w:4G", "|/w||4294967296|" },
	{ "tmpfs", "/w:1M:100", "|/w||1048576|100" },
	{ "tmpfs", "/w:max:100", "|/w|||100" },
	{ "tmpfs", "w", NULL },
	{ "tmpfs", "/w:", NULL },
	{ "tmpfs", "/w:0", NULL },
	{ "tmpfs", "/w:1M:0", NULL },
	{ "tmpfs", "/w:1M:1:1", NULL },
	{ "overlay", "/usr/", "|/usr|||" },
	{ "overlay", "/a:b", "|/a:b|||" },
	{ "overlay", "usr", NULL },
	{ "overlay", "/..", NULL },
	{ "file", "/a=b=c", "|/a|b=c||" },
	{ "file", "/a=", "|/a|||" },
	{ "file", "/a=x\ny", "|/a|x\ny||" },
	{ "file", "/a", NULL },
	{ "file", "/=x", NULL },
	{ "file", "a=x", NULL },
	{ "file", "=x", NULL },
	{ "symlink", "b:/a", "b|/a|||" },
	{ "symlink", "../c\\:d:/a", "../c:d|/a|||" },
	{ "symlink", "b", NULL },
	{ "symlink", ":/a", NULL },
	{ "symlink", "b:/", NULL },
	{ "symlink", "b:a", NULL },
};

static void
test_mount(gconstpointer data)
{
	const struct row *row = data;
	g_auto(value_mount_t) mount = { .src = NULL };
	g_autofree char *size = NULL;
	g_autofree char *inodes = NULL;
	g_autofree char *found = NULL;

	check_row(row);
	g_assert_cmpint(value_mount(key_find(row->key)->type, row->text, &mount), ==, row->expected != NULL);
	if (!row->expected) {
		g_assert_null(mount.dst);
		return;
	}
	size = mount.size == VALUE_MAX ? NULL : g_strdup_printf("%" G_GUINT64_FORMAT, mount.size);
	inodes = mount.inodes == VALUE_MAX ? NULL : g_strdup_printf("%" G_GUINT64_FORMAT, mount.inodes);
	found = g_strdup_printf("%s|%s|%s|%s|%s", mount.src ? mount.src : "", mount.dst, mount.text ? mount.text : "",
	                        size ? size : "", inodes ? inodes : "");
	g_assert_cmpstr(found, ==, row->expected);
}

static const struct row user_rows[] = {
	{ "user", "0", "0:0" },
	{ "user", "1000", "1000:1000" },
	{ "user", "1000:100", "1000:100" },
	{ "user", "4294967294", "4294967294:4294967294" },
	{ "user", "4294967295", NULL },
	{ "user", "0:4294967295", NULL },
	{ "user", "root", NULL },
	{ "user", "0:", NULL },
	{ "user", ":0", NULL },
	{ "user", "-1", NULL },
	{ "user", "0:0:0", NULL },
	{ "user", "4294967296", NULL },
};

static void
test_user(gconstpointer data)
{
	const struct row *row = data;
	struct value_user user;
	bool good = value_user(row->text, &user);
	g_autofree char *found = good ? g_strdup_printf("%u:%u", user.uid, user.gid) : NULL;

	check_row(row);
	g_assert_cmpstr(found, ==, row->expected);
}

static const struct row map_rows[] = {
	{ "uid-map", "0:100000:65536", "0:100000:65536" },
	{ "gid-map", "5:6:1", "5:6:1" },
	{ "uid-map", "0:0:4294967295", "0:0:4294967295" },
	{ "uid-map", "0:1:4294967295", NULL },
	{ "uid-map", "1:0:4294967295", NULL },
	{ "uid-map", "0:0:0", NULL },
	{ "uid-map", "0:0:4294967296", NULL },
	{ "uid-map", "0:0", NULL },
	{ "uid-map", "0:0:1:1", NULL },
	{ "uid-map", "0 0 1", NULL },
	{ "uid-map", "", NULL },
};

static void
test_map(gconstpointer data)
{
	const struct row *row = data;
	struct value_map map;
	bool good = value_map(row->text, &map);
	g_autofree char *found = good ? g_strdup_printf("%u:%u:%u", map.inside, map.outside, map.count) : NULL;

	check_row(row);
	g_assert_cmpstr(found, ==, row->expected);
}

static const struct row ids_rows[] = {
	{ "groups", "", "" },      { "groups", "5", "5 " },          { "groups", "5,6,4294967294", "5 6 4294967294 " },
	{ "groups", "5,", NULL },  { "groups", ",5", NULL },         { "groups", "wheel", NULL },
	{ "groups", "5 6", NULL }, { "groups", "4294967295", NULL },
};

static void
test_ids(gconstpointer data)
{
	const struct row *row = data;
	g_autoptr(GArray) ids = NULL;
	g_autoptr(GString) found = g_string_new(NULL);
	bool good = value_ids(row->text, &ids);

	for (guint i = 0; ids && i < ids->len; i++)
		g_string_append_printf(found, "%u ", g_array_index(ids, uint32_t, i));
	check_row(row);
	g_assert_cmpint(good, ==, row->expected != NULL);
	if (good)
		g_assert_cmpstr(found->str, ==, row->expected);
}

static const struct row rlimit_rows[] = {
	{ "rlimit", "nofile=1024", "7 1024 1024" },
	{ "rlimit", "nofile=1024:4096", "7 1024 4096" },
	{ "rlimit", "RLIMIT_NOFILE=5", "7 5 5" },
	{ "rlimit", "NOFILE=5", "7 5 5" },
	{ "rlimit", "as=1G", "9 1073741824 1073741824" },
	{ "rlimit", "core=0:unlimited", "4 0 " MAX_TEXT },
	{ "rlimit", "stack=max", "3 " MAX_TEXT " " MAX_TEXT },
	{ "rlimit", "nofile", NULL },
	{ "rlimit", "nofile=", NULL },
	{ "rlimit", "nofile=5:4", NULL },
	{ "rlimit", "nofile=unlimited:4", NULL },
	{ "rlimit", "nofile=1K", NULL },
	{ "rlimit", "nofile=1:2:3", NULL },
	{ "rlimit", "nofil=1", NULL },
	{ "rlimit", "RLIMIT_=1", NULL },
	{ "rlimit", "=1", NULL },
};

static void
test_rlimit(gconstpointer data)
{
	const struct row *row = data;
	struct value_rlimit limit;
	bool good = value_rlimit(row->text, &limit);
	g_autofree char *found =
		good ? g_strdup_printf("%d %" G_GUINT64_FORMAT " %" G_GUINT64_FORMAT, limit.resource, limit.soft, limit.hard)
			 : NULL;

	check_row(row);
	g_assert_cmpstr(found, ==, row->expected);
}

/* expected: the mask in hexadecimal digits */
static const struct row cap_rows[] = {
	{ "cap", "chown", "1" },
	{ "cap", "CAP_CHOWN", "1" },
	{ "cap", "Cap_Chown,kill", "21" },
	{ "cap", "sys_admin", "200000" },
	{ "cap", "sys_ptrace", "80000" },
	{ "cap", "chown,CAP_SYS_BOOT", NULL },
	{ "cap", "all", NULL },
	{ "cap", "0", NULL },
	{ "cap", "chown kill", NULL },
	{ "cap", "chown,", NULL },
	{ "cap", "chownn", NULL },
	{ "cap", "cap_cap_chown", NULL },
};

static void
test_cap(gconstpointer data)
{
	const struct row *row = data;
	uint64_t mask;
	bool good = value_cap(row->text, &mask);
	g_autofree char *found = good ? g_strdup_printf("%" G_GINT64_MODIFIER "x", mask) : NULL;
	g_autoptr(GError) error = NULL;

	g_assert_cmpint(value_check(key_find("cap"), "cap", row->text, &error), ==, row->expected != NULL);
	g_assert_cmpstr(found, ==, row->expected);
}

static void
test_cap_names_the_bad_one(void)
{
	g_autoptr(GError) error = NULL;
	g_autoptr(GError) refused = NULL;

	g_assert_false(value_check(key_find("cap"), "cap", "chown,foo,kill", &error));
	g_assert_cmpstr(error->message, ==,
	                "cap: \"foo\" is not a capability; accepted: names as in capabilities(7), separated by commas");
	g_assert_false(value_check(key_find("cap"), "cap", "sys_boot", &refused));
	g_assert_nonnull(strstr(refused->message, "CAP_SYS_BOOT is refused"));
}

static const struct row share_rows[] = {
	{ "share", "pid", "1" },        { "share", "pid,ipc,uts,net,cgroup,user,time", "127" },
	{ "share", "user,user", "32" }, { "share", "", NULL },
	{ "share", "mnt", NULL },       { "share", "pid,", NULL },
	{ "share", "pid, ipc", NULL },  { "share", "all", NULL },
};

static void
test_share(gconstpointer data)
{
	const struct row *row = data;
	unsigned bits;
	bool good = value_share(row->text, &bits);
	g_autofree char *found = good ? g_strdup_printf("%u", bits) : NULL;

	check_row(row);
	g_assert_cmpstr(found, ==, row->expected);
}

int
main(int argc, char **argv)
{
	g_test_init(&argc, &argv, NULL);
	ROWS("time", time_rows, test_time)
	ROWS("offset", offset_rows, test_offset)
	ROWS("nice", nice_rows, test_nice)
	ROWS("mount", mount_rows, test_mount)
	ROWS("user", user_rows, test_user)
	ROWS("map", map_rows, test_map)
	ROWS("ids", ids_rows, test_ids)
	ROWS("rlimit", rlimit_rows, test_rlimit)
	ROWS("cap", cap_rows, test_cap)
	ROWS("share", share_rows, test_share)
	g_test_add_func("/value/cap/names-the-bad-one", test_cap_names_the_bad_one);
	return g_test_run();
}
