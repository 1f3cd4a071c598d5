/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* SPDX-FileCopyrightText: The libsbx developers */

/* Whose group is it? Names made and read. What is done with them: tests/live/test-sweep.c. */
#include <sys/wait.h>
#include <unistd.h>

#include "cgroup-owner.h"

static void
test_names(void)
{
	static const struct {
		const char *name;
		pid_t pid;
		uint64_t start;
	} good[] = {
		{ "sbx.1.1.0", 1, 1 },
		{ "sbx.1234.567890.12", 1234, 567890 },
		{ "sbx.2147483647.18446744073709551615.4294967295", 2147483647, UINT64_MAX },
		{ "sbx.7.0.0", 7, 0 },
	};

	for (size_t i = 0; i < G_N_ELEMENTS(good); i++) {
		struct cgroup_owner owner = { 0 };

		if (!cgroup_owner_parse(good[i].name, &owner))
			g_error("%s was not understood", good[i].name);
		g_assert_cmpint(owner.pid, ==, good[i].pid);
		g_assert_cmpuint(owner.start, ==, good[i].start);
	}
}

static void
test_not_names(void)
{
	static const char *const bad[] = {
		"",
		"sbx",
		"sbx.",
		"sbx..",
		"sbx...",
		"sbx.1.2",
		"sbx.1.2.",
		"sbx.1..2",
		"sbx.1.1.1.1",
		"sbx.1.1.1 ",
		"sbx. 1.1.1",
		"sbx.1.1.1\n",
		"sbx.abc.1.1",
		"sbx.1.x1.1",
		"sbx.1.1.0x1",
		"sbx.-1.1.1",
		"sbx.+1.1.1",
		"sbx.1.-1.1",
		"sbx.0.1.1",
		"sbx.01.1.1",
		"sbx.1.01.1",
		"sbx.1.1.01",
		"sbx.1.1.-0",
		"sbx.2147483648.1.1",
		"sbx.4294967297.1.1",
		"sbx.18446744073709551617.1.1",
		"sbx.1.18446744073709551616.1",
		"sbx.1.1.4294967296",
		"xsbx.1.1.1",
		"SBX.1.1.1",
		"sbx-host",
		"sbx-1.1.1",
		"sbx.1.1.1/x",
		"/sbx.1.1.1",
	};

	for (size_t i = 0; i < G_N_ELEMENTS(bad); i++) {
		struct cgroup_owner owner = { .pid = -7, .start = 7 };

		if (cgroup_owner_parse(bad[i], &owner))
			g_error("\"%s\" was taken for pid %d, start time %" G_GUINT64_FORMAT, bad[i], (int)owner.pid, owner.start);
		g_assert_cmpint(owner.pid, ==, -7);
	}
}

static void
test_self(void)
{
	struct cgroup_owner self, again, other;
	g_autofree char *name = NULL;
	int status = 0;
	pid_t pid;

	g_assert_true(cgroup_owner_self(&self));
	g_assert_cmpint(self.pid, ==, getpid());
	g_assert_true(cgroup_owner_seen(&self));
	name = cgroup_owner_name(&self, 42);
	g_assert_true(cgroup_owner_parse(name, &again));
	g_assert_cmpint(again.pid, ==, self.pid);
	g_assert_cmpuint(again.start, ==, self.start);
	/* a pid that another process has by now */
	other = self;
	other.start--;
	g_assert_false(cgroup_owner_seen(&other));
	other.start += 2;
	g_assert_false(cgroup_owner_seen(&other));
	/* a fork is another owner, whatever it has inherited */
	pid = fork();
	if (pid == 0)
		_exit(cgroup_owner_self(&other) && other.pid == getpid() && cgroup_owner_seen(&other) &&
		              cgroup_owner_seen(&self)
		          ? 0
		          : 1);
	g_assert_cmpint(waitpid(pid, &status, 0), ==, pid);
	g_assert_cmpint(status, ==, 0);
	other = (struct cgroup_owner){ .pid = pid, .start = self.start };
	g_assert_false(cgroup_owner_seen(&other));
}

int
main(int argc, char **argv)
{
	g_test_init(&argc, &argv, NULL);
	g_test_add_func("/sweep/names", test_names);
	g_test_add_func("/sweep/not-names", test_not_names);
	g_test_add_func("/sweep/self", test_self);
	return g_test_run();
}
