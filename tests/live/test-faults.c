/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* SPDX-FileCopyrightText: The libsbx developers */

/*
 * Failure: every step of every plan broken in turn, and every thing that the host needs taken away.
 *
 * Theory of operation. A step is one system call, so a step is broken by making it another one: a number that no kernel
 * has (ENOSYS), or close(-1) (EBADF). What must come back is that step's index and that errno; then nothing may be left.
 */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "box.h"
#include "cgroup.h"
#include "delegate.h"
#include "fd.h"
#include "idmap.h"
#include "launch.h"
#include "life.h"

#define NO_SUCH_CALL 0xfff0

struct wish {
	const char *name;
	const char *profile;
	const char *keys[24]; /* key, value, ...; %s is the scratch directory */
	bool real_root;
};

static const struct wish wishes[] = {
	{ "default", "default", { NULL }, false },
	{ "empty-root",
	  "empty",
	  { "ro-bind", "/usr:/usr", "ro-bind", "/etc:/etc", "bind", "%s/data:/data", "tmpfs", "/var/cache:1M", "file",
	    "/etc2/motd=hello", "symlink", "usr/bin:/bin", "symlink", "usr/lib:/lib", "symlink", "usr/lib64:/lib64", NULL },
	  false },
	{ "directory-overlay",
	  "default",
	  { "root", "%s/root", "ro-bind", "/usr:/usr", "ro-bind", "/bin:/bin", "ro-bind", "/lib:/lib", "?ro-bind",
	    "/lib64:/lib64", "overlay", "/data", "tmpfs", "/tmp", "hostname", "broken", NULL },
	  false },
	{ "share-user",
	  "default",
	  { "share", "user", "user", "65534", "hostname", "broken", "rlimit", "nofile=64", NULL },
	  true },
	{ "share-all",
	  "default",
	  { "share", "ipc,uts,net,cgroup", "time.wall", "10", "env", "A=B", "nice", "19", "chdir", "/", NULL },
	  false },
};

static char *scratch;

static void
make_scratch(void)
{
	static const char *const dirs[] = { "data", "root", "root/data", "root/etc" };

	scratch = g_strdup("/tmp/sbx-faults.XXXXXX");
	g_assert_nonnull(g_mkdtemp_full(scratch, 0755));
	for (size_t i = 0; i < G_N_ELEMENTS(dirs); i++) {
		g_autofree char *path = g_build_filename(scratch, dirs[i], NULL);

		g_assert_cmpint(mkdir(path, 0777), ==, 0);
	}
}

static void
remove_scratch(void)
{
	g_autofree char *command = g_strdup_printf("rm -rf '%s'", scratch);

	g_assert_cmpint(system(command), ==, 0);
	g_clear_pointer(&scratch, g_free);
}

static sbx_spec *
wish_spec(const struct wish *wish)
{
	sbx_spec *spec = life_spec(wish->profile, NULL);
	sbx_error *error = NULL;

	for (const char *const *key = wish->keys; *key; key += 2) {
		g_auto(GStrv) parts = g_strsplit(key[1], "%s", 2);
		g_autofree char *value = g_strjoinv(scratch, parts);

		life_expect(*key, sbx_spec_set(spec, *key, value, &error), 0, &error);
	}
	return spec;
}

static bool
may(const struct wish *wish)
{
	if (!wish->real_root || life_is_real_root())
		return true;
	life_not_allowed("share=user is for the machine's root");
	return false;
}

/* --- the box's plan --- */

static void
no_error(const GError *error)
{
	if (error)
		g_error("%s (%s)", error->message, error_hint(error));
}

/* A cgroup as the box would have it, where one can be had. */
static struct cgroup *
cgroup_for_test(void)
{
	g_autofree char *path = NULL;
	struct cgroup *cgroup = NULL;
	autofd parent = -1;

	if (!delegate_find("auto", NULL, NULL, &parent, &path, NULL) || !cgroup_new(parent, path, &cgroup, NULL))
		return NULL;
	return cgroup;
}

