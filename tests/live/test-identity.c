/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* SPDX-FileCopyrightText: The libsbx developers */

/* Who the payload is, inside and seen from outside, and what it may not become. */
#include "live.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

/* "uid gid", as a box of `keys` says it */
static char *
ids_inside(const char *const *keys)
{
	g_autoptr(live_t) box = live_run(keys, "echo $(id -u) $(id -g)");

	live_ok(box);
	return g_strdup(g_strchomp(box->out));
}

/* "uid:gid" on the host of a file that the payload makes, in our own namespace's numbers */
static char *
ids_outside(const char *const *keys)
{
	autodir dir = live_dir();
	g_autofree char *pair = live_pair(dir, "/tmp/shared"), *made = live_path(dir, "made");
	g_autoptr(sbx_spec) spec = live_spec_bare(keys);
	sbx_command command = { .size = sizeof command,
		                    .argv = ARGV("touch", "/tmp/shared/made"),
		                    .stdio = { SBX_STDIO_NULL, SBX_STDIO_CAPTURE, SBX_STDIO_CAPTURE } };
	g_autoptr(live_t) box = NULL;
	struct stat st;

	g_assert_cmpint(sbx_spec_set(spec, "bind", pair, NULL), ==, 0);
	box = live_spec(spec, &command);
	live_ok(box);
	g_assert_cmpint(stat(made, &st), ==, 0);
	return g_strdup_printf("%u:%u", st.st_uid, st.st_gid);
}

/* The lines of /proc/self/status that have this beginning */
static char *
status_of(const char *const *keys, const char *pattern)
{
	g_autofree char *script = g_strdup_printf("grep -E '^(%s):' /proc/self/status", pattern);
	g_autoptr(live_t) box = live_run(keys, script);

	live_ok(box);
	return g_steal_pointer(&box->out);
}

/* --- ids --- */

static void
test_default(void)
{
	g_autofree char *inside = ids_inside(NO_SPEC), *outside = ids_outside(NO_SPEC);
	g_autofree char *own_inside = g_strdup_printf("%u %u", geteuid(), getegid()),
					*own = g_strdup_printf("%u:%u", geteuid(), getegid());

	if (live_mode() == LIVE_USER) {
		g_assert_cmpstr(inside, ==, own_inside);
		g_assert_cmpstr(outside, ==, own);
	} else {
		g_assert_cmpstr(inside, ==, "65534 65534");
		/* root of a user namespace has no other id to give */
		g_assert_cmpstr(outside, ==, live_is_root() ? "65534:65534" : "0:0");
	}
}

static void
test_user_0(void)
{
	g_autofree char *inside = ids_inside(SPEC("user", "0")), *outside = ids_outside(SPEC("user", "0"));
	g_autofree char *own = g_strdup_printf("%u:%u", geteuid(), getegid());

	g_assert_cmpstr(inside, ==, "0 0");
	g_assert_cmpstr(outside, ==, live_is_root() ? "65534:65534" : own);
}

static void
test_user_other(void)
{
	g_autofree char *inside = ids_inside(SPEC("user", "1234:2345")), *outside = ids_outside(SPEC("user", "1234:2345"));
	g_autofree char *own = g_strdup_printf("%u:%u", geteuid(), getegid());

	g_assert_cmpstr(inside, ==, "1234 2345");
	g_assert_cmpstr(outside, ==, live_is_root() ? "1234:2345" : own);
}

static void
test_share_user(void)
{
	g_autoptr(live_t) refused = NULL;
	g_autofree char *outside = NULL, *user = NULL, *caps = NULL;

	if (live_mode() == LIVE_USER) {
		refused = live_run(SPEC("share", "user", "user", "0"), "true");
		live_failed(refused, "identity", EPERM, "share=user");
		live_contains(refused->hint, "share");
		return;
	}
	if (!live_is_root()) {
		live_skip_mode("needs root of the host: this user namespace may deny setgroups");
		return;
	}
	outside = ids_outside(SPEC("share", "user", "user", "0"));
	g_assert_cmpstr(outside, ==, "0:0");
	user = ids_outside(SPEC("share", "user", "user", "1234"));
	g_assert_cmpstr(user, ==, "1234:1234");
	caps = status_of(SPEC("share", "user", "user", "0"), "CapEff|CapBnd");
	g_assert_cmpstr(caps, ==, "CapEff:\t0000000000000000\nCapBnd:\t0000000000000000\n");
}

