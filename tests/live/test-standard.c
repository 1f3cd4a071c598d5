/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* SPDX-FileCopyrightText: The libsbx developers */

/* What every box has whatever its root is: /dev, /proc, /sys, /tmp, /run, and the flags of all mounts. */
#include "live.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <unistd.h>

/* --- /dev --- */

static void
test_dev_list(gconstpointer root)
{
	g_autoptr(live_t) box = live_run(SPEC("root", root, "ro-bind", "/usr", "?symlink", "usr/lib:/lib", "?symlink",
	                                      "usr/lib64:/lib64", "?symlink", "usr/bin:/bin"),
	                                 "echo /dev/* /dev/.[!.]*");

	live_says(box,
	          "/dev/fd /dev/full /dev/mqueue /dev/null /dev/ptmx /dev/pts /dev/random /dev/shm /dev/stderr /dev/stdin "
	          "/dev/stdout /dev/tty /dev/urandom /dev/zero /dev/.[!.]*\n");
}

static void
test_dev_numbers(void)
{
	g_autoptr(live_t) box =
		live_run(NO_SPEC, "for n in null zero full random urandom tty; do " PROBE " stat /dev/$n; done");

	live_says(box, "c 1:3\nc 1:5\nc 1:7\nc 1:8\nc 1:9\nc 5:0\n");
}

static void
test_dev_works(void)
{
	g_autoptr(live_t) box =
		live_run(NO_SPEC, "for n in null zero full random urandom; do " PROBE " device /dev/$n; done");

	live_says(box, "/dev/null read 0, write 8\n/dev/zero read 8 zeros, write 8\n/dev/full read 8 zeros, ENOSPC\n"
	               "/dev/random read 8, write 8\n/dev/urandom read 8, write 8\n");
}

static void
test_dev_links(void)
{
	g_autoptr(live_t) box = live_run(NO_SPEC, "for n in fd stdin stdout stderr ptmx; do readlink /dev/$n; done");

	live_says(box, "/proc/self/fd\n/proc/self/fd/0\n/proc/self/fd/1\n/proc/self/fd/2\npts/ptmx\n");
}

static void
test_dev_read_only(void)
{
	static const char script[] = PROBE " create /dev/new; " PROBE " mknod /tmp/null 1 3; " PROBE
									   " mknod /dev/sda 8 0; " PROBE " create /dev/shm/new; " PROBE " mount /tmp";
	g_autoptr(live_t) box = live_run(NO_SPEC, script);
	g_autoptr(live_t) zero = live_run(SPEC("user", "0"), script);

	live_ok(box);
	live_contains(box->out, "EROFS\nEPERM\n");
	live_contains(box->out, "\nok\nEPERM\n");
	g_assert_cmpstr(box->out, ==, zero->out);
}

static void
test_dev_pts(void)
{
	g_autoptr(live_t) first = live_run(NO_SPEC, PROBE " pty; echo /dev/pts/*");
	g_autoptr(live_t) second = live_argv(NO_SPEC, ARGV(PROBE, "pty"));

	live_says(first, "/dev/pts/0 hi\n/dev/pts/ptmx\n");
	live_says(second, "/dev/pts/0 hi\n");
}

static void
private_place(const char *place)
{
	g_autofree char *name = g_strdup_printf("%s/sbx-live-%d", place, getpid());
	g_autofree char *script = g_strdup_printf("ls -A %s | grep -vx probe; echo x >%s.box && echo made", place, name);
	g_autofree char *inside = g_strconcat(name, ".box", NULL);
	g_autoptr(live_t) first = NULL, second = NULL;
	gboolean on_host = g_file_set_contents(name, "host", -1, NULL);

	first = live_run(NO_SPEC, script);
	second = live_run(NO_SPEC, script);
	if (on_host)
		unlink(name);
	live_says(first, "made\n");
	live_says(second, "made\n");
	g_assert_cmpint(access(inside, F_OK), ==, -1);
	if (!on_host)
		g_test_message("%s: nothing could be put there on the host", place);
}

static void
test_private(gconstpointer place)
{
	private_place(place);
}

/* The sockets of the host's services are in /run. */
static void
test_run_private(void)
{
	g_autofree char *host = live_list("/run");
	g_autoptr(live_t) box = live_run(NO_SPEC, "ls -A /run; " PROBE " create /run/new");
	g_autoptr(live_t) control = live_run(SPEC("ro-bind", "/run:/tmp/run"), "ls /tmp/run | tr '\\n' ' '");

	live_ok(box);
	g_assert_cmpint(g_str_has_prefix(box->out, "ok") || g_str_has_prefix(box->out, "EACCES"), ==, TRUE);
	g_strchomp(control->out);
	g_assert_cmpstr(control->out, ==, host);
}

/* --- /proc and /sys --- */

