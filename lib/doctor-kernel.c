/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* SPDX-FileCopyrightText: The libsbx developers */

/* What the kernel has: each call is made with arguments that can do nothing, and ENOSYS is the answer looked for. */
#include <errno.h>
#include <fcntl.h>
#include <linux/openat2.h>
#include <linux/sched.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "doctor.h"
#include "fd.h"
#include "host.h"
#include "image.h"

#define NOT_A_FD 0x7fffffff
#define BY_A_FILTER "run a kernel with it, 5.14 or later; of a container: allow it in the seccomp policy"

static bool
there(long result)
{
	return result >= 0 || errno != ENOSYS;
}

static const char *
word(bool there)
{
	return there ? "there" : "missing";
}

/* --- clone3 --- */

/* An fd that is none is looked at after the flags are: EBADF comes from a kernel that knows what to do with one. */
static int
try_into_cgroup(void)
{
	struct clone_args args = { .flags = CLONE_VM | CLONE_VFORK | CLONE_INTO_CGROUP, .cgroup = NOT_A_FD };
	long self = syscall(SYS_gettid), pid = syscall(SYS_clone3, &args, sizeof args);

	/* never; but a filter around us may answer with any number, also with that of a child */
	if (pid == 0 && syscall(SYS_gettid) != self)
		for (;;)
			syscall(SYS_exit, 0);
	return pid < 0 ? errno : 0;
}

static void
say_clone(struct doctor *doctor)
{
	bool clone3 = there(syscall(SYS_clone3, NULL, (size_t)0));
	int code = clone3 ? try_into_cgroup() : ENOSYS;
	enum doctor_status status = code == EBADF                      ? DOCTOR_OK
	                            : code == EINVAL || code == ENOSYS ? doctor_needed(doctor, false)
	                                                               : DOCTOR_UNKNOWN;

	doctor_say(doctor, "kernel.clone3", doctor_needed(doctor, clone3), "clone3(2) is %s", word(clone3));
	doctor_lost(doctor, "every box");
	doctor_repair(doctor, BY_A_FILTER);

	if (status == DOCTOR_UNKNOWN)
		doctor_say(doctor, "kernel.clone_into_cgroup", status, "it could not be tried: clone3: %s", g_strerror(code));
	else
		doctor_say(doctor, "kernel.clone_into_cgroup", status, "CLONE_INTO_CGROUP is %s", word(status == DOCTOR_OK));
	doctor_lost(doctor, "limits: a box could not be born in its control group");
	doctor_repair(doctor, BY_A_FILTER);
}

/* --- the others --- */

static void
say_pidfd(struct doctor *doctor)
{
	autofd pidfd = (int)syscall(SYS_pidfd_open, getpid(), 0);
	bool pidfds = there(pidfd) && there(syscall(SYS_pidfd_send_signal, -1, 0, NULL, 0));

	doctor_say(doctor, "kernel.pidfd", doctor_needed(doctor, pidfds), "pidfd_open(2) and pidfd_send_signal(2) are %s",
	           word(pidfds));
	doctor_lost(doctor, "every box");
	doctor_repair(doctor, BY_A_FILTER);
}

static void
say_files(struct doctor *doctor)
{
	struct open_how how = { .flags = O_PATH | O_CLOEXEC, .resolve = RESOLVE_IN_ROOT | RESOLVE_NO_MAGICLINKS };
	autofd root = (int)syscall(SYS_openat2, AT_FDCWD, "/", &how, sizeof how);
	bool openat2 = there(root);
	bool range = there(syscall(SYS_close_range, ~0u, ~0u, 0));

	doctor_say(doctor, "kernel.close_range", doctor_needed(doctor, range), "close_range(2) is %s", word(range));
	doctor_lost(doctor, "every box: handles of the host could not be kept out of it");
	doctor_repair(doctor, BY_A_FILTER);
	doctor_say(doctor, "kernel.openat2", doctor_needed(doctor, openat2), "openat2(2) is %s", word(openat2));
	doctor_lost(doctor, "binds below a root directory that is not trusted");
	doctor_repair(doctor, BY_A_FILTER);
}

