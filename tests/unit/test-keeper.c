/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* SPDX-FileCopyrightText: The libsbx developers */

/*
 * The keeper: what it is, when it writes and when it does not, and what it clones. A pipe stands for the cgroup.kill: what is
 * written to it can be read. Owners that die are children of the test.
 */
#include "keeper.h"

#include <dirent.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "error.h"
#include "fd.h"
#include "init/born.h"

#define SECOND_MS 1000
#define LONG_MS 20000 /* where it only must happen: the VM is slow */

/* --- looking at it --- */

static bool
lives(pid_t pid)
{
	g_autofree char *path = g_strdup_printf("/proc/%d/stat", (int)pid);
	g_autofree char *text = NULL;

	/* a zombie that nobody reaps is no life */
	return g_file_get_contents(path, &text, NULL, NULL) && !strstr(text, ") Z ");
}

static bool
ends_within(pid_t pid, int ms)
{
	for (int waited = 0; waited < ms; waited += 10) {
		if (!lives(pid))
			return true;
		g_usleep(10000);
	}
	return !lives(pid);
}

/* A line of /proc/PID/status, or a field of it. */
static char *
status_of(pid_t pid, const char *name)
{
	g_autofree char *path = g_strdup_printf("/proc/%d/status", (int)pid);
	g_autofree char *prefix = g_strdup_printf("\n%s:\t", name);
	g_autofree char *text = NULL;
	const char *at;

	g_assert_true(g_file_get_contents(path, &text, NULL, NULL));
	at = strstr(text, prefix);
	g_assert_nonnull(at);
	at += strlen(prefix);
	return g_strndup(at, strcspn(at, "\n"));
}

static guint64
signals_of(pid_t pid, const char *name)
{
	g_autofree char *text = status_of(pid, name);

	return g_ascii_strtoull(text, NULL, 16);
}

static guint
fds_of(pid_t pid)
{
	g_autofree char *path = g_strdup_printf("/proc/%d/fd", (int)pid);
	DIR *dir = opendir(path);
	guint n = 0;

	g_assert_nonnull(dir);
	for (const struct dirent *entry; (entry = readdir(dir));)
		n += entry->d_name[0] != '.';
	closedir(dir);
	return n;
}

static void
start(int kill_fd, struct keeper *ret)
{
	g_autoptr(GError) error = NULL;

	if (!keeper_new(kill_fd, ret, &error))
		g_error("keeper_new: %s", error->message);
}

/* What has been written to a pipe whose writers we have closed: "", "1", or "nothing yet" when one is still open. */
static const char *
written(int fd, int ms)
{
	static _Thread_local char text[32];
	size_t length = 0;
	struct pollfd watch = { fd, POLLIN, 0 };
	ssize_t got;

	for (;;) {
		if (poll(&watch, 1, ms) != 1)
			return "nothing yet";
		got = read(fd, text + length, sizeof text - 1 - length);
		g_assert_cmpint(got, >=, 0);
		length += (size_t)got;
		text[length] = '\0';
		if (got == 0)
			return text;
	}
}

static void
make_pipe(int *ret_read, int *ret_write)
{
	int ends[2];

	g_assert_cmpint(pipe2(ends, O_CLOEXEC), ==, 0);
	*ret_read = ends[0];
	*ret_write = ends[1];
}

/* --- what it is --- */

