/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* SPDX-FileCopyrightText: The libsbx developers */

/*
 * The hostile suite: a payload that wants out has nowhere to go. Each row of the tables is one assertion in each mode, with
 * its control; see hostile.h for how they are run and threats.md for what F01... are.
 */
#include "hostile.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <unistd.h>

#include "../live/live.h"
#include "rows.h"

static const struct row *const tables[] = { rows_call, rows_file, rows_init, rows_net, rows_self };

/* --- rows --- */

struct point {
	const struct row *row;
	enum hostile_mode mode;
};

static const char *
wanted_of(const struct row *row, enum hostile_mode mode)
{
	return row->mode_expect[mode] ? row->mode_expect[mode] : row->expect;
}

static const char *
control_of(const struct row *row)
{
	return row->control_probe ? row->control_probe : row->probe;
}

/* Is `result` one of the alternatives? `other` is what "other", "=inside" and "!control" speak of. */
static bool
fits(const char *alternatives, const char *result, const char *other)
{
	g_auto(GStrv) each = g_strsplit(alternatives, "|", -1);

	for (char **one = each; *one; one++) {
		bool same = g_strcmp0(result, other) == 0;

		if (g_str_equal(*one, "other") || g_str_equal(*one, "!control"))
			same = !same;
		else if (!g_str_equal(*one, "=inside") && !g_str_equal(*one, "=control") && !g_str_equal(*one, "=outside"))
			same = g_str_equal(*one, "%h") ? g_str_equal(result, hostile_dir()) : g_str_equal(result, *one);
		if (same)
			return true;
	}
	return false;
}

/* Nothing ran there, or it did not get to the point: then the answer says nothing. */
static bool
usable(const struct hostile_answer *answer, const char *probe, const char *where)
{
	if (answer->result && answer->reached)
		return true;
	g_test_fail_printf("%s did not get to the point in %s: %s%s%s", probe, where,
	                   answer->result ? answer->result : "it did not run", answer->why ? ": " : "",
	                   answer->why ? answer->why : "");
	return false;
}

static void
test_row(gconstpointer data)
{
	const struct point *point = data;
	const struct row *row = point->row;
	const char *wanted = wanted_of(row, point->mode), *control_wanted = row->control_expect;
	const char *place = hostile_place_name(row->place), *control_place = hostile_place_name(row->control);
	struct hostile_answer inside, control, outside = { NULL, NULL, false };
	bool optional = *control_wanted == '?';
	bool have_control;

	if (row->planted_by_root && !hostile_has_root()) {
		g_test_skip("mode: only root can plant the files that this is about");
		return;
	}
	control_wanted += optional;
	hostile_ask(point->mode, row->place, row->probe, &inside);
	hostile_ask(point->mode, row->control, control_of(row), &control);
	if (!usable(&inside, row->probe, place))
		return;
	have_control = control.result || !control.why || row->control != PLACE_ROOT;
	if (have_control && !usable(&control, control_of(row), control_place))
		return;
	/* without root's eyes those of the mode's own user say what there is */
	if (optional && !have_control)
		hostile_ask(point->mode, PLACE_OUTSIDE, row->probe, &outside);
	if (optional && g_strcmp0(have_control ? control.result : outside.result, "ENOENT") == 0) {
		g_test_skip("this machine has no such thing, inside or outside");
		return;
	}
	if (g_test_verbose())
		g_test_message("%s: %s; control: %s", wanted, inside.result, have_control ? control.result : "none");
	if (g_str_equal(wanted, "=outside"))
		hostile_ask(point->mode, PLACE_OUTSIDE, row->probe, &outside);
	/* without its control: "the answer of another place" can't be told */
	if (!have_control && strstr(wanted, "control")) {
		g_test_skip("mode: its control needs root");
		return;
	}
	if (!fits(wanted, inside.result, g_str_equal(wanted, "=outside") ? outside.result : control.result))
		g_test_fail_printf("%s in %s: \"%s\", wanted \"%s\"; the control, %s in %s: \"%s\"", row->probe, place,
		                   inside.result, wanted, control_of(row), control_place,
		                   have_control ? control.result : "none");
	if (!have_control)
		g_test_message("no control: %s", control.why);
	else if (!fits(control_wanted, control.result, inside.result))
		g_test_fail_printf("the control, %s in %s: \"%s\", wanted \"%s\"; %s in %s: \"%s\"", control_of(row),
		                   control_place, control.result, control_wanted, row->probe, place, inside.result);
}

