/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* SPDX-FileCopyrightText: The libsbx developers */

/* What of the system a box has for itself, and what it shares when that is asked. */
#include "live.h"

#include <errno.h>
#include <fcntl.h>
#include <mqueue.h>
#include <sched.h>
#include <signal.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>
#include <sys/ipc.h>
#include <sys/shm.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

/* "net:[4026531840]" */
static char *
own_namespace(const char *name)
{
	g_autofree char *path = g_strconcat("/proc/self/ns/", name, NULL);
	char *id = g_file_read_link(path, NULL);

	return id ? id : g_strdup("none");
}

static char *
box_namespace(const char *const *keys, const char *name)
{
	g_autofree char *path = g_strconcat("/proc/self/ns/", name, NULL);
	g_autoptr(live_t) box = live_argv(keys, ARGV("readlink", path));

	if (box->error) {
		g_test_message("%s: %s", box->stage, box->message);
		return NULL;
	}
	live_ok(box);
	return g_strdup(g_strchomp(box->out));
}

static void
test_own(gconstpointer name)
{
	g_autofree char *host = own_namespace(name), *box = NULL, *other = NULL;

	if (g_str_equal(host, "none")) {
		live_skip("a kernel with this namespace");
		return;
	}
	box = box_namespace(NO_SPEC, name);
	other = box_namespace(NO_SPEC, name);
	g_assert_nonnull(box);
	g_assert_true(g_str_has_prefix(box, name));
	g_assert_cmpstr(box, !=, host);
	g_assert_nonnull(other);
}

static void
test_shared(gconstpointer name)
{
	g_autofree char *host = own_namespace(name), *box = NULL;

	if (g_str_equal(name, "user") && !live_is_root()) {
		live_skip_mode("needs root of the host");
		return;
	}
	box = box_namespace(SPEC("share", name), name);
	g_assert_cmpstr(box, ==, host);
}

/* Nobody but its cgroup could end such a box, and the payload must not be init's own user: without these there is none. */
static void
test_shared_pid(void)
{
	g_autofree char *host = own_namespace("pid");
	g_autoptr(live_t) box = live_run(SPEC("share", "pid"), "readlink /proc/self/ns/pid; kill -0 $PPID && echo more");

	if (live_mode() != LIVE_ROOT) {
		live_failed(box, "identity", EPERM, "share=pid: init would run as user");
	} else if (box->error) {
		live_failed(box, "namespace", ENOTSUP, "share=pid needs a cgroup");
	} else {
		g_autofree char *expected = g_strconcat(host, "\n", NULL);

		live_contains(box->out, expected);
	}
}

static void
test_pid_numbers(void)
{
	g_autoptr(live_t) box = live_run(NO_SPEC, "echo $$ $PPID");

	live_says(box, "2 1\n");
}

/* --- net --- */

static void
test_net_devices(gconstpointer net)
{
	g_autoptr(live_t) box =
		live_run(SPEC("net", net), "sed -n 's/^ *\\([^ ]*\\):.*/\\1/p' /proc/net/dev; cat /proc/net/route | wc -l");
	g_autoptr(live_t) loopback = live_argv(SPEC("net", net), ARGV(PROBE, "loopback"));

	live_ok(box);
	live_says(loopback, "ok\n");
	g_assert_cmpint(g_str_has_prefix(box->out, "lo\n"), ==, TRUE);
	g_assert_cmpint(box->out[3], !=, 'e');
}

static void
test_net_host(void)
{
	g_autofree char *host = own_namespace("net"), *box = box_namespace(SPEC("net", "host"), "net");

	g_assert_cmpstr(box, ==, host);
}

static void
test_net_abstract(void)
{
	g_autofree char *name = g_strdup_printf("sbx-live-%d", getpid());
	struct sockaddr_un address = { .sun_family = AF_UNIX };
	g_autoptr(live_t) box = NULL, control = NULL;
	int server = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

	memcpy(address.sun_path + 1, name, strlen(name));
	g_assert_cmpint(bind(server, (struct sockaddr *)&address,
	                     (socklen_t)(offsetof(struct sockaddr_un, sun_path) + 1 + strlen(name))),
	                ==, 0);
	g_assert_cmpint(listen(server, 4), ==, 0);
	box = live_argv(NO_SPEC, ARGV(PROBE, "abstract", name));
	control = live_argv(SPEC("net", "host"), ARGV(PROBE, "abstract", name));
	close(server);
	live_says(box, "ECONNREFUSED\n");
	live_says(control, "ok\n");
}