static void
await_end(const struct launch *born)
{
	struct pollfd end = { born->pidfd, POLLIN, 0 };
	siginfo_t info;

	g_assert_cmpint(poll(&end, 1, 1000 * (int)(g_getenv("SBX_VM") ? 10 : 1)), ==, 1);
	g_assert_cmpint(waitid(P_PIDFD, (id_t)born->pidfd, &info, WEXITED | __WALL), ==, 0);
}

/* What init says at last: READY or FAILED. */
static struct wire_record
await_record(int socket)
{
	struct pollfd due = { socket, POLLIN, 0 };
	struct wire_record record = { 0 };
	int got;

	for (;;) {
		g_assert_cmpint(poll(&due, 1, LIFE_SECONDS * 1000), ==, 1);
		got = launch_receive(socket, &record);
		if (got < 0)
			g_error("init has gone without a word");
		if (got > 0 && record.type != WIRE_SKIPPED)
			return record;
	}
}

/* Launch the plan as box-start.c does. Maps are written only where init comes as far as to wait for them. */
static struct wire_record
launch_plan(const struct plan *plan, const struct cgroup *cgroup, uint32_t broken)
{
	struct launch born = { 0, -1, -1 };
	struct wire_message go = { .type = WIRE_GO };
	struct wire_record record;
	GError *error = NULL;

	if (!launch_init(plan, cgroup ? cgroup->fd : -1, NULL, &born, &error))
		no_error(error);
	if (plan->identity.host_maps && plan->wait_at <= broken) {
		if (!idmap_write(born.pid, born.pidfd, &plan->identity.map, &error) ||
		    !launch_send(born.socket, &go, NULL, 0, &error))
			no_error(error);
	}
	record = await_record(born.socket);
	fd_close(&born.socket);
	await_end(&born);
	fd_close(&born.pidfd);
	return record;
}

/* Is a failure of this step, with this errno, none? */
static bool
tolerates(const struct wire_step *step, int code)
{
	return step->flags & (WIRE_ANY | WIRE_SOFT) || step->forgive == code;
}

static struct wire_step
broken_step(struct wire_step step, int code)
{
	step.nr = code == ENOSYS ? NO_SUCH_CALL : SYS_close;
	step.slot_args = 0;
	step.arg[0] = (uint64_t)-1;
	return step;
}

static void
expect_record(const struct plan *plan, uint32_t i, const char *text, int code, bool tolerated,
              struct wire_record record, uint32_t good, uint32_t phase)
{
	g_autofree char *said = record.step < plan->steps->len ? plan_step_text(plan, record.step) : NULL;

	if (tolerated && record.type == good)
		return;
	if (tolerated || record.type != WIRE_FAILED || record.phase != phase || record.step != i || record.value != code)
		g_error("step %u, errno %d%s, %s: record %u phase %u step %u value %d, %s", i, code,
		        tolerated ? " (which is none)" : "", text, record.type, record.phase, record.step, record.value, said);
}

static struct plan *
plan_for_test(const sbx_spec *spec, const struct cgroup *cgroup)
{
	g_autoptr(GError) error = NULL;
	struct plan *plan = NULL;

	if (!plan_box(spec, cgroup ? cgroup->fd : PLAN_NO_CGROUP, &plan, &error))
		no_error(error);
	return plan;
}

/* A plan of its own for each try: mounts that are given along can be placed once. false: there is no such step. */
static bool
break_step(const sbx_spec *spec, const struct cgroup *cgroup, uint32_t i, int code)
{
	g_autoptr(plan_t) plan = plan_for_test(spec, cgroup);
	struct wire_step *step = &g_array_index(plan->steps, struct wire_step, i);
	g_autofree char *text = NULL;
	bool tolerated;

	if (i >= plan->steps->len)
		return false;
	text = plan_step_text(plan, i);
	tolerated = tolerates(step, code);
	*step = broken_step(*step, code);
	expect_record(plan, i, text, code, tolerated, launch_plan(plan, cgroup, tolerated ? plan->steps->len : i),
	              WIRE_READY, WIRE_PHASE_BOX);
	return true;
}

