/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* SPDX-FileCopyrightText: The libsbx developers */

/* The doctor's pure parts: the texts it reads, and the table it is printed as. */
#include "doctor.h"

#include <glib.h>
#include <string.h>

#include "../../tools/doctor.h"

/* --- texts --- */

static void
test_field(void)
{
	static const char status[] = "Name:\tNoNewPrivs: 7\nSeccomp_filters:\t2\nNoNewPrivs:\t1\nSeccomp:\t0\nlast: x";
	static const struct {
		const char *name, *value;
	} rows[] = {
		{ "NoNewPrivs", "1" },
		{ "Seccomp", "0" },
		{ "Seccomp_filters", "2" },
		{ "Seccomp_filter", NULL },
		{ "last", "x" },
		{ "NoSuch", NULL },
		{ "", NULL },
	};

	for (size_t i = 0; i < G_N_ELEMENTS(rows); i++) {
		g_autofree char *value = doctor_field(status, rows[i].name);

		g_test_message("%s", rows[i].name);
		g_assert_cmpstr(value, ==, rows[i].value);
	}
	g_assert_null(doctor_field("", "Seccomp"));
}

static void
test_number(void)
{
	static const struct {
		const char *text;
		bool good;
		int64_t value;
	} rows[] = {
		{ "0\n", true, 0 },
		{ "15000\n", true, 15000 },
		{ "-1", true, -1 },
		{ "", false, 0 },
		{ "\n", false, 0 },
		{ "1 2\n", false, 0 },
		{ "0x1", false, 0 },
		{ NULL, false, 0 },
		{ " 2 \n", true, 2 },
		{ "max\n", false, 0 },
		{ "99999999999999999999", false, 0 },
	};

	for (size_t i = 0; i < G_N_ELEMENTS(rows); i++) {
		int64_t value = -7;

		g_test_message("%s", rows[i].text ? rows[i].text : "NULL");
		g_assert_cmpint(doctor_number(rows[i].text, &value), ==, rows[i].good);
		g_assert_cmpint(value, ==, rows[i].good ? rows[i].value : -7);
	}
}

static void
test_parameter(void)
{
	g_assert_true(doctor_has_parameter("quiet psi=0 x\n", "psi=0"));
	g_assert_true(doctor_has_parameter("psi=0", "psi=0"));
	g_assert_true(doctor_has_parameter("a  psi=0\n", "psi=0"));
	g_assert_false(doctor_has_parameter("psi=01", "psi=0"));
	g_assert_false(doctor_has_parameter("xpsi=0", "psi=0"));
	g_assert_false(doctor_has_parameter("", "psi=0"));
}

static void
test_free_subid(void)
{
	static const struct {
		const char *text;
		uint32_t first;
	} rows[] = {
		{ "", 100000 },
		{ "a:100000:65536\n", 165536 },
		{ "b:165536:65536\na:100000:65536\n", 231072 },
		{ "a:200000:10\n", 100000 },
		{ "a:165535:1\n", 165536 },
		{ "a:99999:1\n", 100000 },
		{ "a:99999:2\n", 100001 },
		{ "garbage\na:b:c\na:-5:7\na:100000:0\n", 100000 },
		{ "a:100000:4294867295\n", 0 },
		{ "a:0:4294967295", 0 },
	};

	for (size_t i = 0; i < G_N_ELEMENTS(rows); i++) {
		g_test_message("%s", rows[i].text);
		g_assert_cmpuint(doctor_free_subid(rows[i].text), ==, rows[i].first);
	}
}

static void
test_layout(void)
{
	g_assert_cmpstr(doctor_layout_name(true, false), ==, "unified");
	g_assert_cmpstr(doctor_layout_name(true, true), ==, "hybrid");
	g_assert_cmpstr(doctor_layout_name(false, true), ==, "legacy");
	g_assert_cmpstr(doctor_layout_name(false, false), ==, "none");
	g_assert_true(doctor_is_v1_controllers("rw,cpu,cpuacct"));
	g_assert_true(doctor_is_v1_controllers("memory"));
	g_assert_false(doctor_is_v1_controllers("rw,xattr,name=systemd"));
	g_assert_false(doctor_is_v1_controllers("rw,name=memory"));
}

/* --- the table --- */

static const char json[] =
	"{ \"ok\": false, \"summary\": \"A box can be made here, but without limits.\", \"kernel\": \"6.1\", \"checks\": ["
	"{ \"name\": \"kernel.clone3\", \"group\": \"kernel\", \"status\": \"ok\", \"found\": \"clone3(2) is there\","
	" \"lost\": null, \"repair\": null },"
	"{ \"name\": \"cgroup.memory\", \"group\": \"cgroup\", \"status\": \"fail\", \"found\": \"the memory controller is bound"
	" to a cgroup v1 hierarchy on this host (/sys/fs/cgroup/mem\\u001b[31mory)\", \"lost\": \"memory.max and its like\","
	" \"repair\": \"boot with systemd.unified_cgroup_hierarchy=1 or cgroup_no_v1=all, or run in a VM, or do nothing at all\" },"
	"{ \"name\": \"cgroup.rdma\", \"group\": \"cgroup\", \"status\": \"warn\", \"found\": \"none\", \"lost\": \"rdma.max\","
	" \"repair\": null },"
	"{ \"name\": \"box\", \"group\": \"box\", \"status\": \"unknown\", \"found\": \"x\", \"lost\": null, \"repair\": null } ] }";

static const char plain[] =
	"kernel\n"
	"  ok  clone3  clone3(2) is there\n"
	"\n"
	"cgroup\n"
	"  !!  memory  the memory controller is bound to a cgroup v1 hierarchy on this host\n"
	"              (/sys/fs/cgroup/mem?[31mory)\n"
	"              lost:   memory.max and its like\n"
	"              repair: boot with systemd.unified_cgroup_hierarchy=1 or cgroup_no_v1=all, or run in a VM, or do nothing at"
	" all\n"
	"  --  rdma    none\n"
	"              lost:   rdma.max\n"
	"\n"
	"box\n"
	"  ??  box     x\n"
	"\n"
	"A box can be made here, but without limits.\n";

static void
test_table(void)
{
	g_autofree char *table = doctor_table(json, FALSE), *coloured = doctor_table(json, TRUE);

	g_assert_cmpstr(table, ==, plain);
	g_assert_null(strchr(table, '\033'));
	g_assert_nonnull(strstr(coloured, "  \033[32mok\033[0m  clone3  clone3(2) is there\n"));
	g_assert_nonnull(strstr(coloured, "  \033[31m!!\033[0m  memory  "));
	g_assert_nonnull(strstr(coloured, "  \033[33m--\033[0m  rdma    none\n"));
	g_assert_null(strstr(coloured, "mem\033"));
	g_assert_null(doctor_table("", FALSE));
	g_assert_null(doctor_table("[]", FALSE));
	g_assert_null(doctor_table("{}", FALSE));
}

int
main(int argc, char **argv)
{
	g_test_init(&argc, &argv, NULL);
	g_test_add_func("/doctor/field", test_field);
	g_test_add_func("/doctor/number", test_number);
	g_test_add_func("/doctor/parameter", test_parameter);
	g_test_add_func("/doctor/free-subid", test_free_subid);
	g_test_add_func("/doctor/layout", test_layout);
	g_test_add_func("/doctor/table", test_table);
	return g_test_run();
}
