/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* SPDX-FileCopyrightText: The libsbx developers */

/* Tests of the default seccomp policy: installed in a child, alone and under real programs. */
#include "seccomp-load.h"

#include <errno.h>
#include <glib.h>
#include <linux/seccomp.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#define HIGH 0x1230000000000ull /* bits that the kernel does not look at where a parameter is an int */

static const struct sock_filter *filter;
static unsigned short filter_len;

static void
skip(const char *missing)
{
	if (!g_strcmp0(g_getenv("SBX_MUST_WORK"), "1"))
		g_test_fail_printf("may not be skipped: %s", missing);
	else
		g_test_skip(missing);
}

/* --- in the kernel ----------------------------------------------------------------------------------------------- */

static void
install(void)
{
	struct sock_fprog program = { filter_len, (struct sock_filter *)filter };

	if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) || syscall(__NR_seccomp, SECCOMP_SET_MODE_FILTER, 0, &program)) {
		dprintf(2, "install the filter: %s\n", strerror(errno));
		_exit(99);
	}
}

/* The wait status of a child that does `act` under the filter, or without it. */
static int
child(bool filtered, void (*act)(void))
{
	pid_t pid = fork();
	int status;

	g_assert_cmpint(pid, >=, 0);
	if (pid == 0) {
		if (filtered)
			install();
		act();
		_exit(0);
	}
	g_assert_cmpint(waitpid(pid, &status, 0), ==, pid);
	return status;
}

static const struct live {
	const char *what;
	long nr, args[4];
	int expected;
} live[] = {
	{ "unshare(0)", __NR_unshare, { 0 }, EPERM },
	{ "setns(-1)", __NR_setns, { -1 }, EPERM },
	{ "clone(NEWNS|FS)", __NR_clone, { CLONE_NEWNS | CLONE_FS }, EPERM },
	{ "clone3(NULL)", __NR_clone3, { 0 }, ENOSYS },
	{ "ioctl(-1, TIOCSTI)", __NR_ioctl, { -1, TIOCSTI }, EPERM },
	{ "ioctl(-1, HIGH|TIOCSTI)", __NR_ioctl, { -1, HIGH | TIOCSTI }, EPERM },
	{ "ioctl(-1, TCGETS)", __NR_ioctl, { -1, 0x5401 }, EBADF },
	{ "ptrace(ATTACH, -1)", __NR_ptrace, { 16, -1 }, EPERM },
	{ "process_vm_readv(-1)", __NR_process_vm_readv, { -1 }, EPERM },
	{ "pidfd_getfd(-1)", __NR_pidfd_getfd, { -1 }, EPERM },
	{ "name_to_handle_at(-1)", __NR_name_to_handle_at, { -1 }, EPERM },
	{ "personality(0x40000)", __NR_personality, { 0x40000 }, EPERM },
	{ "keyctl(-1)", __NR_keyctl, { -1 }, ENOSYS },
	{ "socket(NETLINK, uevent)", __NR_socket, { AF_NETLINK, SOCK_RAW, 15 }, EAFNOSUPPORT },
	{ "socket(NETLINK, route)", __NR_socket, { AF_NETLINK, SOCK_RAW, 0 }, 0 },
	{ "socket(UNIX)", __NR_socket, { AF_UNIX, SOCK_STREAM, 0 }, 0 },
	{ "socketpair(NETLINK)", __NR_socketpair, { AF_NETLINK, SOCK_RAW, 0 }, EAFNOSUPPORT },
};

static int
live_errno(const struct live *call)
{
	return syscall(call->nr, call->args[0], call->args[1], call->args[2], call->args[3]) < 0 ? errno : 0;
}

/* Each call twice: without the filter it must end otherwise, or the refusal proves nothing. */
static void
act_live(void)
{
	int before[G_N_ELEMENTS(live)];
	bool good = true;

	for (size_t i = 0; i < G_N_ELEMENTS(live); i++)
		before[i] = live_errno(&live[i]);
	install();
	for (size_t i = 0; i < G_N_ELEMENTS(live); i++) {
		int after = live_errno(&live[i]);
		bool wall = live[i].expected != 0 && live[i].expected != EBADF;

		if (after == live[i].expected && wall == (before[i] != after))
			continue;
		good = false;
		dprintf(2, "# %s: errno %d before, %d under the filter, expected %d\n", live[i].what, before[i], after,
		        live[i].expected);
	}
	_exit(good ? 0 : 1);
}

static void
test_live(void)
{
	g_assert_cmphex(child(false, act_live), ==, 0);
}

#ifdef __x86_64__
static void
act_int80(void)
{
	long ret = 20; /* getpid, to a 32-bit program */

	__asm__ volatile("int $0x80" : "+a"(ret) : : "memory");
	_exit(ret > 0 ? 0 : 1);
}

static void
act_x32(void)
{
	long ret = syscall(0x40000000 | __NR_getpid);

	_exit(ret > 0 || errno == ENOSYS ? 0 : 1);
}
#endif