/* --- what no probe sees --- */

static void
contains(const char *text, const char *part)
{
	if (!strstr(text, part))
		g_test_fail_printf("\"%s\" is not in \"%s\"", part, text);
}

static void
test_typed(gconstpointer data)
{
	enum hostile_mode mode = *(const enum hostile_mode *)data;
	struct hostile_answer answer;

	hostile_ask(mode, PLACE_BOX, "ioctl:0,5412", &answer);
	g_assert_cmpuint(hostile_typed(PLACE_BOX), ==, 0);
	if (!hostile_has_root())
		return;
	hostile_ask(mode, PLACE_ROOT, "ioctl:0,5412", &answer);
	/* EIO: this kernel types for nobody */
	if (g_strcmp0(answer.result, "ok") == 0)
		g_assert_cmpuint(hostile_typed(PLACE_ROOT), >, 0);
}

static void
test_host_mounts(gconstpointer data)
{
	enum hostile_mode mode = *(const enum hostile_mode *)data;
	struct hostile_answer answer;

	if (mode == MODE_USER) {
		g_test_skip("mode: the mounts of this machine are not a plain user's, others may change them");
		return;
	}
	hostile_ask(mode, PLACE_BOX, "host-mounts", &answer);
	g_assert_cmpstr(answer.result, ==, "the same");
	hostile_ask(mode, PLACE_BARE, "host-mounts", &answer);
	g_assert_cmpstr(answer.result, ==, "the same");
}

static void
say_box(struct live *live)
{
	printf("outcome %d exit %d error %d stage %s: %s\n%s%s", live->outcome, live->exit_code, live->error, live->stage,
	       live->message, live->out, live->err);
	live_free(live);
}

/* A canary in a mount below what the box is given to write: nobody's cleaning up goes through it. */
static void
work_canary(int fd, const void *data)
{
	enum hostile_mode mode = *(const enum hostile_mode *)data;
	g_autoptr(sbx_spec) spec = live_spec_bare(hostile_keys(mode));
	g_autofree char *pair = live_pair("/var/tmp", "/tmp/given"), *text = NULL;
	sbx_command command = { .size = sizeof command,
		                    .argv = ARGV("/bin/true"),
		                    .stdio = { SBX_STDIO_NULL, SBX_STDIO_CAPTURE, SBX_STDIO_CAPTURE } };

	(void)fd;
	hostile_shared_mounts();
	hostile_must(mount("tmpfs", "/var/tmp", "tmpfs", 0, "mode=777"), "mount");
	hostile_must(mkdir("/var/tmp/sub", 0777), "mkdir");
	hostile_must(mount("tmpfs", "/var/tmp/sub", "tmpfs", 0, "mode=777"), "mount below");
	g_file_set_contents("/var/tmp/sub/canary", "canary", -1, NULL);
	hostile_must(sbx_spec_set(spec, "bind", pair, NULL), "bind");
	hostile_must(sbx_spec_set(spec, "tmpfs", "/tmp/given/sub", NULL), "tmpfs");
	say_box(live_spec(spec, &command));
	text = live_read("/var/tmp/sub/canary");
	printf("canary: %s\n", text ? text : "gone");
}

static void
test_canary(gconstpointer data)
{
	enum hostile_mode mode = *(const enum hostile_mode *)data;
	g_autofree char *text = NULL;

	if (mode == MODE_USER) {
		g_test_skip("mode: a plain user mounts nothing");
		return;
	}
	text = hostile_worker(mode, work_canary, data);
	g_assert_cmpstr(text, ==, "outcome 1 exit 0 error 0 stage : \ncanary: canary\n");
}

