/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* SPDX-FileCopyrightText: The libsbx developers */

/* A part of the cgroup for the payload: what it can do there, what it can't, boxes in boxes, and what is left. */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "life.h"
#include "live.h"

#define MIB (UINT64_C(1) << 20)
#define HOG "head -c 5000m /dev/zero | tail"
/* What the payload sees as the root of all cgroups. */
#define ROOT "/sys/fs/cgroup"

/* Can this be had here? If not, that is said. */
static bool
has(const char *key, const char *value)
{
	g_autoptr(life_spec_t) spec = life_spec("default", key, value, NULL);
	sbx_error *error = NULL;
	sbx_box *box = NULL;
	int result = sbx_box_create(spec, &box, &error);

	sbx_box_free(box);
	if (result < 0)
		life_lacks("%s: %s", key, sbx_error_message(error));
	sbx_error_free(error);
	return result == 0;
}

/* Where a box has a cgroup, its payload can have a part of it: anything else is a failure. */
static bool
has_group(void)
{
	g_autoptr(life_spec_t) spec = life_spec("default", NULL);
	g_autoptr(life_box_t) box = life_create(spec);

	if (sbx_box_cgroup_fd(box) >= 0)
		return true;
	life_lacks("a cgroup for boxes");
	return false;
}

/* A box whose payload may make boxes. */
static sbx_spec *
nest(const char *key, const char *value)
{
	return life_spec("default", "cgroup.delegate", "yes", "seccomp", "none", key, value, NULL);
}

static char *
run(const sbx_spec *spec, const char *script, sbx_report *ret_report)
{
	g_autoptr(life_box_t) box = life_run(spec, script);
	char *output;

	life_wait(box, ret_report);
	output = life_output(box, 1);
	if (!*output) {
		g_autofree char *errors = life_output(box, 2);

		g_test_message("%s: %s", script, errors);
	}
	return output;
}

static void
outcome_is(const sbx_report *report, int expected)
{
	char *json = sbx_report_json(report);

	if (report->outcome != expected)
		g_error("outcome %d, expected %d: %s", report->outcome, expected, json);
	free(json);
}

/* sbx-run with these options in a box, as a shell script; then its status and the outcome in its report. */
static char *
inner(const char *options, const char *command)
{
	return g_strdup_printf("%s --report /tmp/report %s -- %s; echo status $?; grep outcome /tmp/report",
	                       g_getenv("SBX_RUN"), options, command);
}

static char *
group_of(sbx_box *box)
{
	g_autofree char *link = g_strdup_printf("/proc/self/fd/%d", sbx_box_cgroup_fd(box));
	char *path = g_file_read_link(link, NULL);

	g_assert_nonnull(path);
	return path;
}

static char *
read_in(const char *group, const char *file)
{
	g_autofree char *path = g_build_filename(group, file, NULL);
	char *text = live_read(path);

	if (!text)
		g_error("%s: %s", path, g_strerror(errno));
	return text;
}

/* --- what it is -------------------------------------------------------------------------------------------------- */

/* Given a box with a part for its payload, then no process is in its group or in that part's root, but in the leaf, and
 * what the group has is offered below. */
static void
test_shape(void)
{
	g_autoptr(life_spec_t) spec = life_spec("default", "cgroup.delegate", "yes", NULL);
	g_autoptr(life_box_t) box = NULL;
	g_auto(leak_t) leak = { NULL };
	g_autofree char *group = NULL, *own = NULL, *root = NULL, *leaf = NULL, *has_here = NULL, *offered = NULL;
	g_autofree char *offered_below = NULL;
	sbx_report report;

	if (!has_group())
		return;
	leak_begin(&leak);
	box = life_run(spec, "echo up; sleep 1000");
	life_await_output(box, "up");
	group = group_of(box);
	own = read_in(group, "cgroup.procs");
	root = read_in(group, "payload/cgroup.procs");
	leaf = read_in(group, "payload/leaf/cgroup.procs");
	g_assert_cmpstr(own, ==, "");
	g_assert_cmpstr(root, ==, "");
	g_assert_cmpstr(leaf, !=, "");
	has_here = read_in(group, "cgroup.controllers");
	offered = read_in(group, "cgroup.subtree_control");
	offered_below = read_in(group, "payload/cgroup.subtree_control");
	g_assert_cmpstr(offered, ==, has_here);
	g_assert_cmpstr(offered_below, ==, has_here);
	sbx_box_kill(box, NULL);
	life_wait(box, &report);
	outcome_is(&report, SBX_OUTCOME_KILLED);
	g_clear_pointer(&box, sbx_box_free);
	leak_check(&leak);
}

