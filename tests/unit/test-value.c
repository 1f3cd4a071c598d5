/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* SPDX-FileCopyrightText: The libsbx developers */

/* Values: given the text of a key, then what the kernel's file gets, or a refusal that says what is accepted. */
#include "rows.h"

#define MAX_TEXT "18446744073709551615"

static const struct row kernel_rows[] = {
	{ "memory.max", "0", "0" },
	{ "memory.max", "100", "100" },
	{ "memory.max", "100K", "102400" },
	{ "memory.max", "100M", "104857600" },
	{ "memory.max", "100m", "104857600" },
	{ "memory.max", "1.5G", "1610612736" },
	{ "memory.max", "0.3K", "307" },
	{ "memory.max", "2T", "2199023255552" },
	{ "memory.max", "max", "max" },
	{ "memory.max", "9223372036854775807", "9223372036854775807" },
	{ "memory.max", "8388607T", "9223370937343148032" },
	{ "memory.max", "", NULL },
	{ "memory.max", "12x", NULL },
	{ "memory.max", "100MB", NULL },
	{ "memory.max", "100MiB", NULL },
	{ "memory.max", "100 M", NULL },
	{ "memory.max", " 100", NULL },
	{ "memory.max", "100 ", NULL },
	{ "memory.max", "-1", NULL },
	{ "memory.max", "+1", NULL },
	{ "memory.max", "0x10", NULL },
	{ "memory.max", "1e3", NULL },
	{ "memory.max", "1.5", NULL },
	{ "memory.max", "1,5G", NULL },
	{ "memory.max", ".5G", NULL },
	{ "memory.max", "1.G", NULL },
	{ "memory.max", "MAX", NULL },
	{ "memory.max", "9223372036854775808", NULL },
	{ "memory.max", MAX_TEXT, NULL },
	{ "memory.max", "18446744073709551616", NULL },
	{ "memory.max", "8388608T", NULL },
	{ "memory.max", "1.0000000000000001G", NULL },
	{ "memory.max", "\xff", NULL },
	{ "pids.max", "64", "64" },
	{ "pids.max", "max", "max" },
	{ "pids.max", "64K", NULL },
	{ "pids.max", "-5", NULL },
	{ "pids.max", "1.5", NULL },
	{ "cpu.max.burst", "5000", "5000" },
	{ "cpu.max.burst", "max", NULL },
	{ "cpu.weight", "1", "1" },
	{ "cpu.weight", "10000", "10000" },
	{ "cpu.weight", "0", NULL },
	{ "cpu.weight", "10001", NULL },
	{ "cpu.weight", "max", NULL },
	{ "cpu.idle", "yes", "1" },
	{ "cpu.idle", "off", "0" },
	{ "cpu.idle", "true", "1" },
	{ "cpu.idle", "0", "0" },
	{ "cpu.idle", "2", NULL },
	{ "cpu.idle", "Yes", NULL },
	{ "memory.oom.group", "group", "1" },
	{ "memory.oom.group", "one", "0" },
	{ "memory.oom.group", "1", "1" },
	{ "memory.oom.group", "no", "0" },
	{ "memory.oom.group", "all", NULL },
	{ "cpu.max", "1", "100000 100000" },
	{ "cpu.max", "1.5", "150000 100000" },
	{ "cpu.max", "150%", "150000 100000" },
	{ "cpu.max", "0.01", "1000 100000" },
	{ "cpu.max", "max", "max 100000" },
	{ "cpu.max", "50000 100000", "50000 100000" },
	{ "cpu.max", "max 50000", "max 50000" },
	{ "cpu.max", "1000 1000000", "1000 1000000" },
	{ "cpu.max", "0", NULL },
	{ "cpu.max", "0.009", NULL },
	{ "cpu.max", "999 100000", NULL },
	{ "cpu.max", "50000 999", NULL },
	{ "cpu.max", "50000 1000001", NULL },
	{ "cpu.max", "50000", NULL },
	{ "cpu.max", "50000  100000", NULL },
	{ "cpu.max", "50000 100000 ", NULL },
	{ "cpu.max", "1.5 100000", NULL },
	{ "cpu.max", "%", NULL },
	{ "cpu.max", "50%%", NULL },
	{ "cpu.uclamp.max", "max", "max" },
	{ "cpu.uclamp.max", "100", "100" },
	{ "cpu.uclamp.max", "33.33", "33.33" },
	{ "cpu.uclamp.max", "100.01", NULL },
	{ "cpu.uclamp.max", "33.333", NULL },
	{ "cpu.uclamp.max", "50%", NULL },
	{ "cpuset.cpus", "0", "0" },
	{ "cpuset.cpus", "0-3,7", "0-3,7" },
	{ "cpuset.cpus", "3-0", NULL },
	{ "cpuset.cpus", "0,", NULL },
	{ "cpuset.cpus", ",0", NULL },
	{ "cpuset.cpus", "0-", NULL },
	{ "cpuset.cpus", "0-1-2", NULL },
	{ "cpuset.cpus", "70000", NULL },
	{ "io.max", "8:0 rbps=1M", "8:0 rbps=1048576" },
	{ "io.max", "/dev/sda rbps=1M wbps=max riops=100 wiops=5", "/dev/sda rbps=1048576 wbps=max riops=100 wiops=5" },
	{ "io.max", "8:0  wiops=7 ", "8:0 wiops=7" },
	{ "io.max", "8:0", NULL },
	{ "io.max", "rbps=1M", NULL },
	{ "io.max", "sda rbps=1M", NULL },
	{ "io.max", "8:0 rbps=1M rbps=2M", NULL },
	{ "io.max", "8:0 rbps=0", NULL },
	{ "io.max", "8:0 bps=1M", NULL },
	{ "io.max", "8:0 riops=1M", NULL },
	{ "io.max", "8: rbps=1M", NULL },
	{ "io.max", "5000:0 rbps=1M", NULL },
	{ "io.max", "8:0 rbps=1M\n8:16 rbps=max", NULL },
	{ "io.latency", "8:0 target=1000", "8:0 target=1000" },
	{ "hugetlb.2MB.max", "0", "0" },
	{ "hugetlb.2MB.max", "", NULL },
	{ "hugetlb.2MB.max", "0\n1", NULL },
};

