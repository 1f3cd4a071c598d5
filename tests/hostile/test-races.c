/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* SPDX-FileCopyrightText: The libsbx developers */

/*
 * A hostile root directory whose names change while the box is made, and payloads that go for their launcher: its files,
 * its fds, its life, its report.
 */
#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "init/wire.h"
#include "special.h"

#define RENAME_EXCHANGE_FLAG 2

/* --- a root directory that somebody else owns --- */

struct stage {
	char *dir;    /* of everything below */
	char *root;   /* the hostile root directory */
	char *canary; /* what nothing may reach; it has the names that are looked for */
	char *source; /* the file that is mounted: "mounted" */
	char *before; /* the canary as it was */
};

static char *
make_dir(const char *dir, const char *name)
{
	char *path = live_path(dir, name);

	g_assert_cmpint(mkdir(path, 0777), ==, 0);
	g_assert_cmpint(chmod(path, 0777), ==, 0);
	return path;
}

/* Beside every NAME of the root lies NAME.link, which points to the same in the canary. */
static void
add_pair(const struct stage *stage, const char *name, bool is_dir, bool absolute)
{
	g_autofree char *link = g_strconcat(stage->root, "/", name, ".link", NULL);
	g_autofree char *target = g_strconcat(absolute ? stage->canary : "../canary", "/", name, NULL);

	if (is_dir) {
		g_autofree char *dir = g_strconcat(name, ".dir", NULL);

		g_free(make_dir(stage->root, name));
		g_free(make_dir(stage->root, dir));
		g_free(make_dir(stage->canary, name));
	} else {
		g_free(live_file(stage->root, name, "root"));
		g_free(live_file(stage->canary, name, "canary"));
	}
	g_assert_cmpint(symlink(target, link), ==, 0);
}

static void
stage_begin(struct stage *stage)
{
	static const char *const standard[] = { "proc", "sys", "dev", "tmp", "mnt", "a" };
	static const char *const tops[][2] = { { "root/a", "root/dev" },
		                                   { "root/a.dir", "root/dev.dir" },
		                                   { "canary/a", "canary/dev" } };

	stage->dir = live_dir();
	stage->root = make_dir(stage->dir, "root");
	stage->canary = make_dir(stage->dir, "canary");
	stage->source = live_file(stage->dir, "source", "mounted");
	for (gsize i = 0; i < G_N_ELEMENTS(standard); i++)
		add_pair(stage, standard[i], true, i % 2);
	add_pair(stage, "f", false, false);
	for (gsize i = 0; i < G_N_ELEMENTS(tops); i++) {
		g_autofree char *a = g_strconcat(stage->dir, "/", tops[i][0], NULL);
		g_autofree char *dev = g_strconcat(stage->dir, "/", tops[i][1], NULL);

		g_free(live_file(a, "b", "a file"));
		/* what a path that is looked up twice would find */
		g_free(live_file(dev, "null", "no device"));
		g_free(live_file(dev, "zero", "no device"));
	}
	stage->before = special_tree(stage->canary);
}

/* The canary is as it was, to the byte. */
static void
stage_check(const struct stage *stage)
{
	g_autofree char *after = special_tree(stage->canary);

	if (!g_str_equal(after, stage->before))
		g_error("the canary has changed; before:\n%s\nafter:\n%s", stage->before, after);
}

static void
stage_clear(struct stage *stage)
{
	live_dir_remove(&stage->dir);
	g_free(stage->root);
	g_free(stage->canary);
	g_free(stage->source);
	g_free(stage->before);
}
typedef struct stage stage_t;
G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC(stage_t, stage_clear)

static unsigned long *exchanges; /* in memory that the racer shares */