static void
test_is(void)
{
	g_auto(keeper_t) keeper = { .pidfd = -1, .socket = -1 };
	g_autofree char *path = NULL;
	g_autofree char *name = NULL;
	guint64 ignored;
	pid_t pid;

	start(-1, &keeper);
	pid = keeper.pid;
	g_assert_true(lives(pid));
	path = g_strdup_printf("/proc/%d/comm", (int)pid);
	name = fd_read_file_at(AT_FDCWD, path);
	g_assert_cmpstr(name, ==, "sbx-keeper\n");
	g_assert_cmpint(getsid(pid), ==, pid);
	g_assert_cmpint(getpgid(pid), ==, pid);
	g_assert_cmpuint(signals_of(pid, "SigBlk"), ==, 0);
	ignored = signals_of(pid, "SigIgn");
	for (int sig = 1; sig <= 31; sig++) {
		bool fatal = sig == SIGTERM || sig == SIGKILL || sig == SIGSTOP || sig == SIGSEGV || sig == SIGBUS ||
		             sig == SIGILL || sig == SIGFPE || sig == SIGTRAP || sig == SIGSYS || sig == SIGABRT;

		g_test_message("signal %d", sig);
		g_assert_cmpint(!!(ignored & 1ull << (sig - 1)), ==, !fatal);
	}
	keeper_clear(&keeper);
	g_assert_false(lives(pid));
	g_assert_cmpint(keeper.pidfd, ==, -1);
	g_assert_cmpint(waitpid(pid, NULL, WNOHANG), ==, -1);
	keeper_clear(&keeper);
}

/* Its fds, cwd and memory are nobody's but root's to see. */
static void
test_holds_nothing(void)
{
	g_auto(keeper_t) keeper = { .pidfd = -1, .socket = -1 };
	g_autofree char *dir = g_get_current_dir();
	g_autofree char *cwd_path = NULL;
	g_autofree char *cwd = NULL;
	autofd extra = fcntl(0, F_DUPFD, 100); /* not close-on-exec */
	autofd other = -1;
	autofd mine = -1;

	make_pipe(&other, &mine);
	start(-1, &keeper);
	cwd_path = g_strdup_printf("/proc/%d/cwd", (int)keeper.pid);
	if (geteuid() != 0) {
		g_assert_cmpint(access(cwd_path, R_OK), ==, -1);
		g_assert_cmpint(errno, ==, EACCES);
		g_test_skip("root sees more");
		return;
	}
	cwd = g_file_read_link(cwd_path, NULL);
	g_assert_cmpstr(cwd, ==, "/");
	g_assert_cmpstr(dir, !=, "/");
	g_assert_cmpuint(fds_of(keeper.pid), ==, 2);
	keeper_clear(&keeper);
	start(mine, &keeper);
	g_assert_cmpuint(fds_of(keeper.pid), ==, 3);
}

static void
test_signals(void)
{
	static const int harmless[] = { SIGINT, SIGHUP, SIGQUIT, SIGPIPE, SIGALRM, SIGUSR1, SIGTSTP, SIGTTOU, SIGCHLD };
	g_auto(keeper_t) idle = { .pidfd = -1, .socket = -1 };
	g_auto(keeper_t) guard = { .pidfd = -1, .socket = -1 };
	g_autoptr(GError) error = NULL;
	autofd other = -1;
	autofd mine = -1;

	make_pipe(&other, &mine);
	start(-1, &idle);
	start(mine, &guard);
	fd_close(&mine);
	for (gsize i = 0; i < G_N_ELEMENTS(harmless); i++) {
		g_assert_cmpint(kill(idle.pid, harmless[i]), ==, 0);
		g_assert_cmpint(kill(guard.pid, harmless[i]), ==, 0);
	}
	g_assert_cmpint(kill(guard.pid, SIGTERM), ==, 0);
	g_usleep(50000);
	g_assert_true(lives(idle.pid));
	g_assert_true(lives(guard.pid));
	g_assert_true(keeper_watch(&guard, -1, &error));
	g_assert_no_error(error);
	g_assert_true(lives(guard.pid));
	/* what it may not end by is lost, not kept */
	g_assert_cmpint(kill(guard.pid, SIGTERM), ==, 0);
	g_assert_cmpint(kill(idle.pid, SIGTERM), ==, 0);
	g_assert_true(ends_within(idle.pid, SECOND_MS));
	g_assert_true(ends_within(guard.pid, SECOND_MS));
	g_assert_cmpstr(written(other, SECOND_MS), ==, "");
	/* and one that has ended says so */
	g_assert_false(keeper_watch(&idle, -1, &error));
	g_assert_cmpint(error->code, ==, EPIPE);
	g_assert_cmpstr(error->message, ==, "the keeper has ended");
	g_assert_cmpstr(error_hint(error), !=, "");
}