static void
test_map_lines(void)
{
	const char *const *keys =
		SPEC("user", "7:8", "uid-map", "0:100000:10", "uid-map", "10:200000:5", "gid-map", "0:300000:10");
	g_autoptr(live_t) box = NULL;
	g_autofree char *outside = NULL;

	if (!live_is_root()) {
		live_skip_mode("needs root of the host");
		return;
	}
	box = live_run(keys, "cat /proc/self/uid_map /proc/self/gid_map | tr -s ' '; id -u; id -g");
	outside = ids_outside(keys);
	live_says(box, " 0 100000 10\n 10 200000 5\n 0 300000 10\n7\n8\n");
	g_assert_cmpstr(outside, ==, "100007:300008");
}

static void
test_map_of_host_root(void)
{
	g_autoptr(live_t) uid = NULL, gid = NULL;

	if (!live_is_root()) {
		live_skip_mode("needs root of the host");
		return;
	}
	uid = live_run(SPEC("user", "0", "uid-map", "0:0:1", "gid-map", "0:1000:1"), "true");
	gid = live_run(SPEC("user", "0", "uid-map", "0:1000:1", "gid-map", "0:0:5"), "true");
	live_failed(uid, "identity", EPERM, "uid-map");
	live_failed(gid, "identity", EPERM, "gid-map");
	live_contains(uid->hint, "share=user");
}

static void
test_map_lacks_user(void)
{
	g_autoptr(live_t) box = live_run(SPEC("user", "50", "uid-map", "0:100000:10", "gid-map", "0:100000:100"), "true");

	live_failed(box, "identity", EINVAL, "uid-map does not map 50");
}

static void
test_map_beyond_subuid(void)
{
	g_autoptr(live_t) box = NULL;

	if (live_mode() != LIVE_USER) {
		live_skip_mode("needs a plain user");
		return;
	}
	box = live_run(SPEC("user", "0", "uid-map", "0:3000000000:1", "gid-map", "0:3000000000:1"), "true");
	live_failed(box, "identity", box->error, "does not grant the ids 3000000000");
}

/* The subordinate ids of the caller: the first line of /etc/subuid that is ours. */
static gboolean
subordinate(const char *file, unsigned *ret_first)
{
	g_autofree char *text = live_read(file);
	g_auto(GStrv) lines = g_strsplit(text ? text : "", "\n", -1);
	g_autofree char *id = g_strdup_printf("%u", getuid());

	for (char **line = lines; *line; line++) {
		g_auto(GStrv) field = g_strsplit(*line, ":", -1);

		if (g_strv_length(field) == 3 && (g_str_equal(field[0], id) || g_str_equal(field[0], g_get_user_name()))) {
			*ret_first = (unsigned)atoi(field[1]);
			return TRUE;
		}
	}
	return FALSE;
}

static void
map_by_helper(void)
{
	unsigned uid = 0, gid = 0;
	g_autofree char *uid_line = NULL, *gid_line = NULL, *outside = NULL, *expected = NULL;

	g_assert_true(subordinate("/etc/subuid", &uid));
	g_assert_true(subordinate("/etc/subgid", &gid));
	uid_line = g_strdup_printf("0:%u:10", uid);
	gid_line = g_strdup_printf("0:%u:10", gid);
	outside = ids_outside(SPEC("user", "5", "uid-map", uid_line, "gid-map", gid_line));
	expected = g_strdup_printf("%u:%u", uid + 5, gid + 5);
	g_assert_cmpstr(outside, ==, expected);
}

static const char *grant;