/* A payload that leaves traps for who reads back: nobody here does, so that it ends as it would without them. */
static void
work_traps(int fd, const void *data)
{
	enum hostile_mode mode = *(const enum hostile_mode *)data;
	g_autoptr(sbx_spec) spec = live_spec_bare(hostile_keys(mode));
	g_autofree char *traps = g_strdup_printf("%s/traps-%s", hostile_dir(), hostile_mode_name(mode));
	g_autofree char *pair = live_pair(traps, "/tmp/out"), *names = NULL;
	static const char script[] =
		"cd /tmp/out && ln -s /etc/passwd link && mkfifo fifo && ln -s . loop && mkdir -p a/b/c && "
		"ln -s ../../.. a/b/c/up && : >'a\nb' && echo made";
	sbx_command command = { .size = sizeof command,
		                    .argv = ARGV("/bin/sh", "-c", script),
		                    .stdio = { SBX_STDIO_NULL, SBX_STDIO_CAPTURE, SBX_STDIO_CAPTURE } };

	(void)fd;
	umask(0);
	hostile_must(mkdir(traps, 0777), "mkdir");
	hostile_must(sbx_spec_set(spec, "bind", pair, NULL), "bind");
	say_box(live_spec(spec, &command));
	names = live_list(traps);
	printf("%s\n", names);
}

static void
test_traps(gconstpointer data)
{
	gint64 begin = g_get_monotonic_time();
	g_autofree char *text = hostile_worker(*(const enum hostile_mode *)data, work_traps, data);

	g_assert_cmpstr(text, ==, "outcome 1 exit 0 error 0 stage : \nmade\na a\nb fifo link loop\n");
	g_assert_cmpint(g_get_monotonic_time() - begin, <, 20 * G_USEC_PER_SEC);
}

/* Where the host's own proc is covered in part, a new one would show what is hidden: the kernel refuses it, and the box must
 * not take the host's instead. user_namespaces(7), "mount too revealing" */
static void
work_masked_proc(int fd, const void *data)
{
	enum hostile_mode mode = *(const enum hostile_mode *)data;
	g_autoptr(sbx_spec) spec = live_spec_bare(hostile_keys(mode));
	sbx_command command = { .size = sizeof command,
		                    .argv = ARGV("/bin/cat", "/proc/1/comm"),
		                    .stdio = { SBX_STDIO_NULL, SBX_STDIO_CAPTURE, SBX_STDIO_CAPTURE } };

	(void)fd;
	hostile_shared_mounts();
	hostile_must(mount("tmpfs", "/proc/sys", "tmpfs", 0, NULL), "mount");
	say_box(live_spec(spec, &command));
}

static void
test_masked_proc(gconstpointer data)
{
	enum hostile_mode mode = *(const enum hostile_mode *)data;
	g_autofree char *text = NULL;

	if (mode == MODE_USER || mode == MODE_HOST_NOBODY || mode == MODE_HOST_ROOT) {
		g_test_skip("mode: about boxes with a user namespace, made by who can cover /proc");
		return;
	}
	text = hostile_worker(mode, work_masked_proc, data);
	contains(text, "error 1 stage files: ");
	contains(text, "mount proc");
}

/* --- init, robbed of its means --- */

struct robbery {
	const char *how;
	enum hostile_mode mode;
};

/* The payload takes init's limits away and goes on; then the host has a signal for it, which init delivers, and an end. */
static void
work_rob(int fd, const void *data)
{
	const struct robbery *robbery = data;
	g_autoptr(sbx_spec) spec = live_spec_bare(hostile_keys(robbery->mode));
	g_autofree char *pair = live_pair(hostile_dir(), hostile_dir()), *probe = live_path(hostile_dir(), "probe");
	g_autofree char *script = g_strdup_printf("%s %s; trap '' USR1; sleep 600", probe, robbery->how);
	sbx_command command = { .size = sizeof command,
		                    .argv = ARGV("/bin/sh", "-c", script),
		                    .stdio = { SBX_STDIO_NULL, SBX_STDIO_CAPTURE, SBX_STDIO_CAPTURE } };
	sbx_report report = { .size = sizeof report };
	sbx_box *box = NULL;
	const void *out = NULL;
	size_t length = 0;
	int result;

	(void)fd;
	alarm(60);
	hostile_must(sbx_spec_set(spec, "bind", pair, NULL), "bind");
	hostile_must(sbx_box_create(spec, &box, NULL), "create");
	hostile_must(sbx_box_start(box, &command, NULL), "start");
	/* until it has said its line, or the box is no more */
	for (int i = 0; i < 200 && sbx_box_wait(box, 20, NULL) == 0; i++)
		if (sbx_box_output(box, 1, &out, &length) == 0 && length && memchr(out, '\n', length))
			break;
	printf("signal: %s\n", sbx_box_signal(box, SIGUSR1, NULL) < 0 ? "refused" : "sent");
	sbx_box_kill(box, NULL);
	result = sbx_box_wait(box, 20000, NULL);
	sbx_box_report(box, &report, NULL);
	sbx_box_output(box, 1, &out, &length);
	printf("wait %d: outcome %d\n%.*s\n", result, report.outcome, (int)length, (const char *)out);
	sbx_box_free(box);
}