/* In a process of its own: two names change places, without a pause. */
static pid_t
racer_start(const char *root, const char *name, const char *ending)
{
	g_autofree char *other = g_strconcat(name, ending, NULL);
	pid_t pid;

	if (!exchanges)
		exchanges = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	g_assert_true(exchanges != MAP_FAILED);
	*exchanges = 0;
	pid = fork();
	if (pid == 0) {
		int dir = open(root, O_PATH | O_DIRECTORY | O_CLOEXEC);

		prctl(PR_SET_PDEATHSIG, SIGKILL);
		for (;;)
			if (syscall(SYS_renameat2, dir, name, dir, other, RENAME_EXCHANGE_FLAG) < 0)
				_exit(1);
			else
				++*exchanges;
	}
	g_assert_cmpint(pid, >, 0);
	return pid;
}

/* It must have raced to the end. */
static void
racer_stop(pid_t pid)
{
	int status = 0;

	g_assert_cmpint(kill(pid, SIGKILL), ==, 0);
	g_assert_cmpint(waitpid(pid, &status, 0), ==, pid);
	g_assert_true(WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL);
}

struct race {
	const char *name;       /* what changes places */
	const char *with;       /* with what: NAME.link or NAME.dir */
	const char *dir, *rest; /* where the source goes */
	const char *key, *value;
};

static const struct race races[] = {
	{ "dev", ".link", "/f", "", "tmpfs", "/mnt" },      { "dev", ".dir", "/f", "", "tmpfs", "/mnt" },
	{ "proc", ".link", "/f", "", "tmpfs", "/mnt" },     { "sys", ".link", "/f", "", "tmpfs", "/mnt" },
	{ "tmp", ".link", "/f", "", "tmpfs", "/mnt" },      { "mnt", ".link", "/mnt", "/new", "tmpfs", "/mnt" },
	{ "mnt", ".dir", "/mnt", "/new", "tmpfs", "/mnt" }, { "a", ".link", "/a", "/b", "tmpfs", "/mnt" },
	{ "a", ".dir", "/a", "/b", "tmpfs", "/mnt" },       { "f", ".link", "/f", "", "tmpfs", "/mnt" },
	{ "dev", ".link", "/f", "", "overlay", "/" },       { "dev", ".dir", "/f", "", "overlay", "/" },
	{ "a", ".link", "/a", "/b", "overlay", "/" },       { "mnt", ".link", "/f", "", "overlay", "/mnt" },
};

/* An errno that a path can earn by changing; anything else would be a failure of ours. */
static bool
is_path_error(int code)
{
	static const int codes[] = { ELOOP, ENOENT, ENOTDIR, EAGAIN, EXDEV, ESTALE, EISDIR, EINVAL, EEXIST, EROFS };

	for (gsize i = 0; i < G_N_ELEMENTS(codes); i++)
		if (codes[i] == code)
			return true;
	return false;
}

static struct live *
race_once(const struct stage *stage, const struct race *race)
{
	g_autofree char *dst = g_strconcat(race->dir, race->rest, NULL);
	g_autofree char *pair = live_pair(stage->source, dst);

	return special_run(SPEC("root", stage->root, race->key, race->value, "ro-bind", pair),
	                   ARGV(SPECIAL, "box", race->dir, race->rest));
}

static void
test_race(gconstpointer data)
{
	const struct race *race = data;
	unsigned good = 0, refused = 0, n = life_count(2000 / G_N_ELEMENTS(races));
	g_auto(stage_t) stage = { NULL };
	g_autoptr(live_t) control = NULL;
	pid_t racer;

	stage_begin(&stage);
	control = race_once(&stage, race);
	live_says(control, "good\n");
	racer = racer_start(stage.root, race->name, race->with);
	for (unsigned i = 0; i < n; i++) {
		g_autoptr(live_t) box = race_once(&stage, race);

		if (box->error && !is_path_error(box->error))
			g_error("launch %u: stage %s: %s", i, box->stage, box->message);
		if (!box->error)
			live_says(box, "good\n");
		good += !box->error;
		refused += box->error != 0;
	}
	racer_stop(racer);
	stage_check(&stage);
	g_test_message("%u launches, %lu exchanges: %u boxes, %u errors", n, *exchanges, good, refused);
	g_assert_cmpuint(good + refused, ==, n);
	/* it was a race, and both sides of the exchange were met where one of them is refused */
	g_assert_cmpuint(*exchanges, >, n);
	g_assert_cmpuint(good, >, 0);
	if (g_str_equal(race->with, ".link"))
		g_assert_cmpuint(refused, >, 0);
}