static void
say_mounts(struct doctor *doctor)
{
	static const struct {
		const char *name;
		long nr;
	} calls[] = {
		{ "open_tree", SYS_open_tree }, { "move_mount", SYS_move_mount }, { "mount_setattr", SYS_mount_setattr },
		{ "fsopen", SYS_fsopen },       { "fsmount", SYS_fsmount },
	};
	g_autoptr(GString) missing = g_string_new(NULL);

	/* no fd, no path, no attributes: nothing that could come of it */
	for (size_t i = 0; i < G_N_ELEMENTS(calls); i++)
		if (!there(syscall(calls[i].nr, -1L, NULL, -1L, NULL, 0L)))
			g_string_append_printf(missing, "%s%s", missing->len ? ", " : "", calls[i].name);
	if (missing->len == 0)
		doctor_say(doctor, "kernel.mount_api", DOCTOR_OK,
		           "open_tree, move_mount, mount_setattr, fsopen and fsmount are there");
	else
		doctor_say(doctor, "kernel.mount_api", doctor_needed(doctor, false), "missing: %s", missing->str);
	doctor_lost(doctor, "every box: its files are put together with these");
	doctor_repair(doctor, BY_A_FILTER);
}

static void
say_namespaces(struct doctor *doctor)
{
	static const char *const names[] = { "mnt", "pid", "net", "ipc", "uts", "cgroup", "user" };
	g_autoptr(GString) missing = g_string_new(NULL);
	bool proc = access("/proc/self/ns", F_OK) == 0, time_ns = host_has_time_ns();

	for (size_t i = 0; i < G_N_ELEMENTS(names); i++)
		if (!host_has_ns(names[i]))
			g_string_append_printf(missing, "%s%s", missing->len ? ", " : "", names[i]);
	if (!proc)
		doctor_say(doctor, "kernel.namespaces", DOCTOR_UNKNOWN, "/proc/self/ns cannot be seen");
	else
		doctor_say(doctor, "kernel.namespaces", doctor_needed(doctor, missing->len == 0), "%s%s",
		           missing->len ? "missing: " : "mnt, pid, net, ipc, uts, cgroup, user", missing->str);
	doctor_lost(doctor, "boxes, unless share names what is missing");
	doctor_repair(doctor, "%s", proc ? "run a kernel that is built with them" : "mount -t proc proc /proc");

	doctor_say(doctor, "kernel.time_namespaces", proc ? doctor_useful(time_ns) : DOCTOR_UNKNOWN,
	           "time namespaces are %s", word(time_ns));
	doctor_lost(doctor, "clocks of the box's own: time.boottime, time.monotonic");
	doctor_repair(doctor, "run a kernel with CONFIG_TIME_NS");
}

/* Where does init run from? The memfd is what nobody else can open; all that stands in for it is a file. */
static void
say_memfd(struct doctor *doctor)
{
	g_autoptr(GError) failure = NULL;
	autofd image = image_open(IMAGE_INIT, false, &failure);
	g_autofree char *link = g_strdup_printf("/proc/self/fd/%d", image);
	g_autofree char *target = image < 0 ? NULL : g_file_read_link(link, NULL);
	bool memfd = target && g_str_has_prefix(target, "/memfd:");
	int64_t noexec = -1;

	if (target)
		target[strcspn(target, " #")] = '\0';
	if (!doctor_sysctl("/proc/sys/vm/memfd_noexec", &noexec))
		noexec = 0;
	if (image < 0)
		doctor_say(doctor, "kernel.memfd", doctor_needed(doctor, false), "%s", failure->message);
	else if (!target)
		doctor_say(doctor, "kernel.memfd", DOCTOR_UNKNOWN, "what init runs from cannot be seen without /proc");
	else
		doctor_say(doctor, "kernel.memfd", doctor_useful(memfd), "init runs from %s; vm.memfd_noexec is %d",
		           memfd ? "a sealed memfd" : target, (int)noexec);
	doctor_lost(doctor, image < 0 ? "every box" : "the sealed memfd for init: a file stands in for it");
	doctor_repair(doctor, "%s",
	              noexec >= 2 ? "sysctl -w vm.memfd_noexec=1" : "mount -t tmpfs -o nosuid,nodev tmpfs /dev/shm");
}

void
doctor_kernel(struct doctor *doctor)
{
	say_clone(doctor);
	say_pidfd(doctor);
	say_files(doctor);
	say_mounts(doctor);
	say_namespaces(doctor);
	say_memfd(doctor);
}