/* The positive control: nothing broken, nothing fails. */
static void
control(const sbx_spec *spec, const struct cgroup *cgroup)
{
	g_autoptr(plan_t) plan = plan_for_test(spec, cgroup);
	struct wire_record record = launch_plan(plan, cgroup, plan->steps->len);
	g_autofree char *said = record.step < plan->steps->len ? plan_step_text(plan, record.step) : NULL;

	if (record.type != WIRE_READY)
		g_error("unbroken: record %u phase %u step %u value %d, %s", record.type, record.phase, record.step,
		        record.value, said);
}

static void
test_box_steps(gconstpointer data)
{
	static const int codes[] = { ENOSYS, EBADF };
	const struct wish *wish = data;
	g_autoptr(life_spec_t) spec = NULL;
	g_autoptr(cgroup_t) cgroup = NULL;
	g_auto(leak_t) leak = { NULL };
	g_autoptr(GError) error = NULL;
	unsigned stride = g_getenv("SBX_VM") ? 11 : 1;
	unsigned tried = 0;

	if (!may(wish))
		return;
	spec = wish_spec(wish);
	cgroup = cgroup_for_test();
	leak_begin(&leak);
	control(spec, cgroup);
	while (break_step(spec, cgroup, tried * stride, codes[tried % 2])) {
		if (tried++ % 16 == 0)
			leak_check(&leak);
	}
	leak_check(&leak);
	if (cgroup) {
		(void)cgroup_remove(cgroup, 2000, &error);
		g_assert_no_error(error);
	}
	g_test_message("%u steps broken", tried);
	g_assert_cmpuint(tried, >, 5);
}

/* --- the command's plan --- */

/* One try in a living box: the record, and that the payload has not run unless it was STARTED. */
static struct wire_record
try_command(struct sbx_box *box, const struct plan *plan, const int pipe_fds[2], GError **error)
{
	struct wire_message message = { .type = WIRE_COMMAND, .value = 1, .n_fds = 1 + plan->fds->len };
	g_autofree int *fds = g_new(int, message.n_fds);
	autofd sealed = plan_seal(plan, error);
	struct wire_record record;
	char byte;

	g_assert_cmpint(sealed, >=, 0);
	fds[0] = sealed;
	for (guint i = 0; i < plan->fds->len; i++)
		fds[1 + i] = g_array_index(plan->fds, struct plan_fd, i).fd;
	if (!launch_send(box->socket, &message, fds, message.n_fds, error))
		no_error(*error);
	record = await_record(box->socket);
	if (record.type == WIRE_FAILED) {
		g_assert_cmpint(read(pipe_fds[0], &byte, 1), ==, -1);
		g_assert_cmpint(errno, ==, EAGAIN);
	}
	return record;
}

static sbx_box *
box_for_command(const sbx_spec *spec, const sbx_command *command, const int stdio[3], struct plan **ret_plan)
{
	g_autoptr(GError) error = NULL;
	sbx_box *box = life_create(spec);

	if (!plan_command(spec, &box->plan->identity, command, stdio, true, ret_plan, &error))
		no_error(error);
	return box;
}