/* --- links that stay where they are --- */

static void
put_link(const struct stage *stage, const char *name, const char *target)
{
	g_autofree char *path = live_path(stage->root, name);
	g_autofree char *aside = g_strconcat(path, ".aside", NULL);

	g_assert_cmpint(rename(path, aside), ==, 0);
	g_assert_cmpint(symlink(target, path), ==, 0);
}

static void
test_standard_link(gconstpointer name)
{
	const struct race race = { name, ".link", "/f", "", "tmpfs", "/mnt" };
	g_auto(stage_t) stage = { NULL };
	g_autoptr(live_t) control = NULL, box = NULL;
	g_autofree char *target = NULL;

	stage_begin(&stage);
	control = race_once(&stage, &race);
	live_says(control, "good\n");
	target = live_path(stage.canary, name);
	put_link(&stage, name, target);
	box = race_once(&stage, &race);
	live_failed(box, "files", ELOOP, name);
	stage_check(&stage);
}

/* a is a link to the host's /etc, and a/passwd a place for a mount. */
static void
test_target_link(gconstpointer target)
{
	g_auto(stage_t) stage = { NULL };
	g_autoptr(live_t) control = NULL, box = NULL, tmpfs = NULL;
	g_autofree char *pair = NULL, *before = live_list("/etc"), *after = NULL;
	g_autofree char *hash = special_hash("/etc/passwd"), *again = NULL;

	stage_begin(&stage);
	pair = live_pair(stage.source, "/a/b");
	control = special_run(SPEC("root", stage.root, "bind", pair), ARGV(SPECIAL, "box", "/a", "/b"));
	live_says(control, "good\n");
	put_link(&stage, "a", target);
	g_free(pair);
	pair = live_pair(stage.source, "/a/passwd");
	box = special_run(SPEC("root", stage.root, "bind", pair), ARGV(SPECIAL, "touch", "/a/passwd"));
	g_assert_cmpint(box->error, !=, 0);
	g_assert_cmpstr(box->stage, ==, "files");
	g_test_message("%s", box->message);
	tmpfs = special_run(SPEC("root", stage.root, "tmpfs", "/a"), ARGV(SPECIAL, "touch", "/a/passwd"));
	live_failed(tmpfs, "files", ELOOP, "/a");
	after = live_list("/etc");
	again = special_hash("/etc/passwd");
	g_assert_cmpstr(before, ==, after);
	g_assert_cmpstr(hash, ==, again);
	stage_check(&stage);
}

/* --- the launcher's own files --- */

/* sbx-run, the library, init, and this program. Empty lines for those that are not there. */
static char *
launcher_hashes(void)
{
	const char *build = g_getenv("SBX_BUILDDIR");
	const char *const parts[] = { "sbx-run", ".libs/sbx-run", ".libs/libsbx.so.0", "lib/init/sbx-init" };
	GString *text = g_string_new(NULL);
	g_autofree char *own = special_hash("/proc/self/exe");

	for (gsize i = 0; i < G_N_ELEMENTS(parts); i++) {
		g_autofree char *path = g_build_filename(build ? build : ".", parts[i], NULL);
		g_autofree char *hash = special_hash(path);

		g_string_append_printf(text, "%s %s\n", parts[i], hash ? hash : "-");
	}
	g_string_append_printf(text, "self %s\n", own);
	return g_string_free(text, FALSE);
}

