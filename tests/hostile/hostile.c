/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* SPDX-FileCopyrightText: The libsbx developers */

/* Batches of probes. */
#include "hostile.h"

#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <linux/capability.h>
#include <linux/keyctl.h>
#include <mqueue.h>
#include <sched.h>
#include <signal.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/msg.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/sem.h>
#include <sys/shm.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/sysmacros.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <termios.h>
#include <unistd.h>

#include "../live/live.h"

/* A user that nobody is, and groups of his. */
#define PLAIN_ID 54321
#define MORE_GROUPS 54322, 54323

static GPtrArray *wanted[N_PLACES];
static GHashTable *answers[N_MODES][N_PLACES]; /* name to the rest of its line */
static char *failures[N_MODES][N_PLACES];
static GPtrArray *settings;
static char *dir;

/* What the host has and a box must not reach. */
static struct {
	int listener, shm, sem, msg;
	char *mq, *files[2];
} canary = { -1, -1, -1, -1, NULL, { NULL, NULL } };

/* Bytes in the workers' terminals; shared with the workers. */
static volatile unsigned *typed;

bool
hostile_has_root(void)
{
	return live_is_root();
}

const char *
hostile_dir(void)
{
	return dir;
}

unsigned
hostile_typed(enum hostile_place place)
{
	return typed[place];
}

/* --- canaries --- */

static void
set(const char *key, const char *value)
{
	g_ptr_array_add(settings, g_strdup_printf("%s=%s", key, value));
}

static void
set_number(const char *key, int value)
{
	g_autofree char *text = g_strdup_printf("%d", value);

	set(key, text);
}

static void
listen_abstract(const char *name)
{
	struct sockaddr_un address = { .sun_family = AF_UNIX };

	memcpy(address.sun_path + 1, name, strlen(name));
	canary.listener = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	g_assert_cmpint(bind(canary.listener, (struct sockaddr *)&address,
	                     (socklen_t)(offsetof(struct sockaddr_un, sun_path) + 1 + strlen(name))),
	                ==, 0);
	g_assert_cmpint(listen(canary.listener, 64), ==, 0);
}

static void
place_canaries(void)
{
	static const char *const places[] = { "/tmp", "/dev/shm" };
	g_autofree char *name = g_strdup_printf("sbx-hostile-%d", (int)getpid());
	int key = 0x5b000000 | getpid();

	set("dir", dir);
	set("secret", "sbx-hostile-secret");
	set("name", name);
	set_number("key", key);
	listen_abstract(name);
	canary.shm = shmget(key, 4096, IPC_CREAT | 0666);
	canary.sem = semget(key, 1, IPC_CREAT | 0666);
	canary.msg = msgget(key, IPC_CREAT | 0666);
	canary.mq = g_strconcat("/", name, NULL);
	close(mq_open(canary.mq, O_RDWR | O_CREAT | O_CLOEXEC, 0666, NULL));
	chmod(canary.mq, 0666);
	set("mq", canary.mq);
	for (gsize i = 0; i < G_N_ELEMENTS(places); i++) {
		g_autofree char *setting = g_strdup_printf("file%" G_GSIZE_FORMAT, i);

		canary.files[i] = g_build_filename(places[i], name, NULL);
		if (!g_file_set_contents(canary.files[i], "canary", -1, NULL))
			g_clear_pointer(&canary.files[i], g_free);
		set(setting, canary.files[i] ? canary.files[i] : "");
	}
}

void
hostile_end(void)
{
	shmctl(canary.shm, IPC_RMID, NULL);
	semctl(canary.sem, 0, IPC_RMID);
	msgctl(canary.msg, IPC_RMID, NULL);
	if (canary.mq)
		mq_unlink(canary.mq);
	for (gsize i = 0; i < G_N_ELEMENTS(canary.files); i++)
		if (canary.files[i])
			unlink(canary.files[i]);
	live_dir_remove(&dir);
}

/* --- planted files --- */

