/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* SPDX-FileCopyrightText: The libsbx developers */

/*
 * What lies between boxes, and between a box and its host: names that everybody can look up, programs and devices that give
 * privileges, handlers that the kernel runs for others, and files that a payload has left for the host to step on.
 */
#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <linux/capability.h>
#include <sched.h>
#include <signal.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <sys/xattr.h>
#include <unistd.h>

#include "special.h"

/* --- names that everybody can look up --- */

/* A number that no other test and no other process of this machine uses as a key. */
static char *
new_key(void)
{
	static int n;

	return g_strdup_printf("%d", 0x5b000000 + (int)getpid() % 0x10000 * 100 + n++);
}

/* Lines of /proc/sysvipc that have this key. */
static unsigned
host_ipcs(const char *key)
{
	static const char *const files[] = { "/proc/sysvipc/shm", "/proc/sysvipc/sem", "/proc/sysvipc/msg" };
	unsigned n = 0;

	for (gsize i = 0; i < G_N_ELEMENTS(files); i++) {
		g_autofree char *text = live_read(files[i]);
		g_auto(GStrv) lines = g_strsplit(text ? text : "", "\n", -1);

		for (char **line = lines; *line; line++)
			n += atoi(*line) == atoi(key);
	}
	return n;
}

/* What one box is to see of another: the things in their own order. */
#define NONE_OF_IPC "shm ENOENT\nsem ENOENT\nmsg ENOENT\nmq ENOENT\n"
#define NONE_OF_FILES "tmp ENOENT\ndev-shm ENOENT\n"
#define NO_KEYS "key-session ENOKEY\nkey-user ENOKEY\n"
#define NO_CALLS "key-session ENOSYS\nkey-user ENOSYS\n"
#define NO_SOCKET "abstract ECONNREFUSED\n"
#define ALL_OF_IPC "shm ok\nsem ok\nmsg ok\nmq ok\n"
#define ALL_OF_FILES "tmp ok\ndev-shm ok\n"

/* `before` makes them and looks, which is the control; then, in a box of its own, another one looks. */
static void
test_sequence(gconstpointer seccomp)
{
	bool none = g_str_equal(seccomp, "none");
	const char *all = none ? ALL_OF_IPC ALL_OF_FILES "key-session ok\nkey-user ok\nabstract ok\n"
	                       : ALL_OF_IPC ALL_OF_FILES NO_CALLS "abstract ok\n";
	g_autofree char *key = new_key(), *twice = g_strconcat(all, all, NULL);
	g_autofree char *script = g_strdup_printf(SPECIAL " leave %s; " SPECIAL " look %s", key, key);
	g_autoptr(live_t) before = special_run(SPEC("seccomp", seccomp), ARGV("sh", "-c", script));
	g_autoptr(live_t) after = special_run(SPEC("seccomp", seccomp), ARGV(SPECIAL, "look", key));

	live_says(before, twice);
	live_says(after, none ? NONE_OF_IPC NONE_OF_FILES NO_KEYS NO_SOCKET : NONE_OF_IPC NONE_OF_FILES NO_CALLS NO_SOCKET);
	g_assert_cmpuint(host_ipcs(key), ==, 0);
}

static void
test_parallel(gconstpointer seccomp)
{
	bool none = g_str_equal(seccomp, "none");
	g_autofree char *key = new_key();
	g_autoptr(life_box_t) holder = special_start(SPEC("seccomp", seccomp), ARGV(SPECIAL, "hold", key));
	g_autoptr(live_t) other = NULL;
	g_autofree char *held = NULL, *outside = NULL;

	life_await_output(holder, "up\n");
	held = life_output(holder, 1);
	live_contains(held, none ? ALL_OF_IPC ALL_OF_FILES "key-session ok\nkey-user ok\nabstract ok\n"
	                         : ALL_OF_IPC ALL_OF_FILES NO_CALLS "abstract ok\n");
	other = special_run(SPEC("seccomp", seccomp), ARGV(SPECIAL, "look", key));
	live_says(other, none ? NONE_OF_IPC NONE_OF_FILES NO_KEYS NO_SOCKET : NONE_OF_IPC NONE_OF_FILES NO_CALLS NO_SOCKET);
	/* nor does the host */
	outside = special_outside(ARGV("look", key), NULL);
	live_contains(outside, NONE_OF_IPC NONE_OF_FILES);
	live_contains(outside, NO_SOCKET);
	g_assert_cmpuint(host_ipcs(key), ==, 0);
}