static void
test_proc_processes(void)
{
	g_autoptr(live_t) box =
		live_run(NO_SPEC, "set -- /proc/[0-9]*; echo $#; [ -d /proc/$$ ] && [ -d /proc/1 ] && echo init and sh");

	live_says(box, "2\ninit and sh\n");
}

static void
test_proc_masked(void)
{
	g_autoptr(live_t) box =
		live_run(NO_SPEC,
	             "for f in /proc/acpi /proc/asound /proc/interrupts /proc/kcore /proc/keys /proc/latency_stats "
	             "/proc/timer_list /proc/timer_stats /proc/sched_debug /proc/scsi /sys/firmware "
	             "/sys/devices/virtual/powercap; do [ -e $f ] || continue; "
	             "if [ -d $f ]; then ls -A $f || echo $f; else cat $f || echo $f; fi; done");
	g_autofree char *control = live_read("/proc/interrupts");

	live_says(box, "");
	g_assert_cmpstr(box->err, ==, "");
	if (!control || !*control)
		g_test_message("/proc/interrupts of the host can't be read: no positive control");
}

static void
refused_or(const char *answer, const char *other)
{
	if (strcmp(answer, "EROFS") && strcmp(answer, "EACCES") && strcmp(answer, other))
		g_error("\"%s\"; expected EROFS, EACCES or \"%s\"", answer, other);
}

static void
test_proc_read_only(gconstpointer data)
{
	static const char script[] =
		"for f in sys/kernel/hostname sys/kernel/core_pattern sys/vm/overcommit_memory sysrq-trigger irq/0/smp_affinity; "
		"do [ -e /proc/$f ] && " PROBE " open /proc/$f w || echo EROFS; done";
	g_autoptr(live_t) box = live_run(SPEC("user", data), script);
	g_auto(GStrv) lines = g_strsplit(box->out, "\n", -1);

	live_ok(box);
	g_assert_cmpint(g_strv_length(lines), ==, 6);
	for (int i = 0; i < 5; i++)
		refused_or(lines[i], "EPERM");
	/* opening changes nothing; the same file opens outside, where that is anybody's right */
	if (live_is_root())
		g_assert_cmpint(access("/proc/sys/kernel/hostname", W_OK), ==, 0);
}

static void
test_proc_options(void)
{
	g_autoptr(live_t) box = live_run(
		NO_SPEC,
		"cat /proc/1/environ /proc/1/mem; readlink /proc/1/exe; readlink /proc/1/cwd; ls /proc/1/fd; cat /proc/1/maps");

	/* init is not dumpable: nothing of it can be read by the payload */
	g_assert_cmpint(box->exit_code, !=, 0);
	g_assert_cmpstr(box->out, ==, "");
}

static void
test_sys(void)
{
	g_autoptr(live_t) box = live_run(NO_SPEC, "ls /sys/class/net 2>/dev/null || ls -A /sys; " PROBE " create /sys/new");
	g_autoptr(live_t) write = live_argv(NO_SPEC, ARGV(PROBE, "open", "/sys/class/net/lo/mtu", "w"));

	live_ok(box);
	live_ok(write);
	if (g_str_has_prefix(box->out, "lo\n")) {
		g_assert_cmpstr(box->out, ==, "lo\nEROFS\n");
		g_strchomp(write->out);
		refused_or(write->out, "EROFS");
	} else {
		g_test_message("no sysfs can be mounted here: /sys is empty");
		g_assert_cmpstr(box->out, ==, "EROFS\n");
	}
}

/* --- all mounts --- */

static gboolean
may_have_devices(const char *point, const char *root)
{
	static const char *const points[] = { "/dev/null",    "/dev/zero", "/dev/full", "/dev/random",
		                                  "/dev/urandom", "/dev/tty",  "/dev/pts",  NULL };

	/* what is hidden has the null device over it */
	return g_strv_contains(points, point) || (g_str_equal(root, "/null") && g_str_has_prefix(point, "/proc/"));
}

static void
check_mount(const char *line)
{
	g_auto(GStrv) field = g_strsplit(line, " ", -1);
	g_autofree char *options = NULL;

	g_assert_cmpint(g_strv_length(field), >=, 10);
	options = g_strconcat(",", field[5], ",", NULL);
	if (!strstr(options, ",nosuid,"))
		g_error("no nosuid: %s", line);
	if (!strstr(options, ",nodev,") && !may_have_devices(field[4], field[3]))
		g_error("no nodev: %s", line);
	if (strcmp(field[6], "-") != 0)
		g_error("the mount passes something on, or is passed something: %s", line);
}