static void
copy_probe(const char *name, mode_t mode)
{
	const char *build = g_getenv("SBX_BUILDDIR");
	g_autofree char *from = g_build_filename(build ? build : ".", "tests/hostile/probe", NULL);
	g_autofree char *to = live_path(dir, name);
	g_autofree char *bytes = NULL;
	g_autoptr(GError) error = NULL;
	gsize length = 0;

	g_file_get_contents(from, &bytes, &length, &error);
	g_assert_no_error(error);
	g_file_set_contents(to, bytes, (gssize)length, &error);
	g_assert_no_error(error);
	g_assert_cmpint(chmod(to, mode), ==, 0);
}

static void
plant(const char *name, mode_t mode, gid_t group)
{
	g_autofree char *path = live_file(dir, name, "text");

	if (live_is_root())
		g_assert_cmpint(chown(path, 0, group), ==, 0);
	g_assert_cmpint(chmod(path, mode), ==, 0);
}

static void
plant_files(void)
{
	static const struct {
		const char *name;
		mode_t mode;
		unsigned major, minor;
	} nodes[] = { { "node-zero", S_IFCHR, 1, 5 }, { "node-kmsg", S_IFCHR, 1, 11 }, { "node-loop", S_IFBLK, 7, 0 } };

	dir = live_dir();
	copy_probe("probe", 0755);
	plant("plain", 0644, 0);
	plant("closed", 0600, 0);
	/* open for everybody but this group: for who leaves it by dropping groups carelessly */
	plant("no-65534", 0604, 65534);
	plant("more-group", 0640, 54322);
	if (!live_is_root())
		return;
	copy_probe("suid", 04755);
	copy_probe("sgid", 02755);
	for (gsize i = 0; i < G_N_ELEMENTS(nodes); i++) {
		g_autofree char *path = live_path(dir, nodes[i].name);

		g_assert_cmpint(mknod(path, nodes[i].mode | 0666, makedev(nodes[i].major, nodes[i].minor)), ==, 0);
		g_assert_cmpint(chmod(path, 0666), ==, 0);
	}
}

void
hostile_init(void)
{
	settings = g_ptr_array_new_with_free_func(g_free);
	for (int i = 0; i < N_PLACES; i++)
		wanted[i] = g_ptr_array_new_with_free_func(g_free);
	typed = mmap(NULL, N_PLACES * sizeof *typed, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	g_assert_true(typed != MAP_FAILED);
	plant_files();
	place_canaries();
}

/* --- modes --- */

const char *
hostile_mode_name(enum hostile_mode mode)
{
	static const char *const names[] = { "root", "host-nobody", "host-root", "user", "nested" };

	return names[mode];
}

const char *
hostile_place_name(enum hostile_place place)
{
	static const char *const names[] = {
		"the box",         "a box without a filter",  "the box of user 0",           "outside",
		"outside as root", "outside as a plain user", "new namespaces without a box"
	};

	return names[place];
}

const char *
hostile_mode_lacks(enum hostile_mode mode)
{
	if (live_is_root() || mode == MODE_NESTED || (mode == MODE_USER && live_mode() == LIVE_USER))
		return NULL;
	return mode == MODE_USER ? "a plain user, or root, who can become one" : "root of this machine";
}

const char *const *
hostile_keys(enum hostile_mode mode)
{
	static const char *const nobody[] = { "share", "user", NULL };
	static const char *const root[] = { "share", "user", "user", "0", NULL };
	static const char *const none[] = { NULL };

	return mode == MODE_HOST_NOBODY ? nobody : mode == MODE_HOST_ROOT ? root : none;
}

/* A child that can't become what it should says so by its status; the parent prints it. */
void
hostile_must(int result, const char *what)
{
	if (result < 0) {
		dprintf(1, "worker: %s: %s\n", what, g_strerror(errno));
		_exit(4);
	}
}

static void
write_proc(const char *name, const char *format, unsigned id)
{
	g_autofree char *path = g_strconcat("/proc/self/", name, NULL);
	g_autofree char *text = g_strdup_printf(format, id);
	int fd = open(path, O_WRONLY | O_CLOEXEC);

	hostile_must(fd, path);
	hostile_must((int)write(fd, text, strlen(text)), path);
	close(fd);
}

static void
become_plain(void)
{
	static const gid_t groups[] = { MORE_GROUPS };

	if (!live_is_root())
		return;
	hostile_must(setgroups(G_N_ELEMENTS(groups), groups), "setgroups");
	hostile_must(setresgid(PLAIN_ID, PLAIN_ID, PLAIN_ID), "setresgid");
	hostile_must(setresuid(PLAIN_ID, PLAIN_ID, PLAIN_ID), "setresuid");
	/* or /proc/self would be root's */
	hostile_must(prctl(PR_SET_DUMPABLE, 1, 0, 0, 0), "dumpable");
}

static void
become_nested(int more)
{
	unsigned uid = geteuid(), gid = getegid();

	hostile_must(unshare(CLONE_NEWUSER | CLONE_NEWNS | more), "unshare");
	write_proc("setgroups", "deny", 0);
	write_proc("gid_map", "0 %u 1", gid);
	write_proc("uid_map", "0 %u 1", uid);
	hostile_must(mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL), "private mounts");
}