/* It may end the box by that, but no call of the host's hangs, and nothing is reported that was not so. */
static void
test_limits_of_init(gconstpointer data)
{
	g_autofree char *text = hostile_worker(((const struct robbery *)data)->mode, work_rob, data);
	g_autofree char *killed = g_strdup_printf("\nwait 1: outcome %d\n", SBX_OUTCOME_KILLED);
	g_autofree char *signaled = g_strdup_printf("\nwait 1: outcome %d\n", SBX_OUTCOME_SIGNALED);

	g_test_message("%s", text);
	/* before init had the filter's listener: then the box has ended with its start */
	if (g_str_equal(((const struct robbery *)data)->how, "init-limits") &&
	    g_str_has_prefix(text, "worker: start: Too many open files\n"))
		return;
	contains(text, "signal: ");
	/* by the host, or earlier, with its init */
	if (!strstr(text, signaled)) {
		contains(text, " reached ");
		contains(text, killed);
	}
}

/* --- command line: data is never an option, and a number is all digits --- */

static const struct cli {
	const char *name;
	int status;
	const char *says, *argv[8];
} clis[] = {
	{ "program-is-no-option", 127, "--bind=/", { "--", "--bind=/" } },
	{ "program-is-no-option-user", 127, "--user=0", { "--", "--user=0", "true" } },
	{ "argument-is-no-option", 0, "--bind=/ -o user=0", { "echo", "--bind=/", "-o", "user=0" } },
	{ "argument-after-dashes", 0, "-- --share=user", { "--", "echo", "--", "--share=user" } },
	{ "user-garbage", 125, "--user", { "--user", "1000garbage", "true" } },
	{ "user-empty", 125, "--user", { "--user", "", "true" } },
	{ "user-minus-1", 125, "--user", { "--user", "-1", "true" } },
	{ "user-plus", 125, "--user", { "--user", "+1", "true" } },
	{ "user-blank", 125, "--user", { "--user", " 1", "true" } },
	{ "user-2-32", 125, "--user", { "--user", "4294967296", "true" } },
	{ "user-2-32-minus-1", 125, "--user", { "--user", "4294967295", "true" } },
	{ "user-hex", 125, "--user", { "--user", "0x0", "true" } },
	{ "user-newline", 125, "--user", { "--user", "1\n", "true" } },
	{ "user-2-64", 125, "--user", { "--user", "18446744073709551616", "true" } },
	{ "group-minus-1", 125, "--user", { "--user", "1:-1", "true" } },
	{ "map-of-nothing", 125, "--uid-map", { "--uid-map", "0:0:0", "true" } },
	{ "map-wraps", 125, "--uid-map", { "--uid-map", "0:1:4294967295", "true" } },
	{ "map-short", 125, "--uid-map", { "--uid-map", "0:0", "true" } },
	{ "cap-unknown", 125, "--cap", { "--cap", "everything", "true" } },
	{ "cap-number", 125, "--cap", { "--cap", "99", "true" } },
	{ "seccomp-missing-file", 125, "seccomp", { "--seccomp", "/sbx-hostile-none", "true" } },
	{ "seccomp-empty", 125, "--seccomp", { "--seccomp", "", "true" } },
	{ "share-unknown", 125, "--share", { "--share", "everything", "true" } },
	{ "net-no-namespace", 125, "net", { "--net", "/etc/passwd", "true" } },
	{ "hostname-slash", 125, "--hostname", { "--hostname", "../etc", "true" } },
	{ "chdir-magic-fd", 125, "/proc/self/fd", { "--chdir", "/proc/self/fd/7", "true" } },
	{ "chdir-magic-cwd", 125, "/proc/thread-self/cwd", { "--chdir", "/proc/thread-self/cwd", "true" } },
	{ "chdir-magic-root", 125, "/proc/1/root", { "--chdir", "/proc/1/root", "true" } },
	{ "key-unknown", 125, "no.such", { "-o", "no.such=1", "true" } },
	{ "key-with-newline", 125, "user", { "-o", "user\n=0", "true" } },
};