/* The control of both: what is shared on request is seen, so it would have been. */
static void
test_shared(void)
{
	const char *const *keys = SPEC("share", "ipc,net");
	g_autofree char *key = new_key();
	g_autoptr(live_t) other = NULL, clean = NULL;
	g_autofree char *outside = NULL;
	sbx_box *holder = special_start(keys, ARGV(SPECIAL, "hold", key));

	life_await_output(holder, "up\n");
	other = special_run(keys, ARGV(SPECIAL, "look", key));
	outside = special_outside(ARGV("look", key), NULL);
	g_assert_cmpuint(host_ipcs(key), ==, 3);
	clean = special_run(keys, ARGV(SPECIAL, "clean", key));
	sbx_box_free(holder);
	live_says(other, ALL_OF_IPC NONE_OF_FILES NO_CALLS "abstract ok\n");
	live_contains(outside, ALL_OF_IPC NONE_OF_FILES);
	live_contains(outside, "abstract ok\n");
	live_says(clean, ALL_OF_IPC);
	g_assert_cmpuint(host_ipcs(key), ==, 0);
}

static void
test_host_socket(void)
{
	g_autofree char *name = g_strdup_printf("sbxcanary%d", (int)getpid());
	struct sockaddr_un address = { .sun_family = AF_UNIX };
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	g_autoptr(live_t) box = NULL, list = NULL, shared = NULL;

	memcpy(address.sun_path + 1, name, strlen(name));
	g_assert_cmpint(bind(fd, (struct sockaddr *)&address,
	                     (socklen_t)(offsetof(struct sockaddr_un, sun_path) + 1 + strlen(name))),
	                ==, 0);
	g_assert_cmpint(listen(fd, 8), ==, 0);
	box = special_run(NO_SPEC, ARGV(SPECIAL, "connect", name));
	list = special_run(NO_SPEC, ARGV("cat", "/proc/net/unix"));
	shared = special_run(SPEC("net", "host"), ARGV(SPECIAL, "connect", name));
	close(fd);
	live_says(box, NO_SOCKET);
	live_ok(list);
	live_contains(list->out, "RefCount");
	live_lacks(list->out, "@");
	/* net=host says that it shares this, and it does */
	live_says(shared, "abstract ok\n");
}

/* --- what is left of many boxes --- */

static long
key_count(void)
{
	g_autofree char *text = live_read("/proc/key-users");
	g_auto(GStrv) lines = g_strsplit(text ? text : "", "\n", -1);
	long sum = 0, keys;

	for (char **line = lines; *line; line++)
		if (sscanf(*line, "%*d: %*d %ld/", &keys) == 1)
			sum += keys;
	return sum;
}

/* Each box has a session keyring of its own. The kernel buries them late, and others use keys too. */
static void
test_keys_gone(void)
{
	long before = key_count(), after = 0;

	if (access("/proc/key-users", R_OK) < 0) {
		live_skip("/proc/key-users");
		return;
	}
	for (int i = 0; i < 50; i++) {
		g_autoptr(live_t) box = live_run(NO_SPEC, "true");

		live_ok(box);
	}
	for (int i = 0; i < 500 && (after = key_count()) > before + 10; i++)
		g_usleep(20000);
	g_test_message("%ld keys before, %ld after 50 boxes", before, after);
	g_assert_cmpint(after, <=, before + 10);
}

/* --- core dumps --- */

static char *core_log;

static void
set_core_pattern(const char *text)
{
	int fd = open("/proc/sys/kernel/core_pattern", O_WRONLY | O_CLOEXEC);

	g_assert_cmpint(fd, >=, 0);
	g_assert_cmpint(write(fd, text, strlen(text)), ==, (ssize_t)strlen(text));
	close(fd);
}

static bool
handler_ran(void)
{
	for (int i = 0; i < 100; i++) {
		if (access(core_log, F_OK) == 0)
			return true;
		g_usleep(20000);
	}
	return false;
}

/*
 * The kernel runs a core_pattern's program as the host's root, whatever RLIMIT_CORE is, unless that is 1. The payload may
 * not have it otherwise by lowering its own limit: at 0 the program is run.
 */