static void
test_killed(void)
{
#ifdef __x86_64__
	g_assert_cmphex(child(false, act_x32), ==, 0);
	g_assert_cmphex(child(true, act_x32) & 0x7f, ==, SIGSYS);
	if (child(false, act_int80) != 0) {
		skip("this kernel runs no 32-bit system calls");
		return;
	}
	g_assert_cmphex(child(true, act_int80) & 0x7f, ==, SIGSYS);
#else
	skip("no second system call table on this architecture");
#endif
}

/* --- under real programs ----------------------------------------------------------------------------------------- */

static void *
thread_main(void *data)
{
	return data;
}

static void
act_threads(void)
{
	extern char **environ;
	char *argv[] = { (char *)"sh", (char *)"-c", (char *)"exit 7", NULL };
	pthread_t threads[8];
	void *ret;
	pid_t pid;
	int status;

	for (size_t i = 0; i < G_N_ELEMENTS(threads); i++)
		if (pthread_create(&threads[i], NULL, thread_main, (void *)i))
			_exit(1);
	for (size_t i = 0; i < G_N_ELEMENTS(threads); i++)
		if (pthread_join(threads[i], &ret) || (size_t)ret != i)
			_exit(2);
	if (posix_spawn(&pid, "/bin/sh", NULL, NULL, argv, environ))
		_exit(3);
	_exit(waitpid(pid, &status, 0) == pid && WEXITSTATUS(status) == 7 ? 0 : 4);
}

static void
test_threads(void)
{
	g_assert_cmphex(child(true, act_threads), ==, 0);
}

static const struct program {
	const char *name, *script;
} programs[] = {
	{ "sh", "test \"$(echo a | tr a b)\" = b" },
	{ "bash", "exec bash -c 'mapfile -t x < <(seq 3); wait; trap : USR1; kill -USR1 $$; test ${#x[@]} = 3'" },
	{ "gcc", "printf '#include <stdio.h>\\nint main(void) { return puts(\"hi\") < 0; }' | gcc -O2 -xc - -o a && ./a" },
	{ "make", "printf 'all: a b\\na b:\\n\\tsleep 0.1; echo $@\\n' >Makefile && make -j2" },
	{ "git", "git init -q . && touch f && git add f && git -c user.name=a -c user.email=b commit -qm c && git gc -q" },
	{ "python3", "exec python3 -c 'import subprocess, threading, tempfile, socket, asyncio, multiprocessing as m\n"
	             "subprocess.run([\"true\"], check=True)\n"
	             "t = threading.Thread(target=print); t.start(); t.join()\n"
	             "socket.socket(); tempfile.TemporaryFile(); asyncio.run(asyncio.sleep(0))\n"
	             "with m.Pool(2) as p: assert p.map(abs, [-1, -2]) == [1, 2]'" },
	{ "perl", "perl -e 'exit(fork() ? (wait() < 0) : 0)'" },
	{ "tar", "mkdir d && echo x >d/f && tar czf d.tgz d && tar xzf d.tgz" },
};

static const struct program *current;
static const char *directory;

/* A plain script must run without the filter as well: else it says nothing about the filter. */
static void
act_program(void)
{
	if (!chdir(directory) && !setenv("HOME", directory, 1) && dup2(2, 1) == 1)
		execl("/bin/sh", "sh", "-ec", current->script, (char *)NULL);
	_exit(98);
}

static void
test_program(const void *data)
{
	g_autofree char *found = NULL;

	current = data;
	found = g_find_program_in_path(current->name);
	if (!found) {
		g_autofree char *missing = g_strdup_printf("%s is not installed", current->name);

		skip(missing);
		return;
	}
	for (int filtered = 0; filtered < 2; filtered++) {
		g_autofree char *dir = g_dir_make_tmp("sbx-seccomp-XXXXXX", NULL);
		const char *argv[] = { "rm", "-rf", dir, NULL };

		directory = dir;
		g_assert_nonnull(dir);
		g_test_message("%s filter: %s", filtered ? "with" : "without", current->script);
		g_assert_cmphex(child(filtered, act_program), ==, 0);
		g_assert_true(g_spawn_sync(NULL, (char **)argv, NULL, G_SPAWN_SEARCH_PATH, NULL, NULL, NULL, NULL, NULL, NULL));
	}
}

int
main(int argc, char **argv)
{
	g_test_init(&argc, &argv, NULL);
	filter = seccomp_builtin("default")->filter;
	filter_len = seccomp_builtin("default")->len;
	g_test_add_func("/seccomp/live/refusals", test_live);
	g_test_add_func("/seccomp/live/killed", test_killed);
	g_test_add_func("/seccomp/live/threads", test_threads);
	for (size_t i = 0; i < G_N_ELEMENTS(programs); i++) {
		g_autofree char *path = g_strdup_printf("/seccomp/live/program/%s", programs[i].name);

		g_test_add_data_func(path, &programs[i], test_program);
	}
	return g_test_run();
}