/* A script whose interpreter is whoever runs it, and a link to the same: the program is init's, and it has nothing to do. */
static void
test_self_exe(gconstpointer program)
{
	g_autofree char *before = launcher_hashes(), *after = NULL, *control = NULL;
	g_autoptr(sbx_spec) spec = special_spec(SPEC("symlink", "/proc/self/exe:/tmp/link"));
	sbx_command command = { .size = sizeof command,
		                    .argv = ARGV(program),
		                    .stdio = { SBX_STDIO_NULL, SBX_STDIO_CAPTURE, SBX_STDIO_CAPTURE } };
	g_autoptr(live_t) box = NULL;
	sbx_error *error = NULL;
	autodir dir = live_dir();
	g_autofree char *script = live_file(dir, "script", "#!/proc/self/exe\n");

	EXPECT(0, sbx_spec_file(spec, "/tmp/script", "#!/proc/self/exe\n", 17, 0755, &error), &error);
	box = live_spec(spec, &command);
	after = launcher_hashes();
	/* whatever became of it, it has not ended well, and nobody was told that it has */
	g_test_message("outcome %d, exit code %d, signal %d; %s: %s", box->outcome, box->exit_code, box->signal, box->stage,
	               box->message);
	g_assert_false(box->outcome == SBX_OUTCOME_EXITED && box->exit_code == 0);
	g_assert_cmpstr(box->out, ==, "");
	g_assert_cmpstr(before, ==, after);
	/* outside, the trick does what it is known for: the one that runs it is run again */
	g_assert_cmpint(chmod(script, 0755), ==, 0);
	control = special_outside(SPEC("exec", script), NULL);
	live_contains(control, "special: what is ");
}

static char *
init_hash(sbx_box *box)
{
	g_autofree char *path = g_strdup_printf("/proc/%d/exe", special_init(box));

	return special_hash(path);
}

static void
test_init_exe(gconstpointer seccomp)
{
	static const char script[] = SPECIAL " exe; " SPECIAL " touch /proc/1/exe /proc/self/exe; echo up; sleep 1000";
	g_autofree char *before = launcher_hashes(), *after = NULL, *init = NULL, *same = NULL, *out = NULL;
	g_autofree char *control = special_outside(SPEC("open", "/proc/self/exe"), NULL);
	g_autoptr(sbx_spec) spec = special_spec(SPEC("seccomp", seccomp));
	g_autoptr(life_box_t) box = life_create(spec);
	sbx_error *error = NULL;

	init = init_hash(box);
	EXPECT(0, life_sh(box, script, SBX_STDIO_NULL, SBX_STDIO_CAPTURE, SBX_STDIO_CAPTURE, &error), &error);
	life_await_output(box, "up\n");
	out = life_output(box, 1);
	live_contains(out, "write-init EACCES\n");
	live_contains(out, "read-init EACCES\n");
	live_contains(out, "run-init EACCES\n");
	live_contains(out, "write-other ");
	live_lacks(out, " ok\n");
	same = init_hash(box);
	g_assert_cmpstr(init, ==, same);
	/* whoever has made a box's user namespace may look into it; nobody in it may */
	g_assert_nonnull(init);
	after = launcher_hashes();
	g_assert_cmpstr(before, ==, after);
	g_assert_cmpstr(control, ==, "/proc/self/exe ok\n");
}

/* --- the launcher's fds --- */

#define LEAKED 200

static gint leaking;

/* Another thread of the host that opens and closes, and has never heard of O_CLOEXEC. */
static gpointer
open_and_close(gpointer data)
{
	(void)data;
	while (g_atomic_int_get(&leaking)) {
		int fds[16];

		for (int i = 0; i < 16; i++)
			fds[i] = open("/dev/null", O_RDONLY);
		for (int i = 0; i < 16; i++)
			close(fds[i]);
	}
	return NULL;
}

static void
leak_fds(void)
{
	for (int i = 0; i < LEAKED; i++)
		g_assert_cmpint(open("/dev/null", O_RDWR | (i % 2 ? O_CLOEXEC : 0)), >=, 0);
}