/* Given the default box, then there is nothing of it; with the key there is a tree to write to, with a root of its own. */
static void
test_sight(void)
{
	g_autoptr(life_spec_t) without = life_spec("default", NULL);
	g_autoptr(life_spec_t) with = life_spec("default", "cgroup.delegate", "yes", NULL);
	g_autofree char *nothing = NULL, *something = NULL;
	sbx_report report;

	if (!has_group())
		return;
	nothing = run(without, "mkdir " ROOT "/a 2>/dev/null || echo no", &report);
	g_assert_cmpstr(nothing, ==, "no\n");
	something = run(with,
	                "grep -o '0::.*' /proc/self/cgroup; mkdir " ROOT "/a && echo $$ >" ROOT "/a/cgroup.procs && "
	                "grep -o '0::.*' /proc/self/cgroup; awk '$5 == \"" ROOT
	                "\" { print $4, $6 }' /proc/self/mountinfo | tail -n 1",
	                &report);
	outcome_is(&report, SBX_OUTCOME_EXITED);
	g_assert_cmpstr(something, ==, "0::/leaf\n0::/a\n/ rw,nosuid,nodev,noexec,relatime\n");
}

/* Given whoever's payload, when it looks for what is above its root, then there is no name for it. */
static void
test_above(void)
{
	g_autoptr(life_spec_t) spec = life_spec("default", "cgroup.delegate", "yes", NULL);
	g_autofree char *output = NULL;
	sbx_report report;

	if (!has_group())
		return;
	/* the last one is the control: the same write, within */
	output = run(spec,
	             "cd " ROOT "; ls -d .. | tr -d '\\n'; ls ../cgroup.procs 2>/dev/null || echo ' none'; "
	             "find " ROOT " -name 'sbx.*'; "
	             "echo 1 >cgroup.procs 2>/dev/null || echo root refused; "
	             "mkdir b && echo $$ >b/cgroup.procs && echo moved",
	             &report);
	outcome_is(&report, SBX_OUTCOME_EXITED);
	if (strstr(output, "root refused"))
		g_assert_cmpstr(output, ==, ".. none\nroot refused\nmoved\n");
	else /* without controllers a process may sit anywhere */
		g_assert_cmpstr(output, ==, ".. none\nmoved\n");
}

static void
test_refused(void)
{
	static const char *const rows[][2] = { { "share", "cgroup" }, { "share+", "cgroup,ipc" } };

	for (gsize i = 0; i < G_N_ELEMENTS(rows); i++) {
		g_autoptr(life_spec_t) spec = life_spec("default", "cgroup.delegate", "yes", rows[i][0], rows[i][1], NULL);
		sbx_error *error = NULL;
		char *text = NULL;

		g_assert_cmpint(sbx_spec_plan(spec, &text, &error), ==, -EINVAL);
		g_assert_cmpstr(sbx_error_key(error), ==, "cgroup.delegate");
		live_contains(sbx_error_message(error), "share has cgroup");
		live_contains(sbx_error_hint(error), "leave out share=cgroup");
		sbx_error_free(error);
	}
}

/* --- limits stay ------------------------------------------------------------------------------------------------- */

/* Given a limit, when the payload writes what it likes into its own part, then the limit holds all the same. */
static void
test_memory_stays(gconstpointer data)
{
	const char *script = data;
	g_autoptr(life_spec_t) spec = NULL;
	g_auto(leak_t) leak = { NULL };
	sbx_report report;

	if (!has("memory.max", "100M"))
		return;
	leak_begin(&leak);
	spec = life_spec("default", "cgroup.delegate", "yes", "memory.max", "100M", NULL);
	life_run_report(spec, script, &report);
	outcome_is(&report, SBX_OUTCOME_OOM);
	g_assert_cmpuint(report.oom_kills, >=, 1);
	g_assert_cmpuint(report.memory_peak, <=, 100 * MIB);
	leak_check(&leak);
}