static void
test_core_pipe(gconstpointer script)
{
	g_autofree char *before = NULL, *path = special_path(), *pattern = NULL, *control = NULL;
	g_autoptr(live_t) box = NULL;
	bool ran_inside, ran_outside;
	int status = 0;

	if (!special_in_vm() || !live_is_root()) {
		live_skip_mode("core_pattern is the machine's: only as root in the VM");
		return;
	}
	core_log = g_strdup_printf("/run/sbx-core-%d", (int)getpid());
	before = live_read("/proc/sys/kernel/core_pattern");
	pattern = g_strdup_printf("|%s core %s", path, core_log);
	g_assert_cmpuint(strlen(pattern), <, 127);
	set_core_pattern(pattern);
	box = special_run(NO_SPEC, ARGV("sh", "-c", script));
	ran_inside = handler_ran();
	unlink(core_log);
	control = special_outside(ARGV("abort"), &status);
	ran_outside = handler_ran();
	set_core_pattern(before);
	unlink(core_log);
	g_clear_pointer(&core_log, g_free);
	g_assert_cmpint(box->outcome, ==, SBX_OUTCOME_SIGNALED);
	g_assert_cmpint(box->signal, ==, SIGABRT);
	live_contains(box->out, "aborting\n");
	g_assert_cmpstr(control, ==, "aborting\n");
	g_assert_true(WIFSIGNALED(status));
	g_assert_true(ran_outside);
	if (ran_inside)
		g_error("the host's core handler was run for: %s", (const char *)script);
}

/* --- version 1 control groups --- */

static void
mount_cgroup_outside(void)
{
	autodir dir = live_dir();
	g_autofree char *out = special_outside(ARGV("mount-cgroup", dir), NULL);

	/* it works, or the kernel has that controller elsewhere: in any case it was not asked who we are */
	if (!g_str_equal(out, "mount ok\n") && !g_str_equal(out, "mount EBUSY\n") && !g_str_equal(out, "mount ENOENT\n") &&
	    !g_str_equal(out, "mount EINVAL\n") && !g_str_equal(out, "mount ENODEV\n"))
		g_error("outside: %s", out);
	umount2(dir, MNT_DETACH);
}

static void
test_release_agent(void)
{
	static const char look[] =
		"ls -A /sys/fs/cgroup; ls /sys/fs/cgroup/*/release_agent /sys/fs/cgroup/release_agent 2>/dev/null; "
		"find /sys /proc/self/root/sys -xdev -name release_agent 2>/dev/null; echo end";
	g_autoptr(live_t) filter = special_run(NO_SPEC, ARGV(SPECIAL, "mount-cgroup", "/tmp"));
	g_autoptr(live_t) caps = special_run(SPEC("seccomp", "none"), ARGV(SPECIAL, "mount-cgroup", "/tmp"));
	g_autoptr(live_t) zero = special_run(SPEC("seccomp", "none", "user", "0"), ARGV(SPECIAL, "mount-cgroup", "/tmp"));
	g_autoptr(live_t) sight = live_run(NO_SPEC, look);
	g_autoptr(live_t) net = live_run(SPEC("net", "host"), look);
	g_autofree char *control = live_read("/sys/fs/cgroup/cpu/release_agent");

	live_says(filter, "mount EPERM\n");
	live_says(caps, "mount EPERM\n");
	live_says(zero, "mount EPERM\n");
	live_says(sight, "end\n");
	live_says(net, "end\n");
	if (!control)
		g_test_message("no version 1 hierarchy here: nothing could have been seen");
	if (live_is_root())
		live_child_mounts(mount_cgroup_outside);
	else
		g_test_message("only root of the host could mount one: no positive control");
}

/* --- programs that give privileges --- */

#define PLAIN 4321

/* The file capabilities that all kernels since 2.6.24 know: version 2, effective. */
static void
give_file_cap(const char *path, unsigned cap)
{
	struct vfs_cap_data data = { .magic_etc = VFS_CAP_REVISION_2 | VFS_CAP_FLAGS_EFFECTIVE };

	data.data[0].permitted = 1u << cap;
	g_assert_cmpint(setxattr(path, "security.capability", &data, XATTR_CAPS_SZ_2, 0), ==, 0);
}

static char *
copy_special(const char *dir, const char *name, mode_t mode)
{
	g_autofree char *from = special_path(), *bytes = NULL;
	char *path = live_path(dir, name);
	gsize length = 0;

	g_assert_true(g_file_get_contents(from, &bytes, &length, NULL));
	g_assert_true(g_file_set_contents(path, bytes, (gssize)length, NULL));
	g_assert_cmpint(chmod(path, mode), ==, 0);
	return path;
}