/* --- the owner's end --- */

enum end { END_KILLED, END_EXIT, END_LET_GO, END_EXEC, END_CLOSES, END_N };

/* A child of ours starts a keeper with `mine`, `work` happens, and it ends in this way. Returns when it has ended. */
static void
own(int mine, int second, bool stop_watching, enum end end)
{
	int status;
	pid_t pid = fork();

	g_assert_cmpint(pid, >=, 0);
	if (pid == 0) {
		struct keeper keeper = { .pidfd = -1, .socket = -1 };

		start(mine, &keeper);
		if ((second >= 0 || stop_watching) && !keeper_watch(&keeper, stop_watching ? -1 : second, NULL))
			_exit(2);
		if (end == END_KILLED)
			raise(SIGKILL);
		if (end == END_LET_GO)
			keeper_clear(&keeper);
		if (end == END_EXEC)
			execl("/bin/sh", "sh", "-c", "exit 0", NULL);
		if (end == END_CLOSES) {
			close(keeper.socket);
			usleep(300000);
		}
		_exit(0);
	}
	g_assert_cmpint(waitpid(pid, &status, 0), ==, pid);
	if (end == END_KILLED)
		g_assert_cmpint(status, ==, SIGKILL);
	else
		g_assert_cmpint(status, ==, 0);
}

static void
test_owner(gconstpointer data)
{
	enum end end = GPOINTER_TO_UINT(data);
	const char *expected = end == END_LET_GO ? "" : "1";

	for (int i = 0; i < 20; i++) {
		autofd first = -1;
		autofd second = -1;
		autofd mine = -1;
		autofd later = -1;

		make_pipe(&first, &mine);
		make_pipe(&second, &later);
		own(mine, i % 3 == 1 ? later : -1, i % 3 == 2, end);
		fd_close(&mine);
		fd_close(&later);
		g_assert_cmpstr(written(first, SECOND_MS), ==, i % 3 ? "" : expected);
		g_assert_cmpstr(written(second, SECOND_MS), ==, i % 3 == 1 ? expected : "");
	}
}

/* A forked copy of the owner keeps the socket open: its pidfd tells. And the copy may not let it go. */
static void
test_copy(void)
{
	autofd first = -1;
	autofd mine = -1;
	int status;
	pid_t pid;

	make_pipe(&first, &mine);
	pid = fork();
	g_assert_cmpint(pid, >=, 0);
	if (pid == 0) {
		struct keeper keeper = { .pidfd = -1, .socket = -1 };

		start(mine, &keeper);
		pid = fork();
		if (pid == 0) {
			struct keeper copy = keeper;

			copy.pidfd = dup(keeper.pidfd);
			copy.socket = dup(keeper.socket);
			keeper_clear(&copy);
			_exit(0);
		}
		waitpid(pid, &status, 0);
		if (!lives(keeper.pid))
			_exit(3);
		if (fork() == 0) { /* this one stays */
			close(mine);
			usleep(2000000);
			_exit(0);
		}
		_exit(0);
	}
	fd_close(&mine);
	g_assert_cmpint(waitpid(pid, &status, 0), ==, pid);
	g_assert_cmpint(status, ==, 0);
	g_assert_cmpstr(written(first, SECOND_MS), ==, "1");
}

/* A host that never waits for its children is no problem. */
static void
test_ignored_child(void)
{
	g_auto(keeper_t) keeper = { .pidfd = -1, .socket = -1 };
	pid_t pid;

	signal(SIGCHLD, SIG_IGN);
	start(-1, &keeper);
	pid = keeper.pid;
	keeper_clear(&keeper);
	signal(SIGCHLD, SIG_DFL);
	g_assert_false(lives(pid));
}

/* One that hangs is killed. */
static void
test_stopped(void)
{
	g_auto(keeper_t) keeper = { .pidfd = -1, .socket = -1 };
	autofd first = -1;
	autofd mine = -1;
	gint64 begin;
	pid_t pid;

	make_pipe(&first, &mine);
	start(mine, &keeper);
	fd_close(&mine);
	pid = keeper.pid;
	g_assert_cmpint(kill(pid, SIGSTOP), ==, 0);
	begin = g_get_monotonic_time();
	keeper_clear(&keeper);
	g_assert_cmpint(g_get_monotonic_time() - begin, <, 3 * G_USEC_PER_SEC);
	g_assert_false(lives(pid));
	g_assert_cmpstr(written(first, SECOND_MS), ==, "");
}