static void
test_pids_stay(void)
{
	g_autoptr(life_spec_t) spec = NULL;
	g_autofree char *output = NULL;
	sbx_report report;

	if (!has("pids.max", "10"))
		return;
	spec = life_spec("default", "cgroup.delegate", "yes", "pids.max", "10", NULL);
	output = run(spec,
	             "(echo max >" ROOT "/pids.max) 2>/dev/null; mkdir " ROOT "/a; echo max >" ROOT "/a/pids.max; "
	             "echo $$ >" ROOT "/a/cgroup.procs; i=0; while [ $i -lt 20 ]; do sleep 1000 & i=$((i + 1)); done 2>&1",
	             &report);
	live_contains(output, "fork");
	g_assert_cmpuint(report.pids_peak, ==, 10);
	g_assert_cmpuint(report.pids_denied, >=, 1);
}

static void
test_update(void)
{
	g_autoptr(life_spec_t) spec = NULL;
	g_autoptr(life_box_t) box = NULL;
	g_autofree char *group = NULL, *held = NULL;
	sbx_error *error = NULL;
	sbx_report report;

	if (!has("memory.max", "1G"))
		return;
	spec = life_spec("default", "cgroup.delegate", "yes", "memory.max", "1G", NULL);
	box = life_create(spec);
	EXPECT(0, sbx_box_update(box, "memory.max", "64M", &error), &error);
	group = group_of(box);
	held = read_in(group, "memory.max");
	g_assert_cmpstr(held, ==, "67108864\n");
	EXPECT(0, life_sh(box, HOG, SBX_STDIO_NULL, SBX_STDIO_CAPTURE, SBX_STDIO_CAPTURE, &error), &error);
	life_wait(box, &report);
	outcome_is(&report, SBX_OUTCOME_OOM);
	g_assert_cmpuint(report.memory_peak, <=, 64 * MIB);
}

/* --- boxes in boxes ---------------------------------------------------------------------------------------------- */

static void
test_demo(void)
{
	g_autoptr(life_spec_t) spec = NULL;
	g_autofree char *script = NULL, *output = NULL;
	g_auto(leak_t) leak = { NULL };
	sbx_report report;

	if (!has("memory.max", "200M"))
		return;
	leak_begin(&leak);
	spec = nest("memory.max", "200M");
	script = inner("--memory 100M", "sh -c '" HOG "'");
	output = run(spec, script, &report);
	g_assert_cmpstr(output, ==, "status 137\n  \"outcome\": \"oom\",\n");
	outcome_is(&report, SBX_OUTCOME_EXITED);
	g_assert_cmpint(report.exit_code, ==, 0);
	leak_check(&leak);
}

/* The same limit, but it is the outer box's that is reached: then that is what both say. */
static void
test_outer_limit(void)
{
	g_autoptr(life_spec_t) spec = NULL;
	g_autofree char *script = NULL, *output = NULL;
	sbx_report report;

	if (!has("memory.max", "100M"))
		return;
	spec = life_spec("default", "cgroup.delegate", "yes", "seccomp", "none", "memory.max", "100M", "memory.oom.group",
	                 "one", NULL);
	script = inner("--memory 1G", "sh -c '" HOG "'");
	output = run(spec, script, &report);
	g_assert_cmpstr(output, ==, "status 137\n  \"outcome\": \"oom-ancestor\",\n");
	outcome_is(&report, SBX_OUTCOME_OOM);
}

/* Works without any controller too: namespaces, mounts and groups are enough. */
static void
test_depth(void)
{
	const char *sbx = g_getenv("SBX_RUN");
	g_autoptr(life_spec_t) spec = nest(NULL, NULL);
	g_autofree char *script =
		g_strdup_printf("%s --delegate --seccomp none -- %s --delegate --seccomp none -- sh -c "
	                    "'grep -o 0::.* /proc/self/cgroup; mkdir " ROOT "/deep && echo three; exit 7'; echo $?",
	                    sbx, sbx);
	g_autofree char *output = NULL;
	g_auto(leak_t) leak = { NULL };
	sbx_report report;

	if (!has_group())
		return;
	leak_begin(&leak);
	output = run(spec, script, &report);
	g_assert_cmpstr(output, ==, "0::/leaf\nthree\n7\n");
	outcome_is(&report, SBX_OUTCOME_EXITED);
	leak_check(&leak);
}

/* Without the key, or with the default filter, the inner box says what is missing. */
static void
test_not_nested(void)
{
	static const char *const rows[][3] = {
		{ "seccomp", "none", "limit on namespaces" },
		{ "cgroup.delegate", "yes", "clone3" },
	};

	for (gsize i = 0; i < G_N_ELEMENTS(rows); i++) {
		g_autoptr(life_spec_t) spec = life_spec("default", rows[i][0], rows[i][1], NULL);
		g_autofree char *script = g_strconcat(g_getenv("SBX_RUN"), " -- true 2>&1", NULL);
		g_autofree char *output = NULL;
		sbx_report report;

		if (i == 1 && !has_group())
			return;
		output = run(spec, script, &report);
		outcome_is(&report, SBX_OUTCOME_EXITED);
		g_assert_cmpint(report.exit_code, !=, 0);
		live_contains(output, rows[i][2]);
		live_contains(output, "cgroup.delegate=yes");
	}
}

