/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* SPDX-FileCopyrightText: The libsbx developers */

/* Tests of the facts about the host: against what the kernel says elsewhere, and on texts of other hosts. */
#include "host.h"

#include <glib.h>
#include <linux/capability.h>
#include <stdint.h>
#include <string.h>
#include <sys/stat.h>

static char *
line_of(const char *file, const char *prefix)
{
	g_autofree char *text = NULL;
	g_auto(GStrv) lines = NULL;

	g_assert_true(g_file_get_contents(file, &text, NULL, NULL));
	lines = g_strsplit(text, "\n", -1);
	for (char **line = lines; *line; line++)
		if (g_str_has_prefix(*line, prefix))
			return g_strdup(*line + strlen(prefix));
	return NULL;
}

static bool
listed(const struct host_path *paths, const char *path)
{
	for (; paths->path; paths++)
		if (g_str_equal(paths->path, path))
			return true;
	return false;
}

static void
test_paths(void)
{
	const struct host_path *lists[] = { host_masked_paths(), host_readonly_paths() };

	for (size_t i = 0; i < G_N_ELEMENTS(lists); i++)
		for (const struct host_path *path = lists[i]; path->path; path++) {
			struct stat st;

			g_test_message("%s", path->path);
			g_assert_cmpint(lstat(path->path, &st), ==, 0);
			g_assert_cmpint(S_ISDIR(st.st_mode), ==, path->is_dir);
		}
	g_assert_true(listed(host_readonly_paths(), "/proc/sys"));
	for (const char *const *path = (const char *const[]){ "/proc/kcore", "/proc/keys", "/sys/firmware", NULL }; *path;
	     path++)
		g_assert_cmpint(listed(host_masked_paths(), *path), ==, g_file_test(*path, G_FILE_TEST_EXISTS));
	g_assert_true(host_masked_paths() == lists[0]);
}

static void
test_caps(void)
{
	g_autofree char *last = NULL, *effective = line_of("/proc/thread-self/status", "CapEff:\t");
	uint64_t mask = g_ascii_strtoull(effective, NULL, 16);

	g_assert_true(g_file_get_contents("/proc/sys/kernel/cap_last_cap", &last, NULL, NULL));
	g_assert_cmpuint(host_last_cap(), ==, g_ascii_strtoull(last, NULL, 10));
	g_assert_cmpuint(host_last_cap(), ==, g_ascii_strtoull(last, NULL, 10));
	for (unsigned cap = 0; cap < 70; cap++)
		g_assert_cmpint(host_has_cap(cap), ==, cap < 64 && mask & (1ull << cap));
	g_assert_cmpint(host_is_privileged(), ==, !!(mask & (1ull << CAP_SYS_ADMIN)));
}

static void
test_namespaces(void)
{
	g_autofree char *map = line_of("/proc/self/uid_map", "         0          0 4294967295");
	g_autofree char *longer = g_strnfill(200, 'x');

	g_assert_cmpint(host_is_initial_user_ns(), ==, map != NULL);
	g_assert_cmpint(host_is_initial_user_ns(), ==, map != NULL);
	g_assert_true(host_has_ns("mnt"));
	g_assert_true(host_has_ns("user"));
	g_assert_false(host_has_ns("nonesuch"));
	g_assert_false(host_has_ns(longer));
	g_assert_cmpint(host_has_time_ns(), ==, g_file_test("/proc/self/ns/time", G_FILE_TEST_EXISTS));
}

#define DEBIAN                                                                      \
	"22 1 254:0 / / rw,relatime - ext4 /dev/vda rw\n"                               \
	"23 22 0:20 / /sys rw,nosuid,nodev,noexec,relatime shared:2 - sysfs sysfs rw\n" \
	"24 23 0:6 / /sys/kernel/security rw shared:3 - securityfs securityfs rw\n"     \
	"25 23 0:21 / /sys/fs/cgroup ro shared:4 - tmpfs tmpfs ro\n"                    \
	"26 22 0:22 / /proc rw,nosuid shared:5 - proc proc rw\n"                        \
	"27 26 0:30 / /proc/sys/fs/binfmt_misc rw shared:6 - autofs systemd-1 rw\n"

static void
test_mounts(void)
{
	static const struct {
		const char *what, *mountinfo;
		bool proc, sysfs;
	} cases[] = {
		{ "an ordinary host", DEBIAN, true, true },
		{ "a container that masks",
		  DEBIAN "30 26 0:40 /null /proc/kcore rw - tmpfs tmpfs rw\n31 23 0:41 / /sys/firmware ro - tmpfs t ro\n",
		  false, false },
		{ "the same, with a second, whole proc",
		  DEBIAN "30 26 0:40 /null /proc/kcore rw - tmpfs tmpfs rw\n"
		         "31 22 0:22 / /mnt/proc rw - proc proc rw\n",
		  true, true },
		{ "a piece of proc is no proc", "26 22 0:22 /sys /proc/sys ro - proc proc rw\n", false, false },
		{ "nothing mounted", "22 1 254:0 / / rw,relatime - ext4 /dev/vda rw\n", false, false },
		{ "garbage", "proc\n - \n1 2 3 - proc\n\n26 22 0:22 / /proc rw", false, false },
		{ "empty", "", false, false },
	};

	for (size_t i = 0; i < G_N_ELEMENTS(cases); i++) {
		g_test_message("%s", cases[i].what);
		g_assert_cmpint(host_mount_is_whole(cases[i].mountinfo, "proc"), ==, cases[i].proc);
		g_assert_cmpint(host_mount_is_whole(cases[i].mountinfo, "sysfs"), ==, cases[i].sysfs);
	}
	g_assert_cmpint(host_can_mount_proc(), ==, host_can_mount_proc());
	g_assert_cmpint(host_can_mount_sysfs(), ==, host_can_mount_sysfs());
}

/* Whatever the answer is: does the kernel agree? */
static void
test_mounts_live(void)
{
	static const char script[] =
		"mount -t proc -o ro proc /mnt && p=1 || p=0; mount -t sysfs -o ro sysfs /mnt && s=1 || s=0; echo $p$s";
	const char *argv[] = { "unshare", "-Urmpnf", "sh", "-c", script, NULL };
	g_autofree char *out = NULL, *err = NULL, *expected = NULL;
	int status = -1;

	if (!g_spawn_sync(NULL, (char **)argv, NULL, G_SPAWN_SEARCH_PATH, NULL, NULL, &out, &err, &status, NULL) ||
	    status) {
		if (!g_strcmp0(g_getenv("SBX_MUST_WORK"), "1"))
			g_test_fail_printf("no user namespace may be made with unshare(1): %s", err);
		else
			g_test_skip("no user namespace may be made with unshare(1)");
		return;
	}
	expected = g_strdup_printf("%d%d\n", host_can_mount_proc(), host_can_mount_sysfs());
	g_test_message("%s", err);
	g_assert_cmpstr(out, ==, expected);
}

int
main(int argc, char **argv)
{
	g_test_init(&argc, &argv, NULL);
	g_test_add_func("/host/paths", test_paths);
	g_test_add_func("/host/caps", test_caps);
	g_test_add_func("/host/namespaces", test_namespaces);
	g_test_add_func("/host/mounts", test_mounts);
	g_test_add_func("/host/mounts-live", test_mounts_live);
	return g_test_run();
}