static void
expect_fds(const char *what, const struct live *box, const char *expected)
{
	if (box->error || !g_str_equal(box->out, expected))
		g_error("%s: \"%s\", expected \"%s\" (%s)", what, box->out, expected, box->message);
}

static void
in_leaky_host(void)
{
	g_autoptr(sbx_spec) spec = special_spec(NO_SPEC);
	const sbx_command plain = { .size = sizeof plain,
		                        .argv = ARGV(SPECIAL, "fds"),
		                        .stdio = { SBX_STDIO_NULL, SBX_STDIO_CAPTURE, SBX_STDIO_CAPTURE } };
	sbx_command mapped = plain, by_fd = plain;
	g_autofree char *path = special_path();
	sbx_fd_map map[2] = { { -1, 9 }, { -1, 1000 } };
	GThread *thread;

	leak_fds();
	map[0].host = map[1].host = open("/etc/passwd", O_RDONLY);
	mapped.fds = map;
	mapped.n_fds = 2;
	by_fd.exec_fd = open(path, O_RDONLY);
	by_fd.argv = ARGV("special", "fds");
	g_assert_cmpint(by_fd.exec_fd, >, LEAKED);
	g_atomic_int_set(&leaking, 1);
	thread = g_thread_new("leak", open_and_close, NULL);
	for (unsigned i = 0; i < life_count(50); i++) {
		g_autoptr(live_t) one = live_spec(spec, &plain), two = live_spec(spec, &mapped),
						  three = live_spec(spec, &by_fd);

		expect_fds("plain", one, "0 1 2\n");
		expect_fds("with a map", two, "0 1 2 9 1000\n");
		expect_fds("by fd", three, "0 1 2\n");
	}
	g_atomic_int_set(&leaking, 0);
	g_thread_join(thread);
}

/* sbx_run with the host's own streams: what it wrote comes back through a pipe that is the child's stdout. */
static void
in_inheriting_host(void)
{
	g_autoptr(sbx_spec) spec = special_spec(NO_SPEC);
	sbx_command command = { .size = sizeof command, .argv = ARGV(SPECIAL, "fds") };
	sbx_report report = { .size = sizeof report };
	sbx_error *error = NULL;
	char text[64] = "";
	int ends[2], own = dup(1);

	leak_fds();
	g_assert_cmpint(pipe(ends), ==, 0);
	g_assert_cmpint(dup2(ends[1], 1), ==, 1);
	g_assert_cmpint(fcntl(ends[1], F_SETFD, 0), ==, 0);
	EXPECT(0, sbx_run(spec, &command, &report, &error), &error);
	g_assert_cmpint(dup2(own, 1), ==, 1);
	g_assert_cmpint(read(ends[0], text, sizeof text - 1), >, 0);
	g_assert_cmpstr(text, ==, "0 1 2\n");
}

/* The control: exec alone lets those through that are not close-on-exec. */
static void
test_leak_control(void)
{
	int fd = open("/dev/null", O_RDWR), status = 0, ends[2];
	g_autofree char *path = special_path(), *expected = NULL;
	char text[512] = "";
	pid_t pid;

	g_assert_cmpint(pipe2(ends, O_CLOEXEC), ==, 0);
	pid = fork();
	if (pid == 0) {
		dup2(ends[1], 1);
		execl(path, path, "fds", NULL);
		_exit(99);
	}
	g_assert_cmpint(waitpid(pid, &status, 0), ==, pid);
	g_assert_cmpint(status, ==, 0);
	g_assert_cmpint(read(ends[0], text, sizeof text - 1), >, 0);
	expected = g_strdup_printf(" %d", fd);
	live_contains(text, expected);
	close(fd);
	close(ends[0]);
	close(ends[1]);
}

static void
test_child(gconstpointer work)
{
	live_child((void (*)(void))work);
}