/* A proc of its own is for a payload that is nobody on the host: its root could write the host's sysctls in there. */
static void
test_real_root(void)
{
	static const char mount_proc[] = "unshare --user --mount --pid --fork --mount-proc true && echo mounted";
	g_autoptr(life_spec_t) nobody = nest(NULL, NULL);
	g_autoptr(life_spec_t) root = nest("share", "user");
	g_autofree char *control = NULL, *output = NULL;
	sbx_error *error = NULL;
	sbx_report report;

	if (!life_is_real_root()) {
		life_not_allowed("share=user with user=0 is root's");
		return;
	}
	if (!has_group())
		return;
	control = run(nobody, mount_proc, &report);
	g_assert_cmpstr(control, ==, "mounted\n");
	EXPECT(0, sbx_spec_set(root, "user", "0", &error), &error);
	output = run(root, mount_proc, &report);
	g_assert_cmpstr(output, ==, "");
	outcome_is(&report, SBX_OUTCOME_EXITED);
	g_assert_cmpint(report.exit_code, !=, 0);
}

/* The example policy is enough; and it is what it says, one that lets no more than that through. */
static void
test_policy(void)
{
	const char *source = g_getenv("SBX_SRCDIR");
	g_autofree char *policy = g_build_filename(source ? source : ".", "examples/nested.policy", NULL);
	g_autoptr(life_spec_t) spec = NULL;
	g_autofree char *script =
		/* the leak sanitizer of an instrumented sbx-run would trace it, which the policy kills for */
		g_strconcat("ASAN_OPTIONS=detect_leaks=0 ", g_getenv("SBX_RUN"),
	                " --hostname in -- sh -c 'hostname; exit 3'; echo $?", NULL);
	g_autofree char *output = NULL;
	sbx_report report;

	if (access(policy, R_OK) < 0) {
		g_test_skip("the examples are not here");
		return;
	}
	if (!has_group())
		return;
	spec = life_spec("default", "cgroup.delegate", "yes", "seccomp", policy, NULL);
	output = run(spec, script, &report);
	g_assert_cmpstr(output, ==, "in\n3\n");
}

/* --- what is left ------------------------------------------------------------------------------------------------ */

/* Given a tree of the payload's making, with whatever in it, when the box ends, then nothing is left. */
static void
test_removed(gconstpointer data)
{
	const char *script = data;
	g_autoptr(life_spec_t) spec = life_spec("default", "cgroup.delegate", "yes", NULL);
	g_auto(leak_t) leak = { NULL };
	g_autoptr(life_box_t) box = NULL;
	g_autofree char *group = NULL;
	sbx_report report;

	if (!has_group())
		return;
	leak_begin(&leak);
	box = life_run(spec, script);
	group = group_of(box);
	life_await_output(box, "made");
	sbx_box_kill(box, NULL);
	life_wait(box, &report);
	g_clear_pointer(&box, sbx_box_free);
	g_assert_cmpint(access(group, F_OK), ==, -1);
	leak_check(&leak);
}

/* A host that makes a box whose payload freezes init, tells us, and dies. */
static void
host_of_frozen(const char *mark, int tell)
{
	g_autoptr(life_spec_t) spec = life_spec("default", "cgroup.delegate", "yes", NULL);
	g_autofree char *script =
		g_strdup_printf("cd " ROOT "; mkdir f && echo 1 >f/cgroup.procs && echo 1 >f/cgroup.freeze && "
	                    "until grep -q 'frozen 1' f/cgroup.events; do :; done; echo up; sleep %s",
	                    mark);
	sbx_box *box = life_run(spec, script);

	life_await_output(box, "up");
	(void)!write(tell, "", 1);
	raise(SIGKILL);
}