/* --- what it clones --- */

/* cat(1), born by the keeper: what is written to *ret_in comes back from *ret_out. */
struct cat {
	pid_t pid;
	int pidfd, in, out;
};

static struct birth *
cat_birth(int image, int in, int out, int *fds)
{
	struct birth *birth = g_new0(struct birth, 1);

	fds[0] = in;
	fds[1] = out;
	fds[2] = 2;
	birth->args.flags = BORN_FLAGS;
	birth->image = image;
	birth->fds = fds;
	birth->n_fds = 3;
	return birth;
}

static void
cat_new(const struct keeper *keeper, struct cat *ret)
{
	autofd image = open("/bin/cat", O_RDONLY | O_CLOEXEC);
	g_autoptr(GError) error = NULL;
	autofd in = -1;
	autofd out = -1;
	int fds[3];
	g_autofree struct birth *birth = NULL;
	long pid;

	make_pipe(&in, &ret->in);
	make_pipe(&ret->out, &out);
	birth = cat_birth(image, in, out, fds);
	pid = keeper_clone(keeper, birth, &ret->pidfd, &error);
	g_assert_no_error(error);
	g_assert_cmpint(pid, >, 0);
	ret->pid = (pid_t)pid;
}

static void
cat_says(struct cat *cat, const char *word)
{
	struct pollfd end = { cat->pidfd, POLLIN, 0 };

	g_assert_cmpint(write(cat->in, word, strlen(word)), ==, (gssize)strlen(word));
	fd_close(&cat->in);
	g_assert_cmpstr(written(cat->out, LONG_MS), ==, word);
	fd_close(&cat->out);
	g_assert_cmpint(poll(&end, 1, LONG_MS), ==, 1);
	/* not our child */
	g_assert_cmpint(waitid(P_PIDFD, (id_t)cat->pidfd, &(siginfo_t){ 0 }, WEXITED | WNOHANG | __WALL), ==, -1);
	g_assert_cmpint(errno, ==, ECHILD);
	/* and no zombie is left of it */
	for (int i = 0; i < 100 && kill(cat->pid, 0) == 0; i++)
		g_usleep(10000);
	g_assert_cmpint(kill(cat->pid, 0), ==, -1);
	fd_close(&cat->pidfd);
}

static void
test_clone(void)
{
	g_auto(keeper_t) keeper = { .pidfd = -1, .socket = -1 };
	struct cat cat;

	start(-1, &keeper);
	for (int i = 0; i < 50; i++) {
		cat_new(&keeper, &cat);
		if (i == 0) {
			g_autofree char *parent = status_of(cat.pid, "PPid");

			g_assert_cmpint(atoi(parent), ==, keeper.pid);
			g_assert_cmpint(getsid(cat.pid), ==, keeper.pid);
		}
		cat_says(&cat, "word");
	}
	if (geteuid() == 0)
		g_assert_cmpuint(fds_of(keeper.pid), ==, 2);
}

static gpointer
clone_many(gpointer data)
{
	const struct keeper *keeper = data;
	g_autofree char *word = g_strdup_printf("%p", (void *)g_thread_self());

	for (int i = 0; i < 25; i++) {
		struct cat cat;

		cat_new(keeper, &cat);
		cat_says(&cat, word);
	}
	return NULL;
}

static void
test_clone_threads(void)
{
	g_auto(keeper_t) keeper = { .pidfd = -1, .socket = -1 };
	GThread *threads[4];

	start(-1, &keeper);
	for (gsize i = 0; i < G_N_ELEMENTS(threads); i++)
		threads[i] = g_thread_new(NULL, clone_many, &keeper);
	for (gsize i = 0; i < G_N_ELEMENTS(threads); i++)
		g_thread_join(threads[i]);
}