/* A plain user to whom ids are granted, in the sight of this child only. */
static void
become_granted(void)
{
	g_assert_cmpint(mount(grant, "/etc/subuid", NULL, MS_BIND, NULL), ==, 0);
	g_assert_cmpint(mount(grant, "/etc/subgid", NULL, MS_BIND, NULL), ==, 0);
	g_assert_cmpint(syscall(SYS_setgroups, 0, NULL), ==, 0);
	g_assert_cmpint(setresgid(1000, 1000, 1000), ==, 0);
	g_assert_cmpint(setresuid(1000, 1000, 1000), ==, 0);
	/* or /proc/self would be root's */
	g_assert_cmpint(prctl(PR_SET_DUMPABLE, 1, 0, 0, 0), ==, 0);
	map_by_helper();
}

static void
test_map_newuidmap(void)
{
	unsigned first;
	autodir dir = live_dir();
	g_autofree char *helper = g_find_program_in_path("newuidmap");
	g_autofree char *file = live_file(dir, "grant", "1000:200000:65536\n");

	grant = file;
	if (!helper || access("/etc/subuid", F_OK) < 0 || access("/etc/subgid", F_OK) < 0)
		live_skip("newuidmap, /etc/subuid and /etc/subgid (package uidmap)");
	else if (live_is_root())
		live_child_mounts(become_granted);
	else if (live_mode() == LIVE_USER && subordinate("/etc/subuid", &first) && subordinate("/etc/subgid", &first))
		map_by_helper();
	else
		live_skip_mode("needs root of the host, or a user whom /etc/subuid and /etc/subgid name");
}

static void
test_groups(void)
{
	g_autofree char *none = NULL, *some = NULL;
	g_autoptr(live_t) refused = NULL, box = NULL;

	if (!live_is_root()) {
		refused = live_run(SPEC("groups", "5,6"), "true");
		g_assert_cmpint(refused->error, !=, 0);
		live_failed(refused, "identity", refused->error, "group");
		return;
	}
	none = status_of(NO_SPEC, "Groups");
	some =
		status_of(SPEC("user", "1:2", "uid-map", "0:100000:10", "gid-map", "0:100000:10", "groups", "5,6"), "Groups");
	g_assert_cmpstr(g_strchomp(none), ==, "Groups:\t65534");
	g_assert_cmpstr(g_strchomp(some), ==, "Groups:\t2 5 6");
	box = live_run(SPEC("groups", "77"), "true");
	live_failed(box, "identity", EINVAL, "gid-map does not map the group 77");
}

/* --- privilege --- */

static void
test_caps_none(gconstpointer data)
{
	g_autofree char *caps = status_of(data, "CapInh|CapPrm|CapEff|CapBnd|CapAmb");

	g_assert_cmpstr(caps, ==,
	                "CapInh:\t0000000000000000\nCapPrm:\t0000000000000000\nCapEff:\t0000000000000000\n"
	                "CapBnd:\t0000000000000000\nCapAmb:\t0000000000000000\n");
}

static void
test_caps_kept(void)
{
	g_autofree char *caps = status_of(SPEC("cap", "net_bind_service"), "CapInh|CapPrm|CapEff|CapBnd|CapAmb");
	g_autoptr(live_t) with = live_argv(SPEC("cap", "net_bind_service"), ARGV(PROBE, "tcp", "80"));
	g_autoptr(live_t) without = live_argv(NO_SPEC, ARGV(PROBE, "tcp", "80"));

	g_assert_cmpstr(caps, ==,
	                "CapInh:\t0000000000000400\nCapPrm:\t0000000000000400\nCapEff:\t0000000000000400\n"
	                "CapBnd:\t0000000000000400\nCapAmb:\t0000000000000400\n");
	live_says(with, "ok\n");
	live_says(without, "EACCES\n");
}

static void
test_no_new_privs(gconstpointer data)
{
	g_autofree char *status = status_of(data, "NoNewPrivs|Seccomp");

	g_assert_cmpstr(status, ==, "NoNewPrivs:\t1\nSeccomp:\t2\n");
}

static void
test_no_filter(void)
{
	g_autofree char *status = status_of(SPEC("seccomp", "none"), "NoNewPrivs|Seccomp");

	g_assert_cmpstr(status, ==, "NoNewPrivs:\t1\nSeccomp:\t0\n");
}