/* Given a payload that has frozen init, when the host dies, then the box ends all the same. */
static void
test_frozen_init(void)
{
	g_autofree char *mark = life_mark();
	g_autofree char *words = g_strconcat("sleep ", mark, NULL);
	int pipes[2], status;
	pid_t pid;
	char byte;

	if (!has_group())
		return;
	g_assert_cmpint(pipe2(pipes, O_CLOEXEC), ==, 0);
	pid = fork();
	if (pid == 0)
		host_of_frozen(mark, pipes[1]);
	close(pipes[1]);
	g_assert_cmpint(read(pipes[0], &byte, 1), ==, 1);
	close(pipes[0]);
	g_assert_cmpint(waitpid(pid, &status, 0), ==, pid);
	g_assert_cmpint(WTERMSIG(status), ==, SIGKILL);
	g_assert_cmpuint(life_processes_gone(words, 10000), ==, 0);
}

/* As many groups as it may make are removed as well, and it may not make more. */
static void
test_many(void)
{
	g_autoptr(life_spec_t) spec = life_spec("default", "cgroup.delegate", "yes", NULL);
	g_auto(leak_t) leak = { NULL };
	g_autofree char *output = NULL;
	sbx_report report;

	if (g_strcmp0(g_getenv("SBX_VM"), "1") == 0) {
		g_test_skip("takes minutes in the VM");
		return;
	}
	if (!has_group())
		return;
	leak_begin(&leak);
	/* payload/ and leaf/ count */
	output = run(spec, "cd " ROOT "; mkdir $(seq 4094) && echo all; mkdir more 2>/dev/null || echo no more", &report);
	g_assert_cmpstr(output, ==, "all\nno more\n");
	leak_check(&leak);
}

/* --- main -------------------------------------------------------------------------------------------------------- */

static const char *const lifts[] = {
	/* what it can write: its root's own limits, where they are its own files, and a new group's */
	"(echo max >" ROOT "/memory.max; echo 1000G >" ROOT "/memory.high) 2>/dev/null; " HOG,
	"mkdir " ROOT "/a && echo $$ >" ROOT "/a/cgroup.procs && echo max >" ROOT "/a/memory.max && " HOG,
	/* out of the groups that are limited */
	"mkdir -p " ROOT "/a/b/c; for d in a a/b a/b/c; do echo $$ >" ROOT "/$d/cgroup.procs; done; " HOG,
	"(echo -memory >" ROOT "/cgroup.subtree_control) 2>/dev/null; " HOG,
};

static const char *const trees[] = {
	"cd " ROOT "; mkdir -p a/b/c/d; mkdir x y z; echo made; sleep 1000",
	"cd " ROOT "; for i in $(seq 60); do mkdir d && cd d; done; sleep 1000 & echo $! >cgroup.procs; echo made; wait",
	"cd " ROOT "; mkdir f; sleep 1000 & echo $! >f/cgroup.procs; echo 1 >f/cgroup.freeze; echo made; wait",
	"cd " ROOT "; mkdir t; mkdir t/u; echo threaded >t/u/cgroup.type; echo $$ >t/cgroup.procs; sleep 1000 & "
	"echo $! >t/u/cgroup.procs; echo made; wait",
	"cd " ROOT
	"; mkdir m; mkdir m/n; echo 0 >m/cgroup.max.descendants; echo 0 >m/cgroup.max.depth; echo made; sleep 1000",
};

int
main(int argc, char **argv)
{
	g_test_init(&argc, &argv, NULL);
	life_begin(120);
	g_test_add_func("/nested/shape", test_shape);
	g_test_add_func("/nested/sight", test_sight);
	g_test_add_func("/nested/above", test_above);
	g_test_add_func("/nested/refused", test_refused);
	for (gsize i = 0; i < G_N_ELEMENTS(lifts); i++) {
		g_autofree char *path = g_strdup_printf("/nested/memory-stays/%zu", i);

		g_test_add_data_func(path, lifts[i], test_memory_stays);
	}
	g_test_add_func("/nested/pids-stay", test_pids_stay);
	g_test_add_func("/nested/update", test_update);
	g_test_add_func("/nested/demo", test_demo);
	g_test_add_func("/nested/outer-limit", test_outer_limit);
	g_test_add_func("/nested/depth", test_depth);
	g_test_add_func("/nested/not-nested", test_not_nested);
	g_test_add_func("/nested/real-root", test_real_root);
	g_test_add_func("/nested/policy", test_policy);
	for (gsize i = 0; i < G_N_ELEMENTS(trees); i++) {
		g_autofree char *path = g_strdup_printf("/nested/removed/%zu", i);

		g_test_add_data_func(path, trees[i], test_removed);
	}
	g_test_add_func("/nested/frozen-init", test_frozen_init);
	g_test_add_func("/nested/many", test_many);
	return g_test_run();
}