/* A process that waits in a network namespace of its own. */
static pid_t
other_net(void)
{
	int pipe_fds[2];
	char byte;
	pid_t pid;

	g_assert_cmpint(pipe2(pipe_fds, O_CLOEXEC), ==, 0);
	pid = fork();
	if (pid == 0) {
		if (unshare(CLONE_NEWNET) == 0 && write(pipe_fds[1], "x", 1) == 1)
			pause();
		_exit(1);
	}
	close(pipe_fds[1]);
	g_assert_cmpint(pid, >, 0);
	g_assert_cmpint(read(pipe_fds[0], &byte, 1), ==, 1);
	close(pipe_fds[0]);
	return pid;
}

static void
test_join_net(gconstpointer by_fd)
{
	g_autofree char *path = NULL, *there = NULL, *expected = NULL;
	g_autoptr(live_t) box = NULL;
	pid_t pid;

	if (live_mode() == LIVE_USER) {
		live_skip_mode("joining needs root, of a user namespace at least");
		return;
	}
	pid = other_net();
	path = g_strdup_printf("/proc/%d/ns/net", pid);
	there = g_file_read_link(path, NULL);
	expected = g_strconcat(there, "\n", NULL);
	if (by_fd) {
		g_autoptr(sbx_spec) spec = live_spec_new(NO_SPEC);
		sbx_command command = { .size = sizeof command,
			                    .argv = ARGV("readlink", "/proc/self/ns/net"),
			                    .stdio = { SBX_STDIO_NULL, SBX_STDIO_CAPTURE, SBX_STDIO_CAPTURE } };
		int fd = open(path, O_RDONLY | O_CLOEXEC);

		g_assert_cmpint(sbx_spec_join(spec, "net", fd, NULL), ==, 0);
		close(fd);
		box = live_spec(spec, &command);
	} else {
		box = live_argv(SPEC("net", path), ARGV("readlink", "/proc/self/ns/net"));
	}
	kill(pid, SIGKILL);
	waitpid(pid, NULL, 0);
	live_says(box, expected);
}

static void
test_join_refused(void)
{
	g_autoptr(live_t) box = NULL;

	if (live_mode() != LIVE_USER) {
		live_skip_mode("needs a plain user");
		return;
	}
	box = live_run(SPEC("net", "/proc/self/ns/net"), "true");
	live_failed(box, "namespace", EPERM, "join");
	live_contains(box->hint, "CAP_SYS_ADMIN");
}

static void
test_join_no_namespace(void)
{
	g_autoptr(live_t) missing = live_run(SPEC("net", "/var/tmp/sbx-is-not-there"), "true");
	g_autoptr(live_t) file = live_run(SPEC("net", "/etc/passwd"), "true");

	live_failed(missing, "namespace", ENOENT, "/var/tmp/sbx-is-not-there");
	g_assert_cmpstr(missing->key, ==, "net");
	live_failed(file, "namespace", EINVAL, "");
}

/* --- uts and time --- */

static void
test_hostname(void)
{
	g_autofree char *before = g_strdup(g_get_host_name());
	char after[65] = "";
	g_autoptr(live_t) box = live_run(SPEC("hostname", "inside"), "uname -n; cat /proc/sys/kernel/hostname");
	g_autoptr(live_t) shared = live_run(SPEC("hostname", "inside", "share", "uts"), "true");

	live_says(box, "inside\ninside\n");
	live_failed(shared, "namespace", EINVAL, "hostname");
	gethostname(after, sizeof after - 1);
	g_assert_cmpstr(before, ==, after);
}

static void
test_time(void)
{
	g_autoptr(live_t) box = NULL, plain = NULL;
	g_autofree char *own = own_namespace("time");
	struct timespec now;
	long monotonic, boottime;

	if (g_str_equal(own, "none")) {
		live_skip("a kernel with time namespaces");
		return;
	}
	clock_gettime(CLOCK_MONOTONIC, &now);
	box = live_argv(SPEC("time.monotonic", "1000000", "time.boottime", "3000000"), ARGV(PROBE, "clocks"));
	plain = live_argv(NO_SPEC, ARGV(PROBE, "clocks"));
	live_ok(box);
	g_assert_cmpint(sscanf(box->out, "%ld %ld", &monotonic, &boottime), ==, 2);
	g_assert_cmpint(monotonic - now.tv_sec, >=, 1000000);
	g_assert_cmpint(monotonic - now.tv_sec, <, 1001000);
	g_assert_cmpint(boottime - now.tv_sec, >=, 3000000);
	g_assert_cmpint(sscanf(plain->out, "%ld", &monotonic), ==, 1);
	g_assert_cmpint(monotonic - now.tv_sec, <, 1000);
}

