/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* SPDX-FileCopyrightText: The libsbx developers */

/*
 * Boxes whose init a keeper clones, as it does in a scope of systemd's: they live, end and are ended as others. Linked with
 * --wrap=place_find, so that the place of each box has our keeper in it.
 */
#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "box.h"
#include "cgroupfs.h"
#include "fd.h"
#include "keeper.h"
#include "life.h"
#include "live.h"
#include "place.h"

static struct keeper keeper = { .pidfd = -1, .socket = -1 };
static const struct keeper *through; /* NULL: boxes are cloned by us */
static const char *given;            /* the place, as it is; NULL: looked for */

bool __real_place_find(const sbx_spec *, const char *const *, const char *const *, GPtrArray *, struct place *,
                       GError **);
bool __wrap_place_find(const sbx_spec *spec, const char *const *controllers, const char *const *keys, GPtrArray *trail,
                       struct place *ret, GError **error);

bool
__wrap_place_find(const sbx_spec *spec, const char *const *controllers, const char *const *keys, GPtrArray *trail,
                  struct place *ret, GError **error)
{
	if (given)
		*ret = (struct place){ .fd = open(given, O_RDONLY | O_DIRECTORY | O_CLOEXEC), .path = g_strdup(given) };
	else if (!__real_place_find(spec, controllers, keys, trail, ret, error))
		return false;
	ret->through = through;
	return true;
}

static void
start_keeper(void)
{
	g_autoptr(GError) error = NULL;

	keeper_clear(&keeper);
	if (!keeper_new(-1, &keeper, &error))
		g_error("keeper_new: %s", error->message);
	through = &keeper;
}

static pid_t
parent_of(pid_t pid)
{
	g_autofree char *path = g_strdup_printf("/proc/%d/status", (int)pid);
	g_autofree char *text = live_read(path);
	const char *at = text ? strstr(text, "PPid:\t") : NULL;

	g_assert_nonnull(at);
	return atoi(at + strlen("PPid:\t"));
}

/* A skip where boxes get no cgroup: nobody clones into one then. */
static sbx_box *
create(void)
{
	g_autoptr(life_spec_t) spec = life_spec("default", NULL);
	sbx_box *box = life_create(spec);

	if (sbx_box_cgroup_fd(box) < 0) {
		g_clear_pointer(&box, sbx_box_free);
		life_lacks("a cgroup for a box");
		return NULL;
	}
	g_assert_cmpint(parent_of(box->init_pid), ==, through ? through->pid : getpid());
	return box;
}

static void
run(sbx_box *box, const char *script)
{
	sbx_error *error = NULL;

	EXPECT(0, life_sh(box, script, SBX_STDIO_NULL, SBX_STDIO_CAPTURE, SBX_STDIO_CAPTURE, &error), &error);
}

static void
test_ends(void)
{
	static const struct {
		const char *script;
		int outcome, code, signal;
	} rows[] = {
		{ "echo out; exit 0", SBX_OUTCOME_EXITED, 0, 0 },
		{ "echo out; exit 7", SBX_OUTCOME_EXITED, 7, 0 },
		{ "echo out; kill -9 $$", SBX_OUTCOME_SIGNALED, -1, SIGKILL },
		{ "echo out; kill -15 $$", SBX_OUTCOME_SIGNALED, -1, SIGTERM },
		{ "echo out; sleep 600 & sleep 600 & exit 3", SBX_OUTCOME_EXITED, 3, 0 },
	};
	g_auto(leak_t) leak = { NULL };

	start_keeper();
	leak_begin(&leak);
	for (gsize i = 0; i < G_N_ELEMENTS(rows); i++) {
		g_autoptr(life_box_t) box = create();
		g_autofree char *out = NULL;
		sbx_report report;

		if (!box)
			return;
		run(box, rows[i].script);
		life_wait(box, &report);
		out = life_output(box, 1);
		g_assert_cmpstr(out, ==, "out\n");
		g_assert_cmpint(report.outcome, ==, rows[i].outcome);
		g_assert_cmpint(report.exit_code, ==, rows[i].code);
		g_assert_cmpint(report.signal, ==, rows[i].signal);
		/* nobody's zombie: the keeper's children are reaped by the kernel */
		for (int n = 0; n < 100 && kill(box->init_pid, 0) == 0; n++)
			g_usleep(10000);
		g_assert_cmpint(kill(box->init_pid, 0), ==, -1);
	}
	leak_check(&leak);
}

/* Init and the payload have the signals that they have elsewhere, not the keeper's. */
static void
test_signals_inside(void)
{
	g_autofree char *direct = NULL, *kept = NULL;
	char **const texts[] = { &kept, &direct };

	start_keeper();
	for (int i = 0; i < 2; i++) {
		g_autoptr(life_box_t) box = NULL;
		sbx_report report;

		through = i ? NULL : &keeper;
		if (!(box = create()))
			return;
		run(box,
		    "grep -E '^(Sig|Shd|Cap|NoNew|Seccomp)' /proc/self/status /proc/1/status; ulimit -a; umask; nice; pwd");
		life_wait(box, &report);
		*texts[i] = life_output(box, 1);
	}
	live_contains(direct, "SigIgn:\t0000000000000000");
	g_assert_cmpstr(kept, ==, direct);
}