/* Nothing but yes or no: what is made of these is checked by the functions further down. */
static const struct row text_rows[] = {
	{ "root", "host", "" },
	{ "root", "empty", "" },
	{ "root", "/srv/root", "" },
	{ "root", "srv", NULL },
	{ "root", "", NULL },
	{ "net", "none", "" },
	{ "net", "loopback", "" },
	{ "net", "host", "" },
	{ "net", "/run/netns/a", "" },
	{ "net", "bridge", NULL },
	{ "hostname", "box", "" },
	{ "hostname", "a.b-c.9", "" },
	{ "hostname", "", NULL },
	{ "hostname", "-a", NULL },
	{ "hostname", "a_b", NULL },
	{ "hostname", "a b", NULL },
	{ "hostname", "0123456789012345678901234567890123456789012345678901234567890123", "" },
	{ "hostname", "01234567890123456789012345678901234567890123456789012345678901234", NULL },
	{ "seccomp", "default", "" },
	{ "seccomp", "none", "" },
	{ "seccomp", "strict", "" },
	{ "seccomp", "/etc/policy", "" },
	{ "seccomp", "", NULL },
	{ "chdir", "/", "" },
	{ "chdir", "/a/../b", "" },
	{ "chdir", "a", NULL },
	{ "env", "A=", "" },
	{ "env", "A=b=c", "" },
	{ "env", "A=\xff", "" },
	{ "env", "A", NULL },
	{ "env", "=b", NULL },
	{ "cgroup.parent", "auto", "" },
	{ "cgroup.parent", "/sys/fs/cgroup/a", "" },
	{ "cgroup.parent", "systemd", "" },
	{ "cgroup.parent", "system", NULL },
	{ "cgroup.self", "never", "" },
	{ "cgroup.self", "leaf", "" },
	{ "cgroup.self", "yes", NULL },
	{ "cgroup.parent", "/a/../b", NULL },
	{ "time.wall", "10", "" },
	{ "time.wall", "0", NULL },
	{ "time.wall", "0ms", NULL },
	{ "time.grace", "0", "" },
	{ "cgroup.delegate", "yes", "" },
	{ "cgroup.delegate", "maybe", NULL },
	{ "keep-env", "yes", "" },
	{ "keep-env", "perhaps", NULL },
};