/* As many fds as a plan may have: more than one message holds. The last of them is where the output goes. */
static void
test_clone_fds(void)
{
	g_auto(keeper_t) keeper = { .pidfd = -1, .socket = -1 };
	autofd image = open("/bin/sh", O_RDONLY | O_CLOEXEC);
	g_autoptr(GError) error = NULL;
	g_autofree struct birth *birth = NULL;
	int fds[KEEPER_FDS_MAX];
	autofd pidfd = -1;
	autofd script = -1;
	autofd say = -1;
	autofd out = -1;
	autofd theirs = -1;
	static const char text[] = "echo all here >/proc/self/fd/252; ls /proc/self/fd | wc -l >/proc/self/fd/252";
	long pid;

	make_pipe(&script, &say);
	make_pipe(&out, &theirs);
	g_assert_cmpint(write(say, text, strlen(text)), ==, (gssize)strlen(text));
	fd_close(&say);
	birth = cat_birth(image, script, 1, fds);
	birth->n_fds = 253;
	for (guint i = 3; i < birth->n_fds; i++)
		fds[i] = theirs;
	start(-1, &keeper);
	pid = keeper_clone(&keeper, birth, &pidfd, &error);
	g_assert_no_error(error);
	g_assert_cmpint(pid, >, 0);
	fd_close(&theirs);
	g_assert_cmpstr(written(out, LONG_MS), ==, "all here\n254\n");
	birth->n_fds = KEEPER_FDS_MAX;
	g_assert_cmpint(keeper_clone(&keeper, birth, &pidfd, &error), ==, -1);
	g_assert_cmpint(error->code, ==, E2BIG);
}

static void
test_clone_failures(void)
{
	g_auto(keeper_t) keeper = { .pidfd = -1, .socket = -1 };
	autofd image = open("/proc/self/status", O_RDONLY | O_CLOEXEC);
	autofd program = open("/bin/cat", O_RDONLY | O_CLOEXEC);
	g_autoptr(GError) error = NULL;
	g_autofree struct birth *birth = NULL;
	struct cat cat;
	int pidfd = -1;
	int fds[3];

	start(-1, &keeper);
	birth = cat_birth(image, 0, 1, fds);
	g_assert_cmpint(keeper_clone(&keeper, birth, &pidfd, &error), ==, -EACCES);
	g_assert_no_error(error);
	g_assert_cmpint(birth->step, ==, BIRTH_EXEC);
	/* not a cgroup */
	birth->image = program;
	birth->args.flags |= CLONE_INTO_CGROUP;
	birth->args.cgroup = (uint64_t)program;
	g_assert_cmpint(keeper_clone(&keeper, birth, &pidfd, &error), ==, -EBADF);
	g_assert_no_error(error);
	g_assert_cmpint(birth->step, ==, BIRTH_CLONE);
	/* not a namespace */
	birth->args.flags = BORN_FLAGS;
	birth->n_joins = 1;
	birth->join[0] = program;
	birth->join_type[0] = CLONE_NEWUTS;
	g_assert_cmpint(keeper_clone(&keeper, birth, &pidfd, &error), ==, -EINVAL);
	g_assert_no_error(error);
	g_assert_cmpint(birth->step, ==, BIRTH_JOIN);
	g_assert_cmpint(pidfd, ==, -1);
	/* and it is as good as before */
	cat_new(&keeper, &cat);
	cat_says(&cat, "still here");
	g_assert_cmpint(kill(keeper.pid, SIGKILL), ==, 0);
	birth->n_joins = 0;
	g_assert_cmpint(keeper_clone(&keeper, birth, &pidfd, &error), ==, -1);
	g_assert_cmpint(error->code, ==, EPIPE);
}