static void
test_command_steps(gconstpointer data)
{
	static const int codes[] = { ENOSYS, EBADF };
	static const char *const argv[] = { "/bin/sh", "-c", "echo ran", NULL };
	const sbx_command command = { .size = sizeof command, .argv = argv };
	const struct wish *wish = data;
	g_autoptr(life_spec_t) spec = NULL;
	g_autoptr(life_box_t) box = NULL;
	g_autoptr(plan_t) plan = NULL;
	g_autoptr(GError) error = NULL;
	g_auto(leak_t) leak = { NULL };
	int ends[2];
	int stdio[3];
	sbx_report report;
	sbx_error *failure = NULL;
	g_autofree char *output = NULL;

	if (!may(wish))
		return;
	spec = wish_spec(wish);
	g_assert_cmpint(pipe2(ends, O_CLOEXEC | O_NONBLOCK), ==, 0);
	stdio[0] = stdio[1] = stdio[2] = ends[1];
	leak_begin(&leak);
	box = box_for_command(spec, &command, stdio, &plan);
	for (uint32_t i = 0; i < plan->steps->len; i++) {
		struct wire_step *step = &g_array_index(plan->steps, struct wire_step, i);
		const struct wire_step good = *step;
		g_autofree char *text = plan_step_text(plan, i);
		int code = codes[i % 2];
		struct wire_record record;

		if (tolerates(&good, code))
			continue; /* then it would run, and the box end with it */
		*step = broken_step(good, code);
		record = try_command(box, plan, ends, &error);
		/* behind the filter a number that nobody knows may be refused by it */
		if (i == plan->steps->len - 1 && record.value == EPERM)
			code = EPERM;
		expect_record(plan, i, text, code, false, record, WIRE_STARTED, WIRE_PHASE_COMMAND);
		*step = good;
	}
	/* the positive control: the box has taken no harm */
	g_assert_cmpint(sbx_box_state(box), ==, SBX_CREATED);
	EXPECT(0, life_sh(box, "echo ran", SBX_STDIO_NULL, SBX_STDIO_CAPTURE, SBX_STDIO_NULL, &failure), &failure);
	life_wait(box, &report);
	output = life_output(box, 1);
	g_assert_cmpstr(output, ==, "ran\n");
	g_clear_pointer(&box, sbx_box_free);
	g_clear_pointer(&plan, plan_free);
	leak_check(&leak);
	close(ends[0]);
	close(ends[1]);
}

/* --- the host's part --- */

/* Given a wish that can't be met, then create says so, and nothing is left. `text`: part of key, message or hint. */
static void
refuses(const sbx_spec *spec, int expected, const char *key, const char *text)
{
	g_auto(leak_t) leak = { NULL };
	sbx_error *error = NULL;
	sbx_box *box = NULL;
	int result;

	leak_begin(&leak);
	result = sbx_box_create(spec, &box, &error);
	g_test_message("%d | %s | %s | %s | %s", result, sbx_error_stage(error), sbx_error_key(error),
	               sbx_error_message(error), sbx_error_hint(error));
	g_assert_cmpint(result, ==, expected);
	g_assert_null(box);
	g_assert_cmpstr(sbx_error_key(error), ==, key);
	if (!strstr(sbx_error_message(error), text))
		g_error("expected \"%s\" in: %s", text, sbx_error_message(error));
	sbx_error_free(error);
	leak_check(&leak);
}

static void
test_refused(void)
{
	static const struct {
		const char *key, *value;
		int code;
		const char *text;
	} rows[] = {
		{ "cgroup.parent", "/sys/fs/cgroup/unified/no-such-group", -ENOENT, "no-such-group" },
		{ "cgroup.parent", "/proc", -EINVAL, "/proc" },
		{ "net", "/no/such/namespace", -ENOENT, "/no/such/namespace" },
		{ "net", "/dev/null", -EINVAL, "/dev/null" },
		{ "root", "/no/such/root", -ENOENT, "/no/such/root" },
		{ "bind", "/no/such/source:/data", -ENOENT, "/no/such/source" },
		{ "ro-bind", "/no/such/source:/data", -ENOENT, "/no/such/source" },
	};

	for (size_t i = 0; i < G_N_ELEMENTS(rows); i++) {
		g_autoptr(life_spec_t) spec = life_spec("default", rows[i].key, rows[i].value, NULL);

		refuses(spec, rows[i].code, rows[i].key, rows[i].text);
	}
}