static void
test_kernel(gconstpointer data)
{
	const struct row *row = data;

	check_row(row);
	if (row->expected) {
		g_autofree char *kernel = value_kernel(key_find(row->key), row->text);

		g_assert_cmpstr(kernel, ==, row->expected);
	}
}

static void
test_text(gconstpointer data)
{
	check_row(data);
}

static void
test_message(void)
{
	g_autoptr(GError) error = NULL;

	g_assert_false(value_check(key_find("memory.max"), "memory.max", "12x", &error));
	g_assert_cmpstr(
		error->message, ==,
		"memory.max: \"12x\" is not a size; accepted: bytes, a number with K, M, G or T (1024-based, as in 100M "
		"or 1.5G), or max");
}

static void
test_message_is_short(void)
{
	g_autofree char *text = g_strnfill(10000, 'x');
	g_autoptr(GError) error = NULL;

	g_assert_false(value_check(key_find("memory.max"), "memory.max", text, &error));
	g_assert_cmpuint(strlen(error->message), <, 300);
}

static void
test_message_is_one_line(void)
{
	g_autoptr(GError) error = NULL;

	g_assert_false(value_check(key_find("memory.max"), "memory.max", "1\n2\x1b[31m\xff", &error));
	g_assert_true(g_str_has_prefix(error->message, "memory.max: \"1\\n2\\x1b[31m\\xff\" is not"));
}

static void
test_too_long(void)
{
	g_autofree char *long_path = g_strnfill(20000, '/');
	g_autofree char *long_name = g_strnfill(300, 'a');
	g_autofree char *bind = g_strdup_printf("/%s", long_name);
	g_autoptr(GError) error = NULL;
	g_autoptr(GError) no_value = NULL;
	char *path;

	g_assert_false(value_check(key_find("bind"), "bind", long_path, &error));
	g_assert_nonnull(strstr(error->message, "20000 bytes"));
	g_assert_false(value_check(key_find("bind"), "bind", bind, NULL));
	g_assert_false(value_check(key_find("bind"), "bind", NULL, &no_value));
	g_assert_cmpstr(no_value->message, ==, "bind: no value");
	path = value_path("/a/b");
	g_assert_cmpstr(path, ==, "/a/b");
	g_free(path);
}

static void
test_long_env(void)
{
	g_autofree char *fill = g_strnfill(131069, 'x');
	g_autofree char *fits = g_strdup_printf("A=%s", fill);
	g_autofree char *long_one = g_strdup_printf("A=%sx", fill);

	g_assert_true(value_check(key_find("env"), "env", fits, NULL));
	g_assert_false(value_check(key_find("env"), "env", long_one, NULL));
}

/* Every default of the table is a good value of its key. */
static void
test_defaults(void)
{
	unsigned seen = 0;

	for (const struct key *key = key_table; key->name; key++) {
		g_autoptr(GError) error = NULL;

		if (!key->default_value)
			continue;
		value_check(key, key->name, key->default_value, &error);
		g_assert_no_error(error);
		seen++;
	}
	g_assert_cmpuint(seen, >=, 5);
}

/* Strings of one and two bytes, for every type: an answer, and a message that is text. */
static void
test_garbage(void)
{
	for (const struct key *key = key_table; key->name; key++)
		for (unsigned n = 1; n < 65536; n += 7) {
			char text[3] = { (char)(n >> 8 ? n >> 8 : n & 255), (char)(n >> 8 ? n & 255 : 0), '\0' };
			g_autoptr(GError) error = NULL;

			if (!value_check(key, key->name, text, &error))
				g_assert_true(g_utf8_validate(error->message, -1, NULL));
			else if (key->limit) {
				g_autofree char *kernel = value_kernel(key, text);

				g_assert_nonnull(kernel);
			}
		}
}

int
main(int argc, char **argv)
{
	g_test_init(&argc, &argv, NULL);
	ROWS("kernel", kernel_rows, test_kernel)
	ROWS("text", text_rows, test_text)
	g_test_add_func("/value/message/wording", test_message);
	g_test_add_func("/value/message/short", test_message_is_short);
	g_test_add_func("/value/message/one-line", test_message_is_one_line);
	g_test_add_func("/value/too-long", test_too_long);
	g_test_add_func("/value/env/argument-limit", test_long_env);
	g_test_add_func("/value/defaults", test_defaults);
	g_test_add_func("/value/garbage", test_garbage);
	return g_test_run();
}