struct cli_point {
	const struct cli *cli;
	enum hostile_mode mode;
};

static void
work_cli(int fd, const void *data)
{
	const struct cli *cli = ((const struct cli_point *)data)->cli;
	const char *const *keys = hostile_keys(((const struct cli_point *)data)->mode);
	g_autoptr(GStrvBuilder) argv = g_strv_builder_new();
	g_auto(GStrv) words = NULL;
	g_autofree char *out = NULL, *err = NULL;
	g_autoptr(GError) error = NULL;
	const char *program = g_getenv("SBX_RUN");
	int status = 0;

	(void)fd;
	if (!program || access(program, R_OK | X_OK) < 0) {
		printf("no SBX_RUN for this user\n");
		return;
	}
	g_strv_builder_add(argv, program);
	/* the mode's own keys come first, a later one takes their place */
	for (; *keys; keys += 2) {
		g_autofree char *pair = g_strconcat(keys[0], "=", keys[1], NULL);

		g_strv_builder_add_many(argv, "-o", pair, NULL);
	}
	g_strv_builder_addv(argv, (const char **)cli->argv);
	words = g_strv_builder_end(argv);
	if (chdir("/") < 0 || !g_spawn_sync(NULL, words, NULL, 0, NULL, NULL, &out, &err, &status, &error))
		printf("%s\n", error ? error->message : "chdir");
	else
		printf("status %d\n%s%s", WEXITSTATUS(status), out, err);
}

static void
test_cli(gconstpointer data)
{
	const struct cli_point *point = data;
	g_autofree char *status = g_strdup_printf("status %d\n", point->cli->status);
	g_autofree char *text = hostile_worker(point->mode, work_cli, point);

	if (g_str_has_prefix(text, "no SBX_RUN")) {
		g_test_skip("SBX_RUN is not set, or lies where this user may not go");
		return;
	}
	contains(text, status);
	contains(text, point->cli->says);
}

/* --- the host afterwards --- */

static char *
checksums(void)
{
	static const char *const names[] = { "probe", "plain", "closed", "no-65534", "more-group" };
	g_autoptr(GString) text = g_string_new(NULL);

	for (gsize i = 0; i < G_N_ELEMENTS(names); i++) {
		g_autofree char *path = live_path(hostile_dir(), names[i]), *bytes = NULL, *sum = NULL;
		struct stat st = { 0 };
		gsize length = 0;

		g_file_get_contents(path, &bytes, &length, NULL);
		sum = g_compute_checksum_for_data(G_CHECKSUM_SHA256, (const guchar *)bytes, length);
		stat(path, &st);
		g_string_append_printf(text, "%s %s %u:%u %o %ld\n", names[i], sum, st.st_uid, st.st_gid, st.st_mode,
		                       (long)st.st_mtime);
	}
	return g_string_free(g_steal_pointer(&text), FALSE);
}

static char *checksums_before;

static void
test_files_unchanged(void)
{
	g_autofree char *after = checksums();

	g_assert_cmpstr(checksums_before, ==, after);
}

/* --- the list --- */

static GHashTable *paths;