static void
test_kill(void)
{
	g_auto(leak_t) leak = { NULL };
	sbx_error *error = NULL;

	start_keeper();
	leak_begin(&leak);
	for (int i = 0; i < 4; i++) {
		g_autoptr(life_box_t) box = create();
		g_autofree char *mark = life_mark();
		g_autofree char *script =
			g_strdup_printf("trap 'exit 4' USR1; sleep %s & echo on; while :; do sleep 0.05; done", mark);
		sbx_report report;

		if (!box)
			return;
		if (i == 3)
			continue; /* free of one that was never started */
		run(box, script);
		life_await_output(box, "on\n");
		if (i == 0)
			EXPECT(0, sbx_box_signal(box, SIGUSR1, &error), &error);
		else if (i == 1)
			EXPECT(0, sbx_box_kill(box, &error), &error);
		if (i < 2) {
			life_wait(box, &report);
			g_assert_cmpint(report.outcome, ==, i ? SBX_OUTCOME_KILLED : SBX_OUTCOME_EXITED);
		}
		g_clear_pointer(&box, sbx_box_free);
		g_assert_cmpuint(life_processes_gone(mark, 1000), ==, 0);
	}
	leak_check(&leak);
}

static void
test_failures(void)
{
	g_autoptr(life_spec_t) spec = life_spec("default", NULL);
	const char *argv[] = { "/no/such/program", NULL };
	sbx_command command = { .size = sizeof command, .argv = argv };
	g_autoptr(life_box_t) box = NULL;
	sbx_error *error = NULL;
	sbx_box *other = NULL;
	sbx_report report;

	start_keeper();
	if (!(box = create()))
		return;
	g_assert_cmpint(sbx_box_start(box, &command, &error), ==, -ENOENT);
	g_assert_cmpstr(sbx_error_stage(error), ==, "exec");
	sbx_error_free(error);
	error = NULL;
	run(box, "echo on; sleep 0.3; exit 6");
	/* systemd stops the scope: what runs there gets its SIGTERM from systemd, not from the keeper's end */
	g_assert_cmpint(kill(keeper.pid, SIGTERM), ==, 0);
	for (int i = 0; i < 100 && kill(keeper.pid, 0) == 0 && waitpid(keeper.pid, NULL, WNOHANG) == 0; i++)
		g_usleep(10000);
	g_assert_cmpint(sbx_box_create(spec, &other, &error), ==, -EPIPE);
	g_assert_cmpstr(sbx_error_stage(error), ==, "clone");
	g_assert_cmpstr(sbx_error_message(error), ==, "the keeper has ended");
	g_assert_cmpstr(sbx_error_hint(error), !=, "");
	sbx_error_free(error);
	life_wait(box, &report);
	g_assert_cmpint(report.exit_code, ==, 6);
}

static gpointer
many(gpointer data)
{
	for (unsigned i = 0; i < life_count(10); i++) {
		g_autoptr(life_box_t) box = create();
		g_autofree char *script = g_strdup_printf("echo %u.%u", GPOINTER_TO_UINT(data), i);
		g_autofree char *wanted = g_strconcat(script + strlen("echo "), "\n", NULL);
		g_autofree char *out = NULL;
		sbx_report report;

		if (!box)
			return NULL;
		run(box, script);
		life_wait(box, &report);
		out = life_output(box, 1);
		g_assert_cmpstr(out, ==, wanted);
	}
	return NULL;
}

static void
test_threads(void)
{
	GThread *threads[4];

	start_keeper();
	for (guint i = 0; i < G_N_ELEMENTS(threads); i++)
		threads[i] = g_thread_new(NULL, many, GUINT_TO_POINTER(i));
	for (guint i = 0; i < G_N_ELEMENTS(threads); i++)
		g_thread_join(threads[i]);
}

/* Paused too: init, which would see the owner die, is frozen, and is not even its child. */
static void
test_owner_dies(void)
{
	g_autoptr(life_box_t) probe = NULL;
	g_autofree char *place = NULL;
	sbx_error *error = NULL;

	through = NULL;
	if (!(probe = create()))
		return;
	place = g_path_get_dirname(probe->cgroup->path);
	for (int i = 0; i < 6; i++) {
		g_autofree char *mark = life_mark();
		g_autofree char *script = g_strdup_printf("sleep %s & sleep %s", mark, mark);
		int status;
		pid_t pid = fork();

		g_assert_cmpint(pid, >=, 0);
		if (pid == 0) {
			sbx_box *box;

			start_keeper();
			box = create();
			run(box, script);
			if (i % 2)
				EXPECT(0, sbx_box_pause(box, &error), &error);
			raise(SIGKILL);
		}
		g_assert_cmpint(waitpid(pid, &status, 0), ==, pid);
		g_assert_cmpint(status, ==, SIGKILL);
		g_assert_cmpuint(life_processes_gone(mark, 1000), ==, 0);
	}
	g_clear_pointer(&probe, sbx_box_free);
	g_assert_cmpint(sbx_sweep(place, &error), >=, 6);
}