/* Its children are nobody's zombies when it goes, and live on. */
static void
test_clone_outlives(void)
{
	g_auto(keeper_t) keeper = { .pidfd = -1, .socket = -1 };
	struct cat cat;

	start(-1, &keeper);
	cat_new(&keeper, &cat);
	keeper_clear(&keeper);
	g_assert_true(lives(cat.pid));
	g_assert_cmpint(write(cat.in, "x", 1), ==, 1);
	fd_close(&cat.in);
	g_assert_cmpstr(written(cat.out, LONG_MS), ==, "x");
	g_assert_true(ends_within(cat.pid, LONG_MS));
	fd_close(&cat.out);
	fd_close(&cat.pidfd);
}

/* A new uts namespace is joined: the program is in it, and still the keeper's child. */
static void
test_clone_joins(void)
{
	g_auto(keeper_t) keeper = { .pidfd = -1, .socket = -1 };
	autofd image = open("/bin/cat", O_RDONLY | O_CLOEXEC);
	g_autoptr(GError) error = NULL;
	g_autofree struct birth *birth = NULL;
	g_autofree char *path = NULL;
	g_autofree char *its = NULL;
	g_autofree char *ours = NULL;
	g_autofree char *wanted = NULL;
	autofd before = open("/proc/self/ns/uts", O_RDONLY | O_CLOEXEC);
	autofd made = -1;
	struct cat cat;
	autofd in = -1;
	autofd out = -1;
	int fds[3];

	if (unshare(CLONE_NEWUTS) < 0) {
		g_test_skip("needs CAP_SYS_ADMIN");
		return;
	}
	made = open("/proc/self/ns/uts", O_RDONLY | O_CLOEXEC);
	wanted = g_file_read_link("/proc/self/ns/uts", NULL);
	g_assert_cmpint(setns(before, CLONE_NEWUTS), ==, 0);
	ours = g_file_read_link("/proc/self/ns/uts", NULL);
	start(-1, &keeper);
	make_pipe(&in, &cat.in);
	make_pipe(&cat.out, &out);
	birth = cat_birth(image, in, out, fds);
	birth->n_joins = 1;
	birth->join[0] = made;
	birth->join_type[0] = CLONE_NEWUTS;
	cat.pid = (pid_t)keeper_clone(&keeper, birth, &cat.pidfd, &error);
	g_assert_no_error(error);
	g_assert_cmpint(cat.pid, >, 0);
	fd_close(&in);
	fd_close(&out);
	path = g_strdup_printf("/proc/%d/ns/uts", (int)cat.pid);
	its = g_file_read_link(path, NULL);
	g_assert_cmpstr(its, ==, wanted);
	g_assert_cmpstr(its, !=, ours);
	cat_says(&cat, "joined");
}

static gpointer
clone_elsewhere(gpointer data)
{
	const struct keeper *keeper = data;
	autofd image = open("/bin/cat", O_RDONLY | O_CLOEXEC);
	autofd nothing = open("/dev/null", O_RDONLY | O_CLOEXEC);
	g_autoptr(GError) error = NULL;
	g_autofree struct birth *birth = NULL;
	int fds[3];
	int pidfd = -1;

	g_assert_cmpint(unshare(CLONE_NEWNET), ==, 0);
	birth = cat_birth(image, nothing, 1, fds);
	g_assert_cmpint(keeper_clone(keeper, birth, &pidfd, &error), ==, -1);
	g_assert_cmpint(error->code, ==, EXDEV);
	g_assert_nonnull(strstr(error->message, "network namespace"));
	g_clear_error(&error);
	birth->args.flags |= CLONE_NEWNET;
	g_assert_cmpint(keeper_clone(keeper, birth, &pidfd, &error), >, 0);
	g_assert_no_error(error);
	fd_close(&pidfd);
	return NULL;
}

/* What the box would share with the thread that asks must be what it shares with the keeper. */
static void
test_clone_surroundings(void)
{
	g_auto(keeper_t) keeper = { .pidfd = -1, .socket = -1 };

	if (geteuid() != 0) {
		g_test_skip("needs CAP_SYS_ADMIN");
		return;
	}
	start(-1, &keeper);
	g_thread_join(g_thread_new(NULL, clone_elsewhere, &keeper));
}