static void
add(const char *mode, const char *failure, const char *name, const char *more, gpointer data, GDestroyNotify destroy,
    GTestDataFunc test)
{
	g_autofree char *part = g_strdelimit(g_strdup(name), "/ %", '.');
	char *path = g_strdup_printf("/hostile/%s/%s/%s%s", mode, failure, part, more);

	for (unsigned n = 2; g_hash_table_contains(paths, path); n++) {
		g_free(path);
		path = g_strdup_printf("/hostile/%s/%s/%s%s.%u", mode, failure, part, more, n);
	}
	g_hash_table_add(paths, path);
	g_test_add_data_func_full(path, data, test, destroy);
}

static void
add_rows(enum hostile_mode mode)
{
	for (gsize i = 0; i < G_N_ELEMENTS(tables); i++)
		for (const struct row *row = tables[i]; row->probe; row++) {
			struct point *point = g_new(struct point, 1);

			if (g_str_equal(wanted_of(row, mode), "-")) {
				g_free(point);
				continue;
			}
			*point = (struct point){ row, mode };
			add(hostile_mode_name(mode), row->failure, row->probe,
			    row->place == PLACE_BARE   ? ".unfiltered"
			    : row->place == PLACE_ZERO ? ".user-0"
			                               : "",
			    point, g_free, test_row);
		}
}

static void
add_mode(enum hostile_mode mode)
{
	static enum hostile_mode modes[N_MODES];
	const char *name = hostile_mode_name(mode);

	modes[mode] = mode;
	add_rows(mode);
	add(name, "F08", "nothing-was-typed", "", &modes[mode], NULL, test_typed);
	add(name, "F20", "mounts-of-the-host", "", &modes[mode], NULL, test_host_mounts);
	add(name, "F06", "canary-below-a-bind", "", &modes[mode], NULL, test_canary);
	add(name, "F05", "traps-left-behind", "", &modes[mode], NULL, test_traps);
	add(name, "F29", "masked-proc", "", &modes[mode], NULL, test_masked_proc);
	for (int i = 0; i < 2; i++) {
		struct robbery *robbery = g_new(struct robbery, 1);

		*robbery = (struct robbery){ i ? "init-limits" : "init-cpu", mode };
		add(name, "F22", robbery->how, "", robbery, g_free, test_limits_of_init);
	}
	/* what is read of a command line does not depend on more than this */
	for (gsize i = 0; i < G_N_ELEMENTS(clis) && (mode == MODE_ROOT || mode == MODE_USER || !hostile_has_root()); i++) {
		struct cli_point *point = g_new(struct cli_point, 1);

		*point = (struct cli_point){ &clis[i], mode };
		add(name, "F07", clis[i].name, "", point, g_free, test_cli);
	}
}

static void
test_mode_lacks(gconstpointer data)
{
	live_skip_mode(data);
}

static void
want_rows(void)
{
	for (gsize i = 0; i < G_N_ELEMENTS(tables); i++)
		for (const struct row *row = tables[i]; row->probe; row++) {
			hostile_want(row->place, row->probe);
			hostile_want(row->control, control_of(row));
			if (*row->control_expect == '?')
				hostile_want(PLACE_OUTSIDE, row->probe);
			for (int mode = 0; mode < N_MODES; mode++)
				if (g_str_equal(wanted_of(row, mode), "=outside"))
					hostile_want(PLACE_OUTSIDE, row->probe);
		}
}

int
main(int argc, char **argv)
{
	/* one row that fails does not keep the others from being seen */
	g_autofree char **words = g_new0(char *, argc + 2);
	int status;

	memcpy(words, argv, (gsize)argc * sizeof *argv);
	words[argc++] = (char *)"-k";
	argv = words;
	g_test_init(&argc, &argv, NULL);
	g_test_set_nonfatal_assertions();
	hostile_init();
	paths = g_hash_table_new(g_str_hash, g_str_equal);
	want_rows();
	checksums_before = checksums();
	for (int mode = 0; mode < N_MODES; mode++) {
		const char *lacks = hostile_mode_lacks(mode);

		if (lacks)
			add(hostile_mode_name(mode), "mode", "not-here", "", (gpointer)lacks, NULL, test_mode_lacks);
		else
			add_mode(mode);
	}
	g_test_add_func("/hostile/F01/files-of-the-host-unchanged", test_files_unchanged);
	status = g_test_run();
	hostile_end();
	return status;
}
