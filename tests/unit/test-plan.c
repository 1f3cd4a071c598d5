/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* SPDX-FileCopyrightText: The libsbx developers */

/*
 * Golden plans: what a box of each of these specs does, call by call, against tests/golden/NAME.txt. With UPDATE_GOLDEN=1
 * the files are written anew (make golden), and the difference is for git to show.
 *
 * A plan depends on the host in a few places, which are left out here: what the kernel has to be hidden, how many
 * capabilities there are, whether a sysfs can be mounted, the length of the filter. Handles are counted anew after that.
 */
#include "plan.h"

#include <glib.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "../live/live.h"

/* The plain user of these plans. */
#define USER 1000

struct golden {
	const char *name;
	enum live_mode mode; /* LIVE_ROOT or LIVE_USER */
	const char *keys[17];
	const sbx_command *command; /* NULL: the plan of the box */
};

/* --- what depends on the host --- */

/* Paths of which this kernel may have some and lack others. */
static gboolean
is_path_note(const char *note)
{
	return g_str_has_prefix(note, "# files: hide ") ||
	       (g_str_has_prefix(note, "# files: /proc/") && g_str_has_suffix(note, " read-only"));
}

static gboolean
is_host_note(const char *note)
{
	return g_str_equal(note, "# files: mount sysfs") || g_str_equal(note, "# files: mount /sys") ||
	       g_str_equal(note, "# identity: bounding set");
}

static gboolean
replace_handle(const GMatchInfo *match, GString *text, gpointer data)
{
	GHashTable *names = data;
	g_autofree char *handle = g_match_info_fetch(match, 0);
	char *name = g_hash_table_lookup(names, handle);

	if (!name) {
		name = g_strdup_printf("h%u", g_hash_table_size(names));
		g_hash_table_insert(names, g_strdup(handle), name);
	}
	g_string_append(text, name);
	return FALSE;
}

static char *
replace_all(const char *text, const char *pattern, const char *with)
{
	g_autoptr(GRegex) regex = g_regex_new(pattern, 0, 0, NULL);

	return g_regex_replace(regex, text, -1, 0, with, 0, NULL);
}

static char *
normal(const char *plan)
{
	g_autoptr(GHashTable) names = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, g_free);
	g_autoptr(GRegex) handle = g_regex_new("\\bh[0-9]+\\b", 0, 0, NULL);
	g_auto(GStrv) lines = g_strsplit(plan, "\n", -1);
	g_autoptr(GString) kept = g_string_new(NULL);
	g_autofree char *filter = NULL, *caps = NULL;
	gboolean keep = TRUE;

	for (char **line = lines; *line; line++) {
		if (**line == '#')
			keep = !is_host_note(*line) && !is_path_note(*line);
		if (keep && **line)
			g_string_append_printf(kept, "%s\n", *line);
		else if (**line == '#' && is_host_note(*line))
			g_string_append_printf(kept, "%s: as the host has it\n", *line);
	}
	filter = replace_all(kept->str, "(?<=len=|default, )[0-9]+", "N");
	/* real root keeps what it has of CAP_SYS_NICE and CAP_SYS_RESOURCE */
	caps = replace_all(filter, "(?<=effective=)0x(8|10|18)001e0", "(as the host has it)");
	return g_regex_replace_eval(handle, caps, -1, 0, 0, replace_handle, names, NULL);
}

/* --- plans --- */

static char *
box_plan_text(const sbx_spec *spec)
{
	sbx_error *error = NULL;
	char *text = NULL;

	if (sbx_spec_plan(spec, &text, &error) < 0)
		g_error("%s: %s", sbx_error_stage(error), sbx_error_message(error));
	return text;
}

static char *
command_plan_text(const sbx_spec *spec, const sbx_command *command)
{
	static const int stdio[3] = { 0, 1, 2 };
	g_autoptr(GError) error = NULL;
	g_autoptr(plan_t) box = NULL;
	g_autoptr(plan_t) plan = NULL;

	plan_box(spec, PLAN_ANY_CGROUP, &box, &error);
	g_assert_no_error(error);
	plan_command(spec, &box->identity, command, stdio, true, &plan, &error);
	g_assert_no_error(error);
	return plan_text(plan);
}

static void
compare(const char *name, const char *text)
{
	const char *source = g_getenv("SBX_SRCDIR");
	g_autofree char *file = g_strconcat(name, ".txt", NULL), *expected = NULL;
	g_autofree char *path = g_build_filename(source ? source : ".", "tests/golden", file, NULL);
	g_autoptr(GError) error = NULL;
	g_auto(GStrv) want = NULL, have = NULL;

	if (g_strcmp0(g_getenv("UPDATE_GOLDEN"), "1") == 0) {
		g_file_set_contents(path, text, -1, &error);
		g_assert_no_error(error);
		return;
	}
	g_file_get_contents(path, &expected, NULL, &error);
	g_assert_no_error(error);
	want = g_strsplit(expected, "\n", -1);
	have = g_strsplit(text, "\n", -1);
	for (int i = 0; want[i] || have[i]; i++)
		if (g_strcmp0(want[i], have[i]) != 0)
			g_error("%s:%d: expected:\n%s\nit is:\n%s\n(UPDATE_GOLDEN=1 writes it anew)", path, i + 1,
			        want[i] ? want[i] : "the end", have[i] ? have[i] : "the end");
}