/* A step that comes before the maps fails while the host writes them: whoever wins, the step is what the error is about. */
static void
race(void)
{
	g_autoptr(life_spec_t) spec = life_spec("default", NULL);

	if (unshare(CLONE_NEWNS) < 0 || mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) < 0 ||
	    mount("tmpfs", "/dev", "tmpfs", 0, NULL) < 0)
		g_error("hide /dev: %s", g_strerror(errno));
	for (unsigned i = 0; i < life_count(100); i++) {
		sbx_error *error = NULL;
		sbx_box *box = NULL;
		int result = sbx_box_create(spec, &box, &error);

		if (result != -ENOENT || !strstr(sbx_error_message(error), "/dev/null"))
			g_error("try %u: %d %s", i, result, sbx_error_message(error));
		sbx_error_free(error);
	}
}

static void
test_race(void)
{
	int status;
	pid_t pid;

	if (!life_is_real_root()) {
		life_not_allowed("only the machine's root has its maps written by the host");
		return;
	}
	pid = fork();
	if (pid == 0) {
		race();
		_exit(0);
	}
	g_assert_cmpint(waitpid(pid, &status, 0), ==, pid);
	g_assert_cmpint(status, ==, 0);
}

/* With room for 0, 1, 2, ... more fds the box is either made, or refused for that reason, and nothing is left. */
static void
test_no_fds(void)
{
	g_autoptr(life_spec_t) spec = life_spec("default", "time.wall", "10", NULL);
	g_auto(leak_t) leak = { NULL };
	struct rlimit before, less;
	unsigned refused = 0, made = 0;
	int highest = open("/dev/null", O_RDONLY | O_CLOEXEC);

	g_assert_cmpint(highest, >=, 0);
	close(highest);
	g_assert_cmpint(getrlimit(RLIMIT_NOFILE, &before), ==, 0);
	sbx_box_free(life_create(spec)); /* what is opened once is open now */
	leak_begin(&leak);
	for (unsigned more = 0; more < 40; more++) {
		sbx_error *error = NULL;
		sbx_box *box = NULL;
		int result;

		less = before;
		less.rlim_cur = (rlim_t)highest + more;
		g_assert_cmpint(setrlimit(RLIMIT_NOFILE, &less), ==, 0);
		result = sbx_box_create(spec, &box, &error);
		if (result == 0)
			result = life_sh(box, "exit 0", SBX_STDIO_NULL, SBX_STDIO_CAPTURE, SBX_STDIO_PIPE, &error);
		g_assert_cmpint(setrlimit(RLIMIT_NOFILE, &before), ==, 0);
		if (result < 0 && sbx_error_errno(error) != EMFILE && sbx_error_errno(error) != EINVAL)
			g_error("%u fds more: %s", more, sbx_error_message(error));
		if (result < 0 && more == 8)
			g_test_message("%s", sbx_error_message(error));
		refused += result < 0;
		made += result == 0;
		sbx_error_free(error);
		sbx_box_free(box);
	}
	g_test_message("%u refused, %u made", refused, made);
	g_assert_cmpuint(refused, >, 3);
	g_assert_cmpuint(made, >, 3);
	leak_check(&leak);
}

/* --- main --- */

static void
add(const char *group, GTestDataFunc function)
{
	for (size_t i = 0; i < G_N_ELEMENTS(wishes); i++) {
		g_autofree char *path = g_strdup_printf("/faults/%s/%s", group, wishes[i].name);

		g_test_add_data_func(path, &wishes[i], function);
	}
}

int
main(int argc, char **argv)
{
	int status;

	g_test_init(&argc, &argv, NULL);
	life_begin(120);
	make_scratch();
	add("box", test_box_steps);
	add("command", test_command_steps);
	g_test_add_func("/faults/host/refused", test_refused);
	g_test_add_func("/faults/host/race", test_race);
	g_test_add_func("/faults/host/no-fds", test_no_fds);
	status = g_test_run();
	remove_scratch();
	return status;
}