static gpointer
clone_with_less(gpointer data)
{
	const struct keeper *keeper = data;
	autofd image = open("/bin/cat", O_RDONLY | O_CLOEXEC);
	autofd nothing = open("/dev/null", O_RDONLY | O_CLOEXEC);
	g_autoptr(GError) error = NULL;
	g_autofree struct birth *birth = NULL;
	int fds[3];
	int pidfd = -1;

	birth = cat_birth(image, nothing, 1, fds);
	g_assert_cmpint(keeper_clone(keeper, birth, &pidfd, &error), >, 0);
	g_assert_no_error(error);
	fd_close(&pidfd);
	g_assert_cmpint(prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0), ==, 0);
	g_assert_cmpint(keeper_clone(keeper, birth, &pidfd, &error), ==, -1);
	g_assert_cmpint(error->code, ==, EXDEV);
	g_assert_nonnull(strstr(error->message, "NoNewPrivs"));
	g_assert_cmpint(pidfd, ==, -1);
	return NULL;
}

/* A thread that has given up rights gets nothing from one that has them. */
static void
test_clone_credentials(void)
{
	g_auto(keeper_t) keeper = { .pidfd = -1, .socket = -1 };

	if (prctl(PR_GET_NO_NEW_PRIVS, 0, 0, 0, 0) == 1) {
		g_test_skip("has no_new_privs already");
		return;
	}
	start(-1, &keeper);
	g_thread_join(g_thread_new(NULL, clone_with_less, &keeper));
}

static gpointer
ask_stopped(gpointer data)
{
	g_autoptr(GError) error = NULL;

	keeper_watch(data, -1, &error);
	g_assert_no_error(error);
	return NULL;
}

/* A copy that is forked while another thread waits for an answer can have a keeper of its own. */
static void
test_fork_while_asking(void)
{
	g_auto(keeper_t) keeper = { .pidfd = -1, .socket = -1 };
	GThread *thread;
	int status;
	pid_t pid;

	start(-1, &keeper);
	g_assert_cmpint(kill(keeper.pid, SIGSTOP), ==, 0);
	thread = g_thread_new(NULL, ask_stopped, &keeper);
	g_usleep(200000);
	pid = fork();
	if (pid == 0) {
		g_auto(keeper_t) own = { .pidfd = -1, .socket = -1 };

		alarm(5);
		_exit(keeper_new(-1, &own, NULL) && keeper_watch(&own, -1, NULL) ? 0 : 1);
	}
	g_assert_cmpint(waitpid(pid, &status, 0), ==, pid);
	g_assert_cmpint(kill(keeper.pid, SIGCONT), ==, 0);
	g_thread_join(thread);
	g_assert_cmphex(status, ==, 0);
}

int
main(int argc, char **argv)
{
	static const char *const ends[END_N] = { "killed", "exit", "let-go", "exec", "closes" };

	alarm(120);
	g_test_init(&argc, &argv, NULL);
	g_test_add_func("/keeper/is", test_is);
	g_test_add_func("/keeper/holds-nothing", test_holds_nothing);
	g_test_add_func("/keeper/signals", test_signals);
	for (guint i = 0; i < END_N; i++) {
		g_autofree char *name = g_strconcat("/keeper/owner/", ends[i], NULL);

		g_test_add_data_func(name, GUINT_TO_POINTER(i), test_owner);
	}
	g_test_add_func("/keeper/copy", test_copy);
	g_test_add_func("/keeper/ignored-child", test_ignored_child);
	g_test_add_func("/keeper/stopped", test_stopped);
	g_test_add_func("/keeper/clone", test_clone);
	g_test_add_func("/keeper/clone/threads", test_clone_threads);
	g_test_add_func("/keeper/clone/fds", test_clone_fds);
	g_test_add_func("/keeper/clone/failures", test_clone_failures);
	g_test_add_func("/keeper/clone/outlives", test_clone_outlives);
	g_test_add_func("/keeper/clone/joins", test_clone_joins);
	g_test_add_func("/keeper/clone/surroundings", test_clone_surroundings);
	g_test_add_func("/keeper/clone/credentials", test_clone_credentials);
	g_test_add_func("/keeper/fork-while-asking", test_fork_while_asking);
	return g_test_run();
}