/* What it says to a plain user of the host. */
static char *
as_plain_user(const char *path)
{
	char text[128] = "";
	int ends[2], status = 0;
	pid_t pid;

	g_assert_cmpint(pipe2(ends, O_CLOEXEC), ==, 0);
	pid = fork();
	if (pid == 0) {
		dup2(ends[1], 1);
		if (setgroups(0, NULL) < 0 || setresgid(PLAIN, PLAIN, PLAIN) < 0 || setresuid(PLAIN, PLAIN, PLAIN) < 0)
			_exit(98);
		execl(path, path, "ids", NULL);
		_exit(99);
	}
	g_assert_cmpint(waitpid(pid, &status, 0), ==, pid);
	g_assert_cmpint(status, ==, 0);
	g_assert_cmpint(read(ends[0], text, sizeof text - 1), >, 0);
	close(ends[0]);
	close(ends[1]);
	return g_strdup(text);
}

static void
gains_nothing(const char *dir, const char *name, const char *const *keys, const char *expected)
{
	g_autofree char *bind = live_pair(dir, "/tmp/gift");
	g_autofree char *path = live_path("/tmp/gift", name);
	g_autofree char *line = g_strconcat(expected, " 0 0\n", NULL);
	g_autoptr(sbx_spec) spec = special_spec(keys);
	sbx_error *error = NULL;
	g_autoptr(live_t) box = NULL;

	EXPECT(0, sbx_spec_set(spec, "bind", bind, &error), &error);
	box = live_spec(spec, &(sbx_command){ .size = sizeof(sbx_command),
	                                      .argv = ARGV(path, "ids"),
	                                      .stdio = { SBX_STDIO_NULL, SBX_STDIO_CAPTURE, SBX_STDIO_CAPTURE } });
	live_says(box, line);
}

static void
test_setuid(gconstpointer data)
{
	const char *name = data;
	bool setuid = g_str_equal(name, "setuid");
	autodir dir = live_dir();
	g_autofree char *path = NULL, *control = NULL;

	if (!live_is_root()) {
		live_skip_mode("only root of the host can make such a file");
		return;
	}
	path = copy_special(dir, name, setuid ? 04755 : 0755);
	if (!setuid)
		give_file_cap(path, CAP_NET_RAW);
	control = as_plain_user(path);
	if (setuid)
		g_assert_true(g_str_has_prefix(control, "0 ") && !g_str_equal(control, "0 0 0\n"));
	else
		g_assert_cmpstr(control, ==, "4321 2000 2000\n");
	gains_nothing(dir, name, NO_SPEC, "65534");
	gains_nothing(dir, name, SPEC("user", "1000"), "1000");
	gains_nothing(dir, name, SPEC("user", "0"), "0");
	gains_nothing(dir, name, SPEC("seccomp", "none"), "65534");
	/* without a user namespace root's file is root's inside as well */
	gains_nothing(dir, name, SPEC("share", "user", "user", "4321"), "4321");
	gains_nothing(dir, name, SPEC("share", "user", "user", "4321", "seccomp", "none"), "4321");
	/* mapped, root of the box could be gained */
	gains_nothing(dir, name, SPEC("uid-map", "0:200000:65536", "gid-map", "0:200000:65536", "user", "5"), "5");
}

/* --- device nodes --- */

static void
plant(const char *dir, const char *name, mode_t type, unsigned major_number, unsigned minor_number)
{
	g_autofree char *path = live_path(dir, name);

	g_assert_cmpint(mknod(path, type | 0666, makedev(major_number, minor_number)), ==, 0);
	g_assert_cmpint(chmod(path, 0666), ==, 0);
}