/* --- the launcher's life --- */

struct victim {
	pid_t host, init;
	int init_pidfd;
};

/* A process that makes a box, tells of init and of what the payload says, and waits to be killed. */
static void
victim_work(int out, const char *const *argv)
{
	sbx_box *box = special_start(NO_SPEC, argv);
	g_autofree char *text = NULL, *said = NULL;

	life_await_output(box, "up");
	said = life_output(box, 1);
	text = g_strdup_printf("%d\n%s", special_init(box), said);
	if (write(out, text, strlen(text) + 1) < 0)
		_exit(1);
	for (;;)
		pause();
}

static char *
victim_start(struct victim *victim, const char *const *argv)
{
	char text[4096] = "";
	int ends[2];

	g_assert_cmpint(pipe2(ends, O_CLOEXEC), ==, 0);
	victim->host = fork();
	if (victim->host == 0) {
		prctl(PR_SET_PDEATHSIG, SIGKILL);
		victim_work(ends[1], argv);
	}
	close(ends[1]);
	g_assert_cmpint(read(ends[0], text, sizeof text - 1), >, 0);
	close(ends[0]);
	victim->init = atoi(text);
	victim->init_pidfd = (int)syscall(SYS_pidfd_open, victim->init, 0);
	g_assert_cmpint(victim->init_pidfd, >=, 0);
	return g_strdup(text);
}

static pid_t dead_host;

static int
remove_group(const char *path, const struct stat *st, int type, struct FTW *at)
{
	g_autofree char *prefix = g_strdup_printf("sbx.%d.", (int)dead_host);

	(void)st;
	if (type == FTW_DP && g_str_has_prefix(path + at->base, prefix))
		for (int i = 0; i < 100 && rmdir(path) < 0 && errno == EBUSY; i++)
			g_usleep(10000);
	return 0;
}

/* A cgroup directory may outlive a killed host; these are not for others to find. */
static void
remove_groups(pid_t host)
{
	dead_host = host;
	nftw(access("/sys/fs/cgroup/unified/cgroup.procs", F_OK) == 0 ? "/sys/fs/cgroup/unified" : "/sys/fs/cgroup",
	     remove_group, 16, FTW_PHYS | FTW_DEPTH);
}

/* Everything is gone within a second of the host's death by SIGKILL. */
static void
victim_kill(struct victim *victim, const char *mark, unsigned at_least)
{
	struct pollfd init = { victim->init_pidfd, POLLIN, 0 };
	unsigned left;
	int gone;

	g_assert_cmpuint(life_processes(mark), >=, at_least);
	g_assert_cmpint(poll(&init, 1, 0), ==, 0);
	g_assert_cmpint(kill(victim->host, SIGKILL), ==, 0);
	g_assert_cmpint(waitpid(victim->host, NULL, 0), ==, victim->host);
	gone = poll(&init, 1, (int)special_patience(1000));
	left = life_processes_gone(mark, gone == 1 ? special_patience(1000) : 0);
	/* what is wrong here need not burn the CPU until the machine is switched off */
	syscall(SYS_pidfd_send_signal, victim->init_pidfd, SIGKILL, NULL, 0);
	close(victim->init_pidfd);
	remove_groups(victim->host);
	if (gone != 1 || left)
		g_error("a second after its owner's death init %s, and %u processes of the box are left",
		        gone == 1 ? "is gone" : "lives", left);
}

/* Whatever limits a payload can put on init, it dies with its owner. */
static void
test_stubborn(gconstpointer data)
{
	g_autofree char *mark = life_mark(), *said = NULL;
	g_auto(GStrv) limits = g_strsplit(data, " ", -1);
	g_autoptr(GPtrArray) argv = g_ptr_array_new();
	struct victim victim;

	g_ptr_array_add(argv, SPECIAL);
	g_ptr_array_add(argv, "stubborn");
	g_ptr_array_add(argv, mark);
	for (char **limit = limits; *limit; limit++)
		g_ptr_array_add(argv, *limit);
	g_ptr_array_add(argv, NULL);
	said = victim_start(&victim, (const char *const *)argv->pdata);
	g_test_message("%s", said);
	/* signals to init are sent, and mean nothing to it */
	live_contains(said, "stop-init ok\nkill-init ok\nstop-all ok\nup\n");
	victim_kill(&victim, mark, 9);
}