static void
become(enum hostile_mode mode)
{
	static const gid_t groups[] = { 0, MORE_GROUPS };

	if (mode == MODE_USER || mode == MODE_NESTED)
		become_plain();
	else
		hostile_must(setgroups(G_N_ELEMENTS(groups), groups), "setgroups");
	if (mode == MODE_NESTED && live_mode() != LIVE_NESTED)
		become_nested(0);
}

/* --- as dirty as a host can be --- */

static void
keep_capabilities(void)
{
	struct __user_cap_header_struct header = { _LINUX_CAPABILITY_VERSION_3, 0 };
	struct __user_cap_data_struct data[2];

	hostile_must((int)syscall(SYS_capget, &header, data), "capget");
	for (int i = 0; i < 2; i++)
		data[i].inheritable = data[i].permitted;
	hostile_must((int)syscall(SYS_capset, &header, data), "capset");
	for (unsigned cap = 0; cap < 64; cap++)
		if (data[cap / 32].permitted & 1u << cap % 32)
			hostile_must(prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_RAISE, cap, 0, 0), "ambient");
}

static int
new_terminal(int *ret_master)
{
	int master = posix_openpt(O_RDWR | O_NOCTTY | O_CLOEXEC), slave;
	struct termios raw;

	hostile_must(master, "posix_openpt");
	hostile_must(unlockpt(master), "unlockpt");
	hostile_must(setsid(), "setsid");
	/* the leader's first terminal is that of the session */
	hostile_must(slave = open(ptsname(master), O_RDWR | O_CLOEXEC), "terminal");
	/* each byte typed counts, not each line */
	hostile_must(tcgetattr(slave, &raw), "tcgetattr");
	cfmakeraw(&raw);
	hostile_must(tcsetattr(slave, TCSANOW, &raw), "tcsetattr");
	*ret_master = master;
	return slave;
}

static void
get_dirty(void)
{
	struct rlimit core;
	sigset_t set;

	for (int fd = 50; fd < 70; fd++) {
		int from = open(fd % 2 ? "/" : "/etc/passwd", O_RDONLY | O_CLOEXEC);

		hostile_must(dup2(from, fd), "leak an fd");
		close(from);
	}
	signal(SIGPIPE, SIG_IGN);
	signal(SIGHUP, SIG_IGN);
	signal(SIGUSR2, SIG_IGN);
	sigemptyset(&set);
	sigaddset(&set, SIGUSR1);
	sigaddset(&set, SIGRTMIN);
	sigprocmask(SIG_BLOCK, &set, NULL);
	umask(0);
	getrlimit(RLIMIT_CORE, &core);
	core.rlim_cur = core.rlim_max;
	setrlimit(RLIMIT_CORE, &core);
	setenv("SBX_HOSTILE_TOKEN", "sbx-hostile-secret", 1);
	setenv("LD_PRELOAD", "/sbx-hostile-none.so", 1);
	setenv("LD_LIBRARY_PATH", "/sbx-hostile-none", 1);
	prctl(PR_SET_PDEATHSIG, SIGUSR2, 0, 0, 0);
	hostile_must(chdir("/var/tmp"), "chdir");
	keep_capabilities();
	/* where there are no keys there is nothing to leak */
	syscall(SYS_keyctl, KEYCTL_JOIN_SESSION_KEYRING, NULL);
	syscall(SYS_add_key, "user", "sbxcanary", "x", 1, KEY_SPEC_SESSION_KEYRING);
}