static void
test_planted(gconstpointer how)
{
	static const char expected[] = "%s/null EACCES\n%s/kmsg EACCES\n%s/loop EACCES\n";
	static const char *const parts[] = { "proc", "sys", "dev", "tmp" };
	autodir dir = live_dir();
	g_autofree char *pair = live_pair(dir, "/tmp/planted");
	const char *at = g_str_equal(how, "root") ? "" : "/tmp/planted";
	g_autofree char *null = g_strconcat(at, "/null", NULL), *kmsg = g_strconcat(at, "/kmsg", NULL);
	g_autofree char *loop = g_strconcat(at, "/loop", NULL), *text = g_strdup_printf(expected, at, at, at);
	g_autofree char *first = live_path(dir, "null"), *control = NULL, *works = NULL;
	g_autoptr(live_t) box = NULL, own = NULL;

	if (!live_is_root()) {
		live_skip_mode("only root of the host can make device nodes");
		return;
	}
	for (gsize i = 0; i < G_N_ELEMENTS(parts); i++) {
		g_autofree char *path = live_path(dir, parts[i]);

		g_assert_cmpint(mkdir(path, 0755), ==, 0);
	}
	plant(dir, "null", S_IFCHR, 1, 3);
	plant(dir, "kmsg", S_IFCHR, 1, 11);
	plant(dir, "loop", S_IFBLK, 7, 0);
	box = special_run(g_str_equal(how, "root")   ? SPEC("root", dir)
	                  : g_str_equal(how, "user") ? SPEC("bind", pair, "share", "user", "user", "0")
	                                             : SPEC("bind", pair),
	                  ARGV(SPECIAL, "open", null, kmsg, loop));
	own = special_run(NO_SPEC, ARGV(SPECIAL, "open", "/dev/null"));
	control = special_outside(ARGV("open", first), NULL);
	works = g_strdup_printf("%s ok\n", first);
	live_says(box, text);
	live_says(own, "/dev/null ok\n");
	g_assert_cmpstr(control, ==, works);
}

/* --- a second map of ids --- */

static void
expect_map_refused(const char *out, const char *path, const char *first, const char *second)
{
	g_autofree char *one = g_strdup_printf("%s %s\n", path, first), *two = g_strdup_printf("%s %s\n", path, second);

	if (!strstr(out, one) && !strstr(out, two))
		g_error("expected \"%s\" to be %s or %s: %s", path, first, second, out);
}

static void
test_maps(gconstpointer data)
{
	static const char *const files[] = { "/proc/self/setgroups", "/proc/self/uid_map", "/proc/self/gid_map",
		                                 "/proc/1/setgroups",    "/proc/1/uid_map",    "/proc/1/gid_map" };
	g_auto(GStrv) pair = g_strsplit(data, "=", 2);
	g_autoptr(live_t) box = special_run(SPEC(pair[0], pair[1]), ARGV(SPECIAL, "maps"));
	g_autofree char *control = NULL;

	live_ok(box);
	for (gsize i = 0; i < G_N_ELEMENTS(files); i++)
		expect_map_refused(box->out, files[i], "EPERM", "EACCES");
	live_lacks(box->out, " ok\n");
	control = special_outside(ARGV("new-user"), NULL);
	/* a first map is taken, a second one never */
	if (g_str_has_prefix(control, "unshare ok"))
		g_assert_cmpstr(control, ==, "unshare ok\n/proc/self/uid_map ok\n/proc/self/uid_map EPERM\n");
	else
		g_test_message("no user namespace can be made here: no positive control: %s", control);
}

/* --- files that a payload leaves --- */

/* The library opens nothing that a payload could have made, and removes nothing but what it made. */
static void
test_artefacts(void)
{
	autodir dir = live_dir();
	autodir work = live_dir();
	g_autofree char *canary = live_file(dir, "canary", "canary"), *pair = live_pair(work, "/tmp/work");
	g_autofree char *before = special_tree(dir), *after = NULL, *names = NULL;
	gint64 begin = g_get_monotonic_time();
	g_autoptr(live_t) box = special_run(SPEC("bind", pair), ARGV(SPECIAL, "artefacts", "/tmp/work", canary));

	live_says(box, "link ok\nlink-shadow ok\nfifo ok\nsocket ok\nloop ok\nsparse ok\n");
	g_assert_cmpint(g_get_monotonic_time() - begin, <, special_patience(5000) * 1000ll);
	names = live_list(work);
	g_assert_cmpstr(names, ==, "deep fifo loop out report.json socket sparse");
	after = special_tree(dir);
	g_assert_cmpstr(before, ==, after);
}

/* --- words that could be options --- */