/* An init that can't watch its owner any more does not go on without: the box ends, and the library is told. */
static void
test_blinded(void)
{
	g_autofree char *mark = life_mark();
	g_auto(leak_t) leak = { NULL };
	sbx_error *error = NULL;
	sbx_report report = { .size = sizeof report };
	sbx_box *box;

	leak_begin(&leak);
	box = special_start(NO_SPEC, ARGV(SPECIAL, "stubborn", mark, "files"));
	EXPECT(1, sbx_box_wait(box, (int)special_patience(5000), &error), &error);
	EXPECT(0, sbx_box_report(box, &report, &error), &error);
	g_assert_cmpint(report.outcome, ==, SBX_OUTCOME_SIGNALED);
	g_assert_cmpint(report.signal, ==, SIGKILL);
	sbx_box_free(box);
	g_assert_cmpuint(life_processes_gone(mark, special_patience(1000)), ==, 0);
	leak_check(&leak);
}

static void
test_bomb_owner(void)
{
	g_autofree char *mark = life_mark(), *said = NULL;
	struct victim victim;

	said = victim_start(&victim, ARGV(SPECIAL, "bomb", mark, "150", "stay"));
	live_contains(said, "up 150\n");
	victim_kill(&victim, mark, 150);
}

/* The payload is what counts: when it ends, the box does, however many are left. */
static void
test_bomb_end(void)
{
	g_autofree char *mark = life_mark();
	g_autoptr(life_spec_t) spec = special_spec(NO_SPEC);
	g_autoptr(live_t) box =
		live_spec(spec, &(sbx_command){ .size = sizeof(sbx_command),
	                                    .argv = ARGV(SPECIAL, "bomb", mark, "150"),
	                                    .stdio = { SBX_STDIO_NULL, SBX_STDIO_CAPTURE, SBX_STDIO_NULL } });

	live_says(box, "up 150\n");
	g_assert_cmpuint(life_processes(mark), ==, 0);
}

static void
test_runaway(void)
{
	g_autofree char *mark = life_mark();
	g_autoptr(life_box_t) box = special_start(SPEC("time.wall", "500ms"), ARGV(SPECIAL, "runaway", mark));
	sbx_report report;

	life_await_output(box, "up");
	g_assert_cmpuint(life_processes(mark), >=, 1);
	life_wait(box, &report);
	g_assert_cmpint(report.outcome, ==, SBX_OUTCOME_TIME_WALL);
	g_assert_cmpuint(life_processes(mark), ==, 0);
}

/* --- the report --- */

static void
forge(const char *seccomp, const char *how, int outcome, int value)
{
	int pair[2];
	sbx_fd_map map = { -1, 7 };
	g_autoptr(sbx_spec) spec = special_spec(SPEC("seccomp", seccomp));
	sbx_command command = { .size = sizeof command,
		                    .argv = ARGV(SPECIAL, "forge", how),
		                    .stdio = { SBX_STDIO_NULL, SBX_STDIO_CAPTURE, SBX_STDIO_CAPTURE },
		                    .fds = &map,
		                    .n_fds = 1 };
	g_autoptr(live_t) box = NULL;
	char bytes[4096];

	/* a socket as init's, whose other end is nobody's but ours */
	g_assert_cmpint(socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair), ==, 0);
	map.host = pair[1];
	box = live_spec(spec, &command);
	g_assert_cmpint(box->outcome, ==, outcome);
	g_assert_cmpint(outcome == SBX_OUTCOME_EXITED ? box->exit_code : box->signal, ==, value);
	g_assert_true(special_has(box, "\nlist EACCES\n"));
	g_assert_true(special_has(box, "\nsteal EPERM\nseize EPERM\ngot 0\n"));
	/* the records were written: here they are */
	g_assert_cmpint(recv(pair[0], bytes, sizeof bytes, MSG_DONTWAIT), ==, sizeof(struct wire_record));
	close(pair[0]);
	close(pair[1]);
}