/* --- ipc --- */

static void
test_shm(void)
{
	key_t key = (key_t)(0x5b780000 + getpid());
	int id = shmget(key, 4096, IPC_CREAT | IPC_EXCL | 0666);
	g_autofree char *text = g_strdup_printf("%d", (int)key);
	g_autoptr(live_t) box = live_argv(NO_SPEC, ARGV(PROBE, "shm", text));
	g_autoptr(live_t) control = live_argv(SPEC("share", "ipc"), ARGV(PROBE, "shm", text));

	g_assert_cmpint(id, >=, 0);
	shmctl(id, IPC_RMID, NULL);
	live_says(box, "ENOENT\n");
	live_says(control, "ok\n");
}

static void
test_mq(void)
{
	g_autofree char *name = g_strdup_printf("/sbx-live-%d", getpid());
	struct mq_attr small = { .mq_maxmsg = 1, .mq_msgsize = 16 };
	mqd_t queue = mq_open(name, O_RDWR | O_CREAT | O_EXCL, 0666, &small);
	g_autoptr(live_t) box = live_argv(NO_SPEC, ARGV(PROBE, "mq", name));
	g_autoptr(live_t) control = live_argv(SPEC("share", "ipc"), ARGV(PROBE, "mq", name));
	g_autoptr(live_t) list = live_run(NO_SPEC, "ls -A /dev/mqueue; stat -f -c %T /dev/mqueue");

	g_assert_cmpint(queue, >=, 0);
	mq_close(queue);
	mq_unlink(name);
	live_says(box, "ENOENT\n");
	live_says(control, "ok\n");
	live_says(list, "mqueue\n");
}

static void
test_keyring(void)
{
	g_autoptr(live_t) first = live_argv(SPEC("seccomp", "none"), ARGV(PROBE, "keyring"));
	g_autoptr(live_t) second = live_argv(SPEC("seccomp", "none"), ARGV(PROBE, "keyring"));
	g_autofree char *probe = live_probe(), *own = NULL;
	const char *const argv[] = { probe, "keyring", NULL };

	g_assert_true(g_spawn_sync(NULL, (char **)argv, NULL, G_SPAWN_DEFAULT, NULL, NULL, &own, NULL, NULL, NULL));
	live_ok(first);
	live_ok(second);
	g_assert_cmpstr(first->out, !=, second->out);
	g_assert_cmpstr(first->out, !=, own);
}

int
main(int argc, char **argv)
{
	static const char *const names[] = { "mnt", "pid", "net", "ipc", "uts", "cgroup", "user", "time" };
	static const char *const shared[] = { "net", "ipc", "uts", "cgroup", "user", "time" };

	g_test_init(&argc, &argv, NULL);
	for (gsize i = 0; i < G_N_ELEMENTS(names); i++) {
		g_autofree char *path = g_strconcat("/namespaces/own/", names[i], NULL);

		g_test_add_data_func(path, names[i], test_own);
	}
	for (gsize i = 0; i < G_N_ELEMENTS(shared); i++) {
		g_autofree char *path = g_strconcat("/namespaces/shared/", shared[i], NULL);

		g_test_add_data_func(path, shared[i], test_shared);
	}
	g_test_add_func("/namespaces/shared/pid", test_shared_pid);
	g_test_add_func("/namespaces/pid/numbers", test_pid_numbers);
	g_test_add_data_func("/namespaces/net/none", "none", test_net_devices);
	g_test_add_data_func("/namespaces/net/loopback", "loopback", test_net_devices);
	g_test_add_func("/namespaces/net/host", test_net_host);
	g_test_add_func("/namespaces/net/abstract-socket", test_net_abstract);
	g_test_add_data_func("/namespaces/net/join-path", NULL, test_join_net);
	g_test_add_data_func("/namespaces/net/join-fd", "fd", test_join_net);
	g_test_add_func("/namespaces/net/join-refused", test_join_refused);
	g_test_add_func("/namespaces/net/join-no-namespace", test_join_no_namespace);
	g_test_add_func("/namespaces/uts/hostname", test_hostname);
	g_test_add_func("/namespaces/time/offsets", test_time);
	g_test_add_func("/namespaces/ipc/shm", test_shm);
	g_test_add_func("/namespaces/ipc/mq", test_mq);
	g_test_add_func("/namespaces/keyring", test_keyring);
	return g_test_run();
}