static int
cli(const char *const *args, char **ret_out, char **ret_err)
{
	g_autoptr(GPtrArray) argv = g_ptr_array_new();
	const char *program = g_getenv("SBX_RUN");
	g_autoptr(GError) error = NULL;
	int status = -1;

	g_ptr_array_add(argv, (char *)(program ? program : "./sbx-run"));
	for (; *args; args++)
		g_ptr_array_add(argv, (char *)*args);
	g_ptr_array_add(argv, NULL);
	g_spawn_sync(NULL, (char **)argv->pdata, NULL, G_SPAWN_DEFAULT, NULL, NULL, ret_out, ret_err, &status, &error);
	g_assert_no_error(error);
	g_assert_true(WIFEXITED(status));
	return WEXITSTATUS(status);
}

/* A program and arguments that are named like options are a program and arguments. */
static void
test_words(void)
{
	g_autofree char *out = NULL, *err = NULL, *out2 = NULL, *err2 = NULL, *out3 = NULL, *err3 = NULL;

	g_assert_cmpint(cli(ARGV("--", "--bind=/"), &out, &err), ==, 127);
	live_contains(err, "--bind=/");
	g_assert_cmpint(cli(ARGV("--", "echo", "--bind=/", "--user=0", "--"), &out2, &err2), ==, 0);
	g_assert_cmpstr(out2, ==, "--bind=/ --user=0 --\n");
	g_assert_cmpint(cli(ARGV("echo", "--seccomp=none", "-o", "net=host"), &out3, &err3), ==, 0);
	g_assert_cmpstr(out3, ==, "--seccomp=none -o net=host\n");
	/* the control: in the place of an option it is one */
	g_free(out3);
	g_free(err3);
	g_assert_cmpint(cli(ARGV("--bind=/nowhere/at/all", "--", "echo"), &out3, &err3), ==, 125);
	live_contains(err3, "/nowhere/at/all");
}

static void
test_numbers(void)
{
	static const char *const bad[] = { "1000garbage", "-1", "4294967296", "0x10", " 1",        "1 ",
		                               "1:",          ":1", "1:2:3",      "root", "4294967295" };
	g_autoptr(sbx_spec) spec = live_spec_bare(NO_SPEC);

	for (gsize i = 0; i < G_N_ELEMENTS(bad); i++) {
		sbx_error *error = NULL;
		int result = sbx_spec_set(spec, "user", bad[i], &error);

		if (result != -EINVAL || !g_str_equal(sbx_error_key(error), "user"))
			g_error("user=%s: %d, key \"%s\": %s", bad[i], result, sbx_error_key(error), sbx_error_message(error));
		sbx_error_free(error);
	}
	g_assert_cmpint(sbx_spec_set(spec, "user", "1000:1000", NULL), ==, 0);
}

int
main(int argc, char **argv)
{
	g_test_init(&argc, &argv, NULL);
	life_begin(60);
	g_test_add_data_func("/between/names/sequence", "default", test_sequence);
	g_test_add_data_func("/between/names/sequence-no-filter", "none", test_sequence);
	g_test_add_data_func("/between/names/parallel", "default", test_parallel);
	g_test_add_data_func("/between/names/parallel-no-filter", "none", test_parallel);
	g_test_add_func("/between/names/shared", test_shared);
	g_test_add_func("/between/names/host-socket", test_host_socket);
	g_test_add_func("/between/left/keys", test_keys_gone);
	g_test_add_func("/between/left/artefacts", test_artefacts);
	g_test_add_func("/between/release-agent", test_release_agent);
	g_test_add_data_func("/between/gifts/setuid", "setuid", test_setuid);
	g_test_add_data_func("/between/gifts/file-capability", "capability", test_setuid);
	g_test_add_data_func("/between/planted/root", "root", test_planted);
	g_test_add_data_func("/between/planted/bind", "bind", test_planted);
	g_test_add_data_func("/between/planted/no-user-namespace", "user", test_planted);
	g_test_add_data_func("/between/maps/default", "seccomp=default", test_maps);
	g_test_add_data_func("/between/maps/no-filter", "seccomp=none", test_maps);
	g_test_add_data_func("/between/maps/user-0", "user=0", test_maps);
	g_test_add_func("/between/words/command-line", test_words);
	g_test_add_func("/between/words/numbers", test_numbers);
	g_test_add_data_func("/between/core-pipe/default", "exec " SPECIAL " abort", test_core_pipe);
	g_test_add_data_func("/between/core-pipe/raised", "ulimit -c unlimited; exec " SPECIAL " abort", test_core_pipe);
	g_test_add_data_func("/between/core-pipe/lowered", "ulimit -c 0; exec " SPECIAL " abort", test_core_pipe);
	return g_test_run();
}