/* --- workers --- */

char *
hostile_worker(enum hostile_mode mode, void (*work)(int fd, const void *data), const void *data)
{
	g_autoptr(GString) text = g_string_new(NULL);
	int fds[2], status = 0;
	char part[4096];
	ssize_t got;
	pid_t pid;

	g_assert_cmpint(pipe2(fds, O_CLOEXEC), ==, 0);
	fflush(NULL);
	pid = fork();
	if (pid == 0) {
		/* what the test framework and we say goes the same way */
		dup2(fds[1], 1);
		become(mode);
		work(1, data);
		fflush(NULL);
		_exit(0);
	}
	close(fds[1]);
	while ((got = read(fds[0], part, sizeof part)) > 0)
		g_string_append_len(text, part, got);
	close(fds[0]);
	waitpid(pid, &status, 0);
	if (status)
		g_string_append_printf(text, "worker: wait status %#x\n", (unsigned)status);
	return g_string_free(g_steal_pointer(&text), FALSE);
}

struct batch {
	enum hostile_mode mode;
	enum hostile_place place;
	char **argv;
};

void
hostile_shared_mounts(void)
{
	hostile_must(unshare(CLONE_NEWNS), "unshare");
	hostile_must(mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL), "private mounts");
	hostile_must(mount(NULL, "/", NULL, MS_REC | MS_SHARED, NULL), "shared mounts");
}

/* What the worker's own namespaces are, for the probes to compare with, right after the program's name. */
static char **
with_namespaces(char **argv)
{
	static const char *const types[] = { "cgroup", "ipc", "mnt", "net", "pid", "user", "uts" };
	g_autoptr(GStrvBuilder) more = g_strv_builder_new();

	g_strv_builder_add(more, argv[0]);
	for (gsize i = 0; i < G_N_ELEMENTS(types); i++) {
		g_autofree char *path = g_strconcat("/proc/self/ns/", types[i], NULL);
		g_autofree char *link = g_file_read_link(path, NULL);
		g_autofree char *word = g_strdup_printf("ns-%s=%s", types[i], link ? link : "none");

		g_strv_builder_add(more, word);
	}
	g_strv_builder_addv(more, (const char **)argv + 1);
	return g_strv_builder_end(more);
}

static void
run_in_box(const struct batch *batch, char **argv, int terminal)
{
	g_autoptr(sbx_spec) spec = live_spec_bare(hostile_keys(batch->mode));
	g_autofree char *pair = live_pair(dir, dir);
	sbx_command command = { .size = sizeof command, .argv = (const char *const *)argv };
	g_autofree char *before = live_read("/proc/self/mountinfo"), *after = NULL;
	struct live *live;

	hostile_must(sbx_spec_set(spec, "bind", pair, NULL), "bind");
	if (batch->place == PLACE_BARE)
		hostile_must(sbx_spec_set(spec, "seccomp", "none", NULL), "seccomp");
	if (batch->place == PLACE_ZERO)
		hostile_must(sbx_spec_set(spec, "user", "0", NULL), "user");
	command.stdio[0] = terminal;
	command.stdio[1] = command.stdio[2] = SBX_STDIO_CAPTURE;
	live = live_spec(spec, &command);
	after = live_read("/proc/self/mountinfo");
	printf("%s", live->out);
	printf("host-mounts reached %s\n", g_strcmp0(before, after) ? "changed" : "the same");
	if (live->error || live->exit_code || live->signal)
		printf("worker: the box: outcome %d exit %d signal %d: %s (%s): %s\n", live->outcome, live->exit_code,
		       live->signal, live->message, live->hint, live->err);
	live_free(live);
}