static void
test_securebits(gconstpointer data)
{
	g_autoptr(live_t) box = live_argv(data, ARGV(PROBE, "securebits"));

	/* NOROOT, NO_SETUID_FIXUP, NO_CAP_AMBIENT_RAISE, each locked; KEEP_CAPS off and locked */
	live_says(box, "0xef\n");
}

/* With and without the filter: the kernel's own no is what counts. */
static void
test_refused(gconstpointer seccomp)
{
	static const char script[] = PROBE " setgroups; " PROBE " setuid 1; " PROBE " mount /tmp";
	g_autoptr(live_t) box = live_run(SPEC("user", "0", "seccomp", seccomp), script);

	live_ok(box);
	live_contains(box->out, "EPERM\n");
	live_lacks(box->out, "ok\n");
}

static void
test_unshare(void)
{
	g_autoptr(live_t) plain =
		live_run(NO_SPEC, "for f in 20000 40000000 10000000 8000000; do " PROBE " unshare $f; done");
	g_autoptr(live_t) unfiltered =
		live_run(SPEC("seccomp", "none"), "for f in 20000 40000000 8000000; do " PROBE " unshare $f; done");
	g_autoptr(live_t) control = live_run(SPEC("seccomp", "none"), PROBE " unshare 400");

	live_says(plain, "EPERM\nEPERM\nEPERM\nEPERM\n");
	live_says(unfiltered, "EPERM\nEPERM\nEPERM\n");
	live_says(control, "ok\n");
}

static void
test_second_map(void)
{
	g_autoptr(live_t) box = live_run(SPEC("user", "0"), "for f in uid_map gid_map setgroups; do " PROBE
	                                                    " write /proc/self/$f '0 0 1'; done");

	live_ok(box);
	live_lacks(box->out, "ok\n");
}

int
main(int argc, char **argv)
{
	static const char *const plain[] = { NULL }, *const zero[] = { "user", "0", NULL },
							 *const other[] = { "user", "1234", NULL };
	static const struct {
		const char *name;
		const char *const *keys;
	} users[] = { { "plain", plain }, { "user-0", zero }, { "user-1234", other } };

	g_test_init(&argc, &argv, NULL);
	g_test_add_func("/identity/ids/default", test_default);
	g_test_add_func("/identity/ids/user-0", test_user_0);
	g_test_add_func("/identity/ids/user-other", test_user_other);
	g_test_add_func("/identity/ids/share-user", test_share_user);
	g_test_add_func("/identity/ids/groups", test_groups);
	g_test_add_func("/identity/map/lines", test_map_lines);
	g_test_add_func("/identity/map/host-root-refused", test_map_of_host_root);
	g_test_add_func("/identity/map/lacks-user", test_map_lacks_user);
	g_test_add_func("/identity/map/beyond-subuid", test_map_beyond_subuid);
	g_test_add_func("/identity/map/newuidmap", test_map_newuidmap);
	g_test_add_func("/identity/map/second-write", test_second_map);
	for (gsize i = 0; i < G_N_ELEMENTS(users); i++) {
		g_autofree char *caps = g_strconcat("/identity/caps/none-", users[i].name, NULL);
		g_autofree char *privs = g_strconcat("/identity/no-new-privs/", users[i].name, NULL);
		g_autofree char *bits = g_strconcat("/identity/securebits/", users[i].name, NULL);

		g_test_add_data_func(caps, users[i].keys, test_caps_none);
		g_test_add_data_func(privs, users[i].keys, test_no_new_privs);
		g_test_add_data_func(bits, users[i].keys, test_securebits);
	}
	g_test_add_func("/identity/caps/kept", test_caps_kept);
	g_test_add_func("/identity/no-new-privs/without-filter", test_no_filter);
	g_test_add_data_func("/identity/refused/filtered", "default", test_refused);
	g_test_add_data_func("/identity/refused/unfiltered", "none", test_refused);
	g_test_add_func("/identity/refused/unshare", test_unshare);
	return g_test_run();
}