/* --- the reason for all this: a user outside of a subtree that is the user's own --- */

static void
write_pid(const char *dir, const char *name, pid_t pid)
{
	g_autofree char *file = g_strdup_printf("%s/%s/cgroup.procs", dir, name);
	g_autofree char *text = g_strdup_printf("%d", (int)pid);

	if (!fd_write_file_at(AT_FDCWD, file, text))
		g_error("write %s to %s: %s", text, file, g_strerror(errno));
}

/* As that user. Our parent, root, moves the keeper whose pid it is told. */
static void
be_user(const char *place, int tell, int go)
{
	g_autoptr(life_spec_t) spec = life_spec("default", NULL);
	sbx_error *error = NULL;
	sbx_box *box = NULL;
	sbx_report report;
	char byte;

	if (setgroups(0, NULL) < 0 || setresgid(65534, 65534, 65534) < 0 || setresuid(65534, 65534, 65534) < 0)
		_exit(2);
	start_keeper();
	if (write(tell, &keeper.pid, sizeof keeper.pid) != sizeof keeper.pid || read(go, &byte, 1) != 1)
		_exit(2);
	given = place;
	/* the control: the kernel says EACCES (here nothing needs the cgroup, so that the box does without) */
	through = NULL;
	EXPECT(0, sbx_box_create(spec, &box, &error), &error);
	g_assert_cmpint(sbx_box_cgroup_fd(box), ==, -ENOENT);
	g_clear_pointer(&box, sbx_box_free);
	through = &keeper;
	EXPECT(0, sbx_box_create(spec, &box, &error), &error);
	g_assert_true(g_str_has_prefix(box->cgroup->path, place));
	run(box, "exit 11");
	life_wait(box, &report);
	g_assert_cmpint(report.exit_code, ==, 11);
	sbx_box_free(box);
	keeper_clear(&keeper);
	_exit(0);
}

static void
test_user_outside(void)
{
	g_auto(cgroupfs_t) fs = { .fd = -1 };
	g_autofree char *place = NULL;
	g_autofree char *leaf = NULL;
	g_autofree char *procs = NULL;
	int tell[2], go[2], status;
	pid_t pid, kept;

	if (!life_is_real_root()) {
		life_not_allowed("root");
		return;
	}
	if (!cgroupfs_open(&fs, NULL)) {
		life_lacks("cgroup2");
		return;
	}
	place = g_strdup_printf("%s/sbx-test-through.%d", fs.path, (int)getpid());
	leaf = g_build_filename(place, "leaf", NULL);
	procs = g_build_filename(place, "cgroup.procs", NULL);
	g_assert_cmpint(mkdir(place, 0755), ==, 0);
	g_assert_cmpint(mkdir(leaf, 0755), ==, 0);
	g_assert_cmpint(chown(place, 65534, 65534), ==, 0);
	g_assert_cmpint(chown(procs, 65534, 65534), ==, 0);
	g_assert_cmpint(pipe2(tell, O_CLOEXEC), ==, 0);
	g_assert_cmpint(pipe2(go, O_CLOEXEC), ==, 0);
	pid = fork();
	g_assert_cmpint(pid, >=, 0);
	if (pid == 0)
		be_user(place, tell[1], go[0]);
	g_assert_cmpint(read(tell[0], &kept, sizeof kept), ==, (gssize)sizeof kept);
	write_pid(place, "leaf", kept);
	g_assert_cmpint(write(go[1], "", 1), ==, 1);
	g_assert_cmpint(waitpid(pid, &status, 0), ==, pid);
	for (int i = 0; i < 2; i++) {
		close(tell[i]);
		close(go[i]);
	}
	for (int i = 0; i < 100 && rmdir(leaf) < 0; i++)
		g_usleep(10000);
	g_assert_cmpint(rmdir(place), ==, 0);
	g_assert_cmpint(status, ==, 0);
}

int
main(int argc, char **argv)
{
	int result;

	g_test_init(&argc, &argv, NULL);
	life_begin(120);
	g_test_add_func("/through/ends", test_ends);
	g_test_add_func("/through/signals-inside", test_signals_inside);
	g_test_add_func("/through/kill", test_kill);
	g_test_add_func("/through/failures", test_failures);
	g_test_add_func("/through/threads", test_threads);
	g_test_add_func("/through/owner-dies", test_owner_dies);
	g_test_add_func("/through/user-outside", test_user_outside);
	result = g_test_run();
	keeper_clear(&keeper);
	return result;
}