static void
run_batch(int fd, const void *data)
{
	const struct batch *batch = data;
	g_auto(GStrv) argv = NULL;
	int master, terminal, bytes = 0;
	pid_t pid;

	(void)fd;
	if (batch->place == PLACE_NS) {
		become_nested(CLONE_NEWUTS | CLONE_NEWIPC | CLONE_NEWNET | CLONE_NEWCGROUP);
		hostile_must(unshare(CLONE_NEWPID), "unshare");
	}
	if (batch->place != PLACE_NS && geteuid() == 0)
		hostile_shared_mounts();
	argv = with_namespaces(batch->argv);
	terminal = new_terminal(&master);
	get_dirty();
	if (batch->place <= PLACE_ZERO) {
		run_in_box(batch, argv, terminal);
	} else {
		pid = fork();
		if (pid == 0) {
			dup2(terminal, 0);
			execv(argv[0], argv);
			_exit(5);
		}
		waitpid(pid, NULL, 0);
	}
	/* what a payload typed stands in the terminal's queue, for the shell that reads next */
	if (ioctl(terminal, FIONREAD, &bytes) == 0)
		typed[batch->place] += (unsigned)bytes;
}

/* --- questions --- */

static char *
expand(const char *probe)
{
	g_auto(GStrv) parts = g_strsplit(probe, "%h", -1);

	return g_strjoinv(dir, parts);
}

void
hostile_want(enum hostile_place place, const char *probe)
{
	g_autofree char *name = expand(probe);

	if (!g_ptr_array_find_with_equal_func(wanted[place], name, g_str_equal, NULL))
		g_ptr_array_add(wanted[place], g_steal_pointer(&name));
}

static char **
batch_argv(enum hostile_place place)
{
	g_autoptr(GStrvBuilder) argv = g_strv_builder_new();
	g_autofree char *probe = live_path(dir, "probe");

	g_strv_builder_add(argv, probe);
	for (guint i = 0; i < settings->len; i++)
		g_strv_builder_add(argv, settings->pdata[i]);
	for (guint i = 0; i < wanted[place]->len; i++)
		g_strv_builder_add(argv, wanted[place]->pdata[i]);
	return g_strv_builder_end(argv);
}

static void
answer(enum hostile_mode mode, enum hostile_place place)
{
	g_auto(GStrv) argv = batch_argv(place);
	struct batch batch = { mode, place, argv };
	/* who has left root already becomes root of new namespaces the same way in each mode */
	g_autofree char *text = hostile_worker(place == PLACE_NS ? MODE_USER : mode, run_batch, &batch);
	g_auto(GStrv) lines = g_strsplit(text, "\n", -1);
	GHashTable *table = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, g_free);
	bool complete = false;

	for (char **line = lines; *line; line++) {
		char *at = strstr(*line, " unreached ");

		if (!at)
			at = strstr(*line, " reached ");
		complete = complete || g_str_equal(*line, "end");
		if (at)
			g_hash_table_insert(table, g_strndup(*line, (gsize)(at - *line)), g_strdup(at + 1));
		else if (g_str_has_prefix(*line, "worker: "))
			failures[mode][place] = g_strdup(*line);
	}
	if (!complete && !failures[mode][place])
		failures[mode][place] = g_strdup_printf("the probes did not come to an end: %s", text);
	answers[mode][place] = table;
}

void
hostile_ask(enum hostile_mode mode, enum hostile_place place, const char *probe, struct hostile_answer *ret)
{
	g_autofree char *name = expand(probe);
	const char *line;

	*ret = (struct hostile_answer){ NULL, NULL, false };
	if ((place == PLACE_ROOT && !live_is_root()) || (place == PLACE_PLAIN && live_mode() == LIVE_NESTED)) {
		ret->why = "whoever started the suite can't become that";
		return;
	}
	/* one answer is enough where the mode makes no difference */
	if (place == PLACE_NS)
		mode = MODE_NESTED;
	if (place == PLACE_PLAIN)
		mode = MODE_USER;
	if (place == PLACE_ROOT || (place == PLACE_OUTSIDE && mode < MODE_USER))
		mode = MODE_ROOT;
	if (!answers[mode][place])
		answer(mode, place);
	ret->why = failures[mode][place];
	line = g_hash_table_lookup(answers[mode][place], name);
	if (!line)
		return;
	ret->reached = g_str_has_prefix(line, "reached ");
	ret->result = strchr(line, ' ') + 1;
}