static const struct golden *the_case;

static void
in_child(void)
{
	g_autoptr(sbx_spec) spec = NULL;
	g_autofree char *text = NULL;
	char *raw;

	if (the_case->mode == LIVE_USER && geteuid() == 0) {
		g_assert_cmpint(syscall(SYS_setgroups, 0, NULL), ==, 0);
		g_assert_cmpint(setresgid(USER, USER, USER), ==, 0);
		g_assert_cmpint(setresuid(USER, USER, USER), ==, 0);
		/* or /proc/self would be root's */
		g_assert_cmpint(prctl(PR_SET_DUMPABLE, 1, 0, 0, 0), ==, 0);
	}
	g_assert_cmpint(chdir("/"), ==, 0);
	spec = live_spec_bare(the_case->keys);
	raw = the_case->command ? command_plan_text(spec, the_case->command) : box_plan_text(spec);
	text = normal(raw);
	free(raw);
	if (write(STDERR_FILENO, text, strlen(text)) < 0)
		_exit(3);
}

/* A child of its own, for the user, and since what the host is like is looked up once. It writes to a file that is ours. */
static char *
text_of(const struct golden *golden)
{
	int saved = dup(STDERR_FILENO);
	g_autofree char *path = NULL;
	int file = g_file_open_tmp("sbx-plan-XXXXXX", &path, NULL);
	char *text;

	g_assert_cmpint(file, >=, 0);
	dup2(file, STDERR_FILENO);
	the_case = golden;
	live_child(in_child);
	dup2(saved, STDERR_FILENO);
	close(saved);
	close(file);
	text = live_read(path);
	unlink(path);
	return text;
}

static void
test_golden(gconstpointer data)
{
	const struct golden *golden = data;
	g_autofree char *text = NULL;

	if (golden->mode == LIVE_ROOT ? !live_is_root()
	                              : live_mode() == LIVE_NESTED || (geteuid() != 0 && geteuid() != USER)) {
		live_skip_mode(golden->mode == LIVE_ROOT ? "needs root of the host" : "needs root of the host, or uid 1000");
		return;
	}
	text = text_of(golden);
	g_assert_cmpuint(strlen(text), >, 100);
	compare(golden->name, text);
}

/* Two plans of one spec are the same, to the byte: nothing in them is by chance. */
static void
test_same_twice(void)
{
	g_autoptr(sbx_spec) spec = live_spec_bare(SPEC("tmpfs", "/tmp/a", "overlay", "/usr", "file", "/tmp/b=text"));
	char *first = box_plan_text(spec), *second = box_plan_text(spec);

	g_assert_cmpstr(first, ==, second);
	free(first);
	free(second);
}

/* Without a cgroup there is nothing to delegate: an error, or, asked softly, no step at all; never the mount of a tree that
 * is not the box's. */
static void
test_delegate_nothing(void)
{
	g_autoptr(sbx_spec) hard = live_spec_bare(SPEC("cgroup.delegate", "yes"));
	g_autoptr(sbx_spec) soft = live_spec_bare(SPEC("?cgroup.delegate", "yes"));
	g_autoptr(GError) error = NULL;
	g_autoptr(plan_t) plan = NULL;
	g_autofree char *text = NULL, *control = NULL;

	g_assert_false(plan_box(hard, PLAN_NO_CGROUP, &plan, &error));
	g_assert_cmpstr(error_key(error), ==, "cgroup.delegate");
	live_contains(error->message, "needs a cgroup of the box's own");
	g_clear_error(&error);
	plan_box(soft, PLAN_NO_CGROUP, &plan, &error);
	g_assert_no_error(error);
	g_assert_cmpuint(plan->dropped->len, ==, 1);
	g_assert_cmpuint(plan->delegate_slot, ==, WIRE_NEVER);
	text = plan_text(plan);
	live_lacks(text, "cgroup2");
	live_lacks(text, "boxes inside");
	live_contains(text, "max_user_namespaces");
	g_clear_pointer(&plan, plan_free);
	plan_box(soft, PLAN_ANY_CGROUP, &plan, &error);
	g_assert_no_error(error);
	control = plan_text(plan);
	live_contains(control, "cgroup2");
	live_lacks(control, "max_user_namespaces");
}