static void
test_mount_flags(gconstpointer root)
{
	autodir dir = live_dir();
	g_autofree char *pair = live_pair(dir, "/tmp/a/b");
	g_autoptr(live_t) box = live_run(SPEC("root", root, "ro-bind", "/usr", "?symlink", "usr/lib:/lib", "?symlink",
	                                      "usr/lib64:/lib64", "?symlink", "usr/bin:/bin", "bind", pair, "tmpfs",
	                                      "/tmp/b", "overlay", "/tmp/a/b", "file", "/tmp/file=text"),
	                                 "cat /proc/self/mountinfo");
	g_auto(GStrv) lines = g_strsplit(box->out, "\n", -1);

	live_ok(box);
	g_assert_cmpint(g_strv_length(lines), >, 15);
	for (char **line = lines; **line; line++)
		check_mount(*line);
}

static void
shared_host(void)
{
	g_autofree char *before = NULL, *after = NULL;
	g_autoptr(live_t) box = NULL, failed = NULL;

	/* where everything is shared, what is mounted below would show */
	g_assert_cmpint(mount(NULL, "/", NULL, MS_REC | MS_SHARED, NULL), ==, 0);
	before = live_read("/proc/self/mountinfo");
	box = live_run(SPEC("tmpfs", "/tmp/x", "overlay", "/var", "ro-bind", "/usr:/tmp/usr"), "cat /proc/self/mountinfo");
	failed = live_run(SPEC("tmpfs", "/var/tmp/sbx-is-not-there"), "true");
	after = live_read("/proc/self/mountinfo");
	live_ok(box);
	live_failed(failed, "files", ENOENT, "");
	live_lacks(box->out, "shared:");
	live_lacks(box->out, "master:");
	g_assert_cmpstr(before, ==, after);
}

/* What a box mounts below a directory that it shares with the host stays in the box. */
static void
shared_bind(void)
{
	autodir dir = live_dir();
	g_autofree char *sub = live_path(dir, "sub");
	g_autofree char *pair = live_pair(dir, "/tmp/a");
	g_autofree char *before = NULL, *after = NULL;
	g_autoptr(live_t) box = NULL;

	g_assert_cmpint(mkdir(sub, 0777), ==, 0);
	g_assert_cmpint(mount(NULL, "/", NULL, MS_REC | MS_SHARED, NULL), ==, 0);
	before = live_read("/proc/self/mountinfo");
	box = live_run(SPEC("bind", pair, "tmpfs", "/tmp/a/sub"), "grep -c ' /tmp/a/sub ' /proc/self/mountinfo");
	after = live_read("/proc/self/mountinfo");
	live_says(box, "1\n");
	g_assert_cmpstr(before, ==, after);
}

static void
test_host_mounts_same(void)
{
	g_autofree char *before = live_read("/proc/self/mountinfo"), *after = NULL;
	g_autoptr(live_t) box = live_run(SPEC("tmpfs", "/tmp/x", "overlay", "/var"), "true");

	live_ok(box);
	after = live_read("/proc/self/mountinfo");
	g_assert_cmpstr(before, ==, after);
}

static void
test_host_mounts_shared(gconstpointer work)
{
	if (live_mode() == LIVE_USER)
		live_skip_mode("making mounts shared needs root, of a user namespace at least");
	else
		live_child_mounts((void (*)(void))work);
}

int
main(int argc, char **argv)
{
	g_test_init(&argc, &argv, NULL);
	g_test_add_data_func("/standard/dev/list-host", "host", test_dev_list);
	g_test_add_data_func("/standard/dev/list-empty", "empty", test_dev_list);
	g_test_add_func("/standard/dev/numbers", test_dev_numbers);
	g_test_add_func("/standard/dev/works", test_dev_works);
	g_test_add_func("/standard/dev/links", test_dev_links);
	g_test_add_func("/standard/dev/read-only", test_dev_read_only);
	g_test_add_func("/standard/dev/pts", test_dev_pts);
	g_test_add_data_func("/standard/private/shm", "/dev/shm", test_private);
	g_test_add_data_func("/standard/private/tmp", "/tmp", test_private);
	g_test_add_func("/standard/private/run", test_run_private);
	g_test_add_func("/standard/proc/processes", test_proc_processes);
	g_test_add_func("/standard/proc/masked", test_proc_masked);
	g_test_add_data_func("/standard/proc/read-only", "1", test_proc_read_only);
	g_test_add_data_func("/standard/proc/read-only-user-0", "0", test_proc_read_only);
	g_test_add_func("/standard/proc/init-is-closed", test_proc_options);
	g_test_add_func("/standard/sys", test_sys);
	g_test_add_data_func("/standard/mounts/flags-host", "host", test_mount_flags);
	g_test_add_data_func("/standard/mounts/flags-empty", "empty", test_mount_flags);
	g_test_add_func("/standard/mounts/host-is-the-same", test_host_mounts_same);
	g_test_add_data_func("/standard/mounts/shared-host-is-the-same", (gconstpointer)shared_host,
	                     test_host_mounts_shared);
	g_test_add_data_func("/standard/mounts/shared-bind-is-the-same", (gconstpointer)shared_bind,
	                     test_host_mounts_shared);
	return g_test_run();
}