static void
test_forge(gconstpointer seccomp)
{
	g_autoptr(live_t) control = NULL;

	forge(seccomp, "7", SBX_OUTCOME_EXITED, 7);
	forge(seccomp, "-9", SBX_OUTCOME_SIGNALED, SIGKILL);
	forge(seccomp, "-6", SBX_OUTCOME_SIGNALED, SIGABRT);
	if (!g_str_equal(seccomp, "none"))
		return;
	/* without a filter it is init's own doing: handles of another process can be had */
	control = special_run(SPEC("seccomp", "none"), ARGV(SPECIAL, "steal"));
	live_says(control, "steal ok\n");
}

/* A payload that writes without an end, records among it, is ended; what is kept of it is bounded. */
static void
test_flood(void)
{
	g_autoptr(live_t) box = live_run(NO_SPEC, "trap '' PIPE; yes 'exited 0'");

	g_assert_cmpint(box->outcome, ==, SBX_OUTCOME_OUTPUT);
	g_assert_cmpuint(box->out_length, ==, 64u << 20);
}

static void
add_races(void)
{
	static const char *const standard[] = { "proc", "sys", "dev", "tmp" };

	for (gsize i = 0; i < G_N_ELEMENTS(races); i++) {
		g_autofree char *path =
			g_strdup_printf("/races/exchange/%zu-%s%s-%s", i, races[i].name, races[i].with, races[i].key);

		g_test_add_data_func(path, &races[i], test_race);
	}
	for (gsize i = 0; i < G_N_ELEMENTS(standard); i++) {
		g_autofree char *path = g_strconcat("/races/link/", standard[i], NULL);

		g_test_add_data_func(path, standard[i], test_standard_link);
	}
	g_test_add_data_func("/races/link/target-absolute", "/etc", test_target_link);
	g_test_add_data_func("/races/link/target-relative", "../../../../../etc", test_target_link);
}

int
main(int argc, char **argv)
{
	g_test_init(&argc, &argv, NULL);
	life_begin(120);
	add_races();
	g_test_add_data_func("/races/exe/script", "/tmp/script", test_self_exe);
	g_test_add_data_func("/races/exe/link", "/tmp/link", test_self_exe);
	g_test_add_data_func("/races/exe/init", "default", test_init_exe);
	g_test_add_data_func("/races/exe/init-no-filter", "none", test_init_exe);
	g_test_add_func("/races/fds/control", test_leak_control);
	g_test_add_data_func("/races/fds/leaked", in_leaky_host, test_child);
	g_test_add_data_func("/races/fds/inherited", in_inheriting_host, test_child);
	g_test_add_data_func("/races/owner/stubborn", "", test_stubborn);
	g_test_add_func("/races/owner/bomb", test_bomb_owner);
	g_test_add_func("/races/end/bomb", test_bomb_end);
	g_test_add_func("/races/end/runaway", test_runaway);
	g_test_add_data_func("/races/report/forged", "default", test_forge);
	g_test_add_data_func("/races/report/forged-no-filter", "none", test_forge);
	g_test_add_func("/races/report/flood", test_flood);
	g_test_add_data_func("/races/init-limits/others", "fsize nproc signals", test_stubborn);
	g_test_add_data_func("/races/init-limits/memory", "as stack", test_stubborn);
	g_test_add_data_func("/races/init-limits/cpu", "cpu", test_stubborn);
	g_test_add_func("/races/init-limits/files", test_blinded);
	return g_test_run();
}