/* Every step has a name and arguments that people can read. */
static void
test_no_unknown_call(void)
{
	g_autoptr(sbx_spec) spec = live_spec_bare(SPEC("tmpfs", "/tmp/a", "overlay", "/usr", "file", "/tmp/b=text",
	                                               "symlink", "a:/tmp/c", "hostname", "x", "time.monotonic", "5", "cap",
	                                               "chown", "device", "/dev/zero", "cgroup.delegate", "yes"));
	char *text = box_plan_text(spec);

	live_lacks(text, "syscall ");
	free(text);
}

static const char *const environment[] = { "PATH=/usr/bin:/bin", "HOME=/root", NULL };
static const char *const shell[] = { "sh", "-c", "echo \"$HOME\"", NULL };
static const char *const tool[] = { "/usr/bin/tool", "-x", NULL };
static const struct sbx_fd_map fds[] = { { 2, 9 }, { 1, 4 } };
static const sbx_command by_path = { .size = sizeof by_path, .argv = shell, .envp = environment };
static const sbx_command with_fds = {
	.size = sizeof with_fds, .argv = tool, .envp = environment, .cwd = "/usr", .fds = fds, .n_fds = 2
};
static const sbx_command by_fd = { .size = sizeof by_fd, .argv = tool, .envp = environment, .exec_fd = 2 };

static const struct golden cases[] = {
	{ "root-default", LIVE_ROOT, { NULL }, NULL },
	{ "root-empty",
	  LIVE_ROOT,
	  { "root", "empty", "ro-bind", "/usr", "symlink", "usr/bin:/bin", "tmpfs", "/work:10M:100", "file",
	    "/etc/hostname=box", "bind", "/etc/passwd:/a/b" },
	  NULL },
	{ "root-dir", LIVE_ROOT, { "root", "/usr/share", "ro-bind", "/usr" }, NULL },
	{ "root-dir-overlay", LIVE_ROOT, { "root", "/", "overlay", "/", "tmpfs", "/srv" }, NULL },
	{ "root-overlay",
	  LIVE_ROOT,
	  { "overlay", "/usr", "overlay", "/etc", "file", "/etc/hostname=box", "file", "/bin/sh=none" },
	  NULL },
	{ "root-shares", LIVE_ROOT, { "net", "host", "share", "ipc,uts,cgroup,time" }, NULL },
	{ "root-real-root", LIVE_ROOT, { "share", "user", "user", "0" }, NULL },
	{ "root-maps",
	  LIVE_ROOT,
	  { "user", "7:8", "uid-map", "0:100000:10", "uid-map", "10:200000:5", "gid-map", "0:300000:10", "groups", "5,6" },
	  NULL },
	{ "root-settings",
	  LIVE_ROOT,
	  { "hostname", "inside", "time.monotonic", "1000", "time.boottime", "-5", "cap", "net_bind_service" },
	  NULL },
	{ "root-device",
	  LIVE_ROOT,
	  { "device", "/dev/zero:rw", "device", "c 10:229 rwm", "?device", "/dev/is/not/there", "?device", "/dev/full" },
	  NULL },
	{ "root-delegate", LIVE_ROOT, { "cgroup.delegate", "yes" }, NULL },
	{ "root-best-effort", LIVE_ROOT, { "?bind", "/is/not/there:/mnt", "?tmpfs", "/srv", "?hostname", "inside" }, NULL },
	{ "user-default", LIVE_USER, { NULL }, NULL },
	{ "user-binds", LIVE_USER, { "bind", "/usr:/srv", "ro-bind", "/etc/passwd:/tmp/passwd", "user", "0" }, NULL },
	{ "user-delegate", LIVE_USER, { "?cgroup.delegate", "yes", "net", "host" }, NULL },
	{ "user-empty", LIVE_USER, { "root", "empty", "ro-bind", "/usr", "overlay", "/usr" }, NULL },
	{ "command-root", LIVE_ROOT, { NULL }, &by_path },
	{ "command-root-settings",
	  LIVE_ROOT,
	  { "rlimit", "nofile=100:200", "nice", "5", "cap", "chown", "user", "0", "?nice", "5" },
	  &with_fds },
	{ "command-root-fd", LIVE_ROOT, { "seccomp", "none", "chdir", "/" }, &by_fd },
	{ "command-user", LIVE_USER, { NULL }, &by_path },
};

int
main(int argc, char **argv)
{
	g_test_init(&argc, &argv, NULL);
	for (gsize i = 0; i < G_N_ELEMENTS(cases); i++) {
		g_autofree char *path = g_strconcat("/plan/golden/", cases[i].name, NULL);

		g_test_add_data_func(path, &cases[i], test_golden);
	}
	g_test_add_func("/plan/same-twice", test_same_twice);
	g_test_add_func("/plan/no-unknown-call", test_no_unknown_call);
	g_test_add_func("/plan/delegate-nothing", test_delegate_nothing);
	return g_test_run();
}
